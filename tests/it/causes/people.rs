//! Whom it is about: users, invites and passwords.

use std::collections::BTreeMap;

use gatehouse::{params, policy::email::Email, store};
use serde_json::json;

use super::{
    Found,
    stage::{Set, Stage, oidc},
};
use crate::{
    browser::{Answer, Browser},
    idp::{Knobs, change},
    invites::{PASSWORD, desk, wanted},
};

/// Who comes from the OpenID provider.
const ADA: &str = "ada@acme.example";

/// Has somebody else come from the provider from now on, until it is turned back.
fn somebody(stage: &Stage, sub: &'static str, email: &'static str) {
    stage.idp.turn(|k| {
        k.claims = change(move |claims: &mut serde_json::Value| {
            claims["sub"] = json!(sub);
            claims["email"] = json!(email);
        });
    });
}

fn ada_again(stage: &Stage) {
    stage.idp.turn(|k| *k = Knobs::default());
}

/// The claim that tells people apart is not among those that come. Mended as it says: by one that does.
pub async fn unique_id(stage: &Stage, name: &str) -> Found {
    let by = |claim: &str| format!("unique_id_claim: {claim}, email_trust: verified, {}", oidc(stage.idp.issuer(), ""));
    let page = stage.set(name, &by("employee_id"), "").await.fresh().await;
    stage.set(name, &by("sub"), "").await.signs_in().await;
    Found::Page(page)
}

/// The application asked for a fresh sign-in, and the provider says that it was an hour ago.
pub async fn not_fresh(stage: &Stage, name: &str) -> Found {
    let set = stage.oidc(name, "", "").await;
    let (url, hour) = (set.url(&[("prompt", "login")]), stage.clock.now() - 3_600);
    stage.idp.turn(|k| k.claims = change(move |claims: &mut serde_json::Value| claims["auth_time"] = json!(hour)));
    let page = set.over(&mut Browser::new(), &url).await;
    ada_again(stage);
    set.is_in(&set.over(&mut Browser::new(), &url).await);
    Found::Page(page)
}

const HERE: &str = "8a7c0f66-1c2d-4e5f-8a9b-0c1d2e3f4a5b";
const THERE: &str = "00000000-1111-4222-8333-444444444444";

/// A provider like Entra's, whose directory is in its issuer; its people are of `tid`.
pub async fn directory(stage: &Stage, name: &str) -> Found {
    let issuer = format!("{}/{HERE}/v2.0", stage.idp.issuer());
    let of = |tid: &'static str| {
        let (document, answer, token) = (issuer.clone(), issuer.clone(), issuer.clone());
        stage.idp.turn(|k| {
            k.discovery = change(move |d: &mut serde_json::Value| d["issuer"] = json!(document));
            k.redirect = change(move |a: &mut BTreeMap<String, String>| drop(a.insert("iss".to_owned(), answer.clone())));
            k.claims = change(move |claims: &mut serde_json::Value| {
                (claims["iss"], claims["tid"], claims["oid"]) = (json!(token), json!(tid), json!("oid-of-ada"));
                claims["xms_edov"] = json!(true);
            });
        });
    };
    of(THERE);
    let set = stage.set(name, &format!("preset: entra, email_trust: verified, {}", oidc(&issuer, "")), "").await;
    let page = set.fresh().await;
    of(HERE);
    set.signs_in().await;
    ada_again(stage);
    Found::Page(page)
}

/// Only people of certain Workspace domains may come, and this account is of none.
pub async fn hosted_domain(stage: &Stage, name: &str) -> Found {
    let set = stage.oidc(name, "hosted_domains: [acme.example]", "").await;
    let page = set.fresh().await;
    stage.idp.turn(|k| k.claims = change(|claims: &mut serde_json::Value| claims["hd"] = json!("acme.example")));
    set.signs_in().await;
    ada_again(stage);
    Found::Page(page)
}

const ADA_IS_HERE: &str = "  users:\n  - {email: ada@acme.example}";

