//! Which access tokens open the admin API: those of clients that may administer, asked for with its resource, which open
//! nothing else; and who says which clients those are.

use serde_json::{Value, json};

use crate::{
    admin::{administrators, tokens},
    browser::{Answer, Browser},
    on_both,
    world::{Backend, World, decode, redirect_uri, text},
};

on_both!(
    a_trusted_client_opens_nothing,
    a_resource_server_administers_nothing,
    who_may_not_say_which_client_administers,
    what_administers_is_the_platforms_to_change,
    a_limited_token_touches_no_client_that_administers,
    what_a_token_makes_ends_with_it,
    a_token_that_administers_opens_nothing_else,
    who_gets_a_token_that_administers,
    who_invites_into_teams_may_change_them,
    who_writes_group_rules_may_write_what_they_name,
    names_have_an_end,
);

const STATE: &str = r#"
tenants:
- name: acme
  clients:
  - {client_id: web, secret: web-secret, redirect_uris: ["https://app.example/cb"], trusted: true}
  - {client_id: api, secret: api-secret, redirect_uris: ["https://api.example/cb"], trusted: true, admin_api: true, resources: ["https://mcp.example/"]}
  users:
  - {email: ada@acme.example, password: "correct horse", admin: true, active: true}
  teams:
  - {name: sre}
  directories:
  - {name: people}
  service_tokens:
  - {name: ci, token: "ci-0123456789abcdef0123456789abcdef", scopes: [admin]}
  - {name: apps, token: "apps-0123456789abcdef0123456789abcd", scopes: ["clients:write"]}
- name: home
  clients:
  - {client_id: foreign, secret: foreign-secret, redirect_uris: ["https://foreign.example/cb"], trusted: true}
  - {client_id: other-web, secret: other-secret, redirect_uris: ["https://other.example/cb"], trusted: true, admin_api: true}
  users:
  - {email: root@home.example, password: "correct horse", active: true}
  service_tokens:
  - {name: home, token: "home-0123456789abcdef0123456789abcd", scopes: [admin]}
"#;
const CI: &str = "ci-0123456789abcdef0123456789abcdef";
const APPS: &str = "apps-0123456789abcdef0123456789abcd";
const HOME: &str = "home-0123456789abcdef0123456789abcd";

async fn world(backend: Backend) -> World {
    let world = World::with(backend, STATE, &[]).await;
    world.sql("UPDATE users SET platform = TRUE WHERE email = 'root@home.example'").await;
    world
}

async fn ask(world: &World, token: &str, method: &str, path: &str, body: Option<Value>) -> Answer {
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let url = format!("{}/api/v1/{path}", world.url);
    Browser::new().send(method.parse().unwrap(), &url, &headers, body.map(|body| body.to_string())).await
}

/// An access token of somebody's sign-in at a client.
async fn access(world: &World, client: &str, email: &str) -> String {
    text(&tokens(world, client, email).await, "access_token").to_owned()
}

/// One with which they administer.
async fn administers(world: &World, client: &str, email: &str) -> String {
    text(&administrators(world, client, email).await, "access_token").to_owned()
}

/// A personal token of the platform's administrator.
async fn personal(world: &World, scopes: &[&str]) -> String {
    let root = administers(world, "other-web", "root@home.example").await;
    let answer = ask(world, &root, "POST", "personal_tokens", Some(json!({"name": "x", "scopes": scopes}))).await;
    text(&answer.json(), "token").to_owned()
}

fn paths(answer: &Answer) -> Vec<String> {
    assert_eq!(answer.status, 422, "{}", answer.body);
    answer.json()["faults"].as_array().unwrap().iter().map(|fault| text(fault, "path").to_owned()).collect()
}

