//! All organisations, for platform administrators.

use axum::{
    extract::{Path, RawQuery, State},
    response::{IntoResponse as _, Response},
};
use serde_json::{Value, json};

use super::{
    caller::{Caller, Posted},
    confirm::{Question, done},
    fields::SETTINGS,
    form::{self, Kind},
    frame::{Frame, address},
    list::{List, Narrowing, PAGE, Query, Row},
    sheet::Sheet,
    things::order,
};
use crate::{
    admin::searching,
    app::App,
    apply::{
        Plan,
        single::{self, Fault, Noun, Refusal},
        tenant_end,
    },
    error::PageError,
    store::{db::Tx, tenants::Tenant, users::LastAdministrator},
};

const LIST: &str = "/admin/_/tenants";
const TITLE: &str = "Organisations";

/// `GET /admin/_/tenants`
pub async fn list(State(app): State<App>, caller: Caller, RawQuery(query): RawQuery) -> Result<Response, PageError> {
    caller.require_platform()?;
    let states = single::states(Noun::Tenant);
    let (query, home) = (Query::narrowed(query.as_deref(), states, None), &caller.operator.home);
    let part = searching::list(&app, home, home, Noun::Tenant, query.ask(PAGE, app.clock.now())).await?;
    let text = |thing: &Value, setting: &str| thing[setting].as_str().unwrap_or_default().to_owned();
    let rows = part.items.iter().map(|tenant| Row {
        href: address(&text(tenant, "name"), ""),
        name: text(tenant, "display_name"),
        facts: vec![text(tenant, "name"), comes_to_be(&text(tenant, "provisioning"))],
        off: tenant["enabled"] == false,
    });
    let list = List::new(&query, rows.collect(), part.next.as_deref(), LIST);
    let list = list.narrowings(Narrowing::all(&query, states, false));
    let frame = Frame::of_platform(&app, &caller, LIST, TITLE);
    Ok(list
        .page(
            &frame,
            TITLE,
            &["Name", "Short name", "How users come to be"],
            Some(("/admin/_/tenants/new".to_owned(), SETTINGS.add)),
        )
        .into_response())
}

/// How users come to be, as the settings' form has it, in short.
fn comes_to_be(word: &str) -> String {
    let field = SETTINGS.fields(&Value::Null).iter().find(|field| field.path == "provisioning");
    let Some(Kind::Choice(choices)) = field.map(|field| field.kind) else { return word.to_owned() };
    let label = choices.iter().find(|(value, _)| *value == word).map_or(word, |(_, label)| *label);
    label.split_once(':').map_or(label, |(short, _)| short).to_owned()
}

/// `GET /admin/_/tenants/new`
pub async fn new(State(app): State<App>, caller: Caller) -> Result<Response, PageError> {
    caller.require_platform()?;
    Ok(sheet(&app, &caller, None, &[]))
}

fn sheet(app: &App, caller: &Caller, posted: Option<&Posted>, faults: &[Fault]) -> Response {
    let sheet = Sheet {
        known: Default::default(),
        noun: &SETTINGS,
        back: (LIST.to_owned(), TITLE),
        action: LIST,
        thing: &json!({"enabled": true, "provisioning": "jit", "password_login": true}),
        posted,
        faults,
        hidden: &[],
        guide: None,
        section: None,
        is_stored: false,
        version: None,
        stale: false,
        check: None,
        findings: None,
        delete: None,
        test: None,
        notices: Vec::new(),
        below: None,
        also: Vec::new(),
    };
    sheet.page(&Frame::of_platform(app, caller, LIST, SETTINGS.add))
}

