//! Somebody who does not know a password, and tries.

use reqwest::Method;
use url::{Url, form_urlencoded};

use crate::{browser::Browser, world::World};

/// Guesses the password of somebody of the tenant so many times at the first node, from an address.
pub async fn guess(world: &World, tenant: &str, email: &str, address: &str, times: usize) {
    let mut browser = Browser::new();
    let from = ("x-forwarded-for", address);
    let mut answer = browser.get_with(&format!("{}/login?tenant={tenant}&to=/account", world.url), &[from]).await;
    while let Some(to) = answer.location().map(str::to_owned) {
        answer = browser.get_with(&format!("{}{to}", world.url), &[from]).await;
    }
    let path = format!("{}/password", Url::parse(&answer.url).unwrap().path());
    let fields = [("csrf", answer.csrf().as_str()), ("email", email), ("password", "a guess")].map(|(k, v)| (k, v.to_owned()));
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    for _ in 0..times {
        let headers = [("content-type", "application/x-www-form-urlencoded"), from];
        let answer = browser.send(Method::POST, &format!("{}{path}", world.url), &headers, Some(body.clone())).await;
        assert_eq!(answer.status, 422, "{}", answer.body);
    }
}
