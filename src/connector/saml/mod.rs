//! The SAML 2.0 service provider.
//!
//! ```text
//! depart: request (AuthnRequest) → redirect (deflated, signature beside it) | sign (within a form)
//! arrive: response: xml (scan, then one strict parse) → shape (what may stand where, before anything is believed)
//!         → signature (verified by samael; gives back the very bytes that were signed) → encryption (if encrypted)
//!         → conditions (for us, now, asked for, once) → attributes (who that is)
//! logout: the ends of sessions, told by either side
//! ```
//! XML is read by libxml2 alone, the library that verifies: `xml` turns bytes into elements of our own, and claims are read
//! only from elements made of bytes that a signature covers. samael makes and checks signatures and nothing else. All of it
//! blocks and nothing of libxml2 may cross threads, so each message is judged by one call on a blocking thread.

mod attributes;
pub mod certificate;
pub(super) mod check;
pub mod conditions;
pub mod credentials;
mod encryption;
#[cfg(test)]
mod forge;
mod instant;
mod logout;
pub mod metadata;
pub mod names;
mod open;
mod parcel;
pub mod redirect;
pub mod request;
pub mod response;
mod scan;
mod shape;
pub mod sign;
pub mod signature;
pub mod sp_metadata;
pub mod turn;
pub mod unsolicited;
pub mod write;
pub mod xml;

use std::sync::Arc;

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::Value;

use self::{
    conditions::Expected,
    credentials::{Credentials, Usage},
    logout::Logout,
    metadata::Provider,
    response::Trust,
};
use super::{
    Arrival, Arrived, Connector, Departure, Deps, Document, Error, Go, LogoutMessage, LogoutRequested, Once, ProviderSession,
    Wish, registry::StoredConnection,
};
use crate::policy::{cause::Cause, connection::ConnectionSettings, identity::Identity, saml::SamlSettings};

/// Signs people in at one SAML identity provider. It exists only with a provider that has a certificate.
pub struct Saml(Arc<Opened>);

/// What signing in takes, shared with the thread that judges an answer.
struct Opened {
    /// Filled from their preset.
    settings: ConnectionSettings,
    saml: SamlSettings,
    provider: Arc<Provider>,
    /// The provider's, in DER.
    certificates: Vec<Vec<u8>>,
    /// Ours for this connection.
    entity_id: String,
    credentials: Credentials,
}

/// What is remembered while the person is away.
#[derive(Debug, Deserialize)]
struct Memo {
    request_id: String,
    entity_id: String,
    forced: bool,
    max_age: Option<i64>,
    departed_at: i64,
}

impl Saml {
    /// Opens a connection; nothing is fetched. What the settings leave empty is filled from their preset.
    ///
    /// # Errors
    /// [`Error::Misconfigured`] with everything that is wrong.
    pub fn open(connection: &StoredConnection<'_>, deps: &Deps) -> Result<Self, Error> {
        open::open(connection, &deps.issuer, &deps.credentials).map(|opened| Self(Arc::new(opened)))
    }

    /// The name of the provider, under which its identities are kept. Nothing is fetched.
    ///
    /// # Errors
    /// [`Error::Misconfigured`]: the settings name none.
    pub async fn issuer(settings: &ConnectionSettings, held: Option<Arc<Provider>>) -> Result<String, Error> {
        let wrong = |why: String| Error::Misconfigured(Cause::Settings.with(why));
        let missing = "the connection names no provider yet";
        let saml = settings.saml.clone().ok_or_else(|| wrong(missing.to_owned()))?;
        let name = turn::take(move || Ok(open::provider(held.as_ref(), &saml).map_err(wrong)?.entity_id.clone())).await?;
        if name.is_empty() { Err(wrong(missing.to_owned())) } else { Ok(name) }
    }

    /// Judges an answer where it may block.
    async fn judged(&self, memo: Option<Memo>, arrival: &Arrival, acs: &str, now: i64) -> Result<Arrived, Error> {
        self.0.in_time(now)?;
        let missing = || Error::Untrusted(Cause::AnswerUnreadable.with("the browser brought no SAMLResponse"));
        let response = arrival.get("SAMLResponse").filter(|r| !r.is_empty()).ok_or_else(missing)?.clone();
        let (opened, acs) = (Arc::clone(&self.0), acs.to_owned());
        turn::take(move || opened.judge(memo.as_ref(), &response, &acs, now)).await
    }

