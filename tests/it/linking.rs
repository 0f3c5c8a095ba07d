//! Linking by e-mail, through the whole application: which person at the provider becomes which user here.

use gatehouse::{
    policy::email::Email,
    store::{tenants, users},
};
use serde_json::{Value, json};

use crate::{
    browser::Answer,
    on_both,
    sso::{Sso, state},
    world::{Backend, decode, text},
};

on_both!(the_table, only_json_true_is_verified, strangers_need_an_invitation, the_deactivated_stay_out);

async fn sub(sso: &Sso, answer: &Answer) -> String {
    text(&decode(text(&sso.tokens_of(answer).await, "id_token")).1, "sub").to_owned()
}

async fn user(sso: &Sso, email: &str) -> Option<users::User> {
    let tenant = tenants::find_by_name(&sso.app.db, "acme").await.unwrap().unwrap();
    users::find_by_email(&sso.app.db, &tenant.id, &Email::parse(email).unwrap()).await.unwrap()
}

fn one_user(email: &str) -> String {
    format!("  users:\n  - {{email: \"{email}\"}}")
}

/// Who has the address here already.
#[derive(Clone, Copy, Debug, PartialEq)]
enum There {
    Nobody,
    Proven,
    Unproven,
    /// Linked to another person of the same connection.
    Another,
    /// Linked to this person.
    Same,
}

/// `email_trust` × what the provider says × who has the address here.
async fn the_table(backend: Backend) {
    use There::{Another, Nobody, Proven, Same, Unproven};
    const UNCONFIRMED: &str = "is not confirmed";
    const CONFLICT: &str = "belongs to another sign-in";
    let sso = Sso::new(backend).await;
    for (row, (trust, verified, domain, there, expected)) in [
        ("verified", true, "acme.example", Nobody, "made"),
        ("verified", true, "acme.example", Proven, "linked"),
        ("verified", true, "elsewhere.example", Proven, "linked"),
        ("verified", true, "acme.example", Unproven, CONFLICT),
        ("verified", true, "acme.example", Another, CONFLICT),
        ("verified", false, "acme.example", Same, "linked"),
        ("verified", false, "acme.example", Nobody, UNCONFIRMED),
        ("verified", false, "acme.example", Proven, UNCONFIRMED),
        ("domain", false, "acme.example", Nobody, "made"),
        ("domain", false, "acme.example", Proven, "linked"),
        ("domain", false, "acme.example", Unproven, CONFLICT),
        ("domain", false, "acme.example", Another, CONFLICT),
        ("domain", true, "elsewhere.example", Proven, UNCONFIRMED),
        ("domain", true, "acme.example.evil.example", Nobody, UNCONFIRMED),
        ("never", true, "acme.example", Nobody, UNCONFIRMED),
        ("never", true, "acme.example", Proven, UNCONFIRMED),
        ("never", true, "acme.example", Another, UNCONFIRMED),
        ("never", true, "acme.example", Same, "linked"),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("{trust}, verified {verified}, {domain}, {there:?}");
        let (email, subject) = (format!("p{row}@{domain}"), format!("idp|{row}"));
        if there != Nobody {
            sso.apply(&state(&sso.idp, "jit", "verified", &one_user(&email))).await;
        }
        let before = user(&sso, &email).await;
        if matches!(there, Another | Same) {
            sso.person(if there == Same { &subject } else { "idp|another" }, &email);
            sso.idp.person(|p| p["email_verified"] = json!(true));
            assert_eq!(sub(&sso, &sso.fresh().await).await, before.as_ref().unwrap().id, "{name}");
            sso.sql("UPDATE identities SET subject = subject || user_id WHERE subject = 'idp|another'").await;
        }
        if let (Unproven, Some(user)) = (there, &before) {
            users::update(&sso.app.db, &users::User { email_proven: false, ..user.clone() }).await.unwrap();
        }
        sso.apply(&state(&sso.idp, "jit", trust, "")).await;
        sso.person(&subject, &email);
        sso.idp.person(|p| p["email_verified"] = json!(verified));
        let answer = sso.fresh().await;
        let after = user(&sso, &email).await;
        match expected {
            "linked" => assert_eq!(sub(&sso, &answer).await, before.unwrap().id, "{name}"),
            "made" => {
                let made = after.unwrap_or_else(|| panic!("{name}: {}", answer.body));
                assert_eq!(sub(&sso, &answer).await, made.id, "{name}");
                assert!(made.email_proven && made.active && made.password_hash.is_none() && !made.admin, "{name}");
            }
            title => {
                refused(&answer, title);
                assert_eq!(after.map(|u| u.id), before.map(|u| u.id), "{name}: nobody was made");
            }
        }
    }
}

