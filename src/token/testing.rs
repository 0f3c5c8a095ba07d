//! Keys and tokens for this room's tests.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use secrecy::ExposeSecret as _;
use serde_json::Value;

use super::{
    keys::{Pair, SigningKey, Validity},
    material::KeyMaterial,
};
use crate::oauth::client::SigningAlg;

/// A new key whose kid is `{alg}-{generation}`.
pub(super) fn key(alg: SigningAlg, generation: i64, created_at: i64, active_from: i64, expires_at: Option<i64>) -> SigningKey {
    let mut material = KeyMaterial::generate(alg).unwrap();
    material.kid = format!("{}-{generation}", alg.as_str());
    SigningKey::new(&material, Validity { generation, imported: false, created_at, active_from, expires_at }).unwrap()
}

/// A provider's key that signs any header and claims.
pub(super) struct Forge {
    pair: Pair,
    pub(super) jwk: Value,
}

impl Forge {
    pub(super) fn new(alg: SigningAlg, kid: Option<&str>) -> Self {
        let material = KeyMaterial::generate(alg).unwrap();
        let pair = Pair::parse(alg, material.pkcs8.expose_secret()).unwrap();
        let mut jwk = pair.public_jwk();
        if let Some(kid) = kid {
            jwk["kid"] = kid.into();
        }
        Self { pair, jwk }
    }

    /// Signs `header` and `claims` as they stand: texts, so that they can be wrong.
    pub(super) fn sign(&self, header: &str, claims: &str) -> String {
        let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        let signature = self.pair.sign(signed.as_bytes()).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    pub(super) fn jwks(keys: &[&Self]) -> Vec<u8> {
        let keys: Vec<&Value> = keys.iter().map(|k| &k.jwk).collect();
        serde_json::json!({ "keys": keys }).to_string().into_bytes()
    }
}
