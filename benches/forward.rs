//! What a forward-auth decision costs over HTTP (`GET /auth/request`, as nginx asks it), beside an empty axum handler and
//! the bare verification of the same signature, with a parsed key, in the same run. One thread serves and asks over
//! kept-alive connections, so times are whole: socket, HTTP, decision. Requests are logged and counted as in the program.
//!
//! The bare verification is what a handler that does nothing else takes longer than the empty one: between two requests the
//! processor has forgotten much of what it knows of a signature, for whoever verifies one. In a loop of its own it is faster,
//! and nobody is ever asked so; that time is printed beside.
//!
//!     cargo bench --profile dist --bench forward

#![expect(clippy::print_stdout, reason = "a program that prints")]
#![expect(clippy::unwrap_used, reason = "what fails here is to end the program")]
#![expect(clippy::disallowed_methods, reason = "what is measured is real time")]

use std::{
    fmt::Write as _,
    hint::black_box,
    net::SocketAddr,
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

use aws_lc_rs::signature;
use axum::{
    Router,
    http::{HeaderMap, StatusCode, header},
    routing::get,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use gatehouse::{
    app::App,
    clock::Clock,
    config::{Environment, Settings},
    oauth::client::SigningAlg,
    policy::{
        claim_rules::{ClaimRule, MatchType},
        email::Email,
        principal::Kind,
        trusted_issuer::IssuerSettings,
    },
    router, secret,
    store::{
        self,
        families::Family,
        mappings::{Mapping, Source, Target},
        principals::Principal,
        trusted_issuers::TrustedIssuer,
    },
    token::{
        KeyMaterial, KeyRing, SigningKey, Validity,
        issue::{self, IssueSpec},
    },
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

/// As in the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A warm decision may cost this many times an empty handler.
const WARM: f64 = 1.4;
/// A cold one the empty handler and this many times the bare verification; the first of a family, the handler that reads a row.
const COLD: f64 = 1.5;
/// What 100 000 external identities may add to a warm decision.
const CROWD: f64 = 1.1;
/// What tokens with random key ids may add to the slowest of a hundred good ones, beside as many good ones instead.
const FLOOD: f64 = 1.25;
const STRANGERS: usize = 10_000;
const CROWDED: usize = 4;
const ISSUERS: usize = 1_000;
const IDENTITIES: usize = 100_000;
const ROUNDS: usize = 15;
const BATCH: usize = 200;
const NOW: i64 = 1_800_000_000;
const PLATFORM: &str = "https://sso.example.com";
const SITE: &str = "https://app.example.com/page";
const ALGS: [SigningAlg; 3] = [SigningAlg::RS256, SigningAlg::ES256, SigningAlg::EdDSA];

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    gatehouse::metrics::install();
    tracing_subscriber::fmt().with_env_filter("info").with_ansi(false).with_writer(std::io::sink).init();
    let foreign = ring();
    let small = Deployment::start(&foreign, 1, 1).await;
    let large = Deployment::start(&foreign, ISSUERS, IDENTITIES).await;
    let empty = serve(Router::new().route("/auth/request", get(|| async { StatusCode::OK }))).await;
    let mut report = Report::default();
    for alg in ALGS {
        for (whose, token) in [("own", small.own(alg, 0)), ("foreign", small.foreign(&foreign, alg, 0))] {
            let one = request(&token);
            let [floor, warm] = best([(empty, std::slice::from_ref(&one)), (small.address, std::slice::from_ref(&one))]).await;
            let name = format!("warm, {whose} token, {}", alg.as_str());
            report.row(warm / floor, WARM, &name, &format!("{warm:.1} us; empty handler {floor:.1} us"));
        }
    }
    let reading = serve(one_read(&small)).await;
    for alg in ALGS {
        for whose in ["own, of a known family", "own, first of its family", "foreign", "foreign, 100000 identities"] {
            let deployment = if whose.contains("100000") { &large } else { &small };
            let first = whose.contains("first");
            let (beside, what) = if first { (reading, "one that reads a row") } else { (empty, "empty") };
            let tokens: Vec<String> = (0..ROUNDS * BATCH)
                .map(|n| match whose.starts_with("own") {
                    true => small.own(alg, if first { n } else { 0 }),
                    false => deployment.foreign(&foreign, alg, n),
                })
                .collect();
            let (keys, parsed) = match whose.starts_with("own") {
                true => (&small.app.ring, 1),
                false => (&foreign, deployment.issuers),
            };
            let jwks = &keys.jwks(NOW).json;
            let looped = looped(&tokens, jwks, alg, parsed);
            let requests: Vec<Vec<u8>> = tokens.iter().map(|token| request(token)).collect();
            let bare = serve(verifying(jwks, alg, parsed)).await;
            // Nothing is known of any family.
            small.app.db.changed();
            let [empty, floor, verified, cold] = best([empty, beside, bare, deployment.address].map(|to| (to, &*requests))).await;
            let bare = verified - empty;
            let name = format!("cold, {whose}, {}", alg.as_str());
            let measured = format!("{cold:.1} us; {what} {floor:.1} us, bare verification {bare:.1} us ({looped:.1} in a loop)");
            report.row(cold / (floor + COLD * bare), 1.0, &name, &measured);
        }
    }
    for alg in ALGS {
        let requests = [&small, &large].map(|deployment| request(&deployment.foreign(&foreign, alg, 0)));
        let [few, many] =
            best([(small.address, std::slice::from_ref(&requests[0])), (large.address, std::slice::from_ref(&requests[1]))])
                .await;
        let name = format!("warm, {IDENTITIES} identities, {}", alg.as_str());
        report.row(many / few, CROWD, &name, &format!("{many:.1} us; with one identity {few:.1} us"));
    }
    flood(&foreign, &mut report).await;
    ExitCode::from(u8::from(report.broken > 0))
}

/// Good tokens that are seen for the first time, while others ask with tokens whose keys nobody has: the slowest of a hundred
/// beside the same with good tokens in their place.
async fn flood(foreign: &KeyRing, report: &mut Report) {
    let fetches = Arc::new(AtomicUsize::new(0));
    let (jwks, count) = (foreign.jwks(NOW).json.clone(), Arc::clone(&fetches));
    let answer = move || {
        count.fetch_add(1, Ordering::SeqCst);
        let jwks = jwks.clone();
        async move { ([("content-type", "application/json")], jwks) }
    };
    let provider = serve(Router::new().route("/jwks", get(answer))).await;
    let uri = format!("http://localhost:{}/jwks", provider.port());
    let deployment = Deployment::with_keys(json!({"jwks_uri": uri}), 1, 1).await;
    let good = |from: usize| move |n: usize| (request(&deployment_token(foreign, from + n)), 200);
    let strange = |n: usize| {
        let token = deployment_token(foreign, n);
        let (header, rest) = token.split_once('.').unwrap();
        let mut header: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).unwrap()).unwrap();
        header["kid"] = secret::random().into();
        (request(&format!("{}.{rest}", URL_SAFE_NO_PAD.encode(header.to_string()))), 401)
    };
    let calm = slowest(deployment.address, &good(0), &good(1_000_000)).await;
    let before = fetches.load(Ordering::SeqCst);
    let flooded = slowest(deployment.address, &good(2_000_000), &strange).await;
    let fetched = fetches.load(Ordering::SeqCst) - before;
    let name = format!("good tokens beside {STRANGERS} random kids");
    let measured = format!("p99 {flooded:.0} us; beside good ones {calm:.0} us; {fetched} fetches");
    report.row(if fetched > 1 { f64::MAX } else { flooded / calm }, FLOOD, &name, &measured);
}

