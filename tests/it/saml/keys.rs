//! The provider's keys and certificates.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, OnceLock},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use openssl::{
    asn1::Asn1Time,
    bn::{BigNum, MsbOption},
    ec::{EcGroup, EcKey},
    hash::MessageDigest,
    nid::Nid,
    pkey::{PKey, Private},
    rsa::Rsa,
    x509::{X509, X509NameBuilder},
};

/// One of each kind.
pub struct Key {
    pub rsa: PKey<Private>,
    pub ec: PKey<Private>,
    /// Certificates in DER.
    pub rsa_certificate: Vec<u8>,
    pub ec_certificate: Vec<u8>,
}

impl Key {
    fn make() -> Self {
        let rsa = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
        let ec = PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap();
        let (rsa_certificate, ec_certificate) = (certificate(&rsa, LONG), certificate(&ec, LONG));
        Self { rsa, ec, rsa_certificate, ec_certificate }
    }
}

/// Around every test's time.
pub const LONG: (i64, i64) = (1_500_000_000, 2_300_000_000);

/// A certificate of the key itself, in DER.
pub fn certificate(key: &PKey<Private>, (from, until): (i64, i64)) -> Vec<u8> {
    let mut name = X509NameBuilder::new().unwrap();
    name.append_entry_by_text("CN", "idp.example").unwrap();
    let name = name.build();
    let mut serial = BigNum::new().unwrap();
    serial.rand(64, MsbOption::MAYBE_ZERO, false).unwrap();
    let mut builder = X509::builder().unwrap();
    builder.set_version(2).unwrap();
    builder.set_serial_number(&serial.to_asn1_integer().unwrap()).unwrap();
    builder.set_subject_name(&name).unwrap();
    builder.set_issuer_name(&name).unwrap();
    builder.set_pubkey(key).unwrap();
    builder.set_not_before(&Asn1Time::from_unix(from).unwrap()).unwrap();
    builder.set_not_after(&Asn1Time::from_unix(until).unwrap()).unwrap();
    builder.sign(key, MessageDigest::sha256()).unwrap();
    builder.build().to_der().unwrap()
}

/// The `n`th key: made once for all tests, for making them takes long. 0 is the honest provider's.
pub fn key(n: usize) -> Arc<Key> {
    static KEYS: OnceLock<Mutex<HashMap<usize, Arc<Key>>>> = OnceLock::new();
    let mut keys = KEYS.get_or_init(Mutex::default).lock().unwrap();
    Arc::clone(keys.entry(n).or_insert_with(|| Arc::new(Key::make())))
}

/// A certificate as settings take it.
pub fn base64(der: &[u8]) -> String {
    STANDARD.encode(der)
}
