//! Collaborators of a resource: found by search, given a role, another one, and none; as a file would have said.

use gatehouse::{
    apply::single::{self, Noun},
    store::{audit, tenants},
};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    admin_pages::Desk,
    browser::{Answer, Browser},
    on_both,
    world::Backend,
};

on_both!(
    collaborators_are_found_and_given_roles,
    a_role_is_changed_and_taken,
    one_collaborator_at_a_time,
    collaborators_are_of_the_tenant_alone,
    what_somebody_typed_is_inert,
    what_hangs_on_an_identity_is_told,
    many_collaborators_come_a_part_at_a_time,
    a_list_is_the_same_however_many_hold_a_role,
);

const PAGE: &str = "/admin/acme/resources/model%3Agpt";

async fn held(desk: &Desk) -> Value {
    let tenant = tenants::find_by_name(&desk.app.db, "acme").await.unwrap().unwrap();
    let thing = single::show(&desk.app.db, &desk.app.sealer, &tenant, Noun::Resources, "model:gpt").await.unwrap();
    thing.unwrap()["collaborators"].clone()
}

async fn collaborators_are_found_and_given_roles(backend: Backend) {
    let desk = Desk::new(backend).await;
    let mut ada = desk.ada().await;
    let page = ada.get(&desk.at(PAGE)).await;
    assert!(page.body.contains("External identities") && page.body.contains("Role of ci"), "{}", page.body);
    let add = format!("{PAGE}/collaborators");
    let all = ada.get(&desk.at(&add)).await;
    for value in ["user:ada@acme.example", "user:bob@acme.example", "team:sre", "external_identity:ci", "virtual_account:batch"] {
        assert!(all.body.contains(&format!("value=\"{value}\"")), "{value}: {}", all.body);
    }
    let found = ada.get(&desk.at(&format!("{add}?search=BOB"))).await;
    assert!(found.body.contains("user:bob@acme.example") && !found.body.contains("user:ada") && !found.body.contains("team:sre"));
    let csrf = all.csrf();
    let none = ada.post(&desk.at(&add), &[("csrf", &csrf), ("role", "editor")]).await;
    assert!(none.status == 422 && none.body.contains("Tick whom you want to add"), "{}", none.body);
    let ticked = [("csrf", csrf.as_str()), ("whom", "user:bob@acme.example"), ("whom", "team:sre"), ("role", "owner")];
    let wrong = ada.post(&desk.at(&add), &ticked).await;
    assert!(wrong.status == 422 && wrong.body.contains("Choose a role") && wrong.body.contains("checked"), "{}", wrong.body);
    for stranger in ["user:eve@other.example", "team:none", "user:none", "robot:x"] {
        let ticked = [("csrf", csrf.as_str()), ("whom", stranger), ("role", "manager")];
        assert_eq!(ada.post(&desk.at(&add), &ticked).await.status, 422, "{stranger}");
    }
    assert_eq!(held(&desk).await, json!([{"external_identity": "ci", "role": "viewer"}]));
    let ticked = [
        ("csrf", csrf.as_str()),
        ("whom", "user:bob@acme.example"),
        ("whom", "virtual_account:batch"),
        ("whom", "external_identity:ci"),
        ("role", "editor"),
    ];
    let added = ada.post(&desk.at(&add), &ticked).await;
    assert_eq!((added.status, added.location()), (303, Some(format!("{PAGE}?done=added").as_str())), "{}", added.body);
    let expected = json!([
        {"user": "bob@acme.example", "role": "editor"},
        {"external_identity": "ci", "role": "editor"},
        {"virtual_account": "batch", "role": "editor"},
    ]);
    assert_eq!(held(&desk).await, expected);
    let filter = audit::Filter { subject: Some("resource acme/model gpt"), ..Default::default() };
    let log = audit::page(&desk.app.db, &filter, None, 1).await.unwrap();
    assert_eq!((log[0].actor.as_str(), log[0].action.as_str()), ("administrator ada@acme.example", "update"));
    assert!(log[0].changes.to_string().contains("user bob@acme.example: editor"), "{}", log[0].changes);
}

