//! One honest assertion, and each rule broken in turn.

use super::*;
use crate::connector::saml::xml;

const NOW: i64 = 1_800_000_000; // 2027-01-15T08:00:00Z

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

fn honest() -> String {
    format!(
        "<s:Assertion xmlns:s=\"{SAML}\" ID=\"_1\" Version=\"2.0\" IssueInstant=\"2027-01-15T08:00:00Z\">\
         <s:Issuer>https://idp.test</s:Issuer><s:Subject><s:NameID>ada</s:NameID>\
         <s:SubjectConfirmation Method=\"{BEARER}\"><s:SubjectConfirmationData Recipient=\"https://sp.test/callback\" \
         NotOnOrAfter=\"2027-01-15T08:05:00Z\" InResponseTo=\"_req\"/></s:SubjectConfirmation></s:Subject>\
         <s:Conditions NotBefore=\"2027-01-15T07:59:00Z\" NotOnOrAfter=\"2027-01-15T08:10:00Z\"><s:AudienceRestriction>\
         <s:Audience>https://other.test</s:Audience><s:Audience>https://sp.test/metadata</s:Audience>\
         </s:AudienceRestriction></s:Conditions>\
         <s:AuthnStatement AuthnInstant=\"2027-01-15T07:50:00Z\" SessionIndex=\"_s\"/></s:Assertion>"
    )
}

fn judge(xml: &str, expected: &Expected<'_>) -> Result<Facts, Fault> {
    assertion(&xml::parse(xml).unwrap(), expected)
}

fn changed(from: &str, to: &str) -> String {
    let changed = honest().replacen(from, to, 1);
    assert_ne!(changed, honest(), "{from}");
    changed
}

#[test]
fn an_honest_assertion_holds() {
    let facts = judge(&honest(), &expected()).unwrap();
    let wanted =
        Facts { until: NOW + 600 + MAX_SKEW, authenticated_at: NOW - 600, session_until: None, session_index: Some("_s".into()) };
    assert_eq!(facts, wanted);
    let restricted = "<s:OneTimeUse/><s:ProxyRestriction Count=\"0\"/></s:Conditions>";
    for good in [
        changed("<s:Issuer>", &format!("<s:Issuer Format=\"{ENTITY}\">")),
        changed("</s:Conditions>", restricted),
        changed(" NotBefore=\"2027-01-15T07:59:00Z\"", ""),
        changed(
            "<s:SubjectConfirmation ",
            "<s:SubjectConfirmation Method=\"urn:oasis:names:tc:SAML:2.0:cm:holder-of-key\"/><s:SubjectConfirmation ",
        ),
        changed("SessionIndex", "SessionNotOnOrAfter=\"2027-01-15T08:00:01Z\" SessionIndex"),
        changed("InResponseTo=", "Address=\"192.0.2.1\" InResponseTo="),
    ] {
        assert!(judge(&good, &expected()).is_ok(), "{good}");
    }
}

