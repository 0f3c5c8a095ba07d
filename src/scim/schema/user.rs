//! The core User (RFC 7643 §4.1, §8.7.1).

use crate::scim::schema::{Attribute, Kind, Mutability, Returned, Schema};

/// The attributes of a User.
pub static SCHEMA: Schema = Schema {
    id: "urn:ietf:params:scim:schemas:core:2.0:User",
    name: "User",
    description: "A person of the directory.",
    // The longer one first: OneLogin's template is free text.
    aliases: &["urn:scim:schemas:core:2.0:User", "urn:scim:schemas:core:2.0", "urn:scim:schemas:core:1.0"],
    attributes: ATTRIBUTES,
};

static ATTRIBUTES: &[Attribute] = &[
    Attribute::text("userName", "The name that the directory knows the user by.").required().unique().indexed(),
    Attribute::complex("name", NAME, "The parts of the user's name."),
    Attribute::text("displayName", "The name to show.").indexed(),
    Attribute::text("nickName", "What the user likes to be called."),
    Attribute::reference("profileUrl", &["external"], "A page about the user."),
    Attribute::text("title", "The user's title, such as Vice President."),
    Attribute::text("userType", "The relation to the organisation. It gives no right here."),
    Attribute::text("preferredLanguage", "Languages the user prefers, as in Accept-Language."),
    Attribute::text("locale", "The place whose forms of dates and numbers the user expects, such as en-US."),
    Attribute::text("timezone", "The time zone, such as Europe/Berlin."),
    Attribute::boolean("active", "Whether the user may come in."),
    Attribute {
        mutability: Mutability::WriteOnly,
        returned: Returned::Never,
        ..Attribute::text("password", "Accepted and dropped: users sign in with their provider.").exact()
    },
    Attribute::many("emails", EMAIL, "E-mail addresses. The primary one is the user's here, else the one for work."),
    Attribute::many("phoneNumbers", PHONE, "Phone numbers."),
    Attribute::many("ims", INSTANT_MESSAGING, "Instant messaging addresses."),
    Attribute::many("photos", PHOTO, "Pictures of the user."),
    Attribute::many("addresses", ADDRESS, "Postal addresses."),
    Attribute::many("groups", GROUP, "The groups that the user is a member of; changed through the groups.").read_only(),
    Attribute::many("entitlements", PLAIN, "What the user is entitled to. It gives no right here."),
    Attribute::many("roles", PLAIN, "The user's roles. They give no right here: the rules of the directory do, by groups."),
    Attribute::many("x509Certificates", CERTIFICATE, "Certificates of the user."),
];

static NAME: &[Attribute] = &[
    Attribute::text("formatted", "The whole name."),
    Attribute::text("familyName", "The family name.").indexed(),
    Attribute::text("givenName", "The given name.").indexed(),
    Attribute::text("middleName", "The middle names."),
    Attribute::text("honorificPrefix", "Titles before the name."),
    Attribute::text("honorificSuffix", "Titles after the name."),
];

const DISPLAY: Attribute = Attribute::text("display", "The value as it is shown.");
const PRIMARY: Attribute = Attribute::boolean("primary", "Whether it is the preferred one; at most one is.");
const TYPE: Attribute = Attribute::text("type", "What it is for.");
const PLACES: &[&str] = &["work", "home", "other"];

static EMAIL: &[Attribute] = &[Attribute::text("value", "The address.").indexed(), DISPLAY, TYPE.one_of(PLACES), PRIMARY];

static PHONE: &[Attribute] = &[
    Attribute::text("value", "The number."),
    DISPLAY,
    TYPE.one_of(&["work", "home", "mobile", "fax", "pager", "other"]),
    PRIMARY,
];

static INSTANT_MESSAGING: &[Attribute] = &[
    Attribute::text("value", "The address."),
    DISPLAY,
    TYPE.one_of(&["aim", "gtalk", "icq", "xmpp", "msn", "skype", "qq", "yahoo"]),
    PRIMARY,
];

static PHOTO: &[Attribute] = &[
    Attribute::reference("value", &["external"], "Where the picture is."),
    DISPLAY,
    TYPE.one_of(&["photo", "thumbnail"]),
    PRIMARY,
];

static ADDRESS: &[Attribute] = &[
    Attribute::text("formatted", "The whole address."),
    Attribute::text("streetAddress", "Street and number, with line breaks."),
    Attribute::text("locality", "The city."),
    Attribute::text("region", "The state or region."),
    Attribute::text("postalCode", "The postal code."),
    Attribute::text("country", "The country as two letters (ISO 3166-1)."),
    TYPE.one_of(PLACES),
    PRIMARY,
];

static GROUP: &[Attribute] = &[
    Attribute::text("value", "The id of the group.").exact().read_only(),
    Attribute::reference("$ref", &["Group"], "The group.").read_only(),
    DISPLAY.read_only(),
    TYPE.one_of(&["direct"]).read_only(),
];

static PLAIN: &[Attribute] = &[Attribute::text("value", "The value."), DISPLAY, TYPE, PRIMARY];

static CERTIFICATE: &[Attribute] = &[
    Attribute { case_exact: true, longest: 16_384, ..Attribute::new("value", Kind::Binary, "The certificate as DER.") },
    DISPLAY,
    TYPE,
    PRIMARY,
];
