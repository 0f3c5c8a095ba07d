//! A resource and who holds which role on it: users, teams, external identities and virtual accounts, each in a section of its
//! own, a part at a time. `adding` finds those who may be given one.
//!
//! A role is given and taken by [`single`], one at a time: so whatever a file would refuse is refused here.

mod adding;

pub use adding::{add, find};
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
    list::Query,
    things::{self, Place, order},
};
use crate::{
    admin::searching,
    app::App,
    apply::single::{self, Expect, Fault, Noun, Refusal},
    error::PageError,
    policy::{principal::Kind, role::Role},
    store::{
        collaborators,
        resources::{self, ByGroup, Collaborator, Resource},
        window::{Narrow, Window},
    },
};

const NOUN: &str = "resources";
/// Collaborators of one kind that a page shows; and teams that hold a role by groups.
const SHOWN: usize = 100;
/// The sections, in their order: their titles, and the nouns whose lists they are parts of.
const SECTIONS: [(Kind, &str, Noun); 4] = [
    (Kind::User, "Users", Noun::Users),
    (Kind::Team, "Teams", Noun::Teams),
    (Kind::ExternalIdentity, "External identities", Noun::ExternalIdentities),
    (Kind::VirtualAccount, "Virtual accounts", Noun::VirtualAccounts),
];
/// Roles as people read them, the weakest first.
const ROLES: [(Role, &str); 3] = [(Role::Viewer, "Viewer"), (Role::Editor, "Editor"), (Role::Manager, "Manager")];

/// A resource of a tenant that this operator administers.
struct At {
    place: Place,
    name: String,
    resource: Resource,
}

impl At {
    async fn find(app: &App, caller: &Caller, (tenant, name): (String, String)) -> Result<Self, PageError> {
        let place = Place::find(app, caller, &tenant, NOUN).await?;
        let found = match single::resource_parts(&name).filter(|_| !name.contains('\0')) {
            Some((kind, name)) => resources::find(&app.db, &place.tenant.id, &kind, name).await?,
            None => None,
        };
        Ok(Self { resource: found.ok_or_else(|| missing("resource"))?, place, name })
    }

    fn path(&self) -> String {
        self.place.path(&self.name)
    }

    fn title(&self) -> String {
        format!("{} {}", self.resource.kind, self.resource.name)
    }

    /// Somebody who holds a role on it.
    async fn holder(&self, app: &App, (kind, name): (Kind, &str)) -> Result<Collaborator, PageError> {
        let found = collaborators::among(&app.db, &self.resource.id, kind, [name]).await?;
        found.into_iter().next().ok_or_else(|| missing("collaborator"))
    }
}

/// What the address asks for: of one kind a part after a name, of all the first of each.
#[derive(Debug, Default)]
struct Asked {
    search: String,
    only: Option<Kind>,
    after: String,
}

impl Asked {
    fn read(query: Option<&str>) -> Self {
        let mut pairs = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes());
        let only = pairs.find(|(name, _)| name == "kind").and_then(|(_, kind)| Kind::parse(&kind));
        let Query { search, after, .. } = Query::read(query);
        Self { search, after: only.map(|_| after).unwrap_or_default(), only }
    }
}

/// What a form changes about who holds which role.
enum Change<'a> {
    /// To those alone who hold one, where something must be there.
    Give(&'a [(Kind, &'a str)], Role, Expect),
    Take(Kind, &'a str),
}

/// Makes it, under the lock of all writers: what another administrator has just written stays.
async fn change(app: &App, caller: &Caller, at: &At, change: Change<'_>) -> Result<(), Refusal> {
    let actor = caller.actor();
    let (tenant, order) = (&at.place.tenant, order(app, &caller.operator, &actor));
    let mut tx = app.db.begin().await?;
    match change {
        Change::Give(whom, role, expect) => {
            single::give(&mut tx, &order, tenant, &at.name, whom, role, expect).await?;
        }
        Change::Take(kind, name) => single::take(&mut tx, &order, tenant, &at.name, (kind, name)).await?,
    }
    tx.commit().await?;
    app.deliveries.nudge();
    Ok(())
}

