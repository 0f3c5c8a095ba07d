//! What a User and a Group are (RFC 7643): one table, from which come the bodies of discovery, the reading of what
//! clients send (`reading`, and `spelling` for names that it does not know), and what of it is returned
//! (`projection`).

mod discovery;
mod enterprise;
mod group;
pub(super) mod members;
mod place;
mod projection;
pub(super) mod reading;
pub(super) mod spelling;
mod user;
pub(super) mod value;

use serde_json::Value;

pub use discovery::{BULK_OPERATIONS, resource_type, resource_types, schema, schemas, service_provider_config};
pub use place::{Place, split_urn};
pub use projection::Projection;
pub use reading::{GroupBody, canonical_group, canonical_user};

/// What a User is in SCIM.
pub static USER: ResourceType =
    ResourceType { name: "User", endpoint: "/Users", schema: &user::SCHEMA, extensions: &[&enterprise::SCHEMA] };

/// What a Group is in SCIM.
pub static GROUP: ResourceType = ResourceType { name: "Group", endpoint: "/Groups", schema: &group::SCHEMA, extensions: &[] };

/// The enterprise extension of Users.
pub use enterprise::ID as ENTERPRISE;

/// A kind of resource.
#[derive(Debug)]
pub struct ResourceType {
    /// `User`.
    pub name: &'static str,
    /// `/Users`.
    pub endpoint: &'static str,
    /// The schema of its own attributes.
    pub schema: &'static Schema,
    /// Schemas of attributes that live in an object named by the schema's URN.
    pub extensions: &'static [&'static Schema],
}

/// A set of attributes with a URN.
#[derive(Debug)]
pub struct Schema {
    /// The URN.
    pub id: &'static str,
    /// Its name in `/Schemas`.
    pub name: &'static str,
    /// Its description in `/Schemas`.
    pub description: &'static str,
    /// Other spellings of the URN that clients are known to send.
    pub aliases: &'static [&'static str],
    /// Its attributes.
    pub attributes: &'static [Attribute],
}

/// An attribute or sub-attribute and its characteristics (RFC 7643 §7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// In the spelling that is returned.
    pub name: &'static str,
    /// For people.
    pub description: &'static str,
    /// The type of its values.
    pub kind: Kind,
    /// Whether it is a list.
    pub multi_valued: bool,
    /// Whether a resource must have it.
    pub required: bool,
    /// Whether texts are compared with regard to case.
    pub case_exact: bool,
    /// Whether clients may write it.
    pub mutability: Mutability,
    /// Whether clients may read it.
    pub returned: Returned,
    /// Whether two resources may have the same.
    pub uniqueness: Uniqueness,
    /// Values with a meaning; others are accepted.
    pub canonical_values: &'static [&'static str],
    /// What a reference may lead to.
    pub reference_types: &'static [&'static str],
    /// How many characters a value may have.
    pub longest: usize,
    /// What a complex value consists of.
    pub sub_attributes: &'static [Attribute],
}

/// The type of an attribute's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A text.
    String,
    /// True or false.
    Boolean,
    /// An instant.
    DateTime,
    /// A URI.
    Reference,
    /// Base64.
    Binary,
    /// An object of sub-attributes.
    Complex,
}

/// Who may write an attribute, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutability {
    /// Only gatehouse.
    ReadOnly,
    /// The client.
    ReadWrite,
    /// The client, when the value is made.
    Immutable,
    /// The client, and nobody reads it.
    WriteOnly,
}

/// When an attribute is returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Returned {
    /// Whatever was asked for.
    Always,
    /// Unless it is excluded or others are asked for.
    Default,
    /// Never.
    Never,
}

/// Whether two resources of a directory may have the same value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Uniqueness {
    /// They may.
    None,
    /// They may not.
    Server,
}

/// The field of an object by its name in any case; an exact match goes first.
#[must_use]
pub fn field<'v>(value: &'v Value, name: &str) -> Option<&'v Value> {
    let fields = value.as_object()?;
    fields.get(name).or_else(|| fields.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value))
}

impl Attribute {
    const fn new(name: &'static str, kind: Kind, description: &'static str) -> Self {
        Self {
            name,
            description,
            kind,
            multi_valued: false,
            required: false,
            case_exact: false,
            mutability: Mutability::ReadWrite,
            returned: Returned::Default,
            uniqueness: Uniqueness::None,
            canonical_values: &[],
            reference_types: &[],
            longest: 4096,
            sub_attributes: &[],
        }
    }

    const fn text(name: &'static str, description: &'static str) -> Self {
        Self::new(name, Kind::String, description)
    }

    const fn boolean(name: &'static str, description: &'static str) -> Self {
        Self::new(name, Kind::Boolean, description)
    }

    const fn reference(name: &'static str, to: &'static [&'static str], description: &'static str) -> Self {
        Self { case_exact: true, reference_types: to, ..Self::new(name, Kind::Reference, description) }
    }

    const fn complex(name: &'static str, sub_attributes: &'static [Attribute], description: &'static str) -> Self {
        Self { sub_attributes, ..Self::new(name, Kind::Complex, description) }
    }

    const fn many(name: &'static str, sub_attributes: &'static [Attribute], description: &'static str) -> Self {
        Self { multi_valued: true, ..Self::complex(name, sub_attributes, description) }
    }

    /// Kept in a column with an index beside the resource: PostgreSQL indexes no value over 2,700 bytes.
    const fn indexed(self) -> Self {
        Self { longest: 512, ..self }
    }

    const fn required(self) -> Self {
        Self { required: true, ..self }
    }

    const fn exact(self) -> Self {
        Self { case_exact: true, ..self }
    }

    const fn unique(self) -> Self {
        Self { uniqueness: Uniqueness::Server, ..self }
    }

    const fn read_only(self) -> Self {
        Self { mutability: Mutability::ReadOnly, ..self }
    }

    const fn immutable(self) -> Self {
        Self { mutability: Mutability::Immutable, ..self }
    }

    const fn one_of(self, canonical_values: &'static [&'static str]) -> Self {
        Self { canonical_values, ..self }
    }

    /// The sub-attribute of that name, in any case.
    #[must_use]
    pub fn sub(&self, name: &str) -> Option<&'static Attribute> {
        self.sub_attributes.iter().find(|sub| sub.name.eq_ignore_ascii_case(name))
    }
}

impl Schema {
    /// The attribute of that name, in any case.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&'static Attribute> {
        self.attributes.iter().find(|attribute| attribute.name.eq_ignore_ascii_case(name))
    }
}
