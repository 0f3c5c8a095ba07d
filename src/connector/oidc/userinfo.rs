//! The userinfo endpoint, asked for what the ID token leaves open.

use http::{HeaderValue, Request, header};
use secrecy::{ExposeSecret, SecretString};

use super::{
    claims::Claims,
    id_token::{self, Issuers},
    metadata::Provider,
};
use crate::{
    connector::Error,
    outbound::Outbound,
    policy::{cause::Cause, connection::OidcSettings},
    token::{self, KeySource, Rules, rules::Issuer, unverified::HARD_LIMIT},
};

/// Whose claims are asked for, and how.
pub(crate) struct Question<'a> {
    pub oidc: &'a OidcSettings,
    pub provider: &'a Provider,
    pub issuers: &'a Issuers,
    pub outbound: &'a Outbound,
    pub keys: &'a dyn KeySource,
    pub access_token: &'a SecretString,
    /// The ID token's `sub`.
    pub sub: &'a str,
    /// Unix seconds.
    pub now: i64,
}

/// Asks; `None` when the provider has no such endpoint. The answer must be about the ID token's `sub`, or an access token
/// of someone else has been slipped in (OpenID Connect Core §5.3.2).
///
/// # Errors
/// [`Error::Untrusted`] when it is about someone else or badly signed, [`Error::Unreachable`] when there is no answer.
pub(crate) async fn ask(question: &Question<'_>) -> Result<Option<Claims>, Error> {
    let Some(url) = &question.provider.userinfo_endpoint else { return Ok(None) };
    let bearer = format!("Bearer {}", question.access_token.expose_secret());
    let unusable = |what: &str| Error::Unreachable(Cause::ProviderAnswer.with(format!("userinfo: {what}")));
    let mut bearer = HeaderValue::from_str(&bearer).map_err(|_| unusable("the access token cannot be sent as a header"))?;
    bearer.set_sensitive(true);
    let request = Request::get(url.as_str()).header(header::ACCEPT, "application/json").header(header::AUTHORIZATION, bearer);
    let request = request.body(Vec::new()).map_err(|_| unusable("its address cannot be called"))?;
    let response = question.outbound.send("userinfo", request).await.map_err(|e| Error::unreachable("userinfo", &e))?;
    if !response.status().is_success() {
        let (host, status) = (url.host_str().unwrap_or_default(), response.status().as_u16());
        let cause = Cause::ProviderStatus.with(format!("userinfo: {host} answered with status {status}"));
        return Err(Error::Unreachable(cause));
    }
    let media_type = response.headers().get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let claims = if essence == "application/jwt" {
        signed(response.body(), question).await?
    } else {
        serde_json::from_slice::<Claims>(response.body())
            .map_err(|_| unusable("the answer is neither a JSON object nor a JWT"))?
    };
    match claims.get("sub") {
        Some(sub) if sub == question.sub => Ok(Some(claims)),
        Some(_) => Err(Error::Untrusted(
            Cause::UserinfoSubject
                .with("userinfo is about another sub than the ID token; the access token belongs to someone else"),
        )),
        None => Err(Error::Untrusted(Cause::UserinfoSubject.with("userinfo has no sub, so it cannot be told whom it is about"))),
    }
}

async fn signed(body: &[u8], question: &Question<'_>) -> Result<Claims, Error> {
    let text =
        std::str::from_utf8(body).map_err(|_| Error::Untrusted(Cause::TokenMalformed.with("userinfo: the JWT is no text")))?;
    let issuer = Issuer::OneOf(question.issuers.all());
    let rules = Rules {
        limit: HARD_LIMIT,
        try_each_key: true,
        ..Rules::userinfo(issuer, &question.oidc.client_id, id_token::algs(question.oidc), question.oidc.skew())
    };
    let claims = token::verify(text.trim(), question.keys, &rules, question.now).await;
    claims.map(token::Claims::into_members).map_err(|invalid| id_token::explain("the signed userinfo", &invalid))
}
