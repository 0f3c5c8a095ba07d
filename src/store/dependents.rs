//! What goes with a thing, or stands idle without it: for whoever is about to delete it.

use super::{
    db::{Result, StoreError},
    on::On,
    overview::MOST,
    statement::Statement,
};
use crate::{params, policy::principal::Kind};

/// Some of very many: the first, and how many there are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sample<T> {
    /// The first.
    pub first: Vec<T>,
    /// All of them, in number.
    pub count: i64,
}

/// Whom the tokens of a source lead to, which is a trusted issuer or a connection by row id: at most `most` by kind and name.
///
/// # Errors
/// What the database says.
pub async fn mapped_from(on: impl Into<On<'_>>, source_id: &str, most: i64) -> Result<Sample<(Kind, String)>> {
    let mut on = on.into();
    let sql = "SELECT COUNT(*) FROM mappings WHERE issuer_id = $1 OR connection_id = $1";
    let count = on.optional::<(i64,)>(sql, params![source_id]).await?.unwrap_or_default().0;
    let sql = "SELECT kind, name FROM \
                 (SELECT p.kind AS kind, p.name AS name FROM mappings m JOIN principals p ON p.id = m.principal_id \
                  WHERE m.issuer_id = $1 OR m.connection_id = $1 \
                  UNION ALL SELECT 'team' AS kind, t.name AS name FROM mappings m JOIN teams t ON t.id = m.team_id \
                  WHERE m.issuer_id = $1 OR m.connection_id = $1) AS mapped \
               ORDER BY kind, name LIMIT $2";
    let rows = on.all::<(String, String)>(sql, params![source_id, most]).await?;
    let kind = |text: String| Kind::parse(&text).ok_or(StoreError::Corrupt("kind of principal", text));
    let first = rows.into_iter().map(|(text, name)| Ok((kind(text)?, name))).collect::<Result<_>>()?;
    Ok(Sample { first, count })
}

/// The users who sign in over a connection: the addresses of at most `most`.
///
/// # Errors
/// What the database says.
pub async fn linked_over(on: impl Into<On<'_>>, connection_id: &str, most: i64) -> Result<Sample<String>> {
    let mut on = on.into();
    let sql = "SELECT COUNT(*) FROM identities WHERE connection_id = $1";
    let count = on.optional::<(i64,)>(sql, params![connection_id]).await?.unwrap_or_default().0;
    let sql = "SELECT u.email FROM identities i JOIN users u ON u.id = i.user_id WHERE i.connection_id = $1 \
               ORDER BY u.email LIMIT $2";
    let rows = on.all::<(String,)>(sql, params![connection_id, most]).await?;
    Ok(Sample { first: rows.into_iter().map(|(email,)| email).collect(), count })
}

/// The users who sign in over a connection as somebody of another issuer than these: the addresses of at most `most`.
///
/// # Errors
/// What the database says.
pub async fn linked_besides(on: impl Into<On<'_>>, connection_id: &str, issuers: &[String], most: i64) -> Result<Sample<String>> {
    let mut on = on.into();
    let mut s = Statement::new("SELECT COUNT(*) FROM identities i WHERE i.connection_id = ");
    besides(s.bind(connection_id), issuers);
    let count = on.select::<(i64,)>(&s).await?.first().map_or(0, |row| row.0);
    let mut s = Statement::new("SELECT u.email FROM identities i JOIN users u ON u.id = i.user_id WHERE i.connection_id = ");
    besides(s.bind(connection_id), issuers);
    s.push(" ORDER BY u.email LIMIT ").bind(most);
    let first = on.select::<(String,)>(&s).await?;
    Ok(Sample { first: first.into_iter().map(|(email,)| email).collect(), count })
}

