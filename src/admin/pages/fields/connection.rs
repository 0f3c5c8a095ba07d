//! Connections: OpenID Connect's form and SAML's, which share what is about people.

use super::{Fields, Noun};
use crate::admin::pages::form::{Field, Kind, Source};

pub const CONNECTIONS: Noun = Noun {
    name: "connections",
    key: "name",
    title: "Connections",
    add: "Add a connection",
    lead: "",
    platform: false,
    columns: &[],
    fields: Fields::OfConnection { oidc: &OIDC, google: &GOOGLE, saml: &SAML },
};

const TRUST: Kind = Kind::Choice(&[
    ("", "As the provider's kind suggests"),
    ("verified", "The provider says that it is verified (email_verified)"),
    ("domain", "It is in a proven domain of the organisation"),
    ("never", "Never: it links nobody"),
]);
const AUTH: Kind = Kind::Choice(&[
    ("", "As the provider advertises"),
    ("client_secret_basic", "Secret in the header (client_secret_basic)"),
    ("client_secret_post", "Secret in the body (client_secret_post)"),
    ("private_key_jwt", "Signed with our key (private_key_jwt)"),
    ("none", "None: PKCE alone"),
]);
const BINDING: Kind = Kind::Choice(&[("", "As the metadata offers"), ("redirect", "HTTP-Redirect"), ("post", "HTTP-POST")]);

const NAME: Field = Field::new(
    "name",
    "Name",
    Kind::Text,
    "Letters, digits and hyphens. It is part of addresses at the provider and cannot be changed later.",
)
.fixed();
const ENABLED: Field = Field::new(
    "enabled",
    "Enabled",
    Kind::Switch,
    "Off, it is a draft: nobody signs in over it, and what it needs may still be missing.",
);
const LOGIN: Field =
    Field::new("login_enabled", "Offered for sign-in", Kind::Switch, "Off, it only vouches for bearer tokens, under its name.");
const BUTTON: Field =
    Field::new("button_text", "Button text", Kind::Text, "What the sign-in page says, like: Sign in with Acme.").advanced();
const IMAGE: Field =
    Field::new("button_image_url", "Button image URL", Kind::Text, "https only; shown 20 pixels high.").advanced();
const PEOPLE: &str = "What is read of people";
const EMAIL: Field =
    Field::new("email_claim", "Email claim", Kind::Lines, "One on each line: the first that is present counts.").within(PEOPLE);
const UNIQUE: Field = Field::new(
    "unique_id_claim",
    "Unique ID claim",
    Kind::Lines,
    "What never changes for a person at the provider. People who are linked already are known by it.",
)
.within(PEOPLE);
const FULL: Field = Field::new("name_claim", "Name claim", Kind::Lines, "").within(PEOPLE);
const GIVEN: Field = Field::new("given_name_claim", "First name claim", Kind::Lines, "").within(PEOPLE);
const FAMILY: Field = Field::new("family_name_claim", "Last name claim", Kind::Lines, "").within(PEOPLE);
const GROUPS: Field = Field::new("groups_claim", "Groups claim", Kind::Lines, "").within(PEOPLE);
const DELIMITER: Field =
    Field::new("groups_delimiter", "Groups are separated by", Kind::Text, "Where all come in one text, like ; or a comma.")
        .within(PEOPLE);
const SLASH: Field =
    Field::new("groups_strip_slash", "Drop the slash before groups", Kind::Switch, "Keycloak's full paths begin with one.")
        .within(PEOPLE);
const TRUSTED: Field = Field::new("email_trust", "When the e-mail address links to a user", TRUST, "").within(PEOPLE);
const WHO: &str = "Whose addresses may come in";
const ALLOWED: Field = Field::new(
    "allowed_domains",
    "Allowed domains",
    Kind::Lines,
    "One on each line: whoever signs in over this connection must have an address in one of them. Empty: whichever the other rules let in.",
)
.within(WHO);
const BELOW: Field = Field::new(
    "allow_subdomains",
    "Subdomains too",
    Kind::Switch,
    "Names below the allowed domains count as well. Only for names that somebody registers, like acme.example and not eng.acme.example.",
)
.within(WHO);
const OWN: Field = Field::new(
    "own_callback",
    "A callback URL of its own",
    Kind::Switch,
    "On for a new connection over OpenID Connect: with the URL that all share, somebody who sets up a provider for another organisation could have this one's answers delivered as theirs (mix-up), unless it names itself in them (iss, which Check tells). Off is right where all who set up connections trust one another.",
)
.advanced();
const DISCOVER: Field = Field::new(
    "oidc.discover",
    "Discover endpoints",
    Kind::Switch,
    "From {issuer}/.well-known/openid-configuration. Off, those under Endpoints say them.",
);

const ENDPOINTS: &str = "Endpoints, where they are not discovered";
const HAND: &str = "The provider by hand, without metadata";
const UNSOLICITED: &str = "Sign-ins that begin at the provider";

