//! Rules as people write them.

use serde_json::{Map, Value};

use super::{ClaimRule, MatchType, pattern::is_glob};

/// A rule as an entry of `claims`: a scalar is the claim or among its list, a text with `*` is a pattern for either, a list
/// offers several of both, and `{values, match_type}` says it in full.
///
/// # Errors
/// In words, naming the claim.
pub fn shorthand(claim: &str, value: &Value) -> Result<ClaimRule, String> {
    let Value::Object(written) = value else {
        let values = value_list(claim, value)?;
        let match_type = if values.iter().any(has_star) { MatchType::Like } else { MatchType::Is };
        return Ok(ClaimRule { claim: claim.to_owned(), values, match_type });
    };
    rule(claim, written, "match_type")
}

/// A rule written in full: `{values: one or a list, match_type: exact}`, where `kind` is how the second key is spelled.
///
/// # Errors
/// In words, naming the claim.
pub fn rule(claim: &str, written: &Map<String, Value>, kind: &str) -> Result<ClaimRule, String> {
    if let Some(key) = written.keys().find(|key| *key != "values" && *key != kind) {
        return Err(format!("the rule for claim {claim:?} has no key {key}; it has values and {kind}"));
    }
    let Some(values) = written.get("values") else {
        return Err(format!("the rule for claim {claim:?} needs values"));
    };
    let values = value_list(claim, values)?;
    let match_type = match written.get(kind) {
        None => MatchType::Exact,
        Some(name) => name.as_str().and_then(MatchType::parse).ok_or_else(|| {
            let known = MatchType::ALL.map(MatchType::as_str).join(", ");
            format!("{kind} of the rule for claim {claim:?} must be one of {known}")
        })?,
    };
    Ok(ClaimRule { claim: claim.to_owned(), values, match_type })
}

/// One scalar or a list of them.
///
/// # Errors
/// In words, naming the claim.
pub fn value_list(claim: &str, value: &Value) -> Result<Vec<Value>, String> {
    let values = match value {
        Value::Array(items) => items.clone(),
        one => vec![one.clone()],
    };
    if values.iter().any(|v| v.is_null() || v.is_array() || v.is_object()) {
        return Err(format!(
            "the values of the rule for claim {claim:?} must be texts, numbers, true or false, or a list of those"
        ));
    }
    Ok(values)
}

fn has_star(value: &Value) -> bool {
    value.as_str().is_some_and(is_glob)
}
