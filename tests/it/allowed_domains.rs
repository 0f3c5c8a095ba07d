//! The domains that a connection lets in: kept at every way by which somebody comes to be, is linked or is known, over both
//! protocols, and said by a test sign-in (threat O8: what only looks like an address of theirs).

use gatehouse::{
    store::traces::{self, Whose},
    trial::Outcome,
};
use serde_json::{Value, json};

use crate::{
    admin_pages::Desk,
    browser::{Answer, Browser},
    idp::Idp,
    on_both,
    saml::provider::Provider,
    saml::sso_saml::{SamlSso, assert_signed_in, state as saml_state},
    sso::{Sso, oidc},
    trial::Bench,
    world::Backend,
};

on_both!(
    what_looks_like_an_address_of_theirs_is_not,
    known_and_linked_people_are_kept_out_too,
    subdomains_come_in_when_asked_to,
    the_same_over_saml,
    a_test_says_so,
    a_form_and_the_api_mark_what_cannot_be,
);

/// A tenant whose connection lets in what `allowed` says.
fn state(idp: &Idp, allowed: &str, people: &str) -> String {
    format!(
        r#"
tenants:
- name: acme
  provisioning: jit
  connections:
  - {{name: okta, {allowed} oidc: {}}}
  clients:
  - {{client_id: web, secret: web-secret, redirect_uris: ["https://app.example/cb"], trusted: true}}
{people}
"#,
        oidc(idp)
    )
}

const CORP: &str = "allowed_domains: [Corp.Test],";

async fn arrives(sso: &Sso, sub: &str, email: &str) -> Answer {
    sso.idp.person(|p| {
        p["sub"] = sub.into();
        p["email"] = email.into();
        p["email_verified"] = true.into();
    });
    sso.fresh().await
}

/// Nobody is signed in, and the operator finds this cause by the code on the page.
async fn refused(sso: &Sso, answer: &Answer, cause: &str) {
    assert_eq!((answer.status, answer.location()), (403, None), "{cause}: {}", answer.body);
    let trace = traces::by_code(&sso.app.db, Whose::Everybody, answer.reference()).await.unwrap().unwrap();
    assert_eq!(trace.cause.as_deref(), Some(cause), "{}", trace.hops);
}

async fn what_looks_like_an_address_of_theirs_is_not(backend: Backend) {
    let sso = Sso::made(backend, |idp| state(idp, CORP, "")).await;
    for (n, (email, cause)) in [
        ("a@evil.test", "email_domain"),
        ("a@corp.test.evil.test", "email_domain"),
        ("a@evilcorp.test", "email_domain"),
        ("a@eng.corp.test", "email_domain"),
        ("a@xn--crp-tna.test", "email_domain"),
        ("a@evil.test@corp.test", "email_unusable"),
        ("\"a@corp.test\"@evil.test", "email_unusable"),
        ("a@corp.test.", "email_unusable"),
        ("a@corp.test\r\nx: y", "email_unusable"),
        ("a@corp.test\0.evil.test", "email_unusable"),
        ("corp.test", "email_unusable"),
        ("<a@corp.test> a@evil.test", "email_unusable"),
    ]
    .into_iter()
    .enumerate()
    {
        let answer = arrives(&sso, &format!("idp|{n}"), email).await;
        refused(&sso, &answer, cause).await;
        assert!(!answer.body.contains("corp.test"), "who is let in is not for everybody to read: {}", answer.body);
    }
    for (sub, email) in [("idp|ada", "ada@corp.test"), ("idp|bob", "Bob@CORP.Test")] {
        assert!(arrives(&sso, sub, email).await.query("code").is_some(), "the honest twin: {email}");
    }
}

async fn known_and_linked_people_are_kept_out_too(backend: Backend) {
    let people = "  users:\n  - {email: eve@evil.test}\n  - {email: cara@corp.test}\n";
    let sso = Sso::made(backend, |idp| state(idp, "", people)).await;
    assert!(arrives(&sso, "idp|known", "known@evil.test").await.query("code").is_some(), "nobody is kept out yet");
    assert!(arrives(&sso, "idp|ada", "ada@corp.test").await.query("code").is_some());
    sso.apply(&state(&sso.idp, CORP, people)).await;
    // Who is known by their unique id, and who would be linked by their address.
    refused(&sso, &arrives(&sso, "idp|known", "known@evil.test").await, "email_domain").await;
    refused(&sso, &arrives(&sso, "idp|eve", "eve@evil.test").await, "email_domain").await;
    sso.idp.person(|p| *p = json!({"sub": "idp|ada", "name": "Ada"}));
    refused(&sso, &sso.fresh().await, "email_missing").await;
    for (sub, email) in [("idp|ada", "ada@corp.test"), ("idp|cara", "cara@corp.test")] {
        assert!(arrives(&sso, sub, email).await.query("code").is_some(), "the honest twin: {email}");
    }
    sso.apply(&state(&sso.idp, "", people)).await;
    assert!(arrives(&sso, "idp|known", "known@evil.test").await.query("code").is_some(), "an empty list keeps nobody out");
}

