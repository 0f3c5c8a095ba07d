//! What groups are here: teams, and roles by the rules of the directory.

use gatehouse::{
    policy::directory::DirectorySettings,
    store::{resources, teams, tenants},
};
use serde_json::{Value, json};

use super::{FAST, Scim, at, group, pusher, refused};
use crate::{
    on_both,
    world::{Backend, STATE, World, text},
};

on_both!(
    a_group_is_a_team,
    a_team_made_by_hand_is_not_taken_over,
    rules_name_teams_and_roles,
    by_hand_and_by_group_add_up,
    a_renamed_group_is_what_its_new_name_says,
    rules_make_so_many_teams,
    a_resource_settles_the_groups_that_waited_for_it,
    what_goes_with_a_groups_own_team_is_noted,
    what_was_given_to_a_groups_team_follows_its_new_name,
    teams_differ_by_more_than_their_case,
    a_rule_finds_its_team_whatever_its_case,
    what_a_rename_leaves_is_told,
);

async fn tenant_id(world: &World) -> String {
    tenants::find_by_name(&world.app.db, "acme").await.unwrap().unwrap().id
}

async fn user_id(world: &World, email: &str) -> String {
    let sql = "SELECT id FROM users WHERE email = $1 AND tenant_id = $2";
    let row = world.app.db.optional::<(String,)>(sql, gatehouse::params![email, &tenant_id(world).await]).await.unwrap();
    row.expect("a user").0
}

/// The names of a user's teams.
async fn teams_of(world: &World, email: &str) -> Vec<String> {
    let user = user_id(world, email).await;
    let mut names: Vec<String> = teams::of_user(&world.app.db, &user).await.unwrap().into_iter().map(|t| t.name).collect();
    names.sort();
    names
}

/// The strongest role that a user holds on a workspace, by themselves and their teams.
async fn role_of(world: &World, email: &str, workspace: &str) -> Option<&'static str> {
    let user = user_id(world, email).await;
    let held = teams::of_user(&world.app.db, &user).await.unwrap();
    let holders: Vec<&str> = held.iter().map(|t| t.id.as_str()).chain([user.as_str()]).collect();
    let tenant = tenant_id(world).await;
    let one = resources::strongest(&world.app.db, &tenant, "workspace", workspace, &holders).await.unwrap();
    let each = resources::strongest_each(&world.app.db, &tenant, &[("workspace", workspace), ("workspace", "none")], &holders)
        .await
        .unwrap();
    assert_eq!(each, [one, None]);
    one.map(|role| role.as_str())
}

async fn a_group_is_a_team(backend: Backend) {
    let scim = Scim::new(backend).await;
    let kim = scim.user("kim@acme.example").await;
    let sre = scim.group("SRE", &[&kim]).await;
    assert_eq!(teams_of(&scim.world, "kim@acme.example").await, ["SRE"]);
    scim.patch(&at(&kim), json!([{"op": "replace", "path": "active", "value": false}])).await;
    assert_eq!(teams_of(&scim.world, "kim@acme.example").await, ["SRE"], "deactivated members keep their membership");
    scim.patch(&at(&sre), json!([{"op": "remove", "path": "members", "value": [{"value": kim["id"]}]}])).await;
    assert!(teams_of(&scim.world, "kim@acme.example").await.is_empty());
    scim.patch(&at(&sre), json!([{"op": "add", "path": "members", "value": [{"value": kim["id"]}]}])).await;
    assert_eq!(scim.delete(&at(&sre)).await.status, 204);
    assert!(teams_of(&scim.world, "kim@acme.example").await.is_empty());
    assert!(teams::of_tenant(&scim.world.app.db, &tenant_id(&scim.world).await).await.unwrap().is_empty(), "the team went too");
}

