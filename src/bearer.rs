//! The bearer token of a request: from the `Authorization` header or, where a browser calls, from the cookie that the
//! control-plane hops have set. Never from the query, which leaks into logs (RFC 6750 §5.3).
//!
//! The cookie is sent by browsers whoever made them call. That is harmless as long as what it opens only reads, answers no
//! other origin, and is `SameSite=Lax`: whatever changes something asks for the header ([`in_header`]).

use std::sync::Arc;

use std::borrow::Cow;

use axum::http::{HeaderMap, StatusCode, header};

use crate::{
    app::App,
    error::ApiError,
    oauth::{
        error::{Code, OAuthError, error},
        params::Params,
        protected_resource::admin_api,
    },
    session::only_cookie,
    store::{self, families::Family, users::User},
    token::{Scope, issue::AccessClaims},
    trust::{self, Bearer},
};

/// The cookie with a user's access token.
pub const COOKIE: &str = "accessToken";
/// The cookie with the refresh token that goes with it.
pub const REFRESH_COOKIE: &str = "refreshToken";

/// Who calls: by a token of ours or of a trusted issuer, in the header or the cookie. The tenant may be named by the query
/// (`tenant`), and so may its trusted issuer (`issuer`). A token that maps to nobody is refused.
///
/// # Errors
/// `invalid_token` with the promised text; `invalid_request` when there is no token, or two; `access_denied` for nobody.
pub async fn required(app: &App, headers: &HeaderMap, query: Option<&str>) -> Result<Bearer, ApiError> {
    let params = Params::parse(query.unwrap_or_default())?;
    let named = Named { tenant: params.one("tenant")?, issuer: params.one("issuer")? };
    judge(app, &credential(headers)?, named, &[]).await
}

/// An administrator of a tenant, by a token [`in_header`]. They ask by a client that may administer (`admin_api`), with a token that was
/// asked for to administer with, which nobody else takes.
///
/// # Errors
/// As [`required`]; `access_denied` (403) for anybody else, and for a token that is for something else.
pub async fn administrator(app: &App, token: &str) -> Result<(Bearer, User), ApiError> {
    let administers = admin_api(app.issuer());
    // Who comes with a token that is for us otherwise is told what to ask for.
    let audience = [app.issuer().to_owned(), administers.clone()];
    let bearer = judge(app, token, Named::default(), &audience).await?;
    let user = require_administrator(app, &bearer).await?;
    if !is_for_alone(&bearer, &administers) {
        let why = format!(
            "the token is not for the admin API alone: ask for one with resource={administers} (RFC 8707), or use a personal token"
        );
        return Err(forbidden(why, &bearer.subject));
    }
    Ok((bearer, user))
}

/// The administrator behind a token of a client that may administer.
async fn require_administrator(app: &App, bearer: &Bearer) -> Result<User, ApiError> {
    let family = bearer.family.as_ref();
    let user = match family {
        Some(family) => store::users::find(&app.db, &family.user_id).await?,
        None => None,
    };
    let user = user.filter(|user| (user.admin || user.platform) && user.active);
    let user = user.ok_or_else(|| forbidden("only an administrator of the tenant may ask this", &bearer.subject))?;
    let client = match family {
        Some(family) => store::clients::find(&app.db, &family.client_id).await?,
        None => None,
    };
    if !client.is_some_and(|client| client.settings.admin_api) {
        let why = "the token's client may not administer: ask with a token of one with admin_api, or with a personal token";
        return Err(forbidden(why, &bearer.subject));
    }
    Ok(user)
}

/// Whether the token is for this audience and nobody else's.
fn is_for_alone(bearer: &Bearer, audience: &str) -> bool {
    let names = bearer.own.as_ref().map(|own| own.aud.names()).unwrap_or_default();
    !names.is_empty() && names.iter().all(|name| name == audience)
}

/// Who asks is known, and may not.
#[must_use]
pub fn forbidden(why: impl Into<Cow<'static, str>>, who: &str) -> ApiError {
    ApiError { status: StatusCode::FORBIDDEN, ..ApiError::new(error(Code::AccessDenied, why), format!("asked by {who}")) }
}

/// What a request says of where its token comes from.
#[derive(Clone, Copy, Default)]
struct Named<'a> {
    tenant: Option<&'a str>,
    issuer: Option<&'a str>,
}

