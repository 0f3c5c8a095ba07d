//! What an operator says about a site, a service behind forward auth: where it is, who may pass, what it is told.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{claim_rules::ClaimRule, role::Role};

/// The name among a site's issuers that stands for our own tokens.
pub const OURSELVES: &str = "gatehouse";

/// A resource by kind and name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ResourceName {
    /// Its kind (`type` outside), like `model`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its name.
    pub name: String,
}

/// How browsers sign in to a site ("Enable Login").
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Login {
    /// Over us, as this client of the tenant.
    Client(String),
    /// At this trusted issuer, by its OAuth client settings.
    Issuer(String),
}

/// How the site learns who is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ForwardMethod {
    /// `Remote-User`, `Remote-Email`, `Remote-Name`, `Remote-Groups`, `Remote-Subject`, `Remote-Issuer`.
    #[default]
    Headers,
    /// The claims as JSON in one header (`X-User-Claims`).
    ClaimsHeader,
    /// The claims in a short-lived JWT of ours (`X-User-JWT`).
    JwtHeader,
    /// The token as it came (`Authorization`).
    Bearer,
    /// Not at all.
    None,
}

/// What separate headers tell, each one thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fact {
    /// Who it is.
    User,
    /// Their address.
    Email,
    /// What they are called.
    Name,
    /// Their teams.
    Groups,
    /// Whose token it is.
    Subject,
    /// And who gave it.
    Issuer,
}

impl Fact {
    /// All of them, in the order in which they are told.
    pub const ALL: [Self; 6] = [Self::User, Self::Email, Self::Name, Self::Groups, Self::Subject, Self::Issuer];

    /// As the file spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Email => "email",
            Self::Name => "name",
            Self::Groups => "groups",
            Self::Subject => "subject",
            Self::Issuer => "issuer",
        }
    }
}

/// Identity forwarding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Forwarding {
    /// How.
    pub method: ForwardMethod,
    /// The one header of `claims_header` and `jwt_header`, when not the usual one.
    pub header_name: Option<String>,
    /// The headers of `headers`, where they are not the usual ones.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub header_names: BTreeMap<Fact, String>,
    /// Claims that are told besides who it is; empty: the usual ones.
    pub include_claims: Vec<String>,
    /// Seconds that the JWT lives.
    pub jwt_expiry_seconds: i64,
}

impl Default for Forwarding {
    fn default() -> Self {
        Self {
            method: ForwardMethod::Headers,
            header_name: None,
            header_names: BTreeMap::new(),
            include_claims: Vec::new(),
            jwt_expiry_seconds: 300,
        }
    }
}

/// The settings of a site, as stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SiteSettings {
    /// Its hosts in lower case, with the port where it is not the scheme's own.
    pub hosts: Vec<String>,
    /// The beginnings of its paths; empty: all.
    pub paths: Vec<String>,
    /// Beginnings of paths that anybody may reach.
    pub public_paths: Vec<String>,
    /// Whose tokens are accepted: trusted issuers by name, [`OURSELVES`] for our own.
    pub issuers: Vec<String>,
    /// What the claims must be.
    pub claims: Vec<ClaimRule>,
    /// The resource on which a role must be held.
    pub resource: Option<ResourceName>,
    /// That role.
    pub role: Option<Role>,
    /// How browsers sign in; `None`: they do not.
    pub login: Option<Login>,
    /// The site's own name in `aud` (RFC 8707, RFC 9728 `resource`), an absolute URL; our tokens must be for it. `None`:
    /// they must be for us.
    pub audience: Option<String>,
    /// Scopes that our tokens must have, and that the protected-resource metadata names.
    pub scopes: Vec<String>,
    /// What the site is told.
    pub identity: Forwarding,
    /// Whether the access token of the control-plane hops is taken from its cookie, which whoever has a sibling of the host
    /// can set.
    pub access_cookie: bool,
    /// Whether tokens of trusted issuers pass only once they are exchanged for ones of ours, which are for the site's
    /// `audience`, live shortly and end with the mapping that they were made by.
    pub exchanged_only: bool,
}

impl SiteSettings {
    /// Whether what an issuer of this name signs opens it: its tokens, or a sign-in there.
    #[must_use]
    pub fn opens_to(&self, issuer: &str) -> bool {
        let takes = self.issuers.iter().any(|name| name == issuer && name != OURSELVES);
        takes || matches!(&self.login, Some(Login::Issuer(name)) if name == issuer)
    }
}

impl Default for SiteSettings {
    fn default() -> Self {
        Self {
            hosts: Vec::new(),
            paths: Vec::new(),
            public_paths: Vec::new(),
            issuers: Vec::new(),
            claims: Vec::new(),
            resource: None,
            role: None,
            login: None,
            audience: None,
            scopes: Vec::new(),
            identity: Forwarding::default(),
            access_cookie: true,
            exchanged_only: false,
        }
    }
}
