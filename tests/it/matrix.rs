//! Threat M1, as one table: every state that something can be in, on every path. Each row has a tenant of its own in one
//! world; what its paths need is prepared while everything is on, then the row's state is made, then every path is tried.

use std::fmt::Write as _;

use gatehouse::store::{clients, connections, directories, families, tenants, users};
use serde_json::json;

use crate::{
    browser::{Answer, Browser},
    on_both,
    pushed::Pushed,
    saml::{
        provider::{Provider, encoded},
        request::AuthnRequest,
        sso_saml::post,
    },
    sso::{Sso, oidc},
    world::{Backend, text},
};

on_both!(every_state_on_every_path);

/// `yes`: it goes through; `ask`: the person has to sign in; `no`: refused.
#[rustfmt::skip]
const TABLE: &str = "
                        authorize bad-request page depart callback code refresh hop-begin hop-code hop-refresh userinfo introspect revoke account acs begun unasked scim
    nothing             yes       yes         yes  yes    yes      yes  yes     yes       yes      yes         yes      yes        yes    yes     yes yes   yes   yes
    user-deactivated    ask       yes         yes  yes    no       no   no      yes       no       no          no       no         yes    ask     no  yes   no   yes
    user-inactive-flag  ask       yes         yes  yes    no       no   no      yes       no       no          no       no         yes    ask     no  yes   no   yes
    user-deleted        ask       yes         yes  yes    yes      no   no      yes       no       no          no       no         yes    ask     yes yes   yes   yes
    tenant-disabled     no        no          no   no     no       no   no      no        no       no          no       no         no     ask     no  no    no   no
    client-disabled     no        no          no   no     no       no   no      no        no       no          no       no         no     yes     no  no    no   yes
    connection-disabled ask       yes         yes  no     no       no   no      yes       no       no          no       no         yes    ask     no  no    no   yes
    login-off           ask       yes         yes  no     no       no   no      yes       no       no          no       no         yes    ask     no  no    no   yes
    connection-deleted  ask       yes         yes  no     no       no   no      yes       no       no          no       no         yes    ask     no  no    no   yes
    family-revoked      yes       yes         yes  yes    yes      yes  no      yes       yes      no          no       no         yes    yes     yes yes   yes   yes
    signed-out          ask       yes         yes  yes    yes      no   no      yes       no       no          no       no         yes    ask     yes yes   yes   yes
    shut-by-directory   ask       yes         yes  yes    no       no   no      yes       no       no          no       no         yes    ask     no  yes   no    yes
    shut-by-operator    ask       yes         yes  yes    no       no   no      yes       no       no          no       no         yes    ask     no  yes   no    yes
    reactivated         ask       yes         yes  yes    yes      no   no      yes       no       no          no       no         yes    ask     yes yes   yes   yes
    directory-disabled  yes       yes         yes  yes    yes      yes  yes     yes       yes      yes         yes      yes        yes    yes     yes yes   yes   no
    record-deleted      ask       yes         yes  yes    no       no   no      yes       no       no          no       no         yes    ask     no  yes   no    yes
";

fn table() -> (Vec<&'static str>, Vec<(&'static str, Vec<&'static str>)>) {
    let mut lines = TABLE.lines().filter(|l| !l.trim().is_empty()).map(|l| l.split_whitespace().collect::<Vec<_>>());
    let paths = lines.next().unwrap();
    (paths, lines.map(|mut cells| (cells.remove(0), cells)).collect())
}

/// One row's tenant: its name is the state's.
struct Row<'a> {
    sso: &'a Sso,
    name: &'static str,
    /// Browsers that are signed in, one for each path that needs one: a session that has lost its ground is ended by
    /// whoever notices first.
    asking: Browser,
    account: Browser,
    client: Browser,
    hop_code: Browser,
    hop_refresh: Browser,
    away: Browser,
    /// The sign-in page that `away` left from, and where it would come back to.
    page: Answer,
    back: String,
    /// A browser at a SAML provider, and what it was sent there with.
    at_saml: Browser,
    request: AuthnRequest,
    code: String,
    code_of_hop: String,
    access: String,
    refresh: String,
    pushed: Pushed,
}

fn saml_provider() -> Provider {
    Provider::new("saml")
}

