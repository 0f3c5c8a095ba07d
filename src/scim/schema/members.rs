//! The members of a Group as clients name them.

use std::collections::HashSet;

use serde_json::Value;

use crate::scim::{
    fault::Fault,
    schema::{field, split_urn, value::nul},
};

/// The name of the attribute.
pub const ATTRIBUTE: &str = "members";

/// Whether a field of a group's body is that, in any spelling.
pub fn is_attribute(name: &str) -> bool {
    let bare = split_urn(name).map_or(name, |(_, rest)| rest);
    bare.eq_ignore_ascii_case(ATTRIBUTE)
}

/// The ids in a list of members, each once: `[{"value": "u-17"}]`, and the shorter forms `["u-17"]`, `{"value": "u-17"}`.
///
/// # Errors
/// `invalidValue` for a member without an id, or one that is a group: groups are not nested here.
pub fn ids(value: &Value) -> Result<Vec<String>, Fault> {
    let list = match value {
        Value::Null => &[],
        Value::Array(list) => list.as_slice(),
        single => std::slice::from_ref(single),
    };
    let mut seen = HashSet::new();
    let mut ids = Vec::new();
    for member in list {
        let id = id(member)?;
        if seen.insert(id) {
            ids.push(id.to_owned());
        }
    }
    Ok(ids)
}

fn id(member: &Value) -> Result<&str, Fault> {
    let is_group = field(member, "type").and_then(Value::as_str).is_some_and(|kind| kind.eq_ignore_ascii_case("Group"));
    if is_group {
        return Err(Fault::invalid_value("a member is a User: groups are not nested here, push their users"));
    }
    let id = member.as_str().or_else(|| field(member, "value")?.as_str());
    id.ok_or_else(|| Fault::invalid_value("a member has the id of a User as its `value`")).and_then(checked)
}

/// An id that could be one.
///
/// # Errors
/// `invalidValue` if it could not.
pub fn checked(id: &str) -> Result<&str, Fault> {
    if id.is_empty() || id.len() > 128 || nul(id) {
        return Err(Fault::invalid_value("a member's `value` is the id of a User"));
    }
    Ok(id)
}
