use openssl::{
    asn1::Asn1Time,
    ec::{EcGroup, EcKey},
    nid::Nid,
    pkey::Private,
    x509::X509Builder,
};

use super::{
    super::{certificate::Material, credentials::Usage},
    *,
};

const XML: &str = "<samlp:LogoutRequest ID=\"_1\">é &amp; more</samlp:LogoutRequest>";
const STATE: &str = "a state/with+every~thing=&?#é";

fn credential() -> Credential {
    Material::generate(Usage::Sign, "localhost", 0, 1_000).unwrap().open(Usage::Sign, 0, 0, None).unwrap()
}

/// A certificate around `key`: only the key in it counts.
fn certificate(key: &PKey<Private>) -> Vec<u8> {
    let mut builder = X509Builder::new().unwrap();
    builder.set_not_before(&Asn1Time::from_unix(0).unwrap()).unwrap();
    builder.set_not_after(&Asn1Time::from_unix(1_000).unwrap()).unwrap();
    builder.set_pubkey(key).unwrap();
    builder.sign(key, MessageDigest::sha256()).unwrap();
    builder.build().to_der().unwrap()
}

fn rsa() -> PKey<Private> {
    PKey::from_rsa(openssl::rsa::Rsa::generate(2048).unwrap()).unwrap()
}

fn ec(curve: Nid) -> PKey<Private> {
    let group = EcGroup::from_curve_name(curve).unwrap();
    PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap()
}

/// A signed query as another implementation writes it: `spell` is how it escapes values.
fn query(key: &PKey<Private>, algorithm: &str, digest: MessageDigest, spell: fn(&str) -> String) -> String {
    let message = spell(&STANDARD.encode(deflate(XML).unwrap()));
    let signed = format!("SAMLRequest={message}&RelayState={}&SigAlg={}", spell(STATE), spell(algorithm));
    let signature = Signer::new(digest, key).unwrap().sign_oneshot_to_vec(signed.as_bytes()).unwrap();
    format!("{signed}&Signature={}", spell(&STANDARD.encode(signature)))
}

fn lower(value: &str) -> String {
    value.bytes().map(|b| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02x}") }).collect()
}

fn every_byte(value: &str) -> String {
    value.bytes().map(|b| format!("%{b:02X}")).collect()
}

/// As browsers and Python's `quote_plus` do.
fn form(value: &str) -> String {
    form_urlencoded::byte_serialize(value.as_bytes()).collect()
}

