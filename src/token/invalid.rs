//! Why a token was not accepted.

use super::alg::Alg;

/// Seconds after which somebody who could not be asked, and is given no pause, may be asked again.
pub const ASK_AGAIN: i64 = 5;

/// A refusal. `Display` is what the caller may see: fixed words that never hold what the token held. [`Invalid::detail`]
/// is for the operator's log and names cause and fix.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// Not a JWT: too large, not three segments, not base64url, not JSON, duplicate names, an extension that is not
    /// understood.
    #[error("JWT validation failed")]
    Malformed(String),
    /// `alg` is none that is allowed here.
    #[error("JWT validation failed")]
    Algorithm {
        /// What the header says.
        found: String,
        /// What is allowed.
        allowed: Vec<Alg>,
    },
    /// `typ` is that of another kind of token (RFC 8725 §3.11).
    #[error("JWT validation failed")]
    Type {
        /// What the header says.
        found: String,
        /// What is expected, in words.
        expected: String,
    },
    /// `iss` is not the expected one, byte for byte.
    #[error("Invalid issuer")]
    Issuer {
        /// The token's.
        found: String,
        /// Ours.
        expected: String,
    },
    /// `aud` names none of ours, or an untrusted one besides.
    #[error("Invalid audience")]
    Audience {
        /// The token's, as [`crate::policy::claim_rules::shown`] shows it.
        found: String,
        /// Ours.
        expected: String,
    },
    /// `azp` is not us (OpenID Connect Core §3.1.3.7).
    #[error("JWT validation failed")]
    Party {
        /// The token's, as [`crate::policy::claim_rules::shown`] shows it.
        found: String,
        /// Ours.
        expected: String,
    },
    /// Claims that must be there are not.
    #[error("Missing required claims: {}", .0.join(", "))]
    Missing(Vec<String>),
    /// A claim has the wrong type or an impossible value.
    #[error("JWT validation failed")]
    Claim {
        /// Its name.
        name: String,
        /// What is wrong.
        cause: String,
    },
    /// `exp` has passed.
    #[error("Token is expired")]
    Expired {
        /// Seconds since then.
        ago: i64,
        /// Clock skew allowed, in seconds.
        leeway: i64,
    },
    /// Issued longer ago than is accepted.
    #[error("Token is expired")]
    TooOld {
        /// Age in seconds.
        age: i64,
        /// Largest age in seconds.
        max_age: i64,
    },
    /// `nbf` or `iat` lies ahead.
    #[error("Token is not yet valid")]
    NotYet {
        /// `nbf` or `iat`.
        claim: &'static str,
        /// Seconds until then.
        ahead: i64,
        /// Clock skew allowed, in seconds.
        leeway: i64,
    },
    /// The issuer's keys cannot be had, and are not asked for again for so many seconds.
    #[error("JWKS fetch failed")]
    Keys(String, i64),
    /// The issuer has no key that fits.
    #[error("JWT validation failed")]
    UnknownKey(String),
    /// The signature is not that of the issuer's key.
    #[error("JWT validation failed")]
    Signature,
    /// A claim is not what the issuer's settings ask for.
    #[error("JWT validation failed")]
    Value {
        /// Its name.
        claim: String,
        /// What is wrong.
        cause: String,
    },
    /// The issuer says that the token does not hold.
    #[error("Token is not active")]
    NotActive(String),
    /// The issuer could not be asked about the token.
    #[error("Introspection failed")]
    Introspection(String),
    /// The issuer was asked about the token, gave no usable answer, and is not asked again for so many seconds.
    #[error("Introspection failed")]
    Unusable(String, i64),
    /// Sources of several tenants accept it, and the caller named none.
    #[error("several tenants accept this token; name one with tenant=")]
    Ambiguous,
    /// Several issuers might be asked about it, and the caller named none.
    #[error("several issuers may know this token; name one with issuer=")]
    Unnamed,
}

impl Invalid {
    /// The exact cause for the log, with the fix where there is one. Values of the token are escaped and cut short.
    #[must_use]
    pub fn detail(&self) -> String {
        match self {
            Self::Malformed(cause) | Self::UnknownKey(cause) => cause.clone(),
            Self::Keys(cause, _) => format!("the issuer's keys could not be fetched: {cause}"),
            Self::Algorithm { found, allowed } => {
                let allowed: Vec<_> = allowed.iter().map(|a| a.as_str()).collect();
                format!("alg is {}; allowed here: {}", shown(found), allowed.join(", "))
            }
            Self::Type { found, expected } => format!("typ is {}; expected {expected}", shown(found)),
            Self::Issuer { found, expected } => {
                format!("issuer is {}, expected {}{}", shown(found), shown(expected), difference(found, expected))
            }
            Self::Audience { found, expected } => format!("audience is {found}, expected {}", shown(expected)),
            Self::Party { found, expected } => format!("azp is {found}, expected {}", shown(expected)),
            Self::Missing(names) => format!("the token has no {}", names.join(", ")),
            Self::Claim { name, cause } => format!("{name} {cause}"),
            Self::Expired { ago, leeway } => format!("token expired {ago} s ago; clock skew allowance is {leeway} s"),
            Self::TooOld { age, max_age } => format!("token was issued {age} s ago; at most {max_age} s are accepted"),
            Self::NotYet { claim, ahead, leeway } => {
                format!("{claim} is {ahead} s ahead of this clock; clock skew allowance is {leeway} s")
            }
            Self::Value { claim, cause } => format!("{claim}: {cause}"),
            Self::NotActive(cause) => cause.clone(),
            Self::Introspection(cause) => format!("the issuer could not be asked about the token: {cause}"),
            Self::Unusable(cause, _) => format!("the issuer gave no usable answer about the token: {cause}"),
            Self::Unnamed => {
                "several of the tenant's issuers are asked about such tokens, and the request does not say which: let it \
                              name one (issuer=), let the site take one alone or each in a header_key of its own, or set \
                              introspection_shared on all of them"
                    .to_owned()
            }
            Self::Ambiguous => "issuers of several tenants accept the token, and the request names none".to_owned(),
            Self::Signature => "the signature does not verify with the issuer's key".to_owned(),
        }
    }
}

