//! Who is invited to an organisation: those who have not come yet, another one, the link once more, and taken back.

use askama::Template;
use askama_web::WebTemplate;
use axum::{
    extract::{Path, RawQuery, State},
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use serde_json::Value;

use super::{
    caller::{Caller, Posted, missing},
    confirm::{Question, done},
    fields::INVITES,
    form,
    frame::{Frame, address},
    list::Query,
    once::Once,
    sheet::Sheet,
};
use crate::{
    admin::invites::part,
    app::App,
    apply::single::Fault,
    error::PageError,
    invitation::{self, Desk, InviteError, Made, Wanted},
    moment::{Moment, seconds},
    policy::provisioning::takes_invites,
    store::{self, invites::Invite, tenants::Tenant, window::Phase},
};

/// Invites on a page.
const PAGE: usize = 50;
const SECTION: &str = "users";

fn path(tenant: &Tenant) -> String {
    address(&tenant.name, "invites")
}

fn desk<'a>(app: &'a App, caller: &Caller) -> Desk<'a> {
    Desk::new(&app.db, &app.sealer, &app.settings, caller.actor(), app.issuer(), app.clock.now())
}

#[derive(Debug, Template, WebTemplate)]
#[template(path = "admin/invites.html")]
struct Page<'a> {
    frame: &'a Frame,
    failed: bool,
    users: &'a str,
    path: &'a str,
    refused: Option<&'a str>,
    invites: &'a [Invite],
    /// What addresses and names contain.
    search: &'a str,
    /// Whether those are shown that nobody can accept any more.
    ended: bool,
    now: i64,
    is_later: bool,
    next: Option<String>,
}

impl Page<'_> {
    fn is_in(&self, state: &Phase) -> bool {
        (*state == Phase::Ended) == self.ended
    }
}

/// `GET /admin/{tenant}/invites`
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    Path(tenant): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, PageError> {
    let tenant = caller.tenant(&app, &tenant).await?;
    let query = Query::narrowed(query.as_deref(), Phase::OF_ENDING, None);
    let (ended, now) = (query.state == Some(Phase::Ended), app.clock.now());
    let state = if ended { Phase::Ended } else { Phase::Open };
    let query = Query { state: Some(state), ..query };
    let (invites, next) = part(&app, &caller.operator.home, &tenant, query.ask(PAGE, now)).await?;
    let path = path(&tenant);
    let from_directory = !takes_invites(tenant.provisioning);
    let page = Page {
        frame: &Frame::of_tenant(&app, &caller, &tenant, SECTION, "Invites"),
        failed: false,
        users: &address(&tenant.name, SECTION),
        path: &path,
        refused: from_directory.then_some("Users of this organisation come from its directory, so nobody can be invited."),
        next: next.map(|last| {
            let mut pairs = url::form_urlencoded::Serializer::new(String::new());
            pairs.append_pair("search", &query.search).append_pair("state", state.as_str()).append_pair("after", &last);
            format!("{path}?{}", pairs.finish())
        }),
        search: &query.search,
        ended,
        now,
        invites: &invites,
        is_later: !query.after.is_empty(),
    };
    Ok(page.into_response())
}

/// `GET /admin/{tenant}/invites/new`
pub async fn new(State(app): State<App>, caller: Caller, Path(tenant): Path<String>) -> Result<Response, PageError> {
    let tenant = caller.tenant(&app, &tenant).await?;
    Ok(sheet(&app, &caller, &tenant, None, &[]))
}

fn sheet(app: &App, caller: &Caller, tenant: &Tenant, posted: Option<&Posted>, faults: &[Fault]) -> Response {
    let path = path(tenant);
    let sheet = Sheet {
        known: Default::default(),
        noun: &INVITES,
        back: (path.clone(), "Invites"),
        action: &path,
        thing: &Value::Null,
        posted,
        faults,
        hidden: &[],
        guide: None,
        section: None,
        is_stored: false,
        version: None,
        stale: false,
        check: None,
        also: Vec::new(),
        findings: None,
        delete: None,
        test: None,
        notices: Vec::new(),
        below: None,
    };
    sheet.page(&Frame::of_tenant(app, caller, tenant, SECTION, INVITES.add))
}

