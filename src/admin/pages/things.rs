//! Things of a tenant, whatever their noun: lists, forms and deletions over [`apply::single`], which judges and writes as a
//! file would.

use axum::{
    extract::{Path, RawQuery, State},
    response::{IntoResponse as _, Response},
};
use serde_json::{Map, Value};

use super::{
    caller::{Caller, Posted, missing},
    claims,
    confirm::{self, Before, Question},
    fields::{self, Noun},
    frame::{Frame, address},
    guide,
    list::{List, Narrowing, PAGE, Query, Row},
    saving::Write,
    thing::Form,
};
use crate::{
    admin::{searching, things::roles_held, told},
    app::App,
    apply::{
        self, LastWayIn, Line, LockedOut, Plan,
        single::{self, Order, Refusal},
    },
    error::PageError,
    moment::{Moment, instant},
    operator::Operator,
    policy::role::Role,
    secret,
    store::{On, audit::Actor, db::Tx, tenants::Tenant, users::LastAdministrator},
};

/// Where a page stands: the tenant, the noun, and how `apply` calls it.
pub struct Place {
    pub tenant: Tenant,
    pub noun: &'static Noun,
    pub key: single::Noun,
}

impl Place {
    /// # Errors
    /// A page: there is no such noun, or none for this operator.
    pub async fn find(app: &App, caller: &Caller, tenant: &str, noun: &str) -> Result<Self, PageError> {
        let tenant = caller.tenant(app, tenant).await?;
        let (Some(noun), Some(key)) = (fields::noun(noun), single::Noun::owned(noun)) else { return Err(missing("page")) };
        if noun.platform {
            caller.require_platform()?;
        }
        Ok(Self { tenant, noun, key })
    }

    /// The tenant itself.
    #[must_use]
    pub fn settings(tenant: Tenant) -> Self {
        Self { tenant, noun: &fields::SETTINGS, key: single::Noun::Tenant }
    }

    /// The list's address.
    #[must_use]
    pub fn list(&self) -> String {
        address(&self.tenant.name, self.noun.name)
    }

    /// The address of one thing's page.
    #[must_use]
    pub fn path(&self, name: &str) -> String {
        let name = url::form_urlencoded::byte_serialize(name.as_bytes()).collect::<String>().replace('+', "%20");
        format!("{}/{name}", self.list())
    }

    /// Where its form is sent; a user's page is no form, and of settings there are one.
    #[must_use]
    pub fn form(&self, name: &str) -> String {
        match self.key {
            single::Noun::Tenant => self.list(),
            single::Noun::Users => format!("{}/edit", self.path(name)),
            _ => self.path(name),
        }
    }

    pub fn name_in(&self, thing: &Value) -> Option<String> {
        self.key.name_in(thing.as_object()?)
    }

    /// The thing as it is stored, as far as its form tells of it.
    ///
    /// # Errors
    /// A page: there is none of this name.
    pub async fn stored(&self, app: &App, name: &str) -> Result<Value, PageError> {
        self.stored_on(app, &app.db, name).await
    }

    /// The same, within a transaction.
    ///
    /// # Errors
    /// A page: there is none of this name.
    pub async fn stored_on(&self, app: &App, on: impl Into<On<'_>>, name: &str) -> Result<Value, PageError> {
        let thing = single::outline(on, &app.sealer, &self.tenant, self.key, name).await?;
        thing.ok_or_else(|| missing(self.key.word()))
    }
}

/// On whose behalf a page changes something.
#[must_use]
pub fn order<'a>(app: &'a App, operator: &Operator, actor: &'a Actor) -> Order<'a> {
    Order { sealer: &app.sealer, ahead: None, actor, platform: operator.is_platform(), force: false, now: app.clock.now() }
}

/// `GET /admin/{tenant}/{noun}`
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    Path((tenant, noun)): Path<(String, String)>,
    RawQuery(query): RawQuery,
) -> Result<Response, PageError> {
    let place = Place::find(&app, &caller, &tenant, &noun).await?;
    let states = single::states(place.key);
    let query = Query::narrowed(query.as_deref(), states, single::provider(place.key));
    let ask = query.ask(PAGE, app.clock.now());
    let mut part = searching::list(&app, &caller.operator.home, &place.tenant, place.key, ask).await?;
    told::states(&app, &place.tenant, place.key, &mut part.items).await?;
    let rows = part.items.iter().filter_map(|thing| row(&place, thing)).collect();
    let issuer = single::provider(place.key).map(|_| Narrowing::by_issuer(&query));
    let narrowings = Narrowing::all(&query, states, false).into_iter().chain(issuer).collect();
    let list = List::new(&query, rows, part.next.as_deref(), &place.list()).narrowings(narrowings);
    let frame = Frame::of_tenant(&app, &caller, &place.tenant, place.noun.name, place.noun.title);
    let named = place.noun.fields(&Value::Null).first().map_or("Name", |field| field.label);
    let columns: Vec<&str> = std::iter::once(named).chain(place.noun.columns.iter().map(|(title, _)| *title)).collect();
    let add = Some((format!("{}/new", place.list()), place.noun.add));
    let invites = (place.noun.name == "users").then(|| address(&place.tenant.name, "invites"));
    Ok(list.page(&frame, place.noun.title, &columns, add).beside(invites, "Invites").into_response())
}

