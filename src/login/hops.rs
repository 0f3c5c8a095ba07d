//! The control-plane hops: what a control plane's front end calls on its own host, which forwards them here.
//!
//! `GET /api/svc/v1/oauth2/authorize` answers with the address to send the browser to; `POST /api/svc/v1/oauth2/token`
//! redeems the code that comes back (201, tokens only in HttpOnly cookies) and later rotates the refresh cookie;
//! `POST /api/svc/v1/oauth2/logout` ends it. The hops act for a *trusted* client of the named tenant and know no secret,
//! so they carry PKCE of their own: the verifier stays in a cookie of the browser that began, and a code that another
//! browser was given is worth nothing here (login CSRF, code injection).

use axum::{
    Json,
    body::Bytes,
    extract::{RawQuery, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use axum_extra::extract::cookie::CookieJar;
use serde::Deserialize;
use serde_json::json;
use tower_sessions::cookie::time::Duration;

use super::{
    direct,
    hop_cookie::{Hop, gone},
};
use crate::{
    app::App,
    bearer::{COOKIE as ACCESS_COOKIE, REFRESH_COOKIE},
    error::ApiError,
    grant::{self, Minted, authorization_code::Redemption},
    oauth::{
        client::Client,
        error::{Code, error},
        params::Params,
        redirect_uri::RedirectUri,
    },
    secret,
    session::{Visit, host_cookie, only_cookie},
    store::{self, standing::Parties, tenants::Tenant},
};

/// `GET /api/svc/v1/oauth2/authorize?tenantName=&controlPlaneURL=&redirectURL=`
pub async fn authorize(
    State(app): State<App>,
    visit: Visit,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let params = Params::parse(query.as_deref().unwrap_or_default())?;
    params.once_each()?;
    let tenant = find_tenant(&app, params.required("tenantName", "tenantName is missing")?).await?;
    let named = params.required("redirectURL", "redirectURL is missing")?;
    let client = find_client(&app, &tenant, named).await?;
    if let Some(control_plane) = params.one("controlPlaneURL")? {
        let origin = |text: &str| url::Url::parse(text).ok().map(|u| u.origin().ascii_serialization());
        if origin(control_plane) != origin(named) {
            return Err(error(Code::InvalidRequest, "redirectURL must be on the host of controlPlaneURL").into());
        }
    }
    let (location, jar) = if direct::lands_here(&app) {
        direct::depart(&app, visit, &tenant, &client, named).await?
    } else {
        let hop = Hop::begin();
        (location(&app, &hop, &client, named), hop.remember(&headers))
    };
    let body = Json(json!({ "authorizationEndpoint": location }));
    Ok((jar, [(header::CACHE_CONTROL, "no-store")], body).into_response())
}

fn location(app: &App, hop: &Hop, client: &Client, redirect_url: &str) -> String {
    let query = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("client_id", &client.id)
        .append_pair("response_type", "code")
        .append_pair("scope", "openid email profile offline_access")
        .append_pair("redirect_uri", redirect_url)
        .append_pair("state", &hop.state)
        .append_pair("code_challenge", &secret::digest(&hop.verifier))
        .append_pair("code_challenge_method", "S256")
        .finish();
    format!("{}/oauth2/authorize?{query}", app.issuer())
}

/// The body of `POST /api/svc/v1/oauth2/token`, as the control plane's front end sends it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TokenRequest {
    tenant_name: String,
    grant_type: String,
    code: Option<String>,
    #[serde(rename = "redirectURI")]
    redirect_uri: Option<String>,
    /// Returned by front ends that kept it; when it is there it must be this browser's.
    state: Option<String>,
}

/// `POST /api/svc/v1/oauth2/token`
pub async fn token(State(app): State<App>, headers: HeaderMap, body: Bytes) -> Result<Response, ApiError> {
    let request: TokenRequest = read_json(&headers, &body)?;
    let tenant = find_tenant(&app, &request.tenant_name).await?;
    let (minted, finished) = match request.grant_type.as_str() {
        "authorization_code" => redeem(&app, &tenant, &headers, &request).await?,
        "refresh_token" => (refresh(&app, &tenant, &headers).await?, None),
        _ => return Err(error(Code::UnsupportedGrantType, "grantType must be authorization_code or refresh_token").into()),
    };
    let jar = finished.into_iter().fold(with_tokens(&app, &minted), |jar, hop: Hop| jar.add(hop.forget()));
    let body = Json(json!({
        "tokenType": "Bearer",
        "expiresIn": minted.expires_in,
        "refreshExpiresIn": minted.refresh_expires_in,
    }));
    Ok((StatusCode::CREATED, jar, [(header::CACHE_CONTROL, "no-store"), (header::PRAGMA, "no-cache")], body).into_response())
}

async fn redeem(
    app: &App,
    tenant: &Tenant,
    headers: &HeaderMap,
    request: &TokenRequest,
) -> Result<(Minted, Option<Hop>), ApiError> {
    let code = request.code.as_deref().ok_or(error(Code::InvalidRequest, "code is missing"))?;
    let named = request.redirect_uri.as_deref().ok_or(error(Code::InvalidRequest, "redirectURI is missing"))?;
    let client = find_client(app, tenant, named).await?;
    check_origin(headers, &client)?;
    let mut hops = Hop::all(headers);
    if let Some(state) = &request.state {
        hops.retain(|hop| secret::same(state, &hop.state));
    }
    if hops.is_empty() {
        let description = "this browser did not begin the sign-in: call /api/svc/v1/oauth2/authorize first and return its cookie";
        return Err(error(Code::InvalidGrant, description).into());
    }
    let verifiers: Vec<&str> = hops.iter().map(|hop| hop.verifier.as_str()).collect();
    let redemption = Redemption { code, redirect_uri: Some(named), verifiers: &verifiers, resources: &[] };
    let minted = grant::authorization_code::redeem(&app.grants(), &client, &redemption).await?;
    // Without `state` nobody knows which tab this was; its cookie ends by itself.
    Ok((minted, hops.pop().filter(|_| request.state.is_some())))
}

async fn refresh(app: &App, tenant: &Tenant, headers: &HeaderMap) -> Result<Minted, ApiError> {
    let (client, token) = refresh_cookie(app, tenant, headers).await?;
    check_origin(headers, &client)?;
    let turn = grant::refresh_token::Turn { token: &token, scope: None, resources: &[] };
    grant::refresh_token::rotate(&app.grants(), &client, &turn).await.map_err(Into::into)
}

/// The refresh token of the cookie, and the trusted client of the tenant that it is bound to.
async fn refresh_cookie(app: &App, tenant: &Tenant, headers: &HeaderMap) -> Result<(Client, String), ApiError> {
    let missing = || ApiError::from(error(Code::InvalidGrant, "there is no valid refresh token"));
    let token = only_cookie(headers, REFRESH_COOKIE).ok_or_else(missing)?;
    let claims = grant::refresh_token::read(&app.grants(), &token).await.ok_or_else(missing)?;
    let client = store::clients::find(&app.db, &claims.client_id).await?;
    let client = client.filter(|c| c.trusted && c.tenant_id == tenant.id).ok_or_else(missing)?;
    Ok((client, token))
}

/// The body of `POST /api/svc/v1/oauth2/logout`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LogoutRequest {
    tenant_name: String,
}

