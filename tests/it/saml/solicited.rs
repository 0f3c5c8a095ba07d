//! Answers to another question, to nobody's question, or brought by somebody else's browser (S15, S18, S19).

use super::{
    provider::{EVERYWHERE, Message, Signs},
    sso_saml::{SamlSso, assert_refused, assert_signed_in, state},
};
use crate::{
    browser::{Answer, Browser},
    sso::Log,
    world::Backend,
};

/// The opt-in to sign-ins that begin at the provider.
const INITIATED: &str = "idp_initiated: true, idp_initiated_client: web, idp_initiated_url: \"https://app.example/home\"";

#[tokio::test]
async fn an_answer_to_another_question_is_refused() {
    let world = SamlSso::new(Backend::Sqlite).await;
    let cases: [(&str, fn(&mut Message)); 6] = [
        ("to none", |m| (m.in_response_to, m.subject_in_response_to) = (None, None)),
        ("the confirmation to none", |m| m.subject_in_response_to = None),
        ("to a foreign one", |m| {
            m.in_response_to = Some("_foreign".into());
            m.subject_in_response_to = m.in_response_to.clone();
        }),
        ("the response to a foreign one", |m| m.in_response_to = Some("_foreign".into())),
        ("the confirmation to a foreign one", |m| m.subject_in_response_to = Some("_foreign".into())),
        ("to an empty one", |m| {
            m.in_response_to = Some(String::new());
            m.subject_in_response_to = Some(String::new());
        }),
    ];
    for (name, bend) in cases {
        for signs in EVERYWHERE {
            let forge = |message: &mut Message| {
                message.signs = signs;
                bend(message);
                message.build()
            };
            world.refuses(signs, name, "InResponseTo", forge).await;
        }
    }
}

#[tokio::test]
async fn an_answer_is_the_browsers_that_asked() {
    let world = SamlSso::new(Backend::Sqlite).await;
    let url = world.authorize_url("web", &[]);
    let (mut ada, mut eve) = (Browser::new(), Browser::new());
    let (adas, eves) = (world.depart(&mut ada, &url).await, world.depart(&mut eve, &url).await);
    let honest = world.idp.answer(&eves, world.clock.now()).build();
    // Login CSRF: Eve's own answer in Ada's browser, by Eve's or by Ada's RelayState, or by none.
    assert_refused("by Eve's", &world.deliver(&mut ada, &eves, &honest).await);
    assert_refused("by Ada's", &world.deliver(&mut ada, &adas, &honest).await);
    let mut again = Browser::new();
    assert_refused("by none", &world.deliver(&mut again, &eves, &honest).await);
    let answer = world.deliver(&mut eve, &eves, &honest).await;
    assert_signed_in("Eve, in her own browser", &answer);
    assert_refused("a second time", &world.deliver(&mut eve, &eves, &honest).await);
    // Ada's departure was used up by the attempt, and she begins anew; two tabs do not disturb each other.
    let (first, second) = (world.depart(&mut ada, &url).await, world.depart(&mut ada, &url).await);
    for request in [second, first] {
        let honest = world.idp.answer(&request, world.clock.now()).build();
        assert_signed_in("two tabs", &world.deliver(&mut ada, &request, &honest).await);
    }
}

