//! That somebody is out (`active: false`) holds whatever else of the request cannot be taken: sources send whole profiles, and would
//! send the same one for ever.

use gatehouse::{
    policy::directory::DirectorySettings,
    store::{
        directories::{self, Directory},
        users::Opened,
    },
};
use reqwest::Method;
use serde_json::{Value, json};

use super::{
    Pusher, Scim,
    accounts::{known_as, user_of, with_provider},
    adoption::{comes_in, entries, is_deactivated},
    at, person, pusher, refused,
};
use crate::{
    on_both,
    sso::{Log, Sso},
    world::{Backend, text},
};

on_both!(
    whatever_else_is_refused,
    also_where_only_the_invited_may_come,
    what_cannot_be_read_keeps_nobody_in,
    the_last_administrator_stays,
    a_version_counts_all_the_same,
    who_is_known_beyond_doubt_is_out,
    a_record_of_nobody_is_out_beside_a_lock,
    an_id_that_was_left_aside_meets_its_lock,
    who_is_kept_out_changes_the_record,
);

/// With these attributes, of somebody who is in or out.
fn with(body: &Value, change: &Value, active: bool) -> Value {
    let mut body = body.clone();
    let fields = body.as_object_mut().unwrap();
    fields.extend(change.as_object().unwrap().clone());
    fields.insert("active".to_owned(), json!(active));
    body
}

fn at_once(change: &Value, active: bool) -> Value {
    json!([{"op": "replace", "value": with(&json!({}), change, active)}])
}

/// The status of a change that is sent by `way`.
async fn sent(by: &Pusher, way: &str, record: &Value, whole: &Value, change: &Value, active: bool) -> u16 {
    let path = at(record);
    match way {
        "PUT" => by.put(&path, &with(whole, change, active)).await.status,
        "PATCH" => by.patch(&path, at_once(change, active)).await.status,
        _ => {
            let operations = json!([{"method": "PUT", "path": path, "data": with(whole, change, active)}]);
            let answer = by.post("/Bulk", &json!({"Operations": operations})).await.json();
            text(&answer["Operations"][0], "status").parse().unwrap()
        }
    }
}

async fn whatever_else_is_refused(backend: Backend) {
    let (sso, okta) = with_provider(backend).await;
    let settings = DirectorySettings { proven_domains_only: true, ..DirectorySettings::default() };
    let strict = pusher(&sso.world, "acme", "strict", settings, None).await;
    comes_in(&sso, "00u-taken", "taken@acme.example").await.unwrap();
    okta.made("/Users", &known_as("other@acme.example", "00u-other")).await;
    let address = |of: &str| json!({"displayName": "Left", "emails": [{"value": of, "primary": true}]});
    let mut n = 0;
    for (by, change, status) in [
        (&okta, address("taken@acme.example"), 409),
        (&strict, address("kim@gmail.example"), 400),
        (&okta, json!({"externalId": "00u-other"}), 409),
        (&okta, json!({"externalId": "00u-taken", "title": "Left"}), 409),
        (&okta, json!({"userName": "OTHER@acme.example"}), 409),
        (&okta, json!({"userName": ""}), 400),
    ] {
        for way in ["PUT", "PATCH", "Bulk"] {
            n += 1;
            let (email, id) = (format!("p{n}@acme.example"), format!("00u-p{n}"));
            let whole = known_as(&email, &id);
            let record = by.made("/Users", &whole).await;
            // Of who is in it is refused.
            assert_eq!(sent(by, way, &record, &whole, &change, true).await, status, "{way} {change}");
            assert_eq!(by.get(&at(&record)).await.json(), record, "{way} {change}");
            assert!(user_of(&sso, &email).await.unwrap().active);
            for _ in 0..2 {
                assert_eq!(sent(by, way, &record, &whole, &change, false).await, 200, "{way} {change}");
                let now = by.get(&at(&record)).await.json();
                assert_eq!(now["active"], json!(false), "{way} {change}");
                for kept in ["userName", "externalId", "emails", "displayName", "title"] {
                    assert_eq!(now.get(kept), record.get(kept), "{way} {change}");
                }
                let user = user_of(&sso, &email).await.expect("the old address");
                assert!(!user.active, "{way} {change}");
                assert_eq!(user.name.as_deref(), Some("Kim Ode"));
            }
            // Their own word lets them in again.
            assert_eq!(by.put(&at(&record), &whole).await.status, 200, "{way} {change}");
            assert!(user_of(&sso, &email).await.unwrap().active);
        }
    }
    assert!(
        user_of(&sso, "taken@acme.example").await.unwrap().active && user_of(&sso, "other@acme.example").await.unwrap().active
    );
    operators_read_of_it(&sso, &okta).await;
    // Honestly: what can be taken is.
    let record = okta.made("/Users", &known_as("zoe@acme.example", "00u-zoe")).await;
    let change = json!({"title": "Gone", "emails": [{"value": "zoe.left@acme.example", "primary": true}]});
    assert_eq!(okta.patch(&at(&record), at_once(&change, false)).await.status, 200);
    let now = okta.get(&at(&record)).await.json();
    assert_eq!((&now["title"], &now["active"]), (&json!("Gone"), &json!(false)));
    assert!(!user_of(&sso, "zoe.left@acme.example").await.unwrap().active);
}

