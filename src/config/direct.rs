//! Direct mode: one tenant and one OpenID Connect connection, all from the settings; nothing else leaves the network.

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
    /// The claim that holds the e-mail address.
    pub email_claim: String,
    /// When that address may link to an existing user.
    pub email_trust: EmailTrust,
    /// The tenant's proven domains.
    pub domains: Vec<String>,
    /// The control plane's URL, where the browser lands in the end; the public URL unless set.
    pub return_url: Url,
}

const NAMES: [&str; 12] = [
    "direct_tenant",
    "direct_issuer",
    "direct_client_id",
    "direct_client_secret",
    "direct_client_secret_file",
    "direct_client_auth",
    "direct_scopes",
    "direct_email_claim",
    "direct_email_trust",
    "direct_domains",
    "direct_return_url",
    "mode",
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
    const NEEDED: &str = "is missing: direct mode needs it";
    for name in ["direct_issuer", "direct_client_id"] {
        if s.raw(name).is_none() {
            s.about(name, NEEDED);
        }
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
    let tenant = s.text("direct_tenant").unwrap_or_else(|| "default".into());
    if tenant.is_empty() || !tenant.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-') {
        s.about("direct_tenant", "must be lower-case letters, digits and hyphens");
    }
    let scopes = s.text("direct_scopes").unwrap_or_else(|| "openid email".into());
    if !Scopes::parse(&scopes).is_some_and(|words| words.has("openid")) {
        s.about("direct_scopes", "must be scope words separated by spaces, openid among them");
    }
    let email_trust = s.choice(
        "direct_email_trust",
        EmailTrust::Verified,
        &[EmailTrust::Verified, EmailTrust::Domain, EmailTrust::Never].map(|t| (t.as_str(), t)),
    );
    let mut domains = Vec::new();
    for word in s.list("direct_domains") {
        match normal_domain(&word) {
            Some(domain) => domains.push(domain),
            None => s.about("direct_domains", format!("{word:?} is not a domain name")),
        }
    }
    if email_trust == EmailTrust::Domain && domains.is_empty() {
        s.about("direct_email_trust", "is \"domain\", but direct_domains is empty: nobody could be linked");
    }
    let issuer = s.url("direct_issuer");
    let return_url = s.url("direct_return_url").map_or_else(|| public_url.clone(), |(_, url)| url);
    if return_url.host() != public_url.host() {
        let host = public_url.host_str().unwrap_or_default();
        s.about(
            "direct_return_url",
            format!("must be on the public URL's host, {host}: the browser brings its tokens there as cookies"),
        );
    }
    Some(DirectSettings {
        tenant,
        issuer: issuer?.0,
        client_id: s.text("direct_client_id")?,
        client_secret: client_secret.map(|raw| raw.text.into()),
        client_auth,
        scopes,
        email_claim: s.text("direct_email_claim").unwrap_or_else(|| "email".into()),
        email_trust,
        domains,
        return_url,
    })
}
