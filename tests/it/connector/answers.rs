//! What the browser brings back, and what userinfo adds.

use std::collections::BTreeMap;

use serde_json::json;

use super::*;
use crate::idp::{Broken, Signing, change};

type Answer = BTreeMap<String, String>;

#[tokio::test]
async fn the_issuer_of_the_answer_decides_before_anything_else() {
    let world = World::new().await;
    let connector = world.open();
    for (iss, says) in [
        (None, "has no iss although"),
        (Some("https://evil.example".to_owned()), "is another"),
        (Some(format!("{}/", world.idp.issuer())), "has a slash"),
    ] {
        let error = world
            .fault_and_twin(&connector, |k| {
                k.redirect = change(move |answer: &mut Answer| {
                    answer.remove("iss");
                    answer.extend(iss.clone().map(|iss| ("iss".to_owned(), iss)));
                });
            })
            .await;
        assert!(untrusted(&error).contains(says), "{error}");
    }
    let asked = world.idp.seen("/token").len();
    assert_eq!(asked, 3, "only the honest twins' codes went to the token endpoint");
}

#[tokio::test]
async fn a_provider_that_promises_no_iss_may_leave_it_out() {
    let world = World::new().await;
    world.idp.turn(|k| {
        k.discovery = change(|d: &mut Value| d["authorization_response_iss_parameter_supported"] = json!(false));
        k.redirect = change(|answer: &mut Answer| {
            answer.remove("iss");
        });
    });
    world.sign_in(&world.open()).await.unwrap();
}

#[tokio::test]
async fn an_error_is_told_in_one_clean_line() {
    let world = World::new().await;
    let connector = world.open();
    let error = world
        .fault_and_twin(&connector, |k| {
            k.redirect = change(|answer: &mut Answer| {
                answer.remove("code");
                answer.insert("error".into(), "access_denied".into());
                answer.insert("error_description".into(), format!("<script>\u{202e}\r\nlevel=info{}", "x".repeat(3000)));
            });
        })
        .await;
    let Error::Refused(line) = error else { panic!("refused") };
    assert!(line.starts_with("access_denied: <script>") && line.ends_with("at the provider"), "{line}");
    assert!(!line.contains(['\r', '\n', '\u{202e}']) && line.chars().count() < 400);
}

#[tokio::test]
async fn a_memo_belongs_to_one_departure_and_one_issuer() {
    let world = World::new().await;
    let connector = world.open();
    let first = connector.depart(world.wish("one")).await.unwrap();
    let second = connector.depart(world.wish("two")).await.unwrap();
    assert_ne!(first.memo["nonce"], second.memo["nonce"]);
    assert_ne!(first.memo["verifier"], second.memo["verifier"]);
    let (_, one) = world.idp.visit(&target(&first)).await;
    let (_, two) = world.idp.visit(&target(&second)).await;
    let swapped = connector.arrive(&first.memo, &two, CALLBACK, START).await.unwrap_err();
    assert!(matches!(&swapped, Error::Refused(cause) if cause.contains("invalid_grant")), "PKCE holds: {swapped}");
    connector.arrive(&first.memo, &one, CALLBACK, START).await.unwrap();
    let again = connector.arrive(&first.memo, &one, CALLBACK, START).await.unwrap_err();
    assert!(matches!(&again, Error::Refused(cause) if cause.contains(CALLBACK)), "{again}");
    let mut foreign = second.memo.clone();
    foreign["issuer"] = json!("https://old.example");
    assert!(untrusted(&connector.arrive(&foreign, &two, CALLBACK, START).await.unwrap_err()).contains("another issuer"));
    for memo in [json!(null), json!({"saml": "id"}), json!("x")] {
        assert!(matches!(connector.arrive(&memo, &two, CALLBACK, START).await, Err(Error::Untrusted(_))));
    }
}

#[tokio::test]
async fn userinfo_completes_what_the_id_token_leaves_open() {
    let world = World::new().await;
    let connector = world.open();
    world.idp.turn(|k| k.only_userinfo = vec!["email", "email_verified", "name", "groups"]);
    let identity = world.sign_in(&connector).await.unwrap();
    assert_eq!((identity.email.as_deref(), identity.email_verified), (Some("ada@acme.example"), true));
    assert_eq!(identity.groups, Some(vec!["sre".into()]));
    world.idp.turn(|k| k.userinfo_jwt = true);
    assert_eq!(world.sign_in(&connector).await.unwrap(), identity, "signed or not");
    world.idp.turn(|k| k.signing = Signing::Es256);
    assert_eq!(world.sign_in(&connector).await.unwrap(), identity);
    assert!(world.idp.seen("/latest/meta-data").is_empty());
}

#[tokio::test]
async fn userinfo_of_someone_else_is_refused() {
    let world = World::new().await;
    let connector = world.open();
    for jwt in [false, true] {
        for (name, value, says) in [
            ("sub", json!("idp|root"), "another sub"),
            ("sub", json!(["idp|ada"]), if jwt { "sub" } else { "another sub" }),
            ("sub", Value::Null, "sub"),
        ] {
            let error = world
                .fault_and_twin(&connector, |k| {
                    k.only_userinfo = vec!["groups"];
                    k.userinfo_jwt = jwt;
                    k.userinfo = change(move |claims: &mut Value| {
                        claims[name] = value.clone();
                        if value.is_null() {
                            claims.as_object_mut().unwrap().remove(name);
                        }
                    });
                })
                .await;
            assert!(untrusted(&error).contains(says), "{jwt} {name}: {error}");
        }
    }
    for (name, value) in [("iss", json!("https://evil.example")), ("aud", json!("someone else"))] {
        let error = world
            .fault_and_twin(&connector, |k| {
                k.only_userinfo = vec!["groups"];
                k.userinfo_jwt = true;
                k.userinfo = change(move |claims: &mut Value| claims[name] = value.clone());
            })
            .await;
        assert!(untrusted(&error).contains("signed userinfo"), "{name}: {error}");
    }
}

#[tokio::test]
async fn a_silent_userinfo_stops_only_those_who_need_it() {
    let world = World::new().await;
    let connector = world.open();
    for broken in [Broken::Status(500), Broken::Html, Broken::Huge, Broken::RedirectsAway] {
        world.idp.turn(|k| {
            k.broken = [("/userinfo", broken)].into();
            k.only_userinfo = vec!["groups"];
        });
        let identity = world.sign_in(&connector).await.unwrap();
        assert_eq!(identity.groups, None, "not sent is not empty");
        world.idp.turn(|k| k.only_userinfo = vec!["email"]);
        let error = world.sign_in(&connector).await.unwrap_err();
        assert!(matches!(&error, Error::Unreachable(cause) if cause.contains("userinfo")), "{broken:?}: {error}");
    }
}

#[tokio::test]
async fn email_verified_must_be_json_true() {
    let world = World::new().await;
    let connector = world.open();
    for (value, verified) in [
        (json!(true), true),
        (json!("true"), false),
        (json!(1), false),
        (json!(null), false),
        (json!([]), false),
        (json!("false"), false),
    ] {
        world.idp.person(|p| p["email_verified"] = value.clone());
        assert_eq!(world.sign_in(&connector).await.unwrap().email_verified, verified, "{value}");
    }
}
