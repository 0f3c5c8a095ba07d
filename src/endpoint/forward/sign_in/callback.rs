//! `GET /.gatehouse/callback`: the browser comes back with a code. Only the one that began, to the site it began at; the
//! code is redeemed by us, and the browser is given an opaque cookie of this site alone.

use std::{collections::HashSet, sync::Arc};

use axum::{
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
};
use axum_extra::extract::cookie::CookieJar;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};

use super::{
    super::{decide, question::Question, rules},
    start::{broken, issuer},
    under_way::{self, UnderWay},
    way_on,
};
use crate::{
    app::App,
    connector::oidc::{CodeExchange, exchange_code},
    error::PageError,
    grant::{self, GrantError, authorization_code::Redemption},
    oauth::params::Params,
    policy::{site::Login, site_check::CALLBACK},
    secret,
    session::{host_cookie, only_cookie},
    store::{self, site_sessions::SiteSession},
    token::validator::Scope,
    trust::{
        self,
        catalogue::{Catalogue, Issuer},
        sites::Site,
    },
};

/// Ends a sign-in.
///
/// # Errors
/// A page that says to start again.
pub async fn callback(app: &App, question: &Question, catalogue: &Catalogue) -> Result<Response, PageError> {
    let params = Params::parse(question.query()).and_then(|params| params.once_each().map(|()| params));
    let params = params.map_err(|e| refused(e.description.into_owned()))?;
    let one = |name: &str| params.one(name).ok().flatten();
    let state = one("state").ok_or_else(|| refused("no state"))?;
    let under_way = UnderWay::find(app, state, &question.headers);
    let under_way = under_way.ok_or_else(|| refused("this browser has no sign-in of this state under way"))?;
    let site = site(catalogue, question, &under_way)?;
    if let Some(code) = one("error") {
        let said: String = code.chars().filter(char::is_ascii_graphic).take(64).collect();
        return Err(refused(format!("the sign-in was refused: {said}")).way_on(again(&under_way), "Try again"));
    }
    let code = one("code").ok_or_else(|| refused("neither code nor error"))?;
    let once = async || match under_way.finish(app, state).await? {
        true => Ok(()),
        false => Err(refused("this sign-in was finished before")),
    };
    let session = match &site.settings.login {
        Some(Login::Client(client)) => {
            // RFC 9207: ours always says whose it is.
            if one("iss") != Some(app.issuer()) {
                return Err(refused("iss is not ours"));
            }
            once().await?;
            Session::of_family(redeem_own(app, question, &site, client, code, &under_way).await?)
        }
        Some(Login::Issuer(name)) => {
            let issuer = issuer(catalogue, &site, name)?;
            whose(catalogue, question, &issuer, one("iss")).map_err(refused)?;
            once().await?;
            Session::of_issuer(&issuer, redeem_foreign(app, question, &site, &issuer, code, &under_way).await?)
        }
        None => return Err(refused("the site has no login any more")),
    };
    let cookie = session.store(app, question, &site).await?;
    let jar = CookieJar::new().add(host_cookie(site.cookie.clone(), cookie)).add(under_way::forget(state));
    Ok((StatusCode::SEE_OTHER, jar, [(header::LOCATION, under_way.rd)]).into_response())
}

/// Is the code the issuer's? On a host with several, one of them could have the code of another sent to us, and would be
/// given it (mix-up, RFC 9700 §4.4): there the answer must say whose it is (RFC 9207).
fn whose(catalogue: &Catalogue, question: &Question, issuer: &Issuer, said: Option<&str>) -> Result<(), String> {
    let named = issuer.settings.issuer.is_some();
    match said {
        Some(said) if issuer.settings.issuers().any(|name| name == said) => return Ok(()),
        Some(_) if named => return Err("iss is another issuer".to_owned()),
        _ => {}
    }
    let endpoint = |issuer: &Issuer| issuer.settings.oauth_client.as_ref().map(|client| client.token_endpoint.clone());
    let another = |site: &Arc<Site>| match &site.settings.login {
        // Ours says whose its codes are; that helps only where it can be compared.
        Some(Login::Client(_)) => !named,
        Some(Login::Issuer(name)) => {
            let rival = catalogue.issuer_by_name(&site.tenant_id, name);
            rival.is_some_and(|rival| rival.id != issuer.id && endpoint(rival) != endpoint(issuer))
        }
        None => false,
    };
    if !catalogue.sites.at_host(&question.host).iter().any(another) {
        return Ok(());
    }
    Err(format!(
        "browsers of {} sign in at several issuers, and {} does not say by iss (RFC 9207) that the code is its own; \
         use an issuer that does, or give its sites a host of their own",
        question.host, issuer.name
    ))
}

/// The site that the sign-in began at, if it is here and switched on.
fn site(catalogue: &Catalogue, question: &Question, under_way: &UnderWay) -> Result<Arc<Site>, PageError> {
    let here = catalogue.sites.at_host(&question.host).into_iter().find(|site| site.id == under_way.site);
    let site = here.filter(|_| under_way.host == question.host).ok_or_else(|| refused("the sign-in began at another site"))?;
    decide::open(catalogue, &site).map_err(refused)?;
    Ok(site)
}

