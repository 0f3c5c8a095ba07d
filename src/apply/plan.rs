//! What an apply changes, one line a thing.

use std::fmt;

use serde::Serialize;
use serde_json::Value;

/// How a secret is shown.
pub const SECRET: &str = "(secret)";
/// Longest text and list that a change holds: what is longer is cut, since nobody reads it.
const LONGEST: usize = 400;
const MOST: usize = 50;

/// What happens to a thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// It is new.
    Create,
    /// Some of its fields change.
    Update,
    /// It goes, with all it owns.
    Delete,
    /// The file no longer names it; without `--prune` it stays.
    Keep,
    /// Users whom sign-ins or directories made, a line for each tenant: pruning is not for them.
    Spare,
    /// It is as the file says.
    Unchanged,
}

/// What one field was, and what it becomes: for the audit log, never printed with the plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The field, as the file spells it.
    pub field: String,
    /// What it was; null when there was nothing. Of a secret only that it was there, of a list that changes only what leaves.
    pub was: Value,
    /// What it becomes; of a list that changes only what is added.
    pub is: Value,
}

impl Change {
    pub(super) fn new(field: impl Into<String>, was: impl Serialize, is: impl Serialize) -> Self {
        let shown = |x: serde_json::Result<Value>| short(x.unwrap_or_default());
        Self { field: field.into(), was: shown(serde_json::to_value(was)), is: shown(serde_json::to_value(is)) }
    }

    /// A secret that changes: whether there was one, and whether there is one.
    pub(super) fn secret(field: &str, was: bool, is: bool) -> Self {
        let shown = |there: bool| there.then_some(SECRET);
        Self::new(format!("{field} {SECRET}"), shown(was), shown(is))
    }
}

fn short(value: Value) -> Value {
    match value {
        Value::String(text) if text.len() > LONGEST => {
            let cut: String = text.chars().take(LONGEST / 4).collect();
            format!("{cut}… ({} bytes)", text.len()).into()
        }
        Value::Array(mut items) => {
            let more = items.len().saturating_sub(MOST);
            items.truncate(MOST);
            let mut items: Vec<Value> = items.into_iter().map(short).collect();
            if more > 0 {
                items.push(format!("… and {more} more").into());
            }
            items.into()
        }
        Value::Object(fields) => Value::Object(fields.into_iter().map(|(name, value)| (name, short(value))).collect()),
        other => other,
    }
}

/// One thing of the file or of the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The row id of the tenant whose thing it is.
    pub tenant_id: Option<String>,
    /// What happens to it.
    pub action: Action,
    /// Its kind and name: `connection acme/okta`.
    pub name: String,
    /// The fields that change, as the file spells them, never their values; of [`Action::Spare`] the addresses, of
    /// [`Action::Delete`] the roles that are lost with it.
    pub fields: Vec<String>,
    /// The same fields with their values; of [`Action::Create`] those that are not as by default.
    pub changes: Vec<Change>,
}

/// All lines, in the order they were worked on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// The lines.
    pub lines: Vec<Line>,
    /// What the file leaves open on purpose, and its operator should read again.
    pub warnings: Vec<String>,
    /// The tenant that is worked on.
    pub(super) tenant_id: Option<String>,
}

impl Plan {
    /// How many things are created, updated or deleted.
    #[must_use]
    pub fn changes(&self) -> usize {
        [Action::Create, Action::Update, Action::Delete].map(|a| self.count(a)).iter().sum()
    }

    /// What goes, with the roles that are lost.
    pub fn deletions(&self) -> impl Iterator<Item = &Line> {
        self.lines.iter().filter(|line| line.action == Action::Delete)
    }

    pub(super) fn add(&mut self, action: Action, name: String, fields: Vec<String>) {
        self.lines.push(Line { tenant_id: self.tenant_id.clone(), action, name, fields, changes: Vec::new() });
    }

    pub(super) fn create(&mut self, name: String, changes: Vec<Change>) {
        self.lines.push(Line { tenant_id: self.tenant_id.clone(), action: Action::Create, name, fields: Vec::new(), changes });
    }

    pub(super) fn warn(&mut self, text: String) {
        self.warnings.push(text);
    }

    /// An update, or nothing changed.
    pub(super) fn compare(&mut self, name: String, changes: Vec<Change>) -> bool {
        let changed = !changes.is_empty();
        let action = if changed { Action::Update } else { Action::Unchanged };
        let mut fields: Vec<String> = Vec::new();
        for change in &changes {
            // Two that are stored apart may be one in the file.
            if !fields.contains(&change.field) {
                fields.push(change.field.clone());
            }
        }
        self.lines.push(Line { tenant_id: self.tenant_id.clone(), action, name, fields, changes });
        changed
    }

    fn count(&self, action: Action) -> usize {
        self.lines.iter().filter(|l| l.action == action).count()
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Line { action, name, fields, .. } in &self.lines {
            match action {
                Action::Create => writeln!(f, "+ {name}")?,
                Action::Update => writeln!(f, "~ {name} ({})", fields.join(", "))?,
                Action::Delete if fields.is_empty() => writeln!(f, "- {name}")?,
                Action::Delete => writeln!(f, "- {name} (loses {})", fields.join(", "))?,
                Action::Keep => writeln!(f, "- {name} (kept: use --prune)")?,
                Action::Spare => writeln!(f, "- {name} (kept: made by sign-ins or a directory: {})", fields.join(", "))?,
                Action::Unchanged => {}
            }
        }
        for warning in &self.warnings {
            writeln!(f, "! {warning}")?;
        }
        if self.changes() == 0 {
            return f.write_str("no changes");
        }
        let [new, changed, gone] = [Action::Create, Action::Update, Action::Delete].map(|a| self.count(a));
        write!(f, "{new} created, {changed} updated, {gone} deleted")
    }
}

