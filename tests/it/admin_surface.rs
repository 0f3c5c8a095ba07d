//! Every route of the admin API, by every kind of asker: the list is the one that the router is made of, so that a route
//! without an entry here fails.

use serde_json::{Value, json};

use crate::{
    admin::{administrators, tokens},
    admin_tokens::House,
    browser::{Answer, Browser},
    on_both, role_surface,
    world::{Backend, World, text},
};

on_both!(
    every_route_answers_each_asker_as_it_is_to,
    an_unknown_parameter_is_told_to_those_who_may_ask,
    who_may_not_ask_is_told_that_first,
);

const STATE: &str = r#"
tenants:
- name: acme
  connections:
  - {name: tested, oidc: {issuer: "https://acme.okta.com", client_id: gatehouse}}
  - {name: read, saml: {metadata_url: "https://10.0.0.1/metadata"}}
  clients:
  - {client_id: web, secret: web-secret, redirect_uris: ["https://app.example/cb"], trusted: true, admin_api: true}
  - {client_id: foreign, secret: foreign-secret, redirect_uris: ["https://foreign.example/cb"], trusted: true}
  users:
  - {email: ada@acme.example, password: "correct horse", admin: true, active: true}
  - {email: bob@acme.example, password: "correct horse", active: true}
  - {email: gil@acme.example, active: true}
  teams:
  - {name: sre, members: [bob@acme.example]}
  - {name: gone-own}
  - {name: gone-platform}
  directories:
  - {name: people}
  service_tokens:
  - {name: bot, scopes: [admin]}
  resources:
  - {type: model, name: gpt, collaborators: [{team: sre, role: viewer}]}
- name: other
  clients:
  - {client_id: other-web, secret: other-secret, redirect_uris: ["https://other.example/cb"], trusted: true, admin_api: true}
  users:
  - {email: carl@other.example, password: "correct horse", admin: true, active: true}
- name: home
  clients:
  - {client_id: api, secret: api-secret, redirect_uris: ["https://api.example/cb"], trusted: true, admin_api: true}
  users:
  - {email: root@home.example, password: "correct horse", active: true}
"#;

/// Who asks, in the order in which they do: those who may not come before those who may.
pub const ASKERS: [&str; 6] = ["nobody", "user", "barred", "other", "own", "platform"];

pub struct Askers {
    pub world: World,
    tokens: Vec<(&'static str, Option<String>)>,
    gil: String,
}

impl Askers {
    pub async fn new(backend: Backend) -> Self {
        let world = World::with(backend, STATE, &[]).await;
        world.sql("UPDATE users SET platform = TRUE WHERE email = 'root@home.example'").await;
        let access = async |client, email| Some(text(&tokens(&world, client, email).await, "access_token").to_owned());
        let whole = async |client, email| Some(text(&administrators(&world, client, email).await, "access_token").to_owned());
        let tokens = vec![
            ("nobody", None),
            ("user", access("web", "bob@acme.example").await),
            ("barred", access("foreign", "ada@acme.example").await),
            ("other", whole("other-web", "carl@other.example").await),
            ("own", whole("web", "ada@acme.example").await),
            ("platform", whole("api", "root@home.example").await),
        ];
        let mut askers = Self { world, tokens, gil: String::new() };
        let gil = askers.ask("own", "GET", "tenants/acme/users/gil@acme.example", &[], None).await;
        askers.gil = text(&gil.json(), "id").to_owned();
        askers
    }

