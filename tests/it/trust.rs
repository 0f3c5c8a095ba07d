//! Foreign tokens as real issuers make them, what refused ones are told, and how fast changes are noticed.

use std::sync::{Arc, Mutex};

use gatehouse::{
    params,
    policy::{
        claim_rules::shorthand,
        principal::Kind,
        trusted_issuer::{Introspection, IssuerSettings},
    },
    store::{
        On, connections,
        mappings::{Source, Target},
        principals, trusted_issuers,
    },
    trust::LOOK,
};
use serde_json::{Value, json};

use crate::{
    idp::{Signing, change},
    on_both,
    sso::Log,
    trusted::{API, Trusted, foreign_token, named},
    world::{Backend, STATE, World, text},
};

on_both!(
    tokens_of_real_issuers,
    refused_tokens_are_told_the_promised_text,
    an_issuer_that_cannot_work_is_left_out,
    a_row_that_cannot_be_read_harms_its_issuer_alone,
    opaque_tokens_are_shown_to_nobody_but_their_issuer,
    tokens_of_our_own_are_shown_to_no_issuer,
    changes_are_noticed_at_once_here_and_soon_elsewhere,
    nothing_is_asked_while_it_is_fresh,
    without_a_database_nobody_is_let_in
);

/// Name, issuer, audience, subject claim; what its tokens say; rules that hold of them, and claims of which they do not.
type Shape<'a> = (&'a str, &'a str, &'a [&'a str], &'a str, Value, Value, Value);

async fn tokens_of_real_issuers(backend: Backend) {
    let world = Trusted::new(backend).await;
    let now = world.clock.now();
    let jwks = format!("{}/jwks", world.idp.issuer());
    let github = json!({"repository_id": "456789", "ref": "refs/heads/main"});
    #[rustfmt::skip]
    let shapes: [Shape<'_>; 8] = [
        ("okta", "https://acme.okta.com/oauth2/default", &["api://default"], "uid",
         json!({"cid": "0oa1", "uid": "00u1", "scp": ["openid", "api"], "sub": "ada@acme.example", "aud": "api://default"}),
         json!({"cid": "0oa1", "scp": "api"}), json!({"cid": "0oa2"})),
        ("auth0", "https://acme.eu.auth0.com/", &["https://api.acme.example"], "sub",
         json!({"azp": "cl", "gty": "client-credentials", "scope": "read:x", "sub": "cl@clients", "aud": ["https://api.acme.example", "https://acme.eu.auth0.com/userinfo"]}),
         json!({"azp": "cl"}), json!({"azp": "cl2"})),
        ("entra-v2", "https://login.microsoftonline.com/6d3e/v2.0", &["11aa"], "oid",
         json!({"oid": "o-1", "tid": "6d3e", "azp": "app-1", "roles": ["Task.Run"], "ver": "2.0", "sub": "s", "aud": "11aa"}),
         json!({"tid": "6d3e", "roles": "Task.Run"}), json!({"roles": ["Other"]})),
        ("entra-v1", "https://sts.windows.net/6d3e/", &["api://app"], "oid",
         json!({"oid": "o-1", "tid": "6d3e", "appid": "app-1", "ver": "1.0", "sub": "s", "aud": "api://app"}),
         json!({"appid": "app-1"}), json!({"appid": "app-2"})),
        ("cognito", "https://cognito-idp.eu-west-1.amazonaws.com/pool", &[], "sub",
         json!({"client_id": "c1", "token_use": "access", "scope": "gh/run", "cognito:groups": ["ops"], "aud": null}),
         json!({"token_use": "access", "client_id": ["c1"]}), json!({"token_use": "id"})),
        ("github", "https://token.actions.githubusercontent.com", &["https://gh.example"], "sub",
         json!({"repository": "acme/api", "repository_id": "456789", "ref": "refs/heads/main", "sub": "repo:acme/api:ref:refs/heads/main", "aud": "https://gh.example"}),
         github, json!({"ref": "refs/pull/1/merge"})),
        ("google-sa", "https://accounts.google.com", &["https://gh.example"], "sub",
         json!({"sub": "1045", "email": "ci@proj.iam.gserviceaccount.com", "email_verified": true, "azp": "1045", "aud": "https://gh.example"}),
         json!({"email": "ci@proj.iam.gserviceaccount.com", "email_verified": true}), json!({"email_verified": "true"})),
        ("kubernetes", "https://kubernetes.default.svc.cluster.local", &["gatehouse"], "sub",
         json!({"sub": "system:serviceaccount:prod:runner", "aud": ["gatehouse"], "kubernetes.io": {"namespace": "prod", "serviceaccount": {"name": "runner"}}}),
         json!({"sub": "system:serviceaccount:prod:runner", "kubernetes.io.serviceaccount.name": "runner"}),
         json!({"kubernetes.io": {"namespace": "prod", "serviceaccount": {"name": "other"}}})),
    ];
    for (name, issuer, audience, subject, claims, rules, other) in shapes {
        let trusted = world
            .trust("acme", name, |settings| {
                *settings = IssuerSettings {
                    issuer: Some(issuer.to_owned()),
                    audience: audience.iter().map(|&a| a.to_owned()).collect(),
                    jwks_uri: Some(jwks.clone()),
                    unique_id_claim: subject.to_owned(),
                    ..IssuerSettings::default()
                }
            })
            .await;
        let source = Source::Issuer(trusted.id);
        world.principal(Kind::ExternalIdentity, &format!("by-{name}"), Some((source, rules))).await;
        let token = |more: &Value| {
            let mut all = claims.clone();
            all["iss"] = issuer.into();
            all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            foreign_token(&world.idp, now, all)
        };
        let answer = world.whoami(&token(&json!({}))).await;
        assert_eq!(named(&answer), format!("by-{name}"));
        assert_eq!(answer.json()["subject"], claims.get(subject).unwrap_or(&json!("caller-1")).clone(), "{name}");
        assert_eq!(world.name(&token(&other)).await, "403 the token maps to no identity", "{name}");
        let slash = if issuer.ends_with('/') { issuer.trim_end_matches('/').to_owned() } else { format!("{issuer}/") };
        assert_eq!(world.name(&token(&json!({"iss": slash}))).await, "401 Invalid issuer", "{name}: byte for byte");
    }
    // A Kubernetes token of a secret: neither audience nor end.
    let legacy = json!({"iss": "kubernetes/serviceaccount", "aud": null, "exp": null});
    assert_eq!(world.name(&world.token(legacy)).await, "401 Invalid issuer");
}