/// Notes `field` when the two differ.
pub(super) fn differs<T: PartialEq + Serialize>(changes: &mut Vec<Change>, field: &str, old: &T, new: &T) {
    if old != new {
        changes.push(Change::new(field, old, new));
    }
}

/// The fields in which two settings differ, as the file spells them; one level of nesting gives `oidc.scopes`.
pub(super) fn differences<T: Serialize>(old: &T, new: &T) -> Vec<Change> {
    let json = |x: &T| serde_json::to_value(x).unwrap_or_default();
    let mut changes = Vec::new();
    compare("", &json(old), &json(new), &mut changes);
    changes
}

fn compare(prefix: &str, old: &Value, new: &Value, changes: &mut Vec<Change>) {
    let (Value::Object(old), Value::Object(new)) = (old, new) else { return };
    let absent = &Value::Null;
    let names = new.keys().chain(old.keys().filter(|k| !new.contains_key(*k)));
    for name in names {
        let (was, is) = (old.get(name).unwrap_or(absent), new.get(name).unwrap_or(absent));
        let parts = was.is_object() && is.is_object();
        match name.as_str() {
            "oidc" | "saml" | "oauth_client" | "identity" if parts => compare(&format!("{name}."), was, is, changes),
            // The file has these keys flat.
            "introspection" if parts => compare("introspection_", was, is, changes),
            _ if was == is => {}
            _ if prefix == "introspection_" && name == "content" => {
                changes.push(Change::new("introspection_content_type", was, is));
            }
            _ if prefix == "introspection_" => changes.push(Change::new(format!("{prefix}{name}"), was, is)),
            _ => changes.push(Change::new(format!("{prefix}{}", spelling(name)), was, is)),
        }
    }
}

/// Settings are stored under names that differ here and there from the file's.
pub(super) fn spelling(stored: &str) -> &str {
    match stored {
        "auth" => "token_endpoint_auth_method",
        "matching" => "match",
        "other_issuers" => "issuer",
        "introspection" => "introspection_endpoint",
        "required_claims" | "include_claims" => stored,
        _ => stored.strip_suffix("_claims").map_or(stored, |_| stored.trim_end_matches('s')),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_what_differs() {
        let old = serde_json::json!({"button_text": "a", "email_claims": ["x"], "oidc": {"scopes": "openid", "issuer": "i"}, "auth": 1});
        let new =
            serde_json::json!({"button_text": "a", "email_claims": ["y"], "oidc": {"scopes": "email", "issuer": "i"}, "auth": 2});
        let fields = |old: &Value, new: &Value| {
            let mut fields: Vec<String> = differences(old, new).into_iter().map(|change| change.field).collect();
            fields.sort();
            fields.dedup();
            fields
        };
        let found = fields(&old, &new);
        assert_eq!(found, ["email_claim", "oidc.scopes", "token_endpoint_auth_method"]);
        let nested = serde_json::json!({"introspection": {"auth": 1, "content": 1}, "required_claims": 1, "matching": 1});
        let other = serde_json::json!({"introspection": {"auth": 2, "content": 2}, "required_claims": 2, "matching": 2});
        let found = fields(&nested, &other);
        assert_eq!(found, ["introspection_auth", "introspection_content_type", "match", "required_claims"]);
        let several = |names: [&str; 2]| serde_json::json!({"issuer": names[0], "other_issuers": names[1..]});
        assert_eq!(fields(&several(["a", "b"]), &several(["b", "a"])), ["issuer"]);
        let gone = serde_json::json!({"oidc": null});
        let change = Change::new("oidc", serde_json::json!({"a": 1}), Value::Null);
        assert_eq!(differences(&serde_json::json!({"oidc": {"a": 1}}), &gone), [change]);
    }

    #[test]
    fn prints_one_line_a_change() {
        let mut plan = Plan::default();
        plan.compare("tenant acme".into(), vec![]);
        assert_eq!(plan.to_string(), "no changes");
        plan.add(Action::Create, "user acme/ada@acme.example".into(), vec![]);
        plan.compare(
            "connection acme/okta".into(),
            ["oidc.scopes", "button_text", "button_text"].map(|field| Change::new(field, 1, 2)).into(),
        );
        plan.add(Action::Keep, "client old".into(), vec![]);
        plan.add(Action::Delete, "external identity acme/ci".into(), vec!["viewer on model gpt".into()]);
        plan.warn("careful".into());
        let text = "+ user acme/ada@acme.example\n~ connection acme/okta (oidc.scopes, button_text)\n\
                    - client old (kept: use --prune)\n- external identity acme/ci (loses viewer on model gpt)\n! careful\n\
                    1 created, 1 updated, 1 deleted";
        assert_eq!(plan.to_string(), text);
    }

    #[test]
    fn changes_hold_no_more_than_somebody_reads() {
        let change = Change::new("x", vec![1; 60], "é".repeat(300));
        let was = change.was.as_array().unwrap();
        assert_eq!((was.len(), &was[50]), (51, &Value::from("… and 10 more")));
        assert!(change.is.as_str().unwrap().ends_with("é… (600 bytes)"), "{}", change.is);
        let secret = Change::secret("token", false, true);
        assert_eq!((secret.field.as_str(), secret.was, secret.is), ("token (secret)", Value::Null, Value::from("(secret)")));
    }
}
