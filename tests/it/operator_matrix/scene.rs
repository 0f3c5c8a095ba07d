//! One row's tenant, which is named after the state: its administrators, and what they have made.

use gatehouse::{
    admin_link,
    policy::email::Email,
    store::{
        audit::Actor,
        directories, directory_tokens, personal_tokens, setup_links, tenant_tokens,
        tenants::{self, Tenant},
        users::{self, User},
        window::Window,
    },
};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    browser::{Answer, Browser},
    idp::{CLIENT_ID, CLIENT_SECRET, Idp},
    pushed::Pushed,
    sso::oidc,
    world::{World, redirect_uri, text},
};

pub const PASSWORD: &str = "correct horse";

pub fn state(idp: &Idp, names: impl Iterator<Item = &'static str>) -> String {
    let tenant = |name: &str| {
        let (oidc, password) = (oidc(idp), if name == "nothing" { ", password: \"correct horse\"" } else { "" });
        format!(
            r#"
- name: {name}
  connections:
  - {{name: okta, enabled: false, oidc: {oidc}}}
  clients:
  - {{client_id: {name}, secret: s, redirect_uris: ["https://{name}.example/cb"], trusted: true, admin_api: true}}
  directories:
  - {{name: people}}
  users:
  - {{email: ada@{name}.example, admin: true{password}}}
  - {{email: root@{name}.example, admin: true}}
  - {{email: spare@{name}.example, admin: true}}
"#
        )
    };
    // Where everybody of the rows is shut out, somebody still administers the deployment.
    let home = "\n- name: home\n  users:\n  - {email: root@home.example, admin: true}\n";
    format!("tenants:{home}{}", names.map(tenant).collect::<String>())
}

/// An administrator: `ada` of the tenant, or `root` of the platform.
pub struct Person {
    pub user: User,
    pub browser: Browser,
    /// What their forms carry.
    pub csrf: String,
    /// An access token that may administer.
    pub api: String,
    /// One of the same person's for everything else.
    pub own: String,
    /// The id of a personal token, and the token.
    pub personal: (String, String),
}

/// A set-up link, and a guest who has followed it.
pub struct Link {
    pub id: String,
    pub path: String,
    pub browser: Browser,
    pub csrf: String,
    /// The token of the guest's directory.
    pub directory: String,
    /// Where a test sign-in of the guest's comes back to, once each.
    pub returns: Vec<String>,
}

pub struct Row<'a> {
    pub world: &'a World,
    pub idp: &'a Idp,
    pub name: &'static str,
    /// Where the row's requests come from.
    pub address: String,
    pub tenant: Tenant,
    pub ada: Person,
    pub root: Person,
    /// A browser in which Ada signs in again and again.
    pub known: Browser,
    /// Where Ada's test sign-ins come back to, once each.
    pub returns: Vec<String>,
    pub service: String,
    /// Made by Ada, and by the service.
    pub links: [Link; 2],
    /// The id of the operators' directory token, and the token.
    pub directory: (String, String),
    /// The id of an invite, and its path.
    pub invite: (String, String),
    /// The path of a link for when nothing else works, which nobody has used.
    pub break_glass: String,
    /// A browser in which another one was used.
    pub by_link: Browser,
    /// Ada as a directory knows her.
    pub pushed: Pushed,
}

/// An access token of a sign-in, with which its person administers: what kind of token that is, is said here alone.
async fn admin_token(world: &World, browser: &mut Browser, client: &str, email: &str) -> String {
    token_of(world, browser, &world.admin_url(client), client, email).await
}

async fn token_of(world: &World, browser: &mut Browser, url: &str, client: &str, email: &str) -> String {
    let answer = world.sign_in(browser, url, email, PASSWORD).await;
    let (code, redirect) = (answer.query("code").unwrap_or_else(|| panic!("{email}: {}", answer.body)), redirect_uri(client));
    let form = [("grant_type", "authorization_code"), ("code", code.as_str()), ("redirect_uri", redirect.as_str())];
    let tokens = Browser::new().post_as(&format!("{}/oauth2/token", world.url), client, Some("s"), &form).await;
    text(&tokens.json(), "access_token").to_owned()
}

/// What the admin API says to a token, where it says yes.
async fn made(world: &World, token: &str, path: &str, body: Value) -> Value {
    let bearer = format!("Bearer {token}");
    let url = format!("{}/api/v1/{path}", world.url);
    let answer = Browser::new().post_json(&url, &[("authorization", &bearer)], &body).await;
    assert!(matches!(answer.status, 200 | 201), "{path}: {} {}", answer.status, answer.body);
    answer.json()
}

