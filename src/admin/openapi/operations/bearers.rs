//! What any bearer of a token may ask: who they are, and what they may do; and what operators may ask of a token.

use axum::http::Method;
use serde_json::{Value, json};

use super::{Operation, operation, query, text};

/// What any bearer may ask, not administrators alone.
pub fn bearers() -> [(Method, &'static str); 2] {
    [(Method::GET, "/api/v1/whoami"), (Method::POST, "/api/v1/access/check")]
}

/// What these take and answer.
pub fn of_bearer(path: &str) -> Option<Operation> {
    let tenant = || {
        [
            query("tenant", &text(), "Of which tenant, where several accept the token."),
            query("issuer", &text(), "Of which trusted issuer, by name or `iss`, where several may be asked about the token."),
        ]
    };
    let (resource, role) = (resource(), role());
    let verdict = json!({
        "type": "object",
        "properties": {"allowed": {"type": "boolean"}, "role": {"type": ["string", "null"]}},
    });
    Some(match path {
        "/api/v1/whoami" => {
            let mut who = strict(json!({
                "tenant": text(), "principal": maybe(principal()), "subject": text(), "email": {"type": ["string", "null"]},
                "issuer": text(), "teams": {"type": "array", "items": text()},
                "principals": {"type": "array", "items": principal(), "description": "Where there are several (match: all)."},
            }));
            who["required"] = json!(["tenant", "principal", "subject", "email", "issuer", "teams"]);
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
        _ => return None,
    })
}

/// What operators ask of a token.
pub fn explain() -> Operation {
    let (resource, role) = (resource(), role());
    let mut asked = strict(json!({
        "token": text(), "resource": resource, "role": role,
        "tenant": described("For which tenant it is judged; the asker's own, if nothing is said."),
        "issuer": described("Which trusted issuer is to judge it, by name or `iss`, where several may be asked about an opaque token; not with a site."),
        "site": described("What becomes of a request with it at this site: its host, or the whole URL."),
        "path": described("Path and query of that request, where `site` has none."),
        "method": described("Its method; GET, if nothing is said."),
        "header": described(
            "The header that the token comes in: `Authorization`, if nothing is said; `Cookie` for a browser with the cookie of the control-plane hops; or one that an issuer has for its tokens.",
        ),
    }));
    asked["required"] = json!(["token"]);
    operation("explainAccess", "bearers", "What a token is worth, at a site too, and why.")
        .body(asked, true)
        .answers(200, report(&resource))
        .fails([404])
}

fn resource() -> Value {
    json!({
        "type": "object",
        "properties": {"type": text(), "name": text()},
        "required": ["type", "name"],
        "additionalProperties": false,
    })
}

fn role() -> Value {
    json!({"type": "string", "enum": ["viewer", "editor", "manager"]})
}

fn described(what: &str) -> Value {
    json!({"type": "string", "description": what})
}

fn strict(properties: Value) -> Value {
    json!({"type": "object", "properties": properties, "additionalProperties": false})
}

/// An object in which all of these are always there.
fn whole(properties: Value) -> Value {
    let names: Vec<String> = properties.as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect();
    let mut schema = strict(properties);
    schema["required"] = json!(names);
    schema
}

fn maybe(mut schema: Value) -> Value {
    schema["type"] = json!([schema["type"], "null"]);
    schema
}

fn many(items: Value) -> Value {
    json!({"type": "array", "items": items})
}

fn principal() -> Value {
    whole(json!({"kind": kind(), "name": text(), "id": text()}))
}

fn kind() -> Value {
    json!({"type": "string", "enum": ["user", "external_identity", "virtual_account", "team"]})
}

/// A token, explained.
fn report(resource: &Value) -> Value {
    let (flag, nullable) = (json!({"type": "boolean"}), json!({"type": ["string", "null"]}));
    let (number, role) = (json!({"type": "integer", "minimum": 0}), json!({"type": ["string", "null"]}));
    let issuer =
        whole(json!({"kind": {"type": "string", "enum": ["gatehouse", "trusted_issuer", "connection"]}, "name": text()}));
    let rules = many(whole(json!({"claim": text(), "passed": flag, "why": text()})));
    let mapping = whole(json!({
        "kind": kind(), "name": text(), "id": text(), "enabled": flag, "matched": flag, "score": number, "chosen": flag,
        "note": text(), "rules": rules,
    }));
    let steps = many(whole(json!({"what": text(), "passed": flag, "detail": text()})));
    let site = whole(json!({
        "name": nullable, "url": text(), "method": text(),
        "outcome": {"type": "string", "enum": ["allow", "sign-in", "401", "403", "503"]},
        "decided_by": nullable, "error": nullable, "cause": nullable,
        "steps": steps, "headers": many(whole(json!({"name": text(), "value": text()}))),
    }));
    let standing = many(whole(json!({"what": text(), "on": flag})));
    let roles = many(whole(json!({"resource": resource, "role": text(), "by": text()})));
    let access = maybe(whole(json!({"resource": resource, "asked": role, "role": role, "allowed": flag})));
    whole(json!({
        "allowed": flag, "error": nullable, "cause": nullable, "tenant": nullable, "issuer": maybe(issuer),
        "subject": nullable, "email": nullable, "accepted": flag, "proven": flag,
        "steps": steps, "standing": standing,
        "mappings": many(mapping), "more_mappings": number,
        "principal": maybe(principal()), "principals": many(principal()), "teams": many(text()),
        "roles": roles, "more_roles": flag, "access": access, "site": maybe(site),
    }))
}
