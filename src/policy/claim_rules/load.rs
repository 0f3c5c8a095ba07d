//! What expressions weigh: compiling one takes memory and time that nobody sees in its text, and whoever may write rules
//! writes them for their own tenant, on nodes that serve all.

use super::{ClaimRule, MatchType};

/// Expressions, and the memory that they take at most once compiled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    expressions: usize,
    bytes: usize,
}

/// The most that the rules of one identity, account, team, trusted issuer or site may hold.
pub const OF_ONE: Load = Load { expressions: 100, bytes: 1024 * 1024 };
/// The most that a tenant's trusted issuers, identities, accounts and teams may hold together.
pub const OF_TENANT: Load = Load { expressions: 1000, bytes: 8 * 1024 * 1024 };

impl Load {
    /// Of rules that are not compiled: how many expressions there are.
    #[must_use]
    pub fn counted(rules: &[ClaimRule]) -> Self {
        let expressions = rules.iter().filter(|rule| rule.match_type == MatchType::Regex).map(|rule| rule.values.len()).sum();
        Self { expressions, bytes: 0 }
    }

    /// Of one expression that takes at most so much.
    pub(super) fn of(bytes: usize) -> Self {
        Self { expressions: 1, bytes }
    }

    /// Both together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self { expressions: self.expressions.saturating_add(other.expressions), bytes: self.bytes.saturating_add(other.bytes) }
    }

    /// Whether there is nothing of it.
    #[must_use]
    pub fn is_none(self) -> bool {
        self.expressions == 0
    }

    /// # Errors
    /// In words what there is too much of.
    pub fn within(self, most: Self) -> Result<(), String> {
        let fix = "name the values, or use patterns with *, which are as many as you like";
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
