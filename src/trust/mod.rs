//! Who a token's bearer is: the one place where a token, of ours or foreign, becomes a [`Bearer`].
//!
//! [`judge`] → `freshness` gives the `catalogue`, kept in memory, if it may answer who asks (`kept`) → its validator
//! (`token::validator`) says whether the token holds → `own` or `foreign` say whom it acts as, and `policy::access` whether all
//! of it is switched on. The bearer endpoints, forward auth, token exchange and `explain` all come through here. `warming`
//! fetches keys before anybody needs them.
//!
//! Changes take effect at once on the node that made them. On the others, who is shut out is out within [`LOOK`] seconds,
//! and what else has changed is noticed within [`STALE`].

mod attempts;
pub mod bearer;
pub mod catalogue;
pub mod explain;
mod footings;
mod foreign;
pub mod freshness;
mod kept;
mod own;
mod reading;
pub mod report;
pub mod sites;
mod warming;

use std::sync::Arc;

pub use bearer::{Bearer, Denied, Team};
pub use freshness::Trust;
pub use kept::Behind;
pub use own::is_of;
use serde_json::{Map, Value};

use self::{
    catalogue::{Catalogue, Issuer},
    foreign::Vouched,
    own::Asof,
};
use crate::{
    app::App,
    policy::{role::Role, site::ResourceName, trusted_issuer::IssuerSettings},
    store::{self, StoreError},
    token::{
        ASK_AGAIN, Accepted, Invalid, Refused, Scope,
        issue::AccessClaims,
        may_be_asked_about,
        unverified::{HARD_LIMIT, Unverified},
    },
};

/// Seconds after which a node notices what another has changed.
pub const STALE: i64 = 5;
/// Seconds after which a node notices at the latest that another has shut somebody out, or changed the catalogue: a
/// decision counts only while somebody has looked within them.
pub const LOOK: i64 = 1;

/// Judges a bearer token, of ours or foreign.
///
/// # Errors
/// Why nobody is let in with it.
pub async fn judge(app: &App, token: &str, scope: &Scope<'_>) -> Result<Bearer, Denied> {
    let catalogue = current(app, token, scope).await?;
    judge_by(app, &catalogue, token, scope, Asof::Now).await
}

/// The same for those who keep what they decide, and so decide by a `catalogue` that they have (one that is current for the
/// tenant of the scope) and by what was so up to [`STALE`] seconds ago on other nodes: a user's token reads the database only
/// where it is the first of its family in that time. [`Bearer::fresh_until`] counts from then.
///
/// # Errors
/// Why nobody is let in with it.
pub async fn judge_lately(app: &App, catalogue: &Catalogue, token: &str, scope: &Scope<'_>) -> Result<Bearer, Denied> {
    judge_by(app, catalogue, token, scope, Asof::Lately).await
}

/// The same for those who make something of the token: with its issuer as it was when the token was judged, which may have
/// waited for keys. Whatever has changed since counts for what is made then.
///
/// # Errors
/// Why nobody is let in with it.
pub async fn judge_with_issuer(app: &App, token: &str, scope: &Scope<'_>) -> Result<(Bearer, Option<Arc<Issuer>>), Denied> {
    let catalogue = current(app, token, scope).await?;
    let bearer = judge_by(app, &catalogue, token, scope, Asof::Now).await?;
    let issuer = bearer.source.as_ref().and_then(|source| catalogue.issuer(source)).cloned();
    Ok((bearer, issuer))
}

/// The catalogue that a token is judged by: current for the tenant of the scope and, where that names none, for the one that a
/// token of ours is of. A foreign one may then be anybody's.
async fn current(app: &App, token: &str, scope: &Scope<'_>) -> Result<Arc<Catalogue>, Denied> {
    let now = app.clock.now();
    if let Some(tenant) = scope.tenant {
        return app.trust.catalogue_of(now, tenant).await;
    }
    let is_current = |catalogue: &Catalogue, behind: &Behind| {
        tenant_of_ours(app, token).is_some_and(|tenant| catalogue.is_current_of(&tenant, behind))
    };
    app.trust.catalogue_where(now, is_current).await
}

/// The tenant (by name) that a token says it is of, if it says that it is ours, whoever has written that: good only for
/// knowing whose things must be current for it to be judged.
fn tenant_of_ours(app: &App, token: &str) -> Option<String> {
    let token = Unverified::read(token, HARD_LIMIT).ok()?;
    let is_ours = token.issuer() == Some(app.issuer());
    let tenant = token.into_claims().remove("tenant").filter(|_| is_ours)?;
    tenant.as_str().map(str::to_owned)
}