async fn a_team_made_by_hand_is_not_taken_over(backend: Backend) {
    let state = STATE.replace("- name: other", "  teams:\n  - {name: SRE, members: [ada@acme.example]}\n- name: other");
    let scim = Scim::over(World::with(backend, &state, &[FAST]).await).await;
    let kim = scim.user("kim@acme.example").await;
    let answer = scim.post("/Groups", &group("SRE", &[&kim])).await;
    refused(&answer, 409, Some("uniqueness"));
    assert!(answer.body.contains("SRE") && answer.body.contains("rule"), "{}", answer.body);
    let other = scim.group("Other", &[&kim]).await;
    refused(
        &scim.patch(&at(&other), json!([{"op": "replace", "path": "displayName", "value": "SRE"}])).await,
        409,
        Some("uniqueness"),
    );
    assert_eq!(teams_of(&scim.world, "kim@acme.example").await, ["Other"]);
    assert_eq!(teams_of(&scim.world, "ada@acme.example").await, ["SRE"]);
}

fn rules(rules: Value) -> DirectorySettings {
    serde_json::from_value(json!({"group_rules": rules})).unwrap()
}

/// A team that a rule makes stays: one group that was renamed over and over made them without end.
async fn rules_make_so_many_teams(backend: Backend) {
    let world = World::with(backend, STATE, &[FAST]).await;
    let directory = pusher(&world, "acme", "okta", rules(json!([{"group": "team-{name}", "team": "{name}"}])), None).await;
    let named = |name: &str| json!([{"op": "replace", "path": "displayName", "value": name}]);
    let kim = directory.user("kim@acme.example").await;
    let group = directory.group("team-one", &[&kim]).await;
    assert_eq!(directory.patch(&at(&group), named("team-two")).await.status, 204);
    let sql = format!(
        "INSERT INTO teams (id, tenant_id, name, created_at) SELECT 't-' || n, '{}', 't-' || n, 1 FROM \
         (WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 9999) SELECT n FROM c) AS numbers",
        tenant_id(&world).await
    );
    world.sql(sql.leak()).await;
    let renamed = directory.patch(&at(&group), named("team-three")).await;
    refused(&renamed, 403, None);
    assert!(renamed.body.contains("one more team"), "{}", renamed.body);
    refused(&directory.post("/Groups", &super::group("team-three", &[])).await, 403, None);
    assert_eq!(teams_of(&world, "kim@acme.example").await, ["two"]);
    // Honestly: one that is there, and a group's own.
    assert_eq!(directory.patch(&at(&group), named("team-one")).await.status, 204);
    assert_eq!(teams_of(&world, "kim@acme.example").await, ["one"]);
    directory.group("Other", &[&kim]).await;
    assert_eq!(teams_of(&world, "kim@acme.example").await, ["Other", "one"]);
}

