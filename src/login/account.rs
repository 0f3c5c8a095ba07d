//! `/account`: who is signed in here, and the way out.

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use serde::Deserialize;

use super::{choose, farewell, pages};
use crate::{app::App, error::PageError, moment::Moment, page::PageForm, session::Visit, store};

const FORM: &str = "account";

/// `GET /account`
pub async fn show(State(app): State<App>, visit: Visit) -> Result<Response, PageError> {
    let Some(who) = visit.signed_in(&app, None).await? else {
        let explanation = "Nobody is signed in in this browser.";
        let advice = "Go to the application that you want to use and sign in there, or sign in to this page.";
        let page =
            PageError::new(StatusCode::FORBIDDEN, "not_signed_in", "You are not signed in", explanation, "").advise(advice);
        return Err(page.way_on("/login?to=/account".to_owned(), "Sign in"));
    };
    let user = store::users::find(&app.db, &who.user_id).await?.ok_or_else(PageError::no_login)?;
    let tenant = store::tenants::find(&app.db, &who.tenant_id).await?.ok_or_else(PageError::no_login)?;
    let connection = match &who.connection_id {
        Some(id) => store::connections::find(&app.db, id).await?,
        None => None,
    };
    let method = connection.map_or_else(|| "Password".to_owned(), |c| choose::label(&c));
    let page = pages::SignedIn {
        name: user.name.as_deref().unwrap_or(user.email.as_str()),
        email: user.email.as_str(),
        tenant: &tenant.display_name,
        method: &method,
        since: Moment(who.auth_time),
        idle_until: Moment((who.seen_at + app.settings.session_idle).min(who.until)),
        until: Moment(who.until),
        administers: user.admin || user.platform,
        action: "/account/sign-out",
        csrf: &visit.form_token(&app, FORM),
    };
    let mut response = page.into_response();
    farewell::set_way(&app, &mut response, &who, None).await?;
    Ok(response)
}

/// What the page's form sends.
#[derive(Debug, Deserialize)]
pub struct SignOut {
    csrf: String,
}

/// `POST /account/sign-out`
pub async fn sign_out(State(app): State<App>, visit: Visit, PageForm(form): PageForm<SignOut>) -> Result<Response, PageError> {
    visit.check_form(&app, FORM, &form.csrf)?;
    let rested_on = visit.sign_out(&app).await?;
    Ok(farewell::leave(&app, &visit, rested_on, None).await)
}
