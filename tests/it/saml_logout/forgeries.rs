//! Demands that nobody may make: each is refused and ends nothing, and its honest twin ends the session.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{
    Person, Scene, assert_refused,
    farewells::left,
    message::{Demand, Reply, WAYS, Way, post, query},
};
use crate::{
    browser::Browser,
    on_both,
    saml::{
        dsig::{Algorithm, Digest, Signer, unsigned},
        keys::key,
        provider::{Provider, SAML, SAMLP, moment},
        sso_saml::{SamlSso, state},
    },
    sso::Log,
    world::Backend,
};

on_both!(
    what_is_not_signed_by_the_provider,
    what_is_wrapped,
    what_says_the_wrong_thing,
    what_was_used_before,
    what_another_tenants_provider_says,
    what_is_no_message
);

/// It is refused for this cause, and the person stays signed in.
async fn ends_nothing(scene: &Scene, person: &mut Person, name: &str, cause: &str, log: &Log, answer: &crate::browser::Answer) {
    assert_refused(name, answer);
    let text = log.text();
    let last = text.lines().rfind(|l| l.contains("page error")).unwrap_or_default();
    assert!(last.contains(cause), "{name}: refused for another cause than {cause:?}: {last}");
    assert!(scene.is_alive(person).await, "{name}: it ended the session");
}

async fn the_honest_twin_ends_it(scene: &Scene, mut person: Person) {
    for way in WAYS {
        let answer = scene.demand().send(&mut Browser::new(), way).await;
        assert!(answer.location().is_some(), "{way:?}: {}", answer.body);
    }
    scene.assert_ended("the honest demand", &mut person).await;
}

async fn what_is_not_signed_by_the_provider(backend: Backend) {
    let scene = Scene::new(backend).await;
    let (mut ada, log, mut browser) = (scene.person("ada@acme.example", None).await, Log::capture(), Browser::new());
    let at = scene.at();
    let demand = scene.demand();
    let bare = unsigned(&demand.bare());
    let signed = demand.signer.sign(&demand.bare(), &demand.id);
    let honest = query("SAMLRequest", &bare, Some("x"), Some(&demand.signer));
    let (message, signature) = honest.split_once("&SigAlg=").unwrap();

    for (name, cause, sent) in [
        ("no signature", "not signed", query("SAMLRequest", &bare, None, None)),
        ("signature stripped", "not signed", message.to_owned()),
        ("empty signature", "signature", format!("{message}&SigAlg={}&Signature=", signature.split('&').next().unwrap())),
        ("other RelayState", "signature", honest.replace("RelayState=x", "RelayState=y")),
        ("RelayState dropped", "signature", honest.replace("&RelayState=x", "")),
        ("two messages", "repeated", format!("{message}&{honest}")),
        ("request and response", "one SAMLRequest", honest.replace("SAMLRequest=", "SAMLResponse=x&SAMLRequest=")),
        ("as an answer", "RelayState names no farewell", honest.replace("SAMLRequest=", "SAMLResponse=")),
    ] {
        let answer = browser.get(&format!("{at}?{sent}")).await;
        ends_nothing(&scene, &mut ada, name, cause, &log, &answer).await;
    }
    for (name, cause, xml) in [
        ("no signature", "not signed", bare.clone()),
        ("changed", "signature", signed.replace(">ada@", ">bob@")),
        ("signature of nothing", "signature", signed.replacen("<ds:DigestValue>", "<ds:DigestValue>AAAA", 1)),
        ("another's key in KeyInfo", "signature", Signer::of(key(1)).sign(&demand.bare(), &demand.id)),
    ] {
        let answer = demand.post(&mut browser, &xml).await;
        ends_nothing(&scene, &mut ada, &format!("form: {name}"), cause, &log, &answer).await;
    }
    for way in WAYS {
        let answer = Demand { signer: Signer::of(key(1)), ..scene.demand() }.send(&mut browser, way).await;
        ends_nothing(&scene, &mut ada, "another's key", "signature", &log, &answer).await;
    }
    for algorithm in [Algorithm::RsaSha1, Algorithm::HmacSha256] {
        let answer =
            Demand { signer: Signer::with(algorithm, Digest::Sha256), ..scene.demand() }.send(&mut browser, Way::Post).await;
        ends_nothing(&scene, &mut ada, "a weak algorithm", "signature", &log, &answer).await;
    }
    the_honest_twin_ends_it(&scene, ada).await;
}

