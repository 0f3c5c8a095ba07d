//! A look at a provider before its settings are saved, for pages and API alike: nothing is written, and nobody may ask for it
//! without end.

use axum::http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use super::desk::{Desk, nothing};
use crate::{
    app::App,
    apply::single::{self, Draft, Fault, Noun},
    body,
    connector::{
        check::{self, Asked},
        presets,
    },
    error::ApiError,
    oauth::error::{Code, error},
    outbound::Probe,
    policy::{
        finding::{Finding, Mark},
        identity::EmailTrust,
    },
    store::{StoreError, domains, tenants::Tenant},
    token,
};

/// Whose look it is.
#[derive(Clone, Copy, Debug)]
pub struct Onlooker<'a> {
    /// What their looks are counted under.
    pub key: &'a str,
    /// Whether they run the deployment, and may read what is behind a refusal.
    pub platform: bool,
}

/// Whether things of this noun can be looked at.
#[must_use]
pub fn covers(noun: Noun) -> bool {
    matches!(noun, Noun::Connections | Noun::TrustedIssuers)
}

/// What is found where the settings in `thing` lead.
///
/// # Errors
/// They have asked too often; the seconds until they may again.
pub async fn look(app: &App, who: Onlooker<'_>, tenant: &Tenant, noun: Noun, thing: &Value) -> Result<Vec<Finding>, i64> {
    app.limits.checks.take(who.key)?;
    let (draft, faults) = single::draft(tenant, noun, thing);
    let probe = Probe::new(&app.outbound, who.platform);
    let found = match draft {
        Some(Draft::Connection(protocol, settings)) => {
            let callback = callback(app, tenant, thing);
            let asked = Asked { probe, callback: &callback, now: app.clock.now() };
            let mut found = check::check(&settings, protocol, &asked).await;
            // What the database does not say now, the page will.
            found.extend(standing(app, tenant, thing).await.unwrap_or_default());
            found
        }
        Some(Draft::Issuer(settings)) => token::check::check(&settings, probe).await,
        None => Vec::new(),
    };
    Ok(faulty(&faults, &found).chain(found.clone()).collect())
}

/// What of a connection's settings somebody should look at whatever the provider says: who could come in, and who could not.
///
/// # Errors
/// What the database says.
pub async fn standing(app: &App, tenant: &Tenant, thing: &Value) -> Result<Vec<Finding>, StoreError> {
    let (Some(Draft::Connection(protocol, settings)), _) = single::draft(tenant, Noun::Connections, thing) else {
        return Ok(Vec::new());
    };
    let settings = presets::filled(&settings, protocol);
    let mut found = Vec::new();
    if settings.email_trust() == EmailTrust::Domain && domains::of_tenant(&app.db, &tenant.id).await?.is_empty() {
        let text = "An e-mail address from this provider counts only in a proven domain of the organisation, and there is none: \
                    nobody new can come in by their address. Prove the domain under Domains, or choose otherwise when the e-mail \
                    address links to a user.";
        found.push(Finding::warning("email_trust", text));
    }
    let is_google = settings.preset.as_deref().is_some_and(|name| name.eq_ignore_ascii_case("google"));
    if is_google && settings.oidc.as_ref().is_some_and(|oidc| oidc.hosted_domains.is_empty()) {
        let text = "No Google Workspace domains are named: everybody with a Google account may come in.";
        found.push(Finding::warning("oidc.hosted_domains", text));
    }
    Ok(found)
}

/// What is wrong before anything is asked. What is not there yet is no mistake of somebody who is still typing, and of what
/// was looked at the look itself says more.
fn faulty<'a>(faults: &'a [Fault], found: &'a [Finding]) -> impl Iterator<Item = Finding> + 'a {
    let judged = |fault: &&Fault| !found.iter().any(|f| f.path == fault.path && f.mark == Mark::Wrong);
    faults.iter().filter(judged).map(|fault| {
        let mark = if is_missing(fault) { Mark::Note } else { Mark::Wrong };
        Finding::new(mark, fault.path.clone(), fault.text.clone())
    })
}

/// The callback URL that a connection has, or will have.
#[must_use]
pub fn callback(app: &App, tenant: &Tenant, thing: &Value) -> String {
    let name = thing["name"].as_str().filter(|name| !name.is_empty()).unwrap_or("{name}");
    let own = if thing["own_callback"] == true { format!("/{}/{name}", tenant.name) } else { String::new() };
    format!("{}/oauth2/callback{own}", app.issuer())
}

/// `POST /api/v1/tenants/{tenant}/{noun}/{name}/check`: looks where the body leads; without one, where the stored settings do.
pub async fn check(desk: Desk, headers: HeaderMap, bytes: axum::body::Bytes) -> Result<axum::response::Response, ApiError> {
    let (tenant, noun, name) = desk.thing()?;
    if !covers(noun) {
        return Err(nothing());
    }
    let mut thing: Value = match bytes.is_empty() {
        true => single::show(&desk.app.db, &desk.app.sealer, tenant, noun, name).await?.ok_or_else(nothing)?,
        false => body::read(&headers, &bytes)?,
    };
    thing["name"] = name.into();
    let who = Onlooker { key: desk.asker.key(), platform: desk.asker.is_platform() };
    let found = look(&desk.app, who, tenant, noun, &thing).await.map_err(too_often)?;
    let mut missing = missing(tenant, noun, &thing);
    if bytes.is_empty() && noun == Noun::Connections && lacks_secret(tenant, &thing) {
        missing.push(Fault { path: "oidc.client_secret".to_owned(), text: NO_SECRET.to_owned() });
    }
    let usable = missing.is_empty() && !found.iter().any(|f| f.mark == Mark::Wrong);
    Ok(body::answer(StatusCode::OK, &json!({ "usable": usable, "missing": missing, "findings": found })))
}

/// What the settings do not say yet: what is still being typed may go without, and nobody signs in over it.
fn missing(tenant: &Tenant, noun: Noun, thing: &Value) -> Vec<Fault> {
    let (_, faults) = single::draft(tenant, noun, thing);
    faults.into_iter().filter(is_missing).collect()
}

const NO_SECRET: &str = "client_secret is missing: copy it from the provider, or choose how we prove ourselves without one";

/// Whether a stored connection needs a secret and has none.
fn lacks_secret(tenant: &Tenant, thing: &Value) -> bool {
    let (Some(Draft::Connection(_, settings)), _) = single::draft(tenant, Noun::Connections, thing) else { return false };
    let has = thing["secrets"].as_array().is_some_and(|all| all.iter().any(|name| name == "oidc.client_secret"));
    !has && settings.oidc.is_some_and(|oidc| oidc.needs_secret())
}

fn is_missing(fault: &Fault) -> bool {
    fault.text.contains(" is missing") || fault.text.contains(" needs ")
}

/// Whoever asks too often is told when they may again.
#[must_use]
pub fn too_often(wait: i64) -> ApiError {
    let e = error(Code::SlowDown, "too many checks; try again later");
    ApiError { retry_after: Some(wait), muted: true, ..e.into() }
}
