//! What we sign for a provider with our RS256 key; it reads the public half from our JWKS.

use serde_json::{Map, Value, json};

use crate::{connector::Error, oauth::client::SigningAlg, policy::cause::Cause, secret, token::ring::KeyRing};

/// How many seconds a client assertion is valid.
const ASSERTION_LIFETIME: i64 = 60;

/// Says who we are to a token endpoint (RFC 7523 §3). The audience is the very address it is sent to: one key serves all
/// connections, so an assertion must be of no use anywhere else than where it goes (audience injection, CVE-2025-27370).
///
/// # Errors
/// When there is no RS256 key.
pub(crate) fn client_assertion(ring: &KeyRing, client_id: &str, token_endpoint: &str, now: i64) -> Result<String, Error> {
    let claims = json!({
        "iss": client_id,
        "sub": client_id,
        "aud": token_endpoint,
        "jti": secret::random_id(),
        "iat": now,
        "exp": now.saturating_add(ASSERTION_LIFETIME),
    });
    sign(ring, "JWT", &claims, now)
}

/// Signs the claims of a request object (RFC 9101 §10.8 gives the type).
///
/// # Errors
/// When there is no RS256 key.
pub(crate) fn request_object(ring: &KeyRing, claims: Map<String, Value>, now: i64) -> Result<String, Error> {
    sign(ring, "oauth-authz-req+jwt", &Value::Object(claims), now)
}

fn sign(ring: &KeyRing, typ: &str, claims: &Value, now: i64) -> Result<String, Error> {
    ring.sign(SigningAlg::RS256, typ, claims, now)
        .map_err(|e| Error::Misconfigured(Cause::OwnFault.with(format!("nothing can be signed for the provider: {e}"))))
}
