//! The sign-in page: e-mail first with home-realm discovery, a button for each connection, passwords where allowed.

use axum::{
    extract::{Path, State},
    http::header,
    response::{IntoResponse as _, Response},
};
use serde::Deserialize;

use super::{
    departure,
    dispatch::{self, Pending},
    pages::{Button, Choose},
};
use crate::{
    app::App,
    error::PageError,
    page::PageForm,
    policy::email::Email,
    session::Visit,
    store::{self, connections::Connection},
};

/// To the sign-in page of a pending login.
#[must_use]
pub fn redirect(visit: &Visit, pending: &Pending) -> Response {
    (visit.redirect_status(), [(header::LOCATION, path(pending)), (header::CACHE_CONTROL, "no-store".to_owned())]).into_response()
}

/// The page's path.
#[must_use]
pub fn path(pending: &Pending) -> String {
    format!("/login/{}", pending.login.id)
}

/// `GET /login/{login}`
pub async fn show(State(app): State<App>, visit: Visit, Path(id): Path<String>) -> Result<Response, PageError> {
    let pending = dispatch::find(&app, &visit, &id).await?;
    let hint = pending.login.request.login_hint.clone().unwrap_or_default();
    Ok(page(&app, &visit, &pending, &hint, None))
}

/// What the page's forms send.
#[derive(Debug, Deserialize)]
pub struct Choice {
    csrf: String,
    connection: Option<String>,
    #[serde(default)]
    email: String,
    with: Option<String>,
}

/// `POST /login/{login}`
pub async fn choose(
    State(app): State<App>,
    visit: Visit,
    Path(id): Path<String>,
    PageForm(choice): PageForm<Choice>,
) -> Result<Response, PageError> {
    let pending = dispatch::find(&app, &visit, &id).await?;
    visit.check_form(&app, &id, &choice.csrf)?;
    if let Some(name) = &choice.connection {
        let hint = pending.login.request.login_hint.as_deref();
        return departure::depart(&app, &visit, &pending, name, hint).await;
    }
    let typed = choice.email.trim();
    let wants_password = choice.with.as_deref() == Some("password") && pending.tenant.takes_passwords();
    if wants_password && typed.is_empty() {
        return Ok(super::password::page(&app, &visit, &pending, "", None));
    }
    let Some(email) = Email::parse(typed) else {
        return Ok(page(&app, &visit, &pending, typed, Some("Please type your e-mail address, like name@example.com.")));
    };
    // Discovery looks at the domain alone, never at whether a user exists: it tells nobody who is known here.
    let tenant = store::domains::tenant_of(&app.db, email.domain()).await?;
    let is_home = tenant.as_deref() == Some(pending.tenant.id.as_str());
    match pending.offered.as_slice() {
        _ if wants_password => {}
        [only] if is_home => return departure::depart(&app, &visit, &pending, &only.name, Some(email.as_str())).await,
        [_, _, ..] if is_home => {
            return Ok(page(
                &app,
                &visit,
                &pending,
                typed,
                Some("Your organisation signs in with one of the buttons on this page."),
            ));
        }
        _ if !pending.tenant.takes_passwords() => {
            return Ok(page(
                &app,
                &visit,
                &pending,
                typed,
                Some("We know no sign-in for this address here. Please use one of the buttons."),
            ));
        }
        _ => {}
    }
    Ok(super::password::page(&app, &visit, &pending, typed, None))
}

fn page(app: &App, visit: &Visit, pending: &Pending, email: &str, error: Option<&str>) -> Response {
    let texts: Vec<String> = pending.offered.iter().map(label).collect();
    let buttons: Vec<Button<'_>> = pending
        .offered
        .iter()
        .zip(&texts)
        .map(|(c, text)| Button { connection: &c.name, text, image: c.settings.button_image_url.as_deref() })
        .collect();
    let page = Choose {
        tenant: &pending.tenant.display_name,
        client: &pending.client.name,
        action: &path(pending),
        csrf: &visit.form_token(app, &pending.login.id),
        email,
        buttons: &buttons,
        ask_email: pending.tenant.takes_passwords() || !pending.offered.is_empty(),
        password_allowed: pending.tenant.takes_passwords(),
        error,
    };
    pending.page(app, page)
}

/// What the button of a connection says.
#[must_use]
pub fn label(connection: &Connection) -> String {
    connection.settings.button_text.clone().unwrap_or_else(|| format!("Sign in with {}", connection.name))
}
