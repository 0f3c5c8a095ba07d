//! What a site is told about who is there, by each method.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as B64};
use gatehouse::store;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, jwk::JwkSet};
use serde_json::{Value, json};

use super::{API, DIALECTS, Guarded, bearer, foreign};
use crate::{
    browser::{Answer, Browser},
    on_both,
    world::{Backend, START, decode},
};

on_both!(
    separate_headers,
    who_acts_as_one_identity_is_told_apart,
    claims_in_one_header,
    a_jwt_that_is_verified_with_our_keys_and_is_no_bearer_token,
    what_a_site_is_told_opens_nothing_where_our_tokens_are_trusted,
    under_our_name_no_foreign_subject_is_a_user,
    a_foreign_address_is_told_where_it_is_believed,
    the_token_as_it_came,
    values_cannot_leave_their_header
);

async fn told(world: &Guarded, host: &str, token: &str) -> Answer {
    let (header, value) = bearer(token);
    let mut answers = Vec::new();
    for dialect in DIALECTS {
        let answer = world.ask(dialect, host, "/", &[API, (header, &value)]).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, ""), "{dialect:?}");
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(answer.cookie_lines(), [""; 0], "nothing is renewed on the way");
        answers.push(answer);
    }
    answers.remove(0)
}

async fn separate_headers(backend: Backend) {
    let world = Guarded::new(backend).await;
    let identity =
        |answer: &Answer| ["user", "email", "name", "groups"].map(|n| answer.header(&format!("remote-{n}")).unwrap().to_owned());
    let answer = told(&world, "app.example", &world.own().await).await;
    let [user, email, name, groups] = identity(&answer);
    assert_eq!((user.as_str(), email.as_str(), name.as_str()), ("ada@acme.example", "ada@acme.example", "Ada"));
    let mut groups: Vec<&str> = groups.split(',').collect();
    groups.sort_unstable();
    assert_eq!(groups, ["on%2C call", "sre"]);
    // A subject that is mapped to nobody is named with its issuer, so that it is nobody's name.
    let answer = told(&world, "app.example", &foreign(json!({"sub": "ada@acme.example"}))).await;
    assert_eq!(identity(&answer), ["okta/ada@acme.example", "", "Ada of Okta", ""]);
    world.external_identity("ci-runner", "repo:acme").await;
    let answer = told(&world, "app.example", &foreign(json!({"sub": "repo:acme"}))).await;
    assert_eq!(identity(&answer)[0], "ci-runner");
    world.site("alone", json!({"hosts": ["alone.example"], "issuers": ["okta"]})).await;
    for (sub, user) in [
        ("00u1", "okta/00u1"),
        ("ada@acme.example", "okta/ada@acme.example"),
        ("ci-runner", "okta/ci-runner"),
        ("repo:acme/app", "okta/repo:acme%2Fapp"),
        ("repo:acme", "ci-runner"),
    ] {
        assert_eq!(identity(&told(&world, "alone.example", &foreign(json!({"sub": sub}))).await)[0], user, "{sub}");
    }
    // Who belongs to a team is not the team.
    world.team_by_claim("sre", "groups", "eng").await;
    let answer = told(&world, "alone.example", &foreign(json!({}))).await;
    assert_eq!((identity(&answer)[0].as_str(), identity(&answer)[3].as_str()), ("okta/00u1", "sre"));
}

/// Two people of one external identity are two, and none of them is somebody here.
async fn who_acts_as_one_identity_is_told_apart(backend: Backend) {
    let world = Guarded::new(backend).await;
    world.external_identity_by("partners", Vec::new()).await;
    world.team_by_claim("sre", "groups", "eng").await;
    let who = |answer: &Answer| ["user", "subject", "issuer"].map(|n| answer.header(&format!("remote-{n}")).unwrap().to_owned());
    for (sub, subject) in [("00u1", "okta/00u1"), ("00u2", "okta/00u2"), ("a/b", "okta/a%2Fb"), ("é", "okta/%C3%A9")] {
        let answer = told(&world, "app.example", &foreign(json!({"sub": sub}))).await;
        assert_eq!(who(&answer), ["partners", subject, super::OKTA], "{sub}");
    }
    // A user is told by the id that never changes, and no foreign subject is one.
    let ada = world.user("ada@acme.example").await;
    assert_eq!(who(&told(&world, "app.example", &world.own().await).await), ["ada@acme.example", &ada, &world.url]);
    let answer = told(&world, "app.example", &foreign(json!({"sub": ada}))).await;
    assert_eq!(who(&answer)[1], format!("okta/{ada}"));
}

