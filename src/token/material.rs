//! Private key material: made here, or imported from a private JWKS. It is kept as PKCS#8, sealed by whoever stores it.

use aws_lc_rs::{
    encoding::AsDer as _,
    rsa::KeySize,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RsaKeyPair},
};
use rsa::{BigUint, RsaPrivateKey, pkcs8::EncodePrivateKey as _};
use secrecy::{ExposeSecret as _, SecretSlice};
use serde_json::{Map, Value};

use super::{
    jwk::{PublicKey, bytes, thumbprint},
    keys::{KeyError, Pair},
};
use crate::oauth::client::SigningAlg;

const KID_LIMIT: usize = 128;

/// A private key that is not yet parsed.
#[derive(Clone, Debug)]
pub struct KeyMaterial {
    /// Its id: the RFC 7638 thumbprint unless an imported key brought its own.
    pub kid: String,
    /// The one algorithm it signs with.
    pub alg: SigningAlg,
    /// PKCS#8 in DER; `Debug` does not show it, and it is wiped when dropped.
    pub pkcs8: SecretSlice<u8>,
}

impl KeyMaterial {
    /// Makes a new key: P-256, RSA of 2048 bits, or Ed25519. RSA takes a tenth of a second or more, so call it where
    /// blocking is allowed.
    ///
    /// # Errors
    /// When the cryptographic library fails.
    pub fn generate(alg: SigningAlg) -> Result<Self, KeyError> {
        let failed = |_| KeyError { kid: "(new)".to_owned(), cause: "key generation failed".to_owned() };
        let pkcs8 = match alg {
            SigningAlg::RS256 => RsaKeyPair::generate(KeySize::Rsa2048).and_then(|k| k.as_der()).map(|d| d.as_ref().to_vec()),
            SigningAlg::ES256 => {
                EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).and_then(|k| k.to_pkcs8v1()).map(|d| d.as_ref().to_vec())
            }
            SigningAlg::EdDSA => Ed25519KeyPair::generate().and_then(|k| k.to_pkcs8v1()).map(|d| d.as_ref().to_vec()),
        };
        let pkcs8 = pkcs8.map_err(failed)?;
        let jwk = Pair::parse(alg, &pkcs8).map_err(|cause| KeyError { kid: "(new)".to_owned(), cause })?.public_jwk();
        Ok(Self { kid: thumbprint(&jwk).unwrap_or_default(), alg, pkcs8: pkcs8.into() })
    }
}

/// A private JWKS that cannot be imported; names the key by position and kid, never by content.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    /// Not a JWKS.
    #[error("the private JWKS is not JSON of the form {{\"keys\": [...]}}: {0}")]
    Document(String),
    /// One key.
    #[error("{key} of the private JWKS {cause}")]
    Key {
        /// Which.
        key: String,
        /// What is wrong, and what is wanted.
        cause: String,
    },
}

/// Reads a private JWKS (RFC 7517 §5): RSA of 2048 to 4096 bits, EC on P-256, OKP Ed25519. Each key is tried out before
/// it is accepted. A key without `kid` gets its RFC 7638 thumbprint.
///
/// # Errors
/// For the first key that is no private signature key of these kinds, does not fit together, or repeats a kid.
pub fn import_jwks(text: &str) -> Result<Vec<KeyMaterial>, ImportError> {
    let document = |cause: &str| ImportError::Document(cause.to_owned());
    let json: Value = serde_json::from_str(text).map_err(|e| {
        // The parser's own text may quote the document.
        document(&format!("reading stopped at line {}, column {}", e.line(), e.column()))
    })?;
    let keys = json.get("keys").and_then(Value::as_array).ok_or_else(|| document("there is no array named keys"))?;
    if keys.is_empty() {
        return Err(document("it holds no key"));
    }
    let mut all: Vec<KeyMaterial> = Vec::new();
    for (at, jwk) in keys.iter().enumerate() {
        let kid = jwk.get("kid").and_then(Value::as_str);
        let key = kid.map_or(format!("key {}", at + 1), |kid| format!("key {} (kid {:?})", at + 1, shorten(kid)));
        let material = read_key(jwk).map_err(|cause| ImportError::Key { key: key.clone(), cause })?;
        if all.iter().any(|other| other.kid == material.kid) {
            return Err(ImportError::Key { key, cause: "has the kid of an earlier key; give each its own".to_owned() });
        }
        all.push(material);
    }
    Ok(all)
}

fn shorten(kid: &str) -> String {
    kid.chars().take(40).collect()
}

