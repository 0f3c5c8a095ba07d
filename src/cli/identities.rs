//! `gatehouse identities …`: who external identities are, and the end of one.

use std::{
    collections::HashMap,
    io::{self, BufRead as _, IsTerminal as _, Write as _},
};

use super::{Problems, one, say};
use crate::{
    app,
    config::Settings,
    policy::{claim_rules::ClaimRule, principal::Kind},
    store::{
        self, Db,
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
    let (db, _) = app::open_store(settings).await.map_err(one)?;
    let tenant = find_tenant(&db, tenant).await?;
    let label = format!("external identity {}/{name}", tenant.name);
    let found = store::principals::find_by_name(&db, &tenant.id, Kind::ExternalIdentity, name).await.map_err(one)?;
    let Some(identity) = found else {
        let all = store::principals::of_tenant(&db, &tenant.id, Kind::ExternalIdentity).await.map_err(one)?;
        let hint = suggest::hint(name, all.iter().map(|i| i.name.as_str()));
        return Err(one(format!("there is no {label}{hint}")));
    };
    let held = store::resources::held_by(&db, &identity.id).await.map_err(one)?;
    if held.is_empty() {
        say(format!("{label} holds no role"));
    } else {
        say(format!("{label} loses every role it holds; give them to others first where they are needed:"));
        held.iter().for_each(|(kind, name, role)| say(format!("  {} on {kind} {name}", role.as_str())));
    }
    if !yes {
        agree("Delete it?", "nothing was deleted")?;
    }
    store::principals::delete(&db, &identity.id).await.map_err(one)?;
    db.close().await;
    say(format!("{label} is deleted: its tokens act as nobody, or as whom another mapping names"));
    Ok(())
}

/// Asks whoever sits at the terminal; where nobody does, nobody has agreed.
pub fn agree(question: &str, otherwise: &str) -> Result<(), Problems> {
    if !io::stdin().is_terminal() {
        return Err(one(format!("{otherwise}: there is no terminal to ask at; say --yes to agree beforehand")));
    }
    let mut out = io::stdout();
    let asked = write!(out, "{question} [y/N] ").and_then(|()| out.flush());
    let mut answer = String::new();
    asked.and_then(|()| io::stdin().lock().read_line(&mut answer)).map_err(one)?;
    if is_yes(&answer) { Ok(()) } else { Err(one(otherwise)) }
}

fn is_yes(answer: &str) -> bool {
    matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes")
}

async fn find_tenant(db: &Db, name: &str) -> Result<Tenant, Problems> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_clear_yes_is_one() {
        for (answer, yes) in [("y\n", true), ("YES\n", true), ("\n", false), ("", false), ("n\n", false), ("yep\n", false)] {
            assert_eq!(is_yes(answer), yes, "{answer:?}");
        }
    }
}
