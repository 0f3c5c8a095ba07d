//! Links for a customer's own administrator: making one, which is shown once, and ending it.

use askama::Template;
use askama_web::WebTemplate;
use axum::{
    extract::{Path, RawQuery, State},
    http::StatusCode,
    response::{IntoResponse as _, Response},
};

use super::{
    caller::{BRIEF, Caller, Posted, missing},
    confirm,
    frame::{Frame, address},
    list::Query,
};
use crate::{
    admin::setup_links::{DAYS, MOST_DAYS, Maker, PAGE, Wish, end, issue, part},
    app::App,
    error::PageError,
    moment::Moment,
    store::{
        setup_links::{self, SetupLink},
        tenants::Tenant,
        window::Phase,
    },
};

const SECTION: &str = "setup-links";

#[derive(Template, WebTemplate)]
#[template(path = "admin/setup_links.html")]
struct Page<'a> {
    frame: &'a Frame,
    failed: bool,
    path: &'a str,
    wish: &'a Wish,
    fault: Option<(&'static str, String)>,
    made: Option<&'a str>,
    links: &'a [SetupLink],
    query: &'a Query,
    next: Option<String>,
    now: i64,
}

impl Page<'_> {
    fn is_in(&self, state: &Phase) -> bool {
        self.query.state == Some(*state)
    }

    fn fault_of(&self, field: &str) -> Option<&str> {
        self.fault.as_ref().filter(|(name, _)| *name == field).map(|(_, why)| why.as_str())
    }
}

fn asked(query: Option<&str>, name: &str) -> Option<String> {
    let pairs = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    pairs.into_iter().find(|(n, _)| n == name).map(|(_, value)| value.into_owned())
}

/// `GET /admin/{tenant}/setup-links`
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    Path(tenant): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, PageError> {
    let tenant = caller.tenant(&app, &tenant).await?;
    let connection = asked(query.as_deref(), "connection").unwrap_or_default();
    let wish = Wish { connection, directory: false, domain: false, days: DAYS };
    let query = Query::narrowed(query.as_deref(), Phase::OF_ENDING, None);
    page(&app, &caller, &tenant, &wish, (None, None), &query).await
}

async fn page(
    app: &App,
    caller: &Caller,
    tenant: &Tenant,
    wish: &Wish,
    (fault, made): (Option<(&'static str, String)>, Option<&str>),
    query: &Query,
) -> Result<Response, PageError> {
    let now = app.clock.now();
    let (links, next) = part(app, &caller.operator.home, tenant, query.ask(PAGE, now)).await?;
    let path = address(&tenant.name, SECTION);
    let next = next.map(|last| {
        let mut pairs = url::form_urlencoded::Serializer::new(String::new());
        pairs.append_pair("search", &query.search);
        pairs.append_pair("state", query.state.map_or("", Phase::as_str)).append_pair("after", &last);
        format!("{path}?{}", pairs.finish())
    });
    let frame = Frame::of_tenant(app, caller, tenant, SECTION, "Set-up links");
    let failed = fault.is_some();
    let page = Page { frame: &frame, failed, path: &path, wish, fault, made, links: &links, query, next, now };
    Ok((if failed { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK }, page).into_response())
}

/// `POST /admin/{tenant}/setup-links`: the link stands in this answer alone.
pub async fn create(State(app): State<App>, Path(tenant): Path<String>, posted: Posted) -> Result<Response, PageError> {
    let tenant = posted.caller.tenant(&app, &tenant).await?;
    let text = |name: &str| posted.one(name).unwrap_or_default().trim().to_owned();
    let wish = Wish {
        connection: text("connection"),
        directory: posted.one("directory").is_some(),
        domain: posted.one("domain").is_some(),
        days: text("days").parse().unwrap_or(if text("days").is_empty() { DAYS } else { 0 }),
    };
    if let Some(fault) = wish.fault() {
        return page(&app, &posted.caller, &tenant, &wish, (Some(fault), None), &Query::default()).await;
    }
    let operator = &posted.caller.operator;
    let maker = Maker { actor: &posted.caller.actor(), id: &operator.user.id, reach: &operator.reach };
    if !maker.may(&wish, app.clock.now()) {
        return page(&app, &posted.caller, &tenant, &wish, (Some(("days", BRIEF.to_owned())), None), &Query::default()).await;
    }
    match issue(&app, maker, &tenant, &wish).await? {
        Ok((_, url)) => page(&app, &posted.caller, &tenant, &wish, (None, Some(&url)), &Query::default()).await,
        Err(clash) => page(&app, &posted.caller, &tenant, &wish, (Some(clash), None), &Query::default()).await,
    }
}

/// `GET /admin/{tenant}/setup-links/{id}/revoke`
pub async fn ask(
    State(app): State<App>,
    caller: Caller,
    Path((tenant, id)): Path<(String, String)>,
) -> Result<Response, PageError> {
    let tenant = caller.tenant(&app, &tenant).await?;
    let link = match id.contains('\0') {
        true => None,
        false => setup_links::find(&app.db, &tenant.id, &id).await?,
    };
    let link = link.filter(|link| link.is_open(app.clock.now()));
    let link = link.ok_or_else(|| missing("set-up link"))?;
    let back = address(&tenant.name, SECTION);
    let opened = match link.opened_at {
        Some(at) => format!("Somebody has followed it, first at {}: their page closes at once.", Moment(at)),
        None => "Nobody has followed it yet.".to_owned(),
    };
    let question = confirm::Question {
        lead: "Whoever has the link can do nothing with it any more. What was filled in by it stays.",
        loss: &[opened],
        action: &format!("{back}/{id}/revoke"),
        back: &back,
        yes: "Revoke",
        error: None,
    };
    let title = format!("Revoke the set-up link for {}?", link.connection);
    Ok(question.page(&Frame::of_tenant(&app, &caller, &tenant, SECTION, title)))
}

/// `POST /admin/{tenant}/setup-links/{id}/revoke`
pub async fn revoke(
    State(app): State<App>,
    Path((tenant, id)): Path<(String, String)>,
    posted: Posted,
) -> Result<Response, PageError> {
    let tenant = posted.caller.tenant(&app, &tenant).await?;
    match end(&app, &posted.caller.actor(), &tenant, &id).await? {
        true => Ok(confirm::done(&address(&tenant.name, SECTION), "revoked")),
        false => Err(missing("set-up link")),
    }
}
