//! Where a request goes, as far as a rule may depend on it: the host, and the path as every server would read it.
//!
//! Servers disagree about some paths: whether `/a/../b` is `/b`, whether `%2f` divides, whether `;x` belongs to the name,
//! whether `/a.` and `/a%20` are `/a` (Windows cuts dots and spaces off the end of a name).
//! A rule that reads such a path one way while the application reads it another guards nothing (Oathkeeper
//! CVE-2026-33494, Authelia CVE-2026-48794), so they are [`Path::Ambiguous`] and meet no rule.

/// A path as a request line has it, without the query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Path {
    /// One that can only be read one way, its escapes resolved.
    Plain(String),
    /// Any other.
    Ambiguous,
}

impl Path {
    /// Reads the target of a request; what follows `?` is no part of the path.
    #[must_use]
    pub fn read(target: &str) -> Self {
        let raw = target.split('?').next().unwrap_or_default();
        let plain = resolve(raw).filter(|path| path.starts_with('/') && !confusing(path));
        plain.map_or(Self::Ambiguous, Self::Plain)
    }
}

/// With its escapes resolved; `None` where one stands for a character that has a meaning of its own.
fn resolve(raw: &str) -> Option<String> {
    let mut bytes = raw.bytes();
    let mut out = Vec::with_capacity(raw.len());
    while let Some(byte) = bytes.next() {
        let escaped = byte == b'%';
        let byte = match escaped {
            true => {
                let digit = |b: Option<u8>| b.and_then(|b| char::from(b).to_digit(16)).and_then(|d| u8::try_from(d).ok());
                digit(bytes.next())? * 16 + digit(bytes.next())?
            }
            false => byte,
        };
        let meaningful = matches!(byte, b'/' | b'\\' | b'.' | b';' | b'%' | b'?' | b'#');
        if byte < 0x20 || byte == 0x7f || matches!(byte, b'\\' | b';' | b'#') || (escaped && meaningful) {
            return None;
        }
        out.push(byte);
    }
    String::from_utf8(out).ok()
}

fn confusing(path: &str) -> bool {
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        if segment.ends_with(['.', ' ']) || (segment.is_empty() && !last) {
            return true;
        }
    }
    false
}

/// Whether `path` lies below `prefix`, on the borders of segments: `/a` holds `/a` and `/a/b`, not `/ab`.
#[must_use]
pub fn holds(prefix: &str, path: &str) -> bool {
    let prefix = prefix.trim_end_matches('/');
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The name of a host that may have a port, an IPv6 address with its brackets.
#[must_use]
pub fn host_name(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    }
}

/// A host as sites are looked up by: in lower case, without the port that its scheme implies. `None` for what is no host.
#[must_use]
pub fn host(scheme: &str, named: &str) -> Option<String> {
    let lower = named.to_ascii_lowercase();
    let implied = if scheme == "https" { ":443" } else { ":80" };
    let host = lower.strip_suffix(implied).unwrap_or(&lower);
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') => (name, Some(port)),
        _ => (host, None),
    };
    let name = match name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => {
            let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
            !name.is_empty() && name.len() <= 253 && name.bytes().all(allowed) && !name.starts_with('.') && !name.ends_with('.')
        }
    };
    let port =
        port.is_none_or(|p| p.len() <= 5 && p.bytes().all(|b| b.is_ascii_digit()) && p.parse::<u16>().is_ok_and(|p| p > 0));
    (name && port).then(|| host.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_servers_read_differently_is_ambiguous() {
        let plain = [
            ("/", "/"),
            ("/a/b", "/a/b"),
            ("/a/", "/a/"),
            ("/a?x=//../%2f;", "/a"),
            ("/%61dmin", "/admin"),
            ("/a%20b", "/a b"),
            ("/%C3%A4", "/ä"),
            ("/a.b/..c/.well-known", "/a.b/..c/.well-known"),
            ("/%20a/b", "/ a/b"),
        ];
        for (target, path) in plain {
            assert_eq!(Path::read(target), Path::Plain(path.into()), "{target}");
        }
        let ambiguous = [
            "",
            "a",
            "//",
            "//a",
            "/a//b",
            "/a//",
            "/./a",
            "/a/.",
            "/..",
            "/a/../b",
            "/a/..",
            "/a%2fb",
            "/a%2Fb",
            "/a%5cb",
            "/a%5Cb",
            "/%2e%2e/a",
            "/%2e/a",
            "/a%2e",
            "/a.",
            "/a./b",
            "/...",
            "/a%20",
            "/a%20/b",
            "/a.%20?x",
            "/a b /c",
            "/a\\b",
            "/a;b",
            "/a;/b",
            "/a%3bb",
            "/a%252fb",
            "/a%",
            "/a%2",
            "/a%zz",
            "/a%00b",
            "/a\nb",
            "/a%7fb",
            "/a#b",
            "/a%23b",
            "/a%3fb",
            "/%ff",
            "*",
            "https://x/a",
        ];
        for target in ambiguous {
            assert_eq!(Path::read(target), Path::Ambiguous, "{target}");
        }
    }

    #[test]
    fn a_prefix_ends_where_a_segment_ends() {
        for (prefix, path, within) in [
            ("/", "/", true),
            ("/", "/a", true),
            ("/a", "/a", true),
            ("/a", "/a/b", true),
            ("/a/", "/a", true),
            ("/a", "/ab", false),
            ("/a", "/", false),
            ("/a/b", "/a/bc", false),
        ] {
            assert_eq!(holds(prefix, path), within, "{prefix} {path}");
        }
    }

    #[test]
    fn a_host_is_known_by_one_name() {
        for (scheme, named, known) in [
            ("https", "App.Example", Some("app.example")),
            ("https", "app.example:443", Some("app.example")),
            ("http", "app.example:80", Some("app.example")),
            ("http", "app.example:443", Some("app.example:443")),
            ("https", "[::1]:8443", Some("[::1]:8443")),
            ("https", "[::1]", Some("[::1]")),
            ("https", "", None),
            ("https", "app.example.", None),
            ("https", "app.example:", None),
            ("https", "app.example:0", None),
            ("https", "app.example:http", None),
            ("https", "user@app.example", None),
            ("https", "app.example/evil", None),
            ("https", "app.example, evil.example", None),
            ("https", "app.example\\evil", None),
            ("https", "[::1", None),
        ] {
            assert_eq!(host(scheme, named).as_deref(), known, "{named}");
        }
    }
}
