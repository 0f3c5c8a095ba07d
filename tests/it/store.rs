//! The nouns of the store behave alike on both databases.

use std::time::Duration;

use axum::http::StatusCode;
use gatehouse::{
    error::{ApiError, PageError},
    oauth::client::{Client, ClientSettings},
    params,
    policy::{
        connection::{ConnectionSettings, Protocol},
        email::Email,
        identity::Provisioning,
        provisioning::named,
    },
    scim::error::ScimError,
    seal::Sealer,
    store::{
        Db, StoreError, clients,
        connections::{self, Connection},
        domains,
        statement::Statement,
        teams::{self, Team},
        tenants::{self, Tenant},
        users::{self, User},
    },
};

use sqlx::{ConnectOptions as _, sqlite::SqliteConnectOptions};

use crate::on_both_databases;

on_both_databases!(
    tenants_and_domains,
    connections_and_versions,
    clients_stay_with_their_tenant,
    users_and_their_addresses,
    teams_and_members,
    a_transaction_is_all_or_nothing,
    a_long_statement_ends,
    what_cannot_be_read_is_an_error,
);

pub fn tenant(name: &str) -> Tenant {
    Tenant {
        id: format!("id-{name}"),
        name: name.into(),
        display_name: name.to_uppercase(),
        provisioning: Provisioning::Invite,
        enabled: true,
        password_login: false,
        require_sso: false,
        access_token_lifetime: Some(900),
        refresh_token_lifetime: None,
        created_at: 1,
    }
}

fn connection(tenant: &Tenant, name: &str) -> Connection {
    Connection {
        id: format!("{}-{name}", tenant.id),
        tenant_id: tenant.id.clone(),
        name: name.into(),
        protocol: Protocol::Oidc,
        enabled: true,
        login_enabled: true,
        settings: ConnectionSettings { button_text: Some("Go".into()), ..ConnectionSettings::default() },
        secret_sealed: None,
        version: 1,
        created_at: 1,
    }
}

fn client(tenant: &Tenant, id: &str) -> Client {
    Client {
        id: id.into(),
        tenant_id: tenant.id.clone(),
        name: "App".into(),
        secret_fingerprint: Some("print".into()),
        trusted: true,
        enabled: true,
        settings: ClientSettings::default(),
    }
}

fn user(tenant: &Tenant, email: &str) -> User {
    User {
        id: format!("{}-{email}", tenant.id),
        tenant_id: tenant.id.clone(),
        email: Email::parse(email).unwrap(),
        email_proven: true,
        name: None,
        password_hash: None,
        admin: false,
        platform: false,
        active: true,
        shut_by: None,
        signed_in_at: None,
        created_at: 1,
        updated_at: 1,
    }
}

async fn tenants_and_domains(db: &Db) {
    let (a, b) = (tenant("a"), tenant("b"));
    tenants::save(db, &a).await.unwrap();
    tenants::save(db, &b).await.unwrap();
    assert_eq!(tenants::find(db, &a.id).await.unwrap(), Some(a.clone()));
    assert_eq!(tenants::find_by_name(db, "b").await.unwrap(), Some(b.clone()));
    assert_eq!(tenants::find_by_name(db, "B").await.unwrap(), None, "names are compared byte for byte");
    assert_eq!(tenants::all(db).await.unwrap(), [a.clone(), b.clone()]);

    let changed = Tenant { enabled: false, access_token_lifetime: None, provisioning: Provisioning::Scim, ..a.clone() };
    tenants::save(db, &changed).await.unwrap();
    assert_eq!(tenants::find(db, &a.id).await.unwrap(), Some(changed));
    let taken = tenants::save(db, &Tenant { id: "other".into(), ..a.clone() }).await.unwrap_err();
    assert!(taken.is_conflict(), "{taken}");

    let of = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
    domains::set(db, &a.id, &of(&["z.test", "a-b.test", "a.test"])).await.unwrap();
    assert_eq!(domains::of_tenant(db, &a.id).await.unwrap(), ["a-b.test", "a.test", "z.test"]);
    assert_eq!(domains::tenant_of(db, "z.test").await.unwrap(), Some(a.id.clone()));
    assert!(domains::set(db, &b.id, &of(&["z.test"])).await.unwrap_err().is_conflict());
    domains::set(db, &a.id, &of(&["a.test"])).await.unwrap();
    assert_eq!(domains::tenant_of(db, "z.test").await.unwrap(), None);

    assert!(tenants::delete(db, &a.id).await.unwrap());
    assert!(!tenants::delete(db, &a.id).await.unwrap());
    assert_eq!(domains::tenant_of(db, "a.test").await.unwrap(), None, "a tenant takes its domains along");
}

