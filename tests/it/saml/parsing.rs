//! Documents that two readers could read differently, or that cost too much to read (S3, S7, S20). What the provider must
//! have signed it has signed; what a signature does not cover is put in afterwards, as an attacker would.

use super::{
    dsig::edit,
    provider::{EVERYWHERE, Message, SAML, SAMLP, Signs},
    sso_saml::{SamlSso, assert_signed_in},
};
use crate::{browser::Browser, world::Backend};

/// With `doctype` before the root.
fn doctype(doctype: &'static str) -> impl Fn(&mut Message) -> String {
    move |message| format!("{doctype}{}", message.build())
}

#[tokio::test]
async fn a_doctype_is_refused_whatever_it_declares() {
    let world = SamlSso::new(Backend::Sqlite).await;
    for (name, declared) in [
        ("bare", "<!DOCTYPE Response>"),
        ("lower case after a declaration", "<?xml version=\"1.0\"?><!DOCTYPE samlp:Response>"),
        ("after a comment", "<!-- x --><!DOCTYPE samlp:Response>"),
        ("an internal entity", "<!DOCTYPE r [<!ENTITY e \"eve@acme.example\">]>"),
        ("an external entity", "<!DOCTYPE r [<!ENTITY e SYSTEM \"file:///etc/passwd\">]>"),
        ("an external subset", "<!DOCTYPE r SYSTEM \"http://127.0.0.1:1/evil.dtd\">"),
        ("a parameter entity", "<!DOCTYPE r [<!ENTITY % p SYSTEM \"http://127.0.0.1:1/evil.dtd\"> %p;]>"),
        ("a notation (CVE-2025-25291)", "<!DOCTYPE r [<!NOTATION n SYSTEM '\"><!--'>]>"),
        ("an ID type", "<!DOCTYPE r [<!ATTLIST samlp:Response Evil ID #IMPLIED>]>"),
        ("a default attribute", "<!DOCTYPE r [<!ATTLIST saml:NameID Format CDATA \"evil\">]>"),
    ] {
        let cause = if name == "after a comment" { "comment" } else { "DOCTYPE" };
        world.refused_but_honest_passes(name, cause, doctype(declared)).await;
    }
}

/// One look at the bytes refuses each, before anything is built of them: the cause says so. What that look costs, the bench
/// holds to 50 ms.
#[tokio::test]
async fn bombs_are_refused_before_they_are_parsed() {
    let world = SamlSso::new(Backend::Sqlite).await;
    let laughs: String = (1..10).map(|i| format!("<!ENTITY l{i} \"{}\">", format!("&l{};", i - 1).repeat(10))).collect();
    let laughs = format!("<!DOCTYPE r [<!ENTITY l0 \"lol\">{laughs}]>");
    let quadratic = format!("<!DOCTYPE r [<!ENTITY q \"{}\">]>", "q".repeat(50_000));
    let bombs: Vec<(&str, &str, Box<dyn Fn(&mut Message) -> String>)> = vec![
        ("billion laughs", "DOCTYPE", Box::new(move |m| format!("{laughs}{}", m.build().replace("ada@", "&l9;")))),
        (
            "quadratic blowup",
            "DOCTYPE",
            Box::new(move |m| format!("{quadratic}{}", m.build().replace("ada@", &"&q;".repeat(1000)))),
        ),
        ("deep", "nested deeper", Box::new(|m| m.finish(&format!("{}{}", "<x>".repeat(20_000), "</x>".repeat(20_000))))),
        ("deep and never closed", "nested deeper", Box::new(|m| put(m, &"<x>".repeat(30_000)))),
        ("wide", "tags", Box::new(|m| put(m, &format!("{}<samlp:Status>", "<x/>".repeat(50_000))))),
        (
            "many attributes",
            "attributes",
            Box::new(|m| {
                let many: String = (0..9_000).map(|i| format!(" a{i}=\"\"")).collect();
                put(m, &format!("<samlp:Status{many}>"))
            }),
        ),
        (
            "many namespaces",
            "attributes",
            Box::new(|m| {
                let many: String = (0..4_000).map(|i| format!(" xmlns:n{i}=\"u:{i}\"")).collect();
                put(m, &format!("<samlp:Status{many}>"))
            }),
        ),
        ("long", "bytes", Box::new(|m| put(m, &format!("{}<samlp:Status>", " ".repeat(260_000))))),
    ];
    for (name, cause, bomb) in bombs {
        world.refused_but_honest_passes(name, cause, bomb).await;
    }
}