async fn refused_tokens_are_told_the_promised_text(backend: Backend) {
    let world = Trusted::new(backend).await;
    world.identity("caller", json!({})).await;
    let mut issuer = world.issuer("acme", "idp").await;
    issuer.settings.required_claims = vec!["sub".to_owned(), "groups".to_owned()];
    issuer.settings.claim_values = vec![shorthand("hd", &json!("acme.example")).unwrap()];
    issuer.settings.max_token_age = Some(3000);
    trusted_issuers::save(&world.app.db, &issuer).await.unwrap();
    let now = world.clock.now();
    let token = |claims: Value| {
        let mut all = json!({"groups": ["x"], "hd": "acme.example"});
        all.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
        world.token(all)
    };
    assert_eq!(world.name(&token(json!({}))).await, "caller", "the honest twin");
    for (claims, told) in [
        (json!({"iss": "https://evil.example"}), "Invalid issuer"),
        (json!({"iss": format!("{}/", world.idp.issuer())}), "Invalid issuer"),
        (json!({"aud": "elsewhere"}), "Invalid audience"),
        (json!({"aud": format!("{API}/")}), "Invalid audience"),
        (json!({"groups": null}), "Missing required claims: groups"),
        (json!({"sub": null, "groups": null}), "Missing required claims: sub, groups"),
        (json!({"exp": null}), "Missing required claims: exp"),
        (json!({"exp": now - 61}), "Token is expired"),
        (json!({"iat": now - 3061}), "Token is expired"),
        (json!({"nbf": now + 61}), "Token is not yet valid"),
        (json!({"exp": "9999999999"}), "JWT validation failed"),
        (json!({"hd": "evil.example"}), "JWT validation failed"),
        (json!({"hd": null}), "JWT validation failed"),
    ] {
        let answer = world.whoami(&token(claims.clone())).await;
        assert_eq!(named(&answer), format!("401 {told}"), "{claims}");
        assert_eq!(text(&answer.json(), "error"), "invalid_token");
        let challenge = answer.header("www-authenticate").unwrap();
        let expected = format!("Bearer error=\"invalid_token\", error_description=\"{told}\"");
        assert!(challenge.starts_with(&expected), "{challenge}");
    }
    for signing in [Signing::WrongKey, Signing::Altered, Signing::None("none"), Signing::None("nOnE"), Signing::HmacOfPublicKey] {
        world.idp.turn(|knobs| knobs.signing = signing);
        assert_eq!(world.name(&token(json!({}))).await, "401 JWT validation failed", "{signing:?}");
    }
    world.idp.turn(|knobs| knobs.signing = Signing::Rs256);
    let log = Log::down_to(tracing::Level::INFO);
    let good = token(json!({}));
    let evil = token(json!({"aud": "elsewhere"}));
    world.whoami(&evil).await;
    assert!(log.text().contains("audience is") && log.text().contains("elsewhere"), "{}", log.text());
    assert!(!log.text().contains(&evil) && !log.text().contains(&good));
    drop(log);
    // Keys that cannot be had, without any that were.
    let down = world.trust("acme", "down", |s| s.issuer = Some("https://down.example".to_owned())).await;
    let mut settings = down.settings.clone();
    settings.jwks_uri = Some(format!("{}/nothing", world.idp.issuer()));
    trusted_issuers::save(&world.app.db, &trusted_issuers::TrustedIssuer { settings, ..down }).await.unwrap();
    assert_eq!(world.name(&token(json!({"iss": "https://down.example"}))).await, "503 JWKS fetch failed");
    assert_eq!(world.name(&good).await, "caller", "nobody else notices");
    // That says nothing of the token: its bearer is to keep it and to ask again.
    let answer = world.whoami(&token(json!({"iss": "https://down.example"}))).await;
    assert_eq!((text(&answer.json(), "error"), answer.header("retry-after")), ("temporarily_unavailable", Some("2")));
    assert_eq!(answer.header("www-authenticate"), None);
    // What is left of the pause: 2 seconds after the first failure, 4 after the next.
    for (passed, left) in [(1, "1"), (1, "4"), (3, "1")] {
        world.clock.advance(passed);
        let answer = world.whoami(&token(json!({"iss": "https://down.example"}))).await;
        assert_eq!((answer.status, answer.header("retry-after")), (503, Some(left)));
    }
}

