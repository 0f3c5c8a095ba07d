//! A tenant or a user that is deleted and made again under the same name is another: nothing that the old one had opens anything of
//! the new one (threats G3, Zitadel CVE-2026-55670).

use gatehouse::{
    policy::{api_scope::ApiScopes, directory::DirectorySettings, email::Email},
    secret,
    store::{
        personal_tokens::{self, PersonalToken},
        setup_links, tenants,
        tenants::Tenant,
        users,
    },
};
use serde_json::json;

use crate::{
    browser::Browser,
    invites, on_both,
    scim::{self, Pusher, at, person, pusher},
    world::{Backend, STATE, World, actor, text},
};

on_both!(a_tenant_of_the_same_name_is_another, a_user_of_the_same_address_is_another);

const ADA: &str = "ada@acme.example";

/// Everything that somebody may still have.
struct Old {
    access: String,
    refresh: String,
    /// Where Ada is signed in.
    browser: Browser,
    personal: String,
    invite: String,
    setup: String,
    directory: Pusher,
    /// Where Kim's record is.
    kim: String,
}

fn state() -> String {
    STATE.replacen("password: \"correct horse\", active: true", "password: \"correct horse\", active: true, admin: true", 1)
}

async fn acme(world: &World) -> Tenant {
    tenants::find_by_name(&world.app.db, "acme").await.unwrap().unwrap()
}

async fn ada(world: &World) -> String {
    let tenant = acme(world).await.id;
    users::find_by_email(&world.app.db, &tenant, &Email::parse(ADA).unwrap()).await.unwrap().unwrap().id
}

impl Old {
    async fn of(world: &World) -> Self {
        let (tenant, maker, now) = (acme(world).await, ada(world).await, world.clock.now());
        let mut browser = Browser::new();
        let answer = world.sign_in(&mut browser, &world.authorize_url("web", &[]), ADA, "correct horse").await;
        let tokens = world.redeem("web", &answer.query("code").expect("a code")).await.json();
        let personal = secret::token(personal_tokens::PREFIX);
        let row = PersonalToken {
            id: secret::row_id(now),
            user_id: maker.clone(),
            name: "laptop".to_owned(),
            fingerprint: personal_tokens::fingerprint(&world.app.sealer, &personal),
            scopes: ApiScopes::parse(["admin"]).unwrap(),
            expires_at: now + 86_400,
            last_used_at: None,
            created_at: now,
            made_with: None,
        };
        personal_tokens::insert(&world.app.db, &row).await.unwrap();
        let invite = invites::desk(&world.app).invite(&tenant, &invites::wanted("grace@acme.example")).await.unwrap();
        let new = setup_links::New {
            tenant: &tenant,
            connection: "okta",
            connection_id: None,
            with_directory: true,
            with_domain: true,
            maker_id: &maker,
            made_with: None,
            ends_at: None,
            expires_at: now + 86_400,
        };
        let mut tx = world.app.db.begin().await.unwrap();
        let (_, link) = setup_links::make(&mut tx, &world.app.sealer, &actor(), &new, now).await.unwrap();
        tx.commit().await.unwrap();
        let directory = pusher(world, "acme", "people", DirectorySettings::default(), None).await;
        let kim = at(&directory.user("kim@acme.example").await);
        Self {
            access: text(&tokens, "access_token").to_owned(),
            refresh: text(&tokens, "refresh_token").to_owned(),
            browser,
            personal,
            invite: invite.link.unwrap(),
            setup: format!("{}/setup/{link}", world.url),
            directory,
            kim,
        }
    }

