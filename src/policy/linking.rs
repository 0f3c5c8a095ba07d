//! Which user an identity belongs to: the decision table of sign-in. Linking by e-mail is this product's own biggest
//! risk (nOAuth), so it needs proof on both sides and exactly one user; everything else is refused with its reason.
//!
//! The order: who holds the identity already, whom the connection's directory knows by its stable id, who has the same
//! proven address, and only then whether a new user may be made.

use super::{
    allowed_domains::AllowedDomains,
    cause::Cause,
    identity::{EmailTrust, Identity, Provisioning},
    provisioning::{Admitted, By, admit},
};
use crate::policy::email::Email;

/// What is known about a user who may be meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The user's id.
    pub user_id: String,
    /// The user's address.
    pub email: Email,
    /// Deactivated users are never signed in nor silently reactivated.
    pub active: bool,
    /// Whether an operator or a trusted provider vouched for the user's address.
    pub email_proven: bool,
    /// Whether another identity of the same connection is already theirs.
    pub has_identity_here: bool,
    /// Whether they administer the tenant or the deployment.
    pub administers: bool,
}

/// The one record of the connection's directories whose `externalId` is the identity's subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its row.
    pub id: String,
    /// Whether the directory lets this person in.
    pub active: bool,
    /// Whether its `externalId` may lead to its user: a directory can write any id, so it leads to whom the record itself
    /// has made and who is nobody else yet, or to whom an operator has linked under this very id.
    pub leads: bool,
    /// Whether an operator has linked it under this very id.
    pub pinned: bool,
    /// Whether its directory speaks for addresses of the tenant's proven domains alone.
    pub home_only: bool,
    /// The user it stands for; none as long as the directory has given no address.
    pub user: Option<Candidate>,
}

/// An open invite to the tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invite {
    /// Its row.
    pub id: String,
    /// Who is invited.
    pub email: Email,
    /// Whether the browser came by its link; else it was found by the identity's address.
    pub carried: bool,
    /// Whether its link went nowhere but to that address, so that who carries it has shown that the mailbox is theirs.
    pub mailed: bool,
}

/// What is known when an identity arrives.
#[derive(Clone, Copy, Debug, Default)]
pub struct Known<'a> {
    /// The user who holds (connection, issuer, subject).
    pub owner: Option<&'a Candidate>,
    /// The directory's record of this subject.
    pub record: Option<&'a Record>,
    /// The tenant's user with the identity's normalised address.
    pub same_email: Option<&'a Candidate>,
    /// The invite that the browser carries, or else the open one for the identity's address.
    pub invite: Option<&'a Invite>,
}

/// The connection's and tenant's rules.
#[derive(Clone, Debug)]
pub struct Rules<'a> {
    /// When the connection's e-mail counts.
    pub email_trust: EmailTrust,
    /// The tenant's proven domains, normalised.
    pub domains: &'a [String],
    /// How users come to be.
    pub provisioning: Provisioning,
    /// The domains that the connection lets in.
    pub allowed: &'a AllowedDomains,
}

/// What to do. `record` is the directory's record that stands for the user from now on, `invite` the one that is
/// accepted with it: both by row id, and both in the transaction that does the rest.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are said above")]
pub enum Decision {
    /// The identity is this user's already.
    SignIn { user_id: String, record: Option<String>, invite: Option<String> },
    /// Give the identity to this user and sign them in. `unproven`: their address, which a directory has said of them and the
    /// identity does not, counts as proven no more.
    Link { user_id: String, record: Option<String>, invite: Option<String>, unproven: bool },
    /// Make a user with this address; whether somebody has vouched for it.
    Create { email: Email, email_proven: bool, record: Option<String>, invite: Option<String>, admitted: Admitted },
    /// Refuse.
    Refuse(Refusal),
}

/// Why a sign-in is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The user is deactivated.
    #[error("the user is deactivated")]
    Deactivated,
    /// The provider sent no e-mail address.
    #[error("the identity provider sent no e-mail address; map the connection's email_claim to a claim that it sends")]
    NoEmail,
    /// It is not one that can be compared safely.
    #[error("the e-mail address is not a plain local@domain")]
    BadEmail,
    /// The connection lets in other domains.
    #[error("the e-mail address is in none of the domains that the connection lets in (allowed_domains)")]
    DomainNotAllowed,
    /// The connection's e-mail is not proof.
    #[error(
        "the connection's e-mail address is not proven: email_verified was not true, or its domain is not one of the tenant's (email_trust)"
    )]
    EmailUntrusted,
    /// The local user's address was never proven.
    #[error("a user with this address exists, but the address was never proven on our side; an operator must link the identity")]
    LocalEmailUnproven,
    /// The user already has another identity on this connection.
    #[error(
        "the user with this address is already linked to another identity of this connection; an operator must unlink it first"
    )]
    AlreadyLinked,
    /// The browser came by an invite for somebody else.
    #[error("the invite that the browser came by is for another address than the one that signed in")]
    WrongAccount,
    /// Somebody has the address that was invited.
    #[error("the tenant has a user with the invited address meanwhile")]
    AddressTaken,
    /// Invite-only.
    #[error("the tenant is invite-only and nobody invited this address")]
    NotInvited,
    /// Only the directory makes users.
    #[error("the tenant's directory has not provisioned this address")]
    NotProvisioned,
}

