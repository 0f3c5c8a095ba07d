//! The end of a user's access and its return, on both databases: what ends, what the receipt says, whose lock it is, and
//! that somebody is always left to administer a tenant (P7).

use std::sync::LazyLock;

use gatehouse::{
    clock::Clock,
    policy::email::Email,
    store::{
        audit::Actor,
        receipts,
        users::{self, By, LastAdministrator, Opened, Opening, ShutOut},
    },
};

use crate::{
    browser::Browser,
    on_both,
    world::{Backend, START, World, actor, text},
};

on_both!(
    everything_ends_and_the_receipt_says_how_much,
    a_directory_opens_only_what_a_directory_has_shut,
    an_inactive_record_keeps_a_user_out,
    somebody_is_left_to_administer,
    the_deployment_keeps_somebody,
    of_two_administrators_at_once_one_stays,
    of_a_demotion_and_a_lock_at_once_one_is_refused,
    of_a_lock_and_an_opening_at_once_both_count,
    an_unused_link_ends_too,
    whoever_is_deleted_leaves_a_receipt,
    what_came_to_be_in_between_is_not_let_in_again,
    another_password_ends_what_the_old_one_opened,
);

const ADMINS: &str = r#"
tenants:
- name: acme
  display_name: Acme
  users:
  - {email: ada@acme.example, admin: true, active: true}
  - {email: bob@acme.example, admin: true, active: true}
  - {email: eve@acme.example, active: true}
"#;

async fn id(world: &World, email: &str) -> String {
    let tenant = gatehouse::store::tenants::find_by_name(&world.app.db, "acme").await.unwrap().unwrap();
    let email = Email::parse(email).unwrap();
    users::find_by_email(&world.app.db, &tenant.id, &email).await.unwrap().unwrap().id
}

fn by<'a>(world: &'a World, user_id: &'a str, by: By) -> ShutOut<'a> {
    static ACTOR: LazyLock<Actor> = LazyLock::new(actor);
    let (actor, cause, sealer) = (&*ACTOR, "active: false", &world.app.sealer);
    ShutOut { user_id, by, actor, cause, force: false, sealer, now: world.clock.now() }
}

async fn shut(world: &World, out: &ShutOut<'_>) -> Result<Option<receipts::Receipt>, LastAdministrator> {
    let mut tx = world.app.db.begin().await.unwrap();
    let outcome = users::shut_out(&mut tx, out).await.unwrap();
    tx.commit().await.unwrap();
    outcome
}

async fn open(world: &World, user_id: &str, by: By) -> Opened {
    let opening = Opening { user_id, by, actor: &actor(), sealer: &world.app.sealer, now: world.clock.now() };
    let mut tx = world.app.db.begin().await.unwrap();
    let opened = users::open_again(&mut tx, &opening).await.unwrap();
    tx.commit().await.unwrap();
    opened
}

