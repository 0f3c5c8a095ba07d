//! Tokens of the admin API: what each scope opens, who may make which, and that they end with what they stand on.

use gatehouse::{
    policy::api_scope::{self, ApiScopes},
    secret,
    store::{
        personal_tokens::{self, PersonalToken},
        tenant_tokens::{self, ServiceToken},
        tenants, users,
    },
};
use serde_json::{Value, json};

use crate::{
    admin::administrators,
    admin_surface::{area, expected},
    browser::{Answer, Browser},
    on_both,
    world::{Backend, World, text},
};

on_both!(
    every_route_opens_to_its_scopes_alone,
    a_token_ends_with_what_it_stands_on,
    no_token_makes_one_that_may_more,
    only_a_whole_token_touches_administrators,
    a_file_gives_tokens_and_brings_none_back,
    a_token_opens_nothing_but_the_admin_api,
    guessing_is_slowed_down,
    the_log_names_the_service,
);

const STATE: &str = r#"
tenants:
- name: acme
  clients:
  - {client_id: web, secret: web-secret, redirect_uris: ["https://app.example/cb"], trusted: true, admin_api: true}
  users:
  - {email: ada@acme.example, password: "correct horse", admin: true, active: true}
  - {email: bob@acme.example, password: "correct horse", active: true}
  - {email: gil@acme.example, active: true}
  teams:
  - {name: sre, members: [bob@acme.example]}
  service_tokens:
  - {name: ci, token: "ci-0123456789abcdef0123456789abcdef", scopes: [admin]}
- name: other
"#;
pub const CI: &str = "ci-0123456789abcdef0123456789abcdef";

/// A deployment with tokens of some scopes.
pub struct House {
    pub world: World,
}

impl House {
    pub async fn new(backend: Backend) -> Self {
        // Whoever asks says from where, so that no test's refusals slow another part of it down.
        Self { world: World::with(backend, STATE, &[("TRUSTED_PROXIES", "127.0.0.1")]).await }
    }

    pub async fn ask_from(&self, from: &str, token: &str, method: &str, path: &str, body: Option<Value>) -> Answer {
        let bearer = format!("Bearer {token}");
        let mut headers = vec![("authorization", bearer.as_str()), ("x-forwarded-for", from)];
        if body.is_some() {
            headers.push(("content-type", "application/json"));
        }
        let url = format!("{}/api/v1/{path}", self.world.url);
        Browser::new().send(method.parse().unwrap(), &url, &headers, body.map(|body| body.to_string())).await
    }

    pub async fn ask(&self, token: &str, method: &str, path: &str, body: Option<Value>) -> Answer {
        self.ask_from("192.0.2.1", token, method, path, body).await
    }

    /// A service token of acme with these scopes.
    pub async fn service(&self, name: &str, scopes: &[&str], expires_at: Option<i64>) -> String {
        let (db, token) = (&self.world.app.db, secret::token(tenant_tokens::PREFIX));
        let row = ServiceToken {
            id: secret::row_id(self.world.clock.now()),
            tenant_id: tenants::find_by_name(db, "acme").await.unwrap().unwrap().id,
            name: name.to_owned(),
            fingerprint: Some(tenant_tokens::fingerprint(&self.world.app.sealer, &token)),
            declared: false,
            retired: None,
            enabled: true,
            scopes: ApiScopes::parse(scopes.iter().copied()).unwrap(),
            expires_at,
            made_with: None,
            last_used_at: None,
            created_at: self.world.clock.now(),
        };
        tenant_tokens::save(db, &row).await.unwrap();
        token
    }

    pub async fn user_id(&self, email: &str) -> String {
        let answer = self.ask(CI, "GET", &format!("tenants/acme/users/{email}"), None).await;
        text(&answer.json(), "id").to_owned()
    }

