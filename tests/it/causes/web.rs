//! What browsers and applications send.

use url::Url;

use super::{Found, stage::Stage};
use crate::browser::Browser;

pub async fn unknown_client(stage: &Stage, _: &str) -> Found {
    Found::Page(Browser::new().get(&stage.authorize_url("nobody", &[])).await)
}

pub async fn client_off(stage: &Stage, name: &str) -> Found {
    let set = stage.oidc(name, "", "").await;
    set.signs_in().await;
    set.sql("UPDATE clients SET enabled = FALSE WHERE id = $1").await;
    Found::Page(Browser::new().get(&set.url(&[])).await)
}

pub async fn redirect_uri(stage: &Stage, name: &str) -> Found {
    let set = stage.oidc(name, "", "").await;
    Found::Page(Browser::new().get(&set.url(&[("redirect_uri", "https://evil.example/cb")])).await)
}

pub async fn repeated_parameter(stage: &Stage, name: &str) -> Found {
    let set = stage.oidc(name, "", "").await;
    Found::Page(Browser::new().get(&format!("{}&client_id={name}", set.url(&[]))).await)
}

/// The application reads of it itself, and the person sees its page.
pub async fn wrong_parameter(stage: &Stage, name: &str) -> Found {
    let set = stage.oidc(name, "", "").await;
    let answer = Browser::new().get(&set.url(&[("response_type", "token")])).await;
    assert!(answer.query("error").is_some(), "{} {}", answer.status, answer.body);
    Found::Last
}

pub async fn no_login(stage: &Stage, _: &str) -> Found {
    Found::Page(Browser::new().get(&format!("{}/oauth2/callback?code=x&state=unknown", stage.url)).await)
}

/// The back button, after all has gone well.
pub async fn finished_login(stage: &Stage, name: &str) -> Found {
    let set = stage.oidc(name, "", "").await;
    let mut browser = Browser::new();
    let back = set.back(&set.depart(&mut browser, &set.url(&[])).await).await;
    set.is_in(&browser.get(&back).await);
    Found::Page(browser.get(&back).await)
}

/// A form that a proxy has cut.
pub async fn unreadable_form(stage: &Stage, _: &str) -> Found {
    Found::Page(Browser::new().post(&format!("{}/oauth2/callback", stage.url), &[("SAMLRespons", "x")]).await)
}

/// The connection has a way back of its own, and the provider, whose registration is of before, answers by the old one.
pub async fn another_callback(stage: &Stage, name: &str) -> Found {
    let connection = format!("own_callback: true, email_trust: verified, {}", super::stage::oidc(stage.idp.issuer(), ""));
    let set = stage.set(name, &connection, "").await;
    let mut browser = Browser::new();
    let back = set.back(&set.depart(&mut browser, &set.url(&[])).await).await;
    let old = back.replace(&format!("/oauth2/callback/{name}/sso"), "/oauth2/callback");
    assert_ne!(back, old);
    let page = browser.get(&old).await;
    set.signs_in().await;
    Found::Page(page)
}

/// A way of signing in that has gone since the page was shown.
pub async fn not_offered(stage: &Stage, name: &str) -> Found {
    let set = stage.oidc(name, "", "  password_login: true").await;
    let mut browser = Browser::new();
    let page = browser.get(&set.url(&[])).await;
    let page = browser.follow(page).await;
    let gone = browser.post(&page.url, &[("csrf", &page.csrf()), ("connection", "gone")]).await;
    set.is_in(&set.over(&mut browser, &page.url).await);
    Found::Page(gone)
}

pub async fn form_token(stage: &Stage, name: &str) -> Found {
    let set = stage.oidc(name, "", "  password_login: true").await;
    let mut browser = Browser::new();
    let page = browser.get(&set.url(&[])).await;
    let page = browser.follow(page).await;
    let forged = browser.post(&page.url, &[("csrf", "forged"), ("connection", "sso")]).await;
    set.is_in(&set.over(&mut browser, &page.url).await);
    Found::Page(forged)
}

/// On a node that lets one sign-in a minute begin.
pub async fn too_many_sign_ins(stage: &Stage, name: &str) -> Found {
    let set = stage.oidc(name, "", "").await;
    let strict = stage.second_node_with(&[("SIGN_IN_RATE", "1")]).await;
    let mut url = Url::parse(&set.url(&[])).unwrap();
    url.set_port(Url::parse(&strict.url).unwrap().port()).unwrap();
    for _ in 0..20 {
        let page = Browser::new().get(url.as_str()).await;
        if page.status == 429 {
            return Found::Page(page);
        }
    }
    panic!("twenty sign-ins in a minute")
}

pub async fn consent_refused(stage: &Stage, name: &str) -> Found {
    let set = stage.oidc(name, "", "").await;
    set.sql("UPDATE clients SET trusted = FALSE WHERE id = $1").await;
    let mut browser = Browser::new();
    let page = set.over(&mut browser, &set.url(&[])).await;
    let action = page.body.split('"').find(|part| part.ends_with("/consent")).unwrap_or_else(|| panic!("{}", page.body));
    let (action, csrf) = (format!("{}{action}", stage.url), page.csrf());
    let denied = browser.post(&action, &[("csrf", &csrf), ("decision", "deny")]).await;
    assert_eq!(denied.query("error").as_deref(), Some("access_denied"), "{}", denied.body);
    Found::Last
}
