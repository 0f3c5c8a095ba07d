//! A link lets a customer's own administrator fill in one connection and what else it covers, and opens nothing besides.

use axum::http::Method;
use gatehouse::{
    apply::single::Noun,
    store::{self, audit, window::Window},
};
use serde_json::json;

use crate::{
    admin_page_roles::pages,
    browser::{Answer, Browser},
    domains::Registry,
    idp::{CLIENT_ID, CLIENT_SECRET, Idp},
    on_both,
    sso::Log,
    world::Backend,
};

on_both!(
    a_guest_fills_in_one_connection,
    a_link_opens_nothing_else,
    a_link_ends_in_many_ways,
    a_link_covers_what_it_says,
    what_is_in_use_stays,
    a_link_is_in_no_log,
);

pub struct Bench {
    registry: Registry,
    pub idp: Idp,
}

impl std::ops::Deref for Bench {
    type Target = Registry;

    fn deref(&self) -> &Registry {
        &self.registry
    }
}

pub const LINKS: &str = "/admin/acme/setup-links";
/// Every address of guests, and how it is asked.
fn routes() -> Vec<(Method, &'static str)> {
    // A link itself is followed by whoever has it.
    gatehouse::admin::guest::surface().into_iter().filter(|(_, path)| !path.contains('{')).collect()
}

impl Bench {
    pub async fn new(backend: Backend) -> Self {
        let registry = Registry::new(backend).await;
        let idp = Idp::start(registry.clock.clone()).await;
        Self { registry, idp }
    }

    /// An operator makes a link: its address.
    pub async fn link(&self, connection: &str, more: &[(&str, &str)]) -> String {
        let mut ada = self.ada().await;
        let fields: Vec<_> = [("connection", connection), ("days", "7")].into_iter().chain(more.iter().copied()).collect();
        let answer = self.fill(&mut ada, LINKS, LINKS, &fields).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        let (_, rest) = answer.body.split_once("<code class=\"copy\">").unwrap_or_else(|| panic!("no link: {}", answer.body));
        let url = rest.split_once('<').unwrap().0.to_owned();
        assert!(!ada.get(&self.at(LINKS)).await.body.contains(&url), "it is shown once");
        url
    }

    /// Somebody follows a link in a browser of their own.
    pub async fn follow(&self, url: &str) -> Browser {
        let mut browser = Browser::new();
        let answer = browser.get(url).await;
        assert_eq!((answer.status, answer.location()), (303, Some("/setup")), "{}", answer.body);
        browser
    }

    pub async fn send(&self, browser: &mut Browser, to: &str, fields: &[(&str, &str)]) -> Answer {
        let page = browser.get(&self.at("/setup")).await;
        let (csrf, version) = (page.csrf(), page.field("version"));
        let version = version.as_deref().map(|version| ("version", version));
        let all: Vec<_> = [("csrf", csrf.as_str())].into_iter().chain(version).chain(fields.iter().copied()).collect();
        browser.post(&self.at(to), &all).await
    }

    pub fn typed(&self) -> Vec<(&str, &str)> {
        vec![
            ("preset", "custom_oidc"),
            ("protocol", "oidc"),
            ("oidc.client_id", CLIENT_ID),
            ("oidc.client_secret", CLIENT_SECRET),
            ("oidc.issuer", self.idp.issuer()),
            ("oidc.discover", "on"),
        ]
    }

    /// The connection is saved.
    pub async fn save(&self, browser: &mut Browser) {
        let answer = self.send(browser, "/setup", &self.typed()).await;
        assert_eq!(answer.location(), Some("/setup?done=saved"), "{}", answer.body);
    }

    pub async fn ticked(&self, browser: &mut Browser, text: &str) -> bool {
        let page = browser.get(&self.at("/setup")).await;
        assert!(page.body.contains(text), "{text}: {}", page.body);
        page.body.contains(&format!("<li class=\"done\"><strong>Done</strong> {text}</li>"))
    }
}

