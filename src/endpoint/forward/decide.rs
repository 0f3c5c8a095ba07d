//! May this request pass? One decision for all dialects, and the only place that lets anybody through.
//!
//! Which site → is it switched on → does the request forge an identity → is the path public → what does the request prove
//! itself with → does that hold (`trust`) → may its bearer come here (`rules`). A `witness` may watch: what an operator is told
//! of a decision is what was decided.

use std::{collections::HashSet, sync::Arc};

use super::{
    credential::{self, Credential, Proof},
    identity::{self, Headers},
    question::Question,
    remembered::{Decisions, Kept},
    rules::{self, Visit, is_ours},
    site_session, spoof,
    witness::{Account, Witness},
};
use crate::{
    app::App,
    policy::{
        access::{self, Standing},
        identity_header::alike,
        site::Login,
    },
    store,
    token::validator::Scope,
    trust::{
        self, Bearer, Behind, Denied, STALE,
        catalogue::Catalogue,
        sites::{Accepts, Found, Site},
    },
};

/// The step that lets anybody pass.
pub const PUBLIC: &str = "public path";

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
    /// Nor is there while the token's issuer cannot be asked.
    Unasked {
        /// The promised text.
        text: String,
        /// The cause, for the log.
        cause: String,
        /// Seconds after which to try again.
        retry_after: i64,
    },
}

/// Decides.
pub fn decide<'a>(app: &'a App, question: &'a Question) -> impl Future<Output = Verdict> + Send + 'a {
    decided(app, question, Witness::nobody())
}

/// Decides by the same lines, and keeps an account of it. What was decided before is not asked, and nothing is remembered.
pub async fn account_for(app: &App, question: &Question, account: &mut Account) -> Verdict {
    decided(app, question, Witness::keeping(account)).await
}

async fn decided(app: &App, question: &Question, mut witness: Witness<'_>) -> Verdict {
    let now = app.clock.now();
    let catalogue = match app.trust.catalogue_where(now, |kept, behind| is_current(kept, behind, &question.host)).await {
        Ok(catalogue) => catalogue,
        Err(e) => return Verdict::Unavailable(e.to_string()),
    };
    // After the catalogue, which notices what other nodes have ended, and before anything of the bearer is read: what
    // changes meanwhile makes the decision stale. A catalogue that changes meanwhile has another version.
    let revision = app.db.revision();
    let (site, public) = match catalogue.sites.find(&question.host, &question.target) {
        Found::Site { site, public } if witness.may_see(&site.tenant_id) => (site, public),
        Found::Ambiguous if witness.may_see_host(&catalogue, &question.host) => {
            let path = question.path();
            let cause = format!("servers read the path {path} differently, and rules of its host depend on it");
            return forbidden(&mut witness, "site", cause);
        }
        _ => {
            let cause = format!("no site is at {}{}", question.host, question.path());
            return forbidden(&mut witness, "site", cause);
        }
    };
    witness.found(&site, &question.host);
    if let Err(cause) = open(&catalogue, &site) {
        return forbidden(&mut witness, "enabled", cause);
    }
    witness.saw("enabled", true, || "the site and its tenant are on".to_owned());
    let accepts = site.accepts(&catalogue);
    // Not the header that the site's tokens come in, which may have the name of one at another site.
    let elsewhere = |sent: &str| site.chosen.have(sent) && !accepts.headers.iter().any(|(name, _)| alike(sent, name));
    if let Some(copy) = spoof::find(&question.headers, &site.headers, elsewhere) {
        let cause = format!("the request brings the identity header {copy} itself");
        return forbidden(&mut witness, "identity headers", cause);
    }
    if public {
        witness.saw(PUBLIC, true, || "anybody may reach the path".to_owned());
        let told = Kept { headers: identity::nobody(&site), until: now, revision, version: catalogue.version };
        return Verdict::Pass { site, accepts, told: Arc::new(told), token: None };
    }
    let Proof { credential, otherwise } = match credential::find(&question.headers, &accepts, &site) {
        Ok(Some(proof)) => proof,
        Ok(None) => {
            witness.saw("credential", false, || "the request carries none that the site takes".to_owned());
            return Verdict::Unknown(site);
        }
        Err(unclear) => {
            witness.saw("credential", false, || unclear.to_string());
            return Verdict::Invalid(site, unclear.to_string(), String::new());
        }
    };
    let at = At { app, question, catalogue: &catalogue, revision, site: &site, accepts: &accepts };
    // A cookie that has ended is as good as none: it hides no other. Who watches has made up a request with one alone.
    match (weigh(&at, &credential, &mut witness).await, otherwise) {
        (Verdict::Unknown(site), Some(next)) => match weigh(&at, &next, &mut witness).await {
            // Nor is it hidden by another that opens nothing, where a browser may sign in anew.
            Verdict::Scope(_) | Verdict::Forbidden(_) if site.settings.login.is_some() => Verdict::Unknown(site),
            verdict => verdict,
        },
        (verdict, _) => verdict,
    }
}

