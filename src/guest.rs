//! Guests: who comes by a set-up link, with a cookie that was given for one that is still open, of a tenant that is switched on.
//! What they may is a part of what whoever made the link may; it is asked anew at every request, at their own pages and at the
//! end of a test sign-in alike.

use axum::http::{HeaderMap, StatusCode};

use crate::{
    app::App,
    error::PageError,
    operator::Operator,
    secret,
    session::only_cookie,
    store::{
        On, StoreError,
        audit::{Actor, Via},
        connections::{self, Connection},
        identities, lineage,
        mappings::{self, Source},
        personal_tokens,
        setup_links::{self, SetupLink},
        sites, tenant_tokens,
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

    /// The digest of their cookie, by which their browser is known.
    #[must_use]
    pub fn hash(&self) -> String {
        secret::digest(&self.cookie)
    }

    /// The token that this browser's forms carry.
    #[must_use]
    pub fn csrf(&self, app: &App) -> String {
        app.sealer.fingerprint("form/setup", &self.cookie)
    }

    /// Whether a form carries that token.
    #[must_use]
    pub fn recognises(&self, app: &App, token: &str) -> bool {
        app.sealer.recognises("form/setup", &self.cookie, token)
    }

    /// The link's connection, if it is there: the one that the link was bound to, or that has its name as long as it was bound to
    /// none.
    ///
    /// # Errors
    /// What the database says.
    pub async fn connection(&self, app: &App) -> Result<Option<Connection>, StoreError> {
        let found = connections::find_by_name(&app.db, &self.tenant.id, &self.link.connection).await?;
        Ok(found.filter(|found| self.link.connection_id.as_ref().is_none_or(|bound| *bound == found.id)))
    }
}

/// The link's tenant, if the link is open, the tenant switched on, and whoever made the link could make it still.
///
/// # Errors
/// When the database does not answer.
pub async fn standing(app: &App, link: &SetupLink) -> Result<Option<Tenant>, PageError> {
    if !may(app, link).await? {
        return Ok(None);
    }
    Ok(tenants::find(&app.db, &link.tenant_id).await?.filter(|tenant| tenant.enabled))
}

/// Whether the link is open, and whoever made it could make it still.
///
/// # Errors
/// When the database does not answer.
pub async fn may(app: &App, link: &SetupLink) -> Result<bool, StoreError> {
    Ok(link.is_open(app.clock.now()) && maker_may(app, link).await?)
}

/// Whether people come in over a connection, or have, or its tokens make somebody of whoever brings them: then it is the
/// operators' alone. Whoever changes where it leads could become any of them, as soon as it is on.
///
/// # Errors
/// What the database says.
pub async fn is_used(on: impl Into<On<'_>>, connection: &Connection) -> Result<bool, StoreError> {
    let mut on = on.into();
    if connection.enabled || identities::any_of_connection(&mut on, &connection.id).await? {
        return Ok(true);
    }
    let source = Source::Connection(connection.id.clone());
    Ok(mappings::leads(&mut on, &source).await? || opens_sites(on, &connection.tenant_id, &connection.name).await?)
}

/// Whether sites open to what an issuer of this name signs, also where none is called so any more: of a new one that is, they
/// would at once.
///
/// # Errors
/// What the database says.
pub async fn opens_sites(on: impl Into<On<'_>>, tenant_id: &str, name: &str) -> Result<bool, StoreError> {
    Ok(sites::of_tenant(on, tenant_id).await?.iter().any(|site| site.settings.opens_to(name)))
}

/// It is the right of whoever made the link that its guests use, and of what they made it with: the link ends with that.
async fn maker_may(app: &App, link: &SetupLink) -> Result<bool, StoreError> {
    if !lineage::lives(&app.db, link.made_with.as_deref(), app.clock.now()).await? {
        return Ok(false);
    }
    if let Some(user) = users::find(&app.db, &link.maker_id).await? {
        if let Some(id) = &link.made_with {
            let own = personal_tokens::of_user(&app.db, &user.id).await?;
            // A sign-in's token may whatever they may.
            if own.into_iter().any(|token| token.id == *id && !token.scopes.covers(&link.scopes())) {
                return Ok(false);
            }
        }
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
