//! From a verified assertion to what we know about a person. Pure.
//!
//! A name of the settings is looked for among the attributes' Names, exactly and then whatever its case, and at last among
//! their FriendlyNames, which are for people and may be ambiguous; `NameID` means the subject's name itself.

use serde_json::{Value, json};

use super::{
    names::{SAML, TRANSIENT},
    xml::Element,
};
use crate::{
    connector::{
        ProviderSession,
        clean::clean_name,
        groups::{Groups, split},
        presets::NAME_ID,
    },
    policy::{
        cause::{Cause, Fault},
        connection::ConnectionSettings,
    },
};

/// What Entra sends in place of groups that are too many; the address it holds is never called.
const GROUPS_LINK: &str = "http://schemas.microsoft.com/claims/groups.link";
/// The type of an attribute value that is none (XML Schema §2.6.2).
const INSTANCE: &str = "http://www.w3.org/2001/XMLSchema-instance";

/// What an assertion says about a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Person {
    pub subject: String,
    pub email: Option<String>,
    pub name: Option<String>,
    pub groups: Groups,
}

/// How the provider names the subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NameId {
    value: String,
    format: Option<String>,
    name_qualifier: Option<String>,
    sp_name_qualifier: Option<String>,
}

struct Attribute {
    name: String,
    friendly_name: Option<String>,
    values: Vec<String>,
}

/// The subject's name; an assertion may do without one.
///
/// # Errors
/// When there are two, or it is encrypted.
pub(super) fn name_id(assertion: &Element) -> Result<Option<NameId>, Fault> {
    let Some(subject) = assertion.only(SAML, "Subject")? else { return Ok(None) };
    if subject.all(SAML, "EncryptedID").next().is_some() {
        let alone = "the NameID is encrypted by itself; let the provider encrypt the whole assertion instead";
        return Err(Cause::EncryptionAlgorithm.with(alone));
    }
    let Some(name_id) = subject.only(SAML, "NameID")? else { return Ok(None) };
    let said = |name: &str| name_id.attribute(name).filter(|value| !value.is_empty()).map(str::to_owned);
    let value = name_id.text()?;
    let named = NameId {
        value,
        format: said("Format"),
        name_qualifier: said("NameQualifier"),
        sp_name_qualifier: said("SPNameQualifier"),
    };
    Ok(Some(named).filter(|named| !named.value.is_empty()))
}

impl NameId {
    /// The provider's session, to be ended by either side.
    pub(super) fn session(self, index: Option<String>) -> ProviderSession {
        let detail = json!({
            "format": self.format,
            "name_qualifier": self.name_qualifier,
            "sp_name_qualifier": self.sp_name_qualifier,
        });
        ProviderSession { subject: self.value, index, detail }
    }
}

/// Reads a person.
///
/// # Errors
/// When there is no usable unique id.
pub(super) fn read(settings: &ConnectionSettings, assertion: &Element, name_id: Option<&NameId>) -> Result<Person, Fault> {
    let sent = Sent { attributes: attributes(assertion), name_id };
    let subject = unique_id(settings, &sent)?;
    let address = |value: &String| value.contains('@');
    let email = settings.email_claims().iter().find_map(|name| sent.values(name)?.into_iter().find(address));
    Ok(Person { subject, email, name: full_name(settings, &sent), groups: groups(settings, &sent) })
}

/// What an assertion says, as it was sent: the subject's name first, then each attribute.
pub(super) fn said(assertion: &Element, name_id: Option<&NameId>) -> Vec<(String, Value)> {
    let named = name_id.map(|id| (NAME_ID.to_owned(), json!({"value": id.value, "format": id.format})));
    let sent = attributes(assertion).into_iter().map(|a| {
        let values = match a.friendly_name {
            Some(friendly) => json!({"friendly_name": friendly, "values": a.values}),
            None => json!(a.values),
        };
        (a.name, values)
    });
    named.into_iter().chain(sent).collect()
}

/// What the assertion says, by name.
struct Sent<'a> {
    attributes: Vec<Attribute>,
    name_id: Option<&'a NameId>,
}

impl Sent<'_> {
    /// The values under that name; `None` when nothing is named so.
    fn values(&self, name: &str) -> Option<Vec<String>> {
        let friendly = |a: &Attribute| a.friendly_name.as_deref().is_some_and(|f| f.eq_ignore_ascii_case(name));
        self.named(name).or_else(|| self.single(friendly).map(|a| a.values.clone()))
    }

    /// The same without friendly names.
    fn named(&self, name: &str) -> Option<Vec<String>> {
        if name == NAME_ID {
            return self.name_id.map(|id| vec![id.value.clone()]);
        }
        let exact = self.attributes.iter().find(|a| a.name == name);
        let found = exact.or_else(|| self.single(|a| a.name.eq_ignore_ascii_case(name)));
        found.map(|a| a.values.clone())
    }

    fn single(&self, is: impl Fn(&Attribute) -> bool) -> Option<&Attribute> {
        let mut all = self.attributes.iter().filter(|a| is(a));
        all.next().filter(|_| all.next().is_none())
    }

    /// The first value that is not empty.
    fn first(&self, names: &[&str]) -> Option<String> {
        names.iter().find_map(|name| self.values(name)?.into_iter().find(|value| !value.is_empty()))
    }
}

