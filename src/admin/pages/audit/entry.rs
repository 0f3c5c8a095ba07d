//! An entry of the log as people read it.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::{chronicle::Tenants, moment::Moment, store::audit::Entry};

/// An entry.
#[derive(Debug)]
pub struct Told {
    pub seq: i64,
    pub at: Moment,
    pub who: String,
    pub via: String,
    pub action: String,
    pub subject: String,
    pub tenant: Option<String>,
    pub fields: Vec<Field>,
}

/// What a field was and is.
#[derive(Debug, PartialEq, Eq)]
pub struct Field {
    pub name: String,
    pub was: Option<String>,
    pub is: Option<String>,
}

impl Told {
    /// With the tenant's name where entries of several stand together.
    pub fn new(entry: &Entry, tenants: &Tenants, of_all: bool) -> Self {
        let from = entry.address.as_ref().map(|address| format!(" from {address}")).unwrap_or_default();
        Self {
            seq: entry.seq,
            at: Moment(entry.at),
            who: entry.actor.clone(),
            via: format!("{}{from}", entry.via),
            action: entry.action.clone(),
            subject: entry.subject.clone(),
            tenant: tenants.of(entry).filter(|_| of_all).map(str::to_owned),
            fields: fields(&entry.changes),
        }
    }
}

fn fields(changes: &Value) -> Vec<Field> {
    let Some(changes) = changes.as_object() else { return Vec::new() };
    let mut fields = Vec::new();
    for (name, change) in changes {
        tell(name, change.get("was"), change.get("is"), &mut fields);
    }
    fields
}

/// What is within a field is told part by part, `oidc.issuer`, and of what was there before and after only what differs.
fn tell(name: &str, was: Option<&Value>, is: Option<&Value>, fields: &mut Vec<Field>) {
    let parts = |side: Option<&Value>| side.and_then(Value::as_object).filter(|parts| !parts.is_empty()).cloned();
    let (before, after) = (parts(was), parts(is));
    let whole = |side: Option<&Value>, parts: &Option<Map<String, Value>>| side.is_none_or(Value::is_null) || parts.is_some();
    if before.is_none() && after.is_none() || !whole(was, &before) || !whole(is, &after) {
        let said = |value: &Value| said(name, value);
        return fields.push(Field { name: name.to_owned(), was: was.map(said), is: is.map(said) });
    }
    let (before, after) = (before.unwrap_or_default(), after.unwrap_or_default());
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    for part in names.into_iter().filter(|part| before.get(*part) != after.get(*part)) {
        tell(&format!("{name}.{part}"), before.get(part), after.get(part), fields);
    }
}

/// A value in words; numbers of fields that are times are times.
fn said(name: &str, value: &Value) -> String {
    let is_time = name.ends_with("_at") || name.ends_with("_from");
    match value {
        Value::Null => "nothing".to_owned(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::Number(number) => match number.as_i64().filter(|_| is_time) {
            Some(at) => Moment(at).to_string(),
            None => number.to_string(),
        },
        Value::String(text) if text.is_empty() => "empty".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) if items.is_empty() => "none".to_owned(),
        Value::Array(items) => items.iter().map(|item| said(name, item)).collect::<Vec<_>>().join("\n"),
        Value::Object(parts) if parts.is_empty() => "empty".to_owned(),
        Value::Object(_) => {
            let mut leaves = Vec::new();
            flatten("", value, &mut leaves);
            leaves.join(", ")
        }
    }
}

/// One of several things on one line: `group: platform-*, resource.name: gpt`.
fn flatten(path: &str, value: &Value, leaves: &mut Vec<String>) {
    match value {
        Value::Object(parts) if !parts.is_empty() => {
            for (name, value) in parts {
                flatten(&if path.is_empty() { name.clone() } else { format!("{path}.{name}") }, value, leaves);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            let items: Vec<String> = items.iter().map(|item| said(path, item)).collect();
            leaves.push(format!("{path}: {}", items.join(" | ")));
        }
        value => leaves.push(format!("{path}: {}", said(path, value))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn changes_read_well() {
        let told = fields(&json!({
            "enabled": {"was": false, "is": true},
            "expires_at": {"is": 1_763_808_900},
            "members": {"was": ["a", "b"], "is": []},
            "secret": {"is": "(secret)"},
        }));
        let field = |name: &str, was: Option<&str>, is: Option<&str>| Field {
            name: name.to_owned(),
            was: was.map(str::to_owned),
            is: is.map(str::to_owned),
        };
        let expected = [
            field("enabled", Some("no"), Some("yes")),
            field("expires_at", None, Some("22 November 2025, 10:55 UTC")),
            field("members", Some("a\nb"), Some("none")),
            field("secret", None, Some("(secret)")),
        ];
        assert_eq!(told, expected);
        assert_eq!(fields(&json!(null)), []);
    }

    #[test]
    fn what_is_within_is_told_part_by_part() {
        let told = |changes: Value| -> Vec<(String, Option<String>, Option<String>)> {
            fields(&changes).into_iter().map(|field| (field.name, field.was, field.is)).collect()
        };
        let one =
            |name: &str, was: Option<&str>, is: Option<&str>| (name.to_owned(), was.map(str::to_owned), is.map(str::to_owned));
        let same = json!({"client_id": "a", "jwks": {"keys": []}});
        assert_eq!(
            told(json!({
                "oidc": {"was": {"issuer": "https://a", "skew": 1, "same": same}, "is": {"issuer": "https://b", "same": same}},
                "site": {"is": {"resource": {"type": "model", "name": "gpt"}, "hosts": ["a", "b"]}},
            })),
            [
                one("oidc.issuer", Some("https://a"), Some("https://b")),
                one("oidc.skew", Some("1"), None),
                one("site.hosts", None, Some("a\nb")),
                one("site.resource.name", None, Some("gpt")),
                one("site.resource.type", None, Some("model")),
            ]
        );
        assert_eq!(
            told(json!({
                "group_rules": {"was": null, "is": [
                    {"group": "ops", "team": "sre"},
                    {"group": "ml-*", "resource": {"type": "model", "name": "gpt"}, "role": "viewer", "ends_at": 0, "l": [1, 2]},
                ]},
                "login": {"was": {"client": "web"}, "is": "none"},
            })),
            [
                one(
                    "group_rules",
                    Some("nothing"),
                    Some(
                        "group: ops, team: sre\nends_at: 1 January 1970, 00:00 UTC, group: ml-*, l: 1 | 2, resource.name: gpt, \
                         resource.type: model, role: viewer"
                    )
                ),
                one("login", Some("client: web"), Some("none")),
            ]
        );
    }
}