/// Whoever may write clients makes one that asks nobody, and an administrator follows a link to it.
async fn a_trusted_client_opens_nothing(backend: Backend) {
    let world = world(backend).await;
    assert_eq!(ask(&world, APPS, "DELETE", "tenants/acme/clients/web", None).await.status, 200);
    let mine = json!({"client_id": "web", "secret": "web-secret", "redirect_uris": ["https://app.example/cb"], "trusted": true});
    assert_eq!(ask(&world, APPS, "POST", "tenants/acme/clients", Some(mine)).await.status, 201);
    for (client, email, path) in [
        ("web", "ada@acme.example", "tenants/acme"),
        ("foreign", "root@home.example", "keys"),
        ("foreign", "root@home.example", "tenants/home"),
    ] {
        let token = access(&world, client, email).await;
        let answer = ask(&world, &token, "GET", path, None).await;
        assert_eq!(answer.status, 403, "{client} {path}: {}", answer.body);
        assert!(text(&answer.json(), "error_description").contains("admin_api"), "{}", answer.body);
        let body = json!({"name": "mine", "scopes": ["admin"]});
        assert_eq!(ask(&world, &token, "POST", "personal_tokens", Some(body)).await.status, 403);
        let explain = json!({"token": token});
        assert_eq!(ask(&world, &token, "POST", "access/explain", Some(explain)).await.status, 403);
        assert_eq!(ask(&world, &token, "GET", "whoami", None).await.status, 200, "the token itself holds");
    }
    let root = administers(&world, "other-web", "root@home.example").await;
    for path in ["keys", "tenants/home", "tenants/acme"] {
        assert_eq!(ask(&world, &root, "GET", path, None).await.status, 200, "the honest twin: {path}");
    }
}

/// A client of the platform's own that asks for nothing gets tokens for its resource and for us.
async fn a_resource_server_administers_nothing(backend: Backend) {
    let world = world(backend).await;
    let token = access(&world, "api", "ada@acme.example").await;
    let claims = decode(&token).1;
    assert_eq!(claims["aud"], json!(["https://mcp.example/", world.app.issuer()]));
    let backdoor = json!({"admin": true, "password": "a password of theirs"});
    let answer = ask(&world, &token, "PUT", "tenants/acme/users/backdoor@acme.example", Some(backdoor.clone())).await;
    assert_eq!(answer.status, 403, "{}", answer.body);
    assert!(text(&answer.json(), "error_description").contains(&format!("resource={}", world.admin_api())), "{}", answer.body);
    assert_eq!(ask(&world, &token, "POST", "access/explain", Some(json!({"token": token}))).await.status, 403);
    assert_eq!(world.userinfo(&token).await.status, 200, "it opens what it is for");
    // Nor does one that is for us and for nothing of theirs, as any sign-in's is.
    world.apply(&STATE.replace(", resources: [\"https://mcp.example/\"]", "")).await;
    let token = access(&world, "api", "ada@acme.example").await;
    assert_eq!(decode(&token).1["aud"], json!(world.app.issuer()));
    let answer = ask(&world, &token, "PUT", "tenants/acme/users/backdoor@acme.example", Some(backdoor.clone())).await;
    assert_eq!(answer.status, 403, "{}", answer.body);
    let token = administers(&world, "api", "ada@acme.example").await;
    assert_eq!(decode(&token).1["aud"], json!(world.admin_api()), "and not us besides, though it has openid");
    let answer = ask(&world, &token, "PUT", "tenants/acme/users/backdoor@acme.example", Some(backdoor)).await;
    assert_eq!(answer.status, 201, "for the admin API alone: {}", answer.body);
}

/// A site that were shown such a token could administer with it.
async fn a_token_that_administers_opens_nothing_else(backend: Backend) {
    let world = World::with(backend, STATE, &[("TRUSTED_PROXIES", "127.0.0.1/32, ::1/128")]).await;
    world.sql("UPDATE users SET platform = TRUE WHERE email = 'root@home.example'").await;
    let site = |settings: &str| format!("{STATE}  sites:\n  - {{name: app, hosts: [app.example], {settings}}}\n");
    world.apply(&site("identity: {method: bearer}")).await;
    let (whole, plain) =
        (administers(&world, "other-web", "root@home.example").await, access(&world, "other-web", "root@home.example").await);
    let at_site = async |token: &str| {
        let bearer = format!("Bearer {token}");
        let headers = [
            ("x-forwarded-method", "GET"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "app.example"),
            ("x-forwarded-uri", "/"),
            ("accept", "application/json"),
            ("authorization", bearer.as_str()),
        ];
        Browser::new().get_with(&format!("{}/auth/forward", world.url), &headers).await
    };
    let passed = at_site(&plain).await;
    assert_eq!((passed.status, passed.header("authorization")), (200, Some(&*format!("Bearer {plain}"))), "the honest twin");
    let refused = at_site(&whole).await;
    assert_eq!((refused.status, refused.header("authorization")), (401, None));
    let check = Some(json!({"resource": {"type": "model", "name": "gpt"}, "role": "viewer"}));
    for (token, status) in [(&whole, 401), (&plain, 200)] {
        assert_eq!(world.userinfo(token).await.status, status);
        assert_eq!(ask(&world, token, "GET", "whoami", None).await.status, status);
        assert_eq!(ask(&world, token, "POST", "access/check", check.clone()).await.status, status);
    }
    assert_eq!(ask(&world, &whole, "GET", "keys", None).await.status, 200, "it opens what it is for");
    assert_eq!(world.introspect("other-web", &whole).await["active"], true, "and its client may ask about it");
    // A site that calls itself the admin API takes nobody's.
    world.apply(&site(&format!("audience: \"{}\"", world.admin_api()))).await;
    for token in [&whole, &plain] {
        assert_eq!(at_site(token).await.status, 403);
    }
}

