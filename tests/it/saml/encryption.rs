//! Encrypted assertions: the supported ones, those that anybody could have encrypted, and those that are broken (S10,
//! S22). Encryption proves nothing about the sender, for our key is public.

use super::{
    dsig::{Signer, edit},
    keys::key,
    provider::{EVERYWHERE, Message, Signs, new_id},
    sso_saml::{SamlSso, assert_refused, assert_signed_in},
    xenc::{Content, Encryption, Wrap},
};
use crate::{browser::Browser, world::Backend};

const CONTENTS: [Content; 4] = [Content::Aes128Gcm, Content::Aes256Gcm, Content::Aes128Cbc, Content::Aes256Cbc];
const WRAPS: [Wrap; 3] = [Wrap::OaepSha1, Wrap::OaepSha256, Wrap::Oaep11Sha256];

fn is_cbc(content: Content) -> bool {
    matches!(content, Content::Aes128Cbc | Content::Aes256Cbc)
}

#[tokio::test]
async fn every_supported_shape_signs_in() {
    let world = SamlSso::new(Backend::Sqlite).await;
    let to = world.certificate("encryption").await;
    for content in CONTENTS {
        for wrap in WRAPS {
            for signs in EVERYWHERE {
                for beside in [false, true] {
                    let name = format!("{content:?} {wrap:?} {signs:?} {beside}");
                    let bend = |m: &mut Message| {
                        m.signs = signs;
                        m.encryption = Some(Encryption { beside, ..Encryption::new(&to, content, wrap) });
                    };
                    let mut browser = Browser::new();
                    let answer = world.sign_in(&mut browser, bend).await;
                    // Without a signature around it, CBC would be an oracle.
                    if is_cbc(content) && signs == Signs::Assertion {
                        assert_refused(&name, &answer);
                    } else {
                        assert_signed_in(&name, &answer);
                    }
                }
            }
        }
    }
}

#[tokio::test]
async fn what_anybody_could_have_encrypted_is_refused() {
    let world = SamlSso::new(Backend::Sqlite).await;
    let to = world.certificate("encryption").await;
    for content in CONTENTS {
        let encryption = Encryption::new(&to, content, Wrap::OaepSha1);
        let evil = |message: &Message| {
            let mut evil = message.clone();
            evil.signs = Signs::Nothing;
            evil.assertion_id = new_id();
            evil.about("eve@acme.example");
            evil
        };
        let unsigned = |message: &mut Message| evil(message).finish(&encryption.encrypt(&evil(message).finished_assertion()));
        world.refused_but_honest_passes(&format!("unsigned, {content:?}"), "", unsigned).await;
        let theirs = |message: &mut Message| {
            let mut evil = evil(message);
            evil.signer = Signer::of(key(1));
            evil.signs = Signs::Assertion;
            evil.encryption = Some(encryption.clone());
            evil.build()
        };
        world.refused_but_honest_passes(&format!("signed by another key, {content:?}"), "", theirs).await;
        for first in [false, true] {
            let mixed = |message: &mut Message| {
                message.signs = Signs::Assertion;
                let honest = message.finished_assertion();
                let evil = encryption.encrypt(&evil(message).finished_assertion());
                let both = if first { format!("{evil}{honest}") } else { format!("{honest}{evil}") };
                message.finish(&both)
            };
            world.refused_but_honest_passes(&format!("beside a signed one, {content:?} {first}"), "ssertion", mixed).await;
        }
        let two = |message: &mut Message| {
            message.signs = Signs::Both;
            let honest = encryption.encrypt(&message.finished_assertion());
            let evil = encryption.encrypt(&evil(message).finished_assertion());
            message.finish(&format!("{honest}{evil}"))
        };
        world.refused_but_honest_passes(&format!("two, {content:?}"), "ssertion", two).await;
        // The honest signature inside is kept, and the response around it replaced.
        let wrapped = |message: &mut Message| {
            message.signs = Signs::Assertion;
            let honest = message.finished_assertion();
            let inner = evil(message).finished_assertion();
            let at = inner.rfind("</").unwrap();
            let both = format!("{}<saml:Advice>{honest}</saml:Advice>{}", &inner[..at], &inner[at..]);
            evil(message).finish(&encryption.encrypt(&both))
        };
        world.refused_but_honest_passes(&format!("wrapped inside, {content:?}"), "", wrapped).await;
    }
}

