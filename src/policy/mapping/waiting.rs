//! Which of very many mappings a token may fulfil: each waits under one of the texts or numbers that its rules name, the rarest, and is
//! found by the tokens that have it. A mapping that names none (only expressions, or `*` alone) is tried with every token of
//! its issuer.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::{
    super::claim_rules::{Mark, Steps, find, lookup_steps, whole, words},
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
    /// What looking the claim up takes.
    lookup: usize,
    whole: HashMap<String, Places>,
    numbers: HashMap<i64, Places>,
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
            let fresh = || Texts { lookup: lookup_steps(anchor.claim), ..Texts::default() };
            let texts = waiting.by_claim.entry(anchor.claim.to_owned()).or_insert_with(fresh);
            for mark in anchor.marks() {
                match mark {
                    Mark::Whole(text) => texts.whole.entry(text.to_owned()).or_default().push(i),
                    Mark::Start(text) => texts.starts.push(text, i),
                    Mark::End(text) => texts.ends.push(text, i),
                    Mark::Number(number) => texts.numbers.entry(number).or_default().push(i),
                }
            }
        }
        waiting
    }

    /// The places of all that the claims may fulfil, in order.
    pub(super) fn candidates(&self, claims: &Map<String, Value>, steps: &mut Steps) -> Places {
        let mut found = Found { places: self.others.clone(), steps };
        for (claim, texts) in &self.by_claim {
            if !found.steps.take(texts.lookup) {
                break;
            }
            match find(claims, claim) {
                Some(Value::Array(items)) => items.iter().for_each(|item| texts.look(item, &mut found)),
                Some(value) => {
                    texts.look(value, &mut found);
                    let spaced = value.as_str().filter(|text| text.contains(' '));
                    spaced.into_iter().flat_map(words).for_each(|word| found.add(word.len(), || texts.whole.get(word)));
                }
                None => {}
            }
        }
        // One that takes any of several texts may have been found by each.
        found.places.sort_unstable();
        found.places.dedup();
        found.places
    }
}

/// Whom a token's texts lead to, as long as there are steps left.
struct Found<'s> {
    places: Places,
    steps: &'s mut Steps,
}

impl Found<'_> {
    /// What is looked up by so many bytes. Each place is sorted later, and what is found a thousand times is there as often.
    fn add<'p>(&mut self, bytes: usize, look: impl FnOnce() -> Option<&'p Places>) {
        if !self.steps.take(1 + bytes / 8) {
            return;
        }
        if let Some(places) = look().filter(|places| self.steps.take(8 * places.len())) {
            self.places.extend(places);
        }
    }
}

impl Texts {
    /// Who waits for this text or number.
    fn look(&self, value: &Value, found: &mut Found<'_>) {
        match value {
            Value::String(text) => {
                found.add(text.len(), || self.whole.get(text.as_str()));
                self.starts.look(found, |length| text.get(..length));
                self.ends.look(found, |length| text.get(text.len().checked_sub(length)?..));
            }
            Value::Number(number) => {
                found.add(0, || self.numbers.get(&whole(number)?));
            }
            _ => {}
        }
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
    fn look<'a>(&self, found: &mut Found<'_>, cut: impl Fn(usize) -> Option<&'a str>) {
        for length in &self.lengths {
            let cut = cut(*length);
            found.add(cut.map_or(0, str::len), || self.by_text.get(cut?));
        }
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
        let numbers = |i: i64| json!({"org": "acme", "repo": i, "ref": "main"});
        let ends = |i: i64| json!({"org": "acme", "repo": glob(format!("*@r{i}.example"))});
        let starts = |i: i64| json!({"org": "acme", "repo": glob(format!("r{i}/*"))});
        let either = |i: i64| json!({"org": glob("*".to_owned()), "repo": glob(format!("r{i}-*-{i}"))});
        let kinds: [(&str, Say<'_>, usize); 5] =
            [("texts", &texts, 1), ("numbers", &numbers, 1), ("ends", &ends, 6), ("starts", &starts, 6), ("either", &either, 6)];
        for (name, rules, looks) in kinds {
            let many = waiting(20_000, rules);
            assert_eq!((many.others.len(), many.by_claim.len()), (0, 1), "{name}");
            let texts = &many.by_claim["repo"];
            let places = [&texts.whole, &texts.starts.by_text, &texts.ends.by_text].into_iter().flat_map(HashMap::values);
            let places = places.chain(texts.numbers.values());
            assert_eq!(places.map(Vec::len).max(), Some(1), "{name}");
            assert!(1 + texts.starts.lengths.len() + texts.ends.lengths.len() <= looks, "{name}");
            for repo in [json!("77"), json!(77), json!(77.0), json!("x@r77.example"), json!("r77/x"), json!("r77-x-77")] {
                let claims = json!({"org": "acme", "repo": repo, "ref": "main"});
                assert!(many.candidates(claims.as_object().unwrap(), &mut Steps::at_most(100)).len() <= 1, "{name}: {repo}");
            }
        }
        // The twin: what names no text is tried each time.
        let any = waiting(3, |_| json!({"repo": glob("*".to_owned()), "flag": true}));
        assert_eq!(any.candidates(&Map::new(), &mut Steps::at_most(100)), [0, 1, 2]);
    }
}
