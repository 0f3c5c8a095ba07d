//! What an `externalId` may do: a directory can write any, also somebody else's, and those above it (threats P3, P7).

use gatehouse::{
    app::App,
    params,
    policy::directory::DirectorySettings,
    store::{
        directories::{self, Directory},
        directory_accounts, identities,
        users::{self, By, Opened, Opening},
    },
};
use serde_json::{Value, json};

use super::{
    accounts::{known_as, user_of, with_provider},
    at, pusher, refused,
};
use crate::{
    on_both,
    sso::{Log, Sso},
    world::{Backend, text},
};

on_both!(
    nobody_is_shut_out_by_anothers_record,
    a_bare_record_shuts_out_no_administrator,
    an_administrator_is_made_nobody_else,
    who_administers_the_deployment_is_no_directorys,
    what_was_given_by_hand_stays_with_who_it_was,
    one_id_one_record,
    who_was_adopted_does_not_go_with_the_record,
    the_log_says_whom_a_directory_adopts,
    a_directory_that_is_off_keeps_nobody_out,
);

/// Whether somebody comes in; what they are told where not.
pub async fn comes_in(sso: &Sso, subject: &str, email: &str) -> Result<Value, String> {
    sso.person(subject, email);
    let answer = sso.fresh().await;
    match answer.query("code") {
        Some(_) => Ok(sso.tokens_of(&answer).await),
        None => Err(answer.body),
    }
}

pub async fn is_deactivated(sso: &Sso, subject: &str, email: &str) -> bool {
    comes_in(sso, subject, email).await.is_err_and(|body| body.contains("is deactivated"))
}

fn off(external_id: &str) -> Value {
    json!([{"op": "replace", "value": {"externalId": external_id, "active": false}}])
}

/// The last administrator too: nobody saw it, there was no receipt, and only the directory could end it.
async fn nobody_is_shut_out_by_anothers_record(backend: Backend) {
    let (sso, directory) = with_provider(backend).await;
    let tokens = comes_in(&sso, "00u-kim", "kim@acme.example").await.unwrap();
    let nobody = directory.made("/Users", &known_as("nobody9@acme.example", "zzz")).await;
    let mut put = known_as("nobody9@acme.example", "00u-kim");
    put["active"] = json!(false);
    // Their own user is out, and the id is left aside.
    for answer in [directory.patch(&at(&nobody), off("00u-kim")).await, directory.put(&at(&nobody), &put).await] {
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert_eq!((&answer.json()["externalId"], &answer.json()["active"]), (&json!("zzz"), &json!(false)));
    }
    let bulk = json!({"Operations": [{"method": "PUT", "path": at(&nobody), "data": put}]});
    assert_eq!(directory.post("/Bulk", &bulk).await.json()["Operations"][0]["status"], json!("200"));
    assert_eq!(directory.get(&at(&nobody)).await.json()["externalId"], json!("zzz"));
    put["active"] = json!(true);
    refused(&directory.put(&at(&nobody), &put).await, 409, Some("uniqueness"));
    assert_eq!(sso.userinfo(text(&tokens, "access_token")).await.status, 200);
    // Nor by one that was there before they came.
    sso.sql("UPDATE directory_users SET external_id = '00u-kim', active = FALSE").await;
    assert!(comes_in(&sso, "00u-kim", "kim@acme.example").await.is_ok());
    // Honestly: an id that is nobody's, and by the record that is theirs.
    sso.sql("UPDATE directory_users SET external_id = 'zzz', active = TRUE").await;
    assert_eq!(directory.patch(&at(&nobody), json!([{"op": "replace", "path": "externalId", "value": "zz2"}])).await.status, 200);
    let kim = directory.made("/Users", &known_as("kim@acme.example", "00u-kim")).await;
    let shut = json!([{"op": "replace", "path": "active", "value": false}]);
    assert_eq!(directory.patch(&at(&kim), shut).await.status, 200);
    assert!(is_deactivated(&sso, "00u-kim", "kim@acme.example").await);
}

/// It was there before its directory had the connection.
async fn a_bare_record_shuts_out_no_administrator(backend: Backend) {
    let (sso, directory) = with_provider(backend).await;
    comes_in(&sso, "00u-kim", "kim@acme.example").await.unwrap();
    let bare = pusher(&sso.world, "acme", "bare", DirectorySettings::default(), None).await;
    let body = json!({"userName": "kim", "externalId": "00u-kim", "active": false});
    bare.made("/Users", &body).await;
    let connected = Directory { connection_id: directory.row.connection_id.clone(), ..bare.row.clone() };
    directories::save(&sso.app.db, &connected).await.unwrap();
    for right in ["admin", "platform"] {
        sso.sql(if right == "admin" {
            "UPDATE users SET admin = TRUE"
        } else {
            "UPDATE users SET admin = FALSE, platform = TRUE"
        })
        .await;
        assert!(comes_in(&sso, "00u-kim", "kim@acme.example").await.is_ok(), "{right}");
    }
    // Honestly: anybody else.
    sso.sql("UPDATE users SET platform = FALSE").await;
    assert!(is_deactivated(&sso, "00u-kim", "kim@acme.example").await);
}

