//! Lists of users and groups: by the parameters of an address, or by a search body.
//!
//! A look-up by an index is one request, however large the directory is. What has to look at many resources counts as more
//! of them, or one customer's searches would take the database from the others, and what would have to look at too many is
//! refused (RFC 7644 §3.4.2.2 leaves that to us): no source sends such a filter while it provisions. What looks at many is
//! done one at a time for each tenant, and ended when it takes too long.

use std::time::Duration;

use axum::{
    body::Body,
    extract::{RawQuery, State},
    http::HeaderMap,
    response::Response,
};
use serde_json::{Value, json};

use super::{
    answer, body,
    caller::Caller,
    condition,
    error::ScimError,
    fault::Fault,
    filter::{self, Filter},
    query::Query,
    schema::{Projection, ResourceType},
    verb::{self, Kind},
};
use crate::{
    app::App,
    limit::turns::Turn,
    store::{
        condition::Condition,
        search::{Page, Search, SortBy},
    },
};

/// How many resources one search may look at.
const MOST: i64 = 100_000;
/// How much may be compared with each of them before that counts as another look ([`Condition::weight`]).
const LIGHT: i64 = 4;
/// How long the database may be at one search: one that is allowed takes half a second.
const TIME: Duration = Duration::from_secs(5);
/// How many of them count as one more request.
const AT_ONCE: i64 = 1_000;
/// How many resources before a page of everything count as one more request: they are only counted off in an index.
const SKIPPED: i64 = 50_000;
/// How many resources of a page of everything count as one more request: for `totalResults` each is counted in an index, of a million
/// for as long as five others take.
const COUNTED: i64 = 200_000;

/// `GET /Users`, `GET /Groups`.
pub async fn list<K: Kind>(State(app): State<App>, caller: Caller, RawQuery(raw): RawQuery) -> Result<Response, ScimError> {
    answer(&app, &caller, K::TYPE, &Query::of_url(raw.as_deref())?).await
}

/// `POST /Users/.search`, `POST /Groups/.search`.
pub async fn search<K: Kind>(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ScimError> {
    let question = body::read(&app, &caller, &headers, body, body::SMALL).await?;
    answer(&app, &caller, K::TYPE, &Query::of_body(&question)?).await
}

async fn answer(app: &App, caller: &Caller, kind: &'static ResourceType, query: &Query) -> Result<Response, ScimError> {
    let projection = query.projection(kind)?;
    let filter = query.filter.as_deref().map(filter::parse).transpose()?;
    let (condition, rest) = match &filter {
        Some(filter) => condition::compile_with_rest(filter, kind)?,
        None => (Condition::always(), None),
    };
    if let Some(rest) = rest {
        return one(app, caller, kind, query, &condition, rest).await;
    }
    let page = Page {
        sort_by: query.sort_by.as_deref().map_or(Ok(SortBy::Age), |name| condition::sort_by(name, kind))?,
        descending: query.descending,
        offset: query.start_index - 1,
        limit: query.count,
    };
    let search = Search { directory: &caller.directory.id, condition: &condition, page, time: None };
    let turn = afford(app, caller, kind, query, &search).await?;
    let search = Search { time: turn.is_some().then_some(TIME), ..search };
    let found = verb::list(app, caller, kind, &search, &projection).await;
    let (listed, paid) = found.map_err(|e| if e.too_long { too_many(kind, query).into() } else { e })?;
    drop(turn);
    caller.charge(app, done(&page, listed.total, condition.is_always()));
    answer::send_list(app, caller, &answer_of(query, listed.total, listed.rows), paid).await
}

/// As how many requests more a page counts that has been read, of a list of `total`. What a filter looked at is paid before.
fn done(page: &Page, total: i64, is_everything: bool) -> i64 {
    // Of those before the page as many as there are: whoever asks behind the end has not had them counted off.
    page.offset.min(total) / SKIPPED + if is_everything { total / COUNTED } else { 0 }
}

fn answer_of(query: &Query, total: i64, rows: Vec<Value>) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
        "totalResults": total,
        "startIndex": query.start_index,
        "itemsPerPage": rows.len(),
        "Resources": rows,
    })
}

/// The one resource that a filter names, if it is as the rest of the filter says.
async fn one(
    app: &App,
    caller: &Caller,
    kind: &'static ResourceType,
    query: &Query,
    condition: &Condition,
    rest: &Filter,
) -> Result<Response, ScimError> {
    let page = Page { sort_by: SortBy::Age, descending: false, offset: 0, limit: 1 };
    let search = Search { directory: &caller.directory.id, condition, page, time: None };
    let (found, paid) = verb::list(app, caller, kind, &search, &Projection::new(kind, None, None)?).await?;
    let mut found = found.rows;
    found.retain(|resource| rest.matches(resource, kind));
    let (total, projection) = (found.len(), query.projection(kind)?);
    if query.start_index > 1 || query.count == 0 {
        found.clear();
    }
    found.iter_mut().filter_map(Value::as_object_mut).for_each(|fields| projection.apply(fields));
    answer::send_list(app, caller, &answer_of(query, i64::try_from(total).unwrap_or_default(), found), paid).await
}

/// Counts what a search costs beyond the one request that it is, and waits for its turn if that is anything.
async fn afford(
    app: &App,
    caller: &Caller,
    kind: &'static ResourceType,
    query: &Query,
    search: &Search<'_>,
) -> Result<Option<Turn>, ScimError> {
    // Who asks a hundred things of each looks at each many times.
    let times = ((search.condition.weight() + LIGHT - 1) / LIGHT).max(1);
    let looks = times * verb::looks(app, kind, search, MOST / times + 1).await?;
    if looks > MOST {
        return Err(too_many(kind, query).into());
    }
    let requests = looks / AT_ONCE;
    caller.pay(app, requests, "searches too much")?;
    match requests + search.page.offset / SKIPPED {
        0 => Ok(None),
        _ => caller.turn(app, &app.limits.searches, "searches side by side").await.map(Some),
    }
}

fn too_many(kind: &ResourceType, query: &Query) -> Fault {
    match (&query.filter, &query.sort_by) {
        (None, Some(name)) => Fault::invalid_value(format!(
            "more than {MOST} {0}s cannot be sorted by {name}; by meta.created and {1} they can",
            kind.name,
            if kind.name == "Group" { "displayName" } else { "userName" },
        )),
        _ => Fault::invalid_filter(format!(
            "more than {MOST} {}s would have to be looked at, which for each {LIGHT} comparisons count anew: ask for fewer, with \
             eq or sw and an attribute such as userName, externalId, emails.value or displayName",
            kind.name
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_counts() {
        let page = |offset| Page { sort_by: SortBy::Age, descending: false, offset, limit: 200 };
        for (offset, total, is_everything, requests) in [
            (0, 199_999, true, 0),
            (0, 1_000_000, true, 5),
            (0, 1_000_000, false, 0),
            (500_000, 1_000_000, true, 15),
            (5_000_000, 100_000, true, 2),
        ] {
            assert_eq!(done(&page(offset), total, is_everything), requests, "{offset} of {total}");
        }
    }
}
