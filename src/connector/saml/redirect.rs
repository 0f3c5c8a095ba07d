//! The HTTP-Redirect binding (SAML Bindings §3.4): a deflated message in a query, its signature beside it.
//!
//! The signature is over the octets of the query as they were sent. What is read is therefore cut out of the raw query and
//! verified before anything is decoded; nothing is ever encoded again, so every spelling of `%xx` verifies.

use std::io::{Read as _, Write as _};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use flate2::{Compression, read::DeflateDecoder, write::DeflateEncoder};
use openssl::{
    bn::BigNum,
    ecdsa::EcdsaSig,
    hash::MessageDigest,
    pkey::{Id, PKey, Public},
    sign::{Signer, Verifier},
    x509::X509,
};
use url::{Url, form_urlencoded};

use super::{
    super::Error,
    credentials::Credential,
    names::{ECDSA_SHA256, ECDSA_SHA384, ECDSA_SHA512, RSA_SHA1, RSA_SHA256, RSA_SHA384, RSA_SHA512},
};
use crate::policy::cause::Cause;

/// Longest query that is looked at, in bytes.
const MAX_QUERY: usize = 64 * 1024;
/// Largest message after inflation, in bytes. Deflate grows a thousandfold, so the limit is on what comes out (gosaml2
/// CVE-2023-26483).
const MAX_MESSAGE: u64 = 512 * 1024;
/// Longest `RelayState`, in bytes. The specification allows 80; some send more.
pub(super) const MAX_RELAY_STATE: usize = 1024;

/// Whether a message asks or answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `SAMLRequest`.
    Request,
    /// `SAMLResponse`.
    Response,
}

impl Kind {
    /// The parameter or form field that carries it.
    #[must_use]
    pub fn parameter(self) -> &'static str {
        match self {
            Self::Request => "SAMLRequest",
            Self::Response => "SAMLResponse",
        }
    }
}

/// A message whose signature was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// Whether it asks or answers.
    pub kind: Kind,
    /// The message; not yet parsed.
    pub xml: String,
    /// What the answer must carry back; opaque, and never an address.
    pub relay_state: Option<String>,
}

/// The address that carries `xml` to `location`, signed if there is a `credential` (RSA-SHA256). A query that the location
/// already has stays in front.
///
/// # Errors
/// [`Error::Misconfigured`] when the location is no HTTP address or the key does not sign.
pub fn encode(
    location: &str,
    kind: Kind,
    xml: &str,
    relay_state: Option<&str>,
    credential: Option<&Credential>,
) -> Result<Url, Error> {
    let wrong = |cause: String| {
        Error::Misconfigured(Cause::Endpoint.with(format!("the provider's address {location:?} cannot be used: {cause}")))
    };
    let mut url = Url::parse(location).map_err(|e| wrong(e.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(wrong("it is neither http nor https".to_owned()));
    }
    let deflated = deflate(xml).map_err(|e| own(format!("the message cannot be deflated: {e}")))?;
    let mut query = format!("{}={}", kind.parameter(), percent(&STANDARD.encode(deflated)));
    if let Some(state) = relay_state {
        query.extend(["&RelayState=", &percent(state)]);
    }
    if let Some(credential) = credential {
        query.extend(["&SigAlg=", &percent(RSA_SHA256)]);
        let signature = sign(&query, credential);
        let signature = signature.map_err(|e| own(format!("our SAML signing key does not sign: {e}")))?;
        query.extend(["&Signature=", &percent(&STANDARD.encode(signature))]);
    }
    let before = url.query().filter(|q| !q.is_empty()).map(|q| format!("{q}&")).unwrap_or_default();
    url.set_query(Some(&format!("{before}{query}")));
    url.set_fragment(None);
    Ok(url)
}

/// The message in a raw query, if one of `certificates` (DER) signed it. Parameters that the binding does not know are
/// ignored: no signature covers them.
///
/// # Errors
/// [`Error::Untrusted`] with the reason.
pub fn decode(raw_query: &str, certificates: &[Vec<u8>], allow_sha1: bool) -> Result<Decoded, Error> {
    let judged = judge(raw_query, certificates, allow_sha1);
    judged.map_err(|cause| Error::Untrusted(Cause::SamlForm.with(format!("the redirect's query: {cause}"))))
}

fn own(why: String) -> Error {
    Error::Misconfigured(Cause::OwnFault.with(why))
}

fn judge(raw_query: &str, certificates: &[Vec<u8>], allow_sha1: bool) -> Result<Decoded, String> {
    if raw_query.len() > MAX_QUERY {
        return Err(format!("it is longer than {MAX_QUERY} bytes"));
    }
    let part = |name| only(raw_query, name);
    let (kind, message) = match (part("SAMLRequest")?, part("SAMLResponse")?) {
        (Some(request), None) => (Kind::Request, request),
        (None, Some(response)) => (Kind::Response, response),
        (None, None) => return Err("it has neither SAMLRequest nor SAMLResponse".to_owned()),
        (Some(_), Some(_)) => return Err("it has both SAMLRequest and SAMLResponse".to_owned()),
    };
    let relay_state = part("RelayState")?;
    let algorithm = part("SigAlg")?.ok_or("SigAlg is missing: the message is not signed")?;
    let signature = part("Signature")?.ok_or("Signature is missing: the message is not signed")?;
    if let Some(encoding) = part("SAMLEncoding")?
        && value(encoding) != "urn:oasis:names:tc:SAML:2.0:bindings:URL-Encoding:DEFLATE"
    {
        return Err("its SAMLEncoding is unknown".to_owned());
    }

    // Bindings §3.4.4.1: in this order, whatever the order in the query.
    let signed: Vec<&str> = [Some(message), relay_state, Some(algorithm)].into_iter().flatten().collect();
    let scheme = Scheme::named(&value(algorithm), allow_sha1)?;
    let signature = base64(signature).ok_or("Signature is no base64")?;
    verify(signed.join("&").as_bytes(), &signature, &scheme, certificates)?;

    let relay_state = relay_state.map(value);
    if relay_state.as_ref().is_some_and(|state| state.len() > MAX_RELAY_STATE || state.contains('\u{fffd}')) {
        return Err(format!("RelayState is longer than {MAX_RELAY_STATE} bytes or no UTF-8"));
    }
    let deflated = base64(message).ok_or_else(|| format!("{} is no base64", kind.parameter()))?;
    Ok(Decoded { kind, xml: inflate(&deflated)?, relay_state })
}

/// The parameter `name` as it stands, with its name; an error when there are two. Names are compared as sent: one that
/// is spelt with `%xx` is another parameter.
fn only<'q>(raw_query: &'q str, name: &str) -> Result<Option<&'q str>, String> {
    let mut found = raw_query.split('&').filter(|part| part.split('=').next() == Some(name));
    match (found.next(), found.next()) {
        (one, None) => Ok(one),
        _ => Err(format!("it has {name} twice")),
    }
}

