//! What a crowd of members, or of changes of one resource, does to others: neither keeps a writer or a connection from them.

use serde_json::{Value, json};

use super::{Scim, at, refused};
use crate::{on_both, world::Backend};

on_both!(members_go_at_once, who_waits_for_a_row_holds_no_connection);

/// So many operations of which each is a statement of its own.
pub fn in_turn(count: usize) -> Value {
    let remove = || json!({"op": "remove", "path": "members[value eq \"u-1\"]"});
    let add = || json!({"op": "add", "path": "members", "value": [{"value": "u-1"}]});
    (0..count).map(|n| if n % 2 == 0 { remove() } else { add() }).collect()
}

/// That all members go was free, however often one request said so: 16,640 statements of one transaction, which kept other tenants'
/// sign-ins waiting.
async fn members_go_at_once(backend: Backend) {
    let scim = Scim::new(backend).await;
    let [kim, ray] = [scim.user("kim@acme.example").await, scim.user("ray@acme.example").await];
    let sre = scim.group("SRE", &[&kim, &ray]).await;
    let members = async || scim.get(&at(&sre)).await.json()["members"].as_array().unwrap().len();
    // As many spellings as the name has.
    let spelling = |bits: usize| -> String {
        "members".chars().enumerate().map(|(at, c)| if bits >> at & 1 == 1 { c.to_ascii_uppercase() } else { c }).collect()
    };
    let all: serde_json::Map<_, _> = (0..128).map(|bits| (spelling(bits), Value::Null)).collect();
    assert_eq!(all.len(), 128);
    let answer = scim.patch(&at(&sre), json!(vec![json!({"op": "replace", "value": all}); 130])).await;
    refused(&answer, 400, Some("invalidValue"));
    assert!(answer.body.contains("members more than once"), "{}", answer.body);
    let answer = scim.patch(&at(&sre), in_turn(101)).await;
    refused(&answer, 413, None);
    assert!(answer.body.contains("in turn more than 100 times"), "{}", answer.body);
    assert_eq!(members().await, 2, "nothing of it is done");
    // Honestly: whoever says it a thousand times means it once.
    let mut often = vec![json!({"op": "replace", "value": {"members": null}}); 999];
    often.push(json!({"op": "add", "path": "members", "value": [{"value": kim["id"]}]}));
    assert_eq!(scim.patch(&at(&sre), json!(often)).await.status, 204);
    assert_eq!(scim.get(&at(&sre)).await.json()["members"][0]["value"], kim["id"]);
    assert_eq!(members().await, 1);
}

/// On PostgreSQL sixteen who waited for one group's row held every connection that the node has, and nobody signed in.
async fn who_waits_for_a_row_holds_no_connection(backend: Backend) {
    if backend == Backend::Sqlite {
        return; // Its one writer waits for no row.
    }
    let scim = Scim::new(backend).await;
    let kim = scim.user("kim@acme.example").await;
    let (sre, other) = (scim.group("SRE", &[]).await, scim.group("Other", &[]).await);
    let db = &scim.world.app.db;
    let mut tx = db.begin().await.unwrap();
    for (locked, table) in [(&sre, "directory_groups"), (&kim, "directory_users")] {
        let sql = format!("UPDATE {table} SET version = version WHERE id = '{}'", locked["id"].as_str().unwrap());
        assert_eq!(tx.execute(sql.leak(), &[]).await.unwrap(), 1);
    }
    let add = json!([{"op": "add", "path": "members", "value": [{"value": kim["id"]}]}]);
    let title = json!([{"op": "replace", "path": "title", "value": "x"}]);
    let change = async |of_group: bool| match of_group {
        true => scim.patch(&at(&sre), add.clone()).await,
        false => scim.patch(&at(&kim), title.clone()).await,
    };
    let waiting = (0..40).map(|n| change(n % 2 == 0));
    let others = async {
        for n in 0..10 {
            scim.user(&format!("u{n}@acme.example")).await;
            let renamed = json!([{"op": "replace", "path": "displayName", "value": format!("Other {n}")}]);
            assert_eq!(scim.patch(&at(&other), renamed).await.status, 204);
        }
        tx.commit().await.unwrap();
    };
    let (answers, ()) = tokio::join!(futures_util::future::join_all(waiting), others);
    for answer in answers {
        assert!([200, 204].contains(&answer.status), "{}", answer.body);
    }
    assert_eq!(scim.get(&at(&sre)).await.json()["members"][0]["value"], kim["id"]);
}
