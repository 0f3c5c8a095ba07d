//! Which user an identity belongs to: the decision table of sign-in. Linking by e-mail is this product's own biggest
//! risk (nOAuth), so it needs proof on both sides and exactly one user; everything else is refused with its reason.

use super::identity::{EmailTrust, Identity, Provisioning};
use crate::policy::email::Email;

/// What is known about a user who may be meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The user's id.
    pub user_id: String,
    /// Deactivated users are never signed in nor silently reactivated.
    pub active: bool,
    /// Whether an operator or a trusted provider vouched for the user's address.
    pub email_proven: bool,
    /// Whether another identity of the same connection is already theirs.
    pub has_identity_here: bool,
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
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The identity is this user's already.
    SignIn(String),
    /// Give the identity to this user and sign them in.
    Link(String),
    /// Make a user with this address, vouched for by the connection.
    Create(Email),
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
    /// Invite-only.
    #[error("the tenant is invite-only and nobody invited this address")]
    NotInvited,
    /// Only the directory makes users.
    #[error("the tenant's directory has not provisioned this address")]
    NotProvisioned,
}

/// Whether the identity's address may be believed.
#[must_use]
pub fn is_trusted(identity: &Identity, email: &Email, rules: &Rules<'_>) -> bool {
    match rules.email_trust {
        EmailTrust::Verified => identity.email_verified,
        EmailTrust::Domain => rules.domains.iter().any(|d| d == email.domain()),
        EmailTrust::Never => false,
    }
}

/// Decides. `owner` is the user who holds (connection, issuer, subject); `same_email` the tenant's user with the
/// identity's normalised address, if there is one.
#[must_use]
pub fn decide(identity: &Identity, owner: Option<&Candidate>, same_email: Option<&Candidate>, rules: &Rules<'_>) -> Decision {
    if let Some(owner) = owner {
        return if owner.active { Decision::SignIn(owner.user_id.clone()) } else { Decision::Refuse(Refusal::Deactivated) };
    }
    let Some(text) = identity.email.as_deref() else { return Decision::Refuse(Refusal::NoEmail) };
    let Some(email) = Email::parse(text) else { return Decision::Refuse(Refusal::BadEmail) };
    if !is_trusted(identity, &email, rules) {
        return Decision::Refuse(Refusal::EmailUntrusted);
    }
    match same_email {
        Some(user) if !user.active => Decision::Refuse(Refusal::Deactivated),
        Some(user) if !user.email_proven => Decision::Refuse(Refusal::LocalEmailUnproven),
        Some(user) if user.has_identity_here => Decision::Refuse(Refusal::AlreadyLinked),
        Some(user) => Decision::Link(user.user_id.clone()),
        None => match rules.provisioning {
            Provisioning::Jit => Decision::Create(email),
            Provisioning::Invite => Decision::Refuse(Refusal::NotInvited),
            Provisioning::Scim => Decision::Refuse(Refusal::NotProvisioned),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(email: Option<&str>, verified: bool) -> Identity {
        Identity {
            issuer: "https://idp.test".into(),
            subject: "1".into(),
            email: email.map(Into::into),
            email_verified: verified,
            name: None,
            groups: None,
            auth_time: None,
            session_until: None,
        }
    }

    fn user(active: bool, email_proven: bool, has_identity_here: bool) -> Candidate {
        Candidate { user_id: "u".into(), active, email_proven, has_identity_here }
    }

    #[test]
    fn the_table() {
        use Decision::{Create, Link, Refuse, SignIn};
        use EmailTrust::{Domain, Never, Verified};
        use Provisioning::{Invite, Jit, Scim};
        let here = "ada@acme.example";
        let there = "ada@other.example";
        let made = || Create(Email::parse(here).unwrap_or_else(|| unreachable!()));
        let link = || Link("u".into());
        let sign_in = || SignIn("u".into());
        let good = || Some(user(true, true, false));
        #[rustfmt::skip]
        let table = [
            // e-mail, verified, trust, provisioning, owner, same e-mail → decision
            (Some(here), true, Verified, Jit, good(), None, sign_in()),
            (None, false, Never, Scim, good(), None, sign_in()),
            (Some(here), true, Verified, Jit, Some(user(false, true, false)), good(), Refuse(Refusal::Deactivated)),
            (None, true, Verified, Jit, None, None, Refuse(Refusal::NoEmail)),
            (Some("a@b@acme.example"), true, Domain, Jit, None, None, Refuse(Refusal::BadEmail)),
            (Some(here), false, Verified, Jit, None, None, Refuse(Refusal::EmailUntrusted)),
            (Some(here), false, Verified, Jit, None, good(), Refuse(Refusal::EmailUntrusted)),
            (Some(here), true, Never, Jit, None, good(), Refuse(Refusal::EmailUntrusted)),
            (Some(there), true, Domain, Jit, None, good(), Refuse(Refusal::EmailUntrusted)),
            (Some("ada@acme.example.evil.example"), true, Domain, Jit, None, good(), Refuse(Refusal::EmailUntrusted)),
            (Some("ada@sub.acme.example"), true, Domain, Jit, None, good(), Refuse(Refusal::EmailUntrusted)),
            (Some(here), false, Domain, Jit, None, good(), link()),
            (Some(here), true, Verified, Jit, None, good(), link()),
            (Some(here), true, Verified, Invite, None, good(), link()),
            (Some(here), true, Verified, Scim, None, good(), link()),
            (Some(here), true, Verified, Jit, None, Some(user(false, true, false)), Refuse(Refusal::Deactivated)),
            (Some(here), true, Verified, Jit, None, Some(user(true, false, false)), Refuse(Refusal::LocalEmailUnproven)),
            (Some(here), true, Verified, Jit, None, Some(user(true, true, true)), Refuse(Refusal::AlreadyLinked)),
            (Some(here), true, Verified, Jit, None, None, made()),
            (Some(here), true, Verified, Invite, None, None, Refuse(Refusal::NotInvited)),
            (Some(here), true, Verified, Scim, None, None, Refuse(Refusal::NotProvisioned)),
        ];
        let domains = ["acme.example".to_owned()];
        for (row, (email, verified, email_trust, provisioning, owner, same, expected)) in table.into_iter().enumerate() {
            let rules = Rules { email_trust, domains: &domains, provisioning };
            assert_eq!(decide(&identity(email, verified), owner.as_ref(), same.as_ref(), &rules), expected, "row {row}");
        }
    }
}
