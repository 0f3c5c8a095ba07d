//! Help with a new connection: first which provider and which protocol, then what to do there, in its own words and beside
//! the form, with the values to copy.

pub mod directories;
mod providers;
mod steps;

use askama::Template;
use askama_web::WebTemplate;
use serde_json::{Value, json};

use super::{caller::Caller, fields::Noun, frame::Frame, things::Place};
use crate::{
    admin::{directory_tokens::base_url, inspection},
    app::App,
    connector::saml::{certificate, credentials::Usage},
    saml_keys,
    store::{StoreError, connections, tenants::Tenant},
};
use providers::{PROVIDERS, Provider};
pub use steps::Reader;
use steps::told;

/// What to do elsewhere, beside a form.
#[derive(Clone, Debug)]
pub struct Guide {
    /// `At Okta`.
    pub title: String,
    /// In order; may be empty.
    pub steps: Vec<String>,
    /// Values to copy.
    pub copies: Vec<Copied>,
    /// The name that the values hold and that may still be another: they follow what is typed.
    pub follows: Option<String>,
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
    /// How it is made of what is typed, if of anything.
    pub made: Option<Made>,
}

/// A value that is made of what is typed: with [`NAME`] where the name goes.
#[derive(Clone, Debug)]
pub struct Made {
    /// While the connection has a callback URL of its own.
    pub own: String,
    /// While it has the one that all share.
    pub shared: String,
}

/// The address of our metadata.
const METADATA: &str = "Metadata of gatehouse";
/// Stands for a name that is not known yet.
pub const NAME: &str = "{name}";

impl Copied {
    /// Whether it has several lines.
    #[must_use]
    pub fn is_long(&self) -> bool {
        self.value.contains('\n')
    }

    /// A value that is what it is.
    #[must_use]
    pub fn new(name: &'static str, there: &'static str, value: String) -> Self {
        Self { name, there, value, made: None }
    }
}

/// The guide beside this thing's form, if there is one.
///
/// # Errors
/// What the database says.
pub async fn of(app: &App, tenant: &Tenant, noun: &Noun, thing: &Value) -> Result<Option<Guide>, StoreError> {
    match noun.name {
        "connections" => {
            let mut guide = of_connection(app, tenant, thing, Reader::Operator).await;
            guide.copies.push(Copied::new("SCIM URL", "", base_url(app)));
            Ok(Some(guide))
        }
        "directories" => {
            let connection = match thing["connection"].as_str().filter(|name| !name.contains('\0')) {
                Some(name) => connections::find_by_name(&app.db, &tenant.id, name).await?,
                None => None,
            };
            Ok(Some(directories::of(app, connection.and_then(|c| c.settings.preset).as_deref(), Reader::Operator)))
        }
        _ => Ok(None),
    }
}

/// Of a connection, as it is stored or as it is typed so far.
pub async fn of_connection(app: &App, tenant: &Tenant, thing: &Value, reader: Reader) -> Guide {
    let is_saml = thing["protocol"] == "saml";
    let provider = thing["preset"].as_str().and_then(named);
    let words = provider.and_then(|p| if is_saml { p.saml.as_ref() } else { p.oidc.as_ref() });
    let called = named_so(thing);
    let copied = |name, there, [own, shared]: [String; 2]| {
        let value = if thing["own_callback"] == true { &own } else { &shared }.replace(NAME, called);
        Copied { name, there, value, made: Some(Made { own, shared }) }
    };
    let callback = |own: bool| inspection::callback(app, tenant, &json!({"name": NAME, "own_callback": own}));
    let at = |what: &str| {
        let url = format!("{}/saml/{}/{NAME}/{what}", app.issuer(), tenant.name);
        [url.clone(), url]
    };
    let mut copies = vec![copied("Callback URL", words.map_or("", |w| w.callback), [callback(true), callback(false)])];
    if is_saml {
        copies.push(copied("Entity ID", words.map_or("", |w| w.entity_id), at("metadata")));
        copies.push(copied(METADATA, "", at("metadata")));
        copies.push(copied("Single logout URL", "", at("slo")));
        copies.extend(certificates(app).await);
    } else {
        let keys = format!("{}/oauth2/jwks", app.issuer());
        copies.push(Copied::new("JWKS URL of gatehouse", "for private_key_jwt and signed requests", keys));
    }
    let title = format!("At {}", provider.map_or("the provider", |p| p.title));
    let steps = words.map_or_else(Vec::new, |words| told(words.steps, reader));
    Guide { title, steps, copies, follows: None }
}

/// Our certificates that providers verify signed requests by: the one in use, and its successor once there is one.
async fn certificates(app: &App) -> Vec<Copied> {
    if let Err(e) = saml_keys::ready(app).await {
        tracing::warn!(cause = %e, "our SAML certificates cannot be shown");
    }
    let now = app.clock.now();
    let current = app.credentials.signing(now).map(|c| c.active_from);
    let published = app.credentials.published(Usage::Sign, now).into_iter();
    let later = published.filter(|c| current.is_some_and(|at| at <= c.active_from));
    let name = |at: i64| if Some(at) == current { "Signing certificate" } else { "Signing certificate, the next" };
    later.map(|c| Copied::new(name(c.active_from), "", certificate::pem(&c.certificate))).collect()
}

/// What the connection is called, as far as that can be its name.
fn named_so(thing: &Value) -> &str {
    let is_name = |name: &&str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    thing["name"].as_str().filter(is_name).unwrap_or(NAME)
}

impl Guide {
    /// Of a connection whose name is still being typed, and whose metadata nobody can read yet.
    #[must_use]
    pub fn following(mut self, thing: &Value) -> Self {
        for metadata in self.copies.iter_mut().filter(|copied| copied.name == METADATA) {
            metadata.there = "there once the draft is created, whatever is still missing in it";
        }
        Self { follows: Some(named_so(thing).to_owned()), ..self }
    }
}

/// Most names that are tried for a new connection.
const TRIED: u32 = 50;

/// A name that no connection of the tenant has: `okta-2` where there is `okta`; none where so many are taken that somebody
/// must think of one.
///
/// # Errors
/// What the database says.
pub async fn free_name(app: &App, tenant: &Tenant, name: &str) -> Result<Option<String>, StoreError> {
    for number in 1..=TRIED {
        let name = if number == 1 { name.to_owned() } else { format!("{name}-{number}") };
        if connections::find_by_name(&app.db, &tenant.id, &name).await?.is_none() {
            return Ok(Some(name));
        }
    }
    Ok(None)
}

fn named(preset: &str) -> Option<&'static Provider> {
    PROVIDERS.iter().find(|p| p.preset == preset)
}

/// What people call the provider of a preset.
#[must_use]
pub fn title(preset: &str) -> Option<&'static str> {
    named(preset).map(|provider| provider.title)
}

/// Each preset, with what people call its provider.
pub fn titles() -> impl Iterator<Item = (&'static str, &'static str)> {
    PROVIDERS.iter().map(|provider| (provider.preset, provider.title))
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
