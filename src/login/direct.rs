//! Direct mode: gatehouse answers on the control plane's own host, the browser goes straight to the one identity
//! provider, and comes back to the control plane with its cookies set; no page of ours in between, and
//! the code never leaves the server.

use axum::{
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
};
use axum_extra::extract::cookie::CookieJar;

use super::{authorize, departure, dispatch, dispatch::Pending, hops, respond};
use crate::{
    app::App,
    config::Mode,
    connector::Go,
    error::{ApiError, PageError},
    grant::{self, GrantError, authorization_code::Redemption},
    oauth::{
        authorize::AuthorizeRequest,
        client::Client,
        error::{Code, error},
        redirect_uri::RedirectUri,
        scope::Scopes,
    },
    policy::cause::Cause,
    session::{SignedIn, Visit},
    store::tenants::Tenant,
};

/// Whether this deployment is in direct mode.
#[must_use]
pub fn lands_here(app: &App) -> bool {
    matches!(app.settings.mode, Mode::Direct(_))
}

/// Begins a sign-in for the control plane: the provider's own address, or one of ours where the provider takes posted
/// requests alone; and the cookie that binds the browser.
///
/// # Errors
/// When the provider cannot be asked or the tenant offers no connection.
pub async fn depart(
    app: &App,
    mut visit: Visit,
    tenant: &Tenant,
    client: &Client,
    named: &str,
) -> Result<(String, CookieJar), ApiError> {
    let unregistered = error(Code::InvalidRequest, "redirectURL is not registered");
    let redirect_uri = RedirectUri::choose(&client.settings.redirect_uris, named).ok_or(unregistered)?;
    let asked: Scopes = ["openid", "email", "profile", "offline_access"].into_iter().collect();
    let scope = asked.limited_to(&client.settings.scopes);
    let request = AuthorizeRequest { direct: true, ..AuthorizeRequest::unasked(client, redirect_uri, scope) };
    let unavailable = |e: PageError| ApiError::unavailable(e.cause);
    let (jar, login) = authorize::begin(app, &mut visit, &tenant.id, request).await.map_err(unavailable)?;
    let pending = dispatch::load(app, login).await.map_err(unavailable)?;
    let name = pending.offered.first().map(|c| c.name.clone());
    let name = name.ok_or(error(Code::InvalidRequest, "the tenant offers no connection"))?;
    let location = match departure::plan(app, &visit, &pending, &name, None).await.map_err(unavailable)? {
        Go::Redirect(url) => url.to_string(),
        // A form has no address. The browser comes for it where its login goes on, and departs from there.
        Go::Post { .. } => format!("{}/oauth2/authorize?login={}", app.issuer(), pending.login.id),
    };
    Ok((location, jar))
}

/// Ends a direct sign-in: makes its code and redeems it at once, so that tokens are given by the one way there is, sets
/// the cookies, and returns to the control plane.
///
/// # Errors
/// A page.
pub async fn land(app: &App, visit: &Visit, pending: Pending, who: &SignedIn) -> Result<Response, PageError> {
    let client = pending.client.clone();
    let target = pending.login.request.target.redirect_uri.clone();
    let code = respond::make_code(app, pending, who).await?;
    let redemption = Redemption { code: &code, redirect_uri: Some(target.as_str()), verifiers: &[], resources: &[] };
    let minted = grant::authorization_code::redeem(&app.grants(), &client, &redemption).await.map_err(|e| match e {
        GrantError::Refused { cause, .. } => {
            let explanation = "Signing in to this application is switched off at the moment.";
            PageError::new(StatusCode::FORBIDDEN, "switched_off", "Sign-in is switched off", explanation, cause)
                .known(Cause::TenantOff)
        }
        GrantError::Store(e) => e.into(),
        GrantError::Unavailable(cause) | GrantError::Unasked { cause, .. } => PageError::unavailable(cause),
        GrantError::Sign(cause) => PageError::internal(cause),
    })?;
    visit.trace.hop("issued", &[("client", &client.id), ("to", authorize::host(target.as_str())), ("user", &who.user_id)]);
    visit.trace.succeeded();
    let location = target.with(&[("userState", "Authenticated")]);
    let headers = [
        (header::LOCATION, location),
        (header::CACHE_CONTROL, "no-cache, no-store".to_owned()),
        (header::PRAGMA, "no-cache".to_owned()),
    ];
    Ok((visit.redirect_status(), hops::with_tokens(app, &minted), headers).into_response())
}
