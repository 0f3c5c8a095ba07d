//! What a record does to a local user: making, linking (threats P3), shutting out (P7), and the last administrator.

use gatehouse::{
    policy::directory::DirectorySettings,
    store::{
        connections,
        directories::{self, Directory},
        directory_users, receipts, tenants, users,
    },
};
use serde_json::{Value, json};

use super::{Pusher, Scim, adoption::is_deactivated, at, person, pusher, refused};
use crate::{
    browser::Browser,
    on_both,
    sso::Sso,
    world::{Backend, World, text},
};

on_both!(
    a_record_makes_a_user,
    a_record_without_an_address_makes_none_yet,
    an_address_proves_nothing,
    an_address_never_moves_to_another,
    a_sign_in_as_external_id_is_proof,
    of_two_directories_the_rest_decides,
    a_second_directory_undoes_nothing,
    a_second_directory_rewrites_nobody,
    an_administrator_keeps_the_address,
    proven_domains,
    inactive_is_out_at_once,
    deleted_is_gone,
    an_operators_lock_stays,
    an_operators_lock_outlives_the_record,
    the_last_administrator_stays,
    other_tenants_are_untouched,
);

pub async fn user_of(world: &World, email: &str) -> Option<users::User> {
    let tenant = tenants::find_by_name(&world.app.db, "acme").await.unwrap().unwrap();
    let email = gatehouse::policy::email::Email::parse(email).unwrap();
    users::find_by_email(&world.app.db, &tenant.id, &email).await.unwrap()
}

/// A deployment whose tenant signs in over a provider, and a directory whose `externalId` is the provider's `sub`.
pub async fn with_provider(backend: Backend) -> (Sso, Pusher) {
    let sso = Sso::new(backend).await;
    let tenant = tenants::find_by_name(&sso.app.db, "acme").await.unwrap().unwrap();
    let connection = connections::of_tenant(&sso.app.db, &tenant.id).await.unwrap().remove(0).id;
    let directory = pusher(&sso.world, "acme", "okta", DirectorySettings::default(), Some(&connection)).await;
    (sso, directory)
}

pub fn known_as(name: &str, external_id: &str) -> Value {
    let mut body = person(name);
    body["externalId"] = json!(external_id);
    body
}

async fn a_record_makes_a_user(backend: Backend) {
    let scim = Scim::new(backend).await;
    let mut body = person("kim.login");
    body["emails"] = json!([{"value": "private@home.example"}, {"value": "kim@acme.example", "type": "Work"}]);
    let kim = scim.made("/Users", &body).await;
    let user = user_of(&scim.world, "kim@acme.example").await.expect("the address for work");
    assert_eq!((user.name.as_deref(), user.active, user.admin, user.email_proven), (Some("Kim Ode"), true, false, true));
    assert_ne!(kim["id"], json!(user.id), "another's id says nothing");
    scim.patch(
        &at(&kim),
        json!([
            {"op": "replace", "path": "displayName", "value": "Kim O."},
            {"op": "add", "path": "emails", "value": [{"value": "kim@new.example", "primary": true}]},
        ]),
    )
    .await;
    let now = users::find(&scim.world.app.db, &user.id).await.unwrap().unwrap();
    assert_eq!((now.name.as_deref(), now.email.as_str(), now.email_proven), (Some("Kim O."), "kim@new.example", false));
    let mut off = person("ray@acme.example");
    off["active"] = json!(false);
    scim.made("/Users", &off).await;
    assert!(!user_of(&scim.world, "ray@acme.example").await.unwrap().active);
}

async fn a_record_without_an_address_makes_none_yet(backend: Backend) {
    let scim = Scim::new(backend).await;
    let kim = scim
        .made("/Users", &json!({"userName": "kim", "active": "true", "id": null, "schemas": ["urn:scim:schemas:core:2.0"]}))
        .await;
    let count = || async { scim.world.app.db.all::<(i64,)>("SELECT COUNT(*) FROM users", &[]).await.unwrap()[0].0 };
    let before = count().await;
    scim.patch(&at(&kim), json!([{"op": "replace", "path": "active", "value": false}])).await;
    assert_eq!(count().await, before);
    let patched = scim.patch(&at(&kim), json!([{"op": "add", "path": "emails", "value": [{"value": "kim@acme.example"}]}])).await;
    assert_eq!(patched.status, 200, "{}", patched.body);
    assert_eq!(count().await, before + 1);
    assert!(!user_of(&scim.world, "kim@acme.example").await.unwrap().active);
    scim.patch(&at(&kim), json!([{"op": "replace", "path": "active", "value": true}])).await;
    assert!(user_of(&scim.world, "kim@acme.example").await.unwrap().active);
}

