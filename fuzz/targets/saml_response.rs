//! A response as a browser brings it, judged against fixed keys at a fixed time. It must never panic, and what is believed
//! must be what the document says in the one place where a signature covers it.
#![no_main]

use std::sync::{Arc, LazyLock};

use gatehouse::connector::saml::{
    conditions::Expected,
    credentials::{Credential, Usage},
    names::{DS, SAML},
    response::{Trust, judge_xml},
    signature,
    xml::{self, Element, Node},
};
use libfuzzer_sys::fuzz_target;
use openssl::{pkey::PKey, x509::X509};

struct Keys {
    provider: Vec<Vec<u8>>,
    ours: Vec<Arc<Credential>>,
}

static KEYS: LazyLock<Keys> = LazyLock::new(|| {
    let provider = X509::from_pem(include_bytes!("../keys/provider.crt")).unwrap().to_der().unwrap();
    let certificate = X509::from_pem(include_bytes!("../keys/ours.crt")).unwrap().to_der().unwrap();
    let key = PKey::private_key_from_pem(include_bytes!("../keys/ours.key")).unwrap();
    let usage = Usage::Encrypt;
    let ours = Credential { usage, key, certificate, created_at: 0, active_from: 0, expires_at: None };
    Keys { provider: vec![provider], ours: vec![Arc::new(ours)] }
});

fuzz_target!(|text: &str| {
    let trust = Trust { certificates: &KEYS.provider, allow_sha1: false, want_encrypted: false, decryption: &KEYS.ours };
    let expected = Expected {
        issuer: "https://idp.example/saml",
        audience: "https://sso.example/saml/acme/corp/metadata",
        recipient: "https://sso.example/oauth2/callback",
        request_id: Some("_request"),
        skew: 120,
        forced_at: None,
        max_age: None,
        contexts: &[],
        now: 1_800_000_000,
    };
    let Ok(verified) = judge_xml(text, &trust, &expected) else { return };
    let document = xml::parse(text).expect("what is believed can be read");
    let plain: Vec<&Element> = document.all(SAML, "Assertion").collect();
    // An encrypted one is read from what was decrypted.
    let [assertion] = plain[..] else { return };
    assert_eq!(same(assertion), same(&verified.assertion), "what is believed is not what the document says");
    let signed = signature::verified(text, &KEYS.provider, false).expect("what is believed is signed");
    let signed = xml::parse(&signed).expect("what is signed can be read");
    let signed = if signed.is(SAML, "Assertion") { &signed } else { signed.all(SAML, "Assertion").next().expect("an assertion") };
    assert_eq!(same(signed), same(&verified.assertion), "what is believed is not what is signed");
});

/// An element without its signature, its attributes in order.
fn same(element: &Element) -> Element {
    let mut same = element.clone();
    same.attributes.sort_by(|a, b| (&a.namespace, &a.name).cmp(&(&b.namespace, &b.name)));
    same.children = element
        .children
        .iter()
        .filter_map(|node| match node {
            Node::Element(e) if e.is(DS, "Signature") => None,
            Node::Element(e) => Some(Node::Element(self::same(e))),
            text => Some(text.clone()),
        })
        .collect();
    same
}
