//! Patterns for the names of groups. They fit the whole name or not at all, and take time linear in it.

use regex::{Regex, RegexBuilder};

/// Longest pattern in bytes.
const LONGEST: usize = 256;
/// Most bytes that one may take once compiled.
const LARGEST: usize = 1024 * 1024;
/// What a capture takes.
const WORD: &str = r"[\p{L}\p{M}\p{Nd}_-]+";

/// A pattern ready to be asked. What it captures first takes as much as it can: of `ws-a-role-b-role-admin` the pattern
/// `ws-{workspace}-role-{role}` makes the workspace `a-role-b` and the role `admin`.
#[derive(Clone, Debug)]
pub struct Pattern {
    expression: Regex,
    captures: Vec<String>,
}

/// What a pattern found in one name.
#[derive(Debug)]
pub struct Captures(Vec<(String, String)>);

/// A piece of a pattern or template.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    Text(&'a str),
    /// `*`.
    Anything,
    /// `{name}`.
    Capture(&'a str),
}

impl Pattern {
    /// Takes a pattern apart.
    ///
    /// # Errors
    /// In words that follow the pattern.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("is empty; write a name, or * for every group".to_owned());
        }
        if text.len() > LONGEST {
            return Err(format!("has more than {LONGEST} bytes; shorten it with *"));
        }
        let pieces = pieces(text, true)?;
        let mut captures: Vec<String> = Vec::new();
        let mut source = String::from(r"\A");
        for (at, piece) in pieces.iter().enumerate() {
            let open = |piece: Option<&Piece<'_>>| piece.is_some_and(|p| !matches!(p, Piece::Text(_)));
            if open(Some(piece)) && open(pieces.get(at + 1)) {
                return Err("has * and {…} side by side, so nobody can say where one ends; put a text between them".to_owned());
            }
            match piece {
                Piece::Text(text) => source.push_str(&regex::escape(text)),
                Piece::Anything => source.push_str(".*"),
                Piece::Capture(name) if captures.iter().any(|known| known == name) => {
                    return Err(format!("captures {{{name}}} twice; give the second another name"));
                }
                Piece::Capture(name) => {
                    captures.push((*name).to_owned());
                    source.push('(');
                    source.push_str(WORD);
                    source.push(')');
                }
            }
        }
        source.push_str(r"\z");
        let built = RegexBuilder::new(&source).case_insensitive(true).dot_matches_new_line(true).size_limit(LARGEST).build();
        let expression = built.map_err(|_| "captures too much; use fewer {…}".to_owned())?;
        Ok(Self { expression, captures })
    }

    /// What it captures, by name.
    pub fn names(&self) -> &[String] {
        &self.captures
    }

    /// What it finds in a name that it fits.
    pub fn captures(&self, name: &str) -> Option<Captures> {
        let found = self.expression.captures(name)?;
        let text = |at: usize| found.get(at + 1).map_or("", |m| m.as_str()).to_owned();
        Some(Captures(self.captures.iter().enumerate().map(|(at, name)| (name.clone(), text(at))).collect()))
    }
}

impl Captures {
    /// What `name` captured, as it is written in the group's name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, text)| text.as_str())
    }

    /// The template with what was captured; empty when it asks for something else, so that it names nothing.
    pub fn fill(&self, template: &str) -> String {
        let Ok(pieces) = pieces(template, false) else { return String::new() };
        let text = |piece: &Piece<'_>| match piece {
            Piece::Text(text) => Some((*text).to_owned()),
            Piece::Anything => None,
            Piece::Capture(name) => self.get(name).map(str::to_owned),
        };
        pieces.iter().map(text).collect::<Option<String>>().unwrap_or_default()
    }
}

/// Takes a pattern apart, or a template, in which `*` is a plain character.
pub fn pieces(text: &str, is_pattern: bool) -> Result<Vec<Piece<'_>>, String> {
    let special: &[char] = if is_pattern { &['*', '{', '}'] } else { &['{', '}'] };
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(special) {
        if at > 0 {
            pieces.push(Piece::Text(&rest[..at]));
        }
        rest = &rest[at..];
        if let Some(after) = rest.strip_prefix('*') {
            pieces.push(Piece::Anything);
            rest = after;
            continue;
        }
        let named = rest.strip_prefix('{').and_then(|inner| inner.split_once('}'));
        let Some((name, after)) = named.filter(|(name, _)| is_capture(name)) else {
            return Err("has a { or } that is none of a capture; write captures like {workspace}".to_owned());
        };
        pieces.push(Piece::Capture(name));
        rest = after;
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest));
    }
    Ok(pieces)
}

fn is_capture(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}
