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
        if self.whole { e.to_string() } else { discreet(e) }
    }
}

/// A name that leads to a private address and one that leads nowhere read alike: else names could be tried out.
fn discreet(e: &OutboundError) -> String {
    let nowhere = |host: &str| format!("{host} cannot be called from here: its name leads to no public address");
    match e {
        OutboundError::Private { host, .. } => nowhere(host),
        OutboundError::Plain(host) => format!("{host} is to be called over plain http; use https"),
        OutboundError::Unresolved { host, .. } => nowhere(host),
        OutboundError::Tls { host, cause, .. } => match cause.split_once("certificate") {
            Some((_, why)) => format!("{host} shows a certificate that is not accepted{why}"),
            None => format!("{host} does not speak TLS as it must"),
        },
        OutboundError::Failed { host, .. } => format!("{host} cannot be reached"),
        e => e.to_string(),
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
        assert_eq!(discreet(&private), discreet(&unknown));
        let refused = OutboundError::Failed { host: "idp.corp".into(), cause: "tcp connect error: 10.1.2.3:443".into() };
        assert!(!discreet(&refused).contains("10.1"));
        let cause = "invalid peer certificate: Expired".into();
        let expired = OutboundError::Tls { host: "idp".into(), cause, expired: true };
        assert_eq!(discreet(&expired), "idp shows a certificate that is not accepted: Expired");
        assert!(!discreet(&OutboundError::Plain("a".into())).contains("GATEHOUSE"));
    }
}
