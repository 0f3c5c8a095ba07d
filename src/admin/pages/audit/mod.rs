//! The audit log: the newest first, narrowed by who, what and when, each entry with what was before and after; whether it is
//! what was written; and all of it as lines of JSON.

mod entry;

use askama::Template;
use askama_web::WebTemplate;
use axum::{
    extract::{Path, RawQuery, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};

use super::{
    caller::{Caller, Posted},
    frame::Frame,
};
use crate::{
    admin::audit::{Asked, lines, verified},
    app::App,
    chronicle::Tenants,
    error::PageError,
    moment::instant,
    store::{
        audit::{Action, Broken, Intact, Part},
        tenants::Tenant,
    },
};
use entry::Told;

/// Entries on a page.
const PAGE: i64 = 50;
/// Longest text that is looked for, in bytes.
const LONGEST: usize = 300;
const DAY: i64 = 86_400;
const OF_PLATFORM: &str = "/admin/_/audit";

/// What the address asks for, as it was typed.
#[derive(Debug, Default)]
struct Query {
    who: String,
    what: String,
    action: String,
    since: String,
    until: String,
    before: Option<i64>,
    /// Fields whose text cannot be looked for: it is too long, or holds what no text has.
    unread: Faults,
}

impl Query {
    fn read(query: Option<&str>) -> Self {
        let mut found = Self::default();
        for (name, value) in url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            let value = value.trim();
            if value.len() > LONGEST || value.chars().any(char::is_control) {
                found.unread.add(&name);
                continue;
            }
            match name.as_ref() {
                "who" => value.clone_into(&mut found.who),
                "what" => value.clone_into(&mut found.what),
                "action" => value.clone_into(&mut found.action),
                "since" => value.clone_into(&mut found.since),
                "until" => value.clone_into(&mut found.until),
                "before" => found.before = value.parse().ok(),
                _ => {}
            }
        }
        found
    }

    /// What entries it means; what cannot be meant is said in words, field by field.
    fn asked(&self, tenant: Option<&Tenant>, now: i64) -> (Asked, Faults) {
        let text = |typed: &str| Some(typed.to_owned()).filter(|typed| !typed.is_empty());
        let time = |typed: &str| text(typed).map(|typed| instant(&typed, now));
        let (since, until) = (time(&self.since), time(&self.until));
        let mut faults = self.unread.clone();
        for (name, time) in [("since", since), ("until", until)] {
            if time == Some(None) {
                faults.add(name);
            }
        }
        if !self.action.is_empty() && Action::from_name(&self.action).is_none() {
            faults.add("action");
        }
        let asked = Asked {
            tenant_id: tenant.map(|tenant| tenant.id.clone()),
            actor: text(&self.who),
            action: text(&self.action).filter(|_| !faults.has("action")),
            subject: text(&self.what),
            since: since.flatten(),
            // A day is meant with all its hours.
            until: until.flatten().map(|at| if self.until.len() == 10 { at + DAY } else { at }),
        };
        (asked, faults)
    }

    /// The same narrowing elsewhere.
    fn address(&self, path: &str, before: Option<i64>) -> String {
        let mut pairs = url::form_urlencoded::Serializer::new(String::new());
        let all =
            [("who", &self.who), ("what", &self.what), ("action", &self.action), ("since", &self.since), ("until", &self.until)];
        for (name, value) in all.into_iter().filter(|(_, value)| !value.is_empty()) {
            pairs.append_pair(name, value);
        }
        if let Some(seq) = before {
            pairs.append_pair("before", &seq.to_string());
        }
        match pairs.finish() {
            query if query.is_empty() => path.to_owned(),
            query => format!("{path}?{query}"),
        }
    }

    fn is_narrow(&self) -> bool {
        [&self.who, &self.what, &self.action, &self.since, &self.until].into_iter().any(|typed| !typed.is_empty())
    }
}

/// Which fields hold what cannot be meant. With any of them nothing is looked for, and nothing is handed out: without its
/// narrowing it would be everything.
#[derive(Clone, Debug, Default)]
struct Faults(Vec<&'static str>);

impl Faults {
    const FIELDS: [&str; 5] = ["who", "what", "action", "since", "until"];

    fn add(&mut self, field: &str) {
        self.0.extend(Self::FIELDS.iter().find(|known| **known == field));
    }

    fn has(&self, field: &str) -> bool {
        self.0.contains(&field)
    }

    fn is_any(&self) -> bool {
        !self.0.is_empty()
    }
}

#[derive(Debug, Template, WebTemplate)]
#[template(path = "admin/audit.html")]
struct Page<'a> {
    frame: &'a Frame,
    failed: bool,
    lead: &'a str,
    path: &'a str,
    query: &'a Query,
    faults: Faults,
    actions: &'a [&'static str],
    entries: &'a [Told],
    /// Where there is something to export.
    export: Option<String>,
    verify: Option<String>,
    verdict: Option<&'a Verdict>,
    later: Option<String>,
    older: Option<String>,
}

