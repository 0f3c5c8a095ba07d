//! Who calls with tokens, and what they may: applications, trusted issuers, their principals, resources and sites.

use super::{Fields, Noun};
use crate::admin::pages::form::{Field, Kind};

const ALG: Kind = Kind::Choice(&[("", "The deployment's"), ("ES256", "ES256"), ("RS256", "RS256"), ("EdDSA", "EdDSA")]);

#[rustfmt::skip]
pub const CLIENTS: Noun = Noun {
    name: "clients",
    key: "client_id",
    title: "Applications",
    add: "Add an application",
    lead: "",
    platform: false,
    columns: &[("Name", "name")],
    fields: Fields::Same(&[
        Field::new("client_id", "Client ID", Kind::Text, "Unique in the whole deployment.").fixed(),
        Field::new("name", "Name", Kind::Text, "What people read at sign-in."),
        Field::new("enabled", "Enabled", Kind::Switch, ""),
        Field::new("secret", "Client secret", Kind::Secret, "Without a secret or keys it is a public client, with PKCE alone. Leave it empty to keep the one that is stored."),
        Field::new("redirect_uris", "Redirect URIs", Kind::Lines, "One on each line, compared exactly."),
        Field::new("post_logout_redirect_uris", "Redirect URIs after sign-out", Kind::Lines, ""),
        Field::new("trusted", "Trusted", Kind::Switch, "The organisation's own: people are not asked for consent, and administrators may administer with its tokens."),
        Field::new("grant_types", "Grant types", Kind::Lines, "authorization_code, refresh_token, client_credentials, token_exchange, jwt_bearer").advanced(),
        Field::new("scopes", "Scopes", Kind::Lines, "").advanced(),
        Field::new("resources", "Audiences it may ask for", Kind::Lines, "").advanced(),
        Field::new("jwks_uri", "URL of its keys", Kind::Text, "For private_key_jwt.").advanced(),
        Field::new("access_token_alg", "Access tokens are signed with", ALG, "").advanced(),
        Field::new("id_token_alg", "ID tokens are signed with", ALG, "").advanced(),
        Field::new("virtual_account", "Virtual account", Kind::Text, "Whom it acts as with client_credentials.").advanced(),
        Field::new("backchannel_logout_uri", "Back-channel logout URI", Kind::Text, "").advanced(),
    ]),
};

#[rustfmt::skip]
pub const TRUSTED_ISSUERS: Noun = Noun {
    name: "trusted_issuers",
    key: "name",
    title: "Trusted issuers",
    add: "New identity provider",
    lead: "Whose bearer tokens are accepted without a user account. Issuer and audience are compared exactly; write any to leave one open on purpose.",
    platform: false,
    columns: &[("Issuer", "issuer")],
    fields: Fields::Same(&[
        Field::new("name", "Name", Kind::Text, "Letters, digits and hyphens.").fixed(),
        Field::new("enabled", "Enabled", Kind::Switch, ""),
        Field::new("issuer", "Issuer", Kind::Lines, "https://example.okta.com/oauth2/default"),
        Field::new("audience", "Audience", Kind::Lines, "api://default"),
        Field::new("jwks_uri", "JWKS URI", Kind::Text, "https://example.okta.com/oauth2/default/v1/keys"),
        Field::new("introspection_endpoint", "Introspection endpoint", Kind::Text, "Instead of keys: for opaque tokens and immediate revocation.").advanced(),
        Field::new("introspection_client_id", "Client ID at the introspection endpoint", Kind::Text, "").advanced(),
        Field::new("introspection_client_secret", "Client secret at the introspection endpoint", Kind::Secret, "").advanced(),
        Field::new("algorithms", "Algorithms", Kind::Lines, "").advanced(),
        Field::new("unique_id_claim", "Unique ID claim", Kind::Text, "sub").advanced(),
        Field::new("email_claim", "Email claim", Kind::Text, "email").advanced(),
        Field::new("required_claims", "Required claims", Kind::Lines, "").advanced(),
        Field::new("claim_values", "Claim values", Kind::Claims, "Only tokens whose claims are like this are accepted: hd is acme.example.").advanced(),
        Field::new("match", "When several identities match", Kind::Choice(&[("", "The one with the most matching claims"), ("all", "All of them")]), "").advanced(),
    ]),
};

const CLAIMS: Field = Field::new(
    "claims",
    "Claims",
    Kind::Claims,
    "*@example.com matches a domain. An identity whose every claim fits is the token's; of several the one with the most claims. \
     Without any claim every valid token of the issuer fits: keep one like that as a fallback, and give all others many claims.",
);

#[rustfmt::skip]
pub const EXTERNAL_IDENTITIES: Noun = Noun {
    name: "external_identities",
    key: "name",
    title: "External identities",
    add: "Add an external identity",
    lead: "Whom tokens of a trusted issuer act as. Of several that match, the one with the most claims wins: make specific ones with many claims, and one with few or none as a fallback.",
    platform: false,
    columns: &[],
    fields: Fields::Same(&[
        Field::new("name", "Name", Kind::Text, "Letters, digits and hyphens.").fixed(),
        Field::new("issuer", "Identity provider", Kind::Text, "The name of a trusted issuer, or of a connection that is not offered for sign-in.").fixed(),
        CLAIMS,
    ]),
};

#[rustfmt::skip]
pub const VIRTUAL_ACCOUNTS: Noun = Noun {
    name: "virtual_accounts",
    key: "name",
    title: "Virtual accounts",
    add: "Add a virtual account",
    lead: "A principal that is no person: a batch job, an agent. Tokens of an issuer act as it, or an application with client credentials.",
    platform: false,
    columns: &[],
    fields: Fields::Same(&[
        Field::new("name", "Name", Kind::Text, "Letters, digits and hyphens.").fixed(),
        Field::new("enabled", "Enabled", Kind::Switch, ""),
        Field::new("issuer", "Identity provider", Kind::Text, "The name of a trusted issuer; empty if only an application acts as it."),
        CLAIMS,
    ]),
};

#[rustfmt::skip]
pub const RESOURCES: Noun = Noun {
    name: "resources",
    key: "name",
    title: "Resources",
    add: "Add a resource",
    lead: "Who may do what with it is said on its page.",
    platform: false,
    columns: &[("Type", "type")],
    fields: Fields::Same(&[
        Field::new("name", "Name", Kind::Text, "").fixed(),
        Field::new("type", "Type", Kind::Text, "model, mcp-server, agent, workspace, …").fixed(),
    ]),
};

#[rustfmt::skip]
pub const SITES: Noun = Noun {
    name: "sites",
    key: "name",
    title: "Sites",
    add: "Add a site",
    lead: "What is behind forward auth: which hosts, and who may pass.",
    platform: true,
    columns: &[],
    fields: Fields::Same(&[
        Field::new("name", "Name", Kind::Text, "").fixed(),
        Field::new("enabled", "Enabled", Kind::Switch, ""),
        Field::new("hosts", "Hosts", Kind::Lines, "app.example.com"),
        Field::new("paths", "Paths", Kind::Lines, "Empty: all of the hosts."),
        Field::new("public_paths", "Public paths", Kind::Lines, "Where nobody is asked."),
        Field::new("issuers", "Issuers", Kind::Lines, "Whose tokens count; gatehouse stands for our own."),
        Field::new("claims", "Verify token claims", Kind::Claims, "Only tokens whose claims are like this pass: email is *@example.com.").advanced(),
        Field::new("login", "Enable login", Kind::Json, r#"{"client": "web"}"#).advanced(),
        Field::new("identity", "Identity headers", Kind::Json, "").advanced(),
    ]),
};
