//! The link that the first start prints: whoever reads the process's output makes the first organisation, and in it the
//! first administrator, of the whole deployment. With the first one there, no such link opens anything.

use axum::{
    extract::{Path, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use serde::Deserialize;

use super::{
    authorize,
    pages::{self, Wrong},
};
use crate::{
    admin_link,
    app::App,
    error::PageError,
    page::PageForm,
    password::PasswordError,
    policy::{
        chosen_password::{self, LEAST},
        email::Email,
        identity::Provisioning,
        provisioning::named,
    },
    secret,
    session::{SignedIn, Visit},
    store::{
        self,
        admin_links::{self, Kind},
        audit::{self, Action, Actor, Changes, Event},
        tenants::{self, Tenant},
        users::{self, User},
    },
};

/// Longest short name of an organisation; a label of a host name.
const NAME: usize = 63;

/// What the page's form sends.
#[derive(Debug, Deserialize)]
pub struct First {
    csrf: String,
    #[serde(default)]
    organisation: String,
    #[serde(default)]
    email: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    password: String,
}

/// `GET /admin/_/setup/{token}`: nothing is used up by looking.
pub async fn show(State(app): State<App>, mut visit: Visit, Path(token): Path<String>) -> Result<Response, PageError> {
    authorize::count(&app, &visit)?;
    require(&app, &token).await?;
    let jar = authorize::bind(&mut visit);
    let blank = First {
        csrf: String::new(),
        organisation: String::new(),
        email: String::new(),
        name: String::new(),
        password: String::new(),
    };
    Ok((jar, page(&app, &visit, &token, &blank, Wrong::default())).into_response())
}

/// `POST /admin/_/setup/{token}`
pub async fn submit(
    State(app): State<App>,
    visit: Visit,
    Path(token): Path<String>,
    PageForm(form): PageForm<First>,
) -> Result<Response, PageError> {
    authorize::count(&app, &visit)?;
    visit.check_form(&app, &purpose(&token), &form.csrf)?;
    require(&app, &token).await?;
    let again = |wrong| Ok((StatusCode::UNPROCESSABLE_ENTITY, page(&app, &visit, &token, &form, wrong)).into_response());
    let (name, address) = (form.organisation.trim(), Email::parse(form.email.trim()));
    let mut wrong = judge(&form, address.as_ref());
    if wrong.organisation.is_none() && tenants::find_by_name(&app.db, name).await?.is_some() {
        wrong.organisation = Some("There is an organisation of this name already.");
    }
    let Some(email) = address.filter(|_| !wrong.is_any()) else { return again(wrong) };
    let hash = match app.passwords.hash(&form.password).await {
        Ok(hash) => hash,
        Err(PasswordError::Busy) => return again(Wrong { whole: Some(super::password::BUSY), ..wrong }),
        Err(PasswordError::Hash) => return Err(PageError::internal("the password could not be hashed")),
    };
    let user = make(&app, &visit, &token, (name, email, form.name.trim(), hash)).await?;
    welcome(&app, &visit, &user, "pwd", app.settings.session_absolute).await
}

/// All that is wrong with what was typed, as far as that can be seen without asking anybody.
fn judge(form: &First, email: Option<&Email>) -> Wrong<'static> {
    let name = form.organisation.trim();
    let is_name = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
    let is_unnamed = name.is_empty() || name.len() > NAME || !name.bytes().all(is_name);
    let is_weak = match email {
        Some(email) => chosen_password::judge(&form.password, email).is_err(),
        // Whether it is one's own address again is asked once there is one.
        None => form.password.chars().count() < LEAST,
    };
    // No form would save it again.
    let is_unwritten = form.name.trim().chars().any(char::is_control);
    Wrong {
        name: is_unwritten.then_some("Your name must be one line of text."),
        organisation: is_unnamed.then_some("The short name must be small letters, digits and hyphens, like acme."),
        email: email.is_none().then_some("Please type your e-mail address, like name@example.com."),
        password: is_weak.then_some("Take a longer password: a few words that have nothing to do with each other do well."),
        whole: None,
    }
}

/// The organisation, its first user, and the link used up, together.
async fn make(
    app: &App,
    visit: &Visit,
    token: &str,
    (name, email, full_name, hash): (&str, Email, &str, String),
) -> Result<User, PageError> {
    let now = app.clock.now();
    let tenant = Tenant {
        id: secret::row_id(now),
        name: name.to_owned(),
        display_name: name.to_owned(),
        provisioning: Provisioning::Invite,
        enabled: true,
        password_login: true,
        require_sso: false,
        access_token_lifetime: None,
        refresh_token_lifetime: None,
        created_at: now,
    };
    let full_name = (!full_name.is_empty()).then(|| full_name.chars().take(200).collect());
    let made = super::link::new_user(&tenant.id, email, true, full_name, now);
    let user = User { password_hash: Some(hash), admin: true, ..made };
    let mut tx = app.db.begin().await?;
    let link = admin_links::take(&mut tx, &app.sealer, token, &visit.address, now).await?;
    if link.is_none_or(|link| link.kind != Kind::Setup) {
        return Err(gone());
    }
    tenants::save(&mut tx, &tenant).await?;
    users::insert(&mut tx, &user, named()).await?;
    users::set_platform(&mut tx, &user.id, true, now).await?;
    let actor = Actor::newcomer(&visit.address);
    let made = Event::new(tenant.id.as_str(), Action::Create, format!("tenant {}", tenant.name));
    audit::append(&mut tx, &app.sealer, &actor, made, now);
    let appointed = Event::new(tenant.id.as_str(), Action::Appoint, audit::subject_of(&mut tx, &user).await?);
    let changes = Changes::default().is("user", "new").is("admin", true).is("platform", true);
    audit::append(&mut tx, &app.sealer, &actor, appointed.with(changes), now);
    tx.commit().await?;
    tracing::info!(tenant = tenant.name, user = user.id, "the first administrator was made");
    Ok(user)
}

/// Signs an administrator in who followed a link, and leads them to the pages.
///
/// # Errors
/// When the database does not answer.
pub async fn welcome(app: &App, visit: &Visit, user: &User, how: &str, lifetime: i64) -> Result<Response, PageError> {
    let now = app.clock.now();
    let signed_in = SignedIn {
        sid: secret::random_id(),
        user_id: user.id.clone(),
        tenant_id: user.tenant_id.clone(),
        connection_id: None,
        auth_time: now,
        amr: how.to_owned(),
        until: now + lifetime,
        seen_at: now,
    };
    visit.sign_in(&signed_in).await?;
    Ok((StatusCode::SEE_OTHER, [(header::LOCATION, "/admin")]).into_response())
}

async fn require(app: &App, token: &str) -> Result<(), PageError> {
    let link = store::admin_links::look(&app.db, token, app.clock.now()).await?;
    if link.is_some_and(|link| link.kind == Kind::Setup) { Ok(()) } else { Err(gone()) }
}

/// The page for a link that lets nobody in.
#[must_use]
pub fn gone() -> PageError {
    let explanation = "This link has been used, it has expired, or it never was one.";
    PageError::new(StatusCode::NOT_FOUND, "link_gone", "This link leads nowhere", explanation, "no such administrator's link")
        .advise("Whoever runs gatehouse can make another: see gatehouse admin.")
}

/// What a form of a link's page is for.
#[must_use]
pub fn purpose(token: &str) -> String {
    format!("admin-link/{}", secret::digest(token))
}

/// A page whose address is a secret.
#[must_use]
pub fn unnamed(mut response: Response) -> Response {
    response.headers_mut().insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

fn page(app: &App, visit: &Visit, token: &str, typed: &First, wrong: Wrong<'_>) -> Response {
    let page = pages::Setup {
        action: &format!("{}{token}", admin_link::SETUP),
        csrf: &visit.form_token(app, &purpose(token)),
        organisation: &typed.organisation,
        email: &typed.email,
        name: &typed.name,
        least: LEAST,
        wrong,
    };
    unnamed(page.into_response())
}
