//! JSON objects in which no member name stands twice, at any depth. RFC 7519 §4 lets a parser take the last of two;
//! parsers that disagree on which one counts can be played against each other.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// Reads an object, or says in words why not; the words hold nothing of the input.
pub(super) fn object(bytes: &[u8]) -> Result<Map<String, Value>, String> {
    match serde_json::from_slice::<Strict>(bytes) {
        Ok(Strict(Value::Object(map))) => Ok(map),
        Ok(_) => Err("is not a JSON object".to_owned()),
        Err(e) if e.to_string().starts_with(DUPLICATE) => Err("names a member twice".to_owned()),
        Err(_) => Err("is not JSON".to_owned()),
    }
}

/// A time may have a fraction of a second (RFC 7519 §2, NumericDate); the whole seconds of it are kept, so that everybody
/// who reads it later reads the same. What is no such number stays what it is, and is refused for it.
pub(super) fn whole_seconds(claims: &mut Map<String, Value>) {
    /// Up to here a double is exact.
    const MOST: f64 = 9_007_199_254_740_991.0;
    for name in ["exp", "nbf", "iat", "auth_time"] {
        let Some(value) = claims.get_mut(name).filter(|value| value.is_f64()) else { continue };
        if let Some(at) = value.as_f64().filter(|at| (0.0..=MOST).contains(at)) {
            *value = (at.floor() as i64).into();
        }
    }
}

const DUPLICATE: &str = "duplicate member name";

struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader).map(Self)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }
    fn visit_bool<E>(self, v: bool) -> Result<Value, E> {
        Ok(Value::Bool(v))
    }
    fn visit_i64<E>(self, v: i64) -> Result<Value, E> {
        Ok(v.into())
    }
    fn visit_u64<E>(self, v: u64) -> Result<Value, E> {
        Ok(v.into())
    }
    fn visit_f64<E>(self, v: f64) -> Result<Value, E> {
        Ok(v.into())
    }
    fn visit_str<E>(self, v: &str) -> Result<Value, E> {
        Ok(v.into())
    }
    fn visit_string<E>(self, v: String) -> Result<Value, E> {
        Ok(v.into())
    }
    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut all = Vec::new();
        while let Some(Strict(value)) = seq.next_element()? {
            all.push(value);
        }
        Ok(Value::Array(all))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some((name, Strict(value))) = members.next_entry::<String, Strict>()? {
            if map.insert(name, value).is_some() {
                return Err(A::Error::custom(DUPLICATE));
            }
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_objects_as_serde_json_does_but_for_duplicates() {
        let text = r#"{"a":[1,-2,1.5,1e30,null,true,"x\u00e9"],"b":{"a":{}}}"#;
        assert_eq!(Value::Object(object(text.as_bytes()).unwrap()), serde_json::from_str::<Value>(text).unwrap());
        for (bad, why) in [
            (r#"{"a":1,"a":1}"#, "names a member twice"),
            (r#"{"x":[{"a":1,"\u0061":2}]}"#, "names a member twice"),
            ("[1]", "is not a JSON object"),
            ("{} {}", "is not JSON"),
            (r#"{"a":NaN}"#, "is not JSON"),
            ("", "is not JSON"),
        ] {
            assert_eq!(object(bad.as_bytes()).unwrap_err(), why, "{bad}");
        }
        assert!(object("[".repeat(10_000).as_bytes()).is_err(), "depth is bounded");
        assert!(object(b"{\"a\":\"\xff\"}").is_err(), "not UTF-8");
    }
}
