//! A site whose browsers sign in at a trusted issuer itself, by an OAuth client of ours there ("Enable Login").

use gatehouse::{policy::trusted_issuer::IssuerSecrets, store};
use serde_json::{Value, json};
use url::Url;

use super::{API, BROWSER, Dialect, Guarded, PROXIES, STATE, sign_in::Visitor};
use crate::{
    idp::{CLIENT_ID, CLIENT_SECRET, Idp, change},
    on_both,
    world::{Backend, World},
};

on_both!(
    the_whole_way,
    what_the_issuer_says_is_judged,
    the_id_token_binds_the_sign_in_whoever_it_is_for,
    the_session_ends_with_the_issuer,
    a_session_is_no_older_than_its_token_may_be,
    whom_a_number_names,
    what_the_issuer_asks_for_later,
    the_code_of_another_issuer_of_the_host,
    a_narrow_cookie_of_the_hops_keeps_nobody_from_it,
    a_sign_in_ends_once
);

async fn abroad(backend: Backend) -> (Guarded, Idp) {
    let world = World::with(backend, STATE, &[PROXIES]).await;
    let idp = Idp::start(world.clock.clone()).await;
    let world = Guarded::bare(world).await;
    issuer(&world, &idp, true).await;
    let rules = json!([{"claim": "email", "values": ["*@acme.example"], "match_type": "glob"}]);
    world
        .site("app", json!({"hosts": ["app.example"], "issuers": ["abroad"], "claims": rules, "login": {"issuer": "abroad"}}))
        .await;
    (world, idp)
}

async fn issuer(world: &Guarded, idp: &Idp, enabled: bool) {
    named(world, idp, "abroad", enabled, json!({})).await;
}

/// `more` are further settings.
async fn named(world: &Guarded, idp: &Idp, name: &str, enabled: bool, more: Value) {
    let at = |path: &str| format!("{}{path}", idp.issuer());
    let mut settings: Value = json!({
        "issuer": idp.issuer(), "audience": [CLIENT_ID], "jwks_uri": at("/jwks"),
        "oauth_client": {
            "client_id": CLIENT_ID, "authorization_endpoint": at("/authorize"), "token_endpoint": at("/token"),
            "scopes": ["openid", "email"],
        },
    });
    settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let secrets = IssuerSecrets { oauth_client: Some(CLIENT_SECRET.to_owned()), ..IssuerSecrets::default() };
    let id = format!("issuer-{name}");
    let context = store::trusted_issuers::TrustedIssuer::secrets_context(&id);
    let sealed = world.app.sealer.seal(&context, serde_json::to_string(&secrets).unwrap().as_bytes());
    let issuer = store::trusted_issuers::TrustedIssuer {
        id,
        tenant_id: world.tenant.clone(),
        name: name.to_owned(),
        enabled,
        settings: serde_json::from_value(settings).unwrap(),
        secrets_sealed: Some(sealed),
        created_at: 0,
    };
    let mut tx = world.app.db.begin().await.unwrap();
    store::trusted_issuers::save(&mut tx, &issuer).await.unwrap();
    tx.commit().await.unwrap();
}

async fn callback(world: &Guarded, idp: &Idp, visitor: &mut Visitor) -> String {
    let authorize = visitor.depart(world, "app.example", "/page").await;
    assert!(authorize.starts_with(idp.issuer()), "{authorize}");
    idp.visit(&Url::parse(&authorize).unwrap()).await.0.into()
}

