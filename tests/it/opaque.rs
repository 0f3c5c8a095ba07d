//! Opaque tokens where several issuers of a tenant are asked about theirs.

use gatehouse::{
    policy::{
        principal::Kind,
        trusted_issuer::{Introspection, IntrospectionAuth},
    },
    store::{mappings::Source, trusted_issuers},
};
use serde_json::json;

use crate::{
    on_both,
    trust::{asked_at, introspector},
    trusted::{API, Trusted, named},
    world::Backend,
};

on_both!(who_says_which_issuer_it_is_shows_the_token_to_no_other);

/// Whoever runs the endpoint of one partner is handed no token of another.
async fn who_says_which_issuer_it_is_shows_the_token_to_no_other(backend: Backend) {
    let world = Trusted::new(backend).await;
    let (theirs, _, stolen) = introspector().await;
    let (endpoint, says, seen) = introspector().await;
    *says.lock().unwrap() = json!({"active": true, "sub": "job-7", "aud": API, "exp": world.clock.now() + 60});
    let issuer = asked_at(&world, endpoint).await;
    let partner = world
        .trust("acme", "partner", |s| {
            s.issuer = Some("https://partner.example".to_owned());
            s.jwks_uri = None;
            let auth = IntrospectionAuth::None;
            s.introspection = Some(Introspection { endpoint: theirs, auth, ..Introspection::default() });
        })
        .await;
    world.principal(Kind::ExternalIdentity, "job", Some((Source::Issuer(issuer.id.clone()), json!({})))).await;
    let at = async |query: &str| named(&world.get(&format!("/api/v1/whoami{query}"), "opaque-token").await);
    let unnamed = "400 several issuers may know this token; name one with issuer=";
    assert_eq!(at("?tenant=acme").await, unnamed);
    assert_eq!(at("?tenant=acme&issuer=nobody").await, "401 JWT validation failed");
    let body = json!({"resource": {"type": "model", "name": "gpt"}, "role": "viewer"});
    assert_eq!(world.post("/api/v1/access/check?tenant=acme", "opaque-token", &body).await.status, 400);
    let exchange = async |issuer: &str| {
        let form = [
            ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
            ("subject_token", "opaque-token"),
            ("subject_token_type", "urn:ietf:params:oauth:token-type:access_token"),
            ("issuer", issuer),
        ];
        world.world.token("web", &form[..if issuer.is_empty() { 3 } else { 4 }]).await.status
    };
    let mut client = gatehouse::store::clients::find(&world.app.db, "web").await.unwrap().unwrap();
    client.settings.grant_types.push(gatehouse::oauth::client::GrantType::TokenExchange);
    assert!(gatehouse::store::clients::save(&world.app.db, &client, world.clock.now()).await.unwrap());
    assert_eq!(exchange("").await, 400);
    assert!(seen.lock().unwrap().is_empty() && stolen.lock().unwrap().is_empty(), "nobody is asked");
    // The twins: by the issuer's name, and by its iss.
    for name in ["opaque", "https://as.example"] {
        assert_eq!(at(&format!("?tenant=acme&issuer={name}")).await, "job", "{name}");
        assert_eq!(exchange(name).await, 200, "{name}");
    }
    assert_eq!(seen.lock().unwrap().len(), 4);
    assert!(stolen.lock().unwrap().is_empty(), "the partner has seen nothing");
    // An operator who asks why says so too.
    world.apply("tenants:\n- name: acme\n  users:\n  - {email: ada@acme.example, name: Ada, admin: true}\n").await;
    let admin = world.administering("web").await;
    let explain = async |body: serde_json::Value| world.post("/api/v1/access/explain", &admin, &body).await;
    let told = explain(json!({"token": "opaque-token"})).await.json();
    assert_eq!(told["error"], "several issuers may know this token; name one with issuer=", "{told:#}");
    let told = explain(json!({"token": "opaque-token", "issuer": "opaque"})).await.json();
    assert_eq!((&told["allowed"], &told["principal"]["name"]), (&json!(true), &json!("job")), "{told:#}");
    for (body, why) in [
        (json!({"token": "opaque-token", "issuer": "nobody"}), "no trusted issuer has this name"),
        (json!({"token": "opaque-token", "issuer": "opaque", "site": "app.example"}), "ask about an issuer or about a site"),
    ] {
        let refused = explain(body).await;
        assert!(refused.status == 400 && refused.body.contains(why), "{}", refused.body);
    }
    assert!(stolen.lock().unwrap().is_empty(), "the partner has seen nothing");
    // Both must have it on.
    for (mut row, told) in [(issuer, unnamed), (partner, "job")] {
        row.settings.introspection.as_mut().unwrap().shared = true;
        trusted_issuers::save(&world.app.db, &row).await.unwrap();
        assert_eq!(at("?tenant=acme").await, told, "{}", row.name);
    }
}
