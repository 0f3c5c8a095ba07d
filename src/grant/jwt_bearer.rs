//! `grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer` (RFC 7523 §2.1): as token exchange, with the trusted issuer's
//! token as an assertion.
//!
//! An assertion says that it was made for us: its `aud` names our issuer or our token endpoint (RFC 7523 §3), besides being
//! one that the operator accepts. One with a `jti` is used once (§3, 7). An access or ID token that was made for something
//! else is no assertion, whoever holds it; what it may become, token exchange says.

use super::{
    GrantError, Grants, Minted, counted,
    principal::{self, Wanted},
    refused, require_grant,
    subject::{self, Subject, Unjudged},
};
use crate::{
    oauth::{
        client::{Client, GrantType},
        error::{Code, error},
    },
    secret, store,
};

/// What the client presents.
#[derive(Clone, Copy, Debug)]
pub struct Assertion<'a> {
    /// The foreign token.
    pub assertion: &'a str,
    /// What the new token is to be for.
    pub wanted: Wanted<'a>,
}

/// Gives a token for an assertion. `judged` says who its bearer is; nothing is asked of it before the request itself is
/// good.
///
/// # Errors
/// `invalid_grant` for an assertion that does not hold, maps to nobody or was used before, `unauthorized_client` without
/// the grant, `invalid_scope` and `invalid_target` for more than the client may have.
pub async fn accept(
    g: &Grants<'_>,
    client: &Client,
    assertion: &Assertion<'_>,
    judged: impl Future<Output = Result<Subject, Unjudged>>,
) -> Result<Minted, GrantError> {
    counted("jwt_bearer", accept_now(g, client, assertion, judged).await)
}

async fn accept_now(
    g: &Grants<'_>,
    client: &Client,
    assertion: &Assertion<'_>,
    judged: impl Future<Output = Result<Subject, Unjudged>>,
) -> Result<Minted, GrantError> {
    require_grant(client, GrantType::JwtBearer)?;
    let refuse =
        |text: String, cause: String| refused(error(Code::InvalidGrant, format!("the assertion is not accepted: {text}")), cause);
    if !subject::is_jwt(assertion.assertion) {
        return Err(refuse("it is not a JWT".to_owned(), String::new()));
    }
    let subject = subject::require(g, judged.await, refuse)?;
    if !made_for_us(g, &subject) {
        let found = format!("aud of {}: {}", subject.origin.iss, subject.audience.join(" "));
        return Err(refuse(wants_us(g), found));
    }
    let Some(expires_at) = subject.expires_at else { return Err(refuse("it has no exp".to_owned(), String::new())) };
    let minted = principal::mint(g, client, assertion.wanted, subject.acting()).await?;
    if let Some(jti) = subject.jti.as_deref() {
        let id = secret::digest(&format!("jwt-bearer/{}/{jti}", subject.origin.source));
        if !store::replays::take(g.db, &id, expires_at, g.now).await? {
            return Err(refuse("it was used before".to_owned(), format!("jti of {}", subject.origin.iss)));
        }
    }
    Ok(minted)
}

fn made_for_us(g: &Grants<'_>, subject: &Subject) -> bool {
    let endpoint = token_endpoint(g);
    subject.audience.iter().any(|name| name == g.issuer || *name == endpoint)
}

fn token_endpoint(g: &Grants<'_>) -> String {
    format!("{}/oauth2/token", g.issuer)
}

/// What to do about an assertion for somebody else. Its issuer is trusted and its audience accepted, so nobody is told more
/// than they have shown.
fn wants_us(g: &Grants<'_>) -> String {
    let (issuer, endpoint) = (g.issuer, token_endpoint(g));
    format!(
        "its aud must name this server, as {issuer} or {endpoint} (RFC 7523); a token for anything else is a subject_token of \
         token exchange (RFC 8693)"
    )
}
