//! How real providers name things: scopes, claims, attributes and how far their e-mail addresses go. A preset fills only
//! what the operator left empty, so everything stays settable.

use crate::policy::{
    connection::{ConnectionSettings, Protocol},
    identity::EmailTrust,
};

/// The attribute name that stands for a SAML subject's NameID.
pub const NAME_ID: &str = "NameID";

/// A provider's kind.
#[derive(Clone, Copy, Debug)]
pub struct Preset {
    /// As settings spell it.
    pub name: &'static str,
    /// Its habits over OpenID Connect; `None` when it does not speak it, or not in a documented way.
    pub oidc: Option<Mapping>,
    /// Its habits over SAML.
    pub saml: Option<Mapping>,
}

/// Names of claims (OIDC) or attributes (SAML); in each list the first present wins.
#[derive(Clone, Copy, Debug)]
pub struct Mapping {
    /// OIDC only.
    pub scopes: &'static str,
    /// SAML only: the last part of the NameID format to request; empty requests none.
    pub name_id_format: &'static str,
    /// The stable unique id.
    pub unique_id: &'static [&'static str],
    /// The e-mail address.
    pub email: &'static [&'static str],
    /// How far it goes.
    pub email_trust: EmailTrust,
    /// The given name.
    pub given_name: &'static [&'static str],
    /// The family name.
    pub family_name: &'static [&'static str],
    /// Groups; empty where the provider sends none by itself.
    pub groups: &'static [&'static str],
    /// What separates groups that come as one text.
    pub groups_delimiter: Option<&'static str>,
}

const OIDC: Mapping = Mapping {
    scopes: "openid profile email",
    name_id_format: "",
    unique_id: &["sub"],
    email: &["email"],
    email_trust: EmailTrust::Domain,
    given_name: &["given_name"],
    family_name: &["family_name"],
    groups: &["groups"],
    groups_delimiter: None,
};

// SAML knows no `email_verified`: only the tenant's proven domains can vouch.
const SAML: Mapping = Mapping {
    scopes: "",
    name_id_format: "persistent",
    unique_id: &[NAME_ID],
    email: &["email"],
    email_trust: EmailTrust::Domain,
    given_name: &["firstName"],
    family_name: &["lastName"],
    groups: &["groups"],
    groups_delimiter: None,
};

const EMAIL_URI: &str = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress";
const NAME_URI: &str = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name";
const NAME_ID_URI: &str = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/nameidentifier";
const UPN_URI: &str = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn";
const GIVEN_URI: &str = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/givenname";
const FAMILY_URI: &str = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/surname";
const GROUP_URI: &str = "http://schemas.xmlsoap.org/claims/Group";
const ENTRA_ID_URI: &str = "http://schemas.microsoft.com/identity/claims/objectidentifier";
const ENTRA_GROUPS_URI: &str = "http://schemas.microsoft.com/ws/2008/06/identity/claims/groups";