/// It is asked for in the authorization request, alone, by a client that has `admin_api`.
async fn who_gets_a_token_that_administers(backend: Backend) {
    let world = world(backend).await;
    let api = world.admin_api();
    let refused = async |client: &str, resources: &[&str]| {
        let url = resources.iter().fold(world.authorize_url(client, &[]), |url, resource| format!("{url}&resource={resource}"));
        let answer = Browser::new().get(&url).await;
        answer.query("error").unwrap_or_else(|| format!("{} {}", answer.status, answer.body))
    };
    for (client, resources) in [
        ("web", vec![api.as_str()]),
        ("api", vec![api.as_str(), "https://mcp.example/"]),
        ("api", vec!["https://mcp.example/", api.as_str()]),
        ("other-web", vec![api.as_str(), world.app.issuer()]),
    ] {
        assert_eq!(refused(client, &resources).await, "invalid_target", "{client} {resources:?}");
    }
    // A sign-in that was for something else is not widened at the token endpoint.
    let redirect = redirect_uri("other-web");
    let code = async |url: &str| {
        let answer = world.sign_in(&mut Browser::new(), url, "root@home.example", "correct horse").await;
        answer.query("code").unwrap()
    };
    let redeem = async |code: &str, resource: &str| {
        let form = [("grant_type", "authorization_code"), ("code", code), ("redirect_uri", &redirect), ("resource", resource)];
        world.token("other-web", &form).await
    };
    let widened = redeem(&code(&world.authorize_url("other-web", &[])).await, &api).await;
    assert_eq!((widened.status, text(&widened.json(), "error")), (400, "invalid_target"));
    let tokens = redeem(&code(&world.admin_url("other-web")).await, &api).await.json();
    assert_eq!(decode(text(&tokens, "access_token")).1["aud"], json!(api));
    // As it was granted it is refreshed, until the client may not administer.
    let tokens = world.refresh("other-web", text(&tokens, "refresh_token")).await.json();
    assert_eq!(decode(text(&tokens, "access_token")).1["aud"], json!(api));
    assert_eq!(ask(&world, text(&tokens, "access_token"), "GET", "keys", None).await.status, 200);
    world
        .apply(&STATE.replace(
            "[\"https://other.example/cb\"], trusted: true, admin_api: true",
            "[\"https://other.example/cb\"], trusted: true",
        ))
        .await;
    assert_eq!(ask(&world, text(&tokens, "access_token"), "GET", "keys", None).await.status, 403);
    let answer = world.refresh("other-web", text(&tokens, "refresh_token")).await;
    assert_eq!((answer.status, text(&answer.json(), "error")), (400, "invalid_target"));
}

