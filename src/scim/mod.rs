//! Directories push users and groups here (SCIM 2.0, RFC 7643 and 7644). The bearer token names the directory, and a
//! directory sees nothing but its own.
//!
//! A request goes through `caller` (which directory is it?) and `body` or `query` (what does it want?), is read by the pure
//! files (`document`, `filter`, `patch`, `schema`), and lands, by `verb`, in `users` and `groups`, each of whose functions is one
//! transaction; `bulk` does many of them at once; `account` says what becomes of local users, `said` who is out whatever
//! else cannot be taken, `admission` whether there may be one, `listing` answers questions, `resource`
//! writes what is returned, `answer` sends what of it is large, `error` everything else.

mod account;
mod admission;
mod answer;
pub mod body;
mod bulk;
pub mod caller;
pub mod condition;
mod discovery;
pub mod document;
pub mod error;
pub mod fault;
pub mod filter;
pub mod groups;
mod listing;
mod own_team;
pub mod patch;
pub mod query;
pub mod resource;
mod said;
pub mod schema;
mod single;
mod trail;
pub mod users;
mod verb;

use std::time::Duration;

use axum::{
    Router,
    extract::{Request, State},
    http::StatusCode,
    middleware,
    response::{IntoResponse as _, Response},
    routing::{any, get, post},
};
use tower::ServiceExt as _;
use tower_http::{catch_panic::CatchPanicLayer, timeout::TimeoutLayer};

use crate::app::App;
use verb::{Group, Kind, User};

/// How long a request may take in all: Okta hangs up after a minute, and others sooner.
const TIME_LIMIT: Duration = Duration::from_secs(25);

/// Where it all is.
pub const BASE: &str = "/scim/v2";

/// Everything below [`BASE`]. Each function limits the body by what it is for.
pub fn routes() -> Router<App> {
    let inner = Router::new()
        .merge(resources::<User>())
        .merge(resources::<Group>())
        .route("/.search", post(discovery::search))
        .route("/Bulk", post(bulk::bulk))
        .route("/Me", any(discovery::me))
        .route("/ServiceProviderConfig", get(discovery::service_provider_config))
        .route("/ResourceTypes", get(discovery::resource_types))
        .route("/ResourceTypes/{name}", get(discovery::resource_type))
        .route("/Schemas", get(discovery::schemas))
        .route("/Schemas/{id}", get(discovery::schema));
    let again = inner.clone();
    let inner = inner.fallback(|State(app): State<App>, request: Request| once_more(again, app, request));
    // The two that a nested router leaves to others.
    let outer = Router::new().route(BASE, any(nothing)).route(&format!("{BASE}/"), any(nothing));
    outer
        .nest(BASE, inner)
        .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, TIME_LIMIT))
        .layer(CatchPanicLayer::custom(|_: Box<dyn std::any::Any + Send>| {
            tracing::error!("a SCIM request panicked");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }))
        .layer(middleware::map_response(error::dress))
}

fn resources<K: Kind>() -> Router<App> {
    let (all, one) = (K::TYPE.endpoint, format!("{}/{{id}}", K::TYPE.endpoint));
    let list = get(listing::list::<K>).post(single::create::<K>);
    let verbs = get(single::read::<K>).put(single::replace::<K>).patch(single::patch::<K>).delete(single::delete::<K>);
    Router::new()
        .route(all, list.clone())
        .route(&format!("{all}/"), list)
        .route(&format!("{all}/.search"), post(listing::search::<K>))
        .route(&one, verbs)
}

/// Of a source whose base URL was entered with a slash at its end, every address has two, and means the one below. Nesting takes the
/// first of them away with the base, once it has found that nothing is there: so it is asked again. Anything else is nowhere twice.
async fn once_more(routes: Router<App>, app: App, request: Request) -> Response {
    let routes: Router = routes.with_state(app);
    match routes.oneshot(request).await {
        Ok(answer) => answer,
        Err(never) => match never {},
    }
}

async fn nothing() -> StatusCode {
    StatusCode::NOT_FOUND
}