async fn the_whole_way(backend: Backend) {
    let (world, idp) = abroad(backend).await;
    let mut visitor = Visitor::default();
    let callback = callback(&world, &idp, &mut visitor).await;
    let landed = visitor.visit(&world, &callback, &[]).await;
    assert_eq!((landed.status, landed.location()), (303, Some("https://app.example/page")), "{}", landed.body);
    let answer = visitor.ask(&world, Dialect::Envoy, "app.example", "/page").await;
    assert_eq!((answer.status, answer.header("remote-user")), (200, Some("abroad/idp|ada")), "{}", answer.body);
    assert_eq!(answer.header("remote-email"), Some(""), "the issuer's word, until its email_trust says otherwise");
    let seen = idp.seen("/token");
    assert_eq!(seen.len(), 1);
    assert!(seen[0].form.contains_key("code_verifier"), "{:?}", seen[0]);
    // What the issuer said is stored sealed, and the cookie only as a digest.
    let rows = world.app.db.all::<(String, String)>("SELECT id_hash, claims_sealed FROM site_sessions", &[]).await.unwrap();
    assert!(!rows[0].1.contains("ada") && visitor.site.iter().all(|(_, value)| *value != rows[0].0));
    // Sign-out has a page of its own: there is no session of ours.
    let answer = visitor.visit(&world, "https://app.example/.gatehouse/sign-out", &[]).await;
    assert_eq!(answer.status, 401, "never 2xx, which some proxies take for an allow");
    assert!(visitor.site.is_empty());
    assert_eq!(visitor.ask(&world, Dialect::Forward, "app.example", "/").await.status, 302);
}

async fn what_the_issuer_says_is_judged(backend: Backend) {
    let (world, idp) = abroad(backend).await;
    let faults: Vec<(&str, crate::idp::Knobs)> = vec![
        (
            "another nonce",
            crate::idp::Knobs { claims: change(|c: &mut Value| c["nonce"] = "other".into()), ..Default::default() },
        ),
        (
            "another audience",
            crate::idp::Knobs { claims: change(|c: &mut Value| c["aud"] = "other".into()), ..Default::default() },
        ),
        (
            "another issuer",
            crate::idp::Knobs { claims: change(|c: &mut Value| c["iss"] = "https://evil.example".into()), ..Default::default() },
        ),
        ("a wrong key", crate::idp::Knobs { signing: crate::idp::Signing::WrongKey, ..Default::default() }),
        ("no signature", crate::idp::Knobs { signing: crate::idp::Signing::None("none"), ..Default::default() }),
    ];
    for (name, knobs) in faults {
        idp.turn(|k| *k = knobs.clone());
        let mut visitor = Visitor::default();
        let callback = callback(&world, &idp, &mut visitor).await;
        let answer = visitor.visit(&world, &callback, &[]).await;
        assert!(answer.status == 400 && answer.location().is_none(), "{name}: {} {}", answer.status, answer.body);
        assert!(!visitor.site.iter().any(|(cookie, _)| cookie.contains("site")), "{name}");
    }
    idp.turn(|k| *k = crate::idp::Knobs::default());
    // Who may not come is signed in, and stays outside.
    idp.person(|p| p["email"] = "eve@evil.example".into());
    let mut visitor = Visitor::default();
    let callback = callback(&world, &idp, &mut visitor).await;
    assert_eq!(visitor.visit(&world, &callback, &[]).await.status, 303);
    assert_eq!(visitor.ask(&world, Dialect::Forward, "app.example", "/").await.status, 403);
}

/// What is done to claims.
type Change = fn(&mut Value);

