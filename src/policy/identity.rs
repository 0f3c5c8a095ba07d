//! What a connection says about a person: the narrow waist between upstream and us.

use serde::{Deserialize, Serialize};

/// Characters of a name that people read: of persons, organisations, applications and buttons.
pub const NAME: usize = 200;

/// Whether a name that somebody types is short enough.
#[must_use]
pub fn fits(name: &str) -> bool {
    name.chars().count() <= NAME
}

/// A name that a provider sends, as much of it as there is room for.
#[must_use]
pub fn cut(name: &str) -> &str {
    name.char_indices().nth(NAME).map_or(name, |(end, _)| &name[..end])
}

/// A person as an identity provider has described them, after the connector has verified every word of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The provider's issuer (OIDC) or entity id (SAML).
    pub issuer: String,
    /// The stable unique id: with connection and issuer the only key of an identity.
    pub subject: String,
    /// The e-mail address, as sent.
    pub email: Option<String>,
    /// Whether the provider vouched for it: JSON `true` in `email_verified`, nothing else (Coder CVE-2026-55076).
    pub email_verified: bool,
    /// The person's name.
    pub name: Option<String>,
    /// Groups; `None` means "not sent", which is not "in no group".
    pub groups: Option<Vec<String>>,
    /// When the provider last saw the person prove who they are (unix seconds), if it said so.
    pub auth_time: Option<i64>,
    /// When the provider wants the session to end (unix seconds), if it said so.
    pub session_until: Option<i64>,
}

/// Whether an e-mail address of a connection may link an identity to an existing user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EmailTrust {
    /// Only with JSON `true` in `email_verified`.
    Verified,
    /// Only within the tenant's proven domains.
    Domain,
    /// Never.
    Never,
}

impl EmailTrust {
    /// The setting's spelling.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::Domain => "domain",
            Self::Never => "never",
        }
    }
}

/// How users of a tenant come to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Provisioning {
    /// At their first sign-in.
    Jit,
    /// When an operator has invited them.
    Invite,
    /// When the tenant's directory has pushed them.
    Scim,
}

impl Provisioning {
    /// The setting's spelling.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Jit => "jit",
            Self::Invite => "invite",
            Self::Scim => "scim",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_cut_between_characters() {
        let long = "\u{e4}".repeat(NAME + 1);
        assert!(!fits(&long) && fits(cut(&long)));
        assert_eq!(cut(&long).chars().count(), NAME);
        for short in ["", "Ada", &"\u{e4}".repeat(NAME)] {
            assert!(fits(short) && cut(short) == short);
        }
    }
}
