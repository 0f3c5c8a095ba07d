//! Collaborators of a resource: found by search, given a role, another one, and none; as a file would have said.

use gatehouse::{
    apply::single::{self, Noun},
    store::{audit, tenants},
};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{admin_pages::Desk, browser::Browser, on_both, world::Backend};

on_both!(
    collaborators_are_found_and_given_roles,
    a_role_is_changed_and_taken,
    what_somebody_typed_is_inert,
    what_hangs_on_an_identity_is_told,
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
