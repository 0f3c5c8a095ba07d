//! Settings: `gatehouse.toml`, overridden by `GATEHOUSE_*` variables, checked whole before anything starts.
//!
//! A setting `public_url` of the file is `GATEHOUSE_PUBLIC_URL` in the environment. Secrets (`master_key`, `jwks`,
//! `direct_client_secret`, `smtp_url`) may be named by a file instead: `master_key_file`, `GATEHOUSE_MASTER_KEY_FILE`.
//! [`Settings::load`] gives every problem at once. `raw` reads, `value` judges single values, `direct` is direct mode.

mod audit_webhook;
mod direct;
mod mail;
mod raw;
mod value;

use std::{
    net::SocketAddr,
    num::NonZeroU32,
    path::{Path, PathBuf},
};

use ipnet::IpNet;
use secrecy::SecretString;
use url::Url;

use crate::{oauth::client::SigningAlg, outbound::Allow};
pub use audit_webhook::AuditWebhook;
pub use direct::{DirectMetadata, DirectOidc, DirectProvider, DirectSettings};
pub use mail::{MailSettings, Relay, Security};
use raw::Source;
pub use raw::{Environment, Problem, environment};

/// The file read when none is named, if it is there.
pub const DEFAULT_FILE: &str = "gatehouse.toml";

/// Everything an operator decides before the start. Paths are relative to the working directory, durations in seconds.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where people and clients reach us; Host and X-Forwarded-* headers never change it.
    pub public_url: Url,
    /// Where to listen; port 0 picks a free one.
    pub listen: SocketAddr,
    /// `sqlite://PATH` or `postgres://…`; may hold a password, so it is never printed.
    pub database_url: String,
    /// The folder of `master.key`.
    pub keys_dir: PathBuf,
    /// 32 bytes of base64 used instead of the key file.
    pub master_key: Option<SecretString>,
    /// Broker of many tenants, or direct.
    pub mode: Mode,
    /// A declarative file applied at start.
    pub apply: Option<PathBuf>,
    /// Hosts, addresses and networks that outbound calls may reach although they are private.
    pub outbound_allow: Allow,
    /// The name server that is asked for the records of domains, when not the system's.
    pub dns_resolver: Option<SocketAddr>,
    /// Networks of proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Sign-ins that one address may begin in a minute: each leaves a row until it ends or expires.
    pub sign_in_rate: NonZeroU32,
    /// Requests that one directory may make in a second; four times as many in a burst.
    pub scim_rate: NonZeroU32,
    /// Users and groups that one directory may have.
    pub scim_resources: NonZeroU32,
    /// Seconds an access token lives, unless tenant or client say otherwise.
    pub access_token_lifetime: i64,
    /// Seconds a refresh token lives from its issue, unless tenant or client say otherwise.
    pub refresh_token_lifetime: i64,
    /// Seconds after which a token family ends, however often it was refreshed.
    pub refresh_token_absolute_lifetime: i64,
    /// Seconds without a visit after which a browser session ends.
    pub session_idle: i64,
    /// Seconds after which a browser session ends in any case.
    pub session_absolute: i64,
    /// Signs access and refresh tokens. Unless set: ES256, or with [`Settings::jwks`] the first of ES256, EdDSA, RS256
    /// that it has a key of. Of an algorithm that is set and that the JWKS lacks, keys are generated.
    pub access_token_alg: SigningAlg,
    /// Signs ID tokens. Unless set: RS256, or with [`Settings::jwks`] the first of RS256, ES256, EdDSA that it has a key
    /// of.
    pub id_token_alg: SigningAlg,
    /// Seconds after which a signing key is followed by a new one.
    pub key_max_age: i64,
    /// A private JWKS to import and sign with.
    pub jwks: Option<SecretString>,
    /// Built-in TLS.
    pub tls: Option<TlsFiles>,
    /// The relay for mails, if mails are sent.
    pub mail: Option<MailSettings>,
    /// Seconds that entries of the audit log are kept.
    pub audit_retention: i64,
    /// Whoever is sent the audit log.
    pub audit_webhook: Option<AuditWebhook>,
    /// Days that traces of sign-ins are kept; 0 keeps none.
    pub trace_days: i64,
    /// How logs are written.
    pub log: LogFormat,
    /// Seconds by which clocks of others may differ.
    pub clock_skew: i64,
}

/// Who signs people in.
#[derive(Clone, Debug)]
pub enum Mode {
    /// Many tenants, each with its connections, from the database.
    Broker,
    /// One tenant with one OpenID Connect connection, from the settings.
    Direct(Box<DirectSettings>),
}

