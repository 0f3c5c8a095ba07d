//! Declarative state against a database: plan, idempotence, pruning, all or nothing.

use gatehouse::{
    apply::{self, File, Hashing, Options},
    params,
    policy::{email::Email, provisioning::named},
    seal::Sealer,
    store::{Db, clients, connections, connections::Connection, domains, tenants, users},
};

use crate::on_both_databases;

on_both_databases!(
    a_second_run_changes_nothing,
    secrets_are_compared_without_being_shown,
    switches_left_out_stay_as_they_are,
    only_pruning_deletes,
    pruning_spares_whom_sign_ins_made,
    unchanged_passwords_cost_one_hash,
    domains_may_move_within_one_file,
    sign_ins_begun_elsewhere_are_for_a_client_of_the_tenant,
    whoever_leaves_a_tenant_without_administrators_is_told,
    whoever_makes_somebody_unknown_an_administrator_is_told,
    an_error_applies_nothing,
    a_dry_run_applies_nothing,
    two_runs_at_once_agree,
);

const FILE: &str = r#"
tenants:
- name: acme
  domains: [acme.example]
  connections:
  - {name: okta, preset: okta, button_text: Go, oidc: {issuer: "https://okta.example", client_id: gh, client_secret: "${S}"}}
  clients:
  - {client_id: cp, secret: "${S}", redirect_uris: ["https://cp.example/cb"], trusted: true}
  users:
  - {email: ada@acme.example, password: "${S}", admin: true}
  - {email: bob@acme.example}
  teams:
  - {name: sre, members: [ada@acme.example]}
"#;

fn sealer() -> Sealer {
    Sealer::from_base64("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=").unwrap()
}

// The real hash takes tens of milliseconds; what is tested here is when it is asked for.
const HASHING: Hashing =
    Hashing { hash: |p| (p.len() < 100).then(|| format!("hash of {p}")), verify: |p, hash| hash == format!("hash of {p}") };

