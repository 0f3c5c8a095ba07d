//! What holds for every logout message that comes in, whatever it says: who signed it, who sent it, for whom.

use super::{
    super::{
        super::{Error, LogoutMessage},
        names::{SAML, SAMLP},
        redirect::{self, Kind, MAX_RELAY_STATE},
        response, signature,
        xml::{self, Element},
    },
    Logout,
};

/// A message as the provider signed it.
pub(super) struct Opened {
    /// Read from signed bytes and from nothing else.
    pub root: Element,
    /// What came beside it. In a form no signature covers it: it is carried back, and means nothing here.
    pub relay_state: Option<String>,
}

impl Logout<'_> {
    /// Opens a message whose signature is good. In a redirect the signature is over the query, and so over the whole
    /// message; in a form it is within, and only what it covers is read.
    pub(super) fn open(&self, kind: Kind, message: &LogoutMessage) -> Result<Opened, Error> {
        match message {
            LogoutMessage::Redirect(query) => {
                let decoded = redirect::decode(query, self.certificates, self.allow_sha1)?;
                if decoded.kind != kind {
                    return Err(untrusted(format!("it is no {}", kind.parameter())));
                }
                Ok(Opened { root: xml::parse(&decoded.xml).map_err(untrusted)?, relay_state: decoded.relay_state })
            }
            LogoutMessage::Post(form) => {
                let message = form.get(kind.parameter()).ok_or_else(|| untrusted(format!("it has no {}", kind.parameter())))?;
                let text = response::decoded(message)?;
                let signed = signature::verified(&text, self.certificates, self.allow_sha1).map_err(untrusted)?;
                let relay_state = form.get("RelayState").cloned();
                if relay_state.as_ref().is_some_and(|state| state.len() > MAX_RELAY_STATE) {
                    return Err(untrusted(format!("RelayState is longer than {MAX_RELAY_STATE} bytes")));
                }
                Ok(Opened { root: xml::parse_signed(&signed).map_err(untrusted)?, relay_state })
            }
        }
    }

    /// A verified message of this name, from the provider and for us. An assertion or response of the provider that was
    /// signed for another end is of another name.
    pub(super) fn judged<'m>(&self, root: &'m Element, name: &str, at: &str) -> Result<&'m Element, Error> {
        if !root.is(SAMLP, name) {
            return Err(untrusted(format!("what is signed is no {name} but {:?}", root.name)));
        }
        if root.attribute("Version") != Some("2.0") {
            return Err(untrusted("Version is not 2.0"));
        }
        let issuer = root.only(SAML, "Issuer").map_err(untrusted)?.ok_or_else(|| untrusted("it has no Issuer"))?;
        let issuer = issuer.text().map_err(untrusted)?;
        if issuer != self.provider.entity_id {
            return Err(untrusted(format!("Issuer is {issuer:?}, not {:?}", self.provider.entity_id)));
        }
        match root.attribute("Destination") {
            Some(destination) if destination == at => Ok(root),
            Some(other) => Err(untrusted(format!("Destination is {other:?}, not {at:?}"))),
            None => Err(untrusted(format!("it has no Destination; it must be {at:?}"))),
        }
    }
}

/// A message that is not believed.
pub(super) fn untrusted(cause: impl std::fmt::Display) -> Error {
    response::untrusted(format!("the logout message: {cause}"))
}