fn deployment_token(ring: &KeyRing, n: usize) -> String {
    foreign_token(ring, SigningAlg::RS256, n, 0, 0)
}

/// The 99th of a hundred times of `good` requests, in microseconds, while [`CROWDED`] connections ask the `others`.
async fn slowest(address: SocketAddr, good: &impl Fn(usize) -> (Vec<u8>, u16), others: &impl Fn(usize) -> (Vec<u8>, u16)) -> f64 {
    let asked: Vec<_> = (0..CROWDED)
        .map(|at| (at * STRANGERS / CROWDED..(at + 1) * STRANGERS / CROWDED).map(others).collect::<Vec<_>>())
        .map(|requests| {
            tokio::spawn(async move {
                let mut stream = TcpStream::connect(address).await.unwrap();
                stream.set_nodelay(true).unwrap();
                for (request, status) in &requests {
                    ask(&mut stream, request, *status).await;
                }
            })
        })
        .collect();
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let requests: Vec<_> = (0..STRANGERS).map(good).collect();
    let mut times = Vec::new();
    for (request, status) in &requests {
        if asked.iter().all(tokio::task::JoinHandle::is_finished) {
            break;
        }
        let began = Instant::now();
        ask(&mut stream, request, *status).await;
        times.push(began.elapsed().as_secs_f64() * 1e6);
    }
    for task in asked {
        task.await.unwrap();
    }
    times.sort_unstable_by(f64::total_cmp);
    times[times.len() * 99 / 100]
}