    pub async fn ask(&self, who: &str, method: &str, path: &str, headers: &[(&str, &str)], body: Option<Value>) -> Answer {
        let token = self.tokens.iter().find(|(name, _)| *name == who).unwrap().1.as_ref();
        let bearer = token.map(|token| format!("Bearer {token}"));
        let mut all = headers.to_vec();
        all.extend(bearer.as_deref().map(|bearer| ("authorization", bearer)));
        if body.is_some() {
            all.push(("content-type", "application/json"));
        }
        let url = format!("{}/api/v1/{path}", self.world.url);
        Browser::new().send(method.parse().unwrap(), &url, &all, body.map(|body| body.to_string())).await
    }
}

/// Of what area a route is, for scopes.
pub fn area(path: &str) -> &'static str {
    let rest = path.strip_prefix("/api/v1/").unwrap();
    match rest.split('/').collect::<Vec<_>>().as_slice() {
        ["access", "explain"] => "admin",
        ["audit" | "sign_ins", ..] | ["tenants", _, "sign_ins", ..] => "audit",
        ["tenants", _, _, _, "roles"] => "resources",
        ["users", ..] | ["tenants", _, "users", ..] => "users",
        ["invites", ..] | ["tenants", _, "invites", ..] => "invites",
        ["personal_tokens", ..] => "personal_tokens",
        ["keys", ..] => "keys",
        ["expiring"] | ["tenants", _, "expiring"] => "tenants",
        ["tenants", _, "directories", ..] => "directories",
        ["tenants"] | ["tenants", _] => "tenants",
        ["tenants", _, "domains", ..] => "domains",
        ["tenants", _, "setup-links", ..] | ["tenants", _, "connections", _, "test" | "metadata", ..] => "connections",
        ["tenants", _, "teams", ..] => "teams",
        ["tenants", _, "resources", ..] => "resources",
        ["tenants", _, "service_tokens", ..] => "service_tokens",
        ["tenants", _, "{noun}", _, "check"] => "connections",
        // What is asked of any noun is asked of teams.
        ["tenants", _, "{noun}", ..] => "teams",
        _ => panic!("{path} has no area: which scopes open it?"),
    }
}