/// Where a credential is weighed.
struct At<'a> {
    app: &'a App,
    question: &'a Question,
    catalogue: &'a Catalogue,
    revision: u64,
    site: &'a Arc<Site>,
    accepts: &'a Arc<Accepts>,
}

/// What a request with this credential comes to: as was decided before, or judged now.
async fn weigh(at: &At<'_>, credential: &Credential, witness: &mut Witness<'_>) -> Verdict {
    let At { app, question, catalogue, revision, site, accepts } = *at;
    let now = app.clock.now();
    witness.saw("credential", true, || credential.place());
    let pass = |told: Arc<Kept>| {
        let token = token_of(site, credential);
        Verdict::Pass { site: Arc::clone(site), accepts: Arc::clone(accepts), told, token }
    };
    let key = Decisions::key(site, question, credential);
    let kept = if witness.is_there() { None } else { app.decisions.get(&key, catalogue, revision, now) };
    if let Some(told) = kept {
        return pass(told);
    }
    // Boxed: what is kept is answered without making room for what a judgement may have to wait for. Awaited by a statement of
    // its own: the one that makes a future has room for it until it ends.
    let judging = Box::pin(judge(at, credential, witness));
    match judging.await {
        Ok((headers, until)) => {
            let told = Arc::new(Kept { headers, until, revision, version: catalogue.version });
            if !witness.is_there() {
                app.decisions.keep(key, Arc::clone(&told));
            }
            pass(told)
        }
        Err(Refusal::Denied(Denied::Store(e))) => Verdict::Unavailable(e.to_string()),
        Err(Refusal::Denied(Denied::Unavailable(cause))) => Verdict::Unavailable(cause),
        Err(Refusal::Denied(Denied::Invalid(invalid))) if invalid.is_unasked() => {
            Verdict::Unasked { text: invalid.to_string(), cause: invalid.detail(), retry_after: invalid.retry_after() }
        }
        // Whoever has signed in and is nobody the site takes would be sent round in circles.
        Err(Refusal::Denied(Denied::Invalid(invalid))) if matches!(credential, Credential::Session(_)) => {
            Verdict::Forbidden(invalid.detail())
        }
        // The browser may sign in anew.
        Err(Refusal::Denied(_) | Refusal::Gone) if !credential.is_said() => Verdict::Unknown(Arc::clone(site)),
        Err(Refusal::Denied(denied)) => {
            let (text, cause) = said(denied);
            Verdict::Invalid(Arc::clone(site), text, cause)
        }
        Err(Refusal::Gone) => Verdict::Unknown(Arc::clone(site)),
        Err(Refusal::Scope) => Verdict::Scope(Arc::clone(site)),
        Err(Refusal::Forbidden(cause)) => Verdict::Forbidden(cause),
    }
}

/// Whether a catalogue is current in all that a host's sites stand on: what other tenants are changing, nobody else waits for.
pub fn is_current(catalogue: &Catalogue, behind: &Behind, host: &str) -> bool {
    let sites = catalogue.sites.at_host(host);
    !sites.is_empty() && sites.iter().all(|site| !behind.is_of(&site.tenant_id))
}