async fn judge_by(app: &App, catalogue: &Catalogue, token: &str, scope: &Scope<'_>, asof: Asof) -> Result<Bearer, Denied> {
    let now = app.clock.now();
    let scope = catalogue.narrowed(scope);
    keep_ours(app, catalogue, token, &scope).await?;
    let accepted = catalogue.validator.validate(token, &scope, now).await;
    let accepted = accepted.map_err(|invalid| catalogue.reason(token, &scope, invalid))?;
    bearer_of(app, catalogue, accepted, &scope, asof, now).await
}

/// A token of our own admin API, or of a directory, is nothing that an issuer is asked about: whoever is asked is handed it,
/// and it opens more than they do.
async fn keep_ours(app: &App, catalogue: &Catalogue, token: &str, scope: &Scope<'_>) -> Result<(), Denied> {
    let asks = catalogue.validator.would_ask_about(token, scope);
    if asks && store::tenant_tokens::is_ours(&app.db, &app.sealer, token).await? {
        return Err(Denied::NotActive("it is a token of the admin API or of a directory, which no issuer is shown".to_owned()));
    }
    Ok(())
}

async fn bearer_of(
    app: &App,
    catalogue: &Catalogue,
    accepted: Accepted,
    scope: &Scope<'_>,
    asof: Asof,
    now: i64,
) -> Result<Bearer, Denied> {
    let Accepted { source, claims, subject, keep_until } = accepted;
    let Some(source) = source else {
        let own = claims.read()?;
        return own::bearer(app, catalogue, own, claims.into_members(), (scope.tenant, asof), now).await;
    };
    let issuer = catalogue.issuer(&source).ok_or_else(|| Denied::NotActive("its issuer is gone".to_owned()))?;
    let (expires_at, claims) = (claims.number("exp"), claims.into_members());
    foreign::bearer(catalogue, issuer, Vouched { claims, subject, expires_at, keep_until }, now)
}

/// The bearer of an access token of ours that was judged already, for whatever audience: for those who ask *about* a token.
///
/// # Errors
/// What it stands on that is off or gone.
pub async fn of_own(app: &App, own: AccessClaims) -> Result<Bearer, Denied> {
    let now = app.clock.now();
    let catalogue = app.trust.catalogue_of_named(now, &own.tenant).await?;
    let claims = own::members(&own)?;
    own::bearer(app, &catalogue, own, claims, (None, Asof::Now), now).await
}

/// The bearer that a user's token of this family would have: for cookies that stand for a family.
///
/// # Errors
/// Why nobody is let in with it.
pub async fn of_family(app: &App, family_id: &str, tenant_id: &str) -> Result<Bearer, Denied> {
    own::of_family(app, family_id, tenant_id, app.clock.now()).await
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
    let now = app.clock.now();
    let is_current =
        |kept: &Catalogue, behind: &Behind| kept.issuer(issuer_id).is_some_and(|issuer| !behind.is_of(&issuer.tenant_id));
    let catalogue = app.trust.catalogue_where(now, is_current).await?;
    let gone = |what: &str| Denied::NotActive(what.to_owned());
    let issuer = catalogue.issuer(issuer_id).ok_or_else(|| gone("its issuer is trusted no longer"))?;
    let expires_at = expires_at.into_iter().chain(issuer.lasts(&claims)).min();
    if expires_at.is_some_and(|at| at <= now) {
        return Err(gone("the sign-in has ended"));
    }
    let subject = issuer.still_vouches_for(&claims).map_err(Denied::NotActive)?;
    foreign::bearer(&catalogue, issuer, Vouched { claims, subject, expires_at, keep_until: i64::MAX }, now)
}

/// A tenant's trusted issuer, or connection that serves as one, by its name.
///
/// # Errors
/// When the catalogue cannot be had.
pub async fn issuer_by_name(app: &App, tenant_id: &str, name: &str) -> Result<Option<Arc<Issuer>>, Denied> {
    Ok(app.trust.catalogue_of(app.clock.now(), tenant_id).await?.issuer_by_name(tenant_id, name).cloned())
}

/// The strongest role that the bearer holds on a resource of its tenant, by itself or by a team.
///
/// # Errors
/// What the database says.
pub async fn role_on(app: &App, bearer: &Bearer, resource: &ResourceName) -> Result<Option<Role>, StoreError> {
    store::resources::strongest(&app.db, &bearer.tenant_id, &resource.kind, &resource.name, &bearer.holders()).await
}

