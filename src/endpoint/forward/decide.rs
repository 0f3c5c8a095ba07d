//! May this request pass? One decision for all dialects, and the only place that lets anybody through.
//!
//! Which site → is it switched on → does the request forge an identity → is the path public → what does the request prove
//! itself with → does that hold (`trust`) → may its bearer come here.

use std::{collections::HashSet, sync::Arc};

use serde_json::Value;

use super::{
    credential::{self, Credential},
    identity::{self, Headers},
    question::Question,
    remembered::{Decisions, Kept},
    spoof,
};
use crate::{
    app::App,
    policy::{
        access::{self, Standing},
        claim_rules::shown,
        site::Login,
    },
    store,
    token::{Invalid, validator::Scope},
    trust::{
        self, Bearer, Behind, Denied, STALE,
        catalogue::Catalogue,
        sites::{Accepts, Found, Site},
    },
};

/// What comes of a question.
#[derive(Debug)]
pub enum Verdict {
    /// It passes, and the site is told this; `token` goes with it where the site takes tokens as they came.
    Pass {
        /// The site.
        site: Arc<Site>,
        /// Whose tokens it takes, and by which headers.
        accepts: Arc<Accepts>,
        /// Who is there.
        told: Arc<Kept>,
        /// What proved it.
        token: Option<String>,
    },
    /// Nobody has said who they are.
    Unknown(Arc<Site>),
    /// What was said does not hold: the promised text, and the cause for the log.
    Invalid(Arc<Site>, String, String),
    /// The token is good, but was not given for this.
    Scope(Arc<Site>),
    /// It is known who this is, or it does not matter: they do not pass. The cause is for the log.
    Forbidden(String),
    /// There is no telling now; the cause is for the log.
    Unavailable(String),
    /// Nor is there while the token's issuer cannot be asked: the promised text, and the cause for the log.
    Unasked(String, String),
}

/// Decides.
pub async fn decide(app: &App, question: &Question) -> Verdict {
    let now = app.clock.now();
    let catalogue = match app.trust.catalogue_where(now, |kept, behind| is_current(kept, behind, &question.host)).await {
        Ok(catalogue) => catalogue,
        Err(e) => return Verdict::Unavailable(e.to_string()),
    };
    // After the catalogue, which notices what other nodes have ended, and before anything of the bearer is read: what
    // changes meanwhile makes the decision stale. A catalogue that changes meanwhile has another version.
    let revision = app.db.revision();
    let (site, public) = match catalogue.sites.find(&question.host, &question.target) {
        Found::Site { site, public } => (site, public),
        Found::Unknown => return Verdict::Forbidden(format!("no site is at {}{}", question.host, question.path())),
        Found::Ambiguous => {
            let path = question.path();
            return Verdict::Forbidden(format!("servers read the path {path} differently, and rules of its host depend on it"));
        }
    };
    if let Err(cause) = open(&catalogue, &site) {
        return Verdict::Forbidden(cause);
    }
    if let Some(copy) = spoof::find(&question.headers, &site.headers) {
        return Verdict::Forbidden(format!("the request brings the identity header {copy} itself"));
    }
    let accepts = site.accepts(&catalogue);
    if public {
        let told = Kept { headers: identity::nobody(&site), until: now, revision, version: catalogue.version };
        return Verdict::Pass { site, accepts, told: Arc::new(told), token: None };
    }
    let credential = match credential::find(&question.headers, &accepts, &site) {
        Ok(Some(credential)) => credential,
        Ok(None) => return Verdict::Unknown(site),
        Err(unclear) => return Verdict::Invalid(site, unclear.to_string(), String::new()),
    };
    let key = Decisions::key(&site, question, &credential);
    if let Some(told) = app.decisions.get(&key, &catalogue, revision, now) {
        let token = token_of(&site, &credential);
        return Verdict::Pass { site, accepts, told, token };
    }
    // Boxed: what is kept is answered without making room for what a judgement may have to wait for. Awaited by a statement of
    // its own: the one that makes a future has room for it until it ends.
    let judging = Box::pin(judge(app, question, &site, &accepts, &credential));
    match judging.await {
        Ok((headers, until)) => {
            let told = Arc::new(Kept { headers, until, revision, version: catalogue.version });
            app.decisions.keep(key, Arc::clone(&told));
            let token = token_of(&site, &credential);
            Verdict::Pass { site, accepts, told, token }
        }
        Err(Refusal::Denied(Denied::Store(e))) => Verdict::Unavailable(e.to_string()),
        Err(Refusal::Denied(Denied::Unavailable(cause))) => Verdict::Unavailable(cause),
        Err(Refusal::Denied(Denied::Invalid(invalid))) if invalid.is_unasked() => {
            Verdict::Unasked(invalid.to_string(), invalid.detail())
        }
        // Whoever has signed in and is nobody the site takes would be sent round in circles.
        Err(Refusal::Denied(Denied::Invalid(invalid))) if matches!(credential, Credential::Session(_)) => {
            Verdict::Forbidden(invalid.detail())
        }
        // A cookie that has ended is as good as none: the browser may sign in anew.
        Err(Refusal::Denied(_) | Refusal::Gone) if !credential.is_said() => Verdict::Unknown(site),
        Err(Refusal::Denied(denied)) => {
            let (text, cause) = said(denied);
            Verdict::Invalid(site, text, cause)
        }
        Err(Refusal::Gone) => Verdict::Unknown(site),
        Err(Refusal::Scope) => Verdict::Scope(site),
        Err(Refusal::Forbidden(cause)) => Verdict::Forbidden(cause),
    }
}

