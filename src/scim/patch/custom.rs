//! Names that the schemas do not know, among them the attributes of extensions that a customer has made up: Entra sends those as
//! `urn:ietf:params:scim:schemas:extension:CustomExtensionName:2.0:User:tag`, and means `tag` in the object of that schema.

use serde_json::{Map, Value};

use crate::scim::{
    filter::AttrPath,
    schema::{
        reading::within,
        spelling::{Spellings, lower},
        split_urn, value,
    },
};

/// What Entra has every URN of an extension begin with.
const EXTENSION: &str = "urn:ietf:params:scim:schemas:extension:";

/// Keeps a value under a name or path that the schema does not know, or takes it away if it is null: in the object of the path's
/// schema if that is there, or named in `schemas`; else under the name as it came.
pub(super) fn keep(resource: &mut Map<String, Value>, spellings: &mut Spellings, name: &str, value: &Value) {
    if let (Some(known), Value::Object(given)) = (whole(resource, spellings, name), value) {
        return spellings.within(resource, &known, |fields| merge(fields, given));
    }
    let Some((path, container)) = inside(resource, spellings, name, value) else {
        let Value::Object(given) = value else { return spellings.keep(resource, None, name, value) };
        if !is_urn(name) {
            return spellings.keep(resource, None, name, value);
        }
        // An object that is new is made as one that was empty: the same once more changes nothing.
        spellings.keep(resource, None, name, &Value::Null);
        return spellings.within(resource, name, |fields| merge(fields, given));
    };
    // Where the same stood beside the object, it is not left to say something else.
    spellings.keep(resource, None, name, &Value::Null);
    spellings.within(resource, &container, |fields| set(fields, &path, value));
}

/// The object of an extension that `name` is.
fn whole(resource: &Map<String, Value>, spellings: &Spellings, name: &str) -> Option<String> {
    spellings.known(name).filter(|known| is_urn(name) && resource.get(*known).is_some_and(Value::is_object)).map(str::to_owned)
}

fn is_urn(name: &str) -> bool {
    name.get(..4).is_some_and(|head| head.eq_ignore_ascii_case("urn:"))
}

/// The path that `name` is, and the object of its schema that it leads into.
fn inside(resource: &Map<String, Value>, spellings: &Spellings, name: &str, value: &Value) -> Option<(AttrPath, String)> {
    let path = AttrPath::parse(name).ok().filter(|path| !path.is_schema())?;
    let urn = path.schema.clone().filter(|urn| split_urn(urn).is_none())?;
    let container = match spellings.known(&urn) {
        Some(known) if resource.get(known).is_some_and(Value::is_object) => known.to_owned(),
        Some(_) => return None,
        None => match named(resource, &urn) {
            Some(named) => named,
            // Nothing is known of it: what is made up by Entra's rule is read by that.
            None if extends(&urn) && !value.is_object() && spellings.known(name).is_none() => urn,
            None => return None,
        },
    };
    Some((path, container))
}

/// How `schemas` spells the URN.
fn named(resource: &Map<String, Value>, urn: &str) -> Option<String> {
    let mut schemas = resource.get("schemas")?.as_array()?.iter().filter_map(Value::as_str);
    schemas.find(|schema| schema.eq_ignore_ascii_case(urn)).map(str::to_owned)
}

fn extends(urn: &str) -> bool {
    urn.get(..EXTENSION.len()).is_some_and(|head| head.eq_ignore_ascii_case(EXTENSION))
}

fn set(fields: &mut Map<String, Value>, path: &AttrPath, value: &Value) {
    let Some(sub) = &path.sub else { return value::keep(fields, &path.attribute, value) };
    let known = fields.keys().find(|key| key.eq_ignore_ascii_case(&path.attribute)).cloned();
    let name = known.unwrap_or_else(|| path.attribute.clone());
    // What has no parts loses none.
    if !value.is_null() || fields.get(&name).is_some_and(Value::is_object) {
        within(fields, &name, |fields| value::keep(fields, sub, value));
    }
}

/// Sets each that is given, and leaves the others (RFC 7644 §3.5.2.1).
fn merge(fields: &mut Map<String, Value>, given: &Map<String, Value>) {
    let mut names: std::collections::HashMap<String, String> = fields.keys().map(|name| (lower(name), name.clone())).collect();
    for (name, value) in given {
        if value.is_null() {
            let known = names.remove(&lower(name));
            fields.remove(known.as_deref().unwrap_or(name));
        } else {
            let known = names.entry(lower(name)).or_insert_with(|| name.clone());
            fields.insert(known.clone(), value.clone());
        }
    }
}
