//! Signatures within a document (XML Signature): first our own rules of form, then samael (xmlsec) verifies, and what
//! comes back are the very bytes that were hashed. Whoever reads anything reads it from those.

use std::{ffi::c_int, sync::Once};

use samael::crypto::{AllowedSignatureAlgorithm, CertificateDer, Crypto, CryptoProvider, ReduceMode};

use super::{
    names::{
        DS, ECDSA_SHA256, ECDSA_SHA384, ECDSA_SHA512, ENVELOPED, EXCLUSIVE, RSA_SHA1, RSA_SHA256, RSA_SHA384, RSA_SHA512, SHA1,
        SHA256, SHA384, SHA512,
    },
    scan::{Limits, scan},
    shape,
    xml::{self, Element, Node, XmlError},
};

/// The algorithms that samael may meet. Its list knows no SHA-1: where that is allowed, our own rules alone decide.
const ALLOWED: [AllowedSignatureAlgorithm; 6] = [
    AllowedSignatureAlgorithm::RsaSha256,
    AllowedSignatureAlgorithm::RsaSha384,
    AllowedSignatureAlgorithm::RsaSha512,
    AllowedSignatureAlgorithm::EcdsaSha256,
    AllowedSignatureAlgorithm::EcdsaSha384,
    AllowedSignatureAlgorithm::EcdsaSha512,
];

/// Most prefixes that a canonicalisation may name.
const MAX_PREFIXES: usize = 16;

/// Why a signature does not count.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// The document cannot be read.
    #[error("{0}")]
    Xml(#[from] XmlError),
    /// Nothing is signed.
    #[error("it is not signed")]
    Unsigned,
    /// The signature has a form that is not accepted.
    #[error("its signature is not accepted: {0}")]
    Form(String),
    /// It uses SHA-1, which the connection does not allow.
    #[error("its signature is not accepted: {0}")]
    Sha1(String),
    /// It uses an algorithm that nobody allows.
    #[error("its signature is not accepted: {0}")]
    Algorithm(String),
    /// Verification failed.
    #[error("its signature is not by any of the provider's certificates, or the content was changed after it was signed")]
    Invalid,
}

impl From<String> for SignatureError {
    fn from(form: String) -> Self {
        Self::Form(form)
    }
}

/// The signed bytes of a message: its root element, or (of a response) the assertion, in canonical form and without the
/// signature. `certificates` are DER; any of them may have signed, whatever the message itself says about keys.
///
/// Every signature in the document must be good. It blocks.
///
/// # Errors
/// When nothing is signed, a signature is bad or of a form that is not accepted.
pub fn verified(xml: &str, certificates: &[Vec<u8>], allow_sha1: bool) -> Result<String, SignatureError> {
    let root = xml::parse(xml)?;
    let body = scan(xml, Limits::MESSAGE)?;
    verify(body, &root, certificates, allow_sha1).map(|(bytes, _)| bytes)
}

/// The same for a published document, which may be larger and have comments.
///
/// # Errors
/// As [`verified`].
pub fn verified_published(xml: &str, certificates: &[Vec<u8>], allow_sha1: bool) -> Result<String, SignatureError> {
    let root = xml::parse_published(xml)?;
    let body = scan(xml, Limits::PUBLISHED)?;
    verify(body, &root, certificates, allow_sha1).map(|(bytes, _)| bytes)
}

/// The signed bytes, and what they say. `root` must be what `xml` says.
pub(super) fn verify(
    xml: &str,
    root: &Element,
    certificates: &[Vec<u8>],
    allow_sha1: bool,
) -> Result<(String, Element), SignatureError> {
    shape::ids(root).map_err(SignatureError::Form)?;
    grows_little(root).map_err(SignatureError::Form)?;
    let signatures = shape::signatures(root).map_err(SignatureError::Form)?;
    let mut methods = Vec::new();
    for (parent, signature) in &signatures {
        methods.push(form(parent, signature, allow_sha1)?);
    }
    let (Some((signed, _)), false) = (signatures.first(), methods.is_empty()) else { return Err(SignatureError::Unsigned) };
    let certificates = usable(certificates, &methods);
    if certificates.is_empty() {
        return Err(SignatureError::Invalid);
    }
    let sha1 = methods.iter().any(|m| m.signature == RSA_SHA1 || m.digest == SHA1);
    let allowed = (!sha1).then_some(&ALLOWED[..]);
    quiet();
    let bytes = Crypto::reduce_xml_to_signed_with_allowed_algorithms(xml, &certificates, ReduceMode::PreDigest, allowed)
        .map_err(|_| SignatureError::Invalid)?;
    let hashed = xml::parse_signed(&bytes)?;
    same_element(signed, &hashed)?;
    Ok((bytes, hashed))
}

