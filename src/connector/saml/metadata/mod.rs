//! What a provider's metadata says (SAML Metadata §2), and what is wrong with it.
//!
//! `document` reads a document into a [`Provider`]; `certificate` judges the certificates in it, and those that an
//! operator writes down; `period` reads how long it may be kept; `change` says what differs between what was accepted and what came
//! later, and whether a key vouches for it.

pub mod certificate;
pub mod change;
mod document;
mod period;
#[cfg(test)]
mod tests;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};

pub use self::{
    certificate::{Certificate, certificate},
    document::read,
};
use crate::policy::saml::Binding;

/// Where a provider takes messages of one kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// How.
    pub binding: Binding,
    /// Where.
    pub location: String,
    /// Where answers go, if elsewhere (single logout).
    pub response_location: Option<String>,
}

/// A SAML identity provider: read from metadata or put together from settings. It has at least one certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provider {
    /// The entity id, byte for byte.
    pub entity_id: String,
    /// Where sign-in requests go; empty when sign-ins can only begin at the provider.
    pub sso: Vec<Endpoint>,
    /// Where logout messages go; may be empty.
    pub slo: Vec<Endpoint>,
    /// The signing certificates in base64 DER; any of them may have signed.
    pub certificates: Vec<String>,
    /// Whether it asks for signed requests.
    pub wants_signed_requests: bool,
    /// Until when the document may be used (unix seconds), if it says so.
    pub valid_until: Option<i64>,
    /// For how many seconds it asks to be kept, if it does.
    pub cache_duration: Option<i64>,
}

impl Provider {
    /// The signing certificates with what can be said of them; one that cannot be read is left out.
    #[must_use]
    pub fn signers(&self) -> Vec<Certificate> {
        let ders = self.certificates.iter().filter_map(|text| STANDARD.decode(text).ok());
        ders.filter_map(|der| Certificate::read(&der).ok()).collect()
    }

    /// What it says but for how long it may be kept, which providers say anew each time.
    #[must_use]
    pub fn substance(&self) -> Self {
        Self { valid_until: None, cache_duration: None, ..self.clone() }
    }

    /// Whether the document may still be used.
    #[must_use]
    pub fn is_valid(&self, now: i64) -> bool {
        self.valid_until.is_none_or(|until| now < until)
    }
}