async fn subdomains_come_in_when_asked_to(backend: Backend) {
    let below = "allowed_domains: [corp.test], allow_subdomains: true,";
    let sso = Sso::made(backend, |idp| state(idp, below, "")).await;
    for (n, email) in ["a@evil.test", "a@corp.test.evil.test", "a@evilcorp.test", "a@test"].into_iter().enumerate() {
        assert_eq!(arrives(&sso, &format!("idp|{n}"), email).await.status, 403, "{email}");
    }
    for (sub, email) in [("idp|ada", "ada@corp.test"), ("idp|bob", "bob@eng.corp.test"), ("idp|cy", "cy@a.b.corp.test")] {
        assert!(arrives(&sso, sub, email).await.query("code").is_some(), "{email}");
    }
}

async fn the_same_over_saml(backend: Backend) {
    let open = |idp: &Provider| saml_state(idp, "", "").replace("domains: [acme.example]", "domains: [acme.example, evil.test]");
    let world = SamlSso::made(backend, Provider::new("idp"), open).await;
    let about = async |email: &'static str| {
        let mut browser = Browser::new();
        world.sign_in(&mut browser, |message| message.about(email)).await
    };
    assert_signed_in("before it was named", &about("eve@evil.test").await);
    let named = open(&world.idp).replace("email_trust: domain,", "email_trust: domain, allowed_domains: [acme.example],");
    world.apply(&named).await;
    for email in ["eve@evil.test", "mallory@evil.test", "a@acme.example.evil.test", "a@evil.test@acme.example"] {
        let answer = about(email).await;
        assert_eq!((answer.status, answer.location()), (403, None), "{email}: {}", answer.body);
    }
    assert_signed_in("the honest twin", &about("ada@acme.example").await);
}

async fn a_test_says_so(backend: Backend) {
    let bench = Bench::with(backend, "jit", "allowed_domains: [acme.example],").await;
    let mut root = bench.root().await;
    bench.person("idp|eve", "eve@evil.test");
    let told = bench.run(&mut root, "okta").await;
    let verdict = &told.report.verdict;
    assert_eq!((verdict.outcome, verdict.cause.as_deref()), (Outcome::Refuse, Some("email_domain")), "{verdict:?}");
    assert!(verdict.reason.contains("allowed_domains") && verdict.fix.contains("Allowed domains"), "{verdict:?}");
    let row = told.report.mappings.iter().find(|row| row.setting == "allowed_domains").unwrap();
    assert!(row.gave == Some(vec!["evil.test".to_owned()]) && row.note.contains("acme.example alone"), "{row:?}");
    bench.person("idp|ada", "ada@acme.example");
    let told = bench.run(&mut root, "okta").await;
    assert!(told.trial.passed, "the honest twin: {:?}", told.report.verdict);
}

async fn a_form_and_the_api_mark_what_cannot_be(backend: Backend) {
    let desk = Desk::new(backend).await;
    let mut ada = desk.ada().await;
    let path = "/admin/acme/connections/okta";
    let typed = |domains: &'static str, below: &'static str| {
        [
            ("enabled", "on"),
            ("login_enabled", "on"),
            ("oidc.client_id", "gatehouse"),
            ("oidc.issuer", "https://acme.okta.com"),
            ("oidc.discover", "on"),
            ("allowed_domains", domains),
            ("allow_subdomains", below),
        ]
    };
    for (domains, below, field) in [
        ("eng.acme.example", "on", "allow_subdomains"),
        ("", "on", "allow_subdomains"),
        ("acme.example\r\nco.uk", "", "allowed_domains"),
        ("no name", "", "allowed_domains"),
    ] {
        let answer = desk.fill(&mut ada, path, path, &typed(domains, below)).await;
        assert_eq!(answer.status, 422, "{domains:?} {below}: {}", answer.body);
        assert!(answer.body.contains(&format!("id=\"{field}-error\"")), "{domains:?} {below}: {}", answer.body);
        assert!(answer.body.contains("<details open>\n<summary>Whose addresses may come in"), "{}", answer.body);
    }
    let answer = desk.fill(&mut ada, path, path, &typed("acme.example\r\nacme.co.uk", "on")).await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    let stored = async || desk.stored(gatehouse::apply::single::Noun::Connections, "okta").await.unwrap();
    let found = stored().await;
    assert_eq!((&found["allowed_domains"], &found["allow_subdomains"]), (&json!(["acme.example", "acme.co.uk"]), &json!(true)));
    // The API takes what it has shown, and says where something is wrong.
    let put = async |body: &Value| {
        let url = desk.at("/api/v1/tenants/acme/connections/okta");
        let headers = [("authorization", "Bearer 0123456789abcdef0123456789abcdef"), ("content-type", "application/json")];
        Browser::new().send("PUT".parse().unwrap(), &url, &headers, Some(body.to_string())).await
    };
    let mut body = found.clone();
    assert_eq!(put(&body).await.status, 200);
    body["allowed_domains"] = json!(["eng.acme.example"]);
    let answer = put(&body).await;
    assert_eq!((answer.status, &answer.json()["faults"][0]["path"]), (422, &json!("allow_subdomains")), "{}", answer.body);
    body["allow_subdomains"] = json!(false);
    assert_eq!(put(&body).await.status, 200, "a subdomain by itself can be named");
    let answer = desk.fill(&mut ada, path, path, &typed("", "")).await;
    assert_eq!((answer.status, &stored().await["allowed_domains"]), (303, &Value::Null), "{}", answer.body);
}
