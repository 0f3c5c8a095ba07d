//! A deployment whose tenants sign in over SAML providers that live in the test, by the same clock, and browsers that
//! bring their answers as real ones do: first without cookies, for the form comes from another site.

use std::ops::Deref;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use gatehouse::{
    clock::Clock,
    connector::{Arrived, Connector, Error, Go, Wish},
    store,
};

use super::{
    provider::{Message, Provider, Signs, encoded},
    request::{AuthnRequest, html},
};
use crate::{
    browser::{Answer, Browser},
    sso::Log,
    world::{Backend, START, World},
};

pub struct SamlSso {
    pub world: World,
    pub idp: Provider,
}

impl Deref for SamlSso {
    type Target = World;

    fn deref(&self) -> &World {
        &self.world
    }
}

/// The tenant's state; `saml` are further settings of the connection, `more` further lines of the tenant.
pub fn state(idp: &Provider, saml: &str, more: &str) -> String {
    format!(
        r#"
tenants:
- name: acme
  display_name: Acme
  domains: [acme.example]
  provisioning: jit
  password_login: false
  connections:
  - {{name: corp, button_text: Sign in with Corp, email_trust: domain, saml: {}}}
  clients:
  - {{client_id: web, secret: web-secret, redirect_uris: ["https://app.example/cb"], post_logout_redirect_uris: ["https://app.example/bye"], trusted: true}}
  - {{client_id: spa, redirect_uris: ["https://spa.example/cb"], trusted: true}}
{more}
"#,
        idp.settings(saml)
    )
}

impl SamlSso {
    pub async fn new(backend: Backend) -> Self {
        Self::with(backend, "").await
    }

    /// With further settings of the connection.
    pub async fn with(backend: Backend, saml: &str) -> Self {
        Self::made(backend, Provider::new("idp"), |idp| state(idp, saml, "")).await
    }

    pub async fn made(backend: Backend, idp: Provider, state: impl FnOnce(&Provider) -> String) -> Self {
        let world = World::bare(backend, Clock::manual(START), &[]).await;
        world.apply(&state(&idp)).await;
        Self { world, idp }
    }

    /// From the client's request to where the browser leaves for the provider, over the button if a page asks.
    pub async fn depart(&self, browser: &mut Browser, url: &str) -> AuthnRequest {
        AuthnRequest::of(&self.departure(browser, url).await)
    }

    pub async fn departure(&self, browser: &mut Browser, url: &str) -> Answer {
        let page = browser.get(url).await;
        let page = browser.follow(page).await;
        if page.location().is_some() || page.field("SAMLRequest").is_some() {
            return page;
        }
        assert_eq!(page.status, 200, "the sign-in page: {}", page.body);
        browser.post(&page.url, &[("csrf", &page.csrf()), ("connection", "corp")]).await
    }

    /// Brings a response as a browser does whose form comes from the provider's site.
    pub async fn deliver(&self, browser: &mut Browser, request: &AuthnRequest, xml: &str) -> Answer {
        self.post(browser, &request.acs, request.relay_state.as_deref(), &encoded(xml)).await
    }

    pub async fn post(&self, browser: &mut Browser, acs: &str, relay_state: Option<&str>, response: &str) -> Answer {
        post(browser, acs, relay_state, response).await
    }

    /// Our certificate for this use, as our metadata tells it.
    pub async fn certificate(&self, usage: &str) -> Vec<u8> {
        let metadata = Browser::new().get(&format!("{}/saml/acme/corp/metadata", self.url)).await;
        assert_eq!(metadata.status, 200, "{}", metadata.body);
        let (_, rest) = metadata.body.split_once(&format!("use=\"{usage}\"")).unwrap_or_else(|| panic!("{}", metadata.body));
        let (_, rest) = rest.split_once("X509Certificate>").unwrap();
        let text: String = rest.split_once('<').unwrap().0.split_ascii_whitespace().collect();
        STANDARD.decode(text).unwrap()
    }

    /// A whole sign-in with what `bend` makes of the honest message.
    pub async fn sign_in(&self, browser: &mut Browser, bend: impl FnOnce(&mut Message)) -> Answer {
        self.sign_in_with(browser, |message| {
            bend(message);
            message.build()
        })
        .await
    }

    /// A whole sign-in with the XML that `forge` makes from the honest message.
    pub async fn sign_in_with(&self, browser: &mut Browser, forge: impl FnOnce(&mut Message) -> String) -> Answer {
        let request = self.depart(browser, &self.authorize_url("web", &[])).await;
        let mut message = self.idp.answer(&request, self.clock.now());
        let xml = forge(&mut message);
        self.deliver(browser, &request, &xml).await
    }

    /// An attack in a fresh browser, which must be refused with this cause, and then the honest message, which must sign
    /// in. The cause is what the log says; it shows that the attack did not fail for another reason. Both are posted from
    /// our own origin at once: the way there is tested by itself.
    pub async fn refused_but_honest_passes(&self, name: &str, cause: &str, forge: impl FnOnce(&mut Message) -> String) {
        let log = Log::capture();
        let (browser, answer) = self.post_directly(forge).await;
        assert_refused(name, &answer);
        let signed_in = browser.cookies.values().any(|cookies| cookies.contains_key("__Host-gatehouse"));
        assert!(!signed_in, "{name}: nobody is signed in");
        let logged = log.text();
        let logged = logged.lines().rfind(|l| l.contains("page error")).unwrap_or_default();
        assert!(logged.contains(cause), "{name}: refused for another cause than {cause:?}: {logged}");
        drop(log);
        let (_, honest) = self.post_directly(|message| message.build()).await;
        assert_signed_in(name, &honest);
    }

