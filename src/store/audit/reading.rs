//! Reading the log, a page at a time.

use std::time::Duration;

use super::{Entry, ledger::Row};
use crate::{
    params,
    store::{
        db::{Db, Result},
        statement::Statement,
    },
};

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

/// The newest first: at most `limit` before the entry `before`.
///
/// # Errors
/// What the database says.
pub async fn page(db: &Db, filter: &Filter<'_>, before: Option<i64>, limit: i64) -> Result<Vec<Entry>> {
    read(db, &newest(filter, before, limit), filter.time).await
}

/// What [`page`] asks.
#[must_use]
pub fn newest<'a>(filter: &Filter<'a>, before: Option<i64>, limit: i64) -> Statement<'a> {
    let mut sql = Statement::new("SELECT * FROM audit WHERE seq < ");
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
    let mut sql = Statement::new("SELECT * FROM audit WHERE seq > ");
    sql.bind(after).push(" AND seq <= ").bind(to);
    filter.narrow(&mut sql);
    sql.push(" ORDER BY seq LIMIT ").bind(limit);
    read(db, &sql, filter.time).await
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

async fn read(db: &Db, sql: &Statement<'_>, time: Option<Duration>) -> Result<Vec<Entry>> {
    let rows = match time {
        Some(time) => db.search::<Row>(sql, time).await?,
        None => db.select::<Row>(sql).await?,
    };
    rows.into_iter().map(Entry::try_from).collect()
}
