//! Who is in a team: read and changed a part at a time however many they are, and each with the way they are in it by.

use axum::http::Method;
use gatehouse::apply::single::Noun;
use serde_json::{Value, json};

use crate::{
    admin_pages::Desk,
    browser::{Answer, Browser},
    on_both,
    world::Backend,
};

on_both!(
    a_team_of_ten_thousand_is_changed_a_part_at_a_time,
    a_directorys_team_is_the_directorys,
    what_a_rename_left_is_deleted_by_hand,
    members_are_of_the_tenant_alone,
    a_team_is_not_called_like_another_but_for_its_case,
);

const TOKEN: &str = "Bearer 0123456789abcdef0123456789abcdef";
const TEAM: &str = "/admin/acme/teams/sre";
const API: &str = "/api/v1/tenants/acme/teams/sre";

async fn ask(desk: &Desk, method: Method, path: &str, body: Option<Value>) -> Answer {
    let headers = [("authorization", TOKEN), ("content-type", "application/json")];
    Browser::new().send(method, &desk.at(path), &headers, body.map(|body| body.to_string())).await
}

/// So many users, each of them in the team by hand.
async fn crowd(desk: &Desk, number: usize) {
    let numbers = format!("WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {number})");
    for sql in [
        format!(
            "INSERT INTO users (id, tenant_id, email, email_proven, name, admin, active, created_at, updated_at) {numbers} \
             SELECT 'u' || i, t.id, 'u-' || (100000 + i) || '@acme.example', TRUE, 'Kim ' || i, FALSE, TRUE, i, i \
             FROM n, tenants t WHERE t.name = 'acme'"
        ),
        "INSERT INTO team_members (team_id, user_id) SELECT t.id, u.id FROM teams t, users u WHERE t.name = 'sre' AND u.email LIKE 'u-1%'"
            .to_owned(),
    ] {
        desk.sql(sql.leak()).await;
    }
}

async fn members(desk: &Desk) -> i64 {
    let sql = "SELECT COUNT(*) FROM team_members m JOIN teams t ON t.id = m.team_id WHERE t.name = 'sre'";
    desk.app.db.all::<(i64,)>(sql, &[]).await.unwrap()[0].0
}