/// In the log, and in the audit log.
async fn operators_read_of_it(sso: &Sso, okta: &Pusher) {
    let tokens = comes_in(sso, "00u-may", "may@acme.example").await.unwrap();
    let record = okta.made("/Users", &known_as("may@acme.example", "00u-may")).await;
    let log = Log::down_to(tracing::Level::WARN);
    let change = json!({"emails": [{"value": "taken@acme.example", "primary": true}]});
    assert_eq!(okta.patch(&at(&record), at_once(&change, false)).await.status, 200);
    let line = log.text();
    assert!(line.contains("is left aside") && line.contains(text(&record, "id")), "{line}");
    let last = entries(sso, "update").await.pop().unwrap();
    assert!(text(&last["left_aside"], "is").contains("taken@acme.example"), "{last}");
    assert_ne!(sso.userinfo(text(&tokens, "access_token")).await.status, 200);
    assert!(is_deactivated(sso, "00u-may", "may@acme.example").await);
}

/// Who has never signed in is somebody else under another address.
async fn also_where_only_the_invited_may_come(backend: Backend) {
    let (sso, okta) = with_provider(backend).await;
    let record = okta.made("/Users", &known_as("mia@acme.example", "00u-mia")).await;
    sso.sql("UPDATE tenants SET provisioning = 'invite'").await;
    let change = json!({"emails": [{"value": "mia.left@acme.example", "primary": true}]});
    refused(&okta.patch(&at(&record), at_once(&change, true)).await, 403, None);
    assert_eq!(okta.patch(&at(&record), at_once(&change, false)).await.status, 200);
    assert!(!user_of(&sso, "mia@acme.example").await.unwrap().active);
    assert!(user_of(&sso, "mia.left@acme.example").await.is_none());
}

async fn what_cannot_be_read_keeps_nobody_in(backend: Backend) {
    let scim = Scim::new(backend).await;
    let off = json!({"op": "replace", "path": "active", "value": "False"});
    for (n, other) in [
        json!({"op": "replace", "path": "emails[", "value": "x"}),
        json!({"op": "replace", "path": "userName", "value": ""}),
        json!({"op": "remove"}),
        json!({"op": "increase", "path": "title", "value": 1}),
    ]
    .into_iter()
    .enumerate()
    {
        let email = format!("p{n}@acme.example");
        let record = scim.user(&email).await;
        let title = json!({"op": "replace", "path": "title", "value": "Boss"});
        let answer = scim.patch(&at(&record), json!([title, other])).await;
        refused(&answer, 400, answer.json()["scimType"].as_str());
        assert_eq!(scim.get(&at(&record)).await.json(), record, "all or none");
        assert_eq!(scim.patch(&at(&record), json!([title, off, other])).await.status, 200, "{other}");
        assert!(!user_of(&scim.world, &email).await.unwrap().active);
        assert!(scim.get(&at(&record)).await.json().get("title").is_none(), "but for that, all or none");
    }
    // A whole one.
    let record = scim.user("ray@acme.example").await;
    let bad = json!({"active": false, "userName": "ray@acme.example", "name": 5});
    assert_eq!(scim.put(&at(&record), &bad).await.status, 200);
    assert!(!user_of(&scim.world, "ray@acme.example").await.unwrap().active);
    // Honestly: who says nothing of it, or the contrary beside it, or that they are in.
    let record = scim.user("zoe@acme.example").await;
    for bad in [
        json!({"userName": "zoe@acme.example", "name": 5}),
        json!({"userName": "zoe@acme.example", "name": 5, "active": true}),
        json!({"userName": "zoe@acme.example", "active": false, "Active": true}),
    ] {
        assert_eq!(scim.put(&at(&record), &bad).await.status, 400, "{bad}");
    }
    assert_eq!(
        scim.patch(&at(&record), json!([off, {"op": "replace", "value": {"active": true, "userName": ""}}])).await.status,
        400
    );
    assert!(user_of(&scim.world, "zoe@acme.example").await.unwrap().active);
    refused(&scim.put("/Users/no-such-id", &json!({"active": false, "name": 5})).await, 404, None);
}

