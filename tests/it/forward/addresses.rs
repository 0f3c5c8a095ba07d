//! A user's address that nobody has vouched for: a directory writes whatever it likes. No site's rule believes it, and no site
//! is told somebody by it.

use gatehouse::{params, store};
use serde_json::{Value, json};

use super::{API, BROWSER, DIALECTS, Dialect, Guarded, sign_in::Visitor};
use crate::{
    on_both,
    world::{Backend, decode, text},
};

on_both!(no_rule_believes_it, nobody_is_called_by_it);

/// Whether somebody has vouched for Ada's address.
async fn vouched(world: &Guarded, proven: bool) {
    let sql = "UPDATE users SET email_proven = $1 WHERE id = $2 RETURNING tenant_id";
    let ada = world.user("ada@acme.example").await;
    assert_eq!(store::On::from(&world.app.db).publish(sql, params![proven, &ada]).await.unwrap(), 1);
}

async fn no_rule_believes_it(backend: Backend) {
    let world = Guarded::new(backend).await;
    let rules = json!([{"claim": "email", "values": ["*@acme.example"], "match_type": "glob"}]);
    world.site("mail", json!({"hosts": ["mail.example"], "claims": rules})).await;
    let rules = json!([{"claim": "/email", "values": ["*@acme.example"], "match_type": "glob"}]);
    let site = json!({"hosts": ["app.example"], "claims": rules, "login": {"client": "portal"}});
    world.site("app", site).await;
    let own = format!("Bearer {}", world.own().await);
    let mut visitor = Visitor::default();
    assert_eq!(visitor.whole_way(&world, "app.example", "/").await.status, 303);
    for (proven, status) in [(true, 200), (false, 403), (true, 200)] {
        vouched(&world, proven).await;
        for host in ["mail.example", "app.example"] {
            assert_eq!(world.status(host, "/", &[API, ("authorization", &own)]).await, status, "{host} {proven}");
        }
        let session = visitor.ask(&world, Dialect::Forward, "app.example", "/").await;
        assert_eq!(session.status, status, "a session of the site's, {proven}");
    }
}

async fn nobody_is_called_by_it(backend: Backend) {
    let world = Guarded::new(backend).await;
    for method in ["claims_header", "jwt_header"] {
        let identity = json!({"method": method, "include_claims": ["email"]});
        world.site(method, json!({"hosts": [format!("{method}.example")], "identity": identity})).await;
    }
    // One that says the address, and one that does not.
    let code = world.code("web", &[("scope", "openid")]).await;
    let bare = text(&world.redeem("web", &code).await.json(), "access_token").to_owned();
    for token in [world.own().await, bare] {
        let id = text(&decode(&token).1, "sub").to_owned();
        let header = format!("Bearer {token}");
        for proven in [true, false] {
            vouched(&world, proven).await;
            let name = if proven { "ada@acme.example" } else { id.as_str() };
            for dialect in DIALECTS {
                let ask = async |host: &str| world.ask(dialect, host, "/", &[BROWSER, ("authorization", &header)]).await;
                let answer = ask("app.example").await;
                let told = ["remote-user", "remote-email"].map(|name| answer.header(name));
                assert_eq!(told, [Some(name), Some(if proven { "ada@acme.example" } else { "" })], "{dialect:?}");
                let claims: Value =
                    serde_json::from_str(ask("claims_header.example").await.header("x-user-claims").unwrap()).unwrap();
                let jwt = decode(ask("jwt_header.example").await.header("x-user-jwt").unwrap()).1;
                for claims in [claims, jwt] {
                    let called = if proven { json!("ada@acme.example") } else { Value::Null };
                    assert_eq!((&claims["principal"]["name"], &claims["principal"]["id"]), (&called, &json!(id)), "{claims}");
                    assert_eq!(claims["email"], json!("ada@acme.example"), "{claims}");
                    // Beside one that the token says stands what the token says, if the site wants it.
                    if decode(&token).1.get("email").is_none() {
                        assert_eq!(claims["email_verified"], json!(proven), "{claims}");
                    }
                }
            }
        }
    }
}
