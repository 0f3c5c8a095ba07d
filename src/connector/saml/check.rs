//! What can be said of a SAML provider before anybody signs in there.

use url::Url;

use super::metadata::{self, Certificate, Provider};
use crate::{
    connector::check::Asked,
    moment::Moment,
    policy::{
        connection::{ConnectionSettings, url_problem},
        finding::Finding,
        saml::{Binding, SamlSettings},
    },
};

const URL: &str = "saml.metadata_url";
const XML: &str = "saml.metadata_xml";
const ENTITY: &str = "saml.idp_entity_id";
/// What an address is asked for.
const ACCEPT: &str = "application/samlmetadata+xml, application/xml;q=0.9, text/xml;q=0.9, */*;q=0.1";
const DAY: i64 = 86_400;
/// Days before its end from which a certificate is a warning.
const SOON: i64 = 30;

/// What can be said of the settings, which their preset has filled.
pub(in crate::connector) async fn check(settings: &ConnectionSettings, asked: &Asked<'_>) -> Vec<Finding> {
    let Some(saml) = &settings.saml else { return Vec::new() };
    let mut found = match (&saml.metadata_xml, &saml.metadata_url) {
        (Some(xml), _) => document(xml.clone(), XML, saml, asked.now).await,
        (None, Some(url)) => fetched(url, saml, asked).await,
        (None, None) => by_hand(saml, asked.now),
    };
    found.push(Finding::note("", format!("Register this callback URL (ACS URL) at the provider: {}", asked.callback)));
    found
}

async fn fetched(url: &str, saml: &SamlSettings, asked: &Asked<'_>) -> Vec<Finding> {
    if let Some(problem) = url_problem("metadata_url", url) {
        return vec![Finding::wrong(URL, problem)];
    }
    let Ok(url) = Url::parse(url) else { return vec![Finding::wrong(URL, "This is no URL.")] };
    let body = match asked.probe.document(&url, ACCEPT).await {
        Ok(fetched) => fetched.body,
        Err(why) => return vec![Finding::wrong(URL, format!("There is no metadata: {why}"))],
    };
    match String::from_utf8(body) {
        Ok(text) => document(text, URL, saml, asked.now).await,
        Err(_) => vec![Finding::wrong(URL, "What answers is not UTF-8, so it is no metadata.")],
    }
}

/// Reads the document where parsing keeps nobody else waiting.
async fn document(text: String, path: &'static str, saml: &SamlSettings, now: i64) -> Vec<Finding> {
    let saml = saml.clone();
    let read = tokio::task::spawn_blocking(move || described(&text, path, &saml, now)).await;
    read.unwrap_or_else(|_| vec![Finding::wrong(path, "The document cannot be read.")])
}

fn described(text: &str, path: &'static str, saml: &SamlSettings, now: i64) -> Vec<Finding> {
    let signers: Result<Vec<Vec<u8>>, String> = saml.metadata_certificates.iter().map(|t| metadata::certificate(t)).collect();
    let Ok(signers) = signers else { return Vec::new() };
    let typed = saml.idp_entity_id.as_deref();
    let (provider, differs) = match metadata::read(text, typed, &signers, now) {
        Ok(provider) => (provider, None),
        Err(why) => match (typed, metadata::read(text, None, &signers, now)) {
            // It is of one provider, and that is another one than was typed.
            (Some(typed), Ok(provider)) => {
                let text = "The metadata is of another entity id than you typed: correct one of them.";
                let finding = Finding::wrong(ENTITY, text).differing(typed, &provider.entity_id);
                (provider, Some(finding))
            }
            _ => return vec![Finding::wrong(path, format!("This cannot be used as metadata: {why}"))],
        },
    };
    let mut found = vec![Finding::good(path, format!("This is the metadata of {:?}.", provider.entity_id))];
    found.extend(differs);
    found.extend(endpoints(&provider, path, saml));
    found.extend(provider.signers().iter().map(|certificate| of_certificate(certificate, path, now)));
    found.extend(signed(&provider, saml));
    found.extend(contradictions(&provider, saml));
    if let Some(until) = provider.valid_until {
        let text = format!("The document is valid until {} ({}).", Moment(until), left(until - now));
        found.push(if until - now < SOON * DAY && path == XML {
            Finding::warning(path, text)
        } else {
            Finding::note(path, text)
        });
    }
    found
}