/// Who administers the tenant and has not come over the connection yet was kept out by a record of nobody with their id, or was
/// that nobody for good.
async fn an_administrator_is_made_nobody_else(backend: Backend) {
    let (sso, directory) = with_provider(backend).await;
    let connection = directory.row.connection_id.clone().unwrap();
    let subject = async |user: &str| identities::subject(&sso.app.db, user, &connection).await.unwrap();
    // What is not of the connection has brought them in.
    let plain = pusher(&sso.world, "acme", "plain", DirectorySettings::default(), None).await;
    for (n, active) in [false, true].into_iter().enumerate() {
        let (boss, nobody, id) = (format!("boss{n}@acme.example"), format!("nobody{n}@acme.example"), format!("00u-boss{n}"));
        plain.user(&boss).await;
        let right = if n == 0 { "admin" } else { "platform" };
        sso.sql(format!("UPDATE users SET {right} = TRUE, password_hash = 'x' WHERE email = '{boss}'").leak()).await;
        let mut body = known_as(&nobody, &id);
        body["active"] = json!(active);
        let record = directory.made("/Users", &body).await;
        let log = Log::down_to(tracing::Level::WARN);
        assert!(comes_in(&sso, &id, &boss).await.is_ok(), "active: {active}");
        assert!(log.text().contains("it is left aside") && log.text().contains(record["id"].as_str().unwrap()), "{}", log.text());
        let user = user_of(&sso, &boss).await.unwrap();
        assert_eq!(subject(&user.id).await.as_ref(), Some(&id), "as themselves");
        assert!(comes_in(&sso, &id, &boss).await.is_ok(), "and again");
    }
    // A record that stands for nobody, likewise.
    directory.made("/Users", &json!({"userName": "bare", "externalId": "00u-ada", "active": false})).await;
    plain.user("ada@acme.example").await;
    sso.sql("UPDATE users SET admin = TRUE WHERE email = 'ada@acme.example'").await;
    assert!(comes_in(&sso, "00u-ada", "ada@acme.example").await.is_ok());
    // Honestly: anybody else is whom the directory says, and out where it says so.
    plain.user("kim@acme.example").await;
    let mut off = known_as("kim.ode@acme.example", "00u-kim");
    off["active"] = json!(false);
    directory.made("/Users", &off).await;
    assert!(is_deactivated(&sso, "00u-kim", "kim@acme.example").await);
    directory.made("/Users", &known_as("ray.ode@acme.example", "00u-ray")).await;
    assert!(comes_in(&sso, "00u-ray", "ray@acme.example").await.is_ok());
    assert!(subject(&user_of(&sso, "ray.ode@acme.example").await.unwrap().id).await.is_some());
}

pub async fn made_by(app: &App, who: &Value) -> String {
    let sql = "SELECT user_id FROM directory_users WHERE id = $1";
    app.db.optional::<(String,)>(sql, params![who["id"].as_str().unwrap()]).await.unwrap().unwrap().0
}

