//! Runs one test on both databases: always on SQLite, and on PostgreSQL when `GATEHOUSE_TEST_POSTGRES` is the URL of one
//! where databases can be made (`scripts/with-postgres`). Where `CI` is set it has to be.

use gatehouse::{
    secret,
    store::{Db, db::Result},
};

/// A new, migrated SQLite file; it lives as long as the folder.
pub async fn sqlite() -> (Db, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let db = Db::connect(&format!("sqlite://{}", dir.path().join("test.db").display())).await.unwrap();
    db.migrate().await.unwrap();
    (db, dir)
}

/// A new, migrated PostgreSQL database; nothing when there is no server to make it on.
pub async fn postgres() -> Option<Db> {
    let Ok(base) = std::env::var("GATEHOUSE_TEST_POSTGRES") else {
        assert!(std::env::var_os("CI").is_none(), "GATEHOUSE_TEST_POSTGRES is not set: run under scripts/with-postgres");
        eprintln!("skipped on PostgreSQL: GATEHOUSE_TEST_POSTGRES is not set");
        return None;
    };
    let name = format!("t{}", secret::random_id().replace(['-', '_'], "x").to_lowercase());
    let server = Db::connect(&base).await.unwrap();
    create(&server, &name).await.unwrap();
    server.close().await;
    let (server, options) = base.split_once('?').map_or((base.as_str(), ""), |(s, o)| (s, o));
    let (server, _) = server.rsplit_once('/').unwrap();
    let db = Db::connect(&format!("{server}/{name}?{options}")).await.unwrap();
    db.migrate().await.unwrap();
    Some(db)
}

/// The store takes fixed texts only; a test may leak the name of its database.
async fn create(server: &Db, name: &str) -> Result<u64> {
    server.execute(Box::leak(format!("CREATE DATABASE {name}").into_boxed_str()), &[]).await
}

/// Declares a test of a database, once for each kind.
#[macro_export]
macro_rules! on_both_databases {
    ($($name:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test] async fn $name() {
                let (db, _dir) = $crate::databases::sqlite().await;
                super::$name(&db).await;
            })*
        }
        mod postgres {
            $(#[tokio::test] async fn $name() {
                if let Some(db) = $crate::databases::postgres().await {
                    super::$name(&db).await;
                    db.close().await;
                }
            })*
        }
    };
}
