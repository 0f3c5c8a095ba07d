//! What a SAML response costs, measured in processor time on one thread: the connector's whole judgement beside the bare
//! verification of the same signature by xmlsec in the same run, and hostile documents that must be refused at once.
//!
//!     cargo bench --profile dist --bench saml

#![expect(clippy::print_stdout, reason = "a program that prints")]
#![expect(clippy::unwrap_used, reason = "what fails here is to end the program")]
#![expect(clippy::disallowed_methods, reason = "what is measured is real time")]

use std::{
    fs,
    hint::black_box,
    process::ExitCode,
    time::{Duration, Instant},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use gatehouse::connector::saml::{
    conditions::Expected,
    credentials::{Credential, Usage},
    names,
    response::{self, Trust},
    sign,
    write::{self, Out},
};
use openssl::{
    asn1::Asn1Time,
    hash::MessageDigest,
    pkey::PKey,
    rsa::Rsa,
    x509::{X509, X509NameBuilder},
};
use samael::crypto::{AllowedSignatureAlgorithm, CertificateDer, Crypto, CryptoProvider as _, ReduceMode};

/// As in the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The connector may take this many times as long as the bare verification.
const RATIO: f64 = 2.0;
/// Most milliseconds until a hostile document is refused.
const REFUSED_MS: f64 = 50.0;
/// Most megabytes that refusing many of them may add.
const GROWTH_MB: f64 = 8.0;
const ROUNDS: usize = 15;
const BATCH: u32 = 40;
const NOW: i64 = 1_763_808_900;
const US: &str = "https://sso.example.com/saml/acme/bench/metadata";
const CALLBACK: &str = "https://sso.example.com/oauth2/callback";
const THEM: &str = "https://idp.example.com/metadata";
const ENVELOPE: &str =
    "xmlns:samlp=\"urn:oasis:names:tc:SAML:2.0:protocol\" xmlns:saml=\"urn:oasis:names:tc:SAML:2.0:assertion\"";

fn main() -> ExitCode {
    let signer = signer();
    let mut broken = 0;
    let mut row = |kept: bool, name: &str, measured: String, budget: String| {
        println!("{}  {name:<34} {measured:<44} budget {budget}", if kept { "kept  " } else { "BROKEN" });
        broken += u32::from(!kept);
    };
    for attributes in [5, 50] {
        let xml = honest(&signer, attributes);
        let [bare, judged] = rates(&xml, &signer);
        let ratio = bare / judged;
        let name = format!("SAML response, {attributes} attributes");
        let measured = format!("{judged:.0}/s a core; xmlsec alone {bare:.0}/s: {ratio:.2}x");
        row(ratio <= RATIO, &name, measured, format!("{RATIO}x"));
    }
    for (name, xml) in hostile(&signer) {
        let encoded = STANDARD.encode(&xml);
        // What an allocator keeps of the first ones is no growth.
        for _ in 0..ROUNDS {
            drop(response::judge(&encoded, &trust(&signer), &expected()));
        }
        let before = resident_mb();
        let (mut worst, mut cause) = (0_f64, String::new());
        for _ in 0..ROUNDS {
            let began = Clock::start();
            let refused = response::judge(&encoded, &trust(&signer), &expected());
            worst = worst.max(began.seconds() * 1000.0);
            cause = refused.err().map(|e| e.to_string()).unwrap_or_default();
        }
        let grown = resident_mb() - before;
        let kept = !cause.is_empty() && worst < REFUSED_MS && grown < GROWTH_MB;
        let measured = format!("{worst:.2} ms for {} kB, memory {grown:+.1} MB", xml.len() / 1000);
        row(kept, name, measured, format!("{REFUSED_MS} ms, {GROWTH_MB} MB"));
        if std::env::args().any(|a| a == "--causes") {
            println!("        {}", cause.chars().take(160).collect::<String>());
        }
    }
    ExitCode::from(u8::from(broken > 0))
}

/// Runs both by turns, so that whatever else the machine does falls on both; the best turn of each counts.
fn rates(xml: &str, signer: &Credential) -> [f64; 2] {
    let encoded = STANDARD.encode(xml);
    let certificates = [CertificateDer::from(signer.certificate.clone())];
    let allowed = [AllowedSignatureAlgorithm::RsaSha256];
    let mut best = [0_f64; 2];
    for _ in 0..ROUNDS {
        let began = Clock::start();
        for _ in 0..BATCH {
            let signed = Crypto::reduce_xml_to_signed_with_allowed_algorithms(
                black_box(xml),
                &certificates,
                ReduceMode::PreDigest,
                Some(&allowed),
            );
            assert!(signed.is_ok(), "the honest response does not verify");
        }
        best[0] = best[0].max(f64::from(BATCH) / began.seconds());
        let began = Clock::start();
        for _ in 0..BATCH {
            let judged = response::judge(black_box(&encoded), &trust(signer), &expected());
            assert!(judged.is_ok(), "the honest response is refused: {:?}", judged.err());
        }
        best[1] = best[1].max(f64::from(BATCH) / began.seconds());
    }
    best
}

fn trust(signer: &Credential) -> Trust<'_> {
    let certificates = std::slice::from_ref(&signer.certificate);
    Trust { certificates, allow_sha1: false, want_encrypted: false, decryption: &[] }
}

