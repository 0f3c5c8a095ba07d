//! The audit log: one chain for all writers, found out whichever way it is tampered with, and as old as it is said to be.

use gatehouse::{
    seal::Sealer,
    store::{
        Db,
        audit::{self, Action, Actor, Broken, Changes, Entry, Event, Filter, Flaw, Intact},
        meta, sweep,
    },
};
use serde_json::json;

use crate::on_both_databases;

on_both_databases!(
    what_is_written_is_read_and_verified,
    what_is_tampered_with_is_named,
    a_long_log_is_walked_in_steps,
    an_end_that_was_moved_is_not_built_upon,
    another_key_verifies_nothing,
    a_forged_entry_fits_nowhere,
    an_older_state_shows_by_what_was_noted,
    a_log_that_was_wiped_is_no_new_one,
    an_older_version_s_log_is_sealed_once,
    many_writers_leave_no_gap,
    what_is_rolled_back_was_never_there,
    the_oldest_go_and_the_rest_is_verified,
    nobody_has_the_traces_swept,
    pages_hold_what_was_asked_for,
);

/// Whoever has this key.
pub fn sealer(byte: u8) -> Sealer {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    Sealer::from_base64(&STANDARD.encode([byte; 32])).unwrap()
}

/// Whoever writes.
pub fn ada() -> Actor {
    Actor { name: "administrator ada@acme.example".into(), id: Some("u1".into()), ..Actor::command_line() }
}

/// As whoever opens a database for the first time leaves it.
pub async fn made(db: &Db) {
    meta::check_master_key(db, &sealer(1)).await.unwrap();
}

/// Entries `thing 1` to `thing n`, an hour apart.
pub async fn write(db: &Db, n: i64) {
    made(db).await;
    for i in 1..=n {
        let mut tx = db.begin().await.unwrap();
        let event = Event::new("acme", Action::Update, format!("thing {i}"));
        let event = event.with(Changes::default().changed("size", i - 1, i).secret("token"));
        audit::append(&mut tx, &sealer(1), &ada(), event, i * 3_600);
        tx.commit().await.unwrap();
    }
}

/// What verifying the log says.
pub async fn verdict(db: &Db) -> Result<Intact, Broken> {
    audit::verify(db, &sealer(1)).await.unwrap()
}

async fn sql(db: &Db, sql: &'static str) {
    assert!(db.execute(sql, &[]).await.unwrap() > 0, "{sql}");
}

async fn all(db: &Db) -> Vec<Entry> {
    audit::following(db, &Filter::default(), 0, 10_000).await.unwrap()
}

async fn what_is_written_is_read_and_verified(db: &Db) {
    made(db).await;
    assert_eq!(verdict(db).await.map(|intact| (intact.first, intact.last)), Ok((1, 0)), "nothing is intact too");
    write(db, 3).await;
    let entries = all(db).await;
    let Entry { seq, at, tenant_id, actor, actor_id, via, address, action, subject, changes, .. } = entries[1].clone();
    assert_eq!((seq, at, tenant_id.as_deref(), actor.as_str()), (2, 7_200, Some("acme"), "administrator ada@acme.example"));
    assert_eq!((actor_id.as_deref(), via.as_str(), address), (Some("u1"), "command", None));
    assert_eq!((action.as_str(), subject.as_str()), ("update", "thing 2"));
    assert_eq!(changes, json!({"size": {"was": 1, "is": 2}, "token": {"is": "(secret)"}}));
    let intact = verdict(db).await.unwrap();
    assert_eq!((intact.first, intact.last, &intact.mac), (1, 3, &entries[2].mac));
}

