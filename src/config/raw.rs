//! Where settings come from: the file and, above it, the environment. Values are text with their place; every name
//! asked for is remembered, so what nobody asked for is an unknown setting.

use std::{collections::BTreeMap, fs, path::Path};

use toml_edit::{ImDocument, Item, Table, Value};

use crate::suggest;

/// One thing that is wrong with the configuration, with its fix. Secrets never stand in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// `gatehouse.toml:3` or the environment variable's name; nothing for what is missing.
    pub place: Option<String>,
    /// The setting's name as the file spells it; nothing when the file itself is unreadable.
    pub setting: Option<String>,
    /// What is wrong and what to do.
    pub text: String,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{place}: ")?;
        }
        if let Some(setting) = &self.setting {
            write!(f, "{setting} ({}): ", variable(setting))?;
        }
        f.write_str(&self.text)
    }
}

/// The environment variables of the process, or those of a test.
pub type Environment = BTreeMap<String, String>;

/// The process's environment; variables that are not UTF-8 are none of ours.
#[must_use]
pub fn environment() -> Environment {
    std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))).collect()
}

/// A setting's value and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Raw {
    pub(super) text: String,
    pub(super) place: String,
}

/// All values, and the problems found so far.
pub(super) struct Source<'a> {
    file: BTreeMap<String, Raw>,
    env: &'a Environment,
    known: Vec<&'static str>,
    pub(super) problems: Vec<Problem>,
}

/// Other products' names for a setting, read from the environment when ours is not set.
const ALIASES: [(&str, &str); 5] = [
    ("direct_issuer", "EXTERNAL_OAUTH_ISSUER"),
    ("direct_client_id", "EXTERNAL_OAUTH_CLIENT_ID"),
    ("direct_client_secret", "EXTERNAL_OAUTH_CLIENT_SECRET"),
    ("direct_email_claim", "EXTERNAL_OAUTH_USER_INFO_EMAIL_KEY_NAME"),
    ("jwks", "INTERNAL_JWT_JWKS"),
];

/// Read by the command line, not by [`super::Settings`].
const COMMAND_LINE: &str = "GATEHOUSE_CONFIG";

pub(super) fn variable(setting: &str) -> String {
    format!("GATEHOUSE_{}", setting.to_ascii_uppercase())
}

impl<'a> Source<'a> {
    pub(super) fn new(env: &'a Environment) -> Self {
        Self { file: BTreeMap::new(), env, known: Vec::new(), problems: Vec::new() }
    }

    /// Reads the file; a missing one is a problem only when it was asked for by name.
    pub(super) fn read(&mut self, path: &Path, required: bool) {
        let origin = path.display().to_string();
        match fs::read_to_string(path) {
            Ok(text) => self.parse(&origin, &text),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound && !required => {}
            Err(e) => self.problems.push(Problem {
                place: Some(origin),
                setting: None,
                text: format!("the settings file cannot be read: {e}; correct --config or GATEHOUSE_CONFIG"),
            }),
        }
    }

    pub(super) fn parse(&mut self, origin: &str, text: &str) {
        let line = |at: Option<usize>| text[..at.unwrap_or(0).min(text.len())].matches('\n').count() + 1;
        match ImDocument::parse(text) {
            Ok(document) => self.flatten(document.as_table(), "", origin, &line),
            Err(e) => self.problems.push(Problem {
                place: Some(format!("{origin}:{}", line(e.span().map(|s| s.start)))),
                setting: None,
                text: format!("this is not TOML: {}", e.message()),
            }),
        }
    }

    /// `[direct]` with `issuer = …` is another spelling of `direct_issuer = …`.
    fn flatten(&mut self, table: &Table, prefix: &str, origin: &str, line: &dyn Fn(Option<usize>) -> usize) {
        for (key, item) in table {
            let name = format!("{prefix}{key}");
            let at = table.key(key).and_then(toml_edit::Key::span).map(|s| s.start);
            let place = format!("{origin}:{}", line(at));
            let text = match item {
                Item::Table(inner) => {
                    self.flatten(inner, &format!("{name}_"), origin, line);
                    continue;
                }
                Item::Value(value) => plain(value),
                _ => None,
            };
            match text {
                Some(text) => {
                    self.file.insert(name, Raw { text, place });
                }
                None => self.problems.push(Problem {
                    place: Some(place),
                    setting: Some(name),
                    text: "must be text, a number, true or false, or a list of texts".into(),
                }),
            }
        }
    }

