//! Operations on a User.

use serde_json::{Map, Value};

use crate::scim::{
    fault::Fault,
    filter::AttrPath,
    patch::{Operation, Path, Verb, at_operation, custom, list, too_many},
    schema::{
        Attribute, Kind, Place, Schema, USER, canonical_user,
        reading::{within, within_extension},
        spelling::Spellings,
        value::{few, keep, read, writable},
    },
};

/// How many operations a User takes at once; clients send one for each attribute at most.
const MOST: usize = 200;

/// Applies the operations to the canonical form of a User, which stays as it is if one of them fails. What comes out is
/// canonical too: a PUT of it would change nothing.
///
/// # Errors
/// As the operation that failed.
pub fn apply_user(resource: &mut Map<String, Value>, operations: &[Operation<'_>]) -> Result<(), Fault> {
    if operations.len() > MOST {
        return Err(too_many(operations.len(), MOST));
    }
    let mut draft = Draft { resource: resource.clone(), spellings: Spellings::of(&USER, resource) };
    for (at, operation) in operations.iter().enumerate() {
        draft.apply(operation).map_err(|fault| at_operation(at, fault))?;
    }
    *resource = canonical_user(&Value::Object(draft.resource))?;
    Ok(())
}

struct Draft {
    resource: Map<String, Value>,
    spellings: Spellings,
}

impl Draft {
    fn apply(&mut self, operation: &Operation<'_>) -> Result<(), Fault> {
        match (&operation.path, operation.value) {
            (Some(path), value) => self.change(operation.verb, path, value),
            (None, Some(value)) => self.change_each(operation.verb, value, None),
            (None, None) => Err(Fault::no_target("the operation needs a path or a value")),
        }
    }

    /// What an object without a path says of each attribute; within `schema`, if the object is that schema's.
    fn change_each(&mut self, verb: Verb, value: &Value, schema: Option<&'static Schema>) -> Result<(), Fault> {
        let fields = value.as_object().ok_or_else(|| Fault::invalid_value("the value is an object of attributes"))?;
        for (key, value) in fields {
            match Path::of_key(key, schema.map(|schema| schema.id))? {
                Some(path) => self.change(verb, &path, Some(value))?,
                None => custom::keep(&mut self.resource, &mut self.spellings, key, value),
            }
        }
        Ok(())
    }

    fn change(&mut self, verb: Verb, path: &Path, value: Option<&Value>) -> Result<(), Fault> {
        let given = match (verb, value) {
            (Verb::Remove, _) => None,
            // Adding nothing is no change.
            (Verb::Add, None | Some(Value::Null)) => return Ok(()),
            (Verb::Replace, None | Some(Value::Null)) => None,
            (_, Some(value)) => Some(value),
        };
        match USER.place(&path.attribute) {
            Place::Known { attribute, .. } if !writable(attribute) || attribute.name == "schemas" => Ok(()),
            Place::Known { extension, attribute } if attribute.multi_valued => {
                let change = list::Change { attribute, sub: path.attribute.sub.as_deref(), selected: path.selected.as_ref() };
                within_extension(&mut self.resource, extension, |fields| change.make(fields, verb, value))
            }
            Place::Known { attribute, .. } if path.selected.is_some() => {
                Err(Fault::invalid_path(format!("{} has no elements to choose from", attribute.name)))
            }
            Place::Known { extension, attribute } => {
                let sub = path.attribute.sub.as_deref();
                within_extension(&mut self.resource, extension, |fields| change_one(fields, attribute, sub, given))
            }
            _ if path.selected.is_some() => Ok(()),
            Place::Extension(schema) => self.change_extension(verb, schema, given),
            Place::Unknown { extension } => {
                let known = extension.map(|schema| schema.id);
                let schema = path.attribute.schema.clone().filter(|_| known.is_none());
                if schema.as_deref() == Some(USER.schema.id) && path.attribute.is_schema() {
                    return given.map_or(Ok(()), |value| self.change_each(verb, value, Some(USER.schema)));
                }
                let name = AttrPath { schema, ..path.attribute.clone() }.to_string();
                let value = given.unwrap_or(&Value::Null);
                match extension {
                    Some(_) => self.spellings.keep(&mut self.resource, extension, &name, value),
                    None => custom::keep(&mut self.resource, &mut self.spellings, &name, value),
                }
                Ok(())
            }
        }
    }

    fn change_extension(&mut self, verb: Verb, schema: &'static Schema, given: Option<&Value>) -> Result<(), Fault> {
        let Some(value) = given else {
            self.resource.remove(schema.id);
            self.spellings.forget(schema);
            return Ok(());
        };
        self.change_each(verb, value, Some(schema))
    }
}

/// Changes an attribute that has one value.
fn change_one(
    fields: &mut Map<String, Value>,
    attribute: &'static Attribute,
    sub: Option<&str>,
    given: Option<&Value>,
) -> Result<(), Fault> {
    let Some(sub) = sub else { return set(fields, attribute, given) };
    if attribute.kind != Kind::Complex {
        return Err(Fault::invalid_path(format!("{} has no sub-attributes", attribute.name)));
    }
    within(fields, attribute.name, |fields| {
        let before = fields.get("value").cloned();
        set_sub(fields, attribute, sub, given)?;
        // Where the old one was is not where the new one is.
        if fields.get("value") != before.as_ref() {
            fields.remove("$ref");
        }
        Ok(())
    })
}

fn set(fields: &mut Map<String, Value>, attribute: &'static Attribute, given: Option<&Value>) -> Result<(), Fault> {
    // RFC 7644 §3.5.2.1 merges complex values. One that refers to another resource is replaced: who it is and what is
    // known of them go together.
    let given = match given {
        Some(Value::Array(list)) if list.len() == 1 => list.first(),
        given => given,
    };
    if let (Kind::Complex, None, Some(Value::Object(subs))) = (attribute.kind, attribute.sub("value"), given) {
        let merge = |fields: &mut Map<String, Value>| {
            subs.iter().try_for_each(|(sub, value)| set_sub(fields, attribute, sub, Some(value).filter(|value| !value.is_null())))
        };
        return within(fields, attribute.name, merge);
    }
    let value = match given {
        Some(value) => read(attribute, value, attribute.name)?,
        None => None,
    };
    match value {
        Some(value) => {
            fields.insert(attribute.name.to_owned(), value);
        }
        None if attribute.required => return Err(Fault::mutability(format!("{} is required", attribute.name))),
        // Neither in nor out: nobody comes in again because a directory forgot about them.
        None if attribute.name == "active" => {}
        None => {
            fields.remove(attribute.name);
        }
    }
    Ok(())
}

/// Sets a sub-attribute in the fields of a complex value.
pub(super) fn set_sub(
    fields: &mut Map<String, Value>,
    attribute: &'static Attribute,
    sub: &str,
    given: Option<&Value>,
) -> Result<(), Fault> {
    let Some(known) = attribute.sub(sub) else {
        keep(fields, sub, given.unwrap_or(&Value::Null));
        return few(fields, attribute.name);
    };
    if !writable(known) {
        return Ok(());
    }
    let value = match given {
        Some(value) => read(known, value, &format!("{}.{}", attribute.name, known.name))?,
        None => None,
    };
    match value {
        Some(value) => fields.insert(known.name.to_owned(), value),
        None => fields.remove(known.name),
    };
    Ok(())
}
