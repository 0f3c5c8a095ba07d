//! Records that stand for nobody: whose user an operator has deleted, and whose user has never come to be.

use gatehouse::policy::directory::DirectorySettings;
use serde_json::{Value, json};

use super::{
    accounts::{known_as, user_of, with_provider},
    adoption::{comes_in, is_deactivated},
    at, pusher, refused,
};
use crate::{on_both, world::Backend};

on_both!(who_is_shut_out_and_deleted_stays_out, that_somebody_is_out_is_never_refused, no_external_id_is_nobodys,);

fn replace(path: &str, value: Value) -> Value {
    json!([{"op": "replace", "path": path, "value": value}])
}

/// Until the directory says of them that they are to come in.
async fn who_is_shut_out_and_deleted_stays_out(backend: Backend) {
    let (sso, directory) = with_provider(backend).await;
    for (name, signs_in) in [("kim", false), ("eve", true)] {
        let (email, id) = (format!("{name}@acme.example"), format!("00u-{name}"));
        let record = directory.made("/Users", &known_as(&email, &id)).await;
        if signs_in {
            assert!(comes_in(&sso, &id, &email).await.is_ok());
        }
        let user = user_of(&sso, &email).await.unwrap().id;
        assert!(sso.shut_out(&user).await.is_some());
        assert!(sso.remove(&user).await.is_some());
        assert_eq!(directory.get(&at(&record)).await.json()["active"], json!(false), "the source can see it");
        assert!(is_deactivated(&sso, &id, &email).await, "{name}");
        assert_eq!(directory.patch(&at(&record), replace("title", json!("Boss"))).await.status, 200);
        assert!(user_of(&sso, &email).await.is_none_or(|user| !user.active), "{name}");
        let mut whole = known_as(&email, &id);
        whole.as_object_mut().unwrap().remove("active");
        whole["title"] = json!("Chief");
        assert_eq!(directory.put(&at(&record), &whole).await.status, 200);
        assert!(is_deactivated(&sso, &id, &email).await, "{name}");
        assert!(user_of(&sso, &email).await.is_none_or(|user| !user.active), "{name}");
        // Its own word.
        assert_eq!(directory.patch(&at(&record), replace("active", json!(true))).await.status, 200);
        assert!(comes_in(&sso, &id, &email).await.is_ok(), "{name}");
    }
    // Honestly: who was deleted, and shut out by nobody, is made anew.
    let record = directory.made("/Users", &known_as("ray@acme.example", "00u-ray")).await;
    assert!(sso.remove(&user_of(&sso, "ray@acme.example").await.unwrap().id).await.is_some());
    assert_eq!(directory.get(&at(&record)).await.json()["active"], json!(true));
    assert!(comes_in(&sso, "00u-ray", "ray@acme.example").await.is_ok());
}

/// Whatever speaks against a user of the record: the person is out all the same.
async fn that_somebody_is_out_is_never_refused(backend: Backend) {
    let (sso, directory) = with_provider(backend).await;
    let settings = DirectorySettings { proven_domains_only: true, ..DirectorySettings::default() };
    let strict = pusher(&sso.world, "acme", "strict", settings, directory.row.connection_id.as_deref()).await;
    for (name, by) in [("kim", &directory), ("zoe", &strict)] {
        let (email, id) = (format!("{name}@acme.example"), format!("00u-{name}"));
        let record = by.made("/Users", &known_as(&email, &id)).await;
        assert!(sso.remove(&user_of(&sso, &email).await.unwrap().id).await.is_some());
        match name {
            // An administrator makes one of the address by hand.
            "kim" => sso.sql(
                "INSERT INTO users (id, tenant_id, email, email_proven, admin, active, created_at, updated_at) \
                              SELECT 'by-hand', id, 'kim@acme.example', TRUE, FALSE, TRUE, 1, 1 FROM tenants WHERE name = 'acme'",
            ),
            _ => sso.sql("DELETE FROM domains"),
        }
        .await;
        // That they are in is refused still.
        let answer = by.patch(&at(&record), replace("title", json!("Boss"))).await;
        assert!([400, 409].contains(&answer.status), "{name}: {}", answer.body);
        assert_eq!(by.patch(&at(&record), replace("active", json!(false))).await.status, 200, "{name}");
        assert_eq!(by.get(&at(&record)).await.json()["active"], json!(false));
        assert!(is_deactivated(&sso, &id, &email).await, "{name}");
    }
    // Who is there by hand is not shut out by it, only the sign-in as this id.
    assert!(user_of(&sso, "kim@acme.example").await.unwrap().active);
    // Also where only who is invited may come.
    let record = directory.made("/Users", &known_as("ray@acme.example", "00u-ray")).await;
    assert!(sso.remove(&user_of(&sso, "ray@acme.example").await.unwrap().id).await.is_some());
    sso.sql("UPDATE tenants SET provisioning = 'invite'").await;
    refused(&directory.patch(&at(&record), replace("title", json!("Boss"))).await, 403, None);
    assert_eq!(directory.patch(&at(&record), replace("active", json!(false))).await.status, 200);
    assert!(is_deactivated(&sso, "00u-ray", "ray@acme.example").await);
}

/// What a source's template makes of an attribute that is not there.
async fn no_external_id_is_nobodys(backend: Backend) {
    let (sso, directory) = with_provider(backend).await;
    for (n, id) in ["", "", " ", " "].into_iter().enumerate() {
        let email = format!("ee{n}@acme.example");
        let made = directory.made("/Users", &known_as(&email, id)).await;
        assert!(user_of(&sso, &email).await.is_some());
        assert_eq!(directory.patch(&at(&made), replace("title", json!("x"))).await.status, 200);
    }
    // Honestly: one that says something is one person's.
    directory.made("/Users", &known_as("a@acme.example", "00u-a")).await;
    refused(&directory.post("/Users", &known_as("b@acme.example", "00u-a")).await, 409, Some("uniqueness"));
}
