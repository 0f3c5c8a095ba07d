//! Switching "require SSO" on: by page, API and file alike only after a test that passed, and what happens to the connection
//! afterwards.

use gatehouse::{apply, password, store::tenants};
use reqwest::Method;
use serde_json::{Value, json};

use super::{Bench, signed_in, state, tenant};
use crate::{
    browser::{Answer, Browser},
    idp::Signing,
    on_both,
    world::{Backend, text},
};

on_both!(
    nothing_but_a_passed_test_switches_it_on,
    a_file_says_that_it_goes_without,
    passwords_are_switched_off_by_the_same_rule,
    an_administrator_has_come_in_before_passwords_end,
    the_last_way_in_stays,
    a_changed_connection_is_warned_about,
);

const SETTINGS: &str = "/admin/acme/settings";

/// The form of the organisation with the switch on, and yes to what it ends.
async fn by_page(bench: &Bench, browser: &mut Browser) -> Answer {
    let url = format!("{}{SETTINGS}", bench.url);
    let form = browser.get(&url).await;
    let (csrf, version) = (form.csrf(), form.field("version").unwrap_or_default());
    let fields = [
        ("csrf", csrf.as_str()),
        ("version", version.as_str()),
        ("confirmed", "on"),
        ("display_name", "Acme"),
        ("enabled", "on"),
        ("provisioning", "jit"),
        ("password_login", "on"),
        ("domains", "acme.example"),
        ("require_sso", "on"),
    ];
    browser.post(&url, &fields).await
}

/// A token of Root, who has signed in over the connection.
async fn token(bench: &Bench) -> String {
    bench.person("idp|root", "root@acme.example");
    text(&bench.tokens_of(&bench.sso(&mut Browser::new(), &bench.admin_url("web")).await).await, "access_token").to_owned()
}

async fn ask(bench: &Bench, token: &str, method: Method, path: &str, body: Option<Value>) -> Answer {
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let url = format!("{}/api/v1/tenants/acme{path}", bench.url);
    Browser::new().send(method, &url, &headers, body.map(|body| body.to_string())).await
}

async fn by_api(bench: &Bench, token: &str) -> Answer {
    ask(bench, token, Method::PUT, "", Some(json!({"display_name": "Acme", "require_sso": true}))).await
}

/// Applies the state with what the file says of it: the warnings, or the problems.
async fn by_file(bench: &Bench, said: &str, settings: &str) -> Result<Vec<String>, Vec<String>> {
    let text = state(&bench.idp, "jit", settings, "").replacen("  provisioning:", &format!("{said}  provisioning:"), 1);
    let hashing = apply::Hashing { hash: |p| password::hash_now(p).ok(), verify: password::verify_now };
    let file = apply::File { text: &text, origin: "state.yaml", env: &|_| None };
    let plan = apply::run(&bench.app.db, &bench.app.sealer, hashing, file, apply::Options::default(), bench.clock.now()).await;
    plan.map(|plan| plan.warnings).map_err(|problems| problems.iter().map(ToString::to_string).collect())
}

async fn is_required(bench: &Bench) -> bool {
    tenants::find(&bench.app.db, &tenant(bench).await.id).await.unwrap().unwrap().require_sso
}

async fn switch(bench: &Bench, on: bool) {
    let (to_on, to_off) = (
        "UPDATE tenants SET require_sso = TRUE WHERE name = 'acme'",
        "UPDATE tenants SET require_sso = FALSE WHERE name = 'acme'",
    );
    bench.sql(if on { to_on } else { to_off }).await;
}

const WHERE: &str = "/admin/acme/connections/okta/test";

async fn refused_everywhere(bench: &Bench, root: &mut Browser, token: &str, words: &str) {
    let page = by_page(bench, root).await;
    assert_eq!(page.status, 422, "{words}: {}", page.body);
    assert!(page.body.contains("id=\"require_sso-error\"") && page.body.contains(words), "{words}: {}", page.body);
    let api = by_api(bench, token).await;
    assert_eq!((api.status, &api.json()["faults"][0]["path"]), (422, &json!("require_sso")), "{words}: {}", api.body);
    assert!(text(&api.json()["faults"][0], "text").contains(words), "{words}: {}", api.body);
    let file = by_file(bench, "  require_sso: true\n", "").await.unwrap_err();
    assert!(file.len() == 1 && file[0].starts_with("state.yaml:") && file[0].contains(words), "{words}: {file:?}");
    assert!(!is_required(bench).await, "{words}");
}

