//! `grant_type=refresh_token` (RFC 6749 §6): one use each, bound to client and family, never wider than what was
//! granted. What an old token means is said in `store::families`.

use super::{
    GrantError, Grants, counted,
    mint::{self, Mint, Minted},
    refused, require_grant, require_standing,
};
use crate::{
    oauth::{
        client::{Client, GrantType},
        error::{Code, error},
        scope::Scopes,
    },
    secret,
    store::families::{self, Family, Rotation},
    token::{Rules, verify},
};

/// What the client presents.
#[derive(Clone, Copy, Debug)]
pub struct Turn<'a> {
    /// The refresh token.
    pub token: &'a str,
    /// Fewer scopes for the new access token.
    pub scope: Option<&'a str>,
    /// Fewer audiences for the new access token.
    pub resources: &'a [&'a str],
}

/// What a refresh token of ours says.
#[derive(Clone, Debug)]
pub struct RefreshClaims {
    /// Hash of its `jti`: how the family's row knows it.
    pub hash: String,
    /// The client it is bound to.
    pub client_id: String,
    /// Its family.
    pub family: String,
    /// When it was issued (unix seconds).
    pub issued_at: i64,
    /// When it expires (unix seconds).
    pub expires_at: i64,
}

/// Reads a refresh token of ours: signature, issuer, type and expiry hold. Whether it may still be used is the
/// database's to say.
pub async fn read(g: &Grants<'_>, token: &str) -> Option<RefreshClaims> {
    let claims = verify(token, g.ring, &Rules::own_refresh(g.issuer, g.leeway), g.now).await;
    let claims = claims.inspect_err(|e| tracing::info!(detail = e.detail(), "refresh token refused")).ok()?;
    Some(RefreshClaims {
        hash: secret::digest(claims.text("jti")?),
        client_id: claims.text("client_id")?.to_owned(),
        family: claims.text("fam")?.to_owned(),
        issued_at: claims.number("iat")?,
        expires_at: claims.number("exp")?,
    })
}

/// Exchanges a refresh token for a new pair.
///
/// # Errors
/// `invalid_grant` for a token that is malformed, expired, used, another client's, or whose ground is switched off;
/// `invalid_scope` and `invalid_target` for asking more than was granted.
pub async fn rotate(g: &Grants<'_>, client: &Client, turn: &Turn<'_>) -> Result<Minted, GrantError> {
    counted("refresh_token", rotate_once(g, client, turn).await)
}

async fn rotate_once(g: &Grants<'_>, client: &Client, turn: &Turn<'_>) -> Result<Minted, GrantError> {
    let invalid = |cause: &str| refused(error(Code::InvalidGrant, "the refresh token is not valid"), cause);
    require_grant(client, GrantType::RefreshToken)?;
    let claims = read(g, turn.token).await.ok_or_else(|| invalid("not a living refresh token of ours"))?;
    if claims.client_id != client.id {
        return Err(invalid("the refresh token is another client's"));
    }
    let family = families::find(g.db, &claims.family).await?.ok_or_else(|| invalid("its family is gone"))?;
    require_standing(g, client, &family, true).await?;
    // What the operator has taken from the client since is not refreshed.
    let granted = Scopes::parse(&family.scope).unwrap_or_default().limited_to(&client.settings.scopes);
    let scope = match turn.scope {
        None => granted,
        Some(text) => Scopes::parse(text)
            .filter(|asked| asked.within(&granted))
            .ok_or_else(|| refused(error(Code::InvalidScope, "the scope is wider than what was granted"), ""))?,
    };
    let resources = resources(g, &family, client, turn.resources)?;
    let resources: Vec<&str> = resources.iter().map(String::as_str).collect();
    let jti = secret::random();
    match families::rotate(g.db, &family.id, &client.id, &claims.hash, &secret::digest(&jti), g.now).await? {
        Rotation::Rotated => {}
        Rotation::Raced => return Err(invalid("another request with the same token won a moment ago")),
        Rotation::Replayed => {
            tracing::warn!(family = family.id, client = client.id, "refresh token presented again: its family has been ended");
            return Err(invalid("the token was used before"));
        }
        Rotation::Ended => return Err(invalid("its family has ended")),
    }
    let id_token = scope.has("openid");
    let mint = Mint { family: &family, scope, resources: &resources, refresh_jti: Some(jti), nonce: None, id_token };
    mint::mint(g, client, &mint).await
}

/// The audiences of the new access token: of those granted and still the client's, the ones asked for. Never none where
/// some were granted: that would mean the default audience, which was not asked for.
fn resources(g: &Grants<'_>, family: &Family, client: &Client, asked: &[&str]) -> Result<Vec<String>, GrantError> {
    let before = mint::resources(family);
    let left: Vec<String> = before.iter().filter(|r| client.may_ask_for(r, g.issuer)).cloned().collect();
    if (left.is_empty() && !before.is_empty()) || !mint::granted(g, client, &left, asked) {
        return Err(refused(error(Code::InvalidTarget, "the resource was not granted"), ""));
    }
    Ok(if asked.is_empty() { left } else { asked.iter().map(|r| (*r).to_owned()).collect() })
}
