//! What ends: found, shown to whom it concerns, measured, and said in the log once.

use gatehouse::{
    background::Rounds,
    expiry,
    store::{meta, users},
};

use crate::{
    admin_pages::{Desk, PASSWORD},
    browser::Browser,
    on_both,
    world::{Backend, text},
};

on_both!(what_ends_is_shown_and_measured, tokens_of_the_api_end_too, warnings_are_said_by_one_node_a_day,);

/// A tenant with a secret and a certificate that end, as of the test's clock.
async fn desk(backend: Backend) -> Desk {
    let desk = Desk::new(backend).await;
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    let mut params = rcgen::CertificateParams::default();
    params.not_after = rcgen::date_time_ymd(2100, 1, 1);
    let pem = params.self_signed(&key).unwrap().pem().replace('\n', "\\n");
    // A draft's has ended long ago.
    params.not_before = rcgen::date_time_ymd(2019, 1, 1);
    params.not_after = rcgen::date_time_ymd(2020, 1, 1);
    let soon = params.self_signed(&key).unwrap().pem().replace('\n', "\\n");
    let day = gatehouse::moment::Moment(desk.clock.now() + 20 * 86_400).machine();
    let file = format!(
        r#"
tenants:
- name: acme
  connections:
  - {{name: entra, preset: entra, enabled: true, oidc: {{issuer: "https://login.microsoftonline.com/11111111-2222-3333-4444-555555555555/v2.0", client_id: x, client_secret: y, client_secret_expires_on: "{}"}}}}
  - {{name: adfs, preset: adfs, enabled: true, saml: {{idp_entity_id: "https://adfs.example", sso_url: "https://adfs.example/sso", certificates: ["{pem}"]}}}}
  - {{name: begun, preset: adfs, enabled: false, saml: {{idp_entity_id: "https://adfs.example", sso_url: "https://adfs.example/sso", certificates: ["{soon}"]}}}}
"#,
        &day[..10]
    );
    desk.apply(&file).await;
    desk
}

async fn what_ends_is_shown_and_measured(backend: Backend) {
    let desk = desk(backend).await;
    let mut ada = desk.ada().await;
    desk.fill(&mut ada, "/admin/acme/directories/people/token", "/admin/acme/directories/people/token", &[("expires_in", "90d")])
        .await;
    let page = ada.get(&desk.at("/admin/acme/expiring")).await;
    let place = |words: &str| page.body.find(words).unwrap_or_else(|| panic!("{words}: {}", page.body));
    assert!(
        place("/connections/entra") < place("/directories/people") && place("/directories/people") < place("/connections/adfs")
    );
    assert!(place("in 19 days") < place("in 90 days") && page.body.contains("class=\"near\""), "{}", page.body);
    // A draft alarms nobody, and its certificate is there to be seen.
    let draft = "/connections/begun\"><bdi>begun</bdi></a> <span class=\"off\">draft</span>";
    assert!(place(draft) < place("/connections/entra"), "{}", page.body);
    assert!(!page.body.contains("class=\"over\""), "{}", page.body);
    assert!(!page.body.contains("Key that signs"), "the deployment's own is not theirs");
    let overview = ada.get(&desk.at("/admin/acme")).await;
    assert!(overview.body.contains("Expiring soon") && !overview.body.contains("/connections/adfs"), "{}", overview.body);
    assert!(!overview.body.contains("/connections/begun"), "{}", overview.body);
    let mut eve = desk.browser("other", "eve@other.example").await;
    let other = eve.get(&desk.at("/admin/other/expiring")).await;
    assert!(other.body.contains("Nothing here ends"), "{}", other.body);

    users::set_platform(&desk.app.db, &desk.user_id("ada@acme.example").await, true, desk.clock.now()).await.unwrap();
    let all = ada.get(&desk.at("/admin/_/expiring")).await;
    assert!(all.body.contains("Key that signs tokens") && all.body.contains("/admin/acme/connections/adfs"), "{}", all.body);
    let answer = desk.sign_in(&mut Browser::new(), &desk.admin_url("web"), "ada@acme.example", PASSWORD).await;
    let access = desk.redeem("web", &answer.query("code").unwrap()).await.json();
    let header = format!("Bearer {}", text(&access, "access_token"));
    let url = desk.at("/api/v1/tenants/acme/expiring");
    let api = Browser::new().send(axum::http::Method::GET, &url, &[("authorization", &header)], None).await.json();
    let (draft, first) = (&api["expiring"][0], &api["expiring"][1]);
    assert_eq!((text(draft, "name"), &draft["draft"], &first["draft"]), ("begun", &true.into(), &false.into()));
    assert_eq!((text(first, "kind"), text(first, "name"), first["days_left"].as_i64()), ("client_secret", "entra", Some(19)));

    // What a node has found last is what it measures and counts, without asking the database.
    let metrics = async || Browser::new().get(&desk.at("/metrics")).await.body;
    assert!(!metrics().await.contains("gatehouse_expires_in_seconds{"));
    Rounds::default().go(&desk.app).await;
    let line = |text: &str| {
        let line =
            text.lines().find(|line| line.starts_with("gatehouse_expires_in_seconds{kind=\"client_secret\"")).map(str::to_owned);
        line.and_then(|line| line.rsplit(' ').next().and_then(|n| n.parse::<i64>().ok()))
    };
    let before = line(&metrics().await).unwrap();
    desk.clock.advance(100);
    assert_eq!(line(&metrics().await), Some(before - 100));
    assert!(!metrics().await.contains("name=\"begun\""));
    assert!(metrics().await.contains("kind=\"directory_token\",tenant=\"acme\",name=\"people\""));
    assert!(ada.get(&desk.at("/admin/acme")).await.body.contains("class=\"count\">1<"));
}

