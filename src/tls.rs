//! The TLS certificate and its private key, read from PEM files and judged before anything is served with them.

use std::{fmt, fs, path::Path, sync::Arc};

use rustls::{
    ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};
use time::{Date, Month};

use crate::moment::{Moment, span};

/// Seconds before its end from which a certificate is warned about: a sixth of its lifetime, and this at most.
const SOON: i64 = 14 * 86_400;

/// Which of the two files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The certificate chain.
    Certificate,
    /// Its private key.
    Key,
}

/// Why certificate and key cannot be served with. Nothing of the key stands in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsError {
    /// The file to look into.
    pub part: Part,
    /// What is wrong with it and what to do, beginning with its path.
    pub text: String,
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = if self.part == Part::Key { "private key" } else { "certificate" };
        write!(f, "TLS {part}: {}", self.text)
    }
}

impl std::error::Error for TlsError {}

/// A certificate chain and the key that fits it.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// What a listener needs: TLS 1.2 and 1.3, HTTP/2 and HTTP/1.1.
    pub config: Arc<ServerConfig>,
    /// From when to when the first certificate is good (unix seconds); nothing when that could not be read.
    pub validity: Option<(i64, i64)>,
}

impl Certificate {
    /// Reads both files and makes sure that they fit together.
    ///
    /// # Errors
    /// When a file cannot be read or does not hold what it should, or the key is another certificate's.
    pub fn read(cert: &Path, key: &Path) -> Result<Self, TlsError> {
        let wrong = |part, path: &Path, what: &str| TlsError { part, text: format!("{} {what}", path.display()) };
        let of_cert = |what: &str| wrong(Part::Certificate, cert, what);
        let of_key = |what: &str| wrong(Part::Key, key, what);
        let chain = fs::read(cert).map_err(|e| of_cert(&format!("cannot be read: {e}")))?;
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&chain).collect();
        let chain = chain.map_err(|e| of_cert(&format!("is not PEM: {e}")))?;
        let first = chain.first().ok_or_else(|| of_cert("holds no certificate (-----BEGIN CERTIFICATE-----)"))?;
        let validity = validity(first);
        let keys = fs::read(key).map_err(|e| of_key(&format!("cannot be read: {e}")))?;
        let keys: Result<Vec<_>, _> = PrivateKeyDer::pem_slice_iter(&keys).collect();
        let mut keys = keys.map_err(|e| of_key(&format!("is not PEM: {e}")))?.into_iter();
        let (Some(private), None) = (keys.next(), keys.next()) else {
            return Err(of_key("must hold one private key, unencrypted (-----BEGIN PRIVATE KEY-----)"));
        };
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
        let config = config.with_safe_default_protocol_versions().map_err(|e| of_cert(&e.to_string()))?;
        let mut config = config.with_no_client_auth().with_single_cert(chain, private).map_err(|e| match e {
            rustls::Error::InconsistentKeys(_) => {
                of_key(&format!("is not the key of the certificate in {}; give the one it was issued for", cert.display()))
            }
            rustls::Error::InvalidCertificate(e) => of_cert(&format!("holds an unusable certificate: {e:?}")),
            e => of_key(&format!("holds an unusable key: {e}; use RSA, EC P-256, P-384 or P-521, or Ed25519")),
        })?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Self { config: Arc::new(config), validity })
    }

    /// What to tell the operator when the certificate is over, nearly over, or not yet good at `now`.
    #[must_use]
    pub fn warning(&self, now: i64) -> Option<String> {
        let (from, until) = self.validity?;
        let soon = SOON.min((until - from) / 6);
        match now {
            _ if now > until => Some(format!("the TLS certificate expired on {}; renew it", Moment(until))),
            _ if now < from => Some(format!("the TLS certificate is good only from {}", Moment(from))),
            _ if now + soon > until => {
                Some(format!("the TLS certificate expires in {}, on {}; renew it", span(until - now), Moment(until)))
            }
            _ => None,
        }
    }
}

/// `notBefore` and `notAfter` of a certificate (RFC 5280 §4.1), in unix seconds.
fn validity(der: &[u8]) -> Option<(i64, i64)> {
    const SEQUENCE: u8 = 0x30;
    let inner = |der, wanted| element(der).and_then(|(tag, content, _)| (tag == wanted).then_some(content));
    let mut rest = inner(inner(der, SEQUENCE)?, SEQUENCE)?;
    // The version may be left out; serial number, algorithm and issuer may not.
    let before = if *rest.first()? == 0xa0 { 4 } else { 3 };
    for _ in 0..before {
        rest = element(rest)?.2;
    }
    let (tag, from, rest) = element(inner(rest, SEQUENCE)?)?;
    let (tag_until, until, _) = element(rest)?;
    Some((instant(tag, from)?, instant(tag_until, until)?))
}

