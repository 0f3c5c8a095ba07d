//! What an operator is told of a token: every step, every rule, and what was decided.

use serde::Serialize;

use crate::{
    policy::{claim_rules::Verdict, principal::Principal, role::Role, site::ResourceName},
    token::Step,
};

/// A token, explained.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Whether its bearer is let in, and may do what was asked.
    pub allowed: bool,
    /// Why not: what the caller is told.
    pub error: Option<String>,
    /// And what the log says.
    pub cause: Option<String>,
    /// The tenant's name.
    pub tenant: Option<String>,
    /// Whose token it is.
    pub issuer: Option<Source>,
    /// Whom it is about.
    pub subject: Option<String>,
    /// The e-mail address, if known.
    pub email: Option<String>,
    /// Whether the token itself is accepted, whoever its bearer is then.
    pub accepted: bool,
    /// Whether the issuer vouches for what the token says, by its signature or its answer. If not, anybody may have written
    /// the claims that `mappings` goes by.
    pub proven: bool,
    /// What the validator looked at: also after a step that failed, and the first of those refuses the token.
    pub steps: Vec<Step>,
    /// What it stands on.
    pub standing: Vec<Footing>,
    /// The mappings that were weighed, and of a token that is refused those that would be: those that match first, and of them the best; then the closest.
    pub mappings: Vec<Weighed>,
    /// How many more there are.
    pub more_mappings: usize,
    /// Who it acts as.
    pub principal: Option<Principal>,
    /// Everyone it acts as.
    pub principals: Vec<Principal>,
    /// The teams it belongs to, by name.
    pub teams: Vec<String>,
    /// What these may do.
    pub roles: Vec<Held>,
    /// Whether there are more.
    pub more_roles: bool,
    /// What was asked about.
    pub access: Option<Access>,
}

/// An issuer by kind and name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Source {
    /// `gatehouse`, `trusted_issuer` or `connection`.
    pub kind: &'static str,
    /// Its name; our own is our issuer.
    pub name: String,
}

/// One thing that must be on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Footing {
    /// What.
    pub what: String,
    /// Whether it is.
    pub on: bool,
}

/// A mapping and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Weighed {
    /// Where it leads.
    #[serde(flatten)]
    pub target: Principal,
    /// Whether that is enabled.
    pub enabled: bool,
    /// Whether all its rules hold.
    pub matched: bool,
    /// How many of them do.
    pub score: usize,
    /// Whether it counts.
    pub chosen: bool,
    /// Why.
    pub note: String,
    /// Its rules.
    pub rules: Vec<Verdict>,
}

/// A role, and who holds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Held {
    /// On what.
    pub resource: ResourceName,
    /// Which.
    pub role: Role,
    /// Whose it is: a principal's or team's name.
    pub by: String,
}

/// An answer to what was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Access {
    /// The resource.
    pub resource: ResourceName,
    /// The role that was asked for.
    pub asked: Option<Role>,
    /// The strongest that is held.
    pub role: Option<Role>,
    /// Whether that is enough.
    pub allowed: bool,
}
