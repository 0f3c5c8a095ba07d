//! What operators read of one user: who they are upstream, where each membership comes from, where they are signed in.

use std::time::Duration;

use super::{db::Result, directory_users::DirectoryUser, on::On, statement::Statement};
use crate::params;

/// Who a user is upstream.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Upstream {
    /// The connection's name.
    pub connection: String,
    /// The provider's issuer or entity id.
    pub issuer: String,
    /// The unique id there; what `externalId` is compared with.
    pub subject: String,
    /// The address that it sent last.
    pub email: Option<String>,
    /// Unix seconds; 0 as long as nobody has signed in with it.
    pub last_seen_at: i64,
}

impl Upstream {
    /// When somebody last signed in with it, if anybody has: one that an operator has linked waits for its first time.
    #[must_use]
    pub fn seen(&self) -> Option<i64> {
        (self.last_seen_at > 0).then_some(self.last_seen_at)
    }
}

/// The user's identities, in the order they were made.
///
/// # Errors
/// What the database says.
pub async fn upstream(on: impl Into<On<'_>>, user_id: &str) -> Result<Vec<Upstream>> {
    let sql = "SELECT c.name AS connection, i.issuer, i.subject, i.email, i.last_seen_at \
               FROM identities i JOIN connections c ON c.id = i.connection_id \
               WHERE i.user_id = $1 ORDER BY i.created_at, i.id";
    on.into().all(sql, params![user_id]).await
}

/// At most `limit` of them, without the first `from`, in at most this time.
///
/// # Errors
/// What the database says, also that it took too long.
pub async fn upstream_from(
    on: impl Into<On<'_>>,
    user_id: &str,
    (from, limit): (i64, i64),
    time: Duration,
) -> Result<Vec<Upstream>> {
    let sql = "SELECT c.name AS connection, i.issuer, i.subject, i.email, i.last_seen_at \
               FROM identities i JOIN connections c ON c.id = i.connection_id \
               WHERE i.user_id = $1 ORDER BY i.created_at, i.id LIMIT $2 OFFSET $3";
    on.into().search(&Statement::whole(sql, params![user_id, limit, from]), Some(time)).await
}

/// A team that a user is in.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Membership {
    /// The team's name.
    pub team: String,
    /// The directory's group that it comes from, with the directory's name; without one they were put in by hand.
    pub directory: Option<String>,
    /// The group's name.
    pub group_name: Option<String>,
}

/// The user's memberships, one for each way into a team.
///
/// # Errors
/// What the database says.
pub async fn memberships(on: impl Into<On<'_>>, user_id: &str) -> Result<Vec<Membership>> {
    let sql = "SELECT t.name AS team, NULL AS directory, NULL AS group_name \
               FROM team_members m JOIN teams t ON t.id = m.team_id WHERE m.user_id = $1 \
               UNION ALL \
               SELECT t.name AS team, d.name AS directory, COALESCE(g.shown_name, g.display_name) AS group_name FROM directory_users u \
                 JOIN directory_members m ON m.member_id = u.id JOIN directory_groups g ON g.id = m.group_id \
                 JOIN group_teams gt ON gt.group_id = g.id JOIN teams t ON t.id = gt.team_id \
                 JOIN directories d ON d.id = g.directory_id WHERE u.user_id = $1 \
               ORDER BY 1, 2, 3";
    on.into().all(sql, params![user_id]).await
}

impl Membership {
    /// Where a list goes on after it.
    #[must_use]
    pub fn place(&self) -> [&str; 3] {
        [&self.team, self.directory.as_deref().unwrap_or_default(), self.group_name.as_deref().unwrap_or_default()]
    }
}

#[derive(sqlx::FromRow)]
struct InOrder {
    team: String,
    directory: String,
    group_name: String,
}

