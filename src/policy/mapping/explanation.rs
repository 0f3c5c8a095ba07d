//! What was decided about a token's mappings, in words for the operator.

use std::cmp::Reverse;

use serde_json::{Map, Value};

use super::{Candidate, Considered, Matched};
use crate::policy::{
    claim_rules::{OF_ISSUER, Steps},
    principal::Kind,
    trusted_issuer::Matching,
};

/// Most of those that do not match that are compared to find the closest. There may be a hundred thousand, and a worker that
/// compares them serves nobody meanwhile.
const COMPARED: usize = 5_000;

/// Puts the decision into words, for `most` at most: `holding` and `matched` are what the mapper found and chose.
pub fn explain<'a>(
    all: &'a [Candidate],
    holding: &[&'a Candidate],
    matched: &Matched<'a>,
    matching: Matching,
    claims: &Map<String, Value>,
    most: usize,
) -> Vec<Considered<'a>> {
    let found = Found { holding, matched, matching };
    let mut shown = holding.to_vec();
    shown.sort_by_key(|c| Reverse(c.rules.len()));
    shown.truncate(most);
    shown.extend(closest(all, holding, claims, most - shown.len()));
    let considered = |candidate: &'a Candidate| {
        let verdicts = candidate.rules.judge(claims);
        let score = verdicts.iter().filter(|v| v.passed).count();
        let (holds, chosen) = (found.holds(candidate), found.is_chosen(candidate));
        let note = format!("{}{}", rules(candidate, score), found.outcome(candidate));
        Considered { candidate, verdicts, matched: holds, score, chosen, note }
    };
    shown.into_iter().map(considered).collect()
}

/// Those that do not match, of whose rules the most hold.
fn closest<'a>(all: &'a [Candidate], holding: &[&Candidate], claims: &Map<String, Value>, most: usize) -> Vec<&'a Candidate> {
    if most == 0 {
        return Vec::new();
    }
    let others = all.iter().filter(|one| !has(holding, one)).take(COMPARED);
    let mut steps = Steps::at_most(OF_ISSUER);
    let mut others: Vec<_> = others.map(|one| (one.rules.held(claims, &mut steps), one)).collect();
    others.sort_by_key(|(held, _)| Reverse(*held));
    others.into_iter().take(most).map(|(_, one)| one).collect()
}

struct Found<'a, 'b> {
    holding: &'b [&'a Candidate],
    matched: &'b Matched<'a>,
    matching: Matching,
}

impl Found<'_, '_> {
    fn holds(&self, one: &Candidate) -> bool {
        has(self.holding, one)
    }

    fn is_chosen(&self, one: &Candidate) -> bool {
        has(&self.matched.principals, one) || has(&self.matched.teams, one)
    }

    fn outcome(&self, one: &Candidate) -> String {
        let off = if one.enabled { "" } else { "; disabled" };
        if !self.holds(one) {
            return off.to_owned();
        }
        let best = self.matched.principals.first().or(self.matched.disabled.as_ref());
        let rest = match best {
            _ if one.target.kind == Kind::Team => "; the token belongs to this team".to_owned(),
            None => String::new(),
            Some(best) if std::ptr::eq(*best, one) => self.victory(one),
            Some(_) if self.matching == Matching::All && one.enabled => {
                "; the token acts as this one too (match: all)".to_owned()
            }
            Some(_) if self.matching == Matching::All => "; left out".to_owned(),
            Some(best) if best.rules.len() == one.rules.len() => {
                format!("; tie with {}, which was made earlier and wins", best.target.name)
            }
            Some(best) => format!("; {} matches more closely: {}", best.target.name, rules(best, best.rules.len())),
        };
        format!("{off}{rest}")
    }

    /// What the best one's note says, with the first of those whom only their age has beaten.
    fn victory(&self, best: &Candidate) -> String {
        let beaten =
            |c: &&&Candidate| !std::ptr::eq(**c, best) && c.target.kind != Kind::Team && c.rules.len() == best.rules.len();
        let tie = match self.holding.iter().find(beaten) {
            Some(other) if self.matching == Matching::Best => format!("; tie with {}, which was made later", other.target.name),
            _ => String::new(),
        };
        let end = if best.enabled { "; the token acts as this one" } else { "; it is the best match, so the token is refused" };
        format!("{tie}{end}")
    }
}

fn has(list: &[&Candidate], one: &Candidate) -> bool {
    list.iter().any(|c| std::ptr::eq(*c, one))
}

fn rules(one: &Candidate, held: usize) -> String {
    match one.rules.len() {
        0 => "no rules: every token of this issuer matches".to_owned(),
        1 if held == 1 => "1 rule holds".to_owned(),
        1 => "its 1 rule does not hold".to_owned(),
        all if held == all => format!("{all} rules hold"),
        all => format!("{held} of {all} rules hold"),
    }
}
