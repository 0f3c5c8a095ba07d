//! `gatehouse directories …`: what a customer's administrator must enter at the source, and the tokens it pushes with.

use clap::{Args, Subcommand};

use super::{Problems, one, say, token::plain};
use crate::{
    app,
    clock::Clock,
    config::Settings,
    directory_token::{Desk, LONGEST, Made, Wanted},
    moment::{Moment, seconds, span},
    policy::{directory::GroupRule, email::Email},
    seal::Sealer,
    store::{
        self, Db,
        audit::Actor,
        directories::{self, Directory},
        directory_tokens::{self, DirectoryToken},
        directory_users::{self, DirectoryUser},
        tenants::Tenant,
    },
    suggest,
};

#[derive(Subcommand)]
pub enum Directories {
    /// List all directories with what they hold and when they last pushed
    List,
    /// Show one: the SCIM Base URL, tokens, rules, and how many users and groups
    Show {
        #[command(flatten)]
        named: Named,
        /// Also the record of this userName or e-mail address: whether its externalId is what the upstream calls the person
        #[arg(long, value_name = "NAME")]
        user: Option<String>,
    },
    /// Make a new token and show it this once; the older ones end
    Token {
        #[command(flatten)]
        named: Named,
        /// How long the older tokens go on: 30m, 24h, 7d
        #[arg(long, value_name = "SPAN", value_parser = duration, default_value = "0s")]
        overlap: i64,
        /// When the new token ends by itself: 90d [default: never]
        #[arg(long, value_name = "SPAN", value_parser = duration)]
        expires_in: Option<i64>,
    },
}

#[derive(Args)]
pub struct Named {
    /// The directory's name
    directory: String,
    /// The tenant, where several have a directory of this name
    #[arg(long, value_name = "NAME")]
    tenant: Option<String>,
}

/// Runs one command.
pub async fn run(settings: &Settings, command: Directories) -> Result<(), Problems> {
    let (db, sealer) = app::open_store(settings).await.map_err(one)?;
    let at = At { db: &db, sealer: &sealer, settings, now: Clock::system().now() };
    let done = match command {
        Directories::List => at.list().await,
        Directories::Show { named, user } => at.show(&named, user.as_deref()).await,
        Directories::Token { named, overlap, expires_in } => at.token(&named, overlap, expires_in).await,
    };
    db.close().await;
    done
}

struct At<'a> {
    db: &'a Db,
    sealer: &'a Sealer,
    settings: &'a Settings,
    now: i64,
}