/// Whoever administers a tenant makes directories there; whoever administers the deployment is above them.
async fn who_administers_the_deployment_is_no_directorys(backend: Backend) {
    let (sso, directory) = with_provider(backend).await;
    comes_in(&sso, "00u-root", "root@acme.example").await.unwrap();
    let crowd = "UPDATE users SET platform = TRUE WHERE email IN ('root@acme.example', 'ada@acme.example')";
    sso.sql(crowd).await;
    let root = user_of(&sso, "root@acme.example").await.unwrap();
    for active in [false, true] {
        let mut body = known_as("whatever", "00u-root");
        body["active"] = json!(active);
        refused(&directory.post("/Users", &body).await, 409, None);
    }
    let other = directory.made("/Users", &json!({"userName": "other"})).await;
    let left = directory.patch(&at(&other), off("00u-root")).await;
    assert_eq!((left.status, left.json().get("externalId")), (200, None), "a record of nobody is out, and nobody by it");
    assert_eq!(user_of(&sso, "root@acme.example").await.unwrap(), root);
    assert_eq!(directory.delete(&at(&other)).await.status, 204);
    // Who came to administer it later is a directory's no more, also not by a record that nobody stands for yet.
    let kim = directory.made("/Users", &known_as("kim@acme.example", "00u-kim")).await;
    let kims = made_by(&sso.app, &kim).await;
    sso.sql("UPDATE users SET platform = TRUE WHERE email = 'kim@acme.example'").await;
    let before = users::find(&sso.app.db, &kims).await.unwrap().unwrap();
    let mut put = known_as("sly@acme.example", "00u-kim");
    put["displayName"] = json!("Sly");
    for answer in [
        directory.patch(&at(&kim), json!([{"op": "replace", "path": "active", "value": false}])).await,
        directory.patch(&at(&kim), json!([{"op": "replace", "path": "displayName", "value": "Sly"}])).await,
        directory.put(&at(&kim), &put).await,
        directory.delete(&at(&kim)).await,
    ] {
        refused(&answer, 409, None);
        assert!(answer.body.contains("administers the deployment"), "{}", answer.body);
    }
    let bulk = json!({"Operations": [{"method": "DELETE", "path": at(&kim)}]});
    assert_eq!(directory.post("/Bulk", &bulk).await.json()["Operations"][0]["status"], json!("409"));
    assert_eq!(users::find(&sso.app.db, &kims).await.unwrap().unwrap(), before);
    let bare = pusher(&sso.world, "acme", "bare", DirectorySettings::default(), None).await;
    bare.made("/Users", &json!({"userName": "root", "externalId": "00u-root"})).await;
    let connected = Directory { connection_id: directory.row.connection_id.clone(), ..bare.row.clone() };
    directories::save(&sso.app.db, &connected).await.unwrap();
    assert!(comes_in(&sso, "00u-root", "root@acme.example").await.is_ok());
    assert!(
        !directory_accounts::has_record(&sso.app.db, &root.id, &bare.row.id).await.unwrap(),
        "nobody is adopted by coming in"
    );
    // What a directory had shut before, an operator opens.
    sso.sql("UPDATE directory_users SET active = FALSE").await;
    sso.sql("UPDATE users SET active = FALSE, shut_by = 'directory' WHERE email = 'kim@acme.example'").await;
    assert_eq!(opened(&sso, &kims).await, Opened::Open);
    // Honestly: anybody else is, and does.
    sso.sql("UPDATE users SET platform = FALSE").await;
    sso.sql("UPDATE directory_users SET active = TRUE").await;
    assert!(comes_in(&sso, "00u-root", "root@acme.example").await.is_ok());
    assert!(directory_accounts::has_record(&sso.app.db, &root.id, &bare.row.id).await.unwrap());
    sso.sql("UPDATE users SET platform = TRUE WHERE email = 'ada@acme.example'").await;
    assert_eq!(directory.put(&at(&kim), &put).await.status, 200);
    assert_eq!(directory.delete(&at(&kim)).await.status, 204);
}

async fn opened(sso: &Sso, user_id: &str) -> Opened {
    let actor = gatehouse::store::audit::Actor::command_line();
    let opening = Opening { user_id, by: By::Operator, actor: &actor, sealer: &sso.app.sealer, now: sso.clock.now() };
    let mut tx = sso.app.db.begin().await.unwrap();
    let opened = users::open_again(&mut tx, &opening).await.unwrap();
    tx.commit().await.unwrap();
    opened
}

