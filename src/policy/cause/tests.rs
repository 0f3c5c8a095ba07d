use std::collections::BTreeSet;

use super::*;

#[test]
fn each_cause_has_one_word_and_one_text() {
    let words: BTreeSet<_> = Cause::ALL.iter().map(|cause| cause.word()).collect();
    assert_eq!(words.len(), Cause::ALL.len());
    for &cause in Cause::ALL {
        let word = cause.word();
        assert!(word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_'), "{word}");
        assert_eq!(Cause::of_word(word), Some(cause));
        assert_eq!(serde_json::to_value(cause).unwrap(), word);
        let kinds = [reach::text, refusal::text, settings::text, answer::text, person::text];
        let texts: Vec<_> = kinds.iter().filter_map(|text| text(cause)).collect();
        assert_eq!(texts.len(), 1, "{word}");
        let Text { title, means, fix } = texts[0];
        assert!(!title.ends_with('.') && means.ends_with('.') && fix.ends_with('.'), "{word}");
        assert!(title.len() < 80 && means.len() > 20 && fix.len() > 15, "{word}");
    }
    assert!(Cause::ALL.len() >= 40);
}

#[test]
fn a_slash_is_told_from_another_issuer() {
    for (expected, found, cause) in [
        ("https://a", "https://a/", Cause::IssuerSlash),
        ("https://a/", "https://a", Cause::IssuerSlash),
        ("https://a", "https://A", Cause::Issuer),
        ("https://a", "https://b/", Cause::Issuer),
    ] {
        assert_eq!(Cause::of_issuers(expected, found), cause, "{expected} {found}");
    }
}

#[test]
fn what_providers_say_is_understood() {
    let of = |error, description, with_secret| of_error(&Saying { error, description, with_secret });
    for (error, description, cause) in [
        ("invalid_client", "AADSTS7000222: The provided client secret keys are expired.", Cause::ClientSecretExpired),
        ("invalid_client", "AADSTS7000215: Invalid client secret provided.", Cause::ClientSecret),
        ("unauthorized_client", "AADSTS700016: Application not found", Cause::ClientUnknown),
        ("invalid_request", "AADSTS50011: The redirect URI does not match", Cause::RedirectUri),
        ("invalid_request", "AADSTS500113: no reply address", Cause::ProviderRefused),
        ("access_denied", "User is not assigned to the client application.", Cause::NotAssigned),
        ("access_denied", "", Cause::AccessDenied),
        ("own_error", "", Cause::ProviderRefused),
    ] {
        assert_eq!(of(error, description, true), cause, "{error} {description}");
    }
    assert_eq!(of("invalid_client", "", false), Cause::ClientProofWanted);
    let status = |codes: &[&str], message| of_status(&codes.iter().map(|&c| c.to_owned()).collect::<Vec<_>>(), message);
    assert_eq!(status(&["Requester"], ""), Cause::RequestRefused);
    assert_eq!(status(&["Requester", "InvalidNameIDPolicy"], ""), Cause::NameIdPolicy);
    assert_eq!(status(&["Responder"], ""), Cause::ProviderProblem);
    assert_eq!(status(&["Responder"], "AADSTS50105: not assigned"), Cause::NotAssigned);
    assert_eq!(status(&[], ""), Cause::ProviderRefused);
}
