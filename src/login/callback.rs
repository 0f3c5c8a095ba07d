//! `GET /oauth2/callback`, one URL for every tenant and connection: takes the departure that this browser made, lets
//! its connector judge the answer, links the identity to a user, and returns to the dispatcher.

use axum::{
    extract::{Path, RawQuery, State},
    http::StatusCode,
    response::Response,
};

use super::{departure::failed, dispatch, dispatch::Pending, link};
use crate::{
    app::App,
    connector::Arrived,
    error::PageError,
    oauth::params::Params,
    policy::{access::Refusal, identity::Identity},
    secret,
    session::{SignedIn, Visit},
    store::{self, connections::Connection, standing::Parties, users::User},
};

/// `GET /oauth2/callback`: the answer of a provider whose connection shares the URL.
pub async fn callback(State(app): State<App>, visit: Visit, RawQuery(query): RawQuery) -> Result<Response, PageError> {
    arrive(&app, &visit, query.as_deref(), None).await
}

/// `GET /oauth2/callback/{tenant}/{connection}`: the answer of a provider whose connection has a URL of its own.
pub async fn own_callback(
    State(app): State<App>,
    visit: Visit,
    Path(own): Path<(String, String)>,
    RawQuery(query): RawQuery,
) -> Result<Response, PageError> {
    arrive(&app, &visit, query.as_deref(), Some(own)).await
}

async fn arrive(app: &App, visit: &Visit, query: Option<&str>, own: Option<(String, String)>) -> Result<Response, PageError> {
    let params = Params::parse(query.unwrap_or_default()).and_then(|p| p.once_each().map(|()| p));
    let params = params.map_err(|e| bad_answer(e.description.into_owned()))?;
    let state = params.one("state").ok().flatten().ok_or_else(|| bad_answer("state is missing"))?;
    let state_hash = secret::digest(state);
    let now = app.clock.now();
    let departure = visit.departure(app, &state_hash).await?;
    let mut pending = dispatch::find(app, visit, &departure.login_id).await?;
    let connection = pending.offered.iter().find(|c| c.id == departure.connection_id).cloned();
    let connection = connection.ok_or_else(|| refused(&Refusal::ConnectionDisabled))?;

    // A code that came by another connection's URL was not sent to this one (mix-up, RFC 9700 §4.4.2).
    let expected = connection.settings.own_callback.then(|| (pending.tenant.name.clone(), connection.name.clone()));
    if own != expected {
        return Err(bad_answer("the answer came by the callback URL of another connection"));
    }
    let memo = app.sealer.open(&format!("departure/{state_hash}"), &departure.memo_sealed);
    let memo = memo.ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let memo = memo.ok_or_else(|| PageError::internal("the departure's memo does not open"))?;
    let connector = app.connector(&pending.tenant.name, &connection).await.map_err(|e| failed(&connection, &e))?;
    let arrived = connector.arrive(&memo, &params.into_map(), &app.callback_url(&pending.tenant.name, &connection), now).await;
    let again = format!("/login/{}", pending.login.id);
    let Arrived { identity, .. } = arrived.map_err(|e| failed(&connection, &e).way_on(again, "Try again"))?;

    let user = link::user_of(app, &pending, &connection, &identity).await.map_err(|e| another_way(e, &pending))?;
    require_active(app, &pending, &user, Some(&connection)).await.map_err(|e| another_way(e, &pending))?;
    let who = sign_in(app, visit, &pending, &connection, &user, &identity).await?;
    store::logins::prove(&app.db, &pending.login.id, &who.sid).await?;
    pending.login.proven_by = Some(who.sid.clone());
    crate::metrics::login(connection.protocol.as_str(), "success");
    dispatch::proceed(app, visit, pending.login).await
}

/// Is everything that this person's sign-in stands on switched on?
///
/// # Errors
/// A page.
pub async fn require_active(app: &App, pending: &Pending, user: &User, connection: Option<&Connection>) -> Result<(), PageError> {
    let parties = Parties {
        tenant_id: &pending.tenant.id,
        client_id: Some(&pending.client.id),
        user_id: Some(&user.id),
        connection_id: connection.map(|c| c.id.as_str()),
        family_id: None,
    };
    let standing = store::standing::require(&app.db, parties, app.clock.now()).await?;
    standing.map_err(|refusal| {
        let page = refused(&refusal);
        crate::metrics::login(connection.map_or("password", |c| c.protocol.as_str()), page.kind);
        page
    })
}

/// A refusal, with the way back to where the person can choose another way to sign in, or sign in as somebody else.
#[must_use]
pub fn another_way(e: PageError, pending: &Pending) -> PageError {
    e.way_on(super::choose::path(pending), "Back to sign-in")
}

/// The page for a refusal by `policy::access`.
#[must_use]
pub fn refused(refusal: &Refusal) -> PageError {
    let (title, explanation) = match refusal {
        Refusal::UserDeactivated => ("Your account is deactivated", "Your account has been deactivated, so you cannot sign in."),
        _ => ("Sign-in is switched off", "Signing in this way is switched off at the moment."),
    };
    let kind = if *refusal == Refusal::UserDeactivated { "deactivated" } else { "switched_off" };
    PageError::new(StatusCode::FORBIDDEN, kind, title, explanation, refusal.to_string())
        .advise("Your organisation's administrator can switch it on again.")
}

async fn sign_in(
    app: &App,
    visit: &Visit,
    pending: &Pending,
    connection: &Connection,
    user: &User,
    identity: &Identity,
) -> Result<SignedIn, PageError> {
    let now = app.clock.now();
    let until = now + app.settings.session_absolute;
    let signed_in = SignedIn {
        sid: secret::random_id(),
        user_id: user.id.clone(),
        tenant_id: pending.tenant.id.clone(),
        connection_id: Some(connection.id.clone()),
        // What the provider says of the past is believed, unless its clock merely runs a little behind ours.
        auth_time: identity.auth_time.filter(|at| now - at > app.settings.clock_skew).unwrap_or(now),
        // How the person proved it is for the provider to say; RFC 8176 has no word for "elsewhere".
        amr: String::new(),
        until: identity.session_until.map_or(until, |end| end.min(until)),
        seen_at: now,
    };
    visit.sign_in(&signed_in).await?;
    Ok(signed_in)
}

fn bad_answer(cause: impl Into<String>) -> PageError {
    let explanation = "Your identity provider sent you back with an answer that we cannot read.";
    PageError::new(StatusCode::BAD_REQUEST, "bad_answer", "We could not read the answer", explanation, cause)
        .advise("Go back to the application that you came from and sign in again.")
}
