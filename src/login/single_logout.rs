//! `/saml/{tenant}/{connection}/slo`: where an identity provider's logout messages arrive, by redirect (GET) or form
//! (POST). A request ends the sign-ins that rest on the named session, and is answered; an answer brings back a browser
//! that `farewell` sent.
//!
//! A message is believed for the provider's signature on it and for nothing else: neither cookie nor address plays a part,
//! since some providers load this in hidden frames or call from their own servers. Connections and tenants that are
//! switched off are served too: ending a sign-in gives nobody anything, and one that was left would live again with the
//! switch.

use axum::{
    extract::{Path, RawForm, State},
    http::{Method, StatusCode},
    response::{IntoResponse as _, Response},
};

use super::{authorize, departure, farewell, pages::SignedOut};
use crate::{
    app::App,
    connector::{self, Connector, LogoutMessage, saml::sp_metadata::Addresses},
    error::PageError,
    oauth::params::Params,
    policy::connection::Protocol,
    secret,
    session::{Visit, end_sign_in},
    store::{self, connections::Connection},
};

/// `GET` and `POST /saml/{tenant}/{connection}/slo`
pub async fn single_logout(
    State(app): State<App>,
    visit: Visit,
    Path((tenant, connection)): Path<(String, String)>,
    RawForm(form): RawForm,
) -> Result<Response, PageError> {
    // Anybody may call, and each message costs a verification.
    authorize::count(&app, &visit)?;
    let text = std::str::from_utf8(&form).map_err(|_| unreadable("the message is not UTF-8"))?;
    let params = Params::parse(text).and_then(|p| p.once_each().map(|()| p));
    let params = params.map_err(|e| unreadable(e.description))?;
    let given = |name: &str| params.one(name).ok().flatten().map(str::to_owned);
    let (is_request, state) = match (given("SAMLRequest"), given("SAMLResponse")) {
        (Some(_), None) => (true, None),
        (None, Some(_)) => (false, given("RelayState")),
        _ => return Err(unreadable("there must be one SAMLRequest or one SAMLResponse")),
    };
    let tenant = store::tenants::find_by_name(&app.db, &tenant).await?.ok_or_else(nowhere)?;
    let connection = store::connections::find_by_name(&app.db, &tenant.id, &connection).await?;
    let connection = connection.filter(|c| c.protocol == Protocol::Saml).ok_or_else(nowhere)?;
    let connector = app.connector(&tenant.name, &connection).await.map_err(|e| refused(&connection, &e))?;
    let message = match visit.method {
        Method::POST => LogoutMessage::Post(params.into_map()),
        _ => LogoutMessage::Redirect(text.to_owned()),
    };
    let door = Door {
        app: &app,
        visit: &visit,
        connection: &connection,
        connector: &*connector,
        at: Addresses::logout(app.issuer(), &tenant.name, &connection.name),
    };
    if is_request { door.requested(&message).await } else { door.answered(&message, state.as_deref()).await }
}

/// One message at the door.
struct Door<'a> {
    app: &'a App,
    visit: &'a Visit,
    connection: &'a Connection,
    connector: &'a dyn Connector,
    /// The address it came to, as the provider knows it.
    at: String,
}

