//! Tokens of the admin API: an administrator's own, and new ones for services. Each is shown once, on the page that made it.

use askama::Template;
use askama_web::WebTemplate;
use axum::{
    extract::{Path, RawQuery, State},
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
};
use serde_json::json;

use super::{
    caller::{Caller, Posted, missing},
    confirm::{Question, done},
    form::{self, Field, Kind, Shown},
    frame::Frame,
    list::Query,
    things::Place,
    users,
};
use crate::{
    api_token::{Maker, Unfit, Wanted},
    app::App,
    apply::single::Fault,
    error::PageError,
    moment::Moment,
    policy::api_scope::{self, ApiScopes},
    store::{
        audit::Actor,
        lineage,
        personal_tokens::{self, PersonalToken},
        tenant_tokens, tenants,
        token_state::TokenState,
        users::User,
        window::Phase,
    },
};

/// The page of an administrator's own tokens.
const OWN: &str = "/admin/_/tokens";
const TITLE: &str = "Your API tokens";

const DAYS: Kind = Kind::Choice(&[("30", "30 days"), ("7", "7 days"), ("90", "90 days"), ("365", "a year")]);

const FIELDS: [Field; 3] = [
    Field::new("name", "Name", Kind::Text, "What it is for, so that you know it again."),
    Field::new(
        "scopes",
        "Scopes",
        Kind::Lines,
        "One on each line: admin (everything), admin:read (only looking), or an area's, like connections:write or users:read.",
    ),
    Field::new("days", "Ends after", DAYS, ""),
];

/// A token that is shown this once.
#[derive(Debug, Template, WebTemplate)]
#[template(path = "admin/token.html")]
struct Once<'a> {
    frame: &'a Frame,
    failed: bool,
    back: (&'a str, &'a str),
    token: &'a str,
}

/// The page that shows a token this once; nothing on the way may keep it.
#[must_use]
pub fn once(frame: &Frame, back: (&str, &str), token: &str) -> Response {
    ([(header::CACHE_CONTROL, "no-store")], Once { frame, failed: false, back, token }).into_response()
}

/// Whoever makes tokens on a page.
#[must_use]
pub fn maker<'a>(app: &'a App, actor: &'a Actor) -> Maker<'a> {
    Maker { sealer: &app.sealer, actor, now: app.clock.now() }
}

/// One of an administrator's own, in words.
#[derive(Debug)]
pub struct Row {
    pub id: String,
    pub name: String,
    pub scopes: String,
    pub made: String,
    pub last_used: String,
    pub ends: String,
    /// Why it opens nothing.
    pub over: Option<&'static str>,
}

impl Row {
    fn new((token, state): &(PersonalToken, TokenState)) -> Self {
        Self {
            id: token.id.clone(),
            name: token.name.clone(),
            scopes: token.scopes.words().join(", "),
            made: Moment(token.created_at).to_string(),
            last_used: token.last_used_at.map_or_else(|| "never".to_owned(), |at| Moment(at).to_string()),
            ends: Moment(token.expires_at).to_string(),
            over: state.reason(),
        }
    }
}

#[derive(Template, WebTemplate)]
#[template(path = "admin/personal_tokens.html")]
struct Own<'a> {
    frame: &'a Frame,
    failed: bool,
    tokens: &'a [Row],
    /// Words, labels, and which is chosen.
    states: &'a [(&'static str, &'static str, bool)],
    is_narrow: bool,
    rest: &'a [&'a str],
    shown: &'a [Shown],
}

async fn own(
    app: &App,
    caller: &Caller,
    phase: Option<Phase>,
    posted: Option<&Posted>,
    faults: &[Fault],
) -> Result<Response, PageError> {
    let tokens = personal_tokens::judged(&app.db, &caller.operator.user.id, app.clock.now()).await?;
    let rows: Vec<Row> = tokens.iter().filter(|(_, state)| state.is_in(phase)).map(Row::new).collect();
    let choice = |state: &Phase| (state.as_str(), state.label(), phase == Some(*state));
    let states: Vec<_> = Phase::OF_TOKENS.iter().map(choice).collect();
    let read = |name: &str| posted.and_then(|posted| posted.one(name));
    let typed: Option<form::Posted<'_>> = posted.map(|_| &read as form::Posted<'_>);
    let shown = form::show(&FIELDS, typed, &json!({}), faults, false);
    let frame = Frame::of_tenant(app, caller, &caller.operator.home, "tokens", TITLE);
    let failed = !faults.is_empty();
    let (is_narrow, rest) = (phase.is_some(), form::rest(&FIELDS, faults));
    let page = Own { frame: &frame, failed, tokens: &rows, states: &states, is_narrow, rest: &rest, shown: &shown };
    Ok((if failed { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK }, page).into_response())
}

