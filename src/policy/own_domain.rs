//! Which domains an organisation may have at all: those that somebody registers, and nobody's mailbox provider.

use super::email::normal_domain;

/// What the name of a challenge's record begins with.
pub const LABEL: &str = "_gatehouse-challenge";
/// What its value begins with.
pub const VALUE: &str = "gatehouse-domain-verification=";

/// Mailbox providers whose addresses are people's own. Nobody could publish a record there either; this says so at once, also
/// to whoever may accept a domain without proof.
const MAILBOXES: [&str; 72] = [
    "126.com",
    "139.com",
    "163.com",
    "aim.com",
    "aol.com",
    "bluewin.ch",
    "bol.com.br",
    "btinternet.com",
    "comcast.net",
    "cox.net",
    "daum.net",
    "duck.com",
    "email.com",
    "fastmail.com",
    "fastmail.fm",
    "foxmail.com",
    "free.fr",
    "freenet.de",
    "gmail.com",
    "gmx.at",
    "gmx.ch",
    "gmx.com",
    "gmx.de",
    "gmx.net",
    "googlemail.com",
    "hanmail.net",
    "hey.com",
    "hotmail.co.uk",
    "hotmail.com",
    "hotmail.de",
    "hotmail.fr",
    "hushmail.com",
    "icloud.com",
    "inbox.lv",
    "inbox.ru",
    "laposte.net",
    "libero.it",
    "live.com",
    "mac.com",
    "mail.com",
    "mail.ru",
    "mailbox.org",
    "me.com",
    "msn.com",
    "naver.com",
    "orange.fr",
    "outlook.com",
    "outlook.de",
    "outlook.fr",
    "pm.me",
    "posteo.de",
    "privaterelay.appleid.com",
    "proton.me",
    "protonmail.com",
    "qq.com",
    "rediffmail.com",
    "rocketmail.com",
    "seznam.cz",
    "sina.com",
    "t-online.de",
    "tuta.com",
    "tutanota.com",
    "verizon.net",
    "wanadoo.fr",
    "web.de",
    "yahoo.co.jp",
    "yahoo.co.uk",
    "yahoo.com",
    "yahoo.de",
    "yandex.com",
    "yandex.ru",
    "zoho.com",
];

/// The domain in its comparable form.
///
/// # Errors
/// Why it can be nobody's, in words.
pub fn judge(text: &str) -> Result<String, String> {
    let domain = normal_domain(text.trim()).filter(|domain| domain.contains('.') && domain.split('.').all(is_label));
    let Some(domain) = domain else {
        return Err(format!("{:?} is no domain name; write it like acme.example", text.trim()));
    };
    if MAILBOXES.contains(&domain.as_str()) {
        return Err(format!("{domain} is a mailbox provider's: its addresses belong to people, not to an organisation"));
    }
    if psl::suffix_str(&domain) == Some(domain.as_str()) {
        return Err(format!("{domain} is a public suffix, under which anybody registers names; add the name that is yours"));
    }
    // With the challenge's own label before it there must still be a name.
    match domain.len() + LABEL.len() < 253 {
        true => Ok(domain),
        false => Err(format!("{domain} is too long a name for a record below it")),
    }
}

/// Whether it can stand between the dots of a name that somebody has.
pub(super) fn is_label(label: &str) -> bool {
    (1..=63).contains(&label.len()) && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

/// The name of the record that proves it.
#[must_use]
pub fn record(domain: &str) -> String {
    format!("{LABEL}.{domain}")
}

/// What the record must say.
#[must_use]
pub fn value(challenge: &str) -> String {
    format!("{VALUE}{challenge}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_is_somebodys_or_nobodys() {
        for (text, domain) in [
            (" Acme.Example ", "acme.example"),
            ("bücher.example", "xn--bcher-kva.example"),
            ("acme.co.uk", "acme.co.uk"),
            ("acme.github.io", "acme.github.io"),
            ("a.b.acme.com", "a.b.acme.com"),
        ] {
            assert_eq!(judge(text).as_deref(), Ok(domain), "{text}");
        }
        for text in [
            "",
            "acme",
            "localhost",
            "co.uk",
            "com",
            "github.io",
            "gmail.com",
            "GMail.com",
            "example..com",
            "127.0.0.1",
            "[::1]",
            "acme.example.",
            "*.acme.example",
            "acme.example/",
            "a b.example",
            "user@acme.example",
        ] {
            assert!(judge(text).is_err(), "{text}");
        }
        assert_eq!(record("acme.example"), "_gatehouse-challenge.acme.example");
        assert!(MAILBOXES.is_sorted());
    }
}
