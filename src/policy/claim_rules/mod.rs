//! What claims must be: the one rule engine, for trusted issuers, external identities, teams and sites.
//!
//! A rule names a claim (`lookup`), the values it may have, and how those are compared (`pattern` for the two kinds of
//! patterns). Nothing is converted on the way: a text is no number, a list is no text, `Acme` is not `acme`, and what looks
//! alike is not the same. What is absent, or `null`, fulfils nothing.

mod load;
mod lookup;
mod pattern;
mod shorthand;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use regex::Regex;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Number, Value};

pub use load::{Load, OF_ONE, OF_TENANT};
pub use lookup::{find, is_name};
pub use shorthand::{rule, shorthand, value_list};

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
    /// Of [`MatchType::Regex`] alone.
    expressions: Vec<Regex>,
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
}

impl<'a> Anchor<'a> {
    /// What the claim may be; that of each value.
    pub fn marks(&self) -> impl Iterator<Item = Mark<'a>> + use<'a> {
        let globs = matches!(self.rule.match_type, MatchType::Glob | MatchType::Like);
        let mark = move |text| if globs { pattern::edge(text) } else { Some(Mark::Whole(text)) };
        self.rule.values.iter().filter_map(Value::as_str).filter_map(mark)
    }
}

impl ClaimRules {
    /// Compiles expressions and patterns.
    ///
    /// # Errors
    /// In words, naming the claim whose rule cannot work.
    pub fn compile(rules: &[ClaimRule]) -> Result<Self, String> {
        // Before the first is compiled: what there is too much of costs nothing.
        Load::counted(rules).within(OF_ONE)?;
        let mut load = Load::default();
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

    /// Whether all hold; nothing is put into words.
    #[must_use]
    pub fn hold(&self, claims: &Map<String, Value>) -> bool {
        self.rules.iter().all(|rule| rule.holds(claims))
    }

    /// How many hold, by the same comparison; nothing is put into words.
    #[must_use]
    pub fn held(&self, claims: &Map<String, Value>) -> usize {
        self.rules.iter().filter(|rule| rule.holds(claims)).count()
    }

    /// Each rule's verdict, in their order, by the same comparison as [`ClaimRules::hold`].
    #[must_use]
    pub fn judge(&self, claims: &Map<String, Value>) -> Vec<Verdict> {
        self.rules.iter().map(|rule| rule.judge(claims)).collect()
    }

    /// By which rules many of their kind can be told apart without trying each: those that only certain texts fulfil.
    pub(super) fn anchors(&self) -> impl Iterator<Item = Anchor<'_>> {
        let rules = self.rules.iter().map(|c| Anchor { claim: &c.rule.claim, rule: &c.rule });
        rules.filter(|anchor| anchor.rule.match_type != MatchType::Regex && anchor.marks().count() == anchor.rule.values.len())
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
                let (expression, weight) = pattern::expression(text).map_err(|why| problem(&why))?;
                expressions.push(expression);
                *load = load.and(weight);
                load.within(OF_ONE)?;
            }
        }
        Ok(Self { rule: rule.clone(), expressions })
    }

    fn holds(&self, claims: &Map<String, Value>) -> bool {
        find(claims, &self.rule.claim).is_some_and(|claim| self.fits(claim))
    }

    fn fits(&self, claim: &Value) -> bool {
        let values = &self.rule.values;
        let among = |claim: &Value| values.iter().any(|value| same(value, claim));
        match self.rule.match_type {
            MatchType::Is => among(claim) || claim.as_array().is_some_and(|items| items.iter().any(among)),
            MatchType::Like => {
                let fits = |claim: &Value| values.iter().any(|value| like(value, claim));
                fits(claim) || claim.as_array().is_some_and(|items| items.iter().any(fits))
            }
            MatchType::Exact => among(claim),
            MatchType::Contains => values.iter().any(|value| holds(claim, value)),
            MatchType::ContainsAll => values.iter().all(|value| holds(claim, value)),
            MatchType::Regex => claim.as_str().is_some_and(|text| self.expressions.iter().any(|x| x.is_match(text))),
            MatchType::Glob => claim.as_str().is_some_and(|text| {
                let fits = |value: &Value| value.as_str().is_some_and(|glob| pattern::glob(glob, text));
                values.iter().any(fits)
            }),
        }
    }

    fn judge(&self, claims: &Map<String, Value>) -> Verdict {
        let claim = self.rule.claim.clone();
        let wanted: Vec<String> = self.rule.values.iter().map(shown).collect();
        let wanted = format!("{} {}", self.rule.match_type.as_str(), wanted.join(", "));
        let Some(value) = find(claims, &claim) else {
            return Verdict { claim, passed: false, why: format!("the token has none; wanted: {wanted}") };
        };
        Verdict { claim, passed: self.fits(value), why: format!("the token has {}; wanted: {wanted}", shown(value)) }
    }
}

/// Whether a list holds the value, or a text has it as one of its words. Never part of a word: `admin` is not in
/// `not-admin`.
fn holds(claim: &Value, value: &Value) -> bool {
    match claim {
        Value::Array(items) => items.iter().any(|item| same(item, value)),
        Value::String(text) => value.as_str().is_some_and(|wanted| words(text).any(|word| word == wanted)),
        _ => false,
    }
}

/// Whether the claim is the value, or a text that matches it where it is a pattern.
fn like(value: &Value, claim: &Value) -> bool {
    match (value.as_str().filter(|text| pattern::is_glob(text)), claim.as_str()) {
        (Some(glob), Some(text)) => pattern::glob(glob, text),
        (Some(_), None) => false,
        (None, _) => same(value, claim),
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

fn same_number(a: &Number, b: &Number) -> bool {
    // Beyond this, a float no longer says which whole number it is.
    const EXACT: f64 = 9_007_199_254_740_992.0;
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
