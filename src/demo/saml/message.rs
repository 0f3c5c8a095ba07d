//! What the development SAML identity provider reads and writes, with the connector's own means.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use url::Url;

use super::{SIGN_OFF, SIGN_ON};
use crate::{
    connector::{
        Error,
        saml::{
            credentials::Credential,
            names, redirect,
            redirect::Kind,
            sign,
            write::{self, Out},
            xml,
        },
    },
    demo::page::Person,
    policy::cause::Cause,
    secret,
};

/// Seconds that an answer is good for.
const LIFETIME: i64 = 300;
const PASSWORD: &str = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport";

/// The provider's name, which is the address of its metadata.
pub fn entity_id(url: &str) -> String {
    format!("{url}{}", super::METADATA)
}

/// A request of gatehouse's, to sign somebody in or off.
pub struct Asked {
    pub id: String,
    pub issuer: String,
    pub relay_state: Option<String>,
}

/// Reads a request whose signature one of `certificates` made. Blocks.
pub fn read(query: &str, certificates: &[Vec<u8>]) -> Result<Asked, Error> {
    let decoded = redirect::decode(query, certificates, false)?;
    let wrong = |cause: &str| Error::Untrusted(Cause::SamlForm.with(format!("the request {cause}")));
    let request = xml::parse(&decoded.xml).map_err(|e| wrong(&e.to_string()))?;
    let issuer = request.only(names::SAML, "Issuer").ok().flatten().and_then(|issuer| issuer.text().ok());
    Ok(Asked {
        id: request.attribute("ID").ok_or_else(|| wrong("has no id"))?.to_owned(),
        issuer: issuer.ok_or_else(|| wrong("names no issuer"))?,
        relay_state: decoded.relay_state,
    })
}

/// Who somebody is, for gatehouse.
pub struct Answer {
    pub issuer: String,
    pub audience: String,
    pub callback: String,
    pub request: String,
    pub person: &'static Person<'static>,
    pub now: i64,
}

impl Answer {
    /// The response, signed and in base64. Blocks.
    pub fn signed(&self, credential: &Credential) -> Result<String, Error> {
        let id = write::fresh_id();
        let status = Out::new("samlp:Status").child(Out::new("samlp:StatusCode").attribute("Value", names::SUCCESS));
        let response = head("samlp:Response", &id, self.now)
            .attribute("InResponseTo", &self.request)
            .attribute("Destination", &self.callback)
            .child(Out::new("saml:Issuer").text(&self.issuer))
            .children([status, self.assertion()]);
        Ok(STANDARD.encode(sign::enveloped(&response.to_xml(), &id, credential)?))
    }

    fn assertion(&self) -> Out {
        let (now, until) = (write::instant(self.now), write::instant(self.now + LIFETIME));
        // Stands for the id that a real provider has: the same at each sign-in, another at each service provider.
        let subject = secret::digest(&format!("{} {}", self.person.email, self.audience));
        let confirmation = Out::new("saml:SubjectConfirmationData")
            .attribute("InResponseTo", &self.request)
            .attribute("Recipient", &self.callback)
            .attribute("NotOnOrAfter", &until);
        let subject = Out::new("saml:Subject")
            .child(Out::new("saml:NameID").attribute("Format", names::PERSISTENT).text(subject))
            .child(Out::new("saml:SubjectConfirmation").attribute("Method", names::BEARER).child(confirmation));
        let audience = Out::new("saml:AudienceRestriction").child(Out::new("saml:Audience").text(&self.audience));
        let conditions =
            Out::new("saml:Conditions").attribute("NotBefore", &now).attribute("NotOnOrAfter", until).child(audience);
        let context = Out::new("saml:AuthnContext").child(Out::new("saml:AuthnContextClassRef").text(PASSWORD));
        let authentication = Out::new("saml:AuthnStatement")
            .attribute("AuthnInstant", &now)
            .attribute("SessionIndex", write::fresh_id())
            .child(context);
        let attribute = |(name, value): (&str, &str)| {
            Out::new("saml:Attribute").attribute("Name", name).child(Out::new("saml:AttributeValue").text(value))
        };
        let (given, family) = self.person.name;
        let attributes = [("email", self.person.email), ("firstName", given), ("lastName", family)].map(attribute);
        Out::new("saml:Assertion")
            .attribute("ID", write::fresh_id())
            .attribute("Version", "2.0")
            .attribute("IssueInstant", now)
            .child(Out::new("saml:Issuer").text(&self.issuer))
            .children([subject, conditions, authentication, Out::new("saml:AttributeStatement").children(attributes)])
    }
}

/// The address that takes a good-bye back to gatehouse, at `to`. Blocks.
pub fn goodbye(asked: &Asked, issuer: &str, to: &str, credential: &Credential, now: i64) -> Result<Url, Error> {
    let answer = head("samlp:LogoutResponse", &write::fresh_id(), now)
        .attribute("InResponseTo", &asked.id)
        .attribute("Destination", to)
        .child(Out::new("saml:Issuer").text(issuer))
        .child(Out::new("samlp:Status").child(Out::new("samlp:StatusCode").attribute("Value", names::SUCCESS)));
    redirect::encode(to, Kind::Response, &answer.to_xml(), asked.relay_state.as_deref(), Some(credential))
}

/// The provider's metadata; `url` is its public URL.
pub fn metadata(url: &str, certificates: &[&[u8]]) -> String {
    let keys = certificates.iter().map(|der| Out::new("md:KeyDescriptor").attribute("use", "signing").child(sign::key_info(der)));
    let service = |name, path| Out::new(name).attribute("Binding", names::REDIRECT).attribute("Location", format!("{url}{path}"));
    let role = Out::new("md:IDPSSODescriptor")
        .attribute("protocolSupportEnumeration", names::SAMLP)
        .attribute("WantAuthnRequestsSigned", "true")
        .children(keys)
        .child(service("md:SingleLogoutService", SIGN_OFF))
        .child(Out::new("md:NameIDFormat").text(names::PERSISTENT))
        .child(service("md:SingleSignOnService", SIGN_ON));
    Out::new("md:EntityDescriptor")
        .attribute("xmlns:md", names::MD)
        .attribute("xmlns:ds", names::DS)
        .attribute("entityID", entity_id(url))
        .child(role)
        .to_xml()
}

fn head(name: &'static str, id: &str, now: i64) -> Out {
    Out::new(name)
        .attribute("xmlns:samlp", names::SAMLP)
        .attribute("xmlns:saml", names::SAML)
        .attribute("ID", id)
        .attribute("Version", "2.0")
        .attribute("IssueInstant", write::instant(now))
}
