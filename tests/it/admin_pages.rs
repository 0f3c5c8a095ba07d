//! The pages of /admin: whose forms count, and that what a form says becomes what a file would have said.

use axum::http::Method;
use gatehouse::{
    apply::single::{self, Noun},
    store::{tenants, users},
};
use serde_json::{Value, json};

use crate::{
    browser::{Answer, Browser},
    on_both,
    world::{Backend, World},
};

on_both!(
    no_form_of_another_counts,
    a_connection_from_choice_to_deletion,
    what_was_typed_stays_beside_what_is_wrong,
    lists_are_searched_and_paged,
    all_that_is_wrong_is_said_at_once,
);

pub const PASSWORD: &str = "correct horse battery";
pub const STATE: &str = r#"
tenants:
- name: acme
  display_name: Acme
  domains: [acme.example]
  connections:
  - {name: okta, preset: okta, oidc: {issuer: "https://acme.okta.com", client_id: gatehouse, client_secret: "upstream-secret"}}
  - {name: read, protocol: saml, enabled: false, saml: {metadata_url: "https://idp.example/metadata"}}
  clients:
  - {client_id: web, secret: web-secret, redirect_uris: ["https://app.example/cb"], trusted: true, admin_api: true}
  users:
  - {email: ada@acme.example, name: Ada, password: "correct horse battery", admin: true}
  - {email: bob@acme.example, name: Bob, password: "correct horse battery"}
  teams:
  - {name: sre, members: [bob@acme.example]}
  directories:
  - {name: people, connection: okta}
  service_tokens:
  - {name: bot, token: "0123456789abcdef0123456789abcdef", scopes: [admin]}
  trusted_issuers:
  - {name: idp, issuer: "https://idp.example", jwks_uri: "https://idp.example/keys", audience: ["api"]}
  external_identities:
  - {name: ci, issuer: idp, claims: {email: "*@acme.example"}}
  virtual_accounts:
  - {name: batch, issuer: idp, claims: {azp: batch}}
  resources:
  - {type: model, name: gpt, collaborators: [{external_identity: ci, role: viewer}]}
  sites:
  - {name: wiki, hosts: [wiki.example]}
- name: other
  display_name: Other
  users:
  - {email: eve@other.example, name: Eve, password: "correct horse battery", admin: true}
"#;

pub struct Desk {
    pub world: World,
}

impl std::ops::Deref for Desk {
    type Target = World;

    fn deref(&self) -> &World {
        &self.world
    }
}

impl Desk {
    pub async fn new(backend: Backend) -> Self {
        Self { world: World::with(backend, STATE, &[]).await }
    }

    /// A browser of somebody who has signed in to the pages.
    pub async fn browser(&self, tenant: &str, email: &str) -> Browser {
        let mut browser = Browser::new();
        let answer = self.sign_in_at(&mut browser, &format!("{}/login?tenant={tenant}&to=/account", self.url), email).await;
        assert_eq!(answer.location(), Some(format!("{}/account", self.app.issuer()).as_str()), "{}", answer.body);
        browser
    }

    pub async fn sign_in_at(&self, browser: &mut Browser, url: &str, email: &str) -> Answer {
        let page = browser.get(url).await;
        let page = browser.follow(page).await;
        assert_eq!(page.status, 200, "{}", page.body);
        self.password(browser, &page, email, PASSWORD).await
    }

    pub async fn ada(&self) -> Browser {
        self.browser("acme", "ada@acme.example").await
    }

    pub async fn user_id(&self, email: &str) -> String {
        let tenant = self.tenant().await;
        let email = gatehouse::policy::email::Email::parse(email).unwrap();
        users::find_by_email(&self.app.db, &tenant.id, &email).await.unwrap().unwrap().id
    }

    pub async fn tenant(&self) -> tenants::Tenant {
        tenants::find_by_name(&self.app.db, "acme").await.unwrap().unwrap()
    }

    pub async fn stored(&self, noun: Noun, name: &str) -> Option<Value> {
        single::show(&self.app.db, &self.app.sealer, &self.tenant().await, noun, name).await.unwrap()
    }

