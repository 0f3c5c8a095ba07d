//! What a file asks for, read and judged as far as that goes without the database.

use super::yaml::At;
use crate::{
    oauth::client::ClientSettings,
    policy::{
        connection::{ConnectionSettings, Protocol},
        email::Email,
        identity::Provisioning,
    },
};

pub struct TenantFile {
    pub at: At,
    pub name: String,
    pub display_name: String,
    pub domains: Vec<(At, String)>,
    pub provisioning: Provisioning,
    pub enabled: Option<bool>,
    pub password_login: Option<bool>,
    pub access_token_lifetime: Option<i64>,
    pub refresh_token_lifetime: Option<i64>,
    pub connections: Vec<ConnectionFile>,
    pub clients: Vec<ClientFile>,
    pub users: Vec<UserFile>,
    pub teams: Vec<TeamFile>,
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
    pub secret: Option<String>,
    pub trusted: bool,
    pub enabled: Option<bool>,
    pub settings: ClientSettings,
}

pub struct UserFile {
    pub at: At,
    pub email: Email,
    pub name: Option<String>,
    pub password: Option<String>,
    pub admin: bool,
    pub active: Option<bool>,
}

pub struct TeamFile {
    pub name: String,
    pub members: Vec<(At, Email)>,
}
