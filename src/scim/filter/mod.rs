//! The language of SCIM filters (RFC 7644 §3.4.2.2).
//!
//! A text goes through `parser` into a `Filter`, which knows nothing of tables: the door compiles it into a condition of
//! bound SQL, and PATCH asks it of the elements of an attribute (`evaluation`). Both read it the same way:
//!
//! - `a ne x` is `not (a eq x)`, so it also holds where there is no `a`;
//! - `emails.value eq x` holds if any element's does; `emails eq x` means `emails.value eq x`;
//! - `eq null` is `not (a pr)`; an empty text is present, an empty list is not;
//! - an element that says nothing of `primary` has `primary eq false`;
//! - texts are compared in lower case unless the schema says `caseExact`, times as instants, and order is bytewise.

mod evaluation;
pub(super) mod literal;
mod parser;
mod path;
mod print;
#[cfg(test)]
mod properties;

pub use literal::Literal;
pub use parser::{parse, parse_path};
pub use path::AttrPath;

/// What a resource must be like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Filter {
    /// `userName eq "kim"`.
    Compare(AttrPath, Operator, Literal),
    /// `title pr`.
    Present(AttrPath),
    /// `emails[type eq "work"]`: one element of the attribute fulfils the filter, whose paths begin at the element.
    /// `emails[type eq "work"].value eq "x"` is read as `emails[type eq "work" and value eq "x"]`.
    Any(AttrPath, Box<Filter>),
    /// All of these, two or more.
    And(Vec<Filter>),
    /// One of these, two or more.
    Or(Vec<Filter>),
    /// The contrary.
    Not(Box<Filter>),
}

/// How a value is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// Equal.
    Eq,
    /// Not equal: the contrary of `Eq`, so it holds for what is absent.
    Ne,
    /// Contains.
    Co,
    /// Starts with.
    Sw,
    /// Ends with.
    Ew,
    /// Greater.
    Gt,
    /// Greater or equal.
    Ge,
    /// Less.
    Lt,
    /// Less or equal.
    Le,
}