async fn nothing_but_a_passed_test_switches_it_on(backend: Backend) {
    let bench = Bench::new(backend).await;
    let token = token(&bench).await;
    let mut root = signed_in(&bench, "acme", "root@acme.example").await;
    refused_everywhere(&bench, &mut root, &token, WHERE).await;
    // A test that fails, one of a draft, and one of other settings.
    bench.idp.turn(|k| k.signing = Signing::WrongKey);
    assert!(!bench.run(&mut root, "okta").await.trial.passed);
    refused_everywhere(&bench, &mut root, &token, WHERE).await;
    bench.idp.turn(|k| k.signing = Signing::Rs256);
    assert!(bench.run(&mut root, "draft").await.trial.passed);
    refused_everywhere(&bench, &mut root, &token, WHERE).await;
    bench.apply(&state(&bench.idp, "jit", "groups_claim: other,", "")).await;
    assert!(bench.run(&mut root, "okta").await.trial.passed);
    bench.apply(&state(&bench.idp, "jit", "", "")).await;
    refused_everywhere(&bench, &mut root, &token, WHERE).await;
    // One that passed, of a connection that is not offered.
    assert!(bench.run(&mut root, "okta").await.trial.passed);
    bench.sql("UPDATE connections SET login_enabled = FALSE WHERE name = 'okta'").await;
    bench.app.db.changed();
    let page = by_page(&bench, &mut root).await;
    assert_eq!(page.status, 422, "{}", page.body);
    assert!(page.body.contains("enable one that is offered for sign-in"), "{}", page.body);
    bench.sql("UPDATE connections SET login_enabled = TRUE WHERE name = 'okta'").await;
    // By a body nothing goes without.
    let without = ask(&bench, &token, Method::PUT, "", Some(json!({"require_sso": "untested"}))).await;
    assert_eq!((without.status, &without.json()["faults"][0]["path"]), (422, &json!("require_sso")), "{}", without.body);

    // It has passed, and is that of the settings: each of the three.
    let page = by_page(&bench, &mut root).await;
    assert_eq!((page.status, page.location()), (303, Some("/admin/acme/settings?done=saved")), "{}", page.body);
    assert!(is_required(&bench).await);
    assert_eq!(root.get(&format!("{}/admin/acme", bench.url)).await.status, 303, "whoever came by a password is out");
    switch(&bench, false).await;
    let api = by_api(&bench, &token).await;
    assert_eq!((api.status, &api.json()["require_sso"]), (200, &json!(true)), "{}", api.body);
    switch(&bench, false).await;
    assert_eq!(by_file(&bench, "  require_sso: true\n", "").await, Ok(vec![]));
    assert!(is_required(&bench).await);
}

