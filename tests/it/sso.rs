//! A deployment whose tenant signs in over an OpenID provider that lives in the test, by the same clock.

use std::{
    io,
    ops::Deref,
    sync::{Arc, Mutex, OnceLock},
};

use gatehouse::clock::Clock;
use serde_json::Value;
use url::Url;

use crate::{
    browser::{Answer, Browser},
    idp::{CLIENT_ID, CLIENT_SECRET, Idp},
    world::{Backend, START, World},
};

pub struct Sso {
    pub world: World,
    pub idp: Idp,
}

impl Deref for Sso {
    type Target = World;

    fn deref(&self) -> &World {
        &self.world
    }
}

/// The tenant's state; `more` are further lines of the tenant.
pub fn state(idp: &Idp, provisioning: &str, trust: &str, more: &str) -> String {
    format!(
        r#"
tenants:
- name: acme
  display_name: Acme
  domains: [acme.example]
  provisioning: {provisioning}
  connections:
  - {{name: okta, button_text: Sign in with Okta, email_trust: {trust}, oidc: {}}}
  clients:
  - {{client_id: web, secret: web-secret, redirect_uris: ["https://app.example/cb"], trusted: true}}
  - {{client_id: spa, redirect_uris: ["https://spa.example/cb"], trusted: true}}
{more}
"#,
        oidc(idp)
    )
}

/// The `oidc:` part of a connection to the provider.
pub fn oidc(idp: &Idp) -> String {
    format!(r#"{{issuer: "{}", client_id: "{CLIENT_ID}", client_secret: "{CLIENT_SECRET}"}}"#, idp.issuer())
}

impl Sso {
    /// People come to be at their first sign-in; `email_verified` links.
    pub async fn new(backend: Backend) -> Self {
        Self::with(backend, "jit", "verified", "").await
    }

    pub async fn with(backend: Backend, provisioning: &str, trust: &str, more: &str) -> Self {
        Self::made(backend, |idp| state(idp, provisioning, trust, more)).await
    }

    pub async fn made(backend: Backend, state: impl FnOnce(&Idp) -> String) -> Self {
        let clock = Clock::manual(START);
        let idp = Idp::start(clock.clone()).await;
        let world = World::bare(backend, clock, &[]).await;
        world.apply(&state(&idp)).await;
        Self { world, idp }
    }

    /// From the client's request to where the browser leaves for the provider, over the button if a page asks.
    pub async fn depart(&self, browser: &mut Browser, url: &str) -> Answer {
        let page = browser.get(url).await;
        let page = browser.follow(page).await;
        if page.location().is_some() {
            return page;
        }
        assert_eq!(page.status, 200, "the sign-in page: {}", page.body);
        browser.post(&page.url, &[("csrf", &page.csrf()), ("connection", "okta")]).await
    }

    /// The person signs in at the provider: the callback's address.
    pub async fn back(&self, departure: &Answer) -> String {
        let to = departure.location().unwrap_or_else(|| panic!("no departure: {} {}", departure.status, departure.body));
        assert!(to.starts_with(self.idp.issuer()), "to the provider: {to}");
        self.idp.visit(&Url::parse(to).unwrap()).await.0.into()
    }

    /// The whole way to the answer of the callback, or of the first request when the browser is signed in already.
    pub async fn sso(&self, browser: &mut Browser, url: &str) -> Answer {
        let departure = self.depart(browser, url).await;
        if departure.query("code").is_some() {
            return departure;
        }
        browser.get(&self.back(&departure).await).await
    }

    /// Signs in to `web` with a fresh browser.
    pub async fn fresh(&self) -> Answer {
        self.sso(&mut Browser::new(), &self.authorize_url("web", &[])).await
    }

    /// The tokens of a sign-in's answer.
    pub async fn tokens_of(&self, answer: &Answer) -> Value {
        let code =
            answer.query("code").unwrap_or_else(|| panic!("no code: {} {:?} {}", answer.status, answer.location(), answer.body));
        let answer = self.redeem("web", &code).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()
    }

    /// Says who signs in next.
    pub fn person(&self, sub: &str, email: &str) {
        self.idp.person(|p| {
            p["sub"] = sub.into();
            p["email"] = email.into();
        });
    }
}

/// What is logged on this thread while it lives, down to TRACE; the tests' servers run on their test's thread.
pub struct Log(Arc<Mutex<Vec<u8>>>, #[expect(dead_code, reason = "ends the capture")] tracing::subscriber::DefaultGuard);

struct Line(Arc<Mutex<Vec<u8>>>);

impl io::Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    pub fn capture() -> Self {
        Self::down_to(tracing::Level::TRACE)
    }

    /// No more than that: much that is logged costs more than what is tested.
    pub fn down_to(level: tracing::Level) -> Self {
        // While there is but one subscriber, tracing asks the thread that comes first what is wanted of a line, and another
        // test's thread wants nothing of it. So there are always two.
        static SECOND: OnceLock<tracing::Dispatch> = OnceLock::new();
        SECOND.get_or_init(|| {
            tracing_subscriber::fmt().with_max_level(tracing::Level::ERROR).with_writer(std::io::sink).finish().into()
        });
        let buffer: Arc<Mutex<Vec<u8>>> = Arc::default();
        let written = Arc::clone(&buffer);
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(level)
            .with_ansi(false)
            .with_writer(move || Line(Arc::clone(&written)))
            .finish();
        Self(buffer, tracing::subscriber::set_default(subscriber))
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Answer {
    /// The short code of a failure page.
    pub fn reference(&self) -> &str {
        let code = self.body.split_once("<code translate=\"no\">").and_then(|(_, rest)| rest.split_once("</code>"));
        code.unwrap_or_else(|| panic!("no reference in {} {}", self.status, self.body)).0
    }
}
