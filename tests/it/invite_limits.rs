//! What no invite gives: users who are there, mailboxes that nobody has shown, what a tenant has switched off, and links to
//! those who only look.

use gatehouse::{
    invitation::{self, InviteError, Wanted},
    password::{PasswordError, Passwords},
    policy::{email::Email, provisioning::named},
    store::{identities, invites, tenants, users},
};

use crate::{
    browser::Browser,
    invites::{ALL, PASSWORD, World, desk, is_account, refused, wanted},
    on_both,
    sso::{Log, Sso, state},
    world::Backend,
};

on_both!(
    of_all_who_use_it_up_one_does,
    nobody_who_is_there_is_invited,
    nobodys_mailbox_is_filled,
    a_tenant_makes_so_many_links_a_day,
    nobody_who_is_there_is_handed_over,
    a_link_that_was_shown_proves_no_mailbox,
    the_tenants_switches_hold,
    links_leak_nowhere,
    too_many_are_told_to_wait,
    whoever_is_told_to_wait_costs_no_hash,
);

async fn nobody_who_is_there_is_invited(backend: Backend) {
    let world = World::new(backend).await;
    world
        .apply(&state(
            &world.idp,
            "invite",
            "verified",
            "  users:\n  - {email: ada@acme.example}\n  - {email: eve@acme.example, active: false}",
        ))
        .await;
    let refusal =
        async |wanted: Wanted<'_>| desk(&world.app).invite(&world.tenant().await, &wanted).await.unwrap_err().to_string();
    assert!(refusal(wanted("Ada@acme.example")).await.contains("is a user of this tenant already"));
    let words = refusal(wanted("eve@acme.example")).await;
    assert!(words.contains("deactivated") && words.contains("activate the user instead"), "{words}");
    assert!(refusal(wanted("no address")).await.contains("not a plain e-mail address"));
    assert!(refusal(Wanted { teams: &["sres".to_owned()], ..wanted("x@acme.example") }).await.contains("did you mean sre?"));
    assert!(refusal(Wanted { lifetime: 100 * 86_400, ..wanted("x@acme.example") }).await.contains("at most 90 days"));
    let made = desk(&world.app).invite(&world.tenant().await, &wanted("y@acme.example")).await.unwrap();
    assert!(desk(&world.app).resend(&world.tenant().await, &made.invite.id, 3600).await.is_ok());
    world.apply(&state(&world.idp, "scim", "verified", "")).await;
    assert!(refusal(wanted("x@acme.example")).await.contains("directory"));
    let again = desk(&world.app).resend(&world.tenant().await, &made.invite.id, 3600).await.unwrap_err().to_string();
    assert!(again.contains("directory"), "a link that could only be refused: {again}");
}

/// Not by sending again, and not by revoking and inviting anew.
async fn nobodys_mailbox_is_filled(backend: Backend) {
    let world = World::new(backend).await;
    let tenant = world.tenant().await;
    let invite = async |email: &str| desk(&world.app).invite(&tenant, &wanted(email)).await.map(|made| made.invite.id);
    let mut id = invite("x@acme.example").await.unwrap();
    for round in 1..invitation::MOST_LINKS {
        if round % 2 == 0 {
            desk(&world.app).resend(&tenant, &id, 3600).await.unwrap();
        } else {
            desk(&world.app).revoke(&tenant, &id).await.unwrap();
            id = invite(&format!("x+{round}@acme.example")).await.unwrap();
        }
    }
    // What is refused counts for nothing.
    assert!(matches!(invite("X+9@acme.example").await, Err(InviteError::IsInvited(_))));
    world.clock.advance(3_000);
    let refused = desk(&world.app).resend(&tenant, &id, 3600).await.unwrap_err();
    assert!(matches!(refused, InviteError::TooOften(seconds) if seconds == invitation::PERIOD - 3_000), "{refused}");
    desk(&world.app).revoke(&tenant, &id).await.unwrap();
    let refused = invite("x@acme.example").await.unwrap_err().to_string();
    assert!(refused.contains("10 links were made for this address within 7 days") && refused.contains("6 days"), "{refused}");
    assert!(matches!(invite("X+more@acme.example").await, Err(InviteError::TooOften(_))), "it is one mailbox");
    // Others are invited as before, and so is the address in another tenant, and in this one a week later.
    invite("y@acme.example").await.unwrap();
    world.sql("INSERT INTO tenants (id, name, display_name, provisioning, enabled, password_login, created_at) VALUES ('t2', 't2', 'T2', 'invite', TRUE, FALSE, 0)").await;
    let other = tenants::find_by_name(&world.app.db, "t2").await.unwrap().unwrap();
    desk(&world.app).invite(&other, &wanted("x@acme.example")).await.unwrap();
    world.clock.advance(invitation::PERIOD - 3_000);
    invite("x@acme.example").await.unwrap();
}

