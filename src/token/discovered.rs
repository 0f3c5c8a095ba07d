//! Keys of an issuer that only its discovery document tells the place of (OpenID Connect Discovery §4, RFC 8414).

use std::sync::{
    Arc,
    atomic::{AtomicI64, AtomicU32, Ordering},
};

use arc_swap::ArcSwapOption;
use async_trait::async_trait;
use serde_json::Value;
use tokio::{sync::Mutex, time::Instant};
use url::Url;

use super::{
    json,
    jwk::{KeySource, PublicKey, Wanted},
    jwks::{FRESH, FetchKeys, KeySets, RemoteKeys, ended, patience},
};

/// A document that was good.
#[derive(Debug, PartialEq, Eq)]
struct Known {
    jwks_uri: Url,
    fresh_until: i64,
}

/// What is known of an issuer's document, for all who trust the issuer.
pub(super) struct Document {
    issuer: String,
    url: Url,
    fetch: Arc<dyn FetchKeys>,
    floor: i64,
    known: ArcSwapOption<Known>,
    failure: ArcSwapOption<String>,
    tried_at: AtomicI64,
    /// Fetches that have failed in a row.
    failures: AtomicU32,
    gate: Mutex<()>,
}

impl Document {
    pub(super) fn new(issuer: &str, fetch: Arc<dyn FetchKeys>, floor: i64) -> Result<Self, String> {
        let named = Url::parse(issuer).ok().filter(|url| url.has_host() && url.query().is_none() && url.fragment().is_none());
        let address = format!("{}/.well-known/openid-configuration", issuer.strip_suffix('/').unwrap_or(issuer));
        let url = named.and_then(|_| Url::parse(&address).ok()).ok_or_else(|| {
            format!("the issuer {issuer:?} is no URL whose discovery document could name its keys; give jwks_uri or jwks")
        })?;
        let (known, failure) = (ArcSwapOption::empty(), ArcSwapOption::empty());
        let (tried_at, failures, gate) = (AtomicI64::new(i64::MIN), AtomicU32::new(0), Mutex::default());
        Ok(Self { issuer: issuer.to_owned(), url, fetch, floor, known, failure, tried_at, failures, gate })
    }

    fn cooling(&self, now: i64) -> bool {
        self.pause(now) > 0
    }

    /// Seconds that are left until the next fetch; none or fewer: it may be now.
    fn pause(&self, now: i64) -> i64 {
        let floor = match self.failures.load(Ordering::SeqCst) {
            failures @ 1.. if self.known.load().is_none() => patience(failures, self.floor),
            _ => self.floor,
        };
        floor.saturating_sub(now.saturating_sub(self.tried_at.load(Ordering::SeqCst)).saturating_abs())
    }

    /// Where the keys are. Only who asks for the first time, or for keys that are not where they were, waits for the
    /// document; one that has become old is used while the next is fetched.
    async fn jwks_uri(self: &Arc<Self>, now: i64) -> Result<Url, String> {
        let Some(known) = self.known.load_full() else { return self.look_again(None, now).await };
        if known.fresh_until <= now && !self.cooling(now) {
            let (document, before) = (Arc::clone(self), known.jwks_uri.clone());
            tokio::spawn(async move { document.look_again(Some(&before), now).await });
        }
        Ok(known.jwks_uri.clone())
    }

    /// Fetches the document, unless it was tried within the floor or somebody else has just found another place than
    /// `before`.
    async fn look_again(self: &Arc<Self>, before: Option<&Url>, now: i64) -> Result<Url, String> {
        let _only_one = self.gate.lock().await;
        let known = self.known.load_full().map(|known| known.jwks_uri.clone());
        if known.as_ref() == before && !self.cooling(now) {
            self.tried_at.store(now, Ordering::SeqCst);
            let document = Arc::clone(self);
            // Of its own, so that a caller who hangs up does not take the fetch along and leave only the floor.
            let task = tokio::spawn(async move { document.fetch(now).await });
            task.await.map_err(|_| "fetching the discovery document was broken off")?;
        }
        match (self.known.load_full(), self.failure.load_full()) {
            (Some(known), _) => Ok(known.jwks_uri.clone()),
            (None, Some(failure)) => Err((*failure).clone()),
            (None, None) => Err("the discovery document has not been fetched yet".to_owned()),
        }
    }

