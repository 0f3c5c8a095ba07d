//! What somebody makes lives no longer than what they make it with, as one table: whoever asks × what they make.

use axum::http::Method;
use gatehouse::{
    admin_link,
    moment::Moment,
    policy::api_scope::ApiScopes,
    secret,
    store::{
        directories, directory_tokens, personal_tokens, setup_links,
        tenant_tokens::{self, ServiceToken},
        users,
        window::Window,
    },
};
use serde_json::{Value, json};

use crate::{
    browser::{Answer, Browser},
    on_both,
    setup_links::{Bench, LINKS},
    world::{Backend, actor, text},
};

on_both!(
    nothing_outlives_its_maker,
    a_link_ends_with_the_token_that_made_it,
    what_a_token_made_ends_with_it,
    what_a_sign_in_made_ends_with_it,
    a_service_renews_itself,
    who_revokes_is_told_what_ends,
);

const DAY: i64 = 86_400;

/// One maker a row. `asked`: as long as was asked for, which may be for good; `its end`: when what it was made with ends.
const TABLE: &str = "
    maker        personal service  renewed  directory link     guest's
    session      asked    asked    asked    asked     asked    asked
    break-glass  its-end  refused  refused  refused   refused  -
    sign-in      refused  refused  refused  its-end   refused  -
    personal     refused  refused  refused  its-end   asked    its-end
    service      refused  refused  refused  its-end   asked    its-end
    lasting      refused  asked    asked    asked     asked    asked
";

/// A service token of acme.
fn service(bench: &Bench, tenant_id: &str, name: &str, token: &str, expires_at: Option<i64>) -> ServiceToken {
    let now = bench.clock.now();
    ServiceToken {
        id: secret::row_id(now),
        tenant_id: tenant_id.to_owned(),
        name: name.to_owned(),
        fingerprint: Some(tenant_tokens::fingerprint(&bench.app.sealer, token)),
        declared: false,
        retired: None,
        enabled: true,
        scopes: ApiScopes::everything(),
        expires_at,
        made_with: None,
        last_used_at: None,
        created_at: now,
    }
}

/// The token that a page shows once.
fn shown(answer: &Answer, prefix: &str) -> String {
    let (_, rest) = answer.body.split_once(prefix).unwrap_or_else(|| panic!("no token: {}", answer.body));
    let token: String = rest.chars().take_while(|c| c.is_ascii_alphanumeric() || "-_".contains(*c)).collect();
    format!("{prefix}{token}")
}

/// Somebody with a browser or a token, and when that ends.
struct Maker<'a> {
    bench: &'a Bench,
    tenant: String,
    ada: String,
    browser: Option<Browser>,
    token: String,
    end: Option<i64>,
}

impl<'a> Maker<'a> {
    async fn new(bench: &'a Bench, who: &str) -> Self {
        let (app, now, tenant) = (&bench.app, bench.clock.now(), bench.tenant("acme").await.id);
        let ada = bench.user_id("ada@acme.example").await;
        let mut maker = Self { bench, tenant, ada, browser: None, token: String::new(), end: None };
        match who {
            "session" => maker.browser = Some(bench.ada().await),
            "break-glass" => {
                let user = users::find(&app.db, &maker.ada).await.unwrap().unwrap();
                let link =
                    admin_link::break_glass(&app.db, &app.sealer, app.issuer(), (&actor(), &user), 900, now).await.unwrap();
                let mut browser = Browser::new();
                let csrf = browser.get(&link).await.csrf();
                assert_eq!(browser.post(&link, &[("csrf", &csrf)]).await.location(), Some("/admin"));
                (maker.browser, maker.end) = (Some(browser), Some(now + 3_600));
            }
            "personal" => {
                let mut browser = bench.ada().await;
                let page = bench.at("/admin/_/tokens");
                let csrf = browser.get(&page).await.csrf();
                let fields = [("csrf", csrf.as_str()), ("name", "mine"), ("scopes", "admin"), ("days", "30")];
                let answer = browser.post(&page, &fields).await;
                maker.token = shown(&answer, personal_tokens::PREFIX);
                maker.end = Some(now + 30 * DAY);
            }
            "sign-in" => {
                let answer = bench.sign_in_at(&mut Browser::new(), &bench.admin_url("web"), "ada@acme.example").await;
                let tokens = bench.redeem("web", &answer.query("code").unwrap()).await.json();
                maker.token = text(&tokens, "access_token").to_owned();
                maker.end = Some(now + DAY);
            }
            "service" | "lasting" => {
                maker.token = secret::token(tenant_tokens::PREFIX);
                maker.end = (who == "service").then_some(now + 30 * DAY);
                let row = service(bench, &maker.tenant, "maker", &maker.token, maker.end);
                tenant_tokens::save(&app.db, &row).await.unwrap();
            }
            other => panic!("nobody is called {other}"),
        }
        maker
    }

