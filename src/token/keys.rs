//! Private keys, parsed once and kept: parsing an RSA key anew for each signature costs three times the signature.

use std::sync::Arc;

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use super::{jwk::PublicKey, material::KeyMaterial};
use crate::oauth::client::SigningAlg;

/// A private key that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the signing key {kid} cannot be used: {cause}")]
pub struct KeyError {
    /// The key's id.
    pub kid: String,
    /// What is wrong.
    pub cause: String,
}

/// A parsed private key.
pub(super) enum Pair {
    Rsa(Box<RsaKeyPair>),
    P256(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl Pair {
    pub(super) fn parse(alg: SigningAlg, pkcs8: &[u8]) -> Result<Self, String> {
        let rejected = |e: aws_lc_rs::error::KeyRejected| format!("it is no {} key in PKCS#8 ({e})", alg.as_str());
        match alg {
            SigningAlg::RS256 => RsaKeyPair::from_pkcs8(pkcs8).map(|k| Self::Rsa(Box::new(k))).map_err(rejected),
            SigningAlg::ES256 => {
                EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8).map(Self::P256).map_err(rejected)
            }
            SigningAlg::EdDSA => Ed25519KeyPair::from_pkcs8_maybe_unchecked(pkcs8).map(Self::Ed25519).map_err(rejected),
        }
    }

    /// The public half as a JWK: only the members that a thumbprint is made of.
    pub(super) fn public_jwk(&self) -> Value {
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        match self {
            Self::Rsa(pair) => {
                let (n, e) = (pair.public_key().modulus(), pair.public_key().exponent());
                let (n, e) = (n.big_endian_without_leading_zero(), e.big_endian_without_leading_zero());
                json!({"kty": "RSA", "n": text(n), "e": text(e)})
            }
            Self::P256(pair) => {
                // An uncompressed point: 4, x, y.
                let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
                json!({"kty": "EC", "crv": "P-256", "x": text(x), "y": text(y)})
            }
            Self::Ed25519(pair) => json!({"kty": "OKP", "crv": "Ed25519", "x": text(pair.public_key().as_ref())}),
        }
    }

    pub(super) fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature).ok().map(|()| signature)
            }
            Self::P256(pair) => pair.sign(&SystemRandom::new(), message).ok().map(|s| s.as_ref().to_vec()),
            Self::Ed25519(pair) => pair.try_sign(message).ok().map(|s| s.as_ref().to_vec()),
        }
    }
}

/// When a key is used; all times are unix seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// Counts the keys of one algorithm; the highest is the youngest.
    pub generation: i64,
    /// Given by the operator: never replaced by age.
    pub imported: bool,
    /// From when it is published.
    pub created_at: i64,
    /// From when it signs, until a younger one does.
    pub active_from: i64,
    /// When it leaves the JWKS and stops verifying; `None` while no successor is planned.
    pub expires_at: Option<i64>,
}

impl Validity {
    /// Whether it is published at `now`, and so verifies.
    #[must_use]
    pub fn is_published(&self, now: i64) -> bool {
        self.created_at <= now && self.expires_at.is_none_or(|at| now < at)
    }

    /// Whether it may sign at `now`.
    #[must_use]
    pub fn may_sign(&self, now: i64) -> bool {
        self.is_published(now) && self.active_from <= now
    }
}

/// A signing key: parsed, with its public half and its times. `Debug` shows nothing private.
pub struct SigningKey {
    kid: String,
    alg: SigningAlg,
    pair: Pair,
    public_jwk: Value,
    verifying: Arc<PublicKey>,
    validity: Validity,
}

impl SigningKey {
    /// Parses `material`.
    ///
    /// # Errors
    /// When it is not a private key of its algorithm.
    pub fn new(material: &KeyMaterial, validity: Validity) -> Result<Self, KeyError> {
        let (kid, alg) = (material.kid.clone(), material.alg);
        let fail = |cause| KeyError { kid: kid.clone(), cause };
        let pair = Pair::parse(alg, material.pkcs8.expose_secret()).map_err(fail)?;
        let mut public_jwk = pair.public_jwk();
        public_jwk["use"] = json!("sig");
        public_jwk["alg"] = json!(alg.as_str());
        public_jwk["kid"] = json!(kid);
        let verifying = Arc::new(PublicKey::from_jwk(&public_jwk).map_err(fail)?);
        Ok(Self { kid, alg, pair, public_jwk, verifying, validity })
    }

    /// Its id.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// Its algorithm.
    #[must_use]
    pub fn alg(&self) -> SigningAlg {
        self.alg
    }

    /// Its times.
    #[must_use]
    pub fn validity(&self) -> &Validity {
        &self.validity
    }

    /// Its public half as it is published: `kty` and members, `use`, `alg`, `kid`.
    #[must_use]
    pub fn public_jwk(&self) -> &Value {
        &self.public_jwk
    }

    pub(super) fn verifying(&self) -> &Arc<PublicKey> {
        &self.verifying
    }

    pub(super) fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        self.pair.sign(message)
    }
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { kid, alg, validity, .. } = self;
        f.debug_struct("SigningKey").field("kid", kid).field("alg", alg).field("validity", validity).finish_non_exhaustive()
    }
}
