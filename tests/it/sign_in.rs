//! The journey over an OpenID provider, whole: from the client's request over the provider to tokens.

use serde_json::json;

use crate::{
    browser::Browser,
    on_both,
    sso::Sso,
    world::{Backend, START, decode, text},
};

on_both!(
    the_first_and_the_second_time,
    groups_are_those_of_the_last_sign_in,
    the_page_sends_home_and_the_button_too,
    the_client_names_the_connection,
    one_way_in_is_taken_without_a_page,
    two_tabs_finish_in_reverse_order,
    a_session_planted_before_is_worth_nothing,
    proof_is_asked_for_again,
    proof_may_be_older_than_the_consent,
    another_person_than_the_hint_names
);

async fn the_first_and_the_second_time(backend: Backend) {
    let sso = Sso::new(backend).await;
    let mut browser = Browser::new();
    let answer = sso.sso(&mut browser, &sso.authorize_url("web", &[])).await;
    assert_eq!(answer.status, 302);
    assert_eq!(answer.header("cache-control"), Some("no-cache, no-store"));
    assert_eq!(answer.header("pragma"), Some("no-cache"));
    assert!(answer.location().unwrap().starts_with("https://app.example/cb?code="), "{:?}", answer.location());
    assert_eq!(answer.query("userState").as_deref(), Some("Authenticated"));
    assert_eq!(answer.query("state").as_deref(), Some("the-state"));
    let tokens = sso.tokens_of(&answer).await;
    let first = decode(text(&tokens, "id_token")).1;
    assert_eq!(
        (text(&first, "email"), text(&first, "name"), &first["email_verified"]),
        ("ada@acme.example", "Ada Lovelace", &json!(true))
    );
    assert_eq!((text(&first, "tenant"), &first["auth_time"]), ("acme", &json!(START - 1000)), "the provider's own auth_time");
    let user = sso.userinfo(text(&tokens, "access_token")).await.json();
    assert_eq!((&user["sub"], &user["email"]), (&first["sub"], &json!("ada@acme.example")));
    assert_eq!(groups(&sso, &first["sub"]).await, Some(vec!["sre".to_owned()]));
    let account = browser.get(&format!("{}/account", sso.url)).await;
    assert!(account.body.contains("ada@acme.example") && account.body.contains("Okta"), "{}", account.body);

    // The address moves at the provider to one that somebody else has here; nobody's account moves with it.
    sso.person("idp|bob", "bob@acme.example");
    let bob = decode(text(&sso.tokens_of(&sso.fresh().await).await, "id_token")).1;
    assert_ne!(bob["sub"], first["sub"]);
    sso.person("idp|ada", "bob@acme.example");
    sso.idp.person(|p| {
        p["name"] = "Countess Lovelace".into();
        p["groups"] = json!(["sre", "nobility"]);
    });
    let second = decode(text(&sso.tokens_of(&sso.fresh().await).await, "id_token")).1;
    assert_eq!((&second["sub"], text(&second, "email")), (&first["sub"], "ada@acme.example"));
    assert_eq!(text(&second, "name"), "Countess Lovelace");
    assert_eq!(groups(&sso, &first["sub"]).await, Some(vec!["sre".to_owned(), "nobility".to_owned()]));
}

