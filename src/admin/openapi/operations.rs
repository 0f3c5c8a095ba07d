//! What each route takes and answers.

mod bearers;
mod collaborators;
mod deeds;
mod metadata;
mod own;

use axum::http::Method;
use serde_json::{Map, Value, json};

pub use self::bearers::{bearers, of_bearer};
use super::{onboarding, schemas};
use crate::{
    apply::single::{self, Noun},
    connector::presets::PRESETS,
    store::window::Phase,
};

/// What every route of the admin API may answer besides: who asks is not known, or may not; they ask too often; the database
/// does not answer.
const ALWAYS: [u16; 4] = [401, 403, 429, 503];

/// An operation under way.
pub struct Operation {
    name: String,
    tag: &'static str,
    about: String,
    query: Vec<Value>,
    body: Option<(Value, bool)>,
    answers: Vec<(u16, Option<Value>)>,
    fails: Vec<u16>,
    tagged: bool,
    conditional: bool,
}

pub(super) fn operation(name: impl Into<String>, tag: &'static str, about: impl Into<String>) -> Operation {
    Operation {
        name: name.into(),
        tag,
        about: about.into(),
        query: Vec::new(),
        body: None,
        answers: Vec::new(),
        fails: Vec::new(),
        tagged: false,
        conditional: false,
    }
}

fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

fn parameter(place: &str, name: &str, schema: &Value, about: &str) -> Value {
    json!({"in": place, "name": name, "required": place == "path", "schema": schema, "description": about})
}

pub(super) fn query(name: &str, schema: &Value, about: &str) -> Value {
    parameter("query", name, schema, about)
}

pub(super) fn text() -> Value {
    json!({"type": "string"})
}

pub(super) fn limit(most: u16) -> Value {
    query("limit", &json!({"type": "integer", "minimum": 1, "maximum": most}), "How many at most.")
}

fn confirm_change() -> Value {
    query("confirm", &text(), "The name again, where people who sign in over it are known by something else from now on.")
}

fn force() -> Value {
    query("force", &json!({"type": "boolean"}), "Also the last active administrator.")
}

fn meaning(status: u16) -> &'static str {
    match status {
        400 => "The request cannot be read.",
        401 => "The token opens nothing.",
        403 => "Not by whoever asks, or not with this token's scopes.",
        404 => "There is none, or it is not the asker's.",
        409 => "Not as things are.",
        412 => "It is not as it was when you looked.",
        413 => "The body is too large.",
        422 => "Some fields are wrong.",
        429 => "Too often.",
        503 => "Try again later.",
        204 => "It is done.",
        201 => "It was made.",
        _ => "As asked.",
    }
}

impl Operation {
    pub(super) fn query(mut self, parameters: impl IntoIterator<Item = Value>) -> Self {
        self.query.extend(parameters);
        self.fails.push(400);
        self
    }

    /// A list that can be narrowed to these states, and to a protocol.
    pub(super) fn narrowed(self, states: &[Phase], protocol: bool) -> Self {
        let words: Vec<&str> = states.iter().map(|state| state.as_str()).collect();
        let state =
            (!words.is_empty()).then(|| query("state", &json!({"type": "string", "enum": words}), "Only those in this state."));
        let protocols = json!({"type": "string", "enum": ["oidc", "saml"]});
        let protocol = protocol.then(|| query("protocol", &protocols, "Only those that speak this."));
        self.query(state.into_iter().chain(protocol))
    }

    /// A body that may be left out, or may not.
    pub(super) fn body(mut self, schema: Value, required: bool) -> Self {
        self.body = Some((schema, required));
        self.fails.extend([400, 413]);
        self
    }

    pub(super) fn answers(mut self, status: u16, schema: impl Into<Option<Value>>) -> Self {
        self.answers.push((status, schema.into()));
        self
    }

    pub(super) fn fails(mut self, statuses: impl IntoIterator<Item = u16>) -> Self {
        self.fails.extend(statuses);
        self
    }