async fn acme(desk: &Desk) -> String {
    gatehouse::store::tenants::find_by_name(&desk.app.db, "acme").await.unwrap().unwrap().id
}

async fn tokens_of_the_api_end_too(backend: Backend) {
    let desk = Desk::new(backend).await;
    let end = gatehouse::moment::Moment(desk.clock.now() + 20 * 86_400 + 5).machine();
    let bot = "0123456789abcdef0123456789abcdef";
    let file = format!(
        "tenants:\n- name: acme\n  service_tokens:\n  - {{name: bot, token: {bot}, scopes: [admin], expires_at: \"{end}\"}}\n  \
         - {{name: off, token: {bot}-, enabled: false, scopes: [admin], expires_at: \"{end}\"}}\n"
    );
    desk.apply(&file).await;
    let id = desk.user_id("ada@acme.example").await;
    let (tenant, now) = (acme(&desk).await, desk.clock.now());
    let sql = format!(
        "INSERT INTO personal_tokens (id, user_id, name, fingerprint, scopes, expires_at, created_at) \
         VALUES ('p', '{id}', 'laptop', 'f', '[]', {}, {now})",
        now + 10 * 86_400 + 5
    );
    desk.sql(sql.leak()).await;
    let sql = format!(
        "INSERT INTO setup_links (id, link_hash, tenant_id, connection, with_directory, with_domain, made_by, maker_id, created_at, expires_at) \
         VALUES ('l', 'h', '{tenant}', 'wanted', FALSE, FALSE, 'ada', '{id}', {now}, {})",
        now + 3 * 86_400 + 5
    );
    desk.sql(sql.leak()).await;
    let mut ada = desk.ada().await;
    let page = ada.get(&desk.at("/admin/acme/expiring")).await;
    for words in [
        "/admin/acme/service_tokens/bot",
        "in 20 days",
        "laptop of ada@acme.example",
        "in 10 days",
        "/admin/acme/setup-links",
        "in 3 days",
    ] {
        assert!(page.body.contains(words), "{words}: {}", page.body);
    }
    assert!(!page.body.contains("/service_tokens/off"), "what opens nothing ends for nobody: {}", page.body);
    let mut eve = desk.browser("other", "eve@other.example").await;
    let other = eve.get(&desk.at("/admin/other/expiring")).await;
    assert!(other.body.contains("Nothing here ends"), "{}", other.body);
    expiry::refresh(&desk.app).await.unwrap();
    let metrics = Browser::new().get(&desk.at("/metrics")).await.body;
    let series = "kind=\"service_token\",tenant=\"acme\",name=\"bot\"";
    assert!(metrics.contains(series), "{series}: {metrics}");
    // Nobody is asked who they are there, so no administrator is named.
    assert!(!metrics.contains("setup_link") && !metrics.contains("personal_token") && !metrics.contains("ada@acme"));
    // Two things that somebody should look at; a link that lasts for days is none.
    assert!(ada.get(&desk.at("/admin/acme")).await.body.contains("class=\"count\">2<"));
}

async fn warnings_are_said_by_one_node_a_day(backend: Backend) {
    let desk = desk(backend).await;
    let noted = async || meta::find(&desk.app.db, "expiry-warned-at").await.unwrap();
    expiry::refresh(&desk.app).await.unwrap();
    expiry::warn(&desk.app).await.unwrap();
    let first = noted().await.unwrap();
    desk.clock.advance(86_399);
    expiry::warn(&desk.app).await.unwrap();
    assert_eq!(noted().await.unwrap(), first, "not twice a day");
    desk.clock.advance(1);
    assert!(!meta::replace(&desk.app.db, "expiry-warned-at", Some("5"), "6").await.unwrap(), "another node was first");
    expiry::warn(&desk.app).await.unwrap();
    assert_eq!(noted().await.unwrap(), desk.clock.now().to_string());
}
