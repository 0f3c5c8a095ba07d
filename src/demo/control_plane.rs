//! The demo control plane. A real one's front end calls the hops with fetch; this one works without JavaScript, so its
//! server calls them in the front end's place, with the browser's cookies, and passes their cookies on. The hops stand
//! on its own host too, as behind a real control plane's reverse proxy.

use std::sync::Arc;

use axum::{
    Form, Router,
    body::Bytes,
    extract::{FromRequestParts, Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header, request::Parts},
    middleware::{self, Next},
    response::{IntoResponse as _, Redirect, Response},
    routing::{any, get, post},
};
use axum_extra::extract::cookie::{Cookie, CookieJar};
use serde::Deserialize;
use serde_json::json;
use tower_sessions::cookie::time::Duration;
use url::form_urlencoded::Serializer;

use super::{
    hops::{Answer, Hops},
    mailbox::{self, Mailbox},
    page::ControlPlane,
    state::{self, Urls},
    tokens::{Held, Judge},
};
use crate::{
    assets,
    clock::Clock,
    oauth::params::Params,
    outbound::OutboundError,
    page::{content_security_policy, protect, strict_policy},
    secret,
    session::{host_cookie, only_cookie},
    token::Invalid,
};

const AUTHORIZE: &str = "/api/svc/v1/oauth2/authorize";
const TOKEN: &str = "/api/svc/v1/oauth2/token";
const LOGOUT: &str = "/api/svc/v1/oauth2/logout";
/// Binds the forms to the browser.
const BROWSER_COOKIE: &str = "__Host-demo";
/// What the next page says.
const NOTICE_COOKIE: &str = "__Host-demo-notice";
const REFRESHED: &str = "refreshed";
const SIGNED_OUT: &str = "signed-out";

/// What its pages stand on.
pub(super) struct Inner {
    urls: Urls,
    hops: Hops,
    judge: Judge,
    clock: Clock,
    mailbox: Mailbox,
}

pub(super) type Plane = Arc<Inner>;

impl Inner {
    /// Where gatehouse's mails end.
    pub(super) fn mailbox(&self) -> &Mailbox {
        &self.mailbox
    }
}

/// The control plane, with gatehouse on `gatehouse_port` of this machine.
///
/// # Errors
/// When no HTTP client can be built.
pub fn routes(urls: &Urls, gatehouse_port: u16, clock: Clock, mailbox: Mailbox) -> Result<Router, OutboundError> {
    let hops = Hops::new(gatehouse_port, &urls.control_plane)?;
    let plane = Arc::new(Inner { judge: Judge::new(&urls.gatehouse, &hops)?, hops, urls: urls.clone(), clock, mailbox });
    let pages = Router::new()
        .route("/", get(home))
        .route("/sign-in", get(sign_in))
        .route("/auth/callback", get(callback))
        .route("/refresh", post(refresh))
        .route("/sign-out", post(sign_out))
        .merge(mailbox::routes())
        .fallback(|| async { (StatusCode::NOT_FOUND, "There is no page at this address.\n") })
        .layer(middleware::from_fn_with_state(Arc::clone(&plane), page_headers));
    Ok(pages
        .route(AUTHORIZE, any(forward))
        .route(TOKEN, any(forward))
        .route(LOGOUT, any(forward))
        .merge(assets::routes())
        .layer(middleware::from_fn_with_state(Arc::clone(&plane), own_host))
        .with_state(plane))
}

/// The callback and the cookies belong to one host name. Another that leads here (127.0.0.1, or a name of somebody's who
/// points it here: DNS rebinding) is sent to it.
async fn own_host(State(plane): State<Plane>, request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|v| v.to_str().ok()).unwrap_or_default();
    if plane.urls.control_plane.strip_prefix("http://") == Some(host) {
        return next.run(request).await;
    }
    match *request.method() {
        Method::GET | Method::HEAD => Redirect::to(&plane.urls.control_plane).into_response(),
        _ => StatusCode::MISDIRECTED_REQUEST.into_response(),
    }
}

/// The form for signing out ends, by redirects, at gatehouse.
async fn page_headers(State(plane): State<Plane>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let policy = HeaderValue::try_from(content_security_policy(&[&plane.urls.gatehouse], false));
    protect(response.headers_mut(), policy.unwrap_or(strict_policy()));
    response
}

/// The browser: its cookies, and the value that its forms are bound to.
pub(super) struct Browser {
    headers: HeaderMap,
    mark: String,
}

