//! What there is of a tenant, and by what names.

use serde_json::{Map, Value};

/// A kind of thing, by its key in the file; and the tenant itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Noun {
    Tenant,
    Connections,
    Clients,
    Users,
    Teams,
    Directories,
    ServiceTokens,
    TrustedIssuers,
    ExternalIdentities,
    VirtualAccounts,
    Resources,
    Sites,
}

impl Noun {
    /// What a tenant owns.
    pub const OWNED: [Self; 11] = [
        Self::Connections,
        Self::Clients,
        Self::Users,
        Self::Teams,
        Self::Directories,
        Self::ServiceTokens,
        Self::TrustedIssuers,
        Self::ExternalIdentities,
        Self::VirtualAccounts,
        Self::Resources,
        Self::Sites,
    ];

    /// Its key in the file; of the tenant itself, the one that all tenants have.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tenant => "tenants",
            Self::Connections => "connections",
            Self::Clients => "clients",
            Self::Users => "users",
            Self::Teams => "teams",
            Self::Directories => "directories",
            Self::ServiceTokens => "service_tokens",
            Self::TrustedIssuers => "trusted_issuers",
            Self::ExternalIdentities => "external_identities",
            Self::VirtualAccounts => "virtual_accounts",
            Self::Resources => "resources",
            Self::Sites => "sites",
        }
    }

    /// What a tenant owns, by its key in the file.
    #[must_use]
    pub fn owned(key: &str) -> Option<Self> {
        Self::OWNED.into_iter().find(|noun| noun.as_str() == key)
    }

    /// What one of them is called in sentences.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Tenant => "tenant",
            Self::Connections => "connection",
            Self::Clients => "client",
            Self::Users => "user",
            Self::Teams => "team",
            Self::Directories => "directory",
            Self::ServiceTokens => "service token",
            Self::TrustedIssuers => "trusted issuer",
            Self::ExternalIdentities => "external identity",
            Self::VirtualAccounts => "virtual account",
            Self::Resources => "resource",
            Self::Sites => "site",
        }
    }

    /// The field that it is called by; of a resource there is `type` besides.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::Clients => "client_id",
            Self::Users => "email",
            _ => "name",
        }
    }

    /// What a thing is called in addresses, from its fields: its key; of a resource `type:name`, in which `~1` stands for a
    /// colon in the type and `~0` for the tilde.
    #[must_use]
    pub fn name_in(self, fields: &Map<String, Value>) -> Option<String> {
        let text = |key: &str| fields.get(key).and_then(Value::as_str);
        let name = text(self.key())?;
        Some(match self {
            Self::Resources => resource_name(text("type")?, name),
            _ => name.to_owned(),
        })
    }
}

/// What a resource is called in addresses.
pub fn resource_name(kind: &str, name: &str) -> String {
    format!("{}:{name}", kind.replace('~', "~0").replace(':', "~1"))
}

/// Type and name of what a resource is called in addresses.
#[must_use]
pub fn resource_parts(name: &str) -> Option<(String, &str)> {
    let (kind, name) = name.split_once(':')?;
    Some((kind.replace("~1", ":").replace("~0", "~"), name))
}
