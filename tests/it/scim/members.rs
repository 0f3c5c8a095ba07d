//! Members of groups (threats P5): a change touches whom it names and nobody else.

use serde_json::{Value, json};

use super::{Scim, at, group, refused};
use crate::{
    on_both,
    sso::Log,
    world::{Backend, text},
};

on_both!(
    changes_are_exact,
    entra_and_okta_change_members,
    only_users_of_the_directory_are_members,
    a_failing_change_undoes_all,
    one_more_in_a_large_group,
    many_at_once,
    who_is_in_already_is_not_written_again,
    what_changes_nothing_is_no_change,
);

async fn members(scim: &Scim, group: &Value) -> Vec<Value> {
    let read = scim.get(&at(group)).await.json();
    let mut ids: Vec<Value> = read["members"].as_array().unwrap().iter().map(|m| m["value"].clone()).collect();
    ids.sort_by_key(Value::to_string);
    ids
}

async fn changes_are_exact(backend: Backend) {
    let scim = Scim::new(backend).await;
    let [a, b, c] = [scim.user("a@acme.example").await, scim.user("b@acme.example").await, scim.user("c@acme.example").await];
    let ids = |of: &[&Value]| {
        let mut ids: Vec<Value> = of.iter().map(|u| u["id"].clone()).collect();
        ids.sort_by_key(Value::to_string);
        ids
    };
    let sre = scim.group("SRE", &[&a, &b]).await;
    let other = scim.group("Other", &[&a]).await;
    for (operations, after) in [
        (json!([{"op": "add", "path": "members", "value": [{"value": c["id"]}, {"value": a["id"]}]}]), ids(&[&a, &b, &c])),
        (json!([{"op": "Remove", "path": "members", "value": [{"$ref": null, "value": b["id"]}]}]), ids(&[&a, &c])),
        (json!([{"op": "remove", "path": format!("members[value eq \"{}\"]", a["id"].as_str().unwrap())}]), ids(&[&c])),
        (json!([{"op": "remove", "path": "members", "value": [{"value": b["id"]}, {"value": "nobody"}]}]), ids(&[&c])),
        (json!([{"op": "add", "value": {"members": [{"value": b["id"]}]}}]), ids(&[&b, &c])),
        (json!([{"op": "replace", "path": "members", "value": [{"value": a["id"]}]}]), ids(&[&a])),
        (json!([{"op": "replace", "path": "externalId", "value": "x"}]), ids(&[&a])),
        (json!([{"op": "replace", "value": {"id": sre["id"], "displayName": "SRE now"}}]), ids(&[&a])),
        (
            json!([{"op": "remove", "path": "members"}, {"op": "add", "path": "members", "value": [{"value": c["id"]}]},
                   {"op": "replace", "path": "displayName", "value": "SRE"}]),
            ids(&[&c]),
        ),
        (json!([{"op": "replace", "path": "members", "value": []}]), ids(&[])),
    ] {
        let answer = scim.patch(&at(&sre), operations.clone()).await;
        assert_eq!((answer.status, answer.body.as_str()), (204, ""), "{operations}");
        assert_eq!(members(&scim, &sre).await, after, "{operations}");
        assert_eq!(members(&scim, &other).await, ids(&[&a]), "another group");
    }
    assert_eq!(scim.get(&at(&sre)).await.json()["externalId"], json!("x"));
    let put = scim.put(&at(&sre), &group("SRE", &[&b, &c])).await.json();
    assert_eq!(put["members"].as_array().unwrap().len(), 2);
    assert_eq!(scim.delete(&at(&b)).await.status, 204);
    assert_eq!(members(&scim, &sre).await, ids(&[&c]), "who is deleted is in no group");
}

