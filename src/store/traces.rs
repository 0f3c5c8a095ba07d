//! Traces of sign-ins: what each request of one did, kept for some days, and the codes that people were shown. A request's
//! hops are added by one statement, whatever was there before, and nothing here grows without bound.

use serde_json::{Map, Value};

use super::{
    db::{Db, Result},
    statement::Statement,
    window::TIME,
};
use crate::params;

/// Most characters of hops that one trace keeps; what comes later is left out.
const LONGEST: i64 = 16_000;
/// Most codes of one trace.
const CODES: i64 = 20;
/// Most traces of one tenant with one outcome: sign-ins that nobody finishes push none out that failed.
pub const MOST: i64 = 20_000;

/// What became of a sign-in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Outcome {
    /// It goes on, or was given up.
    #[default]
    UnderWay,
    /// It reached its end.
    Success,
    /// It did not.
    Failed,
}

impl Outcome {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::UnderWay, Self::Success, Self::Failed];

    /// As it is stored.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UnderWay => "under_way",
            Self::Success => "success",
            Self::Failed => "failed",
        }
    }

    /// The outcome of that word.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.as_str() == word)
    }
}

/// What one request adds.
#[derive(Clone, Debug, Default)]
#[expect(missing_docs, reason = "as the columns, which the migration describes")]
pub struct Addition {
    pub id: String,
    pub tenant_id: Option<String>,
    pub at: i64,
    pub outcome: Outcome,
    pub cause: Option<String>,
    pub connection: Option<String>,
    pub email: Option<String>,
    pub user_id: Option<String>,
    pub address: String,
    /// Lines of JSON, each with its end.
    pub hops: String,
    /// The code that the person was shown.
    pub code: Option<String>,
}

/// A trace.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
#[expect(missing_docs, reason = "as the columns, which the migration describes")]
pub struct Trace {
    pub id: String,
    pub tenant_id: Option<String>,
    pub at: i64,
    pub outcome: String,
    pub cause: Option<String>,
    pub connection: Option<String>,
    pub email: Option<String>,
    pub user_id: Option<String>,
    pub address: String,
    pub hops: String,
}

/// Adds what a request did. What was known stays known; an outcome stays until there is another.
///
/// # Errors
/// What the database says.
pub async fn add(db: &Db, a: &Addition) -> Result<()> {
    db.execute(
        "INSERT INTO traces (id, tenant_id, at, outcome, cause, connection, email, user_id, address, hops)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
         ON CONFLICT (id) DO UPDATE SET
           outcome = CASE WHEN excluded.outcome = 'under_way' THEN traces.outcome ELSE excluded.outcome END,
           cause = CASE WHEN excluded.outcome = 'success' THEN NULL ELSE COALESCE(excluded.cause, traces.cause) END,
           connection = COALESCE(excluded.connection, traces.connection),
           email = COALESCE(excluded.email, traces.email),
           user_id = COALESCE(excluded.user_id, traces.user_id),
           hops = CASE WHEN LENGTH(traces.hops) + LENGTH(excluded.hops) > $11 THEN traces.hops
                       ELSE traces.hops || excluded.hops END",
        params![
            &a.id,
            &a.tenant_id,
            a.at,
            a.outcome.as_str(),
            &a.cause,
            &a.connection,
            &a.email,
            &a.user_id,
            &a.address,
            &a.hops,
            LONGEST
        ],
    )
    .await?;
    let Some(code) = &a.code else { return Ok(()) };
    db.execute(
        "INSERT INTO trace_codes (code, trace_id)
         SELECT $1, id FROM traces WHERE id = $2 AND (SELECT COUNT(*) FROM trace_codes WHERE trace_id = $2) < $3",
        params![code, &a.id, CODES],
    )
    .await
    .map(|_| ())
}

/// Whose traces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose<'a> {
    /// Of one tenant.
    Tenant(&'a str),
    /// Of all, and of nobody.
    Everybody,
}

/// Which traces.
#[derive(Clone, Copy, Debug)]
pub struct Filter<'a> {
    /// Whose.
    pub whose: Whose<'a>,
    /// With this outcome.
    pub outcome: Option<Outcome>,
    /// With this cause.
    pub cause: Option<&'a str>,
    /// Over the connection of this name.
    pub connection: Option<&'a str>,
    /// Of this address, in the form that is compared.
    pub email: Option<&'a str>,
}