/// P3: whoever pushes can write any address.
async fn an_address_proves_nothing(backend: Backend) {
    let scim = Scim::new(backend).await;
    scim.world.sql("UPDATE users SET admin = TRUE WHERE email = 'ada@acme.example'").await;
    let ada = user_of(&scim.world, "ada@acme.example").await.unwrap();
    let mut sly = person("sly");
    sly["emails"] = json!([{"value": "ADA@acme.example"}]);
    for body in [person("ada@acme.example"), known_as("ada@acme.example", "00u-ada"), sly] {
        let answer = scim.post("/Users", &body).await;
        refused(&answer, 409, Some("uniqueness"));
        assert!(answer.body.contains("link-directory"), "{}", answer.body);
    }
    assert_eq!(scim.get("/Users").await.json()["totalResults"], json!(0));
    let kim = scim.user("kim@acme.example").await;
    for operations in [
        json!([{"op": "replace", "path": "emails[type eq \"work\"].value", "value": "ada@acme.example"}]),
        json!([{"op": "replace", "value": {"emails": [{"value": "ada@acme.example", "primary": true}]}}]),
        json!([{"op": "remove", "path": "emails"}, {"op": "replace", "path": "userName", "value": "ada@acme.example"}]),
    ] {
        refused(&scim.patch(&at(&kim), operations).await, 409, Some("uniqueness"));
    }
    refused(&scim.put(&at(&kim), &person("ada@acme.example")).await, 409, Some("uniqueness"));
    assert_eq!(scim.get(&at(&kim)).await.json(), kim);
    assert_eq!(user_of(&scim.world, "ada@acme.example").await.unwrap(), ada);
}

async fn an_address_never_moves_to_another(backend: Backend) {
    let scim = Scim::new(backend).await;
    let kim = scim.user("kim@acme.example").await;
    let ray = scim.user("ray@acme.example").await;
    let (kims, rays) =
        (user_of(&scim.world, "kim@acme.example").await.unwrap(), user_of(&scim.world, "ray@acme.example").await.unwrap());
    let take = json!([{"op": "replace", "path": "emails[type eq \"work\"].value", "value": "ray@acme.example"}]);
    refused(&scim.patch(&at(&kim), take.clone()).await, 409, Some("uniqueness"));
    // Honestly: once it is free.
    scim.patch(&at(&ray), json!([{"op": "replace", "path": "emails[type eq \"work\"].value", "value": "ray2@acme.example"}]))
        .await;
    assert_eq!(scim.patch(&at(&kim), take).await.status, 200);
    assert_eq!(user_of(&scim.world, "ray@acme.example").await.unwrap().id, kims.id);
    assert_eq!(user_of(&scim.world, "ray2@acme.example").await.unwrap().id, rays.id);
}

async fn a_sign_in_as_external_id_is_proof(backend: Backend) {
    let (sso, directory) = with_provider(backend).await;
    sso.person("00u-kim", "kim@acme.example");
    sso.tokens_of(&sso.fresh().await).await;
    let before = user_of(&sso, "kim@acme.example").await.unwrap();
    refused(&directory.post("/Users", &known_as("kim@acme.example", "00u-other")).await, 409, Some("uniqueness"));
    let kim = directory.made("/Users", &known_as("kim@acme.example", "00u-kim")).await;
    assert_eq!(user_of(&sso, "kim@acme.example").await.unwrap().id, before.id);
    refused(&directory.post("/Users", &known_as("twin@acme.example", "00u-kim")).await, 409, Some("uniqueness"));
    // It was there before the record, and stays.
    assert_eq!(directory.delete(&at(&kim)).await.status, 204);
    let after = user_of(&sso, "kim@acme.example").await.expect("a user that the directory did not make");
    assert!(!after.active);
    assert_eq!(directory.made("/Users", &known_as("kim@acme.example", "00u-kim")).await["active"], json!(true));
    let back = user_of(&sso, "kim@acme.example").await.unwrap();
    assert!(back.active && back.id == before.id, "who was assigned again comes in again");
}

