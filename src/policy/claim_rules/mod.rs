//! What claims must be: the one rule engine, for trusted issuers, external identities, teams and sites.
//!
//! A rule names a claim (`lookup`), the values it may have, and how those are compared (`pattern` for the two kinds of
//! patterns). Nothing is converted on the way: a text is no number, a list is no text, `Acme` is not `acme`, and what looks
//! alike is not the same. What is absent, or `null`, fulfils nothing.

mod load;
mod lookup;
mod pattern;
mod shorthand;
mod steps;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use regex::Regex;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Number, Value};

pub use load::{Load, OF_ONE, OF_TENANT};
pub(super) use lookup::steps as lookup_steps;
pub use lookup::{find, is_name, is_within};
pub use shorthand::{rule, shorthand, value_list};
pub use steps::{OF_ISSUER, OF_RULES, Steps};

/// How a claim is compared with the values of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MatchType {
    /// The claim is one of the values, or a list that holds one: what `claims: {name: value}` means.
    #[serde(rename = "is")]
    Is,
    /// The same, where a text with `*` among the values is a pattern: what `claims: {name: "eng-*"}` means.
    #[serde(rename = "like")]
    Like,
    /// The claim is one of the values, of the same JSON type: a list is no text.
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

impl MatchType {
    /// All of them.
    pub const ALL: [Self; 7] = [Self::Is, Self::Like, Self::Exact, Self::Contains, Self::ContainsAll, Self::Regex, Self::Glob];

    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Is => "is",
            Self::Like => "like",
            Self::Exact => "exact",
            Self::Contains => "contains",
            Self::ContainsAll => "containsAll",
            Self::Regex => "regex",
            Self::Glob => "glob",
        }
    }

    /// From its name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// A rule as written and stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClaimRule {
    /// The claim: looked up literally, then as a dotted path; as a JSON pointer when it begins with `/`.
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

/// Most values of one rule.
const MOST_VALUES: usize = 1000;

/// Rules ready to judge. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct ClaimRules {
    rules: Arc<[Compiled]>,
    load: Load,
}

#[derive(Clone, Debug)]
struct Compiled {
    rule: ClaimRule,
    /// Of [`MatchType::Regex`] alone, each with the steps that it takes for a byte.
    expressions: Vec<(Regex, usize)>,
    /// What looking the claim up takes.
    lookup: usize,
    /// Whether it has patterns or expressions, which are compared last.
    is_dear: bool,
}

/// A rule that holds only where a token has one of certain texts in the claim.
#[derive(Clone, Copy, Debug)]
pub(super) struct Anchor<'a> {
    pub claim: &'a str,
    rule: &'a ClaimRule,
}

