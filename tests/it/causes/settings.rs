//! What an operator has set up, or has not, or has changed while somebody was away.

use std::collections::BTreeMap;

use gatehouse::params;
use serde_json::{Value, json};

use super::{
    Found,
    assertions::{metadata, unasked},
    stage::{Stage, oidc},
};
use crate::{
    browser::Browser,
    idp::{Knobs, change},
    publisher::{Document, Publisher, Signer},
    saml::provider::moment,
};

/// Where sign-ins land that begin at the provider is on no address of the application any more.
pub async fn landing_lost(stage: &Stage, name: &str) -> Found {
    let settings =
        format!("idp_initiated: true, idp_initiated_client: {name}, idp_initiated_url: \"https://{name}.example/home\"");
    let set = stage.saml(name, &settings, "").await;
    assert_eq!(unasked(&set, None).await.status, 303, "the honest twin: a sign-in of ours begins");
    let (old, moved) = (format!("https://{name}.example"), format!("https://moved-{name}.example"));
    let sql = "UPDATE clients SET settings = REPLACE(settings, $1, $2) WHERE id = $3";
    assert_eq!(stage.app.db.execute(sql, params![old.as_str(), moved.as_str(), name]).await.unwrap(), 1);
    Found::Page(unasked(&set, None).await)
}

/// What an older release has taken, or a hand in the database has written.
pub async fn client_id_lost(stage: &Stage, name: &str) -> Found {
    let set = stage.oidc(name, "", "").await;
    set.signs_in().await;
    set.sql(
        "UPDATE connections SET settings = REPLACE(settings, '\"client_id\":\"gatehouse at idp\"', '\"client_id\":\"\"'), \
         version = version + 1 WHERE tenant_id IN (SELECT id FROM tenants WHERE name = $1)",
    )
    .await;
    Found::Page(set.fresh().await)
}

/// Nobody can come in, and the application is told.
pub async fn no_way_in(stage: &Stage, name: &str) -> Found {
    let set = stage.oidc(name, "", "").await;
    set.signs_in().await;
    set.sql("UPDATE connections SET enabled = FALSE WHERE tenant_id IN (SELECT id FROM tenants WHERE name = $1)").await;
    let answer = Browser::new().get(&set.url(&[])).await;
    assert_eq!(answer.query("error").as_deref(), Some("access_denied"), "{}", answer.body);
    Found::Last
}

/// The same on the way to our own pages, where no application is.
pub async fn no_way_into_our_pages(stage: &Stage, name: &str) -> Found {
    let set = stage.oidc(name, "", "").await;
    let url = format!("{}/login?tenant={name}", stage.url);
    assert!(set.depart(&mut Browser::new(), &url).await.location().is_some(), "{name}: the honest twin leaves");
    set.sql("UPDATE connections SET login_enabled = FALSE WHERE tenant_id IN (SELECT id FROM tenants WHERE name = $1)").await;
    Found::Page(Browser::new().get(&url).await)
}

/// The provider's document spells the issuer with a slash that the connection lacks. Mended as it says.
pub async fn issuer_slash(stage: &Stage, name: &str) -> Found {
    let with_slash = format!("{}/slash/", stage.idp.issuer());
    let (document, token) = (json!(with_slash), json!(with_slash));
    stage.idp.turn(|k| {
        k.discovery = change(move |d: &mut Value| d["issuer"] = document.clone());
        let iss = with_slash.clone();
        k.redirect = change(move |a: &mut BTreeMap<String, String>| drop(a.insert("iss".to_owned(), iss.clone())));
        k.claims = change(move |claims: &mut Value| claims["iss"] = token.clone());
    });
    let page = stage.oidc_at(name, with_slash.trim_end_matches('/'), "", "").await.fresh().await;
    stage.oidc_at(name, &with_slash, "", "").await.signs_in().await;
    stage.idp.turn(|k| *k = Knobs::default());
    Found::Page(page)
}

pub async fn client_secret_missing(stage: &Stage, name: &str) -> Found {
    let set = stage.oidc(name, "token_endpoint_auth_method: client_secret_basic", "").await;
    set.signs_in().await;
    set.sql(
        "UPDATE connections SET secret_sealed = NULL, version = version + 1 \
         WHERE tenant_id IN (SELECT id FROM tenants WHERE name = $1)",
    )
    .await;
    Found::Page(set.fresh().await)
}

pub async fn issuer_shared(stage: &Stage, name: &str) -> Found {
    let connection = format!("preset: entra, {}", oidc("https://login.microsoftonline.com/common/v2.0", ""));
    Found::Page(stage.set(name, &connection, "").await.fresh().await)
}

/// Mended as it says: by switching signed requests off.
pub async fn request_objects(stage: &Stage, name: &str) -> Found {
    let set = stage.oidc(name, "sign_requests: true", "").await;
    stage.idp.turn(|k| k.discovery = change(|d: &mut Value| d["request_parameter_supported"] = json!(false)));
    let page = set.fresh().await;
    stage.oidc(name, "", "").await.signs_in().await;
    stage.idp.turn(|k| *k = Knobs::default());
    Found::Page(page)
}

