//! Which roles somebody holds on resources, and because of what (a user, a team, an external identity or a virtual account): the
//! first of them on their own page, all of them, a part at a time and searched, on one beside it.

use askama::Template;
use askama_web::WebTemplate;
use axum::{
    extract::{Path, RawQuery, State},
    response::{IntoResponse as _, Response},
};

use super::{
    caller::{Caller, missing},
    frame::{Frame, address},
    list::{PAGE, Query},
    things::Place,
    users,
};
use crate::{
    admin::roles::{self, Part},
    app::App,
    apply::single::Noun,
    error::PageError,
    policy::principal::Kind,
    store::{
        principals,
        roles_held::{Of, RoleHeld},
        teams,
        tenants::Tenant,
    },
};

/// Of which organisation, and what they are called.
type At = Path<(String, String)>;

/// Roles that the page of somebody shows itself.
const FIRST: usize = 10;

/// One of them.
#[derive(Debug)]
struct Row {
    href: String,
    resource: String,
    role: String,
    /// The team that holds it; empty: they themselves.
    team: String,
    team_href: String,
    by_rule: bool,
}

/// The part of somebody's page.
#[derive(Debug, Template)]
#[template(path = "admin/roles_section.html")]
struct Section<'a> {
    rows: &'a [Row],
    all: Option<&'a str>,
}

#[derive(Debug, Template, WebTemplate)]
#[template(path = "admin/roles.html")]
struct Page<'a> {
    frame: &'a Frame,
    failed: bool,
    rows: &'a [Row],
    /// Whose they are: their page, and what they are called.
    whose: (&'a str, &'a str),
    path: &'a str,
    search: &'a str,
    is_later: bool,
    next: Option<String>,
}

/// The first roles of somebody, as a part of the page at `path`.
///
/// # Errors
/// When the database does not answer.
pub async fn section(app: &App, caller: &Caller, tenant: &Tenant, of: Of<'_>, path: &str) -> Result<String, PageError> {
    let part = roles::part(app, (&caller.operator.home, tenant), of, ("", &Default::default()), FIRST).await?;
    let all = format!("{path}/roles");
    let section = Section { rows: &rows(tenant, &part), all: part.next.is_some().then_some(all.as_str()) };
    section.render().map_err(|e| PageError::internal(e.to_string()))
}

/// The first roles of an external identity or a virtual account, as a part of its page; of another noun nothing.
///
/// # Errors
/// When the database does not answer.
pub async fn beside(app: &App, caller: &Caller, place: &Place, name: &str) -> Result<Option<String>, PageError> {
    let kind = match place.key {
        Noun::ExternalIdentities => Kind::ExternalIdentity,
        Noun::VirtualAccounts => Kind::VirtualAccount,
        _ => return Ok(None),
    };
    let Some(found) = principals::find_by_name(&app.db, &place.tenant.id, kind, name).await? else { return Ok(None) };
    section(app, caller, &place.tenant, Of::Principal(&found.id), &place.path(name)).await.map(Some)
}

/// `GET /admin/{tenant}/users/{id}/roles`
pub async fn of_user(
    State(app): State<App>,
    caller: Caller,
    Path((name, id)): Path<(String, String)>,
    RawQuery(query): RawQuery,
) -> Result<Response, PageError> {
    let (tenant, user) = users::find(&app, &caller, (&name, &id)).await?;
    let whose = (users::path(&tenant, &user.id), user.email.as_str());
    page(&app, &caller, (&tenant, "users"), Of::User(&user.id), (&whose.0, whose.1), query.as_deref()).await
}

