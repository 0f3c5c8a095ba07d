//! What is told of what goes: a team's members and tokens, the first of very many collaborators, and of roles to whom.

use serde_json::{Value, json};

use crate::{
    losses::{Api, crowded, people},
    on_both,
    world::Backend,
};

on_both!(a_team_takes_its_members_along, roles_are_told_to_whoever_may_read_them,);

async fn a_team_takes_its_members_along(backend: Backend) {
    let api = Api::new(backend).await;
    for user in ["ada", "bob"] {
        let path = format!("tenants/acme/teams/sre/members/{user}@acme.example");
        assert_eq!(api.ask("PUT", &path, None).await.status, 201, "{path}");
    }
    let lost = ["the issuer and claims of its tokens", "2 members by hand"];
    let asked = api.ask("DELETE", "tenants/acme/teams/sre", None).await;
    assert_eq!((asked.status, asked.json()["lost"].clone()), (409, json!(lost)), "{}", asked.body);
    assert_eq!(api.lost("teams", "sre", "team acme/sre").await, lost);
    assert_eq!(api.ask("PUT", "tenants/acme/teams/idle", Some(json!({}))).await.status, 201);
    assert_eq!(api.ask("DELETE", "tenants/acme/teams/idle", None).await.status, 200, "with it nothing is lost");
    // Of a resource of very many the first are named, whoever is told.
    let crowd = crowded(&api, "acme").await;
    let sql = "INSERT INTO collaborators (resource_id, holder, user_id, role) SELECT r.id, u.id, u.id, 'viewer' \
               FROM resources r, users u WHERE r.name = 'gpt' AND u.id LIKE 'acme-%'";
    api.world.sql(sql).await;
    assert_eq!(people(&api, &crowd).await, 1_202);
    let lost = api.lost("resources", "model:gpt", "resource acme/model gpt").await;
    assert_eq!((lost.len(), lost[0].as_str()), (11, "the role manager of external identity svc"), "{lost:?}");
    assert_eq!(lost[10], "the roles of 1191 more", "{lost:?}");
}

async fn roles_are_told_to_whoever_may_read_them(backend: Backend) {
    let mut api = Api::new(backend).await;
    let (svc, sre) = ("tenants/acme/external_identities/svc", "tenants/acme/teams/sre");
    let role = json!({"role": "viewer"});
    for holder in ["team/sre", "user/bob@acme.example"] {
        let path = format!("tenants/acme/resources/model:gpt/collaborators/{holder}");
        assert_eq!(api.ask("PUT", &path, Some(role.clone())).await.status, 201, "{path}");
    }
    let tokens = "the issuer and claims of its tokens";
    let token = |name: &str| format!("{name}-0123456789abcdef0123456789abcdef");
    let file = |name: &str, more: &str| {
        let scopes = format!("teams:write, users:write, external_identities:write{more}");
        format!("  - {{name: {name}, token: \"{}\", scopes: [{scopes}]}}\n", token(name))
    };
    let state = format!("tenants:\n- name: acme\n  service_tokens:\n{}{}", file("blind", ""), file("seeing", ", resources:read"));
    api.world.apply(&state).await;
    for (name, sees, said) in [("blind", false, "1 role"), ("seeing", true, "viewer on model gpt")] {
        api.token = token(name);
        let lost = async |path: &str| {
            let asked = api.ask("DELETE", path, None).await;
            assert_eq!(asked.status, 409, "{path} by {name}: {}", asked.body);
            asked.json()
        };
        let told: [Value; 3] = [lost(svc).await, lost(sre).await, lost("tenants/acme/users/bob@acme.example").await];
        let as_manager = said.replace("viewer", "manager");
        assert_eq!(told[0]["lost"], json!([as_manager]), "{name}: {}", told[0]);
        assert_eq!(told[1]["lost"], json!([said, tokens]), "{name}: {}", told[1]);
        assert_eq!(told[2]["lost"], json!([said]), "{name}: {}", told[2]);
        assert_eq!(told[0]["resources"].is_array(), sees, "{name}: {}", told[0]);
    }
}
