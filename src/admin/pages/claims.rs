//! Claims as rows of a form: what each must be, one value on each line, and how that is compared. A row that is left empty is
//! none.

use serde_json::{Map, Value};

use super::form::Posted;
use crate::{apply::single::Fault, policy::claim_rules::MatchType};

/// Most rows of a form.
const MOST: usize = 100;
/// Empty rows that a form ends with.
const SPARE: usize = 2;
/// Rows that "Add rows" adds.
const MORE: usize = 5;

/// How a claim is compared, and what people read; the first is what leaving it out means.
pub const MATCHES: [(&str, &str); 8] = [
    ("", "Is one of these, or a list with one (* stands for anything)"),
    ("is", "Is one of these, or a list with one; * is only a star"),
    ("like", "Is like one of these, or a list with one that is"),
    ("exact", "Is exactly one of these"),
    ("contains", "Holds one of these"),
    ("containsAll", "Holds all of these"),
    ("regex", "Matches a regular expression"),
    ("glob", "Matches a pattern with *"),
];
/// What the lines are.
pub const SHAPES: [(&str, &str); 2] = [("", "Texts"), ("json", "Numbers, true or false")];

/// One claim.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// The claim.
    pub name: String,
    /// One value on each line.
    pub values: String,
    /// One of [`MATCHES`].
    pub matching: String,
    /// One of [`SHAPES`].
    pub shape: String,
}

impl Row {
    /// Whether nothing was typed in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.name.trim().is_empty() && self.values.trim().is_empty()
    }

    /// Lines of the box of values.
    #[must_use]
    pub fn lines(&self) -> usize {
        self.values.lines().count().clamp(1, 8)
    }
}