/// Whether a catalogue is current in all that a host's sites stand on: what other tenants are changing, nobody else waits for.
pub fn is_current(catalogue: &Catalogue, behind: &Behind, host: &str) -> bool {
    let sites = catalogue.sites.at_host(host);
    !sites.is_empty() && sites.iter().all(|site| !behind.is_of(&site.tenant_id))
}

/// Is the site switched on, and its tenant?
///
/// # Errors
/// What is off, for the log.
pub fn open(catalogue: &Catalogue, site: &Site) -> Result<(), String> {
    if let Some(why) = &site.broken {
        return Err(format!("the site {} cannot work: {why}", site.name));
    }
    let tenant = catalogue.tenant(&site.tenant_id).ok_or("the site's tenant is gone")?;
    let standing = Standing { site: Some(site.enabled), ..Standing::of_tenant(tenant.enabled) };
    access::judge(standing).map_err(|refusal| format!("{}: {refusal}", site.name))
}

/// Why somebody does not pass.
enum Refusal {
    /// What they said does not hold.
    Denied(Denied),
    /// There is no such session.
    Gone,
    /// It was not given for this.
    Scope,
    /// They may not.
    Forbidden(String),
}

impl From<Denied> for Refusal {
    fn from(denied: Denied) -> Self {
        Self::Denied(denied)
    }
}

/// Judges a credential: what the site is told, and until when that may be kept.
async fn judge(
    app: &App,
    question: &Question,
    site: &Site,
    accepts: &Accepts,
    credential: &Credential,
) -> Result<(Headers, i64), Refusal> {
    let now = app.clock.now();
    let audience = site.settings.audience.as_slice();
    let scope = |sources| Scope { tenant: Some(&site.tenant_id), sources: Some(sources), audience };
    let (bearer, mut until) = match credential {
        Credential::Bearer(token) => (trust::judge_lately(app, token, &scope(&accepts.bearer)).await?, i64::MAX),
        Credential::Header { name, token } => {
            let nobodys = HashSet::new();
            let sources = accepts.from_header(name).unwrap_or(&nobodys);
            let bearer = trust::judge_lately(app, token, &scope(sources)).await?;
            if is_ours(&bearer) {
                return Err(Denied::NotActive("a token of ours in the header of another issuer".to_owned()).into());
            }
            (bearer, i64::MAX)
        }
        Credential::Cookie(token) => (trust::judge_lately(app, token, &scope(&HashSet::new())).await?, i64::MAX),
        Credential::Session(cookie) => {
            let session = Box::pin(session(app, site, cookie));
            session.await?
        }
    };
    let is_session = matches!(credential, Credential::Session(_));
    match may_come(app, site, accepts, &bearer, !is_session).await {
        Err(Refusal::Scope) if is_session => {
            let narrow = Box::pin(narrow(app, site));
            return Err(narrow.await?);
        }
        other => other?,
    }
    let headers = identity::headers(app, site, &bearer, question).await.map_err(Refusal::Forbidden)?;
    // Roles and teams are read anew as often as everything else that another node may change.
    until = until.min(bearer.fresh_until).min(now + STALE).min(bearer.expires_at.unwrap_or(i64::MAX));
    Ok((headers, until.min(now + identity::lifetime(site) / 2)))
}

