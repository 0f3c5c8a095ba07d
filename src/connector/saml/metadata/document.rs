//! Reads a metadata document. Everything that decides anything is asked for strictly: one entity, one role, at least one
//! certificate that can sign. What a document says beside that (WS-Federation roles, contacts, logos, claims) is passed by.

use std::collections::BTreeSet;

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{Certificate, Endpoint, Provider, certificate::from_base64, period};
use crate::{
    connector::saml::{
        instant,
        names::{DS, MD, POST, REDIRECT, SAMLP},
        signature,
        xml::{self, Element},
    },
    policy::{connection::url_problem, saml::Binding},
};

/// Most signing certificates of a provider: each that does not fit costs a verification at every sign-in.
const MOST_CERTIFICATES: usize = 16;
/// Most certificates that are decoded to find them, the same ones again and their issuers' included: two megabytes of
/// repetitions would take seconds.
const MOST_LOOKED_AT: usize = 8 * MOST_CERTIFICATES;
/// Most entities that are looked through; the documents of whole federations are not for a connection.
const MOST_ENTITIES: usize = 1_000;

/// Reads the identity provider out of a document. Of a document with several, `expected_entity_id` picks one, and with it
/// any other is refused. When `trusted_signers` (DER) are given, one of them must have signed, and only what the signature
/// covers is read; without them a signature says nothing that the way to the document does not, and is ignored. `now` is
/// unix seconds.
///
/// # Errors
/// In words, for the operator: what is wrong with the document.
pub fn read(xml: &str, expected_entity_id: Option<&str>, trusted_signers: &[Vec<u8>], now: i64) -> Result<Provider, String> {
    let root = if trusted_signers.is_empty() {
        xml::parse_published(xml)
    } else {
        let signed = signature::verified_published(xml, trusted_signers, false);
        xml::parse_published(
            &signed.map_err(|e| format!("metadata_certificates are set, and the document's signature is not good: {e}"))?,
        )
    };
    let root = root.map_err(|e| format!("it is no metadata document: {e}"))?;
    let mut found = Vec::new();
    collect(&root, Period::default(), &mut found)?;
    let (entity, period) = choose(&found, expected_entity_id)?;
    provider(entity, period, now)
}

/// How long something may be used: the smallest of all that its document says on the way to it.
#[derive(Clone, Copy, Debug, Default)]
struct Period {
    valid_until: Option<i64>,
    cache_duration: Option<i64>,
}

impl Period {
    fn within(self, element: &Element) -> Result<Self, String> {
        let read = |name: &str, parse: fn(&str) -> Option<i64>| match element.attribute(name) {
            Some(text) => parse(text).map(Some).ok_or_else(|| format!("its {name} {text:?} cannot be read")),
            None => Ok(None),
        };
        let least = |a: Option<i64>, b: Option<i64>| a.into_iter().chain(b).min();
        Ok(Self {
            valid_until: least(
                self.valid_until,
                read("validUntil", |text| instant::parse("validUntil", text.trim_ascii()).ok())?,
            ),
            cache_duration: least(self.cache_duration, read("cacheDuration", period::duration)?),
        })
    }
}

/// Finds the entities. The depth of the tree is bounded by whoever parsed it.
fn collect<'e>(element: &'e Element, outer: Period, found: &mut Vec<(&'e Element, Period)>) -> Result<(), String> {
    let period = outer.within(element)?;
    if element.is(MD, "EntityDescriptor") {
        found.push((element, period));
        return match found.len() <= MOST_ENTITIES {
            true => Ok(()),
            false => Err(format!("it describes more than {MOST_ENTITIES} entities; give the provider's own metadata")),
        };
    }
    if !element.is(MD, "EntitiesDescriptor") {
        return Err(format!(
            "it is no metadata document: it begins with {{{}}}{}, not with EntityDescriptor or EntitiesDescriptor of {MD}",
            element.namespace, element.name
        ));
    }
    let inner = element.elements().filter(|e| e.is(MD, "EntityDescriptor") || e.is(MD, "EntitiesDescriptor"));
    inner.into_iter().try_for_each(|e| collect(e, period, found))
}

