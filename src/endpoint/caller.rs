//! Who calls an endpoint of clients, and with what: the form is read and the client authenticated before anything else.

use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts as _, Request},
    http::{HeaderMap, header},
};

use super::client_auth;
use crate::{
    app::App,
    error::ApiError,
    oauth::{
        client::Client,
        error::{Code, error},
        params::Params,
    },
    router::Address,
};

/// A client that has proved who it is, and the parameters it sent.
#[derive(Debug)]
pub struct Caller {
    /// The client.
    pub client: Client,
    /// Its form, each parameter but `resource` once.
    pub params: Params,
}

impl FromRequest<App> for Caller {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> Result<Self, ApiError> {
        let (mut parts, body) = request.into_parts();
        let address = match Address::from_request_parts(&mut parts, app).await {
            Ok(Address(address)) => address,
            Err(never) => match never {},
        };
        let headers = parts.headers.clone();
        let body = Bytes::from_request(Request::from_parts(parts, body), app).await.map_err(|e| ApiError {
            status: e.status(),
            ..ApiError::new(error(Code::InvalidRequest, "the body could not be read"), e.body_text())
        })?;
        let params = read_form(&headers, &body)?;
        let client = client_auth::authenticate(app, &headers, &params, &address).await?;
        Ok(Self { client, params })
    }
}

/// Reads the form of a request: its own type, UTF-8, at most 100 parameters.
fn read_form(headers: &HeaderMap, body: &[u8]) -> Result<Params, ApiError> {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    if !content_type.split(';').next().is_some_and(|t| t.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded")) {
        return Err(error(Code::InvalidRequest, "the body must be application/x-www-form-urlencoded").into());
    }
    let text = std::str::from_utf8(body).map_err(|_| error(Code::InvalidRequest, "the body is not UTF-8"))?;
    Ok(Params::parse(text)?)
}
