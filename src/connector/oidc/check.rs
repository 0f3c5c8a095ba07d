//! What can be said of an OpenID Connect provider before anybody signs in there.

use serde_json::{Map, Value};
use url::Url;

use super::{
    claims::Kind,
    metadata::{self, Provider},
};
use crate::{
    connector::{check::Asked, clean::clean},
    outbound::Probe,
    policy::{
        connection::{ConnectionSettings, OidcSettings, TokenAuth, url_problem},
        finding::Finding,
    },
    token,
};

const ISSUER: &str = "oidc.issuer";
const AUTH: &str = "oidc.token_endpoint_auth_method";

type Document = Map<String, Value>;

/// What can be said of the settings, which their preset has filled.
pub(in crate::connector) async fn check(settings: &ConnectionSettings, asked: &Asked<'_>) -> Vec<Finding> {
    let Some(oidc) = &settings.oidc else { return Vec::new() };
    let mut found = Vec::new();
    if oidc.issuer.is_empty() {
        found.push(Finding::note(ISSUER, "Type the issuer URL: then its discovery document is read."));
    } else if let Some(problem) = url_problem("issuer", &oidc.issuer) {
        found.push(Finding::wrong(ISSUER, problem));
    } else {
        found = look(settings, oidc, asked).await;
    }
    found.push(Finding::note(
        "",
        format!("Register exactly this callback URL (redirect URI) at the provider: {}", asked.callback),
    ));
    found
}

async fn look(settings: &ConnectionSettings, oidc: &OidcSettings, asked: &Asked<'_>) -> Vec<Finding> {
    let kind = Kind::of(settings, oidc);
    if !oidc.discover {
        return match metadata::manual(oidc, kind) {
            Ok(provider) => reach(&provider, oidc, asked.probe).await,
            Err(why) => vec![Finding::wrong("oidc", why.detail)],
        };
    }
    let document = match fetch(oidc, asked.probe).await {
        Ok(document) => document,
        Err(why) => return vec![Finding::wrong(ISSUER, why)],
    };
    let named = document.get("issuer").and_then(Value::as_str);
    let mut found = vec![issuer(&metadata::expected_issuer(oidc, kind), named)];
    // The rest is looked at as if the issuer were right, so that everything shows at once.
    let as_named = OidcSettings { issuer: named.unwrap_or(&oidc.issuer).to_owned(), ..oidc.clone() };
    match metadata::read(&document, &as_named, Kind::Other) {
        Ok(provider) => {
            found.extend(reach(&provider, oidc, asked.probe).await);
            found.extend(announced(&document, &provider, settings, oidc));
        }
        // That it names none has been said.
        Err(_) if named.is_none() => {}
        Err(why) => found.push(Finding::wrong(ISSUER, why.detail)),
    }
    found
}

async fn fetch(oidc: &OidcSettings, probe: Probe<'_>) -> Result<Document, String> {
    let address = metadata::discovery_address(oidc);
    let url = Url::parse(&address).map_err(|_| "The issuer is no URL.".to_owned())?;
    let fetched = probe.document(&url, "application/json").await.map_err(|why| {
        format!("There is no discovery document: {why}. Check the issuer, or turn discovery off and give the endpoints.")
    })?;
    fetched.json().map_err(|e| format!("What answers is no discovery document: {e}. Check the issuer."))
}

fn issuer(expected: &str, named: Option<&str>) -> Finding {
    let Some(named) = named else {
        return Finding::wrong(ISSUER, "The discovery document names no issuer; is the issuer URL right?");
    };
    if named == expected {
        return Finding::good(ISSUER, format!("The discovery document names exactly this issuer: {expected}"));
    }
    let named = clean(named);
    let what = metadata::difference("The discovery document's issuer", expected, &named);
    Finding::wrong(ISSUER, format!("{what}. {}", hint(expected, &named))).differing(expected, &named)
}

/// What usually lies behind a difference.
fn hint(expected: &str, named: &str) -> &'static str {
    let v2 = format!("{}/v2.0", expected.strip_suffix('/').unwrap_or(expected));
    if named.contains("{tenantid}") {
        "All Entra directories share this address: put the id of your own directory (tenant) in its place."
    } else if named == v2 || named.starts_with("https://sts.windows.net/") {
        "This is version 1 of Entra's endpoint: put /v2.0 at the end of the issuer."
    } else if named.strip_suffix('/') == Some(expected) {
        "Put the slash at the end of the issuer."
    } else if expected.strip_suffix('/') == Some(named) {
        "Remove the slash at the end of the issuer."
    } else {
        "If the document is right, type the issuer exactly as it says."
    }
}

/// Whether the endpoints answer, and the keys are good for anything.
async fn reach(provider: &Provider, oidc: &OidcSettings, probe: Probe<'_>) -> Vec<Finding> {
    let userinfo = async {
        match &provider.userinfo_endpoint {
            Some(url) => Some(probe.status(url).await),
            None => None,
        }
    };
    let algorithms = oidc.allowed_algs();
    let (token, authorization, userinfo, mut keys) = tokio::join!(
        probe.status(&provider.token_endpoint),
        probe.status(&provider.authorization_endpoint),
        userinfo,
        token::check::keys(provider.jwks_uri.as_str(), &algorithms, "oidc.jwks_uri", probe),
    );
    if oidc.discover {
        ISSUER.clone_into(&mut keys.path);
    }
    let mut found = vec![keys];
    let mut answering = Vec::new();
    let endpoints = [
        ("token endpoint", "oidc.token_endpoint", Some(token), &provider.token_endpoint),
        ("authorization endpoint", "oidc.authorization_endpoint", Some(authorization), &provider.authorization_endpoint),
        (
            "userinfo endpoint",
            "oidc.userinfo_endpoint",
            userinfo,
            provider.userinfo_endpoint.as_ref().unwrap_or(&provider.jwks_uri),
        ),
    ];
    for (name, path, status, url) in endpoints {
        match status {
            None => {}
            Some(Ok(status)) if status == 404 || status >= 500 => {
                found.push(Finding::warning(path, format!("The {name} {url} answered with status {status}.")));
            }
            Some(Ok(_)) => answering.push(name),
            Some(Err(why)) if name == "token endpoint" => found.push(Finding::wrong(path, format!("The {name}: {why}"))),
            // Browsers go there, who may be on a network that we are not on.
            Some(Err(why)) => found.push(Finding::warning(path, format!("The {name}: {why}"))),
        }
    }
    if !answering.is_empty() {
        found.push(Finding::good("", format!("Answering: {}.", answering.join(", "))));
    }
    found
}

