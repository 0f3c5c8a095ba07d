//! The headers that tell a site who is there: their names, and every spelling that an application takes for them.

use std::collections::HashSet;

use super::site::{Fact, ForwardMethod, Forwarding};

/// What `headers` sets when it has no other names, in the order of [`Fact::ALL`].
pub const SEPARATE: [&str; 6] =
    ["remote-user", "remote-email", "remote-name", "remote-groups", "remote-subject", "remote-issuer"];
/// What `claims_header` sets when it has no other name.
pub const CLAIMS: &str = "x-user-claims";
/// What `jwt_header` sets when it has no other name.
pub const JWT: &str = "x-user-jwt";
/// Every name under which a site may be told without its operator having chosen one.
pub const KNOWN: [&str; 8] = [SEPARATE[0], SEPARATE[1], SEPARATE[2], SEPARATE[3], SEPARATE[4], SEPARATE[5], CLAIMS, JWT];

/// Names that mean something to proxies, to browsers or to us.
const RESERVED: &[&str] = &[
    "accept",
    "age",
    "allow",
    "alt-svc",
    "authorization",
    "cache-control",
    "cf-connecting-ip",
    "clear-site-data",
    "connection",
    "cookie",
    "date",
    "etag",
    "expect",
    "expires",
    "forwarded",
    "host",
    "keep-alive",
    "last-modified",
    "link",
    "location",
    "max-forwards",
    "origin",
    "pragma",
    "range",
    "referer",
    "refresh",
    "retry-after",
    "server",
    "set-cookie",
    "status",
    "strict-transport-security",
    "te",
    "trailer",
    "transfer-encoding",
    "true-client-ip",
    "upgrade",
    "user-agent",
    "vary",
    "via",
    "www-authenticate",
    "x-client-ip",
    "x-content-type-options",
    "x-frame-options",
    "x-host",
    "x-request-id",
    "x-requested-with",
];
const RESERVED_BEGINNINGS: &[&str] = &[
    "accept-",
    "access-control-",
    "content-",
    "if-",
    "proxy-",
    "sec-",
    "x-accel-",
    "x-envoy-",
    "x-forwarded-",
    "x-gatehouse-",
    "x-http-",
    "x-method-",
    "x-original-",
    "x-real-",
    "x-rewrite-",
];

/// Whether a site may be told who is there under this name.
///
/// # Errors
/// In words that follow the name.
pub fn check(name: &str) -> Result<(), String> {
    let lower = name.to_ascii_lowercase();
    // No underscore: proxies drop such headers, and applications take them for the one with a hyphen.
    if lower.is_empty() || lower.len() > 64 || !lower.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
        return Err("must be letters, digits and hyphens".to_owned());
    }
    if RESERVED.contains(&lower.as_str()) || RESERVED_BEGINNINGS.iter().any(|beginning| lower.starts_with(beginning)) {
        return Err("is a header that proxies, browsers or gatehouse use for something else".to_owned());
    }
    Ok(())
}

/// The headers that a site's identity arrives in, in lower case.
#[must_use]
pub fn names(forwarding: &Forwarding) -> Vec<String> {
    let one = |usual: &str| vec![forwarding.header_name.as_deref().unwrap_or(usual).to_ascii_lowercase()];
    match forwarding.method {
        ForwardMethod::Headers => {
            let own = |fact| forwarding.header_names.get(fact).map(|name| name.to_ascii_lowercase());
            Fact::ALL.iter().zip(SEPARATE).map(|(fact, usual)| own(fact).unwrap_or_else(|| usual.to_owned())).collect()
        }
        ForwardMethod::ClaimsHeader => one(CLAIMS),
        ForwardMethod::JwtHeader => one(JWT),
        ForwardMethod::Bearer | ForwardMethod::None => Vec::new(),
    }
}

/// A name that stands among the headers of one site twice: one of the two things would not be told.
#[must_use]
pub fn twice(names: &[String]) -> Option<&String> {
    names.iter().enumerate().find(|(n, name)| names[..*n].contains(name)).map(|(_, name)| name)
}

/// Whether an application may take the header `sent` for `name`: CGI, WSGI and their kind know no case, and some gateways
/// make `_` of everything that is neither letter nor digit (`Remote~User`).
#[must_use]
pub fn alike(sent: &str, name: &str) -> bool {
    sent.len() == name.len() && spellings(sent).eq(spellings(name))
}

