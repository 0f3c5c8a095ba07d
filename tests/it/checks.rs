//! A provider is looked at before its settings are saved: what is found is shown as it is, nothing is kept, and nobody learns
//! of networks that are not theirs.

use axum::http::Method;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use gatehouse::{apply::single::Noun, store::users};
use serde_json::{Value, json};

use crate::{
    admin_pages::Desk,
    browser::{Answer, Browser},
    idp::{Broken, CLIENT_ID, CLIENT_SECRET, Idp, change},
    on_both,
    world::{Backend, text},
};

on_both!(
    what_a_provider_announces_is_shown,
    a_difference_is_shown_and_not_repaired,
    metadata_is_read_as_at_a_sign_in,
    trusted_issuers_are_looked_at,
    what_is_private_stays_so,
    a_check_saves_nothing_and_sends_no_secret,
    nobody_checks_without_end,
);

struct Bench {
    desk: Desk,
    idp: Idp,
    token: String,
}

impl Bench {
    async fn new(backend: Backend) -> Self {
        let desk = Desk::new(backend).await;
        let idp = Idp::start(desk.clock.clone()).await;
        let token = text(&tokens_of(&desk).await, "access_token").to_owned();
        Self { desk, idp, token }
    }

    async fn api(&self, path: &str, body: Option<Value>) -> Answer {
        let bearer = format!("Bearer {}", self.token);
        let url = self.desk.at(&format!("/api/v1/tenants/acme/{path}/check"));
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        Browser::new().send(Method::POST, &url, &headers, body.map(|body| body.to_string())).await
    }

    async fn oidc(&self, part: Value) -> Value {
        let answer = self.api("connections/new-one", Some(json!({"own_callback": true, "oidc": part}))).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()
    }
}

async fn tokens_of(desk: &Desk) -> Value {
    let mut browser = Browser::new();
    let password = crate::admin_pages::PASSWORD;
    let answer = desk.world.sign_in(&mut browser, &desk.world.admin_url("web"), "ada@acme.example", password).await;
    let code = answer.query("code").unwrap_or_else(|| panic!("no code: {} {}", answer.status, answer.body));
    desk.world.redeem("web", &code).await.json()
}

fn marks<'a>(answer: &'a Value, path: &str) -> Vec<&'a str> {
    let findings = answer["findings"].as_array().unwrap().iter();
    findings.filter(|f| f["path"] == path).map(|f| f["mark"].as_str().unwrap()).collect()
}

fn says(answer: &Value, words: &str) -> bool {
    answer["findings"].as_array().unwrap().iter().any(|f| f["text"].as_str().unwrap().contains(words))
}

async fn what_a_provider_announces_is_shown(backend: Backend) {
    let bench = Bench::new(backend).await;
    let issuer = bench.idp.issuer().to_owned();
    let asked = || json!({"issuer": issuer, "client_id": "gh"});
    let good = bench.oidc(asked()).await;
    assert_eq!(good["usable"], true, "{good}");
    assert_eq!(marks(&good, "oidc.issuer"), ["good", "good"], "the issuer, and its keys: {good}");
    assert!(says(&good, "/oauth2/callback/acme/new-one") && says(&good, "good for RS256"), "{good}");
    assert!(says(&good, "does not announce PKCE"), "{good}");

    bench.idp.turn(|knobs| {
        knobs.discovery = change(|document: &mut Value| {
            document["code_challenge_methods_supported"] = json!(["S256"]);
            document["scopes_supported"] = json!(["openid", "email"]);
            document["token_endpoint_auth_methods_supported"] = json!(["private_key_jwt"]);
        });
    });
    let asked = json!({"issuer": issuer, "client_id": "gh", "scopes": "openid email groups"});
    let answer = bench.oidc(asked).await;
    assert!(says(&answer, "It announces PKCE with S256") && says(&answer, "does not announce the scope groups"), "{answer}");
    assert_eq!(marks(&answer, "oidc.token_endpoint_auth_method"), ["wrong"], "{answer}");
    assert_eq!(answer["usable"], false);

    bench.idp.turn(|knobs| {
        knobs.discovery = None;
        knobs.jwks = change(|document: &mut Value| *document = json!({"keys": []}));
        knobs.broken.insert("/token", Broken::Status(503));
    });
    let answer = bench.oidc(json!({"issuer": issuer, "client_id": "gh"})).await;
    assert!(says(&answer, "no usable signature key"), "{answer}");
    assert_eq!(marks(&answer, "oidc.token_endpoint"), ["warning"], "{answer}");
    bench.idp.turn(|knobs| {
        knobs.broken.insert("/.well-known/openid-configuration", Broken::Html);
    });
    let answer = bench.oidc(json!({"issuer": issuer, "client_id": "gh"})).await;
    assert!(says(&answer, "is no discovery document") && !answer.to_string().contains("secret-of-the-page"), "{answer}");
}