/// What a text must be for a rule to hold, as far as it can be looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Mark<'a> {
    /// The claim as a whole, or among its parts.
    Whole(&'a str),
    /// What the whole claim begins with, or one of the texts that it lists.
    Start(&'a str),
    /// What such a text ends with.
    End(&'a str),
    /// A whole number, or one that is among the parts.
    Number(i64),
}

impl<'a> Anchor<'a> {
    /// Nothing where not each of the values can be looked up.
    fn of(rule: &'a ClaimRule) -> Option<Self> {
        let anchor = Self { claim: &rule.claim, rule };
        (rule.match_type != MatchType::Regex && anchor.marks().count() == rule.values.len()).then_some(anchor)
    }

    /// What the claim may be; that of each value.
    pub fn marks(&self) -> impl Iterator<Item = Mark<'a>> + use<'a> {
        let globs = has_globs(self.rule);
        self.rule.values.iter().filter_map(move |value| match value {
            Value::String(text) if globs => pattern::edge(text),
            Value::String(text) => Some(Mark::Whole(text)),
            Value::Number(number) => whole(number).map(Mark::Number),
            _ => None,
        })
    }
}

fn has_globs(rule: &ClaimRule) -> bool {
    matches!(rule.match_type, MatchType::Glob | MatchType::Like)
}

impl ClaimRules {
    /// Compiles expressions and patterns.
    ///
    /// # Errors
    /// In words, naming the claim whose rule cannot work.
    pub fn compile(rules: &[ClaimRule]) -> Result<Self, String> {
        // Before the first is compiled: what there is too much of costs nothing.
        Load::counted(rules).within(OF_ONE)?;
        let mut load = Load::counted(rules).of_patterns();
        let rules = rules.iter().map(|rule| Compiled::of(rule, &mut load)).collect::<Result<_, _>>()?;
        Ok(Self { rules, load })
    }

    /// What their expressions weigh.
    #[must_use]
    pub fn load(&self) -> Load {
        self.load
    }

    /// Whether these are the rules that were compiled.
    #[must_use]
    pub fn are_of(&self, rules: &[ClaimRule]) -> bool {
        self.rules.iter().map(|compiled| &compiled.rule).eq(rules)
    }

    /// Whether the others are a copy of these: compiled once for both.
    #[must_use]
    pub fn are_shared_with(&self, others: &Self) -> bool {
        Arc::ptr_eq(&self.rules, &others.rules)
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

    /// Whether all hold; nothing is put into words. Where comparing takes too much, they do not.
    #[must_use]
    pub fn hold(&self, claims: &Map<String, Value>) -> bool {
        self.hold_within(claims, &mut Steps::at_most(OF_RULES))
    }

    /// The same with what is left of the steps for more than these rules. What is dear to compare is compared last.
    pub(super) fn hold_within(&self, claims: &Map<String, Value>, steps: &mut Steps) -> bool {
        let mut all = |dear: bool| self.rules.iter().filter(|rule| rule.is_dear == dear).all(|rule| rule.holds(claims, steps));
        all(false) && all(true)
    }

    /// How many hold, by the same comparison; nothing is put into words.
    pub(super) fn held(&self, claims: &Map<String, Value>, steps: &mut Steps) -> usize {
        self.rules.iter().filter(|rule| rule.holds(claims, steps)).count()
    }

    /// Each rule's verdict, in their order, by the same comparison as [`ClaimRules::hold`].
    #[must_use]
    pub fn judge(&self, claims: &Map<String, Value>) -> Vec<Verdict> {
        let mut steps = Steps::at_most(OF_RULES);
        self.rules.iter().map(|rule| rule.judge(claims, &mut steps)).collect()
    }

    /// By which rules many of their kind can be told apart without trying each: those that only certain texts fulfil.
    pub(super) fn anchors(&self) -> impl Iterator<Item = Anchor<'_>> {
        self.rules.iter().filter_map(|compiled| Anchor::of(&compiled.rule))
    }
}

impl Compiled {
    /// Adds to `load` what its expressions weigh.
    fn of(rule: &ClaimRule, load: &mut Load) -> Result<Self, String> {
        let problem = |why: &str| format!("the rule for claim {:?} {why}", rule.claim);
        if !lookup::is_name(&rule.claim) {
            return Err(problem("names no claim: write its name, a dotted path like realm.role, or a JSON pointer like /a/b"));
        }
        if rule.values.is_empty() {
            return Err(problem("has no value, so no token could fulfil it: name at least one"));
        }
        if rule.values.len() > MOST_VALUES {
            let found = rule.values.len();
            return Err(problem(&format!(
                "has {found} values where at most {MOST_VALUES} may be: use a pattern with *, or another claim"
            )));
        }
        if rule.values.iter().any(Value::is_null) {
            return Err(problem("has the value null, which counts as absent: remove it"));
        }
        if rule.match_type == MatchType::Like {
            let mut patterns = rule.values.iter().filter_map(Value::as_str).filter(|text| pattern::is_glob(text));
            patterns.try_for_each(pattern::check_glob).map_err(|why| problem(&why))?;
        }
        let mut expressions = Vec::new();
        if matches!(rule.match_type, MatchType::Regex | MatchType::Glob) {
            for value in &rule.values {
                let text = value.as_str().ok_or_else(|| problem("has a pattern that is no text: put it in quotes"))?;
                if rule.match_type == MatchType::Glob {
                    pattern::check_glob(text).map_err(|why| problem(&why))?;
                    continue;
                }
                let (expression, bytes) = pattern::expression(text).map_err(|why| problem(&why))?;
                expressions.push((expression, pattern::steps(bytes)));
                *load = load.and(Load::of(bytes));
                load.within(OF_ONE)?;
            }
        }
        let lookup = lookup::steps(&rule.claim);
        let is_dear = rule.match_type == MatchType::Regex || has_globs(rule);
        Ok(Self { rule: rule.clone(), expressions, lookup, is_dear })
    }

    fn holds(&self, claims: &Map<String, Value>, steps: &mut Steps) -> bool {
        steps.take(self.lookup) && find(claims, &self.rule.claim).is_some_and(|claim| self.fits(claim, steps))
    }

    fn fits(&self, claim: &Value, steps: &mut Steps) -> bool {
        let values = &self.rule.values;
        let mut items = claim.as_array().into_iter().flatten();
        match self.rule.match_type {
            MatchType::Is => among(values, claim, steps) || items.any(|item| among(values, item, steps)),
            MatchType::Like => {
                let mut fits = |claim: &Value| values.iter().any(|value| like(value, claim, steps));
                fits(claim) || items.any(fits)
            }
            MatchType::Exact => among(values, claim, steps),
            MatchType::Contains => values.iter().any(|value| holds(claim, value, steps)),
            MatchType::ContainsAll => values.iter().all(|value| holds(claim, value, steps)),
            MatchType::Regex => claim.as_str().filter(|text| pattern::is_looked_at(text)).is_some_and(|text| {
                let fits = |(x, weight): &(Regex, usize)| steps.take(weight * (text.len() + 1)) && x.is_match(text);
                self.expressions.iter().any(fits)
            }),
            MatchType::Glob => claim.as_str().is_some_and(|text| {
                let fits = |value: &Value| value.as_str().is_some_and(|glob| pattern::glob(glob, text, steps));
                values.iter().any(fits)
            }),
        }
    }

    fn judge(&self, claims: &Map<String, Value>, steps: &mut Steps) -> Verdict {
        let claim = self.rule.claim.clone();
        let wanted: Vec<String> = self.rule.values.iter().map(shown).collect();
        let wanted = format!("{} {}", self.rule.match_type.as_str(), wanted.join(", "));
        if !steps.take(self.lookup) {
            return Verdict { claim, passed: false, why: BEYOND.to_owned() };
        }
        let Some(value) = find(claims, &claim) else {
            return Verdict { claim, passed: false, why: format!("the token has none; wanted: {wanted}") };
        };
        let passed = self.fits(value, steps);
        let end = if steps.is_spent() { format!("; {BEYOND}") } else { String::new() };
        Verdict { claim, passed, why: format!("the token has {}; wanted: {wanted}{end}", shown(value)) }
    }
}

/// Why what might hold does not.
pub const BEYOND: &str = "comparing the token's claims with what they may be would take too much: name fewer values and patterns, \
                          or let the issuer write shorter claims";

/// What a comparison with a value takes.
fn weight(claim: &Value) -> usize {
    1 + claim.as_str().map_or(0, |text| text.len() / 64)
}

/// Whether the claim is one of the values.
fn among(values: &[Value], claim: &Value, steps: &mut Steps) -> bool {
    let weight = weight(claim);
    values.iter().any(|value| steps.take(weight) && same(value, claim))
}

/// Whether a list holds the value, or a text has it as one of its words. Never part of a word: `admin` is not in
/// `not-admin`.
fn holds(claim: &Value, value: &Value, steps: &mut Steps) -> bool {
    match claim {
        Value::Array(items) => items.iter().any(|item| steps.take(weight(item)) && same(item, value)),
        Value::String(text) => {
            steps.take(1 + text.len()) && value.as_str().is_some_and(|wanted| words(text).any(|word| word == wanted))
        }
        _ => false,
    }
}

/// Whether the claim is the value, or a text that matches it where it is a pattern.
fn like(value: &Value, claim: &Value, steps: &mut Steps) -> bool {
    match (value.as_str().filter(|text| pattern::is_glob(text)), claim.as_str()) {
        (Some(glob), Some(text)) => pattern::glob(glob, text, steps),
        (Some(_), None) => false,
        (None, _) => steps.take(weight(claim)) && same(value, claim),
    }
}

/// The words of a text, as scopes are written (RFC 6749 §3.3): only the space separates.
pub(super) fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(' ').filter(|word| !word.is_empty())
}

/// The same JSON value; `1` and `1.0` are one number.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a == b || same_number(a, b),
        _ => a == b,
    }
}

