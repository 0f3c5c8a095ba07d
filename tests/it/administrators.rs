//! Who administers what, by `gatehouse admin`; the links that let somebody in without a sign-in; and the audit log on the
//! command line.

use std::{
    io::{BufRead as _, BufReader},
    process::{Command, Stdio},
};

use gatehouse::{
    admin_link,
    apply::{
        self, File, Hashing, Options,
        single::{self, Expect, Noun, Order, Refusal},
    },
    store::{
        admin_links::{self, Kind, New},
        audit::{self, Entry, Filter},
        sweep, tenants,
        users::{self, User},
    },
};
use serde_json::{Value, json};

use crate::{
    on_both,
    world::{Backend, World, actor, fresh_database},
};

on_both!(
    the_command_line_makes_administrators,
    somebody_is_left,
    a_link_lets_in_once,
    a_link_is_worth_what_its_administrator_is,
    there_is_one_set_up_link,
    of_all_who_follow_a_link_one_gets_in,
    the_first_start_prints_a_link,
    the_command_line_reads_and_verifies,
    an_identity_leaves_a_trace,
    whose_organisation_is_off_administers_nothing,
);

const STATE: &str = r#"
tenants:
- name: acme
  users:
  - {email: ada@acme.example, name: Ada, admin: true, active: true}
  - {email: bob@acme.example, active: true}
- name: other
  users:
  - {email: ada@acme.example, active: true}
"#;

fn program(world: &World) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gatehouse"));
    command.current_dir(world.dir.path()).env_clear().stdin(Stdio::null());
    command.env("GATEHOUSE_PUBLIC_URL", "https://sso.example");
    command.env("GATEHOUSE_DATABASE_URL", &world.app.settings.database_url);
    command.env("GATEHOUSE_KEYS_DIR", world.dir.path().join("keys"));
    command
}

