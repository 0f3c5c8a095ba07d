//! From what the browser brought to an assertion that can be believed. Whatever is returned was read from bytes that a
//! signature of the provider covers.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{
    certificate,
    conditions::{self, Expected, Facts},
    credentials::Credential,
    encryption,
    names::{DS, SAML},
    scan::{Limits, scan},
    shape,
    signature::{self, SignatureError},
    xml::{self, Element},
};
use crate::{
    connector::Error,
    policy::cause::{Cause, Fault},
};

/// Most characters of base64: the largest message, with line breaks.
const MAX_ENCODED: usize = Limits::MESSAGE.size * 3 / 2;

/// By what an answer is believed.
#[derive(Clone, Copy)]
pub struct Trust<'a> {
    /// The provider's signing certificates (DER); any of them may have signed.
    pub certificates: &'a [Vec<u8>],
    /// Whether signatures over SHA-1 count.
    pub allow_sha1: bool,
    /// Whether the assertion must come encrypted.
    pub want_encrypted: bool,
    /// Our keys that it may be encrypted to.
    pub decryption: &'a [Arc<Credential>],
}

/// An assertion of the provider, for us, now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Its id, unique at the provider.
    pub id: String,
    /// What its conditions tell.
    pub facts: Facts,
    /// Itself.
    pub assertion: Element,
}

/// Judges a response in base64. It blocks (RSA, libxml2) for a millisecond or so.
///
/// # Errors
/// [`Error::Refused`] when the provider refused, else [`Error::Untrusted`] with the first rule that is broken.
pub fn judge(encoded: &str, trust: &Trust<'_>, expected: &Expected<'_>) -> Result<Verified, Error> {
    judge_xml(&decoded(encoded)?, trust, expected)
}

/// The same for a response that is decoded.
///
/// # Errors
/// As [`judge`].
pub fn judge_xml(xml: &str, trust: &Trust<'_>, expected: &Expected<'_>) -> Result<Verified, Error> {
    let root = xml::parse(xml).map_err(untrusted)?;
    shape::is_response(&root).map_err(untrusted)?;
    conditions::status(&root)?;
    shape::ids(&root).map_err(untrusted)?;
    shape::no_look_alikes(&root).map_err(untrusted)?;
    let found = shape::only_assertion(&root).map_err(untrusted)?;
    let assertion = match found.is(SAML, "EncryptedAssertion") {
        true => decrypted(xml, &root, found, trust, expected)?,
        false => plain(xml, &root, trust, expected)?,
    };
    let facts = conditions::assertion(&assertion, expected).map_err(named)?;
    let id = assertion.attribute("ID").ok_or_else(|| untrusted("the assertion has no ID"))?.to_owned();
    Ok(Verified { id, facts, assertion })
}

/// A message that is not as it must be.
pub(super) fn untrusted(cause: impl ToString) -> Error {
    named(Cause::SamlForm.with(cause.to_string()))
}

/// Causes quote the message, which anyone may have written at any length.
pub(super) fn named(mut fault: Fault) -> Error {
    const MOST: usize = 1000;
    if fault.detail.len() > MOST {
        fault.detail.truncate(fault.detail.floor_char_boundary(MOST));
        fault.detail.push('…');
    }
    Error::Untrusted(fault)
}

/// The text of a message in base64, which providers break into lines.
///
/// # Errors
/// [`Error::Untrusted`] when it is none, or too large.
pub fn decoded(encoded: &str) -> Result<String, Error> {
    if encoded.len() > MAX_ENCODED {
        return Err(untrusted(format!("the message has {} characters; at most {MAX_ENCODED} are read", encoded.len())));
    }
    let dense: String = encoded.split_ascii_whitespace().collect();
    let bytes = STANDARD.decode(dense).map_err(|_| untrusted("the message is not base64"))?;
    String::from_utf8(bytes).map_err(|_| untrusted("the message is not in UTF-8"))
}

