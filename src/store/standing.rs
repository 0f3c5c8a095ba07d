//! Is everything that a request stands on still switched on? The rows are read here, the rule is `policy::access`;
//! every path calls [`require`].

use std::sync::Arc;

use super::{
    clients,
    db::{Db, Result},
    families::Family,
    replays, teams,
};
use crate::{
    oauth::client::Client,
    params,
    policy::access::{Refusal, Standing, judge},
};

/// What a request stands on. What is `None` plays no part in it.
#[derive(Clone, Copy, Debug)]
pub struct Parties<'a> {
    /// The tenant.
    pub tenant_id: &'a str,
    /// The client that asks.
    pub client_id: Option<&'a str>,
    /// The user it is about.
    pub user_id: Option<&'a str>,
    /// The connection the user came over; a user without one came with a password.
    pub connection_id: Option<&'a str>,
    /// The family of the token in hand.
    pub family_id: Option<&'a str>,
}

impl<'a> Parties<'a> {
    /// A tenant alone.
    #[must_use]
    pub fn of_tenant(tenant_id: &'a str) -> Self {
        Self { tenant_id, client_id: None, user_id: None, connection_id: None, family_id: None }
    }

    /// A client and its tenant: all there is before anybody has signed in.
    #[must_use]
    pub fn of_client(tenant_id: &'a str, client_id: &'a str) -> Self {
        Self { client_id: Some(client_id), ..Self::of_tenant(tenant_id) }
    }
}

#[derive(sqlx::FromRow)]
struct Row {
    tenant: bool,
    password_login: bool,
    client: Option<bool>,
    person: Option<bool>,
    connection: Option<bool>,
    family: Option<bool>,
}

/// Reads the standing of `parties` at `now` (unix seconds) in one statement and judges it.
///
/// # Errors
/// The outer error is the database's; the inner one says what is off or gone.
pub async fn require(db: &Db, parties: Parties<'_>, now: i64) -> Result<std::result::Result<(), Refusal>> {
    let row: Option<Row> = db
        .optional(
            "SELECT t.enabled AS tenant, t.password_login AND NOT t.require_sso AS password_login,
                    (SELECT c.enabled FROM clients c WHERE c.id = $2 AND c.tenant_id = t.id) AS client,
                    (SELECT u.active FROM users u WHERE u.id = $3 AND u.tenant_id = t.id) AS person,
                    (SELECT k.enabled AND k.login_enabled FROM connections k WHERE k.id = $4 AND k.tenant_id = t.id) AS connection,
                    (SELECT f.revoked_at IS NULL AND f.expires_at > $6 FROM families f WHERE f.id = $5 AND f.tenant_id = t.id) AS family
             FROM tenants t WHERE t.id = $1",
            params![
                parties.tenant_id,
                parties.client_id,
                parties.user_id,
                parties.connection_id,
                parties.family_id,
                now
            ],
        )
        .await?;
    let Some(row) = row else { return Ok(Err(Refusal::Gone)) };
    let gone = |asked: Option<&str>, found: Option<bool>| asked.is_some() && found.is_none();
    if gone(parties.client_id, row.client)
        || gone(parties.user_id, row.person)
        || gone(parties.connection_id, row.connection)
        || gone(parties.family_id, row.family)
    {
        return Ok(Err(Refusal::Gone));
    }
    Ok(judge(Standing {
        client: row.client,
        user: row.person,
        password: (parties.user_id.is_some() && parties.connection_id.is_none()).then_some(row.password_login),
        connection: row.connection,
        family: row.family,
        ..Standing::of_tenant(row.tenant)
    }))
}

/// A token without a family with what it stands on, read by one statement.
#[derive(Clone, Debug)]
pub struct Ground {
    /// The client that it was issued to.
    pub client: Client,
    /// Whether it was ended before its time.
    pub revoked: bool,
    /// Whether the tenant is on, and whether the client is.
    pub state: Standing,
    /// Whether both are.
    pub standing: std::result::Result<(), Refusal>,
}

#[derive(sqlx::FromRow)]
struct GroundRow {
    #[sqlx(flatten)]
    client: clients::Stored,
    tenant: bool,
    revoked: bool,
}

