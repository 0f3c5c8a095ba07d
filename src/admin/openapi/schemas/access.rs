//! Clients, trusted issuers, who their tokens act as, resources and sites.

use serde_json::{Value, json};

use super::{
    choice, claims, enabled, flag, list, number, object, one_or_more, secret, secrets, span, text, texts, told, warnings,
};
use crate::policy::site_check;

const ALGS: [&str; 3] = ["ES256", "RS256", "EdDSA"];
const ROLES: [&str; 3] = ["viewer", "editor", "manager"];

pub fn client() -> Value {
    object([
        ("client_id", text("Its id; it cannot be changed.")),
        ("name", text("What people read.")),
        ("trusted", flag("Asks nobody for consent.")),
        (
            "admin_api",
            flag(
                "Its access tokens open this API for administrators; only an administrator of the platform may set it, and change the client while it is set.",
            ),
        ),
        enabled("Off, it gets no tokens."),
        ("secret", secret("Its secret.")),
        ("jwks", json!({"type": "object", "description": "Its public keys."})),
        ("jwks_uri", text("Where they are.")),
        ("redirect_uris", texts("Where people are sent back, byte for byte: at most 50.")),
        ("grant_types", texts("What it may ask with.")),
        ("backchannel_logout_uri", text("Where it is told of sign-outs.")),
        ("backchannel_logout_session_required", flag("Whether it needs the session's id.")),
        (
            "token_endpoint_auth_method",
            choice(&["client_secret_basic", "client_secret_post", "private_key_jwt", "none"], "How it proves itself."),
        ),
        ("post_logout_redirect_uris", texts("Where people go after a sign-out.")),
        ("scopes", one_or_more("What it may ask for.")),
        ("resources", texts("Whom its tokens may be for.")),
        ("access_token_alg", choice(&ALGS, "Of its access tokens.")),
        ("id_token_alg", choice(&ALGS, "Of its ID tokens.")),
        ("access_token_lifetime", span("Of its access tokens.")),
        ("refresh_token_lifetime", span("Of its refresh tokens.")),
        ("virtual_account", text("Whom it acts as by itself.")),
        ("directory", text("The directory that it pushes for over SCIM.")),
        secrets(),
        warnings(),
    ])
}

pub fn trusted_issuer() -> Value {
    object([
        ("name", text("Letters, digits and hyphens.")),
        enabled("Off, its tokens open nothing."),
        (
            "jwt_validation",
            json!({"type": "object", "description": "The rules in the reference shape, instead of the fields here."}),
        ),
        ("issuer", one_or_more("`iss`, byte for byte; `any` accepts every one.")),
        ("audience", one_or_more("One of these in `aud`; `any` accepts every one.")),
        ("jwks_uri", text("Where its keys are; else by discovery.")),
        ("jwks", json!({"type": "object", "description": "Its public keys."})),
        ("algorithms", one_or_more("Which algorithms count.")),
        ("required_claims", one_or_more("What a token must have.")),
        ("claim_values", claims("What claims must be.")),
        ("clock_tolerance", span("How far its clock may be apart from ours.")),
        ("cache_max_age", span("How long its keys are kept.")),
        ("max_token_age", span("How old a token may be.")),
        ("header_key", text("The header that its tokens are sent in to sites.")),
        ("introspection_endpoint", text("Where opaque tokens are asked about.")),
        ("introspection_client_id", text("Who we are there.")),
        ("introspection_client_secret", secret("Our secret there.")),
        ("introspection_client_secret_expires_on", text("The day on which it ends.")),
        (
            "introspection_auth",
            choice(&["client_secret_basic", "client_secret_post", "bearer", "none"], "How we prove ourselves there."),
        ),
        ("introspection_content_type", choice(&["application/x-www-form-urlencoded", "application/json"], "How we ask there.")),
        ("introspection_cache_max_age", span("How long an answer counts.")),
        (
            "introspection_shared",
            flag("Whether it may be shown tokens that other such issuers may have given, and they its own."),
        ),
        ("unique_id_claim", text("What never changes about the bearer.")),
        ("email_claim", text("Where their address is.")),
        ("email_trust", choice(&["verified", "domain", "never"], "When sites are told that address: never, if nothing is said.")),
        ("match", choice(&["best", "all"], "Whether the best mapping counts, or all.")),
        ("oauth_client", oauth_client()),
        secrets(),
        warnings(),
    ])
}

