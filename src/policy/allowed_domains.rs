//! The domains whose addresses may come in over a connection, whatever its provider vouches for. A name lets in itself and
//! nothing below it, unless all below it is asked for, which only the name that somebody registers can mean: below a part of
//! a company others may have names, and below a public suffix everybody has.

use super::{
    email::{Email, normal_domain},
    own_domain::is_label,
};

/// Most names of a connection.
const MOST: usize = 200;

/// Whose addresses may come in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllowedDomains {
    /// In their comparable form; nothing: everybody's.
    names: Option<Vec<String>>,
    /// Whether names below them count too.
    below: bool,
}

impl AllowedDomains {
    /// Those that an operator has named; none named lets everybody in, and a name that is none lets in nobody.
    #[must_use]
    pub fn new(names: &[String], below: bool) -> Self {
        let names = (!names.is_empty()).then(|| names.iter().filter_map(|name| normal_domain(name.trim())).collect());
        Self { names, below }
    }

    /// Whether anybody at all is kept out by them.
    #[must_use]
    pub fn restrict(&self) -> bool {
        self.names.is_some()
    }

    /// Their names.
    #[must_use]
    pub fn names(&self) -> &[String] {
        self.names.as_deref().unwrap_or_default()
    }

    /// Whether an address of this domain may come in.
    #[must_use]
    pub fn admit(&self, email: &Email) -> bool {
        let Some(names) = &self.names else { return true };
        let domain = email.domain();
        let is_below = |name: &String| {
            let labels = domain.strip_suffix(name.as_str()).and_then(|rest| rest.strip_suffix('.'));
            labels.is_some_and(|labels| labels.split('.').all(is_label))
        };
        names.iter().any(|name| domain == name || (self.below && is_registered(name) && is_below(name)))
    }
}

/// Whether it is a name that somebody registers: not one below such a name, and not a public suffix.
fn is_registered(name: &str) -> bool {
    psl::domain_str(name) == Some(name)
}

/// What is wrong with the names that an operator writes down, each with its fix.
#[must_use]
pub fn problems(names: &[String], below: bool) -> Vec<String> {
    let mut found = Vec::new();
    if names.len() > MOST {
        found.push(format!("allowed_domains holds more than {MOST} names"));
    }
    if below && names.is_empty() {
        found.push("allow_subdomains needs allowed_domains: without them nobody is kept out".to_owned());
    }
    for text in names {
        match normal_domain(text.trim()).filter(|name| name.contains('.') && name.split('.').all(is_label)) {
            None => found.push(format!("allowed_domains holds {text:?}, which is no domain name; write it like acme.example")),
            Some(name) if psl::suffix_str(&name) == Some(name.as_str()) => found.push(format!(
                "allowed_domains holds {name}, a public suffix, under which anybody registers names; write the name that is meant"
            )),
            Some(name) if below && !is_registered(&name) => {
                let root = psl::domain_str(&name).unwrap_or_default();
                found.push(format!(
                    "allow_subdomains goes with names that somebody registers, and {name} is one below {root}: name each subdomain, or {root}"
                ));
            }
            Some(_) => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admitted(names: &[&str], below: bool, email: &str) -> bool {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        Email::parse(email).is_some_and(|email| AllowedDomains::new(&names, below).admit(&email))
    }

    #[test]
    fn a_name_lets_in_itself_and_all_below_it_only_when_asked_to() {
        for (email, alone, with_below) in [
            ("ada@corp.test", true, true),
            ("Ada@CORP.Test", true, true),
            ("ada@eng.corp.test", false, true),
            ("ada@a.b.corp.test", false, true),
            // Threat O8: what looks like the name.
            ("ada@evil.test", false, false),
            ("a@evil.test@corp.test", false, false),
            ("\"a@corp.test\"@evil.test", false, false),
            ("a@corp.test.evil.test", false, false),
            ("a@evilcorp.test", false, false),
            ("a@corp.test.", false, false),
            ("a@.corp.test", false, false),
            ("a@corp.test\r\nBcc: x@evil.test", false, false),
            ("a@corp.test\0.evil.test", false, false),
            ("a@cor\u{440}.test", false, false),
            ("a@corp%2etest", false, false),
            ("corp.test", false, false),
        ] {
            assert_eq!(admitted(&["corp.test"], false, email), alone, "{email:?}");
            assert_eq!(admitted(&["Corp.Test"], true, email), with_below, "{email:?} with what is below");
            assert_eq!(admitted(&[], false, email), Email::parse(email).is_some(), "{email:?} where nobody is kept out");
        }
        assert!(admitted(&["b\u{fc}cher.example"], false, "a@xn--bcher-kva.example"));
        assert!(!admitted(&["no name"], false, "a@corp.test"), "what is no name lets in nobody");
    }

    #[test]
    fn all_below_is_for_names_that_somebody_registers() {
        let problems = |names: &[&str], below| {
            let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
            super::problems(&names, below)
        };
        for (names, below) in
            [(&["corp.test"][..], true), (&["acme.co.uk", "acme.com"], true), (&["eng.corp.test"], false), (&[], false)]
        {
            assert_eq!(problems(names, below), Vec::<String>::new(), "{names:?} {below}");
        }
        for (names, below, says) in [
            (&["eng.corp.test"][..], true, "one below corp.test"),
            (&["corp.test", "a.acme.co.uk"], true, "one below acme.co.uk"),
            (&["co.uk"], false, "public suffix"),
            (&["co.uk"], true, "public suffix"),
            (&["github.io"], true, "public suffix"),
            (&["corp"], false, "no domain name"),
            (&["@corp.test"], false, "no domain name"),
            (&["*.corp.test"], false, "no domain name"),
            (&["127.0.0.1"], false, "no domain name"),
            (&[], true, "needs allowed_domains"),
        ] {
            let found = problems(names, below);
            assert!(found.len() == 1 && found[0].contains(says), "{names:?} {below}: {found:?}");
        }
        // Settings that were stored in another way let nobody in below a suffix either.
        assert!(!admitted(&["co.uk"], true, "a@evil.co.uk") && !admitted(&["eng.corp.test"], true, "a@x.eng.corp.test"));
    }
}
