//! Our AuthnRequest as a provider reads it.

use std::io::Read as _;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use libxml::parser::Parser;
use url::Url;

use crate::browser::Answer;

/// How it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Redirect,
    Post,
}

/// What a provider needs of a request, to answer it.
#[derive(Clone, Debug)]
pub struct AuthnRequest {
    pub way: Way,
    /// Where it was sent.
    pub to: String,
    pub xml: String,
    pub relay_state: Option<String>,
    pub id: String,
    pub issuer: String,
    pub acs: String,
    pub destination: Option<String>,
    pub force: bool,
}

impl AuthnRequest {
    /// From where a browser was sent: by a redirect, or by a page with a form.
    pub fn of(departure: &Answer) -> Self {
        if let Some(location) = departure.location() {
            return Self::redirected(location);
        }
        assert_eq!(departure.status, 200, "no departure: {}", departure.body);
        let (_, action) = departure.body.split_once("action=\"").expect("a form");
        let action = html(action.split_once('"').unwrap().0);
        let xml = departure.field("SAMLRequest").unwrap_or_else(|| panic!("no request in {}", departure.body));
        let xml = String::from_utf8(STANDARD.decode(html(&xml)).unwrap()).unwrap();
        Self::read(Way::Post, &action, xml, departure.field("RelayState").map(|s| html(&s)))
    }

    pub fn redirected(location: &str) -> Self {
        let url = Url::parse(location).unwrap();
        let parameter = |name: &str| url.query_pairs().find(|(n, _)| n == name).map(|(_, v)| v.into_owned());
        let deflated = parameter("SAMLRequest").unwrap_or_else(|| panic!("no request in {location}"));
        let deflated = STANDARD.decode(deflated).unwrap();
        let mut xml = String::new();
        flate2::read::DeflateDecoder::new(deflated.as_slice()).read_to_string(&mut xml).unwrap();
        Self::read(Way::Redirect, location, xml, parameter("RelayState"))
    }

    fn read(way: Way, to: &str, xml: String, relay_state: Option<String>) -> Self {
        let document = Parser::default().parse_string(&xml).unwrap();
        let root = document.get_root_element().unwrap();
        assert_eq!(root.get_name(), "AuthnRequest", "{xml}");
        let attribute = |name: &str| root.get_attribute(name);
        let issuer = root.get_child_elements().into_iter().find(|e| e.get_name() == "Issuer").unwrap();
        Self {
            way,
            to: to.to_owned(),
            relay_state,
            id: attribute("ID").unwrap(),
            issuer: issuer.get_content(),
            acs: attribute("AssertionConsumerServiceURL").unwrap_or_else(|| panic!("no ACS in {xml}")),
            destination: attribute("Destination"),
            force: attribute("ForceAuthn").as_deref() == Some("true"),
            xml,
        }
    }
}

/// Text as a browser reads it from a page.
pub fn html(text: &str) -> String {
    let text = text.replace("&#60;", "<").replace("&#62;", ">").replace("&#34;", "\"").replace("&#39;", "'");
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&#38;", "&").replace("&amp;", "&")
}
