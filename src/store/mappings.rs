//! Which tokens act as a principal or belong to a team.

use std::collections::{BTreeSet, HashMap};

use super::{StoreError, db::Result, on::On, read_json, statement::Statement, write_json};
use crate::{
    params,
    policy::{claim_rules::ClaimRule, principal::Kind},
};

/// Where the tokens come from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// A trusted issuer, by row id.
    Issuer(String),
    /// A connection that is not offered for sign-in, by row id.
    Connection(String),
}

/// Where they lead.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// An external identity or virtual account, by row id.
    Principal(String),
    /// A team, by row id.
    Team(String),
}

/// A mapping.
#[derive(Clone, Debug, PartialEq)]
pub struct Mapping {
    /// Row id.
    pub id: String,
    /// Whose it is.
    pub tenant_id: String,
    /// From where.
    pub source: Source,
    /// To whom.
    pub target: Target,
    /// What the claims must be; none: any valid token of the source.
    pub claims: Vec<ClaimRule>,
    /// Grows with each change of claims or source.
    pub version: i64,
    /// Unix seconds.
    pub created_at: i64,
}

#[derive(sqlx::FromRow)]
struct Stored {
    id: String,
    tenant_id: String,
    principal_id: Option<String>,
    team_id: Option<String>,
    issuer_id: Option<String>,
    connection_id: Option<String>,
    claims: String,
    version: i64,
    created_at: i64,
}

impl Stored {
    /// Nothing for a row without source or target; the reason beside the source for one whose claims cannot be read.
    fn read(self) -> Option<std::result::Result<Mapping, (Source, StoreError)>> {
        let source = self.issuer_id.map(Source::Issuer).or(self.connection_id.map(Source::Connection))?;
        let target = self.principal_id.map(Target::Principal).or(self.team_id.map(Target::Team))?;
        let claims = match read_json("mapping claims", &self.claims) {
            Ok(claims) => claims,
            Err(e) => return Some(Err((source, e))),
        };
        let Self { id, tenant_id, version, created_at, .. } = self;
        Some(Ok(Mapping { id, tenant_id, source, target, claims, version, created_at }))
    }
}

/// All of a tenant, in the order they were made.
///
/// # Errors
/// What the database says; `Corrupt` for unreadable claims.
pub async fn of_tenant(on: impl Into<On<'_>>, tenant_id: &str) -> Result<Vec<Mapping>> {
    let sql = "SELECT * FROM mappings WHERE tenant_id = $1 ORDER BY created_at, id";
    let rows = on.into().all::<Stored>(sql, params![tenant_id]).await?;
    rows.into_iter().filter_map(Stored::read).map(|read| read.map_err(|(_, e)| e)).collect()
}

/// That of an external identity or virtual account.
///
/// # Errors
/// As [`of_tenant`].
pub async fn of_principal(on: impl Into<On<'_>>, principal_id: &str) -> Result<Option<Mapping>> {
    let sql = "SELECT * FROM mappings WHERE principal_id = $1";
    let row = on.into().optional::<Stored>(sql, params![principal_id]).await?;
    row.and_then(Stored::read).map(|read| read.map_err(|(_, e)| e)).transpose()
}

/// Those of several, in no order; what cannot be read is left out.
///
/// # Errors
/// What the database says.
pub async fn of_principals(on: impl Into<On<'_>>, principal_ids: &[&str]) -> Result<Vec<Mapping>> {
    if principal_ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut s = Statement::new("SELECT * FROM mappings WHERE principal_id IN (");
    s.bind_each(principal_ids.iter().copied()).push(")");
    let rows = on.into().select::<Stored>(&s).await?;
    Ok(rows.into_iter().filter_map(Stored::read).filter_map(std::result::Result::ok).collect())
}

/// What the sources of these are called: by row id.
///
/// # Errors
/// What the database says.
pub async fn sources_of(on: impl Into<On<'_>>, mappings: &[Mapping]) -> Result<HashMap<String, String>> {
    let id = |mapping: &Mapping| match &mapping.source {
        Source::Issuer(id) | Source::Connection(id) => id.clone(),
    };
    let ids: BTreeSet<String> = mappings.iter().map(id).collect();
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let mut s = Statement::new("SELECT id, name FROM trusted_issuers WHERE id IN (");
    s.bind_each(ids.iter().map(String::as_str)).push(") UNION ALL SELECT id, name FROM connections WHERE id IN (");
    s.bind_each(ids.iter().map(String::as_str)).push(")");
    Ok(on.into().select::<(String, String)>(&s).await?.into_iter().collect())
}

/// Those that lead to a team.
///
/// # Errors
/// As [`of_tenant`].
pub async fn of_team(on: impl Into<On<'_>>, team_id: &str) -> Result<Vec<Mapping>> {
    let sql = "SELECT * FROM mappings WHERE team_id = $1 ORDER BY created_at, id";
    let rows = on.into().all::<Stored>(sql, params![team_id]).await?;
    rows.into_iter().filter_map(Stored::read).map(|read| read.map_err(|(_, e)| e)).collect()
}

