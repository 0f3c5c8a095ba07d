//! Parsed public keys, kept: parsing one anew for each token costs up to half as much as the verification itself.

use std::sync::OnceLock;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ECDSA_P521_SHA512_FIXED, ED25519, EcdsaVerificationAlgorithm,
    ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512,
    RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RsaParameters, RsaPublicKeyComponents,
};

use super::alg::Alg;

/// A public key that verifies.
#[derive(Clone, Debug)]
pub(super) enum Verifying {
    /// Good for several algorithms, so parsed for each that is used.
    Rsa(Box<Rsa>),
    P256(ParsedPublicKey),
    P384(ParsedPublicKey),
    P521(ParsedPublicKey),
    Ed25519(ParsedPublicKey),
}

#[derive(Clone, Debug)]
pub(super) struct Rsa {
    components: RsaPublicKeyComponents<Vec<u8>>,
    parsed: [OnceLock<Option<ParsedPublicKey>>; 6],
}

impl Verifying {
    /// An RSA key of modulus `n` and exponent `e`, in big-endian bytes without leading zeros.
    pub(super) fn rsa(n: Vec<u8>, e: Vec<u8>) -> Result<Self, String> {
        let key = Rsa { components: RsaPublicKeyComponents { n, e }, parsed: Default::default() };
        key.parsed(Alg::RS256).ok_or("is no RSA key")?;
        Ok(Self::Rsa(Box::new(key)))
    }

    /// An uncompressed point on P-256.
    pub(super) fn p256(point: &[u8]) -> Result<Self, String> {
        on_curve(&ECDSA_P256_SHA256_FIXED, point).map(Self::P256)
    }

    /// An uncompressed point on P-384.
    pub(super) fn p384(point: &[u8]) -> Result<Self, String> {
        on_curve(&ECDSA_P384_SHA384_FIXED, point).map(Self::P384)
    }

    /// An uncompressed point on P-521.
    pub(super) fn p521(point: &[u8]) -> Result<Self, String> {
        on_curve(&ECDSA_P521_SHA512_FIXED, point).map(Self::P521)
    }

    pub(super) fn ed25519(x: &[u8]) -> Result<Self, String> {
        ParsedPublicKey::new(&ED25519, x).map(Self::Ed25519).map_err(|_| "is no Ed25519 key".to_owned())
    }

    /// Whether `alg` is one of the key's type.
    pub(super) fn suits(&self, alg: Alg) -> bool {
        match self {
            Self::Rsa(_) => rsa_parameters(alg).is_some(),
            Self::P256(_) => alg == Alg::ES256,
            Self::P384(_) => alg == Alg::ES384,
            Self::P521(_) => alg == Alg::ES512,
            Self::Ed25519(_) => alg == Alg::EdDSA,
        }
    }

    /// Whether `signature` is this key's over `message` with `alg`; never with an algorithm of another type of key.
    pub(super) fn verifies(&self, alg: Alg, message: &[u8], signature: &[u8]) -> bool {
        let key = match self {
            Self::Rsa(rsa) => rsa.parsed(alg),
            Self::P256(key) | Self::P384(key) | Self::P521(key) | Self::Ed25519(key) => Some(key).filter(|_| self.suits(alg)),
        };
        key.is_some_and(|key| key.verify_sig(message, signature).is_ok())
    }
}

impl Rsa {
    fn parsed(&self, alg: Alg) -> Option<&ParsedPublicKey> {
        let (at, parameters) = rsa_parameters(alg)?;
        self.parsed.get(at)?.get_or_init(|| self.components.to_parsed_public_key(parameters).ok()).as_ref()
    }
}

fn rsa_parameters(alg: Alg) -> Option<(usize, &'static RsaParameters)> {
    Some(match alg {
        Alg::RS256 => (0, &RSA_PKCS1_2048_8192_SHA256),
        Alg::RS384 => (1, &RSA_PKCS1_2048_8192_SHA384),
        Alg::RS512 => (2, &RSA_PKCS1_2048_8192_SHA512),
        Alg::PS256 => (3, &RSA_PSS_2048_8192_SHA256),
        Alg::PS384 => (4, &RSA_PSS_2048_8192_SHA384),
        Alg::PS512 => (5, &RSA_PSS_2048_8192_SHA512),
        Alg::ES256 | Alg::ES384 | Alg::ES512 | Alg::EdDSA => return None,
    })
}

fn on_curve(alg: &'static EcdsaVerificationAlgorithm, point: &[u8]) -> Result<ParsedPublicKey, String> {
    ParsedPublicKey::new(alg, point).map_err(|_| "is not a point on its curve".to_owned())
}
