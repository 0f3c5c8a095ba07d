//! What somebody makes lives no longer than what they make it with, as one table: whoever asks × what they make.

use axum::http::Method;
use gatehouse::{
    admin_link,
    policy::api_scope::ApiScopes,
    secret,
    store::{
        directories, directory_tokens, personal_tokens, setup_links,
        tenant_tokens::{self, ServiceToken},
        users,
        window::Narrow,
    },
};
use serde_json::{Value, json};

use crate::{
    browser::{Answer, Browser},
    on_both,
    setup_links::{Bench, LINKS},
    world::{Backend, actor, text},
};

on_both!(nothing_outlives_its_maker, a_link_ends_with_the_token_that_made_it);

const DAY: i64 = 86_400;

/// One maker a row. `asked`: as long as was asked for, which may be for good; `its end`: when what it was made with ends.
const TABLE: &str = "
    maker        personal service  renewed  directory link     guest's
    session      asked    asked    asked    asked     asked    asked
    break-glass  its-end  refused  refused  refused   refused  -
    sign-in      asked    asked    asked    asked     asked    asked
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
        last_used_at: None,
        created_at: now,
    }
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
            "sign-in" | "personal" => {
                let answer = bench.sign_in_at(&mut Browser::new(), &bench.admin_url("web"), "ada@acme.example").await;
                let tokens = bench.redeem("web", &answer.query("code").unwrap()).await.json();
                maker.token = text(&tokens, "access_token").to_owned();
                if who == "personal" {
                    let body = json!({"name": "mine", "scopes": ["admin"], "expires_in": 30 * DAY});
                    let answer = maker.api(Method::POST, "personal_tokens", body).await;
                    maker.token = text(&answer.json(), "token").to_owned();
                    maker.end = Some(now + 30 * DAY);
                }
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
            "link" => setup_links::of_tenant(db, &self.tenant, Narrow::default(), None, 1)
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

/// Not only at its own end: also when it is revoked, or another takes its place.
async fn a_link_ends_with_the_token_that_made_it(backend: Backend) {
    for who in ["personal", "service"] {
        let bench = Bench::new(backend).await;
        let maker = Maker::new(&bench, who).await;
        let link = async |maker: &Maker<'_>| {
            let made = maker.api(Method::POST, "tenants/acme/setup-links", json!({"connection": "corp"})).await;
            assert_eq!(made.status, 201, "{}", made.body);
            text(&made.json(), "url").to_owned()
        };
        let signed_in = Maker::new(&bench, "sign-in").await;
        let (url, others) = (link(&maker).await, link(&signed_in).await);
        let mut guest = bench.follow(&url).await;
        assert_eq!(guest.get(&bench.at("/setup")).await.status, 200, "the honest twin, before");
        match who {
            "personal" => {
                let own = personal_tokens::of_user(&bench.app.db, &maker.ada).await.unwrap();
                let mine = own.iter().find(|token| token.name == "mine").unwrap();
                assert!(personal_tokens::delete(&bench.app.db, &maker.ada, &mine.id).await.unwrap());
            }
            _ => {
                let renewed = signed_in.api(Method::POST, "tenants/acme/service_tokens/maker/token", json!({})).await;
                assert_eq!(renewed.status, 200, "{}", renewed.body);
            }
        }
        assert_eq!(Browser::new().get(&url).await.status, 404, "{who}: followed anew");
        assert_eq!(guest.get(&bench.at("/setup")).await.status, 404, "{who}: where it was followed");
        assert_eq!(Browser::new().get(&others).await.status, 303, "{who}: what was made by a sign-in stays");
    }
}
