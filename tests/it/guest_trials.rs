//! Test sign-ins by guests of set-up links: of the link's connection alone, told to that link alone, and nothing of who is here.

use gatehouse::{
    apply::single::Noun,
    store::{audit, connections, trials},
    trial,
};
use url::Url;

use crate::{
    browser::{Answer, Browser},
    idp::change,
    on_both,
    setup_links::{Bench, LINKS},
    world::Backend,
};

on_both!(
    a_guest_tests_and_sees_the_tick,
    a_guest_learns_nothing_of_who_is_here,
    a_test_belongs_to_its_link_and_browser,
    a_link_that_ends_takes_its_tests_along,
    tests_of_guests_are_limited,
    tests_of_operators_are_limited,
);

const TICK: &str = "A test sign-in has passed, with the settings as they are";

async fn begin(bench: &Bench, guest: &mut Browser) -> Answer {
    let form = guest.get(&bench.at("/setup/test")).await;
    assert_eq!(form.status, 200, "{}", form.body);
    guest.post(&bench.at("/setup/test"), &[("csrf", &form.csrf())]).await
}

/// The person signs in at the provider: the callback's address.
async fn back(bench: &Bench, departure: &Answer) -> String {
    let to = departure.location().unwrap_or_else(|| panic!("{} {}", departure.status, departure.body));
    assert!(to.starts_with(bench.idp.issuer()), "{to}");
    bench.idp.visit(&Url::parse(to).unwrap()).await.0.into()
}

/// The whole way; the page that tells of it.
async fn run(bench: &Bench, guest: &mut Browser) -> Answer {
    let departure = begin(bench, guest).await;
    let answer = guest.get(&back(bench, &departure).await).await;
    assert_eq!((answer.status, answer.location()), (302, Some("/setup/test")), "{}", answer.body);
    guest.get(&bench.at("/setup/test")).await
}

async fn filled(bench: &Bench, connection: &str) -> Browser {
    let mut guest = bench.follow(&bench.link(connection, &[]).await).await;
    bench.save(&mut guest).await;
    guest
}

async fn a_guest_tests_and_sees_the_tick(backend: Backend) {
    let bench = Bench::new(backend).await;
    let mut guest = bench.follow(&bench.link("corp", &[]).await).await;
    for answer in [guest.get(&bench.at("/setup/test")).await, bench.send(&mut guest, "/setup/test", &[]).await] {
        assert!(answer.status == 404 && answer.body.contains("not filled in yet"), "{} {}", answer.status, answer.body);
    }
    bench.save(&mut guest).await;
    assert!(!bench.ticked(&mut guest, TICK).await);
    let users = bench.app.db.all::<(i64,)>("SELECT COUNT(*) FROM users", &[]).await.unwrap();
    let page = run(&bench, &mut guest).await;
    for words in [">Passed<", "What each mapping gave", "unique_id_claim", "What the provider sent"] {
        assert!(page.body.contains(words), "{words}: {}", page.body);
    }
    assert!(page.header("content-security-policy").unwrap().contains("form-action 'self' http: https:"));
    assert!(bench.ticked(&mut guest, TICK).await);
    assert_eq!(bench.app.db.all::<(i64,)>("SELECT COUNT(*) FROM users", &[]).await.unwrap(), users, "nobody came to be");
    assert!(!guest.cookies["localhost"].contains_key("__Host-gatehouse"), "nobody is signed in");
    let log = audit::page(&bench.app.db, &audit::Filter::default(), None, 2).await.unwrap();
    for (entry, result) in log.iter().zip(["passed", "begun"]) {
        assert_eq!((entry.action.as_str(), entry.subject.as_str()), ("test", "connection acme/corp"));
        assert!(entry.actor.starts_with("set-up link corp by ") && entry.changes.to_string().contains(result), "{entry:?}");
    }

    // It proves nothing to operators, who see it all the same.
    let connection = guest_connection(&bench).await;
    assert!(!trials::is_proven(&bench.app.db, &bench.app.sealer, &connection).await.unwrap());
    let mut ada = bench.ada().await;
    let page = ada.get(&bench.at("/admin/acme/connections/corp/test")).await;
    for words in ["by <bdi>a guest of the set-up link corp</bdi>", "No test has passed", "says nothing of users"] {
        assert!(page.body.contains(words), "{words}: {}", page.body);
    }
    // Other settings are not what was tested.
    let mut typed = bench.typed();
    typed.push(("oidc.scopes", "openid email profile"));
    assert_eq!(bench.send(&mut guest, "/setup", &typed).await.status, 303);
    assert!(!bench.ticked(&mut guest, TICK).await);
    assert!(guest.get(&bench.at("/setup/test")).await.body.contains("The settings have changed since"));
    // A day later the report is gone, and what passed has passed.
    run(&bench, &mut guest).await;
    bench.clock.advance(trials::KEPT);
    assert!(bench.ticked(&mut guest, TICK).await);
    assert!(!guest.get(&bench.at("/setup/test")).await.body.contains("Passed"));
}

