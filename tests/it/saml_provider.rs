//! What is known of a SAML provider by its metadata URL: fetched at first use, kept, renewed, held.

use axum::http::StatusCode;
use futures_util::future::join_all;
use gatehouse::store::{
    connections::{self, Connection},
    provider_metadata::{self as rows, Row},
    tenants,
};

use crate::{
    browser::{Answer, Browser},
    on_both,
    publisher::{Document, Publisher, Signer},
    sso::Log,
    world::{Backend, START, World},
};

on_both!(
    the_first_use_fetches,
    a_crowd_fetches_once,
    the_last_good_stays,
    a_rollover_is_followed,
    strangers_are_held,
    periods_are_honoured,
    nothing_without_a_certificate,
    other_settings_ask_anew,
    signatures_are_asked_for,
    private_addresses_are_refused,
    one_node_renews,
);

const HOUR: i64 = 3_600;
const DAY: i64 = 86_400;

/// A world whose tenant signs in over a provider that publishes metadata.
struct Saml {
    world: World,
    publisher: Publisher,
}

fn state(saml: &str, more: &str) -> String {
    format!(
        r#"
tenants:
- name: acme
  display_name: Acme
  provisioning: jit
  password_login: false
  connections:
  - {{name: idp, protocol: saml, {more} saml: {{{saml}}}}}
  clients:
  - {{client_id: web, secret: web-secret, redirect_uris: ["https://app.example/cb"], trusted: true}}
"#
    )
}

impl Saml {
    async fn new(backend: Backend, document: &Document) -> Self {
        Self::with(backend, document, "", &[]).await
    }

    async fn with(backend: Backend, document: &Document, more: &str, settings: &[(&str, &str)]) -> Self {
        let publisher = Publisher::start(document).await;
        let saml = format!("metadata_url: \"{}\"{more}", publisher.url());
        let world = World::with(backend, &state(&saml, ""), settings).await;
        Self { world, publisher }
    }

    /// Begins a sign-in: what the browser is told.
    async fn depart(&self) -> Answer {
        depart(&self.world).await
    }

    /// Where a sign-in leaves for, without what it carries.
    async fn leaves_for(&self) -> String {
        leaves_for(&self.depart().await)
    }

    async fn refused(&self, status: StatusCode) {
        let answer = self.depart().await;
        assert_eq!((answer.status, answer.location()), (status.as_u16(), None), "{}", answer.body);
    }

    async fn connection(&self) -> Connection {
        let tenant = tenants::find_by_name(&self.world.app.db, "acme").await.unwrap().unwrap();
        connections::find_by_name(&self.world.app.db, &tenant.id, "idp").await.unwrap().unwrap()
    }

    async fn row(&self) -> Row {
        rows::find(&self.world.app.db, &self.connection().await.id).await.unwrap().unwrap()
    }

    /// The certificates in force.
    async fn certificates(&self) -> Vec<String> {
        let current = self.world.app.providers.current("acme", &self.connection().await).await;
        current.unwrap().unwrap().1.certificates.clone()
    }

    /// Time passes, and the background looks.
    async fn later(&self, seconds: i64) {
        self.world.clock.advance(seconds);
        self.world.app.providers.refresh_due().await;
    }
}

async fn depart(world: &World) -> Answer {
    let mut browser = Browser::new();
    let page = browser.get(&world.authorize_url("web", &[])).await;
    browser.follow(page).await
}

fn leaves_for(answer: &Answer) -> String {
    let to = answer.location().unwrap_or_else(|| panic!("no departure: {} {}", answer.status, answer.body));
    assert!(to.contains("SAMLRequest="), "{to}");
    to.split('?').next().unwrap().to_owned()
}

async fn the_first_use_fetches(backend: Backend) {
    let saml = Saml::new(backend, &Document::of(&[&Signer::new().certificate(2030)])).await;
    assert_eq!(saml.publisher.seen(), 0, "nothing is fetched before it is needed");
    for _ in 0..3 {
        assert_eq!(saml.leaves_for().await, "https://idp.example/sso");
    }
    assert_eq!(saml.publisher.seen(), 1);
    let row = saml.row().await;
    assert_eq!((row.version, row.fetched_at, row.due_at), (1, Some(START), START + DAY));
}

