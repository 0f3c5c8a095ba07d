//! From an identity to a user: reads what the decision table needs, asks `policy::linking`, and does what it says. Two
//! sign-ins that race for the same identity, address or invite meet at the unique keys and conditional updates, and the
//! loser decides anew.

use axum::http::StatusCode;

use super::{dispatch::Pending, invite};
use crate::{
    app::App,
    connector::presets,
    error::PageError,
    invitation,
    policy::{
        email::Email,
        identity::Identity,
        linking::{self, Candidate, Decision, Invite, Known, Record, Refusal, Rules},
    },
    secret,
    store::{
        self, StoreError,
        audit::{self, Action, Actor, Changes, Event},
        connections::Connection,
        db::Tx,
        invites::State,
        profiles::{self, Readdressed, Source},
        tenants::Tenant,
        users::User,
    },
};

/// The user this identity signs in as; `address` is where they come from.
///
/// # Errors
/// A page that says why not.
pub async fn user_of(
    app: &App,
    pending: &Pending,
    connection: &Connection,
    identity: &Identity,
    address: &str,
) -> Result<User, PageError> {
    let email = identity.email.as_deref().and_then(Email::parse);
    let arrival = Arrival { app, pending, connection, identity, email, address };
    for _ in 0..3 {
        if let Some(user) = arrival.try_once().await? {
            return Ok(user);
        }
    }
    Err(PageError::unavailable("linking kept racing with another sign-in"))
}

/// An identity that has arrived.
struct Arrival<'a> {
    app: &'a App,
    pending: &'a Pending,
    connection: &'a Connection,
    identity: &'a Identity,
    /// Its address, in the form that is compared.
    email: Option<Email>,
    /// Where it came from.
    address: &'a str,
}

/// What the database knows about it: several reads, so that another sign-in of the same person may fall between them.
#[derive(PartialEq)]
struct Found {
    owner: Option<Candidate>,
    record: Option<Record>,
    same_email: Option<Candidate>,
    invite: Option<Invite>,
}

