//! Whether a filter holds for a resource in memory.

use std::cmp::Ordering;

use serde_json::Value;

use crate::scim::{
    fault::Fault,
    filter::{
        AttrPath, Filter, Literal, Operator,
        literal::{boolean, instant},
    },
    schema::{Attribute, Kind, Place, ResourceType, field},
};

/// Where the paths of a filter begin.
#[derive(Clone, Copy)]
enum Scope {
    Resource(&'static ResourceType),
    Element(Option<&'static Attribute>),
}

/// What an element is that does not say whether it is primary (RFC 7643 §2.4).
static NOT_PRIMARY: Value = Value::Bool(false);

impl Filter {
    /// Whether `resource`, in its canonical form, is like that.
    #[must_use]
    pub fn matches(&self, resource: &Value, kind: &'static ResourceType) -> bool {
        self.holds(resource, Scope::Resource(kind))
    }

    /// Whether one element of a multi-valued attribute is; `attribute` is none if the schema does not know it.
    #[must_use]
    pub fn matches_element(&self, element: &Value, attribute: Option<&'static Attribute>) -> bool {
        self.holds(element, Scope::Element(attribute))
    }

    fn holds(&self, root: &Value, scope: Scope) -> bool {
        match self {
            Self::And(terms) => terms.iter().all(|term| term.holds(root, scope)),
            Self::Or(terms) => terms.iter().any(|term| term.holds(root, scope)),
            Self::Not(filter) => !filter.holds(root, scope),
            Self::Present(path) | Self::Compare(path, Operator::Ne, Literal::Null) => present(root, scope, path),
            Self::Compare(path, Operator::Eq, Literal::Null) => !present(root, scope, path),
            Self::Any(path, filter) => {
                let attribute = scope.attribute(path);
                scope.values(root, path).into_iter().any(|element| filter.matches_element(element, attribute))
            }
            Self::Compare(path, operator, literal) => {
                let path = scope.compared(path);
                let attribute = scope.attribute(&path);
                let values = scope.values(root, &path);
                match operator {
                    Operator::Ne => !values.iter().any(|value| compare(value, Operator::Eq, literal, attribute)),
                    operator => values.iter().any(|value| compare(value, *operator, literal, attribute)),
                }
            }
        }
    }

    /// That operators and values fit the types of the attributes they stand beside. Unknown attributes are left to whom
    /// they would be asked of.
    ///
    /// # Errors
    /// `invalidFilter`: a boolean has no order, a time is no text, and a name is nothing that equals.
    pub fn check(&self, kind: &'static ResourceType) -> Result<(), Fault> {
        self.fits(Scope::Resource(kind))
    }

    /// The same for a filter of the elements of an attribute.
    ///
    /// # Errors
    /// As `check`.
    pub fn check_element(&self, attribute: Option<&'static Attribute>) -> Result<(), Fault> {
        self.fits(Scope::Element(attribute))
    }

    fn fits(&self, scope: Scope) -> Result<(), Fault> {
        match self {
            Self::And(terms) | Self::Or(terms) => terms.iter().try_for_each(|term| term.fits(scope)),
            Self::Not(filter) => filter.fits(scope),
            Self::Present(_) | Self::Compare(_, _, Literal::Null) => Ok(()),
            Self::Any(path, filter) => match scope.attribute(path) {
                Some(attribute) if !attribute.multi_valued => {
                    Err(Fault::invalid_filter(format!("{path} has no elements to choose from")))
                }
                attribute => filter.fits(Scope::Element(attribute)),
            },
            Self::Compare(path, operator, literal) => {
                let path = scope.compared(path);
                let Some(attribute) = scope.attribute(&path) else { return Ok(()) };
                fits(attribute, *operator, literal).map_err(|cause| Fault::invalid_filter(format!("{path}: {cause}")))
            }
        }
    }
}

impl Scope {
    /// What the schema knows of the end of a path.
    fn attribute(self, path: &AttrPath) -> Option<&'static Attribute> {
        match self {
            Self::Element(attribute) => attribute?.sub(&path.attribute),
            Self::Resource(kind) => match (kind.place(path), &path.sub) {
                (Place::Known { attribute, .. }, None) => Some(attribute),
                (Place::Known { attribute, .. }, Some(sub)) => attribute.sub(sub),
                _ => None,
            },
        }
    }

    /// `emails eq x` is about `emails.value`.
    fn compared(self, path: &AttrPath) -> AttrPath {
        let value = self.attribute(path).and_then(|attribute| attribute.sub("value"));
        let sub = path.sub.clone().or_else(|| value.map(|value| value.name.to_owned()));
        AttrPath { sub, ..path.clone() }
    }

    /// The values at a path, those of all elements.
    fn values<'v>(self, root: &'v Value, path: &AttrPath) -> Vec<&'v Value> {
        let (root, attribute) = match self {
            Self::Element(attribute) => (Some(root), attribute.and_then(|attribute| attribute.sub(&path.attribute))),
            Self::Resource(kind) => match kind.place(path) {
                Place::Known { extension, attribute } => (inside(root, extension.map(|e| e.id)), Some(attribute)),
                Place::Unknown { extension } => (inside(root, extension.map(|e| e.id)), None),
                Place::Extension(schema) => return field(root, schema.id).into_iter().collect(),
            },
        };
        let name = attribute.map_or(path.attribute.as_str(), |attribute| attribute.name);
        let found = root.and_then(|root| field(root, name));
        let absent = (matches!(self, Self::Element(_)) && name == "primary").then_some(&NOT_PRIMARY);
        let elements = found.or(absent).map(elements).unwrap_or_default();
        match &path.sub {
            None => elements.iter().collect(),
            Some(sub) if sub.eq_ignore_ascii_case("primary") => {
                elements.iter().map(|element| field(element, sub).unwrap_or(&NOT_PRIMARY)).collect()
            }
            Some(sub) => elements.iter().filter_map(|element| field(element, sub)).collect(),
        }
    }
}

