//! The pages of `/admin`: every thing of a tenant as a list, a form and a question before it is deleted.
//!
//! ```text
//! GET  /admin                              whoever is signed in → their tenant's overview; platform administrators: all tenants
//! GET  /admin/{tenant}/{noun}              list     a page of names, searched and paged by the database
//! GET  /admin/{tenant}/{noun}/new, …/{name}   edit    form (pure) shows the thing's fields
//! POST …                                   edit     form reads the thing again → apply::single writes it, or says what is wrong
//! POST …/{name}/check                      check    the form again, with what was found where it leads
//! GET, POST …/{name}/delete                removal  what would be lost, then the deletion
//! ```
//! `caller` stands before every page: who asks, and whether a form is really theirs. `fields` says which settings each noun's
//! form has, in the spelling of the declarative file, so that pages, API and file cannot disagree.

mod caller;
mod check;
mod claims;
mod confirm;
mod fields;
mod form;
mod frame;
mod guide;
mod list;
mod overview;
mod sheet;
mod sign_ins;
mod tenants;
mod things;
mod tokens;
mod users;

use axum::{
    Router,
    routing::{get, post},
};

use crate::app::App;

/// The pages; they need the session layer around them.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/admin", get(overview::show))
        .route("/admin/_/tenants", get(tenants::list).post(tenants::create))
        .route("/admin/_/tenants/new", get(tenants::new))
        .route("/admin/_/tokens", get(tokens::list).post(tokens::create))
        .route("/admin/_/tokens/{id}/revoke", get(tokens::ask).post(tokens::revoke))
        .route("/admin/{tenant}", get(overview::of_tenant))
        .route("/admin/{tenant}/settings", get(things::settings).post(things::save_settings))
        .route("/admin/{tenant}/users", get(users::list).post(users::create))
        .route("/admin/{tenant}/users/new", get(users::new))
        .route("/admin/{tenant}/users/{id}", get(users::show))
        .route("/admin/{tenant}/users/{id}/deactivate", get(users::confirm).post(users::deactivate))
        .route("/admin/{tenant}/users/{id}/activate", post(users::activate))
        .route("/admin/{tenant}/users/{id}/edit", get(users::edit).post(users::save))
        .route("/admin/{tenant}/users/{id}/delete", get(users::ask).post(users::delete))
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
}