async fn rules_name_teams_and_roles(backend: Backend) {
    let state = STATE.replace(
        "- name: other",
        "  teams:\n  - {name: sre, members: [ada@acme.example]}\n  \
         resources:\n  - {type: workspace, name: prod}\n  - {type: workspace, name: lab}\n- name: other",
    );
    let world = World::with(backend, &state, &[FAST]).await;
    let settings = rules(json!([
        {"group": "sre-*", "team": "sre"},
        {"group": "ws-{workspace}-role-{role}", "resource": {"type": "workspace", "name": "{workspace}"},
         "roles": {"admin": "manager", "member": "viewer"}},
    ]));
    let directory = pusher(&world, "acme", "okta", settings, None).await;
    let (kim, ray) = (directory.user("kim@acme.example").await, directory.user("ray@acme.example").await);
    directory.group("SRE-eu", &[&kim]).await;
    assert_eq!(teams_of(&world, "kim@acme.example").await, ["sre"], "the one that the rule names, although made by hand");
    assert_eq!(teams_of(&world, "ada@acme.example").await, ["sre"]);

    let managers = directory.group("ws-prod-role-Admin", &[&ray]).await;
    let members = directory.group("ws-prod-role-member", &[&kim, &ray]).await;
    directory.group("ws-nowhere-role-admin", &[&kim]).await;
    directory.group("ws-lab-role-root", &[&kim]).await;
    assert_eq!(role_of(&world, "ray@acme.example", "prod").await, Some("manager"), "the strongest");
    assert_eq!(role_of(&world, "kim@acme.example", "prod").await, Some("viewer"));
    assert_eq!(role_of(&world, "kim@acme.example", "lab").await, None, "an unknown role is none");
    assert_eq!(role_of(&world, "ada@acme.example", "prod").await, None);
    let team = teams::find_by_name(&world.app.db, &tenant_id(&world).await, "ws-prod-role-Admin").await.unwrap().unwrap();
    let held = resources::held_by(&world.app.db, &team.id).await.unwrap();
    assert_eq!(
        held.iter().map(|(kind, name, role)| format!("{kind} {name} {}", role.as_str())).collect::<Vec<_>>(),
        ["workspace prod manager"]
    );

    directory.patch(&at(&managers), json!([{"op": "remove", "path": format!("members[value eq {}]", ray["id"])}])).await;
    assert_eq!(role_of(&world, "ray@acme.example", "prod").await, Some("viewer"));
    assert_eq!(directory.delete(&at(&members)).await.status, 204);
    assert_eq!(role_of(&world, "ray@acme.example", "prod").await, None);
}

async fn by_hand_and_by_group_add_up(backend: Backend) {
    let scim = Scim::new(backend).await;
    let kim = scim.user("kim@acme.example").await;
    let sre = scim.group("SRE", &[&kim]).await;
    let team = teams::find_by_name(&scim.world.app.db, &tenant_id(&scim.world).await, "SRE").await.unwrap().unwrap();
    let (ada, kims) = (user_id(&scim.world, "ada@acme.example").await, user_id(&scim.world, "kim@acme.example").await);
    for user in [&ada, &kims] {
        teams::add_member(&scim.world.app.db, &team.id, user).await.unwrap();
    }
    assert_eq!(teams_of(&scim.world, "ada@acme.example").await, ["SRE"]);
    assert_eq!(teams_of(&scim.world, "kim@acme.example").await, ["SRE"], "once");
    scim.put(&at(&sre), &group("SRE", &[])).await;
    assert_eq!(teams_of(&scim.world, "kim@acme.example").await, ["SRE"], "still by hand");
    teams::remove_member(&scim.world.app.db, &team.id, &kims).await.unwrap();
    assert!(teams_of(&scim.world, "kim@acme.example").await.is_empty());
    // What a token says of teams.
    let tokens = scim.world.redeem("web", &scim.world.code("web", &[("scope", "openid groups")]).await).await.json();
    let (_, claims) = crate::world::decode(text(&tokens, "id_token"));
    assert_eq!(claims["teams"], json!(["SRE"]));
}

async fn a_renamed_group_is_what_its_new_name_says(backend: Backend) {
    let state = STATE.replace("- name: other", "  resources:\n  - {type: workspace, name: prod}\n- name: other");
    let world = World::with(backend, &state, &[FAST]).await;
    let settings = rules(json!([
        {"group": "ws-{workspace}-{role}", "resource": {"type": "workspace", "name": "{workspace}"}},
        {"group": "sre", "team": "operations"},
    ]));
    let directory = pusher(&world, "acme", "okta", settings, None).await;
    let kim = directory.user("kim@acme.example").await;
    let moving = directory.group("ws-prod-editor", &[&kim]).await;
    assert_eq!(role_of(&world, "kim@acme.example", "prod").await, Some("editor"));
    for (name, team, role) in [
        ("ws-prod-viewer", "ws-prod-viewer", Some("viewer")),
        ("sre", "operations", None),
        ("WS-prod-manager", "WS-prod-manager", Some("manager")),
        ("plain", "plain", None),
        ("Plain", "Plain", None),
    ] {
        let answer =
            directory.patch(&at(&moving), json!([{"op": "replace", "value": {"id": moving["id"], "displayName": name}}])).await;
        assert_eq!(answer.status, 204, "{name}: {}", answer.body);
        assert_eq!(teams_of(&world, "kim@acme.example").await, [team], "{name}");
        assert_eq!(role_of(&world, "kim@acme.example", "prod").await, role, "{name}");
    }
}

