//! Several processes that start at once on one fresh deployment: one database, one master key, and nobody fails.

use std::process::{Command, Stdio};

use gatehouse::store::{Db, meta};

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn one_of_them_migrates_and_the_others_wait() {
    for round in 0..20 {
        let dir = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", dir.path().join("gatehouse.db").display());
        let all: Vec<_> = (0..8)
            .map(|_| {
                let url = url.clone();
                tokio::spawn(async move {
                    let db = Db::connect(&url).await?;
                    db.migrate().await?;
                    meta::ping(&db).await?;
                    db.close().await;
                    Ok::<_, gatehouse::store::StoreError>(())
                })
            })
            .collect();
        for one in all {
            one.await.unwrap().unwrap_or_else(|e| panic!("round {round}: {e}"));
        }
    }
}

#[test]
fn programs_share_what_they_find() {
    for round in 0..3 {
        let dir = tempfile::tempdir().unwrap();
        let all: Vec<_> = (0..6)
            .map(|_| {
                let mut command = Command::new(env!("CARGO_BIN_EXE_gatehouse"));
                command.args(["keys", "list"]).current_dir(dir.path()).env_clear();
                command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
            })
            .collect();
        for one in all {
            let end = one.wait_with_output().unwrap();
            assert!(end.status.success(), "round {round}: {}", String::from_utf8_lossy(&end.stderr));
        }
    }
}
