//! What an attribute is compared with.

use std::borrow::Cow;

use time::{OffsetDateTime, PrimitiveDateTime, format_description::well_known::Iso8601, format_description::well_known::Rfc3339};

/// A comparison value. Which type it has is up to the attribute: clients quote what they like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Literal {
    /// Quoted, or a bare word.
    Text(String),
    /// A bare number, as it was written.
    Number(String),
    /// Bare `true` or `false`, in any case.
    Boolean(bool),
    /// Bare `null`: unassigned.
    Null,
}

impl Literal {
    /// What a word without quotes means.
    pub(super) fn bare(word: &str) -> Self {
        match word {
            _ if word.eq_ignore_ascii_case("null") => Self::Null,
            _ if serde_json::from_str::<serde_json::Number>(word).is_ok() => Self::Number(word.to_owned()),
            _ => boolean(word).map_or_else(|| Self::Text(word.to_owned()), Self::Boolean),
        }
    }

    /// As a text; none for `null`.
    #[must_use]
    pub fn text(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Text(text) | Self::Number(text) => Some(Cow::Borrowed(text)),
            Self::Boolean(true) => Some(Cow::Borrowed("true")),
            Self::Boolean(false) => Some(Cow::Borrowed("false")),
            Self::Null => None,
        }
    }

    /// As a boolean: `true`, `"True"`.
    #[must_use]
    pub fn boolean(&self) -> Option<bool> {
        boolean(&self.text()?)
    }

    /// As an instant; a time without an offset is read as UTC.
    #[must_use]
    pub fn instant(&self) -> Option<OffsetDateTime> {
        instant(&self.text()?)
    }
}

/// `true` and `false`, in any case.
pub(crate) fn boolean(text: &str) -> Option<bool> {
    match text {
        _ if text.eq_ignore_ascii_case("true") => Some(true),
        _ if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

/// An `xsd:dateTime`.
pub(crate) fn instant(text: &str) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(text, &Rfc3339)
        .or_else(|_| PrimitiveDateTime::parse(text, &Iso8601::DEFAULT).map(PrimitiveDateTime::assume_utc))
        .ok()
}