async fn everything_ends_and_the_receipt_says_how_much(backend: Backend) {
    let world = World::new(backend).await;
    let mut browser = Browser::new();
    let url = world.authorize_url("web", &[]);
    let code = world.sign_in(&mut browser, &url, "ada@acme.example", "correct horse").await.query("code").unwrap();
    let tokens = world.redeem("web", &code).await.json();
    let unused = world.sign_in(&mut browser, &url, "", "").await.query("code").unwrap();
    let kept = world.sign_in(&mut browser, &url, "", "").await.query("code").unwrap();
    let other = world.tokens("api").await;
    let ada = id(&world, "ada@acme.example").await;
    world
        .sql("INSERT INTO teams (id, tenant_id, name, created_at) SELECT 'sre', id, 'sre', 1 FROM tenants WHERE name = 'acme'")
        .await;
    world
        .sql("INSERT INTO teams (id, tenant_id, name, created_at) SELECT 'ops', id, 'ops', 1 FROM tenants WHERE name = 'acme'")
        .await;
    for sql in [
        "INSERT INTO team_members (team_id, user_id) SELECT 'sre', id FROM users WHERE email = 'ada@acme.example' AND name = 'Ada'",
        "INSERT INTO directories (id, tenant_id, name, enabled, settings, created_at) \
         SELECT 'd', id, 'd', TRUE, '{}', 1 FROM tenants WHERE name = 'acme'",
        "INSERT INTO directory_users (id, directory_id, user_id, made_user, user_name, active, resource, version, created_at, \
         updated_at) SELECT 'du', 'd', id, FALSE, 'ada', TRUE, '{}', 1, 1, 1 FROM users WHERE email = 'ada@acme.example' AND name = 'Ada'",
        "INSERT INTO directory_groups (id, directory_id, display_name, resource, version, created_at, updated_at) \
         VALUES ('g', 'd', 'ops', '{}', 1, 1, 1)",
        "INSERT INTO directory_members (group_id, member_id) VALUES ('g', 'du')",
        "INSERT INTO group_teams (group_id, team_id) VALUES ('g', 'ops')",
        "INSERT INTO resources (id, tenant_id, kind, name, created_at) SELECT 'r1', id, 'model', 'a', 1 FROM tenants WHERE name = 'acme'",
        "INSERT INTO resources (id, tenant_id, kind, name, created_at) SELECT 'r2', id, 'model', 'b', 1 FROM tenants WHERE name = 'acme'",
        "INSERT INTO collaborators (resource_id, holder, user_id, role) \
         SELECT 'r1', id, id, 'viewer' FROM users WHERE email = 'ada@acme.example' AND name = 'Ada'",
        "INSERT INTO collaborators (resource_id, holder, team_id, role) VALUES ('r1', 'sre', 'sre', 'viewer')",
        "INSERT INTO group_roles (group_id, team_id, resource_id, role) VALUES ('g', 'ops', 'r2', 'editor')",
    ] {
        assert_eq!(world.sql(sql).await, 1, "{sql}");
    }

    for (id, expires_at) in [("living", START + 60), ("over", START)] {
        let sql = "INSERT INTO personal_tokens (id, user_id, name, fingerprint, scopes, expires_at, created_at) \
                   VALUES ($1, $2, 'laptop', $1, '[]', $3, 1)";
        world.app.db.execute(sql, gatehouse::params![id, &ada, expires_at]).await.unwrap();
    }
    let receipt = shut(&world, &by(&world, &ada, By::Directory)).await.unwrap().unwrap();
    let ended = receipt.ended;
    assert_eq!(ended.personal_tokens, 1, "as many as still worked");
    assert_eq!((ended.sessions, ended.codes, ended.token_families, ended.site_sessions, ended.logouts), (2, 2, 2, 0, 0));
    let held = receipt.held;
    assert_eq!((held.teams, held.directory_teams, held.roles, held.team_roles), (1, 1, 1, 2));
    assert_eq!((receipt.actor.as_str(), receipt.cause.as_str(), receipt.at), ("a test", "active: false", START));
    assert_eq!(receipts::of_user(&world.app.db, &receipt.tenant_id, &ada).await.unwrap(), std::slice::from_ref(&receipt));
    assert!(receipts::of_user(&world.app.db, "another tenant", &ada).await.unwrap().is_empty());

    assert_eq!(world.redeem("web", &unused).await.status, 400);
    for tokens in [&tokens, &other] {
        assert_eq!(world.userinfo(text(tokens, "access_token")).await.status, 401);
    }
    assert_eq!(world.refresh("web", text(&tokens, "refresh_token")).await.status, 400);
    assert!(shut(&world, &by(&world, &ada, By::Directory)).await.unwrap().is_none(), "once");

    // Membership comes back, no token does.
    assert_eq!(open(&world, &ada, By::Directory).await, Opened::Open);
    assert_eq!(open(&world, &ada, By::Directory).await, Opened::Unchanged);
    assert_eq!(world.userinfo(text(&tokens, "access_token")).await.status, 401);
    assert_eq!(world.refresh("web", text(&tokens, "refresh_token")).await.status, 400);
    assert_eq!(world.redeem("web", &kept).await.status, 400);
    assert!(browser.get(&url).await.query("code").is_none(), "the old session stays dead");
    assert_eq!(shut(&world, &by(&world, &ada, By::Directory)).await.unwrap().unwrap().held, held);
}

