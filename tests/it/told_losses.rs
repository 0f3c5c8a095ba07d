//! What is told of what goes: a team's members and tokens, the first of very many collaborators, and of roles to whom.

use serde_json::json;

use crate::{
    losses::{Api, crowded, people},
    on_both,
    world::Backend,
};

on_both!(a_team_takes_its_members_along,);

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