    /// A personal token of somebody.
    pub async fn personal(&self, email: &str, scopes: &[&str]) -> String {
        let token = secret::token(personal_tokens::PREFIX);
        let now = self.world.clock.now();
        let row = PersonalToken {
            id: secret::row_id(now),
            user_id: self.user_id(email).await,
            name: "laptop".to_owned(),
            fingerprint: personal_tokens::fingerprint(&self.world.app.sealer, &token),
            scopes: ApiScopes::parse(scopes.iter().copied()).unwrap(),
            expires_at: now + 3_600,
            made_with: None,
            last_used_at: None,
            created_at: now,
        };
        personal_tokens::insert(&self.world.app.db, &row).await.unwrap();
        token
    }
}

async fn every_route_opens_to_its_scopes_alone(backend: Backend) {
    let house = House::new(backend).await;
    let gil = house.user_id("gil@acme.example").await;
    let mut opened = 0;
    for (n, scope) in api_scope::words().into_iter().enumerate() {
        let service = house.service(&format!("s{n}"), &[&scope], None).await;
        let personal = house.personal("ada@acme.example", &[&scope]).await;
        for (method, route) in gatehouse::admin::surface() {
            let area = area(route);
            let (path, body, _) = expected(&method, route).unwrap();
            let looks = method == "GET" || route == "/api/v1/access/explain";
            let allowed = scope == "admin"
                || scope == format!("{area}:write")
                || (looks && (scope == "admin:read" || scope == format!("{area}:read")));
            // What is allowed is not done over and over: another tenant's things are not there, whoever is let through.
            let path = path.replace("tenants/acme", "tenants/other").replace("GIL", &gil).replace("WHO", "token");
            let path = if path.starts_with("users/") { "users/none/receipts".to_owned() } else { path };
            let path = if method == "GET" || !path.starts_with("users/") { path } else { "users/none/activate".to_owned() };
            if allowed && matches!(path.as_str(), "invites" | "personal_tokens" | "tenants") && method == "POST" {
                continue;
            }
            for token in [&service, &personal] {
                let answer = house.ask(token, &method, &path, body.clone()).await;
                let refused = answer.status == 403 && answer.body.contains("insufficient_scope");
                assert_eq!(refused, !allowed, "{method} {route} ({path}) with {scope}: {} {}", answer.status, answer.body);
                opened += u32::from(allowed);
            }
        }
    }
    assert!(opened > 100, "{opened}");
}

