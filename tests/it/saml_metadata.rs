//! What SAML providers read of us: the metadata of a connection, and the keys in it as the years go by, on all nodes.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use gatehouse::{
    app::App,
    background::Rounds,
    connector::saml::credentials::Usage,
    saml_keys::{self, DECRYPTION_RETIRES_AFTER, LEAD, SIGNING_RETIRES_AFTER, VALIDITY},
    store,
    token::rotation::Due,
};

use crate::{
    browser::{Answer, Browser},
    on_both,
    world::{Backend, World},
};

on_both!(
    each_connection_has_its_metadata,
    nothing_is_made_without_saml,
    nodes_share_the_keys_of_the_first_need,
    keys_follow_one_another_over_the_years,
    an_operator_asks_for_the_next_key
);

/// A tenant with SAML connections, one of them with its own callback URL, and one that speaks OpenID Connect.
fn state() -> String {
    let made = rcgen::generate_simple_self_signed(["idp.example".to_owned()]).unwrap();
    let certificate = STANDARD.encode(made.cert.der());
    let saml =
        format!("{{idp_entity_id: 'https://idp.example', sso_url: 'https://idp.example/sso', certificates: ['{certificate}']}}");
    format!(
        "tenants:
- name: acme
  connections:
  - {{name: saml, protocol: saml, preset: keycloak, enabled: false, saml: {saml}}}
  - {{name: own, protocol: saml, own_callback: true, enabled: false, saml: {saml}}}
  - {{name: oidc, enabled: false, oidc: {{issuer: 'https://idp.example', client_id: x}}}}
"
    )
}

async fn metadata(world: &World, path: &str) -> Answer {
    Browser::new().get(&format!("{}/saml/{path}/metadata", world.url)).await
}

/// The certificates in the metadata for `usage`, in their order.
async fn shown(world: &World, usage: &str) -> Vec<String> {
    let document = metadata(world, "acme/saml").await.body;
    let descriptors = document.split("<md:KeyDescriptor use=\"").skip(1).filter(|d| d.starts_with(usage));
    let certificate = |d: &str| {
        let (_, rest) = d.split_once("<ds:X509Certificate>").unwrap();
        rest.split_once('<').unwrap().0.to_owned()
    };
    descriptors.map(certificate).collect()
}

/// The certificate of the key that signs now.
fn signing(app: &App) -> String {
    STANDARD.encode(&app.credentials.signing(app.clock.now()).unwrap().certificate)
}

async fn a_minute(app: &App) {
    let mut rounds = Rounds::default();
    for _ in 0..12 {
        rounds.go(app).await;
    }
}

async fn each_connection_has_its_metadata(backend: Backend) {
    let world = World::with(backend, &state(), &[]).await;
    let answer = metadata(&world, "acme/saml").await;
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/samlmetadata+xml")));
    let url = &world.url;
    for part in [
        format!("entityID=\"{url}/saml/acme/saml/metadata\""),
        format!("HTTP-POST\" Location=\"{url}/oauth2/callback\" index=\"0\" isDefault=\"true\"/>"),
        format!("HTTP-Redirect\" Location=\"{url}/saml/acme/saml/slo\"/>"),
        "<md:NameIDFormat>urn:oasis:names:tc:SAML:2.0:nameid-format:persistent</md:NameIDFormat>".to_owned(),
    ] {
        assert!(answer.body.contains(&part), "{part} in {}", answer.body);
    }
    let own = metadata(&world, "acme/own").await.body;
    assert!(own.contains(&format!("Location=\"{url}/oauth2/callback/acme/own\"")), "{own}");
    for nothing in ["acme/oidc", "acme/none", "none/saml", "acme/saml%2f"] {
        assert_eq!(metadata(&world, nothing).await.status, 404, "{nothing}");
    }

    let etag = answer.header("etag").unwrap();
    assert_eq!(answer.header("cache-control"), Some("public, max-age=300"));
    let again = Browser::new().get_with(&answer.url, &[("if-none-match", etag)]).await;
    assert_eq!((again.status, again.body.as_str()), (304, ""));
    world.clock.advance(86_400);
    assert_eq!(metadata(&world, "acme/saml").await.body, answer.body, "time alone changes nothing");
}