/// Whether the log is what was written, in words.
#[derive(Debug)]
struct Verdict {
    good: bool,
    text: String,
    noted: Option<String>,
}

/// `GET /admin/_/audit`
pub async fn of_platform(State(app): State<App>, caller: Caller, RawQuery(query): RawQuery) -> Result<Response, PageError> {
    caller.require_platform()?;
    show(&app, &caller, None, query.as_deref(), None).await
}

/// `GET /admin/{tenant}/audit`
pub async fn of_tenant(
    State(app): State<App>,
    caller: Caller,
    Path(tenant): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, PageError> {
    let tenant = caller.tenant(&app, &tenant).await?;
    show(&app, &caller, Some(&tenant), query.as_deref(), None).await
}

async fn show(
    app: &App,
    caller: &Caller,
    tenant: Option<&Tenant>,
    query: Option<&str>,
    verdict: Option<&Verdict>,
) -> Result<Response, PageError> {
    let query = Query::read(query);
    let (asked, faults) = query.asked(tenant, app.clock.now());
    let failed = faults.is_any();
    let Part { entries, more } = match failed {
        true => Part::default(),
        false => asked.page(app, &caller.operator.home, query.before, PAGE).await?,
    };
    let tenants = Tenants::read(&app.db).await?;
    let told: Vec<Told> = entries.iter().map(|entry| Told::new(entry, &tenants, tenant.is_none())).collect();
    let own = tenant.map(|tenant| format!("/admin/{}/audit", tenant.name));
    let path = own.as_deref().unwrap_or(OF_PLATFORM);
    let title = "Audit log";
    let frame = match tenant {
        Some(tenant) => Frame::of_tenant(app, caller, tenant, "audit", title),
        None => Frame::of_platform(app, caller, OF_PLATFORM, title),
    };
    let lead = match tenant {
        Some(_) => "Who has changed what of this organisation, the newest first.",
        None => "Who has changed what in the whole deployment, the newest first.",
    };
    let page = Page {
        frame: &frame,
        failed,
        lead,
        path,
        query: &query,
        faults,
        actions: &Action::ALL.map(Action::as_str),
        entries: &told,
        export: (!failed).then(|| query.address(&format!("{path}/export"), None)),
        verify: tenant.is_none().then(|| format!("{path}/verification")),
        verdict,
        later: query.before.map(|_| query.address(path, None)),
        older: entries.last().filter(|_| more).map(|last| query.address(path, Some(last.seq))),
    };
    let status = if failed { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    Ok((status, page).into_response())
}

/// `GET /admin/_/audit/export`
pub async fn export(State(app): State<App>, caller: Caller, RawQuery(query): RawQuery) -> Result<Response, PageError> {
    caller.require_platform()?;
    file(app, &caller, None, query.as_deref()).await
}

/// `GET /admin/{tenant}/audit/export`
pub async fn export_of_tenant(
    State(app): State<App>,
    caller: Caller,
    Path(tenant): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, PageError> {
    let tenant = caller.tenant(&app, &tenant).await?;
    file(app, &caller, Some(&tenant), query.as_deref()).await
}

/// All that is asked for; where that cannot be read, the page that says so.
async fn file(app: App, caller: &Caller, tenant: Option<&Tenant>, query: Option<&str>) -> Result<Response, PageError> {
    let (asked, faults) = Query::read(query).asked(tenant, app.clock.now());
    if faults.is_any() {
        return show(&app, caller, tenant, query, None).await;
    }
    let tenants = Tenants::read(&app.db).await?;
    let name = tenant.map_or("gatehouse", |tenant| tenant.name.as_str());
    let mut response = lines(app, caller.operator.home.clone(), asked, tenants, 0).await?;
    if let Ok(value) = HeaderValue::from_str(&format!("attachment; filename=\"audit-{name}.jsonl\"")) {
        response.headers_mut().insert(header::CONTENT_DISPOSITION, value);
    }
    Ok(response)
}

/// `POST /admin/_/audit/verification`: walks the whole log, so only a form of ours has it done.
pub async fn verify(State(app): State<App>, posted: Posted) -> Result<Response, PageError> {
    posted.caller.require_platform()?;
    let verdict = match verified(&app, &posted.caller.operator.home).await? {
        Ok(Intact { last: 0, .. }) => Verdict { good: true, text: "The log has no entries yet.".to_owned(), noted: None },
        Ok(Intact { first, last, mac }) => Verdict {
            good: true,
            text: format!("Every entry from {first} to {last} is there, in its place and unaltered."),
            noted: Some(format!("{last}:{mac}")),
        },
        Err(Broken { seq, flaw }) => {
            tracing::error!(seq, flaw = flaw.as_str(), "the audit log was altered");
            Verdict { good: false, text: format!("Entry {seq} {}.", flaw.as_str()), noted: None }
        }
    };
    show(&app, &posted.caller, None, None, Some(&verdict)).await
}
