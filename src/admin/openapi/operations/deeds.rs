//! What no file speaks of: tokens of directories, our keys, what expires, whether the log is what was written, sign-ins.

use axum::http::Method;
use serde_json::{Value, json};

use super::{Operation, limit, next, operation, page, query, text};
use crate::{
    expiry::{Kind, Wanted},
    store::window::Phase,
};

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
            .query(narrower(false))
            .answers(200, expiring())
            .fails([404]),
        ("GET", "/directories/{name}/token") => {
            operation("listDirectoryTokens", "directories", "What is kept of a directory's tokens, the oldest first.")
                .narrowed(Phase::OF_TOKENS, false)
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
                .answers(201, made_token())
                .fails([404])
        }
        ("DELETE", "/directories/{name}/tokens/{id}") => {
            operation("endDirectoryToken", "directories", "End one at once.").answers(204, None::<Value>).fails([404])
        }
        ("GET", "/sign_ins") => sign_ins("listSignIns", "Traces of sign-ins, the newest first.").fails([404]),
        ("GET", "/sign_ins/{name}") => one_sign_in("showSignIn"),
        _ => return None,
    })
}

/// A user's identities by an operator's word, below `/api/v1/tenants/{tenant}`.
pub fn of_identity(method: &Method, rest: &str) -> Option<Operation> {
    if rest != "/users/{name}/identities/{connection}" {
        return None;
    }
    Some(match method.as_str() {
        "PUT" => {
            let wanted = json!({
                "type": "object",
                "properties": {
                    "subject": {"type": "string", "minLength": 1, "maxLength": 512, "description": "The unique id at the provider."},
                    "issuer": {
                        "type": ["string", "null"],
                        "description": "Which of the connection's own issuers, where it has several: no other is taken.",
                    },
                },
                "required": ["subject"],
                "additionalProperties": false,
            });
            let linked = json!({
                "user_id": text(), "email": text(), "connection": text(), "issuer": text(), "subject": text(),
            });
            let linked = answer(&linked);
            operation("linkIdentity", "users", "Give a user an identity at a connection's provider, by hand.")
                .body(wanted, true)
                .answers(200, linked.clone())
                .answers(201, linked)
                .fails([404, 409])
        }
        "DELETE" => {
            let receipt = json!({"$ref": "#/components/schemas/Receipt"});
            let unlinked = json!({"user_id": text(), "email": text(), "connection": text(), "receipt": receipt});
            let about = "The connection's name again, where sessions or tokens end with it.";
            operation("unlinkIdentity", "users", "Take an identity from a user: their sessions and tokens end with it.")
                .query([query("confirm", &text(), about)])
                .answers(200, answer(&unlinked))
                .fails([404, 409])
        }
        _ => return None,
    })
}

fn answer(properties: &Value) -> Value {
    let names: Vec<&String> = properties.as_object().into_iter().flat_map(|all| all.keys()).collect();
    json!({"type": "object", "properties": properties, "required": names, "additionalProperties": false})
}

