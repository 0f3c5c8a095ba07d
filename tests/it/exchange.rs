//! Foreign tokens become tokens of ours: token exchange (RFC 8693) and JWT assertions (RFC 7523). Never for more than the
//! client's record allows, never for longer than the foreign token, and only while it would map to the same principal.

mod assertion;
mod ends;

use gatehouse::{
    oauth::client::Client,
    policy::{principal::Kind, trusted_issuer::IssuerSettings},
    secret,
    store::{
        clients,
        mappings::{self, Mapping, Target},
        principals::{self, Principal},
        tenants::{self, Tenant},
        trusted_issuers::{self, TrustedIssuer},
    },
};
use serde_json::{Value, json};

use crate::{
    browser::{Answer, Browser},
    idp::{Idp, Signing},
    on_both,
    trusted::{API, Trusted, foreign_token, rules},
    world::{Backend, START, decode, text},
};

on_both!(
    a_workload_token_becomes_one_of_ours,
    no_more_than_the_record_allows,
    never_longer_than_what_it_stands_on,
    the_request_must_be_one_we_understand,
    tokens_that_do_not_hold,
    our_own_tokens_are_not_exchanged,
    another_tenants_issuer_says_nothing,
    it_ends_with_what_it_stands_on
);

const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";
const ID_TOKEN: &str = "urn:ietf:params:oauth:token-type:id_token";
const DEPLOY: &str = "https://deploy.example";
const AUDIT: &str = "https://audit.example";

/// `ci` is public and for the platform; `deployer` has a secret and audiences of its own; `web` has no such grant.
const CLIENTS: &str = r#"
tenants:
- name: acme
  clients:
  - {client_id: ci, token_endpoint_auth_method: none, grant_types: [token_exchange, jwt_bearer]}
  - {client_id: deployer, secret: deployer-secret, grant_types: ["urn:ietf:params:oauth:grant-type:token-exchange"], resources: ["https://deploy.example", "https://audit.example"], scopes: [deploy, read, openid, offline_access]}
  - {client_id: slow, token_endpoint_auth_method: none, grant_types: [token_exchange], access_token_lifetime: 86400}
  - {client_id: web, name: Web app, secret: web-secret, redirect_uris: ["https://app.example/cb"], trusted: true}
  users:
  - {email: ada@acme.example, name: Ada, password: "correct horse", active: true}
- name: other
  clients:
  - {client_id: other-ci, token_endpoint_auth_method: none, grant_types: [token_exchange, jwt_bearer]}
"#;

/// The issuer's tokens may be for the platform's API, and for gatehouse itself.
async fn world(backend: Backend) -> Trusted {
    let world = Trusted::with(backend, CLIENTS).await;
    let issuer = world.issuer("acme", "idp").await;
    let audience = vec![API.to_owned(), world.url.clone(), format!("{}/oauth2/token", world.url)];
    let settings = IssuerSettings { audience, ..issuer.settings.clone() };
    trusted_issuers::save(&world.app.db, &TrustedIssuer { settings, ..issuer }).await.unwrap();
    world.identity("ci-runner", json!({"repository_id": "456789", "ref": "refs/heads/main"})).await;
    world
}

/// What GitHub Actions says of a job.
fn job(claims: Value) -> Value {
    let usual = json!({
        "sub": "repo:octo-org/octo-repo:ref:refs/heads/main", "repository": "octo-org/octo-repo", "repository_id": "456789",
        "repository_owner_id": "1234", "ref": "refs/heads/main", "event_name": "push", "runner_environment": "github-hosted",
        "jti": secret::random(), "email": null,
    });
    let (Value::Object(mut all), Value::Object(own)) = (usual, claims) else { panic!("claims are an object") };
    all.extend(own);
    Value::Object(all)
}

impl Trusted {
    async fn ask(&self, client: &str, form: &[(&str, &str)]) -> Answer {
        let secret = [("deployer", "deployer-secret"), ("web", "web-secret")].into_iter().find(|(name, _)| *name == client);
        Browser::new().post_as(&format!("{}/oauth2/token", self.url), client, secret.map(|(_, s)| s), form).await
    }