/// As README has it of Okta: the bearer tokens that count are for an API, so the ID token says nothing of the person but is
/// still what the nonce stands in.
async fn the_id_token_binds_the_sign_in_whoever_it_is_for(backend: Backend) {
    let (world, idp) = abroad(backend).await;
    let api = json!({"audience": ["api://default"], "required_claims": ["scp"]});
    named(&world, &idp, "abroad", true, api.clone()).await;
    let with_jwt = |more: Value| {
        let (signer, clock) = (idp.clone(), world.clock.clone());
        change(move |answer: &mut Value| {
            let now = clock.now();
            let mut claims = json!({
                "iss": signer.issuer(), "aud": "api://default", "sub": "ada@acme.example", "email": "ada@acme.example",
                "scp": ["openid"], "iat": now, "exp": now + 3600,
            });
            claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            answer["access_token"] = signer.sign(&claims, "at+jwt").into();
        })
    };
    let signed_in = async || {
        let mut visitor = Visitor::default();
        let callback = callback(&world, &idp, &mut visitor).await;
        let status = visitor.visit(&world, &callback, &[]).await.status;
        (status, visitor)
    };
    idp.turn(|k| k.token_response = with_jwt(json!({})));
    let (status, mut visitor) = signed_in().await;
    assert_eq!(status, 303, "the honest twin");
    let answer = visitor.ask(&world, Dialect::Envoy, "app.example", "/page").await;
    assert_eq!((answer.status, answer.header("remote-user")), (200, Some("abroad/ada@acme.example")), "the access token's");
    let id_tokens: [(&str, Change); 7] = [
        ("another nonce", |c| c["nonce"] = "other".into()),
        ("no nonce", |c| c["nonce"] = Value::Null),
        ("another audience", |c| c["aud"] = "other".into()),
        ("the API's audience", |c| c["aud"] = "api://default".into()),
        ("another beside it", |c| c["aud"] = json!([CLIENT_ID, "other"])),
        ("another issuer", |c| c["iss"] = "https://evil.example".into()),
        ("an old one", |c| c["exp"] = (c["iat"].as_i64().unwrap() - 3600).into()),
    ];
    for (name, fault) in id_tokens {
        idp.turn(|k| k.claims = change(fault));
        let (status, visitor) = signed_in().await;
        assert_eq!(status, 400, "{name}");
        assert!(!visitor.site.iter().any(|(cookie, _)| cookie.contains("site")), "{name}");
    }
    idp.turn(|k| k.claims = None);
    // It is forged, it is missing, or it is well and the access token is for somebody else.
    let also = |more: Value, then: fn(&mut Value)| {
        let access = with_jwt(more).unwrap();
        change(move |answer: &mut Value| {
            access(answer);
            then(answer);
        })
    };
    let answers: [(&str, Value, Change); 3] = [
        ("forged", json!({}), |a| a["id_token"] = format!("{}x", a["id_token"].as_str().unwrap()).into()),
        ("none", json!({}), |a| drop(a.as_object_mut().unwrap().remove("id_token"))),
        ("for another API", json!({"aud": "api://other"}), |_| {}),
    ];
    for (name, more, then) in answers {
        idp.turn(|k| k.token_response = also(more.clone(), then));
        assert_eq!(signed_in().await.0, 400, "{name}");
    }
    // Who does not ask for openid is given no nonce, and what comes for it is not looked at.
    let mut without = api;
    without["oauth_client"] = json!({
        "client_id": CLIENT_ID, "authorization_endpoint": format!("{}/authorize", idp.issuer()),
        "token_endpoint": format!("{}/token", idp.issuer()), "scopes": ["email"],
    });
    named(&world, &idp, "abroad", true, without).await;
    idp.turn(|k| k.token_response = with_jwt(json!({})));
    assert_eq!(signed_in().await.0, 303);
}

async fn the_session_ends_with_the_issuer(backend: Backend) {
    let (world, idp) = abroad(backend).await;
    let mut visitor = Visitor::default();
    let callback = callback(&world, &idp, &mut visitor).await;
    assert_eq!(visitor.visit(&world, &callback, &[]).await.status, 303);
    assert_eq!(visitor.ask(&world, Dialect::Forward, "app.example", "/").await.status, 200);
    issuer(&world, &idp, false).await;
    let answer = visitor.ask(&world, Dialect::Forward, "app.example", "/").await;
    assert_eq!(answer.status, 302);
    let start = Url::parse(answer.location().unwrap()).unwrap();
    assert_eq!(visitor.visit(&world, start.as_str(), &[]).await.status, 403, "nobody signs in there any more");
}

