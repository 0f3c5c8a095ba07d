//! What an operator says about a connection: the stored settings, what each means when it is left out, and what is
//! wrong with them. Empty means "left out": first the connection's preset fills it (`connector::presets`), then the
//! methods here give the general default.

use serde::{Deserialize, Serialize};
use url::{Host, Url};

use super::{
    allowed_domains::{self, AllowedDomains},
    identity::EmailTrust,
    saml::SamlSettings,
};
use crate::moment::instant;

/// The signature algorithms that an ID token may use when the settings name none. Symmetric ones and `none` are never
/// possible (RFC 8725 §2.1, §3.2).
pub const DEFAULT_ALGS: [&str; 8] = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "EdDSA"];
/// Every algorithm that the settings may name.
pub const KNOWN_ALGS: [&str; 10] = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"];
/// Most seconds that a connection's clock may be apart from ours.
pub const MAX_SKEW: i64 = 600;

/// How a connection speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// OpenID Connect.
    Oidc,
    /// SAML 2.0.
    Saml,
}

impl Protocol {
    /// The setting's spelling.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Oidc => "oidc",
            Self::Saml => "saml",
        }
    }

    /// Reads the setting's spelling.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "oidc" => Some(Self::Oidc),
            "saml" => Some(Self::Saml),
            _ => None,
        }
    }
}

/// How we prove to the token endpoint who we are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenAuth {
    /// Basic where it is advertised or nothing is, else what is advertised; post once more after `invalid_client`;
    /// `none` when the connection has no secret.
    #[default]
    Auto,
    /// The secret in the Authorization header.
    ClientSecretBasic,
    /// The secret in the body.
    ClientSecretPost,
    /// A signed assertion (RFC 7523) with our RS256 key, which the provider reads from our JWKS.
    PrivateKeyJwt,
    /// A public client: PKCE alone.
    None,
}

/// The settings of a connection, as stored. Reading ignores what it does not know, so that an older node can read what
/// a newer one has written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ConnectionSettings {
    /// The provider's kind, whose habits fill what is left out; see `connector::presets`.
    pub preset: Option<String>,
    /// The text of the button on the sign-in page.
    pub button_text: Option<String>,
    /// Its image.
    pub button_image_url: Option<String>,
    /// Where the e-mail address is; the first present wins. A name is first looked up literally, then as a dotted path.
    pub email_claims: Vec<String>,
    /// Where the stable unique id is.
    pub unique_id_claims: Vec<String>,
    /// Where the full name is.
    pub name_claims: Vec<String>,
    /// Where the given name is, for when there is no full name.
    pub given_name_claims: Vec<String>,
    /// Where the family name is, for when there is no full name.
    pub family_name_claims: Vec<String>,
    /// Where the groups are.
    pub groups_claims: Vec<String>,
    /// What separates groups that arrive as one text (OneLogin: `;`).
    pub groups_delimiter: Option<String>,
    /// Whether a group's leading `/` is dropped (Keycloak's full paths).
    pub groups_strip_slash: bool,
    /// When the e-mail address may link to a user; [`Self::email_trust`] says what leaving it out means.
    pub email_trust: Option<EmailTrust>,
    /// The domains whose addresses may come in over it; empty: whichever the other rules let in.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allowed_domains: Vec<String>,
    /// Whether names below those domains count too; only where each of them is one that somebody registers.
    #[serde(skip_serializing_if = "is_off")]
    pub allow_subdomains: bool,
    /// A callback URL of its own, `/oauth2/callback/{tenant}/{connection}`, instead of the one that all share. Needed
    /// against mix-up (RFC 9700 §4.4) wherever tenants do not trust one another's identity providers and this provider does
    /// not name itself in its answers (`iss`, RFC 9207): with one shared URL, an evil provider could have this one's code
    /// delivered as its own.
    pub own_callback: bool,
    /// OpenID Connect's part.
    pub oidc: Option<OidcSettings>,
    /// SAML's part.
    pub saml: Option<SamlSettings>,
}

