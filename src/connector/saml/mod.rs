//! The SAML 2.0 service provider.
//!
//! ```text
//! depart: request (AuthnRequest) → redirect (deflated, signature beside it) | signature (within a form)
//! arrive: response: xml (one strict parse) → shape (what may stand where, before anything is believed)
//!         → signature (verified by samael; gives back the very bytes that were signed) → encryption (if encrypted)
//!         → conditions (for us, now, asked for, once) → attributes (who that is)
//! ```
//! XML is read by libxml2 alone, the library that verifies: `xml` turns bytes into elements of our own, and claims are read
//! only from elements made of bytes that a signature covers. samael makes and checks signatures and nothing else. All of it
//! blocks and nothing of libxml2 may cross threads, so each message is judged by one call on a blocking thread.

pub mod certificate;
pub mod credentials;
#[cfg(test)]
mod forge;
mod logout;
pub mod metadata;
pub mod names;
mod parcel;
pub mod redirect;
pub mod request;
mod scan;
mod shape;
pub mod sign;
pub mod signature;
pub mod sp_metadata;
pub mod write;
pub mod xml;

use async_trait::async_trait;
use serde_json::Value;

use super::{Arrival, Arrived, Connector, Departure, Deps, Error, Wish, registry::StoredConnection};

/// Signs people in at one SAML identity provider.
pub struct Saml;

impl Saml {
    /// Opens a connection; nothing is fetched.
    ///
    /// # Errors
    /// [`Error::Misconfigured`] with everything that is wrong.
    pub fn open(_connection: &StoredConnection<'_>, _deps: &Deps) -> Result<Self, Error> {
        Err(Error::Misconfigured("this build has no SAML connector".to_owned()))
    }
}

#[async_trait]
impl Connector for Saml {
    async fn depart(&self, _wish: Wish<'_>) -> Result<Departure, Error> {
        Err(Error::Misconfigured("this build has no SAML connector".to_owned()))
    }

    async fn arrive(&self, _memo: &Value, _arrival: &Arrival, _redirect_uri: &str, _now: i64) -> Result<Arrived, Error> {
        Err(Error::Misconfigured("this build has no SAML connector".to_owned()))
    }
}
