//! Signing out here signs out at the provider too: the sign-out here comes first and stands whatever the provider says.

use super::{
    Person, SLO, Scene, assert_refused,
    message::{Ours, Reply, WAYS, Way},
};
use crate::{
    browser::{Answer, Browser},
    on_both,
    saml::{
        dsig::{Signer, unsigned},
        keys::{base64, key},
        provider::{Provider, SUCCESS},
    },
    sso::Log,
    world::{Backend, text},
};

on_both!(
    goes_by_the_provider_and_comes_back,
    without_a_way_it_ends_on_our_page,
    a_form_where_the_provider_takes_forms,
    the_account_page_signs_out_there_too,
    an_answer_that_is_not_the_providers,
    an_answer_counts_once_and_in_time,
    nobody_is_told_who_is_not_to_be,
    a_provider_that_cannot_be_asked_stops_nobody,
    the_hops_sign_out_here_alone
);

const BYE: &str = "https://app.example/bye";

/// Leaves as the client asks, with `state`.
async fn leave(scene: &Scene, person: &mut Person) -> Answer {
    let pairs = [("id_token_hint", person.id_token()), ("post_logout_redirect_uri", BYE), ("state", "the client's")];
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    person.browser.get(&format!("{}/oauth2/logout?{query}", scene.url)).await
}

/// The sign-out of a fresh person, ended here already, and our request to the provider.
pub(super) async fn left(scene: &Scene) -> (Person, Ours) {
    let mut ada = scene.person("ada@acme.example", Some("_s1")).await;
    let answer = leave(scene, &mut ada).await;
    scene.assert_ended("before anybody else is asked", &mut ada).await;
    let request = Ours::of(&answer, "SAMLRequest", &scene.certificate("signing").await);
    (ada, request)
}

async fn goes_by_the_provider_and_comes_back(backend: Backend) {
    for way in WAYS {
        let scene = Scene::new(backend).await;
        let mut ada = scene.person("ada@acme.example", Some("_s1")).await;
        let mut elsewhere = scene.person("ada@acme.example", Some("_s2")).await;
        let answer = leave(&scene, &mut ada).await;
        assert_eq!((answer.status, answer.header("cache-control")), (302, Some("no-cache, no-store")));
        scene.assert_ended("before anybody else is asked", &mut ada).await;

        let request = Ours::of(&answer, "SAMLRequest", &scene.certificate("signing").await);
        assert_eq!(
            (request.name.as_str(), request.to.as_str(), request.destination.as_deref()),
            ("LogoutRequest", SLO, Some(SLO))
        );
        assert_eq!(request.text("Issuer"), Some(format!("{}/saml/acme/corp/metadata", scene.url).as_str()));
        assert_eq!(request.text("NameID"), Some("ada@acme.example"));
        assert_eq!(request.format.as_deref(), Some("urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"));
        assert_eq!(request.text("SessionIndex"), Some("_s1"), "as an element: {}", request.xml);
        assert!(request.xml.contains("NotOnOrAfter="), "{}", request.xml);

        // It comes back from the provider's site: a form brings no cookies along.
        let mut back = if way == Way::Post { Browser::new() } else { ada.browser.clone() };
        let answer = Reply::to(&scene.idp, &scene.at(), &request, scene.clock.now()).send(&mut back, way).await;
        assert_eq!(answer.location(), Some("https://app.example/bye?state=the+client%27s"), "{}", answer.body);
        assert_eq!(answer.status, if way == Way::Redirect { 302 } else { 303 });
        assert!(scene.is_alive(&mut elsewhere).await, "the provider speaks for that one itself");
    }
}

async fn without_a_way_it_ends_on_our_page(backend: Backend) {
    let scene = Scene::new(backend).await;
    let mut ada = scene.person("ada@acme.example", None).await;
    // Without a hint the person is asked; the form of the question may lead to the provider.
    let page = ada.browser.get(&format!("{}/oauth2/logout", scene.url)).await;
    assert!(page.header("content-security-policy").unwrap().contains("form-action 'self' https:;"), "{:?}", page.headers);
    assert!(scene.is_alive(&mut ada).await, "a question ends nothing");
    let confirm = format!("{}/oauth2/logout/confirm", scene.url);
    let answer = ada.browser.post(&confirm, &[("csrf", &page.csrf())]).await;
    assert_eq!(answer.status, 303);
    scene.assert_ended("confirmed", &mut ada).await;
    let request = Ours::of(&answer, "SAMLRequest", &scene.certificate("signing").await);
    assert_eq!(request.text("SessionIndex"), None);
    let answer = Reply::to(&scene.idp, &scene.at(), &request, scene.clock.now()).send(&mut ada.browser, Way::Redirect).await;
    assert_eq!((answer.status, answer.location()), (200, None));
    assert!(answer.body.contains("You are signed out") && !answer.body.contains("You are signed out here"), "{}", answer.body);
}