fn state(sso_idp: &crate::idp::Idp) -> String {
    let tenant = |name: &str| {
        let oidc = oidc(sso_idp);
        let landing =
            format!("idp_initiated: true, idp_initiated_client: {name}, idp_initiated_url: \"https://{name}.example/home\"");
        let corp = saml_provider().settings(&landing);
        let silent = corp.replace(&format!("sso_url: \"{}\", ", saml_provider().sso_url), "");
        format!(
            r#"
- name: {name}
  domains: [{name}.example]
  connections:
  - {{name: okta, oidc: {oidc}}}
  - {{name: corp, email_trust: domain, saml: {corp}}}
  - {{name: silent, email_trust: domain, saml: {silent}}}
  clients:
  - {{client_id: {name}, secret: s, redirect_uris: ["https://{name}.example/cb"], trusted: true, resources: ["https://api.{name}.example"]}}
  - {{client_id: {name}-watch, secret: s, redirect_uris: ["https://watch.{name}.example/cb"], resources: ["https://api.{name}.example"]}}
"#
        )
    };
    format!("tenants:{}", table().1.iter().map(|(name, _)| tenant(name)).collect::<String>())
}

impl<'a> Row<'a> {
    async fn prepare(sso: &'a Sso, name: &'static str) -> Self {
        sso.person(&format!("idp|{name}"), &format!("ada@{name}.example"));
        let url = authorize_url(sso, name);
        let signed_in = async || {
            let mut browser = Browser::new();
            let code = sso.sso(&mut browser, &url).await.query("code").expect(name);
            (browser, code)
        };
        let ((asking, _), (account, _), (mut client, first)) = (signed_in().await, signed_in().await, signed_in().await);
        let tokens = redeem(sso, name, &first).await.json();
        let code = client.get(&url).await.query("code").unwrap();
        let (hop_code, code_of_hop) = hop(sso, name).await;
        let (mut hop_refresh, spent) = hop(sso, name).await;
        assert_eq!(post_hop(sso, &mut hop_refresh, "token", &hop_redemption(name, &spent)).await.status, 201);
        let mut away = Browser::new();
        let page = away.get(&url).await;
        let page = away.follow(page).await;
        let departure = away.post(&page.url, &[("csrf", &page.csrf()), ("connection", "okta")]).await;
        let back = sso.back(&departure).await;
        let mut at_saml = Browser::new();
        let at = at_saml.get(&url).await;
        let at = at_saml.follow(at).await;
        let request = AuthnRequest::of(&at_saml.post(&at.url, &[("csrf", &at.csrf()), ("connection", "corp")]).await);
        let (access, refresh) = (text(&tokens, "access_token").to_owned(), text(&tokens, "refresh_token").to_owned());
        let user = users::find(&sso.app.db, text(&crate::world::decode(&access).1, "sub")).await.unwrap().unwrap();
        let (db, sealer, now) = (&sso.app.db, &sso.app.sealer, sso.clock.now());
        let pushed = Pushed::link(db, sealer, &user.tenant_id, &user.id, user.email.as_str(), now).await;
        #[rustfmt::skip]
        let row = Self {
            sso, name, asking, account, client, hop_code, hop_refresh, away, page, back, at_saml, request, code, code_of_hop, access, refresh,
            pushed,
        };
        row
    }

