//! What stands before every page of guests: who comes (`crate::guest`), and whether a form is really theirs.

use axum::{
    extract::{FromRequest, FromRequestParts, Request},
    http::{StatusCode, request::Parts},
};

pub use crate::guest::{COOKIE, Guest, gone, standing};
use crate::{
    admin::pages::caller::{fields_of, is_foreign},
    app::App,
    error::PageError,
    router::client_address,
};

impl FromRequestParts<App> for Guest {
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, PageError> {
        let address = client_address(parts, &app.settings.trusted_proxies);
        Self::of(app, &parts.headers, address).await?.ok_or_else(gone)
    }
}

/// A form of a guest's page.
#[derive(Clone, Debug)]
pub struct Sent {
    /// Who sent it.
    pub guest: Guest,
    fields: Vec<(String, String)>,
}

impl FromRequest<App> for Sent {
    type Rejection = PageError;

    async fn from_request(request: Request, app: &App) -> Result<Self, PageError> {
        let (mut parts, body) = request.into_parts();
        let guest = Guest::from_request_parts(&mut parts, app).await?;
        if is_foreign(&parts.headers, app.issuer()) {
            return Err(PageError::forged_form().caused("the form was sent from another site"));
        }
        let sent = Self { guest, fields: fields_of(Request::from_parts(parts, body), app).await? };
        let token = sent.one("csrf").unwrap_or_default();
        if !sent.guest.recognises(app, token) {
            return Err(PageError::forged_form());
        }
        // Whatever a guest writes stands in the log, and others wait while it is written.
        app.limits.guests.take(&sent.guest.key()).map_err(|wait| too_often(app, &sent.guest, wait))?;
        Ok(sent)
    }
}

fn too_often(app: &App, guest: &Guest, wait: i64) -> PageError {
    let explanation = "Too much was sent from here within a minute, and nothing of this was done.";
    let cause = format!("guests of tenant {} send too many forms", guest.tenant.name);
    let muted = !app.limits.floods.is_first("guests", &guest.tenant.id);
    let page = PageError::new(StatusCode::TOO_MANY_REQUESTS, "setup_too_often", "Please wait a moment", explanation, cause);
    PageError { muted, ..page.advise(format!("Go on in {wait} s.")).way_on("/setup".to_owned(), "Back") }
}

impl Sent {
    /// The first value of a field.
    #[must_use]
    pub fn one(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }
}
