//! Random values and their hashes: what is handed out once is stored only as a digest.

use aws_lc_rs::{constant_time, digest, rand};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

/// What service tokens of the admin API begin with that are made here.
pub const SERVICE_TOKEN: &str = "gha_";
/// What personal tokens begin with.
pub const PERSONAL_TOKEN: &str = "ghp_";
/// What tokens of directories begin with that are made here.
pub const DIRECTORY_TOKEN: &str = "ghs_";

/// Whether a text begins as a token of ours does that is no JWT: nobody else is shown it.
#[must_use]
pub fn is_like_a_token_of_ours(text: &str) -> bool {
    [SERVICE_TOKEN, PERSONAL_TOKEN, DIRECTORY_TOKEN].iter().any(|prefix| text.starts_with(prefix))
}

/// 256 random bits as 43 base64url characters: codes, states, cookies, tokens (RFC 6749 §10.10 asks for at least 128).
#[must_use]
pub fn random() -> String {
    encode_random::<32>()
}

/// Whether a text may be of [`random`]: what is not is nothing that we gave out, and need not be looked up.
#[must_use]
pub fn is_random(text: &str) -> bool {
    text.len() == 43 && URL_SAFE_NO_PAD.decode(text).is_ok()
}

/// 128 random bits as 22 base64url characters: names that are looked up by but are not credentials. None begins with `-`, so
/// that each can be pasted behind a command without being taken for an option of it.
#[must_use]
pub fn random_id() -> String {
    loop {
        let id = encode_random::<16>();
        if !id.starts_with('-') {
            return id;
        }
    }
}

/// A token that is handed out once: `prefix`, [`random`], and six characters by which scanners of leaked secrets tell a real
/// one from what only looks like it ([`digest()`] of what stands before them).
#[must_use]
pub fn token(prefix: &str) -> String {
    let token = format!("{prefix}{}", random());
    let check: String = digest(&token).chars().take(6).collect();
    token + &check
}

/// A short code that a person reads to the support desk: 8 characters of an alphabet without look-alikes.
#[must_use]
pub fn reference() -> String {
    const ALPHABET: &[u8; 32] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ";
    let mut bytes = [0u8; 8];
    fill(&mut bytes);
    bytes.iter().map(|b| char::from(ALPHABET[usize::from(b % 32)])).collect()
}

/// A time-ordered id for a new row (UUID version 7 of the clock's second, randomness from the system).
#[must_use]
pub fn row_id(now: i64) -> String {
    let mut tail = [0u8; 10];
    fill(&mut tail);
    let millis = u64::try_from(now).unwrap_or(0).saturating_mul(1000);
    uuid::Builder::from_unix_timestamp_millis(millis, &tail).into_uuid().to_string()
}

/// The clock gives whole seconds, which leaves its thousandths; the next twelve bits of an id are otherwise random.
const STEP: u64 = 1 << 12;

/// As [`row_id`], for the `n`-th of the rows that are made at one time: they sort in that order, where the older of two
/// counts.
#[must_use]
pub fn nth_row_id(now: i64, n: u64) -> String {
    let mut tail = [0u8; 10];
    fill(&mut tail);
    let [.., high, low] = (n % STEP).to_be_bytes();
    (tail[0], tail[1]) = (high, low);
    let millis = u64::try_from(now).unwrap_or(0).saturating_mul(1000).saturating_add((n / STEP).min(999));
    uuid::Builder::from_unix_timestamp_millis(millis, &tail).into_uuid().to_string()
}

/// The `n` of [`nth_row_id`], if `id` is of that time.
#[must_use]
pub fn nth_of(id: &str, now: i64) -> Option<u64> {
    let id = uuid::Uuid::parse_str(id).ok()?.as_u128();
    let millis = u64::try_from(id >> 80).ok()?.checked_sub(u64::try_from(now).ok()?.checked_mul(1000)?)?;
    let low = u64::try_from(id >> 64).ok()? % STEP;
    (millis < 1000).then_some(millis * STEP + low)
}

