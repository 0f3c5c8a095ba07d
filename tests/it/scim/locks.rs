//! An operator's lock on a user whom a directory has brought in, and who has never signed in: nothing but the directory's records
//! says who they are, and the directory may take those away and make others (threats P3, P7).

use gatehouse::{
    policy::directory::DirectorySettings,
    store::{
        connections::{self, Connection},
        directories::{self, Directory},
        directory_links, left_records,
        users::{self, Opened},
    },
};
use serde_json::{Value, json};

use super::{
    Pusher,
    accounts::{known_as, user_of, with_provider},
    adoption::{comes_in, entries, is_deactivated, made_by},
    at, pusher, refused,
};
use crate::{on_both, sso::Sso, world::Backend};

on_both!(
    who_is_brought_in_again_meets_the_lock,
    an_id_that_was_left_meets_it_too,
    another_directory_meets_it,
    who_comes_by_themselves_meets_it,
    what_was_first_is_remembered,
    who_is_locked_by_nobody_is_made_anew,
    a_lock_outlives_its_directory,
    a_lock_outlives_its_connection,
    what_a_lock_keeps_is_told,
);

fn becomes(id: &str) -> Value {
    json!([{"op": "replace", "path": "externalId", "value": id}])
}

/// Somebody whom the directory has made, and an operator has shut out: their record, and the user.
async fn locked(sso: &Sso, directory: &Pusher, name: &str) -> (Value, String) {
    let email = format!("{name}@acme.example");
    let record = directory.made("/Users", &known_as(&email, &format!("00u-{name}"))).await;
    let user = user_of(sso, &email).await.unwrap().id;
    assert!(sso.shut_out(&user).await.is_some());
    (record, user)
}

async fn is_out(sso: &Sso, user: &str) -> bool {
    !users::find(&sso.app.db, user).await.unwrap().unwrap().active
}

/// By the same externalId and another address: that was somebody else, who was let in.
async fn who_is_brought_in_again_meets_the_lock(backend: Backend) {
    let (sso, okta) = with_provider(backend).await;
    let plain = pusher(&sso.world, "acme", "plain", DirectorySettings::default(), None).await;
    for (directory, name) in [(&okta, "kim"), (&plain, "ray")] {
        let (record, user) = locked(&sso, directory, name).await;
        for round in 0..3 {
            let last = if round == 0 { record.clone() } else { directory.get("/Users").await.json()["Resources"][0].clone() };
            assert_eq!(directory.delete(&at(&last)).await.status, 204);
            let email = format!("{name}{round}@acme.example");
            let again = directory.made("/Users", &known_as(&email, &format!("00u-{name}"))).await;
            assert_eq!(made_by(&sso.app, &again).await, user, "{name}");
            assert!(user_of(&sso, &email).await.is_none(), "nobody new comes to be");
            for active in [false, true] {
                let answer = directory.patch(&at(&again), json!([{"op": "replace", "value": {"active": active}}])).await;
                assert_eq!(answer.status, 200, "{}", answer.body);
                assert!(is_out(&sso, &user).await, "{name}");
            }
        }
        let links = entries(&sso, "link").await;
        let link = links.last().expect("an operator reads why they are out");
        assert_eq!((&link["shut_by"]["is"], &link["user"]["is"]), (&json!("operator"), &json!(user)));
    }
    assert!(is_deactivated(&sso, "00u-kim", "kim9@acme.example").await);
    // Honestly: somebody else is somebody else, and once the operator has opened, the person comes in as who they were.
    let other = okta.made("/Users", &known_as("other@acme.example", "00u-other")).await;
    assert!(user_of(&sso, "other@acme.example").await.unwrap().active);
    assert_eq!(okta.delete(&at(&other)).await.status, 204);
    let kim = user_of(&sso, "kim@acme.example").await.unwrap();
    assert_eq!(sso.open_again(&kim.id).await, Opened::Open);
    assert!(comes_in(&sso, "00u-kim", "kim9@elsewhere.example").await.is_ok());
    let kims = okta.get("/Users").await.json()["Resources"][0].clone();
    assert_eq!(made_by(&sso.app, &kims).await, kim.id);
    assert!(user_of(&sso, "kim9@elsewhere.example").await.is_none());
}

