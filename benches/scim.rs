//! What directories cost over HTTP at a thousand, a hundred thousand and a million users, on SQLite and, when
//! GATEHOUSE_TEST_POSTGRES names a server, on PostgreSQL: one client, one request after the other over one kept-alive
//! connection. Look-ups of all sizes are asked by turns in one run, so that their ratios mean something.
//!
//!     cargo bench --profile dist --bench scim
//!     GATEHOUSE_BENCH_USERS=1000,20000 cargo bench --bench scim      smaller sizes, for a quick look
//!     GATEHOUSE_BENCH_SYNC=2000 cargo bench --bench scim             a smaller first synchronisation than the usual 100,000
//!
//! The first synchronisation goes through several connections at once, as Entra's does; everything runs on one thread,
//! clients and all, so what is printed is the least.

#![expect(clippy::print_stdout, reason = "a program that prints")]
#![expect(clippy::unwrap_used, reason = "what fails here is to end the program")]
#![expect(clippy::disallowed_methods, reason = "what is measured is real time")]

use std::{net::SocketAddr, process::Command, process::ExitCode, time::Instant};

use gatehouse::{
    app::App,
    clock::Clock,
    config::{Environment, Settings},
    params, router, secret,
    store::Db,
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

/// As in the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What a look-up among the most users may cost of one among the fewest.
const LOOKUP: f64 = 1.3;
/// What one more member of a large group may cost of one more of a small group.
const MEMBER: f64 = 1.3;
/// Requests in a second that a directory's first synchronisation must get through at least (Entra asks for that).
const FLOOR: f64 = 25.0;
/// Seconds that a PUT of the large group may take with the members that it has: a tenth of what a request may take in all.
const PUT: f64 = 2.5;
/// Users of the first synchronisation.
const SYNC: usize = 100_000;
/// Connections that it comes through.
const CONNECTIONS: usize = 8;
/// What look-ups ask for, with a user's number in place of `#`. Each finds one user.
const LOOKUPS: [(&str, &str); 5] = [
    ("userName eq", r#"userName eq "user-#@corp.example""#),
    ("externalId eq", r#"externalId eq "x#""#),
    ("emails.value eq", r#"emails[type eq "work"].value eq "user-#@corp.example""#),
    ("userName sw", r#"userName sw "user-#@""#),
    ("userName eq or externalId eq", r#"userName eq "nobody" or externalId eq "x#""#),
];
const SIZES: [i64; 3] = [1_000, 100_000, 1_000_000];
/// Members of the large group, where there are as many users.
const MEMBERS: i64 = 50_000;
/// Rows that one statement makes.
const CHUNK: i64 = 50_000;
const ROUNDS: usize = 15;
const BATCH: usize = 100;
const WRITES: usize = 200;
const PUTS: usize = 5;
const NOW: i64 = 1_800_000_000;
const TOKEN: &str = "0123456789abcdef0123456789abcdef";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let asked = std::env::var("GATEHOUSE_BENCH_USERS").ok();
    let sizes: Vec<i64> =
        asked.map_or_else(|| SIZES.to_vec(), |text| text.split(',').map(|size| size.trim().parse().unwrap()).collect());
    let sync = std::env::var("GATEHOUSE_BENCH_SYNC").map_or(SYNC, |text| text.trim().parse().unwrap());
    let mut report = Report::default();
    measure("SQLite", &sizes, sync, &mut report).await;
    match std::env::var("GATEHOUSE_TEST_POSTGRES") {
        Ok(_) => measure("PostgreSQL", &sizes, sync, &mut report).await,
        Err(_) => println!("        PostgreSQL: scripts/with-postgres starts one"),
    }
    ExitCode::from(u8::from(report.broken > 0))
}

async fn measure(database: &str, sizes: &[i64], sync: usize, report: &mut Report) {
    let mut all = Vec::new();
    for users in sizes {
        all.push(Deployment::start(database, *users).await);
    }
    for (name, filter) in LOOKUPS {
        let took = lookups(&mut all, filter).await;
        for (deployment, us) in all.iter().zip(&took) {
            let at = format!("{database}, {} users: {name}", deployment.users);
            report.ratio(us / took[0], LOOKUP, &at, &rate(*us));
        }
    }
    for deployment in &mut all {
        let at = format!("{database}, {} users", deployment.users);
        let created = deployment.create().await;
        report.floor(created, &format!("{at}: create"));
        for (name, attribute) in [("patch", "displayName"), ("patch of externalId", "externalId")] {
            let patched = deployment.patch(attribute).await;
            report.floor(patched, &format!("{at}: {name}"));
        }
        let [small, large] = deployment.members().await;
        let name = format!("{at}: one more of {} members", deployment.members);
        report.ratio(large / small, MEMBER, &name, &format!("{}; of ten {small:.0} us", rate(large)));
        let put = deployment.put().await;
        report.within(put, PUT, &format!("{at}: PUT of the same {} members", deployment.members));
    }
    for deployment in all {
        deployment.end().await;
    }
    let empty = Deployment::start(database, 0).await;
    let synced = empty.sync(sync).await;
    report.floor(synced, &format!("{database}: first synchronisation of {sync} users"));
    report.shipped(synced, sync);
    empty.end().await;
}

fn rate(us: f64) -> String {
    format!("{us:.0} us, {:.0}/s", 1e6 / us)
}

#[derive(Default)]
struct Report {
    broken: u32,
}

impl Report {
    fn ratio(&mut self, ratio: f64, budget: f64, name: &str, measured: &str) {
        self.row(ratio <= budget, name, &format!("{ratio:.2}x  {measured}"), &format!("budget {budget}x"));
    }

    /// `us`: microseconds of one request.
    fn floor(&mut self, us: f64, name: &str) {
        let times = 1e6 / us / FLOOR;
        self.row(times >= 1.0, name, &rate(us), &format!("floor {FLOOR}/s, {times:.0} times that"));
    }

    /// `us`: microseconds of one request.
    fn within(&mut self, us: f64, seconds: f64, name: &str) {
        self.row(us <= seconds * 1e6, name, &rate(us), &format!("budget {seconds} s"));
    }

    /// What limits a first synchronisation where nobody has set `scim_rate`, which is lifted here.
    fn shipped(&mut self, us: f64, users: usize) {
        let rate = f64::from(Settings::load(None, &environment()).unwrap().scim_rate.get());
        let minutes = |rate: f64| (2 * users) as f64 / rate / 60.0;
        let (measured, limits) = (1e6 / us, if 1e6 / us > rate { "scim_rate limits it" } else { "the machine limits it" });
        let name = format!("as it ships, {rate:.0}/s for each directory and node");
        let took = format!("{limits}: {:.1} min, {:.1} min without", minutes(rate.min(measured)), minutes(measured));
        self.row(rate >= FLOOR, &name, &took, &format!("floor {FLOOR}/s, {:.0} times that", rate / FLOOR));
    }

    fn row(&mut self, kept: bool, name: &str, measured: &str, against: &str) {
        println!("{}  {name:<56} {measured:<44} {against}", if kept { "kept  " } else { "BROKEN" });
        self.broken += u32::from(!kept);
    }
}

/// Microseconds of a look-up in each, by turns, so that whatever else the machine does falls on all; the best turn counts.
async fn lookups(all: &mut [Deployment], filter: &str) -> Vec<f64> {
    let mut best = vec![f64::MAX; all.len()];
    for round in 0..ROUNDS {
        for (deployment, best) in all.iter_mut().zip(&mut best) {
            let began = Instant::now();
            for n in 0..BATCH {
                let filter = filter.replace('#', &deployment.anybody(round * BATCH + n).to_string());
                let query: String = url::form_urlencoded::Serializer::new(String::new()).append_pair("filter", &filter).finish();
                let (status, body) = deployment.client.ask("GET", &format!("/Users?{query}&startIndex=1&count=100"), "").await;
                assert!(status == 200 && body.contains("\"totalResults\":1}"), "{status} {body}");
            }
            *best = best.min(began.elapsed().as_secs_f64() * 1e6 / BATCH as f64);
        }
    }
    best
}

/// One kept-alive connection of the directory.
struct Client(TcpStream);

/// gatehouse with one directory of as many users as asked for.
struct Deployment {
    db: Db,
    users: i64,
    /// Of the large group.
    members: i64,
    groups: [String; 2],
    made: usize,
    address: SocketAddr,
    client: Client,
    /// The PostgreSQL database.
    database: Option<String>,
    #[expect(dead_code, reason = "holds the SQLite database and the keys")]
    folder: tempfile::TempDir,
}

impl Deployment {
    async fn start(database: &str, users: i64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (url, name) = match database {
            "SQLite" => (format!("sqlite://{}", folder.path().join("gatehouse.db").display()), None),
            _ => postgres(),
        };
        let mut env = environment();
        for (name, value) in [
            ("DATABASE_URL", url),
            ("KEYS_DIR", folder.path().join("keys").display().to_string()),
            // What is measured is gatehouse, and not its throttle.
            ("SCIM_RATE", "1000000".to_owned()),
        ] {
            env.insert(format!("GATEHOUSE_{name}"), value);
        }
        let app = App::new(Settings::load(None, &env).unwrap(), Clock::manual(NOW)).await.unwrap();
        // With a connection, over which each user has signed in: whoever comes is looked for among them.
        let oidc = "{issuer: https://idp.example, client_id: gh, client_secret: x}";
        let state = format!(
            "tenants: [{{name: corp, provisioning: scim, connections: [{{name: okta, preset: okta, oidc: {oidc}}}], \
             directories: [{{name: people, connection: okta, token: \"{TOKEN}\"}}]}}]"
        );
        app.apply(&state, "bench", &|_| None).await.unwrap();
        let db = app.db.clone();
        let began = Instant::now();
        fill(&db, users).await;
        let address = serve(app).await;
        let client = Client::connect(address).await;
        let members = MEMBERS.min(users / 2);
        let mut deployment =
            Self { db, users, members, groups: Default::default(), made: 0, address, client, database: name, folder };
        deployment.groups = [deployment.group("small", 10).await, deployment.group("large", members).await];
        if deployment.database.is_some() {
            // As its own housekeeping would do before long.
            deployment.db.execute("ANALYZE", &[]).await.unwrap();
        }
        println!("        {database}, {users} users: filled in {:.0} s", began.elapsed().as_secs_f64());
        deployment
    }

    async fn group(&mut self, name: &str, members: i64) -> String {
        let (status, body) = self.client.ask("POST", "/Groups", &json!({"displayName": name}).to_string()).await;
        assert_eq!(status, 201, "{body}");
        let id = serde_json::from_str::<Value>(&body).unwrap()["id"].as_str().unwrap().to_owned();
        let sql = "INSERT INTO directory_members (group_id, member_id) \
                   SELECT $1, id FROM directory_users WHERE id < $2";
        self.db.execute(sql, params![&id, &record(members)]).await.unwrap();
        id
    }

    /// The number of some user, anywhere among all.
    fn anybody(&self, n: usize) -> i64 {
        let n = i64::try_from(n).unwrap();
        // Large and prime: neighbours in turn are none in the index.
        number((n * 7_919_317 + 104_729) % self.users.max(1))
    }

    async fn create(&mut self) -> f64 {
        let began = Instant::now();
        for _ in 0..WRITES {
            self.made += 1;
            self.client.create(self.made).await;
        }
        began.elapsed().as_secs_f64() * 1e6 / WRITES as f64
    }

    /// A text attribute of one user after the other.
    async fn patch(&mut self, attribute: &str) -> f64 {
        let began = Instant::now();
        for n in 0..WRITES {
            let path = format!("/Users/r{}", self.anybody(n));
            let change = json!({"Operations": [{"op": "Replace", "path": attribute, "value": format!("Kim {n}")}]});
            let (status, body) = self.client.ask("PATCH", &path, &change.to_string()).await;
            assert_eq!(status, 200, "{body}");
        }
        began.elapsed().as_secs_f64() * 1e6 / WRITES as f64
    }

    /// One more member for the small group and for the large one, by turns.
    async fn members(&mut self) -> [f64; 2] {
        let mut took = [0.0; 2];
        for n in 0..WRITES {
            let member = record(self.users - 1 - i64::try_from(n).unwrap());
            let change = json!({"Operations": [{"op": "Add", "path": "members", "value": [{"$ref": null, "value": member}]}]});
            for (at, group) in self.groups.clone().iter().enumerate() {
                let began = Instant::now();
                let (status, body) = self.client.ask("PATCH", &format!("/Groups/{group}"), &change.to_string()).await;
                took[at] += began.elapsed().as_secs_f64();
                assert_eq!(status, 204, "{body}");
            }
        }
        took.map(|seconds| seconds * 1e6 / WRITES as f64)
    }

    /// The whole large group again, as Okta's wizard apps and OneLogin send it: nothing of its members changes, and none is written.
    async fn put(&mut self) -> f64 {
        let members: Vec<Value> = (0..self.members).map(|n| json!({"value": record(n)})).collect();
        let body = json!({"displayName": "large", "members": members}).to_string();
        let path = format!("/Groups/{}?excludedAttributes=members", self.groups[1]);
        let mut took = 0.0;
        // The first takes out whom others have put in.
        for round in 0..=PUTS {
            let began = Instant::now();
            let (status, answer) = self.client.ask("PUT", &path, &body).await;
            took += if round > 0 { began.elapsed().as_secs_f64() } else { 0.0 };
            assert_eq!(status, 200, "{answer}");
        }
        took * 1e6 / PUTS as f64
    }

    /// As Entra and Okta do for each user: is it there? If not, it is made. Microseconds of one request, of all that come at
    /// once.
    async fn sync(&self, users: usize) -> f64 {
        let began = Instant::now();
        let mut all = tokio::task::JoinSet::new();
        for first in 0..CONNECTIONS {
            let address = self.address;
            all.spawn(async move {
                let mut client = Client::connect(address).await;
                for n in (first..users).step_by(CONNECTIONS) {
                    let path = format!("/Users?filter=userName%20eq%20%22new-{n}%40corp.example%22");
                    let (status, body) = client.ask("GET", &path, "").await;
                    assert!(status == 200 && body.contains("\"totalResults\":0}"), "{status} {body}");
                    client.create(n).await;
                }
            });
        }
        while let Some(done) = all.join_next().await {
            done.unwrap();
        }
        began.elapsed().as_secs_f64() * 1e6 / (2 * users) as f64
    }

    async fn end(self) {
        let Self { db, database, client, .. } = self;
        drop(client);
        db.close().await;
        if let Some(name) = database {
            psql(&format!("DROP DATABASE {name} WITH (FORCE)"));
        }
    }
}

impl Client {
    async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self(stream)
    }

    async fn create(&mut self, n: usize) {
        let name = format!("new-{n}@corp.example");
        let user = json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
            "externalId": secret::random_id(),
            "userName": name,
            "active": true,
            "name": {"givenName": "Kim", "familyName": "Ode"},
            "emails": [{"primary": true, "type": "work", "value": name}],
        });
        let (status, body) = self.ask("POST", "/Users", &user.to_string()).await;
        assert_eq!(status, 201, "{body}");
    }

    async fn ask(&mut self, method: &str, path: &str, body: &str) -> (u16, String) {
        let request = format!(
            "{method} /scim/v2{path} HTTP/1.1\r\nHost: sso.example.com\r\nAuthorization: Bearer {TOKEN}\r\n\
             Content-Type: application/scim+json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.0.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        let mut buffer = [0; 8192];
        loop {
            if let Some(head) = answer.windows(4).position(|w| w == b"\r\n\r\n") {
                let text = String::from_utf8_lossy(&answer[..head]).to_ascii_lowercase();
                let status = text[9..12].parse().unwrap();
                let length = text.split("content-length: ").nth(1).and_then(|rest| rest.lines().next());
                let end = head + 4 + length.map_or(0, |length| length.parse::<usize>().unwrap());
                if answer.len() >= end {
                    return (status, String::from_utf8_lossy(&answer[head + 4..]).into_owned());
                }
            }
            let read = self.0.read(&mut buffer).await.unwrap();
            assert!(read > 0, "the connection was closed");
            answer.extend_from_slice(&buffer[..read]);
        }
    }
}

/// What gatehouse needs to be told anywhere.
fn environment() -> Environment {
    Environment::from_iter([("GATEHOUSE_PUBLIC_URL".to_owned(), "https://sso.example.com".to_owned())])
}

/// Makes users with their records, addresses and identities. The numbers have ten digits, so that they sort as texts.
async fn fill(db: &Db, users: i64) {
    let tables: [&'static str; 4] = [
        "INSERT INTO users (id, tenant_id, email, email_proven, name, admin, active, created_at, updated_at) \
         WITH RECURSIVE n (i) AS (SELECT CAST($1 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i + 1 < $2) \
         SELECT 'u' || i, t.id, 'user-' || i || '@corp.example', FALSE, 'Kim Ode', FALSE, TRUE, $3, $3 \
         FROM n, tenants t WHERE t.name = 'corp'",
        "INSERT INTO directory_users (id, directory_id, user_id, made_user, user_name, external_id, display_name, given_name, \
           family_name, active, resource, version, created_at, updated_at) \
         WITH RECURSIVE n (i) AS (SELECT CAST($1 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i + 1 < $2) \
         SELECT 'r' || i, d.id, 'u' || i, TRUE, 'user-' || i || '@corp.example', 'x' || i, 'kim ode ' || i, 'kim', 'ode ' || i, TRUE, \
           '{\"externalId\":\"x' || i || '\",\"userName\":\"user-' || i || '@corp.example\",\"displayName\":\"Kim Ode ' || i || \
           '\",\"name\":{\"givenName\":\"Kim\",\"familyName\":\"Ode ' || i || \
           '\"},\"emails\":[{\"primary\":true,\"type\":\"work\",\"value\":\"user-' || i || '@corp.example\"}]}', 1, $3, $3 \
         FROM n, directories d WHERE d.name = 'people'",
        "INSERT INTO directory_emails (directory_user_id, position, directory_id, value, kind, is_primary) \
         WITH RECURSIVE n (i) AS (SELECT CAST($1 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i + 1 < $2) \
         SELECT 'r' || i, 0, d.id, 'user-' || i || '@corp.example', 'work', TRUE \
         FROM n, directories d WHERE d.name = 'people' AND $3 > 0",
        "INSERT INTO identities (id, connection_id, issuer, subject, user_id, created_at, last_seen_at) \
         WITH RECURSIVE n (i) AS (SELECT CAST($1 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i + 1 < $2) \
         SELECT 'i' || i, c.id, 'https://idp.example', 'x' || i, 'u' || i, $3, $3 \
         FROM n, connections c WHERE c.name = 'okta'",
    ];
    let mut from = 0;
    while from < users {
        let to = users.min(from + CHUNK);
        let mut tx = db.begin().await.unwrap();
        for sql in tables {
            tx.execute(sql, params![number(from), number(to), NOW]).await.unwrap();
        }
        tx.commit().await.unwrap();
        from = to;
    }
}

/// The number of the `n`-th user.
fn number(n: i64) -> i64 {
    1_000_000_000 + n
}

/// The id of the `n`-th record.
fn record(n: i64) -> String {
    format!("r{}", number(n))
}

async fn serve(app: App) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let service = router::router(app).into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move {
        axum::serve(axum::serve::ListenerExt::tap_io(listener, |io| drop(io.set_nodelay(true))), service).await
    });
    address
}

/// A new database of the server for tests.
fn postgres() -> (String, Option<String>) {
    let name = format!("bench_{}", secret::random_id().to_lowercase().replace('-', "_"));
    psql(&format!("CREATE DATABASE {name}"));
    let mut url = url::Url::parse(&std::env::var("GATEHOUSE_TEST_POSTGRES").unwrap()).unwrap();
    url.set_path(&name);
    (url.to_string(), Some(name))
}

fn psql(sql: &str) {
    let server = std::env::var("GATEHOUSE_TEST_POSTGRES").unwrap();
    assert!(Command::new("psql").args([&server, "-qc", sql]).status().unwrap().success(), "{sql}");
}