/// What was hashed must be the element that the signature stands in.
fn same_element(signed: &Element, hashed: &Element) -> Result<(), SignatureError> {
    if hashed.is(&signed.namespace, &signed.name) && hashed.attribute("ID") == signed.attribute("ID") {
        return Ok(());
    }
    Err(SignatureError::Form("it signs another element than the one it stands in".to_owned()))
}

/// The algorithms of one signature.
struct Methods<'a> {
    signature: &'a str,
    digest: &'a str,
}

/// The form of a signature: exactly one SignedInfo with one reference, to the element it stands in.
fn form<'a>(parent: &Element, signature: &'a Element, allow_sha1: bool) -> Result<Methods<'a>, SignatureError> {
    let (info, value) = match inside(signature)?[..] {
        [info, value] => (info, value),
        [info, value, key] if key.is(DS, "KeyInfo") => (info, value),
        _ => return Err("Signature must hold SignedInfo, SignatureValue and at most a KeyInfo".to_owned().into()),
    };
    let ([canonical, method, reference], true, true) =
        (&inside(info)?[..], info.is(DS, "SignedInfo"), value.is(DS, "SignatureValue"))
    else {
        return Err("SignedInfo must hold one method of canonicalisation, one of signature and one Reference".to_owned().into());
    };
    value.text().map_err(|e| e.to_string())?;
    canonicalization(canonical, "CanonicalizationMethod")?;
    let signature = signature_method(method, allow_sha1)?;
    reference_to_parent(reference, parent)?;
    let [transforms, digest, value] = inside(reference)?[..] else {
        return Err("Reference must hold Transforms, DigestMethod and DigestValue".to_owned().into());
    };
    transformed(transforms)?;
    let digest = digest_method(digest, allow_sha1)?;
    if !value.is(DS, "DigestValue") {
        return Err("Reference must hold Transforms, DigestMethod and DigestValue".to_owned().into());
    }
    value.text().map_err(|e| e.to_string())?;
    Ok(Methods { signature, digest })
}

/// The elements inside, between which nothing but space may be.
fn inside(element: &Element) -> Result<Vec<&Element>, String> {
    let stray = element.children.iter().any(|node| matches!(node, Node::Text(text) if !text.trim_ascii().is_empty()));
    if stray { Err(format!("{} holds text", element.name)) } else { Ok(element.elements().collect()) }
}

fn canonicalization(element: &Element, name: &str) -> Result<(), String> {
    if !element.is(DS, name) || element.attribute("Algorithm") != Some(EXCLUSIVE) {
        return Err(format!("{name} must be exclusive canonicalisation without comments ({EXCLUSIVE})"));
    }
    match inside(element)?[..] {
        [] => Ok(()),
        [prefixes] if prefixes.is(EXCLUSIVE, "InclusiveNamespaces") && prefixes.children.is_empty() => few_prefixes(prefixes),
        _ => Err(format!("{name} may hold nothing but InclusiveNamespaces")),
    }
}

/// Each of them is looked up at each element, from it up to the root, before any signature is verified.
fn few_prefixes(prefixes: &Element) -> Result<(), String> {
    let list = prefixes.attribute("PrefixList").unwrap_or_default();
    match list.len() <= 512 && list.split_ascii_whitespace().count() <= MAX_PREFIXES {
        true => Ok(()),
        false => Err(format!("InclusiveNamespaces names more than {MAX_PREFIXES} prefixes")),
    }
}

/// In canonical form a namespace is declared wherever it is used: what is hashed (and kept) could be a thousand times
/// what was sent, and all of it is made before any signature is verified.
fn grows_little(root: &Element) -> Result<(), String> {
    let used = |e: &Element| e.namespace.len() + e.attributes.iter().map(|a| a.namespace.len()).sum::<usize>();
    match root.descendants().iter().map(|e| used(e)).sum::<usize>() <= Limits::SIGNED.size {
        true => Ok(()),
        false => Err("its namespaces make it too large in canonical form".to_owned()),
    }
}