impl Arrival<'_> {
    async fn try_once(&self) -> Result<Option<User>, PageError> {
        let Self { app, pending, connection, identity, .. } = self;
        let (db, now) = (&app.db, app.clock.now());
        let found = self.find().await?;
        let domains = store::domains::of_tenant(db, &pending.tenant.id).await?;
        let rules = Rules {
            email_trust: presets::filled(&connection.settings, connection.protocol).email_trust(),
            domains: &domains,
            provisioning: pending.tenant.provisioning,
        };
        let known = Known {
            owner: found.owner.as_ref(),
            record: found.record.as_ref(),
            same_email: found.same_email.as_ref(),
            invite: found.invite.as_ref(),
        };
        match linking::decide(identity, &known, &rules) {
            Decision::SignIn { user_id, record, invite } => {
                if !self.settle(&user_id, record.as_deref(), invite.as_deref()).await? {
                    return Ok(None);
                }
                store::identities::touch(db, &connection.id, identity, now).await?;
                self.follow(&user_id, &rules).await?;
                Ok(store::users::find(db, &user_id).await?)
            }
            Decision::Link { user_id, record, invite } => {
                let mut tx = db.begin().await?;
                let id = secret::row_id(now);
                if !store::identities::insert(&mut tx, &id, &connection.id, &user_id, identity, now).await?
                    || !self.settle_in(&mut tx, &user_id, record.as_deref(), invite.as_deref()).await?
                {
                    return Ok(None);
                }
                let by = if known.record.is_some_and(|r| r.user.is_some()) { "the directory's externalId" } else { "e-mail" };
                if let Some(user) = store::users::find(&mut tx, &user_id).await? {
                    self.note(&mut tx, &user, Action::Link, self.changes().is("by", by), now);
                }
                tx.commit().await?;
                tracing::info!(user = user_id, connection = connection.name, by, "identity linked");
                Ok(store::users::find(db, &user_id).await?)
            }
            Decision::Create { email, email_proven, record, invite } => {
                let user = new_user(&pending.tenant.id, email, email_proven, identity.name.clone(), now);
                let mut tx = db.begin().await?;
                let id = secret::row_id(now);
                let made = store::users::insert(&mut tx, &user).await?
                    && store::identities::insert(&mut tx, &id, &connection.id, &user.id, identity, now).await?
                    && claimed(&mut tx, record.as_deref(), &user.id).await?
                    && accepted(&mut tx, app, &pending.tenant, invite.as_deref(), &user, self.address).await?;
                if !made {
                    return Ok(None);
                }
                self.note(&mut tx, &user, Action::Create, self.changes().is("email_proven", user.email_proven), now);
                tx.commit().await?;
                let (record, invite) = (record.is_some(), invite.is_some());
                tracing::info!(user = user.id, connection = connection.name, record, invite, "user created at first sign-in");
                Ok(Some(user))
            }
            // Refused is only who is refused by a second look too: somebody whose identity came to be between the reads of
            // the first would be told that another holds their address.
            Decision::Refuse(_) if self.find().await? != found => Ok(None),
            Decision::Refuse(refusal) => Err(self.refused(refusal, &found).await),
        }
    }

    async fn find(&self) -> Result<Found, PageError> {
        let Self { app, pending, connection, identity, email, .. } = self;
        let (db, tenant_id) = (&app.db, pending.tenant.id.as_str());
        // Before the owner: whoever finds it accepted then sees by whom, though it happens at this moment.
        let carried = match &pending.login.invite_hash {
            Some(hash) => store::invites::by_link(db, hash).await?,
            None => None,
        };
        let owner = store::identities::owner(db, &connection.id, &identity.issuer, &identity.subject).await?;
        let record = store::directory_links::by_subject(db, &connection.id, &identity.subject).await?;
        let same_email = match email {
            Some(email) => store::identities::with_email(db, tenant_id, email, &connection.id).await?,
            None => None,
        };
        let invite = match &pending.login.invite_hash {
            Some(_) => self.carried(carried, owner.as_ref())?,
            None => self.open_for_address().await?,
        };
        Ok(Found { owner, record, same_email, invite })
    }

    /// The invite whose link this browser has followed. Whoever has accepted it before may come again.
    fn carried(&self, row: Option<store::invites::Invite>, owner: Option<&Candidate>) -> Result<Option<Invite>, PageError> {
        let now = self.app.clock.now();
        match row {
            Some(row) if row.state(now) == State::Open => Ok(Some(invite::known(&row, true))),
            Some(row) if owner.is_some_and(|owner| row.accepted_by.as_ref() == Some(&owner.user_id)) => Ok(None),
            row => Err(invite::over(row.as_ref(), now)),
        }
    }

    async fn open_for_address(&self) -> Result<Option<Invite>, PageError> {
        let Some(email) = &self.email else { return Ok(None) };
        let row = store::invites::by_email(&self.app.db, &self.pending.tenant.id, email).await?;
        let open = row.filter(|row| row.state(self.app.clock.now()) == State::Open);
        Ok(open.map(|row| invite::known(&row, false)))
    }

    /// What a sign-in of somebody who is there brings along.
    async fn settle(&self, user_id: &str, record: Option<&str>, invite: Option<&str>) -> Result<bool, StoreError> {
        if record.is_none() && invite.is_none() {
            return Ok(true);
        }
        let mut tx = self.app.db.begin().await?;
        let settled = self.settle_in(&mut tx, user_id, record, invite).await?;
        if settled {
            tx.commit().await?;
        }
        Ok(settled)
    }

    async fn settle_in(
        &self,
        tx: &mut Tx,
        user_id: &str,
        record: Option<&str>,
        invite: Option<&str>,
    ) -> Result<bool, StoreError> {
        if let Some(record) = record {
            let claimed = store::directory_links::claim(tx, record, user_id, false).await?;
            // The directory may know this user by another record; then the sign-in goes on without this one. It does not
            // where the record itself has changed since it was read: the directory may have shut its person out.
            if !claimed && !store::directory_links::is_unclaimed(&mut *tx, record).await? {
                return Ok(false);
            }
            tracing::info!(user = user_id, record, claimed, "the directory's record of this sign-in had no user");
        }
        if invite.is_none() {
            return Ok(true);
        }
        match store::users::find(&mut *tx, user_id).await? {
            Some(user) => accepted(tx, self.app, &self.pending.tenant, invite, &user, self.address).await,
            None => Ok(false),
        }
    }

    fn changes(&self) -> Changes {
        let Self { connection, identity, .. } = self;
        let changes = Changes::default().is("connection", connection.name.as_str());
        changes.is("issuer", identity.issuer.as_str()).is("subject", identity.subject.as_str())
    }

    fn note(&self, tx: &mut Tx, user: &User, action: Action, changes: Changes, now: i64) {
        let subject = format!("user {}/{}", self.pending.tenant.name, user.email.as_str());
        let event = Event::new(user.tenant_id.as_str(), action, subject).with(changes);
        audit::append(tx, &self.app.sealer, &Actor::person(user, self.address), event, now);
    }

    /// Name and address are the provider's, who says them anew each time.
    async fn follow(&self, user_id: &str, rules: &Rules<'_>) -> Result<(), StoreError> {
        let (db, now) = (&self.app.db, self.app.clock.now());
        if let Some(name) = &self.identity.name {
            profiles::rename(db, Source::SignIn, user_id, name, now).await?;
        }
        let Some(email) = self.email.as_ref().filter(|email| linking::is_trusted(self.identity, email, rules)) else {
            return Ok(());
        };
        let (connection, address) = (&self.connection.name, email.as_str());
        match profiles::readdress(db, Source::SignIn, user_id, email, now).await? {
            Readdressed::Theirs | Readdressed::Kept => {}
            Readdressed::Changed => tracing::info!(user = user_id, connection, address, "e-mail address follows the provider"),
            Readdressed::Taken => tracing::warn!(
                user = user_id,
                connection,
                address,
                "the provider says another e-mail address, which another user of the tenant has; the old one stays"
            ),
        }
        Ok(())
    }

    async fn refused(&self, refusal: Refusal, found: &Found) -> PageError {
        let mut cause = format!("connection {}, subject {:?}: {refusal}", self.connection.name, self.identity.subject);
        if let Some(hint) = self.mismatch(found).await {
            cause.push_str(&hint);
        }
        let page = match (refusal, &found.invite) {
            (Refusal::WrongAccount, Some(invite)) => {
                let known = found.owner.as_ref().or(found.record.as_ref().and_then(|r| r.user.as_ref()));
                let signed_in = known.map(|user| &user.email).or(self.email.as_ref());
                invite::wrong_account(signed_in, &invite.email, cause)
            }
            _ => page(refusal, cause),
        };
        crate::metrics::login(self.connection.protocol.as_str(), page.kind);
        page
    }

    /// Where the connection's directory knows the address under another id than the one that signed in, the two of them:
    /// that is why the sign-in was not matched, and only whoever runs both sides can mend it.
    async fn mismatch(&self, found: &Found) -> Option<String> {
        let email = self.email.as_ref().filter(|_| found.record.is_none())?;
        let ids = store::directory_links::external_ids(&self.app.db, &self.connection.id, email).await.ok()?;
        if ids.is_empty() {
            return None;
        }
        let ids = ids.iter().map(|id| format!("{id:?}")).collect::<Vec<_>>().join(", ");
        Some(format!(
            "; the connection's directory knows this address under externalId {ids}, and the sign-in's unique id is {:?}: let \
             the connection's unique_id_claim and the directory's externalId be the same attribute",
            self.identity.subject
        ))
    }
}

