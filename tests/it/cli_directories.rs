//! `gatehouse directories …`: a token is shown once and ends the older ones; what an operator sees of both sides of a person.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use gatehouse::{
    clock::Clock,
    seal::Sealer,
    store::{Db, directories, directory_tokens, tenants},
};

const KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
const FILE: &str = r#"
tenants:
- name: acme
  connections:
  - {name: okta, preset: okta, oidc: {issuer: "https://okta.example", client_id: gh, client_secret: x}}
  directories:
  - {name: people, connection: okta, token: "0123456789abcdef0123456789abcdef", group_rules: [{group: "sre-*", team: sre}]}
- name: other
  directories: [{name: people}, {name: staff}]
"#;

fn gatehouse(dir: &Path, args: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gatehouse"));
    let env = [("GATEHOUSE_MASTER_KEY", KEY), ("GATEHOUSE_PUBLIC_URL", "https://sso.example")];
    let Output { status, stdout, stderr } = command.args(args).current_dir(dir).env_clear().envs(env).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

fn said(dir: &Path, args: &[&str]) -> String {
    let (code, out, err) = gatehouse(dir, args);
    assert_eq!((code, err.as_str()), (0, ""), "{args:?}: {out}");
    out
}

fn applied() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("state.yaml"), FILE).unwrap();
    said(dir.path(), &["apply", "state.yaml"]);
    dir
}

/// What the server makes of a token now.
async fn refusal(dir: &Path, token: &str) -> Option<&'static str> {
    let db = Db::connect(&format!("sqlite://{}", dir.join("gatehouse.db").display())).await.unwrap();
    let fingerprint = directory_tokens::fingerprint(&Sealer::from_base64(KEY).unwrap(), token);
    let caller = directories::by_token(&db, &fingerprint).await.unwrap().unwrap();
    let refusal = caller.refusal(Clock::system().now());
    db.close().await;
    refusal
}

fn token_in(text: &str) -> String {
    text.lines().find_map(|line| line.strip_prefix("token           ")).unwrap().to_owned()
}

#[tokio::test]
async fn a_new_token_is_shown_once_and_ends_the_older_ones() {
    let dir = applied();
    let dir = dir.path();
    let first = said(dir, &["directories", "token", "people", "--tenant", "acme", "--overlap", "24h"]);
    let token = token_in(&first);
    assert!(token.starts_with("ghs_") && token.len() == 47, "{first}");
    assert!(
        first.contains("SCIM Base URL   https://sso.example/scim/v2\n") && first.contains("1 older token ends in 1 day."),
        "{first}"
    );
    assert!(first.contains("One of them stands in a declarative file"), "{first}");
    assert_eq!((refusal(dir, &token).await, refusal(dir, "0123456789abcdef0123456789abcdef").await), (None, None));
    let second = said(dir, &["directories", "token", "people", "--tenant", "acme", "--expires-in", "90d"]);
    assert!(second.contains("It ends 20") && second.contains("2 older tokens end now."), "{second}");
    for ended in [&token, "0123456789abcdef0123456789abcdef"] {
        assert_eq!(refusal(dir, ended).await, Some("the directory token has ended"));
    }
    assert_eq!(refusal(dir, &token_in(&second)).await, None);
    // Nothing shows a token again, and the same file does not bring its own back.
    let shown = said(dir, &["directories", "show", "people", "--tenant", "acme"]);
    assert!(
        !shown.contains("ghs_") && shown.matches("ENDED").count() == 2 && shown.matches("never used").count() == 3,
        "{shown}"
    );
    let plan = said(dir, &["apply", "state.yaml"]);
    assert!(plan.contains("its token in the file was ended by a newer one") && plan.ends_with("no changes\n"), "{plan}");
    assert!(refusal(dir, "0123456789abcdef0123456789abcdef").await.is_some());
}

