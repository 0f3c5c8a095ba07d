//! Signed tokens: ours and everyone else's.
//!
//! One core judges every JWT that reaches gatehouse (our own tokens, ID tokens of providers, client assertions, foreign
//! bearer tokens), so none has a softer path:
//! `verify` → `unverified` takes the text apart → `rules` says what must hold, from OUR record and never from the
//! token's header → a [`KeySource`] gives the key: the `ring` of our own, `jwks` fetched from a URL, or inline ones →
//! [`Claims`], or [`Invalid`] with a text for the caller and a detail for the log.
//!
//! `validator` holds the issuers whose bearer tokens we accept. The other direction: `material` makes and imports
//! private keys, `keys` parses them, `ring` keeps them and signs, `rotation` decides when the next one is due, `issue`
//! puts the claims together. Where rows are stored is not this room's concern.

pub mod alg;
pub mod claims;
pub mod discovered;
pub mod introspection;
pub mod invalid;
pub mod issue;
mod json;
pub mod jwk;
pub mod jwks;
pub mod keys;
pub mod material;
mod presented;
pub mod ring;
pub mod rotation;
pub mod rules;
pub mod source;
pub mod steps;
#[cfg(test)]
mod testing;
pub mod unverified;
pub mod validator;
pub mod verify;

pub use alg::Alg;
pub use claims::Claims;
pub use invalid::Invalid;
pub use jwk::{KeySource, PublicKey};
pub use keys::{SigningKey, Validity};
pub use material::{KeyMaterial, import_jwks};
pub use ring::KeyRing;
pub use rules::Rules;
pub use source::Source;
pub use steps::Step;
pub use validator::{Accepted, Scope, Validator};
pub use verify::verify;