async fn an_issuer_that_cannot_work_is_left_out(backend: Backend) {
    let world = Trusted::new(backend).await;
    world.identity("caller", json!({})).await;
    let log = Log::down_to(tracing::Level::INFO);
    world
        .trust("acme", "broken", |s| {
            s.issuer = Some("https://broken.example".to_owned());
            s.algorithms = vec!["HS256".to_owned()];
        })
        .await;
    assert_eq!(world.name(&world.token(json!({}))).await, "caller");
    assert!(log.text().contains("trusted issuer broken of tenant acme cannot judge tokens"), "{}", log.text());
    let answer = world.whoami(&world.token(json!({"iss": "https://broken.example"}))).await;
    assert_eq!(answer.status, 503, "the settings are wrong, and not the token");
    assert!(log.text().contains("HS256"), "the reason, for operators: {}", log.text());
    // And an issuer that is switched off, or whose tenant is.
    let off = trusted_issuers::TrustedIssuer { enabled: false, ..world.issuer("acme", "idp").await };
    trusted_issuers::save(&world.app.db, &off).await.unwrap();
    // Nothing shows that the token is its own, so nobody learns that it is there and off: the log does.
    let unknown = world.whoami(&world.token(json!({"iss": "https://nobody.example"}))).await;
    assert_eq!((unknown.status, &unknown.json()["error_description"]), (401, &json!("Invalid issuer")));
    let good = world.token(json!({}));
    for token in [format!("{}AAAAAAAA", &good[..good.len() - 8]), good] {
        let answer = world.whoami(&token).await;
        let told = (answer.status, &answer.body, answer.header("www-authenticate"));
        assert_eq!(told, (401, &unknown.body, unknown.header("www-authenticate")));
    }
    assert!(log.text().contains("trusted issuer idp to be on"), "{}", log.text());
    // A key that nobody knows makes us ask the issuer, but not this one.
    let fetched = world.idp.seen("/jwks").len();
    world.clock.advance(200);
    world.idp.turn(|knobs| knobs.header = change(|header: &mut Value| header["kid"] = json!("unknown")));
    assert_eq!(world.name(&world.token(json!({}))).await, "401 Invalid issuer");
    world.idp.turn(|knobs| knobs.header = None);
    assert_eq!(world.idp.seen("/jwks").len(), fetched, "what is off is asked nothing");
    assert!(trusted_issuers::delete(&world.app.db, &off.id).await.unwrap());
    assert_eq!(world.name(&world.token(json!({}))).await, "401 Invalid issuer");
}

