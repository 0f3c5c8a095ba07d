//! Which attributes of a resource are returned (RFC 7644 §3.9).

use serde_json::{Map, Value};

use crate::scim::{
    filter::AttrPath,
    schema::{Place, ResourceType, Returned},
};

/// What `attributes` and `excludedAttributes` ask for. Names that the schema does not know are no fault.
#[derive(Clone, Debug, Default)]
pub struct Projection {
    only: Option<Vec<AttrPath>>,
    without: Vec<AttrPath>,
}

/// What is asked of one attribute.
enum Asked {
    Nothing,
    Whole,
    Subs(Vec<String>),
}

impl Projection {
    /// From the two parameters, whose names are separated by commas (in a search body, join the lists).
    #[must_use]
    pub fn new(attributes: Option<&str>, excluded: Option<&str>) -> Self {
        let paths = |list: &str| list.split(',').filter_map(|name| AttrPath::parse(name.trim()).ok()).collect();
        let named = |list: &&str| !list.trim().is_empty();
        Self { only: attributes.filter(named).map(paths), without: excluded.filter(named).map(paths).unwrap_or_default() }
    }

    /// Whether anything of a top-level attribute would be returned: what costs a query is not asked for in vain.
    #[must_use]
    pub fn wants(&self, kind: &'static ResourceType, attribute: &str) -> bool {
        let excluded = matches!(asked(kind, &self.without, None, attribute), Asked::Whole);
        let named = self.only.as_ref().is_none_or(|only| !matches!(asked(kind, only, None, attribute), Asked::Nothing));
        named && !excluded
    }

    /// Leaves of a whole resource what is to be returned.
    pub fn apply(&self, kind: &'static ResourceType, resource: &mut Map<String, Value>) {
        for extension in kind.extensions {
            if let Some(Value::Object(fields)) = resource.get_mut(extension.id) {
                self.narrow(kind, Some(extension.id), fields);
            }
        }
        self.narrow(kind, None, resource);
    }

    fn narrow(&self, kind: &'static ResourceType, extension: Option<&str>, fields: &mut Map<String, Value>) {
        let is_extension = |name: &str| extension.is_none() && kind.extensions.iter().any(|schema| schema.id == name);
        fields.retain(|name, value| {
            if is_extension(name) {
                return value.as_object().is_none_or(|fields| !fields.is_empty());
            }
            match returned(kind, extension, name) {
                Returned::Always => return true,
                Returned::Never => return false,
                Returned::Default => {}
            }
            let only = self.only.as_ref().map(|only| asked(kind, only, extension, name));
            match only {
                Some(Asked::Nothing) => return false,
                Some(Asked::Subs(subs)) => leave(value, &|sub| subs.iter().any(|asked| asked.eq_ignore_ascii_case(sub))),
                Some(Asked::Whole) | None => {}
            }
            match asked(kind, &self.without, extension, name) {
                Asked::Whole => return false,
                Asked::Subs(subs) => leave(value, &|sub| !subs.iter().any(|asked| asked.eq_ignore_ascii_case(sub))),
                Asked::Nothing => {}
            }
            !value.as_object().is_some_and(Map::is_empty)
        });
    }
}

/// What `paths` say of the attribute `name`.
fn asked(kind: &'static ResourceType, paths: &[AttrPath], extension: Option<&str>, name: &str) -> Asked {
    let mut subs = Vec::new();
    for path in paths {
        let leads_here = match kind.place(path) {
            Place::Known { extension: place, attribute } => place.map(|schema| schema.id) == extension && attribute.name == name,
            Place::Extension(schema) => extension == Some(schema.id),
            Place::Unknown { extension: Some(schema) } => {
                extension == Some(schema.id) && path.attribute.eq_ignore_ascii_case(name)
            }
            Place::Unknown { extension: None } => extension.is_none() && unknown(path, name),
        };
        match &path.sub {
            _ if !leads_here => {}
            Some(sub) if !path.to_string().eq_ignore_ascii_case(name) => subs.push(sub.clone()),
            _ => return Asked::Whole,
        }
    }
    if subs.is_empty() { Asked::Nothing } else { Asked::Subs(subs) }
}

fn unknown(path: &AttrPath, name: &str) -> bool {
    let whole = AttrPath { sub: None, ..path.clone() };
    path.to_string().eq_ignore_ascii_case(name) || whole.to_string().eq_ignore_ascii_case(name)
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
        Projection::new(attributes, excluded).apply(&USER, &mut fields);
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
        let wants = |attributes, excluded| Projection::new(attributes, excluded).wants(&GROUP, "members");
        assert!(wants(None, None) && wants(Some("members.value"), None) && wants(None, Some("members.display")));
        assert!(!wants(None, Some("Members")) && !wants(Some("displayName"), None));
    }
}