fn row(place: &Place, thing: &Value) -> Option<Row> {
    let text = |setting: &str| match &thing[setting] {
        said if setting == "claims" => claims::in_words(said),
        said if setting == "told" => match said["ended_because"].as_str() {
            Some(why) => format!("Ended: {why}"),
            None => "Open".to_owned(),
        },
        Value::Bool(active) if setting == "active" => if *active { "Active" } else { "Deactivated" }.to_owned(),
        Value::Null if setting.ends_with("_at") => "Never".to_owned(),
        Value::Null | Value::Bool(false) => String::new(),
        Value::Bool(true) => "yes".to_owned(),
        Value::String(text) if setting.ends_with("_at") => {
            instant(text, 0).map_or_else(|| text.clone(), |at| Moment(at).to_string())
        }
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(|v| v.as_str().unwrap_or_default()).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    };
    let name = place.name_in(thing)?;
    Some(Row {
        // A user's page is found by id: an address can change.
        href: place.path(thing["id"].as_str().filter(|_| place.noun.name == "users").unwrap_or(&name)),
        name: text(place.noun.key),
        facts: place.noun.columns.iter().map(|(_, setting)| text(setting)).collect(),
        off: thing["enabled"] == false,
    })
}

/// `GET /admin/{tenant}/{noun}/new`
pub async fn new(
    State(app): State<App>,
    caller: Caller,
    Path((tenant, noun)): Path<(String, String)>,
    RawQuery(query): RawQuery,
) -> Result<Response, PageError> {
    let place = Place::find(&app, &caller, &tenant, &noun).await?;
    let asked = |name: &str| {
        let pairs = url::form_urlencoded::parse(query.as_deref().unwrap_or_default().as_bytes());
        pairs.into_iter().find(|(n, _)| n == name).map(|(_, value)| value.into_owned())
    };
    let Some((mut thing, hidden)) = place.noun.beginning(&asked) else {
        return Ok(guide::choose(&app, &caller, &place).into_response());
    };
    if place.key == single::Noun::Connections {
        let suggested = thing["name"].as_str().unwrap_or_default();
        thing["name"] = guide::free_name(&app, &place.tenant, suggested).await?.into();
    }
    Form::blank(&place, None, &thing, &hidden).page(&app, &caller).await
}

/// `POST /admin/{tenant}/{noun}`
pub async fn create(
    State(app): State<App>,
    Path((tenant, noun)): Path<(String, String)>,
    posted: Posted,
) -> Result<Response, PageError> {
    let place = Place::find(&app, &posted.caller, &tenant, &noun).await?;
    let asked = |name: &str| posted.one(name).map(str::to_owned);
    let Some((base, hidden)) = place.noun.beginning(&asked) else { return Err(missing("provider")) };
    Write { app: &app, place: &place, name: None, posted: &posted, base, hidden, stale: false }.run().await
}

/// `GET /admin/{tenant}/{noun}/{name}`
pub async fn edit(
    State(app): State<App>,
    caller: Caller,
    Path((tenant, noun, name)): Path<(String, String, String)>,
) -> Result<Response, PageError> {
    let place = Place::find(&app, &caller, &tenant, &noun).await?;
    let thing = place.stored(&app, &name).await?;
    Form::blank(&place, Some(&name), &thing, &[]).page(&app, &caller).await
}

/// `POST /admin/{tenant}/{noun}/{name}`
pub async fn save(
    State(app): State<App>,
    Path((tenant, noun, name)): Path<(String, String, String)>,
    posted: Posted,
) -> Result<Response, PageError> {
    let place = Place::find(&app, &posted.caller, &tenant, &noun).await?;
    Write::over(&app, &place, &name, &posted).await?.run().await
}

/// `GET /admin/{tenant}/settings`
pub async fn settings(State(app): State<App>, caller: Caller, Path(tenant): Path<String>) -> Result<Response, PageError> {
    let place = Place::settings(caller.tenant(&app, &tenant).await?);
    let thing = place.stored(&app, &tenant).await?;
    Form::blank(&place, Some(&tenant), &thing, &[]).page(&app, &caller).await
}

/// `POST /admin/{tenant}/settings`
pub async fn save_settings(State(app): State<App>, Path(tenant): Path<String>, posted: Posted) -> Result<Response, PageError> {
    let place = Place::settings(posted.caller.tenant(&app, &tenant).await?);
    Write::over(&app, &place, &tenant, &posted).await?.run().await
}

/// `GET /admin/{tenant}/{noun}/{name}/delete`
pub async fn ask(
    State(app): State<App>,
    caller: Caller,
    Path((tenant, noun, name)): Path<(String, String, String)>,
) -> Result<Response, PageError> {
    let place = Place::find(&app, &caller, &tenant, &noun).await?;
    let actor = caller.actor();
    let mut tx = app.db.snapshot().await?;
    let plan = single::lost(&mut tx, &order(&app, &caller.operator, &actor), &place.tenant, place.key, &name).await;
    drop(tx);
    question(&app, &caller, &place, &name, plan).await
}

