//! The provider demands that sessions end: they do, with all that came from them, on every node; and it is told so.

use super::{
    SLO, Scene,
    message::{Demand, Ours, WAYS, Way},
};
use crate::{
    browser::Browser,
    on_both,
    saml::provider::SUCCESS,
    world::{Backend, World},
};

on_both!(
    ends_the_session_and_its_tokens,
    ends_the_sessions_it_names,
    a_person_without_a_session_is_signed_out_already,
    ends_what_outlived_the_session,
    works_while_switched_off,
    needs_no_address_for_answers,
    fails_when_the_database_does
);

async fn ends_the_session_and_its_tokens(backend: Backend) {
    for way in WAYS {
        let scene = Scene::new(backend).await;
        let other = scene.second_node().await;
        let ours = scene.certificate("signing").await;
        let told = "UPDATE clients SET settings = REPLACE(settings, '\"backchannel_logout_uri\":null', \
                    '\"backchannel_logout_uri\":\"https://app.example/out\"') WHERE id = 'web'";
        assert_eq!(scene.sql(told).await, 1);
        let (mut ada, mut bob) =
            (scene.person("ada@acme.example", Some("_a")).await, scene.person("bob@acme.example", Some("_b")).await);
        assert!(scene.is_alive(&mut ada).await);
        let demand = scene.demand();
        // From anywhere: neither the person's browser nor their cookies are needed.
        let answer = demand.send(&mut Browser::new(), way).await;
        assert_eq!(answer.status, if way == Way::Redirect { 302 } else { 303 }, "{}", answer.body);
        let told = Ours::of(&answer, "SAMLResponse", &ours);
        assert_eq!((told.name.as_str(), told.to.as_str(), told.destination.as_deref()), ("LogoutResponse", SLO, Some(SLO)));
        assert_eq!((told.in_response_to.as_deref(), told.status.as_deref()), (Some(demand.id.as_str()), Some(SUCCESS)));
        assert_eq!(told.relay_state, demand.relay_state);
        assert_eq!(told.text("Issuer"), Some(format!("{}/saml/acme/corp/metadata", scene.url).as_str()));

        let refused = Browser { cookies: ada.browser.cookies.clone() }.get(&elsewhere(&other)).await;
        assert_eq!(refused.query("error").as_deref(), Some("login_required"), "on the other node");
        scene.assert_ended("at once", &mut ada).await;
        assert_eq!(other.refresh("web", ada.refresh_token()).await.status, 400, "on the other node");
        assert!(scene.is_alive(&mut bob).await, "another person's lives");
        assert_eq!(scene.sql("DELETE FROM provider_sessions").await, 1, "Bob's is left");
        assert_eq!(scene.sql("DELETE FROM deliveries").await, 1, "the client is told, of Ada alone");
    }
}

/// A silent request at this node, whose public address is the first one's.
fn elsewhere(node: &World) -> String {
    node.authorize_url("web", &[("prompt", "none")])
}

async fn ends_the_sessions_it_names(backend: Backend) {
    let scene = Scene::new(backend).await;
    let mut people = Vec::new();
    for index in [Some("_1"), Some("_2"), Some("_3"), Some("_4"), None] {
        people.push(scene.person("ada@acme.example", index).await);
    }
    let mut alive = async |expected: [bool; 5]| {
        for (person, expected) in people.iter_mut().zip(expected) {
            assert_eq!(scene.is_alive(person).await, expected);
        }
    };
    let ours = scene.certificate("signing").await;
    let mut browser = Browser::new();
    let answer = scene.demand().naming(&["_none"]).send(&mut browser, Way::Redirect).await;
    assert_eq!(Ours::of(&answer, "SAMLResponse", &ours).status.as_deref(), Some(SUCCESS));
    alive([true, true, true, true, false]).await;
    scene.demand().naming(&["_1"]).send(&mut browser, Way::Post).await;
    alive([false, true, true, true, false]).await;
    scene.demand().naming(&["_2", "_x", "_3"]).send(&mut browser, Way::Redirect).await;
    alive([false, false, false, true, false]).await;
    scene.demand().send(&mut browser, Way::Redirect).await;
    alive([false; 5]).await;
}

async fn a_person_without_a_session_is_signed_out_already(backend: Backend) {
    let scene = Scene::new(backend).await;
    let mut ada = scene.person("ada@acme.example", None).await;
    let ours = scene.certificate("signing").await;
    for subject in ["nobody@acme.example", "ADA@acme.example", "ada@acme.example.evil.example"] {
        let demand = Demand::new(&scene.idp, &scene.at(), subject, scene.clock.now());
        let answer = demand.send(&mut Browser::new(), Way::Redirect).await;
        assert_eq!(Ours::of(&answer, "SAMLResponse", &ours).status.as_deref(), Some(SUCCESS), "{subject}");
        assert!(scene.is_alive(&mut ada).await, "{subject} is somebody else");
    }
}

/// Refresh tokens live longer than the session that gave them; the provider's word reaches them all the same.
async fn ends_what_outlived_the_session(backend: Backend) {
    let scene = Scene::new(backend).await;
    let ada = scene.person("ada@acme.example", Some("_a")).await;
    scene.clock.advance(3 * 86_400);
    let rotated = scene.refresh("web", ada.refresh_token()).await;
    assert_eq!(rotated.status, 200, "it has outlived the session: {}", rotated.body);
    scene.demand().naming(&["_a"]).send(&mut Browser::new(), Way::Redirect).await;
    let token = rotated.json()["refresh_token"].as_str().unwrap().to_owned();
    assert_eq!(scene.refresh("web", &token).await.status, 400);
}

/// Ending sessions gives nobody anything, and one that was left would live again with the switch.
async fn works_while_switched_off(backend: Backend) {
    let scene = Scene::new(backend).await;
    for (off, on) in [
        ("UPDATE connections SET enabled = FALSE", "UPDATE connections SET enabled = TRUE"),
        ("UPDATE tenants SET enabled = FALSE", "UPDATE tenants SET enabled = TRUE"),
    ] {
        let mut ada = scene.person("ada@acme.example", None).await;
        scene.sql(off).await;
        let answer = scene.demand().send(&mut Browser::new(), Way::Redirect).await;
        assert_eq!(answer.status, 302, "{off}: {}", answer.body);
        scene.sql(on).await;
        scene.assert_ended(off, &mut ada).await;
    }
}

async fn needs_no_address_for_answers(backend: Backend) {
    let scene = Scene::with(backend, "").await;
    let mut ada = scene.person("ada@acme.example", None).await;
    let page = scene.demand().send(&mut Browser::new(), Way::Redirect).await;
    assert_eq!((page.status, page.location()), (200, None));
    assert!(page.body.contains("You are signed out"), "{}", page.body);
    scene.assert_ended("without an answer", &mut ada).await;
}

async fn fails_when_the_database_does(backend: Backend) {
    let scene = Scene::new(backend).await;
    let _ada = scene.person("ada@acme.example", None).await;
    scene.sql("ALTER TABLE families RENAME TO gone").await;
    let answer = scene.demand().send(&mut Browser::new(), Way::Redirect).await;
    assert_eq!((answer.status, answer.location()), (503, None), "nothing is claimed that is not so");
}
