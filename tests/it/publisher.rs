//! A SAML provider's metadata at a URL: what it says, and whether it answers, is turned by the test.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use axum::{Router, extract::State, http::StatusCode};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use samael::crypto::{Crypto, CryptoProvider as _};

/// A signing key of the provider.
pub struct Signer(rcgen::KeyPair);

impl Signer {
    pub fn new() -> Self {
        Self(rcgen::KeyPair::generate().unwrap())
    }

    /// A certificate over the key that ends with `year`, in base64; each one is another.
    pub fn certificate(&self, year: i32) -> String {
        let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(rcgen::DnType::CommonName, "Synthetic Signing");
        params.not_after = rcgen::date_time_ymd(year, 12, 31);
        STANDARD.encode(params.self_signed(&self.0).unwrap().der())
    }
}

impl Signer {
    /// The document with its signature, over the element `id`.
    pub fn sign(&self, document: &Document, id: &str) -> String {
        let exclusive = "http://www.w3.org/2001/10/xml-exc-c14n#";
        let template = format!(
            "<ds:Signature xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"><ds:SignedInfo><ds:CanonicalizationMethod \
             Algorithm=\"{exclusive}\"/><ds:SignatureMethod Algorithm=\"http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256\"/>\
             <ds:Reference URI=\"#{id}\"><ds:Transforms>\
             <ds:Transform Algorithm=\"http://www.w3.org/2000/09/xmldsig#enveloped-signature\"/>\
             <ds:Transform Algorithm=\"{exclusive}\"/></ds:Transforms><ds:DigestMethod \
             Algorithm=\"http://www.w3.org/2001/04/xmlenc#sha256\"/><ds:DigestValue/></ds:Reference></ds:SignedInfo>\
             <ds:SignatureValue/></ds:Signature>"
        );
        let xml = document.xml().replace("<IDPSSODescriptor", &format!("{template}<IDPSSODescriptor"));
        Crypto::sign_xml(&xml, &self.0.serialize_der()).unwrap()
    }
}

/// A metadata document.
#[derive(Clone)]
pub struct Document {
    pub entity_id: String,
    pub certificates: Vec<String>,
    /// Further attributes of the EntityDescriptor.
    pub attributes: String,
    pub sso: String,
}

impl Document {
    pub fn of(certificates: &[&str]) -> Self {
        Self {
            entity_id: "https://idp.example/entity".into(),
            certificates: certificates.iter().map(|c| (*c).to_owned()).collect(),
            attributes: String::new(),
            sso: "https://idp.example/sso".into(),
        }
    }

    pub fn xml(&self) -> String {
        let key = |certificate: &String| {
            format!(
                "<KeyDescriptor use=\"signing\"><KeyInfo xmlns=\"http://www.w3.org/2000/09/xmldsig#\"><X509Data><X509Certificate>{certificate}</X509Certificate></X509Data></KeyInfo></KeyDescriptor>"
            )
        };
        format!(
            "<?xml version=\"1.0\"?>\n<EntityDescriptor xmlns=\"urn:oasis:names:tc:SAML:2.0:metadata\" entityID=\"{}\" {}>\
             <IDPSSODescriptor protocolSupportEnumeration=\"urn:oasis:names:tc:SAML:2.0:protocol\">{}\
             <SingleSignOnService Binding=\"urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect\" Location=\"{}\"/>\
             </IDPSSODescriptor></EntityDescriptor>",
            self.entity_id,
            self.attributes,
            self.certificates.iter().map(key).collect::<String>(),
            self.sso,
        )
    }
}

struct Inner {
    url: String,
    answer: Mutex<(StatusCode, String)>,
    seen: AtomicUsize,
}

/// Where it is published. Clones are the same one.
#[derive(Clone)]
pub struct Publisher(Arc<Inner>);

impl Publisher {
    pub async fn start(document: &Document) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let publisher = Self(Arc::new(Inner {
            url: format!("http://{}/metadata", listener.local_addr().unwrap()),
            answer: Mutex::new((StatusCode::OK, document.xml())),
            seen: AtomicUsize::new(0),
        }));
        let router = Router::new().fallback(serve).with_state(publisher.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        publisher
    }

    pub fn url(&self) -> &str {
        &self.0.url
    }

    pub fn publish(&self, document: &Document) {
        self.say(&document.xml());
    }

    pub fn say(&self, text: &str) {
        *self.0.answer.lock().unwrap() = (StatusCode::OK, text.to_owned());
    }

    pub fn fall_down(&self) {
        *self.0.answer.lock().unwrap() = (StatusCode::SERVICE_UNAVAILABLE, "secret-of-the-page".to_owned());
    }

    /// Requests so far.
    pub fn seen(&self) -> usize {
        self.0.seen.load(Ordering::SeqCst)
    }
}

async fn serve(State(publisher): State<Publisher>) -> (StatusCode, String) {
    publisher.0.seen.fetch_add(1, Ordering::SeqCst);
    publisher.0.answer.lock().unwrap().clone()
}
