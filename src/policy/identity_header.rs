//! The headers that tell a site who is there: their names, and every spelling that an application takes for them.

use super::site::{ForwardMethod, Forwarding};

/// What `headers` sets.
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
    "authorization",
    "cache-control",
    "connection",
    "content-encoding",
    "content-length",
    "content-security-policy",
    "content-type",
    "cookie",
    "date",
    "expect",
    "expires",
    "forwarded",
    "host",
    "keep-alive",
    "location",
    "origin",
    "pragma",
    "range",
    "referer",
    "retry-after",
    "server",
    "set-cookie",
    "status",
    "strict-transport-security",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "vary",
    "via",
    "www-authenticate",
    "x-content-type-options",
    "x-frame-options",
    "x-request-id",
];
const RESERVED_BEGINNINGS: &[&str] =
    &["access-control-", "proxy-", "sec-", "x-accel-", "x-envoy-", "x-forwarded-", "x-gatehouse-", "x-original-", "x-real-"];

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
        ForwardMethod::Headers => SEPARATE.iter().map(|&name| name.to_owned()).collect(),
        ForwardMethod::ClaimsHeader => one(CLAIMS),
        ForwardMethod::JwtHeader => one(JWT),
        ForwardMethod::Bearer | ForwardMethod::None => Vec::new(),
    }
}

/// Whether an application may take the header `sent` for `name`: CGI, WSGI and their kind know no case, and some gateways
/// make `_` of everything that is neither letter nor digit (`Remote~User`).
#[must_use]
pub fn alike(sent: &str, name: &str) -> bool {
    let folded = |b: u8| if b.is_ascii_alphanumeric() { b.to_ascii_lowercase() } else { b'-' };
    sent.len() == name.len() && sent.bytes().map(folded).eq(name.bytes().map(folded))
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
        ] {
            check(name).unwrap_err();
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
