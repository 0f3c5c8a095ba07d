//! Set-up links over the API, and what making one means for pages too.

use axum::{
    body::Bytes,
    extract::RawQuery,
    http::{HeaderMap, StatusCode},
    response::Response,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    asked::Asked,
    asker::outreached,
    desk::{Desk, nothing},
    searching::{self, Unsought},
    touching::may_touch,
};
use crate::{
    app::App,
    apply::single::{Ask, Noun},
    body,
    error::ApiError,
    guest::{is_used, opens_sites},
    oauth::error::{Code, error},
    reach::Reach,
    store::{
        On, StoreError,
        audit::Actor,
        connections,
        setup_links::{self, New, SetupLink},
        tenants::{self, Tenant},
        window::{Phase, Window},
    },
};

/// Days that a link is good for, unless somebody says otherwise.
pub const DAYS: i64 = 7;
/// And at most.
pub const MOST_DAYS: i64 = 30;
/// Links on a page.
pub const PAGE: usize = 50;

/// What an operator asks for.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wish {
    /// The name of the connection, which need not be there yet.
    pub connection: String,
    /// Whether a directory may be made too.
    #[serde(default)]
    pub directory: bool,
    /// Whether a domain may be proven too.
    #[serde(default)]
    pub domain: bool,
    /// Days that it is good for.
    #[serde(default = "days")]
    pub days: i64,
}

fn days() -> i64 {
    DAYS
}

impl Wish {
    /// Until when it is good, made `now` (unix seconds).
    #[must_use]
    pub fn until(&self, now: i64) -> i64 {
        now.saturating_add(self.days.saturating_mul(86_400))
    }

    /// What is wrong with it: the field, and why.
    #[must_use]
    pub fn fault(&self) -> Option<(&'static str, String)> {
        let name = &self.connection;
        let is_name = (1..=63).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if !is_name {
            return Some(("connection", format!("{name:?} is no name of a connection: use 1 to 63 letters, digits and hyphens")));
        }
        let fits = (1..=MOST_DAYS).contains(&self.days);
        (!fits).then(|| ("days", format!("a link is good for 1 to {MOST_DAYS} days")))
    }
}

/// Who makes a link: how the audit log names them, the row that says whether they could still, and how far they reach.
#[derive(Clone, Copy, Debug)]
pub struct Maker<'a> {
    pub actor: &'a Actor,
    pub id: &'a str,
    pub reach: &'a Reach,
}

impl Maker<'_> {
    /// Whether they may make this link now: whoever follows it may what its maker may at most, and as long.
    #[must_use]
    pub fn may(&self, wish: &Wish, now: i64) -> bool {
        self.reach.covers(&setup_links::scopes(wish.directory, wish.domain), Some(wish.until(now)))
    }
}

