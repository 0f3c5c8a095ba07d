//! The metadata that we publish of ourselves (SAML Metadata §2.4.4): one entity per connection, whose id is the address of
//! its metadata.

use super::{
    certificate,
    credentials::{Credentials, Usage},
    sign,
    write::{self, Out},
};
use crate::policy::{connection::ConnectionSettings, saml::SamlSettings};

const MD: &str = "urn:oasis:names:tc:SAML:2.0:metadata";
const DS: &str = "http://www.w3.org/2000/09/xmldsig#";
const SAMLP: &str = "urn:oasis:names:tc:SAML:2.0:protocol";
const REDIRECT: &str = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect";
const POST: &str = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST";
/// What assertions may be encrypted with. AES-CBC is left out: without the integrity that GCM has, its padding tells an
/// attacker about the content.
const ENCRYPTION: [&str; 3] = [
    "http://www.w3.org/2009/xmlenc11#aes256-gcm",
    "http://www.w3.org/2009/xmlenc11#aes128-gcm",
    "http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p",
];
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