/// The decoded value of a parameter.
fn value(parameter: &str) -> String {
    form_urlencoded::parse(parameter.as_bytes()).next().map(|(_, value)| value.into_owned()).unwrap_or_default()
}

/// The bytes of a parameter in base64. A `+` that was sent bare is meant as one; line breaks are left out (RFC 2045).
fn base64(parameter: &str) -> Option<Vec<u8>> {
    let text: String = value(parameter).chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
    STANDARD.decode(text.replace(' ', "+")).ok()
}

/// Everything but unreserved characters as `%XX`. A space is `%20`, which every reader takes.
fn percent(value: &str) -> String {
    form_urlencoded::byte_serialize(value.as_bytes()).collect::<String>().replace('+', "%20")
}

fn deflate(xml: &str) -> std::io::Result<Vec<u8>> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(xml.as_bytes())?;
    encoder.finish()
}

fn inflate(deflated: &[u8]) -> Result<String, String> {
    let mut xml = Vec::new();
    let read = DeflateDecoder::new(deflated).take(MAX_MESSAGE + 1).read_to_end(&mut xml);
    let length = read.map_err(|e| format!("the message cannot be inflated: {e}"))?;
    if u64::try_from(length).is_ok_and(|length| length > MAX_MESSAGE) {
        return Err(format!("the message is larger than {MAX_MESSAGE} bytes when inflated"));
    }
    String::from_utf8(xml).map_err(|_| "the message is not UTF-8".to_owned())
}

fn sign(octets: &str, credential: &Credential) -> Result<Vec<u8>, openssl::error::ErrorStack> {
    Signer::new(MessageDigest::sha256(), &credential.key)?.sign_oneshot_to_vec(octets.as_bytes())
}

/// A signature algorithm: the kind of key and the digest.
struct Scheme {
    key: Id,
    digest: MessageDigest,
}

impl Scheme {
    fn named(uri: &str, allow_sha1: bool) -> Result<Self, String> {
        let (key, digest) = match uri {
            RSA_SHA256 => (Id::RSA, MessageDigest::sha256()),
            RSA_SHA384 => (Id::RSA, MessageDigest::sha384()),
            RSA_SHA512 => (Id::RSA, MessageDigest::sha512()),
            ECDSA_SHA256 => (Id::EC, MessageDigest::sha256()),
            ECDSA_SHA384 => (Id::EC, MessageDigest::sha384()),
            ECDSA_SHA512 => (Id::EC, MessageDigest::sha512()),
            RSA_SHA1 if allow_sha1 => (Id::RSA, MessageDigest::sha1()),
            RSA_SHA1 => {
                return Err("it is signed over SHA-1: set the provider to SHA-256 (saml.allow_sha1 accepts it)".to_owned());
            }
            other => return Err(format!("its SigAlg {:?} is not accepted", other.chars().take(100).collect::<String>())),
        };
        Ok(Self { key, digest })
    }
}

fn verify(octets: &[u8], signature: &[u8], scheme: &Scheme, certificates: &[Vec<u8>]) -> Result<(), String> {
    let verifies = |certificate: &Vec<u8>| {
        let key = X509::from_der(certificate).and_then(|certificate| certificate.public_key()).ok()?;
        (key.id() == scheme.key && verifies(octets, signature, scheme, &key).ok()?).then_some(())
    };
    match certificates.iter().find_map(verifies) {
        Some(()) => Ok(()),
        None => Err(format!("its signature fits none of the provider's {} certificates", certificates.len())),
    }
}

fn verifies(octets: &[u8], signature: &[u8], scheme: &Scheme, key: &PKey<Public>) -> Result<bool, openssl::error::ErrorStack> {
    let mut verifier = Verifier::new(scheme.digest, key)?;
    if scheme.key != Id::EC {
        return verifier.verify_oneshot(signature, octets);
    }
    // XML signatures join r and s, each as long as the curve's order (RFC 4051 §2.3.6); some send ASN.1 instead.
    let half = usize::try_from(key.bits()).unwrap_or_default().div_ceil(8);
    if signature.len() == 2 * half {
        let (r, s) = signature.split_at(half);
        let joined = EcdsaSig::from_private_components(BigNum::from_slice(r)?, BigNum::from_slice(s)?)?;
        return verifier.verify_oneshot(&joined.to_der()?, octets);
    }
    verifier.verify_oneshot(signature, octets)
}

#[cfg(test)]
#[path = "redirect_tests.rs"]
mod tests;