/// The family of the tokens that our code gave; the tokens themselves go no further.
async fn redeem_own(
    app: &App,
    question: &Question,
    site: &Site,
    client: &str,
    code: &str,
    under_way: &UnderWay,
) -> Result<String, PageError> {
    let client = store::clients::find(&app.db, client).await?.filter(|client| client.tenant_id == site.tenant_id);
    let client = client.ok_or_else(|| broken(format!("the login client of {} is none of its tenant's", site.name)))?;
    let redirect_uri = question.beside(CALLBACK);
    let verifiers = [under_way.verifier.as_str()];
    let redemption = Redemption { code, redirect_uri: Some(&redirect_uri), verifiers: &verifiers, resources: &[] };
    let minted = grant::authorization_code::redeem(&app.grants(), &client, &redemption).await.map_err(|e| match e {
        GrantError::Refused { cause, .. } => refused(cause),
        GrantError::Store(e) => e.into(),
        GrantError::Unavailable(cause) | GrantError::Unasked { cause, .. } => PageError::unavailable(cause),
        GrantError::Sign(cause) => PageError::internal(cause),
    })?;
    let claims = app.own_access_token(&minted.access_token).await.map_err(|e| PageError::internal(e.detail()))?;
    claims.fam.ok_or_else(|| PageError::internal("a code gave a token without a family"))
}

/// What the issuer says about the person, by a token that is judged as any other of its tokens.
async fn redeem_foreign(
    app: &App,
    question: &Question,
    site: &Site,
    issuer: &Issuer,
    code: &str,
    under_way: &UnderWay,
) -> Result<Map<String, Value>, PageError> {
    let client = issuer.settings.oauth_client.as_ref().ok_or_else(|| broken("the issuer has no oauth_client"))?;
    let secret = issuer.secrets.oauth_client.clone().map(SecretString::from);
    let redirect_uri = question.beside(CALLBACK);
    let exchange = CodeExchange {
        token_endpoint: &client.token_endpoint,
        client_id: &client.client_id,
        secret: secret.as_ref(),
        code,
        verifier: &under_way.verifier,
        redirect_uri: &redirect_uri,
    };
    let received = exchange_code(&app.outbound, &app.ring, &exchange, app.clock.now()).await;
    let received = received.map_err(|e| refused(format!("{}: {e}", issuer.name)))?;
    let openid = client.scopes.iter().any(|scope| scope == "openid");
    let id_token = received.id_token.as_deref().filter(|_| openid);
    if openid {
        let token = id_token.ok_or_else(|| refused(format!("{} gave no ID token, though the scope is openid", issuer.name)))?;
        // Whose the other token is, nothing tells: only this one knows the nonce, so without it nobody is signed in.
        let held = issuer.gave(token, &client.client_id, &under_way.nonce, app.clock.now()).await;
        held.map_err(|why| refused(format!("the ID token of {}: {why}", issuer.name)))?;
    }
    let sources = HashSet::from([issuer.id.clone()]);
    let scope = Scope { tenant: Some(&site.tenant_id), sources: Some(&sources), ..Scope::default() };
    let mut why = format!("{} gave no token that its settings take", issuer.name);
    // Who it is says the one that the settings are for.
    let access_token = received.access_token.as_ref().map(ExposeSecret::expose_secret);
    for (kind, token) in [("ID", id_token), ("access", access_token)] {
        let Some(token) = token else { continue };
        match trust::judge(app, token, &scope).await {
            Ok(bearer) if rules::is_ours(&bearer) => why.push_str("; it gave a token of ours"),
            Ok(bearer) => return Ok(bearer.claims),
            Err(e) => why.push_str(&format!("; its {kind} token: {e}")),
        }
    }
    Err(refused(why))
}

/// A session that is about to begin.
struct Session {
    family: Option<String>,
    issuer: Option<String>,
    claims: Option<Map<String, Value>>,
    /// When the issuer must be asked again at the latest (unix seconds).
    until: Option<i64>,
}

impl Session {
    fn of_family(family: String) -> Self {
        Self { family: Some(family), issuer: None, claims: None, until: None }
    }

    fn of_issuer(issuer: &Issuer, claims: Map<String, Value>) -> Self {
        let until = issuer.lasts(&claims);
        Self { family: None, issuer: Some(issuer.id.clone()), claims: Some(claims), until }
    }

    /// Stores it in place of the one that the browser had here; the cookie's value.
    async fn store(self, app: &App, question: &Question, site: &Site) -> Result<String, PageError> {
        if let Some(old) = only_cookie(&question.headers, &site.cookie).filter(|old| secret::is_random(old)) {
            store::site_sessions::delete(&app.db, &secret::digest(&old)).await?;
        }
        let now = app.clock.now();
        let expires_at = self.until.unwrap_or(i64::MAX).min(now + app.settings.session_absolute);
        // By the tolerance for clocks alone: a session that has ended would send the browser round in circles.
        if expires_at <= now {
            return Err(refused("the issuer's token is too old for a session (max_token_age, or its exp)"));
        }
        let cookie = secret::random();
        let id_hash = secret::digest(&cookie);
        let context = SiteSession::context(&id_hash);
        let claims_sealed = self.claims.map(|claims| app.sealer.seal(&context, Value::Object(claims).to_string().as_bytes()));
        let session = SiteSession {
            id_hash,
            site_id: site.id.clone(),
            family_id: self.family,
            issuer_id: self.issuer,
            claims_sealed,
            created_at: now,
            expires_at,
        };
        store::site_sessions::insert(&app.db, &session).await?;
        Ok(cookie)
    }
}

fn again(under_way: &UnderWay) -> String {
    let query = url::form_urlencoded::Serializer::new(String::new()).append_pair("rd", &under_way.rd).finish();
    format!("{}?{query}", super::super::respond::START)
}

fn refused(cause: impl Into<String>) -> PageError {
    way_on(PageError::no_login().caused(cause))
}
