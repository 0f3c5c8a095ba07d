//! The same over SAML: the answer goes round once as any does, and an assertion is used up by a test too.

use super::{PASSWORD, begin, everything, signed_in, told};
use crate::{
    browser::Browser,
    on_both,
    saml::{
        provider::{Provider, encoded},
        request::AuthnRequest,
        sso_saml::{SamlSso, assert_refused, assert_signed_in, post, state},
    },
    world::Backend,
};

on_both!(an_assertion_is_judged_and_shown, an_assertion_is_good_for_one_of_the_two);

async fn bench(backend: Backend) -> (SamlSso, Browser) {
    let people = format!("  users:\n  - {{email: root@acme.example, name: Root, password: \"{PASSWORD}\", admin: true}}\n");
    let sso = SamlSso::made(backend, Provider::new("idp"), |idp| {
        state(idp, "", &people).replace("password_login: false", "password_login: true")
    })
    .await;
    let root = signed_in(&sso, "acme", "root@acme.example").await;
    (sso, root)
}

async fn an_assertion_is_judged_and_shown(backend: Backend) {
    let (sso, mut root) = bench(backend).await;
    // Our keys towards SAML providers are made when they are first needed.
    sso.certificate("signing").await;
    let before = everything(&sso, backend).await;
    let request = AuthnRequest::of(&begin(&sso, &mut root, "corp").await);
    let xml = sso.idp.answer(&request, sso.clock.now()).build();
    // Without cookies it goes round, as any answer does; in another browser that is the end of it.
    let stray = post(&mut Browser::new(), &request.acs, request.relay_state.as_deref(), &encoded(&xml)).await;
    assert_eq!(stray.status, 400, "{}", stray.body);
    let answer = sso.deliver(&mut root, &request, &xml).await;
    assert_eq!((answer.status, answer.location()), (303, Some("/admin/acme/connections/corp/test")), "{}", answer.body);
    assert_eq!(everything(&sso, backend).await, before, "nothing comes of it");
    let told = told(&sso, "corp").await.unwrap();
    assert!(told.trial.passed, "{:?}", told.report);
    let names: Vec<&str> = told.report.documents[0].claims.iter().map(|claim| claim.name.as_str()).collect();
    assert_eq!((told.report.documents[0].name.as_str(), names[0]), ("assertion", "NameID"), "{names:?}");
    let page = root.get(&format!("{}/admin/acme/connections/corp/test", sso.url)).await;
    assert!(page.body.contains("What the provider sent: assertion"), "{}", page.body);

    // An answer that is not the provider's tells so.
    let request = AuthnRequest::of(&begin(&sso, &mut root, "corp").await);
    let xml = sso.idp.answer(&request, sso.clock.now()).build().replace("ada", "eve");
    sso.deliver(&mut root, &request, &xml).await;
    let failed = super::told(&sso, "corp").await.unwrap();
    assert!(!failed.trial.passed && failed.report.documents.is_empty(), "{:?}", failed.report);
}

async fn an_assertion_is_good_for_one_of_the_two(backend: Backend) {
    let (sso, mut root) = bench(backend).await;
    // Both requests have the same answer: a provider that repeats its assertions, or somebody who has seen one.
    let request = AuthnRequest::of(&begin(&sso, &mut root, "corp").await);
    let message = sso.idp.answer(&request, sso.clock.now());
    let xml = message.build();
    sso.deliver(&mut root, &request, &xml).await;
    assert!(told(&sso, "corp").await.unwrap().trial.passed);
    // The same assertion, answering another request.
    let again = AuthnRequest::of(&begin(&sso, &mut root, "corp").await);
    let mut other = sso.idp.answer(&again, sso.clock.now());
    other.assertion_id.clone_from(&message.assertion_id);
    let replay = other.build();
    sso.deliver(&mut root, &again, &replay).await;
    let replayed = told(&sso, "corp").await.unwrap();
    assert!(
        !replayed.trial.passed && replayed.report.verdict.cause.as_deref() == Some("replayed"),
        "{:?}",
        replayed.report.verdict
    );
    let mut browser = Browser::new();
    let id = message.assertion_id;
    assert_refused("in a sign-in", &sso.sign_in(&mut browser, |message| message.assertion_id = id).await);
    assert_signed_in("the honest twin", &sso.sign_in(&mut browser, |_| {}).await);
}
