//! Whether an answer is meant for us, now, and for the request that was made (SAML Core §2.5, Profiles §4.1.4). Pure. Each
//! rule is one function; the attack that it stops is named beside it where the rule does not say it.

use super::{
    instant,
    names::{BEARER, ENTITY, SAML, SAMLP, SUCCESS},
    xml::{Element, XmlError},
};
use crate::{
    connector::{Error, clean::clean},
    policy::{
        cause::{self, Cause, Fault},
        saml::MAX_SKEW,
    },
};

/// Most seconds that an assertion may hold.
const LONGEST: i64 = 7 * 86_400;

/// Against what an answer is judged.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// The provider's entity id.
    pub issuer: &'a str,
    /// Our entity id.
    pub audience: &'a str,
    /// Our callback URL.
    pub recipient: &'a str,
    /// The id of the request; `None` for an answer that nobody asked for.
    pub request_id: Option<&'a str>,
    /// How many seconds the provider's clock may be apart from ours.
    pub skew: i64,
    /// When the person left with a request to prove anew who they are (unix seconds); `None` when that was not asked.
    pub forced_at: Option<i64>,
    /// How many seconds old the proof of who they are may be.
    pub max_age: Option<i64>,
    /// The authentication context classes that were asked for; any will do when empty.
    pub contexts: &'a [String],
    /// Unix seconds.
    pub now: i64,
}

/// What the conditions of an assertion tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// From then on the assertion is refused for its age, whatever skew is allowed (unix seconds).
    pub until: i64,
    /// When the person proved who they are (unix seconds).
    pub authenticated_at: i64,
    /// When the provider wants the session to end (unix seconds).
    pub session_until: Option<i64>,
    /// How the provider names the session.
    pub session_index: Option<String>,
}

/// What is wrong, by name.
type Wrong = Fault;

/// A part that is missing, or is there in a form that it must not have.
fn odd(what: impl Into<String>) -> Wrong {
    Cause::SamlForm.with(what)
}

/// The status of a response.
///
/// # Errors
/// [`Error::Refused`] with what the provider says, [`Error::Untrusted`] when it says nothing.
pub fn status(response: &Element) -> Result<(), Error> {
    let missing = || Error::Untrusted(odd("the response has no Status"));
    let double = |e: XmlError| Error::Untrusted(e.into());
    let status = response.only(SAMLP, "Status").map_err(double)?.ok_or_else(missing)?;
    let code = status.only(SAMLP, "StatusCode").map_err(double)?.ok_or_else(missing)?;
    let value = code.attribute("Value").unwrap_or_default();
    if value == SUCCESS {
        return Ok(());
    }
    let short = |code: &str| code.rsplit(':').next().unwrap_or_default().to_owned();
    let mut said = vec![short(value)];
    said.extend(code.all(SAMLP, "StatusCode").filter_map(|inner| inner.attribute("Value")).map(short));
    let message: Vec<_> = status.all(SAMLP, "StatusMessage").map(Element::full_text).collect();
    let message = clean(&message.join(" "));
    let cause = cause::of_status(&said, &message);
    Err(Error::Refused(cause.with(match message.is_empty() {
        true => clean(&said.join(" / ")),
        false => format!("{}: {message}", clean(&said.join(" / "))),
    })))
}

/// The response around an assertion. Where only the assertion is signed, anybody could have written this: what is there
/// must be right, but Issuer and Destination need not be there.
///
/// # Errors
/// The first rule that is broken.
pub fn response(response: &Element, signed: bool, expected: &Expected<'_>) -> Result<(), Wrong> {
    version(response)?;
    issued(response, expected)?;
    sent_by_provider(response, signed, expected)?;
    destination(response, signed, expected)?;
    response_to(response, expected)
}

/// An assertion.
///
/// # Errors
/// The first rule that is broken.
pub fn assertion(assertion: &Element, expected: &Expected<'_>) -> Result<Facts, Wrong> {
    version(assertion)?;
    issued(assertion, expected)?;
    from_provider(needed(assertion, "Issuer")?, expected)?;
    let conditions = needed(assertion, "Conditions")?;
    known_conditions(conditions)?;
    not_yet(conditions, expected)?;
    let ends_at = not_any_more(conditions, expected)?;
    for_us(conditions, expected)?;
    let confirmed_until = confirmed(needed(assertion, "Subject")?, expected)?;
    let until = ends_at.max(confirmed_until);
    not_for_ever(until, expected)?;
    let session = session(assertion, expected)?;
    // By the largest skew that the settings can be changed to: what is forgotten must stay too old.
    Ok(Facts { until: until + MAX_SKEW, ..session })
}

