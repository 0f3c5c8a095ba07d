//! From verified claims to what we know about a person. Pure.
//!
//! The ID token speaks first and userinfo only where it is silent; within one document the first name of a list that is
//! present wins. That order is fixed, so that a provider whose userinfo fails for a moment never changes who someone is.

use serde_json::{Map, Value};

use crate::{
    connector::{
        clean::clean_name,
        groups::{Groups, split},
        presets::preset,
    },
    policy::{
        cause::{Cause, Fault},
        connection::{ConnectionSettings, OidcSettings},
    },
};

/// A document of claims.
pub(crate) type Claims = Map<String, Value>;

/// What the claims say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Person {
    pub subject: String,
    pub email: Option<String>,
    pub email_verified: bool,
    pub name: Option<String>,
    pub groups: Groups,
}

/// What an ID token leaves open, and userinfo may answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gap {
    /// Nothing.
    None,
    /// A sign-in works without it.
    Optional,
    /// No sign-in without it.
    Needed,
}

/// Providers whose claims mean something of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Entra,
    Google,
    Other,
}

impl Kind {
    /// Google is known by its issuer too: its rule protects, so leaving out the preset must not switch it off.
    pub(crate) fn of(settings: &ConnectionSettings, oidc: &OidcSettings) -> Self {
        match settings.preset.as_deref().and_then(preset).map(|p| p.name) {
            Some("entra") => Self::Entra,
            Some("google") => Self::Google,
            _ if oidc.issuer == "https://accounts.google.com" => Self::Google,
            _ => Self::Other,
        }
    }
}

/// What the ID token leaves open.
pub(crate) fn gap(settings: &ConnectionSettings, id_token: &Claims) -> Gap {
    let docs = [id_token];
    let has_name = full_name(settings, &docs).is_some();
    if subject(settings, &docs).is_none() || first(&settings.email_claims(), &docs, text).is_none() {
        Gap::Needed
    } else if !has_name || groups(settings, &docs) == Groups::NotSent || !id_token.contains_key("email_verified") {
        Gap::Optional
    } else {
        Gap::None
    }
}

/// Reads a person.
///
/// # Errors
/// When there is no usable unique id.
pub(crate) fn read(
    settings: &ConnectionSettings,
    kind: Kind,
    id_token: &Claims,
    userinfo: Option<&Claims>,
) -> Result<Person, Fault> {
    let docs: Vec<&Claims> = std::iter::once(id_token).chain(userinfo).collect();
    let names = settings.unique_id_claims().join(", ");
    let Some(subject) = subject(settings, &docs) else {
        return Err(Cause::UniqueId.with(format!(
            "no unique id: none of the claims {names} is present; map unique_id_claim to a claim that the provider sends"
        )));
    };
    if subject.len() > 512 || subject.contains(char::is_control) {
        let unusable = format!("the unique id (claims {names}) is longer than 512 bytes or has control characters");
        return Err(Cause::UniqueId.with(unusable));
    }
    let email = first(&settings.email_claims(), &docs, text);
    Ok(Person {
        subject,
        email_verified: email.as_deref().is_some_and(|address| is_verified(kind, address, &docs)),
        email,
        name: full_name(settings, &docs),
        groups: groups(settings, &docs),
    })
}

/// The flag speaks of the `email` claim beside it and of nothing else, so the address must be that one. Only JSON `true`
/// counts (Coder CVE-2026-55076).
fn is_verified(kind: Kind, address: &str, docs: &[&Claims]) -> bool {
    // Entra has no `email_verified`; its "e-mail domain owner verified" has come as several JSON types.
    let flag = if kind == Kind::Entra { "xms_edov" } else { "email_verified" };
    let about = |doc: &&&Claims| doc.get("email").and_then(Value::as_str) == Some(address);
    let Some(said) = docs.iter().filter(about).find_map(|doc| doc.get(flag)) else { return false };
    match kind {
        Kind::Entra => matches!(said.to_string().as_str(), "true" | "1" | "\"true\"" | "\"1\""),
        // Google vouches lastingly only for addresses that it hosts: gmail.com, or Workspace accounts (`hd`).
        Kind::Google => {
            let hosted = address.to_ascii_lowercase().ends_with("@gmail.com") || docs.iter().any(|d| d.contains_key("hd"));
            *said == Value::Bool(true) && hosted
        }
        Kind::Other => *said == Value::Bool(true),
    }
}

