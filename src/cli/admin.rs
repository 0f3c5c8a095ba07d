//! `gatehouse admin …`: who administers what, and the way in when there is no other.

use clap::{Args, Subcommand};

use super::{Problems, identities::find_tenant, one, say, token::plain};
use crate::{
    admin_link, app,
    clock::Clock,
    config::Settings,
    login,
    moment::Moment,
    policy::{email::Email, provisioning::named},
    seal::Sealer,
    store::{
        Db,
        audit::{self, Action, Actor, Changes, Event},
        tenants::{self, Tenant},
        users::{self, User},
    },
};

#[derive(Subcommand)]
pub enum Admin {
    /// Make somebody an administrator of their tenant, or of the deployment
    ///
    /// Where the tenant has no user with the address, one is made: they sign in over a connection of the tenant that vouches
    /// for the address, or by a link of `gatehouse admin break-glass`.
    Add {
        /// The address
        email: String,
        /// The tenant whose user they are
        #[arg(long, value_name = "NAME")]
        tenant: String,
        /// Of the deployment: every tenant, the signing keys and the audit log
        #[arg(long)]
        platform: bool,
    },
    /// Let somebody be an administrator no more, neither of their tenant nor of the deployment
    Remove {
        #[command(flatten)]
        who: Who,
        /// Also the last one who could administer the deployment or the tenant
        #[arg(long)]
        force: bool,
    },
    /// List all administrators
    List,
    /// Print a link that lets an administrator in once, without a sign-in
    ///
    /// For when the identity provider is down, or was set up wrongly. It is in the audit log, and works for a short time.
    BreakGlass {
        #[command(flatten)]
        who: Who,
        /// How long the link is good for
        #[arg(long, value_name = "NUMBER", default_value_t = 15, value_parser = clap::value_parser!(i64).range(1..=1_440))]
        minutes: i64,
    },
}

#[derive(Args)]
pub struct Who {
    /// Their address
    email: String,
    /// The tenant, where several have an administrator with the address
    #[arg(long, value_name = "NAME")]
    tenant: Option<String>,
}

/// Runs one command.
pub async fn run(settings: &Settings, command: Admin) -> Result<(), Problems> {
    let (db, sealer) = app::open_store(settings).await.map_err(one)?;
    let at = At { db: &db, sealer: &sealer, actor: Actor::command_line(), now: Clock::system().now() };
    let done = match command {
        Admin::Add { email, tenant, platform } => at.add(&email, &tenant, platform).await,
        Admin::Remove { who, force } => at.remove(&who, force).await,
        Admin::List => at.list().await,
        Admin::BreakGlass { who, minutes } => at.break_glass(&settings.issuer(), &who, minutes * 60).await,
    };
    db.close().await;
    done
}

struct At<'a> {
    db: &'a Db,
    sealer: &'a Sealer,
    actor: Actor,
    now: i64,
}

