//! `gatehouse invites …`: who may come to be a user of a tenant, by the word of whoever runs it.

use super::{Problems, one, say};
use crate::{
    app,
    clock::Clock,
    config::Settings,
    invitation::{Desk, Made, Wanted},
    moment::Moment,
    policy::email::Email,
    seal::Sealer,
    store::{self, Db, audit::Actor, invites::Invite, tenants::Tenant},
    suggest,
};

/// Whom to invite, as it was typed.
#[derive(Debug, clap::Args)]
pub struct Typed {
    /// The tenant's name
    #[arg(long, value_name = "NAME")]
    tenant: String,
    /// The address
    email: String,
    /// The person's name
    #[arg(long)]
    name: Option<String>,
    /// A team to join; may stand several times
    #[arg(long = "team", value_name = "TEAM")]
    teams: Vec<String>,
    /// Who invites, as the mail and the page say it
    #[arg(long, value_name = "TEXT", default_value = "An administrator")]
    by: String,
    /// How long the link is good: 7d, 12h
    #[arg(long, value_name = "TIME", default_value = "7d", value_parser = super::lifetime)]
    expires_in: i64,
}

/// An invite that is there.
#[derive(Debug, clap::Args)]
pub struct Chosen {
    /// The tenant's name
    #[arg(long, value_name = "NAME")]
    tenant: String,
    /// The invite's id, or the address
    invite: String,
}

/// The database, with what inviting needs.
struct Open {
    db: Db,
    sealer: Sealer,
    issuer: String,
    tenant: Tenant,
}

impl Open {
    async fn of(settings: &Settings, tenant: &str) -> Result<Self, Problems> {
        let (db, sealer) = app::open_store(settings).await.map_err(one)?;
        let found = store::tenants::find_by_name(&db, tenant).await.map_err(one)?;
        let Some(found) = found else {
            let all = store::tenants::all(&db).await.map_err(one)?;
            let hint = suggest::hint(tenant, all.iter().map(|t| t.name.as_str()));
            return Err(one(format!("there is no tenant {tenant}{hint}")));
        };
        Ok(Self { db, sealer, issuer: settings.issuer(), tenant: found })
    }

    fn desk(&self, settings: &Settings) -> Desk<'_> {
        Desk::new(&self.db, &self.sealer, settings, Actor::command_line(), &self.issuer, Clock::system().now())
    }

    /// The invite with this id, or else the last one for this address.
    async fn find(&self, invite: &str) -> Result<Invite, Problems> {
        let found = match Email::parse(invite) {
            Some(email) => store::invites::by_email(&self.db, &self.tenant.id, &email).await,
            None => store::invites::find(&self.db, &self.tenant.id, invite).await,
        };
        found.map_err(one)?.ok_or_else(|| one(format!("tenant {} has no invite {invite}", self.tenant.name)))
    }
}

/// Invites somebody.
pub async fn create(settings: &Settings, typed: Typed) -> Result<(), Problems> {
    let open = Open::of(settings, &typed.tenant).await?;
    let wanted = Wanted {
        email: &typed.email,
        name: typed.name.as_deref(),
        teams: &typed.teams,
        by: &typed.by,
        lifetime: typed.expires_in,
    };
    let made = open.desk(settings).invite(&open.tenant, &wanted).await.map_err(one)?;
    open.db.close().await;
    tell(&made);
    Ok(())
}

/// Makes another link.
pub async fn resend(settings: &Settings, chosen: Chosen) -> Result<(), Problems> {
    let open = Open::of(settings, &chosen.tenant).await?;
    let invite = open.find(&chosen.invite).await?;
    let made = open.desk(settings).resend(&open.tenant, &invite.id, crate::invitation::LIFETIME).await.map_err(one)?;
    open.db.close().await;
    tell(&made);
    Ok(())
}

/// Takes one back.
pub async fn revoke(settings: &Settings, chosen: Chosen) -> Result<(), Problems> {
    let open = Open::of(settings, &chosen.tenant).await?;
    let invite = open.find(&chosen.invite).await?;
    open.desk(settings).revoke(&open.tenant, &invite.id).await.map_err(one)?;
    open.db.close().await;
    say(format!("the invite of {} is revoked: its link is dead", invite.email.as_str()));
    Ok(())
}

/// Prints a tenant's invites, the newest first.
pub async fn list(settings: &Settings, tenant: &str) -> Result<(), Problems> {
    let open = Open::of(settings, tenant).await?;
    let now = Clock::system().now();
    say(format!("{:<38} {:<32} {:<9} {:<26} {}", "ID", "ADDRESS", "STATE", "GOOD UNTIL", "MAIL"));
    let mut after: Option<String> = None;
    loop {
        let page = store::invites::of_tenant(&open.db, &open.tenant.id, after.as_deref(), 200).await.map_err(one)?;
        for invite in &page {
            let (state, until) = (invite.state(now).as_str(), Moment(invite.expires_at).to_string());
            let mail = match (invite.mailed, invite.sent_at) {
                (false, _) => "none: the link was shown".to_owned(),
                (true, Some(at)) => format!("handed over {}", Moment(at)),
                (true, None) => "on its way".to_owned(),
            };
            say(format!("{:<38} {:<32} {state:<9} {until:<26} {mail}", invite.id, invite.email.as_str()));
        }
        match page.last() {
            Some(last) if page.len() == 200 => after = Some(last.id.clone()),
            _ => break,
        }
    }
    open.db.close().await;
    Ok(())
}

fn tell(made: &Made) {
    let (email, until) = (made.invite.email.as_str(), Moment(made.invite.expires_at));
    match &made.link {
        None => say(format!("{email} is invited until {until}; a running gatehouse sends the mail")),
        Some(link) => {
            say(format!(
                "{email} is invited until {until}. No relay is set (GATEHOUSE_SMTP_URL), so bring them this link, which"
            ));
            say("works once and is not shown again:");
            say(link);
        }
    }
}
