//! Users: who is there, who they are upstream, what they are in, and the end and return of their access.

use askama::Template;
use askama_web::WebTemplate;
use axum::{
    extract::{Path, RawQuery, State},
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
};

use super::{
    caller::{Caller, Posted, missing},
    confirm::{Question, done},
    frame::{Frame, address},
    roles, things, tokens,
};
use crate::{
    admin::{
        dossier::{self, Identities},
        users::SIGNED_OUT,
    },
    app::App,
    error::PageError,
    moment::Moment,
    operator::may_judge,
    policy::email::Email,
    store::{
        dossiers::{Living, Membership, Pushed, Upstream},
        left_records::Kept,
        receipts::{self, Receipt},
        roles_held::Of,
        tenants::Tenant,
        users::{self, AtStake, By, LastAdministrator, Opened, Opening, ShutOut, User},
    },
};

/// The address of a user's page.
pub fn path(tenant: &Tenant, id: &str) -> String {
    format!("/admin/{}/users/{id}", tenant.name)
}

/// A user of a tenant that this operator administers.
pub async fn find(app: &App, caller: &Caller, (tenant, id): (&str, &str)) -> Result<(Tenant, User), PageError> {
    let tenant = caller.tenant(app, tenant).await?;
    // Lists elsewhere know a user by address.
    let user = match Email::parse(id) {
        _ if id.contains('\0') => None,
        Some(email) => users::find_by_email(&app.db, &tenant.id, &email).await?,
        None => users::find(&app.db, id).await?,
    };
    let user = user.filter(|user| user.tenant_id == tenant.id).ok_or_else(|| missing("user"))?;
    Ok((tenant, user))
}

/// Most of each list that the page shows at once.
const SHOWN: usize = 100;

#[derive(Debug, Template, WebTemplate)]
#[template(path = "admin/user.html")]
struct Page<'a> {
    frame: &'a Frame,
    failed: bool,
    list: &'a str,
    path: &'a str,
    connections: &'a str,
    user: &'a User,
    state: &'a str,
    upstream: &'a [Upstream],
    records: &'a [Record],
    kept: &'a [Kept],
    memberships: &'a [Membership],
    roles: &'a str,
    sessions: &'a [(Living, String)],
    /// Whether one of the lists does not begin at its beginning.
    is_later: bool,
    more_identities: Option<String>,
    more_teams: Option<String>,
    more_sessions: Option<String>,
    tokens: &'a [tokens::Row],
    receipts: &'a [Receipt],
}

/// What a directory says of a user.
#[derive(Debug)]
struct Record {
    directory: String,
    external_id: String,
    user_name: String,
    active: bool,
}

/// `GET /admin/{tenant}/users/{id}`
pub async fn show(
    State(app): State<App>,
    caller: Caller,
    Path((name, id)): Path<(String, String)>,
    RawQuery(query): RawQuery,
) -> Result<Response, PageError> {
    let (tenant, user) = find(&app, &caller, (&name, &id)).await?;
    let after = |list: &str| {
        let mut pairs = url::form_urlencoded::parse(query.as_deref().unwrap_or_default().as_bytes());
        pairs.find(|(name, _)| name == list).map(|(_, place)| place.into_owned()).unwrap_or_default()
    };
    let Some(identities) = dossier::identities(&app, &user.id, &after("identities"), SHOWN).await? else {
        return Ok(beginning(&tenant, &user));
    };
    let Some(memberships) = dossier::teams(&app, &user.id, &after("teams"), SHOWN).await? else {
        return Ok(beginning(&tenant, &user));
    };
    let Some(sessions) = dossier::sessions(&app, &user.id, &after("sessions"), SHOWN).await? else {
        return Ok(beginning(&tenant, &user));
    };
    let path = path(&tenant, &user.id);
    let more = |list: &str, next: Option<&String>| {
        next.map(|next| {
            format!("{path}?{}", url::form_urlencoded::Serializer::new(String::new()).append_pair(list, next).finish())
        })
    };
    let (more_identities, more_teams, more_sessions) = (
        more("identities", identities.next.as_ref()),
        more("teams", memberships.next.as_ref()),
        more("sessions", sessions.next.as_ref()),
    );
    let Identities { upstream, records, kept, .. } = identities;
    let records = records.into_iter().map(|Pushed { directory, record, .. }| Record {
        directory,
        external_id: record.external_id().unwrap_or_default().to_owned(),
        user_name: record.user_name().to_owned(),
        active: record.active,
    });
    let frame = Frame::of_tenant(&app, &caller, &tenant, "users", user.email.as_str());
    let page = Page {
        frame: &frame,
        failed: false,
        list: &address(&tenant.name, "users"),
        path: &path,
        connections: &address(&tenant.name, "connections"),
        state: state(&user),
        upstream: &upstream,
        records: &records.collect::<Vec<_>>(),
        kept: &kept,
        memberships: &memberships.items,
        roles: &roles::section(&app, &caller, &tenant, Of::User(&user.id), &path).await?,
        sessions: &sessions.items,
        is_later: ["identities", "teams", "sessions"].iter().any(|list| !after(list).is_empty()),
        more_identities,
        more_teams,
        more_sessions,
        tokens: &tokens::of(&app, &user).await?,
        receipts: &receipts::of_user(&app.db, &tenant.id, &user.id).await?,
        user: &user,
    };
    Ok(page.into_response())
}