/// At most `limit` of them after one ([`Membership::place`]), in at most this time.
///
/// # Errors
/// What the database says, also that it took too long.
pub async fn memberships_after(
    on: impl Into<On<'_>>,
    user_id: &str,
    [team, directory, group]: [&str; 3],
    limit: i64,
    time: Duration,
) -> Result<Vec<Membership>> {
    let sql = "SELECT team, directory, group_name FROM ( \
                 SELECT t.name AS team, '' AS directory, '' AS group_name \
                 FROM team_members m JOIN teams t ON t.id = m.team_id WHERE m.user_id = $1 \
                 UNION ALL \
                 SELECT t.name AS team, d.name AS directory, COALESCE(g.shown_name, g.display_name) AS group_name FROM directory_users u \
                   JOIN directory_members m ON m.member_id = u.id JOIN directory_groups g ON g.id = m.group_id \
                   JOIN group_teams gt ON gt.group_id = g.id JOIN teams t ON t.id = gt.team_id \
                   JOIN directories d ON d.id = g.directory_id WHERE u.user_id = $1) AS held \
               WHERE (team, directory, group_name) > ($2, $3, $4) ORDER BY team, directory, group_name LIMIT $5";
    let statement = Statement::whole(sql, params![user_id, team, directory, group, limit]);
    let some = |text: String| Some(text).filter(|text| !text.is_empty());
    let one = |row: InOrder| Membership { team: row.team, directory: some(row.directory), group_name: some(row.group_name) };
    Ok(on.into().search::<InOrder>(&statement, Some(time)).await?.into_iter().map(one).collect())
}

/// When a session began and ends (unix seconds).
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Living {
    /// It began.
    pub created_at: i64,
    /// It ends, if nothing is done in it.
    pub expires_at: i64,
}

/// The browser sessions of a user that are alive at `now`.
///
/// # Errors
/// What the database says.
pub async fn sessions(on: impl Into<On<'_>>, user_id: &str, now: i64) -> Result<Vec<Living>> {
    let sql = "SELECT created_at, expires_at FROM sessions WHERE user_id = $1 AND expires_at > $2 ORDER BY created_at";
    on.into().all(sql, params![user_id, now]).await
}

/// At most `limit` of them after one, each with what its place is called beside when it began, in at most this time.
///
/// # Errors
/// What the database says, also that it took too long.
pub async fn sessions_after(
    on: impl Into<On<'_>>,
    (user_id, now): (&str, i64),
    (began, mark): (i64, &str),
    limit: i64,
    time: Duration,
) -> Result<Vec<(Living, String)>> {
    // A part of what is a digest already: it tells two of one second from each other, and opens nothing.
    let sql = "SELECT created_at, expires_at, SUBSTR(id_hash, 1, 12) AS mark FROM sessions WHERE user_id = $1 AND expires_at > $2 \
                 AND (created_at, SUBSTR(id_hash, 1, 12)) > ($3, $4) ORDER BY created_at, mark LIMIT $5";
    let statement = Statement::whole(sql, params![user_id, now, began, mark, limit]);
    let rows = on.into().search::<(i64, i64, String)>(&statement, Some(time)).await?;
    let one = |(created_at, expires_at, mark)| (Living { created_at, expires_at }, mark);
    Ok(rows.into_iter().map(one).collect())
}

/// The records of a directory with an `externalId`: their row ids. A directory that is set up well has one.
///
/// # Errors
/// What the database says.
pub async fn records_named(on: impl Into<On<'_>>, directory_id: &str, external_id: &str) -> Result<Vec<String>> {
    let sql = "SELECT id FROM directory_users WHERE directory_id = $1 AND external_id = $2 ORDER BY created_at, id LIMIT 2";
    let rows = on.into().all::<(String,)>(sql, params![directory_id, external_id]).await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// A directory's word on a user.
#[derive(Clone, Debug, PartialEq)]
pub struct Pushed {
    /// The directory's name.
    pub directory: String,
    /// The name of the connection whose sign-ins it is matched with.
    pub connection: Option<String>,
    /// The record.
    pub record: DirectoryUser,
}

#[derive(sqlx::FromRow)]
struct Source {
    id: String,
    name: String,
    connection: Option<String>,
}

/// A user's records in directories.
///
/// # Errors
/// What the database says.
pub async fn records(on: impl Into<On<'_>>, user_id: &str) -> Result<Vec<Pushed>> {
    let mut on = on.into();
    let sql = "SELECT d.id, d.name, c.name AS connection FROM directory_users u \
                 JOIN directories d ON d.id = u.directory_id LEFT JOIN connections c ON c.id = d.connection_id \
               WHERE u.user_id = $1";
    let sources: Vec<Source> = on.all(sql, params![user_id]).await?;
    let records = super::directory_users::of_user(on, user_id).await?;
    let pushed = |record: DirectoryUser| {
        let source = sources.iter().find(|source| source.id == record.directory_id)?;
        Some(Pushed { directory: source.name.clone(), connection: source.connection.clone(), record })
    };
    Ok(records.into_iter().filter_map(pushed).collect())
}
