//! JSON objects in which no member name stands twice, at any depth. RFC 7519 §4 lets a parser take the last of two;
//! parsers that disagree on which one counts can be played against each other.

use std::{collections::BTreeSet, fmt};

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// Reads an object, or says in words why not; the words hold nothing of the input.
pub(super) fn object(bytes: &[u8]) -> Result<Map<String, Value>, String> {
    match serde_json::from_slice::<Strict>(bytes).map_err(words)? {
        Strict(Value::Object(map)) => Ok(map),
        _ => Err(NO_OBJECT.to_owned()),
    }
}

/// As [`object`], of which only the members of these names are wanted: the values, in the order of the names.
pub(super) fn members<const N: usize>(bytes: &[u8], names: [&'static str; N]) -> Result<[Option<Value>; N], String> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let found = deserializer.deserialize_any(Wanted(names)).map_err(words)?;
    deserializer.end().map_err(words)?;
    found.ok_or_else(|| NO_OBJECT.to_owned())
}

fn words(e: serde_json::Error) -> String {
    let why = if e.to_string().starts_with(DUPLICATE) { "names a member twice" } else { "is not JSON" };
    why.to_owned()
}

const NO_OBJECT: &str = "is not a JSON object";

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

/// Takes these members of an object; anything else is no object.
struct Wanted<const N: usize>([&'static str; N]);

impl<'de, const N: usize> Visitor<'de> for Wanted<N> {
    type Value = Option<[Option<Value>; N]>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }
    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(None)
    }
    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(None)
    }
    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(None)
    }
    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(None)
    }
    fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
        Ok(None)
    }
    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(None)
    }
    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let mut found = [const { None }; N];
        let mut others = BTreeSet::new();
        while let Some(name) = members.next_key_seed(Name(&self.0))? {
            let Strict(value) = members.next_value()?;
            let twice = match name {
                Ok(at) => found[at].replace(value).is_some(),
                Err(other) => !others.insert(other),
            };
            if twice {
                return Err(A::Error::custom(DUPLICATE));
            }
        }
        Ok(Some(found))
    }
}

/// A member's name: the place that it has among these, or itself.
struct Name<'a>(&'a [&'static str]);

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = Result<usize, String>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = Result<usize, String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }
    fn visit_str<E>(self, v: &str) -> Result<Self::Value, E> {
        Ok(self.0.iter().position(|name| *name == v).ok_or_else(|| v.to_owned()))
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
            assert_eq!(members(bad.as_bytes(), ["a", "z"]).unwrap_err(), why, "{bad}");
            assert_eq!(members(bad.as_bytes(), ["z"]).unwrap_err(), why, "{bad}");
        }
        let [b, a, z] = members(text.as_bytes(), ["b", "a", "z"]).unwrap();
        assert_eq!((b.unwrap()["a"].is_object(), a.unwrap()[4].is_null(), z), (true, true, None));
        // Whoever writes thousands of names makes nobody compare each with all.
        let many: Vec<String> = (0..6_000).map(|n| format!("\"n{n}\":{n}")).collect();
        let read = |last: &str| members(format!("{{{},{last}}}", many.join(",")).as_bytes(), ["a"]);
        assert_eq!(read("\"a\":1"), Ok([Some(1.into())]));
        assert_eq!(read("\"n0\":1").unwrap_err(), "names a member twice");
        assert!(object("[".repeat(10_000).as_bytes()).is_err(), "depth is bounded");
        assert!(object(b"{\"a\":\"\xff\"}").is_err(), "not UTF-8");
    }
}
