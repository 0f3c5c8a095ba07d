//! The keys of other issuers: fetched from a URL and kept, or given inline.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex as SyncMutex, PoisonError, Weak,
        atomic::{AtomicBool, AtomicI64, AtomicU32, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use async_trait::async_trait;
use http::header;
use serde_json::Value;
use tokio::{
    sync::Mutex,
    time::{Instant, timeout},
};
use url::Url;

use super::{
    discovered::{self, DiscoveredKeys},
    jwk::{KeySource, PublicKey, Wanted, choose},
};
use crate::outbound::{self, Fetched, Outbound};

/// At most this many keys of a set are kept.
pub const KEY_LIMIT: usize = 100;
/// How long fetched keys are good, in seconds: the promised 24 hours, or less when the answer's headers say so.
pub const FRESH: i64 = 24 * 3600;
/// Keys whose issuer cannot be reached are used for this long after they were last fetched, in seconds.
pub const LAST_GOOD: i64 = 7 * 24 * 3600;
/// How long before they are due keys in use are fetched in the background, in seconds.
const AHEAD: i64 = 120;
/// Seconds between two fetches of one URL, whatever tokens ask for.
pub const FLOOR: i64 = 60;
/// How long a token whose key is known waits for the set to be fetched anew: proxies that ask about it wait not much longer.
const MOMENT: Duration = Duration::from_millis(100);

/// Seconds until the next fetch where there is nothing to go on with: 2, 4, 8, … after each that failed in a row, up to the
/// floor. Nobody is let in meanwhile, and one fetch that fails while an issuer starts is soon made good.
pub(super) fn patience(failures: u32, floor: i64) -> i64 {
    2_i64.checked_pow(failures.max(1)).map_or(floor, |seconds| seconds.min(floor))
}

/// When a fetch ended that began at `now` (unix seconds).
pub(super) fn ended(now: i64, began: Instant) -> i64 {
    now.saturating_add(i64::try_from(began.elapsed().as_secs()).unwrap_or_default())
}

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

/// How a key set, or the document that leads to it, is fetched. The only reason for a trait: tests count and script the answers.
#[async_trait]
pub trait FetchKeys: Send + Sync {
    /// Fetches the document; `purpose` is the metric's label.
    ///
    /// # Errors
    /// In words.
    async fn fetch(&self, purpose: &'static str, url: &Url) -> Result<Document, String>;
}

#[async_trait]
impl FetchKeys for Outbound {
    async fn fetch(&self, purpose: &'static str, url: &Url) -> Result<Document, String> {
        let answer = self.get(purpose, url, "application/jwk-set+json, application/json").await.map_err(|e| {
            tracing::info!(%url, cause = %e, "a key set was not fetched");
            e.discreet()
        })?;
        if !answer.is_success() {
            return Err(format!("{} answered {}", answer.host, answer.status));
        }
        Ok(Document { max_age: max_age(&answer), body: answer.body })
    }
}

/// The freshness that `Cache-Control`, else `Expires` grants (RFC 9111 §4.2.1, §5.2.2), less the time already spent in
/// caches; an `Expires` that is no date lies in the past (§5.3).
fn max_age(answer: &Fetched) -> Option<i64> {
    let text = |name| answer.headers.get(name).and_then(|v| v.to_str().ok());
    let directives = answer.headers.get_all(header::CACHE_CONTROL).iter().filter_map(|v| v.to_str().ok());
    let directives: Vec<String> = directives.flat_map(|v| v.split(',')).map(|d| d.trim().to_ascii_lowercase()).collect();
    if directives.iter().any(|d| matches!(d.as_str(), "no-store" | "no-cache")) {
        return Some(0);
    }
    let seconds = match directives.iter().find_map(|d| d.strip_prefix("max-age=")) {
        Some(seconds) => seconds.trim_matches('"').parse().ok()?,
        None => {
            let expires = text(header::EXPIRES)?;
            let sent = httpdate::parse_http_date(text(header::DATE)?).ok()?;
            let left = httpdate::parse_http_date(expires).ok().and_then(|at| at.duration_since(sent).ok());
            left.map_or(0, |left| i64::try_from(left.as_secs()).unwrap_or(i64::MAX))
        }
    };
    let age: i64 = text(header::AGE).and_then(|v| v.trim().parse().ok()).unwrap_or(0);
    Some(seconds.saturating_sub(age.max(0)).max(0))
}

/// What is known of a key set.
#[derive(Debug, Default)]
struct Known {
    keys: Vec<Arc<PublicKey>>,
    fetched_at: i64,
    /// How long the answer's headers call it fresh, in seconds.
    max_age: Option<i64>,
    /// Why the last fetch gave nothing.
    failure: Option<String>,
}

struct Shared {
    url: Url,
    fetch: Arc<dyn FetchKeys>,
    floor: i64,
    known: ArcSwap<Known>,
    tried_at: AtomicI64,
    /// Fetches that have failed in a row.
    failures: AtomicU32,
    /// When the keys are due for those who have asked for them since they were fetched; `MAX`: nobody has.
    due_at: AtomicI64,
    /// Whether the last fetch was one of a set that was due, and a good one: it was no token's doing.
    spare: AtomicBool,
    gate: Arc<Mutex<()>>,
}

/// The keys behind a URL. Clones share what is known.
///
/// A known key of a fresh set costs no call. Anything else (an unknown `kid`, a signature that does not verify, a set
/// that is no longer fresh) causes one fetch for all who ask, and then none for the floor, whether it succeeded or not (where
/// there are no keys at all the first few follow sooner):
/// tokens with made-up key ids cannot turn gatehouse against the provider. A failed fetch, garbage or an empty set leaves
/// the last good keys in place. Only who [`follows`](RemoteKeys::following) the provider has one more, after the fetch of
/// a set that was due and held the wanted key.
#[derive(Clone)]
pub struct RemoteKeys {
    shared: Arc<Shared>,
    max_age: i64,
    follows: bool,
}

impl RemoteKeys {
    /// Keys behind `url`, fetched by `fetch` at most once per `floor` seconds ([`FLOOR`]).
    #[must_use]
    pub fn new(url: Url, fetch: Arc<dyn FetchKeys>, floor: i64) -> Self {
        let (tried_at, due_at, spare) = (AtomicI64::new(i64::MIN), AtomicI64::new(i64::MAX), AtomicBool::new(false));
        let (known, gate, failures) = (ArcSwap::default(), Arc::default(), AtomicU32::new(0));
        Self::of(Arc::new(Shared { url, fetch, floor: floor.max(1), known, tried_at, failures, due_at, spare, gate }))
    }

    /// The same keys, but none that were fetched more than `max_age` seconds ago (at least the floor, at most
    /// [`LAST_GOOD`]).
    #[must_use]
    pub fn within(self, max_age: i64) -> Self {
        Self { max_age, ..self }
    }

    fn of(shared: Arc<Shared>) -> Self {
        Self { shared, max_age: FRESH, follows: false }
    }

    /// The same keys for tokens that come from the provider itself, never from whoever calls: one that rotates right after a
    /// set that was due had been fetched is followed at once, and not when the floor has passed.
    #[must_use]
    pub fn following(self) -> Self {
        Self { follows: true, ..self }
    }

    /// Until when `known` is fresh: as long as its sender says and this holder allows.
    fn fresh_until(&self, known: &Known) -> i64 {
        let seconds = known.max_age.map_or(self.max_age, |sent| sent.min(self.max_age));
        known.fetched_at.saturating_add(seconds.clamp(self.shared.floor.min(FRESH), LAST_GOOD))
    }

    /// Fetches if somebody who uses the keys would soon have to wait for that.
    async fn refresh_due(&self, now: i64) {
        if self.usable(now).is_none() || self.shared.due_at.load(Ordering::Relaxed) > now.saturating_add(AHEAD) {
            return;
        }
        let seen = self.shared.known.load_full();
        if self.refresh(now, false, &seen).await && self.shared.known.load().failure.is_none() {
            self.shared.spare.store(true, Ordering::SeqCst);
        }
    }

    /// Somebody uses the keys, and they are good for them until then.
    fn note_due(&self, fresh_until: i64) {
        if fresh_until < self.shared.due_at.load(Ordering::Relaxed) {
            self.shared.due_at.fetch_min(fresh_until, Ordering::Relaxed);
        }
    }

    fn usable(&self, now: i64) -> Option<Arc<Known>> {
        let known = self.shared.known.load_full();
        (!known.keys.is_empty() && now < known.fetched_at.saturating_add(LAST_GOOD)).then_some(known)
    }

    fn cooling(&self, now: i64) -> bool {
        self.pause(now) > 0
    }

    /// Seconds that are left until the next fetch; none or fewer: it may be now.
    fn pause(&self, now: i64) -> i64 {
        if self.follows && self.shared.spare.load(Ordering::SeqCst) {
            return 0;
        }
        let since = now.saturating_sub(self.shared.tried_at.load(Ordering::SeqCst));
        let floor = match self.shared.failures.load(Ordering::SeqCst) {
            failures @ 1.. if self.usable(now).is_none() => patience(failures, self.shared.floor),
            _ => self.shared.floor,
        };
        floor.saturating_sub(since.saturating_abs())
    }

    /// Fetches unless that was tried within the floor, or by somebody else since `seen` was known; whether it did. Who can
    /// `wait` does so for a fetch under way; others go on.
    async fn refresh(&self, now: i64, wait: bool, seen: &Arc<Known>) -> bool {
        if self.cooling(now) && self.shared.gate.try_lock().is_ok() {
            return false;
        }
        let gate = Arc::clone(&self.shared.gate);
        let guard = if wait {
            gate.lock_owned().await
        } else {
            match gate.try_lock_owned() {
                Ok(guard) => guard,
                Err(_) => return false,
            }
        };
        if self.cooling(now) || !Arc::ptr_eq(seen, &self.shared.known.load_full()) {
            return false;
        }
        self.shared.tried_at.store(now, Ordering::SeqCst);
        self.shared.spare.store(false, Ordering::SeqCst);
        let shared = Arc::clone(&self.shared);
        // Of its own, so that a caller who hangs up does not take the fetch along and leave only the floor.
        let task = tokio::spawn(outbound::along(async move {
            let began = Instant::now();
            let answer = match shared.fetch.fetch("jwks", &shared.url).await {
                Ok(document) => read_keys(&document.body).map(|keys| (keys, document.max_age)),
                Err(why) => Err(why),
            };
            let before = shared.known.load_full();
            let known = match answer {
                Ok((keys, max_age)) => {
                    shared.due_at.store(i64::MAX, Ordering::Relaxed);
                    shared.failures.store(0, Ordering::SeqCst);
                    Known { keys, fetched_at: now, max_age, failure: None }
                }
                Err(why) => {
                    tracing::warn!(url = %shared.url, cause = %why, kept = before.keys.len(), "key set could not be fetched");
                    shared.failures.fetch_add(1, Ordering::SeqCst);
                    let Known { keys, fetched_at, max_age, .. } = &*before;
                    Known { keys: keys.clone(), fetched_at: *fetched_at, max_age: *max_age, failure: Some(why) }
                }
            };
            shared.known.store(Arc::new(known));
            // The floor counts from the end: else whoever comes after an endpoint that hangs would hang as long.
            shared.tried_at.store(ended(now, began), Ordering::SeqCst);
            drop(guard);
        }));
        if task.await.is_err() {
            tracing::error!(url = %self.shared.url, "fetching a key set was broken off");
        }
        true
    }
}

#[async_trait]
impl KeySource for RemoteKeys {
    async fn find(&self, wanted: &Wanted<'_>, now: i64) -> Result<Vec<Arc<PublicKey>>, String> {
        let seen = self.shared.known.load_full();
        let known = self.usable(now);
        let found = known.as_ref().map(|known| choose(&known.keys, wanted)).unwrap_or_default();
        let fresh_until = known.map_or(i64::MIN, |known| self.fresh_until(&known));
        let fresh = now < fresh_until;
        if fresh && !found.is_empty() {
            self.note_due(fresh_until);
            return Ok(found);
        }
        let refreshing = self.refresh(now, found.is_empty(), &seen);
        let fetched = match found.is_empty() {
            true => refreshing.await,
            // The fetch goes on without it.
            false => timeout(MOMENT, refreshing).await.unwrap_or(false),
        };
        match self.usable(now) {
            Some(known) => {
                let chosen = choose(&known.keys, wanted);
                if fetched && !fresh && !chosen.is_empty() && now < self.fresh_until(&known) {
                    self.shared.spare.store(true, Ordering::SeqCst);
                }
                Ok(chosen)
            }
            None => Err(self.shared.known.load().failure.clone().unwrap_or_else(|| "no keys have been fetched yet".to_owned())),
        }
    }

    fn has_any(&self, now: i64) -> bool {
        self.usable(now).is_some()
    }

    async fn warm(&self, now: i64) {
        if self.shared.tried_at.load(Ordering::SeqCst) == i64::MIN {
            let nothing = self.shared.known.load_full();
            self.refresh(now, false, &nothing).await;
        }
    }

    fn again_in(&self, now: i64) -> i64 {
        self.pause(now)
    }

    async fn renew(&self, now: i64) -> bool {
        let before = self.shared.known.load_full();
        self.refresh(now, true, &before).await;
        !Arc::ptr_eq(&before, &self.shared.known.load_full())
    }
}

/// The key sets in use, each fetched once for all connections, clients and issuers that name its URL.
#[derive(Clone)]
pub struct KeySets {
    fetch: Arc<dyn FetchKeys>,
    floor: i64,
    /// Keeps a set that nobody holds until it has not been asked for in two days, or is the least used of too many.
    recent: moka::sync::Cache<Url, RemoteKeys>,
    /// All sets that somebody holds.
    held: Arc<SyncMutex<HashMap<Url, Weak<Shared>>>>,
    /// The discovery documents that somebody holds, by issuer.
    documents: Arc<SyncMutex<HashMap<String, Weak<discovered::Document>>>>,
}

impl KeySets {
    /// Keeps at most `capacity` sets that nobody holds; each is fetched at most once per `floor` seconds ([`FLOOR`]).
    #[must_use]
    pub fn new(fetch: Arc<dyn FetchKeys>, capacity: u64, floor: i64) -> Self {
        let idle = Duration::from_secs(2 * 24 * 3600);
        let recent = moka::sync::Cache::builder().max_capacity(capacity).time_to_idle(idle).build();
        Self { fetch, floor, recent, held: Arc::default(), documents: Arc::default() }
    }

    /// The keys behind `url`; nothing is fetched yet.
    #[must_use]
    pub fn keys(&self, url: &Url) -> RemoteKeys {
        self.recent.get(url).unwrap_or_else(|| {
            let keys = self.find_or_make(url);
            self.recent.insert(url.clone(), keys.clone());
            keys
        })
    }

    /// The keys behind `url` for somebody who holds on to them, and takes none that were fetched more than `max_age` seconds
    /// ago. Others who share the set keep their own bound.
    #[must_use]
    pub fn kept(&self, url: &Url, max_age: i64) -> RemoteKeys {
        self.keys(url).within(max_age)
    }

    /// The keys that the discovery document of `issuer` leads to, otherwise as [`KeySets::kept`].
    ///
    /// # Errors
    /// In words, when the issuer is no URL.
    pub fn discovered(&self, issuer: &str, max_age: i64) -> Result<DiscoveredKeys, String> {
        let mut documents = self.documents.lock().unwrap_or_else(PoisonError::into_inner);
        let document = match documents.get(issuer).and_then(Weak::upgrade) {
            Some(document) => document,
            None => {
                let document = Arc::new(discovered::Document::new(issuer, Arc::clone(&self.fetch), self.floor)?);
                documents.retain(|_, document| document.strong_count() > 0);
                documents.insert(issuer.to_owned(), Arc::downgrade(&document));
                document
            }
        };
        Ok(DiscoveredKeys::new(document, self.clone(), max_age))
    }

    /// Fetches the sets in use that are about to be due, so that no request waits for it; for a background round.
    pub async fn refresh_due(&self, now: i64) {
        let held: Vec<RemoteKeys> = self.all();
        futures_util::future::join_all(held.iter().map(|keys| keys.refresh_due(now))).await;
    }

    fn all(&self) -> Vec<RemoteKeys> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.values().filter_map(Weak::upgrade).map(RemoteKeys::of).collect()
    }

    fn find_or_make(&self, url: &Url) -> RemoteKeys {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(shared) = held.get(url).and_then(Weak::upgrade) {
            return RemoteKeys::of(shared);
        }
        let keys = RemoteKeys::new(url.clone(), Arc::clone(&self.fetch), self.floor);
        held.retain(|_, shared| shared.strong_count() > 0);
        held.insert(url.clone(), Arc::downgrade(&keys.shared));
        keys
    }
}

#[cfg(test)]
mod tests;
