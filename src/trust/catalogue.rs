//! What every node keeps in memory of tenants, issuers, principals, mappings and sites: one consistent reading, never
//! changed; the next one takes its place (`freshness`). `reading` makes it.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicI64, Ordering},
    },
};

use serde_json::{Map, Value};

use super::{Behind, Team, sites::Sites};
use crate::{
    policy::{
        access::Refusal,
        mapping::Mapper,
        principal::Principal,
        trusted_issuer::{IssuerSecrets, IssuerSettings},
    },
    secret,
    store::revisions::Revisions,
    token::{Source, Validator},
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
    /// Whether the problem is that its row cannot be read: then what is wrong is here, and not with its tokens.
    pub unreadable: bool,
    /// What was said of it; a connection for several directories has one for each, and the first stands here.
    pub settings: IssuerSettings,
    /// What we prove ourselves with there.
    pub secrets: IssuerSecrets,
    /// Whom its tokens act as, and which teams they belong to.
    pub mapper: Mapper,
    pub(super) all_settings: Vec<IssuerSettings>,
    pub(super) terms: OnceLock<String>,
    pub(super) sources: Vec<Source>,
}

/// An external identity or virtual account, switched on or not.
#[derive(Clone, Debug)]
pub struct Known {
    /// Who.
    pub principal: Principal,
    /// Whose, by row id.
    pub tenant_id: String,
    /// Whether anyone may act as it.
    pub enabled: bool,
}

/// A team that tokens can belong to.
#[derive(Clone, Debug)]
pub(super) struct KnownTeam {
    pub(super) team: Team,
    /// Whose, by row id.
    pub(super) tenant_id: String,
}

/// Where a mapping leads, and its version.
#[derive(Clone, Debug)]
pub struct Lead {
    /// Whose it is, by row id.
    pub tenant_id: String,
    /// The issuer's row id.
    pub issuer: String,
    /// The principal's or team's row id.
    pub target: String,
    /// Grows with each change.
    pub version: i64,
}

/// One consistent reading.
pub struct Catalogue {
    /// The version of the stored catalogue that was read.
    pub version: i64,
    /// All that was counted by then.
    pub(super) revisions: Revisions,
    /// Judges tokens of ours and of every enabled issuer of an enabled tenant.
    pub validator: Validator,
    /// The services behind forward auth.
    pub sites: Arc<Sites>,
    pub(super) checked_at: AtomicI64,
    pub(super) tenants: HashMap<String, Tenant>,
    pub(super) tenant_ids: HashMap<String, String>,
    /// In the order they were read in.
    pub(super) order: Vec<Arc<Issuer>>,
    pub(super) issuers: HashMap<String, Arc<Issuer>>,
    pub(super) named: HashMap<(String, String), Arc<Issuer>>,
    pub(super) principals: HashMap<String, Arc<Known>>,
    pub(super) teams: HashMap<String, Arc<KnownTeam>>,
    pub(super) leads: HashMap<String, Arc<Lead>>,
}