/// And no others: a directory may have any number, and everybody waits meanwhile.
async fn a_resource_settles_the_groups_that_waited_for_it(backend: Backend) {
    let world = World::with(backend, STATE, &[FAST]).await;
    let settings = rules(json!([
        {"group": "sre-*", "team": "sre"},
        {"group": "ws-{workspace}-{role}", "resource": {"type": "workspace", "name": "{workspace}"}},
        {"group": "gpt", "resource": {"type": "model", "name": "gpt"}, "role": "editor"},
    ]));
    let directory = pusher(&world, "acme", "okta", settings, None).await;
    let kim = directory.user("kim@acme.example").await;
    for name in ["sre-eu", "ws-prod-viewer", "ws-lab-viewer"] {
        directory.group(name, &[&kim]).await;
    }
    // Whatever is settled anew is a team again.
    assert_eq!(world.sql("DELETE FROM group_teams").await, 3);
    let settled = async || world.app.db.all::<(String,)>("SELECT group_id FROM group_teams", &[]).await.unwrap();
    let with = |resource: &str| STATE.replacen("- name: other", &format!("  resources:\n  - {resource}\n- name: other"), 1);
    for other in ["{type: model, name: prod}", "{type: model, name: other}", "{type: workspace, name: elsewhere}"] {
        world.apply(&with(other)).await;
        assert!(settled().await.is_empty(), "{other}");
    }
    world.apply(&with("{type: workspace, name: prod}")).await;
    assert_eq!(settled().await.len(), 1);
    assert_eq!(role_of(&world, "kim@acme.example", "prod").await, Some("viewer"));
    assert_eq!(role_of(&world, "kim@acme.example", "lab").await, None);
}

/// The team of this name: a manager of all resources, with Ada in it by hand.
async fn give_by_hand(world: &World, team: &str) {
    let team = teams::find_by_name(&world.app.db, &tenant_id(world).await, team).await.unwrap().unwrap();
    let sql = "INSERT INTO collaborators (resource_id, holder, team_id, role) SELECT id, $1, $1, 'manager' FROM resources";
    world.app.db.execute(sql, gatehouse::params![&team.id]).await.unwrap();
    teams::add_member(&world.app.db, &team.id, &user_id(world, "ada@acme.example").await).await.unwrap();
}

fn called(name: &str) -> Value {
    json!([{"op": "replace", "path": "displayName", "value": name}])
}