/// The same page from its beginning, for an address that no page of ours has led to.
fn beginning(tenant: &Tenant, user: &User) -> Response {
    (StatusCode::SEE_OTHER, [(header::LOCATION, path(tenant, &user.id))]).into_response()
}

/// Whether this operator may change the user.
pub fn may(caller: &Caller, user: &User) -> bool {
    may_judge(&caller.operator.user, user)
}

/// # Errors
/// They are above whoever asks.
pub fn require_may(caller: &Caller, user: &User) -> Result<(), PageError> {
    if may(caller, user) { Ok(()) } else { Err(not_by_you(user)) }
}

/// They are above whoever asks.
pub fn not_by_you(user: &User) -> PageError {
    let explanation = "This user administers the whole deployment. Only administrators of the deployment may do this.";
    PageError::new(StatusCode::FORBIDDEN, "platform_only", "Not by you", explanation, format!("user {}", user.id))
}

fn state(user: &User) -> &'static str {
    match (user.active, user.shut_by) {
        (true, _) => "Active",
        (false, Some(By::Directory)) => "Deactivated by a directory",
        (false, _) => "Deactivated by an administrator",
    }
}

/// `GET /admin/{tenant}/users/{id}/sign-out`
pub async fn ask_sign_out(
    State(app): State<App>,
    caller: Caller,
    Path((name, id)): Path<(String, String)>,
) -> Result<Response, PageError> {
    let (tenant, user) = find(&app, &caller, (&name, &id)).await?;
    let AtStake { sessions, token_families, site_sessions, personal_tokens, .. } =
        users::at_stake(&app.db, &user.id, app.clock.now()).await?;
    let back = path(&tenant, &user.id);
    let lost = |n: i64, one: &str, many: &str| match n {
        0 => None,
        1 => Some(format!("One {one} ends.")),
        n => Some(format!("{n} {many} end.")),
    };
    let loss = [
        lost(sessions, "browser session", "browser sessions"),
        lost(token_families, "sign-in at an application, with its tokens,", "sign-ins at applications, with their tokens,"),
        lost(site_sessions, "sign-in to a site", "sign-ins to sites"),
        lost(personal_tokens, "personal token", "personal tokens"),
        Some("Applications that asked for it are told to sign them out.".to_owned()),
    ];
    let question = Question {
        lead: "They are out at once, everywhere, and may sign in again.",
        loss: &loss.into_iter().flatten().collect::<Vec<_>>(),
        action: &format!("{back}/sign-out"),
        back: &back,
        yes: "Sign out",
        error: None,
    };
    Ok(question.page(&Frame::of_tenant(&app, &caller, &tenant, "users", format!("Sign {} out everywhere?", user.email.as_str()))))
}

/// `POST /admin/{tenant}/users/{id}/sign-out`
pub async fn sign_out(
    State(app): State<App>,
    Path((name, id)): Path<(String, String)>,
    posted: Posted,
) -> Result<Response, PageError> {
    let caller = &posted.caller;
    let (tenant, user) = find(&app, caller, (&name, &id)).await?;
    require_may(caller, &user)?;
    let actor = caller.actor();
    let out = ShutOut {
        user_id: &user.id,
        by: By::Operator,
        actor: &actor,
        cause: SIGNED_OUT,
        force: false,
        sealer: &app.sealer,
        now: app.clock.now(),
    };
    let mut tx = app.db.begin().await?;
    users::sign_out(&mut tx, &out).await?;
    tx.commit().await?;
    app.deliveries.nudge();
    Ok(done(&path(&tenant, &user.id), "signed-out"))
}

/// `GET /admin/{tenant}/users/{id}/deactivate`
pub async fn confirm(
    State(app): State<App>,
    caller: Caller,
    Path((name, id)): Path<(String, String)>,
) -> Result<Response, PageError> {
    let (tenant, user) = find(&app, &caller, (&name, &id)).await?;
    question(&app, &caller, &tenant, &user, None).await
}

