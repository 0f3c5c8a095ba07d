//! Help with a new connection: first which provider and which protocol, then what to do there, in its own words and beside
//! the form, with the values to copy.

pub mod directories;
mod providers;

use askama::Template;
use askama_web::WebTemplate;
use serde_json::{Value, json};

use super::{caller::Caller, fields::Noun, frame::Frame, things::Place};
use crate::{
    admin::{directory_tokens::base_url, inspection},
    app::App,
    store::{StoreError, connections, tenants::Tenant},
};
use providers::{PROVIDERS, Provider};

/// What to do elsewhere, beside a form.
#[derive(Clone, Debug)]
pub struct Guide {
    /// `At Okta`.
    pub title: String,
    /// In order; may be empty.
    pub steps: &'static [&'static str],
    /// Values to copy.
    pub copies: Vec<Copied>,
}

/// A value to copy.
#[derive(Clone, Debug)]
pub struct Copied {
    /// What it is called here.
    pub name: &'static str,
    /// What it is called there, where that is something else.
    pub there: &'static str,
    /// What is copied.
    pub value: String,
}

/// The guide beside this thing's form, if there is one.
///
/// # Errors
/// What the database says.
pub async fn of(app: &App, tenant: &Tenant, noun: &Noun, thing: &Value) -> Result<Option<Guide>, StoreError> {
    match noun.name {
        "connections" => {
            let mut guide = of_connection(app, tenant, thing);
            guide.copies.push(Copied { name: "SCIM URL", there: "", value: base_url(app) });
            Ok(Some(guide))
        }
        "directories" => {
            let connection = match thing["connection"].as_str().filter(|name| !name.contains('\0')) {
                Some(name) => connections::find_by_name(&app.db, &tenant.id, name).await?,
                None => None,
            };
            Ok(Some(directories::of(app, connection.and_then(|c| c.settings.preset).as_deref())))
        }
        _ => Ok(None),
    }
}

/// Of a connection.
#[must_use]
pub fn of_connection(app: &App, tenant: &Tenant, thing: &Value) -> Guide {
    let is_saml = thing["protocol"] == "saml";
    let provider = thing["preset"].as_str().and_then(named);
    let words = provider.and_then(|p| if is_saml { p.saml.as_ref() } else { p.oidc.as_ref() });
    let at = |what: &str| format!("{}/saml/{}/{}/{what}", app.issuer(), tenant.name, thing["name"].as_str().unwrap_or("{name}"));
    let copied = |name, there, value| Copied { name, there, value };
    let mut copies = vec![copied("Callback URL", words.map_or("", |w| w.callback), inspection::callback(app, tenant, thing))];
    if is_saml {
        copies.push(copied("Entity ID", words.map_or("", |w| w.entity_id), at("metadata")));
        copies.push(copied("Metadata of gatehouse", "", at("metadata")));
        copies.push(copied("Single logout URL", "", at("slo")));
    }
    let title = format!("At {}", provider.map_or("the provider", |p| p.title));
    Guide { title, steps: words.map_or(&[], |w| w.steps), copies }
}

fn named(preset: &str) -> Option<&'static Provider> {
    PROVIDERS.iter().find(|p| p.preset == preset)
}

/// What people call the provider of a preset.
#[must_use]
pub fn title(preset: &str) -> Option<&'static str> {
    named(preset).map(|provider| provider.title)
}

/// What the form of a new connection begins with, once provider and protocol are chosen.
#[must_use]
pub fn beginning(asked: &dyn Fn(&str) -> Option<String>) -> Option<(Value, Vec<(&'static str, String)>)> {
    let provider = named(&asked("preset")?)?;
    let protocol = match asked("protocol").as_deref() {
        Some("oidc") if provider.oidc.is_some() => "oidc",
        Some("saml") if provider.saml.is_some() => "saml",
        _ => return None,
    };
    // A draft, until somebody has tried it: and with a callback of its own, since whoever configures one organisation's
    // provider is no friend of the others' (RFC 9700 §4.4).
    let mut thing = json!({
        "name": provider.name, "preset": provider.preset, "protocol": protocol,
        "enabled": false, "login_enabled": true, "own_callback": protocol == "oidc",
    });
    if protocol == "oidc" {
        thing["oidc"] = json!({"discover": true});
    } else {
        thing["saml"] = json!({"sign_requests": true, "single_logout": true, "offer_encryption": true});
    }
    let hidden = vec![("preset", provider.preset.to_owned()), ("protocol", protocol.to_owned())];
    Some((thing, hidden))
}

/// The page that asks for provider and protocol.
#[derive(Debug, Template, WebTemplate)]
#[template(path = "admin/choose_provider.html")]
pub struct Choose {
    frame: Frame,
    failed: bool,
    list: String,
    oidc: Vec<Choice>,
    saml: Vec<Choice>,
}

/// A provider and a protocol to choose.
#[derive(Clone, Debug)]
pub struct Choice {
    /// As people know it.
    pub title: &'static str,
    /// Where its form is.
    pub href: String,
}

/// What there is to choose over OpenID Connect, and over SAML; `page` is that of the form.
#[must_use]
pub fn choices(page: &str) -> [Vec<Choice>; 2] {
    let choice =
        |p: &Provider, protocol: &str| Choice { title: p.title, href: format!("{page}?preset={}&protocol={protocol}", p.preset) };
    let oidc = PROVIDERS.iter().filter(|p| p.oidc.is_some()).map(|p| choice(p, "oidc")).collect();
    let saml = PROVIDERS.iter().filter(|p| p.saml.is_some()).map(|p| choice(p, "saml")).collect();
    [oidc, saml]
}

/// Asks for provider and protocol.
#[must_use]
pub fn choose(app: &App, caller: &Caller, place: &Place) -> Choose {
    let frame = Frame::of_tenant(app, caller, &place.tenant, place.noun.name, "Which provider?");
    let list = place.list();
    let [oidc, saml] = choices(&format!("{list}/new"));
    Choose { frame, failed: false, list, oidc, saml }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{connector::presets::preset, policy::connection::Protocol};

    #[test]
    fn each_provider_has_a_preset_and_speaks_what_it_is_offered_for() {
        for provider in &PROVIDERS {
            let known = preset(provider.preset).unwrap_or_else(|| panic!("{}", provider.preset));
            assert_eq!(
                (known.oidc.is_some(), known.saml.is_some()),
                (provider.oidc.is_some(), provider.saml.is_some()),
                "{}",
                provider.preset
            );
            assert!(provider.name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'), "{}", provider.name);
        }
    }

    #[test]
    fn a_new_connection_is_a_draft_of_what_was_chosen() {
        let asked = |preset: &'static str, protocol: &'static str| {
            beginning(&|name| Some(if name == "preset" { preset } else { protocol }.to_owned()))
        };
        let (thing, hidden) = asked("okta", "saml").unwrap();
        assert_eq!(
            (&thing["enabled"], &thing["protocol"], &thing["saml"]["sign_requests"]),
            (&json!(false), &json!("saml"), &json!(true))
        );
        assert_eq!(hidden, [("preset", "okta".to_owned()), ("protocol", "saml".to_owned())]);
        assert_eq!(asked("entra", "oidc").unwrap().0["own_callback"], true);
        for (preset, protocol) in
            [("cognito", "saml"), ("rippling", "oidc"), ("nobody", "oidc"), ("okta", Protocol::Oidc.as_str()), ("okta", "ldap")]
        {
            assert_eq!(asked(preset, protocol).is_some(), preset == "okta" && protocol == "oidc", "{preset} {protocol}");
        }
    }
}
