//! What happens between a sign-in's decision and its commit, and between two of its reads: put there by the database itself,
//! so that it happens each time.

use gatehouse::{
    policy::{directory::DirectorySettings, email::Email, identity::Identity, provisioning::named},
    secret,
    store::{connections, directory_links, identities, tenants, users},
};
use serde_json::{Value, json};

use crate::{
    browser::{Answer, Browser},
    on_both,
    scim::{Pusher, at, pusher},
    sso::Sso,
    world::Backend,
};

on_both!(
    nobody_is_put_on_a_record_that_is_shut,
    whoever_is_shut_out_before_the_commit_stays_out,
    whom_a_directory_knows_twice_goes_on,
    a_record_that_comes_meanwhile_counts,
);

const PEOPLE: &str = "  users:\n  - {email: linked@acme.example}";

/// A directory of the connection that people sign in over.
async fn with_directory(backend: Backend) -> (Sso, Pusher, connections::Connection) {
    let sso = Sso::with(backend, "jit", "verified", PEOPLE).await;
    let tenant = tenants::find_by_name(&sso.app.db, "acme").await.unwrap().unwrap();
    let connection = connections::find_by_name(&sso.app.db, &tenant.id, "okta").await.unwrap().unwrap();
    let directory = pusher(&sso.world, "acme", "okta", DirectorySettings::default(), Some(&connection.id)).await;
    (sso, directory, connection)
}

/// A record without an address, and so without a user.
async fn bare(directory: &Pusher, name: &str) -> Value {
    directory.made("/Users", &json!({"userName": name, "externalId": format!("00u-{name}"), "active": true})).await
}

fn active(active: bool) -> Value {
    json!([{"op": "replace", "path": "active", "value": active}])
}

async fn arrives(sso: &Sso, name: &str) -> Answer {
    sso.person(&format!("00u-{name}"), &format!("{name}@acme.example"));
    sso.fresh().await
}

async fn user(sso: &Sso, email: &str) -> Option<users::User> {
    let tenant = tenants::find_by_name(&sso.app.db, "acme").await.unwrap().unwrap();
    users::find_by_email(&sso.app.db, &tenant.id, &Email::parse(email).unwrap()).await.unwrap()
}

async fn nobody_is_put_on_a_record_that_is_shut(backend: Backend) {
    let (sso, directory, connection) = with_directory(backend).await;
    let record = bare(&directory, "late").await;
    let id = record["id"].as_str().unwrap();
    let linked = user(&sso, "linked@acme.example").await.unwrap().id;
    let read = directory_links::by_subject(&sso.app.db, &connection.id, "00u-late").await.unwrap().unwrap();
    assert!(read.active && read.user.is_none() && read.id == id, "what a sign-in decides by");
    for (says, there) in [(false, false), (true, true)] {
        assert_eq!(directory.patch(&at(&record), active(says)).await.status, 200);
        let mut tx = sso.app.db.begin().await.unwrap();
        assert_eq!(directory_links::claim(&mut tx, id, &linked, true).await.unwrap(), there);
        drop(tx);
        assert_eq!(directory_links::is_unclaimed(&sso.app.db, id).await.unwrap(), there);
    }
}

/// As soon as an identity is written, all records are inactive: after the decision, before the commit.
async fn shut_meanwhile(sso: &Sso, backend: Backend, begin: bool) {
    let statements: &[&'static str] = match (backend, begin) {
        (Backend::Sqlite, true) => {
            &["CREATE TRIGGER meanwhile AFTER INSERT ON identities BEGIN UPDATE directory_users SET active = FALSE; END"]
        }
        (Backend::Sqlite, false) => &["DROP TRIGGER meanwhile"],
        (Backend::Postgres, true) => &[
            "CREATE OR REPLACE FUNCTION meanwhile() RETURNS trigger LANGUAGE plpgsql AS \
             'BEGIN UPDATE directory_users SET active = FALSE; RETURN NEW; END'",
            "CREATE TRIGGER meanwhile AFTER INSERT ON identities FOR EACH ROW EXECUTE FUNCTION meanwhile()",
        ],
        (Backend::Postgres, false) => &["DROP TRIGGER meanwhile ON identities"],
    };
    for sql in statements {
        sso.sql(sql).await;
    }
}

