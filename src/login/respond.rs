//! Answers to the client: a code or an error, in the response mode it asked for, always with `iss` (RFC 9207) and its
//! own `state`.

use axum::{
    http::header,
    response::{IntoResponse as _, Response},
};

use super::{authorize::host, dispatch::Pending};
use crate::{
    app::App,
    error::PageError,
    oauth::{
        authorize::{ResponseMode, Target},
        error::OAuthError,
    },
    page::{FormPost, content_security_policy, set_policy},
    secret,
    session::{SignedIn, Visit},
    store::{
        self,
        codes::{self, Code},
    },
};

/// Ends a login with a code for the client.
///
/// # Errors
/// A page.
pub async fn issue(app: &App, visit: &Visit, pending: Pending, who: &SignedIn) -> Result<Response, PageError> {
    let target = pending.login.request.target.clone();
    let trusted = pending.client.trusted;
    let client = pending.client.id.clone();
    let code = make_code(app, pending, who).await?;
    visit.trace.hop("issued", &[("client", &client), ("to", host(target.redirect_uri.as_str())), ("user", &who.user_id)]);
    visit.trace.succeeded();
    let mut pairs = vec![("code", code.as_str())];
    // The control-plane hops promise this word beside the code; other clients ignore what they do not know.
    if trusted {
        pairs.push(("userState", "Authenticated"));
    }
    Ok(answer(app, visit, &target, &pairs))
}

/// Makes the code of a login, once: of two requests that finish the same login, one finds it gone.
///
/// # Errors
/// A page.
pub async fn make_code(app: &App, pending: Pending, who: &SignedIn) -> Result<String, PageError> {
    if !store::logins::take(&app.db, &pending.login.id).await? {
        return Err(PageError::no_login());
    }
    let now = app.clock.now();
    let code = secret::random();
    let row = Code {
        family_id: secret::row_id(now),
        tenant_id: pending.tenant.id,
        user_id: who.user_id.clone(),
        connection_id: who.connection_id.clone(),
        sid: Some(who.sid.clone()),
        request: pending.login.request,
        auth_time: who.auth_time,
        amr: who.amr.clone(),
        expires_at: now + codes::LIFETIME,
    };
    codes::insert(&app.db, &secret::digest(&code), &row, now).await?;
    Ok(code)
}

/// Ends a login with an error for the client.
///
/// # Errors
/// A page.
pub async fn deny(app: &App, visit: &Visit, pending: &Pending, e: &OAuthError) -> Result<Response, PageError> {
    store::logins::take(&app.db, &pending.login.id).await?;
    Ok(error(app, visit, &pending.login.request.target, e))
}

/// An error for the client.
#[must_use]
pub fn error(app: &App, visit: &Visit, target: &Target, e: &OAuthError) -> Response {
    tracing::info!(error = e.code.as_str(), description = %e.description, "authorization refused");
    answer(app, visit, target, &[("error", e.code.as_str()), ("error_description", &e.description)])
}

fn answer(app: &App, visit: &Visit, target: &Target, pairs: &[(&str, &str)]) -> Response {
    let issuer = app.issuer();
    let mut pairs = pairs.to_vec();
    if let Some(state) = &target.state {
        pairs.push(("state", state));
    }
    pairs.push(("iss", issuer));
    let no_cache = [(header::CACHE_CONTROL, "no-cache, no-store"), (header::PRAGMA, "no-cache")];
    match target.response_mode {
        ResponseMode::Query => {
            let location = target.redirect_uri.with(&pairs);
            (visit.redirect_status(), no_cache, [(header::LOCATION, location)]).into_response()
        }
        ResponseMode::FormPost => {
            let action = target.redirect_uri.as_str();
            let destination = target.redirect_uri.host().unwrap_or_default();
            let page = FormPost { action, destination: &destination, fields: &pairs };
            let mut response = (no_cache, page).into_response();
            set_policy(response.headers_mut(), &content_security_policy(&[action], true));
            response
        }
    }
}
