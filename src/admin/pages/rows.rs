//! A list of things as rows of a form, a cell for each part of a thing. A row that is left empty is none. What is wrong is said
//! at the cell that it is about, or else at its row.

use serde_json::{Map, Value};

use super::{
    claims,
    form::{Posted, Source, set},
};
use crate::apply::single::Fault;

/// Most rows of a form.
const MOST: usize = 200;
/// Empty rows that a form ends with.
const SPARE: usize = 1;
/// Rows that "Add rows" adds.
const MORE: usize = 5;

/// A part of each thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell {
    /// Its path in the thing, as the file spells it.
    pub path: &'static str,
    /// What people read.
    pub label: &'static str,
    /// An example; may be empty.
    pub example: &'static str,
    /// How it is typed.
    pub shape: Shape,
    /// Whether it takes the row's whole width.
    pub wide: bool,
}

/// How a part is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// One line.
    Text,
    /// One of a few words, each with its label; the first is what leaving it out means.
    Choice(&'static [(&'static str, &'static str)]),
    /// The name of something of the tenant.
    Named(Source),
    /// Words and what they mean, one on each line: `admin = manager`.
    Meanings,
    /// What claims must be: rows of their own.
    Claims,
}

impl Cell {
    /// A part of a thing.
    #[must_use]
    pub const fn new(path: &'static str, label: &'static str, shape: Shape, example: &'static str) -> Self {
        Self { path, label, example, shape, wide: matches!(shape, Shape::Meanings | Shape::Claims) }
    }

    /// Over the row's whole width.
    #[must_use]
    pub const fn wide(mut self) -> Self {
        self.wide = true;
        self
    }
}

/// A row as it is shown.
#[derive(Clone, Debug)]
pub struct Row {
    /// What is wrong with it as a whole.
    pub error: Option<String>,
    /// Its parts.
    pub cells: Vec<Shown>,
}

/// A part of a row as it is shown.
#[derive(Clone, Debug)]
pub struct Shown {
    /// Which part.
    pub cell: Cell,
    /// Its field's name.
    pub name: String,
    /// Its id on the page.
    pub id: String,
    /// What stands in it.
    pub value: String,
    /// The rows of [`Shape::Claims`].
    pub claims: Vec<claims::Row>,
    /// What is wrong with it.
    pub error: Option<String>,
    /// What [`Shape::Named`] can name, where that is few enough to choose from.
    pub options: Option<Vec<(String, String)>>,
}

impl Shown {
    /// The name of the shape, for the template.
    #[must_use]
    pub fn shape(&self) -> &'static str {
        match self.cell.shape {
            Shape::Choice(_) => "choice",
            Shape::Named(_) if self.options.is_some() => "choice",
            Shape::Text | Shape::Named(_) => "text",
            Shape::Meanings => "block",
            Shape::Claims => "claims",
        }
    }

    /// What a choice is made from: values and labels.
    #[must_use]
    pub fn choices(&self) -> Vec<(&str, &str)> {
        if let Shape::Choice(choices) = self.cell.shape {
            return choices.to_vec();
        }
        let options = self.options.as_deref().unwrap_or_default();
        let named = options.iter().map(|(value, label)| (value.as_str(), label.as_str()));
        // What is named and not there (any more) is still what is stored.
        let gone = Some((self.value.as_str(), self.value.as_str()));
        let gone = gone.filter(|(value, _)| !value.is_empty() && !options.iter().any(|(known, _)| known == value));
        std::iter::once(("", "")).chain(named).chain(gone).collect()
    }

    fn is_empty(&self) -> bool {
        let choice = matches!(self.cell.shape, Shape::Choice(_));
        (choice || self.value.trim().is_empty()) && self.claims.iter().all(claims::Row::is_empty)
    }
}

/// The rows that were sent for the field at `path`, those that are empty left out.
fn sent(path: &str, cells: &'static [Cell], posted: Posted<'_>) -> Vec<Row> {
    let is_there = |n: &usize| {
        let mut names = cells.iter().map(|cell| format!("{path}.{n}.{}", cell.path));
        names.any(|name| posted(&name).is_some() || posted(&format!("{name}.0.name")).is_some())
    };
    let row = |n: usize| {
        let cell = |cell: &Cell| {
            let name = format!("{path}.{n}.{}", cell.path);
            let value = posted(&name).unwrap_or_default().replace("\r\n", "\n");
            let claims = if cell.shape == Shape::Claims { claims::rows(&name, Some(posted), None) } else { Vec::new() };
            Shown::new(*cell, path, n, value, claims)
        };
        Row { error: None, cells: cells.iter().map(cell).collect() }
    };
    let rows = (0..MOST).take_while(is_there).map(row);
    rows.filter(|row| !row.cells.iter().all(Shown::is_empty)).collect()
}

