//! The keys of other issuers: fetched from a URL and kept, or given inline.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use async_trait::async_trait;
use http::header;
use serde_json::Value;
use tokio::sync::Mutex;
use url::Url;

use super::jwk::{KeySource, PublicKey, Wanted, choose};
use crate::outbound::{Fetched, Outbound};

/// At most this many keys of a set are kept.
pub const KEY_LIMIT: usize = 100;
/// How long fetched keys are good, in seconds: the promised 24 hours, or less when the answer's headers say so.
pub const FRESH: i64 = 24 * 3600;
/// Keys whose issuer cannot be reached are used for this long after they were last fetched, in seconds.
pub const LAST_GOOD: i64 = 7 * 24 * 3600;
/// Seconds between two fetches of one URL, whatever tokens ask for.
pub const FLOOR: i64 = 60;

/// Reads a JWKS: the keys that can verify a signature, and why others were left out. Keys beyond [`KEY_LIMIT`] are not
/// looked at.
///
/// # Errors
/// In words, when it is no JWKS or holds no usable key.
pub fn read_keys(document: &[u8]) -> Result<Vec<Arc<PublicKey>>, String> {
    let document: Value = serde_json::from_slice(document).map_err(|_| "the key set is not JSON")?;
    let listed = document.get("keys").and_then(Value::as_array).ok_or("the key set has no array named keys")?;
    let mut keys = Vec::new();
    let mut skipped = Vec::new();
    for (at, jwk) in listed.iter().take(KEY_LIMIT).enumerate() {
        match PublicKey::from_jwk(jwk) {
            Ok(key) => keys.push(Arc::new(key)),
            Err(why) => skipped.push(format!("key {} {why}", at + 1)),
        }
    }
    if keys.is_empty() {
        skipped.truncate(5);
        let why = if skipped.is_empty() { "it is empty".to_owned() } else { skipped.join("; ") };
        return Err(format!("the key set holds no usable signature key: {why}"));
    }
    Ok(keys)
}

/// Keys that an operator has written down.
#[derive(Clone, Debug)]
pub struct Inline(Vec<Arc<PublicKey>>);

impl Inline {
    /// From a JWKS document.
    ///
    /// # Errors
    /// As [`read_keys`].
    pub fn new(document: &[u8]) -> Result<Self, String> {
        read_keys(document).map(Self)
    }
}

#[async_trait]
impl KeySource for Inline {
    async fn find(&self, wanted: &Wanted<'_>, _now: i64) -> Result<Vec<Arc<PublicKey>>, String> {
        Ok(choose(&self.0, wanted))
    }
}

/// A fetched key set document.
#[derive(Clone, Debug, Default)]
pub struct Document {
    /// The JSON.
    pub body: Vec<u8>,
    /// How long its sender calls it fresh, in seconds.
    pub max_age: Option<i64>,
}

/// How a key set is fetched. The only reason for a trait: tests count and script the answers.
#[async_trait]
pub trait FetchKeys: Send + Sync {
    /// Fetches the document.
    ///
    /// # Errors
    /// In words.
    async fn fetch(&self, url: &Url) -> Result<Document, String>;
}

#[async_trait]
impl FetchKeys for Outbound {
    async fn fetch(&self, url: &Url) -> Result<Document, String> {
        let answer = self.get("jwks", url, "application/jwk-set+json, application/json").await.map_err(|e| e.to_string())?;
        if !answer.is_success() {
            return Err(format!("{} answered {}", answer.host, answer.status));
        }
        Ok(Document { max_age: max_age(&answer), body: answer.body })
    }
}

/// The freshness that `Cache-Control` grants (RFC 9111 §5.2.2), less the time already spent in caches.
fn max_age(answer: &Fetched) -> Option<i64> {
    let text = |name| answer.headers.get(name).and_then(|v| v.to_str().ok());
    let directives = text(header::CACHE_CONTROL)?.to_ascii_lowercase();
    let mut directives = directives.split(',').map(str::trim);
    let age: i64 = text(header::AGE).and_then(|v| v.trim().parse().ok()).unwrap_or(0);
    if directives.clone().any(|d| matches!(d, "no-store" | "no-cache")) {
        return Some(0);
    }
    let seconds: i64 = directives.find_map(|d| d.strip_prefix("max-age="))?.trim_matches('"').parse().ok()?;
    Some(seconds.saturating_sub(age.max(0)).max(0))
}

/// What is known of a key set.
#[derive(Debug, Default)]
struct Known {
    keys: Vec<Arc<PublicKey>>,
    fetched_at: i64,
    fresh_until: i64,
    /// Why the last fetch gave nothing.
    failure: Option<String>,
}

struct Shared {
    url: Url,
    fetch: Arc<dyn FetchKeys>,
    floor: i64,
    known: ArcSwap<Known>,
    tried_at: AtomicI64,
    gate: Arc<Mutex<()>>,
}

/// The keys behind a URL. Clones share what is known.
///
/// A known key of a fresh set costs no call. Anything else (an unknown `kid`, a signature that does not verify, a set
/// that is no longer fresh) causes one fetch for all who ask, and then none for the floor, whether it succeeded or not:
/// tokens with made-up key ids cannot turn gatehouse against the provider. Only the fetch of a set that was due, and that
/// held the wanted key, leaves the next one free: a provider which rotates right after it is followed at once. A failed
/// fetch, garbage or an empty set
/// leaves the last good keys in place.
#[derive(Clone)]
pub struct RemoteKeys(Arc<Shared>);