#[derive(Default)]
struct Report {
    broken: u32,
}

impl Report {
    fn row(&mut self, ratio: f64, budget: f64, name: &str, measured: &str) {
        let kept = ratio <= budget;
        println!("{}  {name:<40} {ratio:.2}x  {measured:<80} budget {budget}x", if kept { "kept  " } else { "BROKEN" });
        self.broken += u32::from(!kept);
    }
}

/// Asks all by turns, so that whatever else the machine does falls on both; the best turn of each counts. Microseconds
/// for one request.
async fn best<const N: usize>(targets: [(SocketAddr, &[Vec<u8>]); N]) -> [f64; N] {
    let mut streams = Vec::new();
    for (address, _) in targets {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        streams.push(stream);
    }
    let mut best = [f64::MAX; N];
    for round in 0..ROUNDS {
        for (at, (_, requests)) in targets.iter().enumerate() {
            let began = Instant::now();
            for n in 0..BATCH {
                let request = &requests[(round * BATCH + n) % requests.len()];
                ask(&mut streams[at], request, 200).await;
            }
            best[at] = best[at].min(began.elapsed().as_secs_f64() * 1e6 / BATCH as f64);
        }
    }
    best
}

/// Sends a request and reads its answer.
async fn ask(stream: &mut TcpStream, request: &[u8], status: u16) {
    stream.write_all(request).await.unwrap();
    let mut buffer = [0; 8192];
    let mut length = 0;
    loop {
        let read = stream.read(&mut buffer[length..]).await.unwrap();
        assert!(read > 0, "the connection was closed");
        length += read;
        let Some(head) = buffer[..length].windows(4).rposition(|end| end == b"\r\n\r\n") else { continue };
        // Only refusals have a body: it is JSON.
        if head + 4 == length && status == 200 || buffer[..length].ends_with(b"}") {
            break;
        }
    }
    let answer = &buffer[..length];
    assert_eq!(answer[9..12], *status.to_string().as_bytes(), "{}", String::from_utf8_lossy(answer));
}

fn request(token: &str) -> Vec<u8> {
    let mut text = String::from("GET /auth/request HTTP/1.1\r\nHost: sso.example.com\r\n");
    let _ = write!(text, "X-Original-URL: {SITE}\r\nX-Original-Method: GET\r\nAuthorization: Bearer {token}\r\n\r\n");
    text.into_bytes()
}

/// A handler that verifies the signature of the token that it is asked with, and does nothing else; as many keys by turns as
/// there are issuers, each parsed before.
fn verifying(jwks: &str, alg: SigningAlg, keys: usize) -> Router {
    let keys: Arc<Vec<_>> = Arc::new((0..keys).map(|_| parsed(jwks, alg)).collect());
    let turn = Arc::new(AtomicUsize::new(0));
    let answer = async move |headers: HeaderMap| {
        let token = headers[header::AUTHORIZATION].to_str().unwrap().strip_prefix("Bearer ").unwrap();
        verify(token, &keys[turn.fetch_add(1, Ordering::Relaxed) % keys.len()]);
        StatusCode::OK
    };
    Router::new().route("/auth/request", get(answer))
}

fn verify(token: &str, key: &signature::ParsedPublicKey) {
    let (message, signature) = token.rsplit_once('.').unwrap();
    let signature = URL_SAFE_NO_PAD.decode(black_box(signature)).unwrap();
    key.verify_sig(message.as_bytes(), &signature).unwrap();
}

/// Microseconds of verifying one token's signature after the other, and nothing else; keys as those of [`verifying`].
fn looped(tokens: &[String], jwks: &str, alg: SigningAlg, keys: usize) -> f64 {
    let keys: Vec<_> = (0..keys).map(|_| parsed(jwks, alg)).collect();
    let mut best = f64::MAX;
    let mut keys = keys.iter().cycle();
    for batch in tokens.chunks_exact(BATCH) {
        let began = Instant::now();
        for (token, key) in batch.iter().zip(&mut keys) {
            verify(token, key);
        }
        best = best.min(began.elapsed().as_secs_f64() * 1e6 / BATCH as f64);
    }
    best
}