/// To whom the tokens of a source lead.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, sqlx::FromRow)]
pub struct Led {
    /// To external identities.
    pub external_identities: bool,
    /// To virtual accounts.
    pub virtual_accounts: bool,
    /// To teams.
    pub teams: bool,
}

/// To whom the tokens of a source lead.
///
/// # Errors
/// What the database says.
pub async fn led_from(on: impl Into<On<'_>>, source: &Source) -> Result<Led> {
    let sql = "SELECT EXISTS (SELECT 1 FROM mappings m JOIN principals p ON p.id = m.principal_id \
                   WHERE (m.issuer_id = $1 OR m.connection_id = $2) AND p.kind = $3) AS external_identities, \
                 EXISTS (SELECT 1 FROM mappings m JOIN principals p ON p.id = m.principal_id \
                   WHERE (m.issuer_id = $1 OR m.connection_id = $2) AND p.kind = $4) AS virtual_accounts, \
                 EXISTS (SELECT 1 FROM mappings m WHERE (m.issuer_id = $1 OR m.connection_id = $2) AND m.team_id IS NOT NULL) AS teams";
    let (issuer, connection) = match source {
        Source::Issuer(id) => (Some(id.as_str()), None),
        Source::Connection(id) => (None, Some(id.as_str())),
    };
    let kinds = [Kind::ExternalIdentity, Kind::VirtualAccount].map(Kind::as_str);
    let led = on.into().optional(sql, params![issuer, connection, kinds[0], kinds[1]]).await?;
    Ok(led.unwrap_or_default())
}

/// Whether the tokens of a source lead to anybody.
///
/// # Errors
/// What the database says.
pub async fn leads(on: impl Into<On<'_>>, source: &Source) -> Result<bool> {
    let Led { external_identities, virtual_accounts, teams } = led_from(on, source).await?;
    Ok(external_identities || virtual_accounts || teams)
}

/// All of a tenant, or all there are, in the order they were made; of one whose claims cannot be read, where its tokens come from and why.
///
/// # Errors
/// What the database says.
pub async fn all(on: impl Into<On<'_>>, tenant_id: Option<&str>) -> Result<Vec<std::result::Result<Mapping, (Source, String)>>> {
    let all = "SELECT * FROM mappings ORDER BY created_at, id";
    let of_one = "SELECT * FROM mappings WHERE tenant_id = $1 ORDER BY created_at, id";
    let rows = on.into().all_of::<Stored>(tenant_id, of_one, all).await?.into_iter().filter_map(Stored::read);
    Ok(rows.map(|read| read.map_err(|(source, e)| (source, e.to_string()))).collect())
}

/// The greatest id before `end`.
///
/// # Errors
/// What the database says.
pub async fn last_id_before(on: impl Into<On<'_>>, end: &str) -> Result<Option<String>> {
    let sql = "SELECT id FROM mappings WHERE id < $1 ORDER BY id DESC LIMIT 1";
    Ok(on.into().optional::<(String,)>(sql, params![end]).await?.map(|(id,)| id))
}

/// Inserts, or updates source and claims of the row of this id, whose version grows.
///
/// # Errors
/// A conflict when the principal has another mapping.
pub async fn save(on: impl Into<On<'_>>, mapping: &Mapping) -> Result<()> {
    let sql = "INSERT INTO mappings (id, tenant_id, principal_id, team_id, issuer_id, connection_id, claims, version, created_at) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, 1, $8) \
               ON CONFLICT (id) DO UPDATE SET issuer_id = excluded.issuer_id, connection_id = excluded.connection_id, \
                 claims = excluded.claims, version = mappings.version + 1 RETURNING tenant_id";
    let claims = write_json("mapping claims", &mapping.claims)?;
    let (issuer, connection) = match &mapping.source {
        Source::Issuer(id) => (Some(id.as_str()), None),
        Source::Connection(id) => (None, Some(id.as_str())),
    };
    let (principal, team) = match &mapping.target {
        Target::Principal(id) => (Some(id.as_str()), None),
        Target::Team(id) => (None, Some(id.as_str())),
    };
    let m = mapping;
    let params = params![&m.id, &m.tenant_id, principal, team, issuer, connection, &claims, m.created_at];
    on.into().publish(sql, params).await?;
    Ok(())
}

/// Deletes it; whether it was there.
///
/// # Errors
/// What the database says.
pub async fn delete(on: impl Into<On<'_>>, id: &str) -> Result<bool> {
    Ok(on.into().publish("DELETE FROM mappings WHERE id = $1 RETURNING tenant_id", params![id]).await? > 0)
}
