//! One value, read by the attribute it belongs to.

use serde_json::{Map, Value};

use crate::scim::{
    fault::Fault,
    filter::literal::boolean,
    schema::{Attribute, Kind, Mutability},
};

/// How many values a multi-valued attribute may have; members are counted otherwise.
pub const MOST: usize = 100;
/// How many sub-attributes one value may have, those that the schema does not know among them.
const SUBS: usize = 50;

/// The value as it is kept; none if it is unassigned or not the client's to write. `at` is its name in faults.
///
/// # Errors
/// `invalidValue` if it has another type than the schema says.
pub fn read(attribute: &'static Attribute, value: &Value, at: &str) -> Result<Option<Value>, Fault> {
    if attribute.name == "schemas" {
        return Ok(Some(value.clone()).filter(|value| !value.is_null()));
    }
    if !writable(attribute) {
        return Ok(None);
    }
    if attribute.multi_valued {
        let elements = tidy(attribute, elements(attribute, value, at)?)?;
        return Ok(if elements.is_empty() { None } else { Some(elements.into()) });
    }
    match value.as_array().map(Vec::as_slice) {
        None => one(attribute, value, at),
        Some([]) => Ok(None),
        // Entra sends what has one value as a list of one.
        Some([value]) => one(attribute, value, at),
        Some(_) => Err(Fault::invalid_value(format!("{at} has one value, not several"))),
    }
}

/// Whether what a client sends for it is kept.
pub fn writable(attribute: &Attribute) -> bool {
    matches!(attribute.mutability, Mutability::ReadWrite | Mutability::Immutable)
}

