//! `gatehouse tokens …`: the service tokens of the admin API, and new ones for them.

use clap::Subcommand;

use super::{Problems, one, say};
use crate::{
    api_token::Maker,
    app,
    clock::Clock,
    config::Settings,
    moment::Moment,
    store::{
        self,
        audit::Actor,
        tenant_tokens::{self, ServiceToken},
        tenants,
    },
};

#[derive(Subcommand)]
pub enum Tokens {
    /// List the service tokens with their scopes, ends and last use
    List,
    /// Make a new token for one and show it this once; the one before ends at once
    ///
    /// The service must be there: add it under service_tokens in a file, on the admin pages or by the admin API.
    Renew {
        /// The tenant's name
        tenant: String,
        /// The service's name
        name: String,
    },
}

/// Runs one command.
pub async fn run(settings: &Settings, command: Tokens) -> Result<(), Problems> {
    let (db, sealer) = app::open_store(settings).await.map_err(one)?;
    let now = Clock::system().now();
    let done = match command {
        Tokens::List => list(&db, now).await,
        Tokens::Renew { tenant, name } => {
            let actor = Actor::command_line();
            renew(&db, &Maker { sealer: &sealer, actor: &actor, now }, &tenant, &name).await
        }
    };
    db.close().await;
    done
}

async fn list(db: &store::Db, now: i64) -> Result<(), Problems> {
    say(format!("{:<16} {:<20} {:<9} {:<21} {:<21} {}", "TENANT", "SERVICE", "STATE", "ENDS", "LAST USED", "SCOPES"));
    for tenant in tenants::all(db).await.map_err(one)? {
        for token in tenant_tokens::of_tenant(db, &tenant.id).await.map_err(one)? {
            let time = |at: Option<i64>, none: &str| at.map_or_else(|| none.to_owned(), |at| Moment(at).machine());
            let (ends, used) = (time(token.expires_at, "never"), time(token.last_used_at, "never"));
            let (state, scopes) = (state(&token, tenant.enabled, now), token.scopes.words().join(" "));
            say(format!("{:<16} {:<20} {state:<9} {ends:<21} {used:<21} {scopes}", tenant.name, token.name));
        }
    }
    Ok(())
}

fn state(token: &ServiceToken, tenant_enabled: bool, now: i64) -> &'static str {
    match token.refusal(now) {
        _ if token.fingerprint.is_none() => "no token",
        None if tenant_enabled => "enabled",
        Some(_) if token.enabled => "ended",
        _ => "disabled",
    }
}

async fn renew(db: &store::Db, maker: &Maker<'_>, tenant: &str, name: &str) -> Result<(), Problems> {
    let found = tenants::find_by_name(db, tenant).await.map_err(one)?;
    let found = found.ok_or_else(|| one(format!("there is no tenant {tenant}")))?;
    let mut tx = db.begin().await.map_err(one)?;
    tenants::lock(&mut tx).await.map_err(one)?;
    let token = maker.renew(&mut tx, &found, name).await.map_err(one)?;
    let token = token.ok_or_else(|| one(format!("there is no service token {tenant}/{name}; add it under service_tokens")))?;
    tx.commit().await.map_err(one)?;
    say(format!("token           {token}"));
    say(format!("The token of service token {tenant}/{name} is shown this once; gatehouse keeps only its fingerprint."));
    Ok(())
}
