//! A provider's metadata. It must never panic, and what is accepted must have a name, a key, and addresses that a browser
//! may be sent to.
#![no_main]

use gatehouse::connector::saml::metadata::read;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(provider) = read(text, None, &[], 1_800_000_000) else { return };
    assert!(!provider.entity_id.is_empty());
    assert!(!provider.certificates.is_empty(), "signatures would not be checked");
    for endpoint in provider.sso.iter().chain(&provider.slo) {
        let urls = [Some(&endpoint.location), endpoint.response_location.as_ref()];
        for url in urls.into_iter().flatten() {
            let lower = url.trim_start().to_ascii_lowercase();
            assert!(lower.starts_with("https:") || lower.starts_with("http:"), "{url}");
        }
    }
});
