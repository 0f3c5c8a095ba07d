//! From an identity to a user: reads what the decision table needs, asks `policy::linking`, and does what it says. Two
//! sign-ins that race for the same identity or address meet at the unique keys, and the loser decides anew.

use axum::http::StatusCode;

use super::dispatch::Pending;
use crate::{
    app::App,
    connector::presets,
    error::PageError,
    policy::{
        email::Email,
        identity::Identity,
        linking::{self, Decision, Refusal, Rules},
    },
    secret,
    store::{self, connections::Connection, users::User},
};

/// The user this identity signs in as.
///
/// # Errors
/// A page that says why not.
pub async fn user_of(app: &App, pending: &Pending, connection: &Connection, identity: &Identity) -> Result<User, PageError> {
    for _ in 0..3 {
        if let Some(user) = try_once(app, pending, connection, identity).await? {
            return Ok(user);
        }
    }
    Err(PageError::unavailable("linking kept racing with another sign-in"))
}

async fn try_once(app: &App, pending: &Pending, connection: &Connection, identity: &Identity) -> Result<Option<User>, PageError> {
    let (db, now, tenant) = (&app.db, app.clock.now(), &pending.tenant);
    let owner = store::identities::owner(db, &connection.id, &identity.issuer, &identity.subject).await?;
    let email = identity.email.as_deref().and_then(Email::parse);
    let same_email = match &email {
        Some(email) => store::identities::with_email(db, &tenant.id, email, &connection.id).await?,
        None => None,
    };
    let domains = store::domains::of_tenant(db, &tenant.id).await?;
    let rules = Rules {
        email_trust: presets::filled(&connection.settings, connection.protocol).email_trust(),
        domains: &domains,
        provisioning: tenant.provisioning,
    };
    match linking::decide(identity, owner.as_ref(), same_email.as_ref(), &rules) {
        Decision::SignIn(user_id) => {
            store::identities::touch(db, &connection.id, identity, now).await?;
            if let Some(name) = &identity.name {
                store::users::rename(db, &user_id, name, now).await?;
            }
            Ok(store::users::find(db, &user_id).await?)
        }
        Decision::Link(user_id) => {
            let id = secret::row_id(now);
            if !store::identities::insert(db, &id, &connection.id, &user_id, identity, now).await? {
                return Ok(None);
            }
            tracing::info!(user = user_id, connection = connection.name, "identity linked by e-mail");
            Ok(store::users::find(db, &user_id).await?)
        }
        Decision::Create(email) => {
            let user = User {
                id: secret::row_id(now),
                tenant_id: tenant.id.clone(),
                email,
                email_proven: true,
                name: identity.name.clone(),
                password_hash: None,
                admin: false,
                active: true,
                shut_by: None,
                created_at: now,
                updated_at: now,
            };
            let mut tx = db.begin().await?;
            let identity_id = secret::row_id(now);
            let made = store::users::insert(&mut tx, &user).await?
                && store::identities::insert(&mut tx, &identity_id, &connection.id, &user.id, identity, now).await?;
            if !made {
                return Ok(None);
            }
            tx.commit().await?;
            tracing::info!(user = user.id, connection = connection.name, "user created at first sign-in");
            Ok(Some(user))
        }
        Decision::Refuse(refusal) => {
            let page = page(refusal, connection, identity);
            crate::metrics::login(connection.protocol.as_str(), page.kind);
            Err(page)
        }
    }
}

fn page(refusal: Refusal, connection: &Connection, identity: &Identity) -> PageError {
    let (kind, title, explanation) = match refusal {
        Refusal::Deactivated => {
            ("deactivated", "Your account is deactivated", "Your account has been deactivated, so you cannot sign in.")
        }
        Refusal::NoEmail | Refusal::BadEmail => (
            "no_email",
            "Your e-mail address is missing",
            "Your organisation's sign-in did not tell us a usable e-mail address, and we need one to know your account.",
        ),
        Refusal::EmailUntrusted => (
            "email_untrusted",
            "Your e-mail address is not confirmed",
            "Your organisation's sign-in did not confirm that the e-mail address is yours.",
        ),
        Refusal::LocalEmailUnproven | Refusal::AlreadyLinked => (
            "link_conflict",
            "This account belongs to another sign-in",
            "An account with your e-mail address exists already, and we cannot be sure that it is yours.",
        ),
        Refusal::NotInvited => (
            "not_invited",
            "You have not been invited",
            "Only people with an invitation can sign in here, and we found none for your e-mail address.",
        ),
        Refusal::NotProvisioned => (
            "not_provisioned",
            "Your account has not been set up",
            "Accounts here are made by your organisation's directory, and yours is not there yet.",
        ),
    };
    let cause = format!("connection {}, subject {:?}: {refusal}", connection.name, identity.subject);
    PageError::new(StatusCode::FORBIDDEN, kind, title, explanation, cause)
        .advise("Ask your organisation's administrator for help.")
}