async fn a_role_is_changed_and_taken(backend: Backend) {
    let desk = Desk::new(backend).await;
    let mut ada = desk.ada().await;
    let csrf = ada.get(&desk.at(PAGE)).await.csrf();
    let form = |name, role| [("csrf", csrf.clone()), ("kind", "external_identity".to_owned()), ("name", name), ("role", role)];
    let set = async |ada: &mut crate::browser::Browser, name: &str, role: &str| {
        let form = form(name.to_owned(), role.to_owned());
        let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
        ada.post(&desk.at(&format!("{PAGE}/role")), &form).await.status
    };
    assert_eq!(set(&mut ada, "ci", "manager").await, 303);
    assert_eq!(held(&desk).await, json!([{"external_identity": "ci", "role": "manager"}]));
    assert_eq!(set(&mut ada, "ci", "owner").await, 404);
    assert_eq!(set(&mut ada, "nobody", "viewer").await, 404, "a role is given on the other page");
    let remove = desk.at(&format!("{PAGE}/collaborators/remove?kind=external_identity&name=ci"));
    let ask = ada.get(&remove).await;
    assert!(ask.body.contains("ci loses manager on model gpt."), "{}", ask.body);
    assert_eq!(ada.post(&remove, &[("csrf", &ask.csrf())]).await.location(), Some(format!("{PAGE}?done=removed").as_str()));
    assert_eq!(held(&desk).await, json!([]));
    assert_eq!(ada.get(&remove).await.status, 404);
    // A new one begins without any.
    let fields = [("name", "other"), ("type", "model")];
    let made = desk.fill(&mut ada, "/admin/acme/resources/new", "/admin/acme/resources", &fields).await;
    assert_eq!(made.location(), Some("/admin/acme/resources/model%3Aother?done=created"), "{}", made.body);
    assert!(ada.get(&desk.at("/admin/acme/resources/model%3Aother")).await.body.contains("None holds a role."));
}

/// The API, below the tenant.
async fn api(desk: &Desk, method: Method, path: &str, body: Option<Value>) -> Answer {
    let headers = [("authorization", "Bearer 0123456789abcdef0123456789abcdef"), ("content-type", "application/json")];
    let url = desk.at(&format!("/api/v1/tenants/acme/{path}"));
    Browser::new().send(method, &url, &headers, body.map(|body| body.to_string())).await
}

const ONE: &str = "resources/model%3Agpt/collaborators";

