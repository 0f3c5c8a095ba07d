//! A browser signs in on the site's own host and lands on the page it first asked for.

use gatehouse::{
    oauth::{
        client::{Client, ClientSettings},
        scope::Scopes,
    },
    store::clients,
};
use reqwest::Method;
use serde_json::json;
use url::Url;

use super::{API, BROWSER, Dialect, Guarded};
use crate::{
    browser::{Answer, Browser},
    on_both,
    world::Backend,
};

on_both!(
    to_the_page_first_asked_for,
    two_tabs_end_where_they_began,
    nobody_else_comes_back,
    only_pages_of_the_site_are_gone_to,
    what_ends_a_session,
    what_the_site_asks_for_later,
    signing_out,
    a_dead_cookie_hides_no_other,
    the_proxy_that_answers_for_us
);

/// A browser as gatehouse sees it: its cookies at the site, and those at gatehouse.
#[derive(Default)]
pub struct Visitor {
    pub browser: Browser,
    pub site: Vec<(String, String)>,
}

impl Visitor {
    /// Asks for a page of the site, as nginx passes `/.gatehouse/` on.
    pub async fn visit(&mut self, world: &Guarded, url: &str, headers: &[(&str, &str)]) -> Answer {
        self.visit_as(world, Method::GET, url, headers).await
    }

    pub async fn visit_as(&mut self, world: &Guarded, method: Method, url: &str, headers: &[(&str, &str)]) -> Answer {
        let url = Url::parse(url).unwrap();
        let line = format!("{}{}?{}", world.url, url.path(), url.query().unwrap_or_default());
        let cookies = self.cookie_line();
        let mut all =
            vec![("x-forwarded-host", url.host_str().unwrap()), ("x-forwarded-proto", url.scheme()), ("cookie", &cookies)];
        all.extend_from_slice(headers);
        let answer = Browser::new().send(method, &line, &all, None).await;
        self.remember(&answer);
        answer
    }

    /// Asks a proxy for a page.
    pub async fn ask(&mut self, world: &Guarded, dialect: Dialect, host: &str, target: &str) -> Answer {
        let cookies = self.cookie_line();
        let answer = world.ask(dialect, host, target, &[BROWSER, ("cookie", &cookies)]).await;
        self.remember(&answer);
        answer
    }

    fn cookie_line(&self) -> String {
        self.site.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
    }

    fn remember(&mut self, answer: &Answer) {
        for line in answer.cookie_lines() {
            let (pair, attributes) = line.split_once(';').unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            assert!(name.starts_with("__Host-gatehouse-"), "{line}");
            for needed in ["Secure", "HttpOnly", "SameSite=Lax", "Path=/"] {
                assert!(attributes.contains(needed), "{line}");
            }
            self.site.retain(|(known, _)| known != name);
            if !attributes.contains("Max-Age=0") {
                self.site.push((name.to_owned(), value.to_owned()));
            }
        }
    }

    /// From the site's refusal to the address of the callback.
    pub async fn depart(&mut self, world: &Guarded, host: &str, target: &str) -> String {
        let refused = self.ask(world, Dialect::Request, host, target).await;
        assert_eq!(refused.status, 401, "{}", refused.body);
        let start = refused.location().unwrap_or_else(|| panic!("no way to sign in: {}", refused.body)).to_owned();
        let departed = self.visit(world, &start, &[]).await;
        assert_eq!(departed.status, 302, "{}", departed.body);
        departed.location().unwrap().to_owned()
    }

    /// Signs in at gatehouse: the address of the callback.
    pub async fn sign_in(&mut self, world: &Guarded, authorize: &str) -> String {
        let back = world.sign_in(&mut self.browser, authorize, "ada@acme.example", "correct horse").await;
        back.location().unwrap().to_owned()
    }

    /// The whole way: the callback's answer.
    pub async fn whole_way(&mut self, world: &Guarded, host: &str, target: &str) -> Answer {
        let authorize = self.depart(world, host, target).await;
        let callback = self.sign_in(world, &authorize).await;
        self.visit(world, &callback, &[]).await
    }
}