async fn a_long_log_is_walked_in_steps(db: &Db) {
    made(db).await;
    for n in 0..9 {
        let mut tx = db.begin().await.unwrap();
        for i in 0..50 {
            let event = Event::new("acme", Action::Update, format!("thing {n}-{i}"));
            audit::append(&mut tx, &sealer(1), &ada(), event.with(Changes::default().is("size", i)), n * 3_600);
        }
        tx.commit().await.unwrap();
    }
    let steps = async || {
        let mut walk = audit::Walk::begin(db, &sealer(1)).await.unwrap();
        let mut steps = 1;
        loop {
            match walk.step(db).await.unwrap() {
                Some(verdict) => return (steps, verdict.map(|intact| intact.last)),
                None => steps += 1,
            }
        }
    };
    assert_eq!(steps().await, (3, Ok(450)));
    // What goes from its beginning meanwhile, and what comes behind its end, is no flaw.
    let mut walk = audit::Walk::begin(db, &sealer(1)).await.unwrap();
    assert_eq!(walk.step(db).await.unwrap(), None);
    assert_eq!(audit::retain(db, &sealer(1), 7 * 3_600).await.unwrap(), 400);
    let mut tx = db.begin().await.unwrap();
    audit::append(&mut tx, &sealer(1), &ada(), Event::new("acme", Action::Create, "thing later"), 10 * 3_600);
    tx.commit().await.unwrap();
    let mut found = None;
    while found.is_none() {
        found = walk.step(db).await.unwrap();
    }
    assert_eq!(found.unwrap().map(|intact| (intact.first, intact.last)), Ok((401, 451)));
    // What is wrong is found in whichever step it stands.
    for (seq, altered) in
        [(450, "UPDATE audit SET subject = 'x' WHERE seq = 450"), (402, "UPDATE audit SET subject = 'x' WHERE seq = 402")]
    {
        sql(db, altered).await;
        assert_eq!(verdict(db).await, Err(Broken { seq, flaw: Flaw::Altered }));
    }
}

async fn what_is_tampered_with_is_named(db: &Db) {
    write(db, 9).await;
    let broken = |seq, flaw| Err(Broken { seq, flaw });
    // Each is undone by hand afterwards, and then all is well again.
    for column in ["actor", "actor_id", "via", "action", "subject", "changes", "tenant_id"] {
        let (alter, back): (&'static str, &'static str) = match column {
            "actor" => (
                "UPDATE audit SET actor = 'somebody else' WHERE seq = 4",
                "UPDATE audit SET actor = 'administrator ada@acme.example' WHERE seq = 4",
            ),
            "actor_id" => ("UPDATE audit SET actor_id = NULL WHERE seq = 4", "UPDATE audit SET actor_id = 'u1' WHERE seq = 4"),
            "via" => ("UPDATE audit SET via = 'scim' WHERE seq = 4", "UPDATE audit SET via = 'command' WHERE seq = 4"),
            "action" => ("UPDATE audit SET action = 'create' WHERE seq = 4", "UPDATE audit SET action = 'update' WHERE seq = 4"),
            "subject" => ("UPDATE audit SET subject = 'x' WHERE seq = 4", "UPDATE audit SET subject = 'thing 4' WHERE seq = 4"),
            "changes" => (
                "UPDATE audit SET changes = '{}' WHERE seq = 4",
                "UPDATE audit SET changes = '{\"size\":{\"is\":4,\"was\":3},\"token\":{\"is\":\"(secret)\"}}' WHERE seq = 4",
            ),
            _ => ("UPDATE audit SET tenant_id = NULL WHERE seq = 4", "UPDATE audit SET tenant_id = 'acme' WHERE seq = 4"),
        };
        sql(db, alter).await;
        assert_eq!(verdict(db).await, broken(4, Flaw::Altered), "{column}");
        sql(db, back).await;
        assert!(verdict(db).await.is_ok(), "{column}");
    }
    sql(db, "UPDATE audit SET at = at + 1 WHERE seq = 9").await;
    assert_eq!(verdict(db).await, broken(9, Flaw::Altered), "the last one too");
    sql(db, "UPDATE audit SET at = at - 1 WHERE seq = 9").await;
    // Two change places.
    for (from, to) in [(5, 100), (6, 5), (100, 6)] {
        let params = gatehouse::params![from, to];
        db.execute("UPDATE audit SET seq = $2 WHERE seq = $1", params).await.unwrap();
    }
    assert_eq!(verdict(db).await, broken(5, Flaw::Altered));
    for (from, to) in [(5, 100), (6, 5), (100, 6)] {
        db.execute("UPDATE audit SET seq = $2 WHERE seq = $1", gatehouse::params![from, to]).await.unwrap();
    }
    assert!(verdict(db).await.is_ok());
    // One before the beginning, and one behind the end.
    for (to, back) in [
        (
            "INSERT INTO audit SELECT 0, at, tenant_id, actor, actor_id, via, address, action, subject, changes, mac FROM audit WHERE seq = 1",
            0,
        ),
        (
            "INSERT INTO audit SELECT 10, at, tenant_id, actor, actor_id, via, address, action, subject, changes, mac FROM audit WHERE seq = 1",
            10,
        ),
    ] {
        sql(db, to).await;
        assert_eq!(verdict(db).await, broken(back, Flaw::Foreign));
        db.execute("DELETE FROM audit WHERE seq = $1", gatehouse::params![back]).await.unwrap();
    }
    assert!(verdict(db).await.is_ok());
    // The end is cut off: alone, and with a mark that is made to fit.
    sql(db, "DELETE FROM audit WHERE seq > 7").await;
    assert_eq!(verdict(db).await, broken(8, Flaw::Missing));
    sql(db, "UPDATE audit_head SET seq = 7, mac = (SELECT mac FROM audit WHERE seq = 7) WHERE id = 1").await;
    assert_eq!(verdict(db).await, broken(7, Flaw::End));
    // One in the middle, and the beginning.
    sql(db, "DELETE FROM audit WHERE seq = 3").await;
    assert_eq!(verdict(db).await, broken(3, Flaw::Missing));
    sql(db, "UPDATE audit_head SET seq = 3, mac = (SELECT mac FROM audit WHERE seq = 2) WHERE id = 2").await;
    assert_eq!(verdict(db).await, broken(4, Flaw::Beginning));
}