#[rustfmt::skip]
const OIDC: [Field; 33] = [
    NAME,
    ENABLED,
    LOGIN,
    Field::new("oidc.client_id", "Client ID", Kind::Text, "As the provider shows it."),
    Field::new("oidc.client_secret", "Client secret", Kind::Secret, "Never shown again. Leave it empty to keep the one that is stored."),
    Field::new("oidc.client_secret_expires_on", "The secret ends on", Kind::Text, "A day like 2027-03-31, as the provider says; may be empty. You are warned before."),
    Field::new("oidc.issuer", "Issuer URL", Kind::Text, "Exactly as the provider's discovery document has it, with or without a slash at the end."),
    DISCOVER,
    Field::new("oidc.scopes", "Scopes", Kind::Words, "Besides openid and email, which are always asked for; separated by spaces."),
    Field::new("oidc.hosted_domains", "Google Workspace domains", Kind::Lines, "Whose Google accounts may come in, one domain on each line: the claim hd must be one of them.").advanced(),
    Field::new("oidc.authorization_endpoint", "Authorization endpoint", Kind::Text, "").within(ENDPOINTS),
    Field::new("oidc.token_endpoint", "Token endpoint", Kind::Text, "").within(ENDPOINTS),
    Field::new("oidc.userinfo_endpoint", "UserInfo endpoint", Kind::Text, "May be empty.").within(ENDPOINTS),
    Field::new("oidc.jwks_uri", "JWKS endpoint", Kind::Text, "").within(ENDPOINTS),
    EMAIL, UNIQUE, FULL, GIVEN, FAMILY, GROUPS, DELIMITER, SLASH, TRUSTED,
    ALLOWED, BELOW,
    BUTTON, IMAGE,
    Field::new("oidc.token_endpoint_auth_method", "Client authentication", AUTH, "").advanced(),
    Field::new("oidc.sign_requests", "Sign requests", Kind::Switch, "Signed request objects (RS256).").advanced(),
    Field::new("oidc.allowed_algs", "Allowed algorithms", Kind::Lines, "Of ID tokens, one on each line, like RS256. Empty: RS, PS and ES256, and EdDSA; never shared secrets.").advanced(),
    Field::new("oidc.skew", "Clock skew", Kind::Number, "Seconds that the provider's clock may be apart from ours; 60 when empty.").advanced(),
    Field::new("oidc.allowed_tenants", "Allowed Entra tenants", Kind::Lines, "For an issuer with common or organizations in it: the ids of the directories whose people may come.").advanced(),
    OWN,
];

/// A Google connection without its domains would let every Google account in, so they are asked for at once.
#[rustfmt::skip]
const GOOGLE: [Field; 33] = {
    let mut fields = OIDC;
    fields[9].fold = "";
    fields
};

#[rustfmt::skip]
const SAML: [Field; 36] = [
    NAME,
    ENABLED,
    LOGIN,
    Field::new("saml.metadata_url", "Metadata URL", Kind::Text, "The provider's metadata, fetched again each day: new certificates are taken over by themselves."),
    Field::new("saml.metadata_xml", "Metadata", Kind::Block, "Instead of the URL: the XML itself."),
    Field::new("saml.idp_entity_id", "Entity ID of the provider", Kind::Text, "The Issuer of its assertions. With metadata it may be empty, unless the document has several.").within(HAND),
    Field::new("saml.sso_url", "Sign-in URL", Kind::Text, "").within(HAND),
    Field::new("saml.slo_url", "Logout URL", Kind::Text, "").within(HAND),
    Field::new("saml.certificates", "Certificates", Kind::Certificates, "The provider's signing certificates, in PEM, one below the other.").within(HAND),
    EMAIL, UNIQUE, FULL, GIVEN, FAMILY, GROUPS, DELIMITER, SLASH, TRUSTED,
    ALLOWED, BELOW,
    Field::new("saml.idp_initiated", "Sign-ins may begin at the provider", Kind::Switch, "Off unless you need it: such an answer belongs to no request of ours, so whoever has one can have somebody else's browser send it.").within(UNSOLICITED),
    Field::new("saml.idp_initiated_client", "For the application", Kind::Named(&[(Source::Clients, "", "")], "None"), "").within(UNSOLICITED),
    Field::new("saml.idp_initiated_url", "They land at", Kind::Text, "An address on the origin of one of the application's redirect URIs.").within(UNSOLICITED),
    BUTTON, IMAGE,
    Field::new("saml.sign_requests", "Sign requests", Kind::Switch, "").advanced(),
    Field::new("saml.request_binding", "Binding of requests", BINDING, "").advanced(),
    Field::new("saml.name_id_format", "NameID format", Kind::Text, "persistent, emailAddress, … or a URI.").advanced(),
    Field::new("saml.authn_context", "Authentication context", Kind::Lines, "Classes to ask for, one on each line, like urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport; an answer with another is refused.").advanced(),
    Field::new("saml.want_encrypted", "Assertions must be encrypted", Kind::Switch, "").advanced(),
    Field::new("saml.offer_encryption", "Offer encryption", Kind::Switch, "Our metadata has a key for it. AD FS encrypts as soon as it sees one.").advanced(),
    Field::new("saml.single_logout", "Single logout", Kind::Switch, "Whoever signs out here is signed out at the provider too.").advanced(),
    Field::new("saml.metadata_certificates", "Metadata certificates", Kind::Certificates, "In PEM. The metadata must be signed by one of them; empty: it need not be signed.").advanced(),
    Field::new("saml.allow_sha1", "Accept SHA-1 signatures", Kind::Switch, "Only for a provider that cannot do better: SHA-1 can be forged.").advanced(),
    Field::new("saml.skew", "Clock skew", Kind::Number, "Seconds that the provider's clock may be apart from ours; 120 when empty.").advanced(),
    OWN,
];
