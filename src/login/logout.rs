//! `/oauth2/logout`: RP-initiated logout (OpenID Connect RP-Initiated Logout 1.0). With an ID token of ours that names
//! the person who is signed in, the session ends at once; without one, the person is asked. The browser returns only to
//! an address that the client has registered, compared byte for byte.

use axum::{
    extract::{RawForm, State},
    http::StatusCode,
    response::{IntoResponse as _, Response},
};

use super::{farewell, pages::SignOut};
use crate::{
    app::App,
    error::PageError,
    oauth::params::Params,
    session::Visit,
    store::{self, standing::Parties},
};

const FORM: &str = "logout";

/// `GET` and `POST /oauth2/logout`
pub async fn logout(State(app): State<App>, visit: Visit, RawForm(form): RawForm) -> Result<Response, PageError> {
    let params = read(&form)?;
    let one = |name: &str| params.one(name).ok().flatten();
    let hint = match one("id_token_hint") {
        Some(hint) => app.id_token_hint(hint).await,
        None => None,
    };
    let way = way(&app, &params, hint.as_ref().map(|h| h.client_id.as_str())).await?;
    let Some(who) = visit.signed_in(&app, None).await? else { return Ok(farewell::on(&visit, way)) };
    if hint.as_ref().is_some_and(|h| h.subject == who.user_id) {
        let rested_on = visit.sign_out(&app).await?;
        return Ok(farewell::leave(&app, &visit, rested_on, way).await);
    }
    let user = store::users::find(&app.db, &who.user_id).await?;
    let client_id = one("client_id").or(hint.as_ref().map(|h| h.client_id.as_str()));
    let kept = [("client_id", client_id), ("post_logout_redirect_uri", one("post_logout_redirect_uri")), ("state", one("state"))];
    let kept: Vec<(&str, &str)> = kept.into_iter().filter_map(|(name, value)| value.map(|value| (name, value))).collect();
    let page = SignOut {
        email: user.as_ref().map_or("", |u| u.email.as_str()),
        action: "/oauth2/logout/confirm",
        csrf: &visit.form_token(&app, FORM),
        fields: &kept,
        stay: "/account",
    };
    let mut response = page.into_response();
    farewell::set_way(&app, &mut response, &who, way.as_deref()).await?;
    Ok(response)
}

/// `POST /oauth2/logout/confirm`
pub async fn confirm(State(app): State<App>, visit: Visit, RawForm(form): RawForm) -> Result<Response, PageError> {
    let params = read(&form)?;
    visit.check_form(&app, FORM, params.one("csrf").ok().flatten().unwrap_or_default())?;
    let way = way(&app, &params, None).await?;
    let rested_on = visit.sign_out(&app).await?;
    Ok(farewell::leave(&app, &visit, rested_on, way).await)
}

fn read(form: &[u8]) -> Result<Params, PageError> {
    let text = std::str::from_utf8(form).map_err(|_| bad_request("the request is not UTF-8"))?;
    let params = Params::parse(text).and_then(|p| p.once_each().map(|()| p));
    params.map_err(|e| bad_request(e.description))
}

/// The address to return to, when the request names one and the client has registered it.
async fn way(app: &App, params: &Params, hinted_client: Option<&str>) -> Result<Option<String>, PageError> {
    let one = |name: &str| params.one(name).ok().flatten();
    let Some(named) = one("post_logout_redirect_uri") else { return Ok(None) };
    let client_id = match (hinted_client, one("client_id")) {
        (Some(a), Some(b)) if a != b => return Err(bad_request("client_id is not the one of id_token_hint")),
        (a, b) => a.or(b).ok_or_else(|| bad_request("post_logout_redirect_uri needs client_id or id_token_hint"))?,
    };
    let unregistered = || bad_request("post_logout_redirect_uri is not registered for this client");
    let client = store::clients::find(&app.db, client_id).await?.ok_or_else(unregistered)?;
    let parties = Parties::of_client(&client.tenant_id, &client.id);
    // Of what is switched off one learns as little as of what is not there.
    store::standing::require(&app.db, parties, app.clock.now()).await?.map_err(|_| unregistered())?;
    let registered = client.settings.post_logout_redirect_uris;
    let uri = registered.into_iter().find(|uri| uri.as_str() == named).ok_or_else(unregistered)?;
    Ok(Some(match one("state") {
        Some(state) => uri.with(&[("state", state)]),
        None => uri.as_str().to_owned(),
    }))
}

fn bad_request(cause: impl std::fmt::Display) -> PageError {
    let explanation = format!("The application sent a sign-out request that we cannot accept: {cause}.");
    PageError::new(StatusCode::BAD_REQUEST, "bad_logout_request", "The request is not valid", explanation, cause.to_string())
        .way_on("/account".into(), "See who is signed in")
}
