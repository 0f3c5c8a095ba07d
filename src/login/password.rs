//! Sign-in with a password: one answer and one duration for every way to be wrong, and limits that stop guessing
//! without letting anyone lock a victim out.

use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use axum_extra::extract::cookie::{Cookie, CookieJar};
use serde::Deserialize;

use super::{
    callback, choose,
    dispatch::{self, Pending},
    pages::{self, NO_MATCH},
    throttle::{self, Verdict},
};
use crate::{
    app::App,
    error::PageError,
    page::PageForm,
    password::PasswordError,
    policy::{cause::Cause, email::Email},
    secret,
    session::{SignedIn, Visit, host_cookie},
    store::{
        self,
        audit::{self, Action, Actor, Changes, Event},
        users::User,
    },
};

/// What is said when too many passwords are being looked at.
pub const BUSY: &str = "Many people are signing in right now. Please try again in a moment.";
const DEVICE_COOKIE: &str = "__Host-gatehouse-device";
const DEVICE_DAYS: i64 = 180;

/// What the page's form sends.
#[derive(Debug, Deserialize)]
pub struct Credentials {
    csrf: String,
    #[serde(default)]
    email: String,
    #[serde(default)]
    password: String,
}

/// `GET /login/{login}/password`
pub async fn show(State(app): State<App>, visit: Visit, Path(id): Path<String>) -> Result<Response, PageError> {
    let pending = dispatch::find(&app, &visit, &id).await?;
    let hint = pending.login.request.login_hint.clone().unwrap_or_default();
    Ok(page(&app, &visit, &pending, &hint, None))
}

/// `POST /login/{login}/password`
pub async fn submit(
    State(app): State<App>,
    visit: Visit,
    jar: CookieJar,
    Path(id): Path<String>,
    PageForm(form): PageForm<Credentials>,
) -> Result<Response, PageError> {
    let pending = dispatch::find(&app, &visit, &id).await?;
    visit.check_form(&app, &id, &form.csrf)?;
    if !pending.tenant.takes_passwords() {
        return Err(not_here());
    }
    let email = Email::parse(&form.email);
    let account = format!("{}/{}", pending.tenant.id, email.as_ref().map_or("", |e| e.as_str()));
    visit.trace.about(email.as_ref().map_or("", |e| e.as_str()));
    let known_device = jar.get(DEVICE_COOKIE).is_some_and(|c| is_device_of(&app, &account, c.value()));
    let device = known_device.then(|| jar.get(DEVICE_COOKIE).map_or("", |c| c.value()));
    if let Verdict::Wait(seconds) = throttle::attempt(&app, &account, device, &visit.address).await? {
        crate::metrics::login("password", "throttled");
        visit.trace.failed(Cause::TooManyAttempts, &format!("the next one may be made in {seconds} s"));
        if app.limits.floods.is_first("passwords", &visit.address) {
            tracing::warn!(tenant = pending.tenant.name, address = visit.address, "too many attempts on passwords");
        }
        let message = pages::too_many_attempts((seconds + 59) / 60);
        let page = page(&app, &visit, &pending, &form.email, Some(&message));
        return Ok((StatusCode::TOO_MANY_REQUESTS, page).into_response());
    }
    let user = match &email {
        Some(email) => store::users::find_by_email(&app.db, &pending.tenant.id, email).await?,
        None => None,
    };
    let hash = user.as_ref().and_then(|u| u.password_hash.as_deref());
    let matches = match app.passwords.verify(&form.password, hash).await {
        Ok(matches) => matches,
        Err(PasswordError::Busy) => {
            crate::metrics::login("password", "busy");
            visit.trace.failed(Cause::OwnFault, "too many passwords are being looked at at once");
            let page = page(&app, &visit, &pending, &form.email, Some(BUSY));
            return Ok((StatusCode::SERVICE_UNAVAILABLE, page).into_response());
        }
        Err(e) => return Err(PageError::internal(e.to_string())),
    };
    let administrator = user.as_ref().filter(|user| !matches && (user.admin || user.platform)).cloned();
    let Some(user) = user.filter(|_| matches) else {
        if let Some(user) = administrator {
            // Beside the answer, which comes after the same time for everybody.
            tokio::spawn(refused(app.clone(), user, visit.address.clone()));
        }
        crate::metrics::login("password", "no_match");
        visit.trace.failed(Cause::PasswordWrong, "");
        tracing::info!(tenant = pending.tenant.name, address = visit.address, "password refused");
        let page = page(&app, &visit, &pending, &form.email, Some(NO_MATCH));
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response());
    };
    // Only someone who knows the password learns that the account is deactivated.
    visit.trace.user(&user.id, user.email.as_str());
    visit.trace.hop("password", &[("user", &user.id), ("email", user.email.as_str())]);
    let active = callback::require_active(&app, &pending, &user, None).await;
    active.map_err(|e| callback::another_way(e, &pending))?;
    throttle::succeeded(&app, &account, device, &visit.address).await?;
    let response = welcome(&app, &visit, pending, &user).await?;
    Ok((CookieJar::new().add(device_cookie(&app, &account)), response).into_response())
}