/// The provider takes redirects alone, and the connection wants forms.
pub async fn no_request_address(stage: &Stage, name: &str) -> Found {
    let document = metadata(&stage.provider, "");
    let over = |more: &str| format!("email_trust: domain, saml: {{metadata_xml: '{document}'{more}}}");
    let page = stage.set(name, &over(", request_binding: post"), "").await.answered(|_| {}).await;
    stage.set(name, &over(""), "").await.signs_in_by(|_| {}).await;
    Found::Page(page)
}

pub async fn metadata_unreadable(stage: &Stage, name: &str) -> Found {
    let good = Document::of(&[&Signer::new().certificate(2030)]);
    let publisher = Publisher::start(&good).await;
    publisher.say("<html>Please sign in</html>");
    let set = stage.set(name, &format!("saml: {{metadata_url: \"{}\"}}", publisher.url()), "").await;
    let page = set.depart(&mut Browser::new(), &set.url(&[])).await;
    publisher.publish(&good);
    stage.clock.advance(4);
    assert!(set.depart(&mut Browser::new(), &set.url(&[])).await.location().is_some(), "{name}: the honest twin leaves");
    Found::Page(page)
}

pub async fn metadata_expired(stage: &Stage, name: &str) -> Found {
    let document = metadata(&stage.provider, &format!("validUntil=\"{}\"", moment(stage.clock.now() + 60)));
    let set = stage.set(name, &format!("email_trust: domain, saml: {{metadata_xml: '{document}'}}"), "").await;
    set.signs_in_by(|_| {}).await;
    stage.clock.advance(60);
    Found::Page(set.answered(|_| {}).await)
}

/// The document is over, and the next one has nothing of it.
pub async fn metadata_held(stage: &Stage, name: &str) -> Found {
    let mut first = Document::of(&[&Signer::new().certificate(2030)]);
    first.attributes = format!("validUntil=\"{}\"", moment(stage.clock.now() + 60));
    let publisher = Publisher::start(&first).await;
    let set = stage.set(name, &format!("saml: {{metadata_url: \"{}\"}}", publisher.url()), "").await;
    let leaves = async || set.depart(&mut Browser::new(), &set.url(&[])).await;
    assert!(leaves().await.location().is_some(), "{name}: the honest twin leaves");
    publisher.publish(&Document::of(&[&Signer::new().certificate(2030)]));
    stage.clock.advance(60);
    Found::Page(leaves().await)
}

/// The connection is pointed at another provider while the person is away.
pub async fn connection_changed(stage: &Stage, name: &str) -> Found {
    let set = stage.oidc(name, "", "").await;
    let mut browser = Browser::new();
    let back = set.back(&set.depart(&mut browser, &set.url(&[])).await).await;
    let other = format!("{}/other", stage.idp.issuer());
    let issuer = other.clone();
    stage.idp.turn(|k| k.discovery = change(move |d: &mut Value| d["issuer"] = json!(issuer)));
    stage.oidc_at(name, &other, "", "").await;
    let page = browser.get(&back).await;
    stage.idp.turn(|k| *k = Knobs::default());
    stage.oidc(name, "", "").await.signs_in().await;
    Found::Page(page)
}

/// Something is switched off while the person is away.
async fn switched_off(stage: &Stage, name: &str, sql: &'static str) -> Found {
    let set = stage.oidc(name, "", "").await;
    set.signs_in().await;
    let mut browser = Browser::new();
    let back = set.back(&set.depart(&mut browser, &set.url(&[])).await).await;
    set.sql(sql).await;
    Found::Page(browser.get(&back).await)
}

pub async fn connection_off(stage: &Stage, name: &str) -> Found {
    let sql = "UPDATE connections SET enabled = FALSE WHERE tenant_id IN (SELECT id FROM tenants WHERE name = $1)";
    switched_off(stage, name, sql).await
}

pub async fn tenant_off(stage: &Stage, name: &str) -> Found {
    switched_off(stage, name, "UPDATE tenants SET enabled = FALSE WHERE name = $1").await
}

pub async fn client_off(stage: &Stage, name: &str) -> Found {
    switched_off(stage, name, "UPDATE clients SET enabled = FALSE WHERE id = $1").await
}

pub async fn unsolicited_off(stage: &Stage, name: &str) -> Found {
    let set = stage.saml(name, "", "").await;
    let page = unasked(&set, None).await;
    set.signs_in_by(|_| {}).await;
    Found::Page(page)
}

pub async fn unsolicited_unknown(stage: &Stage, name: &str) -> Found {
    let set = stage.saml(name, "", "").await;
    Found::Page(unasked(&set, Some("https://another-service.example")).await)
}

/// The page for a password was shown when the organisation had them still.
pub async fn passwords_off(stage: &Stage, name: &str) -> Found {
    let set = stage.oidc(name, "", "  password_login: true").await;
    let mut browser = Browser::new();
    let page = browser.get(&set.url(&[])).await;
    let page = browser.follow(page).await;
    let form = [("csrf", page.csrf()), ("email", format!("ada@{name}.example")), ("password", "correct horse".to_owned())];
    let form: Vec<(&str, &str)> = form.iter().map(|(field, value)| (*field, value.as_str())).collect();
    stage.oidc(name, "", "").await;
    Found::Page(browser.post(&format!("{}/password", page.url), &form).await)
}
