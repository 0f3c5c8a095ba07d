//! Operators over `/api/v1`: a bearer token says who asks, and its scopes how far it goes (`asker`), for which tenants `desk`,
//! and what belongs to another tenant is not there. `things` is what a tenant owns, as a file would say it; `inspection` looks at
//! providers before that is saved; the others are deeds that no file speaks of. Whatever changes something waits `in_turn`, and
//! what is read and may be long in `reading`.
//!
//! No cookie opens anything of the API, so no page of another origin can have a browser ask. The `pages` are for people: a
//! session opens them, and forms carry a token. A `guest` comes by a link, for one connection.

mod asked;
mod asker;
mod audit;
mod collaborators;
mod desk;
mod directory_tokens;
mod domains;
mod dossier;
mod expiring;
mod explanation;
mod first;
pub mod guest;
mod identities;
mod in_turn;
mod inspection;
mod invites;
mod keys;
mod members;
mod metadata;
mod openapi;
pub mod pages;
mod reading;
mod roles;
mod searching;
mod setup_links;
mod sign_ins;
mod things;
mod tokens;
mod told;
mod touching;
mod trial;
mod users;

use axum::{
    Extension, Router,
    http::Method,
    middleware,
    routing::{MethodRouter, get},
};

use crate::{
    app::App,
    policy::api_scope::{Level, WHOLE},
};
use asker::{Needs, Whom};

/// One thing that operators may ask.
struct Route {
    method: Method,
    path: &'static str,
    /// Of what area it is, for scopes; `None`: of the noun in the address.
    area: Option<&'static str>,
    whom: Whom,
    serve: Serve,
}

type Serve = fn(MethodRouter<App>) -> MethodRouter<App>;

impl Route {
    fn needs(&self) -> Needs {
        let looks = self.method == Method::GET || self.path == EXPLAIN;
        let level = if looks { Level::Read } else { Level::Write };
        Needs { area: self.area, level, whom: self.whom }
    }
}

/// What has a body, for a token must stand in no address, and only looks.
const EXPLAIN: &str = "/api/v1/access/explain";