    /// What of it opens something: of the person, and of the tenant.
    async fn opens(&mut self, world: &World) -> [Vec<&'static str>; 2] {
        let called = async |path: &str, token: &str| {
            let bearer = format!("Bearer {token}");
            Browser::new().get_with(&format!("{}{path}", world.url), &[("authorization", &bearer)]).await.status == 200
        };
        // Of a tenant that is gone nobody can ask any more.
        let asked_about = async |token: &str| {
            let url = format!("{}/oauth2/introspect", world.url);
            let answer = Browser::new().post_as(&url, "web", Some("web-secret"), &[("token", token)]).await;
            answer.status == 200 && answer.json()["active"] == json!(true)
        };
        let account = self.browser.get(&format!("{}/account", world.url)).await;
        let account = self.browser.follow(account).await;
        let asks = json!([{"op": "replace", "path": "title", "value": "x"}]);
        let persons = [
            ("the access token", world.userinfo(&self.access).await.status == 200),
            ("the access token, to whoami", called("/api/v1/whoami", &self.access).await),
            ("the access token, asked about", asked_about(&self.access).await),
            ("the refresh token, asked about", asked_about(&self.refresh).await),
            ("the session", account.status == 200 && account.body.contains(ADA)),
            ("the personal token", called("/api/v1/personal_tokens", &self.personal).await),
            ("the set-up link of theirs", Browser::new().get(&self.setup).await.status == 303),
        ];
        let tenants = [
            ("the invite", Browser::new().get(&self.invite).await.status == 200),
            ("the directory's token", self.directory.get("/Users").await.status == 200),
            ("the SCIM id", self.directory.get(&self.kim).await.status == 200),
            ("the SCIM id, to change", self.directory.patch(&self.kim, asks).await.status == 200),
        ];
        let open = |all: &[(&'static str, bool)]| all.iter().filter(|(_, opens)| *opens).map(|(what, _)| *what).collect();
        [open(&persons), open(&tenants)]
    }
}

async fn a_tenant_of_the_same_name_is_another(backend: Backend) {
    let world = World::with(backend, &state(), &[scim::FAST]).await;
    let mut old = Old::of(&world).await;
    assert_eq!(old.opens(&world).await.map(|open| open.len()), [7, 4], "all of it, before");
    let before = acme(&world).await;
    assert!(tenants::delete(&world.app.db, &before.id).await.unwrap());
    assert_eq!(old.opens(&world).await, [vec![""; 0], vec![]], "gone");
    world.apply(&state()).await;
    assert_ne!(acme(&world).await.id, before.id);
    // The same directory, as far as names go, with the same people in it.
    let directory = pusher(&world, "acme", "people", DirectorySettings::default(), None).await;
    let kim = directory.user("kim@acme.example").await;
    assert_ne!(at(&kim), old.kim);
    assert_eq!(old.opens(&world).await, [vec![""; 0], vec![]], "and made anew");
    assert_eq!(world.refresh("web", &old.refresh).await.status, 400);
    for (path, status) in [(old.kim.as_str(), 404), (&at(&kim), 200)] {
        assert_eq!(directory.get(path).await.status, status, "{path}");
    }
    // Honestly: the new one works.
    assert_eq!(text(&world.tokens("web").await, "token_type"), "Bearer");
}

async fn a_user_of_the_same_address_is_another(backend: Backend) {
    let world = World::with(backend, &state(), &[scim::FAST]).await;
    let mut old = Old::of(&world).await;
    assert_eq!(old.opens(&world).await.map(|open| open.len()), [7, 4], "all of it, before");
    let before = ada(&world).await;
    world.remove(&before).await;
    assert_eq!(old.opens(&world).await[0], [""; 0], "gone");
    world.apply(&state()).await;
    assert_ne!(ada(&world).await, before);
    assert_eq!(old.opens(&world).await[0], [""; 0], "and made anew");
    assert_eq!(world.refresh("web", &old.refresh).await.status, 400);
    // The same of one whom a directory has made.
    assert_eq!(old.directory.delete(&old.kim).await.status, 204);
    let kim = old.directory.made("/Users", &person("kim@acme.example")).await;
    assert_ne!(at(&kim), old.kim);
    assert_eq!(old.opens(&world).await[1], ["the invite", "the directory's token"]);
    assert_eq!(old.directory.get(&at(&kim)).await.status, 200);
}
