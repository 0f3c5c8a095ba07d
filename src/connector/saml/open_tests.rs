//! What a stored connection must have before it opens.

use super::*;
use crate::{connector::saml::forge::Signer, policy::connection::ConnectionSettings};

fn opened(saml: SamlSettings, provider: Option<Provider>) -> Result<Opened, String> {
    let settings = ConnectionSettings { saml: Some(saml), ..ConnectionSettings::default() };
    let connection = StoredConnection {
        id: "1",
        version: 1,
        protocol: Protocol::Saml,
        settings: &settings,
        secret: None,
        tenant: "acme",
        name: "idp",
        provider: provider.map(|provider| (1, Arc::new(provider))),
    };
    open(&connection, "https://gate.test", &Credentials::default()).map_err(|e| e.to_string())
}

fn by_hand(certificates: Vec<String>) -> SamlSettings {
    SamlSettings {
        idp_entity_id: Some("https://idp.test".into()),
        sso_url: Some("https://idp.test/sso".into()),
        certificates,
        ..SamlSettings::default()
    }
}

#[test]
fn a_provider_by_hand_takes_certificates_in_each_writing() {
    let der = Signer::rsa(2048).certificate;
    let base64 = STANDARD.encode(&der);
    let pem = format!("-----BEGIN CERTIFICATE-----\n{base64}\n-----END CERTIFICATE-----\n");
    let opened_by_hand = opened(by_hand(vec![pem, base64]), None).unwrap();
    assert_eq!(opened_by_hand.certificates, [der.clone(), der]);
    assert_eq!(opened_by_hand.entity_id, "https://gate.test/saml/acme/idp/metadata");
    assert_eq!(opened_by_hand.provider.sso[0].binding, Binding::Redirect);
    assert_eq!(opened_by_hand.settings.unique_id_claims(), [presets::NAME_ID]);
}

#[test]
fn nothing_opens_without_a_certificate() {
    for certificates in [vec![], vec!["".into()], vec!["junk".into()], vec!["QUJD".into()]] {
        let error = opened(by_hand(certificates), None).err().unwrap();
        assert!(error.contains("certificate"), "{error}");
    }
    let weak = STANDARD.encode(Signer::rsa(1024).certificate);
    assert!(opened(by_hand(vec![weak]), None).err().unwrap().contains("number 1"));
    let url = SamlSettings { metadata_url: Some("https://idp.test/metadata".into()), ..SamlSettings::default() };
    assert!(opened(url.clone(), None).err().unwrap().contains("not been read yet"));
    let provider = Provider {
        entity_id: "https://idp.test".into(),
        sso: vec![],
        slo: vec![],
        certificates: vec![STANDARD.encode(Signer::ec().certificate)],
        wants_signed_requests: false,
        valid_until: None,
        cache_duration: None,
    };
    assert!(opened(url.clone(), Some(provider.clone())).is_ok());
    let bare = Provider { certificates: vec![], ..provider.clone() };
    assert!(opened(url.clone(), Some(bare)).err().unwrap().contains("no signing certificate"));
    let pinned = SamlSettings { idp_entity_id: Some("https://other.test".into()), ..url };
    assert!(opened(pinned, Some(provider)).err().unwrap().contains("idp_entity_id"));
}