/// Everything that administrators may ask: the router is made of this list, and so are the tests of who may.
fn all() -> Vec<Route> {
    let route = |method, path, area, serve| Route { method, path, area, whom: Whom::Operators, serve };
    let deployment = |method, path, area, serve: Serve| Route { whom: Whom::Platform, ..route(method, path, area, serve) };
    let own = |method, path, area, serve: Serve| Route { whom: Whom::People, ..route(method, path, area, serve) };
    let (tenants, tenant) = ("/api/v1/tenants", "/api/v1/tenants/{tenant}");
    let test = "/api/v1/tenants/{tenant}/connections/{name}/test";
    let published = "/api/v1/tenants/{tenant}/connections/{name}/metadata";
    let accepted = "/api/v1/tenants/{tenant}/connections/{name}/metadata/accept";
    let fetched = "/api/v1/tenants/{tenant}/connections/{name}/metadata/fetch";
    let (many, one) = ("/api/v1/tenants/{tenant}/{noun}", "/api/v1/tenants/{tenant}/{noun}/{name}");
    let identity = "/api/v1/tenants/{tenant}/users/{name}/identities/{connection}";
    let (members, member) =
        ("/api/v1/tenants/{tenant}/teams/{name}/members", "/api/v1/tenants/{tenant}/teams/{name}/members/{user}");
    let (held, holder) = (
        "/api/v1/tenants/{tenant}/resources/{name}/collaborators",
        "/api/v1/tenants/{tenant}/resources/{name}/collaborators/{kind}/{holder}",
    );
    let personal = "/api/v1/tenants/{tenant}/users/{name}/personal_tokens";
    let one_personal = "/api/v1/tenants/{tenant}/users/{name}/personal_tokens/{id}";
    let renewal = "/api/v1/tenants/{tenant}/service_tokens/{name}/token";
    let (directory_tokens, directory_token) =
        ("/api/v1/tenants/{tenant}/directories/{name}/token", "/api/v1/tenants/{tenant}/directories/{name}/tokens/{id}");
    vec![
        route(Method::POST, "/api/v1/tenants/{tenant}/users/{name}/deactivate", Some("users"), |r| r.post(users::deactivate_of)),
        route(Method::POST, "/api/v1/tenants/{tenant}/users/{name}/activate", Some("users"), |r| r.post(users::activate_of)),
        route(Method::GET, "/api/v1/tenants/{tenant}/users/{name}/receipts", Some("users"), |r| r.get(users::receipts_of)),
        route(Method::GET, "/api/v1/tenants/{tenant}/users/{name}/identities", Some("users"), |r| {
            r.get(dossier::list_identities)
        }),
        route(Method::PUT, identity, Some("users"), |r| r.put(identities::link)),
        route(Method::DELETE, identity, Some("users"), |r| r.delete(identities::unlink)),
        route(Method::GET, "/api/v1/tenants/{tenant}/users/{name}/teams", Some("users"), |r| r.get(dossier::list_teams)),
        route(Method::GET, "/api/v1/tenants/{tenant}/users/{name}/sessions", Some("users"), |r| r.get(dossier::list_sessions)),
        route(Method::POST, "/api/v1/tenants/{tenant}/users/{name}/sign-out", Some("users"), |r| r.post(users::sign_out)),
        route(Method::GET, personal, Some("users"), |r| r.get(users::personal_tokens)),
        route(Method::DELETE, one_personal, Some("users"), |r| r.delete(users::revoke)),
        route(Method::GET, members, Some("teams"), |r| r.get(members::list)),
        route(Method::GET, member, Some("teams"), |r| r.get(members::show)),
        route(Method::PUT, member, Some("teams"), |r| r.put(members::join)),
        route(Method::DELETE, member, Some("teams"), |r| r.delete(members::leave)),
        // What somebody may do is of resources, whoever they are.
        route(Method::GET, "/api/v1/tenants/{tenant}/users/{name}/roles", Some("resources"), |r| r.get(roles::of_user)),
        route(Method::GET, "/api/v1/tenants/{tenant}/teams/{name}/roles", Some("resources"), |r| r.get(roles::of_team)),
        route(Method::GET, "/api/v1/tenants/{tenant}/external_identities/{name}/roles", Some("resources"), |r| {
            r.get(roles::of_external_identity)
        }),
        route(Method::GET, "/api/v1/tenants/{tenant}/virtual_accounts/{name}/roles", Some("resources"), |r| {
            r.get(roles::of_virtual_account)
        }),
        route(Method::GET, held, Some("resources"), |r| r.get(collaborators::list)),
        route(Method::GET, holder, Some("resources"), |r| r.get(collaborators::show)),
        route(Method::PUT, holder, Some("resources"), |r| r.put(collaborators::give)),
        route(Method::DELETE, holder, Some("resources"), |r| r.delete(collaborators::take)),
        route(Method::GET, "/api/v1/tenants/{tenant}/invites", Some("invites"), |r| r.get(invites::list_of)),
        route(Method::POST, "/api/v1/tenants/{tenant}/invites", Some("invites"), |r| r.post(invites::create_of)),
        route(Method::DELETE, "/api/v1/tenants/{tenant}/invites/{name}", Some("invites"), |r| r.delete(invites::revoke_of)),
        route(Method::POST, "/api/v1/tenants/{tenant}/invites/{name}/resend", Some("invites"), |r| r.post(invites::resend_of)),
        deployment(Method::GET, "/api/v1/sign_ins", Some("audit"), |r| r.get(sign_ins::list_all)),
        deployment(Method::GET, "/api/v1/sign_ins/{name}", Some("audit"), |r| r.get(sign_ins::show_any)),
        route(Method::GET, "/api/v1/audit", Some("audit"), |r| r.get(audit::read)),
        deployment(Method::GET, "/api/v1/audit/verification", Some("audit"), |r| r.get(audit::verification)),
        route(Method::POST, "/api/v1/users/{id}/deactivate", Some("users"), |r| r.post(users::deactivate)),
        route(Method::POST, "/api/v1/users/{id}/activate", Some("users"), |r| r.post(users::activate)),
        route(Method::GET, "/api/v1/users/{id}/receipts", Some("users"), |r| r.get(users::receipts)),
        route(Method::GET, "/api/v1/invites", Some("invites"), |r| r.get(invites::list)),
        route(Method::POST, "/api/v1/invites", Some("invites"), |r| r.post(invites::create)),
        route(Method::DELETE, "/api/v1/invites/{id}", Some("invites"), |r| r.delete(invites::revoke)),
        route(Method::POST, "/api/v1/invites/{id}/resend", Some("invites"), |r| r.post(invites::resend)),
        own(Method::GET, "/api/v1/personal_tokens", Some("personal_tokens"), |r| r.get(tokens::list)),
        own(Method::POST, "/api/v1/personal_tokens", Some("personal_tokens"), |r| r.post(tokens::create)),
        own(Method::DELETE, "/api/v1/personal_tokens/{id}", Some("personal_tokens"), |r| r.delete(tokens::revoke)),
        route(Method::GET, tenants, Some("tenants"), |r| r.get(things::tenants)),
        route(Method::POST, tenants, Some("tenants"), |r| r.post(things::establish)),
        route(Method::GET, tenant, Some("tenants"), |r| r.get(things::show)),
        route(Method::PUT, tenant, Some("tenants"), |r| r.put(things::put)),
        route(Method::DELETE, tenant, Some("tenants"), |r| r.delete(things::remove)),
        route(Method::POST, renewal, Some("service_tokens"), |r| r.post(tokens::renew)),
        route(Method::GET, "/api/v1/tenants/{tenant}/domains", Some("domains"), |r| r.get(domains::list)),
        route(Method::POST, "/api/v1/tenants/{tenant}/domains", Some("domains"), |r| r.post(domains::begin)),
        route(Method::GET, "/api/v1/tenants/{tenant}/domains/{name}", Some("domains"), |r| r.get(domains::show)),
        route(Method::DELETE, "/api/v1/tenants/{tenant}/domains/{name}", Some("domains"), |r| r.delete(domains::remove)),
        route(Method::POST, "/api/v1/tenants/{tenant}/domains/{name}/check", Some("domains"), |r| r.post(domains::check)),
        route(Method::POST, "/api/v1/tenants/{tenant}/domains/{name}/accept", Some("domains"), |r| r.post(domains::accept)),
        route(Method::GET, "/api/v1/tenants/{tenant}/setup-links", Some("connections"), |r| r.get(setup_links::list)),
        route(Method::POST, "/api/v1/tenants/{tenant}/setup-links", Some("connections"), |r| r.post(setup_links::create)),
        route(Method::DELETE, "/api/v1/tenants/{tenant}/setup-links/{name}", Some("connections"), |r| {
            r.delete(setup_links::revoke)
        }),
        // It tells of issuers, identities, teams, roles and sites: whoever asks may read everything.
        route(Method::POST, EXPLAIN, Some(WHOLE), |r| r.post(explanation::explain)),
        deployment(Method::GET, "/api/v1/keys", Some("keys"), |r| r.get(keys::list)),
        deployment(Method::POST, "/api/v1/keys/{key}/rotate", Some("keys"), |r| r.post(keys::rotate)),
        deployment(Method::GET, "/api/v1/expiring", Some("tenants"), |r| r.get(expiring::of_platform)),
        route(Method::GET, "/api/v1/tenants/{tenant}/expiring", Some("tenants"), |r| r.get(expiring::of_tenant)),
        route(Method::GET, directory_tokens, Some("directories"), |r| r.get(directory_tokens::list)),
        route(Method::POST, directory_tokens, Some("directories"), |r| r.post(directory_tokens::create)),
        route(Method::DELETE, directory_token, Some("directories"), |r| r.delete(directory_tokens::end)),
        // Who may read what was done may read who signed in.
        route(Method::GET, "/api/v1/tenants/{tenant}/sign_ins", Some("audit"), |r| r.get(sign_ins::list)),
        route(Method::GET, "/api/v1/tenants/{tenant}/sign_ins/{name}", Some("audit"), |r| r.get(sign_ins::show)),
        route(Method::GET, many, None, |r| r.get(things::list)),
        route(Method::POST, many, None, |r| r.post(things::create)),
        route(Method::GET, one, None, |r| r.get(things::show)),
        route(Method::PUT, one, None, |r| r.put(things::put)),
        route(Method::DELETE, one, None, |r| r.delete(things::remove)),
        route(Method::POST, "/api/v1/tenants/{tenant}/{noun}/{name}/check", None, |r| r.post(inspection::check)),
        route(Method::GET, test, Some("connections"), |r| r.get(trial::show)),
        route(Method::GET, published, Some("connections"), |r| r.get(metadata::show)),
        route(Method::POST, accepted, Some("connections"), |r| r.post(metadata::accept)),
        route(Method::POST, fetched, Some("connections"), |r| r.post(metadata::fetch)),
    ]
}

