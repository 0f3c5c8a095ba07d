//! What an ID token may not get away with (threats O2, O3, O9, O10, J1 to J9).

use serde_json::json;

use super::*;
use crate::idp::{Signing, change};

const TID: &str = "8a7c0f66-1c2d-4e5f-8a9b-0c1d2e3f4a5b";
const OTHER_TID: &str = "11111111-2222-4333-8444-555555555555";

#[tokio::test]
async fn each_wrong_claim_is_refused() {
    let world = World::new().await;
    let connector = world.open();
    world.sign_in(&connector).await.unwrap();
    let issuer = world.idp.issuer().to_owned();
    let (slash, other_port) = (format!("{issuer}/"), format!("{issuer}0"));
    let set = |name: &'static str, value: Value| (name, value);
    for ((name, value), says) in [
        (set("iss", json!("https://evil.example")), "issuer is"),
        (set("iss", json!(slash)), "trailing slash"),
        (set("iss", json!(other_port)), "issuer is"),
        (set("iss", json!([issuer])), "issuer"),
        (set("iss", Value::Null), "issuer"),
        (set("aud", json!("someone else")), "audience is"),
        (set("aud", json!(["someone else"])), "audience is"),
        (set("aud", json!([CLIENT_ID, "someone else"])), "audience is"),
        (set("aud", json!([])), "audience"),
        (set("aud", Value::Null), "audience"),
        (set("aud", json!({"a": CLIENT_ID})), "audience"),
        (set("azp", json!("someone else")), "azp is"),
        (set("nonce", json!("another")), "nonce is another"),
        (set("nonce", Value::Null), "has no nonce"),
        (set("nonce", json!(7)), "has no nonce"),
        (set("sub", Value::Null), "sub"),
        (set("sub", json!("")), "sub"),
        (set("sub", json!("x".repeat(256))), "sub"),
        (set("iat", Value::Null), "iat"),
        (set("iat", json!("1800000000")), "iat"),
        (set("iat", json!(START + 61)), "ahead of this clock"),
        (set("iat", json!(-5)), "iat"),
        (set("exp", Value::Null), "exp"),
        (set("exp", json!("9999999999")), "exp"),
        (set("exp", json!(1e30)), "exp"),
        (set("exp", json!(START - 61)), "expired 61 s ago"),
        (set("nbf", json!(START + 3600)), "nbf is 3600 s ahead"),
        (set("nbf", json!("soon")), "nbf"),
        (set("at_hash", json!("AAAAAAAAAAAAAAAAAAAAAA")), "at_hash"),
        (set("at_hash", json!(1)), "at_hash"),
    ] {
        let case = format!("{name} = {value}");
        let error = world
            .fault_and_twin(&connector, |k| {
                k.claims = change(move |claims: &mut Value| {
                    claims[name] = value.clone();
                    if value.is_null() {
                        claims.as_object_mut().unwrap().remove(name);
                    }
                });
            })
            .await;
        assert!(untrusted(&error).contains(says), "{case}: {error}");
    }
}

#[tokio::test]
async fn odd_but_honest_claims_pass() {
    let world = World::new().await;
    let connector = world.open();
    for (name, value) in [
        ("aud", json!([CLIENT_ID])),
        ("azp", json!(CLIENT_ID)),
        ("exp", json!(START - 59)),
        ("iat", json!(START + 59)),
        ("updated_at", json!("2026-01-01T00:00:00Z")),
        ("address", json!("one line")),
        ("birthdate", json!(1815)),
        ("amr", json!("pwd")),
        ("phone_number_verified", json!("yes")),
    ] {
        world.idp.turn(|k| k.claims = change(move |claims: &mut Value| claims[name] = value.clone()));
        world.sign_in(&connector).await.unwrap_or_else(|e| panic!("{name}: {e}"));
    }
    world.idp.turn(|k| {
        k.claims = change(|claims: &mut Value| {
            claims["aud"] = json!([CLIENT_ID, "a trusted API"]);
            claims["azp"] = json!(CLIENT_ID);
        });
    });
    world.sign_in(&connector).await.unwrap();
}

#[tokio::test]
async fn each_wrong_signature_is_refused() {
    let world = World::new().await;
    let connector = world.open();
    for (signing, says) in [
        (Signing::None("none"), "is empty"),
        (Signing::None("nOnE"), "is empty"),
        (Signing::HmacOfPublicKey, "alg is"),
        (Signing::HmacOfSecret, "alg is"),
        (Signing::WrongKey, "signature"),
        (Signing::Altered, "signature"),
    ] {
        let error = world.fault_and_twin(&connector, |k| k.signing = signing).await;
        assert!(untrusted(&error).contains(says), "{signing:?}: {error}");
    }
    world.idp.turn(|k| k.signing = Signing::Es256);
    world.sign_in(&connector).await.unwrap();
}