/// `POST /api/svc/v1/oauth2/logout`: ends the sign-in that the refresh cookie belongs to: its token families and its
/// session. The cookies go in any case. The identity provider is not told: only a browser that travels there could, and
/// this answers a script. A front end that wants it sends the browser to `/oauth2/logout` instead.
pub async fn logout(State(app): State<App>, visit: Visit, headers: HeaderMap, body: Bytes) -> Result<Response, ApiError> {
    let request: LogoutRequest = read_json(&headers, &body)?;
    let tenant = find_tenant(&app, &request.tenant_name).await?;
    if let Ok((client, token)) = refresh_cookie(&app, &tenant, &headers).await {
        check_origin(&headers, &client)?;
        if let Some(claims) = grant::refresh_token::read(&app.grants(), &token).await {
            store::families::revoke(&app.db, &claims.family, app.clock.now()).await?;
            // The session ends too, although its cookie is our host's: the next sign-in is to ask again.
            if let Some(sid) = store::families::find(&app.db, &claims.family).await?.and_then(|f| f.sid) {
                visit.end(&app, &sid).await.map_err(|e| ApiError::unavailable(e.cause))?;
            }
        }
    }
    let jar = CookieJar::new().add(gone(ACCESS_COOKIE)).add(gone(REFRESH_COOKIE));
    Ok((jar, [(header::CACHE_CONTROL, "no-store")], Json(json!({ "userState": "SignedOut" }))).into_response())
}

