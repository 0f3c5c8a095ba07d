//! Clients of ours that push for a directory: what they get at the token endpoint, what it opens, and what ends it.

use gatehouse::{
    admin_link, apply,
    clock::Clock,
    oauth::protected_resource,
    password,
    policy::email::Email,
    store::{audit::Actor, clients, directories, tenants, users},
};
use reqwest::Method;
use serde_json::json;

use super::{FAST, Pusher, at, group, person, refused, token};
use crate::{
    browser::{Answer, Browser},
    on_both,
    world::{Backend, START, World, decode, text},
};

on_both!(
    a_client_pushes_for_its_directory,
    what_a_client_may_ask_for,
    whatever_it_stands_on_ends_it_on_every_path,
    no_other_token_pushes,
    it_opens_nothing_else,
    it_shares_the_directorys_pace,
    a_client_has_one_directory_of_its_tenant,
    who_may_bind_a_client,
    what_ends_binds_no_client
);

/// `SCIM` stands for our address of directories.
const STATE: &str = r#"
tenants:
- name: acme
  domains: [acme.example]
  virtual_accounts: [{name: batch}]
  directories:
  - {name: ping, enabled: true}
  - {name: okta, enabled: true}
  clients:
  - {client_id: pusher, secret: pusher-secret, enabled: true, grant_types: [client_credentials], directory: ping}
  - {client_id: batch, secret: batch-secret, grant_types: [client_credentials], virtual_account: batch, scopes: [scim], resources: ["SCIM"]}
  - {client_id: web, secret: web-secret, redirect_uris: ["https://app.example/cb"], trusted: true, scopes: [openid, scim, offline_access], resources: ["SCIM"]}
  service_tokens:
  - {name: narrow, token: "narrow-0123456789abcdef0123456789abcdef", scopes: ["clients:write"]}
  - {name: wide, token: "wide-0123456789abcdef0123456789abcdef", scopes: ["clients:write", "directories:write"]}
  users:
  - {email: ada@acme.example, name: Ada, password: "correct horse", admin: true}
- name: other
  directories:
  - {name: ping}
  clients:
  - {client_id: other-pusher, secret: other-secret, grant_types: [client_credentials], directory: ping}
"#;

struct Desk {
    world: World,
    state: String,
}

impl Desk {
    async fn new(backend: Backend, settings: &[(&str, &str)]) -> Self {
        let world = World::bare(backend, Clock::manual(START), settings).await;
        let state = STATE.replace("SCIM", &protected_resource::scim(world.app.issuer()));
        world.apply(&state).await;
        Self { world, state }
    }

    async fn ask(&self, client: &str, secret: &str, form: &[(&str, &str)]) -> Answer {
        let mut all = vec![("grant_type", "client_credentials")];
        all.extend_from_slice(form);
        Browser::new().post_as(&format!("{}/oauth2/token", self.world.url), client, Some(secret), &all).await
    }

    /// Whoever pushes with what a client gets.
    async fn pusher(&self) -> Pusher {
        let answer = self.ask("pusher", "pusher-secret", &[("scope", "scim")]).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        self.with("ping", text(&answer.json(), "access_token")).await
    }

    async fn with(&self, directory: &str, token: &str) -> Pusher {
        let acme = tenants::find_by_name(&self.world.app.db, "acme").await.unwrap().unwrap();
        let row = directories::find_by_name(&self.world.app.db, &acme.id, directory).await.unwrap().unwrap();
        Pusher { row, token: token.to_owned(), base: format!("{}/scim/v2", self.world.url) }
    }
}

fn refusal(answer: &Answer) -> (u16, String) {
    (answer.status, text(&answer.json(), "error").to_owned())
}

