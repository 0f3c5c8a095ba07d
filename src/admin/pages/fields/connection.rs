//! Connections: OpenID Connect's form and SAML's, which share what is about people.

use super::{Fields, Noun};
use crate::admin::pages::form::{Field, Kind};

pub const CONNECTIONS: Noun = Noun {
    name: "connections",
    key: "name",
    title: "Connections",
    add: "Add a connection",
    lead: "",
    platform: false,
    columns: &[("Protocol", "protocol"), ("Provider", "preset")],
    fields: Fields::ByProtocol(&OIDC, &SAML),
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
const ENABLED: Field = Field::new("enabled", "Enabled", Kind::Switch, "Off, it is a draft: nobody signs in over it.");
const LOGIN: Field =
    Field::new("login_enabled", "Offered for sign-in", Kind::Switch, "Off, it only vouches for bearer tokens, under its name.");
const BUTTON: Field = Field::new("button_text", "Button text", Kind::Text, "Sign in with Okta").advanced();
const IMAGE: Field =
    Field::new("button_image_url", "Button image URL", Kind::Text, "https only; shown 20 pixels high.").advanced();
const EMAIL: Field = Field::new(
    "email_claim",
    "Email claim",
    Kind::Lines,
    "The first that is present counts. Empty: as the provider's kind has it.",
)
.advanced();
const UNIQUE: Field = Field::new(
    "unique_id_claim",
    "Unique ID claim",
    Kind::Lines,
    "What never changes for a person at the provider. People who are linked already are known by it.",
)
.advanced();
const GROUPS: Field = Field::new("groups_claim", "Groups claim", Kind::Lines, "").advanced();
const TRUSTED: Field = Field::new("email_trust", "When the e-mail address links to a user", TRUST, "").advanced();
const OWN: Field = Field::new(
    "own_callback",
    "A callback URL of its own",
    Kind::Switch,
    "Needed where organisations do not trust one another's providers and this one does not name itself in its answers.",
)
.advanced();
const DISCOVER: Field = Field::new(
    "oidc.discover",
    "Discover endpoints",
    Kind::Switch,
    "From {issuer}/.well-known/openid-configuration. Off, the four endpoints below say them.",
);

#[rustfmt::skip]
const OIDC: [Field; 24] = [
    NAME,
    ENABLED,
    LOGIN,
    Field::new("oidc.client_id", "Client ID", Kind::Text, "As the provider shows it."),
    Field::new("oidc.client_secret", "Client secret", Kind::Secret, "Never shown again. Leave it empty to keep the one that is stored."),
    Field::new("oidc.client_secret_expires_on", "The secret ends on", Kind::Text, "A day like 2027-03-31, as the provider says; may be empty. You are warned before."),
    Field::new("oidc.issuer", "Issuer URL", Kind::Text, "Exactly as the provider's discovery document has it, with or without a slash at the end."),
    DISCOVER,
    Field::new("oidc.scopes", "Scopes", Kind::Text, "Separated by spaces; openid email when empty."),
    Field::new("oidc.authorization_endpoint", "Authorization endpoint", Kind::Text, "").advanced(),
    Field::new("oidc.token_endpoint", "Token endpoint", Kind::Text, "").advanced(),
    Field::new("oidc.userinfo_endpoint", "UserInfo endpoint", Kind::Text, "").advanced(),
    Field::new("oidc.jwks_uri", "JWKS endpoint", Kind::Text, "").advanced(),
    BUTTON, IMAGE, EMAIL, UNIQUE, GROUPS, TRUSTED,
    Field::new("oidc.token_endpoint_auth_method", "Client authentication", AUTH, "").advanced(),
    Field::new("oidc.sign_requests", "Sign requests", Kind::Switch, "Signed request objects (RS256).").advanced(),
    Field::new("oidc.allowed_tenants", "Allowed Entra tenants", Kind::Lines, "For an issuer with {tenantid}: whose people may come.").advanced(),
    Field::new("oidc.hosted_domains", "Google Workspace domains", Kind::Lines, "The claim hd must be one of them.").advanced(),
    OWN,
];

#[rustfmt::skip]
const SAML: [Field; 23] = [
    NAME,
    ENABLED,
    LOGIN,
    Field::new("saml.metadata_url", "Metadata URL", Kind::Text, "The provider's metadata, fetched again each day: new certificates are taken over by themselves."),
    Field::new("saml.metadata_xml", "Metadata", Kind::Block, "Instead of the URL: the XML itself."),
    Field::new("saml.idp_entity_id", "Entity ID of the provider", Kind::Text, "Without metadata: the Issuer of its assertions."),
    Field::new("saml.sso_url", "Sign-in URL", Kind::Text, "Without metadata."),
    Field::new("saml.certificates", "Certificates", Kind::Block, "Without metadata: the signing certificates, in PEM."),
    BUTTON, IMAGE, EMAIL, UNIQUE, GROUPS, TRUSTED,
    Field::new("saml.sign_requests", "Sign requests", Kind::Switch, "").advanced(),
    Field::new("saml.request_binding", "Binding of requests", BINDING, "").advanced(),
    Field::new("saml.want_encrypted", "Assertions must be encrypted", Kind::Switch, "").advanced(),
    Field::new("saml.single_logout", "Single logout", Kind::Switch, "").advanced(),
    Field::new("saml.slo_url", "Logout URL", Kind::Text, "Without metadata.").advanced(),
    Field::new("saml.name_id_format", "NameID format", Kind::Text, "persistent, emailAddress, … or empty").advanced(),
    Field::new("saml.allow_sha1", "Accept SHA-1 signatures", Kind::Switch, "Only for a provider that cannot do better: SHA-1 can be forged.").advanced(),
    Field::new("saml.skew", "Clock difference", Kind::Number, "Seconds that the provider's clock may be apart from ours.").advanced(),
    OWN,
];
