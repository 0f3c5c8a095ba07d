//! Certificates of providers: what an operator pastes, and what can be said of one. SAML trusts the key that an operator
//! or the metadata names (Metadata Interoperability Profile §2.6.1): no chain is built, and neither the names nor the
//! validity of a certificate decides anything. Providers do go on signing with expired ones.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use openssl::{
    asn1::{Asn1Time, Asn1TimeRef},
    nid::Nid,
    pkey::{Id, PKey, Public},
    sha::sha256,
    x509::{X509, X509NameRef},
};

/// The RSA keys that may sign, in bits. Below, keys can be broken; above, each verification costs too much.
const RSA_BITS: std::ops::RangeInclusive<u32> = 2048..=8192;
/// The curves that may sign.
const CURVES: [Nid; 3] = [Nid::X9_62_PRIME256V1, Nid::SECP384R1, Nid::SECP521R1];
/// Longest certificate that is looked at, in characters of base64.
const LONGEST: usize = 32 * 1024;

/// What can be said of a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// Whom it names.
    pub subject: String,
    /// Who issued it.
    pub issuer: String,
    /// Kind and size of its key: `RSA 2048`.
    pub algorithm: String,
    /// SHA-256 of the whole, as providers' consoles show it: `AB:CD:…`.
    pub fingerprint: String,
    /// SHA-256 of the public key: a renewed certificate over the same key has the same.
    pub key: String,
    /// Its first second (unix seconds).
    pub not_before: i64,
    /// Its last second (unix seconds).
    pub not_after: i64,
}

impl Certificate {
    /// Reads a certificate in DER whose key can sign.
    ///
    /// # Errors
    /// In words, when it is no certificate, or its key is too weak or of another kind.
    pub fn read(der: &[u8]) -> Result<Self, String> {
        let x509 = X509::from_der(der).map_err(|_| "it is no X.509 certificate".to_owned())?;
        // Bytes behind the certificate would be compared and hashed, but never read.
        if x509.to_der().map_err(|e| e.to_string())? != der {
            return Err("it is no X.509 certificate in DER, or has something behind it".to_owned());
        }
        let key = x509.public_key().map_err(|_| "its public key cannot be read".to_owned())?;
        judge(&key)?;
        Ok(Self {
            subject: name(x509.subject_name()),
            issuer: name(x509.issuer_name()),
            algorithm: format!("{} {}", if key.id() == Id::RSA { "RSA" } else { "EC" }, key.bits()),
            fingerprint: colons(&sha256(der)),
            key: colons(&sha256(&key.public_key_to_der().map_err(|e| e.to_string())?)),
            not_before: unix(x509.not_before())?,
            not_after: unix(x509.not_after())?,
        })
    }
}

/// Reads what an operator pastes: one certificate in PEM, or its base64, with or without line breaks. Gives its DER.
///
/// # Errors
/// In words, with the fix.
pub fn certificate(text: &str) -> Result<Vec<u8>, String> {
    const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
    const END: &str = "-----END CERTIFICATE-----";
    let text = text.trim();
    let body = match text.matches("-----BEGIN").count() {
        0 => text,
        1 => text.split_once(BEGIN).and_then(|(_, rest)| rest.split_once(END)).map(|(body, _)| body).ok_or(
            "it is PEM of something else than one certificate; it must begin with -----BEGIN CERTIFICATE-----".to_owned(),
        )?,
        _ => return Err("it holds several PEM blocks; write each certificate as an item of the list".to_owned()),
    };
    let der = from_base64(body).and_then(|der| Certificate::read(&der).map(|_| der));
    der.map_err(|why| format!("{why}; give the provider's signing certificate in PEM, or its base64"))
}