/// What the provider said at the last sign-in, wherever they are told; what it no longer says is told no more.
async fn groups_are_those_of_the_last_sign_in(backend: Backend) {
    let sso = Sso::new(backend).await;
    let url = sso.authorize_url("web", &[("scope", "openid groups offline_access")]);
    let come = async || sso.tokens_of(&sso.sso(&mut Browser::new(), &url).await).await;
    let told = async |tokens: &serde_json::Value| {
        let access = text(tokens, "access_token");
        assert_eq!(decode(access).1.get("groups"), None, "a person may be in more than a header can hold");
        let claims = [decode(text(tokens, "id_token")).1, sso.userinfo(access).await.json()];
        let [token, userinfo] = claims.map(|claims| claims["groups"].clone());
        assert_eq!(token, userinfo);
        token
    };
    let first = come().await;
    assert_eq!(told(&first).await, json!(["sre"]));
    let sub = decode(text(&first, "id_token")).1["sub"].clone();
    for (sent, expected) in [
        (json!(["nobility", "sre"]), json!(["nobility", "sre"])),
        (json!(["nobility"]), json!(["nobility"])),
        (json!([]), json!([])),
        (json!(["sre"]), json!(["sre"])),
        // Left out, also where there are too many to send: not known, and so not told.
        (json!(null), json!(null)),
    ] {
        sso.idp.person(|p| p["groups"] = sent.clone());
        assert_eq!(told(&come().await).await, expected, "{sent}");
    }
    assert_eq!(groups(&sso, &sub).await, None);
    sso.idp.person(|p| p["groups"] = json!(["nobility"]));
    come().await;
    // Whoever asks with tokens of before, and whoever refreshes them, learns the new ones.
    assert_eq!(
        told(&json!({"access_token": first["access_token"], "id_token": come().await["id_token"]})).await,
        json!(["nobility"])
    );
    let again = sso.refresh("web", text(&first, "refresh_token")).await.json();
    assert_eq!(told(&again).await, json!(["nobility"]));
    // They are no teams.
    let bearer = format!("Bearer {}", text(&again, "access_token"));
    let who = Browser::new().get_with(&format!("{}/api/v1/whoami", sso.url), &[("authorization", &bearer)]).await.json();
    assert_eq!((&who["teams"], &decode(text(&again, "id_token")).1["teams"]), (&json!([]), &json!([])));
}

async fn groups(sso: &Sso, user: &serde_json::Value) -> Option<Vec<String>> {
    use gatehouse::store::{connections, identities, tenants};
    let tenant = tenants::find_by_name(&sso.app.db, "acme").await.unwrap().unwrap();
    let connection = connections::find_by_name(&sso.app.db, &tenant.id, "okta").await.unwrap().unwrap();
    identities::groups(&sso.app.db, user.as_str().unwrap(), &connection.id).await.unwrap()
}

async fn the_page_sends_home_and_the_button_too(backend: Backend) {
    let sso = Sso::new(backend).await;
    let mut browser = Browser::new();
    let page = browser.get(&sso.authorize_url("web", &[("login_hint", "ada@acme.example")])).await;
    let page = browser.follow(page).await;
    assert!(page.body.contains("Sign in with Okta") && page.body.contains("value=\"ada@acme.example\""), "{}", page.body);
    let home = browser.post(&page.url, &[("csrf", &page.csrf()), ("email", " Ada@ACME.example ")]).await;
    assert_eq!((home.status, home.query("login_hint").as_deref()), (303, Some("ada@acme.example")));
    assert_eq!(home.header("cache-control"), Some("no-cache, no-store"));
    for (name, value) in [
        ("response_type", "code"),
        ("code_challenge_method", "S256"),
        ("scope", "openid email"),
        ("redirect_uri", &format!("{}/oauth2/callback", sso.url)),
    ] {
        assert_eq!(home.query(name).as_deref(), Some(value));
    }
    let button = browser.post(&page.url, &[("csrf", &page.csrf()), ("connection", "okta")]).await;
    assert_eq!(button.query("login_hint").as_deref(), Some("ada@acme.example"), "the client's hint");
    let values = ["state", "nonce", "code_challenge"].map(|n| (home.query(n).unwrap(), button.query(n).unwrap()));
    assert!(values.iter().all(|(a, b)| a != b && a.len() >= 43), "new for each departure: {values:?}");
    let away = browser.post(&page.url, &[("csrf", &page.csrf()), ("email", "ada@elsewhere.example")]).await;
    assert_eq!((away.status, away.location()), (200, None), "another domain goes on to the password");
    let unknown = browser.post(&page.url, &[("csrf", &page.csrf()), ("connection", "entra")]).await;
    assert_eq!(unknown.status, 400, "not offered");
    let forged = browser.post(&page.url, &[("csrf", "x"), ("connection", "okta")]).await;
    assert_eq!((forged.status, forged.location()), (403, None));
    let answer = browser.get(&sso.back(&home).await).await;
    assert!(answer.query("code").is_some(), "either departure finishes the login");
}

