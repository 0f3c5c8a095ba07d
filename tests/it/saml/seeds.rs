//! The seeds of the fuzzers in fuzz/: honest documents of every shape, by keys that are made for nothing else. They are
//! kept honest here; `GATEHOUSE_WRITE_SEEDS=1 cargo test --test it saml::seeds` writes them anew.

use std::{
    fs,
    io::Write as _,
    path::PathBuf,
    sync::{Arc, LazyLock},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use gatehouse::connector::{
    Error,
    saml::{
        conditions::Expected,
        credentials::{Credential, Usage},
        metadata, redirect,
        response::{Trust, Verified, judge_xml},
    },
};
use openssl::{pkey::PKey, x509::X509};

use super::{
    canonical::Form,
    dsig::{Algorithm, Digest, Signer},
    keys::{Key, base64, key},
    provider::{EVERYWHERE, Provider, SAML, SAMLP, moment},
    xenc::{Content, Encryption, Wrap},
};
use crate::world::START;

const AUDIENCE: &str = "https://sso.example/saml/acme/corp/metadata";
const ACS: &str = "https://sso.example/oauth2/callback";

fn folder(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fuzz").join(name)
}

fn certificate(name: &str) -> Vec<u8> {
    X509::from_pem(&fs::read(folder("keys").join(format!("{name}.crt"))).unwrap()).unwrap().to_der().unwrap()
}

fn private(name: &str) -> PKey<openssl::pkey::Private> {
    PKey::private_key_from_pem(&fs::read(folder("keys").join(format!("{name}.key"))).unwrap()).unwrap()
}

fn provider() -> Provider {
    let other = key(0);
    let (rsa, rsa_certificate) = (private("provider"), certificate("provider"));
    let key = Key { rsa, rsa_certificate, ec: other.ec.clone(), ec_certificate: other.ec_certificate.clone() };
    Provider { signer: Signer::of(Arc::new(key)), ..Provider::new("idp") }
}

/// The seeds of one fuzzer, written anew if that is asked for.
fn seeds(target: &str, write: impl FnOnce() -> Vec<(String, String)>) -> Vec<(String, String)> {
    let folder = folder("seeds").join(target);
    if std::env::var("GATEHOUSE_WRITE_SEEDS").is_ok() {
        fs::create_dir_all(&folder).unwrap();
        for (name, text) in write() {
            fs::write(folder.join(name), text).unwrap();
        }
    }
    let all = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    all.map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read_to_string(&path).unwrap())).collect()
}

pub fn responses() -> Vec<(String, String)> {
    let idp = provider();
    let mut all = Vec::new();
    let honest = || {
        let mut message = idp.unsolicited(AUDIENCE, ACS, START);
        message.in_response_to = Some("_request".into());
        message.subject_in_response_to = Some("_request".into());
        (message.response_id, message.assertion_id) = ("_response".into(), "_assertion".into());
        message
    };
    for signs in EVERYWHERE {
        let name = format!("{signs:?}").to_lowercase();
        let mut message = honest();
        message.signs = signs;
        all.push((format!("{name}.xml"), message.build()));
        message.encryption = Some(Encryption::new(&certificate("ours"), Content::Aes256Gcm, Wrap::OaepSha1));
        all.push((format!("{name}-gcm.xml"), message.build()));
    }
    let mut message = honest();
    message.encryption = Some(Encryption::new(&certificate("ours"), Content::Aes128Cbc, Wrap::Oaep11Sha256));
    all.push(("response-cbc.xml".into(), message.build()));
    let mut message = honest();
    message.signer =
        Signer { algorithm: Algorithm::RsaSha512, digest: Digest::Sha512, key_info: Some(String::new()), ..message.signer };
    message.signer.form = Form { prefixes: vec!["xs"], ..Form::default() };
    message.session_not_on_or_after = Some(moment(START + 3600));
    message.name_id = "a &amp; b &#233; \u{20ac}".into();
    all.push(("prefixes.xml".into(), message.build()));
    all
}

/// What is made of a response by the keys of the seeds.
pub fn believed(xml: &str) -> Result<Verified, Error> {
    static KEYS: LazyLock<([Vec<u8>; 1], [Arc<Credential>; 1])> = LazyLock::new(|| {
        let (key, certificate) = (private("ours"), certificate("ours"));
        let ours = Credential { usage: Usage::Encrypt, key, certificate, created_at: 0, active_from: 0, expires_at: None };
        ([self::certificate("provider")], [Arc::new(ours)])
    });
    let trust = Trust { certificates: &KEYS.0, allow_sha1: false, want_encrypted: false, decryption: &KEYS.1 };
    let expected = Expected {
        issuer: "https://idp.example/saml",
        audience: AUDIENCE,
        recipient: ACS,
        request_id: Some("_request"),
        skew: 120,
        forced_at: None,
        max_age: None,
        contexts: &[],
        now: START,
    };
    judge_xml(xml, &trust, &expected)
}

