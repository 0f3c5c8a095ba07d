//! Every path that makes a user without a sign-in (`provisioning` has those with one), in every provisioning mode, for people
//! who are invited and not: one table.

use gatehouse::{
    invitation::InviteError,
    policy::{directory::DirectorySettings, email::Email, identity::Provisioning},
    store::{invites, receipts, tenants, users},
};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    admin_pages::{Desk, STATE},
    browser::{Answer, Browser},
    invites::{desk, wanted},
    on_both,
    scim::{FAST, Pusher, at, person, pusher, refused},
    world::{Backend, World},
};

on_both!(
    every_path_in_every_mode,
    one_invite_lets_in_one,
    whom_a_directory_lets_go_an_invite_lets_in_no_more,
    who_is_there_is_let_in_again_in_every_mode,
    whoever_makes_a_directory_in_vain_is_told
);

const MODES: [Provisioning; 3] = [Provisioning::Jit, Provisioning::Invite, Provisioning::Scim];
const BOT: (&str, &str) = ("authorization", "Bearer 0123456789abcdef0123456789abcdef");

/// How a user comes to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Path {
    /// A directory makes a record.
    Post,
    /// It gives an address to a record that had none, by PUT.
    Put,
    /// By PATCH.
    Patch,
    /// Within Bulk.
    Bulk,
    /// The admin API.
    Api,
    /// A page.
    Page,
    /// A declarative file.
    File,
    /// The command line.
    Command,
}

const PATHS: [Path; 8] = [Path::Post, Path::Put, Path::Patch, Path::Bulk, Path::Api, Path::Page, Path::File, Path::Command];

struct House {
    desk: Desk,
    directory: Pusher,
    mode: Provisioning,
    ada: Browser,
}

impl House {
    async fn new(backend: Backend, mode: Provisioning) -> Self {
        let desk = Desk { world: World::with(backend, &state(mode, ""), &[FAST]).await };
        let directory = pusher(&desk.world, "acme", "entra", DirectorySettings::default(), None).await;
        let ada = desk.ada().await;
        Self { desk, directory, mode, ada }
    }

    async fn tenant(&self) -> tenants::Tenant {
        tenants::find_by_name(&self.desk.app.db, "acme").await.unwrap().unwrap()
    }

    async fn user(&self, email: &str) -> Option<users::User> {
        users::find_by_email(&self.desk.app.db, &self.tenant().await.id, &Email::parse(email).unwrap()).await.unwrap()
    }

    async fn api(&self, method: Method, path: &str, body: &Value) -> Answer {
        let url = self.desk.at(format!("/api/v1/tenants/acme/{path}").trim_end_matches('/'));
        Browser::new().send(method, &url, &[BOT, ("content-type", "application/json")], Some(body.to_string())).await
    }

    /// Brings somebody in; what the directory was told, if it was one.
    async fn bring(&mut self, path: Path, email: &str) -> Option<Answer> {
        let bare = async || at(&self.directory.made("/Users", &json!({"userName": format!("bare of {email}")})).await);
        match path {
            Path::Post => Some(self.directory.post("/Users", &person(email)).await),
            Path::Put => Some(self.directory.put(&bare().await, &person(email)).await),
            Path::Patch => {
                let operations = json!([{"op": "Replace", "path": "emails[type eq \"work\"].value", "value": email}]);
                Some(self.directory.patch(&bare().await, operations).await)
            }
            Path::Bulk => {
                let operation = json!({"method": "POST", "path": "/Users", "bulkId": "a", "data": person(email)});
                let answer = self.directory.post("/Bulk", &json!({"Operations": [operation]})).await;
                let done = answer.json()["Operations"][0].clone();
                let status = done["status"].as_str().unwrap().parse().unwrap();
                Some(Answer { status, body: done["response"].to_string(), ..answer })
            }
            Path::Api => {
                assert_eq!(self.api(Method::POST, "users", &json!({"email": email})).await.status, 201);
                None
            }
            Path::Page => {
                let answer =
                    self.desk.fill(&mut self.ada, "/admin/acme/users/new", "/admin/acme/users", &[("email", email)]).await;
                assert_eq!(answer.status, 303, "{}", answer.body);
                None
            }
            Path::File => {
                self.desk.apply(&state(self.mode, &format!("  - {{email: {email}}}\n"))).await;
                None
            }
            Path::Command => {
                let (code, said) = self.desk.command(&["admin", "add", email, "--tenant", "acme"]).await;
                assert_eq!(code, 0, "{said}");
                None
            }
        }
    }
}

