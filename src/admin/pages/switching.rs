//! What is asked before a form switches something off that people or programs use: whom it shuts out, in numbers.

use axum::response::Response;

use super::{caller::Posted, confirm::Question, form::Kind, frame::Frame, things::Place};
use crate::{
    app::App,
    apply::{
        Action, Plan,
        single::{Fault, Noun},
    },
    error::PageError,
    policy::principal::Kind as Holder,
    store::{StoreError, connections, dependents, overview::MOST, principals, resources, sites, trusted_issuers},
};

/// A field of the form that says yes.
const CONFIRMED: &str = "confirmed";
/// Fields that shut somebody out when they come to say this.
const SHUTTING: [(&str, bool); 4] =
    [("enabled", false), ("require_sso", true), ("password_login", false), ("login_enabled", false)];

/// The field whose change shuts somebody out, and nobody has agreed to yet.
#[must_use]
pub fn unasked(plan: &Plan, posted: &Posted) -> Vec<&'static str> {
    if posted.one(CONFIRMED).is_some() { Vec::new() } else { shutting(plan) }
}

fn shutting(plan: &Plan) -> Vec<&'static str> {
    let updates = plan.lines.iter().filter(|line| line.action == Action::Update);
    let changes: Vec<_> = updates.flat_map(|line| &line.changes).collect();
    let shuts = |(field, to): (&'static str, bool)| {
        changes.iter().any(|change| change.field == field && change.is == to && change.was == !to).then_some(field)
    };
    SHUTTING.into_iter().filter_map(shuts).collect()
}

/// A secret that was typed cannot go along with a question, for a page never says it again.
#[must_use]
pub fn kept_secrets(place: &Place, thing: &serde_json::Value, posted: &Posted) -> Vec<Fault> {
    let secrets = place.noun.fields(thing).iter().filter(|field| field.kind == Kind::Secret);
    let typed = secrets.filter(|field| posted.one(field.path).is_some_and(|text| !text.is_empty()));
    let text = "save this by itself first: to switch something off is asked about, and a secret is never sent back to be asked";
    typed.map(|field| Fault { path: field.path.to_owned(), text: text.to_owned() }).collect()
}

/// Asks; the whole form goes along.
///
/// # Errors
/// When the database does not answer.
pub async fn ask(app: &App, place: &Place, name: &str, posted: &Posted, fields: &[&'static str]) -> Result<Response, PageError> {
    let mut loss = Vec::new();
    for field in fields {
        loss.extend(lost(app, place, name, field).await?);
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
        _ => (
            format!("Switch off the {} {name}?", place.key.word()),
            "It counts from the next request on, until it is switched on again.",
            "Switch off",
        ),
    };
    let back = place.form(name);
    let question = Question { lead, loss: &loss, action: &back, back: &back, yes, error: None };
    let carried = posted.fields().iter().filter(|(field, _)| field != "csrf" && field != CONFIRMED).cloned();
    let carried: Vec<_> = carried.chain([(CONFIRMED.to_owned(), "on".to_owned())]).collect();
    Ok(question.carrying(&carried, &Frame::of_tenant(app, &posted.caller, &place.tenant, place.noun.name, title)))
}

fn number(n: i64, one: &str, many: &str) -> Option<String> {
    match n {
        0 => None,
        1 => Some(format!("1 {one}")),
        n if n > MOST => Some(format!("More than {MOST} {many}")),
        n => Some(format!("{n} {many}")),
    }
}

/// Whom it shuts out.
async fn lost(app: &App, place: &Place, name: &str, field: &str) -> Result<Vec<String>, StoreError> {
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
        (Noun::Tenant, _) => vec![
            number(
                dependents::passwords_of(db, tenant).await?,
                "user has a password, and comes in by single sign-on alone.",
                "users have a password, and come in by single sign-on alone.",
            ),
            Some("Every session and token that began with a password ends, of administrators too.".to_owned()),
        ],
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
                counts: Vec::new(),
                changes: vec![change],
            };
            let mut plan = Plan::default();
            plan.lines.push(line);
            shutting(&plan)
        };
        for (field, to) in SHUTTING {
            assert_eq!(found(Action::Update, field, !to, to), [field]);
            assert!(found(Action::Update, field, to, !to).is_empty(), "{field}");
            assert!(found(Action::Create, field, !to, to).is_empty(), "{field}");
        }
        assert!(found(Action::Update, "trusted", true, false).is_empty());
    }
}
