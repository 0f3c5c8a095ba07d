//! A SAML identity provider that does as it is told: honest by default, and everything about its message can be bent
//! before it signs, so that no attack fails for the wrong reason. It writes its XML by hand and signs with OpenSSL over a
//! canonical form of its own, so that nothing it says is true only because gatehouse believes the same.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use gatehouse::secret;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::{
    dsig::{Edit, Signer, apply, unsigned},
    keys::base64,
    request::AuthnRequest,
    xenc::Encryption,
};

pub const SAML: &str = "urn:oasis:names:tc:SAML:2.0:assertion";
pub const SAMLP: &str = "urn:oasis:names:tc:SAML:2.0:protocol";
pub const BEARER: &str = "urn:oasis:names:tc:SAML:2.0:cm:bearer";
pub const SUCCESS: &str = "urn:oasis:names:tc:SAML:2.0:status:Success";

/// A moment as SAML writes it.
pub fn moment(at: i64) -> String {
    OffsetDateTime::from_unix_timestamp(at).unwrap().format(&Rfc3339).unwrap()
}

/// The provider.
#[derive(Clone)]
pub struct Provider {
    pub entity_id: String,
    pub sso_url: String,
    pub signer: Signer,
}

impl Provider {
    pub fn new(name: &str) -> Self {
        let base = format!("https://{name}.example/saml");
        Self { sso_url: format!("{base}/sso"), entity_id: base, signer: Signer::default() }
    }

    /// The `saml:` part of a connection to it, by hand.
    pub fn settings(&self, more: &str) -> String {
        format!(
            "{{idp_entity_id: \"{}\", sso_url: \"{}\", certificates: [\"{}\"]{}{more}}}",
            self.entity_id,
            self.sso_url,
            base64(self.signer.certificate()),
            if more.is_empty() { "" } else { ", " },
        )
    }

    /// Its honest answer.
    pub fn answer(&self, request: &AuthnRequest, now: i64) -> Message {
        let mut message = self.unsolicited(&request.issuer, &request.acs, now);
        message.in_response_to = Some(request.id.clone());
        message.subject_in_response_to = Some(request.id.clone());
        message
    }

    /// What it sends when nobody asked.
    pub fn unsolicited(&self, audience: &str, acs: &str, now: i64) -> Message {
        Message {
            signer: self.signer.clone(),
            signs: Signs::Response,
            encryption: None,
            response_id: new_id(),
            response_version: "2.0".to_owned(),
            issue_instant: moment(now),
            destination: Some(acs.to_owned()),
            in_response_to: None,
            response_issuer: Some(self.entity_id.clone()),
            status: format!("<samlp:StatusCode Value=\"{SUCCESS}\"></samlp:StatusCode>"),
            assertion_id: new_id(),
            assertion_issuer: Some(self.entity_id.clone()),
            name_id: "ada@acme.example".to_owned(),
            name_id_format: Some("urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress".to_owned()),
            method: BEARER.to_owned(),
            confirmation: Some(Vec::new()),
            recipient: Some(acs.to_owned()),
            subject_in_response_to: None,
            subject_not_on_or_after: Some(moment(now + 300)),
            conditions: None,
            not_before: Some(moment(now - 60)),
            not_on_or_after: Some(moment(now + 300)),
            audiences: vec![vec![audience.to_owned()]],
            more_conditions: String::new(),
            authn: Some(String::new()),
            authn_instant: moment(now - 30),
            session_index: Some("_session-1".to_owned()),
            session_not_on_or_after: None,
            attributes: [("email", "ada@acme.example"), ("firstName", "Ada"), ("lastName", "Lovelace")]
                .map(|(n, v)| (n.to_owned(), vec![v.to_owned()]))
                .into_iter()
                .chain([("groups".to_owned(), vec!["sre".to_owned(), "staff".to_owned()])])
                .collect(),
            more: String::new(),
            assertion: None,
            response: None,
            sealed: None,
        }
    }
}

