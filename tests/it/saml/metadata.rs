//! Metadata cannot switch the checking of signatures off (S9): whatever a document says or leaves out, an unsigned answer
//! signs nobody in, and a document that names no key opens no connection.

use super::{
    dsig::{Algorithm, Digest, Signer},
    keys::{LONG, base64, certificate, key},
    provider::{EVERYWHERE, Message, Provider, Signs},
    sso_saml::{SamlSso, assert_refused, assert_signed_in, state},
};
use crate::{browser::Browser, world::Backend};

const MD: &str = "urn:oasis:names:tc:SAML:2.0:metadata";
const DS: &str = super::dsig::DS;

fn key_descriptor(usage: Option<&str>, der: &[u8]) -> String {
    let usage = usage.map_or(String::new(), |u| format!(" use=\"{u}\""));
    format!(
        "<md:KeyDescriptor{usage}><ds:KeyInfo xmlns:ds=\"{DS}\"><ds:X509Data><ds:X509Certificate>{}</ds:X509Certificate>\
         </ds:X509Data></ds:KeyInfo></md:KeyDescriptor>",
        base64(der)
    )
}

/// The provider's metadata with these keys and more attributes of its role.
fn document(idp: &Provider, role: &str, keys: &str) -> String {
    format!(
        "<md:EntityDescriptor xmlns:md=\"{MD}\" entityID=\"{}\"><md:IDPSSODescriptor{role} \
         protocolSupportEnumeration=\"urn:oasis:names:tc:SAML:2.0:protocol\">{keys}<md:SingleSignOnService \
         Binding=\"urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect\" Location=\"{}\"></md:SingleSignOnService>\
         </md:IDPSSODescriptor></md:EntityDescriptor>",
        idp.entity_id, idp.sso_url
    )
}

fn by_document(idp: &Provider, xml: &str) -> String {
    let settings = format!("{{metadata_xml: {}}}", serde_json::Value::from(xml));
    state(idp, "", "").replace(&idp.settings(""), &settings)
}

#[tokio::test]
async fn no_metadata_switches_signatures_off() {
    let honest = &key(0).rsa_certificate;
    let expired = certificate(&key(0).rsa, (LONG.0, LONG.0 + 1));
    let documents = [
        ("for signing", "", key_descriptor(Some("signing"), honest)),
        ("for no use", "", key_descriptor(None, honest)),
        ("expired", "", key_descriptor(Some("signing"), &expired)),
        ("two", "", key_descriptor(Some("signing"), &key(3).rsa_certificate) + &key_descriptor(Some("signing"), honest)),
        (
            "with one for encryption",
            "",
            key_descriptor(Some("signing"), honest) + &key_descriptor(Some("encryption"), &key(1).rsa_certificate),
        ),
        (
            "wanting nothing signed",
            " WantAuthnRequestsSigned=\"false\" WantAssertionsSigned=\"false\"",
            key_descriptor(None, honest),
        ),
    ];
    for (name, role, keys) in documents {
        let idp = Provider::new("idp");
        let world = SamlSso::made(Backend::Sqlite, idp, |idp| by_document(idp, &document(idp, role, &keys))).await;
        let unsigned = |message: &mut Message| {
            message.signs = Signs::Nothing;
            message.build()
        };
        world.refused_but_honest_passes(&format!("{name}: unsigned"), "is signed", unsigned).await;
        for signs in EVERYWHERE {
            // The key that only decrypts does not sign.
            let theirs = |message: &mut Message| {
                message.signer = Signer::of(key(1));
                message.signs = signs;
                message.build()
            };
            world.refuses(signs, &format!("{name}: another key"), "not by any of the provider's certificates", theirs).await;
        }
    }
}

#[tokio::test]
async fn metadata_without_a_key_opens_nothing() {
    let honest = &key(0).rsa_certificate;
    let chain = format!(
        "<md:KeyDescriptor use=\"signing\"><ds:KeyInfo xmlns:ds=\"{DS}\"><ds:KeyName>idp</ds:KeyName></ds:KeyInfo></md:KeyDescriptor>"
    );
    let broken: [(&str, Box<dyn Fn(&Provider) -> String>); 9] = [
        ("no key", Box::new(|idp| document(idp, "", ""))),
        ("only a key for encryption", Box::new(|idp| document(idp, "", &key_descriptor(Some("encryption"), honest)))),
        ("a key without certificate", Box::new(move |idp| document(idp, "", &chain))),
        ("junk for a certificate", Box::new(|idp| document(idp, "", &key_descriptor(Some("signing"), b"junk")))),
        ("an empty certificate", Box::new(|idp| document(idp, "", &key_descriptor(Some("signing"), b"")))),
        (
            "a DOCTYPE",
            Box::new(|idp| {
                format!(
                    "<!DOCTYPE x [<!ENTITY e SYSTEM \"file:///etc/passwd\">]>{}",
                    document(idp, "", &key_descriptor(None, honest))
                )
            }),
        ),
        (
            "a javascript: address",
            Box::new(|idp| document(idp, "", &key_descriptor(None, honest)).replace(&idp.sso_url, "javascript:alert(1)")),
        ),
        (
            "an http: address",
            Box::new(|idp| document(idp, "", &key_descriptor(None, honest)).replace(&idp.sso_url, "http://idp.example/sso")),
        ),
        ("no metadata at all", Box::new(|_| "<x/>".to_owned())),
    ];
    for (name, document_of) in broken {
        let idp = Provider::new("idp");
        let world = SamlSso::made(Backend::Sqlite, idp.clone(), |idp| state(idp, "", "")).await;
        let state = by_document(&idp, &document_of(&idp));
        let applied = world.app.apply(&state, "state.yaml", &|_| None).await;
        if applied.is_ok() {
            let departure = world.departure(&mut Browser::new(), &world.authorize_url("web", &[])).await;
            assert!(
                departure.location().is_none() && departure.status >= 400,
                "{name}: {} {:?}",
                departure.status,
                departure.location()
            );
        } else {
            assert_signed_in(name, &world.sign_in(&mut Browser::new(), |_| {}).await);
        }
    }
}

/// Each of several certificates may sign, whatever its kind and order; none may once it is removed.
#[tokio::test]
async fn every_named_certificate_signs_and_no_removed_one() {
    let both = |first: &[u8], second: &[u8]| key_descriptor(Some("signing"), first) + &key_descriptor(None, second);
    let (rsa, ec) = (&key(0).rsa_certificate, &key(0).ec_certificate);
    for keys in [both(rsa, ec), both(ec, rsa)] {
        let idp = Provider::new("idp");
        let world = SamlSso::made(Backend::Sqlite, idp, |idp| by_document(idp, &document(idp, "", &keys))).await;
        for algorithm in [Algorithm::RsaSha256, Algorithm::EcdsaSha256] {
            for signs in EVERYWHERE {
                let bend = |m: &mut Message| {
                    m.signer = Signer::with(algorithm, Digest::Sha256);
                    m.signs = signs;
                };
                assert_signed_in("either", &world.sign_in(&mut Browser::new(), bend).await);
            }
        }
        let only = document(&world.idp, "", &key_descriptor(None, ec));
        world.apply(&by_document(&world.idp, &only)).await;
        assert_refused("removed", &world.sign_in(&mut Browser::new(), |_| {}).await);
        let bend = |m: &mut Message| m.signer = Signer::with(Algorithm::EcdsaSha256, Digest::Sha256);
        assert_signed_in("kept", &world.sign_in(&mut Browser::new(), bend).await);
    }
}
