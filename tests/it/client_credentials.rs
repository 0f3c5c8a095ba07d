//! `grant_type=client_credentials`: a client acts as its virtual account, with a secret or a key of its own, and only as
//! long as everything it stands on is switched on.

use gatehouse::{
    oauth::client::{Client, ClientAuth, ClientSettings, GrantType},
    policy::principal::Kind,
    secret,
    store::{
        clients, principals,
        tenants::{self, Tenant},
    },
};
use serde_json::{Value, json};

use crate::{
    browser::{Answer, Browser},
    idp::{Idp, keys::key},
    on_both,
    sso::Log,
    trusted::Trusted,
    world::{Backend, START, decode, text},
};

on_both!(
    a_client_acts_as_its_virtual_account,
    one_read_says_what_it_stands_on,
    a_key_instead_of_a_secret,
    no_more_than_the_record_allows,
    public_clients_and_others_are_refused,
    it_ends_with_what_it_stands_on,
    an_operator_sees_what_it_stands_on
);

const DEPLOY: &str = "https://deploy.example";

async fn world(backend: Backend) -> Trusted {
    let keys = json!({"keys": key(0).public()});
    let state = format!(
        r#"
tenants:
- name: acme
  virtual_accounts: [{{name: batch}}, {{name: nobody}}]
  clients:
  - {{client_id: batch, secret: batch-secret, grant_types: [client_credentials], virtual_account: batch, scopes: [jobs:read, jobs:write]}}
  - {{client_id: keyed, jwks: {keys}, grant_types: [client_credentials], virtual_account: batch, resources: ["{DEPLOY}", "https://audit.example"], access_token_lifetime: 3600}}
  - {{client_id: web, secret: web-secret, redirect_uris: ["https://app.example/cb"], trusted: true}}
  - {{client_id: lost, secret: lost-secret, grant_types: [client_credentials], virtual_account: nobody}}
- name: other
  virtual_accounts: [{{name: batch}}]
  clients:
  - {{client_id: other-batch, secret: other-secret, grant_types: [client_credentials], virtual_account: batch}}
"#
    );
    let world = Trusted::with(backend, &state).await;
    // They were there when the file was applied.
    for (tenant, name) in [("acme", "nobody"), ("other", "batch")] {
        let tenant = world.tenant_id(tenant).await;
        let gone = principals::find_by_name(&world.app.db, &tenant, Kind::VirtualAccount, name).await.unwrap().unwrap();
        assert!(principals::delete(&world.app.db, &gone.id).await.unwrap());
    }
    world
}

impl Trusted {
    /// Asks the token endpoint with a secret.
    async fn credentials(&self, client: &str, secret: Option<&str>, form: &[(&str, &str)]) -> Answer {
        let mut all = vec![("grant_type", "client_credentials")];
        all.extend_from_slice(form);
        Browser::new().post_as(&format!("{}/oauth2/token", self.url), client, secret, &all).await
    }

    async fn batch(&self) -> Answer {
        self.credentials("batch", Some("batch-secret"), &[]).await
    }
}

fn refusal(answer: &Answer) -> (u16, String) {
    (answer.status, text(&answer.json(), "error").to_owned())
}

async fn a_client_acts_as_its_virtual_account(backend: Backend) {
    let world = world(backend).await;
    let answer = world.batch().await;
    let json = answer.json();
    assert_eq!(answer.status, 200, "{json}");
    assert_eq!(
        (&json["token_type"], &json["expires_in"], &json["scope"]),
        (&json!("Bearer"), &json!(900), &json!("jobs:read jobs:write"))
    );
    assert_eq!((json.get("refresh_token"), json.get("id_token")), (None, None));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let token = text(&json, "access_token");
    let (header, claims) = decode(token);
    assert_eq!((&header["typ"], &claims["aud"], &claims["client_id"]), (&json!("at+jwt"), &json!(world.url), &json!("batch")));
    let id = principals::find_by_name(&world.app.db, &world.tenant_id("acme").await, Kind::VirtualAccount, "batch").await;
    let id = id.unwrap().unwrap().id;
    let expected = json!({
        "tenant": "acme", "principal": {"kind": "virtual_account", "name": "batch", "id": id}, "subject": id,
        "email": null, "issuer": world.url, "teams": [],
    });
    assert_eq!(world.whoami(token).await.json(), expected);

    let url = format!("{}/oauth2/introspect", world.url);
    let told = Browser::new().post_as(&url, "batch", Some("batch-secret"), &[("token", token)]).await.json();
    assert_eq!((&told["active"], &told["sub"], &told["principal"]["name"]), (&json!(true), &json!(id), &json!("batch")));
    assert_eq!(told.get("origin"), None);
    // It is nobody's to sign in with.
    let userinfo = world.userinfo(token).await;
    assert_eq!(refusal(&userinfo), (403, "insufficient_scope".to_owned()));
    assert_eq!(userinfo.json()["error_description"], "the access token is not a user's");
}

