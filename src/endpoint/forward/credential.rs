//! What a request proves itself with. Exactly one credential is taken, and a token that the caller says stands alone: another
//! one, of whatever scheme or in the cookie of the hops, would reach the site unjudged.

use axum::http::{HeaderMap, header};

use crate::{
    bearer::COOKIE as ACCESS_COOKIE,
    policy::identity_header::alike,
    session::only_cookie,
    trust::sites::{Accepts, Site},
};

/// One credential.
#[derive(Clone, PartialEq, Eq)]
pub enum Credential {
    /// A bearer token in `Authorization`.
    Bearer(String),
    /// A token in the header that an issuer has for it.
    Header {
        /// In lower case.
        name: String,
        /// The token.
        token: String,
    },
    /// The cookie of a browser that has signed in to the site.
    Session(String),
    /// The access token in the cookie of the control-plane hops.
    Cookie(String),
}

impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.kind())
    }
}

impl Credential {
    /// In a word.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Bearer(_) => "bearer",
            Self::Header { .. } => "header",
            Self::Session(_) => "session",
            Self::Cookie(_) => "cookie",
        }
    }

    /// Where it stood, in words.
    #[must_use]
    pub fn place(&self) -> String {
        match self {
            Self::Bearer(_) => "a bearer token in Authorization".to_owned(),
            Self::Header { name, .. } => format!("a token in {name}"),
            Self::Session(_) => "the cookie of a sign-in on the site".to_owned(),
            Self::Cookie(_) => format!("a token in the cookie {ACCESS_COOKIE}"),
        }
    }

    /// Whether the caller said it with this request, and is to hear what is wrong with it. A cookie that has ended is as
    /// good as none.
    #[must_use]
    pub fn is_said(&self) -> bool {
        matches!(self, Self::Bearer(_) | Self::Header { .. })
    }
}

/// What a request proves itself with.
#[derive(Debug, PartialEq, Eq)]
pub struct Proof {
    /// The one credential that is judged.
    pub credential: Credential,
    /// The one that is judged in its stead where it is as good as none: what a cookie that has ended stands before.
    pub otherwise: Option<Credential>,
}

impl From<Credential> for Proof {
    fn from(credential: Credential) -> Self {
        Self { credential, otherwise: None }
    }
}

/// Why there is no telling what a request proves itself with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unclear {
    /// `Authorization` holds no bearer token, and nothing else does.
    #[error("Invalid authorization header format")]
    Scheme,
    /// Several at once.
    #[error("the request carries several credentials")]
    Several,
}

/// The credential of a request, where the site's issuers have it. The cookie of a sign-in on the site goes before that of the
/// hops.
///
/// # Errors
/// When there is more than one that the caller said, or one that is none.
pub fn find(headers: &HeaderMap, accepts: &Accepts, site: &Site) -> Result<Option<Proof>, Unclear> {
    let mut said = None;
    let mut foreign_scheme = false;
    let mut lines = headers.get_all(header::AUTHORIZATION).iter();
    if let Some(line) = lines.next() {
        if lines.next().is_some() {
            return Err(Unclear::Several);
        }
        match bearer(line.to_str().unwrap_or_default()) {
            Some(token) => said = Some(Credential::Bearer(token.to_owned())),
            None => foreign_scheme = true,
        }
    }
    for (name, _) in &accepts.headers {
        for (sent, value) in headers.iter().filter(|(sent, _)| alike(sent.as_str(), name)) {
            let text = value.to_str().unwrap_or_default().trim();
            let token = bearer(text).unwrap_or(text).to_owned();
            if said.is_some() || sent.as_str() != name {
                return Err(Unclear::Several);
            }
            said = Some(Credential::Header { name: name.clone(), token });
        }
    }
    if let Some(Credential::Bearer(token) | Credential::Header { token, .. }) = &said {
        if foreign_scheme || cookies(headers, ACCESS_COOKIE).any(|value| value != *token) {
            return Err(Unclear::Several);
        }
        return Ok(said.map(Proof::from));
    }
    if foreign_scheme {
        return Err(Unclear::Scheme);
    }
    let cookie = |name: &str| only_cookie(headers, name).filter(|value| !value.is_empty());
    let session = cookie(&site.cookie).map(Credential::Session);
    let access = || cookie(ACCESS_COOKIE).filter(|_| site.settings.access_cookie).map(Credential::Cookie);
    Ok(match session {
        Some(credential) => Some(Proof { credential, otherwise: access() }),
        None => access().map(Proof::from),
    })
}

/// Every value that a cookie has.
fn cookies(headers: &HeaderMap, name: &str) -> impl Iterator<Item = String> {
    let lines = headers.get_all(header::COOKIE).iter().map(|line| String::from_utf8_lossy(line.as_bytes()));
    let pairs = lines.flat_map(|line| line.split(';').map(|pair| pair.trim().to_owned()).collect::<Vec<_>>());
    pairs.filter_map(move |pair| {
        pair.split_once('=').filter(|(found, _)| found.trim() == name).map(|(_, value)| value.trim().to_owned())
    })
}

fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    Some(token.trim()).filter(|token| scheme.eq_ignore_ascii_case("bearer") && !token.is_empty())
}