#[tokio::test]
async fn the_header_chooses_nothing() {
    let world = World::new().await;
    let connector = world.open();
    for (name, value) in [
        ("typ", json!("at+jwt")),
        ("typ", json!("logout+jwt")),
        ("crit", json!(["exp"])),
        ("b64", json!(false)),
        ("kid", json!("../../dev/null")),
        ("kid", json!({"a": 1})),
        ("alg", json!("RS384")),
        ("alg", json!("none")),
        ("alg", json!("nOnE")),
        ("alg", json!("")),
        ("alg", json!("HS256")),
        ("alg", Value::Null),
    ] {
        let case = format!("{name} = {value}");
        let error =
            world.fault_and_twin(&connector, |k| k.header = change(move |header: &mut Value| header[name] = value.clone())).await;
        assert!(matches!(error, Error::Untrusted(_)), "{case}: {error}");
    }
    let before = world.idp.seen("/jwks").len();
    let elsewhere = format!("{}/evil-jwks", world.idp.issuer());
    let error = world
        .fault_and_twin(&connector, |k| {
            k.signing = Signing::WrongKey;
            k.header = change(move |header: &mut Value| header["jku"] = json!(elsewhere));
        })
        .await;
    assert!(matches!(error, Error::Untrusted(_)), "{error}");
    assert!(world.idp.seen("/evil-jwks").is_empty() && world.idp.seen("/jwks").len() <= before + 1);
}

#[tokio::test]
async fn keys_may_rotate_and_need_no_name() {
    let world = World::new().await;
    let connector = world.open();
    world.sign_in(&connector).await.unwrap();
    world.clock.advance(FLOOR);
    world.idp.rotate(true);
    world.sign_in(&connector).await.unwrap();
    world.clock.advance(FLOOR);
    world.idp.rotate(false);
    world.sign_in(&connector).await.unwrap();
    world.idp.rotate(false);
    let error = world.sign_in(&connector).await.unwrap_err();
    assert!(untrusted(&error).contains("try again in a minute"), "within the floor nothing is fetched: {error}");
    world.clock.advance(FLOOR);
    world.idp.rotate(true);
    world.idp.turn(|k| {
        k.header = change(|header: &mut Value| {
            header.as_object_mut().unwrap().remove("kid");
        });
    });
    world.sign_in(&connector).await.unwrap();
}

#[tokio::test]
async fn the_skew_and_algorithms_are_the_connections_own() {
    let mut world = World::new().await;
    world.oidc().skew = Some(0);
    world.oidc().allowed_algs = vec!["ES256".into()];
    let connector = world.open();
    let error = world.sign_in(&connector).await.unwrap_err();
    assert!(untrusted(&error).contains("allowed_algs"), "{error}");
    world.idp.turn(|k| {
        k.signing = Signing::Es256;
        k.claims = change(|claims: &mut Value| claims["iat"] = json!(START + 1));
    });
    let error = world.sign_in(&connector).await.unwrap_err();
    assert!(untrusted(&error).contains("1 s ahead") && untrusted(&error).contains("NTP"), "{error}");
    world.idp.turn(|k| k.claims = None);
    world.sign_in(&connector).await.unwrap();
}

#[tokio::test]
async fn proof_that_was_asked_for_must_have_been_given() {
    let world = World::new().await;
    let connector = world.open();
    let asked = |force, max_age| {
        let (world, connector) = (&world, &connector);
        async move {
            world
                .sign_in_as(connector, |wish| {
                    wish.force = force;
                    wish.max_age = max_age;
                })
                .await
        }
    };
    let auth_time = |at: Value| {
        world.idp.turn(|k| k.claims = change(move |claims: &mut Value| claims["auth_time"] = at.clone()));
    };
    assert_eq!(asked(true, Some(60)).await.unwrap().auth_time, Some(START));
    auth_time(json!(START - 200));
    assert!(untrusted(&asked(false, Some(60)).await.unwrap_err()).contains("ignores max_age"));
    assert!(untrusted(&asked(true, None).await.unwrap_err()).contains("ignores prompt=login"));
    asked(false, Some(150)).await.unwrap();
    asked(false, None).await.unwrap();
    auth_time(json!(START + 3600));
    assert!(untrusted(&asked(true, None).await.unwrap_err()).contains("ahead of this clock"));
    auth_time(Value::Null);
    assert!(untrusted(&asked(false, Some(60)).await.unwrap_err()).contains("no auth_time"));
    assert_eq!(asked(true, None).await.unwrap().auth_time, None, "after prompt=login alone it may be missing");
    auth_time(json!("1800000000"));
    assert!(untrusted(&asked(true, Some(60)).await.unwrap_err()).contains("no auth_time"));
}

