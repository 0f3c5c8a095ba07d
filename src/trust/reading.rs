//! Reads the catalogue: a handful of statements, whatever is in it, and then everything is built in memory.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, OnceLock, atomic::AtomicI64},
};

use super::{
    Team,
    catalogue::{Catalogue, Issuer, Known, Lead, Tenant},
    sites::Sites,
};
use crate::{
    connector::presets,
    outbound::Outbound,
    policy::{
        access::{Standing, judge},
        claim_rules::ClaimRules,
        connection::Protocol,
        mapping::{Candidate, Mapper},
        principal::{Kind, Principal},
        trusted_issuer::{IssuerSecrets, IssuerSettings},
    },
    seal::Sealer,
    store::{
        self, Damaged, Db, StoreError,
        connections::Connection,
        mappings::{self, Mapping, Target},
        trusted_issuers::TrustedIssuer,
    },
    token::{Source, Validator, jwks::KeySets},
};

/// How often a reading is begun anew because something changed meanwhile.
const TRIES: usize = 5;

/// The rows.
pub(super) struct Rows {
    version: i64,
    tenants: Vec<store::tenants::Tenant>,
    connections: Vec<Result<Connection, Damaged>>,
    issuers: Vec<Result<TrustedIssuer, Damaged>>,
    principals: Vec<store::principals::Principal>,
    mappings: Vec<Result<Mapping, (mappings::Source, String)>>,
    teams: Vec<store::teams::Team>,
    sites: Vec<(store::sites::Site, Option<String>)>,
}

/// What issuers are opened with.
#[derive(Clone)]
pub(super) struct Openers {
    pub sealer: Arc<Sealer>,
    pub key_sets: KeySets,
    pub outbound: Outbound,
    pub own: Validator,
    /// The host name of gatehouse itself.
    pub own_host: String,
}

/// Reads the rows of one version: an issuer of the next with the mappings of the last could let somebody in whom neither
/// lets in.
pub(super) async fn read(db: &Db) -> Result<Rows, StoreError> {
    let mut version = store::revisions::read(db).await?.catalogue;
    let mut tries = 0;
    loop {
        let rows = Rows {
            version,
            tenants: store::tenants::all(db).await?,
            connections: store::connections::serving(db).await?,
            issuers: store::trusted_issuers::all(db).await?,
            principals: store::principals::all(db).await?,
            mappings: mappings::all(db).await?,
            teams: store::teams::mapped(db).await?,
            sites: store::sites::all(db).await?,
        };
        let after = store::revisions::read(db).await?.catalogue;
        tries += 1;
        if after == version {
            return Ok(rows);
        }
        if tries == TRIES {
            return Err(StoreError::Corrupt("catalogue", "it changes faster than it can be read".to_owned()));
        }
        version = after;
    }
}

