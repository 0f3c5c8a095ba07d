//! Keys, certificates and signatures for the tests of this room.

use openssl::{
    asn1::Asn1Time,
    bn::BigNum,
    ec::{EcGroup, EcKey},
    hash::MessageDigest,
    nid::Nid,
    pkey::{PKey, Private},
    rsa::Rsa,
    x509::{X509, X509NameBuilder},
};
use samael::crypto::{Crypto, CryptoProvider};

use super::names::{ENVELOPED, EXCLUSIVE, RSA_SHA256, SHA256};

/// A provider's key with its certificate.
pub struct Signer {
    pub key: PKey<Private>,
    pub certificate: Vec<u8>,
}

impl Signer {
    pub fn rsa(bits: u32) -> Self {
        Self::of(PKey::from_rsa(Rsa::generate(bits).unwrap()).unwrap())
    }

    pub fn ec() -> Self {
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
        Self::of(PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap())
    }

    fn of(key: PKey<Private>) -> Self {
        let mut name = X509NameBuilder::new().unwrap();
        name.append_entry_by_nid(Nid::COMMONNAME, "provider.test").unwrap();
        let name = name.build();
        let mut builder = X509::builder().unwrap();
        builder.set_version(2).unwrap();
        builder.set_serial_number(&BigNum::from_u32(1).unwrap().to_asn1_integer().unwrap()).unwrap();
        builder.set_subject_name(&name).unwrap();
        builder.set_issuer_name(&name).unwrap();
        builder.set_pubkey(&key).unwrap();
        builder.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
        builder.set_not_after(&Asn1Time::days_from_now(365).unwrap()).unwrap();
        builder.sign(&key, MessageDigest::sha256()).unwrap();
        Self { certificate: builder.build().to_der().unwrap(), key }
    }

    /// `xml` with the first template of a signature in it filled.
    pub fn fill(&self, xml: &str) -> String {
        let filled = Crypto::sign_xml(xml, &self.key.private_key_to_der().unwrap()).unwrap();
        filled
            .trim_start_matches("<?xml version=\"1.0\" encoding=\"UTF-8\"?>")
            .trim_start_matches("<?xml version=\"1.0\"?>")
            .trim()
            .to_owned()
    }
}

/// An unfilled signature over the element `id`.
pub fn template(id: &str) -> String {
    template_with(id, RSA_SHA256, SHA256)
}

/// The same with other algorithms.
pub fn template_with(id: &str, method: &str, digest: &str) -> String {
    format!(
        "<ds:Signature xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"><ds:SignedInfo>\
         <ds:CanonicalizationMethod Algorithm=\"{EXCLUSIVE}\"/><ds:SignatureMethod Algorithm=\"{method}\"/>\
         <ds:Reference URI=\"#{id}\"><ds:Transforms><ds:Transform Algorithm=\"{ENVELOPED}\"/>\
         <ds:Transform Algorithm=\"{EXCLUSIVE}\"/></ds:Transforms><ds:DigestMethod Algorithm=\"{digest}\"/>\
         <ds:DigestValue/></ds:Reference></ds:SignedInfo><ds:SignatureValue/></ds:Signature>"
    )
}
