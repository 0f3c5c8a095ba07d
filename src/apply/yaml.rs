//! YAML as a tree whose every key and value knows its line and column, so that all errors can be listed at once.

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor},
};
use serde_saphyr::{DuplicateKeyPolicy, Location, Spanned};

/// Line and column, from 1; columns count characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct At {
    pub line: u64,
    pub column: u64,
}

impl From<Location> for At {
    fn from(at: Location) -> Self {
        Self { line: at.line().max(1), column: at.column().max(1) }
    }
}

/// A key, and where it stands.
#[derive(Clone, Debug)]
pub struct Key {
    pub at: At,
    pub name: String,
}

/// A value, and where it stands.
#[derive(Clone, Debug)]
pub struct Node {
    pub at: At,
    pub kind: Kind,
}

#[derive(Clone, Debug)]
pub enum Kind {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
    /// A secret that stays as it is stored; no text says this.
    Kept,
}

impl Node {
    /// Reads a whole file.
    pub fn parse(text: &str) -> Result<Self, (At, String)> {
        let options = serde_saphyr::options! {
            // Repeated keys reach the tree, which names every one of them.
            duplicate_keys: DuplicateKeyPolicy::PassThrough,
            // YAML 1.2: `no` and `on` are words.
            strict_booleans: true,
            with_snippet: false,
        };
        serde_saphyr::from_str_with_options(text, options).map_err(|e| {
            let at = e.location().map_or(At { line: 1, column: 1 }, At::from);
            // The position stands in front of the whole message already.
            let text = e.without_snippet().to_string();
            let text = text.split(" at line ").next().unwrap_or_default().trim_end_matches(':').to_owned();
            (at, text)
        })
    }

    /// What it is, in words for an error.
    pub fn what(&self) -> &'static str {
        match &self.kind {
            Kind::Null => "nothing",
            Kind::Bool(_) => "true or false",
            Kind::Int(_) | Kind::Float(_) => "a number",
            Kind::Text(_) => "text",
            Kind::List(_) => "a list",
            Kind::Map(_) => "a mapping",
            Kind::Kept => "what is stored",
        }
    }

    /// The value as JSON, for what is kept verbatim.
    pub fn to_json(&self) -> serde_json::Value {
        use serde_json::Value;
        match &self.kind {
            Kind::Null | Kind::Kept => Value::Null,
            Kind::Bool(x) => (*x).into(),
            Kind::Int(x) => (*x).into(),
            Kind::Float(x) => (*x).into(),
            Kind::Text(x) => x.clone().into(),
            Kind::List(items) => items.iter().map(Self::to_json).collect(),
            Kind::Map(entries) => Value::Object(entries.iter().map(|(k, v)| (k.name.clone(), v.to_json())).collect()),
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<Kind>::deserialize(deserializer)?;
        Ok(Self { at: spanned.referenced.into(), kind: spanned.value })
    }
}

impl<'de> Deserialize<'de> for Kind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(KindVisitor)
    }
}

struct KindVisitor;

impl<'de> Visitor<'de> for KindVisitor {
    type Value = Kind;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Kind, E> {
        Ok(Kind::Null)
    }

    fn visit_none<E>(self) -> Result<Kind, E> {
        Ok(Kind::Null)
    }

    fn visit_bool<E>(self, x: bool) -> Result<Kind, E> {
        Ok(Kind::Bool(x))
    }

    fn visit_i64<E>(self, x: i64) -> Result<Kind, E> {
        Ok(Kind::Int(x))
    }

    fn visit_u64<E>(self, x: u64) -> Result<Kind, E> {
        #[expect(clippy::cast_precision_loss, reason = "beyond i64 the value is only ever refused")]
        Ok(i64::try_from(x).map_or(Kind::Float(x as f64), Kind::Int))
    }

    fn visit_f64<E>(self, x: f64) -> Result<Kind, E> {
        Ok(Kind::Float(x))
    }

    fn visit_str<E>(self, x: &str) -> Result<Kind, E> {
        Ok(Kind::Text(x.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Kind, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Kind::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Kind, A::Error> {
        let mut entries = Vec::new();
        while let Some(key) = map.next_key::<Spanned<String>>()? {
            let key = Key { at: key.referenced.into(), name: key.value };
            entries.push((key, map.next_value()?));
        }
        Ok(Kind::Map(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_and_value_knows_its_place() {
        let node = Node::parse("a:\n- {b: 1, c: no}\n- x: [true, '2', ~]\n").unwrap();
        let Kind::Map(top) = &node.kind else { panic!("{node:?}") };
        assert_eq!((top[0].0.at, top[0].0.name.as_str()), (At { line: 1, column: 1 }, "a"));
        let Kind::List(items) = &top[0].1.kind else { panic!("{node:?}") };
        let Kind::Map(first) = &items[0].kind else { panic!("{node:?}") };
        assert_eq!((first[0].0.at, first[0].1.at), (At { line: 2, column: 4 }, At { line: 2, column: 7 }));
        assert_eq!(first[1].1.to_json(), "no");
        assert_eq!(items[1].to_json(), serde_json::json!({"x": [true, "2", null]}));
    }

    #[test]
    fn a_syntax_error_knows_its_place() {
        let (at, text) = Node::parse("a: [1\nb: 2\n").unwrap_err();
        assert_eq!(at.line, 2, "{text}");
        assert!(!text.contains("line"), "{text}");
    }

    #[test]
    fn an_alias_bomb_is_refused() {
        let mut text = String::from("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
        for n in 1..10 {
            let refs = vec![format!("*a{}", n - 1); 10].join(",");
            text.push_str(&format!("a{n}: &a{n} [{refs}]\n"));
        }
        assert!(Node::parse(&text).is_err());
    }
}
