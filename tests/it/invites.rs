//! Invites, from the link to the account: what opens them, and all that does not.

use gatehouse::{
    app::App,
    invitation::{self, Desk, InviteError, Wanted},
    params,
    policy::email::Email,
    store::{invites, teams, tenants, users},
};

use crate::{
    browser::{Answer, Browser},
    on_both,
    sso::Sso,
    world::Backend,
};

on_both!(
    by_single_sign_on,
    by_a_password,
    a_look_changes_nothing,
    it_is_for_one_address,
    it_works_once,
    many_at_once_make_one,
    revoked_expired_or_sent_again,
    what_is_taken_back_under_way,
    a_team_of_a_group_takes_nobody_by_invite,
);

pub fn desk(app: &App) -> Desk<'_> {
    Desk::new(&app.db, &app.sealer, &app.settings, gatehouse::store::audit::Actor::command_line(), app.issuer(), app.clock.now())
}

pub fn wanted(email: &str) -> Wanted<'_> {
    Wanted { email, name: None, teams: &[], by: "Ada Lovelace", lifetime: invitation::LIFETIME }
}

pub const PASSWORD: &str = "correct horse battery";
pub const ALL: &str = "  password_login: true\n  teams:\n  - {name: sre}";

pub struct World {
    pub sso: Sso,
}

impl std::ops::Deref for World {
    type Target = Sso;

    fn deref(&self) -> &Sso {
        &self.sso
    }
}

impl World {
    pub async fn new(backend: Backend) -> Self {
        Self { sso: Sso::with(backend, "invite", "verified", ALL).await }
    }

    pub async fn tenant(&self) -> tenants::Tenant {
        tenants::find_by_name(&self.app.db, "acme").await.unwrap().unwrap()
    }

    /// Invites, as if the link had gone by mail: its address.
    pub async fn invite(&self, email: &str) -> String {
        let made = desk(&self.app).invite(&self.tenant().await, &wanted(email)).await.unwrap();
        self.app.db.execute("UPDATE invites SET mailed = TRUE WHERE id = $1", params![&made.invite.id]).await.unwrap();
        made.link.unwrap()
    }

    pub async fn last(&self, email: &str) -> invites::Invite {
        let id = self.tenant().await.id;
        invites::by_email(&self.app.db, &id, &Email::parse(email).unwrap()).await.unwrap().unwrap()
    }

    pub async fn user(&self, email: &str) -> Option<users::User> {
        let id = self.tenant().await.id;
        users::find_by_email(&self.app.db, &id, &Email::parse(email).unwrap()).await.unwrap()
    }

    pub async fn people(&self) -> usize {
        users::of_tenant(&self.app.db, &self.tenant().await.id).await.unwrap().len()
    }

    /// From the link's page over the provider to where that ends.
    pub async fn over_sso(&self, browser: &mut Browser, link: &str) -> Answer {
        let back = self.to_provider(browser, link).await;
        let answer = browser.get(&back).await;
        browser.follow(answer).await
    }

    pub async fn to_provider(&self, browser: &mut Browser, link: &str) -> String {
        let page = browser.get(link).await;
        assert_eq!(page.status, 200, "{}", page.body);
        let departure = browser.post(link, &[("csrf", &page.csrf()), ("connection", "okta")]).await;
        self.back(&departure).await
    }

    pub async fn with_password(&self, browser: &mut Browser, link: &str, password: &str) -> Answer {
        let page = browser.get(link).await;
        assert_eq!(page.status, 200, "{}", page.body);
        let answer = browser.post(link, &[("csrf", &page.csrf()), ("name", "Grace Hopper"), ("password", password)]).await;
        browser.follow(answer).await
    }
}

pub fn is_account(world: &World, answer: &Answer, email: &str) -> bool {
    answer.url == format!("{}/account", world.url) && answer.status == 200 && answer.body.contains(email)
}

pub fn refused(answer: &Answer, status: u16, words: &str) {
    assert_eq!((answer.status, answer.location()), (status, None), "{words}: {}", answer.body);
    assert!(answer.body.contains(words), "{words}: {}", answer.body);
}

