//! What becomes of a document that came, or did not: pure, so that it can be seen whole.

use std::collections::BTreeSet;

use crate::{
    connector::{
        Error,
        saml::metadata::{
            Provider,
            change::{self, Change, Stranger},
        },
    },
    secret,
    store::{self, StoreError, provider_metadata::Row},
};

/// Seconds from a failed fetch to the next, and for which a node's claim holds.
pub const RETRY: i64 = 15 * 60;
/// The shortest and the longest that a document is kept before it is fetched again, whatever it asks for, in seconds.
const KEEP: (i64, i64) = (3_600, 86_400);

/// What a document brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is the first.
    First(Provider),
    /// Nothing that a person should know of.
    Unchanged,
    /// It is in force, and differs.
    Changed(Change),
    /// It waits for an operator.
    Held(Stranger, Provider),
}

/// What to store and what to say.
pub struct Settled {
    pub row: Row,
    pub result: Result<Outcome, Error>,
}

/// Reads a stored provider.
pub fn provider(text: &str) -> Result<Provider, StoreError> {
    store::read_json("provider metadata", text)
}

/// Settles the `result` of a fetch by `source` against what was `seen` in the store.
pub fn settle(
    seen: Option<&Row>,
    connection_id: &str,
    source: &str,
    result: Result<Provider, Error>,
    now: i64,
) -> Result<Settled, StoreError> {
    let mut row = match seen {
        Some(row) if row.source == source => row.clone(),
        // Other settings are an operator's word for another document; only the version counts on.
        other => Row {
            connection_id: connection_id.to_owned(),
            source: source.to_owned(),
            version: other.map_or(0, |row| row.version),
            provider: None,
            held: None,
            held_since: None,
            failure: None,
            tried_at: now,
            fetched_at: None,
            changed_at: None,
            due_at: now,
        },
    };
    row.tried_at = now;
    let later = match result {
        Ok(later) => later,
        Err(error) => {
            // It may quote the document.
            row.failure = Some(error.to_string().chars().take(1_000).collect());
            row.due_at = now.saturating_add(RETRY);
            return Ok(Settled { row, result: Err(error) });
        }
    };
    row.failure = None;
    row.fetched_at = Some(now);
    row.due_at = due(&later, now);
    let accepted = row.provider.as_deref().map(provider).transpose()?;
    let outcome = match accepted.as_ref().map(|accepted| change::compare(accepted, &later)) {
        Some(Err(why)) => {
            let before = row.held.as_deref().map(provider).transpose()?;
            let is_same = before.is_some_and(|before| before.substance() == later.substance());
            row.held_since = row.held_since.filter(|_| is_same).or(Some(now));
            row.held = Some(written(&later)?);
            return Ok(Settled { row, result: Ok(Outcome::Held(why, later)) });
        }
        Some(Ok(change)) if change.is_none() => Outcome::Unchanged,
        Some(Ok(change)) => Outcome::Changed(change),
        None => Outcome::First(later.clone()),
    };
    (row.held, row.held_since) = (None, None);
    if accepted.as_ref() != Some(&later) {
        row.version += 1;
        row.provider = Some(written(&later)?);
    }
    if outcome != Outcome::Unchanged {
        row.changed_at = Some(now);
    }
    Ok(Settled { row, result: Ok(outcome) })
}

/// How an operator names what they have looked at.
#[derive(Clone, Copy, Debug)]
pub enum Word<'a> {
    /// Its certificates, all of them, by fingerprint.
    Fingerprints(&'a [String]),
    /// What [`digest`] gave.
    Digest(&'a str),
}

/// What came of an operator's word for what is held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Acceptance {
    /// Nothing is held.
    Nothing,
    /// Something else is held than what the operator compared: these certificates, by fingerprint.
    Other(Vec<String>),
    /// What is held may be used no more, by its own word.
    Expired,
    /// It is in force, and this is what changed.
    Done(Change),
}

