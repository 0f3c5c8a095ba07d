//! The pages of `/admin`: every thing of a tenant as a list, a form and a question before it is deleted.
//!
//! ```text
//! GET  /admin                              whoever is signed in → their tenant's overview; platform administrators: all tenants
//! GET  /admin/{tenant}/{noun}              list     a page of names, searched and paged by the database
//! GET  /admin/{tenant}/{noun}/new, …/{name}   edit    form (pure) shows the thing's fields
//! POST …                                   saving   as long as the thing is what the form was opened with: form → apply::single writes it
//! POST …/{name}/check                      check    the form again, with what was found where it leads
//! GET, POST …/{name}/delete                removal  what would be lost, then the deletion
//! GET, POST …/connections/{name}/test      trial    a sign-in of which nothing comes, to see what would
//! GET, POST /admin/{tenant}/explain        explanation  what a token is worth, and why
//! GET  …/connections/{name}/metadata       metadata what is in force and what is held; POST …/accept, …/fetch
//! ```
//! `caller` stands before every page: who asks, and whether a form is really theirs. `fields` says which settings each noun's
//! form has, in the spelling of the declarative file, so that pages, API and file cannot disagree.

mod audit;
pub mod caller;
mod check;
pub mod claims;
mod confirm;
mod connections;
mod directories;
pub mod domains;
pub mod ended;
mod expiring;
mod explanation;
pub mod fields;
mod filled_in;
pub mod form;
pub mod frame;
pub mod guide;
mod identities;
mod invites;
mod keys;
pub mod known;
mod list;
mod members;
mod metadata;
mod once;
mod overview;
mod resources;
mod roles;
pub mod rows;
mod saving;
mod setup_links;
mod sheet;
mod sign_ins;
mod switching;
mod tenants;
mod thing;
mod things;
mod tokens;
mod trial;
mod users;

use axum::{
    Router,
    http::{Method, header},
    middleware,
    response::Response,
    routing::MethodRouter,
};

use super::{in_turn, reading};
use crate::{app::App, page};

/// A page, or a form that is sent to one.
struct Page {
    method: Method,
    path: &'static str,
    serve: fn(MethodRouter<App>) -> MethodRouter<App>,
}