/// Why nothing was changed, in words.
fn why(refusal: Refusal) -> Result<String, PageError> {
    match refusal {
        Refusal::Faults(faults) => Ok(faults.into_iter().map(|Fault { text, .. }| text).collect::<Vec<_>>().join(". ")),
        Refusal::Forbidden(text) | Refusal::Conflict(text) => Ok(text.to_owned()),
        Refusal::Missing => Err(missing("collaborator")),
        Refusal::Store(e) => Err(e.into()),
        other => Err(PageError::internal(format!("{other:?}"))),
    }
}

/// Collaborators of one kind.
#[derive(Debug)]
struct Section {
    kind: &'static str,
    title: &'static str,
    held: Vec<Row>,
    next: Option<String>,
}

/// One of them.
#[derive(Debug)]
struct Row {
    id: String,
    name: String,
    href: String,
    role: Role,
    remove: String,
}

#[derive(Debug, Template, WebTemplate)]
#[template(path = "admin/resource.html")]
struct Page<'a> {
    frame: &'a Frame,
    failed: bool,
    error: Option<&'a str>,
    list: &'a str,
    path: &'a str,
    asked: &'a Asked,
    is_searched: bool,
    sections: &'a [Section],
    by_groups: &'a [ByGroup],
    more_by_groups: bool,
    roles: &'a [(Role, &'static str)],
}

/// `GET /admin/{tenant}/resources/{name}`
pub async fn show(
    State(app): State<App>,
    caller: Caller,
    Path(named): Path<(String, String)>,
    RawQuery(query): RawQuery,
) -> Result<Response, PageError> {
    let at = At::find(&app, &caller, named).await?;
    page(&app, &caller, &at, &Asked::read(query.as_deref()), None).await
}

