//! The customer's own administrator, who has no account here: they follow a link that an operator made, and fill in one
//! connection, and with it, if the operator said so, a directory and a domain.
//!
//! ```text
//! GET  /setup/{token}     enter        the link becomes a cookie, so that it stands in no address, referrer or log any more
//! POST /setup/{token}     enter        whoever has another link open here has agreed to leave it
//! GET  /setup             page         the provider's steps, the form, what was found, the record, the token, the ticks
//! POST /setup             connection   what may be typed is written by apply::single, in the link's name
//! POST /setup/check, …    connection, extras
//! GET, POST /setup/test   trial        a sign-in over the connection of which nothing comes, and what the provider said
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
mod trial;

use axum::{Router, http::Method, middleware, routing::MethodRouter};

#[cfg(test)]
pub use fields::of as typed;

use super::in_turn;
use crate::app::App;

/// What the path of a link begins with; what follows is a secret.
pub const BELOW: &str = "/setup/";

type Serve = fn(MethodRouter<App>) -> MethodRouter<App>;

/// What a link opens: the router is made of this list, and so is the test of what nobody else gets.
#[rustfmt::skip]
fn all() -> Vec<(Method, &'static str, Serve)> {
    vec![
        (Method::GET, "/setup", |r| r.get(page::show)),
        (Method::POST, "/setup", |r| r.post(connection::save)),
        (Method::POST, "/setup/check", |r| r.post(connection::check)),
        (Method::GET, "/setup/test", |r| r.get(trial::show)),
        (Method::POST, "/setup/test", |r| r.post(trial::begin)),
        (Method::POST, "/setup/domain", |r| r.post(extras::domain)),
        (Method::POST, "/setup/domain/check", |r| r.post(extras::look)),
        (Method::POST, "/setup/token", |r| r.post(extras::token)),
        (Method::POST, "/setup/finish", |r| r.post(enter::finish)),
        (Method::GET, "/setup/{token}", |r| r.get(enter::enter)),
        (Method::POST, "/setup/{token}", |r| r.post(enter::switch)),
    ]
}

/// The guests' pages.
pub fn routes(app: &App) -> Router<App> {
    all().into_iter().fold(Router::new(), |router, (method, path, serve)| {
        let mut served = serve(MethodRouter::new());
        if in_turn::is_due(&method, path, &BY_THEMSELVES) {
            served = served.layer(middleware::from_fn_with_state(app.clone(), in_turn::of_guest));
        }
        router.route(path, served)
    })
}

/// Forms that have their turn by themselves, or none: what was typed comes back to whom it does not come; the others look at
/// others' servers, and write little.
const BY_THEMSELVES: [&str; 4] = ["/setup", "/setup/check", "/setup/test", "/setup/domain/check"];

/// Method and path of each, for the tests of who may.
#[must_use]
pub fn surface() -> Vec<(Method, &'static str)> {
    all().into_iter().map(|(method, path, _)| (method, path)).collect()
}