/// Renaming the record frees the id for another as deleting it does.
async fn an_id_that_was_left_meets_it_too(backend: Backend) {
    let (sso, directory) = with_provider(backend).await;
    let (record, user) = locked(&sso, &directory, "kim").await;
    assert_eq!(directory.patch(&at(&record), becomes("zz")).await.status, 200);
    refused(&directory.post("/Users", &known_as("kim2@acme.example", "00u-kim")).await, 409, Some("uniqueness"));
    let other = directory.made("/Users", &known_as("other@acme.example", "00u-other")).await;
    let answer = directory.patch(&at(&other), becomes("00u-kim")).await;
    refused(&answer, 409, Some("uniqueness"));
    assert!(answer.body.contains("an operator has shut out"), "{}", answer.body);
    refused(&directory.put(&at(&other), &known_as("other@acme.example", "00u-kim")).await, 409, Some("uniqueness"));
    let bare = directory.made("/Users", &json!({"userName": "bare"})).await;
    refused(&directory.patch(&at(&bare), becomes("00u-kim")).await, 409, Some("uniqueness"));
    assert!(is_deactivated(&sso, "00u-kim", "kim2@acme.example").await);
    // Honestly: what is theirs they may have back, and once they are let in, an id that is nobody's is anybody's.
    assert_eq!(directory.patch(&at(&record), becomes("00u-kim")).await.status, 200);
    assert_eq!(directory.patch(&at(&record), becomes("zz")).await.status, 200);
    assert_eq!(sso.open_again(&user).await, Opened::Open);
    assert_eq!(directory.patch(&at(&other), becomes("00u-kim")).await.status, 200);
    assert!(sso.shut_out(&user).await.is_some());
    assert_eq!(directory.patch(&at(&other), json!([{"op": "add", "path": "title", "value": "x"}])).await.status, 200);
    assert_eq!(directory.delete(&at(&other)).await.status, 204);
    directory.made("/Users", &known_as("other@acme.example", "00u-kim")).await;
    assert!(user_of(&sso, "other@acme.example").await.unwrap().active, "whose it was last counts");
}

/// Two records of one subject name nobody, and an address decided.
async fn another_directory_meets_it(backend: Backend) {
    let (sso, okta) = with_provider(backend).await;
    let second = pusher(&sso.world, "acme", "second", DirectorySettings::default(), okta.row.connection_id.as_deref()).await;
    let (record, user) = locked(&sso, &okta, "kim").await;
    for there in [true, false] {
        if !there {
            assert_eq!(okta.delete(&at(&record)).await.status, 204);
        }
        refused(&second.post("/Users", &known_as("kim2@acme.example", "00u-kim")).await, 409, Some("uniqueness"));
        assert!(user_of(&sso, "kim2@acme.example").await.is_none());
    }
    // One that was there before the lock lets nobody in past it.
    sso.open_again(&user).await;
    let twin = second.made("/Users", &known_as("kim2@acme.example", "00u-kim")).await;
    sso.shut_out(&user).await;
    okta.made("/Users", &known_as("kim3@acme.example", "00u-kim")).await;
    assert!(is_deactivated(&sso, "00u-kim", "kim2@acme.example").await);
    // Honestly: a directory of no connection, or of another, has ids of its own.
    assert_eq!(second.delete(&at(&twin)).await.status, 204);
    let plain = pusher(&sso.world, "acme", "plain", DirectorySettings::default(), None).await;
    plain.made("/Users", &known_as("kim4@acme.example", "00u-kim")).await;
    assert!(user_of(&sso, "kim4@acme.example").await.unwrap().active);
}

async fn who_comes_by_themselves_meets_it(backend: Backend) {
    let (sso, directory) = with_provider(backend).await;
    let (record, _) = locked(&sso, &directory, "kim").await;
    assert_eq!(directory.delete(&at(&record)).await.status, 204);
    assert!(is_deactivated(&sso, "00u-kim", "new@acme.example").await);
    assert!(user_of(&sso, "new@acme.example").await.is_none());
    // Also where the record is there, and the id it has now is not the one that something was given to.
    let (record, user) = locked(&sso, &directory, "ray").await;
    sso.sql("UPDATE directory_users SET made_as = 'another' WHERE external_id = '00u-ray'").await;
    let give = "INSERT INTO teams (id, tenant_id, name, created_at) SELECT 't', tenant_id, 't', 1 FROM users WHERE email = 'ray@acme.example'";
    sso.sql(give).await;
    sso.sql("INSERT INTO team_members (team_id, user_id) SELECT 't', id FROM users WHERE email = 'ray@acme.example'").await;
    assert!(is_deactivated(&sso, "00u-ray", "ray2@acme.example").await);
    assert_eq!(directory.delete(&at(&record)).await.status, 204);
    assert!(is_deactivated(&sso, "00u-ray", "ray2@acme.example").await);
    // Brought in again and opened, the id still leads nobody to what was given to another.
    directory.made("/Users", &known_as("ray3@acme.example", "00u-ray")).await;
    assert_eq!(sso.open_again(&user).await, Opened::Open);
    assert!(comes_in(&sso, "00u-ray", "ray4@acme.example").await.is_ok());
    assert_ne!(user_of(&sso, "ray4@acme.example").await.unwrap().id, user);
    // Honestly: who has the identity is in, whatever a directory has called somebody else.
    assert!(comes_in(&sso, "00u-eve", "eve2@acme.example").await.is_ok());
    let (record, _) = locked(&sso, &directory, "pat").await;
    sso.sql("UPDATE directory_users SET external_id = '00u-eve' WHERE external_id = '00u-pat'").await;
    assert!(comes_in(&sso, "00u-eve", "eve2@acme.example").await.is_ok());
    assert_eq!(directory.delete(&at(&record)).await.status, 204);
    assert!(comes_in(&sso, "00u-eve", "eve2@acme.example").await.is_ok());
}