async fn run(world: &World, args: &[&str]) -> (i32, String, String) {
    let mut command = program(world);
    command.args(args);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

async fn said(world: &World, args: &[&str]) -> String {
    let (code, out, err) = run(world, args).await;
    assert_eq!((code, err.as_str()), (0, ""), "{args:?}: {out}");
    out
}

async fn refused(world: &World, args: &[&str]) -> String {
    let (code, out, err) = run(world, args).await;
    assert_eq!((code, out.as_str()), (1, ""), "{args:?}");
    err
}

async fn user(world: &World, tenant: &str, email: &str) -> User {
    let tenant = gatehouse::store::tenants::find_by_name(&world.app.db, tenant).await.unwrap().unwrap();
    let email = gatehouse::policy::email::Email::parse(email).unwrap();
    users::find_by_email(&world.app.db, &tenant.id, &email).await.unwrap().unwrap()
}

async fn entries(world: &World, action: &str) -> Vec<Entry> {
    audit::verify(&world.app.db, &world.app.sealer).await.unwrap().unwrap();
    let filter = Filter { action: Some(action), ..Filter::default() };
    audit::following(&world.app.db, &filter, 0, 100).await.unwrap()
}

async fn the_command_line_makes_administrators(backend: Backend) {
    let world = World::with(backend, STATE, &[]).await;
    said(&world, &["admin", "add", "bob@acme.example", "--tenant", "acme"]).await;
    let out = said(&world, &["admin", "add", "Grace@acme.example", "--tenant", "acme", "--platform"]).await;
    assert!(out.contains("grace@acme.example of acme administers the deployment") && out.contains("new user"), "{out}");
    let (bob, grace) = (user(&world, "acme", "bob@acme.example").await, user(&world, "acme", "grace@acme.example").await);
    assert_eq!((bob.admin, bob.platform), (true, false));
    assert_eq!((grace.admin, grace.platform, grace.email_proven, grace.active), (false, true, true, true));
    let out = said(&world, &["admin", "add", "bob@acme.example", "--tenant", "acme"]).await;
    assert!(out.contains("was one already"), "{out}");
    let out = said(&world, &["admin", "list"]).await;
    let rows: Vec<Vec<&str>> = out.lines().skip(1).map(|line| line.split_whitespace().take(4).collect()).collect();
    assert_eq!(
        rows,
        [
            ["acme", "grace@acme.example", "deployment", "active"],
            ["acme", "ada@acme.example", "tenant", "active"],
            ["acme", "bob@acme.example", "tenant", "active"],
        ]
    );
    let appointed = entries(&world, "appoint").await;
    let subjects: Vec<&str> = appointed.iter().map(|entry| entry.subject.as_str()).collect();
    assert_eq!(subjects, ["user acme/bob@acme.example", "user acme/grace@acme.example"]);
    assert_eq!(appointed[1].changes["platform"], serde_json::json!({"was": false, "is": true}));
    for (args, why) in [
        (["admin", "add", "no address", "--tenant", "acme"], "no plain e-mail address"),
        (["admin", "add", "x@acme.example", "--tenant", "acmee"], "there is no tenant acmee"),
    ] {
        assert!(refused(&world, &args).await.contains(why), "{args:?}");
    }
    assert!(world.shut_out(&bob.id).await.is_some());
    assert!(
        refused(&world, &["admin", "add", "bob@acme.example", "--tenant", "acme", "--platform"]).await.contains("deactivated")
    );
    assert!(!user(&world, "acme", "bob@acme.example").await.platform);
}

async fn somebody_is_left(backend: Backend) {
    let world = World::with(backend, STATE, &[]).await;
    let ada = ["admin", "remove", "ada@acme.example"];
    assert!(refused(&world, &ada).await.contains("nobody else administers tenant acme"));
    said(&world, &["admin", "add", "ada@acme.example", "--tenant", "other", "--platform"]).await;
    assert!(refused(&world, &ada).await.contains("several tenants"));
    // The tenant has whoever administers the deployment; the deployment must keep them.
    said(&world, &["admin", "remove", "ada@acme.example", "--tenant", "acme"]).await;
    assert!(!user(&world, "acme", "ada@acme.example").await.admin);
    assert!(refused(&world, &ada).await.contains("the last administrator of the deployment"));
    let id = user(&world, "other", "ada@acme.example").await.id;
    assert!(refused(&world, &["users", "deactivate", &id]).await.contains("last active administrator"));
    assert!(user(&world, "other", "ada@acme.example").await.platform);
    said(&world, &["admin", "remove", "ada@acme.example", "--force"]).await;
    assert!(!user(&world, "other", "ada@acme.example").await.platform);
    assert!(refused(&world, &ada).await.contains("is no administrator"));
    assert_eq!(entries(&world, "dismiss").await.len(), 2);
}

async fn make(world: &World, user: Option<&User>) -> String {
    let mut tx = world.app.db.begin().await.unwrap();
    let new = New { user, actor: &actor(), lifetime: 900, now: world.clock.now() };
    let token = admin_links::make(&mut tx, &world.app.sealer, &new).await.unwrap();
    tx.commit().await.unwrap();
    token
}

async fn look(world: &World, token: &str) -> Option<Kind> {
    let found = admin_links::look(&world.app.db, token, world.clock.now()).await.unwrap();
    found.map(|link| link.kind)
}

async fn take(world: &World, token: &str) -> Option<String> {
    let mut tx = world.app.db.begin().await.unwrap();
    let taken = admin_links::take(&mut tx, &world.app.sealer, token, "192.0.2.1", world.clock.now()).await.unwrap();
    tx.commit().await.unwrap();
    taken.map(|link| link.user_id.unwrap_or_default())
}

async fn a_link_lets_in_once(backend: Backend) {
    let world = World::with(backend, STATE, &[]).await;
    let args = ["admin", "break-glass", "ada@acme.example", "--minutes", "10"];
    let out = said(&world, &args).await;
    let link = out.lines().last().unwrap();
    let token = link.strip_prefix("https://sso.example/admin/_/break-glass/").expect(link);
    let ada = user(&world, "acme", "ada@acme.example").await;
    // The program's clock is that of the machine.
    let now = gatehouse::clock::Clock::system().now();
    let link = admin_links::look(&world.app.db, token, now).await.unwrap().unwrap();
    assert_eq!((link.kind, link.user_id.as_ref(), link.made_by.as_str()), (Kind::BreakGlass, Some(&ada.id), "command line"));
    assert!((599..=601).contains(&(link.expires_at - now)), "{}", link.expires_at - now);
    assert!(admin_links::look(&world.app.db, token, link.expires_at).await.unwrap().is_none(), "its time is over");

    let token = make(&world, Some(&ada)).await;
    for _ in 0..2 {
        assert_eq!(look(&world, &token).await, Some(Kind::BreakGlass), "looking uses nothing up");
    }
    assert_eq!(take(&world, &token).await, Some(ada.id.clone()));
    assert_eq!((take(&world, &token).await, look(&world, &token).await), (None, None));
    assert_eq!(take(&world, "another").await, None);
    let late = make(&world, Some(&ada)).await;
    world.clock.advance(900);
    assert_eq!((take(&world, &late).await, look(&world, &late).await), (None, None));
    let (made, used) = (entries(&world, "break-glass").await, entries(&world, "enter").await);
    assert_eq!((made.len(), used.len()), (3, 1));
    assert_eq!((made[0].via.as_str(), made[0].subject.as_str()), ("command", "user acme/ada@acme.example"));
    assert_eq!((used[0].actor_id.as_ref(), used[0].address.as_deref()), (Some(&ada.id), Some("192.0.2.1")));
    let told = serde_json::to_string(&made).unwrap();
    assert!(!told.contains(&token) && !told.contains(&gatehouse::secret::digest(&token)));
    // Nothing of it is left in the end.
    world.clock.advance(admin_links::AFTERLIFE);
    sweep::sweep(&world.app.db, &world.app.sealer, 400 * 86_400, world.clock.now()).await.unwrap();
    let rest: Option<(i64,)> =
        world.app.db.optional("SELECT COUNT(*) FROM admin_links WHERE used_at IS NOT NULL", &[]).await.unwrap();
    assert_eq!(rest, Some((0,)));
    for args in [["admin", "break-glass", "bob@acme.example"], ["admin", "break-glass", "nobody@acme.example"]] {
        assert!(refused(&world, &args).await.contains("is no administrator"), "{args:?}");
    }
}

async fn a_link_is_worth_what_its_administrator_is(backend: Backend) {
    let world = World::with(backend, STATE, &[]).await;
    let ada = user(&world, "acme", "ada@acme.example").await;
    let token = make(&world, Some(&ada)).await;
    world.sql("UPDATE users SET admin = FALSE").await;
    assert_eq!((look(&world, &token).await, take(&world, &token).await), (None, None), "an administrator no more");
    world.sql("UPDATE users SET admin = TRUE WHERE name = 'Ada'").await;
    assert!(world.shut_out(&ada.id).await.is_some());
    assert_eq!((look(&world, &token).await, take(&world, &token).await), (None, None), "shut out");
    world.open_again(&ada.id).await;
    assert_eq!((look(&world, &token).await, take(&world, &token).await), (None, None), "who is let in again did not ask for it");
    let token = make(&world, Some(&ada)).await;
    assert_eq!(look(&world, &token).await, Some(Kind::BreakGlass));
    world.remove(&ada.id).await.unwrap();
    assert_eq!(take(&world, &token).await, None, "gone");
}

async fn there_is_one_set_up_link(backend: Backend) {
    let world = World::with(backend, STATE, &[]).await;
    assert_eq!(admin_link::setup(&world.app).await.unwrap(), None, "somebody administers it");
    world.sql("UPDATE users SET admin = FALSE").await;
    let token = async || {
        let link = admin_link::setup(&world.app).await.unwrap().unwrap();
        link.strip_prefix(&format!("{}/admin/_/setup/", world.app.issuer())).unwrap().to_owned()
    };
    let (first, second) = (token().await, token().await);
    assert_eq!((look(&world, &first).await, look(&world, &second).await), (None, Some(Kind::Setup)), "the newest counts");
    // Whoever comes to administer anything by another way ends it.
    world.sql("UPDATE users SET platform = TRUE WHERE name = 'Ada'").await;
    assert_eq!((look(&world, &second).await, take(&world, &second).await), (None, None));
    world.sql("UPDATE users SET platform = FALSE").await;
    assert_eq!(take(&world, &second).await.as_deref(), Some(""));
    assert_eq!(take(&world, &second).await, None);
    assert_eq!(entries(&world, "enter").await[0].actor, "set-up link");
    let third = token().await;
    world.clock.advance(admin_link::SETUP_LIFETIME);
    assert_eq!(take(&world, &third).await, None);
    assert_eq!(entries(&world, "issue").await.len(), 3);
}

async fn of_all_who_follow_a_link_one_gets_in(backend: Backend) {
    let world = World::with(backend, STATE, &[]).await;
    let ada = user(&world, "acme", "ada@acme.example").await;
    for user in [Some(&ada), None] {
        if user.is_none() {
            world.sql("UPDATE users SET admin = FALSE").await;
        }
        let token = make(&world, user).await;
        let many = (0..8).map(|_| take(&world, &token));
        let taken = futures_util::future::join_all(many).await;
        assert_eq!(taken.iter().flatten().count(), 1, "{user:?}");
    }
    assert_eq!(entries(&world, "enter").await.len(), 2);
}

async fn the_first_start_prints_a_link(backend: Backend) {
    let dir = tempfile::tempdir().unwrap();
    let database = fresh_database(backend, &dir).await;
    let start = |lines: usize| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gatehouse"));
        command.arg("serve").current_dir(dir.path()).env_clear().env("RUST_LOG", "trace");
        command.env("GATEHOUSE_PUBLIC_URL", "http://localhost:1").env("GATEHOUSE_LISTEN", "127.0.0.1:0");
        command.env("GATEHOUSE_DATABASE_URL", &database).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut program = command.spawn().unwrap();
        let out = BufReader::new(program.stdout.take().unwrap());
        let lines: Vec<String> = out.lines().take(lines).map(Result::unwrap).collect();
        program.kill().unwrap();
        let log = program.wait_with_output().unwrap().stderr;
        (lines, String::from_utf8_lossy(&log).into_owned())
    };
    let (lines, log) = start(3);
    assert!(lines[0].starts_with("listening on http://127.0.0.1:"), "{lines:?}");
    let token = lines[2].strip_prefix("http://localhost:1/admin/_/setup/").expect("a link");
    assert_eq!(token.len(), 43);
    assert!(!log.is_empty() && !log.contains(token), "it is nowhere in the log");
}