/// The first post, from the provider's site, brings no cookies; a mark of the second one that somebody else sets, or a
/// second one without cookies, must give nothing.
#[tokio::test]
async fn the_second_post_brings_the_cookies_or_nothing() {
    let world = SamlSso::new(Backend::Sqlite).await;
    let mut browser = Browser::new();
    let request = world.depart(&mut browser, &world.authorize_url("web", &[])).await;
    let response = super::provider::encoded(&world.idp.answer(&request, world.clock.now()).build());
    let state = request.relay_state.clone().unwrap();
    let form = [("SAMLResponse", response.as_str()), ("RelayState", state.as_str())];
    let page = Browser::new().post(&request.acs, &form).await;
    assert_eq!(page.status, 200, "the form that posts itself: {}", page.body);
    assert!(page.cookie_lines().iter().all(|l| !l.starts_with("__Host-gatehouse=")), "nobody is signed in by it");
    let marks = super::sso_saml::hidden(&page.body);
    let marked: Vec<(&str, &str)> = marks.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    let mut stranger = Browser::new();
    let answer = stranger.post(&request.acs, &marked).await;
    assert_refused("without cookies", &answer);
    assert_signed_in("with cookies", &browser.post(&request.acs, &marked).await);
    assert_refused("once", &browser.post(&request.acs, &marked).await);
    let twice = [form[0], form[0], form[1]];
    assert_refused("a parameter twice", &browser.post(&request.acs, &twice).await);
    assert_refused("by GET", &browser.get(&format!("{}?SAMLResponse=x&RelayState={state}", request.acs)).await);
}

async fn unsolicited(
    world: &SamlSso,
    browser: &mut Browser,
    relay_state: Option<&str>,
    bend: impl FnOnce(&mut Message),
) -> Answer {
    let audience = format!("{}/saml/acme/corp/metadata", world.url);
    let acs = format!("{}/oauth2/callback", world.url);
    let mut message = world.idp.unsolicited(&audience, &acs, world.clock.now());
    bend(&mut message);
    world.post(browser, &acs, relay_state, &super::provider::encoded(&message.build())).await
}

async fn is_signed_in(world: &SamlSso, browser: &mut Browser) -> bool {
    browser.get(&world.authorize_url("web", &[("prompt", "none")])).await.query("code").is_some()
}

#[tokio::test]
async fn nobody_is_signed_in_unasked() {
    let world = SamlSso::new(Backend::Sqlite).await;
    for relay_state in [None, Some(""), Some("x"), Some("https://app.example/home")] {
        for signs in EVERYWHERE {
            let log = Log::capture();
            let mut browser = Browser::new();
            let answer = unsolicited(&world, &mut browser, relay_state, |m| m.signs = signs).await;
            assert_refused("unasked", &answer);
            assert!(log.text().contains("idp_initiated"), "the log names the switch: {}", log.text());
            assert!(!is_signed_in(&world, &mut browser).await);
        }
    }
    assert_signed_in("honest", &world.sign_in(&mut Browser::new(), |_| {}).await);
}

/// Where our requests can go, an answer that nobody asked for only makes us ask.
#[tokio::test]
async fn an_unasked_answer_makes_us_ask() {
    let world = SamlSso::with(Backend::Sqlite, INITIATED).await;
    let mut browser = Browser::new();
    let eves = |m: &mut Message| m.about("eve@acme.example");
    let answer = unsolicited(&world, &mut browser, Some("https://evil.example"), eves).await;
    assert!(!is_signed_in(&world, &mut browser).await, "the planted answer signs nobody in");
    let request = super::request::AuthnRequest::of(&answer);
    let honest = world.idp.answer(&request, world.clock.now()).build();
    let landed = world.deliver(&mut browser, &request, &honest).await;
    assert_eq!(landed.location(), Some("https://app.example/home"), "{} {}", landed.status, landed.body);
    assert!(is_signed_in(&world, &mut browser).await);
    let answer = unsolicited(&world, &mut Browser::new(), None, |m| m.in_response_to = Some("_dummy".into())).await;
    assert_refused("it answers a question that was not ours", &answer);
}