impl Catalogue {
    /// When it was last known to be current (unix seconds).
    #[must_use]
    pub fn checked_at(&self) -> i64 {
        self.checked_at.load(Ordering::SeqCst)
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

    /// Whether it is current of the tenant of this name, where it is `behind` in the things of some. One that it does not know
    /// may have been made since.
    #[must_use]
    pub fn is_current_of(&self, tenant: &str, behind: &Behind) -> bool {
        self.tenant_by_name(tenant).is_some_and(|tenant| !behind.is_of(&tenant.id))
    }

    /// A trusted issuer or connection by row id, switched on or not.
    #[must_use]
    pub fn issuer(&self, id: &str) -> Option<&Arc<Issuer>> {
        self.issuers.get(id)
    }

    /// The one of a tenant called `name`: a trusted issuer before a connection of the same name.
    #[must_use]
    pub fn issuer_by_name(&self, tenant_id: &str, name: &str) -> Option<&Arc<Issuer>> {
        self.named.get(&(tenant_id.to_owned(), name.to_owned()))
    }

    /// The row ids of those that callers mean by `name`, which is what they are called or their `iss`: of the tenant, where
    /// one is given.
    #[must_use]
    pub fn sources_named(&self, tenant_id: Option<&str>, name: &str) -> HashSet<String> {
        let is_meant = |issuer: &Issuer| {
            let mut names = issuer.all_settings.iter().flat_map(IssuerSettings::issuers);
            issuer.name == name || names.any(|iss| iss == name)
        };
        let of_tenant = self.order.iter().filter(|issuer| tenant_id.is_none_or(|id| id == issuer.tenant_id));
        of_tenant.filter(|issuer| is_meant(issuer)).map(|issuer| issuer.id.clone()).collect()
    }

    /// An external identity or virtual account by row id.
    #[must_use]
    pub fn principal(&self, id: &str) -> Option<&Known> {
        self.principals.get(id).map(|known| &**known)
    }

    /// A team that tokens can belong to, by row id.
    #[must_use]
    pub fn team(&self, id: &str) -> Option<&Team> {
        self.teams.get(id).map(|known| &known.team)
    }

    /// Where a mapping leads, by its row id.
    #[must_use]
    pub fn lead(&self, mapping: &str) -> Option<&Lead> {
        self.leads.get(mapping).map(|lead| &**lead)
    }

    /// Every issuer, for who must look at all.
    pub fn issuers(&self) -> impl Iterator<Item = &Arc<Issuer>> {
        self.order.iter()
    }

    /// What cannot judge tokens, and why, for the log.
    pub(super) fn problems(&self) -> impl Iterator<Item = String> {
        self.order.iter().filter(|issuer| issuer.off.is_none()).filter_map(|issuer| {
            let tenant = self.tenant(&issuer.tenant_id).map_or("", |tenant| tenant.name.as_str());
            if let Some(problem) = &issuer.problem {
                return Some(format!("{issuer} of tenant {tenant} cannot judge tokens: {problem}"));
            }
            // None is made any more (`apply`), but some may be there.
            let named = self.issuer_by_name(&issuer.tenant_id, &issuer.name)?;
            (named.id != issuer.id).then(|| format!("who names {issuer} of tenant {tenant} means {named}: make one of them anew"))
        })
    }
}

impl Issuer {
    /// Whom claims that it gave for a sign-in are about, if it is as it was: it may have been edited, switched off or broken
    /// since.
    ///
    /// # Errors
    /// Why not, for the log.
    pub fn still_vouches_for(&self, claims: &Map<String, Value>) -> Result<String, String> {
        let mut why = match (&self.off, &self.problem) {
            (Some(off), _) => format!("{self}: {off}"),
            (None, Some(problem)) => format!("{self} cannot work: {problem}"),
            (None, None) => format!("{self} has nobody to judge by"),
        };
        for source in &self.sources {
            match source.still_holds(claims) {
                Ok(subject) => return Ok(subject),
                Err(invalid) => why = format!("its claims are not what {self} asks for now: {}", invalid.detail()),
            }
        }
        Err(why)
    }

    /// Judges the ID token that it gave to our client there for the sign-in with this `nonce`.
    ///
    /// # Errors
    /// Why it is refused, for the log.
    pub async fn gave(&self, id_token: &str, client_id: &str, nonce: &str, now: i64) -> Result<(), String> {
        let mut why = format!("{self} has nobody to judge by");
        for source in &self.sources {
            match source.id_token(id_token, client_id, nonce, now).await {
                Ok(()) => return Ok(()),
                Err(invalid) => why = invalid.detail(),
            }
        }
        Err(why)
    }

    /// A digest of what is asked of its tokens: what was made of one stands on that.
    #[must_use]
    pub fn terms(&self) -> &str {
        self.terms.get_or_init(|| {
            let terms: Vec<IssuerSettings> = self.all_settings.iter().map(IssuerSettings::terms).collect();
            secret::digest(&serde_json::to_string(&terms).unwrap_or_default())
        })
    }

    /// When claims that it gave for a sign-in must be given anew at the latest (unix seconds): a session is no way around the
    /// largest age of its tokens, nor around the end of one that only the issuer can call back.
    #[must_use]
    pub fn lasts(&self, claims: &Map<String, Value>) -> Option<i64> {
        let at = |name: &str| claims.get(name).and_then(Value::as_i64);
        let oldest = self.settings.max_token_age.map(|age| at("iat").unwrap_or_default().saturating_add(age));
        let ends = self.settings.introspection.as_ref().and_then(|_| at("exp"));
        oldest.into_iter().chain(ends).min()
    }
}

/// In the log, whose it is and what it is called.
impl std::fmt::Display for Issuer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kind = if self.connection { "connection" } else { "trusted issuer" };
        write!(f, "{kind} {}", self.name)
    }
}