async fn one_collaborator_at_a_time(backend: Backend) {
    let desk = Desk::new(backend).await;
    let role = |role: &str| Some(json!({ "role": role }));
    let bob = format!("{ONE}/user/bob@acme.example");
    assert_eq!(api(&desk, Method::GET, &bob, None).await.status, 404, "he holds none");
    let given = api(&desk, Method::PUT, &bob, role("viewer")).await;
    assert_eq!((given.status, given.json()), (201, json!({"user": "bob@acme.example", "role": "viewer"})), "{}", given.body);
    assert_eq!(api(&desk, Method::PUT, &bob, role("viewer")).await.status, 200, "again");
    assert_eq!(api(&desk, Method::PUT, &bob, role("editor")).await.status, 200, "another one");
    assert_eq!(api(&desk, Method::GET, &bob, None).await.json()["role"], "editor");
    // He by his id, and others of each kind.
    let by_id = format!("{ONE}/user/{}", desk.user_id("bob@acme.example").await);
    assert_eq!(api(&desk, Method::GET, &by_id, None).await.json()["user"], "bob@acme.example");
    for other in ["team/sre", "virtual_account/batch"] {
        assert_eq!(api(&desk, Method::PUT, &format!("{ONE}/{other}"), role("manager")).await.status, 201, "{other}");
    }
    let all = json!([
        {"external_identity": "ci", "role": "viewer"},
        {"team": "sre", "role": "manager"},
        {"user": "bob@acme.example", "role": "editor"},
        {"virtual_account": "batch", "role": "manager"},
    ]);
    // A part at a time, narrowed and searched.
    let list = async |query: &str| api(&desk, Method::GET, &format!("{ONE}?{query}"), None).await.json();
    let told = list("").await;
    assert_eq!((&told["collaborators"], &told["by_groups"], &told["next"]), (&all, &json!([]), &Value::Null), "{told}");
    let first = list("limit=2").await;
    assert_eq!((&first["collaborators"][1]["team"], &first["next"]), (&json!("sre"), &json!("team:sre")), "{first}");
    let second = list("limit=2&after=team%3Asre").await;
    assert_eq!((&second["collaborators"][0], &second["next"]), (&all[2], &Value::Null), "{second}");
    assert_eq!(list("kind=team").await["collaborators"], json!([all[1]]));
    assert_eq!(list("search=BOB").await["collaborators"], json!([all[2]]));
    assert_eq!(api(&desk, Method::GET, &format!("{ONE}?kind=robot"), None).await.status, 400);
    // It is what the resource says of them all, whose ETag is another with each.
    let tag = async || api(&desk, Method::GET, "resources/model%3Agpt", None).await.header("etag").map(str::to_owned);
    let before = tag().await;
    assert_eq!(api(&desk, Method::DELETE, &bob, None).await.status, 204);
    assert_eq!(api(&desk, Method::DELETE, &bob, None).await.status, 404);
    assert_ne!(tag().await, before);
    assert_eq!(held(&desk).await.as_array().unwrap().len(), 3);
    let filter = audit::Filter { subject: Some("resource acme/model gpt"), ..Default::default() };
    let log = audit::page(&desk.app.db, &filter, None, 6).await.unwrap();
    let of_bob: Vec<String> =
        log.iter().map(|entry| entry.changes.to_string()).filter(|text| text.contains("user bob")).collect();
    assert_eq!(of_bob.len(), 3, "given, changed and taken, and nothing of what changed nothing: {of_bob:?}");
    assert!(of_bob[0].contains("user bob@acme.example: editor") && !of_bob[0].contains("external identity ci"), "{of_bob:?}");
    // What is no role gives none.
    for wrong in [json!({"role": "owner"}), json!({}), json!({"role": "viewer", "for": "ever"})] {
        assert_eq!(api(&desk, Method::PUT, &bob, Some(wrong)).await.status, 400);
    }
}

async fn collaborators_are_of_the_tenant_alone(backend: Backend) {
    let desk = Desk::new(backend).await;
    let sql = "SELECT id FROM users WHERE email = 'eve@other.example'";
    let eve = desk.app.db.all::<(String,)>(sql, &[]).await.unwrap()[0].0.clone();
    let role = || Some(json!({"role": "viewer"}));
    for stranger in [
        format!("user/{eve}"),
        "user/eve@other.example".to_owned(),
        "user/none".to_owned(),
        "team/none".to_owned(),
        "external_identity/batch".to_owned(),
        "virtual_account/ci".to_owned(),
        "robot/ci".to_owned(),
        "team/%00".to_owned(),
    ] {
        for (method, body) in [(Method::GET, None), (Method::PUT, role()), (Method::DELETE, None)] {
            let answer = api(&desk, method.clone(), &format!("{ONE}/{stranger}"), body).await;
            assert_eq!(answer.status, 404, "{method} {stranger}: {}", answer.body);
        }
    }
    for nowhere in ["model%3Anone", "gpt", "%00"] {
        let path = format!("resources/{nowhere}/collaborators/team/sre");
        assert_eq!(api(&desk, Method::PUT, &path, role()).await.status, 404, "{nowhere}");
    }
    assert_eq!(held(&desk).await, json!([{"external_identity": "ci", "role": "viewer"}]));
    // A token for reading gives nobody anything.
    let body = Some(json!({"name": "looks", "scopes": ["resources:read"]}));
    let made = api(&desk, Method::POST, "service_tokens", body).await.json();
    let bearer = format!("Bearer {}", made["token"].as_str().unwrap());
    let url = desk.at(&format!("/api/v1/tenants/acme/{ONE}/external_identity/ci"));
    for (method, status) in [(Method::GET, 200), (Method::PUT, 403), (Method::DELETE, 403)] {
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        let answer = Browser::new().send(method.clone(), &url, &headers, Some(json!({"role": "manager"}).to_string())).await;
        assert_eq!(answer.status, status, "{method}: {}", answer.body);
    }
}

