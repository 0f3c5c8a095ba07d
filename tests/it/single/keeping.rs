//! What is left out stays: secrets, for where they were meant, and switches; and what the audit log hears of changes.

use gatehouse::{
    apply::Change,
    store::{clients, directories, directory_tokens},
};

use super::*;
use crate::on_both_databases;

on_both_databases!(
    secrets_stay_when_they_are_left_out,
    a_kept_secret_is_sent_nowhere_else,
    switches_stay_when_they_are_left_out,
    changes_have_values_but_no_secrets,
);

async fn secrets_stay_when_they_are_left_out(db: &Db) {
    apply(db, &rich()).await.unwrap();
    let tenant = acme(db).await;
    for (noun, name, secret, empty) in [
        (
            Noun::Connections,
            "okta",
            "oidc.client_secret",
            json!({"oidc": {"client_secret": null, "token_endpoint_auth_method": "auto"}}),
        ),
        (Noun::Clients, "web", "secret", json!({"secret": null})),
        (Noun::Users, "ada@acme.example", "password", json!({"password": null})),
        (Noun::Directories, "okta", "token", json!({"token": null})),
    ] {
        let mut shown = show(db, noun, name).await;
        assert_eq!(shown["secrets"], json!([secret]));
        put(db, noun, Some(name), &shown).await.unwrap();
        assert_eq!(show(db, noun, name).await["secrets"], json!([secret]), "left out, it stays");
        merge(&mut shown, &empty);
        let plan = put(db, noun, Some(name), &shown).await.unwrap();
        assert_eq!(plan.lines[0].fields.iter().filter(|field| **field == format!("{secret} (secret)")).count(), 1, "{plan}");
        assert_eq!(show(db, noun, name).await["secrets"], json!([]), "null removes it");
    }
    apply(db, &rich()).await.unwrap();
    let web = clients::find(db, "web").await.unwrap().unwrap();
    let mut shown = show(db, Noun::Clients, "web").await;
    shown["name"] = json!("Other");
    put(db, Noun::Clients, Some("web"), &shown).await.unwrap();
    let same = clients::find(db, "web").await.unwrap().unwrap();
    assert_eq!((same.name.as_str(), same.secret_fingerprint), ("Other", web.secret_fingerprint));
    // One that nobody can use any more goes by itself.
    shown["token_endpoint_auth_method"] = json!("none");
    put(db, Noun::Clients, Some("web"), &shown).await.unwrap();
    assert_eq!(clients::find(db, "web").await.unwrap().unwrap().secret_fingerprint, None);

    let directory = directories::find_by_name(db, &tenant.id, "okta").await.unwrap().unwrap();
    let tokens = directory_tokens::of_directory(db, &directory.id).await.unwrap();
    let mut shown = show(db, Noun::Directories, "okta").await;
    shown["group_rules"] = json!([]);
    put(db, Noun::Directories, Some("okta"), &shown).await.unwrap();
    assert_eq!(directory_tokens::of_directory(db, &directory.id).await.unwrap(), tokens);

    // A password that is given ends what the one before began, also where it is the same: nobody compares them.
    let session = "INSERT INTO sessions (id_hash, user_id, data, created_at, expires_at) SELECT 's', id, '{}', 1, 9 FROM users \
                   WHERE email = 'ada@acme.example'";
    db.execute(session, params![]).await.unwrap();
    for (body, left) in [(json!({"admin": true}), 1), (json!({"admin": true, "password": "hush of the file"}), 0)] {
        put(db, Noun::Users, Some("ada@acme.example"), &body).await.unwrap();
        let sessions: Vec<(String,)> = db.all("SELECT id_hash FROM sessions", params![]).await.unwrap();
        assert_eq!(sessions.len(), left, "{body}");
    }
}

async fn a_kept_secret_is_sent_nowhere_else(db: &Db) {
    apply(db, &rich()).await.unwrap();
    for (noun, name, change, path, typed) in [
        (
            Noun::Connections,
            "okta",
            json!({"oidc": {"issuer": "https://evil.example"}}),
            "oidc.client_secret",
            json!({"oidc": {"client_secret": "new"}}),
        ),
        (
            Noun::Connections,
            "okta",
            json!({"oidc": {"discover": false, "token_endpoint": "https://evil.example/t",
                         "authorization_endpoint": "https://okta.example/a", "jwks_uri": "https://okta.example/k"}}),
            "oidc.client_secret",
            json!({"oidc": {"client_secret": "new"}}),
        ),
        (
            Noun::TrustedIssuers,
            "opaque",
            json!({"introspection_endpoint": "https://evil.example/i"}),
            "introspection_client_secret",
            json!({"introspection_client_secret": "new"}),
        ),
        (
            Noun::TrustedIssuers,
            "opaque",
            json!({"oauth_client": {"token_endpoint": "https://evil.example/t"}}),
            "oauth_client.client_secret",
            json!({"introspection_client_secret": "new", "oauth_client": {"client_secret": "new"}}),
        ),
    ] {
        let mut body = show(db, noun, name).await;
        merge(&mut body, &change);
        assert_eq!(paths(put(db, noun, Some(name), &body).await), [path], "{change}");
        merge(&mut body, &typed);
        put(db, noun, Some(name), &body).await.unwrap();
    }
}

