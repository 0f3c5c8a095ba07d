//! The metadata of a connection's provider: what is in force, what is held beside it, and the word that puts it in force.

use askama::Template;
use askama_web::WebTemplate;
use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse as _, Response},
};

use super::{
    caller::{Caller, Posted, missing},
    confirm::done,
    frame::{Frame, address},
};
use crate::{
    app::App,
    connector::saml::metadata::{Certificate, Provider},
    error::PageError,
    moment::{Moment, span},
    policy::saml::Binding,
    provider_metadata::{Acceptance, Desk, Outcome, Word, standing::Standing},
    store::{
        connections::{self, Connection},
        tenants::Tenant,
    },
};

const NOUN: &str = "connections";

/// A certificate as the page tells of it.
struct Told {
    certificate: Certificate,
    /// Whether the other document does not have it.
    differs: bool,
    ended: bool,
}

/// A line of a document: what it is about, what it says, and whether the other says something else.
struct Line {
    label: &'static str,
    text: String,
    differs: bool,
}

/// A document beside another.
struct Document {
    lines: Vec<Line>,
    certificates: Vec<Told>,
}

impl Document {
    fn new(provider: &Provider, other: Option<&Provider>, now: i64) -> Self {
        let same = |of: fn(&Provider) -> Vec<(&'static str, String)>| {
            let other = other.map(of);
            of(provider).into_iter().map(move |(label, text)| {
                let differs = other.as_ref().is_some_and(|all| !all.contains(&(label, text.clone())));
                Line { label, text, differs }
            })
        };
        let known: Vec<String> = other.iter().flat_map(|other| other.signers()).map(|c| c.fingerprint).collect();
        let certificates = provider.signers().into_iter().map(|certificate| Told {
            differs: other.is_some() && !known.contains(&certificate.fingerprint),
            ended: certificate.not_after < now,
            certificate,
        });
        let mut lines: Vec<Line> = same(said).collect();
        if let Some(until) = provider.valid_until {
            let passed = if provider.is_valid(now) { "" } else { ": that is over, so it is no longer used" };
            lines.push(Line { label: "Valid until", text: format!("{}{passed}", Moment(until)), differs: false });
        }
        Self { lines, certificates: certificates.collect() }
    }
}

/// What a document says that a person compares, but its certificates.
fn said(provider: &Provider) -> Vec<(&'static str, String)> {
    let spoken = |binding: Binding| if binding == Binding::Redirect { "HTTP-Redirect" } else { "HTTP-POST" };
    let mut all = vec![("Entity ID", provider.entity_id.clone())];
    for (label, endpoints) in [("Sign-in", &provider.sso), ("Single logout", &provider.slo)] {
        all.extend(endpoints.iter().map(|at| (label, format!("{} ({})", at.location, spoken(at.binding)))));
    }
    if provider.sso.is_empty() {
        all.push(("Sign-in", "Only begun at the provider".to_owned()));
    }
    let wanted = if provider.wants_signed_requests { "Wanted" } else { "Not asked for" };
    all.push(("Signed requests", wanted.to_owned()));
    all
}

/// What waits for an operator.
struct Waiting {
    document: Document,
    digest: String,
    why: String,
    since: Moment,
    /// How long that is, once it is worth saying.
    ago: Option<String>,
    usable: bool,
}

#[derive(Template, WebTemplate)]
#[template(path = "admin/metadata.html")]
struct Page<'a> {
    frame: &'a Frame,
    failed: bool,
    path: &'a str,
    name: &'a str,
    error: Option<&'a str>,
    url: &'a str,
    in_force: Option<Document>,
    held: Option<Waiting>,
    fetched: Option<Moment>,
    changed: Option<Moment>,
    next: Option<Moment>,
    failure: Option<(&'a str, Moment)>,
}

/// `GET /admin/{tenant}/connections/{name}/metadata`
pub async fn show(
    State(app): State<App>,
    caller: Caller,
    Path((tenant, name)): Path<(String, String)>,
) -> Result<Response, PageError> {
    let (tenant, connection) = find(&app, &caller, &tenant, &name).await?;
    page(&app, &caller, &tenant, &connection, None).await
}