/// `POST /admin/_/tenants`
pub async fn create(State(app): State<App>, posted: Posted) -> Result<Response, PageError> {
    let caller = &posted.caller;
    caller.require_platform()?;
    let thing = match form::read(SETTINGS.fields(&Value::Null), &|name| posted.one(name), Value::Null) {
        Ok(thing) => thing,
        Err(faults) => return Ok(sheet(&app, caller, Some(&posted), &faults)),
    };
    let actor = caller.actor();
    let mut tx = app.db.begin().await?;
    let fault = |path: &str, text: &str| vec![Fault { path: path.to_owned(), text: text.to_owned() }];
    let faults = match single::establish(&mut tx, &order(&app, &caller.operator, &actor), &thing).await {
        Ok(_) => {
            tx.commit().await?;
            return Ok(done(&address(thing["name"].as_str().unwrap_or_default(), ""), "created"));
        }
        Err(Refusal::Store(e)) => return Err(e.into()),
        Err(Refusal::Faults(faults)) => faults,
        Err(Refusal::Exists) => fault("name", "there is an organisation of this name already"),
        Err(Refusal::Forbidden(text) | Refusal::Conflict(text)) => fault("", text),
        Err(Refusal::Missing | Refusal::LastAdministrator | Refusal::LastWayIn | Refusal::LockedOut) => {
            fault("name", "it needs a name")
        }
    };
    Ok(sheet(&app, caller, Some(&posted), &faults))
}

/// `GET /admin/{tenant}/settings/delete`
pub async fn ask(State(app): State<App>, caller: Caller, Path(name): Path<String>) -> Result<Response, PageError> {
    caller.require_platform()?;
    let tenant = caller.tenant(&app, &name).await?;
    // Counted, not tried out: of a hundred thousand users that would keep everybody else from writing for seconds.
    let actor = caller.actor();
    let lost = single::at_stake(&app.db, &order(&app, &caller.operator, &actor), &tenant).await;
    question(&app, &caller, &tenant, lost)
}

/// `POST /admin/{tenant}/settings/delete`
pub async fn delete(State(app): State<App>, Path(name): Path<String>, posted: Posted) -> Result<Response, PageError> {
    let caller = &posted.caller;
    // Not there before it is not theirs: of other tenants nothing is told.
    let tenant = caller.tenant(&app, &name).await?;
    caller.require_platform()?;
    let actor = caller.actor();
    if let Err(refusal) = tenant_end::empty(&app.db, &order(&app, &caller.operator, &actor), &tenant).await {
        return question(&app, caller, &tenant, Err(refusal));
    }
    let mut tx = app.db.begin().await?;
    match remove(&app, &mut tx, caller, &tenant).await {
        Ok(_) => {
            tx.commit().await?;
            app.deliveries.nudge();
            Ok(done(LIST, "deleted"))
        }
        Err(refusal) => {
            drop(tx);
            question(&app, caller, &tenant, Err(refusal))
        }
    }
}

async fn remove(app: &App, tx: &mut Tx, caller: &Caller, tenant: &Tenant) -> Result<Plan, Refusal> {
    let actor = caller.actor();
    single::remove(tx, &order(app, &caller.operator, &actor), tenant, Noun::Tenant, &tenant.name).await
}

fn question(app: &App, caller: &Caller, tenant: &Tenant, lost: Result<Vec<String>, Refusal>) -> Result<Response, PageError> {
    let (lost, error) = match lost {
        Ok(lost) => (lost, None),
        Err(Refusal::Store(e)) => return Err(e.into()),
        Err(Refusal::LastAdministrator) => (Vec::new(), Some(LastAdministrator.to_string())),
        Err(Refusal::Forbidden(text) | Refusal::Conflict(text)) => (Vec::new(), Some(text.to_owned())),
        Err(other) => return Err(PageError::internal(format!("{other:?}"))),
    };
    let loss: Vec<String> = lost.into_iter().map(|what| format!("loses {what}")).collect();
    let back = address(&tenant.name, "settings");
    let frame = Frame::of_tenant(app, caller, tenant, "settings", format!("Delete the organisation {}?", tenant.name));
    let question = Question {
        lead: "Everything of it goes, and cannot be brought back. To shut its people out and keep it, switch it off instead.",
        loss: &loss,
        action: &format!("{back}/delete"),
        back: &back,
        yes: "Delete",
        error: error.as_deref(),
    };
    Ok(question.page(&frame))
}