async fn a_guest_fills_in_one_connection(backend: Backend) {
    let bench = Bench::new(backend).await;
    let url = bench.link("corp", &[]).await;
    let mut guest = Browser::new();
    let entered = guest.get(&url).await;
    assert_eq!((entered.status, entered.location()), (303, Some("/setup")), "{}", entered.body);
    assert_eq!(entered.header("referrer-policy"), Some("no-referrer"));
    let cookie = entered.cookie_lines().into_iter().find(|line| line.starts_with("__Host-gatehouse-setup=")).unwrap();
    assert!(["Secure", "HttpOnly", "SameSite=Lax", "Path=/"].iter().all(|part| cookie.contains(part)), "{cookie}");
    let token = url.rsplit_once('/').unwrap().1;
    assert!(!cookie.contains(token), "the cookie is another secret");

    let choose = guest.get(&bench.at("/setup")).await;
    assert!(choose.body.contains("/setup?preset=okta&#38;protocol=oidc") && !choose.body.contains(token), "{}", choose.body);
    let form = guest.get(&bench.at("/setup?preset=okta&protocol=oidc")).await;
    for words in ["At Okta", "/oauth2/callback/acme/corp", "oidc.client_secret"] {
        assert!(form.body.contains(words), "{words}: {}", form.body);
    }
    for kept in
        ["button_text", "email_trust", "unique_id_claim", "\"enabled\"", "login_enabled", "allowed_tenants", "upstream-secret"]
    {
        assert!(!form.body.contains(kept), "{kept} is the operator's");
    }
    // What is no field of theirs is not read.
    let smuggled = [
        ("enabled", "on"),
        ("login_enabled", ""),
        ("name", "okta"),
        ("email_trust", "verified"),
        ("button_text", "Free money"),
        ("unique_id_claim", "email"),
        ("oidc.allowed_tenants", "x"),
    ];
    let all: Vec<_> = bench.typed().into_iter().chain(smuggled).collect();
    let checked = bench.send(&mut guest, "/setup/check", &all).await;
    assert!(checked.status == 200 && checked.body.contains("names exactly this issuer"), "{}", checked.body);
    assert!(bench.stored(Noun::Connections, "corp").await.is_none(), "a check saves nothing");
    let answer = bench.send(&mut guest, "/setup", &all).await;
    assert_eq!(answer.location(), Some("/setup?done=saved"), "{}", answer.body);
    let stored = bench.stored(Noun::Connections, "corp").await.unwrap();
    let expected = [
        ("enabled", json!(false)),
        ("login_enabled", json!(true)),
        ("own_callback", json!(true)),
        ("preset", json!("custom_oidc")),
        ("secrets", json!(["oidc.client_secret"])),
        // Nobody has said whom this provider may speak for.
        ("email_trust", json!("domain")),
    ];
    for (field, value) in expected {
        assert_eq!(stored[field], value, "{field}: {stored}");
    }
    assert!(stored.get("button_text").is_none(), "{stored}");
    assert_eq!(bench.stored(Noun::Connections, "okta").await.unwrap()["oidc"]["issuer"], "https://acme.okta.com");
    assert!(bench.ticked(&mut guest, "The connection is filled in").await);
    assert!(bench.ticked(&mut guest, "The provider&#39;s metadata was read, and can be used").await);
    assert!(!bench.ticked(&mut guest, "The connection is switched on (by whoever sent you the link)").await);
    let log = audit::page(&bench.app.db, &audit::Filter::default(), None, 1).await.unwrap();
    let actor = "set-up link corp by administrator ada@acme.example";
    assert_eq!((log[0].actor.as_str(), log[0].subject.as_str()), (actor, "connection acme/corp"));

    // What is wrong stands beside its field; a secret that stays is sent nowhere else.
    let moved: Vec<_> =
        bench.typed().into_iter().filter(|(name, _)| !matches!(*name, "oidc.issuer" | "oidc.client_secret")).collect();
    let moved: Vec<_> = moved.into_iter().chain([("oidc.issuer", "https://evil.example")]).collect();
    let answer = bench.send(&mut guest, "/setup", &moved).await;
    assert!(answer.status == 422 && answer.body.contains("type the secret anew"), "{}", answer.body);
    assert!(!answer.body.contains(CLIENT_SECRET));
    assert_eq!(bench.stored(Noun::Connections, "corp").await.unwrap()["oidc"]["issuer"], bench.idp.issuer());
}

