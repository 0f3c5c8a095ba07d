//! Takes a mapping apart by names. Whatever is wrong is noted with its place, and reading goes on: all errors come out
//! at once. Texts may name environment variables; secrets may name files.

use std::{
    cell::RefCell,
    collections::HashSet,
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

use super::{
    desired::Secret,
    yaml::{At, Key, Kind, Node},
};
use crate::{policy::identity, suggest};

/// One thing that is wrong with the file, where, and what to do. Secrets never stand in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file's name as it was given.
    pub origin: String,
    /// From 1.
    pub line: u64,
    /// From 1, in characters.
    pub column: u64,
    /// What is wrong.
    pub text: String,
    /// The key that is not there, below what stands at this place.
    pub missing: Option<String>,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}:{}: {}", self.origin, self.line, self.column, self.text)
    }
}

/// Gives the value of a variable.
pub type Variables<'a> = dyn Fn(&str) -> Option<String> + Sync + 'a;

/// What all readers of a file share.
pub struct Context<'a> {
    pub origin: &'a str,
    /// Looks up variables; nothing: every text is what it says, and names neither variables nor files. Whoever may change the
    /// settings of a tenant must not read the server's environment with them.
    pub env: Option<&'a Variables<'a>>,
    problems: RefCell<Vec<Problem>>,
    /// The fields that were asked for, each time with where: for tests of what readers take.
    #[cfg(test)]
    pub spoken: RefCell<Vec<(At, Vec<&'static str>)>>,
}

impl<'a> Context<'a> {
    pub fn new(origin: &'a str, env: &'a Variables<'a>) -> Self {
        Self { env: Some(env), ..Self::literal(origin) }
    }

    /// For what comes from the network.
    pub fn literal(origin: &'a str) -> Self {
        Self {
            origin,
            env: None,
            problems: RefCell::default(),
            #[cfg(test)]
            spoken: RefCell::default(),
        }
    }

    pub fn problem(&self, at: At, text: impl Into<String>) {
        self.note(at, None, text.into());
    }

    /// Of what stands at `at`, the key `key` is not there.
    pub fn missing(&self, at: At, key: &str, text: impl Into<String>) {
        self.note(at, Some(key.to_owned()), text.into());
    }

    fn note(&self, at: At, missing: Option<String>, text: String) {
        let problem = Problem { origin: self.origin.to_owned(), line: at.line, column: at.column, text, missing };
        self.problems.borrow_mut().push(problem);
    }

    /// Those found, in the order of the file.
    pub fn into_problems(self) -> Vec<Problem> {
        let mut problems = self.problems.into_inner();
        problems.sort_by_key(|p| (p.line, p.column));
        problems
    }

    /// `${NAME}` becomes the variable's value, `$${` a plain `${`.
    fn expand(&self, at: At, text: &str) -> Option<String> {
        let Some(env) = self.env else { return Some(text.to_owned()) };
        let mut out = String::new();
        let mut rest = text;
        while let Some(start) = rest.find("${") {
            if let Some(before) = rest[..start].strip_suffix('$') {
                out.push_str(before);
                out.push_str("${");
                rest = &rest[start + 2..];
                continue;
            }
            out.push_str(&rest[..start]);
            let Some((name, after)) = rest[start + 2..].split_once('}') else {
                self.problem(at, "${ has no } after it; write $${ for a plain ${");
                return None;
            };
            match env(name) {
                Some(value) => out.push_str(&value),
                None => {
                    self.problem(at, format!("the environment variable {name} is not set"));
                    return None;
                }
            }
            rest = after;
        }
        out.push_str(rest);
        Some(out)
    }

    /// The text of a node; `what` names it in the error.
    pub fn text(&self, node: &Node, what: &str) -> Option<Text> {
        match &node.kind {
            Kind::Text(raw) => Some(Text { at: node.at, value: self.expand(node.at, raw)?, raw: raw.clone() }),
            Kind::Int(_) | Kind::Float(_) | Kind::Bool(_) => {
                self.problem(node.at, format!("{what} must be text, not {}: put it in quotes", node.what()));
                None
            }
            _ => {
                self.problem(node.at, format!("{what} must be text, not {}", node.what()));
                None
            }
        }
    }

