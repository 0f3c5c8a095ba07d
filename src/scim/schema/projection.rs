//! Which attributes of a resource are returned (RFC 7644 §3.9).

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};

use crate::scim::{
    fault::Fault,
    filter::AttrPath,
    schema::{Place, ResourceType, Returned},
};

/// How many names each of the two lists may have: every attribute of every resource is looked up in them.
const MOST: usize = 100;

/// What `attributes` and `excludedAttributes` ask for. Names that the schema does not know are no fault.
#[derive(Clone, Debug)]
pub struct Projection {
    kind: &'static ResourceType,
    only: Option<Names>,
    without: Names,
}

/// An attribute: the extension that it is in, and its name in lower case.
type Key = (Option<&'static str>, String);

/// The names of a list, placed once.
#[derive(Clone, Debug, Default)]
struct Names {
    /// Extensions as a whole.
    extensions: HashSet<&'static str>,
    /// Attributes as a whole.
    whole: HashSet<Key>,
    /// Attributes of which only some sub-attributes are named, in lower case.
    subs: HashMap<Key, HashSet<String>>,
}

/// What is asked of one attribute.
enum Asked<'n> {
    Nothing,
    Whole,
    Subs(&'n HashSet<String>),
}

impl Names {
    /// From a list whose names are separated by commas; none if it is empty.
    fn parse(kind: &'static ResourceType, parameter: &str, list: &str) -> Result<Option<Self>, Fault> {
        if list.trim().is_empty() {
            return Ok(None);
        }
        if list.split(',').nth(MOST).is_some() {
            return Err(Fault::invalid_value(format!("{parameter} has more than {MOST} names")));
        }
        let mut names = Self::default();
        list.split(',').filter_map(|name| AttrPath::parse(name.trim()).ok()).for_each(|path| names.add(kind, &path));
        Ok(Some(names))
    }

    fn add(&mut self, kind: &'static ResourceType, path: &AttrPath) {
        let lower = |path: &AttrPath| path.to_string().to_ascii_lowercase();
        let key = match kind.place(path) {
            Place::Known { extension, attribute } => (extension.map(|schema| schema.id), attribute.name.to_ascii_lowercase()),
            Place::Extension(schema) => {
                self.extensions.insert(schema.id);
                return;
            }
            Place::Unknown { extension: Some(schema) } => (Some(schema.id), path.attribute.to_ascii_lowercase()),
            Place::Unknown { extension: None } => {
                // It may be a name with a dot in it, too.
                self.whole.insert((None, lower(path)));
                (None, lower(&AttrPath { sub: None, ..path.clone() }))
            }
        };
        match &path.sub {
            Some(sub) => {
                self.subs.entry(key).or_default().insert(sub.to_ascii_lowercase());
            }
            None => {
                self.whole.insert(key);
            }
        }
    }

    fn asked(&self, extension: Option<&'static str>, name: &str) -> Asked<'_> {
        let key = (extension, name.to_ascii_lowercase());
        if extension.is_some_and(|id| self.extensions.contains(id)) || self.whole.contains(&key) {
            return Asked::Whole;
        }
        self.subs.get(&key).map_or(Asked::Nothing, Asked::Subs)
    }
}

impl Projection {
    /// From the two parameters, whose names are separated by commas (in a search body, join the lists).
    ///
    /// # Errors
    /// `invalidValue` for more than a hundred names.
    pub fn new(kind: &'static ResourceType, attributes: Option<&str>, excluded: Option<&str>) -> Result<Self, Fault> {
        let names = |parameter, list: Option<&str>| list.map_or(Ok(None), |list| Names::parse(kind, parameter, list));
        let without = names("excludedAttributes", excluded)?.unwrap_or_default();
        Ok(Self { kind, only: names("attributes", attributes)?, without })
    }

    /// Whether anything of a top-level attribute would be returned: what costs a query is not asked for in vain.
    #[must_use]
    pub fn wants(&self, attribute: &str) -> bool {
        let named = self.only.as_ref().is_none_or(|only| !matches!(only.asked(None, attribute), Asked::Nothing));
        named && !matches!(self.without.asked(None, attribute), Asked::Whole)
    }

    /// Leaves of a whole resource what is to be returned.
    pub fn apply(&self, resource: &mut Map<String, Value>) {
        for extension in self.kind.extensions {
            if let Some(Value::Object(fields)) = resource.get_mut(extension.id) {
                self.narrow(Some(extension.id), fields);
            }
        }
        self.narrow(None, resource);
    }

    fn narrow(&self, extension: Option<&'static str>, fields: &mut Map<String, Value>) {
        let is_extension = |name: &str| extension.is_none() && self.kind.extensions.iter().any(|schema| schema.id == name);
        fields.retain(|name, value| {
            if is_extension(name) {
                return value.as_object().is_none_or(|fields| !fields.is_empty());
            }
            match returned(self.kind, extension, name) {
                Returned::Always => return true,
                Returned::Never => return false,
                Returned::Default => {}
            }
            match self.only.as_ref().map(|only| only.asked(extension, name)) {
                Some(Asked::Nothing) => return false,
                Some(Asked::Subs(subs)) => leave(value, &|sub| subs.contains(&sub.to_ascii_lowercase())),
                Some(Asked::Whole) | None => {}
            }
            match self.without.asked(extension, name) {
                Asked::Whole => return false,
                Asked::Subs(subs) => leave(value, &|sub| !subs.contains(&sub.to_ascii_lowercase())),
                Asked::Nothing => {}
            }
            !value.as_object().is_some_and(Map::is_empty)
        });
    }
}

fn returned(kind: &'static ResourceType, extension: Option<&str>, name: &str) -> Returned {
    let path = AttrPath { schema: extension.map(str::to_owned), attribute: name.to_owned(), sub: None };
    match kind.place(&path) {
        Place::Known { attribute, .. } => attribute.returned,
        _ => Returned::Default,
    }
}

/// Leaves of an object, or of each object in a list, the fields that `stays` names.
fn leave(value: &mut Value, stays: &dyn Fn(&str) -> bool) {
    match value {
        Value::Object(fields) => fields.retain(|name, _| stays(name)),
        Value::Array(elements) => elements.iter_mut().for_each(|element| leave(element, stays)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::scim::schema::{GROUP, USER};

    const URN: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

    fn shown(attributes: Option<&str>, excluded: Option<&str>) -> Value {
        let kim = json!({
            "schemas": ["x"], "id": "u-1", "userName": "kim", "password": "secret", "shoeSize": 44, "title": "Dr",
            "name": {"givenName": "Kim", "familyName": "Ode"},
            "emails": [{"value": "a", "type": "work"}, {"value": "b"}],
            "meta": {"created": "c", "version": "v"},
            URN: {"department": "Ops", "manager": {"value": "u-2", "$ref": "r"}},
        });
        let Value::Object(mut fields) = kim else { panic!("an object") };
        Projection::new(&USER, attributes, excluded).expect("few names").apply(&mut fields);
        fields.remove("id").expect("always");
        fields.remove("schemas").expect("always");
        Value::Object(fields)
    }

    #[test]
    fn only_what_is_asked_for() {
        for (attributes, expected) in [
            ("userName", json!({"userName": "kim"})),
            ("USERNAME, title", json!({"userName": "kim", "title": "Dr"})),
            ("name.givenName", json!({"name": {"givenName": "Kim"}})),
            ("emails.type", json!({"emails": [{"type": "work"}, {}]})),
            ("urn:ietf:params:scim:schemas:core:2.0:User:title", json!({"title": "Dr"})),
            ("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department", json!({URN: {"department": "Ops"}})),
            (URN, json!({URN: {"department": "Ops", "manager": {"value": "u-2", "$ref": "r"}}})),
            ("manager.value", json!({URN: {"manager": {"value": "u-2"}}})),
            ("shoesize", json!({"shoeSize": 44})),
            ("password,nothing,,[", json!({})),
            ("meta.version", json!({"meta": {"version": "v"}})),
        ] {
            assert_eq!(shown(Some(attributes), None), expected, "{attributes}");
        }
    }

    #[test]
    fn without_what_is_excluded() {
        let all = shown(None, None);
        assert!(all.get("password").is_none() && all.get("shoeSize").is_some());
        assert_eq!(shown(Some(""), Some(" ")), all);
        let fewer = shown(None, Some("id,schemas,Emails,name.familyName,manager,meta,nothing"));
        assert_eq!(
            fewer,
            json!({"userName": "kim", "shoeSize": 44, "title": "Dr", "name": {"givenName": "Kim"}, URN: {"department": "Ops"}})
        );
        assert_eq!(shown(Some("title,userName"), Some("title")), json!({"userName": "kim"}));
        assert!(shown(None, Some(URN)).get(URN).is_none());
    }

    #[test]
    fn what_is_not_wanted_is_not_asked_for() {
        let wants = |attributes, excluded| Projection::new(&GROUP, attributes, excluded).expect("few names").wants("members");
        assert!(wants(None, None) && wants(Some("members.value"), None) && wants(None, Some("members.display")));
        assert!(!wants(None, Some("Members")) && !wants(Some("displayName"), None));
    }

    #[test]
    fn names_are_few_and_looked_up() {
        let names = |n: usize| (0..n).map(|n| format!("a{n}")).collect::<Vec<_>>().join(",");
        for (attributes, excluded) in [(Some(names(101)), None), (None, Some(names(101)))] {
            let fault = Projection::new(&USER, attributes.as_deref(), excluded.as_deref()).expect_err("too many");
            assert_eq!(fault.scim_type, Some("invalidValue"));
        }
        let many = names(97);
        let odd = format!("{many},shoeSize,x.y,{URN}:badge.colour");
        let projection = Projection::new(&USER, Some(&odd), None).expect("a hundred");
        let fields =
            json!({"SHOESIZE": 44, "x.y": 1, "x": {"y": 2, "z": 3}, URN: {"badge": {"colour": "red", "size": 1}}, "other": 5});
        let Value::Object(mut fields) = fields else { panic!("an object") };
        projection.apply(&mut fields);
        let left = json!({"SHOESIZE": 44, "x.y": 1, "x": {"y": 2}, URN: {"badge": {"colour": "red"}}});
        assert_eq!(Value::Object(fields), left);
    }
}
