//! From a token's claims to whom it acts as: which of an issuer's mappings hold, and which of those counts.
//!
//! With 100 000 mappings a token is not compared with each (`waiting`): most name a text that a claim must have (a
//! repository, a client, a domain), and only those whose text the token has are tried.
//! `explanation` tells operators what was decided here, and decides nothing itself.

mod explanation;
mod waiting;

#[cfg(test)]
mod tests;

use std::cmp::Reverse;

use serde_json::{Map, Value};

use self::waiting::Waiting;
use super::{
    claim_rules::{ClaimRules, OF_ISSUER, Steps, Verdict},
    principal::{Kind, Principal},
    trusted_issuer::Matching,
};

/// A mapping of an issuer, ready to judge.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// The mapping's row id.
    pub mapping: String,
    /// The mapping's version.
    pub version: i64,
    /// To whom it leads; a [`Kind::Team`] is only belonged to.
    pub target: Principal,
    /// Whether that one is switched on.
    pub enabled: bool,
    /// What the claims must be; none: a fallback that every token of the issuer fulfils.
    pub rules: ClaimRules,
    /// When the mapping was made (unix seconds).
    pub created_at: i64,
}

/// All mappings of one issuer.
#[derive(Clone, Debug)]
pub struct Mapper {
    /// The oldest first.
    candidates: Vec<Candidate>,
    matching: Matching,
    waiting: Waiting,
}

/// Whom a token acts as.
#[derive(Clone, Debug, Default)]
pub struct Matched<'a> {
    /// The best first; all of them are switched on.
    pub principals: Vec<&'a Candidate>,
    /// The teams that it belongs to besides.
    pub teams: Vec<&'a Candidate>,
    /// The one that the token would act as, were it not switched off. Then there are no principals and the token is to be
    /// refused: no weaker mapping takes its place.
    pub disabled: Option<&'a Candidate>,
    /// Whether comparing the claims took too much: whom they match is not known, and the token is to be refused.
    pub beyond: bool,
}

/// One mapping in an explanation.
#[derive(Clone, Debug)]
pub struct Considered<'a> {
    /// The mapping.
    pub candidate: &'a Candidate,
    /// Each of its rules.
    pub verdicts: Vec<Verdict>,
    /// Whether all of them hold.
    pub matched: bool,
    /// How many of them hold. Of those that match, the most wins.
    pub score: usize,
    /// Whether the token acts as this one, or belongs to it.
    pub chosen: bool,
    /// Why, in words.
    pub note: String,
}

impl Mapper {
    /// Prepares the mappings of one issuer.
    #[must_use]
    pub fn new(mut candidates: Vec<Candidate>, matching: Matching) -> Self {
        candidates.sort_by(|a, b| (a.created_at, &a.mapping).cmp(&(b.created_at, &b.mapping)));
        let waiting = Waiting::of(&candidates);
        Self { candidates, matching, waiting }
    }

    /// The rules of each mapping, by its row id.
    pub fn rules(&self) -> impl Iterator<Item = (&str, &ClaimRules)> {
        self.candidates.iter().map(|candidate| (candidate.mapping.as_str(), &candidate.rules))
    }

    /// Whom a token with these claims acts as.
    #[must_use]
    pub fn matches(&self, claims: &Map<String, Value>) -> Matched<'_> {
        self.matches_within(claims, &mut Steps::at_most(OF_ISSUER))
    }

    fn matches_within(&self, claims: &Map<String, Value>, steps: &mut Steps) -> Matched<'_> {
        let holding = self.holding(claims, steps);
        if steps.is_spent() {
            return Matched { beyond: true, ..Matched::default() };
        }
        self.choose(&holding)
    }

    /// What [`Mapper::matches`] weighs, in words, up to `most`: those that match first, and of them the best; then those that
    /// come closest. Nothing of a token whose claims take too much to compare.
    #[must_use]
    pub fn explain(&self, claims: &Map<String, Value>, most: usize) -> Vec<Considered<'_>> {
        let mut steps = Steps::at_most(OF_ISSUER);
        let holding = self.holding(claims, &mut steps);
        if steps.is_spent() {
            return Vec::new();
        }
        explanation::explain(&self.candidates, &holding, &self.choose(&holding), self.matching, claims, most)
    }

    /// How many mappings there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.candidates.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.candidates.is_empty()
    }

    /// Of those that match (the oldest first), the ones that count.
    fn choose<'a>(&self, holding: &[&'a Candidate]) -> Matched<'a> {
        let (mut teams, mut principals): (Vec<_>, Vec<_>) = holding.iter().partition(|c| c.target.kind == Kind::Team);
        // The sort is stable: of equals, the one made first.
        principals.sort_by_key(|c: &&Candidate| Reverse(c.rules.len()));
        let first = principals.first().copied();
        if self.matching == Matching::Best {
            principals.truncate(1);
        }
        principals.retain(|c| c.enabled);
        teams.retain(|c: &&Candidate| c.enabled);
        let disabled = first.filter(|_| principals.is_empty());
        Matched { principals, teams, disabled, beyond: false }
    }

    /// Those whose rules all hold, the oldest first.
    fn holding(&self, claims: &Map<String, Value>, steps: &mut Steps) -> Vec<&Candidate> {
        let found = self.waiting.candidates(claims, steps).into_iter();
        found.filter_map(|i| self.candidates.get(i)).filter(|c| c.rules.hold_within(claims, steps)).collect()
    }
}