impl RemoteKeys {
    /// Keys behind `url`, fetched by `fetch` at most once per `floor` seconds ([`FLOOR`]).
    #[must_use]
    pub fn new(url: Url, fetch: Arc<dyn FetchKeys>, floor: i64) -> Self {
        let (known, tried_at) = (ArcSwap::default(), AtomicI64::new(i64::MIN));
        Self(Arc::new(Shared { url, fetch, floor: floor.max(1), known, tried_at, gate: Arc::default() }))
    }

    fn usable(&self, now: i64) -> Option<Arc<Known>> {
        let known = self.0.known.load_full();
        (!known.keys.is_empty() && now < known.fetched_at.saturating_add(LAST_GOOD)).then_some(known)
    }

    fn cooling(&self, now: i64) -> bool {
        let since = now.saturating_sub(self.0.tried_at.load(Ordering::SeqCst));
        since.saturating_abs() < self.0.floor
    }

    /// Fetches unless that was tried within the floor, or by somebody else since `seen` was known; whether it did. Who can
    /// `wait` does so for a fetch under way; others go on.
    async fn refresh(&self, now: i64, wait: bool, seen: &Arc<Known>) -> bool {
        if self.cooling(now) && self.0.gate.try_lock().is_ok() {
            return false;
        }
        let gate = Arc::clone(&self.0.gate);
        let guard = if wait {
            gate.lock_owned().await
        } else {
            match gate.try_lock_owned() {
                Ok(guard) => guard,
                Err(_) => return false,
            }
        };
        if self.cooling(now) || !Arc::ptr_eq(seen, &self.0.known.load_full()) {
            return false;
        }
        self.0.tried_at.store(now, Ordering::SeqCst);
        let shared = Arc::clone(&self.0);
        // Of its own, so that a caller who hangs up does not take the fetch along and leave only the floor.
        let task = tokio::spawn(async move {
            let answer = match shared.fetch.fetch(&shared.url).await {
                Ok(document) => read_keys(&document.body).map(|keys| (keys, document.max_age)),
                Err(why) => Err(why),
            };
            let before = shared.known.load_full();
            let known = match answer {
                Ok((keys, max_age)) => {
                    let fresh = max_age.unwrap_or(FRESH).clamp(shared.floor.min(FRESH), FRESH);
                    Known { keys, fetched_at: now, fresh_until: now.saturating_add(fresh), failure: None }
                }
                Err(why) => {
                    tracing::warn!(url = %shared.url, cause = %why, kept = before.keys.len(), "key set could not be fetched");
                    let Known { keys, fetched_at, fresh_until, .. } = &*before;
                    Known { keys: keys.clone(), fetched_at: *fetched_at, fresh_until: *fresh_until, failure: Some(why) }
                }
            };
            shared.known.store(Arc::new(known));
            drop(guard);
        });
        if task.await.is_err() {
            tracing::error!(url = %self.0.url, "fetching a key set was broken off");
        }
        true
    }
}

#[async_trait]
impl KeySource for RemoteKeys {
    async fn find(&self, wanted: &Wanted<'_>, now: i64) -> Result<Vec<Arc<PublicKey>>, String> {
        let seen = self.0.known.load_full();
        let known = self.usable(now);
        let found = known.as_ref().map(|known| choose(&known.keys, wanted)).unwrap_or_default();
        let fresh = known.is_some_and(|known| now < known.fresh_until);
        if fresh && !found.is_empty() {
            return Ok(found);
        }
        let fetched = self.refresh(now, found.is_empty(), &seen).await;
        match self.usable(now) {
            Some(known) => {
                let chosen = choose(&known.keys, wanted);
                if fetched && !fresh && !chosen.is_empty() && now < known.fresh_until {
                    self.0.tried_at.store(i64::MIN, Ordering::SeqCst);
                }
                Ok(chosen)
            }
            None => Err(self.0.known.load().failure.clone().unwrap_or_else(|| "no keys have been fetched yet".to_owned())),
        }
    }

    async fn renew(&self, now: i64) -> bool {
        let before = self.0.known.load_full();
        self.refresh(now, true, &before).await;
        !Arc::ptr_eq(&before, &self.0.known.load_full())
    }
}

/// The key sets in use, each fetched once for all connections and issuers that name its URL; a set that nobody has used
/// for two days, or the least used of too many, is forgotten.
#[derive(Clone)]
pub struct KeySets {
    fetch: Arc<dyn FetchKeys>,
    floor: i64,
    sets: moka::future::Cache<Url, RemoteKeys>,
}

impl KeySets {
    /// At most `capacity` sets, each fetched at most once per `floor` seconds ([`FLOOR`]).
    #[must_use]
    pub fn new(fetch: Arc<dyn FetchKeys>, capacity: u64, floor: i64) -> Self {
        let idle = Duration::from_secs(2 * 24 * 3600);
        Self { fetch, floor, sets: moka::future::Cache::builder().max_capacity(capacity).time_to_idle(idle).build() }
    }

    /// The keys behind `url`; nothing is fetched yet.
    pub async fn keys(&self, url: &Url) -> RemoteKeys {
        let new = async { RemoteKeys::new(url.clone(), Arc::clone(&self.fetch), self.floor) };
        self.sets.get_with(url.clone(), new).await
    }
}

#[cfg(test)]
mod tests;
