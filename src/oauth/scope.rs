//! Scopes: a set of words separated by spaces (RFC 6749 §3.3).

use serde::{Deserialize, Serialize};

/// An ordered set of scope words.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Scopes(Vec<String>);

/// The scopes every client may ask for unless its record names fewer or more.
pub const STANDARD: [&str; 5] = ["openid", "email", "profile", "groups", "offline_access"];

/// The scope of a token that pushes for a directory.
pub const SCIM: &str = "scim";

impl Scopes {
    /// Reads the words of `text`; duplicates count once. Words with characters outside RFC 6749's `scope-token` and
    /// more than 50 words give `None`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut words: Vec<String> = Vec::new();
        for word in text.split(' ').filter(|w| !w.is_empty()) {
            let valid = word.bytes().all(|b| matches!(b, 0x21 | 0x23..=0x5b | 0x5d..=0x7e));
            if !valid || words.len() == 50 {
                return None;
            }
            if !words.iter().any(|w| w == word) {
                words.push(word.to_owned());
            }
        }
        Some(Self(words))
    }

    /// Whether `word` is in the set.
    #[must_use]
    pub fn has(&self, word: &str) -> bool {
        self.0.iter().any(|w| w == word)
    }

    /// Whether every word is also in `other`.
    #[must_use]
    pub fn within(&self, other: &Self) -> bool {
        self.0.iter().all(|w| other.has(w))
    }

    /// The words that are also in `allowed`.
    #[must_use]
    pub fn limited_to(&self, allowed: &Self) -> Self {
        Self(self.0.iter().filter(|w| allowed.has(w)).cloned().collect())
    }

    /// Both sets together.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        let mut words = self.0.clone();
        words.extend(other.0.iter().filter(|w| !self.has(w)).cloned());
        Self(words)
    }

    /// The words.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// Whether there is no word.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl std::fmt::Display for Scopes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.join(" "))
    }
}

impl<'a> FromIterator<&'a str> for Scopes {
    fn from_iter<I: IntoIterator<Item = &'a str>>(words: I) -> Self {
        Self::parse(&words.into_iter().collect::<Vec<_>>().join(" ")).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_words_once_and_refuses_foreign_characters() {
        assert_eq!(Scopes::parse("openid  email openid").map(|s| s.to_string()), Some("openid email".into()));
        for bad in ["a\"b", "a\\b", "a\tb", "é", &"s ".repeat(3).replace('s', "\u{7f}")] {
            assert_eq!(Scopes::parse(bad), None, "{bad:?}");
        }
        let many = (0..51).map(|i| format!("s{i}")).collect::<Vec<_>>().join(" ");
        assert_eq!(Scopes::parse(&many), None);
    }
}
