//! `POST /oauth2/introspect` (RFC 7662): a client learns about tokens that are its own or meant for it, and of any
//! other only that it is not active.

use axum::{
    Json,
    extract::State,
    http::header,
    response::{IntoResponse as _, Response},
};
use serde_json::{Value, json};

use super::caller::Caller;
use crate::{
    app::App,
    bearer,
    error::ApiError,
    grant::refresh_token,
    oauth::{
        client::Client,
        error::{Code, error},
    },
    store::{self, standing::Parties},
};

/// Handles an introspection request.
pub async fn introspect(State(app): State<App>, Caller { client, params }: Caller) -> Result<Response, ApiError> {
    if client.is_public() {
        // RFC 7662 §2.1: who cannot prove anything could scan for tokens.
        return Err(ApiError::new(
            error(Code::InvalidClient, "client authentication is required"),
            "public client at introspection",
        ));
    }
    let token = params.required("token", "token is missing")?;
    let answer = match access(&app, &client, token).await? {
        Some(answer) => answer,
        None => refresh(&app, &client, token).await?.unwrap_or_else(|| json!({ "active": false })),
    };
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(answer)).into_response())
}

async fn access(app: &App, client: &Client, token: &str) -> Result<Option<Value>, ApiError> {
    let Ok(claims) = app.own_access_token(token).await else { return Ok(None) };
    let names = claims.aud.names();
    let meant = claims.client_id == client.id || names.iter().any(|a| *a == client.id || client.settings.resources.contains(a));
    if !meant || bearer::require_living(app, &claims).await?.is_err() || !same_tenant(app, client, &claims.tenant).await? {
        return Ok(None);
    }
    let mut answer = json!({
        "active": true,
        "token_type": "Bearer",
        "iss": claims.iss,
        "sub": claims.sub,
        "aud": claims.aud,
        "client_id": claims.client_id,
        "scope": claims.scope,
        "exp": claims.exp,
        "iat": claims.iat,
        "jti": claims.jti,
        "tenant": claims.tenant,
    });
    if let (Some(email), Some(object)) = (claims.email, answer.as_object_mut()) {
        object.insert("username".into(), email.into());
    }
    Ok(Some(answer))
}

async fn same_tenant(app: &App, client: &Client, tenant: &str) -> Result<bool, ApiError> {
    let own = store::tenants::find(&app.db, &client.tenant_id).await?;
    Ok(own.is_some_and(|t| t.name == tenant))
}

async fn refresh(app: &App, client: &Client, token: &str) -> Result<Option<Value>, ApiError> {
    let Some(claims) = refresh_token::read(&app.grants(), token).await else { return Ok(None) };
    if claims.client_id != client.id {
        return Ok(None);
    }
    let family = store::families::find(&app.db, &claims.family).await?;
    let Some(family) = family.filter(|f| f.current_hash.as_deref() == Some(claims.hash.as_str())) else { return Ok(None) };
    let parties = Parties {
        tenant_id: &family.tenant_id,
        client_id: Some(&client.id),
        user_id: Some(&family.user_id),
        connection_id: family.connection_id.as_deref(),
        family_id: Some(&family.id),
    };
    if store::standing::require(&app.db, parties, app.clock.now()).await?.is_err() {
        return Ok(None);
    }
    Ok(Some(json!({
        "active": true,
        "iss": app.issuer(),
        "sub": family.user_id,
        "client_id": family.client_id,
        "scope": family.scope,
        "iat": claims.issued_at,
        "exp": claims.expires_at,
    })))
}
