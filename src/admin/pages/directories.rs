//! The tokens of a directory on its page: which there are, a new one that is shown once, and the end of one.

use askama::Template;
use askama_web::WebTemplate;
use axum::{
    extract::{Path, State},
    response::{IntoResponse as _, Response},
};

use super::{
    caller::{Caller, Posted, missing},
    confirm::{Question, done},
    frame::{Frame, address},
    once::Once,
    things::Place,
};
use crate::{
    admin::directory_tokens::base_url,
    app::App,
    directory_token::{Desk, Wanted},
    error::PageError,
    moment::{Moment, seconds, span},
    store::{
        audit::Actor,
        connections,
        directories::{self, Directory},
        directory_tokens::{self, DirectoryToken},
        tenants::Tenant,
        token_state::TokenState,
    },
};

const NOUN: &str = "directories";
/// What may be chosen: spans as people write them, and what they mean.
const ENDS: [(&str, &str); 4] = [("", "Never"), ("90d", "After 90 days"), ("180d", "After 180 days"), ("365d", "After a year")];
const OVERLAPS: [(&str, &str); 4] = [("0s", "At once"), ("1h", "In an hour"), ("24h", "In a day"), ("7d", "In a week")];

/// A token as the page tells of it.
#[derive(Debug)]
struct Told {
    id: String,
    source: &'static str,
    made: Moment,
    end: String,
    used: Option<Moment>,
    living: bool,
    /// Why it opens nothing.
    over: Option<&'static str>,
}

impl Told {
    fn new((token, state): &(DirectoryToken, TokenState), now: i64) -> Self {
        let living = state.is_open();
        let end = match token.expires_at {
            None => "Does not end".to_owned(),
            Some(at) if living => format!("Ends in {}, {}", span(at - now), Moment(at)),
            Some(at) if at <= now => format!("Ended {}", Moment(at)),
            Some(at) => format!("Would end {}", Moment(at)),
        };
        let source = if token.declared { "From a declarative file" } else { "Made here" };
        let used = token.last_used_at.map(Moment);
        Self { id: token.id.clone(), source, made: Moment(token.created_at), end, used, living, over: state.reason() }
    }
}

/// Tokens on the directory's page.
#[derive(Debug, Template)]
#[template(path = "admin/tokens.html")]
struct Section<'a> {
    path: &'a str,
    tokens: &'a [Told],
    has_living: bool,
}

/// The part of a directory's page that tells of its tokens: those that live, and the last that ended.
///
/// # Errors
/// What the database says.
pub async fn section(app: &App, place: &Place, name: &str) -> Result<Option<String>, PageError> {
    if place.noun.name != NOUN {
        return Ok(None);
    }
    let Some(directory) = directories::find_by_name(&app.db, &place.tenant.id, name).await? else { return Ok(None) };
    let now = app.clock.now();
    let tokens = directory_tokens::judged(&app.db, &directory.id, now).await?;
    let mut told: Vec<Told> = tokens.iter().rev().map(|token| Told::new(token, now)).collect();
    told.sort_by_key(|token| !token.living);
    let has_living = told.iter().any(|token| token.living);
    let living = told.iter().filter(|token| token.living).count();
    told.truncate(living + 3);
    let html = Section { path: &place.path(name), tokens: &told, has_living }.render();
    html.map(Some).map_err(|e| PageError::internal(e.to_string()))
}

/// Directories on their connection's page.
#[derive(Debug, Template)]
#[template(path = "admin/connection_directories.html")]
struct OfConnection<'a> {
    url: String,
    list: String,
    connection: &'a str,
    directories: &'a [String],
}

/// The part of a connection's page that tells of its directories.
///
/// # Errors
/// What the database says.
pub async fn of_connection(app: &App, tenant: &Tenant, connection: &str) -> Result<String, PageError> {
    let all = directories::of_tenant(&app.db, &tenant.id).await?;
    let found = connections::find_by_name(&app.db, &tenant.id, connection).await?;
    let own = all.into_iter().filter(|d| d.connection_id.is_some() && d.connection_id.as_ref() == found.as_ref().map(|c| &c.id));
    let names: Vec<String> = own.map(|directory| directory.name).collect();
    let section = OfConnection { url: base_url(app), list: address(&tenant.name, NOUN), connection, directories: &names };
    section.render().map_err(|e| PageError::internal(e.to_string()))
}

#[derive(Debug, Template, WebTemplate)]
#[template(path = "admin/directory_token.html")]
struct Page<'a> {
    frame: &'a Frame,
    failed: bool,
    path: &'a str,
    name: &'a str,
    seen: &'a str,
    living: &'a [Told],
    ends: &'a [(&'static str, &'static str)],
    overlaps: &'a [(&'static str, &'static str)],
}

async fn find(app: &App, caller: &Caller, tenant: &str, name: &str) -> Result<(Place, Directory), PageError> {
    let place = Place::find(app, caller, tenant, NOUN).await?;
    let found = if name.contains('\0') { None } else { directories::find_by_name(&app.db, &place.tenant.id, name).await? };
    Ok((place, found.ok_or_else(|| missing("directory"))?))
}

