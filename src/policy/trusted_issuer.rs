//! What an operator says about a foreign token issuer: the stored settings and their defaults.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    claim_rules::{ClaimRule, MatchType},
    connection::{ConnectionSettings, OidcSettings, day_begins},
    identity::EmailTrust,
};

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
    /// The day (`2027-03-31`) on which our secret there ends, for warnings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_secret_expires_on: Option<String>,
    /// Whether it may be asked about tokens of which nobody says whose they are, where others of the tenant may be too: it is
    /// shown theirs then, and they are shown its own.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub shared: bool,
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
    /// The day (`2027-03-31`) on which our secret there ends, for warnings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_secret_expires_on: Option<String>,
}

/// The settings of a trusted issuer, as stored. Keys come from `jwks`, else from `jwks_uri`, else from the discovery
/// document of `issuer`; with `introspection` no key is needed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct IssuerSettings {
    /// `iss`, byte for byte; `None`: anyone, because the operator has said `any`.
    pub issuer: Option<String>,
    /// Further values of `iss` that are as good: a provider that goes by several names and signs with the same keys.
    pub other_issuers: Vec<String>,
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
    /// When that address is believed, so that sites are told it as they are told a user's; `None`: never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email_trust: Option<EmailTrust>,
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
            other_issuers: Vec::new(),
            audience: Vec::new(),
            jwks_uri: None,
            jwks: None,
            introspection: None,
            algorithms: Vec::new(),
            required_claims: Vec::new(),
            claim_values: Vec::new(),
            unique_id_claim: "sub".to_owned(),
            email_claim: "email".to_owned(),
            email_trust: None,
            matching: Matching::Best,
            clock_tolerance: CLOCK_TOLERANCE,
            cache_max_age: CACHE_MAX_AGE,
            max_token_age: None,
            header_key: None,
            oauth_client: None,
        }
    }
}

impl IssuerSettings {
    /// Every value that `iss` may have, byte for byte; none: any.
    pub fn issuers(&self) -> impl Iterator<Item = &str> {
        self.issuer.iter().chain(&self.other_issuers).map(String::as_str)
    }

    /// The part of the settings that a token was accepted by: where any of it is another one, what was made of the token
    /// stands on nothing any more. How long keys and answers are kept, how tokens come in, and what sites are told of an
    /// address, is no part of it.
    #[must_use]
    pub fn terms(&self) -> Self {
        let usual = Self::default();
        let (cache_max_age, clock_tolerance) = (usual.cache_max_age, usual.clock_tolerance);
        let mut terms =
            Self { cache_max_age, clock_tolerance, header_key: None, oauth_client: None, email_trust: None, ..self.clone() };
        if let Some(introspection) = &mut terms.introspection {
            introspection.cache_max_age = 0;
            introspection.client_secret_expires_on = None;
            introspection.shared = false;
        }
        terms
    }

    /// When the first of our secrets there ends (unix seconds).
    #[must_use]
    pub fn secret_ends_at(&self) -> Option<i64> {
        let asking = self.introspection.as_ref().and_then(|there| there.client_secret_expires_on.as_deref());
        let signing = self.oauth_client.as_ref().and_then(|there| there.client_secret_expires_on.as_deref());
        [asking, signing].into_iter().flatten().filter_map(day_begins).min()
    }

    /// Makes these the values that `iss` may have.
    pub fn name_issuers(&mut self, names: Vec<String>) {
        let mut names = names.into_iter();
        self.issuer = names.next();
        self.other_issuers = names.collect();
    }

    /// What a connection that is not offered for sign-in means as an issuer (the "SSO FQN" of older configurations): its
    /// tokens are for our client there, and its keys are the ones that sign people in. `settings` are those that the
    /// preset has filled. Several where the connection lets in several Entra directories, none where it is not OpenID
    /// Connect or names a shared Entra endpoint without a directory.
    #[must_use]
    pub fn of_connection(settings: &ConnectionSettings) -> Vec<Self> {
        // A draft that names no issuer yet is nobody's.
        let Some(oidc) = settings.oidc.as_ref().filter(|oidc| !oidc.issuer.is_empty()) else { return Vec::new() };
        let first = |names: Vec<&str>| names.first().map_or_else(String::new, |&name| name.to_owned());
        let one = |issuer: String| Self {
            issuer: Some(issuer),
            audience: vec![oidc.client_id.clone()],
            jwks_uri: oidc.jwks_uri.clone().filter(|_| !oidc.discover),
            algorithms: oidc.allowed_algs().into_iter().map(str::to_owned).collect(),
            claim_values: restrictions(oidc),
            unique_id_claim: first(settings.unique_id_claims()),
            email_claim: first(settings.email_claims()),
            email_trust: Some(email_trust(settings, oidc)),
            clock_tolerance: oidc.skew(),
            ..Self::default()
        };
        issuers(oidc, settings.preset.as_deref()).into_iter().map(one).collect()
    }
}

