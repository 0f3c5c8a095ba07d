//! Connections.

use serde_json::Value;

use super::{choice, enabled, flag, number, object, one_or_more, secret, secrets, text, told, warnings};
use crate::{
    connector::presets,
    policy::{connection, saml},
};

pub fn connection() -> Value {
    object([
        ("name", text("Letters, digits and hyphens; it cannot be changed.")),
        ("preset", choice(&presets::PRESETS.map(|preset| preset.name), "Whose defaults fill in what is not said.")),
        ("protocol", choice(&["oidc", "saml"], "What it speaks; the part that is there says the same.")),
        enabled(
            "Off, it is a draft: nobody signs in over it, it may leave out what is due when it is switched on, and it can be tested once it is complete. Of a new one that says nothing it is on; the pages begin with off.",
        ),
        ("login_enabled", flag("Off, it is never offered.")),
        ("button_text", text("What its button says.")),
        ("button_image_url", text("The picture on its button.")),
        ("email_claim", one_or_more("Where the address is, the first that is there.")),
        ("unique_id_claim", one_or_more("What never changes about a person.")),
        ("name_claim", one_or_more("Where the name is.")),
        ("given_name_claim", one_or_more("Where the given name is.")),
        ("family_name_claim", one_or_more("Where the family name is.")),
        ("groups_claim", one_or_more("Where the groups are.")),
        ("groups_delimiter", text("What parts several groups in one text.")),
        ("groups_strip_slash", flag("Whether groups lose a slash at their beginning.")),
        ("email_trust", choice(&["verified", "domain", "never"], "When an address counts as proven.")),
        ("allowed_domains", one_or_more("The domains whose addresses may come in; none: whichever the other rules let in.")),
        ("allow_subdomains", flag("Whether names below those domains count too: only of names that somebody registers.")),
        ("own_callback", flag("Whether it has a callback URL of its own.")),
        ("oidc", oidc()),
        ("saml", saml()),
        ("told", told(addresses())),
        secrets(),
        warnings(),
    ])
}

/// What is entered at the provider and its directory; those of SAML where it speaks that.
fn addresses() -> Value {
    object([
        ("callback_url", text("Where answers go: redirect URI, reply URL, ACS URL.")),
        ("scim_url", text("Where a directory pushes to.")),
        ("jwks_url", text("OpenID Connect: where our keys are, for private_key_jwt and signed requests.")),
        ("entity_id", text("SAML: who we are.")),
        ("metadata_url", text("SAML: where our metadata is, of a draft too.")),
        ("single_logout_url", text("SAML: where logout messages go.")),
    ])
}

fn oidc() -> Value {
    object([
        ("issuer", text("The provider's issuer, byte for byte.")),
        ("client_id", text("Our client there.")),
        ("client_secret", secret("Its secret.")),
        ("discover", flag("Whether the rest is read from the provider.")),
        ("scopes", one_or_more("What is asked for besides openid and email.")),
        ("authorization_endpoint", text("Instead of the discovered one.")),
        ("token_endpoint", text("Instead of the discovered one.")),
        ("userinfo_endpoint", text("Instead of the discovered one.")),
        ("jwks_uri", text("Instead of the discovered one.")),
        (
            "token_endpoint_auth_method",
            choice(&["auto", "client_secret_basic", "client_secret_post", "private_key_jwt", "none"], "How we prove ourselves."),
        ),
        ("sign_requests", flag("Whether requests are signed.")),
        ("allowed_algs", one_or_more("Algorithms of ID tokens.")),
        ("skew", number(0, connection::MAX_SKEW, "Seconds that its clock may be apart from ours.")),
        ("allowed_tenants", one_or_more("Of a provider of many: whose people may come.")),
        ("client_secret_expires_on", text("The day on which the provider ends our secret.")),
        ("hosted_domains", one_or_more("Of Google: which Workspace domains.")),
    ])
}

fn saml() -> Value {
    object([
        ("metadata_url", text("Where the provider publishes its metadata.")),
        ("metadata_xml", text("The document itself.")),
        ("metadata_certificates", one_or_more("Certificates that must have signed it.")),
        ("idp_entity_id", text("The provider's entity id.")),
        ("sso_url", text("Where requests go.")),
        ("slo_url", text("Where sign-outs go.")),
        ("certificates", one_or_more("Its signing certificates.")),
        ("sign_requests", flag("Whether requests are signed.")),
        ("request_binding", choice(&["redirect", "post"], "How requests travel.")),
        ("name_id_format", text("The NameID that is asked for; empty: none.")),
        ("authn_context", one_or_more("How people must have proven themselves.")),
        ("want_encrypted", flag("Whether assertions must be encrypted.")),
        ("offer_encryption", flag("Whether our metadata has a certificate to encrypt to.")),
        ("idp_initiated", flag("Whether sign-ins may begin at the provider.")),
        ("idp_initiated_client", text("For which client.")),
        ("idp_initiated_url", text("Where they land.")),
        ("allow_sha1", flag("Whether SHA-1 signatures count.")),
        ("single_logout", flag("Whether signing out travels.")),
        ("skew", number(0, saml::MAX_SKEW, "Seconds that its clock may be apart from ours.")),
    ])
}