impl At<'_> {
    async fn list(&self) -> Result<(), Problems> {
        say(format!(
            "{:<16} {:<16} {:<9} {:<16} {:>8} {:>8}  {}",
            "TENANT", "DIRECTORY", "STATE", "CONNECTION", "USERS", "GROUPS", "LAST USED"
        ));
        for (tenant, directory) in self.all().await? {
            let (users, groups) = directories::counts(self.db, &directory.id).await.map_err(one)?;
            let connection = self.connection(&directory).await?;
            let tokens = self.tokens(&directory).await?;
            let used = tokens.iter().filter_map(|t| t.last_used_at).max().map_or_else(|| "never".to_owned(), utc);
            let (state, connection) = (state(&tenant, &directory), connection.as_deref().unwrap_or("-"));
            let (tenant, name) = (&tenant.name, &directory.name);
            say(format!("{tenant:<16} {name:<16} {state:<9} {connection:<16} {users:>8} {groups:>8}  {used}"));
        }
        Ok(())
    }

    async fn show(&self, named: &Named, user: Option<&str>) -> Result<(), Problems> {
        let (tenant, directory) = self.find(named).await?;
        let (users, groups) = directories::counts(self.db, &directory.id).await.map_err(one)?;
        let connection = self.connection(&directory).await?;
        say(format!("directory       {}/{}, {}", tenant.name, directory.name, state(&tenant, &directory)));
        say(format!("SCIM Base URL   {}", self.base()));
        say(format!("connection      {}", connection.as_deref().unwrap_or("none: sign-ins find their users by e-mail only")));
        let domains = if directory.settings.proven_domains_only { "proven ones of the tenant only" } else { "any" };
        say(format!("domains         {domains}"));
        say(format!("users, groups   {users}, {groups}"));
        let rules: Vec<String> = directory.settings.group_rules.iter().map(in_words).collect();
        say(format!("group rules     {}", listed(&rules, "none: each group is a team of its own")));
        let tokens: Vec<String> = self.tokens(&directory).await?.iter().map(|token| self.told(token)).collect();
        say(format!("tokens          {}", listed(&tokens, "none: make one with `gatehouse directories token`")));
        match user {
            Some(name) => self.person(&tenant, &directory, name).await,
            None => Ok(()),
        }
    }

    /// Both ids of one person, side by side: where they differ, whoever signs in is not who was pushed.
    async fn person(&self, tenant: &Tenant, directory: &Directory, name: &str) -> Result<(), Problems> {
        let record = self.record(tenant, directory, name).await?;
        let user = match &record.user_id {
            Some(id) => store::users::find(self.db, id).await.map_err(one)?,
            None => None,
        };
        let whose = user.as_ref().map_or("none: no address that a user could have".to_owned(), |user| {
            format!("{} ({})", user.email.as_str(), if user.active { "active" } else { "deactivated" })
        });
        say(format!("\nuserName        {}", plain(record.user_name())));
        say(format!("SCIM id         {}", record.id));
        say(format!("active          {}", record.active));
        say(format!("user            {whose}"));
        let external_id = record.external_id();
        say(format!("externalId      {}", external_id.map_or("none: map it to the source's unchanging id".to_owned(), plain)));
        let subject = match (&user, &directory.connection_id) {
            (Some(user), Some(connection)) => store::identities::subject(self.db, &user.id, connection).await.map_err(one)?,
            _ => None,
        };
        say(format!(
            "upstream id     {}",
            subject.as_deref().map_or("none: has not signed in over the connection yet".to_owned(), plain)
        ));
        if let (Some(external_id), Some(subject)) = (external_id, &subject) {
            let same = external_id == subject;
            say(format!(
                "they            {}",
                if same { "match" } else { "DIFFER: map externalId to what the connection calls unique_id_claim" }
            ));
        }
        Ok(())
    }

    async fn record(&self, tenant: &Tenant, directory: &Directory, name: &str) -> Result<DirectoryUser, Problems> {
        if let Some(record) = directory_users::find_by_user_name(self.db, &directory.id, name).await.map_err(one)? {
            return Ok(record);
        }
        if let Some(email) = Email::parse(name)
            && let Some(user) = store::users::find_by_email(self.db, &tenant.id, &email).await.map_err(one)?
        {
            let records = directory_users::of_user(self.db, &user.id).await.map_err(one)?;
            if let Some(record) = records.into_iter().find(|record| record.directory_id == directory.id) {
                return Ok(record);
            }
        }
        Err(one(format!(
            "directory {}/{} has no user {name}; give the userName or the e-mail address",
            tenant.name, directory.name
        )))
    }

    async fn token(&self, named: &Named, overlap: i64, expires_in: Option<i64>) -> Result<(), Problems> {
        let (tenant, directory) = self.find(named).await?;
        let (db, sealer, actor) = (self.db, self.sealer, &Actor::command_line());
        let desk = Desk { db, sealer, actor, now: self.now };
        let wanted = Wanted { overlap, expires_in, seen: None };
        let made = desk.make(&tenant, &directory, &wanted).await.map_err(one)?;
        let Some(Made { token, row, ended, of_file }) = made else { return Err(one("another token was made meanwhile")) };
        say(format!("SCIM Base URL   {}", self.base()));
        say(format!("token           {token}"));
        say(format!(
            "The token of directory {}/{} is shown this once; gatehouse keeps only its fingerprint.",
            tenant.name, directory.name
        ));
        if let Some(at) = row.expires_at {
            say(format!("It ends {}.", utc(at)));
        }
        if ended > 0 {
            let when = if overlap == 0 { "now".to_owned() } else { format!("in {}", span(overlap)) };
            say(format!("{ended} older token{} {when}.", if ended == 1 { " ends" } else { "s end" }));
        }
        if of_file {
            say("One of them stands in a declarative file: remove it there, it will not come back to life.");
        }
        Ok(())
    }

    async fn all(&self) -> Result<Vec<(Tenant, Directory)>, Problems> {
        let mut all = Vec::new();
        for tenant in store::tenants::all(self.db).await.map_err(one)? {
            let of = directories::of_tenant(self.db, &tenant.id).await.map_err(one)?;
            all.extend(of.into_iter().map(|directory| (tenant.clone(), directory)));
        }
        Ok(all)
    }

    async fn find(&self, named: &Named) -> Result<(Tenant, Directory), Problems> {
        let name = named.directory.as_str();
        let mut all = self.all().await?;
        all.retain(|(tenant, _)| named.tenant.as_ref().is_none_or(|wanted| tenant.name == *wanted));
        let hint = suggest::hint(name, all.iter().map(|(_, directory)| directory.name.as_str()));
        all.retain(|(_, directory)| directory.name == name);
        match all.len() {
            0 => Err(one(format!("there is no directory {name}{hint}; add it under directories and apply the file"))),
            1 => Ok(all.remove(0)),
            _ => {
                let mut tenants: Vec<&str> = all.iter().map(|(tenant, _)| tenant.name.as_str()).collect();
                tenants.sort_unstable();
                Err(one(format!("several tenants have a directory {name}; say --tenant, one of {}", tenants.join(", "))))
            }
        }
    }

    async fn connection(&self, directory: &Directory) -> Result<Option<String>, Problems> {
        let Some(id) = &directory.connection_id else { return Ok(None) };
        Ok(store::connections::find(self.db, id).await.map_err(one)?.map(|connection| connection.name))
    }

    async fn tokens(&self, directory: &Directory) -> Result<Vec<DirectoryToken>, Problems> {
        directory_tokens::of_directory(self.db, &directory.id).await.map_err(one)
    }

    fn told(&self, token: &DirectoryToken) -> String {
        let source = if token.declared { "given in a file" } else { "made here" };
        let end = match token.expires_at {
            None => "does not end".to_owned(),
            Some(at) if at <= self.now => format!("ENDED {}", utc(at)),
            Some(at) => format!("ends {}", utc(at)),
        };
        let used = token.last_used_at.map_or_else(|| "never used".to_owned(), |at| format!("last used {}", utc(at)));
        format!("{source} {}, {end}, {used}", utc(token.created_at))
    }

    fn base(&self) -> String {
        format!("{}/scim/v2", self.settings.issuer())
    }
}

fn state(tenant: &Tenant, directory: &Directory) -> &'static str {
    if tenant.enabled && directory.enabled { "enabled" } else { "disabled" }
}

fn in_words(rule: &GroupRule) -> String {
    let team = rule.team.as_ref().map(|team| format!("team {team}"));
    let role = rule.role.map_or("{role}", |role| role.as_str());
    let held = rule.resource.as_ref().map(|resource| format!("{role} on {} {}", resource.kind, resource.name));
    let what: Vec<String> = [team, held].into_iter().flatten().collect();
    plain(&format!("{}: {}", rule.group, what.join(", ")))
}

/// One below the other, under a heading of sixteen columns.
fn listed(lines: &[String], none: &str) -> String {
    if lines.is_empty() { none.to_owned() } else { lines.join(&format!("\n{:16}", "")) }
}

/// At most ten years: a longer one is a slip.
fn duration(text: &str) -> Result<i64, String> {
    let span = seconds(text).filter(|span| (0..=LONGEST).contains(span));
    span.ok_or_else(|| "must be a number with s, m, h or d, like 24h".to_owned())
}

fn utc(at: i64) -> String {
    Moment(at).machine()
}
