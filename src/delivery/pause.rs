//! How long to wait before the next attempt.

/// Seconds after the first failure; twice as many after each further one.
const FIRST: i64 = 10;
/// Seconds at most, before chance adds to them.
const LONGEST: i64 = 3_600;

/// Seconds to wait after `attempts` failures. `chance` spreads them, so that those who failed together do not come back
/// together.
pub fn pause(attempts: i64, chance: u64) -> i64 {
    let doublings = attempts.saturating_sub(1).clamp(0, 16);
    let base = (FIRST << doublings).min(LONGEST);
    let most = u64::try_from(base / 2).unwrap_or(0);
    base + i64::try_from(chance % (most + 1)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_doubles_up_to_an_hour_and_chance_adds_up_to_half() {
        let least: Vec<i64> = (0..12).map(|attempts| pause(attempts, 0)).collect();
        assert_eq!(least, [10, 10, 20, 40, 80, 160, 320, 640, 1_280, 2_560, 3_600, 3_600]);
        for attempts in [1, 5, 40, i64::MAX] {
            let least = pause(attempts, 0);
            assert!((0..10_000).all(|chance| (least..=least + least / 2).contains(&pause(attempts, chance))));
        }
        assert!((0..6).map(|chance| pause(1, chance)).collect::<std::collections::HashSet<_>>().len() > 3);
    }
}
