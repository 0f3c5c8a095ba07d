//! Sends the browser to an identity provider and remembers, under a random `state`, which login, browser and
//! connection the answer must belong to.

use axum::response::Response;

use super::{authorize::host, dispatch::Pending};
use crate::{
    app::App,
    connector::{self, Go, Wish},
    error::PageError,
    page,
    policy::cause::Cause,
    secret,
    session::Visit,
    store::{self, connections::Connection, departures::Departure},
};
use axum::http::StatusCode;

/// Departs over the offered connection called `name`.
///
/// # Errors
/// A page, when the connection is not offered or its provider cannot be asked.
pub async fn depart(app: &App, visit: &Visit, pending: &Pending, name: &str, hint: Option<&str>) -> Result<Response, PageError> {
    Ok(response(visit, plan(app, visit, pending, name, hint).await?))
}

/// Sends the browser off.
#[must_use]
pub fn response(visit: &Visit, go: Go) -> Response {
    page::leave(visit.redirect_status(), go)
}

/// Remembers a departure and says where the browser goes.
///
/// # Errors
/// As [`depart`].
pub async fn plan(app: &App, visit: &Visit, pending: &Pending, name: &str, hint: Option<&str>) -> Result<Go, PageError> {
    let connection = pending.offered.iter().find(|c| c.name == name);
    let connection =
        connection.ok_or_else(|| not_offered(format!("connection {name:?} is not offered by tenant {}", pending.tenant.name)))?;
    visit.trace.over(&connection.name);
    let connector = app.connector(&pending.tenant.name, connection).await.map_err(|e| failed(connection, &e))?;
    let request = &pending.login.request;
    let state = secret::random();
    let redirect_uri = app.callback_url(&pending.tenant.name, connection);
    let wish = Wish {
        state: &state,
        redirect_uri: &redirect_uri,
        login_hint: hint,
        force: request.prompt.login,
        select_account: request.prompt.select_account,
        max_age: request.max_age,
        now: app.clock.now(),
    };
    let departure = connector.depart(wish).await.map_err(|e| failed(connection, &e))?;
    let state_hash = secret::digest(&state);
    let memo_sealed = app.sealer.seal(&format!("departure/{state_hash}"), departure.memo.to_string().as_bytes());
    let row = Departure { login_id: pending.login.id.clone(), connection_id: connection.id.clone(), memo_sealed };
    store::departures::insert(&app.db, &state_hash, &visit.browser_hash(), &row, app.clock.now()).await?;
    store::departures::keep_newest(&app.db, &pending.login.id).await?;
    let to = match &departure.go {
        Go::Redirect(url) | Go::Post { action: url, .. } => host(url.as_str()),
    };
    let callback = host(&redirect_uri);
    visit.trace.hop(
        "left",
        &[("connection", &connection.name), ("protocol", connection.protocol.as_str()), ("to", to), ("callback", callback)],
    );
    Ok(departure.go)
}

fn not_offered(cause: String) -> PageError {
    let explanation = "That way of signing in is not offered here.";
    PageError::new(StatusCode::BAD_REQUEST, "not_offered", "Not offered", explanation, cause).known(Cause::NotOffered)
}

/// A page for a failure of this connection's connector; the cause, with its fix, goes to the log.
#[must_use]
pub fn failed(connection: &Connection, e: &connector::Error) -> PageError {
    let page = page(e);
    crate::metrics::login(connection.protocol.as_str(), page.kind);
    page.caused(format!("connection {}: {e}", connection.name))
}

/// A page for a connector's failure, whichever connection it is about.
#[must_use]
pub fn page(e: &connector::Error) -> PageError {
    let (status, kind, title, explanation) = match e {
        connector::Error::Refused(fault) if fault.cause == Cause::ProviderProblem => (
            StatusCode::BAD_GATEWAY,
            "provider_unreachable",
            "Your identity provider has a problem",
            "Your organisation's sign-in could not answer just now. Please try again in a minute.",
        ),
        connector::Error::Refused(_) => (
            StatusCode::FORBIDDEN,
            "provider_refused",
            "Your identity provider said no",
            "Your organisation's sign-in did not let you through.",
        ),
        connector::Error::Untrusted(_) => (
            StatusCode::BAD_REQUEST,
            "provider_untrusted",
            "We could not verify your sign-in",
            "The answer of your organisation's sign-in did not pass our checks.",
        ),
        connector::Error::Unreachable(_) => (
            StatusCode::BAD_GATEWAY,
            "provider_unreachable",
            "Your identity provider does not answer",
            "We could not reach your organisation's sign-in. Please try again in a minute.",
        ),
        connector::Error::Misconfigured(_) => (
            StatusCode::BAD_GATEWAY,
            "provider_misconfigured",
            "This sign-in is not set up correctly",
            "The connection to your organisation's sign-in needs its administrator.",
        ),
    };
    PageError::new(status, kind, title, explanation, e.to_string()).known(e.fault().cause)
}