async fn connections_and_versions(db: &Db) {
    let t = tenant("t");
    tenants::save(db, &t).await.unwrap();
    let okta = connection(&t, "okta");
    assert!(connections::save(db, &okta).await.unwrap());
    assert!(!connections::save(db, &okta).await.unwrap(), "nothing differs");
    assert_eq!(connections::find(db, &okta.id).await.unwrap(), Some(okta.clone()));
    for (n, changed) in [
        Connection { login_enabled: false, ..okta.clone() },
        Connection { secret_sealed: Some("sealed".into()), ..okta.clone() },
        Connection { settings: ConnectionSettings::default(), ..okta.clone() },
        okta.clone(),
    ]
    .into_iter()
    .enumerate()
    {
        assert!(connections::save(db, &changed).await.unwrap());
        let version = 2 + i64::try_from(n).unwrap();
        assert_eq!(connections::find(db, &okta.id).await.unwrap(), Some(Connection { version, ..changed }));
    }
    let same_name = Connection { id: "x".into(), ..okta.clone() };
    assert!(connections::save(db, &same_name).await.unwrap_err().is_conflict());

    let hidden = Connection { login_enabled: false, created_at: 2, ..connection(&t, "hidden") };
    let off = Connection { enabled: false, created_at: 3, ..connection(&t, "off") };
    connections::save(db, &hidden).await.unwrap();
    connections::save(db, &off).await.unwrap();
    let names = |all: Vec<Connection>| all.into_iter().map(|c| c.name).collect::<Vec<_>>();
    assert_eq!(names(connections::of_tenant(db, &t.id).await.unwrap()), ["okta", "hidden", "off"]);
    assert_eq!(names(connections::offered(db, &t.id).await.unwrap()), ["okta"]);
    assert!(connections::find_by_name(db, &t.id, "off").await.unwrap().is_some());
    assert!(connections::find_by_name(db, "other", "off").await.unwrap().is_none());
    assert!(connections::delete(db, &okta.id).await.unwrap());
    assert!(connections::find(db, &okta.id).await.unwrap().is_none());
}

async fn clients_stay_with_their_tenant(db: &Db) {
    let (a, b) = (tenant("a"), tenant("b"));
    tenants::save(db, &a).await.unwrap();
    tenants::save(db, &b).await.unwrap();
    assert!(clients::save(db, &client(&a, "app"), 5).await.unwrap());
    let changed = Client { trusted: false, secret_fingerprint: None, ..client(&a, "app") };
    assert!(clients::save(db, &changed, 6).await.unwrap());
    let found = clients::find(db, "app").await.unwrap().unwrap();
    assert_eq!((found.trusted, found.secret_fingerprint, found.settings), (false, None, ClientSettings::default()));
    assert!(!clients::save(db, &client(&b, "app"), 7).await.unwrap(), "another tenant's id");
    assert_eq!(clients::find(db, "app").await.unwrap().unwrap().tenant_id, a.id);
    assert_eq!(clients::of_tenant(db, &a.id).await.unwrap().len(), 1);
    assert!(clients::of_tenant(db, &b.id).await.unwrap().is_empty());
    assert!(clients::delete(db, "app").await.unwrap());
    assert!(clients::find(db, "app").await.unwrap().is_none());
}

