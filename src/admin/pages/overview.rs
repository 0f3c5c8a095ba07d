//! The first page: what a tenant has, and what needs somebody's attention.

use askama::Template;
use askama_web::WebTemplate;
use axum::{
    extract::{Path, State},
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
};

use super::{
    caller::Caller,
    expiring,
    frame::{Frame, address},
};
use crate::{
    app::App,
    error::PageError,
    moment::Moment,
    provider_metadata::standing,
    store::{self, overview::MOST},
};

/// `GET /admin`: on to what this operator administers first.
pub async fn show(State(app): State<App>, caller: Caller) -> Result<Response, PageError> {
    let to = match caller.operator.is_platform() && store::tenants::first(&app.db, 2).await?.len() > 1 {
        true => "/admin/_/tenants".to_owned(),
        false => address(&caller.operator.home.name, ""),
    };
    Ok((StatusCode::SEE_OTHER, [(header::LOCATION, to)]).into_response())
}

#[derive(Debug, Template, WebTemplate)]
#[template(path = "admin/overview.html")]
struct Page<'a> {
    frame: &'a Frame,
    failed: bool,
    tenant: &'a store::tenants::Tenant,
    domains: &'a str,
    counts: &'a [(String, &'static str, String)],
    /// Connections for which metadata is held: where it is compared, the name, since when.
    held: &'a [(String, String, Moment)],
    rows: &'a [expiring::Told],
    of_all: bool,
    expiring: &'a str,
    sign_ins: &'a str,
}

/// `GET /admin/{tenant}`
pub async fn of_tenant(State(app): State<App>, caller: Caller, Path(name): Path<String>) -> Result<Response, PageError> {
    let tenant = caller.tenant(&app, &name).await?;
    let domains = store::domains::of_tenant(&app.db, &tenant.id).await?.join(", ");
    let counts = store::overview::counts(&app.db, &tenant.id).await?;
    let counts = [
        ("connections", "Connections", counts.connections),
        ("clients", "Applications", counts.clients),
        ("users", "Users", counts.users),
        ("teams", "Teams", counts.teams),
        ("directories", "Directories", counts.directories),
        ("trusted_issuers", "Trusted issuers", counts.trusted_issuers),
        ("external_identities", "External identities", counts.external_identities),
        ("virtual_accounts", "Virtual accounts", counts.virtual_accounts),
        ("resources", "Resources", counts.resources),
    ];
    let number = |count: i64| if count > MOST { format!("more than {MOST}") } else { count.to_string() };
    let counts = counts.map(|(part, text, count)| (address(&tenant.name, part), text, number(count)));
    let connections = address(&tenant.name, "connections");
    let held = standing::waiting(&app.db, &tenant.id).await?.into_iter();
    let held: Vec<_> = held.map(|(name, since)| (format!("{connections}/{name}/metadata"), name, Moment(since))).collect();
    let frame = Frame::of_tenant(&app, &caller, &tenant, "", tenant.display_name.clone());
    let page = Page {
        frame: &frame,
        failed: false,
        tenant: &tenant,
        domains: &domains,
        counts: &counts,
        held: &held,
        rows: &expiring::near(&app, &tenant).await?,
        of_all: false,
        expiring: &address(&tenant.name, "expiring"),
        sign_ins: &address(&tenant.name, "sign-ins"),
    };
    Ok(page.into_response())
}