/// What becomes of a session whose sign-in was not for all that the site asks for now: it is as good as none where the next
/// sign-in would be, and else nothing is gained by sending the browser round in circles.
async fn narrow(app: &App, site: &Site) -> Result<Refusal, Refusal> {
    let client = match &site.settings.login {
        Some(Login::Client(id)) => store::clients::find(&app.db, id).await.map_err(Denied::from)?,
        _ => None,
    };
    let client = client.filter(|client| client.tenant_id == site.tenant_id);
    if client.is_some_and(|client| site.settings.scopes.iter().all(|scope| client.settings.scopes.has(scope))) {
        return Ok(Refusal::Gone);
    }
    Ok(Refusal::Forbidden(format!(
        "the sign-in of the site {} gives no token with the scopes that it asks for: let its client have them, or ask for none",
        site.name
    )))
}

/// The bearer behind a browser's session with the site, and when the session ends.
async fn session(app: &App, site: &Site, cookie: &str) -> Result<(Bearer, i64), Refusal> {
    let id_hash = crate::secret::digest(cookie);
    let found = store::site_sessions::find(&app.db, &id_hash, &site.id, app.clock.now()).await;
    let session = found.map_err(Denied::from)?.ok_or(Refusal::Gone)?;
    let bearer = match (&session.family_id, &session.issuer_id, &session.claims_sealed) {
        (Some(family), ..) => trust::of_family(app, family, &site.tenant_id).await?,
        (None, Some(issuer), Some(sealed)) => {
            let context = store::site_sessions::SiteSession::context(&id_hash);
            let claims = app.sealer.open(&context, sealed).map_err(|_| Refusal::Gone)?;
            let claims = serde_json::from_slice(&claims).map_err(|_| Refusal::Gone)?;
            trust::of_claims(app, issuer, claims, Some(session.expires_at)).await?
        }
        _ => return Err(Refusal::Gone),
    };
    Ok((bearer, session.expires_at))
}

/// Whether the token is one that we issued: also one that a foreign token was exchanged for, whose source is the issuer of
/// that one.
pub fn is_ours(bearer: &Bearer) -> bool {
    bearer.own.is_some() || bearer.family.is_some()
}

/// Whether a user's token comes from a client that the operator has given the run of sites without an audience: one of the
/// platform's own, or the one that browsers sign in to the site over. Whom a token acts as otherwise, the operator has said.
fn is_of_known_client(site: &Site, bearer: &Bearer) -> bool {
    let Some(family) = &bearer.family else { return true };
    bearer.first_party || matches!(&site.settings.login, Some(Login::Client(id)) if *id == family.client_id)
}