/// Where they cannot, it is judged in full and lands at the one page of the settings.
#[tokio::test]
async fn an_unasked_answer_is_judged_in_full() {
    let no_sso = |idp: &super::provider::Provider| {
        let state = state(idp, INITIATED, "");
        state.replace(&format!("sso_url: \"{}\", ", idp.sso_url), "")
    };
    let world = SamlSso::made(Backend::Sqlite, super::provider::Provider::new("idp"), no_sso).await;
    let evil_states =
        ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)", "<script>alert(1)</script>"];
    let long = "x".repeat(10_000);
    for relay_state in evil_states.into_iter().chain([long.as_str()]).map(Some).chain([None]) {
        let mut browser = Browser::new();
        let answer = unsolicited(&world, &mut browser, relay_state, |_| {}).await;
        assert_eq!(answer.location(), Some("https://app.example/home"), "{relay_state:?}: {} {}", answer.status, answer.body);
        assert!(is_signed_in(&world, &mut browser).await);
    }
    let faults: [(&str, fn(&mut Message)); 8] = [
        ("an answer", |m| m.in_response_to = Some("_x".into())),
        ("a confirmation of an answer", |m| m.subject_in_response_to = Some("_x".into())),
        ("unsigned", |m| m.signs = Signs::Nothing),
        ("another key", |m| m.signer = super::dsig::Signer::of(super::keys::key(1))),
        ("another recipient", |m| m.recipient = Some("https://other.example".into())),
        ("expired", |m| m.subject_not_on_or_after = Some(super::provider::moment(crate::world::START - 1000))),
        ("another issuer", |m| m.assertion_issuer = Some("https://evil.example".into())),
        ("another destination", |m| m.destination = Some("https://other.example".into())),
    ];
    for (name, fault) in faults {
        let mut browser = Browser::new();
        let answer = unsolicited(&world, &mut browser, None, fault).await;
        assert_refused(name, &answer);
        assert!(!is_signed_in(&world, &mut browser).await, "{name}");
    }
    for (off, on) in [
        ("UPDATE connections SET enabled = FALSE", "UPDATE connections SET enabled = TRUE"),
        ("UPDATE connections SET login_enabled = FALSE", "UPDATE connections SET login_enabled = TRUE"),
        ("UPDATE tenants SET enabled = FALSE", "UPDATE tenants SET enabled = TRUE"),
        ("UPDATE clients SET enabled = FALSE", "UPDATE clients SET enabled = TRUE"),
        ("UPDATE users SET active = FALSE", "UPDATE users SET active = TRUE"),
    ] {
        assert!(world.sql(off).await > 0, "{off}");
        let mut browser = Browser::new();
        assert_refused(off, &unsolicited(&world, &mut browser, None, |_| {}).await);
        world.sql(on).await;
        assert!(unsolicited(&world, &mut browser, None, |_| {}).await.location().is_some(), "{on}");
    }
}

/// RelayState only names a departure; whatever else it says is neither followed nor shown.
#[tokio::test]
async fn relay_state_is_never_an_address() {
    let world = SamlSso::new(Backend::Sqlite).await;
    let long = "x".repeat(10_000);
    for relay_state in [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "javascript:alert(1)",
        "\"><script>alert(1)</script>",
        &long,
        "a\r\nSet-Cookie: x=y",
    ] {
        let mut browser = Browser::new();
        let request = world.depart(&mut browser, &world.authorize_url("web", &[])).await;
        let response = super::provider::encoded(&world.idp.answer(&request, world.clock.now()).build());
        let answer = world.post(&mut browser, &request.acs, Some(relay_state), &response).await;
        assert_refused(relay_state, &answer);
        assert!(!answer.body.contains("evil.example") && !answer.body.contains("alert(1)"), "{}", answer.body);
        let bare = Browser::new()
            .post(&request.acs, &[("SAMLResponse", "\"><script>alert(1)</script>"), ("RelayState", relay_state)])
            .await;
        assert!(!bare.body.contains("alert(1)") && !bare.body.contains("evil.example"), "{}", bare.body);
        assert_signed_in(
            "with its own",
            &world
                .deliver(&mut browser, &request, &{
                    use base64::{Engine as _, engine::general_purpose::STANDARD};
                    String::from_utf8(STANDARD.decode(&response).unwrap()).unwrap()
                })
                .await,
        );
    }
}
