//! Who someone is and what they may do. Pure: every rule is a function of values, tested as a table.
//!
//! `identity` (what a connection says) → `linking` (which user that is) → `access` (may they pass, on this path, now).
//! Who may become a user, on every path: `provisioning`.
//! A foreign token: `trusted_issuer` (whose tokens), `public_issuer` (whose of those that serve everybody), `token_reach` (and whose besides) → `claim_rules` (what they must say) → `mapping` (which mapping counts) →
//! `principal` (who that is) → `role` (what they may do), and `site` for the services behind forward auth.
//! Why a sign-in failed, and how to mend it: `cause`.
//! What a customer pushes: `directory` (what its groups mean). What a look at a provider shows: `finding`. What a token of the
//! admin API may: `api_scope`.
//! Which domains an organisation may prove: `own_domain`.

pub mod access;
pub mod allowed_domains;
pub mod api_scope;
pub mod cause;
pub mod chosen_password;
pub mod claim_rules;
pub mod completeness;
pub mod connection;
pub mod directory;
pub mod email;
pub mod finding;
pub mod identity;
pub mod identity_header;
pub mod issuer_check;
pub mod jwt_validation;
pub mod legible;
pub mod linking;
pub mod mapping;
pub mod own_domain;
pub mod place;
pub mod principal;
pub mod provisioning;
pub mod public_issuer;
pub mod role;
pub mod saml;
pub mod site;
pub mod site_check;
pub mod token_reach;
pub mod trusted_issuer;
