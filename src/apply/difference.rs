//! In what a thing differs from what it was: for the plan its fields, for the audit log their values too. Something new
//! differs from nothing, and nothing from what goes, by the same list of fields: so neither's entry is silent about a switch
//! that the entry of a change would tell.

use serde::Serialize;
use serde_json::Value;

use super::plan::Change;

/// A thing as it was and as it becomes; nothing where it is not there.
pub struct Pair<'a, X> {
    old: Option<&'a X>,
    new: Option<&'a X>,
    changes: Vec<Change>,
}

impl<'a, X> Pair<'a, X> {
    pub fn new(old: Option<&'a X>, new: Option<&'a X>) -> Self {
        Self { old, new, changes: Vec::new() }
    }

    /// A field beside the settings.
    pub fn field<T: PartialEq + Serialize>(mut self, name: &str, of: impl Fn(&'a X) -> T) -> Self {
        differs(&mut self.changes, name, &self.old.map(&of), &self.new.map(&of));
        self
    }

    /// The settings, each that is another one than before, or than by default.
    pub fn settings<S: Default + Serialize + 'a>(mut self, of: impl Fn(&'a X) -> &'a S) -> Self {
        let default = S::default();
        let (old, new) = (self.old.map(&of), self.new.map(&of));
        self.changes.extend(differences(old.unwrap_or(&default), new.unwrap_or(&default)));
        self
    }

    /// A secret: whether there was one, whether there is one, and whether it is another.
    pub fn secret(mut self, name: &str, [was, is]: [bool; 2], is_another: bool) -> Self {
        if is_another {
            self.changes.push(Change::secret(name, was, is));
        }
        self
    }

    /// What the two do not say themselves.
    pub fn with(mut self, change: Option<Change>) -> Self {
        self.changes.extend(change);
        self
    }

    pub fn changes(self) -> Vec<Change> {
        self.changes
    }
}

/// Notes `field` when the two differ; a list that is empty is as good as none.
pub fn differs<T: PartialEq + Serialize>(changes: &mut Vec<Change>, field: &str, old: &T, new: &T) {
    if old == new {
        return;
    }
    let change = Change::new(field, old, new);
    let is_hollow = |value: &Value| value.is_null() || value.as_array().is_some_and(Vec::is_empty);
    if !(is_hollow(&change.was) && is_hollow(&change.is)) {
        changes.push(change);
    }
}

/// The fields in which two settings differ, as the file spells them; one level of nesting gives `oidc.scopes`.
pub fn differences<T: Serialize>(old: &T, new: &T) -> Vec<Change> {
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
pub fn spelling(stored: &str) -> &str {
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
    fn what_is_made_and_what_goes_tell_the_same_fields() {
        type Thing = (bool, Option<&'static str>, Vec<u8>);
        let told = |old: Option<&Thing>, new: Option<&Thing>| {
            let pair = Pair::new(old, new).field("enabled", |x| x.0).field("name", |x| x.1).field("list", |x| &x.2);
            pair.secret("token", [old.is_some(), new.is_some()], true).changes()
        };
        let change = |field: &str, was: Value, is: Value| Change { field: field.to_owned(), was, is };
        let (off, named) = ((false, None, vec![]), (true, Some("x"), vec![]));
        let (null, secret) = (Value::Null, Value::from("(secret)"));
        let token = "token (secret)";
        let made = [change("enabled", null.clone(), false.into()), change(token, null.clone(), secret.clone())];
        assert_eq!(told(None, Some(&off)), made, "that it is switched off is said");
        let gone = [
            change("enabled", true.into(), null.clone()),
            change("name", "x".into(), null.clone()),
            change(token, secret.clone(), null.clone()),
        ];
        assert_eq!(told(Some(&named), None), gone);
        let changed = [
            change("enabled", false.into(), true.into()),
            change("name", null, "x".into()),
            change(token, secret.clone(), secret),
        ];
        assert_eq!(told(Some(&off), Some(&named)), changed);
    }
}