fn metadata(idp: &Provider, slo: &str) -> String {
    format!(
        "<md:EntityDescriptor xmlns:md=\"urn:oasis:names:tc:SAML:2.0:metadata\" entityID=\"{}\"><md:IDPSSODescriptor \
         protocolSupportEnumeration=\"urn:oasis:names:tc:SAML:2.0:protocol\"><md:KeyDescriptor use=\"signing\"><ds:KeyInfo \
         xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"><ds:X509Data><ds:X509Certificate>{}</ds:X509Certificate></ds:X509Data>\
         </ds:KeyInfo></md:KeyDescriptor>{slo}<md:SingleSignOnService Location=\"{}\" \
         Binding=\"urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect\"/></md:IDPSSODescriptor></md:EntityDescriptor>",
        idp.entity_id,
        base64(idp.signer.certificate()),
        idp.sso_url,
    )
}

async fn a_form_where_the_provider_takes_forms(backend: Backend) {
    let slo = "<md:SingleLogoutService Binding=\"urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST\" \
               Location=\"https://idp.example/slo/in\" ResponseLocation=\"https://idp.example/slo/out\"/>";
    let scene = Scene::published(backend, |idp| metadata(idp, slo)).await;
    let ours = scene.certificate("signing").await;
    let mut ada = scene.person("ada@acme.example", Some("_s1")).await;
    let page = leave(&scene, &mut ada).await;
    assert!(page.header("content-security-policy").unwrap().contains("form-action 'self' https:;"), "{:?}", page.headers);
    let request = Ours::of(&page, "SAMLRequest", &ours);
    assert_eq!((request.to.as_str(), request.text("SessionIndex")), ("https://idp.example/slo/in", Some("_s1")));
    let answer = Reply::to(&scene.idp, &scene.at(), &request, scene.clock.now()).send(&mut ada.browser, Way::Post).await;
    assert_eq!(answer.location(), Some("https://app.example/bye?state=the+client%27s"));

    let mut ada = scene.person("ada@acme.example", Some("_s2")).await;
    let demand = scene.demand();
    let page = demand.send(&mut Browser::new(), Way::Post).await;
    assert!(!page.body.contains("<script>"), "the provider's RelayState is a value: {}", page.body);
    let told = Ours::of(&page, "SAMLResponse", &ours);
    assert_eq!((told.to.as_str(), told.status.as_deref()), ("https://idp.example/slo/out", Some(SUCCESS)));
    assert_eq!(told.relay_state, demand.relay_state);
    scene.assert_ended("told by form", &mut ada).await;
}

async fn the_account_page_signs_out_there_too(backend: Backend) {
    let scene = Scene::new(backend).await;
    let mut ada = scene.person("ada@acme.example", Some("_s1")).await;
    let page = ada.browser.get(&format!("{}/account", scene.url)).await;
    assert!(page.header("content-security-policy").unwrap().contains("form-action 'self' https:;"), "{:?}", page.headers);
    let answer = ada.browser.post(&format!("{}/account/sign-out", scene.url), &[("csrf", &page.csrf())]).await;
    assert_eq!(answer.status, 303);
    scene.assert_ended("from the account page", &mut ada).await;
    let request = Ours::of(&answer, "SAMLRequest", &scene.certificate("signing").await);
    let answer = Reply::to(&scene.idp, &scene.at(), &request, scene.clock.now()).send(&mut ada.browser, Way::Redirect).await;
    assert!(answer.status == 200 && answer.body.contains("You are signed out"), "{}", answer.body);
}

async fn an_answer_that_is_not_the_providers(backend: Backend) {
    let scene = Scene::new(backend).await;
    let log = Log::capture();
    let code = |value: &str, inner: &str| {
        format!("<samlp:StatusCode Value=\"urn:oasis:names:tc:SAML:2.0:status:{value}\">{inner}</samlp:StatusCode>")
    };
    for way in WAYS {
        for (name, status, cause, bend) in [
            ("partly", 200, "PartialLogout", bend(|r| r.status = code("Success", &code("PartialLogout", "")))),
            ("not at all", 200, "Responder", bend(|r| r.status = code("Responder", ""))),
            ("another's key", 400, "signature", bend(|r| r.signer = Signer::of(key(1)))),
            ("another request", 400, "InResponseTo", bend(|r| r.in_response_to = Some("_other".into()))),
            ("no request", 400, "InResponseTo", bend(|r| r.in_response_to = None)),
            ("another provider", 400, "Issuer", bend(|r| r.issuer = "https://evil.example".into())),
            ("another address", 400, "Destination", bend(|r| r.destination = Some("https://evil.example/slo".into()))),
            ("no address", 400, "Destination", bend(|r| r.destination = None)),
        ] {
            let (mut ada, request) = left(&scene).await;
            let mut reply = Reply::to(&scene.idp, &scene.at(), &request, scene.clock.now());
            bend(&mut reply);
            let page = reply.send(&mut ada.browser, way).await;
            assert_eq!((page.status, page.location()), (status, None), "{name}: {}", page.body);
            assert!(page.body.contains("You are signed out here"), "{name}: {}", page.body);
            assert!(page.body.contains("href=\"https://app.example/bye?state=the+client%27s\""), "{name}: {}", page.body);
            let text = log.text();
            let logged = text.lines().rfind(|l| l.contains("signed out here")).unwrap_or_default();
            assert!(logged.contains(cause), "{name}: {logged}");
        }
    }
    let (mut ada, request) = left(&scene).await;
    let reply = Reply::to(&scene.idp, &scene.at(), &request, scene.clock.now());
    let page = reply.post(&mut ada.browser, &unsigned(&reply.bare())).await;
    assert!(page.status == 400 && page.body.contains("You are signed out here"), "unsigned: {}", page.body);
    let (mut ada, request) = left(&scene).await;
    let honest = Reply::to(&scene.idp, &scene.at(), &request, scene.clock.now());
    assert!(honest.send(&mut ada.browser, Way::Post).await.location().is_some());
}

