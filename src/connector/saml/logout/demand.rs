//! The provider's demand that sessions end, and our answer to it.

use super::{
    super::{
        super::{Error, Go, LogoutMessage, LogoutRequested, Once},
        instant,
        names::{SAML, SAMLP, SUCCESS},
        redirect::Kind,
        write::Out,
        xml::Element,
    },
    Logout,
    message::untrusted,
};
use crate::policy::cause::Cause;

/// Seconds after its making in which a demand counts, whatever it says of itself: for so long its id is remembered.
const LIFETIME: i64 = 300;
/// Most sessions that one demand may name.
const MOST: usize = 1000;

impl Logout<'_> {
    /// Judges a demand.
    ///
    /// # Errors
    /// [`Error::Untrusted`] when it is not the provider's, not for us, not of now, or does not say plainly whom it means.
    pub(in super::super) fn requested(&self, message: &LogoutMessage, at: &str, now: i64) -> Result<LogoutRequested, Error> {
        let opened = self.open(Kind::Request, message)?;
        let request = self.judged(&opened.root, "LogoutRequest", at)?;
        let id = request.attribute("ID").filter(|id| !id.is_empty()).ok_or_else(|| untrusted("it has no ID"))?;
        let until = self.in_time(request, now)?;
        Ok(LogoutRequested {
            id: id.to_owned(),
            subject: subject(request)?,
            indexes: indexes(request)?,
            once: Once { id: id.to_owned(), until },
            relay_state: opened.relay_state,
        })
    }

    /// The answer: they have ended.
    ///
    /// # Errors
    /// [`Error::Misconfigured`] when the provider has no address for answers or we have no key.
    pub(in super::super) fn answer(&self, request: &LogoutRequested, now: i64) -> Result<Go, Error> {
        let endpoint = self.endpoint().ok_or_else(|| {
            Error::Misconfigured(Cause::NoRequestAddress.with(
                "the provider has no address for logout answers; give slo_url, or metadata with a SingleLogoutService over \
                 HTTP-Redirect or HTTP-POST",
            ))
        })?;
        let location = endpoint.response_location.as_deref().unwrap_or(&endpoint.location);
        let (id, root) = self.begin("samlp:LogoutResponse", location, now);
        let code = Out::new("samlp:StatusCode").attribute("Value", SUCCESS);
        let xml =
            root.attribute("InResponseTo", request.id.as_str()).child(self.issuer()).child(Out::new("samlp:Status").child(code));
        self.send(Kind::Response, (id, xml), (endpoint.binding, location), request.relay_state.as_deref(), now)
    }

    /// Until when (unix seconds) the demand counts, if it does now.
    fn in_time(&self, request: &Element, now: i64) -> Result<i64, Error> {
        let made = request.attribute("IssueInstant").ok_or_else(|| untrusted("it has no IssueInstant"))?;
        let made = instant::parse("IssueInstant", made).map_err(untrusted)?;
        let span = LIFETIME + self.skew;
        if now.saturating_sub(made) > span || made.saturating_sub(now) > span {
            return Err(untrusted(format!(
                "it was made {} seconds ago by our clock; at most {span} are accepted",
                now.saturating_sub(made)
            )));
        }
        if let Some(end) = request.attribute("NotOnOrAfter") {
            let end = instant::parse("NotOnOrAfter", end).map_err(untrusted)?;
            if now >= end.saturating_add(self.skew) {
                return Err(untrusted("its NotOnOrAfter has passed"));
            }
        }
        Ok(made + span + 1)
    }
}

/// The one person it means.
fn subject(request: &Element) -> Result<String, Error> {
    if request.all(SAML, "EncryptedID").next().is_some() {
        return Err(untrusted(
            "the provider encrypts whom it means (EncryptedID), which is not supported in logout requests: switch that off there",
        ));
    }
    let name_id = request.only(SAML, "NameID").map_err(untrusted)?.ok_or_else(|| untrusted("it has no NameID"))?;
    let subject = name_id.text().map_err(untrusted)?;
    if subject.is_empty() { Err(untrusted("its NameID is empty")) } else { Ok(subject) }
}

/// The sessions it means. An empty name would mean none, and leaving it out all of them: it is refused.
fn indexes(request: &Element) -> Result<Vec<String>, Error> {
    let texts = request.all(SAMLP, "SessionIndex").map(|index| index.text().map_err(untrusted));
    let indexes = texts.collect::<Result<Vec<String>, Error>>()?;
    if indexes.len() > MOST || indexes.iter().any(String::is_empty) {
        return Err(untrusted(format!("a SessionIndex is empty, or there are more than {MOST}")));
    }
    Ok(indexes)
}
