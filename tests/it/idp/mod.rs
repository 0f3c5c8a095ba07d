//! An OpenID provider that does as it is told: honest by default, and with knobs for every fault that a hostile or a
//! broken one can have. It keeps keys of its own and signs with aws-lc directly, so that nothing it says is true only
//! because gatehouse believes the same.

pub mod keys;
mod knobs;

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex},
};

use aws_lc_rs::{digest, hmac, rand, signature};
use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD as B64},
};
use gatehouse::clock::Clock;
use serde_json::{Map, Value, json};
use url::{Url, form_urlencoded};

pub use self::knobs::{Broken, Knobs, Signing, change};
use self::{
    keys::{Key, key},
    knobs::alter,
};

pub const CLIENT_ID: &str = "gatehouse at idp";
pub const CLIENT_SECRET: &str = "s3cret:/+ with % and space";

/// A request that arrived.
#[derive(Clone, Debug)]
pub struct Seen {
    pub path: String,
    pub query: BTreeMap<String, String>,
    pub form: BTreeMap<String, String>,
    pub headers: HeaderMap,
}

struct Code {
    challenge: String,
    redirect_uri: String,
    nonce: Option<String>,
    auth_time: i64,
}

struct Inner {
    issuer: String,
    clock: Clock,
    knobs: Mutex<Knobs>,
    person: Mutex<Value>,
    keys: Mutex<Vec<Arc<Key>>>,
    codes: Mutex<HashMap<String, Code>>,
    access_tokens: Mutex<HashMap<String, ()>>,
    seen: Mutex<Vec<Seen>>,
    browser: reqwest::Client,
}

/// The provider. Clones are the same one.
#[derive(Clone)]
pub struct Idp(Arc<Inner>);

impl Idp {
    /// Starts one on a free port of 127.0.0.1 that tells the time by `clock`.
    pub async fn start(clock: Clock) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        #[expect(clippy::disallowed_methods, reason = "a browser is no outbound call of ours")]
        let browser = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let idp = Self(Arc::new(Inner {
            browser,
            issuer,
            clock,
            knobs: Mutex::default(),
            person: Mutex::new(json!({
                "sub": "idp|ada", "email": "ada@acme.example", "email_verified": true, "name": "Ada Lovelace", "groups": ["sre"],
                "picture": "http://169.254.169.254/latest/meta-data",
            })),
            keys: Mutex::new(vec![key(0)]),
            codes: Mutex::default(),
            access_tokens: Mutex::default(),
            seen: Mutex::default(),
        }));
        let router = Router::new().fallback(serve).with_state(idp.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        idp
    }

    pub fn issuer(&self) -> &str {
        &self.0.issuer
    }

    /// Turns knobs.
    pub fn turn(&self, turn: impl FnOnce(&mut Knobs)) {
        turn(&mut self.0.knobs.lock().unwrap());
    }

    /// Changes who signs in.
    pub fn person(&self, change: impl FnOnce(&mut Value)) {
        change(&mut self.0.person.lock().unwrap());
    }

    /// Signs with the next key and publishes it with the old one, or alone.
    pub fn rotate(&self, keep_old: bool) {
        let mut keys = self.0.keys.lock().unwrap();
        let next = key(keys.len());
        if !keep_old {
            keys.clear();
        }
        keys.insert(0, next);
    }

    /// Requests to `path` so far.
    pub fn seen(&self, path: &str) -> Vec<Seen> {
        self.0.seen.lock().unwrap().iter().filter(|seen| seen.path == path).cloned().collect()
    }

