//! What a look at somebody else's server found, for the administrator who typed its address. Differences are shown, never
//! repaired: which of two spellings is right is for the provider to say.

use serde::Serialize;

/// How good a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mark {
    /// As it should be.
    Good,
    /// To be known, or done elsewhere.
    Note,
    /// May work; somebody should look.
    Warning,
    /// Nobody could sign in like this.
    Wrong,
}

impl Mark {
    /// In a class name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Wrong => "wrong",
        }
    }

    /// As people read it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Good => "Good",
            Self::Note => "Note",
            Self::Warning => "Look at this",
            Self::Wrong => "Wrong",
        }
    }
}

/// One thing that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How good it is.
    pub mark: Mark,
    /// The setting that it is about, as the declarative file spells it; may be empty.
    pub path: String,
    /// What it is, and what to do.
    pub text: String,
    /// Two texts that should be one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub difference: Option<Difference>,
}

impl Finding {
    /// One about the setting at `path`.
    #[must_use]
    pub fn new(mark: Mark, path: impl Into<String>, text: impl Into<String>) -> Self {
        Self { mark, path: path.into(), text: text.into(), difference: None }
    }

    /// As it should be.
    #[must_use]
    pub fn good(path: &str, text: impl Into<String>) -> Self {
        Self::new(Mark::Good, path, text)
    }

    /// To be known.
    #[must_use]
    pub fn note(path: &str, text: impl Into<String>) -> Self {
        Self::new(Mark::Note, path, text)
    }

    /// Somebody should look.
    #[must_use]
    pub fn warning(path: &str, text: impl Into<String>) -> Self {
        Self::new(Mark::Warning, path, text)
    }

    /// It cannot work.
    #[must_use]
    pub fn wrong(path: &str, text: impl Into<String>) -> Self {
        Self::new(Mark::Wrong, path, text)
    }

    /// With what was typed and what was found instead.
    #[must_use]
    pub fn differing(self, typed: &str, found: &str) -> Self {
        Self { difference: Some(Difference::of(typed, found)), ..self }
    }
}

/// Two texts, character by character.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// What was typed.
    pub typed: String,
    /// What was found.
    pub found: String,
    /// How many characters they have in common at the beginning.
    pub same_until: usize,
    /// And at the end.
    #[serde(skip)]
    same_from: usize,
}

impl Difference {
    /// Where they part, and where they are one again.
    #[must_use]
    pub fn of(typed: &str, found: &str) -> Self {
        let same = |(a, b): &(char, char)| a == b;
        let same_until = typed.chars().zip(found.chars()).take_while(same).count();
        let most = typed.chars().count().min(found.chars().count()) - same_until;
        let same_from = typed.chars().rev().zip(found.chars().rev()).take(most).take_while(same).count();
        Self { typed: typed.to_owned(), found: found.to_owned(), same_until, same_from }
    }

    /// What was typed in three: as found, otherwise, as found again.
    #[must_use]
    pub fn of_typed(&self) -> [String; 3] {
        self.parts(&self.typed)
    }

    /// The same of what was found.
    #[must_use]
    pub fn of_found(&self) -> [String; 3] {
        self.parts(&self.found)
    }

    fn parts(&self, text: &str) -> [String; 3] {
        let count = text.chars().count();
        let part = |from: usize, to: usize| text.chars().skip(from).take(to.saturating_sub(from)).collect();
        let end = count - self.same_from;
        [part(0, self.same_until), part(self.same_until, end), part(end, count)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_shown_where_it_is() {
        for (typed, found, of_typed, of_found) in [
            ("https://a", "https://a/", ["https://a", "", ""], ["https://a", "/", ""]),
            ("https://a/", "https://a", ["https://a", "/", ""], ["https://a", "", ""]),
            ("http://a", "https://a", ["http", "", "://a"], ["http", "s", "://a"]),
            ("https://A.ex/é", "https://a.ex/é", ["https://", "A", ".ex/é"], ["https://", "a", ".ex/é"]),
            ("aa", "aaa", ["aa", "", ""], ["aa", "a", ""]),
            ("", "x", ["", "", ""], ["", "x", ""]),
        ] {
            let difference = Difference::of(typed, found);
            assert_eq!(
                (difference.of_typed(), difference.of_found()),
                (of_typed.map(str::to_owned), of_found.map(str::to_owned))
            );
        }
    }
}