/// Every provider known, in the order in which a form offers them.
pub const PRESETS: [Preset; 15] = [
    Preset {
        name: "entra",
        oidc: Some(Mapping { unique_id: &["oid"], email: &["email", "preferred_username"], ..OIDC }),
        saml: Some(Mapping {
            unique_id: &[ENTRA_ID_URI, NAME_ID],
            email: &[EMAIL_URI, NAME_URI],
            given_name: &[GIVEN_URI],
            family_name: &[FAMILY_URI],
            groups: &[ENTRA_GROUPS_URI],
            ..SAML
        }),
    },
    Preset {
        name: "okta",
        // An authorization server without the scope answers `invalid_scope`; the operator then drops `groups`.
        oidc: Some(Mapping { scopes: "openid profile email groups", ..OIDC }),
        saml: Some(Mapping {
            name_id_format: "emailAddress",
            unique_id: &["id", NAME_ID],
            email: &["email", NAME_ID],
            groups: &["groups", "Groups"],
            ..SAML
        }),
    },
    Preset {
        name: "google",
        oidc: Some(Mapping { email_trust: EmailTrust::Verified, groups: &[], ..OIDC }),
        saml: Some(Mapping { name_id_format: "unspecified", email: &["email", NAME_ID], ..SAML }),
    },
    Preset {
        name: "jumpcloud",
        oidc: Some(OIDC),
        saml: Some(Mapping {
            name_id_format: "emailAddress",
            email: &["email", NAME_ID],
            groups: &["groups", "memberOf"],
            ..SAML
        }),
    },
    Preset {
        name: "onelogin",
        oidc: Some(Mapping { scopes: "openid profile email groups", groups_delimiter: Some(";"), ..OIDC }),
        saml: Some(Mapping { unique_id: &["id", NAME_ID], groups: &["groups", "memberOf"], ..SAML }),
    },
    Preset {
        name: "auth0",
        // Groups come only through a namespaced claim that each tenant names for itself.
        oidc: Some(Mapping { email_trust: EmailTrust::Verified, groups: &[], ..OIDC }),
        saml: Some(Mapping {
            name_id_format: "unspecified",
            unique_id: &[NAME_ID_URI, NAME_ID],
            email: &[EMAIL_URI],
            given_name: &[GIVEN_URI],
            family_name: &[FAMILY_URI],
            groups: &[GROUP_URI],
            ..SAML
        }),
    },
    Preset {
        name: "keycloak",
        oidc: Some(Mapping { email_trust: EmailTrust::Verified, ..OIDC }),
        saml: Some(Mapping {
            email: &["email", "urn:oid:1.2.840.113549.1.9.1"],
            given_name: &["firstName", "urn:oid:2.5.4.42"],
            family_name: &["lastName", "urn:oid:2.5.4.4"],
            groups: &["groups", "Role"],
            ..SAML
        }),
    },
    Preset {
        name: "adfs",
        // Userinfo has `sub` alone, and without `allatclaims` so has the ID token: nobody could be known by an address.
        oidc: Some(Mapping {
            scopes: "openid profile email allatclaims",
            unique_id: &["upn", "sub"],
            email: &["email", "upn"],
            groups: &["group", "groups"],
            ..OIDC
        }),
        saml: Some(Mapping {
            name_id_format: "emailAddress",
            unique_id: &[UPN_URI, NAME_ID],
            email: &[EMAIL_URI],
            given_name: &[GIVEN_URI],
            family_name: &[FAMILY_URI],
            groups: &[GROUP_URI, "group"],
            ..SAML
        }),
    },
    Preset { name: "pingone", oidc: Some(OIDC), saml: Some(Mapping { unique_id: &["id", NAME_ID], ..SAML }) },
    Preset { name: "pingfederate", oidc: Some(OIDC), saml: Some(Mapping { unique_id: &["id", NAME_ID], ..SAML }) },
    Preset {
        name: "rippling",
        oidc: None,
        saml: Some(Mapping {
            name_id_format: "emailAddress",
            email: &["email", NAME_ID],
            given_name: &["first_name", "firstName"],
            family_name: &["last_name", "lastName"],
            ..SAML
        }),
    },
    Preset {
        name: "cognito",
        oidc: Some(Mapping { email_trust: EmailTrust::Verified, groups: &["cognito:groups"], ..OIDC }),
        saml: None,
    },
    Preset { name: "custom_oidc", oidc: Some(CUSTOM_OIDC), saml: None },
    Preset { name: "custom_saml", oidc: None, saml: Some(CUSTOM_SAML) },
    Preset { name: "custom", oidc: Some(CUSTOM_OIDC), saml: Some(CUSTOM_SAML) },
];

const CUSTOM_OIDC: Mapping = Mapping { scopes: "openid email", email_trust: EmailTrust::Verified, ..OIDC };
const CUSTOM_SAML: Mapping = Mapping {
    name_id_format: "",
    email: &["email", "mail", EMAIL_URI],
    given_name: &["firstName", "first_name", GIVEN_URI],
    family_name: &["lastName", "last_name", FAMILY_URI],
    ..SAML
};

/// The preset of that name; `-` and `_` are alike, and so are capitals.
#[must_use]
pub fn preset(name: &str) -> Option<Preset> {
    let name = name.to_ascii_lowercase().replace('-', "_");
    PRESETS.into_iter().find(|p| p.name == name)
}

/// The settings with what the operator left empty filled from the preset: what connector and linking go by. Settings
/// that name no known preset stay as they are; opening their connector says so.
#[must_use]
pub fn filled(settings: &ConnectionSettings, protocol: Protocol) -> ConnectionSettings {
    let mut filled = settings.clone();
    match apply(&mut filled, protocol) {
        Ok(()) => filled,
        Err(_) => settings.clone(),
    }
}