async fn a_token_ends_with_what_it_stands_on(backend: Backend) {
    let house = House::new(backend).await;
    let world = &house.world;
    world.sql("UPDATE users SET admin = TRUE WHERE email = 'bob@acme.example'").await;
    let now = world.clock.now();
    let brief = house.service("brief", &["admin"], Some(now + 60)).await;
    let mut from = 0;
    // Every route: one address for each, so that the limit on guessing is not what refuses.
    let mut all_answer = async |token: &str, ended: bool, why: &str| {
        for (method, route) in gatehouse::admin::surface() {
            from += 1;
            let (path, ..) = expected(&method, route).unwrap();
            let path = if ended { path.replace("WHO", "x").replace("GIL", "x") } else { "tenants/acme".to_owned() };
            let method = if ended { method.as_str() } else { "GET" };
            let address = format!("198.51.{}.{}", from / 200, from % 200 + 1);
            let answer = house.ask_from(&address, token, method, &path, None).await;
            let expected = if ended { 401 } else { 200 };
            assert_eq!(answer.status, expected, "{method} {route} {why}: {}", answer.body);
        }
    };
    all_answer(&brief, false, "as long as it lasts").await;
    world.clock.advance(60);
    all_answer(&brief, true, "after its end").await;

    let mine = house.personal("bob@acme.example", &["admin"]).await;
    all_answer(&mine, false, "of an administrator").await;
    world.clock.advance(3_600);
    all_answer(&mine, true, "after its end").await;
    let mine = house.personal("bob@acme.example", &["admin"]).await;
    let bob = house.user_id("bob@acme.example").await;
    world.sql("UPDATE users SET admin = FALSE WHERE email = 'bob@acme.example'").await;
    all_answer(&mine, true, "of somebody who is no administrator").await;
    world.sql("UPDATE users SET admin = TRUE WHERE email = 'bob@acme.example'").await;
    let demoted = json!({"admin": false});
    assert_eq!(house.ask(CI, "PUT", "tenants/acme/users/bob@acme.example", Some(demoted)).await.status, 200);
    world.sql("UPDATE users SET admin = TRUE WHERE email = 'bob@acme.example'").await;
    all_answer(&mine, true, "of somebody who was none meanwhile").await;
    let mine = house.personal("bob@acme.example", &["admin"]).await;
    assert_eq!(house.ask(CI, "POST", &format!("users/{bob}/deactivate"), None).await.status, 200);
    all_answer(&mine, true, "of somebody who was shut out").await;
    assert_eq!(house.ask(CI, "POST", &format!("users/{bob}/activate"), None).await.status, 200);
    all_answer(&mine, true, "of somebody who was shut out and let in again").await;
    let mine = house.personal("bob@acme.example", &["admin"]).await;
    all_answer(&mine, false, "a new one").await;
    assert_eq!(house.ask(CI, "DELETE", "tenants/acme/users/bob@acme.example?confirm=bob@acme.example", None).await.status, 200);
    all_answer(&mine, true, "of somebody who is gone").await;

    let off = house.service("off", &["admin"], None).await;
    all_answer(&off, false, "switched on").await;
    world.sql("UPDATE service_tokens SET enabled = FALSE WHERE name = 'off'").await;
    all_answer(&off, true, "switched off").await;
    let mine = house.personal("ada@acme.example", &["admin"]).await;
    world.sql("UPDATE tenants SET enabled = FALSE WHERE name = 'acme'").await;
    all_answer(CI, true, "of a tenant that is switched off").await;
    all_answer(&mine, true, "of an administrator of a tenant that is switched off").await;
    world.sql("UPDATE tenants SET enabled = TRUE WHERE name = 'acme'").await;
    assert_eq!(house.ask(CI, "DELETE", "tenants/acme/service_tokens/off", None).await.status, 200);
    assert_eq!(house.ask(CI, "DELETE", "tenants/acme/service_tokens/ci", None).await.status, 200);
    all_answer(CI, true, "that was revoked").await;
}

