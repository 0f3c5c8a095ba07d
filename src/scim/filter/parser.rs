//! From a text to a filter, in one pass: what a stranger sends costs time in proportion to its length, and no depth of
//! brackets reaches the end of the stack.

use crate::scim::{
    fault::Fault,
    filter::{AttrPath, Filter, Literal, Operator},
};

/// How many bytes a filter may have.
pub const LONGEST: usize = 8192;
/// How deep brackets may be nested.
pub const DEEPEST: usize = 32;
/// How many comparisons a filter may make: each is a term of an SQL statement.
pub const MOST: usize = 100;

/// Reads a filter.
///
/// # Errors
/// `invalidFilter`, saying where and why.
pub fn parse(text: &str) -> Result<Filter, Fault> {
    let mut parser = Parser::new(text)?;
    let filter = parser.any_of(0, false)?;
    parser.end()?;
    Ok(filter)
}

/// Reads the path of a PATCH operation: an attribute, perhaps a filter in brackets, perhaps a sub-attribute.
///
/// # Errors
/// `invalidPath`, or `invalidFilter` for what is in the brackets.
pub fn parse_path(text: &str) -> Result<(AttrPath, Option<Filter>), Fault> {
    let malformed = |fault: Fault| Fault::invalid_path(fault.detail);
    let mut parser = Parser::new(text).map_err(malformed)?;
    let mut attribute = parser.attribute().map_err(malformed)?;
    let mut selected = None;
    if parser.take(b'[') {
        if attribute.sub.is_some() {
            return Err(malformed(parser.fault("only an attribute has elements to choose from")));
        }
        selected = Some(parser.any_of(1, true)?);
        parser.close(b']')?;
        attribute.sub = parser.sub_attribute().map_err(malformed)?;
    }
    parser.end().map_err(malformed)?;
    Ok((attribute, selected))
}

struct Parser<'t> {
    text: &'t str,
    at: usize,
    comparisons: usize,
    /// Bytes looked at, for the test that time is linear.
    steps: usize,
}

impl<'t> Parser<'t> {
    fn new(text: &'t str) -> Result<Self, Fault> {
        if text.len() > LONGEST {
            return Err(Fault::invalid_filter(format!("it is longer than {LONGEST} bytes")));
        }
        Ok(Self { text, at: 0, comparisons: 0, steps: 0 })
    }

    /// `a or b or c`.
    fn any_of(&mut self, depth: usize, inside: bool) -> Result<Filter, Fault> {
        let mut terms = vec![self.all_of(depth, inside)?];
        while self.keyword("or") {
            terms.push(self.all_of(depth, inside)?);
        }
        Ok(one_or(terms, Filter::Or))
    }

    /// `a and b and c`, which binds tighter.
    fn all_of(&mut self, depth: usize, inside: bool) -> Result<Filter, Fault> {
        let mut terms = vec![self.term(depth, inside)?];
        while self.keyword("and") {
            terms.push(self.term(depth, inside)?);
        }
        Ok(one_or(terms, Filter::And))
    }

    fn term(&mut self, depth: usize, inside: bool) -> Result<Filter, Fault> {
        let not = self.keyword("not");
        self.blanks();
        if self.take(b'(') {
            self.deeper(depth)?;
            let filter = self.any_of(depth + 1, inside)?;
            self.close(b')')?;
            return Ok(if not { Filter::Not(Box::new(filter)) } else { filter });
        }
        if not {
            return Err(self.fault("`not` is followed by a filter in parentheses"));
        }
        self.comparison(depth, inside)
    }

    fn comparison(&mut self, depth: usize, inside: bool) -> Result<Filter, Fault> {
        let path = self.attribute()?;
        if inside && (path.schema.is_some() || path.sub.is_some()) {
            return Err(self.fault("in brackets stand sub-attributes only"));
        }
        if !self.take(b'[') {
            return self.operation(path);
        }
        if inside || path.sub.is_some() {
            return Err(self.fault("brackets follow an attribute, and are not nested"));
        }
        self.deeper(depth)?;
        let filter = self.any_of(depth + 1, true)?;
        self.close(b']')?;
        let Some(sub) = self.sub_attribute()? else {
            return Ok(Filter::Any(path, Box::new(filter)));
        };
        let operation = self.operation(AttrPath { schema: None, attribute: sub, sub: None })?;
        Ok(Filter::Any(path, Box::new(Filter::And(vec![filter, operation]))))
    }

    /// What follows an attribute.
    fn operation(&mut self, path: AttrPath) -> Result<Filter, Fault> {
        self.comparisons += 1;
        if self.comparisons > MOST {
            return Err(self.fault(&format!("there are more than {MOST} comparisons")));
        }
        let start = self.blanks();
        let word = self.word();
        if word.eq_ignore_ascii_case("pr") {
            return Ok(Filter::Present(path));
        }
        let Some(operator) = Operator::parse(word) else {
            return Err(self.fault_at(start, "an operator is expected: eq, ne, co, sw, ew, gt, ge, lt, le or pr"));
        };
        let start = self.blanks();
        let literal = self.literal()?;
        if literal == Literal::Null && !matches!(operator, Operator::Eq | Operator::Ne) {
            return Err(self.fault_at(start, "null can only be equal or not"));
        }
        Ok(Filter::Compare(path, operator, literal))
    }