/// A team given by hand to somebody whom a directory has made would be whoever's the directory names next.
async fn what_was_given_by_hand_stays_with_who_it_was(backend: Backend) {
    let (sso, directory) = with_provider(backend).await;
    let give = async |email: &str| {
        let user = user_of(&sso, email).await.unwrap();
        let team = format!("team of {email}");
        let sql = "INSERT INTO teams (id, tenant_id, name, created_at) VALUES ($1, $2, $1, 1)";
        sso.app.db.execute(sql, params![&team, &user.tenant_id]).await.unwrap();
        sso.app
            .db
            .execute("INSERT INTO team_members (team_id, user_id) VALUES ($1, $2)", params![&team, &user.id])
            .await
            .unwrap();
        user.id
    };
    let connection = directory.row.connection_id.clone().unwrap();
    let subject = async |user: &str| identities::subject(&sso.app.db, user, &connection).await.unwrap();
    let new = directory.made("/Users", &known_as("new@acme.example", "00u-new")).await;
    let user = give("new@acme.example").await;
    let becomes = |id: &str| json!([{"op": "replace", "path": "externalId", "value": id}]);
    assert_eq!(directory.patch(&at(&new), becomes("00u-mallory")).await.status, 200);
    let _ = comes_in(&sso, "00u-mallory", "mallory@evil.example").await;
    assert_eq!(subject(&user).await, None, "nobody is given what somebody else was");
    // Nor by an address that the directory gives them, though the tenant has proven its domain.
    let readdress = json!([{"op": "replace", "path": "emails[type eq \"work\"].value", "value": "mal@acme.example"}]);
    assert_eq!(directory.patch(&at(&new), readdress).await.status, 200);
    let _ = comes_in(&sso, "00u-mal", "mal@acme.example").await;
    assert_eq!(subject(&user).await, None);
    // Honestly: who they were when it was given comes in to it, and nobody needs to have been given anything.
    assert_eq!(directory.patch(&at(&new), becomes("00u-new")).await.status, 200);
    assert!(comes_in(&sso, "00u-new", "any@elsewhere.example").await.is_ok());
    assert_eq!(subject(&user).await.as_deref(), Some("00u-new"));
    let late = directory.made("/Users", &known_as("late@acme.example", "00u-typo")).await;
    assert_eq!(directory.patch(&at(&late), becomes("00u-late")).await.status, 200);
    let user = give("late@acme.example").await;
    assert!(comes_in(&sso, "00u-late", "any@elsewhere.example").await.is_ok());
    assert_eq!(subject(&user).await.as_deref(), Some("00u-late"), "it was mended before");
}

async fn one_id_one_record(backend: Backend) {
    let (sso, directory) = with_provider(backend).await;
    directory.made("/Users", &known_as("kim@acme.example", "00u-kim")).await;
    refused(&directory.post("/Users", &known_as("twin@acme.example", "00u-kim")).await, 409, Some("uniqueness"));
    let twin = directory.made("/Users", &known_as("twin@acme.example", "00u-twin")).await;
    let same = json!([{"op": "replace", "path": "externalId", "value": "00u-kim"}]);
    refused(&directory.patch(&at(&twin), same).await, 409, Some("uniqueness"));
    refused(&directory.put(&at(&twin), &known_as("twin@acme.example", "00u-kim")).await, 409, Some("uniqueness"));
    assert_eq!(directory.put(&at(&twin), &known_as("twin@acme.example", "00u-twin")).await.status, 200);
    // Where no sign-in is matched by it, it is the source's own business; and so it is in another directory.
    let plain = pusher(&sso.world, "acme", "plain", DirectorySettings::default(), None).await;
    for name in ["a", "b"] {
        plain.made("/Users", &json!({"userName": name, "externalId": "00u-kim"})).await;
    }
}

async fn a_directory_that_is_off_keeps_nobody_out(backend: Backend) {
    let (sso, directory) = with_provider(backend).await;
    let kim = directory.made("/Users", &known_as("kim@acme.example", "00u-kim")).await;
    let user = user_of(&sso, "kim@acme.example").await.unwrap();
    assert_eq!(directory.patch(&at(&kim), json!([{"op": "replace", "path": "active", "value": false}])).await.status, 200);
    assert_eq!(opened(&sso, &user.id).await, Opened::ByDirectory, "as long as it is on");
    let switch = async |enabled: bool| {
        let row = Directory { enabled, ..directory.row.clone() };
        directories::save(&sso.app.db, &row).await.unwrap();
    };
    switch(false).await;
    assert_eq!(opened(&sso, &user.id).await, Opened::Open);
    assert!(comes_in(&sso, "00u-kim", "kim@acme.example").await.is_ok());
    switch(true).await;
    let against = directory_accounts::in_against(&sso.app.db, &directory.row.id).await.unwrap();
    assert_eq!(against, [user.id], "whom the file that switches it on shuts out again");
    assert_eq!(directory.patch(&at(&kim), json!([{"op": "replace", "path": "active", "value": true}])).await.status, 200);
    assert!(directory_accounts::in_against(&sso.app.db, &directory.row.id).await.unwrap().is_empty());
}

