//! Looks at a trusted issuer as the validator would, for the administrator who types its settings: are there keys, and are
//! they good for anything?

use serde_json::Value;
use url::Url;

use super::{alg::Alg, jwks::read_keys};
use crate::{
    outbound::Probe,
    policy::{
        connection::DEFAULT_ALGS,
        finding::Finding,
        trusted_issuer::{Introspection, IssuerSettings},
    },
};

const JSON: &str = "application/json";

/// What can be said of the settings of a trusted issuer.
pub async fn check(settings: &IssuerSettings, probe: Probe<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    let algorithms: Vec<&str> = match settings.algorithms.as_slice() {
        [] => DEFAULT_ALGS.to_vec(),
        named => named.iter().map(String::as_str).collect(),
    };
    let by_discovery = settings.jwks.is_none() && settings.jwks_uri.is_none() && settings.introspection.is_none();
    let mut led = None;
    for issuer in settings.issuers() {
        let (finding, jwks_uri) = named(issuer, by_discovery, probe).await;
        found.extend(finding);
        led = led.or(jwks_uri);
    }
    if let Some(jwks) = &settings.jwks {
        found.push(usable(jwks.to_string().as_bytes(), &algorithms, "jwks"));
    } else if let Some(url) = settings.jwks_uri.as_deref() {
        found.push(keys(url, &algorithms, "jwks_uri", probe).await);
    } else if let Some(url) = led.filter(|_| by_discovery) {
        found.push(keys(&url, &algorithms, "issuer", probe).await);
    } else if by_discovery && settings.issuer.is_none() {
        found.push(Finding::note(
            "jwks_uri",
            "Type where the issuer's keys are, or its issuer: then its discovery document is read.",
        ));
    }
    if let Some(introspection) = &settings.introspection {
        found.push(asked(introspection, probe).await);
    }
    found
}

/// What the discovery document of `issuer` says: it must name the issuer byte for byte, as tokens do; and where keys are.
async fn named(issuer: &str, needed: bool, probe: Probe<'_>) -> (Option<Finding>, Option<String>) {
    const PATH: &str = "issuer";
    let address = format!("{}/.well-known/openid-configuration", issuer.strip_suffix('/').unwrap_or(issuer));
    let url = Url::parse(&address).ok().filter(|url| matches!(url.scheme(), "https" | "http") && url.query().is_none());
    let Some(url) = url else {
        let text = "The issuer is no URL, so its keys cannot be found by discovery: give jwks_uri.";
        return (needed.then(|| Finding::wrong(PATH, text)), None);
    };
    let document = match probe.document(&url, JSON).await {
        Ok(fetched) => fetched.json::<Value>().map_err(|e| e.to_string()),
        Err(why) => Err(why),
    };
    let document = match document {
        Ok(document) => document,
        Err(why) if needed => return (Some(Finding::wrong(PATH, format!("No discovery document: {why}"))), None),
        // Many issuers publish none.
        Err(why) => return (Some(Finding::note(PATH, format!("There is no discovery document to compare with: {why}"))), None),
    };
    let jwks_uri = document["jwks_uri"].as_str().map(str::to_owned);
    let finding = match document["issuer"].as_str() {
        Some(name) if name == issuer => Finding::good(PATH, format!("{url} names exactly this issuer.")),
        Some(name) => {
            let text = "The discovery document names another issuer. Tokens are compared with what you type, byte for byte: \
                        type what stands in the claim iss.";
            let finding = if needed { Finding::wrong(PATH, text) } else { Finding::warning(PATH, text) };
            finding.differing(issuer, &name.chars().take(500).collect::<String>())
        }
        None => Finding::warning(PATH, format!("{url} names no issuer.")),
    };
    (Some(finding), jwks_uri)
}

/// What the key set at `url` is good for.
pub async fn keys(url: &str, algorithms: &[&str], path: &str, probe: Probe<'_>) -> Finding {
    let Ok(url) = Url::parse(url) else { return Finding::wrong(path, "The address of the keys is no URL.") };
    match probe.document(&url, "application/jwk-set+json, application/json").await {
        Ok(fetched) => usable(&fetched.body, algorithms, path),
        Err(why) => Finding::wrong(path, format!("The keys cannot be fetched: {why}")),
    }
}

/// What a key set is good for: at least one key must fit one of the algorithms.
#[must_use]
pub fn usable(document: &[u8], algorithms: &[&str], path: &str) -> Finding {
    let keys = match read_keys(document) {
        Ok(keys) => keys,
        Err(why) => return Finding::wrong(path, format!("These keys cannot be used: {why}.")),
    };
    let known = algorithms.iter().filter_map(|name| Alg::from_name(name));
    let fitting: Vec<&str> = known.filter(|alg| keys.iter().any(|key| key.fits(*alg))).map(Alg::as_str).collect();
    let count = match keys.len() {
        1 => "one key".to_owned(),
        n => format!("{n} keys"),
    };
    match fitting.is_empty() {
        true => {
            let text =
                format!("The key set has {count}, and none is for an algorithm that is accepted ({}).", algorithms.join(", "));
            Finding::wrong(path, text)
        }
        false => Finding::good(path, format!("The key set has {count}, good for {}.", fitting.join(", "))),
    }
}

/// Whether anything answers there. Nothing is sent that proves who asks: that is for tokens alone.
async fn asked(introspection: &Introspection, probe: Probe<'_>) -> Finding {
    const PATH: &str = "introspection_endpoint";
    let Ok(url) = Url::parse(&introspection.endpoint) else { return Finding::wrong(PATH, "This is no URL.") };
    match probe.post(&url, "token=none").await {
        Ok(404) => Finding::warning(PATH, format!("{url} answered with status 404: is the address right?")),
        Ok(status) if status >= 500 => Finding::warning(PATH, format!("{url} answered with status {status}.")),
        Ok(401 | 403) => Finding::good(PATH, "The endpoint answers, and wants to know who asks: a check does not say it."),
        Ok(status) => Finding::good(PATH, format!("The endpoint answers (status {status}).")),
        Err(why) => Finding::wrong(PATH, why),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::policy::finding::Mark;

    #[test]
    fn a_key_must_fit_an_algorithm() {
        let key = json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
        let set = json!({"keys": [key, {"kty": "oct", "k": "AAAA"}]}).to_string();
        let good = usable(set.as_bytes(), &DEFAULT_ALGS, "jwks");
        assert_eq!((good.mark, good.text.as_str()), (Mark::Good, "The key set has one key, good for EdDSA."));
        assert_eq!(usable(set.as_bytes(), &["RS256"], "jwks").mark, Mark::Wrong);
        assert_eq!(usable(b"{\"keys\": []}", &["RS256"], "jwks").mark, Mark::Wrong);
        assert!(usable(b"<html>", &["RS256"], "jwks").text.contains("the key set is not JSON"));
    }
}
