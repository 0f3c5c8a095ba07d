//! What expressions and patterns weigh: compiling an expression takes memory and time that nobody sees in its text, a pattern
//! that says neither how a text begins nor how it ends is compared with every token, and whoever may write rules writes them
//! for their own tenant, on nodes that serve all.

use serde_json::Value;

use super::{Anchor, ClaimRule, MatchType, has_globs, pattern};

/// Expressions, the memory that they take at most once compiled, and patterns that are tried with every token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    expressions: usize,
    bytes: usize,
    patterns: usize,
}

/// The most that the rules of one identity, account, team, trusted issuer or site may hold.
pub const OF_ONE: Load = Load { expressions: 100, bytes: 1024 * 1024, patterns: 500 };
/// The most that a tenant's trusted issuers, identities, accounts and teams may hold together.
pub const OF_TENANT: Load = Load { expressions: 1000, bytes: 8 * 1024 * 1024, patterns: 5000 };

impl Load {
    /// Of rules that are not compiled: how many expressions there are, and how many patterns without an edge, if no other of the
    /// rules says by which texts they are found.
    #[must_use]
    pub fn counted(rules: &[ClaimRule]) -> Self {
        let expressions = rules.iter().filter(|rule| rule.match_type == MatchType::Regex).map(|rule| rule.values.len()).sum();
        let is_found = rules.iter().any(|rule| Anchor::of(rule).is_some());
        let patterns = if is_found { 0 } else { rules.iter().map(edgeless).sum() };
        Self { expressions, bytes: 0, patterns }
    }

    /// Of one expression that takes at most so much.
    pub(super) fn of(bytes: usize) -> Self {
        Self { expressions: 1, bytes, patterns: 0 }
    }

    /// The expressions alone.
    #[must_use]
    pub fn of_expressions(self) -> Self {
        Self { patterns: 0, ..self }
    }

    /// The patterns alone.
    #[must_use]
    pub fn of_patterns(self) -> Self {
        Self { patterns: self.patterns, ..Self::default() }
    }

    /// Both together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            expressions: self.expressions.saturating_add(other.expressions),
            bytes: self.bytes.saturating_add(other.bytes),
            patterns: self.patterns.saturating_add(other.patterns),
        }
    }

    /// Whether there is nothing of it.
    #[must_use]
    pub fn is_none(self) -> bool {
        self.expressions == 0 && self.patterns == 0
    }

    /// # Errors
    /// In words what there is too much of.
    pub fn within(self, most: Self) -> Result<(), String> {
        let fix = "name the values, or use patterns that begin or end with text, like acme/*, which are as many as you like";
        if self.patterns > most.patterns {
            return Err(format!(
                "there are {} patterns that neither begin nor end with text where at most {} may be: {fix}",
                self.patterns, most.patterns
            ));
        }
        if self.expressions > most.expressions {
            return Err(format!("there are {} expressions where at most {} may be: {fix}", self.expressions, most.expressions));
        }
        if self.bytes > most.bytes {
            let most = most.bytes / 1024;
            return Err(format!(
                "the expressions take more than {most} KiB once compiled: repeat less, write [a-z] for \\w, or {fix}"
            ));
        }
        Ok(())
    }
}

/// Patterns that say neither how a text begins nor how it ends.
fn edgeless(rule: &ClaimRule) -> usize {
    let texts = rule.values.iter().filter_map(Value::as_str).filter(|_| has_globs(rule));
    texts.filter(|text| pattern::edge(text).is_none()).count()
}