async fn a_client_pushes_for_its_directory(backend: Backend) {
    let desk = Desk::new(backend, &[FAST]).await;
    let answer = desk.ask("pusher", "pusher-secret", &[("scope", "scim")]).await.json();
    assert_eq!((&answer["token_type"], &answer["expires_in"], &answer["scope"]), (&json!("Bearer"), &json!(900), &json!("scim")));
    assert_eq!((answer.get("refresh_token"), answer.get("id_token")), (None, None));
    let pusher = desk.with("ping", text(&answer, "access_token")).await;
    let claims = decode(&pusher.token).1;
    assert_eq!((&claims["aud"], &claims["sub"]), (&json!(format!("{}/scim/v2", desk.world.url)), &json!(pusher.row.id)));

    let kim = pusher.user("kim@acme.example").await;
    let sre = pusher.group("SRE", &[&kim]).await;
    assert_eq!(pusher.patch(&at(&sre), json!([{"op": "remove", "path": "members"}])).await.status, 204);
    assert_eq!(pusher.patch(&at(&kim), json!([{"op": "replace", "value": {"active": false}}])).await.status, 200);
    // It is the directory, as whoever has a token of that sees it, and no other.
    let own = desk.with("ping", &token(&desk.world, &pusher.row.id, None).await).await;
    assert_eq!(own.found("/Users", "userName eq \"kim@acme.example\"").await.len(), 1);
    let okta = desk.with("okta", "").await;
    let okta = desk.with("okta", &token(&desk.world, &okta.row.id, None).await).await;
    refused(&okta.get(&at(&kim)).await, 404, None);
    // And what it did is told as its.
    let db = &desk.world.app.db;
    for sql in [
        "SELECT DISTINCT actor FROM audit WHERE via = 'scim'",
        "SELECT DISTINCT actor FROM receipts WHERE email = 'kim@acme.example'",
    ] {
        assert_eq!(db.all::<(String,)>(sql, &[]).await.unwrap(), [("client pusher for directory ping".to_owned(),)], "{sql}");
    }
}

async fn what_a_client_may_ask_for(backend: Backend) {
    let desk = Desk::new(backend, &[FAST]).await;
    let base = protected_resource::scim(desk.world.app.issuer());
    let (base, platform) = (base.as_str(), desk.world.url.as_str());
    for (form, error) in [
        (vec![], None),
        (vec![("resource", base)], None),
        (vec![("scope", "scim"), ("resource", base)], None),
        (vec![("scope", "scim openid")], Some("invalid_scope")),
        (vec![("scope", "jobs:read")], Some("invalid_scope")),
        (vec![("resource", platform)], Some("invalid_target")),
        (vec![("resource", base), ("resource", "https://one.example")], Some("invalid_target")),
    ] {
        let answer = desk.ask("pusher", "pusher-secret", &form).await;
        match error {
            None => assert_eq!(answer.status, 200, "{form:?}: {}", answer.body),
            Some(error) => assert_eq!(refusal(&answer), (400, error.to_owned()), "{form:?}"),
        }
    }
    assert_eq!(refusal(&desk.ask("pusher", "other-secret", &[]).await), (401, "invalid_client".to_owned()));
    for (name, off) in [("directory", "{name: ping, enabled: false}"), ("tenant", "{name: ping, enabled: true}")] {
        desk.world.apply(&desk.state.replacen("{name: ping, enabled: true}", off, 1)).await;
        if name == "tenant" {
            desk.world.sql("UPDATE tenants SET enabled = FALSE WHERE name = 'acme'").await;
        }
        let answer = desk.ask("pusher", "pusher-secret", &[]).await;
        assert_ne!(answer.status, 200, "{name}: {}", answer.body);
    }
}

/// Whether it was not let in: of strangers some are told to come later.
fn closed(status: u16) -> bool {
    matches!(status, 401 | 429)
}

/// Everything that a directory asks for.
async fn every_path(pusher: &Pusher) -> Vec<u16> {
    let operation = json!([{"op": "replace", "path": "displayName", "value": "x"}]);
    let bulk = json!({"Operations": [{"method": "DELETE", "path": "/Users/nobody"}]});
    let mut all = Vec::new();
    for path in ["/Users", "/Groups"] {
        let one = format!("{path}/nobody");
        all.push(pusher.get(path).await.status);
        all.push(pusher.get(&one).await.status);
        all.push(pusher.post(path, &json!({})).await.status);
        all.push(pusher.post(&format!("{path}/.search"), &json!({})).await.status);
        let whole = if path == "/Users" { person("a@acme.example") } else { group("a", &[]) };
        all.push(pusher.put(&one, &whole).await.status);
        all.push(pusher.patch(&one, operation.clone()).await.status);
        all.push(pusher.delete(&one).await.status);
    }
    all.push(pusher.post("/Bulk", &bulk).await.status);
    all
}