async fn who_may_not_say_which_client_administers(backend: Backend) {
    let world = world(backend).await;
    let mine = json!({"client_id": "mine", "secret": "hush", "redirect_uris": ["https://mine.example/cb"], "admin_api": true});
    let web = json!({"secret": "web-secret", "redirect_uris": ["https://app.example/cb"], "trusted": true, "admin_api": true});
    for token in [CI, APPS] {
        assert_eq!(paths(&ask(&world, token, "POST", "tenants/acme/clients", Some(mine.clone())).await), ["admin_api"]);
        assert_eq!(paths(&ask(&world, token, "PUT", "tenants/acme/clients/web", Some(web.clone())).await), ["admin_api"]);
    }
    // Nor on the pages.
    let mut ada = Browser::new();
    let login = format!("{}/login?tenant=acme&to=/account", world.url);
    world.sign_in(&mut ada, &login, "ada@acme.example", "correct horse").await;
    let post = async |ada: &mut Browser, id: &str, switch: &str| {
        let page = ada.get(&format!("{}/admin/acme/clients/new", world.url)).await;
        let csrf = page.csrf();
        let redirect = format!("https://{id}.example/cb");
        let fields = [("csrf", csrf.as_str()), ("client_id", id), ("redirect_uris", &redirect), ("admin_api", switch)];
        ada.post(&format!("{}/admin/acme/clients", world.url), &fields).await
    };
    let answer = post(&mut ada, "mine", "on").await;
    assert!(answer.status == 422 && answer.body.contains("id=\"admin_api-error\""), "{} {}", answer.status, answer.body);
    assert_eq!(ask(&world, CI, "GET", "tenants/acme/clients/mine", None).await.status, 404, "what is refused was not made");
    assert_eq!(post(&mut ada, "plain", "").await.status, 303, "the honest twin");
    // The platform's administrator does, and so does a file.
    let root = administers(&world, "other-web", "root@home.example").await;
    assert_eq!(ask(&world, &root, "POST", "tenants/acme/clients", Some(mine)).await.status, 201);
    let shown = ask(&world, CI, "GET", "tenants/acme/clients/mine", None).await.json();
    assert_eq!(shown["admin_api"], true);
    world.apply(&STATE.replacen("trusted: true}", "trusted: true, admin_api: true}", 1)).await;
    let token = administers(&world, "web", "ada@acme.example").await;
    assert_eq!(ask(&world, &token, "GET", "tenants/acme", None).await.status, 200);
}

/// Else whoever administers one tenant has the platform administrator's next code sent to themselves.
async fn what_administers_is_the_platforms_to_change(backend: Backend) {
    let world = world(backend).await;
    let path = "tenants/home/clients/other-web";
    let shown = ask(&world, HOME, "GET", path, None).await.json();
    let with = |more: Value| {
        let mut body = shown.clone();
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        Some(body)
    };
    for change in [
        json!({"redirect_uris": ["https://other.example/cb", "https://mine.example/cb"]}),
        json!({"secret": "known to them"}),
        json!({"secret": null, "token_endpoint_auth_method": "none"}),
        json!({"trusted": false}),
        json!({"resources": ["https://mine.example/"]}),
    ] {
        assert_eq!(paths(&ask(&world, HOME, "PUT", path, with(change.clone())).await), ["admin_api"], "{change}");
    }
    assert_eq!(ask(&world, HOME, "GET", path, None).await.json(), shown);
    // As it was it stays, and they may call it something else, or take the right away.
    assert_eq!(ask(&world, HOME, "PUT", path, with(json!({}))).await.status, 200);
    assert_eq!(ask(&world, HOME, "PUT", path, with(json!({"name": "Console", "enabled": false}))).await.status, 200);
    assert_eq!(ask(&world, HOME, "PUT", path, with(json!({"enabled": true}))).await.status, 200);
    let root = administers(&world, "other-web", "root@home.example").await;
    let wider = json!({"redirect_uris": ["https://other.example/cb", "https://new.example/cb"]});
    assert_eq!(ask(&world, &root, "PUT", path, with(wider)).await.status, 200, "the platform's administrator may");
    let less = json!({"admin_api": false, "redirect_uris": ["https://other.example/cb", "https://mine.example/cb"]});
    assert_eq!(ask(&world, HOME, "PUT", path, with(less)).await.status, 200);
    assert_eq!(ask(&world, &root, "GET", "keys", None).await.status, 403, "which ends at once what its tokens could");
    assert_eq!(paths(&ask(&world, HOME, "PUT", path, with(json!({}))).await), ["admin_api"], "and does not come back");
    assert_eq!(ask(&world, HOME, "DELETE", &format!("{path}?confirm=other-web"), None).await.status, 200);
}