impl Refusal {
    /// The cause by name.
    #[must_use]
    pub fn cause(self) -> Cause {
        match self {
            Self::Deactivated => Cause::Deactivated,
            Self::NoEmail => Cause::EmailMissing,
            Self::BadEmail => Cause::EmailUnusable,
            Self::DomainNotAllowed => Cause::EmailDomain,
            Self::EmailUntrusted => Cause::EmailUnproven,
            Self::LocalEmailUnproven => Cause::UserUnproven,
            Self::AlreadyLinked => Cause::AlreadyLinked,
            Self::WrongAccount => Cause::WrongAccount,
            Self::AddressTaken => Cause::AddressTaken,
            Self::NotInvited => Cause::NotInvited,
            Self::NotProvisioned => Cause::NotProvisioned,
        }
    }
}

/// Whether the identity's address may be believed.
#[must_use]
pub fn is_trusted(identity: &Identity, email: &Email, rules: &Rules<'_>) -> bool {
    match rules.email_trust {
        EmailTrust::Verified => identity.email_verified,
        EmailTrust::Domain => rules.is_home(email),
        EmailTrust::Never => false,
    }
}

/// Whether the identity says that this address is its own, and may be believed: whoever signs in with it has proven it, as they
/// would have if they came to be by that sign-in.
#[must_use]
pub fn proves(identity: &Identity, address: &Email, rules: &Rules<'_>) -> bool {
    let own = identity.email.as_deref().and_then(Email::parse);
    own.is_some_and(|own| own == *address && is_trusted(identity, &own, rules))
}

impl Rules<'_> {
    /// Whether the address is of a domain that the tenant has proven.
    fn is_home(&self, email: &Email) -> bool {
        self.domains.iter().any(|domain| domain == email.domain())
    }
}

/// Why the connection lets nobody in with this identity, whoever they are here: known or not, by whatever proof. Where it
/// names domains, an identity without an address of theirs is not let in.
fn kept_out(identity: &Identity, rules: &Rules<'_>) -> Option<Refusal> {
    if !rules.allowed.restrict() {
        return None;
    }
    let Some(text) = identity.email.as_deref() else { return Some(Refusal::NoEmail) };
    let Some(email) = Email::parse(text) else { return Some(Refusal::BadEmail) };
    (!rules.allowed.admit(&email)).then_some(Refusal::DomainNotAllowed)
}

/// Whether a new user's address counts as proven without a provider's word for it: whoever was shown a link may not be
/// whose address it names, in a domain of the tenant or not.
fn vouched(invite: Option<&Invite>) -> bool {
    invite.is_some_and(|invite| invite.carried && invite.mailed)
}

/// The record that is left aside, whatever it says: it would make an administrator who has not signed in over the connection
/// yet somebody else, or keep them out. A directory can write any id, theirs too, and who administers a tenant is shut out by
/// `users::shut_out` alone, which asks whether they are the last. An operator's own word for a record counts.
#[must_use]
pub fn left_aside<'a>(identity: &Identity, known: &Known<'a>, rules: &Rules<'_>) -> Option<&'a Record> {
    let record = known.record.filter(|record| known.owner.is_none() && !record.pinned)?;
    let theirs = known.same_email.filter(|user| user.administers && user.email_proven)?;
    let is_elsewhere = match &record.user {
        Some(user) => user.user_id != theirs.user_id,
        None => !record.active,
    };
    (is_elsewhere && is_trusted(identity, &theirs.email, rules)).then_some(record)
}