    /// The value of `name`: the environment's before the file's. An empty variable counts as not set.
    pub(super) fn raw(&mut self, name: &'static str) -> Option<Raw> {
        self.known.push(name);
        self.variable_of(name).or_else(|| self.file.get(name).cloned())
    }

    fn variable_of(&self, name: &str) -> Option<Raw> {
        let ours = variable(name);
        let alias = ALIASES.iter().find(|(setting, _)| *setting == name).map(|(_, alias)| *alias);
        let direct = (name == "mode" && self.env.get("OAUTH_PROVIDER_TYPE").is_some_and(|v| v == "EXTERNAL"))
            .then(|| Raw { text: "direct".into(), place: "OAUTH_PROVIDER_TYPE".into() });
        let read = |place: &str| {
            let text = self.env.get(place)?;
            (!text.is_empty()).then(|| Raw { text: text.clone(), place: place.to_owned() })
        };
        read(&ours).or_else(|| alias.and_then(read)).or(direct)
    }

    /// A secret: the value itself, or a file that holds it (`…_file`, `GATEHOUSE_…_FILE`), whose last line end is cut.
    pub(super) fn secret(&mut self, name: &'static str, file_name: &'static str) -> Option<Raw> {
        self.known.extend([name, file_name]);
        let layers = [
            (self.variable_of(name), self.variable_of(file_name)),
            (self.file.get(name).cloned(), self.file.get(file_name).cloned()),
        ];
        let (value, path) = layers.into_iter().find(|(value, path)| value.is_some() || path.is_some())?;
        match (value, path) {
            (Some(_), Some(path)) => {
                self.problem(file_name, &path, format!("{name} is set too; keep one of the two"));
                None
            }
            (None, Some(path)) => match fs::read_to_string(&path.text) {
                Ok(text) => {
                    let text = text.strip_suffix('\n').unwrap_or(&text);
                    Some(Raw { text: text.strip_suffix('\r').unwrap_or(text).to_owned(), place: path.text })
                }
                Err(e) => {
                    self.problem(file_name, &path, format!("{} cannot be read: {e}", path.text));
                    None
                }
            },
            (value, None) => value,
        }
    }

    pub(super) fn problem(&mut self, setting: &str, raw: &Raw, text: impl Into<String>) {
        let place = Some(raw.place.clone()).filter(|p| *p != variable(setting));
        self.problems.push(Problem { place, setting: Some(setting.into()), text: text.into() });
    }

    /// A problem of a setting as a whole, wherever it stands.
    pub(super) fn about(&mut self, setting: &'static str, text: impl Into<String>) {
        match self.raw(setting) {
            Some(raw) => self.problem(setting, &raw, text),
            None => self.problems.push(Problem { place: None, setting: Some(setting.into()), text: text.into() }),
        }
    }

    /// Names nobody asked for: every one of the file, and variables that look like a misspelling. Other variables are
    /// left alone: container platforms make `GATEHOUSE_PORT` and its kind of their own accord.
    pub(super) fn unknown(&mut self) {
        for (name, raw) in &self.file {
            if !self.known.iter().any(|k| k == name) {
                let hint = suggest::hint(name, self.known.iter().copied());
                let text = format!("there is no setting {name}{hint}");
                self.problems.push(Problem { place: Some(raw.place.clone()), setting: None, text });
            }
        }
        let known: Vec<String> = self.known.iter().map(|k| variable(k)).collect();
        for name in self.env.keys().filter(|n| n.starts_with("GATEHOUSE_") && *n != COMMAND_LINE) {
            if known.contains(name) {
                continue;
            }
            let short = name.trim_start_matches("GATEHOUSE_").to_ascii_lowercase();
            if let Some(near) = suggest::nearest(&short, self.known.iter().copied()) {
                let text = format!("there is no setting of this name (did you mean {}?)", variable(near));
                self.problems.push(Problem { place: Some(name.clone()), setting: None, text });
            }
        }
    }
}

fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(x) => Some(x.value().clone()),
        Value::Integer(x) => Some(x.value().to_string()),
        Value::Boolean(x) => Some(x.value().to_string()),
        Value::Array(list) => {
            let items: Option<Vec<&str>> = list.iter().map(Value::as_str).collect();
            items.map(|i| i.join(","))
        }
        _ => None,
    }
}