fn needed<'a>(element: &'a Element, name: &str) -> Result<&'a Element, Wrong> {
    element.only(SAML, name)?.ok_or_else(|| odd(format!("the {} has no {name}", element.name)))
}

fn version(element: &Element) -> Result<(), Wrong> {
    match element.attribute("Version") {
        Some("2.0") => Ok(()),
        other => Err(odd(format!("the {} has version {:?}; only SAML 2.0 is spoken", element.name, other.unwrap_or_default()))),
    }
}

fn issued(element: &Element, expected: &Expected<'_>) -> Result<(), Wrong> {
    let text = element.attribute("IssueInstant").ok_or_else(|| odd(format!("the {} has no IssueInstant", element.name)))?;
    let what = || format!("the {} was issued in the future ({text})", element.name);
    not_ahead(instant::parse("IssueInstant", text).map_err(odd)?, expected, what)
}

fn not_ahead(at: i64, expected: &Expected<'_>, what: impl FnOnce() -> String) -> Result<(), Wrong> {
    let ahead = at - expected.now;
    match ahead > expected.skew {
        true => Err(Cause::ClockAhead.with(format!(
            "{}: {ahead} s ahead of this clock, and {} s are allowed; compare the clocks, or set skew",
            what(),
            expected.skew
        ))),
        false => Ok(()),
    }
}

/// A response that is signed, or holds an encrypted assertion, names its sender (Profiles §4.1.4.2).
fn sent_by_provider(response: &Element, signed: bool, expected: &Expected<'_>) -> Result<(), Wrong> {
    let encrypted = response.all(SAML, "EncryptedAssertion").next().is_some();
    match response.only(SAML, "Issuer")? {
        Some(issuer) => from_provider(issuer, expected),
        None if signed || encrypted => Err(odd("the response has no Issuer, which a signed or encrypted one must have")),
        None => Ok(()),
    }
}

/// Another provider's good signature must not speak for this one, nor one customer's for another (S24).
fn from_provider(issuer: &Element, expected: &Expected<'_>) -> Result<(), Wrong> {
    let name = issuer.text()?;
    let format = issuer.attribute("Format");
    if name == expected.issuer && format.is_none_or(|f| f == ENTITY) {
        return Ok(());
    }
    let other = format!("the Issuer is {:?}, but this connection's provider is {:?}", clean(&name), expected.issuer);
    Err(Cause::of_issuers(expected.issuer, &name).with(other))
}

/// A signed response says where it must arrive (SAML Bindings §3.5.5.2), so that no other service can forward it.
fn destination(response: &Element, signed: bool, expected: &Expected<'_>) -> Result<(), Wrong> {
    match response.attribute("Destination") {
        Some(there) if there == expected.recipient => Ok(()),
        None if !signed => Ok(()),
        None => Err(Cause::Destination.with("the signed response has no Destination")),
        Some(there) => Err(Cause::Destination.with(format!(
            "the Destination is {:?}; let the provider send to {:?} (ACS URL)",
            clean(there),
            expected.recipient
        ))),
    }
}

fn response_to(response: &Element, expected: &Expected<'_>) -> Result<(), Wrong> {
    match response.attribute("InResponseTo") {
        None => Ok(()),
        said => in_response_to("Response", said, expected),
    }
}

/// Only the browser that left with the request may bring its answer (login CSRF, and CVE-2026-9098).
fn in_response_to(element: &str, said: Option<&str>, expected: &Expected<'_>) -> Result<(), Wrong> {
    let wrong = |what: String| Err(Cause::InResponseTo.with(what));
    match (said, expected.request_id) {
        (Some(said), Some(asked)) if said == asked => Ok(()),
        (None, None) => Ok(()),
        (None, Some(_)) => wrong(format!("the {element} has no InResponseTo, but the sign-in was begun here")),
        (Some(_), Some(_)) => wrong(format!("InResponseTo of the {element} is not the request that this browser left with")),
        (Some(_), None) => wrong(format!(
            "InResponseTo of the {element} names a request, but none was made; if the sign-in was begun at the provider, let it \
             send none (Rippling: tick \"Disable InResponseTo field in assertions for IdP initiated SSO\")"
        )),
    }
}