impl Invalid {
    /// Whether it says nothing of the token: its issuer could not be asked, or not understood. Whoever has the token is to try
    /// again, and not to throw it away.
    #[must_use]
    pub fn is_unasked(&self) -> bool {
        matches!(self, Self::Keys(..) | Self::Introspection(_) | Self::Unusable(..))
    }

    /// Seconds after which whoever has a token whose issuer [could not be asked](Self::is_unasked) is to try again: what is
    /// left of the pause that the issuer is given.
    #[must_use]
    pub fn retry_after(&self) -> i64 {
        match self {
            Self::Keys(_, seconds) | Self::Unusable(_, seconds) => (*seconds).max(1),
            _ => ASK_AGAIN,
        }
    }

    /// How far the token came: of several refusals the one that tells most is that of the latest rule.
    pub(super) fn reach(&self) -> u8 {
        match self {
            Self::Malformed(_) => 0,
            Self::Algorithm { .. } | Self::Type { .. } => 1,
            Self::Expired { .. } => 2,
            Self::UnknownKey(_) | Self::Keys(..) | Self::Introspection(_) | Self::Unusable(..) => 3,
            Self::Signature | Self::NotActive(_) => 4,
            Self::Issuer { .. } => 5,
            Self::Audience { .. } | Self::Party { .. } => 6,
            Self::Missing(_) => 7,
            Self::TooOld { .. } | Self::NotYet { .. } => 8,
            Self::Claim { .. } => 9,
            Self::Value { .. } => 10,
            Self::Ambiguous | Self::Unnamed => 11,
        }
    }
}

/// A value out of a token: quoted, escaped, at most 200 characters.
pub(super) fn shown(value: &str) -> String {
    let short: String = value.chars().take(200).collect();
    let more = if short.len() < value.len() { "…" } else { "" };
    format!("{short:?}{more}")
}

/// An issuer without its scheme; Google's older tokens have none.
fn without_scheme(issuer: &str) -> &str {
    issuer.strip_prefix("https://").or_else(|| issuer.strip_prefix("http://")).unwrap_or(issuer)
}

/// What usually is behind two issuers that look alike.
fn difference(found: &str, expected: &str) -> &'static str {
    if found.is_empty() {
        " (the token has no issuer)"
    } else if found.trim_end_matches('/') == expected.trim_end_matches('/') {
        " (differs by a trailing slash)"
    } else if found.eq_ignore_ascii_case(expected) {
        " (differs in letter case)"
    } else if without_scheme(found) == without_scheme(expected) {
        " (differs by the scheme)"
    } else {
        ""
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_of_a_pause_is_whole_seconds() {
        for (invalid, seconds) in [
            (Invalid::Keys("x".into(), 42), 42),
            (Invalid::Keys("x".into(), 0), 1),
            (Invalid::Unusable("x".into(), 7), 7),
            (Invalid::Unusable("x".into(), -1), 1),
            (Invalid::Introspection("x".into()), ASK_AGAIN),
        ] {
            assert!(invalid.is_unasked());
            assert_eq!(invalid.retry_after(), seconds, "{invalid:?}");
        }
    }

    #[test]
    fn tells_the_caller_little_and_the_log_enough() {
        let issuer = Invalid::Issuer { found: "https://a/".into(), expected: "https://a".into() };
        assert_eq!(issuer.to_string(), "Invalid issuer");
        assert_eq!(issuer.detail(), r#"issuer is "https://a/", expected "https://a" (differs by a trailing slash)"#);
        for (found, expected) in [("http://a", "https://a"), ("https://a", "http://a"), ("a", "https://a")] {
            let issuer = Invalid::Issuer { found: found.into(), expected: expected.into() };
            assert!(issuer.detail().ends_with("(differs by the scheme)"), "{found} {expected}");
        }
        let expired = Invalid::Expired { ago: 94, leeway: 60 };
        assert_eq!(expired.to_string(), "Token is expired");
        assert_eq!(expired.detail(), "token expired 94 s ago; clock skew allowance is 60 s");
        let missing = Invalid::Missing(vec!["sub".into(), "groups".into()]);
        assert_eq!(missing.to_string(), "Missing required claims: sub, groups");
        let wild = Invalid::Type { found: format!("a\n\"{}", "x".repeat(500)), expected: "at+jwt".into() };
        assert!(wild.detail().len() < 260 && !wild.detail().contains('\n'));
    }
}
