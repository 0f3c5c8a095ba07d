//! Messages that are well signed and not for us, not for now, not for this person's sign-in, or not a sign-in (S14, S17).
//! All are signed with the provider's own key, in every way that it can sign.

use super::{
    dsig::edit,
    provider::{BEARER, EVERYWHERE, Message, SAML, Signs, moment},
    sso_saml::{SamlSso, assert_signed_in},
};
use crate::{
    browser::Browser,
    world::{Backend, START},
};

/// A name, the expected cause, and the change.
type Case = (&'static str, &'static str, fn(&mut Message));

/// What the settings allow when they say nothing.
const SKEW: i64 = 120;

async fn all_refused(world: &SamlSso, cases: &[Case], ways: &[Signs]) {
    for (name, cause, bend) in cases {
        for signs in ways {
            let forge = |message: &mut Message| {
                message.signs = *signs;
                bend(message);
                message.build()
            };
            world.refuses(*signs, name, cause, forge).await;
        }
    }
}

#[tokio::test]
async fn an_assertion_for_somebody_else_is_refused() {
    let world = SamlSso::new(Backend::Sqlite).await;
    let cases: [Case; 9] = [
        ("another audience", "udience", |m| m.audiences = vec![vec!["https://other.example".into()]]),
        ("no audience", "udience", |m| m.audiences = vec![vec![]]),
        ("no restriction", "udience", |m| m.audiences = vec![]),
        ("an empty audience", "udience", |m| m.audiences = vec![vec![String::new()]]),
        ("two restrictions, one not ours", "udience", |m| m.audiences.push(vec!["https://other.example".into()])),
        ("a longer audience", "udience", |m| m.audiences[0][0].push('x')),
        ("an audience in another case", "udience", |m| m.audiences[0][0] = m.audiences[0][0].to_uppercase()),
        ("our origin alone", "udience", |m| {
            let url = url::Url::parse(&m.audiences[0][0]).unwrap();
            m.audiences = vec![vec![url.origin().ascii_serialization()]];
        }),
        ("another tenant's audience", "udience", |m| m.audiences[0][0] = m.audiences[0][0].replace("/acme/", "/other/")),
    ];
    all_refused(&world, &cases, &EVERYWHERE).await;
    let both = world.sign_in(&mut Browser::new(), |m| m.audiences[0].push("https://other.example".into())).await;
    assert_signed_in("one of two audiences of one restriction", &both);
}

#[tokio::test]
async fn an_assertion_for_another_time_is_refused() {
    let world = SamlSso::new(Backend::Sqlite).await;
    let cases: [Case; 10] = [
        ("expired", "too old", |m| m.not_on_or_after = Some(moment(START - SKEW))),
        ("expired long ago", "too old", |m| m.not_on_or_after = Some(moment(START - 100_000))),
        ("not yet", "", |m| m.not_before = Some(moment(START + SKEW + 1))),
        ("a moment that is none", "", |m| m.not_on_or_after = Some("tomorrow".into())),
        ("a moment without zone", "", |m| m.not_on_or_after = Some("2099-01-01T00:00:00".into())),
        ("an empty moment", "", |m| m.not_on_or_after = Some(String::new())),
        ("no end", "NotOnOrAfter", |m| m.not_on_or_after = None),
        ("a confirmation that expired", "too old", |m| m.subject_not_on_or_after = Some(moment(START - SKEW))),
        ("a confirmation without end", "NotOnOrAfter", |m| m.subject_not_on_or_after = None),
        ("a confirmation with a beginning", "NotBefore", |m| {
            m.confirmation = Some(vec![("NotBefore", moment(START - 1000))]);
        }),
    ];
    all_refused(&world, &cases, &EVERYWHERE).await;
    for (name, bend) in [
        ("just not expired", (|m| m.not_on_or_after = Some(moment(START - SKEW + 1))) as fn(&mut Message)),
        ("the confirmation just not expired", |m| m.subject_not_on_or_after = Some(moment(START - SKEW + 1))),
        ("just begun", |m| m.not_before = Some(moment(START + SKEW))),
        ("with fractions and an offset", |m| m.not_on_or_after = Some("2027-01-15T10:00:00.1234567+01:00".into())),
        ("no beginning", |m| m.not_before = None),
    ] {
        assert_signed_in(name, &world.sign_in(&mut Browser::new(), bend).await);
    }
}

#[tokio::test]
async fn an_assertion_that_confirms_nobody_is_refused() {
    let world = SamlSso::new(Backend::Sqlite).await;
    let cases: [Case; 12] = [
        ("another recipient", "ecipient", |m| m.recipient = Some("https://other.example/acs".into())),
        ("no recipient", "ecipient", |m| m.recipient = None),
        ("another tenant's address", "ecipient", |m| m.recipient = m.recipient.as_ref().map(|r| format!("{r}/other/corp"))),
        ("a recipient with a slash more", "ecipient", |m| m.recipient.as_mut().unwrap().push('/')),
        ("no confirmation data", "", |m| m.confirmation = None),
        ("sender vouches", "earer", |m| m.method = BEARER.replace("bearer", "sender-vouches")),
        ("holder of key", "earer", |m| m.method = BEARER.replace("bearer", "holder-of-key")),
        ("no subject", "ubject", |m| {
            let subject = m.subject();
            m.assertion = edit(move |a| a.replace(&subject, ""));
        }),
        ("no confirmation", "", |m| {
            m.assertion = edit(|a| {
                let (before, rest) = a.split_once("<saml:SubjectConfirmation").unwrap();
                format!("{before}{}", rest.rsplit_once("</saml:SubjectConfirmation>").unwrap().1)
            });
        }),
        ("two subjects", "ubject", |m| {
            let subject = m.subject();
            let eve = subject.replace("ada@", "eve@");
            m.assertion = edit(move |a| a.replace(&subject, &format!("{subject}{eve}")));
        }),
        ("two names", "", |m| {
            m.assertion = edit(|a| {
                a.replace("<saml:SubjectConfirmation ", "<saml:NameID>eve@acme.example</saml:NameID><saml:SubjectConfirmation ")
            });
        }),
        ("an empty name", "", |m| m.name_id = " ".into()),
    ];
    all_refused(&world, &cases, &EVERYWHERE).await;
}

