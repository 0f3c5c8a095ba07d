//! Opened connectors, kept until their connection changes: a new version is opened anew at its first use, on every node
//! and without a restart.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use secrecy::SecretString;

use super::{
    Connector, Deps, Error,
    oidc::Oidc,
    saml::{Saml, metadata::Provider},
};
use crate::policy::connection::{ConnectionSettings, Protocol};

/// Most connectors that are kept open.
const CAPACITY: usize = 1024;

/// A connection as stored, its secret unsealed.
#[derive(Clone, Debug)]
pub struct StoredConnection<'a> {
    /// The row's id.
    pub id: &'a str,
    /// Grows with each change.
    pub version: i64,
    /// How it speaks.
    pub protocol: Protocol,
    /// Its settings.
    pub settings: &'a ConnectionSettings,
    /// The client secret, if it has one.
    pub secret: Option<SecretString>,
    /// The tenant's name; with the connection's it makes our name towards a SAML provider.
    pub tenant: &'a str,
    /// The connection's name.
    pub name: &'a str,
    /// The SAML provider, where its metadata is at a URL, and the version of what is known of it.
    pub provider: Option<(i64, Arc<Provider>)>,
}

/// Keeps connectors open.
pub struct Registry {
    deps: Deps,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    connectors: HashMap<String, Kept>,
    /// Counts uses, to know the one longest unused.
    uses: u64,
}

struct Kept {
    version: (i64, i64),
    used: u64,
    connector: Arc<dyn Connector>,
}

impl Registry {
    /// An empty one.
    #[must_use]
    pub fn new(deps: Deps) -> Self {
        Self { deps, open: Mutex::default() }
    }

    /// The connector of `connection`, opened if this version is not open yet.
    ///
    /// # Errors
    /// [`Error::Misconfigured`] when the settings cannot work.
    pub fn get(&self, connection: &StoredConnection<'_>) -> Result<Arc<dyn Connector>, Error> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.uses += 1;
        let used = open.uses;
        let version = (connection.version, connection.provider.as_ref().map_or(0, |(version, _)| *version));
        if let Some(kept) = open.connectors.get_mut(connection.id).filter(|kept| kept.version == version) {
            kept.used = used;
            return Ok(Arc::clone(&kept.connector));
        }
        let connector: Arc<dyn Connector> = match connection.protocol {
            Protocol::Oidc => Arc::new(Oidc::open(connection.settings, connection.secret.clone(), &self.deps)?),
            Protocol::Saml => Arc::new(Saml::open(connection, &self.deps)?),
        };
        if open.connectors.len() >= CAPACITY && !open.connectors.contains_key(connection.id) {
            let oldest = open.connectors.iter().min_by_key(|(_, kept)| kept.used).map(|(id, _)| id.clone());
            oldest.and_then(|id| open.connectors.remove(&id));
        }
        let kept = Kept { version, used, connector: Arc::clone(&connector) };
        open.connectors.insert(connection.id.to_owned(), kept);
        Ok(connector)
    }
}
