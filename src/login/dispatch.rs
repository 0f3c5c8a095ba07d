//! The one place that asks [`flow::next`] and acts on its answer. Authorization requests, callbacks, passwords and
//! consent all come back here.

use axum::response::{IntoResponse, Response};

use super::{
    consent, departure, direct,
    flow::{self, Known, Step},
    respond, unsolicited,
};
use crate::{
    app::App,
    error::PageError,
    oauth::{
        authorize::Prompt,
        client::Client,
        error::{Code, error},
        redirect_uri::RedirectUri,
    },
    page::{content_security_policy, set_policy},
    policy::{cause::Cause, email::Email},
    session::{SignedIn, Visit},
    store::{self, connections::Connection, logins::Login, standing::Parties, tenants::Tenant},
};
use axum::http::StatusCode;

/// Everything a step needs to know about a pending login.
#[derive(Debug)]
pub struct Pending {
    /// The login.
    pub login: Login,
    /// The client that asked; ourselves when nobody did.
    pub client: Client,
    /// Its tenant.
    pub tenant: Tenant,
    /// The connections that the tenant offers for sign-in.
    pub offered: Vec<Connection>,
}

impl Pending {
    /// A page of this login, under a policy that lets its forms end where the login may lead: at the client, whatever
    /// the scheme of its redirect URI, or at an identity provider.
    pub fn page(&self, app: &App, page: impl IntoResponse) -> Response {
        let providers = self.offered.iter().flat_map(|c| c.settings.leads_to());
        let leads_to: Vec<&str> =
            [self.login.request.target.redirect_uri.as_str(), app.issuer()].into_iter().chain(providers).collect();
        let mut response = page.into_response();
        set_policy(response.headers_mut(), &content_security_policy(&leads_to, false));
        response
    }
}

/// Loads what belongs to a login and makes sure that it still stands.
///
/// # Errors
/// A page, when the client or tenant is switched off or gone, or the client's answers may not go there any more.
pub async fn load(app: &App, login: Login) -> Result<Pending, PageError> {
    let parties = Parties { client_id: login.client_id(), ..Parties::of_tenant(&login.tenant_id) };
    let standing = store::standing::require(&app.db, parties, app.clock.now()).await?;
    standing.map_err(|refusal| switched_off(refusal.to_string()))?;
    let client = match login.client_id() {
        Some(id) => store::clients::find(&app.db, id).await?,
        None => Some(ourselves(app, &login.tenant_id)?),
    };
    let tenant = store::tenants::find(&app.db, &login.tenant_id).await?;
    let (Some(client), Some(mut tenant)) = (client, tenant) else { return Err(switched_off("gone".into())) };
    // Who takes an address away from a client means also the sign-ins that are under way. Where one lands that the client has
    // not begun is looked at when it does.
    let target = &login.request.target.redirect_uri;
    if login.request.landing.is_none() && !client.leads_to(target) {
        return Err(switched_off(format!("{} is no redirect URI of client {} any more", target.as_str(), client.id)));
    }
    // Who accepts an invite is nobody's user yet. Their first password is chosen on its page.
    tenant.password_login &= login.invite_hash.is_none();
    let offered = store::connections::offered(&app.db, &tenant.id).await?;
    Ok(Pending { login, client, tenant, offered })
}

/// Who asks for a sign-in that nobody has asked for: it ends at the account page.
///
/// # Errors
/// When the public URL cannot be led to.
pub fn ourselves(app: &App, tenant_id: &str) -> Result<Client, PageError> {
    let page = RedirectUri::register(&format!("{}/account", app.issuer()));
    let page = page.map_err(|e| PageError::internal(format!("the account page's address {e}")))?;
    Ok(Client::ourselves(tenant_id, page))
}

/// Finds a login of this browser by the id in a page's path, and loads it.
///
/// # Errors
/// A page that says to start again.
pub async fn find(app: &App, visit: &Visit, id: &str) -> Result<Pending, PageError> {
    let login = visit.login(app, id).await?;
    visit.trace.of(&login);
    load(app, login).await
}

