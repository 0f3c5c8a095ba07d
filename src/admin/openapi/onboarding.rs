//! What the routes take and answer by which a customer comes to be connected: domains, and links to set a connection up.

use axum::http::Method;
use serde_json::{Value, json};

use super::operations::{Operation, limit, next, operation, page, query, text};
use crate::store::window::Phase;

/// What the route at `rest` of a tenant's address takes and answers, if it is one of these.
pub fn of(method: &Method, rest: &str) -> Option<Operation> {
    Some(match (method.as_str(), rest) {
        ("GET", "/domains") => operation("listDomains", "domains", "A tenant's domains, and what proves those that are to be.")
            .query([
                query("search", &text(), "What names hold."),
                query("after", &text(), "`next` of the page before."),
                limit(100),
            ])
            .answers(200, page("domains", &domain(), &next("`after` of the following page.")))
            .fails([404]),
        ("POST", "/domains") => operation("createDomain", "domains", "Begin to prove a domain: the record to publish.")
            .body(strict(json!({"domain": text()}), &["domain"]), true)
            .answers(201, domain())
            .fails([404]),
        ("GET", "/domains/{name}") => operation("showDomain", "domains", "One domain.").answers(200, domain()).fails([404]),
        ("DELETE", "/domains/{name}") => operation("deleteDomain", "domains", "Take a domain from the tenant, with its record.")
            .answers(200, json!({"type": "object", "properties": {"deleted": text()}, "required": ["deleted"]}))
            .fails([400, 404, 409]),
        ("POST", "/domains/{name}/check") => {
            operation("checkDomain", "domains", "Look for the record now.").answers(200, domain()).fails([404, 409])
        }
        ("POST", "/domains/{name}/accept") => {
            operation("acceptDomain", "domains", "Do without a record: for administrators of the platform.")
                .answers(200, domain())
                .fails([404, 409])
        }
        ("GET", "/setup-links") => operation("listSetupLinks", "connections", "Set-up links, the newest first.")
            .query([
                query("search", &text(), "What names of connections hold, 100 characters at most."),
                query("after", &text(), "`next` of the page before."),
                limit(50),
            ])
            .narrowed(Phase::OF_ENDING, false)
            .answers(200, page("setup_links", &link(), &next("`after` of the following page.")))
            .fails([404]),
        ("POST", "/setup-links") => {
            let days = json!({"type": "integer", "minimum": 1, "maximum": 30});
            let flag = || json!({"type": "boolean"});
            let wish = json!({"connection": text(), "directory": flag(), "domain": flag(), "days": days});
            operation(
                "createSetupLink",
                "connections",
                "Make a link that lets somebody else fill in a connection; its url is shown once.",
            )
            .body(strict(wish, &["connection"]), true)
            .answers(201, link())
            .fails([404, 409])
        }
        ("DELETE", "/setup-links/{name}") => operation("revokeSetupLink", "connections", "End a link.")
            .answers(200, json!({"type": "object", "properties": {"revoked": text()}, "required": ["revoked"]}))
            .fails([404]),
        _ => return None,
    })
}

fn strict(properties: Value, required: &[&str]) -> Value {
    json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false})
}

fn domain() -> Value {
    json!({
        "type": "object",
        "properties": {
            "name": text(), "counts": {"type": "boolean"},
            "state": {"type": "string", "enum": ["waiting", "proven", "gone", "accepted", "given", "lost"]},
            "record": {"type": "object", "properties": {"type": text(), "name": text(), "value": text()}},
            "outcome": {"type": "string", "enum": ["proven", "missing", "taken"]},
        },
        "required": ["name", "state", "counts"],
    })
}

fn link() -> Value {
    json!({
        "type": "object",
        "properties": {"id": text(), "connection": text(), "state": {"type": "string", "enum": ["open", "ended", "expired"]}, "url": text()},
        "required": ["id", "connection", "state"],
    })
}
