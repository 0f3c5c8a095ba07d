//! Whether a token opens something, and why not: of lists, and of what counts. What is shown to the admin API and to SCIM is
//! judged where it is used, by the same conditions.

use super::window::Phase;

/// Whether a token opens something, and why not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenState {
    /// It does.
    Open,
    /// Its end is past.
    Expired,
    /// It is switched off.
    Disabled,
    /// What it was made with opens nothing any more ([`super::lineage`]).
    MakerEnded,
}

/// What a row says that its state is made of.
#[derive(Clone, Copy, Debug)]
pub struct Signs {
    /// Whether it is switched on.
    pub enabled: bool,
    /// When it ends.
    pub expires_at: Option<i64>,
    /// Whether what it was made with opens something still.
    pub lives: bool,
}

impl TokenState {
    /// Of these at `now` (unix seconds).
    #[must_use]
    pub fn of(signs: Signs, now: i64) -> Self {
        match signs {
            _ if signs.expires_at.is_some_and(|at| at <= now) => Self::Expired,
            _ if !signs.enabled => Self::Disabled,
            _ if !signs.lives => Self::MakerEnded,
            _ => Self::Open,
        }
    }

    /// Whether it opens something.
    #[must_use]
    pub fn is_open(self) -> bool {
        self == Self::Open
    }

    /// Whether a list that is narrowed to this has it: what has expired has ended too.
    #[must_use]
    pub fn is_in(self, phase: Option<Phase>) -> bool {
        match phase {
            Some(Phase::Open) => self.is_open(),
            Some(Phase::Expired) => self == Self::Expired,
            Some(Phase::Ended) => !self.is_open(),
            _ => true,
        }
    }

    /// `open`, `expired` or `ended`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => Phase::Open.as_str(),
            Self::Expired => Phase::Expired.as_str(),
            Self::Disabled | Self::MakerEnded => Phase::Ended.as_str(),
        }
    }

    /// Why it opens nothing, for people.
    #[must_use]
    pub fn reason(self) -> Option<&'static str> {
        match self {
            Self::Open => None,
            Self::Expired => Some("its time is over"),
            Self::Disabled => Some("it is switched off"),
            Self::MakerEnded => Some("what it was made with has ended"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_opens_something_is_open() {
        let good = Signs { enabled: true, expires_at: Some(10), lives: true };
        for (signs, state) in [
            (good, TokenState::Open),
            (Signs { expires_at: None, ..good }, TokenState::Open),
            (Signs { expires_at: Some(9), ..good }, TokenState::Expired),
            (Signs { enabled: false, ..good }, TokenState::Disabled),
            (Signs { lives: false, ..good }, TokenState::MakerEnded),
            (Signs { lives: false, expires_at: Some(9), ..good }, TokenState::Expired),
        ] {
            let found = TokenState::of(signs, 9);
            assert_eq!((found, found.reason().is_none()), (state, state == TokenState::Open));
            let phases = [None, Some(Phase::Open), Some(Phase::Expired), Some(Phase::Ended)].map(|phase| found.is_in(phase));
            let (open, expired) = (state == TokenState::Open, state == TokenState::Expired);
            assert_eq!(phases, [true, open, expired, !open], "{state:?}");
        }
    }
}