/// The bytes of base64 with white space anywhere.
pub(super) fn from_base64(text: &str) -> Result<Vec<u8>, String> {
    if text.len() > LONGEST {
        return Err(format!("it is longer than {LONGEST} characters"));
    }
    let dense: String = text.split_ascii_whitespace().collect();
    if dense.is_empty() {
        return Err("it is empty".to_owned());
    }
    STANDARD.decode(dense).map_err(|_| "it is not base64".to_owned())
}

fn judge(key: &PKey<Public>) -> Result<(), String> {
    match key.id() {
        Id::RSA if RSA_BITS.contains(&key.bits()) => Ok(()),
        Id::RSA => {
            let (least, most) = (RSA_BITS.start(), RSA_BITS.end());
            Err(format!("its RSA key has {} bits; {least} to {most} are accepted", key.bits()))
        }
        Id::EC => match key.ec_key().ok().and_then(|ec| ec.group().curve_name()) {
            Some(curve) if CURVES.contains(&curve) => Ok(()),
            _ => Err("its EC key is not on P-256, P-384 or P-521".to_owned()),
        },
        _ => Err("its key is neither RSA nor EC".to_owned()),
    }
}

fn name(name: &X509NameRef) -> String {
    let parts = name.entries().map(|e| {
        let kind = e.object().nid().short_name().unwrap_or("?");
        let value = e.data().to_string().unwrap_or_default();
        format!("{kind}={}", value.chars().filter(|c| !c.is_control()).take(256).collect::<String>())
    });
    parts.collect::<Vec<_>>().join(", ")
}

fn unix(time: &Asn1TimeRef) -> Result<i64, String> {
    let epoch = Asn1Time::from_unix(0).map_err(|e| e.to_string())?;
    let since = epoch.diff(time).map_err(|_| "its validity cannot be read".to_owned())?;
    Ok(i64::from(since.days) * 86_400 + i64::from(since.secs))
}

fn colons(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02X}")).collect::<Vec<_>>().join(":")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connector::saml::metadata::tests::made::{self, NOW};

    #[test]
    fn pem_and_base64_are_one_certificate() {
        let der = made::certificate(&made::rsa(2048), "idp.example", NOW + 86_400);
        let base64 = STANDARD.encode(&der);
        let lines: String = base64.as_bytes().chunks(64).map(|l| format!("{}\r\n", str::from_utf8(l).unwrap())).collect();
        let pem = format!("Bag Attributes\n-----BEGIN CERTIFICATE-----\n{lines}-----END CERTIFICATE-----\n");
        for text in [&base64, &lines, &pem, &format!("\n  {base64} \n")] {
            assert_eq!(certificate(text).as_ref(), Ok(&der), "{text}");
        }
        let read = Certificate::read(&der).unwrap();
        assert_eq!((read.subject.as_str(), read.issuer.as_str()), ("CN=idp.example", "CN=idp.example"));
        assert_eq!((read.not_after, read.fingerprint.len()), (NOW + 86_400, 95));
        for (text, cause) in [
            (String::new(), "empty"),
            ("x y z!".to_owned(), "not base64"),
            (format!("{pem}{pem}"), "each certificate as an item"),
            ("-----BEGIN PRIVATE KEY-----\nMII\n-----END PRIVATE KEY-----".to_owned(), "something else"),
            ("-----BEGIN CERTIFICATE-----\nMII".to_owned(), "something else"),
            (STANDARD.encode([&der[..], b"x"].concat()), "behind it"),
            (STANDARD.encode(&der[..100]), "no X.509"),
            ("A".repeat(40_000), "longer than"),
        ] {
            let error = certificate(&text).unwrap_err();
            assert!(error.contains(cause), "{cause}: {error}");
        }
    }

    #[test]
    fn a_key_is_the_same_under_another_certificate() {
        let key = made::ec(Nid::SECP384R1);
        let [one, two] = [NOW, NOW + 1].map(|end| Certificate::read(&made::certificate(&key, "x", end)).unwrap());
        assert_eq!(one.key, two.key);
        assert_ne!(one.fingerprint, two.fingerprint);
    }
}
