//! Signature algorithms that a token may be verified with. There is no `none` and no HMAC among them, so neither can be
//! asked for (RFC 8725 §3.1).

use std::fmt;

use crate::oauth::client::SigningAlg;

/// An asymmetric JWS algorithm (RFC 7518 §3.1, RFC 8037, RFC 9864).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each is the RFC's word")]
pub enum Alg {
    RS256,
    RS384,
    RS512,
    PS256,
    PS384,
    PS512,
    ES256,
    ES384,
    ES512,
    EdDSA,
}

impl Alg {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::RS256,
        Self::RS384,
        Self::RS512,
        Self::PS256,
        Self::PS384,
        Self::PS512,
        Self::ES256,
        Self::ES384,
        Self::ES512,
        Self::EdDSA,
    ];

    /// From its exact JOSE name; `Ed25519` is RFC 9864's name for what gatehouse knows of `EdDSA`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        if name == "Ed25519" { Some(Self::EdDSA) } else { Self::ALL.into_iter().find(|a| a.as_str() == name) }
    }

    /// The JOSE name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RS256 => "RS256",
            Self::RS384 => "RS384",
            Self::RS512 => "RS512",
            Self::PS256 => "PS256",
            Self::PS384 => "PS384",
            Self::PS512 => "PS512",
            Self::ES256 => "ES256",
            Self::ES384 => "ES384",
            Self::ES512 => "ES512",
            Self::EdDSA => "EdDSA",
        }
    }
}

impl From<SigningAlg> for Alg {
    fn from(alg: SigningAlg) -> Self {
        match alg {
            SigningAlg::ES256 => Self::ES256,
            SigningAlg::RS256 => Self::RS256,
            SigningAlg::EdDSA => Self::EdDSA,
        }
    }
}

impl fmt::Display for Alg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
