//! What becomes of a SAML answer that is true: whose session it begins and for how long, where the browser lands, in the
//! broker's way and in direct mode.

use gatehouse::{
    clock::Clock,
    connector::ProviderSession,
    secret,
    store::{connections, provider_sessions, tenants},
};

use crate::{
    browser::{Answer, Browser},
    on_both,
    saml::{
        provider::{Message, Provider, encoded, moment},
        request::{AuthnRequest, Way},
        sso_saml::{SamlSso, assert_refused, assert_signed_in, post, state},
    },
    world::{Backend, START, World, decode, text},
};

on_both!(
    the_providers_session_is_remembered,
    our_session_ends_with_the_providers,
    people_in_many_groups_sign_in,
    a_saml_departure_takes_no_answer_by_get,
    a_landing_is_the_clients_when_it_is_reached,
    a_provider_that_names_no_request_makes_no_endless_round,
    one_answer_of_two_is_no_ones,
    direct_mode_over_saml,
);

const INITIATED: &str = "idp_initiated: true, idp_initiated_client: spa, idp_initiated_url: \"https://spa.example/home?a=b\"";

/// What a provider sends of its own accord to the connection `corp`.
async fn unasked(world: &SamlSso, browser: &mut Browser, bend: impl FnOnce(&mut Message)) -> Answer {
    let acs = format!("{}/oauth2/callback", world.url);
    let us = format!("{}/saml/acme/corp/metadata", world.url);
    let mut message = world.idp.unsolicited(&us, &acs, world.clock.now());
    bend(&mut message);
    post(browser, &acs, None, &encoded(&message.build())).await
}

async fn the_providers_session_is_remembered(backend: Backend) {
    let world = SamlSso::new(backend).await;
    let answer = world.sign_in(&mut Browser::new(), |_| {}).await;
    let tokens = world.tokens_of(&answer).await;
    let sid = text(&decode(text(&tokens, "id_token")).1, "sid").to_owned();
    let (db, now) = (&world.app.db, world.clock.now());
    let tenant = tenants::find_by_name(db, "acme").await.unwrap().unwrap();
    let connection = connections::find_by_name(db, &tenant.id, "corp").await.unwrap().unwrap();
    let rows = provider_sessions::of_subject(db, &connection.id, &secret::digest("ada@acme.example"), now).await.unwrap();
    assert_eq!(rows.len(), 1);
    let row = &rows[0];
    assert_eq!((row.sid.as_str(), row.session_index.as_deref()), (sid.as_str(), Some("_session-1")));
    assert!(!row.detail_sealed.contains("ada@acme.example"), "sealed");
    let detail = world.app.sealer.open_text(&format!("provider-session/{sid}"), &row.detail_sealed).unwrap();
    let session: ProviderSession = serde_json::from_str(&detail).unwrap();
    assert_eq!((session.subject.as_str(), session.index.as_deref()), ("ada@acme.example", Some("_session-1")));
    // As long as a refresh token may live that the session's last moment gave.
    let settings = &world.app.settings;
    assert_eq!(row.expires_at, now + settings.session_absolute + settings.refresh_token_absolute_lifetime);
}

async fn our_session_ends_with_the_providers(backend: Backend) {
    let world = SamlSso::new(backend).await;
    let mut browser = Browser::new();
    let answer = world.sign_in(&mut browser, |m| m.session_not_on_or_after = Some(moment(START + 600))).await;
    let tokens = world.tokens_of(&answer).await;
    let again = async |browser: &mut Browser| browser.get(&world.authorize_url("web", &[("prompt", "none")])).await;
    world.clock.advance(599);
    assert!(again(&mut browser).await.query("code").is_some());
    world.clock.advance(1);
    assert_eq!(again(&mut browser).await.query("error").as_deref(), Some("login_required"));
    // What the session gave away is for the time when the person is away; single logout and revocation end it.
    assert_eq!(world.refresh("web", text(&tokens, "refresh_token")).await.status, 200);
}

async fn people_in_many_groups_sign_in(backend: Backend) {
    let world = SamlSso::new(backend).await;
    let groups: Vec<String> =
        (0..1500).map(|i| format!("CN=Group number {i},OU=Groups,OU=Some Department,DC=corp,DC=acme,DC=example")).collect();
    let groups: Vec<&str> = groups.iter().map(String::as_str).collect();
    let answer = world.sign_in(&mut Browser::new(), |m| m.attribute("groups", &groups)).await;
    assert_signed_in("in many groups", &answer);
}

async fn a_saml_departure_takes_no_answer_by_get(backend: Backend) {
    let world = SamlSso::new(backend).await;
    let mut browser = Browser::new();
    let request = world.depart(&mut browser, &world.authorize_url("web", &[])).await;
    let state = request.relay_state.clone().unwrap();
    let response = encoded(&world.idp.answer(&request, world.clock.now()).build());
    for query in [
        vec![("state", state.as_str()), ("code", "x")],
        vec![("RelayState", state.as_str()), ("SAMLResponse", response.as_str())],
        vec![("state", state.as_str()), ("SAMLResponse", response.as_str())],
    ] {
        let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
        assert_refused("by GET", &browser.get(&format!("{}?{query}", request.acs)).await);
    }
    assert_signed_in("by POST", &world.sign_in(&mut browser, |_| {}).await);
}

