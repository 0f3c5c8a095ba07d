//! Honest providers of every supported shape sign people in, and what the tests sign is right by the library that
//! verifies.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use samael::crypto::{AllowedSignatureAlgorithm as Allowed, Crypto, CryptoProvider as _, ReduceMode};

use super::{
    dsig::{Algorithm, Digest, Signer},
    provider::{EVERYWHERE, Message, Provider, Signs, moment},
    request::Way,
    sso_saml::{SamlSso, assert_signed_in, state},
};
use crate::{
    browser::Browser,
    world::{Backend, START},
};

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

/// Every way to sign, every name of a person, over both bindings of the request.
#[tokio::test]
async fn every_supported_shape_signs_in() {
    let algorithms = [
        (Algorithm::RsaSha256, Digest::Sha256),
        (Algorithm::RsaSha384, Digest::Sha384),
        (Algorithm::RsaSha512, Digest::Sha512),
        (Algorithm::EcdsaSha256, Digest::Sha256),
    ];
    for (algorithm, digest) in algorithms {
        let idp = Provider { signer: Signer::with(algorithm, digest), ..Provider::new("idp") };
        let world = SamlSso::made(Backend::Sqlite, idp, |idp| state(idp, "", "")).await;
        for signs in EVERYWHERE {
            let answer = world.sign_in(&mut Browser::new(), |m| m.signs = signs).await;
            assert_eq!(world.email_of(&answer).await, "ada@acme.example", "{algorithm:?} {signs:?}");
        }
    }
}

#[tokio::test]
async fn a_person_is_who_the_name_and_attributes_say() {
    let world = SamlSso::new(Backend::Sqlite).await;
    let formats = ["2.0:nameid-format:persistent", "1.1:nameid-format:emailAddress", "1.1:nameid-format:unspecified"];
    for (n, format) in formats.into_iter().map(|f| Some(format!("urn:oasis:names:tc:SAML:{f}"))).chain([None]).enumerate() {
        let email = format!("person-{n}@acme.example");
        let bend = |m: &mut Message| {
            m.name_id_format = format;
            m.name_id = format!("subject-{n}");
            m.attribute("email", &[&email]);
        };
        let answer = world.sign_in(&mut Browser::new(), bend.clone()).await;
        let tokens = world.tokens_of(&answer).await;
        let claims = crate::world::decode(tokens["id_token"].as_str().unwrap()).1;
        let again = world.sign_in(&mut Browser::new(), bend).await;
        let again = crate::world::decode(world.tokens_of(&again).await["id_token"].as_str().unwrap()).1;
        assert_eq!(claims["sub"], again["sub"], "the same person");
        assert_eq!(claims["email"], email.as_str());
    }
}

/// A session of ours ends no later than the provider's.
#[tokio::test]
async fn the_providers_session_caps_ours() {
    let world = SamlSso::new(Backend::Sqlite).await;
    let mut browser = Browser::new();
    let answer = world.sign_in(&mut browser, |m| m.session_not_on_or_after = Some(moment(START + 600))).await;
    assert_signed_in("capped", &answer);
    let silent = world.authorize_url("web", &[("prompt", "none")]);
    world.clock.advance(599);
    assert!(browser.get(&silent).await.query("code").is_some(), "still");
    world.clock.advance(1);
    assert_eq!(browser.get(&silent).await.query("error").as_deref(), Some("login_required"), "no more");
}

/// Our request is signed by the key that our metadata shows, in both bindings, and changes break it.
#[tokio::test]
async fn our_request_verifies_by_our_metadata() {
    for binding in ["redirect", "post"] {
        let metadata = |idp: &Provider| state(idp, &format!("request_binding: {binding}"), "");
        // By hand there is one address; the binding of the settings decides how it is used.
        let world = SamlSso::made(Backend::Sqlite, Provider::new("idp"), metadata).await;
        let mut browser = Browser::new();
        let certificate = world.certificate("signing").await;
        let request = world.depart(&mut browser, &world.authorize_url("web", &[("prompt", "login")])).await;
        assert!(request.force, "{}", request.xml);
        assert_eq!(request.destination.as_deref(), Some(world.idp.sso_url.as_str()));
        assert_eq!(request.issuer, format!("{}/saml/acme/corp/metadata", world.url));
        assert_eq!(request.acs, format!("{}/oauth2/callback", world.url));
        assert!(request.id.starts_with('_') && request.relay_state.as_ref().is_some_and(|s| s.len() <= 80));
        let key = openssl::x509::X509::from_der(&certificate).unwrap().public_key().unwrap();
        match request.way {
            Way::Redirect => {
                let query = request.to.split_once('?').unwrap().1;
                let (signed, signature) = query.rsplit_once("&Signature=").unwrap();
                let signature = url::form_urlencoded::parse(format!("s={signature}").as_bytes()).next().unwrap().1.into_owned();
                let signature = STANDARD.decode(signature).unwrap();
                let verifies = |text: &str| {
                    let mut verifier = openssl::sign::Verifier::new(openssl::hash::MessageDigest::sha256(), &key).unwrap();
                    verifier.verify_oneshot(&signature, text.as_bytes()).unwrap()
                };
                assert!(signed.contains("SigAlg=http%3A%2F%2Fwww.w3.org%2F2001%2F04%2Fxmldsig-more%23rsa-sha256"), "{signed}");
                assert!(verifies(signed) && !verifies(&signed.replace("RelayState=", "RelayState=x")));
            }
            Way::Post => {
                let verified = |xml: &str| {
                    Crypto::reduce_xml_to_signed_with_allowed_algorithms(
                        xml,
                        &[certificate.clone().into()],
                        ReduceMode::PreDigest,
                        Some(&[Allowed::RsaSha256]),
                    )
                };
                assert!(verified(&request.xml).unwrap().starts_with("<samlp:AuthnRequest"));
                assert!(verified(&request.xml.replace("ForceAuthn=\"true\"", "ForceAuthn=\"false\"")).is_err());
            }
        }
        assert_eq!(binding == "post", request.way == Way::Post);
        let answer = world.idp.answer(&request, world.clock.now()).build();
        assert_signed_in(binding, &world.deliver(&mut browser, &request, &answer).await);
    }
}
