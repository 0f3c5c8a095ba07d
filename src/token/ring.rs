//! Our signing keys: which one signs, what is published, what verifies.

use std::{
    collections::HashMap,
    sync::{Arc, RwLock},
};

use arc_swap::ArcSwap;
use async_trait::async_trait;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    jwk::{KeySource, PublicKey, Wanted},
    keys::SigningKey,
};
use crate::{oauth::client::SigningAlg, secret};

/// Why nothing was signed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// No key of this algorithm signs now.
    #[error("there is no {} signing key in use; make one with: gatehouse keys rotate", .0.as_str())]
    NoKey(SigningAlg),
    /// The claims are no JSON.
    #[error("the claims cannot be written as JSON: {0}")]
    Claims(String),
    /// The cryptographic library failed.
    #[error("signing with key {0} failed")]
    Failed(String),
}

/// The published key set.
#[derive(Debug, PartialEq, Eq)]
pub struct Published {
    /// The JWKS document.
    pub json: String,
    /// A strong validator of it, with its quotes (RFC 9110 §8.8.3).
    pub etag: String,
}

#[derive(Default)]
struct Keys {
    /// Youngest first.
    all: Vec<SigningKey>,
    by_kid: HashMap<String, usize>,
    /// The document last asked for, and the kids it was made of.
    published: RwLock<Option<(Vec<usize>, Arc<Published>)>>,
}

/// All keys that have not expired. Clones share them; replacing them waits for nobody.
#[derive(Clone, Default)]
pub struct KeyRing(Arc<ArcSwap<Keys>>);

impl KeyRing {
    /// A ring of `keys`.
    #[must_use]
    pub fn new(keys: Vec<SigningKey>) -> Self {
        let ring = Self::default();
        ring.replace(keys);
        ring
    }

    /// Takes `keys` in place of those held.
    pub fn replace(&self, mut keys: Vec<SigningKey>) {
        keys.sort_by_key(|key| (key.alg(), std::cmp::Reverse(key.validity().generation)));
        let by_kid = keys.iter().enumerate().map(|(at, key)| (key.kid().to_owned(), at)).collect();
        self.0.store(Arc::new(Keys { all: keys, by_kid, published: RwLock::default() }));
    }

    /// Whether a key of `alg` signs at `now`.
    #[must_use]
    pub fn can_sign(&self, alg: SigningAlg, now: i64) -> bool {
        self.0.load().signing(alg, now).is_some()
    }

    /// Signs `claims` as a compact JWS with the youngest key of `alg` that may sign at `now`; `typ` is the header's.
    ///
    /// # Errors
    /// When there is no such key.
    pub fn sign(&self, alg: SigningAlg, typ: &str, claims: &impl Serialize, now: i64) -> Result<String, SignError> {
        let keys = self.0.load();
        let key = keys.signing(alg, now).ok_or(SignError::NoKey(alg))?;
        let header = json!({"typ": typ, "alg": alg.as_str(), "kid": key.kid()}).to_string();
        let claims = serde_json::to_vec(claims).map_err(|e| SignError::Claims(e.to_string()))?;
        let mut token = URL_SAFE_NO_PAD.encode(header);
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(claims, &mut token);
        let signature = key.sign(token.as_bytes()).ok_or_else(|| SignError::Failed(key.kid().to_owned()))?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        Ok(token)
    }

    /// The JWKS at `now`: every key that has been created and has not expired, thus also the one that will sign next.
    #[must_use]
    pub fn jwks(&self, now: i64) -> Arc<Published> {
        let keys = self.0.load();
        let shown: Vec<usize> = (0..keys.all.len()).filter(|at| keys.all[*at].validity().is_published(now)).collect();
        if let Ok(kept) = keys.published.read()
            && let Some((of, published)) = &*kept
            && *of == shown
        {
            return Arc::clone(published);
        }
        let jwks: Vec<&Value> = shown.iter().map(|at| keys.all[*at].public_jwk()).collect();
        let json = json!({ "keys": jwks }).to_string();
        let etag = format!("\"{}\"", secret::digest(&json));
        let published = Arc::new(Published { json, etag });
        if let Ok(mut kept) = keys.published.write() {
            *kept = Some((shown, Arc::clone(&published)));
        }
        published
    }
}

impl Keys {
    fn signing(&self, alg: SigningAlg, now: i64) -> Option<&SigningKey> {
        self.all.iter().find(|key| key.alg() == alg && key.validity().may_sign(now))
    }
}

#[async_trait]
impl KeySource for KeyRing {
    /// Our tokens always name their key.
    async fn find(&self, wanted: &Wanted<'_>, now: i64) -> Result<Vec<Arc<PublicKey>>, String> {
        let keys = self.0.load();
        let key = wanted.kid.and_then(|kid| keys.by_kid.get(kid)).map(|at| &keys.all[*at]);
        let key = key.filter(|key| key.validity().is_published(now) && key.verifying().fits(wanted.alg));
        Ok(key.map(|key| Arc::clone(key.verifying())).into_iter().collect())
    }
}

impl std::fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.0.load().all.iter().map(SigningKey::kid)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::{super::testing, *};

    #[test]
    fn the_youngest_active_key_signs_and_all_live_ones_are_published() {
        let key = |generation, created_at, active_from, expires_at| {
            testing::key(SigningAlg::ES256, generation, created_at, active_from, expires_at)
        };
        let ring = KeyRing::new(vec![key(1, 0, 0, Some(1_000)), key(2, 100, 200, None), key(3, 900, 950, None)]);
        let signer = |now| {
            let token = ring.sign(SigningAlg::ES256, "JWT", &json!({}), now).unwrap();
            let header: Value =
                serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap()).unwrap();
            header["kid"].as_str().unwrap().to_owned()
        };
        let published = |now| {
            let jwks: Value = serde_json::from_str(&ring.jwks(now).json).unwrap();
            jwks["keys"].as_array().unwrap().iter().map(|k| k["kid"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!((signer(50), published(50)), ("ES256-1".into(), vec!["ES256-1".into()]));
        assert_eq!((signer(150), published(150)), ("ES256-1".into(), vec!["ES256-2".into(), "ES256-1".into()]));
        assert_eq!(signer(200), "ES256-2");
        assert_eq!(published(920), ["ES256-3", "ES256-2", "ES256-1"]);
        assert_eq!((signer(1_000), published(1_000)), ("ES256-3".into(), vec!["ES256-3".into(), "ES256-2".into()]));
        assert!(Arc::ptr_eq(&ring.jwks(1_000), &ring.jwks(1_001)), "the document is kept");
        assert_ne!(ring.jwks(1_000).etag, ring.jwks(50).etag);
        assert_eq!(ring.sign(SigningAlg::RS256, "JWT", &json!({}), 50).unwrap_err(), SignError::NoKey(SigningAlg::RS256));
        assert!(!ring.jwks(50).json.contains("\"d\""));
    }
}