impl Shown {
    fn new(cell: Cell, path: &str, n: usize, value: String, claims: Vec<claims::Row>) -> Self {
        let name = format!("{path}.{n}.{}", cell.path);
        Self { cell, id: name.replace('.', "-"), name, value, claims, error: None, options: None }
    }
}

/// What was typed, as the file would spell it; nothing, when all rows are empty.
///
/// # Errors
/// Each cell that cannot be read, by its path.
pub fn read(path: &str, cells: &'static [Cell], posted: Posted<'_>) -> Result<Option<Value>, Vec<Fault>> {
    let (mut things, mut faults) = (Vec::new(), Vec::new());
    for (n, row) in sent(path, cells, posted).iter().enumerate() {
        let mut thing = Value::Object(Map::new());
        for shown in &row.cells {
            let at = format!("{path}[{n}].{}", shown.cell.path);
            match part(shown, posted) {
                Ok(Some(value)) => set(&mut thing, shown.cell.path, value),
                Ok(None) => {}
                Err(text) => faults.push(Fault { path: at, text }),
            }
        }
        things.push(thing);
    }
    match faults.is_empty() {
        true => Ok((!things.is_empty()).then_some(Value::Array(things))),
        false => Err(faults),
    }
}

fn part(shown: &Shown, posted: Posted<'_>) -> Result<Option<Value>, String> {
    let text = shown.value.trim();
    match shown.cell.shape {
        Shape::Claims => claims::read(&shown.name, posted).map_err(|fault| fault.text),
        _ if text.is_empty() => Ok(None),
        Shape::Meanings => meanings(text).map(Some),
        Shape::Text | Shape::Choice(_) | Shape::Named(_) => Ok(Some(text.into())),
    }
}

fn meanings(text: &str) -> Result<Value, String> {
    let mut all = Map::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (word, meaning) = line.split_once('=').ok_or_else(|| format!("{line:?} has no =; write it like admin = manager"))?;
        if all.insert(word.trim().to_owned(), meaning.trim().into()).is_some() {
            return Err(format!("{:?} stands twice", word.trim()));
        }
    }
    Ok(Value::Object(all))
}

/// The rows to show: what was typed, or else what is stored, and empty ones behind; with what is wrong where it is.
#[must_use]
pub fn rows(
    path: &str,
    cells: &'static [Cell],
    posted: Option<Posted<'_>>,
    stored: Option<&Value>,
    faults: &[Fault],
) -> Vec<Row> {
    let more = posted.is_some_and(|posted| posted("more") == Some(path));
    let mut rows: Vec<Row> = match (posted, stored) {
        (Some(posted), _) => sent(path, cells, posted),
        (None, Some(Value::Array(things))) => things.iter().enumerate().map(|(n, thing)| row_of(path, cells, n, thing)).collect(),
        (None, _) => Vec::new(),
    };
    // Those that were left empty between others are gone.
    for (n, row) in rows.iter_mut().enumerate() {
        for shown in &mut row.cells {
            let own = Shown::new(shown.cell, path, n, String::new(), Vec::new());
            (shown.name, shown.id) = (own.name, own.id);
        }
        mark(&format!("{path}[{n}]"), row, faults);
    }
    let wanted = (rows.len() + if more { MORE } else { SPARE }).min(MOST).max(rows.len());
    rows.extend((rows.len()..wanted).map(|n| row_of(path, cells, n, &Value::Null)));
    rows
}

fn mark(at: &str, row: &mut Row, faults: &[Fault]) {
    let mut rest = Vec::new();
    for fault in faults {
        let Some(within) = fault.path.strip_prefix(at).filter(|rest| rest.is_empty() || rest.starts_with(['.', '['])) else {
            continue;
        };
        let within = within.trim_start_matches('.');
        let covers = |path: &str| within == path || within.strip_prefix(path).is_some_and(|rest| rest.starts_with(['.', '[']));
        // Of half a resource the nearest cell says so.
        let nearest = row.cells.iter_mut().find(|shown| {
            let path = shown.cell.path;
            covers(path) || (!within.is_empty() && path.strip_prefix(within).is_some_and(|rest| rest.starts_with('.')))
        });
        match nearest {
            Some(shown) => {
                shown.error = Some([shown.error.take().unwrap_or_default(), fault.text.clone()].join(" ").trim().to_owned())
            }
            None => rest.push(fault.text.as_str()),
        }
    }
    row.error = (!rest.is_empty()).then(|| rest.join(". "));
}

