//! What the server says about itself, to everybody: it holds nothing of any tenant. Filters are left alone.

use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::Response,
};

use super::{
    caller::Caller,
    error::{ScimError, reply},
    fault::Fault,
    resource::base,
    schema,
};
use crate::app::App;

/// `GET /ServiceProviderConfig`.
pub async fn service_provider_config(State(app): State<App>) -> Response {
    reply(StatusCode::OK, schema::service_provider_config(&base(&app)))
}

/// `GET /ResourceTypes`.
pub async fn resource_types(State(app): State<App>) -> Response {
    reply(StatusCode::OK, schema::resource_types(&base(&app)))
}

/// `GET /ResourceTypes/{name}`.
pub async fn resource_type(State(app): State<App>, Path(name): Path<String>) -> Result<Response, ScimError> {
    let found = schema::resource_type(&base(&app), &name);
    Ok(reply(StatusCode::OK, &found.ok_or_else(|| Fault::not_found(&name))?))
}

/// `GET /Schemas`.
pub async fn schemas(State(app): State<App>) -> Response {
    reply(StatusCode::OK, schema::schemas(&base(&app)))
}

/// `GET /Schemas/{id}`.
pub async fn schema(State(app): State<App>, Path(id): Path<String>) -> Result<Response, ScimError> {
    let found = schema::schema(&base(&app), &id);
    Ok(reply(StatusCode::OK, &found.ok_or_else(|| Fault::not_found(&id))?))
}

/// `/Me`: who calls is a directory and no person.
pub async fn me(_: Caller) -> ScimError {
    Fault::new(501, "a directory's token is no person's, so there is no /Me").into()
}

/// `POST /.search`: users and groups are listed apart.
pub async fn search(_: Caller) -> ScimError {
    Fault::new(501, "users and groups cannot be searched together; send this to /Users/.search or /Groups/.search").into()
}
