//! An OAuth client of ours: a control plane, an app, an MCP client.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{protected_resource::admin_api, redirect_uri::RedirectUri, scope::Scopes};

/// A signature algorithm that gatehouse signs with (RFC 7518 §3.1, RFC 8037). Each has its own published key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum SigningAlg {
    /// ECDSA on P-256 with SHA-256.
    ES256,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    RS256,
    /// Ed25519.
    EdDSA,
}

impl SigningAlg {
    /// All of them, in the order they are published.
    pub const ALL: [Self; 3] = [Self::ES256, Self::RS256, Self::EdDSA];

    /// The JOSE name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ES256 => "ES256",
            Self::RS256 => "RS256",
            Self::EdDSA => "EdDSA",
        }
    }

    /// From the JOSE name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|a| a.as_str() == name)
    }
}

/// How a request proves a grant (RFC 6749 §1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GrantType {
    /// A code from the browser.
    AuthorizationCode,
    /// A refresh token.
    RefreshToken,
    /// The client's own secret or key: it acts as its virtual account.
    ClientCredentials,
    /// A trusted issuer's token, to be exchanged for one of ours (RFC 8693).
    #[serde(alias = "urn:ietf:params:oauth:grant-type:token-exchange")]
    TokenExchange,
    /// The same token, presented as an assertion (RFC 7523 §2.1).
    #[serde(alias = "urn:ietf:params:oauth:grant-type:jwt-bearer")]
    JwtBearer,
}

impl GrantType {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::AuthorizationCode, Self::RefreshToken, Self::ClientCredentials, Self::TokenExchange, Self::JwtBearer];

    /// The `grant_type` of a request.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AuthorizationCode => "authorization_code",
            Self::RefreshToken => "refresh_token",
            Self::ClientCredentials => "client_credentials",
            Self::TokenExchange => "urn:ietf:params:oauth:grant-type:token-exchange",
            Self::JwtBearer => "urn:ietf:params:oauth:grant-type:jwt-bearer",
        }
    }

    /// From the `grant_type` of a request.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|g| g.as_str() == name)
    }

    /// Whether it gives a token that acts as a principal instead of a user.
    #[must_use]
    pub fn gives_principal(self) -> bool {
        matches!(self, Self::ClientCredentials | Self::TokenExchange | Self::JwtBearer)
    }
}

/// How a client proves who it is at the token endpoint (OpenID Connect Core §9).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuth {
    /// The secret in the `Authorization` header or in the form: whichever the client sends.
    Secret,
    /// The secret in the `Authorization` header only.
    ClientSecretBasic,
    /// The secret in the form only.
    ClientSecretPost,
    /// A signed assertion (RFC 7523).
    PrivateKeyJwt,
    /// A public client: nothing; PKCE is required.
    None,
}

/// What an operator sets for a client; stored as one JSON text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ClientSettings {
    /// Registered redirect URIs.
    pub redirect_uris: Vec<RedirectUri>,
    /// Where RP-initiated logout may return to; compared byte for byte.
    pub post_logout_redirect_uris: Vec<RedirectUri>,
    /// Where it is told that a sign-in has ended (OpenID Connect Back-Channel Logout 1.0).
    pub backchannel_logout_uri: Option<String>,
    /// It can do nothing with a logout token that names no `sid`.
    pub backchannel_logout_session_required: bool,
    /// Grants this client may use.
    pub grant_types: Vec<GrantType>,
    /// How it authenticates.
    pub auth: ClientAuth,
    /// Inline public keys for `private_key_jwt`.
    pub jwks: Option<Value>,
    /// Where its public keys are published, when not inline.
    pub jwks_uri: Option<String>,
    /// Scopes it may ask for.
    pub scopes: Scopes,
    /// Audiences it may ask for with `resource` (RFC 8707); the first is the default, none means the platform itself.
    pub resources: Vec<String>,
    /// Algorithm of its access and refresh tokens, when not the deployment's.
    pub access_token_alg: Option<SigningAlg>,
    /// Algorithm of its ID tokens, when not the deployment's.
    pub id_token_alg: Option<SigningAlg>,
    /// Seconds an access token lives, when not the tenant's.
    pub access_token_lifetime: Option<i64>,
    /// Seconds a refresh token lives from its issue, when not the tenant's.
    pub refresh_token_lifetime: Option<i64>,
    /// The virtual account of its tenant, by name, that it acts as with `client_credentials`.
    pub virtual_account: Option<String>,
    /// The directory of its tenant, by name, that it pushes for over SCIM with what `client_credentials` give it.
    pub directory: Option<String>,
    /// Whether it gets access tokens for the admin API, with which administrators administer. Whoever signs in at it may be
    /// one of the platform's, so this is the deployment's to say.
    pub admin_api: bool,
}