async fn a_crowd_fetches_once(backend: Backend) {
    let saml = Saml::new(backend, &Document::of(&[&Signer::new().certificate(2030)])).await;
    saml.publisher.fall_down();
    let all = join_all((0..100).map(|_| saml.depart())).await;
    assert!(all.iter().all(|answer| answer.status == 502), "nobody gets through");
    assert_eq!(saml.publisher.seen(), 1, "and a failure is remembered");
    saml.publisher.publish(&Document::of(&[&Signer::new().certificate(2030)]));
    saml.refused(StatusCode::BAD_GATEWAY).await;
    saml.world.clock.advance(3);
    let all = join_all((0..100).map(|_| saml.depart())).await;
    assert!(all.iter().all(|answer| leaves_for(answer) == "https://idp.example/sso"));
    assert_eq!(saml.publisher.seen(), 2);
}

async fn the_last_good_stays(backend: Backend) {
    let saml = Saml::new(backend, &Document::of(&[&Signer::new().certificate(2030)])).await;
    saml.leaves_for().await;
    saml.publisher.fall_down();
    let log = Log::capture();
    saml.later(DAY).await;
    assert_eq!(saml.publisher.seen(), 2);
    let row = saml.row().await;
    assert!(row.failure.as_deref().unwrap().contains("status 503"), "{row:?}");
    assert!(!row.failure.unwrap().contains("secret-of-the-page"));
    assert!(log.text().contains("was not renewed") && log.text().contains("kept=true"), "{}", log.text());
    assert_eq!(row.due_at, saml.world.clock.now() + 15 * 60);
    saml.later(60).await;
    assert_eq!(saml.publisher.seen(), 2, "not every round");
    saml.later(7 * DAY).await;
    assert_eq!(saml.leaves_for().await, "https://idp.example/sso");
    let restarted = saml.world.second_node().await;
    assert_eq!(leaves_for(&depart(&restarted).await), "https://idp.example/sso");
    assert_eq!(saml.publisher.seen(), 3, "neither a sign-in nor a start fetches what is known");
    saml.publisher.publish(&Document::of(&[&Signer::new().certificate(2031)]));
    saml.later(15 * 60).await;
    assert_eq!((saml.publisher.seen(), saml.row().await.failure), (4, None));
}

async fn a_rollover_is_followed(backend: Backend) {
    let (old, next) = (Signer::new(), Signer::new());
    let (one, renewed, two) = (old.certificate(2027), old.certificate(2028), next.certificate(2030));
    let saml = Saml::new(backend, &Document::of(&[&one])).await;
    let other = saml.world.second_node().await;
    saml.leaves_for().await;
    let log = Log::capture();
    for (certificates, version) in [(vec![&one, &two], 2), (vec![&renewed, &two], 3), (vec![&two], 4), (vec![&two], 4)] {
        let texts: Vec<&str> = certificates.iter().map(|c| c.as_str()).collect();
        saml.publisher.publish(&Document::of(&texts));
        assert_ne!((saml.certificates().await, version), (texts.iter().map(|c| (*c).to_owned()).collect(), version - 1));
        saml.later(DAY).await;
        assert_eq!(saml.certificates().await, texts);
        let there = other.app.providers.current("acme", &saml.connection().await).await.unwrap().unwrap();
        assert_eq!((there.0, &there.1.certificates[..]), (version, &saml.certificates().await[..]), "on every node at once");
    }
    assert_eq!(log.text().matches("a provider's metadata has changed").count(), 3, "{}", log.text());
    let moved = Document { sso: "https://idp.example/moved".into(), ..Document::of(&[&two]) };
    saml.publisher.publish(&moved);
    saml.later(DAY).await;
    assert_eq!(saml.leaves_for().await, "https://idp.example/moved");
}

