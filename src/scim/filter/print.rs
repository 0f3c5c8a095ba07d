//! A filter as text, which reads as the same filter.

use std::fmt::{Display, Formatter, Result};

use crate::scim::filter::{AttrPath, Filter, Literal, Operator};

impl Display for Filter {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Compare(path, operator, literal) => write!(f, "{path} {operator} {literal}"),
            Self::Present(path) => write!(f, "{path} pr"),
            Self::Any(path, filter) => write!(f, "{path}[{filter}]"),
            Self::Not(filter) => write!(f, "not ({filter})"),
            Self::And(terms) => joined(f, terms, " and ", |term| matches!(term, Self::And(_) | Self::Or(_))),
            Self::Or(terms) => joined(f, terms, " or ", |term| matches!(term, Self::Or(_))),
        }
    }
}

fn joined(f: &mut Formatter<'_>, terms: &[Filter], by: &str, bracketed: fn(&Filter) -> bool) -> Result {
    for (position, term) in terms.iter().enumerate() {
        if position > 0 {
            f.write_str(by)?;
        }
        if bracketed(term) {
            write!(f, "({term})")?;
        } else {
            write!(f, "{term}")?;
        }
    }
    Ok(())
}

impl Display for AttrPath {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match &self.schema {
            Some(schema) if self.attribute.is_empty() => return f.write_str(schema),
            Some(schema) => write!(f, "{schema}:")?,
            None => {}
        }
        f.write_str(&self.attribute)?;
        self.sub.as_ref().map_or(Ok(()), |sub| write!(f, ".{sub}"))
    }
}

impl Display for Literal {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Text(text) => write!(f, "{}", serde_json::Value::from(text.as_str())),
            Self::Number(number) => f.write_str(number),
            Self::Boolean(truth) => write!(f, "{truth}"),
            Self::Null => f.write_str("null"),
        }
    }
}

impl Display for Operator {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let (name, _) = NAMES.iter().find(|(_, operator)| operator == self).unwrap_or(&("", Self::Eq));
        f.write_str(name)
    }
}

const NAMES: &[(&str, Operator)] = &[
    ("eq", Operator::Eq),
    ("ne", Operator::Ne),
    ("co", Operator::Co),
    ("sw", Operator::Sw),
    ("ew", Operator::Ew),
    ("gt", Operator::Gt),
    ("ge", Operator::Ge),
    ("lt", Operator::Lt),
    ("le", Operator::Le),
];

impl Operator {
    /// In any case.
    pub(super) fn parse(word: &str) -> Option<Self> {
        NAMES.iter().find(|(name, _)| word.eq_ignore_ascii_case(name)).map(|(_, operator)| *operator)
    }
}