    async fn exchange(&self, client: &str, token: &str, more: &[(&str, &str)]) -> Answer {
        let mut form: Vec<(&str, &str)> =
            vec![("grant_type", EXCHANGE), ("subject_token", token), ("subject_token_type", ACCESS_TOKEN)];
        form.retain(|(name, _)| !more.iter().any(|(n, _)| n == name));
        form.extend(more.iter().filter(|(_, value)| !value.is_empty()));
        self.ask(client, &form).await
    }

    async fn assertion(&self, client: &str, token: &str) -> Answer {
        self.ask(client, &[("grant_type", BEARER), ("assertion", token)]).await
    }

    fn job(&self, claims: Value) -> String {
        self.token(job(claims))
    }

    /// The same, made for us: an assertion.
    fn job_for_us(&self, claims: Value) -> String {
        let mut all = json!({"aud": self.url});
        all.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
        self.job(all)
    }

    /// A token of ours for a job.
    async fn exchanged(&self) -> String {
        let answer = self.exchange("ci", &self.job(json!({})), &[]).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        text(&answer.json(), "access_token").to_owned()
    }

    async fn active(&self, token: &str) -> bool {
        self.whoami(token).await.status == 200
    }
}

fn refusal(answer: &Answer) -> (u16, String) {
    (answer.status, text(&answer.json(), "error").to_owned())
}

fn refused(error: &str) -> (u16, String) {
    (400, error.to_owned())
}

async fn a_workload_token_becomes_one_of_ours(backend: Backend) {
    let world = world(backend).await;
    let answer = world.exchange("ci", &world.job(json!({})), &[]).await;
    let json = answer.json();
    assert_eq!(answer.status, 200, "{json}");
    let token = text(&json, "access_token");
    let expected = json!({
        "access_token": token, "issued_token_type": ACCESS_TOKEN, "token_type": "Bearer", "expires_in": 600,
    });
    assert_eq!(json, expected, "no refresh token, no scope of a person");
    assert_eq!((answer.header("cache-control"), answer.header("pragma")), (Some("no-store"), Some("no-cache")));
    let (header, claims) = decode(token);
    assert_eq!((&header["typ"], &claims["iss"], &claims["aud"]), (&json!("at+jwt"), &json!(world.url), &json!(world.url)));
    let who = world.whoami(token).await.json();
    assert_eq!((&who["principal"]["name"], &who["principal"]["kind"]), (&json!("ci-runner"), &json!("external_identity")));
    assert_eq!(claims["sub"], who["principal"]["id"]);
    assert_eq!(who["issuer"], json!(world.idp.issuer()), "of the token that it was exchanged for");
    assert_eq!(who["subject"], json!("repo:octo-org/octo-repo:ref:refs/heads/main"));
    assert_eq!(world.whoami(&world.job(json!({}))).await.json(), who, "the same as with that one");

    for (subject, requested, issued) in
        [(JWT, "", ACCESS_TOKEN), (ID_TOKEN, ACCESS_TOKEN, ACCESS_TOKEN), (ACCESS_TOKEN, JWT, JWT)]
    {
        let more = [("subject_token_type", subject), ("requested_token_type", requested)];
        let answer = world.exchange("ci", &world.job(json!({})), &more).await;
        assert_eq!((answer.status, &answer.json()["issued_token_type"]), (200, &json!(issued)), "{subject} {requested}");
    }
    // Whoever it is meant for may ask about it.
    let for_deploy = world.exchange("deployer", &world.job(json!({})), &[("scope", "deploy")]).await.json();
    assert_eq!((&for_deploy["scope"], &decode(text(&for_deploy, "access_token")).1["aud"]), (&json!("deploy"), &json!(DEPLOY)));
    let url = format!("{}/oauth2/introspect", world.url);
    let form = [("token", text(&for_deploy, "access_token"))];
    let told = Browser::new().post_as(&url, "deployer", Some("deployer-secret"), &form).await.json();
    assert_eq!(
        (&told["active"], &told["principal"]["name"], &told["scope"]),
        (&json!(true), &json!("ci-runner"), &json!("deploy"))
    );
    assert_eq!(told["origin"], json!({"iss": world.idp.issuer(), "sub": "repo:octo-org/octo-repo:ref:refs/heads/main"}));
    let told = Browser::new().post_as(&url, "web", Some("web-secret"), &form).await.json();
    assert_eq!(told, json!({"active": false}), "it is not for that client");
}