/// Each directory's word counts as long as it has one: who is deleted from the one is out, and back in as soon as all that
/// is left says so.
async fn of_two_directories_the_rest_decides(backend: Backend) {
    let (sso, okta) = with_provider(backend).await;
    sso.person("00u-kim", "kim@acme.example");
    let tokens = sso.tokens_of(&sso.fresh().await).await;
    let kim = okta.made("/Users", &known_as("kim@acme.example", "00u-kim")).await;
    let connection = okta.row.connection_id.as_deref();
    let other = pusher(&sso.world, "acme", "other", DirectorySettings::default(), connection).await;
    let twin = other.made("/Users", &known_as("kim@acme.example", "00u-kim")).await;
    assert_eq!(other.delete(&at(&twin)).await.status, 204);
    assert!(user_of(&sso, "kim@acme.example").await.unwrap().active, "okta says that they are active");
    assert_eq!(sso.userinfo(text(&tokens, "access_token")).await.status, 401, "and what they had has ended");
    let twin = other.made("/Users", &known_as("kim@acme.example", "00u-kim")).await;
    assert_eq!(okta.patch(&at(&kim), json!([{"op": "replace", "value": {"active": false}}])).await.status, 200);
    assert_eq!(other.patch(&at(&twin), json!([{"op": "replace", "value": {"active": true}}])).await.status, 200);
    assert!(!user_of(&sso, "kim@acme.example").await.unwrap().active, "okta says that they are not");
    assert_eq!(okta.delete(&at(&kim)).await.status, 204);
    assert!(user_of(&sso, "kim@acme.example").await.unwrap().active);
}

/// A second record of the same sign-in made both name nobody, and who was out came in.
async fn a_second_directory_undoes_nothing(backend: Backend) {
    let (sso, okta) = with_provider(backend).await;
    let connection = okta.row.connection_id.as_deref();
    let other = pusher(&sso.world, "acme", "other", DirectorySettings::default(), connection).await;
    let mut off = json!({"userName": "kim", "externalId": "00u-kim", "active": false});
    okta.made("/Users", &off).await;
    assert!(is_deactivated(&sso, "00u-kim", "kim@acme.example").await);
    // By a record that makes somebody, by one of nobody, by one that gets the id later: of whichever directory.
    let later = other.made("/Users", &known_as("later@acme.example", "zzz")).await;
    let mut put = known_as("later@acme.example", "00u-kim");
    off["active"] = json!(true);
    for answer in [
        other.post("/Users", &known_as("kim.two@acme.example", "00u-kim")).await,
        other.post("/Users", &off).await,
        other.put(&at(&later), &put).await,
        other.patch(&at(&later), json!([{"op": "replace", "path": "externalId", "value": "00u-kim"}])).await,
    ] {
        refused(&answer, 409, Some("uniqueness"));
        assert!(answer.body.contains("another directory of this connection"), "{}", answer.body);
    }
    assert!(is_deactivated(&sso, "00u-kim", "kim@acme.example").await);
    // Nor by one that was there before its directory had the connection.
    let bare = pusher(&sso.world, "acme", "bare", DirectorySettings::default(), None).await;
    bare.made("/Users", &off).await;
    let connected = Directory { connection_id: okta.row.connection_id.clone(), ..bare.row.clone() };
    directories::save(&sso.app.db, &connected).await.unwrap();
    assert!(is_deactivated(&sso, "00u-kim", "kim@acme.example").await);
    // Honestly: another id, and a directory that is switched off speaks of nobody.
    put["externalId"] = json!("00u-ray");
    assert_eq!(other.put(&at(&later), &put).await.status, 200);
    for row in [&okta.row, &connected] {
        directories::save(&sso.app.db, &Directory { enabled: false, ..row.clone() }).await.unwrap();
    }
    assert_eq!(other.post("/Users", &known_as("kim@acme.example", "00u-kim")).await.status, 201);
    assert!(!is_deactivated(&sso, "00u-kim", "kim@acme.example").await);
}

