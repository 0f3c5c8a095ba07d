//! Who is out comes in again by one thing that a directory says, `active: true` of themselves, and by nothing else: no group, no
//! other attribute, no record that is made anew.

use gatehouse::{
    policy::directory::{DirectorySettings, GroupRule},
    store::{
        directories::{self, Directory},
        users,
    },
};
use serde_json::{Value, json};

use super::{
    Pusher,
    accounts::{known_as, with_provider},
    adoption::{comes_in, made_by},
    at, group, person, pusher,
};
use crate::{on_both, sso::Sso, world::Backend};

on_both!(no_group_lets_anybody_in, nothing_else_of_the_user_does, a_new_record_says_it_too, a_directory_that_is_off_is_no_word);

fn active(is: bool) -> Value {
    json!([{"op": "replace", "path": "active", "value": is}])
}

async fn is_in(sso: &Sso, user: &str) -> bool {
    users::find(&sso.app.db, user).await.unwrap().unwrap().active
}

/// Somebody whom the directory has shut out: their record, and the user.
async fn out(sso: &Sso, directory: &Pusher, name: &str) -> (Value, String) {
    let record = directory.made("/Users", &known_as(&format!("{name}@acme.example"), &format!("00u-{name}"))).await;
    let user = made_by(&sso.app, &record).await;
    assert_eq!(directory.patch(&at(&record), active(false)).await.status, 200);
    assert!(!is_in(sso, &user).await);
    (record, user)
}

async fn no_group_lets_anybody_in(backend: Backend) {
    let (sso, _) = with_provider(backend).await;
    let group_rules = vec![GroupRule { group: "sre-*".into(), team: Some("sre".into()), ..GroupRule::default() }];
    let settings = DirectorySettings { group_rules, ..DirectorySettings::default() };
    let directory = pusher(&sso.world, "acme", "ruled", settings, None).await;
    let (kim, user) = out(&sso, &directory, "kim").await;
    let ray = directory.user("ray@acme.example").await;
    let first = directory.group("one", &[&kim, &ray]).await;
    let path = at(&first);
    let member = json!({"value": kim["id"], "display": "Kim", "active": true});
    let patches = [
        json!([{"op": "add", "path": "members", "value": [member]}]),
        json!([{"op": "replace", "path": "members", "value": [member]}]),
        json!([{"op": "replace", "value": {"displayName": "sre-2", "members": [member]}}]),
        json!([{"op": "remove", "path": format!("members[value eq {}]", kim["id"])}]),
        json!([{"op": "Add", "value": {"members": [member], "active": true}}]),
        json!([{"op": "remove", "path": "members"}]),
    ];
    for operations in patches {
        let answer = directory.patch(&path, operations.clone()).await;
        assert!(answer.status == 204 && !is_in(&sso, &user).await, "{operations}: {}", answer.body);
    }
    assert_eq!(directory.put(&path, &group("sre-3", &[&kim])).await.status, 200);
    let operations = json!([
        {"method": "PUT", "path": path, "data": group("four", &[&kim, &ray])},
        {"method": "POST", "path": "/Groups", "bulkId": "a", "data": group("sre-5", &[&kim])},
        {"method": "PATCH", "path": path, "data": {"Operations": [{"op": "add", "path": "members", "value": [member]}]}},
    ]);
    let bulk = directory.post("/Bulk", &json!({"Operations": operations})).await.json();
    let done: Vec<&Value> = bulk["Operations"].as_array().unwrap().iter().map(|operation| &operation["status"]).collect();
    assert_eq!(done, [&json!("200"), &json!("201"), &json!("200")], "{bulk}");
    assert_eq!(directory.delete(&path).await.status, 204);
    assert!(!is_in(&sso, &user).await);
    assert_eq!(directory.get(&at(&kim)).await.json()["active"], json!(false));
    // Honestly: the person's own word does, and what the groups say is there then.
    assert_eq!(directory.patch(&at(&kim), active(true)).await.status, 200);
    assert!(is_in(&sso, &user).await);
    let teams = gatehouse::store::teams::of_user(&sso.app.db, &user).await.unwrap();
    assert_eq!(teams.iter().map(|team| team.name.as_str()).collect::<Vec<_>>(), ["sre"]);
}