/// Decides.
#[must_use]
pub fn decide(identity: &Identity, known: &Known<'_>, rules: &Rules<'_>) -> Decision {
    use Decision::{Create, Link, Refuse, SignIn};
    if let Some(refusal) = kept_out(identity, rules) {
        return Refuse(refusal);
    }
    let heard = Known { record: known.record.filter(|_| left_aside(identity, known, rules).is_none()), ..*known };
    let known = &heard;
    // A record without a user is the person's own, known by the stable id: what the directory says of it counts.
    let unclaimed = known.record.filter(|record| record.user.is_none());
    let record = unclaimed.map(|record| record.id.clone());
    let is_off = known.record.is_some_and(|record| !record.active && known.may_be_of(record));
    if let Some(owner) = known.owner {
        return match known.accepted_by(owner) {
            _ if !owner.active || is_off => Refuse(Refusal::Deactivated),
            Ok(invite) => SignIn { user_id: owner.user_id.clone(), record, invite },
            Err(refusal) => Refuse(refusal),
        };
    }
    if is_off {
        return Refuse(Refusal::Deactivated);
    }
    if let Some((record, user)) =
        known.record.filter(|record| record.leads).and_then(|record| Some((record, record.user.as_ref()?)))
    {
        let unproven = !record.pinned && !proves(identity, &user.email, rules);
        return match known.accepted_by(user) {
            _ if !user.active => Refuse(Refusal::Deactivated),
            _ if user.has_identity_here => Refuse(Refusal::AlreadyLinked),
            Ok(invite) => Link { user_id: user.user_id.clone(), record: None, invite, unproven },
            Err(refusal) => Refuse(refusal),
        };
    }
    let Some(text) = identity.email.as_deref() else { return Refuse(Refusal::NoEmail) };
    let Some(email) = Email::parse(text) else { return Refuse(Refusal::BadEmail) };
    let carried = known.invite.filter(|invite| invite.carried);
    if carried.is_some_and(|invite| invite.email != email) {
        return Refuse(Refusal::WrongAccount);
    }
    let trusted = is_trusted(identity, &email, rules);
    match known.same_email {
        // A link that was followed opens the tenant to a new user. It never hands over a user who is there.
        _ if !trusted && (carried.is_none() || known.same_email.is_some()) => Refuse(Refusal::EmailUntrusted),
        Some(user) if !user.active => Refuse(Refusal::Deactivated),
        Some(user) if !user.email_proven => Refuse(Refusal::LocalEmailUnproven),
        Some(user) if user.has_identity_here => Refuse(Refusal::AlreadyLinked),
        Some(user) => {
            let invite = carried.map(|invite| invite.id.clone());
            Link { user_id: user.user_id.clone(), record, invite, unproven: false }
        }
        // A record that left the address out speaks for no other than one that says it.
        None => {
            match admit(rules.provisioning, known.spoken_for(unclaimed.is_some_and(|r| !r.home_only || rules.is_home(&email)))) {
                Err(refusal) => Refuse(refusal),
                Ok(admitted) => Create {
                    email_proven: trusted || vouched(known.invite),
                    email,
                    record,
                    invite: known.invite.map(|invite| invite.id.clone()),
                    admitted,
                },
            }
        }
    }
}

impl Known<'_> {
    /// What speaks for whom nobody is yet.
    fn spoken_for(&self, has_record: bool) -> By {
        let invited = self.invite.is_some();
        if has_record { By::Directory { invited } } else { By::Themselves { invited } }
    }

    /// Whether a record with this identity's stable id says anything of its person. It does if it stands for nobody yet or for
    /// who signs in; standing for somebody else it says nothing of who has the identity or the address: a directory can write
    /// any id, and would keep out whom it likes.
    fn may_be_of(&self, record: &Record) -> bool {
        let led_to = record.user.as_ref().filter(|_| record.leads);
        let meant = self.owner.or(led_to).or(self.same_email).map(|user| &user.user_id);
        record.user.as_ref().is_none_or(|user| meant.is_none_or(|meant| *meant == user.user_id))
    }

    /// The invite that `user`, who is known by more than an address, accepts with this sign-in.
    fn accepted_by(&self, user: &Candidate) -> Result<Option<String>, Refusal> {
        match self.invite.filter(|invite| invite.carried) {
            None => Ok(None),
            Some(invite) if invite.email == user.email => Ok(Some(invite.id.clone())),
            Some(_) => Err(Refusal::WrongAccount),
        }
    }
}

/// Decides about somebody who came by `invite` and chose a password: nobody but the mail vouches for the address.
#[must_use]
pub fn decide_password(invite: &Invite, same_email: Option<&Candidate>, rules: &Rules<'_>) -> Decision {
    match same_email {
        Some(user) if !user.active => Decision::Refuse(Refusal::Deactivated),
        Some(_) => Decision::Refuse(Refusal::AddressTaken),
        None => match admit(rules.provisioning, By::Themselves { invited: true }) {
            Err(refusal) => Decision::Refuse(refusal),
            Ok(admitted) => Decision::Create {
                email: invite.email.clone(),
                email_proven: vouched(Some(invite)),
                record: None,
                invite: Some(invite.id.clone()),
                admitted,
            },
        },
    }
}

#[cfg(test)]
#[path = "linking_tests.rs"]
mod tests;