async fn a_directory_opens_only_what_a_directory_has_shut(backend: Backend) {
    let world = World::new(backend).await;
    let ada = id(&world, "ada@acme.example").await;
    assert!(shut(&world, &by(&world, &ada, By::Operator)).await.unwrap().is_some());
    assert_eq!(open(&world, &ada, By::Directory).await, Opened::ByOperator);
    assert_eq!(open(&world, &ada, By::Operator).await, Opened::Open);
    // An operator's lock on top of a directory's is the one that counts, and the other way round too.
    assert!(shut(&world, &by(&world, &ada, By::Directory)).await.unwrap().is_some());
    assert!(shut(&world, &by(&world, &ada, By::Operator)).await.unwrap().is_none());
    assert!(shut(&world, &by(&world, &ada, By::Directory)).await.unwrap().is_none());
    assert_eq!(open(&world, &ada, By::Directory).await, Opened::ByOperator);
    assert!(!users::find(&world.app.db, &ada).await.unwrap().unwrap().active);
    assert_eq!(open(&world, &ada, By::Operator).await, Opened::Open);
    assert_eq!(users::find(&world.app.db, &ada).await.unwrap().unwrap().shut_by, None);
}

async fn an_inactive_record_keeps_a_user_out(backend: Backend) {
    let world = World::new(backend).await;
    let ada = id(&world, "ada@acme.example").await;
    world.sql("INSERT INTO directories (id, tenant_id, name, enabled, settings, created_at) SELECT 'd', id, 'd', TRUE, '{}', 1 FROM tenants WHERE name = 'acme'").await;
    world.sql("INSERT INTO directory_users (id, directory_id, user_id, made_user, user_name, active, resource, version, created_at, updated_at) SELECT 'du', 'd', id, FALSE, 'ada', FALSE, '{}', 1, 1, 1 FROM users WHERE email = 'ada@acme.example' AND name = 'Ada'").await;
    assert!(shut(&world, &by(&world, &ada, By::Directory)).await.unwrap().is_some());
    assert_eq!(open(&world, &ada, By::Operator).await, Opened::ByDirectory);
    world.sql("UPDATE directory_users SET active = TRUE").await;
    assert_eq!(open(&world, &ada, By::Operator).await, Opened::Open);
}

async fn administered(backend: Backend) -> World {
    let world = World::bare(backend, Clock::manual(START), &[]).await;
    world.apply(ADMINS).await;
    world
}

async fn somebody_is_left_to_administer(backend: Backend) {
    let world = administered(backend).await;
    let (ada, bob, eve) =
        (id(&world, "ada@acme.example").await, id(&world, "bob@acme.example").await, id(&world, "eve@acme.example").await);
    assert!(shut(&world, &by(&world, &eve, By::Directory)).await.unwrap().is_some(), "who is none goes");
    assert!(shut(&world, &by(&world, &ada, By::Directory)).await.unwrap().is_some(), "one is left");
    for who in [By::Directory, By::Operator] {
        assert_eq!(shut(&world, &by(&world, &bob, who)).await, Err(LastAdministrator));
    }
    let mut tx = world.app.db.begin().await.unwrap();
    assert_eq!(users::remove(&mut tx, &by(&world, &bob, By::Directory)).await.unwrap(), Err(LastAdministrator));
    tx.commit().await.unwrap();
    assert!(users::find(&world.app.db, &bob).await.unwrap().unwrap().active);
    assert!(shut(&world, &ShutOut { force: true, ..by(&world, &bob, By::Operator) }).await.unwrap().is_some(), "said twice");
}

/// Somebody may administer the deployment and not be the last of their tenant.
async fn the_deployment_keeps_somebody(backend: Backend) {
    let world = administered(backend).await;
    world.sql("UPDATE users SET platform = TRUE WHERE email = 'ada@acme.example'").await;
    let ada = id(&world, "ada@acme.example").await;
    assert_eq!(shut(&world, &by(&world, &ada, By::Operator)).await, Err(LastAdministrator));
    assert!(users::find(&world.app.db, &ada).await.unwrap().unwrap().active);
    world.sql("UPDATE users SET platform = TRUE WHERE email = 'bob@acme.example'").await;
    assert!(shut(&world, &by(&world, &ada, By::Operator)).await.unwrap().is_some(), "the honest twin: another is left");
}

