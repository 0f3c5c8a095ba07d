//! Answers of every shape, honest and wrapped.

use std::sync::LazyLock;

use super::*;
use crate::connector::saml::{
    forge::{Sealed, Signer, credential, template, template_with},
    names::{AES256_CBC, BEARER, SAMLP, SUCCESS},
};

const NOW: i64 = 1_800_000_000; // 2027-01-15T08:00:00Z

static IDP: LazyLock<Signer> = LazyLock::new(|| Signer::rsa(2048));
static EVIL: LazyLock<Signer> = LazyLock::new(|| Signer::rsa(2048));
static OURS: LazyLock<Arc<Credential>> = LazyLock::new(|| Arc::new(credential()));

fn expected() -> Expected<'static> {
    Expected {
        issuer: "https://idp.test",
        audience: "https://sp.test/metadata",
        recipient: "https://sp.test/callback",
        request_id: Some("_req"),
        skew: 120,
        forced_at: None,
        max_age: None,
        contexts: &[],
        now: NOW,
    }
}

fn with(want_encrypted: bool, xml: &str) -> Result<Verified, Error> {
    let (certificates, ours) = ([IDP.certificate.clone()], [OURS.clone()]);
    let trust = Trust { certificates: &certificates, allow_sha1: false, want_encrypted, decryption: &ours };
    judge(&STANDARD.encode(xml), &trust, &expected())
}

/// Whom the answer signs in.
fn person(xml: &str) -> Result<String, String> {
    let verified = with(false, xml).map_err(|e| e.to_string())?;
    let subject = verified.assertion.only(SAML, "Subject").unwrap().unwrap();
    Ok(subject.only(SAML, "NameID").unwrap().unwrap().text().unwrap())
}

fn assertion(id: &str, person: &str, signature: &str) -> String {
    format!(
        "<saml:Assertion xmlns:saml=\"{SAML}\" ID=\"{id}\" Version=\"2.0\" IssueInstant=\"2027-01-15T08:00:00Z\">\
         <saml:Issuer>https://idp.test</saml:Issuer>{signature}<saml:Subject><saml:NameID>{person}</saml:NameID>\
         <saml:SubjectConfirmation Method=\"{BEARER}\"><saml:SubjectConfirmationData Recipient=\"https://sp.test/callback\" \
         NotOnOrAfter=\"2027-01-15T08:05:00Z\" InResponseTo=\"_req\"/></saml:SubjectConfirmation></saml:Subject>\
         <saml:Conditions NotBefore=\"2027-01-15T07:59:00Z\" NotOnOrAfter=\"2027-01-15T08:10:00Z\"><saml:AudienceRestriction>\
         <saml:Audience>https://sp.test/metadata</saml:Audience></saml:AudienceRestriction></saml:Conditions>\
         <saml:AuthnStatement AuthnInstant=\"2027-01-15T07:50:00Z\" SessionIndex=\"_s\"/></saml:Assertion>"
    )
}

fn response(signature: &str, inside: &str) -> String {
    format!(
        "<samlp:Response xmlns:samlp=\"{SAMLP}\" ID=\"_r\" Version=\"2.0\" IssueInstant=\"2027-01-15T08:00:00Z\" \
         Destination=\"https://sp.test/callback\" InResponseTo=\"_req\"><saml:Issuer xmlns:saml=\"{SAML}\">https://idp.test</saml:Issuer>\
         {signature}<samlp:Status><samlp:StatusCode Value=\"{SUCCESS}\"/></samlp:Status>{inside}</samlp:Response>"
    )
}

fn response_signed() -> String {
    IDP.fill(&response(&template("_r"), &assertion("_a", "ada", "")))
}

fn assertion_signed() -> String {
    response("", &signed_assertion("_a", "ada"))
}

fn signed_assertion(id: &str, person: &str) -> String {
    IDP.fill(&assertion(id, person, &template(id)))
}

fn both_signed() -> String {
    IDP.fill(&response(&template("_r"), "PLACE").replace("PLACE", &signed_assertion("_a", "ada")))
}

fn cut<'a>(xml: &'a str, from: &str, to: &str) -> &'a str {
    let start = xml.find(from).unwrap();
    &xml[start..start + xml[start..].find(to).unwrap() + to.len()]
}