    /// What is kept as JSON, its texts expanded.
    pub fn json(&self, node: &Node) -> Option<Value> {
        match &node.kind {
            Kind::Text(raw) => self.expand(node.at, raw).map(Value::String),
            Kind::List(items) => items.iter().map(|item| self.json(item)).collect(),
            Kind::Map(_) => {
                self.entries(node, "a mapping").into_iter().map(|(key, v)| Some((key.name.clone(), self.json(v)?))).collect()
            }
            _ => Some(node.to_json()),
        }
    }

    /// The entries of a mapping whose keys the file chooses; nothing else when it is none.
    pub fn entries<'n>(&self, node: &'n Node, what: &str) -> Vec<(&'n Key, &'n Node)> {
        Fields::of(self, node, what).map(|fields| fields.entries).unwrap_or_default()
    }

    /// A secret: text, or `{file: path}` relative to the folder of the YAML file, whose last line end is cut.
    fn secret(&self, node: &Node, what: &str) -> Option<Text> {
        if self.env.is_none() || !matches!(node.kind, Kind::Map(_)) {
            return self.text(node, what).and_then(|t| self.some_secret(t, what));
        }
        let mut fields = Fields::of(self, node, what)?;
        let path = fields.required_text("file");
        fields.finish();
        let path = path?;
        let folder = Path::new(self.origin).parent().unwrap_or(Path::new(""));
        let full: PathBuf = folder.join(&path.value);
        match fs::read_to_string(&full) {
            Ok(text) => {
                let text = text.strip_suffix('\n').unwrap_or(&text);
                let value = text.strip_suffix('\r').unwrap_or(text).to_owned();
                self.some_secret(Text { at: node.at, value, raw: String::new() }, what)
            }
            Err(e) => {
                self.problem(path.at, format!("{} cannot be read: {e}", full.display()));
                None
            }
        }
    }

    fn some_secret(&self, text: Text, what: &str) -> Option<Text> {
        if text.value.is_empty() {
            self.problem(text.at, format!("{what} is empty"));
            return None;
        }
        Some(text)
    }
}

/// A text and its place. `raw` is what stands in the file, before variables: only that is ever printed.
#[derive(Clone, Debug)]
pub struct Text {
    pub at: At,
    pub value: String,
    pub raw: String,
}

/// Most keys of one mapping that are told to have no meaning: each is compared with all that have one.
const STRANGE: usize = 100;

/// The entries of one mapping, taken out one by one.
pub struct Fields<'c, 'n> {
    pub context: &'c Context<'c>,
    pub at: At,
    what: String,
    entries: Vec<(&'n Key, &'n Node)>,
    known: Vec<&'static str>,
}

impl<'c, 'n> Fields<'c, 'n> {
    /// `what` names the mapping in errors.
    pub fn of(context: &'c Context<'c>, node: &'n Node, what: &str) -> Option<Self> {
        let Kind::Map(entries) = &node.kind else {
            context.problem(node.at, format!("{what} must be a mapping (key: value), not {}", node.what()));
            return None;
        };
        let mut once: Vec<(&Key, &Node)> = Vec::new();
        let mut names: HashSet<&str> = HashSet::new();
        for (key, value) in entries {
            if !names.insert(&key.name) {
                context.problem(key.at, format!("{} stands twice in {what}", key.name));
            } else {
                once.push((key, value));
            }
        }
        Some(Self { context, at: node.at, what: what.to_owned(), entries: once, known: Vec::new() })
    }

    /// Whether `name` is there and not null: what is wrong with its value is another matter.
    pub fn has(&self, name: &str) -> bool {
        self.entries.iter().any(|(k, v)| k.name == name && !matches!(v.kind, Kind::Null))
    }

    /// Where the value of `name` stands; the mapping itself, when it is missing.
    pub fn place(&self, name: &str) -> At {
        self.entries.iter().find(|(k, _)| k.name == name).map_or(self.at, |(_, v)| v.at)
    }