async fn claims_in_one_header(backend: Backend) {
    let world = Guarded::new(backend).await;
    let site = |more: Value| {
        let mut identity = json!({"method": "claims_header"});
        identity.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"hosts": ["claims.example"], "issuers": ["okta"], "identity": identity})
    };
    world.site("claims", site(json!({}))).await;
    let read = |answer: &Answer, name: &str| serde_json::from_str::<Value>(answer.header(name).unwrap()).unwrap();
    let token = foreign(json!({"name": "Jürgen \u{1f600}", "secret": "x"}));
    let claims = read(&told(&world, "claims.example", &token).await, "x-user-claims");
    let expected = json!({
        "sub": "00u1", "iss": super::OKTA, "email": "ada@customer.example", "name": "Jürgen \u{1f600}", "groups": ["eng"],
        "tenant": "acme", "teams": [],
    });
    assert_eq!(claims, expected);
    world
        .site("claims", site(json!({"header_name": "X-Who", "include_claims": ["groups", "missing", "tenant", "principal"]})))
        .await;
    world.external_identity("ci-runner", "repo:acme").await;
    let forged = foreign(json!({"sub": "repo:acme", "tenant": "other", "principal": "root", "teams": ["admins"]}));
    let answer = told(&world, "claims.example", &forged).await;
    assert!(answer.header("x-user-claims").is_none());
    let principal = json!({"kind": "external_identity", "name": "ci-runner", "id": "principal-ci-runner"});
    let expected =
        json!({"sub": "repo:acme", "iss": super::OKTA, "groups": ["eng"], "tenant": "acme", "teams": [], "principal": principal});
    assert_eq!(read(&answer, "x-who"), expected, "no claim takes the place of what we say");
    // More than fits into a header is refused, not cut.
    let groups: Vec<String> = (0..800).map(|n| format!("group-{n}")).collect();
    let (header, value) = bearer(&foreign(json!({"groups": groups})));
    assert_eq!(world.status("claims.example", "/", &[API, (header, &value)]).await, 403);
}

async fn a_jwt_that_is_verified_with_our_keys_and_is_no_bearer_token(backend: Backend) {
    let world = Guarded::new(backend).await;
    let identity = json!({"method": "jwt_header", "include_claims": ["groups", "iss", "exp", "aud"], "jwt_expiry_seconds": 120});
    world.site("jwt", json!({"hosts": ["jwt.example"], "issuers": ["gatehouse", "okta"], "identity": identity})).await;
    let answer = told(&world, "jwt.example", &foreign(json!({}))).await;
    let jwt = answer.header("x-user-jwt").unwrap();
    let (header, claims) = decode(jwt);
    assert_eq!((&header["typ"], &header["alg"]), (&json!("identity+jwt"), &json!("RS256")));
    assert_eq!((&claims["iss"], &claims["aud"]), (&json!(world.url), &json!("https://jwt.example")));
    assert_eq!((&claims["sub"], &claims["idp"], &claims["groups"]), (&json!("okta/00u1"), &json!(super::OKTA), &json!(["eng"])));
    assert_eq!(claims["origin"], json!({"iss": super::OKTA, "sub": "00u1"}));
    assert_eq!((&claims["iat"], &claims["exp"]), (&json!(START), &json!(START + 120)));
    // Verified by another library, as the site would.
    let jwks = Browser::new().get(&format!("{}/oauth2/jwks", world.url)).await.json();
    let set: JwkSet = serde_json::from_value(jwks).unwrap();
    let key = DecodingKey::from_jwk(set.find(header["kid"].as_str().unwrap()).unwrap()).unwrap();
    let mut rules = Validation::new(Algorithm::RS256);
    rules.set_audience(&["https://jwt.example"]);
    rules.validate_exp = false;
    rules.validate_nbf = false;
    let (signed, signature) = jwt.rsplit_once('.').unwrap();
    assert!(jsonwebtoken::crypto::verify(signature, signed.as_bytes(), &key, Algorithm::RS256).unwrap());
    let changed = format!("{}.{}", decode_header(signed), B64.encode(json!({"sub": "eve"}).to_string()));
    assert!(!jsonwebtoken::crypto::verify(signature, changed.as_bytes(), &key, Algorithm::RS256).unwrap());
    // It proves nothing to us.
    let (name, value) = bearer(jwt);
    assert_eq!(world.status("jwt.example", "/", &[API, (name, &value)]).await, 401);
    assert_eq!(world.userinfo(jwt).await.status, 401);
    // The site's own name, when it has one.
    let site = json!({"hosts": ["jwt.example"], "issuers": ["okta"], "audience": "https://jwt.example/api", "identity": {"method": "jwt_header"}});
    world.site("jwt", site).await;
    let both = json!([super::AUDIENCE, "https://jwt.example/api"]);
    let answer = told(&world, "jwt.example", &foreign(json!({"aud": both}))).await;
    let (_, claims) = decode(answer.header("x-user-jwt").unwrap());
    assert_eq!((&claims["aud"], &claims["exp"]), (&json!("https://jwt.example/api"), &json!(START + 300)));
    // It does not outlive the token that it speaks of.
    let answer = told(&world, "jwt.example", &foreign(json!({"aud": both, "exp": START + 30}))).await;
    assert_eq!(decode(answer.header("x-user-jwt").unwrap()).1["exp"], json!(START + 30));
}

