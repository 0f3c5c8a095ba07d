//! From a stored connection to a provider that can be believed: from its metadata, or by hand.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{
    Opened,
    credentials::Credentials,
    metadata::{self, Endpoint, Provider},
    sp_metadata::Addresses,
};
use crate::{
    connector::{Error, presets, registry::StoredConnection},
    policy::{
        cause::Cause,
        connection::Protocol,
        saml::{Binding, SamlSettings},
    },
};

/// `issuer` is ours; with the connection's names it makes our entity id.
pub(super) fn open(connection: &StoredConnection<'_>, issuer: &str, credentials: &Credentials) -> Result<Opened, Error> {
    let mut settings = connection.settings.clone();
    presets::apply(&mut settings, Protocol::Saml).map_err(wrong)?;
    let problems = settings.problems();
    let (Some(saml), true) = (settings.saml.clone(), problems.is_empty()) else {
        return Err(wrong(problems.join("; ")));
    };
    let held = connection.provider.as_ref().map(|(_, provider)| provider);
    let provider = provider(held, &saml).map_err(wrong)?;
    let certificates = certificates(&provider).map_err(wrong)?;
    if saml.allow_sha1 {
        tracing::warn!(
            tenant = connection.tenant,
            connection = connection.name,
            "allow_sha1 is set: signatures over SHA-1 can be forged by whoever pays for a collision; let the provider sign with SHA-256"
        );
    }
    let entity_id = Addresses::entity_id(issuer, connection.tenant, connection.name);
    Ok(Opened { settings, saml, provider, certificates, entity_id, credentials: credentials.clone() })
}

fn wrong(why: String) -> Error {
    Error::Misconfigured(Cause::Settings.with(why))
}

/// The provider that the settings name, or `held`, what its metadata address gave.
pub(super) fn provider(held: Option<&Arc<Provider>>, saml: &SamlSettings) -> Result<Arc<Provider>, String> {
    if let Some(xml) = &saml.metadata_xml {
        let signers = read_all("metadata_certificates", &saml.metadata_certificates)?;
        // Whether it is still valid is asked at each use.
        return metadata::read(xml, saml.idp_entity_id.as_deref(), &signers, 0).map(Arc::new);
    }
    if saml.metadata_url.is_none() {
        return by_hand(saml).map(Arc::new);
    }
    let Some(provider) = held else {
        return Err("the provider's metadata has not been read yet; see whether metadata_url can be reached from here".to_owned());
    };
    // Pinned by the settings: metadata that names another speaks for another.
    match saml.idp_entity_id.as_deref().is_none_or(|pinned| pinned == provider.entity_id) {
        true => Ok(Arc::clone(provider)),
        false => Err(format!("the metadata is of {:?}, not of idp_entity_id; correct one of them", provider.entity_id)),
    }
}

fn by_hand(saml: &SamlSettings) -> Result<Provider, String> {
    let endpoint = |url: &Option<String>, binding: Binding| {
        url.iter().map(|url| Endpoint { binding, location: url.clone(), response_location: None }).collect()
    };
    let binding = saml.request_binding.unwrap_or(Binding::Redirect);
    let certificates = read_all("certificates", &saml.certificates)?;
    Ok(Provider {
        entity_id: saml.idp_entity_id.clone().unwrap_or_default(),
        sso: endpoint(&saml.sso_url, binding),
        slo: endpoint(&saml.slo_url, binding),
        certificates: certificates.iter().map(|der| STANDARD.encode(der)).collect(),
        wants_signed_requests: false,
        valid_until: None,
        cache_duration: None,
    })
}

fn read_all(field: &str, texts: &[String]) -> Result<Vec<Vec<u8>>, String> {
    let read =
        |(at, text): (usize, &String)| metadata::certificate(text).map_err(|why| format!("{field}, number {}: {why}", at + 1));
    texts.iter().enumerate().map(read).collect()
}

/// Without a certificate nothing the provider says could be verified, and samael would take that for "no signature needed".
fn certificates(provider: &Provider) -> Result<Vec<Vec<u8>>, String> {
    let read: Result<Vec<_>, _> = provider.certificates.iter().map(|text| STANDARD.decode(text)).collect();
    let read = read.map_err(|_| "a certificate of the provider is not base64".to_owned())?;
    match read.is_empty() || provider.entity_id.is_empty() {
        true => Err("the provider has no entity id or no signing certificate: nothing it says could be verified".to_owned()),
        false => Ok(read),
    }
}

#[cfg(test)]
#[path = "open_tests.rs"]
mod tests;