    /// The same for one of several ways to sign: through the application for a signed response, and for the others by the
    /// connector that the application uses, for what is around it is the same and takes most of the time.
    pub async fn refuses(&self, signs: Signs, name: &str, cause: &str, forge: impl FnOnce(&mut Message) -> String) {
        let name = format!("{name}, {signs:?}");
        if signs == Signs::Response {
            return self.refused_but_honest_passes(&name, cause, forge).await;
        }
        let tenant = store::tenants::find_by_name(&self.app.db, "acme").await.unwrap().unwrap();
        let connection = store::connections::find_by_name(&self.app.db, &tenant.id, "corp").await.unwrap().unwrap();
        let connector = self.app.connector("acme", &connection).await.unwrap();
        let wrong = judged(self, &*connector, forge).await.expect_err(&name).to_string();
        assert!(wrong.contains(cause), "{name}: refused for another cause than {cause:?}: {wrong}");
        let honest = |message: &mut Message| {
            message.signs = signs;
            message.build()
        };
        judged(self, &*connector, honest).await.unwrap_or_else(|e| panic!("{name}: the honest twin: {e}"));
    }

    async fn post_directly(&self, forge: impl FnOnce(&mut Message) -> String) -> (Browser, Answer) {
        let mut browser = Browser::new();
        let request = self.depart(&mut browser, &self.authorize_url("web", &[])).await;
        let xml = forge(&mut self.idp.answer(&request, self.clock.now()));
        let state = request.relay_state.as_deref().unwrap_or_default();
        let answer = browser.post(&request.acs, &[("SAMLResponse", &encoded(&xml)), ("RelayState", state)]).await;
        (browser, answer)
    }

    /// The tokens of a sign-in's answer.
    pub async fn tokens_of(&self, answer: &Answer) -> serde_json::Value {
        assert_signed_in("for tokens", answer);
        let answer = self.redeem("web", &answer.query("code").unwrap()).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()
    }

    /// Who that is: the e-mail address that userinfo tells.
    pub async fn email_of(&self, answer: &Answer) -> String {
        let tokens = self.tokens_of(answer).await;
        self.userinfo(tokens["access_token"].as_str().unwrap()).await.json()["email"].as_str().unwrap_or_default().to_owned()
    }
}

/// What the connector says of a message.
async fn judged(
    world: &SamlSso,
    connector: &dyn Connector,
    forge: impl FnOnce(&mut Message) -> String,
) -> Result<Arrived, Error> {
    let acs = format!("{}/oauth2/callback", world.app.issuer());
    let now = world.clock.now();
    let wish = Wish { state: "s", redirect_uri: &acs, login_hint: None, force: false, select_account: false, max_age: None, now };
    let departure = connector.depart(wish).await?;
    let Go::Redirect(url) = &departure.go else { panic!("a redirect") };
    let xml = forge(&mut world.idp.answer(&AuthnRequest::redirected(url.as_str()), now));
    let arrival = [("SAMLResponse".to_owned(), encoded(&xml))].into();
    let arrived = connector.arrive(&departure.memo, &arrival, &acs, now).await?;
    arrived.identity.clone().map(|_| arrived)
}

/// Posts as a page of another site does, and as our own page does then.
pub async fn post(browser: &mut Browser, acs: &str, relay_state: Option<&str>, response: &str) -> Answer {
    let mut form = vec![("SAMLResponse", response)];
    form.extend(relay_state.map(|state| ("RelayState", state)));
    // `SameSite=Lax`: nothing goes along with a form of another site.
    let mut elsewhere = Browser::new();
    let page = elsewhere.post(acs, &form).await;
    for (host, cookies) in elsewhere.cookies {
        browser.cookies.entry(host).or_default().extend(cookies);
    }
    if page.status != 200 || page.field("SAMLResponse").is_none() {
        return page;
    }
    // The page posts the same form again, from our own origin.
    let action = page.body.split_once("action=\"").unwrap().1.split_once('"').unwrap().0;
    let action = url::Url::parse(acs).unwrap().join(&html(action)).unwrap();
    let fields = hidden(&page.body);
    let fields: Vec<(&str, &str)> = fields.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    browser.post(action.as_str(), &fields).await
}

pub fn assert_refused(name: &str, answer: &Answer) {
    // 502: what the provider calls a problem of its own.
    assert!(
        (400..500).contains(&answer.status) || answer.status == 502,
        "{name}: {} {:?} {}",
        answer.status,
        answer.location(),
        answer.body
    );
    assert_eq!(answer.location(), None, "{name}");
    let session = answer.cookie_lines().into_iter().find(|l| l.starts_with("__Host-gatehouse=") && !l.contains("Max-Age=0"));
    assert_eq!(session, None, "{name}: no session");
}

pub fn assert_signed_in(name: &str, answer: &Answer) {
    let code = answer.query("code");
    assert!(code.is_some(), "{name}: no code: {} {:?} {}", answer.status, answer.location(), answer.body);
    assert!(answer.location().unwrap().starts_with("https://app.example/cb?"), "{name}: {:?}", answer.location());
}

/// The hidden fields of a page's form.
pub fn hidden(body: &str) -> Vec<(String, String)> {
    let fields = body.split("<input type=\"hidden\" name=\"").skip(1);
    let field = |rest: &str| {
        let (name, rest) = rest.split_once("\" value=\"")?;
        Some((html(name), html(rest.split_once('"')?.0)))
    };
    fields.filter_map(field).collect()
}
