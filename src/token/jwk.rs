//! Public keys that verify signatures, read from JSON Web Keys (RFC 7517), and where they come from.

use std::sync::Arc;

use async_trait::async_trait;
use aws_lc_rs::digest;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value};

use super::{alg::Alg, verifying::Verifying};

/// Longest signature in bytes: that of an RSA key of 8192 bits.
const SIGNATURE_LIMIT: usize = 1024;

/// What a token says about the key it was signed with.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The key's id, if the token names one. It is compared, and nothing else: never a path, a URL or a query.
    pub kid: Option<&'a str>,
    /// The algorithm.
    pub alg: Alg,
}

/// The keys of one issuer.
#[async_trait]
pub trait KeySource: Send + Sync {
    /// Keys that fit `wanted`; none when the issuer has no such key. `now` is unix seconds.
    ///
    /// # Errors
    /// In words, when the keys cannot be had.
    async fn find(&self, wanted: &Wanted<'_>, now: i64) -> Result<Vec<Arc<PublicKey>>, String>;

    /// Whether any are known that may still be used.
    fn has_any(&self, now: i64) -> bool {
        let _ = now;
        true
    }

    /// Fetches what has never been tried to be fetched, so that the first token need not wait for it.
    async fn warm(&self, now: i64) {
        let _ = now;
    }

    /// Seconds until those that cannot be had may be asked for again.
    fn again_in(&self, now: i64) -> i64 {
        let _ = now;
        0
    }

    /// After a signature did not verify: whether there may be other keys now.
    async fn renew(&self, now: i64) -> bool {
        let _ = now;
        false
    }
}

/// A public key, parsed and checked.
#[derive(Clone, Debug)]
pub struct PublicKey {
    kid: Option<String>,
    only: Option<Alg>,
    issuer: Option<String>,
    verifying: Verifying,
}

impl PublicKey {
    /// Reads one JWK. Members besides the key's own (`x5c`, `x5u`, …) are ignored.
    ///
    /// # Errors
    /// In words, when it is no public signature key: symmetric, for encryption, too short, of an unknown type or curve,
    /// not on its curve.
    pub fn from_jwk(jwk: &Value) -> Result<Self, String> {
        let jwk = jwk.as_object().ok_or("is not a JSON object")?;
        let text = |name: &str| jwk.get(name).and_then(Value::as_str);
        if text("use").is_some_and(|u| u != "sig") {
            return Err("is not for signatures (use)".to_owned());
        }
        if jwk.get("key_ops").and_then(Value::as_array).is_some_and(|ops| !ops.iter().any(|op| op == "verify")) {
            return Err("is not for verification (key_ops)".to_owned());
        }
        let only = match text("alg") {
            Some(name) => Some(Alg::from_name(name).ok_or("has an algorithm that gatehouse does not verify")?),
            None => None,
        };
        let verifying = match (text("kty"), text("crv")) {
            (Some("RSA"), _) => rsa(jwk)?,
            (Some("EC"), Some("P-256")) => Verifying::p256(&point(jwk, 32)?)?,
            (Some("EC"), Some("P-384")) => Verifying::p384(&point(jwk, 48)?)?,
            (Some("EC"), Some("P-521")) => Verifying::p521(&point(jwk, 66)?)?,
            (Some("OKP"), Some("Ed25519")) => ed25519(jwk)?,
            (Some("oct"), _) => return Err("is a symmetric key".to_owned()),
            _ => return Err("is of a type or curve that gatehouse does not know".to_owned()),
        };
        let kid = text("kid").filter(|kid| !kid.is_empty()).map(str::to_owned);
        let key = Self { kid, only, issuer: text("issuer").map(str::to_owned), verifying };
        match only {
            Some(alg) if !key.verifying.suits(alg) => Err(format!("has an algorithm ({alg}) that its type cannot")),
            _ => Ok(key),
        }
    }

