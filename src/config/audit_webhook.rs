//! Where the audit log is sent, and the key that signs it.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use secrecy::SecretString;
use url::Url;

use super::raw::Source;

/// What a key of Standard Webhooks begins with.
const PREFIX: &str = "whsec_";

/// Whoever is sent the audit log.
#[derive(Clone, Debug)]
pub struct AuditWebhook {
    /// Where they take it.
    pub url: Url,
    /// The key, in base64.
    pub key: SecretString,
}

impl Source<'_> {
    /// Both settings or neither.
    pub(super) fn audit_webhook(
        &mut self,
        url: &'static str,
        secret: &'static str,
        secret_file: &'static str,
    ) -> Option<AuditWebhook> {
        match (self.raw(url), self.secret(secret, secret_file)) {
            (Some(address), Some(raw)) => {
                let parsed = Url::parse(&address.text).ok().filter(|url| {
                    let plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
                    matches!(url.scheme(), "https" | "http") && url.has_host() && plain
                });
                if parsed.is_none() {
                    self.problem(url, &address, "must be an https URL without user name, password and fragment");
                }
                let key = raw.text.trim().strip_prefix(PREFIX).unwrap_or(raw.text.trim()).to_owned();
                let sound = STANDARD.decode(&key).is_ok_and(|bytes| (24..=64).contains(&bytes.len()));
                if !sound {
                    let text =
                        "must be whsec_ and 24 to 64 bytes in base64; make one with: echo whsec_$(openssl rand -base64 32)";
                    self.problem(secret, &raw, text);
                }
                Some(AuditWebhook { url: parsed?, key: SecretString::from(key) }).filter(|_| sound)
            }
            (Some(_), None) => {
                self.about(secret, "is missing: audit_webhook_url needs the key that its entries are signed with");
                None
            }
            (None, Some(_)) => {
                self.about(url, "is missing: audit_webhook_secret needs the URL that entries are sent to");
                None
            }
            (None, None) => None,
        }
    }
}
