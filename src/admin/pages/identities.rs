//! A user's identities by an operator's word, on the user's page: one linked, and one taken away after a question.

use askama::Template;
use askama_web::WebTemplate;
use axum::{
    extract::{FromRequestParts as _, Path, RawQuery, State},
    http::{StatusCode, request::Parts},
    response::{IntoResponse as _, Response},
};

use super::{
    caller::{self, Caller, Posted, missing},
    confirm::{Question, done},
    frame::Frame,
    users::{find, path},
};
use crate::{
    admin::{
        identities::{look, of_connection},
        in_turn,
    },
    app::App,
    error::PageError,
    identity_link::{Desk, Refused, Unlinked, Wanted, issuer, lost},
    store::{
        audit::Actor,
        connections::{self, Connection},
        dossiers,
        identities::{self, Held},
        tenants::Tenant,
        users::{self, User},
    },
};

/// What the form says.
#[derive(Debug, Default)]
struct Typed {
    connection: String,
    issuer: String,
    subject: String,
}

#[derive(Debug, Template, WebTemplate)]
#[template(path = "admin/identity.html")]
struct Page<'a> {
    frame: &'a Frame,
    failed: bool,
    path: &'a str,
    user: &'a User,
    connections: &'a [String],
    typed: &'a Typed,
    /// Of a connection that speaks for several.
    issuers: &'a [String],
    fault: Option<(&'static str, String)>,
}

impl Page<'_> {
    fn fault_of(&self, field: &str) -> Option<&str> {
        self.fault.as_ref().filter(|(name, _)| *name == field).map(|(_, why)| why.as_str())
    }
}

/// `GET /admin/{tenant}/users/{id}/identities`
pub async fn ask(
    State(app): State<App>,
    caller: Caller,
    Path((name, id)): Path<(String, String)>,
    RawQuery(query): RawQuery,
) -> Result<Response, PageError> {
    let (tenant, user) = find(&app, &caller, (&name, &id)).await?;
    let mut typed = Typed::default();
    for (name, value) in url::form_urlencoded::parse(query.as_deref().unwrap_or_default().as_bytes()) {
        if name == "connection" {
            typed.connection = value.into_owned();
        }
    }
    sheet(&app, &caller, (&tenant, &user), &typed, &[], None).await
}

async fn sheet(
    app: &App,
    caller: &Caller,
    (tenant, user): (&Tenant, &User),
    typed: &Typed,
    issuers: &[String],
    fault: Option<(&'static str, String)>,
) -> Result<Response, PageError> {
    let taken = dossiers::upstream(&app.db, &user.id).await?;
    let all = connections::of_tenant(&app.db, &tenant.id).await?.into_iter().map(|connection| connection.name);
    let free: Vec<String> = all.filter(|name| !taken.iter().any(|one| one.connection == *name)).collect();
    let frame = Frame::of_tenant(app, caller, tenant, "users", "Link an identity");
    let failed = fault.is_some();
    let path = path(tenant, &user.id);
    let page = Page { frame: &frame, failed, path: &path, user, connections: &free, typed, issuers, fault };
    Ok((if failed { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK }, page).into_response())
}

/// `POST /admin/{tenant}/users/{id}/identities`: what has to be fetched is fetched before others wait. Who asks is asked again in
/// their turn.
pub async fn link(
    State(app): State<App>,
    Path((name, id)): Path<(String, String)>,
    mut parts: Parts,
    posted: Posted,
) -> Result<Response, caller::Refused> {
    let (tenant, user) = find(&app, &posted.caller, (&name, &id)).await?;
    super::users::require_may(&posted.caller, &user)?;
    let text = |name: &str| posted.one(name).unwrap_or_default().trim().to_owned();
    let typed = Typed { connection: text("connection"), issuer: text("issuer"), subject: text("subject") };
    let none = || ("connection", "There is no such connection.".to_owned());
    let Some(connection) = of_name(&app, &tenant, &typed.connection).await? else {
        return Ok(sheet(&app, &posted.caller, (&tenant, &user), &typed, &[], Some(none())).await?);
    };
    let looked = match look(&app, &posted.caller.operator.user.id, &tenant, &connection).await {
        Ok(looked) => looked,
        Err(wait) => {
            let why = format!("Its metadata would have to be fetched, and too much was looked at: try again in {wait} seconds.");
            let fault = Some(("connection", why));
            return Ok(sheet(&app, &posted.caller, (&tenant, &user), &typed, &[], fault).await?);
        }
    };

    let _turn = in_turn::own_of_caller(&app, &posted.caller.operator.home).await?;
    let caller = &Caller::from_request_parts(&mut parts, &app).await?;
    let (tenant, user) = find(&app, caller, (&name, &id)).await?;
    let whose = (&tenant, &user);
    let Some(connection) = of_name(&app, &tenant, &typed.connection).await? else {
        return Ok(sheet(&app, caller, whose, &typed, &[], Some(none())).await?);
    };
    let done_with = match looked {
        Ok(()) => linked(&app, caller, &user, &connection, &typed).await,
        Err(e) => Err(e),
    };
    match done_with {
        Ok(is_new) => Ok(done(&path(&tenant, &user.id), if is_new { "linked" } else { "unchanged" })),
        Err(Refused::Store(e)) => Err(e.into()),
        Err(Refused::Missing) => Err(missing("user").into()),
        Err(Refused::Forbidden) => Err(super::users::not_by_you(&user).into()),
        Err(e) => {
            let field = match &e {
                Refused::NoIssuer(_) | Refused::HasOne(_) => "connection",
                Refused::Several(_) | Refused::Foreign(_) => "issuer",
                _ => "subject",
            };
            let issuers = match &e {
                Refused::Several(all) | Refused::Foreign(all) => all.clone(),
                _ if !typed.issuer.is_empty() => vec![typed.issuer.clone()],
                _ => Vec::new(),
            };
            let why = match &e {
                Refused::Several(_) => "This connection speaks for several issuers: say which.".to_owned(),
                other => sentence(&other.to_string()),
            };
            Ok(sheet(&app, caller, whose, &typed, &issuers, Some((field, why))).await?)
        }
    }
}

fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| format!("{}{}.", first.to_uppercase(), letters.as_str()))
}

