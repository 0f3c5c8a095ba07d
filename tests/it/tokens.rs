//! Tokens and the endpoints that judge them: what they hold, who may ask about them, and how they end.

use serde_json::{Value, json};

use crate::{
    browser::Browser,
    on_both,
    sso::Log,
    world::{Backend, START, World, decode, text},
};

on_both!(
    hold_what_is_promised,
    userinfo_gives_what_the_scopes_allow,
    introspection_tells_only_its_own,
    revocation_ends_the_family,
    clients_authenticate_one_way,
    wrong_secrets_are_limited,
    discovery_and_keys,
    resources_limit_the_audience
);

async fn hold_what_is_promised(backend: Backend) {
    let world = World::new(backend).await;
    let tokens = world.tokens("web").await;
    assert_eq!((&tokens["token_type"], &tokens["expires_in"]), (&json!("Bearer"), &json!(86_400)));
    let (header, claims) = decode(text(&tokens, "access_token"));
    assert_eq!((&header["typ"], &header["alg"]), (&json!("at+jwt"), &json!("ES256")));
    assert_eq!(claims["iss"], json!(world.url));
    assert_eq!(claims["aud"], json!(world.url));
    assert_eq!(claims["client_id"], json!("web"));
    assert_eq!(claims["tenant"], json!("acme"));
    assert_eq!(claims["email"], json!("ada@acme.example"));
    assert_eq!(claims["exp"], json!(START + 86_400));
    let (header, claims) = decode(text(&tokens, "id_token"));
    assert_eq!((&header["typ"], &header["alg"]), (&json!("JWT"), &json!("RS256")));
    assert_eq!((&claims["aud"], &claims["azp"], &claims["nonce"]), (&json!("web"), &json!("web"), &json!("the-nonce")));
    assert_eq!((&claims["name"], &claims["email_verified"]), (&json!("Ada"), &json!(true)));
    assert!(claims["at_hash"].is_string() && claims["sid"].is_string());
    let (header, _) = decode(text(&tokens, "refresh_token"));
    assert_eq!(header["typ"], json!("refresh+jwt"));
}

async fn userinfo_gives_what_the_scopes_allow(backend: Backend) {
    let world = World::new(backend).await;
    let tokens = world.tokens("web").await;
    let answer = world.userinfo(text(&tokens, "access_token")).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json()["email"], json!("ada@acme.example"));
    assert_eq!(answer.json()["sub"], decode(text(&tokens, "id_token")).1["sub"]);

    let code = world.code("web", &[("scope", "openid")]).await;
    let few = world.redeem("web", &code).await.json();
    let answer = world.userinfo(text(&few, "access_token")).await.json();
    assert_eq!((answer.get("email"), answer.get("name")), (None, None));
    let code = world.code("web", &[("scope", "email")]).await;
    let none = world.redeem("web", &code).await.json();
    assert!(none.get("id_token").is_none());
    let answer = world.userinfo(text(&none, "access_token")).await;
    assert_eq!((answer.status, text(&answer.json(), "error")), (403, "insufficient_scope"));

    let url = format!("{}/oauth2/userinfo", world.url);
    let missing = Browser::new().get(&url).await;
    assert_eq!((missing.status, text(&missing.json(), "error_description")), (401, "Missing Authorization header"));
    let challenge =
        format!("Bearer realm=\"gatehouse\", resource_metadata=\"{}/.well-known/oauth-protected-resource\"", world.url);
    assert_eq!(missing.header("www-authenticate"), Some(challenge.as_str()));
    for (value, description) in [
        ("Basic abc", "Invalid authorization header format"),
        ("Bearer", "Invalid authorization header format"),
        ("Bearer a.b.c", "JWT validation failed"),
    ] {
        let answer = Browser::new().get_with(&url, &[("authorization", value)]).await;
        assert_eq!((answer.status, text(&answer.json(), "error_description")), (401, description), "{value}");
    }
    let token = text(&tokens, "access_token").to_owned();
    assert_eq!(Browser::new().get(&format!("{url}?access_token={token}")).await.status, 401, "never in the query");
    world.clock.advance(86_400 + 61);
    let expired = world.userinfo(&token).await;
    assert_eq!(text(&expired.json(), "error_description"), "Token is expired");
    assert!(expired.header("www-authenticate").unwrap().contains("error=\"invalid_token\""));
}