async fn no_token_makes_one_that_may_more(backend: Backend) {
    let house = House::new(backend).await;
    let now = house.world.clock.now();
    let soon = now + 3_600;
    let small = house.service("small", &["service_tokens:write", "users:read", "personal_tokens:write"], None).await;
    let brief = house.service("brief", &["admin"], Some(soon)).await;
    let made = async |token: &str, name: &str, scopes: &[&str], more: Value| {
        let mut body = json!({"name": name, "scopes": scopes});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        house.ask(token, "POST", "tenants/acme/service_tokens", Some(body)).await
    };
    let none = json!({});
    for (token, scopes, more, status) in [
        (&small, &["users:read"][..], &none, 201),
        (&small, &["users:write"], &none, 403),
        (&small, &["admin"], &none, 403),
        (&small, &["admin:read"], &none, 403),
        (&brief, &["admin"], &json!({"expires_at": "2027-01-15T08:30:00Z"}), 201),
        (&brief, &["admin"], &json!({"expires_at": "2027-01-16"}), 403),
        (&brief, &["users:read"], &none, 403),
        (&CI.to_owned(), &["admin"], &none, 201),
    ] {
        let name = format!("made-{}", secret::reference());
        let answer = made(token, &name, scopes, more.clone()).await;
        assert_eq!(answer.status, status, "{scopes:?} {more}: {}", answer.body);
        let there = house.ask(CI, "GET", &format!("tenants/acme/service_tokens/{name}"), None).await;
        assert_eq!(there.status == 200, status == 201, "{name}");
    }
    // Nor does one take over what may more: by a secret that it knows, by a new one, by its scopes.
    let known = json!({"token": "known-0123456789abcdef0123456789abcdef", "scopes": ["users:read"]});
    for (method, path, body) in [
        ("PUT", "tenants/acme/service_tokens/ci", Some(known.clone())),
        ("POST", "tenants/acme/service_tokens/ci/token", None),
        ("DELETE", "tenants/acme/service_tokens/ci", None),
        ("PUT", "tenants/acme/service_tokens/small", Some(json!({"scopes": ["admin"]}))),
    ] {
        assert_eq!(house.ask(&small, method, path, body).await.status, 403, "{method} {path}");
    }
    assert_eq!(house.ask(CI, "GET", "tenants/acme", None).await.status, 200, "it is as it was");
    // The honest twin: what may no more than itself, it may change and renew.
    let answer = made(&small, "twin", &["users:read"], none.clone()).await;
    let first = text(&answer.json(), "token").to_owned();
    assert_eq!(house.ask(&first, "GET", "tenants/acme/users", None).await.status, 200);
    let answer = house.ask(&small, "POST", "tenants/acme/service_tokens/twin/token", None).await;
    let second = text(&answer.json(), "token").to_owned();
    assert!(second.starts_with("gha_"), "{}", answer.body);
    assert_eq!(house.ask(&first, "GET", "tenants/acme/users", None).await.status, 401);
    assert_eq!(house.ask(&second, "GET", "tenants/acme/users", None).await.status, 200);
    assert_eq!(house.ask(&small, "PUT", "tenants/acme/service_tokens/twin", Some(known)).await.status, 200);
    assert_eq!(house.ask("known-0123456789abcdef0123456789abcdef", "GET", "tenants/acme/users", None).await.status, 200);
    assert_eq!(house.ask(&second, "GET", "tenants/acme/users", None).await.status, 401);

    // Personal ones alike, and only for persons.
    let mine = house.personal("ada@acme.example", &["personal_tokens:write", "users:read"]).await;
    for (token, body, status) in [
        (&mine, json!({"name": "x", "scopes": ["users:read"], "expires_in": 3_000}), 201),
        (&mine, json!({"name": "x", "scopes": ["users:read"], "expires_in": 4_000}), 403),
        (&mine, json!({"name": "x", "scopes": ["admin"], "expires_in": 60}), 403),
        (&mine, json!({"name": "x", "scopes": [], "expires_in": 60}), 400),
        (&mine, json!({"name": "x", "scopes": ["everything"], "expires_in": 60}), 400),
        (&small, json!({"name": "x", "scopes": ["users:read"]}), 403),
    ] {
        let answer = house.ask(token, "POST", "personal_tokens", Some(body.clone())).await;
        assert_eq!(answer.status, status, "{body}: {}", answer.body);
        if status == 201 {
            let made = answer.json();
            assert_eq!(house.ask(text(&made, "token"), "GET", "tenants/acme/users", None).await.status, 200);
            let path = format!("personal_tokens/{}", text(&made, "id"));
            assert_eq!(house.ask(&mine, "DELETE", &path, None).await.status, 204);
            assert_eq!(house.ask(text(&made, "token"), "GET", "tenants/acme/users", None).await.status, 401);
        }
    }
    let access = text(&administrators(&house.world, "web", "ada@acme.example").await, "access_token").to_owned();
    // What a sign-in's token makes lasts no longer than it.
    let (day, year) = (86_400, 365 * 86_400);
    for (expires_in, status) in [(day, 201), (day + 1, 403), (year, 403), (0, 400)] {
        let body = json!({"name": "year", "scopes": ["admin"], "expires_in": expires_in});
        assert_eq!(house.ask(&access, "POST", "personal_tokens", Some(body)).await.status, status, "{expires_in}");
    }
    let listed = house.ask(&access, "GET", "personal_tokens", None).await;
    assert!(!listed.body.contains("ghp_") && listed.body.contains("last_used_at"), "{}", listed.body);
}

