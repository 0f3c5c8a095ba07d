//! Many at the same time: what must happen once happens once.

use futures_util::future::join_all;
use gatehouse::store::{
    directory_users,
    users::{self, By, ShutOut},
};
use serde_json::json;

use super::{
    Scim,
    accounts::{known_as, user_of},
    adoption::made_by,
    at, person,
};
use crate::{
    on_both,
    world::{Backend, World, actor},
};

on_both!(one_of_many_creations_wins, members_are_not_lost, changes_of_a_user_are_not_lost, two_last_administrators);

async fn one_of_many_creations_wins(backend: Backend) {
    let scim = Scim::new(backend).await;
    let body = person("kim@acme.example");
    let answers = join_all((0..12).map(|_| scim.post("/Users", &body))).await;
    let mut statuses: Vec<u16> = answers.iter().map(|a| a.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [&[201][..], &[409; 11]].concat());
    for lost in answers.iter().filter(|a| a.status == 409) {
        super::refused(lost, 409, Some("uniqueness"));
    }
    let group = json!({"displayName": "SRE"});
    let answers = join_all((0..12).map(|_| scim.post("/Groups", &group))).await;
    assert_eq!(answers.iter().filter(|a| a.status == 201).count(), 1);
    assert!(answers.iter().all(|a| [201, 409].contains(&a.status)), "{answers:?}");
    let many = join_all((0..20).map(|n| async move { person(&format!("u{n}@acme.example")) })).await;
    let answers = join_all(many.iter().map(|body| scim.post("/Users", body))).await;
    assert!(answers.iter().all(|a| a.status == 201), "different ones do not stand in each other's way");
}

async fn members_are_not_lost(backend: Backend) {
    let scim = Scim::new(backend).await;
    let mut people = Vec::new();
    for n in 0..10 {
        people.push(scim.user(&format!("u{n}@acme.example")).await);
    }
    let sre = scim.group("SRE", &people[5..].iter().collect::<Vec<_>>()).await;
    let path = at(&sre);
    let changes = people.iter().enumerate().map(|(n, user)| {
        let op = if n < 5 { "add" } else { "remove" };
        scim.patch(&path, json!([{"op": op, "path": "members", "value": [{"value": user["id"]}]}]))
    });
    assert!(join_all(changes).await.iter().all(|a| a.status == 204));
    let read = scim.get(&path).await.json();
    let mut left: Vec<&str> = read["members"].as_array().unwrap().iter().map(|m| m["value"].as_str().unwrap()).collect();
    left.sort_unstable();
    let mut expected: Vec<&str> = people[..5].iter().map(|u| u["id"].as_str().unwrap()).collect();
    expected.sort_unstable();
    assert_eq!(left, expected);
    assert_eq!(read["meta"]["version"], json!("W/\"11\""), "each change is one");
}

async fn changes_of_a_user_are_not_lost(backend: Backend) {
    let scim = Scim::new(backend).await;
    let kim = scim.user("kim@acme.example").await;
    let path = at(&kim);
    let attributes = ["title", "nickName", "displayName", "locale", "timezone", "userType", "preferredLanguage"];
    let answers =
        join_all(attributes.iter().map(|name| scim.patch(&path, json!([{"op": "add", "path": name, "value": "x"}])))).await;
    assert!(answers.iter().all(|a| a.status == 200), "{answers:?}");
    let now = scim.get(&path).await.json();
    assert!(attributes.iter().all(|name| now[name] == json!("x")), "{now}");
    // With a version, one wins.
    let version = now["meta"]["version"].as_str().unwrap().to_owned();
    let body =
        |n: i32| Some(json!({"schemas": [], "Operations": [{"op": "add", "path": "title", "value": n.to_string()}]}).to_string());
    let headers = [("if-match", version.as_str())];
    let answers = join_all((0..6).map(|n| scim.send(reqwest::Method::PATCH, &path, &headers, body(n)))).await;
    let mut statuses: Vec<u16> = answers.iter().map(|a| a.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 412, 412, 412, 412, 412]);
}

async fn two_last_administrators(backend: Backend) {
    for round in 0..3 {
        let scim = Scim::new(backend).await;
        let (kim, ray) = (scim.user("kim@acme.example").await, scim.user("ray@acme.example").await);
        scim.world.sql("UPDATE users SET admin = TRUE WHERE email IN ('kim@acme.example', 'ray@acme.example')").await;
        let off = json!([{"op": "replace", "path": "active", "value": false}]);
        let (kims, rays) = (at(&kim), at(&ray));
        let (a, b) = match round {
            0 => tokio::join!(scim.patch(&kims, off.clone()), scim.patch(&rays, off)),
            1 => tokio::join!(scim.delete(&kims), scim.delete(&rays)),
            _ => tokio::join!(scim.patch(&kims, off), scim.delete(&rays)),
        };
        let refusals = [&a, &b].iter().filter(|answer| answer.status == 409).count();
        assert_eq!(refusals, 1, "{a:?} {b:?}");
        assert_eq!(scim.world.sql("UPDATE users SET name = name WHERE admin AND active").await, 1);
    }
}

/// Where rows are locked one by one, which SQLite does not know: each takes them in one order (`users::hold_administrators`), or
/// two wait for each other until the database ends one of them.
mod where_rows_are_locked {
    use super::*;

    async fn somebody_waits(world: &World) {
        let waits = "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
        while world.app.db.all::<(i64,)>(waits, &[]).await.unwrap() == [(0,)] {
            tokio::task::yield_now().await;
        }
    }