async fn of_two_administrators_at_once_one_stays(backend: Backend) {
    let world = administered(backend).await;
    let (ada, bob) = (id(&world, "ada@acme.example").await, id(&world, "bob@acme.example").await);
    for round in 0..5 {
        let outs = [by(&world, &ada, By::Directory), by(&world, &bob, By::Directory)];
        let (one, other) = tokio::join!(shut(&world, &outs[0]), shut(&world, &outs[1]));
        let gone = [&one, &other].into_iter().filter(|outcome| matches!(outcome, Ok(Some(_)))).count();
        let kept = [&one, &other].into_iter().filter(|outcome| outcome.is_err()).count();
        assert_eq!((gone, kept), (1, 1), "round {round}: {one:?} {other:?}");
        for user in [&ada, &bob] {
            open(&world, user, By::Operator).await;
        }
    }
}

async fn whoever_is_deleted_leaves_a_receipt(backend: Backend) {
    let world = World::new(backend).await;
    let tokens = world.tokens("web").await;
    let ada = id(&world, "ada@acme.example").await;
    for (round, sessions) in [(0, 1), (1, 0)] {
        if round == 1 {
            // Also whoever was out already.
            assert!(shut(&world, &by(&world, &id(&world, "eve@acme.example").await, By::Operator)).await.unwrap().is_none());
        }
        let user = if round == 0 { ada.clone() } else { id(&world, "eve@acme.example").await };
        let mut tx = world.app.db.begin().await.unwrap();
        // Whom an operator has shut out no directory deletes.
        let who = if round == 0 { By::Directory } else { By::Operator };
        let out = ShutOut { cause: "deleted", ..by(&world, &user, who) };
        let receipt = users::remove(&mut tx, &out).await.unwrap().unwrap().unwrap();
        assert!(users::remove(&mut tx, &out).await.unwrap().unwrap().is_none(), "once");
        tx.commit().await.unwrap();
        assert_eq!((receipt.ended.sessions, receipt.cause.as_str()), (sessions, "deleted"));
        assert!(users::find(&world.app.db, &user).await.unwrap().is_none());
        let kept = receipts::of_email(&world.app.db, &receipt.tenant_id, &receipt.email).await.unwrap();
        assert_eq!(kept, [receipt]);
    }
    assert_eq!(world.refresh("web", text(&tokens, "refresh_token")).await.status, 400);
}

async fn what_came_to_be_in_between_is_not_let_in_again(backend: Backend) {
    let world = World::new(backend).await;
    let tokens = world.tokens("web").await;
    let ada = id(&world, "ada@acme.example").await;
    assert!(shut(&world, &by(&world, &ada, By::Operator)).await.unwrap().is_some());
    // A sign-in that another node finished while the user was being shut out.
    world.sql("UPDATE families SET revoked_at = NULL").await;
    assert_eq!(world.userinfo(text(&tokens, "access_token")).await.status, 401);
    assert_eq!(open(&world, &ada, By::Operator).await, Opened::Open);
    assert_eq!(world.userinfo(text(&tokens, "access_token")).await.status, 401, "a token from before");
}

/// Runs `second` while the transaction `first` is open, which it must wait for; then what came of it.
async fn after<T>(first: gatehouse::store::db::Tx, second: impl Future<Output = T>) -> T {
    let mut second = std::pin::pin!(second);
    let waits = tokio::time::timeout(std::time::Duration::from_millis(300), &mut second).await.is_err();
    first.commit().await.unwrap();
    assert!(waits, "it waits for what is under way");
    second.await
}

/// One takes the rights of one of the last two administrators, the other shuts the other one out: each saw the other.
async fn of_a_demotion_and_a_lock_at_once_one_is_refused(backend: Backend) {
    use gatehouse::apply::single::{self, Expect, Noun, Order};
    for (demoted, refused) in [("ada@acme.example", true), ("eve@acme.example", false)] {
        let world = World::with(backend, ADMINS, &[]).await;
        let tenant = gatehouse::store::tenants::find_by_name(&world.app.db, "acme").await.unwrap().unwrap();
        let (actor, now, bob) = (actor(), world.clock.now(), id(&world, "bob@acme.example").await);
        let order = Order { sealer: &world.app.sealer, ahead: None, actor: &actor, platform: false, force: false, now };
        let mut tx = world.app.db.begin().await.unwrap();
        let body = serde_json::json!({"admin": false});
        single::put(&mut tx, &order, &tenant, Noun::Users, Some(demoted), &body, Expect::There).await.unwrap();
        let outcome = after(tx, shut(&world, &by(&world, &bob, By::Directory))).await;
        assert_eq!(outcome.is_err(), refused, "{demoted}");
        assert!(users::is_administered(&world.app.db, &tenant.id).await.unwrap());
    }
}