async fn users_and_their_addresses(db: &Db) {
    let (a, b) = (tenant("a"), tenant("b"));
    for t in [&a, &b] {
        tenants::save(db, t).await.unwrap();
    }
    let ada = user(&a, "Ada@Acme.Example");
    assert!(users::insert(db, &ada, named()).await.unwrap());
    let twin = User { id: "twin".into(), ..user(&a, "ada@acme.example") };
    assert!(!users::insert(db, &twin, named()).await.unwrap(), "one user an address");
    assert!(users::insert(db, &user(&b, "ada@acme.example"), named()).await.unwrap(), "another tenant's is another user");
    assert_eq!(users::find_by_email(db, &a.id, &Email::parse("ADA@acme.example").unwrap()).await.unwrap(), Some(ada.clone()));

    let renamed = User { name: Some("Ada".into()), admin: true, updated_at: 2, ..ada.clone() };
    assert!(users::update(db, &User { active: false, ..renamed.clone() }).await.unwrap());
    assert_eq!(users::find(db, &ada.id).await.unwrap(), Some(renamed), "active does not change by the way");
    let sealer = Sealer::from_base64("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=").unwrap();
    let mut tx = db.begin().await.unwrap();
    assert!(users::set_password(&mut tx, &sealer, &ada.id, Some("hash"), 3).await.unwrap());
    assert!(!users::set_password(&mut tx, &sealer, "nobody", Some("hash"), 3).await.unwrap());
    tx.commit().await.unwrap();

    assert_eq!(db.execute("DELETE FROM users WHERE id = $1", params![&ada.id]).await.unwrap(), 1);
    assert_eq!(users::of_tenant(db, &a.id).await.unwrap(), []);
}

async fn teams_and_members(db: &Db) {
    let t = tenant("t");
    tenants::save(db, &t).await.unwrap();
    for email in ["ada@acme.example", "bob@acme.example"] {
        users::insert(db, &user(&t, email), named()).await.unwrap();
    }
    let (ada, bob) = (user(&t, "ada@acme.example").id, user(&t, "bob@acme.example").id);
    let sre = Team { id: "sre".into(), tenant_id: t.id.clone(), name: "SRE".into(), created_at: 1, group_id: None };
    teams::save(db, &sre).await.unwrap();
    assert!(teams::save(db, &Team { id: "x".into(), ..sre.clone() }).await.unwrap_err().is_conflict());
    assert!(teams::add_member(db, &sre.id, &bob).await.unwrap());
    assert!(!teams::add_member(db, &sre.id, &bob).await.unwrap());
    assert!(teams::add_member(db, &sre.id, &ada).await.unwrap());
    let nobody = async || teams::add_member(db, &sre.id, "nobody").await.unwrap_err();
    assert!(nobody().await.is_gone() && !nobody().await.is_conflict());
    // Whoever meets that is told to try again, and not that the database is away.
    assert_eq!(ApiError::from(nobody().await).status, StatusCode::CONFLICT);
    assert_eq!(PageError::from(nobody().await).status, StatusCode::CONFLICT);
    assert_eq!(ScimError::from(nobody().await).fault.status, 409);
    assert_eq!(teams::members(db, &sre.id).await.unwrap(), [ada.clone(), bob.clone()]);
    assert_eq!(teams::of_user(db, &ada).await.unwrap(), std::slice::from_ref(&sre));
    assert!(teams::remove_member(db, &sre.id, &ada).await.unwrap());
    assert!(!teams::remove_member(db, &sre.id, &ada).await.unwrap());
    db.execute("DELETE FROM users WHERE id = $1", params![&bob]).await.unwrap();
    assert_eq!(teams::members(db, &sre.id).await.unwrap(), Vec::<String>::new());
    assert_eq!(teams::find_by_name(db, &t.id, "SRE").await.unwrap(), Some(sre.clone()));
    assert_eq!(teams::of_tenant(db, &t.id).await.unwrap(), std::slice::from_ref(&sre));
    assert!(teams::delete(db, &sre.id).await.unwrap());
}

async fn a_transaction_is_all_or_nothing(db: &Db) {
    let mut tx = db.begin().await.unwrap();
    tenants::lock(&mut tx).await.unwrap();
    tenants::save(&mut tx, &tenant("t")).await.unwrap();
    assert!(tenants::find_by_name(&mut tx, "t").await.unwrap().is_some());
    drop(tx);
    assert!(tenants::find_by_name(db, "t").await.unwrap().is_none());
}