async fn a_difference_is_shown_and_not_repaired(backend: Backend) {
    let bench = Bench::new(backend).await;
    let issuer = bench.idp.issuer().to_owned();
    let answer = bench.oidc(json!({"issuer": format!("{issuer}/"), "client_id": "gh"})).await;
    let finding = answer["findings"].as_array().unwrap().iter().find(|f| f["mark"] == "wrong").unwrap().clone();
    assert_eq!((&finding["path"], &finding["difference"]["found"]), (&json!("oidc.issuer"), &json!(issuer)), "{answer}");
    assert!(says(&answer, "Remove the slash") && says(&answer, "good for RS256"), "the rest is looked at all the same: {answer}");

    // On the page the same stands beside what was typed, which stays as it was.
    let mut ada = bench.desk.ada().await;
    let page = "/admin/acme/connections/new?preset=custom_oidc&protocol=oidc";
    let typed = format!("{issuer}/");
    let fields = [
        ("preset", "custom_oidc"),
        ("protocol", "oidc"),
        ("name", "mine"),
        ("own_callback", "on"),
        ("oidc.client_id", "typed-id"),
        ("oidc.client_secret", "typed-secret"),
        ("oidc.issuer", &typed),
        ("oidc.discover", "on"),
    ];
    let answer = bench.desk.fill(&mut ada, page, "/admin/acme/connections/new/check", &fields).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    for words in ["What was found", "<mark>/</mark>", "value=\"typed-id\"", "/oauth2/callback/acme/mine", &typed] {
        assert!(answer.body.contains(words), "{words}: {}", answer.body);
    }
    assert!(!answer.body.contains("typed-secret"));
    assert!(bench.desk.stored(Noun::Connections, "mine").await.is_none(), "nothing is saved");
    let policy = answer.header("content-security-policy").unwrap();
    assert!(policy.contains("script-src 'self'; connect-src 'self'") && policy.contains("form-action 'self';"), "{policy}");
    let other = ada.get(&bench.desk.at("/admin/acme/teams/new")).await;
    assert!(!other.header("content-security-policy").unwrap().contains("connect-src"), "only where there is something to ask");
    assert_eq!(bench.desk.fill(&mut ada, page, "/admin/acme/teams/sre/check", &fields).await.status, 404);
}

fn metadata(entities: &[&str], wants_signed: bool) -> String {
    let made = rcgen::generate_simple_self_signed(["idp.example".to_owned()]).unwrap();
    let certificate = STANDARD.encode(made.cert.der());
    let entity = |id: &&str| {
        format!(
            r#"<md:EntityDescriptor entityID="{id}"><md:IDPSSODescriptor WantAuthnRequestsSigned="{wants_signed}" protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol"><md:KeyDescriptor use="signing"><ds:KeyInfo><ds:X509Data><ds:X509Certificate>{certificate}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor><md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="{id}/sso"/></md:IDPSSODescriptor></md:EntityDescriptor>"#
        )
    };
    let all: String = entities.iter().map(entity).collect();
    format!(
        r#"<md:EntitiesDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" xmlns:ds="http://www.w3.org/2000/09/xmldsig#">{all}</md:EntitiesDescriptor>"#
    )
}

async fn metadata_is_read_as_at_a_sign_in(backend: Backend) {
    let bench = Bench::new(backend).await;
    let check = async |part: Value| {
        let answer = bench.api("connections/new-one", Some(json!({"saml": part}))).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()
    };
    let one = metadata(&["https://idp.example"], true);
    let good = check(json!({"metadata_xml": one, "sign_requests": true})).await;
    assert_eq!(good["usable"], true, "{good}");
    for words in
        ["https://idp.example/sso", "HTTP-Redirect", "CN=", "EC 256", "days left", "wants signed requests, and gets them"]
    {
        assert!(says(&good, words), "{words}: {good}");
    }
    let answer = check(json!({"metadata_xml": one, "sign_requests": false, "request_binding": "post"})).await;
    assert!(says(&answer, "signing is off") && says(&answer, "does not offer"), "{answer}");
    let answer = check(json!({"metadata_xml": one, "idp_entity_id": "https://idp.example/"})).await;
    let difference = answer["findings"].as_array().unwrap().iter().find(|f| f["path"] == "saml.idp_entity_id").unwrap();
    assert_eq!(difference["difference"]["found"], "https://idp.example", "{answer}");
    let several = metadata(&["https://a.example", "https://b.example"], false);
    let answer = check(json!({"metadata_xml": several})).await;
    assert!(
        answer["usable"] == false && says(&answer, "several identity providers") && says(&answer, "https://b.example"),
        "{answer}"
    );
    assert_eq!(check(json!({"metadata_xml": several, "idp_entity_id": "https://b.example"})).await["usable"], true);
    let answer = check(json!({"metadata_xml": "<html></html>"})).await;
    assert!(answer["usable"] == false && says(&answer, "cannot be used as metadata"), "{answer}");
    let url = format!("{}/nothing", bench.idp.issuer());
    let answer = check(json!({"metadata_url": url})).await;
    assert!(says(&answer, "answered with status 404"), "{answer}");
}

