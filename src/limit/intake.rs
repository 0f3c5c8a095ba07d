//! How much of what is being sent is held at a time, by whom and in all. Nobody waits for room: two who hold a part each and wait
//! for the rest would wait for each other. Who finds none is told to come again.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// The bytes that are held.
#[derive(Debug)]
pub struct Intake {
    most: usize,
    each: usize,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    all: usize,
    by: HashMap<String, usize>,
}

/// Somebody's share of it, until it is dropped.
#[derive(Debug)]
pub struct Room<'i> {
    intake: &'i Intake,
    key: &'i str,
    bytes: usize,
}

impl Intake {
    /// So many bytes in all, and so many for each.
    #[must_use]
    pub fn new(most: usize, each: usize) -> Self {
        Self { most, each, held: Mutex::default() }
    }

    /// A share of `key`, with nothing in it yet.
    #[must_use]
    pub fn room<'i>(&'i self, key: &'i str) -> Room<'i> {
        Room { intake: self, key, bytes: 0 }
    }

    /// How many bytes are held for `key`.
    #[must_use]
    pub fn held(&self, key: &str) -> usize {
        self.lock().by.get(key).copied().unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Room<'_> {
    /// Makes it so many bytes; whether there is room for them.
    #[must_use]
    pub fn grow(&mut self, bytes: usize) -> bool {
        let more = bytes.saturating_sub(self.bytes);
        let mut held = self.intake.lock();
        let own = held.by.get(self.key).copied().unwrap_or_default();
        if own.saturating_add(more) > self.intake.each || held.all.saturating_add(more) > self.intake.most {
            return false;
        }
        held.all += more;
        held.by.insert(self.key.to_owned(), own + more);
        self.bytes += more;
        true
    }
}

impl Drop for Room<'_> {
    fn drop(&mut self) {
        let mut held = self.intake.lock();
        held.all = held.all.saturating_sub(self.bytes);
        if let Some(own) = held.by.get_mut(self.key) {
            *own = own.saturating_sub(self.bytes);
            if *own == 0 {
                held.by.remove(self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_much_for_each_and_in_all() {
        let intake = Intake::new(10, 6);
        let [mut okta, mut twin, mut entra] = ["okta", "okta", "entra"].map(|key| intake.room(key));
        assert!(okta.grow(4) && twin.grow(2) && !twin.grow(3), "six of each");
        assert!(entra.grow(4) && !entra.grow(5), "ten in all");
        assert_eq!((intake.held("okta"), intake.held("entra")), (6, 4), "what was refused is not held");
        drop(okta);
        assert!(twin.grow(6) && twin.grow(1), "it never shrinks");
        assert_eq!(intake.held("okta"), 6);
        drop((twin, entra));
        assert!(intake.lock().by.is_empty() && intake.lock().all == 0);
    }
}