/// Builds the catalogue of the rows. What `before` has opened stays open where nothing was said anew: its keys and answers
/// are known.
pub(super) fn build(rows: Rows, before: Option<&Catalogue>, openers: &Openers, now: i64) -> Catalogue {
    let mut problems = Vec::new();
    let tenants: HashMap<String, Tenant> = rows.tenants.into_iter().map(|t| (t.id.clone(), tenant(t))).collect();
    let principals: HashMap<String, (Known, i64)> = rows.principals.into_iter().map(|p| (p.id.clone(), known(p))).collect();
    let teams: HashMap<String, Team> = rows.teams.into_iter().map(|t| (t.id.clone(), Team { id: t.id, name: t.name })).collect();
    let mut leads = HashMap::new();
    let mut candidates: HashMap<(String, String), Vec<Candidate>> = HashMap::new();
    let mut broken: HashMap<String, String> = HashMap::new();
    for mapping in rows.mappings {
        let mapping = match mapping {
            Ok(mapping) => mapping,
            Err((mappings::Source::Issuer(issuer) | mappings::Source::Connection(issuer), why)) => {
                broken.insert(issuer, why);
                continue;
            }
        };
        let found = candidate(&mapping, &principals, &teams);
        let (mappings::Source::Issuer(issuer) | mappings::Source::Connection(issuer)) = mapping.source;
        match found {
            Ok(Some(candidate)) => {
                let lead = Lead { issuer: issuer.clone(), target: candidate.target.id.clone(), version: mapping.version };
                leads.insert(mapping.id, lead);
                candidates.entry((issuer, mapping.tenant_id)).or_default().push(candidate);
            }
            Ok(None) => {}
            // Without it the issuer's tokens would act as somebody else: as whom a weaker mapping names.
            Err(why) => {
                broken.insert(issuer, why);
            }
        }
    }
    let issuer = |row: Result<_, _>| row.map_or_else(|damaged| said_of_damaged(damaged, false), |i| said_of_issuer(i, openers));
    let connection = |row: Result<_, _>| row.map_or_else(|damaged| said_of_damaged(damaged, true), said_of_connection);
    let said: Vec<Said> = rows.issuers.into_iter().map(issuer).chain(rows.connections.into_iter().map(connection)).collect();
    let (mut issuers, mut named, mut sources) = (HashMap::new(), HashMap::new(), Vec::new());
    for mut said in said {
        said.problem = said.problem.or_else(|| broken.remove(&said.id));
        let Some(tenant) = tenants.get(&said.tenant_id) else { continue };
        let old = before.and_then(|before| before.issuer(&said.id));
        let candidates = candidates.remove(&(said.id.clone(), said.tenant_id.clone())).unwrap_or_default();
        let issuer = Arc::new(open(said, tenant, candidates, old, openers));
        if let (Some(why), None) = (&issuer.problem, issuer.off) {
            problems.push(format!("{issuer} of tenant {} cannot judge tokens: {why}", tenant.name));
        }
        sources.extend(issuer.sources.iter().cloned());
        named.entry((issuer.tenant_id.clone(), issuer.name.clone())).or_insert_with(|| Arc::clone(&issuer));
        issuers.insert(issuer.id.clone(), issuer);
    }
    Catalogue {
        version: rows.version,
        validator: openers.own.with_sources(sources),
        sites: Arc::new(Sites::build(rows.sites, &openers.own_host)),
        checked_at: AtomicI64::new(now),
        tenant_ids: tenants.values().map(|t| (t.name.clone(), t.id.clone())).collect(),
        tenants,
        issuers,
        named,
        principals: principals.into_iter().map(|(id, (known, _))| (id, known)).collect(),
        teams,
        leads,
        problems,
    }
}

fn tenant(row: store::tenants::Tenant) -> Tenant {
    Tenant { id: row.id, name: row.name, enabled: row.enabled }
}

fn known(row: store::principals::Principal) -> (Known, i64) {
    let principal = Principal { kind: row.kind, name: row.name, id: row.id };
    (Known { principal, tenant_id: row.tenant_id, enabled: row.enabled }, row.created_at)
}

/// What a mapping leads to; nothing where its target went meanwhile or is another tenant's.
fn candidate(
    mapping: &Mapping,
    principals: &HashMap<String, (Known, i64)>,
    teams: &HashMap<String, Team>,
) -> Result<Option<Candidate>, String> {
    let (target, enabled, created_at) = match &mapping.target {
        Target::Principal(id) => match principals.get(id) {
            Some((known, created_at)) if known.tenant_id == mapping.tenant_id => {
                (known.principal.clone(), known.enabled, *created_at)
            }
            _ => return Ok(None),
        },
        Target::Team(id) => match teams.get(id) {
            Some(team) => (Principal { kind: Kind::Team, name: team.name.clone(), id: id.clone() }, true, mapping.created_at),
            None => return Ok(None),
        },
    };
    let rules = ClaimRules::compile(&mapping.claims);
    let rules = rules.map_err(|why| format!("the mapping to {} {}: {why}", target.kind.as_str(), target.name))?;
    let (mapping, version) = (mapping.id.clone(), mapping.version);
    Ok(Some(Candidate { mapping, version, target, enabled, rules, created_at }))
}

/// What the rows say of an issuer, the two kinds alike.
struct Said {
    id: String,
    tenant_id: String,
    name: String,
    connection: bool,
    enabled: bool,
    settings: Vec<IssuerSettings>,
    secrets: IssuerSecrets,
    /// Why it cannot work.
    problem: Option<String>,
    /// Whether that is because its row cannot be read.
    unreadable: bool,
}

