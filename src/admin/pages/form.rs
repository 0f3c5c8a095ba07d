//! A form as a list of fields, each with the path of a setting as the declarative file spells it: from what was posted to
//! the one thing that [`crate::apply`] reads, and from a stored thing to what the fields show.

use serde_json::{Map, Value};

use super::claims::{self, Row};
use crate::apply::single::Fault;

/// How a field is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One line.
    Text,
    /// Several lines that are one text.
    Block,
    /// A password or the like: never shown again, kept when nothing is typed.
    Secret,
    /// On or off.
    Switch,
    /// One of a few words, each with its label; the first is what leaving it out means.
    Choice(&'static [(&'static str, &'static str)]),
    /// Several texts, one on each line.
    Lines,
    /// What claims must be: a row for each.
    Claims,
    /// A whole number.
    Number,
    /// JSON, for what has too many shapes for fields.
    Json,
}

/// A field of a form.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// The setting's path, `oidc.issuer`; also the field's name.
    pub path: &'static str,
    /// What people read.
    pub label: &'static str,
    /// What it is for, or an example; may be empty.
    pub hint: &'static str,
    /// How it is typed.
    pub kind: Kind,
    /// Folded away at first.
    pub advanced: bool,
    /// Cannot be changed once the thing is there and has it.
    pub fixed: bool,
}

impl Field {
    /// A plain field.
    #[must_use]
    pub const fn new(path: &'static str, label: &'static str, kind: Kind, hint: &'static str) -> Self {
        Self { path, label, hint, kind, advanced: false, fixed: false }
    }

    /// Folded away.
    #[must_use]
    pub const fn advanced(mut self) -> Self {
        self.advanced = true;
        self
    }

    /// Fixed once the thing is there.
    #[must_use]
    pub const fn fixed(mut self) -> Self {
        self.fixed = true;
        self
    }

    /// Whether it stays as it is stored: what a thing has lost since, as the issuer that was deleted, can be chosen anew.
    #[must_use]
    pub fn stays(&self, stored: &Value) -> bool {
        self.fixed && found(self, stored).is_some_and(|value| !value.is_null())
    }
}

/// What was posted, by field name.
pub type Posted<'a> = &'a dyn Fn(&str) -> Option<&'a str>;

/// The thing that a form asks for, on top of `base`: what the form has no field for stays as it is there. Only JSON and
/// numbers can be wrong here; everything else is for [`crate::apply`] to judge.
///
/// # Errors
/// The faults of the fields that cannot be read.
pub fn read(fields: &[Field], posted: Posted<'_>, base: Value) -> Result<Value, Vec<Fault>> {
    let mut thing = if base.is_object() { base } else { Value::Object(Map::new()) };
    let mut faults = Vec::new();
    for field in fields {
        let value = match field.kind {
            Kind::Claims => claims::read(field.path, posted),
            _ => value_of(field, posted(field.path).unwrap_or_default()),
        };
        match value {
            Ok(Some(value)) => set(&mut thing, field.path, value),
            // A secret that is not typed stays.
            Ok(None) if field.kind == Kind::Secret => {}
            Ok(None) => remove(&mut thing, field.path),
            Err(fault) => faults.push(fault),
        }
    }
    if faults.is_empty() { Ok(thing) } else { Err(faults) }
}

fn fault(path: &str, text: impl Into<String>) -> Fault {
    Fault { path: path.to_owned(), text: text.into() }
}

fn value_of(field: &Field, typed: &str) -> Result<Option<Value>, Fault> {
    // Browsers end lines with CR LF.
    let text = typed.replace("\r\n", "\n");
    let text = text.trim();
    if field.kind == Kind::Switch {
        return Ok(Some(Value::Bool(!text.is_empty())));
    }
    if text.is_empty() {
        return Ok(None);
    }
    let lines = || text.lines().map(str::trim).filter(|line| !line.is_empty());
    Ok(Some(match field.kind {
        Kind::Lines => lines().map(|line| Value::String(line.to_owned())).collect(),
        Kind::Number => {
            let number: i64 = text.parse().map_err(|_| fault(field.path, "this must be a whole number"))?;
            Value::from(number)
        }
        Kind::Json => serde_json::from_str(text).map_err(|e| fault(field.path, format!("this is not JSON: {e}")))?,
        // A password may begin or end with blanks.
        Kind::Secret => Value::String(typed.to_owned()),
        _ => Value::String(text.to_owned()),
    }))
}

fn set(thing: &mut Value, path: &str, value: Value) {
    let mut at = thing;
    let mut names = path.split('.').peekable();
    while let Some(name) = names.next() {
        if !at.is_object() {
            *at = Value::Object(Map::new());
        }
        let Value::Object(map) = at else { return };
        if names.peek().is_none() {
            map.insert(name.to_owned(), value);
            return;
        }
        at = map.entry(name.to_owned()).or_insert_with(|| Value::Object(Map::new()));
    }
}

