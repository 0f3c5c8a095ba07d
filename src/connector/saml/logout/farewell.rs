//! Our request to end the provider's session, and what the provider says to it.

use serde_json::{Value, json};

use super::{
    super::{
        super::{Departure, Error, LogoutMessage, ProviderSession},
        names::{SAMLP, SUCCESS},
        redirect::Kind,
        write::{self, Out},
        xml::Element,
    },
    Logout,
    message::untrusted,
};
use crate::policy::cause::Cause;

/// Seconds that the provider has to take our request.
const LIFETIME: i64 = 300;
/// Not all whom the provider told, or should have, have signed the person out.
const PARTIAL: &str = "urn:oasis:names:tc:SAML:2.0:status:PartialLogout";

impl Logout<'_> {
    /// The request, with the person named exactly as the provider named them; `None` where the provider takes none, or is
    /// not to be told.
    ///
    /// # Errors
    /// [`Error::Misconfigured`] when the provider's address is of no use or we have no key.
    pub(in super::super) fn farewell(
        &self,
        session: &ProviderSession,
        state: &str,
        now: i64,
    ) -> Result<Option<Departure>, Error> {
        let Some(endpoint) = self.endpoint().filter(|_| self.single_logout) else { return Ok(None) };
        let said = |name: &str| session.detail.get(name).and_then(Value::as_str);
        let name_id = Out::new("saml:NameID")
            .attribute_if("NameQualifier", said("name_qualifier"))
            .attribute_if("SPNameQualifier", said("sp_name_qualifier"))
            .attribute_if("Format", said("format"))
            .text(session.subject.as_str());
        let index = session.index.as_ref().map(|index| Out::new("samlp:SessionIndex").text(index.as_str()));
        let (id, root) = self.begin("samlp:LogoutRequest", &endpoint.location, now);
        let xml =
            root.attribute("NotOnOrAfter", write::instant(now + LIFETIME)).child(self.issuer()).child(name_id).children(index);
        let memo = json!({ "request_id": id, "entity_id": self.provider.entity_id });
        let go = self.send(Kind::Request, (id, xml), (endpoint.binding, &endpoint.location), Some(state), now)?;
        Ok(Some(Departure { go, memo }))
    }

    /// Judges the answer.
    ///
    /// # Errors
    /// [`Error::Untrusted`] when it is not the provider's answer to this request; [`Error::Refused`] when the provider says
    /// that the person is not signed out everywhere.
    pub(in super::super) fn farewell_answered(&self, memo: &Value, message: &LogoutMessage, at: &str) -> Result<(), Error> {
        let opened = self.open(Kind::Response, message)?;
        let answer = self.judged(&opened.root, "LogoutResponse", at)?;
        let asked = memo.get("request_id").and_then(Value::as_str);
        if asked.is_none() || answer.attribute("InResponseTo") != asked {
            return Err(untrusted("InResponseTo is not the request that this browser was sent with"));
        }
        if memo.get("entity_id").and_then(Value::as_str) != Some(self.provider.entity_id.as_str()) {
            return Err(untrusted("another provider was asked: the connection has changed meanwhile"));
        }
        status(answer)
    }
}

fn status(answer: &Element) -> Result<(), Error> {
    let missing = || untrusted("it has no Status");
    let status = answer.only(SAMLP, "Status").map_err(untrusted)?.ok_or_else(missing)?;
    let code = status.only(SAMLP, "StatusCode").map_err(untrusted)?.ok_or_else(missing)?;
    let codes: Vec<&str> = code.descendants().into_iter().filter_map(|e| e.attribute("Value")).collect();
    if codes.first() == Some(&SUCCESS) && !codes.contains(&PARTIAL) {
        return Ok(());
    }
    let said = status.only(SAMLP, "StatusMessage").ok().flatten().map(Element::full_text).unwrap_or_default();
    let said: String = said.chars().take(200).collect();
    let said = format!("the person is not signed out everywhere: {} {said:?}", codes.join(" "));
    Err(Error::Refused(Cause::ProviderRefused.with(said)))
}
