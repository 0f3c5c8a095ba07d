//! Which settings each noun's form has, as the declarative file spells them. What has no field here stays as it is when the
//! form is saved, and can be set by the API or a file.

mod access;
mod connection;
mod people;

use serde_json::Value;

use super::form::Field;
pub use people::{INVITES, SETTINGS};

/// A noun of the pages.
#[derive(Clone, Copy, Debug)]
pub struct Noun {
    /// As in paths, the API and the file.
    pub name: &'static str,
    /// The setting that names a thing.
    pub key: &'static str,
    /// Title of the list.
    pub title: &'static str,
    /// What adding one says.
    pub add: &'static str,
    /// What the form says first.
    pub lead: &'static str,
    /// Only for platform administrators.
    pub platform: bool,
    /// What the list's columns say beside the name: their titles, and the settings that they show.
    pub columns: &'static [(&'static str, &'static str)],
    fields: Fields,
}

#[derive(Clone, Copy, Debug)]
enum Fields {
    Same(&'static [Field]),
    /// A connection's: OpenID Connect's, the same of Google, and SAML's.
    OfConnection {
        oidc: &'static [Field],
        google: &'static [Field],
        saml: &'static [Field],
    },
}

impl Noun {
    /// The fields of this thing's form.
    #[must_use]
    pub fn fields(&self, thing: &Value) -> &'static [Field] {
        match self.fields {
            Fields::Same(fields) => fields,
            Fields::OfConnection { saml, .. } if thing["protocol"] == "saml" => saml,
            Fields::OfConnection { google, .. } if thing["preset"] == "google" => google,
            Fields::OfConnection { oidc, .. } => oidc,
        }
    }
}

/// All that have pages.
pub const NOUNS: [Noun; 11] = [
    connection::CONNECTIONS,
    access::CLIENTS,
    people::USERS,
    people::TEAMS,
    people::DIRECTORIES,
    people::SERVICE_TOKENS,
    access::TRUSTED_ISSUERS,
    access::EXTERNAL_IDENTITIES,
    access::VIRTUAL_ACCOUNTS,
    access::RESOURCES,
    access::SITES,
];

/// The noun of this name.
#[must_use]
pub fn noun(name: &str) -> Option<&'static Noun> {
    NOUNS.iter().find(|noun| noun.name == name)
}

/// Every field of every form.
pub fn all() -> impl Iterator<Item = &'static Field> {
    let of = |noun: &'static Noun| match noun.fields {
        Fields::Same(fields) => [fields, &[], &[]],
        Fields::OfConnection { oidc, google, saml } => [oidc, google, saml],
    };
    NOUNS.iter().chain([&SETTINGS, &INVITES]).flat_map(of).flatten()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;

    use super::*;
    use crate::policy::cause::Cause;

    /// What somebody is told to change must be there to be found, by the same words.
    #[test]
    fn each_field_that_a_cause_names_is_on_a_form() {
        let protocols = ["oidc", "saml"].map(|protocol| json!({ "protocol": protocol }));
        let nouns: Vec<Noun> = NOUNS.into_iter().chain([SETTINGS]).collect();
        let labels: BTreeSet<&str> =
            nouns.iter().flat_map(|noun| protocols.iter().flat_map(|thing| noun.fields(thing))).map(|f| f.label).collect();
        let mut named = 0;
        for cause in Cause::ALL {
            let fix = cause.text().fix;
            for label in fix.split('"').skip(1).step_by(2) {
                assert!(labels.contains(label), "{}: {label}", cause.word());
                named += 1;
            }
            for after in fix.split("the connection's ").skip(1) {
                assert!(!after.starts_with(char::is_uppercase), "{}: a field is named in quotes: {fix}", cause.word());
            }
        }
        assert!(named > 30, "{named}");
    }

    #[test]
    fn each_form_has_its_key_first_and_no_field_twice() {
        for noun in NOUNS.into_iter().chain([SETTINGS, INVITES]) {
            for protocol in ["oidc", "saml"] {
                let fields = noun.fields(&json!({"protocol": protocol}));
                assert_eq!(fields[0].path, noun.key, "{}", noun.name);
                assert!(fields[0].fixed, "{}: a name is never changed", noun.name);
                let paths: BTreeSet<&str> = fields.iter().map(|f| f.path).collect();
                assert_eq!(paths.len(), fields.len(), "{}", noun.name);
            }
        }
    }
}
