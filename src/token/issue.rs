//! The tokens that gatehouse issues: access tokens (RFC 9068), refresh tokens, ID tokens (OpenID Connect Core §2). The
//! header's `typ` tells them apart, and `Rules::own_*` accepts each only as what it is.

use aws_lc_rs::digest;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};

use super::{
    claims::Audience,
    ring::{KeyRing, SignError},
};
use crate::{oauth::client::SigningAlg, policy::principal::Kind, secret};

/// What one authorization says about user, client and request: all that its tokens are made of.
#[derive(Clone, Copy, Debug)]
pub struct IssueSpec<'a> {
    /// Our issuer.
    pub issuer: &'a str,
    /// The user's id.
    pub subject: &'a str,
    /// The client.
    pub client_id: &'a str,
    /// The tenant's name.
    pub tenant: &'a str,
    /// The token family's id.
    pub family: &'a str,
    /// Whom the access token is for: the `resource`s asked for, or the default (RFC 8707, RFC 9068 §3).
    pub audience: &'a [String],
    /// What was granted, separated by spaces.
    pub scope: &'a str,
    /// When the person proved who they are (unix seconds).
    pub auth_time: i64,
    /// How (RFC 8176); empty when only the provider knows.
    pub amr: &'a str,
    /// The e-mail address, where the scope allows it.
    pub email: Option<&'a str>,
    /// Whether the address is proven; sent only with it.
    pub email_verified: bool,
    /// The person's name, where the scope allows it.
    pub name: Option<&'a str>,
    /// The groups that the person's provider sent, where the scope allows it; `None` means "not known".
    pub groups: Option<&'a [String]>,
    /// The person's teams here, where the scope allows it.
    pub teams: Option<&'a [String]>,
    /// The request's nonce.
    pub nonce: Option<&'a str>,
    /// The session's public id.
    pub session: Option<&'a str>,
    /// Signs access and refresh tokens.
    pub access_alg: SigningAlg,
    /// Signs ID tokens.
    pub id_alg: SigningAlg,
    /// Lifetime of access and ID tokens in seconds.
    pub access_lifetime: i64,
    /// Lifetime of refresh tokens in seconds.
    pub refresh_lifetime: i64,
}

/// A token as it goes out.
#[derive(Clone)]
pub struct Issued {
    /// The compact JWS.
    pub token: String,
    /// Its `jti`; empty for ID tokens, which have none.
    pub jti: String,
    /// Its `exp` (unix seconds).
    pub expires_at: i64,
}

impl std::fmt::Debug for Issued {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Issued").field("jti", &self.jti).field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

/// The claims of our access token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "claims by their registered names; those of our own are described")]
pub struct AccessClaims {
    pub iss: String,
    pub sub: String,
    pub aud: Audience,
    pub client_id: String,
    pub exp: i64,
    pub iat: i64,
    pub jti: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub scope: String,
    /// The tenant's name.
    pub tenant: String,
    /// The token family's id: a user's token dies with its family.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fam: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth_time: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email_verified: Option<bool>,
    /// Whom it acts as when that is no user, the best first: it has this or `fam`, never both.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub acts_as: Vec<Actor>,
    /// The token that it was exchanged for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
}

/// A principal or team that a token acts as, while it stands as it did when the token was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// What kind.
    pub kind: Kind,
    /// The row's id.
    pub id: String,
    /// The mapping that led here, and its version then; none for client credentials.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mapping: Option<(String, i64)>,
}

/// The foreign token that one of ours was exchanged for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// Its issuer.
    pub iss: String,
    /// Its subject.
    pub sub: String,
    /// The trusted issuer or connection here, by row id.
    pub source: String,
}

/// The claims of our refresh token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "claims by their registered names; those of our own are described")]
pub struct RefreshClaims {
    pub iss: String,
    pub sub: String,
    pub aud: Audience,
    pub client_id: String,
    pub exp: i64,
    pub iat: i64,
    pub jti: String,
    /// The token family's id.
    pub fam: String,
}