async fn whatever_it_stands_on_ends_it_on_every_path(backend: Backend) {
    let desk = Desk::new(backend, &[FAST]).await;
    let pusher = desk.pusher().await;
    let (client, ping) = ("enabled: true, grant_types: [client_credentials], directory: ping", "{name: ping, enabled: true}");
    for (state, was, is) in [
        ("the client is off", client, "enabled: false, grant_types: [client_credentials], directory: ping"),
        ("the client pushes for another", client, "enabled: true, grant_types: [client_credentials], directory: okta"),
        ("the client acts as somebody", client, "enabled: true, grant_types: [client_credentials], virtual_account: batch"),
        ("the client has lost the grant", client, "enabled: true, redirect_uris: [\"https://app.example/cb\"]"),
        ("the directory is off", ping, "{name: ping, enabled: false}"),
    ] {
        desk.world.apply(&desk.state.replacen(was, is, 1)).await;
        let all = every_path(&pusher).await;
        assert!(all.iter().all(|status| closed(*status)), "{state}: {all:?}");
        desk.world.apply(&desk.state).await;
        let all = every_path(&pusher).await;
        assert!(!all.iter().any(|status| closed(*status)), "{state} no longer: {all:?}");
    }
    desk.world.sql("UPDATE tenants SET enabled = FALSE WHERE name = 'acme'").await;
    assert!(every_path(&pusher).await.iter().all(|status| closed(*status)), "the tenant is off");
    desk.world.sql("UPDATE tenants SET enabled = TRUE WHERE name = 'acme'").await;
    assert_eq!(pusher.get("/Users").await.status, 200);
    let revoked = desk.pusher().await;
    let revoke = format!("{}/oauth2/revoke", desk.world.url);
    let answer = Browser::new().post_as(&revoke, "pusher", Some("pusher-secret"), &[("token", &revoked.token)]).await;
    assert_eq!(answer.status, 200);
    assert!(every_path(&revoked).await.iter().all(|status| closed(*status)), "it was revoked");
    assert_eq!(pusher.get("/Users").await.status, 200, "another was not");
    desk.world.clock.advance(1_000);
    assert!(every_path(&pusher).await.iter().all(|status| closed(*status)), "it has ended");

    // One of the same name is another.
    let pusher = desk.pusher().await;
    assert_eq!(pusher.get("/Users").await.status, 200);
    assert!(directories::delete(&desk.world.app.db, &pusher.row.id).await.unwrap());
    assert!(every_path(&pusher).await.iter().all(|status| closed(*status)), "the directory is gone");
    desk.world.apply(&desk.state).await;
    assert!(every_path(&pusher).await.iter().all(|status| closed(*status)), "and was made anew");
    let pusher = desk.pusher().await;
    assert!(clients::delete(&desk.world.app.db, "pusher").await.unwrap());
    assert!(every_path(&pusher).await.iter().all(|status| closed(*status)), "the client is gone");
}

async fn no_other_token_pushes(backend: Backend) {
    let desk = Desk::new(backend, &[FAST]).await;
    let base = protected_resource::scim(desk.world.app.issuer());
    // For the same address, with the same scope, and of somebody.
    let of_batch = desk.ask("batch", "batch-secret", &[("scope", "scim"), ("resource", &base)]).await;
    assert_eq!((of_batch.status, &decode(text(&of_batch.json(), "access_token")).1["aud"]), (200, &json!(base)));
    let code = desk.world.code("web", &[("scope", "openid scim offline_access"), ("resource", &base)]).await;
    let of_ada = desk.world.redeem("web", &code).await.json();
    assert_eq!(decode(text(&of_ada, "access_token")).1["aud"], json!(base));
    let good = desk.pusher().await;
    let mut signature = good.token.clone();
    let last = signature.pop().unwrap();
    signature.push(if last == 'A' { 'Q' } else { 'A' });
    for (what, other) in [
        ("a principal's", text(&of_batch.json(), "access_token").to_owned()),
        ("a user's", text(&of_ada, "access_token").to_owned()),
        ("an ID token", text(&of_ada, "id_token").to_owned()),
        ("a refresh token", text(&of_ada, "refresh_token").to_owned()),
        ("one that nobody signed", signature),
        ("a secret", "pusher-secret".to_owned()),
    ] {
        let all = every_path(&desk.with("ping", &other).await).await;
        assert!(all.iter().all(|status| closed(*status)), "{what}: {all:?}");
    }
    // Another tenant's pushes for its own, which has the same name.
    let theirs = desk.ask("other-pusher", "other-secret", &[]).await.json();
    let theirs = desk.with("ping", text(&theirs, "access_token")).await;
    let kim = good.user("kim@acme.example").await;
    assert_eq!((theirs.get(&at(&kim)).await.status, good.get(&at(&kim)).await.status), (404, 200));
    let both = [("authorization", &*format!("Bearer {}", theirs.token))];
    assert!(closed(good.send(Method::GET, "/Users", &both, None).await.status), "two tokens");
    assert_eq!(good.get(&format!("/Users?access_token={}", good.token)).await.status, 200, "in the header, as ever");
}

