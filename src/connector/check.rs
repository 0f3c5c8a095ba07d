//! Looks at a provider as a sign-in would, for the administrator who types its settings: by the same readers, and with
//! nothing kept.

use super::{oidc, presets, saml};
use crate::{
    outbound::Probe,
    policy::{
        connection::{ConnectionSettings, Protocol},
        finding::Finding,
    },
};

/// Who asks, and what else they should know.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The way to the provider.
    pub probe: Probe<'a>,
    /// Our callback URL, to be registered there.
    pub callback: &'a str,
    /// Unix seconds.
    pub now: i64,
}

/// What can be said of the settings of a connection.
pub async fn check(settings: &ConnectionSettings, protocol: Protocol, asked: &Asked<'_>) -> Vec<Finding> {
    let mut settings = settings.clone();
    // An unknown preset is a problem of its own; what was typed can be looked at all the same.
    let _ = presets::apply(&mut settings, protocol);
    match protocol {
        Protocol::Oidc => oidc::check::check(&settings, asked).await,
        Protocol::Saml => saml::check::check(&settings, asked).await,
    }
}