/// A rename at the source took a role away that an administrator had given.
async fn what_was_given_to_a_groups_team_follows_its_new_name(backend: Backend) {
    let state = STATE.replace("- name: other", "  resources:\n  - {type: workspace, name: prod}\n- name: other");
    let world = World::with(backend, &state, &[FAST]).await;
    let settings = rules(json!([
        {"group": "sre-*", "team": "sre", "resource": {"type": "workspace", "name": "late"}, "role": "viewer"},
        {"group": "ops", "team": "ops"},
        {"group": "ws-{workspace}-{role}", "resource": {"type": "workspace", "name": "{workspace}"}},
    ]));
    let directory = pusher(&world, "acme", "okta", settings, None).await;
    let (kim, ray) = (directory.user("kim@acme.example").await, directory.user("ray@acme.example").await);
    let given = directory.group("Engineers", &[&kim]).await;
    let bare = directory.group("Analysts", &[&ray]).await;
    directory.group("sre-eu", &[&ray]).await;
    give_by_hand(&world, "Engineers").await;
    for group in [&given, &bare] {
        let name = format!("sre-{}", text(group, "displayName"));
        assert_eq!(directory.patch(&at(group), called(&name)).await.status, 204);
    }
    // It is the group's still, beside the one that the rule names; one that was given nothing goes.
    let kept = async || {
        assert_eq!(role_of(&world, "kim@acme.example", "prod").await, Some("manager"));
        assert_eq!(role_of(&world, "ray@acme.example", "prod").await, None, "nobody else has what it was given");
    };
    assert_eq!(teams_of(&world, "kim@acme.example").await, ["sre", "sre-Engineers"]);
    assert_eq!(teams_of(&world, "ada@acme.example").await, ["sre-Engineers"]);
    kept().await;
    assert_eq!(teams_of(&world, "ray@acme.example").await, ["sre"]);
    // Nor who takes its old name at the source.
    directory.group("Engineers", &[&ray]).await;
    assert_eq!(teams_of(&world, "ray@acme.example").await, ["Engineers", "sre"]);
    kept().await;
    // Nor does it go when there is a resource that rules wait for.
    let more = "name: prod, collaborators: [{team: sre-Engineers, role: manager}]}\n  - {type: workspace, name: lab}\n  - {type: \
                workspace, name: late}";
    world.apply(&state.replace("name: prod}", more)).await;
    assert_eq!(role_of(&world, "ray@acme.example", "late").await, Some("viewer"));
    kept().await;
    // A name that is another team's: it keeps its own.
    assert_eq!(directory.patch(&at(&given), called("ops")).await.status, 204);
    assert_eq!(teams_of(&world, "kim@acme.example").await, ["ops", "sre-Engineers"]);
    kept().await;
    // A name that brings a role: it is what the group needs.
    assert_eq!(directory.patch(&at(&given), called("ws-lab-editor")).await.status, 204);
    assert_eq!(teams_of(&world, "kim@acme.example").await, ["ws-lab-editor"]);
    assert_eq!(role_of(&world, "kim@acme.example", "lab").await, Some("editor"));
    kept().await;
    // It goes with the group.
    assert_eq!(directory.delete(&at(&given)).await.status, 204);
    assert!(teams_of(&world, "ada@acme.example").await.is_empty());
}

/// Sites and applications that are told of teams compare them whatever their case.
async fn teams_differ_by_more_than_their_case(backend: Backend) {
    let state = STATE.replace("- name: other", "  teams:\n  - {name: Äsre, members: [ada@acme.example]}\n- name: other");
    let world = World::with(backend, &state, &[FAST]).await;
    let settings = rules(json!([{"group": "rule-{name}", "team": "{name}"}]));
    let directory = pusher(&world, "acme", "okta", settings, None).await;
    let kim = directory.user("kim@acme.example").await;
    let ops = directory.group("Ops", &[&kim]).await;
    let other = pusher(&world, "acme", "entra", DirectorySettings::default(), None).await;
    for (answer, team) in [
        (directory.post("/Groups", &group("äSRE", &[&kim])).await, "Äsre"),
        (directory.post("/Groups", &group("rule-OPS", &[&kim])).await, "Ops"),
        (directory.patch(&at(&ops), called("ÄSRE")).await, "Äsre"),
        (other.post("/Groups", &group("OPS", &[])).await, "Ops"),
    ] {
        refused(&answer, 409, Some("uniqueness"));
        assert!(answer.body.contains(team), "{}", answer.body);
    }
    assert_eq!(teams_of(&world, "kim@acme.example").await, ["Ops"]);
    assert_eq!(teams_of(&world, "ada@acme.example").await, ["Äsre"]);
    // Whose it is, its own source is told, and no other.
    let detail = other.post("/Groups", &group("OPS", &[])).await.json()["detail"].to_string();
    assert!(detail.contains("another directory") && !detail.contains("own one"), "{detail}");
    let detail = directory.post("/Groups", &group("rule-OPS", &[])).await.json()["detail"].to_string();
    assert!(detail.contains("a rule of the directory says") && detail.contains("own one of group"), "{detail}");
    // No letter is small in two ways, and no accent is seen to stand apart.
    for (one, alike) in
        [("\u{3a0}\u{39f}\u{39b}\u{399}\u{3a3}", "\u{3c0}\u{3bf}\u{3bb}\u{3b9}\u{3c3}"), ("Caf\u{e9}", "Cafe\u{301}")]
    {
        directory.group(one, &[]).await;
        refused(&directory.post("/Groups", &group(alike, &[])).await, 409, Some("uniqueness"));
    }
    directory.group("Cafe", &[]).await;
    // Its own case is a group's to change, and those that were there go on.
    assert_eq!(directory.patch(&at(&ops), called("OPS")).await.status, 204);
    assert_eq!(teams_of(&world, "kim@acme.example").await, ["OPS"]);
    let twin = "INSERT INTO teams (id, tenant_id, name, created_at, folded) SELECT 'twin', id, 'ops', 1, 'ops' FROM tenants WHERE name = 'acme'";
    assert_eq!(world.sql(twin).await, 1);
    let put = directory.put(&at(&ops), &group("OPS", &[])).await;
    assert_eq!(put.status, 200, "{}", put.body);
    directory.group("rule-ops", &[&kim]).await;
    assert_eq!(teams_of(&world, "kim@acme.example").await, ["ops"]);
}