impl FromRequestParts<Plane> for Browser {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &Plane) -> Result<Self, Self::Rejection> {
        let mark = only_cookie(&parts.headers, BROWSER_COOKIE).filter(|mark| mark.len() == 43);
        Ok(Self { headers: parts.headers.clone(), mark: mark.unwrap_or_else(secret::random) })
    }
}

impl Browser {
    /// What the forms of its pages carry.
    pub(super) fn form_token(&self) -> String {
        secret::digest(&format!("form {}", self.mark))
    }

    /// Whether a form with this token is of a page that this browser was shown.
    pub(super) fn is_own(&self, csrf: &str) -> bool {
        secret::same(csrf, &self.form_token())
    }

    /// Remembers what its forms are bound to.
    pub(super) fn cookie(&self) -> CookieJar {
        CookieJar::new().add(host_cookie(BROWSER_COOKIE, self.mark.clone()))
    }

    /// Calls a hop; what it did to the cookies is in the answer.
    async fn call(&self, plane: &Plane, path: &str, body: Option<&serde_json::Value>) -> Result<Answer, String> {
        let answer = plane.hops.call(&self.headers, path, body).await;
        answer.map_err(|e| format!("gatehouse cannot be reached: {e}."))
    }
}

/// What the page's forms send.
#[derive(Debug, Deserialize)]
struct Sent {
    #[serde(default)]
    csrf: String,
}

async fn home(State(plane): State<Plane>, browser: Browser) -> Response {
    show(&plane, &browser, StatusCode::OK, None).await
}

/// The page. Notices are shown once; tokens that are not good any more are thrown away.
async fn show(plane: &Plane, browser: &Browser, status: StatusCode, error: Option<&str>) -> Response {
    let now = plane.clock.now();
    let held = plane.judge.read(&browser.headers, &plane.hops, now).await;
    let mut jar = browser.cookie();
    let notice = only_cookie(&browser.headers, NOTICE_COOKIE);
    if notice.is_some() {
        jar = jar.add(gone(NOTICE_COOKIE));
    }
    let (session, trouble) = match &held {
        Held::Nothing => (None, None),
        // Nothing is known about the token when the keys cannot be had.
        Held::Refused(invalid @ Invalid::Keys(..)) => {
            (None, Some(format!("Your access token cannot be checked: {}.", invalid.detail())))
        }
        Held::Refused(invalid) => {
            jar = jar.add(gone("accessToken")).add(gone("refreshToken"));
            (None, Some(format!("Your tokens were thrown away: {}. Sign in again.", invalid.detail())))
        }
        Held::Tokens(tokens) => {
            (Some(tokens.session(now)), tokens.disowned().map(|why| format!("Gatehouse ended this sign-in: {why}.")))
        }
    };
    let page = ControlPlane {
        session,
        people: &state::PEOPLE,
        notice: match notice.as_deref() {
            Some(REFRESHED) => Some("The tokens are new: compare their jti, iat and exp."),
            Some(SIGNED_OUT) => Some("You are signed out, here and at gatehouse."),
            _ => None,
        },
        error: error.or(trouble.as_deref()),
        sign_in: "/sign-in",
        refresh: "/refresh",
        sign_out: "/sign-out",
        csrf: &browser.form_token(),
    };
    (status, jar, page).into_response()
}

/// Hop H1: asks where to begin, keeps its cookie, and goes there.
async fn sign_in(State(plane): State<Plane>, browser: Browser) -> Response {
    let url = &plane.urls.control_plane;
    let query = Serializer::new(String::new())
        .append_pair("tenantName", state::TENANT)
        .append_pair("controlPlaneURL", url)
        .append_pair("redirectURL", &callback_url(&plane))
        .finish();
    let answer = match browser.call(&plane, &format!("{AUTHORIZE}?{query}"), None).await {
        Ok(answer) => answer,
        Err(cause) => return show(&plane, &browser, StatusCode::BAD_GATEWAY, Some(&cause)).await,
    };
    match answer.json.get("authorizationEndpoint").and_then(|v| v.as_str()) {
        Some(location) if answer.status == StatusCode::OK => (answer.cookies, Redirect::to(location)).into_response(),
        _ => refused(&plane, &browser, &answer).await,
    }
}

