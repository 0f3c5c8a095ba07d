//! `POST /oauth2/token` (RFC 6749 §3.2): the phases every grant shares, in order: client → may it → grant → answer.

use axum::{
    Json,
    extract::State,
    http::header,
    response::{IntoResponse as _, Response},
};
use serde_json::json;

use super::caller::Caller;
use crate::{
    app::App,
    error::ApiError,
    grant::{self, GrantError, authorization_code::Redemption, refresh_token::Turn},
    oauth::{
        client::Client,
        error::{Code, error},
        params::Params,
    },
};

/// Handles a token request.
pub async fn token(State(app): State<App>, Caller { client, params }: Caller) -> Result<Response, ApiError> {
    let minted = match params.required("grant_type", "grant_type is missing")? {
        "authorization_code" => redeem(&app, &client, &params).await?,
        "refresh_token" => refresh(&app, &client, &params).await?,
        _ => return Err(error(Code::UnsupportedGrantType, "grant_type must be authorization_code or refresh_token").into()),
    };
    let mut answer = json!({
        "token_type": "Bearer",
        "access_token": minted.access_token,
        "expires_in": minted.expires_in,
        "scope": minted.scope.to_string(),
    });
    if let Some(object) = answer.as_object_mut() {
        if let Some(token) = minted.refresh_token {
            object.insert("refresh_token".into(), token.into());
        }
        if let Some(token) = minted.id_token {
            object.insert("id_token".into(), token.into());
        }
    }
    Ok(([(header::CACHE_CONTROL, "no-store"), (header::PRAGMA, "no-cache")], Json(answer)).into_response())
}

async fn redeem(app: &App, client: &Client, params: &Params) -> Result<grant::Minted, ApiError> {
    let verifiers: Vec<&str> = params.one("code_verifier")?.into_iter().collect();
    let resources = params.all("resource");
    let redemption = Redemption {
        code: params.required("code", "code is missing")?,
        redirect_uri: params.one("redirect_uri")?,
        verifiers: &verifiers,
        resources: &resources,
    };
    Ok(grant::authorization_code::redeem(&app.grants(), client, &redemption).await?)
}

async fn refresh(app: &App, client: &Client, params: &Params) -> Result<grant::Minted, ApiError> {
    let resources = params.all("resource");
    let turn = Turn {
        token: params.required("refresh_token", "refresh_token is missing")?,
        scope: params.one("scope")?,
        resources: &resources,
    };
    Ok(grant::refresh_token::rotate(&app.grants(), client, &turn).await?)
}

impl From<GrantError> for ApiError {
    fn from(e: GrantError) -> Self {
        match e {
            GrantError::Refused { error, cause } => Self::new(error, cause),
            GrantError::Store(e) => e.into(),
            GrantError::Sign(cause) => Self::new(error(Code::ServerError, "the tokens could not be signed"), cause),
        }
    }
}
