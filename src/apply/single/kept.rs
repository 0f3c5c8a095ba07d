//! What a body leaves out and what stays nevertheless: secrets, which nobody is told and so nobody can repeat, and the
//! domains of a tenant.
//!
//! A secret that was typed for one place stays for that place alone: else whoever may change a connection could have it sent
//! to a server of their own, and read there what nobody shows them here.

use serde_json::{Map, Value};

use super::{Fault, Order, Refusal, show::Found};
use crate::{
    apply::{issuers::secrets_of, nouns::secret_of},
    policy::{connection::ConnectionSettings, trusted_issuer::IssuerSettings},
    store::{On, directory_tokens, domains, trusted_issuers::TrustedIssuer},
};

/// What proves who we are without a secret.
const WITHOUT: [&str; 2] = ["private_key_jwt", "none"];

/// Fills in what stays and can be read; the answer names the secret that stays and cannot.
pub async fn fill(
    on: &mut On<'_>,
    order: &Order<'_>,
    old: Option<&Found>,
    fields: &mut Map<String, Value>,
) -> Result<Option<&'static str>, Refusal> {
    match old {
        Some(Found::Tenant(tenant)) if !fields.contains_key("domains") => {
            let domains = domains::of_tenant(&mut *on, &tenant.id).await?;
            fields.insert("domains".to_owned(), domains.into());
        }
        Some(Found::Connection(old)) => {
            // A draft that stays one may go on lacking what is due when it is enabled.
            fields.entry("enabled").or_insert(old.enabled.into());
            if let (Some(secret), Some(part)) = (secret_of(order.sealer, old)?, part(fields, "oidc"))
                && wants(part, "client_secret", "token_endpoint_auth_method")
            {
                if let Some(change) = leaves(&old.settings, fields) {
                    return Err(anew("oidc.client_secret", change));
                }
                insert(fields, "oidc", "client_secret", secret);
            }
        }
        Some(Found::Issuer(old)) => issuer(order, old, fields)?,
        // Saying again that somebody is shut out does not make it the sayer's doing.
        Some(Found::User(old)) if fields.get("active") == Some(&Value::Bool(old.active)) => {
            fields.remove("active");
        }
        Some(Found::Client(old)) => {
            let stays = old.secret_fingerprint.is_some() && wants(fields, "secret", "token_endpoint_auth_method");
            return Ok(stays.then_some("secret"));
        }
        Some(Found::Directory(old)) if !fields.contains_key("token") => {
            let tokens = directory_tokens::of_directory(&mut *on, &old.id).await?;
            return Ok(tokens.iter().any(|token| token.declared).then_some("token"));
        }
        Some(Found::ServiceToken(old)) if !fields.contains_key("token") => {
            return Ok(old.fingerprint.is_some().then_some("token"));
        }
        _ => {}
    }
    Ok(None)
}

fn issuer(order: &Order<'_>, old: &TrustedIssuer, fields: &mut Map<String, Value>) -> Result<(), Refusal> {
    let secrets = secrets_of(order.sealer, old)?;
    if let Some(secret) = secrets.introspection
        && let Some(endpoint) = asked_at(fields)
        && wants(fields, "introspection_client_secret", "introspection_auth")
    {
        if old.settings.introspection.as_ref().is_none_or(|old| old.endpoint != endpoint) {
            return Err(anew("introspection_client_secret", "introspection_endpoint"));
        }
        fields.insert("introspection_client_secret".to_owned(), secret.into());
    }
    if let (Some(secret), Some(part)) = (secrets.oauth_client, part(fields, "oauth_client"))
        && !part.contains_key("client_secret")
    {
        let was = token_endpoint(&old.settings);
        if part.get("token_endpoint").and_then(Value::as_str) != was {
            return Err(anew("oauth_client.client_secret", "token_endpoint"));
        }
        insert(fields, "oauth_client", "client_secret", secret);
    }
    Ok(())
}

fn token_endpoint(settings: &IssuerSettings) -> Option<&str> {
    settings.oauth_client.as_ref().map(|client| client.token_endpoint.as_str())
}

/// Where tokens are asked about, in either shape.
fn asked_at(fields: &Map<String, Value>) -> Option<String> {
    let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
    text(fields.get("introspection_endpoint"))
        .or_else(|| text(part(fields, "jwt_validation").and_then(|shape| shape.get("introspectEndpoint"))))
}

/// Whether nothing is said of the secret, and it has a use.
fn wants(fields: &Map<String, Value>, secret: &str, method: &str) -> bool {
    let method = fields.get(method).and_then(Value::as_str);
    !fields.contains_key(secret) && !method.is_some_and(|method| WITHOUT.contains(&method))
}

/// Which of the settings that say where a connection's secret is sent is another one than before.
fn leaves(old: &ConnectionSettings, fields: &Map<String, Value>) -> Option<&'static str> {
    let Some(was) = &old.oidc else { return Some("protocol") };
    let is = part(fields, "oidc")?;
    let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
    let discover = is.get("discover").is_none_or(|said| said.is_null() || *said == Value::Bool(true));
    [
        ("issuer", text(is.get("issuer")).as_deref() == Some(was.issuer.as_str())),
        ("discover", discover == was.discover),
        ("token_endpoint", text(is.get("token_endpoint")) == was.token_endpoint),
        ("preset", text(fields.get("preset")) == old.preset),
    ]
    .into_iter()
    .find(|(_, same)| !same)
    .map(|(name, _)| name)
}

fn anew(path: &'static str, change: &str) -> Refusal {
    let text =
        format!("type the secret anew: {change} is another one, and the secret is not sent elsewhere than it was meant for");
    Refusal::Faults(vec![Fault::new(path, text)])
}

fn part<'f>(fields: &'f Map<String, Value>, name: &str) -> Option<&'f Map<String, Value>> {
    fields.get(name).and_then(Value::as_object)
}

fn insert(fields: &mut Map<String, Value>, part: &str, name: &str, secret: String) {
    if let Some(part) = fields.get_mut(part).and_then(Value::as_object_mut) {
        part.insert(name.to_owned(), secret.into());
    }
}
