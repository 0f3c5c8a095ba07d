//! One assertion, one sign-in (S16): the same message twice, in parallel, at another node, after a restart, and in other
//! bytes around the same signed assertion. Most of this needs sign-ins that begin at the provider, for an answer to a
//! request is used up with its request.

use super::{
    dsig::edit,
    provider::{EVERYWHERE, Message, Provider, Signs, encoded, new_id},
    sso_saml::{SamlSso, assert_refused, assert_signed_in, state},
};
use crate::{
    browser::{Answer, Browser},
    on_both,
    sso::Log,
    world::{Backend, World},
};

on_both!(
    an_assertion_is_used_once,
    of_many_at_once_one_is_used,
    other_nodes_and_restarts_remember,
    other_bytes_around_it_do_not_renew_it,
    an_id_that_was_used_is_not_used_for_another_request,
);

/// A provider where sign-ins can only begin.
async fn initiated(backend: Backend) -> SamlSso {
    let no_sso = |idp: &Provider| {
        let more = "idp_initiated: true, idp_initiated_client: web, idp_initiated_url: \"https://app.example/home\"";
        state(idp, more, "").replace(&format!("sso_url: \"{}\", ", idp.sso_url), "")
    };
    SamlSso::made(backend, Provider::new("idp"), no_sso).await
}

fn message(world: &SamlSso) -> Message {
    let issuer = world.app.issuer();
    world.idp.unsolicited(&format!("{issuer}/saml/acme/corp/metadata"), &format!("{issuer}/oauth2/callback"), world.clock.now())
}

async fn bring(node: &World, xml: &str) -> Answer {
    let sso = format!("{}/oauth2/callback", node.url);
    let mut browser = Browser::new();
    // The page posts to the path it came from, so it stays on this node.
    super::sso_saml::post(&mut browser, &sso, None, &encoded(xml)).await
}

fn assert_landed(name: &str, answer: &Answer) {
    assert_eq!(answer.location(), Some("https://app.example/home"), "{name}: {} {}", answer.status, answer.body);
}

async fn an_assertion_is_used_once(backend: Backend) {
    let world = initiated(backend).await;
    for signs in EVERYWHERE {
        let mut message = message(&world);
        message.signs = signs;
        let xml = message.build();
        assert_landed("first", &bring(&world, &xml).await);
        let log = Log::capture();
        assert_refused("again", &bring(&world, &xml).await);
        assert!(log.text().contains("used before"), "{}", log.text());
        drop(log);
        world.clock.advance(300);
        assert_refused("at its last moment", &bring(&world, &xml).await);
        world.clock.advance(119);
        assert_refused("at the last moment of the skew", &bring(&world, &xml).await);
        world.clock.advance(3600);
        assert_refused("long after", &bring(&world, &xml).await);
        let fresh = self::message(&world).build();
        assert_landed("another", &bring(&world, &fresh).await);
    }
}

async fn of_many_at_once_one_is_used(backend: Backend) {
    let world = initiated(backend).await;
    let second = world.second_node().await;
    // The user exists, so that nothing but the message is raced for.
    assert_landed("first", &bring(&world, &message(&world).build()).await);
    let xml = message(&world).build();
    let tasks = (0..12).map(|i| bring(if i % 2 == 0 { &world.world } else { &second }, &xml));
    let answers = futures_util::future::join_all(tasks).await;
    let landed = answers.iter().filter(|a| a.location().is_some()).count();
    assert_eq!(landed, 1, "{:?}", answers.iter().map(|a| a.status).collect::<Vec<_>>());
    assert!(answers.iter().filter(|a| a.location().is_none()).all(|a| a.status == 400));
}

async fn other_nodes_and_restarts_remember(backend: Backend) {
    let world = initiated(backend).await;
    let xml = message(&world).build();
    let second = world.second_node().await;
    assert_landed("first", &bring(&world, &xml).await);
    assert_refused("at another node", &bring(&second, &xml).await);
    let restarted = world.second_node().await;
    assert_refused("after a restart", &bring(&restarted, &xml).await);
    assert_landed("another", &bring(&restarted, &message(&world).build()).await);
}

async fn other_bytes_around_it_do_not_renew_it(backend: Backend) {
    let world = initiated(backend).await;
    let mut message = message(&world);
    message.signs = Signs::Assertion;
    let signed = message.finished_assertion();
    assert_landed("first", &bring(&world, &message.finish(&signed)).await);
    let changes: [(&str, fn(&mut Message)); 4] = [
        ("another response id", |m| m.response_id = new_id()),
        ("another moment", |m| m.issue_instant = super::provider::moment(crate::world::START + 1)),
        ("spaces", |m| m.response = edit(|r| r.replace("><", ">\n  <").replace(">\n  <saml:Assertion", "><saml:Assertion"))),
        ("no destination", |m| m.destination = None),
    ];
    for (name, change) in changes {
        let mut again = message.clone();
        let inner = format!("{{{{inner}}}}{signed}");
        change(&mut again);
        // Only what surrounds the signed assertion may change.
        let around = again.finish("<inner/>").replace(">\n  <inner/>", "><inner/>").replace("<inner/>\n  ", "<inner/>");
        let xml = around.replace("<inner/>", inner.trim_start_matches("{{inner}}"));
        let log = Log::capture();
        assert_refused(name, &bring(&world, &xml).await);
        assert!(log.text().contains("used before"), "{name}: {}", log.text());
    }
}

/// A provider that names two assertions alike, or somebody who made it do so.
async fn an_id_that_was_used_is_not_used_for_another_request(backend: Backend) {
    let world = SamlSso::new(backend).await;
    let id = new_id();
    assert_signed_in("first", &world.sign_in(&mut Browser::new(), |m| m.assertion_id = id.clone()).await);
    let forge = |message: &mut Message| {
        message.assertion_id = id.clone();
        message.build()
    };
    world.refused_but_honest_passes("an id twice", "used before", forge).await;
}