/// Fills what `settings` leave empty with the habits of their preset; without one, nothing happens over OpenID Connect and
/// `custom_saml` is meant over SAML. Doing it again changes nothing.
///
/// # Errors
/// When the preset is unknown or does not speak `protocol`; the text names the fix.
pub fn apply(settings: &mut ConnectionSettings, protocol: Protocol) -> Result<(), String> {
    let name = match settings.preset.as_deref().filter(|n| !n.is_empty()) {
        Some(name) => name,
        // The general defaults are names of OpenID Connect, which no SAML provider sends.
        None if protocol == Protocol::Saml => "custom_saml",
        None => return Ok(()),
    };
    let Some(preset) = preset(name) else {
        let known: Vec<_> = PRESETS.iter().map(|p| p.name).collect();
        return Err(format!("preset {name:?} is unknown; known are {}", known.join(", ")));
    };
    let mapping = match protocol {
        Protocol::Oidc => preset.oidc,
        Protocol::Saml => preset.saml,
    };
    let Some(mapping) = mapping else {
        let other = if protocol == Protocol::Oidc { "saml" } else { "oidc" };
        return Err(format!("preset {name:?} is not for {}; use protocol {other}", protocol.as_str()));
    };
    let fill = |names: &mut Vec<String>, from: &[&str]| {
        if names.is_empty() {
            *names = from.iter().map(|&n| n.to_owned()).collect();
        }
    };
    fill(&mut settings.unique_id_claims, mapping.unique_id);
    fill(&mut settings.email_claims, mapping.email);
    fill(&mut settings.given_name_claims, mapping.given_name);
    fill(&mut settings.family_name_claims, mapping.family_name);
    fill(&mut settings.groups_claims, mapping.groups);
    if settings.groups_delimiter.is_none() {
        settings.groups_delimiter = mapping.groups_delimiter.map(str::to_owned);
    }
    settings.email_trust.get_or_insert(mapping.email_trust);
    if let Some(oidc) = settings.oidc.as_mut().filter(|o| o.scopes.trim().is_empty()) {
        oidc.scopes = mapping.scopes.to_owned();
    }
    if let Some(saml) = settings.saml.as_mut().filter(|s| s.name_id_format.is_none()) {
        saml.name_id_format = Some(mapping.name_id_format).filter(|format| !format.is_empty()).map(str::to_owned);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{connection::OidcSettings, saml::SamlSettings};

    fn named(preset: &str) -> ConnectionSettings {
        ConnectionSettings { preset: Some(preset.into()), oidc: Some(OidcSettings::default()), ..ConnectionSettings::default() }
    }

    #[test]
    fn each_name_and_spelling_is_known_once() {
        for name in [
            "entra",
            "okta",
            "google",
            "jumpcloud",
            "onelogin",
            "auth0",
            "keycloak",
            "adfs",
            "pingone",
            "pingfederate",
            "rippling",
            "cognito",
            "custom_oidc",
            "custom-oidc",
            "custom_saml",
            "custom-saml",
            "custom",
            "Okta",
        ] {
            assert!(preset(name).is_some(), "{name}");
        }
        assert!(preset("okta2").is_none() && preset("").is_none());
    }

    #[test]
    fn fills_only_what_is_empty_and_only_once() {
        let mut settings = named("entra");
        settings.email_claims = vec!["mail".into()];
        settings.email_trust = Some(EmailTrust::Never);
        apply(&mut settings, Protocol::Oidc).unwrap();
        assert_eq!(settings.unique_id_claims, ["oid"]);
        assert_eq!((settings.email_claims(), settings.email_trust()), (vec!["mail"], EmailTrust::Never));
        assert_eq!(settings.oidc.as_ref().unwrap().scopes(), ["openid", "profile", "email"]);
        let once = settings.clone();
        apply(&mut settings, Protocol::Oidc).unwrap();
        assert_eq!(settings, once);
    }

    #[test]
    fn providers_without_an_ownership_proof_are_trusted_by_domain_only() {
        for (name, trust) in [
            ("entra", EmailTrust::Domain),
            ("okta", EmailTrust::Domain),
            ("onelogin", EmailTrust::Domain),
            ("google", EmailTrust::Verified),
            ("keycloak", EmailTrust::Verified),
            ("custom_oidc", EmailTrust::Verified),
        ] {
            let mut settings = named(name);
            apply(&mut settings, Protocol::Oidc).unwrap();
            assert_eq!(settings.email_trust(), trust, "{name}");
        }
        assert!(PRESETS.iter().filter_map(|p| p.saml).all(|m| m.email_trust == EmailTrust::Domain));
    }

    #[test]
    fn saml_without_a_preset_is_custom() {
        let mut settings = ConnectionSettings::default();
        apply(&mut settings, Protocol::Saml).unwrap();
        assert_eq!((settings.unique_id_claims(), settings.email_trust()), (vec![NAME_ID], EmailTrust::Domain));
        let mut settings = ConnectionSettings::default();
        apply(&mut settings, Protocol::Oidc).unwrap();
        assert_eq!(settings, ConnectionSettings::default());
    }

    #[test]
    fn a_name_id_format_is_asked_for_unless_the_settings_say_otherwise() {
        let format = |preset: &str, own: Option<&str>| {
            let saml = SamlSettings { name_id_format: own.map(str::to_owned), ..SamlSettings::default() };
            let mut settings = ConnectionSettings { oidc: None, saml: Some(saml), ..named(preset) };
            apply(&mut settings, Protocol::Saml).unwrap();
            settings.saml.unwrap().name_id_format_uri().unwrap()
        };
        assert!(format("entra", None).unwrap().ends_with(":2.0:nameid-format:persistent"));
        assert!(format("okta", None).unwrap().ends_with(":1.1:nameid-format:emailAddress"));
        assert!(format("okta", Some("transient")).unwrap().ends_with(":transient"));
        assert_eq!((format("okta", Some("")), format("custom_saml", None)), (None, None));
        for saml in PRESETS.iter().filter_map(|p| p.saml) {
            let settings = SamlSettings { name_id_format: Some(saml.name_id_format.into()), ..SamlSettings::default() };
            assert!(settings.name_id_format_uri().is_ok(), "{}", saml.name_id_format);
        }
    }

    #[test]
    fn says_what_is_wrong_with_a_preset() {
        assert!(apply(&mut named("octa"), Protocol::Oidc).unwrap_err().contains("known are entra, okta"));
        assert!(apply(&mut named("rippling"), Protocol::Oidc).unwrap_err().contains("use protocol saml"));
        assert!(apply(&mut named("cognito"), Protocol::Saml).unwrap_err().contains("use protocol oidc"));
    }
}
