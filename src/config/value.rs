//! Single values: each reader gives a usable value and notes a problem when what stands there is not one.

use std::{net::SocketAddr, num::NonZeroU32, path::PathBuf};

use ipnet::IpNet;
use secrecy::SecretString;
use url::Url;

use super::{
    TlsFiles,
    raw::{Raw, Source},
};
use crate::{
    moment::seconds,
    oauth::{client::SigningAlg, redirect_uri::is_loopback},
    outbound::Allow,
    seal::Sealer,
    suggest,
    tls::{Certificate, Part},
    token::material::import_jwks,
};

/// Longer lifetimes than ten years are typing errors.
const LONGEST: i64 = 10 * 366 * 86_400;

impl Source<'_> {
    /// `https://host[:port]`, or http on this machine; nothing may follow.
    #[expect(clippy::expect_used, reason = "the default is a constant that parses")]
    pub(super) fn base_url(&mut self, name: &'static str, default: &'static str) -> Url {
        let fallback = || Url::parse(default).expect("a URL");
        let Some(raw) = self.raw(name) else { return fallback() };
        match web_url(&raw.text) {
            Ok(url) if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() => {
                self.problem(
                    name,
                    &raw,
                    format!("must end after the host and port, like {}", url.origin().ascii_serialization()),
                );
                fallback()
            }
            Ok(url) => url,
            Err(why) => {
                self.problem(name, &raw, format!("{:?} {why}", raw.text));
                fallback()
            }
        }
    }

    /// A URL with a path, or nothing.
    pub(super) fn url(&mut self, name: &'static str) -> Option<(String, Url)> {
        let raw = self.raw(name)?;
        match web_url(&raw.text) {
            Ok(url) if url.fragment().is_some() => {
                self.problem(name, &raw, "must not have a fragment (#…)");
                None
            }
            Ok(url) => Some((raw.text, url)),
            Err(why) => {
                self.problem(name, &raw, format!("{:?} {why}", raw.text));
                None
            }
        }
    }

    pub(super) fn listen(&mut self, name: &'static str, default: SocketAddr) -> SocketAddr {
        let Some(raw) = self.raw(name) else { return default };
        raw.text.parse().unwrap_or_else(|_| {
            let text =
                format!("{:?} is not an address with a port; write it like 127.0.0.1:8080, 0.0.0.0:8080 or [::]:8080", raw.text);
            self.problem(name, &raw, text);
            default
        })
    }

    /// An address, with port 53 unless it has another.
    pub(super) fn server(&mut self, name: &'static str) -> Option<SocketAddr> {
        let raw = self.raw(name)?;
        let whole = raw.text.parse().ok().or_else(|| Some(SocketAddr::new(raw.text.parse().ok()?, 53)));
        if whole.is_none() {
            let text =
                format!("{:?} is not an address; write it like 192.0.2.53, 192.0.2.53:5353 or [2001:db8::53]:53", raw.text);
            self.problem(name, &raw, text);
        }
        whole
    }

    /// The value may hold a password, so it is not repeated.
    pub(super) fn database_url(&mut self, name: &'static str, default: &'static str) -> String {
        let Some(raw) = self.raw(name) else { return default.into() };
        let known = ["sqlite:", "postgres://", "postgresql://"].iter().any(|p| raw.text.starts_with(p));
        if !known || (raw.text.starts_with("postgres") && Url::parse(&raw.text).is_err()) {
            self.problem(
                name,
                &raw,
                "must be sqlite://PATH or postgres://USER:PASSWORD@HOST/DATABASE, with special characters percent-encoded",
            );
        }
        raw.text
    }

    pub(super) fn path(&mut self, name: &'static str) -> Option<PathBuf> {
        self.raw(name).map(|r| r.text.into())
    }

    pub(super) fn text(&mut self, name: &'static str) -> Option<String> {
        self.raw(name).map(|r| r.text)
    }

    /// Words between commas or white space.
    pub(super) fn list(&mut self, name: &'static str) -> Vec<String> {
        self.raw(name).map(|r| words(&r)).unwrap_or_default()
    }

    /// Every entry that is none is named, not the first.
    pub(super) fn allow(&mut self, name: &'static str) -> Allow {
        let Some(raw) = self.raw(name) else { return Allow::default() };
        for entry in words(&raw) {
            if let Err(e) = entry.parse::<Allow>() {
                self.problem(name, &raw, e.to_string());
            }
        }
        raw.text.parse().unwrap_or_default()
    }

    pub(super) fn networks(&mut self, name: &'static str) -> Vec<IpNet> {
        let Some(raw) = self.raw(name) else { return Vec::new() };
        let mut nets = Vec::new();
        for word in words(&raw) {
            match network(&word) {
                Some(net) => nets.push(net),
                None => self.problem(name, &raw, format!("{word:?} is not an address or a network like 10.0.0.0/8")),
            }
        }
        nets
    }

    /// Seconds, or a number with s, m, h or d.
    /// A number of days; none is allowed.
    pub(super) fn days(&mut self, name: &'static str, default: i64) -> i64 {
        let Some(raw) = self.raw(name) else { return default };
        let days = raw.text.trim().parse().ok().filter(|days| (0..=365).contains(days));
        days.unwrap_or_else(|| {
            self.problem(name, &raw, format!("{:?} must be a whole number of days from 0 to 365", raw.text));
            default
        })
    }

    pub(super) fn duration(&mut self, name: &'static str, default: i64) -> i64 {
        let Some(raw) = self.raw(name) else { return default };
        match seconds(&raw.text) {
            Some(1..=LONGEST) => {}
            Some(_) => self.problem(name, &raw, format!("{:?} must be at least one second and at most ten years", raw.text)),
            None => {
                let text = format!(
                    "{:?} is not a duration; write seconds, or a number with s, m, h or d, like 15m, 24h or 7d",
                    raw.text
                );
                self.problem(name, &raw, text);
            }
        }
        seconds(&raw.text).unwrap_or(default)
    }

    /// A duration that may be nothing, and not more than ten minutes: more would accept tokens long dead.
    pub(super) fn skew(&mut self, name: &'static str, default: i64) -> i64 {
        let Some(raw) = self.raw(name) else { return default };
        seconds(&raw.text).filter(|s| (0..=600).contains(s)).unwrap_or_else(|| {
            self.problem(name, &raw, format!("{:?} must be a duration of at most 10m", raw.text));
            default
        })
    }

    /// A whole number from one on.
    pub(super) fn count(&mut self, name: &'static str, default: NonZeroU32) -> NonZeroU32 {
        let Some(raw) = self.raw(name) else { return default };
        raw.text.trim().parse().unwrap_or_else(|_| {
            self.problem(name, &raw, format!("{:?} must be a whole number from 1 to {}", raw.text, u32::MAX));
            default
        })
    }

    /// A signing algorithm. When none is set it is the first of `preferred` that the imported keys sign with, so that
    /// whoever gives keys has them used; without imported keys it is the first.
    pub(super) fn algorithm(&mut self, name: &'static str, preferred: [SigningAlg; 3], imported: &[SigningAlg]) -> SigningAlg {
        let default = preferred.into_iter().find(|alg| imported.contains(alg)).unwrap_or(preferred[0]);
        self.choice(name, default, &SigningAlg::ALL.map(|a| (a.as_str(), a)))
    }

    /// One of a few words.
    pub(super) fn choice<T: Copy>(&mut self, name: &'static str, default: T, choices: &[(&'static str, T)]) -> T {
        let Some(raw) = self.raw(name) else { return default };
        if let Some((_, value)) = choices.iter().find(|(word, _)| *word == raw.text) {
            return *value;
        }
        let known: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
        let hint = suggest::hint(&raw.text, known.iter().copied());
        self.problem(name, &raw, format!("{:?} must be one of {}{hint}", raw.text, known.join(", ")));
        default
    }

    pub(super) fn master_key(&mut self, name: &'static str, file_name: &'static str) -> Option<SecretString> {
        let raw = self.secret(name, file_name)?;
        if let Err(e) = Sealer::from_base64(&raw.text) {
            self.problem(name, &raw, e.to_string());
        }
        Some(raw.text.into())
    }

    /// A private JWKS, and what its keys sign with; what is wrong is said without repeating any of it.
    pub(super) fn jwks(&mut self, name: &'static str, file_name: &'static str) -> (Option<SecretString>, Vec<SigningAlg>) {
        let Some(raw) = self.secret(name, file_name) else { return (None, Vec::new()) };
        let keys = import_jwks(&raw.text).unwrap_or_else(|e| {
            self.problem(name, &raw, e.to_string());
            Vec::new()
        });
        (Some(raw.text.into()), keys.iter().map(|key| key.alg).collect())
    }

    /// Both files or neither; together they can be served with.
    pub(super) fn tls(&mut self, cert: &'static str, key: &'static str) -> Option<TlsFiles> {
        match (self.raw(cert), self.raw(key)) {
            (Some(raw_cert), Some(raw_key)) => {
                let files = TlsFiles { cert: raw_cert.text.clone().into(), key: raw_key.text.clone().into() };
                match Certificate::read(&files.cert, &files.key) {
                    Ok(_) => {}
                    Err(e) if e.part == Part::Key => self.problem(key, &raw_key, e.text),
                    Err(e) => self.problem(cert, &raw_cert, e.text),
                }
                Some(files)
            }
            (Some(raw), None) => {
                self.readable(cert, &raw);
                self.about(key, "is missing: tls_cert needs its private key");
                None
            }
            (None, Some(raw)) => {
                self.readable(key, &raw);
                self.about(cert, "is missing: tls_key needs its certificate");
                None
            }
            (None, None) => None,
        }
    }

    fn readable(&mut self, name: &'static str, raw: &Raw) {
        if let Err(e) = std::fs::File::open(&raw.text) {
            self.problem(name, raw, format!("{} cannot be read: {e}", raw.text));
        }
    }
}

fn words(raw: &Raw) -> Vec<String> {
    raw.text.split([',', ' ', '\t', '\n']).filter(|w| !w.is_empty()).map(str::to_owned).collect()
}

fn network(word: &str) -> Option<IpNet> {
    word.parse().ok().or_else(|| word.parse().ok().map(|ip: std::net::IpAddr| ip.into()))
}

/// An absolute https URL, or http on a loopback host, without user name and password.
pub(super) fn web_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|e| format!("is not a URL ({e}); write it like https://sso.example.com"))?;
    match url.scheme() {
        _ if !url.username().is_empty() || url.password().is_some() => Err("must not have a user name or password".into()),
        "https" => Ok(url),
        "http" if is_loopback(&url) => Ok(url),
        "http" => Err("must begin with https:// (http is for localhost and loopback addresses only)".into()),
        _ => Err("must begin with https://".into()),
    }
}