    async fn fetch(&self, now: i64) {
        let began = Instant::now();
        let answer = self.fetch.fetch("discovery", &self.url).await;
        self.tried_at.store(ended(now, began), Ordering::SeqCst);
        let read = answer.and_then(|answer| Ok((read(&self.issuer, &answer.body)?, answer.max_age)));
        match read {
            Ok((jwks_uri, max_age)) => {
                let fresh = max_age.unwrap_or(FRESH).clamp(self.floor.min(FRESH), FRESH);
                self.known.store(Some(Arc::new(Known { jwks_uri, fresh_until: now.saturating_add(fresh) })));
                self.failure.store(None);
                self.failures.store(0, Ordering::SeqCst);
            }
            Err(why) => {
                let why = format!("{}: {why}", self.url);
                tracing::warn!(cause = %why, "a trusted issuer's discovery document could not be used");
                self.failure.store(Some(Arc::new(why)));
                self.failures.fetch_add(1, Ordering::SeqCst);
            }
        }
    }
}

/// The address of the keys, if the document is that of this issuer: one that names another could put its keys in place of
/// the issuer's (OpenID Connect Discovery §4.3).
fn read(issuer: &str, body: &[u8]) -> Result<Url, String> {
    let document = json::object(body).map_err(|why| format!("the discovery document {why}"))?;
    let text = |name: &str| document.get(name).and_then(Value::as_str);
    if text("issuer") != Some(issuer) {
        return Err(format!("the discovery document names another issuer than {issuer:?}"));
    }
    let jwks_uri = text("jwks_uri").ok_or("the discovery document has no jwks_uri")?;
    Url::parse(jwks_uri).map_err(|_| "the discovery document's jwks_uri is no URL".to_owned())
}

/// The keys that an issuer's discovery document leads to.
pub struct DiscoveredKeys {
    document: Arc<Document>,
    key_sets: KeySets,
    max_age: i64,
    /// Where they last were, and they: whoever is in use is not forgotten.
    held: ArcSwapOption<(Url, RemoteKeys)>,
}

impl DiscoveredKeys {
    pub(super) fn new(document: Arc<Document>, key_sets: KeySets, max_age: i64) -> Self {
        Self { document, key_sets, max_age, held: ArcSwapOption::empty() }
    }

    fn at(&self, place: &Url) -> RemoteKeys {
        if let Some(held) = self.held.load().as_ref().filter(|held| held.0 == *place) {
            return held.1.clone();
        }
        let keys = self.key_sets.kept(place, self.max_age);
        self.held.store(Some(Arc::new((place.clone(), keys.clone()))));
        keys
    }
}

#[async_trait]
impl KeySource for DiscoveredKeys {
    async fn find(&self, wanted: &Wanted<'_>, now: i64) -> Result<Vec<Arc<PublicKey>>, String> {
        let place = self.document.jwks_uri(now).await?;
        let found = self.at(&place).find(wanted, now).await;
        if found.is_ok() {
            return found;
        }
        let moved = self.document.look_again(Some(&place), now).await?;
        if moved == place { found } else { self.at(&moved).find(wanted, now).await }
    }

    fn has_any(&self, now: i64) -> bool {
        self.document.known.load_full().is_some_and(|known| self.at(&known.jwks_uri).has_any(now))
    }

    async fn warm(&self, now: i64) {
        let known = self.document.known.load_full().map(|known| known.jwks_uri.clone());
        let place = match known {
            Some(place) => Ok(place),
            None if self.document.tried_at.load(Ordering::SeqCst) == i64::MIN => self.document.look_again(None, now).await,
            None => return,
        };
        if let Ok(place) = place {
            self.at(&place).warm(now).await;
        }
    }

    fn again_in(&self, now: i64) -> i64 {
        // Whichever is asked for first: the keys where they were, or the document for where they are.
        let document = self.document.pause(now);
        self.document.known.load_full().map_or(document, |known| self.at(&known.jwks_uri).again_in(now).min(document))
    }

