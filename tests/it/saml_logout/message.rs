//! Logout messages as a provider writes them, and ours as it reads them.

use std::io::{Read as _, Write as _};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use libxml::{parser::Parser, tree::Node};
use samael::crypto::{AllowedSignatureAlgorithm, Crypto, CryptoProvider as _, ReduceMode};

use crate::{
    browser::{Answer, Browser},
    saml::{
        dsig::{Signer, unsigned},
        provider::{Provider, SAML, SAMLP, SUCCESS, moment, new_id},
        request::html,
    },
};

/// How a message travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Redirect,
    Post,
}

pub const WAYS: [Way; 2] = [Way::Redirect, Way::Post];

/// A LogoutRequest before it is written; every field is a knob. Text goes into the XML as it is.
#[derive(Clone)]
pub struct Demand {
    pub signer: Signer,
    pub id: String,
    pub version: String,
    pub issue_instant: String,
    pub not_on_or_after: Option<String>,
    pub destination: Option<String>,
    pub issuer: String,
    pub name_id: String,
    pub indexes: Vec<String>,
    pub relay_state: Option<String>,
    /// Where it is sent.
    pub to: String,
}

impl Demand {
    pub fn new(idp: &Provider, at: &str, subject: &str, now: i64) -> Self {
        Self {
            signer: idp.signer.clone(),
            id: new_id(),
            version: "2.0".into(),
            issue_instant: moment(now),
            not_on_or_after: Some(moment(now + 300)),
            destination: Some(at.to_owned()),
            issuer: idp.entity_id.clone(),
            name_id: format!("<saml:NameID>{subject}</saml:NameID>"),
            indexes: Vec::new(),
            relay_state: Some("provider's \"><script>".into()),
            to: at.to_owned(),
        }
    }

    pub fn naming(mut self, indexes: &[&str]) -> Self {
        self.indexes = indexes.iter().map(|i| (*i).to_owned()).collect();
        self
    }

    /// With a mark where a signature goes.
    pub fn bare(&self) -> String {
        let optional = |name: &str, value: &Option<String>| value.as_ref().map_or(String::new(), |v| format!(" {name}=\"{v}\""));
        let indexes: String = self.indexes.iter().map(|i| format!("<samlp:SessionIndex>{i}</samlp:SessionIndex>")).collect();
        format!(
            "<samlp:LogoutRequest xmlns:samlp=\"{SAMLP}\" xmlns:saml=\"{SAML}\" ID=\"{id}\" Version=\"{}\" IssueInstant=\"{}\"{}{}>\
             <saml:Issuer>{}</saml:Issuer>{{{{{id}}}}}{}{indexes}</samlp:LogoutRequest>",
            self.version,
            self.issue_instant,
            optional("NotOnOrAfter", &self.not_on_or_after),
            optional("Destination", &self.destination),
            self.issuer,
            self.name_id,
            id = self.id,
        )
    }

    pub async fn send(&self, browser: &mut Browser, way: Way) -> Answer {
        match way {
            Way::Redirect => {
                let query = query("SAMLRequest", &unsigned(&self.bare()), self.relay_state.as_deref(), Some(&self.signer));
                browser.get(&format!("{}?{query}", self.to)).await
            }
            Way::Post => self.post(browser, &self.signer.sign(&self.bare(), &self.id)).await,
        }
    }

    /// Some other text in its place.
    pub async fn post(&self, browser: &mut Browser, xml: &str) -> Answer {
        post(browser, &self.to, "SAMLRequest", xml, self.relay_state.as_deref()).await
    }
}

pub async fn post(browser: &mut Browser, to: &str, name: &str, xml: &str, relay_state: Option<&str>) -> Answer {
    let xml = STANDARD.encode(xml);
    let form: Vec<(&str, &str)> = [(name, xml.as_str())].into_iter().chain(relay_state.map(|s| ("RelayState", s))).collect();
    browser.post(to, &form).await
}

/// A message in a query, signed if there is somebody to sign.
pub fn query(name: &str, xml: &str, relay_state: Option<&str>, signer: Option<&Signer>) -> String {
    let mut deflated = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
    deflated.write_all(xml.as_bytes()).unwrap();
    let mut query = format!("{name}={}", percent(&STANDARD.encode(deflated.finish().unwrap())));
    if let Some(state) = relay_state {
        query += &format!("&RelayState={}", percent(state));
    }
    let Some(signer) = signer else { return query };
    query += &format!("&SigAlg={}", percent("http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"));
    let signature = STANDARD.encode(signer.raw(query.as_bytes()));
    format!("{query}&Signature={}", percent(&signature))
}

/// Lower case, as .NET writes it: only the octets as sent may be verified.
fn percent(value: &str) -> String {
    let escape = |b: u8| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02x}") };
    value.bytes().map(escape).collect()
}

/// A message of ours, its signature verified with our certificate.
#[derive(Clone, Debug)]
pub struct Ours {
    pub to: String,
    pub xml: String,
    pub relay_state: Option<String>,
    /// The root's local name.
    pub name: String,
    pub id: String,
    pub in_response_to: Option<String>,
    pub destination: Option<String>,
    /// Local names and texts of what is inside.
    pub inside: Vec<(String, String)>,
    /// The NameID's format.
    pub format: Option<String>,
    /// The value of the first StatusCode.
    pub status: Option<String>,
}

