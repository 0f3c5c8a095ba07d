//! Protected-resource metadata and challenges (RFC 9728): a client that is refused finds out where tokens come from.

use gatehouse::{
    policy::site::{ForwardMethod, OURSELVES, SiteSettings},
    secret,
    store::{
        sites::{self, Site},
        trusted_issuers::{self, TrustedIssuer},
    },
};
use serde_json::{Value, json};

use crate::{
    browser::{Answer, Browser},
    on_both,
    trusted::Trusted,
    world::{Backend, STATE, World},
};

on_both!(our_own_api_says_where_tokens_come_from, each_site_has_its_own, only_our_proxies_say_what_was_asked);

const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

impl World {
    /// Asks for a path as if the deployment were at `host`.
    async fn metadata(&self, host: &str, path: &str) -> Answer {
        Browser::new().get_with(&format!("{}{path}", self.url), &[("host", host)]).await
    }

    async fn site(&self, tenant_id: &str, name: &str, change: impl FnOnce(&mut SiteSettings)) -> Site {
        let mut settings = SiteSettings { issuers: vec![OURSELVES.to_owned()], ..SiteSettings::default() };
        change(&mut settings);
        let (id, tenant_id, name) = (secret::random_id(), tenant_id.to_owned(), name.to_owned());
        let site = Site { id, tenant_id, name, enabled: true, settings, created_at: self.clock.now() };
        self.save(&site).await;
        site
    }

    async fn forget(&self, site: &Site) {
        let mut tx = self.app.db.begin().await.unwrap();
        sites::delete(&mut tx, &site.id).await.unwrap();
        tx.commit().await.unwrap();
    }

    async fn save(&self, site: &Site) {
        let mut tx = self.app.db.begin().await.unwrap();
        sites::save(&mut tx, site).await.unwrap();
        tx.commit().await.unwrap();
    }
}

async fn our_own_api_says_where_tokens_come_from(backend: Backend) {
    let world = World::new(backend).await;
    let url = format!("{}{WELL_KNOWN}", world.url);
    let answer = Browser::new().get_with(&url, &[("origin", "https://inspector.example")]).await;
    let expected = json!({
        "resource": world.url, "authorization_servers": [world.url], "bearer_methods_supported": ["header"],
        "scopes_supported": ["openid", "email", "profile", "groups"], "resource_name": "gatehouse",
    });
    assert_eq!((answer.status, answer.json()), (200, expected));
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    assert_eq!(answer.header("cache-control"), Some("public, max-age=300"));
    let asked = [
        ("origin", "https://inspector.example"),
        ("access-control-request-method", "GET"),
        ("access-control-request-headers", "mcp-protocol-version"),
    ];
    let preflight = Browser::new().send(reqwest::Method::OPTIONS, &url, &asked, None).await;
    let allowed = preflight.header("access-control-allow-headers").unwrap();
    assert!(allowed.contains("mcp-protocol-version") && allowed.contains("authorization"), "{allowed}");
    assert_eq!(Browser::new().get(&format!("{url}/mcp")).await.status, 404);
    // The challenge leads there.
    for (token, error) in [(None, ""), (Some("nonsense"), "error=\"invalid_token\"")] {
        let bearer = token.map(|t| format!("Bearer {t}"));
        let headers: Vec<(&str, &str)> = bearer.iter().map(|b| ("authorization", b.as_str())).collect();
        let refused = Browser::new().get_with(&format!("{}/oauth2/userinfo", world.url), &headers).await;
        let challenge = refused.header("www-authenticate").unwrap();
        assert_eq!(refused.status, 401);
        assert!(challenge.starts_with("Bearer ") && challenge.contains(error), "{challenge}");
        assert!(challenge.ends_with(&format!("resource_metadata=\"{url}\"")), "{challenge}");
    }
    let wrong = Browser::new().post_as(&format!("{}/oauth2/token", world.url), "web", Some("no"), &[("grant_type", "x")]).await;
    assert_eq!(wrong.header("www-authenticate"), Some("Basic realm=\"gatehouse\""), "no place for bearer tokens");
}

