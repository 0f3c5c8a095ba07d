//! The foreign token of a request, judged. Grants cannot judge one themselves: the endpoint asks `trust`.

use super::{GrantError, Grants, principal::Acting};
use crate::{
    store::StoreError,
    token::{
        issue::{Actor, Origin},
        unverified::{HARD_LIMIT, Unverified},
    },
};

/// A foreign token that holds: whoever presents it acts as these principals.
#[derive(Clone, Debug)]
pub struct Subject {
    /// Whom it maps to, the best first; empty when to nobody.
    pub acts_as: Vec<Actor>,
    /// Where it came from.
    pub origin: Origin,
    /// When it ends (unix seconds), if it says so.
    pub expires_at: Option<i64>,
    /// Its `jti`.
    pub jti: Option<String>,
    /// Its `aud`.
    pub audience: Vec<String>,
}

impl Subject {
    pub(super) fn acting(&self) -> Acting<'_> {
        Acting { acts_as: &self.acts_as, origin: Some(&self.origin), not_beyond: self.expires_at }
    }
}

/// Why there is no [`Subject`].
#[derive(Debug)]
pub enum Unjudged {
    /// The token does not hold.
    Refused {
        /// For the client.
        text: String,
        /// For the log.
        cause: String,
    },
    /// Its issuer could not be asked.
    Unasked {
        /// For the client.
        text: String,
        /// For the log.
        cause: String,
        /// Seconds after which to try again.
        retry_after: i64,
    },
    /// The database does not answer.
    Store(StoreError),
    /// What the judgement stands on cannot be had now; the text is for the log.
    Unavailable(String),
}

/// Whether a token is shaped like a JWT.
pub(super) fn is_jwt(token: &str) -> bool {
    Unverified::read(token, HARD_LIMIT).is_ok()
}

/// The subject, if somebody may act with it now; `refuse` words it for the grant.
pub(super) fn require(
    g: &Grants<'_>,
    judged: Result<Subject, Unjudged>,
    refuse: impl Fn(String, String) -> GrantError,
) -> Result<Subject, GrantError> {
    let subject = judged.map_err(|unjudged| match unjudged {
        Unjudged::Refused { text, cause } => refuse(text, cause),
        Unjudged::Unasked { text, cause, retry_after } => GrantError::Unasked { text, cause, retry_after },
        Unjudged::Store(e) => e.into(),
        Unjudged::Unavailable(cause) => GrantError::Unavailable(cause),
    })?;
    // Clocks may differ for a judgement; a token made now may still not outlive the one it stands on.
    if subject.expires_at.is_some_and(|end| end <= g.now) {
        return Err(refuse("Token is expired".to_owned(), "within the clock tolerance".to_owned()));
    }
    if subject.acts_as.is_empty() {
        let origin = &subject.origin;
        return Err(refuse("it maps to nobody".to_owned(), format!("issuer {}, subject {}", origin.iss, origin.sub)));
    }
    Ok(subject)
}
