//! How a protected resource says where tokens for it come from: its metadata's address and its challenges (RFC 9728,
//! RFC 6750 §3).

use std::fmt;

use url::Url;

use super::error::OAuthError;

/// Where the metadata of resources is, before the resource's own path.
pub const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// The admin API as a resource of its own (RFC 8707): a token for it is for nothing else, and no other opens it.
#[must_use]
pub fn admin_api(issuer: &str) -> String {
    format!("{issuer}/api/v1")
}

/// Where directories push, as a resource of its own: a token for it is one of a client of a directory, and opens nothing else.
#[must_use]
pub fn scim(issuer: &str) -> String {
    format!("{issuer}/scim/v2")
}

/// The address of the metadata of `resource` (RFC 9728 §3.1); nothing when that is no web address.
#[must_use]
pub fn metadata_url(resource: &str) -> Option<String> {
    let mut url = Url::parse(resource).ok().filter(|u| matches!(u.scheme(), "https" | "http") && u.has_host())?;
    let path = if url.path() == "/" { "" } else { url.path() };
    url.set_path(&format!("{WELL_KNOWN}{path}"));
    url.set_fragment(None);
    Some(url.into())
}

/// A challenge to whoever came without a token, or with one that is not enough; its text is the value of
/// `WWW-Authenticate`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Challenge<'a> {
    /// What was wrong; nothing for a request without a token, which made no error (RFC 6750 §3.1).
    pub error: Option<&'a OAuthError>,
    /// All scopes that the request needs, separated by spaces: a client asks for them at once.
    pub scope: Option<&'a str>,
    /// Where the resource's metadata is ([`metadata_url`]).
    pub resource_metadata: Option<&'a str>,
}

impl fmt::Display for Challenge<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let error = self.error.map(|e| e.code.as_str());
        let description = self.error.map(|e| &*e.description);
        let parts = [
            ("resource_metadata", self.resource_metadata),
            ("scope", self.scope.filter(|s| !s.is_empty())),
            ("error", error),
            ("error_description", description),
        ];
        let mut separator = "Bearer ";
        for (name, value) in parts {
            let Some(value) = value else { continue };
            // A quote would end the value, and what follows would be read as parameters of ours.
            let safe: String = value.chars().filter(|c| matches!(c, ' '..='~') && !matches!(c, '"' | '\\')).collect();
            write!(f, "{separator}{name}=\"{safe}\"")?;
            separator = ", ";
        }
        if separator == "Bearer " { f.write_str("Bearer realm=\"gatehouse\"") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oauth::error::{Code, error};

    #[test]
    fn metadata_is_between_host_and_path() {
        for (resource, url) in [
            ("https://mcp.example", "https://mcp.example/.well-known/oauth-protected-resource"),
            ("https://mcp.example/", "https://mcp.example/.well-known/oauth-protected-resource"),
            ("https://mcp.example:8443/mcp", "https://mcp.example:8443/.well-known/oauth-protected-resource/mcp"),
            ("https://mcp.example/a/b/?x=1", "https://mcp.example/.well-known/oauth-protected-resource/a/b/?x=1"),
        ] {
            assert_eq!(metadata_url(resource).as_deref(), Some(url));
        }
        for bad in ["api://default", "urn:x", "mcp", ""] {
            assert_eq!(metadata_url(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_challenge_says_what_is_known() {
        assert_eq!(Challenge::default().to_string(), "Bearer realm=\"gatehouse\"");
        let wrong = error(Code::InsufficientScope, "it \"needs\" more\r\n");
        let challenge =
            Challenge { error: Some(&wrong), scope: Some("mcp:read mcp:write"), resource_metadata: Some("https://m/x") };
        assert_eq!(
            challenge.to_string(),
            "Bearer resource_metadata=\"https://m/x\", scope=\"mcp:read mcp:write\", error=\"insufficient_scope\", \
             error_description=\"it needs more\""
        );
    }
}