async fn no_more_than_the_record_allows(backend: Backend) {
    let world = world(backend).await;
    let token = world.job(json!({}));
    let ask = async |more: &[(&str, &str)]| world.exchange("deployer", &token, more).await;
    for (more, aud, scope) in [
        (vec![], json!(DEPLOY), "deploy read"),
        (vec![("resource", AUDIT)], json!(AUDIT), "deploy read"),
        (vec![("audience", DEPLOY), ("audience", AUDIT)], json!([DEPLOY, AUDIT]), "deploy read"),
        (vec![("audience", AUDIT), ("resource", DEPLOY), ("scope", "read")], json!([DEPLOY, AUDIT]), "read"),
        (vec![("resource", AUDIT), ("audience", AUDIT)], json!(AUDIT), "deploy read"),
    ] {
        let json = ask(&more).await.json();
        let claims = decode(text(&json, "access_token")).1;
        assert_eq!((&claims["aud"], &claims["scope"], &json["scope"]), (&aud, &json!(scope), &json!(scope)), "{more:?}");
    }
    for (more, error) in [
        (vec![("scope", "deploy admin")], "invalid_scope"),
        (vec![("scope", "deploy openid")], "invalid_scope"),
        (vec![("scope", "offline_access")], "invalid_scope"),
        (vec![("audience", "https://elsewhere.example")], "invalid_target"),
        (vec![("resource", DEPLOY), ("resource", "https://elsewhere.example")], "invalid_target"),
        (vec![("audience", &world.url)], "invalid_target"),
        (vec![("audience", "https://deploy.example/")], "invalid_target"),
    ] {
        assert_eq!(refusal(&ask(&more).await), refused(error), "{more:?}");
    }
    // A token for another audience opens nothing of ours.
    let deploy = text(&ask(&[]).await.json(), "access_token").to_owned();
    assert_eq!(world.name(&deploy).await, "401 Invalid audience");
}

async fn never_longer_than_what_it_stands_on(backend: Backend) {
    let world = world(backend).await;
    let expires = async |client: &str, exp: Value| {
        let token = world.job(json!({"exp": exp}));
        world.exchange(client, &token, &[]).await.json()["expires_in"].clone()
    };
    assert_eq!(expires("ci", json!(START + 3_600)).await, 900);
    assert_eq!(expires("ci", json!(START + 40)).await, 40);
    assert_eq!(expires("slow", json!(START + 3_600)).await, 3_600, "the record allows a day");
    assert_eq!(expires("slow", json!(START + 100_000)).await, 86_400);
    // Expired, but within the clock tolerance: it may be looked at, and nothing is made of it.
    let late = world.job(json!({"exp": START - 10}));
    assert_eq!(world.name(&late).await, "ci-runner");
    let late_for_us = world.job_for_us(json!({"exp": START - 10}));
    for answer in [world.exchange("ci", &late, &[]).await, world.assertion("ci", &late_for_us).await] {
        assert_eq!(answer.status, 400, "{}", answer.body);
        assert!(text(&answer.json(), "error_description").ends_with("Token is expired"));
    }
    let issuer = world.issuer("acme", "idp").await;
    let settings = IssuerSettings { max_token_age: Some(300), ..issuer.settings.clone() };
    trusted_issuers::save(&world.app.db, &TrustedIssuer { settings, ..issuer }).await.unwrap();
    let aging = world.job(json!({"iat": START - 200, "exp": START + 3_600}));
    assert_eq!(
        world.exchange("ci", &aging, &[]).await.json()["expires_in"],
        100,
        "nothing is older than the issuer's tokens may be"
    );
    let short = world.exchange("ci", &world.job(json!({"exp": START + 40})), &[]).await.json();
    world.clock.advance(40 + 61);
    assert_eq!(world.name(text(&short, "access_token")).await, "401 Token is expired");
}

