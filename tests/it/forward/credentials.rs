//! What a request proves itself with: one credential, from where the site's issuers have it, and nothing unjudged beside it.

use serde_json::json;

use super::{API, BROWSER, DIALECTS, Dialect, Guarded, foreign};
use gatehouse::{
    oauth::client::{GrantType, SigningAlg},
    params, store,
};

use crate::{
    on_both,
    sso::Log,
    world::{Backend, START},
};

on_both!(
    an_exchanged_token_is_ours,
    one_credential_is_taken,
    tokens_come_in_the_header_of_their_issuer,
    claims_are_as_the_site_has_them,
    an_address_is_the_one_of_today,
    teams_are_those_of_today,
    a_site_may_do_without_the_cookie_of_the_hops,
    our_cookies_are_not_the_services,
    an_issuer_that_cannot_be_asked_is_no_bad_token
);

async fn one_credential_is_taken(backend: Backend) {
    let world = Guarded::new(backend).await;
    let good = format!("Bearer {}", world.own().await);
    let cookie = format!("accessToken={}", world.own().await);
    let same = good.replace("Bearer ", "accessToken=");
    for (name, headers, status) in [
        ("as it should be", vec![("authorization", good.as_str())], 200),
        ("the scheme in any case", vec![("authorization", &good.replace("Bearer", "bEARER"))], 200),
        ("twice", vec![("authorization", good.as_str()), ("authorization", good.as_str())], 401),
        ("with another", vec![("authorization", good.as_str()), ("authorization", "Basic YTpi")], 401),
        ("another scheme", vec![("authorization", "Basic YTpi")], 401),
        ("another scheme beside a good cookie", vec![("authorization", "Basic YTpi"), ("cookie", &cookie)], 401),
        ("a bad token beside a good cookie", vec![("authorization", "Bearer x.y.z"), ("cookie", &cookie)], 401),
        ("nothing", vec![("authorization", "Bearer ")], 401),
        ("a cookie twice", vec![("cookie", &format!("{cookie}; {cookie}"))], 401),
        ("a cookie", vec![("cookie", cookie.as_str())], 200),
        ("another's cookie beside it", vec![("authorization", good.as_str()), ("cookie", &cookie)], 401),
        ("two cookies beside it", vec![("authorization", good.as_str()), ("cookie", &format!("{same}; {cookie}"))], 401),
        ("the same in the cookie", vec![("authorization", good.as_str()), ("cookie", &same)], 200),
        ("another cookie beside it", vec![("authorization", good.as_str()), ("cookie", "theme=dark")], 200),
    ] {
        let mut all = vec![API];
        all.extend(headers);
        assert_eq!(world.status("app.example", "/", &all).await, status, "{name}");
    }
    // A token in the query is none: queries are logged.
    let target = format!("/?access_token={}", good.replace("Bearer ", ""));
    assert_eq!(world.status("app.example", &target, &[API]).await, 401);
}

async fn tokens_come_in_the_header_of_their_issuer(backend: Backend) {
    let world = Guarded::new(backend).await;
    world.okta(json!({"header_key": "X-Okta-Token"})).await;
    let token = foreign(json!({}));
    let (bearer, own) = (format!("Bearer {token}"), format!("Bearer {}", world.own().await));
    let (raw_own, cookie) = (own.replace("Bearer ", ""), own.replace("Bearer ", "accessToken="));
    for (name, headers, status) in [
        ("bare", vec![("x-okta-token", token.as_str())], 200),
        ("with the scheme", vec![("x-okta-token", bearer.as_str())], 200),
        ("in Authorization", vec![("authorization", bearer.as_str())], 401),
        ("spelled otherwise", vec![("x_okta_token", token.as_str())], 401),
        ("twice", vec![("x-okta-token", token.as_str()), ("x-okta-token", token.as_str())], 401),
        ("in both spellings", vec![("x-okta-token", token.as_str()), ("x_okta_token", "other")], 401),
        ("beside ours", vec![("authorization", own.as_str()), ("x-okta-token", token.as_str())], 401),
        ("beside another scheme", vec![("authorization", "Basic YTpi"), ("x-okta-token", token.as_str())], 401),
        ("beside an empty one", vec![("authorization", "Bearer "), ("x-okta-token", token.as_str())], 401),
        ("beside ours in the cookie", vec![("cookie", cookie.as_str()), ("x-okta-token", token.as_str())], 401),
        ("beside another cookie", vec![("cookie", "theme=dark"), ("x-okta-token", token.as_str())], 200),
        ("ours in it", vec![("x-okta-token", raw_own.as_str())], 401),
        ("ours alone", vec![("authorization", own.as_str())], 200),
    ] {
        let mut all = vec![API];
        all.extend(headers);
        assert_eq!(world.status("app.example", "/", &all).await, status, "{name}");
    }
}