/// All pages: the router is made of this list, and so is the test of who may see which.
#[rustfmt::skip]
fn all() -> Vec<Page> {
    let get = |path, serve| Page { method: Method::GET, path, serve };
    let post = |path, serve| Page { method: Method::POST, path, serve };
    vec![
        get("/admin", |r| r.get(overview::show)),
        get("/admin/_/tenants", |r| r.get(tenants::list)),
        post("/admin/_/tenants", |r| r.post(tenants::create)),
        get("/admin/_/tenants/new", |r| r.get(tenants::new)),
        get("/admin/_/audit", |r| r.get(audit::of_platform)),
        get("/admin/_/audit/export", |r| r.get(audit::export)),
        post("/admin/_/audit/verification", |r| r.post(audit::verify)),
        get("/admin/_/keys", |r| r.get(keys::list)),
        get("/admin/_/keys/{key}/rotate", |r| r.get(keys::ask)),
        post("/admin/_/keys/{key}/rotate", |r| r.post(keys::rotate)),
        get("/admin/_/expiring", |r| r.get(expiring::of_platform)),
        get("/admin/{tenant}/expiring", |r| r.get(expiring::of_tenant)),
        get("/admin/{tenant}/explain", |r| r.get(explanation::ask)),
        post("/admin/{tenant}/explain", |r| r.post(explanation::show)),
        get("/admin/{tenant}/audit", |r| r.get(audit::of_tenant)),
        get("/admin/{tenant}/audit/export", |r| r.get(audit::export_of_tenant)),
        get("/admin/_/tokens", |r| r.get(tokens::list)),
        post("/admin/_/tokens", |r| r.post(tokens::create)),
        get("/admin/_/tokens/{id}/revoke", |r| r.get(tokens::ask)),
        post("/admin/_/tokens/{id}/revoke", |r| r.post(tokens::revoke)),
        get("/admin/{tenant}", |r| r.get(overview::of_tenant)),
        get("/admin/{tenant}/settings", |r| r.get(things::settings)),
        post("/admin/{tenant}/settings", |r| r.post(things::save_settings)),
        get("/admin/{tenant}/settings/delete", |r| r.get(tenants::ask)),
        post("/admin/{tenant}/settings/delete", |r| r.post(tenants::delete)),
        get("/admin/{tenant}/domains", |r| r.get(domains::list)),
        post("/admin/{tenant}/domains", |r| r.post(domains::begin)),
        post("/admin/{tenant}/domains/{domain}/check", |r| r.post(domains::check)),
        post("/admin/{tenant}/domains/{domain}/accept", |r| r.post(domains::accept)),
        get("/admin/{tenant}/domains/{domain}/delete", |r| r.get(domains::ask)),
        post("/admin/{tenant}/domains/{domain}/delete", |r| r.post(domains::delete)),
        get("/admin/{tenant}/setup-links", |r| r.get(setup_links::list)),
        post("/admin/{tenant}/setup-links", |r| r.post(setup_links::create)),
        get("/admin/{tenant}/setup-links/{id}/revoke", |r| r.get(setup_links::ask)),
        post("/admin/{tenant}/setup-links/{id}/revoke", |r| r.post(setup_links::revoke)),
        get("/admin/{tenant}/users", |r| r.get(users::list)),
        post("/admin/{tenant}/users", |r| r.post(users::create)),
        get("/admin/{tenant}/users/new", |r| r.get(users::new)),
        get("/admin/{tenant}/users/{id}", |r| r.get(users::show)),
        get("/admin/{tenant}/users/{id}/deactivate", |r| r.get(users::confirm)),
        post("/admin/{tenant}/users/{id}/deactivate", |r| r.post(users::deactivate)),
        post("/admin/{tenant}/users/{id}/activate", |r| r.post(users::activate)),
        get("/admin/{tenant}/users/{id}/sign-out", |r| r.get(users::ask_sign_out)),
        post("/admin/{tenant}/users/{id}/sign-out", |r| r.post(users::sign_out)),
        get("/admin/{tenant}/users/{id}/tokens/{token}/revoke", |r| r.get(tokens::ask_of)),
        post("/admin/{tenant}/users/{id}/tokens/{token}/revoke", |r| r.post(tokens::revoke_of)),
        get("/admin/{tenant}/users/{id}/roles", |r| r.get(roles::of_user)),
        get("/admin/{tenant}/users/{id}/edit", |r| r.get(users::edit)),
        post("/admin/{tenant}/users/{id}/edit", |r| r.post(users::save)),
        get("/admin/{tenant}/users/{id}/identities", |r| r.get(identities::ask)),
        post("/admin/{tenant}/users/{id}/identities", |r| r.post(identities::link)),
        get("/admin/{tenant}/users/{id}/identities/{connection}/unlink", |r| r.get(identities::confirm)),
        post("/admin/{tenant}/users/{id}/identities/{connection}/unlink", |r| r.post(identities::unlink)),
        get("/admin/{tenant}/users/{id}/delete", |r| r.get(users::ask)),
        post("/admin/{tenant}/users/{id}/delete", |r| r.post(users::delete)),
        get("/admin/{tenant}/connections", |r| r.get(connections::list)),
        post("/admin/{tenant}/connections", |r| r.post(connections::create)),
        get("/admin/{tenant}/connections/{name}/test", |r| r.get(trial::show)),
        post("/admin/{tenant}/connections/{name}/test", |r| r.post(trial::begin)),
        get("/admin/{tenant}/connections/{name}/metadata", |r| r.get(metadata::show)),
        post("/admin/{tenant}/connections/{name}/metadata/accept", |r| r.post(metadata::accept)),
        post("/admin/{tenant}/connections/{name}/metadata/fetch", |r| r.post(metadata::fetch)),
        get("/admin/{tenant}/directories/{name}/token", |r| r.get(directories::ask)),
        post("/admin/{tenant}/directories/{name}/token", |r| r.post(directories::make)),
        get("/admin/{tenant}/directories/{name}/tokens/{id}/revoke", |r| r.get(directories::confirm)),
        post("/admin/{tenant}/directories/{name}/tokens/{id}/revoke", |r| r.post(directories::revoke)),
        get("/admin/{tenant}/invites", |r| r.get(invites::list)),
        post("/admin/{tenant}/invites", |r| r.post(invites::create)),
        get("/admin/{tenant}/invites/new", |r| r.get(invites::new)),
        post("/admin/{tenant}/invites/{id}/resend", |r| r.post(invites::resend)),
        get("/admin/{tenant}/invites/{id}/revoke", |r| r.get(invites::ask)),
        post("/admin/{tenant}/invites/{id}/revoke", |r| r.post(invites::revoke)),
        get("/admin/{tenant}/resources/new", |r| r.get(resources::new)),
        get("/admin/{tenant}/resources/{name}", |r| r.get(resources::show)),
        post("/admin/{tenant}/resources/{name}/role", |r| r.post(resources::set)),
        get("/admin/{tenant}/resources/{name}/collaborators", |r| r.get(resources::find)),
        post("/admin/{tenant}/resources/{name}/collaborators", |r| r.post(resources::add)),
        get("/admin/{tenant}/resources/{name}/collaborators/remove", |r| r.get(resources::ask)),
        post("/admin/{tenant}/resources/{name}/collaborators/remove", |r| r.post(resources::remove)),
        get("/admin/{tenant}/teams/{name}/roles", |r| r.get(roles::of_team)),
        get("/admin/{tenant}/external_identities/{name}/roles", |r| r.get(roles::of_external_identity)),
        get("/admin/{tenant}/virtual_accounts/{name}/roles", |r| r.get(roles::of_virtual_account)),
        get("/admin/{tenant}/teams/{name}/members", |r| r.get(members::find)),
        post("/admin/{tenant}/teams/{name}/members", |r| r.post(members::add)),
        get("/admin/{tenant}/teams/{name}/members/{user}/remove", |r| r.get(members::ask)),
        post("/admin/{tenant}/teams/{name}/members/{user}/remove", |r| r.post(members::remove)),
        get("/admin/{tenant}/service_tokens/{name}/token", |r| r.get(tokens::ask_renewal)),
        post("/admin/{tenant}/service_tokens/{name}/token", |r| r.post(tokens::renew)),
        get("/admin/_/sign-ins", |r| r.get(sign_ins::of_all)),
        get("/admin/_/sign-ins/{code}", |r| r.get(sign_ins::show_any)),
        get("/admin/{tenant}/sign-ins", |r| r.get(sign_ins::of_tenant)),
        get("/admin/{tenant}/sign-ins/{code}", |r| r.get(sign_ins::show)),
        get("/admin/{tenant}/{noun}", |r| r.get(things::list)),
        post("/admin/{tenant}/{noun}", |r| r.post(things::create)),
        get("/admin/{tenant}/{noun}/new", |r| r.get(things::new)),
        get("/admin/{tenant}/{noun}/{name}", |r| r.get(things::edit)),
        post("/admin/{tenant}/{noun}/{name}", |r| r.post(things::save)),
        post("/admin/{tenant}/{noun}/{name}/check", |r| r.post(check::check)),
        get("/admin/{tenant}/{noun}/{name}/delete", |r| r.get(things::ask)),
        post("/admin/{tenant}/{noun}/{name}/delete", |r| r.post(things::delete)),
    ]
}