/// What the document announces against what is asked for.
fn announced(document: &Document, provider: &Provider, settings: &ConnectionSettings, oidc: &OidcSettings) -> Vec<Finding> {
    let list = |name: &str| {
        let items = document.get(name)?.as_array()?;
        Some(items.iter().filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>())
    };
    let mut found = vec![authentication(provider, oidc.token_endpoint_auth_method)];
    if let Some(algs) = list("id_token_signing_alg_values_supported")
        && !algs.iter().any(|alg| oidc.allowed_algs().contains(&alg.as_str()))
    {
        let text = format!("ID tokens are signed with {}, and none of these is accepted.", said(&algs));
        found.push(Finding::wrong("oidc.allowed_algs", text));
    }
    found.push(match list("code_challenge_methods_supported") {
        Some(methods) if methods.iter().any(|m| m == "S256") => Finding::good("", "It announces PKCE with S256."),
        Some(methods) => Finding::warning("", format!("It announces PKCE, but not S256 (only {}).", said(&methods))),
        None => Finding::note(
            "",
            "It does not announce PKCE. Every request carries it all the same: some providers check it and do not say so.",
        ),
    });
    let asked = oidc.scopes();
    match list("scopes_supported") {
        None => {}
        Some(known) => {
            let missing: Vec<&str> = asked.iter().copied().filter(|s| !known.iter().any(|k| k == s)).collect();
            found.push(match missing.is_empty() {
                true => Finding::good("oidc.scopes", format!("It announces every scope that is asked for: {}.", asked.join(" "))),
                false => {
                    let text = format!(
                        "It does not announce the scope {}: a sign-in may be refused with invalid_scope, unless you add it there.",
                        missing.join(", ")
                    );
                    Finding::warning("oidc.scopes", text)
                }
            });
        }
    }
    if oidc.sign_requests && provider.takes_requests == Some(false) {
        found.push(Finding::wrong(
            "oidc.sign_requests",
            "It takes no signed request objects (request_parameter_supported is false).",
        ));
    }
    if !provider.promises_iss && !settings.own_callback {
        let text = "It does not name itself in its answers (RFC 9207). Where organisations do not trust one another's providers, \
                    give this connection a callback URL of its own.";
        found.push(Finding::warning("own_callback", text));
    }
    found
}

fn authentication(provider: &Provider, chosen: TokenAuth) -> Finding {
    // OpenID Connect Discovery §3: what leaving it out means.
    let usual = ["client_secret_basic".to_owned()];
    let offered = provider.auth_methods.as_deref().unwrap_or(&usual);
    let offers = |name: &str| offered.iter().any(|m| m == name);
    let name = match chosen {
        TokenAuth::ClientSecretBasic => "client_secret_basic",
        TokenAuth::ClientSecretPost => "client_secret_post",
        TokenAuth::PrivateKeyJwt => "private_key_jwt",
        TokenAuth::None => "none",
        TokenAuth::Auto => {
            let ours = ["client_secret_basic", "client_secret_post", "none"];
            return match ours.into_iter().find(|name| offers(name)) {
                Some(name) => Finding::good(AUTH, format!("Client authentication: {name}, as it announces.")),
                None if offers("private_key_jwt") => {
                    Finding::wrong(AUTH, "It wants clients to sign (private_key_jwt): choose that as client authentication.")
                }
                None => {
                    Finding::wrong(AUTH, format!("It announces no client authentication that we know, only {}.", said(offered)))
                }
            };
        }
    };
    match offers(name) {
        true => Finding::good(AUTH, format!("Client authentication: {name}, which it announces.")),
        false => Finding::warning(AUTH, format!("It does not announce {name} as client authentication, but {}.", said(offered))),
    }
}

fn said(names: &[String]) -> String {
    if names.is_empty() { "nothing".to_owned() } else { clean(&names.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::finding::Mark;

    #[test]
    fn what_lies_behind_a_difference_is_said() {
        let expected = "https://login.microsoftonline.com/8a7c";
        for (typed, named, says) in [
            ("https://a.example", "https://a.example/", "Put the slash"),
            ("https://a.example/", "https://a.example", "Remove the slash"),
            (expected, "https://sts.windows.net/8a7c/", "/v2.0"),
            (expected, "https://login.microsoftonline.com/8a7c/v2.0", "/v2.0"),
            (expected, "https://login.microsoftonline.com/{tenantid}/v2.0", "your own directory"),
            ("https://A.example", "https://a.example", "capitals"),
            ("https://a.example", "https://b.example", "exactly as it says"),
        ] {
            let finding = issuer(typed, Some(named));
            assert!(finding.mark == Mark::Wrong && finding.text.contains(says), "{}", finding.text);
            assert!(finding.difference.is_some());
        }
        assert_eq!(issuer(expected, Some(expected)).mark, Mark::Good);
        assert_eq!(issuer(expected, None).mark, Mark::Wrong);
    }
}
