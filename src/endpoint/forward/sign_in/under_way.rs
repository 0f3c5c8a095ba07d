//! What a browser keeps while it signs in to a site: one sealed cookie for each sign-in, so that tabs do not disturb one
//! another. Its name holds the `state`; its value opens only under that name.

use axum::http::{HeaderMap, header};
use axum_extra::extract::cookie::Cookie;
use serde::{Deserialize, Serialize};
use tower_sessions::cookie::time::Duration;

use crate::{
    app::App,
    secret,
    session::host_cookie,
    store::{StoreError, replays},
};

const PREFIX: &str = "__Host-gatehouse-login-";
/// Seconds that a sign-in may take.
const LIFETIME: i64 = 900;
/// Sign-ins under way in one browser; the oldest cookies beyond are dropped, so that the header stays small.
const MOST: usize = 5;

/// A sign-in that is under way.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct UnderWay {
    /// The site, by row id.
    pub site: String,
    /// The host that it began at.
    pub host: String,
    /// PKCE.
    pub verifier: String,
    /// For an ID token.
    pub nonce: String,
    /// The address to go to.
    pub rd: String,
    /// When it began (unix seconds).
    pub at: i64,
}

impl UnderWay {
    /// The cookies that keep it under `state`, and end the oldest when there are too many.
    #[must_use]
    pub fn keep(&self, app: &App, state: &str, headers: &HeaderMap) -> Vec<Cookie<'static>> {
        let plain = serde_json::to_vec(self).unwrap_or_default();
        let mut cookie = host_cookie(name(state), app.sealer.seal(&context(state), &plain));
        cookie.set_max_age(Duration::seconds(LIFETIME));
        let before = states(headers);
        let surplus = (before.len() + 1).saturating_sub(MOST);
        let mut cookies = vec![cookie];
        cookies.extend(before.iter().take(surplus).map(|old| forget(old)));
        cookies
    }

    /// The one that this browser began under `state`, while it lasts.
    #[must_use]
    pub fn find(app: &App, state: &str, headers: &HeaderMap) -> Option<Self> {
        let sealed = crate::session::only_cookie(headers, &name(state))?;
        let plain = app.sealer.open(&context(state), &sealed).ok()?;
        let found: Self = serde_json::from_slice(&plain).ok()?;
        (app.clock.now() < found.at + LIFETIME).then_some(found)
    }

    /// Ends it, for good: `false` if that happened before, on any node. The cookie could be sent again, and each time we would
    /// redeem a code with a secret of ours.
    ///
    /// # Errors
    /// What the database says.
    pub async fn finish(&self, app: &App, state: &str) -> Result<bool, StoreError> {
        replays::take(&app.db, &secret::digest(&context(state)), self.at + LIFETIME, app.clock.now()).await
    }

    /// What proves to the token endpoint that this browser began (RFC 7636).
    #[must_use]
    pub fn challenge(&self) -> String {
        secret::digest(&self.verifier)
    }
}

/// Ends the cookie of `state`.
#[must_use]
pub fn forget(state: &str) -> Cookie<'static> {
    let mut cookie = host_cookie(name(state), String::new());
    cookie.set_max_age(Duration::ZERO);
    cookie
}

fn states(headers: &HeaderMap) -> Vec<String> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let cookies = lines.flat_map(Cookie::split_parse).flatten();
    cookies.filter_map(|cookie| cookie.name().strip_prefix(PREFIX).map(str::to_owned)).take(2 * MOST).collect()
}

fn name(state: &str) -> String {
    format!("{PREFIX}{state}")
}

fn context(state: &str) -> String {
    format!("site-login/{state}")
}