/// Claims as a list tells of them, in a line: `email is *@example.com, groups containsAll a and b`.
#[must_use]
pub fn in_words(claims: &Value) -> String {
    let Some(claims) = claims.as_object() else { return String::new() };
    if claims.is_empty() {
        return "None: every token matches".to_owned();
    }
    let value = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let values = |all: &Value| match all {
        Value::Array(all) => all.iter().map(value).collect::<Vec<_>>().join(" | "),
        one => value(one),
    };
    let one = |(name, rule): (&String, &Value)| match (&rule["values"], rule["match_type"].as_str()) {
        (Value::Null, _) => format!("{name} is {}", values(rule)),
        (all, kind) => format!("{name} {} {}", kind.unwrap_or("is"), values(all)),
    };
    claims.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// The rows that were sent for the field at `path`.
fn sent(path: &str, posted: Posted<'_>) -> Vec<Row> {
    let cell = |at: usize, part: &str| posted(&format!("{path}.{at}.{part}")).map(|text| text.replace("\r\n", "\n"));
    let row = |at| {
        let (name, values) = (cell(at, "name"), cell(at, "values"));
        if name.is_none() && values.is_none() {
            return None;
        }
        Some(Row {
            name: name.unwrap_or_default(),
            values: values.unwrap_or_default(),
            matching: cell(at, "match").unwrap_or_default(),
            shape: cell(at, "shape").unwrap_or_default(),
        })
    };
    (0..MOST).map_while(row).collect()
}

/// What was typed, as the file would spell it; nothing, when all rows are empty.
///
/// # Errors
/// A row that says too little.
pub fn read(path: &str, posted: Posted<'_>) -> Result<Option<Value>, Fault> {
    let mut claims = Map::new();
    for row in sent(path, posted).iter().filter(|row| !row.is_empty()) {
        let name = row.name.trim();
        let fault = |text: String| Err(Fault { path: format!("{path}.{name}"), text });
        let values = match values(row) {
            _ if name.is_empty() => return fault(format!("the claim of {:?} has no name", row.values.trim())),
            Err(line) => return fault(format!("{line:?} of the claim {name} is no number, true or false")),
            Ok(values) if values.is_empty() => return fault(format!("the claim {name} has no value")),
            Ok(values) => values,
        };
        let value = match (row.matching.as_str(), values.as_slice()) {
            ("", [one]) => one.clone(),
            ("", _) => values.into(),
            (matching, _) => serde_json::json!({"values": values, "match_type": matching}),
        };
        if claims.insert(name.to_owned(), value).is_some() {
            return fault(format!("the claim {name} stands twice: put all its values into one row"));
        }
    }
    Ok((!claims.is_empty()).then_some(Value::Object(claims)))
}

/// The values on the lines, or the line that is none.
fn values(row: &Row) -> Result<Vec<Value>, String> {
    let lines = row.values.lines().map(str::trim).filter(|line| !line.is_empty());
    let value = |line: &str| match row.shape.as_str() {
        "json" => serde_json::from_str(line).ok().filter(|v: &Value| v.is_number() || v.is_boolean()).ok_or(line.to_owned()),
        _ => Ok(Value::String(line.to_owned())),
    };
    lines.map(value).collect()
}

/// The rows to show: what was typed, or else what is stored, and empty ones behind.
#[must_use]
pub fn rows(path: &str, posted: Option<Posted<'_>>, stored: Option<&Value>) -> Vec<Row> {
    let more = posted.is_some_and(|posted| posted("more") == Some(path));
    let mut rows: Vec<Row> = match (posted, stored) {
        (Some(posted), _) => sent(path, posted).into_iter().filter(|row| !row.is_empty()).collect(),
        (None, Some(Value::Object(claims))) => claims.iter().map(|(name, value)| row_of(name, value)).collect(),
        (None, _) => Vec::new(),
    };
    let wanted = rows.len() + if more { MORE } else { SPARE };
    rows.resize(wanted.min(MOST).max(rows.len()), Row::default());
    rows
}

fn row_of(name: &str, value: &Value) -> Row {
    let (values, matching) = match value {
        Value::Object(rule) => {
            let matching = rule.get("match_type").and_then(Value::as_str).unwrap_or(MatchType::Exact.as_str());
            (rule.get("values").unwrap_or(&Value::Null), matching)
        }
        other => (other, ""),
    };
    let values: Vec<&Value> = match values {
        Value::Array(items) => items.iter().collect(),
        one => vec![one],
    };
    let is_text = values.iter().all(|value| value.is_string());
    let line = |value: &&Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    Row {
        name: name.to_owned(),
        values: values.iter().map(line).collect::<Vec<_>>().join("\n"),
        matching: matching.to_owned(),
        shape: if is_text { "" } else { "json" }.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use serde_json::json;

    use super::*;

    fn form(rows: &[Row]) -> HashMap<String, String> {
        let cells = rows.iter().enumerate().flat_map(|(at, row)| {
            [("name", &row.name), ("values", &row.values), ("match", &row.matching), ("shape", &row.shape)]
                .map(|(part, text)| (format!("claims.{at}.{part}"), text.clone()))
        });
        cells.collect()
    }

    fn row(name: &str, values: &str, matching: &str) -> Row {
        Row { name: name.into(), values: values.into(), matching: matching.into(), shape: String::new() }
    }

    #[test]
    fn what_is_stored_comes_back_as_it_was() {
        let stored = json!({
            "email": "*@acme.example", "repository": ["acme/api", "acme/web"], "level": 3, "flags": [true, 7],
            "scope": {"values": ["read", "write"], "match_type": "containsAll"}, "id": "456789",
        });
        let shown = rows("claims", None, Some(&stored));
        assert_eq!(shown.len(), 6 + SPARE);
        let sent = form(&shown);
        let posted = |name: &str| sent.get(name).map(String::as_str);
        assert_eq!(read("claims", &posted), Ok(Some(stored)));
        assert_eq!(rows("claims", Some(&posted), None), shown);
    }

    #[test]
    fn rows_are_added_and_empty_ones_are_none() {
        let mut sent = form(&[row("a", "1\r\n\r\n 2 ", ""), Row::default(), row("b", "x", "exact")]);
        let value = read("claims", &|name| sent.get(name).map(String::as_str)).unwrap();
        assert_eq!(value, Some(json!({"a": ["1", "2"], "b": {"values": ["x"], "match_type": "exact"}})));
        sent.insert("more".into(), "claims".into());
        assert_eq!(rows("claims", Some(&|name| sent.get(name).map(String::as_str)), None).len(), 2 + MORE);
        assert_eq!(read("claims", &|_| None), Ok(None));
        assert_eq!(rows("claims", None, None).len(), SPARE);
    }

    #[test]
    fn a_row_that_says_too_little_is_named() {
        let json = Row { shape: "json".into(), ..row("n", "seven", "") };
        for (rows, says) in [
            (vec![row("", "x", "")], "has no name"),
            (vec![row("a", "", "")], "has no value"),
            (vec![row("a", "1", ""), row(" a", "2", "")], "stands twice"),
            (vec![json], "is no number"),
        ] {
            let sent = form(&rows);
            let fault = read("claims", &|name| sent.get(name).map(String::as_str)).unwrap_err();
            assert!(fault.text.contains(says) && fault.path.starts_with("claims."), "{fault:?}");
        }
    }

    #[test]
    fn a_list_tells_claims_in_a_line() {
        let claims = serde_json::json!({"azp": "batch", "email": {"values": ["a@x", "b@x"], "match_type": "exact"}, "n": [1, 2]});
        assert_eq!(in_words(&claims), "azp is batch, email exact a@x | b@x, n is 1 | 2");
        assert_eq!(in_words(&serde_json::json!({})), "None: every token matches");
        assert_eq!(in_words(&Value::Null), "", "nobody's tokens");
    }

    #[test]
    fn each_way_to_compare_is_offered() {
        for kind in MatchType::ALL {
            assert!(MATCHES.iter().any(|(name, _)| *name == kind.as_str()), "{kind:?}");
        }
    }
}
