//! Direct mode: one tenant and one connection, OpenID Connect or SAML, all from the settings; nothing else leaves the
//! network.

use secrecy::SecretString;
use url::Url;

use super::{Mode, raw::Source};
use crate::{
    oauth::scope::Scopes,
    policy::{connection::TokenAuth, email::normal_domain, identity::EmailTrust},
};

/// The one connection of direct mode.
#[derive(Clone, Debug)]
pub struct DirectSettings {
    /// The tenant's name.
    pub tenant: String,
    /// The identity provider.
    pub provider: DirectProvider,
    /// The claim or attribute that holds the e-mail address; for SAML, when left out, its usual names.
    pub email_claim: Option<String>,
    /// When that address may link to an existing user.
    pub email_trust: EmailTrust,
    /// The tenant's proven domains.
    pub domains: Vec<String>,
    /// The control plane's URL, where the browser lands in the end; the public URL unless set.
    pub return_url: Url,
}

/// The provider of direct mode.
#[derive(Clone, Debug)]
pub enum DirectProvider {
    /// OpenID Connect.
    Oidc(DirectOidc),
    /// SAML, described by metadata.
    Saml(DirectMetadata),
}

/// An OpenID provider.
#[derive(Clone, Debug)]
pub struct DirectOidc {
    /// The provider's issuer, byte for byte.
    pub issuer: String,
    /// Our client id at the provider.
    pub client_id: String,
    /// Our secret there; nothing with `private_key_jwt` and `none`.
    pub client_secret: Option<SecretString>,
    /// How we authenticate there.
    pub client_auth: TokenAuth,
    /// What to ask for.
    pub scopes: String,
}

/// Where a SAML provider's metadata is.
#[derive(Clone, Debug)]
pub enum DirectMetadata {
    /// Published there; it is read again in the background.
    Url(String),
    /// The document itself.
    Document(String),
}

const NAMES: [&str; 15] = [
    "direct_tenant",
    "direct_issuer",
    "direct_client_id",
    "direct_client_secret",
    "direct_client_secret_file",
    "direct_client_auth",
    "direct_scopes",
    "direct_saml_metadata_url",
    "direct_saml_metadata",
    "direct_saml_metadata_file",
    "direct_email_claim",
    "direct_email_trust",
    "direct_domains",
    "direct_return_url",
    "mode",
];

/// Those that only an OpenID provider has.
const OIDC_ONLY: [&str; 6] = [
    "direct_issuer",
    "direct_client_id",
    "direct_client_secret",
    "direct_client_secret_file",
    "direct_client_auth",
    "direct_scopes",
];

pub(super) fn mode(s: &mut Source<'_>, public_url: &Url) -> Mode {
    if s.choice("mode", false, &[("broker", false), ("direct", true)]) {
        return read(s, public_url).map_or(Mode::Broker, |d| Mode::Direct(Box::new(d)));
    }
    for name in NAMES.into_iter().filter(|n| *n != "mode") {
        if let Some(raw) = s.raw(name) {
            s.problem(name, &raw, "has an effect in direct mode only; set mode = \"direct\" or remove it");
        }
    }
    Mode::Broker
}

