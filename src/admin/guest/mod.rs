//! The customer's own administrator, who has no account here: they follow a link that an operator made, and fill in one
//! connection, and with it, if the operator said so, a directory and a domain.
//!
//! ```text
//! GET  /setup/{token}     enter        the link becomes a cookie, so that it stands in no address, referrer or log any more
//! GET  /setup             page         the provider's steps, the form, what was found, the record, the token, the ticks
//! POST /setup             connection   what may be typed is written by apply::single, in the link's name
//! POST /setup/check, …    connection, extras
//! POST /setup/finish      enter        the link ends
//! ```
//! `caller` stands before each: the link's state and its tenant's are asked anew at every request. `fields` says what a guest may
//! type; everything else of the connection is the operator's.

mod caller;
mod connection;
mod enter;
mod extras;
mod fields;
mod page;

use axum::{
    Router,
    routing::{get, post},
};

use crate::app::App;

/// What the path of a link begins with; what follows is a secret.
pub const BELOW: &str = "/setup/";

/// The guests' pages.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/setup", get(page::show).post(connection::save))
        .route("/setup/check", post(connection::check))
        .route("/setup/domain", post(extras::domain))
        .route("/setup/domain/check", post(extras::look))
        .route("/setup/token", post(extras::token))
        .route("/setup/finish", post(enter::finish))
        .route("/setup/{token}", get(enter::enter))
}
