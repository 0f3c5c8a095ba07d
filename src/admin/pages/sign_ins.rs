//! Traces of sign-ins: a list, and the story of one, found by the code that the person saw.

use super::{
    caller::{Caller, missing},
    frame::{Frame, address},
};
use crate::{
    admin::{in_turn::PATIENCE, searching},
    app::App,
    error::PageError,
    moment::Moment,
    policy::cause::Text,
    store::{
        tenants::{self, Tenant},
        traces::{self, Filter, Outcome, Trace, Whose},
    },
    story::{self, Step},
};
use askama::Template;
use askama_web::WebTemplate;
use axum::{
    extract::{Path, RawQuery, State},
    response::{IntoResponse as _, Response},
};

/// Traces on a page.
const PAGE: usize = 50;
/// Longest value of a filter, in bytes.
const LONGEST: usize = 320;

/// What the address asks for.
#[derive(Debug, Default)]
struct Asked {
    outcome: String,
    cause: String,
    connection: String,
    search: String,
    before: Option<(i64, String)>,
}

impl Asked {
    fn read(query: Option<&str>) -> Self {
        let mut asked = Self::default();
        for (name, value) in url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            let value = value.trim();
            if value.len() > LONGEST || value.contains(char::is_control) {
                continue;
            }
            match name.as_ref() {
                "outcome" => value.clone_into(&mut asked.outcome),
                "cause" => value.clone_into(&mut asked.cause),
                "connection" => value.clone_into(&mut asked.connection),
                "search" => value.clone_into(&mut asked.search),
                "before" => {
                    asked.before = value.split_once('/').and_then(|(at, id)| Some((at.parse().ok()?, id.to_owned())));
                }
                _ => {}
            }
        }
        asked
    }

    fn next(&self, path: &str, last: &Trace) -> String {
        let mut pairs = url::form_urlencoded::Serializer::new(String::new());
        for (name, value) in
            [("outcome", &self.outcome), ("cause", &self.cause), ("connection", &self.connection), ("search", &self.search)]
        {
            if !value.is_empty() {
                pairs.append_pair(name, value);
            }
        }
        format!("{path}?{}", pairs.append_pair("before", &format!("{}/{}", last.at, last.id)).finish())
    }
}

struct Row {
    href: String,
    at: Moment,
    outcome: &'static str,
    has_failed: bool,
    cause: String,
    connection: String,
    email: String,
}

#[derive(Template, WebTemplate)]
#[template(path = "admin/sign_ins.html")]
struct List<'a> {
    frame: &'a Frame,
    failed: bool,
    path: &'a str,
    asked: &'a Asked,
    rows: &'a [Row],
    next: Option<String>,
}