fn read(s: &mut Source<'_>, public_url: &Url) -> Option<DirectSettings> {
    let tenant = s.text("direct_tenant").unwrap_or_else(|| "default".into());
    if tenant.is_empty() || !tenant.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-') {
        s.about("direct_tenant", "must be lower-case letters, digits and hyphens");
    }
    let names = ["direct_saml_metadata_url", "direct_saml_metadata", "direct_saml_metadata_file"];
    let saml = names.into_iter().any(|name| s.raw(name).is_some());
    let provider = if saml { read_saml(s).map(DirectProvider::Saml) } else { read_oidc(s).map(DirectProvider::Oidc) };
    let usual = if saml { EmailTrust::Domain } else { EmailTrust::Verified };
    let trusts = [EmailTrust::Verified, EmailTrust::Domain, EmailTrust::Never].map(|t| (t.as_str(), t));
    let email_trust = s.choice("direct_email_trust", usual, &trusts);
    let mut domains = Vec::new();
    for word in s.list("direct_domains") {
        match normal_domain(&word) {
            Some(domain) => domains.push(domain),
            None => s.about("direct_domains", format!("{word:?} is not a domain name")),
        }
    }
    let email_trusted = s.raw("direct_email_trust").is_some();
    match email_trust {
        EmailTrust::Verified if saml => {
            s.about("direct_email_trust", "is \"verified\", which SAML cannot say; use domain, and list direct_domains");
        }
        EmailTrust::Domain if domains.is_empty() && email_trusted => {
            s.about("direct_email_trust", "is \"domain\", but direct_domains is empty: nobody could be linked");
        }
        EmailTrust::Domain if domains.is_empty() => {
            s.about("direct_domains", "is empty: a SAML provider's addresses are trusted within these domains alone; list them");
        }
        _ => {}
    }
    let return_url = s.url("direct_return_url").map_or_else(|| public_url.clone(), |(_, url)| url);
    if return_url.host() != public_url.host() {
        let host = public_url.host_str().unwrap_or_default();
        s.about(
            "direct_return_url",
            format!("must be on the public URL's host, {host}: the browser brings its tokens there as cookies"),
        );
    }
    let email_claim = s.text("direct_email_claim").or_else(|| (!saml).then(|| "email".to_owned()));
    Some(DirectSettings { tenant, provider: provider?, email_claim, email_trust, domains, return_url })
}

fn read_saml(s: &mut Source<'_>) -> Option<DirectMetadata> {
    for name in OIDC_ONLY {
        if let Some(raw) = s.raw(name) {
            s.problem(name, &raw, "is for OpenID Connect, but SAML metadata is set too; keep one of the two");
        }
    }
    let url = s.url("direct_saml_metadata_url");
    let document = s.secret("direct_saml_metadata", "direct_saml_metadata_file");
    match (url, document) {
        (Some(_), Some(_)) => {
            s.about("direct_saml_metadata_url", "and direct_saml_metadata are both set; keep one of the two");
            None
        }
        (Some((text, _)), None) => Some(DirectMetadata::Url(text)),
        (None, document) => document.map(|raw| DirectMetadata::Document(raw.text)),
    }
}

fn read_oidc(s: &mut Source<'_>) -> Option<DirectOidc> {
    if s.raw("direct_issuer").is_none() {
        s.about(
            "direct_issuer",
            "is missing: direct mode needs it, or SAML metadata: direct_saml_metadata_url, direct_saml_metadata",
        );
    }
    if s.raw("direct_client_id").is_none() {
        s.about("direct_client_id", "is missing: direct mode over OpenID Connect needs it");
    }
    let auth = [
        ("auto", TokenAuth::Auto),
        ("client_secret_basic", TokenAuth::ClientSecretBasic),
        ("client_secret_post", TokenAuth::ClientSecretPost),
        ("private_key_jwt", TokenAuth::PrivateKeyJwt),
        ("none", TokenAuth::None),
    ];
    let client_auth = s.choice("direct_client_auth", TokenAuth::Auto, &auth);
    let client_secret = s.secret("direct_client_secret", "direct_client_secret_file");
    let without = matches!(client_auth, TokenAuth::PrivateKeyJwt | TokenAuth::None);
    if client_secret.is_none() && !without {
        s.about("direct_client_secret", "is missing: set it, or direct_client_auth to private_key_jwt or none");
    }
    let scopes = s.text("direct_scopes").unwrap_or_else(|| "openid email".into());
    if !Scopes::parse(&scopes).is_some_and(|words| words.has("openid")) {
        s.about("direct_scopes", "must be scope words separated by spaces, openid among them");
    }
    let issuer = s.url("direct_issuer");
    Some(DirectOidc {
        issuer: issuer?.0,
        client_id: s.text("direct_client_id")?,
        client_secret: client_secret.map(|raw| raw.text.into()),
        client_auth,
        scopes,
    })
}
