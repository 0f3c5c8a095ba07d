//! Enveloped signatures of what we send in forms: RSA-SHA256 over exclusive canonical XML, with our certificate beside it.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use samael::crypto::{Crypto, CryptoProvider as _};

use super::{
    super::Error,
    credentials::Credential,
    names::{DS, ENVELOPED, EXCLUSIVE, RSA_SHA256, SHA256},
    write::Out,
};
use crate::policy::cause::Cause;

/// The end of the element after which the schemas want the signature.
const ISSUER_END: &str = "</saml:Issuer>";

/// `xml`, a message made by [`Out`] whose root has `ID="{id}"` and a `saml:Issuer` first, signed. Blocks for some
/// milliseconds.
///
/// # Errors
/// [`Error::Misconfigured`] when the message has no issuer or the key does not sign.
pub fn enveloped(xml: &str, id: &str, credential: &Credential) -> Result<String, Error> {
    let wrong =
        |cause: String| Error::Misconfigured(Cause::OwnFault.with(format!("our SAML signing key does not sign: {cause}")));
    // Values are escaped, so this is markup of ours, not text of anybody's.
    let (before, after) = xml.split_once(ISSUER_END).ok_or_else(|| wrong("the message names no issuer".to_owned()))?;
    let template = template(id, &credential.certificate).to_xml();
    let key = credential.key.private_key_to_der().map_err(|e| wrong(e.to_string()))?;
    Crypto::sign_xml(format!("{before}{ISSUER_END}{template}{after}"), &key).map_err(|e| wrong(e.to_string()))
}

/// A signature to be filled in.
fn template(id: &str, certificate: &[u8]) -> Out {
    let algorithm = |name, uri: &str| Out::new(name).attribute("Algorithm", uri);
    let transforms = [algorithm("ds:Transform", ENVELOPED), algorithm("ds:Transform", EXCLUSIVE)];
    let reference = Out::new("ds:Reference")
        .attribute("URI", format!("#{id}"))
        .child(Out::new("ds:Transforms").children(transforms))
        .child(algorithm("ds:DigestMethod", SHA256))
        .child(Out::new("ds:DigestValue"));
    let signed_info = Out::new("ds:SignedInfo")
        .child(algorithm("ds:CanonicalizationMethod", EXCLUSIVE))
        .child(algorithm("ds:SignatureMethod", RSA_SHA256))
        .child(reference);
    Out::new("ds:Signature")
        .attribute("xmlns:ds", DS)
        .child(signed_info)
        .child(Out::new("ds:SignatureValue"))
        .child(key_info(certificate))
}

/// A certificate as messages and metadata carry it; `ds` must be declared.
#[must_use]
pub fn key_info(certificate: &[u8]) -> Out {
    let certificate = Out::new("ds:X509Certificate").text(STANDARD.encode(certificate));
    Out::new("ds:KeyInfo").child(Out::new("ds:X509Data").child(certificate))
}

#[cfg(test)]
mod tests {
    use samael::crypto::{AllowedSignatureAlgorithm, CertificateDer, ReduceMode};

    use super::{
        super::{certificate::Material, credentials::Usage},
        *,
    };

    fn credential() -> Credential {
        Material::generate(Usage::Sign, "localhost", 0, 1_000).unwrap().open(Usage::Sign, 0, 0, None).unwrap()
    }

    fn message(id: &str, name: &str) -> String {
        Out::new("samlp:LogoutRequest")
            .attribute("xmlns:samlp", "urn:oasis:names:tc:SAML:2.0:protocol")
            .attribute("xmlns:saml", "urn:oasis:names:tc:SAML:2.0:assertion")
            .attribute("ID", id)
            .child(Out::new("saml:Issuer").text("https://sp.example/a?b&c"))
            .child(Out::new("saml:NameID").text(name))
            .to_xml()
    }

    fn verified(xml: &str, by: &Credential) -> Option<String> {
        let certificates = [CertificateDer::from(by.certificate.clone())];
        let allowed = [AllowedSignatureAlgorithm::RsaSha256];
        Crypto::reduce_xml_to_signed_with_allowed_algorithms(xml, &certificates, ReduceMode::PreDigest, Some(&allowed)).ok()
    }

    #[test]
    fn what_is_signed_verifies_whole() {
        let (ours, other) = (credential(), credential());
        let evil = "</saml:Issuer><saml:NameID>admin\r\n\"'é";
        let signed = enveloped(&message("_a-1", evil), "_a-1", &ours).unwrap();
        let covered = verified(&signed, &ours).unwrap();
        assert!(covered.starts_with("<samlp:LogoutRequest ") && !covered.contains("Signature"), "{covered}");
        assert!(covered.contains("&lt;/saml:Issuer&gt;&lt;saml:NameID&gt;admin"), "{covered}");
        let (before, after) = signed.split_once("<ds:Signature ").unwrap();
        assert!(before.ends_with(ISSUER_END) && after.contains("</ds:Signature><saml:NameID>"), "behind the issuer: {signed}");
        assert!(signed.contains(&STANDARD.encode(&ours.certificate)), "with our certificate");
        assert_eq!(verified(&signed, &other), None);
        assert_eq!(verified(&signed.replace("admin", "nobody"), &ours), None);
    }

    #[test]
    fn a_message_without_issuer_is_not_signed() {
        assert!(enveloped("<x ID=\"_1\"/>", "_1", &credential()).unwrap_err().to_string().contains("no issuer"));
    }
}
