//! The paths of people who sign in, and of what they have been given.

use serde_json::json;

use super::scene::{PASSWORD, Row, authorize_url, begin_hop, hop_redemption, post_hop, redeem, saml_provider};
use crate::{
    browser::{Answer, Browser},
    saml::{provider::encoded, sso_saml::post},
};

impl Row<'_> {
    /// What becomes of a path at a node.
    pub async fn attempt(&mut self, node: &str, path: &str) -> &'static str {
        let (sso, name) = (self.sso, self.name);
        // Pages and redirects name the public address, which is the first node's here.
        let at = |url: &str| url.replacen(&sso.url, node, 1);
        match path {
            "authorize" => by_browser(&self.asking.get(&at(&authorize_url(sso, name))).await),
            // An error that goes back to the client: only as long as it may be answered at all.
            "bad-request" => {
                let answer = Browser::new().get(&at(&sso.authorize_url(name, &[("response_type", "token")]))).await;
                if answer.query("error").is_some() { "yes" } else { refused(&answer) }
            }
            "page" => by_browser(&self.away.get(&at(&self.page.url)).await),
            "depart" => {
                let form = [("csrf", &*self.page.csrf()), ("connection", "okta")];
                let answer = self.away.post(&at(&self.page.url), &form).await;
                if answer.query("code_challenge").is_some() { "yes" } else { refused(&answer) }
            }
            "callback" => by_browser(&self.away.get(&at(&self.back)).await),
            "newcomer" => {
                sso.person(&format!("idp|new-{name}"), &format!("new@{name}.example"));
                let answer = self.newcomer.0.get(&at(&self.newcomer.1)).await;
                sso.person(&format!("idp|{name}"), &format!("ada@{name}.example"));
                by_browser(&answer)
            }
            "password" => {
                let (browser, page) = &mut self.typing;
                let email = format!("bob@{name}.example");
                let form = [("csrf", &*page.csrf()), ("email", &email), ("password", PASSWORD)];
                by_browser(&browser.post(&format!("{}/password", at(&page.url)), &form).await)
            }
            "acs" => {
                let mut message = saml_provider().answer(&self.request, sso.clock.now());
                message.about(&format!("ada@{name}.example"));
                let state = self.request.relay_state.as_deref();
                by_browser(&post(&mut self.at_saml, &at(&self.request.acs), state, &encoded(&message.build())).await)
            }
            // A sign-in of ours begins.
            "begun" => {
                let answer = self.unasked(node, "corp").await;
                let to = answer.location().unwrap_or_default();
                if to.starts_with(&saml_provider().sso_url) { "yes" } else { refused(&answer) }
            }
            "unasked" => {
                let answer = self.unasked(node, "silent").await;
                let home = format!("https://{name}.example/home");
                if answer.location() == Some(home.as_str()) { "yes" } else { refused(&answer) }
            }
            "account" => by_browser(&self.account.get(&format!("{node}/account")).await),
            "logout" => {
                let bye = format!("https://{name}.example/bye");
                let pairs = [("id_token_hint", self.hint.as_str()), ("post_logout_redirect_uri", &bye)];
                let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
                let answer = self.leaving.get(&format!("{node}/oauth2/logout?{query}")).await;
                if answer.location() == Some(bye.as_str()) { "yes" } else { refused(&answer) }
            }
            "code" => by_status(&redeem(node, name, &self.code).await),
            "refresh" => {
                let form = [("grant_type", "refresh_token"), ("refresh_token", self.refresh.as_str())];
                by_status(&Browser::new().post_as(&format!("{node}/oauth2/token"), name, Some("s"), &form).await)
            }
            "hop-begin" => by_status(&begin_hop(node, &mut Browser::new(), name).await),
            "hop-code" => by_status(&post_hop(node, &mut self.hop_code, &hop_redemption(name, &self.code_of_hop)).await),
            "hop-refresh" => {
                let body = json!({"tenantName": name, "grantType": "refresh_token"});
                by_status(&post_hop(node, &mut self.hop_refresh, &body).await)
            }
            "userinfo" => {
                let bearer = format!("Bearer {}", self.access);
                by_status(&Browser::new().get_with(&format!("{node}/oauth2/userinfo"), &[("authorization", &bearer)]).await)
            }
            "introspect" => {
                let form = [("token", self.access.as_str())];
                let url = format!("{node}/oauth2/introspect");
                let answer = Browser::new().post_as(&url, &format!("{name}-watch"), Some("s"), &form).await;
                if answer.status == 200 && answer.json()["active"] == json!(true) { "yes" } else { refused(&answer) }
            }
            "revoke" => {
                let url = format!("{node}/oauth2/revoke");
                by_status(&Browser::new().post_as(&url, name, Some("s"), &[("token", "whatever")]).await)
            }
            "scim" => by_status(&self.pushed.look(node).await),
            other => panic!("no such path: {other}"),
        }
    }

    /// A sign-in that begins at the provider.
    async fn unasked(&self, node: &str, connection: &str) -> Answer {
        let us = format!("{}/saml/{}/{connection}/metadata", self.sso.url, self.name);
        let acs = format!("{}/oauth2/callback", self.sso.url);
        let mut message = saml_provider().unsolicited(&us, &acs, self.sso.clock.now());
        message.about(&format!("ada@{}.example", self.name));
        post(&mut Browser::new(), &acs.replacen(&self.sso.url, node, 1), None, &encoded(&message.build())).await
    }
}

/// Neither a server error nor a limit is a refusal; that too many passwords were tried is.
fn refused(answer: &Answer) -> &'static str {
    match answer.status {
        429 if !answer.body.contains("attempts") => "slow",
        // What the settings say of where to land counts no more.
        502 if answer.body.contains("nobody has said where to go next") => "no",
        500.. => "error",
        _ => "no",
    }
}

fn by_status(answer: &Answer) -> &'static str {
    if (200..300).contains(&answer.status) { "yes" } else { refused(answer) }
}

fn by_browser(answer: &Answer) -> &'static str {
    match answer.location() {
        _ if answer.query("code").is_some() || answer.status == 200 => "yes",
        Some(location) if location.starts_with("/login/") => "ask",
        _ if answer.status == 401 || answer.body.contains("You are not signed in") => "ask",
        _ => refused(answer),
    }
}
