//! Direct mode: gatehouse answers on the control plane's own host, the browser goes straight to the one identity
//! provider, and comes back to the control plane with its cookies set; no page of ours and no code in between.

use axum::{
    http::header,
    response::{IntoResponse as _, Response},
};
use axum_extra::extract::cookie::CookieJar;

use super::{authorize, departure, dispatch, dispatch::Pending, hops};
use crate::{
    app::App,
    config::Mode,
    connector::Go,
    error::{ApiError, PageError},
    grant::{self, mint::Mint},
    oauth::{
        authorize::{AuthorizeRequest, Prompt, ResponseMode, Target},
        client::Client,
        error::{Code, error},
        redirect_uri::RedirectUri,
        scope::Scopes,
    },
    secret,
    session::{SignedIn, Visit},
    store::{self, families::Family, tenants::Tenant},
};

/// Whether this deployment is in direct mode.
#[must_use]
pub fn lands_here(app: &App) -> bool {
    matches!(app.settings.mode, Mode::Direct(_))
}

/// Begins a sign-in for the control plane: the provider's own address, and the cookie that binds the browser.
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
    let request = AuthorizeRequest {
        client_id: client.id.clone(),
        target: Target { redirect_uri, state: None, response_mode: ResponseMode::Query },
        redirect_uri_named: true,
        scope: asked.limited_to(&client.settings.scopes),
        nonce: None,
        prompt: Prompt::default(),
        max_age: None,
        login_hint: None,
        id_token_hint: None,
        resource: Vec::new(),
        idp_hint: None,
        code_challenge: None,
        direct: true,
    };
    let unavailable = |e: PageError| ApiError::unavailable(e.cause);
    let (jar, login) = authorize::begin(app, &mut visit, &tenant.id, request).await.map_err(unavailable)?;
    let pending = dispatch::load(app, login).await.map_err(unavailable)?;
    let name = pending.offered.first().map(|c| c.name.clone());
    let name = name.ok_or(error(Code::InvalidRequest, "the tenant offers no connection"))?;
    match departure::plan(app, &visit, &pending, &name, None).await.map_err(unavailable)? {
        Go::Redirect(url) => Ok((url.to_string(), jar)),
        Go::Post { .. } => Err(error(Code::InvalidRequest, "this connection cannot be used in direct mode").into()),
    }
}

/// Ends a direct sign-in: signs the tokens, sets the cookies, and returns to the control plane. The same standing is
/// asked for as at a code's redemption.
///
/// # Errors
/// A page.
pub async fn land(app: &App, visit: &Visit, pending: Pending, who: &SignedIn) -> Result<Response, PageError> {
    if !store::logins::take(&app.db, &pending.login.id).await? {
        return Err(PageError::no_login());
    }
    let g = app.grants();
    let refresh_jti = grant::mint::gives_refresh_token(&pending.client, &pending.login.request.scope).then(secret::random);
    let request = pending.login.request;
    let family = Family {
        id: secret::row_id(g.now),
        tenant_id: pending.tenant.id,
        client_id: pending.client.id.clone(),
        user_id: who.user_id.clone(),
        connection_id: who.connection_id.clone(),
        sid: Some(who.sid.clone()),
        scope: request.scope.to_string(),
        resources: "[]".to_owned(),
        auth_time: who.auth_time,
        amr: who.amr.clone(),
        current_hash: refresh_jti.as_deref().map(secret::digest),
        created_at: g.now,
        expires_at: g.now + g.defaults.refresh_token_absolute,
    };
    let mut tx = app.db.begin().await?;
    store::families::insert(&mut tx, &family).await?;
    tx.commit().await?;
    let mint = Mint { family: &family, scope: request.scope, resources: &[], refresh_jti, nonce: None, id_token: false };
    let minted = grant::mint::mint(&g, &pending.client, &mint).await.map_err(|e| PageError::internal(e.to_string()))?;
    let location = request.target.redirect_uri.with(&[("userState", "Authenticated")]);
    let headers = [
        (header::LOCATION, location),
        (header::CACHE_CONTROL, "no-cache, no-store".to_owned()),
        (header::PRAGMA, "no-cache".to_owned()),
    ];
    Ok((visit.redirect_status(), hops::with_tokens(app, &minted), headers).into_response())
}