async fn nothing_is_made_without_saml(backend: Backend) {
    let world = World::new(backend).await;
    a_minute(&world.app).await;
    assert_eq!(metadata(&world, "acme/saml").await.status, 404);
    assert_eq!(store::saml_keys::all(&world.app.db).await.unwrap(), []);
    world.apply(&state()).await;
    a_minute(&world.app).await;
    let rows = store::saml_keys::all(&world.app.db).await.unwrap();
    assert_eq!(rows.iter().map(|r| r.usage.as_str()).collect::<Vec<_>>(), ["encrypt", "sign"], "before the first sign-in");
    // How every RSA key in PKCS#8 goes on after its length: long enough that sealed bytes are never it by chance.
    assert!(rows.iter().all(|r| !r.private_sealed.contains("ADANBgkqhkiG9w0BAQEF")), "sealed");
}

async fn nodes_share_the_keys_of_the_first_need(backend: Backend) {
    let world = World::with(backend, &state(), &[]).await;
    let other = world.second_node().await;
    let (a, b, c, d) = tokio::join!(
        shown(&world, "signing"),
        shown(&other, "signing"),
        shown(&world, "encryption"),
        shown(&other, "encryption")
    );
    assert_eq!((a.len(), c.len()), (1, 1));
    assert_eq!((&a, &c), (&b, &d), "all at once, and one key for each purpose");
    assert_ne!(a, c);
    assert_eq!(store::saml_keys::all(&world.app.db).await.unwrap().len(), 2);
    let restarted = world.second_node().await;
    assert_eq!(shown(&restarted, "signing").await, a);
    assert_eq!(signing(&restarted.app), a[0]);
}

async fn keys_follow_one_another_over_the_years(backend: Backend) {
    let world = World::with(backend, &state(), &[]).await;
    let other = world.second_node().await;
    let first = shown(&world, "signing").await;
    let first_encryption = shown(&other, "encryption").await;
    world.clock.advance(VALIDITY - 2 * LEAD - 1);
    a_minute(&world.app).await;
    assert_eq!(shown(&world, "signing").await, first, "not yet");

    world.clock.advance(1);
    a_minute(&world.app).await;
    Rounds::default().go(&other.app).await;
    for node in [&world, &other] {
        let both = shown(node, "signing").await;
        assert_eq!((both.len(), &both[0]), (2, &first[0]), "the next one is shown 60 days before the end");
        assert_eq!(signing(&node.app), first[0], "and not yet used");
        assert_eq!(shown(node, "encryption").await[0], first_encryption[0], "the one in use comes first");
    }
    let both = shown(&world, "signing").await;
    world.clock.advance(LEAD - 1);
    assert_eq!(signing(&other.app), first[0]);
    world.clock.advance(1);
    for node in [&world, &other] {
        assert_eq!(signing(&node.app), both[1], "used when it has been shown for 30 days");
        assert_eq!(shown(node, "signing").await, both);
        let encryption = shown(node, "encryption").await;
        assert!(encryption.len() == 1 && encryption != first_encryption, "nobody is to encrypt for the old one any more");
    }
    world.clock.advance(SIGNING_RETIRES_AFTER);
    a_minute(&world.app).await;
    assert_eq!(shown(&world, "signing").await, both[1..], "the old one is gone");
    let decrypting = |app: &App| app.credentials.published(Usage::Encrypt, app.clock.now()).len();
    assert_eq!(decrypting(&other.app), 2, "what was encrypted for the old one is still read");
    world.clock.advance(DECRYPTION_RETIRES_AFTER);
    assert_eq!(decrypting(&other.app), 1);

    world.clock.advance(10 * VALIDITY);
    a_minute(&world.app).await;
    let late = shown(&world, "signing").await;
    assert_eq!(signing(&world.app), *late.last().unwrap(), "when the last certificate has ended, its successor is used at once");
    assert!(!both.contains(late.last().unwrap()));
}

async fn an_operator_asks_for_the_next_key(backend: Backend) {
    let world = World::with(backend, &state(), &[]).await;
    let first = shown(&world, "encryption").await;
    let app = &world.app;
    let (url, actor) = (&app.settings.public_url, gatehouse::store::audit::Actor::command_line());
    let rotate = || saml_keys::rotate(&app.db, &app.sealer, url, Usage::Encrypt, Due::Now, &actor, app.clock.now());
    let made = rotate().await.unwrap().expect("the next key");
    assert_eq!(made.active_from, world.clock.now() + LEAD);
    assert_eq!(rotate().await.unwrap(), None, "one at a time");
    Rounds::default().go(app).await;
    assert_eq!(shown(&world, "encryption").await, [first[0].clone(), made.certificate.clone()]);
    assert_eq!(shown(&world, "signing").await.len(), 1);
    world.clock.advance(LEAD);
    assert_eq!(shown(&world, "encryption").await, [made.certificate]);
}
