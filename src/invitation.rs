//! Inviting people: made, sent again and taken back, for the command line and for administrators alike.
//!
//! The link is a secret that opens the tenant once, to one address. With a relay it goes into the mail and nowhere else,
//! so that whoever follows it has shown that the mailbox is theirs. Without one it is given to whoever invites, and then it
//! proves nothing of the kind (`Invite::mailed`).

use crate::{
    config::Settings,
    delivery::letter::Invitation,
    login,
    moment::span,
    policy::{email::Email, identity, provisioning::takes_invites},
    seal::Sealer,
    secret,
    store::{
        self, Db, StoreError,
        audit::{self, Action, Actor, Changes, Event},
        db::Tx,
        deliveries::{Kind, New},
        invites::{Invite, State},
        tenants::Tenant,
    },
    suggest,
};

/// Seconds that an invite is good for unless whoever invites says otherwise.
pub const LIFETIME: i64 = 7 * 86_400;
/// The longest that can be said.
pub const LONGEST: i64 = 90 * 86_400;
/// Most links made for one address by one tenant within [`PERIOD`], whatever invites they belong to and whatever follows a plus:
/// nobody's mailbox is filled from here, also not by revoking and inviting anew.
pub const MOST_LINKS: i64 = 10;
/// Seconds in which they are counted, from the first one on.
pub const PERIOD: i64 = 7 * 86_400;

/// Most links made by one tenant within [`DAY`], for whomever.
pub const MOST_OF_TENANT: i64 = 2_000;
/// Seconds in which those are counted.
const DAY: i64 = 86_400;

/// Why there is no invite.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum InviteError {
    #[error("{0:?} is not a plain e-mail address like name@example.com")]
    Email(String),
    #[error("{0} is a user of this tenant already and needs no invite")]
    IsUser(String),
    #[error("{0} is a user of this tenant who is deactivated; an invite revives nobody: activate the user instead")]
    IsDeactivated(String),
    #[error("{0} has an open invite; send it again, or revoke it first")]
    IsInvited(String),
    #[error("the tenant's users come from its directory (provisioning: scim), so nobody can be invited")]
    Directory,
    #[error("there is no team {0}{1}")]
    Team(String, String),
    #[error("a name has at most {} characters", identity::NAME)]
    Name,
    #[error(
        "team {0} was made for a group of a directory, which says who is in it; to invite into a team of this name add the group \
         rule {{group: {0:?}, team: {0:?}}} to the directory, else choose another"
    )]
    Group(String),
    #[error("an invite must be good for at least a minute and at most {}", span(LONGEST))]
    Lifetime,
    #[error("there is no such invite")]
    Unknown,
    #[error("the invite is {}; invite anew", .0.as_str())]
    Over(State),
    #[error("{MOST_LINKS} links were made for this address within {}; the next one can be made in {}", span(PERIOD), span(*.0))]
    TooOften(i64),
    #[error("{MOST_OF_TENANT} links were made for this tenant within a day; the next one can be made in {}", span(*.0))]
    TooMany(i64),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Whom to invite.
#[derive(Clone, Debug)]
pub struct Wanted<'a> {
    /// The address.
    pub email: &'a str,
    /// The name, if it is known.
    pub name: Option<&'a str>,
    /// Names of the teams to join.
    pub teams: &'a [String],
    /// Who invites, in the words that the mail says.
    pub by: &'a str,
    /// Seconds that it is good for.
    pub lifetime: i64,
}

/// An invite with a new link.
#[derive(Clone, Debug)]
pub struct Made {
    /// The invite.
    pub invite: Invite,
    /// The link, where no mail brings it: whoever invites must.
    pub link: Option<String>,
}

/// What inviting stands on.
#[derive(Clone, Debug)]
pub struct Desk<'a> {
    /// The database.
    pub db: &'a Db,
    /// Seals what is on its way.
    pub sealer: &'a Sealer,
    /// Who invites.
    pub actor: Actor,
    /// Our public URL.
    pub issuer: &'a str,
    /// Whether mails are sent.
    pub mails: bool,
    /// Unix seconds.
    pub now: i64,
}

