//! The metadata of a connection's provider.

use axum::http::Method;
use serde_json::{Value, json};

use super::{Operation, operation, text};

/// What the route at `rest` of a tenant's address takes and answers, if it is one of these.
pub fn of(method: &Method, rest: &str) -> Option<Operation> {
    let (name, about) = match (method.as_str(), rest) {
        ("GET", "/connections/{name}/metadata") => (
            "showMetadata",
            "What a SAML provider's metadata says: what is in force, and what is held until somebody accepts it.",
        ),
        ("POST", "/connections/{name}/metadata/accept") => {
            ("acceptMetadata", "Put in force what is held, if it is still what the digest names.")
        }
        ("POST", "/connections/{name}/metadata/fetch") => ("fetchMetadata", "Fetch it now; outcome says what came of that."),
        _ => return None,
    };
    let operation = operation(name, "connections", about).answers(200, standing()).fails([404]);
    Some(match name {
        "acceptMetadata" => {
            let digest = json!({"type": "string", "description": "`held.digest` of what was compared."});
            operation.body(object(&json!({"digest": digest}), &["digest"]), true).fails([409])
        }
        _ => operation,
    })
}

fn object(properties: &Value, required: &[&str]) -> Value {
    json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false})
}

fn nullable() -> Value {
    json!({"type": ["string", "null"]})
}

fn standing() -> Value {
    let when = nullable;
    let properties = json!({
        "connection": text(), "metadata_url": text(),
        "in_force": {"oneOf": [document(&json!({})), {"type": "null"}]},
        "held": {"oneOf": [document(&held()), {"type": "null"}]},
        "fetched_at": when(), "changed_at": when(), "tried_at": when(), "next_fetch_at": when(), "failure": nullable(),
        "outcome": {"type": "string", "enum": ["first", "unchanged", "changed", "held", "failed"]},
    });
    object(&properties, &["connection", "metadata_url", "in_force", "held", "fetched_at", "failure"])
}

/// What more is told of what is held.
fn held() -> Value {
    let fingerprints = json!({"type": "array", "items": text()});
    json!({
        "since": text(), "because": text(), "added": fingerprints, "removed": fingerprints,
        "digest": {"type": "string", "description": "What accepting it names."},
    })
}

fn document(more: &Value) -> Value {
    let addresses =
        json!({"type": "array", "items": object(&json!({"binding": text(), "location": text()}), &["binding", "location"])});
    let certificate =
        json!({"subject": text(), "algorithm": text(), "fingerprint": text(), "not_before": text(), "not_after": text()});
    let names = ["subject", "algorithm", "fingerprint", "not_before", "not_after"];
    let mut properties = json!({
        "entity_id": text(), "sign_in": addresses, "single_logout": addresses, "wants_signed_requests": {"type": "boolean"},
        "valid_until": nullable(), "certificates": {"type": "array", "items": object(&certificate, &names)},
    });
    if let (Some(all), Some(more)) = (properties.as_object_mut(), more.as_object()) {
        all.extend(more.clone());
    }
    let required: Vec<String> = properties.as_object().into_iter().flat_map(|all| all.keys().cloned()).collect();
    json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false})
}
