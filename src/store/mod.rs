//! The database; no SQL stands anywhere else. One file per noun, each with plain functions over [`db::Db`].
//!
//! House rules of the SQL: every text is a `&'static str` in the function that owns it, in the subset that SQLite and
//! PostgreSQL read alike; every change that must happen once is one conditional statement on one row whose
//! affected-row count is the verdict; ids and times come from the caller.

pub mod admin_links;
pub mod audit;
pub mod audit_stream;
pub mod clients;
pub mod codes;
pub mod collaborators;
pub mod condition;
pub mod connection_ends;
pub mod connections;
pub mod consents;
pub mod db;
pub mod deliveries;
pub mod departures;
pub mod dependents;
pub mod directories;
pub mod directory_accounts;
pub mod directory_groups;
pub mod directory_links;
pub mod directory_members;
pub mod directory_tokens;
pub mod directory_users;
pub mod domain_proofs;
pub mod domains;
pub mod dossiers;
pub mod families;
pub mod farewells;
pub mod group_rules;
pub mod guest_trials;
pub mod identities;
pub mod invites;
pub mod keys;
pub mod left_records;
pub mod lineage;
pub mod logins;
pub mod logouts;
mod long;
pub mod mappings;
pub mod meta;
pub mod on;
pub mod overview;
pub mod own_teams;
pub mod personal_tokens;
pub mod principals;
pub mod profiles;
pub mod provider_metadata;
pub mod provider_sessions;
pub mod receipts;
pub mod replays;
pub mod resources;
pub mod revisions;
pub mod roles_held;
pub mod saml_keys;
pub mod search;
pub mod sessions;
pub mod setup_links;
pub mod sign_ins;
pub mod site_sessions;
pub mod sites;
pub mod standing;
pub mod statement;
pub mod sweep;
pub mod team_members;
pub mod teams;
pub mod tenant_tokens;
pub mod tenants;
pub mod throttles;
pub mod token_state;
pub mod traces;
pub mod trials;
pub mod trusted_issuers;
pub mod users;
pub mod window;

pub use db::{Db, StoreError};
pub use on::On;

/// What is known of a row whose settings cannot be read: enough to refuse what it is about, and nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damaged {
    /// Row id.
    pub id: String,
    /// Whose it is.
    pub tenant_id: String,
    /// Its name.
    pub name: String,
    /// Whether it is switched on.
    pub enabled: bool,
    /// Of an issuer, the one that its tokens name, if so much can be read.
    pub issuer: Option<String>,
    /// Why it cannot be read.
    pub why: String,
}

impl Damaged {
    fn new(id: &str, tenant_id: &str, name: &str, enabled: bool) -> Self {
        let text = str::to_owned;
        Self { id: text(id), tenant_id: text(tenant_id), name: text(name), enabled, issuer: None, why: String::new() }
    }

    /// With what can be read of settings in which something else cannot.
    fn naming(self, settings: &str) -> Self {
        #[derive(serde::Deserialize)]
        struct Named {
            issuer: Option<String>,
        }
        Self { issuer: serde_json::from_str::<Named>(settings).ok().and_then(|named| named.issuer), ..self }
    }

    fn because(self, e: &StoreError) -> Self {
        Self { why: e.to_string(), ..self }
    }
}

/// Reads a JSON column.
///
/// # Errors
/// [`StoreError::Corrupt`] naming `what`.
pub(crate) fn read_json<T: serde::de::DeserializeOwned>(what: &'static str, text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|e| StoreError::Corrupt(what, e.to_string()))
}

/// Writes a JSON column.
///
/// # Errors
/// [`StoreError::Corrupt`] naming `what`, when the value has no JSON form.
pub(crate) fn write_json<T: serde::Serialize>(what: &'static str, value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|e| StoreError::Corrupt(what, e.to_string()))
}
