//! What an operator says about a foreign token issuer: the stored settings and their defaults.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::claim_rules::ClaimRule;

/// Seconds that fetched keys are good for when the settings name nothing.
pub const CACHE_MAX_AGE: i64 = 86_400;
/// Seconds that clocks may be apart when the settings name nothing.
pub const CLOCK_TOLERANCE: i64 = 60;

/// Which of the principals that a token matches it acts as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Matching {
    /// The one with the most matching claims; of equals the one made first.
    #[default]
    Best,
    /// All of them; the best gives the name.
    All,
}

/// How we prove to an introspection endpoint who we are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IntrospectionAuth {
    /// Id and secret in the `Authorization` header.
    #[default]
    ClientSecretBasic,
    /// Id and secret in the body.
    ClientSecretPost,
    /// The secret as a bearer token.
    Bearer,
    /// Nothing.
    None,
}

/// The body of an introspection request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IntrospectionContent {
    /// `application/x-www-form-urlencoded`, as RFC 7662 has it.
    #[default]
    Form,
    /// `application/json`.
    Json,
}

/// Where tokens of an issuer are asked about (RFC 7662).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Introspection {
    /// The endpoint.
    pub endpoint: String,
    /// Our id there.
    pub client_id: Option<String>,
    /// How we prove it.
    pub auth: IntrospectionAuth,
    /// The body.
    pub content: IntrospectionContent,
    /// Seconds that a good answer may be kept, never beyond the token's `exp`; 0: each request asks anew.
    pub cache_max_age: i64,
}

/// An OAuth client of ours at the issuer, with which a service that has no sign-in of its own signs browsers in there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct OauthClient {
    /// Our id there.
    pub client_id: String,
    /// Where browsers are sent.
    pub authorization_endpoint: String,
    /// Where codes are redeemed.
    pub token_endpoint: String,
    /// What is asked for.
    pub scopes: Vec<String>,
}

/// The settings of a trusted issuer, as stored. Keys come from `jwks`, else from `jwks_uri`, else from the discovery
/// document of `issuer`; with `introspection` no key is needed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct IssuerSettings {
    /// `iss`, byte for byte; `None`: anyone, because the operator has said `any`.
    pub issuer: Option<String>,
    /// One of these must be in `aud`; empty: anyone, because the operator has said `any`.
    pub audience: Vec<String>,
    /// Where its keys are.
    pub jwks_uri: Option<String>,
    /// Its keys.
    pub jwks: Option<Value>,
    /// Where its tokens are asked about.
    pub introspection: Option<Introspection>,
    /// Algorithms that may have signed; empty: the asymmetric ones (`policy::connection::DEFAULT_ALGS`).
    pub algorithms: Vec<String>,
    /// Claims that must be there, by name or path.
    pub required_claims: Vec<String>,
    /// What claims must be.
    pub claim_values: Vec<ClaimRule>,
    /// The claim that names the subject; a token without it is not valid.
    pub unique_id_claim: String,
    /// The claim with the e-mail address, which need not be there.
    pub email_claim: String,
    /// Which principals a token acts as.
    pub matching: Matching,
    /// Seconds that clocks may be apart.
    pub clock_tolerance: i64,
    /// Seconds that fetched keys are good for at most.
    pub cache_max_age: i64,
    /// Largest age of a token by `iat`, in seconds.
    pub max_token_age: Option<i64>,
    /// The header that carries the token to the services behind forward auth, when it is not `Authorization`.
    pub header_key: Option<String>,
    /// For services that sign browsers in at the issuer.
    pub oauth_client: Option<OauthClient>,
}

impl Default for IssuerSettings {
    fn default() -> Self {
        Self {
            issuer: None,
            audience: Vec::new(),
            jwks_uri: None,
            jwks: None,
            introspection: None,
            algorithms: Vec::new(),
            required_claims: Vec::new(),
            claim_values: Vec::new(),
            unique_id_claim: "sub".to_owned(),
            email_claim: "email".to_owned(),
            matching: Matching::Best,
            clock_tolerance: CLOCK_TOLERANCE,
            cache_max_age: CACHE_MAX_AGE,
            max_token_age: None,
            header_key: None,
            oauth_client: None,
        }
    }
}

/// What we prove ourselves with to an issuer; stored sealed.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct IssuerSecrets {
    /// To its introspection endpoint.
    pub introspection: Option<String>,
    /// To its token endpoint.
    pub oauth_client: Option<String>,
}

impl std::fmt::Debug for IssuerSecrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("IssuerSecrets(…)")
    }
}