    /// Its good answers have an `ETag`.
    fn tagged(mut self) -> Self {
        self.tagged = true;
        self
    }

    /// It may depend on what is there.
    fn conditional(mut self) -> Self {
        self.conditional = true;
        self.fails(vec![412])
    }

    /// What it takes in the query.
    pub fn parameters(&self) -> Vec<String> {
        self.query.iter().filter_map(|parameter| parameter["name"].as_str()).map(str::to_owned).collect()
    }

    /// As a document has it.
    pub fn written(&self, path: &str, scope: Option<String>) -> Value {
        let mut parameters: Vec<Value> = path
            .split(['{', '}'])
            .skip(1)
            .step_by(2)
            .map(|name| parameter("path", name, &json!({"type": "string", "minLength": 1}), place(name)))
            .collect();
        parameters.extend(self.query.iter().cloned());
        if self.conditional {
            let about = "The ETag that was seen: 412 when it is another by now.";
            parameters.push(parameter("header", "If-Match", &text(), about));
            parameters.push(parameter("header", "If-None-Match", &text(), "*: 412 when there is one."));
        }
        let mut written = json!({
            "operationId": self.name,
            "tags": [self.tag],
            "summary": self.about,
            "parameters": parameters,
            "responses": self.responses(),
        });
        if let Some((schema, required)) = &self.body {
            written["requestBody"] = json!({"required": required, "content": {"application/json": {"schema": schema}}});
        }
        if let Some(scope) = scope {
            written["x-scope"] = scope.into();
        }
        written
    }

    fn responses(&self) -> Value {
        let mut all = Map::new();
        for (status, schema) in &self.answers {
            let mut response = json!({"description": meaning(*status)});
            if let Some(schema) = schema {
                response["content"] = json!({"application/json": {"schema": schema}});
            }
            if self.tagged {
                response["headers"] = json!({"ETag": {"required": true, "schema": {"type": "string"}, "description": "What this version of it is called."}});
            }
            all.insert(status.to_string(), response);
        }
        for status in ALWAYS.iter().chain(&self.fails) {
            let content = match status {
                409 => json!({"application/json": {"schema": reference("Conflict")}}),
                422 => json!({"application/json": {"schema": reference("Faults")}}),
                _ => json!({"application/json": {"schema": reference("Error")}}),
            };
            all.insert(status.to_string(), json!({"description": meaning(*status), "content": content}));
        }
        Value::Object(all)
    }
}

fn place(name: &str) -> &'static str {
    match name {
        "tenant" => "The tenant's name.",
        "id" => "Its id.",
        "connection" => "The connection's name.",
        "user" => "The user's address or id.",
        "kind" => "What they are: user, team, external_identity or virtual_account.",
        "holder" => "What they are called: a user by address or id.",
        _ => "What it is called: a user by address or id, a resource as type:name.",
    }
}

/// What a route of the admin API takes and answers; `noun` is what stands for `{noun}` in its path.
pub fn of(method: &Method, path: &str, noun: Option<Noun>) -> Option<Operation> {
    const TENANT: &str = "/api/v1/tenants/{tenant}";
    if let Some(rest) = path.strip_prefix(TENANT) {
        return match (rest, noun) {
            ("", _) => one(method, Noun::Tenant),
            ("/service_tokens/{name}/token", _) if method == Method::POST => Some(
                operation("renewServiceToken", "service_tokens", "Make a new token for a service; the one before ends.")
                    .answers(200, reference("Token"))
                    .fails([404]),
            ),
            ("/connections/{name}/test", _) if method == Method::GET => Some(test()),
            ("/{noun}", Some(noun)) => many(method, noun),
            ("/{noun}/{name}", Some(noun)) => one(method, noun),
            ("/{noun}/{name}/check", Some(noun)) if *method == Method::POST => Some(check(noun)),
            (rest, _) if rest.ends_with("/{name}/roles") => collaborators::of_holder(method, rest),
            (rest, _) if rest.starts_with("/teams/") => deeds::of_team(method, rest),
            (rest, _) if rest.starts_with("/resources/") => collaborators::of(method, rest),
            (rest, _) if rest.starts_with("/users/") || rest.starts_with("/invites") => people_of(method, rest),
            (rest, _) => {
                onboarding::of(method, rest).or_else(|| metadata::of(method, rest)).or_else(|| deeds::of_tenant(method, rest))
            }
        };
    }
    match path {
        "/api/v1/tenants" => many(method, Noun::Tenant),
        "/api/v1/audit" => Some(audit()),
        "/api/v1/access/explain" => Some(bearers::explain()),
        path if path.starts_with("/api/v1/users/") => user(method, path),
        path if path.starts_with("/api/v1/invites") => own::invites(method, path),
        path if path.starts_with("/api/v1/personal_tokens") => own::personal_tokens(method, path),
        path => deeds::of_deployment(method, path),
    }
}

