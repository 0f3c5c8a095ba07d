//! Who was given a role on a resource, one by one.

use axum::http::Method;
use serde_json::{Value, json};

use super::{Operation, limit, next, operation, page, query, text};
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
            let wanted = object(&json!({"role": role()}));
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

/// Which roles somebody holds, below `/api/v1/tenants/{tenant}`.
pub fn of_holder(method: &Method, rest: &str) -> Option<Operation> {
    let (name, tag, about) = match rest {
        "/users/{name}/roles" => ("listRolesOfUser", "users", "Which roles a user holds on resources, also by teams."),
        "/teams/{name}/roles" => ("listRolesOfTeam", "teams", "Which roles a team holds on resources."),
        "/external_identities/{name}/roles" => {
            ("listRolesOfExternalIdentity", "external_identities", "Which roles an external identity holds on resources.")
        }
        "/virtual_accounts/{name}/roles" => {
            ("listRolesOfVirtualAccount", "virtual_accounts", "Which roles a virtual account holds on resources.")
        }
        _ => return None,
    };
    let held = object(&json!({
        "resource": object(&json!({"type": text(), "name": text()})),
        "role": role(),
        "team": {"type": ["string", "null"], "description": "The team that it is held by; null: by themselves."},
        "by_rule": {"type": "boolean", "description": "A directory's rule gives it, by a group."},
    }));
    let list = operation(name, tag, about)
        .query([
            query("search", &text(), "What type:name of resources hold, 100 characters at most."),
            query("after", &text(), "`next` of the page before."),
            limit(100),
        ])
        .answers(200, page("roles", &held, &next("`after` of the following page.")))
        .fails([404]);
    (*method == Method::GET).then_some(list)
}

fn object(properties: &Value) -> Value {
    let names: Vec<&String> = properties.as_object().into_iter().flat_map(|all| all.keys()).collect();
    json!({"type": "object", "properties": properties, "required": names, "additionalProperties": false})
}

fn role() -> Value {
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
    let by_group = object(&json!({"team": text(), "role": role()}));
    object(&json!({
        "collaborators": {"type": "array", "items": collaborator()},
        "by_groups": {
            "type": "array",
            "items": by_group,
            "description": "Teams that hold a role by the group of a directory, whatever is asked for; 100 at most.",
        },
        "more_by_groups": {"type": "boolean", "description": "Whether there are more teams of that kind."},
        "next": next("`after` of the following page."),
    }))
}
