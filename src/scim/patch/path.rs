//! The path of an operation: `title`, `name.givenName`, `emails[type eq "work"].value`.

use crate::scim::{
    fault::Fault,
    filter::{AttrPath, Filter},
};

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
        Ok(Self { attribute: AttrPath::parse(text)?, selected: None })
    }
}