/// `GET /admin/{tenant}/sign-ins`
pub async fn of_tenant(
    State(app): State<App>,
    caller: Caller,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, PageError> {
    let tenant = caller.tenant(&app, &name).await?;
    let frame = Frame::of_tenant(&app, &caller, &tenant, "sign-ins", "Sign-ins");
    let path = address(&tenant.name, "sign-ins");
    list(&app, &caller, &frame, (Whose::Tenant(&tenant.id), &path), query.as_deref()).await
}

/// `GET /admin/_/sign-ins`: of all tenants, and those that nobody knows the tenant of.
pub async fn of_all(State(app): State<App>, caller: Caller, RawQuery(query): RawQuery) -> Result<Response, PageError> {
    caller.require_platform()?;
    let frame = Frame::of_platform(&app, &caller, ALL, "Sign-ins");
    list(&app, &caller, &frame, (Whose::Everybody, ALL), query.as_deref()).await
}

const ALL: &str = "/admin/_/sign-ins";

async fn list(
    app: &App,
    caller: &Caller,
    frame: &Frame,
    (whose, path): (Whose<'_>, &str),
    query: Option<&str>,
) -> Result<Response, PageError> {
    let asked = Asked::read(query);
    let email = asked.search.to_lowercase();
    let some = |text: &'_ str| !text.is_empty();
    // A code is what people mostly have; an address has an @.
    let (found, more) = if some(&asked.search) && !email.contains('@') {
        (traces::by_code(&app.db, whose, &asked.search.to_uppercase()).await?.into_iter().collect(), false)
    } else {
        let filter = Filter {
            whose,
            outcome: Outcome::of(&asked.outcome),
            cause: Some(asked.cause.as_str()).filter(|c| some(c)),
            connection: Some(asked.connection.as_str()).filter(|c| some(c)),
            email: Some(email.as_str()).filter(|e| some(e)),
        };
        let before = asked.before.as_ref().map(|(at, id)| (*at, id.as_str()));
        let limit = i64::try_from(PAGE + 1).unwrap_or(i64::MAX);
        let turn = match filter.is_search() {
            true => Some(searching::turn(app, &caller.operator.home, PATIENCE).await?),
            false => None,
        };
        let mut found: Vec<Trace> = traces::page(&app.db, &filter, before, limit).await?;
        drop(turn);
        let more = found.len() > PAGE;
        found.truncate(PAGE);
        (found, more)
    };
    let next = found.last().filter(|_| more).map(|last| asked.next(path, last));
    let rows: Vec<Row> = found.iter().map(|trace| row(path, trace)).collect();
    Ok(List { frame, failed: false, path, asked: &asked, rows: &rows, next }.into_response())
}

fn row(path: &str, trace: &Trace) -> Row {
    Row {
        href: format!("{path}/{}", trace.id),
        at: Moment(trace.at),
        outcome: story::outcome(trace),
        has_failed: Outcome::of(&trace.outcome) == Some(Outcome::Failed),
        cause: trace.cause.as_deref().map(|word| story::named(word).title.to_owned()).unwrap_or_default(),
        connection: trace.connection.clone().unwrap_or_default(),
        email: trace.email.clone().unwrap_or_default(),
    }
}

#[derive(Template, WebTemplate)]
#[template(path = "admin/sign_in.html")]
struct Story<'a> {
    frame: &'a Frame,
    failed: bool,
    list: &'a str,
    code: &'a str,
    outcome: &'a str,
    cause: Option<(String, Text)>,
    detail: Option<String>,
    connection: Option<(String, String)>,
    steps: Vec<Step>,
    codes: String,
}

/// `GET /admin/{tenant}/sign-ins/{code}`
pub async fn show(
    State(app): State<App>,
    caller: Caller,
    Path((name, code)): Path<(String, String)>,
) -> Result<Response, PageError> {
    let tenant = caller.tenant(&app, &name).await?;
    let frame = Frame::of_tenant(&app, &caller, &tenant, "sign-ins", "Sign-in");
    story(&app, &frame, Whose::Tenant(&tenant.id), Some(&tenant), &code).await
}

/// `GET /admin/_/sign-ins/{code}`
pub async fn show_any(State(app): State<App>, caller: Caller, Path(code): Path<String>) -> Result<Response, PageError> {
    caller.require_platform()?;
    let frame = Frame::of_platform(&app, &caller, ALL, "Sign-in");
    story(&app, &frame, Whose::Everybody, None, &code).await
}

/// What people call it: by the code that they saw, which the address may name; without one by when it was. Its id means nothing
/// to anybody.
fn known_by(trace: &Trace, codes: &[String], asked: &str) -> String {
    let seen = codes.iter().find(|code| code.eq_ignore_ascii_case(asked)).or(codes.last());
    seen.map_or_else(|| Moment(trace.at).to_string(), Clone::clone)
}

async fn story(app: &App, frame: &Frame, whose: Whose<'_>, tenant: Option<&Tenant>, code: &str) -> Result<Response, PageError> {
    let found = if code.contains('\0') { None } else { traces::by_code(&app.db, whose, code).await? };
    let trace = found.ok_or_else(|| missing("sign-in"))?;
    // Codes are read out over the telephone.
    let seen = code.to_uppercase();
    let cause = story::cause(&trace, &seen).map(|word| (word.clone(), story::named(&word)));
    let detail = story::detail(&trace, &seen);
    // Of all tenants' traces each says whose it is.
    let whose = match (tenant, &trace.tenant_id) {
        (None, Some(id)) => tenants::find(&app.db, id).await?,
        _ => None,
    };
    let connection = tenant.or(whose.as_ref()).zip(trace.connection.as_ref());
    let connection =
        connection.map(|(tenant, connection)| (address(&tenant.name, "connections") + "/" + connection, connection.clone()));
    let list = tenant.map_or_else(|| ALL.to_owned(), |tenant| address(&tenant.name, "sign-ins"));
    let codes = traces::codes(&app.db, &trace.id).await?;
    let code = known_by(&trace, &codes, code);
    let (outcome, steps, codes) = (story::outcome(&trace), story::steps(&trace), codes.join(", "));
    let page = Story { frame, failed: false, list: &list, code: &code, outcome, cause, detail, connection, steps, codes };
    Ok(page.into_response())
}
