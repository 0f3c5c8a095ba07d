//! `GET /.gatehouse/start?rd=`: sends the browser to where it signs in.

use std::sync::Arc;

use axum::{
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
};
use axum_extra::extract::cookie::CookieJar;
use url::Url;

use super::{
    super::{decide, question::Question},
    destination,
    under_way::UnderWay,
};
use crate::{
    app::App,
    error::PageError,
    oauth::params::Params,
    policy::{site::Login, site_check::CALLBACK},
    secret,
    trust::{
        catalogue::{Catalogue, Issuer},
        sites::{Found, Site},
    },
};

/// What we ask our own sign-in for.
const SCOPES: [&str; 4] = ["openid", "email", "profile", "groups"];

/// Begins a sign-in.
///
/// # Errors
/// A page, when nobody signs in here.
pub fn start(app: &App, question: &Question, catalogue: &Catalogue) -> Result<Response, PageError> {
    let params = Params::parse(question.query()).ok();
    let rd = params.as_ref().and_then(|params| params.one("rd").ok().flatten()).unwrap_or("/");
    let site = choose(question, catalogue, rd).ok_or_else(|| nowhere("no site of this host has a login"))?;
    decide::open(catalogue, &site).map_err(nowhere)?;
    let under_way = UnderWay {
        site: site.id.clone(),
        host: question.host.clone(),
        verifier: secret::random(),
        nonce: secret::random(),
        rd: destination::judge(rd, question, &site),
        at: app.clock.now(),
    };
    let state = secret::random_id();
    let location = match &site.settings.login {
        Some(Login::Client(client)) => own(app, question, &site, client, &state, &under_way),
        Some(Login::Issuer(name)) => foreign(question, &*issuer(catalogue, &site, name)?, &state, &under_way)?,
        None => return Err(nowhere("the site has no login")),
    };
    let cookies = under_way.keep(app, &state, &question.headers);
    let jar = cookies.into_iter().fold(CookieJar::new(), CookieJar::add);
    Ok((StatusCode::FOUND, jar, [(header::LOCATION, location)]).into_response())
}

/// The site that the browser wants to go to; it signs in to that one.
fn choose(question: &Question, catalogue: &Catalogue, rd: &str) -> Option<Arc<Site>> {
    let at_host = catalogue.sites.at_host(&question.host);
    let path = destination::here(rd, question);
    if let Some(Found::Site { site, .. }) = path.map(|path| catalogue.sites.find(&question.host, path))
        && site.settings.login.is_some()
    {
        return Some(site);
    }
    at_host.into_iter().find(|site| site.settings.login.is_some())
}

fn own(app: &App, question: &Question, site: &Site, client: &str, state: &str, under_way: &UnderWay) -> String {
    let more = site.settings.scopes.iter().map(String::as_str).filter(|scope| !SCOPES.contains(scope));
    let scope: Vec<&str> = SCOPES.into_iter().chain(more).collect();
    let query = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("client_id", client)
        .append_pair("response_type", "code")
        .append_pair("scope", &scope.join(" "))
        .append_pair("redirect_uri", &question.beside(CALLBACK))
        .append_pair("state", state)
        .append_pair("code_challenge", &under_way.challenge())
        .append_pair("code_challenge_method", "S256")
        .finish();
    format!("{}/oauth2/authorize?{query}", app.issuer())
}

fn foreign(question: &Question, issuer: &Issuer, state: &str, under_way: &UnderWay) -> Result<String, PageError> {
    let client = issuer.settings.oauth_client.as_ref().ok_or_else(|| nowhere("the issuer has no oauth_client"))?;
    let endpoint = Url::parse(&client.authorization_endpoint);
    let mut url = endpoint.map_err(|e| broken(format!("its authorization_endpoint: {e}")))?;
    url.set_fragment(None);
    url.query_pairs_mut()
        .append_pair("client_id", &client.client_id)
        .append_pair("response_type", "code")
        .append_pair("scope", &client.scopes.join(" "))
        .append_pair("redirect_uri", &question.beside(CALLBACK))
        .append_pair("state", state)
        .append_pair("code_challenge", &under_way.challenge())
        .append_pair("code_challenge_method", "S256");
    if client.scopes.iter().any(|scope| scope == "openid") {
        url.query_pairs_mut().append_pair("nonce", &under_way.nonce);
    }
    Ok(url.into())
}

/// The issuer where the site's browsers sign in, if it is switched on.
///
/// # Errors
/// A page, when it is off or gone.
pub fn issuer(catalogue: &Catalogue, site: &Site, name: &str) -> Result<Arc<Issuer>, PageError> {
    let issuer = catalogue.issuer_by_name(&site.tenant_id, name).cloned();
    let issuer = issuer.ok_or_else(|| broken(format!("{} has no issuer {name}", site.name)))?;
    match issuer.off {
        Some(refusal) => Err(nowhere(refusal.to_string())),
        None => Ok(issuer),
    }
}

/// Nobody signs in here.
pub fn nowhere(cause: impl Into<String>) -> PageError {
    let explanation = "Nobody can sign in to this page at the moment.";
    PageError::new(StatusCode::FORBIDDEN, "no_site_login", "No sign-in here", explanation, cause)
}

/// The operator's settings do not work.
pub fn broken(cause: impl Into<String>) -> PageError {
    PageError::internal(cause)
}
