//! Where a claim is.

use std::borrow::Cow;

use serde_json::{Map, Value};

/// A claim by its literal name, which may hold dots or be a URL; else by its dotted path, whose parts may hold dots
/// themselves, the longest first; by JSON pointer (RFC 6901) when the name begins with `/`. `null` counts as absent.
#[must_use]
pub fn find<'a>(claims: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    match claims.get(name) {
        Some(value) => Some(value),
        None if name.starts_with('/') => follow(claims, name),
        None => descend(claims, name),
    }
    .filter(|value| !value.is_null())
}

/// What [`find`] takes at worst. A path may be cut at each of its dots, and what is found there at each that are left.
#[must_use]
pub fn steps(name: &str) -> usize {
    let cuts = name.bytes().filter(|b| matches!(b, b'.' | b'/')).count();
    4 + cuts * (cuts + 1) / 2
}

/// Whether `name` can name a claim.
#[must_use]
pub fn is_name(name: &str) -> bool {
    let pointer_escapes = || name.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
    (1..=512).contains(&name.len()) && !name.chars().any(char::is_control) && (!name.starts_with('/') || pointer_escapes())
}

/// Whether `name` names the claim, or something within it, in any of the ways that [`find`] knows.
#[must_use]
pub fn is_within(name: &str, claim: &str) -> bool {
    let inner = name.strip_prefix('/').unwrap_or(name).strip_prefix(claim);
    inner.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '/']))
}

/// Each object of the claims is reached by at most one way of cutting the path, so this ends after one look at each.
fn descend<'a>(claims: &'a Map<String, Value>, path: &str) -> Option<&'a Value> {
    path.rmatch_indices('.').find_map(|(dot, _)| {
        let inner = claims.get(&path[..dot])?.as_object()?;
        let rest = &path[dot + 1..];
        inner.get(rest).or_else(|| descend(inner, rest))
    })
}

fn follow<'a>(claims: &'a Map<String, Value>, pointer: &str) -> Option<&'a Value> {
    let mut steps = pointer.split('/').skip(1);
    let first = claims.get(unescaped(steps.next()?).as_ref())?;
    steps.try_fold(first, |value, step| match value {
        Value::Object(inner) => inner.get(unescaped(step).as_ref()),
        Value::Array(items) => items.get(index(step)?),
        _ => None,
    })
}

fn unescaped(step: &str) -> Cow<'_, str> {
    if step.contains('~') { step.replace("~1", "/").replace("~0", "~").into() } else { step.into() }
}

/// An index has one spelling: no sign, no leading zero.
fn index(step: &str) -> Option<usize> {
    let plain = step.bytes().all(|b| b.is_ascii_digit()) && (step == "0" || !step.starts_with('0'));
    step.parse().ok().filter(|_| plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_way_into_a_claim_is_known() {
        for name in ["teams", "/teams", "/teams/0", "teams.0", "teams.eu.sre", "/teams.eu", "teams/0"] {
            assert!(is_within(name, "teams"), "{name}");
        }
        for name in ["", "/", "team", "teamsters", "/teamsters/0", "my.teams", "/my/teams", "//teams", "Teams"] {
            assert!(!is_within(name, "teams"), "{name}");
        }
    }
}
