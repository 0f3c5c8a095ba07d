//! A connection that is a draft may be incomplete: our metadata is there for a provider that wants it first, nobody comes in
//! over it, and what is missing is due when it is tested or enabled, whoever says so.

use axum::http::Method;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use gatehouse::apply::single::Noun;
use serde_json::{Value, json};

use crate::{
    admin_pages::{Desk, STATE},
    browser::{Answer, Browser},
    on_both,
    setup_links::Bench,
    trial,
    world::Backend,
};

on_both!(
    our_metadata_is_there_before_the_providers,
    nobody_comes_in_over_what_is_incomplete,
    a_live_connection_is_complete_whoever_says_so,
    an_incomplete_draft_is_no_way_in_for_everybody,
    a_guest_saves_what_they_have,
    a_check_says_what_is_missing,
);

const BOT: &str = "0123456789abcdef0123456789abcdef";
const LIST: &str = "/admin/acme/connections";
const NEW: &str = "/admin/acme/connections/new?preset=okta&protocol=saml";
const CHOSEN: [(&str, &str); 4] = [("preset", "okta"), ("protocol", "saml"), ("name", "corp"), ("login_enabled", "on")];
const LACKS: &str = "saml needs metadata_url, metadata_xml, or all of idp_entity_id, sso_url and certificates";

async fn put(desk: &Desk, name: &str, body: &Value) -> Answer {
    let bearer = format!("Bearer {BOT}");
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let url = desk.at(&format!("/api/v1/tenants/acme/connections/{name}"));
    Browser::new().send(Method::PUT, &url, &headers, Some(body.to_string())).await
}

async fn our_metadata_is_there_before_the_providers(backend: Backend) {
    let desk = Desk::new(backend).await;
    let mut ada = desk.ada().await;
    let url = desk.at("/saml/acme/corp/metadata");
    let form = ada.get(&desk.at(NEW)).await;
    assert!(form.body.contains("there once the draft is created"), "{}", form.body);
    assert_eq!(Browser::new().get(&url).await.status, 404);
    let answer = desk.fill(&mut ada, NEW, LIST, &CHOSEN).await;
    assert_eq!(answer.location(), Some("/admin/acme/connections/corp?done=created"), "{}", answer.body);

    let document = Browser::new().get(&url).await;
    assert_eq!(document.status, 200, "{}", document.body);
    let issuer = desk.app.issuer();
    assert!(document.body.contains(&format!("entityID=\"{issuer}/saml/acme/corp/metadata\"")), "{}", document.body);
    // Whoever enters it by hand copies the certificate that stands in it.
    let page = ada.get(&desk.at("/admin/acme/connections/corp")).await;
    let (_, rest) = page.body.split_once("-----BEGIN CERTIFICATE-----\n").unwrap_or_else(|| panic!("{}", page.body));
    let certificate: String = rest.split_once("-----END").unwrap().0.split_whitespace().collect();
    assert!(document.body.contains(&certificate) && STANDARD.decode(&certificate).is_ok(), "{certificate}");
    assert!(page.body.contains(LACKS) && page.body.contains("It is not complete"), "{}", page.body);

    // Of OpenID Connect too, what the provider wants first is there.
    let new = "/admin/acme/connections/new?preset=custom_oidc&protocol=oidc";
    let empty = [("preset", "custom_oidc"), ("protocol", "oidc"), ("name", "later"), ("own_callback", "on")];
    assert_eq!(desk.fill(&mut ada, new, LIST, &empty).await.status, 303);
    let page = ada.get(&desk.at("/admin/acme/connections/later")).await;
    assert!(page.body.contains(&format!("{issuer}/oauth2/callback/acme/later")), "{}", page.body);
    assert!(page.body.contains("issuer is missing") && page.body.contains("client_id is missing"), "{}", page.body);
    assert_eq!(Browser::new().get(&desk.at("/saml/acme/later/metadata")).await.status, 404, "it speaks no SAML");
    // What is wrong, and not only missing, is no draft's either.
    let wrong = [("preset", "okta"), ("protocol", "saml"), ("name", "wrong"), ("saml.sso_url", "http://idp.example/sso")];
    let answer = desk.fill(&mut ada, NEW, LIST, &wrong).await;
    assert!(answer.status == 422 && answer.body.contains("id=\"saml-sso_url-error\""), "{}", answer.body);
    // It is checked as what it is to become.
    let checked = desk.fill(&mut ada, NEW, "/admin/acme/connections/new/check", &CHOSEN).await;
    assert!(checked.body.contains("saml needs metadata_url"), "{}", checked.body);
}

