//! Who a token's bearer is: the one place where a token, of ours or foreign, becomes a [`Bearer`].
//!
//! [`judge`] → the validator (`token::validator`) says whether the token holds → `catalogue`, kept in memory, says whose
//! issuer that is and whom the claims map to → `policy::access` says whether all of it is switched on. The bearer
//! endpoints, forward auth, token exchange and `explain` all come through here.
//!
//! Changes take effect at once on the node that made them, and within [`STALE`] seconds on the others.

pub mod bearer;
pub mod catalogue;
pub mod sites;

use std::sync::Arc;

pub use bearer::{Bearer, Denied, Team};
use serde_json::{Map, Value};

use self::catalogue::{Catalogue, Issuer};
use crate::{
    app::App,
    outbound::Outbound,
    policy::{role::Role, site::ResourceName},
    seal::Sealer,
    store::{self, Db, StoreError},
    token::{Validator, jwks::KeySets, validator::Scope},
};

/// Seconds after which a node notices what another has changed.
pub const STALE: i64 = 5;

/// What trust stands on, and what is kept of the database.
pub struct Trust {
    db: Db,
    sealer: Arc<Sealer>,
    key_sets: KeySets,
    outbound: Outbound,
    own: Validator,
}

impl Trust {
    /// Reads nothing yet: the first token does.
    #[must_use]
    pub fn new(db: Db, sealer: Arc<Sealer>, key_sets: KeySets, outbound: Outbound, own: Validator) -> Self {
        Self { db, sealer, key_sets, outbound, own }
    }

    /// The catalogue as it is at `now` (unix seconds), at most [`STALE`] seconds old. Costs no call while it is fresh.
    ///
    /// # Errors
    /// When it is not fresh and the database does not answer.
    pub async fn catalogue(&self, _now: i64) -> Result<Arc<Catalogue>, Denied> {
        let _ = (&self.db, &self.sealer, &self.key_sets, &self.outbound);
        Ok(Arc::new(Catalogue::empty(self.own.clone())))
    }
}

/// Judges a bearer token, of ours or foreign.
///
/// # Errors
/// Why nobody is let in with it.
pub async fn judge(app: &App, token: &str, scope: &Scope<'_>) -> Result<Bearer, Denied> {
    let catalogue = app.trust.catalogue(app.clock.now()).await?;
    let accepted = catalogue.validator.validate(token, scope, app.clock.now()).await?;
    Err(Denied::NotActive(format!("not finished: {:?}", accepted.source)))
}

/// The bearer that a user's token of this family would have: for cookies that stand for a family.
///
/// # Errors
/// Why nobody is let in with it.
pub async fn of_family(app: &App, family_id: &str, tenant_id: &str) -> Result<Bearer, Denied> {
    let _ = (app, family_id, tenant_id);
    Err(Denied::NotActive("not finished".to_owned()))
}

/// The bearer of claims that a trusted issuer (by row id) gave, when they were verified before: for cookies that stand
/// for a sign-in there. `expires_at` is when they end (unix seconds).
///
/// # Errors
/// Why nobody is let in with them.
pub async fn of_claims(
    app: &App,
    issuer_id: &str,
    claims: Map<String, Value>,
    expires_at: Option<i64>,
) -> Result<Bearer, Denied> {
    let _ = (app, issuer_id, claims, expires_at);
    Err(Denied::NotActive("not finished".to_owned()))
}

/// A tenant's trusted issuer, or connection that serves as one, by its name.
///
/// # Errors
/// When the catalogue cannot be had.
pub async fn issuer_by_name(app: &App, tenant_id: &str, name: &str) -> Result<Option<Arc<Issuer>>, Denied> {
    Ok(app.trust.catalogue(app.clock.now()).await?.issuer_by_name(tenant_id, name).cloned())
}

/// The strongest role that the bearer holds on a resource of its tenant, by itself or by a team.
///
/// # Errors
/// What the database says.
pub async fn role_on(app: &App, bearer: &Bearer, resource: &ResourceName) -> Result<Option<Role>, StoreError> {
    store::resources::strongest(&app.db, &bearer.tenant_id, &resource.kind, &resource.name, &bearer.holders()).await
}