#[test]
fn the_responses_are_believed() {
    let all = seeds("saml_response", responses);
    assert!(all.len() >= 8, "{all:?}");
    for (name, xml) in all {
        let verified = believed(&xml).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(verified.id, "_assertion", "{name}");
    }
}

fn documents() -> Vec<(String, String)> {
    let md = "urn:oasis:names:tc:SAML:2.0:metadata";
    let key = |usage: &str| {
        format!(
            "<md:KeyDescriptor{usage}><ds:KeyInfo xmlns:ds=\"{}\"><ds:X509Data><ds:X509Certificate>{}</ds:X509Certificate>\
             </ds:X509Data></ds:KeyInfo></md:KeyDescriptor>",
            super::dsig::DS,
            base64(&certificate("provider"))
        )
    };
    let role = |keys: &str| {
        format!(
            "<md:IDPSSODescriptor WantAuthnRequestsSigned=\"true\" protocolSupportEnumeration=\"{SAMLP}\">{keys}<md:SingleLogoutService \
             Binding=\"urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST\" Location=\"https://idp.example/slo\" ResponseLocation=\"https://idp.example/slo2\"/>\
             <md:NameIDFormat>urn:oasis:names:tc:SAML:2.0:nameid-format:persistent</md:NameIDFormat><md:SingleSignOnService \
             Binding=\"urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect\" Location=\"https://idp.example/sso\"/></md:IDPSSODescriptor>"
        )
    };
    let entity = |more: &str, keys: &str| {
        format!(
            "<md:EntityDescriptor xmlns:md=\"{md}\" entityID=\"https://idp.example/saml\"{more}>{}</md:EntityDescriptor>",
            role(keys)
        )
    };
    let until = " validUntil=\"2030-01-01T00:00:00Z\" cacheDuration=\"P1DT2H\"";
    vec![
        ("plain.xml".into(), entity("", &key(" use=\"signing\""))),
        (
            "comments.xml".into(),
            format!("<?xml version=\"1.0\"?><!-- x -->{}", entity(until, &(key("") + &key(" use=\"encryption\"")))),
        ),
        (
            "several.xml".into(),
            format!("<md:EntitiesDescriptor xmlns:md=\"{md}\"{until}>{}</md:EntitiesDescriptor>", entity("", &key(""))),
        ),
    ]
}

#[test]
fn the_documents_are_read() {
    let all = seeds("saml_metadata", documents);
    assert!(all.len() >= 3);
    for (name, xml) in all {
        let provider = metadata::read(&xml, None, &[], START).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(provider.certificates.len(), 1, "{name}");
    }
}

fn queries() -> Vec<(String, String)> {
    let signer = provider().signer;
    let message = |name: &str, inner: &str| {
        format!(
            "<samlp:{name} xmlns:samlp=\"{SAMLP}\" ID=\"_m\" Version=\"2.0\" IssueInstant=\"{}\" Destination=\"https://sso.example/saml/acme/corp/slo\" \
             InResponseTo=\"_request\"><saml:Issuer xmlns:saml=\"{SAML}\">https://idp.example/saml</saml:Issuer>{inner}</samlp:{name}>",
            moment(START)
        )
    };
    let query = |kind: &str, xml: &str, more: &str| {
        let mut deflated = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
        deflated.write_all(xml.as_bytes()).unwrap();
        let percent = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let deflated = percent(&STANDARD.encode(deflated.finish().unwrap()));
        let algorithm = percent("http://www.w3.org/2001/04/xmldsig-more#rsa-sha256");
        let signed = format!("{kind}={deflated}{more}&SigAlg={algorithm}");
        format!("{signed}&Signature={}", percent(&STANDARD.encode(signer.raw(signed.as_bytes()))))
    };
    let name =
        format!("<saml:NameID xmlns:saml=\"{SAML}\">ada@acme.example</saml:NameID><samlp:SessionIndex>_s</samlp:SessionIndex>");
    let status = "<samlp:Status><samlp:StatusCode Value=\"urn:oasis:names:tc:SAML:2.0:status:Success\"/></samlp:Status>";
    vec![
        ("request.txt".into(), query("SAMLRequest", &message("LogoutRequest", &name), "")),
        ("request-state.txt".into(), query("SAMLRequest", &message("LogoutRequest", &name), "&RelayState=a%20b")),
        ("response.txt".into(), query("SAMLResponse", &message("LogoutResponse", status), "&RelayState=x")),
    ]
}

#[test]
fn the_queries_are_believed() {
    let all = seeds("saml_redirect", queries);
    assert!(all.len() >= 3);
    for (name, query) in all {
        let decoded = redirect::decode(&query, &[certificate("provider")], false).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert!(decoded.xml.contains("Logout"), "{name}");
    }
}
