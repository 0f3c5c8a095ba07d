//! Where the provider's endpoints come from.

use serde_json::json;

use super::*;
use crate::idp::{Broken, change};

#[tokio::test]
async fn another_issuer_in_the_document_is_refused() {
    let world = World::new().await;
    let issuer = world.idp.issuer().to_owned();
    for (found, says) in [
        (format!("{issuer}/"), "has a slash at its end"),
        (issuer.replace("http:", "https:"), "begins with https and the configured one with http"),
        ("https://evil.example".to_owned(), "is another"),
    ] {
        world.idp.turn(|k| k.discovery = change(move |d: &mut Value| d["issuer"] = json!(found)));
        let error = world.open().depart(world.wish("s")).await.unwrap_err();
        assert!(untrusted(&error).contains(says), "{error}");
    }
    world.idp.turn(|k| k.discovery = None);
    world.sign_in(&world.open()).await.unwrap();
}

#[tokio::test]
async fn endpoints_outside_the_allowed_are_never_called() {
    let world = World::new().await;
    for (member, value) in [
        ("token_endpoint", "http://10.0.0.1/token"),
        ("jwks_uri", "file:///etc/passwd"),
        ("userinfo_endpoint", "http://169.254.169.254/latest"),
        ("authorization_endpoint", "javascript:alert(1)"),
    ] {
        world.idp.turn(|k| k.discovery = change(move |d: &mut Value| d[member] = json!(value)));
        let error = world.open().depart(world.wish("s")).await.unwrap_err();
        assert!(untrusted(&error).contains(member), "{member}: {error}");
    }
    world.idp.turn(|k| k.discovery = change(|d: &mut Value| d["token_endpoint"] = json!("https://10.0.0.1/token")));
    let error = world.sign_in(&world.open()).await.unwrap_err();
    assert!(matches!(&error, Error::Unreachable(cause) if cause.contains("leads to no public address")), "{error}");
}

#[tokio::test]
async fn a_provider_that_gives_no_document_is_unreachable_and_its_page_is_not_repeated() {
    let world = World::new().await;
    let path = "/.well-known/openid-configuration";
    for (broken, says) in [
        (Broken::Status(404), "status 404"),
        (Broken::Html, "not the expected JSON"),
        (Broken::Huge, "more than"),
        (Broken::RedirectsAway, "redirects to"),
    ] {
        world.idp.turn(|k| k.broken = [(path, broken)].into());
        let error = world.open().depart(world.wish("s")).await.unwrap_err();
        assert!(matches!(&error, Error::Unreachable(cause) if cause.contains(says)), "{broken:?}: {error}");
        assert!(!error.to_string().contains("secret-of-the-page"));
    }
}

#[tokio::test]
async fn a_good_document_is_kept_refreshed_behind_the_scenes_and_never_replaced_by_a_bad_one() {
    let world = World::new().await;
    let connector = world.open();
    let fetched = || world.idp.seen("/.well-known/openid-configuration").len();
    world.sign_in(&connector).await.unwrap();
    world.sign_in(&connector).await.unwrap();
    assert_eq!(fetched(), 1);
    world.idp.turn(|k| k.discovery = change(|d: &mut Value| d["issuer"] = json!("https://evil.example")));
    world.clock.advance(3601);
    world.sign_in(&connector).await.unwrap();
    settle().await;
    assert_eq!(fetched(), 2);
    world.sign_in(&connector).await.unwrap();
    settle().await;
    assert_eq!(fetched(), 2, "a failed refresh is not repeated at once");
    let moved = format!("{}/moved", world.idp.issuer());
    world.idp.turn(|k| k.discovery = change(move |d: &mut Value| d["authorization_endpoint"] = json!(moved)));
    world.clock.advance(61);
    connector.depart(world.wish("s")).await.unwrap();
    settle().await;
    let departure = connector.depart(world.wish("s")).await.unwrap();
    assert!(target(&departure).path().ends_with("/moved"), "the next good document counts");
}

#[tokio::test]
async fn a_failure_without_any_document_is_remembered_only_for_a_moment() {
    let world = World::new().await;
    let connector = world.open();
    world.idp.turn(|k| k.broken = [("/.well-known/openid-configuration", Broken::Status(503))].into());
    for _ in 0..20 {
        connector.depart(world.wish("s")).await.unwrap_err();
    }
    assert_eq!(world.idp.seen("/.well-known/openid-configuration").len(), 1);
    world.idp.turn(|k| k.broken.clear());
    world.clock.advance(4);
    world.sign_in(&connector).await.unwrap();
}

#[tokio::test]
async fn manual_endpoints_need_no_document() {
    let mut world = World::new().await;
    let at = |path: &str| Some(format!("{}{path}", world.idp.issuer()));
    let (authorize, token, jwks) = (at("/authorize"), at("/token"), at("/jwks"));
    let oidc = world.oidc();
    oidc.discover = false;
    (oidc.authorization_endpoint, oidc.token_endpoint, oidc.jwks_uri) = (authorize, token, jwks);
    world.sign_in(&world.open()).await.unwrap();
    assert!(world.idp.seen("/.well-known/openid-configuration").is_empty());
    let mut broken = world.settings.clone();
    broken.oidc.as_mut().unwrap().jwks_uri = None;
    let error = Oidc::open(&broken, None, &world.deps).err().unwrap();
    assert!(matches!(&error, Error::Misconfigured(cause) if cause.contains("jwks_uri is missing")), "{error}");
}

#[tokio::test]
async fn private_providers_are_not_called_unless_allowed() {
    let mut world = World::new().await;
    world.deps.outbound = Outbound::new(gatehouse::outbound::Allow::default()).unwrap();
    let error = world.open().depart(world.wish("s")).await.unwrap_err();
    assert!(matches!(&error, Error::Unreachable(cause) if cause.contains("leads to no public address")), "{error}");
    assert!(world.idp.seen("/.well-known/openid-configuration").is_empty());
}

#[tokio::test]
async fn what_cannot_work_is_not_opened() {
    let world = World::new().await;
    let open = |change: &dyn Fn(&mut ConnectionSettings), secret: Option<&str>| {
        let mut settings = world.settings.clone();
        change(&mut settings);
        Oidc::open(&settings, secret.map(SecretString::from), &world.deps).err().map(|e| e.to_string()).unwrap_or_default()
    };
    assert_eq!(open(&|_| {}, None), "", "auto without a secret is a public client");
    let basic = gatehouse::policy::connection::TokenAuth::ClientSecretBasic;
    assert!(open(&|s| s.oidc.as_mut().unwrap().token_endpoint_auth_method = basic, None).contains("no client secret"));
    assert!(open(&|s| s.oidc = None, None).contains("neither"));
    assert!(open(&|s| s.preset = Some("octa".into()), None).contains("known are"));
    let common = |s: &mut ConnectionSettings| {
        s.preset = Some("entra".into());
        s.oidc.as_mut().unwrap().issuer = "https://login.microsoftonline.com/common/v2.0".into();
    };
    assert!(open(&common, None).contains("allowed_tenants"));
}
