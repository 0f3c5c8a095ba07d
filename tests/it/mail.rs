//! Invites by mail, to a relay that speaks SMTP: what it is told, what it must be before it is told anything, and what
//! becomes of a mail that it does not take.

use gatehouse::{
    clock::Clock,
    delivery::Worker,
    invitation::Wanted,
    params,
    store::{invites, tenants},
};

use crate::{
    browser::Browser,
    invites::{desk, wanted},
    on_both,
    relay::{Knobs, Relay},
    sso::Log,
    world::{Backend, START, World},
};

on_both!(
    a_mail_brings_the_link,
    no_word_without_tls_and_the_right_certificate,
    a_refused_mail_waits_or_is_given_up,
    one_tenants_trouble_is_its_own,
    what_is_dead_is_not_sent,
    hostile_names_stay_names,
);

const STATE: &str = "tenants:\n- {name: acme, display_name: \"Acme & Söhne\", provisioning: invite}";

async fn world(backend: Backend, smtp_url: &str) -> World {
    let settings = [("SMTP_URL", smtp_url), ("MAIL_FROM", "Acme sign-in <sso@acme.example>")];
    let world = World::bare(backend, Clock::manual(START), &settings).await;
    world.apply(STATE).await;
    world
}

async fn tenant(world: &World) -> tenants::Tenant {
    tenants::find_by_name(&world.app.db, "acme").await.unwrap().unwrap()
}

pub async fn send(world: &World) {
    Worker::new(world.app.clone()).round().await.unwrap();
}

async fn waiting(world: &World) -> i64 {
    let rows: Option<(i64,)> = world.app.db.optional("SELECT COUNT(*) FROM deliveries", params![]).await.unwrap();
    rows.unwrap().0
}

async fn a_mail_brings_the_link(backend: Backend) {
    let relay = Relay::start(Knobs { tls: true, login: Some(("gate@acme.example", "p:/+&")), ..Knobs::default() }).await;
    let url = relay.url("gate%40acme.example:p%3A%2F+%26@", &format!("ca={}", relay.ca.display()));
    let world = world(backend, &url).await;
    let wanted =
        Wanted { name: Some("Grace Hopper"), by: "Ada Lovelace (ada@acme.example)", ..wanted("grace@elsewhere.example") };
    let made = desk(&world.app).invite(&tenant(&world).await, &wanted).await.unwrap();
    assert!(made.link.is_none() && made.invite.mailed, "the link is in the mail and nowhere else");
    assert_eq!(waiting(&world).await, 1);
    send(&world).await;
    assert_eq!(waiting(&world).await, 0);
    let mails = relay.mails();
    let [mail] = mails.as_slice() else { panic!("{mails:?}") };
    assert!(mail.secret && mail.login.as_deref() == Some("gate@acme.example"), "{mail:?}");
    assert_eq!(
        (mail.from.as_str(), mail.to.as_slice()),
        ("FROM:<sso@acme.example>", &["TO:<grace@elsewhere.example>".to_owned()][..])
    );
    for words in [
        "From: \"Acme sign-in\" <sso@acme.example>",
        "To: grace@elsewhere.example",
        "Subject: Your invite to Acme & =?utf-8?b?U8O2aG5l?=",
        "Auto-Submitted: auto-generated",
        "multipart/alternative",
        "text/plain",
        "text/html",
    ] {
        assert!(mail.raw.contains(words), "{words}\n{}", mail.raw);
    }
    let invite = invites::find(&world.app.db, &made.invite.tenant_id, &made.invite.id).await.unwrap().unwrap();
    assert_eq!(invite.sent_at, Some(START));
    let page = Browser::new().get(&mail.link()).await;
    assert!(page.status == 200 && page.body.contains("grace@elsewhere.example"), "{}", page.body);
}