#[tokio::test]
async fn directories_are_listed_and_shown() {
    let dir = applied();
    let dir = dir.path();
    let listed = said(dir, &["directories", "list"]);
    assert_eq!(listed.lines().count(), 4, "{listed}");
    assert!(listed.contains("\nacme             people           enabled   okta "), "{listed}");
    let shown = said(dir, &["directories", "show", "people", "--tenant", "acme"]);
    for line in [
        "directory       acme/people, enabled",
        "SCIM Base URL   https://sso.example/scim/v2",
        "connection      okta",
        "users, groups   0, 0",
        "group rules     sre-*: team sre",
    ] {
        assert!(shown.lines().any(|l| l == line), "{line}: {shown}");
    }
    let (code, _, err) = gatehouse(dir, &["directories", "show", "people"]);
    assert_eq!((code, err.trim()), (1, "several tenants have a directory people; say --tenant, one of acme, other"));
    let (code, _, err) = gatehouse(dir, &["directories", "token", "staf"]);
    let text = "there is no directory staf (did you mean staff?); add it under directories and apply the file";
    assert_eq!((code, err.trim()), (1, text));
    let (code, _, err) = gatehouse(dir, &["directories", "show", "staff", "--user", "kim"]);
    assert_eq!((code, err.trim()), (1, "directory other/staff has no user kim; give the userName or the e-mail address"));
    assert_eq!(gatehouse(dir, &["directories", "token", "staff", "--overlap", "soon"]).0, 2);
}

#[tokio::test]
async fn both_ids_of_a_person_stand_side_by_side() {
    let dir = applied();
    let dir = dir.path();
    let db = Db::connect(&format!("sqlite://{}", dir.join("gatehouse.db").display())).await.unwrap();
    let tenant = tenants::find_by_name(&db, "acme").await.unwrap().unwrap();
    let directory = directories::find_by_name(&db, &tenant.id, "people").await.unwrap().unwrap();
    let connection = directory.connection_id.clone().unwrap();
    for sql in [
        "INSERT INTO users (id, tenant_id, email, email_proven, admin, active, created_at, updated_at) \
         VALUES ('u', $1, 'kim@acme.example', TRUE, FALSE, TRUE, 1, 1)",
        "INSERT INTO directory_users (id, directory_id, user_id, made_user, user_name, external_id, active, resource, version, \
           created_at, updated_at) \
         SELECT 'r', id, 'u', TRUE, 'kim', '00u1', TRUE, '{\"userName\": \"Kim\", \"externalId\": \"00u1\"}', 1, 1, 1 \
         FROM directories WHERE tenant_id = $1 AND name = 'people'",
    ] {
        db.execute(sql, gatehouse::params![&tenant.id]).await.unwrap();
    }
    let shown = said(dir, &["directories", "show", "people", "--tenant", "acme", "--user", "KIM"]);
    assert!(shown.contains("externalId      00u1\nupstream id     none: has not signed in"), "{shown}");
    for (subject, verdict) in [("00u1", "they            match"), ("kim@acme.example", "they            DIFFER")] {
        let sql = "INSERT INTO identities (id, connection_id, issuer, subject, user_id, created_at, last_seen_at) \
                   VALUES ('i', $1, 'https://okta.example', $2, 'u', 1, 1) ON CONFLICT (id) DO UPDATE SET subject = excluded.subject";
        db.execute(sql, gatehouse::params![&connection, subject]).await.unwrap();
        let shown = said(dir, &["directories", "show", "people", "--tenant", "acme", "--user", "kim@acme.example"]);
        assert!(shown.contains(&format!("upstream id     {subject}\n{verdict}")), "{shown}");
    }
    // What a directory writes tells the terminal nothing.
    let sql = "UPDATE directory_users SET resource = $1";
    let sly = serde_json::json!({"userName": "Kim\nthey            match", "externalId": "\u{1b}[2J00u1"}).to_string();
    db.execute(sql, gatehouse::params![&sly]).await.unwrap();
    let shown = said(dir, &["directories", "show", "people", "--tenant", "acme", "--user", "kim@acme.example"]);
    assert!(shown.contains("userName        Kim?they") && shown.contains("externalId      ?[2J00u1"), "{shown:?}");
    assert!(!shown.contains('\u{1b}') && !shown.contains("\nthey            match"), "{shown:?}");
    db.close().await;
}