async fn a_limited_token_touches_no_client_that_administers(backend: Backend) {
    let world = world(backend).await;
    let (limited, whole) = (personal(&world, &["clients:write"]).await, personal(&world, &["admin"]).await);
    let mine = json!({"client_id": "mine", "secret": "hush", "redirect_uris": ["https://mine.example/cb"], "admin_api": true});
    let shown = ask(&world, &limited, "GET", "tenants/home/clients/other-web", None).await.json();
    for (method, path, body) in [
        ("POST", "tenants/acme/clients", Some(mine.clone())),
        ("PUT", "tenants/acme/clients/mine", Some(mine.clone())),
        ("PUT", "tenants/home/clients/other-web", Some(shown.clone())),
        ("DELETE", "tenants/home/clients/other-web", None),
    ] {
        let answer = ask(&world, &limited, method, path, body).await;
        assert_eq!(answer.status, 403, "{method} {path}: {}", answer.body);
    }
    assert_eq!(ask(&world, &whole, "GET", "tenants/acme/clients/mine", None).await.status, 404);
    let plain = json!({"client_id": "plain", "secret": "hush", "redirect_uris": ["https://plain.example/cb"]});
    assert_eq!(ask(&world, &limited, "POST", "tenants/acme/clients", Some(plain)).await.status, 201, "the honest twins");
    assert_eq!(ask(&world, &whole, "POST", "tenants/acme/clients", Some(mine)).await.status, 201);
    assert_eq!(ask(&world, &whole, "PUT", "tenants/home/clients/other-web", Some(shown)).await.status, 200);
}

/// A service token of acme with an end, or without.
async fn service(world: &World, scopes: &[&str], expires_at: Option<&str>) -> String {
    let body = json!({"name": gatehouse::secret::reference(), "scopes": scopes, "expires_at": expires_at});
    let answer = ask(world, CI, "POST", "tenants/acme/service_tokens", Some(body)).await;
    text(&answer.json(), "token").to_owned()
}

const SOON: &str = "2027-01-15T08:30:00Z";

async fn what_a_token_makes_ends_with_it(backend: Backend) {
    let world = world(backend).await;
    let brief = service(&world, &["directories:write", "service_tokens:write"], Some(SOON)).await;
    let path = "tenants/acme/directories/people/token";
    let made = async |token: &str, body: Value| {
        let answer = ask(&world, token, "POST", path, Some(body)).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        answer.json()["expires_at"].clone()
    };
    assert_eq!(made(&brief, json!({})).await, SOON);
    assert_eq!(made(&brief, json!({"expires_in": 315_360_000})).await, SOON);
    let minute = gatehouse::moment::Moment(world.clock.now() + 60).machine();
    assert_eq!(made(&brief, json!({"expires_in": 60})).await, minute, "less it may");
    assert_eq!(made(CI, json!({})).await, Value::Null, "one without end makes one without end");
    // Nor by a body that gives one, which has no end.
    let known = json!({"name": "people", "token": "known-0123456789abcdef0123456789abcdef"});
    for (method, path) in [("PUT", "tenants/acme/directories/people"), ("POST", "tenants/acme/directories")] {
        let answer = ask(&world, &brief, method, path, Some(known.clone())).await;
        assert_eq!(answer.status, 403, "{method}: {}", answer.body);
    }
    let named = json!({"name": "people", "enabled": true});
    assert_eq!(ask(&world, &brief, "PUT", "tenants/acme/directories/people", Some(named)).await.status, 200);
    assert_eq!(ask(&world, CI, "PUT", "tenants/acme/directories/people", Some(known)).await.status, 200);
    // What is refused says until when, and what was left out.
    for (expires_at, missing) in [(None, true), (Some("2027-01-16"), false)] {
        let body = json!({"name": "x", "scopes": ["directories:write"], "expires_at": expires_at});
        let answer = ask(&world, &brief, "POST", "tenants/acme/service_tokens", Some(body)).await;
        assert_eq!(answer.status, 403, "{}", answer.body);
        let told = answer.json();
        let told = text(&told, "error_description");
        assert!(told.contains(SOON) && told.contains("expires_at is missing") == missing, "{told}");
    }
}

/// Who joins a team has its roles.
async fn who_invites_into_teams_may_change_them(backend: Backend) {
    let world = world(backend).await;
    let invites = service(&world, &["invites:write"], None).await;
    let both = service(&world, &["invites:write", "teams:write"], None).await;
    let body = |email: &str, teams: &[&str]| Some(json!({"email": email, "teams": teams}));
    let answer = ask(&world, &invites, "POST", "invites", body("a@acme.example", &["sre"])).await;
    assert_eq!((answer.status, text(&answer.json(), "error")), (403, "insufficient_scope"), "{}", answer.body);
    assert_eq!(ask(&world, &invites, "POST", "invites", body("a@acme.example", &[])).await.status, 201);
    assert_eq!(ask(&world, &both, "POST", "invites", body("b@acme.example", &["sre"])).await.status, 201);
    assert_eq!(ask(&world, CI, "POST", "invites", body("c@acme.example", &["sre"])).await.status, 201);
}

