//! Tenants that trust one issuer. A token that is good for several of them is no answer to who names no tenant, and a token
//! may be for several audiences: whoever trusts another tenant's issuer, for whatever audience, may take its answers away.
//! Whoever runs the deployment may want that, and is told where audiences are shared. An administrator of one tenant may not;
//! but of an issuer that serves everybody each may have audiences of its own.

use std::collections::HashMap;

use super::{
    execute::{Result, Work},
    single::{Fault, Found, Order, Refusal},
};
use crate::{
    connector::presets,
    policy::{
        connection::{ConnectionSettings, Protocol},
        public_issuer::is_everybodys,
        site::SiteSettings,
        token_reach::Reach,
        trusted_issuer::IssuerSettings,
    },
    store::{
        StoreError, connections,
        db::Tx,
        sites,
        tenants::{self, Tenant},
        trusted_issuers,
    },
};

use super::desired::TenantFile;

/// What an administrator of a tenant is told, and nothing of whose it is.
const TAKEN: &str =
    "tokens of this issuer are another organisation's here: ask whoever runs this deployment to trust it for yours";

/// The same of an issuer that serves everybody.
const SHARED: &str = "tokens of this issuer for this audience are another organisation's here: choose an audience of your own, or \
                      ask whoever runs this deployment";

/// What they are told who would have all tokens of one.
const WHOLE: &str = "this issuer gives tokens to everybody: name audiences of your own, and no introspection endpoint, or ask \
                     whoever runs this deployment";

/// The same of a site's audience.
const SITE: &str =
    "one of these is another organisation's here: choose an audience of your own, or ask whoever runs this deployment";

/// One that trusts.
struct Trusting {
    tenant_id: String,
    /// What it is, and its name.
    name: String,
    /// Whether the issuer is asked about its tokens: they need a tenant's name anyway.
    asked: bool,
    reach: Vec<Reach>,
}

/// All there are, switched on or not. What cannot be read is somebody's all the same, as far as its issuer is known.
async fn all(tx: &mut Tx) -> std::result::Result<Vec<Trusting>, StoreError> {
    let issuers = trusted_issuers::all(&mut *tx, None).await?.into_iter().map(|row| match row {
        Ok(issuer) => Trusting {
            reach: issuer.settings.reach(),
            asked: issuer.settings.introspection.is_some(),
            tenant_id: issuer.tenant_id,
            name: format!("trusted issuer {}", issuer.name),
        },
        Err(row) => Trusting {
            reach: row.issuer.into_iter().map(|issuer| Reach { issuer, audience: None }).collect(),
            asked: false,
            tenant_id: row.tenant_id,
            name: format!("trusted issuer {}", row.name),
        },
    });
    let issuers: Vec<Trusting> = issuers.collect();
    let serving = connections::serving(&mut *tx, None).await?.into_iter().flatten().map(|connection| Trusting {
        reach: of_connection(&connection.settings),
        asked: false,
        tenant_id: connection.tenant_id,
        name: format!("connection {}", connection.name),
    });
    Ok(issuers.into_iter().chain(serving).collect())
}

pub(super) fn of_connection(settings: &ConnectionSettings) -> Vec<Reach> {
    issuers_of(settings).iter().flat_map(IssuerSettings::reach).collect()
}

/// What a connection that is not offered for sign-in is as issuers.
pub(super) fn issuers_of(settings: &ConnectionSettings) -> Vec<IssuerSettings> {
    let mut settings = settings.clone();
    // One whose preset is unknown serves nobody.
    if presets::apply(&mut settings, Protocol::Oidc).is_err() {
        return Vec::new();
    }
    IssuerSettings::of_connection(&settings)
}

