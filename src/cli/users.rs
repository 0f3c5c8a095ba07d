//! `gatehouse users …`: who is there, what they have, and the end and return of it.

mod identities;
mod record_links;

use clap::{Args, Subcommand};

use super::{Problems, identities::find_tenant, one, say, token::plain};
use crate::{
    app,
    clock::Clock,
    config::Settings,
    moment::Moment,
    policy::email::Email,
    seal::Sealer,
    store::{
        self, Db,
        audit::Actor,
        dossiers::{self, Pushed, Upstream},
        left_records,
        receipts::Receipt,
        tenants::Tenant,
        users::{self, By, Opened, Opening, ShutOut, User},
    },
};
use record_links::Record;

#[derive(Subcommand)]
pub enum Users {
    /// List users
    List {
        /// Only those of this tenant
        #[arg(long, value_name = "NAME")]
        tenant: Option<String>,
    },
    /// Show one: identities upstream, records in directories, teams and where they come from, sessions
    Show(Who),
    /// Shut one out: sessions, codes, tokens and what nodes remember end at once, and a receipt says what there was
    Deactivate {
        #[command(flatten)]
        who: Who,
        /// Also the last active administrator of the tenant
        #[arg(long)]
        force: bool,
    },
    /// Let one in again, with all teams and roles and none of the old tokens
    Activate(Who),
    /// Link one to a record of a directory
    ///
    /// For a user who was there before the directory, and whom it may not take over by e-mail address alone. If the directory
    /// has no such record yet, one is made, which it then finds by name. From then on it may change the user's name and
    /// address, and shut them out.
    LinkDirectory {
        #[command(flatten)]
        who: Who,
        /// The directory's name
        directory: String,
        /// What the directory calls the person: the upstream's unique id
        #[arg(long, value_name = "ID")]
        external_id: String,
        /// The record's userName, if it is to be made [default: the user's address]
        #[arg(long, value_name = "NAME")]
        user_name: Option<String>,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Give one an identity at a connection's provider: whoever signs in with that unique id is them
    LinkIdentity {
        #[command(flatten)]
        who: Who,
        /// The connection's name
        connection: String,
        /// The unique id at the provider
        #[arg(long, value_name = "ID")]
        subject: String,
        /// Which of the connection's issuers, where it has several
        #[arg(long, value_name = "URL")]
        issuer: Option<String>,
    },
    /// Take the identity that one has on a connection; sessions and tokens end with it
    UnlinkIdentity {
        #[command(flatten)]
        who: Who,
        /// The connection's name
        connection: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// What ended each time one was shut out or deleted
    Receipts(Who),
}

#[derive(Args)]
pub struct Who {
    /// The user's e-mail address or id
    user: String,
    /// The tenant, where several have a user with the address
    #[arg(long, value_name = "NAME")]
    tenant: Option<String>,
}

/// Users read at once.
const PAGE: i64 = 1_000;

/// Runs one command.
pub async fn run(settings: &Settings, command: Users) -> Result<(), Problems> {
    let (db, sealer) = app::open_store(settings).await.map_err(one)?;
    let at = At { db: &db, sealer: &sealer, now: Clock::system().now() };
    let done = match command {
        Users::List { tenant } => at.list(tenant.as_deref()).await,
        Users::Show(who) => at.show(&who).await,
        Users::Deactivate { who, force } => at.deactivate(&who, force).await,
        Users::Activate(who) => at.activate(&who).await,
        Users::LinkDirectory { who, directory, external_id, user_name, yes } => {
            at.link(&who, &directory, Record { external_id, user_name }, yes).await
        }
        Users::LinkIdentity { who, connection, subject, issuer } => {
            at.link_identity(settings, &who, &connection, &subject, issuer.as_deref()).await
        }
        Users::UnlinkIdentity { who, connection, yes } => at.unlink_identity(&who, &connection, yes).await,
        Users::Receipts(who) => at.receipts(&who).await,
    };
    db.close().await;
    done
}

struct At<'a> {
    db: &'a Db,
    sealer: &'a Sealer,
    now: i64,
}

impl At<'_> {
    async fn list(&self, tenant: Option<&str>) -> Result<(), Problems> {
        let tenants = match tenant {
            Some(name) => vec![find_tenant(self.db, name).await?],
            None => store::tenants::all(self.db).await.map_err(one)?,
        };
        say(format!("{:<16} {:<32} {:<16} {:<5} {:<36} {}", "TENANT", "USER", "STATE", "ADMIN", "ID", "NAME"));
        for tenant in tenants {
            let mut after = String::new();
            loop {
                let page = users::page(self.db, &tenant.id, &after, PAGE).await.map_err(one)?;
                for user in &page {
                    let (state, admin) = (state(user), if user.admin { "yes" } else { "" });
                    let name = plain(user.name.as_deref().unwrap_or_default());
                    let (email, id) = (user.email.as_str(), &user.id);
                    say(format!("{:<16} {email:<32} {state:<16} {admin:<5} {id:<36} {name}", tenant.name).trim_end());
                }
                match page.last() {
                    Some(last) => after = last.email.as_str().to_owned(),
                    None => break,
                }
            }
        }
        Ok(())
    }