/// Changes a column of a row past everything that checks it, as a bad restore would.
async fn damage(world: &World, sql: &'static str, id: &str, value: &str) {
    let changed = On::from(&world.app.db).publish(sql, params![id, value]).await.unwrap();
    assert_eq!(changed, 1);
}

async fn a_row_that_cannot_be_read_harms_its_issuer_alone(backend: Backend) {
    const CLAIMS: &str = "UPDATE mappings SET claims = $2 WHERE id = $1 RETURNING tenant_id";
    let world = Trusted::new(backend).await;
    let log = Log::capture();
    let legacy = format!(
        "tenants:\n- name: acme\n  connections:\n  - {{name: legacy, login_enabled: false, oidc: {}}}\n",
        crate::sso::oidc(&world.idp).replace(world.idp.issuer(), "https://legacy.example")
    );
    world.apply(&legacy).await;
    let second = world.trust("acme", "second", |s| s.issuer = Some("https://second.example".to_owned())).await;
    world.principal(Kind::ExternalIdentity, "second", Some((Source::Issuer(second.id.clone()), json!({})))).await;
    world.identity("fallback", json!({})).await;
    let close = world.principal(Kind::ExternalIdentity, "close", None).await;
    let close = world.map_idp(Target::Principal(close), json!({"azp": "batch"})).await;
    let (batch, other) = (world.token(json!({"azp": "batch"})), world.token(json!({})));
    let twin = world.token(json!({"iss": "https://second.example"}));
    assert_eq!((world.name(&batch).await, world.name(&other).await), ("close".to_owned(), "fallback".to_owned()));
    // Without that mapping the token would be the fallback's: nobody becomes somebody else by a damaged row.
    for (claims, why) in [
        ("{", "mapping claims"),
        (r#"[{"claim": "azp", "values": ["("], "match_type": "regex"}]"#, "the mapping to external_identity close"),
    ] {
        damage(&world, CLAIMS, &close.id, claims).await;
        for token in [&batch, &other] {
            assert_eq!(world.name(token).await, "503 JWKS fetch failed", "{claims}");
        }
        assert_eq!(world.name(&twin).await, "second", "nobody else notices");
        let reason = format!("trusted issuer idp of tenant acme cannot judge tokens: {why}");
        assert!(log.text().contains(&reason) || log.text().contains(why), "{}", log.text());
    }
    damage(&world, CLAIMS, &close.id, r#"[{"claim": "azp", "values": ["batch"], "match_type": "is"}]"#).await;
    assert_eq!(world.name(&batch).await, "close", "mended");
    let idp = world.issuer("acme", "idp").await;
    damage(&world, "UPDATE trusted_issuers SET settings = $2 WHERE id = $1 RETURNING tenant_id", &idp.id, "{").await;
    assert_eq!((world.name(&batch).await, world.name(&twin).await), ("503 try again later".to_owned(), "second".to_owned()));
    let connection = connections::find_by_name(&world.app.db, &second.tenant_id, "legacy").await.unwrap().unwrap();
    damage(&world, "UPDATE connections SET settings = $2 WHERE id = $1 RETURNING tenant_id", &connection.id, "{").await;
    assert_eq!(world.name(&twin).await, "second");
    for what in ["trusted issuer idp of tenant acme", "connection legacy of tenant acme"] {
        assert!(log.text().contains(&format!("{what} cannot judge tokens")), "{what}: {}", log.text());
    }
}

/// An introspection endpoint: its address, what it answers, and with which credentials it was asked.
pub async fn introspector() -> (String, Arc<Mutex<Value>>, Arc<Mutex<Vec<String>>>) {
    let (says, seen) = (Arc::<Mutex<Value>>::default(), Arc::<Mutex<Vec<String>>>::default());
    let (answer, asked) = (Arc::clone(&says), Arc::clone(&seen));
    let router = axum::Router::new().fallback(async move |headers: axum::http::HeaderMap, body: String| {
        let credentials = headers.get("authorization").and_then(|v| v.to_str().ok()).unwrap_or_default();
        asked.lock().unwrap().push(format!("{credentials} {body}"));
        let answer = answer.lock().unwrap().clone();
        axum::Json(answer)
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/introspect", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, says, seen)
}

/// An issuer of acme that is asked at `endpoint`.
pub async fn asked_at(world: &Trusted, endpoint: String) -> trusted_issuers::TrustedIssuer {
    let mut issuer = world
        .trust("acme", "opaque", |s| {
            s.issuer = Some("https://as.example".to_owned());
            s.jwks_uri = None;
            s.introspection = Some(Introspection { endpoint, client_id: Some("gate".to_owned()), ..Introspection::default() });
        })
        .await;
    let secrets = json!({"introspection": "hush"}).to_string();
    let context = trusted_issuers::TrustedIssuer::secrets_context(&issuer.id);
    issuer.secrets_sealed = Some(world.app.sealer.seal(&context, secrets.as_bytes()));
    trusted_issuers::save(&world.app.db, &issuer).await.unwrap();
    issuer
}

/// A script that asks `whoami` with the token of the admin API by mistake hands it to nobody: those that were made here are
/// known by how they begin, and those that stand in a file by what is kept of them.
async fn tokens_of_our_own_are_shown_to_no_issuer(backend: Backend) {
    let state = format!(
        "{STATE}- name: pushed\n  service_tokens:\n  - {{name: ci, token: \"{IN_FILE}\", scopes: [admin]}}\n  directories:\n  \
         - {{name: people, token: \"{PUSHED}\"}}\n"
    );
    let world = Trusted::with(backend, &state).await;
    let (endpoint, says, seen) = introspector().await;
    *says.lock().unwrap() =
        json!({"active": true, "sub": "job-7", "aud": API, "exp": world.clock.now() + 60, "iss": "https://as.example"});
    let issuer = asked_at(&world, endpoint).await;
    world.principal(Kind::ExternalIdentity, "job", Some((Source::Issuer(issuer.id.clone()), json!({})))).await;
    let made: Vec<String> = ["gha_", "ghp_", "ghs_"].map(gatehouse::secret::token).into();
    let ours = made.iter().map(String::as_str).chain([IN_FILE, PUSHED]);
    for token in ours {
        let answer = world.get("/api/v1/whoami?tenant=acme", token).await;
        assert_eq!(answer.status, 401, "{}", answer.body);
        let body = json!({"resource": {"type": "model", "name": "gpt"}, "role": "viewer"});
        assert_eq!(world.post("/api/v1/access/check?tenant=acme", token, &body).await.status, 401);
        let exchange = [
            ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
            ("subject_token", token),
            ("subject_token_type", "urn:ietf:params:oauth:token-type:access_token"),
        ];
        let mut client = gatehouse::store::clients::find(&world.app.db, "web").await.unwrap().unwrap();
        client.settings.grant_types.push(gatehouse::oauth::client::GrantType::TokenExchange);
        assert!(gatehouse::store::clients::save(&world.app.db, &client, world.clock.now()).await.unwrap());
        assert_eq!(world.world.token("web", &exchange).await.status, 400);
        let question = gatehouse::trust::explain::Question {
            token,
            tenant: Some(&issuer.tenant_id),
            about: None,
            sources: None,
            audience: &[],
        };
        let report = gatehouse::trust::explain::explain(&world.app, question).await.unwrap();
        assert!(!report.accepted);
    }
    assert!(seen.lock().unwrap().is_empty(), "nobody was asked: {:?}", seen.lock().unwrap().len());
    // The honest twin: a token that nobody here knows.
    assert_eq!(named(&world.get("/api/v1/whoami?tenant=acme", "opaque-token").await), "job");
    assert_eq!(seen.lock().unwrap().len(), 1);
}

const IN_FILE: &str = "a-service-token-of-the-file-0123456789";
const PUSHED: &str = "a-directory-token-of-the-file-0123456789";

async fn opaque_tokens_are_shown_to_nobody_but_their_issuer(backend: Backend) {
    let world = Trusted::new(backend).await;
    let (endpoint, says, seen) = introspector().await;
    *says.lock().unwrap() =
        json!({"active": true, "sub": "job-7", "aud": API, "exp": world.clock.now() + 60, "iss": "https://as.example"});
    let mut issuer = asked_at(&world, endpoint).await;
    let secrets = json!({"introspection": "hush"}).to_string();
    world.principal(Kind::ExternalIdentity, "job", Some((Source::Issuer(issuer.id.clone()), json!({})))).await;
    let at = async |query: &str| named(&world.get(&format!("/api/v1/whoami{query}"), "opaque-token").await);
    for stranger in ["", "?tenant=other", "?tenant=nobody"] {
        assert_eq!(at(stranger).await, "401 JWT validation failed", "{stranger}");
    }
    assert!(seen.lock().unwrap().is_empty(), "two tenants, and none or another named");
    assert_eq!(at("?tenant=acme").await, "job");
    let asked = seen.lock().unwrap().join("");
    assert!(asked.starts_with("Basic Z2F0ZTpodXNo ") && asked.contains("token=opaque-token"), "{asked}");
    says.lock().unwrap()["active"] = json!(false);
    assert_eq!(at("?tenant=acme").await, "401 Token is not active", "each request asks");
    // Secrets that another master key has sealed: the issuer cannot be asked, and nobody else notices.
    issuer.secrets_sealed = Some(world.app.sealer.seal("another context", secrets.as_bytes()));
    trusted_issuers::save(&world.app.db, &issuer).await.unwrap();
    let before = seen.lock().unwrap().len();
    assert!(at("?tenant=acme").await.starts_with("401 "));
    assert_eq!(seen.lock().unwrap().len(), before);
    world.identity("caller", json!({})).await;
    assert_eq!(world.name(&world.token(json!({}))).await, "caller");
}

async fn changes_are_noticed_at_once_here_and_soon_elsewhere(backend: Backend) {
    let world = Trusted::new(backend).await;
    let caller = world.identity("caller", json!({})).await;
    let there = world.second_node().await;
    let on = async |node: &World, token: &str| {
        let bearer = format!("Bearer {token}");
        let url = format!("{}/api/v1/whoami", node.url);
        named(&crate::browser::Browser::new().get_with(&url, &[("authorization", &bearer)]).await)
    };
    let token = world.token(json!({}));
    assert_eq!((on(&world, &token).await, on(&there, &token).await), ("caller".to_owned(), "caller".to_owned()));
    let row = principals::find(&world.app.db, &caller).await.unwrap().unwrap();
    let off = principals::Principal { enabled: false, ..row.clone() };
    principals::save(&world.app.db, &off).await.unwrap();
    assert_eq!(on(&world, &token).await, "401 Token is not active", "at once");
    assert_eq!(on(&there, &token).await, "caller", "still within the bound");
    world.clock.advance(LOOK);
    assert_eq!(on(&there, &token).await, "401 Token is not active", "and not beyond");
    // The other way round.
    assert_eq!(on(&world, &token).await, "401 Token is not active");
    principals::save(&there.app.db, &row).await.unwrap();
    assert_eq!((on(&there, &token).await, on(&world, &token).await.len()), ("caller".to_owned(), 23));
    // The background looks more often than requests have to.
    world.app.trust.look().await.unwrap();
    assert_eq!(on(&world, &token).await, "caller");
}

async fn nothing_is_asked_while_it_is_fresh(backend: Backend) {
    let world = Trusted::new(backend).await;
    world.identity("caller", json!({})).await;
    let token = world.token(json!({}));
    assert_eq!(world.name(&token).await, "caller");
    world.app.db.close().await;
    assert_eq!(world.name(&token).await, "caller", "no call at all");
}

async fn without_a_database_nobody_is_let_in(backend: Backend) {
    let world = Trusted::new(backend).await;
    world.identity("caller", json!({})).await;
    let token = world.token(json!({}));
    assert_eq!(world.name(&token).await, "caller");
    world.app.db.close().await;
    world.clock.advance(LOOK);
    for _ in 0..2 {
        let answer = world.whoami(&token).await;
        assert_eq!((answer.status, text(&answer.json(), "error")), (503, "temporarily_unavailable"), "and not an old answer");
    }
}