    /// The value of `name`, when it is there and not null.
    pub fn take(&mut self, name: &'static str) -> Option<&'n Node> {
        self.known.push(name);
        let found = self.entries.iter().position(|(k, _)| k.name == name)?;
        let (_, node) = self.entries.remove(found);
        (!matches!(node.kind, Kind::Null)).then_some(node)
    }

    pub fn text(&mut self, name: &'static str) -> Option<Text> {
        let node = self.take(name)?;
        self.context.text(node, name)
    }

    pub fn value(&mut self, name: &'static str) -> Option<String> {
        self.text(name).map(|t| t.value)
    }

    /// A name that people read.
    pub fn name(&mut self, name: &'static str) -> Option<String> {
        let text = self.text(name)?;
        if !identity::fits(&text.value) {
            self.context.problem(text.at, format!("{name} must be at most {} characters", identity::NAME));
            return None;
        }
        Some(text.value)
    }

    pub fn required_text(&mut self, name: &'static str) -> Option<Text> {
        let Some(node) = self.take(name) else {
            self.context.missing(self.at, name, format!("{} needs {name}", self.what));
            return None;
        };
        self.context.text(node, name)
    }

    pub fn secret(&mut self, name: &'static str) -> Option<Text> {
        let node = self.take(name)?;
        self.context.secret(node, name)
    }

    /// As [`Fields::secret`], where the stored one may stay.
    pub fn lasting_secret(&mut self, name: &'static str) -> Option<(Text, Secret)> {
        let node = self.take(name)?;
        if matches!(node.kind, Kind::Kept) {
            return Some((Text { at: node.at, value: String::new(), raw: String::new() }, Secret::Kept));
        }
        let text = self.context.secret(node, name)?;
        let secret = Secret::Said(text.value.clone());
        Some((text, secret))
    }

    /// Whether it is said in so many words that there shall be no `name`.
    pub fn denies(&self, name: &str) -> bool {
        self.entries.iter().any(|(k, v)| k.name == name && matches!(v.kind, Kind::Null))
    }

    pub fn bool(&mut self, name: &'static str) -> Option<bool> {
        let node = self.take(name)?;
        match &node.kind {
            Kind::Bool(x) => Some(*x),
            _ => {
                self.context.problem(node.at, format!("{name} must be true or false, not {}", node.what()));
                None
            }
        }
    }

    /// A whole number within `range`.
    pub fn int(&mut self, name: &'static str, range: std::ops::RangeInclusive<i64>) -> Option<i64> {
        let node = self.take(name)?;
        match &node.kind {
            Kind::Int(x) if range.contains(x) => Some(*x),
            _ => {
                let text = format!("{name} must be a whole number from {} to {}", range.start(), range.end());
                self.context.problem(node.at, text);
                None
            }
        }
    }

    /// The items of a list; nothing when it is not there.
    pub fn list(&mut self, name: &'static str) -> Vec<&'n Node> {
        let Some(node) = self.take(name) else { return Vec::new() };
        match &node.kind {
            Kind::List(items) => items.iter().collect(),
            _ => {
                self.context.problem(node.at, format!("{name} must be a list, not {}", node.what()));
                Vec::new()
            }
        }
    }

    /// The texts of a list; nothing when it is not there.
    pub fn texts(&mut self, name: &'static str) -> Vec<Text> {
        let context = self.context;
        self.list(name).into_iter().filter_map(|item| context.text(item, name)).collect()
    }

    /// One text or a list of them.
    pub fn one_or_more(&mut self, name: &'static str) -> Vec<String> {
        match self.take(name) {
            None => Vec::new(),
            Some(node) => match &node.kind {
                Kind::List(items) => items.iter().filter_map(|i| self.context.text(i, name)).map(|t| t.value).collect(),
                _ => self.context.text(node, name).map(|t| vec![t.value]).unwrap_or_default(),
            },
        }
    }

    /// One of a few words.
    pub fn choice<T: Copy>(&mut self, name: &'static str, choices: &[(&'static str, T)]) -> Option<T> {
        let text = self.text(name)?;
        choose(self.context, &text, name, choices)
    }

    /// What was not taken has no meaning here.
    pub fn finish(self) {
        #[cfg(test)]
        self.context.spoken.borrow_mut().push((self.at, self.known.clone()));
        for (key, _) in self.entries.iter().take(STRANGE) {
            let hint = suggest::hint(&key.name, self.known.iter().copied());
            self.context.problem(key.at, format!("{} has no key {}{hint}", self.what, key.name));
        }
    }
}

/// The choice that `text` names.
pub fn choose<T: Copy>(context: &Context<'_>, text: &Text, name: &str, choices: &[(&'static str, T)]) -> Option<T> {
    let found = choices.iter().find(|(word, _)| *word == text.value).map(|(_, value)| *value);
    if found.is_none() {
        let known: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
        let hint = suggest::hint(&text.raw, known.iter().copied());
        context.problem(text.at, format!("{name} must be one of {}{hint}", known.join(", ")));
    }
    found
}
