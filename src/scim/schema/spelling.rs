//! Names of what the schema does not know, which are the same in any case and keep the spelling that they came with.

use std::collections::HashMap;

use serde_json::{Map, Value};

use crate::scim::schema::{
    ResourceType, Schema,
    reading::{within, within_extension},
};

/// The spelling of each name of a resource under change, by its name in lower case: to look through all names for each that
/// is set would take a minute for the thirty thousand that fit into a body.
#[derive(Debug)]
pub(in crate::scim) struct Spellings(HashMap<Option<&'static str>, HashMap<String, String>>);

impl Spellings {
    /// Of what is there, in the resource and in its extensions.
    pub fn of(kind: &'static ResourceType, resource: &Map<String, Value>) -> Self {
        let spelled = |fields: &Map<String, Value>| fields.keys().map(|name| (lower(name), name.clone())).collect();
        let extension = |schema: &&'static Schema| Some((Some(schema.id), spelled(resource.get(schema.id)?.as_object()?)));
        Self(kind.extensions.iter().filter_map(extension).chain([(None, spelled(resource))]).collect())
    }

    /// Keeps a value under the name that it came with first, or takes it away if it is null.
    pub fn keep(&mut self, resource: &mut Map<String, Value>, extension: Option<&'static Schema>, name: &str, value: &Value) {
        let names = self.0.entry(extension.map(|schema| schema.id)).or_default();
        within_extension(resource, extension, |fields| {
            if value.is_null() {
                let known = names.remove(&lower(name));
                fields.remove(known.as_deref().unwrap_or(name));
            } else {
                let known = names.entry(lower(name)).or_insert_with(|| name.to_owned());
                fields.insert(known.clone(), value.clone());
            }
        });
    }

    /// How the resource itself spells a name that it has.
    pub fn known(&self, name: &str) -> Option<&str> {
        self.0.get(&None)?.get(&lower(name)).map(String::as_str)
    }

    /// Changes the object of that name and spelling in the resource, which is made if need be, and goes when nothing is in it.
    pub fn within(&mut self, resource: &mut Map<String, Value>, name: &str, change: impl FnOnce(&mut Map<String, Value>)) {
        within(resource, name, change);
        let names = self.0.entry(None).or_default();
        match resource.contains_key(name) {
            true => names.insert(lower(name), name.to_owned()),
            false => names.remove(&lower(name)),
        };
    }

    /// Of an extension that is gone.
    pub fn forget(&mut self, extension: &'static Schema) {
        self.0.remove(&Some(extension.id));
    }
}

/// A name as all its spellings are.
pub(in crate::scim) fn lower(name: &str) -> String {
    name.to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::scim::schema::{ENTERPRISE, USER};

    #[test]
    fn one_name_in_any_case() {
        let before = json!({"Shoe": 1, ENTERPRISE: {"Badge": 2}});
        let Value::Object(mut user) = before else { panic!("an object") };
        let mut spellings = Spellings::of(&USER, &user);
        let extension = USER.extensions.first().copied();
        spellings.keep(&mut user, None, "SHOE", &json!(3));
        spellings.keep(&mut user, extension, "badge", &json!(4));
        spellings.keep(&mut user, None, "badge", &json!(5));
        assert_eq!(Value::Object(user.clone()), json!({"Shoe": 3, "badge": 5, ENTERPRISE: {"Badge": 4}}));
        spellings.keep(&mut user, None, "sHOE", &Value::Null);
        spellings.keep(&mut user, None, "sHOE", &json!(6));
        spellings.keep(&mut user, extension, "BADGE", &Value::Null);
        spellings.keep(&mut user, None, "nothing", &Value::Null);
        assert_eq!(Value::Object(user), json!({"sHOE": 6, "badge": 5}));
    }
}