/// Why not, as things are: the field, and what to do.
pub type Clash = (&'static str, String);

/// Makes a link; with it its address, which is shown once.
///
/// # Errors
/// The outer one is the database's.
pub async fn issue(
    app: &App,
    maker: Maker<'_>,
    tenant: &Tenant,
    wish: &Wish,
) -> Result<Result<(SetupLink, String), Clash>, StoreError> {
    let (mut tx, now) = (app.db.begin().await?, app.clock.now());
    tenants::lock(&mut tx).await?;
    let there = connections::find_by_name(&mut tx, &tenant.id, &wish.connection).await?;
    // What is in use is not a guest's: who changes it could become anybody who comes in over it, and a new token of theirs would
    // end the one that a live directory pushes with.
    if let Some(connection) = &there
        && is_used(&mut tx, connection).await?
    {
        let why = match connection.enabled {
            true => {
                "this connection is on, and a link fills in a draft: if nobody has signed in over it yet, switch it off first"
            }
            false => {
                "people have signed in over this connection, or its tokens lead to somebody or open a site, and whoever changes it \
                 could be any of them: change it yourself"
            }
        };
        return Ok(Err(("connection", why.to_owned())));
    }
    if there.is_none() && opens_sites(&mut tx, &tenant.id, &wish.connection).await? {
        let why = "a site opens to what an issuer of this name signs: choose another name, or make the connection yourself";
        return Ok(Err(("connection", why.to_owned())));
    }
    if setup_links::count_open(&mut tx, &tenant.id, now).await? >= setup_links::MOST_OPEN {
        let why = format!("{} links are open: revoke those that are not needed", setup_links::MOST_OPEN);
        return Ok(Err(("connection", why)));
    }
    let new = New {
        tenant,
        connection: &wish.connection,
        connection_id: there.as_ref().map(|c| c.id.as_str()),
        with_directory: wish.directory,
        with_domain: wish.domain,
        maker_id: maker.id,
        made_with: maker.reach.with(),
        ends_at: maker.reach.end(),
        expires_at: wish.until(now),
    };
    let (link, token) = setup_links::make(&mut tx, &app.sealer, maker.actor, &new, now).await?;
    tx.commit().await?;
    Ok(Ok((link, format!("{}{}{token}", app.issuer(), super::guest::BELOW))))
}

/// Ends a link of the tenant; whether there is one.
///
/// # Errors
/// What the database says.
pub async fn end(app: &App, actor: &Actor, tenant: &Tenant, id: &str) -> Result<bool, StoreError> {
    // Databases do not agree on what a NUL is.
    if id.contains('\0') {
        return Ok(false);
    }
    let mut tx = app.db.begin().await?;
    let Some(link) = setup_links::find(&mut tx, &tenant.id, id).await? else { return Ok(false) };
    setup_links::end(&mut tx, &app.sealer, actor, tenant, &link, app.clock.now()).await?;
    tx.commit().await?;
    Ok(true)
}

/// `GET /api/v1/tenants/{tenant}/setup-links`: the newest first; `next` of one page is `after` of the following one.
pub async fn list(desk: Desk, RawQuery(query): RawQuery) -> Result<Response, ApiError> {
    let asked = Asked::read(query.as_deref())?.in_state(query.as_deref(), Phase::OF_ENDING)?;
    let now = desk.app.clock.now();
    let ask = Ask { limit: asked.limit.min(PAGE), ..asked.part(now) };
    let (links, next) = part(&desk.app, desk.asker.home(), desk.tenant()?, ask).await?;
    let shown: Vec<Value> = links.iter().map(|link| told(link, now)).collect();
    Ok(body::answer(StatusCode::OK, &json!({ "setup_links": shown, "next": next })))
}

/// A part of a tenant's links, for whoever is at home in `home`, and where the next one begins, if there is one.
///
/// # Errors
/// What is said to whoever searches too much, and what the database says.
pub async fn part(app: &App, home: &Tenant, tenant: &Tenant, ask: Ask<'_>) -> Result<(Vec<SetupLink>, Option<String>), Unsought> {
    // Databases do not agree on what a NUL is.
    if ask.search.contains('\0') || ask.after.contains('\0') {
        return Ok(Default::default());
    }
    let _turn = searching::begin(app, home, ask.search, ask.narrow).await?;
    let limit = i64::try_from(ask.limit).unwrap_or(i64::MAX).saturating_add(1);
    let window = Window::new(&tenant.id, ask.search, ask.after, limit).narrowed(ask.narrow);
    let mut found = setup_links::window(&app.db, &window).await?;
    let more = found.len() > ask.limit;
    found.truncate(ask.limit);
    let next = found.last().filter(|_| more).map(|last| last.id.clone());
    Ok((found, next))
}

/// `POST /api/v1/tenants/{tenant}/setup-links`: its address is in this answer alone.
pub async fn create(desk: Desk, headers: HeaderMap, bytes: Bytes) -> Result<Response, ApiError> {
    let wish: Wish = body::read(&headers, &bytes)?;
    if let Some((_, why)) = wish.fault() {
        return Err(error(Code::InvalidRequest, why).into());
    }
    let (maker, now) = (Maker { actor: desk.actor(), id: desk.asker.id(), reach: desk.asker.reach() }, desk.app.clock.now());
    if !maker.may(&wish, now) {
        return Err(outreached(&desk.asker, Some(wish.until(now))));
    }
    // Whoever follows it writes the connection.
    may_touch(&mut On::from(&desk.app.db), &desk.asker, desk.tenant()?, Noun::Connections, &wish.connection).await?;
    let made = issue(&desk.app, maker, desk.tenant()?, &wish).await?;
    let (link, url) = made.map_err(|(_, why)| error(Code::Conflict, why))?;
    let mut answer = told(&link, desk.app.clock.now());
    answer["url"] = url.into();
    Ok(body::answer(StatusCode::CREATED, &answer))
}

/// `DELETE /api/v1/tenants/{tenant}/setup-links/{name}`
pub async fn revoke(desk: Desk) -> Result<Response, ApiError> {
    match end(&desk.app, desk.actor(), desk.tenant()?, desk.name()?).await? {
        true => Ok(body::answer(StatusCode::OK, &json!({ "revoked": desk.name()? }))),
        false => Err(nothing()),
    }
}

fn told(link: &SetupLink, now: i64) -> Value {
    json!({
        "id": link.id, "connection": link.connection, "directory": link.with_directory, "domain": link.with_domain,
        "state": link.state(now), "made_by": link.made_by, "created_at": link.created_at, "expires_at": link.expires_at,
        "opened_at": link.opened_at, "ended_at": link.ended_at, "ended_by": link.ended_by,
    })
}