/// Another deployment that trusts ours has the keys of both kinds: one address publishes them.
async fn what_a_site_is_told_opens_nothing_where_our_tokens_are_trusted(backend: Backend) {
    let world = Guarded::new(backend).await;
    let identity = json!({"method": "jwt_header"});
    world.site("jwt", json!({"hosts": ["jwt.example"], "issuers": ["gatehouse"], "identity": identity})).await;
    let own = world.own().await;
    let jwt = told(&world, "jwt.example", &own).await.header("x-user-jwt").unwrap().to_owned();
    let there = Guarded::new(backend).await;
    let jwks = Browser::new().get(&format!("{}/oauth2/jwks", world.url)).await.json();
    let trusted = json!({"jwks": jwks, "audience": [world.url, "https://jwt.example"], "algorithms": ["ES256", "RS256"]});
    there.issuer("first", &world.url, trusted).await;
    there.site("both", json!({"hosts": ["both.example"], "issuers": ["first"]})).await;
    let status = async |token: &str| {
        let (name, value) = bearer(token);
        there.status("both.example", "/", &[API, (name, &value)]).await
    };
    assert_eq!((decode(&jwt).1["iss"].clone(), decode(&own).1["iss"].clone()), (json!(world.url), json!(world.url)));
    assert_eq!(status(&jwt).await, 401);
    // The same claims, signed by the same key as a plain token: it was the type.
    let claims = decode(&jwt).1;
    let plain = world.app.ring.sign(gatehouse::oauth::client::SigningAlg::RS256, "at+jwt", &claims, START).unwrap();
    assert_eq!((status(&plain).await, status(&own).await), (200, 200));
}

/// Services know people by `iss` and `sub`, and believe who signs that an address is verified.
async fn under_our_name_no_foreign_subject_is_a_user(backend: Backend) {
    let world = Guarded::new(backend).await;
    let identity = json!({"method": "jwt_header", "include_claims": ["email", "email_verified", "name", "origin", "sub"]});
    world.site("jwt", json!({"hosts": ["jwt.example"], "issuers": ["gatehouse", "okta"], "identity": identity})).await;
    let claims = async |token: &str| decode(told(&world, "jwt.example", token).await.header("x-user-jwt").unwrap()).1;
    let ada = world.user("ada@acme.example").await;
    let own = claims(&world.own().await).await;
    assert_eq!((&own["sub"], &own["email"], &own["email_verified"]), (&json!(ada), &json!("ada@acme.example"), &json!(true)));
    assert_eq!(own.get("origin"), None);
    let forged = json!({"sub": ada, "email": "ada@acme.example", "email_verified": true, "name": "Ada", "origin": "here"});
    for named in [false, true] {
        if named {
            world.external_identity("ci", &ada).await;
        }
        let theirs = claims(&foreign(forged.clone())).await;
        assert_eq!((&theirs["iss"], &theirs["sub"]), (&own["iss"], &json!(format!("okta/{ada}"))), "{theirs}");
        assert_eq!(theirs["email_verified"], json!(false), "nobody has proven it to us");
        assert_eq!(theirs["origin"], json!({"iss": super::OKTA, "sub": ada}));
    }
}