impl Door<'_> {
    /// The provider demands that sign-ins end.
    async fn requested(&self, message: &LogoutMessage) -> Result<Response, PageError> {
        let (app, connection, now) = (self.app, self.connection, self.app.clock.now());
        let request = self.connector.logout_requested(message, &self.at, now).await.map_err(|e| refused(connection, &e))?;
        let once = secret::digest(&format!("saml-logout/{}/{}", connection.id, request.once.id));
        if !store::replays::take(&app.db, &once, request.once.until, now).await? {
            let cause = format!("connection {}: the logout request {:?} was used before", connection.name, request.id);
            return Err(untrusted("logout_replayed", cause));
        }
        let subject = secret::digest(&request.subject);
        let sessions = store::provider_sessions::of_subject(&app.db, &connection.id, &subject, now).await?;
        let mut ended = 0;
        for session in sessions.iter().filter(|s| s.is_named_by(&request.indexes)) {
            end_sign_in(app, &session.sid).await?;
            ended += 1;
        }
        tracing::info!(connection = connection.name, ended, "the identity provider ended sign-ins");
        // For somebody whom nobody here knows this is a success too: nothing of theirs is left.
        match self.connector.logout_answer(&request, now).await {
            Ok(go) => Ok(departure::response(self.visit, go)),
            Err(e) => {
                tracing::warn!(connection = connection.name, cause = %e, "the logout request cannot be answered");
                Ok(farewell::on(self.visit, None))
            }
        }
    }

    /// The provider answers a farewell. The person is signed out here, whatever it says.
    async fn answered(&self, message: &LogoutMessage, state: Option<&str>) -> Result<Response, PageError> {
        let (app, connection, now) = (self.app, self.connection, self.app.clock.now());
        let farewell = match state {
            Some(state) => store::farewells::take(&app.db, &secret::digest(state), &connection.id, now).await?,
            None => None,
        };
        let farewell = farewell.ok_or_else(|| {
            let explanation = "This sign-out has ended: it was finished already, or it took too long.";
            let cause = format!("connection {}: RelayState names no farewell that is under way", connection.name);
            PageError::new(StatusCode::BAD_REQUEST, "no_farewell", "This sign-out is over", explanation, cause)
                .way_on("/account".into(), "See who is signed in")
        })?;
        let memo = serde_json::from_str(&farewell.memo);
        let memo = memo.map_err(|e| PageError::internal(format!("the farewell's memo: {e}")))?;
        let Err(e) = self.connector.farewell_answered(&memo, message, &self.at, now).await else {
            return Ok(farewell::on(self.visit, farewell.way));
        };
        tracing::warn!(connection = connection.name, cause = %e, "signed out here, but perhaps not at the identity provider");
        let status = match e {
            connector::Error::Refused(_) => StatusCode::OK,
            _ => StatusCode::BAD_REQUEST,
        };
        let way_on = farewell.way.as_deref().map(|way| (way, "Continue"));
        Ok((status, SignedOut { way_on, remains: true }).into_response())
    }
}

/// A page for a connector's failure; the cause, with its fix, goes to the log.
fn refused(connection: &Connection, e: &connector::Error) -> PageError {
    let cause = format!("connection {}: {e}", connection.name);
    match e {
        connector::Error::Refused(_) | connector::Error::Untrusted(_) => untrusted("logout_untrusted", cause),
        connector::Error::Unreachable(_) | connector::Error::Misconfigured(_) => {
            let explanation = "The connection to your organisation's sign-in needs its administrator. Nobody was signed out.";
            PageError::new(
                StatusCode::BAD_GATEWAY,
                "logout_misconfigured",
                "Signing out is not set up correctly",
                explanation,
                cause,
            )
        }
    }
}

fn untrusted(kind: &'static str, cause: String) -> PageError {
    let explanation = "The request to sign you out did not pass our checks. Nobody was signed out.";
    PageError::new(StatusCode::BAD_REQUEST, kind, "We could not verify the request", explanation, cause)
        .way_on("/account".into(), "See who is signed in")
}

fn unreadable(cause: impl Into<String>) -> PageError {
    let explanation = "Your identity provider sent you here with a message that we cannot read. Nobody was signed out.";
    PageError::new(StatusCode::BAD_REQUEST, "logout_unreadable", "We could not read the message", explanation, cause)
        .way_on("/account".into(), "See who is signed in")
}

fn nowhere() -> PageError {
    let explanation = "There is no page at this address.";
    PageError::new(StatusCode::NOT_FOUND, "not_found", "Page not found", explanation, "no such tenant or connection")
        .advise("Check the address that you followed.")
}
