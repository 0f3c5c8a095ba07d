//! Our keys: what each signs, which state it is in, and the next one by hand.

use askama::Template;
use askama_web::WebTemplate;
use axum::{
    extract::{Path, State},
    response::{IntoResponse as _, Response},
};

use super::{
    caller::{Caller, Posted, missing},
    confirm::{Question, done},
    frame::Frame,
};
use crate::{
    app::App,
    connector::saml::credentials::Usage,
    error::PageError,
    key_list::{self, Key, Row, State as Life},
    moment::{Moment, span},
};

const PATH: &str = "/admin/_/keys";

/// Keys that follow one another.
#[derive(Debug)]
struct Line {
    name: String,
    title: String,
    purpose: String,
    keys: Vec<Told>,
    waits: bool,
}

#[derive(Debug)]
struct Told {
    name: String,
    state: &'static str,
    facts: Vec<(&'static str, String)>,
}

#[derive(Debug, Template, WebTemplate)]
#[template(path = "admin/keys.html")]
struct Page<'a> {
    frame: &'a Frame,
    failed: bool,
    lines: &'a [Line],
}

/// `GET /admin/_/keys`
pub async fn list(State(app): State<App>, caller: Caller) -> Result<Response, PageError> {
    caller.require_platform()?;
    let now = app.clock.now();
    let keys = key_list::all(&app.db, &app.settings, now).await?;
    let lines: Vec<Line> = Row::all().into_iter().map(|row| line(&app, row, &keys, now)).collect();
    let frame = Frame::of_platform(&app, &caller, PATH, "Signing keys");
    Ok(Page { frame: &frame, failed: false, lines: &lines }.into_response())
}

fn line(app: &App, row: Row, keys: &[Key], now: i64) -> Line {
    let mut living: Vec<&Key> = keys.iter().filter(|key| key.row == row && key.state != Life::Gone).collect();
    living.reverse();
    Line {
        name: row.name(),
        title: title(row),
        purpose: purpose(app, row),
        waits: living.iter().any(|key| key.state == Life::Next),
        keys: living.into_iter().map(|key| told(key, now)).collect(),
    }
}

fn title(row: Row) -> String {
    match row {
        Row::Token(alg) => alg.as_str().to_owned(),
        Row::Saml(Usage::Sign) => "SAML, signing".to_owned(),
        Row::Saml(Usage::Encrypt) => "SAML, decryption".to_owned(),
    }
}

fn purpose(app: &App, row: Row) -> String {
    let settings = &app.settings;
    match row {
        Row::Token(alg) => {
            let mut signs = Vec::new();
            if settings.access_token_alg == alg {
                signs.push("access and refresh tokens");
            }
            if settings.id_token_alg == alg {
                signs.push("ID tokens");
            }
            match signs.is_empty() {
                true => "Signs for applications that ask for it.".to_owned(),
                false => format!("Signs {}, where an application does not ask for another.", signs.join(" and ")),
            }
        }
        Row::Saml(Usage::Sign) => "Signs requests to SAML providers.".to_owned(),
        Row::Saml(Usage::Encrypt) => "Decrypts what SAML providers send.".to_owned(),
    }
}

fn told(key: &Key, now: i64) -> Told {
    let age = now - key.created_at;
    let ago = if age < 60 { "just now".to_owned() } else { format!("{} ago", span(age)) };
    let mut facts = vec![("Made", format!("{}, {ago}", Moment(key.created_at)))];
    if key.imported {
        facts.push(("Imported", "From the configured JWKS: whoever runs this replaces it.".to_owned()));
    }
    if key.state == Life::Next {
        facts.push(("In use from", format!("{}, in {}", Moment(key.active_from), span(key.active_from - now))));
    } else {
        facts.push(("In use since", Moment(key.active_from).to_string()));
    }
    if let Some(at) = key.followed_at {
        facts.push(("Followed by the next", in_time(at, now)));
    }
    if let Some(at) = key.leaves_at {
        facts.push(("Published until", in_time(at, now)));
    }
    if let Some(at) = key.certificate_ends_at {
        facts.push(("Certificate ends", in_time(at, now)));
    }
    Told { name: key.name.clone(), state: key.state.as_str(), facts }
}

fn in_time(at: i64, now: i64) -> String {
    if at > now { format!("{}, in {}", Moment(at), span(at - now)) } else { Moment(at).to_string() }
}

/// `GET /admin/_/keys/{key}/rotate`
pub async fn ask(State(app): State<App>, caller: Caller, Path(name): Path<String>) -> Result<Response, PageError> {
    caller.require_platform()?;
    let row = Row::from_name(&name).ok_or_else(|| missing("key"))?;
    let policy = key_list::policy(row, &app.settings);
    let loss = match row {
        Row::Token(_) => vec![
            format!("The new key is published now and signs in {}: by then everybody has read it.", span(policy.lead)),
            format!("The old one signs until then, and stays published for {}: tokens that it has signed stay good.", span(policy.retire_after)),
            "Whoever keeps a copy of our keys by hand must fetch it again.".to_owned(),
            "If a key has leaked, ending sessions and tokens is another step: this one revokes none.".to_owned(),
        ],
        Row::Saml(_) => vec![
            format!("The new certificate is in our metadata from now on and in use in {}.", span(policy.lead)),
            "Providers that read our metadata follow by themselves. At all others somebody must upload it within that time, or their sign-ins fail.".to_owned(),
        ],
    };
    let question = Question {
        lead: "Nobody is signed out.",
        loss: &loss,
        action: &format!("{PATH}/{name}/rotate"),
        back: PATH,
        yes: "Rotate now",
        error: None,
    };
    Ok(question.page(&Frame::of_platform(&app, &caller, PATH, format!("Rotate the key {}?", title(row)))))
}

/// `POST /admin/_/keys/{key}/rotate`
pub async fn rotate(State(app): State<App>, Path(name): Path<String>, posted: Posted) -> Result<Response, PageError> {
    posted.caller.require_platform()?;
    let row = Row::from_name(&name).ok_or_else(|| missing("key"))?;
    let actor = posted.caller.actor();
    let made = key_list::rotate(&app.db, &app.sealer, &app.settings, row, &actor, app.clock.now()).await;
    match made.map_err(|e| PageError::unavailable(e.to_string()))? {
        true => Ok(done(PATH, "rotated")),
        false => Ok(done(PATH, "waiting")),
    }
}
