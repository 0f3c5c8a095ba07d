//! Who a request acts as.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::{
    error::ApiError,
    oauth::error::{Code, error},
    policy::principal::Principal,
    store::{StoreError, families::Family},
    token::{
        Invalid,
        issue::{AccessClaims, Actor},
    },
};

/// A team by row id and name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Team {
    /// The row's id: what roles are held by.
    pub id: String,
    /// Its name.
    pub name: String,
}

/// The bearer of a token that holds, whose tenant, issuer and principal are all switched on.
#[derive(Clone, Debug)]
pub struct Bearer {
    /// The tenant's row id.
    pub tenant_id: String,
    /// The tenant's name.
    pub tenant: String,
    /// Who it acts as, the best first; several where the issuer's `match` is `all`, none where the token maps to nobody.
    pub principals: Vec<Principal>,
    /// The teams it belongs to.
    pub teams: Vec<Team>,
    /// The same principals and teams as a token exchanged for this one names them, with the mapping that led to each and
    /// its version: empty for a user's token.
    pub acts_as: Vec<Actor>,
    /// The user's id, or the unique id that the foreign issuer gave: it names the person.
    pub subject: String,
    /// The e-mail address, if known.
    pub email: Option<String>,
    /// Whether it is a user's that somebody has vouched for; of a foreign token only its issuer's settings say.
    pub email_proven: bool,
    /// The person's name, if they are a user who has told us; what the token says of it stands in its claims.
    pub name: Option<String>,
    /// `iss` of the token, or of the one that it was exchanged for.
    pub issuer: String,
    /// The foreign source that accepted it (a trusted issuer's or connection's row id); `None`: our own token.
    pub source: Option<String>,
    /// What the token says.
    pub claims: Map<String, Value>,
    /// The claims of our own token.
    pub own: Option<AccessClaims>,
    /// The token family of a user's token.
    pub family: Option<Arc<Family>>,
    /// Whether a user's token was issued to a client of the platform's own (`trusted`).
    pub first_party: bool,
    /// When the token ends (unix seconds), if it says so.
    pub expires_at: Option<i64>,
    /// Until when this judgement may be kept by the node that made it (unix seconds), if the database's revision stays the
    /// same.
    pub fresh_until: i64,
}

impl Bearer {
    /// Everything that roles may be held by: principals and teams, by row id.
    #[must_use]
    pub fn holders(&self) -> Vec<&str> {
        let principals = self.principals.iter().map(|p| p.id.as_str());
        principals.chain(self.teams.iter().map(|t| t.id.as_str())).collect()
    }

    /// The teams here that it belongs to, by name: a user's own, and those that a foreign token maps to. The one answer for the
    /// rules of sites, for what they are told, and for whoever asks who somebody is; what a token calls teams is none of it.
    pub fn team_names(&self) -> impl Iterator<Item = &str> {
        self.teams.iter().map(|team| team.name.as_str())
    }

    /// Whether its token tells what `scope` gives: a user's where it has that, any other always, and so does a sign-in that
    /// stands for no token. What a person has not let a client know, the client's token tells nobody.
    #[must_use]
    pub fn tells(&self, scope: &str) -> bool {
        let own = self.own.as_ref().filter(|_| self.family.is_some());
        own.is_none_or(|own| own.scope.split(' ').any(|word| word == scope))
    }

    /// Who it acts as by name: the best principal, else a team.
    #[must_use]
    pub fn principal(&self) -> Option<Principal> {
        use crate::policy::principal::Kind;
        let team = || self.teams.first().map(|t| Principal { kind: Kind::Team, name: t.name.clone(), id: t.id.clone() });
        self.principals.first().cloned().or_else(team)
    }
}

/// Why a token's bearer is not let in.
#[derive(Debug, thiserror::Error)]
pub enum Denied {
    /// The token does not hold.
    #[error(transparent)]
    Invalid(Invalid),
    /// It holds, but what it stands on is switched off or gone; the text is for the log.
    #[error("{0}")]
    NotActive(String),
    /// Issuers of several tenants accept it, and the caller named none.
    #[error("several tenants accept this token; name one with tenant=")]
    Ambiguous,
    /// The database does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What is kept in memory is too old, and cannot be read anew; the text is for the log.
    #[error("{0}")]
    Unavailable(String),
}

impl From<Invalid> for Denied {
    fn from(invalid: Invalid) -> Self {
        match invalid {
            Invalid::Ambiguous => Self::Ambiguous,
            invalid => Self::Invalid(invalid),
        }
    }
}

impl From<Denied> for ApiError {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::Invalid(invalid) if invalid.is_unasked() => {
                Self::of_others(invalid.to_string(), invalid.detail(), invalid.retry_after())
            }
            Denied::Invalid(invalid @ Invalid::Unnamed) => {
                Self::new(error(Code::InvalidRequest, invalid.to_string()), invalid.detail())
            }
            Denied::Invalid(invalid) => Self::new(error(Code::InvalidToken, invalid.to_string()), invalid.detail()),
            Denied::NotActive(cause) => Self::new(error(Code::InvalidToken, "Token is not active"), cause),
            Denied::Ambiguous => Self::new(error(Code::InvalidRequest, denied.to_string()), ""),
            Denied::Store(e) => e.into(),
            Denied::Unavailable(cause) => Self::unavailable(cause),
        }
    }
}