/// `GET /admin/_/tokens`
pub async fn list(State(app): State<App>, caller: Caller, RawQuery(query): RawQuery) -> Result<Response, PageError> {
    let phase = Query::narrowed(query.as_deref(), Phase::OF_TOKENS, None).state;
    own(&app, &caller, phase, None, &[]).await
}

/// `POST /admin/_/tokens`
pub async fn create(State(app): State<App>, posted: Posted) -> Result<Response, PageError> {
    let caller = &posted.caller;
    let fault = |path: &str, text: String| vec![Fault { path: path.to_owned(), text }];
    let words = posted.one("scopes").unwrap_or_default().split([',', ' ', '\r', '\n']).filter(|word| !word.is_empty());
    let scopes = match ApiScopes::parse(words) {
        Ok(scopes) => scopes,
        Err(word) => {
            let text = format!("{word:?} is no scope; there are {}", api_scope::words().join(", "));
            return own(&app, caller, None, Some(&posted), &fault("scopes", text)).await;
        }
    };
    let days: i64 = posted.one("days").and_then(|days| days.parse().ok()).unwrap_or(0);
    let mut lifetime = days.saturating_mul(86_400);
    if let Some(end) = caller.operator.reach.end() {
        lifetime = lifetime.min(end - app.clock.now());
    }
    let wanted = Wanted { name: posted.one("name").unwrap_or_default(), scopes, lifetime };
    let actor = caller.actor();
    let mut tx = app.db.begin().await?;
    let made = maker(&app, &actor).personal(&mut tx, &caller.operator.user, wanted).await?;
    let (row, token) = match made {
        Ok(made) => made,
        Err(unfit) => {
            drop(tx);
            let path = match unfit {
                Unfit::Name => "name",
                Unfit::Scopes => "scopes",
                Unfit::Lifetime => "days",
                Unfit::TooMany => "",
            };
            return own(&app, caller, None, Some(&posted), &fault(path, unfit.to_string())).await;
        }
    };
    tx.commit().await?;
    let frame = Frame::of_tenant(&app, caller, &caller.operator.home, "tokens", row.name);
    Ok(once(&frame, (OWN, TITLE), &token))
}

async fn named(app: &App, caller: &Caller, id: &str) -> Result<PersonalToken, PageError> {
    let own = personal_tokens::of_user(&app.db, &caller.operator.user.id).await?;
    own.into_iter().find(|token| token.id == id).ok_or_else(|| missing("token"))
}

