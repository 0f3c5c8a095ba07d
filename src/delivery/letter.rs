//! What mails say, as plain text and as HTML. Names in them were typed by somebody, or came from a provider: they are
//! shortened and cleaned so that none breaks a line, turns the text around, or becomes a link.

use askama::Template;
use serde::{Deserialize, Serialize};

use crate::moment::Moment;

/// An invite on its way; it is kept sealed, since the link in it opens the tenant once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invitation {
    /// Who is invited.
    pub email: String,
    /// Their name; may be empty.
    pub name: String,
    /// Who invites.
    pub by: String,
    /// The tenant's display name.
    pub tenant: String,
    /// The link.
    pub link: String,
    /// The digest of the link's secret, by which the invite is known.
    pub token_hash: String,
    /// When it ends (unix seconds).
    pub expires_at: i64,
}

/// A mail that can be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// The address.
    pub to: String,
    /// Its one line.
    pub subject: String,
    /// For those who read text.
    pub text: String,
    /// For the others.
    pub html: String,
}

#[derive(Template)]
#[template(path = "mail/invite.txt")]
struct Text<'a> {
    name: &'a str,
    by: &'a str,
    tenant: &'a str,
    email: &'a str,
    until: Moment,
    link: &'a str,
}

#[derive(Template)]
#[template(path = "mail/invite.html")]
struct Html<'a> {
    subject: &'a str,
    name: &'a str,
    by: &'a str,
    tenant: &'a str,
    email: &'a str,
    until: Moment,
    link: &'a str,
}

impl Invitation {
    /// The mail.
    ///
    /// # Errors
    /// When a template cannot be filled.
    pub fn letter(&self) -> askama::Result<Letter> {
        let [name, by, tenant] = [&self.name, &self.by, &self.tenant].map(|text| tame(text));
        let (email, link, until) = (self.email.as_str(), self.link.as_str(), Moment(self.expires_at));
        let subject = format!("Your invite to {tenant}");
        let text = Text { name: &name, by: &by, tenant: &tenant, email, until, link }.render()?;
        let html = Html { subject: &subject, name: &name, by: &by, tenant: &tenant, email, until, link }.render()?;
        Ok(Letter { to: self.email.clone(), subject, text, html })
    }
}

/// Longest name in a mail, in characters.
const LONGEST: usize = 80;

/// A text of somebody else's on one line. Mail programs make links of what looks like one, and a link in our mail is
/// believed: what could begin one is taken apart.
fn tame(text: &str) -> String {
    let visible = text.chars().map(|c| if c.is_control() || c == '\u{2028}' || c == '\u{2029}' { ' ' } else { c });
    let straight: String = visible.filter(|c| !turns(*c)).collect();
    let words = straight.split_whitespace().map(|word| match is_linkish(word) {
        true => word.replace("//", " ").replace(['.', ':', '\u{3002}', '\u{ff0e}', '\u{ff61}'], " "),
        false => word.to_owned(),
    });
    let line = words.collect::<Vec<_>>().join(" ");
    line.chars().take(LONGEST).collect::<String>().trim().to_owned()
}

/// Characters that are not seen and change how others are.
fn turns(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{061c}')
}

fn is_linkish(word: &str) -> bool {
    let word = word.to_lowercase();
    word.contains("//") || word.starts_with("www.") || (word.contains('/') && word.contains('.')) || is_domain(&word)
}

/// Whether a word is a bare domain: a dot between letters, and an end that names are registered under.
fn is_domain(word: &str) -> bool {
    let word = word.replace(['\u{3002}', '\u{ff0e}', '\u{ff61}'], ".");
    let name = word.trim_matches(|c: char| !c.is_alphanumeric());
    let is_address = name.contains('@');
    !is_address && name.contains('.') && psl::suffix(name.as_bytes()).is_some_and(|suffix| suffix.is_known())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn invitation(name: &str, by: &str, tenant: &str) -> Invitation {
        Invitation {
            email: "grace@acme.example".into(),
            name: name.into(),
            by: by.into(),
            tenant: tenant.into(),
            link: "https://sso.example/login/invite/SECRET".into(),
            token_hash: "h".into(),
            expires_at: 1_763_808_900,
        }
    }

    #[test]
    fn both_parts_say_who_what_and_until_when() {
        let letter = invitation("Grace Hopper", "Ada Lovelace (ada@acme.example)", "Acme & Sons").letter().unwrap();
        assert_eq!(letter.subject, "Your invite to Acme & Sons");
        for part in [&letter.text, &letter.html] {
            for words in
                ["Grace Hopper", "Ada Lovelace (ada@acme.example)", "22 November 2025, 10:55 UTC", "/login/invite/SECRET"]
            {
                assert!(part.contains(words), "{words}: {part}");
            }
        }
        assert!(letter.text.contains("Acme & Sons") && letter.html.contains("Acme &#38; Sons"), "{}", letter.html);
        assert!(letter.text.lines().all(|line| line.len() <= 78), "{}", letter.text);
    }

    #[test]
    fn names_stay_names() {
        let hostile =
            "Eve\r\nBcc: all@acme.example\r\n\r\n<script>alert(1)</script> https://evil.example/x www.evil.example \u{202e}gro";
        let letter = invitation(hostile, hostile, hostile).letter().unwrap();
        assert!(!letter.subject.contains(['\r', '\n']), "{:?}", letter.subject);
        for part in [&letter.subject, &letter.text, &letter.html] {
            assert!(!part.contains("evil.example") && !part.contains('\u{202e}'), "{part}");
            assert!(!part.lines().any(|line| line.starts_with("Bcc:")), "{part}");
        }
        assert!(!letter.html.contains("<script"), "{}", letter.html);
        assert_eq!(tame(&"x".repeat(500)).len(), LONGEST);
        // Mail programs make links of bare domains too.
        for (name, tamed) in [
            ("Go to evil.com, now", "Go to evil com, now"),
            ("(EVIL.co.uk)", "(EVIL co uk)"),
            ("login-acme.evil.app!", "login-acme evil app!"),
            ("xn--bse-sna.com", "xn--bse-sna com"),
            ("J.R.R. Tolkien, Ph.D. and Node.js", "J.R.R. Tolkien, Ph.D. and Node.js"),
            ("ada@acme.com", "ada@acme.com"),
        ] {
            assert_eq!(tame(name), tamed);
        }
        assert_eq!(tame("Dr. Ada Lovelace, B.A. <ada@acme.example>"), "Dr. Ada Lovelace, B.A. <ada@acme.example>");
    }
}
