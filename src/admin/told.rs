//! What a thing is told with over the API and nobody sets: the values that are copied from its page.

use serde_json::{Value, json};

use super::{directory_tokens::base_url, inspection};
use crate::{app::App, apply::single::Noun, connector::saml::sp_metadata::Addresses, store::tenants::Tenant};

/// The thing as it is answered. Its version, which `ETag` names, knows nothing of this.
#[must_use]
pub fn with(app: &App, tenant: &Tenant, noun: Noun, mut thing: Value) -> Value {
    if noun == Noun::Connections {
        thing["told"] = of_connection(app, tenant, &thing);
    }
    thing
}

/// Where a connection's provider and directory are sent.
fn of_connection(app: &App, tenant: &Tenant, thing: &Value) -> Value {
    let mut told = json!({"callback_url": inspection::callback(app, tenant, thing), "scim_url": base_url(app)});
    if thing["protocol"] == "saml" {
        let name = thing["name"].as_str().unwrap_or_default();
        let entity_id = Addresses::entity_id(app.issuer(), &tenant.name, name);
        told["metadata_url"] = entity_id.as_str().into();
        told["entity_id"] = entity_id.into();
        told["single_logout_url"] = Addresses::logout(app.issuer(), &tenant.name, name).into();
    }
    told
}