async fn run(db: &Db, text: &str, options: Options<'_>, secret: &str) -> Result<String, String> {
    let env = |name: &str| (name == "S").then(|| secret.to_owned());
    let file = File { text, origin: "acme.yaml", env: &env };
    match apply::run(db, &sealer(), HASHING, file, options, 100).await {
        Ok(plan) => Ok(plan.to_string()),
        Err(problems) => Err(problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")),
    }
}

async fn apply(db: &Db, text: &str) -> Result<String, String> {
    run(db, text, Options::default(), "hush of the file").await
}

async fn user(db: &Db, email: &str) -> Option<users::User> {
    let tenant = tenants::find_by_name(db, "acme").await.unwrap().unwrap();
    users::find_by_email(db, &tenant.id, &Email::parse(email).unwrap()).await.unwrap()
}

async fn a_second_run_changes_nothing(db: &Db) {
    let plan = apply(db, FILE).await.unwrap();
    let lines = "+ tenant acme\n+ connection acme/okta\n+ client cp\n+ user acme/ada@acme.example\n\
                 + user acme/bob@acme.example\n+ team acme/sre\n6 created, 0 updated, 0 deleted";
    assert_eq!(plan, lines);
    assert_eq!(apply(db, FILE).await.unwrap(), "no changes");
    let changed = FILE
        .replace("button_text: Go", "button_text: Enter, email_claim: mail")
        .replace("client_id: gh", "client_id: gh, scopes: openid")
        .replace("trusted: true", "trusted: true, access_token_alg: EdDSA")
        .replace("domains: [acme.example]", "domains: [acme.test]\n  provisioning: invite")
        .replace("admin: true", "name: Ada")
        .replace("members: [ada@acme.example]", "members: [bob@acme.example]");
    let lines = "~ tenant acme (domains, provisioning)\n~ connection acme/okta (button_text, email_claim, oidc.scopes)\n\
                 ~ client cp (access_token_alg)\n~ user acme/ada@acme.example (name, admin)\n~ team acme/sre (members)\n\
                 ! tenant acme has no active administrator left\n0 created, 5 updated, 0 deleted";
    let sorted = |text: &str| {
        let mut words: Vec<String> = text.split([' ', '\n', ',', '(', ')']).map(str::to_owned).collect();
        words.sort();
        words
    };
    let plan = apply(db, &changed).await.unwrap();
    assert_eq!(sorted(&plan), sorted(lines), "{plan}");
    assert_eq!(apply(db, &changed).await.unwrap(), "no changes");
}

async fn secrets_are_compared_without_being_shown(db: &Db) {
    apply(db, FILE).await.unwrap();
    let tenant = tenants::find_by_name(db, "acme").await.unwrap().unwrap();
    let okta = connections::find_by_name(db, &tenant.id, "okta").await.unwrap().unwrap();
    let context = Connection::secret_context(&okta.id);
    assert_eq!(sealer().open_text(&context, okta.secret_sealed.as_deref().unwrap()).unwrap(), "hush of the file");
    let print = clients::find(db, "cp").await.unwrap().unwrap().secret_fingerprint.unwrap();
    assert!(sealer().recognises(&clients::secret_context("cp"), "hush of the file", &print));
    assert_eq!(user(db, "ada@acme.example").await.unwrap().password_hash.as_deref(), Some("hash of hush of the file"));

    let sql = "INSERT INTO sessions (id_hash, user_id, data, created_at, expires_at) VALUES ('s', $1, '{}', 1, 9)";
    db.execute(sql, params![&user(db, "ada@acme.example").await.unwrap().id]).await.unwrap();
    let plan = run(db, FILE, Options::default(), "other than before").await.unwrap();
    let lines = "~ connection acme/okta (oidc.client_secret (secret))\n~ client cp (secret (secret))\n\
                 ~ user acme/ada@acme.example (password (secret))\n0 created, 3 updated, 0 deleted";
    assert_eq!(plan, lines);
    let sessions: Vec<(String,)> = db.all("SELECT id_hash FROM sessions", params![]).await.unwrap();
    assert!(sessions.is_empty(), "a new password ends the sessions of the old one");
    assert_eq!(connections::find(db, &okta.id).await.unwrap().unwrap().version, 2);
    assert_eq!(run(db, FILE, Options::default(), "other than before").await.unwrap(), "no changes");
    let wrong = Sealer::from_base64("AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=").unwrap();
    let file = File { text: FILE, origin: "f", env: &|_| Some("hush of the file".into()) };
    let problems = apply::run(db, &wrong, HASHING, file, Options::default(), 1).await.unwrap_err();
    assert!(problems[0].text.contains("cannot be opened with this master key"), "{problems:?}");
}

async fn switches_left_out_stay_as_they_are(db: &Db) {
    apply(db, FILE).await.unwrap();
    let off = FILE
        .replace("name: acme\n", "name: acme\n  enabled: false\n")
        .replace("preset: okta", "preset: okta, enabled: false, login_enabled: false")
        .replace("trusted: true", "trusted: true, enabled: false")
        .replace("bob@acme.example", "bob@acme.example, active: false");
    let plan = apply(db, &off).await.unwrap();
    assert!(plan.contains("~ user acme/bob@acme.example (active)"), "{plan}");
    assert!(plan.ends_with("0 created, 4 updated, 0 deleted"), "{plan}");
    assert_eq!(apply(db, FILE).await.unwrap(), "no changes", "leaving them out lets nobody in again");
    assert!(!user(db, "bob@acme.example").await.unwrap().active);
    let on = FILE.replace("bob@acme.example", "bob@acme.example, active: true");
    assert!(apply(db, &on).await.unwrap().contains("~ user acme/bob@acme.example (active)"));
    assert!(user(db, "bob@acme.example").await.unwrap().active);
}

async fn only_pruning_deletes(db: &Db) {
    apply(db, FILE).await.unwrap();
    apply(db, "tenants:\n- name: beta\n").await.unwrap();
    let less = "tenants:\n- name: acme\n  domains: [acme.example]\n  users:\n  - {email: ada@acme.example, admin: true}\n";
    let plan = apply(db, less).await.unwrap();
    for kept in ["connection acme/okta", "client cp", "user acme/bob@acme.example", "team acme/sre", "tenant beta"] {
        assert!(plan.contains(&format!("- {kept} (kept: use --prune)\n")), "{plan}");
    }
    assert!(plan.ends_with("no changes"), "{plan}");
    let prune = Options { prune: true, ..Options::default() };
    assert!(run(db, less, prune, "").await.unwrap().ends_with("0 created, 0 updated, 5 deleted"));
    assert_eq!(run(db, less, prune, "").await.unwrap(), "no changes");
    assert!(user(db, "bob@acme.example").await.is_none());
    assert!(tenants::find_by_name(db, "beta").await.unwrap().is_none());
}

async fn pruning_spares_whom_sign_ins_made(db: &Db) {
    apply(db, FILE).await.unwrap();
    let bob = user(db, "bob@acme.example").await.unwrap();
    for name in ["jit", "adopted"] {
        let email = Email::parse(&format!("{name}@acme.example")).unwrap();
        assert!(users::insert(db, &users::User { id: name.into(), email, ..bob.clone() }, named()).await.unwrap());
    }
    // Signing in over a provider does not take a user of the file out of its hands.
    let sql = "INSERT INTO identities (id, connection_id, issuer, subject, user_id, created_at, last_seen_at) \
               SELECT 'i', id, 'https://okta.example', 'bob', $1, 1, 1 FROM connections";
    assert_eq!(db.execute(sql, params![&bob.id]).await.unwrap(), 1);
    let more = FILE.replace("  - {email: bob@acme.example}\n", "  - {email: adopted@acme.example, admin: true}\n");
    assert!(apply(db, &more).await.unwrap().contains("~ user acme/adopted@acme.example (admin)"));
    let less = FILE.replace("  - {email: bob@acme.example}\n", "");
    let plan = apply(db, &less).await.unwrap();
    assert_eq!(plan, "- user acme/bob@acme.example (kept: use --prune)\nno changes");
    let prune = Options { prune: true, ..Options::default() };
    let plan = run(db, &less, prune, "hush of the file").await.unwrap();
    let lines = "- user acme/bob@acme.example\n\
                 - 2 users of tenant acme (kept: made by sign-ins or a directory: adopted@acme.example, jit@acme.example)\n\
                 0 created, 0 updated, 1 deleted";
    assert_eq!(plan, lines);
    assert!(user(db, "jit@acme.example").await.is_some() && user(db, "adopted@acme.example").await.is_some());
    let gone = run(db, "tenants:\n", prune, "hush of the file").await.unwrap();
    assert!(gone.starts_with("- tenant acme (loses "), "with their tenant all go: {gone}");
}

thread_local! {
    static HASHED: std::cell::Cell<(usize, usize)> = const { std::cell::Cell::new((0, 0)) };
}

/// Applies, and gives how many hashes were made and verified.
async fn counted(db: &Db, text: &str, options: Options<'_>) -> (String, (usize, usize)) {
    let hashing = Hashing {
        hash: |p| {
            HASHED.set((HASHED.get().0 + 1, HASHED.get().1));
            (HASHING.hash)(p)
        },
        verify: |p, hash| {
            HASHED.set((HASHED.get().0, HASHED.get().1 + 1));
            (HASHING.verify)(p, hash)
        },
    };
    HASHED.set((0, 0));
    let file = File { text, origin: "f", env: &|_| None };
    let plan = apply::run(db, &sealer(), hashing, file, options, 1).await.unwrap();
    (plan.to_string(), HASHED.get())
}

async fn unchanged_passwords_cost_one_hash(db: &Db) {
    let with = |second: &str| {
        format!(
            "tenants:\n- name: acme\n  users:\n  - {{email: a@x.test, password: one of the words}}\n  \
             - {{email: b@x.test, password: {second}}}\n  - {{email: c@x.test, password: three more words}}\n"
        )
    };
    let (file, run) = (with("two of the words"), Options::default());
    let dry = Options { dry_run: true, ..run };
    assert_eq!(counted(db, &file, run).await.1, (4, 0), "three, and the note");
    assert_eq!(counted(db, &file, run).await, ("no changes".into(), (0, 1)));
    assert_eq!(counted(db, &file, dry).await, ("no changes".into(), (0, 1)));
    let (plan, hashes) = counted(db, &with("new and longer"), dry).await;
    assert!(plan.starts_with("~ user acme/b@x.test (password (secret))"), "{plan}");
    assert_eq!(hashes, (2, 4));
    assert_eq!(counted(db, &file, run).await.1, (0, 1), "a dry run notes nothing");
    assert_eq!(counted(db, &with("new and longer"), run).await.1, (2, 4));
    assert_eq!(counted(db, &with("new and longer"), run).await.1, (0, 1));
    assert_eq!(counted(db, &file, run).await.1, (2, 4), "an older file is another one");

    let sql = "UPDATE users SET password_hash = 'hash of another' WHERE email = 'c@x.test'";
    assert_eq!(db.execute(sql, params![]).await.unwrap(), 1);
    let (plan, _) = counted(db, &file, run).await;
    assert!(plan.starts_with("~ user acme/c@x.test (password (secret))"), "behind our back: {plan}");
    assert_eq!(user(db, "c@x.test").await.unwrap().password_hash.as_deref(), Some("hash of three more words"));
    assert_eq!(counted(db, &file, run).await.1, (0, 1));
}

async fn domains_may_move_within_one_file(db: &Db) {
    apply(db, "tenants:\n- {name: a, domains: [x.test]}\n- {name: b}\n").await.unwrap();
    let plan = apply(db, "tenants:\n- {name: b, domains: [x.test]}\n- {name: a}\n").await.unwrap();
    assert!(plan.contains("~ tenant a (domains)\n") && plan.contains("~ tenant b (domains)\n"), "{plan}");
    let b = tenants::find_by_name(db, "b").await.unwrap().unwrap();
    assert_eq!(domains::tenant_of(db, "x.test").await.unwrap(), Some(b.id));
}

async fn whoever_leaves_a_tenant_without_administrators_is_told(db: &Db) {
    apply(db, FILE).await.unwrap();
    let warning = "! tenant acme has no active administrator left";
    for (last, told) in [("admin: true, active: false", true), ("admin: false", true), ("admin: true, name: Ada", false)] {
        let file = FILE.replace("admin: true", last);
        let plan = run(db, &file, Options { dry_run: true, ..Options::default() }, "hush of the file").await.unwrap();
        assert_eq!(plan.contains(warning), told, "{last}: {plan}");
    }
    let other = FILE
        .replace("admin: true", "active: false")
        .replace("- {email: bob@acme.example}", "- {email: bob@acme.example, admin: true}");
    assert!(!apply(db, &other).await.unwrap().contains(warning));
}

/// A directory or a sign-in may have made whom the file is about to make an administrator, under an address of its choice.
async fn whoever_makes_somebody_unknown_an_administrator_is_told(db: &Db) {
    apply(db, FILE).await.unwrap();
    let tenant = tenants::find_by_name(db, "acme").await.unwrap().unwrap();
    for email in ["eve@acme.example", "dan@acme.example"] {
        let made = gatehouse::login::link::new_user(&tenant.id, Email::parse(email).unwrap(), true, None, 1);
        assert!(users::insert(db, &made, named()).await.unwrap());
    }
    // Bob is the file's own, Dan no administrator, and Zoe is made by it.
    let file = FILE.replace(
        "- {email: bob@acme.example}",
        "- {email: bob@acme.example, admin: true}\n  - {email: eve@acme.example, admin: true}\n  \
         - {email: dan@acme.example, name: Dan}\n  - {email: zoe@acme.example, admin: true}",
    );
    let warnings = |plan: &str| plan.lines().filter(|line| line.starts_with('!')).map(str::to_owned).collect::<Vec<_>>();
    let warned = "! user acme/eve@acme.example was there before the file named them, by a sign-in or a directory: see who they \
                  are with gatehouse users show";
    let dry = run(db, &file, Options { dry_run: true, ..Options::default() }, "hush of the file").await.unwrap();
    assert_eq!(warnings(&dry), [warned], "{dry}");
    assert!(!user(db, "eve@acme.example").await.unwrap().admin);
    let plan = apply(db, &file).await.unwrap();
    assert_eq!(warnings(&plan), [warned], "{plan}");
    assert!(user(db, "eve@acme.example").await.unwrap().admin, "told, and done");
    assert_eq!(apply(db, &file).await.unwrap(), "no changes");
}

async fn an_error_applies_nothing(db: &Db) {
    apply(db, FILE).await.unwrap();
    let text = r#"
tenants:
- name: beta
  domains: [beta.example, acme.example]
  clients:
  - {client_id: cp, redirect_uris: ["https://x.example/cb"]}
  users:
  - {email: eve@beta.example, password: "${S}"}
  teams:
  - {name: all, members: [nobody@beta.example]}
"#;
    let found = run(db, text, Options::default(), &"a long phrase of ours ".repeat(10)).await.unwrap_err();
    let expected = "acme.yaml:4:27: domain acme.example belongs to tenant acme; remove it there first\n\
                    acme.yaml:6:17: client_id cp belongs to tenant acme; choose another, or remove it there\n\
                    acme.yaml:8:13: the password cannot be hashed: it is too long\n\
                    acme.yaml:10:27: nobody@beta.example is no user of tenant beta; add them under users";
    assert_eq!(found, expected);
    assert!(tenants::find_by_name(db, "beta").await.unwrap().is_none());
    assert_eq!(apply(db, FILE).await.unwrap(), "no changes");
}

async fn a_dry_run_applies_nothing(db: &Db) {
    let dry = Options { dry_run: true, ..Options::default() };
    assert!(run(db, FILE, dry, "hush of the file").await.unwrap().ends_with("6 created, 0 updated, 0 deleted"));
    assert!(tenants::all(db).await.unwrap().is_empty());
}

async fn two_runs_at_once_agree(db: &Db) {
    let (a, b) = tokio::join!(apply(db, FILE), apply(db, FILE));
    let mut both = [a.unwrap(), b.unwrap()];
    both.sort_by_key(String::len);
    assert_eq!(both[0], "no changes");
    assert!(both[1].ends_with("6 created, 0 updated, 0 deleted"), "{both:?}");
}

async fn sign_ins_begun_elsewhere_are_for_a_client_of_the_tenant(db: &Db) {
    apply(db, FILE).await.unwrap();
    let text = |tenant: &str, client: &str, url: &str| {
        format!(
            "tenants:\n- name: {tenant}\n  connections:\n  - name: idp\n    saml:\n      metadata_url: https://idp.example/m\n      \
             idp_initiated: true\n      idp_initiated_client: {client}\n      idp_initiated_url: {url}\n"
        )
    };
    for (text, problem) in [
        (
            text("acme", "nobody", "https://cp.example/"),
            "acme.yaml:8:29: idp_initiated_client nobody is no client of tenant acme",
        ),
        (text("other", "cp", "https://cp.example/"), "acme.yaml:8:29: idp_initiated_client cp is no client of tenant other"),
        (text("acme", "cp", "https://evil.example/"), "acme.yaml:9:26: idp_initiated_url is on no origin of the redirect_uris"),
    ] {
        let found = apply(db, &text).await.unwrap_err();
        assert!(found.contains(problem), "{problem}\n--\n{found}");
    }
    let plan = apply(db, &text("acme", "cp", "https://cp.example/home?x=1")).await.unwrap();
    assert!(plan.contains("+ connection acme/idp"), "a client that an earlier file has made: {plan}");
}