/// Of a route: what to ask, and what administrators of another tenant, of the tenant and of the platform are answered. In
/// path and body `WHO` stands for the asker, `GIL` for a user's id.
pub fn expected(method: &str, path: &str) -> Option<(&'static str, Option<Value>, [u16; 3])> {
    let named = || Some(json!({"name": "made-WHO"}));
    let tenant = "/api/v1/tenants/{tenant}";
    let (many, one) = (format!("{tenant}/{{noun}}"), format!("{tenant}/{{noun}}/{{name}}"));
    Some(match (method, path) {
        ("GET", "/api/v1/tenants/{tenant}/sign_ins") => ("tenants/acme/sign_ins", None, [404, 200, 200]),
        ("GET", "/api/v1/tenants/{tenant}/sign_ins/{name}") => ("tenants/acme/sign_ins/none", None, [404, 404, 404]),
        ("GET", "/api/v1/audit") => ("audit?tenant=acme", None, [404, 200, 200]),
        ("GET", "/api/v1/audit/verification") => ("audit/verification", None, [403, 403, 200]),
        // Each for the own tenant.
        ("POST", "/api/v1/access/explain") => ("access/explain", Some(json!({"token": "x.y.z"})), [200, 200, 200]),
        ("GET", "/api/v1/keys") => ("keys", None, [403, 403, 200]),
        ("POST", "/api/v1/keys/{key}/rotate") => ("keys/ES256/rotate", None, [403, 403, 201]),
        ("GET", "/api/v1/expiring") => ("expiring", None, [403, 403, 200]),
        ("GET", "/api/v1/tenants/{tenant}/expiring") => ("tenants/acme/expiring", None, [404, 200, 200]),
        ("GET", "/api/v1/tenants/{tenant}/directories/{name}/token") => {
            ("tenants/acme/directories/people/token", None, [404, 200, 200])
        }
        ("POST", "/api/v1/tenants/{tenant}/directories/{name}/token") => {
            ("tenants/acme/directories/people/token", Some(json!({})), [404, 201, 201])
        }
        ("DELETE", "/api/v1/tenants/{tenant}/directories/{name}/tokens/{id}") => {
            ("tenants/acme/directories/people/tokens/none", None, [404, 404, 404])
        }
        ("GET", "/api/v1/sign_ins") => ("sign_ins", None, [403, 403, 200]),
        ("GET", "/api/v1/sign_ins/{name}") => ("sign_ins/none", None, [403, 403, 404]),
        ("POST", "/api/v1/tenants/{tenant}/users/{name}/deactivate") => {
            ("tenants/acme/users/GIL/deactivate", None, [404, 200, 200])
        }
        ("POST", "/api/v1/tenants/{tenant}/users/{name}/activate") => ("tenants/acme/users/GIL/activate", None, [404, 200, 200]),
        ("GET", "/api/v1/tenants/{tenant}/users/{name}/receipts") => ("tenants/acme/users/GIL/receipts", None, [404, 200, 200]),
        ("GET", "/api/v1/tenants/{tenant}/users/{name}/identities") => {
            ("tenants/acme/users/gil@acme.example/identities", None, [404, 200, 200])
        }
        ("PUT", "/api/v1/tenants/{tenant}/users/{name}/identities/{connection}") => {
            ("tenants/acme/users/gil@acme.example/identities/tested", Some(json!({"subject": "gil"})), [404, 201, 200])
        }
        ("DELETE", "/api/v1/tenants/{tenant}/users/{name}/identities/{connection}") => {
            ("tenants/acme/users/bob@acme.example/identities/none", None, [404, 404, 404])
        }
        ("GET", "/api/v1/tenants/{tenant}/users/{name}/teams") => ("tenants/acme/users/GIL/teams", None, [404, 200, 200]),
        ("GET", "/api/v1/tenants/{tenant}/users/{name}/sessions") => ("tenants/acme/users/GIL/sessions", None, [404, 200, 200]),
        ("POST", "/api/v1/tenants/{tenant}/users/{name}/sign-out") => ("tenants/acme/users/GIL/sign-out", None, [404, 200, 200]),
        ("GET", "/api/v1/tenants/{tenant}/users/{name}/personal_tokens") => {
            ("tenants/acme/users/GIL/personal_tokens", None, [404, 200, 200])
        }
        ("DELETE", "/api/v1/tenants/{tenant}/users/{name}/personal_tokens/{id}") => {
            ("tenants/acme/users/GIL/personal_tokens/none", None, [404, 404, 404])
        }
        ("GET", "/api/v1/tenants/{tenant}/teams/{name}/members") => ("tenants/acme/teams/sre/members", None, [404, 200, 200]),
        ("GET", "/api/v1/tenants/{tenant}/teams/{name}/members/{user}") => {
            ("tenants/acme/teams/sre/members/bob@acme.example", None, [404, 200, 200])
        }
        ("PUT", "/api/v1/tenants/{tenant}/teams/{name}/members/{user}") => {
            ("tenants/acme/teams/sre/members/GIL", None, [404, 201, 200])
        }
        ("DELETE", "/api/v1/tenants/{tenant}/teams/{name}/members/{user}") => {
            ("tenants/acme/teams/sre/members/GIL", None, [404, 204, 404])
        }
        ("GET", "/api/v1/tenants/{tenant}/invites") => ("tenants/acme/invites", None, [404, 200, 200]),
        ("POST", "/api/v1/tenants/{tenant}/invites") => {
            ("tenants/acme/invites", Some(json!({"email": "for-WHO@acme.example"})), [404, 201, 201])
        }
        ("DELETE", "/api/v1/tenants/{tenant}/invites/{name}") => ("tenants/acme/invites/none", None, [404, 404, 404]),
        ("POST", "/api/v1/tenants/{tenant}/invites/{name}/resend") => ("tenants/acme/invites/none/resend", None, [404, 404, 404]),
        // These speak for the administrator's own tenant alone.
        ("POST", "/api/v1/users/{id}/deactivate") => ("users/GIL/deactivate", None, [404, 200, 404]),
        ("POST", "/api/v1/users/{id}/activate") => ("users/GIL/activate", None, [404, 200, 404]),
        ("GET", "/api/v1/users/{id}/receipts") => ("users/GIL/receipts", None, [404, 200, 404]),
        ("GET", "/api/v1/invites") => ("invites", None, [200, 200, 200]),
        ("POST", "/api/v1/invites") => ("invites", Some(json!({"email": "WHO@acme.example"})), [201, 201, 201]),
        ("DELETE", "/api/v1/invites/{id}") => ("invites/none", None, [404, 404, 404]),
        ("POST", "/api/v1/invites/{id}/resend") => ("invites/none/resend", None, [404, 404, 404]),
        ("GET", "/api/v1/personal_tokens") => ("personal_tokens", None, [200, 200, 200]),
        ("POST", "/api/v1/personal_tokens") => {
            ("personal_tokens", Some(json!({"name": "x", "scopes": ["audit:read"]})), [201, 201, 201])
        }
        ("DELETE", "/api/v1/personal_tokens/{id}") => ("personal_tokens/none", None, [404, 404, 404]),
        ("POST", "/api/v1/tenants/{tenant}/service_tokens/{name}/token") => {
            // It lasts longer than what they ask with.
            ("tenants/acme/service_tokens/bot/token", None, [404, 403, 403])
        }
        ("GET", "/api/v1/tenants") => ("tenants", None, [200, 200, 200]),
        ("POST", "/api/v1/tenants") => ("tenants", named(), [403, 403, 201]),
        ("GET", path) if path == tenant => ("tenants/acme", None, [404, 200, 200]),
        ("PUT", path) if path == tenant => ("tenants/acme", Some(json!({"display_name": "WHO"})), [404, 200, 200]),
        ("DELETE", path) if path == tenant => ("tenants/acme", None, [404, 403, 409]),
        ("GET", "/api/v1/tenants/{tenant}/setup-links") => ("tenants/acme/setup-links", None, [404, 200, 200]),
        ("POST", "/api/v1/tenants/{tenant}/setup-links") => {
            ("tenants/acme/setup-links", Some(json!({"connection": "made-WHO", "days": 1})), [404, 201, 201])
        }
        ("DELETE", "/api/v1/tenants/{tenant}/setup-links/{name}") => ("tenants/acme/setup-links/none", None, [404, 404, 404]),
        ("GET", "/api/v1/tenants/{tenant}/domains") => ("tenants/acme/domains", None, [404, 200, 200]),
        ("POST", "/api/v1/tenants/{tenant}/domains") => {
            ("tenants/acme/domains", Some(json!({"domain": "WHO.example"})), [404, 201, 201])
        }
        ("GET", "/api/v1/tenants/{tenant}/domains/{name}") => ("tenants/acme/domains/WHO.example", None, [404, 200, 200]),
        ("DELETE", "/api/v1/tenants/{tenant}/domains/{name}") => ("tenants/acme/domains/WHO.example", None, [404, 200, 200]),
        ("POST", "/api/v1/tenants/{tenant}/domains/{name}/check") => {
            ("tenants/acme/domains/none.example/check", None, [404, 404, 404])
        }
        ("POST", "/api/v1/tenants/{tenant}/domains/{name}/accept") => {
            ("tenants/acme/domains/none.example/accept", None, [404, 403, 404])
        }
        ("GET", path) if path == many => ("tenants/acme/teams", None, [404, 200, 200]),
        ("POST", path) if path == many => ("tenants/acme/teams", named(), [404, 201, 201]),
        ("GET", path) if path == one => ("tenants/acme/teams/sre", None, [404, 200, 200]),
        ("PUT", path) if path == one => ("tenants/acme/teams/put-WHO", Some(json!({})), [404, 201, 201]),
        ("GET", "/api/v1/tenants/{tenant}/connections/{name}/test") => {
            ("tenants/acme/connections/tested/test", None, [404, 200, 200])
        }
        ("POST", "/api/v1/tenants/{tenant}/{noun}/{name}/check") => {
            ("tenants/acme/connections/none/check", Some(json!({"saml": {}})), [404, 200, 200])
        }
        ("GET", "/api/v1/tenants/{tenant}/connections/{name}/metadata") => {
            ("tenants/acme/connections/read/metadata", None, [404, 200, 200])
        }
        // Nothing is held.
        ("POST", "/api/v1/tenants/{tenant}/connections/{name}/metadata/accept") => {
            ("tenants/acme/connections/read/metadata/accept", Some(json!({"digest": "x"})), [404, 409, 409])
        }
        ("POST", "/api/v1/tenants/{tenant}/connections/{name}/metadata/fetch") => {
            ("tenants/acme/connections/read/metadata/fetch", None, [404, 200, 200])
        }
        ("DELETE", path) if path == one => ("tenants/acme/teams/gone-WHO", None, [404, 200, 200]),
        _ => return role_surface::expected(method, path),
    })
}