/// Nobody has ever shown that the address is the user's.
pub async fn user_unproven(stage: &Stage, name: &str) -> Found {
    let set = stage.oidc(name, "", ADA_IS_HERE).await;
    set.sql("UPDATE users SET email_proven = FALSE WHERE tenant_id IN (SELECT id FROM tenants WHERE name = $1)").await;
    let page = set.fresh().await;
    set.sql("UPDATE users SET email_proven = TRUE WHERE tenant_id IN (SELECT id FROM tenants WHERE name = $1)").await;
    set.signs_in().await;
    Found::Page(page)
}

/// The address has been given to somebody else at the provider.
pub async fn already_linked(stage: &Stage, name: &str) -> Found {
    let set = stage.oidc(name, "", "").await;
    set.signs_in().await;
    somebody(stage, "idp|another", ADA);
    let page = set.fresh().await;
    ada_again(stage);
    Found::Page(page)
}

pub async fn deactivated(stage: &Stage, name: &str) -> Found {
    let set = stage.oidc(name, "", "").await;
    set.signs_in().await;
    set.sql("UPDATE users SET active = FALSE WHERE tenant_id IN (SELECT id FROM tenants WHERE name = $1)").await;
    Found::Page(set.fresh().await)
}

pub async fn not_invited(stage: &Stage, name: &str) -> Found {
    let set = stage.oidc(name, "", "  provisioning: invite").await;
    let page = set.fresh().await;
    invite(&set, ADA).await;
    set.signs_in().await;
    Found::Page(page)
}

pub async fn email_domain(stage: &Stage, name: &str) -> Found {
    let open_to = async |domain: &str| {
        let connection = format!("email_trust: verified, allowed_domains: [{domain}], {}", oidc(stage.idp.issuer(), ""));
        stage.set(name, &connection, "").await
    };
    let page = open_to("elsewhere.example").await.fresh().await;
    open_to("acme.example").await.signs_in().await;
    Found::Page(page)
}

pub async fn not_provisioned(stage: &Stage, name: &str) -> Found {
    let set = stage.oidc(name, "", "  provisioning: scim").await;
    let page = set.fresh().await;
    stage.oidc(name, "", &format!("  provisioning: scim\n{ADA_IS_HERE}")).await.signs_in().await;
    Found::Page(page)
}

/// Invites somebody: the link.
async fn invite(set: &Set<'_>, email: &str) -> String {
    let tenant = store::tenants::find_by_name(&set.stage.app.db, &set.name).await.unwrap().unwrap();
    desk(&set.stage.app).invite(&tenant, &wanted(email)).await.unwrap().link.unwrap()
}

/// From an invite's link over the provider.
async fn accept(set: &Set<'_>, link: &str) -> Answer {
    let mut browser = Browser::new();
    let page = browser.get(link).await;
    let departure = browser.post(link, &[("csrf", &page.csrf()), ("connection", "sso")]).await;
    let answer = browser.get(&set.back(&departure).await).await;
    browser.follow(answer).await
}

fn is_account(answer: &Answer) {
    assert!(answer.status == 200 && answer.url.ends_with("/account"), "{} {} {}", answer.url, answer.status, answer.body);
}

pub async fn wrong_account(stage: &Stage, name: &str) -> Found {
    let set = stage.oidc(name, "", "  provisioning: invite").await;
    let link = invite(&set, "grace@acme.example").await;
    let page = accept(&set, &link).await;
    somebody(stage, "idp|grace", "grace@acme.example");
    is_account(&accept(&set, &link).await);
    ada_again(stage);
    Found::Page(page)
}

/// The application wants the person whom it knows, and somebody else signs in.
pub async fn another_person(stage: &Stage, name: &str) -> Found {
    let set = stage.oidc(name, "", "").await;
    let code = set.fresh().await.query("code").unwrap();
    let redirect = format!("https://{name}.example/cb");
    let form = [("grant_type", "authorization_code"), ("code", code.as_str()), ("redirect_uri", redirect.as_str())];
    let tokens = Browser::new().post_as(&format!("{}/oauth2/token", stage.url), name, Some("s-e-c-r-e-t-1"), &form).await.json();
    let url = set.url(&[("id_token_hint", tokens["id_token"].as_str().unwrap())]);
    set.is_in(&set.over(&mut Browser::new(), &url).await);
    somebody(stage, "idp|grace", "grace@acme.example");
    let answer = set.over(&mut Browser::new(), &url).await;
    ada_again(stage);
    assert_eq!(answer.query("error").as_deref(), Some("login_required"), "{}", answer.body);
    Found::Last
}

