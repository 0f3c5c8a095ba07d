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

impl Usage {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Sign, Self::Encrypt];

    /// As it is stored, and as commands spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sign => "sign",
            Self::Encrypt => "encrypt",
        }
    }

    /// Reads that.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|usage| usage.as_str() == name)
    }
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
    /// Known to providers from then on (unix seconds).
    pub created_at: i64,
    /// In use from then on, until a younger one is (unix seconds).
    pub active_from: i64,
    /// Gone then (unix seconds).
    pub expires_at: Option<i64>,
}

impl Credential {
    fn is_there(&self, now: i64) -> bool {
        self.created_at <= now && self.expires_at.is_none_or(|end| now < end)
    }
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
        self.active(Usage::Sign, now)
    }

    /// Those that are there now, in the order of their making: what the metadata shows of signing keys, and what may
    /// decrypt.
    #[must_use]
    pub fn published(&self, usage: Usage, now: i64) -> Vec<Arc<Credential>> {
        self.0.load().iter().filter(|c| c.usage == usage && c.is_there(now)).cloned().collect()
    }

    /// What providers may encrypt for: the key in use, then its successor. A predecessor still decrypts, but nobody is to
    /// take it up any more.
    #[must_use]
    pub fn offered_for_encryption(&self, now: i64) -> Vec<Arc<Credential>> {
        let mut offered: Vec<_> = self.active(Usage::Encrypt, now).into_iter().collect();
        offered.extend(self.published(Usage::Encrypt, now).into_iter().filter(|c| c.active_from > now));
        offered
    }

    /// Whether there is something to sign with and something to decrypt with.
    #[must_use]
    pub fn complete(&self, now: i64) -> bool {
        Usage::ALL.into_iter().all(|usage| self.active(usage, now).is_some())
    }

    fn active(&self, usage: Usage, now: i64) -> Option<Arc<Credential>> {
        let all = self.0.load();
        let usable = all.iter().filter(|c| c.usage == usage && c.is_there(now) && c.active_from <= now);
        usable.max_by_key(|c| c.active_from).cloned()
    }
}
