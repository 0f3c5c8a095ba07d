//! The enterprise extension of Users (RFC 7643 §4.3, §8.7.1).

use crate::scim::schema::{Attribute, Schema};

/// Its URN, and the name of the object it is in.
pub const ID: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// The attributes of the extension.
pub static SCHEMA: Schema = Schema {
    id: ID,
    name: "EnterpriseUser",
    description: "What an organisation knows about its people.",
    aliases: &[
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0User",
        "urn:ietf:params:scim:schemas:extention:enterprise:2.0:User",
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0",
        "urn:scim:schemas:extension:enterprise:2.0:User",
        "urn:scim:schemas:extension:enterprise:2.0",
        "urn:scim:schemas:extension:enterprise:1.0",
    ],
    attributes: &[
        Attribute::text("employeeNumber", "The number of the employee."),
        Attribute::text("costCenter", "The cost centre."),
        Attribute::text("organization", "The organisation."),
        Attribute::text("division", "The division."),
        Attribute::text("department", "The department."),
        Attribute::complex("manager", MANAGER, "Whom the user reports to."),
    ],
};

static MANAGER: &[Attribute] = &[
    Attribute::text("value", "The id of the manager's User.").exact(),
    Attribute::reference("$ref", &["User"], "The manager's User."),
    Attribute::text("displayName", "The name of the manager.").read_only(),
];
