//! The hops of the control plane: what its front end calls on its own host is forwarded to gatehouse.

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, header, request::Parts};
use serde_json::Value;

use crate::outbound::{Allow, Outbound, OutboundError};

/// What a reverse proxy passes on of a request, and of an answer.
const ASKED: [HeaderName; 4] = [header::COOKIE, header::ORIGIN, header::CONTENT_TYPE, header::ACCEPT];
const ANSWERED: [HeaderName; 4] = [header::SET_COOKIE, header::CONTENT_TYPE, header::CACHE_CONTROL, header::PRAGMA];

/// The way from the control plane to gatehouse.
#[derive(Clone, Debug)]
pub struct Hops {
    outbound: Outbound,
    /// Gatehouse, as the control plane reaches it: by its address, since not every system resolves `localhost`.
    upstream: String,
    own_origin: HeaderValue,
}

/// What a hop answered.
#[derive(Debug)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its cookies, to be passed on to the browser.
    pub cookies: HeaderMap,
    /// Its JSON, or null.
    pub json: Value,
}

impl Answer {
    /// What gatehouse says went wrong.
    #[must_use]
    pub fn complaint(&self) -> String {
        let text = |name: &str| self.json.get(name).and_then(Value::as_str);
        match text("error_description").or(text("error")) {
            Some(words) => words.to_owned(),
            None => format!("it answered {}", self.status.as_u16()),
        }
    }
}

/// A port of this machine, as the one exception from the rule that nothing private is called.
#[must_use]
pub fn this_machine(port: u16) -> Allow {
    Allow { hosts: vec![("127.0.0.1".to_owned(), Some(port))], nets: Vec::new() }
}

impl Hops {
    /// The way to the gatehouse on `port`, for a control plane at `own_url`.
    ///
    /// # Errors
    /// When the HTTP client cannot be built.
    pub fn new(port: u16, own_url: &str) -> Result<Self, OutboundError> {
        let own_origin = HeaderValue::from_str(own_url).map_err(|_| OutboundError::Unusable(own_url.to_owned()))?;
        Ok(Self { outbound: Outbound::new(this_machine(port))?, upstream: format!("http://127.0.0.1:{port}"), own_origin })
    }

    /// The client that calls are made with.
    #[must_use]
    pub fn outbound(&self) -> Outbound {
        self.outbound.clone()
    }

    /// Where `path` is at gatehouse.
    #[must_use]
    pub fn address(&self, path: &str) -> String {
        format!("{}{path}", self.upstream)
    }

    /// Passes a request on, and the answer back.
    ///
    /// # Errors
    /// When gatehouse cannot be reached.
    pub async fn forward(&self, parts: &Parts, body: Vec<u8>) -> Result<Response<Vec<u8>>, OutboundError> {
        let path = parts.uri.path_and_query().map_or("/", |p| p.as_str());
        let mut headers = HeaderMap::new();
        copy(&ASKED, &parts.headers, &mut headers);
        let answer = self.send(parts.method.clone(), path, headers, body).await?;
        let mut response = Response::new(Vec::new());
        *response.status_mut() = answer.status();
        copy(&ANSWERED, answer.headers(), response.headers_mut());
        *response.body_mut() = answer.into_body();
        Ok(response)
    }

    /// Calls a hop in place of the front end, which in this demo has no script: with the browser's cookies and the
    /// control plane's own origin.
    ///
    /// # Errors
    /// When gatehouse cannot be reached.
    pub async fn call(&self, browser: &HeaderMap, path: &str, body: Option<&Value>) -> Result<Answer, OutboundError> {
        let mut headers = HeaderMap::new();
        copy(&[header::COOKIE], browser, &mut headers);
        let (method, body) = match body {
            None => (Method::GET, Vec::new()),
            Some(json) => {
                headers.insert(header::ORIGIN, self.own_origin.clone());
                headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
                (Method::POST, json.to_string().into_bytes())
            }
        };
        let answer = self.send(method, path, headers, body).await?;
        let mut cookies = HeaderMap::new();
        copy(&[header::SET_COOKIE], answer.headers(), &mut cookies);
        Ok(Answer { status: answer.status(), cookies, json: serde_json::from_slice(answer.body()).unwrap_or_default() })
    }

    /// Asks gatehouse whom an access token is of.
    ///
    /// # Errors
    /// In words.
    pub async fn userinfo(&self, access_token: &str) -> Result<Value, String> {
        let bearer = HeaderValue::from_str(&format!("Bearer {access_token}")).map_err(|e| e.to_string())?;
        let headers = HeaderMap::from_iter([(header::AUTHORIZATION, bearer)]);
        let answer = self.send(Method::GET, "/oauth2/userinfo", headers, Vec::new()).await.map_err(|e| e.to_string())?;
        let json = serde_json::from_slice(answer.body()).unwrap_or_default();
        let answer = Answer { status: answer.status(), cookies: HeaderMap::new(), json };
        if answer.status.is_success() { Ok(answer.json) } else { Err(answer.complaint()) }
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        headers: HeaderMap,
        body: Vec<u8>,
    ) -> Result<Response<Vec<u8>>, OutboundError> {
        let uri: Uri = self.address(path).parse().map_err(|_| OutboundError::Unusable("the path".to_owned()))?;
        let mut request = Request::new(body);
        (*request.method_mut(), *request.uri_mut(), *request.headers_mut()) = (method, uri, headers);
        self.outbound.send("demo", request).await
    }
}

fn copy(names: &[HeaderName], from: &HeaderMap, to: &mut HeaderMap) {
    for name in names {
        for value in from.get_all(name) {
            to.append(name, value.clone());
        }
    }
}
