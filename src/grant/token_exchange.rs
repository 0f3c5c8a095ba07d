//! `grant_type=urn:ietf:params:oauth:grant-type:token-exchange` (RFC 8693): a trusted issuer's token becomes a short-lived
//! one of ours that acts as the principal it maps to, for no more than the client's record allows and no longer than the
//! token itself.
//!
//! Tokens of our own are not exchanged: the new one would stand beside the first, for other audiences, and be ended by
//! nothing that ends it. So an exchanged token cannot be exchanged again to live longer.

use super::{
    GrantError, Grants, Minted, counted,
    principal::{self, Wanted},
    refused, require_grant,
    subject::{self, Subject, Unjudged},
};
use crate::oauth::{
    client::{Client, GrantType},
    error::{Code, error},
};

/// Token type of an access token, opaque or not.
pub const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
/// Token type of any JWT.
pub const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";
const ID_TOKEN: &str = "urn:ietf:params:oauth:token-type:id_token";

/// What the client presents.
#[derive(Clone, Copy, Debug)]
pub struct Exchange<'a> {
    /// The foreign token.
    pub subject_token: &'a str,
    /// What it is.
    pub subject_token_type: &'a str,
    /// What the new one is to be: [`ACCESS_TOKEN`], if nothing is said, or [`JWT`], which it is as well.
    pub requested_token_type: Option<&'a str>,
    /// Whether somebody is said to act for the subject.
    pub has_actor: bool,
    /// What the new token is to be for.
    pub wanted: Wanted<'a>,
}

impl Exchange<'_> {
    fn issued_token_type(&self) -> &'static str {
        if self.requested_token_type == Some(JWT) { JWT } else { ACCESS_TOKEN }
    }

    fn judge(&self) -> Result<(), GrantError> {
        let invalid = |text: &'static str| Err(refused(error(Code::InvalidRequest, text), ""));
        if self.has_actor {
            return invalid("actor_token is not supported: send the subject_token alone");
        }
        if !matches!(self.requested_token_type, None | Some(ACCESS_TOKEN | JWT)) {
            return invalid("requested_token_type must be urn:ietf:params:oauth:token-type:access_token or ...:jwt");
        }
        match self.subject_token_type {
            ACCESS_TOKEN => Ok(()),
            JWT | ID_TOKEN if subject::is_jwt(self.subject_token) => Ok(()),
            JWT | ID_TOKEN => invalid("the subject_token is not a JWT"),
            _ => invalid("subject_token_type must be urn:ietf:params:oauth:token-type:access_token, ...:jwt or ...:id_token"),
        }
    }
}

/// Exchanges a token. `judged` says who its bearer is; nothing is asked of it before the request itself is good.
///
/// # Errors
/// `invalid_request` for a token that does not hold or maps to nobody (RFC 8693 §2.2.2), `unauthorized_client` without the
/// grant, `invalid_scope` and `invalid_target` for more than the client may have.
pub async fn exchange(
    g: &Grants<'_>,
    client: &Client,
    exchange: &Exchange<'_>,
    judged: impl Future<Output = Result<Subject, Unjudged>>,
) -> Result<Minted, GrantError> {
    counted("token_exchange", exchange_now(g, client, exchange, judged).await)
}

async fn exchange_now(
    g: &Grants<'_>,
    client: &Client,
    exchange: &Exchange<'_>,
    judged: impl Future<Output = Result<Subject, Unjudged>>,
) -> Result<Minted, GrantError> {
    require_grant(client, GrantType::TokenExchange)?;
    exchange.judge()?;
    let refuse = |text: String, cause: String| {
        refused(error(Code::InvalidRequest, format!("the subject_token is not accepted: {text}")), cause)
    };
    let subject = subject::require(g, judged.await, refuse)?;
    let minted = principal::mint(g, client, exchange.wanted, subject.acting()).await?;
    Ok(Minted { issued_token_type: Some(exchange.issued_token_type()), ..minted })
}
