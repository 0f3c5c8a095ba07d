//! gatehouse: an SSO broker and authorization server.
//!
//! Customers sign in with their own identity provider; gatehouse links the person to a user and issues its own signed
//! tokens. The rooms and what each may import are drawn in the README's "House", and held by `tests/house.rs`.

pub mod admin;
pub mod admin_link;
pub mod api_token;
pub mod app;
pub mod apply;
pub mod assets;
pub mod background;
pub mod bearer;
pub mod body;
pub mod chronicle;
pub mod cli;
pub mod clock;
pub mod config;
pub mod connector;
pub mod delivery;
pub mod demo;
pub mod directory_token;
pub mod dns;
pub mod domain_proof;
pub mod endpoint;
pub mod error;
pub mod expiry;
pub mod explanation;
pub mod grant;
pub mod guest;
pub mod identity_link;
pub mod invitation;
pub mod journal;
pub mod key_list;
pub mod limit;
pub mod login;
#[cfg(test)]
mod markup;
pub mod metrics;
pub mod moment;
pub mod oauth;
pub mod operator;
pub mod outbound;
pub mod page;
pub mod password;
pub mod policy;
pub mod provider_metadata;
pub mod reach;
pub mod router;
pub mod saml_keys;
pub mod scim;
pub mod seal;
pub mod secret;
pub mod serve;
pub mod session;
pub mod signing;
pub mod store;
pub mod story;
pub mod suggest;
pub mod tls;
pub mod token;
pub mod trace;
pub mod trial;
pub mod trust;