async fn each_site_has_its_own(backend: Backend) {
    let world = Trusted::with(backend, STATE).await;
    let acme = world.tenant_id("acme").await;
    let audience = "https://mcp.example/mcp";
    let mcp = world
        .site(&acme, "mcp", |s| {
            s.hosts = vec!["mcp.example".into()];
            s.audience = Some(audience.into());
            s.scopes = vec!["mcp:read".into(), "mcp:write".into()];
        })
        .await;
    let expected = json!({
        "resource": audience, "authorization_servers": [world.url], "scopes_supported": ["mcp:read", "mcp:write"],
        "bearer_methods_supported": ["header"], "resource_name": "mcp",
    });
    for path in [format!("{WELL_KNOWN}/mcp"), WELL_KNOWN.to_owned()] {
        let answer = world.metadata("mcp.example", &path).await;
        assert_eq!((answer.status, answer.json()), (200, expected.clone()), "{path}");
        assert_eq!(world.metadata("MCP.example", &path).await.status, 200);
    }
    for (host, path) in [
        ("mcp.example", format!("{WELL_KNOWN}/other")),
        ("mcp.example", format!("{WELL_KNOWN}/mcp/deeper")),
        ("mcp.example", format!("{WELL_KNOWN}/%6dcp")),
        ("mcp.example:8443", WELL_KNOWN.to_owned()),
        ("evil.example", format!("{WELL_KNOWN}/mcp")),
        ("mcp.example@evil.example", WELL_KNOWN.to_owned()),
    ] {
        assert_eq!(world.metadata(host, &path).await.status, 404, "{host} {path}");
    }
    // A second resource on the host: then the host alone is no answer. It takes a partner's tokens beside ours.
    world
        .site(&acme, "partner", |s| {
            (s.hosts, s.paths) = (vec!["mcp.example".into()], vec!["/partner".into()]);
            s.audience = Some("https://mcp.example/partner".into());
            s.issuers = vec![OURSELVES.to_owned(), "idp".into()];
        })
        .await;
    let partner = world.metadata("mcp.example", &format!("{WELL_KNOWN}/partner")).await.json();
    assert_eq!(partner["authorization_servers"], json!([world.url, world.idp.issuer()]));
    // Where only exchanged tokens pass, nobody is sent to fetch others.
    let alone = |s: &mut SiteSettings| {
        (s.hosts, s.audience) = (vec!["alone.example".into()], Some("https://alone.example".into()));
        (s.issuers, s.exchanged_only) = (vec![OURSELVES.to_owned(), "idp".into()], true);
    };
    world.site(&acme, "alone", alone).await;
    assert_eq!(world.metadata("alone.example", WELL_KNOWN).await.json()["authorization_servers"], json!([world.url]));
    assert_eq!((partner.get("scopes_supported"), &partner["resource"]), (None, &json!("https://mcp.example/partner")));
    assert_eq!(world.metadata("mcp.example", &format!("{WELL_KNOWN}/mcp")).await.json(), expected);
    assert_eq!(world.metadata("mcp.example", WELL_KNOWN).await.status, 404);
    // Only who gives tokens now, at an address, is named; nobody is no list.
    world.trust("acme", "workloads", |s| s.issuer = Some("spiffe://acme.example".to_owned())).await;
    let off = world.trust("acme", "off", |s| s.issuer = Some("https://off.example".to_owned())).await;
    trusted_issuers::save(&world.app.db, &TrustedIssuer { enabled: false, ..off }).await.unwrap();
    let any = async |issuers: &[&str]| {
        let issuers = issuers.iter().map(|&name| name.to_owned()).collect();
        let change = |s: &mut SiteSettings| {
            (s.hosts, s.audience, s.issuers) = (vec!["any.example".into()], Some("https://any.example".into()), issuers);
        };
        let site = world.site(&acme, "any", change).await;
        let told = world.metadata("any.example", WELL_KNOWN).await;
        world.forget(&site).await;
        (told.status, told.json().get("authorization_servers").cloned())
    };
    assert_eq!(any(&["workloads", "off"]).await, (200, None));
    assert_eq!(any(&["workloads", "off", "idp"]).await, (200, Some(json!([world.idp.issuer()]))));
    // A site that cannot work sends nobody for tokens.
    let broken = |s: &mut SiteSettings| {
        (s.hosts, s.audience) = (vec!["broken.example".into()], Some("https://broken.example".into()));
        (s.identity.method, s.identity.header_name) = (ForwardMethod::JwtHeader, Some("Connection".into()));
    };
    world.site(&acme, "broken", broken).await;
    assert_eq!(world.metadata("broken.example", WELL_KNOWN).await.status, 404);
    // An audience that is elsewhere, or no address at all, has no metadata here.
    for (name, audience) in [("api", Some("api://default")), ("else", Some("https://mcp.example/mcp")), ("none", None)] {
        let host = format!("{name}.example");
        world.site(&acme, name, |s| (s.hosts, s.audience) = (vec![host.clone()], audience.map(str::to_owned))).await;
        assert_eq!(world.metadata(&host, WELL_KNOWN).await.status, 404, "{name}");
    }
    world.save(&Site { enabled: false, ..mcp }).await;
    let answer = world.metadata("mcp.example", &format!("{WELL_KNOWN}/mcp")).await;
    assert_eq!((answer.status, &answer.json()["error"]), (404, &json!("not_found")), "disabled");
}

async fn only_our_proxies_say_what_was_asked(backend: Backend) {
    let forwarded = [("x-forwarded-host", "mcp.example"), ("x-forwarded-proto", "https")];
    for (proxies, resource) in [("127.0.0.1/32,::1/128", json!("https://mcp.example")), ("192.0.2.0/24", Value::Null)] {
        let world = World::with(backend, STATE, &[("TRUSTED_PROXIES", proxies)]).await;
        let acme = gatehouse::store::tenants::find_by_name(&world.app.db, "acme").await.unwrap().unwrap();
        world
            .site(&acme.id, "mcp", |s| {
                (s.hosts, s.audience) = (vec!["mcp.example".into()], Some("https://mcp.example".into()));
            })
            .await;
        let answer = Browser::new().get_with(&format!("{}{WELL_KNOWN}", world.url), &forwarded).await.json();
        let own = json!(world.url);
        assert_eq!(answer["resource"], if resource.is_null() { own.clone() } else { resource }, "{proxies}");
        let issuer = &answer["authorization_servers"];
        assert_eq!(*issuer, json!([own]), "whatever the request says");
    }
}