    async fn renew(&self, now: i64) -> bool {
        match self.document.jwks_uri(now).await {
            Ok(place) => self.at(&place).renew(now).await,
            Err(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        collections::HashMap,
        sync::{Mutex as SyncMutex, atomic::AtomicUsize},
    };

    use serde_json::json;

    use super::{
        super::{Alg, jwks, jwks::FLOOR, testing::Forge},
        *,
    };
    use crate::oauth::client::SigningAlg;

    const NOW: i64 = 1_800_000_000;
    const PLACE: &str = "https://idp.test/t/.well-known/openid-configuration";

    #[derive(Default)]
    struct Web {
        pages: SyncMutex<HashMap<String, Vec<u8>>>,
        calls: AtomicUsize,
    }

    impl Web {
        fn put(&self, place: &str, page: impl Into<Vec<u8>>) {
            self.pages.lock().unwrap().insert(place.to_owned(), page.into());
        }

        fn document(&self, issuer: &str, jwks_uri: &str) {
            self.put(PLACE, json!({"issuer": issuer, "jwks_uri": jwks_uri}).to_string());
        }

        fn calls(&self) -> usize {
            self.calls.load(Ordering::SeqCst)
        }
    }

    #[async_trait]
    impl FetchKeys for Web {
        async fn fetch(&self, _purpose: &'static str, url: &Url) -> Result<jwks::Document, String> {
            self.calls.fetch_add(1, Ordering::SeqCst);
            let page = self.pages.lock().unwrap().get(url.as_str()).cloned();
            page.map(|body| jwks::Document { body, max_age: None }).ok_or_else(|| "answered 404".to_owned())
        }
    }

    async fn has(keys: &DiscoveredKeys, kid: &str, now: i64) -> Result<bool, String> {
        keys.find(&Wanted { kid: Some(kid), alg: Alg::ES256 }, now).await.map(|found| !found.is_empty())
    }

    fn set(kid: &str) -> Vec<u8> {
        Forge::jwks(&[&Forge::new(SigningAlg::ES256, Some(kid))])
    }

    #[tokio::test]
    async fn the_document_leads_to_the_keys_and_is_kept() {
        let web = Arc::new(Web::default());
        web.document("https://idp.test/t/", "https://keys.test/1");
        web.put("https://keys.test/1", set("a"));
        let sets = KeySets::new(web.clone(), 10, FLOOR);
        let keys = sets.discovered("https://idp.test/t/", FRESH).unwrap();
        for n in 0..100 {
            assert!(has(&keys, "a", NOW + n).await.unwrap());
        }
        let again = sets.discovered("https://idp.test/t/", FRESH).unwrap();
        assert!(has(&again, "a", NOW + 100).await.unwrap());
        assert_eq!(web.calls(), 2, "one document and one set, for all who trust the issuer");
        // The keys have moved: found when they are no longer where they were.
        web.document("https://idp.test/t/", "https://keys.test/2");
        web.pages.lock().unwrap().remove("https://keys.test/1");
        web.put("https://keys.test/2", set("b"));
        assert!(has(&keys, "b", NOW + jwks::LAST_GOOD).await.unwrap());
    }

    #[tokio::test]
    async fn a_document_of_another_issuer_leads_nowhere() {
        let web = Arc::new(Web::default());
        web.put("https://keys.test/1", set("a"));
        let sets = KeySets::new(web.clone(), 10, FLOOR);
        let keys = sets.discovered("https://idp.test/t", FRESH).unwrap();
        let mut now = NOW;
        for (name, page) in [
            ("another", json!({"issuer": "https://evil.test", "jwks_uri": "https://keys.test/1"}).to_string()),
            ("a slash", json!({"issuer": "https://idp.test/t/", "jwks_uri": "https://keys.test/1"}).to_string()),
            ("case", json!({"issuer": "https://IDP.test/t", "jwks_uri": "https://keys.test/1"}).to_string()),
            ("none", json!({"jwks_uri": "https://keys.test/1"}).to_string()),
            ("a list", json!({"issuer": ["https://idp.test/t"], "jwks_uri": "https://keys.test/1"}).to_string()),
            ("no keys", json!({"issuer": "https://idp.test/t"}).to_string()),
            ("a page", "<html>".to_owned()),
        ] {
            web.put(PLACE, page);
            let before = web.calls();
            for _ in 0..50 {
                has(&keys, "a", now).await.unwrap_err();
            }
            assert_eq!(web.calls(), before + 1, "{name}: one fetch for all who ask");
            now += FLOOR;
        }
        web.document("https://idp.test/t", "https://keys.test/1");
        assert!(has(&keys, "a", now).await.unwrap(), "the honest document");
        web.document("https://evil.test", "https://evil.test/keys");
        assert!(has(&keys, "a", now + FRESH).await.unwrap(), "a bad one replaces no good one");
    }

    #[test]
    fn an_issuer_that_is_no_address_has_no_document() {
        let sets = KeySets::new(Arc::new(Web::default()), 10, FLOOR);
        for issuer in ["", "acme", "urn:acme", "https://", "https://idp.test?x=1", "https://idp.test#x"] {
            assert!(sets.discovered(issuer, FRESH).is_err(), "{issuer}");
        }
    }
}
