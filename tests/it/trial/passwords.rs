//! Where single sign-on is required, a password is good for nothing, on any path; elsewhere it is good for what it was.

use serde_json::Value;

use super::{Bench, PASSWORD, signed_in, tenant};
use crate::{
    browser::{Answer, Browser},
    invites::{desk, wanted},
    on_both,
    world::{Backend, text},
};

on_both!(a_password_is_good_for_nothing_on_any_path, what_a_password_gave_ends, administrators_get_in_by_a_link);

const ON: &str = "UPDATE tenants SET require_sso = TRUE WHERE name = 'acme'";
const OFF: &str = "UPDATE tenants SET require_sso = FALSE WHERE name = 'acme'";

/// A way by which a password may let somebody in, and whether it did.
async fn lets_in(bench: &Bench, path: &str) -> bool {
    let mut browser = Browser::new();
    let begun = match path {
        "a client's sign-in" | "straight to the password page" => bench.authorize_url("web", &[]),
        "the password again (prompt=login)" => {
            browser = signed_in_over_okta(bench).await;
            bench.authorize_url("web", &[("prompt", "login")])
        }
        "a fresh proof (max_age)" => {
            browser = signed_in_over_okta(bench).await;
            bench.authorize_url("web", &[("max_age", "0")])
        }
        "the pages' own sign-in" => format!("{}/login?tenant=acme&to=/admin", bench.url),
        "a control plane's sign-in" => {
            format!(
                "{}/api/svc/v1/oauth2/authorize?tenantName=acme&controlPlaneURL=https://app.example&redirectURL=https://app.example/cb",
                bench.url
            )
        }
        "an invite with a password" => return by_invite(bench).await,
        other => panic!("{other}"),
    };
    let page = browser.get(&begun).await;
    let page = match page.header("content-type") {
        Some("application/json") => browser.get(text(&page.json(), "authorizationEndpoint")).await,
        _ => page,
    };
    let mut page = browser.follow(page).await;
    if page.status != 200 {
        // With one connection and no password there is nothing to choose: straight to the provider.
        assert!(page.location().is_some_and(|to| to.starts_with(bench.idp.issuer())), "{path}: {} {}", page.status, page.body);
        return false;
    }
    let action = format!("{}{}", bench.url, url::Url::parse(&page.url).unwrap().path());
    let csrf = page.csrf();
    if path != "straight to the password page" {
        page = browser.post(&action, &[("csrf", &csrf), ("email", "bob@acme.example"), ("with", "password")]).await;
    }
    let credentials = [("csrf", csrf.as_str()), ("email", "bob@acme.example"), ("password", PASSWORD)];
    let answer = browser.post(&format!("{action}/password"), &credentials).await;
    let refused = answer.status == 403 && answer.body.contains("does not use passwords");
    assert!(refused || answer.location().is_some(), "{path}: {} {} {}", answer.status, answer.body, page.body);
    !refused
}

async fn signed_in_over_okta(bench: &Bench) -> Browser {
    let mut browser = Browser::new();
    let answer = bench.sso(&mut browser, &bench.authorize_url("web", &[])).await;
    assert!(answer.query("code").is_some(), "{} {}", answer.status, answer.body);
    browser
}

async fn by_invite(bench: &Bench) -> bool {
    let email = format!("{}@acme.example", gatehouse::secret::reference().to_ascii_lowercase());
    let made = desk(&bench.app).invite(&tenant(bench).await, &wanted(&email)).await.unwrap();
    let link = made.link.unwrap();
    let mut browser = Browser::new();
    let page = browser.get(&link).await;
    assert_eq!(page.status, 200, "{}", page.body);
    let answer = browser.post(&link, &[("csrf", &page.csrf()), ("name", "Guest"), ("password", PASSWORD)]).await;
    let refused = answer.status == 403 && answer.body.contains("does not use passwords");
    assert!(refused || answer.location().is_some(), "{} {}", answer.status, answer.body);
    assert_eq!(page.body.contains("type=\"password\""), !refused, "offered where it counts");
    !refused
}