async fn guest_connection(bench: &Bench) -> connections::Connection {
    connections::find_by_name(&bench.app.db, &bench.tenant("acme").await.id, "corp").await.unwrap().unwrap()
}

async fn a_guest_learns_nothing_of_who_is_here(backend: Backend) {
    let bench = Bench::new(backend).await;
    let mut guest = filled(&bench, "corp").await;
    // One address that a user has, one of somebody shut out, one that nobody has: what is told differs by the address alone.
    bench.sql("UPDATE users SET active = FALSE WHERE email = 'bob@acme.example'").await;
    let mut told = Vec::new();
    for name in ["ada", "bob", "zoe"] {
        bench.idp.person(|p| {
            p["sub"] = "idp|same".into();
            p["email"] = format!("{name}@acme.example").into();
            p["email_verified"] = true.into();
        });
        run(&bench, &mut guest).await;
        let report = of_guests(&bench).await;
        told.push(serde_json::to_string(&report).unwrap().replace(name, "NAME"));
    }
    assert!(told[0].contains("vouched") && told.iter().all(|one| *one == told[0]), "{told:#?}");
    // What is the provider's to mend is told.
    bench.idp.person(|p| {
        p.as_object_mut().unwrap().remove("email");
    });
    let page = run(&bench, &mut guest).await;
    assert!(page.body.contains(">Failed<"), "{}", page.body);
    // What an operator's test was told is not the guest's.
    let mut other = bench.follow(&bench.link("corp", &[]).await).await;
    assert!(!other.get(&bench.at("/setup/test")).await.body.contains("idp|same"), "another link's is not told either");
    bench.idp.turn(|k| k.claims = change(|claims: &mut serde_json::Value| claims["name"] = "<script>x</script>".into()));
    let page = run(&bench, &mut guest).await;
    assert!(!page.body.contains("<script>x") && page.body.contains("script"), "inert: {}", page.body);
}

/// What is kept of the newest, without its documents, which hold times.
async fn of_guests(bench: &Bench) -> trial::Report {
    let told = trial::newest(&bench.app, &guest_connection(bench).await, "nobody").await.unwrap().unwrap();
    assert!(told.is_guests);
    trial::Report { documents: Vec::new(), ..told.report }
}

async fn a_test_belongs_to_its_link_and_browser(backend: Backend) {
    let bench = Bench::new(backend).await;
    let url = bench.link("corp", &[]).await;
    let mut guest = bench.follow(&url).await;
    bench.save(&mut guest).await;
    let callback = back(&bench, &begin(&bench, &mut guest).await).await;
    let mut same_link = bench.follow(&url).await;
    let mut other_link = bench.follow(&bench.link("corp", &[]).await).await;
    let mut ada = bench.ada().await;
    for browser in [&mut Browser::new(), &mut same_link, &mut other_link, &mut ada] {
        let answer = browser.get(&callback).await;
        assert_eq!((answer.status, answer.location()), (400, None), "{}", answer.body);
    }
    assert_eq!(guest.get(&callback).await.location(), Some("/setup/test"), "the honest twin");
    assert_eq!(guest.get(&callback).await.status, 400, "once");
    // No field of the form leads to another connection.
    let before = bench.stored(Noun::Connections, "okta").await;
    let fields = [("connection", "okta"), ("name", "okta"), ("tenant", "other")];
    let answer = bench.send(&mut guest, "/setup/test", &fields).await;
    assert!(answer.location().unwrap().starts_with(bench.idp.issuer()), "{:?}", answer.location());
    assert_eq!(bench.stored(Noun::Connections, "okta").await, before);
}