    async fn api(&self, method: Method, path: &str, body: Value) -> Answer {
        let bearer = format!("Bearer {}", self.token);
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        Browser::new().send(method, &self.bench.at(&format!("/api/v1/{path}")), &headers, Some(body.to_string())).await
    }

    /// Sends a form, or asks the API; the answer.
    async fn ask(&mut self, page: (&str, &[(&str, &str)]), api: (&str, Value)) -> Answer {
        let Some(browser) = &mut self.browser else { return self.api(Method::POST, api.0, api.1).await };
        let csrf = browser.get(&self.bench.at("/admin/_/tokens")).await.csrf();
        let fields: Vec<_> = [("csrf", csrf.as_str())].into_iter().chain(page.1.iter().copied()).collect();
        browser.post(&self.bench.at(page.0), &fields).await
    }

    /// Makes something: what came of it.
    async fn make(&mut self, thing: &str) -> &'static str {
        let (db, now) = (&self.bench.app.db, self.bench.clock.now());
        let (answer, asked) = match thing {
            "personal" => {
                let fields = [("name", "made"), ("scopes", "admin"), ("days", "90")];
                let body = json!({"name": "made", "scopes": ["admin"], "expires_in": 90 * DAY});
                (self.ask(("/admin/_/tokens", &fields), ("personal_tokens", body)).await, Some(now + 90 * DAY))
            }
            "service" => {
                let fields = [("name", "made"), ("enabled", "on"), ("scopes", "teams:read"), ("expires_at", "")];
                let body = json!({"name": "made", "scopes": ["teams:read"]});
                let page = ("/admin/acme/service_tokens", &fields[..]);
                (self.ask(page, ("tenants/acme/service_tokens", body)).await, None)
            }
            "renewed" => {
                let page: (&str, &[(&str, &str)]) = ("/admin/acme/service_tokens/idle/token", &[]);
                (self.ask(page, ("tenants/acme/service_tokens/idle/token", json!({}))).await, None)
            }
            "directory" => {
                let fields = [("overlap", "0s"), ("expires_in", ""), ("seen", "")];
                let page = ("/admin/acme/directories/people/token", &fields[..]);
                (self.ask(page, ("tenants/acme/directories/people/token", json!({}))).await, None)
            }
            "link" => {
                let fields = [("connection", "corp"), ("days", "7"), ("directory", "on")];
                let body = json!({"connection": "corp", "days": 7, "directory": true});
                (self.ask((LINKS, &fields), ("tenants/acme/setup-links", body)).await, Some(now + 7 * DAY))
            }
            "guest's" => (self.guests(now).await, None),
            other => panic!("nothing is called {other}"),
        };
        let made = matches!(answer.status, 200 | 201);
        assert!(made || matches!(answer.status, 403 | 422), "{thing}: {} {}", answer.status, answer.body);
        let end = match thing {
            "personal" => {
                let own = personal_tokens::of_user(db, &self.ada).await.unwrap();
                own.into_iter().find(|token| token.name == "made").map(|token| Some(token.expires_at))
            }
            "service" => tenant_tokens::find_by_name(db, &self.tenant, "made").await.unwrap().map(|token| token.expires_at),
            "renewed" => {
                let idle = tenant_tokens::find_by_name(db, &self.tenant, "idle").await.unwrap().unwrap();
                let old = tenant_tokens::fingerprint(&self.bench.app.sealer, "idle-token");
                (idle.fingerprint != Some(old)).then_some(idle.expires_at)
            }
            "link" => setup_links::window(db, &Window::new(&self.tenant, "", "", 1))
                .await
                .unwrap()
                .pop()
                .map(|link| Some(link.expires_at)),
            of => {
                let name = if of == "directory" { "people" } else { "corp" };
                let directory = directories::find_by_name(db, &self.tenant, name).await.unwrap();
                match directory {
                    Some(directory) => {
                        let all = directory_tokens::of_directory(db, &directory.id).await.unwrap();
                        all.last().map(|token| token.expires_at)
                    }
                    None => None,
                }
            }
        };
        assert_eq!(made, end.is_some(), "{thing}: {}", answer.body);
        match end {
            None => "refused",
            Some(end) if end == asked => "asked",
            Some(end) if end == self.end => "its-end",
            Some(end) => panic!("{thing} ends {end:?}, was asked for until {asked:?}, and its maker ends {:?}", self.end),
        }
    }

    /// A guest makes the directory's token by the link.
    async fn guests(&mut self, now: i64) -> Answer {
        let fields = [("connection", "corp"), ("days", "7"), ("directory", "on")];
        let body = json!({"connection": "corp", "days": 7, "directory": true});
        let made = self.ask((LINKS, &fields), ("tenants/acme/setup-links", body)).await;
        let url = match &self.browser {
            None => text(&made.json(), "url").to_owned(),
            Some(_) => made.body.split_once("<code class=\"copy\">").unwrap().1.split_once('<').unwrap().0.to_owned(),
        };
        assert_eq!(now, self.bench.clock.now());
        let mut guest = self.bench.follow(&url).await;
        self.bench.save(&mut guest).await;
        self.bench.send(&mut guest, "/setup/token", &[]).await
    }
}

