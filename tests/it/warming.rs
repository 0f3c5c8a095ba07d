//! Keys of new issuers are fetched before anybody asks, of each tenant apart.

use futures_util::FutureExt as _;
use serde_json::json;
use tokio::net::TcpListener;

use crate::{on_both, trusted::Trusted, world::Backend};

on_both!(keys_are_fetched_before_anybody_asks, issuers_that_hang_keep_no_other_tenants_keys);

/// In the background, of whoever is trusted and switched on: no request waits for it.
async fn keys_are_fetched_before_anybody_asks(backend: Backend) {
    let world = Trusted::new(backend).await;
    let (app, now) = (&world.app, world.clock.now());
    world.trust("other", "off", |settings| settings.jwks_uri = Some(format!("{}/jwks?off", world.idp.issuer()))).await;
    world.sql("UPDATE trusted_issuers SET enabled = FALSE WHERE name = 'off'").await;
    assert!(world.idp.seen("/jwks").is_empty(), "nothing was asked yet");
    app.trust.look().await.unwrap();
    app.trust.warm(now).await;
    assert_eq!(world.idp.seen("/jwks").len(), 1);
    app.trust.warm(now).await;
    let token = world.token(json!({}));
    world.get("/api/v1/whoami?tenant=acme", &token).await;
    assert_eq!(world.idp.seen("/jwks").len(), 1, "and the token found them there");
}

/// One tenant's issuers accept and never answer, and there are many: of theirs only so many are asked at a time, whatever the
/// rounds, and another tenant's new issuer does not wait for them.
async fn issuers_that_hang_keep_no_other_tenants_keys(backend: Backend) {
    let world = Trusted::new(backend).await;
    let (app, now) = (&world.app, world.clock.now());
    app.trust.look().await.unwrap();
    app.trust.warm(now).await;
    world.get("/api/v1/whoami?tenant=acme", &world.token(json!({}))).await;
    assert_eq!(world.idp.seen("/jwks").len(), 1);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = format!("http://{}", listener.local_addr().unwrap());
    for n in 0..30 {
        world.trust("other", &format!("silent-{n}"), |settings| settings.jwks_uri = Some(format!("{silent}/{n}"))).await;
    }
    app.trust.look().await.unwrap();
    let trust = app.trust.clone();
    let hanging = tokio::spawn(async move { trust.warm(now).await });
    // All that one tenant may have under way.
    let mut connections = Vec::new();
    for _ in 0..8 {
        connections.push(listener.accept().await.unwrap());
    }
    world.trust("acme", "new", |settings| settings.jwks_uri = Some(format!("{}/jwks?new", world.idp.issuer()))).await;
    app.trust.look().await.unwrap();
    app.trust.warm(now).await;
    assert_eq!(world.idp.seen("/jwks").len(), 2, "the next round does not wait for the one before");
    assert!(listener.accept().now_or_never().is_none(), "and asks no more of them");
    // Nor does a set that is due.
    world.clock.advance(24 * 3600 - 60);
    app.key_sets.refresh_due(world.clock.now()).await;
    assert_eq!(world.idp.seen("/jwks").len(), 3);
    assert!(!hanging.is_finished(), "they still hang");
    // The honest twin: when they do not any more, that tenant has its turn again.
    drop((connections, listener));
    hanging.await.unwrap();
    world.trust("other", "late", |settings| settings.jwks_uri = Some(format!("{}/jwks?late", world.idp.issuer()))).await;
    app.trust.look().await.unwrap();
    app.trust.warm(world.clock.now()).await;
    assert_eq!(world.idp.seen("/jwks").len(), 4);
}
