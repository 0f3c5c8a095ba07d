//! What a body may be: bytes, names, elements, values, each judged before it is gone through. Sizes are such that whoever looks
//! through all names for each of them is at it for minutes, and whoever keeps what is sent twice needs gigabytes (threats P6).

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::{Scim, at, crowds::in_turn, group, person, refused};
use crate::{
    on_both,
    world::{Backend, STATE, World},
};

on_both!(
    bodies_have_a_size,
    names_are_counted_before_they_are_read,
    members_are_counted_before_they_are_read,
    lists_of_names_are_short,
    large_bodies_take_turns,
    members_cost_their_share,
    what_costs_a_burst_has_its_turn,
    many_members_take_turns,
    reading_members_costs_their_share,
    large_answers_take_turns,
    what_is_done_is_told_whoever_reads_nothing,
    a_page_of_groups_has_so_many_members,
);

/// So many fields with names of their own.
fn fields(count: usize) -> String {
    (0..count).map(|n| format!("\"{n:06}\":1")).collect::<Vec<_>>().join(",")
}

async fn bodies_have_a_size(backend: Backend) {
    let scim = Scim::new(backend).await;
    let mut large = person("kim@acme.example");
    large["title"] = json!("x".repeat(300 * 1024));
    refused(&scim.post("/Users", &large).await, 413, None);
    let members: Vec<Value> = (0..10_000).map(|n| json!({"value": format!("id-{n}"), "display": "x".repeat(30)})).collect();
    let answer = scim.post("/Groups", &json!({"displayName": "SRE", "members": members})).await;
    refused(&answer, 400, Some("invalidValue"));
    assert!(answer.json()["detail"].as_str().unwrap().contains("id-0"), "a group may be larger: {}", answer.body);
    let huge = json!({"displayName": "SRE", "externalId": "x".repeat(17 * 1024 * 1024)});
    refused(&scim.post("/Groups", &huge).await, 413, None);
    let wide = json!({"displayName": "SRE", "notes": "x".repeat(300 * 1024), "members": members});
    let answer = scim.post("/Groups", &wide).await;
    refused(&answer, 400, Some("invalidValue"));
    assert!(answer.body.contains("as it is sent"), "members apart it is as small as a user: {}", answer.body);
    assert!(scim.found("/Groups", "displayName eq \"SRE\"").await.is_empty());
}

/// Two requests of 340 KB, whose names were compared with each other, stopped a node for a minute.
async fn names_are_counted_before_they_are_read(backend: Backend) {
    let scim = Scim::new(backend).await;
    let (kim, sre) = (scim.user("kim@acme.example").await, scim.group("SRE", &[]).await);
    let few = fields(20_000);
    let user = format!("{{\"userName\":\"ray@acme.example\",{few}}}");
    let within = format!("{{\"userName\":\"ray@acme.example\",\"name\":{{{few}}}}}");
    let patch = |value: &str| format!("{{\"Operations\":[{{\"op\":\"add\",\"value\":{{{value}}}}}]}}");
    let many = fields(400_000);
    let bulk = |data: &str| {
        format!("{{\"Operations\":[{{\"method\":\"POST\",\"path\":\"/Groups\",\"bulkId\":\"a\",\"data\":{data}}}]}}")
    };
    let (users, groups) = (at(&kim), at(&sre));
    for (method, path, body) in [
        (Method::POST, "/Users", user.clone()),
        (Method::POST, "/Users", within.clone()),
        (Method::PUT, &users, user.clone()),
        (Method::PATCH, &users, patch(&few)),
        (Method::POST, "/Users/.search", format!("{{{few}}}")),
        (Method::POST, "/Groups", format!("{{\"displayName\":\"x\",{many}}}")),
        (Method::PUT, &groups, format!("{{\"displayName\":\"x\",{many}}}")),
        (Method::PATCH, &groups, patch(&many)),
        (Method::POST, "/Groups", format!("{{\"displayName\":\"x\",\"members\":[{{{many}}}]}}")),
        (Method::POST, "/Bulk", bulk(&format!("{{{}}}", fields(90_000)))),
        (Method::POST, "/Bulk", format!("{{{}}}", fields(90_000))),
    ] {
        let answer = scim.send(method.clone(), path, &[], Some(body)).await;
        refused(&answer, 413, None);
        assert!(answer.body.contains("more than 1000 names"), "{method} {path}: {}", answer.body);
    }
    // Honestly: hundreds that nobody knows are kept.
    let odd = fields(900);
    let ray = scim.send(Method::POST, "/Users", &[], Some(format!("{{\"userName\":\"ray@acme.example\",{odd}}}"))).await;
    assert_eq!((ray.status, &ray.json()["000899"]), (201, &json!(1)));
    let answer = scim.send(Method::PATCH, &groups, &[], Some(patch(&odd))).await;
    assert_eq!(answer.status, 204, "{}", answer.body);
    assert_eq!(scim.get(&groups).await.json()["000899"], json!(1));
    let made = scim.send(Method::POST, "/Bulk", &[], Some(bulk(&format!("{{\"displayName\":\"Odd\",{odd}}}")))).await.json();
    assert_eq!(made["Operations"][0]["status"], json!("201"), "{made}");
}

