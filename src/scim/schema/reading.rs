//! What a client sent, in the form that is kept: names in the schema's spelling, types as the schema has them, nothing
//! that is unassigned. Texts stay as they were sent.

use serde_json::{Map, Value};

use crate::policy::directory::can_name_a_team;
use crate::scim::{
    document,
    fault::Fault,
    filter::AttrPath,
    schema::{
        Attribute, GROUP, Place, ResourceType, Schema, USER, members, split_urn,
        value::{nul, read, writable},
    },
};

/// How many bytes the JSON of a resource may have, members apart.
const LARGEST: usize = 64 * 1024;
/// How many it may have as it is sent, with what is not kept of it. Judged before any of it is read.
pub(in crate::scim) const SENT: usize = 256 * 1024;
/// How many schemas it may name.
const SCHEMAS: usize = 100;

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
    finish(&USER, Reading::of(&USER, body)?.resource)
}

/// The same for a Group.
///
/// # Errors
/// As for a User, and for members that are groups.
pub fn canonical_group(body: &Value) -> Result<GroupBody, Fault> {
    let read = Reading::of(&GROUP, body)?;
    let resource = finish(&GROUP, read.resource)?;
    let members = read.members.filter(|value| !value.is_null()).map(members::ids).transpose()?;
    Ok(GroupBody { resource, members })
}

/// A resource being read.
struct Reading<'b> {
    kind: &'static ResourceType,
    resource: Map<String, Value>,
    /// The members of a group where they were sent: they may be very many.
    members: Option<&'b Value>,
    /// The names so far: two spellings of one name would let two readers see two resources.
    seen: Vec<String>,
}

impl<'b> Reading<'b> {
    fn of(kind: &'static ResourceType, body: &'b Value) -> Result<Self, Fault> {
        let fields = body.as_object().ok_or_else(|| Fault::invalid_syntax("a resource is a JSON object"))?;
        if !document::fits(fields.iter().filter(|(name, _)| !members::is_attribute(name)), SENT) {
            return Err(Fault::invalid_value(format!("the resource has more than {SENT} bytes of JSON as it is sent")));
        }
        let mut reading = Self { kind, resource: Map::new(), members: None, seen: Vec::new() };
        fields.iter().try_for_each(|(name, value)| reading.take(name, value))?;
        reading.seen.sort_unstable();
        match reading.seen.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(Fault::invalid_syntax(format!("{} is given twice", pair[0]))),
            None => Ok(reading),
        }
    }

    fn take(&mut self, name: &str, value: &'b Value) -> Result<(), Fault> {
        let Ok(path) = AttrPath::parse(name) else {
            self.seen.push(name.to_lowercase());
            put(&mut self.resource, name, value);
            return Ok(());
        };
        self.seen.push(path.canonical(self.kind).unwrap_or_else(|| path.to_string()).to_lowercase());
        match self.kind.place(&path) {
            Place::Known { attribute, .. } if attribute.name == members::ATTRIBUTE && path.sub.is_none() => {
                self.members = Some(value);
            }
            Place::Known { extension, attribute } => self.take_known(extension, attribute, &path, value)?,
            Place::Extension(schema) => self.take_object(schema, value)?,
            Place::Unknown { extension: Some(schema) } => {
                let name = AttrPath { schema: None, ..path }.to_string();
                within(&mut self.resource, schema.id, |fields| put(fields, &name, value));
            }
            Place::Unknown { extension: None } if path.schema.as_deref() == Some(self.kind.schema.id) && path.is_schema() => {
                self.take_object(self.kind.schema, value)?;
            }
            Place::Unknown { extension: None } => put(&mut self.resource, name, value),
        }
        Ok(())
    }

    fn take_known(
        &mut self,
        extension: Option<&'static Schema>,
        attribute: &'static Attribute,
        path: &AttrPath,
        value: &Value,
    ) -> Result<(), Fault> {
        let Some(sub) = &path.sub else {
            if let Some(value) = read(attribute, value, attribute.name)? {
                within_extension(&mut self.resource, extension, |fields| fields.insert(attribute.name.to_owned(), value));
            }
            return Ok(());
        };
        let known = attribute.sub(sub).filter(|_| writable(attribute) && !attribute.multi_valued);
        // Anything else names no place of its own: `emails.value` leaves open which.
        let Some(sub) = known else { return Ok(()) };
        if let Some(value) = read(sub, value, &path.to_string())? {
            let change = |fields: &mut Map<String, Value>| fields.insert(sub.name.to_owned(), value);
            within_extension(&mut self.resource, extension, |fields| within(fields, attribute.name, change));
        }
        Ok(())
    }

    /// Fields that stand in an object named by their schema.
    fn take_object(&mut self, schema: &'static Schema, value: &'b Value) -> Result<(), Fault> {
        if value.is_null() || value.as_array().is_some_and(Vec::is_empty) {
            return Ok(());
        }
        let fields = value.as_object().ok_or_else(|| Fault::invalid_value(format!("{} is an object", schema.id)))?;
        fields.iter().try_for_each(|(name, value)| self.take(&format!("{}:{name}", schema.id), value))
    }
}