fn expected() -> Expected<'static> {
    Expected {
        issuer: THEM,
        audience: US,
        recipient: CALLBACK,
        request_id: Some("_request"),
        skew: 120,
        forced_at: None,
        max_age: None,
        contexts: &[],
        now: NOW,
    }
}

/// A response as providers send it, the response signed.
fn honest(signer: &Credential, attributes: usize) -> String {
    let (now, until) = (write::instant(NOW), write::instant(NOW + 300));
    let head = |name: &'static str, id: &str| {
        Out::new(name).attribute("ID", id).attribute("Version", "2.0").attribute("IssueInstant", &now)
    };
    let issuer = || Out::new("saml:Issuer").text(THEM);
    let confirmation = Out::new("saml:SubjectConfirmationData")
        .attribute("InResponseTo", "_request")
        .attribute("Recipient", CALLBACK)
        .attribute("NotOnOrAfter", &until);
    let subject = Out::new("saml:Subject")
        .child(Out::new("saml:NameID").attribute("Format", names::PERSISTENT).text("8f14e45fceea167a5a36dedd4bea2543"))
        .child(Out::new("saml:SubjectConfirmation").attribute("Method", names::BEARER).child(confirmation));
    let audience = Out::new("saml:AudienceRestriction").child(Out::new("saml:Audience").text(US));
    let conditions = Out::new("saml:Conditions").attribute("NotBefore", &now).attribute("NotOnOrAfter", &until).child(audience);
    let class = Out::new("saml:AuthnContextClassRef").text("urn:oasis:names:tc:SAML:2.0:ac:classes:Password");
    let authentication =
        Out::new("saml:AuthnStatement").attribute("AuthnInstant", &now).child(Out::new("saml:AuthnContext").child(class));
    let attribute = |at: usize| {
        Out::new("saml:Attribute")
            .attribute("Name", format!("http://schemas.example.com/identity/claims/attribute-{at}"))
            .attribute("NameFormat", "urn:oasis:names:tc:SAML:2.0:attrname-format:uri")
            .child(Out::new("saml:AttributeValue").text(format!("the value number {at} & what belongs to it")))
    };
    let statement = Out::new("saml:AttributeStatement").children((0..attributes).map(attribute));
    let assertion =
        head("saml:Assertion", "_assertion").child(issuer()).children([subject, conditions, authentication, statement]);
    let status = Out::new("samlp:Status").child(Out::new("samlp:StatusCode").attribute("Value", names::SUCCESS));
    let response = head("samlp:Response", "_response")
        .attribute("xmlns:samlp", names::SAMLP)
        .attribute("xmlns:saml", names::SAML)
        .attribute("InResponseTo", "_request")
        .attribute("Destination", CALLBACK)
        .child(issuer())
        .children([status, assertion]);
    sign::enveloped(&response.to_xml(), "_response", signer).unwrap()
}

