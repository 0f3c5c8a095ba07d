//! What any bearer of a token may ask: who they are, and what they may do.

use axum::http::Method;
use serde_json::{Value, json};

use super::{Operation, operation, query, text};

/// What any bearer may ask, not administrators alone.
pub fn bearers() -> [(Method, &'static str); 3] {
    [(Method::GET, "/api/v1/whoami"), (Method::POST, "/api/v1/access/check"), (Method::POST, "/api/v1/access/explain")]
}

/// What these take and answer.
pub fn of_bearer(path: &str) -> Option<Operation> {
    let tenant = || [query("tenant", &text(), "Of which tenant, where several accept the token.")];
    let resource = json!({
        "type": "object",
        "properties": {"type": text(), "name": text()},
        "required": ["type", "name"],
        "additionalProperties": false,
    });
    let role = json!({"type": "string", "enum": ["viewer", "editor", "manager"]});
    let strict = |properties: Value| json!({"type": "object", "properties": properties, "additionalProperties": false});
    let verdict = json!({
        "type": "object",
        "properties": {"allowed": {"type": "boolean"}, "role": {"type": ["string", "null"]}},
    });
    Some(match path {
        "/api/v1/whoami" => {
            let who = json!({"type": "object", "required": ["tenant", "subject", "issuer", "teams"]});
            operation("whoami", "bearers", "Who the bearer of a token is.").query(tenant()).answers(200, who)
        }
        "/api/v1/access/check" => {
            let one = strict(json!({"resource": resource, "role": role}));
            let asked = json!({"resource": resource, "role": role, "checks": {"type": "array", "items": one, "maxItems": 100}});
            let answer =
                json!({"anyOf": [verdict, {"type": "object", "properties": {"results": {"type": "array", "items": verdict}}}]});
            operation("checkAccess", "bearers", "Whether the bearer may do something with a resource.")
                .query(tenant())
                .body(strict(asked), true)
                .answers(200, answer)
        }
        "/api/v1/access/explain" => {
            let mut asked = strict(json!({"token": text(), "tenant": text(), "resource": resource, "role": role}));
            asked["required"] = json!(["token"]);
            operation("explainAccess", "bearers", "What a token is worth, and why: for administrators.")
                .body(asked, true)
                .answers(200, json!({"type": "object"}))
        }
        _ => return None,
    })
}
