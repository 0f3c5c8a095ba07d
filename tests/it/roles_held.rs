//! Which roles somebody holds on resources, and because of what: on their page and over the API.

use serde_json::Value;

use crate::{
    admin_pages::Desk,
    browser::{Answer, Browser},
    on_both,
    world::Backend,
};

on_both!(roles_are_told_with_their_ways, many_roles_come_a_part_at_a_time);

async fn ask(desk: &Desk, path: &str) -> Answer {
    let bearer = ("authorization", "Bearer 0123456789abcdef0123456789abcdef");
    Browser::new().get_with(&desk.at(&format!("/api/v1/tenants/acme/{path}")), &[bearer]).await
}

/// Each as `type name role team by_rule`.
async fn told(desk: &Desk, path: &str) -> Vec<String> {
    let answer = ask(desk, path).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.body);
    let one = |held: &Value| {
        let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
        let resource = format!("{} {}", text(&held["resource"]["type"]), text(&held["resource"]["name"]));
        format!("{resource} {} {} {}", text(&held["role"]), text(&held["team"]), held["by_rule"])
    };
    answer.json()["roles"].as_array().unwrap().iter().map(one).collect()
}

async fn roles_are_told_with_their_ways(backend: Backend) {
    let desk = Desk::new(backend).await;
    desk.apply(
        "tenants:\n- name: acme\n  teams:\n  - {name: sre, members: [bob@acme.example]}\n  - {name: \"on call/1\"}\n  resources:\n  \
         - {type: model, name: gpt, collaborators: [{external_identity: ci, role: viewer}, {team: sre, role: manager}, \
         {user: bob@acme.example, role: viewer}]}\n  \
         - {type: agent, name: mole, collaborators: [{team: \"on call/1\", role: viewer}, {user: ada@acme.example, role: editor}]}\n",
    )
    .await;
    // A group of a directory puts Bob into a team, and a rule gives that team a role.
    for sql in [
        "INSERT INTO directory_groups (id, directory_id, display_name, shown_name, resource, version, created_at, updated_at) \
         SELECT 'g', id, 'on call', 'On call', '{}', 1, 1, 1 FROM directories WHERE name = 'people'",
        "INSERT INTO directory_users (id, directory_id, user_id, made_user, user_name, active, resource, version, created_at, updated_at) \
         SELECT 'r', d.id, u.id, FALSE, 'bob', TRUE, '{}', 1, 1, 1 FROM directories d, users u WHERE d.name = 'people' AND u.email = 'bob@acme.example'",
        "INSERT INTO directory_members (group_id, member_id) VALUES ('g', 'r')",
        "INSERT INTO group_teams (group_id, team_id) SELECT 'g', id FROM teams WHERE name = 'on call/1'",
        "INSERT INTO group_roles (group_id, team_id, resource_id, role) SELECT 'g', t.id, r.id, 'editor' FROM teams t, resources r \
         WHERE t.name = 'on call/1' AND r.name = 'gpt'",
    ] {
        assert_eq!(desk.sql(sql).await, 1, "{sql}");
    }
    let bobs = [
        "agent mole viewer on call/1 false",
        "model gpt viewer - false",
        "model gpt editor on call/1 true",
        "model gpt manager sre false",
    ];
    assert_eq!(told(&desk, "users/bob@acme.example/roles").await, bobs);
    assert_eq!(told(&desk, "users/ada@acme.example/roles").await, ["agent mole editor - false"]);
    assert_eq!(told(&desk, "teams/sre/roles").await, ["model gpt manager - false"]);
    let team = ["agent mole viewer - false", "model gpt editor - true"];
    assert_eq!(told(&desk, "teams/on%20call%2F1/roles").await, team);
    assert_eq!(told(&desk, "external_identities/ci/roles").await, ["model gpt viewer - false"]);
    assert_eq!(told(&desk, "virtual_accounts/batch/roles").await, [""; 0]);
    assert_eq!(told(&desk, "users/bob@acme.example/roles?search=AGENT%3Am").await, bobs[..1]);
    for nobody in ["users/eve@other.example", "teams/none", "teams/%00", "external_identities/batch", "virtual_accounts/ci"] {
        assert_eq!(ask(&desk, &format!("{nobody}/roles")).await.status, 404, "{nobody}");
    }
    // What they may is what is asked of them where it counts.
    let mut ada = desk.ada().await;
    let bob = desk.user_id("bob@acme.example").await;
    for page in [format!("/admin/acme/users/{bob}"), format!("/admin/acme/users/{bob}/roles")] {
        let page = ada.get(&desk.at(&page)).await;
        for words in [
            "<a href=\"/admin/acme/resources/model%3Agpt\"><bdi>model gpt</bdi></a>",
            "<a href=\"/admin/acme/teams/on%20call%2F1\"><bdi>on call/1</bdi></a>, by a directory's rule",
            "<a href=\"/admin/acme/teams/sre\"><bdi>sre</bdi></a></td>",
            "given by hand",
        ] {
            assert!(page.status == 200 && page.body.contains(words), "{words}: {}", page.body);
        }
        assert!(!page.body.contains("All roles"), "{}", page.body);
    }
    for page in ["/admin/acme/teams/on%20call%2F1", "/admin/acme/teams/on%20call%2F1/roles"] {
        let page = ada.get(&desk.at(page)).await;
        assert!(page.body.contains("a directory's rule") && page.body.contains("<bdi>agent mole</bdi>"), "{}", page.body);
    }
    for page in ["/admin/acme/external_identities/ci", "/admin/acme/external_identities/ci/roles"] {
        let page = ada.get(&desk.at(page)).await;
        let words =
            "<a href=\"/admin/acme/resources/model%3Agpt\"><bdi>model gpt</bdi></a></th><td data-label=\"Role\">viewer</td>";
        assert!(page.status == 200 && page.body.contains(words), "{}", page.body);
        assert!(page.body.contains("given by hand") && !page.body.contains("agent mole"), "{}", page.body);
    }
    let batch = ada.get(&desk.at("/admin/acme/virtual_accounts/batch")).await;
    assert!(batch.body.contains("Roles on resources") && batch.body.contains("<p class=\"note\">None.</p>"), "{}", batch.body);
    assert!(ada.get(&desk.at("/admin/acme/virtual_accounts/batch/roles")).await.body.contains("There are none."));
    assert!(!ada.get(&desk.at("/admin/acme/trusted_issuers/idp")).await.body.contains("Roles on resources"));
    for nobody in ["external_identities/batch", "virtual_accounts/ci", "external_identities/%00", "virtual_accounts/none"] {
        assert_eq!(ada.get(&desk.at(&format!("/admin/acme/{nobody}/roles"))).await.status, 404, "{nobody}");
    }
    let idle = ada.get(&desk.at(&format!("/admin/acme/users/{bob}/roles?search=none"))).await;
    assert!(idle.body.contains("None is on a resource like"), "{}", idle.body);
}