async fn by_single_sign_on(backend: Backend) {
    let world = World::new(backend).await;
    let tenant = world.tenant().await;
    let wanted = Wanted { name: Some("Grace"), teams: &["sre".to_owned()], ..wanted("Grace@Acme.Example") };
    let link = desk(&world.app).invite(&tenant, &wanted).await.unwrap().link.unwrap();
    let mut browser = Browser::new();
    let page = browser.get(&link).await;
    for words in ["Ada Lovelace", "Acme", "grace@acme.example", "Sign in with Okta", "Grace", "22 January 2027"] {
        assert!(page.body.contains(words), "{words}: {}", page.body);
    }
    let departure = browser.post(&link, &[("csrf", &page.csrf()), ("connection", "okta")]).await;
    assert_eq!(departure.query("login_hint").as_deref(), Some("grace@acme.example"));
    world.person("idp|grace", "grace@acme.example");
    let back = world.back(&departure).await;
    let answer = browser.get(&back).await;
    let answer = browser.follow(answer).await;
    assert!(is_account(&world, &answer, "grace@acme.example"), "{} {}", answer.url, answer.body);
    let grace = world.user("grace@acme.example").await.unwrap();
    assert!(grace.email_proven && grace.active && !grace.admin && grace.password_hash.is_none());
    let invite = world.last("grace@acme.example").await;
    assert_eq!(invite.accepted_by.as_ref(), Some(&grace.id));
    let of = teams::of_user(&world.app.db, &grace.id).await.unwrap();
    assert_eq!(of.iter().map(|team| team.name.as_str()).collect::<Vec<_>>(), ["sre"]);
    // From now on she signs in like everybody.
    assert!(world.fresh().await.query("code").is_some());
    let again = browser.get(&back).await;
    assert_eq!(again.status, 400, "a callback is good once");
}

async fn by_a_password(backend: Backend) {
    let world = World::new(backend).await;
    let link = world.invite("grace@elsewhere.example").await;
    let mut browser = Browser::new();
    for (password, words) in [("short", "too short"), ("grace@elsewhere.example", "easy to guess"), ("", "too short")] {
        let answer = world.with_password(&mut browser, &link, password).await;
        assert!(answer.status == 422 && answer.body.contains(words), "{password}: {}", answer.body);
        assert!(!answer.body.contains("value=\"short\""), "no password comes back");
    }
    assert_eq!(world.people().await, 0);
    let answer = world.with_password(&mut browser, &link, PASSWORD).await;
    assert!(is_account(&world, &answer, "grace@elsewhere.example"), "{} {}", answer.url, answer.body);
    let grace = world.user("grace@elsewhere.example").await.unwrap();
    assert!(grace.email_proven && grace.name.as_deref() == Some("Grace Hopper"), "{grace:?}");
    refused(&Browser::new().get(&link).await, 410, "has been used");
    let url = world.authorize_url("web", &[]);
    let answer = world.world.sign_in(&mut Browser::new(), &url, "grace@elsewhere.example", PASSWORD).await;
    assert!(answer.query("code").is_some(), "{}", answer.body);
}

async fn a_look_changes_nothing(backend: Backend) {
    let world = World::new(backend).await;
    let link = world.invite("grace@acme.example").await;
    let before = world.last("grace@acme.example").await;
    for _ in 0..5 {
        assert_eq!(Browser::new().get(&link).await.status, 200);
        Browser::new().send(reqwest::Method::HEAD, &link, &[], None).await;
    }
    assert_eq!(world.last("grace@acme.example").await, before);
    let rows: Option<(i64,)> = world.app.db.optional("SELECT COUNT(*) FROM logins", &[]).await.unwrap();
    assert_eq!(rows, Some((0,)), "not even a login is begun");
    // A form of somebody else's, or of another browser's page.
    let page = Browser::new().get(&link).await;
    for csrf in ["", "guessed", &page.csrf()] {
        let answer = Browser::new().post(&link, &[("csrf", csrf), ("connection", "okta")]).await;
        assert_eq!((answer.status, answer.location()), (403, None), "{csrf}");
        let answer = Browser::new().post(&link, &[("csrf", csrf), ("password", PASSWORD)]).await;
        assert_eq!(answer.status, 403, "{csrf}");
    }
    assert_eq!(world.people().await, 0);
}

async fn it_is_for_one_address(backend: Backend) {
    let world = World::new(backend).await;
    let link = world.invite("grace@acme.example").await;
    world.person("idp|eve", "eve@acme.example");
    let mut browser = Browser::new();
    let answer = world.over_sso(&mut browser, &link).await;
    refused(&answer, 403, "You signed in as eve@acme.example, but the invite is for grace@acme.example.");
    assert_eq!(world.people().await, 0);
    assert!(!browser.cookies["localhost"].contains_key("__Host-gatehouse"), "nobody is signed in");
    // Somebody who has an account: neither signed in by it, nor given the teams of the other.
    let own = world.invite("eve@acme.example").await;
    assert!(is_account(&world, &world.over_sso(&mut Browser::new(), &own).await, "eve@acme.example"));
    refused(&world.over_sso(&mut Browser::new(), &link).await, 403, "You signed in as eve@acme.example");
    // Spellings that are not the address.
    for email in ["grace@acme.example.evil.example", "grace+x@acme.example", "grасe@acme.example"] {
        world.person(&format!("idp|{email}"), email);
        assert_eq!(world.over_sso(&mut Browser::new(), &link).await.status, 403, "{email}");
    }
    // Her own provider's account, later: by the way back that the page offers, and however it is spelt.
    world.person("idp|grace", "GRACE@acme.example");
    let page = world.over_sso(&mut Browser::new(), &link).await;
    assert!(is_account(&world, &page, "grace@acme.example"), "{}", page.body);
    assert_eq!(world.people().await, 2);
    // Whoever is not invited gets nothing from the fact that others are.
    world.invite("linus@acme.example").await;
    world.person("idp|mallory", "mallory@acme.example");
    refused(&world.fresh().await, 403, "You have not been invited");
    world.person("idp|linus", "linus@acme.example");
    world.idp.person(|p| p["email_verified"] = false.into());
    refused(&world.fresh().await, 403, "is not confirmed");
}

