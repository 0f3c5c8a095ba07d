//! What every node keeps in memory of tenants, issuers, principals, mappings and sites.

use std::{collections::HashMap, sync::Arc};

use super::sites::Sites;
use crate::{
    policy::{
        access::Refusal,
        trusted_issuer::{IssuerSecrets, IssuerSettings},
    },
    token::Validator,
};

/// A tenant as far as tokens go.
#[derive(Clone, Debug)]
pub struct Tenant {
    /// Row id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Whether it is enabled.
    pub enabled: bool,
}

/// A trusted issuer, or a connection that serves as one.
#[derive(Clone, Debug)]
pub struct Issuer {
    /// Row id of the trusted issuer or connection.
    pub id: String,
    /// Whose it is, by row id.
    pub tenant_id: String,
    /// Its name, unique within the tenant and kind.
    pub name: String,
    /// Whether it is a connection.
    pub connection: bool,
    /// What is off, if anything: the tenant or the issuer itself.
    pub off: Option<Refusal>,
    /// Why its tokens cannot be judged, for operators.
    pub problem: Option<String>,
    /// What was said of it.
    pub settings: IssuerSettings,
    /// What we prove ourselves with there.
    pub secrets: IssuerSecrets,
}

/// One consistent reading. Never changed: a new reading takes its place.
pub struct Catalogue {
    /// The version of the stored catalogue that was read.
    pub version: i64,
    /// When it was last known to be current (unix seconds).
    pub checked_at: i64,
    /// Judges tokens of ours and of every enabled issuer of an enabled tenant.
    pub validator: Validator,
    /// The services behind forward auth.
    pub sites: Arc<Sites>,
    tenants: HashMap<String, Tenant>,
    tenant_ids: HashMap<String, String>,
    issuers: HashMap<String, Arc<Issuer>>,
}

impl Catalogue {
    /// With nobody in it.
    #[must_use]
    pub fn empty(validator: Validator) -> Self {
        Self {
            version: 0,
            checked_at: i64::MIN,
            validator,
            sites: Arc::default(),
            tenants: HashMap::new(),
            tenant_ids: HashMap::new(),
            issuers: HashMap::new(),
        }
    }

    /// A tenant by row id.
    #[must_use]
    pub fn tenant(&self, id: &str) -> Option<&Tenant> {
        self.tenants.get(id)
    }

    /// A tenant by name.
    #[must_use]
    pub fn tenant_by_name(&self, name: &str) -> Option<&Tenant> {
        self.tenant_ids.get(name).and_then(|id| self.tenants.get(id))
    }

    /// A trusted issuer or connection by row id, switched on or not.
    #[must_use]
    pub fn issuer(&self, id: &str) -> Option<&Arc<Issuer>> {
        self.issuers.get(id)
    }

    /// Those of a tenant called `name`: a trusted issuer before a connection of the same name.
    #[must_use]
    pub fn issuer_by_name(&self, tenant_id: &str, name: &str) -> Option<&Arc<Issuer>> {
        let named = self.issuers.values().filter(|i| i.tenant_id == tenant_id && i.name == name);
        named.min_by_key(|i| i.connection)
    }
}
