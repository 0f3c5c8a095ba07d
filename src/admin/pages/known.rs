//! What is known of a form's fields besides their settings: what leaving one empty means for this provider, and what of the
//! tenant can be named.

use serde_json::Value;

use super::{
    fields::Noun,
    form::{Kind, Known, Source},
    rows::Shape,
};
use crate::{
    app::App,
    apply::single,
    connector::presets,
    policy::{
        connection::{ConnectionSettings, OidcSettings, Protocol},
        identity::EmailTrust,
        saml::SamlSettings,
    },
    store::{StoreError, tenants::Tenant},
};

/// Most names that are chosen from; of more somebody types one.
const MOST: usize = 100;

/// Everything that is known of this thing's form.
///
/// # Errors
/// What the database says.
pub async fn known(app: &App, tenant: &Tenant, noun: &Noun, thing: &Value) -> Result<Known, StoreError> {
    let mut known = Known::default();
    if noun.name == "connections" {
        known = usual(thing);
        known.usual.push(("own_callback", format!("Off, it is the one that all share: {}/oauth2/callback", app.issuer())));
    }
    for field in noun.fields(thing) {
        if let Kind::Rows(cells) = field.kind {
            for cell in cells {
                let Shape::Named(source) = cell.shape else { continue };
                let named = names(app, tenant, source).await?;
                let options = named.map(|names| names.into_iter().map(|name| option("", "", name)).collect());
                known.cells.extend(options.map(|options| (field.path, cell.path, options)));
            }
        }
        let Kind::Named(namings, _) = field.kind else { continue };
        let mut options = Some(Vec::new());
        for (source, key, before) in namings {
            let names = names(app, tenant, *source).await?;
            options = options.zip(names).map(|(mut options, names)| {
                options.extend(names.into_iter().map(|name| option(key, before, name)));
                options
            });
        }
        known.options.extend(options.map(|options| (field.path, options)));
    }
    Ok(known)
}

fn option(key: &str, before: &str, name: String) -> (String, String) {
    let label = format!("{before}{name}");
    (if key.is_empty() { name } else { format!("{key}:{name}") }, label)
}

/// Their names; `None` when they are too many.
async fn names(app: &App, tenant: &Tenant, source: Source) -> Result<Option<Vec<String>>, StoreError> {
    let noun = match source {
        Source::Clients => single::Noun::Clients,
        Source::Connections | Source::Bearers => single::Noun::Connections,
        Source::Issuers | Source::SignInIssuers => single::Noun::TrustedIssuers,
    };
    let part = single::list(&app.db, &app.sealer, tenant, noun, single::Ask { limit: MOST, ..Default::default() }).await?;
    let fits = |thing: &&Value| match source {
        Source::Bearers => thing["login_enabled"] == false && thing["protocol"] == Protocol::Oidc.as_str(),
        Source::SignInIssuers => thing["oauth_client"].is_object(),
        _ => true,
    };
    let name = |thing: &Value| noun.name_in(thing.as_object()?);
    Ok(part.next.is_none().then(|| part.items.iter().filter(fits).filter_map(name).collect()))
}

/// What empty fields of a connection mean: what sign-ins go by, as [`presets::filled`] has it.
#[must_use]
pub fn usual(connection: &Value) -> Known {
    let is_saml = connection["protocol"] == Protocol::Saml.as_str();
    let mut settings = ConnectionSettings {
        preset: connection["preset"].as_str().map(str::to_owned),
        oidc: (!is_saml).then(OidcSettings::default),
        saml: is_saml.then(SamlSettings::default),
        ..ConnectionSettings::default()
    };
    settings = presets::filled(&settings, if is_saml { Protocol::Saml } else { Protocol::Oidc });
    let first = |names: Vec<&str>| format!("Empty: {}.", names.join(", else "));
    let trust = match settings.email_trust() {
        EmailTrust::Verified => "it counts when the provider says that it is verified",
        EmailTrust::Domain => "it counts in a proven domain of the organisation alone",
        EmailTrust::Never => "it never counts",
    };
    let mut usual = vec![
        ("email_claim", first(settings.email_claims())),
        ("unique_id_claim", first(settings.unique_id_claims())),
        ("name_claim", first(settings.name_claims())),
        ("given_name_claim", first(settings.given_name_claims())),
        ("family_name_claim", first(settings.family_name_claims())),
        ("groups_claim", first(settings.groups_claims())),
        ("email_trust", format!("As the provider's kind suggests: {trust}.")),
    ];
    if let Some(delimiter) = &settings.groups_delimiter {
        usual.push(("groups_delimiter", format!("Empty: {delimiter}")));
    }
    if let Some(oidc) = &settings.oidc {
        usual.push(("oidc.scopes", format!("Empty: {}.", oidc.scopes().join(" "))));
    }
    if let Some(saml) = &settings.saml {
        let format = saml.name_id_format.as_deref().unwrap_or("none is asked for");
        usual.push(("saml.name_id_format", format!("Empty: {format}.")));
    }
    Known { usual, ..Known::default() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::admin::pages::fields;

    #[test]
    fn what_an_empty_field_means_is_what_sign_ins_go_by() {
        let of = |preset: &str, protocol: &str, path: &str| {
            let known = usual(&json!({"preset": preset, "protocol": protocol}));
            known.usual.into_iter().find(|(known, _)| *known == path).map(|(_, text)| text)
        };
        for (preset, protocol, path, says) in [
            ("entra", "oidc", "unique_id_claim", "Empty: oid."),
            ("entra", "oidc", "email_claim", "Empty: email, else preferred_username."),
            (
                "entra",
                "oidc",
                "email_trust",
                "As the provider's kind suggests: it counts in a proven domain of the organisation alone.",
            ),
            ("okta", "oidc", "oidc.scopes", "Empty: openid profile email groups."),
            ("okta", "saml", "saml.name_id_format", "Empty: emailAddress."),
            ("custom_saml", "saml", "saml.name_id_format", "Empty: none is asked for."),
            ("onelogin", "oidc", "groups_delimiter", "Empty: ;"),
            ("", "oidc", "email_claim", "Empty: email."),
        ] {
            assert_eq!(of(preset, protocol, path).as_deref(), Some(says), "{preset} {protocol} {path}");
        }
    }

    #[test]
    fn what_is_said_of_a_field_is_said_of_one_that_is_there() {
        for protocol in ["oidc", "saml"] {
            let thing = json!({"preset": "onelogin", "protocol": protocol});
            let fields = fields::noun("connections").unwrap().fields(&thing);
            for (path, _) in usual(&thing).usual {
                assert!(fields.iter().any(|field| field.path == path), "{protocol} {path}");
            }
        }
    }
}