#[test]
fn each_broken_rule_is_named() {
    let second = "<s:AudienceRestriction><s:Audience>https://other.test</s:Audience></s:AudienceRestriction></s:Conditions>";
    for (from, to, cause) in [
        ("Version=\"2.0\"", "Version=\"1.1\"", "version"),
        (" Version=\"2.0\"", "", "version"),
        (" IssueInstant=\"2027-01-15T08:00:00Z\"", "", "no IssueInstant"),
        (
            "InResponseTo=\"_req\"/></s:SubjectConfirmation></s:Subject>\
             <s:Conditions NotBefore=\"2027-01-15T07:59:00Z\" NotOnOrAfter=\"2027-01-15T08:10:00Z\"",
            "InResponseTo=\"_req\"/></s:SubjectConfirmation></s:Subject><s:Conditions NotOnOrAfter=\"2027-01-22T08:00:01Z\"",
            "longer than a week",
        ),
        ("IssueInstant=\"2027-01-15T08:00:00Z\"", "IssueInstant=\"2027-01-15T08:02:01Z\"", "future"),
        ("IssueInstant=\"2027-01-15T08:00:00Z\"", "IssueInstant=\"yesterday\"", "no time"),
        ("<s:Issuer>https://idp.test</s:Issuer>", "", "no Issuer"),
        ("https://idp.test", "https://evil.test", "Issuer"),
        ("https://idp.test", "https://idp.test/", "Issuer"),
        ("<s:Issuer>", "<s:Issuer Format=\"urn:x\">", "Issuer"),
        ("</s:Issuer>", "</s:Issuer><s:Issuer>https://idp.test</s:Issuer>", "more than one"),
        ("NotBefore=\"2027-01-15T07:59:00Z\"", "NotBefore=\"2027-01-15T08:02:01Z\"", "only from"),
        (" NotOnOrAfter=\"2027-01-15T08:10:00Z\"", "", "no NotOnOrAfter"),
        ("NotOnOrAfter=\"2027-01-15T08:10:00Z\"", "NotOnOrAfter=\"2027-01-15T07:58:00Z\"", "too old"),
        ("<s:Audience>https://sp.test/metadata</s:Audience>", "", "is for"),
        ("https://sp.test/metadata", "https://sp.test/metadata/", "is for"),
        ("</s:Conditions>", second, "is for"),
        ("</s:Conditions>", "<s:Condition/></s:Conditions>", "not known"),
        ("</s:Conditions>", "<OneTimeUse/></s:Conditions>", "not known"),
        ("cm:bearer", "cm:sender-vouches", "bearer"),
        ("Recipient=\"https://sp.test/callback\"", "Recipient=\"https://sp.test/callback/\"", "Recipient"),
        ("Recipient=\"https://sp.test/callback\"", "", "Recipient"),
        (" NotOnOrAfter=\"2027-01-15T08:05:00Z\"", "", "no NotOnOrAfter"),
        ("NotOnOrAfter=\"2027-01-15T08:05:00Z\"", "NotOnOrAfter=\"2027-01-15T07:58:00Z\"", "too old"),
        ("InResponseTo=", "NotBefore=\"2027-01-15T07:00:00Z\" InResponseTo=", "NotBefore"),
        ("InResponseTo=\"_req\"", "InResponseTo=\"_other\"", "InResponseTo"),
        (" InResponseTo=\"_req\"", "", "no InResponseTo"),
        ("AuthnInstant=\"2027-01-15T07:50:00Z\" ", "", "no AuthnInstant"),
        ("AuthnInstant=\"2027-01-15T07:50:00Z\"", "AuthnInstant=\"2027-01-15T08:02:01Z\"", "future"),
        ("SessionIndex", "SessionNotOnOrAfter=\"2027-01-15T08:00:00Z\" SessionIndex", "session ended"),
    ] {
        let error = judge(&changed(from, to), &expected()).expect_err(&format!("{from} → {to}"));
        assert!(error.contains(cause), "{from} → {to}: {error}");
    }
    for gone in
        ["Conditions", "Subject", "AuthnStatement", "SubjectConfirmation", "SubjectConfirmationData", "AudienceRestriction"]
    {
        let (open, bare, close) = (format!("<s:{gone} "), format!("<s:{gone}>"), format!("</s:{gone}>"));
        let xml = honest().replace(&open, "<s:Gone ").replace(&bare, "<s:Gone>").replace(&close, "</s:Gone>");
        let error = judge(&xml, &expected()).unwrap_err();
        assert!(error.contains(gone) || error.contains("Gone"), "{gone}: {error}");
    }
}

#[test]
fn the_skew_is_allowed_to_the_second() {
    for (from, to) in [
        ("NotOnOrAfter=\"2027-01-15T08:10:00Z\"", "NotOnOrAfter=\"2027-01-15T07:58:01Z\""),
        ("NotOnOrAfter=\"2027-01-15T08:05:00Z\"", "NotOnOrAfter=\"2027-01-15T07:58:01Z\""),
        ("NotBefore=\"2027-01-15T07:59:00Z\"", "NotBefore=\"2027-01-15T08:02:00Z\""),
        ("AuthnInstant=\"2027-01-15T07:50:00Z\"", "AuthnInstant=\"2027-01-15T08:02:00Z\""),
        ("IssueInstant=\"2027-01-15T08:00:00Z\"", "IssueInstant=\"2027-01-15T08:02:00Z\""),
    ] {
        assert!(judge(&changed(from, to), &expected()).is_ok(), "{to}");
        assert!(judge(&changed(from, to), &Expected { skew: 119, ..expected() }).is_err(), "{to}");
    }
}

