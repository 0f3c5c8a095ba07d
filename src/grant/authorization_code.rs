//! `grant_type=authorization_code` (RFC 6749 §4.1.3, PKCE): a code redeems once, however many race, and whoever
//! presents it wrongly burns it. A second redemption ends everything the first one gave.

use super::{
    GrantError, Grants, counted,
    mint::{self, Mint, Minted},
    refused, require_grant, require_standing,
};
use crate::{
    oauth::{
        client::{Client, GrantType},
        error::{Code as ErrorCode, error},
        pkce,
    },
    secret,
    store::{
        codes::{self, Code},
        families::{self, Family},
    },
};

/// What the client presents.
#[derive(Clone, Copy, Debug)]
pub struct Redemption<'a> {
    /// The code.
    pub code: &'a str,
    /// Must repeat the one of the authorization request, if that had one.
    pub redirect_uri: Option<&'a str>,
    /// The PKCE verifiers the client can offer: one at most, but the control-plane hops hold one for each tab of the
    /// browser. One of them must fit.
    pub verifiers: &'a [&'a str],
    /// Fewer audiences for the first access token (RFC 8707 §2.2).
    pub resources: &'a [&'a str],
}

/// Redeems a code.
///
/// # Errors
/// `invalid_grant` for a code that is unknown, used, expired, another client's, or presented with the wrong redirect URI
/// or verifier, or when what it stands on is switched off.
pub async fn redeem(g: &Grants<'_>, client: &Client, r: &Redemption<'_>) -> Result<Minted, GrantError> {
    counted("authorization_code", redeem_once(g, client, r).await)
}

async fn redeem_once(g: &Grants<'_>, client: &Client, r: &Redemption<'_>) -> Result<Minted, GrantError> {
    require_grant(client, GrantType::AuthorizationCode)?;
    let code_hash = secret::digest(r.code);
    let mut tx = g.db.begin().await?;
    let Some(code) = codes::take(&mut tx, &code_hash, g.now).await? else {
        drop(tx);
        return Err(not_the_first(g, &code_hash).await?);
    };
    if let Err(refusal) = judge(g, client, &code, r) {
        tx.commit().await?; // burnt
        return Err(refusal);
    }
    let refresh_jti = mint::gives_refresh_token(client, &code.request.scope).then(secret::random);
    let family = Family {
        id: code.family_id,
        tenant_id: code.tenant_id,
        client_id: client.id.clone(),
        user_id: code.user_id,
        connection_id: code.connection_id,
        sid: code.sid,
        scope: code.request.scope.to_string(),
        resources: serde_json::to_string(&code.request.resource).unwrap_or_else(|_| "[]".into()),
        auth_time: code.auth_time,
        amr: code.amr,
        current_hash: refresh_jti.as_deref().map(secret::digest),
        created_at: g.now,
        expires_at: g.now + g.defaults.refresh_token_absolute,
    };
    families::insert(&mut tx, &family).await?;
    tx.commit().await?;
    if let Err(refusal) = require_standing(g, client, &family, false).await {
        families::revoke(g.db, &family.id, g.now).await?;
        return Err(refusal);
    }
    let scope = code.request.scope.clone();
    let nonce = code.request.nonce.clone();
    mint::mint(g, client, &Mint { family: &family, scope, resources: r.resources, refresh_jti, nonce, id_token: true }).await
}

fn judge(g: &Grants<'_>, client: &Client, code: &Code, r: &Redemption<'_>) -> Result<(), GrantError> {
    let invalid = |cause: &str| refused(error(ErrorCode::InvalidGrant, "the authorization code is not valid"), cause);
    if code.request.client_id != client.id {
        return Err(invalid("the code was issued to another client"));
    }
    if code.expires_at <= g.now {
        return Err(invalid("the code has expired"));
    }
    let sent_to = &code.request.target.redirect_uri;
    if !client.leads_to(sent_to) {
        return Err(invalid("the code was sent to what is no redirect URI of the client any more"));
    }
    match r.redirect_uri {
        Some(named) if named == sent_to.as_str() => {}
        None if !code.request.redirect_uri_named => {}
        _ => return Err(invalid("redirect_uri is not the one of the authorization request")),
    }
    if !mint::granted(g, client, &code.request.resource, r.resources) {
        return Err(refused(error(ErrorCode::InvalidTarget, "the resource was not granted"), ""));
    }
    let challenge = code.request.code_challenge.as_deref();
    let fits = |verifier: Option<&str>| pkce::verify(challenge, verifier);
    let verdict = match r.verifiers {
        [] => fits(None),
        several => several.iter().map(|v| fits(Some(v))).reduce(Result::or).unwrap_or_else(|| fits(None)),
    };
    verdict.map_err(|e| refused(e, "PKCE"))
}

/// A code that cannot be taken is unknown, or was taken before: then its family ends (RFC 6749 §4.1.2).
async fn not_the_first(g: &Grants<'_>, code_hash: &str) -> Result<GrantError, GrantError> {
    let family = codes::family_of(g.db, code_hash).await?;
    let invalid = error(ErrorCode::InvalidGrant, "the authorization code is not valid");
    let Some(family) = family else { return Ok(refused(invalid, "unknown code")) };
    let ended = families::revoke(g.db, &family, g.now).await?;
    tracing::warn!(family, ended, "authorization code presented again: its tokens have been ended");
    Ok(refused(invalid, "the code was redeemed before"))
}
