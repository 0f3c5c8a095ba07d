//! Identity headers that the client sends itself never reach a site (threats H3).

use serde_json::json;

use super::{API, DIALECTS, Dialect, Guarded, bearer};
use crate::{on_both, world::Backend};

on_both!(copies_of_identity_headers_go_nowhere, every_identity_header_is_answered, envoy_is_told_what_to_remove);

async fn copies_of_identity_headers_go_nowhere(backend: Backend) {
    let world = Guarded::new(backend).await;
    world.site("jwt", json!({"hosts": ["jwt.example"], "identity": {"method": "jwt_header"}})).await;
    world
        .site("claims", json!({"hosts": ["claims.example"], "identity": {"method": "claims_header", "header_name": "X-Who"}}))
        .await;
    world.site("open", json!({"hosts": ["open.example"], "public_paths": ["/"]})).await;
    for method in ["bearer", "none"] {
        world.site(method, json!({"hosts": [format!("{method}.example")], "identity": {"method": method}})).await;
    }
    let (header, value) = bearer(&world.own().await);
    // Of every method, whichever the site's is.
    let known = [
        "Remote_User",
        "remote-email",
        "Remote~Name",
        "remote-groups",
        "Remote-Subject",
        "REMOTE_ISSUER",
        "x-user-claims",
        "X_User_JWT",
    ];
    for (host, copies) in [
        ("app.example", &known[..]),
        ("jwt.example", &known),
        ("claims.example", &known),
        ("bearer.example", &known),
        ("none.example", &known),
        ("open.example", &known),
        ("app.example", &["remote-user", "Remote_User", "REMOTE-EMAIL", "remote_groups", "Remote-Name"]),
        ("open.example", &["remote-user", "Remote_User"]),
        ("jwt.example", &["x-user-jwt", "X_User_JWT", "x-user_jwt"]),
        ("claims.example", &["x-who", "X_WHO"]),
    ] {
        assert_eq!(world.status(host, "/", &[API, (header, &value)]).await, 200, "{host}");
        for copy in copies {
            assert_eq!(world.status(host, "/", &[API, (header, &value), (copy, "eve")]).await, 403, "{host} {copy}");
            assert_eq!(world.status(host, "/", &[API, (header, &value), (copy, "")]).await, 403, "{host} empty {copy}");
            let twice = [API, (header, value.as_str()), (copy, "eve"), (copy, "ada@acme.example")];
            assert_eq!(world.status(host, "/", &twice).await, 403, "{host} {copy} twice");
        }
    }
    // What is no identity header of the site is none of its business.
    assert_eq!(world.status("jwt.example", "/", &[API, (header, &value), ("x-who", "x")]).await, 200);
    // A header that the proxy would drop after we have set it.
    let connection = ("connection", "close, Remote-User");
    for dialect in DIALECTS {
        let answer = world.ask(dialect, "app.example", "/", &[API, (header, &value), connection]).await;
        assert_eq!(answer.status, 403, "{dialect:?}");
    }
}

async fn every_identity_header_is_answered(backend: Backend) {
    let world = Guarded::new(backend).await;
    world.site("open", json!({"hosts": ["open.example"], "public_paths": ["/open"]})).await;
    for dialect in DIALECTS {
        let answer = world.ask(dialect, "open.example", "/open", &[API]).await;
        assert_eq!(answer.status, 200);
        for name in ["remote-user", "remote-email", "remote-name", "remote-groups", "remote-subject", "remote-issuer"] {
            assert_eq!(answer.header(name), Some(""), "{dialect:?} {name}");
        }
        let token = bearer(&super::foreign(json!({"email": null, "name": null})));
        let answer = world.ask(dialect, "app.example", "/", &[API, (token.0, &token.1)]).await;
        assert_eq!((answer.header("remote-user"), answer.header("remote-email")), (Some("okta/00u1"), Some("")));
        assert_eq!((answer.header("remote-name"), answer.header("remote-groups")), (Some(""), Some("")));
    }
}

async fn envoy_is_told_what_to_remove(backend: Backend) {
    let world = Guarded::new(backend).await;
    world.site("raw", json!({"hosts": ["raw.example"], "identity": {"method": "bearer"}})).await;
    let (header, value) = bearer(&world.own().await);
    let ask = async |dialect, host| {
        let answer = world.ask(dialect, host, "/", &[API, (header, &value)]).await;
        answer.header("x-envoy-auth-headers-to-remove").map(str::to_owned)
    };
    assert_eq!(ask(Dialect::Envoy, "app.example").await.as_deref(), Some("x-user-claims,x-user-jwt,authorization"));
    let all = "remote-user,remote-email,remote-name,remote-groups,remote-subject,remote-issuer,x-user-claims,x-user-jwt";
    assert_eq!(ask(Dialect::Envoy, "raw.example").await.as_deref(), Some(all));
    assert_eq!(ask(Dialect::Forward, "app.example").await, None);
    // A token that comes in a header of its own goes no further either, also where anybody may pass.
    world.okta(json!({"header_key": "X-Okta-Token"})).await;
    world.site("keyed", json!({"hosts": ["keyed.example"], "issuers": ["gatehouse", "okta"], "public_paths": ["/open"]})).await;
    let (_, token) = bearer(&super::foreign(json!({})));
    let token = token.replace("Bearer ", "");
    for (target, named) in [("/", Some("okta/00u1")), ("/open", Some(""))] {
        let answer = world.ask(Dialect::Envoy, "keyed.example", target, &[API, ("x-okta-token", &token)]).await;
        assert_eq!((answer.status, answer.header("remote-user")), (200, named), "{target}");
        let remove = answer.header("x-envoy-auth-headers-to-remove");
        assert_eq!(remove, Some("x-user-claims,x-user-jwt,authorization,x-okta-token"), "{target}");
    }
    world
        .site("kept", json!({"hosts": ["kept.example"], "issuers": ["gatehouse", "okta"], "identity": {"method": "bearer"}}))
        .await;
    assert_eq!(ask(Dialect::Envoy, "kept.example").await.as_deref(), Some(all), "as it came");
    // Who is told nothing is not given the token, and what nobody has judged goes nowhere.
    let none = json!({"hosts": ["mute.example"], "issuers": ["gatehouse", "okta"], "identity": {"method": "none"}});
    world.site("mute", none).await;
    let open = json!({
        "hosts": ["open.example"], "issuers": ["gatehouse", "okta"], "public_paths": ["/open"], "identity": {"method": "bearer"},
    });
    world.site("open", open).await;
    let everything = format!("{all},authorization,x-okta-token");
    for (host, target) in [("mute.example", "/"), ("open.example", "/open")] {
        for sent in [(header, value.as_str()), ("authorization", "Bearer forged"), ("x-okta-token", "forged")] {
            if host == "mute.example" && sent.1.contains("forged") {
                continue;
            }
            let answer = world.ask(Dialect::Envoy, host, target, &[API, sent]).await;
            let told = (answer.status, answer.header("authorization"), answer.header("x-envoy-auth-headers-to-remove"));
            assert_eq!(told, (200, None, Some(everything.as_str())), "{host} {sent:?}");
        }
    }
    let answer = world.ask(Dialect::Envoy, "open.example", "/", &[API, (header, &value)]).await;
    assert_eq!(answer.header("x-envoy-auth-headers-to-remove"), Some(all), "the honest twin");
}