    pub fn at(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    /// Opens a page and sends its form with these fields; where that switches something off, says yes to the question.
    pub async fn fill(&self, browser: &mut Browser, page: &str, to: &str, fields: &[(&str, &str)]) -> Answer {
        let form = browser.get(&self.at(page)).await;
        assert_eq!(form.status, 200, "{page}: {}", form.body);
        let (csrf, version) = (form.csrf(), form.field("version"));
        let version = version.as_deref().map(|version| ("version", version));
        let all: Vec<_> = [("csrf", csrf.as_str())].into_iter().chain(version).chain(fields.iter().copied()).collect();
        let answer = browser.post(&self.at(to), &all).await;
        match answer.body.contains("name=\"confirmed\"") {
            true => {
                let yes: Vec<_> = all.into_iter().chain([("confirmed", "on")]).collect();
                browser.post(&self.at(to), &yes).await
            }
            false => answer,
        }
    }
}

async fn no_form_of_another_counts(backend: Backend) {
    let desk = Desk::new(backend).await;
    let mut ada = desk.ada().await;
    let csrf = ada.get(&desk.at("/admin/acme/teams/new")).await.csrf();
    let to = desk.at("/admin/acme/teams");
    let body = |csrf: &str, name: &str| {
        Some(url::form_urlencoded::Serializer::new(String::new()).extend_pairs([("csrf", csrf), ("name", name)]).finish())
    };
    let form = ("content-type", "application/x-www-form-urlencoded");
    let mut eve = desk.browser("other", "eve@other.example").await;
    let foreign = eve.get(&desk.at("/admin/other/teams/new")).await.csrf();
    for (what, headers, token) in [
        ("no token", vec![form], ""),
        ("another's token", vec![form], foreign.as_str()),
        ("a token of another page", vec![form], "x"),
        ("another origin", vec![form, ("origin", "https://evil.example")], csrf.as_str()),
        ("no origin that shows", vec![form, ("origin", "null")], csrf.as_str()),
        ("another site", vec![form, ("sec-fetch-site", "cross-site")], csrf.as_str()),
        ("a sister site", vec![form, ("sec-fetch-site", "same-site")], csrf.as_str()),
    ] {
        let answer = ada.send(Method::POST, &to, &headers, body(token, "evil")).await;
        assert_eq!(answer.status, 403, "{what}: {}", answer.body);
        assert!(desk.stored(Noun::Teams, "evil").await.is_none(), "{what}");
    }
    let own = [form, ("origin", desk.app.issuer()), ("sec-fetch-site", "same-origin")];
    let answer = ada.send(Method::POST, &to, &own, body(&csrf, "good")).await;
    assert_eq!((answer.status, answer.location()), (303, Some("/admin/acme/teams/good?done=created")), "{}", answer.body);
    assert!(desk.stored(Noun::Teams, "good").await.is_some());
}

async fn a_connection_from_choice_to_deletion(backend: Backend) {
    let desk = Desk::new(backend).await;
    let mut ada = desk.ada().await;
    let choose = ada.get(&desk.at("/admin/acme/connections/new")).await;
    assert!(choose.body.contains("/admin/acme/connections/new?preset=entra&#38;protocol=oidc"), "{}", choose.body);
    let page = "/admin/acme/connections/new?preset=entra&protocol=oidc";
    let form = ada.get(&desk.at(page)).await;
    for words in ["At Microsoft Entra ID", "Redirect URI (platform Web)", "/oauth2/callback/acme/entra", "not its Secret ID"] {
        assert!(form.body.contains(words), "{words}: {}", form.body);
    }
    let issuer = "https://login.microsoftonline.com/11111111-2222-3333-4444-555555555555/v2.0";
    let fields = [
        ("preset", "entra"),
        ("protocol", "oidc"),
        ("name", "entra"),
        ("login_enabled", "on"),
        ("own_callback", "on"),
        ("oidc.client_id", "app"),
        ("oidc.client_secret", "entra-secret"),
        ("oidc.issuer", issuer),
        ("oidc.discover", "on"),
    ];
    let answer = desk.fill(&mut ada, page, "/admin/acme/connections", &fields).await;
    assert_eq!((answer.status, answer.location()), (303, Some("/admin/acme/connections/entra?done=created")), "{}", answer.body);
    let stored = desk.stored(Noun::Connections, "entra").await.unwrap();
    assert_eq!((&stored["preset"], &stored["enabled"], &stored["own_callback"]), (&json!("entra"), &json!(false), &json!(true)));
    assert_eq!(stored["oidc"]["issuer"], issuer);

    // Its page shows it again, but never the secret.
    let path = "/admin/acme/connections/entra";
    let shown = ada.get(&desk.at(&format!("{path}?done=created"))).await;
    assert!(shown.body.contains(issuer) && shown.body.contains("It was created.") && !shown.body.contains("entra-secret"));
    let kept = [
        ("login_enabled", "on"),
        ("own_callback", "on"),
        ("oidc.client_id", "app"),
        ("oidc.issuer", issuer),
        ("oidc.discover", "on"),
    ];
    let enabled: Vec<_> = kept.into_iter().chain([("enabled", "on")]).collect();
    let answer = desk.fill(&mut ada, path, path, &enabled).await;
    assert_eq!(answer.location(), Some("/admin/acme/connections/entra?done=saved"), "{}", answer.body);
    let stored = desk.stored(Noun::Connections, "entra").await.unwrap();
    assert_eq!((&stored["enabled"], &stored["preset"]), (&json!(true), &json!("entra")), "the preset has no field, and stays");
    let answer = desk.fill(&mut ada, path, path, &enabled).await;
    assert_eq!(answer.location(), Some("/admin/acme/connections/entra?done=unchanged"), "the secret stayed");

    // A secret that was kept is not sent to another server.
    let evil: Vec<_> =
        enabled.iter().map(|&(n, v)| if n == "oidc.issuer" { (n, "https://evil.example") } else { (n, v) }).collect();
    let answer = desk.fill(&mut ada, path, path, &evil).await;
    assert_eq!(answer.status, 422, "{}", answer.body);
    assert_eq!(desk.stored(Noun::Connections, "entra").await.unwrap()["oidc"]["issuer"], issuer);

    let ask = ada.get(&desk.at(&format!("{path}/delete"))).await;
    assert!(ask.body.contains("Delete the connection entra?"), "{}", ask.body);
    assert!(desk.stored(Noun::Connections, "entra").await.is_some(), "a question deletes nothing");
    let answer = ada.post(&desk.at(&format!("{path}/delete")), &[("csrf", &ask.csrf())]).await;
    assert_eq!(answer.location(), Some("/admin/acme/connections?done=deleted"));
    assert!(desk.stored(Noun::Connections, "entra").await.is_none());
}

async fn what_was_typed_stays_beside_what_is_wrong(backend: Backend) {
    let desk = Desk::new(backend).await;
    let mut ada = desk.ada().await;
    let new = "/admin/acme/connections/new?preset=custom_oidc&protocol=oidc";
    let fields = [
        ("preset", "custom_oidc"),
        ("protocol", "oidc"),
        ("name", "my idp"),
        ("oidc.client_id", "typed-id"),
        ("oidc.client_secret", "typed-secret"),
        ("oidc.issuer", "http://insecure.example"),
        ("oidc.discover", "on"),
    ];
    let answer = desk.fill(&mut ada, new, "/admin/acme/connections", &fields).await;
    assert_eq!(answer.status, 422, "{}", answer.body);
    assert!(answer.body.contains("value=\"typed-id\"") && answer.body.contains("value=\"my idp\""), "{}", answer.body);
    assert!(!answer.body.contains("typed-secret"), "a secret is not sent back");
    for field in ["name", "oidc-issuer"] {
        let shown = answer.body.contains(&format!("id=\"{field}-error\""))
            && answer.body.contains(&format!("aria-describedby=\"{field}-error"));
        assert!(shown, "{field}: {}", answer.body);
    }
    assert!(answer.body.contains("<title>Error: "));
    assert!(desk.stored(Noun::Connections, "my idp").await.is_none());

    let taken = desk.fill(&mut ada, "/admin/acme/teams/new", "/admin/acme/teams", &[("name", "sre")]).await;
    assert!(taken.status == 422 && taken.body.contains("there is a team of this name already"), "{}", taken.body);
    let page = "/admin/acme/external_identities/new";
    let wrong = [("name", "x"), ("issuer", "nobody"), ("claims.0.name", "email"), ("claims.0.values", " ")];
    let answer = desk.fill(&mut ada, page, "/admin/acme/external_identities", &wrong).await;
    assert!(answer.status == 422 && answer.body.contains("the claim email has no value"), "{}", answer.body);

    // What a name is called stays, whatever the form says.
    let path = "/admin/acme/external_identities/ci";
    let fields = [
        ("name", "evil"),
        ("issuer", "idp"),
        ("claims.0.name", "email"),
        ("claims.0.values", "*@other.example\r\n*@third.example"),
    ];
    let more: Vec<_> = fields.into_iter().chain([("more", "claims")]).collect();
    let answer = desk.fill(&mut ada, path, path, &more).await;
    assert_eq!(
        (answer.status, answer.body.matches(".values\"").count()),
        (200, 6),
        "more rows, and nothing saved: {}",
        answer.body
    );
    assert_eq!(desk.stored(Noun::ExternalIdentities, "ci").await.unwrap()["claims"], json!({"email": "*@acme.example"}));
    assert_eq!(desk.fill(&mut ada, path, path, &fields).await.location(), Some("/admin/acme/external_identities/ci?done=saved"));
    let stored = desk.stored(Noun::ExternalIdentities, "ci").await.unwrap();
    assert_eq!(stored["claims"], json!({"email": ["*@other.example", "*@third.example"]}));
    let ask = ada.get(&desk.at(&format!("{path}/delete"))).await;
    assert!(ask.body.contains("loses viewer on model gpt"), "{}", ask.body);
}

async fn lists_are_searched_and_paged(backend: Backend) {
    let desk = Desk::new(backend).await;
    let state: String = (0..60).map(|n| format!("  - {{name: team-{n:02}}}\n")).collect();
    desk.apply(&STATE.replace("  teams:\n", &format!("  teams:\n{state}"))).await;
    let mut ada = desk.ada().await;
    let rows = |answer: &Answer| answer.body.matches("<tr><th scope=\"row\">").count();
    let first = ada.get(&desk.at("/admin/acme/teams")).await;
    assert_eq!(rows(&first), 50);
    assert!(first.body.contains("/admin/acme/teams?after=team-48"), "sre comes first: {}", first.body);
    let second = ada.get(&desk.at("/admin/acme/teams?after=team-48")).await;
    assert!(rows(&second) == 11 && !second.body.contains("Next page"), "{}", second.body);
    let found = ada.get(&desk.at("/admin/acme/teams?search=EAM-1")).await;
    assert!(rows(&found) == 10 && found.body.contains("value=\"EAM-1\""), "{}", found.body);
    let none = ada.get(&desk.at("/admin/acme/teams?search=%25")).await;
    assert!(none.body.contains("Nothing is called like"), "{}", none.body);
    assert_eq!(ada.get(&desk.at("/admin/acme/teams?after=%00&search=%00")).await.status, 200);
    assert_eq!(ada.get(&desk.at("/admin/acme/nothing")).await.status, 404);
    assert_eq!(ada.get(&desk.at("/admin/acme/teams/%00")).await.status, 404);
}

/// One field that cannot be read hides no other's error.
async fn all_that_is_wrong_is_said_at_once(backend: Backend) {
    let desk = Desk::new(backend).await;
    let mut ada = desk.ada().await;
    let new = "/admin/acme/connections/new?preset=entra&protocol=oidc";
    let typed = [
        ("preset", "entra"),
        ("protocol", "oidc"),
        ("name", "wrong"),
        ("enabled", "on"),
        ("oidc.client_id", ""),
        ("oidc.client_secret", "hush"),
        ("oidc.issuer", "idp.example"),
        ("oidc.discover", "on"),
        ("oidc.client_secret_expires_on", "31.3.2027"),
        ("oidc.skew", "abc"),
    ];
    let answer = desk.fill(&mut ada, new, "/admin/acme/connections", &typed).await;
    assert_eq!(answer.status, 422, "{}", answer.body);
    for field in ["oidc-skew", "oidc-issuer", "oidc-client_secret_expires_on"] {
        assert!(answer.body.contains(&format!("id=\"{field}-error\"")), "{field}: {}", answer.body);
    }
    assert!(answer.body.contains("client_id is missing") && desk.stored(Noun::Connections, "wrong").await.is_none());
}