#[test]
fn honest_answers_of_every_shape_sign_in() {
    let declared = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{}", assertion_signed());
    for xml in [response_signed(), assertion_signed(), both_signed(), declared] {
        let verified = with(false, &xml).unwrap();
        assert_eq!((verified.id.as_str(), verified.facts.session_index.as_deref()), ("_a", Some("_s")));
        assert_eq!(person(&xml).unwrap(), "ada");
        let folded = STANDARD
            .encode(&xml)
            .as_bytes()
            .chunks(76)
            .map(|l| str::from_utf8(l).unwrap().to_owned() + "\r\n")
            .collect::<String>();
        assert_eq!(decoded(&folded).unwrap(), xml);
        assert!(with(true, &xml).unwrap_err().to_string().contains("want_encrypted"));
    }
}

#[test]
fn honest_encrypted_answers_sign_in() {
    let gcm = Sealed::default();
    let cbc = Sealed { cipher: AES256_CBC, beside: true, ..gcm };
    let (plain, signed) = (assertion("_a", "ada", ""), signed_assertion("_a", "ada"));
    for xml in [
        response("", &gcm.to(&OURS, &signed)),
        IDP.fill(&response(&template("_r"), &gcm.to(&OURS, &plain))),
        IDP.fill(&response(&template("_r"), &gcm.to(&OURS, &signed))),
        IDP.fill(&response(&template("_r"), &cbc.to(&OURS, &plain))),
        IDP.fill(&response(&template("_r"), &cbc.to(&OURS, &format!("<?xml version=\"1.0\"?>{signed}")))),
    ] {
        assert_eq!(with(true, &xml).unwrap().id, "_a");
        assert_eq!(person(&xml).unwrap(), "ada");
    }
    // Anyone can encrypt to us, and change CBC unnoticed.
    for (xml, cause) in [
        (response("", &gcm.to(&OURS, &plain)), "signed"),
        (response("", &cbc.to(&OURS, &signed)), "AES-CBC"),
        (response("", &gcm.to(&OURS, &EVIL.fill(&assertion("_a", "eve", &template("_a"))))), "not to be believed"),
        (
            IDP.fill(&response(&template("_r"), &gcm.to(&OURS, &EVIL.fill(&assertion("_a", "eve", &template("_a")))))),
            "not to be believed",
        ),
        (
            IDP.fill(&response(&template("_r"), &gcm.to(&OURS, &plain))).replacen("CipherValue>", "CipherValue>A", 1),
            "not to be believed",
        ),
        (response("", &(gcm.to(&OURS, &signed) + &assertion("_b", "eve", ""))), "2 assertions"),
        (response("", &gcm.to(&OURS, &response("", &signed))), "exactly one assertion"),
        (response("", &gcm.to(&OURS, &format!("{signed}{signed}"))), "well-formed"),
        (response("", &gcm.to(&OURS, "<a/>")), "exactly one assertion"),
        (response("", &gcm.to(&OURS, &format!("<!DOCTYPE a>{signed}"))), "DOCTYPE"),
        (response("", &gcm.to(&OURS, "<")), "well-formed"),
        (response("", &gcm.to(&OURS, &signed.replace(&format!(" xmlns:saml=\"{SAML}\""), ""))), "not declared"),
    ] {
        let error = person(&xml).unwrap_err();
        assert!(error.contains(cause), "{cause}: {error}");
    }
}

#[test]
fn nothing_counts_without_the_providers_signature() {
    let stripped = |xml: &str| xml.replace(cut(xml, "<ds:Signature ", "</ds:Signature>"), "");
    let evil = |xml: String| EVIL.fill(&xml);
    for xml in [
        stripped(&response_signed()),
        stripped(&assertion_signed()),
        evil(response(&template("_r"), &assertion("_a", "eve", ""))),
        response("", &evil(assertion("_a", "eve", &template("_a")))),
        // The evil response around an honest assertion, and the other way round.
        evil(response(&template("_r"), &signed_assertion("_a", "ada"))),
        IDP.fill(&response(&template("_r"), &evil(assertion("_a", "eve", &template("_a"))))),
        response_signed().replace("ada", "eve"),
        assertion_signed().replace("ada", "eve"),
        both_signed().replace("ada", "eve"),
        assertion_signed().replace(">ada<", ">ada<x xmlns=\"u:x\"/><"),
        IDP.fill(&response(
            &template_with("_r", "http://www.w3.org/2000/09/xmldsig#rsa-sha1", "http://www.w3.org/2000/09/xmldsig#sha1"),
            &assertion("_a", "ada", ""),
        )),
    ] {
        let error = person(&xml).unwrap_err();
        assert!(error.contains("signed") || error.contains("not to be believed"), "{error}");
    }
}

