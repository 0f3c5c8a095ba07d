//! What a thing was and what it is, field by field, without secrets and not without end.

use serde_json::{Map, Value, json};

use crate::secret;

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

/// A certificate chain, or a list of a thousand members, would make the log larger than all it is about. Of what is cut there
/// is a digest of the whole: else padding would hide a value for good, and two that differ behind the cut would look alike.
fn shortened(value: Value) -> Value {
    match value {
        Value::String(text) => match text.char_indices().nth(TEXT) {
            Some((at, _)) => {
                let (length, digest) = (text.chars().count(), secret::hex_digest(&text));
                json!(format!("{}… ({length} characters, SHA-256 of the whole {digest})", &text[..at]))
            }
            None => Value::String(text),
        },
        Value::Array(mut list) => {
            let more = list.len().saturating_sub(LIST);
            let digest = (more > 0).then(|| secret::hex_digest(&json!(list).to_string()));
            list.truncate(LIST);
            let more = digest.map(|digest| json!(format!("… and {more} more (SHA-256 of the whole list as JSON {digest})")));
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
        let cut = written["text"]["is"].as_str().unwrap();
        assert!(cut.ends_with(&format!("ä… (401 characters, SHA-256 of the whole {})", secret::hex_digest(&"ä".repeat(401)))));
        let list = written["list"]["is"].as_array().unwrap();
        let digest = secret::hex_digest(&serde_json::to_string(&(0..LIST + 2).collect::<Vec<_>>()).unwrap());
        let last = format!("… and 2 more (SHA-256 of the whole list as JSON {digest})");
        assert_eq!((list.len(), &list[LIST]), (LIST + 1, &json!(last)));
        assert_eq!(written["token"], json!({"is": "(secret)"}));
    }
}
