//! From the form to who came, with everything but HTTP around it.

use serde_json::json;

use super::{
    forge::{Signer, template},
    names::{BEARER, SAML, SAMLP, SUCCESS},
    *,
};

const NOW: i64 = 1_800_000_000; // 2027-01-15T08:00:00Z
const ACS: &str = "https://gate.test/oauth2/callback";

fn saml(idp: &Signer, sso: bool, saml: SamlSettings) -> Saml {
    let mut settings = ConnectionSettings { saml: Some(saml.clone()), ..ConnectionSettings::default() };
    crate::connector::presets::apply(&mut settings, crate::policy::connection::Protocol::Saml).unwrap();
    let endpoint = metadata::Endpoint {
        binding: crate::policy::saml::Binding::Redirect,
        location: "https://idp.test/sso".into(),
        response_location: None,
    };
    let provider = Provider {
        entity_id: "https://idp.test".into(),
        sso: if sso { vec![endpoint] } else { vec![] },
        slo: vec![],
        certificates: vec![],
        wants_signed_requests: false,
        valid_until: Some(NOW + 1000),
        cache_duration: None,
    };
    Saml(Arc::new(Opened {
        settings,
        saml,
        provider: Arc::new(provider),
        certificates: vec![idp.certificate.clone()],
        entity_id: "https://gate.test/saml/acme/idp/metadata".into(),
        credentials: Credentials::default(),
    }))
}

const AT: &str = "2027-01-15T08:00:00Z";

fn arrival(idp: &Signer, in_response_to: &str) -> Arrival {
    let to = Some(in_response_to).filter(|id| !id.is_empty()).map(|id| format!("InResponseTo=\"{id}\"")).unwrap_or_default();
    let xml = format!(
        "<samlp:Response xmlns:samlp=\"{SAMLP}\" xmlns:saml=\"{SAML}\" ID=\"_r\" Version=\"2.0\" IssueInstant=\"{AT}\" \
         Destination=\"{ACS}\" {to}><saml:Issuer>https://idp.test</saml:Issuer>{}\
         <samlp:Status><samlp:StatusCode Value=\"{SUCCESS}\"/></samlp:Status><saml:Assertion ID=\"_a\" Version=\"2.0\" IssueInstant=\"{AT}\">\
         <saml:Issuer>https://idp.test</saml:Issuer><saml:Subject><saml:NameID>ada</saml:NameID>\
         <saml:SubjectConfirmation Method=\"{BEARER}\"><saml:SubjectConfirmationData Recipient=\"{ACS}\" \
         NotOnOrAfter=\"2027-01-15T08:05:00Z\" {to}/></saml:SubjectConfirmation></saml:Subject>\
         <saml:Conditions NotOnOrAfter=\"2027-01-15T08:05:00Z\"><saml:AudienceRestriction>\
         <saml:Audience>https://gate.test/saml/acme/idp/metadata</saml:Audience></saml:AudienceRestriction></saml:Conditions>\
         <saml:AuthnStatement AuthnInstant=\"2027-01-15T07:50:00Z\" SessionNotOnOrAfter=\"2027-01-15T20:00:00Z\"/>\
         <saml:AttributeStatement><saml:Attribute Name=\"email\"><saml:AttributeValue>ada@corp.test</saml:AttributeValue>\
         </saml:Attribute></saml:AttributeStatement></saml:Assertion></samlp:Response>",
        template("_r")
    );
    Arrival::from([("SAMLResponse".to_owned(), openssl::base64::encode_block(idp.fill(&xml).as_bytes()))])
}

fn memo(forced: bool) -> Value {
    json!({"request_id": "_req", "entity_id": "https://idp.test", "forced": forced, "max_age": null, "departed_at": NOW - 60})
}

#[tokio::test]
async fn an_answer_becomes_a_person_a_session_and_a_single_use() {
    let idp = Signer::rsa(2048);
    let saml = saml(&idp, true, SamlSettings::default());
    let arrived = saml.arrive(&memo(false), &arrival(&idp, "_req"), ACS, NOW).await.unwrap();
    let identity = arrived.identity.unwrap();
    assert_eq!((identity.issuer.as_str(), identity.subject.as_str()), ("https://idp.test", "ada"));
    assert_eq!((identity.email.as_deref(), identity.email_verified), (Some("ada@corp.test"), false));
    assert_eq!((identity.auth_time, identity.session_until), (Some(NOW - 600), Some(NOW + 12 * 3600)));
    assert_eq!(arrived.once, Some(Once { id: "_a".into(), until: NOW + 300 + crate::policy::saml::MAX_SKEW }));
    assert_eq!(arrived.session.unwrap().subject, "ada");
}

#[tokio::test]
async fn an_answer_belongs_to_the_departure_it_was_asked_for_in() {
    let idp = Signer::rsa(2048);
    let saml = saml(&idp, true, SamlSettings::default());
    let good = arrival(&idp, "_req");
    let changed = |key: &str, value: Value| {
        let mut memo = memo(false);
        memo[key] = value;
        memo
    };
    for (memo, arrival, now, cause) in [
        (changed("entity_id", json!("https://other.test")), good.clone(), NOW, "changed to another provider"),
        (changed("request_id", json!("_other")), good.clone(), NOW, "InResponseTo"),
        (changed("max_age", json!(60)), good.clone(), NOW, "max_age"),
        (memo(true), good.clone(), NOW, "ForceAuthn"),
        (json!({"nonce": "x"}), good.clone(), NOW, "begun by something else"),
        (memo(false), Arrival::new(), NOW, "no SAMLResponse"),
        (memo(false), arrival(&idp, ""), NOW, "no InResponseTo"),
        (memo(false), arrival(&Signer::rsa(2048), "_req"), NOW, "not to be believed"),
        (memo(false), good.clone(), NOW + 1000, "validUntil"),
    ] {
        let error = saml.arrive(&memo, &arrival, ACS, now).await.and_then(|a| a.identity).unwrap_err().to_string();
        assert!(error.contains(cause), "{cause}: {error}");
    }
    assert!(saml.arrive(&memo(false), &good, "https://gate.test/other", NOW).await.is_err());
}

#[tokio::test]
async fn unsolicited_only_where_nothing_else_is_possible() {
    let idp = Signer::rsa(2048);
    let initiated = || SamlSettings { idp_initiated: true, ..SamlSettings::default() };
    let unsolicited = arrival(&idp, "");
    for (saml, cause) in
        [(saml(&idp, false, SamlSettings::default()), "set idp_initiated"), (saml(&idp, true, initiated()), "begin here")]
    {
        let error = saml.arrive_unsolicited(&unsolicited, ACS, NOW).await.unwrap_err().to_string();
        assert!(error.contains(cause), "{error}");
    }
    let saml = saml(&idp, false, initiated());
    assert!(!saml.can_depart());
    assert_eq!(saml.arrive_unsolicited(&unsolicited, ACS, NOW).await.unwrap().identity.unwrap().subject, "ada");
    let answer = saml.arrive_unsolicited(&arrival(&idp, "_req"), ACS, NOW).await.unwrap_err().to_string();
    assert!(answer.contains("Disable InResponseTo"), "{answer}");
}
