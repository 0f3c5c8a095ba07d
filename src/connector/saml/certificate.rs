//! Our own certificates: an RSA key with a self-signed X.509 certificate around it. Providers pin it; nobody checks a chain.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use openssl::{
    asn1::{Asn1Time, Asn1TimeRef},
    bn::{BigNum, MsbOption},
    error::ErrorStack,
    hash::MessageDigest,
    pkey::PKey,
    sha::sha256,
    x509::{
        X509, X509Builder, X509NameBuilder,
        extension::{BasicConstraints, KeyUsage, SubjectKeyIdentifier},
    },
};
use secrecy::{ExposeSecret as _, SecretSlice};

use super::credentials::{Credential, Usage};

/// Bits of our keys: what every provider takes.
const RSA_BITS: u32 = 2048;
/// Seconds that a certificate is valid before its making, for providers whose clocks are behind.
const BACKDATED: i64 = 86_400;
/// Longest common name in bytes (RFC 5280, upper bound `ub-common-name`).
const MAX_COMMON_NAME: usize = 64;

/// A key or certificate of ours that cannot be made or read.
#[derive(Debug, thiserror::Error)]
#[error("the {0} cannot be used: {1}")]
pub struct CertificateError(&'static str, ErrorStack);

/// A new key with its certificate, not yet stored.
#[derive(Debug)]
pub struct Material {
    /// The private key (PKCS#8 in DER); `Debug` does not show it, and it is wiped when dropped.
    pub pkcs8: SecretSlice<u8>,
    /// The certificate in DER.
    pub certificate: Vec<u8>,
}

impl Material {
    /// Makes an RSA key and a certificate for `host` that holds from `now` until `ends_at` (unix seconds). Takes a tenth of
    /// a second or more, so call it where blocking is allowed.
    ///
    /// # Errors
    /// When the cryptographic library fails.
    pub fn generate(usage: Usage, host: &str, now: i64, ends_at: i64) -> Result<Self, CertificateError> {
        Self::make(usage, host, now, ends_at).map_err(|e| CertificateError("new SAML key", e))
    }

    fn make(usage: Usage, host: &str, now: i64, ends_at: i64) -> Result<Self, ErrorStack> {
        let key = PKey::from_rsa(openssl::rsa::Rsa::generate(RSA_BITS)?)?;
        let mut name = X509NameBuilder::new()?;
        name.append_entry_by_text("CN", host.get(..MAX_COMMON_NAME).unwrap_or(host))?;
        let name = name.build();
        // 127 random bits: positive, and never the same twice (RFC 5280 §4.1.2.2).
        let mut serial = BigNum::new()?;
        serial.rand(127, MsbOption::ONE, false)?;
        let mut builder = X509Builder::new()?;
        builder.set_version(2)?;
        builder.set_serial_number(&*serial.to_asn1_integer()?)?;
        builder.set_subject_name(&name)?;
        builder.set_issuer_name(&name)?;
        builder.set_not_before(&*Asn1Time::from_unix(now - BACKDATED)?)?;
        builder.set_not_after(&*Asn1Time::from_unix(ends_at)?)?;
        builder.set_pubkey(&key)?;
        builder.append_extension(BasicConstraints::new().critical().build()?)?;
        let mut usages = KeyUsage::new();
        match usage {
            Usage::Sign => usages.critical().digital_signature(),
            Usage::Encrypt => usages.critical().key_encipherment(),
        };
        builder.append_extension(usages.build()?)?;
        let identifier = SubjectKeyIdentifier::new().build(&builder.x509v3_context(None, None))?;
        builder.append_extension(identifier)?;
        builder.sign(&key, MessageDigest::sha256())?;
        Ok(Self { pkcs8: key.private_key_to_pkcs8()?.into(), certificate: builder.build().to_der()? })
    }

    /// Ready for use: published from `created_at`, used from `active_from`, gone from `expires_at` (unix seconds).
    ///
    /// # Errors
    /// When the key is no key.
    pub fn open(
        &self,
        usage: Usage,
        created_at: i64,
        active_from: i64,
        expires_at: Option<i64>,
    ) -> Result<Credential, CertificateError> {
        let key = PKey::private_key_from_pkcs8(self.pkcs8.expose_secret());
        let key = key.map_err(|e| CertificateError("stored SAML key", e))?;
        Ok(Credential { usage, key, certificate: self.certificate.clone(), created_at, active_from, expires_at })
    }
}

/// When a certificate (DER) ends, in unix seconds; `None` when it is no certificate.
#[must_use]
pub fn ends_at(certificate: &[u8]) -> Option<i64> {
    unix(X509::from_der(certificate).ok()?.not_after())
}

fn unix(time: &Asn1TimeRef) -> Option<i64> {
    let since = Asn1Time::from_unix(0).ok()?.diff(time).ok()?;
    Some(i64::from(since.days) * 86_400 + i64::from(since.secs))
}

/// SHA-256 of a certificate in hex, as consoles show it.
#[must_use]
pub fn fingerprint(certificate: &[u8]) -> String {
    sha256(certificate).iter().map(|byte| format!("{byte:02X}")).collect()
}

/// A certificate as people copy it: PEM.
#[must_use]
pub fn pem(der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<&str> = text.as_bytes().chunks(64).filter_map(|line| std::str::from_utf8(line).ok()).collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_says_whose_it_is_and_until_when() {
        let host = "gatehouse.a-rather-long-department-name.of-a-rather-long-company.example.com";
        let (now, end) = (1_800_000_000, 1_800_000_000 + 94_608_000);
        let made = Material::generate(Usage::Sign, host, now, end).unwrap();
        let read = X509::from_der(&made.certificate).unwrap();
        assert_eq!(ends_at(&made.certificate), Some(end));
        assert_eq!(unix(read.not_before()), Some(now - BACKDATED));
        assert!(read.verify(&read.public_key().unwrap()).unwrap(), "it signs itself");
        let names: Vec<_> = read.subject_name().entries().map(|e| e.data().to_string().unwrap()).collect();
        assert_eq!(names, [&host[..MAX_COMMON_NAME]]);
        assert!((100..128).contains(&read.serial_number().to_bn().unwrap().num_bits()));
        let opened = made.open(Usage::Sign, now, now, None).unwrap();
        assert!(opened.key.public_eq(&read.public_key().unwrap()));
        let other = Material::generate(Usage::Encrypt, "localhost", now, end).unwrap();
        assert_ne!(fingerprint(&made.certificate), fingerprint(&other.certificate));
        assert!(!format!("{made:?}").contains("308"), "private");
        assert_eq!(ends_at(b"junk"), None);
    }
}