async fn an_operator_sees_what_it_stands_on(backend: Backend) {
    let world = world(backend).await;
    let db = &world.app.db;
    let token = text(&world.batch().await.json(), "access_token").to_owned();
    let (off, report) = world.footing(&token).await;
    assert_eq!((off.len(), &report["allowed"]), (0, &json!(true)), "{report:#}");
    let all: Vec<&str> = report["standing"].as_array().unwrap().iter().map(|row| text(row, "what")).collect();
    assert_eq!(all, ["tenant", "client", "token, not revoked", "virtual account batch", "its client acts as it"]);
    let client = clients::find(db, "batch").await.unwrap().unwrap();
    let other = ClientSettings { virtual_account: Some("another".to_owned()), ..client.settings.clone() };
    for (enabled, settings, expected) in [
        (false, client.settings.clone(), vec!["client"]),
        (true, other, vec!["its client acts as it"]),
        (true, client.settings.clone(), vec![]),
    ] {
        assert!(clients::save(db, &Client { enabled, settings, ..client.clone() }, 1).await.unwrap());
        let (off, report) = world.footing(&token).await;
        assert_eq!(
            (&off, &report["allowed"]),
            (&expected.iter().map(ToString::to_string).collect(), &json!(expected.is_empty()))
        );
        assert_eq!(world.name(&token).await == "batch", expected.is_empty(), "the same decides");
    }
    let id =
        principals::find_by_name(db, &world.tenant_id("acme").await, Kind::VirtualAccount, "batch").await.unwrap().unwrap().id;
    assert!(principals::delete(db, &id).await.unwrap());
    assert_eq!(world.footing(&token).await.0, [format!("virtual account {id}"), "its client acts as it".to_owned()]);
}

async fn one_read_says_what_it_stands_on(backend: Backend) {
    // The statements of SQLite are logged by threads of its own.
    if backend == Backend::Sqlite {
        return;
    }
    let world = world(backend).await;
    let token = text(&world.batch().await.json(), "access_token").to_owned();
    // What all tokens share is in memory from now on.
    assert_eq!(world.whoami(&token).await.status, 200);
    let log = Log::down_to(tracing::Level::DEBUG);
    assert_eq!(world.whoami(&token).await.status, 200);
    let log = log.text();
    let reads: Vec<&str> = log.lines().filter(|line| line.contains("sqlx::query")).collect();
    assert_eq!(reads.len(), 1, "{reads:#?}");
}

async fn a_key_instead_of_a_secret(backend: Backend) {
    let world = world(backend).await;
    let assertion = |client: &str| {
        let now = world.clock.now();
        let claims =
            json!({"iss": client, "sub": client, "aud": world.url, "jti": secret::random(), "iat": now, "exp": now + 60});
        world.idp.sign(&claims, "JWT")
    };
    let present = async |assertion: &str| {
        let form = [
            ("grant_type", "client_credentials"),
            ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
            ("client_assertion", assertion),
        ];
        Browser::new().post(&format!("{}/oauth2/token", world.url), &form).await
    };
    let good = assertion("keyed");
    let json = present(&good).await.json();
    let claims = decode(text(&json, "access_token")).1;
    assert_eq!((&claims["aud"], &claims["exp"]), (&json!(DEPLOY), &json!(START + 3_600)), "its first audience, its own lifetime");
    assert_eq!(json.get("scope"), None, "no scope is left of the usual ones, which are about people");
    assert_eq!(refusal(&present(&good).await), (401, "invalid_client".to_owned()), "again");
    assert_eq!(refusal(&present(&assertion("batch")).await), (401, "invalid_client".to_owned()), "that one has a secret");
    let stranger = Idp::start(world.clock.clone()).await;
    stranger.rotate(false);
    let now = world.clock.now();
    let claims = json!({"iss": "keyed", "sub": "keyed", "aud": world.url, "jti": "j", "iat": now, "exp": now + 60});
    assert_eq!(refusal(&present(&stranger.sign(&claims, "JWT")).await), (401, "invalid_client".to_owned()));
}

async fn no_more_than_the_record_allows(backend: Backend) {
    let world = world(backend).await;
    let ask = async |form: &[(&str, &str)]| world.credentials("batch", Some("batch-secret"), form).await;
    assert_eq!(ask(&[("scope", "jobs:read")]).await.json()["scope"], "jobs:read");
    assert_eq!(ask(&[("resource", &world.url)]).await.status, 200, "the platform, by name");
    for (form, error) in [
        ([("scope", "jobs:read admin")], "invalid_scope"),
        ([("scope", "openid")], "invalid_scope"),
        ([("scope", "jobs:read offline_access")], "invalid_scope"),
        ([("scope", "jobs:\"")], "invalid_scope"),
        ([("resource", DEPLOY)], "invalid_target"),
    ] {
        assert_eq!(refusal(&ask(&form).await), (400, error.to_owned()), "{form:?}");
    }
    for name in ["scope", "grant_type", "audience"] {
        let twice = ask(&[(name, "jobs:read"), (name, "jobs:read")]).await;
        assert_eq!(refusal(&twice), (400, "invalid_request".to_owned()), "{name} twice");
    }
}