impl At<'_> {
    async fn add(&self, email: &str, tenant: &str, platform: bool) -> Result<(), Problems> {
        let tenant = find_tenant(self.db, tenant).await?;
        let email = Email::parse(email).ok_or_else(|| one(format!("{email:?} is no plain e-mail address")))?;
        let mut tx = self.db.begin().await.map_err(one)?;
        // One after the other, as declarative changes and removals are.
        tenants::lock(&mut tx).await.map_err(one)?;
        let old = users::find_by_email(&mut tx, &tenant.id, &email).await.map_err(one)?;
        if old.as_ref().is_some_and(|user| !user.active) {
            return Err(one(format!("{} of {} is deactivated: activate them first", email.as_str(), tenant.name)));
        }
        let is_new = old.is_none();
        let old = old.unwrap_or_else(|| login::link::new_user(&tenant.id, email, true, None, self.now));
        let new = User { admin: old.admin || !platform, email_proven: true, updated_at: self.now, ..old.clone() };
        let changes = Changes::default();
        let changes = if old.admin == new.admin { changes } else { changes.changed("admin", old.admin, new.admin) };
        let changes = if platform && !old.platform { changes.changed("platform", false, true) } else { changes };
        let label = format!("{} of {}", new.email.as_str(), tenant.name);
        if changes.is_empty() {
            say(format!("{label} was one already"));
            return Ok(());
        }
        match is_new {
            true => drop(users::insert(&mut tx, &new, named()).await.map_err(one)?),
            false => drop(users::update(&mut tx, &new).await.map_err(one)?),
        }
        if platform {
            users::set_platform(&mut tx, &new.id, true, self.now).await.map_err(one)?;
        }
        let changes = if is_new { changes.is("user", "new") } else { changes };
        let subject = format!("user {}/{}", tenant.name, new.email.as_str());
        let event = Event::new(tenant.id.as_str(), Action::Appoint, subject).with(changes);
        audit::append(&mut tx, self.sealer, &self.actor, event, self.now);
        tx.commit().await.map_err(one)?;
        let of = if platform { "the deployment".to_owned() } else { format!("tenant {}", tenant.name) };
        say(format!("{label} administers {of}"));
        if is_new {
            say("They are a new user: they sign in over a connection of the tenant, or once by `gatehouse admin break-glass`.");
        }
        Ok(())
    }

    async fn remove(&self, who: &Who, force: bool) -> Result<(), Problems> {
        let mut tx = self.db.begin().await.map_err(one)?;
        // Of two who are removed at the same time, one waits here for the other.
        tenants::lock(&mut tx).await.map_err(one)?;
        let (tenant, user) = self.find(who).await?;
        users::hold_administrators(&mut tx, &tenant.id).await.map_err(one)?;
        let all = administrators(self.db).await?;
        // Whose organisation is switched off administers nothing.
        let others = || all.iter().filter(|(of, other)| other.id != user.id && other.active && of.enabled);
        let left = others().any(|(_, other)| other.platform);
        if user.platform && !left && !force {
            return Err(one("this is the last administrator of the deployment: make another one first, or say --force"));
        }
        if user.admin && !left && !others().any(|(_, other)| other.tenant_id == user.tenant_id) && !force {
            return Err(one(format!("nobody else administers tenant {}: make another one first, or say --force", tenant.name)));
        }
        let changes = Changes::default();
        let changes = if user.admin { changes.changed("admin", true, false) } else { changes };
        let changes = if user.platform { changes.changed("platform", true, false) } else { changes };
        users::update(&mut tx, &User { admin: false, updated_at: self.now, ..user.clone() }).await.map_err(one)?;
        users::set_platform(&mut tx, &user.id, false, self.now).await.map_err(one)?;
        let subject = format!("user {}/{}", tenant.name, user.email.as_str());
        let event = Event::new(tenant.id.as_str(), Action::Dismiss, subject).with(changes);
        audit::append(&mut tx, self.sealer, &self.actor, event, self.now);
        tx.commit().await.map_err(one)?;
        say(format!("{} of {} administers nothing any more; they are still a user", user.email.as_str(), tenant.name));
        Ok(())
    }

    async fn list(&self) -> Result<(), Problems> {
        say(format!("{:<16} {:<32} {:<12} {:<12} {}", "TENANT", "USER", "OF", "STATE", "NAME"));
        for (tenant, user) in administrators(self.db).await? {
            let of = if user.platform { "deployment" } else { "tenant" };
            let state = if user.active { "active" } else { "deactivated" };
            let name = plain(user.name.as_deref().unwrap_or_default());
            say(format!("{:<16} {:<32} {of:<12} {state:<12} {name}", tenant.name, user.email.as_str()).trim_end());
        }
        Ok(())
    }

    async fn break_glass(&self, issuer: &str, who: &Who, span: i64) -> Result<(), Problems> {
        let (tenant, user) = self.find(who).await?;
        if !user.active || !tenant.enabled {
            return Err(one(format!("{} of {} is deactivated, so no link lets them in", user.email.as_str(), tenant.name)));
        }
        let link = admin_link::break_glass(self.db, self.sealer, issuer, (&self.actor, &user), span, self.now).await;
        let link = link.map_err(one)?;
        let (email, until) = (user.email.as_str(), Moment(self.now + span));
        say(format!("{email} of {} gets in by this link until {until}, once; it is not shown again:", tenant.name));
        say(link);
        Ok(())
    }

    /// The one administrator with the address.
    async fn find(&self, who: &Who) -> Result<(Tenant, User), Problems> {
        let email = Email::parse(&who.email).ok_or_else(|| one(format!("{:?} is no plain e-mail address", who.email)))?;
        if let Some(name) = &who.tenant {
            find_tenant(self.db, name).await?;
        }
        let mut found = administrators(self.db).await?;
        found.retain(|(tenant, user)| user.email == email && who.tenant.as_ref().is_none_or(|name| *name == tenant.name));
        match found.len() {
            0 => Err(one(format!("{} is no administrator; see `gatehouse admin list`", email.as_str()))),
            1 => Ok(found.remove(0)),
            _ => {
                let names: Vec<&str> = found.iter().map(|(tenant, _)| tenant.name.as_str()).collect();
                Err(one(format!(
                    "several tenants have an administrator {}; say --tenant, one of {}",
                    email.as_str(),
                    names.join(", ")
                )))
            }
        }
    }
}

/// All of them, those of the deployment first.
async fn administrators(db: &Db) -> Result<Vec<(Tenant, User)>, Problems> {
    let mut all = Vec::new();
    for user in users::administrators(db).await.map_err(one)? {
        if let Some(tenant) = tenants::find(db, &user.tenant_id).await.map_err(one)? {
            all.push((tenant, user));
        }
    }
    Ok(all)
}