async fn a_tenant_makes_so_many_links_a_day(backend: Backend) {
    let world = World::new(backend).await;
    let tenant = world.tenant().await;
    let invite = async |email: &str| desk(&world.app).invite(&tenant, &wanted(email)).await.map(drop);
    invite("one@acme.example").await.unwrap();
    // As many as may be, but for one.
    let sql = format!("UPDATE throttles SET count = {} WHERE count = 1", invitation::MOST_OF_TENANT - 1);
    let key = world.app.sealer.fingerprint("throttle/invites", &tenant.id);
    let sql = format!("{sql} AND key = '{key}'");
    assert_eq!(world.sql(sql.leak()).await, 1);
    invite("two@acme.example").await.unwrap();
    let refused = invite("three@acme.example").await.unwrap_err();
    assert!(matches!(refused, InviteError::TooMany(86_400)), "{refused}");
    assert!(refused.to_string().contains("2000 links were made for this tenant within a day"), "{refused}");
    world.sql("INSERT INTO tenants (id, name, display_name, provisioning, enabled, password_login, created_at) VALUES ('t2', 't2', 'T2', 'invite', TRUE, FALSE, 0)").await;
    let other = tenants::find_by_name(&world.app.db, "t2").await.unwrap().unwrap();
    desk(&world.app).invite(&other, &wanted("three@acme.example")).await.unwrap();
    world.clock.advance(86_400);
    invite("three@acme.example").await.unwrap();
}

async fn nobody_who_is_there_is_handed_over(backend: Backend) {
    let world = World::new(backend).await;
    let tenant = world.tenant().await;
    let link = world.invite("grace@acme.example").await;
    // She came to be by another way after she was invited, and was shut out.
    let user = gatehouse::login::link::new_user(&tenant.id, Email::parse("grace@acme.example").unwrap(), true, None, 0);
    assert!(users::insert(&world.app.db, &user, named()).await.unwrap());
    assert!(world.shut_out(&user.id).await.is_some());
    refused(&world.with_password(&mut Browser::new(), &link, PASSWORD).await, 403, "is deactivated");
    world.person("idp|grace", "grace@acme.example");
    refused(&world.over_sso(&mut Browser::new(), &link).await, 403, "is deactivated");
    assert!(!world.user("grace@acme.example").await.unwrap().active, "nobody is revived");
    assert!(world.last("grace@acme.example").await.accepted_at.is_none());
    world.open_again(&user.id).await;
    refused(&world.with_password(&mut Browser::new(), &link, PASSWORD).await, 403, "You have an account already");
    assert!(world.user("grace@acme.example").await.unwrap().password_hash.is_none());
    world.idp.person(|p| p["email_verified"] = false.into());
    refused(&world.over_sso(&mut Browser::new(), &link).await, 403, "is not confirmed");
    assert!(identities::groups(&world.app.db, &user.id, "x").await.unwrap().is_none());
    world.idp.person(|p| p["email_verified"] = true.into());
    assert!(is_account(&world, &world.over_sso(&mut Browser::new(), &link).await, "grace@acme.example"), "proven, it is hers");
}

async fn a_link_that_was_shown_proves_no_mailbox(backend: Backend) {
    let world = World::new(backend).await;
    for email in ["eve@elsewhere.example", "eve@acme.example"] {
        let link = desk(&world.app).invite(&world.tenant().await, &wanted(email)).await.unwrap().link.unwrap();
        world.with_password(&mut Browser::new(), &link, PASSWORD).await;
        assert!(!world.user(email).await.unwrap().email_proven, "{email}");
    }
    // By mail it does, also where the provider does not say so.
    world.idp.person(|p| p["email_verified"] = false.into());
    for (email, mailed) in [("zoe@elsewhere.example", true), ("pat@elsewhere.example", false)] {
        let link = world.invite(email).await;
        if !mailed {
            world.sql("UPDATE invites SET mailed = FALSE WHERE accepted_at IS NULL").await;
        }
        world.person(&format!("idp|{email}"), email);
        assert!(is_account(&world, &world.over_sso(&mut Browser::new(), &link).await, email), "{email}");
        assert_eq!(world.user(email).await.unwrap().email_proven, mailed, "{email}");
    }
}

