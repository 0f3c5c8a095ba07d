//! Answers that arrive by `POST`: from another site they come without our cookies, so they go round once over a page of
//! ours; they finish the sign-in of the browser that began it and of no other.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use url::Url;

use crate::{
    browser::{Answer, Browser},
    on_both,
    sso::Sso,
    world::Backend,
};

on_both!(
    a_post_without_cookies_goes_round_once,
    the_page_hands_back_nothing_else,
    each_protocol_answers_in_its_own_way,
    large_answers_arrive_here_and_nowhere_else,
);

/// A departure to the OpenID provider: where it leads, its state and the callback's address.
async fn departed(sso: &Sso, browser: &mut Browser) -> (String, String) {
    let departure = sso.depart(browser, &sso.authorize_url("web", &[])).await;
    let state = departure.query("state").expect("a departure");
    (state, sso.back(&departure).await)
}

/// What the policy of a page lets its forms lead to.
fn form_action(page: &Answer) -> &str {
    let policy = page.header("content-security-policy").unwrap();
    policy.split(';').map(str::trim).find(|rule| rule.starts_with("form-action")).unwrap()
}

async fn a_post_without_cookies_goes_round_once(backend: Backend) {
    let sso = Sso::new(backend).await;
    let callback = format!("{}/oauth2/callback", sso.url);
    let mut browser = Browser::new();
    let (state, back) = departed(&sso, &mut browser).await;
    // Browsers with no cookie at all, and with a binding of their own: it is the departure that decides.
    let (mut none, mut other) = (Browser::new(), Browser::new());
    departed(&sso, &mut other).await;
    for foreign in [&mut none, &mut other] {
        let page = foreign.post(&callback, &[("SAMLResponse", "PHg+"), ("RelayState", &state)]).await;
        assert_eq!(page.status, 200, "{}", page.body);
        assert!(page.body.contains("action=\"/oauth2/callback\""), "to the same address: {}", page.body);
        assert_eq!(page.field("SAMLResponse").as_deref(), Some("PHg+"));
        assert_eq!(page.field("RelayState").as_deref(), Some(state.as_str()));
        assert!(page.cookie_lines().is_empty(), "no page of a stranger's post sets a cookie");
        let again = foreign.post(&callback, &[("SAMLResponse", "PHg+"), ("RelayState", &state), ("reposted", "1")]).await;
        assert_eq!(again.status, 400, "once: {}", again.body);
        assert!(again.body.contains("Please start again"), "{}", again.body);
    }
    let answer = browser.get(&back).await;
    assert!(answer.query("code").is_some(), "what strangers sent has not touched the departure: {}", answer.body);
}

async fn the_page_hands_back_nothing_else(backend: Backend) {
    let sso = Sso::new(backend).await;
    let callback = format!("{}/oauth2/callback", sso.url);
    let evil = "https://evil.example/\"><script>alert(1)</script>";
    let fields = [("SAMLResponse", "PHg+"), ("RelayState", evil), ("SigAlg", "x"), (evil, evil)];
    let page = Browser::new().post(&callback, &fields).await;
    assert_eq!(page.status, 200);
    assert!(
        !page.body.contains("evil.example") && !page.body.contains("alert") && !page.body.contains("SigAlg"),
        "{}",
        page.body
    );
    assert_eq!(page.body.matches("type=\"hidden\"").count(), 2, "the answer and the mark");
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("default-src 'none'") && policy.ends_with("script-src 'self'"), "{policy}");
    assert_eq!(form_action(&page), "form-action 'self' http: https:", "our own scheme and https");

    // A client's own scheme is admitted where a departure leads there: browsers hold redirects to it.
    let native = "tenants:\n- name: native\n  password_login: true\n  clients:\n  - {client_id: native, redirect_uris: \
                  [\"com.example.app:/cb\"], trusted: true}\n";
    sso.apply(&format!("{native}  connections:\n  - {{name: okta, oidc: {}}}\n", crate::sso::oidc(&sso.idp))).await;
    let url = sso.authorize_url(
        "native",
        &[
            ("redirect_uri", "com.example.app:/cb"),
            ("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"),
            ("code_challenge_method", "S256"),
        ],
    );
    let state = sso.depart(&mut Browser::new(), &url).await.query("state").unwrap();
    let page = Browser::new().post(&callback, &[("SAMLResponse", "PHg+"), ("RelayState", &state)]).await;
    assert_eq!(form_action(&page), "form-action 'self' com.example.app: http: https:");

    for bad in [
        &[("RelayState", "x")][..],
        &[("SAMLResponse", evil)],
        &[("SAMLResponse", "")],
        &[("SAMLResponse", "PHg+"), ("SAMLResponse", "PHg+")],
        &[("SAMLResponse", "PHg+"), ("RelayState", "a"), ("RelayState", "b")],
    ] {
        let answer = Browser::new().post(&callback, bad).await;
        assert_eq!(answer.status, 400, "{bad:?}: {}", answer.body);
        assert!(answer.body.contains("could not read the answer") && !answer.body.contains("alert"), "{}", answer.body);
    }
    let json = Browser::new().post_json(&callback, &[], &serde_json::json!({"SAMLResponse": "PHg+"})).await;
    assert_eq!(json.status, 400, "a page, not a line of text: {}", json.body);
    assert!(json.body.contains("could not read the answer"), "{}", json.body);
}

async fn each_protocol_answers_in_its_own_way(backend: Backend) {
    let sso = Sso::new(backend).await;
    let mut browser = Browser::new();
    let callback = format!("{}/oauth2/callback", sso.url);
    let (state, _) = departed(&sso, &mut browser).await;
    let answer = browser.post(&callback, &[("SAMLResponse", "PHg+"), ("RelayState", &state)]).await;
    assert_eq!(answer.status, 400, "an OpenID departure takes no SAML answer: {}", answer.body);
    let (_, back) = departed(&sso, &mut browser).await;
    let query: Vec<(String, String)> = Url::parse(&back).unwrap().query_pairs().into_owned().collect();
    let form: Vec<(&str, &str)> = query.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    let answer = browser.post(&callback, &form).await;
    assert_eq!(answer.status, 400, "nor an answer by form: {}", answer.body);
    assert!(browser.get(&back).await.query("code").is_some(), "by its own method it is taken");
}

async fn large_answers_arrive_here_and_nowhere_else(backend: Backend) {
    let sso = Sso::new(backend).await;
    let callback = format!("{}/oauth2/callback", sso.url);
    let large = STANDARD.encode(vec![b'x'; 256 * 1024]);
    let page = Browser::new().post(&callback, &[("SAMLResponse", &large)]).await;
    assert_eq!(page.status, 200, "{}", &page.body[..page.body.len().min(200)]);
    assert_eq!(page.field("SAMLResponse").as_deref(), Some(large.as_str()));
    assert!(page.body.len() < large.len() + 4096, "no larger than what came");
    assert_eq!(Browser::new().post(&callback, &[("SAMLResponse", &large.repeat(2))]).await.status, 413);
    assert_eq!(Browser::new().post(&format!("{}/oauth2/logout", sso.url), &[("x", &large)]).await.status, 413);
    assert_eq!(Browser::new().post(&format!("{}/oauth2/token", sso.url), &[("x", &large)]).await.status, 413);
}