#[test]
fn every_audience_restriction_must_name_us() {
    let with = |audience: &str| {
        let more = format!("<s:AudienceRestriction><s:Audience>{audience}</s:Audience></s:AudienceRestriction></s:Conditions>");
        judge(&changed("</s:Conditions>", &more), &expected())
    };
    assert!(with("https://sp.test/metadata").is_ok());
    assert!(with("https://other.test").is_err());
}

#[test]
fn one_good_confirmation_is_enough_and_its_time_counts() {
    let wrong = format!(
        "<s:SubjectConfirmation Method=\"{BEARER}\"><s:SubjectConfirmationData Recipient=\"https://other.test\" \
         NotOnOrAfter=\"2030-01-01T00:00:00Z\"/></s:SubjectConfirmation></s:Subject>"
    );
    assert_eq!(judge(&changed("</s:Subject>", &wrong), &expected()).unwrap().until, NOW + 600 + MAX_SKEW);
    let late = changed("NotOnOrAfter=\"2027-01-15T08:05:00Z\"", "NotOnOrAfter=\"2027-01-15T09:00:00Z\"");
    assert_eq!(judge(&late, &expected()).unwrap().until, NOW + 3600 + MAX_SKEW);
}

#[test]
fn an_unsolicited_answer_names_no_request() {
    let unsolicited = Expected { request_id: None, ..expected() };
    assert!(judge(&changed(" InResponseTo=\"_req\"", ""), &unsolicited).is_ok());
    let error = judge(&honest(), &unsolicited).unwrap_err();
    assert!(error.contains("Disable InResponseTo"), "{error}");
    assert!(judge(&changed("\"_req\"", "\"\""), &unsolicited).is_err());
}

#[test]
fn a_fresh_proof_is_demanded_where_it_was_asked_for() {
    let at = NOW - 600;
    let forced = |left: i64| judge(&honest(), &Expected { forced_at: Some(left), ..expected() });
    assert!(forced(at + 120).is_ok());
    assert!(forced(at + 121).unwrap_err().contains("ForceAuthn"));
    let within = |most: i64| judge(&honest(), &Expected { max_age: Some(most), ..expected() });
    assert!(within(480).is_ok() && within(i64::MAX).is_ok());
    assert!(within(479).unwrap_err().contains("max_age"));
}

#[test]
fn of_several_statements_the_strictest_counts() {
    let more = "<s:AuthnStatement AuthnInstant=\"2027-01-15T07:00:00Z\" SessionNotOnOrAfter=\"2027-01-15T09:00:00Z\"/>\
                <s:AuthnStatement AuthnInstant=\"2027-01-15T07:30:00Z\" SessionNotOnOrAfter=\"2027-01-15T08:30:00Z\"/></s:Assertion>";
    let facts = judge(&changed("</s:Assertion>", more), &expected()).unwrap();
    assert_eq!((facts.authenticated_at, facts.session_until), (NOW - 3600, Some(NOW + 1800)));
    assert_eq!(facts.session_index.as_deref(), Some("_s"));
}

fn around(attributes: &str, inside: &str) -> Element {
    xml::parse(&format!("<p:Response xmlns:p=\"{SAMLP}\" xmlns:s=\"{SAML}\" {attributes}>{inside}</p:Response>")).unwrap()
}