async fn what_somebody_typed_is_inert(backend: Backend) {
    let desk = Desk::new(backend).await;
    let mut ada = desk.ada().await;
    let hostile = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>";
    let made = desk.fill(&mut ada, "/admin/acme/teams/new", "/admin/acme/teams", &[("name", hostile)]).await;
    assert_eq!(made.status, 303, "{}", made.body);
    let add = desk.at(&format!("{PAGE}/collaborators"));
    let csrf = ada.get(&add).await.csrf();
    let whom = format!("team:{hostile}");
    let given = ada.post(&add, &[("csrf", &csrf), ("whom", &whom), ("role", "viewer")]).await;
    assert_eq!(given.status, 303, "{}", given.body);
    let name: String = url::form_urlencoded::byte_serialize(hostile.as_bytes()).collect();
    for page in [
        PAGE.to_owned(),
        format!("{PAGE}?search={name}"),
        format!("{PAGE}/collaborators?search={name}"),
        format!("{PAGE}/collaborators/remove?kind=team&name={name}"),
        format!("/admin/acme/audit?what={name}&who={name}"),
        "/admin/acme/audit".to_owned(),
        "/admin/acme/teams".to_owned(),
    ] {
        let answer = ada.get(&desk.at(&page)).await;
        assert_eq!(answer.status, 200, "{page}");
        let inert = !answer.body.contains("<script>alert") && !answer.body.contains("<img src=x");
        assert!(inert && answer.body.contains("alert(1)"), "{page}: {}", answer.body);
    }
}

/// Whoever deletes a principal is led to where it holds roles, and whoever changes its claims is told what that means.
async fn what_hangs_on_an_identity_is_told(backend: Backend) {
    let desk = Desk::new(backend).await;
    let mut ada = desk.ada().await;
    let ask = ada.get(&desk.at("/admin/acme/external_identities/ci/delete")).await;
    for words in [
        "Update the collaborators of these resources first",
        "<a href=\"/admin/acme/resources/model%3Agpt\"><bdi>model gpt (viewer)</bdi></a>",
    ] {
        assert!(ask.body.contains(words), "{words}: {}", ask.body);
    }
    let edit = ada.get(&desk.at("/admin/acme/external_identities/ci")).await;
    assert!(edit.body.contains("tokens that matched may match another identity then"), "{}", edit.body);
    let idle = ada.get(&desk.at("/admin/acme/virtual_accounts/batch/delete")).await;
    assert!(idle.status == 200 && !idle.body.contains("Update the collaborators"), "{}", idle.body);

    let ask = async |method: Method, path: &str, body: Option<Value>| {
        let bearer = ("authorization", "Bearer 0123456789abcdef0123456789abcdef");
        let url = desk.at(&format!("/api/v1/tenants/acme/{path}"));
        let headers = [bearer, ("content-type", "application/json")];
        Browser::new().send(method, &url, &headers, body.map(|body| body.to_string())).await
    };
    let answer = ask(Method::DELETE, "external_identities/ci", None).await;
    assert_eq!(answer.status, 409, "{}", answer.body);
    let told = answer.json();
    assert_eq!(told["resources"], json!([{"type": "model", "name": "gpt", "role": "viewer"}]), "{told}");
    assert!(told["error_description"].as_str().unwrap().starts_with("update the collaborators"), "{told}");
    let same = json!({"issuer": "idp", "claims": {"email": "*@acme.example"}});
    let answer = ask(Method::PUT, "external_identities/ci", Some(same)).await.json();
    assert_eq!(answer.get("warnings"), None, "{answer}");
    let other = json!({"issuer": "idp", "claims": {"email": "*@other.example"}});
    let answer = ask(Method::PUT, "external_identities/ci", Some(other)).await.json();
    assert!(answer["warnings"][0].as_str().unwrap().contains("other tokens match than before"), "{answer}");
    assert_eq!(ask(Method::DELETE, "virtual_accounts/batch", None).await.status, 200);
    assert_eq!(ask(Method::DELETE, "external_identities/ci?confirm=ci", None).await.status, 200);
}