async fn what_is_wrapped(backend: Backend) {
    let scene = Scene::new(backend).await;
    let (mut ada, log, mut browser) = (scene.person("ada@acme.example", None).await, Log::capture(), Browser::new());
    // What the attacker has: an honest demand about somebody else.
    let honest = Demand::new(&scene.idp, &scene.at(), "mallory@acme.example", scene.clock.now());
    let signed = honest.signer.sign(&honest.bare(), &honest.id);
    let evil = Demand { id: "_evil".into(), ..scene.demand() };
    let around = |inner: &str, before: bool| {
        let open = if before { "{{_evil}}" } else { "</samlp:LogoutRequest>" };
        let replaced = if before { inner.to_owned() } else { format!("{inner}</samlp:LogoutRequest>") };
        unsigned(&evil.bare().replacen(open, &replaced, 1))
    };
    let signature =
        format!("<ds:Signature{}", signed.split_once("<ds:Signature").unwrap().1.split_once("</ds:Signature>").unwrap().0)
            + "</ds:Signature>";
    let original = signed.replace(&signature, "");
    for (name, xml) in [
        ("in Extensions", around(&format!("<samlp:Extensions>{signed}</samlp:Extensions>"), true)),
        ("at the end", around(&signed, false)),
        ("signature moved to the root", around(&format!("{signature}<samlp:Extensions>{original}</samlp:Extensions>"), true)),
        (
            "original within the signature",
            around(&signature.replace("</ds:Signature>", &format!("<ds:Object>{original}</ds:Object></ds:Signature>")), true),
        ),
        (
            "same id",
            around(&format!("{signature}<samlp:Extensions>{original}</samlp:Extensions>"), true).replace("_evil", &honest.id),
        ),
        ("a second NameID", signed.replace("<saml:NameID>", "<saml:NameID>ada@acme.example</saml:NameID><saml:NameID>")),
        ("a comment in the name", signed.replace("mallory@acme.example", "ada@acme.example<!---->")),
        (
            "within a response",
            format!("<samlp:Response xmlns:samlp=\"{SAMLP}\" ID=\"_x\" Version=\"2.0\">{signed}</samlp:Response>"),
        ),
        ("a DOCTYPE", format!("<!DOCTYPE x [<!ENTITY e \"ada@acme.example\">]>{signed}")),
    ] {
        let answer = honest.post(&mut browser, &xml).await;
        ends_nothing(&scene, &mut ada, name, "", &log, &answer).await;
    }
    // Something else that the provider has signed: an assertion about her.
    let mut response = scene.idp.unsolicited("https://us.example", "https://us.example/acs", scene.clock.now());
    response.signs = crate::saml::provider::Signs::Assertion;
    let answer = honest.post(&mut browser, &response.build()).await;
    ends_nothing(&scene, &mut ada, "an assertion", "no LogoutRequest", &log, &answer).await;
    the_honest_twin_ends_it(&scene, ada).await;
}