async fn question(app: &App, caller: &Caller, tenant: &Tenant, user: &User, error: Option<&str>) -> Result<Response, PageError> {
    let AtStake { sessions, .. } = users::at_stake(&app.db, &user.id, app.clock.now()).await?;
    let back = path(tenant, &user.id);
    let frame = Frame::of_tenant(app, caller, tenant, "users", format!("Deactivate {}?", user.email.as_str()));
    let question = Question {
        lead: "They are out at once, everywhere, and stay out until they are activated again.",
        loss: &[
            if sessions == 1 { "One browser session ends.".to_owned() } else { format!("{sessions} browser sessions end.") },
            "Every token that applications hold for them ends.".to_owned(),
            "Applications that asked for it are told to sign them out.".to_owned(),
            "Memberships and roles are kept, and count again when they are activated.".to_owned(),
        ],
        action: &format!("{back}/deactivate"),
        back: &back,
        yes: "Deactivate",
        error,
    };
    Ok(question.page(&frame))
}

/// `POST /admin/{tenant}/users/{id}/deactivate`
pub async fn deactivate(
    State(app): State<App>,
    Path((name, id)): Path<(String, String)>,
    posted: Posted,
) -> Result<Response, PageError> {
    let caller = &posted.caller;
    let (tenant, user) = find(&app, caller, (&name, &id)).await?;
    require_may(caller, &user)?;
    let actor = caller.actor();
    let out = ShutOut {
        user_id: &user.id,
        by: By::Operator,
        actor: &actor,
        cause: "deactivated",
        force: false,
        sealer: &app.sealer,
        now: app.clock.now(),
    };
    let mut tx = app.db.begin().await?;
    if let Err(last @ LastAdministrator) = users::shut_out(&mut tx, &out).await? {
        drop(tx);
        return question(&app, caller, &tenant, &user, Some(&format!("Nothing was changed: {last}."))).await;
    }
    tx.commit().await?;
    app.deliveries.nudge();
    Ok(done(&path(&tenant, &user.id), "deactivated"))
}

/// `POST /admin/{tenant}/users/{id}/activate`
pub async fn activate(
    State(app): State<App>,
    Path((name, id)): Path<(String, String)>,
    posted: Posted,
) -> Result<Response, PageError> {
    let (tenant, user) = find(&app, &posted.caller, (&name, &id)).await?;
    require_may(&posted.caller, &user)?;
    let actor = posted.caller.actor();
    let opening = Opening { user_id: &user.id, by: By::Operator, actor: &actor, sealer: &app.sealer, now: app.clock.now() };
    let mut tx = app.db.begin().await?;
    let opened = users::open_again(&mut tx, &opening).await?;
    tx.commit().await?;
    match opened {
        Opened::Open | Opened::Unchanged => Ok(done(&path(&tenant, &user.id), "activated")),
        Opened::ByDirectory | Opened::ByOperator => {
            let explanation = "The user is inactive in a directory, which has the last word: activate them there.";
            let page =
                PageError::new(StatusCode::CONFLICT, "inactive_in_directory", "Still deactivated", explanation, "directory");
            Err(page.advise("").way_on(path(&tenant, &user.id), "Back to the user"))
        }
    }
}

// The rest is as with every noun; their paths stand beside those above.

const NOUN: &str = "users";

fn named(Path((tenant, id)): Path<(String, String)>) -> Path<(String, String, String)> {
    Path((tenant, NOUN.to_owned(), id))
}

/// `GET /admin/{tenant}/users`
pub async fn list(state: State<App>, caller: Caller, Path(tenant): Path<String>, query: RawQuery) -> Result<Response, PageError> {
    things::list(state, caller, Path((tenant, NOUN.to_owned())), query).await
}

/// `POST /admin/{tenant}/users`
pub async fn create(state: State<App>, Path(tenant): Path<String>, posted: Posted) -> Result<Response, PageError> {
    things::create(state, Path((tenant, NOUN.to_owned())), posted).await
}

/// `GET /admin/{tenant}/users/new`
pub async fn new(state: State<App>, caller: Caller, Path(tenant): Path<String>, query: RawQuery) -> Result<Response, PageError> {
    things::new(state, caller, Path((tenant, NOUN.to_owned())), query).await
}

/// `GET /admin/{tenant}/users/{id}/edit`
pub async fn edit(state: State<App>, caller: Caller, path: Path<(String, String)>) -> Result<Response, PageError> {
    things::edit(state, caller, named(path)).await
}

/// `POST /admin/{tenant}/users/{id}/edit`
pub async fn save(state: State<App>, path: Path<(String, String)>, posted: Posted) -> Result<Response, PageError> {
    things::save(state, named(path), posted).await
}

/// `GET /admin/{tenant}/users/{id}/delete`
pub async fn ask(state: State<App>, caller: Caller, path: Path<(String, String)>) -> Result<Response, PageError> {
    things::ask(state, caller, named(path)).await
}

/// `POST /admin/{tenant}/users/{id}/delete`
pub async fn delete(state: State<App>, path: Path<(String, String)>, posted: Posted) -> Result<Response, PageError> {
    things::delete(state, named(path), posted).await
}