async fn it_works_once(backend: Backend) {
    let world = World::new(backend).await;
    let link = world.invite("grace@acme.example").await;
    world.person("idp|grace", "grace@acme.example");
    // Two tabs, both under way; the same person comes through both.
    let mut browser = Browser::new();
    let first = world.to_provider(&mut browser, &link).await;
    let second = world.to_provider(&mut browser, &link).await;
    let mut thief = Browser::new();
    let third = world.to_provider(&mut thief, &link).await;
    let answer = browser.get(&first).await;
    assert!(is_account(&world, &browser.follow(answer).await, "grace@acme.example"));
    let answer = browser.get(&second).await;
    assert!(is_account(&world, &browser.follow(answer).await, "grace@acme.example"), "it is her");
    // Another person with the same address at the provider, who left before it was used.
    world.person("idp|thief", "grace@acme.example");
    refused(&thief.get(&third).await, 410, "has been used");
    let mut late = Browser::new();
    refused(&late.get(&link).await, 410, "has been used");
    let answer = late.post(&link, &[("csrf", "x"), ("password", PASSWORD)]).await;
    assert_eq!(answer.status, 403);
    assert_eq!(world.people().await, 1);
}

async fn many_at_once_make_one(backend: Backend) {
    let world = World::new(backend).await;
    let link = world.invite("grace@acme.example").await;
    let mut begun = Vec::new();
    world.person("idp|grace", "grace@acme.example");
    for _ in 0..6 {
        let mut browser = Browser::new();
        begun.push((world.to_provider(&mut browser, &link).await, browser));
    }
    let mut tries = Vec::new();
    for _ in 0..4 {
        let mut browser = Browser::new();
        let page = browser.get(&link).await;
        assert_eq!(page.status, 200);
        tries.push((page.csrf(), browser));
    }
    let over_sso = futures_util::future::join_all(begun.into_iter().map(async |(back, mut browser): (String, Browser)| {
        let answer = browser.get(&back).await;
        browser.follow(answer).await
    }));
    let by_password = futures_util::future::join_all(tries.into_iter().map(async |(csrf, mut browser): (String, Browser)| {
        let answer = browser.post(&link, &[("csrf", &csrf), ("password", PASSWORD)]).await;
        browser.follow(answer).await
    }));
    let (one, two) = tokio::join!(over_sso, by_password);
    let all: Vec<Answer> = one.into_iter().chain(two).collect();
    let inside = |some: &[Answer]| some.iter().filter(|answer| is_account(&world, answer, "grace@acme.example")).count();
    let words: Vec<_> = all.iter().map(|a| (a.status, a.url.clone())).collect();
    // The provider says of all six that they are one person: if she won, she won in each of her browsers.
    assert!(matches!((inside(&all[..6]), inside(&all[6..])), (6, 0) | (0, 1)), "{words:?}");
    assert_eq!(world.people().await, 1, "{words:?}");
    assert!(all.iter().all(|answer| answer.status < 500), "{words:?}");
    let grace = world.user("grace@acme.example").await.unwrap();
    assert_eq!(world.last("grace@acme.example").await.accepted_by, Some(grace.id));
}