async fn to_the_page_first_asked_for(backend: Backend) {
    let world = Guarded::new(backend).await;
    let mut visitor = Visitor::default();
    let authorize = visitor.depart(&world, "app.example", "/page?a=1&b=%2F").await;
    let url = Url::parse(&authorize).unwrap();
    assert!(authorize.starts_with(&format!("{}/oauth2/authorize?", world.url)));
    let query = |name: &str| url.query_pairs().find(|(n, _)| n == name).map(|(_, v)| v.into_owned());
    assert_eq!(query("redirect_uri").as_deref(), Some("https://app.example/.gatehouse/callback"));
    assert_eq!((query("code_challenge_method").as_deref(), query("client_id").as_deref()), (Some("S256"), Some("portal")));
    let callback = visitor.sign_in(&world, &authorize).await;
    let landed = visitor.visit(&world, &callback, &[]).await;
    assert_eq!((landed.status, landed.location()), (303, Some("https://app.example/page?a=1&b=%2F")), "{}", landed.body);
    assert_eq!(visitor.site.len(), 1, "one session and nothing under way: {:?}", visitor.site);
    for dialect in super::DIALECTS {
        let answer = visitor.ask(&world, dialect, "app.example", "/page").await;
        assert_eq!((answer.status, answer.header("remote-user")), (200, Some("ada@acme.example")), "{}", answer.body);
        assert_eq!(answer.header("remote-name"), Some("Ada"));
    }
    // Another browser does not have the cookie, and the address was good once.
    let answer = Visitor::default().visit(&world, &callback, &[]).await;
    assert_eq!(answer.status, 400);
    let again = visitor.visit(&world, &callback, &[]).await;
    assert_eq!(again.status, 400, "a replay");
    assert!(again.body.contains("href=\"/\""), "with a way out: {}", again.body);
    assert_eq!(visitor.ask(&world, Dialect::Forward, "app.example", "/").await.status, 200, "which changes nothing");
}

/// A session that was not for it is as good as none where the next one will be, and otherwise leads in no circle.
async fn what_the_site_asks_for_later(backend: Backend) {
    let world = Guarded::new(backend).await;
    let mut visitor = Visitor::default();
    assert_eq!(visitor.whole_way(&world, "app.example", "/").await.status, 303);
    assert_eq!(visitor.ask(&world, Dialect::Forward, "app.example", "/").await.status, 200);
    world.site("app", json!({"hosts": ["app.example"], "login": {"client": "portal"}, "scopes": ["wiki:read"]})).await;
    let answer = visitor.ask(&world, Dialect::Forward, "app.example", "/").await;
    assert_eq!((answer.status, answer.location()), (403, None), "its client may not have it");
    assert!(answer.body.contains("<html"), "a page: {}", answer.body);
    let portal = clients::find(&world.app.db, "portal").await.unwrap().unwrap();
    let scopes = Scopes::parse("openid email profile groups wiki:read").unwrap();
    let settings = ClientSettings { scopes, ..portal.settings.clone() };
    clients::save(&world.app.db, &Client { settings, ..portal }, world.clock.now()).await.unwrap();
    let answer = visitor.ask(&world, Dialect::Forward, "app.example", "/").await;
    assert_eq!(answer.status, 302, "{}", answer.body);
    assert_eq!(visitor.whole_way(&world, "app.example", "/").await.status, 303);
    assert_eq!(visitor.ask(&world, Dialect::Forward, "app.example", "/").await.status, 200);
}

async fn two_tabs_end_where_they_began(backend: Backend) {
    let world = Guarded::new(backend).await;
    let mut visitor = Visitor::default();
    let first = visitor.depart(&world, "app.example", "/first").await;
    let second = visitor.depart(&world, "app.example", "/second").await;
    let callback = visitor.sign_in(&world, &second).await;
    let landed = visitor.visit(&world, &callback, &[]).await;
    assert_eq!(landed.location(), Some("https://app.example/second"));
    let callback = visitor.sign_in(&world, &first).await;
    let landed = visitor.visit(&world, &callback, &[]).await;
    assert_eq!(landed.location(), Some("https://app.example/first"));
    assert_eq!(visitor.ask(&world, Dialect::Forward, "app.example", "/").await.status, 200);
    for n in 0..8 {
        visitor.visit(&world, &format!("https://app.example/.gatehouse/start?rd=/{n}"), &[]).await;
    }
    assert!(visitor.site.len() <= 6, "the header stays small: {}", visitor.site.len());
}

