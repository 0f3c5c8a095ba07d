//! An entry of the log as people read it.

use serde_json::Value;

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
    let side = |name: &str, change: &Value, side: &str| change.get(side).map(|value| said(name, value));
    changes
        .iter()
        .map(|(name, change)| Field { name: name.clone(), was: side(name, change, "was"), is: side(name, change, "is") })
        .collect()
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
        Value::Object(_) => value.to_string(),
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
}