/// What somebody has set and that goes, in short: the form of the question carries it, so that nothing goes that was not asked
/// about. What comes and goes with every sign-in plays no part.
fn agreed(plan: &Plan) -> String {
    let lost: Vec<&str> = plan.deletions().flat_map(Line::settings_lost).collect();
    secret::digest(&lost.join("\n"))
}

async fn question(
    app: &App,
    caller: &Caller,
    place: &Place,
    name: &str,
    plan: Result<Plan, Refusal>,
) -> Result<Response, PageError> {
    let (plan, error) = match plan {
        Ok(plan) => (plan, None),
        Err(Refusal::Missing) => return Err(missing(place.key.word())),
        Err(Refusal::Store(e)) => return Err(e.into()),
        Err(Refusal::Forbidden(text) | Refusal::Conflict(text)) => (Plan::default(), Some(text.to_owned())),
        Err(Refusal::LastAdministrator) => (Plan::default(), Some(LastAdministrator.to_string())),
        Err(Refusal::LastWayIn) => (Plan::default(), Some(LastWayIn.to_string())),
        Err(Refusal::LockedOut) => (Plan::default(), Some(LockedOut.to_string())),
        Err(other) => return Err(PageError::internal(format!("{other:?}"))),
    };
    let lost: Vec<String> = plan.deletions().flat_map(Line::lost).map(|what| format!("loses {what}")).collect();
    // What it is called in addresses can be an id.
    let thing = place.stored(app, name).await?;
    let title = format!("Delete the {} {}?", place.key.word(), thing[place.noun.key].as_str().unwrap_or(name));
    let frame = Frame::of_tenant(app, caller, &place.tenant, place.noun.name, title);
    let path = place.path(name);
    let question = Question {
        lead: "It goes with all it owns, and cannot be brought back.",
        loss: &lost,
        action: &format!("{path}/delete"),
        back: &path,
        yes: "Delete",
        error: error.as_deref(),
    };
    let held = roles_held(app, &place.tenant, place.key, name).await?;
    let link = |(kind, name, role): (String, String, Role)| {
        let resource = serde_json::json!({"type": kind, "name": name});
        let called = resource.as_object().and_then(|fields| single::Noun::Resources.name_in(fields)).unwrap_or_default();
        let called = url::form_urlencoded::byte_serialize(called.as_bytes()).collect::<String>().replace('+', "%20");
        let href = format!("{}/{called}", address(&place.tenant.name, "resources"));
        (href, format!("{kind} {name} ({})", role.as_str()))
    };
    let hint = "Update the collaborators of these resources first, where somebody still needs what it may do there:";
    let before = Before { hint, places: held.into_iter().map(link).collect() };
    Ok(question.about(&before, &[("agreed".to_owned(), agreed(&plan))], &frame))
}

/// `POST /admin/{tenant}/{noun}/{name}/delete`
pub async fn delete(
    State(app): State<App>,
    Path((tenant, noun, name)): Path<(String, String, String)>,
    posted: Posted,
) -> Result<Response, PageError> {
    let place = Place::find(&app, &posted.caller, &tenant, &noun).await?;
    let mut tx = app.db.begin().await?;
    match remove(&app, &mut tx, &posted.caller, &place, &name).await {
        Ok(plan) if posted.one("agreed").is_some_and(|then| then != agreed(&plan)) => {
            drop(tx);
            question(&app, &posted.caller, &place, &name, Ok(plan)).await
        }
        Ok(_) => {
            tx.commit().await?;
            app.deliveries.nudge();
            Ok(confirm::done(&place.list(), "deleted"))
        }
        Err(refusal) => {
            drop(tx);
            question(&app, &posted.caller, &place, &name, Err(refusal)).await
        }
    }
}

async fn remove(app: &App, tx: &mut Tx, caller: &Caller, place: &Place, name: &str) -> Result<Plan, Refusal> {
    let actor = caller.actor();
    let order: Order<'_> = order(app, &caller.operator, &actor);
    apply::single::remove(tx, &order, &place.tenant, place.key, name).await
}

impl Noun {
    /// What the form of a new thing begins with, and what goes along unseen; `None` when something must be chosen first.
    pub fn beginning(&self, asked: &dyn Fn(&str) -> Option<String>) -> Option<(Value, Vec<(&'static str, String)>)> {
        if self.name != "connections" {
            let fields = self.fields(&Value::Null);
            let on = ["enabled", "access_cookie"].into_iter().filter(|on| fields.iter().any(|field| field.path == *on));
            let mut thing: Map<String, Value> = on.map(|on| (on.to_owned(), true.into())).collect();
            // A connection's page leads here.
            if let Some(connection) = asked("connection").filter(|_| self.name == "directories") {
                thing
                    .extend([("name", &connection), ("connection", &connection)].map(|(k, v)| (k.to_owned(), v.as_str().into())));
            }
            return Some((thing.into(), Vec::new()));
        }
        guide::beginning(asked)
    }
}