/// They do not pass, and it does not matter who it is.
fn forbidden(witness: &mut Witness<'_>, what: &str, cause: String) -> Verdict {
    witness.saw(what, false, || cause.clone());
    Verdict::Forbidden(cause)
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
#[derive(Debug)]
pub enum Refusal {
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

impl Refusal {
    /// In words for an operator.
    #[must_use]
    pub fn cause(&self) -> String {
        match self {
            Self::Denied(Denied::Invalid(invalid)) => invalid.detail(),
            Self::Denied(denied) => denied.to_string(),
            Self::Gone => "there is no such session".to_owned(),
            Self::Scope => "it lacks a scope that the site asks for".to_owned(),
            Self::Forbidden(cause) => cause.clone(),
        }
    }
}

/// Judges a credential: what the site is told, and until when that may be kept.
async fn judge(at: &At<'_>, credential: &Credential, witness: &mut Witness<'_>) -> Result<(Headers, i64), Refusal> {
    let At { app, question, catalogue, site, accepts, .. } = *at;
    let now = app.clock.now();
    let (bearer, mut until) = match holder(at, credential, witness).await {
        Ok(holder) => holder,
        Err(refusal) => {
            witness.saw("token", false, || refusal.cause());
            return Err(refusal);
        }
    };
    witness.saw("token", true, || "it holds".to_owned());
    let is_session = matches!(credential, Credential::Session(_));
    let visit = Visit { site, accepts, bearer: &bearer, presented: !is_session };
    match rules::may_come(app, &visit, witness).await {
        // A cookie of the hops that was not given for this is none here, where the site's own sign-in may give more.
        Err(Refusal::Scope) if is_session || matches!((credential, &site.settings.login), (Credential::Cookie(_), Some(_))) => {
            let narrow = Box::pin(narrow(app, site, is_session));
            return Err(narrow.await?);
        }
        other => other?,
    }
    let headers = match identity::headers(app, catalogue, site, &bearer, question).await {
        Ok(headers) => headers,
        Err(cause) => {
            witness.saw("identity", false, || cause.clone());
            return Err(Refusal::Forbidden(cause));
        }
    };
    witness.saw("identity", true, || "what the site is told fits".to_owned());
    // Roles and teams are read anew as often as everything else that another node may change.
    until = until.min(bearer.fresh_until).min(now + STALE).min(bearer.expires_at.unwrap_or(i64::MAX));
    Ok((headers, until.min(now + identity::lifetime(site) / 2)))
}

/// Who holds a credential, and until when at most.
async fn holder(at: &At<'_>, credential: &Credential, witness: &mut Witness<'_>) -> Result<(Bearer, i64), Refusal> {
    let At { app, catalogue, revision, site, accepts, .. } = *at;
    let nobodys = HashSet::new();
    let (token, sources) = match credential {
        // Nobody is asked about a token that would not pass.
        Credential::Bearer(token) | Credential::Header { token, .. } if site.settings.exchanged_only => (token, &nobodys),
        Credential::Bearer(token) => (token, &accepts.bearer),
        Credential::Header { name, token } => (token, accepts.from_header(name).unwrap_or(&nobodys)),
        Credential::Cookie(token) => (token, &nobodys),
        Credential::Session(cookie) => {
            let session = Box::pin(site_session::holder(app, site, cookie, (revision, catalogue.version)));
            return session.await;
        }
    };
    let audience = site.settings.audience.as_slice();
    let scope = Scope { tenant: Some(&site.tenant_id), sources: Some(sources), audience };
    let bearer = match witness.judges() {
        None => trust::judge_lately(app, catalogue, token, &scope).await?,
        // The judgement that is told of is the one that decides: an issuer that is asked is asked once.
        Some(report) => {
            let explaining = Box::pin(trust::explain::judge_lately(app, catalogue, token, &scope, report));
            let bearer = explaining.await?;
            witness.knows(&bearer);
            bearer
        }
    };
    if matches!(credential, Credential::Header { .. }) && is_ours(&bearer) {
        return Err(Denied::NotActive("a token of ours in the header of another issuer".to_owned()).into());
    }
    Ok((bearer, i64::MAX))
}

/// What becomes of a session, or of a cookie of the hops, that was not given for all that the site asks for now: it is as good as
/// none where the next sign-in here would be, and else nothing is gained by sending the browser round in circles. A sign-in at
/// an issuer gives what no cookie of the hops has; its session goes before that.
async fn narrow(app: &App, site: &Site, is_session: bool) -> Result<Refusal, Refusal> {
    let client = match &site.settings.login {
        Some(Login::Issuer(_)) if !is_session => return Ok(Refusal::Gone),
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
