use std::sync::LazyLock;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::json;

use super::*;
use crate::connector::{
    Arrival, LogoutMessage, LogoutRequested, Once, ProviderSession,
    saml::{
        credentials::{Credential, Usage},
        forge::{Signer, template},
        redirect,
        signature::verified,
        xml::{self, Element},
    },
};

const NOW: i64 = 1_800_000_000;
const AT: &str = "https://sso.example/saml/acme/corp/slo";

/// The provider's key, ours, and somebody else's: made once, for making them takes long.
static KEYS: LazyLock<[Signer; 3]> = LazyLock::new(|| std::array::from_fn(|_| Signer::rsa(2048)));

struct Scene {
    provider: Provider,
    certificates: Vec<Vec<u8>>,
    credentials: Credentials,
    idp: &'static Signer,
    us: &'static Signer,
}

impl Scene {
    fn logout(&self) -> Logout<'_> {
        Logout {
            entity_id: "https://sso.example/saml/acme/corp/metadata",
            provider: &self.provider,
            certificates: &self.certificates,
            credentials: &self.credentials,
            single_logout: true,
            allow_sha1: false,
            skew: 60,
        }
    }
}

fn credential(signer: &Signer) -> Credential {
    let (key, certificate) = (signer.key.clone(), signer.certificate.clone());
    Credential { usage: Usage::Sign, key, certificate, created_at: 0, active_from: 0, expires_at: None }
}

fn scene() -> Scene {
    let [idp, us, _] = &*KEYS;
    let credentials = Credentials::default();
    credentials.replace(vec![credential(us)]);
    let provider = Provider {
        entity_id: "https://idp.example".into(),
        sso: vec![],
        slo: vec![
            Endpoint { binding: Binding::Post, location: "https://idp.example/slo/post".into(), response_location: None },
            Endpoint {
                binding: Binding::Redirect,
                location: "https://idp.example/slo?x=1".into(),
                response_location: Some("https://idp.example/slo/done".into()),
            },
        ],
        certificates: vec![],
        wants_signed_requests: false,
        valid_until: None,
        cache_duration: None,
    };
    Scene { provider, certificates: vec![idp.certificate.clone()], credentials, idp, us }
}

fn session() -> ProviderSession {
    let detail = json!({"format": "urn:x:<format>", "name_qualifier": "n&q", "sp_name_qualifier": "spq"});
    ProviderSession { subject: "ada\"<&>".into(), index: Some("_s<1>".into()), detail }
}

/// What was sent by a redirect, verified with our certificate.
fn sent(scene: &Scene, go: &Go) -> (redirect::Decoded, Element) {
    let Go::Redirect(url) = go else { panic!("no redirect") };
    let decoded = redirect::decode(url.query().unwrap(), std::slice::from_ref(&scene.us.certificate), false).unwrap();
    let root = xml::parse(&decoded.xml).unwrap();
    (decoded, root)
}

fn request(scene: &Scene, attributes: &str, inside: &str) -> String {
    format!(
        "<p:LogoutRequest xmlns:p=\"{SAMLP}\" xmlns:a=\"{SAML}\" ID=\"_r\" {attributes}><a:Issuer>{}</a:Issuer>{{}}{inside}</p:LogoutRequest>",
        scene.provider.entity_id
    )
}

const HONEST: &str =
    "Version=\"2.0\" IssueInstant=\"2027-01-15T08:00:00Z\" Destination=\"https://sso.example/saml/acme/corp/slo\"";
const ADA: &str = "<a:NameID>ada</a:NameID><p:SessionIndex>_s1</p:SessionIndex><p:SessionIndex>_s2</p:SessionIndex>";

