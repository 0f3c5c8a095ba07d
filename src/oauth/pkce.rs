//! Proof key for code exchange (RFC 7636), S256 only: `plain` protects nothing that TLS does not.

use super::error::{Code, OAuthError, error};
use crate::secret;

/// Whether `challenge` can be the base64url SHA-256 of a verifier.
#[must_use]
pub fn is_challenge(challenge: &str) -> bool {
    challenge.len() == 43 && challenge.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

/// Judges a redemption: a challenge needs its verifier, and a verifier needs a challenge (RFC 9700 §2.1.1, the
/// downgrade of authentik CVE-2024-23647).
///
/// # Errors
/// `invalid_grant` when they do not belong together.
pub fn verify(challenge: Option<&str>, verifier: Option<&str>) -> Result<(), OAuthError> {
    match (challenge, verifier) {
        (None, None) => Ok(()),
        (Some(challenge), Some(verifier)) if is_verifier(verifier) && secret::same(&secret::digest(verifier), challenge) => {
            Ok(())
        }
        _ => Err(error(Code::InvalidGrant, "PKCE verification failed")),
    }
}

fn is_verifier(verifier: &str) -> bool {
    let unreserved = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~');
    (43..=128).contains(&verifier.len()) && verifier.bytes().all(unreserved)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_only_the_verifier_of_the_challenge() {
        let verifier = "v".repeat(43);
        let challenge = secret::digest(&verifier);
        assert!(verify(Some(&challenge), Some(&verifier)).is_ok());
        assert!(verify(None, None).is_ok());
        let short = "v".repeat(42);
        let long = "v".repeat(129);
        for (challenge, verifier) in [
            (Some(challenge.as_str()), None),
            (None, Some(verifier.as_str())),
            (Some(&challenge), Some("w".repeat(43).as_str())),
            (Some(&secret::digest(&short)), Some(short.as_str())),
            (Some(&secret::digest(&long)), Some(long.as_str())),
            (Some(&verifier), Some(verifier.as_str())),
            (Some(&secret::digest("")), Some("")),
        ] {
            assert!(verify(challenge, verifier).is_err(), "{challenge:?} {verifier:?}");
        }
    }
}
