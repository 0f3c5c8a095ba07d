//! Patterns for the names of groups. They fit the whole name or not at all, and take time linear in it.
//!
//! They are matched here and not by regular expressions: a capture of letters of every script takes those milliseconds to compile,
//! two hundred rules of a tenant's choosing have many, and groups are settled while others wait for the database.

use icu_properties::{
    CodePointMapData,
    props::{GeneralCategory, GeneralCategoryGroup},
};

/// Longest pattern in bytes.
const LONGEST: usize = 256;

/// A pattern ready to be asked. What it captures first takes as much as it can: of `ws-a-role-b-role-admin` the pattern
/// `ws-{workspace}-role-{role}` makes the workspace `a-role-b` and the role `admin`.
#[derive(Clone, Debug)]
pub struct Pattern {
    parts: Vec<Part>,
    captures: Vec<String>,
}

/// A piece of a pattern, ready to be compared.
#[derive(Clone, Debug)]
enum Part {
    /// These signs, whatever their case.
    Text(Vec<char>),
    /// `*`.
    Anything,
    /// A capture: one sign of a word or more.
    Word,
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
        let (mut parts, mut captures): (Vec<Part>, Vec<String>) = (Vec::new(), Vec::new());
        for piece in &pieces {
            if !matches!((piece, parts.last()), (Piece::Text(_), _) | (_, None | Some(Part::Text(_)))) {
                return Err("has * and {…} side by side, so nobody can say where one ends; put a text between them".to_owned());
            }
            parts.push(match piece {
                Piece::Text(text) => Part::Text(text.chars().map(folded).collect()),
                Piece::Anything => Part::Anything,
                Piece::Capture(name) if captures.iter().any(|known| known == name) => {
                    return Err(format!("captures {{{name}}} twice; give the second another name"));
                }
                Piece::Capture(name) => {
                    captures.push((*name).to_owned());
                    Part::Word
                }
            });
        }
        Ok(Self { parts, captures })
    }

    /// What it captures, by name.
    pub fn names(&self) -> &[String] {
        &self.captures
    }

    /// What it finds in a name that it fits.
    pub fn captures(&self, name: &str) -> Option<Captures> {
        let signs: Vec<char> = name.chars().collect();
        let rests = self.rests(&signs)?;
        let (mut at, mut found) = (0, Vec::new());
        for (part, rest) in self.parts.iter().zip(rests.iter().skip(1)) {
            let fits = |end: &usize| rest.get(*end).is_some_and(|fits| *fits);
            match part {
                Part::Text(text) => at += text.len(),
                Part::Anything => at = (at..=signs.len()).rfind(fits)?,
                Part::Word => {
                    let longest = signs.iter().skip(at).take_while(|sign| is_of_word(**sign)).count();
                    let end = (at + 1..=at + longest).rfind(fits)?;
                    found.push(signs.get(at..end)?.iter().collect());
                    at = end;
                }
            }
        }
        Some(Captures(self.captures.iter().cloned().zip::<Vec<String>>(found).collect()))
    }

    /// For each part, and behind the last, from which places on it and what follows it fit the rest of the name; `None` where
    /// there is no such place.
    fn rests(&self, signs: &[char]) -> Option<Vec<Vec<bool>>> {
        let folded: Vec<char> = signs.iter().copied().map(folded).collect();
        let mut rest: Vec<bool> = (0..=signs.len()).map(|at| at == signs.len()).collect();
        let mut rests = vec![rest.clone()];
        for part in self.parts.iter().rev() {
            let follows = |at: usize| rest.get(at).is_some_and(|fits| *fits);
            rest = match part {
                Part::Text(text) => {
                    let starts = |at: usize| folded.get(at..).is_some_and(|folded| folded.starts_with(text));
                    (0..=signs.len()).map(|at| follows(at + text.len()) && starts(at)).collect()
                }
                Part::Anything => {
                    let last = rest.iter().rposition(|fits| *fits);
                    (0..=signs.len()).map(|at| last.is_some_and(|last| at <= last)).collect()
                }
                Part::Word => {
                    let mut ends = false;
                    let mut row: Vec<bool> = std::iter::once(false)
                        .chain(signs.iter().enumerate().rev().map(|(at, sign)| {
                            ends = is_of_word(*sign) && (ends || follows(at + 1));
                            ends
                        }))
                        .collect();
                    row.reverse();
                    row
                }
            };
            if !rest.contains(&true) {
                return None;
            }
            rests.push(rest.clone());
        }
        rests.reverse();
        rest.first().is_some_and(|fits| *fits).then_some(rests)
    }
}

/// A sign as it is compared (Unicode's simple case folding, where it is one sign for one).
fn folded(sign: char) -> char {
    if sign.is_ascii() {
        return sign.to_ascii_lowercase();
    }
    let upper = alone(sign.to_uppercase()).unwrap_or(sign);
    alone(upper.to_lowercase()).unwrap_or(upper)
}

fn alone(mut signs: impl Iterator<Item = char>) -> Option<char> {
    signs.next().filter(|_| signs.next().is_none())
}

/// Letters and marks of every script, decimal digits, `-` and `_`.
fn is_of_word(sign: char) -> bool {
    if sign.is_ascii() {
        return sign.is_ascii_alphanumeric() || matches!(sign, '-' | '_');
    }
    let category = CodePointMapData::<GeneralCategory>::new().get(sign);
    let word = GeneralCategoryGroup::Letter.union(GeneralCategoryGroup::Mark).union(GeneralCategoryGroup::DecimalNumber);
    word.contains(category)
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
