//! Ids that mean two elements, and signatures that mean another element than it seems (S4, S5, S6, S8). The signature
//! values are the provider's own: where only form is wrong, form must be why.

use super::{
    canonical::{Form, Select, canonical},
    dsig::{Digest, ENVELOPED, EXCLUSIVE, Signer, edit},
    provider::{EVERYWHERE, Message, Signs, new_id},
    sso_saml::SamlSso,
};
use crate::world::Backend;

#[tokio::test]
async fn an_id_has_one_spelling_and_one_owner() {
    let world = SamlSso::new(Backend::Sqlite).await;
    // Attributes beside the right one; the provider signs them, so nothing but their form is wrong.
    for more in ["Id=\"_x\"", "id=\"_x\"", "xml:id=\"_x\"", "samlp:ID=\"_x\"", "xmlns:e=\"u:e\" e:ID=\"_x\""] {
        for inner in [false, true] {
            let forge = |message: &mut Message| {
                let add = move |xml: String| xml.replacen(" ID=", &format!(" {more} ID="), 1);
                if inner && !more.contains("samlp") {
                    message.assertion = edit(add);
                } else {
                    message.response = edit(add);
                }
                message.build()
            };
            world.refused_but_honest_passes(&format!("{more} {inner}"), "id", forge).await;
        }
    }
    // An id of another spelling where there is no right one.
    for id in ["Id=\"_x\"", "id=\"_x\"", "xml:id=\"_x\"", "samlp:ID=\"_x\""] {
        let forge = |message: &mut Message| {
            message.response = edit(move |r| r.replacen("<samlp:Status>", &format!("<samlp:Status {id}>"), 1));
            message.build()
        };
        world.refused_but_honest_passes(id, "not the one of its standard", forge).await;
    }
    let same = |message: &mut Message| {
        message.assertion_id = message.response_id.clone();
        message.signs = Signs::Response;
        message.build()
    };
    world.refused_but_honest_passes("one id twice", "twice", same).await;
    let same = |message: &mut Message| {
        message.signs = Signs::Assertion;
        message.response_id = message.assertion_id.clone();
        message.build()
    };
    world.refused_but_honest_passes("one id twice, the assertion signed", "twice", same).await;
    for id in ["", "1digit", "a b", "a'b", "xpointer(/)", "#"] {
        for signs in EVERYWHERE {
            let forge = |message: &mut Message| {
                message.signs = signs;
                let which = if signs == Signs::Assertion { &mut message.assertion_id } else { &mut message.response_id };
                *which = id.to_owned();
                message.build()
            };
            let cause = if id.is_empty() { "" } else { "no XML name" };
            world.refuses(signs, &format!("{id:?}"), cause, forge).await;
        }
    }
}

#[tokio::test]
async fn a_reference_is_to_the_element_that_it_stands_in() {
    let world = SamlSso::new(Backend::Sqlite).await;
    for signs in EVERYWHERE {
        let uris: [(&str, Option<String>); 7] = [
            ("empty", Some(String::new())),
            ("a bare name", Some("x".to_owned())),
            ("absolute", Some("http://127.0.0.1:1/x".to_owned())),
            ("a file", Some("file:///etc/passwd".to_owned())),
            ("the whole document", Some("#xpointer(/)".to_owned())),
            ("by xpointer", Some("#xpointer(id('ID'))".to_owned())),
            ("only a hash", Some("#".to_owned())),
        ];
        for (name, uri) in uris {
            let forge = |message: &mut Message| {
                message.signs = signs;
                let id = if signs == Signs::Assertion { &message.assertion_id } else { &message.response_id };
                message.signer.uri = uri.map(|u| u.replace("ID", id));
                message.build()
            };
            world.refuses(signs, name, "reference", forge).await;
        }
        let forge = |message: &mut Message| {
            message.signs = signs;
            message.signer.signed_info = edit(|info| {
                let (before, rest) = info.split_once(" URI=\"").unwrap();
                format!("{before}{}", rest.split_once('"').unwrap().1)
            });
            message.build()
        };
        world.refuses(signs, "no URI", "reference", forge).await;
    }
    // The assertion's signature covers the response, and the reverse.
    let other = |message: &mut Message| {
        message.signs = Signs::Assertion;
        let id = message.response_id.clone();
        let mut xml = message.bare_response(&message.bare_assertion());
        xml = xml
            .replace(&format!("{{{{{id}}}}}"), "")
            .replace(&format!("{{{{{}}}}}", message.assertion_id), &format!("{{{{{id}}}}}"));
        message.signer.sign(&xml, &id)
    };
    world.refused_but_honest_passes("the response, signed from within the assertion", "reference", other).await;
    let other = |message: &mut Message| {
        let id = message.assertion_id.clone();
        let mut xml = message.bare_response(&message.bare_assertion());
        xml = xml
            .replace(&format!("{{{{{id}}}}}"), "")
            .replace(&format!("{{{{{}}}}}", message.response_id), &format!("{{{{{id}}}}}"));
        message.signer.sign(&xml, &id)
    };
    world.refused_but_honest_passes("the assertion, signed from beside it", "reference", other).await;
}

