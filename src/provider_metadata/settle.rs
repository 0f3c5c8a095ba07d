//! What becomes of a document that came, or did not: pure, so that it can be seen whole.

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
            row.failure = Some(error.to_string());
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

/// The row with the held document in force, and what changes by that; nothing when none is held.
pub fn accept(seen: &Row, now: i64) -> Result<Option<(Row, Change)>, StoreError> {
    let (Some(held), Some(accepted)) = (&seen.held, &seen.provider) else { return Ok(None) };
    let change = change::difference(&provider(accepted)?, &provider(held)?);
    let row = Row { version: seen.version + 1, provider: Some(held.clone()), held: None, changed_at: Some(now), ..seen.clone() };
    Ok(Some((row, change)))
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