fn subject(settings: &ConnectionSettings, docs: &[&Claims]) -> Option<String> {
    first(&settings.unique_id_claims(), docs, |value| match value {
        Value::Number(n) if n.is_i64() || n.is_u64() => Some(n.to_string()),
        Value::String(s) if !s.trim().is_empty() => Some(s.clone()),
        _ => None,
    })
}

fn full_name(settings: &ConnectionSettings, docs: &[&Claims]) -> Option<String> {
    if let Some(name) = first(&settings.name_claims(), docs, text) {
        return Some(clean_name(&name)).filter(|n| !n.is_empty());
    }
    let given = first(&settings.given_name_claims(), docs, text);
    let family = first(&settings.family_name_claims(), docs, text);
    let whole: Vec<_> = given.into_iter().chain(family).collect();
    Some(clean_name(&whole.join(" "))).filter(|n| !n.is_empty())
}

fn groups(settings: &ConnectionSettings, docs: &[&Claims]) -> Groups {
    for doc in docs {
        for name in settings.groups_claims() {
            if let Some(value) = find(doc, name) {
                if let Some(sent) = listed(value, settings.groups_delimiter.as_deref()) {
                    return Groups::sent(sent, settings.groups_strip_slash);
                }
            } else if is_elsewhere(doc, name) {
                return Groups::TooMany;
            }
        }
    }
    Groups::NotSent
}

/// Entra's overage: the claim is too long for the token and kept somewhere else (distributed claims, OpenID Connect Core
/// §5.6.2). The address it names is never called.
fn is_elsewhere(doc: &Claims, name: &str) -> bool {
    let named = doc.get("_claim_names").and_then(Value::as_object).is_some_and(|names| names.contains_key(name));
    named || (name == "groups" && doc.get("hasgroups").is_some_and(|v| *v == Value::Bool(true) || *v == "true"))
}

fn listed(value: &Value, delimiter: Option<&str>) -> Option<Vec<String>> {
    match value {
        Value::Array(items) => Some(
            items
                .iter()
                .filter_map(|item| match item {
                    Value::String(s) => Some(s.clone()),
                    Value::Number(n) => Some(n.to_string()),
                    _ => None,
                })
                .collect(),
        ),
        Value::String(s) => Some(split(s, delimiter)),
        _ => None,
    }
}

/// The first name of the first document that gives a usable value.
fn first<T>(names: &[&str], docs: &[&Claims], read: impl Fn(&Value) -> Option<T>) -> Option<T> {
    docs.iter().find_map(|doc| names.iter().find_map(|name| find(doc, name).and_then(&read)))
}

/// The claim of that literal name, which may hold dots, colons or be a URL; else the one at that dotted path.
fn find<'a>(doc: &'a Claims, name: &str) -> Option<&'a Value> {
    let present = |value: &&Value| !value.is_null();
    if let Some(value) = doc.get(name).filter(present) {
        return Some(value);
    }
    // A key of the path may hold dots itself (`https://app.example/claims.groups`): try each split, shortest first.
    let mut splits = name.match_indices('.').map(|(at, _)| (&name[..at], &name[at + 1..]));
    splits.find_map(|(key, rest)| find(doc.get(key)?.as_object()?, rest))
}

/// A text that is not empty; of a list the first.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(s) if !s.trim().is_empty() => Some(s.clone()),
        Value::Array(items) => items.iter().find_map(|item| item.as_str().filter(|s| !s.trim().is_empty()).map(str::to_owned)),
        _ => None,
    }
}

#[cfg(test)]
#[path = "claims_tests.rs"]
mod tests;