/// A provider that behaves as Entra: the issuer of documents is a template, that of tokens names the directory.
async fn entra(shared: bool) -> World {
    let mut world = World::new().await;
    let base = world.idp.issuer().to_owned();
    let (document, configured) = if shared { ("{tenantid}", "common") } else { (TID, TID) };
    let named = format!("{base}/{document}/v2.0");
    world.idp.turn(|k| {
        k.discovery = change(move |d: &mut Value| {
            d["issuer"] = json!(named);
            d.as_object_mut().unwrap().remove("authorization_response_iss_parameter_supported");
        });
        k.redirect = change(|answer: &mut std::collections::BTreeMap<String, String>| {
            answer.remove("iss");
        });
    });
    world.settings.preset = Some("entra".into());
    let oidc = world.oidc();
    oidc.issuer = format!("{base}/{configured}/v2.0");
    if shared {
        oidc.allowed_tenants = vec![TID.to_uppercase()];
    }
    world
}

fn from_directory(world: &World, iss_tid: &str, tid: Value) {
    let iss = format!("{}/{iss_tid}/v2.0", world.idp.issuer());
    world.idp.turn(|k| {
        k.claims = change(move |claims: &mut Value| {
            claims["iss"] = json!(iss);
            claims["tid"] = tid.clone();
            claims["oid"] = json!("00000000-0000-0000-0000-0000000000aa");
            claims.as_object_mut().unwrap().remove("email_verified");
        });
    });
}

#[tokio::test]
async fn entra_lets_in_only_the_directories_that_are_meant() {
    for shared in [false, true] {
        let world = entra(shared).await;
        let connector = world.open();
        from_directory(&world, TID, json!(TID));
        let identity = world.sign_in(&connector).await.unwrap();
        assert_eq!(identity.subject, "00000000-0000-0000-0000-0000000000aa");
        assert!(identity.issuer.contains(TID) && !identity.email_verified, "only xms_edov vouches");
        for (iss_tid, tid) in [
            (OTHER_TID, json!(OTHER_TID)),
            (TID, json!(OTHER_TID)),
            (OTHER_TID, json!(TID)),
            ("{tenantid}", json!("{tenantid}")),
            ("{tenantid}", json!(TID)),
            ("common", json!(TID)),
            (TID, json!("v2.0")),
            (TID, json!([TID])),
        ] {
            from_directory(&world, iss_tid, tid.clone());
            let error = world.sign_in(&connector).await.unwrap_err();
            assert!(matches!(error, Error::Untrusted(_)), "{shared} {iss_tid} {tid}: {error}");
        }
        from_directory(&world, TID, Value::Null);
        assert_eq!(world.sign_in(&connector).await.is_err(), shared, "a shared endpoint needs tid");
    }
}

#[tokio::test]
async fn a_key_labelled_with_an_issuer_signs_for_no_other() {
    let world = entra(false).await;
    from_directory(&world, TID, json!(TID));
    let label = |tid: &str| {
        let label = format!("{}/{tid}/v2.0", world.idp.issuer());
        world.idp.turn(|k| k.jwks = change(move |jwks: &mut Value| jwks["keys"][0]["issuer"] = json!(label)));
    };
    label(OTHER_TID);
    let error = world.sign_in(&world.open()).await.unwrap_err();
    assert!(matches!(error, Error::Untrusted(_)), "{error}");
    label("{tenantid}");
    world.clock.advance(25 * 3600);
    world.sign_in(&world.open()).await.unwrap();
}

#[tokio::test]
async fn google_accounts_can_be_kept_to_workspace_domains() {
    let mut world = World::new().await;
    world.settings.preset = Some("google".into());
    world.oidc().hosted_domains = vec!["acme.example".into()];
    let connector = world.open();
    let error = world.sign_in(&connector).await.unwrap_err();
    assert!(untrusted(&error).contains("no Workspace domain"), "{error}");
    world.idp.person(|p| p["hd"] = json!("evil.example"));
    assert!(untrusted(&world.sign_in(&connector).await.unwrap_err()).contains("evil.example"));
    world.idp.person(|p| p["hd"] = json!("acme.example"));
    assert!(world.sign_in(&connector).await.unwrap().email_verified);
}
