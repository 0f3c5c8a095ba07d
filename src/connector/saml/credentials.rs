//! Our own keys and certificates towards identity providers: signing (requests, logout) and decryption (assertions), each
//! with its successor published before its first use. RSA, because every provider takes it.

use std::sync::Arc;

use arc_swap::ArcSwap;
use openssl::pkey::{PKey, Private};

/// What a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Usage {
    /// Signs what we send.
    Sign,
    /// Decrypts what we receive.
    Encrypt,
}

/// One key with its certificate.
#[derive(Clone)]
pub struct Credential {
    /// What it is for.
    pub usage: Usage,
    /// The private key.
    pub key: PKey<Private>,
    /// The certificate in DER.
    pub certificate: Vec<u8>,
    /// In our metadata from then on (unix seconds).
    pub created_at: i64,
    /// In use from then on, until a younger one is (unix seconds).
    pub active_from: i64,
    /// Leaves the metadata then (unix seconds).
    pub expires_at: Option<i64>,
}

/// All of them. Clones share them.
#[derive(Clone, Default)]
pub struct Credentials(Arc<ArcSwap<Vec<Arc<Credential>>>>);

impl Credentials {
    /// Replaces what is held.
    pub fn replace(&self, all: Vec<Credential>) {
        self.0.store(Arc::new(all.into_iter().map(Arc::new).collect()));
    }

    /// The one that signs now: the youngest that may.
    #[must_use]
    pub fn signing(&self, now: i64) -> Option<Arc<Credential>> {
        let all = self.0.load();
        let usable =
            all.iter().filter(|c| c.usage == Usage::Sign && c.active_from <= now && c.expires_at.is_none_or(|e| now < e));
        usable.max_by_key(|c| c.active_from).cloned()
    }

    /// Those in our metadata now, in the order of their making.
    #[must_use]
    pub fn published(&self, usage: Usage, now: i64) -> Vec<Arc<Credential>> {
        let all = self.0.load();
        let shown = |c: &&Arc<Credential>| c.usage == usage && c.created_at <= now && c.expires_at.is_none_or(|e| now < e);
        all.iter().filter(shown).cloned().collect()
    }
}
