//! Single logout (SAML Core §3.7, Profiles §4.4): both ends of a session tell each other that it is over.
//!
//! `farewell` is our request and the provider's answer, `demand` the provider's request and our answer, `message` what
//! holds for everything that comes in: it is signed, as a whole, by the provider; it names the provider and us. All of it
//! blocks.

mod demand;
mod farewell;
mod message;

use super::{
    super::{Error, Go},
    Opened,
    credentials::Credentials,
    metadata::{Endpoint, Provider},
    names::{SAML, SAMLP},
    parcel::Parcel,
    redirect::Kind,
    request::no_credential,
    write::{self, Out},
};
use crate::policy::saml::Binding;

/// What logout messages of one connection are made and judged with.
pub(super) struct Logout<'a> {
    /// Our entity id.
    entity_id: &'a str,
    /// The other party.
    provider: &'a Provider,
    /// Its signing certificates in DER.
    certificates: &'a [Vec<u8>],
    /// Our keys.
    credentials: &'a Credentials,
    /// Whether the person's sign-out here is told to the provider.
    single_logout: bool,
    /// Whether signatures over SHA-1 count.
    allow_sha1: bool,
    /// Seconds that the provider's clock may be apart from ours.
    skew: i64,
}

impl<'a> Logout<'a> {
    /// Of an opened connection.
    pub(super) fn of(opened: &'a Opened) -> Self {
        Self {
            entity_id: &opened.entity_id,
            provider: &opened.provider,
            certificates: &opened.certificates,
            credentials: &opened.credentials,
            single_logout: opened.saml.single_logout,
            allow_sha1: opened.saml.allow_sha1,
            skew: opened.saml.skew(),
        }
    }

    /// Where logout messages go: by redirect where the provider takes that, for a redirect passes through the hidden frames
    /// that some providers sign out with, and a page of ours with a form does not.
    fn endpoint(&self) -> Option<&'a Endpoint> {
        let over = |binding| self.provider.slo.iter().find(|endpoint| endpoint.binding == binding);
        over(Binding::Redirect).or_else(|| over(Binding::Post))
    }

    /// The beginning of any message of ours: its id, its root and issuer.
    fn begin(&self, name: &'static str, location: &str, now: i64) -> (String, Out) {
        let id = write::fresh_id();
        let root = Out::new(name)
            .attribute("xmlns:samlp", SAMLP)
            .attribute("xmlns:saml", SAML)
            .attribute("ID", id.as_str())
            .attribute("Version", "2.0")
            .attribute("IssueInstant", write::instant(now))
            .attribute("Destination", location);
        (id, root)
    }

    fn issuer(&self) -> Out {
        Out::new("saml:Issuer").text(self.entity_id)
    }

    /// Signs a message (always: Profiles §4.4.4.1 asks for it through browsers) and says how it goes.
    fn send(
        &self,
        kind: Kind,
        (id, xml): (String, Out),
        to: (Binding, &str),
        relay_state: Option<&str>,
        now: i64,
    ) -> Result<Go, Error> {
        let credential = self.credentials.signing(now);
        let credential = credential.ok_or_else(no_credential)?;
        let (binding, location) = to;
        let parcel = Parcel {
            kind,
            id,
            xml: xml.to_xml(),
            binding,
            location: location.to_owned(),
            relay_state: relay_state.map(str::to_owned),
            credential: Some(credential),
        };
        parcel.send()
    }
}

#[cfg(test)]
mod tests;