fn parsed(jwks: &str, alg: SigningAlg) -> signature::ParsedPublicKey {
    let jwks: Value = serde_json::from_str(jwks).unwrap();
    let jwk = jwks["keys"].as_array().unwrap().iter().find(|jwk| jwk["alg"] == alg.as_str()).unwrap();
    let member = |name: &str| URL_SAFE_NO_PAD.decode(jwk[name].as_str().unwrap()).unwrap();
    match alg {
        SigningAlg::RS256 => {
            let public = signature::RsaPublicKeyComponents { n: member("n"), e: member("e") };
            public.to_parsed_public_key(&signature::RSA_PKCS1_2048_8192_SHA256).unwrap()
        }
        SigningAlg::ES256 => {
            let point = [&[4][..], &member("x"), &member("y")].concat();
            signature::ParsedPublicKey::new(&signature::ECDSA_P256_SHA256_FIXED, point).unwrap()
        }
        SigningAlg::EdDSA => signature::ParsedPublicKey::new(&signature::ED25519, member("x")).unwrap(),
    }
}

fn ring() -> KeyRing {
    let validity = Validity { generation: 1, imported: false, created_at: 0, active_from: 0, expires_at: None };
    KeyRing::new(ALGS.map(|alg| SigningKey::new(&KeyMaterial::generate(alg).unwrap(), validity).unwrap()).into())
}

async fn serve(router: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move {
        axum::serve(axum::serve::ListenerExt::tap_io(listener, |io| drop(io.set_nodelay(true))), service).await
    });
    address
}

/// A handler that reads one row by its key before it answers: what the first token of a family cannot do without, at the
/// pace of requests.
fn one_read(deployment: &Deployment) -> Router {
    let db = deployment.app.db.clone();
    let answer = move || {
        let db = db.clone();
        async move { store::tenants::find_by_name(&db, "acme").await.unwrap().map_or(StatusCode::NOT_FOUND, |_| StatusCode::OK) }
    };
    Router::new().route("/auth/request", get(answer))
}

/// gatehouse with a site, a user, and as many trusted issuers and external identities as asked for.
struct Deployment {
    app: App,
    address: SocketAddr,
    user: String,
    families: Vec<String>,
    identities: usize,
    issuers: usize,
    #[expect(dead_code, reason = "holds the database")]
    folder: tempfile::TempDir,
}

impl Deployment {
    async fn start(foreign: &KeyRing, issuers: usize, identities: usize) -> Self {
        let jwks: Value = serde_json::from_str(&foreign.jwks(NOW).json).unwrap();
        Self::with_keys(json!({"jwks": jwks}), issuers, identities).await
    }

    /// `keys`: where each issuer has its keys.
    async fn with_keys(keys: Value, issuers: usize, identities: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut env = Environment::new();
        for (name, value) in [
            ("PUBLIC_URL", PLATFORM.to_owned()),
            ("DATABASE_URL", format!("sqlite://{}", folder.path().join("gatehouse.db").display())),
            ("KEYS_DIR", folder.path().join("keys").display().to_string()),
            ("TRUSTED_PROXIES", "127.0.0.1".to_owned()),
            ("OUTBOUND_ALLOW", "localhost".to_owned()),
        ] {
            env.insert(format!("GATEHOUSE_{name}"), value);
        }
        let app = App::new(Settings::load(None, &env).unwrap(), Clock::manual(NOW)).await.unwrap();
        let state = r#"
tenants:
- name: acme
  clients:
  - {client_id: web, secret: web-secret, redirect_uris: ["https://app.example.com/cb"], trusted: true}
  users:
  - {email: ada@acme.example, name: Ada}
"#;
        app.apply(state, "bench", &|_| None).await.unwrap();
        let tenant = store::tenants::find_by_name(&app.db, "acme").await.unwrap().unwrap();
        let email = Email::parse("ada@acme.example").unwrap();
        let user = store::users::find_by_email(&app.db, &tenant.id, &email).await.unwrap().unwrap().id;
        let families = families(&app, &tenant.id, &user).await;
        trust(&app, &tenant.id, &keys, issuers, identities).await;
        let names: Vec<String> = (0..issuers).map(|n| format!("issuer-{n}")).chain(["gatehouse".to_owned()]).collect();
        site(&app, &tenant.id, json!({"hosts": ["app.example.com"], "issuers": names})).await;
        let address = serve(router::router(app.clone())).await;
        Self { app, address, user, families, identities, issuers, folder }
    }

    /// A token of one of the families.
    fn own(&self, alg: SigningAlg, family: usize) -> String {
        let audience = [PLATFORM.to_owned()];
        let spec = IssueSpec {
            issuer: PLATFORM,
            subject: &self.user,
            client_id: "web",
            tenant: "acme",
            family: &self.families[family],
            audience: &audience,
            scope: "openid email",
            auth_time: NOW,
            amr: "pwd",
            email: Some("ada@acme.example"),
            email_verified: true,
            name: None,
            groups: None,
            teams: None,
            nonce: None,
            session: None,
            access_alg: alg,
            id_alg: alg,
            access_lifetime: 3600,
            refresh_lifetime: 3600,
        };
        issue::access(&self.app.ring, &spec, NOW).unwrap().token
    }

