//! The pages of `/admin`: every thing of a tenant as a list, a form and a question before it is deleted.
//!
//! ```text
//! GET  /admin                              whoever is signed in → their tenant's overview; platform administrators: all tenants
//! GET  /admin/{tenant}/{noun}              list     a page of names, searched and paged by the database
//! GET  /admin/{tenant}/{noun}/new, …/{name}   edit    form (pure) shows the thing's fields
//! POST …                                   edit     form reads the thing again → apply::single writes it, or says what is wrong
//! POST …/{name}/check                      check    the form again, with what was found where it leads
//! GET, POST …/{name}/delete                removal  what would be lost, then the deletion
//! GET, POST …/connections/{name}/test      trial    a sign-in of which nothing comes, to see what would
//! ```
//! `caller` stands before every page: who asks, and whether a form is really theirs. `fields` says which settings each noun's
//! form has, in the spelling of the declarative file, so that pages, API and file cannot disagree.

mod audit;
pub mod caller;
mod check;
pub mod claims;
mod confirm;
mod directories;
pub mod domains;
mod expiring;
pub mod fields;
pub mod form;
pub mod frame;
pub mod guide;
mod invites;
mod keys;
pub mod known;
mod list;
mod once;
mod overview;
mod resources;
mod setup_links;
mod sheet;
mod sign_ins;
mod tenants;
mod thing;
mod things;
mod tokens;
mod trial;
mod users;

use axum::{
    Router,
    http::header,
    middleware,
    response::Response,
    routing::{get, post},
};

use crate::{app::App, page};

/// The pages; they need the session layer around them.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/admin", get(overview::show))
        .route("/admin/_/tenants", get(tenants::list).post(tenants::create))
        .route("/admin/_/tenants/new", get(tenants::new))
        .route("/admin/_/audit", get(audit::of_platform))
        .route("/admin/_/audit/export", get(audit::export))
        .route("/admin/_/audit/verification", post(audit::verify))
        .route("/admin/_/keys", get(keys::list))
        .route("/admin/_/keys/{key}/rotate", get(keys::ask).post(keys::rotate))
        .route("/admin/_/expiring", get(expiring::of_platform))
        .route("/admin/{tenant}/expiring", get(expiring::of_tenant))
        .route("/admin/{tenant}/audit", get(audit::of_tenant))
        .route("/admin/{tenant}/audit/export", get(audit::export_of_tenant))
        .route("/admin/_/tokens", get(tokens::list).post(tokens::create))
        .route("/admin/_/tokens/{id}/revoke", get(tokens::ask).post(tokens::revoke))
        .route("/admin/{tenant}", get(overview::of_tenant))
        .route("/admin/{tenant}/settings", get(things::settings).post(things::save_settings))
        .route("/admin/{tenant}/domains", get(domains::list).post(domains::begin))
        .route("/admin/{tenant}/domains/{domain}/check", post(domains::check))
        .route("/admin/{tenant}/domains/{domain}/accept", post(domains::accept))
        .route("/admin/{tenant}/domains/{domain}/delete", get(domains::ask).post(domains::delete))
        .route("/admin/{tenant}/setup-links", get(setup_links::list).post(setup_links::create))
        .route("/admin/{tenant}/setup-links/{id}/revoke", post(setup_links::revoke))
        .route("/admin/{tenant}/users", get(users::list).post(users::create))
        .route("/admin/{tenant}/users/new", get(users::new))
        .route("/admin/{tenant}/users/{id}", get(users::show))
        .route("/admin/{tenant}/users/{id}/deactivate", get(users::confirm).post(users::deactivate))
        .route("/admin/{tenant}/users/{id}/activate", post(users::activate))
        .route("/admin/{tenant}/users/{id}/edit", get(users::edit).post(users::save))
        .route("/admin/{tenant}/users/{id}/delete", get(users::ask).post(users::delete))
        .route("/admin/{tenant}/connections/{name}/test", get(trial::show).post(trial::begin))
        .route("/admin/{tenant}/directories/{name}/token", get(directories::ask).post(directories::make))
        .route("/admin/{tenant}/directories/{name}/tokens/{id}/revoke", get(directories::confirm).post(directories::revoke))
        .route("/admin/{tenant}/invites", get(invites::list).post(invites::create))
        .route("/admin/{tenant}/invites/new", get(invites::new))
        .route("/admin/{tenant}/invites/{id}/resend", post(invites::resend))
        .route("/admin/{tenant}/invites/{id}/revoke", get(invites::ask).post(invites::revoke))
        .route("/admin/{tenant}/resources/new", get(resources::new))
        .route("/admin/{tenant}/resources/{name}", get(resources::show))
        .route("/admin/{tenant}/resources/{name}/role", post(resources::set))
        .route("/admin/{tenant}/resources/{name}/collaborators", get(resources::find).post(resources::add))
        .route("/admin/{tenant}/resources/{name}/collaborators/remove", get(resources::ask).post(resources::remove))
        .route("/admin/{tenant}/service_tokens/{name}/token", get(tokens::ask_renewal).post(tokens::renew))
        .route("/admin/_/sign-ins", get(sign_ins::of_all))
        .route("/admin/_/sign-ins/{code}", get(sign_ins::show_any))
        .route("/admin/{tenant}/sign-ins", get(sign_ins::of_tenant))
        .route("/admin/{tenant}/sign-ins/{code}", get(sign_ins::show))
        .route("/admin/{tenant}/{noun}", get(things::list).post(things::create))
        .route("/admin/{tenant}/{noun}/new", get(things::new))
        .route("/admin/{tenant}/{noun}/{name}", get(things::edit).post(things::save))
        .route("/admin/{tenant}/{noun}/{name}/check", post(check::check))
        .route("/admin/{tenant}/{noun}/{name}/delete", get(things::ask).post(things::delete))
        .layer(middleware::map_response(scripted))
}

/// The pages have small scripts of ours, each a file; nothing inline runs. A page that needs more has said so.
async fn scripted(mut response: Response) -> Response {
    if !response.headers().contains_key(header::CONTENT_SECURITY_POLICY) {
        page::set_policy(response.headers_mut(), &page::content_security_policy(&[], true));
    }
    response
}
