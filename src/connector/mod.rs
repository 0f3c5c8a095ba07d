//! A connector signs a person in at someone else's identity provider. OIDC and SAML differ only in the data they send
//! and receive, never in type: `depart` says where the browser goes and what to remember, `arrive` judges what it
//! brought back and gives an [`Identity`].
//!
//! `registry` opens connectors from stored connections and keeps them until the connection changes; `oidc/` is the
//! OpenID Connect relying party, `saml/` the SAML service provider; `presets` knows how real providers name things;
//! `check` looks at a provider before anything of it is saved.

pub mod check;
mod clean;
mod groups;
pub mod oidc;
pub mod presets;
pub mod registry;
pub mod saml;

use std::{collections::BTreeMap, net::IpAddr};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Url;

use self::saml::credentials::Credentials;
use crate::{
    outbound::{Outbound, OutboundError},
    policy::{
        cause::{Cause, Fault},
        identity::Identity,
    },
    token::{jwks::KeySets, ring::KeyRing},
};

/// What every connector is opened with. Clones share everything.
#[derive(Clone)]
pub struct Deps {
    /// Our issuer, which begins every address of ours.
    pub issuer: String,
    /// For discovery, token and userinfo requests.
    pub outbound: Outbound,
    /// The providers' keys.
    pub key_sets: KeySets,
    /// Signs client assertions and request objects.
    pub ring: KeyRing,
    /// Signs SAML messages and decrypts assertions.
    pub credentials: Credentials,
}

/// What the connector is told about the sign-in that begins.
#[derive(Clone, Copy, Debug)]
pub struct Wish<'a> {
    /// Returned by the provider; names the departure.
    pub state: &'a str,
    /// Our callback URL, the same for every tenant and connection.
    pub redirect_uri: &'a str,
    /// Whom to expect.
    pub login_hint: Option<&'a str>,
    /// The person must prove again who they are.
    pub force: bool,
    /// The person is to choose an account.
    pub select_account: bool,
    /// Seconds since the last proof after which the person must prove again who they are.
    pub max_age: Option<i64>,
    /// Unix seconds.
    pub now: i64,
}

/// Where to send the browser, and what to remember until it returns.
#[derive(Debug)]
pub struct Departure {
    /// Where.
    pub go: Go,
    /// What `arrive` needs (OIDC: nonce and PKCE verifier). It is sealed before it is stored.
    pub memo: Value,
}

/// How the browser leaves.
#[derive(Debug)]
pub enum Go {
    /// By a redirect.
    Redirect(Url),
    /// By posting a form.
    Post {
        /// Where.
        action: Url,
        /// What.
        fields: Vec<(&'static str, String)>,
    },
}

/// What the browser brought back: the query of a GET or the form of a POST.
pub type Arrival = BTreeMap<String, String>;

/// What an answer gave that can be trusted.
#[derive(Clone, Debug)]
pub struct Arrived {
    /// Who came; or why what the provider says of them tells nobody that.
    pub identity: Result<Identity, Error>,
    /// What the provider said of them: to be shown to whoever sets the connection up, and to nobody else.
    pub said: Vec<Document>,
    /// What must not be accepted a second time; the caller keeps count of it, for all nodes.
    pub once: Option<Once>,
    /// The provider's session, for when one of the two ends.
    pub session: Option<ProviderSession>,
}

/// Claims that came together and were verified, as the provider sent them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// What they came in.
    pub name: &'static str,
    /// Name and value of each.
    pub claims: Vec<(String, Value)>,
}

/// The id of a message that may be used once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Once {
    /// Unique within the connection.
    pub id: String,
    /// From then on the message is refused for its age (unix seconds).
    pub until: i64,
}

/// A person's session at the provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProviderSession {
    /// How the provider names the person in logout messages.
    pub subject: String,
    /// How it names the session, if it does.
    pub index: Option<String>,
    /// What else a logout request must repeat.
    pub detail: Value,
}

/// A logout message that came to our single-logout address.
#[derive(Clone, Debug)]
pub enum LogoutMessage {
    /// In a query, byte for byte: signatures are over these bytes.
    Redirect(String),
    /// In a form.
    Post(Arrival),
}

/// A provider's verified demand to end a person's sessions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogoutRequested {
    /// Its id, which the answer repeats.
    pub id: String,
    /// Whose sessions, as [`ProviderSession::subject`].
    pub subject: String,
    /// Which; all of them when empty.
    pub indexes: Vec<String>,
    /// What the answer must carry back.
    pub relay_state: Option<String>,
    /// It may be used once.
    pub once: Once,
}