/// Notes that somebody gave a wrong password of an administrator.
async fn refused(app: App, user: User, address: String) {
    let noted = async {
        let mut tx = app.db.begin().await?;
        let subject = audit::subject_of(&mut tx, &user).await?;
        let event = Event::new(user.tenant_id.as_str(), Action::SignInRefused, subject);
        let event = event.with(Changes::default().is("by", "password"));
        audit::append(&mut tx, &app.sealer, &Actor::stranger(&address), event, app.clock.now());
        tx.commit().await
    };
    if let Err(e) = noted.await {
        tracing::error!(cause = %e, user = user.id, "a refused sign-in of an administrator is not in the audit log");
    }
}

/// The page for a password where none counts.
#[must_use]
pub fn not_here() -> PageError {
    let explanation = "This organisation does not use passwords.";
    PageError::new(StatusCode::FORBIDDEN, "no_passwords", "No passwords here", explanation, "passwords are off")
        .known(Cause::PasswordsOff)
}

/// Signs in whoever has proven with a password to be `user`, and returns to the dispatcher.
///
/// # Errors
/// A page.
pub async fn welcome(app: &App, visit: &Visit, mut pending: Pending, user: &User) -> Result<Response, PageError> {
    let who = sign_in(app, visit, &pending, user).await?;
    store::logins::prove(&app.db, &pending.login.id, &who.sid).await?;
    pending.login.proven_by = Some(who.sid);
    crate::metrics::login("password", "success");
    dispatch::proceed(app, visit, pending.login).await
}

async fn sign_in(app: &App, visit: &Visit, pending: &Pending, user: &User) -> Result<SignedIn, PageError> {
    let now = app.clock.now();
    let signed_in = SignedIn {
        sid: secret::random_id(),
        user_id: user.id.clone(),
        tenant_id: pending.tenant.id.clone(),
        connection_id: None,
        auth_time: now,
        amr: "pwd".into(),
        until: now + app.settings.session_absolute,
        seen_at: now,
    };
    visit.sign_in(&signed_in).await?;
    Ok(signed_in)
}

/// The page, with what was typed.
#[must_use]
pub fn page(app: &App, visit: &Visit, pending: &Pending, email: &str, error: Option<&str>) -> Response {
    let back = choose::path(pending);
    let page = pages::Password {
        tenant: &pending.tenant.display_name,
        client: &pending.client.name,
        action: &format!("{back}/password"),
        csrf: &visit.form_token(app, &pending.login.id),
        email,
        back: (!pending.offered.is_empty()).then_some(back.as_str()),
        error,
    };
    pending.page(app, page)
}

/// A browser that has signed in to the account before has its own count of attempts, so that strangers who exhaust the
/// account's cannot keep its owner out (OWASP's device cookies).
fn device_cookie(app: &App, account: &str) -> Cookie<'static> {
    let nonce = secret::random_id();
    let mark = app.sealer.fingerprint(&format!("device/{account}"), &nonce);
    let mut cookie = host_cookie(DEVICE_COOKIE, format!("{nonce}.{mark}"));
    cookie.set_max_age(tower_sessions::cookie::time::Duration::days(DEVICE_DAYS));
    cookie
}

fn is_device_of(app: &App, account: &str, value: &str) -> bool {
    value.split_once('.').is_some_and(|(nonce, mark)| app.sealer.recognises(&format!("device/{account}"), nonce, mark))
}
