//! Parameters of a query or a form: each at most once (RFC 6749 §3.1 and §3.2), an empty value is an absent one.

use super::{
    client::GrantType,
    error::{Code, OAuthError, error},
};

/// Decoded name and value pairs in the order they came.
#[derive(Clone, Debug, Default)]
pub struct Params(Vec<(String, String)>);

/// That a parameter came twice: by name, where that could be one.
fn repeated(name: &str) -> OAuthError {
    let plain = (1..=40).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    let which = if plain { format!(": {name}") } else { String::new() };
    error(Code::InvalidRequest, format!("a parameter is repeated{which}"))
}

impl Params {
    /// Reads `application/x-www-form-urlencoded` text. More than 100 pairs are an error: no honest request has them.
    ///
    /// # Errors
    /// `invalid_request` for too many parameters.
    pub fn parse(encoded: &str) -> Result<Self, OAuthError> {
        let pairs: Vec<_> = url::form_urlencoded::parse(encoded.as_bytes()).into_owned().take(101).collect();
        if pairs.len() > 100 {
            return Err(error(Code::InvalidRequest, "too many parameters"));
        }
        Ok(Self(pairs.into_iter().filter(|(_, value)| !value.is_empty()).collect()))
    }

    /// The value of `name`, when it is there once.
    ///
    /// # Errors
    /// `invalid_request` when it is repeated.
    pub fn one(&self, name: &str) -> Result<Option<&str>, OAuthError> {
        let mut values = self.0.iter().filter(|(n, _)| n == name).map(|(_, v)| v.as_str());
        let first = values.next();
        if values.next().is_some() {
            return Err(repeated(name));
        }
        Ok(first)
    }

    /// The value of `name`, which must be there once.
    ///
    /// # Errors
    /// `invalid_request` when it is repeated or missing.
    pub fn required(&self, name: &str, missing: &'static str) -> Result<&str, OAuthError> {
        self.one(name)?.ok_or(error(Code::InvalidRequest, missing))
    }

    /// All values of `name`; only `resource` may be repeated (RFC 8707 §2), and `audience` in a token exchange (RFC 8693
    /// §2.1).
    #[must_use]
    pub fn all(&self, name: &str) -> Vec<&str> {
        self.0.iter().filter(|(n, _)| n == name).map(|(_, v)| v.as_str()).collect()
    }

    /// Refuses any repeated parameter but those of [`Params::all`].
    ///
    /// # Errors
    /// `invalid_request` when one is repeated.
    pub fn once_each(&self) -> Result<(), OAuthError> {
        let exchange = self.0.iter().any(|(n, v)| n == "grant_type" && v == GrantType::TokenExchange.as_str());
        let several = |name: &str| name == "resource" || (exchange && name == "audience");
        let mut seen = std::collections::HashSet::new();
        for (name, _) in &self.0 {
            if !several(name) && !seen.insert(name) {
                return Err(repeated(name));
            }
        }
        Ok(())
    }

    /// The names that came, in their order.
    #[must_use]
    pub fn names(&self) -> Vec<&str> {
        self.0.iter().map(|(name, _)| name.as_str()).collect()
    }

    /// The pairs as a map for a connector; a repeated name keeps its first value.
    #[must_use]
    pub fn into_map(self) -> std::collections::BTreeMap<String, String> {
        let mut map = std::collections::BTreeMap::new();
        for (name, value) in self.0 {
            map.entry(name).or_insert(value);
        }
        map
    }
}
