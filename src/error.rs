//! Three surfaces for what goes wrong: a page for the person, a redirect for the client (`login::respond`), JSON for a
//! machine. The caller learns a plain sentence or the promised text; the log learns the cause, under the reference code
//! that the page shows.

use std::borrow::Cow;

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::json;

use crate::{
    oauth::error::{Code, OAuthError, error},
    page::ErrorPage,
    policy::cause::Cause,
    secret,
    store::StoreError,
};

/// What cannot go on and must not be sent to the client.
#[derive(Debug)]
pub struct PageError {
    /// HTTP status.
    pub status: StatusCode,
    /// A word for the log and for tests; never shown.
    pub kind: &'static str,
    /// What happened, in a few words.
    pub title: Cow<'static, str>,
    /// The same in one sentence.
    pub explanation: Cow<'static, str>,
    /// What the person can do.
    pub advice: Cow<'static, str>,
    /// The cause, for the log and the trace.
    pub cause: String,
    /// Which of the known causes it is.
    pub known: Option<Cause>,
    /// What to do with the code that the page shows.
    pub code_lead: &'static str,
    /// A link on: its address and its words.
    pub way_on: Option<(String, &'static str)>,
    /// One of many of its kind, which have a line together (`limit::Floods`).
    pub muted: bool,
}

impl PageError {
    /// A page for `kind` of failure; `cause` goes to the log.
    #[must_use]
    pub fn new(
        status: StatusCode,
        kind: &'static str,
        title: impl Into<Cow<'static, str>>,
        explanation: impl Into<Cow<'static, str>>,
        cause: impl Into<String>,
    ) -> Self {
        Self {
            status,
            kind,
            title: title.into(),
            explanation: explanation.into(),
            advice: Cow::Borrowed("Try again; if it keeps happening, ask your administrator."),
            cause: cause.into(),
            known: None,
            code_lead: "Tell your administrator this code:",
            way_on: None,
            muted: false,
        }
    }

    /// With what the person can do.
    #[must_use]
    pub fn advise(mut self, advice: impl Into<Cow<'static, str>>) -> Self {
        self.advice = advice.into();
        self
    }

    /// With another cause for the log.
    #[must_use]
    pub fn caused(mut self, cause: impl Into<String>) -> Self {
        self.cause = cause.into();
        self
    }

    /// As one of the known causes.
    #[must_use]
    pub fn known(mut self, cause: Cause) -> Self {
        self.known = Some(cause);
        self
    }

    /// For administrators: there is nobody to tell, and no sign-in that the code would be found under.
    #[must_use]
    pub fn for_operators(mut self) -> Self {
        self.code_lead = "The log of the server has this under the code:";
        self
    }

    /// With a link on.
    #[must_use]
    pub fn way_on(mut self, href: String, words: &'static str) -> Self {
        self.way_on = Some((href, words));
        self
    }

    /// Something that must not happen.
    #[must_use]
    pub fn internal(cause: impl Into<String>) -> Self {
        let explanation = "Something went wrong on our side. Nothing was changed.";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "That did not work", explanation, cause).known(Cause::OwnFault)
    }

    /// Something we stand on does not answer.
    #[must_use]
    pub fn unavailable(cause: impl Into<String>) -> Self {
        let explanation = "Sign-in is not available at the moment. Please try again in a minute.";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "Not available at the moment", explanation, cause)
            .known(Cause::OwnFault)
    }

    /// A form without the token of this browser (cross-site request forgery), or a page that was open too long.
    #[must_use]
    pub fn forged_form() -> Self {
        let explanation = "This page was open for too long, or cookies are switched off.";
        Self::new(
            StatusCode::FORBIDDEN,
            "form_token",
            "Please start again",
            explanation,
            "form token missing or of another browser",
        )
        .advise("Go back to the application that you came from and sign in again.")
        .known(Cause::FormToken)
    }

    /// A pending login that is over, or another browser's.
    #[must_use]
    pub fn no_login() -> Self {
        let explanation = "This sign-in has ended: it was finished already, it took too long, or it began in another browser.";
        Self::new(StatusCode::BAD_REQUEST, "no_login", "Please start again", explanation, "no pending login of this browser")
            .advise("Go back to the application that you came from and sign in again.")
            .known(Cause::NoLogin)
    }
}

impl From<StoreError> for PageError {
    fn from(e: StoreError) -> Self {
        if e.is_too_long() {
            let explanation = "There is too much to look at for this search, so it was ended.";
            return Self::new(StatusCode::BAD_REQUEST, "search_took_too_long", "That takes too long", explanation, e.to_string())
                .advise("Go back and narrow it: look for more of a name, or for less at once.");
        }
        if e.is_gone() {
            let explanation = "Something that this is about was deleted at this moment. Nothing was changed.";
            return Self::new(StatusCode::CONFLICT, "gone_meanwhile", "Somebody was faster", explanation, e.to_string())
                .advise("Go back, look at what is there now, and try again.");
        }
        Self::unavailable(e.to_string())
    }
}

impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        let reference = secret::reference();
        let known = self.known.map(Cause::word);
        if self.status.is_server_error() {
            tracing::error!(reference, kind = self.kind, known, cause = self.cause, "page error");
        } else if self.muted {
            tracing::debug!(reference, kind = self.kind, known, cause = self.cause, "page error");
        } else {
            tracing::warn!(reference, kind = self.kind, known, cause = self.cause, "page error");
        }
        let page = ErrorPage {
            title: &self.title,
            explanation: &self.explanation,
            advice: &self.advice,
            reference: &reference,
            code_lead: self.code_lead,
            way_on: self.way_on.as_ref().map(|(href, words)| (href.as_str(), *words)),
        };
        let mut response = (self.status, page).into_response();
        let Self { kind, known, cause, muted, .. } = self;
        response.extensions_mut().insert(Shown { reference, kind, known, cause, muted });
        response
    }
}

/// What a page that was shown stands for: it goes with the response as far as whoever keeps traces of sign-ins.
#[derive(Clone, Debug)]
pub struct Shown {
    /// The code on the page.
    pub reference: String,
    /// As [`PageError::kind`].
    pub kind: &'static str,
    /// As [`PageError::known`].
    pub known: Option<Cause>,
    /// As [`PageError::cause`].
    pub cause: String,
    /// As [`PageError::muted`].
    pub muted: bool,
}

/// An error for a machine: `{"error": …, "error_description": …}`.
#[derive(Debug)]
pub struct ApiError {
    /// HTTP status.
    pub status: StatusCode,
    /// Code and text.
    pub error: OAuthError,
    /// The cause, for the log.
    pub cause: String,
    /// `WWW-Authenticate`, for 401 and 403.
    pub challenge: Option<&'static str>,
    /// `Retry-After` in seconds, for 429 and 503.
    pub retry_after: Option<i64>,
    /// Whether it is no fault of this server: it does not count as one in the log.
    pub foreign: bool,
    /// One of many of its kind, which have a line together (`limit::Floods`).
    pub muted: bool,
}

impl ApiError {
    /// A 400 (or the status that belongs to the code) with `cause` for the log.
    #[must_use]
    pub fn new(error: OAuthError, cause: impl Into<String>) -> Self {
        let status = match error.code {
            Code::InvalidClient | Code::InvalidToken => StatusCode::UNAUTHORIZED,
            Code::InsufficientScope => StatusCode::FORBIDDEN,
            Code::ServerError => StatusCode::INTERNAL_SERVER_ERROR,
            Code::TemporarilyUnavailable => StatusCode::SERVICE_UNAVAILABLE,
            Code::SlowDown => StatusCode::TOO_MANY_REQUESTS,
            Code::NotFound => StatusCode::NOT_FOUND,
            Code::Conflict => StatusCode::CONFLICT,
            _ => StatusCode::BAD_REQUEST,
        };
        let challenge = match error.code {
            Code::InvalidClient => Some("Basic realm=\"gatehouse\""),
            Code::InvalidToken | Code::InsufficientScope => Some("Bearer"),
            _ => None,
        };
        Self { status, error, cause: cause.into(), challenge, retry_after: None, foreign: false, muted: false }
    }

    /// Somebody else whom we would have to ask does not answer, and is not asked again for `seconds`; `text` is a promised one.
    #[must_use]
    pub fn of_others(text: impl Into<Cow<'static, str>>, cause: impl Into<String>, seconds: i64) -> Self {
        let error = error(Code::TemporarilyUnavailable, text);
        Self { retry_after: Some(seconds), foreign: true, ..Self::new(error, cause) }
    }

    /// Something we stand on does not answer.
    #[must_use]
    pub fn unavailable(cause: impl Into<String>) -> Self {
        Self::new(error(Code::TemporarilyUnavailable, "try again later"), cause)
    }
}

impl From<OAuthError> for ApiError {
    fn from(error: OAuthError) -> Self {
        Self::new(error, "")
    }
}

impl From<StoreError> for ApiError {
    fn from(e: StoreError) -> Self {
        if e.is_too_long() {
            let why = "there is too much to look at for this search, so it was ended: narrow it";
            return Self::new(error(Code::InvalidRequest, why), e.to_string());
        }
        if e.is_gone() {
            let why = "something that this is about was deleted at this moment: read it again, and try again";
            return Self::new(error(Code::Conflict, why), e.to_string());
        }
        Self::unavailable(e.to_string())
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let Self { status, error, cause, challenge, retry_after, foreign, muted } = self;
        let code = error.code.as_str();
        if status.is_server_error() && !foreign {
            tracing::error!(error = code, description = %error.description, cause, "request failed");
        } else if muted {
            tracing::debug!(error = code, description = %error.description, cause, "request refused");
        } else {
            tracing::info!(error = code, description = %error.description, cause, "request refused");
        }
        let body = Json(json!({"error": code, "error_description": error.description}));
        let mut response = (status, [(header::CACHE_CONTROL, "no-store"), (header::PRAGMA, "no-cache")], body).into_response();
        let challenge = challenge.map(|scheme| match scheme {
            "Bearer" => format!("Bearer error=\"{code}\", error_description=\"{}\"", error.description),
            other => other.to_owned(),
        });
        if let Some(value) = challenge.and_then(|c| HeaderValue::from_str(&c).ok()) {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, value);
        }
        if let Some(seconds) = retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