async fn trusted_issuers_are_looked_at(backend: Backend) {
    let bench = Bench::new(backend).await;
    let issuer = bench.idp.issuer().to_owned();
    let check = async |body: Value| {
        let answer = bench.api("trusted_issuers/new-one", Some(body)).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()
    };
    let good = check(json!({"issuer": issuer, "audience": "api"})).await;
    assert!(good["usable"] == true && says(&good, "good for RS256"), "{good}");
    let jwks = format!("{issuer}/jwks");
    let slash = check(json!({"issuer": format!("{issuer}/"), "audience": "api", "jwks_uri": jwks})).await;
    assert!(slash["usable"] == true && marks(&slash, "issuer") == ["warning"], "it may be meant: {slash}");
    let wrong = check(json!({"issuer": issuer, "audience": "api", "jwks_uri": jwks, "algorithms": ["EdDSA"]})).await;
    assert_eq!(marks(&wrong, "jwks_uri"), ["wrong"], "{wrong}");
    let asked = check(json!({
        "issuer": issuer, "audience": "api", "introspection_endpoint": format!("{issuer}/introspect"),
        "introspection_client_id": "gh", "introspection_client_secret": "not to be sent",
    }))
    .await;
    assert_eq!(marks(&asked, "introspection_endpoint"), ["warning"], "404: {asked}");
    let seen = bench.idp.seen("/introspect").remove(0);
    assert!(!seen.headers.contains_key("authorization") && !format!("{:?}", seen.form).contains("not to be sent"));
    // What is stored is looked at without a body; and only what leads somewhere.
    assert_eq!(bench.api("trusted_issuers/idp", None).await.status, 200);
    assert_eq!(bench.api("trusted_issuers/none", None).await.status, 404);
    assert_eq!(bench.api("teams/sre", None).await.status, 404);
}

async fn what_is_private_stays_so(backend: Backend) {
    let bench = Bench::new(backend).await;
    let wrong = async |issuer: &str| {
        let answer = bench.oidc(json!({"issuer": issuer, "client_id": "gh"})).await;
        let finding = answer["findings"].as_array().unwrap().iter().find(|f| f["mark"] == "wrong").unwrap();
        finding["text"].as_str().unwrap().to_owned()
    };
    let private = wrong("https://10.1.2.3").await;
    assert!(private.contains("leads to no public address") && !private.contains("GATEHOUSE_OUTBOUND_ALLOW"), "{private}");
    let unknown = wrong("https://nothing.invalid").await;
    assert_eq!(private.replace("10.1.2.3", "HOST"), unknown.replace("nothing.invalid", "HOST"), "both read alike");
    // Whoever runs the deployment learns what would open it.
    users::set_platform(&bench.desk.app.db, &bench.desk.user_id("ada@acme.example").await, true, bench.desk.clock.now())
        .await
        .unwrap();
    assert!(wrong("https://10.1.2.3").await.contains("GATEHOUSE_OUTBOUND_ALLOW"));
}

async fn a_check_saves_nothing_and_sends_no_secret(backend: Backend) {
    let bench = Bench::new(backend).await;
    let issuer = bench.idp.issuer().to_owned();
    let before = bench.desk.stored(Noun::Connections, "okta").await;
    let mut ada = bench.desk.ada().await;
    let path = "/admin/acme/connections/okta";
    let fields = [
        ("oidc.issuer", issuer.as_str()),
        ("oidc.client_id", CLIENT_ID),
        ("oidc.client_secret", CLIENT_SECRET),
        ("oidc.discover", "on"),
    ];
    let answer = bench.desk.fill(&mut ada, path, &format!("{path}/check"), &fields).await;
    assert!(answer.status == 200 && answer.body.contains("names exactly this issuer"), "{}", answer.body);
    assert_eq!(bench.desk.stored(Noun::Connections, "okta").await, before);
    for path in ["/token", "/jwks", "/authorize", "/.well-known/openid-configuration"] {
        for seen in bench.idp.seen(path) {
            assert!(!format!("{seen:?}").contains("upstream-secret") && !format!("{seen:?}").contains(CLIENT_SECRET), "{seen:?}");
            assert!(!seen.headers.contains_key("authorization"));
        }
    }
    assert!(!bench.idp.seen("/token").is_empty(), "it was asked");
}

async fn nobody_checks_without_end(backend: Backend) {
    let bench = Bench::new(backend).await;
    let mut ada = bench.desk.ada().await;
    // Real time passes meanwhile, and gives one look back every two seconds.
    let mut looks = 0;
    let refused = loop {
        let answer = bench.api("connections/x", Some(json!({"saml": {}}))).await;
        if answer.status == 429 {
            break answer;
        }
        looks += 1;
        assert!(looks < 300, "there is no end");
    };
    assert!(looks >= 30 && refused.header("retry-after").is_some(), "{looks} {}", refused.body);
    // Pages and API are counted together.
    let mut pages = 0;
    loop {
        let answer = bench.desk.fill(&mut ada, "/admin/acme/connections/okta", "/admin/acme/connections/okta/check", &[]).await;
        if answer.body.contains("checked too often") {
            break;
        }
        pages += 1;
        assert!(pages < 15, "{}", answer.body);
    }
}