/// Nothing new of the file, which is one thing of the tenant, is another tenant's; `old` is what it was.
pub(super) async fn judge(
    tx: &mut Tx,
    order: &Order<'_>,
    tenant: &Tenant,
    old: Option<&Found>,
    file: &TenantFile,
) -> std::result::Result<(), Refusal> {
    if order.platform {
        return Ok(());
    }
    if audiences_are_anothers(tx, tenant, old, file).await? {
        return Err(Refusal::Faults(vec![Fault::new("resources", SITE)]));
    }
    let before = match old {
        Some(Found::Issuer(old)) => old.settings.reach(),
        Some(Found::Connection(old)) if !old.login_enabled => of_connection(&old.settings),
        _ => Vec::new(),
    };
    let offered = matches!(old, Some(Found::Connection(old)) if old.login_enabled) || old.is_none();
    let serving = file.connections.iter().filter(|c| c.protocol == Protocol::Oidc && !c.login_enabled.unwrap_or(offered));
    let issuers = file.trusted_issuers.iter().map(|issuer| (["issuer", "audience"], issuer.settings.reach()));
    let serving = serving.map(|c| (["oidc.issuer", "oidc.client_id"], of_connection(&c.settings)));
    // What they have been given is theirs, whoever else has it.
    let is_new = |reach: &Reach| !before.iter().any(|before| before.covers(reach));
    let reach = issuers.chain(serving).flat_map(|(paths, all)| all.into_iter().map(move |reach| (paths, reach)));
    let reach: Vec<([&'static str; 2], Reach)> = reach.filter(|(_, reach)| is_new(reach)).collect();
    if reach.is_empty() {
        return Ok(());
    }
    let others = all(tx).await?.into_iter().filter(|other| other.tenant_id != tenant.id);
    let others: Vec<Reach> = others.flat_map(|other| other.reach).collect();
    let mut faults: Vec<Fault> = Vec::new();
    for ([issuer, audience], reach) in &reach {
        let fault = match is_everybodys(&reach.issuer) {
            true if reach.audience.is_none() => Fault::new(*audience, WHOLE),
            true if others.iter().any(|other| other.meets(reach)) => Fault::new(*audience, SHARED),
            false if others.iter().any(|other| other.issuer == reach.issuer) => Fault::new(*issuer, TAKEN),
            _ => continue,
        };
        if !faults.contains(&fault) {
            faults.push(fault);
        }
    }
    if faults.is_empty() { Ok(()) } else { Err(Refusal::Faults(faults)) }
}

/// Whether a client could newly have tokens for a site of another tenant: its service may look at our name and its own alone.
async fn audiences_are_anothers(
    tx: &mut Tx,
    tenant: &Tenant,
    old: Option<&Found>,
    file: &TenantFile,
) -> std::result::Result<bool, StoreError> {
    let before = match old {
        Some(Found::Client(old)) => old.settings.resources.as_slice(),
        _ => &[],
    };
    let asked = file.clients.iter().flat_map(|client| &client.settings.resources);
    let asked: Vec<&String> = asked.filter(|name| !before.contains(name)).collect();
    if asked.is_empty() {
        return Ok(false);
    }
    let sites = sites::all(tx).await?.into_iter().filter(|(site, _)| site.tenant_id != tenant.id);
    Ok(sites.flat_map(|(site, _)| names(site.settings)).any(|theirs| asked.contains(&&theirs)))
}

/// What `aud` may be in tokens for a site: its audience, and the address of each host, which the JWTs name that tell it who is
/// there.
fn names(settings: SiteSettings) -> impl Iterator<Item = String> {
    let SiteSettings { audience, hosts, .. } = settings;
    let origins = hosts.into_iter().flat_map(|host| [format!("https://{host}"), format!("http://{host}")]);
    audience.into_iter().chain(origins)
}

impl Work<'_> {
    /// Warns of every issuer and audience that several tenants trust; of those of one `tenant` alone, where there is one.
    pub async fn rivals(&mut self, tenant: Option<&Tenant>) -> Result {
        let names: HashMap<String, String> = tenants::all(&mut *self.tx).await?.into_iter().map(|t| (t.id, t.name)).collect();
        let mut all = all(self.tx).await?;
        all.retain(|trusting| !self.apart.contains(&trusting.tenant_id));
        let mut by_issuer: HashMap<&str, Vec<(&Trusting, &Reach)>> = HashMap::new();
        for (trusting, reach) in all.iter().flat_map(|t| t.reach.iter().map(move |reach| (t, reach))) {
            by_issuer.entry(&reach.issuer).or_default().push((trusting, reach));
        }
        let mut warnings: Vec<String> = Vec::new();
        for known in by_issuer.values() {
            // The first that each meets stands for all: one line for each, however many there are.
            for (at, (one, reach)) in known.iter().enumerate() {
                let rival = |(other, theirs): &&(&Trusting, &Reach)| {
                    other.tenant_id != one.tenant_id && theirs.meets(reach) && !(one.asked && other.asked)
                };
                let Some((other, _)) = known.iter().take(at).find(rival) else { continue };
                if tenant.is_some_and(|tenant| ![&one.tenant_id, &other.tenant_id].contains(&&tenant.id)) {
                    continue;
                }
                let named = |t: &Trusting| {
                    let (kind, name) = t.name.rsplit_once(' ').unwrap_or(("", &t.name));
                    format!("{kind} {}/{name}", names.get(&t.tenant_id).map_or("", String::as_str))
                };
                warnings.push(format!(
                    "{} and {} both trust {reach}: a caller with such a token must name the tenant",
                    named(other),
                    named(one)
                ));
            }
        }
        warnings.sort();
        warnings.into_iter().for_each(|warning| self.plan.warn(warning));
        Ok(())
    }
}
