//! Error codes of RFC 6749, 6750, 7009, 8707 and OpenID Connect Core, and two of our own for the admin API, with the text
//! that the caller may see.

use std::borrow::Cow;

/// An error code as it stands on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is its own word")]
pub enum Code {
    InvalidRequest,
    InvalidClient,
    InvalidGrant,
    InvalidScope,
    InvalidTarget,
    InvalidToken,
    InsufficientScope,
    UnauthorizedClient,
    UnsupportedGrantType,
    UnsupportedResponseType,
    AccessDenied,
    LoginRequired,
    ConsentRequired,
    RequestNotSupported,
    RequestUriNotSupported,
    RegistrationNotSupported,
    ServerError,
    TemporarilyUnavailable,
    SlowDown,
    NotFound,
    Conflict,
}

impl Code {
    /// The code's spelling.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidClient => "invalid_client",
            Self::InvalidGrant => "invalid_grant",
            Self::InvalidScope => "invalid_scope",
            Self::InvalidTarget => "invalid_target",
            Self::InvalidToken => "invalid_token",
            Self::InsufficientScope => "insufficient_scope",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::UnsupportedResponseType => "unsupported_response_type",
            Self::AccessDenied => "access_denied",
            Self::LoginRequired => "login_required",
            Self::ConsentRequired => "consent_required",
            Self::RequestNotSupported => "request_not_supported",
            Self::RequestUriNotSupported => "request_uri_not_supported",
            Self::RegistrationNotSupported => "registration_not_supported",
            Self::ServerError => "server_error",
            Self::TemporarilyUnavailable => "temporarily_unavailable",
            Self::SlowDown => "slow_down",
            Self::NotFound => "not_found",
            Self::Conflict => "conflict",
        }
    }
}

/// An OAuth error: the code and a sentence for the caller that never holds what the caller sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {description}", code.as_str())]
pub struct OAuthError {
    /// The code.
    pub code: Code,
    /// The sentence; printable ASCII without `"` and `\` (RFC 6749 §5.2).
    pub description: Cow<'static, str>,
}

/// Short for building an [`OAuthError`].
#[must_use]
pub fn error(code: Code, description: impl Into<Cow<'static, str>>) -> OAuthError {
    OAuthError { code, description: description.into() }
}
