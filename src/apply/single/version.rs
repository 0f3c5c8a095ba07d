//! What a thing is called as it is stored now: whoever has looked at it names that, and nothing is written over what somebody
//! else has changed since.

use serde_json::Value;

use crate::secret;

/// What is no change of anybody's.
const NOTED: [&str; 1] = ["last_used_at"];

/// Another for each state of the thing, as [`super::show()`] tells it.
#[must_use]
pub fn version(thing: &Value) -> String {
    let mut thing = thing.clone();
    if let Some(fields) = thing.as_object_mut() {
        for noted in NOTED {
            fields.remove(noted);
        }
    }
    secret::digest(&thing.to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_use_is_no_change_and_a_change_is() {
        let was = json!({"name": "bot", "enabled": true, "last_used_at": null});
        assert_eq!(version(&was), version(&json!({"name": "bot", "enabled": true, "last_used_at": "2027-01-31T00:00:00Z"})));
        assert_ne!(version(&was), version(&json!({"name": "bot", "enabled": false, "last_used_at": null})));
    }
}
