//! Operators of a tenant, over `/api/v1`: an administrator's bearer token says who asks and for which tenant
//! (`bearer::administrator`), and what belongs to another tenant is not there.
//!
//! No cookie opens anything here, so no page of another origin can have a browser ask.

mod audit;
mod invites;
mod users;

use axum::{
    Router,
    routing::{delete, get, post},
};

use crate::app::App;

/// Everything that administrators may ask.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/api/v1/audit", get(audit::read))
        .route("/api/v1/users/{id}/deactivate", post(users::deactivate))
        .route("/api/v1/users/{id}/activate", post(users::activate))
        .route("/api/v1/users/{id}/receipts", get(users::receipts))
        .route("/api/v1/invites", get(invites::list).post(invites::create))
        .route("/api/v1/invites/{id}", delete(invites::revoke))
        .route("/api/v1/invites/{id}/resend", post(invites::resend))
}