/// Somebody who is out is let in, and shut out at that moment by who saw them out.
async fn of_a_lock_and_an_opening_at_once_both_count(backend: Backend) {
    let world = World::with(backend, ADMINS, &[]).await;
    let eve = id(&world, "eve@acme.example").await;
    assert!(shut(&world, &by(&world, &eve, By::Directory)).await.unwrap().is_some());
    let opening =
        Opening { user_id: &eve, by: By::Directory, actor: &actor(), sealer: &world.app.sealer, now: world.clock.now() };
    let mut tx = world.app.db.begin().await.unwrap();
    assert_eq!(users::open_again(&mut tx, &opening).await.unwrap(), Opened::Open);
    let outcome = after(tx, shut(&world, &by(&world, &eve, By::Directory))).await;
    assert!(outcome.unwrap().is_some(), "they were in when it was done");
    assert!(!users::find(&world.app.db, &eve).await.unwrap().unwrap().active);
}

/// Who is let in again later did not ask for it, and whoever has it is not them.
async fn an_unused_link_ends_too(backend: Backend) {
    use gatehouse::store::admin_links::{self, New};
    let world = World::with(backend, ADMINS, &[]).await;
    let mut links = Vec::new();
    for email in ["ada@acme.example", "bob@acme.example"] {
        let user = users::find(&world.app.db, &id(&world, email).await).await.unwrap();
        let mut tx = world.app.db.begin().await.unwrap();
        let new = New { user: user.as_ref(), actor: &actor(), lifetime: 900, now: world.clock.now() };
        links.push(admin_links::make(&mut tx, &world.app.sealer, &new).await.unwrap());
        tx.commit().await.unwrap();
    }
    let ada = id(&world, "ada@acme.example").await;
    assert!(shut(&world, &by(&world, &ada, By::Operator)).await.unwrap().is_some());
    assert_eq!(open(&world, &ada, By::Operator).await, Opened::Open);
    let look = async |link: &String| admin_links::look(&world.app.db, link, world.clock.now()).await.unwrap().is_some();
    assert!(!look(&links[0]).await);
    assert!(look(&links[1]).await, "another's works as before");
}

/// Whoever sets a password cannot forget to.
async fn another_password_ends_what_the_old_one_opened(backend: Backend) {
    for new in [Some("another"), None, Some("as it was")] {
        let world = World::new(backend).await;
        let ada = id(&world, "ada@acme.example").await;
        let was = users::find(&world.app.db, &ada).await.unwrap().unwrap().password_hash;
        // Also where it is the same: nobody is told whether they have guessed it.
        let new = new.map(|new| if new == "as it was" { was.clone().unwrap() } else { new.to_owned() });
        let mut browser = Browser::new();
        let url = world.authorize_url("web", &[]);
        let code = world.sign_in(&mut browser, &url, "ada@acme.example", "correct horse").await.query("code").unwrap();
        let tokens = world.redeem("web", &code).await.json();
        let set = async |hash: Option<&str>| {
            let mut tx = world.app.db.begin().await.unwrap();
            assert!(users::set_password(&mut tx, &world.app.sealer, &ada, hash, world.clock.now()).await.unwrap());
            tx.commit().await.unwrap();
        };
        set(new.as_deref()).await;
        let open = [
            world.userinfo(text(&tokens, "access_token")).await.status == 200,
            world.refresh("web", text(&tokens, "refresh_token")).await.status == 200,
            browser.get(&url).await.query("code").is_some(),
        ];
        assert_eq!(open, [false; 3], "{new:?}");
        assert_eq!(users::find(&world.app.db, &ada).await.unwrap().unwrap().password_hash, new);
    }
    // Who has had none loses nothing by the first.
    let world = World::new(backend).await;
    let ada = id(&world, "ada@acme.example").await;
    let tokens = world.tokens("web").await;
    world.sql("UPDATE users SET password_hash = NULL").await;
    let mut tx = world.app.db.begin().await.unwrap();
    users::set_password(&mut tx, &world.app.sealer, &ada, Some("first"), world.clock.now()).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(world.userinfo(text(&tokens, "access_token")).await.status, 200);
}