/// Beyond this, a float no longer says which whole number it is.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// The whole number that it is, which is one for all that are the [`same`].
pub(super) fn whole(number: &Number) -> Option<i64> {
    #[allow(clippy::cast_possible_truncation)] // Less than EXACT.
    let of_float = |float: f64| (float.abs() < EXACT && float.fract().abs() == 0.0).then_some(float as i64);
    number.as_i64().or_else(|| number.as_f64().filter(|_| number.is_f64()).and_then(of_float))
}

fn same_number(a: &Number, b: &Number) -> bool {
    let one_is_float = a.is_f64() != b.is_f64();
    one_is_float
        && matches!((a.as_f64(), b.as_f64()), (Some(a), Some(b)) if a.abs() < EXACT && b.abs() < EXACT && (a - b).abs() == 0.0)
}

/// A value for the operator, cut short: as JSON, in which what is not plain ASCII is escaped, so that look-alikes and line
/// breaks show.
#[must_use]
pub fn shown(value: &Value) -> String {
    const LONGEST: usize = 80;
    let text = value.to_string();
    let mut out = String::new();
    for c in text.chars() {
        if out.len() >= LONGEST {
            out.push('…');
            break;
        }
        if c.is_ascii_graphic() || c == ' ' {
            out.push(c);
        } else {
            out.extend(c.escape_unicode());
        }
    }
    out
}
