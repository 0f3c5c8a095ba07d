//! Reading the log, a page at a time.

use super::{Entry, ledger::Row};
use crate::store::{
    db::{Db, Result},
    statement::Statement,
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
}

impl<'a> Filter<'a> {
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
    read(db, &newest(filter, before, limit)).await
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
    let mut sql = Statement::new("SELECT * FROM audit WHERE seq > ");
    sql.bind(after);
    filter.narrow(&mut sql);
    sql.push(" ORDER BY seq LIMIT ").bind(limit);
    read(db, &sql).await
}

async fn read(db: &Db, sql: &Statement<'_>) -> Result<Vec<Entry>> {
    db.select::<Row>(sql).await?.into_iter().map(Entry::try_from).collect()
}
