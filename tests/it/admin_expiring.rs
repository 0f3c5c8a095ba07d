//! What ends: found, shown to whom it concerns, measured, and said in the log once.

use gatehouse::{
    background::Rounds,
    expiry,
    store::{audit::Actor, meta, users},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::{
    admin_pages::{Desk, PASSWORD},
    browser::Browser,
    on_both,
    publisher::{Document, Publisher},
    world::{Backend, text},
};

on_both!(
    what_ends_is_shown_and_measured,
    tokens_of_the_api_end_too,
    warnings_are_said_by_one_node_a_day,
    metadata_ends_where_nothing_fetches_it_again,
    settings_are_read_once_for_each_version,
    the_list_is_searched_and_paged,
    the_api_narrows_as_the_page_does,
    secrets_at_issuers_end_too,
);

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
    assert!(place("<strong>in 19 days") < place("<strong>in 90 days") && page.body.contains("class=\"near\""), "{}", page.body);
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

/// A provider's document with a certificate that is good for ten years, and an end of its own.
fn ending_document(until: i64) -> Document {
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    let mut params = rcgen::CertificateParams::default();
    params.not_after = rcgen::date_time_ymd(2036, 1, 1);
    let certificate = STANDARD.encode(params.self_signed(&key).unwrap().der());
    let attributes = format!("validUntil=\"{}\"", gatehouse::moment::Moment(until).machine());
    Document { attributes, ..Document::of(&[&certificate]) }
}

/// Kind and days left of what ends of this connection, the soonest first.
async fn ends_of(desk: &Desk, name: &str) -> Vec<(String, i64)> {
    let all = expiry::collect(&desk.app, None, None).await.unwrap();
    let now = desk.clock.now();
    let of_it = all.iter().filter(|ending| ending.name == name);
    of_it.map(|ending| (ending.kind.as_str().to_owned(), ending.days(now))).collect()
}

async fn metadata_ends_where_nothing_fetches_it_again(backend: Backend) {
    let desk = Desk::new(backend).await;
    let until = desk.clock.now() + 3 * 86_400 + 60;
    let document = ending_document(until);
    let publisher = Publisher::start(&document).await;
    let xml = document.xml().replace('\\', "").replace('"', "'").replace('\n', "");
    desk.apply(&format!(
        "tenants:\n- name: acme\n  connections:\n  - {{name: given, saml: {{metadata_xml: \"{xml}\"}}}}\n  \
         - {{name: fetched, saml: {{metadata_url: \"{}\"}}}}\n",
        publisher.url()
    ))
    .await;
    let given = ends_of(&desk, "given").await;
    assert_eq!((given.len(), &given[0]), (2, &("provider_metadata".to_owned(), 3)), "before the certificate: {given:?}");
    assert!(given[1].0 == "provider_certificate" && given[1].1 > 3_000, "{given:?}");

    // What is fetched again is nobody's concern as long as it comes.
    let tenant = gatehouse::store::tenants::find_by_name(&desk.app.db, "acme").await.unwrap().unwrap();
    let connection = gatehouse::store::connections::find_by_name(&desk.app.db, &tenant.id, "fetched").await.unwrap().unwrap();
    assert!(ends_of(&desk, "fetched").await.is_empty());
    desk.app.providers.refresh("acme", &connection, &Actor::itself()).await.unwrap();
    let kinds = |ends: Vec<(String, i64)>| ends.into_iter().map(|(kind, _)| kind).collect::<Vec<_>>();
    assert_eq!(kinds(ends_of(&desk, "fetched").await), ["provider_certificate"]);
    publisher.fall_down();
    desk.app.providers.refresh("acme", &connection, &Actor::itself()).await.unwrap_err();
    assert_eq!(kinds(ends_of(&desk, "fetched").await), ["provider_metadata", "provider_certificate"]);
    // Page, measure and log say the same.
    let mut ada = desk.ada().await;
    let page = ada.get(&desk.at("/admin/acme/expiring?kind=provider_metadata")).await;
    assert!(page.body.contains("Metadata of a SAML provider") && page.body.contains("/connections/given"), "{}", page.body);
    assert!(!page.body.contains("<p class=\"thing\">Certificate of a SAML provider"), "{}", page.body);
    assert!(ada.get(&desk.at("/admin/acme")).await.body.contains("/connections/given"));
    expiry::refresh(&desk.app).await.unwrap();
    let metrics = Browser::new().get(&desk.at("/metrics")).await.body;
    assert!(
        metrics.contains("gatehouse_expires_in_seconds{kind=\"provider_metadata\",tenant=\"acme\",name=\"given\"}"),
        "{metrics}"
    );
    // It comes again, for longer.
    publisher.publish(&Document { attributes: String::new(), ..document });
    desk.app.providers.refresh("acme", &connection, &Actor::itself()).await.unwrap();
    assert_eq!(kinds(ends_of(&desk, "fetched").await), ["provider_certificate"]);
}

async fn settings_are_read_once_for_each_version(backend: Backend) {
    let desk = desk(backend).await;
    assert_eq!(ends_of(&desk, "entra").await, [("client_secret".to_owned(), 19)]);
    // What nobody has saved is not read: not even that it cannot be.
    desk.sql("UPDATE connections SET settings = 'unreadable' WHERE name = 'adfs'").await;
    let certificate = ends_of(&desk, "adfs").await;
    assert_eq!(certificate.len(), 1);
    // What somebody has saved is, on any node.
    let day = gatehouse::moment::Moment(desk.clock.now() + 40 * 86_400).machine();
    let sql = format!(
        "UPDATE connections SET version = version + 1, settings = REPLACE(settings, '\"client_secret_expires_on\":\"', '\"client_secret_expires_on\":\"{}\",\"was\":\"') WHERE name = 'entra'",
        &day[..10]
    );
    desk.sql(sql.leak()).await;
    assert_eq!(ends_of(&desk, "entra").await, [("client_secret".to_owned(), 39)]);
    desk.sql("UPDATE connections SET version = version + 1 WHERE name = 'adfs'").await;
    assert!(ends_of(&desk, "adfs").await.is_empty(), "one that cannot be read fails where it is used");
    desk.sql("DELETE FROM connections WHERE name = 'entra'").await;
    assert!(ends_of(&desk, "entra").await.is_empty());
}

async fn the_list_is_searched_and_paged(backend: Backend) {
    let desk = Desk::new(backend).await;
    let settings = r#"{"oidc":{"issuer":"https://i.example","client_id":"x","client_secret_expires_on":"2030-01-01"}}"#;
    let sql = format!(
        "INSERT INTO connections (id, tenant_id, name, protocol, enabled, login_enabled, settings, version, created_at) \
         WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 250) \
         SELECT 'k' || i, t.id, 'c-' || i, 'oidc', TRUE, TRUE, '{settings}', 1, i FROM n, tenants t WHERE t.name = 'acme'"
    );
    desk.sql(sql.leak()).await;
    let mut ada = desk.ada().await;
    let mut seen = 0;
    let mut path = Some("/admin/acme/expiring?kind=client_secret&search=C-".to_owned());
    while let Some(to) = path {
        let page = ada.get(&desk.at(&to)).await;
        seen += page.body.matches("<bdi>c-").count();
        let next = page
            .body
            .split("<a href=\"")
            .skip(1)
            .find(|rest| rest.contains("\">Next page"))
            .map(|rest| rest.split('"').next().unwrap());
        path = next.map(|href| href.replace("&#38;", "&").replace("&amp;", "&"));
        assert!(seen <= 250, "{to}");
    }
    assert_eq!(seen, 250);
    for (query, there, not) in [
        ("search=c-77", "<bdi>c-77</bdi>", "<bdi>c-78</bdi>"),
        ("kind=invite", "Nothing like that ends", "<bdi>c-"),
        ("kind=none&from=x&search=c-7", "<bdi>c-7</bdi>", "<bdi>c-8</bdi>"),
    ] {
        let page = ada.get(&desk.at(&format!("/admin/acme/expiring?{query}"))).await;
        assert!(page.body.contains(there) && !page.body.contains(not), "{query}: {}", page.body);
    }
    // Somebody else's are not theirs to ask for.
    let page = ada.get(&desk.at("/admin/acme/expiring?tenant=other&search=c-77")).await;
    assert!(page.body.contains("<bdi>c-77</bdi>"), "{}", page.body);
    users::set_platform(&desk.app.db, &desk.user_id("ada@acme.example").await, true, desk.clock.now()).await.unwrap();
    let of = async |ada: &mut Browser, tenant: &str| {
        let page = ada.get(&desk.at(&format!("/admin/_/expiring?kind=client_secret&tenant={tenant}"))).await;
        page.body.contains("<bdi>c-")
    };
    assert!(of(&mut ada, "acme").await && !of(&mut ada, "other").await && of(&mut ada, "").await);
}

async fn secrets_at_issuers_end_too(backend: Backend) {
    let desk = Desk::new(backend).await;
    let day = |days: i64| gatehouse::moment::Moment(desk.clock.now() + days * 86_400).machine()[..10].to_owned();
    let mut ada = desk.ada().await;
    let path = "/admin/acme/trusted_issuers/idp";
    let fields = |asking: &'static str, signing: &'static str| {
        vec![
            ("enabled", "on"),
            ("issuer", "https://idp.example"),
            ("audience", "api"),
            ("introspection_endpoint", "https://idp.example/introspect"),
            ("introspection_client_id", "x"),
            ("introspection_client_secret", "y"),
            ("introspection_client_secret_expires_on", asking),
            ("oauth_client.client_id", "site"),
            ("oauth_client.client_secret", "z"),
            ("oauth_client.client_secret_expires_on", signing),
            ("oauth_client.authorization_endpoint", "https://idp.example/authorize"),
            ("oauth_client.token_endpoint", "https://idp.example/token"),
        ]
    };
    for (asking, signing, field) in
        [("soon", "", "introspection_client_secret_expires_on"), ("", "2027-02-31", "oauth_client-client_secret_expires_on")]
    {
        let answer = desk.fill(&mut ada, path, path, &fields(asking, signing)).await;
        assert!(answer.status == 422 && answer.body.contains(&format!("id=\"{field}-error\"")), "{field}: {}", answer.body);
    }
    let (later, sooner): (&'static str, &'static str) = (day(50).leak(), day(20).leak());
    let answer = desk.fill(&mut ada, path, path, &fields(later, sooner)).await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    assert_eq!(ends_of(&desk, "idp").await, [("issuer_secret".to_owned(), 19)], "the first of the two");
    let shown = ada.get(&desk.at(path)).await;
    for day in [later, sooner] {
        assert!(shown.body.contains(&format!("value=\"{day}\"")), "{day}: {}", shown.body);
    }
    let page = ada.get(&desk.at("/admin/acme/expiring?kind=issuer_secret")).await;
    assert!(page.body.contains("Client secret at a trusted issuer <a href=\"/admin/acme/trusted_issuers/idp\""), "{}", page.body);
    let stored = desk.stored(gatehouse::apply::single::Noun::TrustedIssuers, "idp").await.unwrap();
    assert_eq!(stored["introspection_client_secret_expires_on"].as_str(), Some(later));
    assert_eq!(stored["oauth_client"]["client_secret_expires_on"].as_str(), Some(sooner));
}

async fn the_api_narrows_as_the_page_does(backend: Backend) {
    let desk = desk(backend).await;
    let mut ada = desk.ada().await;
    desk.fill(&mut ada, "/admin/acme/directories/people/token", "/admin/acme/directories/people/token", &[("expires_in", "90d")])
        .await;
    let bearer = ("authorization", "Bearer 0123456789abcdef0123456789abcdef");
    let ask = async |path: &str| Browser::new().get_with(&desk.at(&format!("/api/v1/{path}")), &[bearer]).await;
    let names = |answer: &serde_json::Value| {
        let all = answer["expiring"].as_array().unwrap().iter();
        all.map(|one| text(one, "name").to_owned()).collect::<Vec<_>>()
    };
    for (query, found) in [
        ("", &["begun", "entra", "people", "adfs"][..]),
        ("kind=provider_certificate", &["begun", "adfs"]),
        ("days=30", &["begun", "entra"]),
        ("days=0", &["begun"]),
        ("days=90", &["begun", "entra", "people"]),
        ("days=30&kind=client_secret", &["entra"]),
        ("search=PEOP", &["people"]),
    ] {
        let answer = ask(&format!("tenants/acme/expiring?{query}")).await;
        assert_eq!((answer.status, names(&answer.json())), (200, found.iter().map(|&name| name.to_owned()).collect()), "{query}");
        if query.contains("days") {
            let page = ada.get(&desk.at(&format!("/admin/acme/expiring?{query}"))).await;
            for name in ["begun", "entra", "people", "adfs"] {
                assert_eq!(page.body.contains(&format!("<bdi>{name}</bdi>")), found.contains(&name), "{query}: {}", page.body);
            }
        }
    }
    // It is all of one tenant's: none is to be named.
    for query in ["kind=none", "days=soon", "days=-1", "days=1&days=2", "tenant=other&search=peop"] {
        assert_eq!(ask(&format!("tenants/acme/expiring?{query}")).await.status, 400, "{query}");
    }
    // Of the deployment, whose administrators alone may ask.
    assert_eq!(ask("expiring?tenant=acme").await.status, 403);
    users::set_platform(&desk.app.db, &desk.user_id("ada@acme.example").await, true, desk.clock.now()).await.unwrap();
    let answer = desk.sign_in(&mut Browser::new(), &desk.admin_url("web"), "ada@acme.example", PASSWORD).await;
    let access = desk.redeem("web", &answer.query("code").unwrap()).await.json();
    let header = format!("Bearer {}", text(&access, "access_token"));
    for (tenant, found) in [("acme", 4), ("other", 0)] {
        let url = desk.at(&format!("/api/v1/expiring?tenant={tenant}"));
        let answer = Browser::new().get_with(&url, &[("authorization", &header)]).await.json();
        assert_eq!(names(&answer).len(), found, "{answer}");
    }
}
