//! Whose sign-ins open a site: that a person has signed in somewhere says who they are, and not that they are to be here.

use reqwest::Method;
use serde_json::{Value, json};

use super::{API, DIALECTS, Guarded};
use crate::{
    browser::Browser,
    on_both,
    world::{Backend, World, decode, text},
};

on_both!(
    a_strangers_application_opens_no_site,
    a_token_for_a_resource_is_for_that_alone,
    what_a_person_has_not_told_a_client_its_token_does_not_tell,
    nor_does_it_tell_a_site
);

/// The audience of the client `foreign`.
const MCP: &str = "https://mcp.example/mcp";

impl World {
    /// What Ada's consent gives the client `foreign`, which is nobody's own.
    async fn consented(&self, extra: &[(&str, &str)]) -> Value {
        let mut browser = Browser::new();
        let url = self.authorize_url("foreign", extra);
        let page = self.sign_in(&mut browser, &url, "ada@acme.example", "correct horse").await;
        let login = page.body.split("action=\"/login/").nth(1).unwrap().split('/').next().unwrap().to_owned();
        let action = format!("{}/login/{login}/consent", self.url);
        let allowed = browser.post(&action, &[("csrf", &page.csrf()), ("decision", "allow")]).await;
        let answer = self.redeem("foreign", &allowed.query("code").unwrap()).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()
    }

    async fn whoami_with(&self, token: &str) -> (u16, Value) {
        let bearer = format!("Bearer {token}");
        let answer = Browser::new().get_with(&format!("{}/api/v1/whoami", self.url), &[("authorization", &bearer)]).await;
        (answer.status, answer.json())
    }
}

/// Somebody has agreed that an application knows who they are. It asks at sites with the token that it got for that.
async fn a_strangers_application_opens_no_site(backend: Backend) {
    let world = Guarded::new(backend).await;
    world.site("mcp", json!({"hosts": ["mcp.example"], "audience": MCP})).await;
    world.site("theirs", json!({"hosts": ["theirs.example"], "login": {"client": "foreign"}})).await;
    let tokens = world.consented(&[("scope", "openid")]).await;
    let token = text(&tokens, "access_token");
    assert_eq!(decode(token).1["aud"], json!(MCP), "no more than what it is for");
    // As a client without resources has it: a token for gatehouse itself.
    let plain = world.consented_without_resources().await;
    assert_eq!(decode(&plain).1["aud"], json!(world.url));
    let (header, cookie) = (format!("Bearer {plain}"), format!("accessToken={plain}"));
    for proof in [("authorization", header.as_str()), ("cookie", &cookie)] {
        assert_eq!(world.status("app.example", "/", &[API, proof]).await, 401, "{}", proof.0);
        // The honest twin: the operator has said that this site's people sign in over it.
        assert_eq!(world.status("theirs.example", "/", &[API, proof]).await, 200, "{}", proof.0);
    }
    for dialect in DIALECTS {
        let answer = world.ask(dialect, "app.example", "/", &[API, ("authorization", &header)]).await;
        assert_eq!((answer.json()["error_description"].as_str(), answer.header("remote-user")), (Some("Invalid audience"), None));
    }
    // Another honest twin: a client that the operator calls the platform's own.
    let own = format!("Bearer {}", world.own().await);
    assert_eq!(world.status("app.example", "/", &[API, ("authorization", &own)]).await, 200);
    // It counts what the client is now.
    let mut client = gatehouse::store::clients::find(&world.app.db, "foreign").await.unwrap().unwrap();
    client.trusted = true;
    assert!(gatehouse::store::clients::save(&world.app.db, &client, super::START).await.unwrap());
    assert_eq!(world.status("app.example", "/", &[API, ("authorization", &header)]).await, 200);
}

impl Guarded {
    /// A token of the client `foreign` as long as it has no resources.
    pub async fn consented_without_resources(&self) -> String {
        self.consented_for("openid").await
    }

    /// The same for these scopes.
    async fn consented_for(&self, scope: &str) -> String {
        let db = &self.app.db;
        let mut client = gatehouse::store::clients::find(db, "foreign").await.unwrap().unwrap();
        let resources = std::mem::take(&mut client.settings.resources);
        assert!(gatehouse::store::clients::save(db, &client, super::START).await.unwrap());
        let tokens = self.consented(&[("scope", scope), ("prompt", "consent")]).await;
        client.settings.resources = resources;
        assert!(gatehouse::store::clients::save(db, &client, super::START).await.unwrap());
        text(&tokens, "access_token").to_owned()
    }
}