async fn the_client_names_the_connection(backend: Backend) {
    let sso = Sso::new(backend).await;
    let mut browser = Browser::new();
    let url = sso.authorize_url("web", &[("idp_hint", "okta"), ("login_hint", "ada@acme.example")]);
    let departure = browser.get(&url).await;
    assert_eq!((departure.status, departure.query("login_hint").as_deref()), (302, Some("ada@acme.example")));
    let answer = browser.get(&sso.back(&departure).await).await;
    assert!(answer.query("code").is_some());
    let unknown = Browser::new().get(&sso.authorize_url("web", &[("idp_hint", "evil")])).await;
    assert!(unknown.location().unwrap().starts_with("/login/"), "an unknown hint asks the person");
}

async fn one_way_in_is_taken_without_a_page(backend: Backend) {
    let sso = Sso::with(backend, "jit", "verified", "  password_login: false").await;
    let departure = Browser::new().get(&sso.authorize_url("web", &[])).await;
    assert!(departure.location().unwrap().starts_with(sso.idp.issuer()));
}

async fn two_tabs_finish_in_reverse_order(backend: Backend) {
    let sso = Sso::new(backend).await;
    let mut browser = Browser::new();
    let first = sso.depart(&mut browser, &sso.authorize_url("web", &[("state", "one"), ("nonce", "n1")])).await;
    let second = sso.depart(&mut browser, &sso.authorize_url("web", &[("state", "two"), ("nonce", "n2")])).await;
    let (first, second) = (sso.back(&first).await, sso.back(&second).await);
    for (back, state, nonce) in [(&second, "two", "n2"), (&first, "one", "n1")] {
        let answer = browser.get(back).await;
        assert_eq!(answer.query("state").as_deref(), Some(state), "{}", answer.body);
        assert_eq!(text(&decode(text(&sso.tokens_of(&answer).await, "id_token")).1, "nonce"), nonce);
    }
    let again = browser.get(&first).await;
    assert_eq!((again.status, again.location()), (400, None), "a callback is good once");
    // Both tabs of a browser that has just been opened ask before either has its answer.
    let (mut one, mut two) = (Browser::new(), Browser::new());
    let pages = (one.get(&sso.authorize_url("web", &[])).await, two.get(&sso.authorize_url("web", &[])).await);
    let mut both = Browser::new();
    for tab in [one, two] {
        both.cookies.entry("localhost".into()).or_default().extend(tab.cookies["localhost"].clone());
    }
    for page in [pages.0, pages.1] {
        let page = both.follow(page).await;
        assert_eq!(page.status, 200, "{}", page.body);
        let departure = both.post(&page.url, &[("csrf", &page.csrf()), ("connection", "okta")]).await;
        let back = sso.back(&departure).await;
        assert!(both.get(&back).await.query("code").is_some());
    }
}