async fn a_link_that_ends_takes_its_tests_along(backend: Backend) {
    for end in ["revoked", "expired", "tenant disabled"] {
        let bench = Bench::new(backend).await;
        let mut guest = filled(&bench, "corp").await;
        run(&bench, &mut guest).await;
        let callback = back(&bench, &begin(&bench, &mut guest).await).await;
        match end {
            "revoked" => {
                let mut ada = bench.ada().await;
                let page = ada.get(&bench.at(LINKS)).await;
                let (_, rest) = page.body.split_once(&format!("href=\"{LINKS}/")).unwrap();
                let to = format!("{LINKS}/{}", rest.split_once('"').unwrap().0);
                assert_eq!(ada.post(&bench.at(&to), &[("csrf", &page.csrf())]).await.status, 303);
            }
            "expired" => drop(bench.sql("UPDATE setup_links SET expires_at = 1").await),
            _ => drop(bench.sql("UPDATE tenants SET enabled = FALSE WHERE name = 'acme'").await),
        }
        let at = guest_connection(&bench).await;
        let before = trial::newest(&bench.app, &at, "nobody").await.unwrap().map(|told| told.trial);
        let answer = guest.get(&callback).await;
        assert_eq!((answer.status, answer.location()), (400, None), "{end}: {}", answer.body);
        assert_eq!(guest.get(&bench.at("/setup/test")).await.status, 404, "{end}");
        assert_eq!(trial::newest(&bench.app, &at, "nobody").await.unwrap().map(|told| told.trial), before, "{end}");
    }
}

async fn tests_of_guests_are_limited(backend: Backend) {
    let bench = Bench::new(backend).await;
    let mut guest = filled(&bench, "corp").await;
    let csrf = guest.get(&bench.at("/setup/test")).await.csrf();
    let mut begun = 0;
    loop {
        let answer = guest.post(&bench.at("/setup/test"), &[("csrf", &csrf)]).await;
        if answer.status == 429 {
            assert!(answer.body.contains("tested too often"), "{}", answer.body);
            break;
        }
        begun += 1;
        assert!(begun < 60, "there is no end of tests");
    }
    let waiting = bench.app.db.all::<(String,)>("SELECT state_hash FROM guest_departures", &[]).await.unwrap();
    assert_eq!(waiting.len(), usize::try_from(trials::MOST).unwrap(), "no more wait");
    bench.clock.advance(trials::KEPT);
    gatehouse::store::sweep::sweep(&bench.app.db, &bench.app.sealer, 1 << 40, bench.clock.now()).await.unwrap();
    assert!(bench.app.db.all::<(String,)>("SELECT state_hash FROM guest_departures", &[]).await.unwrap().is_empty());
}

/// Each asks the provider for its document, and leaves rows.
async fn tests_of_operators_are_limited(backend: Backend) {
    let bench = Bench::new(backend).await;
    filled(&bench, "corp").await;
    let (mut ada, page) = (bench.ada().await, bench.at("/admin/acme/connections/corp/test"));
    let csrf = ada.get(&page).await.csrf();
    let mut begun = 0;
    let refused = loop {
        let answer = ada.post(&page, &[("csrf", &csrf)]).await;
        if answer.status == 429 {
            break answer;
        }
        assert_eq!(answer.status, 303, "{}", answer.body);
        begun += 1;
        assert!(begun < 300, "there is no end of tests");
    };
    assert!(begun >= 30 && refused.body.contains("tested too often"), "{begun}: {}", refused.body);
    assert_eq!(ada.get(&page).await.status, 200);
}
