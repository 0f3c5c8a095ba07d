//! What a directory's groups open: a role of a group counts at a site, in `whoami` and in a token's explanation as long as
//! the user is in the group, and no longer.

use gatehouse::{
    policy::directory::DirectorySettings,
    store::{
        self,
        directory_users::{self, DirectoryUser},
    },
};
use serde_json::{Value, json};

use super::{API, Guarded, bearer};
use crate::{
    browser::Browser,
    on_both,
    scim::{Pusher, at, pusher},
    world::Backend,
};

on_both!(a_group_opens_what_its_role_says, groups_and_hands_are_told_together);

/// A directory that gives editors of `gpt` by a group, and its record of Ada.
async fn directory(world: &Guarded) -> (Pusher, Value) {
    let rules = json!([{"group": "gpt-{role}", "resource": {"type": "model", "name": "gpt"}}]);
    let settings: DirectorySettings = serde_json::from_value(json!({"group_rules": rules})).unwrap();
    let directory = pusher(&world.world, "acme", "okta", settings, None).await;
    let resource = json!({"userName": "ada@acme.example", "externalId": "ext-ada"});
    let record = DirectoryUser {
        id: "record-ada".to_owned(),
        directory_id: directory.row.id.clone(),
        user_id: Some(world.user("ada@acme.example").await),
        made_user: false,
        active: true,
        resource: resource.as_object().unwrap().clone(),
        version: 1,
        created_at: 1,
        updated_at: 1,
    };
    let mut tx = world.app.db.begin().await.unwrap();
    assert!(directory_users::insert(&mut tx, &record).await.unwrap());
    tx.commit().await.unwrap();
    (directory, json!({"id": record.id}))
}

/// The status at the site, and the teams that `whoami` tells.
async fn seen(world: &Guarded, token: &str) -> (u16, Vec<String>) {
    let (name, value) = bearer(token);
    let status = world.status("model.example", "/", &[API, (name, &value)]).await;
    let answer = Browser::new().get_with(&format!("{}/api/v1/whoami", world.url), &[(name, &value)]).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let mut teams: Vec<String> = serde_json::from_value(answer.json()["teams"].clone()).unwrap();
    teams.sort();
    (status, teams)
}

fn teams(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

async fn a_group_opens_what_its_role_says(backend: Backend) {
    let world = Guarded::new(backend).await;
    world.resource().await;
    world
        .site("model", json!({"hosts": ["model.example"], "resource": {"type": "model", "name": "gpt"}, "role": "editor"}))
        .await;
    let (okta, ada) = directory(&world).await;
    let own = world.own_with_groups().await;
    assert_eq!(seen(&world, &own).await, (403, teams(&["on, call", "sre"])));
    // Of the group, and of what its rule gives: no more than that.
    let viewers = okta.group("gpt-viewer", &[&ada]).await;
    assert_eq!(seen(&world, &own).await, (403, teams(&["gpt-viewer", "on, call", "sre"])), "a weaker role");
    let editors = okta.group("gpt-editor", &[&ada]).await;
    assert_eq!(seen(&world, &own).await, (200, teams(&["gpt-editor", "gpt-viewer", "on, call", "sre"])));
    for out in [
        json!([{"op": "remove", "path": "members", "value": [{"value": ada["id"]}]}]),
        json!([{"op": "remove", "path": "members"}]),
        json!([{"op": "replace", "path": "members", "value": []}]),
        json!([{"op": "replace", "path": "displayName", "value": "gpt-viewers of old"}]),
    ] {
        assert_eq!(okta.patch(&at(&editors), out.clone()).await.status, 204, "{out}");
        let (status, teams) = seen(&world, &own).await;
        assert_eq!(status, 403, "{out}: at once, with the token that passed");
        assert!(!teams.contains(&"gpt-editor".to_owned()), "{out}: {teams:?}");
        let back = json!([
            {"op": "replace", "path": "displayName", "value": "gpt-editor"},
            {"op": "add", "path": "members", "value": [{"value": ada["id"]}]},
        ]);
        assert_eq!(okta.patch(&at(&editors), back).await.status, 204);
        assert_eq!(seen(&world, &own).await.0, 200, "{out}: and back");
    }
    assert_eq!(okta.delete(&at(&viewers)).await.status, 204);
    // Also for somebody who is in no team by hand.
    assert_eq!(world.world.sql("DELETE FROM team_members").await, 2);
    world.app.db.changed();
    assert_eq!(seen(&world, &own).await, (200, teams(&["gpt-editor"])));
    assert_eq!(okta.delete(&at(&editors)).await.status, 204);
    assert_eq!(seen(&world, &own).await, (403, Vec::new()));
}

async fn groups_and_hands_are_told_together(backend: Backend) {
    let world = Guarded::new(backend).await;
    world.resource().await;
    world.site("model", json!({"hosts": ["model.example"]})).await;
    let (okta, ada) = directory(&world).await;
    let own = world.own_with_groups().await;
    okta.group("Pushed", &[&ada]).await;
    let empty = okta.group("Empty", &[]).await;
    let pushed = store::teams::find_by_name(&world.app.db, &world.tenant, "Pushed").await.unwrap().unwrap();
    store::teams::add_member(&world.app.db, &pushed.id, &world.user("ada@acme.example").await).await.unwrap();
    assert_eq!(seen(&world, &own).await.1, teams(&["Pushed", "on, call", "sre"]), "once, and none that she is not in");
    // Another's membership is not hers.
    store::teams::add_member(&world.app.db, &pushed.id, &world.user("bob@acme.example").await).await.unwrap();
    assert_eq!(okta.get(&at(&empty)).await.json()["members"], json!([]));
    assert_eq!(seen(&world, &own).await.1.len(), 3);
}