impl Ours {
    /// From where a browser was sent, by a redirect or by a page with a form.
    pub fn of(answer: &Answer, field: &str, certificate: &[u8]) -> Self {
        if let Some(location) = answer.location() {
            let url = url::Url::parse(location).unwrap();
            let parameter = |name: &str| url.query_pairs().find(|(n, _)| n == name).map(|(_, v)| v.into_owned());
            let deflated = STANDARD.decode(parameter(field).unwrap_or_else(|| panic!("no {field} in {location}"))).unwrap();
            let mut xml = String::new();
            flate2::read::DeflateDecoder::new(deflated.as_slice()).read_to_string(&mut xml).unwrap();
            let query = url.query().unwrap();
            let (signed, signature) = query.split_once("&Signature=").expect("a signature, which comes last");
            let signature: String = url::form_urlencoded::parse(signature.as_bytes()).map(|(n, _)| n.into_owned()).collect();
            let key = openssl::x509::X509::from_der(certificate).unwrap().public_key().unwrap();
            let mut verifier = openssl::sign::Verifier::new(openssl::hash::MessageDigest::sha256(), &key).unwrap();
            let signed = &signed[signed.find(field).unwrap()..];
            assert!(verifier.verify_oneshot(&STANDARD.decode(signature.replace(' ', "+")).unwrap(), signed.as_bytes()).unwrap());
            let to = location.split(&format!("{field}=")).next().unwrap().trim_end_matches(['?', '&']).to_owned();
            return Self::read(to, xml, parameter("RelayState"));
        }
        assert_eq!(answer.status, 200, "no message: {}", answer.body);
        let action = html(answer.body.split_once("action=\"").expect("a form").1.split_once('"').unwrap().0);
        let xml = STANDARD.decode(html(&answer.field(field).unwrap_or_else(|| panic!("no {field} in {}", answer.body)))).unwrap();
        let xml = String::from_utf8(xml).unwrap();
        let allowed = [AllowedSignatureAlgorithm::RsaSha256];
        let certificates = [certificate.to_vec().into()];
        Crypto::reduce_xml_to_signed_with_allowed_algorithms(&xml, &certificates, ReduceMode::PreDigest, Some(&allowed)).unwrap();
        Self::read(action, xml, answer.field("RelayState").map(|s| html(&s)))
    }

    fn read(to: String, xml: String, relay_state: Option<String>) -> Self {
        let document = Parser::default().parse_string(&xml).unwrap();
        let root = document.get_root_element().unwrap();
        let children = root.get_child_elements();
        let find = |name: &str| children.iter().find(|e| e.get_name() == name);
        let code = |status: &Node| status.get_child_elements()[0].get_attribute("Value");
        Self {
            to,
            relay_state,
            name: root.get_name(),
            id: root.get_attribute("ID").unwrap(),
            in_response_to: root.get_attribute("InResponseTo"),
            destination: root.get_attribute("Destination"),
            inside: children.iter().filter(|e| e.get_name() != "Signature").map(|e| (e.get_name(), e.get_content())).collect(),
            format: find("NameID").and_then(|n| n.get_attribute("Format")),
            status: find("Status").and_then(code),
            xml,
        }
    }

    pub fn text(&self, name: &str) -> Option<&str> {
        self.inside.iter().find(|(n, _)| n == name).map(|(_, text)| text.as_str())
    }
}

/// The provider's LogoutResponse before it is written.
#[derive(Clone)]
pub struct Reply {
    pub signer: Signer,
    pub id: String,
    pub issuer: String,
    pub destination: Option<String>,
    pub in_response_to: Option<String>,
    pub status: String,
    pub relay_state: Option<String>,
    pub to: String,
    pub now: i64,
}

impl Reply {
    /// The honest answer to a request of ours.
    pub fn to(idp: &Provider, at: &str, request: &Ours, now: i64) -> Self {
        Self {
            signer: idp.signer.clone(),
            id: new_id(),
            issuer: idp.entity_id.clone(),
            destination: Some(at.to_owned()),
            in_response_to: Some(request.id.clone()),
            status: format!("<samlp:StatusCode Value=\"{SUCCESS}\"></samlp:StatusCode>"),
            relay_state: request.relay_state.clone(),
            to: at.to_owned(),
            now,
        }
    }

    pub fn bare(&self) -> String {
        let optional = |name: &str, value: &Option<String>| value.as_ref().map_or(String::new(), |v| format!(" {name}=\"{v}\""));
        format!(
            "<samlp:LogoutResponse xmlns:samlp=\"{SAMLP}\" xmlns:saml=\"{SAML}\" ID=\"{id}\" Version=\"2.0\" IssueInstant=\"{}\"{}{}>\
             <saml:Issuer>{}</saml:Issuer>{{{{{id}}}}}<samlp:Status>{}</samlp:Status></samlp:LogoutResponse>",
            moment(self.now),
            optional("Destination", &self.destination),
            optional("InResponseTo", &self.in_response_to),
            self.issuer,
            self.status,
            id = self.id,
        )
    }

    pub async fn send(&self, browser: &mut Browser, way: Way) -> Answer {
        match way {
            Way::Redirect => {
                let query = query("SAMLResponse", &unsigned(&self.bare()), self.relay_state.as_deref(), Some(&self.signer));
                browser.get(&format!("{}?{query}", self.to)).await
            }
            Way::Post => self.post(browser, &self.signer.sign(&self.bare(), &self.id)).await,
        }
    }

    pub async fn post(&self, browser: &mut Browser, xml: &str) -> Answer {
        post(browser, &self.to, "SAMLResponse", xml, self.relay_state.as_deref()).await
    }
}
