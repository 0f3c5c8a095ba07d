//! One deployment for one test: database, application, port, clock.

use std::{
    net::SocketAddr,
    process::{Command, Output},
    sync::atomic::{AtomicU64, Ordering},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use gatehouse::{
    app::App,
    apply,
    clock::Clock,
    config::{Environment, Settings},
    password, router,
    store::{
        Db,
        audit::Actor,
        receipts::Receipt,
        users::{self, By, Opened, Opening, ShutOut},
    },
};
use serde_json::Value;
use sqlx::Connection as _;
use tempfile::TempDir;
use tokio::sync::OnceCell;

use crate::browser::{Answer, Browser};

/// Where the test clock starts.
pub const START: i64 = 1_800_000_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    Sqlite,
    Postgres,
}

/// Runs each named `async fn(Backend)` on both databases.
#[macro_export]
macro_rules! on_both {
    ($($name:ident),* $(,)?) => {
        mod sqlite { $(#[tokio::test] async fn $name() { super::$name($crate::world::Backend::Sqlite).await; })* }
        mod postgres { $(#[tokio::test] async fn $name() {
            if $crate::world::postgres().is_some() { super::$name($crate::world::Backend::Postgres).await; }
        })* }
    };
}

/// The PostgreSQL server for tests. Where tests must not be skipped (`CI` is set), it must be there.
pub fn postgres() -> Option<String> {
    let url = std::env::var("GATEHOUSE_TEST_POSTGRES").ok();
    assert!(url.is_some() || std::env::var("CI").is_err(), "GATEHOUSE_TEST_POSTGRES is missing: run the tests with make test");
    if url.is_none() {
        eprintln!("skipped on PostgreSQL: GATEHOUSE_TEST_POSTGRES is not set");
    }
    url
}

/// A fresh, empty database.
pub async fn fresh_database(backend: Backend, dir: &TempDir) -> String {
    match backend {
        Backend::Sqlite => sqlite_in(dir),
        Backend::Postgres => create_database("").await,
    }
}

/// A fresh database that is migrated: the migrations run once, and each test has a copy of what they made.
async fn migrated_database(backend: Backend, dir: &TempDir) -> String {
    static SQLITE: OnceCell<Vec<u8>> = OnceCell::const_new();
    static POSTGRES: OnceCell<String> = OnceCell::const_new();
    let migrated = async |dir: &TempDir| {
        let url = fresh_database(backend, dir).await;
        let db = Db::connect(&url).await.expect("the database opens");
        db.migrate().await.expect("the migrations run");
        db.close().await;
        url
    };
    match backend {
        Backend::Sqlite => {
            let made = SQLITE.get_or_init(|| async {
                let dir = tempfile::tempdir().unwrap();
                migrated(&dir).await;
                std::fs::read(dir.path().join(FILE)).unwrap()
            });
            std::fs::write(dir.path().join(FILE), made.await).unwrap();
            sqlite_in(dir)
        }
        Backend::Postgres => {
            let made = POSTGRES.get_or_init(|| async { migrated(dir).await.rsplit_once('/').unwrap().1.to_owned() });
            create_database(&format!("TEMPLATE {}", made.await)).await
        }
    }
}

/// Where SQLite keeps a test's database.
const FILE: &str = "gatehouse.db";

fn sqlite_in(dir: &TempDir) -> String {
    format!("sqlite://{}", dir.path().join(FILE).display())
}

async fn create_database(like: &str) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let server = postgres().expect("a PostgreSQL server");
    let name = format!("gatehouse_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let mut connection = sqlx::PgConnection::connect(&server).await.expect("PostgreSQL answers");
    let sql = sqlx::AssertSqlSafe(format!("CREATE DATABASE {name} {like}"));
    sqlx::Executor::execute(&mut connection, sql).await.expect("a database can be made");
    connection.close().await.expect("PostgreSQL lets go");
    let (head, _) = server.rsplit_once('/').expect("a URL with a database");
    format!("{head}/{name}")
}

pub struct World {
    pub app: App,
    pub clock: Clock,
    /// The public URL, which is also where it listens.
    pub url: String,
    pub dir: TempDir,
}

/// Who does what tests do.
pub fn actor() -> Actor {
    Actor { name: "a test".into(), ..Actor::command_line() }
}

/// A tenant with a trusted client that has a secret, one with PKCE alone, a foreign one that needs consent, and users.
pub const STATE: &str = r#"
tenants:
- name: acme
  display_name: Acme
  domains: [acme.example]
  clients:
  - {client_id: web, name: Web app, secret: web-secret, redirect_uris: ["https://app.example/cb"], post_logout_redirect_uris: ["https://app.example/bye"], trusted: true, admin_api: true}
  - {client_id: spa, name: Single page, redirect_uris: ["https://spa.example/cb"], trusted: true}
  - {client_id: foreign, name: Foreign, secret: foreign-secret, redirect_uris: ["https://foreign.example/cb"]}
  - {client_id: api, name: API app, secret: api-secret, redirect_uris: ["https://api.example/cb"], trusted: true, resources: ["https://one.example", "https://two.example"]}
  users:
  - {email: ada@acme.example, name: Ada, password: "correct horse", active: true}
  - {email: eve@acme.example, name: Eve, password: "correct horse", active: false}
- name: other
  display_name: Other
  clients:
  - {client_id: other-web, name: Other web, secret: other-secret, redirect_uris: ["https://other.example/cb"], trusted: true, admin_api: true}
  users:
  - {email: ada@acme.example, name: Another Ada, password: "battery staple", active: true}
"#;

impl World {
    pub async fn new(backend: Backend) -> Self {
        Self::with(backend, STATE, &[]).await
    }

    /// Runs the program on the same database: its exit code, and what it prints.
    pub async fn command(&self, args: &[&str]) -> (i32, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gatehouse"));
        command.args(args).current_dir(self.dir.path()).env_clear();
        let keys = self.dir.path().join("keys").display().to_string();
        for (name, value) in [
            ("PUBLIC_URL", &self.url),
            ("DATABASE_URL", &self.app.settings.database_url),
            ("KEYS_DIR", &keys),
            ("OUTBOUND_ALLOW", &"127.0.0.1".to_owned()),
        ] {
            command.env(format!("GATEHOUSE_{name}"), value);
        }
        let Output { status, stdout, stderr } = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
        (status.code().unwrap(), String::from_utf8([stdout, stderr].concat()).unwrap())
    }

    /// With other state and extra settings (environment names without `GATEHOUSE_`).
    pub async fn with(backend: Backend, state: &str, settings: &[(&str, &str)]) -> Self {
        let world = Self::bare(backend, Clock::manual(START), settings).await;
        world.apply(state).await;
        world
    }

    /// With nothing but what the settings bring, by a clock that others share.
    pub async fn bare(backend: Backend, clock: Clock, settings: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let database = migrated_database(backend, &dir).await;
        Self::node(dir, &database, clock, None, settings).await
    }

    /// A second node on the same database, keys and clock, behind the same public URL.
    pub async fn second_node(&self) -> Self {
        self.second_node_with(&[]).await
    }

    /// The same with extra settings.
    pub async fn second_node_with(&self, settings: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("keys")).unwrap();
        std::fs::copy(self.dir.path().join("keys/master.key"), dir.path().join("keys/master.key")).unwrap();
        let database = self.app.settings.database_url.clone();
        Self::node(dir, &database, self.clock.clone(), Some(self.url.clone()), settings).await
    }

    async fn node(dir: TempDir, database: &str, clock: Clock, public_url: Option<String>, settings: &[(&str, &str)]) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let own = format!("http://localhost:{}", listener.local_addr().unwrap().port());
        let public_url = public_url.unwrap_or_else(|| own.clone());
        let keys = dir.path().join("keys").display().to_string();
        let mut env = Environment::new();
        for (name, value) in [
            ("PUBLIC_URL", public_url.as_str()),
            ("DATABASE_URL", database),
            ("KEYS_DIR", &keys),
            ("OUTBOUND_ALLOW", "127.0.0.1,localhost"),
        ]
        .iter()
        .chain(settings)
        {
            env.insert(format!("GATEHOUSE_{name}"), (*value).to_owned());
        }
        let settings = Settings::load(None, &env).unwrap_or_else(|problems| panic!("{problems:?}"));
        let app = App::new(settings, clock.clone()).await.expect("the application starts");
        let service = router::router(app.clone()).into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async move { axum::serve(listener, service).await });
        Self { app, clock, url: own, dir }
    }

    pub async fn apply(&self, state: &str) {
        let hashing = apply::Hashing { hash: |p| password::hash_now(p).ok(), verify: password::verify_now };
        let file = apply::File { text: state, origin: "state.yaml", env: &|_| None };
        let plan = apply::run(&self.app.db, &self.app.sealer, hashing, file, apply::Options::default(), self.clock.now()).await;
        if let Err(problems) = plan {
            panic!("{}", problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"));
        }
    }

    /// What is wrong with a file that is not applied.
    pub async fn problems(&self, state: &str) -> Vec<String> {
        let hashing = apply::Hashing { hash: |p| password::hash_now(p).ok(), verify: password::verify_now };
        let file = apply::File { text: state, origin: "state.yaml", env: &|_| None };
        let plan = apply::run(&self.app.db, &self.app.sealer, hashing, file, apply::Options::default(), self.clock.now()).await;
        plan.err().unwrap_or_default().iter().map(ToString::to_string).collect()
    }

    /// An operator shuts a user out: what ended; `None` when they were out already.
    pub async fn shut_out(&self, user_id: &str) -> Option<Receipt> {
        let (by, actor, cause, sealer) = (By::Operator, &actor(), "deactivated", &self.app.sealer);
        let out = ShutOut { user_id, by, actor, cause, force: true, sealer, now: self.clock.now() };
        let mut tx = self.app.db.begin().await.unwrap();
        let receipt = users::shut_out(&mut tx, &out).await.unwrap().unwrap();
        tx.commit().await.unwrap();
        receipt
    }

    /// An operator deletes a user: what ended.
    pub async fn remove(&self, user_id: &str) -> Option<Receipt> {
        let (by, actor, cause, sealer) = (By::Operator, &actor(), "deleted", &self.app.sealer);
        let out = ShutOut { user_id, by, actor, cause, force: true, sealer, now: self.clock.now() };
        let mut tx = self.app.db.begin().await.unwrap();
        let receipt = users::remove(&mut tx, &out).await.unwrap().unwrap();
        tx.commit().await.unwrap();
        receipt
    }

    /// An operator lets a user in again.
    pub async fn open_again(&self, user_id: &str) -> Opened {
        let opening = Opening { user_id, by: By::Operator, actor: &actor(), sealer: &self.app.sealer, now: self.clock.now() };
        let mut tx = self.app.db.begin().await.unwrap();
        let opened = users::open_again(&mut tx, &opening).await.unwrap();
        tx.commit().await.unwrap();
        opened
    }

    /// Runs a statement behind the application's back: to put the world into a state.
    pub async fn sql(&self, sql: &'static str) -> u64 {
        self.app.db.execute(sql, &[]).await.unwrap()
    }

    /// An authorization URL of a client; `extra` adds or replaces parameters (an empty value removes one).
    pub fn authorize_url(&self, client: &str, extra: &[(&str, &str)]) -> String {
        let redirect = redirect_uri(client);
        let mut pairs: Vec<(&str, &str)> = vec![
            ("client_id", client),
            ("response_type", "code"),
            ("scope", "openid email profile offline_access"),
            ("redirect_uri", &redirect),
            ("state", "the-state"),
            ("nonce", "the-nonce"),
        ];
        for (name, value) in extra {
            pairs.retain(|(n, _)| n != name);
            if !value.is_empty() {
                pairs.push((name, value));
            }
        }
        let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        format!("{}/oauth2/authorize?{query}", self.url)
    }

    /// The same for tokens that administer.
    pub fn admin_url(&self, client: &str) -> String {
        self.authorize_url(client, &[("resource", &self.admin_api())])
    }

    /// The admin API, as tokens are asked for it.
    pub fn admin_api(&self) -> String {
        format!("{}/api/v1", self.app.issuer())
    }

    /// An access token with which Ada administers, if she may.
    pub async fn administering(&self, client: &str) -> String {
        let answer = self.redeem(client, &self.code(client, &[("resource", &self.admin_api())]).await).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        text(&answer.json(), "access_token").to_owned()
    }

    /// Signs in with a password, unless the browser is signed in already, and gives the answer that leads back to the
    /// client.
    pub async fn sign_in(&self, browser: &mut Browser, url: &str, email: &str, password: &str) -> Answer {
        let page = browser.get(url).await;
        let page = browser.follow(page).await;
        if page.query("code").is_some() {
            return page;
        }
        assert_eq!(page.status, 200, "the sign-in page: {}", page.body);
        self.password(browser, &page, email, password).await
    }

    /// From the sign-in page through the password page.
    pub async fn password(&self, browser: &mut Browser, page: &Answer, email: &str, password: &str) -> Answer {
        let action = format!("{}{}", self.url, url::Url::parse(&page.url).unwrap().path());
        let csrf = page.csrf();
        let page = browser.post(&action, &[("csrf", &csrf), ("email", email), ("with", "password")]).await;
        assert_eq!(page.status, 200, "the password page: {}", page.body);
        browser.post(&format!("{action}/password"), &[("csrf", &page.csrf()), ("email", email), ("password", password)]).await
    }

    /// A code for Ada in a fresh browser.
    pub async fn code(&self, client: &str, extra: &[(&str, &str)]) -> String {
        let mut browser = Browser::new();
        let answer = self.sign_in(&mut browser, &self.authorize_url(client, extra), "ada@acme.example", "correct horse").await;
        answer.query("code").unwrap_or_else(|| panic!("no code: {} {:?}", answer.status, answer.location()))
    }

    /// Posts to the token endpoint as a client with a secret (`None`: public).
    pub async fn token(&self, client: &str, form: &[(&str, &str)]) -> Answer {
        let secret = secret(client);
        Browser::new().post_as(&format!("{}/oauth2/token", self.url), client, secret, form).await
    }

    /// Redeems a code of `client`.
    pub async fn redeem(&self, client: &str, code: &str) -> Answer {
        let redirect = redirect_uri(client);
        self.token(client, &[("grant_type", "authorization_code"), ("code", code), ("redirect_uri", &redirect)]).await
    }

    /// Tokens for Ada.
    pub async fn tokens(&self, client: &str) -> Value {
        let answer = self.redeem(client, &self.code(client, &[]).await).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()
    }

    pub async fn refresh(&self, client: &str, token: &str) -> Answer {
        self.token(client, &[("grant_type", "refresh_token"), ("refresh_token", token)]).await
    }

    pub async fn userinfo(&self, access_token: &str) -> Answer {
        Browser::new()
            .get_with(&format!("{}/oauth2/userinfo", self.url), &[("authorization", &format!("Bearer {access_token}"))])
            .await
    }

    pub async fn introspect(&self, client: &str, token: &str) -> Value {
        let url = format!("{}/oauth2/introspect", self.url);
        let answer = Browser::new().post_as(&url, client, secret(client), &[("token", token)]).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()
    }
}

pub fn redirect_uri(client: &str) -> String {
    let host = match client {
        "web" => "app",
        "other-web" => "other",
        client => client,
    };
    format!("https://{host}.example/cb")
}

pub fn secret(client: &str) -> Option<&'static str> {
    Some(match client {
        "web" => "web-secret",
        "foreign" => "foreign-secret",
        "api" => "api-secret",
        "other-web" => "other-secret",
        _ => return None,
    })
}

/// Header and claims of a JWT, unverified: for looking at what was issued.
pub fn decode(token: &str) -> (Value, Value) {
    let part = |i: usize| {
        let bytes = URL_SAFE_NO_PAD.decode(token.split('.').nth(i).unwrap()).unwrap();
        serde_json::from_slice(&bytes).unwrap()
    };
    (part(0), part(1))
}

pub fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("no {name} in {value}"))
}
