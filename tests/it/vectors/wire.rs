//! The same over the wire: key sets that redirect, introspection endpoints that misbehave, and `GET /api/v1/whoami`.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    extract::{Request, State},
    response::{IntoResponse as _, Response},
};
use gatehouse::{
    oauth::client::SigningAlg,
    outbound::Outbound,
    policy::{
        principal::Kind,
        trusted_issuer::{Introspection, IntrospectionAuth, IssuerSecrets, IssuerSettings},
    },
    store::mappings::Source as Mapped,
    token::{Invalid, Scope, Source, jwks::KeySets},
};
use serde_json::{Value, json};

use super::{
    forge::{self, Court, NOW, Seal},
    table::vectors,
    trusting,
};
use crate::{
    on_both,
    trusted::Trusted,
    world::{Backend, text},
};

/// Answers by path, as the test has set it, and counts who came.
#[derive(Clone, Default)]
struct Web {
    pages: Arc<Mutex<HashMap<&'static str, (u16, String)>>>,
    seen: Arc<Mutex<Vec<(String, String)>>>,
}

impl Web {
    async fn start() -> (Self, String) {
        let web = Self::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(answer).with_state(web.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (web, url)
    }

    /// A page; with a status of 3xx it is the place to go to.
    fn put(&self, path: &'static str, status: u16, body: impl ToString) {
        self.pages.lock().unwrap().insert(path, (status, body.to_string()));
    }

    fn seen(&self) -> Vec<(String, String)> {
        std::mem::take(&mut self.seen.lock().unwrap())
    }
}

async fn answer(State(web): State<Web>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    let body = axum::body::to_bytes(request.into_body(), 1 << 20).await.unwrap();
    web.seen.lock().unwrap().push((path.clone(), String::from_utf8_lossy(&body).into_owned()));
    let page = web.pages.lock().unwrap().get(path.as_str()).cloned();
    let Some((status, body)) = page else { return axum::http::StatusCode::NOT_FOUND.into_response() };
    let status = axum::http::StatusCode::from_u16(status).unwrap();
    if status.is_redirection() { (status, [("location", body)]).into_response() } else { (status, body).into_response() }
}

fn outbound() -> Outbound {
    Outbound::new("127.0.0.1".parse().unwrap()).unwrap()
}

/// Judges a token of the foreign issuer whose settings are changed so.
async fn judge(token: &str, settings: IssuerSettings) -> Result<(), Invalid> {
    let outbound = outbound();
    let sets = KeySets::new(Arc::new(outbound.clone()), 10, 60);
    let secrets = IssuerSecrets { introspection: Some("s".to_owned()), ..IssuerSecrets::default() };
    let source = Source::of("theirs", "acme", &settings, secrets, &sets, &outbound).unwrap();
    let scope = Scope { tenant: Some("acme"), ..Scope::default() };
    trusting([source]).validate(token, &scope, NOW).await.map(|_| ())
}

#[tokio::test]
async fn a_key_set_comes_from_where_the_settings_say() {
    let court = Court::new(SigningAlg::ES256);
    let theirs = &court.parties[1];
    let token = theirs.write(&theirs.draft());
    let jwks = json!({"keys": [theirs.key.jwk]});
    let ((web, here), (other, there)) = (Web::start().await, Web::start().await);
    web.put("/jwks", 200, &jwks);
    other.put("/jwks", 200, &jwks);
    web.put("/same", 302, "/jwks");
    web.put("/port", 302, format!("{there}/jwks"));
    web.put("/name", 302, format!("{}/jwks", there.replace("127.0.0.1", "localhost")));
    web.put("/https", 302, format!("{}/jwks", here.replace("http://", "https://")));
    web.put("/metadata", 302, "http://169.254.169.254/latest/meta-data");
    web.put("/loopback", 307, "http://[::1]/jwks");
    web.put("/user", 302, format!("{}/jwks", here.replace("http://", "http://u:p@")));
    web.put("/file", 302, "file:///etc/passwd");
    web.put("/round", 302, "/round");
    web.put("/nowhere", 302, "");
    web.put("/error", 500, &jwks);
    web.put("/page", 200, "<html>");
    web.put("/empty", 200, json!({"keys": []}));
    web.put("/secret", 200, json!({"keys": [{"kty": "oct", "kid": "k", "k": "AAAA", "alg": "HS256"}]}));
    let at = |path: &str| IssuerSettings { jwks: None, jwks_uri: Some(format!("{here}{path}")), ..forge::settings(&jwks) };
    for path in ["/jwks", "/same"] {
        judge(&token, at(path)).await.unwrap();
    }
    for path in [
        "/port",
        "/name",
        "/https",
        "/metadata",
        "/loopback",
        "/user",
        "/file",
        "/round",
        "/error",
        "/page",
        "/empty",
        "/secret",
        "/absent",
    ] {
        let error = judge(&token, at(path)).await.unwrap_err();
        assert_eq!(error.to_string(), "JWKS fetch failed", "{path}: {}", error.detail());
    }
    assert_eq!(other.seen(), [], "nobody else was called");
    // Found by discovery: the document must be the issuer's own.
    web.put("/.well-known/openid-configuration", 200, json!({"issuer": here, "jwks_uri": format!("{here}/jwks")}));
    let token = theirs.write(&theirs.draft().claim("iss", json!(here)));
    let settings = IssuerSettings { jwks: None, issuer: Some(here.clone()), ..forge::settings(&jwks) };
    judge(&token, settings.clone()).await.unwrap();
    web.put("/.well-known/openid-configuration", 200, json!({"issuer": there, "jwks_uri": format!("{here}/jwks")}));
    assert_eq!(judge(&token, settings).await.unwrap_err().to_string(), "JWKS fetch failed");
}

#[tokio::test]
async fn an_issuer_that_is_asked_says_yes_in_one_way_only() {
    let court = Court::new(SigningAlg::ES256);
    let theirs = &court.parties[1];
    let token = theirs.write(&theirs.draft().seal(Seal::Stranger));
    let ((web, here), (other, there)) = (Web::start().await, Web::start().await);
    let introspection = Introspection {
        endpoint: format!("{here}/introspect"),
        client_id: Some("gate".to_owned()),
        auth: IntrospectionAuth::ClientSecretPost,
        ..Introspection::default()
    };
    let settings = || IssuerSettings { introspection: Some(introspection.clone()), ..forge::settings(&json!(null)) };
    let yes = json!({"active": true, "sub": "7", "aud": forge::API, "exp": NOW + 300, "email": "a@acme.test", "hd": "acme.test",
        "groups": "sre", "realm": {"roles": ["caller"]}});
    web.put("/introspect", 200, &yes);
    for good in ["opaque-token", token.as_str()] {
        judge(good, settings()).await.unwrap();
        let form = format!("token={good}&token_type_hint=access_token&client_id=gate&client_secret=s");
        assert_eq!(web.seen(), [("/introspect".to_owned(), form)]);
    }
    let but = |name: &str, value: Value| {
        let mut answer = yes.clone();
        answer[name] = value;
        answer.to_string()
    };
    for (status, body, says) in [
        (200, but("active", json!("true")), "Introspection failed"),
        (200, but("active", json!(1)), "Introspection failed"),
        (200, "true".to_owned(), "Introspection failed"),
        (200, "<html>".to_owned(), "Introspection failed"),
        (500, yes.to_string(), "Introspection failed"),
        (401, yes.to_string(), "Introspection failed"),
        (302, format!("{there}/introspect"), "Introspection failed"),
        (200, "x".repeat(2 * 1024 * 1024), "Introspection failed"),
        (200, but("active", json!(false)), "Token is not active"),
        (200, but("exp", json!(NOW - 61)), "Token is expired"),
        (200, but("aud", json!("them")), "Invalid audience"),
        (200, but("hd", json!("evil.test")), "JWT validation failed"),
    ] {
        web.put("/introspect", status, body);
        let error = judge("opaque-token", settings()).await.unwrap_err();
        assert_eq!(error.to_string(), says, "{}", error.detail());
    }
    assert_eq!(other.seen(), [], "the token was shown to nobody else");
}

/// J11: nothing is kept, and still nobody can make us flood the issuer.
#[tokio::test]
async fn the_same_bad_token_is_asked_about_once() {
    let (web, here) = Web::start().await;
    let endpoint = format!("{here}/introspect");
    let introspection = Introspection { endpoint, client_id: Some("gate".to_owned()), ..Introspection::default() };
    let settings = IssuerSettings { introspection: Some(introspection), ..forge::settings(&json!(null)) };
    let outbound = outbound();
    let sets = KeySets::new(Arc::new(outbound.clone()), 10, 60);
    let secrets = IssuerSecrets { introspection: Some("s".to_owned()), ..IssuerSecrets::default() };
    let validator = trusting([Source::of("theirs", "acme", &settings, secrets, &sets, &outbound).unwrap()]);
    let ask = async |token: &str, now: i64| {
        let scope = Scope { tenant: Some("acme"), ..Scope::default() };
        validator.validate(token, &scope, now).await.map_err(|invalid| invalid.to_string())
    };
    web.put("/introspect", 200, json!({"active": false}));
    let flood = futures_util::future::join_all((0..300).map(|_| ask("junk", NOW))).await;
    assert!(flood.into_iter().all(|judged| judged.unwrap_err() == "Token is not active"));
    assert_eq!(web.seen().len(), 1);
    web.put(
        "/introspect",
        200,
        json!({"active": true, "sub": "7", "aud": forge::API, "email": "a@acme.test", "hd": "acme.test",
        "groups": "sre", "realm": {"roles": ["caller"]}}),
    );
    ask("junk", NOW + 4).await.unwrap_err();
    ask("junk", NOW + 5).await.unwrap();
    for _ in 0..3 {
        ask("good", NOW).await.unwrap();
    }
    assert_eq!(web.seen().len(), 4, "a yes is never kept");
}

on_both!(whoami_refuses_every_vector);

async fn whoami_refuses_every_vector(backend: Backend) {
    let world = Trusted::new(backend).await;
    let court = Court::new(SigningAlg::ES256);
    let theirs = &court.parties[1];
    let issuer = world.trust("acme", "forged", |s| *s = forge::settings(&json!({"keys": [theirs.key.jwk]}))).await;
    world.principal(Kind::ExternalIdentity, "caller", Some((Mapped::Issuer(issuer.id), json!({})))).await;
    assert_eq!(world.clock.now(), NOW);
    let sent = |token: &String| token.len() < 7_000 && token.bytes().all(|b| b.is_ascii_graphic());
    for vector in vectors(theirs) {
        let (wrong, honest) = (theirs.write(&vector.wrong), theirs.write(&vector.honest));
        let label = format!("{}: {}", vector.row, vector.name);
        // Here the other issuer is not the one of the table.
        let elsewhere = vector.name == "our key under the other's name";
        if sent(&wrong) && !elsewhere {
            let answer = world.whoami(&wrong).await;
            assert_eq!(answer.status, 401, "{label}");
            let challenge = answer.header("www-authenticate").unwrap();
            assert!(wrong.is_empty() || challenge.contains("error=\"invalid_token\""), "{label}: {challenge}");
            if !wrong.is_empty() && !vector.says.is_empty() {
                assert_eq!(text(&answer.json(), "error_description"), vector.says, "{label}");
            }
        }
        assert_eq!(world.name(&honest).await, "caller", "{label}");
    }
    ours(&world, theirs).await;
}

/// Tokens of ours, and what is signed with our keys that is no access token.
async fn ours(world: &Trusted, theirs: &forge::Party) {
    let tokens = world.tokens("web").await;
    let access = text(&tokens, "access_token").to_owned();
    let now = world.clock.now();
    let about_us = json!({"iss": world.url, "sub": world.url, "aud": world.url, "exp": now + 300, "iat": now, "jti": "j",
        "client_id": "web", "tenant": "acme", "fam": "f", "auth_time": now});
    let typed = |typ: &str| world.app.ring.sign(SigningAlg::ES256, typ, &about_us, now).unwrap();
    let (header, rest) = access.split_once('.').unwrap();
    let (claims, signature) = rest.split_once('.').unwrap();
    let foreign = theirs.write(&theirs.draft().seal(Seal::Right));
    let (_, foreign_signature) = foreign.rsplit_once('.').unwrap();
    for (name, token) in [
        ("an ID token", text(&tokens, "id_token").to_owned()),
        ("a refresh token", text(&tokens, "refresh_token").to_owned()),
        ("an assertion", typed("JWT")),
        ("a typed assertion", typed("client-authentication+jwt")),
        ("a logout token", typed("logout+jwt")),
        ("a request object", typed("oauth-authz-req+jwt")),
        ("what a site is told", typed("identity+jwt")),
        ("an access token of no family", typed("at+jwt")),
        ("a foreign signature", format!("{header}.{claims}.{foreign_signature}")),
        ("no signature", format!("{header}.{claims}.")),
        ("the last character gone", access[..access.len() - 1].to_owned()),
        ("one more", format!("{access}A")),
        ("padding", format!("{access}=")),
        ("upper case", access.to_uppercase()),
        ("half", signature.to_owned()),
        ("an opaque one", "0123456789abcdef0123456789abcdef0123456789a".to_owned()),
    ] {
        assert_eq!(world.whoami(&token).await.status, 401, "{name}");
        assert_eq!(world.whoami(&access).await.status, 200, "the honest one");
    }
}