/// What all spellings of a name have in common.
fn spellings(name: &str) -> impl Iterator<Item = u8> {
    let folded = |b: u8| if b.is_ascii_alphanumeric() { b.to_ascii_lowercase() } else { b'-' };
    name.bytes().map(folded)
}

/// Names that operators have chosen, found in any spelling, however many they are.
#[derive(Clone, Debug, Default)]
pub struct Chosen(HashSet<Vec<u8>>);

impl Chosen {
    /// Adds those of a site's separate headers. What is no name for one is none of them: it would keep requests from other
    /// sites.
    pub fn add(&mut self, forwarding: &Forwarding) {
        let own = forwarding.header_names.values().filter(|_| forwarding.method == ForwardMethod::Headers);
        self.0.extend(own.filter(|name| check(name).is_ok()).map(|name| spellings(name).collect()));
    }

    /// Whether an application may take the header `sent` for one of them.
    #[must_use]
    pub fn have(&self, sent: &str) -> bool {
        !self.0.is_empty() && self.0.contains(&spellings(sent).collect::<Vec<_>>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_a_meaning_of_its_own_is_refused() {
        for name in ["X-User-JWT", "X-Acme-Identity", "Remote-User", "identity"] {
            check(name).unwrap();
        }
        for name in [
            "",
            "X_User",
            "X User",
            "X-User\r\n",
            "Connection",
            "HOST",
            "Cookie",
            "Authorization",
            "TE",
            "X-Forwarded-For",
            "Proxy-Authorization",
            "x-gatehouse-login-url",
            "Set-Cookie",
            "X-Accel-Redirect",
            "Content-Range",
            "Transfer-Encoding",
            "Upgrade",
            "Forwarded",
            "Location",
            "Sec-Fetch-Mode",
            "If-None-Match",
            "X-HTTP-Method-Override",
        ] {
            check(name).unwrap_err();
        }
    }

    #[test]
    fn separate_headers_have_names_of_their_own() {
        let own = |pairs: &[(Fact, &str)]| Forwarding {
            header_names: pairs.iter().map(|(fact, name)| (*fact, (*name).to_owned())).collect(),
            ..Forwarding::default()
        };
        let forwarding = own(&[(Fact::Email, "X-Auth-Request-Email"), (Fact::User, "X-Auth-Request-User")]);
        let all = names(&forwarding);
        assert_eq!(all[..3], ["x-auth-request-user", "x-auth-request-email", "remote-name"]);
        assert_eq!((all.len(), twice(&all)), (SEPARATE.len(), None));
        assert_eq!(names(&Forwarding::default()), SEPARATE);
        for pairs in [[(Fact::User, "X-Who"), (Fact::Name, "x-who")], [(Fact::User, "X-Who"), (Fact::Name, "Remote-Email")]] {
            assert!(twice(&names(&own(&pairs))).is_some(), "{pairs:?}");
        }
        let mut chosen = Chosen::default();
        assert!(!chosen.have("x-auth-request-user"));
        chosen.add(&forwarding);
        chosen.add(&own(&[(Fact::User, "Authorization")]));
        chosen.add(&Forwarding { method: ForwardMethod::None, ..own(&[(Fact::User, "X-Who")]) });
        for (sent, has) in [
            ("X-Auth-Request-User", true),
            ("x_auth~request_user", true),
            ("x-auth-request-email", true),
            ("x-auth-request-name", false),
            ("remote-name", false),
            ("authorization", false),
            ("x-who", false),
        ] {
            assert_eq!(chosen.have(sent), has, "{sent}");
        }
    }

    #[test]
    fn other_spellings_are_known() {
        for sent in ["remote-user", "Remote-User", "REMOTE_USER", "remote_user", "Remote.User"] {
            assert!(alike(sent, "remote-user"), "{sent}");
        }
        // Whatever a header's name may hold beside letters and digits (RFC 9110 §5.6.2).
        for mark in "!#$%&'*+-.^_`|~".chars() {
            assert!(alike(&format!("Remote{mark}User"), "remote-user"), "{mark}");
            assert!(alike(&format!("X{mark}User-JWT"), "x-user-jwt"), "{mark}");
        }
        for other in ('a'..='z').chain('0'..='9') {
            assert!(!alike(&format!("remote{other}user"), "remote-user"), "{other}");
        }
        for sent in ["remote-users", "remoteuser", "x-remote-user", "remote--user", "remote-user~"] {
            assert!(!alike(sent, "remote-user"), "{sent}");
        }
    }
}