async fn what_says_the_wrong_thing(backend: Backend) {
    let scene = Scene::new(backend).await;
    let (mut ada, log, mut browser) = (scene.person("ada@acme.example", None).await, Log::capture(), Browser::new());
    let (now, honest) = (scene.clock.now(), scene.demand());
    let encrypted = format!("<saml:EncryptedID xmlns:saml=\"{SAML}\"></saml:EncryptedID>");
    for (name, cause, demand) in [
        ("another provider", "Issuer is", Demand { issuer: "https://evil.example".into(), ..honest.clone() }),
        ("no Destination", "no Destination", Demand { destination: None, ..honest.clone() }),
        ("an empty one", "Destination is", Demand { destination: Some(String::new()), ..honest.clone() }),
        (
            "another connection",
            "Destination is",
            Demand { destination: Some(honest.to.replace("corp", "other")), ..honest.clone() },
        ),
        ("a slash more", "Destination is", Demand { destination: Some(format!("{}/", honest.to)), ..honest.clone() }),
        ("an old one", "seconds ago", Demand { issue_instant: moment(now - 421), ..honest.clone() }),
        ("one of the future", "seconds ago", Demand { issue_instant: moment(now + 421), ..honest.clone() }),
        ("one without time", "IssueInstant", Demand { issue_instant: String::new(), ..honest.clone() }),
        ("an expired one", "NotOnOrAfter", Demand { not_on_or_after: Some(moment(now - 120)), ..honest.clone() }),
        ("an older protocol", "Version", Demand { version: "1.1".into(), ..honest.clone() }),
        ("nobody", "no NameID", Demand { name_id: String::new(), ..honest.clone() }),
        ("in secret", "EncryptedID", Demand { name_id: encrypted, ..honest.clone() }),
        ("no session", "SessionIndex", honest.clone().naming(&[""])),
    ] {
        for way in WAYS {
            let answer = demand.send(&mut browser, way).await;
            ends_nothing(&scene, &mut ada, name, cause, &log, &answer).await;
        }
    }
    let late = Demand { issue_instant: moment(now - 420), not_on_or_after: Some(moment(now - 119)), ..honest };
    assert!(late.send(&mut browser, Way::Redirect).await.location().is_some(), "just in time");
    scene.assert_ended("just in time", &mut ada).await;
}

async fn what_was_used_before(backend: Backend) {
    let scene = Scene::new(backend).await;
    let other = scene.second_node().await;
    let log = Log::capture();
    for way in WAYS {
        let demand = scene.demand();
        let mut first = scene.person("ada@acme.example", None).await;
        assert!(demand.send(&mut Browser::new(), way).await.location().is_some());
        scene.assert_ended("the first time", &mut first).await;
        let mut second = scene.person("ada@acme.example", None).await;
        // By the other binding it is the same message still.
        for again in WAYS {
            let answer = demand.send(&mut Browser::new(), again).await;
            ends_nothing(&scene, &mut second, "again", "was used before", &log, &answer).await;
        }
        let there = Demand { to: demand.to.replace(&scene.url, &other.url), ..demand.clone() };
        assert_refused("on another node", &there.send(&mut Browser::new(), way).await);
        scene.clock.advance(420);
        assert_refused("while it counts", &demand.send(&mut Browser::new(), way).await);
        scene.clock.advance(1);
        assert_refused("when it no longer does", &demand.send(&mut Browser::new(), way).await);
        assert!(scene.is_alive(&mut second).await);
        the_honest_twin_ends_it(&scene, second).await;
    }
}