async fn person(world: &World, tenant: &Tenant, name: &str) -> Person {
    let email = format!("{name}@{}.example", tenant.name);
    let mut browser = Browser::new();
    let api = admin_token(world, &mut browser, &tenant.name, &email).await;
    let plain = world.authorize_url(&tenant.name, &[]);
    let own = token_of(world, &mut browser, &plain, &tenant.name, &email).await;
    let csrf = browser.get(&format!("{}/admin/{}/teams/new", world.url, tenant.name)).await.csrf();
    let user = users::find_by_email(&world.app.db, &tenant.id, &Email::parse(&email).unwrap()).await.unwrap().unwrap();
    // At the pages: what is made with a token ends with it.
    let fields = [("csrf", csrf.as_str()), ("name", "x"), ("scopes", "admin"), ("days", "30")];
    let shown = browser.post(&format!("{}/admin/_/tokens", world.url), &fields).await;
    let theirs = personal_tokens::of_user(&world.app.db, &user.id).await.unwrap();
    let personal = (theirs[0].id.clone(), once(&shown, personal_tokens::PREFIX));
    Person { user, browser, csrf, api, own, personal }
}

/// The token that a page shows once.
fn once(page: &Answer, prefix: &str) -> String {
    let (_, rest) = page.body.split_once(prefix).unwrap_or_else(|| panic!("no token: {} {}", page.status, page.body));
    let token: String = rest.chars().take_while(|c| c.is_ascii_alphanumeric() || "-_".contains(*c)).collect();
    format!("{prefix}{token}")
}

/// The path of an address of ours.
fn path_of(url: &str) -> String {
    url::Url::parse(url).unwrap().path().to_owned()
}

/// Where a browser that a form has sent to the provider comes back to.
async fn back(world: &World, idp: &Idp, departure: &Answer) -> String {
    let to = departure.location().unwrap_or_else(|| panic!("no departure: {} {}", departure.status, departure.body));
    let back = idp.visit(&url::Url::parse(to).unwrap()).await.0.to_string();
    back.strip_prefix(&world.url).unwrap_or_else(|| panic!("not ours: {back}")).to_owned()
}

/// What a guest types.
pub fn typed(idp: &Idp) -> Vec<(&'static str, &str)> {
    vec![
        ("preset", "custom_oidc"),
        ("protocol", "oidc"),
        ("oidc.client_id", CLIENT_ID),
        ("oidc.client_secret", CLIENT_SECRET),
        ("oidc.issuer", idp.issuer()),
        ("oidc.discover", "on"),
    ]
}

/// A link that Ada makes at the pages: its id and path.
async fn link_of(world: &World, tenant: &Tenant, ada: &mut Person) -> (String, String) {
    let url = format!("{}/admin/{}/setup-links", world.url, tenant.name);
    let fields = [("csrf", ada.csrf.as_str()), ("connection", "corp"), ("days", "7"), ("directory", "on")];
    let shown = ada.browser.post(&url, &fields).await;
    let token = once(&shown, &format!("{}/setup/", world.url));
    let newest = setup_links::window(&world.app.db, &Window::new(&tenant.id, "", "", 1)).await.unwrap();
    (newest[0].id.clone(), path_of(&token))
}

/// A link that a service makes by the API: its id and path.
async fn link_by(world: &World, tenant: &Tenant, service: &str) -> (String, String) {
    let wish = json!({"connection": "mill", "directory": true, "days": 7});
    let link = made(world, service, &format!("tenants/{}/setup-links", tenant.name), wish).await;
    (text(&link, "id").to_owned(), path_of(text(&link, "url")))
}

