//! People with a browser: signing in, consent, signing out, and the control-plane hops.
//!
//! ```text
//! GET  /oauth2/authorize   authorize → oauth::authorize parses → store::logins: stored once, bound to the browser
//!                          → dispatch asks flow::next (pure): Choose | Connect | Consent | Issue | Deny
//! GET  /login/{login}      choose shows the ways; POST: departure: the connector departs → 303 or an auto-posted form
//!      … the identity provider …
//! GET  /oauth2/callback    callback (OpenID) takes this browser's departure: the connector arrives → Identity
//! POST /oauth2/callback    callback (SAML); without our cookies: repost, once
//!                          → arrival: used once → policy::linking (verdict), done (link) → session id changes
//!                          → dispatch again → consent, or respond: the code goes to the client
//!                          trial: an operator tests a connection; it is judged alike, and nobody is signed in
//!
//! GET  /oauth2/logout      logout: the sign-in ends → farewell: on to the client, or first to the provider
//!      … the identity provider …
//! GET  /saml/…/slo         single_logout: the way back, and where a provider itself demands that sign-ins end
//!
//! GET  /login              own: whoever wants a page of ours begins one that ends there
//! GET  /admin/_/setup/…      setup: the first administrator of a new deployment, by the link that its start prints
//! GET  /login/invite/…     invite: whoever was invited begins a login that no client asks for; it ends at /account
//! ```
//! Steps never route to one another: each returns to `dispatch`. `hops` are the same journey for a control plane's front
//! end; `direct` lands it without a code when the control plane and gatehouse share a host.

pub mod account;
pub mod answer;
pub mod arrival;
pub mod authorize;
pub mod break_glass;
pub mod callback;
pub mod choose;
pub mod consent;
pub mod departure;
pub mod direct;
pub mod dispatch;
pub mod farewell;
pub mod flow;
pub mod hop_cookie;
pub mod hops;
pub mod invite;
pub mod link;
pub mod logout;
pub mod own;
pub mod pages;
pub mod password;
pub mod repost;
pub mod respond;
pub mod setup;
pub mod single_logout;
pub mod throttle;
pub mod trial;
pub mod unsolicited;
pub mod verdict;

use axum::{
    Router, middleware,
    routing::{get, post},
};

use crate::{app::App, trace};

/// The routes of this door.
pub fn routes(app: &App) -> Router<App> {
    sign_ins()
        .layer(middleware::from_fn_with_state(app.clone(), trace::keep))
        .route("/oauth2/logout", get(logout::logout).post(logout::logout))
        .route("/oauth2/logout/confirm", post(logout::confirm))
        .route("/saml/{tenant}/{connection}/slo", get(single_logout::single_logout).post(single_logout::single_logout))
        .route("/admin/_/setup/{token}", get(setup::show).post(setup::submit))
        .route("/admin/_/break-glass/{token}", get(break_glass::show).post(break_glass::submit))
        .route("/account", get(account::show))
        .route("/account/sign-out", post(account::sign_out))
        .route("/api/svc/v1/oauth2/token", post(hops::token))
        .route("/api/svc/v1/oauth2/logout", post(hops::logout))
}

/// What a sign-in goes through; it leaves a trace.
fn sign_ins() -> Router<App> {
    Router::new()
        .route("/oauth2/authorize", get(authorize::authorize).post(authorize::authorize))
        .route("/login", get(own::show).post(own::submit))
        .route("/login/{login}", get(choose::show).post(choose::choose))
        .route("/login/{login}/password", get(password::show).post(password::submit))
        .route(invite::ROUTE, get(invite::show).post(invite::accept))
        .route("/login/{login}/consent", post(consent::submit))
        .route("/api/svc/v1/oauth2/authorize", get(hops::authorize))
}

/// The routes where identity providers' answers arrive; those of SAML can be large.
pub fn answers(app: &App) -> Router<App> {
    let arrive = get(callback::answered).post(callback::posted);
    Router::new()
        .route("/oauth2/callback", arrive.clone())
        .route("/oauth2/callback/{tenant}/{connection}", arrive)
        .layer(middleware::from_fn_with_state(app.clone(), trace::keep))
}
