//! The path of an operation: `title`, `name.givenName`, `emails[type eq "work"].value`.

use crate::scim::{
    fault::Fault,
    filter::{AttrPath, Filter, parse_path},
};

/// How many bytes a path may have: filters of a thousand operations are asked of every element.
const LONGEST: usize = 512;

/// What an operation is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    /// The attribute; with `selected`, its sub-attribute is the one after the bracket.
    pub attribute: AttrPath,
    /// Which elements of it.
    pub selected: Option<Filter>,
}

impl Path {
    /// Reads a path.
    ///
    /// # Errors
    /// `invalidPath` or, for what is in brackets, `invalidFilter`.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        if text.len() > LONGEST {
            return Err(Fault::invalid_path(format!("the path is longer than {LONGEST} bytes")));
        }
        let (attribute, selected) = parse_path(text)?;
        Ok(Self { attribute, selected })
    }

    /// The path that a key of an object without a path stands for, below `schema` if the object is that schema's. None
    /// for a name that no schema could know, which is kept as it is.
    ///
    /// # Errors
    /// As `parse`, for keys with brackets.
    pub(super) fn of_key(key: &str, schema: Option<&str>) -> Result<Option<Self>, Fault> {
        let text = schema.map_or_else(|| key.to_owned(), |schema| format!("{schema}:{key}"));
        match Self::parse(&text) {
            Ok(path) => Ok(Some(path)),
            Err(fault) if key.contains('[') => Err(fault),
            Err(_) => Ok(None),
        }
    }
}