async fn public_clients_and_others_are_refused(backend: Backend) {
    let world = world(backend).await;
    let without = world.credentials("web", Some("web-secret"), &[]).await;
    assert_eq!(refusal(&without), (400, "unauthorized_client".to_owned()), "without the grant");
    for (client, secret) in [("batch", None), ("batch", Some("wrong")), ("batch", Some("web-secret"))] {
        assert_eq!(refusal(&world.credentials(client, secret, &[]).await), (401, "invalid_client".to_owned()));
    }
    assert_eq!(refusal(&world.credentials("lost", Some("lost-secret"), &[]).await), (400, "invalid_grant".to_owned()));
    let foreign = world.credentials("other-batch", Some("other-secret"), &[]).await;
    assert_eq!(refusal(&foreign), (400, "invalid_grant".to_owned()), "another tenant's account of the same name");
    // A record that became public after it was applied.
    let client = clients::find(&world.app.db, "batch").await.unwrap().unwrap();
    let settings = ClientSettings { auth: ClientAuth::None, ..client.settings.clone() };
    clients::save(&world.app.db, &Client { settings, ..client }, 1).await.unwrap();
    assert_eq!(refusal(&world.credentials("batch", None, &[]).await), (400, "unauthorized_client".to_owned()));
    let open = "{client_id: open, grant_types: [client_credentials], virtual_account: batch}";
    let text = format!("tenants:\n- name: acme\n  clients:\n  - {open}\n");
    let problems = world.app.apply(&text, "state.yaml", &|_| None).await.unwrap_err().to_string();
    assert!(problems.contains("the grant client_credentials needs a secret, jwks or jwks_uri"), "{problems}");
}

async fn it_ends_with_what_it_stands_on(backend: Backend) {
    let world = world(backend).await;
    let tenant = world.tenant_id("acme").await;
    let token = async || text(&world.batch().await.json(), "access_token").to_owned();
    let first = token().await;
    let active = async |token: &str| world.whoami(token).await.status == 200;
    assert!(active(&first).await);

    let account = principals::find_by_name(&world.app.db, &tenant, Kind::VirtualAccount, "batch").await.unwrap().unwrap();
    let switch = async |enabled: bool| {
        principals::save(&world.app.db, &principals::Principal { enabled, ..account.clone() }).await.unwrap();
    };
    switch(false).await;
    assert!(!active(&first).await, "the account is disabled");
    assert_eq!(refusal(&world.batch().await), (400, "invalid_grant".to_owned()));
    switch(true).await;
    assert!(active(&first).await);

    let client = clients::find(&world.app.db, "batch").await.unwrap().unwrap();
    for on in [false, true] {
        clients::save(&world.app.db, &Client { enabled: on, ..client.clone() }, 1).await.unwrap();
        assert_eq!((active(&first).await, world.batch().await.status == 200), (on, on), "the client");
    }
    let acme = tenants::find(&world.app.db, &tenant).await.unwrap().unwrap();
    for on in [false, true] {
        tenants::save(&world.app.db, &Tenant { enabled: on, ..acme.clone() }).await.unwrap();
        assert_eq!((active(&first).await, world.batch().await.status == 200), (on, on), "the tenant");
    }

    // What the client's record no longer gives, no token of it gives.
    let usual = || client.settings.clone();
    for (what, settings) in [
        ("the grant", ClientSettings { grant_types: Vec::new(), ..usual() }),
        ("another grant", ClientSettings { grant_types: vec![GrantType::TokenExchange], ..usual() }),
        ("another account", ClientSettings { virtual_account: Some("other".to_owned()), ..usual() }),
        ("no account", ClientSettings { virtual_account: None, ..usual() }),
        ("its secret", ClientSettings { auth: ClientAuth::None, ..usual() }),
    ] {
        clients::save(&world.app.db, &Client { settings, ..client.clone() }, 1).await.unwrap();
        assert!(!active(&first).await, "{what}");
        clients::save(&world.app.db, &client, 1).await.unwrap();
        assert!(active(&first).await, "{what} is back");
    }

    // Revoked by its client, and by no other.
    let revoke = async |client: &str, secret: &str, token: &str| {
        let url = format!("{}/oauth2/revoke", world.url);
        assert_eq!(Browser::new().post_as(&url, client, Some(secret), &[("token", token)]).await.status, 200);
    };
    let second = token().await;
    revoke("web", "web-secret", &second).await;
    assert!(active(&second).await, "another client's wish");
    revoke("batch", "batch-secret", &second).await;
    assert!(!active(&second).await);
    assert!(active(&first).await, "each ends alone");
    let url = format!("{}/oauth2/introspect", world.url);
    let told: Value = Browser::new().post_as(&url, "batch", Some("batch-secret"), &[("token", &second)]).await.json();
    assert_eq!(told, json!({"active": false}));

    assert!(principals::delete(&world.app.db, &account.id).await.unwrap());
    assert!(!active(&first).await, "the account is gone");
    let again = world.principal(Kind::VirtualAccount, "batch", None).await;
    assert!(!active(&first).await, "another one of the same name");
    assert_eq!(world.whoami(&token().await).await.json()["subject"], json!(again));
}
