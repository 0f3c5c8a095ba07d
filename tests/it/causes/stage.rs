//! One deployment for many scenes, with a provider of each protocol. Each scene has a tenant of its own, called as it is, with
//! one connection (`sso`) and one application, and changes nothing of the others'.

use std::ops::Deref;

use gatehouse::{clock::Clock, params, policy::cause::Cause};
use serde_json::Value;
use url::Url;

use super::Found;
use crate::{
    admin,
    browser::{Answer, Browser},
    idp::{CLIENT_ID, CLIENT_SECRET, Idp, Knobs},
    saml::{
        provider::{Message, Provider, encoded},
        request::AuthnRequest,
    },
    world::{Backend, START, World, text},
};

/// Who looks afterwards: an administrator of the whole platform, since some failures belong to no tenant.
const HOME: &str = r#"
tenants:
- name: home
  clients:
  - {client_id: api, secret: api-secret, redirect_uris: ["https://api.example/cb"], trusted: true, admin_api: true}
  users:
  - {email: root@home.example, password: "correct horse", active: true}
"#;

/// Longer than a provider's failure is remembered: of its discovery document and of its keys.
const FORGOTTEN: i64 = 61;

pub struct Stage {
    pub world: World,
    pub idp: Idp,
    pub provider: Provider,
    bearer: String,
}

impl Deref for Stage {
    type Target = World;

    fn deref(&self) -> &World {
        &self.world
    }
}

/// A scene's tenant.
pub struct Set<'a> {
    pub stage: &'a Stage,
    pub name: String,
}

impl Stage {
    pub async fn new(backend: Backend) -> Self {
        let clock = Clock::manual(START);
        let idp = Idp::start(clock.clone()).await;
        let world = World::bare(backend, clock, &[("SIGN_IN_RATE", "100000")]).await;
        world.apply(HOME).await;
        world.sql("UPDATE users SET platform = TRUE").await;
        let tokens = admin::administrators(&world, "api", "root@home.example").await;
        let bearer = format!("Bearer {}", text(&tokens, "access_token"));
        Self { world, idp, provider: Provider::new("idp"), bearer }
    }

    /// A tenant over this connection, given as its fields but the name; `more` are lines of the tenant.
    pub async fn set(&self, name: &str, connection: &str, more: &str) -> Set<'_> {
        let defaults = [("provisioning", "jit"), ("password_login", "false")];
        let defaults: Vec<String> = defaults
            .iter()
            .filter(|(field, _)| !more.contains(&format!("{field}:")))
            .map(|(field, value)| format!("  {field}: {value}\n"))
            .collect();
        let state = format!(
            "tenants:\n- name: {name}\n  domains: [{name}.example]\n{}  connections:\n  - {{name: sso, {connection}}}\n  clients:\n  \
             - {{client_id: {name}, secret: s-e-c-r-e-t-1, redirect_uris: [\"https://{name}.example/cb\"], trusted: true}}\n{more}\n",
            defaults.concat()
        );
        self.world.apply(&state).await;
        Set { stage: self, name: name.to_owned() }
    }

    /// A tenant over the OpenID provider, with further settings of the connection's part.
    pub async fn oidc(&self, name: &str, settings: &str, more: &str) -> Set<'_> {
        self.oidc_at(name, self.idp.issuer(), settings, more).await
    }

    /// The same over the provider of this issuer.
    pub async fn oidc_at(&self, name: &str, issuer: &str, settings: &str, more: &str) -> Set<'_> {
        self.set(name, &format!("email_trust: verified, {}", oidc(issuer, settings)), more).await
    }

    /// A tenant over the SAML provider, with further settings of the connection's part.
    pub async fn saml(&self, name: &str, settings: &str, more: &str) -> Set<'_> {
        self.set(name, &format!("email_trust: domain, saml: {}", self.provider.settings(settings)), more).await
    }

    /// Reads what the operator reads: the failure that they find must be of this cause and say these words.
    pub async fn judge(&self, cause: Cause, name: &str, found: &Found, says: &[&str]) -> Result<Value, String> {
        let key = match found {
            Found::Page(page) if page.query("code").is_some() => return Err("it signs in".to_owned()),
            Found::Page(page) if !page.body.contains("<code translate=\"no\">") => {
                return Err(format!("no code is shown: {} {:?} {}", page.status, page.location(), page.body));
            }
            Found::Page(page) => page.reference().to_owned(),
            Found::Last => {
                let failures = self.read(&format!("tenants/{name}/sign_ins?outcome=failed")).await;
                failures["items"][0]["id"].as_str().ok_or("no failure of the tenant is kept")?.to_owned()
            }
        };
        let told = self.read(&format!("sign_ins/{key}")).await;
        let hops = told["hops"].as_array().ok_or_else(|| format!("no trace of {key}: {told}"))?;
        let failures = || hops.iter().rev().filter(|hop| hop["hop"] == "failed");
        let failure = failures().find(|hop| hop["code"] == key.as_str()).or_else(|| failures().next());
        let detail = failure.and_then(|hop| hop["detail"].as_str()).unwrap_or_default();
        if told["cause"] != cause.word() {
            return Err(format!("it is taken for {}: {detail}", told["cause"]));
        }
        let part = |name: &str| told[name].as_str().unwrap_or_default().to_owned();
        let reading = [part("title"), part("means"), part("fix"), detail.to_owned()].join("\n");
        let fill =
            |word: &str| word.replace("{issuer}", self.idp.issuer()).replace("{url}", &self.world.url).replace("{name}", name);
        match says.iter().map(|word| fill(word)).find(|word| !reading.contains(word)) {
            Some(missing) => Err(format!("{missing:?} is not said in {reading}")),
            None => Ok(told),
        }
    }

    async fn read(&self, path: &str) -> Value {
        let url = format!("{}/api/v1/{path}", self.world.url);
        let answer = Browser::new().get_with(&url, &[("authorization", &self.bearer)]).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        answer.json()
    }
}

