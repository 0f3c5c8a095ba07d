//! What an answer says of itself before anything of it is verified: enough to find the connection that may judge it.
//! Nothing read here is believed.

use super::{names, response, turn, xml, xml::Element};
use crate::connector::Error;

/// The unverified words of an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// To whom it is addressed; nothing when its assertion is encrypted.
    pub audiences: Vec<String>,
    /// Whether it says to answer a request, anywhere.
    pub answers_a_request: bool,
}

/// Reads an answer, in base64.
///
/// # Errors
/// [`Error::Untrusted`] when it is no SAML response.
pub async fn read(response: String) -> Result<Said, Error> {
    turn::take(move || said(&response)).await
}

fn said(response: &str) -> Result<Said, Error> {
    let root = xml::parse(&response::decoded(response)?).map_err(response::untrusted)?;
    if !root.is(names::SAMLP, "Response") {
        return Err(response::untrusted("SAMLResponse holds no Response"));
    }
    let mut said = Said { audiences: Vec::new(), answers_a_request: root.attribute("InResponseTo").is_some() };
    for assertion in root.all(names::SAML, "Assertion") {
        look(assertion, &mut said);
    }
    Ok(said)
}

fn look(element: &Element, said: &mut Said) {
    if element.is(names::SAML, "Audience") {
        said.audiences.extend(element.text());
    }
    let confirms = element.is(names::SAML, "SubjectConfirmationData");
    said.answers_a_request |= confirms && element.attribute("InResponseTo").is_some();
    for child in element.elements() {
        look(child, said);
    }
}

#[cfg(test)]
mod tests {
    use base64::{Engine as _, engine::general_purpose::STANDARD};

    use super::*;

    fn read(inner: &str, attributes: &str) -> Result<Said, Error> {
        let xml = format!(
            "<p:Response xmlns:p=\"{}\" xmlns:a=\"{}\" ID=\"_1\" {attributes}>{inner}</p:Response>",
            names::SAMLP,
            names::SAML
        );
        said(&STANDARD.encode(xml))
    }

    #[test]
    fn says_to_whom_and_whether_it_answers() {
        let to = |audience: &str| format!("<a:AudienceRestriction><a:Audience>{audience}</a:Audience></a:AudienceRestriction>");
        let assertion = format!("<a:Assertion><a:Conditions>{}</a:Conditions></a:Assertion>", to("https://sp.example"));
        let said = read(&assertion, "").unwrap();
        assert_eq!(said, Said { audiences: vec!["https://sp.example".into()], answers_a_request: false });
        assert!(read(&assertion, "InResponseTo=\"_2\"").unwrap().answers_a_request);
        let confirmed = "<a:Assertion><a:Subject><a:SubjectConfirmation><a:SubjectConfirmationData InResponseTo=\"_2\"/>\
                         </a:SubjectConfirmation></a:Subject></a:Assertion>";
        assert!(read(confirmed, "").unwrap().answers_a_request);
        assert_eq!(read("<a:EncryptedAssertion/>", "").unwrap(), Said::default());
    }

    #[test]
    fn is_no_other_document() {
        for other in ["", "x", "<x/>", "<!DOCTYPE x><x/>"] {
            assert!(said(&STANDARD.encode(other)).is_err(), "{other}");
        }
        assert!(said("PHg+*").is_err());
    }
}
