//! Who comes by a link: a browser whose cookie was given for one that is still open, of a tenant that is switched on.

use axum::{
    extract::{FromRequest, FromRequestParts, Request},
    http::{HeaderMap, StatusCode, request::Parts},
};

use crate::{
    admin::pages::caller::{fields_of, is_foreign},
    app::App,
    error::PageError,
    operator::Operator,
    router::client_address,
    session::only_cookie,
    store::{
        StoreError,
        audit::{Actor, Via},
        setup_links::{self, SetupLink},
        tenant_tokens,
        tenants::{self, Tenant},
        users,
    },
};

/// The cookie of a browser that has followed a link.
pub const COOKIE: &str = "__Host-gatehouse-setup";

/// A guest.
#[derive(Clone, Debug)]
pub struct Guest {
    /// The link that they followed.
    pub link: SetupLink,
    /// Whose.
    pub tenant: Tenant,
    /// Where they come from.
    pub address: String,
    cookie: String,
}

impl FromRequestParts<App> for Guest {
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, PageError> {
        let address = client_address(parts, &app.settings.trusted_proxies);
        Self::of(app, &parts.headers, address).await?.ok_or_else(gone)
    }
}

impl Guest {
    /// The guest whose cookie came, if its link opens anything.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn of(app: &App, headers: &HeaderMap, address: String) -> Result<Option<Self>, PageError> {
        let Some(cookie) = only_cookie(headers, COOKIE) else { return Ok(None) };
        let Some(link) = setup_links::of_guest(&app.db, &cookie).await? else { return Ok(None) };
        let tenant = standing(app, &link).await?;
        Ok(tenant.map(|tenant| Self { link, tenant, address, cookie }))
    }

    /// How receipts and the audit log name them.
    #[must_use]
    pub fn actor(&self) -> Actor {
        self.link.actor(&self.address)
    }

    /// What their looks at providers are counted under: all guests of a tenant together, whose links are many.
    #[must_use]
    pub fn key(&self) -> String {
        format!("set-up links of {}", self.tenant.id)
    }

    /// The token that this browser's forms carry.
    #[must_use]
    pub fn csrf(&self, app: &App) -> String {
        app.sealer.fingerprint("form/setup", &self.cookie)
    }
}

/// The link's tenant, if the link is open, the tenant switched on, and whoever made the link could make it still.
///
/// # Errors
/// When the database does not answer.
pub async fn standing(app: &App, link: &SetupLink) -> Result<Option<Tenant>, PageError> {
    if !link.is_open(app.clock.now()) || !maker_may(app, link).await? {
        return Ok(None);
    }
    Ok(tenants::find(&app.db, &link.tenant_id).await?.filter(|tenant| tenant.enabled))
}

/// It is the right of whoever made the link that its guests use.
async fn maker_may(app: &App, link: &SetupLink) -> Result<bool, StoreError> {
    if let Some(user) = users::find(&app.db, &link.maker_id).await? {
        let operator = Operator::new(app, Some(user), Via::Page).await?;
        return Ok(operator.is_some_and(|operator| operator.is_platform() || operator.home.id == link.tenant_id));
    }
    let token = tenant_tokens::find(&app.db, &link.maker_id).await?;
    Ok(token.is_some_and(|token| token.refusal(app.clock.now()).is_none() && token.scopes.covers(&link.scopes())))
}

/// The page for a link that opens nothing, whatever the reason.
#[must_use]
pub fn gone() -> PageError {
    let explanation = "This link has ended, or it was not followed in this browser.";
    PageError::new(StatusCode::NOT_FOUND, "setup_gone", "This link leads nowhere", explanation, "no open set-up link")
        .advise("Follow the link that you were sent again. If it still leads here, ask whoever sent it for another.")
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
        if app.sealer.recognises("form/setup", &sent.guest.cookie, token) { Ok(sent) } else { Err(PageError::forged_form()) }
    }
}

impl Sent {
    /// The first value of a field.
    #[must_use]
    pub fn one(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }
}
