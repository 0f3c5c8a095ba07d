//! Who was given a role on a resource, one by one.

use axum::http::Method;
use serde_json::{Value, json};

use super::{Operation, limit, next, operation, query, text};
use crate::policy::{principal::Kind, role::Role};

const KINDS: [Kind; 4] = [Kind::User, Kind::Team, Kind::ExternalIdentity, Kind::VirtualAccount];

/// Below `/api/v1/tenants/{tenant}`.
pub fn of(method: &Method, rest: &str) -> Option<Operation> {
    let tag = "resources";
    Some(match (method.as_str(), rest) {
        ("GET", "/resources/{name}/collaborators") => {
            let kinds = json!({"type": "string", "enum": KINDS.map(Kind::as_str)});
            operation("listCollaborators", tag, "Who was given a role on a resource, in the order of kinds and names.")
                .query([
                    query("search", &text(), "What names hold, 100 characters at most."),
                    query("kind", &kinds, "Only such."),
                    query("after", &text(), "`next` of the page before."),
                    limit(100),
                ])
                .answers(200, list())
                .fails([404])
        }
        ("GET", "/resources/{name}/collaborators/{kind}/{holder}") => {
            operation("showCollaborator", tag, "The role that somebody was given on a resource.")
                .answers(200, collaborator())
                .fails([404])
        }
        ("PUT", "/resources/{name}/collaborators/{kind}/{holder}") => {
            let wanted = json!({
                "type": "object",
                "properties": {"role": role()},
                "required": ["role"],
                "additionalProperties": false,
            });
            operation("giveRole", tag, "Give somebody a role on a resource, in place of one that they hold there.")
                .body(wanted, true)
                .answers(200, collaborator())
                .answers(201, collaborator())
                .fails([404, 422])
        }
        ("DELETE", "/resources/{name}/collaborators/{kind}/{holder}") => {
            operation("takeRole", tag, "Take the role from somebody that they were given on a resource.")
                .answers(204, None::<Value>)
                .fails([404])
        }
        _ => return None,
    })
}

pub(super) fn role() -> Value {
    json!({"type": "string", "enum": Role::ALL.map(Role::as_str)})
}

fn collaborator() -> Value {
    let mut properties = json!({"role": role()});
    for kind in KINDS {
        properties[kind.as_str()] = text();
    }
    json!({
        "type": "object",
        "properties": properties,
        "required": ["role"],
        "additionalProperties": false,
        "description": "One of the four, by address or name, and the role.",
    })
}

fn list() -> Value {
    let by_group = json!({
        "type": "object",
        "properties": {"team": text(), "role": role()},
        "required": ["team", "role"],
        "additionalProperties": false,
    });
    json!({
        "type": "object",
        "properties": {
            "collaborators": {"type": "array", "items": collaborator()},
            "by_groups": {
                "type": "array",
                "items": by_group,
                "description": "Teams that hold a role by the group of a directory, whatever is asked for; 100 at most.",
            },
            "next": next("`after` of the following page."),
        },
        "required": ["collaborators", "by_groups", "next"],
        "additionalProperties": false,
    })
}
