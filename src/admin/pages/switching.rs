//! What is asked before a form switches something off that people or programs use, or takes from them: whom it shuts out, in
//! numbers.

use axum::response::Response;
use serde_json::Value;

use super::{
    caller::Posted,
    confirm::Question,
    form::{Field, Kind},
    frame::Frame,
    things::Place,
};
use crate::{
    app::App,
    apply::{
        Action, Plan,
        single::{Fault, Noun},
    },
    error::PageError,
    policy::principal::Kind as Holder,
    store::{
        StoreError, connections, dependents, overview::MOST, principals, resources, sites, tenants::Tenant, trusted_issuers,
        users,
    },
};

/// A field of the form that says yes.
pub const CONFIRMED: &str = "confirmed";
/// Fields that shut somebody out when they come to say this.
const SHUTTING: [(&str, bool); 4] =
    [("enabled", false), ("require_sso", true), ("password_login", false), ("login_enabled", false)];

/// People who are linked are known by something else from now on.
const KNOWN: &str = "known by";
/// Somebody's password becomes another one.
const PASSWORD: &str = "password";
/// Names the secrets that were asked for again.
pub const ANEW: &str = "anew";

/// The field whose change shuts somebody out or takes something from them, and nobody has agreed to yet.
#[must_use]
pub fn unasked(plan: &Plan, noun: Noun, posted: &Posted) -> Vec<&'static str> {
    if posted.one(CONFIRMED).is_some() { Vec::new() } else { shutting(plan, noun) }
}

fn shutting(plan: &Plan, noun: Noun) -> Vec<&'static str> {
    let updates = plan.lines.iter().filter(|line| line.action == Action::Update);
    let changes: Vec<_> = updates.flat_map(|line| &line.changes).collect();
    let shuts = |(field, to): (&'static str, bool)| {
        changes.iter().any(|change| change.field == field && change.is == to && change.was == !to).then_some(field)
    };
    let found = SHUTTING.into_iter().filter_map(shuts);
    let rights = changes.iter().filter_map(|change| match (noun, change.field.as_str()) {
        (Noun::Users, "admin") if change.was == true => Some("admin"),
        (Noun::Users, field) if field.starts_with("password ") && !change.was.is_null() => Some(PASSWORD),
        (Noun::ServiceTokens, "scopes") if !cut(&change.was, &change.is).is_empty() => Some("scopes"),
        _ => None,
    });
    let known = (!plan.takings(true).is_empty()).then_some(KNOWN);
    found.chain(rights).chain(known).collect()
}

/// The scopes that go.
fn cut(was: &Value, is: &Value) -> Vec<String> {
    let words = |value: &Value| -> Vec<String> {
        value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let (was, is) = (words(was), words(is));
    // Who may write may read.
    let stays = |scope: &String| is.iter().any(|is| is == "admin" || is == scope || *is == scope.replace(":read", ":write"));
    was.into_iter().filter(|scope| !stays(scope)).collect()
}

/// The secrets that were to be typed again and were not: the form comes back rather than being saved without them.
#[must_use]
pub fn left_out(posted: &Posted) -> Vec<Fault> {
    let empty = posted.all(ANEW).filter(|path| posted.one(path).is_none_or(str::is_empty));
    let text = "type it here again: no secret goes along with a question";
    empty.map(|path| Fault { path: path.to_owned(), text: text.to_owned() }).collect()
}

/// Asks; the whole form goes along, but for secrets: those that were typed are asked for again, for a page never says one.
///
/// # Errors
/// When the database does not answer.
pub async fn ask(
    app: &App,
    place: &Place,
    (name, thing): (&str, &Value),
    posted: &Posted,
    plan: &Plan,
    fields: &[&'static str],
) -> Result<Response, PageError> {
    let mut loss = Vec::new();
    for field in fields {
        loss.extend(match *field {
            KNOWN => plan.takings(true).into_iter().map(capital).collect(),
            field => lost(app, place, (name, thing), plan, field).await?,
        });
    }
    let (title, lead, yes) = match fields.first() {
        Some(&"require_sso") => {
            ("Require single sign-on?".to_owned(), "From now on nobody signs in here with a password.", "Require it")
        }
        Some(&"password_login") => {
            ("Switch off passwords?".to_owned(), "From now on nobody signs in here with a password.", "Switch off")
        }
        Some(&"login_enabled") => (
            format!("Offer the connection {name} for sign-in no more?"),
            "From now on nobody signs in over it.",
            "Offer it no more",
        ),
        Some(&KNOWN) => (
            format!("Know people of {name} by something else?"),
            "They are linked by an issuer and a unique id. Whom the provider names otherwise from now on is a stranger, and refused \
             where their address is taken, until they are unlinked one by one or the old value is back. This is lost:",
            "Save",
        ),
        Some(&"admin") => (
            format!("Take the administrator's rights from {}?", thing["email"].as_str().unwrap_or(name)),
            "They administer the organisation no more. They may go on signing in.",
            "Take them",
        ),
        Some(&PASSWORD) => (
            format!("Set another password for {}?", thing["email"].as_str().unwrap_or(name)),
            "Whoever is signed in as them is out at once, everywhere.",
            "Set it",
        ),
        Some(&"scopes") => (
            format!("Take scopes from the service token {name}?"),
            "Whatever uses it is refused what it may do no more, from the next request on.",
            "Take them",
        ),
        _ => (
            format!("Switch off the {} {name}?", place.key.word()),
            "It counts from the next request on, until it is switched on again.",
            "Switch off",
        ),
    };
    let back = place.form(name);
    let question = Question { lead, loss: &loss, action: &back, back: &back, yes, error: None };
    let secrets = place.noun.fields(thing).iter().filter(|field| field.kind == Kind::Secret);
    let (typed, empty): (Vec<&Field>, Vec<&Field>) =
        secrets.partition(|field| posted.one(field.path).is_some_and(|text| !text.is_empty()));
    let stays = |name: &str| ["csrf", CONFIRMED, ANEW].contains(&name) || typed.iter().chain(&empty).any(|f| f.path == name);
    let carried = posted.fields().iter().filter(|(field, _)| !stays(field)).cloned();
    let anew = typed.iter().map(|field| (ANEW.to_owned(), field.path.to_owned()));
    let carried: Vec<_> = carried.chain(anew).chain([(CONFIRMED.to_owned(), "on".to_owned())]).collect();
    let again: Vec<_> = typed.iter().map(|field| (field.path, field.label)).collect();
    Ok(question.carrying(&carried, &again, &Frame::of_tenant(app, &posted.caller, &place.tenant, place.noun.name, title)))
}

fn number(n: i64, one: &str, many: &str) -> Option<String> {
    match n {
        0 => None,
        1 => Some(format!("1 {one}")),
        n if n > MOST => Some(format!("More than {MOST} {many}")),
        n => Some(format!("{n} {many}")),
    }
}

fn capital(text: String) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).chain(['.']).collect())
}