pub fn new_id() -> String {
    format!("_{}", secret::random())
}

/// What is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signs {
    Response,
    Assertion,
    Both,
    Nothing,
}

pub const EVERYWHERE: [Signs; 3] = [Signs::Response, Signs::Assertion, Signs::Both];

/// A response before it is written; every field is a knob. Text fields go into the XML as they are.
#[derive(Clone)]
pub struct Message {
    pub signer: Signer,
    pub signs: Signs,
    pub encryption: Option<Encryption>,
    pub response_id: String,
    pub response_version: String,
    pub issue_instant: String,
    pub destination: Option<String>,
    pub in_response_to: Option<String>,
    pub response_issuer: Option<String>,
    /// What stands in `Status`.
    pub status: String,
    pub assertion_id: String,
    pub assertion_issuer: Option<String>,
    pub name_id: String,
    pub name_id_format: Option<String>,
    pub method: String,
    /// More attributes of `SubjectConfirmationData`; `None` leaves the element out.
    pub confirmation: Option<Vec<(&'static str, String)>>,
    pub recipient: Option<String>,
    pub subject_in_response_to: Option<String>,
    pub subject_not_on_or_after: Option<String>,
    /// The whole `Conditions`, if not made of the fields below.
    pub conditions: Option<String>,
    pub not_before: Option<String>,
    pub not_on_or_after: Option<String>,
    /// Restrictions, each with its audiences.
    pub audiences: Vec<Vec<String>>,
    pub more_conditions: String,
    /// What follows the `AuthnStatement`; `None` leaves it out.
    pub authn: Option<String>,
    pub authn_instant: String,
    pub session_index: Option<String>,
    pub session_not_on_or_after: Option<String>,
    pub attributes: Vec<(String, Vec<String>)>,
    /// What follows the assertion in the response.
    pub more: String,
    /// Changes the assertion before it is signed.
    pub assertion: Option<Edit>,
    /// Changes the response, its assertion finished, before it is signed.
    pub response: Option<Edit>,
    /// Changes the signed assertion before it is encrypted or put into the response.
    pub sealed: Option<Edit>,
}

fn optional(name: &str, value: &Option<String>) -> String {
    value.as_ref().map_or(String::new(), |v| format!(" {name}=\"{v}\""))
}

impl Message {
    /// The XML, signed and encrypted as the knobs say.
    pub fn build(&self) -> String {
        let inner = self.finished_assertion();
        let inner = match &self.encryption {
            Some(encryption) => encryption.encrypt(&inner),
            None => inner,
        };
        self.finish(&inner)
    }

    /// The assertion, signed if it is to be.
    pub fn finished_assertion(&self) -> String {
        let assertion = apply(&self.assertion, self.bare_assertion());
        let assertion = match self.signs {
            Signs::Assertion | Signs::Both => self.signer.sign(&assertion, &self.assertion_id),
            _ => unsigned(&assertion),
        };
        apply(&self.sealed, assertion)
    }

    /// The response around `inner`, signed if it is to be.
    pub fn finish(&self, inner: &str) -> String {
        let response = apply(&self.response, self.bare_response(inner));
        match self.signs {
            Signs::Response | Signs::Both => self.signer.sign(&response, &self.response_id),
            _ => unsigned(&response),
        }
    }

    /// The assertion with a mark where its signature goes.
    pub fn bare_assertion(&self) -> String {
        let issuer = self.assertion_issuer.as_ref().map_or(String::new(), |i| format!("<saml:Issuer>{i}</saml:Issuer>"));
        format!(
            "<saml:Assertion xmlns:saml=\"{SAML}\" ID=\"{id}\" IssueInstant=\"{}\" Version=\"2.0\">{issuer}{{{{{id}}}}}{}{}{}{}</saml:Assertion>",
            self.issue_instant,
            self.subject(),
            self.conditions(),
            self.authn_statement(),
            self.attribute_statement(),
            id = self.assertion_id,
        )
    }

