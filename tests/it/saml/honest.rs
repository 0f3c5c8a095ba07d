//! Honest providers of every supported shape sign people in, and what the tests sign is right by the library that
//! verifies.

use samael::crypto::{AllowedSignatureAlgorithm as Allowed, Crypto, CryptoProvider as _, ReduceMode};

use super::{
    dsig::{Algorithm, Digest, Signer},
    provider::{EVERYWHERE, Provider, Signs},
};
use crate::world::START;

#[test]
fn what_the_provider_signs_verifies() {
    let mut idp = Provider::new("idp");
    for (algorithm, digest) in [
        (Algorithm::RsaSha256, Digest::Sha256),
        (Algorithm::RsaSha384, Digest::Sha384),
        (Algorithm::RsaSha512, Digest::Sha512),
        (Algorithm::EcdsaSha256, Digest::Sha256),
    ] {
        idp.signer = Signer::with(algorithm, digest);
        for signs in EVERYWHERE {
            let mut message = idp.unsolicited("https://us.example/metadata", "https://us.example/acs", START);
            message.signs = signs;
            message.name_id = "a &amp; <!-- c --> &#233;".to_owned();
            let certificate = idp.signer.certificate().to_vec().into();
            let allowed = [Allowed::RsaSha256, Allowed::RsaSha384, Allowed::RsaSha512, Allowed::EcdsaSha256];
            let signed = Crypto::reduce_xml_to_signed_with_allowed_algorithms(
                &message.build(),
                &[certificate],
                ReduceMode::PreDigest,
                Some(&allowed),
            );
            let signed = signed.unwrap_or_else(|e| panic!("{algorithm:?} {signs:?}: {e} in {}", message.build()));
            assert!(
                signed.starts_with(if signs == Signs::Assertion { "<saml:Assertion" } else { "<samlp:Response" }),
                "{signed}"
            );
        }
    }
}
