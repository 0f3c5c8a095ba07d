//! Tokens that only their issuer can read: its introspection endpoint is asked (RFC 7662).

use crate::{outbound::Outbound, policy::trusted_issuer::Introspection};

/// Asks one endpoint.
pub struct Introspector {
    _id: String,
}

impl Introspector {
    /// One that asks as `settings` say.
    ///
    /// # Errors
    /// In words, when the settings cannot work.
    pub fn new(id: &str, settings: &Introspection, secret: Option<String>, outbound: &Outbound) -> Result<Self, String> {
        let _ = (settings, secret, outbound);
        Ok(Self { _id: id.to_owned() })
    }
}
