//! What a thing was and what it is, field by field, without secrets and not without end.

use std::cmp::Reverse;

use serde_json::{Map, Value, json};

use crate::secret;

/// What stands in place of a secret.
pub const SECRET: &str = "(secret)";
/// Longest text of a value that is kept whole, in characters.
const TEXT: usize = 400;
/// Longest list that is kept whole.
const LIST: usize = 50;
/// Most bytes of all fields together, as JSON.
const ENTRY: usize = 16 * 1024;
/// At which level of an entry `was` and `is` of its fields stand; and how deep values give way each by itself.
const SIDES: usize = 2;
const DEEPEST: usize = 8;

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
        bounded(self.0)
    }
}

/// All fields as JSON, in so many bytes as an entry has: whoever may change something may change it again and again, and the log
/// is read by everybody it concerns. Where they are more, the longest values give way first, each to the beginning of it, then to
/// nothing but how long it is and its digest; values within values before those that hold them, so that nobody hides what is
/// short behind what is long. Where even the names are too many, the last of them go.
fn bounded(given: Map<String, Value>) -> String {
    let given = Value::Object(given);
    let mut told = given.clone();
    let mut size = told.to_string().len();
    if size <= ENTRY {
        return told.to_string();
    }
    let levels = (SIDES..=depth(&given).clamp(SIDES, DEEPEST)).rev().flat_map(|level| [(level, TEXT), (level, 0)]);
    for (level, beginning) in levels {
        if size <= ENTRY {
            break;
        }
        let mut places = Vec::new();
        find(&given, String::new(), level, &mut places);
        places.sort_by_key(|(size, _)| Reverse(*size));
        for (_, at) in places {
            if size <= ENTRY {
                break;
            }
            // It may be gone with what held it.
            let (Some(value), Some(place)) = (given.pointer(&at), told.pointer_mut(&at)) else { continue };
            let (was, short) = (place.to_string().len(), Value::String(digested(value, beginning)));
            let is = short.to_string().len();
            if is < was {
                (*place, size) = (short, size - was + is);
            }
        }
    }
    let whole = told.to_string();
    if whole.len() <= ENTRY { whole } else { without_the_last(&given, told) }
}

/// How many levels there are below it.
fn depth(value: &Value) -> usize {
    let below = match value {
        Value::Object(fields) => fields.values().map(depth).max(),
        Value::Array(items) => items.iter().map(depth).max(),
        _ => None,
    };
    below.map_or(0, |levels| levels + 1)
}

/// Where values stand that may give way, so many levels below `value`, as JSON pointers, and how long each is.
fn find(value: &Value, at: String, levels: usize, places: &mut Vec<(usize, String)>) {
    match value {
        Value::Object(fields) if levels > 0 && !fields.is_empty() => {
            for (name, value) in fields {
                let name = name.replace('~', "~0").replace('/', "~1");
                find(value, format!("{at}/{name}"), levels - 1, places);
            }
        }
        Value::Array(items) if levels > 0 && !items.is_empty() => {
            for (n, value) in items.iter().enumerate() {
                find(value, format!("{at}/{n}"), levels - 1, places);
            }
        }
        value => places.push((value.to_string().len(), at)),
    }
}

/// What stands for a value that is too long: how it begins as JSON, and a digest of all of that.
fn digested(value: &Value, beginning: usize) -> String {
    let text = value.to_string();
    let (begins, digest) = (text.chars().take(beginning).collect::<String>(), secret::hex_digest(&text));
    format!("{begins}… ({} bytes as JSON, SHA-256 of the whole {digest})", text.len())
}

