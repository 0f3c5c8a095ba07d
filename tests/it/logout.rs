//! RP-initiated logout: at once with an ID token of the person who is signed in, else after a question; back only to a
//! registered address.

use crate::{
    browser::Browser,
    on_both,
    world::{Backend, World, text},
};

on_both!(
    ends_the_session_and_its_tokens,
    asks_without_a_valid_hint,
    returns_only_to_registered_addresses,
    a_hint_of_somebody_else_is_a_question
);

const BYE: &str = "https://app.example/bye";

async fn signed_in(world: &World) -> (Browser, serde_json::Value) {
    let mut browser = Browser::new();
    let answer = world.sign_in(&mut browser, &world.authorize_url("web", &[]), "ada@acme.example", "correct horse").await;
    let tokens = world.redeem("web", &answer.query("code").unwrap()).await.json();
    (browser, tokens)
}

fn url(world: &World, pairs: &[(&str, &str)]) -> String {
    format!("{}/oauth2/logout?{}", world.url, url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish())
}

async fn is_signed_in(world: &World, browser: &mut Browser) -> bool {
    browser.get(&world.authorize_url("web", &[("prompt", "none")])).await.query("code").is_some()
}

async fn ends_the_session_and_its_tokens(backend: Backend) {
    let world = World::new(backend).await;
    let (mut browser, tokens) = signed_in(&world).await;
    world.clock.advance(86_400 * 2);
    let (mut browser2, tokens2) = signed_in(&world).await;
    let hint = text(&tokens2, "id_token");
    let answer = browser2.get(&url(&world, &[("id_token_hint", hint), ("post_logout_redirect_uri", BYE), ("state", "s")])).await;
    assert_eq!(answer.location(), Some("https://app.example/bye?state=s"));
    assert!(!is_signed_in(&world, &mut browser2).await);
    assert_eq!(world.userinfo(text(&tokens2, "access_token")).await.status, 401);
    assert_eq!(world.refresh("web", text(&tokens2, "refresh_token")).await.status, 400);
    // An expired hint is still a hint; the session it would end has expired as well.
    let answer =
        browser.get(&url(&world, &[("id_token_hint", text(&tokens, "id_token")), ("post_logout_redirect_uri", BYE)])).await;
    assert_eq!(answer.location(), Some(BYE));
    assert_eq!(world.refresh("web", text(&tokens, "refresh_token")).await.status, 200, "another session's tokens live");
}

async fn asks_without_a_valid_hint(backend: Backend) {
    let world = World::new(backend).await;
    let (mut browser, tokens) = signed_in(&world).await;
    let hint = text(&tokens, "id_token").to_owned();
    let changed = format!("{}x", &hint[..hint.len() - 1]);
    for pairs in [
        vec![],
        vec![("id_token_hint", "junk")],
        vec![("id_token_hint", changed.as_str())],
        vec![("id_token_hint", text(&tokens, "access_token"))],
    ] {
        let page = browser.get(&url(&world, &pairs)).await;
        assert_eq!((page.status, page.location()), (200, None), "{pairs:?}");
        assert!(page.body.contains("ada@acme.example"));
        assert!(is_signed_in(&world, &mut browser).await, "a question ends nothing");
    }
    let page = browser.get(&url(&world, &[("client_id", "web"), ("post_logout_redirect_uri", BYE)])).await;
    let confirm = format!("{}/oauth2/logout/confirm", world.url);
    assert_eq!(browser.post(&confirm, &[("csrf", "forged")]).await.status, 403);
    let answer = browser.post(&confirm, &[("csrf", &page.csrf()), ("client_id", "web"), ("post_logout_redirect_uri", BYE)]).await;
    assert_eq!((answer.status, answer.location()), (303, Some(BYE)));
    assert!(!is_signed_in(&world, &mut browser).await);
}

async fn returns_only_to_registered_addresses(backend: Backend) {
    let world = World::new(backend).await;
    let (mut browser, tokens) = signed_in(&world).await;
    let hint = text(&tokens, "id_token");
    for evil in ["https://evil.example/", "https://app.example/bye?x=1", "https://app.example/bye/", "https://app.example/cb"] {
        let answer = browser.get(&url(&world, &[("id_token_hint", hint), ("post_logout_redirect_uri", evil)])).await;
        assert_eq!((answer.status, answer.location()), (400, None), "{evil}");
        assert!(is_signed_in(&world, &mut browser).await, "{evil}: nothing happened");
    }
    let mixed =
        browser.get(&url(&world, &[("id_token_hint", hint), ("client_id", "foreign"), ("post_logout_redirect_uri", BYE)])).await;
    assert_eq!(mixed.status, 400);
    let nobody = browser.get(&url(&world, &[("post_logout_redirect_uri", BYE)])).await;
    assert_eq!(nobody.status, 400, "nobody says whose address it is");
}

async fn a_hint_of_somebody_else_is_a_question(backend: Backend) {
    let world = World::new(backend).await;
    let (mut browser, tokens) = signed_in(&world).await;
    let hint = text(&tokens, "id_token").to_owned();
    // Another person signs in in the same browser.
    world.apply("tenants:\n- name: other\n  clients:\n  - {client_id: other-web, secret: other-secret, redirect_uris: ['https://other.example/cb'], trusted: true}\n  users:\n  - {email: bob@other.example, password: battery staple}\n").await;
    let other = world.sign_in(&mut browser, &world.authorize_url("other-web", &[]), "bob@other.example", "battery staple").await;
    assert!(other.query("code").is_some());
    let page = browser.get(&url(&world, &[("id_token_hint", &hint), ("post_logout_redirect_uri", BYE), ("state", "s")])).await;
    assert_eq!((page.status, page.location()), (200, None));
    let client = page.field("client_id").expect("the hint's client");
    let form = [("csrf", page.csrf()), ("client_id", client), ("post_logout_redirect_uri", BYE.into()), ("state", "s".into())];
    let form = form.each_ref().map(|(n, v): &(&str, String)| (*n, v.as_str()));
    let answer = browser.post(&format!("{}/oauth2/logout/confirm", world.url), &form).await;
    assert_eq!(answer.location(), Some("https://app.example/bye?state=s"));
}