async fn the_tenants_switches_hold(backend: Backend) {
    let world = World::new(backend).await;
    let link = world.invite("grace@acme.example").await;
    let mut browser = Browser::new();
    let page = browser.get(&link).await;
    world.person("idp|grace", "grace@acme.example");
    for (off, on) in [
        ("UPDATE tenants SET password_login = FALSE", "UPDATE tenants SET password_login = TRUE"),
        ("UPDATE tenants SET provisioning = 'scim'", "UPDATE tenants SET provisioning = 'invite'"),
        ("UPDATE tenants SET enabled = FALSE", "UPDATE tenants SET enabled = TRUE"),
    ] {
        world.sql(off).await;
        let answer = browser.post(&link, &[("csrf", &page.csrf()), ("password", PASSWORD)]).await;
        assert_eq!((answer.status, answer.location()), (403, None), "{off}: {}", answer.body);
        world.sql(on).await;
    }
    for (off, on) in [
        ("UPDATE connections SET login_enabled = FALSE", "UPDATE connections SET login_enabled = TRUE"),
        ("UPDATE tenants SET provisioning = 'scim'", "UPDATE tenants SET provisioning = 'invite'"),
        ("UPDATE tenants SET enabled = FALSE", "UPDATE tenants SET enabled = TRUE"),
    ] {
        let back = world.to_provider(&mut browser, &link).await;
        world.sql(off).await;
        let answer = browser.get(&back).await;
        assert_eq!((answer.status, answer.location()), (403, None), "{off}: {}", answer.body);
        world.sql(on).await;
    }
    assert_eq!(world.people().await, 0);
    // A login of an invite gives its browser nothing else: no code, no password of others.
    let departure = browser.post(&link, &[("csrf", &page.csrf()), ("connection", "okta")]).await;
    assert_eq!(departure.status, 303);
    assert!(is_account(&world, &world.over_sso(&mut browser, &link).await, "grace@acme.example"));
}

async fn links_leak_nowhere(backend: Backend) {
    let world = World::new(backend).await;
    let log = Log::capture();
    let link = world.invite("grace@acme.example").await;
    let token = link.rsplit('/').next().unwrap();
    let mut browser = Browser::new();
    let page = browser.get(&link).await;
    assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
    assert_eq!(page.header("cache-control"), Some("no-store"));
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("img-src 'self';") && policy.contains("default-src 'none'"), "{policy}");
    assert!(!page.body.contains("src=\"http"), "nothing comes from elsewhere: {}", page.body);
    let departure = browser.post(&link, &[("csrf", &page.csrf()), ("connection", "okta")]).await;
    assert!(!departure.location().unwrap().contains(token), "the provider does not learn it");
    world.person("idp|grace", "grace@acme.example");
    world.over_sso(&mut browser, &link).await;
    refused(&Browser::new().get(&link).await, 410, "has been used");
    assert_eq!(Browser::new().get(&format!("{link}/")).await.status, 404, "mistyped, it is a secret all the same");
    let text = log.text();
    // Of this program's own lines: the browser of the test writes here too.
    let leak = text.lines().find(|line| line.contains(token) && line.contains("gatehouse::"));
    assert_eq!(leak, None, "the log holds the link");
    for (table, column) in [("invites", "token_hash"), ("logins", "request"), ("deliveries", "payload_sealed")] {
        let sql: &'static str = match table {
            "invites" => "SELECT token_hash FROM invites",
            "logins" => "SELECT request FROM logins",
            _ => "SELECT payload_sealed FROM deliveries",
        };
        let rows: Vec<(String,)> = world.app.db.all(sql, &[]).await.unwrap();
        assert!(rows.iter().all(|(text,)| !text.contains(token)), "{table}.{column}");
    }
}

async fn too_many_are_told_to_wait(backend: Backend) {
    let sso = Sso::with(backend, "invite", "verified", ALL).await;
    let limited = sso.second_node_with(&[("SIGN_IN_RATE", "3")]).await;
    let tenant = tenants::find_by_name(&sso.app.db, "acme").await.unwrap().unwrap();
    let made = desk(&sso.app).invite(&tenant, &wanted("g@acme.example")).await.unwrap();
    let link = made.link.unwrap().replace(&sso.url, &limited.url);
    let log = Log::down_to(tracing::Level::INFO);
    let mut statuses = Vec::new();
    for _ in 0..6 {
        statuses.push(Browser::new().get(&link).await.status);
    }
    assert_eq!(statuses, [200, 200, 200, 429, 429, 429]);
    assert_eq!(log.text().matches("kind=\"too_many_sign_ins\"").count(), 1, "{}", log.text());
}

