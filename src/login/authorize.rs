//! `GET` and `POST /oauth2/authorize`: stores the pending login once, bound to the browser, and asks the dispatcher
//! what happens next. `?login=` comes back to a login that is already stored.

use axum::{
    extract::{RawForm, State},
    response::Response,
};
use axum_extra::extract::cookie::CookieJar;

use super::{dispatch, respond};
use crate::{
    app::App,
    error::PageError,
    oauth::{
        authorize::{AuthorizeRequest, Target},
        client::Client,
        error::OAuthError,
        params::Params,
    },
    policy::cause::Cause,
    secret,
    session::{Visit, bind_browser},
    store::{self, logins::Login, standing::Parties},
};
use axum::{
    http::{Method, StatusCode, header},
    response::IntoResponse as _,
};

/// Most characters of an address that an application asked for and the operator is shown.
const LONGEST_SHOWN: usize = 300;

/// Handles both methods: [`RawForm`] reads the query of a GET and the body of a POST.
pub async fn authorize(State(app): State<App>, mut visit: Visit, RawForm(form): RawForm) -> Result<Response, PageError> {
    let encoded = std::str::from_utf8(&form).map_err(|_| bad_request("the request is not UTF-8"))?;
    if visit.method == Method::POST {
        // A POST from the client's site brings none of our cookies; the GET that it is turned into does.
        Params::parse(encoded).map_err(refused)?;
        let location = format!("/oauth2/authorize?{encoded}");
        return Ok(
            (StatusCode::SEE_OTHER, [(header::LOCATION, location), (header::CACHE_CONTROL, "no-store".into())]).into_response()
        );
    }
    let params = Params::parse(encoded).map_err(refused)?;
    if let Some(id) = params.one("login").map_err(refused)? {
        let login = visit.login(&app, id).await?;
        return dispatch::proceed(&app, &visit, login).await;
    }
    let client = find_client(&app, &params).await?;
    visit.trace.of_tenant(&client.tenant_id);
    let target = Target::find(&client, &params).map_err(|e| not_registered(&client, &params, e))?;
    let request = match AuthorizeRequest::parse(&client, target.clone(), &params, app.issuer()) {
        Ok(request) => request,
        Err(error) => {
            // The client is told, not the person.
            visit.trace.failed(Cause::BadRequest, &format!("client {}: {}", client.id, error.description));
            return Ok(respond::error(&app, &visit, &target, &error));
        }
    };
    let (jar, login) = begin(&app, &mut visit, &client.tenant_id, request).await?;
    let response = dispatch::proceed(&app, &visit, login).await?;
    Ok((jar, response).into_response())
}

/// Stores a new pending login of this browser, which gets its binding cookie if it had none.
///
/// # Errors
/// When the database does not answer, or the address has begun too many.
pub async fn begin(
    app: &App,
    visit: &mut Visit,
    tenant_id: &str,
    request: AuthorizeRequest,
) -> Result<(CookieJar, Login), PageError> {
    count(app, visit)?;
    remember(app, visit, tenant_id, request).await
}

/// Counts a sign-in that begins.
///
/// # Errors
/// A page, when the address has begun too many.
pub fn count(app: &App, visit: &Visit) -> Result<(), PageError> {
    if app.limits.sign_ins.allows(&visit.address) {
        return Ok(());
    }
    let explanation = "Too many sign-ins were begun from your network in the last minute.";
    let cause = format!("address {} began more than {} sign-ins in a minute", visit.address, app.settings.sign_in_rate);
    let page = PageError::new(StatusCode::TOO_MANY_REQUESTS, "too_many_sign_ins", "Please wait a moment", explanation, cause);
    let muted = !app.limits.floods.is_first("sign-ins", &visit.address);
    Err(PageError { muted, ..page.advise("Wait a minute and try again.").known(Cause::TooManySignIns) })
}