async fn claims_are_as_the_site_has_them(backend: Backend) {
    let world = Guarded::new(backend).await;
    let rules = json!([
        {"claim": "email", "values": ["*@customer.example"], "match_type": "glob"},
        {"claim": "groups", "values": ["eng", "ops"], "match_type": "contains"},
    ]);
    world.site("strict", json!({"hosts": ["strict.example"], "issuers": ["okta", "gatehouse"], "claims": rules})).await;
    for (claims, status) in [
        (json!({}), 200),
        (json!({"groups": ["x", "ops"]}), 200),
        (json!({"email": "ada@evil.example"}), 403),
        (json!({"email": "ada@customer.example.evil.example"}), 403),
        (json!({"email": ["ada@customer.example"]}), 403),
        (json!({"email": null}), 403),
        (json!({"groups": ["engineering"]}), 403),
        (json!({"groups": []}), 403),
    ] {
        let value = format!("Bearer {}", foreign(claims.clone()));
        assert_eq!(world.status("strict.example", "/", &[API, ("authorization", &value)]).await, status, "{claims}");
    }
    // The log names the rule that failed, and no other.
    let log = Log::down_to(tracing::Level::WARN);
    let value = format!("Bearer {}", foreign(json!({"groups": ["engineering"]})));
    assert_eq!(world.status("strict.example", "/", &[API, ("authorization", &value)]).await, 403);
    let text = log.text();
    assert!(text.contains("as its rules have them: claim groups: the token has") && !text.contains("claim email"), "{text}");
    drop(log);
    // They hold for our own tokens too.
    let own = format!("Bearer {}", world.own().await);
    assert_eq!(world.status("strict.example", "/", &[API, ("authorization", &own)]).await, 403);
    let rules = json!([{"claim": "email", "values": ["*@acme.example"], "match_type": "glob"}]);
    world.site("strict", json!({"hosts": ["strict.example"], "claims": rules})).await;
    assert_eq!(world.status("strict.example", "/", &[API, ("authorization", &own)]).await, 200);
    // A browser that is known and may not gets a page, and is not sent round in circles.
    world.site("strict", json!({"hosts": ["strict.example"], "claims": [{"claim": "sub", "values": ["x"], "match_type": "exact"}], "login": {"client": "portal"}})).await;
    for dialect in DIALECTS {
        let cookie = own.replace("Bearer ", "accessToken=");
        let answer = world.ask(dialect, "strict.example", "/", &[BROWSER, ("cookie", &cookie)]).await;
        assert_eq!((answer.status, answer.location()), (403, None));
        assert!(answer.body.contains("No access"), "{}", answer.body);
    }
}

/// Whoever has a sibling of the site's host can give browsers a cookie of that name: a site may do without.
async fn a_site_may_do_without_the_cookie_of_the_hops(backend: Backend) {
    let world = Guarded::new(backend).await;
    let own = world.own().await;
    let (cookie, header) = (format!("accessToken={own}"), format!("Bearer {own}"));
    for (settings, by_cookie) in [(json!({}), 200), (json!({"access_cookie": true}), 200), (json!({"access_cookie": false}), 401)]
    {
        let mut site = json!({"hosts": ["plain.example"]});
        site.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
        world.site("plain", site).await;
        assert_eq!(world.status("plain.example", "/", &[API, ("cookie", &cookie)]).await, by_cookie, "{settings}");
        assert_eq!(world.status("plain.example", "/", &[API, ("authorization", &header)]).await, 200);
    }
}