async fn introspection_tells_only_its_own(backend: Backend) {
    let world = World::new(backend).await;
    let tokens = world.tokens("web").await;
    let (access, refresh) = (text(&tokens, "access_token"), text(&tokens, "refresh_token"));
    assert_eq!(world.introspect("web", access).await["active"], json!(true));
    assert_eq!(world.introspect("web", refresh).await["exp"], json!(START + 604_800), "its own end, not the family's");
    for other in ["foreign", "api", "other-web"] {
        assert_eq!(world.introspect(other, access).await, json!({"active": false}), "{other}");
        assert_eq!(world.introspect(other, refresh).await, json!({"active": false}), "{other}");
    }
    assert_eq!(world.introspect("web", text(&tokens, "id_token")).await, json!({"active": false}));
    assert_eq!(world.introspect("web", "junk").await, json!({"active": false}));
    let url = format!("{}/oauth2/introspect", world.url);
    assert_eq!(Browser::new().post_as(&url, "spa", None, &[("token", access)]).await.status, 401, "a public client");
    world.refresh("web", refresh).await;
    assert_eq!(world.introspect("web", refresh).await, json!({"active": false}), "used");
}

async fn revocation_ends_the_family(backend: Backend) {
    let world = World::new(backend).await;
    let url = format!("{}/oauth2/revoke", world.url);
    for name in ["access_token", "refresh_token"] {
        let tokens = world.tokens("web").await;
        let token = text(&tokens, name);
        let other = Browser::new().post_as(&url, "foreign", Some("foreign-secret"), &[("token", token)]).await;
        assert_eq!(other.status, 200);
        assert_eq!(world.introspect("web", token).await["active"], json!(true), "another client's request changes nothing");
        let own =
            Browser::new().post_as(&url, "web", Some("web-secret"), &[("token", token), ("token_type_hint", "wrong")]).await;
        assert_eq!(own.status, 200);
        assert_eq!(world.userinfo(text(&tokens, "access_token")).await.status, 401);
        assert_eq!(world.refresh("web", text(&tokens, "refresh_token")).await.status, 400);
    }
    assert_eq!(Browser::new().post_as(&url, "web", Some("web-secret"), &[("token", "junk")]).await.status, 200);
    assert_eq!(Browser::new().post_as(&url, "web", Some("wrong"), &[("token", "junk")]).await.status, 401);
}

async fn clients_authenticate_one_way(backend: Backend) {
    let world = World::new(backend).await;
    let url = format!("{}/oauth2/token", world.url);
    let form = [("grant_type", "refresh_token"), ("refresh_token", "x")];
    let mut browser = Browser::new();
    let basic = browser.post_as(&url, "web", Some("wrong"), &form).await;
    assert_eq!((basic.status, basic.header("www-authenticate").is_some()), (401, true));
    let post = |secret: &'static str| [form[0], form[1], ("client_id", "web"), ("client_secret", secret)];
    assert_eq!(text(&browser.post(&url, &post("wrong")).await.json(), "error"), "invalid_client");
    assert_eq!(text(&browser.post(&url, &post("web-secret")).await.json(), "error"), "invalid_grant", "the client is in");
    assert_eq!(text(&browser.post(&url, &[form[0], form[1], ("client_id", "web")]).await.json(), "error"), "invalid_client");
    assert_eq!(text(&browser.post(&url, &form).await.json(), "error"), "invalid_client");
    let both = browser.post_as(&url, "web", Some("web-secret"), &[form[0], form[1], ("client_secret", "web-secret")]).await;
    assert_eq!(text(&both.json(), "error"), "invalid_request", "two methods");
    let twice = browser.post_as(&url, "web", Some("web-secret"), &[form[0], form[0], form[1]]).await;
    assert_eq!(text(&twice.json(), "error"), "invalid_request", "a repeated parameter");
    let json = browser.post_json(&url, &[], &json!({"grant_type": "refresh_token"})).await;
    assert_eq!(text(&json.json(), "error"), "invalid_request");
    let unknown = browser.post_as(&url, "web", Some("web-secret"), &[("grant_type", "password")]).await;
    assert_eq!(text(&unknown.json(), "error"), "unsupported_grant_type");
    assert_eq!(browser.get(&url).await.status, 405);
}