async fn no_word_without_tls_and_the_right_certificate(backend: Backend) {
    let relay = Relay::start(Knobs { login: Some(("u", "p")), ..Knobs::default() }).await;
    let other = Relay::start(Knobs::default()).await;
    for (tls, url) in [
        (false, relay.url("u:p@", &format!("ca={}", relay.ca.display()))),
        (true, relay.url("u:p@", &format!("ca={}", other.ca.display()))),
        (true, relay.url("u:wrong@", &format!("ca={}", relay.ca.display()))),
        (true, relay.url("u:p@", &format!("ca={}", relay.ca.display())).replace("localhost", "127.0.0.1")),
    ] {
        relay.turn(|k| k.tls = tls);
        let world = world(backend, &url).await;
        desk(&world.app).invite(&tenant(&world).await, &wanted("grace@acme.example")).await.unwrap();
        let log = Log::capture();
        send(&world).await;
        assert_eq!((waiting(&world).await, relay.mails().len()), (1, 0), "{url}: it waits");
        assert!(log.text().contains("the relay did not take the mail"), "{url}: {}", log.text());
    }
    // A relay of this machine may do without.
    relay.turn(|k| *k = Knobs::default());
    let world = world(backend, &relay.url("", "tls=none")).await;
    desk(&world.app).invite(&tenant(&world).await, &wanted("grace@acme.example")).await.unwrap();
    send(&world).await;
    assert!(!relay.mails()[0].secret);
}

async fn a_refused_mail_waits_or_is_given_up(backend: Backend) {
    let relay = Relay::start(Knobs { to: Some("450 later"), ..Knobs::default() }).await;
    let world = world(backend, &relay.url("", "tls=none")).await;
    let tenant = tenant(&world).await;
    desk(&world.app).invite(&tenant, &wanted("grace@acme.example")).await.unwrap();
    for _ in 0..5 {
        send(&world).await;
        assert_eq!((waiting(&world).await, relay.mails().len()), (1, 0));
        world.clock.advance(3600);
    }
    relay.turn(|k| k.to = None);
    send(&world).await;
    assert_eq!((waiting(&world).await, relay.mails().len()), (0, 1));

    relay.turn(|k| k.to = Some("550 nobody of that name"));
    let log = Log::capture();
    desk(&world.app).invite(&tenant, &wanted("nobody@acme.example")).await.unwrap();
    for _ in 0..5 {
        send(&world).await;
        world.clock.advance(3600);
    }
    assert_eq!((waiting(&world).await, relay.mails().len()), (0, 1));
    assert!(log.text().contains("a delivery is given up"), "{}", log.text());
}

/// Who pauses for a domain that takes nothing from them is the tenant that wrote to it, and nobody else.
async fn one_tenants_trouble_is_its_own(backend: Backend) {
    let relay = Relay::start(Knobs { to: Some("450 later"), of: "list", ..Knobs::default() }).await;
    let world = world(backend, &relay.url("", "tls=none")).await;
    world.apply(&format!("{STATE}\n- {{name: other, provisioning: invite}}")).await;
    let acme = tenant(&world).await;
    for list in ["list1@big.example", "list2@big.example", "ada@big.example"] {
        desk(&world.app).invite(&acme, &wanted(list)).await.unwrap();
        world.clock.advance(1);
    }
    let other = tenants::find_by_name(&world.app.db, "other").await.unwrap().unwrap();
    desk(&world.app).invite(&other, &wanted("grace@big.example")).await.unwrap();
    send(&world).await;
    let to: Vec<String> = relay.mails().into_iter().flat_map(|mail| mail.to).collect();
    assert_eq!((to.as_slice(), waiting(&world).await), (&["TO:<grace@big.example>".to_owned()][..], 3));
    // Acme's wait together, and go when their time has come.
    relay.turn(|k| k.to = None);
    world.clock.advance(3600);
    send(&world).await;
    assert_eq!((relay.mails().len(), waiting(&world).await), (4, 0));
}