async fn switches_stay_when_they_are_left_out(db: &Db) {
    apply(db, &rich()).await.unwrap();
    for (noun, name) in [(Noun::Connections, "adfs"), (Noun::ExternalIdentities, "anyone"), (Noun::Users, "eve@acme.example")] {
        let mut shown = show(db, noun, name).await;
        let switch = if noun == Noun::Users { "active" } else { "enabled" };
        assert_eq!(shown.as_object_mut().unwrap().remove(switch), Some(json!(false)));
        put(db, noun, Some(name), &shown).await.unwrap();
        assert_eq!(show(db, noun, name).await[switch], false);
        shown[switch] = json!(true);
        assert_eq!(put(db, noun, Some(name), &shown).await.unwrap().lines[0].fields, [switch]);
        assert_eq!(show(db, noun, name).await[switch], true);
    }
    put(db, Noun::Tenant, Some("acme"), &json!({"display_name": "Acme!"})).await.unwrap();
    let shown = show(db, Noun::Tenant, "acme").await;
    assert_eq!(shown["domains"], json!(["acme.example", "acme.test"]), "nobody gives up a domain by not naming it");
    assert_eq!(
        (&shown["display_name"], &shown["provisioning"], &shown["password_login"]),
        (&json!("Acme!"), &json!("jit"), &json!(false))
    );
}

async fn changes_have_values_but_no_secrets(db: &Db) {
    apply(db, &rich()).await.unwrap();
    let mut body = show(db, Noun::Connections, "okta").await;
    merge(&mut body, &json!({"button_text": "In", "oidc": {"client_secret": "newer", "skew": 60}}));
    let plan = put(db, Noun::Connections, Some("okta"), &body).await.unwrap();
    let change = |field: &str, was: Value, is: Value| Change { field: field.to_owned(), was, is };
    let mut changes = plan.lines[0].changes.clone();
    changes.sort_by(|a, b| a.field.cmp(&b.field));
    assert_eq!(
        changes,
        [
            change("button_text", json!("Go"), json!("In")),
            change("oidc.client_secret (secret)", json!("(secret)"), json!("(secret)")),
            change("oidc.skew", json!(30), json!(60)),
        ]
    );
    let team =
        json!({"members": ["bob@acme.example", "eve@acme.example"], "tokens": show(db, Noun::Teams, "sre").await["tokens"]});
    let plan = put(db, Noun::Teams, Some("sre"), &team).await.unwrap();
    assert_eq!(plan.lines[0].changes, [change("members", json!(["ada@acme.example"]), json!(["eve@acme.example"]))]);
    let roles = json!({"collaborators": [{"team": "sre", "role": "viewer"}, {"user": "ada@acme.example", "role": "editor"}]});
    let plan = put(db, Noun::Resources, Some("model:gpt"), &roles).await.unwrap();
    let (was, is) = (
        json!(["external identity ci: viewer", "team sre: manager", "virtual account robot: viewer"]),
        json!(["team sre: viewer"]),
    );
    let found = &plan.lines[0].changes[0];
    let sorted = |value: &Value| {
        let mut words: Vec<String> = value.as_array().unwrap().iter().map(|v| v.as_str().unwrap().to_owned()).collect();
        words.sort();
        words
    };
    assert_eq!((sorted(&found.was), sorted(&found.is)), (sorted(&was), sorted(&is)));
    let plan = put(db, Noun::Tenant, Some("acme"), &json!({"domains": ["acme.example"], "provisioning": "invite", "display_name": "Acme", "access_token_lifetime": 900, "refresh_token_lifetime": 86400})).await.unwrap();
    assert_eq!(plan.lines[0].changes, [change("domains", json!(["acme.example", "acme.test"]), json!(["acme.example"]))]);
    for text in [
        format!("{plan:?}"),
        format!("{:?}", put(db, Noun::Users, None, &json!({"email": "n@acme.example", "password": "hush of the file"})).await),
    ] {
        assert!(!text.contains("hush"), "{text}");
    }
}