fn by_hand(saml: &SamlSettings, now: i64) -> Vec<Finding> {
    if saml.certificates.is_empty() && saml.sso_url.is_none() {
        return vec![Finding::note(URL, "Type the metadata URL, or paste the metadata: then it is read.")];
    }
    let read = |text: &String| match metadata::certificate(text).and_then(|der| Certificate::read(&der)) {
        Ok(certificate) => of_certificate(&certificate, "saml.certificates", now),
        Err(why) => Finding::wrong("saml.certificates", why),
    };
    saml.certificates.iter().map(read).collect()
}

fn endpoints(provider: &Provider, path: &str, saml: &SamlSettings) -> Vec<Finding> {
    let spoken = |binding: Binding| if binding == Binding::Redirect { "HTTP-Redirect" } else { "HTTP-POST" };
    let mut found: Vec<Finding> = Vec::new();
    for endpoint in &provider.sso {
        found.push(Finding::good(path, format!("Sign-in over {} at {}", spoken(endpoint.binding), endpoint.location)));
    }
    if provider.sso.is_empty() && !saml.idp_initiated {
        let text = "It has no sign-in address for HTTP-Redirect or HTTP-POST: sign-ins could only begin at the provider.";
        found.push(Finding::wrong(path, text));
    }
    if let Some(binding) = saml.request_binding
        && !provider.sso.is_empty()
        && !provider.sso.iter().any(|endpoint| endpoint.binding == binding)
    {
        let text = format!("You chose {} for requests, which the metadata does not offer.", spoken(binding));
        found.push(Finding::wrong("saml.request_binding", text));
    }
    if saml.single_logout && provider.slo.is_empty() {
        found.push(Finding::note("saml.single_logout", "It offers no single logout: people are signed out here alone."));
    }
    found
}

fn of_certificate(certificate: &Certificate, path: &str, now: i64) -> Finding {
    let rest = certificate.not_after - now;
    let Certificate { subject, algorithm, fingerprint, .. } = certificate;
    let text = format!(
        "Signing certificate {subject} ({algorithm}), valid until {} ({}), SHA-256 {fingerprint}",
        Moment(certificate.not_after),
        left(rest)
    );
    match rest {
        rest if rest < 0 => Finding::warning(path, format!("{text}. It has expired; its key is still the one that counts here.")),
        rest if rest < SOON * DAY => Finding::warning(path, text),
        _ => Finding::good(path, text),
    }
}

fn left(seconds: i64) -> String {
    match seconds.div_euclid(DAY) {
        days if days < 0 => format!("{} days ago", -days),
        1 => "1 day left".to_owned(),
        days => format!("{days} days left"),
    }
}

fn signed(provider: &Provider, saml: &SamlSettings) -> Option<Finding> {
    const PATH: &str = "saml.sign_requests";
    match (provider.wants_signed_requests, saml.sign_requests) {
        (true, true) => Some(Finding::good(PATH, "It wants signed requests, and gets them.")),
        (true, false) => Some(Finding::wrong(PATH, "It wants signed requests, and signing is off.")),
        (false, _) => None,
    }
}

/// What was typed by hand beside a document that says the same otherwise.
fn contradictions(provider: &Provider, saml: &SamlSettings) -> Vec<Finding> {
    let mut found = Vec::new();
    if let (Some(typed), Some(first)) = (&saml.sso_url, provider.sso.first())
        && !provider.sso.iter().any(|endpoint| endpoint.location == *typed)
    {
        let finding = Finding::warning("saml.sso_url", "The metadata has another sign-in address than you typed.");
        found.push(finding.differing(typed, &first.location));
    }
    let known: Vec<String> = provider.signers().into_iter().map(|c| c.fingerprint).collect();
    let typed =
        saml.certificates.iter().filter_map(|t| metadata::certificate(t).ok()).filter_map(|der| Certificate::read(&der).ok());
    for certificate in typed.filter(|c| !known.contains(&c.fingerprint)) {
        let text = format!("The certificate {} that you typed does not stand in the metadata.", certificate.subject);
        found.push(Finding::warning("saml.certificates", text));
    }
    found
}
