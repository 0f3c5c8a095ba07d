//! Decisions that let somebody pass, kept so that the next request costs no database, network or signature.
//!
//! The key is a digest of the whole credential, of where it stood, of the site, and of the scheme and host that it was asked
//! at, which what the site is told names: the same token may pass at one site
//! and not at another (Oathkeeper CVE-2026-33496). What is kept falls with the next change that this node makes or hears of,
//! and in any case after [`crate::trust::STALE`] seconds or with the token. Refusals are not kept: whoever is given a
//! role passes at once.

use std::{hash::BuildHasherDefault, sync::Arc};

use aws_lc_rs::digest;
use quick_cache::{Weighter, sync::Cache};

use super::{credential::Credential, identity::Headers, question::Question};
use crate::trust::{catalogue::Catalogue, sites::Site};

/// Decisions that there is room for, as they commonly are.
const MOST: usize = 100_000;
/// Bytes that are kept in all: of who is in very many groups a site is told a lot.
const ROOM: u64 = 128 * 1024 * 1024;
/// What an entry takes beside its headers, and what a header does beside its texts.
const EACH: (usize, usize) = (256, 64);

/// Weighs decisions by their bytes, which are beside them.
#[derive(Clone, Copy, Debug)]
pub struct Bytes;

impl Weighter<Key, (u64, Arc<Kept>)> for Bytes {
    fn weight(&self, _: &Key, (bytes, _): &(u64, Arc<Kept>)) -> u64 {
        *bytes
    }
}

/// What a decision takes, roughly.
fn bytes(kept: &Kept) -> u64 {
    let headers: usize = kept.headers.iter().map(|(name, value)| EACH.1 + name.as_str().len() + value.len()).sum();
    u64::try_from(EACH.0 + headers).unwrap_or(u64::MAX)
}

/// A decision, and until when it may be repeated.
#[derive(Debug)]
pub struct Kept {
    /// What the site is told.
    pub headers: Headers,
    /// Unix seconds.
    pub until: i64,
    /// What this node had changed by then.
    pub revision: u64,
    /// The catalogue that it was made by.
    pub version: i64,
}

/// Names a decision.
pub type Key = [u8; 32];

/// Each with what it weighs.
type All = Cache<Key, (u64, Arc<Kept>), Bytes, Digested>;

/// What is kept. Clones share it.
#[derive(Clone, Debug)]
pub struct Decisions(Arc<All>);

/// Keys are digests: nobody chooses which of them fall together, so a part of one spreads them as well as any hash.
pub type Digested = BuildHasherDefault<Part>;

/// Eight bytes of a digest.
#[derive(Clone, Copy, Debug, Default)]
pub struct Part(u64);

impl std::hash::Hasher for Part {
    fn write(&mut self, bytes: &[u8]) {
        if let Some(part) = bytes.first_chunk() {
            self.0 = u64::from_le_bytes(*part);
        }
    }

    fn write_usize(&mut self, _length: usize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}

impl Default for Decisions {
    fn default() -> Self {
        let lifecycle = quick_cache::sync::DefaultLifecycle::default();
        Self(Arc::new(Cache::with(MOST, ROOM, Bytes, Digested::default(), lifecycle)))
    }
}

impl Decisions {
    /// The name of the decision about the credential of a question at a site.
    #[must_use]
    pub fn key(site: &Site, question: &Question, credential: &Credential) -> Key {
        let mut context = digest::Context::new(&digest::SHA256);
        let (place, token) = match credential {
            Credential::Header { name, token } => (name.as_str(), token),
            Credential::Bearer(token) | Credential::Session(token) | Credential::Cookie(token) => ("", token),
        };
        for part in [credential.kind(), place, &site.id, question.scheme, &question.host] {
            context.update(part.as_bytes());
            context.update(&[0]);
        }
        context.update(token.as_bytes());
        let mut key = Key::default();
        key.copy_from_slice(context.finish().as_ref());
        key
    }

    /// The decision, if it still stands at `now` (unix seconds).
    #[must_use]
    pub fn get(&self, key: &Key, catalogue: &Catalogue, revision: u64, now: i64) -> Option<Arc<Kept>> {
        let (_, kept) = self.0.get(key)?;
        let stands = now < kept.until && kept.revision == revision && kept.version == catalogue.version;
        stands.then_some(kept)
    }

    /// How many are kept.
    #[must_use]
    pub fn kept(&self) -> usize {
        self.0.len()
    }

    /// Keeps a decision.
    pub fn keep(&self, key: Key, kept: Arc<Kept>) {
        self.0.insert(key, (bytes(&kept), kept));
    }
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    #[test]
    fn what_says_much_is_heavy() {
        let told = |length: usize| {
            let value = HeaderValue::try_from("x".repeat(length)).expect("a value");
            Kept { headers: vec![(HeaderName::from_static("x-teams"), value)], until: i64::MAX, revision: 0, version: 0 }
        };
        assert!(bytes(&told(0)) < 512 && bytes(&told(6_000)) > 6_000);
        let (decisions, kept) = (Decisions::default(), Arc::new(told(6_000)));
        for n in 0..50_000_u64 {
            let mut key = Key::default();
            key[..8].copy_from_slice(&n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes());
            decisions.keep(key, Arc::clone(&kept));
        }
        assert!(decisions.0.weight() <= ROOM && (1_000..30_000).contains(&decisions.0.len()), "{}", decisions.0.len());
    }
}
