//! Lists of users and groups: by the parameters of an address, or by a search body.
//!
//! A look-up by an index is one request, however large the directory is. What has to look at many resources counts as more
//! of them, or one customer's searches would take the database from the others, and what would have to look at too many is
//! refused (RFC 7644 §3.4.2.2 leaves that to us): no source sends such a filter while it provisions.

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
    fault::Fault,
    filter,
    query::Query,
    resource,
    schema::{GROUP, ResourceType, USER},
};
use crate::{
    app::App,
    store::{
        condition::Condition,
        directory_groups, directory_users,
        search::{Page, Search, SortBy},
    },
};

/// How many resources one search may look at.
const MOST: i64 = 100_000;
/// How many of them count as one more request.
const AT_ONCE: i64 = 1_000;
/// How many resources before a page of everything count as one more request: they are only counted off in an index.
const SKIPPED: i64 = 50_000;

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
    let search = Search { directory: &caller.directory.id, condition: &condition, page };
    let projection = query.projection();
    afford(app, caller, kind, query, &search).await?;
    let (resources, total) = match kind.name {
        "Group" => {
            let listed = directory_groups::list(&app.db, &search).await?;
            (resource::groups(app, listed.rows, &projection).await?, listed.total)
        }
        _ => {
            let listed = directory_users::list(&app.db, &search).await?;
            (resource::users(app, listed.rows, &projection).await?, listed.total)
        }
    };
    Ok(reply(StatusCode::OK, &answer(&resources, total, query.start_index)))
}

/// Counts what a search costs beyond the one request that it is.
async fn afford(
    app: &App,
    caller: &Caller,
    kind: &'static ResourceType,
    query: &Query,
    search: &Search<'_>,
) -> Result<(), ScimError> {
    let looks = match kind.name {
        "Group" => directory_groups::looks(&app.db, search, MOST + 1).await?,
        _ => directory_users::looks(&app.db, search, MOST + 1).await?,
    };
    if looks > MOST {
        return Err(too_many(kind, query).into());
    }
    caller.pay(app, looks / AT_ONCE + search.page.offset / SKIPPED)
}

fn too_many(kind: &ResourceType, query: &Query) -> Fault {
    match (&query.filter, &query.sort_by) {
        (None, Some(name)) => Fault::invalid_value(format!(
            "more than {MOST} {0}s cannot be sorted by {name}; by meta.created and {1} they can",
            kind.name,
            if kind.name == "Group" { "displayName" } else { "userName" },
        )),
        _ => Fault::invalid_filter(format!(
            "more than {MOST} {}s would have to be looked at: ask for fewer, with eq or sw and an attribute such as userName, \
             externalId, emails.value or displayName",
            kind.name
        )),
    }
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
