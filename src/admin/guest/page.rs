//! The one page that a guest sees: what is done and what is left, the connection's form, and what else the link covers.

use askama::Template;
use askama_web::WebTemplate;
use axum::{
    extract::{RawQuery, State},
    http::StatusCode,
    response::{IntoResponse as _, Response},
};

use super::{
    caller::{Guest, Sent},
    connection::Base,
    fields, trial,
};
use crate::{
    admin::pages::{
        form::{self, Difference, Laid},
        frame,
        guide::{self, Choice, Guide, Reader},
        known,
    },
    app::App,
    apply::single::Fault,
    connector::presets,
    error::PageError,
    moment::Moment,
    page::{scripted_policy, set_policy},
    policy::{finding::Finding, own_domain},
    store::{connections::Connection, directories, directory_tokens, domain_proofs, domains},
};

/// The connection's form as it is to be shown.
#[derive(Clone, Copy)]
pub struct Form<'a> {
    pub base: &'a Base,
    pub sent: Option<&'a Sent>,
    pub faults: &'a [Fault],
    pub findings: Option<&'a [Finding]>,
    /// Whether somebody else has written since it was opened.
    pub stale: bool,
}

/// What else an answer says.
#[derive(Debug, Default)]
pub struct Said {
    pub done: Option<&'static str>,
    pub token: Option<String>,
    pub token_error: Option<String>,
    pub domain_error: Option<String>,
    pub domain_typed: String,
}

/// Something to be done, and whether it is.
struct Tick {
    text: &'static str,
    at: Option<i64>,
}

struct Record {
    domain: String,
    name: String,
    value: String,
    counts: bool,
}

#[derive(Template, WebTemplate)]
#[template(path = "admin/guest.html")]
struct Page<'a> {
    guest: &'a Guest,
    csrf: &'a str,
    failed: bool,
    stale: bool,
    differences: Vec<Difference>,
    action: &'a str,
    version: &'a str,
    said: &'a Said,
    ticks: &'a [Tick],
    in_use: bool,
    oidc: &'a [Choice],
    saml: &'a [Choice],
    guide: Option<Guide>,
    hidden: &'a [(&'static str, String)],
    laid: Laid,
    rest: &'a [&'a str],
    findings: Option<&'a [Finding]>,
    has_form: bool,
    is_stored: bool,
    is_free: bool,
    record: Option<Record>,
    scim: Guide,
}

#[derive(Template, WebTemplate)]
#[template(path = "admin/guest_done.html")]
struct Done<'a> {
    connection: &'a str,
}

/// The page after the link has ended.
#[must_use]
pub fn finished(connection: &str) -> Response {
    Done { connection }.into_response()
}

/// `GET /setup`
pub async fn show(State(app): State<App>, guest: Guest, RawQuery(query): RawQuery) -> Result<Response, PageError> {
    let asked = |name: &str| {
        let pairs = url::form_urlencoded::parse(query.as_deref().unwrap_or_default().as_bytes());
        pairs.into_iter().find(|(n, _)| n == name).map(|(_, value)| value.into_owned())
    };
    let done = asked("done").and_then(|word| frame::said(&word));
    let beginning = guide::beginning(&asked);
    let base = Base::find(&app, &guest, beginning).await?;
    // Another provider can be chosen for a draft that nobody has used.
    if asked("choose").is_some()
        && let Some(base) = &base
        && !base.is_in_use
    {
        return render(&app, &guest, None, Said { done, ..Said::default() }).await;
    }
    let form = base.as_ref().map(|base| Form { base, sent: None, faults: &[], findings: None, stale: false });
    page(&app, &guest, form, Said { done, ..Said::default() }).await
}

/// The page; `form` is the connection's, where it is known already what stands in it.
///
/// # Errors
/// When the database does not answer.
pub async fn page(app: &App, guest: &Guest, form: Option<Form<'_>>, said: Said) -> Result<Response, PageError> {
    let stored = match &form {
        Some(_) => None,
        None => Base::find(app, guest, None).await?,
    };
    let form = form.or_else(|| stored.as_ref().map(|base| Form { base, sent: None, faults: &[], findings: None, stale: false }));
    render(app, guest, form, said).await
}

