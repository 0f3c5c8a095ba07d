//! Directories push users and groups here (SCIM 2.0, RFC 7643 and 7644). The bearer token names the directory, and a
//! directory sees nothing but its own.
//!
//! A request goes through `caller` (which directory is it?), is read by the pure files (`filter`, `patch`, `schema`),
//! and lands in `store::directory_users` and `store::directory_groups`.

pub mod fault;
pub mod filter;
pub mod patch;
pub mod schema;

use axum::Router;

use crate::app::App;

/// Everything below `/scim/v2`.
pub fn routes() -> Router<App> {
    Router::new()
}
