//! A bearer token of ours in the `Authorization` header: judged by the validator, then asked whether everything it
//! stands on is still switched on. Only the header is read: a token in a query leaks into logs (RFC 6750 §5.3).

use axum::http::{HeaderMap, header};

use crate::{
    app::App,
    error::ApiError,
    oauth::error::{Code, OAuthError, error},
    store::{self, families::Family, standing::Parties},
    token::issue::AccessClaims,
};

/// The living access token of a request, and the family it belongs to.
///
/// # Errors
/// `invalid_token` with the promised text; `invalid_request` when the header is missing or of another scheme.
pub async fn access_token(app: &App, headers: &HeaderMap) -> Result<(AccessClaims, Family), ApiError> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (value, more) = (values.next(), values.next());
    let Some(value) = value.filter(|_| more.is_none()) else {
        return Err(missing("Missing Authorization header"));
    };
    let token = value.to_str().ok().and_then(|v| v.split_once(' ')).filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    let Some((_, token)) = token else { return Err(missing("Invalid authorization header format")) };
    let claims = app.validator.validate_access(token.trim(), app.clock.now()).await;
    let claims = claims.map_err(|e| ApiError::new(error(Code::InvalidToken, e.to_string()), e.detail()))?;
    let family = require_living(app, &claims).await?.map_err(|cause| ApiError::new(not_active(), cause))?;
    Ok((claims, family))
}

/// The family of an access token, if everything it stands on is still switched on; the inner error says what is not.
///
/// # Errors
/// When the database does not answer.
pub async fn require_living(app: &App, claims: &AccessClaims) -> Result<Result<Family, String>, ApiError> {
    let Some(family) = &claims.fam else { return Ok(Err("it is no user's".into())) };
    let Some(family) = store::families::find(&app.db, family).await? else { return Ok(Err("its family is gone".into())) };
    if family.user_id != claims.sub || family.client_id != claims.client_id {
        return Ok(Err("its family is not its own".into()));
    }
    let parties = Parties {
        tenant_id: &family.tenant_id,
        client_id: Some(&family.client_id),
        user_id: Some(&family.user_id),
        connection_id: family.connection_id.as_deref(),
        family_id: Some(&family.id),
    };
    let standing = store::standing::require(&app.db, parties, app.clock.now()).await?;
    Ok(standing.map(|()| family).map_err(|refusal| refusal.to_string()))
}

fn not_active() -> OAuthError {
    error(Code::InvalidToken, "Token is not active")
}

fn missing(description: &'static str) -> ApiError {
    let mut e = ApiError::new(error(Code::InvalidRequest, description), "");
    e.status = axum::http::StatusCode::UNAUTHORIZED;
    e.challenge = Some("Bearer realm=\"gatehouse\"");
    e
}