/// From an invite's link with a password.
async fn accept_by_password(link: &str) -> Answer {
    let mut browser = Browser::new();
    let page = browser.get(link).await;
    let answer = browser.post(link, &[("csrf", &page.csrf()), ("name", "Ada"), ("password", PASSWORD)]).await;
    browser.follow(answer).await
}

/// Somebody has come to the invited address meanwhile in another way.
pub async fn address_taken(stage: &Stage, name: &str) -> Found {
    let invited = "  provisioning: invite\n  password_login: true";
    let set = stage.oidc(name, "", invited).await;
    let (taken, free) = (invite(&set, ADA).await, invite(&set, "grace@acme.example").await);
    stage.oidc(name, "", &format!("{invited}\n{ADA_IS_HERE}")).await;
    let page = accept_by_password(&taken).await;
    is_account(&accept_by_password(&free).await);
    Found::Page(page)
}

pub async fn invite_used(stage: &Stage, name: &str) -> Found {
    let set = stage.oidc(name, "", "  provisioning: invite").await;
    let link = invite(&set, ADA).await;
    is_account(&accept(&set, &link).await);
    Found::Page(Browser::new().get(&link).await)
}

/// Withdrawn while the person was at the provider.
pub async fn invite_withdrawn(stage: &Stage, name: &str) -> Found {
    let set = stage.oidc(name, "", "  provisioning: invite").await;
    let link = invite(&set, ADA).await;
    let (mut browser, email) = (Browser::new(), Email::parse(ADA).unwrap());
    let page = browser.get(&link).await;
    let departure = browser.post(&link, &[("csrf", &page.csrf()), ("connection", "sso")]).await;
    let back = set.back(&departure).await;
    let tenant = store::tenants::find_by_name(&stage.app.db, name).await.unwrap().unwrap();
    let invite = store::invites::by_email(&stage.app.db, &tenant.id, &email).await.unwrap().unwrap();
    let sql = "UPDATE invites SET revoked_at = $1 WHERE id = $2";
    assert_eq!(stage.app.db.execute(sql, params![stage.clock.now(), invite.id.as_str()]).await.unwrap(), 1);
    Found::Page(browser.get(&back).await)
}

/// A tenant with passwords and its sign-in page.
async fn password_page(stage: &Stage, name: &str) -> (Browser, Answer, String) {
    let more = format!("  password_login: true\n  users:\n  - {{email: ada@{name}.example, password: \"correct horse\"}}");
    let set = stage.oidc(name, "", &more).await;
    let mut browser = Browser::new();
    let page = browser.get(&set.url(&[])).await;
    let page = browser.follow(page).await;
    (browser, page, format!("ada@{name}.example"))
}

async fn try_password(browser: &mut Browser, page: &Answer, email: &str, password: &str) -> Answer {
    let form = [("csrf", page.csrf()), ("email", email.to_owned()), ("password", password.to_owned())];
    let form: Vec<(&str, &str)> = form.iter().map(|(field, value)| (*field, value.as_str())).collect();
    browser.post(&format!("{}/password", page.url), &form).await
}

/// The page is shown once more, without a code: the operator finds it by the address.
pub async fn password_wrong(stage: &Stage, name: &str) -> Found {
    let (mut browser, page, email) = password_page(stage, name).await;
    assert_eq!(try_password(&mut browser, &page, &email, "battery staple").await.status, 422);
    Found::Last
}

/// The account has had its share; the page says for how long, without a code.
pub async fn too_many_attempts(stage: &Stage, name: &str) -> Found {
    let (mut browser, page, email) = password_page(stage, name).await;
    for _ in 0..12 {
        if try_password(&mut browser, &page, &email, "battery staple").await.status == 429 {
            return Found::Last;
        }
    }
    panic!("{name}: twelve guesses")
}
