//! Lists of users and groups: by the parameters of an address, or by a search body.

use axum::{
    body::Body,
    extract::{RawQuery, State},
    http::{HeaderMap, StatusCode},
    response::Response,
};
use serde_json::{Value, json};

use super::{
    body,
    caller::Caller,
    condition,
    error::{ScimError, reply},
    filter,
    query::Query,
    resource,
    schema::{GROUP, ResourceType, USER},
};
use crate::{
    app::App,
    store::{
        condition::{Condition, Page, SortBy},
        directory_groups, directory_users,
    },
};

/// `GET /Users`.
pub async fn users(State(app): State<App>, caller: Caller, RawQuery(raw): RawQuery) -> Result<Response, ScimError> {
    list(&app, &caller, &USER, &Query::of_url(raw.as_deref())?).await
}

/// `GET /Groups`.
pub async fn groups(State(app): State<App>, caller: Caller, RawQuery(raw): RawQuery) -> Result<Response, ScimError> {
    list(&app, &caller, &GROUP, &Query::of_url(raw.as_deref())?).await
}

/// `POST /Users/.search`.
pub async fn search_users(State(app): State<App>, caller: Caller, headers: HeaderMap, body: Body) -> Result<Response, ScimError> {
    let question = body::read(&headers, body, body::SMALL).await?;
    list(&app, &caller, &USER, &Query::of_body(&question)?).await
}

/// `POST /Groups/.search`.
pub async fn search_groups(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ScimError> {
    let question = body::read(&headers, body, body::SMALL).await?;
    list(&app, &caller, &GROUP, &Query::of_body(&question)?).await
}

async fn list(app: &App, caller: &Caller, kind: &'static ResourceType, query: &Query) -> Result<Response, ScimError> {
    let condition = match &query.filter {
        Some(text) => condition::compile(&filter::parse(text)?, kind)?,
        None => Condition::always(),
    };
    let page = Page {
        sort_by: query.sort_by.as_deref().map_or(Ok(SortBy::Age), |name| condition::sort_by(name, kind))?,
        descending: query.descending,
        offset: query.start_index - 1,
        limit: query.count,
    };
    let (directory, projection) = (caller.directory.id.as_str(), query.projection());
    let (resources, total) = match kind.name {
        "Group" => {
            let listed = directory_groups::list(&app.db, directory, &condition, page).await?;
            (resource::groups(app, listed.rows, &projection).await?, listed.total)
        }
        _ => {
            let listed = directory_users::list(&app.db, directory, &condition, page).await?;
            (resource::users(app, listed.rows, &projection).await?, listed.total)
        }
    };
    Ok(reply(StatusCode::OK, &answer(&resources, total, query.start_index)))
}

fn answer(resources: &[Value], total: i64, start_index: i64) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
        "totalResults": total,
        "startIndex": start_index,
        "itemsPerPage": resources.len(),
        "Resources": resources,
    })
}
