//! Signs what a grant gives: the access token, the next refresh token, and an ID token where one belongs.

use super::{GrantError, Grants, refused};
use crate::{
    oauth::{
        client::{Client, GrantType},
        error::{Code, error},
        scope::Scopes,
    },
    policy::access::Refusal,
    store::{self, families::Family},
    token::{
        issue::{self, IssueSpec},
        ring::SignError,
    },
};

/// What to sign.
#[derive(Debug)]
pub struct Mint<'a> {
    /// The family all of it belongs to.
    pub family: &'a Family,
    /// Scopes of the access token.
    pub scope: Scopes,
    /// The granted audiences that the access token is limited to; empty for all of them.
    pub resources: &'a [&'a str],
    /// The `jti` of the new refresh token, when the client gets one.
    pub refresh_jti: Option<String>,
    /// The authorization request's nonce.
    pub nonce: Option<String>,
    /// Whether an ID token is due, if the scopes have `openid`.
    pub id_token: bool,
}

/// The signed result.
#[derive(Clone)]
pub struct Minted {
    /// RFC 9068.
    pub access_token: String,
    /// Seconds.
    pub expires_in: i64,
    /// Its scopes.
    pub scope: Scopes,
    /// Single-use.
    pub refresh_token: Option<String>,
    /// Seconds.
    pub refresh_expires_in: Option<i64>,
    /// OpenID Connect.
    pub id_token: Option<String>,
    /// What the access token is called in the answer to a token exchange (RFC 8693 §2.2.1).
    pub issued_token_type: Option<&'static str>,
}

/// Signs.
///
/// # Errors
/// When the user or tenant is gone, the database does not answer, or there is no key.
pub async fn mint(g: &Grants<'_>, client: &Client, m: &Mint<'_>) -> Result<Minted, GrantError> {
    let family = m.family;
    let gone = || refused(error(Code::InvalidGrant, "the grant is no longer valid"), Refusal::Gone.to_string());
    let user = store::users::find(g.db, &family.user_id).await?.ok_or_else(gone)?;
    let tenant = store::tenants::find(g.db, &family.tenant_id).await?.ok_or_else(gone)?;
    // A token never outlives its family.
    let left = family.expires_at - g.now;
    let access_lifetime = client.settings.access_token_lifetime.or(tenant.access_token_lifetime);
    let refresh_lifetime = client.settings.refresh_token_lifetime.or(tenant.refresh_token_lifetime);
    let wants_groups = m.scope.has("groups");
    let groups = match &family.connection_id {
        Some(connection) if wants_groups => store::identities::groups(g.db, &user.id, connection).await?,
        _ => None,
    };
    let teams = match wants_groups {
        true => Some(store::teams::of_user(g.db, &user.id).await?.into_iter().map(|t| t.name).collect::<Vec<_>>()),
        false => None,
    };
    let spec = IssueSpec {
        issuer: g.issuer,
        subject: &user.id,
        client_id: &client.id,
        tenant: &tenant.name,
        family: &family.id,
        audience: &audience(g, client, m),
        scope: &m.scope.to_string(),
        auth_time: family.auth_time,
        amr: &family.amr,
        email: m.scope.has("email").then_some(user.email.as_str()),
        email_verified: user.email_proven,
        name: user.name.as_deref().filter(|_| m.scope.has("profile")),
        groups: groups.as_deref(),
        teams: teams.as_deref(),
        nonce: m.nonce.as_deref(),
        session: family.sid.as_deref(),
        access_alg: client.settings.access_token_alg.unwrap_or(g.defaults.access_token_alg),
        id_alg: client.settings.id_token_alg.unwrap_or(g.defaults.id_token_alg),
        access_lifetime: access_lifetime.unwrap_or(g.defaults.access_token_lifetime).min(left),
        refresh_lifetime: refresh_lifetime.unwrap_or(g.defaults.refresh_token_lifetime).min(left),
    };
    let sign = |e: SignError| GrantError::Sign(e.to_string());
    let access = issue::access(g.ring, &spec, g.now).map_err(sign)?;
    let refresh = m.refresh_jti.as_deref().map(|jti| issue::refresh(g.ring, &spec, jti, g.now)).transpose().map_err(sign)?;
    let id_token = match m.id_token && m.scope.has("openid") {
        true => Some(issue::id(g.ring, &spec, Some(&access.token), g.now).map_err(sign)?.token),
        false => None,
    };
    Ok(Minted {
        access_token: access.token,
        expires_in: access.expires_at - g.now,
        scope: m.scope.clone(),
        refresh_expires_in: refresh.as_ref().map(|r| r.expires_at - g.now),
        refresh_token: refresh.map(|r| r.token),
        id_token,
        issued_token_type: None,
    })
}

/// Whether a client gets a refresh token: its record allows the grant, and it is the platform's own or asked for
/// `offline_access`, which the consent page shows.
#[must_use]
pub fn gives_refresh_token(client: &Client, scope: &Scopes) -> bool {
    client.may(GrantType::RefreshToken) && (client.trusted || scope.has("offline_access"))
}

/// The audiences that the authorization request named.
#[must_use]
pub fn resources(family: &Family) -> Vec<String> {
    serde_json::from_str(&family.resources).unwrap_or_default()
}

/// Whether every audience `asked` for is one of the `granted`; a request that named none was granted all of its
/// client's, which the admin API never is: nobody was asked about it.
#[must_use]
pub fn granted(g: &Grants<'_>, client: &Client, granted: &[String], asked: &[&str]) -> bool {
    let is_granted = |name: &&str| match granted {
        [] => client.audiences(g.issuer).any(|known| known == name),
        named => named.iter().any(|known| known == name),
    };
    asked.iter().all(is_granted)
}

/// What is asked for now, else what was asked for at authorization: that alone, for whoever takes a token can show it
/// wherever else it is good. A token that was asked for nothing is for the client's first audience, and for the platform
/// where it has none; that of a client of the platform's own with `openid` is for both. The admin API is asked for alone
/// ([`parse_resource`](crate::oauth::authorize::parse_resource)).
fn audience(g: &Grants<'_>, client: &Client, m: &Mint<'_>) -> Vec<String> {
    let mut audience: Vec<String> = m.resources.iter().map(|r| (*r).to_owned()).collect();
    if audience.is_empty() {
        audience = resources(m.family);
    }
    if !audience.is_empty() {
        return audience;
    }
    audience.extend(client.audiences(g.issuer).next().cloned());
    let ours_besides = client.trusted && m.scope.has("openid") && !audience.iter().any(|name| name == g.issuer);
    if audience.is_empty() || ours_besides {
        audience.push(g.issuer.to_owned());
    }
    audience
}