/// As little as can be: slashes, colons and equals signs as they are.
fn sparing(value: &str) -> String {
    let bare = |b: u8| b.is_ascii_alphanumeric() || b"/:=.-_~?".contains(&b);
    value.bytes().map(|b| if bare(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

fn refused(query: &str, certificates: &[Vec<u8>]) -> String {
    decode(query, certificates, false).unwrap_err().to_string()
}

#[test]
fn what_is_encoded_decodes() {
    let credential = credential();
    let certificates = [certificate(&rsa()), credential.certificate.clone()];
    for (location, front) in [
        ("https://idp.example/sso", "https://idp.example/sso?SAML"),
        ("https://idp.example/sso?", "https://idp.example/sso?SAML"),
        ("https://idp.example/sso?idpid=C0%2f1&x=a+b#top", "https://idp.example/sso?idpid=C0%2f1&x=a+b&SAML"),
    ] {
        for kind in [Kind::Request, Kind::Response] {
            for state in [None, Some(STATE), Some("")] {
                let url = encode(location, kind, XML, state, Some(&credential)).unwrap();
                assert!(url.as_str().starts_with(front), "{url}");
                let decoded = decode(url.query().unwrap(), &certificates, false).unwrap();
                assert_eq!(decoded, Decoded { kind, xml: XML.to_owned(), relay_state: state.map(str::to_owned) });
            }
        }
    }
    let unsigned = encode("https://idp.example/", Kind::Request, XML, Some("s"), None).unwrap();
    assert!(unsigned.query().unwrap().ends_with("&RelayState=s"), "{unsigned}");
    assert!(refused(unsigned.query().unwrap(), &certificates).contains("SigAlg is missing"));
    for bad in ["javascript:alert(1)", "/sso", "urn:x"] {
        assert!(matches!(encode(bad, Kind::Request, XML, None, None), Err(Error::Misconfigured(_))), "{bad}");
    }
}

#[test]
fn every_escaping_verifies_and_every_order() {
    let key = rsa();
    let certificates = [certificate(&key)];
    for spell in [lower as fn(&str) -> String, every_byte, form, sparing, percent] {
        let query = query(&key, RSA_SHA256, MessageDigest::sha256(), spell);
        let expected = Decoded { kind: Kind::Request, xml: XML.into(), relay_state: Some(STATE.into()) };
        assert_eq!(decode(&query, &certificates, false).unwrap(), expected, "{query}");
        let mut parts: Vec<&str> = query.split('&').collect();
        parts.reverse();
        parts.insert(2, "utm_source=portal");
        assert_eq!(decode(&parts.join("&"), &certificates, false).unwrap(), expected, "in another order, with a stranger");
    }
    // The spelling is what was signed.
    let honest = query(&key, RSA_SHA256, MessageDigest::sha256(), lower);
    let respelt = honest.replace("%3a", "%3A");
    assert_ne!(respelt, honest);
    assert!(refused(&respelt, &certificates).contains("fits none"));
}

#[test]
fn changing_any_part_is_refused() {
    let key = rsa();
    let certificates = [certificate(&key)];
    let honest = query(&key, RSA_SHA256, MessageDigest::sha256(), percent);
    assert!(decode(&honest, &certificates, false).is_ok());
    let parts: Vec<&str> = honest.split('&').collect();
    let with = |at: usize, part: String| {
        let mut parts: Vec<String> = parts.iter().map(|p| (*p).to_owned()).collect();
        parts[at] = part;
        parts.join("&")
    };
    let evil = percent(&STANDARD.encode(deflate("<evil/>").unwrap()));
    let other = query(&rsa(), RSA_SHA256, MessageDigest::sha256(), percent);
    let other_signature = other.split('&').next_back().unwrap();
    for (attack, why) in [
        (with(0, format!("SAMLRequest={evil}")), "fits none"),
        (with(0, parts[0].replace("SAMLRequest", "SAMLResponse")), "fits none"),
        (with(0, parts[0].replace("SAMLRequest", "SAML%52equest")), "neither"),
        (with(1, "RelayState=https%3A%2F%2Fevil.example".into()), "fits none"),
        (with(1, "RelayState=".into()), "fits none"),
        (with(1, "x=y".into()), "fits none"),
        (with(2, "SigAlg=".into()), "not accepted"),
        (with(2, "x=y".into()), "SigAlg is missing"),
        (with(2, format!("SigAlg={}", percent("http://www.w3.org/2001/04/xmldsig-more#rsa-sha512"))), "fits none"),
        (with(2, format!("SigAlg={}", percent("http://www.w3.org/2000/09/xmldsig#hmac-sha1"))), "not accepted"),
        (with(2, format!("SigAlg={}", percent("http://www.w3.org/2000/09/xmldsig#dsa-sha1"))), "not accepted"),
        (with(3, other_signature.into()), "fits none"),
        (with(3, "Signature=".into()), "fits none"),
        (with(3, "Signature=%00".into()), "no base64"),
        (with(3, "x=y".into()), "Signature is missing"),
        (format!("{honest}&SAMLRequest={evil}"), "SAMLRequest twice"),
        (format!("SAMLRequest={evil}&{honest}"), "SAMLRequest twice"),
        (format!("{honest}&SAMLResponse={evil}"), "both"),
        (format!("{honest}&RelayState"), "RelayState twice"),
        (format!("{honest}&{}", parts[2]), "SigAlg twice"),
        (format!("{honest}&{}", parts[3]), "Signature twice"),
        (format!("{honest}&SAMLEncoding=urn%3Ax"), "SAMLEncoding"),
        (format!("{honest}&x={}", "y".repeat(MAX_QUERY)), "longer"),
        (String::new(), "neither"),
    ] {
        let refusal = refused(&attack, &certificates);
        assert!(refusal.contains(why), "{attack}: {refusal}");
    }
    assert!(refused(&honest, &[]).contains("none of the provider's 0 certificates"));
    assert!(refused(&honest, &[certificate(&rsa()), b"junk".to_vec()]).contains("fits none"), "of another provider");
}

#[test]
fn only_strong_algorithms_and_each_with_its_kind_of_key() {
    let more = |name: &str| format!("http://www.w3.org/2001/04/xmldsig-more#{name}");
    let (rsa, p256, p384, p521) = (rsa(), ec(Nid::X9_62_PRIME256V1), ec(Nid::SECP384R1), ec(Nid::SECP521R1));
    for (key, algorithm, digest) in [
        (&rsa, more("rsa-sha256"), MessageDigest::sha256()),
        (&rsa, more("rsa-sha384"), MessageDigest::sha384()),
        (&rsa, more("rsa-sha512"), MessageDigest::sha512()),
        (&p256, more("ecdsa-sha256"), MessageDigest::sha256()),
        (&p384, more("ecdsa-sha384"), MessageDigest::sha384()),
        (&p521, more("ecdsa-sha512"), MessageDigest::sha512()),
    ] {
        let asn1 = query(key, &algorithm, digest, percent);
        assert!(decode(&asn1, &[certificate(key)], false).is_ok(), "{algorithm}");
        if key.id() != Id::EC {
            continue;
        }
        let (signed, signature) = asn1.split_once("&Signature=").unwrap();
        let signature = EcdsaSig::from_der(&base64(&format!("Signature={signature}")).unwrap()).unwrap();
        let half = i32::try_from(key.bits().div_ceil(8)).unwrap();
        let joined = [signature.r().to_vec_padded(half).unwrap(), signature.s().to_vec_padded(half).unwrap()].concat();
        let joined = format!("{signed}&Signature={}", percent(&STANDARD.encode(joined)));
        assert!(decode(&joined, &[certificate(key)], false).is_ok(), "{algorithm} as XML signatures have it");
        assert!(refused(&joined, &[certificate(&rsa), certificate(&ec(Nid::X9_62_PRIME256V1))]).contains("fits none"));
    }
    let sha1 = query(&rsa, "http://www.w3.org/2000/09/xmldsig#rsa-sha1", MessageDigest::sha1(), percent);
    assert!(refused(&sha1, &[certificate(&rsa)]).contains("allow_sha1"));
    assert!(decode(&sha1, &[certificate(&rsa)], true).is_ok(), "where the operator accepts it");
    let mismatch = query(&rsa, &more("ecdsa-sha256"), MessageDigest::sha256(), percent);
    assert!(refused(&mismatch, &[certificate(&rsa)]).contains("fits none"), "an RSA key is none for ECDSA");
}

#[test]
fn bombs_are_cut_off() {
    // A flush ends on a whole byte and forgets what was before, so what it gave may be repeated.
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(&vec![b' '; 1024 * 1024]).unwrap();
    encoder.flush().unwrap();
    let mut bomb = encoder.get_ref().repeat(1024);
    assert!((1_000_000..2_000_000).contains(&bomb.len()), "{}", bomb.len());
    // Whoever reads on meets what cannot be inflated.
    bomb.splice(2 * bomb.len() / 1024.., [0xff; 100]);
    assert!(inflate(&bomb).unwrap_err().contains("larger than"));
    let read_on = DeflateDecoder::new(&bomb[..]).read_to_end(&mut Vec::new());
    assert!(read_on.is_err());

    let credential = credential();
    let certificates = [credential.certificate.clone()];
    let sized = |length: u64| {
        let xml = " ".repeat(usize::try_from(length).unwrap());
        let url = encode("https://sp.example/", Kind::Request, &xml, None, Some(&credential)).unwrap();
        decode(url.query().unwrap(), &certificates, false)
    };
    assert_eq!(sized(MAX_MESSAGE).unwrap().xml.len(), 512 * 1024, "as large as may be");
    assert!(sized(MAX_MESSAGE + 1).unwrap_err().to_string().contains("larger"), "signed, and too large all the same");

    let stated = |length| {
        let url = encode("https://sp.example/", Kind::Request, XML, Some(&"s".repeat(length)), Some(&credential)).unwrap();
        decode(url.query().unwrap(), &certificates, false)
    };
    assert_eq!(stated(MAX_RELAY_STATE).unwrap().relay_state.unwrap().len(), MAX_RELAY_STATE);
    assert!(stated(MAX_RELAY_STATE + 1).unwrap_err().to_string().contains("RelayState is longer"));
}
