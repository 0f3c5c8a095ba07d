//! Who the bearer of a token is: of our own, of trusted issuers, of connections that serve as one.

use gatehouse::{
    policy::{principal::Kind, trusted_issuer::Matching},
    store::{
        connections,
        mappings::{Source, Target},
        principals, trusted_issuers, users,
    },
};
use serde_json::{Value, json};

use crate::{
    browser::Browser,
    on_both,
    trusted::{Trusted, foreign_token, named},
    world::{Backend, decode, text},
};

on_both!(
    our_own_users,
    the_closest_identity_and_its_fallback,
    all_matching_identities,
    a_disabled_identity_is_nobody_else,
    teams_and_virtual_accounts,
    a_connection_without_sign_in_is_an_issuer,
    two_tenants_may_trust_one_issuer,
    another_tenant_says_nothing,
    header_or_cookie
);

async fn our_own_users(backend: Backend) {
    let world = Trusted::new(backend).await;
    let tokens = world.tokens("web").await;
    let (access, id) = (text(&tokens, "access_token"), decode(text(&tokens, "id_token")).1["sub"].clone());
    let expected = json!({
        "tenant": "acme", "principal": {"kind": "user", "name": "ada@acme.example", "id": id}, "subject": id,
        "email": "ada@acme.example", "issuer": world.url, "teams": [],
    });
    let answer = world.whoami(access).await;
    assert_eq!((answer.status, answer.json()), (200, expected));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let team = world.team("sre").await;
    let user = users::of_tenant(&world.app.db, &world.tenant_id("acme").await).await.unwrap();
    let ada = user.iter().find(|u| u.email.as_str() == "ada@acme.example").unwrap();
    gatehouse::store::teams::add_member(&world.app.db, &team, &ada.id).await.unwrap();
    assert_eq!(world.whoami(access).await.json()["teams"], json!([]), "the scope groups tells them");
    let code = world.code("web", &[("scope", "openid email groups")]).await;
    let with_groups = world.redeem("web", &code).await.json();
    assert_eq!(world.whoami(text(&with_groups, "access_token")).await.json()["teams"], json!(["sre"]));
    for other in ["id_token", "refresh_token"] {
        assert_eq!(world.whoami(text(&tokens, other)).await.status, 401, "{other}");
    }
}

async fn the_closest_identity_and_its_fallback(backend: Backend) {
    let world = Trusted::new(backend).await;
    let token = |claims: Value| world.token(claims);
    assert_eq!(world.name(&token(json!({}))).await, "403 the token maps to no identity");
    let by_repository = world.identity("by-repository", json!({"repository": "acme/api"})).await;
    world.identity("fallback", json!({})).await;
    world.clock.advance(1);
    world.identity("later", json!({"ref": "refs/heads/main"})).await;
    world.identity("closest", json!({"repository": "acme/api", "ref": "refs/heads/main"})).await;
    let answer = world.whoami(&token(json!({"repository": "acme/api"}))).await;
    let expected = json!({
        "tenant": "acme", "principal": {"kind": "external_identity", "name": "by-repository", "id": by_repository},
        "subject": "caller-1", "email": "caller@partner.example", "issuer": world.idp.issuer(), "teams": [],
    });
    assert_eq!((answer.status, answer.json()), (200, expected));
    for (claims, name) in [
        (json!({}), "fallback"),
        (json!({"repository": "acme/other"}), "fallback"),
        (json!({"repository": "acme/api", "ref": "refs/heads/main"}), "closest"),
        (json!({"repository": "acme/other", "ref": "refs/heads/main"}), "later"),
        (json!({"repository": ["acme/api"]}), "by-repository"),
        (json!({"email": null}), "fallback"),
    ] {
        assert_eq!(world.name(&token(claims.clone())).await, name, "{claims}");
    }
    assert_eq!(world.whoami(&token(json!({"email": null}))).await.json()["email"], Value::Null);
    // A tie: of equals the one that was made first.
    world.identity("tied", json!({"repository": "acme/api"})).await;
    assert_eq!(world.name(&token(json!({"repository": "acme/api"}))).await, "by-repository");
    assert!(principals::delete(&world.app.db, &by_repository).await.unwrap());
    assert_eq!(world.name(&token(json!({"repository": "acme/api"}))).await, "tied");
}

