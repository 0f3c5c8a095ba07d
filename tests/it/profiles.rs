//! Names and addresses follow the provider at the next sign-in, and nobody becomes somebody else by it.

use gatehouse::{
    params,
    policy::email::Email,
    store::{audit, tenants, users},
};

use crate::{
    on_both,
    sso::{Log, Sso, state},
    world::{Backend, decode, text},
};

on_both!(they_follow_the_provider, never_onto_another_users_address, those_of_files_and_directories_stay);

async fn user(sso: &Sso, id: &str) -> users::User {
    users::find(&sso.app.db, id).await.unwrap().unwrap()
}

/// Signs in as `sub` with what the provider says now: the user's id and row.
async fn comes(sso: &Sso, sub: &str, email: &str, name: &str) -> users::User {
    sso.person(sub, email);
    sso.idp.person(|p| p["name"] = name.into());
    let answer = sso.fresh().await;
    let tokens = sso.tokens_of(&answer).await;
    user(sso, text(&decode(text(&tokens, "id_token")).1, "sub")).await
}

async fn they_follow_the_provider(backend: Backend) {
    let sso = Sso::new(backend).await;
    let ada = comes(&sso, "idp|ada", "ada@acme.example", "Ada Byron").await;
    let log = Log::capture();
    let now = comes(&sso, "idp|ada", "Ada.Lovelace@ACME.example", "Ada Lovelace").await;
    assert_eq!(
        (now.id.as_str(), now.email.as_str(), now.name.as_deref()),
        (ada.id.as_str(), "ada.lovelace@acme.example", Some("Ada Lovelace"))
    );
    assert!(now.email_proven);
    let line = log.text().lines().find(|l| l.contains("e-mail address follows the provider")).map(str::to_owned);
    let line = line.expect("a line for those who look back");
    assert!(line.contains(&ada.id) && line.contains("ada.lovelace@acme.example"), "{line}");
    let log = audit::page(&sso.app.db, &audit::Filter::default(), None, 100).await.unwrap();
    let entry = log.iter().find(|entry| entry.action == "update" && entry.changes["email"].is_object()).unwrap();
    let email = serde_json::json!({"was": "ada@acme.example", "is": "ada.lovelace@acme.example"});
    assert_eq!((&entry.changes["email"], entry.actor_id.as_ref()), (&email, Some(&ada.id)), "{entry:?}");
    assert_eq!(entry.via, "sign-in");
    // Another spelling of the same one is the same one.
    let updated = now.updated_at;
    sso.clock.advance(60);
    let now = comes(&sso, "idp|ada", "ADA.LOVELACE@acme.example", "Ada Lovelace").await;
    assert_eq!((now.email.as_str(), now.updated_at), ("ada.lovelace@acme.example", updated));
    // What the provider does not vouch for is not taken over; nor is what is no address.
    for (email, verified) in [("ada@new.example", false), ("ada@new.example@acme.example", true), ("", true)] {
        sso.idp.person(|p| p["email_verified"] = verified.into());
        assert_eq!(comes(&sso, "idp|ada", email, "Ada").await.email.as_str(), "ada.lovelace@acme.example", "{email}");
    }
    sso.idp.person(|p| p["email_verified"] = true.into());
    sso.apply(&state(&sso.idp, "jit", "domain", "")).await;
    assert_eq!(comes(&sso, "idp|ada", "ada@elsewhere.example", "Ada").await.email.as_str(), "ada.lovelace@acme.example");
    assert_eq!(comes(&sso, "idp|ada", "ada@acme.example", "Ada").await.email.as_str(), "ada@acme.example");
    // The old address is free, and whoever comes with it is somebody else.
    let other = comes(&sso, "idp|other", "ada.lovelace@acme.example", "Other").await;
    assert_ne!(other.id, ada.id);
}

async fn never_onto_another_users_address(backend: Backend) {
    let sso = Sso::new(backend).await;
    let ada = comes(&sso, "idp|ada", "ada@acme.example", "Ada").await;
    let bob = comes(&sso, "idp|bob", "bob@acme.example", "Bob").await;
    // They swap addresses at the provider.
    for (sub, email, who, own) in
        [("idp|ada", "BOB@acme.example", &ada, "ada@acme.example"), ("idp|bob", "ada@acme.example", &bob, "bob@acme.example")]
    {
        let log = Log::capture();
        let now = comes(&sso, sub, email, "New Name").await;
        assert_eq!((now.id.as_str(), now.email.as_str()), (who.id.as_str(), own), "{sub}");
        assert_eq!(now.name.as_deref(), Some("New Name"), "the name goes on");
        let text = log.text();
        let line = text.lines().find(|l| l.contains("another user of the tenant has")).expect("the operator is told");
        assert!(line.contains("WARN") && line.contains(&who.id), "{line}");
    }
    // Another tenant's user is in nobody's way.
    sso.sql("INSERT INTO tenants (id, name, display_name, provisioning, enabled, password_login, created_at) VALUES ('t2', 't2', 'T2', 'jit', TRUE, FALSE, 0)").await;
    sso.sql("INSERT INTO users (id, tenant_id, email, email_proven, admin, active, created_at, updated_at) VALUES ('u2', 't2', 'free@acme.example', TRUE, FALSE, TRUE, 0, 0)").await;
    assert_eq!(comes(&sso, "idp|ada", "free@acme.example", "Ada").await.email.as_str(), "free@acme.example");
}

async fn those_of_files_and_directories_stay(backend: Backend) {
    let people = "  users:\n  - {email: ada@acme.example, name: Ada of the file}";
    let sso = Sso::with(backend, "jit", "verified", people).await;
    let ada = comes(&sso, "idp|ada", "ada@acme.example", "Ada of the provider").await;
    assert_eq!(ada.name.as_deref(), Some("Ada of the file"));
    let now = comes(&sso, "idp|ada", "ada.new@acme.example", "Ada of the provider").await;
    assert_eq!((now.email.as_str(), now.name.as_deref()), ("ada@acme.example", Some("Ada of the file")));

    let bob = comes(&sso, "idp|bob", "bob@acme.example", "Bob").await;
    let tenant = tenants::find_by_name(&sso.app.db, "acme").await.unwrap().unwrap();
    let sql = "INSERT INTO directories (id, tenant_id, name, enabled, settings, created_at) VALUES ('d', $1, 'd', TRUE, '{}', 0)";
    sso.app.db.execute(sql, params![&tenant.id]).await.unwrap();
    let sql = "INSERT INTO directory_users (id, directory_id, user_id, made_user, user_name, active, resource, version, created_at, updated_at) \
               VALUES ('r', 'd', $1, FALSE, 'bob', TRUE, '{}', 1, 0, 0)";
    sso.app.db.execute(sql, params![&bob.id]).await.unwrap();
    let now = comes(&sso, "idp|bob", "robert@acme.example", "Robert").await;
    assert_eq!((now.email.as_str(), now.name.as_deref()), ("bob@acme.example", Some("Bob")));
    assert!(
        users::find_by_email(&sso.app.db, &tenant.id, &Email::parse("robert@acme.example").unwrap()).await.unwrap().is_none()
    );
}
