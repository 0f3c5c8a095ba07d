//! Directories in declarative state: their tokens, what their groups become, and what goes with them.

use gatehouse::{
    apply::{self, File, Hashing, Options},
    policy::role::Role,
    seal::Sealer,
    store::{
        Db, directories,
        directory_groups::{self, DirectoryGroup},
        directory_tokens::{self, DirectoryToken},
        directory_users::Updated,
        group_rules, resources, teams, tenants,
    },
};
use serde_json::json;

use crate::on_both_databases;

on_both_databases!(
    a_second_run_changes_nothing,
    a_token_is_the_files_own,
    a_new_token_ends_the_others,
    an_ended_token_stays_ended,
    a_token_names_one_directory,
    rules_make_groups_anew,
    a_rule_names_no_team_of_another_group,
    other_rules_leave_what_a_rename_has_left,
    teams_of_a_file_differ_by_more_than_their_case,
    roles_wait_for_their_resource,
    a_team_made_for_a_group_is_not_the_files,
    pruning_says_what_goes,
    a_tenant_has_so_many_and_no_more,
);

const FILE: &str = r#"
tenants:
- name: acme
  connections:
  - {name: okta, preset: okta, oidc: {issuer: "https://okta.example", client_id: gh, client_secret: x}}
  directories:
  - {name: okta, connection: okta, token: "${TOKEN}", group_rules: []}
"#;
const TOKEN: &str = "0123456789abcdef0123456789abcdef";

fn sealer() -> Sealer {
    Sealer::from_base64("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=").unwrap()
}

