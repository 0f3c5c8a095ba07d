//! Signatures of every accepted and many refused forms, made with keys of our own.

use super::*;
use crate::connector::saml::forge::{Signer, template, template_with};

fn message(signature: &str) -> String {
    format!(
        "<p:LogoutRequest xmlns:p=\"urn:oasis:names:tc:SAML:2.0:protocol\" ID=\"_a\"><p:x>é</p:x>{signature}</p:LogoutRequest>"
    )
}

fn good() -> (Signer, String) {
    let signer = Signer::rsa(2048);
    let xml = signer.fill(&message(&template("_a")));
    (signer, xml)
}

#[test]
fn gives_back_what_was_signed() {
    let (signer, xml) = good();
    let certificates = [signer.certificate.clone()];
    let bytes = verified(&xml, &certificates, false).unwrap();
    assert_eq!(bytes, message(""));
    assert_eq!(
        verified(&format!("\u{feff}<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{xml}"), &certificates, false).unwrap(),
        bytes
    );
}

#[test]
fn any_of_several_certificates_will_do() {
    let (signer, xml) = good();
    for others in [vec![Signer::ec(), Signer::rsa(3072)], vec![Signer::rsa(1024), Signer::rsa(2048), Signer::ec()]] {
        let mut certificates: Vec<_> = others.into_iter().map(|s| s.certificate).collect();
        assert_eq!(verified(&xml, &certificates, false), Err(SignatureError::Invalid));
        certificates.push(signer.certificate.clone());
        assert!(verified(&xml, &certificates, false).is_ok());
    }
    assert_eq!(verified(&xml, &[], false), Err(SignatureError::Invalid));
    assert_eq!(verified(&xml, &[b"junk".to_vec()], false), Err(SignatureError::Invalid));
}

#[test]
fn each_accepted_algorithm_verifies() {
    let (rsa, ec) = (Signer::rsa(2048), Signer::ec());
    for (signer, method) in [
        (&rsa, RSA_SHA256),
        (&rsa, RSA_SHA384),
        (&rsa, RSA_SHA512),
        (&ec, ECDSA_SHA256),
        (&ec, ECDSA_SHA384),
        (&ec, ECDSA_SHA512),
    ] {
        for digest in [SHA256, SHA384, SHA512] {
            let xml = signer.fill(&message(&template_with("_a", method, digest)));
            let certificates = [ec.certificate.clone(), rsa.certificate.clone()];
            assert_eq!(verified(&xml, &certificates, false).unwrap(), message(""), "{method} {digest}");
        }
    }
}

#[test]
fn sha1_only_by_opt_in() {
    let signer = Signer::rsa(2048);
    let certificates = [signer.certificate.clone()];
    for (method, digest) in [(RSA_SHA1, SHA1), (RSA_SHA256, SHA1), (RSA_SHA1, SHA256)] {
        let xml = signer.fill(&message(&template_with("_a", method, digest)));
        let error = verified(&xml, &certificates, false).unwrap_err().to_string();
        assert!(error.contains("allow_sha1"), "{error}");
        assert!(verified(&xml, &certificates, true).is_ok(), "{method} {digest}");
    }
    let hmac = good().1.replace(RSA_SHA256, "http://www.w3.org/2000/09/xmldsig#hmac-sha1");
    assert!(matches!(verified(&hmac, &certificates, true), Err(SignatureError::Algorithm(_))));
}

#[test]
fn what_was_changed_or_stripped_is_refused() {
    let (signer, xml) = good();
    let certificates = [signer.certificate.clone()];
    let stripped = format!("{}{}", &xml[..xml.find("<ds:Signature").unwrap()], "</p:LogoutRequest>");
    assert_eq!(verified(&stripped, &certificates, false), Err(SignatureError::Unsigned));
    for (from, to) in
        [("é", "e"), ("<p:x>", "<p:x a=\"1\">"), ("</p:x>", "</p:x><p:y/>"), ("<ds:DigestValue>", "<ds:DigestValue>A")]
    {
        assert_eq!(verified(&xml.replacen(from, to, 1), &certificates, false), Err(SignatureError::Invalid), "{from}");
    }
}