/// 16 MB of members that are two signs each were a gigabyte.
async fn members_are_counted_before_they_are_read(backend: Backend) {
    let scim = Scim::new(backend).await;
    let sre = scim.group("SRE", &[]).await;
    let list = |of: &str, count: usize| format!("[{}]", vec![of; count].join(","));
    for members in [list("\"a\"", 4_000_000), list("{\"value\":\"a\",\"x\":[1,2,3,4,5]}", 90_000)] {
        let body = format!("{{\"displayName\":\"x\",\"members\":{members}}}");
        refused(&scim.send(Method::POST, "/Groups", &[], Some(body.clone())).await, 413, None);
        refused(&scim.send(Method::PUT, &at(&sre), &[], Some(body)).await, 413, None);
        let body = format!("{{\"Operations\":[{{\"op\":\"add\",\"path\":\"members\",\"value\":{members}}}]}}");
        refused(&scim.send(Method::PATCH, &at(&sre), &[], Some(body)).await, 413, None);
    }
    // Honestly: a hundred thousand of one who is no user is told so.
    let body = format!("{{\"displayName\":\"x\",\"members\":{}}}", list("\"nobody\"", 100_000));
    refused(&scim.send(Method::POST, "/Groups", &[], Some(body)).await, 400, Some("invalidValue"));
}

/// Each attribute of each resource is looked up in them.
async fn lists_of_names_are_short(backend: Backend) {
    let scim = Scim::new(backend).await;
    let kim = scim.user("kim@acme.example").await;
    let names = |count: usize| (0..count).map(|n| format!("a{n}")).collect::<Vec<_>>();
    for (count, status) in [(101, 400), (20_000, 400), (99, 200)] {
        let mut all = names(count);
        all.push("userName".to_owned());
        for list in ["attributes", "excludedAttributes"] {
            let answer = scim.post("/Users/.search", &json!({list: all})).await;
            assert_eq!(answer.status, status, "{count} {list}: {}", answer.body);
            if count > 1_000 {
                continue;
            }
            let query = format!("?{list}={}", all.join(","));
            for answer in [
                scim.get(&format!("/Users{query}")).await,
                scim.get(&format!("{}{query}", at(&kim))).await,
                scim.put(&format!("{}{query}", at(&kim)), &person("kim@acme.example")).await,
                scim.patch(&format!("{}{query}", at(&kim)), json!([{"op": "remove", "path": "title"}])).await,
            ] {
                assert_eq!(answer.status, status, "{count} {list}: {}", answer.body);
            }
        }
    }
    let only = scim.get(&format!("{}?attributes={},userName", at(&kim), names(99).join(","))).await.json();
    assert_eq!(only["userName"], json!("kim@acme.example"));
    assert!(only.get("emails").is_none());
}

async fn large_bodies_take_turns(backend: Backend) {
    let scim = Scim::new(backend).await;
    let kim = scim.user("kim@acme.example").await;
    let turns = &scim.world.app.limits.large;
    let turn = turns.take(&scim.row.tenant_id, Duration::ZERO).await.expect("nobody is at it");
    let large = json!({"displayName": "SRE", "members": vec![json!({"value": kim["id"], "display": "x".repeat(100)}); 4_000]});
    let waiting = scim.post("/Groups", &large);
    let others = async {
        for _ in 0..10 {
            scim.group("Small", &[&kim]).await;
            let small = scim.found("/Groups", "displayName eq \"SRE\"").await;
            assert!(small.is_empty(), "the large one waits, and what is small does not");
            let found = scim.get("/Groups").await.json();
            assert_eq!(scim.delete(&at(&found["Resources"][0])).await.status, 204);
        }
        drop(turn);
    };
    let (answer, ()) = tokio::join!(waiting, others);
    assert_eq!(answer.status, 201, "{}", answer.body);
    let again = turns.take(&scim.row.tenant_id, Duration::ZERO).await;
    assert!(again.is_some(), "and its turn has ended");
}