fn bend<'a>(how: impl Fn(&mut Reply) + 'a) -> Box<dyn Fn(&mut Reply) + 'a> {
    Box::new(how)
}

async fn an_answer_counts_once_and_in_time(backend: Backend) {
    let scene = Scene::new(backend).await;
    let (mut ada, request) = left(&scene).await;
    let reply = Reply::to(&scene.idp, &scene.at(), &request, scene.clock.now());
    for (name, relay_state) in [
        ("no RelayState", None),
        ("an address", Some("https://evil.example/")),
        ("a script", Some("javascript:alert(1)")),
        ("another's", Some("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")),
    ] {
        let bent = Reply { relay_state: relay_state.map(str::to_owned), ..reply.clone() };
        let page = bent.send(&mut ada.browser, Way::Redirect).await;
        assert_refused(name, &page);
        assert!(!page.body.contains("evil.example") && !page.body.contains("javascript:"), "{}", page.body);
    }
    assert!(reply.send(&mut ada.browser, Way::Redirect).await.location().is_some(), "nothing has burnt it");
    assert_refused("again", &reply.send(&mut ada.browser, Way::Redirect).await);

    let (mut ada, request) = left(&scene).await;
    scene.clock.advance(600);
    let reply = Reply::to(&scene.idp, &scene.at(), &request, scene.clock.now());
    assert_refused("too late", &reply.send(&mut ada.browser, Way::Redirect).await);
}

async fn nobody_is_told_who_is_not_to_be(backend: Backend) {
    let goes_home = async |scene: &Scene, name: &str, off: &'static str| {
        let mut ada = scene.person("ada@acme.example", None).await;
        if !off.is_empty() {
            scene.sql(off).await;
        }
        let answer = leave(scene, &mut ada).await;
        assert_eq!(answer.location(), Some("https://app.example/bye?state=the+client%27s"), "{name}: {}", answer.body);
        scene.assert_ended(name, &mut ada).await;
    };
    goes_home(&Scene::with(backend, "").await, "it takes no logout messages", "").await;
    let unwanted = Scene::with(backend, &format!("slo_url: \"{SLO}\", single_logout: false")).await;
    goes_home(&unwanted, "single_logout is off", "").await;
    let scene = Scene::new(backend).await;
    goes_home(&scene, "the connection is off", "UPDATE connections SET enabled = FALSE").await;
    scene.sql("UPDATE connections SET enabled = TRUE").await;
    goes_home(&scene, "its session is not known", "DELETE FROM provider_sessions").await;
    let (_, request) = left(&scene).await;
    assert_eq!(request.to, SLO, "and with everything in place it is told");
}

async fn a_provider_that_cannot_be_asked_stops_nobody(backend: Backend) {
    let scene = Scene::new(backend).await;
    let log = Log::capture();
    for broken in ["UPDATE provider_sessions SET detail_sealed = 'x'", "ALTER TABLE farewells RENAME TO gone"] {
        let mut ada = scene.person("ada@acme.example", None).await;
        scene.sql(broken).await;
        let answer = leave(&scene, &mut ada).await;
        assert_eq!(answer.location(), Some("https://app.example/bye?state=the+client%27s"), "{broken}: {}", answer.body);
        scene.assert_ended(broken, &mut ada).await;
        assert!(log.text().contains("but not at the identity provider"), "{broken}");
    }
}

/// They answer a script, which cannot travel to the provider; the person's session here is over all the same.
async fn the_hops_sign_out_here_alone(backend: Backend) {
    let scene = Scene::new(backend).await;
    let mut ada = scene.person("ada@acme.example", None).await;
    let cookie = format!("refreshToken={}", ada.refresh_token());
    let url = format!("{}/api/svc/v1/oauth2/logout", scene.url);
    let answer = Browser::new().post_json(&url, &[("cookie", &cookie)], &serde_json::json!({"tenantName": "acme"})).await;
    assert_eq!((answer.status, text(&answer.json(), "userState")), (200, "SignedOut"));
    scene.assert_ended("by the hops", &mut ada).await;
    assert_eq!(scene.sql("DELETE FROM provider_sessions").await, 0, "nothing is left of it");
}