async fn a_landing_is_the_clients_when_it_is_reached(backend: Backend) {
    let world = SamlSso::with(backend, INITIATED).await;
    let land = async |browser: &mut Browser| {
        let request = AuthnRequest::of(&unasked(&world, browser, |_| {}).await);
        let xml = world.idp.answer(&request, world.clock.now()).build();
        (request, xml)
    };
    let mut browser = Browser::new();
    let (request, xml) = land(&mut browser).await;
    let landed = world.deliver(&mut browser, &request, &xml).await;
    assert_eq!((landed.status, landed.location()), (303, Some("https://spa.example/home?a=b")), "{}", landed.body);
    // The client has moved while the person was away.
    let mut browser = Browser::new();
    let (request, xml) = land(&mut browser).await;
    world.sql("UPDATE clients SET settings = REPLACE(settings, 'https://spa.example', 'https://moved.example')").await;
    let lost = world.deliver(&mut browser, &request, &xml).await;
    assert_eq!((lost.status, lost.location()), (502, None), "{}", lost.body);
    let lost = unasked(&world, &mut Browser::new(), |_| {}).await;
    assert_eq!((lost.status, lost.location()), (502, None), "nor does one begin: {}", lost.body);
}

async fn a_provider_that_names_no_request_makes_no_endless_round(backend: Backend) {
    let world = SamlSso::with(backend, INITIATED).await;
    let mut browser = Browser::new();
    for _ in 0..3 {
        assert_eq!(unasked(&world, &mut browser, |_| {}).await.status, 303, "a sign-in of ours begins");
    }
    assert_refused("round and round", &unasked(&world, &mut browser, |_| {}).await);
    assert_eq!(unasked(&world, &mut Browser::new(), |_| {}).await.status, 303, "other browsers go on");
    world.clock.advance(61);
    assert_eq!(unasked(&world, &mut browser, |_| {}).await.status, 303, "and this one when it has calmed down");
}

/// A connection with a callback URL of its own is not reached by the one that all share, nor the other way round.
async fn one_answer_of_two_is_no_ones(backend: Backend) {
    let world = SamlSso::made(backend, Provider::new("idp"), |idp| {
        state(idp, INITIATED, "").replace("email_trust: domain,", "email_trust: domain, own_callback: true,")
    })
    .await;
    let us = format!("{}/saml/acme/corp/metadata", world.url);
    for (path, status) in [("acme/corp", 303), ("acme/nobody", 400), ("nobody/corp", 400), ("", 400)] {
        let acs = format!("{}/oauth2/callback/{path}", world.url).trim_end_matches('/').to_owned();
        let message = world.idp.unsolicited(&us, &acs, world.clock.now());
        let answer = post(&mut Browser::new(), &acs, None, &encoded(&message.build())).await;
        assert_eq!(answer.status, status, "{path}: {}", answer.body);
    }
}

/// The metadata of the tests' provider, which takes requests in this way.
fn metadata(idp: &Provider, way: Way) -> String {
    let binding = if way == Way::Post { "HTTP-POST" } else { "HTTP-Redirect" };
    let certificate = crate::saml::keys::base64(idp.signer.certificate());
    format!(
        "<md:EntityDescriptor xmlns:md=\"urn:oasis:names:tc:SAML:2.0:metadata\" entityID=\"{}\"><md:IDPSSODescriptor \
         protocolSupportEnumeration=\"urn:oasis:names:tc:SAML:2.0:protocol\"><md:KeyDescriptor use=\"signing\"><ds:KeyInfo \
         xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"><ds:X509Data><ds:X509Certificate>{certificate}</ds:X509Certificate>\
         </ds:X509Data></ds:KeyInfo></md:KeyDescriptor><md:SingleSignOnService \
         Binding=\"urn:oasis:names:tc:SAML:2.0:bindings:{binding}\" Location=\"{}\"/></md:IDPSSODescriptor></md:EntityDescriptor>",
        idp.entity_id, idp.sso_url
    )
}

async fn direct_mode_over_saml(backend: Backend) {
    for way in [Way::Redirect, Way::Post] {
        let idp = Provider::new("idp");
        let metadata = metadata(&idp, way);
        let settings = [("MODE", "direct"), ("DIRECT_SAML_METADATA", metadata.as_str()), ("DIRECT_DOMAINS", "acme.example")];
        let world = World::bare(backend, Clock::manual(START), &settings).await;
        let begin = format!("{0}/api/svc/v1/oauth2/authorize?tenantName=default&redirectURL={0}/auth/callback", world.url);
        let mut browser = Browser::new();
        let first = browser.get(&begin).await;
        assert_eq!(first.status, 200, "{}", first.body);
        let to = text(&first.json(), "authorizationEndpoint").to_owned();
        let departure = match way {
            Way::Redirect => {
                Answer { headers: [("location".parse().unwrap(), to.parse().unwrap())].into_iter().collect(), ..first }
            }
            Way::Post => {
                assert!(to.starts_with(&world.url), "a form has no address but ours: {to}");
                let stranger = Browser::new().get(&to).await;
                assert_eq!(stranger.status, 400, "it is this browser's: {}", stranger.body);
                browser.get(&to).await
            }
        };
        let request = AuthnRequest::of(&departure);
        assert_eq!(request.way, way);
        let response = encoded(&idp.answer(&request, world.clock.now()).build());
        let landed = post(&mut browser, &request.acs, request.relay_state.as_deref(), &response).await;
        let home = format!("{}/auth/callback?userState=Authenticated", world.url);
        assert_eq!(landed.location(), Some(home.as_str()), "{} {}", landed.status, landed.body);
        assert!(browser.cookies["localhost"].contains_key("accessToken"));
    }
}