/// The pages; they need the session layer around them.
pub fn routes(app: &App) -> Router<App> {
    // Methods of one path that come one by one are put together.
    let router = all().into_iter().fold(Router::new(), |router, page| {
        let mut served = (page.serve)(MethodRouter::new());
        if in_turn::is_due(&page.method, page.path, &BY_THEMSELVES) {
            served = served.layer(middleware::from_fn_with_state(app.clone(), in_turn::of_caller));
        }
        if reading::is_due(&page.method, page.path, &BRIEF) {
            served = served.layer(middleware::from_fn_with_state(app.clone(), reading::of_caller));
        }
        router.route(page.path, served)
    });
    router.layer(middleware::map_response(scripted))
}

/// Forms that have their turn by themselves, or none: `saving` gives back what was typed to whom it does not come; the others
/// look at others' servers, or at all of the log, and write little.
const BY_THEMSELVES: [&str; 14] = [
    "/admin/{tenant}/explain",
    "/admin/_/tenants",
    "/admin/{tenant}/settings",
    "/admin/{tenant}/users",
    "/admin/{tenant}/users/{id}/edit",
    "/admin/{tenant}/users/{id}/identities",
    "/admin/{tenant}/connections",
    "/admin/{tenant}/{noun}",
    "/admin/{tenant}/{noun}/{name}",
    "/admin/{tenant}/{noun}/{name}/check",
    "/admin/{tenant}/domains/{domain}/check",
    "/admin/{tenant}/connections/{name}/test",
    "/admin/{tenant}/connections/{name}/metadata/fetch",
    "/admin/_/audit/verification",
];

