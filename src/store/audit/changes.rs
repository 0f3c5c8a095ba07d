//! What a thing was and what it is, field by field, without secrets and not without end.

use serde_json::{Map, Value, json};

/// What stands in place of a secret.
pub const SECRET: &str = "(secret)";
/// Longest text of a value that is kept whole, in characters.
const TEXT: usize = 400;
/// Longest list that is kept whole.
const LIST: usize = 50;

/// The fields that an entry is about. Whoever fills it in leaves no secret in it: not its value, hash or fingerprint.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Changes(Map<String, Value>);

impl Changes {
    /// A field had one value and has another.
    #[must_use]
    pub fn changed(mut self, field: &str, was: impl Into<Value>, is: impl Into<Value>) -> Self {
        self.0.insert(field.to_owned(), json!({ "was": shortened(was.into()), "is": shortened(is.into()) }));
        self
    }

    /// A field of something new, or a fact about what was done.
    #[must_use]
    pub fn is(mut self, field: &str, is: impl Into<Value>) -> Self {
        self.0.insert(field.to_owned(), json!({ "is": shortened(is.into()) }));
        self
    }

    /// A field of something that is gone.
    #[must_use]
    pub fn was(mut self, field: &str, was: impl Into<Value>) -> Self {
        self.0.insert(field.to_owned(), json!({ "was": shortened(was.into()) }));
        self
    }

    /// A secret is another now.
    #[must_use]
    pub fn secret(self, field: &str) -> Self {
        self.is(field, SECRET)
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn written(self) -> String {
        Value::Object(self.0).to_string()
    }
}

/// A certificate chain, or a list of a thousand members, would make the log larger than all it is about.
fn shortened(value: Value) -> Value {
    match value {
        Value::String(text) => match text.char_indices().nth(TEXT) {
            Some((at, _)) => json!(format!("{}… ({} characters)", &text[..at], text.chars().count())),
            None => Value::String(text),
        },
        Value::Array(mut list) => {
            let more = list.len().saturating_sub(LIST);
            list.truncate(LIST);
            let more = (more > 0).then(|| json!(format!("… and {more} more")));
            list.into_iter().map(shortened).chain(more).collect()
        }
        Value::Object(fields) => fields.into_iter().map(|(name, value)| (name, shortened(value))).collect(),
        value => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_long_is_shortened() {
        let text = "ä".repeat(TEXT + 1);
        let list: Vec<Value> = (0..LIST + 2).map(|n| json!(n)).collect();
        let changes = Changes::default().changed("a", Value::Null, "b").is("text", text).is("list", list).secret("token");
        let written: Value = serde_json::from_str(&changes.written()).unwrap();
        assert_eq!(written["a"], json!({"was": null, "is": "b"}));
        assert!(written["text"]["is"].as_str().unwrap().ends_with("ä… (401 characters)"));
        let list = written["list"]["is"].as_array().unwrap();
        assert_eq!((list.len(), &list[LIST]), (LIST + 1, &json!("… and 2 more")));
        assert_eq!(written["token"], json!({"is": "(secret)"}));
    }
}
