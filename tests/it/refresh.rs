//! Refresh tokens: one use each, one winner, a short grace for a lost answer, and the family's end at a replay.

use gatehouse::store::families::{GRACE, RACE};

use crate::{
    browser::Browser,
    on_both,
    world::{Backend, World, decode, text},
};

on_both!(
    rotate,
    replay_ends_the_family,
    a_lost_answer_may_be_asked_for_once,
    fifty_race_on_two_nodes,
    bound_to_client_and_scope,
    families_end,
    not_a_bearer_token
);

async fn rotate(backend: Backend) {
    let world = World::new(backend).await;
    let first = world.tokens("web").await;
    world.clock.advance(10);
    let second = world.refresh("web", text(&first, "refresh_token")).await;
    assert_eq!(second.status, 200, "{}", second.body);
    let second = second.json();
    assert_ne!(second["refresh_token"], first["refresh_token"]);
    let (_, before) = decode(text(&first, "access_token"));
    let (_, after) = decode(text(&second, "access_token"));
    assert_eq!((&before["sub"], &before["fam"], &before["auth_time"]), (&after["sub"], &after["fam"], &after["auth_time"]));
    assert_eq!(after["iat"].as_i64(), before["iat"].as_i64().map(|t| t + 10));
    assert_eq!(world.refresh("web", text(&second, "refresh_token")).await.status, 200);
}

async fn replay_ends_the_family(backend: Backend) {
    let world = World::new(backend).await;
    let first = world.tokens("web").await;
    let second = world.refresh("web", text(&first, "refresh_token")).await.json();
    let third = world.refresh("web", text(&second, "refresh_token")).await.json();
    assert_eq!(text(&world.refresh("web", text(&first, "refresh_token")).await.json(), "error"), "invalid_grant");
    assert_eq!(world.refresh("web", text(&third, "refresh_token")).await.status, 400, "the living one died with it");
    assert_eq!(world.userinfo(text(&third, "access_token")).await.status, 401);
    let other = world.second_node().await;
    assert_eq!(other.refresh("web", text(&third, "refresh_token")).await.status, 400, "on another node too");

    let first = world.tokens("web").await;
    let second = world.refresh("web", text(&first, "refresh_token")).await.json();
    world.clock.advance(GRACE + 1);
    assert_eq!(world.refresh("web", text(&first, "refresh_token")).await.status, 400, "after the grace");
    assert_eq!(world.refresh("web", text(&second, "refresh_token")).await.status, 400);
}

async fn a_lost_answer_may_be_asked_for_once(backend: Backend) {
    let world = World::new(backend).await;
    let first = world.tokens("web").await;
    let lost = world.refresh("web", text(&first, "refresh_token")).await.json();
    assert_eq!(world.refresh("web", text(&first, "refresh_token")).await.status, 400, "at once it is a race");
    world.clock.advance(RACE);
    let retried = world.refresh("web", text(&first, "refresh_token")).await;
    assert_eq!(retried.status, 200, "{}", retried.body);
    let retried = retried.json();
    assert_eq!(world.refresh("web", text(&retried, "refresh_token")).await.status, 200);
    assert_eq!(
        world.refresh("web", text(&lost, "refresh_token")).await.status,
        400,
        "whoever has the lost answer is not the client"
    );
    assert_eq!(world.userinfo(text(&retried, "access_token")).await.status, 401, "and the family ends");

    let first = world.tokens("web").await;
    world.refresh("web", text(&first, "refresh_token")).await;
    world.clock.advance(RACE);
    let retried = world.refresh("web", text(&first, "refresh_token")).await.json();
    world.clock.advance(RACE);
    assert_eq!(world.refresh("web", text(&first, "refresh_token")).await.status, 400, "a second retry is a replay");
    assert_eq!(world.refresh("web", text(&retried, "refresh_token")).await.status, 400);
}

async fn fifty_race_on_two_nodes(backend: Backend) {
    let world = World::new(backend).await;
    let other = world.second_node().await;
    let tokens = world.tokens("web").await;
    let urls = [format!("{}/oauth2/token", world.url), format!("{}/oauth2/token", other.url)];
    let attempts = (0..50).map(|i| {
        let (url, token) = (urls[i % 2].clone(), text(&tokens, "refresh_token").to_owned());
        tokio::spawn(async move {
            let form = [("grant_type", "refresh_token"), ("refresh_token", token.as_str())];
            Browser::new().post_as(&url, "web", Some("web-secret"), &form).await
        })
    });
    let answers = futures_util::future::join_all(attempts).await;
    let winners: Vec<_> = answers.into_iter().map(Result::unwrap).filter(|a| a.status == 200).collect();
    assert_eq!(winners.len(), 1);
    assert_eq!(world.refresh("web", text(&winners[0].json(), "refresh_token")).await.status, 200, "a race is no replay");
}

async fn bound_to_client_and_scope(backend: Backend) {
    let world = World::new(backend).await;
    let tokens = world.tokens("web").await;
    let token = text(&tokens, "refresh_token");
    for thief in ["foreign", "other-web", "api"] {
        assert_eq!(text(&world.refresh(thief, token).await.json(), "error"), "invalid_grant", "{thief}");
    }
    let wider =
        world.token("web", &[("grant_type", "refresh_token"), ("refresh_token", token), ("scope", "openid groups")]).await;
    assert_eq!(text(&wider.json(), "error"), "invalid_scope");
    let target = world
        .token("web", &[("grant_type", "refresh_token"), ("refresh_token", token), ("resource", "https://one.example")])
        .await;
    assert_eq!(text(&target.json(), "error"), "invalid_target");
    let narrow = world.token("web", &[("grant_type", "refresh_token"), ("refresh_token", token), ("scope", "openid")]).await;
    assert_eq!(text(&narrow.json(), "scope"), "openid");
    let next = narrow.json();
    let back = world.refresh("web", text(&next, "refresh_token")).await.json();
    assert_eq!(text(&back, "scope"), "openid email profile offline_access", "the grant itself is as wide as it was");
}

async fn families_end(backend: Backend) {
    let world = World::new(backend).await;
    let mut tokens = world.tokens("web").await;
    let (_, claims) = decode(text(&tokens, "refresh_token"));
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 604_800);
    for _ in 0..4 {
        world.clock.advance(600_000);
        let answer = world.refresh("web", text(&tokens, "refresh_token")).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        tokens = answer.json();
    }
    let (_, claims) = decode(text(&tokens, "refresh_token"));
    assert_eq!(
        claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(),
        30 * 86_400 - 2_400_000,
        "never beyond the family"
    );
    world.clock.advance(192_000 + 61);
    assert_eq!(world.refresh("web", text(&tokens, "refresh_token")).await.status, 400);
}

async fn not_a_bearer_token(backend: Backend) {
    let world = World::new(backend).await;
    let tokens = world.tokens("web").await;
    for name in ["refresh_token", "id_token"] {
        assert_eq!(world.userinfo(text(&tokens, name)).await.status, 401, "{name} at userinfo");
    }
    for name in ["access_token", "id_token"] {
        assert_eq!(world.refresh("web", text(&tokens, name)).await.status, 400, "{name} as a refresh token");
    }
}
