//! The answers, as each dialect's proxy understands them. Only [`Verdict::Pass`] becomes a 200, and nothing else is 2xx.

use axum::{
    Json,
    http::{HeaderName, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use serde_json::json;

use super::{cookies, decide::Verdict, question::Question, remembered::Kept};
use crate::{
    error::PageError,
    oauth::{
        error::{Code, error},
        protected_resource::{Challenge, metadata_url},
    },
    policy::{
        identity_header::{CLAIMS, JWT, SEPARATE},
        site::ForwardMethod,
    },
    trust::sites::{Accepts, Site},
};

/// Where the site's browsers sign in, on the site's own host.
pub const START: &str = "/.gatehouse/start";
/// The code of a token that does not hold.
const INVALID: &str = "invalid_token";
const LOGIN_URL: HeaderName = HeaderName::from_static("x-gatehouse-login-url");
const TO_REMOVE: HeaderName = HeaderName::from_static("x-envoy-auth-headers-to-remove");

/// Whose answer it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// Traefik, Caddy, HAProxy.
    Forward,
    /// nginx.
    Request,
    /// Envoy.
    Envoy,
}

impl Dialect {
    /// Under which route its questions are counted.
    #[must_use]
    pub fn route(self) -> &'static str {
        match self {
            Self::Forward => "/auth/forward",
            Self::Request => "/auth/request",
            Self::Envoy => "/auth/envoy/{*path}",
        }
    }
}

/// Lets a request pass. Only the proxy reads this answer, so it has none of the headers that browsers are given.
pub fn pass(
    dialect: Dialect,
    question: &Question,
    site: &Site,
    accepts: &Accepts,
    told: &Kept,
    token: Option<String>,
) -> Response {
    let mut response = StatusCode::OK.into_response();
    let headers = response.headers_mut();
    headers.reserve(told.headers.len() + 4);
    headers.extend(told.headers.iter().cloned());
    let token = token.and_then(|token| HeaderValue::try_from(format!("Bearer {token}")).ok());
    // nginx has little room for an answer, and takes our cookies out by itself.
    let cookies = if dialect == Dialect::Request { None } else { cookies::of_the_service(&question.headers) };
    if dialect == Dialect::Envoy {
        let bare = cookies.is_none() && question.headers.contains_key(header::COOKIE);
        headers.insert(TO_REMOVE, to_remove(site, accepts, token.is_some(), bare));
    }
    if let Some(cookies) = cookies {
        headers.insert(header::COOKIE, cookies);
    }
    if let Some(token) = token {
        headers.insert(header::AUTHORIZATION, token);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// What a verdict is for whoever asked, in whichever dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// 200.
    Allow,
    /// A browser is sent to sign in.
    SignIn,
    /// 401.
    Unauthorized,
    /// 403.
    Forbidden,
    /// 503.
    Unavailable,
}

impl Outcome {
    /// Of a verdict on a question.
    #[must_use]
    pub fn of(question: &Question, verdict: &Verdict) -> Self {
        match verdict {
            Verdict::Pass { .. } => Self::Allow,
            Verdict::Unknown(site) if site.settings.login.is_some() && is_navigation(question) => Self::SignIn,
            Verdict::Unknown(_) | Verdict::Invalid(..) => Self::Unauthorized,
            Verdict::Scope(_) | Verdict::Forbidden(_) => Self::Forbidden,
            Verdict::Unavailable(_) | Verdict::Unasked { .. } => Self::Unavailable,
        }
    }

    /// As operators read it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::SignIn => "sign-in",
            Self::Unauthorized => "401",
            Self::Forbidden => "403",
            Self::Unavailable => "503",
        }
    }
}

/// What whoever does not pass is told.
#[must_use]
pub fn told(verdict: &Verdict) -> &str {
    match verdict {
        Verdict::Pass { .. } => "",
        Verdict::Unknown(_) => "Missing Authorization header",
        Verdict::Invalid(_, text, _) | Verdict::Unasked { text, .. } => text,
        Verdict::Scope(_) => "the token lacks a scope",
        Verdict::Forbidden(_) => "Access denied",
        Verdict::Unavailable(_) => "try again later",
    }
}