/// What every id of `now` and before sorts before, and every later one after.
#[must_use]
pub fn row_ids_end(now: i64) -> String {
    let millis = u64::try_from(now).unwrap_or(0).saturating_add(1).saturating_mul(1000);
    uuid::Builder::from_unix_timestamp_millis(millis, &[0; 10]).into_uuid().to_string()
}

/// A number of chance, for what should not happen everywhere at once.
#[must_use]
pub fn chance() -> u64 {
    let mut bytes = [0u8; 8];
    fill(&mut bytes);
    u64::from_be_bytes(bytes)
}

/// SHA-256 as base64url: how a random secret is stored and looked up.
#[must_use]
pub fn digest(value: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, value.as_bytes()))
}

/// SHA-256 in hex, as `sha256sum` prints it: what people compare.
#[must_use]
pub fn hex_digest(value: &str) -> String {
    digest::digest(&digest::SHA256, value.as_bytes()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Equality that takes the same time wherever the first difference stands.
#[must_use]
pub fn same(a: &str, b: &str) -> bool {
    constant_time::verify_slices_are_equal(a.as_bytes(), b.as_bytes()).is_ok()
}

fn encode_random<const N: usize>() -> String {
    let mut bytes = [0u8; N];
    fill(&mut bytes);
    URL_SAFE_NO_PAD.encode(bytes)
}

#[expect(clippy::expect_used, reason = "aws-lc's generator aborts rather than fail; without randomness nothing may go on")]
fn fill(bytes: &mut [u8]) {
    rand::fill(bytes).expect("the system has randomness");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_thousand_values_differ_and_have_full_length() {
        let values: std::collections::HashSet<_> = (0..10_000).map(|_| random()).collect();
        assert_eq!(values.len(), 10_000);
        assert!(values.iter().all(|v| v.len() == 43));
    }

    #[test]
    fn what_is_random_is_known_by_its_looks() {
        assert!((0..1_000).all(|_| is_random(&random())));
        let (good, zeros) = (random(), "A".repeat(42));
        for bad in [
            "",
            "x",
            &good[1..],
            &format!("{good}A"),
            &good.replace(&good[5..6], "."),
            &format!("{zeros}B"),
            &format!("{zeros}="),
        ] {
            assert!(!is_random(bad), "{bad}");
        }
        assert!(is_random(&format!("{zeros}A")), "the twin");
    }

    #[test]
    fn an_id_is_no_option_of_a_command() {
        assert!((0..10_000).map(|_| random_id()).all(|id| id.len() == 22 && !id.starts_with('-')));
    }

    #[test]
    fn a_token_shows_that_it_is_one() {
        let token = token("gha_");
        let (start, check) = token.split_at(token.len() - 6);
        assert!(start.starts_with("gha_") && start.len() == 47 && digest(start).starts_with(check), "{token}");
    }

    #[test]
    fn row_ids_sort_by_time() {
        assert!(row_id(1_000) < row_id(2_000));
    }

    #[test]
    fn rows_made_at_one_time_sort_as_they_were_made() {
        let ids: Vec<String> = (0..20_000).map(|n| nth_row_id(1_000, n)).collect();
        assert!(ids.is_sorted() && ids.iter().all(|id| *id < row_id(1_001)));
        assert_ne!(nth_row_id(1_000, 1), nth_row_id(1_000, 1));
        assert!(ids.iter().zip(0..).all(|(id, n)| nth_of(id, 1_000) == Some(n)));
        assert!(ids.iter().all(|id| *id < row_ids_end(1_000)) && row_ids_end(1_000) <= nth_row_id(1_001, 0));
        for (id, now) in [(ids[1].as_str(), 999), (&ids[1], 1_001), ("mapping-ci", 1_000), ("", 1_000)] {
            assert_eq!(nth_of(id, now), None, "{id} {now}");
        }
    }
}