/// A part of those of one kind.
async fn section(
    app: &App,
    at: &At,
    asked: &Asked,
    (kind, title, noun): (Kind, &'static str, Noun),
) -> Result<Section, PageError> {
    let (place, path) = (&at.place, at.path());
    let limit = i64::try_from(SHOWN).unwrap_or(i64::MAX).saturating_add(1);
    let window = Window::new(&place.tenant.id, &asked.search, &asked.after, limit);
    let mut found = collaborators::window(&app.db, &at.resource.id, Some(kind), kind.as_str(), &window).await?;
    let more = found.len() > SHOWN;
    found.truncate(SHOWN);
    let next = found.last().filter(|_| more).map(|last| {
        let mut pairs = url::form_urlencoded::Serializer::new(String::new());
        pairs.append_pair("kind", kind.as_str()).append_pair("search", &asked.search).append_pair("after", &last.name);
        format!("{path}?{}", pairs.finish())
    });
    let row = |(n, held): (usize, &Collaborator)| Row {
        id: format!("{}-{n}", kind.as_str()),
        name: held.name.clone(),
        href: format!("{}/{}", address(&place.tenant.name, noun.as_str()), segment(&held.name)),
        role: held.role,
        remove: format!("{path}/collaborators/remove?{}", pairs(held)),
    };
    Ok(Section { kind: kind.as_str(), title, held: found.iter().enumerate().map(row).collect(), next })
}

async fn page(app: &App, caller: &Caller, at: &At, asked: &Asked, error: Option<&str>) -> Result<Response, PageError> {
    let (place, path) = (&at.place, at.path());
    let turn = searching::begin(app, &caller.operator.home, &asked.search, Narrow::default()).await?;
    let mut sections = Vec::new();
    for of in SECTIONS.into_iter().filter(|(kind, ..)| asked.only.is_none_or(|only| only == *kind)) {
        sections.push(section(app, at, asked, of).await?);
    }
    drop(turn);
    let shown: usize = sections.iter().map(|section| section.held.len()).sum();
    let most = i64::try_from(SHOWN).unwrap_or(i64::MAX);
    let mut by_groups = resources::by_groups(&app.db, &at.resource.id, most.saturating_add(1)).await?;
    let more_by_groups = by_groups.len() > SHOWN;
    by_groups.truncate(SHOWN);
    let frame = Frame::of_tenant(app, caller, &place.tenant, NOUN, at.title());
    let page = Page {
        frame: &frame,
        failed: error.is_some(),
        error,
        list: &place.list(),
        path: &path,
        is_searched: shown > 10 || asked.only.is_some() || !asked.search.is_empty(),
        asked,
        sections: &sections,
        by_groups: &by_groups,
        more_by_groups,
        roles: &ROLES,
    };
    let status = if error.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    Ok((status, page).into_response())
}

/// `GET /admin/{tenant}/resources/new`
pub async fn new(state: State<App>, caller: Caller, Path(tenant): Path<String>, query: RawQuery) -> Result<Response, PageError> {
    things::new(state, caller, Path((tenant, NOUN.to_owned())), query).await
}

fn segment(name: &str) -> String {
    url::form_urlencoded::byte_serialize(name.as_bytes()).collect::<String>().replace('+', "%20")
}

fn pairs(held: &Collaborator) -> String {
    let mut pairs = url::form_urlencoded::Serializer::new(String::new());
    pairs.append_pair("kind", held.kind.as_str()).append_pair("name", &held.name).finish()
}

/// Whom a form, or an address, names.
fn named(one: &dyn Fn(&str) -> Option<String>) -> Option<(Kind, String)> {
    Some((Kind::parse(&one("kind")?)?, one("name")?))
}

/// `POST /admin/{tenant}/resources/{name}/role`: another role for somebody who holds one.
pub async fn set(State(app): State<App>, Path(at): Path<(String, String)>, posted: Posted) -> Result<Response, PageError> {
    let at = At::find(&app, &posted.caller, at).await?;
    let whom = named(&|name| posted.one(name).map(str::to_owned));
    let role = posted.one("role").and_then(Role::parse);
    let (Some((kind, name)), Some(role)) = (whom, role) else { return Err(missing("collaborator")) };
    at.holder(&app, (kind, &name)).await?;
    let whom = [(kind, name.as_str())];
    match change(&app, &posted.caller, &at, Change::Give(&whom, role, Expect::There)).await {
        Ok(()) => Ok(done(&at.path(), "saved")),
        Err(refusal) => page(&app, &posted.caller, &at, &Asked::default(), Some(&why(refusal)?)).await,
    }
}

/// `GET /admin/{tenant}/resources/{name}/collaborators/remove`
pub async fn ask(
    State(app): State<App>,
    caller: Caller,
    Path(at): Path<(String, String)>,
    RawQuery(query): RawQuery,
) -> Result<Response, PageError> {
    let at = At::find(&app, &caller, at).await?;
    let query = query.unwrap_or_default();
    let one = |name: &str| {
        let mut pairs = url::form_urlencoded::parse(query.as_bytes());
        pairs.find(|(n, _)| n == name).map(|(_, value)| value.into_owned())
    };
    let (kind, name) = named(&one).ok_or_else(|| missing("collaborator"))?;
    let held = at.holder(&app, (kind, &name)).await?;
    let title = format!("Take the role from {}?", held.name);
    let members =
        if held.kind == Kind::Team { "All who are in the team lose it with it, unless they hold it otherwise." } else { "" };
    let loss = [format!("{} loses {} on {}.", held.name, held.role.as_str(), at.title()), members.to_owned()];
    let question = Question {
        lead: "It counts from the next request on.",
        loss: if members.is_empty() { &loss[..1] } else { &loss },
        action: &format!("{}/collaborators/remove?{}", at.path(), pairs(&held)),
        back: &at.path(),
        yes: "Remove",
        error: None,
    };
    Ok(question.page(&Frame::of_tenant(&app, &caller, &at.place.tenant, NOUN, title)))
}

/// `POST /admin/{tenant}/resources/{name}/collaborators/remove`
pub async fn remove(
    State(app): State<App>,
    Path(at): Path<(String, String)>,
    RawQuery(query): RawQuery,
    posted: Posted,
) -> Result<Response, PageError> {
    let at = At::find(&app, &posted.caller, at).await?;
    let query = query.unwrap_or_default();
    let one = |name: &str| {
        let mut pairs = url::form_urlencoded::parse(query.as_bytes());
        pairs.find(|(n, _)| n == name).map(|(_, value)| value.into_owned())
    };
    let (kind, name) = named(&one).ok_or_else(|| missing("collaborator"))?;
    match change(&app, &posted.caller, &at, Change::Take(kind, &name)).await {
        // Somebody else may have been faster.
        Ok(()) | Err(Refusal::Missing) => Ok(done(&at.path(), "removed")),
        Err(refusal) => page(&app, &posted.caller, &at, &Asked::default(), Some(&why(refusal)?)).await,
    }
}
