//! What is deleted by age, to the second: nothing that is promised to be kept, and nothing that stays for ever.

use gatehouse::{
    params,
    seal::Sealer,
    store::{Db, deliveries, invites, receipts, sweep::sweep},
};

use crate::{on_both_databases, store::tenant};

on_both_databases!(nothing_younger_goes, deliveries_wait_their_time);

const NOW: i64 = 1_800_000_000;

/// For how long the audit log is kept, which is tested with it.
const YEAR: i64 = 365 * 86_400;

fn sealer() -> Sealer {
    Sealer::from_base64("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=").unwrap()
}

async fn names(db: &Db, sql: &'static str) -> Vec<String> {
    db.all::<(String,)>(sql, &[]).await.unwrap().into_iter().map(|(name,)| name).collect()
}

async fn nothing_younger_goes(db: &Db) {
    let acme = tenant("acme");
    gatehouse::store::tenants::save(db, &acme).await.unwrap();
    let sql = "INSERT INTO directories (id, tenant_id, name, enabled, settings, created_at) VALUES ('d', $1, 'd', TRUE, '{}', 1)";
    db.execute(sql, params![&acme.id]).await.unwrap();
    let token = "INSERT INTO directory_tokens (id, directory_id, fingerprint, declared, created_at, expires_at) \
                 VALUES ($1, 'd', $1, FALSE, 1, $2)";
    let receipt = "INSERT INTO receipts (id, tenant_id, user_id, email, cause, actor, ended, at) \
                   VALUES ($1, $2, 'gone', 'gone@acme.example', 'deleted', 'a test', '{}', $3)";
    let invite = "INSERT INTO invites (id, tenant_id, email, teams, token_hash, mailed, invited_by, sent, created_at, expires_at) \
                  VALUES ($1, $2, $1 || '@acme.example', '[]', $1, TRUE, 'a test', 1, 1, $3)";
    for (name, end) in [("old", NOW - receipts::KEPT), ("kept", NOW - receipts::KEPT + 1), ("ended", NOW - 1), ("lives", NOW + 1)]
    {
        db.execute(token, params![name, end]).await.unwrap();
        db.execute(receipt, params![name, &acme.id, end]).await.unwrap();
    }
    db.execute(token, params!["without end", None::<i64>]).await.unwrap();
    for (name, end) in
        [("old", NOW - invites::AFTERLIFE), ("kept", NOW - invites::AFTERLIFE + 1), ("over", NOW - 1), ("open", NOW + 1)]
    {
        db.execute(invite, params![name, &acme.id, end]).await.unwrap();
    }
    let tokens = "SELECT id FROM directory_tokens ORDER BY id";
    assert_eq!(sweep(db, &sealer(), YEAR, NOW).await.unwrap(), 3);
    assert_eq!(names(db, tokens).await, ["ended", "kept", "lives", "without end"]);
    assert_eq!(names(db, "SELECT id FROM receipts ORDER BY id").await, ["ended", "kept", "lives"]);
    assert_eq!(names(db, "SELECT id FROM invites ORDER BY id").await, ["kept", "open", "over"]);
    assert_eq!(sweep(db, &sealer(), YEAR, NOW).await.unwrap(), 0, "once is enough");
    assert_eq!(sweep(db, &sealer(), YEAR, NOW + 1).await.unwrap(), 3, "and in time it goes");
    assert_eq!(receipts::KEPT, 365 * 86_400, "a year, as the README says");
}

async fn deliveries_wait_their_time(db: &Db) {
    let acme = tenant("acme");
    gatehouse::store::tenants::save(db, &acme).await.unwrap();
    let new = deliveries::New { tenant_id: &acme.id, kind: deliveries::Kind::Mail, receiver: "mail.example" };
    let mut made = Vec::new();
    for at in [NOW - 2 * 86_400, NOW - 2 * 86_400 + 1, NOW - 3_600, NOW] {
        made.push(deliveries::push(db, &sealer(), &new, &"a letter", at).await.unwrap());
    }
    assert_eq!(sweep(db, &sealer(), YEAR, NOW).await.unwrap(), 1);
    let mut left = made.split_off(1);
    left.sort();
    assert_eq!(names(db, "SELECT id FROM deliveries ORDER BY id").await, left);
}