async fn the_request_must_be_one_we_understand(backend: Backend) {
    let world = world(backend).await;
    let token = world.job(json!({}));
    assert_eq!(refusal(&world.exchange("web", &token, &[]).await), refused("unauthorized_client"));
    for (more, description) in [
        (vec![("subject_token", "")], "subject_token is missing"),
        (vec![("subject_token_type", "")], "subject_token_type is missing"),
        (
            vec![("actor_token", token.as_str()), ("actor_token_type", JWT)],
            "actor_token is not supported: send the subject_token alone",
        ),
        (vec![("actor_token_type", JWT)], "actor_token is not supported: send the subject_token alone"),
        (vec![("subject_token_type", JWT), ("subject_token", "opaque")], "the subject_token is not a JWT"),
        (
            vec![("subject_token_type", "urn:ietf:params:oauth:token-type:saml2")],
            "subject_token_type must be urn:ietf:params:oauth:token-type:access_token, ...:jwt or ...:id_token",
        ),
        (
            vec![("subject_token_type", "urn:ietf:params:oauth:token-type:refresh_token")],
            "subject_token_type must be urn:ietf:params:oauth:token-type:access_token, ...:jwt or ...:id_token",
        ),
        (
            vec![("requested_token_type", "urn:ietf:params:oauth:token-type:refresh_token")],
            "requested_token_type must be urn:ietf:params:oauth:token-type:access_token or ...:jwt",
        ),
        (vec![("scope", "a"), ("scope", "b")], "a parameter is repeated: scope"),
        (vec![("subject_token", &token), ("subject_token", &token)], "a parameter is repeated: subject_token"),
    ] {
        let answer = world.exchange("ci", &token, &more).await;
        assert_eq!((answer.status, &answer.json()["error"]), (400, &json!("invalid_request")), "{more:?}");
        assert_eq!(answer.json()["error_description"], description);
    }
    // Nothing is asked of an issuer for a client that may not exchange.
    let before = world.idp.seen("/jwks").len();
    let fresh = Trusted::with(backend, CLIENTS).await;
    fresh.exchange("web", &fresh.job(json!({})), &[]).await;
    assert_eq!((fresh.idp.seen("/jwks").len(), world.idp.seen("/jwks").len()), (0, before));
    let unknown = world.ask("ci", &[("grant_type", "password")]).await;
    assert_eq!(refusal(&unknown), refused("unsupported_grant_type"));
    assert_eq!(
        unknown.json()["error_description"],
        format!("grant_type must be one of authorization_code, refresh_token, client_credentials, {EXCHANGE}, {BEARER}")
    );
}

async fn tokens_that_do_not_hold(backend: Backend) {
    let world = world(backend).await;
    let description = async |token: &str| {
        let answer = world.exchange("ci", token, &[]).await;
        assert_eq!(refusal(&answer), refused("invalid_request"), "{token}");
        text(&answer.json(), "error_description").trim_start_matches("the subject_token is not accepted: ").to_owned()
    };
    for (claims, expected) in [
        (json!({"exp": START - 100}), "Token is expired"),
        (json!({"nbf": START + 100}), "Token is not yet valid"),
        (json!({"aud": "https://another.example"}), "Invalid audience"),
        (json!({"iss": "https://another.example"}), "Invalid issuer"),
        (json!({"ref": "refs/heads/evil"}), "it maps to nobody"),
        (json!({"repository_id": 456_789}), "it maps to nobody"),
    ] {
        assert_eq!(description(&world.job(claims.clone())).await, expected, "{claims}");
    }
    world.idp.turn(|k| k.signing = Signing::WrongKey);
    assert_eq!(description(&world.job(json!({}))).await, "JWT validation failed");
    world.idp.turn(|k| k.signing = Signing::None("none"));
    assert_eq!(description(&world.job(json!({}))).await, "JWT validation failed");
    world.idp.turn(|k| k.signing = Signing::Rs256);
    let stranger = Idp::start(world.clock.clone()).await;
    assert_eq!(description(&foreign_token(&stranger, START, job(json!({})))).await, "Invalid issuer");
    assert_eq!(world.exchange("ci", &world.job(json!({})), &[]).await.status, 200);
}