async fn nobody_else_comes_back(backend: Backend) {
    let world = Guarded::new(backend).await;
    world.site("wiki", json!({"hosts": ["wiki.example"], "login": {"client": "portal"}})).await;
    let mut visitor = Visitor::default();
    let authorize = visitor.depart(&world, "app.example", "/").await;
    let callback = visitor.sign_in(&world, &authorize).await;
    for (name, url) in [
        ("no state", "https://app.example/.gatehouse/callback?code=x".to_owned()),
        ("another state", callback.replace("state=", "state=x")),
        ("another host", callback.replace("app.example", "wiki.example")),
        ("two states", format!("{callback}&state=x")),
        ("another issuer", format!("{}&iss=https%3A%2F%2Fevil.example", callback.split("&iss=").next().unwrap())),
        ("no issuer", callback.split("&iss=").next().unwrap().to_owned()),
    ] {
        let mut same = Visitor { site: visitor.site.clone(), ..Visitor::default() };
        let answer = same.visit(&world, &url, &[]).await;
        assert!(answer.status == 400 && answer.location().is_none(), "{name}: {} {}", answer.status, answer.body);
    }
    // The code of somebody else (login CSRF): it was made for another verifier.
    let mut attacker = Visitor::default();
    let theirs = attacker.depart(&world, "app.example", "/").await;
    let theirs = attacker.sign_in(&world, &theirs).await;
    let code = |url: &str| Url::parse(url).unwrap().query_pairs().find(|(n, _)| n == "code").unwrap().1.into_owned();
    let mixed = callback.replace(&code(&callback), &code(&theirs));
    let mut victim = Visitor { site: visitor.site.clone(), ..Visitor::default() };
    assert_eq!(victim.visit(&world, &mixed, &[]).await.status, 400);
    // A site whose login leads to tokens that it does not take says so, and does not send the browser round in circles.
    world.site("odd", json!({"hosts": ["second.example"], "issuers": ["okta"], "login": {"client": "portal"}})).await;
    let mut odd = Visitor::default();
    assert_eq!(odd.whole_way(&world, "second.example", "/").await.status, 303);
    assert_eq!(odd.ask(&world, Dialect::Forward, "second.example", "/").await.status, 403);
    // Too late.
    let mut late = Visitor { site: visitor.site.clone(), ..Visitor::default() };
    world.clock.advance(900);
    assert_eq!(late.visit(&world, &callback, &[]).await.status, 400);
    // The session of one site is nothing at another.
    let mut visitor = Visitor::default();
    assert_eq!(visitor.whole_way(&world, "app.example", "/").await.status, 303);
    let (name, value) = visitor.site[0].clone();
    assert_eq!(visitor.ask(&world, Dialect::Forward, "wiki.example", "/").await.status, 302);
    let mut wiki = Visitor::default();
    assert_eq!(wiki.whole_way(&world, "wiki.example", "/").await.status, 303);
    assert_ne!(wiki.site[0].0, name, "each site has its own cookie");
    let stolen = Visitor { site: vec![(wiki.site[0].0.clone(), value)], ..Visitor::default() };
    let mut stolen = stolen;
    assert_eq!(stolen.ask(&world, Dialect::Forward, "wiki.example", "/").await.status, 302);
}