/// OpenID Connect's part of the settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct OidcSettings {
    /// The issuer, byte for byte as the provider's discovery document gives it.
    pub issuer: String,
    /// Our id at the provider.
    pub client_id: String,
    /// Whether the endpoints come from the discovery document; if not, the four below say them, else those are ignored.
    pub discover: bool,
    /// What to ask for besides `openid email`, separated by spaces.
    pub scopes: String,
    /// Where the browser goes.
    pub authorization_endpoint: Option<String>,
    /// Where codes are redeemed.
    pub token_endpoint: Option<String>,
    /// Where further claims are; optional.
    pub userinfo_endpoint: Option<String>,
    /// Where the provider's keys are.
    pub jwks_uri: Option<String>,
    /// How we authenticate.
    pub token_endpoint_auth_method: TokenAuth,
    /// Whether the authorization request travels as a signed request object (RFC 9101, RS256).
    pub sign_requests: bool,
    /// Algorithms that an ID token may use; [`DEFAULT_ALGS`] when empty.
    pub allowed_algs: Vec<String>,
    /// How many seconds the provider's clock may be apart from ours; 60 when left out, at most [`MAX_SKEW`].
    pub skew: Option<i64>,
    /// Entra: the directories (`tid`) that may sign in. Needed where the issuer is `common` or `organizations`; where it
    /// names one directory, that one is meant.
    pub allowed_tenants: Vec<String>,
    /// The day (`2027-03-31`) on which the provider lets our client secret end, for warnings: providers do not tell.
    pub client_secret_expires_on: Option<String>,
    /// Google: the Workspace domains (`hd`) that may sign in; empty lets every account in.
    pub hosted_domains: Vec<String>,
}

impl Default for OidcSettings {
    fn default() -> Self {
        Self {
            issuer: String::new(),
            client_id: String::new(),
            discover: true,
            scopes: String::new(),
            authorization_endpoint: None,
            token_endpoint: None,
            userinfo_endpoint: None,
            jwks_uri: None,
            token_endpoint_auth_method: TokenAuth::Auto,
            sign_requests: false,
            allowed_algs: Vec::new(),
            skew: None,
            allowed_tenants: Vec::new(),
            client_secret_expires_on: None,
            hosted_domains: Vec::new(),
        }
    }
}

impl ConnectionSettings {
    /// Addresses of the schemes that browsers leave by for this provider, for the policy of pages whose forms lead there.
    /// What a metadata document names is not read here: it is `https:`, as of every provider but one on this machine.
    #[must_use]
    pub fn leads_to(&self) -> Vec<&str> {
        let oidc = self.oidc.iter().map(|oidc| oidc.issuer.as_str());
        let saml = self.saml.iter().flat_map(|saml| {
            let urls = [&saml.metadata_url, &saml.sso_url, &saml.slo_url];
            urls.into_iter().flatten().map(String::as_str).chain(["https:"])
        });
        oidc.chain(saml).collect()
    }

    /// When the e-mail address may link: `verified` unless said otherwise.
    #[must_use]
    pub fn email_trust(&self) -> EmailTrust {
        self.email_trust.unwrap_or(EmailTrust::Verified)
    }

    /// Whose addresses may come in.
    #[must_use]
    pub fn allowed(&self) -> AllowedDomains {
        AllowedDomains::new(&self.allowed_domains, self.allow_subdomains)
    }

    /// Where the e-mail address is.
    #[must_use]
    pub fn email_claims(&self) -> Vec<&str> {
        or_default(&self.email_claims, "email")
    }

    /// Where the stable unique id is.
    #[must_use]
    pub fn unique_id_claims(&self) -> Vec<&str> {
        or_default(&self.unique_id_claims, "sub")
    }

    /// Where the full name is.
    #[must_use]
    pub fn name_claims(&self) -> Vec<&str> {
        or_default(&self.name_claims, "name")
    }

    /// Where the given name is.
    #[must_use]
    pub fn given_name_claims(&self) -> Vec<&str> {
        or_default(&self.given_name_claims, "given_name")
    }

    /// Where the family name is.
    #[must_use]
    pub fn family_name_claims(&self) -> Vec<&str> {
        or_default(&self.family_name_claims, "family_name")
    }

