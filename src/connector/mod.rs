//! A connector signs a person in at someone else's identity provider. OIDC and SAML differ only in the data they send
//! and receive, never in type: `depart` says where the browser goes and what to remember, `arrive` judges what it
//! brought back and gives an [`Identity`].
//!
//! `registry` opens connectors from stored connections and keeps them until the connection changes; `oidc/` is the
//! OpenID Connect relying party; `presets` knows how real providers name things.

mod clean;
pub mod oidc;
pub mod presets;
pub mod registry;

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde_json::Value;
use url::Url;

use crate::policy::identity::Identity;

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
    async fn arrive(&self, memo: &Value, arrival: &Arrival, redirect_uri: &str, now: i64) -> Result<Identity, Error>;
}

/// Why a sign-in over a connection failed. `cause` is for the operator's log: the exact reason and, where there is one,
/// the fix; the person sees only the kind.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// The provider answered with an error.
    #[error("the identity provider refused: {0}")]
    Refused(String),
    /// A check failed.
    #[error("the identity provider's answer could not be trusted: {0}")]
    Untrusted(String),
    /// The network, or an answer that is no answer.
    #[error("the identity provider could not be reached: {0}")]
    Unreachable(String),
    /// The connection's settings cannot work.
    #[error("the connection is misconfigured: {0}")]
    Misconfigured(String),
}