/// A thing that must say what it is called.
fn named(noun: Noun) -> Value {
    let keys = if noun == Noun::Resources { vec!["type", "name"] } else { vec![noun.key()] };
    json!({"allOf": [reference(schemas::name(noun)), {"type": "object", "required": keys}]})
}

pub(super) fn page(key: &str, items: &Value, next: &Value) -> Value {
    json!({
        "type": "object",
        "properties": {key: {"type": "array", "items": items}, "next": next},
        "required": [key, "next"],
        "additionalProperties": false,
    })
}

pub(super) fn next(about: &str) -> Value {
    json!({"type": ["string", "null"], "description": about})
}

fn many(method: &Method, noun: Noun) -> Option<Operation> {
    let (name, tag) = (schemas::name(noun), noun.as_str());
    let missing = if noun == Noun::Tenant { None } else { Some(404) };
    let operation = match *method {
        Method::GET => operation(format!("list{name}s"), tag, format!("The {tag}, in the order of their names."))
            .query([
                query("search", &text(), "What names hold, 100 characters at most."),
                query("after", &text(), "`next` of the page before."),
                limit(100),
            ])
            .narrowed(single::states(noun), noun == Noun::Connections)
            .query(single::provider(noun).map(|name| provider(noun, name)))
            .answers(200, page(tag, &named(noun), &next("`after` of the following page."))),
        Method::POST => {
            let force = (noun != Noun::Tenant).then(force);
            operation(format!("create{name}"), tag, format!("Make a new {}.", noun.word()))
                .query(force)
                .body(named(noun), true)
                .answers(201, named(noun))
                .tagged()
                .fails([409, 422])
        }
        _ => return None,
    };
    Some(operation.fails(missing))
}

fn provider(noun: Noun, name: &str) -> Value {
    let (schema, about) = match noun {
        Noun::Connections => {
            (json!({"type": "string", "enum": PRESETS.map(|preset| preset.name)}), "Only those of this provider, by its preset.")
        }
        _ => (text(), "Only those whose tokens are of this trusted issuer or connection, by its name."),
    };
    query(name, &schema, about)
}

fn one(method: &Method, noun: Noun) -> Option<Operation> {
    let (name, tag, word) = (schemas::name(noun), noun.as_str(), noun.word());
    Some(match *method {
        Method::GET => {
            operation(format!("show{name}"), tag, format!("One {word}.")).answers(200, named(noun)).tagged().fails([404])
        }
        Method::PUT => operation(format!("put{name}"), tag, format!("Make a {word} what the body says."))
            .query([force()].into_iter().chain((noun == Noun::Connections).then(confirm_change)))
            .body(reference(name), true)
            .answers(200, named(noun))
            .answers(201, named(noun))
            .tagged()
            .conditional()
            .fails([404, 409, 422]),
        Method::DELETE => operation(format!("delete{name}"), tag, format!("Delete a {word}."))
            .query([force(), query("confirm", &text(), "The name again, where something is lost with it: roles, records, identities, what other things need it for, sign-ins at applications.")])
            .answers(200, reference("Deleted"))
            .conditional()
            .fails([404, 409]),
        _ => return None,
    })
}

