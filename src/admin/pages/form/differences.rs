//! In which fields a form says something else than what is stored, in words.

use serde_json::Value;

use super::{
    Field, Kind, Posted, posted_of,
    shown::{found, text_in},
};
use crate::admin::pages::claims;

/// A field that says something else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// What people read.
    pub label: &'static str,
    /// What is stored.
    pub stored: String,
    /// What the form says.
    pub typed: String,
}

/// Those of a form that was sent. Secrets are compared with nothing, and told to nobody.
#[must_use]
pub fn differences(fields: &[Field], posted: Posted<'_>, stored: &Value) -> Vec<Difference> {
    let of = |field: &Field| {
        let is = in_words(field.kind, found(field, stored));
        let typed = match posted_of(field, posted) {
            Ok(value) => in_words(field.kind, value.as_ref()),
            // It cannot be read: as it was typed.
            Err(_) => posted(field.path).unwrap_or("(not readable)").to_owned(),
        };
        (is != typed).then_some(Difference { label: field.label, stored: is, typed })
    };
    fields.iter().filter(|field| field.kind != Kind::Secret && !field.stays(stored)).filter_map(of).collect()
}

fn in_words(kind: Kind, value: Option<&Value>) -> String {
    let value = value.filter(|value| !is_nothing(value));
    match kind {
        Kind::Switch => if value == Some(&Value::Bool(true)) { "On" } else { "Off" }.to_owned(),
        Kind::Choice(choices) => {
            let text = text_in(kind, value);
            choices.iter().find(|(word, _)| *word == text).map_or(text.as_str(), |(_, label)| *label).to_owned()
        }
        Kind::Claims => value.map(claims::in_words).unwrap_or_default(),
        Kind::Rows(_) => value.map(words).unwrap_or_default(),
        _ => text_in(kind, value),
    }
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(all) => all.is_empty(),
        Value::Object(parts) => parts.values().all(is_nothing),
        Value::String(text) => text.is_empty(),
        _ => false,
    }
}

/// A thing that has parts, in a line.
fn words(value: &Value) -> String {
    let join = |all: Vec<String>| all.join(", ");
    match value {
        Value::Array(all) => all.iter().map(words).collect::<Vec<_>>().join("; "),
        Value::Object(parts) => {
            let told = parts.iter().filter(|(_, part)| !is_nothing(part));
            join(told.map(|(name, part)| format!("{name}: {}", words(part))).collect())
        }
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const FIELDS: [Field; 7] = [
        Field::new("name", "Name", Kind::Text, "").fixed(),
        Field::new("enabled", "Enabled", Kind::Switch, ""),
        Field::new("way", "Way", Kind::Choice(&[("", "The usual"), ("other", "Another")]), ""),
        Field::new("hosts", "Hosts", Kind::Lines, ""),
        Field::new("secret", "Secret", Kind::Secret, ""),
        Field::new("size", "Size", Kind::Number, ""),
        Field::new("claims", "Claims", Kind::Claims, ""),
    ];

    #[test]
    fn what_differs_is_told_in_words_and_secrets_never() {
        let stored = json!({"name": "a", "enabled": true, "way": null, "hosts": ["x", "y"], "size": 3, "claims": {"azp": "b"}});
        let typed = |pairs: &'static [(&'static str, &'static str)]| {
            move |name: &str| pairs.iter().find(|(n, _)| *n == name).map(|(_, value)| *value)
        };
        let same = typed(&[
            ("enabled", "on"),
            ("way", ""),
            ("hosts", "x\r\ny"),
            ("size", "3"),
            ("secret", "typed"),
            ("claims.0.name", "azp"),
            ("claims.0.values", "b"),
        ]);
        assert_eq!(differences(&FIELDS, &same, &stored), []);
        let other = typed(&[("name", "evil"), ("way", "other"), ("hosts", "x"), ("size", "three"), ("secret", "typed")]);
        let all: Vec<_> = differences(&FIELDS, &other, &stored).into_iter().map(|d| (d.label, d.stored, d.typed)).collect();
        let expected = [
            ("Enabled", "On", "Off"),
            ("Way", "The usual", "Another"),
            ("Hosts", "x\ny", "x"),
            ("Size", "3", "three"),
            ("Claims", "azp is b", ""),
        ];
        assert_eq!(all, expected.map(|(label, is, typed)| (label, is.to_owned(), typed.to_owned())));
    }
}
