//! Users, teams, directories and service tokens.

use super::{Fields, Noun};
use crate::admin::pages::{
    form::{Field, Kind, Source},
    rows::{Cell, Shape},
};

/// Whose tokens belong to a team.
const TOKENS: &[Cell] = &[
    Cell::new("issuer", "Issuer", Shape::Named(Source::Issuers), "okta-api").wide(),
    Cell::new("claims", "Claims", Shape::Claims, ""),
];
const ROLE: &[(&str, &str)] =
    &[("", "None, or what {role} captures"), ("viewer", "Viewer"), ("editor", "Editor"), ("manager", "Manager")];
/// What groups become.
const RULES: &[Cell] = &[
    Cell::new("group", "Groups called", Shape::Text, "platform-* or ws-{workspace}-role-{role}").wide(),
    Cell::new("team", "Team", Shape::Text, "platform").wide(),
    Cell::new("resource.type", "Resource type", Shape::Text, "workspace"),
    Cell::new("resource.name", "Resource name", Shape::Text, "{workspace}"),
    Cell::new("role", "Role on it", Shape::Choice(ROLE), "").wide(),
    Cell::new("roles", "What {role} may say, one on each line", Shape::Meanings, "admin = manager"),
];

#[rustfmt::skip]
pub const USERS: Noun = Noun {
    name: "users",
    key: "email",
    title: "Users",
    add: "Add a user",
    lead: "Most users come to be at their first sign-in, by an invite or from a directory. One that is made here counts as vouched for by you.",
    platform: false,
    columns: &[("Name", "name"), ("Administrator", "admin"), ("State", "active")],
    fields: Fields::Same(&[
        Field::new("email", "E-mail address", Kind::Text, "").fixed(),
        Field::new("name", "Name", Kind::Text, ""),
        Field::new("password", "Password", Kind::Secret, "At least 12 characters, and not the first guess. Leave it empty to keep what is there."),
        Field::new("admin", "Administrator of this organisation", Kind::Switch, "May do everything that these pages can do for the organisation."),
    ]),
};

#[rustfmt::skip]
pub const TEAMS: Noun = Noun {
    name: "teams",
    key: "name",
    title: "Teams",
    add: "Add a team",
    lead: "A team holds roles on resources for all who are in it. Groups of a directory make teams by themselves.",
    platform: false,
    columns: &[],
    fields: Fields::Same(&[
        Field::new("name", "Name", Kind::Text, "").fixed(),
        Field::new("tokens", "Bearer tokens that belong to it", Kind::Rows(TOKENS), "Tokens of the issuer with these claims, all of a row's together. A row that is empty is none.").advanced(),
    ]),
};

#[rustfmt::skip]
pub const DIRECTORIES: Noun = Noun {
    name: "directories",
    key: "name",
    title: "Directories",
    add: "Add a directory",
    lead: "A directory pushes users and groups over SCIM 2.0.",
    platform: false,
    columns: &[],
    fields: Fields::Same(&[
        Field::new("name", "Name", Kind::Text, "Letters, digits and hyphens.").fixed(),
        Field::new("enabled", "Enabled", Kind::Switch, "Off, its token is refused."),
        Field::new("connection", "Connection", Kind::Named(&[(Source::Connections, "", "")], "None"), "The connection whose unique id is this directory's externalId."),
        Field::new("proven_domains_only", "Only addresses in proven domains", Kind::Switch, ""),
        Field::new("group_rules", "Group rules", Kind::Rows(RULES), "What groups become: a team, or a role on a resource, or both. In the pattern * stands for anything and {word} for letters, digits, - and _, which the other fields may use. Groups that no rule fits are teams of their own name.").advanced(),
    ]),
};

#[rustfmt::skip]
/// Invites: what the form of one asks.
pub const INVITES: Noun = Noun {
    name: "invites",
    key: "email",
    title: "Invites",
    add: "Invite somebody",
    lead: "They get a link that makes them a user here, once.",
    platform: false,
    columns: &[],
    fields: Fields::Same(&[
        Field::new("email", "E-mail address", Kind::Text, "").fixed(),
        Field::new("name", "Name", Kind::Text, ""),
        Field::new("teams", "Teams", Kind::Lines, "Teams to join, one on each line."),
        Field::new("expires_in", "The invite ends", Kind::Choice(&[("7d", "In 7 days"), ("1d", "In a day"), ("30d", "In 30 days"), ("90d", "In 90 days")]), ""),
    ]),
};

#[rustfmt::skip]
pub const SERVICE_TOKENS: Noun = Noun {
    name: "service_tokens",
    key: "name",
    title: "Service tokens",
    add: "Add a service token",
    lead: "A program uses the admin API with it, for this organisation alone. The token is shown once, when it is made.",
    platform: false,
    columns: &[("Scopes", "scopes"), ("Ends", "expires_at"), ("Last used", "last_used_at"), ("State", "told")],
    fields: Fields::Same(&[
        Field::new("name", "Name", Kind::Text, "Letters, digits and hyphens. The audit log calls it by this name.").fixed(),
        Field::new("enabled", "Enabled", Kind::Switch, "Off, its token is refused."),
        Field::new("scopes", "Scopes", Kind::Lines, "One on each line: admin (everything), admin:read (only looking), or an area's, like connections:write or users:read."),
        Field::new("expires_at", "Ends", Kind::Text, "A day or a time, like 2027-01-31; empty: never."),
    ]),
};

const PROVISIONING: Kind = Kind::Choice(&[
    ("jit", "Just in time: a user comes to be at the first sign-in"),
    ("invite", "By invitation only"),
    ("scim", "By the organisation's directory (SCIM) only"),
]);

/// A tenant's own settings.
#[rustfmt::skip]
pub const SETTINGS: Noun = Noun {
    name: "settings",
    key: "name",
    title: "Settings",
    add: "Add an organisation",
    lead: "",
    platform: false,
    columns: &[],
    fields: Fields::Same(&[
        Field::new("name", "Short name", Kind::Text, "Small letters, digits and hyphens. It is part of addresses and cannot be changed later.").fixed(),
        Field::new("display_name", "Name", Kind::Text, "What people read at sign-in."),
        Field::new("enabled", "Enabled", Kind::Switch, "Off, nobody of this organisation can sign in. Only for administrators of the deployment."),
        Field::new("provisioning", "How users come to be", PROVISIONING, "A directory brings people in by the first and the last; by invitation only, those with an open invite. Whom administrators add is a user in any case."),
        Field::new("password_login", "Passwords", Kind::Switch, "Whether people may sign in with a password beside single sign-on. They end only once a connection that is on has passed a test sign-in."),
        Field::new("require_sso", "Require single sign-on", Kind::Switch, "Nobody signs in with a password, administrators neither; sessions that began with one end. Needs a connection that has passed a test sign-in as it is set up now."),
        Field::new("domains", "Proven domains", Kind::Lines, "One on each line. They lead people to their sign-in and let e-mail addresses count, so only administrators of the deployment set them."),
        Field::new("access_token_lifetime", "Lifetime of access tokens", Kind::Text, "As 15m, 1h or 1d; empty: the deployment's.").advanced(),
        Field::new("refresh_token_lifetime", "Lifetime of refresh tokens", Kind::Text, "As 7d or 30d; empty: the deployment's.").advanced(),
    ]),
};
