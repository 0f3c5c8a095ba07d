//! `/.gatehouse/sign-out`: ends the browser's sessions with the sites of this host, and the token families behind them.
//! Another site's page can neither send the browser here by a form (`Origin`) nor by a link (`Sec-Fetch-Site`).

use axum::{
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
};
use axum_extra::extract::cookie::CookieJar;
use tower_sessions::cookie::time::Duration;

use super::super::question::Question;
use crate::{
    app::App,
    error::PageError,
    policy::site::Login,
    secret,
    session::{host_cookie, only_cookie},
    store,
    trust::catalogue::Catalogue,
};

/// Ends them.
///
/// # Errors
/// A page, when another site asked for it or the database does not answer.
pub async fn sign_out(app: &App, question: &Question, catalogue: &Catalogue) -> Result<Response, PageError> {
    if is_foreign(question) {
        let explanation = "Another site tried to sign you out.";
        let error =
            PageError::new(StatusCode::FORBIDDEN, "foreign_sign_out", "You are still signed in", explanation, "cross-site");
        return Err(error.advise("To sign out, use the button.").way_on("/.gatehouse/sign-out".into(), "Sign out"));
    }
    let mut jar = CookieJar::new();
    let mut client = None;
    for site in catalogue.sites.at_host(&question.host) {
        let Some(cookie) = only_cookie(&question.headers, &site.cookie) else { continue };
        if secret::is_random(&cookie) {
            let id_hash = secret::digest(&cookie);
            let session = store::site_sessions::find(&app.db, &id_hash, &site.id, app.clock.now()).await?;
            if let Some(family) = session.and_then(|session| session.family_id) {
                store::families::revoke(&app.db, &family, app.clock.now()).await?;
            }
            store::site_sessions::delete(&app.db, &id_hash).await?;
        }
        let mut gone = host_cookie(site.cookie.clone(), String::new());
        gone.set_max_age(Duration::ZERO);
        jar = jar.add(gone);
        if let Some(Login::Client(id)) = &site.settings.login {
            client = Some(id.clone());
        }
    }
    if let Some(client) = client {
        // Our own session would sign the browser in again at once; over there the person is asked whether it ends too.
        let query = url::form_urlencoded::Serializer::new(String::new()).append_pair("client_id", &client).finish();
        let location = format!("{}/oauth2/logout?{query}", app.issuer());
        return Ok((StatusCode::SEE_OTHER, jar, [(header::LOCATION, location)]).into_response());
    }
    let explanation = "You are signed out here.";
    let page = PageError::new(StatusCode::UNAUTHORIZED, "signed_out", "Signed out", explanation, "signed out")
        .advise("")
        .way_on("/".to_owned(), "Sign in again");
    Ok((jar, page).into_response())
}

fn is_foreign(question: &Question) -> bool {
    let origin = question.header("origin").is_some_and(|origin| !origin.eq_ignore_ascii_case(&question.beside("")));
    let fetched = question.header("sec-fetch-site").is_some_and(|site| !matches!(site, "same-origin" | "none"));
    origin || fetched
}