async fn only_a_whole_token_touches_administrators(backend: Backend) {
    let house = House::new(backend).await;
    let limited = house.service("limited", &["users:write"], None).await;
    let ada = house.user_id("ada@acme.example").await;
    let password = json!({"password": "a new password of theirs", "admin": true});
    for (method, path, body) in [
        ("PUT", "tenants/acme/users/ada@acme.example".to_owned(), Some(password.clone())),
        ("PUT", "tenants/acme/users/bob@acme.example".to_owned(), Some(json!({"admin": true}))),
        ("POST", "tenants/acme/users".to_owned(), Some(json!({"email": "new@acme.example", "admin": true}))),
        ("DELETE", "tenants/acme/users/ada@acme.example?force=true".to_owned(), None),
        ("DELETE", format!("tenants/acme/users/{ada}?force=true"), None),
        ("POST", format!("users/{ada}/deactivate"), Some(json!({"force": true}))),
    ] {
        let answer = house.ask(&limited, method, &path, body).await;
        assert_eq!(answer.status, 403, "{method} {path}: {}", answer.body);
    }
    let user = users::find(&house.world.app.db, &ada).await.unwrap().unwrap();
    assert!(user.active && user.admin);
    let none = house.ask(CI, "GET", "tenants/acme/users/new@acme.example", None).await;
    assert_eq!(none.status, 404, "what is refused was not made");
    // Users like others it may change, and a whole one administrators too.
    let named = json!({"name": "Bob"});
    assert_eq!(house.ask(&limited, "PUT", "tenants/acme/users/bob@acme.example", Some(named)).await.status, 200);
    assert_eq!(house.ask(CI, "PUT", "tenants/acme/users/ada@acme.example", Some(password)).await.status, 200);
    // What is the deployment's is no service token's, whatever it may.
    assert_eq!(house.ask(CI, "PUT", "tenants/acme/sites/app", Some(json!({"hosts": ["app.example"]}))).await.status, 403);
    assert_eq!(house.ask(CI, "POST", "tenants", Some(json!({"name": "mine"}))).await.status, 403);
    assert_eq!(house.ask(CI, "GET", "tenants/other", None).await.status, 404);
    let tenants = house.ask(CI, "GET", "tenants", None).await.json();
    assert_eq!(tenants["tenants"].as_array().unwrap().len(), 1, "{tenants}");
}

async fn a_file_gives_tokens_and_brings_none_back(backend: Backend) {
    let house = House::new(backend).await;
    let world = &house.world;
    let status = async |token: &str| house.ask(token, "GET", "tenants/acme", None).await.status;
    assert_eq!(status(CI).await, 200);
    let shown = house.ask(CI, "GET", "tenants/acme/service_tokens/ci", None).await;
    assert!(!shown.body.contains(CI) && shown.json()["secrets"] == json!(["token"]), "{}", shown.body);
    assert!(shown.json()["last_used_at"].is_string(), "{}", shown.body);
    let renewed = house.ask(CI, "POST", "tenants/acme/service_tokens/ci/token", None).await.json();
    let renewed = text(&renewed, "token");
    assert_eq!((status(CI).await, status(renewed).await), (401, 200));
    world.apply(STATE).await;
    assert_eq!((status(CI).await, status(renewed).await), (401, 200), "a restart brings nothing back");
    let other = "ci-fedcba9876543210fedcba9876543210";
    world.apply(&STATE.replace(CI, other)).await;
    assert_eq!((status(CI).await, status(renewed).await, status(other).await), (401, 401, 200), "another one counts");
    // Without a token in the file it has none; one that was made elsewhere is none of the file's business.
    let bare = STATE.replace(&format!("token: \"{CI}\", "), "");
    world.apply(&bare).await;
    assert_eq!(status(other).await, 401);
    let made = house.service("page", &["admin"], None).await;
    let named = bare.replace("  - {name: ci,", "  - {name: page, scopes: [admin]}\n  - {name: ci,");
    world.apply(&named).await;
    assert_eq!(status(&made).await, 200);
    // What was switched off stays off.
    world.sql("UPDATE service_tokens SET enabled = FALSE").await;
    world.apply(&named).await;
    assert_eq!(status(&made).await, 401);
}

