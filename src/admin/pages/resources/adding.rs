//! Finding who may be given a role on a resource, and giving it to those who are ticked.

use askama::Template;
use askama_web::WebTemplate;
use axum::{
    extract::{Path, RawQuery, State},
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use serde_json::Value;

use super::{At, Change, NOUN, ROLES, SECTIONS, change, why};
use crate::{
    admin::{
        pages::{
            caller::{Caller, Posted},
            confirm::done,
            frame::Frame,
            list::Query,
        },
        searching,
    },
    app::App,
    apply::single::{self, Expect, Noun},
    error::PageError,
    policy::{principal::Kind, role::Role},
    store::{collaborators, resources::Collaborator},
};

/// Those of one kind that a page offers.
const OFFERED: usize = 10;
/// The same, where only that kind is looked through.
const MORE: usize = 50;
/// Most that are given a role at once.
const AT_ONCE: usize = 100;

/// Those of one kind who were found.
#[derive(Debug)]
struct Found {
    title: &'static str,
    rows: Vec<Row>,
    next: Option<String>,
}

#[derive(Debug)]
struct Row {
    id: String,
    value: String,
    name: String,
    detail: String,
    role: Option<Role>,
    ticked: bool,
}

#[derive(Debug, Template, WebTemplate)]
#[template(path = "admin/collaborators.html")]
struct Page<'a> {
    frame: &'a Frame,
    failed: bool,
    error: Option<&'a str>,
    title: &'a str,
    path: &'a str,
    asked: &'a Asked,
    found: &'a [Found],
    is_empty: bool,
    chosen: String,
    roles: &'a [(Role, &'static str)],
}

/// What the address, or the form, looks for.
#[derive(Debug, Default)]
struct Asked {
    search: String,
    only: Option<Kind>,
    after: String,
    ticked: Vec<String>,
    role: Option<Role>,
}

impl Asked {
    fn read(query: Option<&str>) -> Self {
        let mut pairs = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes());
        let only = pairs.find(|(name, _)| name == "kind").and_then(|(_, kind)| Kind::parse(&kind));
        let Query { search, after, .. } = Query::read(query);
        Self { search, only, after, ticked: Vec::new(), role: None }
    }
}

/// `GET /admin/{tenant}/resources/{name}/collaborators`
pub async fn find(
    State(app): State<App>,
    caller: Caller,
    Path(at): Path<(String, String)>,
    RawQuery(query): RawQuery,
) -> Result<Response, PageError> {
    let at = At::find(&app, &caller, at).await?;
    page(&app, &caller, &at, &Asked::read(query.as_deref()), None).await
}

/// `POST /admin/{tenant}/resources/{name}/collaborators`
pub async fn add(
    State(app): State<App>,
    Path(at): Path<(String, String)>,
    RawQuery(query): RawQuery,
    posted: Posted,
) -> Result<Response, PageError> {
    let at = At::find(&app, &posted.caller, at).await?;
    let mut asked = Asked::read(query.as_deref());
    asked.ticked = posted.all("whom").take(AT_ONCE).map(str::to_owned).collect();
    asked.role = posted.one("role").and_then(Role::parse);
    let whom: Vec<(Kind, &str)> = asked.ticked.iter().filter_map(|text| whom(text)).collect();
    let error = match (whom.is_empty(), asked.role) {
        (true, _) => Some("Tick whom you want to add.".to_owned()),
        (_, None) => Some("Choose a role.".to_owned()),
        (false, Some(role)) => match change(&app, &posted.caller, &at, Change::Give(&whom, role, Expect::Any)).await {
            Ok(()) => return Ok(done(&at.path(), "added")),
            Err(refusal) => Some(why(refusal)?),
        },
    };
    page(&app, &posted.caller, &at, &asked, error.as_deref()).await
}

/// `user:ada@acme.example`
fn whom(text: &str) -> Option<(Kind, &str)> {
    let (kind, name) = text.split_once(':')?;
    Some((Kind::parse(kind)?, name))
}

async fn page(app: &App, caller: &Caller, at: &At, asked: &Asked, error: Option<&str>) -> Result<Response, PageError> {
    let path = at.path();
    let mut found = Vec::new();
    for (kind, title, noun) in SECTIONS {
        if asked.only.is_some_and(|only| only != kind) {
            continue;
        }
        let (after, most) = if asked.only.is_some() { (asked.after.as_str(), MORE) } else { ("", OFFERED) };
        let ask = single::Ask { search: &asked.search, after, limit: most, ..Default::default() };
        let part = searching::list(app, &caller.operator.home, &at.place.tenant, noun, ask).await?;
        let names: Vec<String> = part.items.iter().filter_map(|thing| noun.name_in(thing.as_object()?)).collect();
        let held = collaborators::among(&app.db, &at.resource.id, kind, names.iter().map(String::as_str)).await?;
        let rows = part.items.iter().enumerate().filter_map(|(n, thing)| row(kind, noun, n, thing, &held, asked)).collect();
        let next = part.next.map(|last| {
            let mut pairs = url::form_urlencoded::Serializer::new(String::new());
            pairs.append_pair("kind", kind.as_str()).append_pair("search", &asked.search);
            // From the short list the long one begins at its beginning.
            if asked.only.is_some() {
                pairs.append_pair("after", &last);
            }
            format!("{path}/collaborators?{}", pairs.finish())
        });
        found.push(Found { title, rows, next });
    }
    let frame = Frame::of_tenant(app, caller, &at.place.tenant, NOUN, "Add collaborators");
    let page = Page {
        frame: &frame,
        failed: error.is_some(),
        error,
        title: &at.title(),
        path: &path,
        asked,
        is_empty: found.iter().all(|found| found.rows.is_empty()),
        found: &found,
        chosen: asked.role.map_or("", Role::as_str).to_owned(),
        roles: &ROLES,
    };
    let status = if error.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    Ok((status, page).into_response())
}

fn row(kind: Kind, noun: Noun, n: usize, thing: &Value, held: &[Collaborator], asked: &Asked) -> Option<Row> {
    let name = noun.name_in(thing.as_object()?)?;
    let value = format!("{}:{name}", kind.as_str());
    Some(Row {
        id: format!("{}-{n}", kind.as_str()),
        ticked: asked.ticked.contains(&value),
        value,
        detail: thing["name"].as_str().filter(|text| kind == Kind::User && *text != name).unwrap_or_default().to_owned(),
        role: held.iter().find(|held| held.name == name).map(|held| held.role),
        name,
    })
}
