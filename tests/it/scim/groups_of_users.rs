//! Users with their groups: names, and no whole groups; and how much a directory may hold.

use serde_json::{Value, json};

use super::{FAST, Scim, at, refused};
use crate::{
    on_both,
    world::{Backend, STATE, World},
};

on_both!(
    users_come_with_the_names_of_their_groups,
    a_directory_has_room_for_so_many,
    who_joins_a_group_is_read_anew,
    whose_member_is_gone_is_read_anew
);

/// Groups of 60 KB, once for each member, were gigabytes.
async fn users_come_with_the_names_of_their_groups(backend: Backend) {
    let scim = Scim::new(backend).await;
    let (kim, ray) = (scim.user("kim@acme.example").await, scim.user("ray@acme.example").await);
    let mut both = Vec::new();
    for name in ["Zoe's", "ALPHA"] {
        let body =
            json!({"displayName": name, "pad": "x".repeat(60_000), "members": [{"value": kim["id"]}, {"value": ray["id"]}]});
        both.push(scim.made("/Groups", &body).await);
        scim.world.clock.advance(1);
    }
    scim.patch(&at(&both[0]), json!([{"op": "replace", "path": "displayName", "value": "Zoë's"}])).await;
    let shown = |user: &Value| -> Vec<(Value, Value)> {
        user["groups"].as_array().unwrap().iter().map(|g| (g["value"].clone(), g["display"].clone())).collect()
    };
    let expected = vec![(both[0]["id"].clone(), json!("Zoë's")), (both[1]["id"].clone(), json!("ALPHA"))];
    let list = scim.get("/Users?count=200").await;
    assert!(list.body.len() < 10_000, "{} bytes", list.body.len());
    for user in list.json()["Resources"].as_array().unwrap() {
        assert_eq!(shown(user), expected, "the oldest first, as they are called now");
        assert_eq!(shown(&scim.get(&at(user)).await.json()), expected);
    }
    // The columns are all that is read.
    scim.world.sql("UPDATE directory_groups SET resource = 'no JSON'").await;
    assert_eq!(shown(&scim.get(&at(&kim)).await.json()), expected);

    // Who is in very many comes without them in a list of several, and with them alone.
    let sql = format!(
        "INSERT INTO directory_groups (id, directory_id, display_name, resource, version, created_at, updated_at) \
         SELECT 'g-' || n, '{}', 'g-' || n, '{{}}', 1, 1, 1 FROM \
         (WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 99) SELECT n FROM c) AS numbers",
        scim.row.id
    );
    scim.world.sql(sql.leak()).await;
    let sql = format!(
        "INSERT INTO directory_members (group_id, member_id) SELECT id, '{}' FROM directory_groups WHERE id LIKE 'g-%'",
        kim["id"].as_str().unwrap()
    );
    scim.world.sql(sql.leak()).await;
    let list = scim.get("/Users?sortBy=userName").await.json();
    assert_eq!((list["Resources"][0].get("groups"), shown(&list["Resources"][1])), (None, expected));
    assert_eq!(shown(&scim.get(&at(&kim)).await.json()).len(), 101);
    let alone = scim.get("/Users?filter=userName+eq+%22kim@acme.example%22").await.json();
    assert_eq!(shown(&alone["Resources"][0]).len(), 101);
}

async fn a_directory_has_room_for_so_many(backend: Backend) {
    let scim = Scim::over(World::with(backend, STATE, &[FAST, ("SCIM_RESOURCES", "3")]).await).await;
    let kim = scim.user("kim@acme.example").await;
    scim.group("SRE", &[&kim]).await;
    let ray = scim.user("ray@acme.example").await;
    for (path, body) in [("/Users", json!({"userName": "one more"})), ("/Groups", json!({"displayName": "One more"}))] {
        let answer = scim.post(path, &body).await;
        refused(&answer, 403, None);
        assert!(answer.body.contains("scim_resources"), "{}", answer.body);
    }
    assert_eq!(scim.patch(&at(&kim), json!([{"op": "replace", "path": "title", "value": "Dr"}])).await.status, 200);
    // Who makes room has it when they are counted anew.
    assert_eq!(scim.delete(&at(&ray)).await.status, 204);
    scim.world.app.limits.begin_round();
    scim.user("one@acme.example").await;
}

/// The groups are not in the version.
async fn who_joins_a_group_is_read_anew(backend: Backend) {
    let scim = Scim::new(backend).await;
    let kim = scim.user("kim@acme.example").await;
    let tag = scim.get(&at(&kim)).await.header("etag").unwrap().to_owned();
    scim.group("SRE", &[&kim]).await;
    let read = scim.send(reqwest::Method::GET, &at(&kim), &[("if-none-match", &tag)], None).await;
    assert_eq!((read.status, &read.json()["groups"][0]["display"]), (200, &json!("SRE")));
    let alone = format!("{}?attributes=userName", at(&kim));
    assert_eq!(scim.send(reqwest::Method::GET, &alone, &[("if-none-match", &tag)], None).await.status, 304);
}

/// Who is gone left no trace in the group's version.
async fn whose_member_is_gone_is_read_anew(backend: Backend) {
    let scim = Scim::new(backend).await;
    let kim = scim.user("kim@acme.example").await;
    let sre = scim.group("SRE", &[&kim]).await;
    let tag = scim.get(&at(&sre)).await.header("etag").unwrap().to_owned();
    assert_eq!(scim.delete(&at(&kim)).await.status, 204);
    let read = scim.send(reqwest::Method::GET, &at(&sre), &[("if-none-match", &tag)], None).await;
    assert_eq!(read.status, 200);
    assert!(read.json()["members"].as_array().is_none_or(Vec::is_empty), "{}", read.body);
    let alone = format!("{}?excludedAttributes=members", at(&sre));
    assert_eq!(scim.send(reqwest::Method::GET, &alone, &[("if-none-match", &tag)], None).await.status, 304);
}
