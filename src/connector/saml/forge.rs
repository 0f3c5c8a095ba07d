//! Keys, certificates and signatures for the tests of this room.

use openssl::{
    asn1::Asn1Time,
    base64::encode_block,
    bn::BigNum,
    ec::{EcGroup, EcKey},
    hash::MessageDigest,
    md::Md,
    nid::Nid,
    pkey::{PKey, Private},
    pkey_ctx::PkeyCtx,
    symm::{Cipher, encrypt, encrypt_aead},
    x509::{X509, X509NameBuilder},
};
use samael::crypto::{Crypto, CryptoProvider};

use super::{
    credentials::{Credential, Usage},
    names::{
        AES128_CBC, AES128_GCM, AES192_GCM, AES256_GCM, DS, ENCRYPTED_ELEMENT, ENVELOPED, EXCLUSIVE, MGF1_SHA256, OAEP_MGF1P,
        RSA_SHA256, SAML, SHA256, XENC, XENC11,
    },
};

/// A provider's key with its certificate.
pub struct Signer {
    pub key: PKey<Private>,
    pub certificate: Vec<u8>,
}

impl Signer {
    pub fn rsa(bits: u32) -> Self {
        Self::of(PKey::from_rsa(openssl::rsa::Rsa::generate(bits).unwrap()).unwrap())
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

/// A key of ours that assertions are encrypted to.
pub fn credential() -> Credential {
    let Signer { key, certificate } = Signer::rsa(2048);
    Credential { usage: Usage::Encrypt, key, certificate, created_at: 0, active_from: 0, expires_at: None }
}

/// How to encrypt.
#[derive(Clone, Copy)]
pub struct Sealed {
    pub cipher: &'static str,
    pub transport: &'static str,
    pub digest: Option<&'static str>,
    pub mask: Option<&'static str>,
    /// The document does not tell the mask.
    pub hide_mask: bool,
    /// The key stands beside the data, which points to it.
    pub beside: bool,
}

impl Default for Sealed {
    fn default() -> Self {
        Self { cipher: AES256_GCM, transport: OAEP_MGF1P, digest: None, mask: None, hide_mask: false, beside: false }
    }
}

impl Sealed {
    fn cipher(&self) -> Cipher {
        match self.cipher {
            AES128_GCM => Cipher::aes_128_gcm(),
            AES192_GCM => Cipher::aes_192_gcm(),
            AES256_GCM => Cipher::aes_256_gcm(),
            AES128_CBC => Cipher::aes_128_cbc(),
            _ => Cipher::aes_256_cbc(),
        }
    }

    pub fn key_len(&self) -> usize {
        self.cipher().key_len()
    }

    /// The bytes of a CipherValue.
    pub fn content(&self, key: &[u8], text: &[u8]) -> Vec<u8> {
        if self.cipher.ends_with("cbc") {
            return [vec![9; 16], encrypt(self.cipher(), key, Some(&[9; 16]), text).unwrap()].concat();
        }
        let mut tag = [0; 16];
        let sealed = encrypt_aead(self.cipher(), key, Some(&[9; 12]), &[], text, &mut tag).unwrap();
        [vec![9; 12], sealed, tag.to_vec()].concat()
    }

    /// An EncryptedAssertion of `text` to `ours`.
    pub fn to(&self, ours: &Credential, text: &str) -> String {
        let key = &[7; 32][..self.key_len()];
        self.with(ours, key, &self.content(key, text.as_bytes()))
    }

    /// An EncryptedAssertion of those bytes.
    pub fn with(&self, ours: &Credential, key: &[u8], bytes: &[u8]) -> String {
        let md = |name: Option<&str>| if matches!(name, Some(SHA256 | MGF1_SHA256)) { Md::sha256() } else { Md::sha1() };
        let mut context = PkeyCtx::new(&ours.key).unwrap();
        context.encrypt_init().unwrap();
        context.set_rsa_padding(openssl::rsa::Padding::PKCS1_OAEP).unwrap();
        context.set_rsa_oaep_md(md(self.digest)).unwrap();
        context.set_rsa_mgf1_md(md(self.mask)).unwrap();
        let mut wrapped = Vec::new();
        context.encrypt_to_vec(key, &mut wrapped).unwrap();
        let digest = self.digest.map(|d| format!("<d:DigestMethod Algorithm=\"{d}\"/>")).unwrap_or_default();
        let mask = self.mask.filter(|_| !self.hide_mask);
        let mask = mask.map(|m| format!("<m:MGF xmlns:m=\"{XENC11}\" Algorithm=\"{m}\"/>")).unwrap_or_default();
        let value = |bytes: &[u8]| format!("<x:CipherData><x:CipherValue>{}</x:CipherValue></x:CipherData>", encode_block(bytes));
        let encrypted_key = format!(
            "<x:EncryptedKey{}><x:EncryptionMethod Algorithm=\"{}\">{digest}{mask}</x:EncryptionMethod>{}</x:EncryptedKey>",
            if self.beside { " Id=\"_key\"" } else { "" },
            self.transport,
            value(&wrapped)
        );
        let pointer = "<d:RetrievalMethod URI=\"#_key\"/>".to_owned();
        let (inside, beside) = if self.beside { (pointer, encrypted_key) } else { (encrypted_key, String::new()) };
        format!(
            "<s:EncryptedAssertion xmlns:s=\"{SAML}\"><x:EncryptedData xmlns:x=\"{XENC}\" xmlns:d=\"{DS}\" \
             Type=\"{ENCRYPTED_ELEMENT}\"><x:EncryptionMethod Algorithm=\"{}\"/><d:KeyInfo>{inside}</d:KeyInfo>{}</x:EncryptedData>\
             {}</s:EncryptedAssertion>",
            self.cipher,
            value(bytes),
            beside.replace("<x:EncryptedKey", &format!("<x:EncryptedKey xmlns:x=\"{XENC}\" xmlns:d=\"{DS}\""))
        )
    }
}