async fn the_command_line_reads_and_verifies(backend: Backend) {
    let world = World::with(backend, STATE, &[]).await;
    let out = said(&world, &["audit", "verify"]).await;
    assert!(out.starts_with("the audit log is intact: 8 entries, 1 to 8\nnote elsewhere: 8:"), "{out}");
    let noted = out.trim().rsplit(' ').next().unwrap().to_owned();
    let out = said(&world, &["audit", "list", "--tenant", "acme", "--action", "create", "--subject", "user "]).await;
    let subjects: Vec<&str> =
        out.lines().skip(1).map(|line| line.split_once("user ").unwrap().1.split(' ').next().unwrap()).collect();
    assert_eq!(subjects, ["acme/bob@acme.example", "acme/ada@acme.example"], "{out}");
    assert_eq!(said(&world, &["audit", "list", "--limit", "3"]).await.lines().count(), 4);
    assert_eq!(said(&world, &["audit", "list", "--since", "2027-01-16"]).await.lines().count(), 1);
    let exported = said(&world, &["audit", "export"]).await;
    assert_eq!(exported, said(&world, &["audit", "export"]).await, "always the same");
    let lines: Vec<Value> = exported.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 8);
    let last = lines.last().unwrap();
    assert_eq!(format!("{}:{}", last["seq"], last["mac"].as_str().unwrap()), noted);
    assert_eq!(
        said(&world, &["audit", "export", "--after", "6"]).await,
        exported.lines().skip(6).fold(String::new(), |all, line| all + line + "\n")
    );
    said(&world, &["admin", "add", "bob@acme.example", "--tenant", "acme"]).await;
    let out = said(&world, &["audit", "verify", "--noted", &noted]).await;
    assert!(out.contains("9 entries"), "{out}");
    assert!(
        refused(&world, &["audit", "verify", "--noted", "8:another"]).await.contains("entry 8 is not the one that was noted")
    );
    world.sql("UPDATE audit SET actor = 'nobody' WHERE seq = 5").await;
    assert!(refused(&world, &["audit", "verify"]).await.contains("entry 5 is not what was written"));
    assert_eq!(run(&world, &["audit", "list", "--action", "creat"]).await.0, 2);
    assert_eq!(run(&world, &["audit", "verify", "--noted", "8"]).await.0, 2);
    assert_eq!(run(&world, &["audit", "list", "--since", "yesterday"]).await.0, 2);
}