async fn a_token_opens_nothing_but_the_admin_api(backend: Backend) {
    let house = House::new(backend).await;
    let mine = house.personal("ada@acme.example", &["admin"]).await;
    for token in [CI, &mine] {
        assert_eq!(house.ask(token, "GET", "tenants/acme", None).await.status, 200, "the API");
        assert_eq!(house.ask(token, "GET", "whoami", None).await.status, 401);
        let explain = json!({"token": token});
        let told = house.ask(token, "POST", "access/explain", Some(explain)).await;
        assert_eq!((told.status, &told.json()["allowed"]), (200, &json!(false)), "it may ask, and is no bearer token");
        assert!(!told.body.contains(token), "{}", told.body);
        for path in ["oauth2/userinfo", "scim/v2/Users", "auth/forward", "admin/acme"] {
            let bearer = format!("Bearer {token}");
            let headers =
                [("authorization", bearer.as_str()), ("x-forwarded-host", "app.example"), ("x-forwarded-proto", "https")];
            let answer = Browser::new().get_with(&format!("{}/{path}", house.world.url), &headers).await;
            assert!(matches!(answer.status, 303 | 400 | 401 | 403 | 404), "{path}: {} {}", answer.status, answer.body);
        }
        // In the query or a cookie it is nothing at all.
        let url = format!("{}/api/v1/tenants/acme?access_token={token}", house.world.url);
        let cookie = format!("accessToken={token}");
        assert_eq!(Browser::new().get_with(&url, &[("cookie", &cookie)]).await.status, 401);
    }
}

async fn guessing_is_slowed_down(backend: Backend) {
    let house = House::new(backend).await;
    let mut statuses = Vec::new();
    // What is let through grows again by the real clock: a slow machine asks for longer.
    while statuses.last() != Some(&429) && statuses.len() < 2_000 {
        let token = format!("gha_{}", statuses.len());
        statuses.push(house.ask_from("203.0.113.7", &token, "GET", "tenants", None).await.status);
    }
    let last = statuses.pop();
    assert!(statuses.len() >= 100 && statuses.iter().all(|status| *status == 401), "{statuses:?}");
    assert_eq!(last, Some(429));
    let slow = house.ask_from("203.0.113.7", "ghp_x", "GET", "tenants", None).await;
    assert!(slow.status == 429 && slow.header("retry-after").is_some(), "{}", slow.body);
    assert_eq!(house.ask_from("203.0.113.7", CI, "GET", "tenants", None).await.status, 200, "who has one is not slowed down");
    assert_eq!(house.ask_from("203.0.113.8", "gha_1", "GET", "tenants", None).await.status, 401, "nor are others");
}

async fn the_log_names_the_service(backend: Backend) {
    let house = House::new(backend).await;
    assert_eq!(house.ask(CI, "POST", "tenants/acme/teams", Some(json!({"name": "dev"}))).await.status, 201);
    let log = house.ask(CI, "GET", "audit?subject=team%20acme/dev", None).await.json();
    let entry = &log["entries"][0];
    assert_eq!((&entry["actor"], &entry["via"]), (&json!("service token acme/ci"), &json!("api")));
    let body = json!({"name": "new", "scopes": ["admin"], "token": "new-0123456789abcdef0123456789abcdef"});
    assert_eq!(house.ask(CI, "POST", "tenants/acme/service_tokens", Some(body)).await.status, 201);
    house.ask(CI, "POST", "tenants/acme/service_tokens/new/token", None).await;
    let log = house.ask(CI, "GET", "audit?subject=service%20token", None).await;
    assert!(log.body.contains("\"issue\"") && log.body.contains("\"create\""), "{}", log.body);
    assert!(!log.body.contains("0123456789abcdef") && !log.body.contains("gha_"), "{}", log.body);
}