    /// Where the groups are.
    #[must_use]
    pub fn groups_claims(&self) -> Vec<&str> {
        or_default(&self.groups_claims, "groups")
    }

    /// Everything that is lacking or wrong, each with its fix; empty when a sign-in can be tried. Whether a secret is needed and
    /// there is not judged here (see [`OidcSettings::needs_secret`]): secrets are not part of the settings.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let mut found = Vec::new();
        match (&self.oidc, &self.saml) {
            (None, None) => found.push("the connection has neither an oidc nor a saml part".to_owned()),
            (Some(_), Some(_)) => found.push("the connection has both an oidc and a saml part; keep one".to_owned()),
            (Some(oidc), None) => found.extend(oidc.problems()),
            (None, Some(saml)) => found.extend(saml.problems()),
        }
        found.extend(allowed_domains::problems(&self.allowed_domains, self.allow_subdomains));
        if let Some(url) = self.button_image_url.as_deref().filter(|u| !u.is_empty()) {
            found.extend(url_problem("button_image_url", url));
        }
        let claims = [
            ("email_claim", &self.email_claims),
            ("unique_id_claim", &self.unique_id_claims),
            ("name_claim", &self.name_claims),
            ("given_name_claim", &self.given_name_claims),
            ("family_name_claim", &self.family_name_claims),
            ("groups_claim", &self.groups_claims),
        ];
        for (field, names) in claims {
            if names.iter().any(|n| n.trim().is_empty() || n.len() > 256 || n.contains(char::is_control)) {
                found.push(format!("{field} holds a name that is empty, longer than 256 bytes or has control characters"));
            }
        }
        if self.groups_delimiter.as_deref().is_some_and(|d| d.is_empty() || d.len() > 8) {
            found.push("groups_delimiter must be 1 to 8 bytes, for example \";\"; leave it out if groups come as a list".into());
        }
        found
    }
}

impl OidcSettings {
    /// What to ask for: `openid` and `email` always, and whatever the settings add, in their order and each once.
    #[must_use]
    pub fn scopes(&self) -> Vec<&str> {
        let said = || self.scopes.split_ascii_whitespace();
        let email = (!said().any(|scope| scope == "email")).then_some("email");
        let mut scopes: Vec<&str> = Vec::new();
        for scope in ["openid"].into_iter().chain(email).chain(said()) {
            if !scopes.contains(&scope) {
                scopes.push(scope);
            }
        }
        scopes
    }

    /// How many seconds the provider's clock may be apart from ours.
    #[must_use]
    pub fn skew(&self) -> i64 {
        self.skew.unwrap_or(60).clamp(0, MAX_SKEW)
    }

    /// Algorithms that an ID token may use.
    #[must_use]
    pub fn allowed_algs(&self) -> Vec<&str> {
        if self.allowed_algs.is_empty() {
            return DEFAULT_ALGS.to_vec();
        }
        self.allowed_algs.iter().map(String::as_str).collect()
    }

    /// Whether this cannot work without a client secret.
    #[must_use]
    pub fn needs_secret(&self) -> bool {
        matches!(self.token_endpoint_auth_method, TokenAuth::ClientSecretBasic | TokenAuth::ClientSecretPost)
    }

    /// When our client secret ends (unix seconds): as its day begins, in UTC.
    #[must_use]
    pub fn secret_ends_at(&self) -> Option<i64> {
        self.client_secret_expires_on.as_deref().and_then(day_begins)
    }