/// The elements of a list, or what stands there instead of a list of one.
///
/// # Errors
/// As `read`, and if there are too many.
pub fn elements(attribute: &'static Attribute, value: &Value, at: &str) -> Result<Vec<Value>, Fault> {
    let list = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
    if list.len() > MOST {
        return Err(Fault::invalid_value(format!("{at} has {} values; {MOST} are the most", list.len())));
    }
    let read = list.iter().map(|value| one(attribute, value, at));
    Ok(read.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
}

/// Reads a single value or element.
///
/// # Errors
/// As `read`.
pub fn one(attribute: &'static Attribute, value: &Value, at: &str) -> Result<Option<Value>, Fault> {
    match (attribute.kind, value) {
        (_, Value::Null) => Ok(None),
        (Kind::Complex, Value::Object(fields)) => complex(attribute, fields, at),
        (Kind::Complex, Value::String(text)) => match attribute.sub("value") {
            Some(_) if text.is_empty() => Ok(None),
            Some(sub) => {
                let value = read(sub, value, at)?;
                Ok(value.map(|value| Value::Object(Map::from_iter([(sub.name.to_owned(), value)]))))
            }
            None => Err(Fault::invalid_value(format!("{at} is an object"))),
        },
        (Kind::Complex, _) => Err(Fault::invalid_value(format!("{at} is an object"))),
        (Kind::Boolean, Value::Bool(_)) => Ok(Some(value.clone())),
        // Entra and Keycloak send "True" and "False".
        (Kind::Boolean, _) => match value.as_str().and_then(boolean) {
            Some(truth) => Ok(Some(truth.into())),
            None => Err(Fault::invalid_value(format!("{at} is true or false"))),
        },
        // OneLogin's template is free text: a number that somebody forgot to put in quotes is meant as it is written.
        (Kind::String, Value::Number(number)) => one(attribute, &Value::String(number.to_string()), at),
        (_, Value::String(text)) => {
            if nul(text) {
                return Err(Fault::invalid_value(format!("{at} has a NUL")));
            }
            if text.chars().count() > attribute.longest {
                return Err(Fault::invalid_value(format!("{at} is longer than {} characters", attribute.longest)));
            }
            Ok(Some(value.clone()))
        }
        _ => Err(Fault::invalid_value(format!("{at} is a text"))),
    }
}

fn complex(attribute: &'static Attribute, fields: &Map<String, Value>, at: &str) -> Result<Option<Value>, Fault> {
    few(fields, at)?;
    let mut read_fields = Map::new();
    for (name, value) in fields {
        let sub = attribute.sub(name);
        let name = sub.map_or(name.as_str(), |sub| sub.name);
        let value = match sub {
            Some(sub) => read(sub, value, &format!("{at}.{name}"))?,
            None => Some(value.clone()).filter(|value| !value.is_null()),
        };
        let Some(value) = value else { continue };
        if read_fields.keys().any(|known: &String| known.eq_ignore_ascii_case(name)) {
            return Err(Fault::invalid_syntax(format!("{at}.{name} is given twice")));
        }
        read_fields.insert(name.to_owned(), value);
    }
    // An e-mail address of type "work" without an address is none.
    let hollow = attribute.multi_valued && read_fields.keys().all(|name| name == "type" || name == "primary");
    Ok(if hollow || read_fields.is_empty() { None } else { Some(Value::Object(read_fields)) })
}

/// That a value has no more sub-attributes than can be looked through for each of them.
///
/// # Errors
/// `invalidValue`.
pub fn few(fields: &Map<String, Value>, at: &str) -> Result<(), Fault> {
    match fields.len() {
        count if count > SUBS => Err(Fault::invalid_value(format!("{at} has {count} sub-attributes; {SUBS} are the most"))),
        _ => Ok(()),
    }
}

/// Keeps a sub-attribute that the schema may not know, under the name it came with.
pub fn keep(fields: &mut Map<String, Value>, name: &str, value: &Value) {
    let known = fields.keys().find(|key| key.eq_ignore_ascii_case(name)).cloned();
    let name = known.unwrap_or_else(|| name.to_owned());
    if value.is_null() {
        fields.remove(&name);
    } else {
        fields.insert(name, value.clone());
    }
}

/// Without repetitions, and with one primary value at most (RFC 7643 §2.4).
///
/// # Errors
/// `invalidValue` if there are several, or too many values.
pub fn tidy(attribute: &'static Attribute, elements: Vec<Value>) -> Result<Vec<Value>, Fault> {
    let mut list = Vec::new();
    for element in elements {
        join(attribute, &mut list, element);
    }
    if list.len() > MOST {
        return Err(Fault::invalid_value(format!("{} has {} values; {MOST} are the most", attribute.name, list.len())));
    }
    list.iter().filter_map(Value::as_object).try_for_each(|fields| few(fields, attribute.name))?;
    if list.iter().filter(|element| is_primary(element)).count() > 1 {
        return Err(Fault::invalid_value(format!("only one of {} is primary", attribute.name)));
    }
    Ok(list)
}

/// Adds an element, or completes the one that it repeats; says where it is.
pub fn join(attribute: &'static Attribute, list: &mut Vec<Value>, element: Value) -> usize {
    let Some(at) = list.iter().position(|known| repeats(attribute, known, &element)) else {
        list.push(element);
        return list.len() - 1;
    };
    if let (Some(Value::Object(known)), Value::Object(element)) = (list.get_mut(at), element) {
        let primary = known.get("primary") == Some(&Value::Bool(true));
        for (name, value) in element {
            keep(known, &name, &value);
        }
        if primary {
            known.insert("primary".to_owned(), true.into());
        }
    }
    at
}

/// The same type and value; where there is no value, the same altogether. Both are read already, so that names are as the
/// schema has them.
fn repeats(attribute: &'static Attribute, one: &Value, other: &Value) -> bool {
    if one.get("value").is_some() || other.get("value").is_some() {
        return ["value", "type"].iter().all(|name| same(attribute.sub(name), one.get(name), other.get(name)));
    }
    rest(one).eq(rest(other))
}

fn rest(element: &Value) -> impl Iterator<Item = (&String, &Value)> {
    element.as_object().into_iter().flatten().filter(|(name, _)| *name != "primary")
}

/// Whether two values are equal by the rules of their attribute.
pub fn same(attribute: Option<&Attribute>, one: Option<&Value>, other: Option<&Value>) -> bool {
    match (one.and_then(Value::as_str), other.and_then(Value::as_str)) {
        (Some(one), Some(other)) if attribute.is_none_or(|attribute| !attribute.case_exact) => {
            one.chars().flat_map(char::to_lowercase).eq(other.chars().flat_map(char::to_lowercase))
        }
        _ => one == other,
    }
}

/// Whether an element is the primary one.
pub fn is_primary(element: &Value) -> bool {
    element.get("primary") == Some(&Value::Bool(true))
}

/// PostgreSQL keeps no NUL in a text.
pub fn nul(text: &str) -> bool {
    text.contains('\0')
}