/// A condition that is not understood makes an assertion invalid (Core §2.5.1).
fn known_conditions(conditions: &Element) -> Result<(), Wrong> {
    let known = |c: &&Element| ["AudienceRestriction", "OneTimeUse", "ProxyRestriction"].iter().any(|name| c.is(SAML, name));
    match conditions.elements().find(|c| !known(c)) {
        Some(unknown) => Err(odd(format!("the condition {:?} is not known here", unknown.name))),
        None => Ok(()),
    }
}

fn not_yet(conditions: &Element, expected: &Expected<'_>) -> Result<(), Wrong> {
    let Some(text) = conditions.attribute("NotBefore") else { return Ok(()) };
    let what = || format!("the assertion holds only from {text}");
    not_ahead(instant::parse("NotBefore", text).map_err(odd)?, expected, what)
}

fn not_any_more(element: &Element, expected: &Expected<'_>) -> Result<i64, Wrong> {
    let name = &element.name;
    let text = element.attribute("NotOnOrAfter").ok_or_else(|| odd(format!("{name} has no NotOnOrAfter")))?;
    let ends_at = instant::parse("NotOnOrAfter", text).map_err(odd)?;
    match expected.now >= ends_at + expected.skew {
        true => Err(Cause::Expired.with(format!(
            "the answer is too old: {name} ended at {text}, {} s ago, and {} s are allowed",
            expected.now - ends_at,
            expected.skew
        ))),
        false => Ok(ends_at),
    }
}

/// What may be used once is remembered until it would be too old: an assertion for years would be kept for years.
fn not_for_ever(until: i64, expected: &Expected<'_>) -> Result<(), Wrong> {
    match until - expected.now > LONGEST {
        true => Err(odd("the assertion holds for longer than a week; let the provider issue it for minutes")),
        false => Ok(()),
    }
}

/// Each restriction must name us: several of them are "and", the audiences within one "or" (Core §2.5.1.4).
fn for_us(conditions: &Element, expected: &Expected<'_>) -> Result<(), Wrong> {
    let mut restrictions = conditions.all(SAML, "AudienceRestriction").peekable();
    if restrictions.peek().is_none() {
        return Err(Cause::Audience.with("the assertion has no AudienceRestriction: it could be meant for anyone"));
    }
    for restriction in restrictions {
        let audiences: Result<Vec<_>, _> = restriction.all(SAML, "Audience").map(Element::text).collect();
        let audiences = audiences?;
        if !audiences.iter().any(|audience| audience == expected.audience) {
            return Err(Cause::Audience.with(format!(
                "the assertion is for {:?}; set the provider's Audience (entity id of the service) to {:?}",
                clean(&audiences.join(", ")),
                expected.audience
            )));
        }
    }
    Ok(())
}

/// One confirmation by bearer that holds is enough (Profiles §4.1.4.2); until when it holds.
fn confirmed(subject: &Element, expected: &Expected<'_>) -> Result<i64, Wrong> {
    let bearer = |c: &&Element| c.attribute("Method") == Some(BEARER);
    let mut wrong = odd("the assertion has no SubjectConfirmation by bearer");
    for confirmation in subject.all(SAML, "SubjectConfirmation").filter(bearer) {
        match needed(confirmation, "SubjectConfirmationData").and_then(|data| bears(data, expected)) {
            Ok(until) => return Ok(until),
            Err(why) => wrong = why,
        }
    }
    Err(wrong)
}

fn bears(data: &Element, expected: &Expected<'_>) -> Result<i64, Wrong> {
    received_here(data, expected)?;
    let until = not_any_more(data, expected)?;
    never_not_before(data)?;
    in_response_to("SubjectConfirmationData", data.attribute("InResponseTo"), expected)?;
    Ok(until)
}

