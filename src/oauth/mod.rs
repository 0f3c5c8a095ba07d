//! The protocol's vocabulary: what a client is, what it may ask for, and how the RFCs spell the answers.
//!
//! Pure: no async, no database, no HTTP. An authorization request is read in two steps, because an error may only be
//! sent back to a redirect URI that is known to be the client's (RFC 6749 §4.1.2.1):
//! `authorize::Target::find` (who asks, where to answer) → `authorize::AuthorizeRequest::parse` (what is asked).

pub mod authorize;
pub mod client;
pub mod error;
pub mod params;
pub mod pkce;
pub mod protected_resource;
pub mod redirect_uri;
pub mod scope;