/// What ends with a password or with an administrator's rights, as with a sign-out everywhere.
async fn ends_of(app: &App, thing: &Value, field: &str) -> Result<Vec<Option<String>>, StoreError> {
    let id = thing["id"].as_str().unwrap_or_default();
    let at_stake = users::at_stake(&app.db, id, app.clock.now()).await?;
    let tokens = number(at_stake.personal_tokens, "personal token ends for good.", "personal tokens end for good.");
    let links = Some("So do the set-up links that they made, and what their tokens made.".to_owned());
    Ok(match field {
        PASSWORD => vec![
            number(at_stake.sessions, "browser session ends.", "browser sessions end."),
            number(
                at_stake.token_families,
                "sign-in at an application ends, with its tokens.",
                "sign-ins at applications end, with their tokens.",
            ),
            number(at_stake.site_sessions, "sign-in to a site ends.", "sign-ins to sites end."),
            tokens,
        ],
        _ => vec![tokens, links],
    })
}

/// Who is left with a password that signs nobody in.
async fn without_passwords(app: &App, tenant: &Tenant) -> Result<Vec<Option<String>>, StoreError> {
    if !tenant.takes_passwords() {
        return Ok(vec![Some("Passwords sign nobody in here already, so nobody is shut out by this.".to_owned())]);
    }
    let (db, id) = (&app.db, tenant.id.as_str());
    let led = users::led(db, id).await?;
    let led = format!(
        "Of {} active administrators of the organisation {} signed in over a connection that is enabled and offered.",
        led.administrators,
        match led.over_connections {
            0 => "none has".to_owned(),
            1 => "1 has".to_owned(),
            n => format!("{n} have"),
        }
    );
    Ok(vec![
        number(
            dependents::passwords_of(db, id).await?,
            "user has a password, which signs them in no more.",
            "users have a password, which signs them in no more.",
        ),
        number(
            dependents::passwords_alone(db, id).await?,
            "of these has never come in over a connection that people can use: only its provider can let them in.",
            "of these have never come in over a connection that people can use: only its provider can let them in.",
        ),
        Some(led),
        Some("Every session and token that began with a password ends, of administrators too.".to_owned()),
    ])
}

