//! A resource and who holds which role on it: users, teams, external identities and virtual accounts, each in a section of its
//! own. `adding` finds those who may be given one.
//!
//! A role is given and taken by [`single`], one at a time: so whatever a file would refuse is refused here.

mod adding;

use askama::Template;
use askama_web::WebTemplate;
use axum::{
    extract::{Path, RawQuery, State},
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use serde_json::Value;

pub use adding::{add, find};

use super::{
    caller::{Caller, Posted, missing},
    confirm::{Question, done},
    frame::{Frame, address},
    list::Query,
    things::{self, Place, order},
};
use crate::{
    app::App,
    apply::single::{self, Expect, Fault, Noun, Refusal},
    error::PageError,
    policy::{principal::Kind, role::Role},
    store::resources::{self, ByGroup},
};

const NOUN: &str = "resources";
/// Collaborators of one kind that a page shows.
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

/// Who holds a role, as the file spells it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Held {
    kind: Kind,
    name: String,
    role: Role,
}

impl Held {
    fn read(value: &Value) -> Option<Self> {
        let role = Role::parse(value["role"].as_str()?)?;
        let named = |(kind, ..): &(Kind, &str, Noun)| Some((*kind, value[kind.as_str()].as_str()?.to_owned()));
        let (kind, name) = SECTIONS.iter().find_map(named)?;
        Some(Self { kind, name, role })
    }
}

/// A resource of a tenant that this operator administers, as the file spells it.
struct At {
    place: Place,
    name: String,
    thing: Value,
}

impl At {
    async fn find(app: &App, caller: &Caller, (tenant, name): (String, String)) -> Result<Self, PageError> {
        let place = Place::find(app, caller, &tenant, NOUN).await?;
        let thing = single::show(&app.db, &app.sealer, &place.tenant, Noun::Resources, &name).await?;
        Ok(Self { thing: thing.ok_or_else(|| missing("resource"))?, place, name })
    }

    fn path(&self) -> String {
        self.place.path(&self.name)
    }

    fn title(&self) -> String {
        let text = |key: &str| self.thing[key].as_str().unwrap_or_default();
        format!("{} {}", text("type"), text("name"))
    }

    fn held(&self) -> Vec<Held> {
        self.thing["collaborators"].as_array().into_iter().flatten().filter_map(Held::read).collect()
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
    more: usize,
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
    search: &'a str,
    total: usize,
    sections: &'a [Section],
    by_groups: &'a [ByGroup],
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
    page(&app, &caller, &at, &Query::read(query.as_deref()).search, None).await
}

async fn page(app: &App, caller: &Caller, at: &At, search: &str, error: Option<&str>) -> Result<Response, PageError> {
    let (place, path) = (&at.place, at.path());
    let held = at.held();
    let needle = search.to_lowercase();
    let sections = SECTIONS.map(|(kind, title, noun)| {
        let mut rows: Vec<Row> = held
            .iter()
            .filter(|held| held.kind == kind && held.name.to_lowercase().contains(&needle))
            .enumerate()
            .map(|(n, held)| Row {
                id: format!("{}-{n}", kind.as_str()),
                name: held.name.clone(),
                href: format!("{}/{}", address(&place.tenant.name, noun.as_str()), segment(&held.name)),
                role: held.role,
                remove: format!("{path}/collaborators/remove?{}", pairs(held)),
            })
            .collect();
        let more = rows.len().saturating_sub(SHOWN);
        rows.truncate(SHOWN);
        Section { kind: kind.as_str(), title, held: rows, more }
    });
    let kind = at.thing["type"].as_str().unwrap_or_default();
    let name = at.thing["name"].as_str().unwrap_or_default();
    let found = resources::find(&app.db, &place.tenant.id, kind, name).await?.ok_or_else(|| missing("resource"))?;
    let frame = Frame::of_tenant(app, caller, &place.tenant, NOUN, at.title());
    let page = Page {
        frame: &frame,
        failed: error.is_some(),
        error,
        list: &place.list(),
        path: &path,
        search,
        total: held.len(),
        sections: &sections,
        by_groups: &resources::by_groups(&app.db, &found.id, 100).await?,
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

fn pairs(held: &Held) -> String {
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
    if !at.held().iter().any(|held| held.kind == kind && held.name == name) {
        return Err(missing("collaborator"));
    }
    let whom = [(kind, name.as_str())];
    match change(&app, &posted.caller, &at, Change::Give(&whom, role, Expect::There)).await {
        Ok(()) => Ok(done(&at.path(), "saved")),
        Err(refusal) => page(&app, &posted.caller, &at, "", Some(&why(refusal)?)).await,
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
    let found = named(&one).and_then(|(kind, name)| at.held().into_iter().find(|held| held.kind == kind && held.name == name));
    let held = found.ok_or_else(|| missing("collaborator"))?;
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
        Err(refusal) => page(&app, &posted.caller, &at, "", Some(&why(refusal)?)).await,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn who_holds_a_role_is_read_as_it_is_spelled() {
        for (kind, name, role) in [
            (Kind::User, "ada@acme.example", Role::Editor),
            (Kind::ExternalIdentity, "ci", Role::Viewer),
            (Kind::Team, "sre", Role::Manager),
        ] {
            let value = json!({ kind.as_str(): name, "role": role.as_str() });
            assert_eq!(Held::read(&value), Some(Held { kind, name: name.to_owned(), role }));
        }
        assert_eq!(Held::read(&json!({"user": "ada@acme.example", "role": "owner"})), None);
        assert_eq!(Held::read(&json!({"role": "viewer"})), None);
    }
}
