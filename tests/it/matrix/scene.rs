//! One row's tenant, which is named after the state: what its paths need.

use gatehouse::store::users;
use serde_json::{Value, json};

use super::table::table;
use crate::{
    browser::{Answer, Browser},
    idp::Idp,
    pushed::Pushed,
    saml::{provider::Provider, request::AuthnRequest},
    sso::{Sso, oidc},
    world::{decode, redirect_uri, text},
};

pub const PASSWORD: &str = "correct horse";

pub struct Row<'a> {
    pub sso: &'a Sso,
    pub name: &'static str,
    /// Browsers that are signed in, one for each path that needs one: a session that has lost its ground is ended by
    /// whoever notices first.
    pub asking: Browser,
    pub account: Browser,
    pub client: Browser,
    pub leaving: Browser,
    pub hop_code: Browser,
    pub hop_refresh: Browser,
    /// The ID token of the sign-in that leaves.
    pub hint: String,
    pub away: Browser,
    /// The sign-in page that `away` left from, and where it would come back to.
    pub page: Answer,
    pub back: String,
    /// The same of somebody whom nobody knows.
    pub newcomer: (Browser, String),
    /// A browser at a password page.
    pub typing: (Browser, Answer),
    /// A browser at a SAML provider, and what it was sent there with.
    pub at_saml: Browser,
    pub request: AuthnRequest,
    pub code: String,
    pub code_of_hop: String,
    pub access: String,
    pub refresh: String,
    pub pushed: Pushed,
}

pub fn saml_provider() -> Provider {
    Provider::new("saml")
}

pub fn state(idp: &Idp) -> String {
    let tenant = |name: &str| {
        let oidc = oidc(idp);
        let landing =
            format!("idp_initiated: true, idp_initiated_client: {name}, idp_initiated_url: \"https://{name}.example/home\"");
        let corp = saml_provider().settings(&landing);
        let silent = corp.replace(&format!("sso_url: \"{}\", ", saml_provider().sso_url), "");
        let password = if name == "nothing" { format!(", password: {PASSWORD}") } else { String::new() };
        format!(
            r#"
- name: {name}
  domains: [{name}.example]
  connections:
  - {{name: okta, oidc: {oidc}}}
  - {{name: corp, email_trust: domain, saml: {corp}}}
  - {{name: silent, email_trust: domain, saml: {silent}}}
  clients:
  - {{client_id: {name}, secret: s, redirect_uris: ["https://{name}.example/cb"], post_logout_redirect_uris: ["https://{name}.example/bye"], trusted: true, resources: ["https://api.{name}.example"]}}
  - {{client_id: {name}-watch, secret: s, redirect_uris: ["https://watch.{name}.example/cb"], resources: ["https://api.{name}.example"]}}
  users:
  - {{email: bob@{name}.example{password}}}
"#
        )
    };
    format!("tenants:{}", table().1.iter().map(|(name, _)| tenant(name)).collect::<String>())
}

