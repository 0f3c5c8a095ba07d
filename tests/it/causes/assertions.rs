//! SAML answers that take more than one line to bend.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{
    Found,
    stage::{Set, Stage},
};
use crate::{
    browser::{Answer, Browser},
    saml::{
        dsig::{Algorithm, Digest, Signer},
        keys::{self, LONG, base64, certificate},
        provider::{Message, Provider, encoded, moment},
        request::AuthnRequest,
        xenc::{Content, Encryption, Wrap},
    },
};

/// What stands in a status that is no success.
pub fn status(code: &str, message: &str) -> String {
    let of = |code: &str| format!("urn:oasis:names:tc:SAML:2.0:status:{code}");
    let inner = format!("<samlp:StatusCode Value=\"{}\"></samlp:StatusCode>", of(code));
    let message = format!("<samlp:StatusMessage>{message}</samlp:StatusMessage>");
    format!("<samlp:StatusCode Value=\"{}\">{inner}</samlp:StatusCode>{message}", of("Responder"))
}

/// The metadata of a provider that takes requests by redirect; `more` are attributes of its root.
pub fn metadata(provider: &Provider, more: &str) -> String {
    format!(
        "<md:EntityDescriptor xmlns:md=\"urn:oasis:names:tc:SAML:2.0:metadata\" entityID=\"{}\" {more}><md:IDPSSODescriptor \
         protocolSupportEnumeration=\"urn:oasis:names:tc:SAML:2.0:protocol\"><md:KeyDescriptor use=\"signing\"><ds:KeyInfo \
         xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"><ds:X509Data><ds:X509Certificate>{}</ds:X509Certificate>\
         </ds:X509Data></ds:KeyInfo></md:KeyDescriptor><md:SingleSignOnService \
         Binding=\"urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect\" Location=\"{}\"/></md:IDPSSODescriptor></md:EntityDescriptor>",
        provider.entity_id,
        base64(provider.signer.certificate()),
        provider.sso_url
    )
}

/// What the provider sends of its own accord, to this audience or to the connection.
pub async fn unasked(set: &Set<'_>, audience: Option<&str>) -> Answer {
    let ours = format!("{}/saml/{}/sso/metadata", set.stage.url, set.name);
    let acs = format!("{}/oauth2/callback", set.stage.url);
    let mut message = set.stage.provider.unsolicited(audience.unwrap_or(&ours), &acs, set.stage.clock.now());
    message.about(&format!("ada@{}.example", set.name));
    crate::saml::sso_saml::post(&mut Browser::new(), &acs, None, &encoded(&message.build())).await
}

/// The provider signs with a new key, and the connection knows only the one whose certificate is over.
pub async fn certificate_expired(stage: &Stage, name: &str) -> Found {
    let now = stage.clock.now();
    let old = base64(&certificate(&keys::key(0).rsa, (LONG.0, now - 20 * 86_400)));
    let settings = stage.provider.settings("").replace(&base64(stage.provider.signer.certificate()), &old);
    let set = stage.set(name, &format!("email_trust: domain, saml: {settings}"), "").await;
    // A certificate's dates are not held against a signature.
    set.signs_in_by(|_| {}).await;
    Found::Page(set.answered(|m| m.signer = Signer::of(keys::key(1))).await)
}

/// Mended as it says: by accepting SHA-1.
pub async fn sha1(stage: &Stage, name: &str) -> Found {
    let bend = |message: &mut Message| message.signer = Signer::with(Algorithm::RsaSha1, Digest::Sha1);
    let page = stage.saml(name, "", "").await.answered(bend).await;
    stage.saml(name, "allow_sha1: true", "").await.signs_in_by(bend).await;
    Found::Page(page)
}

/// The same message twice, to the same callback.
pub async fn replayed(stage: &Stage, name: &str) -> Found {
    let set = stage.saml(name, "", "").await;
    let mut first = None;
    set.signs_in_by(|m| first = Some(m.assertion_id.clone())).await;
    Found::Page(set.answered(|m| m.assertion_id = first.unwrap()).await)
}

/// Our certificate for assertions, as our metadata tells it.
async fn ours(set: &Set<'_>) -> Vec<u8> {
    let document = Browser::new().get(&format!("{}/saml/{}/sso/metadata", set.stage.url, set.name)).await.body;
    let (_, rest) = document.split_once("use=\"encryption\"").unwrap();
    let (_, rest) = rest.split_once("X509Certificate>").unwrap();
    STANDARD.decode(rest.split_once('<').unwrap().0.split_ascii_whitespace().collect::<String>()).unwrap()
}

/// A sign-in whose assertion is encrypted, or not, as `bend` says; the twin is encrypted to us.
async fn encrypted(stage: &Stage, name: &str, settings: &str, bend: impl FnOnce(&mut Message, &[u8])) -> Found {
    let set = stage.saml(name, settings, "").await;
    let ours = ours(&set).await;
    set.signs_in_by(|m| m.encryption = Some(Encryption::new(&ours, Content::Aes256Gcm, Wrap::OaepSha1))).await;
    Found::Page(set.answered(|m| bend(m, &ours)).await)
}

pub async fn not_encrypted(stage: &Stage, name: &str) -> Found {
    encrypted(stage, name, "want_encrypted: true", |_, _| {}).await
}

pub async fn encrypted_for_another_key(stage: &Stage, name: &str) -> Found {
    let other = keys::key(1).rsa_certificate.clone();
    encrypted(stage, name, "", |m, _| m.encryption = Some(Encryption::new(&other, Content::Aes256Gcm, Wrap::OaepSha1))).await
}

pub async fn encryption_algorithm(stage: &Stage, name: &str) -> Found {
    encrypted(stage, name, "", |m, to| m.encryption = Some(Encryption::new(to, Content::Aes256Gcm, Wrap::Rsa15))).await
}

/// The connection asks for a second factor, and the provider was content with a password.
pub async fn authn_context(stage: &Stage, name: &str) -> Found {
    let asks = |class: &str| format!("authn_context: [\"urn:oasis:names:tc:SAML:2.0:ac:classes:{class}\"]");
    let page = stage.saml(name, &asks("TimeSyncToken"), "").await.answered(|_| {}).await;
    stage.saml(name, &asks("PasswordProtectedTransport"), "").await.signs_in_by(|_| {}).await;
    Found::Page(page)
}

/// The application wants a fresh sign-in, and the provider answers from a session of an hour ago.
pub async fn not_fresh(stage: &Stage, name: &str) -> Found {
    let set = stage.saml(name, "", "").await;
    let url = set.url(&[("prompt", "login")]);
    let (hour, now) = (moment(stage.clock.now() - 3_600), moment(stage.clock.now()));
    let page = set.answered_in(&mut Browser::new(), &url, |m| m.authn_instant = hour).await;
    set.is_in(&set.answered_in(&mut Browser::new(), &url, |m| m.authn_instant = now).await);
    Found::Page(page)
}

/// An answer that another browser's request was given, in this browser.
pub async fn another_request(stage: &Stage, name: &str) -> Found {
    let set = stage.saml(name, "", "").await;
    let other = AuthnRequest::of(&set.depart(&mut Browser::new(), &set.url(&[])).await);
    let page = set
        .answered(|m| {
            m.in_response_to = Some(other.id.clone());
            m.subject_in_response_to = Some(other.id);
        })
        .await;
    set.signs_in_by(|_| {}).await;
    Found::Page(page)
}
