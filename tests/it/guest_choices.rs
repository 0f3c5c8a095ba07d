//! What guests of set-up links decide, and what stays with the operator: who could come in as whom.

use axum::http::Method;
use gatehouse::apply::single::Noun;
use serde_json::{Value, json};

use crate::{
    browser::Browser,
    guests::{BOT, SIGNED_IN, api},
    idp::CLIENT_ID,
    on_both,
    setup_links::Bench,
    world::Backend,
};

on_both!(
    nobody_becomes_who_was_here_before,
    what_machines_are_known_by_is_the_operators,
    links_end_when_the_connection_goes_live,
    another_provider_is_trusted_no_further,
    what_guests_send_is_counted,
);

/// What leads to a provider of the guest's own, under the issuer that the connection has.
fn of_their_own(bench: &Bench) -> [(&'static str, &str); 8] {
    [
        ("preset", "custom_oidc"),
        ("protocol", "oidc"),
        ("oidc.client_id", CLIENT_ID),
        ("oidc.client_secret", "guests-own"),
        ("oidc.issuer", bench.idp.issuer()),
        ("oidc.authorization_endpoint", "https://guest.example/a"),
        ("oidc.token_endpoint", "https://guest.example/t"),
        ("oidc.jwks_uri", "https://guest.example/k"),
    ]
}

/// Whoever says where the keys of a connection are can sign in as anybody who ever came over it.
async fn nobody_becomes_who_was_here_before(backend: Backend) {
    let bench = Bench::new(backend).await;
    let mut guest = bench.follow(&bench.link("corp", &[("directory", "on")]).await).await;
    bench.save(&mut guest).await;
    let keys = of_their_own(&bench);
    assert_eq!(bench.send(&mut guest, "/setup", &keys).await.status, 303, "the honest twin: nobody has come over it");
    bench.sql(SIGNED_IN).await;
    let before = bench.stored(Noun::Connections, "corp").await.unwrap();
    for path in ["/setup", "/setup/check", "/setup/token"] {
        let answer = bench.send(&mut guest, path, &keys).await;
        assert_eq!(answer.status, 409, "{path}: {}", answer.body);
    }
    assert_eq!(bench.stored(Noun::Connections, "corp").await.unwrap(), before);
    assert!(bench.stored(Noun::Directories, "corp").await.is_none());
    for directory in [false, true] {
        let wish = json!({"connection": "corp", "directory": directory});
        let answer = api(&bench, BOT, Method::POST, "setup-links", Some(wish)).await;
        assert!(answer.status == 409 && answer.body.contains("have signed in over this connection"), "{}", answer.body);
    }
}

/// Nor as those to whom its tokens lead, or at a site that opens to them, as soon as it is on.
async fn what_machines_are_known_by_is_the_operators(backend: Backend) {
    let bench = Bench::new(backend).await;
    let mut guest = bench.follow(&bench.link("corp", &[("directory", "on")]).await).await;
    bench.save(&mut guest).await;
    bench.sql("UPDATE connections SET login_enabled = FALSE WHERE name = 'corp'").await;
    let keys = of_their_own(&bench);
    assert_eq!(bench.send(&mut guest, "/setup", &keys).await.status, 303, "the honest twin: it leads to nobody");
    bench.save(&mut guest).await;
    let before = bench.stored(Noun::Connections, "corp").await.unwrap();
    let is_refused = async |guest: &mut Browser, what: &str| {
        for path in ["/setup", "/setup/check", "/setup/token"] {
            let answer = bench.send(guest, path, &keys).await;
            assert_eq!(answer.status, 409, "{what}: {path}: {}", answer.body);
        }
        assert_eq!(bench.stored(Noun::Connections, "corp").await.unwrap(), before, "{what}");
        let answer = api(&bench, BOT, Method::POST, "setup-links", Some(json!({"connection": "corp"}))).await;
        assert!(answer.status == 409 && answer.body.contains("its tokens lead to somebody"), "{what}: {}", answer.body);
    };
    for (path, body) in [
        ("external_identities/robot", json!({"issuer": "corp", "claims": {"sub": "robot"}})),
        ("virtual_accounts/robot", json!({"issuer": "corp", "claims": {"sub": "robot"}})),
        ("teams/robots", json!({"tokens": [{"issuer": "corp", "claims": {"team": "robots"}}]})),
    ] {
        let made = api(&bench, BOT, Method::PUT, path, Some(body)).await;
        assert_eq!(made.status, 201, "{path}: {}", made.body);
        is_refused(&mut guest, path).await;
        let confirm = format!("{path}?confirm={}", path.rsplit('/').next().unwrap_or_default());
        assert_eq!(api(&bench, BOT, Method::DELETE, &confirm, None).await.status, 200, "{path}");
    }
    bench.save(&mut guest).await;
    bench.apply("tenants:\n- name: acme\n  sites:\n  - {name: tool, hosts: [tool.example], issuers: [corp]}\n").await;
    is_refused(&mut guest, "a site").await;
    // Of a new one that is called so it would take tokens too.
    assert_eq!(api(&bench, BOT, Method::DELETE, "connections/corp?confirm=corp", None).await.status, 200);
    for (name, status) in [("corp", 409), ("corp-new", 201)] {
        let answer = api(&bench, BOT, Method::POST, "setup-links", Some(json!({"connection": name}))).await;
        assert_eq!(answer.status, status, "{name}: {}", answer.body);
    }
}

/// A draft that goes live is the operators' from then on, whatever it is later.
async fn links_end_when_the_connection_goes_live(backend: Backend) {
    let bench = Bench::new(backend).await;
    let urls = [bench.link("corp", &[]).await, bench.link("corp", &[]).await, bench.link("another", &[]).await];
    let mut guest = bench.follow(&urls[0]).await;
    bench.save(&mut guest).await;
    let put = async |thing: Value| {
        let answer = api(&bench, BOT, Method::PUT, "connections/corp", Some(thing)).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
    };
    let mut thing = api(&bench, BOT, Method::GET, "connections/corp", None).await.json();
    thing["button_text"] = json!("With Corp");
    put(thing.clone()).await;
    assert_eq!(guest.get(&bench.at("/setup")).await.status, 200, "the honest twin: it is a draft still");
    for enabled in [true, false] {
        thing["enabled"] = json!(enabled);
        put(thing.clone()).await;
        assert_eq!(guest.get(&bench.at("/setup")).await.status, 404, "{enabled}");
        let entered = [Browser::new().get(&urls[1]).await.status, Browser::new().get(&urls[2]).await.status];
        assert_eq!(entered, [404, 303], "{enabled}");
    }
}

/// How people are known and linked is not the guest's to choose, by whichever provider; and the operator is told what was chosen.
async fn another_provider_is_trusted_no_further(backend: Backend) {
    let bench = Bench::new(backend).await;
    // A draft of an operator, who leaves the trust to the provider's kind.
    bench.sql("UPDATE connections SET enabled = FALSE WHERE name = 'okta'").await;
    let was = bench.stored(Noun::Connections, "okta").await.unwrap();
    assert!(was.get("email_trust").is_none() && was["preset"] == "okta", "{was}");
    let (mut ada, page) = (bench.ada().await, "/admin/acme/connections/okta");
    const TOLD: &str = "A guest of a set-up link has filled this in";
    assert!(!ada.get(&bench.at(page)).await.body.contains(TOLD));
    let mut guest = bench.follow(&bench.link("okta", &[]).await).await;
    let form = guest.get(&bench.at("/setup?preset=custom_oidc&protocol=oidc")).await;
    assert_eq!(form.status, 200, "{}", form.body);
    let answer = bench.send(&mut guest, "/setup", &bench.typed()).await;
    assert_eq!(answer.location(), Some("/setup?done=saved"), "{}", answer.body);
    let stored = bench.stored(Noun::Connections, "okta").await.unwrap();
    assert_eq!((&stored["preset"], &stored["email_trust"]), (&json!("custom_oidc"), &json!("domain")), "{stored}");
    let told = ada.get(&bench.at(page)).await.body;
    for says in [TOLD, "the issuer is http", "(before: https://acme.okta.com)", "in a proven domain of the organisation alone"] {
        assert!(told.contains(says), "{says}: {told}");
    }
}

/// Each may stand in the audit log, whichever form it is.
async fn what_guests_send_is_counted(backend: Backend) {
    let bench = Bench::new(backend).await;
    let mut guest = bench.follow(&bench.link("corp", &[("domain", "on")]).await).await;
    let csrf = guest.get(&bench.at("/setup")).await.csrf();
    let mut sent = 0;
    loop {
        let domain = format!("d{sent}.example");
        let answer = guest.post(&bench.at("/setup/domain"), &[("csrf", &csrf), ("domain", &domain)]).await;
        if answer.status == 429 {
            assert!(answer.body.contains("Please wait a moment"), "{}", answer.body);
            break;
        }
        assert_eq!(answer.status, 303, "{}", answer.body);
        sent += 1;
        assert!(sent < 500, "there is no end of forms");
    }
    assert!(sent >= 60, "{sent}");
    // To look is no writing.
    assert_eq!(guest.get(&bench.at("/setup")).await.status, 200);
}
