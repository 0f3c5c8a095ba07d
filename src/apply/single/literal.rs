//! A JSON value as the tree that the file's readers read. JSON has no lines here: each value gets one of its own, which leads
//! back to its path.

use serde_json::{Map, Value};

use super::{Fault, Refusal};
use crate::apply::{
    reader::Problem,
    yaml::{At, Key, Kind, Node},
};

/// The tree, and the path of each of its lines.
pub struct Literal {
    pub node: Node,
    paths: Vec<String>,
    nul: Option<String>,
}

impl Literal {
    /// `stays` names secrets of the thing that are to stay as they are stored.
    pub fn new(fields: Map<String, Value>, stays: Option<&'static str>) -> Self {
        let mut literal = Self { node: Node { at: At { line: 1, column: 1 }, kind: Kind::Null }, paths: Vec::new(), nul: None };
        let mut node = literal.of(String::new(), Value::Object(fields));
        if let (Some(name), Kind::Map(entries)) = (stays, &mut node.kind) {
            let at = literal.at(name.to_owned());
            entries.push((Key { at, name: name.to_owned() }, Node { at, kind: Kind::Kept }));
        }
        literal.node = node;
        literal
    }

    /// The path of a line.
    pub fn path(&self, line: u64) -> String {
        let index = usize::try_from(line).ok().and_then(|line| line.checked_sub(1));
        index.and_then(|index| self.paths.get(index)).cloned().unwrap_or_default()
    }

    /// Nothing wrong, or where.
    pub fn judge(&self, problems: Vec<Problem>) -> Result<(), Refusal> {
        if let Some(fault) = self.nul() {
            return Err(Refusal::Faults(vec![fault]));
        }
        if problems.is_empty() {
            return Ok(());
        }
        let mut problems = problems;
        problems.sort_by_key(|p| p.line);
        Err(Refusal::Faults(problems.into_iter().map(|problem| self.fault(problem)).collect()))
    }

    /// What a problem says, at the path that it is about: where something is missing, at that which is missing.
    pub fn fault(&self, problem: Problem) -> Fault {
        let path = self.path(problem.line);
        let path = match problem.missing {
            Some(key) if path.is_empty() => key,
            Some(key) => format!("{path}.{key}"),
            None => path,
        };
        Fault::new(path, problem.text)
    }

    /// Where a text holds NUL: databases do not agree on what that is.
    pub fn nul(&self) -> Option<Fault> {
        self.nul.as_ref().map(|path| Fault::new(path.clone(), "a text must not hold NUL"))
    }

    fn at(&mut self, path: String) -> At {
        self.paths.push(path);
        At { line: u64::try_from(self.paths.len()).unwrap_or(u64::MAX), column: 1 }
    }

    fn of(&mut self, path: String, value: Value) -> Node {
        let at = self.at(path.clone());
        let kind = match value {
            Value::Null => Kind::Null,
            Value::Bool(x) => Kind::Bool(x),
            Value::Number(x) => x.as_i64().map_or_else(|| Kind::Float(x.as_f64().unwrap_or(f64::INFINITY)), Kind::Int),
            Value::String(x) => {
                self.note(&path, &x);
                Kind::Text(x)
            }
            Value::Array(items) => {
                Kind::List(items.into_iter().enumerate().map(|(n, item)| self.of(format!("{path}[{n}]"), item)).collect())
            }
            Value::Object(fields) => Kind::Map(
                fields
                    .into_iter()
                    .map(|(name, value)| {
                        self.note(&path, &name);
                        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                        let node = self.of(path, value);
                        (Key { at: node.at, name }, node)
                    })
                    .collect(),
            ),
        };
        Node { at, kind }
    }

    fn note(&mut self, path: &str, text: &str) {
        if text.contains('\0') && self.nul.is_none() {
            self.nul = Some(path.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_value_leads_back_to_its_path() {
        let Value::Object(fields) = json!({"a": {"b": [1, {"c": true}]}, "n": null, "x": 1.5}) else { panic!() };
        let literal = Literal::new(fields, Some("secret"));
        let paths = ["", "a", "a.b", "a.b[0]", "a.b[1]", "a.b[1].c", "n", "x", "secret"];
        assert_eq!(literal.paths, paths);
        assert_eq!((literal.path(6).as_str(), literal.path(0).as_str(), literal.path(99).as_str()), ("a.b[1].c", "", ""));
        let Kind::Map(entries) = &literal.node.kind else { panic!() };
        assert!(matches!(entries[3], (Key { .. }, Node { at: At { line: 9, .. }, kind: Kind::Kept })));
        assert_eq!(literal.node.to_json(), json!({"a": {"b": [1, {"c": true}]}, "n": null, "x": 1.5, "secret": null}));
    }

    #[test]
    fn nul_is_found_in_texts_and_in_names() {
        for (value, path) in [(json!({"a": ["x", "\0"]}), "a[1]"), (json!({"a": {"b\0": 1}}), "a")] {
            let Value::Object(fields) = value else { panic!() };
            assert_eq!(Literal::new(fields, None).nul().unwrap().path, path);
        }
    }
}