/// Makes that many users behind the application's back, `u-1` and so on.
async fn crowd(scim: &Scim, users: usize) -> Vec<Value> {
    let sql = format!(
        "INSERT INTO directory_users (id, directory_id, made_user, user_name, active, resource, version, created_at, updated_at) \
         SELECT 'u-' || n, '{}', FALSE, 'u-' || n, TRUE, '{{\"userName\":\"u\"}}', 1, 1, 1 FROM \
         (WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < {users}) SELECT n FROM c) AS numbers",
        scim.row.id
    );
    scim.world.sql(sql.leak()).await;
    (1..=users).map(|n| json!({"id": format!("u-{n}")})).collect()
}

/// A thousand members that come or go are one more request, however they are sent.
async fn members_cost_their_share(backend: Backend) {
    let at_rate = async |rate: &str, members: bool| {
        let scim = Scim::over(World::with(backend, STATE, &[("SCIM_RATE", rate)]).await).await;
        crowd(&scim, 4_500).await;
        let sre = scim.group("SRE", &[]).await;
        let sql = format!(
            "INSERT INTO directory_members (group_id, member_id) SELECT '{}', id FROM directory_users WHERE id <> 'u-1'",
            sre["id"].as_str().unwrap()
        );
        if members {
            scim.world.sql(sql.leak()).await;
        }
        (scim, sre)
    };
    let all: Vec<Value> = (1..=4_500).map(|n| json!({"id": format!("u-{n}")})).collect();
    let all = group("SRE", &all.iter().collect::<Vec<_>>());
    let changes = [
        ("PUT", json!({"displayName": "SRE", "members": []})),
        ("DELETE", Value::Null),
        ("PATCH", json!([{"op": "remove", "path": "members"}])),
        ("PATCH", json!([{"op": "replace", "path": "members", "value": []}])),
        ("PATCH", json!([{"op": "add", "path": "members", "value": all["members"]}])),
        ("PATCH", json!([{"op": "remove", "path": "members", "value": all["members"]}])),
        ("POST", json!({"displayName": "Other", "members": all["members"]})),
        ("PATCH", in_turn(80)),
    ];
    for (method, body) in &changes {
        let (scim, sre) = at_rate("1", true).await;
        let change = async || match *method {
            "PUT" => scim.put(&at(&sre), body).await,
            "DELETE" => scim.delete(&at(&sre)).await,
            "PATCH" => scim.patch(&at(&sre), body.clone()).await,
            _ => scim.post("/Groups", body).await,
        };
        // Of a burst of four, two are gone when another four are counted.
        let done = change().await;
        assert!((200..300).contains(&done.status), "{method}: {}", done.body);
        let before = scim.world.app.db.all::<(i64,)>("SELECT COUNT(*) FROM directory_members", &[]).await.unwrap();
        let again = change().await;
        refused(&again, 429, None);
        assert_eq!(again.header("retry-after"), Some("3"), "{method}: two are owed, and one is to come");
        refused(&scim.get("/Users?count=0").await, 429, None);
        let there = scim.world.app.db.all::<(i64,)>("SELECT COUNT(*) FROM directory_members", &[]).await.unwrap();
        assert_eq!(there, before, "{method} has changed nothing");
    }
    // Honestly: a few are a few whatever the group has.
    let (scim, sre) = at_rate("1", true).await;
    assert_eq!(scim.patch(&at(&sre), json!([{"op": "add", "path": "members", "value": [{"value": "u-1"}]}])).await.status, 204);
    let remove = json!([{"op": "remove", "path": "members[value eq \"u-1\"]"}]);
    assert_eq!(scim.patch(&at(&sre), remove).await.status, 204);
    assert_eq!(scim.get("/Users?count=0").await.status, 200, "the last of four");
}

