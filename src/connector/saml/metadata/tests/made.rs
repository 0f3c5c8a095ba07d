//! Keys and certificates for tests.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use openssl::{
    asn1::Asn1Time,
    bn::BigNum,
    ec::{EcGroup, EcKey},
    hash::MessageDigest,
    nid::Nid,
    pkey::{PKey, Private},
    rsa::Rsa,
    x509::{X509, X509Name},
};

/// Unix seconds at which the tests are.
pub const NOW: i64 = 1_800_000_000;

pub fn rsa(bits: u32) -> PKey<Private> {
    PKey::from_rsa(Rsa::generate(bits).unwrap()).unwrap()
}

pub fn ec(curve: Nid) -> PKey<Private> {
    PKey::from_ec_key(EcKey::generate(&EcGroup::from_curve_name(curve).unwrap()).unwrap()).unwrap()
}

/// A self-signed certificate that ends at `not_after`.
pub fn certificate(key: &PKey<Private>, name: &str, not_after: i64) -> Vec<u8> {
    issued(key, name, key, name, not_after)
}

/// A certificate of `key` that `issuer` signs.
pub fn issued(key: &PKey<Private>, name: &str, issuer: &PKey<Private>, issuer_name: &str, not_after: i64) -> Vec<u8> {
    let named = |text: &str| {
        let mut name = X509Name::builder().unwrap();
        name.append_entry_by_nid(Nid::COMMONNAME, text).unwrap();
        name.build()
    };
    let mut x509 = X509::builder().unwrap();
    x509.set_version(2).unwrap();
    x509.set_serial_number(&BigNum::from_u32(7).unwrap().to_asn1_integer().unwrap()).unwrap();
    x509.set_subject_name(&named(name)).unwrap();
    x509.set_issuer_name(&named(issuer_name)).unwrap();
    x509.set_not_before(&Asn1Time::from_unix(NOW - 400 * 86_400).unwrap()).unwrap();
    x509.set_not_after(&Asn1Time::from_unix(not_after).unwrap()).unwrap();
    x509.set_pubkey(key).unwrap();
    x509.sign(issuer, MessageDigest::sha256()).unwrap();
    x509.build().to_der().unwrap()
}

/// A fresh certificate over a fresh key, valid for a year, in base64.
pub fn fresh() -> String {
    STANDARD.encode(certificate(&ec(Nid::X9_62_PRIME256V1), "Synthetic Signing", NOW + 365 * 86_400))
}