/// The way back: trades the code for the token cookies.
async fn callback(State(plane): State<Plane>, browser: Browser, request: Request) -> Response {
    let wrong = |words: String| {
        let (plane, browser) = (&plane, &browser);
        async move { show(plane, browser, StatusCode::BAD_REQUEST, Some(&words)).await }
    };
    let params = Params::parse(request.uri().query().unwrap_or_default()).and_then(|p| p.once_each().map(|()| p));
    let Ok(params) = params else { return wrong("The way back from gatehouse cannot be read.".to_owned()).await };
    let one = |name: &str| params.one(name).ok().flatten();
    // RFC 9207: an answer of somebody else's is not for us.
    if one("iss").is_some_and(|issuer| issuer != plane.urls.gatehouse) {
        return wrong("That answer is not gatehouse's.".to_owned()).await;
    }
    if let Some(code) = one("error") {
        return wrong(format!("You were not signed in: {}.", one("error_description").unwrap_or(code))).await;
    }
    let body = json!({
        "tenantName": state::TENANT,
        "grantType": "authorization_code",
        "code": one("code"),
        "redirectURI": callback_url(&plane),
        "state": one("state"),
    });
    match browser.call(&plane, TOKEN, Some(&body)).await {
        Ok(answer) if answer.status == StatusCode::CREATED => (answer.cookies, Redirect::to("/")).into_response(),
        Ok(answer) => refused(&plane, &browser, &answer).await,
        Err(cause) => show(&plane, &browser, StatusCode::BAD_GATEWAY, Some(&cause)).await,
    }
}

/// Trades the refresh token for a new pair.
async fn refresh(State(plane): State<Plane>, browser: Browser, Form(form): Form<Sent>) -> Response {
    if !browser.is_own(&form.csrf) {
        return forged(&plane, &browser).await;
    }
    let body = json!({ "tenantName": state::TENANT, "grantType": "refresh_token" });
    match browser.call(&plane, TOKEN, Some(&body)).await {
        Ok(answer) if answer.status == StatusCode::CREATED => {
            (answer.cookies, then(REFRESHED), Redirect::to("/")).into_response()
        }
        Ok(answer) => refused(&plane, &browser, &answer).await,
        Err(cause) => show(&plane, &browser, StatusCode::BAD_GATEWAY, Some(&cause)).await,
    }
}

/// Ends the tokens by the hop, and then sends the browser through gatehouse's own sign-out. The hop ends the session too
/// when its cookie comes along, as it does here, where both are on `localhost`; on hosts of their own it cannot, and
/// then gatehouse asks the person, so that the next sign-in is never a silent one.
async fn sign_out(State(plane): State<Plane>, browser: Browser, Form(form): Form<Sent>) -> Response {
    if !browser.is_own(&form.csrf) {
        return forged(&plane, &browser).await;
    }
    let body = json!({ "tenantName": state::TENANT });
    match browser.call(&plane, LOGOUT, Some(&body)).await {
        Ok(answer) if answer.status.is_success() => {
            let query = Serializer::new(String::new())
                .append_pair("client_id", state::CLIENT)
                .append_pair("post_logout_redirect_uri", &format!("{}/", plane.urls.control_plane))
                .finish();
            let location = format!("{}/oauth2/logout?{query}", plane.urls.gatehouse);
            (answer.cookies, then(SIGNED_OUT), Redirect::to(&location)).into_response()
        }
        Ok(answer) => refused(&plane, &browser, &answer).await,
        Err(cause) => show(&plane, &browser, StatusCode::BAD_GATEWAY, Some(&cause)).await,
    }
}

/// The hops on the control plane's own host.
async fn forward(State(plane): State<Plane>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = match axum::body::to_bytes(body, 64 * 1024).await {
        Ok(body) => body,
        Err(_) => return StatusCode::PAYLOAD_TOO_LARGE.into_response(),
    };
    match plane.hops.forward(&parts, body.to_vec()).await {
        Ok(answer) => answer.map(Bytes::from).map(axum::body::Body::from),
        Err(cause) => {
            tracing::error!(%cause, "a hop was not forwarded");
            StatusCode::BAD_GATEWAY.into_response()
        }
    }
}

async fn refused(plane: &Plane, browser: &Browser, answer: &Answer) -> Response {
    let words = format!("Gatehouse refused: {}.", answer.complaint());
    show(plane, browser, StatusCode::BAD_REQUEST, Some(&words)).await
}

async fn forged(plane: &Plane, browser: &Browser) -> Response {
    show(plane, browser, StatusCode::FORBIDDEN, Some("That form was not of a page in this browser. Please try again.")).await
}

fn callback_url(plane: &Plane) -> String {
    format!("{}/auth/callback", plane.urls.control_plane)
}

fn then(notice: &'static str) -> CookieJar {
    let mut cookie = host_cookie(NOTICE_COOKIE, notice.to_owned());
    cookie.set_max_age(Duration::seconds(60));
    CookieJar::new().add(cookie)
}

fn gone(name: &'static str) -> Cookie<'static> {
    let mut cookie = host_cookie(name, String::new());
    cookie.set_max_age(Duration::ZERO);
    cookie
}
