//! One file per grant: from what a client presents to what it may have. A grant returns a value and never touches the
//! response; the endpoint (and the control-plane hops) authenticate the client, ask here, and answer.
//!
//! `authorization_code` redeems a code and opens a token family; `refresh_token` rotates within one; both end in
//! `mint`, which signs. `client_credentials` acts as a virtual account, or pushes for a `directory`; `token_exchange` and `jwt_bearer` take a trusted
//! issuer's token, judged as a `subject`; these end in `principal`. Whether tenant, client, user, connection and account
//! are still switched on is asked at every grant.

pub mod authorization_code;
pub mod client_credentials;
mod directory;
pub mod jwt_bearer;
pub mod mint;
pub mod principal;
pub mod refresh_token;
pub mod subject;
pub mod token_exchange;

pub use mint::Minted;
pub use subject::Subject;

use crate::{
    oauth::{
        client::{Client, GrantType, SigningAlg},
        error::{Code, OAuthError, error},
    },
    policy::access::Refusal,
    store::{Db, StoreError, families::Family, standing, standing::Parties},
    token::ring::KeyRing,
};

/// What grants stand on.
#[derive(Clone, Copy, Debug)]
pub struct Grants<'a> {
    /// The database.
    pub db: &'a Db,
    /// Our signing keys.
    pub ring: &'a KeyRing,
    /// Our issuer.
    pub issuer: &'a str,
    /// The deployment's algorithms and lifetimes.
    pub defaults: Defaults,
    /// Clock skew allowed when a refresh token is verified, in seconds.
    pub leeway: i64,
    /// Unix seconds.
    pub now: i64,
}

/// What holds unless the tenant or the client says otherwise.
#[derive(Clone, Copy, Debug)]
pub struct Defaults {
    /// Algorithm of access and refresh tokens.
    pub access_token_alg: SigningAlg,
    /// Algorithm of ID tokens.
    pub id_token_alg: SigningAlg,
    /// Seconds an access token lives.
    pub access_token_lifetime: i64,
    /// Seconds a refresh token lives from its issue.
    pub refresh_token_lifetime: i64,
    /// Seconds after which a family ends however often it was refreshed.
    pub refresh_token_absolute: i64,
}

/// Why nothing was granted.
#[derive(Debug, thiserror::Error)]
pub enum GrantError {
    /// With a cause for the log.
    #[error("{error}: {cause}")]
    Refused {
        /// For the client.
        error: OAuthError,
        /// For the log.
        cause: String,
    },
    /// The issuer of the token that is presented could not be asked.
    #[error("{text}: {cause}")]
    Unasked {
        /// For the client.
        text: String,
        /// For the log.
        cause: String,
        /// Seconds after which to try again.
        retry_after: i64,
    },
    /// The database does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Something else that the grant stands on cannot be had now; the text is for the log.
    #[error("{0}")]
    Unavailable(String),
    /// The tokens could not be signed.
    #[error("signing: {0}")]
    Sign(String),
}

impl GrantError {
    /// The outcome as a metric label.
    fn label(&self) -> &'static str {
        match self {
            Self::Refused { error, .. } => error.code.as_str(),
            Self::Unasked { .. } | Self::Store(_) | Self::Unavailable(_) => Code::TemporarilyUnavailable.as_str(),
            Self::Sign(_) => Code::ServerError.as_str(),
        }
    }
}

/// Counts what a grant gave.
fn counted(grant: &'static str, result: Result<Minted, GrantError>) -> Result<Minted, GrantError> {
    crate::metrics::token(grant, result.as_ref().map_or_else(GrantError::label, |_| "issued"));
    result
}

fn refused(error: OAuthError, cause: impl Into<String>) -> GrantError {
    GrantError::Refused { error, cause: cause.into() }
}

/// Grants ask this themselves, so that no way to them (token endpoint, control-plane hops) can forget it.
fn require_grant(client: &Client, grant: GrantType) -> Result<(), GrantError> {
    let refusal = || refused(error(Code::UnauthorizedClient, "this client may not use this grant_type"), client.id.as_str());
    if client.may(grant) { Ok(()) } else { Err(refusal()) }
}

/// Is everything the family stands on still switched on? The client learns only that the grant is no good.
async fn require_standing(g: &Grants<'_>, client: &Client, family: &Family, itself: bool) -> Result<(), GrantError> {
    let parties = Parties {
        tenant_id: &family.tenant_id,
        client_id: Some(&client.id),
        user_id: Some(&family.user_id),
        connection_id: family.connection_id.as_deref(),
        family_id: itself.then_some(family.id.as_str()),
    };
    standing::require(g.db, parties, g.now).await?.map_err(|refusal| {
        let code = if refusal == Refusal::ClientDisabled { Code::UnauthorizedClient } else { Code::InvalidGrant };
        refused(error(code, "the grant is no longer valid"), refusal.to_string())
    })
}