fn remove(thing: &mut Value, path: &str) {
    let (parent, name) = path.rsplit_once('.').map_or(("", path), |(parent, name)| (parent, name));
    let at = if parent.is_empty() { Some(thing) } else { thing.pointer_mut(&format!("/{}", parent.replace('.', "/"))) };
    if let Some(Value::Object(map)) = at {
        map.remove(name);
    }
}

/// A field ready to be shown.
#[derive(Clone, Debug)]
pub struct Shown {
    /// The field.
    pub field: Field,
    /// Its id on the page.
    pub id: String,
    /// What stands in it.
    pub value: String,
    /// The rows of [`Kind::Claims`].
    pub rows: Vec<Row>,
    /// What is wrong with it.
    pub error: Option<String>,
    /// Whether the thing is there already, so that a fixed field stays.
    pub kept: bool,
}

impl Shown {
    /// Whether it is on, for [`Kind::Switch`].
    #[must_use]
    pub fn is_on(&self) -> bool {
        !self.value.is_empty()
    }

    /// What [`Kind::Choice`] chooses from.
    #[must_use]
    pub fn choices(&self) -> &'static [(&'static str, &'static str)] {
        if let Kind::Choice(choices) = self.field.kind { choices } else { &[] }
    }

    /// The name of the kind, for the template.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self.field.kind {
            Kind::Text => "text",
            Kind::Number => "number",
            Kind::Block | Kind::Lines | Kind::Json => "block",
            Kind::Secret => "secret",
            Kind::Switch => "switch",
            Kind::Choice(_) => "choice",
            Kind::Claims => "claims",
        }
    }

    /// Lines of a block.
    #[must_use]
    pub fn lines(&self) -> usize {
        self.value.lines().count().clamp(3, 12)
    }

    /// The ids that describe it.
    #[must_use]
    pub fn described_by(&self) -> String {
        let hint = (!self.field.hint.is_empty()).then(|| format!("{}-hint", self.id));
        let error = self.error.is_some().then(|| format!("{}-error", self.id));
        [error, hint].into_iter().flatten().collect::<Vec<_>>().join(" ")
    }
}

/// The fields as they are shown: with what was typed, or else with what is stored.
#[must_use]
pub fn show(fields: &[Field], posted: Option<Posted<'_>>, stored: &Value, faults: &[Fault], kept: bool) -> Vec<Shown> {
    let shown = fields.iter().map(|field| {
        let stays = kept && field.stays(stored);
        let value = match posted {
            _ if matches!(field.kind, Kind::Secret | Kind::Claims) => String::new(),
            _ if stays => text_of(field, stored),
            Some(posted) => posted(field.path).unwrap_or_default().to_owned(),
            None => text_of(field, stored),
        };
        let rows = match field.kind {
            Kind::Claims => claims::rows(field.path, posted, found(field, stored)),
            _ => Vec::new(),
        };
        let own: Vec<&str> = faults.iter().filter(|f| belongs(fields, &f.path, field)).map(|f| f.text.as_str()).collect();
        let error = (!own.is_empty()).then(|| own.join(". "));
        let (id, field) = (field.path.replace('.', "-"), Field { fixed: stays, ..*field });
        Shown { field, id, value, rows, error, kept }
    });
    shown.collect()
}

/// The faults that no field can show.
#[must_use]
pub fn rest<'f>(fields: &[Field], faults: &'f [Fault]) -> Vec<&'f str> {
    faults
        .iter()
        .filter(|fault| !fields.iter().any(|field| belongs(fields, &fault.path, field)))
        .map(|f| f.text.as_str())
        .collect()
}

/// A fault is shown at the field of its path, or at the nearest above it: `claims.email` at `claims`.
fn belongs(fields: &[Field], path: &str, field: &Field) -> bool {
    let covers = |own: &str| path == own || path.strip_prefix(own).is_some_and(|rest| rest.starts_with(['.', '[']));
    let nearest = fields.iter().filter(|f| covers(f.path)).max_by_key(|f| f.path.len());
    nearest.is_some_and(|f| f.path == field.path)
}

fn found<'v>(field: &Field, stored: &'v Value) -> Option<&'v Value> {
    stored.pointer(&format!("/{}", field.path.replace('.', "/")))
}

