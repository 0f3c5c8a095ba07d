//! What happens once a connector has judged an answer to be true: it is used once, the identity is linked to a user, and
//! the browser is signed in. The same for every protocol and wherever the sign-in began.

use axum::response::Response;

use super::{
    callback::{another_way, require_active},
    departure::failed,
    dispatch,
    dispatch::Pending,
    link,
};
use crate::{
    app::App,
    connector::{self, Arrived, Once, ProviderSession},
    error::PageError,
    policy::{cause::Cause, identity::Identity},
    secret,
    session::{SignedIn, Visit},
    store::{self, connections::Connection, provider_sessions, users::User},
};

/// Takes an answer that the connector of `connection` has judged, and returns to the dispatcher.
///
/// # Errors
/// A page; with the way back to where the person can choose another way to sign in.
pub async fn welcome(
    app: &App,
    visit: &Visit,
    mut pending: Pending,
    connection: &Connection,
    arrived: Arrived,
) -> Result<Response, PageError> {
    let Arrived { identity, once, session, said } = arrived;
    let names: Vec<String> = said.into_iter().flat_map(|document| document.claims.into_iter().map(|(name, _)| name)).collect();
    let identity = identity.map_err(|e| {
        visit.trace.hop("identity", &[("claims", &names.join(", "))]);
        failed(connection, &e).way_on(format!("/login/{}", pending.login.id), "Try again")
    })?;
    visit.trace.arrived(&identity, &names);
    // Before anything that it says has an effect: of two that bring the same message, on any node, one is refused.
    if let Some(once) = once {
        use_up(app, connection, &once).await.map_err(|e| another_way(e, &pending))?;
    }
    let user = link::user_of(app, &pending, connection, &identity, visit).await;
    let user = user.map_err(|e| another_way(e, &pending))?;
    visit.trace.user(&user.id, user.email.as_str());
    visit.trace.hop("user", &[("user", &user.id), ("email", user.email.as_str())]);
    require_active(app, &pending, &user, Some(connection)).await.map_err(|e| another_way(e, &pending))?;
    let who = signed_in(app, &pending, connection, &user, &identity);
    // First what ends the session, then the session.
    if let Some(session) = session {
        remember(app, connection, &who, &session).await?;
    }
    visit.sign_in(&who).await?;
    store::logins::prove(&app.db, &pending.login.id, &who.sid).await?;
    pending.login.proven_by = Some(who.sid.clone());
    crate::metrics::login(connection.protocol.as_str(), "success");
    dispatch::proceed(app, visit, pending.login).await
}

/// Uses a message up, for all nodes and across restarts; its second use is refused (SAML Profiles §4.1.4.5).
///
/// # Errors
/// A page, when it was used before.
pub async fn use_up(app: &App, connection: &Connection, once: &Once) -> Result<(), PageError> {
    if is_first(app, connection, once).await? {
        return Ok(());
    }
    let cause = format!("message {:?} was used before: it was sent twice, or somebody replays it", once.id);
    Err(failed(connection, &connector::Error::Untrusted(Cause::Replayed.with(cause))))
}

/// Whether this is a message's first use, which its only one is.
///
/// # Errors
/// When the database does not answer.
pub async fn is_first(app: &App, connection: &Connection, once: &Once) -> Result<bool, PageError> {
    let name = secret::digest(&format!("{}/{}/{}", connection.protocol.as_str(), connection.id, once.id));
    Ok(store::replays::take(&app.db, &name, once.until, app.clock.now()).await?)
}

/// Where the provider says when its session ends (`SessionNotOnOrAfter`), ours ends no later. Refresh tokens that it has
/// given go on: they are for the time when the person is away, and end by sign-out, single logout or revocation.
fn signed_in(app: &App, pending: &Pending, connection: &Connection, user: &User, identity: &Identity) -> SignedIn {
    let now = app.clock.now();
    let until = now + app.settings.session_absolute;
    SignedIn {
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
    }
}

/// Remembers the provider's session for as long as anything can rest on it: our session, and the refresh tokens that it
/// gave until its last moment.
async fn remember(app: &App, connection: &Connection, who: &SignedIn, session: &ProviderSession) -> Result<(), PageError> {
    let detail = serde_json::to_string(session).map_err(|e| PageError::internal(format!("the provider's session: {e}")))?;
    let row = provider_sessions::Row {
        sid: who.sid.clone(),
        connection_id: connection.id.clone(),
        subject_hash: secret::digest(&session.subject),
        session_index: session.index.clone(),
        detail_sealed: app.sealer.seal(&provider_sessions::Row::context(&who.sid), detail.as_bytes()),
        expires_at: who.until + app.settings.refresh_token_absolute_lifetime,
    };
    Ok(provider_sessions::insert(&app.db, &row).await?)
}