/// The ground of the token `jti` of a client; `None` when client or tenant is gone.
///
/// # Errors
/// What the database says; `Corrupt` for unreadable settings of the client.
pub async fn of_client(db: &Db, tenant_id: &str, client_id: &str, jti: &str) -> Result<Option<Ground>> {
    let row: Option<GroundRow> = db
        .optional(
            "SELECT c.id, c.tenant_id, c.name, c.secret_fingerprint, c.trusted, c.enabled, c.settings, t.enabled AS tenant,
                    EXISTS (SELECT 1 FROM replays r WHERE r.id_hash = $3) AS revoked
             FROM tenants t JOIN clients c ON c.tenant_id = t.id WHERE t.id = $1 AND c.id = $2",
            params![tenant_id, client_id, &replays::revoked(jti)],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    let client = Client::try_from(row.client)?;
    let state = Standing { client: Some(client.enabled), ..Standing::of_tenant(row.tenant) };
    Ok(Some(Ground { client, revoked: row.revoked, state, standing: judge(state) }))
}

/// A token family with whom and what it stands on.
#[derive(Clone, Debug)]
pub struct Footing {
    /// The family, shared with whoever keeps it.
    pub family: Arc<Family>,
    /// The tenant's name.
    pub tenant: String,
    /// The user's e-mail address.
    pub email: String,
    /// Whether the address is proven.
    pub email_proven: bool,
    /// The user's name.
    pub name: Option<String>,
    /// The user's teams, the oldest first.
    pub teams: Vec<Membership>,
    /// Whether its client is the platform's own (`trusted`).
    pub first_party: bool,
    /// What is on and what is off.
    pub state: Standing,
    /// Whether everything is on.
    pub standing: std::result::Result<(), Refusal>,
}

/// A team that a user is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    /// The team's row id.
    pub id: String,
    /// The team's name.
    pub name: String,
}

#[derive(sqlx::FromRow)]
struct FootingRow {
    #[sqlx(flatten)]
    family: Family,
    tenant_name: String,
    email: String,
    email_proven: bool,
    user_name: Option<String>,
    tenant: bool,
    password_login: bool,
    client: bool,
    first_party: bool,
    person: bool,
    connection: Option<bool>,
    living: bool,
    in_teams: bool,
}

/// The footing of a token family at `now` (unix seconds); `None` when it, its user, its client or its tenant is gone. One
/// statement, and another where the user may be in a team.
///
/// # Errors
/// What the database says.
pub async fn of_family(db: &Db, family_id: &str, now: i64) -> Result<Option<Footing>> {
    let row: Option<FootingRow> = db
        .optional(
            "SELECT f.id, f.tenant_id, f.client_id, f.user_id, f.connection_id, f.sid, f.scope, f.resources, f.auth_time, f.amr,
                    f.current_hash, f.created_at, f.expires_at,
                    t.name AS tenant_name, t.enabled AS tenant,
                    t.password_login AND NOT t.require_sso AS password_login,
                    u.email, u.email_proven, u.name AS user_name, u.active AS person, c.enabled AS client,
                    c.trusted AS first_party, k.enabled AND k.login_enabled AS connection,
                    f.revoked_at IS NULL AND f.expires_at > $2 AS living,
                    EXISTS (SELECT 1 FROM team_members m WHERE m.user_id = u.id)
                    OR EXISTS (SELECT 1 FROM directory_users r JOIN directory_members dm ON dm.member_id = r.id
                               WHERE r.user_id = u.id) AS in_teams
             FROM families f
             JOIN tenants t ON t.id = f.tenant_id
             JOIN users u ON u.id = f.user_id AND u.tenant_id = t.id
             JOIN clients c ON c.id = f.client_id AND c.tenant_id = t.id
             LEFT JOIN connections k ON k.id = f.connection_id AND k.tenant_id = t.id
             WHERE f.id = $1",
            params![family_id, now],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    let teams = if row.in_teams { teams::of_user(db, &row.family.user_id).await? } else { Vec::new() };
    let teams = teams.into_iter().map(|team| Membership { id: team.id, name: team.name }).collect();
    let over = row.family.connection_id.is_some();
    let state = Standing {
        client: Some(row.client),
        user: Some(row.person),
        password: (!over).then_some(row.password_login),
        connection: row.connection,
        family: Some(row.living),
        ..Standing::of_tenant(row.tenant)
    };
    let standing = if over && row.connection.is_none() { Err(Refusal::Gone) } else { judge(state) };
    let (email, email_proven, name, tenant) = (row.email, row.email_proven, row.user_name, row.tenant_name);
    let first_party = row.first_party;
    Ok(Some(Footing { family: Arc::new(row.family), tenant, email, email_proven, name, teams, first_party, state, standing }))
}