fn row_of(path: &str, cells: &'static [Cell], n: usize, thing: &Value) -> Row {
    let cell = |cell: &Cell| {
        let found = thing.pointer(&format!("/{}", cell.path.replace('.', "/"))).filter(|value| !value.is_null());
        let name = format!("{path}.{n}.{}", cell.path);
        let claims = if cell.shape == Shape::Claims { claims::rows(&name, None, found) } else { Vec::new() };
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let value = match (cell.shape, found) {
            (Shape::Claims, _) | (_, None) => String::new(),
            (Shape::Meanings, Some(Value::Object(all))) => {
                all.iter().map(|(word, meaning)| format!("{word} = {}", text(meaning))).collect::<Vec<_>>().join("\n")
            }
            (_, Some(value)) => text(value),
        };
        Shown::new(*cell, path, n, value, claims)
    };
    Row { error: None, cells: cells.iter().map(cell).collect() }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use serde_json::json;

    use super::*;

    const CELLS: &[Cell] = &[
        Cell::new("group", "Group", Shape::Text, ""),
        Cell::new("team", "Team", Shape::Text, ""),
        Cell::new("resource.type", "Type", Shape::Text, ""),
        Cell::new("resource.name", "Name", Shape::Text, ""),
        Cell::new("role", "Role", Shape::Choice(&[("", "None"), ("viewer", "Viewer")]), ""),
        Cell::new("roles", "Roles", Shape::Meanings, ""),
        Cell::new("claims", "Claims", Shape::Claims, ""),
    ];

    fn form(rows: &[Row]) -> HashMap<String, String> {
        let mut fields = HashMap::new();
        for shown in rows.iter().flat_map(|row| &row.cells) {
            fields.insert(shown.name.clone(), shown.value.clone());
            for (n, row) in shown.claims.iter().enumerate() {
                for (part, text) in
                    [("name", &row.name), ("values", &row.values), ("match", &row.matching), ("shape", &row.shape)]
                {
                    fields.insert(format!("{}.{n}.{part}", shown.name), text.clone());
                }
            }
        }
        fields
    }

    #[test]
    fn what_is_stored_comes_back_as_it_was() {
        let stored = json!([
            {"group": "platform-*", "team": "platform"},
            {"group": "ws-{w}-{role}", "resource": {"type": "workspace", "name": "{w}"}, "roles": {"admin": "manager", "dev": "editor"}},
            {"group": "x", "role": "viewer", "claims": {"department": "sre", "level": 3}},
        ]);
        let shown = rows("rules", CELLS, None, Some(&stored), &[]);
        assert_eq!(shown.len(), 3 + SPARE);
        let sent = form(&shown);
        let posted = |name: &str| sent.get(name).map(String::as_str);
        assert_eq!(read("rules", CELLS, &posted), Ok(Some(stored)));
        assert_eq!(read("rules", CELLS, &|_| None), Ok(None));
        assert_eq!(rows("rules", CELLS, None, None, &[]).len(), SPARE);
    }

    #[test]
    fn what_is_wrong_is_said_where_it_is() {
        let fields: HashMap<&str, &str> = [
            // The first row was emptied.
            ("rules.0.group", ""),
            ("rules.1.group", "a"),
            ("rules.1.roles", "admin"),
            ("rules.2.group", "b"),
            ("rules.2.claims.0.name", ""),
            ("rules.2.claims.0.values", "x"),
            ("more", "rules"),
        ]
        .into();
        let posted = |name: &str| fields.get(name).copied();
        let faults = read("rules", CELLS, &posted).unwrap_err();
        let paths: Vec<&str> = faults.iter().map(|fault| fault.path.as_str()).collect();
        assert_eq!(paths, ["rules[0].roles", "rules[1].claims"]);
        let shown = rows("rules", CELLS, Some(&posted), None, &faults);
        assert_eq!(shown.len(), 2 + MORE);
        let wrong = |row: &Row| row.cells.iter().filter(|s| s.error.is_some()).map(|s| s.name.clone()).collect::<Vec<_>>();
        assert_eq!((wrong(&shown[0]), wrong(&shown[1])), (vec!["rules.0.roles".into()], vec!["rules.1.claims".into()]));
        assert_eq!(shown[0].cells[0].value, "a", "what was typed stays");
        let fault = |path: &str| Fault { path: path.to_owned(), text: path.to_owned() };
        let shown = rows("rules", CELLS, Some(&posted), None, &["rules[0]", "rules[1].resource", "rules[10]"].map(fault));
        assert_eq!((shown[0].error.as_deref(), wrong(&shown[0])), (Some("rules[0]"), vec![]));
        assert_eq!((shown[1].error.as_deref(), wrong(&shown[1])), (None, vec!["rules.1.resource.type".to_owned()]));
    }
}