/// Two tenants, the same entity id, the same NameID, different keys: each provider speaks for its own tenant.
async fn what_another_tenants_provider_says(backend: Backend) {
    let mut foreign = Provider::new("idp");
    foreign.signer = Signer::of(key(1));
    let both = |idp: &Provider| {
        let slo = "slo_url: \"https://idp.example/saml/slo\"";
        let second = state(&foreign, slo, "").replace("tenants:\n", "").replace("name: acme", "name: umbrella");
        let second = second.replace("acme.example", "umbrella.example").replace("client_id: web", "client_id: umbrella-web");
        state(idp, slo, "") + &second.replace("client_id: spa", "client_id: umbrella-spa")
    };
    let scene = Scene(SamlSso::made(backend, Provider::new("idp"), both).await);
    let (mut ada, log, mut browser) = (scene.person("ada@acme.example", None).await, Log::capture(), Browser::new());
    let umbrella = scene.at().replace("/acme/", "/umbrella/");
    for way in WAYS {
        let theirs = Demand { signer: foreign.signer.clone(), ..scene.demand() };
        let answer = theirs.send(&mut browser, way).await;
        ends_nothing(&scene, &mut ada, "their key at our address", "signature", &log, &answer).await;
        let theirs = Demand { signer: foreign.signer.clone(), to: umbrella.clone(), ..scene.demand() };
        let answer = theirs.send(&mut browser, way).await;
        ends_nothing(&scene, &mut ada, "our address at theirs", "Destination is", &log, &answer).await;
        let theirs = Demand { destination: Some(umbrella.clone()), ..theirs };
        assert!(theirs.send(&mut browser, way).await.location().is_some(), "they may say it of their own");
        assert!(scene.is_alive(&mut ada).await, "our Ada is another person");
        let ours = Demand { to: umbrella.clone(), ..scene.demand() };
        assert_refused("ours at theirs", &ours.send(&mut browser, way).await);
    }
    the_honest_twin_ends_it(&scene, ada).await;

    // What our browser carries back is an answer to us alone.
    let (mut ada, request) = left(&scene).await;
    let honest = Reply::to(&scene.idp, &scene.at(), &request, scene.clock.now());
    let theirs = Reply { signer: foreign.signer.clone(), to: umbrella.clone(), destination: Some(umbrella), ..honest.clone() };
    assert_refused("our RelayState at theirs", &theirs.send(&mut ada.browser, Way::Redirect).await);
    assert!(honest.send(&mut ada.browser, Way::Redirect).await.location().is_some(), "it is not burnt");
}

async fn what_is_no_message(backend: Backend) {
    let scene = Scene::new(backend).await;
    let (mut ada, log, mut browser) = (scene.person("ada@acme.example", None).await, Log::capture(), Browser::new());
    let at = scene.at();
    let bomb = unsigned(&scene.demand().bare()) + &" ".repeat(8 * 1024 * 1024);
    let bomb = query("SAMLRequest", &bomb, None, Some(&scene.idp.signer));
    for (name, cause, sent) in [
        ("nothing", "one SAMLRequest", String::new()),
        ("a signed bomb", "bytes", bomb),
        ("junk", "base64", "SAMLRequest=%25&SigAlg=x&Signature=x".into()),
        ("no deflate", "", format!("SAMLRequest={}&SigAlg=x&Signature=x", STANDARD.encode("junk"))),
    ] {
        let answer = browser.get(&format!("{at}?{sent}")).await;
        let cause = if name == "junk" { "" } else { cause };
        ends_nothing(&scene, &mut ada, name, cause, &log, &answer).await;
    }
    for (name, xml) in [("nothing", ""), ("junk", "junk"), ("half", "<samlp:LogoutRequest"), ("deep", &"<a>".repeat(10_000))] {
        let answer = post(&mut browser, &at, "SAMLRequest", xml, None).await;
        ends_nothing(&scene, &mut ada, name, "", &log, &answer).await;
    }
    for path in ["/saml/acme/none/slo", "/saml/none/corp/slo", "/saml/acme/corp/slo/x"] {
        let answer = post(&mut browser, &format!("{}{path}", scene.url), "SAMLRequest", "x", None).await;
        assert_eq!(answer.status, 404, "{path}");
    }
    let long = Demand { relay_state: Some("x".repeat(10_000)), ..scene.demand() };
    for way in WAYS {
        let answer = long.send(&mut browser, way).await;
        ends_nothing(&scene, &mut ada, "a long RelayState", "RelayState", &log, &answer).await;
    }
    the_honest_twin_ends_it(&scene, ada).await;
}
