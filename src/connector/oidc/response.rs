//! The authorization response: which of the things that a browser can bring is a code of this very provider. Pure.

use super::{
    id_token::{Issuers, is_ours},
    metadata::{Provider, difference},
};
use crate::{
    connector::{Arrival, Error, clean::clean},
    policy::cause::{self, Cause, Fault, Saying},
};

/// Judges what the browser brought back and gives the code. The issuer comes first: until it has been compared, not even
/// an error is believed (RFC 9207 §2.4, threats O1 and O13).
///
/// # Errors
/// When it is another provider's answer, or an error, or no answer at all.
pub(crate) fn judge<'a>(arrival: &'a Arrival, provider: &Provider, issuers: &Issuers) -> Result<&'a str, Error> {
    match arrival.get("iss").filter(|iss| !iss.is_empty()) {
        Some(iss) if is_ours(iss, issuers) => {}
        Some(iss) => {
            let differs = difference("the authorization response's iss", &provider.issuer, iss);
            let differs = format!("{differs}; another provider may have answered in its place (mix-up)");
            return Err(Error::Untrusted(Cause::MixUp.with(differs)));
        }
        None if provider.promises_iss => {
            return Err(Error::Untrusted(Cause::MixUp.with(
                "the authorization response has no iss although the provider's metadata promises it \
                 (authorization_response_iss_parameter_supported); it may come from another provider",
            )));
        }
        None => {}
    }
    if let Some(error) = arrival.get("error").filter(|e| !e.is_empty()) {
        let description = arrival.get("error_description").map_or("", String::as_str);
        return Err(Error::Refused(refusal(&Saying { error, description, with_secret: true })));
    }
    match arrival.get("code").filter(|c| !c.is_empty()) {
        Some(code) if code.len() <= 8192 && !code.contains(char::is_control) => Ok(code),
        Some(_) => Err(unreadable("the authorization response's code is longer than 8192 bytes or not printable")),
        None => Err(unreadable("the authorization response has neither code nor error")),
    }
}

fn unreadable(why: &str) -> Error {
    Error::Untrusted(Cause::AnswerUnreadable.with(why))
}

/// The provider's error as one safe line, with the fix where the code tells one.
pub(crate) fn refusal(said: &Saying<'_>) -> Fault {
    let fix = match said.error {
        "access_denied" => "the person cancelled, or is not assigned to the application at the provider",
        "invalid_scope" => "the provider does not know one of the scopes; change the connection's scopes",
        "unauthorized_client" => "the application at the provider must be allowed the authorization code grant",
        "invalid_request" => "if it names the redirect URI, register gatehouse's callback URL at the provider",
        "redirect_uri_mismatch" | "invalid_redirect_uri" => "register gatehouse's callback URL at the provider",
        "login_required" | "interaction_required" | "consent_required" => "the provider needs the person to interact",
        "temporarily_unavailable" | "server_error" => "the provider has a problem of its own; try again",
        _ => "",
    };
    let mut line = clean(said.error);
    for part in [clean(said.description), fix.to_owned()].into_iter().filter(|p| !p.is_empty()) {
        line.push_str(": ");
        line.push_str(&part);
    }
    cause::of_error(said).with(line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        connector::oidc::{claims::Kind, metadata},
        policy::connection::OidcSettings,
    };

    fn provider(promises_iss: bool) -> (Provider, Issuers) {
        let oidc = OidcSettings {
            issuer: "https://idp.example".into(),
            authorization_endpoint: Some("https://idp.example/a".into()),
            token_endpoint: Some("https://idp.example/t".into()),
            jwks_uri: Some("https://idp.example/j".into()),
            ..OidcSettings::default()
        };
        let issuers = Issuers::of(&oidc, Kind::Other);
        (Provider { promises_iss, ..metadata::manual(&oidc, Kind::Other).unwrap() }, issuers)
    }

    fn judged(promises_iss: bool, pairs: &[(&str, &str)]) -> Result<String, Error> {
        let arrival: Arrival = pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        let (provider, issuers) = provider(promises_iss);
        judge(&arrival, &provider, &issuers).map(str::to_owned)
    }

    #[test]
    fn iss_is_compared_whenever_present_and_required_when_promised() {
        assert_eq!(judged(false, &[("code", "c")]).unwrap(), "c");
        assert_eq!(judged(true, &[("code", "c"), ("iss", "https://idp.example")]).unwrap(), "c");
        for (promises, iss) in
            [(true, ""), (false, "https://evil.example"), (false, "https://idp.example/"), (true, "https://idp.example.evil")]
        {
            let error = judged(promises, &[("code", "c"), ("iss", iss)]).unwrap_err();
            assert!(matches!(error, Error::Untrusted(_)), "{iss}: {error}");
        }
    }

    #[test]
    fn an_error_is_not_believed_before_its_issuer() {
        let foreign = judged(true, &[("error", "access_denied"), ("iss", "https://evil.example")]).unwrap_err();
        assert!(matches!(foreign, Error::Untrusted(_)));
        let error = judged(false, &[("error", "access_denied"), ("code", "c")]).unwrap_err();
        assert!(matches!(&error, Error::Refused(text) if text.contains("not assigned")), "{error}");
    }

    #[test]
    fn texts_are_bounded_and_clean() {
        let text = format!("<b>\u{202e}x\r\nfake log line{}", "y".repeat(9000));
        let Error::Refused(line) = judged(false, &[("error", "own_error"), ("error_description", &text)]).unwrap_err() else {
            panic!("refused")
        };
        assert!(line.chars().count() < 250 && !line.contains(['\r', '\n', '\u{202e}']), "{line}");
    }

    #[test]
    fn nothing_else_is_a_code() {
        for pairs in [&[][..], &[("code", "")], &[("state", "s")], &[("code", "a\u{0}")], &[("id_token", "a.b.c")]] {
            assert!(matches!(judged(false, pairs), Err(Error::Untrusted(_))), "{pairs:?}");
        }
    }
}