async fn whoever_is_shut_out_before_the_commit_stays_out(backend: Backend) {
    let (sso, directory, connection) = with_directory(backend).await;
    // One for whom a user is made, and one who has one by the address.
    for name in ["made", "linked"] {
        let record = bare(&directory, name).await;
        let email = format!("{name}@acme.example");
        let before = user(&sso, &email).await.map(|user| user.id);
        shut_meanwhile(&sso, backend, true).await;
        let answer = arrives(&sso, name).await;
        assert_eq!((answer.status, answer.location()), (503, None), "{name}: {}", answer.body);
        shut_meanwhile(&sso, backend, false).await;
        assert_eq!(user(&sso, &email).await.map(|user| user.id), before, "{name}: nobody is made");
        let owner = identities::owner(&sso.app.db, &connection.id, sso.idp.issuer(), &format!("00u-{name}")).await.unwrap();
        assert!(owner.is_none(), "{name}: nor linked");
        // With the next one the decision sees it.
        assert_eq!(directory.patch(&at(&record), active(false)).await.status, 200);
        let answer = arrives(&sso, name).await;
        assert!(answer.status == 403 && answer.body.contains("is deactivated"), "{name}: {}", answer.body);
        assert_eq!(directory.patch(&at(&record), active(true)).await.status, 200);
        assert!(arrives(&sso, name).await.query("code").is_some(), "{name}: and in, where nothing comes between");
        let found = directory_links::by_subject(&sso.app.db, &connection.id, &format!("00u-{name}")).await.unwrap().unwrap();
        assert_eq!(found.user.map(|u| u.user_id), user(&sso, &email).await.map(|u| u.id), "{name}: as the record's user");
    }
}

/// A record that cannot be theirs, because another one is, keeps nobody out.
async fn whom_a_directory_knows_twice_goes_on(backend: Backend) {
    let (sso, directory, _) = with_directory(backend).await;
    directory.user("twice@acme.example").await;
    let second = bare(&directory, "twice").await;
    assert!(arrives(&sso, "twice").await.query("code").is_some());
    let id = second["id"].as_str().unwrap();
    assert!(directory_links::is_unclaimed(&sso.app.db, id).await.unwrap(), "it stands for nobody, as before");
}

/// As soon as an identity is written, a directory has a record of this `externalId`.
async fn known_meanwhile(sso: &Sso, backend: Backend, directory: &Pusher, external_id: Option<&str>) {
    let Some(external_id) = external_id else {
        sso.sql(if backend == Backend::Sqlite { "DROP TRIGGER meanwhile" } else { "DROP TRIGGER meanwhile ON identities" }).await;
        return;
    };
    let insert = format!(
        "INSERT INTO directory_users (id, directory_id, made_user, user_name, external_id, active, resource, version, created_at, \
           updated_at) VALUES ('{external_id}', '{}', FALSE, '{external_id}', '{external_id}', TRUE, '{{}}', 1, 1, 1)",
        directory.row.id
    );
    let statements = match backend {
        Backend::Sqlite => vec![format!("CREATE TRIGGER meanwhile AFTER INSERT ON identities BEGIN {insert}; END")],
        Backend::Postgres => vec![
            format!(
                "CREATE OR REPLACE FUNCTION meanwhile() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN {insert}; RETURN NEW; END$$"
            ),
            "CREATE TRIGGER meanwhile AFTER INSERT ON identities FOR EACH ROW EXECUTE FUNCTION meanwhile()".to_owned(),
        ],
    };
    for sql in statements {
        sso.sql(sql.leak()).await;
    }
}

