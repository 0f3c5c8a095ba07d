//! What can go wrong between the provider and us: each failure is a page with a short code, and the log names the cause
//! under the same code. Nothing that another browser does, or a hostile provider says, gets further.

use crate::{
    browser::{Answer, Browser},
    idp::{Broken, Idp, change},
    on_both,
    sso::{Log, Sso},
    world::Backend,
};

on_both!(
    only_the_browser_that_left_may_return,
    states_are_checked,
    the_provider_says_no,
    the_provider_has_a_problem,
    the_provider_fails,
    the_answer_is_not_trusted
);

/// A failure page: nothing of the provider's, a code that the log knows, and the cause there.
fn page(log: &Log, answer: &Answer, status: u16, cause: &str) {
    assert_eq!((answer.status, answer.location()), (status, None), "{cause}: {}", answer.body);
    assert_eq!(answer.header("cache-control"), Some("no-store"), "{cause}");
    let text = log.text();
    let reference = answer.reference();
    let event = text.lines().find(|line| line.contains(reference)).unwrap_or_else(|| panic!("{reference} is not in the log"));
    assert!(event.contains(cause), "{cause} in {event}");
    assert!(!answer.body.contains(cause), "the cause is the log's alone: {}", answer.body);
}

async fn departure(sso: &Sso, browser: &mut Browser) -> Answer {
    sso.depart(browser, &sso.authorize_url("web", &[])).await
}

async fn only_the_browser_that_left_may_return(backend: Backend) {
    let sso = Sso::new(backend).await;
    let log = Log::capture();
    let (mut victim, mut attacker) = (Browser::new(), Browser::new());
    let (own, foreign) = (departure(&sso, &mut victim).await, departure(&sso, &mut attacker).await);
    let back = sso.back(&own).await;
    for thief in [&mut Browser::new(), &mut attacker] {
        page(&log, &thief.get(&back).await, 400, "no pending login of this browser");
        assert!(!thief.cookies["localhost"].contains_key("__Host-gatehouse"), "nobody is signed in");
    }
    // The other way round: the attacker's answer in the victim's browser (login CSRF).
    let planted = sso.back(&foreign).await;
    page(&log, &victim.get(&planted).await, 400, "no pending login of this browser");
    assert!(victim.get(&back).await.query("code").is_some(), "no attempt has burnt it");
    assert!(attacker.get(&planted).await.query("code").is_some());
    page(&log, &victim.get(&back).await, 400, "no pending login of this browser");
}

async fn states_are_checked(backend: Backend) {
    let sso = Sso::new(backend).await;
    let log = Log::capture();
    let mut browser = Browser::new();
    let back = sso.back(&departure(&sso, &mut browser).await).await;
    let callback = format!("{}/oauth2/callback", sso.url);
    for (query, cause) in [
        ("", "state is missing"),
        ("code=x", "state is missing"),
        ("code=x&state=", "state is missing"),
        ("code=x&state=unknown", "no pending login"),
        ("code=x&state=a&state=b", "a parameter is repeated"),
    ] {
        page(&log, &browser.get(&format!("{callback}?{query}")).await, 400, cause);
    }
    let state = |url: &str| url::Url::parse(url).unwrap().query_pairs().find(|(n, _)| n == "state").unwrap().1.into_owned();
    let first = state(&back);
    let mut other = url::Url::parse(&sso.back(&departure(&sso, &mut browser).await).await).unwrap();
    let pairs: Vec<_> =
        other.query_pairs().into_owned().map(|(n, v)| if n == "state" { (n, first.clone()) } else { (n, v) }).collect();
    other.query_pairs_mut().clear().extend_pairs(pairs);
    page(&log, &browser.get(other.as_str()).await, 403, "invalid_grant");
    sso.clock.advance(901);
    let late = departure(&sso, &mut browser).await;
    let late = sso.back(&late).await;
    sso.clock.advance(901);
    page(&log, &browser.get(&late).await, 400, "no pending login");
}

async fn the_provider_says_no(backend: Backend) {
    let sso = Sso::new(backend).await;
    let log = Log::capture();
    let mut browser = Browser::new();
    let away = departure(&sso, &mut browser).await;
    let hostile = "<script>alert(1)</script>\u{202e}\r\nsigned in as root";
    sso.idp.turn(|k| {
        k.redirect = change(move |answer: &mut std::collections::BTreeMap<String, String>| {
            answer.remove("code");
            answer.insert("error".into(), "access_denied".into());
            answer.insert("error_description".into(), hostile.into());
        });
    });
    let answer = browser.get(&sso.back(&away).await).await;
    page(&log, &answer, 403, "access_denied");
    assert!(
        !answer.body.contains("alert(1)") && !answer.body.contains('\u{202e}') && !answer.body.contains("root"),
        "{}",
        answer.body
    );
    assert!(!log.text().contains("\nsigned in as root"), "no log line of the provider's making");
    // The way on leads to the same login, which can still be finished.
    sso.idp.turn(|k| k.redirect = None);
    let again = answer.body.split("href=\"").find_map(|part| part.strip_prefix("/login/")).unwrap();
    let again = format!("{}/login/{}", sso.url, again.split('"').next().unwrap());
    let signed_in = sso.sso(&mut browser, &again).await;
    assert!(signed_in.query("code").is_some(), "{}", signed_in.body);
}

