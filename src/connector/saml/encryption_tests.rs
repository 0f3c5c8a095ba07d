//! Each algorithm opens, and nothing tells why another does not.

use std::slice::from_ref;

use super::*;
use crate::connector::saml::{
    forge::{Sealed, credential},
    names::MGF1_SHA1,
    xml,
};

const TEXT: &str = "<s:Assertion xmlns:s=\"urn:oasis:names:tc:SAML:2.0:assertion\">Zoë</s:Assertion>";

fn opened(xml: &str, credentials: &[Arc<Credential>], authenticated: bool) -> Result<String, Fault> {
    open(&xml::parse(xml).unwrap(), credentials, authenticated)
}

#[test]
fn each_accepted_algorithm_opens() {
    let ours = credential();
    let all = [Arc::new(credential()), Arc::new(ours)];
    for cipher in [AES128_GCM, AES192_GCM, AES256_GCM, AES128_CBC, AES256_CBC] {
        for (transport, digest, mask) in [
            (OAEP_MGF1P, None, None),
            (OAEP_MGF1P, Some(SHA1), None),
            (OAEP_MGF1P, Some(SHA256), None),
            (OAEP, None, None),
            (OAEP, Some(SHA256), Some(MGF1_SHA1)),
            (OAEP, Some(SHA256), Some(MGF1_SHA256)),
            (OAEP, Some(SHA1), Some(MGF1_SHA256)),
        ] {
            let sealed = Sealed { cipher, transport, digest, mask, ..Sealed::default() };
            assert_eq!(opened(&sealed.to(&all[1], TEXT), &all, true).unwrap(), TEXT, "{cipher} {transport} {digest:?} {mask:?}");
            let beside = Sealed { beside: true, ..sealed };
            assert_eq!(opened(&beside.to(&all[1], TEXT), &all, true).unwrap(), TEXT);
        }
    }
    // A library that takes the digest for the mask too, and does not say so.
    let silent = Sealed { digest: Some(SHA256), mask: Some(MGF1_SHA256), hide_mask: true, ..Sealed::default() };
    assert_eq!(opened(&silent.to(&all[0], TEXT), &all, false).unwrap(), TEXT);
}

#[test]
fn cbc_only_under_a_signature() {
    let ours = Arc::new(credential());
    for cipher in [AES128_CBC, AES256_CBC] {
        let sealed = Sealed { cipher, ..Sealed::default() }.to(&ours, TEXT);
        assert!(opened(&sealed, from_ref(&ours), false).unwrap_err().contains("AES-CBC"));
        assert!(opened(&sealed, from_ref(&ours), true).is_ok());
    }
}

#[test]
fn every_failure_is_the_same() {
    let ours = Arc::new(credential());
    let one = "the assertion cannot be decrypted";
    let foreign = Sealed::default().to(&credential(), TEXT);
    assert!(opened(&foreign, from_ref(&ours), false).unwrap_err().starts_with(one));
    for cipher in [AES128_GCM, AES256_GCM, AES128_CBC, AES256_CBC] {
        let sealed = Sealed { cipher, ..Sealed::default() };
        let mut bytes = sealed.content(&[7; 32][..sealed.key_len()], TEXT.as_bytes());
        let whole = bytes.len();
        for length in [whole, whole - 1, whole - 8, whole - 16, 64, 48, 33, 32, 31, 28, 27, 17, 16, 13, 12, 11, 1, 0] {
            bytes.truncate(length);
            let result = opened(&sealed.with(&ours, &[7; 32][..sealed.key_len()], &bytes), from_ref(&ours), true);
            let cut_at_block = cipher.ends_with("cbc") && result.is_ok();
            assert!(length == whole || cut_at_block || result.unwrap_err().starts_with(one), "{cipher} {length}");
        }
    }
    let sealed = Sealed::default();
    let key = [7; 32];
    let good = sealed.content(&key[..sealed.key_len()], TEXT.as_bytes());
    for at in [0, 12, good.len() - 1] {
        let mut wrong = good.clone();
        wrong[at] ^= 1;
        let result = opened(&sealed.with(&ours, &key[..sealed.key_len()], &wrong), from_ref(&ours), false);
        assert!(result.unwrap_err().starts_with(one), "{at}");
    }
    for length in [0, 1, 15, 17, 24, 31, 33, 190] {
        let result = opened(&sealed.with(&ours, &vec![7; length], &good), from_ref(&ours), false);
        assert!(result.unwrap_err().starts_with(one), "key of {length}");
    }
    let garbage = sealed.content(&key[..sealed.key_len()], b"\xff\xfe no text");
    assert!(
        opened(&sealed.with(&ours, &key[..sealed.key_len()], &garbage), from_ref(&ours), false).unwrap_err().starts_with(one)
    );
}

#[test]
fn other_forms_are_refused_before_anything_is_decrypted() {
    let ours = Arc::new(credential());
    let sealed = Sealed::default().to(&ours, TEXT);
    let value = &sealed[sealed.find("<x:CipherData>").unwrap()..sealed.find("</x:EncryptedKey>").unwrap()];
    let key = &sealed[sealed.find("<x:EncryptedKey>").unwrap()..sealed.find("</d:KeyInfo>").unwrap()];
    for (from, to, cause) in [
        (OAEP_MGF1P, "http://www.w3.org/2001/04/xmlenc#rsa-1_5".to_owned(), "key transport"),
        (AES256_GCM, "http://www.w3.org/2001/04/xmlenc#tripledes-cbc".into(), "cipher"),
        (ENCRYPTED_ELEMENT, "http://www.w3.org/2001/04/xmlenc#Content".into(), "not an element"),
        (value, "<x:CipherData><x:CipherReference URI=\"http://evil.test/\"/></x:CipherData>".into(), "CipherValue"),
        (value, "<x:CipherData><x:CipherValue>*</x:CipherValue></x:CipherData>".into(), "base64"),
        (value, String::new(), "CipherData"),
        (key, String::new(), "no EncryptedKey"),
        (key, key.repeat(5), "5 keys"),
        ("<d:KeyInfo>", "<d:KeyInfo><d:RetrievalMethod URI=\"http://evil.test/\"/>".into(), "RetrievalMethod"),
        ("<d:KeyInfo>", "<d:KeyInfo><d:RetrievalMethod URI=\"#other\"/>".into(), "RetrievalMethod"),
    ] {
        let changed = sealed.replacen(from, &to, 1);
        assert_ne!(changed, sealed);
        let error = opened(&changed, from_ref(&ours), true).unwrap_err();
        assert!(error.contains(cause), "{from} → {to}: {error}");
    }
    assert!(opened(&sealed, &[], true).unwrap_err().contains("no key"));
    assert!(opened(&sealed, from_ref(&ours), false).is_ok());
}
