//! The path of a PATCH operation, or a whole PATCH. It must never panic; what it makes of a user is what a PUT could have
//! made, and what it refuses has changed nothing.
#![no_main]

use gatehouse::scim::{
    patch::{Path, apply_user, group_changes, parse},
    schema::canonical_user,
};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};

fuzz_target!(|text: &str| {
    let body = match serde_json::from_str::<Value>(text) {
        Ok(body) if body.is_object() => body,
        // Most of what is tried is a path.
        _ if Path::parse(text).is_err() => return,
        _ => json!({"Operations": [
            {"op": "replace", "path": text, "value": "x"},
            {"op": "add", "path": text, "value": {"value": "y", "type": "work"}},
            {"op": "remove", "path": text},
        ]}),
    };
    let whole = parse(&body).into_iter().collect::<Vec<_>>();
    let each = body["Operations"].as_array().into_iter().flatten().filter_map(|one| parse(&json!({"Operations": [one]})).ok());
    let kim = json!({
        "userName": "kim", "active": true, "emails": [{"value": "a@x", "type": "work", "primary": true}, {"value": "b@x"}],
    });
    let mut user = canonical_user(&kim).expect("a user");
    for operations in whole.into_iter().chain(each) {
        let _ = group_changes(&operations);
        let before = user.clone();
        match apply_user(&mut user, &operations) {
            Ok(()) => assert_eq!(canonical_user(&Value::Object(user.clone())).as_ref(), Ok(&user)),
            Err(_) => assert_eq!(user, before),
        }
    }
});