async fn an_end_that_was_moved_is_not_built_upon(db: &Db) {
    write(db, 5).await;
    sql(db, "DELETE FROM audit WHERE seq > 3").await;
    sql(db, "UPDATE audit_head SET seq = 3, mac = (SELECT mac FROM audit WHERE seq = 3) WHERE id = 1").await;
    write(db, 3).await;
    assert_eq!(all(db).await.len(), 6, "what happens is written down all the same");
    assert_eq!(verdict(db).await, Err(Broken { seq: 4, flaw: Flaw::Altered }), "and what was cut off is not forgotten");
}

async fn another_key_verifies_nothing(db: &Db) {
    write(db, 2).await;
    assert!(verdict(db).await.is_ok());
    let verdict = audit::verify(db, &sealer(2)).await.unwrap();
    assert_eq!(verdict, Err(Broken { seq: 1, flaw: Flaw::Beginning }));
}

async fn a_forged_entry_fits_nowhere(db: &Db) {
    write(db, 2).await;
    // Somebody with a gatehouse of their own, and with this database, but not with its key.
    let mut tx = db.begin().await.unwrap();
    audit::append(&mut tx, &sealer(2), &ada(), Event::new(None, Action::Create, "client evil"), 10_000);
    tx.commit().await.unwrap();
    assert_eq!(verdict(db).await, Err(Broken { seq: 3, flaw: Flaw::Altered }));
}

async fn an_older_state_shows_by_what_was_noted(db: &Db) {
    made(db).await;
    let empty: Vec<(i64, String)> = db.all("SELECT id, seal FROM audit_head", &[]).await.unwrap();
    write(db, 4).await;
    let noted = verdict(db).await.unwrap();
    assert_eq!(audit::has(db, noted.last, &noted.mac).await.unwrap(), Some(true));
    // All that the database can be put back to is what it once was; the empty log is among it.
    sql(db, "DELETE FROM audit").await;
    for (id, seal) in &empty {
        let sql = "UPDATE audit_head SET seq = 0, mac = '', seal = $2 WHERE id = $1";
        db.execute(sql, gatehouse::params![*id, seal]).await.unwrap();
    }
    assert!(verdict(db).await.is_ok());
    assert_eq!(audit::has(db, noted.last, &noted.mac).await.unwrap(), Some(false));
    write(db, 5).await;
    assert_eq!(audit::has(db, noted.last, "another").await.unwrap(), Some(false));
}

