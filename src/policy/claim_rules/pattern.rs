//! Patterns for texts. Both kinds must match the whole text, and take time linear in it whatever they look like.

use regex::{Regex, RegexBuilder};

use super::{Mark, Steps};

/// Longest pattern in bytes.
const LONGEST: usize = 1024;
/// Longest text in bytes that a pattern or an expression matches. What people and machines are called by is shorter (a SPIFFE
/// ID has as many at most).
const LONGEST_TEXT: usize = 2048;
/// Most bytes that an expression may take once compiled.
const LARGEST: usize = 256 * 1024;
/// By which of these an expression counts: the least that it fits into.
const SIZES: [usize; 4] = [4 * 1024, 16 * 1024, 64 * 1024, LARGEST];
/// Most bytes that an expression keeps of what it has looked at, in each of a few threads.
const REMEMBERED: usize = 64 * 1024;

/// Compiles an expression, and says how many bytes it takes at most.
pub fn expression(text: &str) -> Result<(Regex, usize), String> {
    if text.len() > LONGEST {
        return Err(format!("has an expression of more than {LONGEST} characters"));
    }
    let build =
        |text: &str, size: usize| RegexBuilder::new(text).size_limit(size).dfa_size_limit(REMEMBERED).nest_limit(32).build();
    // Without its text, which may have come out of the environment.
    let unusable = |e: regex::Error| match e {
        regex::Error::CompiledTooBig(_) => "has an expression that is too large: repeat less".to_owned(),
        // The last line says what, those before draw it.
        e => format!("has an unusable expression: {}", e.to_string().lines().last().unwrap_or_default().trim()),
    };
    // By itself first: `a)|(b` would be an expression only between our parentheses, and leave them.
    build(text, LARGEST).map_err(unusable)?;
    let whole = format!(r"\A(?:{text})\z");
    for size in SIZES {
        match build(&whole, size) {
            Ok(expression) => return Ok((expression, size)),
            Err(regex::Error::CompiledTooBig(_)) if size < LARGEST => {}
            Err(e) => return Err(unusable(e)),
        }
    }
    Err(unusable(regex::Error::CompiledTooBig(LARGEST)))
}

/// What a byte of a text takes an expression of this size at worst: where it cannot keep what it has seen, each byte leads to
/// a look at all its states.
pub fn steps(size: usize) -> usize {
    size / 128
}

/// Whether patterns and expressions look at a text at all.
pub fn is_looked_at(text: &str) -> bool {
    text.len() <= LONGEST_TEXT
}

/// Whether a text is a pattern, where one without `*` stands for itself.
pub fn is_glob(text: &str) -> bool {
    text.contains('*')
}

/// Whether a pattern with `*` can be used.
pub fn check_glob(text: &str) -> Result<(), String> {
    match text {
        "" => Err("has an empty pattern".to_owned()),
        _ if text.len() > LONGEST => Err(format!("has a pattern of more than {LONGEST} characters")),
        _ => Ok(()),
    }
}

/// Whether the whole text matches the pattern, in which each `*` stands for any number of characters that separate
/// nothing: `*@acme.example` takes one address of that domain and no second `@`, no line break, no path.
///
/// What stands between two `*` is taken where it first occurs. A later occurrence could serve no better: were what the next
/// `*` has to skip then forbidden to it, so it would be to the one before.
pub fn glob(pattern: &str, text: &str, steps: &mut Steps) -> bool {
    if !steps.take(1) || !is_looked_at(text) {
        return false;
    }
    let mut pieces = pattern.split('*');
    let Some(mut rest) = pieces.next().and_then(|first| text.strip_prefix(first)) else { return false };
    let Some(last) = pieces.next_back() else { return rest.is_empty() };
    for piece in pieces {
        let found = rest.find(piece);
        if !steps.take(1 + piece.len() + found.unwrap_or(rest.len())) {
            return false;
        }
        let Some(at) = found.filter(|at| is_wild(&rest[..*at])) else { return false };
        rest = &rest[at + piece.len()..];
    }
    rest.strip_suffix(last).is_some_and(|wild| steps.take(wild.len()) && is_wild(wild))
}

/// What any text that matches the pattern begins or ends with, whichever says more; `None` where that may be anything.
pub fn edge(pattern: &str) -> Option<Mark<'_>> {
    let (Some((start, _)), Some((_, end))) = (pattern.split_once('*'), pattern.rsplit_once('*')) else {
        return Some(Mark::Whole(pattern));
    };
    let mark = if start.len() > end.len() { Mark::Start(start) } else { Mark::End(end) };
    (!start.is_empty() || !end.is_empty()).then_some(mark)
}

/// Whether `*` may stand for it.
fn is_wild(text: &str) -> bool {
    text.chars().all(|c| !matches!(c, '/' | ':' | '@') && !c.is_whitespace() && !c.is_control() && !is_unseen(c))
}

/// Characters that no one sees, or that turn the text around them.
fn is_unseen(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}