fn signature_method(element: &Element, allow_sha1: bool) -> Result<&str, SignatureError> {
    let algorithm = algorithm(element, "SignatureMethod")?;
    match algorithm {
        RSA_SHA256 | RSA_SHA384 | RSA_SHA512 | ECDSA_SHA256 | ECDSA_SHA384 | ECDSA_SHA512 => Ok(algorithm),
        RSA_SHA1 if allow_sha1 => Ok(algorithm),
        RSA_SHA1 => Err(sha1()),
        other => Err(SignatureError::Algorithm(format!(
            "the signature algorithm {other:?} is not accepted; let the provider sign with RSA-SHA256"
        ))),
    }
}

fn digest_method(element: &Element, allow_sha1: bool) -> Result<&str, SignatureError> {
    let algorithm = algorithm(element, "DigestMethod")?;
    match algorithm {
        SHA256 | SHA384 | SHA512 => Ok(algorithm),
        SHA1 if allow_sha1 => Ok(algorithm),
        SHA1 => Err(sha1()),
        other => Err(SignatureError::Algorithm(format!(
            "the digest algorithm {other:?} is not accepted; let the provider use SHA-256"
        ))),
    }
}

fn sha1() -> SignatureError {
    let weak = "it uses SHA-1; let the provider sign with RSA-SHA256 and digest with SHA-256 (or, if it cannot, set allow_sha1)";
    SignatureError::Sha1(weak.to_owned())
}

/// The algorithm of a method that has no parameters: an HMACOutputLength would truncate.
fn algorithm<'a>(element: &'a Element, name: &str) -> Result<&'a str, String> {
    let algorithm = element.attribute("Algorithm").filter(|_| element.is(DS, name) && element.elements().next().is_none());
    algorithm.ok_or_else(|| format!("{name} must name an algorithm and hold nothing"))
}

/// Never empty (the whole document), relative or to elsewhere.
fn reference_to_parent(reference: &Element, parent: &Element) -> Result<(), String> {
    let id = parent.attribute("ID").filter(|id| !id.is_empty()).ok_or_else(|| format!("{} has no ID", parent.name))?;
    let uri = reference.attribute("URI").filter(|_| reference.is(DS, "Reference"));
    if uri.and_then(|uri| uri.strip_prefix('#')) == Some(id) {
        return Ok(());
    }
    Err(format!("its reference must be to {:?}, the element that it stands in", format!("#{id}")))
}

fn transformed(transforms: &Element) -> Result<(), String> {
    let ([enveloped, canonical], true) = (&inside(transforms)?[..], transforms.is(DS, "Transforms")) else {
        return Err("its transforms must be enveloped-signature and exclusive canonicalisation".to_owned());
    };
    if !enveloped.is(DS, "Transform") || enveloped.attribute("Algorithm") != Some(ENVELOPED) || !enveloped.children.is_empty() {
        return Err(format!("the first transform must be {ENVELOPED}"));
    }
    canonicalization(canonical, "Transform")
}

/// How a certificate names the kind of its key (`rsaEncryption`, `id-ecPublicKey`); neither stands anywhere else in it.
const RSA_KEY: &[u8] = &[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const EC_KEY: &[u8] = &[0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];

/// The certificates whose keys fit the signatures: xmlsec gives up at the first key of another kind. Certificates were
/// read whole when the connection was opened; to decode one again only to see its kind takes as long as to verify with it.
fn usable(certificates: &[Vec<u8>], methods: &[Methods<'_>]) -> Vec<CertificateDer> {
    let wanted = |m: &Methods<'_>| if m.signature.contains("ecdsa") { EC_KEY } else { RSA_KEY };
    let has = |der: &[u8], oid: &[u8]| der.windows(oid.len()).any(|part| part == oid);
    let fits = |der: &&Vec<u8>| methods.iter().any(|m| has(der, wanted(m)));
    certificates.iter().filter(fits).map(|der| CertificateDer::from(der.clone())).collect()
}

/// xmlsec reports each bad signature to standard error, where no log expects it.
pub(super) fn quiet() {
    static ONCE: Once = Once::new();
    // One call of a function that sets a flag; the library offers no other way, and no crate wraps it.
    #[allow(unsafe_code)]
    ONCE.call_once(|| {
        unsafe extern "C" {
            fn xmlSecErrorsDefaultCallbackEnableOutput(enabled: c_int);
        }
        unsafe { xmlSecErrorsDefaultCallbackEnableOutput(0) }
    });
}

#[cfg(test)]
#[path = "signature_tests.rs"]
mod tests;