/// What names all that somebody compares: what is held, what it would take the place of, and the settings that both were
/// fetched by. How long they may be kept does not count, which providers say anew each time.
///
/// # Errors
/// What is stored cannot be read.
pub fn digest(row: &Row) -> Result<Option<String>, StoreError> {
    let Some(held) = &row.held else { return Ok(None) };
    let held = provider(held)?.substance();
    Ok(Some(secret::hex_digest(&serde_json::json!([row.connection_id, row.source, row.version, held]).to_string())))
}

/// The row with the held document in force, when it is what the operator's word names and nothing else: the document may have
/// been exchanged since they looked at it.
pub fn accept(seen: &Row, word: Word<'_>, now: i64) -> Result<(Option<Row>, Acceptance), StoreError> {
    let (Some(held), Some(accepted)) = (&seen.held, &seen.provider) else { return Ok((None, Acceptance::Nothing)) };
    let next = provider(held)?;
    let there: BTreeSet<String> = next.signers().into_iter().map(|c| c.fingerprint).collect();
    match word {
        Word::Fingerprints(fingerprints) => {
            let plain = |text: &String| text.chars().filter(char::is_ascii_hexdigit).collect::<String>().to_ascii_uppercase();
            if there.iter().map(plain).collect::<BTreeSet<_>>() != fingerprints.iter().map(plain).collect() {
                return Ok((None, Acceptance::Other(there.into_iter().collect())));
            }
        }
        Word::Digest(seen_then) => {
            if digest(seen)?.as_deref() != Some(seen_then) {
                return Ok((None, Acceptance::Other(there.into_iter().collect())));
            }
        }
    }
    if !next.is_valid(now) {
        return Ok((None, Acceptance::Expired));
    }
    let change = change::difference(&provider(accepted)?, &next);
    let (version, provider) = (seen.version + 1, Some(held.clone()));
    let row = Row { version, provider, held: None, held_since: None, changed_at: Some(now), ..seen.clone() };
    Ok((Some(row), Acceptance::Done(change)))
}

/// When to fetch again: after the document's cacheDuration, and while half of its validity is left.
fn due(provider: &Provider, now: i64) -> i64 {
    let keep = provider.cache_duration.unwrap_or(KEEP.1).clamp(KEEP.0, KEEP.1);
    let half = provider.valid_until.map_or(i64::MAX, |until| until.saturating_sub(now) / 2);
    now.saturating_add(keep.min(half.max(RETRY)))
}

