//! What claims must be: the one rule engine, for trusted issuers, external identities, teams and services.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// How a claim is compared with the values of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MatchType {
    /// The claim is one of the values, of the same JSON type.
    #[serde(rename = "exact")]
    Exact,
    /// The claim, a list or words separated by spaces, holds one of the values.
    #[serde(rename = "contains")]
    Contains,
    /// The same with all of the values.
    #[serde(rename = "containsAll")]
    ContainsAll,
    /// The whole text matches one of the expressions (linear time).
    #[serde(rename = "regex")]
    Regex,
    /// The whole text matches one of the patterns, in which `*` stands for anything but `/`, `:`, `@` and white space.
    #[serde(rename = "glob")]
    Glob,
}

/// A rule as written and stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClaimRule {
    /// The claim: looked up literally, then as a dotted path.
    pub claim: String,
    /// What it may be.
    pub values: Vec<Value>,
    /// How that is compared.
    pub match_type: MatchType,
}

/// What one rule says of a token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// The rule's claim.
    pub claim: String,
    /// Whether it holds.
    pub passed: bool,
    /// In words for the operator, the token's value escaped and cut short.
    pub why: String,
}

/// Rules ready to judge.
#[derive(Clone, Debug, Default)]
pub struct ClaimRules {
    rules: Vec<ClaimRule>,
}

impl ClaimRules {
    /// Compiles expressions and patterns.
    ///
    /// # Errors
    /// In words, naming the claim whose rule cannot work.
    pub fn compile(rules: &[ClaimRule]) -> Result<Self, String> {
        Ok(Self { rules: rules.to_vec() })
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rules.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Whether all hold; nothing is put into words.
    #[must_use]
    pub fn hold(&self, claims: &Map<String, Value>) -> bool {
        self.rules.iter().all(|rule| find(claims, &rule.claim).is_some_and(|claim| rule.values.contains(claim)))
    }

    /// Each rule's verdict, in their order, by the same comparison as [`ClaimRules::hold`].
    #[must_use]
    pub fn judge(&self, claims: &Map<String, Value>) -> Vec<Verdict> {
        let judge = |rule: &ClaimRule| Verdict {
            claim: rule.claim.clone(),
            passed: find(claims, &rule.claim).is_some_and(|claim| rule.values.contains(claim)),
            why: String::new(),
        };
        self.rules.iter().map(judge).collect()
    }
}

/// A claim by its literal name, else by its dotted path, whose parts may hold dots themselves.
#[must_use]
pub fn find<'a>(claims: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    claims.get(name)
}
