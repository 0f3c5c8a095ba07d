//! E-mail addresses: one reading for every rule that compares them.

/// An address in its one comparable form: lower case, ASCII, the domain in its IDNA form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Email(String);

impl Email {
    /// Reads a plain `local@domain`. Quoted local parts, several `@`, control characters, non-ASCII local parts,
    /// trailing dots and address literals are refused rather than guessed at: each has let one address pass for
    /// another (oauth2-proxy CVE-2026-40574).
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim_matches(' ');
        let (local, domain) = text.split_once('@')?;
        let atom = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.".contains(&b);
        let dots = local.starts_with('.') || local.ends_with('.') || local.contains("..");
        if local.is_empty() || local.len() > 64 || !local.bytes().all(atom) || dots {
            return None;
        }
        Some(Self(format!("{}@{}", local.to_ascii_lowercase(), normal_domain(domain)?)))
    }

    /// The comparable form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The address without what most mailboxes take for a note to themselves: `ada+x@acme.example` is `ada@acme.example`.
    #[must_use]
    pub fn without_tag(&self) -> String {
        let (local, domain) = self.0.split_once('@').unwrap_or((&self.0, ""));
        let bare = local.split('+').next().filter(|bare| !bare.is_empty()).unwrap_or(local);
        format!("{bare}@{domain}")
    }

    /// The part after the `@`.
    #[must_use]
    pub fn domain(&self) -> &str {
        self.0.split_once('@').map_or("", |(_, domain)| domain)
    }
}

/// A domain name in its comparable form: lower case, IDNA, no trailing dot, at least two labels or `localhost`.
#[must_use]
pub fn normal_domain(text: &str) -> Option<String> {
    if text.is_empty() || text.len() > 253 || text.contains(['@', '[', ']', '%', '/', '\\', ':', '?', '#', ' ']) {
        return None;
    }
    match url::Host::parse(text) {
        Ok(url::Host::Domain(name)) if !name.ends_with('.') && (name.contains('.') || name == "localhost") => Some(name),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_no_other_mailbox() {
        for (text, bare) in [
            ("Ada+x+y@acme.example", "ada@acme.example"),
            ("ada@acme.example", "ada@acme.example"),
            ("+x@a.example", "+x@a.example"),
        ] {
            assert_eq!(Email::parse(text).unwrap().without_tag(), bare, "{text}");
        }
    }

    #[test]
    fn one_form_for_one_address() {
        for (text, form) in [
            ("Ada@Acme.Example", "ada@acme.example"),
            (" ada+x@acme.example ", "ada+x@acme.example"),
            ("a@bücher.example", "a@xn--bcher-kva.example"),
        ] {
            assert_eq!(Email::parse(text).as_ref().map(Email::as_str), Some(form), "{text}");
        }
    }

    #[test]
    fn what_could_pass_for_another_is_refused() {
        for text in [
            "",
            "a",
            "@b.example",
            "a@",
            "a@evil.test@corp.test",
            "\"a@corp.test\"@evil.test",
            "a@corp.test.",
            "a@corp.test\r\nBcc: x",
            "a\0@corp.test",
            "a@corp.test\0",
            "a b@corp.test",
            ".a@corp.test",
            "a..b@corp.test",
            "а@corp.test",
            "a@[127.0.0.1]",
            "a@127.0.0.1",
            "a@corp",
            "a@corp.test/x",
            "a@corp.test?x",
            "a@corp%2etest",
        ] {
            assert_eq!(Email::parse(text), None, "{text:?}");
        }
        assert_ne!(Email::parse("a@corp.test.evil.test").as_ref().map(Email::domain), Some("corp.test"));
    }
}
