//! Who is in a team, on its page: a part at a time, each with the way that they are in it by; and whoever is put in or taken out
//! by hand. A team that a group of a directory made is looked at here, and changes at its source.

use askama::Template;
use askama_web::WebTemplate;
use axum::{
    extract::{Path, RawQuery, State},
    http::StatusCode,
    response::{IntoResponse as _, Response},
};

use super::{
    caller::{Caller, Posted, missing},
    confirm::{Question, done},
    frame::{Frame, address},
    list::{PAGE, Query},
    roles,
    things::{Place, order},
    users,
};
use crate::{
    admin::searching,
    app::App,
    apply::single::{self, Refusal},
    error::PageError,
    store::{
        group_rules,
        roles_held::Of,
        team_members::{self, Member, TeamGroup},
        teams::{self, Team},
        users::User,
        window::Window,
    },
};

const NOUN: &str = "teams";
/// Users that a page offers.
const OFFERED: usize = 50;
/// Most that are put in at once.
const AT_ONCE: usize = 100;

/// A team of a tenant that this operator administers.
struct At {
    place: Place,
    team: Team,
}

impl At {
    async fn find(app: &App, caller: &Caller, (tenant, name): (&str, &str)) -> Result<Self, PageError> {
        let place = Place::find(app, caller, tenant, NOUN).await?;
        let team = match name.contains('\0') {
            true => None,
            false => teams::find_by_name(&app.db, &place.tenant.id, name).await?,
        };
        Ok(Self { team: team.ok_or_else(|| missing("team"))?, place })
    }

    fn path(&self) -> String {
        self.place.path(&self.team.name)
    }
}

/// The part of a team's page that tells who is in it.
#[derive(Debug, Template)]
#[template(path = "admin/members.html")]
struct Section<'a> {
    path: &'a str,
    users: &'a str,
    search: &'a str,
    members: &'a [Member],
    is_searched: bool,
    is_later: bool,
    next: Option<String>,
    groups: &'a [TeamGroup],
    is_pushed: bool,
}

/// The page of a team that is a directory's: there is nothing of it to save.
#[derive(Debug, Template, WebTemplate)]
#[template(path = "admin/team.html")]
struct Page<'a> {
    frame: &'a Frame,
    failed: bool,
    list: &'a str,
    directories: &'a str,
    groups: &'a [TeamGroup],
    section: &'a str,
    /// Where it is deleted, if a rename has left it.
    delete: Option<String>,
}

/// What a team's page says beside its form.
#[derive(Debug)]
pub struct Told {
    /// Who is in it, and which roles it holds.
    pub section: String,
    /// The groups of directories that put people into it.
    pub groups: Vec<TeamGroup>,
    /// Whether rules make its group other teams, and nothing but what people gave it keeps it.
    pub is_left: bool,
}

/// Who is in the team, as the address of the page asks; of another noun nothing.
///
/// # Errors
/// When the database does not answer.
pub async fn told(app: &App, caller: &Caller, place: &Place, name: &str) -> Result<Option<Told>, PageError> {
    if place.noun.name != NOUN {
        return Ok(None);
    }
    let Some(team) = teams::find_by_name(&app.db, &place.tenant.id, name).await? else { return Ok(None) };
    let query = Query::read(caller.path.split_once('?').map(|(_, query)| query));
    let path = place.path(name);
    let limit = i64::try_from(PAGE).unwrap_or(i64::MAX);
    let turn = searching::members(app, &caller.operator.home, &team.id, &query.search).await?;
    let window = Window::new(&place.tenant.id, &query.search, &query.after, limit.saturating_add(1));
    let mut found = team_members::window(&app.db, &team.id, &window).await?;
    drop(turn);
    let more = found.len() > PAGE;
    found.truncate(PAGE);
    let next = found.last().filter(|_| more).map(|last| {
        let mut pairs = url::form_urlencoded::Serializer::new(String::new());
        pairs.append_pair("search", &query.search).append_pair("after", &last.email);
        format!("{path}?{}", pairs.finish())
    });
    let groups = team_members::groups(&app.db, &team.id).await?;
    let section = Section {
        path: &path,
        users: &address(&place.tenant.name, "users"),
        search: &query.search,
        is_searched: !query.search.is_empty() || more || !query.after.is_empty() || found.len() > 10,
        is_later: !query.after.is_empty(),
        members: &found,
        next,
        is_pushed: team.group_id.is_some(),
        groups: &groups,
    };
    let members = section.render().map_err(|e| PageError::internal(e.to_string()))?;
    let roles = roles::section(app, caller, &place.tenant, Of::Team(&team.id), &path).await?;
    let is_left = group_rules::is_left(&app.db, &team).await?;
    Ok(Some(Told { section: members + &roles, groups, is_left }))
}