/// The claims of our ID token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "claims by their registered names; those of our own are described")]
pub struct IdClaims {
    pub iss: String,
    pub sub: String,
    pub aud: Audience,
    pub azp: String,
    pub exp: i64,
    pub iat: i64,
    pub auth_time: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_hash: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub amr: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email_verified: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub groups: Option<Vec<String>>,
    /// Teams of the tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub teams: Option<Vec<String>>,
    /// The tenant's name.
    pub tenant: String,
}

/// Issues an access token at `now` (unix seconds).
///
/// # Errors
/// When no key of its algorithm signs.
pub fn access(ring: &KeyRing, spec: &IssueSpec<'_>, now: i64) -> Result<Issued, SignError> {
    let claims = AccessClaims {
        iss: spec.issuer.to_owned(),
        sub: spec.subject.to_owned(),
        aud: Audience::of(spec.audience),
        client_id: spec.client_id.to_owned(),
        exp: now.saturating_add(spec.access_lifetime),
        iat: now,
        jti: secret::random_id(),
        scope: spec.scope.to_owned(),
        tenant: spec.tenant.to_owned(),
        fam: Some(spec.family.to_owned()),
        auth_time: Some(spec.auth_time),
        acts_as: Vec::new(),
        origin: None,
        email: spec.email.map(str::to_owned),
        email_verified: spec.email.map(|_| spec.email_verified),
    };
    let token = ring.sign(spec.access_alg, "at+jwt", &claims, now)?;
    Ok(Issued { token, jti: claims.jti, expires_at: claims.exp })
}

/// Issues a refresh token at `now` (unix seconds), for our token endpoint alone. Its `jti` is the caller's: its hash is
/// the family's current one before the token goes out.
///
/// # Errors
/// When no key of its algorithm signs.
pub fn refresh(ring: &KeyRing, spec: &IssueSpec<'_>, jti: &str, now: i64) -> Result<Issued, SignError> {
    let claims = RefreshClaims {
        iss: spec.issuer.to_owned(),
        sub: spec.subject.to_owned(),
        aud: Audience::One(spec.issuer.to_owned()),
        client_id: spec.client_id.to_owned(),
        exp: now.saturating_add(spec.refresh_lifetime),
        iat: now,
        jti: jti.to_owned(),
        fam: spec.family.to_owned(),
    };
    let token = ring.sign(spec.access_alg, "refresh+jwt", &claims, now)?;
    Ok(Issued { token, jti: claims.jti, expires_at: claims.exp })
}

/// Issues an ID token at `now` (unix seconds); `access_token` is the one that goes out beside it.
///
/// # Errors
/// When no key of its algorithm signs.
pub fn id(ring: &KeyRing, spec: &IssueSpec<'_>, access_token: Option<&str>, now: i64) -> Result<Issued, SignError> {
    let claims = IdClaims {
        iss: spec.issuer.to_owned(),
        sub: spec.subject.to_owned(),
        aud: Audience::One(spec.client_id.to_owned()),
        azp: spec.client_id.to_owned(),
        exp: now.saturating_add(spec.access_lifetime),
        iat: now,
        auth_time: spec.auth_time,
        nonce: spec.nonce.map(str::to_owned),
        at_hash: access_token.map(|token| at_hash(spec.id_alg, token)),
        sid: spec.session.map(str::to_owned),
        amr: spec.amr.split_whitespace().map(str::to_owned).collect(),
        email: spec.email.map(str::to_owned),
        email_verified: spec.email.map(|_| spec.email_verified),
        name: spec.name.map(str::to_owned),
        groups: spec.groups.map(<[String]>::to_vec),
        teams: spec.teams.map(<[String]>::to_vec),
        tenant: spec.tenant.to_owned(),
    };
    let token = ring.sign(spec.id_alg, "JWT", &claims, now)?;
    Ok(Issued { token, jti: String::new(), expires_at: claims.exp })
}