    /// A directory changes its record of an administrator whom somebody else is about to take out.
    async fn while_administrators_are_held(removes: bool, deletes: bool) {
        let scim = Scim::new(Backend::Postgres).await;
        let (kim, _ray) = (scim.user("kim@acme.example").await, scim.user("ray@acme.example").await);
        scim.world.sql("UPDATE users SET admin = TRUE WHERE email IN ('kim@acme.example', 'ray@acme.example')").await;
        let user = user_of(&scim.world, "kim@acme.example").await.unwrap();
        let mut tx = scim.world.app.db.begin().await.unwrap();
        users::hold_administrators(&mut tx, &user.tenant_id).await.unwrap();
        let directory = async {
            match deletes {
                true => scim.delete(&at(&kim)).await,
                false => scim.patch(&at(&kim), json!([{"op": "replace", "value": {"displayName": "K", "active": false}}])).await,
            }
        };
        let operator = async {
            somebody_waits(&scim.world).await;
            let (by, actor, sealer, now) = (By::Operator, &actor(), &scim.world.app.sealer, scim.world.clock.now());
            let out = ShutOut { user_id: &user.id, by, actor, cause: "x", force: false, sealer, now };
            let done = match removes {
                true => users::remove(&mut tx, &out).await,
                false => users::shut_out(&mut tx, &out).await,
            };
            done.unwrap().unwrap().expect("they were in");
            tx.commit().await.unwrap();
        };
        let (answer, ()) = tokio::join!(directory, operator);
        assert_eq!(answer.status, if deletes { 204 } else { 200 }, "{}", answer.body);
    }

    #[tokio::test]
    async fn administrators_come_first() {
        if crate::world::postgres().is_none() {
            return;
        }
        for (removes, deletes) in [(false, false), (true, false), (false, true), (true, true)] {
            while_administrators_are_held(removes, deletes).await;
        }
    }

    /// As on SQLite, where one is told of the other.
    #[tokio::test]
    async fn a_member_who_goes_at_this_moment_is_named() {
        if crate::world::postgres().is_none() {
            return;
        }
        let scim = Scim::new(Backend::Postgres).await;
        let kim = scim.user("kim@acme.example").await;
        let (id, sre) = (kim["id"].as_str().unwrap(), scim.group("SRE", &[]).await);
        let mut tx = scim.world.app.db.begin().await.unwrap();
        assert!(directory_users::find_locked(&mut tx, &scim.row.id, id).await.unwrap().is_some());
        let add = json!([{"op": "add", "path": "members", "value": [{"value": id}]}]);
        let goes = async {
            somebody_waits(&scim.world).await;
            assert!(directory_users::delete(&mut tx, &scim.row.id, id, scim.world.clock.now()).await.unwrap());
            tx.commit().await.unwrap();
        };
        let path = at(&sre);
        let (answer, ()) = tokio::join!(scim.patch(&path, add), goes);
        super::super::refused(&answer, 400, Some("invalidValue"));
        assert!(answer.body.contains(id), "{}", answer.body);
    }

    #[tokio::test]
    async fn records_come_before_their_users() {
        if crate::world::postgres().is_none() {
            return;
        }
        let scim = Scim::new(Backend::Postgres).await;
        let kim = scim.user("kim@acme.example").await;
        let user = user_of(&scim.world, "kim@acme.example").await.unwrap();
        let mut tx = scim.world.app.db.begin().await.unwrap();
        let record = directory_users::find_locked(&mut tx, &scim.row.id, kim["id"].as_str().unwrap()).await.unwrap();
        assert!(record.is_some());
        let directory = async {
            somebody_waits(&scim.world).await;
            let sql = "UPDATE users SET name = 'K' WHERE id = $1";
            tx.execute(sql, gatehouse::params![&user.id]).await.unwrap();
            tx.commit().await.unwrap();
        };
        let (receipt, ()) = tokio::join!(scim.world.remove(&user.id), directory);
        assert!(receipt.is_some());
    }

    /// An operator was told that the lock stands, and a directory deleted the user with it.
    #[tokio::test]
    async fn a_lock_of_this_moment_outlives_the_record() {
        if crate::world::postgres().is_none() {
            return;
        }
        let scim = Scim::new(Backend::Postgres).await;
        for locks in [true, false] {
            let email = format!("{}@acme.example", if locks { "kim" } else { "ray" });
            let record = scim.made("/Users", &known_as(&email, &email)).await;
            let user = user_of(&scim.world, &email).await.unwrap();
            let mut tx = scim.world.app.db.begin().await.unwrap();
            match locks {
                true => {
                    let (by, actor, sealer, now) = (By::Operator, &actor(), &scim.world.app.sealer, scim.world.clock.now());
                    let out = ShutOut { user_id: &user.id, by, actor, cause: "x", force: false, sealer, now };
                    users::shut_out(&mut tx, &out).await.unwrap().unwrap().expect("they were in");
                }
                false => drop(users::find_locked(&mut tx, &user.id).await.unwrap()),
            }
            let operator = async {
                somebody_waits(&scim.world).await;
                tx.commit().await.unwrap();
            };
            let path = at(&record);
            let (answer, ()) = tokio::join!(scim.delete(&path), operator);
            assert_eq!(answer.status, 204, "{}", answer.body);
            // Honestly: whom nobody has shut out goes with the record, and is made anew.
            let still = users::find(&scim.world.app.db, &user.id).await.unwrap();
            assert_eq!(still.and_then(|user| user.shut_by), locks.then_some(By::Operator));
            let again = scim.made("/Users", &known_as(&format!("new-{email}"), &email)).await;
            assert_eq!(made_by(&scim.world.app, &again).await == user.id, locks);
            assert_eq!(user_of(&scim.world, &format!("new-{email}")).await.is_none(), locks);
        }
    }
}