/// The server of one resource is shown a token, and shows it elsewhere.
async fn a_token_for_a_resource_is_for_that_alone(backend: Backend) {
    let world = Guarded::new(backend).await;
    world.site("mcp", json!({"hosts": ["mcp.example"], "audience": MCP, "scopes": ["mcp:read"]})).await;
    let theirs = world.consented(&[("scope", "openid mcp:read"), ("resource", MCP)]).await;
    let theirs = text(&theirs, "access_token").to_owned();
    for token in [theirs, world.own_for("openid mcp:read", MCP).await] {
        assert_eq!(decode(&token).1["aud"], json!(MCP));
        let header = format!("Bearer {token}");
        assert_eq!(world.status("mcp.example", "/", &[API, ("authorization", &header)]).await, 200, "the honest twin");
        assert_eq!(world.status("app.example", "/", &[API, ("authorization", &header)]).await, 401);
        assert_eq!(world.whoami_with(&token).await.0, 401);
        let check = json!({"resource": {"type": "model", "name": "gpt"}, "role": "viewer"}).to_string();
        let headers = [("authorization", header.as_str()), ("content-type", "application/json")];
        let url = format!("{}/api/v1/access/check", world.url);
        assert_eq!(Browser::new().send(Method::POST, &url, &headers, Some(check)).await.status, 401);
        // Whose sign-in it was its client may ask all the same, as it was given `openid` for.
        let told = world.userinfo(&token).await;
        assert_eq!((told.status, told.json()["sub"].as_str()), (200, decode(&token).1["sub"].as_str()));
        assert!(told.json().get("email").is_none(), "{}", told.body);
    }
    let silent = world.own_for("mcp:read", MCP).await;
    assert_eq!(world.userinfo(&silent).await.status, 403, "it was not given for that");
}

/// `openid` says that somebody is the same as before.
async fn what_a_person_has_not_told_a_client_its_token_does_not_tell(backend: Backend) {
    let world = Guarded::new(backend).await;
    let token = world.consented_without_resources().await;
    let (status, told) = world.whoami_with(&token).await;
    let principal = json!({"kind": "user", "name": null, "id": decode(&token).1["sub"]});
    assert_eq!((status, &told["principal"]), (200, &principal));
    assert_eq!((&told["email"], &told["teams"], &told["tenant"]), (&Value::Null, &json!([]), &json!("acme")));
    assert!(!told.to_string().contains("ada@") && !told.to_string().contains("sre"), "{told}");
    // With the scopes that tell it.
    let code = world.code("web", &[("scope", "openid email groups")]).await;
    let tokens = world.redeem("web", &code).await.json();
    let told = world.whoami_with(text(&tokens, "access_token")).await.1;
    assert_eq!((&told["email"], &told["principal"]["name"]), (&json!("ada@acme.example"), &json!("ada@acme.example")));
    assert_eq!(told["teams"].as_array().unwrap().len(), 2, "{told}");
}

/// The client shows the token where the site's people sign in over it.
async fn nor_does_it_tell_a_site(backend: Backend) {
    let world = Guarded::new(backend).await;
    let site =
        |host: &str, method: &str| json!({"hosts": [host], "login": {"client": "foreign"}, "identity": {"method": method}});
    world.site("separate", site("separate.example", "headers")).await;
    world.site("claims", site("claims.example", "claims_header")).await;
    world.site("jwt", site("jwt.example", "jwt_header")).await;
    let ada = world.user("ada@acme.example").await;
    let told = async |token: &str| {
        let header = format!("Bearer {token}");
        let ask = async |host: &str| world.ask(DIALECTS[0], host, "/", &[API, ("authorization", &header)]).await;
        let separate = ask("separate.example").await;
        let names = ["user", "email", "name", "groups", "subject"];
        let separate = names.map(|name| separate.header(&format!("remote-{name}")).unwrap().to_owned());
        let claims: Value = serde_json::from_str(ask("claims.example").await.header("x-user-claims").unwrap()).unwrap();
        let jwt = decode(ask("jwt.example").await.header("x-user-jwt").unwrap()).1;
        (separate, [claims, jwt])
    };
    let silent = world.consented_without_resources().await;
    let (separate, all) = told(&silent).await;
    assert_eq!(separate, [ada.as_str(), "", "", "", &ada]);
    for claims in all {
        assert_eq!((claims.get("email"), claims.get("name"), &claims["teams"]), (None, None, &json!([])), "{claims}");
        assert_eq!(claims["principal"], json!({"kind": "user", "name": null, "id": ada}));
        assert!(!claims.to_string().contains("ada@"), "{claims}");
    }
    // With the scope that tells it.
    let (separate, all) = told(&world.consented_for("openid email").await).await;
    assert_eq!(separate, ["ada@acme.example", "ada@acme.example", "", "", &ada]);
    for claims in all {
        assert_eq!((&claims["email"], &claims["teams"]), (&json!("ada@acme.example"), &json!([])), "{claims}");
    }
    // A client of the platform's own asks nobody, and tells.
    let mut client = gatehouse::store::clients::find(&world.app.db, "foreign").await.unwrap().unwrap();
    client.trusted = true;
    assert!(gatehouse::store::clients::save(&world.app.db, &client, super::START).await.unwrap());
    let ([user, email, name, groups, _], _) = told(&silent).await;
    assert_eq!((user.as_str(), email.as_str(), name.as_str()), ("ada@acme.example", "ada@acme.example", "Ada"));
    assert!(groups.contains("sre"), "{groups}");
}