/// As at sign-in; but Google and Entra say in words of their own when an address is proven, and those stand in ID tokens.
fn email_trust(settings: &ConnectionSettings, oidc: &OidcSettings) -> EmailTrust {
    let is = |name: &str| settings.preset.as_deref().is_some_and(|preset| preset.eq_ignore_ascii_case(name));
    let own_words = is("entra") || is("google") || oidc.issuer == "https://accounts.google.com";
    match settings.email_trust() {
        EmailTrust::Verified if own_words => EmailTrust::Never,
        trust => trust,
    }
}

/// The issuers that tokens name: the configured one; for Entra's shared endpoints one for each directory.
fn issuers(oidc: &OidcSettings, preset: Option<&str>) -> Vec<String> {
    let entra = preset.is_some_and(|name| name.eq_ignore_ascii_case("entra"));
    let shared = ["/common/", "/organizations/"].into_iter().find(|part| entra && oidc.issuer.contains(part));
    let Some(part) = shared else { return vec![oidc.issuer.clone()] };
    let directory = |id: &String| oidc.issuer.replacen(part, &format!("/{}/", id.to_ascii_lowercase()), 1);
    oidc.allowed_tenants.iter().map(directory).collect()
}

/// Who is kept out at sign-in is kept out with a token too.
fn restrictions(oidc: &OidcSettings) -> Vec<ClaimRule> {
    let rule = |claim: &str, values: &[String]| ClaimRule {
        claim: claim.to_owned(),
        values: values.iter().map(|value| value.to_ascii_lowercase().into()).collect(),
        match_type: MatchType::Exact,
    };
    let lists = [("tid", &oidc.allowed_tenants), ("hd", &oidc.hosted_domains)];
    lists.into_iter().filter(|(_, values)| !values.is_empty()).map(|(claim, values)| rule(claim, values)).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    fn connection(preset: &str, oidc: OidcSettings) -> ConnectionSettings {
        ConnectionSettings { preset: Some(preset.into()), oidc: Some(oidc), ..ConnectionSettings::default() }
    }

    #[test]
    fn a_connection_is_an_issuer_of_tokens_for_its_client() {
        let oidc = OidcSettings {
            issuer: "https://idp.example".into(),
            client_id: "ours".into(),
            jwks_uri: Some("https://idp.example/keys".into()),
            hosted_domains: vec!["Acme.example".into()],
            skew: Some(10),
            ..OidcSettings::default()
        };
        let settings = ConnectionSettings { unique_id_claims: vec!["oid".into()], ..connection("custom", oidc.clone()) };
        let [issuer] = &IssuerSettings::of_connection(&settings)[..] else { panic!() };
        assert_eq!((issuer.issuer.as_deref(), &issuer.audience[..]), (Some("https://idp.example"), &["ours".to_owned()][..]));
        assert_eq!((issuer.unique_id_claim.as_str(), issuer.email_claim.as_str(), issuer.clock_tolerance), ("oid", "email", 10));
        assert_eq!(issuer.jwks_uri, None, "the discovery document says where the keys are");
        assert_eq!(issuer.claim_values[0].values, ["acme.example"]);
        assert_eq!(issuer.email_trust, Some(EmailTrust::Verified), "as it is believed at sign-in");
        for preset in ["google", "entra"] {
            let [issuer] = &IssuerSettings::of_connection(&connection(preset, oidc.clone()))[..] else { panic!() };
            assert_eq!(issuer.email_trust, Some(EmailTrust::Never), "{preset}: email_verified alone is not what it means");
        }
        let by_hand = connection("custom", OidcSettings { discover: false, ..oidc });
        assert_eq!(IssuerSettings::of_connection(&by_hand)[0].jwks_uri.as_deref(), Some("https://idp.example/keys"));
        assert!(IssuerSettings::of_connection(&ConnectionSettings::default()).is_empty(), "SAML");
    }

    #[test]
    fn a_shared_endpoint_is_one_issuer_for_each_directory() {
        let directories = ["AAAA", "bbbb"].map(str::to_owned).to_vec();
        let issuer = "https://login.example/common/v2.0".to_owned();
        let shared = OidcSettings { issuer, allowed_tenants: directories, ..OidcSettings::default() };
        let all = IssuerSettings::of_connection(&connection("entra", shared.clone()));
        let names: Vec<_> = all.iter().filter_map(|i| i.issuer.as_deref()).collect();
        assert_eq!(names, ["https://login.example/aaaa/v2.0", "https://login.example/bbbb/v2.0"]);
        let nobody = OidcSettings { allowed_tenants: Vec::new(), ..shared };
        assert!(IssuerSettings::of_connection(&connection("entra", nobody)).is_empty());
    }
}