/// What happens next with a login, done.
///
/// # Errors
/// A page.
pub async fn proceed(app: &App, visit: &Visit, login: Login) -> Result<Response, PageError> {
    visit.trace.of(&login);
    let pending = load(app, login).await?;
    let signed_in = visit.signed_in_for_clients(app, &pending.tenant.id).await?;
    match next(app, &pending, signed_in.as_ref()).await? {
        Step::Issue => match signed_in {
            Some(_) if pending.login.request.landing.is_some() => unsolicited::land(app, visit, &pending).await,
            Some(signed_in) if pending.login.request.direct => direct::land(app, visit, pending, &signed_in).await,
            Some(signed_in) => respond::issue(app, visit, pending, &signed_in).await,
            None => Err(PageError::internal("issue without a sign-in")),
        },
        Step::Consent => match signed_in {
            Some(signed_in) => consent::page(app, visit, &pending, &signed_in).await,
            None => Err(PageError::internal("consent without a sign-in")),
        },
        Step::Connect(name) => departure::depart(app, visit, &pending, &name, pending.login.request.login_hint.as_deref()).await,
        Step::Choose => {
            let offered: Vec<&str> = pending.offered.iter().map(|c| c.name.as_str()).collect();
            visit
                .trace
                .hop("offered", &[("connections", &offered.join(", ")), ("password", word(pending.tenant.password_login))]);
            Ok(super::choose::redirect(visit, &pending))
        }
        Step::Deny(code, description) => {
            let cause = failure(code, pending.login.request.prompt.none);
            if pending.login.client_id().is_none() {
                return Err(switched_off(description.to_owned()).known(cause.unwrap_or(Cause::TenantOff)));
            }
            if let Some(cause) = cause {
                visit.trace.failed(cause, description);
            }
            respond::deny(app, visit, &pending, &error(code, description)).await
        }
    }
}

/// The cause of a denial; none where the application only asked, without the person (`prompt=none`), whether they are here.
fn failure(code: Code, silent: bool) -> Option<Cause> {
    match code {
        Code::AccessDenied => Some(Cause::NoWayIn),
        Code::InvalidRequest => Some(Cause::BadRequest),
        Code::LoginRequired if !silent => Some(Cause::AnotherPerson),
        _ => None,
    }
}

/// What happens next.
///
/// # Errors
/// When the database does not answer.
pub async fn next(app: &App, pending: &Pending, signed_in: Option<&SignedIn>) -> Result<Step, PageError> {
    let request = &pending.login.request;
    let offered: Vec<String> = pending.offered.iter().map(|c| c.name.clone()).collect();
    let proven_here = signed_in.is_some_and(|who| pending.login.proven_by.as_deref() == Some(who.sid.as_str()));
    let expected_person = match (&request.id_token_hint, signed_in) {
        (Some(hint), Some(who)) => match app.id_token_hint(hint).await {
            Some(hint) => hint.subject == who.user_id,
            None => return Ok(Step::Deny(Code::InvalidRequest, "id_token_hint is not an ID token of ours")),
        },
        (None, Some(who)) if !proven_here => is_hinted(app, request.login_hint.as_deref(), who).await?,
        _ => true,
    };
    let consented = match signed_in {
        // The client is given nothing at the end of such a sign-in; when it asks, the person will be asked.
        _ if request.landing.is_some() => true,
        Some(who) => consent::given(app, pending, &who.user_id).await?,
        None => false,
    };
    // An invite is accepted by a sign-in of its own, not by a session that happens to be there.
    let prompt = Prompt { login: request.prompt.login || pending.login.invite_hash.is_some(), ..request.prompt };
    Ok(flow::next(&Known {
        prompt,
        offered: &offered,
        password: pending.tenant.takes_passwords(),
        hinted: request.idp_hint.as_deref(),
        auth_time: signed_in.map(|s| s.auth_time),
        not_before: match request.max_age {
            None => 0,
            // As prompt=login: a session of this very second is no new proof.
            Some(0) => i64::MAX,
            Some(age) => pending.login.created_at.saturating_sub(age),
        },
        proven_here,
        expected_person,
        consented,
    }))
}

/// Whether the person in the session is the one that `login_hint` names, if it names one: a hint for somebody else means
/// that the person wants to be asked. It is a hint only, so whoever signs in then is taken.
async fn is_hinted(app: &App, hint: Option<&str>, who: &SignedIn) -> Result<bool, PageError> {
    let Some(hinted) = hint.and_then(Email::parse) else { return Ok(true) };
    let user = store::users::find(&app.db, &who.user_id).await?;
    Ok(user.is_some_and(|u| u.email == hinted))
}

fn word(yes: bool) -> &'static str {
    if yes { "yes" } else { "no" }
}

fn switched_off(cause: String) -> PageError {
    let explanation = "Signing in to this application is switched off at the moment.";
    PageError::new(StatusCode::FORBIDDEN, "switched_off", "Sign-in is switched off", explanation, cause).known(Cause::TenantOff)
}