async fn many_roles_come_a_part_at_a_time(backend: Backend) {
    let desk = Desk::new(backend).await;
    let numbers = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 120)";
    for sql in [
        format!(
            "INSERT INTO resources (id, tenant_id, kind, name, created_at) {numbers} \
             SELECT 'x' || i, t.id, 'model', 'm-' || (1000 + i), i FROM n, tenants t WHERE t.name = 'acme'"
        ),
        "INSERT INTO collaborators (resource_id, holder, user_id, role) SELECT r.id, u.id, u.id, 'viewer' FROM resources r, users u \
         WHERE r.name LIKE 'm-1%' AND u.email = 'bob@acme.example'"
            .to_owned(),
    ] {
        desk.sql(sql.leak()).await;
    }
    let path = "users/bob@acme.example/roles";
    let mut seen = Vec::new();
    let mut query = "limit=50".to_owned();
    for _ in 0..4 {
        let part = ask(&desk, &format!("{path}?{query}")).await.json();
        seen.extend(part["roles"].as_array().unwrap().iter().map(|held| held["resource"]["name"].as_str().unwrap().to_owned()));
        let Some(next) = part["next"].as_str() else { break };
        let after: String = url::form_urlencoded::byte_serialize(next.as_bytes()).collect();
        query = format!("limit=50&after={after}");
    }
    assert_eq!(seen, (1..=120).map(|n| format!("m-{}", 1000 + n)).collect::<Vec<_>>());
    assert_eq!(ask(&desk, &format!("{path}?after=model")).await.status, 400);
    // The page of the user shows some, and leads to all.
    let mut ada = desk.ada().await;
    let own = format!("/admin/acme/users/{}", desk.user_id("bob@acme.example").await);
    let page = ada.get(&desk.at(&own)).await;
    assert!(page.body.contains(&format!("<a href=\"{own}/roles\">All roles</a>")), "{}", page.body);
    assert_eq!(page.body.matches("<bdi>model m-").count(), 10);
    let first = ada.get(&desk.at(&format!("{own}/roles"))).await;
    assert!(first.body.matches("<bdi>model m-").count() == 50 && !first.body.contains("First page"), "{}", first.body);
    let address = first.body.rsplit_once("\">Next page").unwrap().0.rsplit_once("href=\"").unwrap().1.replace("&#38;", "&");
    let second = ada.get(&desk.at(&address)).await;
    assert!(second.body.contains("model m-1051") && second.body.contains("First page"), "{}", second.body);
}