async fn entra_and_okta_change_members(backend: Backend) {
    let scim = Scim::new(backend).await;
    let kim = scim.user("kim@acme.example").await;
    let sre = scim.made("/Groups", &json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group", "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"],
        "displayName": "SRE", "externalId": "g", "members": null, "roles": [], "meta": {"resourceType": "Group"},
    })).await;
    let add = json!([{"op": "Add", "path": "members", "value": [{"$ref": null, "value": kim["id"]}]}]);
    for _ in 0..2 {
        assert_eq!(scim.patch(&at(&sre), add.clone()).await.status, 204, "an existing one is no change");
    }
    assert_eq!(scim.found("/Users", &format!("groups.value eq {}", sre["id"])).await, ["kim@acme.example"]);
    assert_eq!(scim.found("/Groups", &format!("members.value eq {}", kim["id"])).await, ["SRE"]);
    assert_eq!(scim.found("/Groups", &format!("members eq {} and displayName eq \"sre\"", kim["id"])).await, ["SRE"]);
    // Deactivated members keep their membership.
    scim.patch(&at(&kim), json!([{"op": "replace", "path": "active", "value": false}])).await;
    assert_eq!(members(&scim, &sre).await.len(), 1);
}

async fn only_users_of_the_directory_are_members(backend: Backend) {
    let scim = Scim::new(backend).await;
    let kim = scim.user("kim@acme.example").await;
    let sre = scim.group("SRE", &[&kim]).await;
    for stranger in [json!("nobody"), sre["id"].clone()] {
        let answer = scim.patch(&at(&sre), json!([{"op": "add", "path": "members", "value": [{"value": stranger}]}])).await;
        refused(&answer, 400, Some("invalidValue"));
        assert!(answer.body.contains(stranger.as_str().unwrap()), "{}", answer.body);
        let made = scim.post("/Groups", &json!({"displayName": "New", "members": [{"value": stranger}]})).await;
        refused(&made, 400, Some("invalidValue"));
        let put = scim.put(&at(&sre), &json!({"displayName": "SRE", "members": [{"value": stranger}]})).await;
        refused(&put, 400, Some("invalidValue"));
    }
    assert_eq!(members(&scim, &sre).await, [kim["id"].clone()]);
    assert!(scim.found("/Groups", "displayName eq \"New\"").await.is_empty());
}

async fn a_failing_change_undoes_all(backend: Backend) {
    let scim = Scim::new(backend).await;
    let kim = scim.user("kim@acme.example").await;
    let sre = scim.group("SRE", &[]).await;
    let answer = scim
        .patch(
            &at(&sre),
            json!([
                {"op": "replace", "path": "displayName", "value": "New"},
                {"op": "add", "path": "members", "value": [{"value": kim["id"]}]},
                {"op": "add", "path": "members", "value": [{"value": "nobody"}]},
            ]),
        )
        .await;
    refused(&answer, 400, Some("invalidValue"));
    assert_eq!(scim.get(&at(&sre)).await.json(), sre);
}

/// What one more costs does not grow with those that are there: nobody reads them (PostgreSQL's driver logs how many rows each
/// statement gives, in this thread), and the answer holds nobody.
async fn one_more_in_a_large_group(backend: Backend) {
    let scim = Scim::new(backend).await;
    let kim = scim.user("kim@acme.example").await;
    let sre = scim.group("SRE", &[]).await;
    let crowd = format!(
        "INSERT INTO directory_users (id, directory_id, made_user, user_name, active, resource, version, created_at, updated_at) \
         SELECT 'u-' || n, '{}', FALSE, 'u-' || n, TRUE, '{{\"userName\":\"u\"}}', 1, 1, 1 FROM \
         (WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 20000) SELECT n FROM c) AS numbers",
        scim.row.id
    );
    assert_eq!(scim.world.sql(crowd.leak()).await, 20_000);
    let fill = format!(
        "INSERT INTO directory_members (group_id, member_id) SELECT '{}', id FROM directory_users WHERE user_name LIKE 'u-%'",
        sre["id"].as_str().unwrap()
    );
    assert_eq!(scim.world.sql(fill.leak()).await, 20_000);
    let log = Log::capture();
    let answer = scim.patch(&at(&sre), json!([{"op": "add", "path": "members", "value": [{"value": kim["id"]}]}])).await;
    assert_eq!((answer.status, answer.body.as_str()), (204, ""));
    let text = log.text();
    drop(log);
    let rows: Vec<u64> = text
        .split("rows_returned=")
        .skip(1)
        .map(|rest| rest.chars().take_while(char::is_ascii_digit).collect::<String>().parse().unwrap())
        .collect();
    if backend == Backend::Postgres {
        assert!(rows.len() > 3 && rows.iter().sum::<u64>() < 20, "{rows:?}");
    }
    let count = "SELECT COUNT(*) FROM directory_members";
    assert_eq!(scim.world.app.db.all::<(i64,)>(count, &[]).await.unwrap(), [(20_001,)]);
    let slim = scim.get(&format!("{}?excludedAttributes=members", at(&sre))).await;
    assert!(slim.body.len() < 1_000, "{} bytes", slim.body.len());
    let answer = scim.patch(&at(&sre), json!([{"op": "remove", "path": format!("members[value eq {}]", kim["id"])}])).await;
    assert_eq!(answer.status, 204);
    assert_eq!(scim.world.app.db.all::<(i64,)>(count, &[]).await.unwrap(), [(20_000,)]);
}