async fn all_matching_identities(backend: Backend) {
    let world = Trusted::new(backend).await;
    let issuer = world.issuer("acme", "idp").await;
    let mut all = issuer.clone();
    all.settings.matching = Matching::All;
    trusted_issuers::save(&world.app.db, &all).await.unwrap();
    world.identity("wide", json!({})).await;
    let close = world.identity("close", json!({"azp": "batch"})).await;
    let answer = world.whoami(&world.token(json!({"azp": "batch"}))).await.json();
    assert_eq!(answer["principal"]["name"], "close");
    let names: Vec<&Value> = answer["principals"].as_array().unwrap().iter().map(|p| &p["name"]).collect();
    assert_eq!(names, ["close", "wide"]);
    // One that is switched off drops out.
    let row = principals::find(&world.app.db, &close).await.unwrap().unwrap();
    principals::save(&world.app.db, &principals::Principal { enabled: false, ..row }).await.unwrap();
    let answer = world.whoami(&world.token(json!({"azp": "batch"}))).await.json();
    assert_eq!((&answer["principal"]["name"], answer.get("principals")), (&json!("wide"), None));
}

async fn a_disabled_identity_is_nobody_else(backend: Backend) {
    let world = Trusted::new(backend).await;
    world.identity("fallback", json!({})).await;
    let close = world.identity("close", json!({"azp": "batch"})).await;
    let token = world.token(json!({"azp": "batch"}));
    assert_eq!(world.name(&token).await, "close");
    let row = principals::find(&world.app.db, &close).await.unwrap().unwrap();
    principals::save(&world.app.db, &principals::Principal { enabled: false, ..row }).await.unwrap();
    assert_eq!(world.name(&token).await, "401 Token is not active", "and not the fallback");
    assert_eq!(world.name(&world.token(json!({}))).await, "fallback");
}

async fn teams_and_virtual_accounts(backend: Backend) {
    let world = Trusted::new(backend).await;
    let team = world.team("sre").await;
    world.map_idp(Target::Team(team.clone()), json!({"groups": "sre"})).await;
    let token = world.token(json!({"groups": ["dev", "sre"]}));
    let answer = world.whoami(&token).await.json();
    assert_eq!(answer["principal"], json!({"kind": "team", "name": "sre", "id": team}));
    assert_eq!(answer["teams"], json!(["sre"]));
    let source = Source::Issuer(world.issuer("acme", "idp").await.id);
    let batch = world.principal(Kind::VirtualAccount, "batch", Some((source, json!({"azp": "batch-client"})))).await;
    let token = world.token(json!({"groups": ["sre"], "azp": "batch-client"}));
    let answer = world.whoami(&token).await.json();
    assert_eq!(answer["principal"], json!({"kind": "virtual_account", "name": "batch", "id": batch}));
    assert_eq!(answer["teams"], json!(["sre"]), "teams besides");
    let row = principals::find(&world.app.db, &batch).await.unwrap().unwrap();
    principals::save(&world.app.db, &principals::Principal { enabled: false, ..row }).await.unwrap();
    assert_eq!(world.name(&token).await, "401 Token is not active");
}

async fn a_connection_without_sign_in_is_an_issuer(backend: Backend) {
    let world = Trusted::new(backend).await;
    let other = crate::idp::Idp::start(world.clock.clone()).await;
    let connection = format!(
        "tenants:\n- name: acme\n  connections:\n  - {{name: legacy-sso, login_enabled: false, oidc: {}}}\n",
        crate::sso::oidc(&other)
    );
    world.apply(&connection).await;
    let tenant = world.tenant_id("acme").await;
    let connection = connections::find_by_name(&world.app.db, &tenant, "legacy-sso").await.unwrap().unwrap();
    let source = Source::Connection(connection.id.clone());
    world.principal(Kind::ExternalIdentity, "partner", Some((source, json!({"azp": "partner"})))).await;
    let claims = |aud: &str| json!({"aud": aud, "azp": "partner"});
    let token = foreign_token(&other, world.clock.now(), claims(crate::idp::CLIENT_ID));
    assert_eq!(world.name(&token).await, "partner");
    let elsewhere = foreign_token(&other, world.clock.now(), claims("another client"));
    assert_eq!(world.name(&elsewhere).await, "401 Invalid audience");
    let mut browser = Browser::new();
    let page = browser.get(&world.authorize_url("web", &[])).await;
    let page = browser.follow(page).await;
    assert!(page.status == 200 && !page.body.contains("legacy-sso"), "never offered");
    // Offered for sign-in, it is no issuer; switched off, neither.
    let offered = connections::Connection { login_enabled: true, ..connection.clone() };
    connections::save(&world.app.db, &offered).await.unwrap();
    assert_eq!(world.name(&token).await, "401 Invalid issuer");
    let off = connections::Connection { enabled: false, ..connection };
    connections::save(&world.app.db, &off).await.unwrap();
    assert_eq!(world.name(&token).await, "401 Invalid issuer");
}