#[tokio::test]
async fn conditions_are_understood_or_refused() {
    let world = SamlSso::new(Backend::Sqlite).await;
    let cases: [Case; 7] = [
        ("no Conditions", "", |m| m.conditions = Some(String::new())),
        ("two Conditions", "", |m| {
            m.assertion = edit(|a| a.replace("<saml:Conditions ", "<saml:Conditions></saml:Conditions><saml:Conditions "));
        }),
        ("an unknown condition", "", |m| {
            m.more_conditions =
                "<saml:Condition xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:type=\"x\"></saml:Condition>".into();
        }),
        ("Conditions of another namespace", "", |m| {
            m.assertion = edit(|a| a.replace("saml:Conditions", "e:Conditions").replacen(" ID=", " xmlns:e=\"urn:e\" ID=", 1));
        }),
        ("no AuthnStatement", "AuthnStatement", |m| m.authn = None),
        ("a decision, not a sign-in", "AuthnStatement", |m| {
            m.assertion = edit(|a| a.replace("AuthnStatement", "AuthzDecisionStatement"));
        }),
        ("another version", "ersion", |m| m.assertion = edit(|a| a.replacen("Version=\"2.0\"", "Version=\"1.1\"", 1))),
    ];
    all_refused(&world, &cases, &EVERYWHERE).await;
    for (name, more) in [
        ("OneTimeUse", "<saml:OneTimeUse></saml:OneTimeUse>"),
        ("ProxyRestriction", "<saml:ProxyRestriction Count=\"0\"></saml:ProxyRestriction>"),
    ] {
        let answer = world.sign_in(&mut Browser::new(), |m| m.more_conditions = more.into()).await;
        assert_signed_in(name, &answer);
    }
}

/// What the response says; the signature over the assertion alone does not cover it, and it is held to all the same.
#[tokio::test]
async fn the_response_must_be_for_this_address_and_a_success() {
    let world = SamlSso::new(Backend::Sqlite).await;
    let cases: [Case; 13] = [
        ("another destination", "estination", |m| m.destination = Some("https://other.example/acs".into())),
        ("an empty destination", "estination", |m| m.destination = Some(String::new())),
        ("another tenant's path", "estination", |m| m.destination = m.destination.as_ref().map(|d| format!("{d}/other/corp"))),
        ("a slash more", "estination", |m| m.destination.as_mut().unwrap().push('/')),
        ("another case", "estination", |m| m.destination = m.destination.as_ref().map(|d| d.replace("callback", "Callback"))),
        ("another port", "estination", |m| m.destination = m.destination.as_ref().map(|d| d.replace("/oauth2", "0/oauth2"))),
        ("a query more", "estination", |m| m.destination.as_mut().unwrap().push_str("?x=1")),
        ("a version to come", "ersion", |m| m.response_version = "3.0".into()),
        ("no issuer in the assertion", "ssuer", |m| m.assertion_issuer = None),
        ("another issuer of the assertion", "ssuer", |m| m.assertion_issuer = Some("https://evil.example/saml".into())),
        ("another issuer of the response", "ssuer", |m| m.response_issuer = Some("https://evil.example/saml".into())),
        ("an issuer with a space", "ssuer", |m| m.assertion_issuer = Some("https://idp.example/saml x".into())),
        ("no status", "tatus", |m| m.status = String::new()),
    ];
    all_refused(&world, &cases, &EVERYWHERE).await;
    let signed: [Case; 1] = [("no destination", "estination", |m| m.destination = None)];
    all_refused(&world, &signed, &[Signs::Response, Signs::Both]).await;
    let refusals: [Case; 4] = [
        ("a failure beside an assertion", "refused", |m| m.status = m.status.replace("Success", "Responder")),
        ("a failure with a reason", "AuthnFailed", |m| {
            let inner = m.status.replace("Success", "AuthnFailed");
            m.status = m.status.replace("Success", "Responder").replace("></", &format!(">{inner}</"));
        }),
        ("success within failure", "refused", |m| {
            let inner = m.status.clone();
            m.status = m.status.replace("Success", "Requester").replace("></", &format!(">{inner}</"));
        }),
        ("two statuses", "tatus", |m| {
            m.response = edit(|r| {
                r.replace("<samlp:Status>", "<samlp:Status><samlp:StatusCode Value=\"urn:oasis:names:tc:SAML:2.0:status:Responder\"></samlp:StatusCode></samlp:Status><samlp:Status>")
            })
        }),
    ];
    all_refused(&world, &refusals, &EVERYWHERE).await;
    let none = |message: &mut Message| message.finish("");
    world.refused_but_honest_passes("no assertion", "ssertion", none).await;
    let bare = |message: &mut Message| {
        message.signs = Signs::Assertion;
        message.finished_assertion()
    };
    world.refused_but_honest_passes("an assertion without a response", "", bare).await;
    assert!(SAML.contains("2.0"));
}