async fn nothing_else_of_the_user_does(backend: Backend) {
    let (sso, directory) = with_provider(backend).await;
    let (kim, user) = out(&sso, &directory, "kim").await;
    let mut put = known_as("kim@acme.example", "00u-kim");
    put.as_object_mut().unwrap().remove("active");
    for round in ["one", "two"] {
        put["title"] = json!(round);
        assert_eq!(directory.put(&at(&kim), &put).await.json()["active"], json!(false), "{round}");
        for operations in [
            json!([{"op": "add", "path": "title", "value": format!("{round}!")}]),
            json!([{"op": "remove", "path": "active"}]),
            json!([{"op": "replace", "path": "active", "value": null}]),
            json!([{"op": "replace", "value": {"displayName": round, "externalId": format!("00u-{round}")}}]),
            json!([{"op": "replace", "path": "emails[type eq \"work\"].value", "value": format!("{round}@acme.example")}]),
        ] {
            let answer = directory.patch(&at(&kim), operations.clone()).await;
            assert_eq!((answer.status, &answer.json()["active"]), (200, &json!(false)), "{operations}: {}", answer.body);
            assert!(!is_in(&sso, &user).await, "{operations}");
        }
    }
    assert_eq!(directory.patch(&at(&kim), json!([{"op": "Replace", "value": {"active": "True"}}])).await.status, 200);
    assert!(is_in(&sso, &user).await);
}

/// Of who is there already. An archived user who is only assigned to something again is not let in by that.
async fn a_new_record_says_it_too(backend: Backend) {
    let (sso, directory) = with_provider(backend).await;
    comes_in(&sso, "00u-kim", "kim@acme.example").await.unwrap();
    let (kim, user) = out(&sso, &directory, "kim").await;
    assert_eq!(directory.delete(&at(&kim)).await.status, 204);
    let mut silent = known_as("kim@acme.example", "00u-kim");
    silent.as_object_mut().unwrap().remove("active");
    let kim = directory.made("/Users", &silent).await;
    assert_eq!((&kim["active"], is_in(&sso, &user).await), (&json!(false), false));
    assert_eq!(directory.patch(&at(&kim), json!([{"op": "add", "path": "title", "value": "x"}])).await.status, 200);
    assert!(!is_in(&sso, &user).await);
    assert_eq!(directory.patch(&at(&kim), active(true)).await.status, 200);
    assert!(is_in(&sso, &user).await);
    // By a record that stood for nobody.
    assert_eq!(directory.delete(&at(&kim)).await.status, 204);
    let bare = directory.made("/Users", &json!({"userName": "bare", "active": true})).await;
    let theirs = json!([{"op": "replace", "path": "externalId", "value": "00u-kim"}]);
    assert_eq!(directory.patch(&at(&bare), theirs).await.json()["active"], json!(false));
    assert!(made_by(&sso.app, &bare).await == user && !is_in(&sso, &user).await);
    assert_eq!(directory.delete(&at(&bare)).await.status, 204);
    // Honestly: said with the record, it counts, and of somebody new nothing needs to be said.
    assert_eq!(directory.made("/Users", &known_as("kim@acme.example", "00u-kim")).await["active"], json!(true));
    assert!(is_in(&sso, &user).await);
    let mut new = person("new@acme.example");
    new.as_object_mut().unwrap().remove("active");
    let new = directory.made("/Users", &new).await;
    assert!(new["active"] == json!(true) && is_in(&sso, &made_by(&sso.app, &new).await).await);
}

/// It has shut somebody out, and is switched off: another lets them in by saying so, and not by changing a title.
async fn a_directory_that_is_off_is_no_word(backend: Backend) {
    let (sso, okta) = with_provider(backend).await;
    comes_in(&sso, "00u-kim", "kim@acme.example").await.unwrap();
    let other = pusher(&sso.world, "acme", "other", DirectorySettings::default(), okta.row.connection_id.as_deref()).await;
    let kim = okta.made("/Users", &known_as("kim@acme.example", "00u-kim")).await;
    let (_, user) = out(&sso, &other, "kim").await;
    assert_eq!(okta.patch(&at(&kim), active(true)).await.status, 200);
    assert!(!is_in(&sso, &user).await);
    directories::save(&sso.app.db, &Directory { enabled: false, ..other.row.clone() }).await.unwrap();
    assert_eq!(okta.patch(&at(&kim), json!([{"op": "add", "path": "title", "value": "x"}])).await.status, 200);
    assert!(!is_in(&sso, &user).await);
    assert_eq!(okta.patch(&at(&kim), active(true)).await.status, 200);
    assert!(is_in(&sso, &user).await);
}
