//! Reading the log, a page at a time: so many entries, and so many bytes. How long entries are is asked before they are read, for
//! those of older versions had no end.

use std::time::Duration;

use super::{Entry, ledger::Row};
use crate::{
    params,
    store::{
        db::{Db, Result, Row as Stored},
        statement::Statement,
    },
};

/// How long entries are: both databases know without reading them.
const SIZES: &str = "SELECT seq, CAST(OCTET_LENGTH(changes) AS BIGINT) AS bytes FROM audit WHERE";

/// Which entries.
#[derive(Clone, Copy, Debug, Default)]
pub struct Filter<'a> {
    /// About things of this tenant.
    pub tenant_id: Option<&'a str>,
    /// By whom: the words, the user's row id, or the address of a user or administrator.
    pub actor: Option<&'a str>,
    /// What was done.
    pub action: Option<&'a str>,
    /// What the subject begins with: `connection acme/`.
    pub subject: Option<&'a str>,
    /// Not before (unix seconds).
    pub from: Option<i64>,
    /// Before (unix seconds).
    pub until: Option<i64>,
    /// How long the database may be at it, where somebody waits.
    pub time: Option<Duration>,
}

impl<'a> Filter<'a> {
    /// Whether it looks for more than whose entries they are: then all of them may have to be looked at.
    #[must_use]
    pub fn is_search(&self) -> bool {
        let text = [self.actor, self.action, self.subject].into_iter().any(|text| text.is_some());
        text || self.from.is_some() || self.until.is_some()
    }

    fn narrow(&self, sql: &mut Statement<'a>) {
        if let Some(tenant) = self.tenant_id {
            sql.push(" AND tenant_id = ").bind(tenant);
        }
        if let Some(actor) = self.actor {
            sql.push(" AND (actor IN (").bind(actor).push(", 'administrator ' || ").bind(actor);
            sql.push(", 'user ' || ").bind(actor).push(") OR actor_id = ").bind(actor);
            // By whatever token or link.
            sql.push(" OR SUBSTR(actor, 1, LENGTH('administrator ' || ").bind(actor);
            sql.push(" || ' by ')) = 'administrator ' || ").bind(actor).push(" || ' by ')");
        }
        if let Some(action) = self.action {
            sql.push(" AND action = ").bind(action);
        }
        if let Some(subject) = self.subject {
            let length = i64::try_from(subject.chars().count()).unwrap_or(i64::MAX);
            sql.push(" AND SUBSTR(subject, 1, CAST(").bind(length).push(" AS INTEGER)) = ").bind(subject);
        }
        if let Some(from) = self.from {
            sql.push(" AND at >= ").bind(from);
        }
        if let Some(until) = self.until {
            sql.push(" AND at < ").bind(until);
        }
    }
}

/// Bytes of what is read at once, unless one entry has more by itself.
const BYTES: i64 = 1024 * 1024;

/// Most entries that are read at once: each is a value of the statement.
const AT_ONCE: i64 = 10_000;

/// How long an entry is.
#[derive(Clone, Copy, Debug, sqlx::FromRow)]
pub struct Size {
    /// Its place.
    pub seq: i64,
    bytes: i64,
}

/// How many of them are read at once: at least one.
pub fn fitting(sizes: &[Size]) -> usize {
    let mut bytes = 0_i64;
    let fits = |size: &&Size| {
        let first = bytes == 0;
        bytes = bytes.saturating_add(size.bytes.max(1));
        first || bytes <= BYTES
    };
    sizes.iter().take_while(fits).count()
}

/// A part of the log.
#[derive(Clone, Debug, Default)]
pub struct Part {
    /// Its entries.
    pub entries: Vec<Entry>,
    /// Whether there are more behind them.
    pub more: bool,
}

/// The newest first: at most `limit` before the entry `before`, and no more than can be held.
///
/// # Errors
/// What the database says.
pub async fn part(db: &Db, filter: &Filter<'_>, before: Option<i64>, limit: i64) -> Result<Part> {
    let limit = limit.clamp(0, AT_ONCE);
    let sizes: Vec<Size> = ask(db, &newest(filter, before, limit.saturating_add(1)), filter.time).await?;
    let most = usize::try_from(limit).unwrap_or_default();
    let room = fitting(&sizes).min(most);
    Ok(Part { entries: read(db, &sizes[..room], (" DESC", filter.time)).await?, more: sizes.len() > room })
}