/// The directories whose records belong to the sign-ins of a connection.
///
/// # Errors
/// What the database says.
pub async fn directories_of(on: impl Into<On<'_>>, connection_id: &str) -> Result<Vec<String>> {
    let sql = "SELECT name FROM directories WHERE connection_id = $1 ORDER BY name";
    let rows = on.into().all::<(String,)>(sql, params![connection_id]).await?;
    Ok(rows.into_iter().map(|(name,)| name).collect())
}

/// How many are in a team by hand: counted up to [`MOST`] and one.
///
/// # Errors
/// What the database says.
pub async fn members_of(on: impl Into<On<'_>>, team_id: &str) -> Result<i64> {
    let sql = "SELECT COUNT(*) FROM (SELECT 1 AS one FROM team_members WHERE team_id = $1 LIMIT $2) AS m";
    let found = on.into().optional::<(i64,)>(sql, params![team_id, MOST + 1]).await?;
    Ok(found.map_or(0, |(count,)| count))
}

/// How many were given a role on a resource: counted up to [`MOST`] and one.
///
/// # Errors
/// What the database says.
pub async fn collaborators_of(on: impl Into<On<'_>>, resource_id: &str) -> Result<i64> {
    let sql = "SELECT COUNT(*) FROM (SELECT 1 AS one FROM collaborators WHERE resource_id = $1 LIMIT $2) AS c";
    let found = on.into().optional::<(i64,)>(sql, params![resource_id, MOST + 1]).await?;
    Ok(found.map_or(0, |(count,)| count))
}

/// How many set-up links lead to a connection at `now` (unix seconds).
///
/// # Errors
/// What the database says.
pub async fn setup_links_of(on: impl Into<On<'_>>, connection_id: &str, now: i64) -> Result<i64> {
    let sql = "SELECT COUNT(*) FROM setup_links WHERE connection_id = $1 AND ended_at IS NULL AND expires_at > $2";
    count(on, sql, connection_id, now).await
}

/// How many token families have come of sign-ins over a connection and live at `now`: counted up to [`MOST`] and one.
///
/// # Errors
/// What the database says.
pub async fn families_over(on: impl Into<On<'_>>, connection_id: &str, now: i64) -> Result<i64> {
    let sql = "SELECT COUNT(*) FROM (SELECT 1 AS one FROM families WHERE connection_id = $1 AND revoked_at IS NULL \
               AND expires_at > $2 LIMIT $3) AS f";
    some(on, sql, connection_id, now).await
}

/// How many token families a client has.
///
/// # Errors
/// What the database says.
pub async fn families_of_client(on: impl Into<On<'_>>, client_id: &str, now: i64) -> Result<i64> {
    let sql = "SELECT COUNT(*) FROM (SELECT 1 AS one FROM families WHERE client_id = $1 AND revoked_at IS NULL \
               AND expires_at > $2 LIMIT $3) AS f";
    some(on, sql, client_id, now).await
}

/// How many token families a tenant has.
///
/// # Errors
/// What the database says.
pub async fn families_of_tenant(on: impl Into<On<'_>>, tenant_id: &str, now: i64) -> Result<i64> {
    let sql = "SELECT COUNT(*) FROM (SELECT 1 AS one FROM families WHERE tenant_id = $1 AND revoked_at IS NULL \
               AND expires_at > $2 LIMIT $3) AS f";
    some(on, sql, tenant_id, now).await
}

/// How many browsers are signed in to a site.
///
/// # Errors
/// What the database says.
pub async fn sessions_of_site(on: impl Into<On<'_>>, site_id: &str, now: i64) -> Result<i64> {
    let sql = "SELECT COUNT(*) FROM (SELECT 1 AS one FROM site_sessions WHERE site_id = $1 AND expires_at > $2 LIMIT $3) AS s";
    some(on, sql, site_id, now).await
}