/// `POST /admin/{tenant}/invites`
pub async fn create(State(app): State<App>, Path(tenant): Path<String>, posted: Posted) -> Result<Response, PageError> {
    let caller = &posted.caller;
    let tenant = caller.tenant(&app, &tenant).await?;
    let wanted = match form::read(INVITES.fields(&Value::Null), &|name| posted.one(name), Value::Null) {
        Ok(wanted) => wanted,
        Err(faults) => return Ok(sheet(&app, caller, &tenant, Some(&posted), &faults)),
    };
    let teams: Vec<String> =
        wanted["teams"].as_array().into_iter().flatten().filter_map(|v| v.as_str().map(str::to_owned)).collect();
    let user = &caller.operator.user;
    let email = user.email.as_str();
    let by = user.name.as_ref().map_or_else(|| email.to_owned(), |name| format!("{name} ({email})"));
    let wanted = Wanted {
        email: wanted["email"].as_str().unwrap_or_default(),
        name: wanted["name"].as_str(),
        teams: &teams,
        by: &by,
        lifetime: wanted["expires_in"].as_str().and_then(seconds).unwrap_or(invitation::LIFETIME),
    };
    match desk(&app, caller).invite(&tenant, &wanted).await {
        Ok(made) => Ok(sent(&app, caller, &tenant, &made)),
        Err(e) => {
            let field = match &e {
                InviteError::Store(_) => return Err(unavailable(&e)),
                InviteError::Email(_) | InviteError::IsUser(_) | InviteError::IsDeactivated(_) | InviteError::IsInvited(_) => {
                    "email"
                }
                InviteError::Name => "name",
                InviteError::Team(..) | InviteError::Group(_) => "teams",
                InviteError::Lifetime => "expires_in",
                _ => "",
            };
            let fault = Fault { path: field.to_owned(), text: e.to_string() };
            Ok(sheet(&app, caller, &tenant, Some(&posted), &[fault]))
        }
    }
}

/// What came of it: a mail brings the link, or whoever invites does, who sees it this once.
fn sent(app: &App, caller: &Caller, tenant: &Tenant, made: &Made) -> Response {
    app.deliveries.nudge();
    let path = path(tenant);
    let Some(link) = &made.link else { return done(&path, "invited") };
    let title = format!("The invite for {}", made.invite.email.as_str());
    let values = [("Link", link.clone())];
    let notes = [
        "It is shown this once, works once, and lets in whoever has it: give it to nobody else.".to_owned(),
        format!("It ends {}.", Moment(made.invite.expires_at)),
    ];
    let lead = "This deployment sends no mails: give them the link yourself.";
    let once = Once { back: (&path, "Invites"), lead, values: &values, notes: &notes };
    once.page(&Frame::of_tenant(app, caller, tenant, SECTION, title))
}

fn unavailable(e: &InviteError) -> PageError {
    PageError::unavailable(e.to_string())
}

/// Why an invite is not sent again, or not taken back.
fn refused(tenant: &Tenant, e: &InviteError) -> PageError {
    match e {
        InviteError::Store(_) => unavailable(e),
        InviteError::Unknown => missing("invite"),
        _ => {
            let page = PageError::new(StatusCode::CONFLICT, "invite", "That did not work", format!("Nothing was done: {e}."), "");
            page.advise("").way_on(path(tenant), "Back to the invites")
        }
    }
}

/// An invite of a tenant that this operator administers.
async fn find(app: &App, caller: &Caller, (tenant, id): (String, String)) -> Result<(Tenant, Invite), PageError> {
    let tenant = caller.tenant(app, &tenant).await?;
    let found = if id.contains('\0') { None } else { store::invites::find(&app.db, &tenant.id, &id).await? };
    Ok((tenant, found.ok_or_else(|| missing("invite"))?))
}

/// `POST /admin/{tenant}/invites/{id}/resend`: the same form sent again, by a reload, makes no other link.
pub async fn resend(State(app): State<App>, Path(at): Path<(String, String)>, posted: Posted) -> Result<Response, PageError> {
    let (tenant, invite) = find(&app, &posted.caller, at).await?;
    if posted.one("sent") != Some(invite.sent.to_string().as_str()) {
        return Ok(done(&path(&tenant), "shown"));
    }
    let made = desk(&app, &posted.caller).resend(&tenant, &invite.id, invitation::LIFETIME).await;
    made.map(|made| sent(&app, &posted.caller, &tenant, &made)).map_err(|e| refused(&tenant, &e))
}

/// `GET /admin/{tenant}/invites/{id}/revoke`
pub async fn ask(State(app): State<App>, caller: Caller, Path(at): Path<(String, String)>) -> Result<Response, PageError> {
    let (tenant, invite) = find(&app, &caller, at).await?;
    let back = path(&tenant);
    let email = invite.email.as_str();
    let question = Question {
        lead: "Its link works no more. They can be invited anew.",
        loss: &[format!("{email} cannot come in with it.")],
        action: &format!("{back}/{}/revoke", invite.id),
        back: &back,
        yes: "Revoke",
        error: None,
    };
    Ok(question.page(&Frame::of_tenant(&app, &caller, &tenant, SECTION, format!("Revoke the invite for {email}?"))))
}

/// `POST /admin/{tenant}/invites/{id}/revoke`
pub async fn revoke(State(app): State<App>, Path(at): Path<(String, String)>, posted: Posted) -> Result<Response, PageError> {
    let (tenant, invite) = find(&app, &posted.caller, at).await?;
    match desk(&app, &posted.caller).revoke(&tenant, &invite.id).await {
        Ok(()) => Ok(done(&path(&tenant), "revoked")),
        Err(e) => Err(refused(&tenant, &e)),
    }
}
