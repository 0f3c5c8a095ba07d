//! Reads the catalogue: a handful of statements, and then everything is built in memory. Where only some tenants' things
//! have changed since the reading before, only theirs are read and built anew: what one tenant changes costs by what that
//! tenant has.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::{Arc, OnceLock, atomic::AtomicI64},
};

use super::{
    Team,
    catalogue::{Catalogue, Issuer, Known, KnownTeam, Lead, Tenant},
    sites::Sites,
};
use crate::{
    connector::presets,
    oauth::protected_resource::admin_api,
    outbound::Outbound,
    policy::{
        access::{Standing, judge},
        claim_rules::{ClaimRules, Load, OF_TENANT},
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
        revisions::{self, Revisions},
        trusted_issuers::TrustedIssuer,
    },
    token::{Source, Validator, jwks::KeySets},
};

/// Of more tenants than so many everything is read at once.
const SEVERAL: usize = 50;

/// Why what a tenant has beyond its share is left out.
const BEYOND: &str = "the claim rules of its tenant are too much to compile";

/// Whose rows are read.
#[derive(Default)]
enum Part {
    #[default]
    Everybody,
    Tenants(BTreeSet<String>),
}

impl Part {
    fn holds(&self, tenant_id: &str) -> bool {
        match self {
            Self::Everybody => true,
            Self::Tenants(ids) => ids.contains(tenant_id),
        }
    }
}

