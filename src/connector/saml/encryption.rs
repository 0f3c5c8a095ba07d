//! Encrypted assertions (XML Encryption 1.1): a content key wrapped by RSA-OAEP to one of our certificates, and the
//! assertion under it. The ciphers are OpenSSL's.
//!
//! Nobody may learn from our answers why a decryption failed (padding oracles: "How to Break XML Encryption", 2011): there
//! is one error for all of it, a wrapped key that does not open is replaced by a random one, and CBC, which anyone can
//! change without being noticed, is opened only where a signature was verified over it before.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use openssl::{
    error::ErrorStack,
    md::{Md, MdRef},
    pkey::{PKey, Private},
    pkey_ctx::PkeyCtx,
    rand::rand_bytes,
    symm::{Cipher, Crypter, Mode, decrypt_aead},
};

use super::{
    credentials::Credential,
    names::{
        AES128_CBC, AES128_GCM, AES192_GCM, AES256_CBC, AES256_GCM, DS, ENCRYPTED_ELEMENT, MGF1_SHA1, MGF1_SHA256, OAEP,
        OAEP_MGF1P, SHA1, SHA256, XENC, XENC11,
    },
    xml::Element,
};
use crate::policy::cause::{Cause, Fault};

/// Most wrapped keys that are tried: one for each party that the assertion is encrypted to.
const MAX_KEYS: usize = 4;
/// Bytes of the nonce and of the tag in GCM, of a block in CBC.
const NONCE: usize = 12;
const TAG: usize = 16;
const BLOCK: usize = 16;

/// The text of an encrypted assertion. `authenticated` says that a signature over the ciphertext was verified.
///
/// # Errors
/// What is wrong with its form or algorithms; one and the same for every failure of decryption.
pub(super) fn open(encrypted: &Element, credentials: &[Arc<Credential>], authenticated: bool) -> Result<String, Fault> {
    let data = needed(encrypted, XENC, "EncryptedData")?;
    if data.attribute("Type").is_some_and(|kind| kind != ENCRYPTED_ELEMENT) {
        return Err(odd("the encrypted thing is not an element"));
    }
    let content = Content::of(data)?;
    only_authenticated(&content, authenticated)?;
    let wrapped = keys(encrypted, data)?.into_iter().map(Wrapped::of).collect::<Result<Vec<_>, _>>()?;
    if credentials.is_empty() {
        let none = "the assertion is encrypted, but we have no key for that; turn encryption off at the provider";
        return Err(Cause::EncryptedForAnotherKey.with(none));
    }
    let mut opened = None;
    for key in &wrapped {
        for credential in credentials {
            for mask in &key.masks {
                let text = content.decrypted(&content_key(key, mask, &credential.key, content.key_len)?);
                opened = opened.or(text);
            }
        }
    }
    opened.ok_or_else(|| {
        Cause::EncryptedForAnotherKey
            .with("the assertion cannot be decrypted; let the provider encrypt to the certificate that our metadata shows now")
    })
}

fn only_authenticated(content: &Content, authenticated: bool) -> Result<(), Fault> {
    match content.gcm || authenticated {
        true => Ok(()),
        false => Err(unaccepted(
            "the assertion is encrypted with AES-CBC within a response that is not signed; let the provider sign the response \
             too, or encrypt with AES-GCM",
        )),
    }
}

fn odd(what: impl Into<String>) -> Fault {
    Cause::SamlForm.with(what)
}

fn unaccepted(what: impl Into<String>) -> Fault {
    Cause::EncryptionAlgorithm.with(what)
}

fn needed<'a>(element: &'a Element, namespace: &str, name: &str) -> Result<&'a Element, Fault> {
    element.only(namespace, name)?.ok_or_else(|| odd(format!("the {} has no {name}", element.name)))
}

fn algorithm(element: &Element) -> Result<(&Element, &str), Fault> {
    let method = needed(element, XENC, "EncryptionMethod")?;
    Ok((method, method.attribute("Algorithm").unwrap_or_default()))
}

/// The bytes that an element carries itself; what lies elsewhere (CipherReference) is not fetched.
fn cipher_value(element: &Element) -> Result<Vec<u8>, Fault> {
    let value = needed(needed(element, XENC, "CipherData")?, XENC, "CipherValue")?.text()?;
    let dense: String = value.split_ascii_whitespace().collect();
    STANDARD.decode(dense).map_err(|_| odd("the CipherValue is not base64"))
}

/// The wrapped keys: in the data's KeyInfo, or beside the data, where a RetrievalMethod may point.
fn keys<'a>(encrypted: &'a Element, data: &'a Element) -> Result<Vec<&'a Element>, Fault> {
    let info = data.only(DS, "KeyInfo")?;
    let mut found: Vec<_> = info.into_iter().flat_map(|info| info.all(XENC, "EncryptedKey")).collect();
    found.extend(encrypted.all(XENC, "EncryptedKey"));
    let points_away = |method: &&Element| {
        let uri = method.attribute("URI").and_then(|uri| uri.strip_prefix('#'));
        !found.iter().any(|key| uri.is_some() && key.attribute("Id") == uri)
    };
    if info.into_iter().flat_map(|info| info.all(DS, "RetrievalMethod")).any(|method| points_away(&method)) {
        return Err(odd("a RetrievalMethod points to something else than the encrypted key beside it"));
    }
    match found.len() {
        0 => Err(odd("the encrypted assertion has no EncryptedKey")),
        1..=MAX_KEYS => Ok(found),
        many => Err(odd(format!("the encrypted assertion has {many} keys; at most {MAX_KEYS} are tried"))),
    }
}

