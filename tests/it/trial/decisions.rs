//! What an operator is told is what would happen: each decision and each failure, and that nothing is written.

use gatehouse::{
    store::users,
    trial::{Outcome, Told},
};
use serde_json::{Value, json};

use super::{Bench, everything, state, told};
use crate::{
    browser::{Answer, Browser},
    idp::{Broken, Signing, change},
    on_both,
    world::Backend,
};

on_both!(
    what_is_told_is_what_happens,
    each_failure_is_told_with_its_cause,
    a_draft_is_tested_and_signs_nobody_in,
    what_is_told_is_kept_for_a_day,
);

/// Who comes, and who is there.
struct Row {
    name: &'static str,
    provisioning: &'static str,
    settings: &'static str,
    people: &'static str,
    /// Statements behind the application's back.
    sql: &'static [&'static str],
    person: Value,
    /// They have signed in before.
    before: bool,
    outcome: Outcome,
    words: &'static str,
}

fn rows() -> Vec<Row> {
    let ada = json!({"sub": "idp|ada", "email": "ada@acme.example", "email_verified": true});
    let there = "  - {email: ada@acme.example}";
    let row = |name, outcome, words| Row {
        name,
        provisioning: "jit",
        settings: "",
        people: "",
        sql: &[],
        person: ada.clone(),
        before: false,
        outcome,
        words,
    };
    vec![
        row("a stranger", Outcome::Create, "just in time"),
        Row { before: true, ..row("somebody known", Outcome::SignIn, "theirs already") },
        Row { people: there, ..row("somebody with the address", Outcome::Link, "address is believed") },
        Row { provisioning: "invite", ..row("nobody's guest", Outcome::Refuse, "invite-only") },
        Row { provisioning: "scim", ..row("not pushed", Outcome::Refuse, "not provisioned") },
        Row {
            people: there,
            sql: &["UPDATE users SET active = FALSE WHERE email = 'ada@acme.example'"],
            ..row("shut out", Outcome::Refuse, "deactivated")
        },
        Row {
            people: there,
            sql: &["UPDATE users SET email_proven = FALSE WHERE email = 'ada@acme.example'"],
            ..row("an address that was never proven", Outcome::Refuse, "never proven")
        },
        Row {
            before: true,
            sql: &["UPDATE identities SET subject = 'idp|older' WHERE subject = 'idp|ada'"],
            ..row("another unique id", Outcome::Refuse, "already linked")
        },
        Row {
            person: json!({"sub": "idp|ada", "email": "ada@acme.example", "email_verified": "true"}),
            ..row("an address nobody vouches for", Outcome::Refuse, "not proven")
        },
        Row {
            settings: "email_trust: domain,",
            person: json!({"sub": "idp|ada", "email": "ada@elsewhere.example", "email_verified": true}),
            ..row("an address of elsewhere", Outcome::Refuse, "not proven")
        },
        Row { person: json!({"sub": "idp|ada"}), ..row("no address", Outcome::Refuse, "no e-mail address") },
        Row {
            person: json!({"sub": "idp|ada", "email": "no address", "email_verified": true}),
            ..row("no plain address", Outcome::Refuse, "not a plain")
        },
    ]
}