fn state(mode: Provisioning, users: &str) -> String {
    STATE
        .replacen("  domains: [acme.example]\n", &format!("  domains: [acme.example]\n  provisioning: {}\n", mode.as_str()), 1)
        .replacen("  teams:\n", &format!("{users}  teams:\n"), 1)
}

async fn every_path_in_every_mode(backend: Backend) {
    let mut wrong = Vec::new();
    for mode in MODES {
        let mut house = House::new(backend, mode).await;
        for (path, invited) in PATHS.into_iter().flat_map(|path| [(path, false), (path, true)]) {
            let name = format!("{mode:?} × {path:?} × invited {invited}");
            let email = format!("{path:?}-{invited}@acme.example").to_lowercase();
            if invited {
                let made = desk(&house.desk.app).invite(&house.tenant().await, &wanted(&email)).await;
                let is_refused = matches!(made, Err(InviteError::Directory));
                assert_eq!(is_refused, mode == Provisioning::Scim, "{name}: {made:?}");
                if is_refused {
                    continue;
                }
            }
            let told = house.bring(path, &email).await;
            // Whom an operator names is a user in every mode; whom a directory brings is not where nobody comes uninvited.
            let expected = told.is_none() || mode != Provisioning::Invite || invited;
            let user = house.user(&email).await;
            if user.is_some() != expected || user.is_some_and(|user| !user.active) {
                wrong.push(format!("{name}: {told:?}"));
            }
            match told {
                Some(told) if !expected => {
                    let cause_and_mend = ["provisioning: invite", "has no open invite", "invite them first"];
                    if told.status != 403 || !cause_and_mend.iter().all(|words| told.body.contains(words)) {
                        wrong.push(format!("{name}: {told:?}"));
                    }
                    if path != Path::Bulk {
                        refused(&told, 403, None);
                    }
                    // Nothing of it is left, and the next cycle finds it as it was.
                    let mut found = house.directory.found("/Users", &format!("emails.value eq \"{email}\"")).await;
                    found.extend(house.directory.found("/Users", &format!("userName eq \"{email}\"")).await);
                    assert!(found.is_empty(), "{name}: {found:?}");
                }
                Some(told) => assert!([200, 201].contains(&told.status), "{name}: {told:?}"),
                None => {}
            }
            // Its teams are for whoever follows the invite, and not for whom a directory says that is.
            if invited && house.user(&email).await.is_some() {
                let tenant = house.tenant().await;
                let email = Email::parse(&email).unwrap();
                assert!(
                    invites::is_open(&house.desk.app.db, &tenant.id, &email, house.desk.clock.now()).await.unwrap(),
                    "{name}"
                );
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// A directory brought in whom it liked by one invite: it gave each another address afterwards.
async fn one_invite_lets_in_one(backend: Backend) {
    let house = House::new(backend, Provisioning::Invite).await;
    let tenant = house.tenant().await;
    for email in ["guest@acme.example", "other@acme.example"] {
        desk(&house.desk.app).invite(&tenant, &wanted(email)).await.unwrap();
    }
    let to = |email: &str| {
        json!([{"op": "replace", "path": "userName", "value": email},
               {"op": "replace", "path": "emails[type eq \"work\"].value", "value": email}])
    };
    let directory = &house.directory;
    let guest = directory.user("guest@acme.example").await;
    let bulk = json!({"method": "PUT", "path": at(&guest), "data": person("eve@evil.example")});
    let bulk = directory.post("/Bulk", &json!({"Operations": [bulk]})).await.json();
    assert_eq!(bulk["Operations"][0]["status"], json!("403"), "{bulk}");
    for answer in [
        directory.patch(&at(&guest), to("eve@evil.example")).await,
        directory.put(&at(&guest), &person("eve@evil.example")).await,
    ] {
        refused(&answer, 403, None);
        assert!(answer.body.contains("has no open invite"), "{}", answer.body);
    }
    assert_eq!(directory.get(&at(&guest)).await.json(), guest);
    assert!(house.user("eve@evil.example").await.is_none());
    // Nor by one who has been there, and has another address since.
    house.desk.sql("UPDATE users SET signed_in_at = 1 WHERE email = 'guest@acme.example'").await;
    assert_eq!(directory.patch(&at(&guest), to("eve@evil.example")).await.status, 200, "who has come in is who they are");
    let second = directory.post("/Users", &person("guest@acme.example")).await;
    refused(&second, 403, None);
    assert!(second.body.contains("has let in somebody else"), "{}", second.body);
    // Honestly: to an address that is invited too, and back to their own; and by another invite.
    house.desk.sql("UPDATE users SET signed_in_at = NULL WHERE email = 'eve@evil.example'").await;
    for email in ["other@acme.example", "guest@acme.example"] {
        assert_eq!(directory.patch(&at(&guest), to(email)).await.status, 200, "{email}");
    }
    refused(&directory.post("/Users", &person("other@acme.example")).await, 403, None);
    let email = Email::parse("other@acme.example").unwrap();
    let row = invites::by_email(&house.desk.app.db, &tenant.id, &email).await.unwrap().unwrap();
    desk(&house.desk.app).revoke(&tenant, &row.id).await.unwrap();
    desk(&house.desk.app).invite(&tenant, &wanted("other@acme.example")).await.unwrap();
    directory.user("other@acme.example").await;
    // Whom an operator removes the invite may let in again.
    let id = house.user("other@acme.example").await.unwrap().id;
    assert!(house.desk.remove(&id).await.is_some());
    let anew = json!([{"op": "replace", "value": {"active": true, "title": "x"}}]);
    let record = directory.get("/Users?filter=userName+eq+%22other%40acme.example%22").await.json()["Resources"][0].clone();
    assert_eq!(directory.patch(&at(&record), anew).await.status, 200);
    // Where nobody needs an invite the address follows.
    let open = House::new(backend, Provisioning::Scim).await;
    let kim = open.directory.user("kim@acme.example").await;
    assert_eq!(open.directory.patch(&at(&kim), to("kim@elsewhere.example")).await.status, 200);
}

/// Whoever was deprovisioned followed the link of the invite that had let them in, and was back.
async fn whom_a_directory_lets_go_an_invite_lets_in_no_more(backend: Backend) {
    let house = House::new(backend, Provisioning::Invite).await;
    let tenant = house.tenant().await;
    let off = json!([{"op": "replace", "path": "active", "value": false}]);
    for (n, removes) in [(0, true), (1, false)] {
        let email = format!("guest{n}@acme.example");
        desk(&house.desk.app).invite(&tenant, &wanted(&email)).await.unwrap();
        let guest = house.directory.user(&email).await;
        let user = house.user(&email).await.unwrap();
        let answer = match removes {
            true => house.directory.delete(&at(&guest)).await,
            false => house.directory.patch(&at(&guest), off.clone()).await,
        };
        assert!([200, 204].contains(&answer.status), "{}", answer.body);
        let row = invites::by_email(&house.desk.app.db, &tenant.id, &Email::parse(&email).unwrap()).await.unwrap().unwrap();
        assert_eq!(row.state(house.desk.clock.now()), invites::State::Revoked, "{email}");
        let written = receipts::of_user(&house.desk.app.db, &tenant.id, &user.id).await.unwrap();
        assert_eq!((written.len(), written[0].ended.invites), (1, 1), "{email}");
        if removes {
            refused(&house.directory.post("/Users", &person(&email)).await, 403, None);
            assert!(house.user(&email).await.is_none());
        }
    }
    // Honestly: another's stays, and whom an operator removes may be let in again.
    for email in ["kim@acme.example", "ray@acme.example"] {
        desk(&house.desk.app).invite(&tenant, &wanted(email)).await.unwrap();
        house.directory.user(email).await;
    }
    let [kim, ray] = [house.user("kim@acme.example").await.unwrap(), house.user("ray@acme.example").await.unwrap()];
    let receipt = house.desk.remove(&kim.id).await.unwrap();
    assert_eq!(receipt.ended.invites, 0);
    for user in [kim, ray] {
        assert!(invites::is_open(&house.desk.app.db, &tenant.id, &user.email, house.desk.clock.now()).await.unwrap());
    }
}

async fn who_is_there_is_let_in_again_in_every_mode(backend: Backend) {
    let house = House::new(backend, Provisioning::Jit).await;
    let kim = house.directory.user("kim@acme.example").await;
    for mode in MODES {
        house.desk.apply(&state(mode, "")).await;
        for active in [false, true] {
            let answer = house.directory.patch(&at(&kim), json!([{"op": "replace", "path": "active", "value": active}])).await;
            assert_eq!(answer.status, 200, "{mode:?}: {}", answer.body);
            assert_eq!(house.user("kim@acme.example").await.unwrap().active, active, "{mode:?}");
        }
        // One whose user somebody has deleted would make them anew.
        house.desk.apply(&state(Provisioning::Scim, "")).await;
        let gone = house.directory.user(&format!("gone-{}@acme.example", mode.as_str())).await;
        let id = house.user(&format!("gone-{}@acme.example", mode.as_str())).await.unwrap().id;
        assert!(house.desk.remove(&id).await.is_some());
        house.desk.apply(&state(Provisioning::Invite, "")).await;
        let anew = json!([{"op": "replace", "value": {"active": true, "title": "x"}}]);
        refused(&house.directory.patch(&at(&gone), anew).await, 403, None);
    }
}

async fn whoever_makes_a_directory_in_vain_is_told(backend: Backend) {
    let warned = |answer: &Answer| answer.json()["warnings"].to_string().contains("brings in nobody without an open invite");
    let mut house = House::new(backend, Provisioning::Invite).await;
    let made = house.api(Method::POST, "directories", &json!({"name": "okta"})).await;
    assert!(made.status == 201 && warned(&made), "{}", made.body);
    let off = house.api(Method::POST, "directories", &json!({"name": "off", "enabled": false})).await;
    assert!(off.status == 201 && !warned(&off), "{}", off.body);
    let pages = ["/admin/acme/directories/new", "/admin/acme/directories/okta", "/admin/acme/settings"];
    for page in pages {
        let page = house.ada.get(&house.desk.at(page)).await;
        assert!(page.status == 200 && page.body.contains("brings in nobody without an open invite"), "{}", page.body);
    }
    for (mode, is_warned) in [(Provisioning::Scim, false), (Provisioning::Invite, true), (Provisioning::Jit, false)] {
        let settings = json!({"display_name": "Acme", "domains": ["acme.example"], "provisioning": mode.as_str()});
        let changed = house.api(Method::PUT, "", &settings).await;
        assert_eq!((changed.status, warned(&changed)), (200, is_warned), "{mode:?}: {}", changed.body);
    }
    for page in pages {
        let page = house.ada.get(&house.desk.at(page)).await;
        assert!(page.status == 200 && !page.body.contains("brings in nobody"), "{}", page.body);
    }
}