/// PEM files.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// The certificate chain.
    pub cert: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// How logs are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl Settings {
    /// Reads the settings: from `file`, or [`DEFAULT_FILE`] when that exists, and from `env` above it.
    ///
    /// # Errors
    /// Every problem there is, not the first.
    pub fn load(file: Option<&Path>, env: &Environment) -> Result<Self, Vec<Problem>> {
        let mut source = Source::new(env);
        source.read(file.unwrap_or(Path::new(DEFAULT_FILE)), file.is_some());
        Self::check(source)
    }

    /// As [`Settings::load`], with the file's text at hand; `origin` names it in problems.
    ///
    /// # Errors
    /// Every problem there is.
    pub fn parse(origin: &str, text: &str, env: &Environment) -> Result<Self, Vec<Problem>> {
        let mut source = Source::new(env);
        source.parse(origin, text);
        Self::check(source)
    }

    /// The issuer: the public URL as text, without a slash at its end.
    #[must_use]
    pub fn issuer(&self) -> String {
        self.public_url.as_str().trim_end_matches('/').to_owned()
    }

    fn check(mut s: Source<'_>) -> Result<Self, Vec<Problem>> {
        const HOUR: i64 = 3_600;
        const DAY: i64 = 24 * HOUR;
        use SigningAlg::{ES256, EdDSA, RS256};
        let public_url = s.base_url("public_url", "http://localhost:8080");
        let (jwks, imported) = s.jwks("jwks", "jwks_file");
        let settings = Self {
            listen: s.listen("listen", SocketAddr::from(([127, 0, 0, 1], 8080))),
            database_url: s.database_url("database_url", "sqlite://gatehouse.db"),
            keys_dir: s.path("keys_dir").unwrap_or_else(|| "keys".into()),
            master_key: s.master_key("master_key", "master_key_file"),
            mode: direct::mode(&mut s, &public_url),
            apply: s.path("apply"),
            outbound_allow: s.allow("outbound_allow"),
            dns_resolver: s.server("dns_resolver"),
            trusted_proxies: s.networks("trusted_proxies"),
            sign_in_rate: s.count("sign_in_rate", NonZeroU32::MIN.saturating_add(599)),
            scim_rate: s.count("scim_rate", NonZeroU32::MIN.saturating_add(49)),
            scim_resources: s.count("scim_resources", NonZeroU32::MIN.saturating_add(1_999_999)),
            access_token_lifetime: s.duration("access_token_lifetime", DAY),
            refresh_token_lifetime: s.duration("refresh_token_lifetime", 7 * DAY),
            refresh_token_absolute_lifetime: s.duration("refresh_token_absolute_lifetime", 30 * DAY),
            session_idle: s.duration("session_idle", 8 * HOUR),
            session_absolute: s.duration("session_absolute", DAY),
            access_token_alg: s.algorithm("access_token_alg", [ES256, EdDSA, RS256], &imported),
            id_token_alg: s.algorithm("id_token_alg", [RS256, ES256, EdDSA], &imported),
            key_max_age: s.duration("key_max_age", 90 * DAY),
            jwks,
            tls: s.tls("tls_cert", "tls_key"),
            mail: s.mail("smtp_url", "smtp_url_file", "mail_from"),
            audit_retention: s.duration("audit_retention", 400 * DAY),
            audit_webhook: s.audit_webhook("audit_webhook_url", "audit_webhook_secret", "audit_webhook_secret_file"),
            trace_days: s.days("trace_days", 7),
            log: s.choice("log", LogFormat::Text, &[("text", LogFormat::Text), ("json", LogFormat::Json)]),
            clock_skew: s.skew("clock_skew", 60),
            public_url,
        };
        settings.compare(&mut s);
        s.unknown();
        if s.problems.is_empty() { Ok(settings) } else { Err(s.problems) }
    }

    /// What two settings say together.
    fn compare(&self, s: &mut Source<'_>) {
        let longer = |a: &str| format!("must not be longer than {a}; shorten it or lengthen the other");
        if self.access_token_lifetime > self.refresh_token_lifetime {
            s.about("access_token_lifetime", longer("refresh_token_lifetime"));
        }
        if self.refresh_token_lifetime > self.refresh_token_absolute_lifetime {
            s.about("refresh_token_lifetime", longer("refresh_token_absolute_lifetime"));
        }
        if self.session_idle > self.session_absolute {
            s.about("session_idle", longer("session_absolute"));
        }
        if self.tls.is_some() && self.public_url.scheme() == "http" {
            s.about("public_url", "must begin with https:// when tls_cert is set");
        }
    }
}

#[cfg(test)]
mod tests;