/// In the place where the status begins.
fn put(message: &mut Message, text: &str) -> String {
    message.build().replace("<samlp:Status>", text)
}

/// Everything here is well signed by the provider.
#[tokio::test]
async fn what_no_message_needs_is_refused_although_signed() {
    let world = SamlSso::new(Backend::Sqlite).await;
    let name_ids = [
        ("a comment", "ada@acme.example<!-- x -->", "comment"),
        ("a processing instruction", "ada@acme.example<?x y?>", "processing instruction"),
        ("a CDATA section", "<![CDATA[ada@acme.example]]>", "CDATA"),
        ("an undeclared entity", "ada@acme.example&x;", ""),
        ("an element", "ada@acme.example<saml:X></saml:X>", "element"),
        ("a name with two colons", "ada@acme.example<saml:a:b></saml:a:b>", ""),
    ];
    for (name, name_id, cause) in name_ids {
        for signs in EVERYWHERE {
            let forge = |message: &mut Message| {
                message.signs = signs;
                if name.contains("entity") {
                    return message.build().replace("ada@acme.example<", &format!("{name_id}<"));
                }
                message.name_id = name_id.to_owned();
                message.build()
            };
            world.refuses(signs, name, cause, forge).await;
        }
    }
}

/// A well signed long name, cut in two by what the signature does not see: it must never be read as its first half.
#[tokio::test]
async fn a_split_name_is_never_read_as_its_prefix() {
    let world = SamlSso::new(Backend::Sqlite).await;
    let long = "ada@acme.example.evil.test";
    for (name, split, cause) in [
        ("a comment", "ada@acme.example<!---->.evil.test", "comment"),
        ("CDATA", "ada@acme.example<![CDATA[.evil.test]]>", "CDATA"),
        ("CDATA first", "<![CDATA[ada@acme.example]]>.evil.test", "CDATA"),
        ("an empty CDATA", "ada@acme.example<![CDATA[]]>.evil.test", "CDATA"),
    ] {
        for signs in EVERYWHERE {
            let forge = |message: &mut Message| {
                message.signs = signs;
                message.about(long);
                message.build().replace(long, split)
            };
            world.refuses(signs, name, cause, forge).await;
            let forge = |message: &mut Message| {
                message.signs = signs;
                message.attribute("email", &[long]);
                message.build().replace(long, split)
            };
            world.refuses(signs, &format!("{name} in an attribute"), cause, forge).await;
        }
    }
    for split in ["ada@acme.example<?x?>.evil.test", "ada@acme.example<x:y xmlns:x=\"u:x\"></x:y>.evil.test"] {
        let forge = |message: &mut Message| {
            message.about(split);
            message.build()
        };
        world.refused_but_honest_passes(split, "", forge).await;
    }
    // A reference is one way to write a character and splits nothing.
    let answer = world.sign_in(&mut Browser::new(), |m| m.about("ada@acme&#46;example")).await;
    assert_eq!(world.email_of(&answer).await, "ada@acme.example");
}

