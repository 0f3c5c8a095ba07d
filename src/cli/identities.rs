//! `gatehouse identities …`: who external identities are, and the end of one.

use std::collections::HashMap;

use super::{Problems, confirm::agree, one, say};
use crate::{
    app,
    apply::{
        Line, Plan,
        single::{self, Noun, Order, Refusal},
    },
    clock::Clock,
    config::Settings,
    policy::{claim_rules::ClaimRule, principal::Kind},
    store::{
        self, Db,
        audit::Actor,
        db::Tx,
        mappings::{Mapping, Source, Target},
        tenants::Tenant,
    },
    suggest,
};

/// Prints the external identities of one tenant, or of all.
pub async fn list(settings: &Settings, tenant: Option<&str>) -> Result<(), Problems> {
    let (db, _) = app::open_store(settings).await.map_err(one)?;
    let tenants = match tenant {
        Some(name) => vec![find_tenant(&db, name).await?],
        None => store::tenants::all(&db).await.map_err(one)?,
    };
    say(format!("{:<16} {:<24} {:<9} {:<20} {}", "TENANT", "IDENTITY", "STATE", "ISSUER", "CLAIMS"));
    for tenant in tenants {
        let mappings = store::mappings::of_tenant(&db, &tenant.id).await.map_err(one)?;
        let mappings: HashMap<Target, Mapping> = mappings.into_iter().map(|m| (m.target.clone(), m)).collect();
        let sources = sources(&db, &tenant).await?;
        for identity in store::principals::of_tenant(&db, &tenant.id, Kind::ExternalIdentity).await.map_err(one)? {
            let state = if identity.enabled && tenant.enabled { "enabled" } else { "disabled" };
            let mapping = mappings.get(&Target::Principal(identity.id));
            let issuer = mapping.and_then(|m| sources.get(&m.source)).map_or("(deleted)", String::as_str);
            let claims = mapping.map_or_else(|| "no token matches".to_owned(), |m| claims(&m.claims));
            say(format!("{:<16} {:<24} {state:<9} {issuer:<20} {claims}", tenant.name, identity.name));
        }
    }
    db.close().await;
    Ok(())
}

/// Deletes an external identity with every role it holds, once somebody who has read which has agreed.
pub async fn delete(settings: &Settings, tenant: &str, name: &str, yes: bool) -> Result<(), Problems> {
    let (db, sealer) = app::open_store(settings).await.map_err(one)?;
    let tenant = find_tenant(&db, tenant).await?;
    let label = format!("external identity {}/{name}", tenant.name);
    let found = store::principals::find_by_name(&db, &tenant.id, Kind::ExternalIdentity, name).await.map_err(one)?;
    let Some(identity) = found else {
        let all = store::principals::of_tenant(&db, &tenant.id, Kind::ExternalIdentity).await.map_err(one)?;
        let hint = suggest::hint(name, all.iter().map(|i| i.name.as_str()));
        return Err(one(format!("there is no {label}{hint}")));
    };
    let actor = Actor::command_line();
    let order = Order { sealer: &sealer, ahead: None, actor: &actor, platform: true, force: true, now: Clock::system().now() };
    let mut tx = db.begin().await.map_err(one)?;
    let plan = removed(&mut tx, &order, &tenant, &identity.name).await?;
    drop(tx);
    let lost: Vec<String> = plan.deletions().flat_map(Line::lost).collect();
    if lost.is_empty() {
        say(format!("{label} holds no role"));
    } else {
        say(format!("{label} loses every role it holds; give them to others first where they are needed:"));
        lost.iter().for_each(|role| say(format!("  {role}")));
    }
    if !yes {
        agree("Delete it?", "nothing was deleted")?;
    }
    let mut tx = db.begin().await.map_err(one)?;
    removed(&mut tx, &order, &tenant, &identity.name).await?;
    tx.commit().await.map_err(one)?;
    db.close().await;
    say(format!("{label} is deleted: its tokens act as nobody, or as whom another mapping names"));
    Ok(())
}

async fn removed(tx: &mut Tx, order: &Order<'_>, tenant: &Tenant, name: &str) -> Result<Plan, Problems> {
    let plan = single::remove(tx, order, tenant, Noun::ExternalIdentities, name).await;
    plan.map_err(|refusal| match refusal {
        Refusal::Store(e) => one(e),
        _ => one("it was deleted meanwhile"),
    })
}

/// A tenant by its name; a near one is suggested.
pub async fn find_tenant(db: &Db, name: &str) -> Result<Tenant, Problems> {
    if let Some(tenant) = store::tenants::find_by_name(db, name).await.map_err(one)? {
        return Ok(tenant);
    }
    let all = store::tenants::all(db).await.map_err(one)?;
    let hint = suggest::hint(name, all.iter().map(|t| t.name.as_str()));
    Err(one(format!("there is no tenant {name}{hint}")))
}

/// The names of all that tokens of a tenant may come from.
async fn sources(db: &Db, tenant: &Tenant) -> Result<HashMap<Source, String>, Problems> {
    let issuers = store::trusted_issuers::of_tenant(db, &tenant.id).await.map_err(one)?;
    let connections = store::connections::of_tenant(db, &tenant.id).await.map_err(one)?;
    let issuers = issuers.into_iter().map(|i| (Source::Issuer(i.id), i.name));
    Ok(issuers.chain(connections.into_iter().map(|c| (Source::Connection(c.id), c.name))).collect())
}

fn claims(rules: &[ClaimRule]) -> String {
    if rules.is_empty() {
        return "none: every token of the issuer matches".to_owned();
    }
    let values = |rule: &ClaimRule| rule.values.iter().map(ToString::to_string).collect::<Vec<_>>().join(" | ");
    rules
        .iter()
        .map(|rule| format!("{} {} {}", rule.claim, rule.match_type.as_str(), values(rule)))
        .collect::<Vec<_>>()
        .join(", ")
}