/// All attributes of all statements; those of one name are one (Keycloak sends each value as an attribute of its own).
fn attributes(assertion: &Element) -> Vec<Attribute> {
    let mut found: Vec<Attribute> = Vec::new();
    let statements = assertion.all(SAML, "AttributeStatement");
    for attribute in statements.flat_map(|statement| statement.all(SAML, "Attribute")) {
        let Some(name) = attribute.attribute("Name").map(str::trim).filter(|name| !name.is_empty()) else { continue };
        let values = attribute.all(SAML, "AttributeValue").filter(|value| !is_nil(value)).map(value);
        match found.iter_mut().find(|known| known.name == name) {
            Some(known) => known.values.extend(values),
            None => found.push(Attribute {
                name: name.to_owned(),
                friendly_name: attribute.attribute("FriendlyName").map(str::to_owned),
                values: values.collect(),
            }),
        }
    }
    found
}

/// The whole text, that of elements inside too: eduPersonTargetedID holds a NameID, and a value is never cut at a tag.
fn value(value: &Element) -> String {
    value.full_text().trim().to_owned()
}

fn is_nil(value: &Element) -> bool {
    value.attributes.iter().any(|a| a.name == "nil" && a.namespace == INSTANCE && matches!(a.value.as_str(), "true" | "1"))
}

fn unique_id(settings: &ConnectionSettings, sent: &Sent<'_>) -> Result<String, Fault> {
    let names = settings.unique_id_claims();
    for name in &names {
        // Who someone is must not hang on a label for people: `FriendlyName="id"` could be anybody's nickname.
        let mut values = sent.named(name).unwrap_or_default();
        values.retain(|value| !value.is_empty());
        values.dedup();
        match &values[..] {
            [] => {}
            [id] => {
                if *name == NAME_ID {
                    not_transient(sent)?;
                }
                return usable(id, name);
            }
            _ => {
                let several = format!("the unique id {name:?} has several values; map unique_id_claim to one that has one");
                return Err(Cause::UniqueId.with(several));
            }
        }
    }
    Err(Cause::UniqueId.with(format!(
        "no unique id: neither of {} was sent; map unique_id_claim to an attribute that the provider sends, or to NameID",
        names.join(", ")
    )))
}

/// Such a name is another one at each sign-in: each would make a new user.
fn not_transient(sent: &Sent<'_>) -> Result<(), Fault> {
    match sent.name_id.is_some_and(|id| id.format.as_deref() == Some(TRANSIENT)) {
        true => Err(Cause::TransientNameId.with(
            "the NameID is transient, which names nobody for longer than one sign-in; let the provider send a persistent \
             one (name_id_format), or map unique_id_claim to an attribute",
        )),
        false => Ok(()),
    }
}

fn usable(id: &str, name: &str) -> Result<String, Fault> {
    match id.len() > 512 || id.contains(char::is_control) {
        true => {
            let unusable = format!("the unique id ({name}) is longer than 512 bytes or has control characters");
            Err(Cause::UniqueId.with(unusable))
        }
        false => Ok(id.to_owned()),
    }
}

fn full_name(settings: &ConnectionSettings, sent: &Sent<'_>) -> Option<String> {
    let named = |text: &str| Some(clean_name(text)).filter(|name| !name.is_empty());
    if let Some(name) = sent.first(&settings.name_claims()) {
        return named(&name);
    }
    let parts = [sent.first(&settings.given_name_claims()), sent.first(&settings.family_name_claims())];
    named(&parts.into_iter().flatten().collect::<Vec<_>>().join(" "))
}

fn groups(settings: &ConnectionSettings, sent: &Sent<'_>) -> Groups {
    let Some(values) = settings.groups_claims().iter().find_map(|name| sent.values(name)) else {
        let elsewhere = sent.attributes.iter().any(|a| a.name == GROUPS_LINK);
        return if elsewhere { Groups::TooMany } else { Groups::NotSent };
    };
    // A list stays a list: a delimiter is for providers that send all groups as one text.
    let listed = match &values[..] {
        [text] => split(text, settings.groups_delimiter.as_deref()),
        _ => values,
    };
    Groups::sent(listed, settings.groups_strip_slash)
}

#[cfg(test)]
#[path = "attributes_tests.rs"]
mod tests;
