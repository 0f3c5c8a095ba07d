//! Why a test came to nothing, and what to do about it, in the words that every known cause has.

use super::report::{Outcome, Verdict};
use crate::{
    connector,
    policy::{
        cause::{Cause, Fault},
        linking::Refusal,
    },
};

/// A connector's failure.
#[must_use]
pub fn failed(e: &connector::Error) -> Verdict {
    of(Outcome::Failed, e.fault().cause, &e.to_string())
}

/// What failed before a connector could judge.
#[must_use]
pub fn faulty(fault: &Fault) -> Verdict {
    of(Outcome::Failed, fault.cause, &fault.detail)
}

/// A refusal of somebody whom the provider vouches for; `hint` is what more is known of why.
#[must_use]
pub fn refused(refusal: Refusal, hint: Option<String>) -> Verdict {
    let verdict = of(Outcome::Refuse, refusal.cause(), &refusal.to_string());
    let reason = match hint {
        Some(hint) => format!("{} {}", verdict.reason, sentence(&hint)),
        None => verdict.reason,
    };
    Verdict { title: format!("Would be refused: {}", uncapitalised(&verdict.title)), reason, ..verdict }
}

fn of(outcome: Outcome, cause: Cause, found: &str) -> Verdict {
    let text = cause.text();
    Verdict {
        outcome,
        cause: Some(cause.word().to_owned()),
        title: text.title.to_owned(),
        means: text.means.to_owned(),
        reason: sentence(found),
        fix: text.fix.to_owned(),
        user: None,
    }
}

/// Beginning with a capital and ending with a full stop.
#[must_use]
pub fn sentence(text: &str) -> String {
    let stop = if text.ends_with(['.', '…']) { "" } else { "." };
    let mut letters = text.chars();
    let first: String = letters.next().map(|c| c.to_uppercase().collect()).unwrap_or_default();
    format!("{first}{}{stop}", letters.as_str())
}

fn uncapitalised(text: &str) -> String {
    let mut letters = text.chars();
    let first: String = letters.next().map(|c| c.to_lowercase().collect()).unwrap_or_default();
    format!("{first}{}", letters.as_str())
}
