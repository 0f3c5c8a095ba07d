//! Users with their groups: names, and no whole groups; and how much a directory may hold.

use futures_util::future::join_all;
use gatehouse::store::dossiers;
use serde_json::{Value, json};

use super::{FAST, Scim, accounts::user_of, at, pusher, refused};
use crate::{
    on_both,
    world::{Backend, STATE, World, text},
};

on_both!(
    users_come_with_the_names_of_their_groups,
    a_directory_has_room_for_so_many,
    who_joins_a_group_is_read_anew,
    whose_member_is_gone_is_of_another_version,
    members_go_from_the_same_groups_at_once,
    operators_read_the_name_as_it_was_sent,
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

/// Its members are in a group's version, and so is that one of them is gone altogether. Only the groups that they were in have
/// another one.
async fn whose_member_is_gone_is_of_another_version(backend: Backend) {
    let scim = Scim::new(backend).await;
    let (kim, ray) = (scim.user("kim@acme.example").await, scim.user("ray@acme.example").await);
    let both = scim.group("SRE", &[&kim, &ray]).await;
    let (kims, rays) = (scim.group("Kim", &[&kim]).await, scim.group("Ray", &[&ray]).await);
    let known = async |group: &Value, tag: &str| {
        scim.send(reqwest::Method::GET, &at(group), &[("if-none-match", tag)], None).await.status == 304
    };
    let began = text(&both["meta"], "lastModified").to_owned();
    scim.world.clock.advance(60);
    // Who has no user here any more is in the directory still, and in its groups.
    let sql = "DELETE FROM users WHERE email = 'kim@acme.example'";
    assert_eq!(scim.world.sql(sql).await, 1);
    for group in [&both, &kims, &rays] {
        assert!(known(group, "W/\"1\"").await);
    }
    assert_eq!(scim.delete(&at(&kim)).await.status, 204);
    for group in [&both, &kims] {
        assert!(!known(group, "W/\"1\"").await);
        assert!(known(group, "W/\"2\"").await, "once");
        let read = scim.get(&at(group)).await;
        assert_eq!(read.header("etag"), Some("W/\"2\""));
        let members = read.json()["members"].as_array().cloned().unwrap_or_default();
        assert!(members.iter().all(|member| member["value"] == ray["id"]), "{}", read.body);
        assert_ne!(text(&read.json()["meta"], "lastModified"), began);
        let put = Some(json!({"displayName": "Nobody"}).to_string());
        refused(&scim.send(reqwest::Method::PUT, &at(group), &[("if-match", "W/\"1\"")], put).await, 412, None);
    }
    assert!(known(&rays, "W/\"1\"").await, "of whom nobody is gone");
    let mut changed = scim.found("/Groups", &format!("meta.lastModified gt \"{began}\"")).await;
    changed.sort();
    assert_eq!(changed, ["Kim", "SRE"]);
    // One of another directory is nobody here, and nothing moves for the attempt.
    let other = pusher(&scim.world, "other", "okta", Default::default(), None).await;
    refused(&other.delete(&at(&ray)).await, 404, None);
    assert!(known(&rays, "W/\"1\"").await);
}

/// Where each has its lock: two members who go at the same moment, from the same groups, while these take in others.
async fn members_go_from_the_same_groups_at_once(backend: Backend) {
    let made = Scim::new(backend).await;
    let scim = &made;
    let mut people = Vec::new();
    for n in 0..6 {
        people.push(scim.user(&format!("u{n}@acme.example")).await);
    }
    let all: Vec<&Value> = people[..4].iter().collect();
    let mut groups = Vec::new();
    for n in 0..4 {
        groups.push(scim.group(&format!("G{n}"), &all).await);
    }
    let more = &json!([{"op": "add", "path": "members", "value": [{"value": people[4]["id"]}, {"value": people[5]["id"]}]}]);
    let gone = join_all(people[..4].iter().map(|one| async move { scim.delete(&at(one)).await }));
    let come = join_all(groups.iter().map(|group| async move { scim.patch(&at(group), more.clone()).await }));
    let (gone, come) = tokio::join!(gone, come);
    assert!(gone.iter().chain(&come).all(|answer| answer.status == 204), "{gone:?} {come:?}");
    for group in &groups {
        let read = scim.get(&at(group)).await;
        assert_eq!(read.json()["members"].as_array().map(Vec::len), Some(2));
        assert_eq!(read.header("etag"), Some("W/\"6\""), "made, four who went, two who came");
    }
}

async fn operators_read_the_name_as_it_was_sent(backend: Backend) {
    let scim = Scim::new(backend).await;
    let kim = scim.user("kim@acme.example").await;
    scim.group("sre-Duty", &[&kim]).await;
    let user = user_of(&scim.world, "kim@acme.example").await.unwrap().id;
    let all = dossiers::memberships(&scim.world.app.db, &user).await.unwrap();
    let names: Vec<_> = all.iter().map(|one| (one.team.as_str(), one.group_name.as_deref())).collect();
    assert_eq!(names, [("sre-Duty", Some("sre-Duty"))]);
}
