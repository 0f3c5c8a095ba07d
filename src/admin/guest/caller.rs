//! What stands before every page of guests: who comes (`crate::guest`), and whether a form is really theirs.

use axum::{
    extract::{FromRequest, FromRequestParts, Request},
    http::request::Parts,
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
        if sent.guest.recognises(app, token) { Ok(sent) } else { Err(PageError::forged_form()) }
    }
}

impl Sent {
    /// The first value of a field.
    #[must_use]
    pub fn one(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }
}
