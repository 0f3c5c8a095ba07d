//! Claims as a provider sent them, made fit to be shown: no larger than somebody reads, and without what could be used.

use serde_json::{Map, Value};

use super::report::{Claim, Sent};
use crate::connector::Document;

/// Most claims of one document.
const CLAIMS: usize = 200;
/// Most bytes of all that is kept.
const BYTES: usize = 64 * 1024;
/// Most characters of one text, and most items of one list or object.
const CHARACTERS: usize = 2_000;
const ITEMS: usize = 100;
/// How deep lists and objects are shown.
const DEPTH: usize = 6;

/// Claims that hold something that opens a door: Entra sends an access token with groups that are kept elsewhere.
const USABLE: [&str; 7] = ["access_token", "refresh_token", "id_token", "code", "client_secret", "password", "nonce"];
const NOT_SHOWN: &str = "(not shown)";

/// The documents, fit to be shown.
#[must_use]
pub fn documents(said: Vec<Document>) -> Vec<Sent> {
    let mut left = BYTES;
    said.into_iter().map(|document| sent(document, &mut left)).collect()
}

fn sent(document: Document, left: &mut usize) -> Sent {
    let all = document.claims.len();
    let mut claims = Vec::new();
    for (name, value) in document.claims.into_iter().take(CLAIMS) {
        let name = cut(&name);
        let value = if is_usable(&name) { NOT_SHOWN.into() } else { fit(value, 0) };
        let size = name.len() + value.to_string().len();
        if size > *left {
            break;
        }
        *left -= size;
        claims.push(Claim { name, value });
    }
    Sent { name: document.name.to_owned(), more: all - claims.len(), claims }
}

fn is_usable(name: &str) -> bool {
    USABLE.iter().any(|usable| name.eq_ignore_ascii_case(usable))
}

fn fit(value: Value, depth: usize) -> Value {
    match value {
        Value::String(text) if is_token(&text) => "(a token, not shown)".into(),
        Value::String(text) => cut(&text).into(),
        Value::Array(_) | Value::Object(_) if depth == DEPTH => "…".into(),
        Value::Array(items) => {
            let more = items.len().saturating_sub(ITEMS);
            let mut items: Vec<Value> = items.into_iter().take(ITEMS).map(|item| fit(item, depth + 1)).collect();
            if more > 0 {
                items.push(format!("… and {more} more").into());
            }
            items.into()
        }
        Value::Object(fields) => {
            let fit = |(name, value): (String, Value)| {
                let value = if is_usable(&name) { NOT_SHOWN.into() } else { fit(value, depth + 1) };
                (cut(&name), value)
            };
            Value::Object(fields.into_iter().take(ITEMS).map(fit).collect::<Map<_, _>>())
        }
        other => other,
    }
}

/// Whether it looks like a JWT, whatever it is called.
fn is_token(text: &str) -> bool {
    let mut parts = text.split('.');
    let head = parts.next().unwrap_or_default();
    let plain = |part: &str| part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    head.starts_with("eyJ") && plain(head) && parts.clone().count() >= 2 && parts.all(plain)
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(CHARACTERS) {
        Some((end, _)) => format!("{}… ({} bytes)", &text[..end], text.len()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shown(value: Value) -> Vec<Sent> {
        let Value::Object(claims) = value else { panic!("an object") };
        documents(vec![Document { name: "ID token", claims: claims.into_iter().collect() }])
    }

    fn value<'a>(sent: &'a [Sent], name: &str) -> &'a Value {
        &sent[0].claims.iter().find(|claim| claim.name == name).unwrap().value
    }

    #[test]
    fn what_could_be_used_is_not_shown() {
        let jwt = "eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.";
        let sent = shown(json!({
            "sub": "1", "access_token": "opaque", "other": jwt, "list": [jwt, "plain"], "version": "1.2.3",
            "_claim_sources": {"src1": {"endpoint": "https://graph.example", "access_token": "opaque"}},
        }));
        let text = serde_json::to_string(&sent).unwrap();
        assert!(!text.contains("opaque") && !text.contains("eyJ"), "{text}");
        assert_eq!((value(&sent, "sub"), value(&sent, "version")), (&json!("1"), &json!("1.2.3")));
        assert_eq!(value(&sent, "_claim_sources")["src1"]["endpoint"], "https://graph.example");
        assert_eq!(value(&sent, "list")[1], "plain");
    }

    #[test]
    fn what_is_huge_is_cut() {
        let sent = shown(json!({"long": "ä".repeat(100_000), "list": vec!["x"; 5_000], "n": 5}));
        assert!(value(&sent, "long").as_str().unwrap().ends_with("… (200000 bytes)"));
        assert_eq!(value(&sent, "list").as_array().unwrap().len(), ITEMS + 1);
        let many: Map<String, Value> = (0..5_000).map(|i| (format!("claim{i}"), json!("x"))).collect();
        let sent = shown(many.into());
        assert_eq!((sent[0].claims.len(), sent[0].more), (CLAIMS, 4_800));
        let wide: Map<String, Value> = (0..150).map(|i| (format!("claim{i}"), json!("x".repeat(1_999)))).collect();
        let sent = shown(wide.into());
        assert!(serde_json::to_string(&sent).unwrap().len() < BYTES + 16 * 1024 && sent[0].more > 0);
        let mut deep = json!("bottom");
        for _ in 0..200 {
            deep = json!([deep]);
        }
        assert!(!serde_json::to_string(&shown(json!({ "deep": deep }))).unwrap().contains("bottom"));
    }
}