#[tokio::test]
async fn there_is_one_reference_one_signed_info_one_signature() {
    let world = SamlSso::new(Backend::Sqlite).await;
    for signs in [Signs::Response, Signs::Assertion] {
        let two: [(&str, fn(&str) -> String); 2] = [
            ("two references", |r| format!("{r}{r}")),
            ("a second reference to what signs nothing", |r| {
                let empty = Digest::Sha256.of(b"");
                format!(
                    "{r}<ds:Reference URI=\"#x\"><ds:DigestMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#sha256\"></ds:DigestMethod><ds:DigestValue>{empty}</ds:DigestValue></ds:Reference>"
                )
            }),
        ];
        for (name, double) in two {
            let forge = |message: &mut Message| {
                message.signs = signs;
                message.signer.signed_info = edit(move |info| {
                    let (before, rest) = info.split_once("<ds:Reference").unwrap();
                    let (reference, after) = rest.rsplit_once("</ds:Reference>").unwrap();
                    format!("{before}{}{after}", double(&format!("<ds:Reference{reference}</ds:Reference>")))
                });
                message.build()
            };
            world.refuses(signs, name, "Reference", forge).await;
        }
        let forge = |message: &mut Message| {
            message.signs = signs;
            message.signer.signed_info = edit(|info| {
                let at = info.find("<ds:Reference").unwrap();
                format!("{}</ds:SignedInfo>", &info[..at])
            });
            message.build()
        };
        world.refuses(signs, "no reference", "Reference", forge).await;
        // Digest tricks (S8): what is read first is not what was signed.
        let tricks: [(&str, fn(String) -> String); 5] = [
            ("two SignedInfo", |s| s.replacen("<ds:SignedInfo>", "<ds:SignedInfo></ds:SignedInfo><ds:SignedInfo>", 1)),
            ("a SignedInfo after the value", |s| {
                s.replacen("</ds:SignatureValue>", "</ds:SignatureValue><ds:SignedInfo></ds:SignedInfo>", 1)
            }),
            ("two DigestValue", |s| s.replacen("<ds:DigestValue>", "<ds:DigestValue>AAAA</ds:DigestValue><ds:DigestValue>", 1)),
            ("a comment in DigestValue", |s| s.replacen("<ds:DigestValue>", "<ds:DigestValue><!--AAAA-->", 1)),
            ("two SignatureValue", |s| {
                s.replacen("<ds:SignatureValue>", "<ds:SignatureValue>AAAA</ds:SignatureValue><ds:SignatureValue>", 1)
            }),
        ];
        for (name, trick) in tricks {
            let forge = |message: &mut Message| {
                message.signs = signs;
                message.signer.signature = edit(trick);
                message.build()
            };
            world.refuses(signs, name, "", forge).await;
        }
        let double = |message: &mut Message| {
            message.signs = signs;
            message.signer.signature = edit(|s| format!("{s}{s}"));
            message.build()
        };
        world.refuses(signs, "two signatures", "Signature", double).await;
    }
    // Each of the two signatures refers to the other's element.
    let swapped = |message: &mut Message| {
        message.signs = Signs::Both;
        let (response, assertion) = (message.response_id.clone(), message.assertion_id.clone());
        let xml = message.bare_response(&message.bare_assertion());
        let (r, a) = (format!("{{{{{response}}}}}"), format!("{{{{{assertion}}}}}"));
        let xml = xml.replace(&r, "{{x}}").replace(&a, &r).replace("{{x}}", &a);
        let once = message.signer.sign(&xml, &assertion);
        message.signer.sign(&once, &response)
    };
    world.refused_but_honest_passes("swapped", "reference", swapped).await;
}

/// What is hashed is empty or fixed, whatever the document says (void canonicalization).
#[tokio::test]
async fn a_digest_of_nothing_signs_nothing() {
    let world = SamlSso::new(Backend::Sqlite).await;
    for namespace in ["relative", "./x", "1"] {
        let forge = |message: &mut Message| {
            message.assertion = edit(move |a| a.replacen(" ID=", &format!(" xmlns:v=\"{namespace}\" ID="), 1));
            message.build()
        };
        world.refused_but_honest_passes(&format!("a namespace {namespace:?}"), "namespace", forge).await;
    }
    for bytes in ["", "<a></a>"] {
        for signs in [Signs::Response, Signs::Assertion] {
            let forge = |message: &mut Message| {
                message.signs = signs;
                let digest = Digest::Sha256.of(bytes.as_bytes());
                message.signer.signed_info = edit(move |info| {
                    let (before, rest) = info.split_once("<ds:DigestValue>").unwrap();
                    format!("{before}<ds:DigestValue>{digest}{}", &rest[rest.find("</ds:DigestValue>").unwrap()..])
                });
                message.build()
            };
            world.refuses(signs, &format!("a signed digest of {bytes:?}"), "changed after it was signed", forge).await;
        }
    }
}