/// Else the directory shuts out the record's user, who is nobody, and who has signed in stays for ever.
async fn a_record_that_comes_meanwhile_counts(backend: Backend) {
    let (sso, directory, connection) = with_directory(backend).await;
    for name in ["made", "linked"] {
        let before = user(&sso, &format!("{name}@acme.example")).await.map(|user| user.id);
        known_meanwhile(&sso, backend, &directory, Some(&format!("00u-{name}"))).await;
        let answer = arrives(&sso, name).await;
        assert_eq!((answer.status, answer.location()), (503, None), "{name}: {}", answer.body);
        known_meanwhile(&sso, backend, &directory, None).await;
        let owner = identities::owner(&sso.app.db, &connection.id, sso.idp.issuer(), &format!("00u-{name}")).await.unwrap();
        assert!(owner.is_none(), "{name}");
        assert_eq!(user(&sso, &format!("{name}@acme.example")).await.map(|user| user.id), before, "{name}");
        // Honestly: somebody else's, and one that was there before.
        known_meanwhile(&sso, backend, &directory, Some("00u-another")).await;
        assert!(arrives(&sso, name).await.query("code").is_some(), "{name}");
        known_meanwhile(&sso, backend, &directory, None).await;
        sso.sql("DELETE FROM directory_users").await;
    }
    bare(&directory, "known").await;
    assert!(arrives(&sso, "known").await.query("code").is_some());
}

/// Where a read can be made to wait for a lock, which SQLite does not know.
mod where_reads_wait {
    use super::*;

    /// Somebody signs in, and before the reads of the decision are over, another sign-in makes a user of their address, as
    /// `subject`.
    async fn between_the_reads(subject: &str) -> Answer {
        let (sso, _, connection) = with_directory(Backend::Postgres).await;
        sso.person("idp|ada", "ada@acme.example");
        let mut browser = Browser::new();
        let departure = sso.depart(&mut browser, &sso.authorize_url("web", &[])).await;
        let back = sso.back(&departure).await;
        let mut tx = sso.app.db.begin().await.unwrap();
        // Whose identity it is has been read by then; who has the address has not.
        tx.execute("LOCK TABLE directories IN ACCESS EXCLUSIVE MODE", &[]).await.unwrap();
        let another = async {
            let waits = "SELECT COUNT(*) FROM pg_locks WHERE NOT granted AND relation = 'directories'::regclass \
                         AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
            while sso.app.db.all::<(i64,)>(waits, &[]).await.unwrap() == [(0,)] {
                tokio::task::yield_now().await;
            }
            let (email, now) = (Email::parse("ada@acme.example").unwrap(), sso.clock.now());
            let made = gatehouse::login::link::new_user(&connection.tenant_id, email, true, None, now);
            assert!(users::insert(&mut tx, &made, named()).await.unwrap());
            let identity = Identity {
                issuer: sso.idp.issuer().to_owned(),
                subject: subject.to_owned(),
                email: Some("ada@acme.example".to_owned()),
                email_verified: true,
                name: None,
                groups: None,
                auth_time: None,
                session_until: None,
            };
            let id = secret::row_id(now);
            assert!(identities::insert(&mut tx, &id, &connection.id, &made.id, &identity, now).await.unwrap());
            tx.commit().await.unwrap();
        };
        let (answer, ()) = tokio::join!(browser.get(&back), another);
        answer
    }

    #[tokio::test]
    async fn nobody_is_told_that_they_are_somebody_else() {
        if crate::world::postgres().is_none() {
            return;
        }
        let answer = between_the_reads("idp|ada").await;
        assert!(answer.query("code").is_some(), "{} {}", answer.status, answer.body);
        // Whoever is another person is told so, after a second look as well.
        let answer = between_the_reads("idp|another").await;
        assert!(answer.status == 403 && answer.body.contains("belongs to another sign-in"), "{}", answer.body);
    }
}