async fn a_session_planted_before_is_worth_nothing(backend: Backend) {
    let sso = Sso::new(backend).await;
    // The attacker's own session, and one that never existed.
    let mut attacker = Browser::new();
    sso.sso(&mut attacker, &sso.authorize_url("web", &[])).await;
    for planted in [attacker.cookies["localhost"]["__Host-gatehouse"].clone(), "AAAAAAAAAAAAAAAAAAAAAA".to_owned()] {
        let mut victim = Browser::new();
        victim.cookies.entry("localhost".into()).or_default().insert("__Host-gatehouse".into(), planted.clone());
        sso.person("idp|victim", "victim@acme.example");
        let answer = sso.sso(&mut victim, &sso.authorize_url("web", &[("prompt", "login")])).await;
        assert!(answer.query("code").is_some(), "{}", answer.body);
        let own = victim.cookies["localhost"]["__Host-gatehouse"].clone();
        assert_ne!(own, planted);
        let mut holder = Browser::new();
        holder.cookies.entry("localhost".into()).or_default().insert("__Host-gatehouse".into(), planted);
        let account = holder.get(&format!("{}/account", sso.url)).await;
        assert!(!account.body.contains("victim@"), "{}", account.body);
        assert!(victim.get(&format!("{}/account", sso.url)).await.body.contains("victim@acme.example"));
    }
}

async fn proof_is_asked_for_again(backend: Backend) {
    let sso = Sso::new(backend).await;
    let mut browser = Browser::new();
    sso.sso(&mut browser, &sso.authorize_url("web", &[])).await;
    for (extra, name, value) in [
        (("prompt", "login"), "prompt", "login"),
        (("prompt", "select_account"), "prompt", "select_account"),
        (("max_age", "60"), "max_age", "60"),
        (("max_age", "0"), "max_age", "0"),
    ] {
        let departure = sso.depart(&mut browser, &sso.authorize_url("web", &[extra])).await;
        assert_eq!(departure.query(name).as_deref(), Some(value), "passed on: {extra:?}");
        let back = sso.back(&departure).await;
        sso.clock.advance(20);
        let answer = browser.get(&back).await;
        let claims = decode(text(&sso.tokens_of(&answer).await, "id_token")).1;
        assert!(claims["auth_time"].is_i64(), "{extra:?}");
    }
    let young = browser.get(&sso.authorize_url("web", &[("max_age", "3600")])).await;
    assert!(young.query("code").is_some(), "the session's proof is young enough");
    // A provider that ignores max_age is not believed.
    let departure = sso.depart(&mut browser, &sso.authorize_url("web", &[("max_age", "10"), ("prompt", "login")])).await;
    let old = START - 5000;
    sso.idp.turn(|k| k.claims = crate::idp::change(move |c: &mut serde_json::Value| c["auth_time"] = old.into()));
    let refused = browser.get(&sso.back(&departure).await).await;
    assert_eq!((refused.status, refused.location()), (400, None), "{}", refused.body);
}

async fn proof_may_be_older_than_the_consent(backend: Backend) {
    let more = "  - {client_id: foreign, secret: foreign-secret, redirect_uris: [\"https://foreign.example/cb\"]}";
    let sso = Sso::with(backend, "jit", "verified", more).await;
    let mut browser = Browser::new();
    let page = sso.sso(&mut browser, &sso.authorize_url("foreign", &[("max_age", "5")])).await;
    assert_eq!(page.status, 200, "the consent page: {:?}", page.location());
    let path = page.body.split("action=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    sso.clock.advance(60);
    let answer = browser.post(&format!("{}{path}", sso.url), &[("csrf", &page.csrf()), ("decision", "allow")]).await;
    assert!(answer.query("code").is_some(), "no circle: {:?} {}", answer.location(), answer.body);
}

async fn another_person_than_the_hint_names(backend: Backend) {
    let sso = Sso::with(backend, "jit", "verified", "  password_login: false").await;
    let mut browser = Browser::new();
    let answer = sso.sso(&mut browser, &sso.authorize_url("web", &[])).await;
    let hint = text(&sso.tokens_of(&answer).await, "id_token").to_owned();
    let url = sso.authorize_url("web", &[("id_token_hint", &hint)]);
    assert!(sso.sso(&mut Browser::new(), &url).await.query("code").is_some());
    sso.person("idp|bob", "bob@acme.example");
    let other = sso.sso(&mut Browser::new(), &url).await;
    assert_eq!(other.query("error").as_deref(), Some("login_required"), "{:?}", other.location());
}