/// The eight wrappings of "On Breaking SAML" (2012), and some that came later, over each place of the signature.
#[test]
fn wrapped_answers_are_refused() {
    let evil = |id: &str, inside: &str| assertion(id, "eve", inside);
    for honest in [response_signed(), assertion_signed(), both_signed()] {
        let ada = cut(&honest, "<saml:Assertion", "</saml:Assertion>");
        let signature = cut(&honest, "<ds:Signature ", "</ds:Signature>");
        let bare = honest.replace(signature, "");
        let around = |inside: &str| response("", inside);
        let object =
            |inside: &str| signature.replace("</ds:Signature>", &format!("<ds:Object>{inside}</ds:Object></ds:Signature>"));
        let in_extensions = |inside: &str| format!("<samlp:Extensions>{inside}</samlp:Extensions>");
        for (at, xml) in [
            // 1, 2: a copy of the whole beside or inside the signature.
            response(&object(&bare), &evil("_e", "")).replacen("ID=\"_r\"", "ID=\"_x\"", 1),
            response(&format!("{signature}{bare}"), &evil("_e", "")).replacen("ID=\"_r\"", "ID=\"_x\"", 1),
            // 3, 4: an assertion before the signed one, or around it.
            around(&format!("{}{ada}", evil("_e", ""))),
            around(&evil("_e", ada)),
            around(&format!("{ada}{}", evil("_e", ""))),
            // 5, 6: the signature moved into the evil one.
            around(&format!("{}{}", evil("_e", signature), ada.replace(signature, ""))),
            around(&evil("_e", &object(&ada.replace(signature, "")))),
            // 7, 8: the signed one in Extensions, or in an Object.
            response(&in_extensions(ada), &evil("_e", "")),
            around(&evil("_e", &object(ada))),
            // The same id twice, and two ids.
            around(&format!("{}{ada}", evil("_a", ""))),
            response(signature, &evil("_a", "")),
            honest.replacen("ID=\"_a\"", "ID=\"_a\" Id=\"_e\"", 1),
            honest.replacen("ID=\"_a\"", "ID=\"_a\" xml:id=\"_e\"", 1),
            honest.replacen("ID=\"_a\"", "ID=\"_a\" samlp:ID=\"_e\"", 1),
            // Inside something that is not looked at.
            honest.replacen(
                "<samlp:Status>",
                &format!("<samlp:Status><samlp:StatusDetail>{}</samlp:StatusDetail>", evil("_e", "")),
                1,
            ),
            honest.replacen("<saml:Subject>", &format!("<saml:Advice>{}</saml:Advice><saml:Subject>", evil("_e", "")), 1),
            // Look-alikes of other namespaces.
            honest.replacen("</samlp:Status>", "</samlp:Status><Assertion xmlns=\"urn:oasis:names:tc:SAML:1.0:assertion\"/>", 1),
            honest.replacen("<saml:NameID>", "<NameID>eve</NameID><saml:NameID>", 1),
            honest.replacen("<samlp:Status>", "<Signature/><samlp:Status>", 1),
            // Nested responses.
            response("", &format!("{}{honest}", evil("_e", ""))).replacen("ID=\"_r\"", "ID=\"_x\"", 1),
        ]
        .iter()
        .enumerate()
        {
            assert_ne!(*xml, honest, "{at}");
            let result = person(xml);
            assert!(result.is_err(), "{at}: {result:?}");
        }
        assert_eq!(person(&honest).unwrap(), "ada");
    }
}

#[test]
fn text_is_never_cut() {
    for (inserted, read) in
        [("<!---->", None), ("<?x?>", None), ("<![CDATA[x]]>", None), ("&#x2e;", Some("admin@h.test..evil.test"))]
    {
        let name = format!("admin@h.test{inserted}.evil.test");
        let signed = response("", &IDP.fill(&assertion("_a", &name, &template("_a"))));
        assert_eq!(person(&signed).ok().as_deref(), read, "{inserted}");
        let later = response(
            "",
            &signed_assertion("_a", "admin@h.test.evil.test").replace("h.test.evil", &format!("h.test{inserted}.evil")),
        );
        assert!(person(&later).is_err(), "{inserted}");
    }
}