/// The rows.
#[derive(Default)]
pub(super) struct Rows {
    revisions: Revisions,
    part: Part,
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

/// Reads the rows of one version, and only those of tenants that have changed since `before`, in one transaction: an issuer
/// of the next version with the mappings of the last could let somebody in whom neither lets in, and whoever changes
/// something all the time keeps nobody from reading.
pub(super) async fn read(db: &Db, before: Option<&Catalogue>) -> Result<Rows, StoreError> {
    let mut tx = db.snapshot().await?;
    let now = revisions::read(&mut tx).await?;
    let part = match before {
        Some(before) if now.are_told(&before.revisions) => {
            let changed = revisions::changed_since(&mut tx, before.version).await?;
            if changed.len() > SEVERAL { Part::Everybody } else { Part::Tenants(changed) }
        }
        _ => Part::Everybody,
    };
    let tenants = store::tenants::all(&mut tx).await?;
    let sites = store::sites::all(&mut tx).await?;
    let whose: Vec<Option<String>> = match &part {
        Part::Everybody => vec![None],
        Part::Tenants(ids) => ids.iter().cloned().map(Some).collect(),
    };
    let mut rows = Rows { revisions: now, part, tenants, sites, ..Rows::default() };
    for tenant_id in whose {
        let whose = tenant_id.as_deref();
        rows.connections.extend(store::connections::serving(&mut tx, whose).await?);
        rows.issuers.extend(store::trusted_issuers::all(&mut tx, whose).await?);
        rows.principals.extend(store::principals::all(&mut tx, whose).await?);
        rows.mappings.extend(mappings::all(&mut tx, whose).await?);
        rows.teams.extend(store::teams::mapped(&mut tx, whose).await?);
    }
    Ok(rows)
}

/// Builds the catalogue of the rows. What `before` has opened stays open where nothing was said anew: its keys and answers
/// are known.
pub(super) fn build(rows: Rows, before: Option<&Catalogue>, openers: &Openers, now: i64) -> Catalogue {
    let tenants: HashMap<String, Tenant> = rows.tenants.into_iter().map(|t| (t.id.clone(), tenant(t))).collect();
    let principals: HashMap<String, (Known, i64)> = rows.principals.into_iter().map(|p| (p.id.clone(), known(p))).collect();
    let mut teams: HashMap<String, Arc<KnownTeam>> = rows.teams.into_iter().map(known_team).collect();
    let mut leads = HashMap::new();
    let mut candidates: HashMap<(String, String), Vec<Candidate>> = HashMap::new();
    let mut broken: HashMap<String, String> = HashMap::new();
    let mut loads: HashMap<String, Load> = HashMap::new();
    let changed = |issuer: &&Arc<Issuer>| rows.part.holds(&issuer.tenant_id);
    let kept: HashMap<&str, &ClaimRules> =
        before.iter().flat_map(|before| before.issuers()).filter(changed).flat_map(|issuer| issuer.mapper.rules()).collect();
    for mapping in rows.mappings {
        let mapping = match mapping {
            Ok(mapping) => mapping,
            Err((mappings::Source::Issuer(issuer) | mappings::Source::Connection(issuer), why)) => {
                broken.insert(issuer, why);
                continue;
            }
        };
        let load = loads.entry(mapping.tenant_id.clone()).or_default();
        let found = candidate(&mapping, rules(&mapping, &kept, load), &principals, &teams);
        let (mappings::Source::Issuer(issuer) | mappings::Source::Connection(issuer)) = mapping.source;
        match found {
            Ok(Some(candidate)) => {
                let (tenant_id, target) = (mapping.tenant_id.clone(), candidate.target.id.clone());
                let lead = Lead { tenant_id, issuer: issuer.clone(), target, version: mapping.version };
                leads.insert(mapping.id, Arc::new(lead));
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
    let mut order = Vec::new();
    for mut said in said {
        said.problem = said.problem.or_else(|| broken.remove(&said.id));
        let load = loads.entry(said.tenant_id.clone()).or_default();
        *load = said.settings.iter().fold(*load, |load, settings| load.and(Load::counted(&settings.claim_values)));
        said.problem = said.problem.or_else(|| load.within(OF_TENANT).err().map(|why| format!("{BEYOND}: {why}")));
        let Some(tenant) = tenants.get(&said.tenant_id) else { continue };
        let old = before.and_then(|before| before.issuer(&said.id));
        let candidates = candidates.remove(&(said.id.clone(), said.tenant_id.clone())).unwrap_or_default();
        order.push(Arc::new(open(said, tenant, candidates, old, openers)));
    }
    let mut principals = principals.into_iter().map(|(id, (known, _))| (id, Arc::new(known))).collect();
    if let Some(before) = before {
        let stays = |tenant_id: &String| !rows.part.holds(tenant_id) && tenants.contains_key(tenant_id);
        order.extend(before.order.iter().filter(|issuer| stays(&issuer.tenant_id)).cloned());
        keep(&mut principals, &before.principals, |known| stays(&known.tenant_id));
        keep(&mut teams, &before.teams, |known| stays(&known.tenant_id));
        keep(&mut leads, &before.leads, |lead| stays(&lead.tenant_id));
    }
    let sites_before = before.map(|before| &*before.sites);
    let sites = Sites::build_after(sites_before, rows.sites, &openers.own_host, &admin_api(openers.own.issuer()));
    let mut named = HashMap::new();
    // A trusted issuer before a connection of the same name.
    for issuer in order.iter().filter(|issuer| !issuer.connection).chain(order.iter().filter(|issuer| issuer.connection)) {
        named.entry((issuer.tenant_id.clone(), issuer.name.clone())).or_insert_with(|| Arc::clone(issuer));
    }
    Catalogue {
        version: rows.revisions.catalogue,
        revisions: rows.revisions,
        validator: openers.own.with_sources(order.iter().flat_map(|issuer| issuer.sources.iter().cloned())),
        sites: Arc::new(sites),
        checked_at: AtomicI64::new(now),
        tenant_ids: tenants.values().map(|t| (t.name.clone(), t.id.clone())).collect(),
        issuers: order.iter().map(|issuer| (issuer.id.clone(), Arc::clone(issuer))).collect(),
        tenants,
        order,
        named,
        principals,
        teams,
        leads,
    }
}

/// Takes over what has not changed.
fn keep<T>(all: &mut HashMap<String, Arc<T>>, before: &HashMap<String, Arc<T>>, stays: impl Fn(&T) -> bool) {
    all.extend(before.iter().filter(|(_, thing)| stays(thing)).map(|(id, thing)| (id.clone(), Arc::clone(thing))));
}

fn tenant(row: store::tenants::Tenant) -> Tenant {
    Tenant { id: row.id, name: row.name, enabled: row.enabled }
}

fn known(row: store::principals::Principal) -> (Known, i64) {
    let principal = Principal { kind: row.kind, name: row.name, id: row.id };
    (Known { principal, tenant_id: row.tenant_id, enabled: row.enabled }, row.created_at)
}

fn known_team(row: store::teams::Team) -> (String, Arc<KnownTeam>) {
    let store::teams::Team { id, tenant_id, name, .. } = row;
    (id.clone(), Arc::new(KnownTeam { team: Team { id, name }, tenant_id }))
}

/// What a mapping's claims must be: as it was compiled before, where it is the same. Whatever a tenant has beyond its share is
/// not compiled at all: all tenants wait for it.
fn rules(mapping: &Mapping, kept: &HashMap<&str, &ClaimRules>, load: &mut Load) -> Result<ClaimRules, String> {
    let counted = load.and(Load::counted(&mapping.claims));
    counted.within(OF_TENANT).map_err(|why| format!("{BEYOND}: {why}"))?;
    let same = kept.get(mapping.id.as_str()).filter(|rules| rules.are_of(&mapping.claims));
    let rules = match same {
        Some(rules) => ClaimRules::clone(rules),
        None => ClaimRules::compile(&mapping.claims).inspect_err(|_| *load = counted)?,
    };
    *load = load.and(rules.load());
    Ok(rules)
}

/// What a mapping leads to; nothing where its target went meanwhile or is another tenant's.
fn candidate(
    mapping: &Mapping,
    rules: Result<ClaimRules, String>,
    principals: &HashMap<String, (Known, i64)>,
    teams: &HashMap<String, Arc<KnownTeam>>,
) -> Result<Option<Candidate>, String> {
    let (target, enabled, created_at) = match &mapping.target {
        Target::Principal(id) => match principals.get(id) {
            Some((known, created_at)) if known.tenant_id == mapping.tenant_id => {
                (known.principal.clone(), known.enabled, *created_at)
            }
            _ => return Ok(None),
        },
        Target::Team(id) => match teams.get(id) {
            Some(known) => {
                let (name, id) = (known.team.name.clone(), id.clone());
                (Principal { kind: Kind::Team, name, id }, true, mapping.created_at)
            }
            None => return Ok(None),
        },
    };
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
pub(super) fn new_problems(now: &Catalogue, before: Option<&Catalogue>) -> Vec<String> {
    let known: HashSet<String> = before.iter().flat_map(|before| before.problems()).collect();
    now.problems().filter(|problem| !known.contains(problem)).collect()
}
