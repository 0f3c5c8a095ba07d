//! The tokens that gatehouse issues: access tokens (RFC 9068), refresh tokens, ID tokens (OpenID Connect Core §2). The
//! header's `typ` tells them apart, and `Rules::own_*` accepts each only as what it is.

use aws_lc_rs::digest;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};

use super::{
    claims::Audience,
    ring::{KeyRing, SignError},
};
use crate::{
    oauth::client::{GrantType, SigningAlg},
    policy::principal::Kind,
    secret,
};

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

/// What an access token that acts as a principal is made of.
#[derive(Clone, Copy, Debug)]
pub struct PrincipalSpec<'a> {
    /// Our issuer.
    pub issuer: &'a str,
    /// Names it to others: the row id of the best principal.
    pub subject: &'a str,
    /// The client it is issued to.
    pub client_id: &'a str,
    /// The tenant's name.
    pub tenant: &'a str,
    /// Whom it is for.
    pub audience: &'a [String],
    /// What was granted, separated by spaces.
    pub scope: &'a str,
    /// Whom it acts as, the best first; nobody if it pushes for a directory.
    pub acts_as: &'a [Actor],
    /// The token that it is exchanged for.
    pub origin: Option<&'a Origin>,
    /// Signs it.
    pub alg: SigningAlg,
    /// Lifetime in seconds.
    pub lifetime: i64,
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
    /// The e-mail address that it gave: its issuer's word, and none of ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// The trusted issuer or connection here, by row id.
    pub source: String,
    /// A digest of what was asked of its tokens then.
    #[serde(default)]
    pub terms: String,
    /// The grant that it was exchanged by, which the client must still have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant: Option<GrantType>,
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

/// Issues an access token that acts as a principal at `now` (unix seconds).
///
/// # Errors
/// When no key of its algorithm signs.
pub fn principal_access(ring: &KeyRing, spec: &PrincipalSpec<'_>, now: i64) -> Result<Issued, SignError> {
    let claims = AccessClaims {
        iss: spec.issuer.to_owned(),
        sub: spec.subject.to_owned(),
        aud: Audience::of(spec.audience),
        client_id: spec.client_id.to_owned(),
        exp: now.saturating_add(spec.lifetime),
        iat: now,
        jti: secret::random_id(),
        scope: spec.scope.to_owned(),
        tenant: spec.tenant.to_owned(),
        fam: None,
        auth_time: None,
        acts_as: spec.acts_as.to_vec(),
        origin: spec.origin.cloned(),
        // An address that a foreign issuer gave is none that we say (it stands with the origin).
        email: None,
        email_verified: None,
    };
    let token = ring.sign(spec.alg, "at+jwt", &claims, now)?;
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
pub(super) mod tests;
