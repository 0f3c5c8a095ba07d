//! The SAML service provider against a provider that can lie about everything, signing its lies with its own key. Each
//! attack has its honest twin: the same message with the one thing put right.
//!
//! `provider` writes messages, `dsig` signs them over `canonical` forms, `xenc` encrypts them, `request` reads ours,
//! `keys` keeps the keys; `sso_saml` is a deployment with such a provider; the rest are attacks.

#![allow(clippy::type_complexity, reason = "tables of attacks: a name, a cause, and what is done")]

mod canonical;
mod conditions;
pub mod dsig;
mod encryption;
mod honest;
mod ids;
pub mod keys;
mod metadata;
mod mutants;
mod parsing;
pub mod provider;
mod replays;
pub mod request;
mod seeds;
mod solicited;
pub mod sso_saml;
mod trust;
mod wrapping;
pub mod xenc;