async fn what_cannot_be_read_is_an_error(db: &Db) {
    let t = tenant("t");
    tenants::save(db, &t).await.unwrap();
    connections::save(db, &connection(&t, "c")).await.unwrap();
    clients::save(db, &client(&t, "app"), 1).await.unwrap();
    users::insert(db, &user(&t, "ada@acme.example"), named()).await.unwrap();
    for sql in ["UPDATE connections SET settings = '{'", "UPDATE clients SET settings = '3'", "UPDATE users SET email = 'ada'"] {
        db.execute(sql, params![]).await.unwrap();
    }
    let corrupt = |e: StoreError| assert!(matches!(e, StoreError::Corrupt(..)), "{e}");
    corrupt(connections::of_tenant(db, &t.id).await.unwrap_err());
    corrupt(clients::find(db, "app").await.unwrap_err());
    corrupt(users::of_tenant(db, &t.id).await.unwrap_err());
    db.execute("UPDATE tenants SET provisioning = 'x'", params![]).await.unwrap();
    corrupt(tenants::all(db).await.unwrap_err());
}

/// Four searches that nobody waited for any more were the end of a node: each kept one of the connections that read.
fn endless() -> Statement<'static> {
    Statement::new(
        "SELECT COUNT(*) + (SELECT COUNT(*) FROM tenants) FROM
           (WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT 1 - n FROM c) SELECT n FROM c) AS numbers",
    )
}

/// PostgreSQL hears only that its time is over; SQLite also that nobody waits for it any more.
#[tokio::test]
async fn on_sqlite_a_long_statement_ends_with_whoever_asked() {
    let (db, folder) = crate::databases::sqlite().await;
    // More of them than connections that read: their own time is far away.
    for _ in 0..6 {
        let (statement, time) = (endless(), Duration::from_secs(120));
        assert!(tokio::time::timeout(Duration::from_millis(100), db.search::<(i64,)>(&statement, time)).await.is_err());
    }
    let mut short = Statement::new("SELECT COUNT(*) FROM tenants WHERE name = ");
    short.bind("nobody");
    for _ in 0..20 {
        let asked = tokio::time::timeout(Duration::from_secs(20), db.select::<(i64,)>(&short)).await;
        assert_eq!(asked.expect("a connection is free").unwrap(), [(0,)]);
    }
    // Nor do they work on where nobody sees them: SQLite waits for whoever still reads what was there before a write.
    tenants::save(&db, &tenant("t")).await.unwrap();
    let options = SqliteConnectOptions::new().filename(folder.path().join("test.db")).busy_timeout(Duration::from_secs(20));
    let mut other = options.connect().await.unwrap();
    #[expect(clippy::disallowed_methods, reason = "a connection beside those of the store")]
    let (busy,): (i64,) = sqlx::query_as("PRAGMA wal_checkpoint(RESTART)").fetch_one(&mut other).await.unwrap();
    assert_eq!(busy, 0, "a statement is read on that nobody waits for");
}

async fn a_long_statement_ends(db: &Db) {
    let moment = Duration::from_millis(100);
    for _ in 0..6 {
        let (a, b) = (endless(), endless());
        let (a, b) = tokio::join!(db.search::<(i64,)>(&a, moment), db.search::<(i64,)>(&b, moment));
        assert!(a.is_err_and(|e| e.is_too_long()) && b.is_err_and(|e| e.is_too_long()), "its time is over");
    }
    // And given up in the middle.
    for _ in 0..6 {
        let (statement, time) = (endless(), Duration::from_secs(2));
        assert!(tokio::time::timeout(moment, db.search::<(i64,)>(&statement, time)).await.is_err());
    }
    // Honestly: what is asked next is answered, on connections that were used for it and on others.
    let mut short = Statement::new("SELECT COUNT(*) FROM tenants WHERE name = ");
    short.bind("nobody");
    for _ in 0..20 {
        assert_eq!(db.search::<(i64,)>(&short, moment).await.unwrap(), [(0,)]);
        assert_eq!(db.select::<(i64,)>(&short).await.unwrap(), [(0,)]);
    }
}