async fn a_link_opens_nothing_else(backend: Backend) {
    let bench = Bench::new(backend).await;
    let mut guest = bench.follow(&bench.link("corp", &[]).await).await;
    let bob = bench.user_id("bob@acme.example").await;
    for (_, method, page) in pages(&bob) {
        let answer = guest.send(method.clone(), &bench.at(&page), &[], None).await;
        let to = answer.location().unwrap_or_default();
        assert!(answer.status == 303 && to.starts_with("/login?to=%2Fadmin"), "{method} {page}: {} {to}", answer.status);
    }
    for path in ["/api/v1/tenants", "/api/v1/tenants/acme/connections/corp", "/api/v1/audit", "/api/v1/tenants/acme/setup-links"]
    {
        assert_eq!(guest.get(&bench.at(path)).await.status, 401, "{path}");
    }
    // A form counts only when this browser's page sent it.
    let mut another = bench.follow(&bench.link("corp", &[]).await).await;
    let foreign = another.get(&bench.at("/setup")).await.csrf();
    let own = guest.get(&bench.at("/setup")).await.csrf();
    for (method, path) in routes().into_iter().filter(|(method, _)| *method == Method::POST) {
        for (what, token, header) in [
            ("none", "", None),
            ("another browser's", foreign.as_str(), None),
            ("another origin", own.as_str(), Some(("origin", "https://evil.example"))),
            ("another site", own.as_str(), Some(("sec-fetch-site", "cross-site"))),
        ] {
            let body = url::form_urlencoded::Serializer::new(String::new()).append_pair("csrf", token).finish();
            let mut headers = vec![("content-type", "application/x-www-form-urlencoded")];
            headers.extend(header);
            let answer = guest.send(method.clone(), &bench.at(path), &headers, Some(body)).await;
            assert_eq!(answer.status, 403, "{method} {path}, {what}: {}", answer.body);
        }
    }
    // Without the cookie nothing is there, and nobody guesses a link.
    for (method, path) in routes() {
        assert_eq!(Browser::new().send(method.clone(), &bench.at(path), &[], None).await.status, 404, "{method} {path}");
    }
    for path in ["/setup/none", "/setup/%00", "/setup/%FF"] {
        assert_eq!(Browser::new().get(&bench.at(path)).await.status, 404, "{path}");
    }
}

async fn a_link_ends_in_many_ways(backend: Backend) {
    for end in ["revoked", "finished", "tenant disabled", "connection deleted", "expired"] {
        let bench = Bench::new(backend).await;
        let url = bench.link("corp", &[("directory", "on"), ("domain", "on")]).await;
        let mut guest = bench.follow(&url).await;
        bench.save(&mut guest).await;
        let csrf = guest.get(&bench.at("/setup")).await.csrf();
        assert_eq!(bench.follow(&url).await.get(&bench.at("/setup")).await.status, 200, "it can be followed again");
        match end {
            "revoked" => {
                let mut ada = bench.ada().await;
                let page = ada.get(&bench.at(LINKS)).await;
                let (_, rest) = page.body.split_once(&format!("href=\"{LINKS}/")).unwrap();
                let to = format!("{LINKS}/{}", rest.split_once('"').unwrap().0);
                let question = ada.get(&bench.at(&to)).await;
                assert!(question.body.contains("Revoke the set-up link for corp?"), "{}", question.body);
                assert_eq!(guest.get(&bench.at("/setup")).await.status, 200, "a question ends nothing");
                let answer = ada.post(&bench.at(&to), &[("csrf", &question.csrf())]).await;
                assert_eq!(answer.location(), Some("/admin/acme/setup-links?done=revoked"), "{}", answer.body);
            }
            "finished" => {
                let answer = bench.send(&mut guest, "/setup/finish", &[]).await;
                assert!(answer.status == 200 && answer.body.contains("Thank you"), "{}", answer.body);
            }
            "tenant disabled" => {
                bench.sql("UPDATE tenants SET enabled = FALSE WHERE name = 'acme'").await;
            }
            "connection deleted" => {
                bench.sql("DELETE FROM connections WHERE name = 'corp'").await;
            }
            _ => bench.clock.advance(7 * 86_400),
        }
        assert_eq!(Browser::new().get(&url).await.status, 404, "{end}");
        for (method, path) in routes() {
            let all: Vec<_> = [("csrf", csrf.as_str())].into_iter().chain(bench.typed()).collect();
            let answer = match method {
                Method::GET => guest.get(&bench.at(path)).await,
                _ => guest.post(&bench.at(path), &all).await,
            };
            assert_eq!(answer.status, 404, "{end}: {method} {path}: {}", answer.body);
        }
    }
}

