//! What a SCIM caller is told when a request fails (RFC 7644 §3.12).

use serde_json::{Value, json};

/// An error of the protocol: what becomes the status and the Error body. The detail is for the caller, so it says what
/// is wrong and where, and nothing about others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The HTTP status.
    pub status: u16,
    /// The keyword of RFC 7644 table 9, where there is one.
    pub scim_type: Option<&'static str>,
    /// For people.
    pub detail: String,
}

impl Fault {
    /// Any status, without a keyword.
    pub fn new(status: u16, detail: impl Into<String>) -> Self {
        Self { status, scim_type: None, detail: detail.into() }
    }

    fn bad(scim_type: &'static str, detail: impl Into<String>) -> Self {
        Self { status: 400, scim_type: Some(scim_type), detail: detail.into() }
    }

    /// The filter is malformed, too large, or asks what cannot be asked.
    pub fn invalid_filter(detail: impl Into<String>) -> Self {
        Self::bad("invalidFilter", detail)
    }

    /// The body does not have the form of its message.
    pub fn invalid_syntax(detail: impl Into<String>) -> Self {
        Self::bad("invalidSyntax", detail)
    }

    /// The path of a PATCH operation is malformed or leads nowhere.
    pub fn invalid_path(detail: impl Into<String>) -> Self {
        Self::bad("invalidPath", detail)
    }

    /// A required value is missing, or a value has the wrong type.
    pub fn invalid_value(detail: impl Into<String>) -> Self {
        Self::bad("invalidValue", detail)
    }

    /// A PATCH operation has no target.
    pub fn no_target(detail: impl Into<String>) -> Self {
        Self::bad("noTarget", detail)
    }

    /// What must not be changed would be.
    pub fn mutability(detail: impl Into<String>) -> Self {
        Self::bad("mutability", detail)
    }

    /// Somebody else has this value already.
    pub fn uniqueness(detail: impl Into<String>) -> Self {
        Self { status: 409, scim_type: Some("uniqueness"), detail: detail.into() }
    }

    /// There is no such resource in this directory.
    #[must_use]
    pub fn not_found(id: &str) -> Self {
        Self::new(404, format!("there is no resource {id} here"))
    }

    /// The Error body.
    #[must_use]
    pub fn body(&self) -> Value {
        let mut body = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"],
            "status": self.status.to_string(),
            "detail": self.detail,
        });
        if let Some(keyword) = self.scim_type {
            body["scimType"] = keyword.into();
        }
        body
    }
}
