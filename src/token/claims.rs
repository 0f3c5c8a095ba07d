//! The claims of a token that has been judged good.

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use super::{alg::Alg, invalid::Invalid};

/// Verified claims. Only `verify` and the introspection of a token make them.
#[derive(Clone, Debug, PartialEq)]
pub struct Claims {
    members: Map<String, Value>,
    alg: Option<Alg>,
}

impl Claims {
    pub(super) fn signed(members: Map<String, Value>, alg: Alg) -> Self {
        Self { members, alg: Some(alg) }
    }

    pub(super) fn told(members: Map<String, Value>) -> Self {
        Self { members, alg: None }
    }

    /// The algorithm of the signature, the one that `at_hash` is computed with; `None` for what an introspection endpoint
    /// has told.
    #[must_use]
    pub fn alg(&self) -> Option<Alg> {
        self.alg
    }

    /// A claim as sent.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.members.get(name)
    }

    /// A claim that is a string.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(Value::as_str)
    }

    /// A claim that is a whole number.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<i64> {
        self.get(name).and_then(Value::as_i64)
    }

    /// All claims.
    #[must_use]
    pub fn members(&self) -> &Map<String, Value> {
        &self.members
    }

    /// All claims, owned.
    #[must_use]
    pub fn into_members(self) -> Map<String, Value> {
        self.members
    }

    /// The claims as a set whose shape is known.
    ///
    /// # Errors
    /// [`Invalid::Claim`] when a member is missing or of another type.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, Invalid> {
        T::deserialize(&self.members).map_err(|e| Invalid::Claim { name: "the claim set".to_owned(), cause: e.to_string() })
    }
}

/// `aud`: one name as a string or several as an array (RFC 7519 §4.1.3).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Audience {
    /// One.
    One(String),
    /// Several.
    Many(Vec<String>),
}

impl Audience {
    /// From the names that a token is for.
    #[must_use]
    pub fn of(names: &[String]) -> Self {
        match names {
            [one] => Self::One(one.clone()),
            _ => Self::Many(names.to_vec()),
        }
    }

    /// The names.
    #[must_use]
    pub fn names(&self) -> &[String] {
        match self {
            Self::One(name) => std::slice::from_ref(name),
            Self::Many(names) => names,
        }
    }
}