/// Whoever may write to the database, and has no key, makes it look as if nothing had ever happened.
async fn a_log_that_was_wiped_is_no_new_one(db: &Db) {
    const WIPE: &str = "UPDATE audit_head SET seq = 0, mac = '', seal = ''";
    write(db, 4).await;
    db.execute("INSERT INTO tenants (id, name, display_name, provisioning, enabled, password_login, created_at) VALUES ('t', 'acme', 'Acme', 'jit', TRUE, TRUE, 1)", &[]).await.unwrap();
    sql(db, "DELETE FROM audit").await;
    sql(db, WIPE).await;
    let wiped = Err(Broken { seq: 1, flaw: Flaw::Beginning });
    assert_eq!(verdict(db).await, wiped);
    // Nor does a start seal it, though the word that tells of the first be gone.
    made(db).await;
    assert_eq!(verdict(db).await, wiped);
    sql(db, "DELETE FROM meta WHERE name = 'master-key-check'").await;
    made(db).await;
    assert_eq!(verdict(db).await, wiped);
    write(db, 2).await;
    assert!(verdict(db).await.is_err(), "and what is written after does not hide it");
}

async fn an_older_version_s_log_is_sealed_once(db: &Db) {
    // As such a version left it: its word, and a beginning without a seal.
    let word = sealer(1).seal("master-key-check", b"gatehouse");
    write(db, 3).await;
    sql(db, "UPDATE audit_head SET seal = '' WHERE id = 2").await;
    meta::save(db, "master-key-check", &word).await.unwrap();
    assert!(verdict(db).await.is_err());
    made(db).await;
    assert_eq!(verdict(db).await.unwrap().last, 3);
    write(db, 1).await;
    sql(db, "UPDATE audit_head SET seal = '' WHERE id = 2").await;
    made(db).await;
    assert_eq!(verdict(db).await, Err(Broken { seq: 1, flaw: Flaw::Beginning }), "once");
    assert!(meta::check_master_key(db, &sealer(2)).await.is_err(), "by whoever has the key");
}

