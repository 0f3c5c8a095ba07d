//! Signs what a principal gets: an access token that acts as an external identity, a virtual account or a team, limited
//! to what the client's record allows. There is no refresh token: whoever holds the secret, key or foreign token asks
//! again.

use super::{GrantError, Grants, Minted, refused};
use crate::{
    oauth::{
        client::Client,
        error::{Code, error},
        scope::{STANDARD, Scopes},
    },
    policy::access::Refusal,
    store::{self, standing, standing::Parties},
    token::issue::{self, Actor, Origin, PrincipalSpec},
};

/// Seconds that a principal's token lives at most, unless the client's record says otherwise.
pub const LIFETIME: i64 = 900;

/// What the token is to be for.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The `scope` parameter; without it, all that the client may have.
    pub scope: Option<&'a str>,
    /// Audiences by `resource` (RFC 8707) and `audience` (RFC 8693); without any, the client's first, else the platform.
    pub audience: &'a [&'a str],
}

/// Whom the token acts as.
pub(super) struct Acting<'a> {
    /// The best first.
    pub acts_as: &'a [Actor],
    /// The token that it is exchanged for.
    pub origin: Option<&'a Origin>,
    /// When that one ends (unix seconds).
    pub not_beyond: Option<i64>,
}

/// Signs, when client and tenant are still switched on.
pub(super) async fn mint(g: &Grants<'_>, client: &Client, wanted: Wanted<'_>, acting: Acting<'_>) -> Result<Minted, GrantError> {
    let gone = |refusal: Refusal| refused(error(Code::InvalidGrant, "the grant is no longer valid"), refusal.to_string());
    standing::require(g.db, Parties::of_client(&client.tenant_id, &client.id), g.now).await?.map_err(gone)?;
    let tenant = store::tenants::find(g.db, &client.tenant_id).await?.ok_or_else(|| gone(Refusal::Gone))?;
    let Some(best) = acting.acts_as.first() else { return Err(gone(Refusal::Gone)) };
    let scope = scope(client, wanted.scope)?;
    let audience = audience(g, client, wanted.audience)?;
    let usual = LIFETIME.min(tenant.access_token_lifetime.unwrap_or(g.defaults.access_token_lifetime));
    let left = acting.not_beyond.map_or(i64::MAX, |end| end - g.now);
    let spec = PrincipalSpec {
        issuer: g.issuer,
        subject: &best.id,
        client_id: &client.id,
        tenant: &tenant.name,
        audience: &audience,
        scope: &scope.to_string(),
        acts_as: acting.acts_as,
        origin: acting.origin,
        alg: client.settings.access_token_alg.unwrap_or(g.defaults.access_token_alg),
        lifetime: client.settings.access_token_lifetime.unwrap_or(usual).min(left),
    };
    let access = issue::principal_access(g.ring, &spec, g.now).map_err(|e| GrantError::Sign(e.to_string()))?;
    Ok(Minted {
        access_token: access.token,
        expires_in: access.expires_at - g.now,
        scope,
        refresh_token: None,
        refresh_expires_in: None,
        id_token: None,
        issued_token_type: None,
    })
}

/// The scopes of the client's record, less the ones that are about a person: nobody signed in.
fn scope(client: &Client, asked: Option<&str>) -> Result<Scopes, GrantError> {
    let allowed: Scopes = client.settings.scopes.iter().filter(|word| !STANDARD.contains(word)).collect();
    let Some(asked) = asked else { return Ok(allowed) };
    let wider = || refused(error(Code::InvalidScope, "the scope is wider than what this client may have"), client.id.as_str());
    Scopes::parse(asked).filter(|asked| asked.within(&allowed)).ok_or_else(wider)
}

/// What is asked for, if the client's record has it; a client without audiences of its own has the platform.
fn audience(g: &Grants<'_>, client: &Client, asked: &[&str]) -> Result<Vec<String>, GrantError> {
    let mut allowed: Vec<&str> = client.audiences(g.issuer).map(String::as_str).collect();
    if allowed.is_empty() {
        allowed.push(g.issuer);
    }
    if asked.iter().any(|a| !allowed.contains(a)) {
        return Err(refused(
            error(Code::InvalidTarget, "this client may not ask for that resource or audience"),
            client.id.as_str(),
        ));
    }
    let mut audience: Vec<String> = Vec::new();
    for name in asked {
        if !audience.iter().any(|known| known == name) {
            audience.push((*name).to_owned());
        }
    }
    if audience.is_empty() {
        audience.extend(allowed.first().map(|name| (*name).to_owned()));
    }
    Ok(audience)
}