/// An assertion that another service received must not be forwarded to us.
fn received_here(data: &Element, expected: &Expected<'_>) -> Result<(), Wrong> {
    match data.attribute("Recipient") {
        Some(there) if there == expected.recipient => Ok(()),
        there => Err(Cause::Recipient.with(format!(
            "the Recipient is {:?}; let the provider send to {:?} (ACS URL)",
            clean(there.unwrap_or_default()),
            expected.recipient
        ))),
    }
}

fn never_not_before(data: &Element) -> Result<(), Wrong> {
    match data.attribute("NotBefore") {
        Some(_) => Err(odd("the SubjectConfirmationData of a bearer must not have NotBefore")),
        None => Ok(()),
    }
}

/// What the statements say of the person's session; of several the strictest counts.
fn session(assertion: &Element, expected: &Expected<'_>) -> Result<Facts, Wrong> {
    let mut facts: Option<Facts> = None;
    for statement in assertion.all(SAML, "AuthnStatement") {
        context_as_asked(statement, expected)?;
        let said = Facts {
            until: 0,
            authenticated_at: authenticated(statement, expected)?,
            session_until: session_until(statement, expected)?,
            session_index: statement.attribute("SessionIndex").filter(|index| !index.is_empty()).map(str::to_owned),
        };
        facts = Some(match facts {
            None => said,
            Some(before) => Facts {
                until: 0,
                authenticated_at: before.authenticated_at.min(said.authenticated_at),
                session_until: before.session_until.into_iter().chain(said.session_until).min(),
                session_index: before.session_index.or(said.session_index),
            },
        });
    }
    let facts = facts.ok_or_else(|| odd("the assertion has no AuthnStatement: it does not say that the person signed in"))?;
    fresh_as_forced(&facts, expected)?;
    fresh_as_max_age(&facts, expected)?;
    Ok(facts)
}

fn authenticated(statement: &Element, expected: &Expected<'_>) -> Result<i64, Wrong> {
    let text = statement.attribute("AuthnInstant").ok_or_else(|| odd("the AuthnStatement has no AuthnInstant"))?;
    let at = instant::parse("AuthnInstant", text).map_err(odd)?;
    not_ahead(at, expected, || format!("the person signed in in the future ({text})")).map(|()| at)
}

/// Without skew: a session that has ended would be an endless round of sign-ins.
fn session_until(statement: &Element, expected: &Expected<'_>) -> Result<Option<i64>, Wrong> {
    let Some(text) = statement.attribute("SessionNotOnOrAfter") else { return Ok(None) };
    let until = instant::parse("SessionNotOnOrAfter", text).map_err(odd)?;
    match expected.now >= until {
        true => Err(Cause::Expired.with(format!("the provider's session ended at {text}"))),
        false => Ok(Some(until)),
    }
}

/// A request travels through the browser, where what it asks for can be taken out.
fn context_as_asked(statement: &Element, expected: &Expected<'_>) -> Result<(), Wrong> {
    let context = statement.only(SAML, "AuthnContext")?;
    let class = context.map(|context| context.only(SAML, "AuthnContextClassRef")).transpose()?;
    let class = class.flatten().map(Element::text).transpose()?.unwrap_or_default();
    match expected.contexts.is_empty() || expected.contexts.contains(&class) {
        true => Ok(()),
        false => {
            let other = format!("the person signed in by {:?}, which is none of authn_context", clean(&class));
            Err(Cause::AuthnContext.with(other))
        }
    }
}

fn fresh_as_forced(facts: &Facts, expected: &Expected<'_>) -> Result<(), Wrong> {
    match expected.forced_at.is_some_and(|left| facts.authenticated_at < left - expected.skew) {
        true => {
            Err(Cause::NotFresh.with("the person was to prove anew who they are (ForceAuthn), but the provider did not ask them"))
        }
        false => Ok(()),
    }
}

fn fresh_as_max_age(facts: &Facts, expected: &Expected<'_>) -> Result<(), Wrong> {
    let age = expected.now - facts.authenticated_at;
    match expected.max_age.is_some_and(|most| age > most.saturating_add(expected.skew)) {
        true => Err(Cause::NotFresh.with(format!("the person signed in {age} seconds ago, which is longer than max_age allows"))),
        false => Ok(()),
    }
}

#[cfg(test)]
#[path = "conditions_tests.rs"]
mod tests;
