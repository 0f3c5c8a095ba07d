//! From a text to a filter.

use crate::scim::{fault::Fault, filter::Filter};

/// Reads a filter.
///
/// # Errors
/// `invalidFilter`, saying where and why.
pub fn parse(text: &str) -> Result<Filter, Fault> {
    Err(Fault::invalid_filter(format!("{text:?} cannot be read yet")))
}
