//! What the server says about itself (RFC 7644 §4, RFC 7643 §5 to §7). It is the same for every directory, and no
//! member is null: Entra stumbles over those.

use serde_json::{Map, Value, json};

use crate::scim::schema::{Attribute, GROUP, Kind, Mutability, ResourceType, Returned, Schema, USER, Uniqueness};

/// How many operations a Bulk request may have.
pub const BULK_OPERATIONS: usize = 1000;
/// How many bytes a Bulk request may have.
pub const BULK_BYTES: usize = 1024 * 1024;
/// How many resources a page has at most.
pub const LONGEST_PAGE: usize = 200;

/// `/ServiceProviderConfig`; `base` is the address of `/scim/v2`.
#[must_use]
pub fn service_provider_config(base: &str) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"],
        "patch": {"supported": true},
        "bulk": {"supported": true, "maxOperations": BULK_OPERATIONS, "maxPayloadSize": BULK_BYTES},
        "filter": {"supported": true, "maxResults": LONGEST_PAGE},
        "changePassword": {"supported": false},
        "sort": {"supported": true},
        "etag": {"supported": true},
        "authenticationSchemes": [{
            "type": "oauthbearertoken",
            "name": "Bearer token",
            "description": "The token of a directory, made with `gatehouse directories token`.",
            "specUri": "https://www.rfc-editor.org/info/rfc6750",
            "primary": true,
        }],
        "meta": {"resourceType": "ServiceProviderConfig", "location": format!("{base}/ServiceProviderConfig")},
    })
}

/// `/Schemas`.
#[must_use]
pub fn schemas(base: &str) -> Value {
    list(every_schema().map(|schema| describe(base, schema)).collect())
}

/// `/Schemas/{id}`.
#[must_use]
pub fn schema(base: &str, id: &str) -> Option<Value> {
    every_schema().find(|schema| schema.id.eq_ignore_ascii_case(id)).map(|schema| describe(base, schema))
}

/// `/ResourceTypes`.
#[must_use]
pub fn resource_types(base: &str) -> Value {
    list([&USER, &GROUP].map(|kind| describe_type(base, kind)).to_vec())
}

/// `/ResourceTypes/{name}`.
#[must_use]
pub fn resource_type(base: &str, name: &str) -> Option<Value> {
    [&USER, &GROUP].into_iter().find(|kind| kind.name == name).map(|kind| describe_type(base, kind))
}

fn every_schema() -> impl Iterator<Item = &'static Schema> {
    [&USER, &GROUP].into_iter().flat_map(|kind| [kind.schema].into_iter().chain(kind.extensions.iter().copied()))
}

fn list(resources: Vec<Value>) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
        "totalResults": resources.len(),
        "startIndex": 1,
        "itemsPerPage": resources.len(),
        "Resources": resources,
    })
}

fn describe_type(base: &str, kind: &ResourceType) -> Value {
    let extensions = kind.extensions.iter().map(|schema| json!({"schema": schema.id, "required": false}));
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ResourceType"],
        "id": kind.name,
        "name": kind.name,
        "description": kind.schema.description,
        "endpoint": kind.endpoint,
        "schema": kind.schema.id,
        "schemaExtensions": extensions.collect::<Vec<_>>(),
        "meta": {"resourceType": "ResourceType", "location": format!("{base}/ResourceTypes/{}", kind.name)},
    })
}

fn describe(base: &str, schema: &Schema) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Schema"],
        "id": schema.id,
        "name": schema.name,
        "description": schema.description,
        "attributes": schema.attributes.iter().map(describe_attribute).collect::<Vec<_>>(),
        "meta": {"resourceType": "Schema", "location": format!("{base}/Schemas/{}", schema.id)},
    })
}

fn describe_attribute(attribute: &Attribute) -> Value {
    let mut fields = Map::new();
    let mut set = |name: &str, value: Value| fields.insert(name.to_owned(), value);
    set("name", attribute.name.into());
    set("type", kind_name(attribute.kind).into());
    set("multiValued", attribute.multi_valued.into());
    set("description", attribute.description.into());
    // Every user has `active`, sent or not: without it a new one is active, and others stay what they are.
    set("required", (attribute.required || attribute.name == "active").into());
    set("mutability", mutability_name(attribute.mutability).into());
    set("returned", returned_name(attribute.returned).into());
    if matches!(attribute.kind, Kind::String | Kind::Reference | Kind::Binary) {
        set("caseExact", attribute.case_exact.into());
        set("uniqueness", if attribute.uniqueness == Uniqueness::Server { "server" } else { "none" }.into());
    }
    if !attribute.canonical_values.is_empty() {
        set("canonicalValues", attribute.canonical_values.into());
    }
    if !attribute.reference_types.is_empty() {
        set("referenceTypes", attribute.reference_types.into());
    }
    if !attribute.sub_attributes.is_empty() {
        set("subAttributes", attribute.sub_attributes.iter().map(describe_attribute).collect());
    }
    Value::Object(fields)
}

fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::String => "string",
        Kind::Boolean => "boolean",
        Kind::DateTime => "dateTime",
        Kind::Reference => "reference",
        Kind::Binary => "binary",
        Kind::Complex => "complex",
    }
}

fn mutability_name(mutability: Mutability) -> &'static str {
    match mutability {
        Mutability::ReadOnly => "readOnly",
        Mutability::ReadWrite => "readWrite",
        Mutability::Immutable => "immutable",
        Mutability::WriteOnly => "writeOnly",
    }
}

fn returned_name(returned: Returned) -> &'static str {
    match returned {
        Returned::Always => "always",
        Returned::Default => "default",
        Returned::Never => "never",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: &str = "https://gh.example/scim/v2";

    fn nulls(value: &Value) -> usize {
        match value {
            Value::Null => 1,
            Value::Array(list) => list.iter().map(nulls).sum(),
            Value::Object(fields) => fields.values().map(nulls).sum(),
            _ => 0,
        }
    }

    #[test]
    fn lists_without_nulls() {
        for (body, count) in [(schemas(BASE), 3), (resource_types(BASE), 2)] {
            assert_eq!(nulls(&body), 0);
            assert_eq!(body["totalResults"], count);
            assert_eq!(body["Resources"].as_array().map(Vec::len), Some(count));
        }
        assert_eq!(nulls(&service_provider_config(BASE)), 0);
    }

    #[test]
    fn one_of_each() {
        for kind in [&USER, &GROUP] {
            let body = resource_type(BASE, kind.name).expect("a type");
            assert_eq!(body["meta"]["location"], format!("{BASE}/ResourceTypes/{}", kind.name));
            let schema = schema(BASE, kind.schema.id).expect("a schema");
            assert_eq!(schema["id"], body["schema"]);
        }
        assert!(resource_type(BASE, "Robot").is_none() && schema(BASE, "urn:x").is_none());
    }

    #[test]
    fn characteristics() {
        let user = schema(BASE, "urn:ietf:params:scim:schemas:core:2.0:User").expect("the User");
        let attribute = |name: &str| {
            let all = user["attributes"].as_array().expect("a list");
            all.iter().find(|attribute| attribute["name"] == name).expect("an attribute").clone()
        };
        assert_eq!(attribute("userName")["uniqueness"], "server");
        assert_eq!(attribute("userName")["required"], true);
        assert_eq!(attribute("password")["returned"], "never");
        assert_eq!(attribute("password")["mutability"], "writeOnly");
        assert_eq!(attribute("groups")["mutability"], "readOnly");
        assert_eq!(attribute("emails")["subAttributes"][0]["name"], "value");
        assert!(attribute("active").get("caseExact").is_none());
    }
}