/// Whoever holds its token would otherwise rename and readdress the people of the first, whom it knows by their ids alone.
async fn a_second_directory_rewrites_nobody(backend: Backend) {
    let (sso, okta) = with_provider(backend).await;
    let kim = okta.made("/Users", &known_as("kim@acme.example", "00u-kim")).await;
    sso.person("00u-kim", "kim@acme.example");
    sso.tokens_of(&sso.fresh().await).await;
    let before = user_of(&sso, "kim@acme.example").await.unwrap();
    let other = pusher(&sso.world, "acme", "other", DirectorySettings::default(), okta.row.connection_id.as_deref()).await;
    sso.clock.advance(1);
    let mut sly = known_as("sly@acme.example", "00u-kim");
    sly["displayName"] = json!("Sly");
    let twin = other.made("/Users", &sly).await;
    let change = |email: &str, name: &str| {
        json!([{"op": "replace", "value": {"displayName": name}},
               {"op": "replace", "path": "emails[type eq \"work\"].value", "value": email}])
    };
    assert_eq!(other.patch(&at(&twin), change("sly2@acme.example", "Sly Two")).await.status, 200);
    sly["emails"][0]["value"] = json!("sly3@acme.example");
    assert_eq!(other.put(&at(&twin), &sly).await.status, 200);
    assert_eq!(other.get(&at(&twin)).await.json()["emails"][0]["value"], json!("sly3@acme.example"), "it has its own record");
    assert_eq!(user_of(&sso, "kim@acme.example").await.unwrap(), before);
    // The one that made the user goes on saying what they are called.
    assert_eq!(okta.patch(&at(&kim), change("kim2@acme.example", "Kim Two")).await.status, 200);
    let now = user_of(&sso, "kim2@acme.example").await.unwrap();
    assert_eq!((now.id.as_str(), now.name.as_deref()), (before.id.as_str(), Some("Kim Two")));
    // Unless an operator has said that it is the other one, or it is the only one left.
    let mut tx = sso.app.db.begin().await.unwrap();
    directory_users::pin(&mut tx, twin["id"].as_str().unwrap()).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(other.patch(&at(&twin), change("kim3@acme.example", "Kim Three")).await.status, 200);
    assert_eq!(okta.patch(&at(&kim), change("kim4@acme.example", "Kim Four")).await.status, 200);
    assert_eq!(user_of(&sso, "kim3@acme.example").await.unwrap().name.as_deref(), Some("Kim Three"));
    assert_eq!(other.delete(&at(&twin)).await.status, 204);
    assert_eq!(okta.patch(&at(&kim), change("kim5@acme.example", "Kim Five")).await.status, 200);
    assert_eq!(user_of(&sso, "kim5@acme.example").await.unwrap().id, before.id);
}

/// Whoever holds a directory's token could otherwise give an administrator's account an address of their own.
async fn an_administrator_keeps_the_address(backend: Backend) {
    let (sso, directory) = with_provider(backend).await;
    sso.person("00u-kim", "kim@acme.example");
    sso.tokens_of(&sso.fresh().await).await;
    let kim = directory.made("/Users", &known_as("kim@acme.example", "00u-kim")).await;
    let change = |to: &str| json!([{"op": "replace", "path": "emails[type eq \"work\"].value", "value": to}]);
    assert_eq!(directory.patch(&at(&kim), change("kim2@acme.example")).await.status, 200);
    let user = user_of(&sso, "kim2@acme.example").await.expect("anybody else's follows");
    sso.sql("UPDATE users SET admin = TRUE WHERE email = 'kim2@acme.example'").await;
    assert_eq!(directory.patch(&at(&kim), change("sly@acme.example")).await.status, 200);
    assert!(user_of(&sso, "sly@acme.example").await.is_none());
    assert_eq!(user_of(&sso, "kim2@acme.example").await.unwrap().id, user.id);
}