async fn the_last_administrator_stays(backend: Backend) {
    let scim = Scim::new(backend).await;
    let kim = scim.user("kim@acme.example").await;
    scim.user("ray@acme.example").await;
    let change = json!({"emails": [{"value": "ray@acme.example", "primary": true}]});
    for (sql, why) in [
        ("UPDATE users SET admin = TRUE WHERE email = 'kim@acme.example'", "last active administrator"),
        ("UPDATE users SET platform = TRUE WHERE email = 'kim@acme.example'", "administers the deployment"),
    ] {
        scim.world.sql(sql).await;
        for change in [&change, &json!({"userName": ""})] {
            let answer = scim.patch(&at(&kim), at_once(change, false)).await;
            refused(&answer, 409, None);
            assert!(answer.body.contains(why), "{}", answer.body);
        }
        assert_eq!(scim.get(&at(&kim)).await.json(), kim);
        assert!(user_of(&scim.world, "kim@acme.example").await.unwrap().active);
    }
    // Honestly: where there is another.
    scim.world.sql("UPDATE users SET platform = FALSE").await;
    scim.world.sql("UPDATE users SET admin = TRUE WHERE email = 'ray@acme.example'").await;
    assert_eq!(scim.patch(&at(&kim), at_once(&change, false)).await.status, 200);
    assert!(!user_of(&scim.world, "kim@acme.example").await.unwrap().active);
}

async fn a_version_counts_all_the_same(backend: Backend) {
    let scim = Scim::new(backend).await;
    let kim = scim.user("kim@acme.example").await;
    let body = || Some(with(&person("kim@acme.example"), &json!({"userName": ""}), false).to_string());
    refused(&scim.send(Method::PUT, &at(&kim), &[("if-match", "W/\"7\"")], body()).await, 412, None);
    assert_eq!(scim.get(&at(&kim)).await.json(), kim);
    let done = scim.send(Method::PUT, &at(&kim), &[("if-match", "W/\"1\"")], body()).await;
    assert_eq!((done.status, done.header("etag")), (200, Some("W/\"2\"")), "{}", done.body);
}

/// A record that stood for nobody, when whoever signs in as its id was there already.
async fn who_is_known_beyond_doubt_is_out(backend: Backend) {
    let (sso, okta) = with_provider(backend).await;
    let mut records = Vec::new();
    for name in ["bare", "second"] {
        let bare = pusher(&sso.world, "acme", name, DirectorySettings::default(), None).await;
        let kim = bare.made("/Users", &json!({"userName": "kim", "externalId": "00u-kim"})).await;
        let ray = json!({"userName": "ray", "externalId": "00u-ray"});
        let ray = if name == "bare" { bare.made("/Users", &ray).await } else { Value::Null };
        records.push((bare, kim, ray));
    }
    for name in ["kim", "ray"] {
        comes_in(&sso, &format!("00u-{name}"), &format!("{name}@acme.example")).await.unwrap();
    }
    for (bare, ..) in &records {
        let connected = Directory { connection_id: okta.row.connection_id.clone(), ..bare.row.clone() };
        directories::save(&sso.app.db, &connected).await.unwrap();
    }
    let (bare, kim, ray) = &records[0];
    for record in [kim, ray] {
        assert_eq!(bare.patch(&at(record), at_once(&json!({"userName": ""}), false)).await.status, 200);
        assert_eq!(bare.get(&at(record)).await.json()["active"], json!(false));
    }
    assert!(!user_of(&sso, "ray@acme.example").await.unwrap().active);
    // Of whom another directory of the connection speaks too, it is not said who they are.
    assert!(user_of(&sso, "kim@acme.example").await.unwrap().active);
    assert!(is_deactivated(&sso, "00u-kim", "kim@acme.example").await, "and nobody comes in by it");
}

