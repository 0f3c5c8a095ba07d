//! Logout tokens: what a client is told when a sign-in has ended (OpenID Connect Back-Channel Logout 1.0 §2.4). `typ`
//! keeps them from being taken for anything else, and they have no `nonce`, so that they are no ID tokens either.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    claims::Audience,
    ring::{KeyRing, SignError},
};
use crate::{oauth::client::SigningAlg, secret};

/// Seconds it lives: at most two minutes (§2.4), so that one that leaks soon ends nothing.
pub const LIFETIME: i64 = 120;
/// The event that it tells of.
pub const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// What it is made of.
#[derive(Clone, Copy, Debug)]
pub struct LogoutSpec<'a> {
    /// Our issuer.
    pub issuer: &'a str,
    /// Whom it is for.
    pub client_id: &'a str,
    /// The user's id.
    pub subject: &'a str,
    /// The sign-in's name in tokens; without one all of the user's.
    pub session: Option<&'a str>,
    /// Signs it: as the client's ID tokens.
    pub alg: SigningAlg,
}

#[derive(Serialize, Deserialize)]
struct LogoutClaims {
    iss: String,
    sub: String,
    aud: Audience,
    iat: i64,
    exp: i64,
    jti: String,
    events: Map<String, Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sid: Option<String>,
}

/// Issues one at `now` (unix seconds).
///
/// # Errors
/// When no key of its algorithm signs.
pub fn issue(ring: &KeyRing, spec: &LogoutSpec<'_>, now: i64) -> Result<String, SignError> {
    let event = (EVENT.to_owned(), Value::Object(Map::new()));
    let claims = LogoutClaims {
        iss: spec.issuer.to_owned(),
        sub: spec.subject.to_owned(),
        aud: Audience::One(spec.client_id.to_owned()),
        iat: now,
        exp: now.saturating_add(LIFETIME),
        jti: secret::random_id(),
        events: Map::from_iter([event]),
        sid: spec.session.map(str::to_owned),
    };
    ring.sign(spec.alg, "logout+jwt", &claims, now)
}

#[cfg(test)]
mod tests {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    use serde_json::json;

    use super::{
        super::{
            issue::tests::{ISSUER, ring},
            rules::AudienceRule,
            verify,
        },
        *,
    };
    use crate::token::Rules;

    fn spec() -> LogoutSpec<'static> {
        LogoutSpec { issuer: ISSUER, client_id: "cp", subject: "user-1", session: Some("s-1"), alg: SigningAlg::RS256 }
    }

    #[test]
    fn it_holds_exactly_what_the_specification_asks_for() {
        let token = issue(&ring(), &spec(), 100).unwrap();
        let part = |at: usize| -> Value {
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(at).unwrap()).unwrap()).unwrap()
        };
        assert_eq!(part(0), json!({"typ": "logout+jwt", "alg": "RS256", "kid": "RS256-1"}));
        let claims = part(1);
        assert_eq!(
            claims,
            json!({"iss": ISSUER, "sub": "user-1", "aud": "cp", "iat": 100, "exp": 220, "jti": claims["jti"], "sid": "s-1",
                "events": {"http://schemas.openid.net/event/backchannel-logout": {}}})
        );
        assert_eq!(claims["jti"].as_str().map(str::len), Some(22));
        let other = issue(&ring(), &LogoutSpec { session: None, ..spec() }, 100).unwrap();
        assert!(!other.is_empty() && other != token);
    }

    #[tokio::test]
    async fn it_is_taken_for_nothing_else() {
        let (ring, token) = (ring(), issue(&ring(), &spec(), 100).unwrap());
        for rules in [
            Rules::own_access(ISSUER, AudienceRule::Any, 60),
            Rules::own_refresh(ISSUER, 60),
            Rules::own_id_token_hint(ISSUER, 60),
        ] {
            assert!(verify(&token, &ring, &rules, 100).await.is_err());
        }
    }
}
