//! The way out. Signing out here comes first and depends on nobody else; where the sign-in rested on a session at an
//! identity provider that can be told, the browser then goes there, and comes back by `single_logout`.

use axum::{
    http::header,
    response::{IntoResponse as _, Response},
};

use super::{departure, pages::SignedOut};
use crate::{
    app::App,
    connector::{Go, ProviderSession},
    page::{content_security_policy, set_policy},
    policy::connection::Protocol,
    secret,
    session::{SignedIn, Visit},
    store::{self, StoreError, farewells::Farewell, provider_sessions::Row},
};

/// Leads on to `way` (our own page without one) a browser that has been signed out here; by the provider, if the sign-in
/// that has ended rested on a session there. A provider that cannot be asked stops nobody.
pub async fn leave(app: &App, visit: &Visit, rested_on: Option<Row>, way: Option<String>) -> Response {
    let Some(row) = rested_on else { return on(visit, way) };
    match plan(app, &row, way.as_deref()).await {
        Ok(Some(go)) => departure::response(visit, go),
        Ok(None) => on(visit, way),
        Err(cause) => {
            tracing::warn!(connection = row.connection_id, %cause, "signed out here, but not at the identity provider");
            on(visit, way)
        }
    }
}

/// To `way`, or to our own page.
#[must_use]
pub fn on(visit: &Visit, way: Option<String>) -> Response {
    let no_store = (header::CACHE_CONTROL, "no-store");
    match way {
        Some(location) => (visit.redirect_status(), [no_store], [(header::LOCATION, location)]).into_response(),
        None => ([no_store], SignedOut { way_on: None, remains: false }).into_response(),
    }
}

/// Gives a page whose form signs `who` out a policy that lets the form end where [`leave`] may lead: at `way`, or at the
/// identity provider.
///
/// # Errors
/// When the database does not answer.
pub async fn set_way(app: &App, response: &mut Response, who: &SignedIn, way: Option<&str>) -> Result<(), StoreError> {
    let connection = match &who.connection_id {
        Some(id) => store::connections::find(&app.db, id).await?,
        None => None,
    };
    let provider = connection.as_ref().map(|c| c.settings.leads_to()).unwrap_or_default();
    let leads_to: Vec<&str> = way.into_iter().chain(provider).collect();
    set_policy(response.headers_mut(), &content_security_policy(&leads_to, false));
    Ok(())
}

/// Why a provider was not told.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Connector(#[from] crate::connector::Error),
    #[error("what is known of the provider's session is unreadable: {0}")]
    Detail(String),
}

/// Remembers a farewell and says how the browser gets to the provider; `None` where nobody there is to be told.
async fn plan(app: &App, row: &Row, way: Option<&str>) -> Result<Option<Go>, Failure> {
    let connection = store::connections::find(&app.db, &row.connection_id).await?;
    let Some(connection) = connection.filter(|c| c.enabled && c.protocol == Protocol::Saml) else { return Ok(None) };
    let tenant = store::tenants::find(&app.db, &connection.tenant_id).await?;
    let Some(tenant) = tenant.filter(|t| t.enabled) else { return Ok(None) };
    let detail = app.sealer.open_text(&Row::context(&row.sid), &row.detail_sealed);
    let detail = detail.map_err(|e| Failure::Detail(e.to_string()))?;
    let session: ProviderSession = serde_json::from_str(&detail).map_err(|e| Failure::Detail(e.to_string()))?;

    let connector = app.connector(&tenant.name, &connection).await?;
    let (state, now) = (secret::random(), app.clock.now());
    let Some(departure) = connector.farewell(&session, &state, now).await? else { return Ok(None) };
    let farewell = Farewell { connection_id: connection.id, memo: departure.memo.to_string(), way: way.map(str::to_owned) };
    store::farewells::insert(&app.db, &secret::digest(&state), &farewell, now).await?;
    Ok(Some(departure.go))
}
