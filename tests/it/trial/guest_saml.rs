//! A guest's test sign-in over SAML: as an operator's, of the link's connection alone.

use super::{PASSWORD, everything, signed_in};
use crate::{
    browser::{Answer, Browser},
    on_both,
    saml::{
        provider::{Provider, encoded},
        request::AuthnRequest,
        sso_saml::{SamlSso, assert_refused, assert_signed_in, post, state},
    },
    setup_links::LINKS,
    world::Backend,
};

on_both!(a_guest_tests_over_saml,);

async fn bench(backend: Backend) -> SamlSso {
    let people = format!("  users:\n  - {{email: root@acme.example, name: Root, password: \"{PASSWORD}\", admin: true}}\n");
    SamlSso::made(backend, Provider::new("idp"), |idp| {
        state(idp, "", &people).replace("password_login: false", "password_login: true")
    })
    .await
}

/// Somebody who follows a link that an operator has made for the connection.
async fn guest(sso: &SamlSso) -> Browser {
    let mut root = signed_in(sso, "acme", "root@acme.example").await;
    let links = format!("{}{LINKS}", sso.url);
    let csrf = root.get(&links).await.csrf();
    let answer = root.post(&links, &[("csrf", &csrf), ("connection", "corp"), ("days", "7")]).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let (_, rest) = answer.body.split_once("<code class=\"copy\">").unwrap_or_else(|| panic!("no link: {}", answer.body));
    let mut guest = Browser::new();
    let entered = guest.get(rest.split_once('<').unwrap().0).await;
    assert_eq!((entered.status, entered.location()), (303, Some("/setup")), "{}", entered.body);
    guest
}

async fn begin(sso: &SamlSso, guest: &mut Browser) -> AuthnRequest {
    let page = format!("{}/setup/test", sso.url);
    let form = guest.get(&page).await;
    assert_eq!(form.status, 200, "{}", form.body);
    AuthnRequest::of(&guest.post(&page, &[("csrf", &form.csrf())]).await)
}

async fn told(sso: &SamlSso, guest: &mut Browser) -> Answer {
    guest.get(&format!("{}/setup/test", sso.url)).await
}

async fn a_guest_tests_over_saml(backend: Backend) {
    const TICK: &str = "<li class=\"done\"><strong>Done</strong> A test sign-in has passed, with the settings as they are</li>";
    let sso = bench(backend).await;
    // Our keys towards SAML providers are made when they are first needed.
    sso.certificate("signing").await;
    // A draft, as guests fill it in.
    sso.sql("UPDATE connections SET enabled = FALSE").await;
    let mut browser = guest(&sso).await;
    let users = sso.sql("UPDATE users SET updated_at = updated_at").await;
    let request = begin(&sso, &mut browser).await;
    let message = sso.idp.answer(&request, sso.clock.now());
    let xml = message.build();
    // In another browser that is the end of it.
    let stray = post(&mut Browser::new(), &request.acs, request.relay_state.as_deref(), &encoded(&xml)).await;
    assert_eq!(stray.status, 400, "{}", stray.body);
    let answer = sso.deliver(&mut browser, &request, &xml).await;
    assert!([302, 303].contains(&answer.status) && answer.location() == Some("/setup/test"), "{}", answer.body);
    let page = told(&sso, &mut browser).await;
    assert!(page.body.contains("What the provider sent: assertion") && page.body.contains("NameID"), "{}", page.body);
    assert!(browser.get(&format!("{}/setup", sso.url)).await.body.contains(TICK));
    assert_eq!(sso.sql("UPDATE users SET updated_at = updated_at").await, users, "nobody came to be");
    assert_eq!(browser.get(&format!("{}/account", sso.url)).await.status, 403, "and nobody is signed in");

    // The same assertion again is another's who has seen it, also in a test; and what is not the provider's passes nowhere.
    for forge in ["replayed", "altered"] {
        let request = begin(&sso, &mut browser).await;
        let mut other = sso.idp.answer(&request, sso.clock.now());
        if forge == "replayed" {
            other.assertion_id.clone_from(&message.assertion_id);
        }
        let mut xml = other.build();
        if forge == "altered" {
            xml = xml.replace("ada", "eve");
        }
        sso.deliver(&mut browser, &request, &xml).await;
        let page = told(&sso, &mut browser).await;
        assert!(!page.body.contains("eve@") && page.body.contains("class=\"verdict stopped\""), "{forge}: {}", page.body);
    }
    // A test uses an assertion up: it signs nobody in later, and a fresh one does.
    sso.sql("UPDATE connections SET enabled = TRUE, version = version + 1").await;
    let before = everything(&sso, backend).await;
    let id = message.assertion_id;
    assert_refused("in a sign-in", &sso.sign_in(&mut Browser::new(), |message| message.assertion_id = id).await);
    assert_eq!(everything(&sso, backend).await.get("users"), before.get("users"));
    assert_signed_in("the honest twin", &sso.sign_in(&mut Browser::new(), |_| {}).await);
}
