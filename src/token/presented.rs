//! What came as a bearer token: a JWT taken apart, or something that only its issuer can read.

use super::{
    invalid::Invalid,
    unverified::{HARD_LIMIT, Unverified},
};
use crate::secret::is_like_a_token_of_ours;

/// Largest token that an introspection endpoint is asked about, in bytes.
const OPAQUE_LIMIT: usize = 16 * 1024;

/// A token, decoded once for all sources that may judge it.
pub(super) struct Presented<'a> {
    text: &'a str,
    jwt: Result<Unverified<'a>, Invalid>,
}

impl<'a> Presented<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, jwt: Unverified::read(text, HARD_LIMIT) }
    }

    pub(super) fn text(&self) -> &'a str {
        self.text
    }

    pub(super) fn jwt(&self) -> Result<&Unverified<'a>, &Invalid> {
        self.jwt.as_ref()
    }

    pub(super) fn into_jwt(self) -> Result<Unverified<'a>, Invalid> {
        self.jwt
    }

    /// Whether its issuer can be asked about it; see [`may_be_asked_about`].
    pub(super) fn may_be_asked_about(&self) -> bool {
        is_asked_about(self.text, self.jwt.is_ok())
    }
}

/// Whether the issuer of a token can be asked about it: it reads as a JWT, or is in the form of a bearer token (RFC 6750
/// §2.1) and no JWT at all. What is nearly a JWT is refused here: a damaged token of one issuer is not shown to another. Nor is
/// what opens our own admin API.
#[must_use]
pub fn may_be_asked_about(token: &str) -> bool {
    is_asked_about(token, Unverified::read(token, HARD_LIMIT).is_ok())
}

fn is_asked_about(text: &str, is_jwt: bool) -> bool {
    let token = |b: u8| b.is_ascii_alphanumeric() || b"-._~+/=".contains(&b);
    let fits = (1..=OPAQUE_LIMIT).contains(&text.len()) && text.bytes().all(token);
    fits && (is_jwt || !is_nearly_a_jwt(text)) && !is_like_a_token_of_ours(text)
}

/// Whether it looks like a JWT, and may yet be none.
pub(super) fn is_nearly_a_jwt(text: &str) -> bool {
    text.starts_with("eyJ") && text.split('.').count() == 3
}