/// The encrypted assertion.
struct Content {
    cipher: Cipher,
    key_len: usize,
    gcm: bool,
    bytes: Vec<u8>,
}

impl Content {
    fn of(data: &Element) -> Result<Self, Fault> {
        let (_, name) = algorithm(data)?;
        let (cipher, gcm) = match name {
            AES128_GCM => (Cipher::aes_128_gcm(), true),
            AES192_GCM => (Cipher::aes_192_gcm(), true),
            AES256_GCM => (Cipher::aes_256_gcm(), true),
            AES128_CBC => (Cipher::aes_128_cbc(), false),
            AES256_CBC => (Cipher::aes_256_cbc(), false),
            other => {
                let unknown = format!("the cipher {other:?} is not accepted; let the provider encrypt with AES-256-GCM");
                return Err(unaccepted(unknown));
            }
        };
        Ok(Self { cipher, key_len: cipher.key_len(), gcm, bytes: cipher_value(data)? })
    }

    fn decrypted(&self, key: &[u8]) -> Option<String> {
        let bytes = if self.gcm { self.opened(key) } else { self.unchained(key) };
        // Under a wrong key CBC gives anything; an assertion begins like XML.
        String::from_utf8(bytes?).ok().filter(|text| text.trim_ascii_start().trim_start_matches('\u{feff}').starts_with('<'))
    }

    fn opened(&self, key: &[u8]) -> Option<Vec<u8>> {
        let (nonce, rest) = self.bytes.split_at_checked(NONCE)?;
        let (text, tag) = rest.split_at_checked(rest.len().checked_sub(TAG)?)?;
        decrypt_aead(self.cipher, key, Some(nonce), &[], text, tag).ok()
    }

    /// The last byte says how many were added; the others of them may be anything (XML Encryption §5.2).
    fn unchained(&self, key: &[u8]) -> Option<Vec<u8>> {
        let (vector, text) = self.bytes.split_at_checked(BLOCK)?;
        if text.is_empty() || text.len() % BLOCK != 0 {
            return None;
        }
        let decrypt = || -> Result<Vec<u8>, ErrorStack> {
            let mut crypter = Crypter::new(self.cipher, Mode::Decrypt, key, Some(vector))?;
            crypter.pad(false);
            let mut bytes = vec![0; text.len() + BLOCK];
            let mut length = crypter.update(text, &mut bytes)?;
            length += crypter.finalize(&mut bytes[length..])?;
            bytes.truncate(length);
            Ok(bytes)
        };
        let mut bytes = decrypt().ok()?;
        let added = usize::from(*bytes.last()?);
        let kept = bytes.len().checked_sub(added).filter(|_| (1..=BLOCK).contains(&added))?;
        bytes.truncate(kept);
        Some(bytes)
    }
}

/// A wrapped content key.
struct Wrapped {
    digest: &'static MdRef,
    /// The mask function's digest; some libraries take the other's where the document says nothing.
    masks: Vec<&'static MdRef>,
    bytes: Vec<u8>,
}

impl Wrapped {
    fn of(key: &Element) -> Result<Self, Fault> {
        let (method, name) = algorithm(key)?;
        if !matches!(name, OAEP_MGF1P | OAEP) {
            let transport = format!("the key transport {name:?} is not accepted; let the provider wrap keys with RSA-OAEP");
            return Err(unaccepted(transport));
        }
        if method.elements().any(|e| e.is(XENC, "OAEPparams")) {
            return Err(unaccepted("OAEPparams are not accepted"));
        }
        let digest = match method.only(DS, "DigestMethod")? {
            None => Md::sha1(),
            Some(element) => match element.attribute("Algorithm") {
                Some(SHA1) => Md::sha1(),
                Some(SHA256) => Md::sha256(),
                other => {
                    let digest = format!("the digest {other:?} of RSA-OAEP is not accepted; let the provider use SHA-256");
                    return Err(unaccepted(digest));
                }
            },
        };
        let masks = match method.only(XENC11, "MGF")?.map(|e| e.attribute("Algorithm")) {
            None if digest.type_() == Md::sha1().type_() => vec![digest],
            None => vec![Md::sha1(), digest],
            Some(Some(MGF1_SHA1)) => vec![Md::sha1()],
            Some(Some(MGF1_SHA256)) if name == OAEP => vec![Md::sha256()],
            Some(other) => return Err(unaccepted(format!("the mask function {other:?} of RSA-OAEP is not accepted"))),
        };
        Ok(Self { digest, masks, bytes: cipher_value(key)? })
    }
}

/// The content key, or a random one: what happens next, and how long it takes, must not tell which.
fn content_key(wrapped: &Wrapped, mask: &MdRef, key: &PKey<Private>, length: usize) -> Result<Vec<u8>, Fault> {
    let mut random = vec![0; length];
    rand_bytes(&mut random).map_err(|_| Cause::OwnFault.with("there is no randomness"))?;
    let unwrapped = unwrap(wrapped, mask, key);
    Ok(unwrapped.ok().filter(|key| key.len() == length).unwrap_or(random))
}

fn unwrap(wrapped: &Wrapped, mask: &MdRef, key: &PKey<Private>) -> Result<Vec<u8>, ErrorStack> {
    let mut context = PkeyCtx::new(key)?;
    context.decrypt_init()?;
    context.set_rsa_padding(openssl::rsa::Padding::PKCS1_OAEP)?;
    context.set_rsa_oaep_md(wrapped.digest)?;
    context.set_rsa_mgf1_md(mask)?;
    let mut unwrapped = Vec::new();
    context.decrypt_to_vec(&wrapped.bytes, &mut unwrapped)?;
    Ok(unwrapped)
}

#[cfg(test)]
#[path = "encryption_tests.rs"]
mod tests;
