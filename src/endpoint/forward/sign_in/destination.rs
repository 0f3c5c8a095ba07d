//! Where a browser goes after its sign-in: the page it first asked for, and never another host. What cannot be read in one
//! way only leads to the root of the site instead.

use url::Url;

use super::super::question::Question;
use crate::{policy::place, trust::sites::Site};

/// Longest address that is kept; it has to fit into a cookie.
const LONGEST: usize = 2_000;

/// The path of `rd` on the host of `question`, if that is where it leads.
#[must_use]
pub fn here<'a>(rd: &'a str, question: &Question) -> Option<&'a str> {
    let path = match rd.strip_prefix(&question.beside("")) {
        Some(rest) => rest,
        None => rd,
    };
    (sound(path) && path.starts_with('/') && !path.starts_with("//")).then_some(path)
}

/// The address to go to: `rd` if it is a path, or an address of one of the site's hosts; else the root.
#[must_use]
pub fn judge(rd: &str, question: &Question, site: &Site) -> String {
    let root = question.beside("/");
    if let Some(path) = here(rd, question) {
        return question.beside(path);
    }
    if !sound(rd) {
        return root;
    }
    let Ok(url) = Url::parse(rd) else { return root };
    let plain = url.username().is_empty() && url.password().is_none() && url.scheme() == question.scheme;
    let host = url.host_str().map(|host| url.port().map_or(host.to_owned(), |port| format!("{host}:{port}")));
    let known = host.and_then(|host| place::host(url.scheme(), &host)).filter(|host| site.settings.hosts.contains(host));
    // As it was parsed, so that no other reader sees another host in it.
    known.filter(|_| plain && url.as_str().len() <= LONGEST).map_or(root, |_| url.to_string())
}

fn sound(text: &str) -> bool {
    text.len() <= LONGEST && text.bytes().all(|b| (0x21..0x7f).contains(&b) && b != b'\\')
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, Method};

    use super::{super::super::question::Asked, *};
    use crate::{policy::site::SiteSettings, store, trust::sites::Sites};

    #[test]
    fn only_pages_of_the_site_are_gone_to() {
        let hosts = ["app.example", "second.example", "port.example:8443"].map(str::to_owned).to_vec();
        let settings = SiteSettings { hosts, ..SiteSettings::default() };
        let (id, tenant_id, name) = ("s".to_owned(), "t".to_owned(), "app".to_owned());
        let sites = Sites::build(
            vec![(store::sites::Site { id, tenant_id, name, enabled: true, settings, created_at: 0 }, None)],
            "us.example",
            "https://us.example/api/v1",
        );
        let site = sites.at_host("app.example").remove(0);
        let asked =
            Asked { method: Method::GET, scheme: "https", host: "app.example".into(), target: "/.gatehouse/start".into() };
        let question = Question::new(asked, HeaderMap::new(), "host").unwrap();
        for (rd, to) in [
            ("/page?a=1&b=%2F#top", "https://app.example/page?a=1&b=%2F#top"),
            ("https://app.example/page", "https://app.example/page"),
            ("https://second.example/x", "https://second.example/x"),
            ("https://SECOND.example:443/x", "https://second.example/x"),
            ("https://port.example:8443/x", "https://port.example:8443/x"),
        ] {
            assert_eq!(judge(rd, &question, &site), to, "{rd}");
        }
        for rd in [
            "",
            "page",
            "//evil.example",
            "///evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "/\t/evil.example",
            "/\n/evil",
            "https://evil.example/",
            "https://app.example.evil.example/",
            "https://app.example@evil.example/",
            "https://app.example:secret@second.example/",
            "https:evil.example",
            "https:/evil.example",
            "http://app.example/",
            "https://app.example\\.evil.example/",
            "https://app.example%2f.evil.example/",
            "javascript:alert(1)",
            "data:text/html,x",
            "https://second.example:444/",
            "https://port.example/",
            "https://app.example//evil.example",
            " https://app.example/x",
            "https://app.exampleevil/x",
            "https://app.example.:443/x",
            "/ä",
        ] {
            let to = judge(rd, &question, &site);
            let host = Url::parse(&to).unwrap();
            assert_eq!(host.host_str(), Some("app.example"), "{rd} leads to {to}");
            assert!(to == "https://app.example/" || to.starts_with("https://app.example//"), "{rd} leads to {to}");
        }
        assert_eq!(judge(&format!("/{}", "a".repeat(LONGEST)), &question, &site), "https://app.example/");
    }
}