async fn proven_domains(backend: Backend) {
    let scim = Scim::new(backend).await;
    scim.user("kim@elsewhere.example").await;
    assert!(!user_of(&scim.world, "kim@elsewhere.example").await.unwrap().email_proven);
    let settings = DirectorySettings { proven_domains_only: true, ..DirectorySettings::default() };
    let strict = pusher(&scim.world, "acme", "strict", settings, None).await;
    let answer = strict.post("/Users", &person("ray@elsewhere.example")).await;
    refused(&answer, 400, Some("invalidValue"));
    assert!(answer.body.contains("proven_domains_only"), "{}", answer.body);
    let ray = strict.user("ray@acme.example").await;
    refused(&strict.put(&at(&ray), &person("ray@elsewhere.example")).await, 400, Some("invalidValue"));
    assert_eq!(strict.get(&at(&ray)).await.json(), ray);
}

/// P7: sessions, refresh tokens and access tokens end with the answer, on every node.
async fn inactive_is_out_at_once(backend: Backend) {
    let (sso, directory) = with_provider(backend).await;
    let second = sso.second_node().await;
    sso.person("00u-kim", "kim@acme.example");
    let mut browser = Browser::new();
    let tokens = sso.tokens_of(&sso.sso(&mut browser, &sso.authorize_url("web", &[])).await).await;
    sso.person("00u-ray", "ray@acme.example");
    let others = sso.tokens_of(&sso.fresh().await).await;
    let kim = directory.made("/Users", &known_as("kim@acme.example", "00u-kim")).await;
    let access = text(&tokens, "access_token");
    assert_eq!(sso.userinfo(access).await.status, 200);
    assert_eq!(second.userinfo(access).await.status, 200);

    let off = directory.patch(&at(&kim), json!([{"op": "Replace", "path": "active", "value": "False"}])).await;
    assert_eq!((off.status, &off.json()["active"]), (200, &json!(false)));
    assert_eq!(sso.userinfo(access).await.status, 401);
    assert_eq!(second.userinfo(access).await.status, 401);
    assert_eq!(sso.refresh("web", text(&tokens, "refresh_token")).await.status, 400);
    assert!(browser.get(&sso.authorize_url("web", &[("prompt", "none")])).await.query("code").is_none(), "no session is left");
    assert_eq!(sso.userinfo(text(&others, "access_token")).await.status, 200, "another's goes on");
    let user = user_of(&sso, "kim@acme.example").await.unwrap();
    let written = receipts::of_user(&sso.app.db, &user.tenant_id, &user.id).await.unwrap();
    assert_eq!((written.len(), written[0].actor.as_str(), written[0].cause.as_str()), (1, "directory okta", "active: false"));
    assert_eq!(directory.get(&at(&kim)).await.json()["active"], json!(false), "and still there");
    assert_eq!(directory.found("/Users", "userName eq \"kim@acme.example\"").await.len(), 1);

    let on = directory.patch(&at(&kim), json!([{"op": "replace", "value": {"active": true}}])).await;
    assert_eq!(on.json()["active"], json!(true));
    assert_eq!(sso.userinfo(access).await.status, 401, "old tokens stay dead");
    sso.person("00u-kim", "kim@acme.example");
    let again = sso.tokens_of(&sso.fresh().await).await;
    assert_eq!(sso.userinfo(text(&again, "access_token")).await.status, 200);
}

async fn deleted_is_gone(backend: Backend) {
    let scim = Scim::new(backend).await;
    let kim = scim.user("kim@acme.example").await;
    let user = user_of(&scim.world, "kim@acme.example").await.unwrap();
    let sre = scim.group("SRE", &[&kim]).await;
    assert_eq!(scim.delete(&at(&kim)).await.status, 204);
    assert!(users::find(&scim.world.app.db, &user.id).await.unwrap().is_none());
    let written = receipts::of_user(&scim.world.app.db, &user.tenant_id, &user.id).await.unwrap();
    assert_eq!((written.len(), written[0].cause.as_str()), (1, "deleted"), "the receipt stays");
    refused(&scim.get(&at(&kim)).await, 404, None);
    assert_eq!(scim.get(&at(&sre)).await.json()["members"], json!([]));
    let again = scim.user("kim@acme.example").await;
    assert_ne!(again["id"], kim["id"]);
    assert_ne!(user_of(&scim.world, "kim@acme.example").await.unwrap().id, user.id, "another person, for all we know");
}

