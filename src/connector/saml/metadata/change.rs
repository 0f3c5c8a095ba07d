//! What differs between the metadata that was accepted and a later document, and whether the provider's keys vouch for it.

use super::{Certificate, Provider};

/// What became different.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Signing certificates that came.
    pub added: Vec<Certificate>,
    /// Signing certificates that went.
    pub removed: Vec<Certificate>,
    /// Whether addresses or wishes differ.
    pub endpoints: bool,
}

impl Change {
    /// Whether anything differs that a person should know of; how long the document may be kept is not.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty() && !self.endpoints
    }
}

/// Why a later document is not believed by itself.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Stranger {
    /// It is about another provider.
    #[error("it names another entity id, {0:?}")]
    Entity(String),
    /// None of the known keys is in it.
    #[error("it shares no signing key with the metadata in use")]
    Keys,
}

/// Compares a later document with the accepted one. Keys count, not certificates: a certificate renewed over its key is the
/// same signer. Providers overlap the old key and the new one when they change it; a document that shows only keys never seen
/// may be somebody else's.
///
/// # Errors
/// When the later document must not be taken without somebody's word for it.
pub fn compare(accepted: &Provider, later: &Provider) -> Result<Change, Stranger> {
    if accepted.entity_id != later.entity_id {
        return Err(Stranger::Entity(later.entity_id.clone()));
    }
    let (old, new) = (accepted.signers(), later.signers());
    if !old.iter().any(|o| new.iter().any(|n| n.key == o.key)) {
        return Err(Stranger::Keys);
    }
    Ok(difference(accepted, later))
}

/// What differs, whoever vouches for it.
#[must_use]
pub fn difference(accepted: &Provider, later: &Provider) -> Change {
    let (old, new) = (accepted.signers(), later.signers());
    let without = |all: &[Certificate], others: &[Certificate]| {
        all.iter().filter(|c| !others.iter().any(|o| o.fingerprint == c.fingerprint)).cloned().collect()
    };
    Change {
        added: without(&new, &old),
        removed: without(&old, &new),
        endpoints: (&accepted.sso, &accepted.slo, accepted.wants_signed_requests)
            != (&later.sso, &later.slo, later.wants_signed_requests),
    }
}