#[test]
fn only_the_one_form_is_accepted() {
    let (signer, xml) = good();
    let certificates = [signer.certificate.clone()];
    let reference = &xml[xml.find("<ds:Reference").unwrap()..xml.find("</ds:SignedInfo>").unwrap()];
    let info = &xml[xml.find("<ds:SignedInfo").unwrap()..xml.find("<ds:SignatureValue").unwrap()];
    let whole = &xml[xml.find("<ds:Signature ").unwrap()..xml.find("</p:LogoutRequest>").unwrap()];
    let exclusive = format!("<ds:Transform Algorithm=\"{EXCLUSIVE}\"/>");
    let changes: Vec<(&str, String)> = vec![
        ("URI=\"#_a\"", "URI=\"\"".into()),
        ("URI=\"#_a\"", String::new()),
        ("URI=\"#_a\"", "URI=\"_a\"".into()),
        ("URI=\"#_a\"", "URI=\"http://evil.test/#_a\"".into()),
        ("URI=\"#_a\"", "URI=\"#xpointer(/)\"".into()),
        ("URI=\"#_a\"", "URI=\"#_b\"".into()),
        (reference, format!("{reference}{reference}")),
        (info, format!("{info}{info}")),
        (whole, format!("{whole}{whole}")),
        ("</ds:SignatureValue>", "</ds:SignatureValue><ds:Object/>".into()),
        ("</ds:SignatureValue>", "</ds:SignatureValue><ds:KeyInfo/><ds:KeyInfo/>".into()),
        ("</ds:DigestValue>", "</ds:DigestValue><ds:DigestValue>x</ds:DigestValue>".into()),
        ("<ds:DigestValue>", "<ds:DigestValue><ds:x/>".into()),
        (exclusive.as_str(), String::new()),
        (exclusive.as_str(), format!("{exclusive}{exclusive}")),
        (exclusive.as_str(), exclusive.replace("exc-c14n#", "exc-c14n#WithComments")),
        (exclusive.as_str(), "<ds:Transform Algorithm=\"http://www.w3.org/TR/1999/REC-xslt-19991116\"/>".into()),
        (ENVELOPED, "http://www.w3.org/2000/09/xmldsig#base64".into()),
        (RSA_SHA256, "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256".into()),
        (RSA_SHA256, "http://www.w3.org/2000/09/xmldsig#dsa-sha1".into()),
        (SHA256, "http://www.w3.org/2001/04/xmldsig-more#md5".into()),
        ("ID=\"_a\"", "Id=\"_a\"".into()),
        ("ID=\"_a\"", "xml:id=\"_a\"".into()),
        ("ID=\"_a\"", "ID=\"_a\" xml:id=\"_b\"".into()),
        ("ID=\"_a\"", "ID=\"_a\" p:Id=\"_b\"".into()),
        ("ID=\"_a\"", "ID=\"\"".into()),
        ("<p:x>", "<p:x ID=\"_a\">".into()),
        ("<p:x>", format!("<p:x>{whole}")),
        ("<p:x>", "<p:x><Signature/>".into()),
    ];
    for (from, to) in changes {
        let changed = xml.replacen(from, &to, 1);
        assert_ne!(changed, xml, "{from}");
        let result = verified(&changed, &certificates, false);
        let refused = matches!(result, Err(SignatureError::Form(_) | SignatureError::Algorithm(_)));
        assert!(refused, "{from} → {to}: {result:?}");
    }
    let keyed =
        xml.replace("</ds:SignatureValue>", "</ds:SignatureValue><ds:KeyInfo Id=\"k\"><ds:KeyName>x</ds:KeyName></ds:KeyInfo>");
    assert!(verified(&keyed, &certificates, false).is_ok());
}

#[test]
fn the_key_that_a_message_brings_along_is_not_believed() {
    let (honest, evil) = (Signer::rsa(2048), Signer::rsa(2048));
    let certificate = openssl::base64::encode_block(&evil.certificate);
    let info = format!(
        "</ds:SignatureValue><ds:KeyInfo><ds:X509Data><ds:X509Certificate>{certificate}</ds:X509Certificate></ds:X509Data></ds:KeyInfo>"
    );
    let xml = evil.fill(&message(&template("_a"))).replace("</ds:SignatureValue>", &info);
    assert_eq!(verified(&xml, &[honest.certificate], false), Err(SignatureError::Invalid));
    assert!(verified(&xml, &[evil.certificate], false).is_ok());
}

#[test]
fn few_prefixes_are_looked_up() {
    let signer = Signer::rsa(2048);
    let plain = format!("<ds:Transform Algorithm=\"{EXCLUSIVE}\"/>");
    let signed = |prefixes: &str| {
        let list = format!("<i:InclusiveNamespaces xmlns:i=\"{EXCLUSIVE}\" PrefixList=\"{prefixes}\"/>");
        let transform = format!("<ds:Transform Algorithm=\"{EXCLUSIVE}\">{list}</ds:Transform>");
        let asked = template("_a").replace(&plain, &transform);
        assert!(asked.contains(prefixes));
        verified(&signer.fill(&message(&asked)), std::slice::from_ref(&signer.certificate), false)
    };
    assert!(signed(&["z"; 16].join(" ")).is_ok());
    for many in [["z"; 17].join(" "), "z".repeat(513)] {
        let refused = signed(&many);
        assert!(matches!(&refused, Err(SignatureError::Form(why)) if why.contains("prefixes")), "{refused:?}");
    }
}

/// A canonical form declares a namespace wherever it is used: 54 kB would become 2 MB, and the longest gigabytes.
#[test]
fn what_would_grow_beyond_measure_is_refused_before_it_does() {
    let signer = Signer::rsa(2048);
    let long = |elements: usize| {
        let uri = format!("u:{}", "x".repeat(254));
        let inside = "<a:b/>".repeat(elements);
        let xml = message(&template("_a")).replace("<p:x>", &format!("<a:c xmlns:a=\"{uri}\">{inside}</a:c><p:x>"));
        verified(&signer.fill(&xml), std::slice::from_ref(&signer.certificate), false)
    };
    assert!(long(1_000).is_ok());
    let refused = long(9_000);
    assert!(matches!(&refused, Err(SignatureError::Form(why)) if why.contains("too large")), "{refused:?}");
}