async fn many_writers_leave_no_gap(db: &Db) {
    made(db).await;
    let tasks = (0..40).map(|n| {
        let db = db.clone();
        tokio::spawn(async move {
            let mut tx = db.begin().await.unwrap();
            // In the other order in every second one: what is locked before the log must not matter.
            let names = if n % 2 == 0 { ["a", "b"] } else { ["b", "a"] };
            let rows = if n % 4 < 2 { &names[..1] } else { &names[..0] };
            for name in rows {
                gatehouse::store::meta::save(&mut tx, name, "x").await.unwrap();
            }
            for i in 0..3 {
                audit::append(&mut tx, &sealer(1), &ada(), Event::new(None, Action::Update, format!("{n} {i}")), 1);
            }
            tx.news().catalogue.insert("acme".to_owned());
            tx.commit().await.unwrap();
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    let entries = all(db).await;
    assert_eq!(entries.iter().map(|entry| entry.seq).collect::<Vec<_>>(), (1..=120).collect::<Vec<_>>());
    let of_one = entries.chunks(3).all(|three| {
        let who = |entry: &Entry| entry.subject.split_once(' ').unwrap().0.to_owned();
        three.iter().all(|entry| who(entry) == who(&three[0]))
    });
    assert!(of_one, "what one transaction wrote stands together");
    assert_eq!(verdict(db).await.unwrap().last, 120);
}

async fn what_is_rolled_back_was_never_there(db: &Db) {
    write(db, 1).await;
    let mut tx = db.begin().await.unwrap();
    audit::append(&mut tx, &sealer(1), &ada(), Event::new(None, Action::Delete, "everything"), 1);
    drop(tx);
    let mut tx = db.begin().await.unwrap();
    tx.execute("UPDATE audit SET seq = seq WHERE seq = 1", &[]).await.unwrap();
    tx.commit().await.unwrap();
    write(db, 1).await;
    assert_eq!(all(db).await.len(), 2);
    assert!(verdict(db).await.is_ok());
}

async fn the_oldest_go_and_the_rest_is_verified(db: &Db) {
    write(db, 10).await;
    let noted = all(db).await;
    let now = 11 * 3_600;
    assert_eq!(sweep::sweep(db, &sealer(1), 20 * 3_600, now).await.unwrap(), 0);
    assert_eq!(sweep::sweep(db, &sealer(1), 5 * 3_600, now).await.unwrap(), 6);
    let intact = verdict(db).await.unwrap();
    assert_eq!((intact.first, intact.last), (7, 10));
    let has = async |n: usize| audit::has(db, noted[n - 1].seq, &noted[n - 1].mac).await.unwrap();
    assert_eq!((has(5).await, has(6).await, has(7).await), (None, Some(true), Some(true)));
    write(db, 1).await;
    assert_eq!(verdict(db).await.unwrap().last, 11);
    // All of it, more than a chunk; and on.
    let mut tx = db.begin().await.unwrap();
    for n in 0..1_500 {
        audit::append(&mut tx, &sealer(1), &ada(), Event::new(None, Action::Update, format!("much {n}")), now);
    }
    tx.commit().await.unwrap();
    assert_eq!(verdict(db).await.unwrap().last, 1_511);
    assert_eq!(sweep::sweep(db, &sealer(1), 1, now + 1).await.unwrap(), 1_505);
    let intact = verdict(db).await.unwrap();
    assert_eq!((intact.first, intact.last), (1_512, 1_511));
    write(db, 1).await;
    assert_eq!(all(db).await[0].seq, 1_512);
    assert!(verdict(db).await.is_ok());
    // Its beginning is made to fit no better than its end.
    sql(db, "UPDATE audit_head SET seal = 'x' WHERE id = 2").await;
    assert_eq!(verdict(db).await, Err(Broken { seq: 1_512, flaw: Flaw::Beginning }));
    assert_eq!(sweep::sweep(db, &sealer(1), 1, 10 * now).await.unwrap(), 0, "and nothing goes any more");
}

async fn nobody_has_the_traces_swept(db: &Db) {
    write(db, 6).await;
    let now = 7 * 3_600;
    // Whoever wants entries away makes them old.
    sql(db, "UPDATE audit SET at = 0 WHERE seq <= 4").await;
    assert_eq!(sweep::sweep(db, &sealer(1), now, now).await.unwrap(), 0);
    assert_eq!(all(db).await.len(), 6);
    assert_eq!(verdict(db).await, Err(Broken { seq: 1, flaw: Flaw::Altered }));
}

async fn pages_hold_what_was_asked_for(db: &Db) {
    for (n, (tenant, actor, action, subject)) in [
        (Some("t1"), "ada", Action::Create, "client web"),
        (Some("t2"), "ada", Action::Update, "connection acme/okta"),
        (None, "gatehouse", Action::Rotate, "signing key ES256"),
        (Some("t1"), "bob", Action::Update, "connection acme/okta"),
        (Some("t1"), "ada", Action::Update, "connection acme/ok%"),
    ]
    .into_iter()
    .enumerate()
    {
        let mut tx = db.begin().await.unwrap();
        let actor = Actor { name: actor.into(), id: Some(format!("id of {actor}")), ..Actor::command_line() };
        audit::append(&mut tx, &sealer(1), &actor, Event::new(tenant, action, subject), i64::try_from(n).unwrap() * 10);
        tx.commit().await.unwrap();
    }
    let seqs = async |filter: Filter<'_>, before: Option<i64>, limit: i64| {
        let page = audit::page(db, &filter, before, limit).await.unwrap();
        page.into_iter().map(|entry| entry.seq).collect::<Vec<_>>()
    };
    let none = Filter::default();
    assert_eq!(seqs(none, None, 3).await, [5, 4, 3]);
    assert_eq!(seqs(none, Some(3), 3).await, [2, 1]);
    for (filter, found) in [
        (Filter { tenant_id: Some("t1"), ..none }, vec![5, 4, 1]),
        (Filter { actor: Some("ada"), ..none }, vec![5, 2, 1]),
        (Filter { actor: Some("id of bob"), ..none }, vec![4]),
        (Filter { action: Some("update"), ..none }, vec![5, 4, 2]),
        (Filter { subject: Some("connection acme/"), ..none }, vec![5, 4, 2]),
        (Filter { subject: Some("connection acme/ok%"), ..none }, vec![5]),
        (Filter { subject: Some("acme"), ..none }, vec![]),
        (Filter { from: Some(10), until: Some(30), ..none }, vec![3, 2]),
        (Filter { tenant_id: Some("t1"), actor: Some("ada"), action: Some("update"), ..none }, vec![5]),
    ] {
        assert_eq!(seqs(filter, None, 10).await, found, "{filter:?}");
    }
}