fn written(provider: &Provider) -> Result<String, StoreError> {
    store::write_json("provider metadata", provider)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::cause::Cause;

    const NOW: i64 = 1_800_000_000;
    const A: &str = "MIIBdzCCAR2gAwIBAgIBATAKBggqhkjOPQQDAjAM";

    fn document(entity_id: &str, valid_until: Option<i64>, cache_duration: Option<i64>) -> Provider {
        Provider {
            entity_id: entity_id.into(),
            sso: vec![],
            slo: vec![],
            certificates: vec![A.into()],
            wants_signed_requests: false,
            valid_until,
            cache_duration,
        }
    }

    fn settled(seen: Option<&Row>, source: &str, result: Result<Provider, Error>) -> Settled {
        settle(seen, "c", source, result, NOW).unwrap()
    }

    #[test]
    fn when_to_fetch_again() {
        for (valid_for, cache, expected) in [
            (None, None, 86_400),
            (None, Some(0), 3_600),
            (None, Some(7_200), 7_200),
            (None, Some(i64::MAX), 86_400),
            (Some(7_200), None, 3_600),
            (Some(3_600), Some(7_200), 1_800),
            (Some(60), None, RETRY),
            (Some(864_000), Some(7_200), 7_200),
        ] {
            let provider = document("x", valid_for.map(|s| NOW + s), cache);
            assert_eq!(due(&provider, NOW) - NOW, expected, "{valid_for:?} {cache:?}");
        }
    }

    #[test]
    fn a_failure_takes_nothing_away_and_other_settings_do() {
        let first = settled(None, "s", Ok(document("x", None, None))).row;
        assert_eq!((first.version, first.failure.as_deref()), (1, None));
        let failed = settled(Some(&first), "s", Err(Error::Unreachable(Cause::Dns.with("gone")))).row;
        assert_eq!((failed.version, &failed.provider, failed.fetched_at), (1, &first.provider, Some(NOW)));
        assert!(failed.failure.as_deref().unwrap().ends_with("gone") && failed.due_at == NOW + RETRY);
        let other = settled(Some(&failed), "t", Err(Error::Unreachable(Cause::Dns.with("gone")))).row;
        assert_eq!((other.version, &other.provider, other.source.as_str()), (1, &None, "t"));
        let taken = settled(Some(&other), "t", Ok(document("y", None, None)));
        assert_eq!((taken.row.version, taken.result.unwrap()), (2, Outcome::First(document("y", None, None))));
    }

    #[test]
    fn what_no_key_vouches_for_is_held_and_counts_when_accepted() {
        // The certificate cannot be read, so no key is common even to the same document.
        let first = settled(None, "s", Ok(document("x", None, None))).row;
        let held = settled(Some(&first), "s", Ok(document("x", Some(NOW + 100), None)));
        assert!(matches!(held.result, Ok(Outcome::Held(Stranger::Keys, _))));
        assert_eq!((held.row.version, &held.row.provider, held.row.held_since), (1, &first.provider, Some(NOW)));
        let none = Word::Fingerprints(&[]);
        let (row, other) = accept(&held.row, Word::Fingerprints(&["AA:BB".into()]), NOW + 2).unwrap();
        assert_eq!((row, other), (None, Acceptance::Other(vec![])));
        assert_eq!(accept(&held.row, none, NOW + 100).unwrap(), (None, Acceptance::Expired), "nobody could sign in with it");
        let (accepted, _) = accept(&held.row, none, NOW + 2).unwrap();
        let accepted = accepted.unwrap();
        assert_eq!((accepted.version, accepted.provider, accepted.held), (2, held.row.held.clone(), None));
        assert_eq!((accepted.changed_at, accepted.held_since), (Some(NOW + 2), None));
        assert_eq!(accept(&first, none, NOW).unwrap(), (None, Acceptance::Nothing));
    }

    #[test]
    fn what_was_compared_is_named_by_a_digest() {
        let first = settled(None, "s", Ok(document("x", None, None))).row;
        assert_eq!(digest(&first).unwrap(), None);
        let held = |seen: &Row, document| settle(Some(seen), "c", "s", Ok(document), NOW + 60).unwrap().row;
        let one = settled(Some(&first), "s", Ok(document("x", None, None))).row;
        let seen = digest(&one).unwrap().unwrap();
        // The same again, to be kept longer: it waits as before.
        let later = held(&one, document("x", Some(NOW + 9_999), Some(60)));
        assert_eq!((digest(&later).unwrap().as_ref(), later.held_since), (Some(&seen), Some(NOW)));
        assert!(matches!(accept(&later, Word::Digest(&seen), NOW).unwrap(), (Some(_), Acceptance::Done(_))));
        // Anything else is another one, held since it came.
        let renamed = held(&one, document("y", None, None));
        let moved = held(&one, Provider { wants_signed_requests: true, ..document("x", None, None) });
        let taken = Row { version: 2, ..one.clone() };
        let elsewhere = Row { source: "t".into(), ..one.clone() };
        let connection = Row { connection_id: "d".into(), ..one.clone() };
        for other in [&renamed, &moved, &taken, &elsewhere, &connection] {
            assert_eq!(accept(other, Word::Digest(&seen), NOW).unwrap(), (None, Acceptance::Other(vec![])), "{other:?}");
        }
        assert_eq!((renamed.held_since, moved.held_since), (Some(NOW + 60), Some(NOW + 60)));
        for wrong in ["", "x"] {
            assert_eq!(accept(&one, Word::Digest(wrong), NOW).unwrap().0, None);
        }
    }
}