async fn every_route_answers_each_asker_as_it_is_to(backend: Backend) {
    let askers = Askers::new(backend).await;
    for (method, route) in gatehouse::admin::surface() {
        let Some((path, body, [other, own, platform])) = expected(&method, route) else {
            panic!("{method} {route} has no entry: who may ask it?");
        };
        for (who, status) in ASKERS.into_iter().zip([401, 403, 403, other, own, platform]) {
            let fill = |text: &str| text.replace("WHO", who).replace("GIL", &askers.gil);
            let body = body.as_ref().map(|body| serde_json::from_str(&fill(&body.to_string())).unwrap());
            let answer = askers.ask(who, &method, &fill(path), &[], body).await;
            assert_eq!(answer.status, status, "{method} {route} by {who}: {}", answer.body);
            assert_eq!(answer.header("cache-control"), Some("no-store"), "{method} {route} by {who}");
            if status >= 400 {
                let answer = answer.json();
                assert!(answer["error"].is_string() && answer["error_description"].is_string(), "{answer}");
            }
        }
        let token = askers.tokens.iter().find(|(who, _)| *who == "own").unwrap().1.clone().unwrap();
        let cookie = format!("accessToken={token}");
        let path = path.replace("GIL", &askers.gil);
        assert_eq!(askers.ask("nobody", &method, &path, &[("cookie", &cookie)], None).await.status, 401, "{method} {route}");
    }
}