async fn a_team_of_ten_thousand_is_changed_a_part_at_a_time(backend: Backend) {
    let desk = Desk::new(backend).await;
    crowd(&desk, 10_000).await;
    let mut ada = desk.ada().await;
    let page = ada.get(&desk.at(TEAM)).await;
    assert_eq!(page.status, 200);
    assert!(page.body.len() < 100_000, "{}", page.body.len());
    assert_eq!(page.body.matches("put in by hand").count(), 50);
    assert!(page.body.contains("bob@acme.example") && page.body.contains(">Next page<"), "{}", page.body);
    let found = ada.get(&desk.at(&format!("{TEAM}?search=KIM%209999"))).await;
    assert!(found.body.contains("u-109999@acme.example") && !found.body.contains("bob@acme.example"), "{}", found.body);
    let last = ada.get(&desk.at(&format!("{TEAM}?after=u-109999@acme.example"))).await;
    assert!(last.body.contains("u-110000@acme.example") && !last.body.contains(">Next page<"), "{}", last.body);

    // Its other settings are saved without a word on who is in it, on the page and over the API.
    let fields = [("tokens.0.issuer", "idp")];
    let saved = desk.fill(&mut ada, TEAM, TEAM, &fields).await;
    assert_eq!(saved.location(), Some(format!("{TEAM}?done=saved").as_str()), "{}", saved.body);
    assert_eq!(members(&desk).await, 10_001);
    let put = ask(&desk, Method::PUT, API, Some(json!({"tokens": []}))).await;
    assert_eq!((put.status, &put.json()["tokens"]), (200, &json!([])), "{}", put.status);
    assert_eq!(members(&desk).await, 10_001);

    // One in and one out, by page and by API; each is in the audit log.
    let ids = [desk.user_id("ada@acme.example").await, desk.user_id("bob@acme.example").await];
    let finder = format!("{TEAM}/members");
    let offered = ada.get(&desk.at(&format!("{finder}?search=acme.example"))).await;
    assert!(offered.body.contains("<span class=\"off\">member</span>"), "{}", offered.body);
    let none = desk.fill(&mut ada, &finder, &finder, &[]).await;
    assert!(none.status == 422 && none.body.contains("Tick whom"), "{}", none.body);
    let added = desk.fill(&mut ada, &finder, &finder, &[("whom", &ids[0])]).await;
    assert_eq!(added.location(), Some(format!("{TEAM}?done=joined").as_str()), "{}", added.body);
    let remove = format!("{TEAM}/members/{}/remove", ids[1]);
    let question = ada.get(&desk.at(&remove)).await;
    assert!(question.body.contains("Take bob@acme.example out of sre?"), "{}", question.body);
    assert_eq!(members(&desk).await, 10_002, "a question removes nobody");
    let removed = ada.post(&desk.at(&remove), &[("csrf", &question.csrf())]).await;
    assert_eq!(removed.location(), Some(format!("{TEAM}?done=left").as_str()), "{}", removed.body);
    assert_eq!(ada.post(&desk.at(&remove), &[("csrf", &question.csrf())]).await.status, 404, "they are not in it any more");
    assert_eq!(members(&desk).await, 10_001);

    let first = ask(&desk, Method::GET, &format!("{API}/members?limit=2"), None).await.json();
    let emails = |page: &Value| {
        page["members"].as_array().unwrap().iter().map(|one| one["email"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!((emails(&first).len(), &first["members"][0]["by_hand"]), (2, &json!(true)), "{first}");
    assert_eq!((emails(&first)[0].as_str(), &first["next"]), ("ada@acme.example", &json!("u-100001@acme.example")));
    let next = ask(&desk, Method::GET, &format!("{API}/members?limit=2&after=u-109999@acme.example"), None).await.json();
    assert_eq!((emails(&next), &next["next"]), (vec!["u-110000@acme.example".to_owned()], &Value::Null));
    let bob = format!("{API}/members/bob@acme.example");
    assert_eq!(ask(&desk, Method::GET, &bob, None).await.status, 404);
    assert_eq!(ask(&desk, Method::PUT, &bob, None).await.status, 201);
    assert_eq!(ask(&desk, Method::PUT, &bob, None).await.status, 200, "again");
    assert_eq!(ask(&desk, Method::GET, &bob, None).await.json()["groups"], json!([]));
    assert_eq!(ask(&desk, Method::DELETE, &bob, None).await.status, 204);
    assert_eq!(ask(&desk, Method::DELETE, &bob, None).await.status, 404);
    assert_eq!(members(&desk).await, 10_001);
    let log = ask(&desk, Method::GET, "/api/v1/audit?subject=team%20acme/sre&limit=10", None).await.json();
    let entries = log["entries"].as_array().unwrap();
    let told = entries.iter().filter(|entry| entry.to_string().contains("bob@acme.example")).count();
    assert_eq!(told, 4, "as it was made, and three times since: {log}");

    // So many do not fit into one body, and it is said so by either door.
    let much: Vec<String> = (0..12_000).map(|n| format!("u-{}@acme.example", 100_001 + n)).collect();
    let put = ask(&desk, Method::PUT, API, Some(json!({"members": much}))).await;
    assert_eq!((put.status, &put.json()["error"]), (413, &json!("invalid_request")), "{}", put.body);
    let large = "x".repeat(300 * 1024);
    let answer = ada.post(&desk.at(TEAM), &[("csrf", &large)]).await;
    assert!(answer.status == 413 && answer.body.contains("That is too much at once"), "{} {}", answer.status, answer.body);
}

async fn a_directorys_team_is_the_directorys(backend: Backend) {
    let desk = Desk::new(backend).await;
    for sql in [
        "INSERT INTO directory_groups (id, directory_id, display_name, shown_name, resource, version, created_at, updated_at) \
         SELECT 'g', id, 'sales', 'Sales', '{}', 1, 1, 1 FROM directories WHERE name = 'people'",
        "INSERT INTO directory_groups (id, directory_id, display_name, shown_name, resource, version, created_at, updated_at) \
         SELECT 'h', id, 'on call', 'On call', '{}', 1, 1, 1 FROM directories WHERE name = 'people'",
        "INSERT INTO teams (id, tenant_id, name, created_at, group_id) SELECT 't', id, 'Sales', 1, 'g' FROM tenants WHERE name = 'acme'",
        "INSERT INTO directory_users (id, directory_id, user_id, made_user, user_name, active, resource, version, created_at, updated_at) \
         SELECT 'r', d.id, u.id, FALSE, 'bob', TRUE, '{}', 1, 1, 1 FROM directories d, users u WHERE d.name = 'people' AND u.email = 'bob@acme.example'",
        "INSERT INTO directory_members (group_id, member_id) VALUES ('g', 'r'), ('h', 'r')",
        "INSERT INTO group_teams (group_id, team_id) VALUES ('g', 't')",
        "INSERT INTO group_teams (group_id, team_id) SELECT 'h', id FROM teams WHERE name = 'sre'",
    ] {
        desk.sql(sql).await;
    }
    let mut ada = desk.ada().await;
    let page = ada.get(&desk.at("/admin/acme/teams/Sales")).await;
    for words in ["From directory", ">people<", "group <bdi>Sales</bdi>", "bob@acme.example"] {
        assert!(page.body.contains(words), "{words}: {}", page.body);
    }
    for words in [">Save<", "Delete …", "Remove …", "Add members", "Nobody is in it"] {
        assert!(!page.body.contains(words), "{words}: {}", page.body);
    }
    let told = ask(&desk, Method::GET, "/api/v1/tenants/acme/teams/Sales/members", None).await.json();
    assert_eq!(told["members"][0]["groups"], json!([{"directory": "people", "group": "Sales", "by_rule": false}]), "{told}");
    assert_eq!(told["members"][0]["by_hand"], false);
    for (method, user) in
        [(Method::PUT, "ada@acme.example"), (Method::PUT, "bob@acme.example"), (Method::DELETE, "bob@acme.example")]
    {
        let answer = ask(&desk, method.clone(), &format!("/api/v1/tenants/acme/teams/Sales/members/{user}"), None).await;
        assert_eq!((answer.status, &answer.json()["error"]), (409, &json!("conflict")), "{method} {user}: {}", answer.body);
    }
    // A team that a rule names has both: those by hand can go, and the team itself stays as long as the rule.
    let page = ada.get(&desk.at(TEAM)).await;
    for words in ["put in by hand; group <bdi>On call</bdi> of <bdi>people</bdi>, by a rule", "Remove …", ">Save<", "Add members"]
    {
        assert!(page.body.contains(words), "{words}: {}", page.body);
    }
    assert!(!page.body.contains("Delete …"), "{}", page.body);
    let bob = desk.user_id("bob@acme.example").await;
    let question = ada.get(&desk.at(&format!("{TEAM}/members/{bob}/remove"))).await;
    assert!(question.body.contains("They stay in the team by the group On call of people."), "{}", question.body);
    assert_eq!(ask(&desk, Method::DELETE, &format!("{API}/members/{bob}"), None).await.status, 204);
    let told = ask(&desk, Method::GET, &format!("{API}/members/{bob}"), None).await.json();
    assert_eq!((&told["by_hand"], &told["groups"][0]["by_rule"]), (&json!(false), &json!(true)), "{told}");
    assert_eq!(ask(&desk, Method::DELETE, &format!("{API}/members/{bob}"), None).await.status, 409);
    assert_eq!(desk.stored(Noun::Teams, "sre").await.unwrap()["members"], json!([]));
}

/// It went by a second rename at the source alone, and nobody could make a group of its name.
async fn what_a_rename_left_is_deleted_by_hand(backend: Backend) {
    let desk = Desk::new(backend).await;
    let rules = json!({"group_rules": [{"group": "lead", "team": "sre"}]});
    let put = ask(&desk, Method::PUT, "/api/v1/tenants/acme/directories/people", Some(rules)).await;
    assert_eq!(put.status, 200, "{}", put.body);
    for sql in [
        "INSERT INTO directory_groups (id, directory_id, display_name, shown_name, resource, version, created_at, updated_at) \
         SELECT 'g', id, 'lead', 'lead', '{\"displayName\":\"lead\"}', 1, 1, 1 FROM directories WHERE name = 'people'",
        "INSERT INTO directory_groups (id, directory_id, display_name, shown_name, resource, version, created_at, updated_at) \
         SELECT 'h', id, 'sales', 'Sales', '{\"displayName\":\"Sales\"}', 1, 1, 1 FROM directories WHERE name = 'people'",
        "INSERT INTO teams (id, tenant_id, name, created_at, group_id) SELECT 't', id, 'Boss', 1, 'g' FROM tenants WHERE name = 'acme'",
        "INSERT INTO teams (id, tenant_id, name, created_at, group_id) SELECT 's', id, 'Sales', 1, 'h' FROM tenants WHERE name = 'acme'",
        "INSERT INTO team_members (team_id, user_id) SELECT 't', id FROM users WHERE email = 'bob@acme.example'",
        "INSERT INTO group_teams (group_id, team_id) VALUES ('g', 't'), ('h', 's')",
        "INSERT INTO group_teams (group_id, team_id) SELECT 'g', id FROM teams WHERE name = 'sre'",
    ] {
        desk.sql(sql).await;
    }
    let mut ada = desk.ada().await;
    let (boss, sales) = ("/admin/acme/teams/Boss", "/admin/acme/teams/Sales");
    let page = ada.get(&desk.at(boss)).await;
    for words in ["group <bdi>lead</bdi>", "make its group other teams", "/admin/acme/teams/Boss/delete"] {
        assert!(page.body.contains(words), "{words}: {}", page.body);
    }
    assert_eq!(ada.get(&desk.at(&format!("{boss}/delete"))).await.status, 200);
    let page = ada.get(&desk.at(sales)).await;
    assert!(!page.body.contains("Delete …") && !page.body.contains("other teams"), "{}", page.body);
    // What a group needs, and what a rule names, stays.
    for team in ["Sales", "sre"] {
        let refused = ask(&desk, Method::DELETE, &format!("/api/v1/tenants/acme/teams/{team}?confirm={team}"), None).await;
        assert_eq!((refused.status, &refused.json()["error"]), (409, &json!("conflict")), "{team}: {}", refused.body);
        assert!(desk.stored(Noun::Teams, team).await.is_some());
    }
    let gone = ask(&desk, Method::DELETE, "/api/v1/tenants/acme/teams/Boss?confirm=Boss", None).await;
    assert_eq!(gone.status, 200, "{}", gone.body);
    assert!(desk.stored(Noun::Teams, "Boss").await.is_none());
}

async fn members_are_of_the_tenant_alone(backend: Backend) {
    let desk = Desk::new(backend).await;
    let sql = "SELECT id FROM users WHERE email = 'eve@other.example'";
    let eve = desk.app.db.all::<(String,)>(sql, &[]).await.unwrap()[0].0.clone();
    let mut ada = desk.ada().await;
    let finder = format!("{TEAM}/members");
    for stranger in [eve.as_str(), "eve@other.example", "nobody", "%00"] {
        assert_eq!(ask(&desk, Method::PUT, &format!("{API}/members/{stranger}"), None).await.status, 404, "{stranger}");
        assert_eq!(desk.fill(&mut ada, &finder, &finder, &[("whom", stranger)]).await.status, 404, "{stranger}");
    }
    // Nor is half of what was ticked done.
    let own = desk.user_id("ada@acme.example").await;
    assert_eq!(desk.fill(&mut ada, &finder, &finder, &[("whom", &own), ("whom", &eve)]).await.status, 404);
    assert_eq!(members(&desk).await, 1);
    // What somebody may reads the same as what it lets them: a token for reading puts nobody in.
    let made =
        ask(&desk, Method::POST, "/api/v1/tenants/acme/service_tokens", Some(json!({"name": "looks", "scopes": ["teams:read"]})))
            .await;
    let bearer = format!("Bearer {}", made.json()["token"].as_str().unwrap());
    for (method, status) in [(Method::GET, 200), (Method::PUT, 403), (Method::DELETE, 403)] {
        let url = desk.at(&format!("{API}/members/bob@acme.example"));
        let answer = Browser::new().send(method.clone(), &url, &[("authorization", &bearer)], None).await;
        assert_eq!(answer.status, status, "{method}: {}", answer.body);
    }
}

async fn a_team_is_not_called_like_another_but_for_its_case(backend: Backend) {
    let desk = Desk::new(backend).await;
    let at = |name: &str| format!("/api/v1/tenants/acme/teams/{name}");
    let put = ask(&desk, Method::PUT, &at("SRE"), Some(json!({}))).await;
    assert_eq!(put.status, 422, "{}", put.body);
    assert!(put.body.contains("the tenant has a team sre, which differs from SRE by nothing but its case"), "{}", put.body);
    let mut ada = desk.ada().await;
    let page = desk.fill(&mut ada, "/admin/acme/teams/new", "/admin/acme/teams", &[("name", "SRE")]).await;
    assert!(page.status == 422 && page.body.contains("the tenant has a team sre"), "{}", page.body);
    assert_eq!(ask(&desk, Method::GET, &at("SRE"), None).await.status, 404);
    assert_eq!(ask(&desk, Method::PUT, &at("sre-eu"), Some(json!({}))).await.status, 201);
    // One that is there already goes on.
    let twin = "INSERT INTO teams (id, tenant_id, name, created_at, folded) SELECT 'twin', id, 'SRE', 1, 'sre' FROM tenants WHERE name = 'acme'";
    desk.sql(twin).await;
    for name in ["SRE", "sre"] {
        assert_eq!(ask(&desk, Method::PUT, &at(name), Some(json!({"tokens": []}))).await.status, 200, "{name}");
    }
}
