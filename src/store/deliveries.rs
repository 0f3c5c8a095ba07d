//! What is to be sent to others, sealed, until it has been. Any node takes a delivery that is due by moving its time
//! ahead (a lease): one conditional statement on one row, so no two nodes send it at once, and one that dies with it
//! leaves it to the others.

use serde::{Serialize, de::DeserializeOwned};

use super::{
    db::{Db, Result, StoreError},
    on::On,
    read_json, write_json,
};
use crate::{params, seal::Sealer, secret};

/// What kind of thing is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A logout token to a client (OpenID Connect Back-Channel Logout 1.0).
    BackchannelLogout,
    /// A mail.
    Mail,
}

impl Kind {
    const ALL: [Self; 2] = [Self::BackchannelLogout, Self::Mail];

    /// Its name in the database and in metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BackchannelLogout => "backchannel_logout",
            Self::Mail => "mail",
        }
    }
}

/// What to send.
#[derive(Clone, Copy, Debug)]
pub struct New<'a> {
    /// Goes with this tenant.
    pub tenant_id: &'a str,
    /// What it is.
    pub kind: Kind,
    /// Who takes it: of one receiver only a few are under way at once, so that whoever is slow holds up nobody else.
    pub receiver: &'a str,
}

/// A delivery that a node has taken.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// Row id.
    pub id: String,
    /// What it is.
    pub kind: Kind,
    /// Who takes it.
    pub receiver: String,
    /// How often it was taken, this time included.
    pub attempts: i64,
    /// Unix seconds.
    pub created_at: i64,
    payload_sealed: String,
}

impl Delivery {
    /// What [`push`] was given.
    ///
    /// # Errors
    /// When it is not what this version wrote.
    pub fn payload<T: DeserializeOwned>(&self, sealer: &Sealer) -> Result<T> {
        let text = sealer.open_text(&context(&self.id), &self.payload_sealed);
        read_json("delivery", &text.map_err(|e| StoreError::Sealed("delivery", e))?)
    }
}

fn context(id: &str) -> String {
    format!("delivery/{id}")
}

#[derive(sqlx::FromRow)]
struct Stored {
    id: String,
    kind: String,
    receiver: String,
    payload_sealed: String,
    attempts: i64,
    created_at: i64,
}

/// Puts something on its way, due at once; in the transaction that causes it, after which `delivery` is to be nudged. The
/// row's id.
///
/// # Errors
/// What the database says.
pub async fn push(on: impl Into<On<'_>>, sealer: &Sealer, new: &New<'_>, payload: &impl Serialize, now: i64) -> Result<String> {
    let id = secret::row_id(now);
    let sealed = sealer.seal(&context(&id), write_json("delivery", payload)?.as_bytes());
    let sql = "INSERT INTO deliveries (id, tenant_id, kind, receiver, payload_sealed, attempts, due_at, created_at) \
               VALUES ($1, $2, $3, $4, $5, 0, $6, $6)";
    on.into().execute(sql, params![&id, new.tenant_id, new.kind.as_str(), new.receiver, &sealed, now]).await?;
    Ok(id)
}

/// Something that is due, and when.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Due {
    /// Row id.
    pub id: String,
    /// Who takes it.
    pub receiver: String,
    /// Unix seconds.
    pub due_at: i64,
}

/// What is due at `now`, the longest waiting first: of each receiver at most `each`, `most` in all.
///
/// # Errors
/// What the database says.
pub async fn due(db: &Db, each: i64, most: i64, now: i64) -> Result<Vec<Due>> {
    let sql = "SELECT id, receiver, due_at FROM \
                 (SELECT id, receiver, due_at, ROW_NUMBER() OVER (PARTITION BY receiver ORDER BY due_at, id) AS place \
                  FROM deliveries WHERE due_at <= $1) AS waiting \
               WHERE place <= $2 ORDER BY due_at, id LIMIT $3";
    db.all(sql, params![now, each, most]).await
}

/// What is due next of one receiver at `now`.
///
/// # Errors
/// What the database says.
pub async fn next_of(db: &Db, receiver: &str, now: i64) -> Result<Option<Due>> {
    let sql = "SELECT id, receiver, due_at FROM deliveries WHERE receiver = $1 AND due_at <= $2 ORDER BY due_at, id LIMIT 1";
    db.optional(sql, params![receiver, now]).await
}

/// Takes what is due, until `until` (unix seconds): then it is due again. `None`: another has taken it.
///
/// # Errors
/// What the database says.
pub async fn claim(db: &Db, due: &Due, until: i64) -> Result<Option<Delivery>> {
    let sql = "UPDATE deliveries SET due_at = $3, attempts = attempts + 1 WHERE id = $1 AND due_at = $2 \
               RETURNING id, kind, receiver, payload_sealed, attempts, created_at";
    let row = db.change::<Stored>(sql, params![&due.id, due.due_at, until]).await?;
    let Some(row) = row else { return Ok(None) };
    let kind = Kind::ALL.into_iter().find(|k| k.as_str() == row.kind);
    let kind = kind.ok_or(StoreError::Corrupt("kind of a delivery", row.kind))?;
    let Stored { id, receiver, payload_sealed, attempts, created_at, .. } = row;
    Ok(Some(Delivery { id, kind, receiver, attempts, created_at, payload_sealed }))
}

/// It has arrived, or is given up.
///
/// # Errors
/// What the database says.
pub async fn done(db: &Db, id: &str) -> Result<()> {
    db.execute("DELETE FROM deliveries WHERE id = $1", params![id]).await.map(|_| ())
}

/// It is tried again at `at` (unix seconds), unless another has taken it since.
///
/// # Errors
/// What the database says.
pub async fn later(db: &Db, delivery: &Delivery, at: i64) -> Result<()> {
    let sql = "UPDATE deliveries SET due_at = $3 WHERE id = $1 AND attempts = $2";
    db.execute(sql, params![&delivery.id, delivery.attempts, at]).await.map(|_| ())
}

/// Whatever else waits for a receiver waits until `at` (unix seconds) too: one who is away is not asked about each.
///
/// # Errors
/// What the database says.
pub async fn hold(db: &Db, receiver: &str, at: i64) -> Result<()> {
    let sql = "UPDATE deliveries SET due_at = $2 WHERE receiver = $1 AND due_at < $2";
    db.execute(sql, params![receiver, at]).await.map(|_| ())
}