async fn wrong_secrets_are_limited(backend: Backend) {
    let world = World::new(backend).await;
    let url = format!("{}/oauth2/token", world.url);
    let form = [("grant_type", "refresh_token"), ("refresh_token", "x")];
    for _ in 0..30 {
        assert_eq!(Browser::new().post_as(&url, "web", Some("guess"), &form).await.status, 401);
    }
    let log = Log::down_to(tracing::Level::INFO);
    for _ in 0..3 {
        let limited = Browser::new().post_as(&url, "web", Some("web-secret"), &form).await;
        assert_eq!((limited.status, limited.header("retry-after").is_some()), (429, true));
    }
    assert_eq!(log.text().matches("too many failed client authentications").count(), 1, "{}", log.text());
    assert_eq!(Browser::new().post_as(&url, "api", Some("api-secret"), &form).await.status, 400, "other clients go on");
    // Who makes up another client each time has no more tries than who does not.
    for n in 0..30 {
        assert_eq!(Browser::new().post_as(&url, &format!("made-up-{n}"), Some("guess"), &form).await.status, 401);
    }
    assert_eq!(Browser::new().post_as(&url, "made-up-30", Some("guess"), &form).await.status, 429);
    assert_eq!(Browser::new().post_as(&url, "api", Some("api-secret"), &form).await.status, 400, "clients that there are go on");
    world.clock.advance(301);
    assert_eq!(Browser::new().post_as(&url, "web", Some("web-secret"), &form).await.status, 400, "and so does this one, later");
}

async fn discovery_and_keys(backend: Backend) {
    let world = World::new(backend).await;
    let mut browser = Browser::new();
    let metadata = browser
        .get_with(
            &format!("{}/.well-known/openid-configuration", world.url),
            &[("x-forwarded-host", "evil.example"), ("forwarded", "host=evil.example")],
        )
        .await;
    let document = metadata.json();
    assert_eq!(document["issuer"], json!(world.url));
    assert!(!metadata.body.contains("evil.example"));
    assert_eq!(document["code_challenge_methods_supported"], json!(["S256"]));
    assert_eq!(document["authorization_response_iss_parameter_supported"], json!(true));
    assert_eq!(browser.get(&format!("{}/.well-known/oauth-authorization-server", world.url)).await.json(), document);
    let jwks = browser.get(text(&document, "jwks_uri")).await;
    assert_eq!(jwks.header("cache-control"), Some("public, max-age=300"));
    let keys = jwks.json()["keys"].as_array().unwrap().clone();
    let algs: Vec<&Value> = keys.iter().map(|k| &k["alg"]).collect();
    for alg in ["ES256", "RS256", "EdDSA"] {
        assert!(algs.contains(&&json!(alg)), "{alg} in {algs:?}");
    }
    assert!(
        keys.iter().all(|k| ["d", "p", "q", "dp", "dq", "qi", "k"].iter().all(|private| k.get(private).is_none())),
        "public halves only"
    );
}

async fn resources_limit_the_audience(backend: Backend) {
    let world = World::new(backend).await;
    let aud = async |extra: &[(&str, &str)]| {
        let code = world.code("api", extra).await;
        let tokens = world.redeem("api", &code).await.json();
        decode(text(&tokens, "access_token")).1["aud"].clone()
    };
    assert_eq!(aud(&[("scope", "email")]).await, json!("https://one.example"), "the default");
    assert_eq!(aud(&[("scope", "email"), ("resource", "https://two.example")]).await, json!("https://two.example"));
    assert_eq!(aud(&[("resource", "https://two.example")]).await, json!("https://two.example"), "also with openid");
    assert_eq!(aud(&[]).await, json!(["https://one.example", world.url]), "of the platform's own client, which asks for nothing");
    let narrowed = async |extra: &[(&str, &str)], resource: &str| {
        let code = world.code("api", extra).await;
        let redirect = crate::world::redirect_uri("api");
        let form = [("grant_type", "authorization_code"), ("code", &code), ("redirect_uri", &redirect), ("resource", resource)];
        world.token("api", &form).await.json()
    };
    let both = [("scope", "email"), ("resource", "")];
    let tokens = narrowed(&both, "https://two.example").await;
    assert_eq!(decode(text(&tokens, "access_token")).1["aud"], json!("https://two.example"), "named at redemption");
    let refreshed =
        [("grant_type", "refresh_token"), ("refresh_token", text(&tokens, "refresh_token")), ("resource", "https://one.example")];
    let refreshed = world.token("api", &refreshed).await.json();
    assert_eq!(decode(text(&refreshed, "access_token")).1["aud"], json!("https://one.example"), "and at refresh");
    assert_eq!(text(&narrowed(&both, "https://three.example").await, "error"), "invalid_target");
    let one = [("scope", "email"), ("resource", "https://one.example")];
    assert_eq!(text(&narrowed(&one, "https://two.example").await, "error"), "invalid_target", "not what was granted");
    let unknown = Browser::new().get(&world.authorize_url("api", &[("resource", "https://three.example")])).await;
    assert_eq!(unknown.query("error").as_deref(), Some("invalid_target"));
}
