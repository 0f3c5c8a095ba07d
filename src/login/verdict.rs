//! Which user an identity that has arrived belongs to: reads what the decision table needs and asks `policy::linking`. It
//! writes nothing; `link` does what it says, and `trial` shows it.

use super::invite;
use crate::{
    app::App,
    connector::presets,
    error::PageError,
    policy::{
        allowed_domains::AllowedDomains,
        email::Email,
        identity::{EmailTrust, Identity, Provisioning},
        linking::{self, Candidate, Decision, Invite, Known, Record, Rules},
    },
    store::{self, connections::Connection, invites::State, tenants::Tenant},
};

/// An identity that has arrived.
pub struct Arrival<'a> {
    /// The application.
    pub app: &'a App,
    /// Whose connection it is.
    pub tenant: &'a Tenant,
    /// The connection that it came over.
    pub connection: &'a Connection,
    /// Who came.
    pub identity: &'a Identity,
    /// Its address, in the form that is compared.
    pub email: Option<Email>,
    /// The digest of the invite's link that the browser has followed.
    invite_hash: Option<&'a str>,
}

/// What the database knows about it: several reads, so that another sign-in of the same person may fall between them.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// Who holds the identity.
    pub owner: Option<Candidate>,
    /// The directory's record of its subject.
    pub record: Option<Record>,
    /// Who has its address.
    pub same_email: Option<Candidate>,
    /// The invite that the browser carries, or else the one for the address.
    pub invite: Option<Invite>,
}

/// What is to be done about it, and by what that was judged.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// What.
    pub decision: Decision,
    /// What the database knew.
    pub found: Found,
    /// When the connection's addresses count.
    pub email_trust: EmailTrust,
    /// The tenant's proven domains.
    pub domains: Vec<String>,
    /// How the tenant's users come to be.
    pub provisioning: Provisioning,
    /// The domains that the connection lets in.
    pub allowed: AllowedDomains,
}

impl Found {
    fn known(&self) -> Known<'_> {
        Known {
            owner: self.owner.as_ref(),
            record: self.record.as_ref(),
            same_email: self.same_email.as_ref(),
            invite: self.invite.as_ref(),
        }
    }
}

impl Verdict {
    /// The rules that it was judged by.
    #[must_use]
    pub fn rules(&self) -> Rules<'_> {
        let Self { email_trust, domains, provisioning, allowed, .. } = self;
        Rules { email_trust: *email_trust, domains, provisioning: *provisioning, allowed }
    }

    /// The decision in a word.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self.decision {
            Decision::SignIn { .. } => "sign_in",
            Decision::Link { .. } => "link",
            Decision::Create { .. } => "create",
            Decision::Refuse(_) => "refuse",
        }
    }

    /// Why it is this one.
    #[must_use]
    pub fn why(&self) -> String {
        match &self.decision {
            Decision::SignIn { .. } => "This unique id at the provider is theirs already.".to_owned(),
            Decision::Link { user_id, .. } => match self.is_led_to(user_id) {
                true => "The organisation's directory knows the unique id (externalId) as this user's.".to_owned(),
                false => "The address is believed, and this user's address is proven here.".to_owned(),
            },
            Decision::Create { email_proven, record, invite, .. } => {
                let why = match (record, invite) {
                    (Some(_), _) => "the organisation's directory has a record of them",
                    (None, Some(_)) => "the address has an open invite",
                    (None, None) => "the organisation lets people in just in time",
                };
                let proven = if *email_proven { "counts as proven" } else { "does not count as proven" };
                format!("Nobody has the identity or the address yet, and {why}. The address {proven}.")
            }
            Decision::Refuse(refusal) => refusal.to_string(),
        }
    }

    /// By what an identity is linked to a user that nobody held before.
    #[must_use]
    pub fn linked_by(&self, user_id: &str) -> &'static str {
        if self.is_led_to(user_id) { "the directory's externalId" } else { "e-mail" }
    }

    /// The record of the directory that was left aside.
    #[must_use]
    pub fn left_aside(&self, identity: &Identity) -> Option<&Record> {
        linking::left_aside(identity, &self.found.known(), &self.rules())
    }

    fn is_led_to(&self, user_id: &str) -> bool {
        let record = self.found.record.as_ref().filter(|record| record.leads);
        record.and_then(|record| record.user.as_ref()).is_some_and(|user| user.user_id == user_id)
    }
}

impl<'a> Arrival<'a> {
    /// An identity that came over a connection of the tenant, in a browser that may have followed an invite.
    #[must_use]
    pub fn new(
        app: &'a App,
        tenant: &'a Tenant,
        connection: &'a Connection,
        identity: &'a Identity,
        invite_hash: Option<&'a str>,
    ) -> Self {
        let email = identity.email.as_deref().and_then(Email::parse);
        Self { app, tenant, connection, identity, email, invite_hash }
    }

    /// Judges. `None` when another sign-in came between the reads: then it is to be judged anew.
    ///
    /// # Errors
    /// A page: the database does not answer, or the invite that the browser carries is over.
    pub async fn judge(&self) -> Result<Option<Verdict>, PageError> {
        let found = self.find().await?;
        let domains = store::domains::of_tenant(&self.app.db, &self.tenant.id).await?;
        let settings = presets::filled(&self.connection.settings, self.connection.protocol);
        let (email_trust, allowed) = (settings.email_trust(), settings.allowed());
        let provisioning = self.tenant.provisioning;
        let rules = Rules { email_trust, domains: &domains, provisioning, allowed: &allowed };
        let decision = linking::decide(self.identity, &found.known(), &rules);
        // Refused is only who is refused by a second look too: somebody whose identity came to be between the reads of the
        // first would be told that another holds their address.
        if matches!(decision, Decision::Refuse(_)) && self.find().await? != found {
            return Ok(None);
        }
        Ok(Some(Verdict { decision, found, email_trust, domains, provisioning, allowed }))
    }

    async fn find(&self) -> Result<Found, PageError> {
        let Self { app, tenant, connection, identity, email, invite_hash } = self;
        let db = &app.db;
        // Before the owner: whoever finds it accepted then sees by whom, though it happens at this moment.
        let carried = match invite_hash {
            Some(hash) => store::invites::by_link(db, hash).await?,
            None => None,
        };
        let owner = store::identities::owner(db, &connection.id, &identity.issuer, &identity.subject).await?;
        let record = store::directory_links::by_subject(db, &connection.id, &identity.subject).await?;
        let same_email = match email {
            Some(email) => store::identities::with_email(db, &tenant.id, email, &connection.id).await?,
            None => None,
        };
        let invite = match invite_hash {
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
        let row = store::invites::by_email(&self.app.db, &self.tenant.id, email).await?;
        let open = row.filter(|row| row.state(self.app.clock.now()) == State::Open);
        Ok(open.map(|row| invite::known(&row, false)))
    }

    /// Where the connection's directory knows the address under another id than the one that signed in, the two of them:
    /// that is why the sign-in was not matched, and only whoever runs both sides can mend it.
    pub async fn mismatch(&self, found: &Found) -> Option<String> {
        let email = self.email.as_ref().filter(|_| found.record.is_none())?;
        let ids = store::directory_links::external_ids(&self.app.db, &self.connection.id, email).await.ok()?;
        if ids.is_empty() {
            return None;
        }
        let ids = ids.iter().map(|id| format!("{id:?}")).collect::<Vec<_>>().join(", ");
        Some(format!(
            "the connection's directory knows this address under externalId {ids}, and the sign-in's unique id is {:?}: let \
             the connection's unique_id_claim and the directory's externalId be the same attribute",
            self.identity.subject
        ))
    }
}
