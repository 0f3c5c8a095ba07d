//! Sign-ins that begin at a SAML provider: its answer names no sign-in of ours. Such an answer can be planted in anybody's
//! browser, so only connections that opted in take one, and what it says beside itself (`RelayState`) counts for nothing.
//!
//! ```text
//! where our requests can go     the answer is not accepted: a sign-in of ours begins over that connection
//! where they cannot             the answer is judged in full, and accepted once
//! in the end                    the browser lands at the page that the settings name, without a code
//! ```

use axum::{
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
};

use super::{arrival, authorize, callback::refused, departure, departure::failed, dispatch, dispatch::Pending};
use crate::{
    app::App,
    connector::{self, saml::unsolicited},
    error::PageError,
    oauth::{authorize::AuthorizeRequest, client::Client, params::Params, scope::Scopes},
    policy::{
        access::Refusal,
        cause::{Cause, Fault},
        connection::Protocol,
        saml::SamlSettings,
    },
    session::Visit,
    store::{self, connections::Connection, standing::Parties, tenants::Tenant},
};

/// Most sign-ins of ours that may wait in one browser for one provider's answers, begun within [`RECENTLY`]: a provider
/// that answers our requests with answers that name none would send the browser round for ever.
const WAITING: i64 = 3;
/// Seconds.
const RECENTLY: i64 = 60;

/// Takes an answer that belongs to no departure at all. `own` are the names in the path of a connection's own URL.
///
/// # Errors
/// A page.
pub async fn begin(app: &App, visit: &mut Visit, answer: Params, own: Option<(String, String)>) -> Result<Response, PageError> {
    // Nobody here has asked for it, so what it costs to read is counted before.
    authorize::count(app, visit)?;
    let response = answer.one("SAMLResponse").ok().flatten().unwrap_or_default().to_owned();
    let said = unsolicited::read(response).await.map_err(|e| departure::page(&e).caused(e.to_string()))?;
    // It answers a request, so a sign-in has begun somewhere: here long ago, or in another browser.
    if said.answers_a_request {
        return Err(PageError::no_login());
    }
    let (tenant, connection) = addressee(app, &said.audiences, own).await?;
    visit.trace.of_tenant(&tenant.id);
    visit.trace.over(&connection.name);
    visit.trace.hop("came_unasked", &[("connection", &connection.name)]);
    let settings = connection.settings.saml.as_ref().filter(|saml| saml.idp_initiated && connection.protocol == Protocol::Saml);
    let settings = settings.ok_or_else(|| {
        let off = "sign-ins that begin at the provider are off; set idp_initiated if people shall come that way";
        untrusted(&connection, Cause::UnsolicitedOff.with(off))
    })?;
    let (client, request) = request(app, &tenant, &connection, settings).await?;

    let connector = app.connector(&tenant.name, &connection).await.map_err(|e| failed(&connection, &e))?;
    let arrived = if connector.can_depart() {
        let since = app.clock.now() - RECENTLY;
        if store::departures::waiting(&app.db, &visit.browser_hash(), &connection.id, since).await? >= WAITING {
            let cause = "the provider answers our requests without naming them (InResponseTo, RelayState): correct it there";
            return Err(untrusted(&connection, Cause::InResponseTo.with(cause)));
        }
        None
    } else {
        let callback_url = app.callback_url(&tenant.name, &connection);
        let arrived = connector.arrive_unsolicited(&answer.into_map(), &callback_url, app.clock.now()).await;
        Some(arrived.map_err(|e| failed(&connection, &e))?)
    };
    tracing::info!(tenant = tenant.name, connection = connection.name, client = client.id, "a sign-in begins at the provider");
    let (jar, login) = authorize::remember(app, visit, &tenant.id, request).await?;
    let pending = dispatch::load(app, login).await?;
    let response = match arrived {
        Some(arrived) => arrival::welcome(app, visit, pending, &connection, arrived).await?,
        None => departure::depart(app, visit, &pending, &connection.name, None).await?,
    };
    Ok((jar, response).into_response())
}

/// Lands a sign-in where the settings said when it began.
///
/// # Errors
/// A page, when the client has lost that origin since.
pub async fn land(app: &App, visit: &Visit, pending: &Pending) -> Result<Response, PageError> {
    let landing = pending.login.request.landing.as_deref().unwrap_or_default();
    if !store::logins::take(&app.db, &pending.login.id).await? {
        return Err(PageError::no_login());
    }
    if !SamlSettings::may_land(landing, &pending.client.settings.redirect_uris) {
        return Err(misconfigured(format!("{landing} is on no origin of the redirect URIs of client {}", pending.client.id)));
    }
    visit.trace.hop("landed", &[("to", authorize::host(landing))]);
    visit.trace.succeeded();
    let headers = [(header::LOCATION, landing), (header::CACHE_CONTROL, "no-cache, no-store"), (header::PRAGMA, "no-cache")];
    Ok((visit.redirect_status(), headers).into_response())
}