/// An outage is no refusal: whoever is told that they may not come in asks the wrong people.
async fn the_provider_has_a_problem(backend: Backend) {
    let sso = Sso::new(backend).await;
    let log = Log::capture();
    for error in ["temporarily_unavailable", "server_error"] {
        let mut browser = Browser::new();
        let away = departure(&sso, &mut browser).await;
        sso.idp.turn(|k| {
            k.redirect = change(move |answer: &mut std::collections::BTreeMap<String, String>| {
                answer.remove("code");
                answer.insert("error".into(), error.into());
            });
        });
        let answer = browser.get(&sso.back(&away).await).await;
        page(&log, &answer, 502, error);
        assert!(answer.body.contains("has a problem") && answer.body.contains("try again in a minute"), "{}", answer.body);
        assert!(!answer.body.contains("said no"), "{}", answer.body);
    }
}

async fn the_provider_fails(backend: Backend) {
    let sso = Sso::new(backend).await;
    let log = Log::capture();
    let mut browser = Browser::new();
    let first = browser.get(&sso.authorize_url("web", &[])).await;
    let first = browser.follow(first).await;
    sso.idp.turn(|k| k.broken = [("/.well-known/openid-configuration", Broken::Status(503))].into());
    let press = async |browser: &mut Browser| browser.post(&first.url, &[("csrf", &first.csrf()), ("connection", "okta")]).await;
    let down = press(&mut browser).await;
    page(&log, &down, 502, "503");
    sso.idp.turn(|k| k.broken.clear());
    sso.clock.advance(5);
    for (path, broken, status, cause) in [
        ("/token", Broken::Status(500), 502, "status 500"),
        ("/token", Broken::Html, 502, "not a JSON object"),
        ("/token", Broken::Huge, 502, "more than"),
        ("/token", Broken::RedirectsAway, 502, "redirects"),
        ("/jwks", Broken::Status(500), 502, "500"),
    ] {
        let back = sso.back(&press(&mut browser).await).await;
        sso.idp.turn(|k| k.broken = [(path, broken)].into());
        let answer = browser.get(&back).await;
        page(&log, &answer, status, cause);
        assert!(answer.body.contains("Try again"), "{cause}");
        sso.idp.turn(|k| k.broken.clear());
        sso.clock.advance(61);
    }
    assert!(!log.text().contains("secret-of-the-page"));
    let back = sso.back(&press(&mut browser).await).await;
    assert!(browser.get(&back).await.query("code").is_some(), "and it works again");
    let first = browser.get(&sso.authorize_url("web", &[("prompt", "login")])).await;
    let first = browser.follow(first).await;
    sso.world.sql("UPDATE connections SET secret_sealed = 'broken', version = version + 1").await;
    let answer = browser.post(&first.url, &[("csrf", &first.csrf()), ("connection", "okta")]).await;
    page(&log, &answer, 502, "client secret");
}

async fn the_answer_is_not_trusted(backend: Backend) {
    let sso = Sso::new(backend).await;
    let log = Log::capture();
    let mut browser = Browser::new();
    type Fault = fn(&Idp);
    let faults: [(&str, Fault); 4] = [
        ("mix-up", |idp| {
            idp.turn(|k| {
                k.redirect = change(|a: &mut std::collections::BTreeMap<String, String>| {
                    drop(a.insert("iss".into(), "https://evil.example".into()))
                })
            });
        }),
        ("nonce", |idp| idp.turn(|k| k.claims = change(|c: &mut serde_json::Value| c["nonce"] = "other".into()))),
        ("aud", |idp| idp.turn(|k| k.claims = change(|c: &mut serde_json::Value| c["aud"] = "another".into()))),
        ("sub is not", |idp| idp.turn(|k| k.claims = change(|c: &mut serde_json::Value| c["sub"] = "x".repeat(600).into()))),
    ];
    for (cause, fault) in faults {
        let away = departure(&sso, &mut browser).await;
        fault(&sso.idp);
        page(&log, &browser.get(&sso.back(&away).await).await, 400, cause);
        sso.idp.turn(|k| *k = crate::idp::Knobs::default());
    }
    let signed_in = browser.get(&format!("{}/account", sso.url)).await;
    assert_eq!(signed_in.status, 403, "nobody is signed in");
}