async fn what_is_told_is_what_happens(backend: Backend) {
    let bench = Bench::new(backend).await;
    let mut root = bench.root().await;
    let session = root.cookies.clone();
    for (n, row) in rows().into_iter().enumerate() {
        // Each row has a person of its own.
        let own = |text: &str| text.replace("ada", &format!("p{n}"));
        bench.apply(&state(&bench.idp, row.provisioning, row.settings, &own(row.people))).await;
        bench.idp.person(|p| *p = serde_json::from_str(&own(&row.person.to_string())).unwrap());
        if row.before {
            assert!(bench.fresh().await.query("code").is_some(), "{}", row.name);
        }
        for sql in row.sql {
            assert_eq!(bench.sql(own(sql).leak()).await, 1, "{}", row.name);
        }
        let before = everything(&bench, backend).await;
        let told = bench.run(&mut root, "okta").await;
        assert_eq!(everything(&bench, backend).await, before, "{}: nothing comes of it", row.name);
        assert_eq!(root.cookies, session, "{}: the same session", row.name);
        assert_eq!(root.get(&format!("{}/admin/acme", bench.url)).await.status, 200, "{}", row.name);

        let verdict = &told.report.verdict;
        assert_eq!((verdict.outcome, told.trial.passed), (row.outcome, row.outcome.passed()), "{}: {verdict:?}", row.name);
        assert!(verdict.reason.contains(row.words), "{}: {verdict:?}", row.name);
        assert_eq!(verdict.fix.is_empty(), told.trial.passed, "{}: {verdict:?}", row.name);
        page_tells(&bench, &mut root, &told, &own("idp|ada")).await;
        // The twin: a real sign-in of the same person does as was told.
        let real = bench.fresh().await;
        assert_eq!(real.query("code").is_some(), told.trial.passed, "{}: {}", row.name, real.body);
        assert_ne!(everything(&bench, backend).await, before, "{}: the eye that sees nothing sees this", row.name);
        if let Some(person) = &verdict.user {
            assert!(users::find(&bench.app.db, &person.id).await.unwrap().is_some(), "{}", row.name);
        }
    }
}

/// What the page says is what is kept.
async fn page_tells(bench: &Bench, root: &mut Browser, told: &Told, subject: &str) {
    let page = root.get(&format!("{}/admin/acme/connections/okta/test", bench.url)).await;
    let verdict = &told.report.verdict;
    let mark = if told.trial.passed { ">Passed<" } else { ">Failed<" };
    let escaped = |text: &str| text.replace('&', "&#38;").replace('"', "&#34;").replace('\'', "&#39;");
    for words in [mark, &escaped(&verdict.title), &escaped(&verdict.reason), &escaped(&verdict.fix), subject, "unique_id_claim"] {
        assert!(page.body.contains(words), "{words} in {}", page.body);
    }
}

async fn each_failure_is_told_with_its_cause(backend: Backend) {
    let bench = Bench::new(backend).await;
    let mut root = bench.root().await;
    type Knob = Box<dyn Fn(&Bench)>;
    let failures: Vec<(&str, Knob, &str)> = vec![
        (
            "the provider refuses",
            Box::new(|b| {
                b.idp.turn(|k| {
                    k.redirect = change(|answer: &mut std::collections::BTreeMap<String, String>| {
                        answer.remove("code");
                        answer.insert("error".into(), "access_denied".into());
                        answer.insert("error_description".into(), "not assigned to the application".into());
                    });
                });
            }),
            "not assigned to the application",
        ),
        ("a key that is not the provider's", Box::new(|b| b.idp.turn(|k| k.signing = Signing::WrongKey)), "ID token"),
        (
            "the token endpoint is down",
            Box::new(|b| {
                b.idp.turn(|k| {
                    k.broken.insert("/token", Broken::Status(503));
                });
            }),
            "503",
        ),
        ("no unique id", Box::new(|b| b.idp.turn(|k| k.claims = change(|claims: &mut Value| claims["sub"] = json!(" ")))), ""),
        (
            "another audience",
            Box::new(|b| b.idp.turn(|k| k.claims = change(|claims: &mut Value| claims["aud"] = json!("somebody-else")))),
            "audience",
        ),
    ];
    for (name, knob, words) in failures {
        bench.idp.turn(|k| *k = crate::idp::Knobs::default());
        knob(&bench);
        let before = everything(&bench, backend).await;
        let told = bench.run(&mut root, "okta").await;
        assert_eq!(everything(&bench, backend).await, before, "{name}: nothing comes of it");
        let verdict = &told.report.verdict;
        assert_eq!((verdict.outcome, told.trial.passed), (Outcome::Failed, false), "{name}: {verdict:?}");
        let known = verdict.cause.as_deref().unwrap_or_default();
        assert!((verdict.reason.contains(words) || known == words) && !verdict.fix.is_empty(), "{name}: {verdict:?}");
    }
    bench.idp.turn(|k| *k = crate::idp::Knobs::default());
    assert!(bench.run(&mut root, "okta").await.trial.passed, "the honest twin");

    // Claims that tell nobody who somebody is are shown all the same: they are what is to be looked at.
    bench.apply(&state(&bench.idp, "jit", "unique_id_claim: employee_number,", "")).await;
    let told = bench.run(&mut root, "okta").await;
    assert!(told.report.verdict.reason.contains("employee_number"), "{:?}", told.report.verdict);
    let names: Vec<&str> = told.report.documents[0].claims.iter().map(|claim| claim.name.as_str()).collect();
    assert!(names.contains(&"sub") && names.contains(&"email"), "{names:?}");
    // So is a provider that cannot even be departed to.
    bench.apply(&state(&bench.idp, "jit", "", "").replace(bench.idp.issuer(), "http://127.0.0.1:1")).await;
    let told = bench.run(&mut root, "okta").await;
    assert_eq!(told.report.verdict.outcome, Outcome::Failed);
    assert_eq!(told.report.verdict.cause.as_deref(), Some("provider_unreachable"), "{:?}", told.report.verdict);
}