/// How many browsers are signed in to sites at a trusted issuer itself.
///
/// # Errors
/// What the database says.
pub async fn sessions_at_issuer(on: impl Into<On<'_>>, issuer_id: &str, now: i64) -> Result<i64> {
    let sql = "SELECT COUNT(*) FROM (SELECT 1 AS one FROM site_sessions WHERE issuer_id = $1 AND expires_at > $2 LIMIT $3) AS s";
    some(on, sql, issuer_id, now).await
}

/// How many invites of a tenant nobody has accepted yet.
///
/// # Errors
/// What the database says.
pub async fn invites_of(on: impl Into<On<'_>>, tenant_id: &str, now: i64) -> Result<i64> {
    let sql = "SELECT COUNT(*) FROM (SELECT 1 AS one FROM invites WHERE tenant_id = $1 AND accepted_at IS NULL \
               AND revoked_at IS NULL AND expires_at > $2 LIMIT $3) AS i";
    some(on, sql, tenant_id, now).await
}

/// How many users of a tenant may come in.
///
/// # Errors
/// What the database says.
pub async fn active_users_of(on: impl Into<On<'_>>, tenant_id: &str) -> Result<i64> {
    let sql = "SELECT COUNT(*) FROM (SELECT 1 AS one FROM users WHERE tenant_id = $1 AND active LIMIT $2) AS u";
    Ok(on.into().optional::<(i64,)>(sql, params![tenant_id, MOST + 1]).await?.unwrap_or_default().0)
}

/// How many users of a tenant have a password.
///
/// # Errors
/// What the database says.
pub async fn passwords_of(on: impl Into<On<'_>>, tenant_id: &str) -> Result<i64> {
    let sql = "SELECT COUNT(*) FROM (SELECT 1 AS one FROM users WHERE tenant_id = $1 AND active AND password_hash IS NOT NULL \
               LIMIT $2) AS u";
    Ok(on.into().optional::<(i64,)>(sql, params![tenant_id, MOST + 1]).await?.unwrap_or_default().0)
}

/// How many of these have never come in over a connection that is enabled and offered for sign-in.
///
/// # Errors
/// What the database says.
pub async fn passwords_alone(on: impl Into<On<'_>>, tenant_id: &str) -> Result<i64> {
    let sql = "SELECT COUNT(*) FROM (SELECT 1 AS one FROM users WHERE tenant_id = $1 AND active AND password_hash IS NOT NULL \
               AND NOT EXISTS (SELECT 1 FROM identities i JOIN connections c ON c.id = i.connection_id \
                               WHERE i.user_id = users.id AND i.last_seen_at > 0 AND c.enabled AND c.login_enabled) \
               LIMIT $2) AS u";
    Ok(on.into().optional::<(i64,)>(sql, params![tenant_id, MOST + 1]).await?.unwrap_or_default().0)
}

/// How many browser sessions the users of a tenant have.
///
/// # Errors
/// What the database says.
pub async fn sessions_of(on: impl Into<On<'_>>, tenant_id: &str, now: i64) -> Result<i64> {
    let sql = "SELECT COUNT(*) FROM (SELECT 1 AS one FROM sessions s JOIN users u ON u.id = s.user_id \
               WHERE u.tenant_id = $1 AND s.expires_at > $2 LIMIT $3) AS s";
    some(on, sql, tenant_id, now).await
}

fn besides<'a>(s: &mut Statement<'a>, issuers: &'a [String]) {
    if !issuers.is_empty() {
        s.push(" AND i.issuer NOT IN (").bind_each(issuers).push(")");
    }
}

async fn some(on: impl Into<On<'_>>, sql: &'static str, id: &str, now: i64) -> Result<i64> {
    Ok(on.into().optional::<(i64,)>(sql, params![id, now, MOST + 1]).await?.unwrap_or_default().0)
}

async fn count(on: impl Into<On<'_>>, sql: &'static str, id: &str, now: i64) -> Result<i64> {
    Ok(on.into().optional::<(i64,)>(sql, params![id, now]).await?.unwrap_or_default().0)
}