    /// Does as a browser that follows `url` to the authorization endpoint, where the person signs in at once: gives the
    /// address that it is sent back to, and what it brings there.
    pub async fn visit(&self, url: &Url) -> (Url, BTreeMap<String, String>) {
        let answer = self.0.browser.get(url.clone()).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 302, "{}", answer.text().await.unwrap());
        let back = Url::parse(answer.headers()["location"].to_str().unwrap()).unwrap();
        let pairs = back.query_pairs().into_owned().collect();
        (back, pairs)
    }

    fn knobs(&self) -> Knobs {
        self.0.knobs.lock().unwrap().clone()
    }

    fn now(&self) -> i64 {
        self.0.clock.now()
    }

    fn metadata(&self) -> Value {
        let at = |path: &str| format!("{}{path}", self.0.issuer);
        let mut document = json!({
            "issuer": self.0.issuer,
            "authorization_endpoint": at("/authorize"),
            "token_endpoint": at("/token"),
            "userinfo_endpoint": at("/userinfo"),
            "jwks_uri": at("/jwks"),
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256", "ES256"],
            "authorization_response_iss_parameter_supported": true,
            "request_parameter_supported": true,
        });
        alter(&self.knobs().discovery, &mut document);
        document
    }

    fn jwks(&self) -> Value {
        let keys: Vec<Value> = self.0.keys.lock().unwrap().iter().flat_map(|key| key.public()).collect();
        let mut document = json!({ "keys": keys });
        alter(&self.knobs().jwks, &mut document);
        document
    }

    fn authorize(&self, query: &BTreeMap<String, String>) -> Response {
        let text = |name: &str| query.get(name).cloned().unwrap_or_default();
        if text("client_id") != CLIENT_ID || text("response_type") != "code" || text("code_challenge_method") != "S256" {
            return (StatusCode::BAD_REQUEST, format!("not a request for this provider: {query:?}")).into_response();
        }
        if let Some(object) = query.get("request")
            && let Err(cause) = self.judge_object(object, query)
        {
            return (StatusCode::BAD_REQUEST, cause).into_response();
        }
        let code = random();
        let fresh = query.get("prompt").is_some_and(|p| p == "login") || query.contains_key("max_age");
        let auth_time = if fresh { self.now() } else { self.now() - 1000 };
        let nonce = query.get("nonce").cloned();
        let kept = Code { challenge: text("code_challenge"), redirect_uri: text("redirect_uri"), nonce, auth_time };
        self.0.codes.lock().unwrap().insert(code.clone(), kept);
        let mut answer: BTreeMap<String, String> =
            [("code", code), ("state", text("state")), ("iss", self.0.issuer.clone())].map(|(n, v)| (n.to_owned(), v)).into();
        alter(&self.knobs().redirect, &mut answer);
        let mut back = Url::parse(&text("redirect_uri")).unwrap();
        back.query_pairs_mut().extend_pairs(&answer);
        (StatusCode::FOUND, [(header::LOCATION, back.to_string())]).into_response()
    }

    /// A request object must be ours and say what the query says (RFC 9101 §6.2).
    fn judge_object(&self, object: &str, query: &BTreeMap<String, String>) -> Result<(), String> {
        let (header, claims) = self.judge_client_jwt(object)?;
        let as_text = |v: &Value| v.as_str().map_or_else(|| v.to_string(), str::to_owned);
        let differs = query.iter().find(|(n, v)| *n != "request" && claims.get(*n).map(as_text).as_ref() != Some(v));
        match differs {
            Some((name, _)) => Err(format!("the request object says something else about {name}")),
            None if header["typ"] != "oauth-authz-req+jwt" || claims["iss"] != CLIENT_ID => Err("wrong typ or iss".to_owned()),
            None if claims["aud"] != self.0.issuer => Err("the request object is for another provider".to_owned()),
            None => Ok(()),
        }
    }

    /// Verifies an RS256 JWT with the client's published keys.
    fn judge_client_jwt(&self, jwt: &str) -> Result<(Value, Value), String> {
        let parts: Vec<&str> = jwt.split('.').collect();
        let [header, claims, signature] = parts[..] else { return Err("no JWT".to_owned()) };
        let read = |part: &str| serde_json::from_slice::<Value>(&B64.decode(part).unwrap()).unwrap();
        let (head, body) = (read(header), read(claims));
        let jwks = self.knobs().client_jwks;
        let jwk = jwks["keys"].as_array().and_then(|keys| keys.iter().find(|k| k["kid"] == head["kid"])).ok_or("no such key")?;
        let part = |name: &str| B64.decode(jwk[name].as_str().unwrap()).unwrap();
        let public = signature::RsaPublicKeyComponents { n: part("n"), e: part("e") };
        let signed = format!("{header}.{claims}");
        let good = public.verify(&signature::RSA_PKCS1_2048_8192_SHA256, signed.as_bytes(), &B64.decode(signature).unwrap());
        if head["alg"] != "RS256" || good.is_err() {
            return Err("bad signature".to_owned());
        }
        let exp = body["exp"].as_i64().unwrap_or(0);
        if exp <= self.now() || exp > self.now() + 600 {
            Err("expired, or valid for too long".to_owned())
        } else {
            Ok((head, body))
        }
    }

    fn authenticated(&self, headers: &HeaderMap, form: &BTreeMap<String, String>) -> Result<&'static str, String> {
        let basic = headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok()).and_then(|v| v.strip_prefix("Basic "));
        let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        if let Some(basic) = basic {
            let expected = STANDARD.encode(format!("{}:{}", encode(CLIENT_ID), encode(CLIENT_SECRET)));
            return if basic == expected { Ok("client_secret_basic") } else { Err("wrong basic".to_owned()) };
        }
        if form.get("client_id").map(String::as_str) != Some(CLIENT_ID) {
            return Err("no client_id".to_owned());
        }
        if let Some(assertion) = form.get("client_assertion") {
            let (_, claims) = self.judge_client_jwt(assertion)?;
            let right = claims["iss"] == CLIENT_ID
                && claims["sub"] == CLIENT_ID
                && claims["aud"] == format!("{}/token", self.0.issuer)
                && claims["jti"].as_str().is_some_and(|j| j.len() >= 16)
                && form["client_assertion_type"] == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
            return if right { Ok("private_key_jwt") } else { Err("wrong assertion".to_owned()) };
        }
        match form.get("client_secret") {
            Some(secret) if secret == CLIENT_SECRET => Ok("client_secret_post"),
            Some(_) => Err("wrong secret".to_owned()),
            None => Ok("none"),
        }
    }

    fn token(&self, headers: &HeaderMap, form: &BTreeMap<String, String>) -> Response {
        let knobs = self.knobs();
        let text = |name: &str| form.get(name).cloned().unwrap_or_default();
        let method = self.authenticated(headers, form);
        let accepted = method.as_ref().is_ok_and(|m| knobs.accepts.is_empty() && *m != "none" || knobs.accepts.contains(m));
        if !accepted {
            if knobs.burns_codes {
                self.0.codes.lock().unwrap().remove(&text("code"));
            }
            return refuse(401, "invalid_client", "client authentication failed");
        }
        let Some(code) = self.0.codes.lock().unwrap().remove(&text("code")) else {
            return refuse(400, "invalid_grant", "the code is unknown");
        };
        let challenge = B64.encode(digest::digest(&digest::SHA256, text("code_verifier").as_bytes()));
        if challenge != code.challenge || text("redirect_uri") != code.redirect_uri || text("grant_type") != "authorization_code"
        {
            return refuse(400, "invalid_grant", "PKCE, redirect URI or grant type");
        }
        let access_token = random();
        self.0.access_tokens.lock().unwrap().insert(access_token.clone(), ());
        let mut claims = self.0.person.lock().unwrap().clone();
        for name in &knobs.only_userinfo {
            claims.as_object_mut().unwrap().remove(*name);
        }
        let half = &digest::digest(&digest::SHA256, access_token.as_bytes()).as_ref()[..16].to_vec();
        let about = json!({
            "iss": self.0.issuer, "aud": CLIENT_ID, "iat": self.now(), "exp": self.now() + 300, "nonce": code.nonce,
            "auth_time": code.auth_time, "at_hash": B64.encode(half),
        });
        merge(&mut claims, &about);
        alter(&knobs.claims, &mut claims);
        let mut answer = json!({
            "access_token": access_token, "token_type": "Bearer", "expires_in": 3600, "id_token": self.sign(&claims, "JWT"),
        });
        alter(&knobs.token_response, &mut answer);
        axum::Json(answer).into_response()
    }

    fn userinfo(&self, headers: &HeaderMap) -> Response {
        let bearer = headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok()).and_then(|v| v.strip_prefix("Bearer "));
        if !bearer.is_some_and(|token| self.0.access_tokens.lock().unwrap().contains_key(token)) {
            return refuse(401, "invalid_token", "");
        }
        let knobs = self.knobs();
        let mut claims = self.0.person.lock().unwrap().clone();
        if knobs.userinfo_jwt {
            merge(&mut claims, &json!({"iss": self.0.issuer, "aud": CLIENT_ID}));
        }
        alter(&knobs.userinfo, &mut claims);
        if knobs.userinfo_jwt {
            return ([(header::CONTENT_TYPE, "application/jwt")], self.sign(&claims, "JWT")).into_response();
        }
        axum::Json(claims).into_response()
    }

    /// Signs as the knobs say.
    pub fn sign(&self, claims: &Value, typ: &str) -> String {
        let knobs = self.knobs();
        let published = self.0.keys.lock().unwrap()[0].clone();
        let (alg, kid) = match knobs.signing {
            Signing::Es256 => ("ES256", format!("{}-ec", published.kid)),
            Signing::None(spelling) => (spelling, published.kid.clone()),
            Signing::HmacOfPublicKey | Signing::HmacOfSecret => ("HS256", published.kid.clone()),
            _ => ("RS256", published.kid.clone()),
        };
        let mut header = json!({"typ": typ, "alg": alg, "kid": kid});
        alter(&knobs.header, &mut header);
        let signed = format!("{}.{}", B64.encode(header.to_string()), B64.encode(claims.to_string()));
        let hmac = |secret: &[u8]| hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), signed.as_bytes()).as_ref().to_vec();
        let signature = match knobs.signing {
            Signing::Rs256 | Signing::Altered => published.rs256(&signed),
            Signing::Es256 => published.es256(&signed),
            Signing::None(_) => Vec::new(),
            Signing::WrongKey => key(7).rs256(&signed),
            Signing::HmacOfPublicKey => hmac(&published.modulus()),
            Signing::HmacOfSecret => hmac(CLIENT_SECRET.as_bytes()),
        };
        if knobs.signing == Signing::Altered {
            let mut claims = claims.clone();
            claims["email"] = json!("root@acme.example");
            return format!("{}.{}.{}", B64.encode(header.to_string()), B64.encode(claims.to_string()), B64.encode(signature));
        }
        format!("{signed}.{}", B64.encode(signature))
    }
}

