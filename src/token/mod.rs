//! Signed tokens: ours and everyone else's.
//!
//! One core judges every JWT that reaches gatehouse (our own tokens, ID tokens of providers, client assertions, foreign
//! bearer tokens), so none has a softer path:
//! `verify` → `unverified` takes the text apart → `rules` says what must hold, from OUR record and never from the
//! token's header → a [`KeySource`] gives the key: the `ring` of our own, `jwks` fetched from a URL (which `discovered`
//! finds where nobody wrote it down), or inline ones; `jwk` reads them and `verifying` keeps them parsed → [`Claims`], or [`Invalid`] with a text for the caller and a detail
//! for the log.
//!
//! `validator` holds the table of issuers whose bearer tokens we accept, each a `source`: our own is one of them; `rivals`
//! hears what several tenants say that know one token; `id_token` judges what an issuer gives to a site's sign-in. A token
//! (`presented`) that its issuer must be asked about goes to `introspection` instead of a key. Where several may be asked at once, `together` does. `steps` takes down what was
//! looked at when an operator asks why, and `check` looks at an issuer whose settings somebody types. The other direction: `material` makes and imports private keys, `keys` parses
//! them, `ring` keeps them and signs, `rotation` decides when the next one is due, `issue` puts the claims together. Where
//! rows are stored is not this room's concern.
//!
//! # The validator as a library
//!
//! ```
//! use std::sync::Arc;
//!
//! use gatehouse::{
//!     oauth::client::SigningAlg,
//!     outbound::{Allow, Outbound},
//!     policy::trusted_issuer::{IssuerSecrets, IssuerSettings},
//!     token::{KeyMaterial, KeyRing, Scope, SigningKey, Source, Validator, Validity, jwks, rules::AudienceRule},
//! };
//! use serde_json::json;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
//! # runtime.block_on(async {
//! // Whoever issues tokens has a key; here two issuers make theirs: we, and a provider that we trust.
//! let ring = || -> Result<(KeyRing, String), Box<dyn std::error::Error>> {
//!     let always = Validity { generation: 1, imported: false, created_at: 0, active_from: 0, expires_at: None };
//!     let ring = KeyRing::new(vec![SigningKey::new(&KeyMaterial::generate(SigningAlg::ES256)?, always)?]);
//!     let jwks = ring.jwks(0).json.clone();
//!     Ok((ring, jwks))
//! };
//! let ((ours, _), (theirs, their_jwks)) = (ring()?, ring()?);
//!
//! // What must hold of the provider's tokens. With `jwks_uri` its keys would be fetched and kept, with neither they would
//! // be found by discovery, with `introspection` it would be asked.
//! let settings = IssuerSettings {
//!     issuer: Some("https://idp.example".to_owned()),
//!     audience: vec!["https://api.example".to_owned()],
//!     jwks: Some(serde_json::from_str(&their_jwks)?),
//!     required_claims: vec!["email".to_owned()],
//!     ..IssuerSettings::default()
//! };
//! let outbound = Outbound::new(Allow::default())?;
//! let key_sets = jwks::KeySets::new(Arc::new(outbound.clone()), 1_000, jwks::FLOOR);
//! let source = Source::of("idp", "acme", &settings, IssuerSecrets::default(), &key_sets, &outbound)?;
//!
//! let audience = AudienceRule::Contains(vec!["https://api.example".to_owned()]);
//! let validator = Validator::new("https://sso.example", ours, audience, 60).with_sources([source]);
//!
//! let now = 1_800_000_000;
//! let mut claims = json!({
//!     "iss": "https://idp.example", "aud": "https://api.example", "sub": "ci-7", "email": "ci@idp.example", "exp": now + 600,
//! });
//! let token = theirs.sign(SigningAlg::ES256, "JWT", &claims, now)?;
//! let scope = Scope { tenant: Some("acme"), ..Scope::default() };
//! let accepted = validator.validate(&token, &scope, now).await?;
//! assert_eq!((accepted.source.as_deref(), accepted.subject.as_str()), (Some("idp"), "ci-7"));
//!
//! // The issuer is compared byte for byte.
//! claims["iss"] = json!("https://idp.example/");
//! let token = theirs.sign(SigningAlg::ES256, "JWT", &claims, now)?;
//! let refused = validator.validate(&token, &scope, now).await.unwrap_err();
//! assert_eq!(refused.to_string(), "Invalid issuer");
//! assert!(refused.detail().contains("differs by a trailing slash"));
//! # Ok(())
//! # })
//! # }
//! ```

pub mod alg;
pub mod check;
pub mod claims;
pub mod discovered;
mod id_token;
pub mod introspection;
pub mod invalid;
pub mod issue;
mod json;
pub mod jwk;
pub mod jwks;
pub mod keys;
pub mod logout;
pub mod material;
mod presented;
pub mod ring;
mod rivals;
pub mod rotation;
pub mod rules;
pub mod source;
pub mod steps;
#[cfg(test)]
mod testing;
mod together;
pub mod unverified;
pub mod validator;
pub mod verify;
mod verifying;

pub use alg::Alg;
pub use claims::Claims;
pub use invalid::{ASK_AGAIN, Invalid};
pub use jwk::{KeySource, PublicKey};
pub use keys::{SigningKey, Validity};
pub use material::{KeyMaterial, import_jwks};
pub use presented::may_be_asked_about;
pub use ring::KeyRing;
pub use rules::Rules;
pub use source::Source;
pub use steps::{Explanation, Refused, Step};
pub use validator::{Accepted, Scope, Validator};
pub use verify::verify;