    /// The key's id.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The `issuer` member that Entra puts on keys: only tokens of this issuer may be signed with it. It may hold
    /// `{tenantid}`.
    #[must_use]
    pub fn issuer(&self) -> Option<&str> {
        self.issuer.as_deref()
    }

    /// Whether `alg` is one of this key's: a key is good for the algorithms of its type, and only for the one that its
    /// JWK names.
    #[must_use]
    pub fn fits(&self, alg: Alg) -> bool {
        self.verifying.suits(alg) && self.only.is_none_or(|only| only == alg)
    }

    /// Whether `signature` (base64url) is this key's over `message`.
    pub(super) fn verifies(&self, message: &[u8], signature: &str, alg: Alg) -> bool {
        if !self.fits(alg) {
            return false;
        }
        // The decoder wants room for what it has not yet looked at.
        let mut bytes = [0; SIGNATURE_LIMIT + 2];
        let Ok(length) = URL_SAFE_NO_PAD.decode_slice(signature, &mut bytes) else { return false };
        bytes.get(..length).is_some_and(|signature| self.verifying.verifies(alg, message, signature))
    }
}

/// The keys that fit: those with the kid asked for, else those that have none (a set may name its keys or not).
pub(super) fn choose(keys: &[Arc<PublicKey>], wanted: &Wanted<'_>) -> Vec<Arc<PublicKey>> {
    let fitting = || keys.iter().filter(|key| key.fits(wanted.alg));
    let Some(kid) = wanted.kid else { return fitting().cloned().collect() };
    let named: Vec<_> = fitting().filter(|key| key.kid() == Some(kid)).cloned().collect();
    if named.is_empty() { fitting().filter(|key| key.kid().is_none()).cloned().collect() } else { named }
}

/// A JWK thumbprint with SHA-256 (RFC 7638, RFC 8037 §2) as base64url, of public or private keys; `None` when members
/// are missing.
#[must_use]
pub fn thumbprint(jwk: &Value) -> Option<String> {
    let names: &[&str] = match jwk.get("kty")?.as_str()? {
        "RSA" => &["e", "kty", "n"],
        "EC" => &["crv", "kty", "x", "y"],
        "OKP" => &["crv", "kty", "x"],
        _ => return None,
    };
    let member = |name: &&str| Some(format!("{}:{}", Value::from(*name), Value::from(jwk.get(*name)?.as_str()?)));
    let members: Option<Vec<String>> = names.iter().map(member).collect();
    let text = format!("{{{}}}", members?.join(","));
    Some(URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, text.as_bytes())))
}

/// A base64url member; padding, which some providers add, is ignored.
pub(super) fn bytes(jwk: &Map<String, Value>, name: &str) -> Result<Vec<u8>, String> {
    let text = jwk.get(name).and_then(Value::as_str).ok_or_else(|| format!("has no {name}"))?;
    URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).map_err(|_| format!("has a {name} that is not base64url"))
}

fn rsa(jwk: &Map<String, Value>) -> Result<Verifying, String> {
    let (n, e) = (bytes(jwk, "n")?, bytes(jwk, "e")?);
    let strip = |b: &[u8]| b.iter().position(|&b| b != 0).map_or(Vec::new(), |at| b[at..].to_vec());
    let (n, e) = (strip(&n), strip(&e));
    let bits = n.len() * 8 - n.first().map_or(0, |b| b.leading_zeros() as usize);
    if !(2048..=8192).contains(&bits) {
        return Err(format!("has {bits} bits; RSA keys of 2048 to 8192 bits are accepted"));
    }
    if n.last().is_none_or(|b| b % 2 == 0) || e.last().is_none_or(|b| b % 2 == 0) || e == [1] || e.len() > 4 {
        return Err("has an impossible modulus or exponent".to_owned());
    }
    Verifying::rsa(n, e)
}