    async fn show(&self, who: &Who) -> Result<(), Problems> {
        let (tenant, user) = self.find(who).await?;
        let fact = |name: &str, value: &str| say(format!("{name:<12}{}", plain(value)).trim_end());
        fact("user", user.email.as_str());
        fact("id", &user.id);
        fact("tenant", &tenant.name);
        fact("name", user.name.as_deref().unwrap_or_default());
        fact("state", &state(&user));
        fact("address", if user.email_proven { "proven" } else { "not proven" });
        fact("admin", if user.admin { "yes" } else { "no" });
        fact("password", if user.password_hash.is_some() { "set" } else { "none" });
        let upstream = dossiers::upstream(self.db, &user.id).await.map_err(one)?;
        for up in &upstream {
            let email = up.email.as_deref().unwrap_or("no e-mail address");
            let seen = up.seen().map_or_else(|| "never seen".to_owned(), |at| format!("last seen {}", Moment(at)));
            let text = format!("{} by {} (connection {}), {email}, {seen}", up.subject, up.issuer, up.connection);
            fact("identity", &text);
        }
        for pushed in dossiers::records(self.db, &user.id).await.map_err(one)? {
            fact("directory", &in_words(&pushed, &upstream));
        }
        for kept in left_records::kept_for(self.db, &user.id).await.map_err(one)? {
            fact("lock", &format!("externalId {} is refused to others {}", kept.external_id, kept.reach()));
        }
        for membership in dossiers::memberships(self.db, &user.id).await.map_err(one)? {
            let from = match (membership.group_name, membership.directory) {
                (Some(group), Some(directory)) => format!("group {group} of directory {directory}"),
                _ => "by hand".to_owned(),
            };
            fact("team", &format!("{} ({from})", membership.team));
        }
        for session in dossiers::sessions(self.db, &user.id, self.now).await.map_err(one)? {
            fact("session", &format!("from {}, ends {}", Moment(session.created_at), Moment(session.expires_at)));
        }
        Ok(())
    }

    async fn deactivate(&self, who: &Who, force: bool) -> Result<(), Problems> {
        let (tenant, user) = self.find(who).await?;
        let (by, actor, cause) = (By::Operator, &Actor::command_line(), "deactivated");
        let out = ShutOut { user_id: &user.id, by, actor, cause, force, sealer: self.sealer, now: self.now };
        let mut tx = self.db.begin().await.map_err(one)?;
        let receipt = users::shut_out(&mut tx, &out).await.map_err(one)?;
        let receipt = receipt.map_err(|last| one(format!("{last}, or say --force")))?;
        tx.commit().await.map_err(one)?;
        let label = format!("{} of {}", user.email.as_str(), tenant.name);
        match receipt {
            None => say(format!("{label} was deactivated before; only an operator lets them in again now")),
            Some(receipt) => {
                say(format!("{label} is deactivated"));
                say(told(&receipt));
            }
        }
        Ok(())
    }

    async fn activate(&self, who: &Who) -> Result<(), Problems> {
        let (tenant, user) = self.find(who).await?;
        let opening =
            Opening { user_id: &user.id, by: By::Operator, actor: &Actor::command_line(), sealer: self.sealer, now: self.now };
        let mut tx = self.db.begin().await.map_err(one)?;
        let opened = users::open_again(&mut tx, &opening).await.map_err(one)?;
        tx.commit().await.map_err(one)?;
        let label = format!("{} of {}", user.email.as_str(), tenant.name);
        match opened {
            Opened::Open => say(format!("{label} may sign in again; old tokens and sessions stay dead")),
            Opened::Unchanged => say(format!("{label} was active already")),
            Opened::ByDirectory | Opened::ByOperator => {
                return Err(one(format!(
                    "{label} is inactive in a directory, which would be right until it says otherwise: activate them there"
                )));
            }
        }
        Ok(())
    }

