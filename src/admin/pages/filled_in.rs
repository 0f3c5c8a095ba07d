//! What a guest of a set-up link has made of a draft, on its page: whoever switches it on answers for it.

use serde_json::Value;

use super::{guide, sheet::Notice};
use crate::{
    app::App,
    connector::presets,
    error::PageError,
    policy::{connection::Protocol, identity::EmailTrust},
    store::{
        audit::{self, Entry},
        connections,
        tenants::Tenant,
    },
};

/// Of a draft that a guest has filled in: which provider and issuer it has by now, whose addresses it is trusted with, and what
/// each was before. Of any other connection nothing.
///
/// # Errors
/// When the database does not answer.
pub async fn notice(app: &App, tenant: &Tenant, name: &str) -> Result<Option<Notice>, PageError> {
    let found = connections::find_by_name(&app.db, &tenant.id, name).await?;
    let Some(connection) = found.filter(|connection| !connection.enabled) else { return Ok(None) };
    let subject = format!("connection {}/{name}", tenant.name);
    let entries = audit::of_guests(&app.db, &tenant.id, &subject, connection.created_at).await?;
    if entries.is_empty() {
        return Ok(None);
    }
    let (settings, protocol) = (&connection.settings, connection.protocol);
    let issuer = match protocol {
        Protocol::Oidc => settings.oidc.as_ref().map(|oidc| oidc.issuer.clone()),
        Protocol::Saml => {
            settings.saml.as_ref().and_then(|saml| saml.idp_entity_id.clone().or_else(|| saml.metadata_url.clone()))
        }
    };
    let trust = match presets::filled(settings, protocol).email_trust() {
        EmailTrust::Verified => "wherever the provider says that they are verified",
        EmailTrust::Domain => "in a proven domain of the organisation alone",
        EmailTrust::Never => "never",
    };
    let is = [
        ("the provider is", settings.preset.as_deref().map(title), was(&entries, "preset", title)),
        ("the issuer is", issuer, was_issuer(&entries)),
        ("e-mail addresses link to users here", Some(trust.to_owned()), was(&entries, "email_trust", str::to_owned)),
    ];
    let said = is.into_iter().filter_map(|(what, is, was)| {
        let is = is.filter(|is| !is.is_empty())?;
        Some(match was.filter(|was| *was != is) {
            Some(was) => format!("{what} {is} (before: {was})"),
            None => format!("{what} {is}"),
        })
    });
    let said: Vec<String> = said.collect();
    Ok(Some(format!("A guest of a set-up link has filled this in. Look before you switch it on: {}.", said.join("; ")).into()))
}

fn title(preset: &str) -> String {
    guide::title(preset).unwrap_or(preset).to_owned()
}

/// The issuer before guests came, also where they changed the protocol.
fn was_issuer(entries: &[Entry]) -> Option<String> {
    let fields = |entry: &Entry| {
        let of = |whole: &str, part: &str| {
            let changes = &entry.changes;
            changes
                .get(format!("{whole}.{part}"))
                .and_then(|change| change.get("was"))
                .or(changes[whole]["was"].get(part))
                .cloned()
        };
        of("oidc", "issuer").or(of("saml", "idp_entity_id"))
    };
    let found = entries.iter().find_map(fields);
    found.as_ref().and_then(Value::as_str).filter(|was| !was.is_empty()).map(str::to_owned)
}

/// What a field was before guests came.
fn was(entries: &[Entry], field: &str, told: impl Fn(&str) -> String) -> Option<String> {
    let said = |entry: &Entry| entry.changes.get(field).and_then(|change| change.get("was")).cloned();
    entries.iter().find_map(said).as_ref().and_then(Value::as_str).filter(|was| !was.is_empty()).map(told)
}
