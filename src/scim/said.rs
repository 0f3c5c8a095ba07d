//! What a request says of `active`, whatever else it says: that somebody is out holds also where nothing else of it can be taken.

use serde_json::{Map, Value};

use super::{
    filter::AttrPath,
    schema::{Place, USER, field, value::read},
};

/// Whether the body of a PUT says that its person is out. One that says so and the contrary does not.
#[must_use]
pub fn is_out_by_put(body: &Value) -> bool {
    let said = body.as_object().map(of_fields).unwrap_or_default();
    !said.is_empty() && said.iter().all(|active| !active)
}

/// Whether the operations of a PATCH do: the last one that says anything of it counts.
#[must_use]
pub fn is_out_by_patch(body: &Value) -> bool {
    let operations = field(body, "Operations").and_then(Value::as_array).into_iter().flatten();
    operations.flat_map(of_operation).next_back() == Some(false)
}

fn of_operation(operation: &Value) -> Vec<bool> {
    let sets = |verb: &str| verb.eq_ignore_ascii_case("add") || verb.eq_ignore_ascii_case("replace");
    if !field(operation, "op").and_then(Value::as_str).is_some_and(sets) {
        return Vec::new();
    }
    let Some(value) = field(operation, "value") else { return Vec::new() };
    match field(operation, "path").and_then(Value::as_str).filter(|path| !path.trim().is_empty()) {
        Some(path) => of_field(path, value),
        None => match value {
            Value::Object(fields) => of_fields(fields),
            Value::Array(list) if list.len() == 1 => list[0].as_object().map(of_fields).unwrap_or_default(),
            _ => Vec::new(),
        },
    }
}

fn of_fields(fields: &Map<String, Value>) -> Vec<bool> {
    fields.iter().flat_map(|(name, value)| of_field(name, value)).collect()
}

/// The attribute itself, or what stands in an object of its schema.
fn of_field(name: &str, value: &Value) -> Vec<bool> {
    let Ok(path) = AttrPath::parse(name) else { return Vec::new() };
    match (USER.place(&path), value) {
        (Place::Known { extension: None, attribute }, _) if attribute.name == "active" && path.sub.is_none() => {
            read(attribute, value, attribute.name).ok().flatten().and_then(|value| value.as_bool()).into_iter().collect()
        }
        (Place::Unknown { extension: None }, Value::Object(fields))
            if path.schema.as_deref() == Some(USER.schema.id) && path.is_schema() =>
        {
            // One in the other says nothing.
            fields.iter().filter(|(_, value)| !value.is_object()).flat_map(|(name, value)| of_field(name, value)).collect()
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn bodies_say_who_is_out() {
        let urn = USER.schema.id;
        for body in [
            json!({"active": false}),
            json!({"ACTIVE": "False", "userName": "\u{202e}", "emails": 5}),
            json!({"active": [false]}),
            json!({urn: {"active": false}}),
            json!({format!("{urn}:active"): false}),
        ] {
            assert!(is_out_by_put(&body), "{body}");
        }
        for body in [
            json!({}),
            json!([]),
            json!({"active": true}),
            json!({"active": null}),
            json!({"active": "no"}),
            json!({"active": false, "Active": true}),
            json!({"name": {"active": false}}),
            json!({"active.value": false}),
        ] {
            assert!(!is_out_by_put(&body), "{body}");
        }
    }

    #[test]
    fn the_last_operation_counts() {
        let says = |operations: Value| is_out_by_patch(&json!({"operations": operations}));
        for operations in [
            json!([{"op": "Replace", "path": "active", "value": "False"}, {"op": "replace", "path": "[", "value": 1}]),
            json!([{"op": "add", "value": {"userName": "", "active": false}}]),
            json!([{"op": "replace", "path": "", "value": [{"active": false}]}]),
            json!([{"op": "replace", "path": "active", "value": true}, {"op": "replace", "path": "active", "value": false}]),
            json!([{"op": "replace", "path": format!("{}:active", USER.schema.id), "value": false}]),
        ] {
            assert!(says(operations.clone()), "{operations}");
        }
        for operations in [
            json!([]),
            json!([{"op": "remove", "path": "active", "value": false}]),
            json!([{"op": "replace", "path": "active"}]),
            json!([{"op": "replace", "path": "active", "value": false}, {"op": "replace", "value": {"active": true}}]),
            json!([{"op": "replace", "path": "title", "value": "active"}]),
            json!([{"op": "replace", "path": "emails[value eq \"x\"].active", "value": false}]),
        ] {
            assert!(!says(operations.clone()), "{operations}");
        }
    }
}