async fn revoked_expired_or_sent_again(backend: Backend) {
    let world = World::new(backend).await;
    let tenant = world.tenant().await;
    let old = world.invite("grace@acme.example").await;
    let invite = world.last("grace@acme.example").await;
    let again = desk(&world.app).resend(&tenant, &invite.id, invitation::LIFETIME).await.unwrap();
    refused(&Browser::new().get(&old).await, 404, "leads nowhere");
    let link = again.link.unwrap();
    assert_eq!((Browser::new().get(&link).await.status, again.invite.sent), (200, 2));

    world.clock.advance(invitation::LIFETIME);
    refused(&Browser::new().get(&link).await, 410, "has expired");
    world.person("idp|grace", "grace@acme.example");
    refused(&world.fresh().await, 403, "You have not been invited");
    // What has expired can be sent again, or made anew.
    let again = desk(&world.app).resend(&tenant, &invite.id, 3600).await.unwrap();
    assert_eq!(Browser::new().get(&again.link.unwrap()).await.status, 200);
    world.clock.advance(3600);
    let link = world.invite("grace@acme.example").await;
    let invite = world.last("grace@acme.example").await;
    assert!(matches!(desk(&world.app).invite(&tenant, &wanted("GRACE@acme.example")).await, Err(InviteError::IsInvited(_))));

    desk(&world.app).revoke(&tenant, &invite.id).await.unwrap();
    refused(&Browser::new().get(&link).await, 410, "was taken back");
    refused(&world.fresh().await, 403, "You have not been invited");
    assert!(matches!(desk(&world.app).revoke(&tenant, &invite.id).await, Err(InviteError::Over(_))));
    assert!(matches!(desk(&world.app).resend(&tenant, &invite.id, 3600).await, Err(InviteError::Over(_))));
    for unknown in [format!("{link}x"), link[..link.len() - 1].to_owned(), format!("{}/login/invite/x", world.url)] {
        refused(&Browser::new().get(&unknown).await, 404, "leads nowhere");
    }
    // Another tenant's administrators have no hand in it.
    let link = world.invite("grace@acme.example").await;
    let invite = world.last("grace@acme.example").await;
    let other = tenants::Tenant { id: "other".into(), ..tenant };
    assert!(matches!(desk(&world.app).revoke(&other, &invite.id).await, Err(InviteError::Unknown)));
    assert!(matches!(desk(&world.app).resend(&other, &invite.id, 3600).await, Err(InviteError::Unknown)));
    assert_eq!(Browser::new().get(&link).await.status, 200);
}

async fn what_is_taken_back_under_way(backend: Backend) {
    let world = World::new(backend).await;
    let tenant = world.tenant().await;
    world.person("idp|grace", "grace@acme.example");
    for (how, status, words) in
        [("revoke", 410, "was taken back"), ("resend", 404, "leads nowhere"), ("wait", 410, "has expired")]
    {
        let link = world.invite("grace@acme.example").await;
        let invite = world.last("grace@acme.example").await;
        if how == "wait" {
            world.clock.advance(invitation::LIFETIME - 60);
        }
        let mut browser = Browser::new();
        let back = world.to_provider(&mut browser, &link).await;
        match how {
            "revoke" => desk(&world.app).revoke(&tenant, &invite.id).await.unwrap(),
            "resend" => drop(desk(&world.app).resend(&tenant, &invite.id, 3600).await.unwrap()),
            _ => world.clock.advance(60),
        }
        refused(&browser.get(&back).await, status, words);
        assert_eq!(world.people().await, 0, "{how}");
        if how == "resend" {
            desk(&world.app).revoke(&tenant, &invite.id).await.unwrap();
        }
    }
}

/// Whoever can name groups at the source says who belongs to it, and nobody else does.
async fn a_team_of_a_group_takes_nobody_by_invite(backend: Backend) {
    let world = World::new(backend).await;
    let tenant = world.tenant().await;
    let link = desk(&world.app)
        .invite(&tenant, &Wanted { teams: &["sre".to_owned()], ..wanted("grace@acme.example") })
        .await
        .unwrap()
        .link
        .unwrap();
    for sql in [
        "INSERT INTO directories (id, tenant_id, name, enabled, settings, created_at) \
         SELECT 'd', id, 'd', TRUE, '{}', 1 FROM tenants WHERE name = 'acme'",
        "INSERT INTO directory_groups (id, directory_id, display_name, resource, version, created_at, updated_at) \
         VALUES ('g', 'd', 'sre', '{}', 1, 1, 1)",
        "UPDATE teams SET group_id = 'g' WHERE name = 'sre'",
    ] {
        assert_eq!(world.app.db.execute(sql, &[]).await.unwrap(), 1, "{sql}");
    }
    let teams = ["sre".to_owned()];
    let refused = desk(&world.app).invite(&tenant, &Wanted { teams: &teams, ..wanted("linus@acme.example") }).await.unwrap_err();
    assert!(matches!(&refused, InviteError::Group(name) if name == "sre"), "{refused}");
    assert!(refused.to_string().contains("add the group rule {group: \"sre\", team: \"sre\"}"), "{refused}");
    // One that was made before the team was the group's brings nobody in.
    let mut browser = Browser::new();
    let page = browser.get(&link).await;
    world.person("idp|grace", "grace@acme.example");
    let departure = browser.post(&link, &[("csrf", &page.csrf()), ("connection", "okta")]).await;
    let back = world.back(&departure).await;
    let answer = browser.get(&back).await;
    browser.follow(answer).await;
    let grace = world.last("grace@acme.example").await.accepted_by.expect("she has come");
    let theirs = "SELECT COUNT(*) FROM team_members WHERE user_id = $1";
    assert_eq!(world.app.db.all::<(i64,)>(theirs, params![&grace]).await.unwrap(), [(0,)]);
}