    fn attribute(&mut self) -> Result<AttrPath, Fault> {
        let start = self.blanks();
        let word = self.word();
        if word.is_empty() || ["and", "or", "not"].iter().any(|keyword| word.eq_ignore_ascii_case(keyword)) {
            return Err(self.fault_at(start, "an attribute is expected"));
        }
        AttrPath::parse(word).map_err(|fault| self.fault_at(start, &fault.detail))
    }

    /// `.value` right behind a bracket.
    fn sub_attribute(&mut self) -> Result<Option<String>, Fault> {
        if !self.take(b'.') {
            return Ok(None);
        }
        let start = self.at;
        let path = AttrPath::parse(self.word()).map_err(|fault| self.fault_at(start, &fault.detail))?;
        if path.schema.is_some() || path.sub.is_some() {
            return Err(self.fault_at(start, "a sub-attribute is expected"));
        }
        Ok(Some(path.attribute))
    }

    fn literal(&mut self) -> Result<Literal, Fault> {
        let start = self.at;
        let literal = if self.peek() == Some(b'"') { self.quoted()? } else { self.bare()? };
        // PostgreSQL keeps no NUL in a text, so nothing could equal it.
        if literal.text().is_some_and(|text| text.contains('\0')) {
            return Err(self.fault_at(start, "a value has no NUL"));
        }
        Ok(literal)
    }

    /// A JSON string.
    fn quoted(&mut self) -> Result<Literal, Fault> {
        let start = self.at;
        self.step();
        loop {
            match self.peek() {
                Some(b'"') => break self.step(),
                Some(b'\\') => {
                    self.step();
                    self.step();
                }
                Some(_) => self.step(),
                None => return Err(self.fault_at(start, "the string has no end")),
            }
        }
        let text = self.text.get(start..self.at).and_then(|json| serde_json::from_str(json).ok());
        text.map(Literal::Text).ok_or_else(|| self.fault_at(start, "the string is not a JSON string"))
    }

    /// A word without quotes, which some clients send: `userName eq kim@corp.example`.
    fn bare(&mut self) -> Result<Literal, Fault> {
        let start = self.at;
        while self.peek().is_some_and(|b| !b.is_ascii_whitespace() && !matches!(b, b')' | b']')) {
            self.step();
        }
        let word = self.text.get(start..self.at).unwrap_or_default();
        let keyword = ["and", "or", "not"].iter().any(|keyword| word.eq_ignore_ascii_case(keyword));
        if word.is_empty() || keyword {
            return Err(self.fault_at(start, "a value is expected"));
        }
        let odd = |c: char| c.is_control() || matches!(c, '"' | '(' | '[' | '\\');
        if word.starts_with('\'') || word.contains(odd) {
            return Err(self.fault_at(start, "a value like this stands in double quotes"));
        }
        Ok(Literal::bare(word))
    }

    fn deeper(&self, depth: usize) -> Result<(), Fault> {
        if depth < DEEPEST { Ok(()) } else { Err(self.fault(&format!("brackets are nested deeper than {DEEPEST}"))) }
    }

    fn close(&mut self, bracket: u8) -> Result<(), Fault> {
        self.blanks();
        if self.take(bracket) {
            return Ok(());
        }
        Err(self.fault(&format!("`and`, `or` or `{}` is expected", char::from(bracket))))
    }

    fn end(&mut self) -> Result<(), Fault> {
        self.blanks();
        if self.peek().is_none() { Ok(()) } else { Err(self.fault("it should end here, or go on with `and` or `or`")) }
    }

    /// Whether the next word is this keyword, which is taken then.
    fn keyword(&mut self, keyword: &str) -> bool {
        let start = self.blanks();
        self.steps += keyword.len();
        let end = start + keyword.len();
        let same = self.text.get(start..end).is_some_and(|word| word.eq_ignore_ascii_case(keyword));
        let whole = self.text.as_bytes().get(end).is_none_or(|b| b.is_ascii_whitespace() || *b == b'(');
        if same && whole {
            self.at = end;
        }
        same && whole
    }

    /// Letters up to a blank or bracket.
    fn word(&mut self) -> &'t str {
        let start = self.at;
        while self.peek().is_some_and(|b| !b.is_ascii_whitespace() && !matches!(b, b'(' | b')' | b'[' | b']' | b'"')) {
            self.step();
        }
        self.text.get(start..self.at).unwrap_or_default()
    }

    /// Skips blanks and says where it is then.
    fn blanks(&mut self) -> usize {
        while self.peek().is_some_and(|b| b.is_ascii_whitespace()) {
            self.step();
        }
        self.at
    }

    fn take(&mut self, byte: u8) -> bool {
        let there = self.peek() == Some(byte);
        if there {
            self.step();
        }
        there
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn step(&mut self) {
        self.at += 1;
        self.steps += 1;
    }

    fn fault(&self, cause: &str) -> Fault {
        self.fault_at(self.at, cause)
    }

    fn fault_at(&self, at: usize, cause: &str) -> Fault {
        let before = self.text.get(..at).map_or(self.text.len(), |before| before.chars().count());
        Fault::invalid_filter(format!("at character {}: {cause}", before + 1))
    }
}

fn one_or(mut terms: Vec<Filter>, many: fn(Vec<Filter>) -> Filter) -> Filter {
    match terms.pop() {
        Some(term) if terms.is_empty() => term,
        last => many(terms.into_iter().chain(last).collect()),
    }
}

/// How many bytes were looked at, some of them more than once.
#[cfg(test)]
pub(super) fn steps(text: &str) -> usize {
    Parser::new(text).map_or(0, |mut parser| {
        let _ = parser.any_of(0, false);
        parser.steps
    })
}

#[cfg(test)]
mod tests;
