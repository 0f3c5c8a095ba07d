//! What an apply changes, one line a thing.

use std::fmt;

use serde_json::Value;

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
        self.lines.push(Line { tenant_id: self.tenant_id.clone(), action, name, fields });
    }

    pub(super) fn warn(&mut self, text: String) {
        self.warnings.push(text);
    }

    /// An update, or nothing changed.
    pub(super) fn compare(&mut self, name: String, fields: Vec<String>) -> bool {
        let changed = !fields.is_empty();
        self.add(if changed { Action::Update } else { Action::Unchanged }, name, fields);
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

/// Notes `name` when the two differ.
pub(super) fn differs<T: PartialEq>(fields: &mut Vec<String>, name: &str, old: &T, new: &T) {
    if old != new {
        fields.push(name.into());
    }
}

/// The fields in which two settings differ, as the file spells them; one level of nesting gives `oidc.scopes`.
pub(super) fn differences<T: serde::Serialize>(old: &T, new: &T) -> Vec<String> {
    let json = |x: &T| serde_json::to_value(x).unwrap_or_default();
    let mut fields = Vec::new();
    compare("", &json(old), &json(new), &mut fields);
    // Two that are stored apart may be one in the file.
    let mut seen = std::collections::HashSet::new();
    fields.retain(|field| seen.insert(field.clone()));
    fields
}

fn compare(prefix: &str, old: &Value, new: &Value, fields: &mut Vec<String>) {
    let (Value::Object(old), Value::Object(new)) = (old, new) else { return };
    let absent = &Value::Null;
    let names = new.keys().chain(old.keys().filter(|k| !new.contains_key(*k)));
    for name in names {
        let (was, is) = (old.get(name).unwrap_or(absent), new.get(name).unwrap_or(absent));
        let parts = was.is_object() && is.is_object();
        match name.as_str() {
            "oidc" | "saml" | "oauth_client" | "identity" if parts => compare(&format!("{name}."), was, is, fields),
            // The file has these keys flat.
            "introspection" if parts => compare("introspection_", was, is, fields),
            _ if was == is => {}
            _ if prefix == "introspection_" && name == "content" => fields.push("introspection_content_type".to_owned()),
            _ if prefix == "introspection_" => fields.push(format!("{prefix}{name}")),
            _ => fields.push(format!("{prefix}{}", spelling(name))),
        }
    }
}

/// Settings are stored under names that differ here and there from the file's.
fn spelling(stored: &str) -> &str {
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
        let mut found = differences(&old, &new);
        found.sort();
        assert_eq!(found, ["email_claim", "oidc.scopes", "token_endpoint_auth_method"]);
        let nested = serde_json::json!({"introspection": {"auth": 1, "content": 1}, "required_claims": 1, "matching": 1});
        let other = serde_json::json!({"introspection": {"auth": 2, "content": 2}, "required_claims": 2, "matching": 2});
        let mut found = differences(&nested, &other);
        found.sort();
        assert_eq!(found, ["introspection_auth", "introspection_content_type", "match", "required_claims"]);
        let several = |names: [&str; 2]| serde_json::json!({"issuer": names[0], "other_issuers": names[1..]});
        assert_eq!(differences(&several(["a", "b"]), &several(["b", "a"])), ["issuer"]);
        let gone = serde_json::json!({"oidc": null});
        assert_eq!(differences(&serde_json::json!({"oidc": {"a": 1}}), &gone), ["oidc"]);
    }

    #[test]
    fn prints_one_line_a_change() {
        let mut plan = Plan::default();
        plan.compare("tenant acme".into(), vec![]);
        assert_eq!(plan.to_string(), "no changes");
        plan.add(Action::Create, "user acme/ada@acme.example".into(), vec![]);
        plan.compare("connection acme/okta".into(), vec!["oidc.scopes".into(), "button_text".into()]);
        plan.add(Action::Keep, "client old".into(), vec![]);
        plan.add(Action::Delete, "external identity acme/ci".into(), vec!["viewer on model gpt".into()]);
        plan.warn("careful".into());
        let text = "+ user acme/ada@acme.example\n~ connection acme/okta (oidc.scopes, button_text)\n\
                    - client old (kept: use --prune)\n- external identity acme/ci (loses viewer on model gpt)\n! careful\n\
                    1 created, 1 updated, 1 deleted";
        assert_eq!(plan.to_string(), text);
    }
}
