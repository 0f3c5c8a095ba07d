//! What a provider's metadata says (SAML Metadata §2.4.3), and what is wrong with it.

use serde::{Deserialize, Serialize};

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