impl<'a> Row<'a> {
    pub async fn prepare(sso: &'a Sso, name: &'static str) -> Self {
        sso.person(&format!("idp|{name}"), &format!("ada@{name}.example"));
        let url = authorize_url(sso, name);
        let signed_in = async || {
            let mut browser = Browser::new();
            let code = sso.sso(&mut browser, &url).await.query("code").expect(name);
            (browser, code)
        };
        let ((asking, _), (account, _), (mut client, first)) = (signed_in().await, signed_in().await, signed_in().await);
        let (leaving, last) = signed_in().await;
        let hint = text(&redeem(&sso.url, name, &last).await.json(), "id_token").to_owned();
        let tokens = redeem(&sso.url, name, &first).await.json();
        let code = client.get(&url).await.query("code").unwrap();
        let (hop_code, code_of_hop) = hop(sso, name).await;
        let (mut hop_refresh, spent) = hop(sso, name).await;
        let spent = post_hop(&sso.url, &mut hop_refresh, &hop_redemption(name, &spent)).await;
        assert_eq!(spent.status, 201, "{}", spent.body);
        let (mut away, page) = at_sign_in(&url).await;
        let back = depart(sso, &mut away, &page).await;
        let (mut newcomer, its_page) = at_sign_in(&url).await;
        let its_back = depart(sso, &mut newcomer, &its_page).await;
        let (mut typing, its_page) = at_sign_in(&url).await;
        let email = format!("bob@{name}.example");
        let form = [("csrf", &*its_page.csrf()), ("email", &email), ("with", "password")];
        let its_page = typing.post(&its_page.url, &form).await;
        let (mut at_saml, at) = at_sign_in(&url).await;
        let request = AuthnRequest::of(&at_saml.post(&at.url, &[("csrf", &at.csrf()), ("connection", "corp")]).await);
        let (access, refresh) = (text(&tokens, "access_token").to_owned(), text(&tokens, "refresh_token").to_owned());
        let user = users::find(&sso.app.db, text(&decode(&access).1, "sub")).await.unwrap().unwrap();
        let (db, sealer, now) = (&sso.app.db, &sso.app.sealer, sso.clock.now());
        let pushed = Pushed::link(db, sealer, &user.tenant_id, &user.id, user.email.as_str(), now).await;
        let (newcomer, typing) = ((newcomer, its_back), (typing, its_page));
        #[rustfmt::skip]
        let row = Self {
            sso, name, asking, account, client, leaving, hop_code, hop_refresh, hint, away, page, back, newcomer, typing, at_saml,
            request, code, code_of_hop, access, refresh, pushed,
        };
        row
    }

    /// Those who are signed in.
    pub fn signed_in(&mut self) -> [&mut Browser; 6] {
        [&mut self.asking, &mut self.account, &mut self.client, &mut self.leaving, &mut self.hop_code, &mut self.hop_refresh]
    }
}

/// A fresh browser at the sign-in page.
async fn at_sign_in(url: &str) -> (Browser, Answer) {
    let mut browser = Browser::new();
    let page = browser.get(url).await;
    let page = browser.follow(page).await;
    (browser, page)
}

/// Leaves for the OpenID provider: where it comes back to.
async fn depart(sso: &Sso, browser: &mut Browser, page: &Answer) -> String {
    let departure = browser.post(&page.url, &[("csrf", &page.csrf()), ("connection", "okta")]).await;
    sso.back(&departure).await
}

pub fn authorize_url(sso: &Sso, name: &str) -> String {
    sso.authorize_url(name, &[])
}

pub async fn redeem(node: &str, name: &str, code: &str) -> Answer {
    let redirect = redirect_uri(name);
    let form = [("grant_type", "authorization_code"), ("code", code), ("redirect_uri", redirect.as_str())];
    Browser::new().post_as(&format!("{node}/oauth2/token"), name, Some("s"), &form).await
}

/// A browser that began at the control plane's hop, and the code it came back with.
async fn hop(sso: &Sso, name: &str) -> (Browser, String) {
    let mut browser = Browser::new();
    let answer = begin_hop(&sso.url, &mut browser, name).await;
    let url = text(&answer.json(), "authorizationEndpoint").to_owned();
    let code = sso.sso(&mut browser, &url).await.query("code").expect(name);
    (browser, code)
}

pub async fn begin_hop(node: &str, browser: &mut Browser, name: &str) -> Answer {
    let pairs = [("tenantName", name), ("redirectURL", &redirect_uri(name))];
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    browser.get(&format!("{node}/api/svc/v1/oauth2/authorize?{query}")).await
}

pub fn hop_redemption(name: &str, code: &str) -> Value {
    json!({"tenantName": name, "grantType": "authorization_code", "code": code, "redirectURI": redirect_uri(name)})
}

pub async fn post_hop(node: &str, browser: &mut Browser, body: &Value) -> Answer {
    browser.post_json(&format!("{node}/api/svc/v1/oauth2/token"), &[], body).await
}
