//! `POST /oauth2/revoke` (RFC 7009): either token of a family ends the family, for the client that holds it; a token that
//! acts as a principal has no family and ends alone. An unknown token, or another client's, gets the same 200 and changes
//! nothing.

use axum::{
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
};

use super::caller::Caller;
use crate::{app::App, error::ApiError, grant::refresh_token, store};

/// Handles a revocation request. When the database fails, the caller gets an error, never a 200.
pub async fn revoke(State(app): State<App>, Caller { client, params }: Caller) -> Result<Response, ApiError> {
    let token = params.required("token", "token is missing")?;
    let now = app.clock.now();
    let family = match app.own_access_token(token).await {
        Ok(claims) if claims.client_id != client.id => None,
        Ok(claims) if claims.fam.is_none() => {
            // Remembered for as long as anybody's clock may take the token for good.
            let until = claims.exp + app.settings.clock_skew;
            store::replays::revoke_token(&app.db, &claims.jti, until).await?;
            None
        }
        Ok(claims) => claims.fam,
        Err(_) => refresh_token::read(&app.grants(), token).await.filter(|c| c.client_id == client.id).map(|c| c.family),
    };
    if let Some(family) = family {
        store::families::revoke(&app.db, &family, now).await?;
    }
    Ok((StatusCode::OK, [(header::CACHE_CONTROL, "no-store")]).into_response())
}