fn read_key(jwk: &Value) -> Result<KeyMaterial, String> {
    let members = jwk.as_object().ok_or("is not a JSON object")?;
    let text = |name: &str| members.get(name).and_then(Value::as_str);
    let alg = match (text("kty"), text("crv")) {
        (Some("RSA"), _) => SigningAlg::RS256,
        (Some("EC"), Some("P-256")) => SigningAlg::ES256,
        (Some("OKP"), Some("Ed25519")) => SigningAlg::EdDSA,
        (Some("oct"), _) => return Err("is a symmetric key; tokens are signed with private keys only".to_owned()),
        _ => return Err("is of a type or curve that gatehouse does not sign with; use RSA, EC P-256 or OKP Ed25519".to_owned()),
    };
    if text("use").is_some_and(|u| u != "sig") {
        return Err("is not for signatures; its use must be sig".to_owned());
    }
    if text("alg").is_some_and(|name| name != alg.as_str() && !(alg == SigningAlg::EdDSA && name == "Ed25519")) {
        return Err(format!("has another alg than {}, which is what a key of its type signs with", alg.as_str()));
    }
    if !members.contains_key("d") {
        return Err("is a public key; its private member d is missing".to_owned());
    }
    let pkcs8 = match alg {
        SigningAlg::RS256 => rsa_pkcs8(members)?,
        SigningAlg::ES256 => {
            let (d, x, y) = (bytes(members, "d")?, bytes(members, "x")?, bytes(members, "y")?);
            let point = [&[4][..], &x, &y].concat();
            let pair = EcdsaKeyPair::from_private_key_and_public_key(&ECDSA_P256_SHA256_FIXED_SIGNING, &d, &point);
            let pair = pair.map_err(|_| "has members d, x and y that do not fit together")?;
            pair.to_pkcs8v1().map_err(|_| "cannot be written as PKCS#8")?.as_ref().to_vec()
        }
        SigningAlg::EdDSA => {
            let pair = Ed25519KeyPair::from_seed_and_public_key(&bytes(members, "d")?, &bytes(members, "x")?);
            let pair = pair.map_err(|_| "has members d and x that do not fit together")?;
            pair.to_pkcs8v1().map_err(|_| "cannot be written as PKCS#8")?.as_ref().to_vec()
        }
    };
    let pkcs8 = SecretSlice::from(pkcs8);
    let pair = Pair::parse(alg, pkcs8.expose_secret())?;
    let public = pair.public_jwk();
    let signature = pair.sign(b"trial").map(|s| base64::Engine::encode(&base64::prelude::BASE64_URL_SAFE_NO_PAD, s));
    let verifying = PublicKey::from_jwk(&public)?;
    if !signature.is_some_and(|s| verifying.verifies(b"trial", &s, alg.into())) {
        return Err("does not verify what it signs".to_owned());
    }
    let kid = match members.get("kid") {
        None => thumbprint(&public).unwrap_or_default(),
        Some(Value::String(kid)) if (1..=KID_LIMIT).contains(&kid.len()) => kid.clone(),
        Some(_) => return Err(format!("has a kid that is not a string of 1 to {KID_LIMIT} bytes")),
    };
    Ok(KeyMaterial { kid, alg, pkcs8 })
}

fn rsa_pkcs8(members: &Map<String, Value>) -> Result<Vec<u8>, String> {
    let number = |name: &str| bytes(members, name).map(|b| BigUint::from_bytes_be(&b));
    let (n, e, d) = (number("n")?, number("e")?, number("d")?);
    if !(2048..=4096).contains(&n.bits()) {
        return Err(format!("has {} bits; RSA keys of 2048 to 4096 bits are accepted", n.bits()));
    }
    if e.bits() < 2 || e.bits() > 32 || d.bits() < 2 || d >= n {
        return Err("has an impossible exponent".to_owned());
    }
    let primes = if members.contains_key("p") || members.contains_key("q") { vec![number("p")?, number("q")?] } else { vec![] };
    let key = RsaPrivateKey::from_components(n, e, d, primes).map_err(|_| "has members that do not fit together")?;
    key.to_pkcs8_der().map(|der| der.as_bytes().to_vec()).map_err(|_| "cannot be written as PKCS#8".to_owned())
}

#[cfg(test)]
mod tests {
    use rsa::traits::{PrivateKeyParts as _, PublicKeyParts as _};
    use serde_json::json;

    use super::*;