async fn a_draft_is_tested_and_signs_nobody_in(backend: Backend) {
    let bench = Bench::new(backend).await;
    let mut root = bench.root().await;
    let told = bench.run(&mut root, "draft").await;
    assert!(told.trial.passed && told.report.notes.iter().any(|note| note.contains("draft")), "{:?}", told.report);
    let mapped = |setting: &str| told.report.mappings.iter().find(|m| m.setting == setting).unwrap().gave.clone();
    assert_eq!(mapped("unique_id_claim"), Some(vec!["idp|ada".to_owned()]));
    assert_eq!(mapped("email_claim"), Some(vec!["ada@acme.example".to_owned()]));
    assert_eq!(mapped("name_claim"), Some(vec!["Ada Lovelace".to_owned()]));
    assert_eq!(mapped("groups_claim"), Some(vec!["sre".to_owned()]));
    let claims = serde_json::to_string(&told.report.documents).unwrap();
    assert!(claims.contains("169.254.169.254") && !claims.contains("eyJ"), "raw, and no token: {claims}");
    // The callback of a sign-in over it is refused, and no page offers it.
    let url = bench.authorize_url("web", &[("idp_hint", "draft")]);
    let mut browser = Browser::new();
    let page = browser.get(&url).await;
    let page = browser.follow(page).await;
    assert!(!page.body.contains("value=\"draft\""), "{}", page.body);
    let refused: Answer = browser.post(&page.url, &[("csrf", &page.csrf()), ("connection", "draft")]).await;
    assert_eq!((refused.status, refused.location()), (400, None), "{}", refused.body);
}

async fn what_is_told_is_kept_for_a_day(backend: Backend) {
    let bench = Bench::new(backend).await;
    let mut root = bench.root().await;
    bench.run(&mut root, "okta").await;
    let rows = bench.app.db.all::<(String,)>("SELECT report_sealed FROM trials", &[]).await.unwrap();
    assert!(rows.len() == 1 && !rows[0].0.contains("ada@acme.example"), "sealed");
    bench.clock.advance(86_399);
    assert!(told(&bench, "okta").await.is_some());
    bench.clock.advance(2);
    assert!(told(&bench, "okta").await.is_none());
    gatehouse::store::sweep::sweep(&bench.app.db, &bench.app.sealer, 1 << 40, bench.clock.now()).await.unwrap();
    assert!(bench.app.db.all::<(String,)>("SELECT report_sealed FROM trials", &[]).await.unwrap().is_empty());
    let proofs = bench.app.db.all::<(String,)>("SELECT fingerprint FROM trial_proofs", &[]).await.unwrap();
    assert_eq!(proofs.len(), 1, "that it passed is known as long as the settings stay");
}
