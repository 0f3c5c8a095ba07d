//! The paths that a token or a cookie takes.

use serde_json::{Value, json};

use super::scene::{HEADER_KEY, Row};
use crate::{
    browser::{Answer, Browser},
    trusted::foreign_token,
};

const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";

impl Row<'_> {
    /// What becomes of a path at a node.
    pub async fn attempt(&self, node: &str, path: &str) -> &'static str {
        match path {
            "own" => by_status(&whoami(node, &bearer(&self.own)).await),
            "access-cookie" => by_status(&whoami(node, &self.access_cookie()).await),
            "foreign" => by_status(&whoami(node, &bearer(&self.foreign)).await),
            "team-token" => by_status(&whoami(node, &bearer(&self.token("idp", json!({"group": "ops"})))).await),
            "account-token" => by_status(&whoami(node, &bearer(&self.token("idp", json!({"azp": "batch-job"})))).await),
            "opaque" => {
                let url = format!("{node}/api/v1/whoami?tenant={}", self.name);
                let (header, value) = bearer(&format!("opaque-{}", self.name));
                by_status(&Browser::new().get_with(&url, &[(header, &value)]).await)
            }
            "connection" => {
                by_status(&whoami(node, &bearer(&self.token("sso", json!({"aud": "legacy", "azp": "partner"})))).await)
            }
            "check" => check(node, &self.foreign).await,
            "own-check" => check(node, &self.own).await,
            "explain" => {
                let url = format!("{node}/api/v1/access/explain");
                let (header, value) = bearer(&self.whole);
                let answer = Browser::new().post_json(&url, &[(header, &value)], &json!({"token": self.foreign})).await;
                if answer.status == 200 && answer.json()["allowed"] == json!(true) { "yes" } else { refused(&answer) }
            }
            "explain-site" => {
                let url = format!("{node}/api/v1/access/explain");
                let (header, value) = bearer(&self.whole);
                let asked = json!({"token": self.own, "site": format!("{}.site.example", self.name)});
                let answer = Browser::new().post_json(&url, &[(header, &value)], &asked).await;
                let allowed = answer.status == 200 && answer.json()["site"]["outcome"] == json!("allow");
                if allowed { "yes" } else { refused(&answer) }
            }
            "admin-api" => {
                let url = format!("{node}/api/v1/tenants/{}/users", self.name);
                let (header, value) = bearer(&self.whole);
                by_status(&Browser::new().get_with(&url, &[(header, &value)]).await)
            }
            "admin-page" => by_status(&self.browser.clone().get(&format!("{node}/admin/{}", self.name)).await),
            "exchange" => by_status(&self.exchange(node).await),
            "jwt-bearer" => {
                let for_us = self.token("idp", json!({"aud": self.world.url, "repository": "acme/api"}));
                let form = [("grant_type", JWT_BEARER), ("assertion", &for_us)];
                by_status(&self.ask(node, "ci", &form).await)
            }
            "credentials" => by_status(&self.credentials(node).await),
            "exchanged" => by_status(&whoami(node, &bearer(&self.exchanged)).await),
            "cc-token" => by_status(&whoami(node, &bearer(&self.cc)).await),
            "introspect" => {
                let url = format!("{node}/oauth2/introspect");
                let client = format!("{}-ci", self.name);
                let answer = Browser::new().post_as(&url, &client, Some("s"), &[("token", &self.exchanged)]).await;
                if answer.status == 200 && answer.json()["active"] == json!(true) { "yes" } else { refused(&answer) }
            }
            "forward-own" => self.forward(node, "site", &bearer(&self.own)).await,
            "forward-access-cookie" => self.forward(node, "site", &self.access_cookie()).await,
            "forward-foreign" => self.forward(node, "site", &bearer(&self.foreign)).await,
            "forward-exchanged" => self.forward(node, "site", &bearer(&self.exchanged)).await,
            "forward-cc" => self.forward(node, "site", &bearer(&self.cc)).await,
            "forward-address" => self.forward(node, "mail", &bearer(&self.own)).await,
            "forward-header" => self.forward(node, "keyed", &(HEADER_KEY, self.token("keyed", json!({})))).await,
            "forward-cookie" => self.forward(node, "site", &("cookie", self.cookies[0].clone())).await,
            "forward-issuer-cookie" => self.forward(node, "abroad", &("cookie", self.cookies[1].clone())).await,
            other => panic!("no such path: {other}"),
        }
    }

    /// A token of the row's issuer at `https://{at}.{row}.example`.
    fn token(&self, at: &str, claims: Value) -> String {
        let mut all = json!({"iss": format!("https://{at}.{}.example", self.name)});
        all.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
        foreign_token(self.idp, self.world.clock.now(), all)
    }

    fn access_cookie(&self) -> (&'static str, String) {
        ("cookie", format!("accessToken={}", self.own))
    }

    async fn ask(&self, node: &str, client: &str, form: &[(&str, &str)]) -> Answer {
        Browser::new().post_as(&format!("{node}/oauth2/token"), &format!("{}-{client}", self.name), Some("s"), form).await
    }

    pub async fn exchange(&self, node: &str) -> Answer {
        let form = [("grant_type", EXCHANGE), ("subject_token", self.foreign.as_str()), ("subject_token_type", ACCESS_TOKEN)];
        self.ask(node, "ci", &form).await
    }

    pub async fn credentials(&self, node: &str) -> Answer {
        self.ask(node, "batch", &[("grant_type", "client_credentials")]).await
    }

    async fn forward(&self, node: &str, host: &str, (header, value): &(&str, String)) -> &'static str {
        let host = format!("{}.{host}.example", self.name);
        let headers = [
            ("x-forwarded-method", "GET"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", host.as_str()),
            ("x-forwarded-uri", "/"),
            (header, value.as_str()),
        ];
        by_status(&Browser::new().get_with(&format!("{node}/auth/forward"), &headers).await)
    }
}

fn bearer(token: &str) -> (&'static str, String) {
    ("authorization", format!("Bearer {token}"))
}

async fn whoami(node: &str, (header, value): &(&str, String)) -> Answer {
    Browser::new().get_with(&format!("{node}/api/v1/whoami"), &[(header, value)]).await
}

async fn check(node: &str, token: &str) -> &'static str {
    let body: Value = json!({"resource": {"type": "model", "name": "gpt"}, "role": "viewer"});
    let (header, value) = bearer(token);
    let url = format!("{node}/api/v1/access/check");
    let answer = Browser::new().post_json(&url, &[(header, &value)], &body).await;
    if answer.status == 200 && answer.json()["allowed"] == json!(true) { "yes" } else { refused(&answer) }
}

/// A server error is no refusal.
fn refused(answer: &Answer) -> &'static str {
    if answer.status >= 500 { "error" } else { "no" }
}

fn by_status(answer: &Answer) -> &'static str {
    if (200..300).contains(&answer.status) { "yes" } else { refused(answer) }
}