fn oauth_client() -> Value {
    object([
        ("client_id", text("Our client there, for sign-ins of sites.")),
        ("client_secret", secret("Its secret.")),
        ("client_secret_expires_on", text("The day on which that ends.")),
        ("authorization_endpoint", text("Where people sign in.")),
        ("token_endpoint", text("Where codes are redeemed.")),
        ("scopes", one_or_more("What is asked for.")),
    ])
}

pub fn external_identity() -> Value {
    object([
        ("name", text("Letters, digits and hyphens.")),
        enabled("Off, nobody acts as it."),
        ("issuer", text("The trusted issuer, or connection, whose tokens act as it.")),
        ("claims", claims("What those must say.")),
        warnings(),
    ])
}

pub fn virtual_account() -> Value {
    object([
        ("name", text("Letters, digits and hyphens.")),
        enabled("Off, nobody acts as it."),
        ("issuer", text("The trusted issuer, or connection, whose tokens act as it.")),
        ("claims", claims("What those must say.")),
        warnings(),
    ])
}

fn named() -> Value {
    object([("type", text("Of what kind.")), ("name", text("Its name."))])
}

pub fn resource() -> Value {
    let collaborator = object([
        ("user", text("An address.")),
        ("team", text("A team.")),
        ("external_identity", text("An external identity.")),
        ("virtual_account", text("A virtual account.")),
        ("role", choice(&ROLES, "What they hold.")),
    ]);
    object([
        ("type", text("Of what kind.")),
        ("name", text("Its name.")),
        ("collaborators", list(collaborator, "Who holds which role: one of the four, and the role.")),
        ("next", told(text("Said where these are the first 1,000 alone: `after` of `listCollaborators` for those who follow."))),
        warnings(),
    ])
}

pub fn site() -> Value {
    object([
        ("name", text("Letters, digits and hyphens.")),
        enabled("Off, nobody gets in."),
        ("hosts", one_or_more("Its hosts.")),
        ("paths", one_or_more("What of them is its; all, when left out.")),
        ("public_paths", one_or_more("What is open to everybody.")),
        ("issuers", one_or_more("Whose tokens count; `gatehouse` is us.")),
        ("claims", claims("What tokens must say.")),
        ("resource", named()),
        ("role", choice(&ROLES, "The role on the resource that lets in.")),
        ("login", object([("client", text("Over us, as this client.")), ("issuer", text("At this trusted issuer."))])),
        ("audience", text("Whom tokens must be for.")),
        ("scopes", one_or_more("What tokens must have.")),
        ("identity", identity()),
        ("access_cookie", flag("Whether the access token of the control-plane hops may come in its cookie.")),
        ("exchanged_only", flag("Whether tokens of trusted issuers pass only once they are exchanged for ours.")),
        warnings(),
    ])
}

fn header_names() -> Value {
    object([
        ("user", text("Which separate header tells who it is; `Remote-User`, when left out.")),
        ("email", text("And their address; `Remote-Email`.")),
        ("name", text("What they are called; `Remote-Name`.")),
        ("groups", text("Their teams; `Remote-Groups`.")),
        ("subject", text("Whose token it is; `Remote-Subject`.")),
        ("issuer", text("Who gave it; `Remote-Issuer`.")),
    ])
}

fn identity() -> Value {
    object([
        ("method", choice(&["headers", "claims_header", "jwt_header", "bearer", "none"], "How the site learns who is there.")),
        ("header_name", text("In which header.")),
        ("header_names", header_names()),
        ("include_claims", one_or_more("What else is told.")),
        ("jwt_expiry_seconds", number(1, site_check::MAX_JWT_LIFE, "How long a JWT lasts.")),
    ])
}