fn text_of(field: &Field, stored: &Value) -> String {
    let found = found(field, stored);
    let line = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match (field.kind, found) {
        (_, None | Some(Value::Null)) => String::new(),
        (Kind::Switch, Some(value)) => {
            if value.as_bool() == Some(true) {
                "on".to_owned()
            } else {
                String::new()
            }
        }
        (Kind::Json, Some(value)) => serde_json::to_string_pretty(value).unwrap_or_default(),
        (_, Some(Value::Array(items))) => items.iter().map(line).collect::<Vec<_>>().join("\n"),
        (_, Some(value)) => line(value),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const FIELDS: [Field; 8] = [
        Field::new("name", "Name", Kind::Text, "").fixed(),
        Field::new("enabled", "Enabled", Kind::Switch, ""),
        Field::new("oidc.issuer", "Issuer", Kind::Text, "https://…"),
        Field::new("oidc.client_secret", "Client secret", Kind::Secret, ""),
        Field::new("domains", "Domains", Kind::Lines, ""),
        Field::new("claims", "Claims", Kind::Claims, ""),
        Field::new("saml.skew", "Skew", Kind::Number, "").advanced(),
        Field::new("rules", "Rules", Kind::Json, ""),
    ];

    fn posted(name: &str) -> Option<&'static str> {
        Some(match name {
            "name" => " okta ",
            "enabled" => "on",
            "oidc.issuer" => "https://a.example/",
            "oidc.client_secret" => " s ",
            "domains" => "a.example\r\n\r\n b.example ",
            "claims.0.name" => "email",
            "claims.0.values" => "*@a.example\r\nx=a=b",
            "saml.skew" => "30",
            "rules" => r#"[{"group": "*"}]"#,
            _ => return None,
        })
    }

    #[test]
    fn a_form_asks_for_a_thing_and_shows_it_again() {
        let thing = read(&FIELDS, &posted, json!({"kept": 1, "oidc": {"scopes": "openid"}})).unwrap();
        let expected = json!({
            "kept": 1, "name": "okta", "enabled": true, "domains": ["a.example", "b.example"],
            "oidc": {"issuer": "https://a.example/", "client_secret": " s ", "scopes": "openid"},
            "claims": {"email": ["*@a.example", "x=a=b"]}, "saml": {"skew": 30}, "rules": [{"group": "*"}],
        });
        assert_eq!(thing, expected);
        let shown = show(&FIELDS, None, &thing, &[], true);
        let again = |name: &str| match name.strip_prefix("claims.") {
            Some("0.name") => Some(shown[5].rows[0].name.as_str()),
            Some("0.values") => Some(shown[5].rows[0].values.as_str()),
            Some(_) => None,
            None => shown.iter().find(|s| s.field.path == name).map(|s| s.value.as_str()),
        };
        assert_eq!(again("oidc.client_secret"), Some(""), "never given back");
        assert_eq!(read(&FIELDS, &again, thing.clone()).unwrap(), thing);
    }

    #[test]
    fn what_is_emptied_goes_and_a_secret_stays() {
        let stored = json!({"name": "okta", "oidc": {"issuer": "https://a.example", "client_secret": "s"}, "domains": ["a"]});
        let thing = read(&FIELDS, &|name| (name == "name").then_some("okta"), stored).unwrap();
        assert_eq!(thing, json!({"name": "okta", "enabled": false, "oidc": {"client_secret": "s"}}));
    }

    #[test]
    fn what_cannot_be_read_is_a_fault_of_its_field() {
        let bad = |name: &str| {
            Some(match name {
                "claims.0.name" => "email",
                "claims.0.values" => "",
                "saml.skew" => "soon",
                "rules" => "[",
                _ => return None,
            })
        };
        let faults = read(&FIELDS, &bad, Value::Null).unwrap_err();
        assert_eq!(faults.iter().map(|f| f.path.as_str()).collect::<Vec<_>>(), ["claims.email", "saml.skew", "rules"]);
        let shown = show(&FIELDS, Some(&bad), &Value::Null, &faults, false);
        assert_eq!(shown.iter().filter(|s| s.error.is_some()).count(), 3);
        assert_eq!(shown[5].rows[0].name, "email", "what was typed stays");
        assert_eq!(shown[5].described_by(), "claims-error");
    }

    #[test]
    fn a_fault_is_shown_at_the_nearest_field_or_above_the_form() {
        let faults = ["oidc.issuer", "claims.email", "domains[1]", "oidc.other", ""].map(|path| fault(path, path));
        let shown = show(&FIELDS, None, &Value::Null, &faults, false);
        let wrong: Vec<&str> = shown.iter().filter(|s| s.error.is_some()).map(|s| s.field.path).collect();
        assert_eq!(wrong, ["oidc.issuer", "domains", "claims"]);
        assert_eq!(rest(&FIELDS, &faults), ["oidc.other", ""]);
    }

    #[test]
    fn a_fixed_field_is_not_what_was_typed() {
        let shown = show(&FIELDS, Some(&|_| Some("evil")), &json!({"name": "okta"}), &[], true);
        assert_eq!(shown[0].value, "okta");
        assert_eq!(show(&FIELDS, Some(&|_| Some("new")), &Value::Null, &[], false)[0].value, "new");
    }
}
