//! `/oauth2/callback`, one URL for every tenant and connection unless a connection has its own: takes the departure that
//! this browser made and lets its connector judge the answer. OpenID providers answer by `GET`, SAML providers by `POST`,
//! and neither is taken for the other.

use axum::{
    extract::{OriginalUri, Path, RawForm, RawQuery, State, rejection::RawFormRejection},
    http::{HeaderMap, StatusCode, Uri},
    response::Response,
};

use super::{
    answer::{Answer, Memo, Own, Unheard, bad},
    arrival,
    departure::failed,
    dispatch,
    dispatch::Pending,
    repost, trial, unsolicited,
};
use crate::{
    app::App,
    error::PageError,
    policy::{access::Refusal, cause::Cause, connection::Protocol},
    secret,
    session::Visit,
    store::{self, connections::Connection, departures::Departure, standing::Parties, users::User},
};

/// `GET`: the answer of an OpenID provider.
pub async fn answered(
    State(app): State<App>,
    visit: Visit,
    own: Own,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Response, PageError> {
    let answer = Answer::read(Protocol::Oidc, query.unwrap_or_default().as_bytes(), own)?;
    let state = answer.params.one("state").ok().flatten().ok_or_else(|| bad("state is missing"))?;
    let state_hash = secret::digest(state);
    if let Some(departure) = visit.departure(&app, &state_hash).await? {
        return arrive(&app, &visit, answer, &state_hash, departure).await;
    }
    if let Some(departure) = visit.trial(&app, &state_hash).await? {
        return trial::arrive(&app, &visit, answer, &state_hash, departure).await;
    }
    match trial::of_guest(&app, &visit, &headers, &state_hash).await? {
        Some(guests) => trial::arrive_at_guest(&app, &visit, answer, &state_hash, guests).await,
        None => Err(elsewhere(&app, &visit, &state_hash).await?),
    }
}

/// The page for an answer to a sign-in that is not under way in this browser. Where we gave its state out, the operator of the
/// tenant that it was for finds it by its code; the browser learns nothing of that.
async fn elsewhere(app: &App, visit: &Visit, state_hash: &str) -> Result<PageError, PageError> {
    if let Some((tenant_id, connection)) = store::departures::whose(&app.db, state_hash).await? {
        visit.trace.of_tenant(&tenant_id);
        visit.trace.over(&connection);
        visit.trace.hop("came_back", &[("connection", &connection)]);
    }
    Ok(PageError::no_login())
}

/// `POST`: the answer of a SAML provider, or the same once more from a page of ours.
pub async fn posted(
    State(app): State<App>,
    mut visit: Visit,
    own: Own,
    headers: HeaderMap,
    OriginalUri(uri): OriginalUri,
    form: Result<RawForm, RawFormRejection>,
) -> Result<Response, PageError> {
    let RawForm(form) = form.map_err(|e| bad(e.body_text()))?;
    let answer = Answer::read(Protocol::Saml, &form, own)?;
    let name = answer.params.one("RelayState").ok().flatten().map(secret::digest);
    if let Some(state_hash) = &name {
        if let Some(departure) = visit.departure(&app, state_hash).await? {
            return arrive(&app, &visit, answer, state_hash, departure).await;
        }
        if let Some(departure) = visit.trial(&app, state_hash).await? {
            return trial::arrive(&app, &visit, answer, state_hash, departure).await;
        }
        if let Some(guests) = trial::of_guest(&app, &visit, &headers, state_hash).await? {
            return trial::arrive_at_guest(&app, &visit, answer, state_hash, guests).await;
        }
    }
    stray(&app, &mut visit, &uri, answer, name.as_deref()).await
}

/// An answer that names no departure of this browser, as far as its cookies came along. First it goes round, then it is
/// another browser's, or nobody's.
async fn stray(app: &App, visit: &mut Visit, uri: &Uri, answer: Answer, name: Option<&str>) -> Result<Response, PageError> {
    let Answer { params: answer, own, .. } = answer;
    let response = answer.one("SAMLResponse").ok().flatten().filter(|text| repost::is_base64(text));
    let response = response.ok_or_else(|| bad("SAMLResponse is missing or no base64"))?;
    let now = app.clock.now();
    let (asked, tested) = match name {
        Some(state_hash) => {
            (store::departures::asked(&app.db, state_hash, now).await?, store::trials::is_away(&app.db, state_hash, now).await?)
        }
        None => (None, false),
    };
    if !repost::is_marked(&answer) {
        let relay_state = answer.one("RelayState").ok().flatten();
        return Ok(repost::page(app, uri, response, relay_state, asked.as_ref()));
    }
    match asked {
        None if !tested => unsolicited::begin(app, visit, answer, own.map(|Path(names)| names)).await,
        _ => Err(elsewhere(app, visit, name.unwrap_or_default()).await?),
    }
}

async fn arrive(app: &App, visit: &Visit, answer: Answer, state_hash: &str, departure: Departure) -> Result<Response, PageError> {
    let pending = dispatch::find(app, visit, &departure.login_id).await?;
    let connection = pending.offered.iter().find(|c| c.id == departure.connection_id).cloned();
    let connection = connection.ok_or_else(|| refused(&Refusal::ConnectionDisabled))?;

    visit.trace.over(&connection.name);
    let names = answer.params.names().join(", ");
    visit.trace.hop("came_back", &[("connection", &connection.name), ("parameters", &names)]);
    let memo = Memo { context: &format!("departure/{state_hash}"), sealed: &departure.memo_sealed };
    let again = format!("/login/{}", pending.login.id);
    let arrived = answer.judge(app, &pending.tenant, &connection, memo).await.map_err(|unheard| match unheard {
        Unheard::Stray(fault) => bad(fault.detail).known(fault.cause),
        Unheard::Failed(e) => failed(&connection, &e).way_on(again, "Try again"),
        Unheard::Forgotten => PageError::internal("the departure's memo does not open"),
    })?;
    arrival::welcome(app, visit, pending, &connection, arrived).await
}

/// Is everything that this person's sign-in stands on switched on?
///
/// # Errors
/// A page.
pub async fn require_active(app: &App, pending: &Pending, user: &User, connection: Option<&Connection>) -> Result<(), PageError> {
    let parties = Parties {
        tenant_id: &pending.tenant.id,
        client_id: pending.login.client_id(),
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
    // Behind an invite that is over there is no sign-in to go back to.
    if matches!(e.status, StatusCode::GONE | StatusCode::NOT_FOUND) {
        return e;
    }
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
        .known(match refusal {
            Refusal::UserDeactivated => Cause::Deactivated,
            Refusal::ConnectionDisabled => Cause::ConnectionOff,
            Refusal::PasswordsOff => Cause::PasswordsOff,
            _ => Cause::TenantOff,
        })
}
