//! Who someone is and what they may do. Pure: every rule is a function of values, tested as a table.
//!
//! `identity` (what a connection says) → `linking` (which user that is) → `access` (may they pass, on this path, now).

pub mod access;
pub mod connection;
pub mod email;
pub mod identity;
pub mod linking;
pub mod saml;