/// `password_login: false` shuts the same people out, so it asks the same of connection and administrators.
async fn passwords_are_switched_off_by_the_same_rule(backend: Backend) {
    let bench = Bench::new(backend).await;
    let token = token(&bench).await;
    let mut root = signed_in(&bench, "acme", "root@acme.example").await;
    let off = json!({"display_name": "Acme", "password_login": false});
    let taken = async || tenants::find(&bench.app.db, &tenant(&bench).await.id).await.unwrap().unwrap().takes_passwords();
    let page = async |root: &mut Browser| {
        let form = root.get(&format!("{}{SETTINGS}", bench.url)).await;
        let (csrf, version) = (form.csrf(), form.field("version").unwrap_or_default());
        let fields = [
            ("csrf", csrf.as_str()),
            ("version", version.as_str()),
            ("confirmed", "on"),
            ("display_name", "Acme"),
            ("enabled", "on"),
            ("provisioning", "jit"),
            ("domains", "acme.example"),
        ];
        root.post(&format!("{}{SETTINGS}", bench.url), &fields).await
    };
    let answer = page(&mut root).await;
    assert!(answer.status == 422 && answer.body.contains("id=\"password_login-error\""), "{}", answer.body);
    for force in ["", "?force=true"] {
        let api = ask(&bench, &token, Method::PUT, force, Some(off.clone())).await;
        assert_eq!((api.status, &api.json()["faults"][0]["path"]), (422, &json!("password_login")), "{}", api.body);
    }
    assert!(taken().await);
    // A file is explicit.
    let warned = by_file(&bench, "  password_login: false\n", "").await.unwrap();
    assert!(warned.iter().any(|text| text.contains("takes no passwords, and no connection of it has passed")), "{warned:?}");
    assert!(!taken().await);
    bench.sql("UPDATE tenants SET password_login = TRUE WHERE name = 'acme'").await;
    // It has passed.
    assert!(bench.run(&mut root, "okta").await.trial.passed);
    let api = ask(&bench, &token, Method::PUT, "", Some(off.clone())).await;
    assert_eq!(api.status, 200, "{}", api.body);
    assert!(!taken().await);
    // And then the last connection to come in over stays.
    let mut okta = ask(&bench, &token, Method::GET, "/connections/okta", None).await.json();
    okta["enabled"] = json!(false);
    let answer = ask(&bench, &token, Method::PUT, "/connections/okta", Some(okta)).await;
    assert_eq!(answer.status, 409, "{}", answer.body);
    bench.sql("UPDATE tenants SET password_login = TRUE WHERE name = 'acme'").await;
    assert_eq!(by_file(&bench, "  password_login: false\n", "").await, Ok(vec![]));
    assert!(!taken().await);
}

async fn an_administrator_has_come_in_before_passwords_end(backend: Backend) {
    let bench = Bench::new(backend).await;
    let token = token(&bench).await;
    let mut root = bench.root().await;
    assert!(bench.run(&mut root, "okta").await.trial.passed);
    // Linked by hand is not yet come in; and nobody's way in counts while it is not offered.
    for unseen in ["UPDATE identities SET last_seen_at = 0", "DELETE FROM identities"] {
        bench.sql(unseen).await;
        for body in
            [json!({"display_name": "Acme", "require_sso": true}), json!({"display_name": "Acme", "password_login": false})]
        {
            let api = ask(&bench, &token, Method::PUT, "", Some(body)).await;
            assert_eq!(api.status, 409, "{unseen}: {}", api.body);
            assert!(
                text(&api.json(), "error_description").contains("no administrator of this tenant has signed in"),
                "{}",
                api.body
            );
        }
        let page = by_page(&bench, &mut root).await;
        assert!(page.status == 422 && page.body.contains("no administrator of this tenant has signed in"), "{}", page.body);
        assert!(!is_required(&bench).await);
    }
    let forced = json!({"display_name": "Acme", "require_sso": true});
    let api = ask(&bench, &token, Method::PUT, "?force=true", Some(forced)).await;
    assert_eq!(api.status, 200, "{}", api.body);
    assert!(api.json()["warnings"][0].as_str().unwrap().contains("no administrator"), "{}", api.body);
}

async fn a_file_says_that_it_goes_without(backend: Backend) {
    let bench = Bench::new(backend).await;
    let refused = by_file(&bench, "  require_sso: true\n", "").await.unwrap_err();
    assert!(refused[0].contains("require_sso: untested"), "{refused:?}");
    assert!(by_file(&bench, "  require_sso: perhaps\n", "").await.unwrap_err()[0].contains("true or false"));
    let warned = by_file(&bench, "  require_sso: untested\n", "").await.unwrap();
    assert!(warned.len() == 2 && warned[0].contains("no administrator of this tenant has signed in"), "{warned:?}");
    assert!(warned[1].contains(WHERE), "never silently: {warned:?}");
    assert!(is_required(&bench).await);
    // It stays, and is warned about as long as nothing has passed; what a file leaves out lets nobody in again.
    for said in ["  require_sso: untested\n", "  require_sso: true\n", ""] {
        let warned = by_file(&bench, said, "").await.unwrap();
        assert!(warned.len() == 1 && warned[0].contains(WHERE), "{said}: {warned:?}");
        assert!(is_required(&bench).await, "{said}");
    }
    bench.sql("UPDATE users SET admin = TRUE WHERE email = 'root@acme.example'").await;
    switch(&bench, false).await;
    let mut root = bench.root().await;
    assert!(bench.run(&mut root, "okta").await.trial.passed);
    switch(&bench, true).await;
    assert_eq!(by_file(&bench, "  require_sso: untested\n", "").await, Ok(vec![]));
    assert_eq!(by_file(&bench, "  require_sso: false\n", "").await, Ok(vec![]));
    assert!(!is_required(&bench).await);
}

