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
            row.held = Some(written(&later)?);
            return Ok(Settled { row, result: Ok(Outcome::Held(why, later)) });
        }
        Some(Ok(change)) if change.is_none() => Outcome::Unchanged,
        Some(Ok(change)) => Outcome::Changed(change),
        None => Outcome::First(later.clone()),
    };
    row.held = None;
    if accepted.as_ref() != Some(&later) {
        row.version += 1;
        row.provider = Some(written(&later)?);
    }
    if outcome != Outcome::Unchanged {
        row.changed_at = Some(now);
    }
    Ok(Settled { row, result: Ok(outcome) })
}

/// What came of an operator's word for what is held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Acceptance {
    /// Nothing is held.
    Nothing,
    /// Other certificates are held than those that the operator compared: these, by fingerprint.
    Other(Vec<String>),
    /// It is in force, and this is what changed.
    Done(Change),
}

/// The row with the held document in force, when its certificates are those of `fingerprints` and no others: the document
/// may have been exchanged since the operator looked at it.
pub fn accept(seen: &Row, fingerprints: &[String], now: i64) -> Result<(Option<Row>, Acceptance), StoreError> {
    let (Some(held), Some(accepted)) = (&seen.held, &seen.provider) else { return Ok((None, Acceptance::Nothing)) };
    let next = provider(held)?;
    let there: BTreeSet<String> = next.signers().into_iter().map(|c| c.fingerprint).collect();
    let plain = |text: &String| text.chars().filter(char::is_ascii_hexdigit).collect::<String>().to_ascii_uppercase();
    if there.iter().map(plain).collect::<BTreeSet<_>>() != fingerprints.iter().map(plain).collect() {
        return Ok((None, Acceptance::Other(there.into_iter().collect())));
    }
    let change = change::difference(&provider(accepted)?, &next);
    let row = Row { version: seen.version + 1, provider: Some(held.clone()), held: None, changed_at: Some(now), ..seen.clone() };
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
        let held = settled(Some(&first), "s", Ok(document("x", Some(NOW + 1), None)));
        assert!(matches!(held.result, Ok(Outcome::Held(Stranger::Keys, _))));
        assert_eq!((held.row.version, &held.row.provider), (1, &first.provider));
        let (none, other) = accept(&held.row, &["AA:BB".into()], NOW + 2).unwrap();
        assert_eq!((none, other), (None, Acceptance::Other(vec![])));
        let (accepted, _) = accept(&held.row, &[], NOW + 2).unwrap();
        let accepted = accepted.unwrap();
        assert_eq!((accepted.version, accepted.provider, accepted.held), (2, held.row.held, None));
        assert_eq!(accepted.changed_at, Some(NOW + 2));
        assert_eq!(accept(&first, &[], NOW).unwrap(), (None, Acceptance::Nothing));
    }
}