async fn nobody_comes_in_over_what_is_incomplete(backend: Backend) {
    let desk = Desk::new(backend).await;
    let mut ada = desk.ada().await;
    assert_eq!(desk.fill(&mut ada, NEW, LIST, &CHOSEN).await.status, 303);

    // It is in no list of ways to sign in, and choosing it leads nowhere.
    let mut somebody = Browser::new();
    let page = somebody.get(&desk.authorize_url("web", &[])).await;
    let page = somebody.follow(page).await;
    assert!(page.status == 200 && !page.body.contains("corp"), "{}", page.body);
    let answer = somebody.post(&page.url, &[("csrf", &page.csrf()), ("connection", "corp")]).await;
    assert!(answer.status == 400 && answer.body.contains("not offered"), "{} {}", answer.status, answer.body);
    // Nor does an answer that nobody asked for come in over it, at either callback.
    let forged = STANDARD.encode("<samlp:Response xmlns:samlp=\"urn:oasis:names:tc:SAML:2.0:protocol\"/>");
    for path in ["/oauth2/callback", "/oauth2/callback/acme/corp"] {
        let mut evil = Browser::new();
        let fields = [("SAMLResponse", forged.as_str()), ("RelayState", "x"), ("reposted", "1")];
        let answer = evil.post(&desk.at(path), &fields).await;
        assert!((400..500).contains(&answer.status), "{path}: {} {}", answer.status, answer.body);
        let account = evil.get(&desk.at("/account")).await;
        assert_ne!(account.status, 200, "{}", account.body);
    }
    // A test of it says what is missing and asks no provider.
    let begun = trial::begin(&desk.world, &mut ada, "corp").await;
    assert_eq!((begun.status, begun.location()), (303, Some("/admin/acme/connections/corp/test")), "{}", begun.body);
    let told = trial::told(&desk.world, "corp").await.unwrap();
    assert!(!told.trial.passed && told.report.verdict.reason.contains("needs metadata_url"), "{:?}", told.report.verdict);
}

async fn a_live_connection_is_complete_whoever_says_so(backend: Backend) {
    let desk = Desk::new(backend).await;
    let mut ada = desk.ada().await;
    let empty = |enabled: Option<bool>| {
        let mut body = json!({"preset": "okta", "protocol": "saml"});
        if let Some(enabled) = enabled {
            body["enabled"] = enabled.into();
        }
        body
    };
    // The API: what says nothing is live.
    for live in [Some(true), None] {
        let answer = put(&desk, "corp", &empty(live)).await;
        assert_eq!(answer.status, 422, "{}", answer.body);
    }
    assert!(desk.stored(Noun::Connections, "corp").await.is_none());
    assert_eq!(put(&desk, "corp", &empty(Some(false))).await.status, 201);
    // A draft that nothing is said of stays one; switching it on asks for the rest.
    assert_eq!(put(&desk, "corp", &empty(None)).await.status, 200);
    assert_eq!(desk.stored(Noun::Connections, "corp").await.unwrap()["enabled"], false);
    let answer = put(&desk, "corp", &json!({"preset": "okta", "enabled": true, "saml": {}})).await;
    assert!(answer.status == 422 && answer.body.contains("saml needs metadata_url"), "{}", answer.body);
    // The page the same, beside the field.
    let path = "/admin/acme/connections/corp";
    let answer = desk.fill(&mut ada, path, path, &[("enabled", "on"), ("login_enabled", "on")]).await;
    assert!(answer.status == 422 && answer.body.contains("id=\"saml-metadata_url-error\""), "{}", answer.body);
    assert_eq!(desk.stored(Noun::Connections, "corp").await.unwrap()["enabled"], false);
    let whole = json!({"preset": "okta", "enabled": true, "saml": {"metadata_url": "https://idp.example/metadata"}});
    assert_eq!(put(&desk, "corp", &whole).await.status, 200);
    // A live one does not become incomplete.
    assert_eq!(put(&desk, "corp", &empty(None)).await.status, 422);

    // A client's secret is due too.
    let basic = |enabled: bool| json!({"enabled": enabled, "oidc": {"issuer": "https://idp.example", "client_id": "x", "token_endpoint_auth_method": "client_secret_basic"}});
    assert_eq!(put(&desk, "basic", &basic(false)).await.status, 201);
    let answer = put(&desk, "basic", &basic(true)).await;
    assert!(answer.status == 422 && answer.body.contains("client_secret is missing"), "{}", answer.body);

    // The file.
    let file = |enabled: &str| {
        let more = format!("  - {{name: filed, protocol: saml, preset: entra{enabled}}}\n  clients:");
        STATE.replacen("  clients:", &more, 1)
    };
    desk.apply(&file(", enabled: false")).await;
    for live in ["", ", enabled: true"] {
        let problems = desk.problems(&file(live)).await;
        assert!(problems.iter().any(|text| text.contains("has no saml part") || text.contains("saml needs")), "{problems:?}");
    }
    assert_eq!(desk.stored(Noun::Connections, "filed").await.unwrap()["enabled"], false);
}