/// What is known of a user, below `/api/v1/tenants/{tenant}`.
pub fn of_user(method: &Method, rest: &str) -> Option<Operation> {
    let object = |properties: Value| {
        let names: Vec<&String> = properties.as_object().into_iter().flat_map(|all| all.keys()).collect();
        json!({"type": "object", "properties": properties, "required": names, "additionalProperties": false})
    };
    let many = |properties: Value| json!({"type": "array", "items": object(properties)});
    let reference = |name: &str| json!({"$ref": format!("#/components/schemas/{name}")});
    if (method.as_str(), rest) == ("DELETE", "/users/{name}/personal_tokens/{id}") {
        let revoke = operation("revokeTokenOfUser", "users", "End a personal token of a user, at once.");
        return Some(revoke.answers(204, None::<Value>).fails([404]));
    }
    let (name, about, answer) = match (method.as_str(), rest) {
        ("POST", "/users/{name}/sign-out") => (
            "signOutUser",
            "End every session and token of a user, who may sign in again.",
            json!({"user_id": text(), "email": text(), "receipt": {"anyOf": [reference("Receipt"), {"type": "null"}]}}),
        ),
        ("GET", "/users/{name}/personal_tokens") => (
            "listTokensOfUser",
            "What is known of a user's personal tokens.",
            json!({"personal_tokens": {"type": "array", "items": reference("PersonalToken")}}),
        ),
        ("GET", "/users/{name}/identities") => (
            "listIdentities",
            "Who a user is at providers and in directories; of whom an operator has shut out, also which externalIds stay refused to others until they are let in or deleted.",
            json!({
                "identities": many(json!({
                    "connection": text(), "issuer": text(), "subject": text(), "email": nullable(), "last_seen_at": nullable(),
                })),
                "directories": many(json!({
                    "directory": text(), "external_id": nullable(), "user_name": text(), "active": {"type": "boolean"},
                })),
                "locks": many(json!({
                    "external_id": text(), "directory": nullable(), "connection": nullable(), "refused": text(),
                })),
                "next": following(),
            }),
        ),
        ("GET", "/users/{name}/teams") => (
            "listMemberships",
            "Which teams a user is in: by hand, or by a group of a directory.",
            json!({"teams": many(json!({"team": text(), "directory": nullable(), "group": nullable()})), "next": following()}),
        ),
        ("GET", "/users/{name}/sessions") => (
            "listSessions",
            "The browser sessions of a user, the oldest first.",
            json!({"sessions": many(json!({"created_at": text(), "expires_at": text()})), "next": following()}),
        ),
        _ => return None,
    };
    let states = if rest.ends_with("/personal_tokens") { Phase::OF_TOKENS } else { &[] };
    let in_parts = ["/identities", "/teams", "/sessions"].iter().any(|list| rest.ends_with(list));
    let parts = in_parts.then(|| [query("after", &text(), "`next` of the part before."), limit(1_000)]).into_iter().flatten();
    Some(operation(name, "users", about).narrowed(states, false).query(parts).answers(200, object(answer)).fails([404]))
}

fn following() -> Value {
    next("`after` of the following part.")
}

/// Who is in a team, below `/api/v1/tenants/{tenant}`.
pub fn of_team(method: &Method, rest: &str) -> Option<Operation> {
    let flag = json!({"type": "boolean"});
    let group = answer(&json!({"directory": text(), "group": text(), "by_rule": flag}));
    let member = answer(&json!({
        "id": text(), "email": text(), "name": nullable(), "active": flag, "by_hand": flag,
        "groups": {"type": "array", "items": group},
    }));
    Some(match (method.as_str(), rest) {
        ("GET", "/teams/{name}/members") => {
            operation("listMembers", "teams", "Who is in a team, and by which way, in the order of their addresses.")
                .query([
                    query("search", &text(), "What addresses or names hold, 100 characters at most."),
                    query("after", &text(), "`next` of the page before."),
                    limit(100),
                ])
                .answers(200, page("members", &member, &next("`after` of the following page.")))
                .fails([404])
        }
        ("GET", "/teams/{name}/members/{user}") => {
            operation("showMember", "teams", "Whether and by which ways a user is in a team.").answers(200, member).fails([404])
        }
        ("PUT", "/teams/{name}/members/{user}") => operation("addMember", "teams", "Put a user into a team, by hand.")
            .answers(200, member.clone())
            .answers(201, member)
            .fails([404, 409, 422]),
        ("DELETE", "/teams/{name}/members/{user}") => {
            operation("removeMember", "teams", "Take a user out of a team who was put in by hand.")
                .answers(204, None::<Value>)
                .fails([404, 409])
        }
        _ => return None,
    })
}

fn sign_ins(name: &str, about: &str) -> Operation {
    operation(name, "sign_ins", about)
        .query([
            query("outcome", &json!({"type": "string", "enum": ["under_way", "success", "failed"]}), "What became of it."),
            query("cause", &text(), "Why it failed, by the cause's word."),
            query("connection", &text(), "Over which connection."),
            query("email", &text(), "Whom it was about."),
            query("before", &text(), "`next` of the page before."),
        ])
        .answers(200, page("items", &sign_in(&[]), &next("`before` of the following page.")))
}

