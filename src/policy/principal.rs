//! Who a request acts as, and how a token's claims lead there.

use serde::{Deserialize, Serialize};

/// What kind of principal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A person with an account here.
    User,
    /// A named principal that tokens of a trusted issuer map to.
    ExternalIdentity,
    /// A named non-human principal.
    VirtualAccount,
    /// Nobody by name: the token only belongs to a team.
    Team,
}

impl Kind {
    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::ExternalIdentity => "external_identity",
            Self::VirtualAccount => "virtual_account",
            Self::Team => "team",
        }
    }

    /// From its name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::User, Self::ExternalIdentity, Self::VirtualAccount, Self::Team].into_iter().find(|k| k.as_str() == name)
    }
}

/// A principal by kind, name and row id.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Principal {
    /// What kind.
    pub kind: Kind,
    /// A user's e-mail address, anyone else's name.
    pub name: String,
    /// The row's id: what roles are held by.
    pub id: String,
}