/// The `oidc` part of a connection.
pub fn oidc(issuer: &str, settings: &str) -> String {
    let comma = if settings.is_empty() { "" } else { ", " };
    format!("oidc: {{issuer: \"{issuer}\", client_id: \"{CLIENT_ID}\", client_secret: \"{CLIENT_SECRET}\"{comma}{settings}}}")
}

impl Set<'_> {
    /// Where a browser begins.
    pub fn url(&self, extra: &[(&str, &str)]) -> String {
        self.stage.world.authorize_url(&self.name, extra)
    }

    /// Runs a statement on what belongs to this tenant, which is `$1` by name.
    pub async fn sql(&self, sql: &'static str) {
        let changed = self.stage.world.app.db.execute(sql, params![self.name.as_str()]).await.unwrap();
        assert!(changed > 0, "{sql}");
    }

    /// To where the browser leaves, over the button if a page asks.
    pub async fn depart(&self, browser: &mut Browser, url: &str) -> Answer {
        let page = browser.get(url).await;
        let page = browser.follow(page).await;
        if page.status != 200 || page.location().is_some() || page.field("SAMLRequest").is_some() {
            return page;
        }
        browser.post(&page.url, &[("csrf", &page.csrf()), ("connection", "sso")]).await
    }

    /// The person signs in at the OpenID provider: the callback's address.
    pub async fn back(&self, departure: &Answer) -> String {
        let to = departure.location().unwrap_or_else(|| panic!("{}: no departure: {}", self.name, departure.body));
        self.stage.idp.visit(&Url::parse(to).unwrap()).await.0.into()
    }

    /// The whole way over the OpenID provider, to where it ends.
    pub async fn over(&self, browser: &mut Browser, url: &str) -> Answer {
        let departure = self.depart(browser, url).await;
        if departure.location().is_none() {
            return departure;
        }
        let answer = browser.get(&self.back(&departure).await).await;
        browser.follow(answer).await
    }

    /// The same in a fresh browser.
    pub async fn fresh(&self) -> Answer {
        self.over(&mut Browser::new(), &self.url(&[])).await
    }

    /// The honest twin: somebody signs in over the OpenID provider.
    pub async fn signs_in(&self) {
        self.is_in(&self.fresh().await);
    }

    pub fn is_in(&self, answer: &Answer) {
        assert!(answer.query("code").is_some(), "{}: the honest twin: {} {}", self.name, answer.status, answer.body);
    }

    /// The page on which a sign-in over the provider ends whose knobs were turned, and then the twin, mended.
    pub async fn broken(&self) -> Answer {
        let page = self.fresh().await;
        self.stage.idp.turn(|k| *k = Knobs::default());
        if page.query("code").is_none() {
            self.stage.world.clock.advance(FORGOTTEN);
            self.signs_in().await;
        }
        page
    }

    /// What comes of a SAML answer, bent.
    pub async fn answered(&self, bend: impl FnOnce(&mut Message)) -> Answer {
        self.answered_in(&mut Browser::new(), &self.url(&[]), bend).await
    }

    /// The same in this browser for this request.
    pub async fn answered_in(&self, browser: &mut Browser, url: &str, bend: impl FnOnce(&mut Message)) -> Answer {
        let departure = self.depart(browser, url).await;
        if departure.status >= 400 {
            return departure;
        }
        let request = AuthnRequest::of(&departure);
        let mut message = self.stage.provider.answer(&request, self.stage.world.clock.now());
        message.about(&format!("ada@{}.example", self.name));
        bend(&mut message);
        let state = request.relay_state.as_deref().unwrap_or_default();
        let response = encoded(&message.build());
        browser.post(&request.acs, &[("SAMLResponse", &response), ("RelayState", state)]).await
    }

    /// The honest twin over SAML.
    pub async fn signs_in_by(&self, bend: impl FnOnce(&mut Message)) {
        self.is_in(&self.answered(bend).await);
    }
}
