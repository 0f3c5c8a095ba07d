//! A form as a list of fields, each with the path of a setting as the declarative file spells it: from what was posted to
//! the one thing that [`crate::apply`] reads, and from a stored thing to what the fields show.

mod differences;
mod shown;
#[cfg(test)]
mod tests;

use serde_json::{Map, Value};

use super::{
    claims,
    rows::{self, Cell},
};
use crate::apply::single::Fault;
pub use differences::{Difference, differences};
pub use shown::{Known, Laid, Shown, rest, show};

/// Where most of what is folded away is.
pub const ADVANCED: &str = "Advanced fields";

/// What a field can name, of the tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Applications.
    Clients,
    /// Connections.
    Connections,
    /// Connections that only vouch for bearer tokens.
    Bearers,
    /// Trusted issuers.
    Issuers,
    /// Those at which browsers can be signed in.
    SignInIssuers,
}

/// One kind of what a field can name: how it is spelled (`client` for `{client: NAME}`, or empty for the name alone), and what
/// stands before the name for people.
pub type Naming = (Source, &'static str, &'static str);

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
    /// A list of things: a row for each, with these parts.
    Rows(&'static [Cell]),
    /// A whole number.
    Number,
    /// Words with spaces between them.
    Words,
    /// Certificates, in PEM or with an empty line between two.
    Certificates,
    /// The name of something else; the text says what naming nothing means.
    Named(&'static [Naming], &'static str),
    /// JSON, for what has too many shapes for fields; with an example.
    Json(&'static str),
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
    /// The title of what it is folded away under; empty: it shows.
    pub fold: &'static str,
    /// Cannot be changed once the thing is there and has it.
    pub fixed: bool,
}

impl Field {
    /// A plain field.
    #[must_use]
    pub const fn new(path: &'static str, label: &'static str, kind: Kind, hint: &'static str) -> Self {
        Self { path, label, hint, kind, fold: "", fixed: false }
    }

    /// Folded away with what few need.
    #[must_use]
    pub const fn advanced(self) -> Self {
        self.within(ADVANCED)
    }

    /// Folded away under a title of its own.
    #[must_use]
    pub const fn within(mut self, title: &'static str) -> Self {
        self.fold = title;
        self
    }

    /// Fixed once the thing is there.
    #[must_use]
    pub const fn fixed(mut self) -> Self {
        self.fixed = true;
        self
    }
}

/// What was posted, by field name.
pub type Posted<'a> = &'a dyn Fn(&str) -> Option<&'a str>;

/// The thing that a form asks for, on top of `base`: what the form has no field for stays as it is there. Only JSON, rows and
/// numbers can be wrong here; everything else is for [`crate::apply`] to judge.
///
/// # Errors
/// The faults of the fields that cannot be read.
pub fn read(fields: &[Field], posted: Posted<'_>, base: Value) -> Result<Value, Vec<Fault>> {
    let (thing, faults) = readable(fields, posted, base);
    if faults.is_empty() { Ok(thing) } else { Err(faults) }
}

/// As much of that thing as can be read, and the faults of the fields that cannot.
#[must_use]
pub fn readable(fields: &[Field], posted: Posted<'_>, base: Value) -> (Value, Vec<Fault>) {
    let mut thing = if base.is_object() { base } else { Value::Object(Map::new()) };
    let mut faults = Vec::new();
    for field in fields {
        match posted_of(field, posted) {
            Ok(Some(value)) => set(&mut thing, field.path, value),
            // A secret that is not typed stays.
            Ok(None) if field.kind == Kind::Secret => {}
            Ok(None) => remove(&mut thing, field.path),
            Err(wrong) => {
                remove(&mut thing, field.path);
                faults.extend(wrong);
            }
        }
    }
    (thing, faults)
}

/// What was posted for one field.
fn posted_of(field: &Field, posted: Posted<'_>) -> Result<Option<Value>, Vec<Fault>> {
    match field.kind {
        Kind::Claims => claims::read(field.path, posted).map_err(|fault| vec![fault]),
        Kind::Rows(cells) => rows::read(field.path, cells, posted),
        _ => value_of(field, posted(field.path).unwrap_or_default()).map_err(|fault| vec![fault]),
    }
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
        Kind::Certificates => certificates(text),
        Kind::Named(namings, _) => named(namings, text),
        Kind::Json(example) => serde_json::from_str(text).map_err(|e| fault(field.path, unread(&e, example)))?,
        // A password may begin or end with blanks.
        Kind::Secret => Value::String(typed.to_owned()),
        _ => Value::String(text.to_owned()),
    }))
}

/// Puts a value at a path, `resource.name`.
pub fn set(thing: &mut Value, path: &str, value: Value) {
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
    let at = if parent.is_empty() { Some(&mut *thing) } else { thing.pointer_mut(&format!("/{}", parent.replace('.', "/"))) };
    let Some(Value::Object(map)) = at else { return };
    let emptied = map.remove(name).is_some() && map.is_empty();
    // A part of which nothing is left is not there.
    if emptied && !parent.is_empty() {
        remove(thing, parent);
    }
}

/// What was wrong with JSON, and what it should be like.
fn unread(e: &serde_json::Error, example: &str) -> String {
    let place = if e.is_eof() { "it ends too early".to_owned() } else { format!("at line {}, column {}", e.line(), e.column()) };
    format!("this cannot be read as JSON ({place}); write it like {example}")
}

fn certificates(text: &str) -> Value {
    const END: &str = "-----END CERTIFICATE-----";
    let split: Vec<&str> = if text.contains(END) { text.split_inclusive(END).collect() } else { text.split("\n\n").collect() };
    split.into_iter().map(str::trim).filter(|one| !one.is_empty()).map(|one| Value::String(one.to_owned())).collect()
}

/// What [`Kind::Named`] means: `client:web` is `{"client": "web"}`, where names of several kinds can stand.
fn named(namings: &[Naming], text: &str) -> Value {
    match text.split_once(':') {
        Some((key, name)) if namings.iter().any(|(_, spelled, _)| !spelled.is_empty() && *spelled == key) => {
            Value::Object(Map::from_iter([(key.to_owned(), name.trim().into())]))
        }
        _ => Value::String(text.to_owned()),
    }
}
