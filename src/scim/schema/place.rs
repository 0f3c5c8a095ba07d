//! Where in a resource a path leads.

use crate::scim::{
    filter::AttrPath,
    schema::{Attribute, GROUP, Kind, ResourceType, Returned, Schema, USER},
};

/// What every resource has (RFC 7643 §3.1); no schema lists it.
static COMMON: &[Attribute] = &[
    Attribute { returned: Returned::Always, ..Attribute::text("id", "Made by gatehouse.").exact().read_only() },
    Attribute::text("externalId", "The client's own identifier.").exact().indexed(),
    Attribute {
        returned: Returned::Always,
        multi_valued: true,
        ..Attribute::reference("schemas", &["uri"], "The schemas of the resource.")
    },
    Attribute::complex(
        "meta",
        &[
            Attribute::text("resourceType", "The kind of resource.").exact().read_only(),
            Attribute::new("created", Kind::DateTime, "When it came to be.").read_only(),
            Attribute::new("lastModified", Kind::DateTime, "When it last changed.").read_only(),
            Attribute::reference("location", &["uri"], "Where it is.").read_only(),
            Attribute::text("version", "Its ETag.").exact().read_only(),
        ],
        "About the resource.",
    )
    .read_only(),
];

/// Where a path leads. A sub-attribute is still to be looked up in the attribute.
#[derive(Clone, Copy, Debug)]
pub enum Place {
    /// An attribute of the schema, or of one of its extensions.
    Known {
        /// The extension that it is in.
        extension: Option<&'static Schema>,
        /// The attribute.
        attribute: &'static Attribute,
    },
    /// A whole extension.
    Extension(&'static Schema),
    /// Nothing that we know; of an extension that we do, or of none.
    Unknown {
        /// The extension that it would be in.
        extension: Option<&'static Schema>,
    },
}

impl ResourceType {
    /// Where `path` leads. An attribute of an extension is found without its URN too, as Entra sends `manager`.
    #[must_use]
    pub fn place(&self, path: &AttrPath) -> Place {
        let own = |name: &str| {
            let common = COMMON.iter().find(|attribute| attribute.name.eq_ignore_ascii_case(name));
            common.or_else(|| self.schema.attribute(name))
        };
        let extension = self.extensions.iter().copied().find(|schema| path.schema.as_deref() == Some(schema.id));
        match (&path.schema, extension) {
            (Some(_), Some(schema)) if path.attribute.is_empty() => Place::Extension(schema),
            (Some(_), Some(schema)) => match schema.attribute(&path.attribute) {
                Some(attribute) => Place::Known { extension, attribute },
                None => Place::Unknown { extension },
            },
            (Some(urn), None) if *urn != self.schema.id => Place::Unknown { extension: None },
            _ => match own(&path.attribute) {
                Some(attribute) => Place::Known { extension: None, attribute },
                None => self.extended(&path.attribute),
            },
        }
    }

    fn extended(&self, name: &str) -> Place {
        let mut found = self.extensions.iter().filter_map(|schema| Some((*schema, schema.attribute(name)?)));
        match found.next() {
            Some((schema, attribute)) => Place::Known { extension: Some(schema), attribute },
            None => Place::Unknown { extension: None },
        }
    }
}

/// The known schema that `text` begins with, by its right name, and what follows after a colon (or nothing). Another spelling of
/// the name counts where one of the schema's attributes follows: else it is the beginning of a longer URN, which is somebody's own.
#[must_use]
pub fn split_urn(text: &str) -> Option<(&'static str, &str)> {
    let schemas = [USER.schema, GROUP.schema].into_iter().chain(USER.extensions.iter().copied());
    let mut names = schemas.flat_map(|schema| [&schema.id].into_iter().chain(schema.aliases).map(move |name| (schema, *name)));
    names.find_map(|(schema, name)| {
        let (head, rest) = (text.get(..name.len())?, text.get(name.len()..)?);
        if !head.eq_ignore_ascii_case(name) {
            return None;
        }
        if rest.is_empty() {
            return Some((schema.id, rest));
        }
        let rest = rest.strip_prefix(':')?;
        (name == schema.id || has(schema, rest)).then_some((schema.id, rest))
    })
}

/// Whether a path begins with an attribute of the schema.
fn has(schema: &Schema, path: &str) -> bool {
    let name = path.split(['.', '[', ' ']).next().unwrap_or_default();
    schema.attribute(name).is_some() || COMMON.iter().any(|attribute| attribute.name.eq_ignore_ascii_case(name))
}