/// Names that only seem to be what they say: other namespaces under well-known prefixes, and the reverse.
#[tokio::test]
async fn a_name_is_its_namespace_and_not_its_prefix() {
    let world = SamlSso::new(Backend::Sqlite).await;
    let rebound: [(&str, fn(&mut Message) -> String); 4] = [
        ("the assertion's prefix rebound", |m| {
            m.assertion = edit(|a| a.replacen(&format!("xmlns:saml=\"{SAML}\""), "xmlns:saml=\"urn:evil\"", 1));
            m.build()
        }),
        ("the subject's prefix rebound", |m| {
            m.assertion = edit(|a| a.replacen("<saml:Subject>", "<saml:Subject xmlns:saml=\"urn:evil\">", 1));
            m.build()
        }),
        ("the response's prefix rebound", |m| {
            m.response = edit(|r| r.replacen(&format!("xmlns:samlp=\"{SAMLP}\""), "xmlns:samlp=\"urn:evil\"", 1));
            m.build()
        }),
        ("an undeclared prefix", |m| m.build().replace("<samlp:Status>", "<x:y/><samlp:Status>")),
    ];
    for (name, forge) in rebound {
        world.refused_but_honest_passes(name, "", forge).await;
    }
    for name in ["Response", "Assertion", "EncryptedAssertion", "NameID", "Signature"] {
        let forge = |m: &mut Message| {
            let alike = format!("<e:{name} xmlns:e=\"urn:evil\"></e:{name}>");
            m.response = edit(move |r| {
                r.replacen("</saml:Issuer>", &format!("</saml:Issuer><samlp:Extensions>{alike}</samlp:Extensions>"), 1)
            });
            m.build()
        };
        world.refused_but_honest_passes(&format!("a look-alike {name}"), "means nothing", forge).await;
    }
    // libxml2 passes such a declaration over, and so it means nothing.
    let xml = |m: &mut Message| m.build().replace("<samlp:Status>", "<samlp:Status xmlns:xml=\"urn:evil\">");
    assert_signed_in("the xml prefix rebound", &world.sign_in_with(&mut Browser::new(), xml).await);
    // Any prefix does, for it means nothing.
    let other = |m: &mut Message| {
        m.signs = Signs::Assertion;
        m.assertion = edit(|a| a.replace("saml:", "a2:").replace(":saml=", ":a2="));
        m.response = edit(|r| r.replace("samlp:", "p2:").replace(":samlp=", ":p2="));
    };
    assert_signed_in("other prefixes", &world.sign_in(&mut Browser::new(), other).await);
    let none = |m: &mut Message| {
        m.assertion = edit(|a| a.replace("saml:", "").replace("xmlns:saml=", "xmlns="));
    };
    assert_signed_in("no prefix", &world.sign_in(&mut Browser::new(), none).await);
}

#[tokio::test]
async fn another_encoding_is_refused() {
    let world = SamlSso::new(Backend::Sqlite).await;
    for (name, declaration, cause) in [
        ("UTF-7", "<?xml version=\"1.0\" encoding=\"UTF-7\"?>", "encoding"),
        ("Latin-1", "<?xml version='1.0' encoding='ISO-8859-1'?>", "encoding"),
        ("UTF-16", "<?xml version=\"1.0\" encoding = \"utf-16\"?>", "encoding"),
        ("XML 1.1", "<?xml version=\"1.1\"?>", "XML 1.0"),
        ("no end", "<?xml version=\"1.0\" ", ""),
        ("a stylesheet", "<?xml-stylesheet href=\"http://127.0.0.1:1/x.xsl\"?>", "processing instruction"),
    ] {
        let forge = |message: &mut Message| format!("{declaration}{}", message.build());
        world.refused_but_honest_passes(name, cause, forge).await;
    }
    for junk in ["", "\u{0}", "<", "&", "not XML", "<a/>", "<a></b>", "\u{feff}", "[]", "<!--"] {
        let forge = |_: &mut Message| junk.to_owned();
        world.refused_but_honest_passes(&format!("{junk:?}"), "", forge).await;
    }
    for (name, honest) in [("declared", "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"), ("a byte order mark", "\u{feff}")] {
        let answer = world.sign_in_with(&mut Browser::new(), |m| format!("{honest}{}", m.build())).await;
        assert_signed_in(name, &answer);
    }
}
