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
    saml::{Saml, metadata::Provider, turn},
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
    opened: Opened,
}

/// What opening gave: settings that cannot work are not tried again before they change.
type Opened = Result<Arc<dyn Connector>, Error>;

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
    pub async fn get(&self, connection: StoredConnection<'_>) -> Opened {
        let version = (connection.version, connection.provider.as_ref().map_or(0, |(version, _)| *version));
        if let Some(opened) = self.kept(connection.id, version) {
            return opened;
        }
        let id = connection.id.to_owned();
        let opened = self.open(connection).await;
        self.keep(id, version, opened.clone());
        opened
    }

    async fn open(&self, connection: StoredConnection<'_>) -> Opened {
        match connection.protocol {
            Protocol::Oidc => Ok(Arc::new(Oidc::open(connection.settings, connection.secret, &self.deps)?)),
            Protocol::Saml => {
                // Its metadata may be a document to parse and verify.
                let StoredConnection { id, version, protocol, tenant, name, .. } = connection;
                let (id, tenant, name) = (id.to_owned(), tenant.to_owned(), name.to_owned());
                let (settings, provider, deps) = (connection.settings.clone(), connection.provider, self.deps.clone());
                let open = move || {
                    let (settings, secret) = (&settings, None);
                    let (id, tenant, name) = (id.as_str(), tenant.as_str(), name.as_str());
                    Saml::open(&StoredConnection { id, version, protocol, settings, secret, tenant, name, provider }, &deps)
                };
                Ok(Arc::new(turn::take(open).await?))
            }
        }
    }

    fn kept(&self, id: &str, version: (i64, i64)) -> Option<Opened> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.uses += 1;
        let used = open.uses;
        let kept = open.connectors.get_mut(id).filter(|kept| kept.version == version)?;
        kept.used = used;
        Some(kept.opened.clone())
    }

    fn keep(&self, id: String, version: (i64, i64), opened: Opened) {
        // That too much is going on is nothing of the connection's.
        if matches!(opened, Err(Error::Unreachable(_))) {
            return;
        }
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.connectors.len() >= CAPACITY && !open.connectors.contains_key(&id) {
            let oldest = open.connectors.iter().min_by_key(|(_, kept)| kept.used).map(|(id, _)| id.clone());
            oldest.and_then(|id| open.connectors.remove(&id));
        }
        let used = open.uses;
        open.connectors.insert(id, Kept { version, used, opened });
    }
}