/// What costs a whole burst, or ten of them, was refused for ever on a directory that did nothing else, and beside others that
/// push as fast as they may.
async fn what_costs_a_burst_has_its_turn(backend: Backend) {
    let scim = Scim::over(World::with(backend, STATE, &[("SCIM_RATE", "1")]).await).await;
    let everybody: Vec<Value> = crowd(&scim, 4_000).await;
    let path = of_all(&scim, "all").await;
    let honoured = async |method: Method, path: &str, body: Option<String>| {
        let mut answer = scim.send(method.clone(), path, &[], body.clone()).await;
        if answer.status == 429 {
            scim.world.clock.advance(answer.header("retry-after").unwrap().parse().unwrap());
            answer = scim.send(method, path, &[], body).await;
        }
        answer
    };
    let read = honoured(Method::GET, &path, None).await;
    assert_eq!((read.status, read.json()["members"].as_array().unwrap().len()), (200, 4_000));
    let whole = group("all", &everybody.iter().collect::<Vec<_>>()).to_string();
    assert_eq!(honoured(Method::PUT, &path, Some(whole.clone())).await.status, 200);
    assert_eq!(honoured(Method::GET, "/Groups?filter=displayName+eq+%22all%22", None).await.status, 200);
    assert_eq!(honoured(Method::DELETE, &path, None).await.status, 204);

    // Beside a source that takes whatever it may, and comes first every other time; what was before is paid off.
    scim.world.clock.advance(60);
    let path = of_all(&scim, "all").await;
    let small = async || scim.get("/Users?count=0").await.status;
    let mut tries = 0;
    loop {
        let first = tries % 2 == 1;
        while !first && small().await == 200 {}
        tries += 1;
        let answer = scim.put(&path, &serde_json::from_str(&whole).unwrap()).await;
        if answer.status == 200 {
            break;
        }
        while small().await == 200 {}
        assert!(tries < 5, "it never has its turn: {}", answer.body);
        scim.world.clock.advance(1);
    }
    // And what is behind the end of a list has not been gone through.
    scim.world.clock.advance(60);
    for _ in 0..4 {
        assert_eq!(scim.get("/Users?startIndex=1000000000").await.status, 200);
    }
    assert_eq!(small().await, 429);
    scim.world.clock.advance(1);
    assert_eq!(small().await, 200, "nothing was owed");
}

/// Also in Bulk: whoever sends many of them is answered, one after the other.
async fn many_members_take_turns(backend: Backend) {
    let scim = Scim::new(backend).await;
    let all = crowd(&scim, 1_500).await;
    let all: Vec<&Value> = all.iter().collect();
    let turns = &scim.world.app.limits.heavy;
    let turn = turns.take(&scim.row.tenant_id, Duration::ZERO).await.expect("nobody is at it");
    let data = group("SRE", &all);
    let bulk = json!({"Operations": [{"method": "POST", "path": "/Groups", "bulkId": "a", "data": data}]});
    let others = async {
        for n in 0..10 {
            scim.group(&format!("Small {n}"), &[all[0]]).await;
            assert!(scim.found("/Groups", "displayName eq \"SRE\"").await.is_empty(), "the heavy one waits");
        }
        drop(turn);
    };
    let (answer, ()) = tokio::join!(scim.post("/Bulk", &bulk), others);
    let answer = answer.json();
    assert_eq!(answer["Operations"][0]["status"], json!("201"), "{answer}");
    assert_eq!(scim.world.app.db.all::<(i64,)>("SELECT COUNT(*) FROM directory_members", &[]).await.unwrap(), [(1_510,)]);
}

/// A group of everybody in `crowd`, made behind the application's back.
async fn of_all(scim: &Scim, id: &str) -> String {
    for sql in [
        format!(
            "INSERT INTO directory_groups (id, directory_id, display_name, resource, version, created_at, updated_at) \
             VALUES ('{id}', '{}', '{id}', '{{\"displayName\":\"{id}\"}}', 1, 1, 1)",
            scim.row.id
        ),
        format!("INSERT INTO directory_members (group_id, member_id) SELECT '{id}', id FROM directory_users"),
    ] {
        scim.world.sql(sql.leak()).await;
    }
    format!("/Groups/{id}")
}