/// What the signatures in `xml` cover.
fn verified(xml: &str, root: &Element, trust: &Trust<'_>, now: i64) -> Result<Element, Error> {
    let body = scan(xml, Limits::MESSAGE).map_err(untrusted)?;
    let verified = signature::verify(body, root, trust.certificates, trust.allow_sha1);
    let (_, signed) = verified.map_err(|e| {
        let cause = match e {
            SignatureError::Xml(_) => Cause::SamlForm,
            SignatureError::Form(_) => Cause::SignatureForm,
            SignatureError::Sha1(_) => Cause::Sha1,
            SignatureError::Algorithm(_) => Cause::Algorithm,
            SignatureError::Invalid => return named(invalid(root, trust, now, &e)),
            SignatureError::Unsigned => {
                let unsigned = "neither the response nor its assertion is signed; let the provider sign at least one of them";
                return named(Cause::NotSigned.with(unsigned));
            }
        };
        named(cause.with(format!("the {} is not to be believed: {e}", root.name)))
    })?;
    Ok(signed)
}

/// A signature by none of the provider's certificates. Where all of them are past their end, the provider has a new one:
/// their dates are not held against a signature, which is why that is found out only now.
fn invalid(root: &Element, trust: &Trust<'_>, now: i64, e: &SignatureError) -> Fault {
    let ends: Option<Vec<i64>> = trust.certificates.iter().map(|der| certificate::ends_at(der)).collect();
    let last = ends.and_then(|ends| ends.into_iter().max()).filter(|end| *end <= now);
    let said = format!("the {} is not to be believed: {e}", root.name);
    match last {
        Some(end) => Cause::CertificateExpired.with(format!(
            "{said}; the last certificate known of the provider expired {} days ago, so it signs with a newer one",
            (now - end) / 86_400
        )),
        None => Cause::Signature.with(said),
    }
}

fn is_signed(element: &Element) -> bool {
    element.all(DS, "Signature").next().is_some()
}

/// A signed response, from the bytes that are signed.
fn signed_response(xml: &str, root: &Element, trust: &Trust<'_>, expected: &Expected<'_>) -> Result<Element, Error> {
    let response = verified(xml, root, trust, expected.now)?;
    shape::is_response(&response).map_err(untrusted)?;
    conditions::status(&response)?;
    conditions::response(&response, true, expected).map_err(named)?;
    Ok(response)
}

fn plain(xml: &str, root: &Element, trust: &Trust<'_>, expected: &Expected<'_>) -> Result<Element, Error> {
    encrypted_if_wanted(trust)?;
    let assertion = if is_signed(root) {
        let response = signed_response(xml, root, trust, expected)?;
        shape::only_assertion(&response).map_err(untrusted)?.clone()
    } else {
        conditions::response(root, false, expected).map_err(named)?;
        verified(xml, root, trust, expected.now)?
    };
    shape::is_assertion(&assertion).map_err(untrusted)?;
    Ok(assertion)
}

fn encrypted_if_wanted(trust: &Trust<'_>) -> Result<(), Error> {
    match trust.want_encrypted {
        true => Err(named(Cause::NotEncrypted.with(
            "the assertion is not encrypted, but want_encrypted is set; let the provider encrypt to the certificate in our metadata",
        ))),
        false => Ok(()),
    }
}

/// Whoever knows our public key can encrypt an assertion to us, so encryption proves nothing: within a response that is
/// not signed, what comes out must be signed (S10).
fn decrypted(xml: &str, root: &Element, found: &Element, trust: &Trust<'_>, expected: &Expected<'_>) -> Result<Element, Error> {
    let signed = is_signed(root);
    let text = if signed {
        let response = signed_response(xml, root, trust, expected)?;
        let encrypted = shape::only_assertion(&response).map_err(untrusted)?;
        encryption::open(encrypted, trust.decryption, true)
    } else {
        shape::unsigned(root).map_err(untrusted)?;
        conditions::response(root, false, expected).map_err(named)?;
        encryption::open(found, trust.decryption, false)
    };
    let text = text.map_err(named)?;
    let inner = xml::parse(&text).map_err(|e| untrusted(format!("in the decrypted assertion, {e}")))?;
    shape::is_assertion(&inner).map_err(untrusted)?;
    shape::ids(&inner).map_err(untrusted)?;
    shape::no_look_alikes(&inner).map_err(untrusted)?;
    if signed && !is_signed(&inner) {
        shape::unsigned(&inner).map_err(untrusted)?;
        return Ok(inner);
    }
    let assertion = verified(&text, &inner, trust, expected.now)?;
    shape::is_assertion(&assertion).map_err(untrusted)?;
    Ok(assertion)
}

#[cfg(test)]
#[path = "response_tests.rs"]
mod tests;