/// `GET /admin/{tenant}/teams/{name}/roles`
pub async fn of_team(
    State(app): State<App>,
    caller: Caller,
    Path((tenant, name)): Path<(String, String)>,
    RawQuery(query): RawQuery,
) -> Result<Response, PageError> {
    let tenant = caller.tenant(&app, &tenant).await?;
    let team = match name.contains('\0') {
        true => None,
        false => teams::find_by_name(&app.db, &tenant.id, &name).await?,
    };
    let team = team.ok_or_else(|| missing("team"))?;
    let path = format!("{}/{}", address(&tenant.name, "teams"), segment(&team.name));
    page(&app, &caller, (&tenant, "teams"), Of::Team(&team.id), (&path, &team.name), query.as_deref()).await
}

/// `GET /admin/{tenant}/external_identities/{name}/roles`
pub async fn of_external_identity(state: State<App>, caller: Caller, at: At, query: RawQuery) -> Result<Response, PageError> {
    of_principal(&state, &caller, (Noun::ExternalIdentities, Kind::ExternalIdentity), at, query).await
}

/// `GET /admin/{tenant}/virtual_accounts/{name}/roles`
pub async fn of_virtual_account(state: State<App>, caller: Caller, at: At, query: RawQuery) -> Result<Response, PageError> {
    of_principal(&state, &caller, (Noun::VirtualAccounts, Kind::VirtualAccount), at, query).await
}

async fn of_principal(
    app: &App,
    caller: &Caller,
    (noun, kind): (Noun, Kind),
    Path((tenant, name)): At,
    RawQuery(query): RawQuery,
) -> Result<Response, PageError> {
    let tenant = caller.tenant(app, &tenant).await?;
    let found = match name.contains('\0') {
        true => None,
        false => principals::find_by_name(&app.db, &tenant.id, kind, &name).await?,
    };
    let found = found.ok_or_else(|| missing(noun.word()))?;
    let path = format!("{}/{}", address(&tenant.name, noun.as_str()), segment(&name));
    page(app, caller, (&tenant, noun.as_str()), Of::Principal(&found.id), (&path, &name), query.as_deref()).await
}

async fn page(
    app: &App,
    caller: &Caller,
    (tenant, section): (&Tenant, &str),
    of: Of<'_>,
    whose: (&str, &str),
    query: Option<&str>,
) -> Result<Response, PageError> {
    let search = Query::read(query).search;
    let mut pairs = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    let after = pairs.find(|(name, _)| name == "after").map(|(_, after)| after.into_owned()).unwrap_or_default();
    // What cannot be read is the beginning.
    let after = roles::place(&after).unwrap_or_default();
    let part = roles::part(app, (&caller.operator.home, tenant), of, (&search, &after), PAGE).await?;
    let path = format!("{}/roles", whose.0);
    let next = part.next.as_ref().map(|last| {
        let mut pairs = url::form_urlencoded::Serializer::new(String::new());
        pairs.append_pair("search", &search).append_pair("after", last);
        format!("{path}?{}", pairs.finish())
    });
    let page = Page {
        frame: &Frame::of_tenant(app, caller, tenant, section, "Roles on resources"),
        failed: false,
        rows: &rows(tenant, &part),
        whose,
        path: &path,
        search: &search,
        is_later: after != <[String; 5]>::default(),
        next,
    };
    Ok(page.into_response())
}

fn rows(tenant: &Tenant, part: &Part) -> Vec<Row> {
    let (list, teams) = (address(&tenant.name, "resources"), address(&tenant.name, "teams"));
    let row = |held: &RoleHeld| {
        let resource = serde_json::json!({"type": held.kind, "name": held.name});
        let called = resource.as_object().and_then(|fields| Noun::Resources.name_in(fields)).unwrap_or_default();
        Row {
            href: format!("{list}/{}", segment(&called)),
            resource: format!("{} {}", held.kind, held.name),
            role: held.role.clone(),
            team: held.via.clone(),
            team_href: format!("{teams}/{}", segment(&held.via)),
            by_rule: held.is_by_rule(),
        }
    };
    part.held.iter().map(row).collect()
}

fn segment(name: &str) -> String {
    url::form_urlencoded::byte_serialize(name.as_bytes()).collect::<String>().replace('+', "%20")
}
