//! A token is pasted, and every step that judges it is shown: by the code behind `POST /api/v1/access/explain`. The token comes
//! in a form alone, and goes nowhere from there: into no address, no log and no page, not even back into the form.

use askama::Template;
use askama_web::WebTemplate;
use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse as _, Response},
};

use super::{
    caller::{Caller, Posted},
    frame::{Frame, address},
};
use crate::{
    app::App,
    error::PageError,
    explanation::{self, Asked, Explained, Page, Problem},
    policy::{principal::Principal, role::Role, site::ResourceName},
    store::tenants::Tenant,
    trust::report::{Held, Report, Weighed},
};

/// Its part of the address.
pub const SECTION: &str = "explain";
const TITLE: &str = "Explain a token";

/// What was typed beside the token.
#[derive(Debug, Default)]
struct Typed {
    issuer: String,
    resource: String,
    role: String,
    site: String,
    method: String,
    header: String,
}

impl Typed {
    fn of(posted: &Posted) -> Self {
        let field = |name: &str| posted.one(name).unwrap_or_default().trim().to_owned();
        Self {
            issuer: field("issuer"),
            resource: field("resource"),
            role: field("role"),
            site: field("site"),
            method: field("method"),
            header: field("header"),
        }
    }

    /// Whether the fields about a site are shown unfolded.
    fn is_at_a_site(&self) -> bool {
        [&self.site, &self.method, &self.header].into_iter().any(|typed| !typed.is_empty())
    }

    fn roles(&self) -> [(&'static str, bool); 3] {
        Role::ALL.map(|role| (role.as_str(), role.as_str() == self.role))
    }
}

#[derive(Template, WebTemplate)]
#[template(path = "admin/explanation.html")]
struct Shown<'a> {
    frame: &'a Frame,
    failed: bool,
    path: &'a str,
    typed: &'a Typed,
    error: Option<&'a str>,
    told: Option<&'a Explained>,
    facts: &'a [(&'static str, String)],
    mappings: &'a [(String, &'a Weighed)],
}

/// `GET /admin/{tenant}/explain`
pub async fn ask(State(app): State<App>, caller: Caller, Path(name): Path<String>) -> Result<Response, PageError> {
    let tenant = caller.tenant(&app, &name).await?;
    Ok(page(&app, &caller, &tenant, &Typed::default(), Ok(None)))
}

/// `POST /admin/{tenant}/explain`
pub async fn show(State(app): State<App>, Path(name): Path<String>, posted: Posted) -> Result<Response, PageError> {
    let tenant = posted.caller.tenant(&app, &name).await?;
    let typed = Typed::of(&posted);
    let outcome = match explained(&app, &tenant, posted.one("token").unwrap_or_default(), &typed).await {
        Ok(told) => {
            told.note(&posted.caller.operator.user.id, &tenant.name);
            Ok(Some(told))
        }
        Err(Problem::Unclear(why)) => Err(why),
        Err(Problem::Denied(denied)) => return Err(denied.into()),
    };
    Ok(page(&app, &posted.caller, &tenant, &typed, outcome))
}

async fn explained(app: &App, tenant: &Tenant, token: &str, typed: &Typed) -> Result<Explained, Problem> {
    let unclear = |why: &str| Err(Problem::Unclear(why.to_owned()));
    let Typed { issuer, resource, role, site, method, header } = typed;
    if token.trim().is_empty() {
        return unclear("Paste a token.");
    }
    // Databases do not agree on what a NUL is.
    if [token, issuer, resource, site].into_iter().any(|text| text.contains('\0')) {
        return unclear("A field holds what no field can.");
    }
    let named = match resource.split_once('/') {
        Some((kind, name)) => Some(ResourceName { kind: kind.to_owned(), name: name.to_owned() }),
        None if resource.is_empty() => None,
        None => return unclear("The resource is its type and its name: model/gpt."),
    };
    let wanted = Role::parse(role);
    if wanted.is_some() && named.is_none() {
        return unclear("The role needs a resource.");
    }
    if site.is_empty() && !(method.is_empty() && header.is_empty()) {
        return unclear("Method and header need a site.");
    }
    let page = Page { site, path: None, method: given(method), header: given(header) };
    let asked = Asked {
        token,
        tenant: Some(&tenant.id),
        issuer: given(issuer),
        about: named.as_ref().map(|resource| (resource, wanted)),
        page: Some(page).filter(|_| !site.is_empty()),
    };
    explanation::explain(app, &asked).await
}

fn given(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

fn page(app: &App, caller: &Caller, tenant: &Tenant, typed: &Typed, outcome: Result<Option<Explained>, String>) -> Response {
    let frame = Frame::of_tenant(app, caller, tenant, SECTION, TITLE);
    let (told, error) = match &outcome {
        Ok(told) => (told.as_ref(), None),
        Err(why) => (None, Some(why.as_str())),
    };
    let facts = told.map(|told| facts(&told.report)).unwrap_or_default();
    let mappings: Vec<_> = told.iter().flat_map(|told| &told.report.mappings).map(|one| (called(&one.target), one)).collect();
    let path = address(&tenant.name, SECTION);
    let failed = error.is_some();
    let shown = Shown { frame: &frame, failed, path: &path, typed, error, told, facts: &facts, mappings: &mappings };
    let status = if failed { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    (status, shown).into_response()
}

/// Whose token it is, who its bearer is, and what they may do.
fn facts(report: &Report) -> Vec<(&'static str, String)> {
    let mut facts = Vec::new();
    if let Some(issuer) = &report.issuer {
        facts.push(("Issuer", format!("{} {}", issuer.kind.replace('_', " "), issuer.name)));
    }
    for (label, value) in [("Organisation", &report.tenant), ("Subject", &report.subject), ("E-mail address", &report.email)] {
        facts.extend(value.clone().map(|value| (label, value)));
    }
    facts.extend(report.principals.iter().map(|principal| ("Acts as", called(principal))));
    facts.extend(report.teams.iter().map(|team| ("In the team", team.clone())));
    let role = |held: &Held| {
        let on = &held.resource;
        ("Role", format!("{} on {}/{} (by {})", held.role.as_str(), on.kind, on.name, held.by))
    };
    facts.extend(report.roles.iter().map(role));
    if report.more_roles {
        facts.push(("Role", "… and more".to_owned()));
    }
    if let Some(access) = &report.access {
        let asked = access.asked.map_or("any role", Role::as_str);
        let held = access.role.map_or("none", Role::as_str);
        facts.push(("Asked", format!("{asked} on {}/{}; held: {held}", access.resource.kind, access.resource.name)));
    }
    facts
}

fn called(principal: &Principal) -> String {
    format!("{} {}", principal.kind.as_str().replace('_', " "), principal.name)
}