async fn linked(app: &App, caller: &Caller, user: &User, connection: &Connection, typed: &Typed) -> Result<bool, Refused> {
    let issuer = issuer(of_connection(app, connection).await?, Some(&typed.issuer))?;
    let wanted = Wanted { connection, issuer: &issuer, subject: &typed.subject };
    let (actor, may) = (caller.actor(), |user: &User| super::users::may(caller, user));
    counter(app, &actor, &may).link(&user.id, &wanted).await
}

fn counter<'a>(app: &'a App, actor: &'a Actor, may: &'a (dyn Fn(&User) -> bool + Sync)) -> Desk<'a> {
    Desk { db: &app.db, sealer: &app.sealer, actor, may, now: app.clock.now() }
}

async fn of_name(app: &App, tenant: &Tenant, name: &str) -> Result<Option<Connection>, PageError> {
    Ok(if name.contains('\0') { None } else { connections::find_by_name(&app.db, &tenant.id, name).await? })
}

/// The connection in an address, and the identity that the user has on it.
async fn held(app: &App, tenant: &Tenant, user: &User, name: &str) -> Result<(Connection, Held), PageError> {
    let connection = of_name(app, tenant, name).await?.ok_or_else(|| missing("connection"))?;
    let held = identities::of_user(&app.db, &user.id, &connection.id).await?;
    Ok((connection, held.ok_or_else(|| missing("identity"))?))
}

/// `GET /admin/{tenant}/users/{id}/identities/{connection}/unlink`
pub async fn confirm(
    State(app): State<App>,
    caller: Caller,
    Path((name, id, connection)): Path<(String, String, String)>,
) -> Result<Response, PageError> {
    let (tenant, user) = find(&app, &caller, (&name, &id)).await?;
    let (connection, held) = held(&app, &tenant, &user, &connection).await?;
    let back = path(&tenant, &user.id);
    let ended = lost(&users::at_stake(&app.db, &user.id, app.clock.now()).await?);
    let mut loss = vec![format!("{} stands for nobody here any more.", held.subject)];
    loss.extend(ended.iter().map(|what| format!("Ends at once: {what}.")));
    loss.push("Teams and roles stay, and count again with the next sign-in.".to_owned());
    let title = format!("Unlink {} from {}?", connection.name, user.email.as_str());
    let question = Question {
        lead: "Nobody signs in as this user by it any more. Where the provider vouches for the same e-mail address, or the \
               directory for the same unique id, their next sign-in links it again: to keep somebody out, deactivate them.",
        loss: &loss,
        action: &format!("{back}/identities/{}/unlink", connection.name),
        back: &back,
        yes: "Unlink",
        error: None,
    };
    Ok(question.page(&Frame::of_tenant(&app, &caller, &tenant, "users", title)))
}

/// `POST /admin/{tenant}/users/{id}/identities/{connection}/unlink`
pub async fn unlink(
    State(app): State<App>,
    Path((name, id, connection)): Path<(String, String, String)>,
    posted: Posted,
) -> Result<Response, PageError> {
    let caller = &posted.caller;
    let (tenant, user) = find(&app, caller, (&name, &id)).await?;
    let (connection, _) = held(&app, &tenant, &user, &connection).await?;
    let (actor, may) = (caller.actor(), |user: &User| super::users::may(caller, user));
    match counter(&app, &actor, &may).unlink(&user.id, &connection, true).await {
        Ok(Unlinked::Done(_)) => {
            app.deliveries.nudge();
            Ok(done(&path(&tenant, &user.id), "unlinked"))
        }
        Err(Refused::Store(e)) => Err(e.into()),
        Err(Refused::Forbidden) => Err(super::users::not_by_you(&user)),
        Ok(Unlinked::Asks(_)) | Err(_) => Err(missing("identity")),
    }
}