/// Its pattern fits whatever the case, so a source could spell a group so that nobody of it ever came in.
async fn a_rule_finds_its_team_whatever_its_case(backend: Backend) {
    let more = "  teams:\n  - {name: hand}\n  resources:\n  - {type: workspace, name: prod}\n- name: other";
    let world = World::with(backend, &STATE.replace("- name: other", more), &[FAST]).await;
    let prod = json!({"type": "workspace", "name": "prod"});
    let settings = rules(json!([
        {"group": "app-{app}-*", "team": "{app}"},
        {"group": "x-*", "team": "HAND", "resource": prod, "role": "manager"},
        {"group": "x-*", "team": "Hand", "resource": prod, "role": "viewer"},
    ]));
    let directory = pusher(&world, "acme", "okta", settings, None).await;
    let (kim, ray) = (directory.user("kim@acme.example").await, directory.user("ray@acme.example").await);
    directory.group("app-Foo-owner", &[&kim]).await;
    directory.group("APP-FOO-user", &[&ray]).await;
    assert_eq!(teams_of(&world, "kim@acme.example").await, ["Foo"]);
    assert_eq!(teams_of(&world, "ray@acme.example").await, ["Foo"]);
    directory.group("x-1", &[&ray]).await;
    assert_eq!(teams_of(&world, "ray@acme.example").await, ["Foo", "hand"]);
    assert_eq!(role_of(&world, "ray@acme.example", "prod").await, Some("manager"), "the strongest of one team's");
    // The exact one comes first where there are two, and a group's own is none, however it is spelt.
    let twin = "INSERT INTO teams (id, tenant_id, name, created_at, folded) SELECT 'twin', id, 'FOO', 1, 'foo' FROM tenants WHERE name = 'acme'";
    assert_eq!(world.sql(twin).await, 1);
    directory.group("app-FOO-third", &[&kim]).await;
    assert_eq!(teams_of(&world, "kim@acme.example").await, ["FOO", "Foo"]);
    directory.group("Ops", &[&kim]).await;
    for name in ["app-OPS-user", "app-Ops-user"] {
        let answer = directory.post("/Groups", &group(name, &[&ray])).await;
        refused(&answer, 409, Some("uniqueness"));
    }
    assert_eq!(teams_of(&world, "ray@acme.example").await, ["Foo", "hand"]);
    // Nor where it is the older one.
    let late = "INSERT INTO teams (id, tenant_id, name, created_at, folded) SELECT 'late', id, 'ops', 9000000000, 'ops' FROM tenants WHERE name = 'acme'";
    assert_eq!(world.sql(late).await, 1);
    directory.group("app-OPS-late", &[&ray]).await;
    assert_eq!(teams_of(&world, "ray@acme.example").await, ["Foo", "hand", "ops"]);
}