/// Its own user was deleted by an administrator; whom it stands for since came by signing in.
async fn who_was_adopted_does_not_go_with_the_record(backend: Backend) {
    let (sso, directory) = with_provider(backend).await;
    comes_in(&sso, "00u-victor", "victor@acme.example").await.unwrap();
    let victor = user_of(&sso, "victor@acme.example").await.unwrap();
    // By what is deleted, and by what is adopted: each alone would do.
    for (name, forgets) in [("uma1@acme.example", true), ("uma2@acme.example", false)] {
        let record = directory.made("/Users", &known_as(name, "00u-uma")).await;
        let uma = user_of(&sso, name).await.unwrap();
        assert!(sso.remove(&uma.id).await.is_some());
        let sql = "SELECT made_user FROM directory_users";
        assert_eq!(sso.app.db.all::<(bool,)>(sql, &[]).await.unwrap(), [(false,)], "it has made nobody any more");
        if !forgets {
            sso.sql("UPDATE directory_users SET made_user = TRUE").await;
        }
        let theirs = json!([{"op": "replace", "path": "externalId", "value": "00u-victor"}]);
        let answer = directory.patch(&at(&record), theirs).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert_eq!(made_by(&sso.app, &record).await, victor.id);
        assert_eq!(directory.delete(&at(&record)).await.status, 204);
        let still = users::find(&sso.app.db, &victor.id).await.unwrap().expect("an account that it only adopted stays");
        assert!(!still.active, "and is shut out");
        assert_eq!(sso.open_again(&victor.id).await, Opened::Open);
    }
    // Honestly: whom it made goes with it.
    let record = directory.made("/Users", &known_as("uma@acme.example", "00u-uma")).await;
    assert_eq!(directory.delete(&at(&record)).await.status, 204);
    assert!(user_of(&sso, "uma@acme.example").await.is_none());
}

pub async fn entries(sso: &Sso, action: &str) -> Vec<Value> {
    let sql = "SELECT changes FROM audit WHERE via = 'scim' AND action = $1 ORDER BY seq";
    let rows = sso.app.db.all::<(String,)>(sql, params![action]).await.unwrap();
    rows.iter().map(|(changes,)| serde_json::from_str(changes).unwrap()).collect()
}

/// What the log has of an action, whoever did it.
pub async fn changes_of(sso: &Sso, action: &str) -> Vec<Value> {
    let rows = sso.app.db.all::<(String,)>("SELECT changes FROM audit WHERE action = $1 ORDER BY seq", params![action]).await;
    rows.unwrap().iter().map(|(changes,)| serde_json::from_str(changes).unwrap()).collect()
}

async fn the_log_says_whom_a_directory_adopts(backend: Backend) {
    let (sso, directory) = with_provider(backend).await;
    for name in ["ann", "ben"] {
        comes_in(&sso, &format!("00u-{name}"), &format!("{name}@acme.example")).await.unwrap();
    }
    let (ann, ben) = (user_of(&sso, "ann@acme.example").await.unwrap(), user_of(&sso, "ben@acme.example").await.unwrap());
    // By a creation that says another address, and by a PATCH of one that stood for nobody.
    let made = directory.made("/Users", &known_as("ann.new@acme.example", "00u-ann")).await;
    let bare = directory.made("/Users", &json!({"userName": "ben"})).await;
    let theirs = json!([{"op": "add", "value": {"externalId": "00u-ben"}}]);
    assert_eq!(directory.patch(&at(&bare), theirs).await.status, 200);
    let links = entries(&sso, "link").await;
    assert_eq!((&links[0]["user"]["is"], &links[0]["record"]["is"]), (&json!(ann.id), &made["id"]));
    assert_eq!(links[0]["user_email"], json!({"was": "ann@acme.example", "is": "ann.new@acme.example"}));
    assert_eq!((&links[1]["user"]["is"], &links[1]["record"]["is"]), (&json!(ben.id), &bare["id"]));
    assert_eq!((&links[1]["user_email"], &links[1]["externalId"]["is"]), (&json!({"is": "ben@acme.example"}), &json!("00u-ben")));
    // One who comes to be by a PATCH.
    let late = directory.made("/Users", &json!({"userName": "late"})).await;
    let address = json!([{"op": "add", "path": "emails", "value": [{"value": "late@acme.example"}]}]);
    assert_eq!(directory.patch(&at(&late), address).await.status, 200);
    let user = user_of(&sso, "late@acme.example").await.unwrap();
    let created = entries(&sso, "create").await.pop().unwrap();
    assert_eq!((&created["user"]["is"], &created["record"]["is"]), (&json!(user.id), &late["id"]));
    // What it says of them later, and no more than changed.
    let named = json!([{"op": "replace", "value": {"displayName": "Late Riser", "title": "x"}}]);
    assert_eq!(directory.patch(&at(&late), named).await.status, 200);
    let updated = entries(&sso, "update").await.pop().unwrap();
    assert_eq!((&updated["user_name"]["is"], updated.get("user_email")), (&json!("Late Riser"), None));
    let title = json!([{"op": "replace", "path": "title", "value": "y"}]);
    assert_eq!(directory.patch(&at(&late), title).await.status, 200);
    assert_eq!(entries(&sso, "update").await.pop().unwrap(), json!({"title": {"was": "x", "is": "y"}}));
}
