//! What a kept trace tells, in plain words: the same on the pages and on the command line.

use serde_json::{Map, Value};

use crate::{
    moment::Moment,
    policy::cause::{Cause, Text},
    store::traces::{Outcome, Trace},
};

/// One thing that happened in a sign-in.
#[derive(Clone, Debug)]
pub struct Step {
    /// When.
    pub at: Moment,
    /// What.
    pub says: &'static str,
    /// What is known of it, each with its label.
    pub facts: Vec<(&'static str, String)>,
}

/// What became of a sign-in.
#[must_use]
pub fn outcome(trace: &Trace) -> &'static str {
    match Outcome::of(&trace.outcome) {
        Some(Outcome::Success) => "Signed in",
        Some(Outcome::Failed) => "Failed",
        _ => "Under way, or given up",
    }
}

/// What is known of a cause by its word.
#[must_use]
pub fn named(word: &str) -> Text {
    let other = Text { title: "Another failure", means: "It is not among the known causes.", fix: "Read the detail." };
    Cause::of_word(word).map_or(other, Cause::text)
}

/// The word of the cause of the failure that showed `code`; of the last one when there is none of that code: one sign-in
/// can fail several times.
#[must_use]
pub fn cause(trace: &Trace, code: &str) -> Option<String> {
    let hops = trace.hops();
    // They are read out and typed.
    let is_asked = |hop: &&Map<String, Value>| text(hop, "code").is_some_and(|seen| seen.eq_ignore_ascii_case(code));
    let asked = hops.iter().find(is_asked).and_then(|hop| text(hop, "cause"));
    asked.map(str::to_owned).or_else(|| trace.cause.clone())
}

/// What exactly was found then, if anything is kept of it.
#[must_use]
pub fn detail(trace: &Trace, code: &str) -> Option<String> {
    let hops = trace.hops();
    let asked = hops.iter().find(|hop| text(hop, "code") == Some(code));
    let failure = asked.or_else(|| hops.iter().rfind(|hop| text(hop, "hop") == Some("failed")));
    failure.and_then(|hop| text(hop, "detail")).map(str::to_owned)
}

/// What happened, the oldest first.
#[must_use]
pub fn steps(trace: &Trace) -> Vec<Step> {
    trace.hops().iter().map(step).collect()
}

/// What hops say, and how their facts are called.
const SAYINGS: [(&str, &str); 14] = [
    ("asked", "An application asked for a sign-in"),
    ("offered", "The person was shown the ways to sign in"),
    ("left", "The browser left for the provider"),
    ("came_back", "The browser came back from the provider"),
    ("came_unasked", "An answer came to no sign-in that was begun here"),
    ("called", "gatehouse called the provider"),
    ("identity", "The provider's answer held: it says who it is"),
    ("decided", "It was decided whom this identity belongs to"),
    ("user", "The person is a user here"),
    ("password", "The password was right"),
    ("issued", "The application was told who it is"),
    ("landed", "The browser was sent on"),
    ("failed", "It failed"),
    ("", "Something was done"),
];
const FACTS: [(&str, &str); 30] = [
    ("client", "Application"),
    ("to", "Where to"),
    ("invite", "By an invite"),
    ("idp_hint", "Connection asked for"),
    ("login_hint", "Person expected"),
    ("prompt", "Prompt"),
    ("address", "From"),
    ("connections", "Connections"),
    ("password", "Password"),
    ("connection", "Connection"),
    ("protocol", "Protocol"),
    ("callback", "Back to"),
    ("parameters", "Parameters that came"),
    ("call", "For"),
    ("host", "Host"),
    ("status", "HTTP status"),
    ("failure", "No answer"),
    ("ms", "Milliseconds"),
    ("issuer", "Issuer"),
    ("subject", "Unique id"),
    ("email", "E-mail"),
    ("email_verified", "Vouched for"),
    ("groups", "Groups"),
    ("claims", "Claims that came"),
    ("decision", "Decision"),
    ("why", "Why"),
    ("user", "User"),
    ("cause", "Cause"),
    ("detail", "Detail"),
    ("code", "Code shown"),
];

/// What the provider was called for, and why no answer came.
const CALLS: [(&str, &str); 5] = [
    ("discovery", "its discovery document"),
    ("jwks", "its signing keys (JWKS)"),
    ("token", "the token endpoint, to redeem the code"),
    ("userinfo", "the userinfo endpoint"),
    ("metadata", "its SAML metadata"),
];
const FAILURES: [(&str, &str); 7] = [
    ("refused", "not called: the address is none that may be called"),
    ("no_address", "not called: the name leads to no public address"),
    ("redirect", "a redirect that is not followed"),
    ("unusable", "one that is larger than what is read"),
    ("timeout", "not within ten seconds"),
    ("tls", "no encrypted connection (TLS)"),
    ("unreachable", "no connection, or it broke off"),
];

fn step(hop: &Map<String, Value>) -> Step {
    let name = text(hop, "hop").unwrap_or_default();
    let says = SAYINGS.iter().find(|(known, _)| *known == name).unwrap_or(&SAYINGS[SAYINGS.len() - 1]).1;
    let fact = |(name, label): &(&str, &'static str)| Some((*label, plain(name, text(hop, name)?)));
    Step { at: Moment(hop.get("at").and_then(Value::as_i64).unwrap_or(0)), says, facts: FACTS.iter().filter_map(fact).collect() }
}

/// What facts of a few words mean.
const MEANINGS: [(&str, &str, &str); 10] = [
    ("decision", "sign_in", "It is a user's who is here"),
    ("decision", "link", "It now belongs to a user who was here before"),
    ("decision", "create", "A new user was made"),
    ("decision", "refuse", "Refused"),
    ("protocol", "oidc", "OpenID Connect"),
    ("protocol", "saml", "SAML"),
    ("email_verified", "true", "Yes"),
    ("email_verified", "false", "No"),
    ("prompt", "login", "The application wants a new sign-in"),
    ("invite", "yes", "Yes"),
];

/// A fact for people; what is no word of ours is as it came.
fn plain(name: &str, value: &str) -> String {
    let said = match name {
        "call" => CALLS.iter().find(|(known, _)| *known == value),
        "failure" => FAILURES.iter().find(|(known, _)| *known == value),
        _ => None,
    };
    let meant = || MEANINGS.iter().find(|(fact, word, _)| *fact == name && *word == value).map(|(_, _, means)| *means);
    let cause = || Cause::of_word(value).filter(|_| name == "cause").map(|cause| cause.text().title);
    said.map(|(_, says)| *says).or_else(meant).or_else(cause).unwrap_or(value).to_owned()
}

fn text<'a>(hop: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    hop.get(name).and_then(Value::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_ours_are_told_in_plain_ones() {
        for (name, value, told) in [
            ("decision", "create", "A new user was made"),
            ("cause", "password_wrong", Cause::PasswordWrong.text().title),
            ("email_verified", "false", "No"),
            ("subject", "create", "create"),
            ("client", "password_wrong", "password_wrong"),
            ("cause", "never heard of", "never heard of"),
        ] {
            assert_eq!(plain(name, value), told);
        }
    }
}
