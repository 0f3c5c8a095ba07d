//! Signature wrapping (S1, S2): a good signature of the honest provider in a document that says something else as well.
//! XSW 1 to 8 as SAML Raider builds them, over a signed response, a signed assertion, and both; and a second assertion in
//! every place that could hold one. Each document is checked to be one that a plain verifier still finds well signed.

use super::{
    dsig::{Signer, edit},
    provider::{Message, SAML, Signs, new_id},
    sso_saml::SamlSso,
};
use crate::world::Backend;

const EVE: &str = "eve@acme.example";

/// A plain verifier, which looks up what each signature refers to and asks nothing else, finds every signature good: so
/// whatever refuses the document does not do so for a broken signature.
fn intact(name: &str, xml: &str) {
    for at in xml.match_indices("<ds:Signature ").map(|(at, _)| at) {
        if let Err(why) = Signer::default().verifies(xml, at) {
            panic!("{name}: the signature is broken ({why}), so refusing it would show nothing:\n{xml}");
        }
    }
}

/// The first signature of a text, and the text without it.
fn cut(xml: &str) -> (String, String) {
    let (before, rest) = xml.split_once("<ds:Signature ").expect("a signature");
    let (inside, after) = rest.split_once("</ds:Signature>").unwrap();
    (format!("<ds:Signature {inside}</ds:Signature>"), format!("{before}{after}"))
}

/// `inner` as the last child.
fn append(element: &str, inner: &str) -> String {
    let end = element.rfind("</").unwrap();
    format!("{}{inner}{}", &element[..end], &element[end..])
}

/// `inner` right after the issuer.
fn after_issuer(element: &str, inner: &str) -> String {
    element.replacen("</saml:Issuer>", &format!("</saml:Issuer>{inner}"), 1)
}

fn object(inner: &str) -> String {
    format!("<ds:Object>{inner}</ds:Object>")
}

fn extensions(inner: &str) -> String {
    format!("<samlp:Extensions>{inner}</samlp:Extensions>")
}

/// The same message about Eve, under ids of its own and unsigned.
fn evil(message: &Message) -> Message {
    let mut evil = message.clone();
    evil.signs = Signs::Nothing;
    evil.response_id = new_id();
    evil.assertion_id = new_id();
    evil.about(EVE);
    evil
}

/// The `k`th wrapping of a signed response.
fn wrapped_response(k: usize, message: &Message) -> String {
    let whole = message.build();
    let (signature, bare) = cut(&whole);
    let evil = evil(message);
    let (response, assertion) = (evil.build(), evil.finished_assertion());
    match k {
        1 => after_issuer(&response, &append(&signature, &bare)),
        2 => after_issuer(&response, &format!("{bare}{signature}")),
        3 => evil.finish(&format!("{whole}{assertion}")),
        4 => evil.finish(&append(&assertion, &whole)),
        5 => append(&after_issuer(&response, &signature), &bare),
        6 => append(&response, &append(&signature, &bare)),
        7 => after_issuer(&response, &extensions(&whole)),
        8 => after_issuer(&response, &append(&signature, &object(&bare))),
        _ => unreachable!(),
    }
}

/// The `k`th wrapping of a signed assertion, in a response that anybody can write.
fn wrapped_assertion(k: usize, message: &Message) -> String {
    let whole = message.finished_assertion();
    let (signature, bare) = cut(&whole);
    let evil = evil(message);
    let assertion = evil.finished_assertion();
    match k {
        1 => after_issuer(&evil.build(), &append(&signature, &bare)),
        2 => after_issuer(&evil.build(), &format!("{bare}{signature}")),
        3 => evil.finish(&format!("{assertion}{whole}")),
        4 => evil.finish(&append(&assertion, &whole)),
        5 => evil.finish(&format!("{}{bare}", after_issuer(&assertion, &signature))),
        6 => evil.finish(&after_issuer(&assertion, &append(&signature, &bare))),
        7 => after_issuer(&evil.finish(&whole), &extensions(&assertion)),
        8 => evil.finish(&after_issuer(&assertion, &append(&signature, &object(&bare)))),
        _ => unreachable!(),
    }
}

#[tokio::test]
async fn a_wrapped_response_signs_nobody_in() {
    let world = SamlSso::new(Backend::Sqlite).await;
    for signs in [Signs::Response, Signs::Both] {
        for k in 1..=8 {
            let name = format!("XSW{k} over {signs:?}");
            let forge = |message: &mut Message| {
                message.signs = signs;
                let xml = wrapped_response(k, message);
                intact(&name, &xml);
                xml
            };
            world.refused_but_honest_passes(&name, "holds another one", forge).await;
        }
    }
}

#[tokio::test]
async fn a_wrapped_assertion_signs_nobody_in() {
    let world = SamlSso::new(Backend::Sqlite).await;
    for signs in [Signs::Assertion, Signs::Both] {
        for k in 1..=8 {
            let name = format!("XSW{k} over {signs:?}, in the assertion");
            let forge = |message: &mut Message| {
                message.signs = signs;
                let xml = wrapped_assertion(k, message);
                intact(&name, &xml);
                xml
            };
            world.refused_but_honest_passes(&name, "exactly one is accepted", forge).await;
        }
    }
}

