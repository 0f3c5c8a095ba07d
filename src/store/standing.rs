//! Is everything that a request stands on still switched on? The rows are read here, the rule is `policy::access`;
//! every path calls [`require`].

use super::db::{Db, Result};
use crate::{
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
    /// A client and its tenant: all there is before anybody has signed in.
    #[must_use]
    pub fn of_client(tenant_id: &'a str, client_id: &'a str) -> Self {
        Self { tenant_id, client_id: Some(client_id), user_id: None, connection_id: None, family_id: None }
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
            "SELECT t.enabled AS tenant, t.password_login,
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