async fn nothing_outlives_its_maker(backend: Backend) {
    let mut lines = TABLE.lines().map(str::split_whitespace).filter(|words| words.clone().next().is_some());
    let things: Vec<&str> = lines.next().unwrap().skip(1).collect();
    let mut wrong = Vec::new();
    for mut line in lines {
        let who = line.next().unwrap();
        let bench = Bench::new(backend).await;
        let idle = service(&bench, &bench.tenant("acme").await.id, "idle", "idle-token", None);
        tenant_tokens::save(&bench.app.db, &idle).await.unwrap();
        let mut maker = Maker::new(&bench, who).await;
        for (thing, expected) in things.iter().zip(line).filter(|(_, expected)| *expected != "-") {
            let found = maker.make(thing).await;
            if found != expected {
                wrong.push(format!("{who} × {thing}: {found}, expected {expected}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The address of a new link, by an API token or at the page.
async fn link(maker: &mut Maker<'_>) -> String {
    let fields = [("connection", "corp"), ("days", "1")];
    let made = maker.ask((LINKS, &fields), ("tenants/acme/setup-links", json!({"connection": "corp", "days": 1}))).await;
    match &maker.browser {
        None => text(&made.json(), "url").to_owned(),
        Some(_) => made.body.split_once("<code class=\"copy\">").unwrap().1.split_once('<').unwrap().0.to_owned(),
    }
}

/// Not only at its own end: also when it is revoked, or another takes its place.
async fn a_link_ends_with_the_token_that_made_it(backend: Backend) {
    for who in ["personal", "service", "sign-in"] {
        let bench = Bench::new(backend).await;
        let mut maker = Maker::new(&bench, who).await;
        let mut session = Maker::new(&bench, "session").await;
        let (url, others) = (link(&mut maker).await, link(&mut session).await);
        let mut guest = bench.follow(&url).await;
        assert_eq!(guest.get(&bench.at("/setup")).await.status, 200, "the honest twin, before");
        end(&bench, &maker, who).await;
        assert_eq!(Browser::new().get(&url).await.status, 404, "{who}: followed anew");
        assert_eq!(guest.get(&bench.at("/setup")).await.status, 404, "{who}: where it was followed");
        assert_eq!(Browser::new().get(&others).await.status, 303, "{who}: what was made at the pages stays");
    }
}

/// Ends what the maker asks with, not them.
async fn end(bench: &Bench, maker: &Maker<'_>, who: &str) {
    let (db, ada) = (&bench.app.db, &maker.ada);
    match who {
        "personal" => {
            let own = personal_tokens::of_user(db, ada).await.unwrap();
            let mine = own.iter().find(|token| token.name == "mine").unwrap();
            assert!(personal_tokens::delete(db, ada, &mine.id).await.unwrap());
        }
        "service" | "lasting" => {
            let mut ada = bench.ada().await;
            let csrf = ada.get(&bench.at("/admin/_/tokens")).await.csrf();
            let renewed = ada.post(&bench.at("/admin/acme/service_tokens/maker/token"), &[("csrf", &csrf)]).await;
            assert_eq!(renewed.status, 200, "{}", renewed.body);
        }
        "sign-in" => {
            let form = [("token", maker.token.as_str()), ("client_id", "web"), ("client_secret", "web-secret")];
            assert_eq!(Browser::new().post(&bench.at("/oauth2/revoke"), &form).await.status, 200);
        }
        "client" => drop(bench.sql("DELETE FROM clients WHERE id = 'web'").await),
        other => panic!("{other}"),
    }
}

/// A token of somebody's own, of a service and of a directory, each made by this token.
async fn children(bench: &Bench, maker: &Maker<'_>, seconds: i64) -> [String; 3] {
    let own = json!({"name": "made", "scopes": ["users:read"], "expires_in": seconds});
    let service = json!({"name": "made", "scopes": ["admin"], "expires_at": Moment(bench.clock.now() + seconds).machine()});
    let mut tokens = Vec::new();
    for (path, body) in
        [("personal_tokens", own), ("tenants/acme/service_tokens", service), ("tenants/acme/directories/people/token", json!({}))]
    {
        // A service has none of its own.
        let made = maker.api(Method::POST, path, body).await;
        let token = match made.status {
            201 => text(&made.json(), "token").to_owned(),
            403 if path == "personal_tokens" => String::new(),
            _ => panic!("{path}: {} {}", made.status, made.body),
        };
        tokens.push(token);
    }
    tokens.try_into().unwrap()
}

/// What each opens.
async fn open(bench: &Bench, [own, service, directory]: &[String; 3]) -> [u16; 3] {
    let mut found = Vec::new();
    for (token, path) in
        [(own, "/api/v1/tenants/acme/users"), (service, "/api/v1/tenants/acme/users"), (directory, "/scim/v2/Users")]
    {
        let bearer = format!("Bearer {token}");
        found.push(Browser::new().get_with(&bench.at(path), &[("authorization", &bearer)]).await.status);
    }
    found.try_into().unwrap()
}

async fn what_a_token_made_ends_with_it(backend: Backend) {
    for (who, own) in [("personal", 200), ("service", 401), ("lasting", 401)] {
        let bench = Bench::new(backend).await;
        let maker = Maker::new(&bench, who).await;
        let made = children(&bench, &maker, DAY).await;
        // What the service token made has made one more.
        let child =
            Maker { token: made[1].clone(), browser: None, tenant: maker.tenant.clone(), ada: maker.ada.clone(), ..maker };
        let body =
            json!({"name": "grandchild", "scopes": ["users:read"], "expires_at": Moment(bench.clock.now() + DAY).machine()});
        let further = child.api(Method::POST, "tenants/acme/service_tokens", body).await;
        let further = [String::new(), text(&further.json(), "token").to_owned(), String::new()];
        assert_eq!(open(&bench, &made).await, [own, 200, 200], "{who}: before");
        assert_eq!(open(&bench, &further).await[1], 200, "{who}: before");
        end(&bench, &child, who).await;
        assert_eq!(open(&bench, &made).await, [401; 3], "{who}: after");
        assert_eq!(open(&bench, &further).await[1], 401, "{who}: what it made in turn");
    }
}

async fn what_a_sign_in_made_ends_with_it(backend: Backend) {
    for how in ["sign-in", "client"] {
        let bench = Bench::new(backend).await;
        let maker = Maker::new(&bench, "sign-in").await;
        let made = children(&bench, &maker, DAY).await;
        assert_eq!(open(&bench, &made).await, [200; 3], "{how}: before");
        end(&bench, &maker, how).await;
        assert_eq!(open(&bench, &made).await, [401; 3], "{how}: after");
    }
    // Where nothing is said of its end, it is that of the access token.
    let bench = Bench::new(backend).await;
    let maker = Maker::new(&bench, "sign-in").await;
    let made = maker.api(Method::POST, "personal_tokens", json!({"name": "made", "scopes": ["admin"]})).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let token = text(&made.json(), "token").to_owned();
    let all = [token, String::new(), String::new()];
    assert_eq!(open(&bench, &all).await[0], 200);
    bench.clock.advance(DAY + 1);
    assert_eq!(open(&bench, &all).await[0], 401);
}

/// A job that renews its own token keeps it, and what that stood on.
async fn a_service_renews_itself(backend: Backend) {
    let bench = Bench::new(backend).await;
    let personal = Maker::new(&bench, "personal").await;
    let [_, token, _] = children(&bench, &personal, DAY).await;
    let mut job = Maker::new(&bench, "session").await;
    (job.browser, job.token) = (None, token);
    for _ in 0..10 {
        let renewed = job.api(Method::POST, "tenants/acme/service_tokens/made/token", json!({})).await;
        assert_eq!(renewed.status, 200, "{}", renewed.body);
        job.token = text(&renewed.json(), "token").to_owned();
    }
    let all = [String::new(), job.token.clone(), String::new()];
    assert_eq!(open(&bench, &all).await[1], 200);
    end(&bench, &personal, "personal").await;
    assert_eq!(open(&bench, &all).await[1], 401, "it still ends with what made it first");
}

async fn who_revokes_is_told_what_ends(backend: Backend) {
    let bench = Bench::new(backend).await;
    let mut maker = Maker::new(&bench, "personal").await;
    children(&bench, &maker, DAY).await;
    link(&mut maker).await;
    let own = personal_tokens::of_user(&bench.app.db, &maker.ada).await.unwrap();
    let mine = own.iter().find(|token| token.name == "mine").unwrap();
    let mut ada = bench.ada().await;
    let asked = ada.get(&bench.at(&format!("/admin/_/tokens/{}/revoke", mine.id))).await;
    for what in
        ["personal token made", "service token made", "the token of directory people", "the set-up link of connection corp"]
    {
        assert!(asked.body.contains(what), "{what}: {}", asked.body);
    }
    // And of a service that is renewed or deleted.
    let lasting = Maker::new(&bench, "lasting").await;
    let body = json!({"name": "other", "scopes": ["users:read"]});
    assert_eq!(lasting.api(Method::POST, "tenants/acme/service_tokens", body).await.status, 201);
    let asked = ada.get(&bench.at("/admin/acme/service_tokens/maker/token")).await;
    assert!(asked.body.contains("service token other"), "{}", asked.body);
    let asked = ada.get(&bench.at("/admin/acme/service_tokens/maker/delete")).await;
    assert!(asked.body.contains("service token other"), "{}", asked.body);
}
