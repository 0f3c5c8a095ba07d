//! Who calls with tokens, and what they may: applications, trusted issuers, their principals, resources and sites.

use super::{Fields, Noun};
use crate::admin::pages::form::{Field, Kind, Naming, Source};

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
        Field::new("trusted", "Trusted", Kind::Switch, "The organisation's own: people are not asked for consent."),
        Field::new("grant_types", "Grant types", Kind::Lines, "authorization_code, refresh_token, client_credentials, token_exchange, jwt_bearer").advanced(),
        Field::new("scopes", "Scopes", Kind::Lines, "").advanced(),
        Field::new("resources", "Audiences it may ask for", Kind::Lines, "").advanced(),
        Field::new("jwks_uri", "URL of its keys", Kind::Text, "For private_key_jwt.").advanced(),
        Field::new("access_token_alg", "Access tokens are signed with", ALG, "").advanced(),
        Field::new("id_token_alg", "ID tokens are signed with", ALG, "").advanced(),
        Field::new("virtual_account", "Virtual account", Kind::Text, "Whom it acts as with client_credentials.").advanced(),
        Field::new("directory", "Directory", Kind::Text, "The one that it pushes users and groups for, over SCIM, with client_credentials. Then it opens nothing else with these.").advanced(),
        Field::new("backchannel_logout_uri", "Back-channel logout URI", Kind::Text, "").advanced(),
        Field::new("admin_api", "Opens the admin API", Kind::Switch, "Administrators may administer with its access tokens. Only an administrator of the platform may turn it on, and change the application while it is on.").advanced(),
    ]),
};

const INTROSPECTION: &str = "Introspection";
const OAUTH: &str = "OAuth2 client configuration";
const INTROSPECTION_AUTH: Kind = Kind::Choice(&[
    ("", "With the secret in the header, if there is one"),
    ("client_secret_basic", "Secret in the header (client_secret_basic)"),
    ("client_secret_post", "Secret in the body (client_secret_post)"),
    ("bearer", "The secret as a bearer token"),
    ("none", "Not at all"),
]);
const EMAIL_TRUST: Kind = Kind::Choice(&[
    ("", "Never"),
    ("verified", "The issuer says that it is verified (email_verified)"),
    ("domain", "It is in a proven domain of the organisation"),
    ("never", "Never, said in so many words"),
]);
const INTROSPECTION_BODY: Kind = Kind::Choice(&[("", "A form (RFC 7662)"), ("application/json", "JSON")]);

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
        Field::new("oauth_client.client_id", "Client ID", Kind::Text, "With these a site can sign browsers in at the issuer. Register https://{host of the site}/.gatehouse/callback there.").within(OAUTH),
        Field::new("oauth_client.client_secret", "Client secret", Kind::Secret, "Never shown again. Leave it empty to keep the one that is stored.").within(OAUTH),
        Field::new("oauth_client.client_secret_expires_on", "The client secret ends on", Kind::Text, "A day like 2027-03-31, as the issuer says; may be empty. You are warned before.").within(OAUTH),
        Field::new("oauth_client.authorization_endpoint", "Authorization URL", Kind::Text, "https://example.okta.com/oauth2/default/v1/authorize").within(OAUTH),
        Field::new("oauth_client.token_endpoint", "Token URL", Kind::Text, "https://example.okta.com/oauth2/default/v1/token").within(OAUTH),
        Field::new("oauth_client.scopes", "Scopes", Kind::Words, "openid email").within(OAUTH),
        Field::new("introspection_endpoint", "Introspection endpoint", Kind::Text, "Instead of keys: for opaque tokens and immediate revocation.").within(INTROSPECTION),
        Field::new("introspection_client_id", "Client ID at the introspection endpoint", Kind::Text, "").within(INTROSPECTION),
        Field::new("introspection_client_secret", "Client secret at the introspection endpoint", Kind::Secret, "").within(INTROSPECTION),
        Field::new("introspection_client_secret_expires_on", "The secret at the introspection endpoint ends on", Kind::Text, "A day like 2027-03-31, as the issuer says; may be empty. You are warned before.").within(INTROSPECTION),
        Field::new("introspection_auth", "How gatehouse authenticates there", INTROSPECTION_AUTH, "").within(INTROSPECTION),
        Field::new("introspection_content_type", "What is sent there", INTROSPECTION_BODY, "").within(INTROSPECTION),
        Field::new("introspection_cache_max_age", "A good answer is kept for", Kind::Text, "Like 5m; empty: each request asks anew.").within(INTROSPECTION),
        Field::new("introspection_shared", "May be shown tokens of other such issuers", Kind::Switch, "On, opaque tokens of which nobody says whose they are go to it and to the others that have this on.").within(INTROSPECTION),
        Field::new("jwks", "JWKS", Kind::Json(r#"{"keys": [{"kty": "RSA", "kid": "1", "n": "…", "e": "AQAB"}]}"#), "The public keys themselves, instead of the JWKS URI.").advanced(),
        Field::new("clock_tolerance", "Clock tolerance", Kind::Text, "Seconds, or like 1m, that clocks may be apart; 60 when empty.").advanced(),
        Field::new("max_token_age", "Largest age of a token", Kind::Text, "Like 30m, counted from iat; empty: none.").advanced(),
        Field::new("cache_max_age", "Keys are kept for", Kind::Text, "Like 24h, which it is when empty. An unknown key is fetched at once.").advanced(),
        Field::new("header_key", "Header with the token", Kind::Text, "For sites; Authorization when empty.").advanced(),
        Field::new("algorithms", "Algorithms", Kind::Lines, "One on each line, like RS256. Empty: RS, PS and ES256, and EdDSA; never shared secrets.").advanced(),
        Field::new("unique_id_claim", "Unique ID claim", Kind::Text, "sub").advanced(),
        Field::new("email_claim", "Email claim", Kind::Text, "email").advanced(),
        Field::new("email_trust", "When sites are told the e-mail address", EMAIL_TRUST, "As Remote-Email, where a user's address stands too.").advanced(),
        Field::new("required_claims", "Required claims", Kind::Lines, "").advanced(),
        Field::new("claim_values", "Claim values", Kind::Claims, "Only tokens whose claims are like this are accepted: hd is acme.example.").advanced(),
        Field::new("match", "When several identities match", Kind::Choice(&[("", "The one with the most matching claims"), ("all", "All of them")]), "").advanced(),
    ]),
};