/// `GET /admin/_/tokens/{id}/revoke`
pub async fn ask(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> Result<Response, PageError> {
    let token = named(&app, &caller, &id).await?;
    let frame = Frame::of_tenant(&app, &caller, &caller.operator.home, "tokens", format!("Revoke the token {}?", token.name));
    let question = Question {
        lead: "Whatever uses it is refused at once. A token that was revoked cannot be brought back.",
        loss: &ends_with(&app, &token.id).await?,
        action: &format!("{OWN}/{id}/revoke"),
        back: OWN,
        yes: "Revoke",
        error: None,
    };
    Ok(question.page(&frame))
}

/// `POST /admin/_/tokens/{id}/revoke`
pub async fn revoke(State(app): State<App>, Path(id): Path<String>, posted: Posted) -> Result<Response, PageError> {
    let actor = posted.caller.actor();
    let mut tx = app.db.begin().await?;
    if !maker(&app, &actor).revoke(&mut tx, &posted.caller.operator.user, &id).await? {
        return Err(missing("token"));
    }
    tx.commit().await?;
    Ok(done(OWN, "revoked"))
}

/// What was made with a token and ends with it, in words.
async fn ends_with(app: &App, with: &str) -> Result<Vec<String>, PageError> {
    let made = lineage::descent(&app.db, with, app.clock.now()).await?;
    Ok(made.into_iter().map(|what| format!("Made with it, and ending with it: {what}.")).collect())
}

/// A user's, for the page of the user.
///
/// # Errors
/// What the database says.
pub async fn of(app: &App, user: &User) -> Result<Vec<Row>, PageError> {
    Ok(personal_tokens::judged(&app.db, &user.id, app.clock.now()).await?.iter().map(Row::new).collect())
}

/// `GET /admin/{tenant}/users/{id}/tokens/{token}/revoke`
pub async fn ask_of(
    State(app): State<App>,
    caller: Caller,
    Path((tenant, user, id)): Path<(String, String, String)>,
) -> Result<Response, PageError> {
    let (tenant, user) = users::find(&app, &caller, (&tenant, &user)).await?;
    let all = personal_tokens::of_user(&app.db, &user.id).await?;
    let token = all.into_iter().find(|token| token.id == id).ok_or_else(|| missing("token"))?;
    let title = format!("Revoke the token {} of {}?", token.name, user.email.as_str());
    let back = users::path(&tenant, &user.id);
    let loss = ends_with(&app, &token.id).await?;
    let question = Question {
        lead: "Whatever uses it is refused at once. A token that was revoked cannot be brought back.",
        loss: &loss,
        action: &format!("{back}/tokens/{id}/revoke"),
        back: &back,
        yes: "Revoke",
        error: None,
    };
    Ok(question.page(&Frame::of_tenant(&app, &caller, &tenant, "users", title)))
}

/// `POST /admin/{tenant}/users/{id}/tokens/{token}/revoke`
pub async fn revoke_of(
    State(app): State<App>,
    Path((tenant, user, id)): Path<(String, String, String)>,
    posted: Posted,
) -> Result<Response, PageError> {
    let caller = &posted.caller;
    let (tenant, user) = users::find(&app, caller, (&tenant, &user)).await?;
    users::require_may(caller, &user)?;
    let actor = caller.actor();
    let mut tx = app.db.begin().await?;
    if !maker(&app, &actor).revoke(&mut tx, &user, &id).await? {
        return Err(missing("token"));
    }
    tx.commit().await?;
    Ok(done(&users::path(&tenant, &user.id), "revoked"))
}

const NOUN: &str = "service_tokens";

/// `GET /admin/{tenant}/service_tokens/{name}/token`
pub async fn ask_renewal(
    State(app): State<App>,
    caller: Caller,
    Path((tenant, name)): Path<(String, String)>,
) -> Result<Response, PageError> {
    caller.require_lasting()?;
    let place = Place::find(&app, &caller, &tenant, NOUN).await?;
    place.stored(&app, &name).await?;
    let path = place.path(&name);
    let first = "The token that it has now ends at once: whatever uses it is refused until it gets the new one.".to_owned();
    let mut loss = vec![first];
    let has = tenant_tokens::find_by_name(&app.db, &place.tenant.id, &name).await?.and_then(|token| token.fingerprint);
    if let Some(fingerprint) = has {
        loss.extend(ends_with(&app, &fingerprint).await?);
    }
    let question = Question {
        lead: "You get a new token, which is shown once.",
        loss: &loss,
        action: &format!("{path}/token"),
        back: &path,
        yes: "Make a new token",
        error: None,
    };
    Ok(question.page(&Frame::of_tenant(&app, &caller, &place.tenant, NOUN, format!("A new token for {name}?"))))
}

/// `POST /admin/{tenant}/service_tokens/{name}/token`
pub async fn renew(
    State(app): State<App>,
    Path((tenant, name)): Path<(String, String)>,
    posted: Posted,
) -> Result<Response, PageError> {
    let caller = &posted.caller;
    caller.require_lasting()?;
    let place = Place::find(&app, caller, &tenant, NOUN).await?;
    let actor = caller.actor();
    let mut tx = app.db.begin().await?;
    tenants::lock(&mut tx).await?;
    let name = if name.contains('\0') { return Err(missing("service token")) } else { name };
    let token = maker(&app, &actor).renew(&mut tx, &place.tenant, &name).await?.ok_or_else(|| missing("service token"))?;
    tx.commit().await?;
    let path = place.path(&name);
    Ok(once(&Frame::of_tenant(&app, caller, &place.tenant, NOUN, name.as_str()), (&path, &name), &token))
}
