//! How many of something each has, roughly: counted once in a round, and by what comes to it until the next.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

/// Counts by key.
#[derive(Debug, Default)]
pub struct Tally(Mutex<HashMap<String, i64>>);

impl Tally {
    /// Counts one more, and says how many there were before. `None` if that is not known in this round.
    #[must_use]
    pub fn add(&self, key: &str) -> Option<i64> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.get_mut(key)?;
        *count += 1;
        Some(*count - 1)
    }

    /// Notes how many there are.
    pub fn set(&self, key: &str, count: i64) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key.to_owned(), count);
    }

    /// Begins another round.
    pub fn forget(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_on_from_what_is_known() {
        let tally = Tally::default();
        assert_eq!(tally.add("okta"), None);
        tally.set("okta", 7);
        assert_eq!((tally.add("okta"), tally.add("okta"), tally.add("entra")), (Some(7), Some(8), None));
        tally.forget();
        assert_eq!(tally.add("okta"), None);
    }
}
