//! Redirect URIs: compared byte for byte with the registered ones (RFC 9700 §4.1.3); only a loopback address of a
//! native client may vary its port (RFC 8252 §7.3).

use serde::{Deserialize, Serialize};
use url::{Host, Url};

/// A redirect URI that a client has registered, or the one of its own that a request named. Only [`RedirectUri::register`]
/// and [`RedirectUri::choose`] make one, so a redirect to an unregistered address does not type-check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RedirectUri(String);

/// Why a URI cannot be registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadRedirectUri {
    /// Not a URL.
    #[error("is not an absolute URL")]
    NotAbsolute,
    /// RFC 6749 §3.1.2.
    #[error("must not have a fragment")]
    Fragment,
    /// `user@` before the host misleads people and parsers.
    #[error("must not have a user name or password")]
    UserInfo,
    /// Sent in the clear.
    #[error("must be https (http is allowed for localhost, 127.0.0.1 and [::1])")]
    NotHttps,
    /// `javascript:` and its kind run code.
    #[error("must use https, http on a loopback address, or a private scheme with a dot such as com.example.app:")]
    Scheme,
    /// Control characters or spaces.
    #[error("must be written without spaces and control characters")]
    Characters,
}

impl RedirectUri {
    /// Checks a URI that an operator wants to register.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn register(text: &str) -> Result<Self, BadRedirectUri> {
        if text.bytes().any(|b| b <= 0x20 || b == 0x7f || b == b'\\') {
            return Err(BadRedirectUri::Characters);
        }
        let url = Url::parse(text).map_err(|_| BadRedirectUri::NotAbsolute)?;
        if url.fragment().is_some() {
            return Err(BadRedirectUri::Fragment);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(BadRedirectUri::UserInfo);
        }
        match url.scheme() {
            "https" => Ok(()),
            "http" if is_loopback(&url) => Ok(()),
            "http" => Err(BadRedirectUri::NotHttps),
            scheme if scheme.contains('.') => Ok(()),
            _ => Err(BadRedirectUri::Scheme),
        }?;
        Ok(Self(text.to_owned()))
    }

    /// The address a request named, when it is one of `registered`.
    #[must_use]
    pub fn choose(registered: &[Self], named: &str) -> Option<Self> {
        let same = |r: &&Self| r.0 == named || differs_in_loopback_port_only(&r.0, named);
        registered.iter().find(same).map(|_| Self(named.to_owned()))
    }

    /// The URI as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The URI with `pairs` added to its query, which is kept (RFC 6749 §3.1.2).
    #[must_use]
    pub fn with(&self, pairs: &[(&str, &str)]) -> String {
        let mut out = self.0.clone();
        let mut joint = if out.contains('?') { '&' } else { '?' };
        for (name, value) in pairs {
            out.push(joint);
            joint = '&';
            out.push_str(&url::form_urlencoded::Serializer::new(String::new()).append_pair(name, value).finish());
        }
        out
    }

    /// Host and port, for people to read; `None` for an app's own scheme without a host.
    #[must_use]
    pub fn host(&self) -> Option<String> {
        let url = Url::parse(&self.0).ok()?;
        let host = url.host_str()?.to_owned();
        Some(url.port().map_or(host.clone(), |port| format!("{host}:{port}")))
    }

    /// `scheme://host:port`, as a browser's `Origin` header spells it.
    #[must_use]
    pub fn origin(&self) -> Option<String> {
        Url::parse(&self.0).ok().map(|u| u.origin().ascii_serialization()).filter(|o| o != "null")
    }
}

/// Whether the URL's host is this machine: `localhost`, `127.0.0.0/8` or `[::1]`.
#[must_use]
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

/// Literal addresses only: `localhost` may be made to resolve elsewhere (RFC 8252 §8.3). The text before and after the
/// port must be equal byte for byte, so nothing can hide in a spelling that a parser would tidy.
fn differs_in_loopback_port_only(registered: &str, named: &str) -> bool {
    ["http://127.0.0.1", "http://[::1]"].iter().any(|host| match (registered.strip_prefix(host), named.strip_prefix(host)) {
        (Some(a), Some(b)) => match (after_port(a), after_port(b)) {
            (Some(a), Some(b)) => a == b,
            _ => false,
        },
        _ => false,
    })
}

