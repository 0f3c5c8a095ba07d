//! What a browser brings back from an identity provider, and its judgement by the connector of the connection that was
//! departed over: for a sign-in and for a test of one alike.

use axum::{extract::Path, http::StatusCode};

use crate::{
    app::App,
    connector::{self, Arrived},
    error::PageError,
    oauth::params::Params,
    policy::{
        cause::{Cause, Fault},
        connection::Protocol,
    },
    store::{connections::Connection, tenants::Tenant},
};

/// The tenant and the connection whose own callback URL it is, by name; nothing for the URL that all share.
pub type Own = Option<Path<(String, String)>>;

/// What the browser brought, and how.
pub struct Answer {
    /// The protocol that answers in this way.
    pub protocol: Protocol,
    /// What.
    pub params: Params,
    /// By which address.
    pub own: Own,
}

/// What the connector of a departure remembered.
#[derive(Clone, Copy)]
pub struct Memo<'a> {
    /// What it is sealed for.
    pub context: &'a str,
    /// Itself.
    pub sealed: &'a str,
}

/// Why an answer says nothing.
#[derive(Debug)]
pub enum Unheard {
    /// It is not one of this connection.
    Stray(Fault),
    /// The connector refuses it.
    Failed(connector::Error),
    /// What was remembered cannot be read.
    Forgotten,
}

impl Answer {
    /// Reads what came.
    ///
    /// # Errors
    /// A page.
    pub fn read(protocol: Protocol, encoded: &[u8], own: Own) -> Result<Self, PageError> {
        let encoded = std::str::from_utf8(encoded).map_err(|_| bad("the answer is not UTF-8"))?;
        let params = Params::parse(encoded).and_then(|p| p.once_each().map(|()| p));
        let params = params.map_err(|e| bad(e.description.into_owned()))?;
        Ok(Self { protocol, params, own })
    }

    /// Has the connector judge it.
    ///
    /// # Errors
    /// Why it says nothing.
    pub async fn judge(self, app: &App, tenant: &Tenant, connection: &Connection, memo: Memo<'_>) -> Result<Arrived, Unheard> {
        if connection.protocol != self.protocol {
            let other = format!("connection {} does not answer by this protocol and method", connection.name);
            return Err(Unheard::Stray(Cause::AnotherCallback.with(other)));
        }
        // A code that came by another connection's URL was not sent to this one (mix-up, RFC 9700 §4.4.2).
        let expected = connection.settings.own_callback.then(|| (tenant.name.clone(), connection.name.clone()));
        if self.own.map(|Path(names)| names) != expected {
            let other = "the answer came by the callback URL of another connection";
            return Err(Unheard::Stray(Cause::AnotherCallback.with(other)));
        }
        let memo = app.sealer.open(memo.context, memo.sealed);
        let memo = memo.ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).ok_or(Unheard::Forgotten)?;
        let connector = app.connector(&tenant.name, connection).await.map_err(Unheard::Failed)?;
        let callback_url = app.callback_url(&tenant.name, connection);
        let arrived = connector.arrive(&memo, &self.params.into_map(), &callback_url, app.clock.now()).await;
        arrived.map_err(Unheard::Failed)
    }
}

/// The page for an answer that cannot be read, or is not one of this connection.
#[must_use]
pub fn bad(cause: impl Into<String>) -> PageError {
    let explanation = "Your identity provider sent you back with an answer that we cannot read.";
    PageError::new(StatusCode::BAD_REQUEST, "bad_answer", "We could not read the answer", explanation, cause)
        .advise("Go back to the application that you came from and sign in again.")
        .known(Cause::AnswerUnreadable)
}