/// Where a second assertion can hide in a response whose honest one is signed.
#[tokio::test]
async fn a_second_assertion_anywhere_is_refused() {
    let world = SamlSso::new(Backend::Sqlite).await;
    let places: [(&str, fn(&Message, &str, &str) -> String); 9] = [
        ("first", |m, whole, evil| m.finish(&format!("{evil}{whole}"))),
        ("last", |m, whole, evil| m.finish(&format!("{whole}{evil}"))),
        ("both signed", |m, whole, _| {
            let mut second = m.clone();
            second.assertion_id = new_id();
            second.about(EVE);
            m.finish(&format!("{whole}{}", second.finished_assertion()))
        }),
        ("in Extensions", |m, whole, evil| after_issuer(&m.finish(whole), &extensions(evil))),
        ("in StatusDetail", |m, whole, evil| {
            let mut m = m.clone();
            m.status = format!("{}<samlp:StatusDetail>{evil}</samlp:StatusDetail>", m.status);
            m.finish(whole)
        }),
        ("in the signature", |m, whole, evil| m.finish(&whole.replace("</ds:Signature>", &format!("{evil}</ds:Signature>")))),
        ("in an Object of the signature", |m, whole, evil| {
            m.finish(&whole.replace("</ds:Signature>", &format!("{}</ds:Signature>", object(evil))))
        }),
        ("in KeyInfo", |m, whole, evil| m.finish(&whole.replace("</ds:KeyInfo>", &format!("{evil}</ds:KeyInfo>")))),
        ("in an Advice of an evil one around it", |m, whole, evil| {
            m.finish(&append(evil, &format!("<saml:Advice>{whole}</saml:Advice>")))
        }),
    ];
    for (name, place) in places {
        let forge = |message: &mut Message| {
            let evil = evil(message).finished_assertion();
            message.signs = Signs::Assertion;
            let whole = message.finished_assertion();
            // The response is the attacker's.
            let xml = place(message, &whole, &evil);
            intact(name, &xml);
            xml
        };
        world.refused_but_honest_passes(name, "exactly one is accepted", forge).await;
    }
}

/// Even where the provider itself signed all of it.
#[tokio::test]
async fn two_assertions_under_one_signature_are_refused() {
    let world = SamlSso::new(Backend::Sqlite).await;
    for (name, first) in [("evil first", true), ("evil last", false)] {
        let forge = |message: &mut Message| {
            let evil = evil(message).finished_assertion();
            let honest = message.finished_assertion();
            let both = if first { format!("{evil}{honest}") } else { format!("{honest}{evil}") };
            let xml = message.finish(&both);
            intact(name, &xml);
            xml
        };
        world.refused_but_honest_passes(name, "exactly one is accepted", forge).await;
    }
    for signs in [Signs::Response, Signs::Assertion] {
        let forge = |message: &mut Message| {
            let evil = evil(message).finished_assertion();
            message.signs = signs;
            message.assertion =
                edit(move |a| a.replace("</saml:Conditions>", &format!("</saml:Conditions><saml:Advice>{evil}</saml:Advice>")));
            let xml = message.build();
            intact("signed Advice", &xml);
            xml
        };
        world.refuses(signs, "in a signed Advice", "", forge).await;
    }
}

/// A signature moved to where it does not belong, or taken away.
#[tokio::test]
async fn a_moved_or_missing_signature_is_refused() {
    let world = SamlSso::new(Backend::Sqlite).await;
    let moved = |message: &mut Message| {
        message.signs = Signs::Assertion;
        let (signature, bare) = cut(&message.finished_assertion());
        after_issuer(&message.finish(&bare), &signature)
    };
    world.refused_but_honest_passes("the assertion's signature on the response", "", moved).await;
    let moved = |message: &mut Message| {
        let (signature, bare) = cut(&message.build());
        let xml = bare.replacen("<saml:Subject>", &format!("{signature}<saml:Subject>"), 1);
        intact("moved", &bare.replacen("<samlp:Status>", &format!("{signature}<samlp:Status>"), 1));
        xml
    };
    world.refused_but_honest_passes("the response's signature in the assertion", "", moved).await;
    let second = |message: &mut Message| {
        let mut other = message.clone();
        other.response_id = new_id();
        let (signature, _) = cut(&other.build());
        message.status = format!("{}<samlp:StatusDetail>{signature}</samlp:StatusDetail>", message.status);
        message.build()
    };
    world.refused_but_honest_passes("a second signature elsewhere", "where none may be", second).await;
    for signs in super::provider::EVERYWHERE {
        let stripped = |message: &mut Message| {
            message.signs = signs;
            let (_, mut xml) = cut(&message.build());
            if signs == Signs::Both {
                xml = cut(&xml).1;
            }
            xml
        };
        world.refuses(signs, "stripped", "is signed", stripped).await;
    }
    let half = |message: &mut Message| {
        message.signs = Signs::Both;
        let evil = evil(message);
        evil.finish(&cut(&message.finished_assertion()).1.replace("ada@", "eve@"))
    };
    world.refused_but_honest_passes("unsigned within unsigned", "is signed", half).await;
    let foreign = |message: &mut Message| {
        message.signer = Signer::of(super::keys::key(1));
        message.build()
    };
    world.refused_but_honest_passes("another key", "not by any of the provider's certificates", foreign).await;
    let changed = |message: &mut Message| message.build().replace("ada@", "eve@");
    world.refused_but_honest_passes("changed after it was signed", "changed after it was signed", changed).await;
    assert!(SAML.ends_with("assertion"));
}