async fn an_incomplete_draft_is_no_way_in_for_everybody(backend: Backend) {
    let desk = Desk::new(backend).await;
    let mut ada = desk.ada().await;
    assert_eq!(desk.fill(&mut ada, NEW, LIST, &CHOSEN).await.status, 303);
    drop(trial::begin(&desk.world, &mut ada, "corp").await);
    let settings = "/admin/acme/settings";
    let required = [("display_name", "Acme"), ("enabled", "on"), ("password_login", "on"), ("require_sso", "on")];
    let answer = desk.fill(&mut ada, settings, settings, &required).await;
    assert!(answer.status == 422 && answer.body.contains("no connection has passed a test sign-in"), "{}", answer.body);
    // Nor does it judge tokens: it names no issuer that one could be of.
    let bearer = json!({"enabled": false, "login_enabled": false, "oidc": {"client_id": "x"}});
    assert_eq!(put(&desk, "vouches", &bearer).await.status, 201);
    let found = gatehouse::store::connections::serving(&desk.app.db, None).await.unwrap();
    assert_eq!(found.len(), 1);
    let settings = &found[0].as_ref().unwrap().settings;
    assert!(gatehouse::policy::trusted_issuer::IssuerSettings::of_connection(settings).is_empty());
}

async fn a_guest_saves_what_they_have(backend: Backend) {
    let bench = Bench::new(backend).await;
    let mut guest = bench.follow(&bench.link("corp", &[]).await).await;
    let answer = bench.send(&mut guest, "/setup", &[("preset", "okta"), ("protocol", "saml")]).await;
    assert_eq!(answer.location(), Some("/setup?done=saved"), "{}", answer.body);
    assert_eq!(Browser::new().get(&bench.at("/saml/acme/corp/metadata")).await.status, 200);
    for open in ["The connection is filled in", "The provider&#39;s metadata was read, and can be used"] {
        assert!(!bench.ticked(&mut guest, open).await, "{open}");
    }
    assert_eq!(bench.stored(Noun::Connections, "corp").await.unwrap()["enabled"], false);
}

/// What a program asks before it switches a connection on.
async fn a_check_says_what_is_missing(backend: Backend) {
    let desk = Desk::new(backend).await;
    let check = async |name: &str, body: Option<Value>| {
        let bearer = format!("Bearer {BOT}");
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        let url = desk.at(&format!("/api/v1/tenants/acme/connections/{name}/check"));
        let answer = Browser::new().send(Method::POST, &url, &headers, body.map(|body| body.to_string())).await;
        assert_eq!(answer.status, 200, "{name}: {}", answer.body);
        answer.json()
    };
    let paths = |answer: &Value| {
        let mut paths: Vec<String> =
            answer["missing"].as_array().unwrap().iter().map(|one| one["path"].as_str().unwrap().to_owned()).collect();
        paths.sort();
        paths
    };
    let saml = json!({"preset": "okta", "enabled": false, "saml": {}});
    assert_eq!(put(&desk, "corp", &saml).await.status, 201);
    for answer in [check("corp", None).await, check("corp", Some(saml)).await] {
        assert_eq!(answer["usable"], false, "{answer}");
        assert!(answer["missing"][0]["text"].as_str().unwrap().contains(LACKS), "{answer}");
    }
    let oidc = json!({"preset": "custom_oidc", "enabled": false, "oidc": {"issuer": "", "client_id": ""}});
    let answer = check("later", Some(oidc)).await;
    assert_eq!(
        (&answer["usable"], paths(&answer)),
        (&json!(false), vec!["oidc.client_id".to_owned(), "oidc.issuer".to_owned()]),
        "{answer}"
    );
    // The secret is stored with the connection, or it is not.
    let mut bare = json!({
        "enabled": false,
        "oidc": {"issuer": "https://127.0.0.1:1", "client_id": "x", "token_endpoint_auth_method": "client_secret_basic"}
    });
    assert_eq!(put(&desk, "bare", &bare).await.status, 201);
    let answer = check("bare", None).await;
    assert_eq!((&answer["usable"], paths(&answer)), (&json!(false), vec!["oidc.client_secret".to_owned()]), "{answer}");
    bare["oidc"]["client_secret"] = "a-secret".into();
    assert_eq!(put(&desk, "bare", &bare).await.status, 200);
    assert!(paths(&check("bare", None).await).is_empty(), "now it has one");
}
