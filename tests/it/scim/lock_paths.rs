//! Every way in × how an operator's lock came × what records there are: what an operator has shut stays shut until an operator
//! opens it, and whom nobody has shut comes in by the same directories.

use gatehouse::{
    params, password,
    policy::directory::DirectorySettings,
    store::{
        connections,
        users::{self, By, Opened},
    },
};
use serde_json::json;

use super::{
    Pusher,
    accounts::{known_as, user_of},
    adoption::{comes_in, is_deactivated},
    at, pusher,
};
use crate::{
    browser::{Answer, Browser},
    invites::World,
    on_both,
    sso::{Sso, oidc, state},
    world::Backend,
};

on_both!(what_an_operator_shut_stays_shut, whom_nobody_shut_comes_in);

/// What records there are of the person, who has never signed in.
const RECORDS: [&str; 8] = [
    "own",
    "own inactive",
    "own gone",
    "own renamed",
    "own gone, second's",
    "own gone, second's bare",
    "second's inactive",
    "own off",
];
const LOCKS: [&str; 2] = ["operator", "directory first"];
const WAYS: [&str; 9] = [
    "sign-in",
    "sign-in with another address",
    "sign-in by the other connection",
    "invite",
    "active: true",
    "POST by the second",
    "POST by the first",
    "active: true again",
    "password",
];

struct Scene {
    world: World,
    okta: Pusher,
    second: Pusher,
    hash: String,
}

const PASSWORD: &str = "correct horse battery";

/// A tenant with two connections, and two directories of the first of them.
async fn scene(backend: Backend) -> Scene {
    let sso = Sso::made(backend, |idp| {
        let ping = format!("  - {{name: ping, button_text: Ping, email_trust: verified, oidc: {}}}\n  clients:", oidc(idp));
        state(idp, "jit", "verified", "  password_login: true").replacen("  clients:", &ping, 1)
    })
    .await;
    let tenant = gatehouse::store::tenants::find_by_name(&sso.app.db, "acme").await.unwrap().unwrap();
    let connection = connections::find_by_name(&sso.app.db, &tenant.id, "okta").await.unwrap().unwrap().id;
    let okta = pusher(&sso, "acme", "okta", DirectorySettings::default(), Some(&connection)).await;
    let second = pusher(&sso, "acme", "second", DirectorySettings::default(), Some(&connection)).await;
    Scene { world: World { sso }, okta, second, hash: password::hash_now(PASSWORD).unwrap() }
}

impl Scene {
    async fn switch(&self, on: bool) {
        self.world
            .sql(if on {
                "UPDATE directories SET enabled = TRUE"
            } else {
                "UPDATE directories SET enabled = FALSE WHERE name = 'okta'"
            })
            .await;
    }

    /// Makes the records, and the lock, if there is one; the user it is on.
    async fn prepare(&self, name: &str, lock: Option<&str>, records: &str) -> String {
        self.world.clock.advance(600);
        let (email, id) = (format!("{name}@acme.example"), format!("00u-{name}"));
        let active = |is: bool| json!([{"op": "replace", "path": "active", "value": is}]);
        let own = self.okta.made("/Users", &known_as(&email, &id)).await;
        let user = user_of(&self.world, &email).await.unwrap().id;
        // It comes to be while nobody sees that there is another.
        self.switch(false).await;
        let mut theirs = known_as(&format!("{name}-2@acme.example"), &id);
        match records {
            "own gone, second's" => drop(self.second.made("/Users", &theirs).await),
            "own gone, second's bare" => {
                drop(self.second.made("/Users", &json!({"userName": format!("{name}-bare"), "externalId": id})).await);
            }
            "second's inactive" => {
                theirs["active"] = json!(false);
                drop(self.second.made("/Users", &theirs).await);
            }
            _ => {}
        }
        self.switch(true).await;
        match lock {
            Some("operator") => assert!(self.world.shut_out(&user).await.is_some()),
            Some(_) => {
                assert_eq!(self.okta.patch(&at(&own), active(false)).await.status, 200);
                assert!(self.world.shut_out(&user).await.is_none(), "they were out already");
                assert_eq!(self.okta.patch(&at(&own), active(true)).await.status, 200);
            }
            None => {}
        }
        match records {
            "own inactive" => assert_eq!(self.okta.patch(&at(&own), active(false)).await.status, 200),
            "own renamed" => {
                let renamed = json!([{"op": "replace", "path": "externalId", "value": format!("zz-{name}")}]);
                assert_eq!(self.okta.patch(&at(&own), renamed).await.status, 200);
            }
            "own off" => self.switch(false).await,
            _ if records.starts_with("own gone") => assert_eq!(self.okta.delete(&at(&own)).await.status, 204),
            _ => {}
        }
        user
    }

