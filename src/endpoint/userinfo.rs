//! `GET` and `POST /oauth2/userinfo` (OpenID Connect Core §5.3): what the access token's scopes allow to know.

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
    response::Response,
};
use serde_json::{Map, json};

use crate::{
    app::App,
    bearer, body,
    error::ApiError,
    oauth::{
        error::{Code, error},
        scope::Scopes,
    },
    store,
};

/// Handles a request with an access token.
pub async fn userinfo(State(app): State<App>, headers: HeaderMap) -> Result<Response, ApiError> {
    let (claims, family) = bearer::access_token(&app, &headers).await?;
    let scope = Scopes::parse(&claims.scope).unwrap_or_default();
    if !scope.has("openid") {
        return Err(ApiError::new(error(Code::InsufficientScope, "the access token lacks the scope openid"), ""));
    }
    let gone = || ApiError::new(error(Code::InvalidToken, "Token is not active"), "its user is gone");
    let user = store::users::find(&app.db, &claims.sub).await?.ok_or_else(gone)?;
    let mut answer = Map::new();
    answer.insert("sub".into(), user.id.clone().into());
    answer.insert("tenant".into(), claims.tenant.into());
    if scope.has("email") {
        answer.insert("email".into(), user.email.as_str().into());
        answer.insert("email_verified".into(), user.email_proven.into());
    }
    if scope.has("profile") {
        if let Some(name) = &user.name {
            answer.insert("name".into(), name.as_str().into());
        }
        answer.insert("updated_at".into(), user.updated_at.into());
    }
    if scope.has("groups") {
        let teams = store::teams::of_user(&app.db, &user.id).await?;
        answer.insert("teams".into(), json!(teams.into_iter().map(|t| t.name).collect::<Vec<_>>()));
        if let Some(connection) = &family.connection_id {
            // What the provider did not send is not known, which is not "in no group".
            if let Some(groups) = store::identities::groups(&app.db, &user.id, connection).await? {
                answer.insert("groups".into(), json!(groups));
            }
        }
    }
    Ok(body::answer(StatusCode::OK, &answer))
}