async fn a_record_of_nobody_is_out_beside_a_lock(backend: Backend) {
    let (sso, okta) = with_provider(backend).await;
    let plain = pusher(&sso.world, "acme", "plain", DirectorySettings::default(), None).await;
    let sleeper = plain.made("/Users", &json!({"userName": "sleeper", "externalId": "00u-kim"})).await;
    okta.made("/Users", &known_as("kim@acme.example", "00u-kim")).await;
    let kim = user_of(&sso, "kim@acme.example").await.unwrap().id;
    assert!(sso.shut_out(&kim).await.is_some());
    assert!(directories::delete(&sso.app.db, &okta.row.id).await.unwrap());
    let title = json!([{"op": "replace", "path": "title", "value": "x"}]);
    refused(&plain.patch(&at(&sleeper), title.clone()).await, 409, Some("uniqueness"));
    assert_eq!(plain.patch(&at(&sleeper), at_once(&json!({}), false)).await.status, 200);
    assert_eq!(plain.get(&at(&sleeper)).await.json()["active"], json!(false));
    // That they are in is refused, until an operator has let them in.
    refused(&plain.patch(&at(&sleeper), at_once(&json!({}), true)).await, 409, Some("uniqueness"));
    assert_eq!(sso.open_again(&kim).await, Opened::Open);
    assert_eq!(plain.patch(&at(&sleeper), title).await.status, 200);
}

/// What was looked up for nothing is not forgotten.
async fn an_id_that_was_left_aside_meets_its_lock(backend: Backend) {
    let (sso, okta) = with_provider(backend).await;
    let record = okta.made("/Users", &known_as("kim@acme.example", "00u-kim")).await;
    let kim = user_of(&sso, "kim@acme.example").await.unwrap().id;
    assert!(sso.shut_out(&kim).await.is_some());
    let becomes = json!([{"op": "replace", "path": "externalId", "value": "zz"}]);
    assert_eq!(okta.patch(&at(&record), becomes).await.status, 200);
    let bare = okta.made("/Users", &json!({"userName": "bare"})).await;
    let other = okta.made("/Users", &known_as("other@acme.example", "00u-other")).await;
    for one in [&bare, &other] {
        assert_eq!(okta.patch(&at(one), at_once(&json!({"externalId": "00u-kim"}), false)).await.status, 200);
        assert_eq!(okta.get(&at(one)).await.json().get("externalId"), one.get("externalId"));
        refused(&okta.post("/Users", &known_as("kim2@acme.example", "00u-kim")).await, 409, Some("uniqueness"));
    }
    assert!(!user_of(&sso, "other@acme.example").await.unwrap().active);
    assert!(is_deactivated(&sso, "00u-kim", "kim2@acme.example").await);
}

/// A source that asks what has changed is told.
async fn who_is_kept_out_changes_the_record(backend: Backend) {
    let (sso, okta) = with_provider(backend).await;
    let record = okta.made("/Users", &known_as("kim@acme.example", "00u-kim")).await;
    okta.made("/Users", &known_as("ray@acme.example", "00u-ray")).await;
    let began = text(&record["meta"], "lastModified").to_owned();
    sso.world.clock.advance(60);
    let kim = user_of(&sso, "kim@acme.example").await.unwrap().id;
    assert!(sso.shut_out(&kim).await.is_some());
    assert!(okta.found("/Users", &format!("meta.lastModified gt \"{began}\"")).await.is_empty(), "nothing of it is another");
    assert!(sso.remove(&kim).await.is_some());
    let now = okta.get(&at(&record)).await.json();
    assert_eq!((&now["active"], &now["meta"]["version"]), (&json!(false), &json!("W/\"2\"")));
    assert_ne!(text(&now["meta"], "lastModified"), began);
    assert_eq!(okta.found("/Users", &format!("meta.lastModified gt \"{began}\"")).await, ["kim@acme.example"]);
}