    async fn receipts(&self, who: &Who) -> Result<(), Problems> {
        // Also of users who are gone: then there is nobody to find.
        let tenants = self.tenants(who.tenant.as_deref()).await?;
        let mut found = 0;
        for tenant in &tenants {
            let receipts = match Email::parse(&who.user) {
                Some(email) => store::receipts::of_email(self.db, &tenant.id, email.as_str()).await,
                None => store::receipts::of_user(self.db, &tenant.id, &who.user).await,
            };
            for receipt in receipts.map_err(one)? {
                found += 1;
                let Receipt { email, user_id, cause, actor, at, .. } = &receipt;
                say(format!("{}  {email} of {} ({user_id}): {} by {}", Moment(*at), tenant.name, plain(cause), plain(actor)));
                say(told(&receipt));
            }
        }
        if found == 0 {
            self.find(who).await?;
            say("no receipts");
        }
        Ok(())
    }

    async fn tenants(&self, named: Option<&str>) -> Result<Vec<Tenant>, Problems> {
        match named {
            Some(name) => Ok(vec![find_tenant(self.db, name).await?]),
            None => store::tenants::all(self.db).await.map_err(one),
        }
    }

    async fn find(&self, who: &Who) -> Result<(Tenant, User), Problems> {
        let mut found = Vec::new();
        for tenant in self.tenants(who.tenant.as_deref()).await? {
            let user = match Email::parse(&who.user) {
                Some(email) => users::find_by_email(self.db, &tenant.id, &email).await,
                None => users::find(self.db, &who.user).await.map(|user| user.filter(|user| user.tenant_id == tenant.id)),
            };
            found.extend(user.map_err(one)?.map(|user| (tenant, user)));
        }
        if found.len() > 1 {
            let mut names: Vec<&str> = found.iter().map(|(tenant, _)| tenant.name.as_str()).collect();
            names.sort_unstable();
            return Err(one(format!("several tenants have a user {}: say --tenant, one of {}", who.user, names.join(", "))));
        }
        found.pop().ok_or_else(|| one(format!("there is no user {}", plain(&who.user))))
    }
}

fn state(user: &User) -> String {
    match (user.active, user.shut_by) {
        (true, _) => "active".to_owned(),
        (false, by) => format!("out ({})", by.unwrap_or(By::Operator).as_str()),
    }
}

/// A directory's word on the user, and whether its id for them is that of the sign-ins it is to be matched with.
fn in_words(pushed: &Pushed, upstream: &[Upstream]) -> String {
    let Pushed { directory, connection, record } = pushed;
    let subjects = || upstream.iter().filter(|up| connection.as_ref() == Some(&up.connection));
    let external = match record.external_id() {
        None => "no externalId".to_owned(),
        Some(id) if subjects().any(|up| up.subject == id) => format!("externalId {id} (as the identity's)"),
        Some(id) if subjects().next().is_some() => format!("externalId {id} (DIFFERS from the identity's)"),
        Some(id) => format!("externalId {id}"),
    };
    let email = record.email().map_or_else(|| "no e-mail address".to_owned(), |email| email.as_str().to_owned());
    let state = if record.active { "active" } else { "inactive" };
    let made = if record.made_user { "made the user" } else { "linked" };
    format!("{directory}: {external}, {email}, userName {}, {state}, {made}, id {}", record.user_name(), record.id)
}

fn told(receipt: &Receipt) -> String {
    let (ended, held) = (&receipt.ended, &receipt.held);
    let invites = match ended.invites {
        0 => String::new(),
        invites => format!(", {invites} open invites"),
    };
    format!(
        "  ended: {} sessions, {} codes, {} token families, {} site sessions, {} personal tokens{}; {} logouts sent on to clients\n  \
         held: {} teams by hand, {} by groups of a directory; roles on {} resources, by teams on {}",
        ended.sessions,
        ended.codes,
        ended.token_families,
        ended.site_sessions,
        ended.personal_tokens,
        invites,
        ended.logouts,
        held.teams,
        held.directory_teams,
        held.roles,
        held.team_roles
    )
}