    /// The response around `inner` with a mark where its signature goes.
    pub fn bare_response(&self, inner: &str) -> String {
        let issuer = self.response_issuer.as_ref();
        let issuer = issuer.map_or(String::new(), |i| format!("<saml:Issuer xmlns:saml=\"{SAML}\">{i}</saml:Issuer>"));
        format!(
            "<samlp:Response xmlns:samlp=\"{SAMLP}\"{} ID=\"{id}\"{} IssueInstant=\"{}\" Version=\"{}\">{issuer}{{{{{id}}}}}\
             <samlp:Status>{}</samlp:Status>{inner}{}</samlp:Response>",
            optional("Destination", &self.destination),
            optional("InResponseTo", &self.in_response_to),
            self.issue_instant,
            self.response_version,
            self.status,
            self.more,
            id = self.response_id,
        )
    }

    pub fn subject(&self) -> String {
        let mut data = String::new();
        if let Some(more) = &self.confirmation {
            let more: String = more.iter().map(|(n, v)| format!(" {n}=\"{v}\"")).collect();
            data = format!(
                "<saml:SubjectConfirmationData{}{}{}{more}></saml:SubjectConfirmationData>",
                optional("InResponseTo", &self.subject_in_response_to),
                optional("NotOnOrAfter", &self.subject_not_on_or_after),
                optional("Recipient", &self.recipient),
            );
        }
        format!(
            "<saml:Subject><saml:NameID{}>{}</saml:NameID><saml:SubjectConfirmation Method=\"{}\">{data}</saml:SubjectConfirmation></saml:Subject>",
            optional("Format", &self.name_id_format),
            self.name_id,
            self.method,
        )
    }

    fn conditions(&self) -> String {
        if let Some(conditions) = &self.conditions {
            return conditions.clone();
        }
        let restriction = |audiences: &Vec<String>| {
            let audiences: String = audiences.iter().map(|a| format!("<saml:Audience>{a}</saml:Audience>")).collect();
            format!("<saml:AudienceRestriction>{audiences}</saml:AudienceRestriction>")
        };
        format!(
            "<saml:Conditions{}{}>{}{}</saml:Conditions>",
            optional("NotBefore", &self.not_before),
            optional("NotOnOrAfter", &self.not_on_or_after),
            self.audiences.iter().map(restriction).collect::<String>(),
            self.more_conditions,
        )
    }

    fn authn_statement(&self) -> String {
        let Some(after) = &self.authn else { return String::new() };
        format!(
            "<saml:AuthnStatement AuthnInstant=\"{}\"{}{}><saml:AuthnContext><saml:AuthnContextClassRef>\
             urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport</saml:AuthnContextClassRef></saml:AuthnContext>\
             </saml:AuthnStatement>{after}",
            self.authn_instant,
            optional("SessionIndex", &self.session_index),
            optional("SessionNotOnOrAfter", &self.session_not_on_or_after),
        )
    }

    fn attribute_statement(&self) -> String {
        let attribute = |(name, values): &(String, Vec<String>)| {
            let values: String = values.iter().map(|v| format!("<saml:AttributeValue>{v}</saml:AttributeValue>")).collect();
            format!("<saml:Attribute Name=\"{name}\">{values}</saml:Attribute>")
        };
        let all: String = self.attributes.iter().map(attribute).collect();
        if all.is_empty() { all } else { format!("<saml:AttributeStatement>{all}</saml:AttributeStatement>") }
    }

    /// Replaces an attribute's values.
    pub fn attribute(&mut self, name: &str, values: &[&str]) {
        self.attributes.retain(|(n, _)| n != name);
        self.attributes.push((name.to_owned(), values.iter().map(|v| (*v).to_owned()).collect()));
    }

    /// Makes it about somebody else.
    pub fn about(&mut self, email: &str) {
        self.name_id = email.to_owned();
        self.attribute("email", &[email]);
    }
}

/// As it travels in a form.
pub fn encoded(xml: &str) -> String {
    STANDARD.encode(xml)
}
