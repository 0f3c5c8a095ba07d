//! The Group (RFC 7643 §4.2, §8.7.1).

use crate::scim::schema::{Attribute, Schema};

/// The attributes of a Group.
pub static SCHEMA: Schema = Schema {
    id: "urn:ietf:params:scim:schemas:core:2.0:Group",
    name: "Group",
    description: "Users of the directory who belong together.",
    aliases: &["urn:scim:schemas:core:2.0:Group"],
    attributes: &[
        Attribute::text("displayName", "The name of the group.").required().unique().indexed(),
        Attribute::many("members", MEMBER, "The members: users of the same directory."),
    ],
};

static MEMBER: &[Attribute] = &[
    Attribute::text("value", "The id of the user.").exact().immutable(),
    Attribute::reference("$ref", &["User"], "The user.").immutable(),
    Attribute::text("display", "The name of the user.").read_only(),
    Attribute::text("type", "The kind of member.").one_of(&["User"]).immutable(),
];