async fn our_own_tokens_are_not_exchanged(backend: Backend) {
    let world = world(backend).await;
    let tokens = world.tokens("web").await;
    let exchanged = world.exchanged().await;
    for (token, kind, what) in [
        (text(&tokens, "access_token"), ACCESS_TOKEN, "a user's"),
        (text(&tokens, "refresh_token"), ACCESS_TOKEN, "a refresh token"),
        (text(&tokens, "refresh_token"), JWT, "a refresh token"),
        (text(&tokens, "id_token"), ID_TOKEN, "an ID token"),
        (text(&tokens, "id_token"), ACCESS_TOKEN, "an ID token"),
        (exchanged.as_str(), ACCESS_TOKEN, "an exchanged one, which would outlive the first"),
        (exchanged.as_str(), JWT, "an exchanged one, which would outlive the first"),
    ] {
        let answer = world.exchange("slow", token, &[("subject_token_type", kind)]).await;
        assert_eq!(refusal(&answer), refused("invalid_request"), "{what}");
        assert_eq!(refusal(&world.assertion("ci", token).await), refused("invalid_grant"), "{what}");
    }
    assert_eq!(world.name(&exchanged).await, "ci-runner", "it is as good as before");
}

async fn another_tenants_issuer_says_nothing(backend: Backend) {
    let world = world(backend).await;
    let token = world.job(json!({}));
    for answer in [world.exchange("other-ci", &token, &[]).await, world.assertion("other-ci", &token).await] {
        assert!(text(&answer.json(), "error_description").ends_with("Invalid issuer"), "{}", answer.body);
    }
    // The same issuer, trusted by both: each tenant's client gets its own tenant's principals.
    world.trust("other", "idp", |_| {}).await;
    let answer = world.exchange("other-ci", &token, &[]).await;
    assert!(text(&answer.json(), "error_description").ends_with("it maps to nobody"), "{}", answer.body);
    let who = world.whoami(&world.exchanged().await).await.json();
    assert_eq!((&who["tenant"], &who["principal"]["name"]), (&json!("acme"), &json!("ci-runner")));
}

async fn it_ends_with_what_it_stands_on(backend: Backend) {
    let world = world(backend).await;
    let db = &world.app.db;
    let tenant = world.tenant_id("acme").await;
    let token = world.exchanged().await;

    let client = clients::find(db, "ci").await.unwrap().unwrap();
    let issuer = world.issuer("acme", "idp").await;
    let acme = tenants::find(db, &tenant).await.unwrap().unwrap();
    let identity = principals::find_by_name(db, &tenant, Kind::ExternalIdentity, "ci-runner").await.unwrap().unwrap();
    for what in ["client", "tenant", "issuer", "identity"] {
        for enabled in [false, true] {
            match what {
                "client" => drop(clients::save(db, &Client { enabled, ..client.clone() }, 1).await.unwrap()),
                "tenant" => tenants::save(db, &Tenant { enabled, ..acme.clone() }).await.unwrap(),
                "issuer" => trusted_issuers::save(db, &TrustedIssuer { enabled, ..issuer.clone() }).await.unwrap(),
                _ => principals::save(db, &Principal { enabled, ..identity.clone() }).await.unwrap(),
            }
            assert_eq!(world.active(&token).await, enabled, "whoami, {what}");
            let job = world.job(json!({}));
            assert_eq!(world.exchange("ci", &job, &[]).await.status == 200, enabled, "exchange, {what}");
            let assertion = world.job_for_us(json!({}));
            assert_eq!(world.assertion("ci", &assertion).await.status == 200, enabled, "assertion, {what}");
        }
    }

    // Edited claims: tokens made of the old ones end, whether the new ones would match or not.
    let all = mappings::of_tenant(db, &tenant).await.unwrap();
    let mapping = all.into_iter().find(|m| m.target == Target::Principal(identity.id.clone())).unwrap();
    mappings::save(db, &Mapping { claims: rules(&json!({"repository_id": "456789"})), ..mapping.clone() }).await.unwrap();
    assert!(!world.active(&token).await);
    let token = world.exchanged().await;
    assert!(world.active(&token).await);

    // Revoked by its own client alone.
    let url = format!("{}/oauth2/revoke", world.url);
    Browser::new().post_as(&url, "deployer", Some("deployer-secret"), &[("token", &token)]).await;
    assert!(world.active(&token).await);
    assert_eq!(Browser::new().post_as(&url, "ci", None, &[("token", &token)]).await.status, 200);
    assert!(!world.active(&token).await);

    let token = world.exchanged().await;
    assert!(world.active(&token).await);
    assert!(principals::delete(db, &identity.id).await.unwrap());
    assert!(!world.active(&token).await, "deleted");
    let again = world.exchange("ci", &world.job(json!({})), &[]).await;
    assert!(text(&again.json(), "error_description").ends_with("it maps to nobody"));
}
