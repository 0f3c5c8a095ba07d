//! What one tenant changes may take long to read: whoever asks about another one does not wait for it, on no path; and whoever
//! asks about that one is not answered before.

use std::sync::Arc;

use gatehouse::trust::catalogue::Catalogue;
use reqwest::Method;
use serde_json::json;

use crate::{
    browser::{Answer, Browser},
    catalogue::principal,
    idp::Idp,
    on_both,
    trusted::Trusted,
    world::{Backend, World, text},
};

on_both!(nobody_waits_on_any_path, a_foreign_token_may_be_anybodys);

const STATE: &str = r#"
tenants:
- name: acme
  clients:
  - {client_id: web, secret: web-secret, redirect_uris: ["https://app.example/cb"], trusted: true, admin_api: true}
  - {client_id: ci, token_endpoint_auth_method: none, grant_types: [token_exchange]}
  users:
  - {email: ada@acme.example, password: "correct horse", admin: true, active: true}
  sites:
  - {name: app, hosts: [app.example], issuers: [gatehouse]}
  - {name: mcp, hosts: [mcp.example], issuers: [gatehouse], audience: "https://mcp.example/mcp"}
- name: big
"#;

/// Where somebody asks about acme.
const PATHS: [&str; 15] = [
    "whoami",
    "whoami, the tenant named",
    "whoami, a foreign token",
    "whoami, a foreign token, its issuer named",
    "check",
    "check, a foreign token",
    "exchange",
    "exchange, the issuer named",
    "introspection",
    "explain",
    "explain, the issuer named",
    "explain, at a site",
    "metadata of a site",
    "admin",
    "forward",
];

struct Scene {
    world: Trusted,
    acme: String,
    big: String,
    own: String,
    admin: String,
    foreign: String,
}

impl Scene {
    async fn new(backend: Backend) -> Self {
        let world = World::with(backend, STATE, &[("TRUSTED_PROXIES", "127.0.0.1/32, ::1/128")]).await;
        let idp = Idp::start(world.clock.clone()).await;
        let world = Trusted { world, idp };
        world.trust("acme", "idp", |_| {}).await;
        world.identity("caller", json!({})).await;
        let own = text(&world.tokens("web").await, "access_token").to_owned();
        let admin = world.administering("web").await;
        let foreign = world.token(json!({"tenant": "acme"}));
        let (acme, big) = (world.tenant_id("acme").await, world.tenant_id("big").await);
        Self { world, acme, big, own, admin, foreign }
    }

    async fn ask(&self, path: &str) -> Answer {
        const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
        const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
        let Self { world, own, admin, foreign, .. } = self;
        let check = json!({"resource": {"type": "model", "name": "gpt"}, "role": "viewer"});
        let url = |path: &str| format!("{}{path}", world.url);
        let mut exchange =
            vec![("grant_type", EXCHANGE), ("subject_token", foreign.as_str()), ("subject_token_type", ACCESS_TOKEN)];
        match path {
            "whoami" => world.get("/api/v1/whoami", own).await,
            "whoami, the tenant named" => world.get("/api/v1/whoami?tenant=acme", own).await,
            "whoami, a foreign token" => world.get("/api/v1/whoami?tenant=acme", foreign).await,
            "whoami, a foreign token, its issuer named" => world.get("/api/v1/whoami?tenant=acme&issuer=idp", foreign).await,
            "check" => world.post("/api/v1/access/check", own, &check).await,
            "check, a foreign token" => world.post("/api/v1/access/check?tenant=acme", foreign, &check).await,
            "exchange" => Browser::new().post_as(&url("/oauth2/token"), "ci", None, &exchange).await,
            "exchange, the issuer named" => {
                exchange.push(("issuer", "idp"));
                Browser::new().post_as(&url("/oauth2/token"), "ci", None, &exchange).await
            }
            "introspection" => {
                Browser::new().post_as(&url("/oauth2/introspect"), "web", Some("web-secret"), &[("token", own.as_str())]).await
            }
            "explain" => world.post("/api/v1/access/explain", admin, &json!({"token": own})).await,
            "explain, the issuer named" => {
                world.post("/api/v1/access/explain", admin, &json!({"token": foreign, "issuer": "idp"})).await
            }
            "explain, at a site" => {
                world.post("/api/v1/access/explain", admin, &json!({"token": own, "site": "app.example"})).await
            }
            "metadata of a site" => {
                let url = url("/.well-known/oauth-protected-resource/mcp");
                Browser::new().get_with(&url, &[("host", "mcp.example")]).await
            }
            "admin" => world.get("/api/v1/tenants/acme/clients", admin).await,
            "forward" => {
                let bearer = format!("Bearer {own}");
                let headers = [
                    ("x-forwarded-method", "GET"),
                    ("x-forwarded-proto", "https"),
                    ("x-forwarded-host", "app.example"),
                    ("x-forwarded-uri", "/"),
                    ("authorization", bearer.as_str()),
                ];
                Browser::new().send(Method::GET, &url("/auth/forward"), &headers, None).await
            }
            path => panic!("{path}"),
        }
    }

    /// What was read last: nothing is for this.
    async fn kept(&self) -> Arc<Catalogue> {
        self.world.app.trust.catalogue_where(self.world.clock.now(), |_, _| true).await.unwrap()
    }

    async fn change(&self, tenant_id: &str, name: &str) {
        principal(&self.world.app, name, tenant_id, true).await;
    }
}

async fn nobody_waits_on_any_path(backend: Backend) {
    let scene = Scene::new(backend).await;
    for (at, path) in PATHS.into_iter().enumerate() {
        let answer = scene.ask(path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        // Whatever was changed so far is read now.
        let before = scene.world.app.trust.catalogue(scene.world.clock.now()).await.unwrap();
        scene.change(&scene.big, &format!("theirs-{at}")).await;
        let answer = scene.ask(path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        assert!(Arc::ptr_eq(&scene.kept().await, &before), "{path}: it was read what another tenant has changed");
        // The honest twin: one's own changes are.
        scene.change(&scene.acme, &format!("own-{at}")).await;
        let answer = scene.ask(path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        assert!(!Arc::ptr_eq(&scene.kept().await, &before), "{path}: it was not read what its own tenant has changed");
    }
    // Our own documents are the same whatever anybody has changed.
    let before = scene.kept().await;
    for (tenant, name) in [(&scene.big, "theirs"), (&scene.acme, "own")] {
        scene.change(tenant, name).await;
        assert_eq!(Browser::new().get(&format!("{}/.well-known/oauth-protected-resource", scene.world.url)).await.status, 200);
        assert!(Arc::ptr_eq(&scene.kept().await, &before), "{name}");
    }
}

/// Where nobody says which tenant a foreign token is for, it may be for the one that has changed something, whatever the token
/// says.
async fn a_foreign_token_may_be_anybodys(backend: Backend) {
    let scene = Scene::new(backend).await;
    let world = &scene.world;
    assert_eq!(world.name(&scene.foreign).await, "caller");
    let before = scene.kept().await;
    scene.change(&scene.big, "theirs").await;
    assert_eq!(world.name(&scene.foreign).await, "caller");
    assert!(!Arc::ptr_eq(&scene.kept().await, &before), "it was read");
    // A tenant that is not known may have been made since.
    let before = scene.kept().await;
    scene.change(&scene.big, "more").await;
    assert_eq!(world.get("/api/v1/whoami?tenant=late", &scene.foreign).await.status, 401);
    assert!(!Arc::ptr_eq(&scene.kept().await, &before), "it was read");
}