const NAMED: &[Naming] = &[(Source::Issuers, "", ""), (Source::Bearers, "", "Connection ")];

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
    columns: &[("Identity provider", "issuer"), ("Claims", "claims")],
    fields: Fields::Same(&[
        Field::new("name", "Name", Kind::Text, "Letters, digits and hyphens.").fixed(),
        Field::new("issuer", "Identity provider", Kind::Named(NAMED, "Choose …"), "A trusted issuer, or a connection that is not offered for sign-in.").fixed(),
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
    columns: &[("Identity provider", "issuer"), ("Claims", "claims")],
    fields: Fields::Same(&[
        Field::new("name", "Name", Kind::Text, "Letters, digits and hyphens.").fixed(),
        Field::new("enabled", "Enabled", Kind::Switch, ""),
        Field::new("issuer", "Identity provider", Kind::Named(NAMED, "None: only an application acts as it"), "A trusted issuer, or a connection that is not offered for sign-in."),
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

const ROLE: &str = "Role on a resource";
const HEADERS: &str = "Names of the separate headers";
const LOGINS: &[Naming] =
    &[(Source::Clients, "client", "Over gatehouse, as the application "), (Source::SignInIssuers, "issuer", "At the issuer ")];
const IDENTITY: Kind = Kind::Choice(&[
    ("", "Remote-User, -Email, -Name, -Groups, -Subject and -Issuer"),
    ("claims_header", "One header with the claims, as JSON"),
    ("jwt_header", "One header with a signed token"),
    ("bearer", "Authorization: the token as it came"),
    ("none", "No header at all"),
]);

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
        Field::new("issuers", "Issuers", Kind::Lines, "Whose tokens count, one on each line; gatehouse stands for our own. Empty: ours alone."),
        Field::new("claims", "Verify token claims", Kind::Claims, "Only tokens whose claims are like this pass: email is *@example.com."),
        Field::new("login", "Enable login", Kind::Named(LOGINS, "Nobody: only tokens that requests bring along"), "Where browsers without a session are sent. An issuer can be chosen once it has an OAuth2 client configuration."),
        Field::new("resource.type", "Type of the resource", Kind::Text, "model, mcp-server, agent, workspace, …").within(ROLE),
        Field::new("resource.name", "Name of the resource", Kind::Text, "").within(ROLE),
        Field::new("role", "Role", Kind::Choice(&[("", "None is asked for"), ("viewer", "Viewer"), ("editor", "Editor"), ("manager", "Manager")]), "At least this one must be held on the resource.").within(ROLE),
        Field::new("audience", "Audience", Kind::Text, "What tokens of ours for this site have in aud, an https address; empty: they are for gatehouse itself.").advanced(),
        Field::new("scopes", "Scopes", Kind::Words, "Which tokens of ours must have, with spaces between them.").advanced(),
        Field::new("access_cookie", "Accept the control plane's cookie", Kind::Switch, "The accessToken cookie counts like a bearer token. Whoever runs a sister host can set it.").advanced(),
        Field::new("exchanged_only", "Exchanged tokens alone", Kind::Switch, "Tokens of other issuers pass only once they are exchanged for ours at /oauth2/token.").advanced(),
        Field::new("identity.method", "Who is there is told in", IDENTITY, "").advanced(),
        Field::new("identity.header_name", "Name of that header", Kind::Text, "Empty: X-User-Claims, or X-User-JWT.").advanced(),
        Field::new("identity.header_names.user", "Header for the user", Kind::Text, "Where separate headers tell; empty: Remote-User.").within(HEADERS),
        Field::new("identity.header_names.email", "Header for the address", Kind::Text, "Empty: Remote-Email.").within(HEADERS),
        Field::new("identity.header_names.name", "Header for the name", Kind::Text, "Empty: Remote-Name.").within(HEADERS),
        Field::new("identity.header_names.groups", "Header for the teams", Kind::Text, "Empty: Remote-Groups.").within(HEADERS),
        Field::new("identity.header_names.subject", "Header for the subject", Kind::Text, "Empty: Remote-Subject.").within(HEADERS),
        Field::new("identity.header_names.issuer", "Header for the issuer", Kind::Text, "Empty: Remote-Issuer. Have the proxy delete and copy each name that you type here.").within(HEADERS),
        Field::new("identity.include_claims", "Claims that are told", Kind::Lines, "One on each line, besides who it is; empty: the usual ones.").advanced(),
        Field::new("identity.jwt_expiry_seconds", "Lifetime of the signed token", Kind::Number, "Seconds; 300 when empty.").advanced(),
    ]),
};