impl<'a> Desk<'a> {
    /// The desk of a deployment.
    #[must_use]
    pub fn new(db: &'a Db, sealer: &'a Sealer, settings: &Settings, actor: Actor, issuer: &'a str, now: i64) -> Self {
        Self { db, sealer, actor, issuer, mails: settings.mail.is_some(), now }
    }

    /// Invites somebody. Where a mail goes out, whoever can is to nudge the deliveries.
    ///
    /// # Errors
    /// Why they are not invited.
    pub async fn invite(&self, tenant: &Tenant, wanted: &Wanted<'_>) -> Result<Made, InviteError> {
        let email = Email::parse(wanted.email).ok_or_else(|| InviteError::Email(wanted.email.to_owned()))?;
        if !(60..=LONGEST).contains(&wanted.lifetime) {
            return Err(InviteError::Lifetime);
        }
        if wanted.name.is_some_and(|name| !identity::fits(name)) {
            return Err(InviteError::Name);
        }
        if !takes_invites(tenant.provisioning) {
            return Err(InviteError::Directory);
        }
        let teams = self.teams(tenant, wanted.teams).await?;
        let mut tx = self.db.begin().await?;
        refuse_users(&mut tx, tenant, &email).await?;
        let token = secret::random();
        let invite = Invite {
            id: secret::row_id(self.now),
            tenant_id: tenant.id.clone(),
            email,
            name: wanted.name.map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned),
            teams,
            mailed: self.mails,
            invited_by: wanted.by.to_owned(),
            sent: 1,
            sent_at: None,
            accepted_at: None,
            accepted_by: None,
            revoked_at: None,
            created_at: self.now,
            expires_at: self.now + wanted.lifetime,
        };
        if !store::invites::insert(&mut tx, &invite, &secret::digest(&token)).await? {
            return Err(InviteError::IsInvited(invite.email.as_str().to_owned()));
        }
        self.count(&mut tx, tenant, &invite.email).await?;
        let link = self.post(&mut tx, tenant, &invite, &token).await?;
        let changes =
            Changes::default().is("expires_at", invite.expires_at).is("mailed", invite.mailed).is("teams", wanted.teams);
        self.note(&mut tx, tenant, &invite, Action::Invite, changes);
        tx.commit().await?;
        tracing::info!(invite = invite.id, tenant = tenant.name, by = invite.invited_by, mailed = invite.mailed, "invited");
        Ok(Made { invite, link })
    }

    /// Makes another link for an invite; the old one is dead.
    ///
    /// # Errors
    /// Why not.
    pub async fn resend(&self, tenant: &Tenant, id: &str, lifetime: i64) -> Result<Made, InviteError> {
        if !(60..=LONGEST).contains(&lifetime) {
            return Err(InviteError::Lifetime);
        }
        if !takes_invites(tenant.provisioning) {
            return Err(InviteError::Directory);
        }
        let mut tx = self.db.begin().await?;
        let invite = store::invites::find(&mut tx, &tenant.id, id).await?.ok_or(InviteError::Unknown)?;
        match invite.state(self.now) {
            State::Open | State::Expired => {}
            over => return Err(InviteError::Over(over)),
        }
        refuse_users(&mut tx, tenant, &invite.email).await?;
        let token = secret::random();
        let expires_at = self.now + lifetime;
        if !store::invites::renew(&mut tx, id, &secret::digest(&token), self.mails, expires_at).await? {
            return Err(InviteError::Unknown);
        }
        self.count(&mut tx, tenant, &invite.email).await?;
        let invite = Invite { mailed: self.mails, sent: invite.sent + 1, sent_at: None, expires_at, ..invite };
        let link = self.post(&mut tx, tenant, &invite, &token).await?;
        let changes = Changes::default().is("expires_at", expires_at).is("mailed", invite.mailed);
        self.note(&mut tx, tenant, &invite, Action::Resend, changes);
        tx.commit().await?;
        tracing::info!(invite = invite.id, tenant = tenant.name, mailed = invite.mailed, "invite sent again");
        Ok(Made { invite, link })
    }

    /// Takes an invite back.
    ///
    /// # Errors
    /// When there is none that could be.
    pub async fn revoke(&self, tenant: &Tenant, id: &str) -> Result<(), InviteError> {
        let mut tx = self.db.begin().await?;
        let revoked = store::invites::revoke(&mut tx, &tenant.id, id, self.now).await?;
        let found = store::invites::find(&mut tx, &tenant.id, id).await?.ok_or(InviteError::Unknown)?;
        if !revoked {
            return Err(InviteError::Over(found.state(self.now)));
        }
        self.note(&mut tx, tenant, &found, Action::Revoke, Changes::default());
        tx.commit().await?;
        tracing::info!(invite = id, tenant = tenant.name, "invite revoked");
        Ok(())
    }

    fn note(&self, tx: &mut Tx, tenant: &Tenant, invite: &Invite, action: Action, changes: Changes) {
        let event = Event::new(tenant.id.as_str(), action, subject(tenant, invite)).with(changes);
        audit::append(tx, self.sealer, &self.actor, event, self.now);
    }

    async fn teams(&self, tenant: &Tenant, names: &[String]) -> Result<Vec<String>, InviteError> {
        let mut ids = Vec::new();
        for name in names {
            match store::teams::find_by_name(self.db, &tenant.id, name).await? {
                // As a file may not: the group's source alone says who belongs to it, and what goes with that.
                Some(team) if team.group_id.is_some() => return Err(InviteError::Group(name.clone())),
                Some(team) => ids.push(team.id),
                None => {
                    let known = store::teams::of_tenant(self.db, &tenant.id).await?;
                    let hint = suggest::hint(name, known.iter().map(|team| team.name.as_str()));
                    return Err(InviteError::Team(name.clone(), hint));
                }
            }
        }
        Ok(ids)
    }

    /// Counts a link to an address, and of the tenant. It counts if the transaction does.
    async fn count(&self, tx: &mut Tx, tenant: &Tenant, email: &Email) -> Result<(), InviteError> {
        let key = self.sealer.fingerprint("throttle/invite", &format!("{}/{}", tenant.id, email.without_tag()));
        let (count, until) = store::throttles::count(&mut *tx, &key, PERIOD, self.now).await?;
        if count > MOST_LINKS {
            return Err(InviteError::TooOften((until - self.now).max(1)));
        }
        let key = self.sealer.fingerprint("throttle/invites", &tenant.id);
        let (count, until) = store::throttles::count(tx, &key, DAY, self.now).await?;
        if count > MOST_OF_TENANT { Err(InviteError::TooMany((until - self.now).max(1))) } else { Ok(()) }
    }

    /// Puts the link on its way, or gives it back where there is none.
    async fn post(&self, tx: &mut Tx, tenant: &Tenant, invite: &Invite, token: &str) -> Result<Option<String>, StoreError> {
        let link = format!("{}{}", self.issuer, login::invite::path(token));
        if !self.mails {
            return Ok(Some(link));
        }
        let invitation = Invitation {
            email: invite.email.as_str().to_owned(),
            name: invite.name.clone().unwrap_or_default(),
            by: invite.invited_by.clone(),
            tenant: tenant.display_name.clone(),
            link,
            token_hash: secret::digest(token),
            expires_at: invite.expires_at,
        };
        // Where one domain's mails are not taken, the others' go on, and so do other tenants' to the same one.
        let receiver = format!("mail of {} to {}", tenant.name, invite.email.domain());
        let new = New { tenant_id: &tenant.id, kind: Kind::Mail, receiver: &receiver };
        store::deliveries::push(tx, self.sealer, &new, &invitation, self.now).await?;
        Ok(None)
    }
}

/// What entries of the audit log call an invite.
#[must_use]
pub fn subject(tenant: &Tenant, invite: &Invite) -> String {
    format!("invite {}/{}", tenant.name, invite.email.as_str())
}

async fn refuse_users(tx: &mut Tx, tenant: &Tenant, email: &Email) -> Result<(), InviteError> {
    match store::users::find_by_email(tx, &tenant.id, email).await? {
        Some(user) if user.active => Err(InviteError::IsUser(email.as_str().to_owned())),
        Some(_) => Err(InviteError::IsDeactivated(email.as_str().to_owned())),
        None => Ok(()),
    }
}
