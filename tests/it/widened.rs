//! A sign-in that was not for the admin API is not widened to it afterwards, whatever the client's record lists.

use gatehouse::store;
use serde_json::{Value, json};

use crate::{
    browser::Answer,
    on_both,
    world::{Backend, World, decode, redirect_uri, text},
};

on_both!(nobody_is_given_the_admin_api_who_was_not_asked);

const STATE: &str = r#"
tenants:
- name: home
  clients:
  - {client_id: other-web, name: Dashboard, secret: other-secret, redirect_uris: ["https://other.example/cb"], trusted: true, admin_api: true}
  users:
  - {email: ada@acme.example, password: "correct horse", admin: true, active: true}
"#;

/// Redeems a code of the client for `resource`, or for what it was given for.
async fn redeem(world: &World, code: &str, resource: Option<&str>) -> Answer {
    let redirect = redirect_uri("other-web");
    let mut form = vec![("grant_type", "authorization_code"), ("code", code), ("redirect_uri", redirect.as_str())];
    form.extend(resource.map(|resource| ("resource", resource)));
    world.token("other-web", &form).await
}

async fn refresh(world: &World, tokens: &Value, resource: &str) -> Answer {
    let token = text(tokens, "refresh_token");
    world.token("other-web", &[("grant_type", "refresh_token"), ("refresh_token", token), ("resource", resource)]).await
}

async fn nobody_is_given_the_admin_api_who_was_not_asked(backend: Backend) {
    let world = World::with(backend, STATE, &[]).await;
    let api = world.admin_api();
    for of_record in [vec![api.clone()], vec!["https://dash.example/api".to_owned(), api.clone()]] {
        let mut client = store::clients::find(&world.app.db, "other-web").await.unwrap().unwrap();
        client.settings.resources = of_record.clone();
        assert!(store::clients::save(&world.app.db, &client, world.clock.now()).await.unwrap());
        let widened = redeem(&world, &world.code("other-web", &[]).await, Some(&api)).await;
        assert_eq!((widened.status, text(&widened.json(), "error")), (400, "invalid_target"), "{of_record:?}");
        let tokens = redeem(&world, &world.code("other-web", &[]).await, None).await.json();
        let audience = decode(text(&tokens, "access_token")).1["aud"].to_string();
        assert!(!audience.contains(&api), "by default: {audience}");
        let widened = refresh(&world, &tokens, &api).await;
        assert_eq!((widened.status, text(&widened.json(), "error")), (400, "invalid_target"), "{of_record:?}");
        // The honest twin: it was asked for.
        let tokens = redeem(&world, &world.code("other-web", &[("resource", &api)]).await, None).await.json();
        assert_eq!(decode(text(&tokens, "access_token")).1["aud"], json!(api));
        let tokens = refresh(&world, &tokens, &api).await.json();
        assert_eq!(decode(text(&tokens, "access_token")).1["aud"], json!(api));
    }
}
