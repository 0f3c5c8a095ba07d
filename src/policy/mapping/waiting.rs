//! Which of very many mappings a token may fulfil: each waits under one of the texts that its rules name, the rarest, and is
//! found by the tokens that have it. A mapping that names none (only expressions, numbers, or `*` alone) is tried with every
//! token of its issuer.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::{
    super::claim_rules::{Mark, find, words},
    Candidate,
};

/// Places of candidates.
type Places = Vec<usize>;

/// Who waits for what.
#[derive(Clone, Debug, Default)]
pub(super) struct Waiting {
    by_claim: HashMap<String, Texts>,
    /// Those that wait for no text.
    others: Places,
}

/// Who waits for texts of one claim.
#[derive(Clone, Debug, Default)]
struct Texts {
    whole: HashMap<String, Places>,
    starts: Edges,
    ends: Edges,
}

/// Who waits for a text that begins, or ends, in a certain way.
#[derive(Clone, Debug, Default)]
struct Edges {
    by_text: HashMap<String, Places>,
    /// How long these texts are: as often a token's text is looked up.
    lengths: Vec<usize>,
}

impl Waiting {
    /// Of several rules the one is taken whose texts the fewest others name: 100 000 mappings may share an organisation and
    /// differ in a repository.
    pub(super) fn of(candidates: &[Candidate]) -> Self {
        let mut named: HashMap<(&str, Mark<'_>), usize> = HashMap::new();
        for anchor in candidates.iter().flat_map(|c| c.rules.anchors()) {
            for mark in anchor.marks() {
                *named.entry((anchor.claim, mark)).or_default() += 1;
            }
        }
        let mut waiting = Self::default();
        for (i, candidate) in candidates.iter().enumerate() {
            let rarest = candidate.rules.anchors().min_by_key(|anchor| {
                let crowd = anchor.marks().filter_map(|mark| named.get(&(anchor.claim, mark)));
                crowd.sum::<usize>()
            });
            let Some(anchor) = rarest else {
                waiting.others.push(i);
                continue;
            };
            let texts = waiting.by_claim.entry(anchor.claim.to_owned()).or_default();
            for mark in anchor.marks() {
                match mark {
                    Mark::Whole(text) => texts.whole.entry(text.to_owned()).or_default().push(i),
                    Mark::Start(text) => texts.starts.push(text, i),
                    Mark::End(text) => texts.ends.push(text, i),
                }
            }
        }
        waiting
    }

    /// The places of all that the claims may fulfil, in order.
    pub(super) fn candidates(&self, claims: &Map<String, Value>) -> Places {
        let mut found = self.others.clone();
        for (claim, texts) in &self.by_claim {
            match find(claims, claim) {
                Some(Value::String(text)) => {
                    texts.look(text, &mut found);
                    if text.contains(' ') {
                        words(text).for_each(|word| found.extend(texts.whole.get(word).into_iter().flatten()));
                    }
                }
                Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).for_each(|text| texts.look(text, &mut found)),
                _ => {}
            }
        }
        // One that takes any of several texts may have been found by each.
        found.sort_unstable();
        found.dedup();
        found
    }
}

impl Texts {
    /// Who waits for this text.
    fn look(&self, text: &str, found: &mut Places) {
        found.extend(self.whole.get(text).into_iter().flatten());
        found.extend(self.starts.of(|length| text.get(..length)));
        found.extend(self.ends.of(|length| text.get(text.len().checked_sub(length)?..)));
    }
}

impl Edges {
    fn push(&mut self, text: &str, place: usize) {
        self.by_text.entry(text.to_owned()).or_default().push(place);
        if !self.lengths.contains(&text.len()) {
            self.lengths.push(text.len());
        }
    }

    /// Who waits for one of the cuts.
    fn of<'a>(&self, cut: impl Fn(usize) -> Option<&'a str>) -> impl Iterator<Item = usize> {
        self.lengths.iter().filter_map(move |length| self.by_text.get(cut(*length)?)).flatten().copied()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::policy::{
        claim_rules::{ClaimRules, shorthand},
        principal::{Kind, Principal},
    };

    /// What the rules of the `n`-th say.
    type Say<'a> = &'a dyn Fn(i64) -> Value;

    fn waiting(count: i64, rules: impl Fn(i64) -> Value) -> Waiting {
        let candidate = |i| {
            let rules: Vec<_> =
                rules(i).as_object().unwrap().iter().map(|(claim, value)| shorthand(claim, value).unwrap()).collect();
            let target = Principal { kind: Kind::ExternalIdentity, name: format!("i{i}"), id: format!("i{i}") };
            let rules = ClaimRules::compile(&rules).unwrap();
            Candidate { mapping: format!("m{i}"), version: 1, target, enabled: true, rules, created_at: i }
        };
        Waiting::of(&(0..count).map(candidate).collect::<Vec<_>>())
    }

    /// What is counted is work, not time: one text leads to one candidate.
    #[test]
    fn many_mappings_cost_no_more_than_few() {
        let glob = |pattern: String| json!({"values": [pattern], "match_type": "glob"});
        let texts = |i: i64| json!({"org": "acme", "repo": i.to_string(), "ref": "main"});
        let ends = |i: i64| json!({"org": "acme", "repo": glob(format!("*@r{i}.example"))});
        let starts = |i: i64| json!({"org": "acme", "repo": glob(format!("r{i}/*"))});
        let either = |i: i64| json!({"org": glob("*".to_owned()), "repo": glob(format!("r{i}-*-{i}"))});
        let kinds: [(&str, Say<'_>, usize); 4] =
            [("texts", &texts, 1), ("ends", &ends, 6), ("starts", &starts, 6), ("either", &either, 6)];
        for (name, rules, looks) in kinds {
            let many = waiting(20_000, rules);
            assert_eq!((many.others.len(), many.by_claim.len()), (0, 1), "{name}");
            let texts = &many.by_claim["repo"];
            let places = [&texts.whole, &texts.starts.by_text, &texts.ends.by_text].into_iter().flat_map(HashMap::values);
            assert_eq!(places.map(Vec::len).max(), Some(1), "{name}");
            assert!(1 + texts.starts.lengths.len() + texts.ends.lengths.len() <= looks, "{name}");
            for repo in ["77", "x@r77.example", "r77/x", "r77-x-77"] {
                let claims = json!({"org": "acme", "repo": repo, "ref": "main"});
                assert!(many.candidates(claims.as_object().unwrap()).len() <= 1, "{name}: {repo}");
            }
        }
        // The twin: what names no text is tried each time.
        let any = waiting(3, |_| json!({"repo": glob("*".to_owned()), "number": 5}));
        assert_eq!(any.candidates(&Map::new()), [0, 1, 2]);
    }
}
