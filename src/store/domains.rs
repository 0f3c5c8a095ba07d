//! A tenant's proven domains, in the form of [`crate::policy::email::normal_domain`]; each belongs to one tenant.

use super::{db::Result, on::On};
use crate::params;

/// Those of a tenant, in alphabetical order.
///
/// # Errors
/// What the database says.
pub async fn of_tenant(on: impl Into<On<'_>>, tenant_id: &str) -> Result<Vec<String>> {
    let sql = "SELECT domain FROM domains WHERE tenant_id = $1";
    let rows = on.into().all::<(String,)>(sql, params![tenant_id]).await?;
    let mut domains: Vec<String> = rows.into_iter().map(|(domain,)| domain).collect();
    // Sorted here: the two databases order text differently.
    domains.sort_unstable();
    Ok(domains)
}

/// The id of the tenant that has proven `domain`.
///
/// # Errors
/// What the database says.
pub async fn tenant_of(on: impl Into<On<'_>>, domain: &str) -> Result<Option<String>> {
    let sql = "SELECT tenant_id FROM domains WHERE domain = $1";
    Ok(on.into().optional::<(String,)>(sql, params![domain]).await?.map(|(id,)| id))
}

/// Makes `domains` the tenant's, and no others. Belongs into a transaction.
///
/// # Errors
/// A conflict when another tenant has one of them.
pub async fn set(on: impl Into<On<'_>>, tenant_id: &str, domains: &[String]) -> Result<()> {
    let mut on = on.into();
    let old = on.all::<(String,)>("SELECT domain FROM domains WHERE tenant_id = $1", params![tenant_id]).await?;
    for (domain,) in old.iter().filter(|(d,)| !domains.contains(d)) {
        on.execute("DELETE FROM domains WHERE domain = $1 AND tenant_id = $2", params![domain, tenant_id]).await?;
    }
    for domain in domains.iter().filter(|d| !old.iter().any(|(o,)| o == *d)) {
        on.execute("INSERT INTO domains (domain, tenant_id) VALUES ($1, $2)", params![domain, tenant_id]).await?;
    }
    Ok(())
}