async fn the_last_way_in_stays(backend: Backend) {
    let bench = Bench::new(backend).await;
    let mut root = bench.root().await;
    assert!(bench.run(&mut root, "okta").await.trial.passed);
    let token = token(&bench).await;
    switch(&bench, true).await;
    let okta = ask(&bench, &token, Method::GET, "/connections/okta", None).await.json();
    let put = async |field: &str, force: &str| {
        let mut thing = okta.clone();
        thing[field] = json!(false);
        ask(&bench, &token, Method::PUT, &format!("/connections/okta{force}"), Some(thing)).await
    };
    for answer in [
        put("enabled", "").await,
        put("login_enabled", "").await,
        ask(&bench, &token, Method::DELETE, "/connections/okta?confirm=okta", None).await,
    ] {
        assert_eq!(answer.status, 409, "{}", answer.body);
        assert!(text(&answer.json(), "error_description").contains("no connection to sign in over"), "{}", answer.body);
    }
    // With another one it may go; and by whoever insists.
    bench.sql("UPDATE connections SET enabled = TRUE WHERE name = 'draft'").await;
    bench.app.db.changed();
    let answer = put("login_enabled", "").await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert!(answer.json()["warnings"][0].as_str().unwrap().contains("/connections/draft/test"), "{}", answer.body);
    bench.sql("UPDATE connections SET enabled = FALSE WHERE name = 'draft'").await;
    bench.sql("UPDATE connections SET login_enabled = TRUE WHERE name = 'okta'").await;
    bench.app.db.changed();
    let answer = put("login_enabled", "?force=true").await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert!(answer.json()["warnings"][0].as_str().unwrap().contains("no connection left"), "{}", answer.body);
}

async fn a_changed_connection_is_warned_about(backend: Backend) {
    let bench = Bench::new(backend).await;
    let mut root = bench.root().await;
    assert!(bench.run(&mut root, "okta").await.trial.passed);
    let token = token(&bench).await;
    switch(&bench, true).await;
    let mut thing = ask(&bench, &token, Method::GET, "/connections/okta", None).await.json();
    thing["button_text"] = json!("Come in");
    let answer = ask(&bench, &token, Method::PUT, "/connections/okta", Some(thing.clone())).await;
    assert_eq!((answer.status, answer.json().get("warnings")), (200, None), "{}", answer.body);
    // A secret that is renewed can only be tested once it is stored.
    thing["oidc"]["client_secret"] = json!("renewed");
    let answer = ask(&bench, &token, Method::PUT, "/connections/okta", Some(thing)).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert!(answer.json()["warnings"][0].as_str().unwrap().contains(WHERE), "{}", answer.body);
    // The page says so too, to an operator who is in over single sign-on.
    let mut browser = Browser::new();
    bench.apply(&state(&bench.idp, "jit", "", "")).await;
    bench.sso(&mut browser, &bench.authorize_url("web", &[])).await;
    let page = browser.get(&format!("{}/admin/acme/connections/okta", bench.url)).await;
    assert!(page.status == 200 && !page.body.contains("has passed no test"), "the settings that were tested: {}", page.body);
    bench.apply(&state(&bench.idp, "jit", "groups_claim: other,", "")).await;
    let page = browser.get(&format!("{}/admin/acme/connections/okta", bench.url)).await;
    assert!(page.body.contains("has passed no test"), "{}", page.body);
}