    /// Tries one way in; whatever comes of it.
    async fn go(&self, way: &str, name: &str, user: &str) {
        self.world.clock.advance(60);
        let (email, id) = (format!("{name}@acme.example"), format!("00u-{name}"));
        match way {
            "sign-in" => drop(comes_in(&self.world, &id, &email).await),
            "sign-in with another address" => drop(comes_in(&self.world, &id, &format!("{name}-new@acme.example")).await),
            "sign-in by the other connection" => drop(self.by_ping(&id, &email).await),
            "invite" => {
                let invited = format!("{name}-invited@acme.example");
                let link = self.world.invite(&invited).await;
                self.world.person(&id, &invited);
                self.world.over_sso(&mut Browser::new(), &link).await;
            }
            "POST by the first" => drop(self.okta.post("/Users", &known_as(&format!("{name}-3@acme.example"), &id)).await),
            "POST by the second" => drop(self.second.post("/Users", &known_as(&format!("{name}-4@acme.example"), &id)).await),
            "password" => {
                let sql = "UPDATE users SET password_hash = $2 WHERE id = $1";
                self.world.app.db.execute(sql, params![user, &self.hash]).await.unwrap();
                let url = self.world.authorize_url("web", &[]);
                let answer = self.world.sign_in(&mut Browser::new(), &url, &email, PASSWORD).await;
                assert_eq!(answer.query("code"), None);
            }
            _ => self.push(&id).await,
        }
    }

    /// Says of every record under this id that it is active.
    async fn push(&self, id: &str) {
        for directory in [&self.okta, &self.second] {
            let list = directory.get(&format!("/Users?filter=externalId%20eq%20%22{id}%22")).await;
            for record in list.json()["Resources"].as_array().into_iter().flatten() {
                directory.patch(&at(record), json!([{"op": "replace", "path": "active", "value": true}])).await;
                let mut whole = record.clone();
                whole["active"] = json!(true);
                directory.put(&at(record), &whole).await;
            }
        }
    }

    async fn by_ping(&self, id: &str, email: &str) -> Answer {
        self.world.person(id, email);
        let mut browser = Browser::new();
        let page = browser.get(&self.world.authorize_url("web", &[])).await;
        let page = browser.follow(page).await;
        let departure = browser.post(&page.url, &[("csrf", &page.csrf()), ("connection", "ping")]).await;
        browser.get(&self.world.back(&departure).await).await
    }
}

async fn what_an_operator_shut_stays_shut(backend: Backend) {
    let scene = scene(backend).await;
    let mut wrong = Vec::new();
    for (l, lock) in LOCKS.into_iter().enumerate() {
        for (r, records) in RECORDS.into_iter().enumerate() {
            let name = format!("kim{l}{r}");
            let user = scene.prepare(&name, Some(lock), records).await;
            for way in WAYS {
                scene.go(way, &name, &user).await;
                let now = users::find(&scene.world.app.db, &user).await.unwrap();
                let is_shut = now.is_some_and(|user| !user.active && user.shut_by == Some(By::Operator));
                // By whatever address they come.
                let is_out = is_deactivated(&scene.world, &format!("00u-{name}"), &format!("{name}-any@acme.example")).await;
                let is_nobody =
                    scene.by_ping(&format!("00u-{name}"), &format!("{name}@acme.example")).await.query("code").is_none();
                if !(is_shut && is_out && is_nobody) {
                    wrong.push(format!("{lock} × {records} × {way}: shut {is_shut}, out {is_out}, also elsewhere {is_nobody}"));
                    break;
                }
            }
            // Until an operator opens.
            scene.switch(true).await;
            if scene.world.open_again(&user).await != Opened::Open
                || scene.by_ping(&format!("00u-{name}"), &format!("{name}@acme.example")).await.query("code").is_none()
            {
                wrong.push(format!("{lock} × {records}: still out once an operator has let them in"));
            }
        }
    }
    assert_eq!(wrong, [""; 0], "{}", wrong.join("\n"));
}

async fn whom_nobody_shut_comes_in(backend: Backend) {
    let scene = scene(backend).await;
    for (r, records) in RECORDS.into_iter().enumerate() {
        let name = format!("ray{r}");
        scene.prepare(&name, None, records).await;
        let came = comes_in(&scene.world, &format!("00u-{name}"), &format!("{name}@acme.example")).await;
        // But for whom their own directory keeps out.
        assert_eq!(came.is_ok(), !records.ends_with("inactive"), "{records}: {came:?}");
        scene.switch(true).await;
    }
}