async fn what_is_dead_is_not_sent(backend: Backend) {
    let relay = Relay::start(Knobs::default()).await;
    let world = world(backend, &relay.url("", "tls=none")).await;
    let tenant = tenant(&world).await;
    let made = desk(&world.app).invite(&tenant, &wanted("grace@acme.example")).await.unwrap();
    desk(&world.app).resend(&tenant, &made.invite.id, 3600).await.unwrap();
    let gone = desk(&world.app).invite(&tenant, &wanted("eve@acme.example")).await.unwrap();
    desk(&world.app).revoke(&tenant, &gone.invite.id).await.unwrap();
    send(&world).await;
    let mails = relay.mails();
    assert_eq!((waiting(&world).await, mails.len()), (0, 1), "the newest link alone: {mails:?}");
    assert_eq!(Browser::new().get(&mails[0].link()).await.status, 200);
}

/// `gatehouse check` with a relay: the exit code, and what it says, wherever.
async fn check(smtp_url: &str) -> (i32, String) {
    let dir = tempfile::tempdir().unwrap();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_gatehouse"));
    command.arg("check").current_dir(dir.path()).env_clear();
    command.env("GATEHOUSE_SMTP_URL", smtp_url).env("GATEHOUSE_MAIL_FROM", "sso@acme.example");
    // The guard that scripts/guards has switched off is off in the program too.
    command.envs(std::env::var_os("GUARD_OFF").map(|off| ("GUARD_OFF", off)));
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8(said).unwrap())
}

#[tokio::test]
async fn check_asks_the_relay_and_says_what_to_do() {
    let relay = Relay::start(Knobs { tls: true, login: Some(("u", "right")), ..Knobs::default() }).await;
    let other = Relay::start(Knobs::default()).await;
    let of = |login: &str, relay: &Relay, ca: &Relay| relay.url(login, &format!("ca={}", ca.ca.display()));
    let (code, said) = check(&of("u:right@", &relay, &relay)).await;
    assert!(code == 0 && said.contains("mail: the relay answers"), "{said}");
    assert!(relay.mails().is_empty(), "no mail is sent");

    let nobody = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let refused = format!("smtp://u:right@localhost:{nobody}");
    let busy = Relay::start(Knobs { greeting: Some("554 not from you"), ..Knobs::default() }).await;
    for (url, cause, fix) in [
        (of("u:wrong@", &relay, &relay), "does not take the user name and password", "percent-encoded"),
        (of("u:right@", &relay, &other), "does not speak TLS as it should", "?ca=FILE.pem"),
        (of("u:right@", &relay, &relay).replace("smtp:", "smtps:"), "does not speak TLS as it should", "smtp:// for STARTTLS"),
        (of("u:right@", &other, &other), "STARTTLS", "?tls=none"),
        (other.url("u:right@", "tls=none"), "cannot be used", "give none"),
        (refused, "cannot be reached", "host and port"),
        (busy.url("", "tls=none"), "does not want to speak with us", "554"),
    ] {
        let (code, said) = check(&url).await;
        let line = said.lines().find(|line| line.starts_with("smtp_url (GATEHOUSE_SMTP_URL): localhost:"));
        let line = line.unwrap_or_else(|| panic!("{url}: {said}"));
        assert!(code == 1 && line.contains(cause) && line.contains(fix), "{url}: {line}");
        assert!(!said.contains("right") && !said.contains("wrong"), "{said}");
    }
}

async fn hostile_names_stay_names(backend: Backend) {
    let relay = Relay::start(Knobs::default()).await;
    let world = world(backend, &relay.url("", "tls=none")).await;
    let hostile = "Eve\r\nBcc: all@acme.example\r\n.\r\nMAIL FROM:<eve@evil.example>\r\n";
    world.app.db.execute("UPDATE tenants SET display_name = $1", params![hostile]).await.unwrap();
    let wanted = Wanted { name: Some(hostile), by: hostile, ..wanted("grace@acme.example") };
    desk(&world.app).invite(&tenant(&world).await, &wanted).await.unwrap();
    send(&world).await;
    let mails = relay.mails();
    let [mail] = mails.as_slice() else { panic!("one mail: {mails:?}") };
    assert_eq!(mail.to, ["TO:<grace@acme.example>"]);
    let (head, _) = mail.raw.split_once("\r\n\r\n").unwrap();
    assert!(!head.lines().any(|line| line.starts_with("Bcc:") || line.starts_with("MAIL")), "{head}");
}
