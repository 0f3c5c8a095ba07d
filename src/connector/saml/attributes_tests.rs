//! What an assertion says about a person, by the habits of real providers.

use super::*;
use crate::{
    connector::{presets, saml::xml},
    policy::connection::Protocol,
};

const XS: &str = "xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"";

fn settings(preset: &str) -> ConnectionSettings {
    let mut settings = ConnectionSettings { preset: Some(preset.into()), ..ConnectionSettings::default() };
    presets::apply(&mut settings, Protocol::Saml).unwrap();
    settings
}

fn assertion(subject: &str, attributes: &str) -> Element {
    let xml = format!(
        "<s:Assertion xmlns:s=\"{SAML}\" {XS}><s:Subject>{subject}</s:Subject>\
         <s:AttributeStatement>{attributes}</s:AttributeStatement></s:Assertion>"
    );
    xml::parse(&xml).unwrap()
}

fn attribute(name: &str, values: &[&str]) -> String {
    let values: String = values.iter().map(|v| format!("<s:AttributeValue>{v}</s:AttributeValue>")).collect();
    format!("<s:Attribute Name=\"{name}\">{values}</s:Attribute>")
}

fn person(settings: &ConnectionSettings, subject: &str, attributes: &str) -> Result<Person, Fault> {
    let assertion = assertion(subject, attributes);
    let name_id = name_id(&assertion)?;
    read(settings, &assertion, name_id.as_ref())
}

const ADA: &str = "<s:NameID Format=\"urn:oasis:names:tc:SAML:2.0:nameid-format:persistent\">ada-1</s:NameID>";

#[test]
fn reads_a_person_by_the_habits_of_the_provider() {
    let sent = [
        attribute("email", &["Ada@Corp.example"]),
        attribute("firstName", &["Ada"]),
        attribute("lastName", &["Lovelace"]),
        attribute("groups", &["admins", "", "admins", " staff "]),
    ]
    .concat();
    let read = person(&settings("okta"), ADA, &sent).unwrap();
    assert_eq!((read.subject.as_str(), read.email.as_deref()), ("ada-1", Some("Ada@Corp.example")));
    assert_eq!(read.name.as_deref(), Some("Ada Lovelace"));
    assert_eq!(read.groups, Groups::Sent(vec!["admins".into(), "staff".into()]));
    let by_id = person(&settings("okta"), ADA, &(attribute("id", &["00u1"]) + &sent)).unwrap();
    assert_eq!(by_id.subject, "00u1");
    let entra = [
        attribute("http://schemas.microsoft.com/identity/claims/objectidentifier", &["oid-1"]),
        attribute("http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name", &["ada@corp.example"]),
    ]
    .concat();
    let read = person(&settings("entra"), ADA, &entra).unwrap();
    assert_eq!((read.subject.as_str(), read.email.as_deref(), read.groups), ("oid-1", Some("ada@corp.example"), Groups::NotSent));
}

#[test]
fn names_are_found_exactly_then_whatever_their_case_then_by_friendly_name() {
    let find = |attributes: &str| person(&settings("custom_saml"), ADA, attributes).unwrap().email;
    let both = attribute("EMAIL", &["b@x.example"]) + &attribute("email", &["a@x.example"]);
    assert_eq!(find(&both).as_deref(), Some("a@x.example"));
    assert_eq!(find(&attribute("EMail", &["a@x.example"])).as_deref(), Some("a@x.example"));
    let twice = attribute("EMAIL", &["b@x.example"]) + &attribute("Email", &["a@x.example"]);
    assert_eq!(find(&twice), None, "ambiguous");
    let friendly =
        attribute("urn:oid:0.9.2342.19200300.100.1.3", &["a@x.example"]).replace("Name=", "FriendlyName=\"Mail\" Name=");
    assert_eq!(find(&friendly).as_deref(), Some("a@x.example"));
    let other = friendly.replace("100.1.3", "100.1.4").replace("a@x", "b@x");
    assert_eq!(find(&(friendly.clone() + &other)), None, "ambiguous");
    assert_eq!(find(&(friendly + &attribute("mail", &["c@x.example"]))).as_deref(), Some("c@x.example"));
}

#[test]
fn a_value_is_its_whole_text() {
    let name = |value: &str| person(&settings("custom_saml"), ADA, &attribute("name", &[value])).unwrap().name;
    assert_eq!(name("Ada<s:b>Byron</s:b> L").as_deref(), Some("AdaByron L"));
    assert_eq!(name("").as_deref(), None);
    let targeted = "<s:NameID NameQualifier=\"https://idp.test\">xyz=</s:NameID>";
    let mut by_targeted = settings("custom_saml");
    by_targeted.unique_id_claims = vec!["eduPersonTargetedID".into()];
    assert_eq!(person(&by_targeted, ADA, &attribute("eduPersonTargetedID", &[targeted])).unwrap().subject, "xyz=");
    let nil = attribute("name", &["x"]).replace("<s:AttributeValue>", "<s:AttributeValue xsi:nil=\"true\">");
    assert_eq!(person(&settings("custom_saml"), ADA, &nil).unwrap().name, None);
}