/// The two cookies of a token pair: names, flags and lifetimes as promised, with Secure and SameSite added.
pub fn with_tokens(app: &App, minted: &Minted) -> CookieJar {
    let cookie = |name: &'static str, value: &str, seconds: i64| {
        let mut cookie = host_cookie(name, value.to_owned());
        cookie.set_max_age(Duration::seconds(seconds));
        let expires = time::OffsetDateTime::from_unix_timestamp(app.clock.now() + seconds);
        if let Ok(expires) = expires {
            cookie.set_expires(expires);
        }
        cookie
    };
    let mut jar = CookieJar::new().add(cookie(ACCESS_COOKIE, &minted.access_token, minted.expires_in));
    if let (Some(token), Some(seconds)) = (&minted.refresh_token, minted.refresh_expires_in) {
        jar = jar.add(cookie(REFRESH_COOKIE, token, seconds));
    }
    jar
}

fn read_json<T: serde::de::DeserializeOwned>(headers: &HeaderMap, body: &[u8]) -> Result<T, ApiError> {
    // A form can be posted across sites without asking; JSON cannot.
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    if !content_type.split(';').next().is_some_and(|t| t.trim().eq_ignore_ascii_case("application/json")) {
        return Err(error(Code::InvalidRequest, "the body must be application/json").into());
    }
    serde_json::from_slice(body).map_err(|e| {
        ApiError::new(error(Code::InvalidRequest, "the body must be a JSON object with tenantName and grantType"), e.to_string())
    })
}

/// A browser says where a request comes from; only the client's own pages may move its cookies.
fn check_origin(headers: &HeaderMap, client: &Client) -> Result<(), ApiError> {
    let Some(origin) = headers.get(header::ORIGIN) else { return Ok(()) };
    let origin = origin.to_str().unwrap_or_default();
    let own = client.settings.redirect_uris.iter().filter_map(RedirectUri::origin).any(|o| o == origin);
    if own { Ok(()) } else { Err(error(Code::InvalidRequest, "the request comes from a foreign origin").into()) }
}

async fn find_tenant(app: &App, name: &str) -> Result<Tenant, ApiError> {
    let unknown = || error(Code::InvalidRequest, "there is no such tenant");
    let tenant = store::tenants::find_by_name(&app.db, name).await?;
    Ok(tenant.filter(|t| t.enabled).ok_or_else(unknown)?)
}

/// The trusted client of the tenant that has registered this redirect URI.
async fn find_client(app: &App, tenant: &Tenant, redirect_uri: &str) -> Result<Client, ApiError> {
    let clients = store::clients::of_tenant(&app.db, &tenant.id).await?;
    let registered = |c: &Client| RedirectUri::choose(&c.settings.redirect_uris, redirect_uri).is_some();
    let client = clients.into_iter().find(|c| c.trusted && c.enabled && registered(c));
    let client = client.ok_or(error(Code::InvalidRequest, "no trusted client of this tenant has registered redirectURL"))?;
    let parties = Parties::of_client(&tenant.id, &client.id);
    let standing = store::standing::require(&app.db, parties, app.clock.now()).await?;
    standing
        .map_err(|refusal| ApiError::new(error(Code::UnauthorizedClient, "the client is switched off"), refusal.to_string()))?;
    Ok(client)
}