/// A token that we gave for one of okta's is ours, and okta's word about its bearer all the same.
async fn an_exchanged_token_is_ours(backend: Backend) {
    let world = Guarded::new(backend).await;
    let id = world.external_identity("ci", "repo:acme").await;
    let claims = json!({
        "iss": world.url, "sub": id, "aud": world.url, "client_id": "web", "tenant": "acme", "scope": "", "jti": "j",
        "iat": START, "exp": START + 600,
        "acts_as": [{"kind": "external_identity", "id": id, "mapping": ["mapping-ci", 1]}],
        "origin": {
            "iss": super::OKTA, "sub": "repo:acme", "email": "ceo@acme.example", "source": "issuer-okta",
            "terms": world.terms("issuer-okta").await, "grant": "token_exchange",
        },
        "email": "ceo@acme.example", "email_verified": true,
    });
    let mut client = store::clients::find(&world.app.db, "web").await.unwrap().unwrap();
    client.settings.grant_types.push(GrantType::TokenExchange);
    assert!(store::clients::save(&world.app.db, &client, START).await.unwrap());
    let token = world.app.ring.sign(SigningAlg::ES256, "at+jwt", &claims, START).unwrap();
    let value = format!("Bearer {token}");
    let headers = [API, ("authorization", value.as_str())];
    let answer = world.ask(DIALECTS[0], "app.example", "/", &headers).await;
    assert_eq!((answer.status, answer.header("remote-user")), (200, Some("ci")), "{}", answer.body);
    world.site("theirs", json!({"hosts": ["theirs.example"], "issuers": ["okta"]})).await;
    assert_eq!(world.status("theirs.example", "/", &headers).await, 401, "the site does not take ours");
    // Whom okta sends is let in nowhere else by going through us.
    world.site("ours", json!({"hosts": ["ours.example"], "issuers": ["gatehouse"]})).await;
    assert_eq!(world.status("ours.example", "/", &headers).await, 401, "the site does not take okta's");
    let own = format!("Bearer {}", world.own().await);
    assert_eq!(world.status("ours.example", "/", &[API, ("authorization", &own)]).await, 200);
    // A site that takes exchanged tokens alone: okta's own do not pass, and a user's of ours does.
    let both = json!({"hosts": ["alone.example"], "issuers": ["gatehouse", "okta"], "exchanged_only": true});
    world.site("alone", both).await;
    let direct = format!("Bearer {}", foreign(json!({"sub": "repo:acme"})));
    let (told, direct) = (headers[1], ("authorization", direct.as_str()));
    for (host, header, status) in
        [("alone.example", told, 200), ("alone.example", direct, 401), ("app.example", direct, 200), ("app.example", told, 200)]
    {
        assert_eq!(world.status(host, "/", &[API, header]).await, status, "{host}");
    }
    assert_eq!(world.status("alone.example", "/", &[API, ("authorization", &own)]).await, 200);
    // No rule believes the address that okta gave, as if it were ours.
    let rules = json!([{"claim": "email", "values": ["*@acme.example"], "match_type": "glob"}]);
    world.site("mail", json!({"hosts": ["mail.example"], "issuers": ["gatehouse", "okta"], "claims": rules})).await;
    assert_eq!(world.status("mail.example", "/", &headers).await, 403);
    assert_eq!(world.status("mail.example", "/", &[API, ("authorization", &own)]).await, 200);
    world.okta(json!({"header_key": "X-Okta-Token"})).await;
    assert_eq!(world.status("theirs.example", "/", &[API, ("x-okta-token", &token)]).await, 401);
    assert_eq!(world.status("app.example", "/", &[API, ("x-okta-token", &token)]).await, 401, "nor in okta's header");
}

/// Rules and what the site is told know the address that the person has, and not the one that a token of yesterday says.
async fn an_address_is_the_one_of_today(backend: Backend) {
    let world = Guarded::new(backend).await;
    let rules = json!([{"claim": "email", "values": ["*@acme.example"], "match_type": "glob"}]);
    world.site("mail", json!({"hosts": ["mail.example"], "claims": rules})).await;
    world.site("told", json!({"hosts": ["told.example"], "identity": {"method": "claims_header"}})).await;
    let own = format!("Bearer {}", world.own().await);
    let headers = [API, ("authorization", own.as_str())];
    assert_eq!(world.status("mail.example", "/", &headers).await, 200);
    let sql = "UPDATE users SET email = 'gone@other.example', email_proven = FALSE WHERE id = $1 RETURNING tenant_id";
    let ada = world.user("ada@acme.example").await;
    assert_eq!(store::On::from(&world.app.db).publish(sql, params![&ada]).await.unwrap(), 1);
    assert_eq!(world.status("mail.example", "/", &headers).await, 403);
    let answer = world.ask(DIALECTS[0], "told.example", "/", &headers).await;
    let claims: serde_json::Value = serde_json::from_str(answer.header("x-user-claims").unwrap()).unwrap();
    assert_eq!((&claims["email"], &claims["email_verified"]), (&json!("gone@other.example"), &json!(false)), "{claims}");
}