async fn a_password_is_good_for_nothing_on_any_path(backend: Backend) {
    let bench = Bench::new(backend).await;
    let paths = [
        "a client's sign-in",
        "straight to the password page",
        "the password again (prompt=login)",
        "a fresh proof (max_age)",
        "the pages' own sign-in",
        "a control plane's sign-in",
        "an invite with a password",
    ];
    for (state, good) in [(OFF, true), (ON, false), (OFF, true)] {
        bench.sql(state).await;
        for path in paths {
            assert_eq!(lets_in(&bench, path).await, good, "{path} after {state}");
        }
        let over = bench.fresh().await;
        assert!(over.query("code").is_some(), "single sign-on is always there: {}", over.body);
    }
}

/// What a sign-in gave, and whether each of it is good for anything still.
struct Given {
    browser: Browser,
    code: String,
    tokens: Value,
}

impl Given {
    async fn by_password(bench: &Bench) -> Self {
        let mut browser = Browser::new();
        let code = async |browser: &mut Browser| -> String {
            let answer = bench.sign_in(browser, &bench.authorize_url("web", &[]), "bob@acme.example", PASSWORD).await;
            answer.query("code").unwrap()
        };
        let first = code(&mut browser).await;
        let tokens = bench.redeem("web", &first).await.json();
        Self { code: code(&mut browser).await, tokens, browser }
    }

    async fn over_okta(bench: &Bench) -> Self {
        let mut browser = Browser::new();
        let url = bench.authorize_url("web", &[]);
        let first = bench.sso(&mut browser, &url).await;
        let tokens = bench.tokens_of(&first).await;
        Self { code: bench.sso(&mut browser, &url).await.query("code").unwrap(), tokens, browser }
    }

    /// Code, refresh token, access token, session.
    async fn good(mut self, bench: &Bench) -> [bool; 4] {
        let is_good = |answer: &Answer| answer.status == 200;
        let access = bench.userinfo(text(&self.tokens, "access_token")).await;
        let refreshed = bench.refresh("web", text(&self.tokens, "refresh_token")).await;
        let redeemed = bench.redeem("web", &self.code).await;
        let account = self.browser.get(&format!("{}/account", bench.url)).await;
        let answer = self.browser.get(&bench.authorize_url("web", &[("prompt", "none")])).await;
        assert_eq!(is_good(&account), answer.query("code").is_some(), "{}", account.body);
        [is_good(&redeemed), is_good(&refreshed), is_good(&access), is_good(&account)]
    }
}

async fn what_a_password_gave_ends(backend: Backend) {
    let bench = Bench::new(backend).await;
    assert_eq!(Given::by_password(&bench).await.good(&bench).await, [true; 4]);
    let (password, okta) = (Given::by_password(&bench).await, Given::over_okta(&bench).await);
    bench.sql(ON).await;
    assert_eq!(password.good(&bench).await, [false; 4], "at once");
    assert_eq!(okta.good(&bench).await, [true; 4]);
}

async fn administrators_get_in_by_a_link(backend: Backend) {
    let bench = Bench::new(backend).await;
    let mut before = signed_in(&bench, "acme", "root@acme.example").await;
    bench.sql(ON).await;
    let pages = format!("{}/admin/acme", bench.url);
    assert_eq!(before.get(&pages).await.status, 303, "a session that a password began");
    let tenant = tenant(&bench).await;
    let email = gatehouse::policy::email::Email::parse("root@acme.example").unwrap();
    let root = gatehouse::store::users::find_by_email(&bench.app.db, &tenant.id, &email).await.unwrap().unwrap();
    let (app, actor) = (&bench.app, crate::world::actor());
    let link =
        gatehouse::admin_link::break_glass(&app.db, &app.sealer, app.issuer(), (&actor, &root), 600, bench.clock.now()).await;
    let link = link.unwrap();
    let mut browser = Browser::new();
    let page = browser.get(&link).await;
    let answer = browser.post(&link, &[("csrf", &page.csrf())]).await;
    assert_eq!(answer.location(), Some("/admin"), "{}", answer.body);
    assert_eq!(browser.get(&pages).await.status, 200);
    // They can test from there, and switch it off again.
    assert!(bench.run(&mut browser, "okta").await.trial.passed);
}
