//! What no file speaks of: tokens of directories, our keys, what expires, whether the log is what was written.

use axum::http::Method;
use serde_json::{Value, json};

use super::{Operation, operation, text};

fn nullable() -> Value {
    json!({"type": ["string", "null"]})
}

fn list(key: &str, item: &Value) -> Value {
    json!({"type": "object", "properties": {key: {"type": "array", "items": item}}, "required": [key]})
}

/// Below `/api/v1/tenants/{tenant}`.
pub fn of_tenant(method: &Method, rest: &str) -> Option<Operation> {
    Some(match (method.as_str(), rest) {
        ("GET", "/expiring") => operation("listExpiring", "expiring", "What of a tenant expires, the soonest first.")
            .answers(200, expiring())
            .fails([404]),
        ("GET", "/directories/{name}/token") => {
            operation("listDirectoryTokens", "directories", "What is kept of a directory's tokens, the oldest first.")
                .answers(200, list("tokens", &directory_token()))
                .fails([404])
        }
        ("POST", "/directories/{name}/token") => {
            let wanted = json!({
                "type": "object",
                "properties": {
                    "overlap": {"type": "integer", "minimum": 0, "description": "Seconds that the tokens before it go on."},
                    "expires_in": {"type": ["integer", "null"], "minimum": 60, "description": "Seconds that it is good for."},
                },
                "additionalProperties": false,
            });
            operation("createDirectoryToken", "directories", "Make a directory's token, shown this once; those before it end.")
                .body(wanted, false)
                .answers(201, directory_token())
                .fails([404])
        }
        ("DELETE", "/directories/{name}/tokens/{id}") => {
            operation("endDirectoryToken", "directories", "End one at once.").answers(204, None::<Value>).fails([404])
        }
        _ => return None,
    })
}

/// Of the deployment.
pub fn of_deployment(method: &Method, path: &str) -> Option<Operation> {
    Some(match (method.as_str(), path) {
        ("GET", "/api/v1/audit/verification") => {
            let verdict = json!({"type": "object", "properties": {"intact": {"type": "boolean"}}, "required": ["intact"]});
            operation("verifyAudit", "audit", "Whether the audit log is what was written.").answers(200, verdict)
        }
        ("GET", "/api/v1/expiring") => {
            operation("listAllExpiring", "expiring", "What of the deployment expires, the soonest first.")
                .answers(200, expiring())
        }
        ("GET", "/api/v1/keys") => operation("listKeys", "keys", "Our keys.").answers(200, list("keys", &key())),
        ("POST", "/api/v1/keys/{key}/rotate") => {
            let made = json!({
                "type": "object",
                "properties": {"made": {"type": "boolean"}, "keys": {"type": "array", "items": key()}},
                "required": ["made", "keys"],
            });
            operation("rotateKey", "keys", "Make the next key of a row, unless it is waiting already.")
                .answers(200, made.clone())
                .answers(201, made)
                .fails([404])
        }
        _ => return None,
    })
}

fn expiring() -> Value {
    let one = json!({
        "type": "object",
        "properties": {
            "kind": text(), "tenant": nullable(), "name": text(), "ends_at": text(),
            "days_left": {"type": "integer"}, "automatic": {"type": "boolean"},
        },
        "required": ["kind", "name", "ends_at", "days_left"],
    });
    list("expiring", &one)
}

fn directory_token() -> Value {
    json!({
        "type": "object",
        "properties": {
            "id": text(), "declared": {"type": "boolean"}, "ended": {"type": "boolean"}, "created_at": text(),
            "expires_at": nullable(), "last_used_at": nullable(),
            "token": {"type": "string", "description": "On the answer that made it, and never again."},
        },
        "required": ["id", "created_at"],
    })
}

fn key() -> Value {
    json!({
        "type": "object",
        "properties": {
            "row": text(), "key": text(), "state": {"type": "string", "enum": ["next", "current", "retiring"]},
            "imported": {"type": "boolean"}, "created_at": text(), "active_from": text(), "followed_at": nullable(),
            "leaves_at": nullable(), "certificate_ends_at": nullable(),
        },
        "required": ["row", "key", "state"],
    })
}