/// The page of a team that a group of a directory made.
#[must_use]
pub fn pushed(app: &App, caller: &Caller, place: &Place, name: &str, told: &Told) -> Response {
    let page = Page {
        frame: &Frame::of_tenant(app, caller, &place.tenant, NOUN, name),
        failed: false,
        list: &place.list(),
        directories: &address(&place.tenant.name, "directories"),
        groups: &told.groups,
        section: &told.section,
        delete: told.is_left.then(|| format!("{}/delete", place.path(name))),
    };
    page.into_response()
}

/// A user who may be put in.
#[derive(Debug)]
struct Row {
    id: String,
    value: String,
    email: String,
    name: String,
    is_in: bool,
    ticked: bool,
}

#[derive(Debug, Template, WebTemplate)]
#[template(path = "admin/members_add.html")]
struct Finder<'a> {
    frame: &'a Frame,
    failed: bool,
    error: Option<&'a str>,
    team: &'a str,
    path: &'a str,
    search: &'a str,
    rows: &'a [Row],
    next: Option<String>,
}

/// `GET /admin/{tenant}/teams/{name}/members`
pub async fn find(
    State(app): State<App>,
    caller: Caller,
    Path((tenant, name)): Path<(String, String)>,
    RawQuery(query): RawQuery,
) -> Result<Response, PageError> {
    let at = At::find(&app, &caller, (&tenant, &name)).await?;
    finder(&app, &caller, &at, &Query::read(query.as_deref()), (&[], None)).await
}

async fn finder(
    app: &App,
    caller: &Caller,
    at: &At,
    query: &Query,
    (ticked, error): (&[String], Option<&str>),
) -> Result<Response, PageError> {
    let path = at.path();
    let ask = single::Ask { search: &query.search, after: &query.after, limit: OFFERED, ..Default::default() };
    let part = searching::list(app, &caller.operator.home, &at.place.tenant, single::Noun::Users, ask).await?;
    let mut rows = Vec::new();
    for (n, user) in part.items.iter().enumerate() {
        let text = |key: &str| user[key].as_str().unwrap_or_default().to_owned();
        let found = team_members::find(&app.db, &at.team.id, &text("id")).await?;
        rows.push(Row {
            id: format!("user-{n}"),
            ticked: ticked.contains(&text("id")),
            value: text("id"),
            email: text("email"),
            name: text("name"),
            is_in: found.is_some_and(|member| member.by_hand),
        });
    }
    let next = part.next.map(|last| {
        let mut pairs = url::form_urlencoded::Serializer::new(String::new());
        pairs.append_pair("search", &query.search).append_pair("after", &last);
        format!("{path}/members?{}", pairs.finish())
    });
    let frame = Frame::of_tenant(app, caller, &at.place.tenant, NOUN, "Add members");
    let failed = error.is_some();
    let page =
        Finder { frame: &frame, failed, error, team: &at.team.name, path: &path, search: &query.search, rows: &rows, next };
    Ok((if failed { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK }, page).into_response())
}