#[test]
fn what_is_no_response_is_refused() {
    let good = assertion_signed();
    for xml in [
        String::new(),
        signed_assertion("_a", "ada"),
        good.replace("samlp:Response", "samlp:ArtifactResponse"),
        good.replace(SAMLP, "urn:oasis:names:tc:SAML:1.0:protocol"),
        format!("<!DOCTYPE x [<!ENTITY e SYSTEM \"file:///etc/passwd\">]>{good}"),
        good.replace("UTF-8", "UTF-16"),
        good.replace("<samlp:Status>", "<samlp:Status><samlp:StatusCode Value=\"x\"/>"),
    ]
    .into_iter()
    .filter(|xml| *xml != good)
    {
        assert!(matches!(with(false, &xml), Err(Error::Untrusted(_))), "{xml}");
    }
    let refused = response("", "").replace(SUCCESS, "urn:oasis:names:tc:SAML:2.0:status:Responder");
    assert!(matches!(with(false, &refused), Err(Error::Refused(cause)) if &*cause == "Responder"));
    let trust = Trust { certificates: &[], allow_sha1: false, want_encrypted: false, decryption: &[] };
    for encoded in ["*", "/w==", &STANDARD.encode(&good)[1..], &"A".repeat(MAX_ENCODED + 1)] {
        assert!(matches!(judge(encoded, &trust, &expected()), Err(Error::Untrusted(_))));
    }
    assert!(matches!(judge(&STANDARD.encode(&good), &trust, &expected()), Err(Error::Untrusted(_))), "no certificate");
}

#[test]
fn conditions_are_judged_on_what_is_signed_and_around_it() {
    let later = Expected { now: NOW + 3600, ..expected() };
    let certificates = [IDP.certificate.clone()];
    let trust = Trust { certificates: &certificates, allow_sha1: false, want_encrypted: false, decryption: &[] };
    let elsewhere =
        response("", &signed_assertion("_a", "ada")).replace("Destination=\"https://sp.test", "Destination=\"https://other.test");
    assert!(person(&elsewhere).unwrap_err().contains("Destination"));
    let nowhere = IDP
        .fill(&response(&template("_r"), &assertion("_a", "ada", "")).replace(" Destination=\"https://sp.test/callback\"", ""));
    assert!(person(&nowhere).unwrap_err().contains("Destination"));
    for xml in [response_signed(), assertion_signed(), both_signed()] {
        assert!(judge_xml(&xml, &trust, &later).is_err());
        assert!(judge_xml(&xml, &trust, &expected()).is_ok());
    }
}

/// Documents made to cost; the bench measures how little they do.
#[test]
fn documents_made_to_cost_are_refused() {
    let fill = |unit: &str| unit.repeat(250_000 / unit.len());
    let inside = |text: &str| {
        response("", &assertion("_a", "ada", &template("_a")).replace("<saml:Conditions ", &format!("{text}<saml:Conditions ")))
    };
    let attributes: String = (0..25_000).map(|n| format!(" a{n}=''")).collect();
    let namespaces: String = (0..12_000).map(|n| format!(" xmlns:a{n}='u:{n}'")).collect();
    let prefixes: String = (0..60).map(|n| format!(" xmlns:a{n}='u:{n}'")).collect();
    let leaves: String = (0..60).map(|n| format!(" a{n}:x=''")).collect();
    for (name, xml) in [
        ("depth", fill("<a>")),
        ("tags", fill("<a/>")),
        ("attributes", format!("<a{attributes}/>")),
        ("namespaces", format!("<a{namespaces}/>")),
        ("one long tag", format!("<a {}", fill("x"))),
        ("quotes", format!("<a{}", fill(" \"'"))),
        ("unclosed", fill("<a x='")),
        ("entities", format!("<a>{}</a>", fill("&amp;"))),
        ("references", format!("<a b='{}'/>", fill("&#x10FFFF;"))),
        ("text", inside(&fill("x"))),
        ("shallow elements", inside(&"<x/>".repeat(4_900))),
        ("mixed", inside(&"x<x/>".repeat(4_900))),
        ("prefixes", inside(&format!("<x{prefixes}>{}</x>", format!("<x{leaves}/>").repeat(300)))),
        (
            "nested prefixes",
            inside(&format!("{}{}", format!("<x{prefixes}>").repeat(4), "<a0:x/>".repeat(4_900) + &"</x>".repeat(4))),
        ),
        ("ids", inside(&(0..4_900).map(|n| format!("<x ID='_{n}'/>")).collect::<String>())),
        ("megabyte", "<a>".repeat(350_000)),
    ] {
        assert!(matches!(with(false, &xml), Err(Error::Untrusted(_))), "{name}");
    }
}
