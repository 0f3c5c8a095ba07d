//! What providers say in their own words: the standard's error codes, and Entra's numbers, which say more. The one place
//! where a cause is read from a text.

use super::Cause;

/// An error as a provider said it.
#[derive(Clone, Copy, Debug)]
pub struct Saying<'a> {
    /// `error`.
    pub error: &'a str,
    /// `error_description`.
    pub description: &'a str,
    /// Whether we authenticated with a secret.
    pub with_secret: bool,
}

/// By what stands in the description; the first that is found counts.
const WORDS: [(&str, Cause); 17] = [
    ("AADSTS7000222", Cause::ClientSecretExpired),
    ("AADSTS7000215", Cause::ClientSecret),
    ("AADSTS7000218", Cause::ClientProofWanted),
    ("AADSTS700016", Cause::ClientUnknown),
    ("AADSTS90002", Cause::ClientUnknown),
    ("AADSTS50011", Cause::RedirectUri),
    ("AADSTS50105", Cause::NotAssigned),
    ("AADSTS65001", Cause::ConsentWanted),
    ("AADSTS65004", Cause::ConsentWanted),
    ("AADSTS90094", Cause::ConsentWanted),
    ("AADSTS70011", Cause::Scope),
    ("AADSTS50076", Cause::PersonWanted),
    ("AADSTS50079", Cause::PersonWanted),
    ("AADSTS54005", Cause::CodeRefused),
    // Okta and Auth0 name them in words.
    ("not assigned to the client application", Cause::NotAssigned),
    ("redirect_uri", Cause::RedirectUri),
    ("client secret has expired", Cause::ClientSecretExpired),
];

/// The cause of an OAuth error.
#[must_use]
pub fn of_error(said: &Saying<'_>) -> Cause {
    // A longer number of the same beginning is another error.
    let whole = |word: &str| {
        let rest = said.description.split_once(word).map(|(_, rest)| rest);
        rest.is_some_and(|rest| !word.ends_with(|c: char| c.is_ascii_digit()) || !rest.starts_with(|c: char| c.is_ascii_digit()))
    };
    if let Some((_, cause)) = WORDS.iter().find(|(word, _)| whole(word)) {
        return *cause;
    }
    match said.error {
        "access_denied" => Cause::AccessDenied,
        "redirect_uri_mismatch" | "invalid_redirect_uri" => Cause::RedirectUri,
        "invalid_client" if said.with_secret => Cause::ClientSecret,
        "invalid_client" => Cause::ClientProofWanted,
        "deleted_client" | "unknown_client" => Cause::ClientUnknown,
        "invalid_grant" => Cause::CodeRefused,
        "invalid_scope" => Cause::Scope,
        "unauthorized_client" | "unsupported_grant_type" | "unsupported_response_type" => Cause::GrantNotAllowed,
        "consent_required" => Cause::ConsentWanted,
        "login_required" | "interaction_required" | "account_selection_required" => Cause::PersonWanted,
        "temporarily_unavailable" | "server_error" => Cause::ProviderProblem,
        _ => Cause::ProviderRefused,
    }
}

/// The cause of a SAML status: the last words of its codes, the outer one first.
#[must_use]
pub fn of_status(codes: &[String], message: &str) -> Cause {
    if let Some((_, cause)) = WORDS.iter().find(|(word, _)| word.starts_with("AADSTS") && message.contains(word)) {
        return *cause;
    }
    let known = |code: &String| match code.as_str() {
        "AuthnFailed" | "UnknownPrincipal" => Some(Cause::AuthnFailed),
        "InvalidNameIDPolicy" => Some(Cause::NameIdPolicy),
        "NoAuthnContext" => Some(Cause::NoAuthnContext),
        "RequestDenied" => Some(Cause::AccessDenied),
        "NoPassive" => Some(Cause::PersonWanted),
        "RequestUnsupported" | "UnsupportedBinding" | "VersionMismatch" => Some(Cause::RequestRefused),
        _ => None,
    };
    // The inner code says more.
    codes.iter().rev().find_map(known).unwrap_or(match codes.first().map(String::as_str) {
        Some("Requester") => Cause::RequestRefused,
        Some("Responder") => Cause::ProviderProblem,
        _ => Cause::ProviderRefused,
    })
}