/// A guest follows it.
async fn follow(world: &World, idp: &Idp, (id, path): (String, String)) -> Link {
    let mut browser = Browser::new();
    let page = browser.get(&format!("{}{path}", world.url)).await;
    assert_eq!(page.location(), Some("/setup"), "{}", page.body);
    let csrf = browser.get(&format!("{}/setup?preset=custom_oidc&protocol=oidc", world.url)).await.csrf();
    let form: Vec<_> = typed(idp).into_iter().chain([("csrf", csrf.as_str())]).collect();
    let saved = browser.post(&format!("{}/setup", world.url), &form).await;
    assert_eq!(saved.location(), Some("/setup?done=saved"), "{}", saved.body);
    let shown = browser.post(&format!("{}/setup/token", world.url), &[("csrf", &csrf)]).await;
    let (_, rest) = shown.body.split_once("<code class=\"copy\">ghs_").unwrap_or_else(|| panic!("no token: {}", shown.body));
    let directory = format!("ghs_{}", rest.split_once('<').unwrap().0);
    let mut returns = Vec::new();
    for _ in 0..2 {
        let departure = browser.post(&format!("{}/setup/test", world.url), &[("csrf", &csrf)]).await;
        returns.push(back(world, idp, &departure).await);
    }
    Link { id, path, browser, csrf, directory, returns }
}

impl<'a> Row<'a> {
    pub async fn prepare(world: &'a World, idp: &'a Idp, name: &'static str, at: usize) -> Self {
        let (db, sealer, now) = (&world.app.db, &world.app.sealer, world.clock.now());
        let tenant = tenants::find_by_name(db, name).await.unwrap().unwrap();
        let (mut ada, root) = (person(world, &tenant, "ada").await, person(world, &tenant, "root").await);
        let of = |what: &str| format!("tenants/{name}/{what}");
        let page = |what: &str| format!("{}/admin/{name}/{what}", world.url);
        let fields = [("csrf", ada.csrf.as_str()), ("name", "bot"), ("enabled", "on"), ("scopes", "admin"), ("expires_at", "")];
        let service = once(&ada.browser.post(&page("service_tokens"), &fields).await, tenant_tokens::PREFIX);
        let links = [link_of(world, &tenant, &mut ada).await, link_by(world, &tenant, &service).await];
        let [of_ada, of_service] = links;
        let links = [follow(world, idp, of_ada).await, follow(world, idp, of_service).await];
        let mut returns = Vec::new();
        for _ in 0..2 {
            let test = format!("{}/admin/{name}/connections/okta/test", world.url);
            let departure = ada.browser.post(&test, &[("csrf", &ada.csrf)]).await;
            returns.push(back(world, idp, &departure).await);
        }
        let fields = [("csrf", ada.csrf.as_str()), ("overlap", "0s"), ("expires_in", ""), ("seen", "")];
        let shown = ada.browser.post(&page("directories/people/token"), &fields).await;
        let people = directories::find_by_name(db, &tenant.id, "people").await.unwrap().unwrap();
        let made_there = directory_tokens::of_directory(db, &people.id).await.unwrap();
        let directory = (made_there[0].id.clone(), once(&shown, directory_tokens::PREFIX));
        let invite = made(world, &ada.api, &of("invites"), json!({"email": format!("guest@{name}.example")})).await;
        let invite = (text(&invite, "id").to_owned(), path_of(text(&invite, "link")));
        let shell = Actor::command_line();
        let glass = async || {
            let made = admin_link::break_glass(db, sealer, world.app.issuer(), (&shell, &ada.user), 900, now).await;
            path_of(&made.unwrap())
        };
        let (break_glass, used) = (glass().await, glass().await);
        let mut by_link = Browser::new();
        enter(world, &mut by_link, &used).await;
        let pushed = Pushed::link(db, sealer, &tenant.id, &ada.user.id, ada.user.email.as_str(), now).await;
        let (address, known) = (format!("10.9.0.{}", at + 1), Browser::new());
        #[rustfmt::skip]
        let row = Self {
            world, idp, name, address, tenant, ada, root, known, returns, service, links, directory, invite, break_glass, by_link, pushed,
        };
        row
    }

    /// Asks the first node's admin API for something with a token.
    pub async fn api(&self, token: &str, method: Method, path: &str, body: Option<Value>) -> Answer {
        let bearer = format!("Bearer {token}");
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        let url = format!("{}/api/v1/{path}", self.world.url);
        let answer = Browser::new().send(method, &url, &headers, body.map(|body| body.to_string())).await;
        assert!((200..300).contains(&answer.status), "{path}: {} {}", answer.status, answer.body);
        answer
    }
}

/// An administrator comes in by a link.
pub async fn enter(world: &World, browser: &mut Browser, path: &str) {
    let url = format!("{}{path}", world.url);
    let csrf = browser.get(&url).await.csrf();
    assert_eq!(browser.post(&url, &[("csrf", &csrf)]).await.location(), Some("/admin"));
}