/// A way to sign in.
#[async_trait]
pub trait Connector: Send + Sync {
    /// Begins a sign-in.
    ///
    /// # Errors
    /// When the provider cannot be asked.
    async fn depart(&self, wish: Wish<'_>) -> Result<Departure, Error>;

    /// Judges what the browser brought back against what was remembered. `now` is unix seconds, `redirect_uri` the one
    /// of the departure.
    ///
    /// # Errors
    /// When the provider refused, cannot be reached, or its answer cannot be trusted.
    async fn arrive(&self, memo: &Value, arrival: &Arrival, redirect_uri: &str, now: i64) -> Result<Arrived, Error>;

    /// Whether sign-ins can begin here; if not, they can only begin at the provider.
    fn can_depart(&self) -> bool {
        true
    }

    /// Judges an answer that nobody asked for: a sign-in begun at the provider.
    ///
    /// # Errors
    /// Always, unless the connection allows such sign-ins.
    async fn arrive_unsolicited(&self, _arrival: &Arrival, _redirect_uri: &str, _now: i64) -> Result<Arrived, Error> {
        Err(Error::Untrusted(Cause::UnsolicitedOff.with("the answer belongs to no sign-in that was begun here")))
    }

    /// Signs the person out at the provider; `None` where it offers no such thing. `state` comes back with the answer.
    ///
    /// # Errors
    /// When the provider cannot be asked.
    async fn farewell(&self, _session: &ProviderSession, _state: &str, _now: i64) -> Result<Option<Departure>, Error> {
        Ok(None)
    }

    /// Judges the provider's answer to a farewell; `at` is our single-logout address.
    ///
    /// # Errors
    /// When it cannot be trusted, or says that the person is not signed out everywhere.
    async fn farewell_answered(&self, _memo: &Value, _message: &LogoutMessage, _at: &str, _now: i64) -> Result<(), Error> {
        Err(no_single_logout())
    }

    /// Judges a provider's demand to end sessions; `at` is our single-logout address.
    ///
    /// # Errors
    /// When it cannot be trusted.
    async fn logout_requested(&self, _message: &LogoutMessage, _at: &str, _now: i64) -> Result<LogoutRequested, Error> {
        Err(no_single_logout())
    }

    /// The answer to such a demand, once it is done.
    ///
    /// # Errors
    /// When the provider has no address for answers.
    async fn logout_answer(&self, _request: &LogoutRequested, _now: i64) -> Result<Go, Error> {
        Err(no_single_logout())
    }
}

fn no_single_logout() -> Error {
    Error::Misconfigured(Cause::Settings.with("this connection knows no single logout"))
}

/// Why a sign-in over a connection failed. The fault is for the operator: its cause by name, and what exactly was found;
/// the person sees only the kind.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// The provider answered with an error.
    #[error("the identity provider refused: {0}")]
    Refused(Fault),
    /// A check failed.
    #[error("the identity provider's answer could not be trusted: {0}")]
    Untrusted(Fault),
    /// The network, or an answer that is no answer.
    #[error("the identity provider could not be reached: {0}")]
    Unreachable(Fault),
    /// The connection's settings cannot work.
    #[error("the connection is misconfigured: {0}")]
    Misconfigured(Fault),
}

impl Error {
    /// What is wrong.
    #[must_use]
    pub fn fault(&self) -> &Fault {
        match self {
            Self::Refused(fault) | Self::Untrusted(fault) | Self::Unreachable(fault) | Self::Misconfigured(fault) => fault,
        }
    }

    /// A call that `purpose` asked for was not made, or gave nothing usable. Tenants' administrators read what is said of it,
    /// in traces and tests; the exact reason, with addresses of networks that are none of theirs, is for the log.
    #[must_use]
    pub fn unreachable(purpose: &str, e: &OutboundError) -> Self {
        let said = e.discreet();
        if said != e.to_string() {
            tracing::warn!(purpose, cause = %e, "a call to a provider was not made or went wrong");
        }
        Self::Unreachable(of_call(e).with(format!("{purpose}: {said}")))
    }
}

fn of_call(e: &OutboundError) -> Cause {
    use OutboundError::{
        Build, Failed, NotJson, Plain, Private, Redirect, RedirectLoop, TimedOut, Tls, TooLarge, Unresolved, Unusable, UserInfo,
    };
    match e {
        // As with what is said: a name that leads to a private address is not told from one that leads nowhere.
        Private { host, .. } if host.trim_matches(['[', ']']).parse::<IpAddr>().is_err() => Cause::Dns,
        Unusable(_) | UserInfo(_) | Plain(_) | Private { .. } => Cause::PrivateAddress,
        Redirect { .. } | RedirectLoop(_) => Cause::ProviderRedirects,
        TooLarge(_) | NotJson { .. } => Cause::ProviderAnswer,
        TimedOut { .. } => Cause::ProviderTimeout,
        Unresolved { .. } => Cause::Dns,
        Tls { expired: true, .. } => Cause::ProviderCertificateExpired,
        Tls { .. } => Cause::ProviderTls,
        Failed { .. } => Cause::ProviderUnreachable,
        Build(_) => Cause::OwnFault,
    }
}
