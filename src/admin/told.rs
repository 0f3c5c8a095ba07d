//! What a thing is told with over the API and nobody sets: the values that are copied from its page.

use serde_json::{Value, json};

use super::{directory_tokens::base_url, first, inspection};
use crate::{
    app::App,
    apply::single::Noun,
    connector::saml::sp_metadata::Addresses,
    store::{StoreError, tenant_tokens, tenants::Tenant},
};

/// The thing as it is answered. Its version, which `ETag` names, knows nothing of this.
///
/// # Errors
/// What the database says.
pub async fn with(app: &App, tenant: &Tenant, noun: Noun, mut thing: Value) -> Result<Value, StoreError> {
    match noun {
        Noun::Connections => thing["told"] = of_connection(app, tenant, &thing),
        Noun::Teams | Noun::Resources => first::cut(noun, &mut thing),
        _ => states(app, tenant, noun, std::slice::from_mut(&mut thing)).await?,
    }
    Ok(thing)
}

/// Says of service tokens whether each opens something, and why not. Of other things, nothing.
///
/// # Errors
/// What the database says.
pub async fn states(app: &App, tenant: &Tenant, noun: Noun, things: &mut [Value]) -> Result<(), StoreError> {
    if noun != Noun::ServiceTokens {
        return Ok(());
    }
    let names: Vec<&str> = things.iter().filter_map(|thing| thing["name"].as_str()).collect();
    let states = tenant_tokens::states(&app.db, &tenant.id, &names, app.clock.now()).await?;
    for thing in things {
        if let Some(state) = thing["name"].as_str().and_then(|name| states.get(name)) {
            thing["told"] = json!({"state": state.as_str(), "ended_because": state.reason()});
        }
    }
    Ok(())
}

/// Where a connection's provider and directory are sent.
fn of_connection(app: &App, tenant: &Tenant, thing: &Value) -> Value {
    let mut told = json!({"callback_url": inspection::callback(app, tenant, thing), "scim_url": base_url(app)});
    if thing["protocol"] == "oidc" {
        told["jwks_url"] = format!("{}/oauth2/jwks", app.issuer()).into();
    }
    if thing["protocol"] == "saml" {
        let name = thing["name"].as_str().unwrap_or_default();
        let entity_id = Addresses::entity_id(app.issuer(), &tenant.name, name);
        told["metadata_url"] = entity_id.as_str().into();
        told["entity_id"] = entity_id.into();
        told["single_logout_url"] = Addresses::logout(app.issuer(), &tenant.name, name).into();
    }
    told
}