/// By both bindings; what is signed is what `xml` says.
fn both(scene: &Scene, kind: Kind, xml: &str) -> [LogoutMessage; 2] {
    let bare = xml.replace("{}", "");
    let query = redirect::encode(AT, kind, &bare, Some("rs"), Some(&credential(scene.idp))).unwrap();
    let id = xml.split("ID=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
    [LogoutMessage::Redirect(query.query().unwrap().to_owned()), form(kind, &scene.idp.fill(&xml.replace("{}", &template(id))))]
}

fn form(kind: Kind, xml: &str) -> LogoutMessage {
    let pairs = [(kind.parameter(), STANDARD.encode(xml)), ("RelayState", "rs".to_owned())];
    LogoutMessage::Post(Arrival::from(pairs.map(|(n, v)| (n.to_owned(), v))))
}

#[test]
fn we_ask_with_the_person_as_the_provider_named_them() {
    let scene = scene();
    let departure = scene.logout().farewell(&session(), "the-state", NOW).unwrap().unwrap();
    let (decoded, root) = sent(&scene, &departure.go);
    assert_eq!((decoded.kind, decoded.relay_state.as_deref()), (Kind::Request, Some("the-state")));
    assert!(root.is(SAMLP, "LogoutRequest"));
    assert_eq!(root.attribute("Destination"), Some("https://idp.example/slo?x=1"));
    assert_eq!(root.attribute("IssueInstant"), Some("2027-01-15T08:00:00Z"));
    assert_eq!(root.attribute("NotOnOrAfter"), Some("2027-01-15T08:05:00Z"));
    assert_eq!(root.attribute("ID"), departure.memo["request_id"].as_str());
    assert_eq!(root.elements().map(|e| e.name.as_str()).collect::<Vec<_>>(), ["Issuer", "NameID", "SessionIndex"]);
    assert_eq!(root.only(SAML, "Issuer").unwrap().unwrap().text().unwrap(), "https://sso.example/saml/acme/corp/metadata");
    let name_id = root.only(SAML, "NameID").unwrap().unwrap();
    assert_eq!(name_id.text().unwrap(), "ada\"<&>");
    assert_eq!(name_id.attribute("Format"), Some("urn:x:<format>"));
    assert_eq!((name_id.attribute("NameQualifier"), name_id.attribute("SPNameQualifier")), (Some("n&q"), Some("spq")));
    assert_eq!(root.only(SAMLP, "SessionIndex").unwrap().unwrap().text().unwrap(), "_s<1>");

    let bare = ProviderSession { subject: "ada".into(), index: None, detail: json!({}) };
    let (_, root) = sent(&scene, &scene.logout().farewell(&bare, "s", NOW).unwrap().unwrap().go);
    assert_eq!(root.elements().count(), 2);
    assert!(root.only(SAML, "NameID").unwrap().unwrap().attributes.is_empty());
}

#[test]
fn we_ask_only_where_it_is_wanted_and_taken() {
    let mut scene = scene();
    let unwanted = Logout { single_logout: false, ..scene.logout() };
    assert!(unwanted.farewell(&session(), "s", NOW).unwrap().is_none());
    scene.provider.slo.remove(1);
    let Some(Go::Post { action, fields }) = scene.logout().farewell(&session(), "s", NOW).unwrap().map(|d| d.go) else {
        panic!()
    };
    assert_eq!(action.as_str(), "https://idp.example/slo/post");
    assert_eq!(fields[1], ("RelayState", "s".to_owned()));
    let xml = String::from_utf8(STANDARD.decode(&fields[0].1).unwrap()).unwrap();
    assert!(verified(&xml, std::slice::from_ref(&scene.us.certificate), false).unwrap().starts_with("<samlp:LogoutRequest"));
    let keyless = Logout { credentials: &Credentials::default(), ..scene.logout() };
    assert!(keyless.farewell(&session(), "s", NOW).is_err(), "never unsigned");
    scene.provider.slo[0].location = "javascript:alert(1)".into();
    assert!(scene.logout().farewell(&session(), "s", NOW).is_err());
    scene.provider.slo.clear();
    assert!(scene.logout().farewell(&session(), "s", NOW).unwrap().is_none());
}

#[test]
fn a_demand_of_the_provider_counts_by_either_binding() {
    let scene = scene();
    for message in both(&scene, Kind::Request, &request(&scene, HONEST, ADA)) {
        let read = scene.logout().requested(&message, AT, NOW).unwrap();
        let expected = LogoutRequested {
            id: "_r".into(),
            subject: "ada".into(),
            indexes: vec!["_s1".into(), "_s2".into()],
            relay_state: Some("rs".into()),
            once: Once { id: "_r".into(), until: NOW + 361 },
        };
        assert_eq!(read, expected);
        for (now, counts) in [(NOW + 360, true), (NOW + 361, false), (NOW - 360, true), (NOW - 361, false)] {
            assert_eq!(scene.logout().requested(&message, AT, now).is_ok(), counts, "{}", now - NOW);
        }
    }
    let all = request(&scene, HONEST, "<a:NameID Format=\"urn:x\"> ada\n</a:NameID>");
    let read = scene.logout().requested(&both(&scene, Kind::Request, &all)[1], AT, NOW).unwrap();
    assert_eq!((read.subject.as_str(), read.indexes.len()), ("ada", 0));
}

#[test]
fn what_a_demand_must_say() {
    let scene = scene();
    let bent = |from: &str, to: &str| request(&scene, HONEST, ADA).replacen(from, to, 1);
    for (xml, cause) in [
        (bent("Version=\"2.0\"", "Version=\"2.1\""), "Version"),
        (bent("Version=\"2.0\"", ""), "Version"),
        (bent("<a:Issuer>https://idp.example", "<a:Issuer>https://evil.example"), "Issuer is"),
        (bent("<a:Issuer>https://idp.example</a:Issuer>", ""), "no Issuer"),
        (bent("<a:Issuer>", "<a:Issuer>https://idp.example</a:Issuer><a:Issuer>"), "more than one Issuer"),
        (bent("/saml/acme/corp/slo\"", "/saml/other/corp/slo\""), "Destination is"),
        (bent("/saml/acme/corp/slo\"", "/saml/acme/corp/slo/\""), "Destination is"),
        (bent("Destination=\"https://sso.example/saml/acme/corp/slo\"", "Destination=\"\""), "Destination is"),
        (bent("Destination=\"https://sso.example/saml/acme/corp/slo\"", ""), "no Destination"),
        (bent("IssueInstant=\"2027-01-15T08:00:00Z\"", ""), "IssueInstant"),
        (bent("2027-01-15T08:00:00Z", "soon"), "IssueInstant"),
        (bent("2027-01-15T08:00:00Z", "2027-01-15T07:53:00Z"), "seconds ago"),
        (bent("2027-01-15T08:00:00Z", "2027-01-15T08:07:00Z"), "seconds ago"),
        (bent("Version=\"2.0\"", "Version=\"2.0\" NotOnOrAfter=\"2027-01-15T07:59:00Z\""), "NotOnOrAfter has passed"),
        (bent("Version=\"2.0\"", "Version=\"2.0\" NotOnOrAfter=\"never\""), "NotOnOrAfter \"never\" is no time"),
        (bent("<a:NameID>ada</a:NameID>", ""), "no NameID"),
        (bent("<a:NameID>ada", "<a:NameID>"), "NameID is empty"),
        (bent("<a:NameID>", "<a:NameID>eve</a:NameID><a:NameID>"), "more than one NameID"),
        (bent("<a:NameID>ada", "<a:NameID><p:x>a</p:x>da"), "elements where text"),
        (bent("<a:NameID>ada</a:NameID>", "<a:EncryptedID/>"), "EncryptedID"),
        (bent("<a:NameID>ada</a:NameID>", "<p:NameID>ada</p:NameID>"), "no NameID"),
        (bent("_s1", ""), "SessionIndex is empty"),
        (bent("<p:LogoutRequest", "<p:LogoutResponse").replace("</p:LogoutRequest", "</p:LogoutResponse"), "no LogoutRequest"),
    ] {
        for message in both(&scene, Kind::Request, &xml) {
            let error = scene.logout().requested(&message, AT, NOW).unwrap_err();
            assert!(matches!(&error, Error::Untrusted(said) if said.contains(cause)), "{cause}: {error} of {xml}");
        }
    }
    let soon = bent("Version=\"2.0\"", "Version=\"2.0\" NotOnOrAfter=\"2027-01-15T07:59:30Z\"");
    for message in both(&scene, Kind::Request, &soon) {
        assert!(scene.logout().requested(&message, AT, NOW).is_ok(), "within the skew");
    }
}

#[test]
fn only_what_the_provider_signed_counts() {
    let scene = scene();
    let other = Scene { idp: &KEYS[2], ..self::scene() };
    let xml = request(&scene, HONEST, ADA);
    for message in both(&other, Kind::Request, &xml) {
        assert!(matches!(scene.logout().requested(&message, AT, NOW), Err(Error::Untrusted(_))), "another provider's key");
    }
    let bare = xml.replace("{}", "");
    let unsigned = redirect::encode(AT, Kind::Request, &bare, None, None).unwrap();
    let good = scene.idp.fill(&xml.replace("{}", &template("_r")));
    let wrapped = format!(
        "<p:LogoutRequest xmlns:p=\"{SAMLP}\" xmlns:a=\"{SAML}\" ID=\"_evil\" {HONEST}><a:Issuer>https://idp.example</a:Issuer>\
         <p:Extensions>{good}</p:Extensions><a:NameID>eve</a:NameID></p:LogoutRequest>"
    );
    let moved = wrapped.replace("<p:Extensions>", "<a:NameID>eve</a:NameID><p:Extensions>");
    for (name, message) in [
        ("unsigned query", LogoutMessage::Redirect(unsigned.query().unwrap().to_owned())),
        ("unsigned form", form(Kind::Request, &bare)),
        ("changed", form(Kind::Request, &good.replace(">ada<", ">eve<"))),
        ("wrapped", form(Kind::Request, &wrapped)),
        ("wrapped, two names", form(Kind::Request, &moved)),
        ("in the field of answers", form(Kind::Response, &good)),
        ("junk", form(Kind::Request, "junk")),
        ("nothing", LogoutMessage::Post(Arrival::new())),
        ("no query", LogoutMessage::Redirect(String::new())),
        ("form as a query", LogoutMessage::Redirect(format!("SAMLRequest={}", STANDARD.encode(&good)))),
    ] {
        assert!(matches!(scene.logout().requested(&message, AT, NOW), Err(Error::Untrusted(_))), "{name}");
    }
    assert!(scene.logout().requested(&form(Kind::Request, &good), AT, NOW).is_ok());
    let [query, _] = both(&scene, Kind::Request, &xml);
    let LogoutMessage::Redirect(query) = query else { panic!() };
    let again = |query: String| scene.logout().requested(&LogoutMessage::Redirect(query), AT, NOW);
    assert!(again(query.replace("RelayState=rs", "RelayState=other")).is_err(), "it is signed too");
    assert!(again(query.replace("SAMLRequest=", "SAMLResponse=")).is_err());
    assert!(again(query).is_ok());
}

#[test]
fn our_answer_goes_where_answers_go() {
    let scene = scene();
    let once = Once { id: "_r".into(), until: NOW };
    let mut demand = LogoutRequested {
        id: "_\"<r".into(),
        subject: "ada".into(),
        indexes: vec![],
        relay_state: Some("\"><script>".into()),
        once,
    };
    let go = scene.logout().answer(&demand, NOW).unwrap();
    let Go::Redirect(url) = &go else { panic!() };
    assert!(url.as_str().starts_with("https://idp.example/slo/done?SAMLResponse="), "{url}");
    let (decoded, root) = sent(&scene, &go);
    assert_eq!((decoded.kind, decoded.relay_state.as_deref()), (Kind::Response, Some("\"><script>")));
    assert_eq!(
        (root.attribute("InResponseTo"), root.attribute("Destination")),
        (Some("_\"<r"), Some("https://idp.example/slo/done"))
    );
    let status = root.only(SAMLP, "Status").unwrap().unwrap().only(SAMLP, "StatusCode").unwrap().unwrap();
    assert_eq!(status.attribute("Value"), Some("urn:oasis:names:tc:SAML:2.0:status:Success"));

    let mut scene = scene;
    scene.provider.slo.remove(1);
    demand.relay_state = None;
    let Go::Post { action, fields } = scene.logout().answer(&demand, NOW).unwrap() else { panic!() };
    assert_eq!((action.as_str(), fields.len()), ("https://idp.example/slo/post", 1));
    let xml = String::from_utf8(STANDARD.decode(&fields[0].1).unwrap()).unwrap();
    assert!(verified(&xml, std::slice::from_ref(&scene.us.certificate), false).unwrap().starts_with("<samlp:LogoutResponse"));
    scene.provider.slo.clear();
    assert!(matches!(scene.logout().answer(&demand, NOW), Err(Error::Misconfigured(_))));
}

#[test]
fn the_answer_to_our_request() {
    let scene = scene();
    let memo = json!({"request_id": "_q", "entity_id": "https://idp.example"});
    let answer = |attributes: &str, status: &str| {
        format!(
            "<p:LogoutResponse xmlns:p=\"{SAMLP}\" xmlns:a=\"{SAML}\" ID=\"_a\" {HONEST} {attributes}>\
             <a:Issuer>https://idp.example</a:Issuer>{{}}<p:Status>{status}</p:Status></p:LogoutResponse>"
        )
    };
    let code = |value: &str, inside: &str| {
        format!("<p:StatusCode Value=\"urn:oasis:names:tc:SAML:2.0:status:{value}\">{inside}</p:StatusCode>")
    };
    let (ours, success) = ("InResponseTo=\"_q\"", code("Success", ""));
    let refused = |xml: &str| {
        both(&scene, Kind::Response, xml)
            .map(|m| matches!(scene.logout().farewell_answered(&memo, &m, AT), Err(Error::Refused(_))))
    };
    let untrusted = |memo: &serde_json::Value, xml: &str| {
        both(&scene, Kind::Response, xml)
            .map(|m| matches!(scene.logout().farewell_answered(memo, &m, AT), Err(Error::Untrusted(_))))
    };
    for message in both(&scene, Kind::Response, &answer(ours, &success)) {
        scene.logout().farewell_answered(&memo, &message, AT).unwrap();
    }
    for status in [
        code("Success", &code("PartialLogout", "")),
        code("Responder", ""),
        code("Responder", &success),
        format!("{}<p:StatusMessage>no</p:StatusMessage>", code("Requester", "")),
    ] {
        assert_eq!(refused(&answer(ours, &status)), [true, true], "{status}");
    }
    for xml in [
        answer("", &success),
        answer("InResponseTo=\"_other\"", &success),
        answer(ours, ""),
        answer(ours, &format!("{success}{success}")),
        answer(ours, &success).replace("https://idp.example<", "https://evil.example<"),
        answer(ours, &success).replace("/acme/corp", "/other/corp"),
        answer(ours, &success).replace("LogoutResponse", "Response"),
    ] {
        assert_eq!(untrusted(&memo, &xml), [true, true], "{xml}");
    }
    for memo in [json!({}), json!({"request_id": "_q"}), json!({"request_id": "_q", "entity_id": "https://before.example"})] {
        assert_eq!(untrusted(&memo, &answer(ours, &success)), [true, true], "{memo}");
    }
    let bare = answer(ours, &success).replace("{}", "");
    assert!(scene.logout().farewell_answered(&memo, &form(Kind::Response, &bare), AT).is_err(), "unsigned");
}

#[test]
fn a_bomb_is_refused_even_if_it_is_signed() {
    let scene = scene();
    let xml = request(&scene, HONEST, ADA);
    let [honest, _] = both(&scene, Kind::Request, &xml);
    assert!(scene.logout().requested(&honest, AT, NOW).is_ok());
    let large = xml.replace("{}", &" ".repeat(64 * 1024 * 1024));
    let query = redirect::encode(AT, Kind::Request, &large, None, Some(&credential(scene.idp))).unwrap();
    let error = scene.logout().requested(&LogoutMessage::Redirect(query.query().unwrap().to_owned()), AT, NOW).unwrap_err();
    assert!(error.to_string().contains("bytes"), "{error}");
}