fn inside<'v>(root: &'v Value, extension: Option<&str>) -> Option<&'v Value> {
    extension.map_or(Some(root), |id| field(root, id))
}

fn elements(value: &Value) -> &[Value] {
    value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice)
}

fn present(root: &Value, scope: Scope, path: &AttrPath) -> bool {
    scope.values(root, path).into_iter().any(|value| match value {
        Value::Null => false,
        Value::Array(elements) => !elements.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
        _ => true,
    })
}

fn compare(value: &Value, operator: Operator, literal: &Literal, attribute: Option<&'static Attribute>) -> bool {
    match attribute.map(|attribute| attribute.kind) {
        Some(Kind::Boolean) => value.as_bool().is_some() && value.as_bool() == literal.boolean(),
        Some(Kind::DateTime) => match (value.as_str().and_then(instant), literal.instant()) {
            (Some(value), Some(literal)) => ordered(value.cmp(&literal), operator),
            _ => false,
        },
        _ => {
            let exact = attribute.is_some_and(|attribute| attribute.case_exact);
            let fold = |text: &str| if exact { text.to_owned() } else { text.to_lowercase() };
            let value = match value {
                Value::String(text) => fold(text),
                Value::Number(_) | Value::Bool(_) => value.to_string(),
                _ => return false,
            };
            literal.text().is_some_and(|literal| textual(&value, operator, &fold(&literal)))
        }
    }
}

fn textual(value: &str, operator: Operator, literal: &str) -> bool {
    match operator {
        Operator::Co => value.contains(literal),
        Operator::Sw => value.starts_with(literal),
        Operator::Ew => value.ends_with(literal),
        operator => ordered(value.cmp(literal), operator),
    }
}

fn ordered(ordering: Ordering, operator: Operator) -> bool {
    match operator {
        Operator::Eq => ordering.is_eq(),
        Operator::Gt => ordering.is_gt(),
        Operator::Ge => ordering.is_ge(),
        Operator::Lt => ordering.is_lt(),
        Operator::Le => ordering.is_le(),
        Operator::Ne | Operator::Co | Operator::Sw | Operator::Ew => false,
    }
}

/// Whether an attribute can be compared so, or why not.
fn fits(attribute: &Attribute, operator: Operator, literal: &Literal) -> Result<(), &'static str> {
    let equality = matches!(operator, Operator::Eq | Operator::Ne);
    let partial = matches!(operator, Operator::Co | Operator::Sw | Operator::Ew);
    match attribute.kind {
        Kind::Boolean if !equality => Err("a boolean is equal or not, and has no order"),
        Kind::Boolean if boolean(&literal.text().unwrap_or_default()).is_none() => Err("it is compared with true or false"),
        Kind::DateTime if partial => Err("a time is compared as a whole"),
        Kind::DateTime if literal.instant().is_none() => Err("it is compared with a time like 2026-01-31T09:30:00Z"),
        Kind::Binary if !equality && !partial => Err("a binary value has no order"),
        Kind::Complex => Err("it has sub-attributes; name the one to compare"),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