async fn many_at_once(backend: Backend) {
    let scim = Scim::new(backend).await;
    let crowd = format!(
        "INSERT INTO directory_users (id, directory_id, made_user, user_name, active, resource, version, created_at, updated_at) \
         SELECT 'u-' || n, '{}', FALSE, 'u-' || n, TRUE, '{{\"userName\":\"u\"}}', 1, 1, 1 FROM \
         (WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 1700) SELECT n FROM c) AS numbers",
        scim.row.id
    );
    scim.world.sql(crowd.leak()).await;
    let all: Vec<Value> = (1..=1700).map(|n| json!({"value": format!("u-{n}")})).collect();
    let sre = scim.made("/Groups", &json!({"displayName": "SRE", "members": all})).await;
    assert_eq!(members(&scim, &sre).await.len(), 1700);
    // In a list it is too many, and only there.
    let small = scim.made("/Groups", &json!({"displayName": "Small", "members": [{"value": "u-1"}]})).await;
    let listed = scim.get("/Groups?startIndex=1&count=100").await.json();
    let of = |id: &Value| listed["Resources"].as_array().unwrap().iter().find(|g| g["id"] == *id).unwrap()["members"].clone();
    assert_eq!(of(&sre["id"]), Value::Null);
    assert_eq!(of(&small["id"]).as_array().unwrap().len(), 1);
    let alone = scim.get("/Groups?filter=displayName%20eq%20%22sre%22").await.json();
    assert_eq!(alone["Resources"][0]["members"].as_array().unwrap().len(), 1700);
    let some: Vec<Value> = (600..1200).map(|n| json!({"value": format!("u-{n}")})).collect();
    let answer = scim.patch(&at(&sre), json!([{"op": "remove", "path": "members", "value": some}])).await;
    assert_eq!(answer.status, 204, "{}", answer.body);
    assert_eq!(members(&scim, &sre).await.len(), 1100);
    assert_eq!(scim.put(&at(&sre), &json!({"displayName": "SRE", "members": some})).await.status, 200);
    assert_eq!(members(&scim, &sre).await.len(), 600);
}