async fn a_session_is_no_older_than_its_token_may_be(backend: Backend) {
    let (world, idp) = abroad(backend).await;
    let mut visitor = Visitor::default();
    let sign_in = async |visitor: &mut Visitor| {
        let callback = callback(&world, &idp, visitor).await;
        visitor.visit(&world, &callback, &[]).await.status
    };
    let ask = async |visitor: &mut Visitor| visitor.ask(&world, Dialect::Forward, "app.example", "/").await.status;
    // The honest twin: by default the session outlives the ID token (300 s).
    assert_eq!(sign_in(&mut visitor).await, 303);
    world.clock.advance(1000);
    assert_eq!(ask(&mut visitor).await, 200);
    // What the operator says later counts for sessions that are there.
    named(&world, &idp, "abroad", true, json!({"max_token_age": 900})).await;
    assert_eq!(ask(&mut visitor).await, 302);
    assert_eq!(sign_in(&mut visitor).await, 303);
    world.clock.advance(899);
    assert_eq!(ask(&mut visitor).await, 200);
    world.clock.advance(1);
    assert_eq!(ask(&mut visitor).await, 302);
    // The row ends with it too, whatever the settings become.
    named(&world, &idp, "abroad", true, json!({})).await;
    assert_eq!(ask(&mut visitor).await, 302);
    // A token that only the tolerance for clocks lets through begins no session.
    named(&world, &idp, "abroad", true, json!({"max_token_age": 20})).await;
    idp.turn(|k| k.claims = change(|c: &mut Value| c["iat"] = (c["iat"].as_i64().unwrap() - 30).into()));
    assert_eq!(sign_in(&mut Visitor::default()).await, 400);
}

async fn the_code_of_another_issuer_of_the_host(backend: Backend) {
    let (world, idp) = abroad(backend).await;
    let said = |callback: &str, iss: Option<&str>| {
        let mut url = Url::parse(callback).unwrap();
        let kept: Vec<_> = url.query_pairs().into_owned().filter(|(name, _)| name != "iss").collect();
        url.query_pairs_mut().clear().extend_pairs(kept).extend_pairs(iss.map(|iss| ("iss", iss)));
        String::from(url)
    };
    let visit = async |iss: Option<&str>| {
        let mut visitor = Visitor::default();
        let callback = callback(&world, &idp, &mut visitor).await;
        visitor.visit(&world, &said(&callback, iss), &[]).await.status
    };
    assert_eq!(visit(None).await, 303, "the only issuer need not say who it is");
    assert_eq!(visit(Some("https://evil.example")).await, 400);
    // Ours beside it always says so.
    let shared = |path: &str, login: Value| json!({"hosts": ["app.example"], "paths": [path], "login": login});
    world.site("ours", shared("/ours", json!({"client": "portal"}))).await;
    assert_eq!(visit(None).await, 303);
    // Another one beside it could have had this code sent here.
    let other = Idp::start(world.clock.clone()).await;
    named(&world, &other, "rival", true, json!({})).await;
    world.site("rival", shared("/rival", json!({"issuer": "rival"}))).await;
    let before = idp.seen("/token").len();
    assert_eq!(visit(None).await, 400);
    assert_eq!(visit(Some(other.issuer())).await, 400);
    assert_eq!(idp.seen("/token").len(), before, "no code is shown to the wrong one");
    assert_eq!(visit(Some(idp.issuer())).await, 303, "the honest twin");
    // One that may be anybody cannot be compared with.
    world.site("rival", json!({"hosts": ["rival.example"], "login": {"issuer": "rival"}})).await;
    assert_eq!(visit(None).await, 303);
    named(&world, &idp, "abroad", true, json!({"issuer": null})).await;
    assert_eq!(visit(Some(&world.url)).await, 400, "a code of ours");
}

/// What the issuer gives no cookie of the hops has, and its session goes before that.
async fn a_narrow_cookie_of_the_hops_keeps_nobody_from_it(backend: Backend) {
    let (world, _idp) = abroad(backend).await;
    let site = |login: Value| {
        let issuers = ["gatehouse", "abroad"];
        json!({"hosts": ["app.example"], "issuers": issuers, "scopes": ["api.read"], "login": login})
    };
    let cookie = format!("accessToken={}", world.own().await);
    let ask = async |accept| world.ask(Dialect::Forward, "app.example", "/", &[accept, ("cookie", &cookie)]).await.status;
    world.site("app", site(json!({"issuer": "abroad"}))).await;
    assert_eq!((ask(BROWSER).await, ask(API).await), (302, 401), "as if there were none");
    // The twin: where nobody can sign in, it is what it is.
    world.site("app", site(Value::Null)).await;
    assert_eq!((ask(BROWSER).await, ask(API).await), (403, 403));
}

