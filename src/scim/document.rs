//! JSON as directories send it, counted while it is read: whatever a body is for, it has no more names in one object,
//! elements in one list and values in all than what follows can go through. Judged afterwards they would have been gone
//! through already.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::scim::fault::Fault;

/// Names that one object may have. Users and groups of the sources that there are have less than a hundred.
pub const NAMES: usize = 1_000;
/// Elements that one list may have: the members of a body.
pub const ELEMENTS: usize = 100_000;
/// Values that a body may have in all, objects and lists among them.
pub const VALUES: usize = 600_000;

/// Reads a body.
///
/// # Errors
/// `invalidSyntax` for what is no JSON, `invalidValue` for a NUL, about which databases do not agree, 413 for what is too
/// many; never with what it holds.
pub fn read(bytes: &[u8]) -> Result<Value, Fault> {
    let mut count = Count { left: VALUES, fault: None };
    let mut text = serde_json::Deserializer::from_slice(bytes);
    let read = One(&mut count).deserialize(&mut text).and_then(|value| text.end().map(|()| value));
    read.map_err(|e| {
        let syntax = || Fault::invalid_syntax(format!("the body is not JSON (line {}, column {})", e.line(), e.column()));
        count.fault.unwrap_or_else(syntax)
    })
}

/// Whether the JSON of some fields has no more than `most` bytes, signs that are escaped counted once.
#[must_use]
pub fn fits<'v>(mut fields: impl Iterator<Item = (&'v String, &'v Value)>, most: usize) -> bool {
    let mut left = most;
    fields.all(|(name, value)| spend(name.len() + 4, &mut left) && weigh(value, &mut left))
}

fn weigh(value: &Value, left: &mut usize) -> bool {
    match value {
        Value::String(text) => spend(text.len() + 2, left),
        Value::Array(list) => spend(2, left) && list.iter().all(|value| spend(1, left) && weigh(value, left)),
        Value::Object(fields) => {
            spend(2, left) && fields.iter().all(|(name, value)| spend(name.len() + 4, left) && weigh(value, left))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => spend(1, left),
    }
}

fn spend(bytes: usize, left: &mut usize) -> bool {
    let rest = left.checked_sub(bytes);
    *left = rest.unwrap_or_default();
    rest.is_some()
}

/// What is left, and why nothing more is read.
struct Count {
    left: usize,
    fault: Option<Fault>,
}

impl Count {
    fn refuse<E: Error>(&mut self, fault: Fault) -> E {
        self.fault = Some(fault);
        E::custom("refused")
    }

    fn another<E: Error>(&mut self) -> Result<(), E> {
        match self.left.checked_sub(1) {
            Some(left) => self.left = left,
            None => {
                return Err(self.refuse(Fault::new(413, format!("the body has more than {VALUES} values; send less at once"))));
            }
        }
        Ok(())
    }

    fn text<E: Error>(&mut self, text: String) -> Result<String, E> {
        match text.contains('\0') {
            true => Err(self.refuse(Fault::invalid_value("the body must not hold NUL"))),
            false => Ok(text),
        }
    }
}

/// One value.
struct One<'c>(&'c mut Count);

impl<'de> DeserializeSeed<'de> for One<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Value, D::Error> {
        self.0.another()?;
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for One<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        self.visit_string(text.to_owned())
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Value, E> {
        self.0.text(text).map(Value::String)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(element) = elements.next_element_seed(One(&mut *self.0))? {
            if list.len() == ELEMENTS {
                return Err(self
                    .0
                    .refuse(Fault::new(413, format!("a list has more than {ELEMENTS} elements; send less at once"))));
            }
            list.push(element);
        }
        Ok(list.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut fields = Map::new();
        let mut names = 0;
        while let Some(name) = members.next_key::<String>()? {
            names += 1;
            if names > NAMES {
                return Err(self.0.refuse(Fault::new(413, format!("an object has more than {NAMES} names"))));
            }
            let name = self.0.text(name)?;
            fields.insert(name, members.next_value_seed(One(&mut *self.0))?);
        }
        Ok(fields.into())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn status(text: &str) -> u16 {
        read(text.as_bytes()).map_or_else(|fault| fault.status, |_| 200)
    }

    fn named(names: usize) -> String {
        let fields: Vec<String> = (0..names).map(|n| format!("\"{n:05}\":1")).collect();
        format!("{{{}}}", fields.join(","))
    }

    #[test]
    fn says_what_serde_json_says() {
        for text in [
            "null",
            "true",
            " 7 ",
            "-7",
            "1.5e3",
            "18446744073709551615",
            "\"\\u00e9\\n\"",
            "[]",
            "{}",
            "{\"a\":1,\"a\":2}",
            "[1,[2,{\"b\":null}],\"x\"]",
            "{",
            "",
            "1 2",
            "[1,]",
            "\"\\ud800\"",
            "nul",
            "1e999",
            "{\"a\"}",
            "\u{feff}1",
        ] {
            let expected: Option<Value> = serde_json::from_str(text).ok();
            assert_eq!(read(text.as_bytes()).ok(), expected, "{text}");
        }
        assert_eq!(status(&format!("{}{}", "[".repeat(200), "]".repeat(200))), 400, "deep");
        assert_eq!(read(b"{\"a\":\xff}").expect_err("no UTF-8").scim_type, Some("invalidSyntax"));
    }

    #[test]
    fn holds_no_nul() {
        for text in [r#""\u0000""#, r#"{"a": ["\u0000"]}"#, r#"{"\u0000": 1}"#] {
            assert_eq!(read(text.as_bytes()).expect_err(text).scim_type, Some("invalidValue"));
        }
    }

    #[test]
    fn counts_names_elements_and_values() {
        assert_eq!((status(&named(NAMES)), status(&named(NAMES + 1))), (200, 413));
        assert_eq!(status(&format!("[{{\"x\":{}}}]", named(NAMES + 1))), 413, "wherever it is");
        assert_eq!(status(&format!("{{{}\"x\":1}}", "\"x\":1,".repeat(NAMES))), 413, "though it is one name");
        let list = |of: &str, n: usize| format!("[{}]", vec![of; n].join(","));
        assert_eq!((status(&list("1", ELEMENTS)), status(&list("1", ELEMENTS + 1))), (200, 413));
        let tens = list("1", 9);
        assert_eq!(status(&list(&tens, VALUES / 10 - 1)), 200);
        assert_eq!(status(&list(&tens, VALUES / 10)), 413);
    }

    #[test]
    fn weighs_without_writing() {
        let fields = json!({"abc": ["x", {"y": null}], "z": 7});
        let fields = fields.as_object().expect("an object");
        let written = serde_json::to_string(fields).expect("JSON").len();
        let least = (0..100).find(|most| fits(fields.iter(), *most)).expect("it fits");
        assert!(least.abs_diff(written) < 10, "{least} and {written}");
        assert!(!fits([(&String::new(), &json!("x".repeat(100)))].into_iter(), 99));
    }
}
