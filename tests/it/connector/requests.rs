//! What we say to a provider: authentication, assertions, request objects.

use gatehouse::policy::connection::TokenAuth;
use serde_json::json;

use super::*;
use crate::idp::{Broken, change};

const BASIC: &str = "client_secret_basic";
const POST: &str = "client_secret_post";

#[tokio::test]
async fn each_way_to_authenticate_works() {
    for (method, name) in [
        (TokenAuth::ClientSecretBasic, BASIC),
        (TokenAuth::ClientSecretPost, POST),
        (TokenAuth::PrivateKeyJwt, "private_key_jwt"),
        (TokenAuth::None, "none"),
    ] {
        let mut world = World::new().await;
        world.oidc().token_endpoint_auth_method = method;
        world.idp.turn(|k| k.accepts = vec![name]);
        world.sign_in(&world.open()).await.unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(world.idp.seen("/token").len(), 1);
        assert!(name == POST || !world.idp.seen("/token")[0].form.contains_key("client_secret"));
    }
}

#[tokio::test]
async fn auto_remembers_what_worked() {
    let world = World::new().await;
    world.idp.turn(|k| k.accepts = vec![POST]);
    let connector = world.open();
    world.sign_in(&connector).await.unwrap();
    assert_eq!(world.idp.seen("/token").len(), 2, "basic, then post");
    world.sign_in(&connector).await.unwrap();
    assert_eq!(world.idp.seen("/token").len(), 3, "post at once");
}

#[tokio::test]
async fn a_code_that_the_first_try_burnt_costs_one_sign_in_only() {
    let world = World::new().await;
    world.idp.turn(|k| (k.accepts, k.burns_codes) = (vec![POST], true));
    let connector = world.open();
    let error = world.sign_in(&connector).await.unwrap_err();
    assert!(matches!(&error, Error::Refused(cause) if cause.contains("the next sign-in will work")), "{error}");
    world.sign_in(&connector).await.unwrap();
}

#[tokio::test]
async fn advertised_methods_guide_auto() {
    let mut world = World::new().await;
    world.idp.turn(|k| {
        k.accepts = vec![POST];
        k.discovery = change(|d: &mut Value| d["token_endpoint_auth_methods_supported"] = json!([POST]));
    });
    world.sign_in(&world.open()).await.unwrap();
    assert_eq!(world.idp.seen("/token").len(), 1);
    world.secret = None;
    world.idp.turn(|k| k.accepts = vec!["none"]);
    world.sign_in(&world.open()).await.unwrap();
}

#[tokio::test]
async fn a_wrong_secret_is_named_as_such() {
    let mut world = World::new().await;
    world.secret = Some("expired".into());
    let error = world.sign_in(&world.open()).await.unwrap_err();
    let Error::Misconfigured(cause) = &error else { panic!("{error}") };
    assert!(
        cause.contains("the client secret is wrong or has expired")
            && cause.contains("client_secret_basic and client_secret_post")
    );
    assert!(!cause.contains("expired\"") && !format!("{error:?}").contains(CLIENT_SECRET));
}

#[tokio::test]
async fn without_a_signing_key_the_fix_is_named() {
    let mut world = World::new().await;
    world.deps.ring = KeyRing::default();
    world.oidc().token_endpoint_auth_method = TokenAuth::PrivateKeyJwt;
    let error = world.sign_in(&world.open()).await.unwrap_err();
    assert!(matches!(&error, Error::Misconfigured(cause) if cause.contains("gatehouse keys rotate")), "{error}");
}

#[tokio::test]
async fn request_objects_are_signed_and_say_what_the_query_says() {
    let mut world = World::new().await;
    world.oidc().sign_requests = true;
    let connector = world.open();
    world.sign_in_as(&connector, |wish| (wish.max_age, wish.login_hint) = (Some(30), Some("ada@acme.example"))).await.unwrap();
    let seen = &world.idp.seen("/authorize")[0];
    assert!(seen.query.contains_key("request") && seen.query["scope"] == "openid email");
    world.idp.turn(|k| k.discovery = change(|d: &mut Value| d["request_parameter_supported"] = json!(false)));
    let error = world.open().depart(world.wish("s")).await.unwrap_err();
    assert!(matches!(&error, Error::Misconfigured(cause) if cause.contains("sign_requests")), "{error}");
}

#[tokio::test]
async fn bent_token_answers_are_understood() {
    let world = World::new().await;
    let connector = world.open();
    let long = "x".repeat(5000);
    for (name, value) in [
        ("expires_in", json!("3600")),
        ("expires_in", json!(null)),
        ("token_type", json!("bearer")),
        ("token_type", json!(null)),
        ("scope", json!(["openid"])),
        ("refresh_token", json!(null)),
        ("own_member", json!(long)),
    ] {
        let case = format!("{name} = {value}");
        world.idp.turn(|k| k.token_response = change(move |answer: &mut Value| answer[name] = value.clone()));
        world.sign_in(&connector).await.unwrap_or_else(|e| panic!("{case}: {e}"));
    }
}

#[tokio::test]
async fn useless_token_answers_are_refused_and_not_repeated() {
    let world = World::new().await;
    let connector = world.open();
    for (name, value) in [
        ("access_token", json!("line\nbreak")),
        ("access_token", json!("nul\u{0}")),
        ("access_token", json!({"a": 1})),
        ("id_token", json!(null)),
        ("id_token", json!("")),
        ("id_token", json!(7)),
        ("id_token", json!("a.b")),
        ("id_token", json!("....")),
        ("id_token", json!(".".repeat(100_000))),
    ] {
        let case = format!("{name} = {:.40}", value.to_string());
        let error = world
            .fault_and_twin(&connector, |k| k.token_response = change(move |answer: &mut Value| answer[name] = value.clone()))
            .await;
        assert!(matches!(error, Error::Unreachable(_) | Error::Untrusted(_)), "{case}: {error}");
    }
    for broken in [Broken::Status(500), Broken::Html, Broken::Huge, Broken::RedirectsAway] {
        let error = world.fault_and_twin(&connector, |k| k.broken = [("/token", broken)].into()).await;
        assert!(matches!(&error, Error::Unreachable(_)), "{broken:?}: {error}");
        assert!(!error.to_string().contains("secret-of-the-page"));
    }
}

#[tokio::test]
async fn a_provider_that_hangs_is_given_up() {
    let world = World::new().await;
    let connector = world.open();
    let error = world.fault_and_twin(&connector, |k| k.broken = [("/token", Broken::Hangs)].into()).await;
    assert!(matches!(&error, Error::Unreachable(cause) if cause.contains("did not answer within")), "{error}");
}