fn entity_id(entity: &Element) -> Result<&str, String> {
    match entity.attribute("entityID") {
        Some(id) if (1..=1024).contains(&id.len()) && !id.contains(char::is_control) => Ok(id),
        Some(_) => Err("its entityID is empty, longer than 1024 bytes or has control characters".to_owned()),
        None => Err("its EntityDescriptor has no entityID".to_owned()),
    }
}

fn choose<'e>(found: &[(&'e Element, Period)], expected: Option<&str>) -> Result<(&'e Element, Period), String> {
    let idps = || found.iter().filter(|(entity, _)| roles(entity).next().is_some());
    let named = |entities: &[&(&Element, Period)]| {
        let ids: BTreeSet<&str> = entities.iter().filter_map(|(entity, _)| entity.attribute("entityID")).collect();
        ids.iter().take(5).map(|id| format!("{id:?}")).collect::<Vec<_>>().join(", ")
    };
    let chosen: Vec<_> = match expected {
        Some(id) => found.iter().filter(|(entity, _)| entity.attribute("entityID") == Some(id)).collect(),
        None => idps().collect(),
    };
    match (&chosen[..], expected) {
        ([one], _) => Ok(**one),
        ([], Some(id)) => {
            let others: Vec<_> = found.iter().collect();
            Err(format!("it does not describe the idp_entity_id {id:?}, but {}", named(&others)))
        }
        (_, Some(id)) => Err(format!("it describes {id:?} more than once")),
        ([], None) => Err("it describes no SAML 2.0 identity provider (no IDPSSODescriptor)".to_owned()),
        (several, None) => {
            Err(format!("it describes several identity providers; set idp_entity_id to one of {}", named(several)))
        }
    }
}

/// The entity's descriptions of itself as an identity provider of SAML 2.0.
fn roles(entity: &Element) -> impl Iterator<Item = &Element> {
    let speaks = |role: &Element| {
        role.attribute("protocolSupportEnumeration").is_some_and(|list| list.split_ascii_whitespace().any(|p| p == SAMLP))
    };
    entity.all(MD, "IDPSSODescriptor").filter(move |role| speaks(role))
}

fn provider(entity: &Element, period: Period, now: i64) -> Result<Provider, String> {
    let entity_id = entity_id(entity)?;
    let mut roles = roles(entity);
    let role = match (roles.next(), roles.next()) {
        (Some(role), None) => role,
        (None, _) => {
            return Err(format!("{entity_id:?} is no SAML 2.0 identity provider (no IDPSSODescriptor with {SAMLP})"));
        }
        _ => return Err(format!("{entity_id:?} describes itself more than once as a SAML 2.0 identity provider")),
    };
    let period = period.within(role)?;
    if period.valid_until.is_some_and(|until| until <= now) {
        return Err("its validUntil has passed: fetch or export it anew at the provider".to_owned());
    }
    let wants = role.attribute("WantAuthnRequestsSigned").is_some_and(|flag| matches!(flag.trim(), "true" | "1"));
    Ok(Provider {
        sso: endpoints(role, "SingleSignOnService")?,
        slo: endpoints(role, "SingleLogoutService")?,
        certificates: certificates(role, entity_id, now)?,
        entity_id: entity_id.to_owned(),
        wants_signed_requests: wants,
        valid_until: period.valid_until,
        cache_duration: period.cache_duration,
    })
}