async fn run(db: &Db, text: &str, options: Options<'_>) -> Result<String, String> {
    let env = |name: &str| (name == "TOKEN").then(|| TOKEN.to_owned());
    let file = File { text, origin: "acme.yaml", env: &env };
    let hashing = Hashing { hash: |_| None, verify: |_, _| false };
    match apply::run(db, &sealer(), hashing, file, options, 100).await {
        Ok(plan) => Ok(plan.to_string()),
        Err(problems) => Err(problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")),
    }
}

async fn apply(db: &Db, text: &str) -> Result<String, String> {
    run(db, text, Options::default()).await
}

async fn directory(db: &Db) -> directories::Directory {
    let tenant = tenants::find_by_name(db, "acme").await.unwrap().unwrap();
    directories::find_by_name(db, &tenant.id, "okta").await.unwrap().unwrap()
}

/// The fingerprints of its tokens that have not ended.
async fn tokens(db: &Db) -> Vec<String> {
    let all = directory_tokens::of_directory(db, &directory(db).await.id).await.unwrap();
    all.into_iter().filter(|t| t.expires_at.is_none()).map(|t| t.fingerprint).collect()
}

async fn push(db: &Db, name: &str) -> DirectoryGroup {
    let directory = directory(db).await;
    let serde_json::Value::Object(resource) = json!({"displayName": name}) else { unreachable!() };
    let (id, directory_id) = (format!("g-{name}"), directory.id.clone());
    let group = DirectoryGroup { id, directory_id, resource, version: 1, created_at: 100, updated_at: 100 };
    let mut tx = db.begin().await.unwrap();
    assert!(directory_groups::insert(&mut tx, &group).await.unwrap());
    // Teams have an order by age.
    group_rules::settle(&mut tx, &directory, &group, 100 + name.len() as i64).await.unwrap().unwrap();
    tx.commit().await.unwrap();
    group
}

async fn team_names(db: &Db) -> Vec<String> {
    let tenant = tenants::find_by_name(db, "acme").await.unwrap().unwrap();
    let mut names: Vec<_> = teams::of_tenant(db, &tenant.id).await.unwrap().into_iter().map(|t| t.name).collect();
    names.sort();
    names
}

async fn role_of(db: &Db, team: &str) -> Option<Role> {
    let tenant = tenants::find_by_name(db, "acme").await.unwrap().unwrap();
    let team = teams::find_by_name(db, &tenant.id, team).await.unwrap().unwrap();
    resources::strongest(db, &tenant.id, "workspace", "prod", &[&team.id]).await.unwrap()
}

fn ruled(rules: &str) -> String {
    FILE.replace("group_rules: []", &format!("group_rules: [{rules}]"))
}

const ROLES: &str = r#"{group: "ws-{ws}-role-{role}", resource: {type: workspace, name: "{ws}"}, roles: {admin: manager}}"#;
const PROD: &str = "  resources:\n  - {type: workspace, name: prod}\n";

async fn a_second_run_changes_nothing(db: &Db) {
    let plan = apply(db, FILE).await.unwrap();
    assert_eq!(plan, "+ tenant acme\n+ connection acme/okta\n+ directory acme/okta\n3 created, 0 updated, 0 deleted");
    assert_eq!(apply(db, FILE).await.unwrap(), "no changes");
    assert!(directory(db).await.enabled && directory(db).await.connection_id.is_some());
    let changed =
        ruled(r#"{group: "*", team: all}"#).replace("connection: okta, ", "proven_domains_only: true, enabled: false, ");
    let plan = apply(db, &changed).await.unwrap();
    let fields = "connection, enabled, group_rules, proven_domains_only";
    assert_eq!(plan, format!("~ directory acme/okta ({fields})\n0 created, 1 updated, 0 deleted"));
    assert_eq!(apply(db, &changed).await.unwrap(), "no changes");
    // Left out, the switch stays; the rest has its default.
    let plan = apply(db, &FILE.replace("group_rules: []", "")).await.unwrap();
    assert!(plan.starts_with("~ directory acme/okta (connection, group_rules, proven_domains_only)\n"), "{plan}");
    assert!(!directory(db).await.enabled);
    let stray = apply(db, &FILE.replace("connection: okta", "connection: octa")).await.unwrap_err();
    assert_eq!(stray, "acme.yaml:7:30: octa is no connection of tenant acme (did you mean okta?); add it under connections");
}

async fn a_token_is_the_files_own(db: &Db) {
    apply(db, FILE).await.unwrap();
    let first = directory_tokens::fingerprint(&sealer(), TOKEN);
    assert_eq!(tokens(db).await, std::slice::from_ref(&first));
    let other = FILE.replace("${TOKEN}", "ffffffffffffffffffffffffffffffff");
    let plan = apply(db, &other).await.unwrap();
    assert_eq!(plan, "~ directory acme/okta (token (secret))\n0 created, 1 updated, 0 deleted");
    assert_eq!(apply(db, &other).await.unwrap(), "no changes");
    let second = directory_tokens::fingerprint(&sealer(), "ffffffffffffffffffffffffffffffff");
    assert_eq!(tokens(db).await, std::slice::from_ref(&second));
    assert!(directories::by_token(db, &first).await.unwrap().is_none());
    // One made by the command is not the file's.
    made(db, "made", None).await;
    let without = FILE.replace("token: \"${TOKEN}\", ", "");
    let plan = apply(db, &without).await.unwrap();
    assert_eq!(plan, "~ directory acme/okta (token (secret))\n0 created, 1 updated, 0 deleted");
    assert_eq!(apply(db, &without).await.unwrap(), "no changes");
    assert_eq!(tokens(db).await, ["made"]);
}

/// As the command makes one.
async fn made(db: &Db, name: &str, expires_at: Option<i64>) {
    let (id, fingerprint, directory_id) = (name.to_owned(), name.to_owned(), directory(db).await.id);
    let made = DirectoryToken {
        id,
        directory_id,
        fingerprint,
        declared: false,
        created_at: 200,
        expires_at,
        made_with: None,
        last_used_at: None,
    };
    directory_tokens::insert(db, &made).await.unwrap();
}

/// When a token ends; nothing if it is not there.
async fn end(db: &Db, fingerprint: &str) -> Option<Option<i64>> {
    let all = directory_tokens::of_directory(db, &directory(db).await.id).await.unwrap();
    all.into_iter().find(|t| t.fingerprint == fingerprint).map(|t| t.expires_at)
}

async fn a_new_token_ends_the_others(db: &Db) {
    let without = FILE.replace("token: \"${TOKEN}\", ", "");
    apply(db, &without).await.unwrap();
    made(db, "made", None).await;
    made(db, "short", Some(110)).await;
    made(db, "over", Some(90)).await;
    let plan = apply(db, FILE).await.unwrap();
    let warning = "\n! directory acme/okta: its new token in the file ends the 2 made by gatehouse directories token at once; enter \
                   the new one at the source\n";
    assert!(plan.starts_with("~ directory acme/okta (token (secret))") && plan.contains(warning), "{plan}");
    assert_eq!(tokens(db).await, [directory_tokens::fingerprint(&sealer(), TOKEN)]);
    assert_eq!(
        (end(db, "made").await, end(db, "short").await, end(db, "over").await),
        (Some(Some(100)), Some(Some(100)), Some(Some(90)))
    );
    assert_eq!(apply(db, FILE).await.unwrap(), "no changes");
    // One that the command makes afterwards is the newer one: the same file leaves it alone.
    made(db, "later", None).await;
    assert_eq!(apply(db, FILE).await.unwrap(), "no changes");
    assert_eq!(end(db, "later").await, Some(None));
    // With an overlap both kinds go on for that long, and a second run changes nothing about it.
    let overlap = FILE.replace("token: \"${TOKEN}\"", "token: \"ffffffffffffffffffffffffffffffff\", token_overlap: 1h");
    let plan = apply(db, &overlap).await.unwrap();
    assert!(plan.contains("its new token in the file ends the one made by gatehouse directories token in 1 h;"), "{plan}");
    let first = directory_tokens::fingerprint(&sealer(), TOKEN);
    assert_eq!((end(db, "later").await, end(db, &first).await), (Some(Some(3_700)), Some(Some(3_700))));
    assert_eq!(apply(db, &overlap).await.unwrap(), "no changes");
    assert_eq!(end(db, &first).await, Some(Some(3_700)));
    // No overlap any more: what the file gave before is gone.
    let plan = apply(db, &overlap.replace("token_overlap: 1h, ", "")).await.unwrap();
    assert_eq!(plan, "~ directory acme/okta (token (secret))\n0 created, 1 updated, 0 deleted");
    assert_eq!((end(db, &first).await, end(db, "later").await), (None, Some(Some(3_700))));
}

async fn an_ended_token_stays_ended(db: &Db) {
    apply(db, FILE).await.unwrap();
    assert_eq!(directory_tokens::end_others(db, &directory(db).await.id, "none", 100).await.unwrap(), 1);
    let plan = apply(db, FILE).await.unwrap();
    assert!(plan.starts_with("! directory acme/okta: its token in the file was ended by a newer one;"), "{plan}");
    assert!(plan.ends_with("\nno changes"), "{plan}");
    assert!(tokens(db).await.is_empty());
    // Not by leaving it out and giving it again either.
    apply(db, &FILE.replace("token: \"${TOKEN}\", ", "")).await.unwrap();
    let plan = apply(db, FILE).await.unwrap();
    assert!(plan.starts_with("! directory acme/okta: its token in the file was ended by a newer one;"), "{plan}");
    assert!(tokens(db).await.is_empty());
}

async fn a_token_names_one_directory(db: &Db) {
    apply(db, FILE).await.unwrap();
    let two = format!("{FILE}- name: other\n  directories:\n  - {{name: entra, token: \"${{TOKEN}}\"}}\n");
    // Within a file; and against what an earlier file said.
    let found = apply(db, &two).await.unwrap_err();
    assert_eq!(found, "acme.yaml:10:26: token is that of directory acme/okta too; give each its own");
    // The first may give it up to the second.
    apply(db, &two.replacen("token: \"${TOKEN}\", ", "", 1)).await.unwrap();
    let found = apply(db, "tenants: [{name: third, directories: [{name: x, token: \"${TOKEN}\"}]}]").await.unwrap_err();
    assert_eq!(found, "acme.yaml:1:56: token is that of directory other/entra too; give each its own");
}

async fn rules_make_groups_anew(db: &Db) {
    apply(db, FILE).await.unwrap();
    push(db, "sre-emea").await;
    push(db, "sre").await;
    assert_eq!(team_names(db).await, ["sre", "sre-emea"]);
    // What the team of a group's own was given goes with it, and the plan says so. The rule may name the team that another
    // group gives up.
    let given = format!("{FILE}{}", PROD.replace("prod}", "prod, collaborators: [{team: sre-emea, role: viewer}]}"));
    apply(db, &given).await.unwrap();
    let rules = ruled(r#"{group: "SRE*", team: sre}"#);
    let plan = apply(db, &format!("{rules}{PROD}")).await.unwrap();
    assert_eq!(
        plan,
        "- team acme/sre\n- team acme/sre-emea (loses viewer on workspace prod)\n~ directory acme/okta (group_rules)\n\
         0 created, 1 updated, 2 deleted"
    );
    assert_eq!(apply(db, &format!("{rules}{PROD}")).await.unwrap(), "no changes");
    assert_eq!(team_names(db).await, ["sre"]);
    // Back again: the team that the rule had made stands in the way of the group of its name.
    let found = apply(db, FILE).await.unwrap_err();
    let text = "a group would be the team sre, and there is one already that was not made for it; to have both be one team add \
                the rule {group: \"sre\", team: \"sre\"}, else rename one of the two";
    assert_eq!(found, format!("acme.yaml:7:12: {text}"));
    assert_eq!(team_names(db).await, ["sre"]);
    let kept = ruled(r#"{group: sre, team: sre}"#);
    apply(db, &kept).await.unwrap();
    assert_eq!(team_names(db).await, ["sre", "sre-emea"]);
}

/// It would go with the group that it was made for.
async fn a_rule_names_no_team_of_another_group(db: &Db) {
    apply(db, FILE).await.unwrap();
    push(db, "sre").await;
    push(db, "sre-emea").await;
    let found = apply(db, &ruled(r#"{group: "sre-*", team: sre}"#)).await.unwrap_err();
    assert!(found.contains("add the rule {group: \"sre\", team: \"sre\"}"), "{found}");
    assert_eq!(team_names(db).await, ["sre", "sre-emea"]);
    apply(db, &ruled(r#"{group: "sre-*", team: sre}, {group: sre, team: sre}"#)).await.unwrap();
    assert_eq!(team_names(db).await, ["sre"]);
}

/// A group that was renamed has its own team still, for what that was given by hand. Rules that are changed then, and that have
/// nothing to do with it, leave it; one that wants its name has it, as the plan says.
async fn other_rules_leave_what_a_rename_has_left(db: &Db) {
    let rule = r#"{group: "sre-*", team: sre}"#;
    apply(db, &format!("{}{PROD}", ruled(rule))).await.unwrap();
    let group = push(db, "engineers").await;
    let given = PROD.replace("prod}", "prod, collaborators: [{team: engineers, role: viewer}]}");
    apply(db, &format!("{}{given}", ruled(rule))).await.unwrap();
    let serde_json::Value::Object(resource) = json!({"displayName": "sre-eng"}) else { unreachable!() };
    let renamed = DirectoryGroup { resource, ..group };
    let mut tx = db.begin().await.unwrap();
    assert_eq!(directory_groups::update(&mut tx, &renamed).await.unwrap(), Updated::Done);
    group_rules::settle(&mut tx, &directory(db).await, &renamed, 200).await.unwrap().unwrap();
    tx.commit().await.unwrap();
    assert_eq!(team_names(db).await, ["sre", "sre-eng"]);
    let given = given.replace("team: engineers", "team: sre-eng");
    let two = ruled(&format!(r#"{rule}, {{group: ops, team: ops}}"#));
    let plan = apply(db, &format!("{two}{given}")).await.unwrap();
    assert_eq!(plan, "~ directory acme/okta (group_rules)\n0 created, 1 updated, 0 deleted");
    assert_eq!(role_of(db, "sre-eng").await, Some(Role::Viewer));
    let its = ruled(r#"{group: "sre-*", team: sre}, {group: sre-eng, team: sre-eng}"#);
    let plan = apply(db, &format!("{its}{PROD}")).await.unwrap();
    assert!(plan.contains("- team acme/sre-eng (loses viewer on workspace prod)"), "{plan}");
    assert_eq!((team_names(db).await, role_of(db, "sre-eng").await), (vec!["sre".to_owned(), "sre-eng".to_owned()], None));
}

async fn teams_of_a_file_differ_by_more_than_their_case(db: &Db) {
    let of = |teams: &str| format!("tenants:\n- name: acme\n  teams:\n{teams}");
    apply(db, &of("  - {name: sre}\n")).await.unwrap();
    let text =
        "the tenant has a team sre, which differs from SRE by nothing but its case: take that name, or delete that team first";
    assert_eq!(apply(db, &of("  - {name: SRE}\n")).await.unwrap_err(), format!("acme.yaml:4:12: {text}"));
    let both = apply(db, &of("  - {name: ops}\n  - {name: Ops}\n")).await.unwrap_err();
    assert!(both.contains("acme.yaml:5:12: the tenant has a team ops, which differs from Ops"), "{both}");
    assert_eq!(team_names(db).await, ["sre"]);
    // Whoever deletes the one may make the other, and two that are there may stay.
    run(db, &of("  - {name: SRE}\n"), Options { prune: true, ..Options::default() }).await.unwrap();
    assert_eq!(team_names(db).await, ["SRE"]);
    let twin = "INSERT INTO teams (id, tenant_id, name, created_at, folded) SELECT 'twin', id, 'sre', 1, 'sre' FROM tenants";
    assert_eq!(db.execute(twin, &[]).await.unwrap(), 1);
    assert_eq!(apply(db, &of("  - {name: SRE}\n  - {name: sre}\n")).await.unwrap(), "no changes");
}

async fn roles_wait_for_their_resource(db: &Db) {
    apply(db, &ruled(ROLES)).await.unwrap();
    push(db, "ws-prod-role-admin").await;
    assert_eq!(team_names(db).await, ["ws-prod-role-admin"]);
    let with = format!("{}{PROD}", ruled(ROLES));
    assert_eq!(apply(db, &with).await.unwrap(), "+ resource acme/workspace prod\n1 created, 0 updated, 0 deleted");
    assert_eq!(role_of(db, "ws-prod-role-admin").await, Some(Role::Manager));
    assert_eq!(apply(db, &with).await.unwrap(), "no changes");
    // Other words for roles, and none.
    apply(db, &with.replace("admin: manager", "admin: viewer")).await.unwrap();
    assert_eq!(role_of(db, "ws-prod-role-admin").await, Some(Role::Viewer));
    apply(db, &with.replace("admin: manager", "owner: manager")).await.unwrap();
    assert_eq!(role_of(db, "ws-prod-role-admin").await, None);
}

async fn a_team_made_for_a_group_is_not_the_files(db: &Db) {
    apply(db, FILE).await.unwrap();
    push(db, "admins").await;
    // Whoever can name groups at the source would be in the team that the file is about to make.
    let teams = "  teams:\n  - {name: admins}\n";
    let found = apply(db, &format!("{FILE}{teams}")).await.unwrap_err();
    assert!(found.starts_with("acme.yaml:9:12: team admins was made for a group of a directory; to have"), "{found}");
    let rule = ruled("{group: admins, team: admins}");
    let plan = apply(db, &format!("{rule}{teams}")).await.unwrap();
    assert_eq!(plan, "- team acme/admins\n~ directory acme/okta (group_rules)\n0 created, 1 updated, 1 deleted");
    assert_eq!(apply(db, &format!("{rule}{teams}")).await.unwrap(), "no changes");
    // And pruning leaves alone what groups are.
    let prune = Options { prune: true, ..Options::default() };
    assert_eq!(run(db, &rule, prune).await.unwrap(), "no changes");
    assert_eq!(team_names(db).await, ["admins"]);
}

async fn pruning_says_what_goes(db: &Db) {
    apply(db, FILE).await.unwrap();
    push(db, "sre").await;
    let without = "tenants:\n- name: acme\n  connections:\n  - {name: okta, preset: okta, oidc: {issuer: \"https://okta.example\", client_id: gh, client_secret: x}}\n";
    assert_eq!(apply(db, without).await.unwrap(), "- directory acme/okta (kept: use --prune)\nno changes");
    let plan = run(db, without, Options { prune: true, dry_run: true, ..Options::default() }).await.unwrap();
    assert_eq!(plan, "- directory acme/okta (loses 1 group)\n0 created, 0 updated, 1 deleted");
    assert_eq!(team_names(db).await, ["sre"]);
    run(db, without, Options { prune: true, ..Options::default() }).await.unwrap();
    assert!(team_names(db).await.is_empty());
}

/// Each has a pace of its own.
async fn a_tenant_has_so_many_and_no_more(db: &Db) {
    let file = |count: usize| {
        let all: String = (0..count).map(|n| format!("  - {{name: d{n}}}\n")).collect();
        format!("tenants:\n- name: acme\n  directories:\n{all}")
    };
    let refused = apply(db, &file(51)).await.unwrap_err();
    assert!(refused.contains("tenant acme has 50 directories, which is as many as it may; delete one first"), "{refused}");
    assert!(tenants::find_by_name(db, "acme").await.unwrap().is_none(), "nothing is half done");
    apply(db, &file(50)).await.unwrap();
    assert_eq!(apply(db, &file(50)).await.unwrap(), "no changes", "those that are there are not counted again");
}