async fn an_identity_leaves_a_trace(backend: Backend) {
    let state = r#"
tenants:
- name: acme
  trusted_issuers:
  - {name: ci, issuer: "https://ci.example", jwks_uri: "https://ci.example/jwks", audience: [us]}
  external_identities:
  - {name: runner, issuer: ci, claims: {repository_id: "1"}}
  resources:
  - {type: model, name: gpt, collaborators: [{external_identity: runner, role: viewer}]}
"#;
    let world = World::with(backend, state, &[]).await;
    said(&world, &["identities", "delete", "acme", "runner", "--yes"]).await;
    let gone = entries(&world, "delete").await;
    let entry = &gone[0];
    assert_eq!((gone.len(), entry.subject.as_str(), entry.via.as_str()), (1, "external identity acme/runner", "command"));
    assert_eq!(entry.changes["lost"], serde_json::json!({"is": ["viewer on model gpt"]}));
    assert_eq!(entry.changes["issuer"], serde_json::json!({"was": "ci"}));
}

/// What a file would say.
async fn file(world: &World, text: &str, prune: bool) -> Result<String, String> {
    let file = File { text, origin: "state.yaml", env: &|_| None };
    let (hashing, options) = (Hashing { hash: |_| None, verify: |_, _| false }, Options { prune, ..Options::default() });
    match apply::run(&world.app.db, &world.app.sealer, hashing, file, options, world.clock.now()).await {
        Ok(plan) => Ok(plan.to_string()),
        Err(problems) => Err(problems.iter().map(ToString::to_string).collect()),
    }
}