/// No token of ours says whose teams they are, and what another issuer calls teams is not asked.
async fn teams_are_those_of_today(backend: Backend) {
    let world = Guarded::new(backend).await;
    let site = |team: &str| {
        let rules = json!([{"claim": "teams", "values": [team], "match_type": "contains"}]);
        json!({"hosts": ["teams.example"], "issuers": ["gatehouse", "okta"], "claims": rules})
    };
    let own = format!("Bearer {}", world.own().await);
    let (theirs, bare) = (foreign(json!({"teams": ["sre"]})), foreign(json!({})));
    let (theirs, bare) = (format!("Bearer {theirs}"), format!("Bearer {bare}"));
    for (team, expected) in [("sre", [200, 403, 403]), ("gone", [403, 403, 403])] {
        world.site("teams", site(team)).await;
        for (token, status) in [&own, &theirs, &bare].into_iter().zip(expected) {
            assert_eq!(world.status("teams.example", "/", &[API, ("authorization", token)]).await, status, "{team}");
        }
    }
    world.site("teams", site("sre")).await;
    assert_eq!(world.status("teams.example", "/", &[API, ("authorization", &own)]).await, 200);
    assert_eq!(world.world.sql("DELETE FROM team_members").await, 2);
    world.app.db.changed();
    assert_eq!(world.status("teams.example", "/", &[API, ("authorization", &own)]).await, 403, "with the token that passed");
}

/// Proxies that replace a header as a whole are told what of `Cookie` is the service's own.
async fn our_cookies_are_not_the_services(backend: Backend) {
    let world = Guarded::new(backend).await;
    let public = json!({"hosts": ["open.example"], "public_paths": ["/"]});
    world.site("open", public).await;
    let own = world.own().await;
    let ours = format!("accessToken={own}; refreshToken=x; __Host-gatehouse-site-abcdefgh=y");
    for (host, cookie, left) in [
        ("app.example", format!("theme=dark; {ours}; lang=en"), Some("theme=dark; lang=en")),
        ("open.example", format!("{ours}; theme=dark"), Some("theme=dark")),
        ("app.example", ours.clone(), None),
    ] {
        for dialect in DIALECTS {
            let answer = world.ask(dialect, host, "/", &[API, ("cookie", &cookie)]).await;
            let told = if dialect == Dialect::Request { None } else { left };
            assert_eq!((answer.status, answer.header("cookie")), (200, told), "{dialect:?}: {cookie}");
            let removed = answer.header("x-envoy-auth-headers-to-remove").unwrap_or_default();
            let bare = removed.split(',').any(|name| name == "cookie");
            assert_eq!(bare, dialect == Dialect::Envoy && left.is_none(), "{dialect:?}: {removed}");
        }
    }
    let refused = world.ask(Dialect::Forward, "app.example", "/", &[API, ("cookie", "theme=dark")]).await;
    assert_eq!((refused.status, refused.header("cookie")), (401, None), "only what passes goes on");
}

/// A client throws away a token that is said to be bad.
async fn an_issuer_that_cannot_be_asked_is_no_bad_token(backend: Backend) {
    let world = Guarded::new(backend).await;
    world.okta(json!({"jwks": null, "jwks_uri": format!("{}/no-keys-here", world.url)})).await;
    let value = format!("Bearer {}", foreign(json!({})));
    for dialect in DIALECTS {
        let answer = world.ask(dialect, "app.example", "/", &[API, ("authorization", &value)]).await;
        assert_eq!((answer.status, answer.header("retry-after")), (503, Some("2")), "{dialect:?}");
        let expected = json!({"error": "temporarily_unavailable", "error_description": "JWKS fetch failed"});
        assert_eq!((answer.json(), answer.header("www-authenticate")), (expected, None));
    }
    world.okta(json!({})).await;
    assert_eq!(world.status("app.example", "/", &[API, ("authorization", &value)]).await, 200, "the same token");
}
