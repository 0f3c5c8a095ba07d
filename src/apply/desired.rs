//! What a file asks for, read and judged as far as that goes without the database.

use super::{sso::RequireSso, yaml::At};
use crate::{
    oauth::client::ClientSettings,
    policy::{
        api_scope::ApiScopes,
        claim_rules::ClaimRule,
        connection::{ConnectionSettings, Protocol},
        directory::DirectorySettings,
        email::Email,
        identity::Provisioning,
        principal::Kind,
        role::Role,
        site::{ResourceName, SiteSettings},
        trusted_issuer::{IssuerSecrets, IssuerSettings},
    },
    store::tenants::Tenant,
};

/// A secret of which nothing is stored that it could be read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Secret {
    Said(String),
    /// The stored one: nobody has said another.
    Kept,
}

pub struct TenantFile {
    pub at: At,
    pub name: String,
    pub display_name: String,
    pub domains: Vec<(At, String)>,
    pub provisioning: Provisioning,
    pub enabled: Option<bool>,
    /// Where it stands, and what is said.
    pub password_login: Option<(At, bool)>,
    /// Where it stands, and what is said.
    pub require_sso: Option<(At, RequireSso)>,
    pub access_token_lifetime: Option<i64>,
    pub refresh_token_lifetime: Option<i64>,
    pub connections: Vec<ConnectionFile>,
    pub trusted_issuers: Vec<IssuerFile>,
    pub principals: Vec<PrincipalFile>,
    pub clients: Vec<ClientFile>,
    pub users: Vec<UserFile>,
    pub teams: Vec<TeamFile>,
    pub directories: Vec<DirectoryFile>,
    pub service_tokens: Vec<ServiceTokenFile>,
    pub resources: Vec<ResourceFile>,
    pub sites: Vec<SiteFile>,
}

impl TenantFile {
    /// The tenant as it is, with nothing of its own.
    pub fn bare(tenant: &Tenant, at: At) -> Self {
        Self {
            at,
            name: tenant.name.clone(),
            display_name: tenant.display_name.clone(),
            domains: Vec::new(),
            provisioning: tenant.provisioning,
            enabled: None,
            password_login: None,
            require_sso: None,
            access_token_lifetime: tenant.access_token_lifetime,
            refresh_token_lifetime: tenant.refresh_token_lifetime,
            connections: Vec::new(),
            trusted_issuers: Vec::new(),
            principals: Vec::new(),
            clients: Vec::new(),
            users: Vec::new(),
            teams: Vec::new(),
            directories: Vec::new(),
            service_tokens: Vec::new(),
            resources: Vec::new(),
            sites: Vec::new(),
        }
    }
}

pub struct ConnectionFile {
    pub at: At,
    pub name: String,
    pub protocol: Protocol,
    pub enabled: Option<bool>,
    pub login_enabled: Option<bool>,
    pub settings: ConnectionSettings,
    pub secret: Option<String>,
    /// Where the client and the address of sign-ins begun at the provider stand.
    pub landing: (At, At),
}

pub struct ClientFile {
    pub at: At,
    pub id: String,
    pub name: String,
    pub secret: Option<Secret>,
    pub trusted: bool,
    pub enabled: Option<bool>,
    pub settings: ClientSettings,
    pub uris_at: At,
}

pub struct UserFile {
    pub at: At,
    pub email: Email,
    pub name: Option<String>,
    pub password: Option<String>,
    /// The password that they have is taken away.
    pub password_goes: bool,
    pub admin: bool,
    pub active: Option<bool>,
    pub active_at: At,
}

pub struct TeamFile {
    pub at: At,
    pub name: String,
    /// Nothing: it is not said.
    pub members: Option<Vec<(At, Email)>>,
    /// Whose bearers belong to it.
    pub tokens: Vec<TokensFile>,
}

pub struct DirectoryFile {
    pub at: At,
    pub name: String,
    /// Where it stands, and its name.
    pub connection: Option<(At, String)>,
    pub token: Option<(At, Secret)>,
    /// Seconds that the tokens before a new one go on.
    pub overlap: i64,
    pub enabled: Option<bool>,
    pub settings: DirectorySettings,
}

pub struct ServiceTokenFile {
    pub at: At,
    pub name: String,
    pub token: Option<(At, Secret)>,
    pub enabled: Option<bool>,
    pub scopes: ApiScopes,
    /// Unix seconds.
    pub expires_at: Option<i64>,
}

pub struct IssuerFile {
    pub at: At,
    pub name: String,
    pub enabled: Option<bool>,
    pub settings: IssuerSettings,
    pub secrets: IssuerSecrets,
}

/// An external identity or a virtual account.
pub struct PrincipalFile {
    pub at: At,
    pub kind: Kind,
    pub name: String,
    pub enabled: Option<bool>,
    /// The tokens that act as it; none: a virtual account that only its client acts as.
    pub tokens: Option<TokensFile>,
}

/// Which tokens lead to somebody.
pub struct TokensFile {
    /// Where the issuer stands.
    pub at: At,
    /// A trusted issuer or connection by name.
    pub issuer: String,
    pub claims: Vec<ClaimRule>,
}

pub struct ResourceFile {
    pub at: At,
    pub name: ResourceName,
    pub collaborators: Vec<CollaboratorFile>,
}

pub struct CollaboratorFile {
    pub at: At,
    pub kind: Kind,
    pub name: String,
    pub role: Role,
}

pub struct SiteFile {
    pub at: At,
    pub name: String,
    pub enabled: Option<bool>,
    pub settings: SiteSettings,
    /// Where its hosts, issuers, resource and login stand.
    pub places: SitePlaces,
}

pub struct SitePlaces {
    pub hosts: At,
    pub issuers: At,
    pub resource: At,
    pub login: At,
}