    /// Everything that is wrong, each with its fix.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let mut found = self.lacking();
        found.extend(issuer_problems(&self.issuer));
        if self.client_id.len() > 512 || !self.client_id.bytes().all(|b| (0x20..0x7f).contains(&b)) {
            found.push("client_id must be printable ASCII of at most 512 characters".to_owned());
        } else if self.client_id.trim() != self.client_id {
            found.push("client_id begins or ends with a space; remove it".to_owned());
        }
        let token = |b: u8| b == 0x21 || (0x23..=0x5b).contains(&b) || (0x5d..=0x7e).contains(&b);
        if !self.scopes().iter().all(|s| s.bytes().all(token)) {
            found.push("scopes must be separated by spaces and must not hold quotes, backslashes or non-ASCII".to_owned());
        }
        if !self.discover {
            found.extend(self.endpoint_problems());
        }
        for alg in self.allowed_algs.iter().filter(|a| !KNOWN_ALGS.contains(&a.as_str())) {
            found.push(format!("allowed_algs names {alg:?}; possible are {}", KNOWN_ALGS.join(", ")));
        }
        if self.skew.is_some_and(|s| !(0..=MAX_SKEW).contains(&s)) {
            found.push(format!("skew must be 0 to {MAX_SKEW} seconds"));
        }
        if self.client_secret_expires_on.is_some() && self.secret_ends_at().is_none() {
            found.push("client_secret_expires_on must be a day like 2027-03-31".to_owned());
        }
        if let Some(bad) = self.allowed_tenants.iter().find(|t| !is_guid(t)) {
            found.push(format!("allowed_tenants holds {bad:?}, which is no directory (tenant) id; copy the GUID from Entra"));
        }
        found
    }

    fn endpoint_problems(&self) -> Vec<String> {
        let endpoints = [
            ("authorization_endpoint", &self.authorization_endpoint),
            ("token_endpoint", &self.token_endpoint),
            ("userinfo_endpoint", &self.userinfo_endpoint),
            ("jwks_uri", &self.jwks_uri),
        ];
        let given = endpoints.into_iter().filter_map(|(field, url)| Some((field, url.as_deref().filter(|v| !v.is_empty())?)));
        given.filter_map(|(field, url)| url_problem(field, url)).collect()
    }
}

/// When a day like `2027-03-31` begins, in UTC (unix seconds).
#[must_use]
pub fn day_begins(day: &str) -> Option<i64> {
    Some(day).filter(|day| day.len() == 10).and_then(|day| instant(day, 0))
}

/// Left out where it says nothing: what was stored before there was such a setting stays the same text.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_off(switch: &bool) -> bool {
    !switch
}

fn or_default<'a>(names: &'a [String], default: &'a str) -> Vec<&'a str> {
    if names.is_empty() { vec![default] } else { names.iter().map(String::as_str).collect() }
}

fn issuer_problems(issuer: &str) -> Vec<String> {
    if issuer.is_empty() {
        return Vec::new();
    }
    let mut found: Vec<_> = url_problem("issuer", issuer).into_iter().collect();
    if issuer.contains("/.well-known/") {
        found.push("issuer is the discovery document's address; remove /.well-known/openid-configuration from it".to_owned());
    }
    if issuer.contains('?') {
        found.push("issuer must not have a query (OpenID Connect Discovery §3)".to_owned());
    }
    found
}

/// Whether `text` has a GUID's form, 8-4-4-4-12 hexadecimal digits: how Entra names directories.
#[must_use]
pub fn is_guid(text: &str) -> bool {
    let lengths: Vec<_> = text.split('-').map(str::len).collect();
    lengths == [8, 4, 4, 4, 12] && text.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-')
}

/// What is wrong with the address of a provider, if anything: https (http only for this very machine), no user name, no
/// fragment, nothing around it.
#[must_use]
pub fn url_problem(field: &str, text: &str) -> Option<String> {
    if text.len() > 2048 || text.contains(|c: char| c.is_whitespace() || c.is_control() || c == '\\') {
        return Some(format!(
            "{field} has spaces, control characters or backslashes in or around it, or is longer than 2048 bytes"
        ));
    }
    let Ok(url) = Url::parse(text) else {
        return Some(format!("{field} is no absolute URL: it must look like https://idp.example/path"));
    };
    let loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    };
    if url.scheme() != "https" && !(url.scheme() == "http" && loopback) {
        return Some(format!("{field} must begin with https:// (http is accepted only for this machine itself, e.g. 127.0.0.1)"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Some(format!("{field} must not hold a user name or password"));
    }
    url.fragment().map(|_| format!("{field} must not have a fragment (#)"))
}

#[cfg(test)]
#[path = "connection_tests.rs"]
mod tests;