/// As many fields of `told` as there is room for, and a digest of all that were given.
fn without_the_last(given: &Value, told: Value) -> String {
    let all = given.to_string();
    let rest = |more: usize| {
        let (bytes, digest) = (all.len(), secret::hex_digest(&all));
        json!({ "is": format!("… and {more} more fields ({bytes} bytes of all as JSON, SHA-256 of them {digest})") })
    };
    let Value::Object(fields) = told else { return "{}".to_owned() };
    let (count, mut kept, mut size) = (fields.len(), Map::new(), rest(fields.len()).to_string().len() + 16);
    for (name, value) in fields {
        size += json!(name).to_string().len() + value.to_string().len() + 2;
        if size > ENTRY {
            break;
        }
        kept.insert(name, value);
    }
    let more = count - kept.len();
    kept.insert("…".to_owned(), rest(more));
    Value::Object(kept).to_string()
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

    /// Level by level nothing is long, and all together it would be.
    #[test]
    fn an_entry_has_an_end() {
        let claims = |letter: &str| -> Value {
            let values: Vec<String> = (0..12).map(|n| format!("{n}{}", letter.repeat(390))).collect();
            (0..49).map(|n| (format!("claim-{n}"), json!(values))).collect::<Map<String, Value>>().into()
        };
        let (was, is) = (claims("a"), claims("b"));
        let changes = Changes::default().changed("claims", was, is.clone()).changed("enabled", true, false);
        let written = changes.written();
        assert!(written.len() <= ENTRY, "{}", written.len());
        let read: Value = serde_json::from_str(&written).unwrap();
        assert_eq!(read["enabled"], json!({"was": true, "is": false}), "what is short stays");
        for n in [0, 7, 48] {
            let (told, text) = (&read["claims"]["is"][format!("claim-{n}")], is[format!("claim-{n}")].to_string());
            let end = format!("… ({} bytes as JSON, SHA-256 of the whole {})", text.len(), secret::hex_digest(&text));
            assert!(told.as_str().is_some_and(|told| told.ends_with(&end)), "{told}");
        }
        // What is short is not hidden by what stands beside it.
        let padded = |issuer: &str| json!({"issuer": issuer, "scopes": "s".repeat(399), "more": vec!["p".repeat(399); 49]});
        let changes = Changes::default().changed("oidc", padded("https://one.example"), padded("https://two.example"));
        let written = changes.written();
        let read: Value = serde_json::from_str(&written).unwrap();
        assert!(written.len() <= ENTRY && read["oidc"]["was"]["issuer"] == "https://one.example", "{written}");
        let pads = (0..49).map(|n| format!("https://app.example/{n}/{}", "p".repeat(370)));
        let uris: Vec<String> = pads.chain(["https://evil.example/cb".to_owned()]).collect();
        let written = Changes::default().changed("redirect_uris", json!(["https://app.example/cb"]), uris).written();
        assert!(written.len() <= ENTRY && written.contains("\"https://evil.example/cb\""), "{written}");
        // Nor is there no end to what is short.
        let names: Map<String, Value> = (0..5_000).map(|n| (format!("a/~{n}"), json!(n))).collect();
        let written = Changes::default().is("settings", names).secret("token").written();
        let read: Value = serde_json::from_str(&written).unwrap();
        let told = read["settings"]["is"].as_str().unwrap_or_default();
        assert!(written.len() <= ENTRY && told.starts_with("{\"a/~0\":0") && read["token"]["is"] == SECRET, "{written}");
        // However many fields there are, and whatever stands in them.
        for (fields, text) in [(40, "\u{1}"), (400, "ä"), (4_000, "x")] {
            let each =
                |changes: Changes, n: usize| changes.changed(&format!("field-{n}-{}", "n".repeat(100)), "", text.repeat(400));
            let written = (0..fields).fold(Changes::default(), each).written();
            let read: Map<String, Value> = serde_json::from_str(&written).unwrap();
            assert!(written.len() <= ENTRY && !read.is_empty(), "{fields}: {}", written.len());
            let more = read.get("…").and_then(|rest| rest["is"].as_str()).map(str::to_owned);
            let told = read.len() - usize::from(more.is_some());
            let named = more.is_none_or(|more| more.contains(&format!("… and {} more fields", fields - told)));
            assert!(told > 0 && named, "{fields}: {told}");
        }
        // And what fits is as it was.
        let small = Changes::default().is("text", "x".repeat(TEXT)).secret("token");
        let small = small.is("more", json!({"list": vec!["y".repeat(TEXT); 20]}));
        assert_eq!(small.clone().written(), Value::Object(small.0).to_string());
    }
}
