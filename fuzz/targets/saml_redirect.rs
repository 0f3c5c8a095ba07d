//! The query of a logout message that came by redirect. It must never panic, and what is accepted must be small.
#![no_main]

use std::sync::LazyLock;

use gatehouse::connector::saml::{redirect::decode, xml};
use libfuzzer_sys::fuzz_target;
use openssl::x509::X509;

static KEYS: LazyLock<Vec<Vec<u8>>> =
    LazyLock::new(|| vec![X509::from_pem(include_bytes!("../keys/provider.crt")).unwrap().to_der().unwrap()]);

fuzz_target!(|query: &str| {
    let Ok(decoded) = decode(query, &KEYS, false) else { return };
    assert!(decoded.xml.len() <= 512 * 1024);
    let _ = xml::parse(&decoded.xml);
});
