//! The metadata that we publish of ourselves (SAML Metadata §2.4.4): one entity per connection, whose id is the address of
//! its metadata.

use super::{
    certificate,
    credentials::{Credentials, Usage},
    names::{AES128_GCM, AES256_GCM, DS, MD, OAEP_MGF1P, POST, REDIRECT, SAMLP},
    sign,
    write::{self, Out},
};
use crate::policy::{connection::ConnectionSettings, saml::SamlSettings};

/// What assertions may be encrypted with. AES-CBC is left out: without the integrity that GCM has, its padding tells an
/// attacker about the content.
const ENCRYPTION: [&str; 3] = [AES256_GCM, AES128_GCM, OAEP_MGF1P];
/// How long readers are asked to keep it: one day. A key is published far longer before its first use.
const CACHE_DURATION: &str = "P1D";

/// The media type of metadata.
pub const MEDIA_TYPE: &str = "application/samlmetadata+xml";

/// Where we are to be found, for one connection.
#[derive(Clone, Copy, Debug)]
pub struct Addresses<'a> {
    /// Our entity id: the address of the metadata.
    pub entity_id: &'a str,
    /// Where answers go (assertion consumer service).
    pub callback: &'a str,
    /// Where logout messages go.
    pub logout: &'a str,
}

impl Addresses<'_> {
    /// Our entity id for a connection of a tenant; `issuer` is the public URL without a slash at its end.
    #[must_use]
    pub fn entity_id(issuer: &str, tenant: &str, connection: &str) -> String {
        format!("{issuer}/saml/{tenant}/{connection}/metadata")
    }

    /// Our single-logout address for it.
    #[must_use]
    pub fn logout(issuer: &str, tenant: &str, connection: &str) -> String {
        format!("{issuer}/saml/{tenant}/{connection}/slo")
    }
}

/// The document. `settings` are filled from their preset. It changes only when the settings or our keys do, and says that
/// it is good until the youngest certificate in it ends.
#[must_use]
pub fn document(settings: &ConnectionSettings, addresses: &Addresses<'_>, credentials: &Credentials, now: i64) -> String {
    let default = SamlSettings::default();
    let saml = settings.saml.as_ref().unwrap_or(&default);
    let signing = credentials.published(Usage::Sign, now);
    let valid_until = signing.iter().filter_map(|c| certificate::ends_at(&c.certificate)).max().map(write::instant);
    let key =
        |usage: &str, certificate: &[u8]| Out::new("md:KeyDescriptor").attribute("use", usage).child(sign::key_info(certificate));
    let encryption = match saml.offer_encryption {
        true => credentials.offered_for_encryption(now),
        false => Vec::new(),
    };
    let encryption = encryption.iter().map(|c| {
        let methods = ENCRYPTION.map(|method| Out::new("md:EncryptionMethod").attribute("Algorithm", method));
        key("encryption", &c.certificate).children(methods)
    });
    let service =
        |name, binding: &str, location: &str| Out::new(name).attribute("Binding", binding).attribute("Location", location);
    let logout = [REDIRECT, POST].into_iter().filter(|_| saml.single_logout);
    // A format that cannot be asked for is a problem of the sign-in, which says so.
    let format = saml.name_id_format_uri().unwrap_or_default();
    let role = Out::new("md:SPSSODescriptor")
        .attribute("protocolSupportEnumeration", SAMLP)
        .attribute("AuthnRequestsSigned", if saml.sign_requests { "true" } else { "false" })
        .attribute("WantAssertionsSigned", "true")
        .children(signing.iter().map(|c| key("signing", &c.certificate)))
        .children(encryption)
        .children(logout.map(|binding| service("md:SingleLogoutService", binding, addresses.logout)))
        .children(format.map(|format| Out::new("md:NameIDFormat").text(format)))
        .child(
            service("md:AssertionConsumerService", POST, addresses.callback)
                .attribute("index", "0")
                .attribute("isDefault", "true"),
        );
    let entity = Out::new("md:EntityDescriptor")
        .attribute("xmlns:md", MD)
        .attribute("xmlns:ds", DS)
        .attribute("entityID", addresses.entity_id)
        .attribute_if("validUntil", valid_until)
        .attribute("cacheDuration", CACHE_DURATION)
        .child(role);
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{}\n", entity.to_xml())
}

#[cfg(test)]
mod tests {
    use base64::{Engine as _, engine::general_purpose::STANDARD};

    use super::{
        super::{certificate::Material, credentials::Credential},
        *,
    };