/// Documents that are made to cost: a megabyte, or all that the limits let through.
fn hostile(signer: &Credential) -> Vec<(&'static str, String)> {
    const MB: usize = 1_000_000;
    const LIMIT: usize = 256 * 1024;
    let fill = |unit: &str, size: usize| unit.repeat(size / unit.len());
    let numbered = |size: usize, unit: &dyn Fn(usize) -> String| {
        let mut all = String::new();
        (0..)
            .map(unit)
            .take_while(|u| {
                let fits = all.len() + u.len() < size;
                all.push_str(if fits { u } else { "" });
                fits
            })
            .for_each(drop);
        all
    };
    let response = |attributes: &str, inside: &str| {
        format!(
            "<samlp:Response {ENVELOPE} ID=\"_r\" Version=\"2.0\" IssueInstant=\"{}\" {attributes}>{inside}</samlp:Response>",
            write::instant(NOW)
        )
    };
    let status = format!("<samlp:Status><samlp:StatusCode Value=\"{}\"/></samlp:Status>", names::SUCCESS);
    let nested = |levels: usize| format!("{}{}", "<a>".repeat(levels), "</a>".repeat(levels));
    let signed = honest(signer, 5);
    let (_, signature) = signed.split_once("<ds:Signature").unwrap();
    let signature = format!("<ds:Signature{}</ds:Signature>", signature.split_once("</ds:Signature>").unwrap().0);
    let (head, tail) = signed.split_once("<saml:AttributeStatement>").unwrap();
    let within = |inside: &str| format!("{head}<saml:AttributeStatement>{inside}{tail}");
    let room = LIMIT - signed.len() - 100;
    let entities = "<!DOCTYPE r [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;\"><!ENTITY c \"&b;&b;&b;&b;&b;&b;&b;&b;\">]>";
    vec![
        ("deep", response("", &nested(MB / 7))),
        ("deep, at the limit", response("", &nested(room / 7))),
        ("attributes of one element", response(&numbered(MB, &|n| format!("a{n}=\"\" ")), "")),
        (
            "attributes, at the limit",
            within(&numbered(room, &|n| {
                format!("<saml:Attribute Name=\"a{n}\" {}/>", (0..60).map(|m| format!("b{m}=\"\" ")).collect::<String>())
            })),
        ),
        ("namespaces of one element", response(&numbered(MB, &|n| format!("xmlns:n{n}=\"u:{n}\" ")), "")),
        (
            "namespaces, at the limit",
            within(&numbered(room, &|n| format!("<saml:Attribute xmlns:n{n}=\"u:{n}\" n{n}:a=\"\" Name=\"a{n}\"/>"))),
        ),
        ("elements", response("", &fill("<a/>", MB))),
        ("elements, at the limit", within(&fill("<saml:Attribute Name=\"a\"/>", room))),
        ("signatures", response("", &fill(&signature, MB))),
        ("signatures, at the limit", response("", &fill(&signature, room))),
        (
            "signatures of many assertions",
            response(
                "",
                &format!(
                    "{status}{}",
                    numbered(room, &|n| {
                        let own = signature.replace("#_response", &format!("#_{n}"));
                        format!("<saml:Assertion ID=\"_{n}\"><saml:Issuer>x</saml:Issuer>{own}</saml:Assertion>")
                    })
                ),
            ),
        ),
        (
            "transforms",
            signed.replace(
                "</ds:Transforms>",
                &format!(
                    "{}</ds:Transforms>",
                    fill("<ds:Transform Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"/>", room)
                ),
            ),
        ),
        (
            "a changed text, at the limit",
            within(&format!(
                "<saml:Attribute Name=\"a\"><saml:AttributeValue>{}</saml:AttributeValue></saml:Attribute>",
                fill("&amp;", room)
            )),
        ),
        ("encrypted assertions", response("", &format!("{status}{}", fill("<saml:EncryptedAssertion/>", room)))),
        ("comments", response("", &fill("<!-- -->", MB))),
        ("entities", format!("{entities}{}", response("", &fill("&c;", MB)))),
        ("text", response("", &fill("a", MB))),
        ("not XML", fill("<<<<", MB)),
    ]
}

fn signer() -> Credential {
    let key = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
    let mut name = X509NameBuilder::new().unwrap();
    name.append_entry_by_text("CN", "bench").unwrap();
    let name = name.build();
    let mut builder = X509::builder().unwrap();
    builder.set_version(2).unwrap();
    builder.set_subject_name(&name).unwrap();
    builder.set_issuer_name(&name).unwrap();
    builder.set_pubkey(&key).unwrap();
    builder.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
    builder.set_not_after(&Asn1Time::days_from_now(1).unwrap()).unwrap();
    builder.sign(&key, MessageDigest::sha256()).unwrap();
    let certificate = builder.build().to_der().unwrap();
    Credential { usage: Usage::Sign, key, certificate, created_at: 0, active_from: 0, expires_at: None }
}

/// This thread's processor time where the system tells it (Linux), else the time that passed.
enum Clock {
    Processor(Duration),
    Wall(Instant),
}

impl Clock {
    fn start() -> Self {
        processor().map_or_else(|| Self::Wall(Instant::now()), Self::Processor)
    }

    fn seconds(&self) -> f64 {
        match self {
            Self::Processor(began) => processor().unwrap_or_default().saturating_sub(*began).as_secs_f64(),
            Self::Wall(began) => began.elapsed().as_secs_f64(),
        }
    }
}

fn processor() -> Option<Duration> {
    std::thread::yield_now(); // brings the count up to date
    let text = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split_ascii_whitespace().next()?.parse().ok().map(Duration::from_nanos)
}

fn resident_mb() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or("0");
    line.split_ascii_whitespace().next().and_then(|kb| kb.parse::<f64>().ok()).unwrap_or_default() / 1024.0
}
