//! What the server says about itself (RFC 7644 §4, RFC 7643 §5 to §7).

use serde_json::{Value, json};

/// `/ServiceProviderConfig`; `base` is the address of `/scim/v2`.
#[must_use]
pub fn service_provider_config(_base: &str) -> Value {
    json!({})
}

/// `/Schemas`.
#[must_use]
pub fn schemas(_base: &str) -> Value {
    json!({})
}

/// `/Schemas/{id}`.
#[must_use]
pub fn schema(_base: &str, _id: &str) -> Option<Value> {
    None
}

/// `/ResourceTypes`.
#[must_use]
pub fn resource_types(_base: &str) -> Value {
    json!({})
}

/// `/ResourceTypes/{name}`.
#[must_use]
pub fn resource_type(_base: &str, _name: &str) -> Option<Value> {
    None
}