/// The first DER element: tag, content, and what follows it.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = der.split_first()?;
    let (&length, rest) = rest.split_first()?;
    let (length, rest) = match length {
        0..=0x7f => (usize::from(length), rest),
        0x81..=0x84 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(length - 0x80))?;
            (bytes.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

/// `YYMMDDhhmmssZ` (years 1950 to 2049) or `YYYYMMDDhhmmssZ`.
fn instant(tag: u8, text: &[u8]) -> Option<i64> {
    const UTC_TIME: u8 = 0x17;
    let text = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
    let number = |part: &str| part.parse::<u8>().ok();
    let (year, rest) = text.split_at_checked(if tag == UTC_TIME { 2 } else { 4 })?;
    let year = match year.parse::<i32>().ok()? {
        year if tag != UTC_TIME => year,
        year if year < 50 => 2_000 + year,
        year => 1_900 + year,
    };
    let part = |at: usize| number(rest.get(at..at + 2)?);
    let date = Date::from_calendar_date(year, Month::try_from(part(0)?).ok()?, part(2)?).ok()?;
    Some(date.with_hms(part(4)?, part(6)?, part(8)?).ok()?.assume_utc().unix_timestamp())
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn made(dir: &Path, name: &str) -> (PathBuf, PathBuf) {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let (cert, key) = (dir.join(format!("{name}.pem")), dir.join(format!("{name}.key")));
        fs::write(&cert, made.cert.pem()).unwrap();
        fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        (cert, key)
    }

    #[test]
    fn what_is_wrong_is_said_of_the_right_file() {
        let dir = tempfile::tempdir().unwrap();
        let (cert, key) = made(dir.path(), "a");
        let (_, other) = made(dir.path(), "b");
        assert!(Certificate::read(&cert, &key).is_ok());
        let file = |name: &str, text: &str| {
            let path = dir.path().join(name);
            fs::write(&path, text).unwrap();
            path
        };
        let (empty, two) = (file("empty", ""), file("two", &fs::read_to_string(&key).unwrap().repeat(2)));
        let cut = file("cut", "-----BEGIN CERTIFICATE-----\nMIIB%%\n-----END CERTIFICATE-----\n");
        let junk = file("junk", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
        let nowhere = dir.path().join("nowhere");
        for (cert, key, part, words) in [
            (&nowhere, &key, Part::Certificate, "nowhere cannot be read"),
            (&cert, &nowhere, Part::Key, "nowhere cannot be read"),
            (&empty, &key, Part::Certificate, "empty holds no certificate"),
            (&cut, &key, Part::Certificate, "cut is not PEM"),
            (&junk, &key, Part::Certificate, "junk holds an unusable certificate"),
            (&cert, &cert, Part::Key, "a.pem must hold one private key"),
            (&cert, &empty, Part::Key, "empty must hold one private key"),
            (&cert, &two, Part::Key, "two must hold one private key"),
            (&cert, &other, Part::Key, "b.key is not the key of the certificate in"),
        ] {
            let error = Certificate::read(cert, key).unwrap_err();
            assert!(error.part == part && error.text.contains(words), "{error:?}");
        }
    }

    #[test]
    fn an_end_that_is_near_is_warned_about() {
        let dir = tempfile::tempdir().unwrap();
        let with = |from: (i32, u8, u8), until: (i32, u8, u8)| {
            let mut params = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
            params.not_before = rcgen::date_time_ymd(from.0, from.1, from.2);
            params.not_after = rcgen::date_time_ymd(until.0, until.1, until.2);
            let signing_key = rcgen::KeyPair::generate().unwrap();
            let (cert, key) = (dir.path().join("c"), dir.path().join("k"));
            fs::write(&cert, params.self_signed(&signing_key).unwrap().pem()).unwrap();
            fs::write(&key, signing_key.serialize_pem()).unwrap();
            Certificate::read(&cert, &key).unwrap()
        };
        let year = with((2027, 1, 1), (2028, 1, 1));
        let (from, until) = year.validity.unwrap();
        assert_eq!((from, until), (1_798_761_600, 1_830_297_600));
        assert_eq!((year.warning(from), year.warning(until - SOON)), (None, None));
        for (now, words) in [
            (from - 1, "good only from 1 January 2027"),
            (until - SOON + 1, "expires in 13 days 23 h"),
            (until + 1, "expired on 1 January 2028"),
        ] {
            assert!(year.warning(now).unwrap().contains(words), "{:?}", year.warning(now));
        }
        let week = with((2027, 1, 1), (2027, 1, 8));
        assert_eq!(
            week.warning(1_798_761_600 + 5 * 86_400),
            None,
            "certificates that live for days are not warned about for ever"
        );
        assert_eq!(with((1990, 1, 1), (2060, 1, 1)).validity, Some((631_152_000, 2_840_140_800)), "both ways to write a year");
    }
}
