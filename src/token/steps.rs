//! What a judgement looked at, for the operator who asks why: told by the lines that judge, so it cannot differ from
//! what is enforced.

use serde::Serialize;

use super::invalid::Invalid;

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

/// Takes down the steps, or nothing when nobody asks.
#[derive(Debug, Default)]
pub(super) struct Trail(Option<Vec<Step>>);

impl Trail {
    /// One that takes down.
    pub(super) fn told() -> Self {
        Self(Some(Vec::new()))
    }

    /// Whether anybody wants to know.
    pub(super) fn is_told(&self) -> bool {
        self.0.is_some()
    }

    /// A step; nothing is put into words unless somebody asked.
    pub(super) fn step(&mut self, what: &str, passed: bool, detail: impl FnOnce() -> String) {
        let Some(steps) = &mut self.0 else { return };
        steps.push(Step { what: what.to_owned(), passed, detail: detail() });
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

    /// The steps, in their order.
    pub(super) fn into_steps(self) -> Vec<Step> {
        self.0.unwrap_or_default()
    }
}