/// As [`begin`], for a sign-in that was counted.
///
/// # Errors
/// When the database does not answer.
pub async fn remember(
    app: &App,
    visit: &mut Visit,
    tenant_id: &str,
    request: AuthorizeRequest,
) -> Result<(CookieJar, Login), PageError> {
    let jar = bind(visit);
    let login = pending(app, tenant_id, request);
    asked(visit, &login);
    store::logins::insert(&app.db, &login, &visit.browser_hash()).await?;
    Ok((jar, login))
}

/// Notes what a sign-in begins with.
pub fn asked(visit: &Visit, login: &Login) {
    let request = &login.request;
    visit.trace.of(login);
    let to = request.landing.as_deref().unwrap_or_else(|| request.target.redirect_uri.as_str());
    visit.trace.hop(
        "asked",
        &[
            ("client", login.client_id().unwrap_or("(a page of gatehouse)")),
            ("to", host(to)),
            ("invite", if login.invite_hash.is_some() { "yes" } else { "" }),
            ("idp_hint", request.idp_hint.as_deref().unwrap_or_default()),
            ("login_hint", request.login_hint.as_deref().unwrap_or_default()),
            ("prompt", if request.prompt.login { "login" } else { "" }),
            ("address", &visit.address),
        ],
    );
}

/// An address without its path and query, which may hold what is nobody else's.
#[must_use]
pub fn host(address: &str) -> &str {
    let (scheme, rest) = address.split_once("://").unwrap_or(("", address));
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    &address[..if scheme.is_empty() { end } else { scheme.len() + 3 + end }]
}

/// The binding cookie of a browser that has none yet.
pub fn bind(visit: &mut Visit) -> CookieJar {
    if !visit.browsers.is_empty() {
        return CookieJar::new();
    }
    let (value, cookie) = bind_browser();
    visit.browsers.push(value);
    CookieJar::new().add(cookie)
}

/// A login that begins now, not yet stored.
#[must_use]
pub fn pending(app: &App, tenant_id: &str, request: AuthorizeRequest) -> Login {
    Login {
        id: secret::random_id(),
        tenant_id: tenant_id.to_owned(),
        request,
        invite_hash: None,
        proven_by: None,
        consented_by: None,
        created_at: app.clock.now(),
    }
}

/// The client that asks, when it and its tenant are switched on. An unknown client and a disabled one look alike.
async fn find_client(app: &App, params: &Params) -> Result<Client, PageError> {
    let id = params.required("client_id", "client_id is missing").map_err(refused)?;
    let client = store::clients::find(&app.db, id).await?.ok_or_else(|| unknown_client(format!("unknown client {id:?}")))?;
    let parties = Parties::of_client(&client.tenant_id, &client.id);
    let standing = store::standing::require(&app.db, parties, app.clock.now()).await?;
    standing.map_err(|refusal| unknown_client(format!("client {id:?}: {refusal}")))?;
    Ok(client)
}

fn unknown_client(cause: String) -> PageError {
    let explanation = "The application that sent you here is not known to this sign-in service, or it is switched off.";
    PageError::new(StatusCode::BAD_REQUEST, "unknown_client", "Unknown application", explanation, cause)
        .advise("Check the address that you started from.")
        .known(Cause::UnknownClient)
}

/// The person reads that it is so; the operator also which address was asked for.
fn not_registered(client: &Client, params: &Params, error: OAuthError) -> PageError {
    let asked: String = params.one("redirect_uri").ok().flatten().unwrap_or_default().chars().take(LONGEST_SHOWN).collect();
    let cause = format!("client {}: {}: {asked:?}", client.id, error.description);
    refused(error).known(Cause::ClientRedirectUri).caused(cause)
}

fn refused(error: OAuthError) -> PageError {
    bad_request(error.description)
}

fn bad_request(cause: impl std::fmt::Display) -> PageError {
    let explanation = format!("The application sent a request that this sign-in service cannot accept: {cause}.");
    PageError::new(
        StatusCode::BAD_REQUEST,
        "bad_authorization_request",
        "The request is not valid",
        explanation,
        cause.to_string(),
    )
    .advise("This is for the application's developers to mend; you have done nothing wrong.")
    .known(Cause::BadRequest)
}