/// The endpoints whose bindings we speak. An address that a browser must not be sent to spoils the document: to leave it
/// out would hide that the provider is set up wrong.
fn endpoints(role: &Element, kind: &str) -> Result<Vec<Endpoint>, String> {
    let mut endpoints = Vec::new();
    for element in role.all(MD, kind) {
        let binding = match element.attribute("Binding") {
            Some(REDIRECT) => Binding::Redirect,
            Some(POST) => Binding::Post,
            _ => continue,
        };
        // xs:anyURI: space around it does not count.
        let attribute = |name| element.attribute(name).map(str::trim_ascii);
        let location = attribute("Location").ok_or_else(|| format!("a {kind} has no Location"))?;
        let response_location = attribute("ResponseLocation");
        for url in [Some(location), response_location].into_iter().flatten() {
            if let Some(problem) = url_problem(&format!("the {kind} {url:?}"), url) {
                return Err(problem);
            }
        }
        let (location, response_location) = (location.to_owned(), response_location.map(str::to_owned));
        endpoints.push(Endpoint { binding, location, response_location });
    }
    Ok(endpoints)
}

/// The certificates that may sign: those of every KeyDescriptor with the use `signing` or with none (then it has both).
/// Without any the document is refused; there is no such thing as a provider whose signatures are not checked (threat S9).
/// Bare keys (KeyValue, KeyName) name no certificate and are passed by. What has expired is still a key that the provider
/// names, so it is accepted and warned of.
fn certificates(role: &Element, entity_id: &str, now: i64) -> Result<Vec<String>, String> {
    let (mut found, mut passed, mut looked_at) = (Vec::<String>::new(), Vec::new(), 0);
    for descriptor in role.all(MD, "KeyDescriptor") {
        match descriptor.attribute("use") {
            None | Some("signing") => {}
            Some("encryption") => {
                passed.push("a key is for encryption only".to_owned());
                continue;
            }
            Some(other) => return Err(format!("a KeyDescriptor has the unknown use {other:?}")),
        }
        let before = found.len();
        let groups = descriptor.all(DS, "KeyInfo").flat_map(|info| info.all(DS, "X509Data"));
        for group in groups {
            looked_at += group.all(DS, "X509Certificate").count();
            if looked_at > MOST_LOOKED_AT {
                return Err(format!("it repeats certificates: more than {MOST_LOOKED_AT} stand in it"));
            }
            for (der, certificate) in leaves(group, &mut passed)? {
                if certificate.not_after < now {
                    let (fingerprint, subject) = (&certificate.fingerprint, &certificate.subject);
                    tracing::warn!(
                        entity_id,
                        fingerprint,
                        subject,
                        "a signing certificate in the provider's metadata has expired"
                    );
                }
                let text = STANDARD.encode(der);
                if !found.contains(&text) {
                    found.push(text);
                }
            }
        }
        if found.len() == before && passed.is_empty() {
            passed.push("a KeyDescriptor holds no X509Certificate".to_owned());
        }
    }
    match found.len() {
        0 => {
            passed.truncate(5);
            let why = if passed.is_empty() { "it has no KeyDescriptor".to_owned() } else { passed.join("; ") };
            Err(format!("no signing certificate: {why}"))
        }
        1..=MOST_CERTIFICATES => Ok(found),
        _ => Err(format!("it has more than {MOST_CERTIFICATES} signing certificates")),
    }
}

/// The certificates of one X509Data. Several of them are one key's certificate with those that issued it (XML Signature
/// §4.5.4): an issuer's key must not become one that signs people in.
fn leaves(group: &Element, passed: &mut Vec<String>) -> Result<Vec<(Vec<u8>, Certificate)>, String> {
    let mut all = Vec::new();
    for element in group.all(DS, "X509Certificate") {
        let text = element.text().map_err(|e| format!("an X509Certificate: {e}"))?;
        let read = from_base64(&text).and_then(|der| Certificate::read(&der).map(|certificate| (der, certificate)));
        match read {
            Ok(found) => all.push(found),
            Err(why) => passed.push(format!("a certificate cannot be used: {why}")),
        }
    }
    let issued = |c: &Certificate| c.issuer != c.subject;
    let issuers: Vec<String> = all.iter().filter(|(_, c)| issued(c)).map(|(_, c)| c.issuer.clone()).collect();
    all.retain(|(_, c)| !issuers.contains(&c.subject));
    Ok(all)
}
