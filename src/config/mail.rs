//! Where mails are handed over, and who they are from. The URL holds a password as a rule, so no problem repeats it.

use std::path::PathBuf;

use secrecy::SecretString;
use url::Url;

use super::raw::{Raw, Source};
use crate::{
    delivery::mail::{self, Kept},
    oauth::redirect_uri::is_loopback,
};

/// How mails leave.
#[derive(Clone, Debug)]
pub struct MailSettings {
    /// Who takes them.
    pub relay: Relay,
    /// Who they are from.
    pub from: String,
}

/// Who takes mails.
#[derive(Clone, Debug)]
pub enum Relay {
    /// An SMTP server.
    Smtp {
        /// Its name, which its certificate must have.
        host: String,
        /// Its port.
        port: u16,
        /// How the way to it is secured.
        security: Security,
        /// User name and password.
        login: Option<(String, SecretString)>,
        /// A certificate authority of one's own, as a PEM file.
        ca: Option<PathBuf>,
    },
    /// Nobody: the demo shows them.
    Kept(Kept),
}

/// How the way to a relay is secured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// TLS from the first byte.
    Implicit,
    /// TLS by `STARTTLS`; a relay that does not offer it gets nothing.
    StartTls,
    /// None: for a relay on this machine.
    None,
}

impl Source<'_> {
    /// Both settings or neither.
    pub(super) fn mail(&mut self, url: &'static str, url_file: &'static str, from: &'static str) -> Option<MailSettings> {
        match (self.secret(url, url_file), self.raw(from)) {
            (Some(raw), Some(sender)) => {
                if let Err(why) = mail::sender(&sender.text) {
                    self.problem(from, &sender, why);
                }
                let relay = read(&raw);
                if let Err(why) = &relay {
                    self.problem(url, &raw, why.clone());
                }
                Some(MailSettings { relay: relay.ok()?, from: sender.text })
            }
            (Some(_), None) => {
                self.about(from, "is missing: smtp_url needs the address that mails are from, like Acme <sso@example.com>");
                None
            }
            (None, Some(_)) => {
                self.about(url, "is missing: mail_from needs a relay, like smtp://USER:PASSWORD@mail.example.com");
                None
            }
            (None, None) => None,
        }
    }
}

fn read(raw: &Raw) -> Result<Relay, String> {
    const FORM: &str = "must be smtp://USER:PASSWORD@HOST[:PORT] or smtps://…, with special characters percent-encoded";
    let url = Url::parse(&raw.text).map_err(|_| FORM.to_owned())?;
    let host = url.host_str().filter(|h| !h.is_empty()).ok_or(FORM)?.to_owned();
    if !matches!(url.path(), "" | "/") || url.fragment().is_some() {
        return Err(FORM.to_owned());
    }
    let (mut security, port) = match url.scheme() {
        "smtp" => (Security::StartTls, 587),
        "smtps" => (Security::Implicit, 465),
        _ => return Err(FORM.to_owned()),
    };
    let mut ca = None;
    for (name, value) in url.query_pairs() {
        match (name.as_ref(), value.as_ref()) {
            ("tls", "none") if security == Security::StartTls => security = Security::None,
            ("tls", "starttls") if security == Security::StartTls => {}
            ("ca", path) if !path.is_empty() => ca = Some(PathBuf::from(path)),
            _ => return Err("knows ?tls=none, for smtp:// alone, and ?ca=FILE.pem".to_owned()),
        }
    }
    let login = match (decoded(url.username())?, url.password()) {
        (name, Some(password)) if !name.is_empty() => Some((name, SecretString::from(decoded(password)?))),
        (name, None) if name.is_empty() => None,
        _ => return Err("must have both user name and password, or neither".to_owned()),
    };
    if security == Security::None && login.is_some() && !is_here(&host) {
        return Err("would send the password in the clear: leave ?tls=none out, or send without a password".to_owned());
    }
    let relay = Relay::Smtp { host, port: url.port().unwrap_or(port), security, login, ca };
    mail::relay(&relay, "localhost").map_err(|e| e.to_string())?;
    Ok(relay)
}

fn decoded(text: &str) -> Result<String, String> {
    // Form decoding but for the plus, which stands for itself in a URL's user name and password.
    let form = format!("x={}", text.replace('+', "%2B").replace('&', "%26"));
    let decoded = url::form_urlencoded::parse(form.as_bytes()).next().map(|(_, value)| value.into_owned());
    decoded.filter(|text| !text.contains('\u{fffd}')).ok_or_else(|| "has a user name or password that is not UTF-8".to_owned())
}

fn is_here(host: &str) -> bool {
    Url::parse(&format!("http://{host}")).is_ok_and(|url| is_loopback(&url))
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    fn of(text: &str) -> Result<Relay, String> {
        read(&Raw { text: text.to_owned(), place: String::new() })
    }

    #[test]
    fn a_relay_is_spoken_to_in_secret_unless_it_is_here() {
        for (text, expected) in [
            ("smtp://mail.example.com", ("mail.example.com", 587, Security::StartTls, None)),
            ("smtps://u:p@mail.example.com", ("mail.example.com", 465, Security::Implicit, Some(("u", "p")))),
            (
                "smtp://a%40b.example:p%3A%2F+%26@mail.example.com:2525",
                ("mail.example.com", 2525, Security::StartTls, Some(("a@b.example", "p:/+&"))),
            ),
            ("smtp://127.0.0.1:25?tls=none", ("127.0.0.1", 25, Security::None, None)),
            ("smtp://u:p@localhost:25?tls=none", ("localhost", 25, Security::None, Some(("u", "p")))),
        ] {
            let Ok(Relay::Smtp { host, port, security, login, .. }) = of(text) else { panic!("{text}: {:?}", of(text)) };
            let login = login.as_ref().map(|(name, password)| (name.as_str(), password.expose_secret()));
            assert_eq!((host.as_str(), port, security, login), expected, "{text}");
        }
        for text in [
            "mail.example.com",
            "http://mail.example.com",
            "smtp://",
            "smtp://user@mail.example.com",
            "smtp://:password@mail.example.com",
            "smtp://mail.example.com/path",
            "smtps://mail.example.com?tls=none",
            "smtp://mail.example.com?tsl=none",
            "smtp://user:hush-hush@mail.example.com?tls=none",
            "smtp://mail.example.com?ca=/nowhere/ca.pem",
        ] {
            let why = of(text).expect_err(text);
            assert!(!why.contains("hush"), "{why}");
        }
    }
}
