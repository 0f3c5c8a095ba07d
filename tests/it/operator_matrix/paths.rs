//! The paths of those who administer.

use gatehouse::secret;
use reqwest::Method;
use serde_json::json;

use super::scene::{PASSWORD, Row, typed};
use crate::browser::{Answer, Browser};

/// Whether a path is gone once it was tried, so that it is tried only after the state was made.
pub fn works_once(path: &str) -> bool {
    ["test-return", "guest-return"].contains(&path)
}

impl Row<'_> {
    /// What becomes of a path at a node.
    pub async fn attempt(&mut self, node: &str, path: &str) -> &'static str {
        let name = self.name;
        let own = format!("/admin/{name}");
        match path {
            "page" => by_page(&self.get(node, &mut self.ada.browser.clone(), &own).await),
            "form" => {
                let team = secret::reference().to_lowercase();
                let form = [("csrf", self.ada.csrf.as_str()), ("name", &team)];
                let answer = self.post(node, &mut self.ada.browser.clone(), &format!("{own}/teams"), &form).await;
                if led_to(&answer, &format!("{own}/teams/")) { "yes" } else { refused(&answer) }
            }
            "platform-page" => by_page(&self.get(node, &mut self.root.browser.clone(), "/admin/_/keys").await),
            "test-return" => {
                let back = self.returns.pop().unwrap();
                let answer = self.get(node, &mut self.ada.browser.clone(), &back).await;
                if led_to(&answer, &format!("{own}/connections/okta/test")) { "yes" } else { refused(&answer) }
            }
            "sign-in" => self.sign_in(node, &mut Browser::new()).await,
            "known-browser" => {
                let mut known = self.known.clone();
                let outcome = self.sign_in(node, &mut known).await;
                self.known = known;
                outcome
            }
            "api" => self.ask(node, &self.ada.api, &format!("tenants/{name}/users")).await,
            "platform-api" => self.ask(node, &self.root.api, "keys").await,
            "explain" => {
                let bearer = format!("Bearer {}", self.ada.api);
                let headers = [("authorization", bearer.as_str()), ("x-forwarded-for", &self.address)];
                let url = format!("{node}/api/v1/access/explain");
                let answer = Browser::new().post_json(&url, &headers, &json!({"token": self.ada.own})).await;
                let said = if answer.status == 200 { answer.json() } else { json!({}) };
                let is_she = said["principal"]["name"] == json!(self.ada.user.email.as_str());
                if said["allowed"] == json!(true) && is_she { "yes" } else { refused(&answer) }
            }
            "personal" => self.ask(node, &self.ada.personal.1, &format!("tenants/{name}/users")).await,
            "platform-personal" => self.ask(node, &self.root.personal.1, "keys").await,
            "service" => self.ask(node, &self.service, &format!("tenants/{name}/users")).await,
            "link" => {
                let answer = self.get(node, &mut Browser::new(), &self.links[0].path).await;
                if led_to(&answer, "/setup") { "yes" } else { refused(&answer) }
            }
            "guest" => by_page(&self.get(node, &mut self.links[0].browser.clone(), "/setup").await),
            "service-guest" => by_page(&self.get(node, &mut self.links[1].browser.clone(), "/setup").await),
            "guest-form" => {
                let mut browser = self.links[0].browser.clone();
                let version = self.get(node, &mut browser, "/setup").await.field("version").unwrap_or_default();
                let own = [("csrf", self.links[0].csrf.as_str()), ("version", version.as_str())];
                let form: Vec<_> = typed(self.idp).into_iter().chain(own).collect();
                let answer = self.post(node, &mut browser, "/setup", &form).await;
                if led_to(&answer, "/setup?done=") { "yes" } else { refused(&answer) }
            }
            "guest-return" => {
                let back = self.links[0].returns.pop().unwrap();
                let answer = self.get(node, &mut self.links[0].browser.clone(), &back).await;
                if led_to(&answer, "/setup/test") { "yes" } else { refused(&answer) }
            }
            "directory" => self.push(node, &self.directory.1).await,
            "guest-directory" => self.push(node, &self.links[0].directory).await,
            "service-directory" => self.push(node, &self.links[1].directory).await,
            "invite" => by_page(&self.get(node, &mut Browser::new(), &self.invite.1).await),
            "break-glass" => by_page(&self.get(node, &mut Browser::new(), &self.break_glass).await),
            "by-link" => by_page(&self.get(node, &mut self.by_link.clone(), &own).await),
            other => panic!("no such path: {other}"),
        }
    }

    async fn get(&self, node: &str, browser: &mut Browser, path: &str) -> Answer {
        browser.get_with(&format!("{node}{path}"), &[("x-forwarded-for", &self.address)]).await
    }

    async fn post(&self, node: &str, browser: &mut Browser, path: &str, form: &[(&str, &str)]) -> Answer {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let headers = [("content-type", "application/x-www-form-urlencoded"), ("x-forwarded-for", &self.address)];
        browser.send(Method::POST, &format!("{node}{path}"), &headers, Some(body)).await
    }

    /// Asks the admin API.
    async fn ask(&self, node: &str, token: &str, path: &str) -> &'static str {
        by_status(&self.bearer(&format!("{node}/api/v1/{path}"), token).await)
    }

    /// Looks for somebody, as directories do.
    async fn push(&self, node: &str, token: &str) -> &'static str {
        by_status(&self.bearer(&format!("{node}/scim/v2/Users?count=1"), token).await)
    }

    async fn bearer(&self, url: &str, token: &str) -> Answer {
        let bearer = format!("Bearer {token}");
        Browser::new().get_with(url, &[("authorization", &bearer), ("x-forwarded-for", &self.address)]).await
    }

    /// Ada signs in with her password, to her tenant's page.
    async fn sign_in(&self, node: &str, browser: &mut Browser) -> &'static str {
        let own = format!("/admin/{}", self.name);
        let mut answer = self.get(node, browser, &format!("/login?tenant={}&to={own}&again=1", self.name)).await;
        while let Some(to) = answer.location().filter(|to| to.starts_with("/login/")).map(str::to_owned) {
            answer = self.get(node, browser, &to).await;
        }
        let email = self.ada.user.email.as_str().to_owned();
        let path = url::Url::parse(&answer.url).unwrap().path().to_owned();
        for (path, field) in [(path.clone(), ("with", "password")), (format!("{path}/password"), ("password", PASSWORD))] {
            if answer.status != 200 {
                return refused(&answer);
            }
            answer = self.post(node, browser, &path, &[("csrf", &answer.csrf()), ("email", &email), field]).await;
        }
        match answer.status {
            303 => by_page(&self.get(node, browser, &own).await),
            _ => refused(&answer),
        }
    }
}

fn led_to(answer: &Answer, path: &str) -> bool {
    matches!(answer.status, 302 | 303) && answer.location().is_some_and(|to| to.starts_with(path))
}

fn by_page(answer: &Answer) -> &'static str {
    if answer.status == 200 { "yes" } else { refused(answer) }
}

fn by_status(answer: &Answer) -> &'static str {
    if (200..300).contains(&answer.status) { "yes" } else { refused(answer) }
}

/// Neither a server error nor a limit is a refusal, and none leads on.
fn refused(answer: &Answer) -> &'static str {
    match answer.status {
        429 if !answer.body.contains("attempts") => "slow",
        500.. => "error",
        _ if led_to(answer, "/login?") || answer.body.contains("Your session has ended") => "ask",
        300..400 => "led on",
        _ => "no",
    }
}