/// Whoever can rename a record could drive out what the person is called at the provider, and fill the database.
async fn what_was_first_is_remembered(backend: Backend) {
    let (sso, directory) = with_provider(backend).await;
    let (record, _) = locked(&sso, &directory, "kim").await;
    for n in 0..110 {
        assert_eq!(directory.patch(&at(&record), becomes(&format!("x{n}"))).await.status, 200);
    }
    assert_eq!(sso.app.db.all::<(i64,)>("SELECT COUNT(*) FROM left_records", &[]).await.unwrap(), [(100,)]);
    refused(&directory.post("/Users", &known_as("kim2@acme.example", "00u-kim")).await, 409, Some("uniqueness"));
    assert!(is_deactivated(&sso, "00u-kim", "kim2@acme.example").await);
}

async fn who_is_locked_by_nobody_is_made_anew(backend: Backend) {
    let (sso, directory) = with_provider(backend).await;
    for shut in [false, true] {
        let record = directory.made("/Users", &known_as("kim@acme.example", "00u-kim")).await;
        let user = made_by(&sso.app, &record).await;
        if shut {
            directory.patch(&at(&record), json!([{"op": "replace", "value": {"active": false}}])).await;
        }
        assert_eq!(directory.delete(&at(&record)).await.status, 204);
        assert!(users::find(&sso.app.db, &user).await.unwrap().is_none());
        let again = directory.made("/Users", &known_as("kim2@acme.example", "00u-kim")).await;
        assert!(user_of(&sso, "kim2@acme.example").await.unwrap().active);
        assert_eq!(directory.delete(&at(&again)).await.status, 204);
    }
    assert!(sso.app.db.all::<(i64,)>("SELECT COUNT(*) FROM left_records", &[]).await.unwrap() == [(0,)]);
}

/// Deleted, or matched with other sign-ins: with its records went all that was known of whom an operator had shut out.
async fn a_lock_outlives_its_directory(backend: Backend) {
    for moves in [false, true] {
        let (sso, directory) = with_provider(backend).await;
        let (_, kim) = locked(&sso, &directory, "kim").await;
        directory.made("/Users", &known_as("ray@acme.example", "00u-ray")).await;
        let connection = directory.row.connection_id.clone();
        match moves {
            true => directories::save(&sso.app.db, &Directory { connection_id: None, ..directory.row.clone() }).await.unwrap(),
            false => assert!(directories::delete(&sso.app.db, &directory.row.id).await.unwrap()),
        }
        assert!(is_deactivated(&sso, "00u-kim", "kim-new@acme.example").await, "moves: {moves}");
        assert!(user_of(&sso, "kim-new@acme.example").await.is_none());
        // Nor does another directory bring them in, of the same connection or of none.
        for (name, connection) in [("second", connection.as_deref()), ("third", None)] {
            let other = pusher(&sso, "acme", name, DirectorySettings::default(), connection).await;
            let kims = known_as(&format!("kim-{name}@acme.example"), "00u-kim");
            refused(&other.post("/Users", &kims).await, 409, Some("uniqueness"));
            other.made("/Users", &known_as(&format!("zoe-{name}@acme.example"), &format!("00u-zoe-{name}"))).await;
        }
        // Whom nobody has shut out comes in, and they do when an operator lets them.
        comes_in(&sso, "00u-ray", "ray-new@acme.example").await.unwrap();
        assert_eq!(sso.open_again(&kim).await, Opened::Open);
        comes_in(&sso, "00u-kim", "kim-new@acme.example").await.unwrap();
    }
}