async fn it_opens_nothing_else(backend: Backend) {
    let desk = Desk::new(backend, &[FAST]).await;
    let pusher = desk.pusher().await;
    let bearer = format!("Bearer {}", pusher.token);
    for path in [
        "/api/v1/whoami",
        "/oauth2/userinfo",
        "/api/v1/tenants/acme/users",
        "/api/v1/tenants/acme/directories",
        "/api/v1/audit",
        "/auth/forward",
    ] {
        let answer = Browser::new().get_with(&format!("{}{path}", desk.world.url), &[("authorization", &bearer)]).await;
        assert!((400..500).contains(&answer.status), "{path}: {} {}", answer.status, answer.body);
        assert!(!answer.body.contains("ada@acme.example"), "{path}: {}", answer.body);
    }
    let told = Browser::new()
        .post_as(&format!("{}/oauth2/introspect", desk.world.url), "batch", Some("batch-secret"), &[("token", &pusher.token)])
        .await;
    assert_eq!(told.json()["active"], json!(false), "{}", told.body);
    let again = [("grant_type", "refresh_token"), ("refresh_token", pusher.token.as_str())];
    let answer =
        Browser::new().post_as(&format!("{}/oauth2/token", desk.world.url), "pusher", Some("pusher-secret"), &again).await;
    assert_eq!(answer.status, 400, "{}", answer.body);
}

async fn it_shares_the_directorys_pace(backend: Backend) {
    let desk = Desk::new(backend, &[("SCIM_RATE", "1")]).await;
    let client = desk.pusher().await;
    let own = desk.with("ping", &token(&desk.world, &client.row.id, None).await).await;
    for pusher in [&client, &own, &client, &own] {
        assert_eq!(pusher.get("/Users?count=0").await.status, 200);
    }
    for pusher in [&client, &own] {
        refused(&pusher.get("/Users?count=0").await, 429, None);
    }
}

async fn a_client_has_one_directory_of_its_tenant(backend: Backend) {
    let desk = Desk::new(backend, &[FAST]).await;
    let line = "secret: pusher-secret, enabled: true, grant_types: [client_credentials], directory: ping";
    for (is, why) in [
        ("secret: pusher-secret, grant_types: [client_credentials], directory: none", "none is no directory of tenant acme"),
        ("secret: pusher-secret, grant_types: [client_credentials], directory: ping, virtual_account: batch", "make another one"),
        (
            "secret: pusher-secret, redirect_uris: [\"https://app.example/cb\"], directory: ping",
            "directory needs client_credentials",
        ),
        ("grant_types: [client_credentials], directory: ping", "needs a secret, jwks or jwks_uri"),
    ] {
        let state = desk.state.replacen(line, is, 1);
        let hashing = apply::Hashing { hash: |p| password::hash_now(p).ok(), verify: password::verify_now };
        let file = apply::File { text: &state, origin: "state.yaml", env: &|_| None };
        let (db, sealer, now) = (&desk.world.app.db, &desk.world.app.sealer, desk.world.clock.now());
        let Err(problems) = apply::run(db, sealer, hashing, file, apply::Options::default(), now).await else { panic!("{is}") };
        let said: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert!(said.iter().any(|problem| problem.contains(why)), "{is}: {said:?}");
    }
    // Whoever knows the name of one that has become public pushes nothing, whatever its row says.
    let pusher = desk.pusher().await;
    let mut client = clients::find(&desk.world.app.db, "pusher").await.unwrap().unwrap();
    client.settings.auth = gatehouse::oauth::client::ClientAuth::None;
    clients::save(&desk.world.app.db, &client, START).await.unwrap();
    assert!(closed(pusher.get("/Users").await.status));
}

