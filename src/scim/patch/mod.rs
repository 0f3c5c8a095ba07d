//! PATCH (RFC 7644 §3.5.2), in every dialect that clients speak.
//!
//! A body goes through `parse` into operations. Those of a User are applied to its canonical form, all or none
//! (`user`, and `list` for attributes with several values); those of a Group become changes (`group`), so that nobody
//! has to read its members. What the schemas do not know is kept by `custom`.

mod custom;
mod group;
mod list;
mod path;
#[cfg(test)]
mod properties;
mod user;

use serde_json::Value;

pub use group::{GroupChange, apply_set, group_changes};
pub use path::Path;
pub use user::apply_user;

use crate::scim::{fault::Fault, schema::field};

/// How many operations one PATCH may have.
const MOST: usize = 1000;

/// What an operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Adds to lists, sets the rest.
    Add,
    /// Takes away.
    Remove,
    /// Sets.
    Replace,
}

/// One operation of a body, whose values stay where they are: those of a group may be very many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation<'b> {
    /// What it does.
    pub verb: Verb,
    /// Where; to the resource itself without one.
    pub path: Option<Path>,
    /// With what; none if the operation has no `value`. Without a path it is an object.
    pub value: Option<&'b Value>,
}

/// Reads the body of a PATCH.
///
/// # Errors
/// `invalidSyntax` for what is no PatchOp, `invalidPath`, `invalidFilter`, `noTarget` for a removal of nothing, 413 for
/// more than a thousand operations.
pub fn parse(body: &Value) -> Result<Vec<Operation<'_>>, Fault> {
    let operations = field(body, "Operations").and_then(Value::as_array);
    let operations = operations.filter(|list| !list.is_empty());
    let operations = operations.ok_or_else(|| Fault::invalid_syntax("a PATCH has a list of Operations, one or more"))?;
    if operations.len() > MOST {
        return Err(too_many(operations.len(), MOST));
    }
    operations
        .iter()
        .enumerate()
        .map(|(at, operation)| Operation::parse(operation).map_err(|fault| at_operation(at, fault)))
        .collect()
}

/// Says which operation was at fault.
fn at_operation(at: usize, fault: Fault) -> Fault {
    Fault { detail: format!("operation {}: {}", at + 1, fault.detail), ..fault }
}

fn too_many(count: usize, most: usize) -> Fault {
    Fault::new(413, format!("the PATCH has {count} operations; {most} are the most, send the rest in another"))
}

impl<'b> Operation<'b> {
    fn parse(operation: &'b Value) -> Result<Self, Fault> {
        let verb = field(operation, "op").and_then(Value::as_str).and_then(Verb::parse);
        let verb = verb.ok_or_else(|| Fault::invalid_syntax("`op` is add, remove or replace"))?;
        let path = match field(operation, "path") {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) if text.trim().is_empty() => None,
            Some(Value::String(text)) => Some(Path::parse(text)?),
            Some(_) => return Err(Fault::invalid_path("the path is a text")),
        };
        let value = field(operation, "value");
        match (verb, &path, value) {
            (Verb::Remove, None, _) => Err(Fault::no_target("a removal needs a path")),
            (Verb::Remove, Some(_), value) => Ok(Self { verb, path, value }),
            (_, _, None) => Err(Fault::invalid_value("the operation needs a value")),
            (_, None, Some(value)) => Ok(Self { verb, path, value: Some(whole(value)?) }),
            (_, Some(_), value) => Ok(Self { verb, path, value }),
        }
    }
}

/// The value of an operation without a path.
fn whole(value: &Value) -> Result<&Value, Fault> {
    match value.as_array().map(Vec::as_slice) {
        None if value.is_object() => Ok(value),
        Some([only]) if only.is_object() => Ok(only),
        _ => Err(Fault::invalid_value("without a path, the value is an object of attributes")),
    }
}

impl Verb {
    fn parse(text: &str) -> Option<Self> {
        let verbs = [("add", Self::Add), ("remove", Self::Remove), ("replace", Self::Replace)];
        verbs.into_iter().find(|(name, _)| text.eq_ignore_ascii_case(name)).map(|(_, verb)| verb)
    }
}

#[cfg(test)]
mod tests;
