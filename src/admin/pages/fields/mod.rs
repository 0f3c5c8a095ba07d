//! Which settings each noun's form has, as the declarative file spells them. What has no field here stays as it is when the
//! form is saved, and can be set by the API or a file.

mod access;
mod connection;
mod people;

use serde_json::Value;

use super::form::Field;
pub use people::SETTINGS;

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
    /// OpenID Connect's and SAML's.
    ByProtocol(&'static [Field], &'static [Field]),
}

impl Noun {
    /// The fields of this thing's form.
    #[must_use]
    pub fn fields(&self, thing: &Value) -> &'static [Field] {
        match self.fields {
            Fields::Same(fields) => fields,
            Fields::ByProtocol(_, saml) if thing["protocol"] == "saml" => saml,
            Fields::ByProtocol(oidc, _) => oidc,
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;

    use super::*;

    #[test]
    fn each_form_has_its_key_first_and_no_field_twice() {
        for noun in NOUNS.into_iter().chain([SETTINGS]) {
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