/// What follows an optional `:digits`; `None` when neither a port, a path, nor the end follows the host.
fn after_port(rest: &str) -> Option<&str> {
    let rest = match rest.strip_prefix(':') {
        Some(port) => {
            let end = port.find(|c: char| !c.is_ascii_digit()).unwrap_or(port.len());
            port[..end].parse::<u16>().ok()?;
            &port[end..]
        }
        None => rest,
    };
    (rest.is_empty() || rest.starts_with('/') || rest.starts_with('?')).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOME: &str = "https://cp.example/auth/callback";

    #[test]
    fn only_the_registered_bytes_match() {
        let registered = [RedirectUri::register(HOME).unwrap()];
        assert!(RedirectUri::choose(&registered, HOME).is_some());
        for other in [
            "https://cp.example/auth/callback/",
            "https://cp.example/auth/callback?",
            "https://cp.example/auth/callback#",
            "https://cp.example/auth/callback?x=1",
            "https://cp.example/auth/Callback",
            "https://CP.example/auth/callback",
            "HTTPS://cp.example/auth/callback",
            "http://cp.example/auth/callback",
            "https://cp.example:443/auth/callback",
            "https://cp.example:8443/auth/callback",
            "https://cp.example./auth/callback",
            "https://cp.example/auth//callback",
            "https://cp.example/auth/./callback",
            "https://cp.example/x/../auth/callback",
            "https://cp.example/auth/..;/auth/callback",
            "https://cp.example/auth%2fcallback",
            "https://cp.example/%61uth/callback",
            "https://cp.example/auth/callback%2e%2e",
            "https://cp.example@evil.example/auth/callback",
            "https://evil.example@cp.example/auth/callback",
            "https://evil.example\\@cp.example/auth/callback",
            "https://cp.example\\.evil.example/auth/callback",
            "https://cp.example.evil.example/auth/callback",
            "https://evilcp.example/auth/callback",
            "https://sub.cp.example/auth/callback",
            "https://cp.example%00.evil.example/auth/callback",
            "https://cp.example/auth/callback\n",
            "https://cp.example/auth/callback\r",
            "https://cp.example/auth/callback\t",
            " https://cp.example/auth/callback",
            "https://cp.example/auth/callback ",
            "//cp.example/auth/callback",
            "/auth/callback",
            "cp.example/auth/callback",
            "javascript:alert(1)",
            "data:text/html,x",
            "https:cp.example/auth/callback",
            "https:/cp.example/auth/callback",
            "https:///cp.example/auth/callback",
            "https://cp。example/auth/callback",
            "https://ср.example/auth/callback",
            "https://[::1]/auth/callback",
            "https://127.0.0.1/auth/callback",
            "https://cp.example/auth/callback;x",
            "https://cp.example/auth/callback&x=1",
            "https://cp.example/auth",
            "https://cp.example/",
            "https://cp.example",
            "https://cp.example/auth/callback/../../evil",
            "https://cp.example/auth/callback\u{0}",
            "",
        ] {
            assert_eq!(RedirectUri::choose(&registered, other), None, "{other:?}");
        }
    }

    #[test]
    fn a_loopback_address_may_vary_its_port_and_nothing_else() {
        let registered =
            [RedirectUri::register("http://127.0.0.1/cb").unwrap(), RedirectUri::register("http://localhost:1/cb").unwrap()];
        for same in ["http://127.0.0.1/cb", "http://127.0.0.1:49152/cb"] {
            assert!(RedirectUri::choose(&registered, same).is_some(), "{same}");
        }
        for other in [
            "http://127.0.0.1:/cb",
            "http://127.0.0.1:99999/cb",
            "http://127.0.0.1:80@evil.example/cb",
            "http://127.0.0.1.evil.example/cb",
            "http://127.0.0.1:8080/cb2",
            "http://127.0.0.1:8080",
            "http://127.0.0.2/cb",
            "http://[::1]/cb",
            "http://localhost:2/cb",
            "https://127.0.0.1/cb",
            "http://127.0.0.1:8080/cb?x",
        ] {
            assert_eq!(RedirectUri::choose(&registered, other), None, "{other}");
        }
    }

    #[test]
    fn refuses_to_register_what_cannot_be_kept_safe() {
        for (text, why) in [
            ("/cb", BadRedirectUri::NotAbsolute),
            ("https://a.example/#f", BadRedirectUri::Fragment),
            ("https://u@a.example/", BadRedirectUri::UserInfo),
            ("http://a.example/", BadRedirectUri::NotHttps),
            ("javascript:alert(1)", BadRedirectUri::Scheme),
            ("data:text/html,x", BadRedirectUri::Scheme),
            ("https://a.example/ b", BadRedirectUri::Characters),
            ("https://a.example\\b", BadRedirectUri::Characters),
        ] {
            assert_eq!(RedirectUri::register(text), Err(why), "{text}");
        }
        for good in ["https://a.example/cb?keep=1", "http://localhost:3000/cb", "http://[::1]/cb", "com.example.app:/cb"] {
            assert!(RedirectUri::register(good).is_ok(), "{good}");
        }
    }

    #[test]
    fn keeps_the_query_it_was_registered_with() {
        let uri = RedirectUri::register("https://a.example/cb?keep=1").unwrap();
        assert_eq!(uri.with(&[("code", "a b&c")]), "https://a.example/cb?keep=1&code=a+b%26c");
        assert_eq!(uri.origin().as_deref(), Some("https://a.example"));
    }
}