/// Whom it shuts out.
async fn lost(
    app: &App,
    place: &Place,
    (name, thing): (&str, &Value),
    plan: &Plan,
    field: &str,
) -> Result<Vec<String>, StoreError> {
    const OVER_APPS: (&str, &str) = (
        "sign-in at an application is refused from now on, with its tokens.",
        "sign-ins at applications are refused from now on, with their tokens.",
    );
    let (db, tenant, now) = (&app.db, place.tenant.id.as_str(), app.clock.now());
    let mut all = match (place.key, field) {
        (Noun::Tenant, "enabled") => vec![
            number(
                dependents::active_users_of(db, tenant).await?,
                "user cannot sign in any more.",
                "users cannot sign in any more.",
            ),
            number(
                dependents::sessions_of(db, tenant, now).await?,
                "browser session opens nothing any more.",
                "browser sessions open nothing any more.",
            ),
            number(dependents::families_of_tenant(db, tenant, now).await?, OVER_APPS.0, OVER_APPS.1),
            Some("Administrators of the organisation do not come in either, and its service tokens are refused.".to_owned()),
        ],
        (Noun::Tenant, _) => without_passwords(app, &place.tenant).await?,
        (Noun::Users, field) => ends_of(app, thing, field).await?,
        (Noun::ServiceTokens, "scopes") => {
            let changes = plan.lines.iter().flat_map(|line| &line.changes).filter(|change| change.field == "scopes");
            changes.flat_map(|change| cut(&change.was, &change.is)).map(Some).collect()
        }
        (Noun::Connections, _) => match connections::find_by_name(db, tenant, name).await? {
            Some(x) => vec![
                number(
                    dependents::linked_over(db, &x.id, 0).await?.count,
                    "user signs in over it, and cannot any more.",
                    "users sign in over it, and cannot any more.",
                ),
                number(dependents::families_over(db, &x.id, now).await?, OVER_APPS.0, OVER_APPS.1).filter(|_| field == "enabled"),
            ],
            None => Vec::new(),
        },
        (Noun::Clients, _) => vec![
            Some("Nobody signs in to it any more.".to_owned()),
            number(dependents::families_of_client(db, name, now).await?, OVER_APPS.0, OVER_APPS.1),
        ],
        (Noun::Sites, _) => match sites::find_by_name(db, tenant, name).await? {
            Some(x) => vec![
                Some("No request to its hosts is let through by it.".to_owned()),
                number(
                    dependents::sessions_of_site(db, &x.id, now).await?,
                    "browser is signed in to it.",
                    "browsers are signed in to it.",
                ),
            ],
            None => Vec::new(),
        },
        (Noun::TrustedIssuers, _) => match trusted_issuers::find_by_name(db, tenant, name).await? {
            Some(x) => vec![
                Some("Its tokens are refused.".to_owned()),
                number(
                    dependents::mapped_from(db, &x.id, 0).await?.count,
                    "identity or team is nobody's by its tokens.",
                    "identities and teams are nobody's by its tokens.",
                ),
                number(
                    dependents::sessions_at_issuer(db, &x.id, now).await?,
                    "browser is signed in to a site there.",
                    "browsers are signed in to sites there.",
                ),
            ],
            None => Vec::new(),
        },
        (Noun::Directories, _) => vec![Some("Its tokens are refused: whom it makes and shuts out is not heard.".to_owned())],
        (Noun::ServiceTokens, _) => vec![Some("Whatever uses it is refused.".to_owned())],
        _ => Vec::new(),
    };
    let holder = match place.key {
        Noun::ExternalIdentities => Some(Holder::ExternalIdentity),
        Noun::VirtualAccounts => Some(Holder::VirtualAccount),
        _ => None,
    };
    if let Some(kind) = holder
        && let Some(x) = principals::find_by_name(db, tenant, kind, name).await?
    {
        let held = i64::try_from(resources::held_by(db, &x.id).await?.len()).unwrap_or(i64::MAX);
        all.push(Some("Whoever acts as it is nobody.".to_owned()));
        all.push(number(held, "role of it counts for nothing.", "roles of it count for nothing."));
    }
    Ok(all.into_iter().flatten().collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apply::{Change, Line};

    #[test]
    fn what_shuts_somebody_out_is_asked_about_and_its_return_is_not() {
        let found = |action, field: &str, was: bool, is: bool| {
            let change = Change { field: field.to_owned(), was: was.into(), is: is.into() };
            let line = Line {
                tenant_id: None,
                action,
                name: "tenant acme".to_owned(),
                fields: Vec::new(),
                roles: 0,
                counts: Vec::new(),
                changes: vec![change],
            };
            let mut plan = Plan::default();
            plan.lines.push(line);
            shutting(&plan, Noun::Clients)
        };
        for (field, to) in SHUTTING {
            assert_eq!(found(Action::Update, field, !to, to), [field]);
            assert!(found(Action::Update, field, to, !to).is_empty(), "{field}");
            assert!(found(Action::Create, field, !to, to).is_empty(), "{field}");
        }
        assert!(found(Action::Update, "trusted", true, false).is_empty());
    }

    #[test]
    fn scopes_are_cut_where_one_goes() {
        use serde_json::json;
        assert_eq!(cut(&json!(["users:read", "teams:write"]), &json!(["users:read"])), ["teams:write"]);
        assert_eq!(cut(&json!(["admin"]), &json!(["users:read"])), ["admin"]);
        assert!(cut(&json!(["users:read"]), &json!(["users:read", "teams:read"])).is_empty());
        assert!(cut(&json!(["users:read"]), &json!(["admin"])).is_empty());
        assert!(cut(&json!(["users:read"]), &json!(["users:write"])).is_empty());
        assert_eq!(cut(&json!(["users:write"]), &json!(["users:read"])), ["users:write"]);
    }
}