async fn many_collaborators_come_a_part_at_a_time(backend: Backend) {
    let desk = Desk::new(backend).await;
    let numbers = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 150)";
    for sql in [
        format!(
            "INSERT INTO teams (id, tenant_id, name, created_at) {numbers} \
             SELECT 'x' || i, t.id, 'm-' || (1000 + i), i FROM n, tenants t WHERE t.name = 'acme'"
        ),
        "INSERT INTO collaborators (resource_id, holder, team_id, role) SELECT r.id, t.id, t.id, 'viewer' FROM resources r, teams t \
         WHERE r.name = 'gpt' AND t.name LIKE 'm-1%'"
            .to_owned(),
        "INSERT INTO directory_groups (id, directory_id, display_name, shown_name, resource, version, created_at, updated_at) \
         SELECT 'g', id, 'g', 'g', '{}', 1, 1, 1 FROM directories WHERE name = 'people'"
            .to_owned(),
        "INSERT INTO group_roles (group_id, team_id, resource_id, role) SELECT 'g', t.id, r.id, 'editor' FROM teams t, resources r \
         WHERE r.name = 'gpt' AND t.name LIKE 'm-10%'"
            .to_owned(),
    ] {
        assert!(desk.sql(sql.leak()).await > 0);
    }
    let mut ada = desk.ada().await;
    let held = |page: &Answer| page.body.matches("class=\"whom\" href=\"/admin/acme/teams/m-").count();
    let way =
        |page: &Answer| page.body.rsplit_once("\">More teams").unwrap().0.rsplit_once("href=\"").unwrap().1.replace("&#38;", "&");
    let first = ada.get(&desk.at(PAGE)).await;
    assert!(held(&first) == 100 && first.body.contains("Role of ci"), "{}", first.body);
    let second = ada.get(&desk.at(&way(&first))).await;
    assert!(
        held(&second) == 50 && second.body.contains("Role of m-1150") && !second.body.contains("Role of ci"),
        "{}",
        second.body
    );
    assert!(!second.body.contains("More teams") && second.body.contains("Show all"), "{}", second.body);
    // So is what a search finds.
    let found = ada.get(&desk.at(&format!("{PAGE}?search=M-1"))).await;
    assert!(held(&found) == 100 && way(&found).contains("search=M-1"), "{}", found.body);
    assert_eq!(held(&ada.get(&desk.at(&way(&found))).await), 50);
    assert_eq!(held(&ada.get(&desk.at(&format!("{PAGE}?search=m-115"))).await), 1);
    // Whoever is on no first page is given another role, and loses it.
    let csrf = second.csrf();
    let form = [("csrf", csrf.as_str()), ("kind", "team"), ("name", "m-1150"), ("role", "manager")];
    assert_eq!(ada.post(&desk.at(&format!("{PAGE}/role")), &form).await.status, 303);
    let offered = ada.get(&desk.at(&format!("{PAGE}/collaborators?kind=team&search=m-1150"))).await;
    assert!(offered.body.contains("<span class=\"off\">manager</span>"), "{}", offered.body);
    let ask = ada.get(&desk.at(&format!("{PAGE}/collaborators/remove?kind=team&name=m-1150"))).await;
    assert!(ask.body.contains("m-1150 loses manager on model gpt."), "{}", ask.body);
    // Of the teams that groups give roles 99 are too few to be cut, and one more than 100 is said.
    let listed = api(&desk, Method::GET, ONE, None).await.json();
    assert_eq!((listed["by_groups"].as_array().unwrap().len(), &listed["more_by_groups"]), (99, &json!(false)));
    assert!(!first.body.contains("There are more of these teams"), "{}", first.body);
    let sql = "INSERT INTO group_roles (group_id, team_id, resource_id, role) SELECT 'g', t.id, r.id, 'editor' FROM teams t, resources r \
               WHERE r.name = 'gpt' AND t.name LIKE 'm-11%'";
    assert_eq!(desk.sql(sql).await, 51);
    let listed = api(&desk, Method::GET, ONE, None).await.json();
    assert_eq!((listed["by_groups"].as_array().unwrap().len(), &listed["more_by_groups"]), (100, &json!(true)));
    assert!(ada.get(&desk.at(PAGE)).await.body.contains("There are more of these teams"));
}

