//! A message on its way to the provider, by whatever binding the address takes.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use url::Url;

use super::{
    super::{Error, Go},
    credentials::Credential,
    redirect::{self, Kind},
    sign,
};
use crate::policy::{cause::Cause, saml::Binding};

/// A message with everything that sending takes.
pub(super) struct Parcel {
    /// Whether it asks or answers.
    pub kind: Kind,
    /// The message's id.
    pub id: String,
    /// The message, not yet signed.
    pub xml: String,
    /// How it goes.
    pub binding: Binding,
    /// Where.
    pub location: String,
    /// What comes back with the answer, or goes back with it.
    pub relay_state: Option<String>,
    /// What signs it; nothing is signed without.
    pub credential: Option<Arc<Credential>>,
}

impl Parcel {
    /// Signs it and says how the browser carries it. Blocks for some milliseconds.
    ///
    /// # Errors
    /// [`Error::Misconfigured`] when the address is no HTTP address (`javascript:` would run in our page) or the key does
    /// not sign.
    pub(super) fn send(self) -> Result<Go, Error> {
        let Self { kind, id, xml, binding, location, relay_state, credential } = self;
        let credential = credential.as_deref();
        if binding == Binding::Redirect {
            return redirect::encode(&location, kind, &xml, relay_state.as_deref(), credential).map(Go::Redirect);
        }
        let action = Url::parse(&location).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        let action = action.ok_or_else(|| {
            let unusable = format!("the provider's address {location:?} cannot be used: it is no address of http or https");
            Error::Misconfigured(Cause::Endpoint.with(unusable))
        })?;
        let signed = credential.map(|credential| sign::enveloped(&xml, &id, credential)).transpose()?;
        let message = (kind.parameter(), STANDARD.encode(signed.unwrap_or(xml)));
        let state = relay_state.map(|state| ("RelayState", state));
        Ok(Go::Post { action, fields: std::iter::once(message).chain(state).collect() })
    }
}
