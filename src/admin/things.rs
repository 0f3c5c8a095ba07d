//! What a tenant owns, one thing or a list: everything is written by `apply::single`, as a file would. Bodies are what a file
//! says of one thing; answers are the same without secrets, with an `ETag` that a change can name in `If-Match`.

use axum::{
    body::Bytes,
    extract::RawQuery,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use serde_json::{Value, json};

use super::{
    asked::Asked,
    desk::{Desk, no_tenant, nothing},
    first,
    in_turn::PATIENCE,
    searching, told,
    touching::{group_rules, keeps_domains, may_say, may_touch, outlasts_nobody, stays_behind},
};
use crate::{
    app::App,
    apply::{
        Action, LastWayIn, LockedOut, Plan,
        single::{self, Ahead, Expect, Fault, Noun, Order, Refusal},
        tenant_end,
    },
    bearer, body,
    error::ApiError,
    oauth::error::{Code, error},
    password::PasswordError,
    policy::{api_scope::Level, principal::Kind, role::Role},
    secret,
    store::{
        On, StoreError,
        db::Tx,
        principals, resources, tenant_tokens,
        tenants::{self, Tenant},
        users::LastAdministrator,
        window::TIME,
    },
};

/// Most roles that are told before something that holds them is deleted.
const ROLES: usize = 20;

/// `GET /api/v1/tenants/{tenant}/{noun}`, in the order of their names; `next` of one page is `after` of the following one.
pub async fn list(desk: Desk, RawQuery(query): RawQuery) -> Result<Response, ApiError> {
    let asked = Asked::read(query.as_deref())?.narrowed(query.as_deref(), desk.noun()?)?;
    let (app, tenant, noun) = (&desk.app, desk.tenant()?, desk.noun()?);
    let mut part = searching::list(app, desk.asker.home(), tenant, noun, asked.part(app.clock.now())).await?;
    told::states(app, tenant, noun, &mut part.items).await?;
    Ok(body::answer(StatusCode::OK, &json!({ noun.as_str(): part.items, "next": part.next })))
}

/// `GET /api/v1/tenants`: of somebody who administers one alone, that one.
pub async fn tenants(desk: Desk, RawQuery(query): RawQuery) -> Result<Response, ApiError> {
    let asked = Asked::read(query.as_deref())?.narrowed(query.as_deref(), Noun::Tenant)?;
    let (app, home) = (&desk.app, desk.asker.home());
    let body = if desk.asker.is_platform() {
        let part = searching::list(app, home, home, Noun::Tenant, asked.part(app.clock.now())).await?;
        json!({ "tenants": part.items, "next": part.next })
    } else {
        let own = single::show(&app.db, &app.sealer, home, Noun::Tenant, &home.name).await?;
        let own = own.filter(|_| asked.finds(home));
        json!({ "tenants": own.into_iter().collect::<Vec<_>>(), "next": null })
    };
    Ok(body::answer(StatusCode::OK, &body))
}

/// `GET /api/v1/tenants/{tenant}/{noun}/{name}`, and of the tenant itself. What may have as many members as the tenant has users
/// is read in turn, since its version is of all of them.
pub async fn show(desk: Desk) -> Result<Response, ApiError> {
    let (tenant, noun, name) = desk.thing()?;
    let (db, sealer) = (&desk.app.db, &desk.app.sealer);
    let _turn = match first::of(noun) {
        Some(_) => Some(searching::turn(&desk.app, desk.asker.home(), PATIENCE).await?),
        None => None,
    };
    let found = single::show(db.within(TIME), sealer, tenant, noun, name).await?.ok_or_else(nothing)?;
    let tag = tag(&found, &single::print(db.within(TIME), sealer, tenant, noun, name).await?);
    Ok(shown(StatusCode::OK, tag, &told::with(&desk.app, tenant, noun, found).await?))
}

/// `POST /api/v1/tenants/{tenant}/{noun}`: a new one, called as the body says.
pub async fn create(desk: Desk, RawQuery(query): RawQuery, headers: HeaderMap, body: Bytes) -> Result<Response, ApiError> {
    let asked = Asked::read(query.as_deref())?;
    let (tenant, noun) = (desk.tenant()?, desk.noun()?);
    let body: Value = body::read(&headers, &body)?;
    outlasts_nobody(&desk.asker, noun, &body)?;
    let name = body.as_object().and_then(|fields| noun.name_in(fields)).unwrap_or_default();
    may_touch(&mut On::from(&desk.app.db), &desk.asker, tenant, noun, &name).await?;
    let ahead = match ahead(&desk, (tenant, noun, None), &body, Expect::New).await? {
        Ok(ahead) => ahead,
        Err(refusal) => return refused(refusal),
    };
    let mut tx = desk.app.db.begin().await?;
    let order = Order { ahead: Some(&ahead), ..desk.order(asked.force) };
    tenants::lock(&mut tx).await?;
    may_touch(&mut On::from(&mut tx), &desk.asker, tenant, noun, &name).await?;
    let before = group_rules(&mut tx, tenant, noun, &name).await?;
    let plan = match single::put(&mut tx, &order, tenant, noun, None, &body, Expect::New).await {
        Ok(plan) => plan,
        Err(refusal) => return refused(refusal),
    };
    may_say(&desk.asker, &before, &group_rules(&mut tx, tenant, noun, &name).await?)?;
    finish(&desk, tx, tenant, noun, &name, &plan).await
}

/// `POST /api/v1/tenants`
pub async fn establish(desk: Desk, headers: HeaderMap, body: Bytes) -> Result<Response, ApiError> {
    let body: Value = body::read(&headers, &body)?;
    if body.get("domains").is_some_and(|domains| *domains != json!([])) {
        desk.asker.require("domains", Level::Write)?;
    }
    let mut tx = desk.app.db.begin().await?;
    let plan = match single::establish(&mut tx, &desk.order(false), &body).await {
        Ok(plan) => plan,
        Err(refusal) => return refused(refusal),
    };
    let name = body["name"].as_str().unwrap_or_default();
    let tenant = tenants::find_by_name(&mut tx, name).await?.ok_or_else(no_tenant)?;
    finish(&desk, tx, &tenant, Noun::Tenant, name, &plan).await
}

/// `PUT /api/v1/tenants/{tenant}/{noun}/{name}`: makes it what the body says, whether it is there or not. Where people who are
/// linked would be refused, `confirm` must repeat the name.
pub async fn put(desk: Desk, RawQuery(query): RawQuery, headers: HeaderMap, body: Bytes) -> Result<Response, ApiError> {
    let asked = Asked::read(query.as_deref())?;
    let (tenant, noun, name) = desk.thing()?;
    let body: Value = body::read(&headers, &body)?;
    outlasts_nobody(&desk.asker, noun, &body)?;
    let order = desk.order(asked.force);
    let mut on = On::from(&desk.app.db);
    unchanged(&mut on, &order, tenant, noun, name, &headers).await?;
    may_touch(&mut on, &desk.asker, tenant, noun, name).await?;
    keeps_domains(&mut on, &desk.asker, tenant, noun, &body).await?;
    let ahead = match ahead(&desk, (tenant, noun, Some(name)), &body, Expect::Any).await? {
        Ok(ahead) => ahead,
        Err(refusal) => return refused(refusal),
    };
    let mut tx = desk.app.db.begin().await?;
    let order = Order { ahead: Some(&ahead), ..order };
    tenants::lock(&mut tx).await?;
    unchanged(&mut On::from(&mut tx), &order, tenant, noun, name, &headers).await?;
    may_touch(&mut On::from(&mut tx), &desk.asker, tenant, noun, name).await?;
    keeps_domains(&mut On::from(&mut tx), &desk.asker, tenant, noun, &body).await?;
    let before = group_rules(&mut tx, tenant, noun, name).await?;
    let plan = match single::put(&mut tx, &order, tenant, noun, Some(name), &body, Expect::Any).await {
        Ok(plan) => plan,
        Err(refusal) => return refused(refusal),
    };
    may_say(&desk.asker, &before, &group_rules(&mut tx, tenant, noun, name).await?)?;
    let lost = plan.takings(desk.asker.require("users", Level::Read).is_ok());
    if !lost.is_empty() && asked.confirm.as_deref() != Some(name) {
        let why = "something is lost with the change: repeat the name as confirm to make it nevertheless";
        let body = json!({ "error": Code::Conflict.as_str(), "error_description": why, "lost": lost });
        return Ok(body::answer(StatusCode::CONFLICT, &body));
    }
    finish(&desk, tx, tenant, noun, name, &plan).await
}

/// `DELETE /api/v1/tenants/{tenant}/{noun}/{name}`: where something is lost with it, `confirm` must repeat the name.
pub async fn remove(desk: Desk, RawQuery(query): RawQuery, headers: HeaderMap) -> Result<Response, ApiError> {
    let asked = Asked::read(query.as_deref())?;
    let (tenant, noun, name) = desk.thing()?;
    let order = desk.order(asked.force);
    let agreed = asked.confirm.as_deref() == Some(name);
    if !agreed {
        // Read, not tried out: that would keep everybody else from writing.
        let mut tx = desk.app.db.snapshot().await?;
        unchanged(&mut On::from(&mut tx), &order, tenant, noun, name, &headers).await?;
        may_touch(&mut On::from(&mut tx), &desk.asker, tenant, noun, name).await?;
        let plan = match single::lost(&mut tx, &order, tenant, noun, name).await {
            Ok(plan) => plan,
            Err(refusal) => return refused(refusal),
        };
        drop(tx);
        if asks(noun, &plan) {
            return ask(&desk, (tenant, noun, name), &plan).await;
        }
    }
    let mut before = None;
    if noun == Noun::Tenant {
        unchanged(&mut On::from(&desk.app.db), &order, tenant, noun, name, &headers).await?;
        before = match tenant_end::empty(&desk.app.db, &order, tenant).await {
            Ok(lost) => lost,
            Err(refusal) => return refused(refusal),
        };
    }
    let mut tx = desk.app.db.begin().await?;
    tenants::lock(&mut tx).await?;
    if before.is_none() {
        unchanged(&mut On::from(&mut tx), &order, tenant, noun, name, &headers).await?;
    }
    may_touch(&mut On::from(&mut tx), &desk.asker, tenant, noun, name).await?;
    may_say(&desk.asker, &group_rules(&mut tx, tenant, noun, name).await?, &[])?;
    let plan = match single::remove(&mut tx, &order, tenant, noun, name).await {
        Ok(plan) => plan,
        Err(refusal) => return refused(refusal),
    };
    if !agreed && asks(noun, &plan) {
        // It came meanwhile.
        drop(tx);
        return ask(&desk, (tenant, noun, name), &plan).await;
    }
    tx.commit().await?;
    desk.app.deliveries.nudge();
    // People of a tenant are told of in numbers alone.
    let lost = before.unwrap_or_else(|| told_lost(&desk, &plan));
    Ok(body::answer(StatusCode::OK, &json!({ "deleted": name, "lost": lost })))
}

/// What is lost, for whoever asks. The audit log, which has a scope of its own, names people and roles all the same.
fn told_lost(desk: &Desk, plan: &Plan) -> Vec<String> {
    let reads = |area| desk.asker.require(area, Level::Read).is_ok();
    let (people, roles) = (reads("users"), reads("resources"));
    plan.deletions().flat_map(|line| line.lost_as(people, roles)).collect()
}

/// Whether the name must be repeated first.
fn asks(noun: Noun, plan: &Plan) -> bool {
    noun == Noun::Tenant || plan.deletions().any(|line| line.lost().next().is_some())
}

/// Says what would be lost, to whoever has not repeated the name.
async fn ask(desk: &Desk, (tenant, noun, name): (&Tenant, Noun, &str), plan: &Plan) -> Result<Response, ApiError> {
    let mut body = json!({ "error": Code::Conflict.as_str(), "error_description": ASKING, "lost": told_lost(desk, plan) });
    let held = match desk.asker.require("resources", Level::Read) {
        Ok(()) => roles_held(&desk.app, tenant, noun, name).await?,
        Err(_) => Vec::new(),
    };
    if !held.is_empty() {
        let one = |(kind, name, role): &(String, String, Role)| json!({"type": kind, "name": name, "role": role.as_str()});
        body["error_description"] = format!("update the collaborators of the resources first; {ASKING}").into();
        body["resources"] = held.iter().map(one).collect();
    }
    Ok(body::answer(StatusCode::CONFLICT, &body))
}

const ASKING: &str = "more is lost with it: repeat the name as confirm to delete it nevertheless";

/// The resources that an external identity or virtual account holds a role on, the first of them: what its deletion takes from
/// whoever its tokens belong to. Of other nouns nothing.
///
/// # Errors
/// What the database says.
pub async fn roles_held(app: &App, tenant: &Tenant, noun: Noun, name: &str) -> Result<Vec<(String, String, Role)>, StoreError> {
    let kind = match noun {
        Noun::ExternalIdentities => Kind::ExternalIdentity,
        Noun::VirtualAccounts => Kind::VirtualAccount,
        _ => return Ok(Vec::new()),
    };
    match principals::find_by_name(&app.db, &tenant.id, kind, name).await? {
        Some(principal) => resources::some_held_by(&app.db, &principal.id, ROLES).await,
        None => Ok(Vec::new()),
    }
}

/// What is done of a change before others wait for it; the inner error refuses.
async fn ahead(
    desk: &Desk,
    (tenant, noun, name): (&Tenant, Noun, Option<&str>),
    body: &Value,
    expect: Expect,
) -> Result<Result<Ahead, Refusal>, ApiError> {
    let app = &desk.app;
    let reading = match single::read_ahead(&app.db, &desk.order(false), tenant, noun, name, body, expect).await {
        Ok(reading) => reading,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let password = match single::password(noun, body) {
        Some(password) => match app.passwords.hash(password).await {
            Ok(hash) => Some(hash),
            Err(PasswordError::Busy) => return Err(ApiError::unavailable("too many passwords are being hashed at once")),
            // It is told which field that is of.
            Err(PasswordError::Hash) => None,
        },
        None => None,
    };
    Ok(Ok(Ahead { reading: Some(reading), password }))
}

/// Whoever names in `If-Match` what they have seen must not overwrite what somebody else has written since. Asked again under
/// the lock of all writers, so that of two who have seen the same the second is told.
async fn unchanged(
    on: &mut On<'_>,
    order: &Order<'_>,
    tenant: &Tenant,
    noun: Noun,
    name: &str,
    headers: &HeaderMap,
) -> Result<(), ApiError> {
    let named = |header| headers.get(header).map(|value| value.to_str().unwrap_or_default());
    let (matching, absent) = (named(header::IF_MATCH), named(header::IF_NONE_MATCH));
    if matching.is_none() && absent.is_none() {
        return Ok(());
    }
    let now = match single::show(&mut *on, order.sealer, tenant, noun, name).await? {
        Some(thing) => Some(tag(&thing, &single::print(&mut *on, order.sealer, tenant, noun, name).await?)),
        None => None,
    };
    let holds = |tags: &str| {
        let tags: Vec<&str> = tags.split(',').map(str::trim).collect();
        now.as_deref().is_some_and(|now| tags.iter().any(|tag| *tag == "*" || *tag == now))
    };
    if matching.is_some_and(|tags| !holds(tags)) || absent.is_some_and(holds) {
        let e = error(Code::Conflict, "it is not as it was when you looked at it: look again");
        return Err(ApiError { status: StatusCode::PRECONDITION_FAILED, ..e.into() });
    }
    Ok(())
}

/// Commits, and answers with what is there now; of a service that has none yet, with its token, this once.
async fn finish(desk: &Desk, mut tx: Tx, tenant: &Tenant, noun: Noun, name: &str, plan: &Plan) -> Result<Response, ApiError> {
    let app = &desk.app;
    stays_behind(&mut On::from(&mut tx), &desk.asker, tenant, noun, name).await?;
    may_touch(&mut On::from(&mut tx), &desk.asker, tenant, noun, name).await?;
    let is_new = plan.lines.iter().any(|line| line.action == Action::Create);
    let mut token = None;
    if noun == Noun::ServiceTokens && is_new {
        let made = tenant_tokens::find_by_name(&mut tx, &tenant.id, name).await?;
        if made.is_some_and(|made| made.fingerprint.is_none()) {
            token = desk.maker().renew(&mut tx, tenant, name).await?;
        }
    }
    // The tenant may be another than it was.
    let tenant = tenants::find(&mut tx, &tenant.id).await?.ok_or_else(no_tenant)?;
    let thing = single::show(&mut tx, &app.sealer, &tenant, noun, name).await?;
    let print = single::print(&mut tx, &app.sealer, &tenant, noun, name).await?;
    tx.commit().await?;
    app.deliveries.nudge();
    let mut thing = thing.ok_or_else(|| ApiError::unavailable("what was just written is gone"))?;
    let tag = tag(&thing, &print);
    if let Some(fields) = thing.as_object_mut().filter(|_| !plan.warnings.is_empty()) {
        fields.insert("warnings".to_owned(), json!(plan.warnings));
    }
    if let (Some(token), Some(fields)) = (token, thing.as_object_mut()) {
        fields.insert("token".to_owned(), token.into());
    }
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok(shown(status, tag, &told::with(app, &tenant, noun, thing).await?))
}

fn shown(status: StatusCode, tag: String, thing: &Value) -> Response {
    ([(header::ETAG, tag)], body::answer(status, thing)).into_response()
}

/// What this version of it is called: of what it is, and of the print of its secrets.
fn tag(thing: &Value, print: &str) -> String {
    format!("\"{}\"", secret::digest(&format!("{print} {}", single::version(thing))))
}

/// Why nothing was changed.
///
/// # Errors
/// All but fields that are wrong, which have an answer of their own.
pub fn refused(refusal: Refusal) -> Result<Response, ApiError> {
    match refusal {
        Refusal::Faults(faults) => Ok(faulty(&faults)),
        Refusal::Exists => Err(error(Code::Conflict, "there is one of this name already").into()),
        Refusal::Missing => Err(nothing()),
        Refusal::Forbidden(why) => Err(bearer::forbidden(why, "an administrator of a tenant")),
        Refusal::Conflict(why) => Err(error(Code::Conflict, why).into()),
        Refusal::LastAdministrator => {
            Err(error(Code::Conflict, format!("{LastAdministrator}, or add force=true to the query")).into())
        }
        Refusal::LastWayIn => Err(error(Code::Conflict, format!("{LastWayIn}, or add force=true to the query")).into()),
        Refusal::LockedOut => Err(error(Code::Conflict, format!("{LockedOut}, or add force=true to the query")).into()),
        // Somebody who takes no turns with other writers was faster.
        Refusal::Store(e @ StoreError::Database(_)) if e.is_conflict() => {
            Err(ApiError::new(error(Code::Conflict, "there is one of this name already"), e.to_string()))
        }
        Refusal::Store(e) => Err(e.into()),
    }
}

fn faulty(faults: &[Fault]) -> Response {
    let body = json!({
        "error": Code::InvalidRequest.as_str(),
        "error_description": "some fields are wrong: faults says which and why",
        "faults": faults,
    });
    body::answer(StatusCode::UNPROCESSABLE_ENTITY, &body)
}