/// `POST /admin/{tenant}/teams/{name}/members`: those who are ticked.
pub async fn add(
    State(app): State<App>,
    Path((tenant, name)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    posted: Posted,
) -> Result<Response, PageError> {
    let caller = &posted.caller;
    let at = At::find(&app, caller, (&tenant, &name)).await?;
    let ticked: Vec<String> = posted.all("whom").take(AT_ONCE).map(str::to_owned).collect();
    let mut whom: Vec<User> = Vec::new();
    for id in &ticked {
        whom.push(users::find(&app, caller, (&tenant, id)).await?.1);
    }
    let error = match whom.is_empty() {
        true => "Tick whom you want to add.".to_owned(),
        false => {
            let actor = caller.actor();
            let mut tx = app.db.begin().await?;
            let order = order(&app, &caller.operator, &actor);
            match single::join(&mut tx, &order, &at.place.tenant, &at.team.name, &whom).await {
                Ok(_) => {
                    tx.commit().await?;
                    return Ok(done(&at.path(), "joined"));
                }
                Err(refusal) => {
                    drop(tx);
                    why(refusal)?
                }
            }
        }
    };
    finder(&app, caller, &at, &Query::read(query.as_deref()), (&ticked, Some(&error))).await
}

/// Why nothing was changed, in words.
fn why(refusal: Refusal) -> Result<String, PageError> {
    match refusal {
        Refusal::Conflict(text) | Refusal::Forbidden(text) => Ok(text.to_owned()),
        Refusal::Faults(faults) => Ok(faults.into_iter().map(|fault| fault.text).collect::<Vec<_>>().join(". ")),
        Refusal::Missing => Err(missing("member")),
        Refusal::Store(e) => Err(e.into()),
        other => Err(PageError::internal(format!("{other:?}"))),
    }
}

/// `GET /admin/{tenant}/teams/{name}/members/{user}/remove`
pub async fn ask(
    State(app): State<App>,
    caller: Caller,
    Path((tenant, name, user)): Path<(String, String, String)>,
) -> Result<Response, PageError> {
    let at = At::find(&app, &caller, (&tenant, &name)).await?;
    let (_, user) = users::find(&app, &caller, (&tenant, &user)).await?;
    let found = team_members::find(&app.db, &at.team.id, &user.id).await?;
    let member = found.filter(|member| member.by_hand).ok_or_else(|| missing("member"))?;
    question(&app, &caller, &at, &member, None).await
}

async fn question(app: &App, caller: &Caller, at: &At, member: &Member, error: Option<&str>) -> Result<Response, PageError> {
    let path = at.path();
    let mut loss = Vec::new();
    match member.groups.first() {
        Some(one) => loss.push(format!("They stay in the team by the group {} of {}.", one.group, one.directory)),
        None => {
            let held = crate::store::resources::held_by(&app.db, &at.team.id).await?;
            let roles = held.iter().take(AT_ONCE).map(|(kind, name, role)| {
                format!("They lose {} on {kind} {name}, unless they hold it otherwise.", role.as_str())
            });
            loss.extend(roles);
        }
    }
    let title = format!("Take {} out of {}?", member.email, at.team.name);
    let question = Question {
        lead: "It counts from the next request on.",
        loss: &loss,
        action: &format!("{path}/members/{}/remove", member.user_id),
        back: &path,
        yes: "Remove",
        error,
    };
    Ok(question.page(&Frame::of_tenant(app, caller, &at.place.tenant, NOUN, title)))
}

/// `POST /admin/{tenant}/teams/{name}/members/{user}/remove`
pub async fn remove(
    State(app): State<App>,
    Path((tenant, name, user)): Path<(String, String, String)>,
    posted: Posted,
) -> Result<Response, PageError> {
    let caller = &posted.caller;
    let at = At::find(&app, caller, (&tenant, &name)).await?;
    let (_, user) = users::find(&app, caller, (&tenant, &user)).await?;
    let actor = caller.actor();
    let mut tx = app.db.begin().await?;
    let order = order(&app, &caller.operator, &actor);
    if let Err(refusal) = single::leave(&mut tx, &order, &at.place.tenant, &at.team.name, &user).await {
        drop(tx);
        let error = why(refusal)?;
        let member = team_members::find(&app.db, &at.team.id, &user.id).await?.ok_or_else(|| missing("member"))?;
        return question(&app, caller, &at, &member, Some(&error)).await;
    }
    tx.commit().await?;
    Ok(done(&at.path(), "left"))
}