impl Default for ClientSettings {
    fn default() -> Self {
        Self {
            redirect_uris: Vec::new(),
            post_logout_redirect_uris: Vec::new(),
            backchannel_logout_uri: None,
            backchannel_logout_session_required: false,
            grant_types: vec![GrantType::AuthorizationCode, GrantType::RefreshToken],
            auth: ClientAuth::Secret,
            jwks: None,
            jwks_uri: None,
            scopes: super::scope::STANDARD.into_iter().collect(),
            resources: Vec::new(),
            access_token_alg: None,
            id_token_alg: None,
            access_token_lifetime: None,
            refresh_token_lifetime: None,
            virtual_account: None,
            directory: None,
            admin_api: false,
        }
    }
}

/// A registered client.
#[derive(Clone, Debug)]
pub struct Client {
    /// `client_id`, unique over all tenants.
    pub id: String,
    /// The tenant it belongs to.
    pub tenant_id: String,
    /// What the consent page calls it.
    pub name: String,
    /// Keyed fingerprint of its secret, when it has one.
    pub secret_fingerprint: Option<String>,
    /// First-party: people are not asked for consent, and the control-plane hops may act for it. It opens nothing besides.
    pub trusted: bool,
    /// A disabled client is refused on every path.
    pub enabled: bool,
    /// The rest.
    pub settings: ClientSettings,
}

impl Client {
    /// Ourselves, for a sign-in that no client asks for and that ends at a page of ours. No row has an empty id, so
    /// nothing is ever issued to it.
    #[must_use]
    pub fn ourselves(tenant_id: &str, page: RedirectUri) -> Self {
        Self {
            id: String::new(),
            tenant_id: tenant_id.to_owned(),
            name: "your account".to_owned(),
            secret_fingerprint: None,
            trusted: true,
            enabled: true,
            settings: ClientSettings { redirect_uris: vec![page], ..ClientSettings::default() },
        }
    }

    /// Whether it cannot keep a secret.
    #[must_use]
    pub fn is_public(&self) -> bool {
        self.settings.auth == ClientAuth::None
    }

    /// The virtual account that it may act as (RFC 6749 §4.4). Whoever knows the id of a public client would be the account.
    #[must_use]
    pub fn account(&self) -> Option<&str> {
        let may = self.may(GrantType::ClientCredentials) && !self.is_public();
        self.settings.virtual_account.as_deref().filter(|_| may)
    }

    /// The directory that it may push for. Whoever knows the id of a public client would be the directory.
    #[must_use]
    pub fn pushes_for(&self) -> Option<&str> {
        let may = self.may(GrantType::ClientCredentials) && !self.is_public();
        self.settings.directory.as_deref().filter(|_| may)
    }

    /// Whether answers may go to `uri`: whether it is registered now, and not only when a sign-in began.
    #[must_use]
    pub fn leads_to(&self, uri: &RedirectUri) -> bool {
        RedirectUri::choose(&self.settings.redirect_uris, uri.as_str()).is_some()
    }

    /// Whether it may ask for tokens for this audience: one of its own, or the admin API of this issuer.
    #[must_use]
    pub fn may_ask_for(&self, resource: &str, issuer: &str) -> bool {
        let is_own = self.settings.resources.iter().any(|known| known == resource);
        if resource == admin_api(issuer) { self.settings.admin_api } else { is_own }
    }

    /// The audiences of its own. The admin API is none, whatever the record says: only an authorization request that names
    /// it, and a person who has agreed to that, open it.
    pub fn audiences(&self, issuer: &str) -> impl Iterator<Item = &String> {
        let administers = admin_api(issuer);
        self.settings.resources.iter().filter(move |known| **known != administers)
    }

    /// Whether it may use `grant`.
    #[must_use]
    pub fn may(&self, grant: GrantType) -> bool {
        self.settings.grant_types.contains(&grant)
    }
}
