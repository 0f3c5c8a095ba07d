//! The provider's keys.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, OnceLock},
};

use aws_lc_rs::{
    rand,
    rsa::KeySize,
    signature::{self, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RsaKeyPair},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as B64};
use serde_json::{Value, json};

/// One of each kind, published together.
pub struct Key {
    pub kid: String,
    rsa: RsaKeyPair,
    ec: EcdsaKeyPair,
}

impl Key {
    fn make(kid: String) -> Self {
        let ec = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        Self { kid, rsa: RsaKeyPair::generate(KeySize::Rsa2048).unwrap(), ec }
    }

    pub fn modulus(&self) -> Vec<u8> {
        self.rsa.public_key().modulus().big_endian_without_leading_zero().to_vec()
    }

    pub fn public(&self) -> [Value; 2] {
        let exponent = self.rsa.public_key().exponent().big_endian_without_leading_zero().to_vec();
        let point: Vec<u8> = self.ec.public_key().as_ref().to_vec();
        [
            json!({"kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.kid, "n": B64.encode(self.modulus()), "e": B64.encode(exponent)}),
            json!({"kty": "EC", "crv": "P-256", "use": "sig", "kid": format!("{}-ec", self.kid),
                   "x": B64.encode(&point[1..33]), "y": B64.encode(&point[33..])}),
        ]
    }

    pub fn rs256(&self, text: &str) -> Vec<u8> {
        let mut signature = vec![0; self.rsa.public_modulus_len()];
        self.rsa.sign(&signature::RSA_PKCS1_SHA256, &rand::SystemRandom::new(), text.as_bytes(), &mut signature).unwrap();
        signature
    }

    pub fn es256(&self, text: &str) -> Vec<u8> {
        self.ec.sign(&rand::SystemRandom::new(), text.as_bytes()).unwrap().as_ref().to_vec()
    }
}

/// The `n`th key: made once for all tests, for making them takes long.
pub fn key(n: usize) -> Arc<Key> {
    static KEYS: OnceLock<Mutex<HashMap<usize, Arc<Key>>>> = OnceLock::new();
    let mut keys = KEYS.get_or_init(Mutex::default).lock().unwrap();
    Arc::clone(keys.entry(n).or_insert_with(|| Arc::new(Key::make(format!("key-{n}")))))
}