async fn only_pages_of_the_site_are_gone_to(backend: Backend) {
    let world = Guarded::new(backend).await;
    world.site("app", json!({"hosts": ["app.example", "second.example"], "login": {"client": "portal"}})).await;
    let mut visitor = Visitor::default();
    for (rd, to) in [
        ("/page?x=%2F%2Fevil", "https://app.example/page?x=%2F%2Fevil"),
        ("https://app.example/page", "https://app.example/page"),
        ("https://second.example/page", "https://second.example/page"),
        ("https://evil.example/", "https://app.example/"),
        ("http://app.example/", "https://app.example/"),
        ("//evil.example/", "https://app.example/"),
        ("/\\evil.example/", "https://app.example/"),
        ("\\\\evil.example/", "https://app.example/"),
        ("/\tevil", "https://app.example/"),
        ("/\r\nSet-Cookie: a=b", "https://app.example/"),
        ("https://app.example@evil.example/", "https://app.example/"),
        ("https://app.example.evil.example/", "https://app.example/"),
        ("https:/\\evil.example/", "https://app.example/"),
        ("javascript:alert(1)", "https://app.example/"),
        ("page", "https://app.example/"),
        ("", "https://app.example/"),
    ] {
        let query = url::form_urlencoded::Serializer::new(String::new()).append_pair("rd", rd).finish();
        let departed = visitor.visit(&world, &format!("https://app.example/.gatehouse/start?{query}"), &[]).await;
        let callback = visitor.sign_in(&world, departed.location().unwrap()).await;
        let landed = visitor.visit(&world, &callback, &[]).await;
        assert_eq!((landed.status, landed.location()), (303, Some(to)), "{rd:?}");
    }
    let answer = visitor.visit(&world, "https://evil.example/.gatehouse/start?rd=/", &[]).await;
    assert_eq!((answer.status, answer.location()), (403, None), "no site is there");
    let answer = visitor.visit(&world, "https://app.example/.gatehouse/else", &[]).await;
    assert_eq!(answer.status, 404);
}

async fn what_ends_a_session(backend: Backend) {
    for (what, sql) in [
        ("the user is deactivated", "UPDATE users SET active = FALSE WHERE email = 'ada@acme.example'"),
        ("the family is ended", "UPDATE families SET revoked_at = 1"),
        ("the client is switched off", "UPDATE clients SET enabled = FALSE WHERE id = 'portal'"),
    ] {
        let world = Guarded::new(backend).await;
        let mut visitor = Visitor::default();
        assert_eq!(visitor.whole_way(&world, "app.example", "/").await.status, 303);
        assert_eq!(visitor.ask(&world, Dialect::Forward, "app.example", "/").await.status, 200, "{what}");
        world.sql(sql).await;
        world.app.db.changed();
        let answer = visitor.ask(&world, Dialect::Forward, "app.example", "/").await;
        assert_eq!(answer.status, 302, "{what}");
    }
    let world = Guarded::new(backend).await;
    let mut visitor = Visitor::default();
    assert_eq!(visitor.whole_way(&world, "app.example", "/").await.status, 303);
    world.clock.advance(86_400);
    assert_eq!(visitor.ask(&world, Dialect::Forward, "app.example", "/").await.status, 302, "a day is the longest");
}

async fn signing_out(backend: Backend) {
    let world = Guarded::new(backend).await;
    let mut visitor = Visitor::default();
    assert_eq!(visitor.whole_way(&world, "app.example", "/").await.status, 303);
    let kept = visitor.site.clone();
    for (method, headers) in [
        (Method::POST, [("origin", "https://evil.example"), API]),
        (Method::GET, [("sec-fetch-site", "cross-site"), BROWSER]),
        (Method::POST, [("origin", "null"), BROWSER]),
    ] {
        let answer = visitor.visit_as(&world, method, "https://app.example/.gatehouse/sign-out", &headers).await;
        assert_eq!(answer.status, 403, "{headers:?}");
        assert_eq!(visitor.ask(&world, Dialect::Forward, "app.example", "/").await.status, 200, "{headers:?}");
    }
    let origin = ("origin", "https://app.example");
    let answer = visitor.visit_as(&world, Method::POST, "https://app.example/.gatehouse/sign-out", &[origin]).await;
    assert_eq!(answer.status, 303);
    assert_eq!(answer.location(), Some(format!("{}/oauth2/logout?client_id=portal", world.url).as_str()));
    assert!(visitor.site.is_empty());
    let mut stolen = Visitor { site: kept, ..Visitor::default() };
    assert_eq!(stolen.ask(&world, Dialect::Forward, "app.example", "/").await.status, 302, "the cookie is worth nothing");
    assert_eq!(world.sql("DELETE FROM families WHERE revoked_at IS NULL").await, 0, "and the family is ended");
}

