//! Calls on behalf of an administrator who is told what came of them: they learn of private networks no more than that these
//! may not be called, whether there is anything or not.

use http::{Request, header};
use url::Url;

use super::{Fetched, Outbound, OutboundError};

/// Calls for somebody who waits for the answer.
#[derive(Clone, Copy, Debug)]
pub struct Probe<'a> {
    outbound: &'a Outbound,
    whole: bool,
}

impl<'a> Probe<'a> {
    /// `whole`: whether they run this deployment, and may read the exact reason.
    #[must_use]
    pub fn new(outbound: &'a Outbound, whole: bool) -> Self {
        Self { outbound, whole }
    }

    /// Gets `url`.
    ///
    /// # Errors
    /// In words for whoever waits.
    pub async fn get(&self, url: &Url, accept: &'static str) -> Result<Fetched, String> {
        self.outbound.get("check", url, accept).await.map_err(|e| self.tell(&e))
    }

    /// Gets a document: the answer was good.
    ///
    /// # Errors
    /// As [`Probe::get`], and when the status is another than 2xx.
    pub async fn document(&self, url: &Url, accept: &'static str) -> Result<Fetched, String> {
        let fetched = self.get(url, accept).await?;
        match fetched.is_success() {
            true => Ok(fetched),
            false => Err(format!("{url} answered with status {}", fetched.status)),
        }
    }

    /// The status that `url` answers a GET with; a redirect is an answer.
    ///
    /// # Errors
    /// As [`Probe::get`].
    pub async fn status(&self, url: &Url) -> Result<u16, String> {
        match self.outbound.get("check", url, "*/*").await {
            Ok(fetched) => Ok(fetched.status),
            Err(OutboundError::Redirect { .. }) => Ok(302),
            Err(e) => Err(self.tell(&e)),
        }
    }

    /// The status that `url` answers an empty form with.
    ///
    /// # Errors
    /// As [`Probe::get`].
    pub async fn post(&self, url: &Url, form: &str) -> Result<u16, String> {
        let request = Request::post(url.as_str())
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(form.as_bytes().to_vec())
            .map_err(|_| format!("{url} cannot be called"))?;
        match self.outbound.send("check", request).await {
            Ok(answer) => Ok(answer.status().as_u16()),
            Err(OutboundError::Redirect { .. }) => Ok(302),
            Err(e) => Err(self.tell(&e)),
        }
    }

    fn tell(&self, e: &OutboundError) -> String {
        if self.whole { e.to_string() } else { e.discreet() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_private_name_and_an_unknown_one_read_alike() {
        let private = OutboundError::Private { host: "db.corp".into(), ip: [10, 1, 2, 3].into() };
        let cause = "failed to lookup address information".into();
        let unknown = OutboundError::Unresolved { host: "db.corp".into(), cause };
        assert_eq!(private.discreet(), unknown.discreet());
        let refused = OutboundError::Failed { host: "idp.corp".into(), cause: "tcp connect error: 10.1.2.3:443".into() };
        assert!(!refused.discreet().contains("10.1"));
        let tls = |cause: &str, expired| OutboundError::Tls { host: "idp".into(), cause: cause.into(), expired };
        for (e, says) in [
            (tls("its certificate expired 12 days ago", true), "idp shows a certificate that expired 12 days ago"),
            (tls("its certificate has expired", true), "idp shows a certificate that has expired"),
            (
                tls("invalid peer certificate: UnknownIssuer", false),
                "idp shows a certificate that is not accepted: UnknownIssuer",
            ),
        ] {
            assert_eq!(e.discreet(), says);
        }
        assert!(!OutboundError::Plain("a".into()).discreet().contains("GATEHOUSE"));
    }
}