/// Everything that administrators may ask.
pub fn routes(app: &App) -> Router<App> {
    // Methods of one path that come one by one are put together.
    let described = Router::new().route(openapi::PATH, get(openapi::serve));
    all().into_iter().fold(described, |router, route| {
        let mut served = (route.serve)(MethodRouter::new());
        if in_turn::is_due(&route.method, route.path, &LOOKS) {
            served = served.layer(middleware::from_fn_with_state(app.clone(), in_turn::of_asker));
        }
        if reading::is_due(&route.method, route.path, &BRIEF) {
            served = served.layer(middleware::from_fn_with_state(app.clone(), reading::of_asker));
        }
        if route.method == Method::GET {
            served = served.layer(middleware::from_fn_with_state((app.clone(), route.path), asked::of_known));
        }
        router.route(route.path, served.layer(Extension(route.needs())))
    })
}

/// What looks at others' servers first, and then writes little or nothing: nobody else of the tenant waits for those servers
/// meanwhile. How often an operator may look at one that somebody types is limited by itself
/// ([`Limits::checks`](crate::limit::Limits)).
const LOOKS: [&str; 5] = [
    EXPLAIN,
    "PUT /api/v1/tenants/{tenant}/users/{name}/identities/{connection}",
    "/api/v1/tenants/{tenant}/domains/{name}/check",
    "/api/v1/tenants/{tenant}/{noun}/{name}/check",
    "/api/v1/tenants/{tenant}/connections/{name}/metadata/fetch",
];