impl Filter<'_> {
    /// Whether it looks for more than whose they are: then all of them may have to be looked at.
    #[must_use]
    pub fn is_search(&self) -> bool {
        self.outcome.is_some() || [self.cause, self.connection, self.email].iter().any(Option::is_some)
    }
}

/// The newest first: at most `limit` behind the trace `before` (its time and id).
///
/// # Errors
/// What the database says; of what is looked for also that it took too long.
pub async fn page(db: &Db, filter: &Filter<'_>, before: Option<(i64, &str)>, limit: i64) -> Result<Vec<Trace>> {
    let mut sql = Statement::new("SELECT * FROM traces WHERE ");
    match filter.whose {
        Whose::Tenant(id) => sql.push("tenant_id = ").bind(id),
        Whose::Everybody => sql.push("at >= 0"),
    };
    for (column, value) in [
        (" AND outcome = ", filter.outcome.map(Outcome::as_str)),
        (" AND cause = ", filter.cause),
        (" AND connection = ", filter.connection),
        (" AND email = ", filter.email),
    ] {
        if let Some(value) = value {
            sql.push(column).bind(value);
        }
    }
    if let Some((at, id)) = before {
        sql.push(" AND (at < ").bind(at).push(" OR (at = ").bind(at).push(" AND id < ").bind(id).push("))");
    }
    sql.push(" ORDER BY at DESC, id DESC LIMIT ").bind(limit);
    match filter.is_search() {
        true => db.search(&sql, TIME).await,
        false => db.select(&sql).await,
    }
}

/// The trace whose sign-in showed this code, in capital letters or small ones, as far as it is one of `whose`; or the one of
/// this id.
///
/// # Errors
/// What the database says.
pub async fn by_code(db: &Db, whose: Whose<'_>, code: &str) -> Result<Option<Trace>> {
    // They are read out and typed.
    let shown = code.to_ascii_uppercase();
    let mut sql = Statement::new("SELECT * FROM traces WHERE (id IN (SELECT trace_id FROM trace_codes WHERE code = ");
    sql.bind(&*shown).push(") OR id = ").bind(code).push(")");
    if let Whose::Tenant(id) = whose {
        sql.push(" AND tenant_id = ").bind(id);
    }
    sql.push(" ORDER BY at DESC LIMIT 1");
    Ok(db.select(&sql).await?.pop())
}

/// The codes that were shown to whoever made this trace.
///
/// # Errors
/// What the database says.
pub async fn codes(db: &Db, id: &str) -> Result<Vec<String>> {
    let rows: Vec<(String,)> = db.all("SELECT code FROM trace_codes WHERE trace_id = $1", params![id]).await?;
    Ok(rows.into_iter().map(|(code,)| code).collect())
}

/// Deletes what is older than `before`, and of each tenant and outcome what is more than `most`; how many went.
///
/// # Errors
/// What the database says.
pub async fn sweep(db: &Db, before: i64, most: i64) -> Result<u64> {
    let mut gone = db.execute("DELETE FROM traces WHERE at < $1", params![before]).await?;
    let full: Vec<(Option<String>, String)> =
        db.all("SELECT tenant_id, outcome FROM traces GROUP BY tenant_id, outcome HAVING COUNT(*) > $1", params![most]).await?;
    for (tenant_id, outcome) in full {
        gone += db
            .execute(
                "DELETE FROM traces WHERE COALESCE(tenant_id, '') = COALESCE($1, '') AND outcome = $2 AND id NOT IN
                   (SELECT id FROM traces WHERE COALESCE(tenant_id, '') = COALESCE($1, '') AND outcome = $2
                    ORDER BY at DESC, id DESC LIMIT $3)",
                params![&tenant_id, &outcome, most],
            )
            .await?;
    }
    Ok(gone)
}

impl Trace {
    /// Its hops, the oldest first; a line that cannot be read is no reason to show nothing.
    #[must_use]
    pub fn hops(&self) -> Vec<Map<String, Value>> {
        self.hops.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }
}