/// `GET /admin/{tenant}/directories/{name}/token`
pub async fn ask(
    State(app): State<App>,
    caller: Caller,
    Path((tenant, name)): Path<(String, String)>,
) -> Result<Response, PageError> {
    caller.require_lasting()?;
    let (place, directory) = find(&app, &caller, &tenant, &name).await?;
    let now = app.clock.now();
    let all = directory_tokens::judged(&app.db, &directory.id, now).await?;
    let living: Vec<Told> = all.iter().map(|token| Told::new(token, now)).filter(|token| token.living).collect();
    let frame = Frame::of_tenant(&app, &caller, &place.tenant, NOUN, format!("A token for {name}"));
    let page = Page {
        frame: &frame,
        failed: false,
        path: &place.path(&name),
        name: &name,
        seen: all.last().map_or("", |(newest, _)| newest.id.as_str()),
        living: &living,
        ends: &ENDS,
        overlaps: &OVERLAPS,
    };
    Ok(page.into_response())
}

/// `POST /admin/{tenant}/directories/{name}/token`: the answer shows the token, and nothing else ever does. The same form
/// sent again, by a reload, makes none and shows none.
pub async fn make(
    State(app): State<App>,
    Path((tenant, name)): Path<(String, String)>,
    posted: Posted,
) -> Result<Response, PageError> {
    posted.caller.require_lasting()?;
    let (place, directory) = find(&app, &posted.caller, &tenant, &name).await?;
    let chosen = |field: &str, choices: &[(&str, &str)]| {
        let said = posted.one(field).unwrap_or_default();
        choices.iter().find(|(value, _)| *value == said).and_then(|(value, _)| seconds(value))
    };
    let wanted = Wanted {
        overlap: chosen("overlap", &OVERLAPS).unwrap_or_default(),
        expires_in: chosen("expires_in", &ENDS),
        seen: Some(posted.one("seen").unwrap_or_default()),
    };
    let path = place.path(&name);
    let actor = posted.caller.actor();
    let Some(made) = desk(&app, &actor).make(&place.tenant, &directory, &wanted).await? else {
        return Ok(done(&path, "shown"));
    };
    let mut notes = vec!["It is shown this once: gatehouse keeps only its fingerprint.".to_owned()];
    if let Some(at) = made.row.expires_at {
        notes.push(format!("It ends {}.", Moment(at)));
    }
    if made.ended > 0 {
        let when = if wanted.overlap == 0 { "have ended".to_owned() } else { format!("end in {}", span(wanted.overlap)) };
        notes.push(format!("The tokens before it {when}."));
    }
    if made.of_file {
        notes.push("One of them stands in a declarative file: remove it there, it will not come back to life.".to_owned());
    }
    let frame = Frame::of_tenant(&app, &posted.caller, &place.tenant, NOUN, format!("The token for {name}"));
    let values = [("Token", made.token), ("SCIM URL", base_url(&app))];
    Ok(Once { back: (&path, &name), lead: "Copy it to the directory now.", values: &values, notes: &notes }.page(&frame))
}

fn desk<'a>(app: &'a App, actor: &'a Actor) -> Desk<'a> {
    Desk { db: &app.db, sealer: &app.sealer, actor, now: app.clock.now() }
}

/// `GET /admin/{tenant}/directories/{name}/tokens/{id}/revoke`
pub async fn confirm(
    State(app): State<App>,
    caller: Caller,
    Path((tenant, name, id)): Path<(String, String, String)>,
) -> Result<Response, PageError> {
    let (place, directory) = find(&app, &caller, &tenant, &name).await?;
    let now = app.clock.now();
    let mut all = directory_tokens::judged(&app.db, &directory.id, now).await?;
    all.retain(|(_, state)| state.is_open());
    let (token, _) = all.iter().find(|(token, _)| token.id == id).ok_or_else(|| missing("token"))?;
    let is_last = all.len() == 1;
    question(&app, &caller, &place.tenant, (&place.path(&name), &name), token, is_last)
}

fn question(
    app: &App,
    caller: &Caller,
    tenant: &Tenant,
    (path, name): (&str, &str),
    token: &DirectoryToken,
    is_last: bool,
) -> Result<Response, PageError> {
    let used =
        token.last_used_at.map_or_else(|| "It was never used.".to_owned(), |at| format!("It was last used {}.", Moment(at)));
    let mut loss = vec![format!("The token made {} is refused from now on.", Moment(token.created_at)), used];
    if is_last {
        loss.push("The directory has no other: who joins or leaves there is not known here until it has a new one.".to_owned());
    }
    let question = Question {
        lead: "It ends at once, and cannot be brought back.",
        loss: &loss,
        action: &format!("{path}/tokens/{}/revoke", token.id),
        back: path,
        yes: "Revoke",
        error: None,
    };
    Ok(question.page(&Frame::of_tenant(app, caller, tenant, NOUN, format!("Revoke a token of {name}?"))))
}

/// `POST /admin/{tenant}/directories/{name}/tokens/{id}/revoke`
pub async fn revoke(
    State(app): State<App>,
    Path((tenant, name, id)): Path<(String, String, String)>,
    posted: Posted,
) -> Result<Response, PageError> {
    let (place, directory) = find(&app, &posted.caller, &tenant, &name).await?;
    let actor = posted.caller.actor();
    match desk(&app, &actor).end(&place.tenant, &directory, &id).await? {
        true => Ok(done(&place.path(&name), "revoked")),
        false => Err(missing("token")),
    }
}