    fn b64(bytes: &[u8]) -> String {
        base64::Engine::encode(&base64::prelude::BASE64_URL_SAFE_NO_PAD, bytes)
    }

    /// RFC 8037 A.1 and RFC 7515 A.3.
    fn published() -> (Value, Value) {
        let ed = json!({"kty": "OKP", "crv": "Ed25519", "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
            "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
        let ec = json!({"kty": "EC", "crv": "P-256", "kid": "ec-1", "use": "sig",
            "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
            "d": "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"});
        (ed, ec)
    }

    fn rsa_jwk() -> Value {
        use rsa::pkcs8::DecodePrivateKey as _;
        let made = KeyMaterial::generate(SigningAlg::RS256).unwrap();
        let key = RsaPrivateKey::from_pkcs8_der(made.pkcs8.expose_secret()).unwrap();
        let [p, q] = key.primes() else { panic!("two primes") };
        json!({"kty": "RSA", "kid": "rsa-1", "alg": "RS256", "n": b64(&key.n().to_bytes_be()), "e": "AQAB",
            "d": b64(&key.d().to_bytes_be()), "p": b64(&p.to_bytes_be()), "q": b64(&q.to_bytes_be())})
    }

    fn import(keys: &[Value]) -> Result<Vec<KeyMaterial>, ImportError> {
        import_jwks(&json!({ "keys": keys }).to_string())
    }

    #[test]
    fn imports_every_kind() {
        let (ed, ec) = published();
        let rsa = rsa_jwk();
        let keys = import(&[ed, ec, rsa.clone()]).unwrap();
        let kids: Vec<_> = keys.iter().map(|k| k.kid.as_str()).collect();
        assert_eq!(kids, ["kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k", "ec-1", "rsa-1"]);
        let public = Pair::parse(SigningAlg::RS256, keys[2].pkcs8.expose_secret()).unwrap().public_jwk();
        assert_eq!(public["n"], rsa["n"]);
        let mut bare = rsa;
        for name in ["p", "q", "kid", "alg"] {
            bare.as_object_mut().unwrap().remove(name);
        }
        assert_eq!(import(&[bare.clone()]).unwrap()[0].kid, thumbprint(&bare).unwrap());
        assert!(!format!("{keys:?}").contains("48, 130"), "Debug shows no key");
    }

    #[test]
    fn names_the_key_and_the_cause() {
        let (ed, ec) = published();
        let but = |jwk: &Value, name: &str, value: Value| {
            let mut jwk = jwk.clone();
            match value {
                Value::Null => drop(jwk.as_object_mut().unwrap().remove(name)),
                value => jwk[name] = value,
            }
            jwk
        };
        let rsa = rsa_jwk();
        for (bad, cause) in [
            (but(&ed, "d", Value::Null), "is a public key"),
            (but(&ed, "x", ec["x"].clone()), "do not fit together"),
            (but(&ec, "d", ed["d"].clone()), "do not fit together"),
            (but(&ec, "x", ed["x"].clone()), "do not fit together"),
            (but(&ec, "crv", json!("P-521")), "type or curve"),
            (but(&ec, "alg", json!("RS256")), "has another alg than ES256"),
            (but(&ec, "use", json!("enc")), "is not for signatures"),
            (but(&ec, "kid", json!(7)), "has a kid"),
            (but(&rsa, "d", json!("AQAC")), "do not fit together"),
            (but(&rsa, "q", rsa["p"].clone()), "do not fit together"),
            (but(&rsa, "q", Value::Null), "has no q"),
            (but(&rsa, "n", json!("AQAB")), "has 17 bits"),
            (but(&rsa, "e", json!("AQ")), "impossible exponent"),
            (but(&rsa, "d", json!("%%")), "not base64url"),
            (json!({"kty": "oct", "k": "c2VjcmV0", "kid": "hs"}), "symmetric"),
            (json!(1), "is not a JSON object"),
        ] {
            let error = import(&[json!(ed), bad.clone()]).unwrap_err().to_string();
            assert!(error.starts_with("key 2") && error.contains(cause), "{error}");
        }
        assert!(import(&[ec.clone(), ec.clone()]).unwrap_err().to_string().contains("kid of an earlier key"));
        for bad in ["", "{}", "[]", r#"{"keys": []}"#, r#"{"keys": 5}"#, "{\"keys\": [\"secret"] {
            let error = import_jwks(bad).unwrap_err();
            assert!(matches!(&error, ImportError::Document(_)) && !error.to_string().contains("secret"), "{error}");
        }
    }
}