/// What comes out is judged like everything else, although the response around it is signed.
#[tokio::test]
async fn the_plaintext_is_judged_as_well() {
    let world = SamlSso::new(Backend::Sqlite).await;
    let to = world.certificate("encryption").await;
    let encryption = Encryption::new(&to, Content::Aes256Gcm, Wrap::OaepSha256);
    let changes: [(&str, fn(String) -> String); 9] = [
        ("nothing", |_| String::new()),
        ("text", |_| "ada@acme.example".into()),
        ("a DOCTYPE", |a| format!("<!DOCTYPE a>{a}")),
        ("a comment", |a| format!("<!-- x -->{a}")),
        ("two", |a| format!("{a}{a}")),
        ("another element", |a| a.replace("saml:Assertion", "saml:Advice")),
        ("a response", |a| format!("<samlp:Response xmlns:samlp=\"urn:oasis:names:tc:SAML:2.0:protocol\">{a}</samlp:Response>")),
        ("a split name", |a| a.replace("ada@acme.example", "ada@acme.example<!---->.evil.test")),
        ("broken", |a| a.replace("</saml:Subject>", "")),
    ];
    for (name, change) in changes {
        for signs in EVERYWHERE {
            let forge = |message: &mut Message| {
                message.signs = signs;
                message.encryption = Some(encryption.clone());
                message.sealed = edit(change);
                message.build()
            };
            world.refuses(signs, name, "", forge).await;
        }
    }
    let twice = |message: &mut Message| {
        let once = encryption.encrypt(&message.finished_assertion());
        message.finish(&encryption.encrypt(&once))
    };
    world.refused_but_honest_passes("encrypted twice", "", twice).await;
    let conditions: [(&str, &str, fn(&mut Message)); 2] = [
        ("another audience", "the assertion is for", |m| m.audiences = vec![vec!["https://other.example".into()]]),
        ("another issuer", "the Issuer is", |m| m.assertion_issuer = Some("https://evil.example".into())),
    ];
    for (name, cause, bend) in conditions {
        let forge = |message: &mut Message| {
            bend(message);
            message.encryption = Some(encryption.clone());
            message.build()
        };
        world.refused_but_honest_passes(name, cause, forge).await;
    }
    let v15 = |message: &mut Message| {
        message.encryption = Some(Encryption::new(&to, Content::Aes256Gcm, Wrap::Rsa15));
        message.build()
    };
    world.refused_but_honest_passes("PKCS#1 v1.5", "rsa-1_5", v15).await;
    let name_id = |message: &mut Message| {
        let name_id = "<saml:NameID xmlns:saml=\"urn:oasis:names:tc:SAML:2.0:assertion\">eve@acme.example</saml:NameID>";
        let inner = encryption.encrypt(name_id).replace("saml:EncryptedAssertion", "saml:EncryptedID");
        message.assertion = edit(move |a| {
            let (before, rest) = a.split_once("<saml:NameID").unwrap();
            format!("{before}{inner}{}", rest.split_once("</saml:NameID>").unwrap().1)
        });
        message.build()
    };
    world.refused_but_honest_passes("EncryptedID", "NameID is encrypted by itself", name_id).await;
}

#[tokio::test]
async fn encryption_is_demanded_where_the_settings_do() {
    let world = SamlSso::with(Backend::Sqlite, "want_encrypted: true").await;
    let to = world.certificate("encryption").await;
    for signs in EVERYWHERE {
        let plain = world.sign_in(&mut Browser::new(), |m| m.signs = signs).await;
        assert_refused("plain", &plain);
        let encrypted = |m: &mut Message| {
            m.signs = signs;
            m.encryption = Some(Encryption::new(&to, Content::Aes256Gcm, Wrap::OaepSha1));
        };
        assert_signed_in("encrypted", &world.sign_in(&mut Browser::new(), encrypted).await);
    }
}

type Change = fn(Vec<u8>) -> Vec<u8>;

/// Ciphertext that does not decrypt, each time inside a signature of the provider's own: no panic, and one and the same
/// answer whatever was wrong, so that nothing can be learned about the plaintext or the key.
#[tokio::test]
async fn broken_ciphertext_has_one_answer() {
    let world = SamlSso::new(Backend::Sqlite).await;
    let to = world.certificate("encryption").await;
    let changes: [(&str, Change); 10] = [
        ("nothing", |_| Vec::new()),
        ("one byte", |b| b[..1].to_vec()),
        ("shorter than an IV", |b| b[..11].to_vec()),
        ("an IV alone", |b| b[..16].to_vec()),
        ("off-size", |b| b[..b.len() - 1].to_vec()),
        ("a block short", |b| b[..b.len() - 16].to_vec()),
        ("padding 0", |b| flipped(b, 17, 0xff)),
        ("last byte", |b| flipped(b, 1, 1)),
        ("first byte", |mut b| {
            b[0] ^= 1;
            b
        }),
        ("half", |b| b[..b.len() / 32 * 16].to_vec()),
    ];
    let keys: [(&str, Change); 4] = [
        ("no key", |_| Vec::new()),
        ("a short key", |b| b[..b.len() - 1].to_vec()),
        ("a long key", |mut b| {
            b.push(0);
            b
        }),
        ("another key", |b| flipped(b, 1, 1)),
    ];
    let mut pages = std::collections::BTreeSet::new();
    for content in CONTENTS {
        for signs in [Signs::Response, Signs::Both] {
            let all = changes.iter().map(|(n, c)| (n, Some(*c), None)).chain(keys.iter().map(|(n, c)| (n, None, Some(*c))));
            for (name, ciphertext, wrapped) in all {
                let forge = |message: &mut Message| {
                    message.signs = signs;
                    let new = Encryption::new(&to, content, Wrap::OaepSha1);
                    message.encryption = Some(Encryption { ciphertext, wrapped, ..new });
                    message.build()
                };
                let mut browser = Browser::new();
                let answer = world.sign_in_with(&mut browser, forge).await;
                assert_refused(&format!("{name} {content:?}"), &answer);
                pages.insert((answer.status, answer.body.replace(answer.reference(), "").replace(&login_in(&answer.body), "")));
            }
        }
    }
    assert_eq!(pages.len(), 1, "{pages:#?}");
    let honest = |m: &mut Message| m.encryption = Some(Encryption::new(&to, Content::Aes128Cbc, Wrap::OaepSha1));
    assert_signed_in("honest", &world.sign_in(&mut Browser::new(), honest).await);
}

fn flipped(mut bytes: Vec<u8>, from_end: usize, with: u8) -> Vec<u8> {
    let at = bytes.len() - from_end;
    bytes[at] ^= with;
    bytes
}

/// The way back that a page offers names the pending login, another one each time.
fn login_in(body: &str) -> String {
    body.split_once("\"/login/").and_then(|(_, rest)| rest.split_once('"')).map_or("\0".into(), |(id, _)| id.to_owned())
}
