//! From an identity to a user: does what `verdict` says. Two sign-ins that race for the same identity, address or invite
//! meet at the unique keys and conditional updates, and the loser is judged anew.

use axum::http::StatusCode;

use super::{
    dispatch::Pending,
    invite,
    verdict::{Arrival, Found, Verdict},
};
use crate::{
    app::App,
    error::PageError,
    invitation,
    policy::{
        email::Email,
        identity::{Identity, cut},
        linking::{self, Decision, Refusal, Rules},
    },
    secret,
    session::Visit,
    store::{
        self, StoreError,
        audit::{self, Action, Actor, Changes, Event},
        connections::Connection,
        db::Tx,
        profiles::{self, Readdressed, Source},
        tenants::Tenant,
        users::User,
    },
};

/// The user this identity signs in as; the visit's trace keeps what was decided, and why.
///
/// # Errors
/// A page that says why not.
pub async fn user_of(
    app: &App,
    pending: &Pending,
    connection: &Connection,
    identity: &Identity,
    visit: &Visit,
) -> Result<User, PageError> {
    let arrival = Arrival::new(app, &pending.tenant, connection, identity, pending.login.invite_hash.as_deref());
    let link = Link { arrival: &arrival, address: &visit.address };
    for _ in 0..3 {
        let Some(verdict) = arrival.judge().await? else { continue };
        visit.trace.hop("decided", &[("decision", verdict.word()), ("why", &verdict.why())]);
        if let Some(record) = verdict.left_aside(identity) {
            tracing::warn!(
                record = record.id,
                stands_for = record.user.as_ref().map(|user| user.user_id.as_str()),
                subject = identity.subject,
                "a directory's record has the externalId of an administrator whom it does not stand for: it is left aside"
            );
        }
        if let Some(user) = link.act(&verdict).await? {
            return Ok(user);
        }
    }
    Err(PageError::unavailable("linking kept racing with another sign-in"))
}

/// What is done about an arrival.
struct Link<'a> {
    arrival: &'a Arrival<'a>,
    /// Where it came from.
    address: &'a str,
}