    async fn make(&mut self) {
        let (db, now, name) = (&self.sso.app.db, self.sso.clock.now(), self.name);
        let tenant = tenants::find_by_name(db, name).await.unwrap().unwrap();
        let all = connections::of_tenant(db, &tenant.id).await.unwrap();
        let user = users::of_tenant(db, &tenant.id).await.unwrap().remove(0);
        match name {
            "nothing" => {}
            "user-deactivated" => assert!(self.sso.shut_out(&user.id).await.is_some()),
            // Whatever has not been told yet: another node's transaction, a session made in between.
            "user-inactive-flag" => {
                assert_eq!(
                    self.sso.sql("UPDATE users SET active = FALSE WHERE email = 'ada@user-inactive-flag.example'").await,
                    1
                );
            }
            "user-deleted" => assert!(self.sso.remove(&user.id).await.is_some()),
            // What a directory sends, over SCIM.
            "shut-by-directory" => assert_eq!(self.pushed.active(&self.sso.url, false).await.status, 200),
            // The directory alone opens nothing that an operator has shut.
            "shut-by-operator" => {
                assert!(self.sso.shut_out(&user.id).await.is_some());
                for active in [false, true] {
                    assert_eq!(self.pushed.active(&self.sso.url, active).await.status, 200);
                }
            }
            "reactivated" => {
                for active in [false, true] {
                    assert_eq!(self.pushed.active(&self.sso.url, active).await.status, 200);
                }
            }
            "directory-disabled" => {
                let off = directories::Directory { enabled: false, ..self.pushed.directory.clone() };
                directories::save(db, &off).await.unwrap();
            }
            "record-deleted" => assert_eq!(self.pushed.delete(&self.sso.url).await.status, 204),
            "tenant-disabled" => tenants::save(db, &tenants::Tenant { enabled: false, ..tenant }).await.unwrap(),
            "client-disabled" => {
                let client = clients::find(db, name).await.unwrap().unwrap();
                assert!(client.enabled);
                self.sso.sql("UPDATE clients SET enabled = FALSE WHERE id = 'client-disabled'").await;
            }
            "connection-disabled" => {
                for connection in all {
                    assert!(connections::save(db, &connections::Connection { enabled: false, ..connection }).await.unwrap());
                }
            }
            "login-off" => {
                for connection in all {
                    assert!(
                        connections::save(db, &connections::Connection { login_enabled: false, ..connection }).await.unwrap()
                    );
                }
            }
            "connection-deleted" => {
                for connection in all {
                    assert!(connections::delete(db, &connection.id).await.unwrap());
                }
            }
            "family-revoked" => {
                for token in [&self.access, &self.hop_refresh.cookies["localhost"]["accessToken"]] {
                    let family = crate::world::decode(token).1;
                    assert!(families::revoke(db, text(&family, "fam"), now).await.unwrap());
                }
            }
            "signed-out" => {
                for browser in [&mut self.asking, &mut self.account, &mut self.client, &mut self.hop_code, &mut self.hop_refresh]
                {
                    let page = browser.get(&format!("{}/account", self.sso.url)).await;
                    let before = browser.clone();
                    let url = format!("{}/account/sign-out", self.sso.url);
                    assert_eq!(browser.post(&url, &[("csrf", &page.csrf())]).await.status, 200);
                    browser.cookies = before.cookies; // A copy that somebody kept.
                }
            }
            other => panic!("no such state: {other}"),
        }
    }

    async fn attempt(&mut self, path: &str) -> &'static str {
        let (sso, name) = (self.sso, self.name);
        match path {
            "authorize" => by_browser(&self.asking.get(&authorize_url(sso, name)).await),
            // An error that goes back to the client: only as long as it may be answered at all.
            "bad-request" => {
                let answer = Browser::new().get(&sso.authorize_url(name, &[("response_type", "token")])).await;
                if answer.query("error").is_some() { "yes" } else { not_ours(&answer) }
            }
            "page" => by_browser(&self.away.get(&self.page.url).await),
            "depart" => {
                let answer = self.away.post(&self.page.url, &[("csrf", &self.page.csrf()), ("connection", "okta")]).await;
                if answer.query("code_challenge").is_some() { "yes" } else { not_ours(&answer) }
            }
            "callback" => by_browser(&self.away.get(&self.back).await),
            "acs" => {
                let mut message = saml_provider().answer(&self.request, sso.clock.now());
                message.about(&format!("ada@{name}.example"));
                let state = self.request.relay_state.as_deref();
                by_browser(&post(&mut self.at_saml, &self.request.acs, state, &encoded(&message.build())).await)
            }
            // A sign-in of ours begins.
            "begun" => {
                let answer = unasked(sso, name, "corp").await;
                let to = answer.location().unwrap_or_default();
                if to.starts_with(&saml_provider().sso_url) { "yes" } else { not_ours(&answer) }
            }
            "unasked" => {
                let answer = unasked(sso, name, "silent").await;
                let home = format!("https://{name}.example/home");
                if answer.location() == Some(home.as_str()) { "yes" } else { not_ours(&answer) }
            }
            "account" => by_browser(&self.account.get(&format!("{}/account", sso.url)).await),
            "code" => by_status(&redeem(sso, name, &self.code).await),
            "refresh" => {
                let form = [("grant_type", "refresh_token"), ("refresh_token", self.refresh.as_str())];
                by_status(&Browser::new().post_as(&format!("{}/oauth2/token", sso.url), name, Some("s"), &form).await)
            }
            "hop-begin" => by_status(&begin_hop(sso, &mut Browser::new(), name).await),
            "hop-code" => by_status(&post_hop(sso, &mut self.hop_code, "token", &hop_redemption(name, &self.code_of_hop)).await),
            "hop-refresh" => {
                let body = json!({"tenantName": name, "grantType": "refresh_token"});
                by_status(&post_hop(sso, &mut self.hop_refresh, "token", &body).await)
            }
            "userinfo" => by_status(&sso.userinfo(&self.access).await),
            "introspect" => {
                let url = format!("{}/oauth2/introspect", sso.url);
                let form = [("token", self.access.as_str())];
                let answer = Browser::new().post_as(&url, &format!("{name}-watch"), Some("s"), &form).await;
                if answer.status == 200 && answer.json()["active"] == json!(true) { "yes" } else { not_ours(&answer) }
            }
            "revoke" => {
                let url = format!("{}/oauth2/revoke", sso.url);
                by_status(&Browser::new().post_as(&url, name, Some("s"), &[("token", "whatever")]).await)
            }
            "scim" => by_status(&self.pushed.look(&sso.url).await),
            other => panic!("no such path: {other}"),
        }
    }
}