async fn strangers_are_held(backend: Backend) {
    let (ours, theirs) = (Signer::new().certificate(2030), Signer::new().certificate(2031));
    let saml = Saml::new(backend, &Document::of(&[&ours])).await;
    saml.leaves_for().await;
    let evil = Document { sso: "https://evil.example/sso".into(), ..Document::of(&[&theirs]) };
    let renamed = Document { entity_id: "https://evil.example".into(), ..Document::of(&[&ours]) };
    for (document, why) in [(&renamed, "another entity id"), (&evil, "shares no signing key")] {
        saml.publisher.publish(document);
        let log = Log::capture();
        saml.later(DAY).await;
        assert!(log.text().contains(why) && log.text().contains("connections accept"), "{}", log.text());
        assert_eq!(saml.leaves_for().await, "https://idp.example/sso");
        assert_eq!(saml.certificates().await, std::slice::from_ref(&ours));
        assert!(saml.row().await.held.is_some());
    }
    saml.publisher.publish(&Document::of(&[&ours]));
    saml.later(DAY).await;
    assert_eq!(saml.row().await.held, None, "what has gone by itself waits no more");
    assert!(gatehouse(&saml.world, &["accept", "acme", "idp", "AA"]).await.1.contains("nothing is held"));
    saml.publisher.publish(&evil);
    let (code, out) = gatehouse(&saml.world, &["refresh", "acme", "idp"]).await;
    assert!(code == 0 && out.contains("HELD"), "{out}");
    let (_, out) = gatehouse(&saml.world, &["list"]).await;
    assert!(out.contains("HELD"), "{out}");
    let (_, out) = gatehouse(&saml.world, &["show", "acme", "idp"]).await;
    let ours_url = format!("{}/saml/acme/idp/metadata", saml.world.url);
    for part in [&ours_url, "https://idp.example/sso", "https://evil.example/sso", "HELD", "ends 2030-12-31", "ends 2031-12-31"] {
        assert!(out.contains(part), "{part} in {out}");
    }
    let (code, out) = gatehouse(&saml.world, &["accept", "acme", "idp", "AA:BB"]).await;
    assert!(code == 1 && out.contains("other certificates than those named"), "{out}");
    assert_eq!(saml.certificates().await, std::slice::from_ref(&ours), "what was not looked at is not taken");
    let fingerprint = out.split([' ', ';']).find(|word| word.len() == 95).unwrap_or_default().to_owned();
    let (code, _) = gatehouse(&saml.world, &["accept", "acme", "idp", &fingerprint, "AA:BB"]).await;
    assert_eq!(code, 1, "each certificate must be named, and no other");
    let (code, out) = gatehouse(&saml.world, &["accept", "acme", "idp", &fingerprint.to_lowercase()]).await;
    assert!(code == 0 && out.contains("added") && out.contains("removed"), "{out}");
    assert_eq!(saml.leaves_for().await, "https://evil.example/sso", "an operator's word counts at once");
    assert_eq!(saml.certificates().await, [theirs]);
    for args in [["show", "acme", "nobody"], ["show", "nobody", "idp"]] {
        assert_eq!(gatehouse(&saml.world, &args).await.0, 1);
    }
}

