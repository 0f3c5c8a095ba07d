//! What things look like over the API: of each noun the fields that a file has, and what is told besides. That the readers of
//! `apply` take exactly these is held by a test below.

mod access;
mod connection;
mod people;

use serde_json::{Map, Value, json};

use crate::apply::single::Noun;

/// A noun's component name.
pub fn name(noun: Noun) -> &'static str {
    match noun {
        Noun::Tenant => "Tenant",
        Noun::Connections => "Connection",
        Noun::Clients => "Client",
        Noun::Users => "User",
        Noun::Teams => "Team",
        Noun::Directories => "Directory",
        Noun::ServiceTokens => "ServiceToken",
        Noun::TrustedIssuers => "TrustedIssuer",
        Noun::ExternalIdentities => "ExternalIdentity",
        Noun::VirtualAccounts => "VirtualAccount",
        Noun::Resources => "Resource",
        Noun::Sites => "Site",
    }
}

/// A noun's schema.
pub fn of(noun: Noun) -> Value {
    match noun {
        Noun::Tenant => people::tenant(),
        Noun::Connections => connection::connection(),
        Noun::Clients => access::client(),
        Noun::Users => people::user(),
        Noun::Teams => people::team(),
        Noun::Directories => people::directory(),
        Noun::ServiceTokens => people::service_token(),
        Noun::TrustedIssuers => access::trusted_issuer(),
        Noun::ExternalIdentities => access::external_identity(),
        Noun::VirtualAccounts => access::virtual_account(),
        Noun::Resources => access::resource(),
        Noun::Sites => access::site(),
    }
}

/// All of them by their component names, and what is not a noun's.
pub fn all() -> Map<String, Value> {
    let nouns = std::iter::once(Noun::Tenant).chain(Noun::OWNED).map(|noun| (name(noun).to_owned(), of(noun)));
    nouns.chain(people::others().into_iter().map(|(name, schema)| (name.to_owned(), schema))).collect()
}

type Fields<const N: usize> = [(&'static str, Value); N];

/// An object of these fields and no others.
fn object<const N: usize>(fields: Fields<N>) -> Value {
    json!({"type": "object", "properties": Map::from_iter(fields.map(|(n, v)| (n.to_owned(), v))), "additionalProperties": false})
}

/// The same in which all fields are always there.
fn answer<const N: usize>(fields: Fields<N>) -> Value {
    let names = fields.each_ref().map(|(name, _)| *name);
    let mut schema = object(fields);
    schema["required"] = json!(names.as_slice());
    schema
}

fn text(about: &str) -> Value {
    json!({"type": "string", "description": about})
}

fn maybe(mut schema: Value) -> Value {
    schema["type"] = json!([schema["type"], "null"]);
    schema
}

fn flag(about: &str) -> Value {
    json!({"type": "boolean", "description": about})
}

fn texts(about: &str) -> Value {
    json!({"type": "array", "items": {"type": "string"}, "description": about})
}

/// One text, or several.
fn one_or_more(about: &str) -> Value {
    json!({"type": ["string", "array"], "items": {"type": "string"}, "description": about})
}

fn list(items: Value, about: &str) -> Value {
    json!({"type": "array", "items": items, "description": about})
}

fn choice(words: &[&str], about: &str) -> Value {
    json!({"type": "string", "enum": words, "description": about})
}

fn number(least: i64, most: i64, about: &str) -> Value {
    json!({"type": "integer", "minimum": least, "maximum": most, "description": about})
}

fn span(about: &str) -> Value {
    json!({"type": ["integer", "string"], "description": format!("{about} Seconds, or a number with s, m, h or d.")})
}

fn time(about: &str) -> Value {
    json!({"type": "string", "format": "date-time", "description": about})
}

/// Given and never answered; left out it stays, null removes it.
fn secret(about: &str) -> Value {
    json!({"type": ["string", "null"], "writeOnly": true, "description": about})
}

/// Told and not read.
fn told(mut schema: Value) -> Value {
    schema["readOnly"] = json!(true);
    schema
}

fn secrets() -> (&'static str, Value) {
    ("secrets", told(texts("Which secrets there are.")))
}

fn warnings() -> (&'static str, Value) {
    ("warnings", told(texts("What is left open on purpose, and should be read again.")))
}

fn enabled(about: &str) -> (&'static str, Value) {
    ("enabled", flag(about))
}

/// By claim what it must be.
fn claims(about: &str) -> Value {
    json!({"type": "object", "description": about})
}

fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::apply::single::spoken;

    /// Bodies that have every reader read, also those of parts.
    fn bodies(noun: Noun) -> Vec<Value> {
        match noun {
            Noun::Connections => vec![json!({"oidc": {}, "saml": {}})],
            Noun::Directories => vec![json!({"group_rules": [{"group": "a", "resource": {}}]})],
            Noun::TrustedIssuers => {
                vec![json!({"introspection_endpoint": "x", "oauth_client": {}}), json!({"jwt_validation": {}})]
            }
            Noun::Teams => vec![json!({"tokens": [{}]})],
            Noun::Resources => vec![json!({"collaborators": [{}]})],
            Noun::Sites => vec![json!({"issuers": ["x"], "resource": {}, "login": {}, "identity": {"header_names": {}}})],
            _ => vec![json!({})],
        }
    }

    /// The properties at each place that a body may fill: `""`, `oidc`, `tokens[0]`.
    fn properties(schema: &Value, path: &str, found: &mut Vec<(String, BTreeSet<String>)>) {
        let Some(fields) = schema["properties"].as_object() else { return };
        let own = fields.iter().filter(|(_, field)| field["readOnly"] != true);
        found.push((path.to_owned(), own.map(|(name, _)| name.clone()).collect()));
        for (name, field) in fields.iter().filter(|(_, field)| field["readOnly"] != true) {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            properties(field, &path, found);
            properties(&field["items"], &format!("{path}[0]"), found);
        }
    }

    #[test]
    fn a_schema_has_the_fields_that_are_read_and_no_others() {
        for noun in std::iter::once(Noun::Tenant).chain(Noun::OWNED) {
            let mut known: std::collections::BTreeMap<String, BTreeSet<String>> = Default::default();
            for body in bodies(noun) {
                for (path, names) in spoken(noun, &body) {
                    known.entry(path).or_default().extend(names.into_iter().map(str::to_owned));
                }
            }
            // What a tenant owns is put one by one.
            known.iter_mut().filter(|_| noun == Noun::Tenant).for_each(|(_, names)| names.retain(|n| Noun::owned(n).is_none()));
            let mut said = Vec::new();
            properties(&of(noun), "", &mut said);
            let said: std::collections::BTreeMap<_, _> = said.into_iter().collect();
            assert_eq!(said, known, "{noun:?}");
        }
    }
}