    const ADDRESSES: Addresses<'static> = Addresses {
        entity_id: "https://gate.example/saml/acme/idp/metadata",
        callback: "https://gate.example/oauth2/callback",
        logout: "https://gate.example/saml/acme/idp/slo",
    };

    /// Made at `at`, in use 100 later, its certificate good for 1000.
    fn credential(usage: Usage, at: i64, expires_at: Option<i64>) -> Credential {
        Material::generate(usage, "localhost", at, at + 1_000).unwrap().open(usage, at, at + 100, expires_at).unwrap()
    }

    /// Which of `credentials` stand in the document for `usage`, in its order.
    fn shown(document: &str, usage: &str, credentials: &[Credential]) -> Vec<usize> {
        let descriptors = document.split("<md:KeyDescriptor use=\"").skip(1).filter(|d| d.starts_with(usage));
        let certificate = |c: &Credential| STANDARD.encode(&c.certificate);
        descriptors.map(|d| credentials.iter().position(|c| d.contains(&certificate(c))).unwrap()).collect()
    }

    fn with(saml: SamlSettings) -> ConnectionSettings {
        ConnectionSettings { saml: Some(saml), ..ConnectionSettings::default() }
    }

    #[test]
    fn it_is_valid_and_complete() {
        let all = vec![credential(Usage::Sign, -100, None), credential(Usage::Encrypt, -100, None)];
        let credentials = Credentials::default();
        credentials.replace(all.clone());
        let whole = document(
            &with(SamlSettings { name_id_format: Some("persistent".into()), ..SamlSettings::default() }),
            &ADDRESSES,
            &credentials,
            0,
        );
        for part in [
            "entityID=\"https://gate.example/saml/acme/idp/metadata\" validUntil=\"1970-01-01T00:15:00Z\" cacheDuration=\"P1D\">",
            "AuthnRequestsSigned=\"true\" WantAssertionsSigned=\"true\"",
            "aes256-gcm\"/><md:EncryptionMethod Algorithm=\"http://www.w3.org/2009/xmlenc11#aes128-gcm\"/>",
            "#rsa-oaep-mgf1p\"/></md:KeyDescriptor><md:SingleLogoutService",
            "HTTP-Redirect\" Location=\"https://gate.example/saml/acme/idp/slo\"/>",
            "HTTP-POST\" Location=\"https://gate.example/saml/acme/idp/slo\"/>\
             <md:NameIDFormat>urn:oasis:names:tc:SAML:2.0:nameid-format:persistent</md:NameIDFormat><md:AssertionConsumerService",
            "HTTP-POST\" Location=\"https://gate.example/oauth2/callback\" index=\"0\" isDefault=\"true\"/></md:SPSSODescriptor>",
        ] {
            assert!(whole.contains(part), "{part} in {whole}");
        }
        assert!(!whole.contains("cbc"));
        let read: samael::metadata::EntityDescriptor = whole.parse().unwrap();
        assert_eq!(read.sp_sso_descriptors.unwrap().len(), 1, "another reader takes it");

        let spare =
            SamlSettings { sign_requests: false, offer_encryption: false, single_logout: false, ..SamlSettings::default() };
        let spare = document(&with(spare), &ADDRESSES, &credentials, 0);
        for left_out in ["AuthnRequestsSigned=\"true\"", "\"encryption\"", "SingleLogoutService", "NameIDFormat"] {
            assert!(!spare.contains(left_out), "{left_out} in {spare}");
        }
        assert_eq!(shown(&spare, "signing", &all), [0], "logout messages are signed in any case");
    }

    #[test]
    fn a_successor_is_shown_before_its_use_and_a_predecessor_only_while_it_counts() {
        let mut all = Vec::new();
        for usage in Usage::ALL {
            all.push(credential(usage, -100, Some(700)));
            all.push(credential(usage, 500, None));
        }
        let credentials = Credentials::default();
        credentials.replace(all.clone());
        let at = |now| {
            let document = document(&with(SamlSettings::default()), &ADDRESSES, &credentials, now);
            (shown(&document, "signing", &all), shown(&document, "encryption", &all))
        };
        assert_eq!(at(0), (vec![0], vec![2]));
        assert_eq!(at(500), (vec![0, 1], vec![2, 3]), "the successor second: providers take the first");
        assert_eq!(at(600), (vec![0, 1], vec![3]), "nobody is to encrypt for the old key any more");
        assert_eq!(at(700), (vec![1], vec![3]));
        let used = |now| all.iter().position(|c| c.certificate == credentials.signing(now).unwrap().certificate);
        assert_eq!([used(0), used(599), used(600)], [Some(0), Some(0), Some(1)]);
        assert_eq!(credentials.published(Usage::Encrypt, 699).len(), 2, "and still it decrypts");
        assert!(!credentials.complete(-1) && credentials.complete(0));
    }
}
