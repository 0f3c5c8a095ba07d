//! What a browser keeps while a sign-in over the control-plane hops is under way: one cookie for each, so that tabs do
//! not disturb one another. The cookie's name holds the `state`, its value the PKCE verifier.

use axum::http::{HeaderMap, header};
use axum_extra::extract::cookie::{Cookie, CookieJar};
use tower_sessions::cookie::time::Duration;

use crate::{secret, session::host_cookie, store::logins};

const PREFIX: &str = "__Host-gatehouse-hop-";
/// Sign-ins under way in one browser; the oldest cookies beyond are dropped, so that the header stays small.
const MOST: usize = 5;

/// One sign-in of this browser.
#[derive(Debug)]
pub struct Hop {
    /// Returned by the client's redirect.
    pub state: String,
    /// Proves that this browser began.
    pub verifier: String,
}

impl Hop {
    /// A new sign-in.
    #[must_use]
    pub fn begin() -> Self {
        Self { state: secret::random_id(), verifier: secret::random() }
    }

    /// Every sign-in that this browser has under way.
    #[must_use]
    pub fn all(headers: &HeaderMap) -> Vec<Self> {
        let lines = headers.get_all(header::COOKIE).iter().filter_map(|v| v.to_str().ok());
        let cookies = lines.flat_map(Cookie::split_parse).flatten();
        let hops = cookies.filter_map(|c| {
            let state = c.name().strip_prefix(PREFIX)?.to_owned();
            Some(Self { state, verifier: c.value().to_owned() })
        });
        hops.take(2 * MOST).collect()
    }

    /// The cookie of this sign-in, and the end of the oldest when there are too many.
    pub fn remember(&self, headers: &HeaderMap) -> CookieJar {
        let mut cookie = host_cookie(self.name(), self.verifier.clone());
        cookie.set_max_age(Duration::seconds(logins::LIFETIME));
        let before = Self::all(headers);
        let surplus = (before.len() + 1).saturating_sub(MOST);
        before.iter().take(surplus).fold(CookieJar::new().add(cookie), |jar, old| jar.add(old.forget()))
    }

    /// The end of this sign-in's cookie.
    #[must_use]
    pub fn forget(&self) -> Cookie<'static> {
        gone(self.name())
    }

    fn name(&self) -> String {
        format!("{PREFIX}{}", self.state)
    }
}

/// A cookie that removes the one with this name.
#[must_use]
pub fn gone(name: impl Into<std::borrow::Cow<'static, str>>) -> Cookie<'static> {
    let mut cookie = host_cookie(name, String::new());
    cookie.set_max_age(Duration::ZERO);
    cookie
}