/// A user who comes to be now.
#[must_use]
pub fn new_user(tenant_id: &str, email: Email, email_proven: bool, name: Option<String>, now: i64) -> User {
    User {
        id: secret::row_id(now),
        tenant_id: tenant_id.to_owned(),
        email,
        email_proven,
        name,
        password_hash: None,
        admin: false,
        platform: false,
        active: true,
        shut_by: None,
        created_at: now,
        updated_at: now,
    }
}

async fn claimed(tx: &mut Tx, record: Option<&str>, user_id: &str) -> Result<bool, StoreError> {
    match record {
        Some(record) => store::directory_links::claim(tx, record, user_id, true).await,
        None => Ok(true),
    }
}

/// Uses an invite up for a user of the tenant who comes from `address`, if there is one to use.
///
/// # Errors
/// What the database says.
pub async fn accepted(
    tx: &mut Tx,
    app: &App,
    tenant: &Tenant,
    invite: Option<&str>,
    user: &User,
    address: &str,
) -> Result<bool, StoreError> {
    let (Some(id), now) = (invite, app.clock.now()) else { return Ok(true) };
    if !store::invites::accept(tx, id, &user.id, now).await? {
        return Ok(false);
    }
    if let Some(invite) = store::invites::find(&mut *tx, &tenant.id, id).await? {
        let event = Event::new(tenant.id.as_str(), Action::Accept, invitation::subject(tenant, &invite));
        let event = event.with(Changes::default().is("invited_by", invite.invited_by).is("user", user.id.as_str()));
        audit::append(tx, &app.sealer, &Actor::person(user, address), event, now);
    }
    Ok(true)
}

/// The page of a refusal.
#[must_use]
pub fn page(refusal: Refusal, cause: String) -> PageError {
    let (kind, title, explanation) = match refusal {
        Refusal::Deactivated => {
            ("deactivated", "Your account is deactivated", "Your account has been deactivated, so you cannot sign in.")
        }
        Refusal::NoEmail | Refusal::BadEmail => (
            "no_email",
            "Your e-mail address is missing",
            "Your organisation's sign-in did not tell us a usable e-mail address, and we need one to know your account.",
        ),
        Refusal::EmailUntrusted => (
            "email_untrusted",
            "Your e-mail address is not confirmed",
            "Your organisation's sign-in did not confirm that the e-mail address is yours.",
        ),
        Refusal::LocalEmailUnproven | Refusal::AlreadyLinked => (
            "link_conflict",
            "This account belongs to another sign-in",
            "An account with your e-mail address exists already, and we cannot be sure that it is yours.",
        ),
        Refusal::WrongAccount => (
            "wrong_account",
            "This invite is for somebody else",
            "The invite that you followed is for another address than the one you signed in with.",
        ),
        Refusal::AddressTaken => (
            "address_taken",
            "You have an account already",
            "An account with the invited address exists already. Sign in with it as usual.",
        ),
        Refusal::NotInvited => (
            "not_invited",
            "You have not been invited",
            "Only people with an invitation can sign in here, and we found none for your e-mail address.",
        ),
        Refusal::NotProvisioned => (
            "not_provisioned",
            "Your account has not been set up",
            "Accounts here are made by your organisation's directory, and yours is not there yet.",
        ),
    };
    PageError::new(StatusCode::FORBIDDEN, kind, title, explanation, cause)
        .advise("Ask your organisation's administrator for help.")
        .known(refusal.cause())
}
