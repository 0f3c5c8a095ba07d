//! `/oauth2/callback`, one URL for every tenant and connection unless a connection has its own: takes the departure that
//! this browser made and lets its connector judge the answer. OpenID providers answer by `GET`, SAML providers by `POST`,
//! and neither is taken for the other.

use axum::{
    extract::{OriginalUri, Path, RawForm, RawQuery, State, rejection::RawFormRejection},
    http::{StatusCode, Uri},
    response::Response,
};

use super::{arrival, departure::failed, dispatch, dispatch::Pending, repost, unsolicited};
use crate::{
    app::App,
    error::PageError,
    oauth::params::Params,
    policy::{access::Refusal, cause::Cause, connection::Protocol},
    secret,
    session::Visit,
    store::{self, connections::Connection, departures::Departure, standing::Parties, users::User},
};

/// The tenant and the connection whose own URL it is, by name; nothing for the URL that all share.
type Own = Option<Path<(String, String)>>;

/// `GET`: the answer of an OpenID provider.
pub async fn answered(State(app): State<App>, visit: Visit, own: Own, RawQuery(query): RawQuery) -> Result<Response, PageError> {
    let answer = read(query.unwrap_or_default().as_bytes())?;
    let state = answer.one("state").ok().flatten().ok_or_else(|| bad_answer("state is missing"))?;
    let state_hash = secret::digest(state);
    let departure = visit.departure(&app, &state_hash).await?.ok_or_else(PageError::no_login)?;
    arrive(&app, &visit, Answer { protocol: Protocol::Oidc, params: answer, own }, &state_hash, departure).await
}

/// `POST`: the answer of a SAML provider, or the same once more from a page of ours.
pub async fn posted(
    State(app): State<App>,
    mut visit: Visit,
    own: Own,
    OriginalUri(uri): OriginalUri,
    form: Result<RawForm, RawFormRejection>,
) -> Result<Response, PageError> {
    let RawForm(form) = form.map_err(|e| bad_answer(e.body_text()))?;
    let answer = read(&form)?;
    let name = answer.one("RelayState").ok().flatten().map(secret::digest);
    let departure = match &name {
        Some(state_hash) => visit.departure(&app, state_hash).await?,
        None => None,
    };
    match (name, departure) {
        (Some(state_hash), Some(departure)) => {
            arrive(&app, &visit, Answer { protocol: Protocol::Saml, params: answer, own }, &state_hash, departure).await
        }
        (name, _) => stray(&app, &mut visit, &uri, answer, own, name.as_deref()).await,
    }
}

/// An answer that names no departure of this browser, as far as its cookies came along. First it goes round, then it is
/// another browser's, or nobody's.
async fn stray(
    app: &App,
    visit: &mut Visit,
    uri: &Uri,
    answer: Params,
    own: Own,
    name: Option<&str>,
) -> Result<Response, PageError> {
    let response = answer.one("SAMLResponse").ok().flatten().filter(|text| repost::is_base64(text));
    let response = response.ok_or_else(|| bad_answer("SAMLResponse is missing or no base64"))?;
    let asked = match name {
        Some(state_hash) => store::departures::asked(&app.db, state_hash, app.clock.now()).await?,
        None => None,
    };
    if !repost::is_marked(&answer) {
        let relay_state = answer.one("RelayState").ok().flatten();
        return Ok(repost::page(app, uri, response, relay_state, asked.as_ref()));
    }
    match asked {
        Some(_) => Err(PageError::no_login()),
        None => unsolicited::begin(app, visit, answer, own.map(|Path(names)| names)).await,
    }
}

/// What the browser brought, and how.
struct Answer {
    /// The protocol that answers in this way.
    protocol: Protocol,
    params: Params,
    own: Own,
}

fn read(encoded: &[u8]) -> Result<Params, PageError> {
    let encoded = std::str::from_utf8(encoded).map_err(|_| bad_answer("the answer is not UTF-8"))?;
    let params = Params::parse(encoded).and_then(|p| p.once_each().map(|()| p));
    params.map_err(|e| bad_answer(e.description.into_owned()))
}

async fn arrive(app: &App, visit: &Visit, answer: Answer, state_hash: &str, departure: Departure) -> Result<Response, PageError> {
    let pending = dispatch::find(app, visit, &departure.login_id).await?;
    let connection = pending.offered.iter().find(|c| c.id == departure.connection_id).cloned();
    let connection = connection.ok_or_else(|| refused(&Refusal::ConnectionDisabled))?;

    visit.trace.over(&connection.name);
    let names = answer.params.names().join(", ");
    visit.trace.hop("came_back", &[("connection", &connection.name), ("parameters", &names)]);
    if connection.protocol != answer.protocol {
        let other = format!("connection {} does not answer by this protocol and method", connection.name);
        return Err(bad_answer(other).known(Cause::AnotherCallback));
    }
    // A code that came by another connection's URL was not sent to this one (mix-up, RFC 9700 §4.4.2).
    let expected = connection.settings.own_callback.then(|| (pending.tenant.name.clone(), connection.name.clone()));
    if answer.own.map(|Path(names)| names) != expected {
        let other = "the answer came by the callback URL of another connection";
        return Err(bad_answer(other).known(Cause::AnotherCallback));
    }
    let memo = app.sealer.open(&format!("departure/{state_hash}"), &departure.memo_sealed);
    let memo = memo.ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let memo = memo.ok_or_else(|| PageError::internal("the departure's memo does not open"))?;
    let connector = app.connector(&pending.tenant.name, &connection).await.map_err(|e| failed(&connection, &e))?;
    let callback_url = app.callback_url(&pending.tenant.name, &connection);
    let arrived = connector.arrive(&memo, &answer.params.into_map(), &callback_url, app.clock.now()).await;
    let again = format!("/login/{}", pending.login.id);
    let arrived = arrived.map_err(|e| failed(&connection, &e).way_on(again, "Try again"))?;
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

fn bad_answer(cause: impl Into<String>) -> PageError {
    let explanation = "Your identity provider sent you back with an answer that we cannot read.";
    PageError::new(StatusCode::BAD_REQUEST, "bad_answer", "We could not read the answer", explanation, cause)
        .advise("Go back to the application that you came from and sign in again.")
        .known(Cause::AnswerUnreadable)
}
