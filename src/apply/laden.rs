//! How many expressions a tenant's claim rules hold: every node compiles them, and all tenants wait for that.

use super::{
    desired::TenantFile,
    execute::{Result, Work},
    yaml::At,
};
use crate::{
    policy::claim_rules::{ClaimRule, ClaimRules, Load, OF_TENANT},
    store::{mappings, tenants::Tenant, trusted_issuers},
};

impl Work<'_> {
    /// No more than a tenant may have, where the file says any.
    pub async fn laden(&mut self, tenant: &Tenant, file: &TenantFile) -> Result {
        let Some(at) = said_at(file) else { return Ok(()) };
        let mappings = mappings::of_tenant(&mut *self.tx, &tenant.id).await?;
        let issuers = trusted_issuers::of_tenant(&mut *self.tx, &tenant.id).await?;
        let claims = mappings.iter().map(|mapping| &mapping.claims);
        let mut load = Load::default();
        for rules in claims.chain(issuers.iter().map(|issuer| &issuer.settings.claim_values)) {
            load = load.and(weight(rules));
            if let Err(why) = load.within(OF_TENANT) {
                let name = &tenant.name;
                self.problem(at, format!("the trusted issuers, identities, accounts and teams of tenant {name} together: {why}"));
                break;
            }
        }
        Ok(())
    }
}

/// Of rules that cannot be compiled, how many expressions they are.
fn weight(rules: &[ClaimRule]) -> Load {
    ClaimRules::compile(rules).map_or_else(|_| Load::counted(rules), |rules| rules.load())
}

/// The last place where the file has an expression.
fn said_at(file: &TenantFile) -> Option<At> {
    let issuers = file.trusted_issuers.iter().map(|f| (f.at, &f.settings.claim_values));
    let principals = file.principals.iter().filter_map(|f| f.tokens.as_ref());
    let tokens = principals.chain(file.teams.iter().flat_map(|f| &f.tokens)).map(|tokens| (tokens.at, &tokens.claims));
    issuers.chain(tokens).filter(|(_, rules)| !Load::counted(rules).is_none()).map(|(at, _)| at).next_back()
}