impl Catalogue {
    /// The scope with the one tenant that there is, where none is named: then an opaque token is no stranger's.
    fn narrowed<'a>(&'a self, scope: &Scope<'a>) -> Scope<'a> {
        let mut tenants = self.tenants.keys();
        let only = tenants.next().filter(|_| tenants.next().is_none());
        Scope { tenant: scope.tenant.or(only.map(String::as_str)), ..*scope }
    }

    /// Why nobody is let in with a token that was refused: an issuer that is switched off, or cannot work, is asked nothing,
    /// so its tokens are unknown to the validator. That it is off is for the log: nothing shows that its token is its own.
    /// Where what is stored of it cannot be read, the fault is ours, and no client is told that its token is bad.
    fn reason(&self, token: &str, scope: &Scope<'_>, invalid: Invalid) -> Denied {
        let Ok(unverified) = Unverified::read(token, HARD_LIMIT) else {
            return self.unasked(token, scope).map_or_else(|| invalid.into(), |issuer| self.unreadable(issuer));
        };
        let Invalid::Issuer { found, .. } = &invalid else { return invalid.into() };
        let named = self.named_by(&unverified, scope);
        if let Some((issuer, off)) = named.iter().find_map(|issuer| Some((issuer, issuer.off?))) {
            return Denied::Invalid(Invalid::Issuer { found: found.clone(), expected: format!("{issuer} to be on: {off}") });
        }
        if let Some(issuer) = named.iter().copied().find(|issuer| issuer.unreadable).or_else(|| self.lost(&named, scope)) {
            return self.unreadable(issuer);
        }
        match named.iter().find_map(|issuer| Some((issuer, issuer.problem.as_ref()?))) {
            Some((issuer, problem)) => Denied::Invalid(Invalid::Keys(format!("{issuer} cannot work: {problem}"), ASK_AGAIN)),
            None => invalid.into(),
        }
    }

    /// The fault is ours: what is stored of this issuer cannot be read.
    fn unreadable(&self, issuer: &Issuer) -> Denied {
        let tenant = self.tenant(&issuer.tenant_id).map_or("", |tenant| tenant.name.as_str());
        let why = issuer.problem.as_deref().unwrap_or_default();
        Denied::Unavailable(format!(
            "{issuer} of tenant {tenant} cannot be read, and the token may be its own: {why}; apply the file that \
             describes it, or restore its row"
        ))
    }

    /// An issuer of the tenant that might have been asked about an opaque token, could it be read.
    fn unasked(&self, token: &str, scope: &Scope<'_>) -> Option<&Arc<Issuer>> {
        scope.tenant.filter(|_| may_be_asked_about(token))?;
        self.issuers().find(|issuer| issuer.unreadable && issuer.off.is_none() && is_within(issuer, scope))
    }

    /// An issuer within the scope of which not even the name can be read that its tokens have: one whose token nobody else
    /// knows, which are those that `named` is empty for, may be its own.
    fn lost(&self, named: &[&Arc<Issuer>], scope: &Scope<'_>) -> Option<&Arc<Issuer>> {
        let is_lost = |issuer: &&Arc<Issuer>| issuer.unreadable && issuer.off.is_none() && issuer.all_settings.is_empty();
        self.issuers().filter(|_| named.is_empty()).filter(|issuer| is_within(issuer, scope)).find(is_lost)
    }

    /// The issuers within the scope that a token names.
    fn named_by(&self, token: &Unverified<'_>, scope: &Scope<'_>) -> Vec<&Arc<Issuer>> {
        let is_named = |issuer: &&Arc<Issuer>| {
            let mut names = issuer.all_settings.iter().flat_map(IssuerSettings::issuers);
            names.any(|name| Some(name) == token.issuer())
        };
        self.issuers().filter(|issuer| is_within(issuer, scope)).filter(is_named).collect()
    }

    /// A token that no source has heard, because its issuer is off or cannot work.
    fn unheard(&self, token: &str, scope: &Scope<'_>) -> Option<Refused> {
        let token = Unverified::read(token, HARD_LIMIT).ok()?;
        let source = self.named_by(&token, scope).first().map(|issuer| issuer.id.clone())?;
        Some(Refused { source: Some(source), claims: token.into_claims(), proven: false })
    }
}

fn is_within(issuer: &Issuer, scope: &Scope<'_>) -> bool {
    scope.tenant.is_none_or(|tenant| tenant == issuer.tenant_id) && scope.sources.is_none_or(|ids| ids.contains(&issuer.id))
}