async fn periods_are_honoured(backend: Backend) {
    let certificate = Signer::new().certificate(2030);
    let with = |attributes: &str| Document { attributes: attributes.into(), ..Document::of(&[&certificate]) };
    let saml = Saml::new(backend, &with("cacheDuration=\"PT2H\"")).await;
    saml.leaves_for().await;
    let after = |row: &Row| row.due_at - row.tried_at;
    assert_eq!(after(&saml.row().await), 2 * HOUR);
    for (attributes, due) in [
        ("cacheDuration=\"PT1S\"", HOUR),
        ("cacheDuration=\"P30D\"", DAY),
        ("cacheDuration=\"P30D\" validUntil=\"2027-02-15T08:00:00Z\"", DAY),
    ] {
        saml.publisher.publish(&with(attributes));
        saml.later(DAY).await;
        assert_eq!(after(&saml.row().await), due, "{attributes}");
    }
    // The day is now 2027-01-18T08:00:00Z.
    saml.publisher.publish(&with("validUntil=\"2027-01-19T18:00:00Z\""));
    saml.later(DAY).await;
    assert_eq!(after(&saml.row().await), 5 * HOUR, "half of what is left");
    saml.leaves_for().await;
    saml.publisher.fall_down();
    saml.later(10 * HOUR - 1).await;
    saml.leaves_for().await;
    let log = Log::capture();
    saml.world.clock.advance(1);
    saml.refused(StatusCode::BAD_GATEWAY).await;
    assert!(log.text().contains("status 503"), "{}", log.text());
    let (_, out) = gatehouse(&saml.world, &["show", "acme", "idp"]).await;
    assert!(out.contains("valid until"), "{out}");
    saml.world.clock.advance(3);
    saml.publisher.publish(&with("validUntil=\"2027-01-19T18:00:00Z\""));
    saml.refused(StatusCode::BAD_REQUEST).await;
    assert!(log.text().contains("validUntil has passed"), "{}", log.text());
    saml.world.clock.advance(3);
    saml.publisher.publish(&Document::of(&[&Signer::new().certificate(2030)]));
    saml.refused(StatusCode::BAD_GATEWAY).await;
    assert!(log.text().contains("past its validUntil") && log.text().contains("held"), "{}", log.text());
    saml.world.clock.advance(3);
    saml.publisher.publish(&with(""));
    saml.leaves_for().await;
}

/// Threat S9: what cannot be verified never takes the place of what can.
async fn nothing_without_a_certificate(backend: Backend) {
    let certificate = Signer::new().certificate(2030);
    let saml = Saml::new(backend, &Document::of(&[])).await;
    let log = Log::capture();
    saml.refused(StatusCode::BAD_REQUEST).await;
    assert!(log.text().contains("no signing certificate"), "{}", log.text());
    assert_eq!((saml.row().await.provider, saml.row().await.version), (None, 0));
    let (_, out) = gatehouse(&saml.world, &["show", "acme", "idp"]).await;
    assert!(out.contains("no signing certificate") && out.contains("none yet"), "{out}");
    saml.world.clock.advance(3);
    saml.publisher.publish(&Document::of(&[&certificate]));
    saml.leaves_for().await;
    let good = Document::of(&[&certificate]).xml();
    for (broken, cause) in [
        (Document::of(&[]).xml(), "no signing certificate"),
        (good.replace("use=\"signing\"", "use=\"encryption\""), "no signing certificate"),
        (good.replace(&certificate, "MIIB"), "no signing certificate"),
        (good.replace("<EntityDescriptor", "<!DOCTYPE x><EntityDescriptor"), "DOCTYPE"),
        ("<html>Sign in</html>".into(), "no metadata document"),
        (String::new(), "no metadata document"),
        (" ".repeat(1024 * 1024 + 1), "more than 1048576 bytes"),
    ] {
        saml.publisher.say(&broken);
        saml.later(DAY).await;
        let row = saml.row().await;
        assert!(row.failure.as_deref().is_some_and(|f| f.contains(cause)), "{cause}: {:?}", row.failure);
        assert_eq!((saml.certificates().await, row.held), (vec![certificate.clone()], None));
    }
    saml.publisher.say(&good.replace(" use=\"signing\"", ""));
    saml.later(DAY).await;
    assert_eq!((saml.row().await.failure, saml.certificates().await), (None, vec![certificate]), "without use it signs too");
}