/// The cookie of a session has no end that browsers know of: it stays until they are closed.
async fn a_dead_cookie_hides_no_other(backend: Backend) {
    let world = Guarded::new(backend).await;
    let mut visitor = Visitor::default();
    assert_eq!(visitor.whole_way(&world, "app.example", "/").await.status, 303);
    let site = visitor.cookie_line();
    let (good, bad) = (format!("{site}; accessToken={}", world.own().await), format!("{site}; accessToken=x.y.z"));
    for cookie in [&site, &good, &bad] {
        assert_eq!(world.status("app.example", "/", &[API, ("cookie", cookie)]).await, 200, "while it lives: {cookie}");
    }
    let origin = ("origin", "https://app.example");
    let out = visitor.visit_as(&world, Method::POST, "https://app.example/.gatehouse/sign-out", &[origin]).await;
    assert_eq!(out.status, 303, "{}", out.body);
    for (cookie, status) in [(&site, 401), (&good, 200), (&bad, 401)] {
        assert_eq!(world.status("app.example", "/", &[API, ("cookie", cookie)]).await, status, "when it has ended: {cookie}");
    }
    // One that does not pass hides no sign-in, which may mend it.
    let browser = ("accept", "text/html");
    let access = format!("accessToken={}", world.own().await);
    let asks = json!({"hosts": ["app.example"], "login": {"client": "portal"}, "scopes": ["groups"]});
    world.site("app", asks).await;
    for cookie in [&site, &good, &access] {
        let answer = world.ask(Dialect::Forward, "app.example", "/", &[browser, ("cookie", cookie)]).await;
        assert_eq!(answer.status, 302, "to the sign-in: {cookie}");
        assert_eq!(world.status("app.example", "/", &[API, ("cookie", cookie)]).await, 401, "a script: {cookie}");
    }
    let nobodys = json!({"hosts": ["app.example"], "login": {"client": "portal"}, "claims": [{"claim": "email", "values": ["else@acme.example"], "match_type": "exact"}]});
    world.site("app", nobodys).await;
    for (cookie, status) in [(&good, 302), (&access, 403)] {
        let answer = world.ask(Dialect::Forward, "app.example", "/", &[browser, ("cookie", cookie)]).await;
        assert_eq!(answer.status, status, "{cookie}");
    }
    let settings = json!({"hosts": ["app.example"], "login": {"client": "portal"}, "access_cookie": false});
    world.site("app", settings).await;
    assert_eq!(world.status("app.example", "/", &[API, ("cookie", &good)]).await, 401, "the site takes none of the hops'");
}

/// Traefik, Caddy and Envoy ask about `/.gatehouse/` as about any other page, and give the browser what we answer.
async fn the_proxy_that_answers_for_us(backend: Backend) {
    let world = Guarded::new(backend).await;
    for dialect in [Dialect::Forward, Dialect::Envoy] {
        let mut visitor = Visitor::default();
        let refused = visitor.ask(&world, dialect, "app.example", "/page").await;
        let start = Url::parse(refused.location().unwrap()).unwrap();
        let target = |url: &Url| format!("{}?{}", url.path(), url.query().unwrap());
        let departed = visitor.ask(&world, dialect, "app.example", &target(&start)).await;
        let callback = Url::parse(&visitor.sign_in(&world, departed.location().unwrap()).await).unwrap();
        let landed = visitor.ask(&world, dialect, "app.example", &target(&callback)).await;
        assert_eq!((landed.status, landed.location()), (303, Some("https://app.example/page")), "{dialect:?} {}", landed.body);
        assert_eq!(visitor.ask(&world, dialect, "app.example", "/page").await.status, 200);
        // Nothing below it is ever an allow.
        for target in ["/.gatehouse/", "/.gatehouse/callback", "/.gatehouse/start", "/.gatehouse/x", "/.gatehouse/sign-out"] {
            let answer = visitor.ask(&world, dialect, "app.example", target).await;
            assert!(answer.status >= 300, "{dialect:?} {target}: {}", answer.status);
        }
    }
}