    /// A token of one of the issuers that one of the identities matches.
    fn foreign(&self, ring: &KeyRing, alg: SigningAlg, n: usize) -> String {
        let identity = n % self.identities;
        foreign_token(ring, alg, n, identity % self.issuers, identity)
    }
}

fn foreign_token(ring: &KeyRing, alg: SigningAlg, n: usize, issuer: usize, identity: usize) -> String {
    let claims = json!({
        "iss": format!("https://issuer-{issuer}.example"),
        "sub": format!("repo:acme/{n}"),
        "aud": "https://api.acme.example",
        "repository_id": identity.to_string(),
        "ref": "refs/heads/main",
        "email": "ci@acme.example",
        "iat": NOW,
        "exp": NOW + 3600,
        "jti": secret::random_id(),
    });
    ring.sign(alg, "JWT", &claims, NOW).unwrap()
}

async fn families(app: &App, tenant: &str, user: &str) -> Vec<String> {
    let mut tx = app.db.begin().await.unwrap();
    let mut ids = Vec::new();
    for _ in 0..ROUNDS * BATCH {
        let id = secret::random_id();
        let family = Family {
            id: id.clone(),
            tenant_id: tenant.to_owned(),
            client_id: "web".to_owned(),
            user_id: user.to_owned(),
            connection_id: None,
            sid: None,
            scope: "openid email".to_owned(),
            resources: "[]".to_owned(),
            auth_time: NOW,
            amr: "pwd".to_owned(),
            current_hash: None,
            created_at: NOW,
            expires_at: NOW + 3600,
        };
        store::families::insert(&mut tx, &family).await.unwrap();
        ids.push(id);
    }
    tx.commit().await.unwrap();
    ids
}

async fn trust(app: &App, tenant: &str, keys: &Value, issuers: usize, identities: usize) {
    let text = |name: &str| keys.get(name).and_then(Value::as_str).map(str::to_owned);
    let mut tx = app.db.begin().await.unwrap();
    for n in 0..issuers {
        let settings = IssuerSettings {
            issuer: Some(format!("https://issuer-{n}.example")),
            audience: vec!["https://api.acme.example".to_owned()],
            jwks: keys.get("jwks").cloned(),
            jwks_uri: text("jwks_uri"),
            ..IssuerSettings::default()
        };
        let (id, name) = (format!("i{n}"), format!("issuer-{n}"));
        let (tenant_id, created_at) = (tenant.to_owned(), NOW);
        let issuer = TrustedIssuer { id, tenant_id, name, enabled: true, settings, secrets_sealed: None, created_at };
        store::trusted_issuers::save(&mut tx, &issuer).await.unwrap();
    }
    for n in 0..identities {
        let (id, tenant_id, kind, name) = (format!("p{n}"), tenant.to_owned(), Kind::ExternalIdentity, format!("identity-{n}"));
        let principal = Principal { id: id.clone(), tenant_id, kind, name, enabled: true, created_at: NOW };
        store::principals::save(&mut tx, &principal).await.unwrap();
        let rule =
            |claim: &str, value: &str, match_type| ClaimRule { claim: claim.to_owned(), values: vec![value.into()], match_type };
        let mapping = Mapping {
            id: format!("m{n}"),
            tenant_id: tenant.to_owned(),
            source: Source::Issuer(format!("i{}", n % issuers)),
            target: Target::Principal(id),
            claims: vec![
                rule("repository_id", &n.to_string(), MatchType::Exact),
                rule("email", "*@acme.example", MatchType::Glob),
            ],
            version: 1,
            created_at: NOW,
        };
        store::mappings::save(&mut tx, &mapping).await.unwrap();
    }
    tx.commit().await.unwrap();
}

async fn site(app: &App, tenant: &str, settings: Value) {
    let site = store::sites::Site {
        id: "site".to_owned(),
        tenant_id: tenant.to_owned(),
        name: "app".to_owned(),
        enabled: true,
        settings: serde_json::from_value(settings).unwrap(),
        created_at: NOW,
    };
    let mut tx = app.db.begin().await.unwrap();
    store::sites::save(&mut tx, &site).await.unwrap();
    tx.commit().await.unwrap();
}