#[test]
fn groups_have_three_states() {
    let plain = settings("entra");
    let name = "http://schemas.microsoft.com/ws/2008/06/identity/claims/groups";
    let of = |settings: &ConnectionSettings, attributes: &str| person(settings, ADA, attributes).unwrap().groups;
    assert_eq!(of(&plain, ""), Groups::NotSent);
    assert_eq!(of(&plain, &attribute(name, &[])), Groups::Sent(vec![]));
    assert_eq!(of(&plain, &attribute(GROUPS_LINK, &["https://graph.test/x"])), Groups::TooMany);
    assert_eq!(of(&plain, &attribute(name, &vec!["g"; 2001])), Groups::TooMany);
    let one_each = attribute("groups", &["/a/b"]) + &attribute("groups", &["/c"]);
    let mut keycloak = settings("keycloak");
    assert_eq!(of(&keycloak, &one_each), Groups::Sent(vec!["/a/b".into(), "/c".into()]));
    keycloak.groups_strip_slash = true;
    assert_eq!(of(&keycloak, &one_each), Groups::Sent(vec!["a/b".into(), "c".into()]));
    let mut onelogin = settings("onelogin");
    onelogin.groups_delimiter = Some(";".into());
    assert_eq!(of(&onelogin, &attribute("memberOf", &["a; b;;c"])), Groups::Sent(vec!["a".into(), "b".into(), "c".into()]));
}

#[test]
fn nobody_is_known_by_what_does_not_last() {
    let custom = settings("custom_saml");
    for (subject, attributes, cause) in [
        ("", String::new(), "no unique id"),
        ("<s:NameID> </s:NameID>", String::new(), "no unique id"),
        ("<s:NameID Format=\"urn:oasis:names:tc:SAML:2.0:nameid-format:transient\">_x</s:NameID>", String::new(), "transient"),
        ("<s:NameID>a</s:NameID><s:NameID>b</s:NameID>", String::new(), "more than one"),
        ("<s:EncryptedID/>", String::new(), "encrypted"),
        ("<s:NameID>a<s:b/></s:NameID>", String::new(), "elements"),
        (&format!("<s:NameID>{}</s:NameID>", "x".repeat(513)), String::new(), "512"),
        ("<s:NameID>a&#9;b</s:NameID>", String::new(), "control"),
    ] {
        let error = person(&custom, subject, &attributes).unwrap_err();
        assert!(error.contains(cause), "{subject}: {error}");
    }
    let mut by_id = settings("custom_saml");
    by_id.unique_id_claims = vec!["id".into()];
    assert!(person(&by_id, ADA, &attribute("id", &["1", "2"])).unwrap_err().contains("several"));
    assert_eq!(person(&by_id, ADA, &attribute("id", &["1", "1", ""])).unwrap().subject, "1");
    assert!(person(&by_id, ADA, "").unwrap_err().contains("no unique id"));
    let transient = ADA.replace("persistent", "transient");
    assert_eq!(person(&by_id, &transient, &attribute("id", &["1"])).unwrap().subject, "1");
}

#[test]
fn the_session_repeats_how_the_provider_names_the_person() {
    let subject = "<s:NameID Format=\"urn:f\" NameQualifier=\"q\" SPNameQualifier=\"\">ada</s:NameID>";
    let session = name_id(&assertion(subject, "")).unwrap().unwrap().session(Some("_s".into()));
    assert_eq!((session.subject.as_str(), session.index.as_deref()), ("ada", Some("_s")));
    assert_eq!(session.detail, json!({"format": "urn:f", "name_qualifier": "q", "sp_name_qualifier": null}));
}

#[test]
fn an_address_is_taken_only_from_what_looks_like_one() {
    let okta = settings("okta");
    assert_eq!(person(&okta, ADA, "").unwrap().email, None, "a persistent NameID is no address");
    assert_eq!(person(&okta, "<s:NameID>ada@corp.example</s:NameID>", "").unwrap().email.as_deref(), Some("ada@corp.example"));
}

#[test]
fn a_label_for_people_names_nobody() {
    let okta = settings("okta");
    let labelled = "<s:Attribute Name=\"nickname\" FriendlyName=\"ID\"><s:AttributeValue>00u1</s:AttributeValue></s:Attribute>";
    assert_eq!(person(&okta, "<s:NameID>eve</s:NameID>", labelled).unwrap().subject, "eve");
    assert_eq!(person(&okta, "<s:NameID>eve</s:NameID>", &attribute("ID", &["00u1"])).unwrap().subject, "00u1");
}