async fn an_operators_lock_stays(backend: Backend) {
    let scim = Scim::new(backend).await;
    let kim = scim.user("kim@acme.example").await;
    scim.world.sql("UPDATE users SET active = FALSE, shut_by = 'operator' WHERE email = 'kim@acme.example'").await;
    for active in [false, true] {
        let answer = scim.patch(&at(&kim), json!([{"op": "replace", "path": "active", "value": active}])).await;
        assert_eq!((answer.status, &answer.json()["active"]), (200, &json!(active)));
        assert!(!user_of(&scim.world, "kim@acme.example").await.unwrap().active);
    }
    scim.world.sql("UPDATE users SET shut_by = 'directory' WHERE email = 'kim@acme.example'").await;
    for active in [false, true] {
        scim.patch(&at(&kim), json!([{"op": "replace", "path": "active", "value": active}])).await;
    }
    assert!(user_of(&scim.world, "kim@acme.example").await.unwrap().active, "its own it opens");
}

async fn an_operators_lock_outlives_the_record(backend: Backend) {
    let scim = Scim::new(backend).await;
    let kim = scim.user("kim@acme.example").await;
    scim.world.sql("UPDATE users SET active = FALSE, shut_by = 'operator' WHERE email = 'kim@acme.example'").await;
    assert_eq!(scim.delete(&at(&kim)).await.status, 204);
    refused(&scim.get(&at(&kim)).await, 404, None);
    refused(&scim.post("/Users", &person("kim@acme.example")).await, 409, Some("uniqueness"));
    assert!(!user_of(&scim.world, "kim@acme.example").await.unwrap().active);
}

async fn the_last_administrator_stays(backend: Backend) {
    let scim = Scim::new(backend).await;
    let kim = scim.user("kim@acme.example").await;
    scim.world.sql("UPDATE users SET admin = TRUE WHERE email = 'kim@acme.example'").await;
    let off = json!([{"op": "replace", "path": "active", "value": false}]);
    let mut body = person("kim@acme.example");
    body["active"] = json!(false);
    for answer in [scim.patch(&at(&kim), off.clone()).await, scim.put(&at(&kim), &body).await, scim.delete(&at(&kim)).await] {
        refused(&answer, 409, None);
        assert!(answer.body.contains("last active administrator"), "{}", answer.body);
    }
    assert_eq!(scim.get(&at(&kim)).await.json()["active"], json!(true));
    assert!(user_of(&scim.world, "kim@acme.example").await.unwrap().active);
    scim.world.sql("UPDATE users SET admin = TRUE WHERE email = 'eve@acme.example'").await;
    refused(&scim.patch(&at(&kim), off.clone()).await, 409, None);
    scim.world.sql("UPDATE users SET admin = TRUE WHERE email = 'ada@acme.example'").await;
    assert_eq!(scim.patch(&at(&kim), off).await.status, 200, "one who is active is left");
}

async fn other_tenants_are_untouched(backend: Backend) {
    let scim = Scim::new(backend).await;
    let theirs = "SELECT u.id || u.email || u.active || u.updated_at FROM users u JOIN tenants t ON t.id = u.tenant_id \
                  WHERE t.name = 'other' ORDER BY u.id";
    let before = scim.world.app.db.all::<(String,)>(theirs, &[]).await.unwrap();
    assert_eq!(before.len(), 1);
    scim.world.clock.advance(100);
    scim.world
        .sql("DELETE FROM users WHERE email = 'ada@acme.example' AND tenant_id = (SELECT id FROM tenants WHERE name = 'acme')")
        .await;
    let ada = scim.user("ada@acme.example").await;
    scim.patch(&at(&ada), json!([{"op": "replace", "path": "active", "value": false}])).await;
    scim.put(&at(&ada), &person("ada@acme.example")).await;
    scim.delete(&at(&ada)).await;
    assert_eq!(scim.world.app.db.all::<(String,)>(theirs, &[]).await.unwrap(), before);
}