/// Of more than a thousand of a kind the tenant's are walked, of fewer those who hold one are put in order.
async fn a_list_is_the_same_however_many_hold_a_role(backend: Backend) {
    let desk = Desk::new(backend).await;
    let numbers = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1100)";
    let users = format!(
        "INSERT INTO users (id, tenant_id, email, email_proven, admin, active, created_at, updated_at) {numbers} \
         SELECT 'x' || i, t.id, 'k' || (1000 + i) || '@acme.example', TRUE, FALSE, TRUE, 1, 1 FROM n, tenants t WHERE t.name = 'acme'"
    );
    desk.sql(users.leak()).await;
    let give = |most: &str| {
        format!(
            "INSERT INTO collaborators (resource_id, holder, user_id, role) SELECT r.id, u.id, u.id, 'editor' FROM resources r, users u \
             WHERE r.name = 'gpt' AND u.email LIKE '{most}@acme.example'"
        )
    };
    let more = "INSERT INTO collaborators (resource_id, holder, team_id, principal_id, role) \
                SELECT r.id, t.id, t.id, NULL, 'viewer' FROM resources r, teams t WHERE r.name = 'gpt' AND t.name = 'sre' \
                UNION ALL SELECT r.id, p.id, NULL, p.id, 'viewer' FROM resources r, principals p WHERE r.name = 'gpt' AND p.name = 'batch'";
    desk.sql(more).await;
    for (most, from) in [("k20__", 2_000), ("k1___", 1_001)] {
        assert!(desk.sql(give(most).leak()).await > 90);
        let users: Vec<String> = (from..2_100).map(|n| format!("user k{n}@acme.example")).collect();
        let (first, last) = (["external_identity ci".to_owned(), "team sre".to_owned()], ["virtual_account batch".to_owned()]);
        let all = [&first[..], &users, &last].concat();
        assert_eq!(walked(&desk, "limit=7").await, all);
        assert_eq!(walked(&desk, "limit=100").await, all);
        assert_eq!(walked(&desk, "kind=user&limit=90").await, users);
        assert_eq!(walked(&desk, "kind=virtual_account").await, last);
        let found: Vec<String> = users.iter().filter(|name| name.contains("k200")).cloned().collect();
        assert_eq!(walked(&desk, "search=K200&limit=4").await, found);
    }
}

/// All parts of the list, one after the other: kind and name of each.
async fn walked(desk: &Desk, query: &str) -> Vec<String> {
    let bearer = ("authorization", "Bearer 0123456789abcdef0123456789abcdef");
    let (mut all, mut after) = (Vec::new(), String::new());
    loop {
        let url = desk.at(&format!("/api/v1/tenants/acme/resources/model:gpt/collaborators?{query}&after={after}"));
        let answer = Browser::new().get_with(&url, &[bearer]).await;
        assert_eq!(answer.status, 200, "{url}: {}", answer.body);
        let answer = answer.json();
        for held in answer["collaborators"].as_array().unwrap() {
            let (kind, name) = held.as_object().unwrap().iter().find(|(key, _)| *key != "role").unwrap();
            all.push(format!("{kind} {}", name.as_str().unwrap()));
        }
        match answer["next"].as_str() {
            Some(next) => next.clone_into(&mut after),
            None => return all,
        }
    }
}
