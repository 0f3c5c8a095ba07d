//! Operations on a Group, as changes of rows.

use serde_json::Value;

use crate::scim::{fault::Fault, patch::Operation};

/// One change of a Group; they are made in their order. Ids are neither empty nor longer than 128 characters, and
/// occur once in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupChange {
    /// An attribute of the resource, by its canonical name (`displayName`, `externalId`, or one that the schema does not
    /// know), gets this value; `null` clears it.
    Set(String, Value),
    /// These become members, if they are not.
    Add(Vec<String>),
    /// These are no members afterwards.
    Remove(Vec<String>),
    /// Nobody is a member afterwards.
    RemoveAll,
    /// These and nobody else are members afterwards.
    Replace(Vec<String>),
}

/// What the operations change of a Group. A `displayName` among them is never empty.
///
/// # Errors
/// As the operation that cannot be.
pub fn group_changes(_operations: &[Operation]) -> Result<Vec<GroupChange>, Fault> {
    Ok(Vec::new())
}
