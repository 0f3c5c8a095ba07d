//! An invite's link: a page that says who invites whom, and from there the tenant's own sign-in, or a first password.
//!
//! ```text
//! GET  /login/invite/{token}   the page; nothing is used up, so programs that look at links in mails do no harm
//! POST                         a button: a login without a client, which carries the link's digest → departure
//!                              a password: the user is made here (policy::linking::decide_password)
//!      … the identity provider … → arrival → link: the user is made and the invite accepted, in one transaction
//! GET  /account                where both end
//! ```

use axum::{
    extract::{Path, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use axum_extra::extract::cookie::CookieJar;
use serde::Deserialize;

use super::{
    authorize, callback, choose, departure, dispatch, link,
    pages::{self, Button},
    password,
};
use crate::{
    app::App,
    error::PageError,
    moment::Moment,
    oauth::{authorize::AuthorizeRequest, scope::Scopes},
    page::{PageForm, content_security_policy, set_policy},
    password::PasswordError,
    policy::{
        allowed_domains::AllowedDomains,
        cause::Cause,
        chosen_password::{self, Weakness},
        email::Email,
        identity::EmailTrust,
        legible,
        linking::{self, Decision, Rules},
    },
    secret,
    session::Visit,
    store::{
        self,
        connections::Connection,
        invites::{Invite, State as Worth},
        logins::Login,
        standing::Parties,
        tenants::Tenant,
        users::User,
    },
};

/// The route of an invite's page, whose path nobody may learn.
pub const ROUTE: &str = "/login/invite/{token}";

/// What the path of every such page begins with.
pub const BELOW: &str = "/login/invite/";

/// The path of an invite's page.
#[must_use]
pub fn path(token: &str) -> String {
    format!("{BELOW}{token}")
}

/// An invite whose link was followed.
struct Followed {
    token: String,
    hash: String,
    invite: Invite,
    tenant: Tenant,
    offered: Vec<Connection>,
}

/// `GET /login/invite/{token}`
pub async fn show(State(app): State<App>, mut visit: Visit, Path(token): Path<String>) -> Result<Response, PageError> {
    authorize::count(&app, &visit)?;
    let followed = find(&app, token).await?;
    let jar = authorize::bind(&mut visit);
    Ok((jar, followed.page(&app, &visit, None, None)).into_response())
}

/// What the page's forms send.
#[derive(Deserialize)]
pub struct Choice {
    csrf: String,
    connection: Option<String>,
    #[serde(default)]
    name: String,
    #[serde(default)]
    password: String,
}

/// `POST /login/invite/{token}`
pub async fn accept(
    State(app): State<App>,
    mut visit: Visit,
    Path(token): Path<String>,
    PageForm(choice): PageForm<Choice>,
) -> Result<Response, PageError> {
    visit.check_form(&app, &purpose(&secret::digest(&token)), &choice.csrf)?;
    let followed = find(&app, token).await?;
    let Some(name) = &choice.connection else { return followed.by_password(&app, &mut visit, &choice).await };
    let (jar, login) = followed.begin(&app, &mut visit).await?;
    let pending = dispatch::load(&app, login).await?;
    let response = departure::depart(&app, &visit, &pending, name, Some(followed.invite.email.as_str())).await?;
    Ok((jar, response).into_response())
}

async fn find(app: &App, token: String) -> Result<Followed, PageError> {
    let hash = secret::digest(&token);
    let now = app.clock.now();
    let row = store::invites::by_link(&app.db, &hash).await?;
    let invite = match row {
        Some(invite) if invite.state(now) == Worth::Open => invite,
        row => return Err(over(row.as_ref(), now)),
    };
    let standing = store::standing::require(&app.db, Parties::of_tenant(&invite.tenant_id), now).await?;
    standing.map_err(|refusal| callback::refused(&refusal))?;
    let tenant = store::tenants::find(&app.db, &invite.tenant_id).await?.ok_or_else(|| over(None, now))?;
    let offered = store::connections::offered(&app.db, &tenant.id).await?;
    Ok(Followed { token, hash, invite, tenant, offered })
}

fn purpose(hash: &str) -> String {
    format!("invite/{hash}")
}

impl Followed {
    /// A login that no client asks for, and that carries the invite.
    async fn begin(&self, app: &App, visit: &mut Visit) -> Result<(CookieJar, Login), PageError> {
        authorize::count(app, visit)?;
        let ourselves = dispatch::ourselves(app, &self.tenant.id)?;
        let account = ourselves.settings.redirect_uris.first().cloned();
        let account = account.ok_or_else(|| PageError::internal("the account page has no address"))?;
        let mut request = AuthorizeRequest::unasked(&ourselves, account.clone(), Scopes::default());
        request.landing = Some(account.as_str().to_owned());
        request.login_hint = Some(self.invite.email.as_str().to_owned());
        let jar = authorize::bind(visit);
        let login = Login { invite_hash: Some(self.hash.clone()), ..authorize::pending(app, &self.tenant.id, request) };
        authorize::asked(visit, &login);
        store::logins::insert(&app.db, &login, &visit.browser_hash()).await?;
        Ok((jar, login))
    }

    async fn by_password(&self, app: &App, visit: &mut Visit, choice: &Choice) -> Result<Response, PageError> {
        if !self.tenant.takes_passwords() {
            return Err(password::not_here());
        }
        let again = |visit: &Visit, status: StatusCode, words: &str| {
            (status, self.page(app, visit, Some(&choice.name), Some(words))).into_response()
        };
        if let Err(weakness) = chosen_password::judge(&choice.password, &self.invite.email) {
            return Ok(again(visit, StatusCode::UNPROCESSABLE_ENTITY, words(weakness)));
        }
        // Counted before the hash, which is dear.
        let (jar, login) = self.begin(app, visit).await?;
        let hash = match app.passwords.hash(&choice.password).await {
            Ok(hash) => hash,
            Err(PasswordError::Busy) => return Ok(again(visit, StatusCode::SERVICE_UNAVAILABLE, password::BUSY)),
            Err(PasswordError::Hash) => return Err(PageError::internal("the password could not be hashed")),
        };
        let user = self.make(app, hash, choice.name.trim(), &visit.address).await?;
        let pending = dispatch::load(app, login).await?;
        callback::require_active(app, &pending, &user, None).await?;
        let response = password::welcome(app, visit, pending, &user).await?;
        Ok((jar, response).into_response())
    }

    /// Makes the user, with the invite accepted.
    async fn make(&self, app: &App, password_hash: String, name: &str, address: &str) -> Result<User, PageError> {
        let (db, now) = (&app.db, app.clock.now());
        let domains = store::domains::of_tenant(db, &self.tenant.id).await?;
        // They come over no connection.
        let (provisioning, allowed) = (self.tenant.provisioning, AllowedDomains::default());
        let rules = Rules { email_trust: EmailTrust::Never, domains: &domains, provisioning, allowed: &allowed };
        let same_email = store::identities::with_email(db, &self.tenant.id, &self.invite.email, "").await?;
        match linking::decide_password(&known(&self.invite, true), same_email.as_ref(), &rules) {
            Decision::Create { email, email_proven, invite, admitted, .. } => {
                let name = Some(legible::shown(name).chars().take(NAME).collect()).filter(|name: &String| !name.is_empty());
                let made = link::new_user(&self.tenant.id, email, email_proven, name.or_else(|| self.invite.name.clone()), now);
                let user = User { password_hash: Some(password_hash), ..made };
                let mut tx = db.begin().await?;
                // Of two who follow one link at once, one gets neither user nor invite.
                if !store::users::insert(&mut tx, &user, admitted).await?
                    || !link::accepted(&mut tx, app, &self.tenant, invite.as_deref(), &user, address).await?
                {
                    drop(tx);
                    let row = store::invites::by_link(db, &self.hash).await?;
                    return Err(over(row.as_ref(), now));
                }
                tx.commit().await?;
                tracing::info!(user = user.id, invite = self.invite.id, "user created by an invite and a password");
                Ok(user)
            }
            Decision::Refuse(refusal) => {
                let page = link::page(refusal, format!("invite {}: {refusal}", self.invite.id));
                crate::metrics::login("password", page.kind);
                Err(page)
            }
            Decision::SignIn { .. } | Decision::Link { .. } => Err(PageError::internal("an invite signs nobody else in")),
        }
    }

    /// The page, with the name that was typed.
    fn page(&self, app: &App, visit: &Visit, typed: Option<&str>, error: Option<&str>) -> Response {
        let texts: Vec<String> = self.offered.iter().map(choose::label).collect();
        // Without pictures: nothing of this page comes from elsewhere, since its address is a secret.
        let buttons = self.offered.iter().zip(&texts).map(|(c, text)| Button { connection: &c.name, text, image: None });
        let page = pages::Invited {
            tenant: &self.tenant.display_name,
            by: &self.invite.invited_by,
            name: self.invite.name.as_deref().unwrap_or_default(),
            typed: typed.or(self.invite.name.as_deref()).unwrap_or_default(),
            email: self.invite.email.as_str(),
            until: Moment(self.invite.expires_at),
            action: &path(&self.token),
            csrf: &visit.form_token(app, &purpose(&self.hash)),
            buttons: &buttons.collect::<Vec<_>>(),
            password: self.tenant.takes_passwords(),
            least: chosen_password::LEAST,
            error,
        };
        let mut response = page.into_response();
        let providers = self.offered.iter().flat_map(|c| c.settings.leads_to());
        let leads_to: Vec<&str> = std::iter::once(app.issuer()).chain(providers).collect();
        let policy = content_security_policy(&leads_to, false).replace("img-src 'self' https:", "img-src 'self'");
        set_policy(response.headers_mut(), &policy);
        response.headers_mut().insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        response
    }
}

/// Longest name that is taken, in characters.
const NAME: usize = crate::policy::identity::NAME;

fn words(weakness: Weakness) -> &'static str {
    match weakness {
        Weakness::Short => "That password is too short. Take at least 12 characters: a few words do well.",
        Weakness::Long => "That password is too long.",
        Weakness::Guessable => "That password is easy to guess. Take a few words that have nothing to do with each other.",
    }
}

/// An invite as the decision sees it.
#[must_use]
pub fn known(invite: &Invite, carried: bool) -> linking::Invite {
    linking::Invite { id: invite.id.clone(), email: invite.email.clone(), carried, mailed: invite.mailed }
}

/// The page for a link that opens nothing.
#[must_use]
pub fn over(invite: Option<&Invite>, now: i64) -> PageError {
    let Some(invite) = invite else {
        let explanation = "We know no invite by this link. It may be incomplete, or a newer one was sent to you since.";
        return PageError::new(StatusCode::NOT_FOUND, "invite_unknown", "This link leads nowhere", explanation, "unknown link")
            .known(Cause::InviteOver)
            .advise("Use the link of the newest mail, or ask whoever invited you for another.");
    };
    let (kind, title, explanation, advice) = match invite.state(now) {
        Worth::Accepted => (
            "invite_used",
            "This invite has been used",
            "An invite works once, and somebody has accepted this one.",
            "If that was you, sign in at the application as usual. If not, tell your administrator.",
        ),
        Worth::Revoked => (
            "invite_revoked",
            "This invite was taken back",
            "Whoever invited you has withdrawn the invite.",
            "Ask them, or your organisation's administrator, if you think that it was by mistake.",
        ),
        Worth::Expired | Worth::Open => (
            "invite_expired",
            "This invite has expired",
            "An invite works for a limited time, and this one's is over.",
            "Ask whoever invited you to send it again.",
        ),
    };
    let cause = format!("invite {} is {}", invite.id, invite.state(now).as_str());
    PageError::new(StatusCode::GONE, kind, title, explanation, cause).advise(advice).known(Cause::InviteOver)
}

/// The page for somebody who signed in with another address than the one that was invited.
#[must_use]
pub fn wrong_account(signed_in: Option<&Email>, invited: &Email, cause: String) -> PageError {
    let who = signed_in.map_or("another address", Email::as_str);
    let explanation = format!("You signed in as {who}, but the invite is for {}.", invited.as_str());
    let title = "This invite is for somebody else";
    let advice = format!(
        "Sign out of your organisation's sign-in, or open the invite in a private window, and sign in as {}.",
        invited.as_str()
    );
    let page = PageError::new(StatusCode::FORBIDDEN, "wrong_account", title, explanation, cause);
    page.advise(advice).known(Cause::WrongAccount)
}
