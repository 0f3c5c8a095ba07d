//! What may stand where, judged before anything is believed: wrapping attacks (XSW) live from elements that one reader
//! finds and another does not, so every element and id that could be meant has exactly one possible place.

use std::collections::HashSet;

use super::{
    names::{DS, DS11, MD, SAML, SAMLP, XENC, XENC11},
    xml::{Attribute, Element},
};

/// The ids of a document: each where its standard wants it, all different.
///
/// # Errors
/// For ids with a prefix or another spelling (`xml:id`, `samlp:ID`, `Id` on a SAML element), ids that are no names, and
/// ids that occur twice.
pub fn ids(root: &Element) -> Result<(), String> {
    let mut seen = HashSet::new();
    for element in root.descendants() {
        let mut own = element.attributes.iter().filter(|a| a.name.eq_ignore_ascii_case("id"));
        let Some(id) = own.next() else { continue };
        if own.next().is_some() {
            return Err(format!("{} has two ids", element.name));
        }
        id_in_place(element, id)?;
        id_is_name(&id.value)?;
        if !seen.insert(id.value.as_str()) {
            return Err(format!("the id {:?} occurs twice", id.value));
        }
    }
    Ok(())
}

fn id_in_place(element: &Element, id: &Attribute) -> Result<(), String> {
    let spelling = match element.namespace.as_str() {
        SAML | SAMLP | MD => Some("ID"),
        DS | DS11 | XENC | XENC11 => Some("Id"),
        _ => None,
    };
    if id.namespace.is_empty() && spelling.is_none_or(|s| s == id.name) {
        return Ok(());
    }
    Err(format!("{} has an id attribute {:?} that is not the one of its standard", element.name, id.name))
}

/// An NCName, of the characters that providers use.
fn id_is_name(id: &str) -> Result<(), String> {
    let begins = id.chars().next().is_some_and(|c| c.is_alphabetic() || c == '_');
    if begins && id.len() <= 256 && id.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.')) {
        return Ok(());
    }
    Err(format!("the id {id:?} is no XML name"))
}

/// Elements of other namespaces that are named like those that everything hangs on: some reader might take them for these.
///
/// # Errors
/// When there is one.
pub fn no_look_alikes(root: &Element) -> Result<(), String> {
    const NAMES: [(&str, &str); 8] = [
        ("Response", SAMLP),
        ("Assertion", SAML),
        ("EncryptedAssertion", SAML),
        ("NameID", SAML),
        ("Signature", DS),
        ("SignedInfo", DS),
        ("EncryptedData", XENC),
        ("EncryptedKey", XENC),
    ];
    let alike = |e: &&&Element| NAMES.iter().any(|(name, namespace)| e.name == *name && e.namespace != *namespace);
    match root.descendants().iter().find(alike) {
        Some(found) => Err(format!("{} is of the namespace {:?}, where it means nothing", found.name, found.namespace)),
        None => Ok(()),
    }
}

/// The one assertion of a response, plain or encrypted.
///
/// # Errors
/// When there is none, more than one, or one anywhere else than directly in the response (S1, S2).
pub fn only_assertion(response: &Element) -> Result<&Element, String> {
    let one = |e: &Element| e.is(SAML, "Assertion") || e.is(SAML, "EncryptedAssertion");
    let all = response.descendants().into_iter().filter(|e| one(e)).count();
    match (response.elements().find(|e| one(e)), all) {
        (Some(assertion), 1) => Ok(assertion),
        (_, 0) => Err("the response has no assertion".to_owned()),
        (_, 1) => Err("the assertion does not stand directly in the response".to_owned()),
        (_, many) => Err(format!("the response has {many} assertions; exactly one is accepted")),
    }
}

/// Whether this is a response, with no other inside.
///
/// # Errors
/// When it is something else.
pub fn is_response(root: &Element) -> Result<(), String> {
    if !root.is(SAMLP, "Response") {
        return Err(format!("SAMLResponse holds a {:?}, not a response of SAML 2.0", root.name));
    }
    match root.descendants().iter().filter(|e| e.is(SAMLP, "Response")).count() {
        1 => Ok(()),
        _ => Err("the response holds another one".to_owned()),
    }
}

/// Whether this is an assertion, with no other inside.
///
/// # Errors
/// When it is something else.
pub fn is_assertion(root: &Element) -> Result<(), String> {
    let inner = root.descendants().into_iter().filter(|e| e.is(SAML, "Assertion") || e.is(SAML, "EncryptedAssertion"));
    match root.is(SAML, "Assertion") && inner.count() == 1 {
        true => Ok(()),
        false => Err(format!("{:?} stands where exactly one assertion must be", root.name)),
    }
}

/// The signatures of a document and the elements that each must sign: the root, or the assertion within a response.
///
/// # Errors
/// When a signature stands anywhere else, or an element has two.
pub fn signatures(root: &Element) -> Result<Vec<(&Element, &Element)>, String> {
    let mut found = Vec::new();
    let assertions = root.all(SAML, "Assertion").filter(|_| root.is(SAMLP, "Response"));
    for parent in std::iter::once(root).chain(assertions) {
        let signature = parent.only(DS, "Signature").map_err(|e| e.to_string())?;
        found.extend(signature.map(|signature| (parent, signature)));
    }
    if root.descendants().iter().filter(|e| e.name == "Signature").count() != found.len() {
        return Err("a signature stands where none may be: only a message and its assertion are signed".to_owned());
    }
    Ok(found)
}

/// Nothing in here is signed, not even further inside.
///
/// # Errors
/// When something is.
pub fn unsigned(root: &Element) -> Result<(), String> {
    match signatures(root)?.is_empty() {
        true => Ok(()),
        false => Err("there is a signature that nobody has verified".to_owned()),
    }
}
