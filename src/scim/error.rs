//! What a caller is told when it does not work: every answer below `/scim/v2` that is an error has the body of RFC 7644
//! §3.12, also those that are made outside of our own functions.

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

use crate::{
    scim::fault::Fault,
    store::{StoreError, users::LastAdministrator},
};

/// The type of every body.
pub const MEDIA_TYPE: &str = "application/scim+json";

/// A fault on its way out, with what only the log is told.
#[derive(Debug)]
pub struct ScimError {
    /// For the caller.
    pub fault: Fault,
    /// For the log.
    pub cause: String,
    /// Whether the caller is to show a token.
    pub challenge: bool,
    /// `Retry-After` in whole seconds: Okta waits five minutes for anything else.
    pub retry_after: Option<i64>,
    /// The database was at it for too long, and was stopped.
    pub too_long: bool,
    /// One of many of its kind, which have a line together (`limit::Floods`).
    pub muted: bool,
}

impl ScimError {
    /// Who calls is no directory. All reasons look alike from outside.
    #[must_use]
    pub fn unauthorized(cause: impl Into<String>) -> Self {
        let fault = Fault::new(401, "the request needs a valid token of a directory in the Authorization header");
        Self { challenge: true, cause: cause.into(), ..fault.into() }
    }

    /// What the caller is told; the log is told the rest.
    pub(super) fn told(self) -> Fault {
        let Self { fault, cause, muted, .. } = self;
        if fault.status >= 500 && fault.status != 501 {
            tracing::error!(status = fault.status, cause, "SCIM request failed");
        } else if muted {
            tracing::debug!(status = fault.status, cause, "SCIM request refused");
        } else {
            tracing::info!(status = fault.status, scim_type = fault.scim_type, cause, "SCIM request refused");
        }
        fault
    }

    /// Too fast.
    #[must_use]
    pub fn throttled(retry_after: i64, cause: impl Into<String>) -> Self {
        let fault = Fault::new(429, format!("too many requests; go on after {retry_after} s"));
        Self { retry_after: Some(retry_after), cause: cause.into(), ..fault.into() }
    }
}

impl From<Fault> for ScimError {
    fn from(fault: Fault) -> Self {
        Self { fault, cause: String::new(), challenge: false, retry_after: None, too_long: false, muted: false }
    }
}

impl From<StoreError> for ScimError {
    fn from(e: StoreError) -> Self {
        // Somebody was faster by less than our own look.
        let fault = match &e {
            _ if e.is_conflict() => Fault::uniqueness("another resource got one of these values at this moment"),
            _ if e.is_gone() => Fault::new(409, "something that this is about was deleted at this moment; try again"),
            _ => Fault::new(503, "the directory cannot be reached at the moment; try again"),
        };
        Self { cause: e.to_string(), too_long: e.is_too_long(), ..fault.into() }
    }
}

impl From<LastAdministrator> for ScimError {
    fn from(last: LastAdministrator) -> Self {
        Fault::new(409, last.to_string()).into()
    }
}

impl IntoResponse for ScimError {
    fn into_response(self) -> Response {
        let (challenge, retry_after) = (self.challenge, self.retry_after);
        let fault = self.told();
        let status = StatusCode::from_u16(fault.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = reply(status, fault.body());
        if challenge {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// An answer with a body.
#[must_use]
pub fn reply(status: StatusCode, body: impl ToString) -> Response {
    let headers = [(header::CONTENT_TYPE, MEDIA_TYPE), (header::CACHE_CONTROL, "no-store")];
    (status, headers, body.to_string()).into_response()
}

/// Gives an error that was made elsewhere (no such route or method, too slow, a panic) the body of its kind.
pub async fn dress(response: Response) -> Response {
    let status = response.status();
    let dressed = response.headers().get(header::CONTENT_TYPE).is_some_and(|value| value == MEDIA_TYPE);
    if dressed || !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let detail = match status {
        StatusCode::NOT_FOUND => "there is nothing at this address",
        StatusCode::METHOD_NOT_ALLOWED => "this cannot be done at this address",
        StatusCode::SERVICE_UNAVAILABLE => "the answer took too long; try again",
        status if status.is_server_error() => "something went wrong on our side; look at what there is before you try again",
        _ => "the request cannot be understood",
    };
    let mut answer = reply(status, Fault::new(status.as_u16(), detail).body());
    let allowed = response.headers().get(header::ALLOW).cloned();
    answer.headers_mut().extend(allowed.map(|methods| (header::ALLOW, methods)));
    answer
}