/// Whether the bearer of a token that holds may come to this site.
/// `presented`: with a token, not with a session of the site's own sign-in.
async fn may_come(app: &App, site: &Site, accepts: &Accepts, bearer: &Bearer, presented: bool) -> Result<(), Refusal> {
    let settings = &site.settings;
    let no = |why: &str| {
        Err(Refusal::Forbidden(format!("{} does not let {} of {} in: {why}", site.name, bearer.subject, bearer.issuer)))
    };
    if bearer.tenant_id != site.tenant_id {
        return no("another tenant");
    }
    let accepted = match &bearer.source {
        // One that a foreign token was exchanged for is still that issuer's word about its bearer.
        source if is_ours(bearer) => accepts.own && source.as_ref().is_none_or(|source| accepts.holds(source)),
        Some(source) => accepts.holds(source),
        None => false,
    };
    if !accepted {
        let expected = "an issuer of the site".to_owned();
        return Err(Denied::Invalid(Invalid::Issuer { found: bearer.issuer.clone(), expected }).into());
    }
    if presented && settings.audience.is_none() && !is_of_known_client(site, bearer) {
        // A token that any application had of any sign-in names nobody but us: it says who the person is, and not that they
        // are to be here.
        let client = bearer.family.as_ref().map_or("", |family| family.client_id.as_str());
        let found = format!("gatehouse itself, for the client {client}");
        let expected = "a client with trusted, the one of the site's login, or an audience that the site names".to_owned();
        return Err(Denied::Invalid(Invalid::Audience { found, expected }).into());
    }
    if let Some(audience) = settings.audience.as_deref().filter(|_| presented && !is_ours(bearer)) {
        // Ours were judged for it. An issuer that serves several must say so too: a token for another server is none for
        // this one (RFC 9728, RFC 8707).
        let found = bearer.claims.get("aud").cloned().unwrap_or_default();
        if !words(&found).any(|name| name == audience) {
            return Err(Denied::Invalid(Invalid::Audience { found: shown(&found), expected: audience.to_owned() }).into());
        }
    }
    let given = scopes(bearer);
    if !settings.scopes.iter().all(|wanted| given.contains(&wanted.as_str())) {
        return Err(Refusal::Scope);
    }
    if !site.rules.hold(&bearer.claims) {
        return no(&failed(site, bearer));
    }
    let Some(resource) = &settings.resource else { return Ok(()) };
    let asking = Box::pin(trust::role_on(app, bearer, resource));
    let held = asking.await.map_err(Denied::from)?;
    let needed = settings.role.unwrap_or(crate::policy::role::Role::Viewer);
    if held.is_none_or(|held| held < needed) {
        return no(&format!("the role {} on {} {} is needed", needed.as_str(), resource.kind, resource.name));
    }
    Ok(())
}

/// Which of the site's rules the claims do not fulfil, for the log.
fn failed(site: &Site, bearer: &Bearer) -> String {
    let verdicts = site.rules.judge(&bearer.claims).into_iter().filter(|verdict| !verdict.passed);
    let rules: Vec<String> = verdicts.map(|verdict| format!("claim {}: {}", verdict.claim, verdict.why)).collect();
    format!("the claims are not as its rules have them: {}", rules.join("; "))
}

/// What a token was given for: `scope` of ours, `scope` or `scp` (Okta, Entra) of others.
fn scopes(bearer: &Bearer) -> Vec<&str> {
    if is_ours(bearer) {
        let own = bearer.own.as_ref().map(|own| own.scope.as_str());
        return own.or(bearer.family.as_ref().map(|f| f.scope.as_str())).unwrap_or_default().split(' ').collect();
    }
    ["scope", "scp"].iter().filter_map(|name| bearer.claims.get(*name)).flat_map(words).flat_map(|text| text.split(' ')).collect()
}

/// The texts of a claim that is one or a list of them.
fn words(claim: &Value) -> impl Iterator<Item = &str> {
    let list = claim.as_array().map(Vec::as_slice).unwrap_or_default();
    claim.as_str().into_iter().chain(list.iter().filter_map(Value::as_str))
}

/// What the caller is told, and what the log is.
fn said(denied: Denied) -> (String, String) {
    match denied {
        Denied::Invalid(invalid) => (invalid.to_string(), invalid.detail()),
        Denied::NotActive(cause) => ("Token is not active".to_owned(), cause),
        other => ("JWT validation failed".to_owned(), other.to_string()),
    }
}

/// The token for a site that takes it as it came.
fn token_of(site: &Site, credential: &Credential) -> Option<String> {
    if site.settings.identity.method != crate::policy::site::ForwardMethod::Bearer {
        return None;
    }
    match credential {
        Credential::Bearer(token) | Credential::Header { token, .. } | Credential::Cookie(token) => Some(token.clone()),
        Credential::Session(_) => None,
    }
}