/// Pages that wait for nobody: of a few rows along an index; or those that take their turn by themselves, where they have to look
/// at many.
const BRIEF: [&str; 32] = [
    "/admin",
    "/admin/_/tenants/new",
    "/admin/{tenant}/users/new",
    "/admin/{tenant}/users/{id}/edit",
    "/admin/{tenant}/invites/new",
    "/admin/{tenant}/resources/new",
    "/admin/{tenant}/{noun}/new",
    "/admin/{tenant}/connections/{name}/test",
    "/admin/{tenant}/connections/{name}/metadata",
    "/admin/{tenant}/resources/{name}/collaborators/remove",
    "/admin/_/sign-ins/{code}",
    "/admin/{tenant}/sign-ins/{code}",
    // These take it by themselves.
    "/admin/_/tenants",
    "/admin/{tenant}/users",
    "/admin/{tenant}/connections",
    "/admin/{tenant}/invites",
    "/admin/{tenant}/setup-links",
    "/admin/{tenant}/{noun}",
    "/admin/{tenant}/{noun}/{name}",
    "/admin/{tenant}/resources/{name}",
    "/admin/{tenant}/resources/{name}/collaborators",
    "/admin/{tenant}/teams/{name}/members",
    "/admin/{tenant}/users/{id}/roles",
    "/admin/{tenant}/teams/{name}/roles",
    "/admin/{tenant}/external_identities/{name}/roles",
    "/admin/{tenant}/virtual_accounts/{name}/roles",
    "/admin/_/audit",
    "/admin/{tenant}/audit",
    "/admin/_/sign-ins",
    "/admin/{tenant}/sign-ins",
    "/admin/_/audit/export",
    "/admin/{tenant}/audit/export",
];

/// Method and path of each, for the tests of who may.
#[must_use]
pub fn surface() -> Vec<(Method, &'static str)> {
    all().into_iter().map(|page| (page.method, page.path)).collect()
}

/// The pages have small scripts of ours, each a file; nothing inline runs. A page that needs more has said so.
async fn scripted(mut response: Response) -> Response {
    if !response.headers().contains_key(header::CONTENT_SECURITY_POLICY) {
        page::set_policy(response.headers_mut(), &page::content_security_policy(&[], true));
    }
    response
}
