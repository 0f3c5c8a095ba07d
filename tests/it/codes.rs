//! Codes: bound to client, redirect URI and verifier; one redemption; a second one ends what the first one gave.

use gatehouse::secret;

use crate::{
    browser::Browser,
    on_both,
    world::{Backend, World, redirect_uri, text},
};

on_both!(redeem_once, bound_to_the_client, bound_to_the_redirect_uri, bound_to_the_verifier, expire, fifty_race_on_two_nodes);

async fn redeem_once(backend: Backend) {
    let world = World::new(backend).await;
    let code = world.code("web", &[]).await;
    let first = world.redeem("web", &code).await;
    assert_eq!(first.status, 200, "{}", first.body);
    assert_eq!(first.header("cache-control"), Some("no-store"));
    let tokens = first.json();
    assert_eq!(world.userinfo(text(&tokens, "access_token")).await.status, 200);

    let second = world.redeem("web", &code).await;
    assert_eq!((second.status, text(&second.json(), "error")), (400, "invalid_grant"));
    assert_eq!(world.userinfo(text(&tokens, "access_token")).await.status, 401, "the first one's tokens are dead");
    assert_eq!(world.refresh("web", text(&tokens, "refresh_token")).await.status, 400);
    assert_eq!(world.redeem("web", "no-such-code").await.status, 400);
}

async fn bound_to_the_client(backend: Backend) {
    let world = World::new(backend).await;
    let redirect = redirect_uri("web");
    for thief in ["foreign", "other-web", "spa"] {
        let code = world.code("web", &[]).await;
        let form = [("grant_type", "authorization_code"), ("code", code.as_str()), ("redirect_uri", redirect.as_str())];
        let answer = world.token(thief, &form).await;
        assert_eq!(text(&answer.json(), "error"), "invalid_grant", "{thief}");
        assert_eq!(world.token("web", &form).await.status, 400, "burnt by {thief}");
    }
    let code = world.code("web", &[]).await;
    let form = [("grant_type", "authorization_code"), ("code", code.as_str()), ("redirect_uri", redirect.as_str())];
    assert_eq!(world.token("web", &form).await.status, 200, "its own client");
}

async fn bound_to_the_redirect_uri(backend: Backend) {
    let world = World::new(backend).await;
    for redirect in [Some("https://app.example/other"), Some("https://evil.example/cb"), None] {
        let code = world.code("web", &[]).await;
        let mut form = vec![("grant_type", "authorization_code"), ("code", code.as_str())];
        form.extend(redirect.map(|r| ("redirect_uri", r)));
        assert_eq!(text(&world.token("web", &form).await.json(), "error"), "invalid_grant", "{redirect:?}");
    }
    let code = world.code("web", &[("redirect_uri", "")]).await;
    let form = [("grant_type", "authorization_code"), ("code", code.as_str())];
    assert_eq!(world.token("web", &form).await.status, 200, "left out at both ends");
}

async fn bound_to_the_verifier(backend: Backend) {
    let world = World::new(backend).await;
    let verifier = secret::random();
    let challenge = secret::digest(&verifier);
    let pkce = [("code_challenge", challenge.as_str()), ("code_challenge_method", "S256")];
    for (client, wrong) in [
        ("spa", Some("x".repeat(43))),
        ("spa", None),
        ("web", Some(secret::random())),
        ("web", None),
        ("spa", Some(challenge.clone())),
    ] {
        let code = world.code(client, &pkce).await;
        let redirect = redirect_uri(client);
        let mut form = vec![("grant_type", "authorization_code"), ("code", code.as_str()), ("redirect_uri", redirect.as_str())];
        form.extend(wrong.as_deref().map(|v| ("code_verifier", v)));
        assert_eq!(text(&world.token(client, &form).await.json(), "error"), "invalid_grant", "{client} {wrong:?}");
    }
    let code = world.code("web", &[]).await;
    let redirect = redirect_uri("web");
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", redirect.as_str()),
        ("code_verifier", verifier.as_str()),
    ];
    assert_eq!(text(&world.token("web", &form).await.json(), "error"), "invalid_grant", "a verifier without a challenge");
    for client in ["spa", "web"] {
        let code = world.code(client, &pkce).await;
        let redirect = redirect_uri(client);
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code.as_str()),
            ("redirect_uri", redirect.as_str()),
            ("code_verifier", verifier.as_str()),
        ];
        assert_eq!(world.token(client, &form).await.status, 200, "{client}");
    }
}

async fn expire(backend: Backend) {
    let world = World::new(backend).await;
    let code = world.code("web", &[]).await;
    world.clock.advance(59);
    assert_eq!(world.redeem("web", &code).await.status, 200);
    let code = world.code("web", &[]).await;
    world.clock.advance(60);
    assert_eq!(world.redeem("web", &code).await.status, 400);
}

async fn fifty_race_on_two_nodes(backend: Backend) {
    let world = World::new(backend).await;
    let other = world.second_node().await;
    let code = world.code("web", &[]).await;
    let redirect = redirect_uri("web");
    let urls = [format!("{}/oauth2/token", world.url), format!("{}/oauth2/token", other.url)];
    let attempts = (0..50).map(|i| {
        let (url, code, redirect) = (urls[i % 2].clone(), code.clone(), redirect.clone());
        tokio::spawn(async move {
            let form = [("grant_type", "authorization_code"), ("code", code.as_str()), ("redirect_uri", redirect.as_str())];
            Browser::new().post_as(&url, "web", Some("web-secret"), &form).await
        })
    });
    let answers = futures_util::future::join_all(attempts).await;
    let winners: Vec<_> = answers.into_iter().map(Result::unwrap).filter(|a| a.status == 200).collect();
    assert_eq!(winners.len(), 1);
    let token = text(&winners[0].json(), "access_token").to_owned();
    assert_eq!(world.userinfo(&token).await.status, 401, "the losers' attempts ended what the winner got");
}
