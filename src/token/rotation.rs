//! When the next signing key is due. Decided here, carried out by whoever stores keys.

use super::keys::Validity;

/// How keys of one deployment follow each other; all in seconds.
#[derive(Clone, Copy, Debug)]
pub struct RotationPolicy {
    /// How long a key signs before its successor does. Imported keys are exempt: their operator replaces them.
    pub max_age: i64,
    /// How long a key is published before it signs: longer than anyone caches our JWKS, and than a node goes without
    /// reading the stored keys.
    pub lead: i64,
    /// How long a key verifies after its successor has begun to sign: the longest token lifetime and the clock skew.
    pub retire_after: i64,
}

/// What makes a key due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// Its predecessor's age.
    ByAge,
    /// The operator asks for it.
    Now,
}

/// A key to be made, and the end of those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rotation {
    /// The new key's generation. It is unique, so of two nodes that rotate at once one fails and reads again.
    pub generation: i64,
    /// From when the new key is published: now.
    pub created_at: i64,
    /// From when it signs.
    pub active_from: i64,
    /// `expires_at` of every earlier key of the algorithm that has none.
    pub retire_at: i64,
}

/// Whether a new key of an algorithm is to be made, given the `keys` it has. The first signs at once; a later one is
/// published `lead` ahead. Nothing is due while the youngest is still waiting to sign.
#[must_use]
pub fn plan_rotation(keys: &[Validity], now: i64, policy: &RotationPolicy, due: Due) -> Option<Rotation> {
    let youngest = keys.iter().filter(|key| key.expires_at.is_none_or(|at| now < at)).max_by_key(|key| key.generation);
    let generation = keys.iter().map(|key| key.generation).max().unwrap_or(0) + 1;
    let active_from = match youngest {
        None => now,
        Some(key) if key.active_from > now => return None,
        Some(_) if due == Due::Now => now + policy.lead,
        Some(key) if key.imported => return None,
        Some(key) if now + policy.lead >= key.active_from + policy.max_age => now + policy.lead,
        Some(_) => return None,
    };
    Some(Rotation { generation, created_at: now, active_from, retire_at: active_from + policy.retire_after })
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: RotationPolicy = RotationPolicy { max_age: 1_000, lead: 100, retire_after: 500 };

    fn key(generation: i64, active_from: i64, expires_at: Option<i64>, imported: bool) -> Validity {
        Validity { generation, imported, created_at: active_from - 100, active_from, expires_at }
    }

    fn at(keys: &[Validity], now: i64, due: Due) -> Option<(i64, i64, i64)> {
        plan_rotation(keys, now, &POLICY, due).map(|r| (r.generation, r.active_from, r.retire_at))
    }

    #[test]
    fn the_first_key_signs_at_once() {
        assert_eq!(at(&[], 7, Due::ByAge), Some((1, 7, 507)));
        let expired = [key(4, 0, Some(50), false)];
        assert_eq!(at(&expired, 60, Due::ByAge), Some((5, 60, 560)), "a generation is never used twice");
    }

    #[test]
    fn a_successor_is_published_ahead_and_signs_when_the_age_is_reached() {
        let keys = [key(1, 0, Some(600), false), key(2, 100, None, false)];
        assert_eq!(at(&keys, 999, Due::ByAge), None);
        assert_eq!(at(&keys, 1_000, Due::ByAge), Some((3, 1_100, 1_600)));
        assert_eq!(at(&keys, 5_000, Due::ByAge), Some((3, 5_100, 5_600)), "also when nobody ran for long");
        let pending = [keys[1], key(3, 1_100, None, false)];
        assert_eq!(at(&pending, 1_050, Due::ByAge), None, "the successor is on its way");
        assert_eq!(at(&pending, 1_050, Due::Now), None);
    }

    #[test]
    fn imported_keys_are_rotated_on_request_only() {
        let keys = [key(1, 0, None, true)];
        assert_eq!(at(&keys, 100_000, Due::ByAge), None);
        assert_eq!(at(&keys, 100_000, Due::Now), Some((2, 100_100, 100_600)));
    }
}
