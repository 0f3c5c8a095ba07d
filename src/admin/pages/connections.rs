//! The list of connections: beside its name, each row unfolds to the values that are copied to the provider and its directory.

use std::collections::HashMap;

use askama::Template;
use askama_web::WebTemplate;
use axum::{
    extract::{Path, RawQuery, State},
    response::{IntoResponse as _, Response},
};
use serde_json::Value;

use super::{
    caller::{Caller, Posted},
    frame::{Frame, address},
    guide,
    list::{List, Narrowing, PAGE, Query},
    things::{self, Place},
};
use crate::{
    admin::{directory_tokens::base_url, inspection, searching},
    app::App,
    apply::single,
    connector::presets,
    error::PageError,
    provider_metadata::standing,
    store::{connections, directories},
};

const NOUN: &str = "connections";

/// One connection.
struct Row {
    name: String,
    href: String,
    /// `OpenID Connect · Okta`
    kind: String,
    draft: bool,
    hidden: bool,
    /// Whether new metadata of its provider waits for somebody.
    waits: bool,
    callback: String,
    /// What the issuer is called, and what it is.
    issuer: (&'static str, String),
    /// Where its directories are, and where a token of each is made.
    directories: Vec<(String, String)>,
}

#[derive(Template, WebTemplate)]
#[template(path = "admin/connections.html")]
struct Page<'a> {
    frame: &'a Frame,
    failed: bool,
    list: &'a List,
    rows: &'a [Row],
    path: &'a str,
    scim: &'a str,
    add_directory: &'a str,
}

/// `GET /admin/{tenant}/connections`
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    Path(tenant): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, PageError> {
    let place = Place::find(&app, &caller, &tenant, NOUN).await?;
    let tenant = &place.tenant;
    let states = single::states(place.key);
    let mut query = Query::narrowed(query.as_deref(), states, single::provider(place.key));
    query.provider = query.provider.and_then(|(word, name)| Some((word, presets::preset(&name)?.name.to_owned())));
    let part = searching::list(&app, &caller.operator.home, tenant, place.key, query.ask(PAGE, app.clock.now())).await?;
    let waiting = standing::waiting(&app.db, &tenant.id).await?;
    let mut tokens = tokens_of(&app, &place).await?;
    let row = |thing: &Value| {
        let name = thing["name"].as_str()?.to_owned();
        let is_saml = thing["protocol"] == "saml";
        let protocol = if is_saml { "SAML 2.0" } else { "OpenID Connect" };
        let provider = thing["preset"].as_str().map(|preset| guide::title(preset).unwrap_or(preset));
        let own = format!("{}/saml/{}/{name}/metadata", app.issuer(), tenant.name);
        Some(Row {
            href: place.path(&name),
            kind: [Some(protocol), provider].into_iter().flatten().collect::<Vec<_>>().join(" \u{b7} "),
            draft: thing["enabled"] == false,
            hidden: thing["login_enabled"] == false,
            waits: waiting.iter().any(|(held, _)| *held == name),
            callback: inspection::callback(&app, tenant, thing),
            issuer: match is_saml {
                true => ("Issuer (our Entity ID)", own),
                false => ("Issuer of the provider", thing["oidc"]["issuer"].as_str().unwrap_or_default().to_owned()),
            },
            directories: tokens.remove(&name).unwrap_or_default(),
            name,
        })
    };
    let rows: Vec<Row> = part.items.iter().filter_map(row).collect();
    let path = place.list();
    let mut narrowings = Narrowing::all(&query, states, true);
    narrowings.push(Narrowing::by_provider(&query, guide::titles()));
    let list = List::new(&query, Vec::new(), part.next.as_deref(), &path).narrowings(narrowings);
    let page = Page {
        frame: &Frame::of_tenant(&app, &caller, tenant, NOUN, place.noun.title),
        failed: false,
        list: &list,
        rows: &rows,
        path: &path,
        scim: &base_url(&app),
        add_directory: &format!("{}/new", address(&tenant.name, "directories")),
    };
    Ok(page.into_response())
}

/// `POST /admin/{tenant}/connections`: as any other thing is made.
pub async fn create(state: State<App>, Path(tenant): Path<String>, posted: Posted) -> Result<Response, PageError> {
    things::create(state, Path((tenant, NOUN.to_owned())), posted).await
}

/// The directories of each connection, with where a token of theirs is made.
async fn tokens_of(app: &App, place: &Place) -> Result<HashMap<String, Vec<(String, String)>>, PageError> {
    let mut found: HashMap<String, Vec<(String, String)>> = HashMap::new();
    let all = directories::of_tenant(&app.db, &place.tenant.id).await?;
    if all.is_empty() {
        return Ok(found);
    }
    let connections = connections::all(&app.db, Some(&place.tenant.id)).await?.into_iter().flatten();
    let names: HashMap<String, String> = connections.map(|connection| (connection.id, connection.name)).collect();
    let list = address(&place.tenant.name, "directories");
    for directory in all {
        if let Some(name) = directory.connection_id.as_ref().and_then(|id| names.get(id)) {
            let token = format!("{list}/{}/token", directory.name);
            found.entry(name.clone()).or_default().push((directory.name, token));
        }
    }
    Ok(found)
}
