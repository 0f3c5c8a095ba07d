//! Headers by which a client tries to tell the site itself who it is.
//!
//! Proxies replace them by the answer's, if they are told to: nginx and Caddy keep what nobody replaced, and many
//! applications take `Remote_User` for `Remote-User` (oauth2-proxy CVE-2026-64484, Traefik CVE-2026-54763). So a request that
//! brings a copy in any spelling goes nowhere; an honest client has no reason to send one.

use axum::http::{HeaderMap, HeaderName, header};

use crate::policy::identity_header::{KNOWN, alike};

/// The name of a header in the request that an application could take for one that tells who is there: one of the site's
/// own `names`, or of any usual one, whatever the site's method is: the application may read more than it
/// is told, and the method may have been another yesterday. So with names that the operator has chosen for another site
/// (`elsewhere`). Also one that a proxy would drop after we have set it, because
/// `Connection` lists it (Oathkeeper GHSA-w9mr-28mw-j8hg).
#[must_use]
pub fn find(headers: &HeaderMap, names: &[HeaderName], elsewhere: impl Fn(&str) -> bool) -> Option<String> {
    let is_own = |sent: &str| KNOWN.into_iter().chain(names.iter().map(HeaderName::as_str)).any(|name| alike(sent, name));
    let is_copy = |sent: &str| is_own(sent) || elsewhere(sent);
    let copy = headers.keys().find(|sent| is_copy(sent.as_str()));
    if let Some(copy) = copy {
        return Some(copy.as_str().to_owned());
    }
    for line in headers.get_all(header::CONNECTION) {
        // A proxy may well read what we cannot: it looks for names between commas, and minds no other byte.
        let Ok(line) = line.to_str() else { return Some("Connection, which is unreadable".to_owned()) };
        if let Some(option) = line.split(',').map(str::trim).find(|option| is_copy(option)) {
            return Some(format!("Connection: {}", option.to_lowercase()));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn copies_in_any_spelling_are_found() {
        let names = ["remote-user", "x-user-jwt"].map(HeaderName::from_static);
        let nowhere = |_: &str| false;
        for (sent, value, found) in [
            ("Remote-User", "eve", true),
            ("REMOTE_USER", "eve", true),
            ("remote_user", "", true),
            ("x-user_jwt", "a.b.c", true),
            ("connection", "close, Remote-User", true),
            ("connection", "x_user-jwt", true),
            ("connection", "keep-alive, Upgrade", false),
            ("x-remote-user", "eve", false),
            ("remote-users", "eve", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(HeaderName::try_from(sent).unwrap(), HeaderValue::from_static(value));
            assert_eq!(find(&headers, &names, nowhere).is_some(), found, "{sent}: {value}");
        }
        let elsewhere = |sent: &str| alike(sent, "x-who");
        for (sent, value, found) in [("x_who", "eve", true), ("connection", "X-Who", true), ("x-whom", "eve", false)] {
            let name = HeaderName::try_from(sent).unwrap();
            let headers = HeaderMap::from_iter([(name, HeaderValue::from_static(value))]);
            assert_eq!(find(&headers, &names, elsewhere).is_some(), found, "{sent}: {value}");
        }
        for (line, found) in [(&b"close, \xe9, Remote-User"[..], true), (&b"\xff"[..], true), (&b"close, upgrade"[..], false)] {
            let mut headers = HeaderMap::new();
            headers.append(header::CONNECTION, HeaderValue::from_static("keep-alive"));
            headers.append(header::CONNECTION, HeaderValue::from_bytes(line).unwrap());
            assert_eq!(find(&headers, &names, nowhere).is_some(), found, "{line:?}");
        }
        for mark in "!#$%&'*+-.^_`|~".chars() {
            let mut headers = HeaderMap::new();
            headers.insert(HeaderName::try_from(format!("Remote{mark}User")).unwrap(), HeaderValue::from_static("eve"));
            assert!(find(&headers, &names, nowhere).is_some(), "{mark}");
            let honest = HeaderName::try_from(format!("X{mark}Remote-User")).unwrap();
            let headers = HeaderMap::from_iter([(honest, HeaderValue::from_static("eve"))]);
            assert_eq!(find(&headers, &names, nowhere), None, "{mark}");
        }
    }
}