/// Of nouns that lead nowhere outside there is nothing to look at.
fn check(noun: Noun) -> Operation {
    let name = schemas::name(noun);
    let about = format!("Look where the settings of a {} lead, and write nothing; without a body the stored ones.", noun.word());
    let found = json!({
        "type": "object",
        "properties": {
            "usable": {"type": "boolean", "description": "Whether nothing is wrong and nothing is missing."},
            "missing": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {"path": {"type": "string"}, "text": {"type": "string"}},
                    "required": ["path", "text"],
                },
                "description": "What it does not say yet, and must before it is of use.",
            },
            "findings": {"type": "array", "items": {"type": "object"}},
        },
        "required": ["usable", "missing", "findings"],
    });
    operation(format!("check{name}"), noun.as_str(), about).body(reference(name), false).answers(200, found).fails([404])
}

fn test() -> Operation {
    let about = "What came of the newest test sign-in over it. A test begins in a browser, at the address that begin names.";
    let told = json!({
        "type": "object",
        "properties": {
            "connection": {"type": "string"},
            "proven": {"type": "boolean", "description": "Whether an operator's test has passed under its present settings; that of a set-up link's guest does not count."},
            "begin": {"type": "string"},
            "test": {"type": ["object", "null"], "description": "Decision, mappings and claims; nothing when none is kept."},
        },
        "required": ["connection", "proven", "begin", "test"],
        "additionalProperties": false,
    });
    operation("showConnectionTest", "connections", about).answers(200, told).fails([404])
}

fn audit() -> Operation {
    let when = |name: &str, about: &str| query(name, &text(), about);
    let number = |name: &str, about: &str| query(name, &json!({"type": "integer", "minimum": 0}), about);
    let next = json!({"type": ["integer", "null"], "description": "`before` of the following page."});
    operation("readAudit", "audit", "The audit log, the newest first; as application/x-ndjson all of it, the oldest first.")
        .query([
            query("tenant", &text(), "About things of this tenant."),
            query("actor", &text(), "By whom."),
            query("action", &text(), "What was done."),
            query("subject", &text(), "What the subject begins with."),
            when("since", "Not before: a time, or how long ago (7d)."),
            when("until", "Before: the same."),
            limit(200),
            number("before", "`next` of the page before."),
            number("after", "Of the lines: those behind this entry."),
        ])
        .answers(200, page("entries", &reference("Entry"), &next))
        .fails([404])
}

fn user(method: &Method, path: &str) -> Option<Operation> {
    Some(match (method.as_str(), path) {
        ("POST", "/api/v1/users/{id}/deactivate") => {
            operation("deactivateUser", "users", "Shut a user out: every session and token ends.")
                .body(reference("Deactivation"), false)
                .answers(200, reference("Deactivated"))
                .fails([404, 409])
        }
        ("POST", "/api/v1/users/{id}/activate") => {
            operation("activateUser", "users", "Let a user in again.").answers(200, reference("Activated")).fails([404, 409])
        }
        ("GET", "/api/v1/users/{id}/receipts") => {
            let receipts = json!({
                "type": "object",
                "properties": {"receipts": {"type": "array", "items": reference("Receipt")}},
                "required": ["receipts"],
            });
            operation("listReceipts", "users", "What ended each time that a user was shut out.")
                .answers(200, receipts)
                .fails([404])
        }
        _ => return None,
    })
}

/// The same of any tenant, as of the asker's own.
fn people_of(method: &Method, rest: &str) -> Option<Operation> {
    let short = format!("/api/v1{}", rest.replace("{name}", "{id}"));
    let operation = user(method, &short).or_else(|| own::invites(method, &short));
    let operation = operation.map(|operation| Operation { name: format!("{}Of", operation.name), ..operation });
    let operation = operation.or_else(|| deeds::of_identity(method, rest));
    operation.or_else(|| deeds::of_user(method, rest)).map(|operation| operation.fails([404]))
}