/// A rule puts people into a team or gives them a role: whoever writes one does what writing teams and resources does.
async fn who_writes_group_rules_may_write_what_they_name(backend: Backend) {
    let world = world(backend).await;
    let (team, role) = (
        json!([{"group": "eng", "team": "sre"}]),
        json!([{"group": "eng", "resource": {"type": "model", "name": "gpt"}, "role": "manager"}]),
    );
    let both = json!([team[0], role[0]]);
    let tokens = [
        service(&world, &["directories:write"], None).await,
        service(&world, &["directories:write", "teams:write"], None).await,
        service(&world, &["directories:write", "teams:write", "resources:write"], None).await,
    ];
    let put = async |token: &str, rules: &Value| {
        let body = json!({"name": "people", "group_rules": rules});
        ask(&world, token, "PUT", "tenants/acme/directories/people", Some(body)).await
    };
    for (rules, allowed) in [(&team, [403, 200, 200]), (&role, [403, 403, 200]), (&both, [403, 403, 200])] {
        for (token, status) in tokens.iter().zip(allowed) {
            assert_eq!(put(CI, &json!([])).await.status, 200);
            let answer = put(token, rules).await;
            assert_eq!(answer.status, status, "{rules}: {}", answer.body);
            if status == 403 {
                assert_eq!(text(&answer.json(), "error"), "insufficient_scope");
                let shown = ask(&world, CI, "GET", "tenants/acme/directories/people", None).await.json();
                assert!(shown["group_rules"].as_array().is_none_or(Vec::is_empty), "nothing is written: {shown}");
            }
            // Nor in one that is new.
            let body = json!({"name": gatehouse::secret::reference(), "group_rules": rules});
            let made = ask(&world, token, "POST", "tenants/acme/directories", Some(body)).await;
            assert_eq!(made.status == 201, status == 200, "{rules}: {}", made.body);
        }
    }
    // What stands may be sent back, but not taken away.
    assert_eq!(put(CI, &both).await.status, 200);
    assert_eq!((put(&tokens[0], &both).await.status, put(&tokens[0], &json!([])).await.status), (200, 403));
    // Nor with the directory that they are of; one without rules is whoever's that may write directories.
    let gone = async |token: &str, name: &str| {
        ask(&world, token, "DELETE", &format!("tenants/acme/directories/{name}?confirm={name}"), None).await
    };
    for (token, status) in tokens.iter().zip([403, 403, 200]) {
        let answer = gone(token, "people").await;
        assert_eq!(answer.status, status, "{}", answer.body);
    }
    assert_eq!(ask(&world, CI, "PUT", "tenants/acme/directories/plain", Some(json!({"name": "plain"}))).await.status, 201);
    assert_eq!(gone(&tokens[0], "plain").await.status, 200);
}

async fn names_have_an_end(backend: Backend) {
    let world = world(backend).await;
    // Of characters, not of bytes.
    let (fits, long) = ("\u{e4}".repeat(200), "\u{e4}".repeat(201));
    let web = |name: &str| json!({"name": name, "redirect_uris": ["https://app.example/cb"]});
    let okta = |text: &str| json!({"button_text": text, "oidc": {"issuer": "https://acme.okta.com", "client_id": "x"}});
    type Body<'a> = &'a dyn Fn(&str) -> Value;
    let cases: [(&str, &str, Body<'_>); 4] = [
        ("tenants/acme", "display_name", &|name| json!({"display_name": name})),
        ("tenants/acme/clients/web", "name", &web),
        ("tenants/acme/connections/okta", "button_text", &okta),
        ("tenants/acme/users/bob@acme.example", "name", &|name| json!({"name": name})),
    ];
    for (path, field, body) in cases {
        assert_eq!(paths(&ask(&world, CI, "PUT", path, Some(body(&long))).await), [field], "{path}");
        let answer = ask(&world, CI, "PUT", path, Some(body(&fits))).await;
        assert!(matches!(answer.status, 200 | 201), "{path}: {}", answer.body);
    }
    for (name, status) in [(&long, 400), (&fits, 201)] {
        let body = json!({"email": "new@acme.example", "name": name});
        assert_eq!(ask(&world, CI, "POST", "invites", Some(body)).await.status, status);
    }
}