fn refused(answer: &Answer, words: &str) {
    assert_eq!((answer.status, answer.location()), (403, None), "{words}: {}", answer.body);
    assert!(answer.body.contains(words), "{words}: {}", answer.body);
    assert_eq!(answer.reference().len(), 8);
}

async fn only_json_true_is_verified(backend: Backend) {
    let sso = Sso::with(backend, "jit", "verified", &one_user("ada@acme.example")).await;
    for value in [json!("true"), json!(1), Value::Null, json!([]), json!("false"), json!(["true"]), json!({"true": true})] {
        sso.idp.person(|p| p["email_verified"] = value.clone());
        refused(&sso.fresh().await, "is not confirmed");
    }
    sso.idp.person(|p| drop(p.as_object_mut().unwrap().remove("email_verified")));
    refused(&sso.fresh().await, "is not confirmed");
    sso.idp.person(|p| p["email_verified"] = json!(true));
    for email in ["a@evil.example@acme.example", "\"ada@acme.example\"@evil.example", "ada@acme.example\u{0}", "аda@acme.example"]
    {
        sso.person("idp|ada", email);
        refused(&sso.fresh().await, "e-mail address is missing");
    }
    sso.idp.person(|p| drop(p.as_object_mut().unwrap().remove("email")));
    refused(&sso.fresh().await, "e-mail address is missing");
    sso.person("idp|ada", "ADA@acme.EXAMPLE");
    assert!(sso.fresh().await.query("code").is_some(), "one form of one address");
}

async fn strangers_need_an_invitation(backend: Backend) {
    let sso = Sso::with(backend, "invite", "verified", &one_user("guest@acme.example")).await;
    refused(&sso.fresh().await, "You have not been invited");
    assert!(user(&sso, "ada@acme.example").await.is_none());
    sso.person("idp|guest", "guest@acme.example");
    let guest = user(&sso, "guest@acme.example").await.unwrap().id;
    assert_eq!(sub(&sso, &sso.fresh().await).await, guest);
    sso.apply(&state(&sso.idp, "scim", "verified", "")).await;
    assert_eq!(sub(&sso, &sso.fresh().await).await, guest, "whoever is linked stays");
    sso.person("idp|ada", "ada@acme.example");
    refused(&sso.fresh().await, "has not been set up");
    sso.apply(&state(&sso.idp, "scim", "verified", &one_user("ada@acme.example"))).await;
    assert!(sso.fresh().await.query("code").is_some(), "the directory has made them meanwhile");
}

async fn the_deactivated_stay_out(backend: Backend) {
    let sso = Sso::new(backend).await;
    let id = sub(&sso, &sso.fresh().await).await;
    assert!(sso.shut_out(&id).await.is_some());
    for subject in ["idp|ada", "idp|ada-again"] {
        sso.person(subject, "ada@acme.example");
        refused(&sso.fresh().await, "is deactivated");
        assert!(!user(&sso, "ada@acme.example").await.unwrap().active, "not quietly activated");
    }
    assert_eq!(sso.open_again(&id).await, users::Opened::Open);
    sso.person("idp|ada", "ada@acme.example");
    assert_eq!(sub(&sso, &sso.fresh().await).await, id);
}