/// Each was one request, half a second and fifteen megabytes.
async fn reading_members_costs_their_share(backend: Backend) {
    let at_rate = async |rate: &str| {
        let scim = Scim::over(World::with(backend, STATE, &[("SCIM_RATE", rate)]).await).await;
        crowd(&scim, 7_500).await;
        let path = of_all(&scim, "all").await;
        (scim, path)
    };
    let by_name = "/Groups?filter=displayName+eq+%22all%22";
    for path in ["/Groups/all", by_name, "/Groups?filter=id+eq+%22all%22"] {
        let (scim, _) = at_rate("1").await;
        // Of a burst of four, one is gone when another seven are counted, as a whole burst.
        assert_eq!(scim.get(path).await.status, 200, "{path}");
        let answer = scim.get(path).await;
        refused(&answer, 429, None);
        assert_eq!(answer.header("retry-after"), Some("2"), "{path}");
    }
    // Honestly: without them it is one request, as Entra asks.
    let (scim, path) = at_rate("1").await;
    for _ in 0..2 {
        for path in [format!("{path}?excludedAttributes=members"), format!("{by_name}&excludedAttributes=members")] {
            assert_eq!(scim.get(&path).await.status, 200, "{path}");
        }
    }
    let (scim, path) = at_rate("2").await;
    let all = scim.get(&path).await;
    assert_eq!((all.status, all.json()["members"].as_array().unwrap().len()), (200, 7_500));
    assert!(all.header("content-length").is_some());
}

async fn large_answers_take_turns(backend: Backend) {
    let scim = Scim::new(backend).await;
    crowd(&scim, 4_500).await;
    let path = of_all(&scim, "all").await;
    for turns in [&scim.world.app.limits.answers, &scim.world.app.limits.large] {
        let turn = turns.take(&scim.row.tenant_id, Duration::ZERO).await.expect("nobody is at it");
        let waits = std::sync::atomic::AtomicBool::new(true);
        let waiting = async {
            let answer = scim.get(&path).await;
            assert!(!waits.load(std::sync::atomic::Ordering::SeqCst), "the large one waits");
            answer
        };
        let others = async {
            for n in 1..10 {
                assert_eq!(scim.get(&format!("/Users/u-{n}")).await.status, 200);
                assert_eq!(scim.get(&format!("{path}?excludedAttributes=members")).await.status, 200);
            }
            waits.store(false, std::sync::atomic::Ordering::SeqCst);
            drop(turn);
        };
        let (answer, ()) = tokio::join!(waiting, others);
        assert_eq!(answer.json()["members"].as_array().unwrap().len(), 4_500);
        assert!(turns.take(&scim.row.tenant_id, Duration::from_secs(5)).await.is_some(), "and its turn has ended");
    }
}

/// A directory that is told to come again makes twice what was made.
async fn what_is_done_is_told_whoever_reads_nothing(backend: Backend) {
    let scim = Scim::new(backend).await;
    crowd(&scim, 4_500).await;
    let members: Vec<Value> = (1..=4_500).map(|n| json!({"value": format!("u-{n}")})).collect();
    let body = json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "all", "members": members});
    let turn = scim.world.app.limits.answers.take(&scim.row.tenant_id, Duration::ZERO).await.expect("nobody is at it");
    let made = scim.send(Method::POST, "/Groups", &[], Some(body.to_string())).await;
    assert_eq!((made.status, made.json().get("members")), (201, None), "{}", made.body);
    let path = format!("/Groups/{}", made.json()["id"].as_str().unwrap());
    let replaced = scim.send(Method::PUT, &path, &[], Some(body.to_string())).await;
    assert_eq!((replaced.status, replaced.json().get("members")), (200, None), "{}", replaced.body);
    drop(turn);
    assert_eq!(scim.get(&path).await.json()["members"].as_array().unwrap().len(), 4_500);
    let replaced = scim.send(Method::PUT, &path, &[], Some(body.to_string())).await;
    assert_eq!(replaced.json()["members"].as_array().unwrap().len(), 4_500);
}

/// Two hundred of five hundred each were a hundred thousand, in one request.
async fn a_page_of_groups_has_so_many_members(backend: Backend) {
    let scim = Scim::new(backend).await;
    crowd(&scim, 150).await;
    for n in 0..150 {
        of_all(&scim, &format!("g{n}")).await;
    }
    let with_members = async |count: usize| {
        let list = scim.get(&format!("/Groups?count={count}")).await.json();
        let rows = list["Resources"].as_array().unwrap();
        assert_eq!(rows.len(), count);
        rows.iter().filter(|row| row.get("members").is_some()).count()
    };
    assert_eq!(with_members(150).await, 0, "22,500 together");
    assert_eq!(with_members(130).await, 130, "19,500 together");
    assert_eq!(with_members(10).await, 10);
}