/// `POST /admin/{tenant}/connections/{name}/metadata/accept`: of what the form has shown, and of nothing else.
pub async fn accept(
    State(app): State<App>,
    Path((tenant, name)): Path<(String, String)>,
    posted: Posted,
) -> Result<Response, PageError> {
    let caller = &posted.caller;
    let (tenant, connection) = find(&app, caller, &tenant, &name).await?;
    let actor = caller.actor();
    let desk = Desk { db: &app.db, sealer: &app.sealer, actor: &actor, now: app.clock.now() };
    let digest = posted.one("digest").unwrap_or_default();
    let error = match desk.accept(&tenant, &connection, Word::Digest(digest)).await? {
        Acceptance::Done(_) => return Ok(done(&path(&tenant, &connection), "in-force")),
        Acceptance::Nothing => "Nothing is held any more: what is in force is shown below.",
        Acceptance::Other(_) => "Nothing was accepted: another document has come since you looked. Compare it anew.",
        Acceptance::Expired => "Nothing was accepted: what is held is past its own end. Fetch it again.",
    };
    page(&app, caller, &tenant, &connection, Some((StatusCode::CONFLICT, error.to_owned()))).await
}

/// `POST /admin/{tenant}/connections/{name}/metadata/fetch`: fetches it now.
pub async fn fetch(
    State(app): State<App>,
    Path((tenant, name)): Path<(String, String)>,
    posted: Posted,
) -> Result<Response, PageError> {
    let caller = &posted.caller;
    let (tenant, connection) = find(&app, caller, &tenant, &name).await?;
    if let Err(wait) = app.limits.checks.take(&caller.operator.user.id) {
        let error = format!("It was fetched too often: wait {wait} s.");
        return page(&app, caller, &tenant, &connection, Some((StatusCode::TOO_MANY_REQUESTS, error))).await;
    }
    let word = match app.providers.refresh(&tenant.name, &connection, &posted.caller.actor()).await {
        Ok(Some(Outcome::Unchanged) | None) => "fetched",
        Ok(Some(Outcome::Held(..))) => "held",
        Ok(Some(Outcome::First(_) | Outcome::Changed(_))) => "fetched-anew",
        // The page says why.
        Err(_) => "not-fetched",
    };
    Ok(done(&path(&tenant, &connection), word))
}

fn path(tenant: &Tenant, connection: &Connection) -> String {
    format!("{}/{}/metadata", address(&tenant.name, NOUN), connection.name)
}

/// The connection, if its provider is described by a metadata URL.
async fn find(app: &App, caller: &Caller, tenant: &str, name: &str) -> Result<(Tenant, Connection), PageError> {
    let tenant = caller.tenant(app, tenant).await?;
    let found = if name.contains('\0') { None } else { connections::find_by_name(&app.db, &tenant.id, name).await? };
    let connection = found.ok_or_else(|| missing("connection"))?;
    match connection.settings.saml.as_ref().is_some_and(|saml| saml.metadata_url.is_some()) {
        true => Ok((tenant, connection)),
        false => Err(missing("connection with a metadata URL")),
    }
}

async fn page(
    app: &App,
    caller: &Caller,
    tenant: &Tenant,
    connection: &Connection,
    refused: Option<(StatusCode, String)>,
) -> Result<Response, PageError> {
    let now = app.clock.now();
    let standing = Standing::of(&app.db, connection).await?.ok_or_else(|| missing("connection with a metadata URL"))?;
    let row = standing.row.as_ref();
    let held = standing.held.as_ref();
    let waiting = held.map(|held| Waiting {
        document: Document::new(&held.provider, standing.in_force.as_ref(), now),
        digest: held.digest.clone(),
        why: held.why.clone(),
        since: Moment(held.since),
        ago: Some(now - held.since).filter(|waited| *waited >= 3_600).map(span),
        usable: held.provider.is_valid(now),
    });
    let title = format!("Metadata of {}", connection.name);
    let frame = Frame::of_tenant(app, caller, tenant, NOUN, title);
    let page = Page {
        frame: &frame,
        failed: refused.is_some(),
        path: &path(tenant, connection),
        name: &connection.name,
        error: refused.as_ref().map(|(_, text)| text.as_str()),
        url: &standing.url,
        in_force: standing.in_force.as_ref().map(|p| Document::new(p, held.map(|held| &held.provider), now)),
        held: waiting,
        fetched: row.and_then(|row| row.fetched_at).map(Moment),
        changed: row.and_then(|row| row.changed_at).map(Moment),
        next: row.map(|row| Moment(row.due_at.max(now))),
        failure: row.and_then(|row| Some((row.failure.as_deref()?, Moment(row.tried_at)))),
    };
    Ok((refused.as_ref().map_or(StatusCode::OK, |(status, _)| *status), page).into_response())
}
