//! What belongs to another area than the route does needs the scope of that one too.

use serde_json::{Value, json};

use crate::{
    admin_tokens::{CI, House},
    on_both,
    world::{Backend, text},
};

on_both!(a_link_into_a_team_needs_the_teams, domains_need_their_scope);

async fn a_link_into_a_team_needs_the_teams(backend: Backend) {
    let house = House::new(backend).await;
    let small = house.service("small", &["invites:write"], None).await;
    let both = house.service("both", &["invites:write", "teams:write"], None).await;
    let invite = |teams: Value, email: &str| Some(json!({"email": email, "teams": teams}));
    let create = "tenants/acme/invites";
    assert_eq!(house.ask(&small, "POST", create, invite(json!(["sre"]), "a@x.example")).await.status, 403);
    let into = house.ask(CI, "POST", create, invite(json!(["sre"]), "b@x.example")).await.json();
    let bare = house.ask(&small, "POST", create, invite(json!([]), "c@x.example")).await.json();
    for base in ["tenants/acme/invites", "invites"] {
        let again = |invite: &Value| format!("{base}/{}/resend", text(invite, "id"));
        let refused = house.ask(&small, "POST", &again(&into), None).await;
        assert!(refused.status == 403 && refused.body.contains("insufficient_scope"), "{}", refused.body);
        assert_eq!(house.ask(&small, "POST", &again(&bare), None).await.status, 200, "the honest twins");
        assert_eq!(house.ask(&both, "POST", &again(&into), None).await.status, 200);
    }
}

async fn domains_need_their_scope(backend: Backend) {
    let house = House::new(backend).await;
    house.world.sql("UPDATE users SET platform = TRUE WHERE email = 'ada@acme.example'").await;
    let small = house.personal("ada@acme.example", &["tenants:write"]).await;
    let both = house.personal("ada@acme.example", &["tenants:write", "domains:write"]).await;
    let put = async |token: &str, body: Value| house.ask(token, "PUT", "tenants/other", Some(body)).await.status;
    let bank = json!({"display_name": "Other", "domains": ["bank.example"]});
    assert_eq!(put(&small, bank.clone()).await, 403);
    assert_eq!(put(&small, json!({"display_name": "Other"})).await, 200, "the honest twins");
    assert_eq!(put(&both, bank.clone()).await, 200);
    assert_eq!(put(&small, bank).await, 200, "what stays as it is");
    assert_eq!(put(&small, json!({"display_name": "Other", "domains": []})).await, 403, "nor taken away");
    let establish = async |token: &str, body: Value| house.ask(token, "POST", "tenants", Some(body)).await.status;
    assert_eq!(establish(&small, json!({"name": "new", "domains": ["new.example"]})).await, 403);
    assert_eq!(establish(&small, json!({"name": "bare", "domains": []})).await, 201);
    assert_eq!(establish(&both, json!({"name": "new", "domains": ["new.example"]})).await, 201);
}