async fn whose_organisation_is_off_administers_nothing(backend: Backend) {
    let world = World::with(backend, STATE, &[]).await;
    said(&world, &["admin", "add", "ada@acme.example", "--tenant", "other", "--platform"]).await;
    let other = tenants::find_by_name(&world.app.db, "other").await.unwrap().unwrap();
    let (actor, sealer) = (actor(), &world.app.sealer);
    let order = Order { sealer, ahead: None, actor: &actor, platform: true, force: false, now: world.clock.now() };
    let off = async |force: bool| {
        let mut tx = world.app.db.begin().await.unwrap();
        let order = Order { force, ..order };
        let body = json!({"enabled": false});
        let done = single::put(&mut tx, &order, &other, Noun::Tenant, Some("other"), &body, Expect::There).await;
        if done.is_ok() {
            tx.commit().await.unwrap();
        }
        done
    };
    let gone = async || {
        let mut tx = world.app.db.begin().await.unwrap();
        single::remove(&mut tx, &order, &other, Noun::Tenant, "other").await
    };
    assert!(matches!(off(false).await, Err(Refusal::LastAdministrator)));
    assert!(matches!(gone().await, Err(Refusal::LastAdministrator)));
    let switched = STATE.replace("- name: other\n", "- name: other\n  enabled: false\n");
    let (bare, _) = STATE.split_once("- name: other").unwrap();
    for (text, prune) in [(switched.as_str(), false), (bare, true)] {
        let refused = file(&world, text, prune).await.unwrap_err();
        assert!(refused.contains("nobody would be left who administers the deployment"), "{refused}");
    }
    assert!(tenants::find_by_name(&world.app.db, "other").await.unwrap().unwrap().enabled);

    // The honest twin: somebody else does.
    said(&world, &["admin", "add", "bob@acme.example", "--tenant", "acme", "--platform"]).await;
    assert!(gone().await.is_ok());
    assert!(off(false).await.is_ok());
    // Whoever is left is the last one, whoever else is off.
    let bob = user(&world, "acme", "bob@acme.example").await.id;
    assert!(refused(&world, &["users", "deactivate", &bob]).await.contains("last active administrator"));
    assert!(refused(&world, &["admin", "remove", "bob@acme.example"]).await.contains("the last administrator of the deployment"));
    // Of a deployment that nobody can administer any more, whoever reads the output of a start is let in.
    assert_eq!(admin_link::setup(&world.app).await.unwrap(), None);
    world.sql("UPDATE tenants SET enabled = FALSE").await;
    assert!(admin_link::setup(&world.app).await.unwrap().is_some());
}