fn point(jwk: &Map<String, Value>, size: usize) -> Result<Vec<u8>, String> {
    let (x, y) = (bytes(jwk, "x")?, bytes(jwk, "y")?);
    if x.len() != size || y.len() != size {
        return Err(format!("has coordinates that are not {size} bytes"));
    }
    Ok([&[4][..], &x, &y].concat())
}

fn ed25519(jwk: &Map<String, Value>) -> Result<Verifying, String> {
    let x = bytes(jwk, "x")?;
    if x.len() != 32 {
        return Err("has an x that is not 32 bytes".to_owned());
    }
    Verifying::ed25519(&x)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn thumbprints_are_those_of_the_rfcs() {
        let rsa = json!({"kty": "RSA", "alg": "RS256", "kid": "2011-04-29", "e": "AQAB", "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"});
        assert_eq!(thumbprint(&rsa).unwrap(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
        let ed = json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
        assert_eq!(thumbprint(&ed).unwrap(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
        assert!(PublicKey::from_jwk(&rsa).unwrap().fits(Alg::RS256) && !PublicKey::from_jwk(&rsa).unwrap().fits(Alg::PS256));
        assert!(PublicKey::from_jwk(&ed).unwrap().fits(Alg::EdDSA));
    }

    #[test]
    fn a_key_on_p_521_is_good_for_es512_alone() {
        use aws_lc_rs::{
            rand::SystemRandom,
            signature::{ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _},
        };
        let pair = EcdsaKeyPair::generate(&ECDSA_P521_SHA512_FIXED_SIGNING).unwrap();
        let (x, y) = pair.public_key().as_ref()[1..].split_at(66);
        let jwk = json!({"kty": "EC", "crv": "P-521", "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y)});
        let key = PublicKey::from_jwk(&jwk).unwrap();
        let sign = |text: &[u8]| URL_SAFE_NO_PAD.encode(pair.sign(&SystemRandom::new(), text).unwrap());
        assert!(key.verifies(b"text", &sign(b"text"), Alg::ES512));
        assert!(!key.verifies(b"text", &sign(b"other"), Alg::ES512));
        let fits: Vec<_> = Alg::ALL.into_iter().filter(|alg| key.fits(*alg)).collect();
        assert_eq!(fits, [Alg::ES512]);
        assert!(PublicKey::from_jwk(&json!({"kty": "EC", "crv": "P-256", "x": jwk["x"], "y": jwk["y"]})).is_err());
    }

    #[test]
    fn refuses_what_cannot_verify() {
        let n = |bytes: usize| URL_SAFE_NO_PAD.encode(vec![0xff; bytes]);
        let good = json!({"kty": "RSA", "n": n(256), "e": "AQAB"});
        PublicKey::from_jwk(&good).unwrap();
        let but = |name: &str, value: Value| {
            let mut jwk = good.clone();
            jwk[name] = value;
            jwk
        };
        for bad in [
            but("use", json!("enc")),
            but("key_ops", json!(["encrypt"])),
            but("alg", json!("RSA-OAEP")),
            but("alg", json!("HS256")),
            but("alg", json!("ES256")),
            but("n", json!(n(128))),
            but("n", json!(n(2048))),
            but("n", json!("")),
            but("n", json!(5)),
            but("n", json!("&&")),
            but("e", json!("AQ")),
            but("e", json!("Ag")),
            but("e", json!("")),
            but("kty", json!("oct")),
            but("kty", json!("EC")),
            json!({"kty": "EC", "crv": "P-256", "x": n(32), "y": n(32)}),
            json!({"kty": "EC", "crv": "P-256", "x": n(31), "y": n(33)}),
            json!({"kty": "EC", "crv": "secp256k1", "x": n(32), "y": n(32)}),
            json!({"kty": "OKP", "crv": "X25519", "x": n(32)}),
            json!({"kty": "oct", "k": "AAAA"}),
            json!("text"),
            json!(null),
        ] {
            assert!(PublicKey::from_jwk(&bad).is_err(), "{bad}");
        }
    }
}
