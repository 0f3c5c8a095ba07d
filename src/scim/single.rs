//! One user or group by its address: the verbs of HTTP.

use axum::{
    body::Body,
    extract::{FromRequestParts, Path, RawQuery, State},
    http::{HeaderMap, HeaderName, StatusCode, header, request::Parts},
    response::{IntoResponse as _, Response},
};

use super::{
    answer, body,
    caller::Caller,
    error::{MEDIA_TYPE, ScimError},
    fault::Fault,
    query::Query,
    resource::{Versions, etag, location},
    schema::Projection,
    verb::{self, Kind, Resource},
};
use crate::app::App;

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

/// `POST /Users`, `POST /Groups`.
pub async fn create<K: Kind>(
    State(app): State<App>,
    caller: Caller,
    RawQuery(raw): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ScimError> {
    let projection = Query::of_url(raw.as_deref())?.projection(K::TYPE)?;
    let body = body::read(&app, &caller, &headers, body, verb::largest(K::TYPE)).await?;
    let made = verb::create(&app, &caller, K::TYPE, &body).await?;
    let (place, tag) = (location(&app, K::TYPE, made.id()), etag(made.version()));
    let body = made.shown(&app, true, &projection).await?;
    let answer = answer::send_done(&app, &caller, StatusCode::CREATED, body).await;
    Ok(([(header::ETAG, tag), (header::LOCATION, place)], answer).into_response())
}

/// `GET /Users/{id}`, `GET /Groups/{id}`.
pub async fn read<K: Kind>(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id,
    RawQuery(raw): RawQuery,
    headers: HeaderMap,
) -> Result<Response, ScimError> {
    let projection = Query::of_url(raw.as_deref())?.projection(K::TYPE)?;
    let found = verb::find(&app, &caller, K::TYPE, &id).await?;
    let tag = etag(found.version());
    // A user's version says nothing of their groups; a group's says everything of its members.
    let tells_all = matches!(found, Resource::Group(_)) || !projection.wants("groups");
    if tells_all && versions(&headers, &header::IF_NONE_MATCH).is_some_and(|known| known.include(found.version())) {
        let headers = [(header::ETAG, tag), (header::CONTENT_TYPE, MEDIA_TYPE.to_owned())];
        return Ok((StatusCode::NOT_MODIFIED, headers).into_response());
    }
    let turn = found.afford(&app, &caller, &projection).await?;
    let body = found.shown(&app, false, &projection).await?;
    drop(turn);
    Ok(([(header::ETAG, tag)], answer::send(&app, &caller, StatusCode::OK, &body).await?).into_response())
}

/// `PUT /Users/{id}`, `PUT /Groups/{id}`.
pub async fn replace<K: Kind>(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id,
    RawQuery(raw): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ScimError> {
    let projection = Query::of_url(raw.as_deref())?.projection(K::TYPE)?;
    let body = body::read(&app, &caller, &headers, body, verb::largest(K::TYPE)).await?;
    let expected = versions(&headers, &header::IF_MATCH);
    let replaced = verb::replace(&app, &caller, K::TYPE, &id, expected.as_ref(), &body).await?;
    shown(&app, &caller, replaced, &projection).await
}

/// `PATCH /Users/{id}`, `PATCH /Groups/{id}`. The latter answers with nothing, so that nobody reads fifty thousand members to
/// be told of one.
pub async fn patch<K: Kind>(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id,
    RawQuery(raw): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ScimError> {
    let projection = Query::of_url(raw.as_deref())?.projection(K::TYPE)?;
    let body = body::read(&app, &caller, &headers, body, verb::largest(K::TYPE)).await?;
    let expected = versions(&headers, &header::IF_MATCH);
    match verb::patch(&app, &caller, K::TYPE, &id, expected.as_ref(), &body).await? {
        Resource::Group(group) => Ok((StatusCode::NO_CONTENT, [(header::ETAG, etag(group.version))]).into_response()),
        user => shown(&app, &caller, user, &projection).await,
    }
}

/// `DELETE /Users/{id}`, `DELETE /Groups/{id}`.
pub async fn delete<K: Kind>(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id,
    headers: HeaderMap,
) -> Result<StatusCode, ScimError> {
    verb::delete(&app, &caller, K::TYPE, &id, versions(&headers, &header::IF_MATCH).as_ref()).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn shown(app: &App, caller: &Caller, resource: Resource, projection: &Projection) -> Result<Response, ScimError> {
    let tag = etag(resource.version());
    let body = resource.shown(app, false, projection).await?;
    Ok(([(header::ETAG, tag)], answer::send_done(app, caller, StatusCode::OK, body).await).into_response())
}

fn versions(headers: &HeaderMap, name: &HeaderName) -> Option<Versions> {
    headers.get(name).map(|value| Versions::read(value.to_str().unwrap_or_default()))
}