/// A sign-in that begins at the provider.
async fn unasked(sso: &Sso, name: &str, connection: &str) -> Answer {
    let us = format!("{}/saml/{name}/{connection}/metadata", sso.url);
    let acs = format!("{}/oauth2/callback", sso.url);
    let mut message = saml_provider().unsolicited(&us, &acs, sso.clock.now());
    message.about(&format!("ada@{name}.example"));
    post(&mut Browser::new(), &acs, None, &encoded(&message.build())).await
}

/// A server error is no refusal.
fn not_ours(answer: &Answer) -> &'static str {
    if answer.status >= 500 { "error" } else { "no" }
}

fn by_status(answer: &Answer) -> &'static str {
    if (200..300).contains(&answer.status) { "yes" } else { not_ours(answer) }
}

fn by_browser(answer: &Answer) -> &'static str {
    match answer.location() {
        _ if answer.query("code").is_some() || answer.status == 200 => "yes",
        Some(location) if location.starts_with("/login/") => "ask",
        _ if answer.status == 401 || answer.body.contains("You are not signed in") => "ask",
        _ => not_ours(answer),
    }
}

fn authorize_url(sso: &Sso, name: &str) -> String {
    sso.authorize_url(name, &[])
}

async fn redeem(sso: &Sso, name: &str, code: &str) -> Answer {
    let redirect = crate::world::redirect_uri(name);
    let form = [("grant_type", "authorization_code"), ("code", code), ("redirect_uri", redirect.as_str())];
    Browser::new().post_as(&format!("{}/oauth2/token", sso.url), name, Some("s"), &form).await
}

/// A browser that began at the control plane's hop, and the code it came back with.
async fn hop(sso: &Sso, name: &str) -> (Browser, String) {
    let mut browser = Browser::new();
    let answer = begin_hop(sso, &mut browser, name).await;
    let url = text(&answer.json(), "authorizationEndpoint").to_owned();
    let code = sso.sso(&mut browser, &url).await.query("code").expect(name);
    (browser, code)
}

async fn begin_hop(sso: &Sso, browser: &mut Browser, name: &str) -> Answer {
    let pairs = [("tenantName", name), ("redirectURL", &crate::world::redirect_uri(name))];
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    browser.get(&format!("{}/api/svc/v1/oauth2/authorize?{query}", sso.url)).await
}

fn hop_redemption(name: &str, code: &str) -> serde_json::Value {
    let redirect = crate::world::redirect_uri(name);
    json!({"tenantName": name, "grantType": "authorization_code", "code": code, "redirectURI": redirect})
}

async fn post_hop(sso: &Sso, browser: &mut Browser, which: &str, body: &serde_json::Value) -> Answer {
    browser.post_json(&format!("{}/api/svc/v1/oauth2/{which}", sso.url), &[], body).await
}

async fn every_state_on_every_path(backend: Backend) {
    let sso = Sso::made(backend, state).await;
    let (paths, rows) = table();
    let (mut found, mut wrong) = (String::new(), Vec::new());
    for (name, expected) in rows {
        let mut row = Row::prepare(&sso, name).await;
        row.make().await;
        write!(found, "\n{name:20}").unwrap();
        for (path, expected) in paths.iter().zip(expected) {
            let outcome = row.attempt(path).await;
            let mark = if outcome == expected { "" } else { "!" };
            write!(found, " {path}={mark}{outcome}").unwrap();
            if outcome != expected {
                wrong.push(format!("{name} × {path}: {outcome}, expected {expected}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}{found}");
}