/// A service that knows people by their address is told none that their provider, or they themselves, could have chosen.
async fn a_foreign_address_is_told_where_it_is_believed(backend: Backend) {
    let world = Guarded::new(backend).await;
    let email = async |token: &str| {
        let answer = told(&world, "app.example", token).await;
        answer.header("remote-email").unwrap().to_owned()
    };
    let own = world.own().await;
    assert_eq!(email(&own).await, "ada@acme.example");
    let claiming = |email: &str, verified: Value| foreign(json!({"email": email, "email_verified": verified, "upn": email}));
    let says = |verified: Value| claiming("Ada@acme.example", verified);
    assert_eq!(email(&says(json!(true))).await, "", "its issuer is not believed");
    world.external_identity("ci", "repo:acme").await;
    let mapped = foreign(json!({"sub": "repo:acme", "email": "ada@acme.example", "email_verified": true}));
    assert_eq!(email(&mapped).await, "", "nor is an identity any proof of an address");
    world.okta(json!({"email_trust": "never"})).await;
    assert_eq!(email(&says(json!(true))).await, "");
    world.okta(json!({"email_trust": "verified"})).await;
    assert_eq!(email(&says(json!(true))).await, "ada@acme.example", "as addresses are compared");
    for verified in [json!(false), json!("true"), json!(1), json!(null)] {
        assert_eq!(email(&says(verified.clone())).await, "", "{verified}");
    }
    world.okta(json!({"email_trust": "verified", "email_claim": "upn"})).await;
    let other = json!({"upn": "ada@acme.example", "email": "eve@evil.example", "email_verified": true});
    assert_eq!(email(&foreign(other)).await, "", "the flag speaks of the claim email");
    // A domain counts once the organisation has proven it.
    world.okta(json!({"email_trust": "domain"})).await;
    assert_eq!(email(&says(json!(true))).await, "");
    store::domains::set(&world.app.db, &world.tenant, &["acme.example".to_owned()]).await.unwrap();
    assert_eq!(email(&says(json!(false))).await, "ada@acme.example");
    for evil in ["ada@customer.example", "ada@evil.example@acme.example", "\"ada\"@acme.example", "ada@sub.acme.example"] {
        assert_eq!(email(&claiming(evil, json!(true))).await, "", "{evil}");
    }
    // Ours is not told either while nobody has vouched for it.
    let ada = world.user("ada@acme.example").await;
    let doubt = "UPDATE users SET email_proven = $1 WHERE id = $2";
    world.app.db.execute(doubt, gatehouse::params![false, &ada]).await.unwrap();
    let again = world.own().await;
    assert_eq!(email(&again).await, "");
}

fn decode_header(signed: &str) -> &str {
    signed.split('.').next().unwrap()
}

async fn the_token_as_it_came(backend: Backend) {
    let world = Guarded::new(backend).await;
    world.site("raw", json!({"hosts": ["raw.example"], "identity": {"method": "bearer"}})).await;
    world.site("mute", json!({"hosts": ["mute.example"], "identity": {"method": "none"}})).await;
    let token = world.own().await;
    for _ in 0..2 {
        let answer = told(&world, "raw.example", &token).await;
        assert_eq!(answer.header("authorization"), Some(format!("Bearer {token}").as_str()), "also from memory");
    }
    let answer = told(&world, "mute.example", &token).await;
    for name in ["authorization", "remote-user", "x-user-claims", "x-user-jwt"] {
        assert_eq!(answer.header(name), None, "{name}");
    }
    let cookie = format!("accessToken={token}");
    let answer = world.ask(DIALECTS[0], "raw.example", "/", &[API, ("cookie", &cookie)]).await;
    assert_eq!(answer.header("authorization"), Some(format!("Bearer {token}").as_str()));
}

async fn values_cannot_leave_their_header(backend: Backend) {
    let world = Guarded::new(backend).await;
    let evil = json!({"sub": "a\r\nRemote-User: root", "email": "é@x\u{0}", "name": "a%0d\u{7f}"});
    let answer = told(&world, "app.example", &foreign(evil)).await;
    assert_eq!(answer.header("remote-user"), Some("okta/a%0D%0ARemote-User: root"));
    assert_eq!(answer.header("remote-email"), Some(""));
    assert_eq!(answer.header("remote-name"), Some("a%250d%7F"));
}
