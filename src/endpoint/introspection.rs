//! `POST /oauth2/introspect` (RFC 7662): a client learns about tokens that are its own or meant for it, and of any
//! other only that it is not active. A token that acts as a principal is active while that stands as it did when the
//! token was made.

use axum::{extract::State, http::StatusCode, response::Response};
use serde_json::{Value, json};

use super::caller::Caller;
use crate::{
    app::App,
    body,
    error::ApiError,
    grant::refresh_token,
    oauth::{
        client::Client,
        error::{Code, error},
    },
    store::{self, standing::Parties},
    token::validator::Scope,
    trust::{self, Denied},
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
    Ok(body::answer(StatusCode::OK, &answer))
}

async fn access(app: &App, client: &Client, token: &str) -> Result<Option<Value>, ApiError> {
    let Ok(claims) = app.own_access_token(token).await else { return Ok(None) };
    let names = claims.aud.names();
    let meant = claims.client_id == client.id || names.iter().any(|a| *a == client.id || client.settings.resources.contains(a));
    if !meant {
        return Ok(None);
    }
    let scope = Scope { tenant: Some(&client.tenant_id), audience: names, ..Scope::default() };
    let bearer = match trust::judge(app, token, &scope).await {
        Ok(bearer) => bearer,
        Err(e @ (Denied::Store(_) | Denied::Unavailable(_))) => return Err(e.into()),
        Err(_) => return Ok(None),
    };
    let mut answer = json!({
        "active": true,
        "token_type": "Bearer",
        "iss": claims.iss,
        "sub": claims.sub,
        "aud": claims.aud,
        "client_id": claims.client_id,
        "exp": claims.exp,
        "iat": claims.iat,
        "jti": claims.jti,
        "tenant": claims.tenant,
    });
    let Some(object) = answer.as_object_mut() else { return Ok(None) };
    let scope = Some(claims.scope).filter(|scope| !scope.is_empty());
    object.extend(scope.map(|scope| ("scope".to_owned(), scope.into())));
    if claims.fam.is_some() {
        // The address as it is now. One that a foreign issuer gave is the name of nobody here.
        let email = claims.email.and(bearer.email.as_deref());
        object.extend(email.map(|email| ("username".to_owned(), email.into())));
    } else {
        let named = bearer.principal().map(|p| json!({"kind": p.kind.as_str(), "name": p.name, "id": p.id}));
        object.insert("principal".to_owned(), named.into());
        let origin = claims.origin.map(|origin| json!({"iss": origin.iss, "sub": origin.sub}));
        object.extend(origin.map(|origin| ("origin".to_owned(), origin)));
    }
    Ok(Some(answer))
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