/// What is read and waits for nobody: a few rows along an index; or what takes its turn by itself, where it has to look at many.
const BRIEF: [&str; 24] = [
    "/api/v1/tenants/{tenant}/users/{name}/receipts",
    "/api/v1/users/{id}/receipts",
    "/api/v1/tenants/{tenant}/teams/{name}/members/{user}",
    "/api/v1/tenants/{tenant}/resources/{name}/collaborators/{kind}/{holder}",
    "/api/v1/sign_ins/{name}",
    "/api/v1/tenants/{tenant}/sign_ins/{name}",
    "/api/v1/tenants/{tenant}/connections/{name}/test",
    "/api/v1/tenants/{tenant}/connections/{name}/metadata",
    // These take it by themselves.
    "/api/v1/tenants",
    "/api/v1/tenants/{tenant}/{noun}",
    "/api/v1/tenants/{tenant}/{noun}/{name}",
    "/api/v1/tenants/{tenant}/teams/{name}/members",
    "/api/v1/tenants/{tenant}/resources/{name}/collaborators",
    "/api/v1/tenants/{tenant}/users/{name}/roles",
    "/api/v1/tenants/{tenant}/teams/{name}/roles",
    "/api/v1/tenants/{tenant}/external_identities/{name}/roles",
    "/api/v1/tenants/{tenant}/virtual_accounts/{name}/roles",
    "/api/v1/invites",
    "/api/v1/tenants/{tenant}/invites",
    "/api/v1/tenants/{tenant}/setup-links",
    "/api/v1/sign_ins",
    "/api/v1/tenants/{tenant}/sign_ins",
    "/api/v1/audit",
    "/api/v1/audit/verification",
];

/// Method and path of each, for the tests of who may.
#[must_use]
pub fn surface() -> Vec<(String, &'static str)> {
    all().into_iter().map(|route| (route.method.to_string(), route.path)).collect()
}