/// Whole groups of fifty thousand are sent over and over.
async fn who_is_in_already_is_not_written_again(backend: Backend) {
    let scim = Scim::new(backend).await;
    let (kim, ray) = (scim.user("kim@acme.example").await, scim.user("ray@acme.example").await);
    let sre = scim.group("SRE", &[&kim]).await;
    // Rows that are made anew come after these.
    let _other = scim.group("Other", &[&kim, &ray]).await;
    let rows = async || {
        let sql = match backend {
            Backend::Sqlite => "SELECT CAST(rowid AS TEXT) FROM directory_members WHERE group_id = $1 AND member_id = $2",
            Backend::Postgres => "SELECT CAST(xmin AS TEXT) FROM directory_members WHERE group_id = $1 AND member_id = $2",
        };
        let params = gatehouse::params![text(&sre, "id"), text(&kim, "id")];
        scim.world.app.db.all::<(String,)>(sql, params).await.unwrap()
    };
    let before = rows().await;
    assert_eq!(before.len(), 1);
    for members in [vec![&kim], vec![&kim, &ray], vec![&ray, &kim]] {
        assert_eq!(scim.put(&at(&sre), &group("SRE", &members)).await.status, 200);
        assert_eq!(rows().await, before, "{}", members.len());
    }
    assert_eq!(scim.put(&at(&sre), &group("SRE", &[&ray])).await.status, 200);
    assert!(rows().await.is_empty());
}

/// Sources that send whole groups each cycle filled the audit log with what had not happened, and no version held.
async fn what_changes_nothing_is_no_change(backend: Backend) {
    let scim = Scim::new(backend).await;
    let (kim, ray) = (scim.user("kim@acme.example").await, scim.user("ray@acme.example").await);
    let sre = scim.group("SRE", &[&kim]).await;
    let told = async || -> Vec<Value> {
        let sql = "SELECT changes FROM audit WHERE action = 'update' AND subject LIKE 'group %' ORDER BY seq";
        let rows = scim.world.app.db.all::<(String,)>(sql, &[]).await.unwrap();
        rows.iter().map(|(changes,)| serde_json::from_str(changes).unwrap()).collect()
    };
    let change = |op: &str, who: &[&Value]| {
        let value: Vec<Value> = who.iter().map(|one| json!({"value": one["id"]})).collect();
        json!({"op": op, "path": "members", "value": value})
    };
    let nobody = json!({"id": "nobody"});
    scim.world.clock.advance(60);
    for _ in 0..2 {
        let put = scim.put(&at(&sre), &group("SRE", &[&kim])).await;
        assert_eq!((put.status, put.header("etag")), (200, Some("W/\"1\"")), "{}", put.body);
    }
    for operations in [
        json!([change("add", &[&kim])]),
        json!([change("remove", &[&ray, &nobody])]),
        json!([change("replace", &[&kim])]),
        json!([change("add", &[&ray]), change("remove", &[&ray])]),
        json!([change("remove", &[&kim]), change("add", &[&kim])]),
        json!([{"op": "replace", "path": "displayName", "value": "SRE"}]),
    ] {
        let patched = scim.patch(&at(&sre), operations.clone()).await;
        assert_eq!((patched.status, patched.header("etag")), (204, Some("W/\"1\"")), "{operations}");
    }
    assert_eq!(scim.get(&at(&sre)).await.json(), sre);
    assert!(told().await.is_empty());
    // Honestly: who came and who went, and nobody else.
    let (kims, rays) = (&kim["id"], &ray["id"]);
    for (n, (operation, expected)) in [
        (change("add", &[&kim, &ray]), json!({"members_added": {"is": [rays]}})),
        (change("remove", &[&ray, &nobody]), json!({"members_removed": {"is": [rays]}})),
        (change("replace", &[&ray]), json!({"members_added": {"is": [rays]}, "members_removed": {"is": [kims]}})),
        (json!({"op": "replace", "path": "externalId", "value": "x"}), json!({"externalId": {"was": null, "is": "x"}})),
        (json!({"op": "remove", "path": "members"}), json!({"members_removed": {"is": [rays]}})),
    ]
    .into_iter()
    .enumerate()
    {
        let patched = scim.patch(&at(&sre), json!([operation])).await;
        assert_eq!(patched.header("etag"), Some(format!("W/\"{}\"", n + 2).as_str()), "{operation}");
        assert_eq!(told().await.pop(), Some(expected), "{operation}");
    }
    assert_eq!(told().await.len(), 5);
    assert_ne!(scim.get(&at(&sre)).await.json()["meta"]["lastModified"], sre["meta"]["lastModified"]);
}