/// What goes with a group that is deleted, nobody could read of.
async fn what_goes_with_a_groups_own_team_is_noted(backend: Backend) {
    let state = STATE.replace("- name: other", "  resources:\n  - {type: model, name: gpt}\n- name: other");
    let world = World::with(backend, &state, &[FAST]).await;
    let directory = pusher(&world, "acme", "okta", rules(json!([{"group": "sre-*", "team": "sre"}])), None).await;
    let renamed = directory.group("Engineers", &[]).await;
    let deleted = directory.group("Analysts", &[]).await;
    let plain = directory.group("Plain", &[]).await;
    for team in ["Engineers", "Analysts"] {
        give_by_hand(&world, team).await;
    }
    assert_eq!(directory.patch(&at(&renamed), called("sre-Engineers")).await.status, 204);
    for group in [&deleted, &plain] {
        assert_eq!(directory.delete(&at(group)).await.status, 204);
    }
    let sql = "SELECT subject, changes FROM audit WHERE action = 'delete' AND subject LIKE 'team %' ORDER BY seq";
    let rows = world.app.db.all::<(String, String)>(sql, &[]).await.unwrap();
    let told: Vec<(&str, Value)> = rows.iter().map(|(who, what)| (who.as_str(), serde_json::from_str(what).unwrap())).collect();
    let lost = json!({"directory": {"was": "okta"}, "members": {"was": 1}, "roles": {"was": ["manager on model gpt"]}});
    assert_eq!(told, [("team acme/Analysts", lost)]);
}

/// Nobody could see whose a team was that a rename had left, nor that it had stayed.
async fn what_a_rename_leaves_is_told(backend: Backend) {
    let state = STATE.replace("- name: other", "  resources:\n  - {type: model, name: gpt}\n- name: other");
    let world = World::with(backend, &state, &[FAST]).await;
    let directory = pusher(
        &world,
        "acme",
        "okta",
        rules(json!([{"group": "lead", "team": "lead"}, {"group": "sre-*", "team": "sre"}])),
        None,
    )
    .await;
    let boss = directory.group("Boss", &[]).await;
    give_by_hand(&world, "Boss").await;
    let renamed = async |name: &str| {
        let answer = directory.patch(&at(&boss), called(name)).await;
        assert_eq!(answer.status, 204, "{}", answer.body);
    };
    renamed("lead").await;
    let answer = directory.post("/Groups", &group("Boss", &[])).await;
    refused(&answer, 409, Some("uniqueness"));
    let detail = answer.json()["detail"].to_string();
    assert!(detail.contains("the own one of group") && detail.contains("lead"), "{detail}");
    renamed("sre-boss").await;
    let sql = "SELECT subject, changes FROM audit WHERE action = 'update' AND subject LIKE 'team %' ORDER BY seq";
    let rows = world.app.db.all::<(String, String)>(sql, &[]).await.unwrap();
    let told: Vec<(&str, Value)> = rows.iter().map(|(who, what)| (who.as_str(), serde_json::from_str(what).unwrap())).collect();
    let kept = json!({"directory": {"is": "okta"}, "kept_for_group": {"is": boss["id"]}});
    let mut moved = kept.clone();
    moved["name"] = json!({"was": "Boss", "is": "sre-boss"});
    assert_eq!(told, [("team acme/Boss", kept), ("team acme/Boss", moved)]);
    // Once nothing is left that was given by hand, it goes with the next name.
    world.sql("DELETE FROM collaborators").await;
    world.sql("DELETE FROM team_members").await;
    renamed("sre-chief").await;
    assert!(teams::find_by_name(&world.app.db, &tenant_id(&world).await, "sre-boss").await.unwrap().is_none());
    directory.group("Boss", &[]).await;
}
