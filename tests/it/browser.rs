//! A browser without a screen: a cookie jar, no redirects of its own, forms sent as pages send them. Secure cookies
//! travel to localhost as they do in real browsers.

use std::collections::BTreeMap;

use reqwest::{Client, Method, redirect};
use serde_json::Value;
use url::Url;

#[derive(Clone, Debug, Default)]
pub struct Browser {
    /// Host → name → value.
    pub cookies: BTreeMap<String, BTreeMap<String, String>>,
}

#[derive(Clone, Debug)]
pub struct Answer {
    pub url: String,
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e} in {}", self.body))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|v| v.to_str().ok())
    }

    pub fn location(&self) -> Option<&str> {
        self.header("location")
    }

    /// A parameter of the address that this answer redirects to.
    pub fn query(&self, name: &str) -> Option<String> {
        let url = Url::parse(&self.url).ok()?.join(self.location()?).ok()?;
        url.query_pairs().find(|(n, _)| n == name).map(|(_, v)| v.into_owned())
    }

    /// The value of the page's form token.
    pub fn csrf(&self) -> String {
        self.field("csrf").unwrap_or_else(|| panic!("no form token in {} {}", self.status, self.body))
    }

    /// The value of a hidden field.
    pub fn field(&self, name: &str) -> Option<String> {
        let (_, rest) = self.body.split_once(&format!("name=\"{name}\" value=\""))?;
        rest.split_once('"').map(|(value, _)| value.to_owned())
    }

    /// What a browser would send of the form that goes to this address: each field with what stands in it.
    pub fn form(&self, action: &str) -> Vec<(String, String)> {
        let opening = format!("action=\"{action}\"");
        let (_, rest) = self.body.split_once(&opening).unwrap_or_else(|| panic!("no form to {action} in {}", self.body));
        let mut rest = rest.split_once("</form>").expect("a form ends").0;
        let plain = |text: &str| {
            let named = [("&#34;", "\""), ("&#39;", "'"), ("&#60;", "<"), ("&#62;", ">"), ("&#38;", "&")];
            named.into_iter().fold(text.to_owned(), |text, (entity, sign)| text.replace(entity, sign))
        };
        let attribute = |tag: &str, name: &str| {
            let (_, value) = tag.split_once(&format!(" {name}=\""))?;
            value.split_once('"').map(|(value, _)| plain(value))
        };
        let mut fields = Vec::new();
        // Within a list of choices: whether one stands in it already.
        let mut chosen: Option<bool> = None;
        while let Some((_, from)) = rest.split_once('<') {
            let (tag, after) = from.split_once('>').expect("a tag ends");
            rest = after;
            let name = attribute(tag, "name");
            match (tag.split([' ', '\n']).next().unwrap_or_default(), name) {
                ("input", Some(name)) if tag.contains("type=\"checkbox\"") => {
                    let value = attribute(tag, "value").unwrap_or_else(|| "on".to_owned());
                    fields.extend(tag.contains(" checked").then_some((name, value)));
                }
                ("input", Some(name)) => fields.push((name, attribute(tag, "value").unwrap_or_default())),
                ("textarea", Some(name)) => {
                    let (text, after) = rest.split_once("</textarea>").expect("a text ends");
                    // The first line break is no part of it.
                    fields.push((name, plain(text.strip_prefix('\n').unwrap_or(text))));
                    rest = after;
                }
                ("select", Some(name)) => {
                    fields.push((name, String::new()));
                    chosen = Some(false);
                }
                ("option", _) => {
                    let is_first = chosen == Some(false);
                    if let Some((_, into)) = fields.last_mut().filter(|_| is_first || tag.contains(" selected")) {
                        *into = attribute(tag, "value").unwrap_or_default();
                    }
                    chosen = chosen.map(|_| true);
                }
                ("/select", _) => chosen = None,
                _ => {}
            }
        }
        fields
    }

    pub fn cookie_lines(&self) -> Vec<String> {
        self.headers.get_all("set-cookie").iter().map(|v| v.to_str().unwrap().to_owned()).collect()
    }
}

impl Browser {
    pub fn new() -> Self {
        Self::default()
    }

    #[expect(clippy::disallowed_methods, reason = "a browser is not one of our outbound calls")]
    fn client() -> Client {
        thread_local! {
            static CLIENT: Client = Client::builder().redirect(redirect::Policy::none()).no_proxy().pool_max_idle_per_host(0).build().unwrap();
        }
        CLIENT.with(Clone::clone)
    }

    pub async fn send(&mut self, method: Method, url: &str, headers: &[(&str, &str)], body: Option<String>) -> Answer {
        let host = Url::parse(url).unwrap().host_str().unwrap().to_owned();
        let mut request = Self::client().request(method, url);
        let cookies = self.cookies.entry(host.clone()).or_default();
        if !cookies.is_empty() {
            let line = cookies.iter().map(|(n, v)| format!("{n}={v}")).collect::<Vec<_>>().join("; ");
            request = request.header("cookie", line);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.body(body);
        }
        let response = request.send().await.expect("an answer");
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        for line in headers.get_all("set-cookie") {
            let line = line.to_str().unwrap();
            let (pair, attributes) = line.split_once(';').unwrap_or((line, ""));
            let (name, value) = pair.split_once('=').unwrap();
            let gone = attributes.to_ascii_lowercase().contains("max-age=0");
            if gone {
                cookies.remove(name);
            } else {
                cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        Answer { url: url.to_owned(), status, headers, body: response.text().await.unwrap() }
    }

    pub async fn get(&mut self, url: &str) -> Answer {
        self.send(Method::GET, url, &[], None).await
    }

    pub async fn get_with(&mut self, url: &str, headers: &[(&str, &str)]) -> Answer {
        self.send(Method::GET, url, headers, None).await
    }

    pub async fn post(&mut self, url: &str, form: &[(&str, &str)]) -> Answer {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        self.send(Method::POST, url, &[("content-type", "application/x-www-form-urlencoded")], Some(body)).await
    }

    pub async fn post_json(&mut self, url: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
        let mut all = vec![("content-type", "application/json")];
        all.extend_from_slice(headers);
        self.send(Method::POST, url, &all, Some(body.to_string())).await
    }

    /// Posts a form as a client: secret in the header, or a bare `client_id`.
    pub async fn post_as(&mut self, url: &str, client: &str, secret: Option<&str>, form: &[(&str, &str)]) -> Answer {
        use base64::{Engine as _, engine::general_purpose::STANDARD};
        let mut form = form.to_vec();
        let basic = secret.map(|secret| format!("Basic {}", STANDARD.encode(format!("{client}:{secret}"))));
        if basic.is_none() {
            form.push(("client_id", client));
        }
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let mut headers = vec![("content-type", "application/x-www-form-urlencoded")];
        if let Some(basic) = &basic {
            headers.push(("authorization", basic));
        }
        self.send(Method::POST, url, &headers, Some(body)).await
    }

    /// Follows redirects while they stay on the same origin.
    pub async fn follow(&mut self, mut answer: Answer) -> Answer {
        for _ in 0..10 {
            let here = Url::parse(&answer.url).unwrap();
            let Some(next) = answer.location().map(|l| here.join(l).unwrap()) else { return answer };
            if next.origin() != here.origin() {
                return answer;
            }
            answer = self.get(next.as_str()).await;
        }
        panic!("redirects without end at {}", answer.url)
    }
}
