//! XML encryption as a provider does it, and as none should.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use openssl::{
    encrypt::Encrypter,
    hash::MessageDigest,
    pkey::{PKey, Public},
    rand::rand_bytes,
    rsa::Padding,
    symm::{Cipher, encrypt, encrypt_aead},
    x509::X509,
};

use super::dsig::{DS, Digest};

const XENC: &str = "http://www.w3.org/2001/04/xmlenc#";

/// How the assertion is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    Aes128Gcm,
    Aes256Gcm,
    Aes128Cbc,
    Aes256Cbc,
}

/// How its key is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrap {
    /// `rsa-oaep-mgf1p`: SHA-1 for both.
    OaepSha1,
    /// `rsa-oaep-mgf1p` with a SHA-256 digest, SHA-1 in the mask.
    OaepSha256,
    /// `rsa-oaep` of XML Encryption 1.1: SHA-256 for both.
    Oaep11Sha256,
    /// PKCS#1 v1.5.
    Rsa15,
}

#[derive(Clone)]
pub struct Encryption {
    /// Our certificate, in DER.
    pub to: Vec<u8>,
    pub content: Content,
    pub wrap: Wrap,
    /// The `EncryptedKey` beside the `EncryptedData`, not in it.
    pub beside: bool,
    /// Changes the bytes of `CipherValue` (IV, ciphertext, tag).
    pub ciphertext: Option<fn(Vec<u8>) -> Vec<u8>>,
    /// Changes the bytes of the wrapped key.
    pub wrapped: Option<fn(Vec<u8>) -> Vec<u8>>,
}

impl Encryption {
    pub fn new(to: &[u8], content: Content, wrap: Wrap) -> Self {
        Self { to: to.to_vec(), content, wrap, beside: false, ciphertext: None, wrapped: None }
    }

    /// The `saml:EncryptedAssertion` of an assertion.
    pub fn encrypt(&self, assertion: &str) -> String {
        let (cipher, uri) = match self.content {
            Content::Aes128Gcm => (Cipher::aes_128_gcm(), "http://www.w3.org/2009/xmlenc11#aes128-gcm"),
            Content::Aes256Gcm => (Cipher::aes_256_gcm(), "http://www.w3.org/2009/xmlenc11#aes256-gcm"),
            Content::Aes128Cbc => (Cipher::aes_128_cbc(), "http://www.w3.org/2001/04/xmlenc#aes128-cbc"),
            Content::Aes256Cbc => (Cipher::aes_256_cbc(), "http://www.w3.org/2001/04/xmlenc#aes256-cbc"),
        };
        let mut key = vec![0; cipher.key_len()];
        rand_bytes(&mut key).unwrap();
        let mut iv = vec![0; cipher.iv_len().unwrap()];
        rand_bytes(&mut iv).unwrap();
        let mut bytes = iv.clone();
        if matches!(self.content, Content::Aes128Gcm | Content::Aes256Gcm) {
            let mut tag = [0; 16];
            bytes.extend(encrypt_aead(cipher, &key, Some(&iv), &[], assertion.as_bytes(), &mut tag).unwrap());
            bytes.extend(tag);
        } else {
            bytes.extend(encrypt(cipher, &key, Some(&iv), assertion.as_bytes()).unwrap());
        }
        let bytes = self.ciphertext.map_or(bytes.clone(), |change| change(bytes));
        let id = super::provider::new_id();
        let (method, wrapped) = self.wrap(&key);
        let wrapped = self.wrapped.map_or(wrapped.clone(), |change| change(wrapped));
        let encrypted_key = format!(
            "<xenc:EncryptedKey xmlns:xenc=\"{XENC}\" Id=\"{id}\">{method}<xenc:CipherData><xenc:CipherValue>{}</xenc:CipherValue>\
             </xenc:CipherData></xenc:EncryptedKey>",
            STANDARD.encode(wrapped)
        );
        let (inner, beside) = match self.beside {
            false => (encrypted_key, String::new()),
            true => {
                (format!("<ds:RetrievalMethod Type=\"{XENC}EncryptedKey\" URI=\"#{id}\"></ds:RetrievalMethod>"), encrypted_key)
            }
        };
        format!(
            "<saml:EncryptedAssertion xmlns:saml=\"{}\"><xenc:EncryptedData xmlns:xenc=\"{XENC}\" Type=\"{XENC}Element\">\
             <xenc:EncryptionMethod Algorithm=\"{uri}\"></xenc:EncryptionMethod><ds:KeyInfo xmlns:ds=\"{DS}\">{inner}</ds:KeyInfo>\
             <xenc:CipherData><xenc:CipherValue>{}</xenc:CipherValue></xenc:CipherData></xenc:EncryptedData>{beside}\
             </saml:EncryptedAssertion>",
            super::provider::SAML,
            STANDARD.encode(bytes)
        )
    }

    fn wrap(&self, key: &[u8]) -> (String, Vec<u8>) {
        let public: PKey<Public> = X509::from_der(&self.to).unwrap().public_key().unwrap();
        let mut encrypter = Encrypter::new(&public).unwrap();
        let digest = |d: Digest| match d {
            Digest::Sha256 => format!("<ds:DigestMethod xmlns:ds=\"{DS}\" Algorithm=\"{XENC}sha256\"></ds:DigestMethod>"),
            _ => format!("<ds:DigestMethod xmlns:ds=\"{DS}\" Algorithm=\"{DS}sha1\"></ds:DigestMethod>"),
        };
        let (uri, inner) = match self.wrap {
            Wrap::OaepSha1 => (format!("{XENC}rsa-oaep-mgf1p"), digest(Digest::Sha1)),
            Wrap::OaepSha256 => (format!("{XENC}rsa-oaep-mgf1p"), digest(Digest::Sha256)),
            Wrap::Oaep11Sha256 => (
                "http://www.w3.org/2009/xmlenc11#rsa-oaep".to_owned(),
                digest(Digest::Sha256)
                    + "<xenc11:MGF xmlns:xenc11=\"http://www.w3.org/2009/xmlenc11#\" \
                       Algorithm=\"http://www.w3.org/2009/xmlenc11#mgf1sha256\"></xenc11:MGF>",
            ),
            Wrap::Rsa15 => (format!("{XENC}rsa-1_5"), String::new()),
        };
        let (oaep, mask) = match self.wrap {
            Wrap::OaepSha1 | Wrap::Rsa15 => (MessageDigest::sha1(), MessageDigest::sha1()),
            Wrap::OaepSha256 => (MessageDigest::sha256(), MessageDigest::sha1()),
            Wrap::Oaep11Sha256 => (MessageDigest::sha256(), MessageDigest::sha256()),
        };
        if self.wrap == Wrap::Rsa15 {
            encrypter.set_rsa_padding(Padding::PKCS1).unwrap();
        } else {
            encrypter.set_rsa_padding(Padding::PKCS1_OAEP).unwrap();
            encrypter.set_rsa_oaep_md(oaep).unwrap();
            encrypter.set_rsa_mgf1_md(mask).unwrap();
        }
        let mut out = vec![0; encrypter.encrypt_len(key).unwrap()];
        let length = encrypter.encrypt(key, &mut out).unwrap();
        out.truncate(length);
        let method = format!("<xenc:EncryptionMethod Algorithm=\"{uri}\">{inner}</xenc:EncryptionMethod>");
        (method, out)
    }
}