/// The connection that an answer is addressed to, by its unverified words: a hint where to look, and no more. What is
/// found there decides.
async fn addressee(app: &App, audiences: &[String], own: Option<(String, String)>) -> Result<(Tenant, Connection), PageError> {
    let unknown = |cause: String| departure::page(&connector::Error::Untrusted(Cause::UnsolicitedUnknown.with(cause)));
    let is_own = own.is_some();
    let names = match own {
        Some(names) => names,
        None => {
            let mut ours = audiences.iter().filter_map(|audience| names_in(app.issuer(), audience));
            match (ours.next(), ours.next()) {
                (Some(names), None) => names,
                _ => {
                    let cause = "an answer to no request of ours, whose audience is no single connection of ours; one that is \
                                 encrypted shows none and needs own_callback";
                    return Err(unknown(cause.to_owned()));
                }
            }
        }
    };
    let tenant = store::tenants::find_by_name(&app.db, &names.0).await?;
    let tenant = tenant.ok_or_else(|| unknown(format!("an answer to no request of ours, for unknown tenant {:?}", names.0)))?;
    let connection = store::connections::find_by_name(&app.db, &tenant.id, &names.1).await?;
    let connection = connection.filter(|c| c.settings.own_callback == is_own);
    let connection =
        connection.ok_or_else(|| unknown(format!("an answer to no request of ours, for unknown connection {names:?}")))?;
    Ok((tenant, connection))
}

fn names_in(issuer: &str, entity_id: &str) -> Option<(String, String)> {
    let names = entity_id.strip_prefix(issuer)?.strip_prefix("/saml/")?.strip_suffix("/metadata")?;
    let (tenant, connection) = names.split_once('/')?;
    Some((tenant.to_owned(), connection.to_owned()))
}

/// On whose behalf, and where it lands: the settings' word, held against what the client has registered now.
async fn request(
    app: &App,
    tenant: &Tenant,
    connection: &Connection,
    settings: &SamlSettings,
) -> Result<(Client, AuthorizeRequest), PageError> {
    let (Some(client_id), Some(landing)) = (&settings.idp_initiated_client, &settings.idp_initiated_url) else {
        return Err(misconfigured(format!("connection {} does not say where to land", connection.name)));
    };
    let parties = Parties {
        tenant_id: &tenant.id,
        client_id: Some(client_id),
        user_id: None,
        connection_id: Some(&connection.id),
        family_id: None,
    };
    let standing = store::standing::require(&app.db, parties, app.clock.now()).await?;
    standing.map_err(|refusal| refused(&refusal))?;
    let client = store::clients::find(&app.db, client_id).await?.ok_or_else(|| refused(&Refusal::Gone))?;
    let registered = SamlSettings::landing(landing, &client.settings.redirect_uris).cloned();
    let registered = registered.ok_or_else(|| {
        misconfigured(format!("idp_initiated_url {landing} is on no origin of the redirect URIs of {client_id}"))
    })?;
    let mut request = AuthorizeRequest::unasked(&client, registered, Scopes::default());
    request.landing = Some(landing.clone());
    request.idp_hint = Some(connection.name.clone());
    Ok((client, request))
}

fn untrusted(connection: &Connection, fault: Fault) -> PageError {
    failed(connection, &connector::Error::Untrusted(fault))
}

fn misconfigured(cause: String) -> PageError {
    let explanation = "Your identity provider sent you here, but nobody has said where to go next.";
    PageError::new(StatusCode::BAD_GATEWAY, "provider_misconfigured", "This sign-in is not set up correctly", explanation, cause)
        .known(Cause::Settings)
}

#[cfg(test)]
mod tests {
    use super::names_in;

    #[test]
    fn our_name_towards_a_provider_names_tenant_and_connection() {
        let issuer = "https://sso.example";
        let names = names_in(issuer, "https://sso.example/saml/acme/okta/metadata");
        assert_eq!(names, Some(("acme".into(), "okta".into())));
        for other in
            ["https://sso.example", "https://sso.example.evil/saml/a/b/metadata", "https://sso.example/saml/a/metadata", ""]
        {
            assert_eq!(names_in(issuer, other), None, "{other}");
        }
    }
}
