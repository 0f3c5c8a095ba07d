//! What SAML providers need to know about us.

use axum::{
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
};

use crate::{
    app::App,
    connector::{
        presets,
        saml::sp_metadata::{self, Addresses},
    },
    error::PageError,
    policy::connection::Protocol,
    saml_keys, secret,
    signing::JWKS_MAX_AGE,
    store::{connections, tenants},
};

/// `GET /saml/{tenant}/{connection}/metadata`: our metadata for a connection's provider. A disabled connection has it too:
/// the provider is set up before people sign in.
///
/// # Errors
/// A page: nothing is there, or the database does not answer.
pub async fn metadata(
    State(app): State<App>,
    Path((tenant, connection)): Path<(String, String)>,
    request: HeaderMap,
) -> Result<Response, PageError> {
    let tenant = tenants::find_by_name(&app.db, &tenant).await?.ok_or_else(nothing)?;
    let connection = connections::find_by_name(&app.db, &tenant.id, &connection).await?;
    let connection = connection.filter(|c| c.protocol == Protocol::Saml).ok_or_else(nothing)?;
    saml_keys::ready(&app).await.map_err(|e| PageError::internal(format!("our SAML keys: {e}")))?;

    let addresses = Addresses {
        entity_id: &Addresses::entity_id(app.issuer(), &tenant.name, &connection.name),
        callback: &app.callback_url(&tenant.name, &connection),
        logout: &Addresses::logout(app.issuer(), &tenant.name, &connection.name),
    };
    let settings = presets::filled(&connection.settings, Protocol::Saml);
    let document = sp_metadata::document(&settings, &addresses, &app.credentials, app.clock.now());
    let etag = format!("\"{}\"", secret::digest(&document));
    let known = request.get(header::IF_NONE_MATCH).is_some_and(|tag| tag.as_bytes() == etag.as_bytes());
    let headers = [
        (header::CONTENT_TYPE, sp_metadata::MEDIA_TYPE.to_owned()),
        (header::CACHE_CONTROL, format!("public, max-age={JWKS_MAX_AGE}")),
        (header::ETAG, etag),
    ];
    Ok(if known { (StatusCode::NOT_MODIFIED, headers).into_response() } else { (headers, document).into_response() })
}

fn nothing() -> PageError {
    let explanation = "There is no page at this address.";
    PageError::new(StatusCode::NOT_FOUND, "not_found", "Page not found", explanation, "no such SAML connection")
        .advise("Check the address that you followed.")
}
