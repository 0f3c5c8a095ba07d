//! `GET /.well-known/oauth-protected-resource` (RFC 9728): where a client gets tokens for what it was refused at. One
//! document for our own API, and one for each site that has an audience of its own, on the site's host (the proxy routes
//! the path here): an MCP client that comes to a site without a token finds its way to us by it.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Json,
    extract::{ConnectInfo, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header},
    response::{IntoResponse as _, Response},
};
use serde_json::{Value, json};
use url::Url;

use super::forward::decide::is_current;
use crate::{
    app::App,
    error::ApiError,
    oauth::{
        protected_resource::{WELL_KNOWN, admin_api, metadata_url},
        scope,
    },
    policy::{place, site::OURSELVES},
    trust::{Behind, Denied, catalogue::Catalogue, sites::Site},
};

/// Handles a request at the well-known path, with or without the path of a resource behind it.
pub async fn metadata(State(app): State<App>, request: Request) -> Result<Response, ApiError> {
    let path = request.uri().path();
    let document = match host(&app, &request) {
        Some(host) => document(&app, &host, path).await?,
        None => None,
    };
    let cache = [(header::CACHE_CONTROL, "public, max-age=300")];
    Ok(match document {
        Some(document) => (cache, Json(document)).into_response(),
        None => {
            let body = json!({"error": "not_found", "error_description": "no protected resource is known at this address"});
            (StatusCode::NOT_FOUND, [(header::CACHE_CONTROL, "no-store")], Json(body)).into_response()
        }
    })
}

/// The host that was asked, as sites are looked up by. What is forwarded counts from our own proxies only.
fn host(app: &App, request: &Request) -> Option<String> {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip().to_canonical());
    let trusted = peer.is_some_and(|ip| app.settings.trusted_proxies.iter().any(|net| net.contains(&ip)));
    let forwarded = |name: &str| once(request.headers(), &HeaderName::try_from(name).ok()?).filter(|_| trusted);
    let scheme = forwarded("x-forwarded-proto").unwrap_or(app.settings.public_url.scheme());
    let named = forwarded("x-forwarded-host").or_else(|| own_host(request.uri(), request.headers()))?;
    place::host(scheme, named)
}

fn own_host<'a>(uri: &'a Uri, headers: &'a HeaderMap) -> Option<&'a str> {
    uri.authority().map(axum::http::uri::Authority::as_str).or_else(|| once(headers, &header::HOST))
}

/// A header that is there once.
fn once<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut lines = headers.get_all(name).iter();
    let line = lines.next().filter(|_| lines.next().is_none())?;
    line.to_str().ok()
}

async fn document(app: &App, host: &str, path: &str) -> Result<Option<Value>, Denied> {
    if let Some(own) = of_ourselves(app, host, path) {
        return Ok(Some(own));
    }
    let is_current = |kept: &Catalogue, behind: &Behind| is_current(kept, behind, host);
    let catalogue = app.trust.catalogue_where(app.clock.now(), is_current).await?;
    Ok(of_site(app, &catalogue, host, path))
}

fn of_ourselves(app: &App, host: &str, path: &str) -> Option<Value> {
    if leads_to(app.issuer(), host).is_some_and(|own| own == path || path == WELL_KNOWN) {
        let scopes: Vec<&str> = scope::STANDARD.into_iter().filter(|s| *s != "offline_access").collect();
        return Some(json!({
            "resource": app.issuer(),
            "authorization_servers": [app.issuer()],
            "scopes_supported": scopes,
            "bearer_methods_supported": ["header"],
            "resource_name": "gatehouse",
        }));
    }
    let administers = admin_api(app.issuer());
    if leads_to(&administers, host).is_some_and(|own| own == path) {
        return Some(json!({
            "resource": administers,
            "authorization_servers": [app.issuer()],
            "bearer_methods_supported": ["header"],
            "resource_name": "gatehouse, to administer it",
        }));
    }
    None
}

fn of_site(app: &App, catalogue: &Catalogue, host: &str, path: &str) -> Option<Value> {
    let sites = catalogue.sites.at_host(host);
    let open = |site: &&Arc<Site>| {
        site.enabled && site.broken.is_none() && catalogue.tenant(&site.tenant_id).is_some_and(|tenant| tenant.enabled)
    };
    let known = sites.iter().filter(open).filter_map(|site| {
        let resource = site.settings.audience.as_deref()?;
        Some((site, resource, leads_to(resource, host)?))
    });
    let known: Vec<_> = known.collect();
    let exact = known.iter().find(|(.., own)| own == path);
    // Clients that do not know the resource's path ask the host alone: an answer only where there is no choice.
    let only = known.first().filter(|_| path == WELL_KNOWN && known.len() == 1);
    let (site, resource, _) = exact.or(only)?;
    let mut document = json!({
        "resource": resource,
        "bearer_methods_supported": ["header"],
        "resource_name": site.name,
    });
    // A list without members is left out (RFC 9728 §3.2).
    let lists = [
        ("authorization_servers", authorization_servers(app, catalogue, site)),
        ("scopes_supported", site.settings.scopes.clone()),
    ];
    if let Some(object) = document.as_object_mut() {
        object.extend(lists.into_iter().filter(|(_, list)| !list.is_empty()).map(|(name, list)| (name.to_owned(), list.into())));
    }
    Some(document)
}

/// The path of a resource's metadata, if that is on `host`.
fn leads_to(resource: &str, host: &str) -> Option<String> {
    let url = Url::parse(&metadata_url(resource)?).ok()?;
    let own = place::host(url.scheme(), url.authority())?;
    (own == host).then(|| url.path().to_owned())
}

/// Us, and whoever else's tokens the site takes now: only those whose name is an address can be found by it (RFC 8414 §2).
fn authorization_servers(app: &App, catalogue: &Catalogue, site: &Site) -> Vec<String> {
    let is_address = |name: &String| Url::parse(name).is_ok_and(|url| matches!(url.scheme(), "https" | "http") && url.has_host());
    let foreign = |name: &String| {
        // Its tokens would be refused as they come: whoever exchanges them comes to us with them.
        if site.settings.exchanged_only {
            return None;
        }
        let issuer = catalogue.issuer_by_name(&site.tenant_id, name).filter(|i| i.off.is_none() && i.problem.is_none())?;
        issuer.settings.issuer.clone().filter(is_address)
    };
    let ours = |name: &String| (name == OURSELVES).then(|| app.issuer().to_owned());
    let names = &site.settings.issuers;
    if names.is_empty() {
        vec![app.issuer().to_owned()]
    } else {
        names.iter().filter_map(|n| ours(n).or_else(|| foreign(n))).collect()
    }
}

/// Tells whoever is refused by our own API where its metadata is (RFC 9728 §5.1).
pub async fn point_the_way(State(app): State<App>, mut response: Response) -> Response {
    let challenge = response.headers().get(header::WWW_AUTHENTICATE).and_then(|v| v.to_str().ok());
    let Some(challenge) = challenge.filter(|c| c.starts_with("Bearer ") && !c.contains("resource_metadata=")) else {
        return response;
    };
    let Some(url) = metadata_url(app.issuer()) else { return response };
    if let Ok(value) = HeaderValue::try_from(format!("{challenge}, resource_metadata=\"{url}\"")) {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, value);
    }
    response
}