/// CVE-2025-23369: libxml2 looks an id up by its unexpanded spelling.
#[tokio::test]
async fn an_id_by_an_entity_is_refused() {
    let world = SamlSso::new(Backend::Sqlite).await;
    for declared in [true, false] {
        let forge = |message: &mut Message| {
            let whole = message.build();
            let mut evil = message.clone();
            evil.signs = Signs::Nothing;
            evil.assertion_id = new_id();
            evil.about("eve@acme.example");
            let signature = whole.split_once("<ds:Signature ").unwrap().1.split_once("</ds:Signature>").unwrap().0;
            let signature = format!("<ds:Signature {signature}<ds:Object>{whole}</ds:Object></ds:Signature>");
            let id = evil.response_id.clone();
            let evil = evil.build().replacen("</saml:Issuer>", &format!("</saml:Issuer>{signature}"), 1);
            let evil = evil.replacen(&format!(" ID=\"{id}\""), " ID=\"&idref;\"", 1);
            let doctype = format!("<!DOCTYPE samlp:Response [<!ENTITY idref \"{id}\">]>");
            format!("{}{evil}", if declared { doctype } else { String::new() })
        };
        world.refused_but_honest_passes("CVE-2025-23369", if declared { "DOCTYPE" } else { "" }, forge).await;
    }
}

/// Transforms and canonicalisations (S13): the provider's signature is right by each of them.
#[tokio::test]
async fn only_two_transforms_are_known() {
    let world = SamlSso::new(Backend::Sqlite).await;
    let t = |algorithm: &str| format!("<ds:Transform Algorithm=\"{algorithm}\"></ds:Transform>");
    let enveloped = t(ENVELOPED);
    let exclusive = t(EXCLUSIVE);
    let xpath =
        "<ds:Transform Algorithm=\"http://www.w3.org/TR/1999/REC-xpath-19991116\"><ds:XPath>true()</ds:XPath></ds:Transform>";
    let xslt = "<ds:Transform Algorithm=\"http://www.w3.org/TR/1999/REC-xslt-19991116\"><xsl:stylesheet xmlns:xsl=\"http://www.w3.org/1999/XSL/Transform\" version=\"1.0\"><xsl:template match=\"/\"><xsl:copy-of select=\"document('http://127.0.0.1:1/')\"></xsl:copy-of></xsl:template></xsl:stylesheet></ds:Transform>";
    let cases = [
        ("XPath", format!("{enveloped}{xpath}{exclusive}")),
        ("XPath instead", format!("{enveloped}{xpath}")),
        ("XSLT", format!("{enveloped}{xslt}{exclusive}")),
        ("base64", format!("{enveloped}{}", t("http://www.w3.org/2000/09/xmldsig#base64"))),
        ("three", format!("{enveloped}{exclusive}{exclusive}")),
        ("many", format!("{enveloped}{}", exclusive.repeat(50))),
        ("the wrong way round", format!("{exclusive}{enveloped}")),
        ("none", String::new()),
        ("enveloped alone", enveloped.clone()),
        ("exclusive alone", exclusive.clone()),
        ("with comments", format!("{enveloped}{}", t(&format!("{EXCLUSIVE}WithComments")))),
        ("inclusive", format!("{enveloped}{}", t("http://www.w3.org/TR/2001/REC-xml-c14n-20010315"))),
        ("unknown", format!("{enveloped}{}", t("urn:x"))),
        ("a path filter", format!("{enveloped}{}", t("http://www.w3.org/2002/06/xmldsig-filter2"))),
    ];
    for (name, transforms) in cases {
        for signs in EVERYWHERE {
            let forge = |message: &mut Message| {
                message.signs = signs;
                message.signer.transforms = Some(transforms.clone());
                message.build()
            };
            world.refuses(signs, name, "not accepted", forge).await;
        }
    }
    for uri in ["http://www.w3.org/TR/2001/REC-xml-c14n-20010315", "http://www.w3.org/2001/10/xml-exc-c14n#WithComments", "urn:x"]
    {
        let forge = |message: &mut Message| {
            message.signer.canonicalization = uri.to_owned();
            message.build()
        };
        world.refused_but_honest_passes(uri, "CanonicalizationMethod", forge).await;
    }
    // The form that Okta and Keycloak send.
    let prefixes = |message: &mut Message| {
        let xs = |a: String| a.replacen(" ID=", " xmlns:xs=\"http://www.w3.org/2001/XMLSchema\" ID=", 1);
        message.assertion = edit(xs);
        message.signs = Signs::Both;
        message.signer.form = Form { prefixes: vec!["xs"], ..Form::default() };
        let xml = message.build();
        assert!(canonical(&xml, Select::Id(&message.assertion_id), &message.signer.form).contains("xmlns:xs"));
        xml
    };
    let answer = world.sign_in_with(&mut crate::browser::Browser::new(), prefixes).await;
    super::sso_saml::assert_signed_in("InclusiveNamespaces", &answer);
    assert!(Signer::default().uri.is_none());
}