fn one_sign_in(name: &str) -> Operation {
    let whole = ["codes", "hops", "title", "means", "fix"];
    operation(name, "sign_ins", "One trace, by a code that the person saw or by its id, with its hops and the fix.")
        .answers(200, sign_in(&whole))
        .fails([404])
}

/// A trace; `also` is what only one by itself has.
fn sign_in(also: &[&str]) -> Value {
    let mut properties = json!({
        "id": text(), "at": text(), "outcome": text(), "cause": nullable(), "connection": nullable(), "email": nullable(),
        "user_id": nullable(), "address": text(),
    });
    for name in also {
        properties[name] = match *name {
            "codes" => json!({"type": "array", "items": text()}),
            "hops" => json!({"type": "array", "items": {"type": "object"}}),
            _ => nullable(),
        };
    }
    let names: Vec<&String> = properties.as_object().into_iter().flat_map(|all| all.keys()).collect();
    json!({"type": "object", "properties": properties, "required": names, "additionalProperties": false})
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
                .query(narrower(true))
                .answers(200, expiring())
        }
        ("GET", "/api/v1/sign_ins") => sign_ins("listAllSignIns", "Traces of sign-ins of all tenants, the newest first."),
        ("GET", "/api/v1/sign_ins/{name}") => one_sign_in("showAnySignIn"),
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

fn state() -> Value {
    json!({"type": "string", "enum": Phase::OF_TOKENS.iter().map(|state| state.as_str()).collect::<Vec<_>>()})
}

/// What a list of what ends is narrowed to.
fn narrower(of_all: bool) -> impl Iterator<Item = Value> {
    let kinds = json!({"type": "string", "enum": Kind::ALL.map(Kind::as_str)});
    let days = json!({"type": "integer", "minimum": 0, "maximum": Wanted::MOST_DAYS});
    let tenant = of_all.then(|| query("tenant", &text(), "Only what is this tenant's."));
    [
        query("search", &text(), "What names hold."),
        query("kind", &kinds, "Only such."),
        query("days", &days, "Only what ends within so many days, or has ended."),
    ]
    .into_iter()
    .chain(tenant)
}

fn expiring() -> Value {
    let one = json!({
        "type": "object",
        "properties": {
            "kind": {"type": "string", "enum": Kind::ALL.map(Kind::as_str)}, "tenant": nullable(), "name": text(), "ends_at": text(),
            "days_left": {"type": "integer"}, "automatic": {"type": "boolean"},
            "draft": {"type": "boolean", "description": "Of a connection that nobody signs in over."},
        },
        "required": ["kind", "tenant", "name", "ends_at", "days_left", "automatic", "draft"],
        "additionalProperties": false,
    });
    list("expiring", &one)
}

fn directory_token() -> Value {
    json!({
        "type": "object",
        "properties": {
            "id": text(), "declared": {"type": "boolean"}, "ended": {"type": "boolean"}, "created_at": text(),
            "expires_at": nullable(), "last_used_at": nullable(), "state": state(),
            "ended_because": {"type": ["string", "null"], "description": "Why it opens nothing."},
        },
        "required": ["id", "declared", "ended", "created_at", "expires_at", "last_used_at", "state", "ended_because"],
        "additionalProperties": false,
    })
}

/// The answer that made it: the only one that has the token.
fn made_token() -> Value {
    let mut made = directory_token();
    made["properties"]["token"] = json!({"type": "string", "description": "Shown this once."});
    made["properties"]["base_url"] = json!({"type": "string", "description": "Where the directory pushes to: its SCIM URL."});
    made["properties"]["older_tokens_ended"] =
        json!({"type": "integer", "minimum": 0, "description": "How many before it end, at once or after overlap."});
    for name in ["token", "base_url", "older_tokens_ended"] {
        made["required"].as_array_mut().into_iter().for_each(|required| required.push(name.into()));
    }
    made
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