async fn whom_a_number_names(backend: Backend) {
    let (world, idp) = abroad(backend).await;
    idp.person(|p| p["employee"] = 4711.into());
    named(&world, &idp, "abroad", true, json!({"unique_id_claim": "employee"})).await;
    let mut visitor = Visitor::default();
    let callback = callback(&world, &idp, &mut visitor).await;
    assert_eq!(visitor.visit(&world, &callback, &[]).await.status, 303);
    let answer = visitor.ask(&world, Dialect::Envoy, "app.example", "/page").await;
    assert_eq!((answer.status, answer.header("remote-user")), (200, Some("abroad/4711")), "{}", answer.body);
}

async fn what_the_issuer_asks_for_later(backend: Backend) {
    let (world, idp) = abroad(backend).await;
    let mut visitor = Visitor::default();
    let callback = callback(&world, &idp, &mut visitor).await;
    assert_eq!(visitor.visit(&world, &callback, &[]).await.status, 303);
    let rule = |value: &str| json!([{"claim": "email", "values": [value], "match_type": "exact"}]);
    for (more, status) in [
        (json!({}), 200),
        (json!({"issuer": "https://other.example"}), 302),
        (json!({"audience": ["https://other.example"]}), 302),
        (json!({"audience": ["https://other.example", CLIENT_ID]}), 200),
        (json!({"required_claims": ["email", "employee"]}), 302),
        (json!({"required_claims": ["email"]}), 200),
        (json!({"claim_values": rule("eve@acme.example")}), 302),
        (json!({"claim_values": rule("ada@acme.example")}), 200),
        (json!({"unique_id_claim": "employee"}), 302),
        (json!({"unique_id_claim": "email"}), 200),
    ] {
        named(&world, &idp, "abroad", true, more.clone()).await;
        let answer = visitor.ask(&world, Dialect::Forward, "app.example", "/").await;
        assert_eq!(answer.status, status, "{more}: {}", answer.body);
    }
}

/// Whoever keeps the cookie of one sign-in could have us call the issuer, with our secret, as often as they like.
async fn a_sign_in_ends_once(backend: Backend) {
    let (world, idp) = abroad(backend).await;
    let mut visitor = Visitor::default();
    let callback = callback(&world, &idp, &mut visitor).await;
    let cookies = visitor.site.clone();
    let kept = || Visitor { site: cookies.clone(), ..Visitor::default() };
    let other = Guarded { world: world.second_node_with(&[PROXIES]).await, tenant: world.tenant.clone() };
    let mut junk = Url::parse(&callback).unwrap();
    let state = junk.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
    junk.query_pairs_mut().clear().append_pair("state", &state).append_pair("code", "junk").append_pair("iss", idp.issuer());
    // What is refused for something else ends nothing.
    let unknown = callback.replace(&state, "another");
    assert_eq!(kept().visit(&world, &unknown, &[]).await.status, 400);
    assert_eq!(visitor.visit(&world, &callback, &[]).await.status, 303);
    let asked = idp.seen("/token").len();
    for node in [&world, &other] {
        for again in [callback.as_str(), junk.as_str()] {
            let answer = kept().visit(node, again, &[]).await;
            assert!(answer.status == 400 && answer.location().is_none(), "{} {}", answer.status, answer.body);
        }
    }
    assert_eq!(idp.seen("/token").len(), asked, "the issuer hears of none of them");
    // The next sign-in is another one.
    let mut next = Visitor::default();
    let callback = self::callback(&world, &idp, &mut next).await;
    assert_eq!(next.visit(&world, &callback, &[]).await.status, 303);
}