/// The page with this form, or with the choice of provider.
async fn render(app: &App, guest: &Guest, form: Option<Form<'_>>, said: Said) -> Result<Response, PageError> {
    let in_use = form.is_some_and(|form| form.base.is_in_use);
    let own = form.map(|form| fields::of(&form.base.thing)).unwrap_or_default();
    let (mut shown, mut rest, mut differences) = (Vec::new(), Vec::new(), Vec::new());
    if let Some(form) = form.filter(|_| !in_use) {
        let read = |name: &str| form.sent.and_then(|sent| sent.one(name));
        let posted: Option<form::Posted<'_>> = form.sent.map(|_| &read as form::Posted<'_>);
        shown = form::show(&own, posted, &form.base.thing, form.faults, form.base.is_stored);
        known::usual(&form.base.thing).tell(&mut shown);
        rest = form::rest(&own, form.faults);
        if let Some(posted) = posted.filter(|_| form.stale) {
            differences = form::differences(&own, posted, &form.base.thing);
        }
    }
    let (ticks, record) = (ticks(app, guest).await?, record(app, guest).await?);
    let stale = form.is_some_and(|form| form.stale);
    // What was sent is still of what it was opened with, unless somebody has just been told.
    let version = form.map_or("", |form| match form.sent {
        Some(sent) if !form.stale => sent.one("version").unwrap_or_default(),
        _ => form.base.version.as_str(),
    });
    let failed =
        stale || form.is_some_and(|form| !form.faults.is_empty()) || said.domain_error.is_some() || said.token_error.is_some();
    let [oidc, saml] = guide::choices("/setup");
    let guide = match form {
        Some(form) => Some(guide::of_connection(app, &guest.tenant, &form.base.thing, Reader::Guest).await),
        None => None,
    };
    let is_free = form.is_some_and(|form| !form.base.is_in_use);
    let preset = form.and_then(|form| form.base.thing["preset"].as_str());
    let page = Page {
        guest,
        csrf: &guest.csrf(app),
        failed,
        stale,
        differences,
        action: "/setup",
        version,
        said: &said,
        ticks: &ticks,
        in_use,
        oidc: &oidc,
        saml: &saml,
        guide,
        hidden: form.map(|form| form.base.hidden.as_slice()).unwrap_or_default(),
        rest: &rest,
        laid: Laid::of(shown),
        findings: form.and_then(|form| form.findings),
        has_form: form.is_some(),
        is_stored: form.is_some_and(|form| form.base.is_stored),
        is_free,
        record,
        scim: guide::directories::of(app, preset, Reader::Guest),
    };
    let status = match (stale, failed) {
        (true, _) => StatusCode::CONFLICT,
        (false, true) => StatusCode::UNPROCESSABLE_ENTITY,
        (false, false) => StatusCode::OK,
    };
    let mut response = (status, page).into_response();
    set_policy(response.headers_mut(), &scripted_policy());
    Ok(response)
}

/// Whether all is said that people sign in by.
pub fn is_complete(connection: &Connection) -> bool {
    let settings = presets::filled(&connection.settings, connection.protocol);
    let secret = settings.oidc.as_ref().is_none_or(|oidc| !oidc.needs_secret()) || connection.secret_sealed.is_some();
    secret && settings.problems().is_empty()
}

/// What is done, and what is left.
async fn ticks(app: &App, guest: &Guest) -> Result<Vec<Tick>, PageError> {
    let (link, tenant) = (&guest.link, &guest.tenant);
    let connection = guest.connection(app).await?;
    // The link may have been noted since this guest was found.
    let mut ticks = vec![
        Tick { text: "The connection is filled in", at: connection.as_ref().filter(|c| is_complete(c)).map(|c| c.created_at) },
        Tick { text: "The provider's metadata was read, and can be used", at: link.usable_at },
    ];
    let tested = match &connection {
        Some(connection) => trial::passed_at(app, guest, connection).await?,
        None => None,
    };
    ticks.push(Tick { text: "A test sign-in has passed, with the settings as they are", at: tested });
    if link.with_domain {
        let proof = match &link.wanted_domain {
            Some(domain) => domain_proofs::find(&app.db, &tenant.id, domain).await?,
            None => None,
        };
        ticks.push(Tick { text: "The domain is proven", at: proof.and_then(|proof| proof.proven_at) });
    }
    if link.with_directory {
        let directory = directories::find_by_name(&app.db, &tenant.id, &link.connection).await?;
        let own =
            directory.filter(|d| d.connection_id.is_some() && d.connection_id.as_ref() == connection.as_ref().map(|c| &c.id));
        let tokens = match own {
            Some(directory) => directory_tokens::of_directory(&app.db, &directory.id).await?,
            None => Vec::new(),
        };
        ticks.push(Tick { text: "The directory has a token", at: tokens.iter().map(|t| t.created_at).max() });
        ticks.push(Tick { text: "The directory has called", at: tokens.iter().filter_map(|t| t.last_used_at).max() });
    }
    let enabled = connection.filter(|c| c.enabled).map(|c| c.created_at);
    ticks.push(Tick { text: "The connection is switched on (by whoever sent you the link)", at: enabled });
    Ok(ticks)
}

async fn record(app: &App, guest: &Guest) -> Result<Option<Record>, PageError> {
    let (true, Some(domain)) = (guest.link.with_domain, &guest.link.wanted_domain) else { return Ok(None) };
    let Some(proof) = domain_proofs::find(&app.db, &guest.tenant.id, domain).await? else { return Ok(None) };
    let counts = domains::tenant_of(&app.db, domain).await?.as_ref() == Some(&guest.tenant.id);
    let (name, value) = (own_domain::record(domain), own_domain::value(&proof.challenge));
    Ok(Some(Record { domain: domain.clone(), name, value, counts }))
}