/// Answers.
pub fn respond(dialect: Dialect, question: &Question, verdict: Verdict) -> Response {
    let outcome = Outcome::of(question, &verdict);
    let text = told(&verdict).to_owned();
    let mut response = match verdict {
        Verdict::Pass { site, accepts, told, token } => pass(dialect, question, &site, &accepts, &told, token),
        Verdict::Unknown(site) if outcome == Outcome::SignIn => sign_in(dialect, question, &site),
        Verdict::Unknown(site) => unauthorized(&site, "unauthorized", &text),
        Verdict::Invalid(site, _, cause) => {
            tracing::info!(site = site.name, text, cause, "forward auth: refused");
            unauthorized(&site, INVALID, &text)
        }
        Verdict::Scope(site) => {
            let challenge = challenge(&site, Some((Code::InsufficientScope, &text)));
            let body = json!({"error": "insufficient_scope", "error_description": text, "scope": site.settings.scopes.join(" ")});
            (StatusCode::FORBIDDEN, [(header::WWW_AUTHENTICATE, challenge)], Json(body)).into_response()
        }
        Verdict::Forbidden(cause) => forbidden(question, &text, cause),
        Verdict::Unavailable(cause) => {
            tracing::error!(cause, "forward auth: cannot decide");
            let body = json!({"error": "temporarily_unavailable", "error_description": text});
            (StatusCode::SERVICE_UNAVAILABLE, Json(body)).into_response()
        }
        Verdict::Unasked { cause, retry_after, .. } => {
            tracing::info!(text, cause, "forward auth: cannot decide while the token's issuer cannot be asked");
            let body = json!({"error": "temporarily_unavailable", "error_description": text});
            (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, retry_after.to_string())], Json(body)).into_response()
        }
    };
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// A browser that goes to a page, and may be sent elsewhere. A script, an API client or an MCP client is not: it would follow
/// the redirect and take the sign-in page for an answer.
#[must_use]
pub fn is_navigation(question: &Question) -> bool {
    let holds = |name: &str, part: &str| question.header(name).is_some_and(|value| value.to_ascii_lowercase().contains(part));
    let form = holds("content-type", "application/x-www-form-urlencoded") || holds("content-type", "multipart/form-data");
    let page = match question.method {
        Method::GET | Method::HEAD => true,
        Method::POST => form && holds("sec-fetch-mode", "navigate"),
        _ => false,
    };
    page && holds("accept", "text/html")
        && !question.headers.contains_key(header::AUTHORIZATION)
        && !question.headers.contains_key("x-requested-with")
        && !question.headers.contains_key(header::SEC_WEBSOCKET_KEY)
        && question.header("sec-fetch-mode").is_none_or(|mode| mode == "navigate")
}

/// Sends a browser to the sign-in, which brings it back to where it wanted to go.
fn sign_in(dialect: Dialect, question: &Question, site: &Site) -> Response {
    let query = url::form_urlencoded::Serializer::new(String::new()).append_pair("rd", &question.target).finish();
    let start = question.beside(&format!("{START}?{query}"));
    let Ok(location) = HeaderValue::try_from(start) else {
        return unauthorized(site, "unauthorized", "Missing Authorization header");
    };
    let to = (header::LOCATION, location.clone());
    let challenge = (header::WWW_AUTHENTICATE, challenge(site, None));
    match (dialect, &question.method) {
        // nginx makes an error of a redirect; its configuration makes one of this.
        (Dialect::Request, _) => (StatusCode::UNAUTHORIZED, [to, (LOGIN_URL, location), challenge]).into_response(),
        (_, &Method::GET | &Method::HEAD) => (StatusCode::FOUND, [to]).into_response(),
        // A form must not be sent again to the sign-in page.
        _ => (StatusCode::SEE_OTHER, [to]).into_response(),
    }
}

fn unauthorized(site: &Site, code: &str, text: &str) -> Response {
    let challenge = challenge(site, Some((Code::InvalidToken, text)).filter(|_| code == INVALID));
    let body = Json(json!({"error": code, "error_description": text}));
    (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, challenge)], body).into_response()
}

fn forbidden(question: &Question, text: &str, cause: String) -> Response {
    if is_navigation(question) {
        let explanation = "You may not open this page, or there is none at this address.";
        let page = PageError::new(StatusCode::FORBIDDEN, "forward_auth", "No access", explanation, cause);
        return page.advise("If you should have access, ask your administrator.").into_response();
    }
    tracing::warn!(cause, "forward auth: forbidden");
    let body = Json(json!({"error": "access_denied", "error_description": text}));
    (StatusCode::FORBIDDEN, body).into_response()
}

/// RFC 6750 §3 and RFC 9728 §5.1: what is wrong, and where a client learns how to get a token.
fn challenge(site: &Site, wrong: Option<(Code, &str)>) -> HeaderValue {
    let wrong = wrong.map(|(code, text)| error(code, text.to_owned()));
    let url = site.settings.audience.as_deref().and_then(metadata_url);
    let scope = site.settings.scopes.join(" ");
    let text = Challenge { error: wrong.as_ref(), scope: Some(&scope), resource_metadata: url.as_deref() }.to_string();
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("Bearer"))
}

/// The identity headers that are not this site's, the credential, in whichever header it may have come, unless it was
/// judged and the site takes it as it came, and cookies of which none is the service's: Envoy takes them out of the request.
fn to_remove(site: &Site, accepts: &Accepts, judged: bool, no_cookies: bool) -> HeaderValue {
    let all = SEPARATE.into_iter().chain([CLAIMS, JWT]);
    let mut names: Vec<&str> = all.filter(|name| !site.headers.iter().any(|own| own == name)).collect();
    if !(judged && site.settings.identity.method == ForwardMethod::Bearer) {
        names.push("authorization");
        names.extend(accepts.headers.iter().map(|(name, _)| name.as_str()));
    }
    if no_cookies {
        names.push("cookie");
    }
    HeaderValue::try_from(names.join(",")).unwrap_or(HeaderValue::from_static(""))
}