impl Link<'_> {
    /// Does it; `None` when somebody else was faster.
    async fn act(&self, verdict: &Verdict) -> Result<Option<User>, PageError> {
        let Arrival { app, tenant, connection, identity, .. } = self.arrival;
        let (db, now) = (&app.db, app.clock.now());
        match verdict.decision.clone() {
            Decision::SignIn { user_id, record, invite } => {
                // An operator may have unlinked it since it was judged.
                if !store::identities::touch(db, &user_id, &connection.id, identity, now).await?
                    || !self.settle(&user_id, record.as_deref(), invite.as_deref()).await?
                {
                    return Ok(None);
                }
                self.follow(&user_id, &verdict.rules()).await?;
                Ok(store::users::find(db, &user_id).await?)
            }
            Decision::Link { user_id, record, invite, unproven } => {
                let mut tx = db.begin().await?;
                let id = secret::row_id(now);
                store::directory_links::be_alone(&mut tx, &connection.id, &identity.subject).await?;
                if !store::identities::insert(&mut tx, &id, &connection.id, &user_id, identity, now).await?
                    || self.is_overtaken(&mut tx, &verdict.found).await?
                    || !self.settle_in(&mut tx, &user_id, record.as_deref(), invite.as_deref()).await?
                {
                    return Ok(None);
                }
                let by = verdict.linked_by(&user_id);
                let mut changes = self.changes().is("by", by);
                if unproven && profiles::unprove(&mut tx, &user_id, now).await? {
                    changes = changes.changed("email_proven", true, false);
                }
                if let Some(user) = store::users::find(&mut tx, &user_id).await? {
                    if linking::proves(identity, &user.email, &verdict.rules())
                        && profiles::prove(&mut tx, &user_id, &user.email, now).await?
                    {
                        changes = changes.changed("email_proven", false, true);
                    }
                    self.note(&mut tx, &user, Action::Link, changes, now);
                }
                tx.commit().await?;
                tracing::info!(user = user_id, connection = connection.name, by, "identity linked");
                Ok(store::users::find(db, &user_id).await?)
            }
            Decision::Create { email, email_proven, record, invite, admitted } => {
                let user =
                    new_user(&tenant.id, email, email_proven, identity.name.as_deref().map(|name| cut(name).to_owned()), now);
                let mut tx = db.begin().await?;
                let id = secret::row_id(now);
                store::directory_links::be_alone(&mut tx, &connection.id, &identity.subject).await?;
                let made = store::users::insert(&mut tx, &user, admitted).await?
                    && store::identities::insert(&mut tx, &id, &connection.id, &user.id, identity, now).await?
                    && !self.is_overtaken(&mut tx, &verdict.found).await?
                    && claimed(&mut tx, record.as_deref(), &user.id).await?
                    && accepted(&mut tx, app, tenant, invite.as_deref(), &user, self.address).await?;
                if !made {
                    return Ok(None);
                }
                self.note(&mut tx, &user, Action::Create, self.changes().is("email_proven", user.email_proven), now);
                tx.commit().await?;
                let (record, invite) = (record.is_some(), invite.is_some());
                tracing::info!(user = user.id, connection = connection.name, record, invite, "user created at first sign-in");
                Ok(Some(user))
            }
            Decision::Refuse(refusal) => Err(self.refused(refusal, &verdict.found).await),
        }
    }

    /// Whether a directory has got to know this person since it was judged that none does, or another record speaks of them than
    /// was judged by, or an operator's lock: then it is judged anew, or nobody could shut them out.
    async fn is_overtaken(&self, tx: &mut Tx, judged: &Found) -> Result<bool, StoreError> {
        let Arrival { connection, identity, .. } = self.arrival;
        let now = store::directory_links::by_subject(tx, &connection.id, &identity.subject).await?;
        Ok(now.is_some_and(|now| judged.record.as_ref().is_none_or(|was| (&was.id, was.active) != (&now.id, now.active))))
    }

    /// What a sign-in of somebody who is there brings along.
    async fn settle(&self, user_id: &str, record: Option<&str>, invite: Option<&str>) -> Result<bool, StoreError> {
        if record.is_none() && invite.is_none() {
            return Ok(true);
        }
        let mut tx = self.arrival.app.db.begin().await?;
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
            Some(user) => accepted(tx, self.arrival.app, self.arrival.tenant, invite, &user, self.address).await,
            None => Ok(false),
        }
    }

    fn changes(&self) -> Changes {
        let Arrival { connection, identity, .. } = self.arrival;
        let changes = Changes::default().is("connection", connection.name.as_str());
        changes.is("issuer", identity.issuer.as_str()).is("subject", identity.subject.as_str())
    }

    fn note(&self, tx: &mut Tx, user: &User, action: Action, changes: Changes, now: i64) {
        let subject = format!("user {}/{}", self.arrival.tenant.name, user.email.as_str());
        let event = Event::new(user.tenant_id.as_str(), action, subject).with(changes);
        audit::append(tx, &self.arrival.app.sealer, &Actor::person(user, self.address), event, now);
    }

    /// Name and address are the provider's, who says them anew each time; the address that is theirs already is proven by it, also
    /// where a directory has said it.
    async fn follow(&self, user_id: &str, rules: &Rules<'_>) -> Result<(), StoreError> {
        let (db, now) = (&self.arrival.app.db, self.arrival.app.clock.now());
        if let Some(name) = &self.arrival.identity.name {
            profiles::rename(db, Source::SignIn, user_id, cut(name), now).await?;
        }
        let Some(email) = self.arrival.email.as_ref().filter(|email| linking::is_trusted(self.arrival.identity, email, rules))
        else {
            return Ok(());
        };
        let (connection, address) = (&self.arrival.connection.name, email.as_str());
        let is_new = |user: &User| user.email != *email || !user.email_proven;
        let Some(was) = store::users::find(db, user_id).await?.filter(is_new) else { return Ok(()) };
        let mut tx = db.begin().await?;
        if profiles::prove(&mut tx, user_id, email, now).await? {
            let changes = Changes::default().changed("email_proven", false, true);
            self.note(&mut tx, &was, Action::Update, changes.is("connection", connection.as_str()), now);
            tx.commit().await?;
            return Ok(());
        }
        let became = profiles::readdress(&mut tx, Source::SignIn, user_id, email, now).await?;
        if became == Readdressed::Changed {
            let changes = Changes::default().changed("email", was.email.as_str(), address);
            self.note(&mut tx, &was, Action::Update, changes.is("connection", connection.as_str()), now);
            tx.commit().await?;
        }
        match became {
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
        let mut cause =
            format!("connection {}, subject {:?}: {refusal}", self.arrival.connection.name, self.arrival.identity.subject);
        if let Some(hint) = self.arrival.mismatch(found).await {
            cause.push_str("; ");
            cause.push_str(&hint);
        }
        let page = match (refusal, &found.invite) {
            (Refusal::WrongAccount, Some(invite)) => {
                let known = found.owner.as_ref().or(found.record.as_ref().and_then(|r| r.user.as_ref()));
                let signed_in = known.map(|user| &user.email).or(self.arrival.email.as_ref());
                invite::wrong_account(signed_in, &invite.email, cause)
            }
            _ => page(refusal, cause),
        };
        crate::metrics::login(self.arrival.connection.protocol.as_str(), page.kind);
        page
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
        signed_in_at: None,
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
        Refusal::DomainNotAllowed => (
            "domain_not_allowed",
            "This account is not let in",
            "Your organisation's sign-in told us an e-mail address of a domain that may not come in this way. You may have used another account than you meant to.",
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