/// `audience`: whom a token of ours must be for, where that is not us as ever.
async fn judge(app: &App, token: &str, named: Named<'_>, audience: &[String]) -> Result<Bearer, ApiError> {
    let now = app.clock.now();
    // A tenant that does not exist trusts nobody: its name tells a stranger no more than another's.
    let tenant = match named.tenant {
        Some(name) => Some(app.trust.catalogue_of_named(now, name).await?.tenant_by_name(name).map(|t| t.id.clone())),
        None => None,
    };
    let tenant = tenant.as_ref().map(|found| found.as_deref().unwrap_or_default());
    let sources = match named.issuer {
        Some(name) => Some(app.trust.catalogue_of_any(now, tenant).await?.sources_named(tenant, name)),
        None => None,
    };
    let bearer = trust::judge(app, token, &Scope { tenant, sources: sources.as_ref(), audience }).await?;
    if bearer.principals.is_empty() && bearer.teams.is_empty() {
        let cause = format!("{} of issuer {} in tenant {} matches no mapping", bearer.subject, bearer.issuer, bearer.tenant);
        let nobody = ApiError::new(error(Code::AccessDenied, "the token maps to no identity"), cause);
        return Err(ApiError { status: StatusCode::FORBIDDEN, ..nobody });
    }
    Ok(bearer)
}

/// The token of a request. Header and cookie may both be there if they say the same (RFC 6750 §2).
///
/// # Errors
/// `invalid_request` with the promised text.
pub fn credential(headers: &HeaderMap) -> Result<String, ApiError> {
    let cookie = only_cookie(headers, COOKIE).filter(|token| !token.is_empty());
    let header = match in_header(headers) {
        Ok(header) => header,
        Err(e) if headers.contains_key(header::AUTHORIZATION) => return Err(e),
        Err(e) => return cookie.ok_or(e),
    };
    if cookie.is_some_and(|cookie| cookie != header) {
        return Err(error(Code::InvalidRequest, "the header and the cookie hold different tokens").into());
    }
    Ok(header.to_owned())
}

/// The token of the `Authorization` header, the one place where whatever changes something looks for it: that must not follow
/// from a cookie, which a browser sends whoever made it call (CSRF).
///
/// # Errors
/// `invalid_request` (401) with the promised text.
pub fn in_header(headers: &HeaderMap) -> Result<&str, ApiError> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (value, more) = (values.next(), values.next());
    let value = value.ok_or_else(|| missing("Missing Authorization header"))?;
    let token = value.to_str().ok().and_then(|v| v.split_once(' ')).filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    let token = token.map(|(_, token)| token.trim()).filter(|token| !token.is_empty() && more.is_none());
    token.ok_or_else(|| missing("Invalid authorization header format"))
}

/// The living access token of a user in the header, for whatever resource, and the family it belongs to: who was given it
/// with `openid` may ask whose it is. One that administers is for nothing else.
///
/// # Errors
/// As [`required`], for tokens of ours alone; `insufficient_scope` for one that acts as a principal.
pub async fn access_token(app: &App, headers: &HeaderMap) -> Result<(AccessClaims, Arc<Family>), ApiError> {
    let token = in_header(headers)?;
    let claims = app.own_access_token(token).await;
    let claims = claims.map_err(|e| ApiError::new(error(Code::InvalidToken, e.to_string()), e.detail()))?;
    if claims.aud.names().contains(&admin_api(app.issuer())) {
        return Err(ApiError::new(error(Code::InvalidToken, "Invalid audience"), "it is for the admin API alone"));
    }
    if claims.fam.is_none() {
        return Err(ApiError::new(error(Code::InsufficientScope, "the access token is not a user's"), "it acts as a principal"));
    }
    let family = require_living(app, &claims).await?.map_err(|cause| ApiError::new(not_active(), cause))?;
    Ok((claims, family))
}

/// The family of an access token, if everything it stands on is still switched on; the inner error says what is not.
///
/// # Errors
/// When the database does not answer.
pub async fn require_living(app: &App, claims: &AccessClaims) -> Result<Result<Arc<Family>, String>, ApiError> {
    let Some(family) = &claims.fam else { return Ok(Err("it is no user's".into())) };
    let footing = store::standing::of_family(&app.db, family, app.clock.now()).await?;
    let Some(footing) = footing else { return Ok(Err("its family, or what that stands on, is gone".into())) };
    if !trust::is_of(claims, &footing) {
        return Ok(Err("its family is not its own".into()));
    }
    Ok(footing.standing.map(|()| footing.family).map_err(|refusal| refusal.to_string()))
}

fn not_active() -> OAuthError {
    error(Code::InvalidToken, "Token is not active")
}

fn missing(description: &'static str) -> ApiError {
    let mut e = ApiError::new(error(Code::InvalidRequest, description), "");
    e.status = StatusCode::UNAUTHORIZED;
    e.challenge = Some("Bearer realm=\"gatehouse\"");
    e
}