async fn serve(State(idp): State<Idp>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let path = parts.uri.path().to_owned();
    let seen = Seen { path: path.clone(), query: query(&parts.uri), form: pairs(&body), headers: parts.headers };
    idp.0.seen.lock().unwrap().push(seen.clone());
    match idp.knobs().broken.get(path.as_str()) {
        Some(Broken::Status(code)) => return StatusCode::from_u16(*code).unwrap().into_response(),
        Some(Broken::Html) => return ([(header::CONTENT_TYPE, "text/html")], "<h1>secret-of-the-page</h1>").into_response(),
        Some(Broken::Huge) => return Body::from(vec![b' '; 3 << 20]).into_response(),
        Some(Broken::Hangs) => std::future::pending::<()>().await,
        Some(Broken::RedirectsAway) => return (StatusCode::FOUND, [(header::LOCATION, "http://127.0.0.1:1/")]).into_response(),
        None => {}
    }
    match path.as_str() {
        path if path.ends_with("/.well-known/openid-configuration") => axum::Json(idp.metadata()).into_response(),
        "/jwks" => axum::Json(idp.jwks()).into_response(),
        "/authorize" => idp.authorize(&seen.query),
        "/token" => idp.token(&seen.headers, &seen.form),
        "/userinfo" => idp.userinfo(&seen.headers),
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

fn merge(into: &mut Value, from: &Value) {
    let from: Map<String, Value> = from.as_object().unwrap().clone();
    into.as_object_mut().unwrap().extend(from);
}

fn refuse(status: u16, error: &str, description: &str) -> Response {
    let body = axum::Json(json!({"error": error, "error_description": description}));
    (StatusCode::from_u16(status).unwrap(), body).into_response()
}

fn query(uri: &Uri) -> BTreeMap<String, String> {
    pairs(uri.query().unwrap_or_default().as_bytes())
}

fn pairs(encoded: &[u8]) -> BTreeMap<String, String> {
    form_urlencoded::parse(encoded).into_owned().collect()
}

fn random() -> String {
    let mut bytes = [0; 32];
    rand::fill(&mut bytes).unwrap();
    B64.encode(bytes)
}