/// Whoever has the client's secret is the directory: a token that may write clients alone makes none.
async fn who_may_bind_a_client(backend: Backend) {
    let desk = Desk::new(backend, &[FAST]).await;
    let ask = async |token: &str, method: Method, client: &str, body: Option<serde_json::Value>| {
        let url = format!("{}/api/v1/tenants/acme/clients/{client}", desk.world.url);
        let bearer = format!("Bearer {token}-0123456789abcdef0123456789abcdef");
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        Browser::new().send(method, &url, &headers, body.map(|body| body.to_string())).await
    };
    let plain = json!({"client_id": "mine", "secret": "my-own-secret", "redirect_uris": ["https://mine.example/cb"]});
    let bound =
        json!({"client_id": "mine", "secret": "my-own-secret", "grant_types": ["client_credentials"], "directory": "ping"});
    let known =
        json!({"client_id": "pusher", "secret": "my-own-secret", "grant_types": ["client_credentials"], "directory": "ping"});
    assert_eq!(ask("narrow", Method::PUT, "mine", Some(bound.clone())).await.status, 403);
    assert!(clients::find(&desk.world.app.db, "mine").await.unwrap().is_none());
    assert_eq!(ask("narrow", Method::PUT, "mine", Some(plain)).await.status, 201, "honestly");
    assert_eq!(ask("narrow", Method::PUT, "mine", Some(bound.clone())).await.status, 403, "nor makes one of it");
    assert_eq!(ask("narrow", Method::PUT, "pusher", Some(known.clone())).await.status, 403, "nor says another secret");
    assert_eq!(ask("narrow", Method::DELETE, "pusher", None).await.status, 403);
    assert_eq!(desk.ask("pusher", "my-own-secret", &[]).await.status, 401);
    assert_eq!(ask("wide", Method::PUT, "mine", Some(bound)).await.status, 200);
    let answer = desk.ask("mine", "my-own-secret", &[]).await.json();
    assert_eq!(desk.with("ping", text(&answer, "access_token")).await.get("/Users").await.status, 200);
}

/// A client outlives whoever made it: what ends makes and changes none that is a directory, neither a token nor a link that lets
/// in for an hour.
async fn what_ends_binds_no_client(backend: Backend) {
    let desk = Desk::new(backend, &[FAST]).await;
    let ask = async |method: Method, path: &str, body: serde_json::Value| {
        let url = format!("{}/api/v1/tenants/acme/clients{path}", desk.world.url);
        let headers = [("authorization", "Bearer wide-0123456789abcdef0123456789abcdef"), ("content-type", "application/json")];
        Browser::new().send(method, &url, &headers, Some(body.to_string())).await
    };
    let bound = |id: &str| json!({"client_id": id, "secret": "my-own-secret", "grant_types": ["client_credentials"], "directory": "ping"});
    assert_eq!(desk.world.sql("UPDATE service_tokens SET expires_at = 4000000000 WHERE name = 'wide'").await, 1);
    for (method, path, id) in [(Method::PUT, "/mine", "mine"), (Method::POST, "", "mine"), (Method::PUT, "/pusher", "pusher")] {
        let answer = ask(method, path, bound(id)).await;
        assert!(answer.status == 403 && answer.body.contains("a token that ends"), "{path}: {} {}", answer.status, answer.body);
    }
    assert!(clients::find(&desk.world.app.db, "mine").await.unwrap().is_none());
    assert_eq!(desk.ask("pusher", "pusher-secret", &[]).await.status, 200, "its secret is what it was");
    let plain = json!({"client_id": "plain", "secret": "my-own-secret", "redirect_uris": ["https://mine.example/cb"]});
    assert_eq!(ask(Method::PUT, "/plain", plain).await.status, 201, "honestly");

    // Whoever came by break-glass is an administrator for an hour.
    let app = &desk.world.app;
    let tenant = tenants::find_by_name(&app.db, "acme").await.unwrap().unwrap();
    let ada = users::find_by_email(&app.db, &tenant.id, &Email::parse("ada@acme.example").unwrap()).await.unwrap().unwrap();
    let actor = Actor::command_line();
    let link = admin_link::break_glass(&app.db, &app.sealer, app.issuer(), (&actor, &ada), 900, app.clock.now()).await.unwrap();
    let mut by_link = Browser::new();
    let csrf = by_link.get(&link).await.csrf();
    assert_eq!(by_link.post(&link, &[("csrf", &csrf)]).await.location(), Some("/admin"));
    let list = format!("{}/admin/acme/clients", desk.world.url);
    let csrf = by_link.get(&format!("{list}/new")).await.csrf();
    let bound = [("grant_types", "client_credentials"), ("directory", "ping")];
    let plain = [("name", "Honest"), ("redirect_uris", "https://mine.example/cb")];
    for (id, more, made) in [("mine", bound, false), ("honest", plain, true)] {
        let fields = [("csrf", csrf.as_str()), ("client_id", id), ("enabled", "on"), ("secret", "my-own-secret")];
        let fields: Vec<_> = fields.into_iter().chain(more).collect();
        let answer = by_link.post(&list, &fields).await;
        let is_there = clients::find(&app.db, id).await.unwrap().is_some();
        assert_eq!((is_there, answer.body.contains("lets you in for an hour")), (made, !made), "{id}: {}", answer.body);
    }
}