fn said_of_issuer(row: TrustedIssuer, openers: &Openers) -> Said {
    let secrets = unseal(&row, &openers.sealer);
    let (secrets, problem) = match secrets {
        Ok(secrets) => (secrets, None),
        Err(why) => (IssuerSecrets::default(), Some(why)),
    };
    let (id, tenant_id, name, enabled, settings) = (row.id, row.tenant_id, row.name, row.enabled, vec![row.settings]);
    Said { id, tenant_id, name, connection: false, enabled, settings, secrets, problem, unreadable: false }
}

/// One that judges nothing: others go on.
fn said_of_damaged(row: Damaged, connection: bool) -> Said {
    let Damaged { id, tenant_id, name, enabled, issuer, why } = row;
    let named = |issuer| IssuerSettings { issuer: Some(issuer), ..IssuerSettings::default() };
    let (settings, secrets) = (issuer.map(named).into_iter().collect(), IssuerSecrets::default());
    Said { id, tenant_id, name, connection, enabled, settings, secrets, problem: Some(why), unreadable: true }
}

fn unseal(row: &TrustedIssuer, sealer: &Sealer) -> Result<IssuerSecrets, String> {
    let Some(sealed) = &row.secrets_sealed else { return Ok(IssuerSecrets::default()) };
    let text = sealer.open_text(&TrustedIssuer::secrets_context(&row.id), sealed);
    let text = text.map_err(|e| format!("its secrets do not open: {e}"))?;
    serde_json::from_str(&text).map_err(|_| "its secrets are unreadable".to_owned())
}

fn said_of_connection(row: Connection) -> Said {
    let mut settings = row.settings;
    let unknown = presets::apply(&mut settings, Protocol::Oidc).err();
    let settings = IssuerSettings::of_connection(&settings);
    let nobody = || {
        let why = "it names no issuer whose tokens could be accepted: put the directory's own id into its issuer, or name those \
                   that count with allowed_tenants";
        settings.is_empty().then(|| why.to_owned())
    };
    let problem = unknown.or_else(nobody);
    let (id, tenant_id, name, enabled) = (row.id, row.tenant_id, row.name, row.enabled);
    let secrets = IssuerSecrets::default();
    Said { id, tenant_id, name, connection: true, enabled, settings, secrets, problem, unreadable: false }
}

fn open(said: Said, tenant: &Tenant, candidates: Vec<Candidate>, old: Option<&Arc<Issuer>>, openers: &Openers) -> Issuer {
    let Said { id, tenant_id, name, connection, enabled, settings: all_settings, secrets, mut problem, unreadable } = said;
    let off = judge(Standing { issuer: Some(enabled), ..Standing::of_tenant(tenant.enabled) }).err();
    let settings = all_settings.first().cloned().unwrap_or_default();
    let mut sources = Vec::new();
    // What is off judges nothing and asks nobody: no token makes us call an issuer that an operator has switched off.
    if off.is_none() && problem.is_none() {
        let same = |old: &&Arc<Issuer>| old.all_settings == all_settings && old.secrets == secrets && !old.sources.is_empty();
        let opened = match old.filter(same) {
            Some(old) => Ok(old.sources.clone()),
            None => all_settings
                .iter()
                .map(|settings| Source::of(&id, &tenant_id, settings, secrets.clone(), &openers.key_sets, &openers.outbound))
                .collect(),
        };
        match opened {
            Ok(opened) => sources = opened,
            Err(why) => problem = Some(why),
        }
    }
    let mapper = Mapper::new(candidates, settings.matching);
    let terms = OnceLock::new();
    Issuer { id, tenant_id, name, connection, off, problem, unreadable, settings, secrets, mapper, all_settings, terms, sources }
}

/// The problems that were not there before.
pub(super) fn new_problems<'a>(now: &'a Catalogue, before: Option<&Catalogue>) -> Vec<&'a str> {
    let known: HashSet<&str> = before.iter().flat_map(|before| before.problems.iter().map(String::as_str)).collect();
    now.problems.iter().map(String::as_str).filter(|problem| !known.contains(problem)).collect()
}