/// `at_hash` (OpenID Connect Core §3.1.3.6): the left half of the access token's hash, by the hash function of the ID
/// token's algorithm; for Ed25519 that is SHA-512.
#[must_use]
pub fn at_hash(alg: SigningAlg, access_token: &str) -> String {
    let function = match alg {
        SigningAlg::ES256 | SigningAlg::RS256 => &digest::SHA256,
        SigningAlg::EdDSA => &digest::SHA512,
    };
    let hash = digest::digest(function, access_token.as_bytes());
    URL_SAFE_NO_PAD.encode(&hash.as_ref()[..hash.as_ref().len() / 2])
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::{Value, json};

    use super::{super::testing, *};

    pub(crate) const ISSUER: &str = "https://gate.example";

    pub(crate) fn ring() -> KeyRing {
        KeyRing::new(SigningAlg::ALL.map(|alg| testing::key(alg, 1, 0, 0, None)).into())
    }

    pub(crate) fn spec(audience: &[String]) -> IssueSpec<'_> {
        IssueSpec {
            issuer: ISSUER,
            subject: "user-1",
            client_id: "cp",
            tenant: "acme",
            family: "fam-1",
            audience,
            scope: "openid email",
            auth_time: 90,
            amr: "pwd",
            email: Some("ada@acme.example"),
            email_verified: true,
            name: None,
            groups: None,
            teams: None,
            nonce: Some("n"),
            session: None,
            access_alg: SigningAlg::ES256,
            id_alg: SigningAlg::RS256,
            access_lifetime: 86_400,
            refresh_lifetime: 604_800,
        }
    }

    fn parts(token: &str) -> (Value, Value) {
        let mut parts = token.split('.').map(|p| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(p).unwrap_or_default()));
        let mut next = || parts.next().unwrap().unwrap();
        (next(), next())
    }

    #[test]
    fn tokens_hold_exactly_what_is_promised() {
        let ring = ring();
        let audience = ["https://api.example".to_owned()];
        let spec = spec(&audience);
        let access = access(&ring, &spec, 100).unwrap();
        let (header, claims) = parts(&access.token);
        assert_eq!(header, json!({"typ": "at+jwt", "alg": "ES256", "kid": "ES256-1"}));
        assert_eq!(
            claims,
            json!({"iss": ISSUER, "sub": "user-1", "aud": "https://api.example", "client_id": "cp", "exp": 86_500, "iat": 100,
                "jti": access.jti, "scope": "openid email", "tenant": "acme", "fam": "fam-1", "auth_time": 90,
                "email": "ada@acme.example", "email_verified": true})
        );
        let refresh = refresh(&ring, &spec, "jti-1", 100).unwrap();
        let (header, claims) = parts(&refresh.token);
        assert_eq!(header["typ"], "refresh+jwt");
        assert_eq!(
            claims,
            json!({"iss": ISSUER, "sub": "user-1", "aud": ISSUER, "client_id": "cp", "exp": 604_900, "iat": 100,
                "jti": refresh.jti, "fam": "fam-1"})
        );
        let groups = ["sre".to_owned()];
        let spec = IssueSpec { groups: Some(&groups), session: Some("sid-1"), ..spec };
        let (header, claims) = parts(&id(&ring, &spec, Some(&access.token), 100).unwrap().token);
        assert_eq!(header, json!({"typ": "JWT", "alg": "RS256", "kid": "RS256-1"}));
        assert_eq!(
            claims,
            json!({"iss": ISSUER, "sub": "user-1", "aud": "cp", "azp": "cp", "exp": 86_500, "iat": 100, "auth_time": 90,
                "nonce": "n", "at_hash": at_hash(SigningAlg::RS256, &access.token), "sid": "sid-1", "amr": ["pwd"],
                "email": "ada@acme.example", "email_verified": true, "groups": ["sre"], "tenant": "acme"})
        );
        assert!(!format!("{access:?}").contains(&access.token));
    }

    #[test]
    fn at_hash_is_that_of_the_standard() {
        // OpenID Connect Core A.3: this access token and this at_hash.
        assert_eq!(at_hash(SigningAlg::RS256, "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y"), "77QmUPtjPfzWtF2AnpK9RQ");
        assert_eq!(at_hash(SigningAlg::EdDSA, "x").len(), 43);
    }
}