async fn a_link_covers_what_it_says(backend: Backend) {
    let bench = Bench::new(backend).await;
    let mut bare = bench.follow(&bench.link("bare", &[]).await).await;
    for path in ["/setup/domain", "/setup/domain/check", "/setup/token"] {
        assert_eq!(bench.send(&mut bare, path, &[("domain", "b.example")]).await.status, 404, "{path}");
    }
    let mut guest = bench.follow(&bench.link("corp", &[("directory", "on"), ("domain", "on")]).await).await;
    let early = bench.send(&mut guest, "/setup/token", &[]).await;
    assert!(early.status == 422 && early.body.contains("Save the connection first"), "{}", early.body);
    bench.save(&mut guest).await;
    let answer = bench.send(&mut guest, "/setup/token", &[]).await;
    let (_, rest) = answer.body.split_once("<code class=\"copy\">ghs_").unwrap_or_else(|| panic!("no token: {}", answer.body));
    let bearer = format!("Bearer ghs_{}", rest.split_once('<').unwrap().0);
    assert!(!guest.get(&bench.at("/setup")).await.body.contains("ghs_"), "it is shown once");
    assert_eq!(bench.stored(Noun::Directories, "corp").await.unwrap()["connection"], "corp");
    assert!(
        bench.ticked(&mut guest, "The directory has a token").await
            && !bench.ticked(&mut guest, "The directory has called").await
    );
    let called = Browser::new().get_with(&bench.at("/scim/v2/Users"), &[("authorization", &bearer)]).await;
    assert_eq!(called.status, 200, "{}", called.body);
    assert!(bench.ticked(&mut guest, "The directory has called").await);

    // A directory of this name that is somebody else's stays theirs.
    let mut people = bench.follow(&bench.link("people", &[("directory", "on")]).await).await;
    bench.save(&mut people).await;
    let answer = bench.send(&mut people, "/setup/token", &[]).await;
    assert!(answer.status == 422 && !answer.body.contains("ghs_"), "{}", answer.body);

    assert_eq!(bench.send(&mut guest, "/setup/domain/check", &[]).await.status, 404, "none was asked for");
    let wrong = bench.send(&mut guest, "/setup/domain", &[("domain", "gmail.com")]).await;
    assert!(wrong.status == 422 && wrong.body.contains("mailbox provider"), "{}", wrong.body);
    let answer = bench.send(&mut guest, "/setup/domain", &[("domain", "corp.example")]).await;
    assert_eq!(answer.location(), Some("/setup?done=challenged"), "{}", answer.body);
    let page = guest.get(&bench.at("/setup")).await;
    let (_, rest) = page.body.split_once("gatehouse-domain-verification=").unwrap();
    let value = format!("gatehouse-domain-verification={}", rest.split_once('<').unwrap().0);
    assert_eq!(bench.send(&mut guest, "/setup/domain/check", &[]).await.location(), Some("/setup?done=not-there"));
    bench.publish("corp.example", &[&value]);
    assert_eq!(bench.send(&mut guest, "/setup/domain/check", &[]).await.location(), Some("/setup?done=proven"));
    assert!(bench.has("acme", "corp.example").await && bench.ticked(&mut guest, "The domain is proven").await);
    let log = audit::page(&bench.app.db, &audit::Filter { subject: Some("tenant acme"), ..Default::default() }, None, 1).await;
    assert!(log.unwrap()[0].actor.starts_with("set-up link corp by "));
}

async fn what_is_in_use_stays(backend: Backend) {
    let bench = Bench::new(backend).await;
    bench.sql("UPDATE connections SET enabled = FALSE WHERE name = 'okta'").await;
    let mut guest = bench.follow(&bench.link("okta", &[]).await).await;
    bench.sql("UPDATE connections SET enabled = TRUE WHERE name = 'okta'").await;
    let before = bench.stored(Noun::Connections, "okta").await;
    let page = guest.get(&bench.at("/setup")).await;
    assert!(page.body.contains("The connection is in use") && !page.body.contains("oidc.client_secret"), "{}", page.body);
    for path in ["/setup", "/setup/check"] {
        assert_eq!(bench.send(&mut guest, path, &bench.typed()).await.status, 409, "{path}");
    }
    assert_eq!(bench.stored(Noun::Connections, "okta").await, before);
    // Switched off it is a draft again.
    bench.sql("UPDATE connections SET enabled = FALSE WHERE name = 'okta'").await;
    assert_eq!(bench.send(&mut guest, "/setup", &bench.typed()).await.status, 303);
}

async fn a_link_is_in_no_log(backend: Backend) {
    let bench = Bench::new(backend).await;
    let log = Log::down_to(tracing::Level::DEBUG);
    let url = bench.link("corp", &[]).await;
    let mut guest = bench.follow(&url).await;
    bench.save(&mut guest).await;
    let token = url.rsplit_once('/').unwrap().1;
    let cookie = guest.cookies.values().next().unwrap()["__Host-gatehouse-setup"].clone();
    let text = log.text();
    assert!(text.contains("answered") && !text.contains(token) && !text.contains(&cookie));
    drop(log);
    let links =
        store::setup_links::window(&bench.app.db, &Window::new(&bench.tenant("acme").await.id, "", "", 10)).await.unwrap();
    assert_eq!((links.len(), links[0].state(bench.clock.now())), (1, "open"));
    assert!(!format!("{links:?}").contains(token), "a digest is all that is kept");
}
