//! Attribute paths: `userName`, `name.givenName`, `urn:ietf:params:scim:schemas:core:2.0:User:name.givenName`.

use crate::scim::{
    fault::Fault,
    schema::{self, Place, ResourceType},
};

/// The path of an attribute, as it was written but for the URNs of known schemas, which have their own spelling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttrPath {
    /// The schema that qualifies it. With an empty `attribute` it is the extension as a whole.
    pub schema: Option<String>,
    /// `name`.
    pub attribute: String,
    /// `givenName`.
    pub sub: Option<String>,
}

impl AttrPath {
    /// Reads a path. Known URNs are found whatever dots they have.
    ///
    /// # Errors
    /// If it is none; `invalidPath`.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let (schema, rest) = match schema::split_urn(text) {
            Some((schema, rest)) => (Some(schema.to_owned()), rest),
            None if text.get(..4).is_some_and(|head| head.eq_ignore_ascii_case("urn:")) => match text.rsplit_once(':') {
                Some((schema, rest)) => (Some(schema.to_owned()), rest),
                None => (None, text),
            },
            None => (None, text),
        };
        if rest.is_empty() && schema.as_deref().is_some_and(|urn| schema::split_urn(urn).is_some()) {
            return Ok(Self { schema, attribute: String::new(), sub: None });
        }
        let (attribute, sub) = match rest.split_once('.') {
            Some((attribute, sub)) => (attribute, Some(sub)),
            None => (rest, None),
        };
        if !is_name(attribute) || !sub.is_none_or(is_name) {
            let shown: String = text.chars().take(80).collect();
            return Err(Fault::invalid_path(format!("{shown:?} is no attribute")));
        }
        Ok(Self { schema, attribute: attribute.to_owned(), sub: sub.map(str::to_owned) })
    }

    /// Whether it is a schema as a whole.
    #[must_use]
    pub fn is_schema(&self) -> bool {
        self.attribute.is_empty()
    }

    /// The path in the schema's spelling, without the core URN: `userName`, `emails.value`,
    /// `urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department`. None if the schema does not know it.
    #[must_use]
    pub fn canonical(&self, kind: &ResourceType) -> Option<String> {
        let Place::Known { extension, attribute } = kind.place(self) else { return None };
        let mut name = extension.map(|schema| format!("{}:", schema.id)).unwrap_or_default();
        name.push_str(attribute.name);
        if let Some(sub) = &self.sub {
            name.push('.');
            name.push_str(attribute.sub(sub)?.name);
        }
        Some(name)
    }

    /// The same for a path inside `outer[…]`: `type` inside `emails[…]` is `emails.type`.
    #[must_use]
    pub fn canonical_within(&self, kind: &ResourceType, outer: &AttrPath) -> Option<String> {
        if self.schema.is_some() || self.sub.is_some() || outer.sub.is_some() {
            return None;
        }
        Self { sub: Some(self.attribute.clone()), ..outer.clone() }.canonical(kind)
    }
}

/// `ATTRNAME` of RFC 7643 §2.1, and `$ref`.
fn is_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'$')
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}