/// The entries of [`part`].
///
/// # Errors
/// What the database says.
pub async fn page(db: &Db, filter: &Filter<'_>, before: Option<i64>, limit: i64) -> Result<Vec<Entry>> {
    part(db, filter, before, limit).await.map(|part| part.entries)
}

/// What [`part`] asks.
#[must_use]
pub fn newest<'a>(filter: &Filter<'a>, before: Option<i64>, limit: i64) -> Statement<'a> {
    let mut sql = Statement::new(SIZES);
    sql.push(" seq < ");
    sql.bind(before.unwrap_or(i64::MAX));
    filter.narrow(&mut sql);
    sql.push(" ORDER BY seq DESC LIMIT ").bind(limit);
    sql
}

/// The oldest first: at most `limit` after the entry `after`.
///
/// # Errors
/// What the database says.
pub async fn following(db: &Db, filter: &Filter<'_>, after: i64, limit: i64) -> Result<Vec<Entry>> {
    stretch(db, filter, (after, i64::MAX), limit).await
}

/// The same up to the entry `to`, and with it: what nobody is found in ends there.
///
/// # Errors
/// What the database says.
pub async fn stretch(db: &Db, filter: &Filter<'_>, (after, to): (i64, i64), limit: i64) -> Result<Vec<Entry>> {
    loop {
        let mut sql = Statement::new(SIZES);
        sql.push(" seq > ").bind(after).push(" AND seq <= ").bind(to);
        filter.narrow(&mut sql);
        sql.push(" ORDER BY seq LIMIT ").bind(limit.min(AT_ONCE));
        let sizes: Vec<Size> = ask(db, &sql, filter.time).await?;
        let entries = read(db, &sizes[..fitting(&sizes)], ("", filter.time)).await?;
        // What was swept since it was asked for is no end.
        if !entries.is_empty() || sizes.is_empty() {
            return Ok(entries);
        }
    }
}

/// Entries that are read of what guests did to one thing.
const OF_GUESTS: i64 = 100;

/// What guests of set-up links have done to a thing of a tenant since a time (unix seconds), the oldest first.
///
/// # Errors
/// What the database says.
pub async fn of_guests(db: &Db, tenant_id: &str, subject: &str, since: i64) -> Result<Vec<Entry>> {
    let sql = "SELECT * FROM audit WHERE subject = $1 AND tenant_id = $2 AND at >= $3 AND SUBSTR(actor, 1, 12) = 'set-up link ' \
               ORDER BY seq LIMIT $4";
    let rows: Vec<Row> = db.all(sql, params![subject, tenant_id, since, OF_GUESTS]).await?;
    rows.into_iter().map(Entry::try_from).collect()
}

/// The newest entry's place; 0: there is none.
///
/// # Errors
/// What the database says.
pub async fn end(db: &Db) -> Result<i64> {
    let found: Option<(i64,)> = db.optional("SELECT seq FROM audit ORDER BY seq DESC LIMIT 1", params![]).await?;
    Ok(found.map_or(0, |(seq,)| seq))
}

async fn read(db: &Db, sizes: &[Size], (direction, time): (&'static str, Option<Duration>)) -> Result<Vec<Entry>> {
    if sizes.is_empty() {
        return Ok(Vec::new());
    }
    let mut sql = Statement::new("SELECT * FROM audit WHERE seq IN (");
    sql.bind_each(sizes.iter().map(|size| size.seq)).push(") ORDER BY seq").push(direction);
    ask::<Row>(db, &sql, time).await?.into_iter().map(Entry::try_from).collect()
}

async fn ask<T: Stored>(db: &Db, sql: &Statement<'_>, time: Option<Duration>) -> Result<Vec<T>> {
    match time {
        Some(time) => db.search(sql, time).await,
        None => db.select(sql).await,
    }
}