async fn two_tenants_may_trust_one_issuer(backend: Backend) {
    let world = Trusted::new(backend).await;
    world.identity("ours", json!({})).await;
    let token = world.token(json!({}));
    assert_eq!(world.name(&token).await, "ours");
    world.trust("other", "idp", |_| {}).await;
    let answer = world.whoami(&token).await;
    assert_eq!((answer.status, text(&answer.json(), "error")), (400, "invalid_request"));
    assert_eq!(named(&answer), "400 several tenants accept this token; name one with tenant=");
    assert_eq!(named(&world.get("/api/v1/whoami?tenant=acme", &token).await), "ours");
    assert_eq!(named(&world.get("/api/v1/whoami?tenant=other", &token).await), "403 the token maps to no identity");
    assert_eq!(named(&world.get("/api/v1/whoami?tenant=nobody", &token).await), "401 Invalid issuer");
    // Only who accepts it counts.
    let mut strict = world.issuer("other", "idp").await;
    strict.settings.audience = vec!["https://other.example".to_owned()];
    trusted_issuers::save(&world.app.db, &strict).await.unwrap();
    assert_eq!(world.name(&token).await, "ours");
}

async fn another_tenant_says_nothing(backend: Backend) {
    let world = Trusted::new(backend).await;
    let tokens = world.tokens("web").await;
    let access = text(&tokens, "access_token");
    assert_eq!(named(&world.get("/api/v1/whoami?tenant=acme", access).await), "ada@acme.example");
    for tenant in ["other", "nobody"] {
        let answer = world.get(&format!("/api/v1/whoami?tenant={tenant}"), access).await;
        assert_eq!(named(&answer), "401 Token is not active", "{tenant}");
    }
    let answer = world.get("/api/v1/whoami?tenant=acme&tenant=other", access).await;
    assert_eq!(answer.status, 400);
}

async fn header_or_cookie(backend: Backend) {
    let world = Trusted::new(backend).await;
    world.identity("caller", json!({})).await;
    let (token, other) = (world.token(json!({})), world.token(json!({"sub": "somebody-else"})));
    let url = format!("{}/api/v1/whoami", world.url);
    let send = async |cookie: &str, header: Option<&str>| {
        let mut browser = Browser::new();
        let mut headers = vec![("cookie", cookie)];
        headers.extend(header.map(|value| ("authorization", value)));
        named(&browser.get_with(&url, &headers).await)
    };
    let cookie = format!("accessToken={token}");
    let bearer = |token: &str| format!("Bearer {token}");
    assert_eq!(send(&cookie, None).await, "caller");
    assert_eq!(send(&cookie, Some(&bearer(&token))).await, "caller", "the same twice");
    let two = "400 the header and the cookie hold different tokens";
    assert_eq!(send(&cookie, Some(&bearer(&other))).await, two);
    assert_eq!(send("a=b", None).await, "401 Missing Authorization header");
    assert_eq!(send(&format!("{cookie}; accessToken={other}"), None).await, "401 Missing Authorization header", "tossed");
    for header in ["Basic abc", "Bearer", "Bearer ", "abc"] {
        assert_eq!(send(&cookie, Some(header)).await, "401 Invalid authorization header format", "{header}");
    }
    let missing = Browser::new().get(&format!("{url}?access_token={token}")).await;
    assert!(missing.header("www-authenticate").unwrap().starts_with("Bearer realm=\"gatehouse\""));
    assert_eq!(named(&missing), "401 Missing Authorization header", "never in the query");
}