/// Keeps every place taken where passwords are hashed, until it is dropped.
struct Occupied(Vec<tokio::task::AbortHandle>);

impl Occupied {
    async fn hold(gate: &Passwords) -> Self {
        // Two at work and 32 who wait. Each takes its place again in the moment in which it gives it up.
        let again = |gate: Passwords| async move {
            loop {
                if gate.verify("x", None).await == Err(PasswordError::Busy) {
                    tokio::task::yield_now().await;
                }
            }
        };
        let held = Self((0..34).map(|_| tokio::spawn(again(gate.clone())).abort_handle()).collect());
        while gate.verify("x", None).await != Err(PasswordError::Busy) {
            tokio::task::yield_now().await;
        }
        held
    }
}

impl Drop for Occupied {
    fn drop(&mut self) {
        self.0.iter().for_each(tokio::task::AbortHandle::abort);
    }
}

/// A hash is dear: whoever has had their share is refused before there is one, so the refusal comes though none can be had.
async fn whoever_is_told_to_wait_costs_no_hash(backend: Backend) {
    let sso = Sso::with(backend, "invite", "verified", ALL).await;
    let limited = sso.second_node_with(&[("SIGN_IN_RATE", "2")]).await;
    let tenant = tenants::find_by_name(&sso.app.db, "acme").await.unwrap().unwrap();
    let ours = desk(&sso.app).invite(&tenant, &wanted("g@acme.example")).await.unwrap().link.unwrap();
    let theirs = ours.replace(&sso.url, &limited.url);
    let (mut honest, mut greedy) = (Browser::new(), Browser::new());
    let page = honest.get(&ours).await;
    greedy.get(&theirs).await;
    let last = greedy.get(&theirs).await;
    assert_eq!((page.status, last.status), (200, 200), "two may be begun");
    let choice = |csrf: &str| [("csrf", csrf.to_owned()), ("password", PASSWORD.to_owned())];
    let post = async |browser: &mut Browser, link: &str, csrf: &str| {
        let form = choice(csrf);
        browser.post(link, &form.each_ref().map(|(name, value)| (*name, value.as_str()))).await
    };
    let held = Occupied::hold(&limited.app.passwords).await;
    let answer = post(&mut greedy, &theirs, &last.csrf()).await;
    refused(&answer, 429, "wait a moment");
    drop(held);
    refused(&post(&mut greedy, &theirs, &last.csrf()).await, 429, "wait a moment");
    assert_eq!(users::of_tenant(&sso.app.db, &tenant.id).await.unwrap().len(), 0);
    // Whoever has not had it is told that it is busy, and may come again.
    let held = Occupied::hold(&sso.app.passwords).await;
    assert_eq!(post(&mut honest, &ours, &page.csrf()).await.status, 503);
    drop(held);
    assert_eq!(post(&mut honest, &ours, &page.csrf()).await.status, 303);
    assert_eq!(users::of_tenant(&sso.app.db, &tenant.id).await.unwrap().len(), 1);
}

/// Whoever has read it as open before it was used, revoked or over.
async fn of_all_who_use_it_up_one_does(backend: Backend) {
    let world = World::new(backend).await;
    let tenant = world.tenant().await;
    let user = async |email: &str| {
        let user = gatehouse::login::link::new_user(&tenant.id, Email::parse(email).unwrap(), true, None, 0);
        assert!(users::insert(&world.app.db, &user, named()).await.unwrap());
        user.id
    };
    let (one, two) = (user("one@acme.example").await, user("two@acme.example").await);
    let accept = async |id: &str, user: &str, now: i64| {
        let mut tx = world.app.db.begin().await.unwrap();
        let accepted = invites::accept(&mut tx, id, user, now).await.unwrap();
        tx.commit().await.unwrap();
        accepted
    };
    let now = world.clock.now();
    for how in ["use", "revoke", "wait"] {
        let invite = desk(&world.app).invite(&tenant, &wanted(&format!("{how}@acme.example"))).await.unwrap().invite;
        let (first, then) = match how {
            "use" => (accept(&invite.id, &one, now).await, now),
            "revoke" => {
                desk(&world.app).revoke(&tenant, &invite.id).await.unwrap();
                (true, now)
            }
            _ => (true, invite.expires_at),
        };
        assert!(first, "{how}");
        assert!(!accept(&invite.id, &two, then).await, "{how}");
        let row = invites::find(&world.app.db, &tenant.id, &invite.id).await.unwrap().unwrap();
        assert_eq!(row.accepted_by, (how == "use").then(|| one.clone()), "{how}");
    }
}
