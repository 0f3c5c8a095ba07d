//! `gatehouse users …`: what an operator sees of people, and does to them, while nodes serve.

use std::process::{Command, Stdio};

use gatehouse::{
    policy::{directory::DirectorySettings, email::Email},
    store::{
        directories::{self, Directory},
        directory_users, tenants,
        users::{self, By},
    },
};

use crate::{
    on_both,
    pushed::Pushed,
    world::{Backend, STATE, World, text},
};

on_both!(
    an_operator_sees_and_ends_what_somebody_has,
    both_sides_of_somebody_stand_side_by_side,
    the_last_administrator_takes_a_word_more,
    a_user_is_linked_to_a_record,
);

/// Runs the program on the world's database: exit code, what it says, what it complains of.
async fn run(world: &World, args: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gatehouse"));
    command.arg("users").args(args).current_dir(world.dir.path()).env_clear().stdin(Stdio::null());
    command.env("GATEHOUSE_DATABASE_URL", &world.app.settings.database_url);
    command.env("GATEHOUSE_KEYS_DIR", world.dir.path().join("keys"));
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn says(out: &str, parts: &[&str]) {
    for part in parts {
        assert!(out.contains(part), "{part:?} in\n{out}");
    }
}

async fn user(world: &World, email: &str) -> users::User {
    let tenant = tenants::find_by_name(&world.app.db, "acme").await.unwrap().unwrap();
    users::find_by_email(&world.app.db, &tenant.id, &Email::parse(email).unwrap()).await.unwrap().unwrap()
}

async fn ada(world: &World) -> users::User {
    user(world, "ada@acme.example").await
}

async fn an_operator_sees_and_ends_what_somebody_has(backend: Backend) {
    let world = World::new(backend).await;
    let tokens = world.tokens("web").await;
    let ada = ada(&world).await;
    Pushed::link(&world.app.db, &world.app.sealer, &ada.tenant_id, &ada.id, "ada@acme.example", 1).await;
    for sql in [
        "INSERT INTO teams (id, tenant_id, name, created_at) SELECT 'sre', id, 'sre', 1 FROM tenants WHERE name = 'acme'",
        "INSERT INTO team_members (team_id, user_id) SELECT 'sre', id FROM users WHERE name = 'Ada'",
        "INSERT INTO teams (id, tenant_id, name, created_at) SELECT 'ops', id, 'ops', 1 FROM tenants WHERE name = 'acme'",
        "INSERT INTO directory_groups (id, directory_id, display_name, resource, version, created_at, updated_at) \
         SELECT 'g', id, 'ops', '{}', 1, 1, 1 FROM directories",
        "INSERT INTO directory_members (group_id, member_id) SELECT 'g', id FROM directory_users",
        "INSERT INTO group_teams (group_id, team_id) VALUES ('g', 'ops')",
    ] {
        assert_eq!(world.sql(sql).await, 1, "{sql}");
    }
    let (code, out, err) = run(&world, &["list"]).await;
    assert_eq!((code, err.as_str(), out.lines().count()), (0, "", 4), "{out}");
    says(&out, &["TENANT", "ada@acme.example", "out (operator)", &ada.id]);
    assert_eq!(run(&world, &["list", "--tenant", "other"]).await.1.lines().count(), 2);
    let (code, _, err) = run(&world, &["list", "--tenant", "acne"]).await;
    assert!(code == 1 && err.contains("did you mean acme?"), "{err}");

    let (code, _, err) = run(&world, &["show", "ada@acme.example"]).await;
    assert!(code == 1 && err.contains("several tenants have a user ada@acme.example: say --tenant, one of acme, other"), "{err}");
    for who in [&["show", "Ada@Acme.example", "--tenant", "acme"][..], &["show", &ada.id]] {
        let (code, out, err) = run(&world, who).await;
        assert_eq!((code, err.as_str()), (0, ""));
        let parts =
            ["ada@acme.example", "active", "okta: externalId ext-1, ada@acme.example, userName ada@acme.example, active, linked"];
        says(&out, &parts);
        says(&out, &["sre (by hand)", "ops (group ops of directory okta)", "session     from", "password    set"]);
        assert!(!out.contains("argon2"), "{out}");
    }
    assert!(run(&world, &["show", &ada.id, "--tenant", "other"]).await.2.contains("there is no user"));
    assert!(run(&world, &["receipts", &ada.id]).await.1.contains("no receipts"));

    let (code, out, err) = run(&world, &["deactivate", &ada.id]).await;
    assert_eq!((code, err.as_str()), (0, ""));
    says(
        &out,
        &["ada@acme.example of acme is deactivated", "1 sessions, 0 codes, 1 token families", "1 teams by hand, 1 by groups"],
    );
    assert_eq!(world.userinfo(text(&tokens, "access_token")).await.status, 401);
    assert!(run(&world, &["deactivate", &ada.id]).await.1.contains("was deactivated before"));
    says(
        &run(&world, &["receipts", "ada@acme.example"]).await.1,
        &["of acme", "deactivated by command line", "1 token families"],
    );
    says(&run(&world, &["activate", &ada.id]).await.1, &["may sign in again"]);
    says(&run(&world, &["activate", &ada.id]).await.1, &["was active already"]);
    assert_eq!(world.userinfo(text(&tokens, "access_token")).await.status, 401);
    world.tokens("web").await;

    world.remove(&ada.id).await.unwrap();
    says(&run(&world, &["receipts", &ada.id]).await.1, &["deleted by a test", "deactivated by command line"]);
    assert_eq!(run(&world, &["show", &ada.id]).await.0, 1);
}

/// What the sign-in says, and what the directory says.
async fn both_sides_of_somebody_stand_side_by_side(backend: Backend) {
    let world = World::new(backend).await;
    let ada = ada(&world).await;
    Pushed::link(&world.app.db, &world.app.sealer, &ada.tenant_id, &ada.id, "a.lovelace@acme.example", 1).await;
    let connected = "  connections:\n  - {name: okta, oidc: {issuer: \"https://okta.example\", client_id: gh}}\n";
    world.apply(&STATE.replacen("  domains: [acme.example]\n", &format!("  domains: [acme.example]\n{connected}"), 1)).await;
    world.sql("UPDATE directories SET connection_id = (SELECT id FROM connections)").await;
    let show = async || run(&world, &["show", &ada.id]).await.1;
    says(&show().await, &["directory   okta: externalId ext-1, a.lovelace@acme.example, userName"]);
    let identity = "INSERT INTO identities (id, connection_id, issuer, subject, user_id, email, created_at, last_seen_at) \
                    SELECT 'i', c.id, 'https://okta.example', 'ext-1', u.id, 'ada@okta.example', 1, 1 \
                    FROM connections c JOIN users u ON u.tenant_id = c.tenant_id WHERE u.email = 'ada@acme.example'";
    assert_eq!(world.sql(identity).await, 1);
    says(
        &show().await,
        &[
            "identity    ext-1 by https://okta.example (connection okta), ada@okta.example, last seen",
            "directory   okta: externalId ext-1 (as the identity's), a.lovelace@acme.example",
        ],
    );
    world.sql("UPDATE identities SET subject = '00u1'").await;
    says(&show().await, &["identity    00u1 by", "externalId ext-1 (DIFFERS from the identity's)"]);
}

async fn the_last_administrator_takes_a_word_more(backend: Backend) {
    let world = World::new(backend).await;
    world.sql("UPDATE users SET admin = TRUE WHERE name = 'Ada'").await;
    let ada = ada(&world).await;
    let (code, out, err) = run(&world, &["deactivate", &ada.id]).await;
    assert!(code == 1 && out.is_empty() && err.contains("last active administrator") && err.contains("--force"), "{err}");
    assert!(users::find(&world.app.db, &ada.id).await.unwrap().unwrap().active);
    assert_eq!(run(&world, &["deactivate", &ada.id, "--force"]).await.0, 0);
    assert_eq!(users::find(&world.app.db, &ada.id).await.unwrap().unwrap().shut_by, Some(By::Operator));
}

async fn a_user_is_linked_to_a_record(backend: Backend) {
    let world = World::new(backend).await;
    let (db, ada) = (&world.app.db, ada(&world).await);
    let directory = Directory {
        id: "d".into(),
        tenant_id: ada.tenant_id.clone(),
        name: "okta".into(),
        connection_id: None,
        enabled: true,
        settings: DirectorySettings::default(),
        created_at: 1,
    };
    directories::save(db, &directory).await.unwrap();
    let link = ["link-directory", ada.id.as_str(), "okta", "--external-id", "00u1"];
    let (code, out, err) = run(&world, &link).await;
    assert!(code == 1 && out.contains("shut them out") && err.contains("nothing was linked: there is no terminal"), "{out}{err}");
    assert!(directory_users::of_user(db, &ada.id).await.unwrap().is_empty());
    let (code, _, err) = run(&world, &["link-directory", &ada.id, "entra", "--external-id", "00u1", "--yes"]).await;
    assert!(code == 1 && err.contains("has no directory entra"), "{err}");

    let agreed: Vec<&str> = link.iter().copied().chain(["--yes"]).collect();
    assert_eq!(run(&world, &agreed).await.0, 0);
    let record = directory_users::of_user(db, &ada.id).await.unwrap().remove(0);
    assert_eq!((record.external_id(), record.user_name(), record.made_user), (Some("00u1"), "ada@acme.example", false));
    assert_eq!(record.email().unwrap(), ada.email);
    let (code, _, err) = run(&world, &agreed).await;
    assert!(code == 1 && err.contains("is linked to record"), "{err}");

    // A record that waits for somebody; one that stands for another stays.
    world.sql("UPDATE directory_users SET user_id = NULL").await;
    assert_eq!(run(&world, &agreed).await.0, 0);
    assert_eq!(directory_users::of_user(db, &ada.id).await.unwrap().remove(0).id, record.id);
    let eve = user(&world, "eve@acme.example").await;
    let (code, _, err) = run(&world, &["link-directory", &eve.id, "okta", "--external-id", "00u1", "--yes"]).await;
    assert!(code == 1 && err.contains("stands for another user"), "{err}");
    let (code, _, err) =
        run(&world, &["link-directory", &eve.id, "okta", "--external-id", "00u2", "--user-name", "ada@acme.example", "--yes"])
            .await;
    assert!(code == 1 && err.contains("has another externalId"), "{err}");
    world.sql("UPDATE directory_users SET user_id = NULL, active = FALSE").await;
    let (code, _, err) = run(&world, &agreed).await;
    assert!(code == 1 && err.contains("is inactive"), "{err}");
}
