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

#[cfg(test)]
mod tests {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    use openssl::nid::Nid;

    use super::*;
    use crate::connector::saml::metadata::tests::made::{self, NOW};

    fn provider(certificates: &[&String]) -> Provider {
        Provider {
            entity_id: "idp".into(),
            sso: vec![],
            slo: vec![],
            certificates: certificates.iter().map(|c| (*c).clone()).collect(),
            wants_signed_requests: false,
            valid_until: None,
            cache_duration: None,
        }
    }

    #[test]
    fn one_common_key_vouches_for_the_rest() {
        let key = made::ec(Nid::X9_62_PRIME256V1);
        let [old, renewed] = [NOW, NOW + 1].map(|end| STANDARD.encode(made::certificate(&key, "x", end)));
        let (next, other) = (made::fresh(), made::fresh());
        let change = |a: &[&String], b: &[&String]| compare(&provider(a), &provider(b)).map(|c| (c.added.len(), c.removed.len()));
        assert_eq!(change(&[&old], &[&old]), Ok((0, 0)));
        assert_eq!(change(&[&old], &[&old, &next]), Ok((1, 0)), "announced");
        assert_eq!(change(&[&old, &next], &[&next]), Ok((0, 1)), "gone");
        assert_eq!(change(&[&old], &[&renewed]), Ok((1, 1)), "the same key under a new certificate");
        assert_eq!(change(&[&old], &[&next]), Err(Stranger::Keys));
        assert_eq!(change(&[&old, &other], &[&next]), Err(Stranger::Keys));
        let renamed = Provider { entity_id: "IDP".into(), ..provider(&[&old]) };
        assert_eq!(compare(&provider(&[&old]), &renamed), Err(Stranger::Entity("IDP".into())));
        let longer = Provider { valid_until: Some(NOW), ..provider(&[&old]) };
        assert!(compare(&provider(&[&old]), &longer).unwrap().is_none());
        let wants = Provider { wants_signed_requests: true, ..provider(&[&old]) };
        assert!(compare(&provider(&[&old]), &wants).unwrap().endpoints);
    }
}
