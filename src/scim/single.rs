//! One user or group by its address: the verbs of HTTP over `users` and `groups`.

use axum::{
    body::Body,
    extract::{FromRequestParts, Path, RawQuery, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse as _, Response},
};
use serde_json::Value;

use super::{
    body,
    caller::Caller,
    error::{MEDIA_TYPE, ScimError, reply},
    fault::Fault,
    groups,
    query::Query,
    resource::{self, Versions, etag, location},
    schema::{GROUP, Projection, ResourceType, USER},
    users,
};
use crate::{
    app::App,
    store::{directory_groups::DirectoryGroup, directory_users::DirectoryUser},
};

/// The id in the path.
#[derive(Clone, Debug)]
pub struct Id(String);

impl FromRequestParts<App> for Id {
    type Rejection = ScimError;

    /// No id of ours holds a NUL, about which the databases do not agree.
    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ScimError> {
        match Path::<String>::from_request_parts(parts, app).await {
            Ok(Path(id)) if !id.contains('\0') => Ok(Self(id)),
            Ok(Path(id)) => Err(Fault::not_found(&id.replace('\0', "\u{fffd}")).into()),
            Err(_) => Err(Fault::invalid_value("the id in the path is not UTF-8").into()),
        }
    }
}

/// `POST /Users`.
pub async fn create_user(
    State(app): State<App>,
    caller: Caller,
    RawQuery(raw): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ScimError> {
    let projection = Query::of_url(raw.as_deref())?.projection();
    let body = body::read(&headers, body, body::SMALL).await?;
    let row = users::create(&app, &caller, &body).await?;
    show_user(&app, StatusCode::CREATED, row, &projection).await
}

/// `GET /Users/{id}`.
pub async fn user(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id,
    RawQuery(raw): RawQuery,
    headers: HeaderMap,
) -> Result<Response, ScimError> {
    let projection = Query::of_url(raw.as_deref())?.projection();
    let row = users::find(&app, &caller, &id).await?;
    if is_known(&headers, row.version) {
        return Ok(not_modified(row.version));
    }
    show_user(&app, StatusCode::OK, row, &projection).await
}

/// `PUT /Users/{id}`.
pub async fn replace_user(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id,
    RawQuery(raw): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ScimError> {
    let projection = Query::of_url(raw.as_deref())?.projection();
    let body = body::read(&headers, body, body::SMALL).await?;
    let row = users::replace(&app, &caller, &id, versions(&headers, &header::IF_MATCH).as_ref(), &body).await?;
    show_user(&app, StatusCode::OK, row, &projection).await
}

/// `PATCH /Users/{id}`.
pub async fn patch_user(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id,
    RawQuery(raw): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ScimError> {
    let projection = Query::of_url(raw.as_deref())?.projection();
    let body = body::read(&headers, body, body::SMALL).await?;
    let row = users::patch(&app, &caller, &id, versions(&headers, &header::IF_MATCH).as_ref(), &body).await?;
    show_user(&app, StatusCode::OK, row, &projection).await
}

/// `DELETE /Users/{id}`.
pub async fn delete_user(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id,
    headers: HeaderMap,
) -> Result<StatusCode, ScimError> {
    users::delete(&app, &caller, &id, versions(&headers, &header::IF_MATCH).as_ref()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /Groups`.
pub async fn create_group(
    State(app): State<App>,
    caller: Caller,
    RawQuery(raw): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ScimError> {
    let projection = Query::of_url(raw.as_deref())?.projection();
    let body = body::read(&headers, body, body::GROUP).await?;
    let row = groups::create(&app, &caller, &body).await?;
    show_group(&app, StatusCode::CREATED, row, &projection).await
}

/// `GET /Groups/{id}`.
pub async fn group(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id,
    RawQuery(raw): RawQuery,
    headers: HeaderMap,
) -> Result<Response, ScimError> {
    let projection = Query::of_url(raw.as_deref())?.projection();
    let row = groups::find(&app, &caller, &id).await?;
    if is_known(&headers, row.version) {
        return Ok(not_modified(row.version));
    }
    show_group(&app, StatusCode::OK, row, &projection).await
}

/// `PUT /Groups/{id}`.
pub async fn replace_group(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id,
    RawQuery(raw): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ScimError> {
    let projection = Query::of_url(raw.as_deref())?.projection();
    let body = body::read(&headers, body, body::GROUP).await?;
    let row = groups::replace(&app, &caller, &id, versions(&headers, &header::IF_MATCH).as_ref(), &body).await?;
    show_group(&app, StatusCode::OK, row, &projection).await
}

/// `PATCH /Groups/{id}`: answers with nothing, so that nobody reads fifty thousand members to be told of one.
pub async fn patch_group(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ScimError> {
    let body = body::read(&headers, body, body::GROUP).await?;
    let row = groups::patch(&app, &caller, &id, versions(&headers, &header::IF_MATCH).as_ref(), &body).await?;
    Ok((StatusCode::NO_CONTENT, [(header::ETAG, etag(row.version))]).into_response())
}

/// `DELETE /Groups/{id}`.
pub async fn delete_group(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id,
    headers: HeaderMap,
) -> Result<StatusCode, ScimError> {
    groups::delete(&app, &caller, &id, versions(&headers, &header::IF_MATCH).as_ref()).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn show_user(app: &App, status: StatusCode, row: DirectoryUser, projection: &Projection) -> Result<Response, ScimError> {
    let (id, version) = (row.id.clone(), row.version);
    let shown = resource::users(app, vec![row], projection).await?;
    Ok(show(app, status, &USER, &id, version, shown))
}

async fn show_group(app: &App, status: StatusCode, row: DirectoryGroup, projection: &Projection) -> Result<Response, ScimError> {
    let (id, version) = (row.id.clone(), row.version);
    let shown = resource::groups(app, vec![row], projection).await?;
    Ok(show(app, status, &GROUP, &id, version, shown))
}

fn show(app: &App, status: StatusCode, kind: &ResourceType, id: &str, version: i64, shown: Vec<Value>) -> Response {
    let mut response = reply(status, &shown.into_iter().next().unwrap_or_default());
    let place = (status == StatusCode::CREATED).then(|| location(app, kind, id));
    for (name, value) in [(header::ETAG, Some(etag(version))), (header::LOCATION, place)] {
        let value = value.and_then(|value| HeaderValue::try_from(value).ok());
        response.headers_mut().extend(value.map(|value| (name, value)));
    }
    response
}

fn versions(headers: &HeaderMap, name: &HeaderName) -> Option<Versions> {
    headers.get(name).map(|value| Versions::read(value.to_str().unwrap_or_default()))
}

fn is_known(headers: &HeaderMap, version: i64) -> bool {
    versions(headers, &header::IF_NONE_MATCH).is_some_and(|known| known.include(version))
}

fn not_modified(version: i64) -> Response {
    (StatusCode::NOT_MODIFIED, [(header::ETAG, etag(version)), (header::CONTENT_TYPE, MEDIA_TYPE.to_owned())]).into_response()
}