/// Keeps what the schema does not know, under the name it came with: no other is like it, or the resource is refused.
fn put(fields: &mut Map<String, Value>, name: &str, value: &Value) {
    if !value.is_null() {
        fields.insert(name.to_owned(), value.clone());
    }
}

/// Changes the object of that name, which is made if need be, and goes when nothing is in it.
pub(in crate::scim) fn within<T>(
    fields: &mut Map<String, Value>,
    name: &str,
    change: impl FnOnce(&mut Map<String, Value>) -> T,
) -> T {
    let mut object = match fields.remove(name) {
        Some(Value::Object(object)) => object,
        _ => Map::new(),
    };
    let result = change(&mut object);
    if !object.is_empty() {
        fields.insert(name.to_owned(), Value::Object(object));
    }
    result
}

/// Changes the fields of the resource itself, or of one of its extensions.
pub(in crate::scim) fn within_extension<T>(
    resource: &mut Map<String, Value>,
    extension: Option<&'static Schema>,
    change: impl FnOnce(&mut Map<String, Value>) -> T,
) -> T {
    match extension {
        Some(schema) => within(resource, schema.id, change),
        None => change(resource),
    }
}

/// What a resource is judged by as a whole.
fn finish(kind: &'static ResourceType, mut resource: Map<String, Value>) -> Result<Map<String, Value>, Fault> {
    let sent = resource.remove("schemas");
    for attribute in kind.schema.attributes.iter().filter(|attribute| attribute.required) {
        if resource.get(attribute.name).and_then(Value::as_str).is_none_or(|text| text.trim().is_empty()) {
            return Err(Fault::invalid_value(format!("{} is required", attribute.name)));
        }
    }
    if let Some(name) = resource.get("userName").and_then(Value::as_str)
        && !can_name_a_team(name)
    {
        let detail = "userName must not begin or end with white space or hold signs that nobody sees: two would look alike";
        return Err(Fault::invalid_value(detail));
    }
    let schemas = named_schemas(kind, &resource, sent.as_ref())?;
    resource.insert("schemas".to_owned(), schemas);
    let size = serde_json::to_string(&resource).map_or(usize::MAX, |json| json.len());
    if size > LARGEST {
        return Err(Fault::invalid_value(format!("the resource has {size} bytes of JSON; {LARGEST} are the most")));
    }
    Ok(resource)
}

/// The schemas of what is there, and those that we do not know as they were sent.
fn named_schemas(kind: &'static ResourceType, resource: &Map<String, Value>, sent: Option<&Value>) -> Result<Value, Fault> {
    let used = kind.extensions.iter().filter(|schema| resource.contains_key(schema.id)).map(|schema| schema.id);
    let mut schemas: Vec<String> = [kind.schema.id].into_iter().chain(used).map(str::to_owned).collect();
    let sent = sent.map(|sent| sent.as_array().map_or(std::slice::from_ref(sent), Vec::as_slice)).unwrap_or_default();
    if sent.len() > SCHEMAS {
        return Err(Fault::invalid_value(format!("schemas has {} values; {SCHEMAS} are the most", sent.len())));
    }
    for urn in sent {
        let urn = urn.as_str().ok_or_else(|| Fault::invalid_value("schemas is a list of URNs"))?;
        let known = split_urn(urn).is_some_and(|(_, rest)| rest.is_empty());
        if !known && !nul(urn) && !schemas.iter().any(|schema| schema == urn) {
            schemas.push(urn.to_owned());
        }
    }
    Ok(schemas.into())
}

#[cfg(test)]
mod tests;
