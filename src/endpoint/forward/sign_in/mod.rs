//! The browser's way to sign in to a site, on the site's own host: `start` → our sign-in (as a client of the tenant) or the
//! issuer's own (by its OAuth client settings) → `callback` → the page first asked for; `sign_out` ends it.
//!
//! The proxy sends `/.gatehouse/` of each site here, or its dialect answers for it (`forward`, `envoy`). Answers are never
//! 2xx: these dialects would take that for "may pass".

mod callback;
mod destination;
mod sign_out;
mod start;
mod under_way;

use axum::{
    Router,
    extract::{Request, State},
    http::{Method, StatusCode, header::HeaderValue, request::Parts},
    response::{IntoResponse as _, Response},
    routing::any,
};

use super::{
    bad_question, decide,
    question::{self, Asked, BadQuestion, Question, once, own_host, scheme, target},
};
use crate::{
    app::App,
    error::PageError,
    trust::{Behind, catalogue::Catalogue},
};

const BELOW: &str = "/.gatehouse/";

/// Where a proxy sends `/.gatehouse/` of its sites.
pub fn routes() -> Router<App> {
    Router::new().route("/.gatehouse/{*rest}", any(routed))
}

/// Whether a path of a site is ours.
#[must_use]
pub fn is_ours(path: &str) -> bool {
    path.starts_with(BELOW)
}

async fn routed(State(app): State<App>, request: Request) -> Response {
    let parts = request.into_parts().0;
    let peer = question::peer(&parts);
    match question::trusted(&parts, &app.settings.trusted_proxies).and_then(|()| read(parts)) {
        Ok(question) => visit(&app, &question).await,
        Err(problem) => bad_question(&app, &problem, peer),
    }
}

/// The proxy passes the request on as it was; host and scheme are what the browser knows the site by.
fn read(parts: Parts) -> Result<Question, BadQuestion> {
    const HOST: &str = "x-forwarded-host";
    let host = if parts.headers.contains_key(HOST) {
        once(&parts.headers, HOST)?.to_owned()
    } else {
        own_host(&parts.headers, &parts.uri)?
    };
    let line = parts.uri.path_and_query().map_or("", |line| line.as_str());
    let asked = Asked {
        method: parts.method.clone(),
        scheme: scheme("x-forwarded-proto", once(&parts.headers, "x-forwarded-proto")?)?,
        host,
        target: target("the request line", line)?,
    };
    Question::new(asked, parts.headers, HOST)
}

/// One visit of a browser.
pub async fn visit(app: &App, question: &Question) -> Response {
    let is_current = |kept: &Catalogue, behind: &Behind| decide::is_current(kept, behind, &question.host);
    let answer = match app.trust.catalogue_where(app.clock.now(), is_current).await {
        Ok(catalogue) => step(app, question, &catalogue).await,
        Err(e) => Err(PageError::unavailable(e.to_string())),
    };
    let mut response = answer.unwrap_or_else(|e| way_out(e).into_response());
    let no_store = HeaderValue::from_static("no-store");
    response.headers_mut().insert(axum::http::header::CACHE_CONTROL, no_store);
    response
}

async fn step(app: &App, question: &Question, catalogue: &Catalogue) -> Result<Response, PageError> {
    match (question.path().strip_prefix(BELOW), &question.method) {
        (Some("start"), &Method::GET | &Method::HEAD) => start::start(app, question, catalogue),
        (Some("callback"), &Method::GET) => callback::callback(app, question, catalogue).await,
        (Some("sign-out"), &Method::GET | &Method::POST) => sign_out::sign_out(app, question, catalogue).await,
        _ => Err(PageError::new(
            StatusCode::NOT_FOUND,
            "not_found",
            "Page not found",
            "There is no page at this address.",
            "no such step of a site's sign-in",
        )),
    }
}

/// Every page that stops somebody leads on.
fn way_on(error: PageError) -> PageError {
    error.way_on("/".to_owned(), "Go to the start page")
}

fn way_out(error: PageError) -> PageError {
    if error.way_on.is_some() { error } else { way_on(error) }
}