#[test]
fn a_response_says_where_it_belongs_or_nothing() {
    let head = "Version=\"2.0\" IssueInstant=\"2027-01-15T08:00:00Z\"";
    let there = format!("{head} Destination=\"https://sp.test/callback\"");
    let us = "<s:Issuer>https://idp.test</s:Issuer>";
    for (attributes, inside, unsigned, signed) in [
        (head.to_owned(), "", true, false),
        (head.to_owned(), us, true, false),
        (there.clone(), "", true, false),
        (there.clone(), us, true, true),
        (there.clone(), "<s:EncryptedAssertion/>", false, false),
        (there.clone(), &format!("{us}<s:EncryptedAssertion/>"), true, true),
        (format!("{there} InResponseTo=\"_req\""), us, true, true),
        (format!("{head} Destination=\"\""), us, false, false),
        (format!("{head} Destination=\"https://sp.test/Callback\""), us, false, false),
        (format!("{head} Destination=\"https://other.test/callback\""), us, false, false),
        (format!("{there} InResponseTo=\"_x\""), us, false, false),
        (format!("{there} InResponseTo=\"\""), us, false, false),
        (there.replace("2.0", "2.1"), us, false, false),
        (there.replace("Version=\"2.0\"", ""), us, false, false),
        (there.replace("T08:", "T09:"), us, false, false),
        (there.replace("IssueInstant=\"2027-01-15T08:00:00Z\"", ""), us, false, false),
        (there.clone(), "<s:Issuer>https://evil.test</s:Issuer>", false, false),
        (there.clone(), &us.repeat(2), false, false),
    ] {
        let element = around(&attributes, inside);
        assert_eq!(response(&element, false, &expected()).is_ok(), unsigned, "{attributes} {inside}");
        assert_eq!(response(&element, true, &expected()).is_ok(), signed, "{attributes} {inside}");
    }
    let unsolicited = Expected { request_id: None, ..expected() };
    assert!(response(&around(&there, us), true, &unsolicited).is_ok());
    assert!(response(&around(&format!("{head} InResponseTo=\"_req\""), us), false, &unsolicited).is_err());
}

#[test]
fn a_refusal_is_told_in_the_providers_words() {
    let status_of = |inside: &str| status(&around("", inside));
    assert!(status_of(&format!("<p:Status><p:StatusCode Value=\"{SUCCESS}\"/></p:Status>")).is_ok());
    let refused = status_of(
        "<p:Status><p:StatusCode Value=\"urn:oasis:names:tc:SAML:2.0:status:Responder\"><p:StatusCode \
         Value=\"urn:oasis:names:tc:SAML:2.0:status:AuthnFailed\"/></p:StatusCode><p:StatusMessage>No&#10;luck\u{202e}</p:StatusMessage></p:Status>",
    );
    let Err(Error::Refused(cause)) = refused else { panic!("{refused:?}") };
    assert_eq!((cause.cause, &*cause), (Cause::AuthnFailed, "Responder / AuthnFailed: No luck"));
    let success = format!("<p:StatusCode Value=\"{SUCCESS}\"/>");
    for untrusted in
        ["", "<p:Status/>", &format!("<p:Status>{success}{success}</p:Status>"), &format!("<Status>{success}</Status>")]
    {
        assert!(matches!(status_of(untrusted), Err(Error::Untrusted(_))), "{untrusted}");
    }
    assert!(matches!(status_of("<p:Status><p:StatusCode/></p:Status>"), Err(Error::Refused(_))));
}

#[test]
fn the_context_that_was_asked_for_is_demanded() {
    let context = "SessionIndex=\"_s\"><s:AuthnContext><s:AuthnContextClassRef>urn:mfa</s:AuthnContextClassRef></s:AuthnContext></s:AuthnStatement>";
    let xml = changed("SessionIndex=\"_s\"/>", context);
    let asked = |contexts: &[&str], xml: &str| {
        let contexts: Vec<_> = contexts.iter().map(|&c| c.to_owned()).collect();
        judge(xml, &Expected { contexts: &contexts, ..expected() })
    };
    assert!(asked(&[], &xml).is_ok() && asked(&["urn:x", "urn:mfa"], &xml).is_ok());
    assert!(asked(&["urn:x"], &xml).unwrap_err().contains("urn:mfa"));
    assert!(asked(&["urn:mfa"], &honest()).unwrap_err().contains("authn_context"));
}