/// Another connection of the tenant, like this one.
async fn another(sso: &Sso, old: &Connection, name: &str) -> String {
    let new = Connection { id: format!("c-{name}"), name: name.to_owned(), secret_sealed: None, ..old.clone() };
    connections::save(&sso.app.db, &new).await.unwrap();
    new.id
}

/// Whoever replaced a connection dropped every lock of directories that had gone before it, and did not know.
async fn a_lock_outlives_its_connection(backend: Backend) {
    for directory_first in [true, false] {
        let (sso, directory) = with_provider(backend).await;
        let db = &sso.app.db;
        let (_, kim) = locked(&sso, &directory, "kim").await;
        let id = directory.row.connection_id.clone().unwrap();
        let old = connections::find(db, &id).await.unwrap().unwrap();
        let beside = another(&sso, &old, "beside").await;
        if directory_first {
            assert!(directories::delete(db, &directory.row.id).await.unwrap());
            // Honestly: as long as its connection is there, what another one calls so is somebody else.
            let other = pusher(&sso, "acme", "beside", DirectorySettings::default(), Some(&beside)).await;
            let zoe = other.made("/Users", &known_as("zoe@acme.example", "00u-kim")).await;
            assert!(user_of(&sso, "zoe@acme.example").await.unwrap().active);
            assert!(directory_links::by_subject(db, &beside, "00u-kim").await.unwrap().is_some_and(|record| record.active));
            assert_eq!(other.delete(&at(&zoe)).await.status, 204);
            assert!(directory_links::by_subject(db, &beside, "00u-kim").await.unwrap().is_none());
        }
        assert!(connections::delete(db, &id).await.unwrap());
        if !directory_first {
            assert!(directories::delete(db, &directory.row.id).await.unwrap());
        }
        let new = another(&sso, &old, &old.name).await;
        for (name, connection) in [("okta", Some(new.as_str())), ("plain", None), ("late", Some(beside.as_str()))] {
            let again = pusher(&sso, "acme", name, DirectorySettings::default(), connection).await;
            let answer = again.post("/Users", &known_as(&format!("{name}@acme.example"), "00u-kim")).await;
            refused(&answer, 409, Some("uniqueness"));
            assert!(answer.body.contains("let them in, or delete them"), "{}", answer.body);
        }
        for connection in [&new, &beside] {
            let met = directory_links::by_subject(db, connection, "00u-kim").await.unwrap().unwrap();
            assert_eq!(met.user.map(|user| (user.user_id, user.active)), Some((kim.clone(), false)));
            assert!(directory_links::by_subject(db, connection, "00u-ray").await.unwrap().is_none());
        }
        // Let in, it is anybody's again.
        assert_eq!(sso.open_again(&kim).await, Opened::Open);
        assert!(directory_links::by_subject(db, &new, "00u-kim").await.unwrap().is_none());
        let third = pusher(&sso, "acme", "third", DirectorySettings::default(), Some(&new)).await;
        third.made("/Users", &known_as("kim-new@acme.example", "00u-kim")).await;
    }
}

/// The source is told that somebody is locked; who it is, an operator must be able to see.
async fn what_a_lock_keeps_is_told(backend: Backend) {
    let (sso, directory) = with_provider(backend).await;
    let db = &sso.app.db;
    let (record, kim) = locked(&sso, &directory, "kim").await;
    let told = async || {
        let all = left_records::kept_for(db, &kim).await.unwrap();
        all.into_iter().map(|kept| (kept.external_id.clone(), kept.reach())).collect::<Vec<_>>()
    };
    assert!(told().await.is_empty(), "their record says it");
    assert_eq!(directory.patch(&at(&record), becomes("zz")).await.status, 200);
    let connection = connections::find(db, directory.row.connection_id.as_deref().unwrap()).await.unwrap().unwrap();
    let name = &connection.name;
    assert_eq!(told().await, [("00u-kim".to_owned(), format!("in directory okta, and over connection {name}"))]);
    assert!(directories::delete(db, &directory.row.id).await.unwrap());
    let over = format!("over connection {name}, and in directories of none");
    assert_eq!(told().await, [("00u-kim".to_owned(), over.clone()), ("zz".to_owned(), over)]);
    assert!(connections::delete(db, &connection.id).await.unwrap());
    assert!(told().await.iter().all(|(_, reach)| reach.starts_with("in every directory and over every connection")));
    assert_eq!(sso.open_again(&kim).await, Opened::Open);
    assert!(told().await.is_empty(), "it holds for nobody");
}