async fn other_settings_ask_anew(backend: Backend) {
    let saml = Saml::new(backend, &Document::of(&[&Signer::new().certificate(2030)])).await;
    saml.leaves_for().await;
    let url = saml.publisher.url();
    saml.publisher.fall_down();
    saml.world.apply(&state(&format!("metadata_url: \"{url}\", skew: 30"), "button_text: Sign in,")).await;
    assert_eq!(saml.leaves_for().await, "https://idp.example/sso", "another button loses nothing");
    let elsewhere = Document { sso: "https://other.example/sso".into(), ..Document::of(&[&Signer::new().certificate(2030)]) };
    let other = Publisher::start(&elsewhere).await;
    saml.world.apply(&state(&format!("metadata_url: \"{}\"", other.url()), "")).await;
    assert_eq!(saml.leaves_for().await, "https://other.example/sso", "another address is an operator's word");
    assert_eq!(saml.row().await.version, 2);
    saml.world.apply(&state(&format!("metadata_url: \"{}\", idp_entity_id: \"https://who.example\"", other.url()), "")).await;
    saml.refused(StatusCode::BAD_REQUEST).await;
    other.publish(&Document { entity_id: "https://who.example".into(), ..elsewhere });
    saml.world.clock.advance(3);
    saml.leaves_for().await;
    let certificate = Signer::new().certificate(2030);
    let by_hand = format!("idp_entity_id: x, sso_url: \"https://hand.example/\", certificates: [\"{certificate}\"]");
    saml.world.apply(&state(&by_hand, "")).await;
    let seen = other.seen();
    saml.later(DAY).await;
    saml.later(30 * DAY).await;
    assert_eq!((saml.leaves_for().await.as_str(), other.seen()), ("https://hand.example/", seen), "nobody asks any more");
    let (_, out) = gatehouse(&saml.world, &["show", "acme", "idp"]).await;
    assert!(out.contains("by hand") && out.contains("Synthetic Signing"), "{out}");
}

async fn signatures_are_asked_for(backend: Backend) {
    let saml = Saml::new(backend, &Document::of(&[&Signer::new().certificate(2030)])).await;
    saml.leaves_for().await;
    let (signer, other) = (Signer::new(), Signer::new());
    let trusted = signer.certificate(2030);
    let url = saml.publisher.url();
    saml.world.apply(&state(&format!("metadata_url: \"{url}\", metadata_certificates: \"{trusted}\""), "")).await;
    let log = Log::capture();
    saml.refused(StatusCode::BAD_REQUEST).await;
    assert!(log.text().contains("metadata_certificates are set") && log.text().contains("not signed"), "{}", log.text());
    let mut document = Document { attributes: "ID=\"_m1\"".into(), ..Document::of(&[&Signer::new().certificate(2030)]) };
    let good = signer.sign(&document, "_m1");
    document.sso = "https://signed.example/sso".into();
    for bad in [other.sign(&document, "_m1"), good.replace("idp.example/sso", "evil.example/sso")] {
        saml.world.clock.advance(3);
        saml.publisher.say(&bad);
        saml.refused(StatusCode::BAD_REQUEST).await;
        assert!(log.text().contains("is not by any of"), "{}", log.text());
    }
    saml.world.clock.advance(3);
    saml.publisher.say(&signer.sign(&document, "_m1"));
    assert_eq!(saml.leaves_for().await, "https://signed.example/sso");
}

async fn private_addresses_are_refused(backend: Backend) {
    let document = Document::of(&[&Signer::new().certificate(2030)]);
    let saml = Saml::with(backend, &document, "", &[("OUTBOUND_ALLOW", "10.1.2.3")]).await;
    let log = Log::capture();
    saml.refused(StatusCode::BAD_GATEWAY).await;
    assert!(log.text().contains("private address"), "{}", log.text());
    for url in ["https://10.0.0.1/metadata", "https://169.254.169.254/latest", "https://[::1]/metadata"] {
        saml.world.apply(&state(&format!("metadata_url: \"{url}\""), "")).await;
        saml.refused(StatusCode::BAD_GATEWAY).await;
        assert!(saml.row().await.failure.unwrap().contains("leads to no public address"), "{url}");
    }
    assert_eq!(saml.publisher.seen(), 0);
}

async fn one_node_renews(backend: Backend) {
    let saml = Saml::new(backend, &Document::of(&[&Signer::new().certificate(2030)])).await;
    let other = saml.world.second_node().await;
    saml.leaves_for().await;
    saml.world.clock.advance(DAY);
    let nodes = [&saml.world.app, &other.app, &saml.world.app, &other.app];
    join_all(nodes.map(|app| app.providers.refresh_due())).await;
    assert_eq!(saml.publisher.seen(), 2);
}

/// Runs `gatehouse connections …` on the world's database: the exit code, and all that it prints.
async fn gatehouse(world: &World, args: &[&str]) -> (i32, String) {
    world.command(&[&["connections"], args].concat()).await
}
