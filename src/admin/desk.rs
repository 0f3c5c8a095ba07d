//! Who asks about what: the operator by their token, the tenant that they name if it is theirs, the noun and the name. Whoever
//! may not is told so before anything of the address is looked at.

use std::collections::HashMap;

use axum::{
    extract::{FromRequestParts, Path},
    http::request::Parts,
};

use super::asker::Asker;
use crate::{
    api_token::Maker,
    app::App,
    apply::single::{Noun, Order},
    error::ApiError,
    oauth::error::{Code, error},
    store::{audit::Actor, tenants::Tenant},
};

/// A request of an operator.
pub struct Desk {
    pub app: App,
    pub asker: Asker,
    actor: Actor,
    tenant: Option<Tenant>,
    noun: Option<Noun>,
    name: Option<String>,
}

impl FromRequestParts<App> for Desk {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let asker = Asker::from_request_parts(parts, app).await?;
        // An address that is no text names nothing.
        let Path(mut named) = Path::<HashMap<String, String>>::from_request_parts(parts, app).await.map_err(|_| nothing())?;
        let tenant = match named.remove("tenant") {
            // Databases do not agree on what a NUL is.
            Some(name) if name.contains('\0') => return Err(no_tenant()),
            Some(name) => Some(asker.tenant(app, &name).await?.ok_or_else(no_tenant)?),
            None => None,
        };
        let noun = match named.remove("noun") {
            Some(key) => Some(Noun::owned(&key).ok_or_else(nothing)?),
            None => None,
        };
        let actor = asker.actor();
        Ok(Self { app: app.clone(), asker, actor, tenant, noun, name: named.remove("name") })
    }
}

impl Desk {
    /// The tenant that the address names.
    pub fn tenant(&self) -> Result<&Tenant, ApiError> {
        self.tenant.as_ref().ok_or_else(no_tenant)
    }

    /// How receipts and the audit log name them.
    pub fn actor(&self) -> &Actor {
        &self.actor
    }

    /// The noun that the address names; without one it is about the tenant itself.
    pub fn noun(&self) -> Result<Noun, ApiError> {
        self.noun.ok_or_else(nothing)
    }

    /// What the address calls something.
    pub fn name(&self) -> Result<&str, ApiError> {
        self.name.as_deref().ok_or_else(nothing)
    }

    /// Makes tokens on the operator's behalf.
    pub fn maker(&self) -> Maker<'_> {
        Maker { sealer: &self.app.sealer, actor: &self.actor, now: self.app.clock.now() }
    }

    /// What the address is about.
    pub fn thing(&self) -> Result<(&Tenant, Noun, &str), ApiError> {
        let tenant = self.tenant()?;
        match (self.noun, &self.name) {
            (None, _) => Ok((tenant, Noun::Tenant, &tenant.name)),
            (Some(noun), Some(name)) => Ok((tenant, noun, name)),
            (Some(_), None) => Err(nothing()),
        }
    }

    /// A change on the operator's behalf.
    pub fn order(&self, force: bool) -> Order<'_> {
        Order {
            sealer: &self.app.sealer,
            ahead: None,
            actor: &self.actor,
            platform: self.asker.is_platform(),
            force,
            now: self.app.clock.now(),
        }
    }
}

/// There is none, or it is not the asker's.
pub fn no_tenant() -> ApiError {
    error(Code::NotFound, "there is no such tenant").into()
}

/// There is none of this name.
pub fn nothing() -> ApiError {
    error(Code::NotFound, "there is nothing of this name").into()
}
