//! What a judgement looked at, for the operator who asks why: told by the lines that judge, so it cannot differ from
//! what is enforced.

use serde::Serialize;
use serde_json::{Map, Value};

use super::{invalid::Invalid, validator::Accepted};

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    /// What.
    pub what: String,
    /// Whether it was right.
    pub passed: bool,
    /// In words; values of the token are escaped and cut short.
    pub detail: String,
}

/// A token that was refused, as far as a source has read it.
#[derive(Clone, Debug, PartialEq)]
pub struct Refused {
    /// The foreign source that came furthest with it; `None`: our own.
    pub source: Option<String>,
    /// What it says.
    pub claims: Map<String, Value>,
    /// Whether its signature, or its issuer's answer, shows that the issuer says so. If not, anybody may have written it.
    pub proven: bool,
}

/// A judgement with everything that it looked at.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// The steps, in their order; also those after a failed one, as far as they can be judged.
    pub steps: Vec<Step>,
    /// The judgement itself: the first step that failed refuses the token.
    pub outcome: Result<Accepted, Invalid>,
    /// What was refused, if a source has read it.
    pub refused: Option<Refused>,
}

/// Takes down the steps, or nothing when nobody asks.
#[derive(Debug, Default)]
pub(super) struct Trail(Option<Taken>);

#[derive(Debug, Default)]
struct Taken {
    steps: Vec<Step>,
    /// The first step of the source at work that failed.
    failed: Option<Invalid>,
    /// What the source at work has read, and whether that is proven.
    read: Option<(Map<String, Value>, bool)>,
    refused: Option<Refused>,
}

impl Trail {
    /// One that takes down.
    pub(super) fn told() -> Self {
        Self(Some(Taken::default()))
    }

    /// Whether anybody wants to know.
    pub(super) fn is_told(&self) -> bool {
        self.0.is_some()
    }

    /// A step; nothing is put into words unless somebody asked.
    pub(super) fn step(&mut self, what: &str, passed: bool, detail: impl FnOnce() -> String) {
        let Some(taken) = &mut self.0 else { return };
        taken.steps.push(Step { what: what.to_owned(), passed, detail: detail() });
    }

    /// Passes `outcome` on, and takes it down.
    pub(super) fn check<T>(
        &mut self,
        what: &str,
        outcome: Result<T, Invalid>,
        detail: impl FnOnce(&T) -> String,
    ) -> Result<T, Invalid> {
        match &outcome {
            Ok(good) => self.step(what, true, || detail(good)),
            Err(invalid) => self.step(what, false, || invalid.detail()),
        }
        outcome
    }

    /// As [`Trail::check`], where what comes after can be judged as well: while somebody asks why, a failure is kept for
    /// [`Trail::conclude`] and the judgement goes on without a value. While nobody asks, it ends here.
    pub(super) fn pass<T>(
        &mut self,
        what: &str,
        outcome: Result<T, Invalid>,
        detail: impl FnOnce(&T) -> String,
    ) -> Result<Option<T>, Invalid> {
        match self.check(what, outcome, detail) {
            Ok(good) => Ok(Some(good)),
            Err(invalid) => self.go_on(invalid).map(|()| None),
        }
    }

    /// Keeps a failure and goes on, if somebody asks why.
    pub(super) fn go_on(&mut self, invalid: Invalid) -> Result<(), Invalid> {
        let Some(taken) = &mut self.0 else { return Err(invalid) };
        taken.failed.get_or_insert(invalid);
        Ok(())
    }

    /// A source sets to work.
    pub(super) fn begin(&mut self, source: &str) {
        let Some(taken) = &mut self.0 else { return };
        (taken.failed, taken.read) = (None, None);
        self.step("source", true, || source.to_owned());
    }

    /// What it has read.
    pub(super) fn read(&mut self, claims: &Map<String, Value>, proven: bool) {
        let Some(taken) = &mut self.0 else { return };
        taken.read = Some((claims.clone(), proven));
    }

    /// The judgement of one source: whatever was gone on with after a failure is refused for that failure.
    pub(super) fn conclude<T>(&mut self, outcome: Result<T, Invalid>) -> Result<T, Invalid> {
        let failed = self.0.as_mut().and_then(|taken| taken.failed.take());
        failed.map_or(outcome, Err)
    }

    /// The token is refused by this source, which came further than those before.
    pub(super) fn refuse(&mut self, source: Option<&str>) {
        let Some(taken) = &mut self.0 else { return };
        let refused = |(claims, proven)| Refused { source: source.map(str::to_owned), claims, proven };
        taken.refused = taken.read.take().map(refused);
    }

    /// All of it.
    pub(super) fn into_explanation(self, outcome: Result<Accepted, Invalid>) -> Explanation {
        let Taken { steps, refused, .. } = self.0.unwrap_or_default();
        Explanation { steps, refused: refused.filter(|_| outcome.is_err()), outcome }
    }
}