    /// Does what single logout takes where it may block.
    async fn log_out<T, F>(&self, now: i64, work: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(Logout<'_>) -> Result<T, Error> + Send + 'static,
    {
        self.0.in_time(now)?;
        let opened = Arc::clone(&self.0);
        turn::take(move || work(Logout::of(&opened))).await
    }
}

impl Opened {
    /// A provider whose metadata has run out is not trusted any more (Metadata §2.3.2).
    fn in_time(&self, now: i64) -> Result<(), Error> {
        match self.provider.valid_until.is_none_or(|until| now < until) {
            true => Ok(()),
            false => Err(Error::Misconfigured(
                Cause::MetadataExpired
                    .with("the provider's metadata is valid no longer (validUntil); give a newer document, or its metadata_url"),
            )),
        }
    }

    /// The connection must still be that of the departure.
    fn same_provider(&self, memo: &Memo) -> Result<(), Error> {
        match memo.entity_id == self.provider.entity_id {
            true => Ok(()),
            false => {
                Err(changed("the connection was changed to another provider while the person was away; let them sign in again"))
            }
        }
    }

    /// It blocks.
    fn judge(&self, memo: Option<&Memo>, response: &str, acs: &str, now: i64) -> Result<Arrived, Error> {
        memo.map_or(Ok(()), |memo| self.same_provider(memo))?;
        let decryption = self.credentials.published(Usage::Encrypt, now);
        let trust = Trust {
            certificates: &self.certificates,
            allow_sha1: self.saml.allow_sha1,
            want_encrypted: self.saml.want_encrypted,
            decryption: &decryption,
        };
        let expected = Expected {
            issuer: &self.provider.entity_id,
            audience: &self.entity_id,
            recipient: acs,
            request_id: memo.map(|memo| memo.request_id.as_str()),
            skew: self.saml.skew(),
            forced_at: memo.filter(|memo| memo.forced).map(|memo| memo.departed_at),
            max_age: memo.and_then(|memo| memo.max_age),
            contexts: &self.saml.authn_context,
            now,
        };
        let verified = response::judge(response, &trust, &expected)?;
        let name_id = attributes::name_id(&verified.assertion).map_err(Error::Untrusted)?;
        let person = attributes::read(&self.settings, &verified.assertion, name_id.as_ref()).map_err(Error::Untrusted);
        let said = vec![Document { name: "assertion", claims: attributes::said(&verified.assertion, name_id.as_ref()) }];
        let facts = verified.facts;
        let identity = person.map(|person| Identity {
            issuer: self.provider.entity_id.clone(),
            subject: person.subject,
            email: person.email,
            // SAML knows no such flag: the tenant's proven domains decide.
            email_verified: false,
            name: person.name,
            groups: person.groups.known(&self.provider.entity_id),
            auth_time: Some(facts.authenticated_at),
            session_until: facts.session_until,
        });
        Ok(Arrived {
            identity,
            said,
            once: Some(Once { id: verified.id, until: facts.until }),
            session: name_id.map(|name_id| name_id.session(facts.session_index)),
        })
    }
}

fn changed(how: &str) -> Error {
    Error::Untrusted(Cause::ConnectionChanged.with(how))
}

#[async_trait]
impl Connector for Saml {
    async fn depart(&self, wish: Wish<'_>) -> Result<Departure, Error> {
        let Opened { settings, provider, entity_id, credentials, .. } = &*self.0;
        self.0.in_time(wish.now)?;
        request::build(settings, provider, entity_id, credentials, &wish).await
    }

    async fn arrive(&self, memo: &Value, arrival: &Arrival, redirect_uri: &str, now: i64) -> Result<Arrived, Error> {
        let memo: Memo = serde_json::from_value(memo.clone())
            .map_err(|_| changed("the sign-in was begun by something else than a SAML connection"))?;
        self.judged(Some(memo), arrival, redirect_uri, now).await
    }

    fn can_depart(&self) -> bool {
        !self.0.provider.sso.is_empty()
    }

    /// Nothing binds such an answer to this browser, so whoever has one can sign another person in with it: it is judged
    /// only where the connection says so, and no sign-in can begin here instead.
    async fn arrive_unsolicited(&self, arrival: &Arrival, redirect_uri: &str, now: i64) -> Result<Arrived, Error> {
        if !self.0.saml.idp_initiated {
            return Err(Error::Untrusted(Cause::UnsolicitedOff.with(
                "the answer belongs to no sign-in that was begun here; if sign-ins shall begin at the provider, set idp_initiated",
            )));
        }
        if self.can_depart() {
            return Err(Error::Untrusted(
                Cause::InResponseTo.with("sign-ins over this connection begin here, so an answer to none is not accepted"),
            ));
        }
        self.judged(None, arrival, redirect_uri, now).await
    }

    async fn farewell(&self, session: &ProviderSession, state: &str, now: i64) -> Result<Option<Departure>, Error> {
        let (session, state) = (session.clone(), state.to_owned());
        self.log_out(now, move |logout| logout.farewell(&session, &state, now)).await
    }

    async fn farewell_answered(&self, memo: &Value, message: &LogoutMessage, at: &str, now: i64) -> Result<(), Error> {
        let (memo, message, at) = (memo.clone(), message.clone(), at.to_owned());
        self.log_out(now, move |logout| logout.farewell_answered(&memo, &message, &at)).await
    }

    async fn logout_requested(&self, message: &LogoutMessage, at: &str, now: i64) -> Result<LogoutRequested, Error> {
        let (message, at) = (message.clone(), at.to_owned());
        self.log_out(now, move |logout| logout.requested(&message, &at, now)).await
    }

    async fn logout_answer(&self, request: &LogoutRequested, now: i64) -> Result<Go, Error> {
        let request = request.clone();
        self.log_out(now, move |logout| logout.answer(&request, now)).await
    }
}

#[cfg(test)]
mod arrival_tests;
