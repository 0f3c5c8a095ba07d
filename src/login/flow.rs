//! Pure: given what is known about a pending login, what happens next? The one place where that is decided; every step
//! returns here.

use crate::oauth::{authorize::Prompt, error::Code};

/// What is known.
#[derive(Clone, Debug)]
pub struct Known<'a> {
    /// What the client asked of the person.
    pub prompt: Prompt,
    /// Names of the connections that the tenant offers for sign-in.
    pub offered: &'a [String],
    /// Whether the tenant takes passwords.
    pub password: bool,
    /// The connection that the client named (`idp_hint`).
    pub hinted: Option<&'a str>,
    /// When this browser's session last proved who the person is (unix seconds).
    pub auth_time: Option<i64>,
    /// A session's proof before this moment does not count: when the client asked, minus `max_age`; else 0.
    pub not_before: i64,
    /// Whether the session's person proved who they are within this very login: what `prompt=login` and `select_account` ask for.
    /// Such a proof is young enough: whoever took it has judged its age.
    pub proven_here: bool,
    /// Whether the person is the one that `id_token_hint` names; true without a hint.
    pub expected_person: bool,
    /// Whether the client may have what it asks for without (further) consent.
    pub consented: bool,
}

/// What happens next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The person chooses how to sign in.
    Choose,
    /// The browser leaves for this connection.
    Connect(String),
    /// The person decides whether the client may.
    Consent,
    /// The client gets its code.
    Issue,
    /// The client gets an error.
    Deny(Code, &'static str),
}

/// Decides.
#[must_use]
pub fn next(known: &Known<'_>) -> Step {
    let again = known.prompt.login || known.prompt.select_account;
    let fresh = known.auth_time.is_some_and(|at| known.proven_here || (at >= known.not_before && !again));
    let identified = fresh && known.expected_person;
    match (identified, known.consented) {
        (true, true) => Step::Issue,
        (true, false) if known.prompt.none => Step::Deny(Code::ConsentRequired, "the person has not consented"),
        (true, false) => Step::Consent,
        (false, _) if known.prompt.none => Step::Deny(Code::LoginRequired, "the person is not signed in"),
        // Asking again would go round in a circle (OpenID Connect Core §3.1.2.1, id_token_hint).
        (false, _) if fresh && known.proven_here => Step::Deny(Code::LoginRequired, "another person signed in"),
        (false, _) => match (known.hinted, known.offered) {
            (Some(name), offered) if offered.iter().any(|c| c == name) => Step::Connect(name.to_owned()),
            (None, [only]) if !known.password => Step::Connect(only.clone()),
            (_, []) if !known.password => Step::Deny(Code::AccessDenied, "the tenant offers no way to sign in"),
            _ => Step::Choose,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table() {
        let one = ["okta".to_owned()];
        let two = ["okta".to_owned(), "entra".to_owned()];
        let base = Known {
            prompt: Prompt::default(),
            offered: &two,
            password: true,
            hinted: None,
            auth_time: None,
            not_before: 0,
            proven_here: false,
            expected_person: true,
            consented: true,
        };
        let none = Prompt { none: true, ..Prompt::default() };
        let denied = |code| move |step: &Step| matches!(step, Step::Deny(c, _) if *c == code);
        let is = |expected: Step| move |step: &Step| *step == expected;
        type Check = Box<dyn Fn(&Step) -> bool>;
        #[rustfmt::skip]
        let table: Vec<(&str, Known<'_>, Check)> = vec![
            ("nobody", base.clone(), Box::new(is(Step::Choose))),
            ("one connection and passwords", Known { offered: &one, ..base.clone() }, Box::new(is(Step::Choose))),
            ("one connection only", Known { offered: &one, password: false, ..base.clone() }, Box::new(is(Step::Connect("okta".into())))),
            ("two connections only", Known { password: false, ..base.clone() }, Box::new(is(Step::Choose))),
            ("no way in", Known { offered: &[], password: false, ..base.clone() }, Box::new(denied(Code::AccessDenied))),
            ("hinted", Known { hinted: Some("entra"), ..base.clone() }, Box::new(is(Step::Connect("entra".into())))),
            ("hinted, not offered", Known { hinted: Some("evil"), ..base.clone() }, Box::new(is(Step::Choose))),
            ("hinted, nothing offered", Known { hinted: Some("x"), offered: &[], password: false, ..base.clone() }, Box::new(denied(Code::AccessDenied))),
            ("signed in", Known { auth_time: Some(100), ..base.clone() }, Box::new(is(Step::Issue))),
            ("signed in, at the very moment", Known { auth_time: Some(100), not_before: 100, ..base.clone() }, Box::new(is(Step::Issue))),
            ("signed in too long ago", Known { auth_time: Some(100), not_before: 101, ..base.clone() }, Box::new(is(Step::Choose))),
            ("signed in as someone else", Known { auth_time: Some(100), expected_person: false, ..base.clone() }, Box::new(is(Step::Choose))),
            ("asked to prove it again", Known { prompt: Prompt { login: true, ..Prompt::default() }, auth_time: Some(1), ..base.clone() }, Box::new(is(Step::Choose))),
            ("proved it again", Known { prompt: Prompt { login: true, ..Prompt::default() }, auth_time: Some(1), proven_here: true, ..base.clone() }, Box::new(is(Step::Issue))),
            ("proved it long before the consent", Known { auth_time: Some(100), not_before: 101, proven_here: true, ..base.clone() }, Box::new(is(Step::Issue))),
            ("proved to be someone else", Known { auth_time: Some(1), proven_here: true, expected_person: false, ..base.clone() }, Box::new(denied(Code::LoginRequired))),
            ("asked to choose an account", Known { prompt: Prompt { select_account: true, ..Prompt::default() }, auth_time: Some(1), ..base.clone() }, Box::new(is(Step::Choose))),
            ("not consented", Known { auth_time: Some(100), consented: false, ..base.clone() }, Box::new(is(Step::Consent))),
            ("none, nobody", Known { prompt: none, ..base.clone() }, Box::new(denied(Code::LoginRequired))),
            ("none, signed in", Known { prompt: none, auth_time: Some(1), ..base.clone() }, Box::new(is(Step::Issue))),
            ("none, too long ago", Known { prompt: none, auth_time: Some(1), not_before: 2, ..base.clone() }, Box::new(denied(Code::LoginRequired))),
            ("none, someone else", Known { prompt: none, auth_time: Some(1), expected_person: false, ..base.clone() }, Box::new(denied(Code::LoginRequired))),
            ("none, not consented", Known { prompt: none, auth_time: Some(1), consented: false, ..base.clone() }, Box::new(denied(Code::ConsentRequired))),
        ];
        for (name, known, check) in table {
            let step = next(&known);
            assert!(check(&step), "{name}: {step:?}");
        }
    }
}