/// Those who may not ask are told that and no more, as without it; and what everybody else is told is described.
async fn an_unknown_parameter_is_told_to_those_who_may_ask(backend: Backend) {
    let askers = Askers::new(backend).await;
    let document = askers.ask("nobody", "GET", "openapi.json", &[], None).await.json();
    let mut asked = 0;
    for (method, route) in gatehouse::admin::surface().into_iter().filter(|(method, _)| method == "GET") {
        let (path, _, [other, own, _]) = expected(&method, route).unwrap();
        let (path, of_tenant) = (path.replace("GIL", &askers.gil), path.starts_with("tenants/acme"));
        let path = format!("{path}{}bogus=1", if path.contains('?') { '&' } else { '?' });
        let other = if of_tenant || other == 403 { other } else { 400 };
        let own = if own == 403 { 403 } else { 400 };
        for (who, status) in ASKERS.into_iter().zip([401, 403, 403, other, own, 400]) {
            let answer = askers.ask(who, "GET", &path, &[], None).await;
            assert_eq!(answer.status, status, "{path} by {who}: {}", answer.body);
            assert_eq!(answer.body.contains("bogus"), status == 400, "{path} by {who}: {}", answer.body);
        }
        let described = &document["paths"][route.replace("{noun}", "teams")]["get"]["responses"];
        assert!(described["200"].is_object() && described["400"].is_object(), "{route}: {described}");
        asked += 1;
    }
    assert!(asked > 30, "{asked}");
    for (path, operations) in document["paths"].as_object().unwrap() {
        let get = &operations["get"];
        assert!(get.is_null() || get["responses"]["400"].is_object(), "{path}: {get}");
    }
}

/// On every address that is read: whoever may not ask, or is not one of those for whom it is, is told the same with a parameter
/// that nobody knows as without; and everybody else that it is unknown.
async fn who_may_not_ask_is_told_that_first(backend: Backend) {
    let house = House::new(backend).await;
    let gil = house.user_id("gil@acme.example").await;
    let (mut refused, mut told) = (0, 0);
    let whole = house.service("whole", &["admin"], None).await;
    let own = house.personal("ada@acme.example", &["admin"]).await;
    let (audit, teams) =
        (house.service("audit", &["audit:write"], None).await, house.service("teams", &["teams:write"], None).await);
    for (method, route) in gatehouse::admin::surface().into_iter().filter(|(method, _)| method == "GET") {
        let (path, _, _) = expected(&method, route).unwrap();
        let path = path.replace("GIL", &gil).replace("WHO", "token");
        let outside = if area(route) == "audit" { teams.as_str() } else { audit.as_str() };
        let (whole, own) = (whole.as_str(), own.as_str());
        for (who, token) in [("nobody", "x"), ("a service without the scope", outside), ("a service", whole), ("ada", own)] {
            let plain = house.ask_from(&format!("192.0.2.{}", refused % 250), token, &method, &path, None).await;
            let query = format!("{path}{}x=1", if path.contains('?') { '&' } else { '?' });
            let answer = house.ask_from(&format!("198.51.100.{}", refused % 250), token, &method, &query, None).await;
            let what = format!("{query} by {who}: {} and then {} {}", plain.status, answer.status, answer.body);
            let may_not = matches!(plain.status, 401 | 403);
            assert!(may_not || !["nobody", "a service without the scope"].contains(&who), "{what}");
            if may_not {
                assert_eq!((answer.status, answer.json()), (plain.status, plain.json()), "{what}");
                refused += 1;
            } else {
                assert!(answer.status == 400 && answer.body.contains("the parameter x is unknown here"), "{what}");
                told += 1;
            }
        }
    }
    assert!(refused > 50 && told > 40, "{refused} {told}");
    // What is people's own is no service's, whatever its scopes.
    for path in ["personal_tokens", "personal_tokens?x=1", "personal_tokens?state=none"] {
        let answer = house.ask(&whole, "GET", path, None).await;
        assert!(
            answer.status == 403 && answer.body.contains("a service token has no personal tokens"),
            "{path}: {}",
            answer.body
        );
    }
}
