//! Operators over `/api/v1`: an administrator's bearer token says who asks and for which tenants (`operator`, `desk`), and
//! what belongs to another tenant is not there. `things` is what a tenant owns, as a file would say it; `inspection` looks at
//! providers before that is saved; the others are deeds that no file speaks of.
//!
//! No cookie opens anything of the API, so no page of another origin can have a browser ask. The `pages` are for people: a
//! session opens them, and forms carry a token.

mod audit;
mod desk;
mod directory_tokens;
mod expiring;
mod inspection;
mod invites;
mod keys;
pub mod pages;
mod things;
mod users;

use axum::{Router, http::Method, routing::MethodRouter};

use crate::app::App;

/// One thing that operators may ask.
struct Route {
    method: Method,
    path: &'static str,
    serve: fn(MethodRouter<App>) -> MethodRouter<App>,
}

/// Everything that administrators may ask: the router is made of this list, and so are the tests of who may.
fn all() -> Vec<Route> {
    let route = |method, path, serve| Route { method, path, serve };
    let (tenants, tenant) = ("/api/v1/tenants", "/api/v1/tenants/{tenant}");
    let (many, one) = ("/api/v1/tenants/{tenant}/{noun}", "/api/v1/tenants/{tenant}/{noun}/{name}");
    let (tokens, token) =
        ("/api/v1/tenants/{tenant}/directories/{name}/token", "/api/v1/tenants/{tenant}/directories/{name}/tokens/{id}");
    vec![
        route(Method::GET, "/api/v1/audit", |r| r.get(audit::read)),
        route(Method::GET, "/api/v1/audit/verification", |r| r.get(audit::verification)),
        route(Method::POST, "/api/v1/users/{id}/deactivate", |r| r.post(users::deactivate)),
        route(Method::POST, "/api/v1/users/{id}/activate", |r| r.post(users::activate)),
        route(Method::GET, "/api/v1/users/{id}/receipts", |r| r.get(users::receipts)),
        route(Method::GET, "/api/v1/invites", |r| r.get(invites::list)),
        route(Method::POST, "/api/v1/invites", |r| r.post(invites::create)),
        route(Method::DELETE, "/api/v1/invites/{id}", |r| r.delete(invites::revoke)),
        route(Method::POST, "/api/v1/invites/{id}/resend", |r| r.post(invites::resend)),
        route(Method::GET, tenants, |r| r.get(things::tenants)),
        route(Method::POST, tenants, |r| r.post(things::establish)),
        route(Method::GET, tenant, |r| r.get(things::show)),
        route(Method::PUT, tenant, |r| r.put(things::put)),
        route(Method::DELETE, tenant, |r| r.delete(things::remove)),
        route(Method::GET, "/api/v1/keys", |r| r.get(keys::list)),
        route(Method::POST, "/api/v1/keys/{key}/rotate", |r| r.post(keys::rotate)),
        route(Method::GET, "/api/v1/expiring", |r| r.get(expiring::of_platform)),
        route(Method::GET, "/api/v1/tenants/{tenant}/expiring", |r| r.get(expiring::of_tenant)),
        route(Method::GET, tokens, |r| r.get(directory_tokens::list)),
        route(Method::POST, tokens, |r| r.post(directory_tokens::create)),
        route(Method::DELETE, token, |r| r.delete(directory_tokens::end)),
        route(Method::GET, many, |r| r.get(things::list)),
        route(Method::POST, many, |r| r.post(things::create)),
        route(Method::GET, one, |r| r.get(things::show)),
        route(Method::PUT, one, |r| r.put(things::put)),
        route(Method::DELETE, one, |r| r.delete(things::remove)),
        route(Method::POST, "/api/v1/tenants/{tenant}/{noun}/{name}/check", |r| r.post(inspection::check)),
    ]
}

/// Everything that administrators may ask.
pub fn routes() -> Router<App> {
    // Methods of one path that come one by one are put together.
    all().into_iter().fold(Router::new(), |router, route| router.route(route.path, (route.serve)(MethodRouter::new())))
}

/// Method and path of each, for the tests of who may.
#[must_use]
pub fn surface() -> Vec<(String, &'static str)> {
    all().into_iter().map(|route| (route.method.to_string(), route.path)).collect()
}
