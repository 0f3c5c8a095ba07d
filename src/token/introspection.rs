//! Tokens whose issuer is asked (RFC 7662): opaque ones, and those that an issuer may revoke at any time. What it answers
//! is judged by the same rules as the claims of a signed token.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use aws_lc_rs::digest::{self, digest};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderValue, Request, Response, header};
use moka::future::Cache;
use serde_json::{Map, Value, json};
use tokio::{sync::Semaphore, time::Instant};
use url::{Url, form_urlencoded};

use self::rest::Rest;
use super::{
    invalid::Invalid,
    json,
    rules::Issuer,
    steps::Trail,
    verify::{Demand, judge_claims, judge_values},
};
use crate::{
    outbound::Outbound,
    policy::trusted_issuer::{Introspection, IntrospectionAuth, IntrospectionContent},
};

/// Answers that are kept for one issuer.
const KEPT: u64 = 10_000;
/// Longest time that a "no" is kept, in seconds: a token may become good.
const NO_FOR: i64 = 10;
/// Shortest time that a "no" is kept, in seconds, whatever the settings say: the same made-up token over and over must not
/// become as many questions.
const NO_AT_LEAST: i64 = 5;
/// Questions to one issuer under way at a time: a flood of made-up tokens waits here, not at the issuer.
const AT_ONCE: usize = 64;
/// How many more may wait. The rest is told so at once, and holds nothing.
const WAITING: usize = 256;
/// Places that are left for tokens that were good lately: strangers who flood an issuer turn away strangers alone.
const FOR_KNOWN: usize = 16;
/// Tokens that are remembered to have been good; only that they were, and nothing is let in by it.
const REMEMBERED: u64 = 10_000;
/// What kinds of token an answer may say it is about that are never bearer tokens.
const OTHER_KINDS: [&str; 3] = ["refresh", "refresh_token", "refresh+jwt"];

/// How an issuer is asked. The only reason for a trait: tests count and script the answers.
#[async_trait]
pub(super) trait Ask: Send + Sync {
    async fn ask(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, String>;
}

#[async_trait]
impl Ask for Outbound {
    async fn ask(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, String> {
        self.send("introspection", request).await.map_err(|e| e.to_string())
    }
}

/// What an issuer told of a token that holds.
#[derive(Clone, Debug)]
pub(super) struct Told {
    pub(super) claims: Map<String, Value>,
    /// Until when that may be kept (unix seconds).
    pub(super) keep_until: i64,
}

impl Told {
    /// The same for a token that is a JWT with these claims of its own: of both ends, and both beginnings, the earlier.
    pub(super) fn within(mut self, jwt: &Map<String, Value>) -> Self {
        for name in ["exp", "iat"] {
            let ends = [jwt.get(name), self.claims.get(name)];
            if let Some(earlier) = ends.into_iter().flatten().filter_map(Value::as_i64).min() {
                self.claims.insert(name.to_owned(), json!(earlier));
            }
        }
        let exp = self.claims.get("exp").and_then(Value::as_i64);
        Self { keep_until: self.keep_until.min(exp.unwrap_or(i64::MAX)), ..self }
    }
}

/// What an issuer said of a token, and until when that may be repeated.
#[derive(Clone)]
struct Answer {
    said: Result<Arc<Map<String, Value>>, Invalid>,
    until: i64,
}

/// A "yes" that our rules refuse, and until when that is repeated. A yes itself is never kept by it.
#[derive(Clone)]
struct Refusal {
    invalid: Invalid,
    until: i64,
}

/// Room for questions that are under way.
pub(super) struct Places {
    /// For all who ask or wait.
    admitted: Semaphore,
    at_once: Semaphore,
}

impl Places {
    fn new(at_once: usize) -> Self {
        Self { admitted: Semaphore::new(at_once + WAITING), at_once: Semaphore::new(at_once) }
    }
}

/// Asks one introspection endpoint.
pub(super) struct Introspector {
    id: String,
    endpoint: Url,
    authorization: Option<HeaderValue>,
    /// What goes into the body beside the token.
    credentials: Vec<(&'static str, String)>,
    content: IntrospectionContent,
    max_age: i64,
    /// By a digest of the source and the whole token. Where nothing may be kept, a "yes" is shared only by those who ask while
    /// it is on its way.
    answers: Cache<[u8; 32], Answer>,
    /// What our rules have refused, by the same digest and whom the token had to be for. The other rules are this endpoint's for
    /// as long as it lives: who changes them has another made.
    refused: Cache<[u8; 32], Refusal>,
    strangers: Places,
    known: Places,
    /// Tokens that were good within the last hour, by the same digest.
    lately: Cache<[u8; 32], ()>,
    rest: Rest,
    /// Whether it may be shown tokens that another issuer of the tenant may have given.
    shown_others: bool,
    ask: Arc<dyn Ask>,
}

impl Introspector {
    /// One that asks as `settings` say; `id` names the source.
    pub(super) fn new(id: &str, settings: &Introspection, secret: Option<String>, ask: Arc<dyn Ask>) -> Result<Self, String> {
        let endpoint = Url::parse(&settings.endpoint).map_err(|e| format!("the introspection endpoint is no URL ({e})"))?;
        let (authorization, credentials) = credentials(settings, secret)?;
        let max_age = settings.cache_max_age.max(0);
        let live = Duration::from_secs(u64::try_from(max_age.max(NO_FOR)).unwrap_or(0));
        Ok(Self {
            id: id.to_owned(),
            endpoint,
            authorization,
            credentials,
            content: settings.content,
            max_age,
            answers: Cache::builder().max_capacity(KEPT).time_to_live(live).build(),
            refused: Cache::builder().max_capacity(KEPT).time_to_live(Duration::from_secs(NO_FOR.unsigned_abs())).build(),
            strangers: Places::new(AT_ONCE),
            known: Places::new(FOR_KNOWN),
            lately: Cache::builder().max_capacity(REMEMBERED).time_to_live(Duration::from_secs(3600)).build(),
            rest: Rest::default(),
            shown_others: settings.shared,
            ask,
        })
    }

    pub(super) fn is_shown_others(&self) -> bool {
        self.shown_others
    }

    /// Whether the token was good within the last hour.
    pub(super) fn knew_lately(&self, token: &str) -> bool {
        self.lately.contains_key(&self.key(token))
    }

    /// Judges `token` by what its issuer says of it. What our rules refuse is a no as any other, but for an operator who asks
    /// why: they see each rule.
    pub(super) async fn judge(&self, token: &str, demand: &Demand<'_>, trail: &mut Trail) -> Result<Told, Invalid> {
        let (now, refusal) = (demand.now, self.key_for(token, demand));
        let stands = |kept: &Refusal| now < kept.until && kept.until <= now.saturating_add(self.no_for());
        if !trail.is_told()
            && let Some(kept) = self.refused.get(&refusal).await.filter(stands)
        {
            return Err(kept.invalid);
        }
        let answer = self.answer(token, demand).await;
        let left = answer.until.saturating_sub(demand.now);
        let said = answer.said.map_err(|invalid| match invalid {
            Invalid::Unusable(cause, _) => Invalid::Unusable(cause, left),
            other => other,
        });
        let claims = trail.check("introspection", said, |_| "the issuer says that the token is active".to_owned())?;
        trail.read(&claims, true);
        let judged = judge_claims(&claims, demand, trail).and_then(|()| judge_values(&claims, &demand.rules.values, trail));
        if let Err(invalid) = judged {
            let kept = Refusal { invalid: invalid.clone(), until: now.saturating_add(self.no_for()) };
            self.refused.insert(refusal, kept).await;
            self.lately.invalidate(&self.key(token)).await;
            return Err(invalid);
        }
        Ok(Told { claims: Arc::unwrap_or_clone(claims), keep_until: answer.until })
    }

    /// What the issuer says, asked once for all who ask at the same time, and kept if the settings allow that. Claims are
    /// judged anew at each use: the rules may ask for more than they did.
    async fn answer(&self, token: &str, demand: &Demand<'_>) -> Answer {
        let now = demand.now;
        let entry = self.answers.entry(self.key(token));
        // A clock that was set back does not prolong anything.
        let over = |kept: &Answer| kept.until <= now || kept.until > now.saturating_add(self.keeps(&kept.said));
        entry.or_insert_with_if(self.fetch(token, demand), over).await.into_value()
    }

    /// How long it may be repeated, in seconds. That an issuer could not answer says nothing of the token.
    fn keeps<T>(&self, said: &Result<T, Invalid>) -> i64 {
        match said {
            Ok(_) => self.max_age,
            Err(Invalid::NotActive(_) | Invalid::Unusable(..)) => self.no_for(),
            Err(_) => 0,
        }
    }

    /// How long a "no" is repeated, in seconds.
    fn no_for(&self) -> i64 {
        self.max_age.clamp(NO_AT_LEAST, NO_FOR)
    }

    /// The whole token and whose endpoint it is: no other token, and no other issuer or tenant, finds the answer.
    fn key(&self, token: &str) -> [u8; 32] {
        let whole = [self.id.as_bytes(), b"\0", token.as_bytes()].concat();
        let mut key = [0; 32];
        key.copy_from_slice(digest(&digest::SHA256, &whole).as_ref());
        key
    }

    /// The same, and whom the token must be for: the request may say so.
    fn key_for(&self, token: &str, demand: &Demand<'_>) -> [u8; 32] {
        self.key(&format!("{token}\0{:?}", demand.audience))
    }

    async fn fetch(&self, token: &str, demand: &Demand<'_>) -> Answer {
        let now = demand.now;
        let key = self.key(token);
        let is_known = self.lately.contains_key(&key);
        let places = if is_known { &self.known } else { &self.strangers };
        // What was good lately is asked about all the same: a made-up token over which an endpoint hangs shuts out none of them.
        let said = if is_known || !self.rest.is_on_at(Instant::now()) {
            self.ask_in_turn(token, places).await
        } else {
            Err(Invalid::Introspection("its endpoint did not answer lately, and is asked again in a moment".to_owned()))
        };
        if let Err(Invalid::Introspection(cause)) = &said {
            tracing::warn!(source = %self.id, endpoint = %self.endpoint, %cause, "an issuer could not be asked about a token");
        }
        let said = said.and_then(|answer| read(answer, demand)).map(Arc::new);
        match &said {
            Ok(_) => self.lately.insert(key, ()).await,
            Err(Invalid::NotActive(_)) => self.lately.invalidate(&key).await,
            Err(_) => {}
        }
        let keeps = self.keeps(&said);
        let exp = said.as_ref().ok().and_then(|claims| claims.get("exp")).and_then(Value::as_i64).unwrap_or(i64::MAX);
        Answer { said, until: now.saturating_add(keeps).min(exp) }
    }

    async fn ask_in_turn(&self, token: &str, places: &Places) -> Result<Response<Vec<u8>>, Invalid> {
        let full = || {
            Invalid::Introspection(
                "hundreds of questions to its endpoint are under way; it is slow, or floods of tokens arrive".to_owned(),
            )
        };
        let _place = places.admitted.try_acquire().map_err(|_| full())?;
        let _turn = places.at_once.acquire().await.map_err(|_| full())?;
        self.send(token).await
    }

    async fn send(&self, token: &str) -> Result<Response<Vec<u8>>, Invalid> {
        let failed = |cause: String| Invalid::Introspection(cause);
        let (media, body) = self.body(token);
        let mut request = Request::post(self.endpoint.as_str())
            .header(header::CONTENT_TYPE, media)
            .header(header::ACCEPT, "application/json")
            .body(body)
            .map_err(|e| failed(e.to_string()))?;
        request.headers_mut().extend(self.authorization.clone().map(|value| (header::AUTHORIZATION, value)));
        let watch = self.rest.watch_since(Instant::now());
        let answer = self.ask.ask(request).await;
        watch.ends(answer.is_ok());
        answer.map_err(failed)
    }

    fn body(&self, token: &str) -> (&'static str, Vec<u8>) {
        let members = || [("token", token), ("token_type_hint", "access_token")].into_iter();
        let own = || self.credentials.iter().map(|(name, value)| (*name, value.as_str()));
        match self.content {
            IntrospectionContent::Form => {
                let mut form = form_urlencoded::Serializer::new(String::new());
                form.extend_pairs(members().chain(own()));
                ("application/x-www-form-urlencoded", form.finish().into_bytes())
            }
            IntrospectionContent::Json => {
                let object: Map<String, Value> =
                    members().chain(own()).map(|(name, value)| (name.to_owned(), json!(value))).collect();
                ("application/json", Value::Object(object).to_string().into_bytes())
            }
        }
    }
}

type Credentials = (Option<HeaderValue>, Vec<(&'static str, String)>);

fn credentials(settings: &Introspection, secret: Option<String>) -> Result<Credentials, String> {
    let id = || settings.client_id.clone().ok_or("the introspection endpoint needs a client id with this authentication");
    let secret = || secret.clone().ok_or("the introspection endpoint needs a client secret with this authentication");
    let sensitive = |text: String| {
        let mut value = HeaderValue::try_from(text).map_err(|_| "the introspection secret cannot stand in a header")?;
        value.set_sensitive(true);
        Ok::<_, String>(Some(value))
    };
    match settings.auth {
        IntrospectionAuth::ClientSecretBasic => {
            // Each half in form encoding (RFC 6749 §2.3.1).
            let encoded = |text: String| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
            let pair = format!("{}:{}", encoded(id()?), encoded(secret()?));
            Ok((sensitive(format!("Basic {}", STANDARD.encode(pair)))?, Vec::new()))
        }
        IntrospectionAuth::ClientSecretPost => Ok((None, vec![("client_id", id()?), ("client_secret", secret()?)])),
        IntrospectionAuth::Bearer => Ok((sensitive(format!("Bearer {}", secret()?))?, Vec::new())),
        IntrospectionAuth::None => Ok((None, settings.client_id.clone().map(|id| ("client_id", id)).into_iter().collect())),
    }
}

/// The claims of an answer that says yes: a JSON object (not a JWT, RFC 9701) whose `active` is `true` and nothing like
/// it.
fn read(answer: Response<Vec<u8>>, demand: &Demand<'_>) -> Result<Map<String, Value>, Invalid> {
    let failed = |cause: String| Err(Invalid::Unusable(cause, 0));
    if answer.status() != http::StatusCode::OK {
        let cause = format!("the endpoint answered {}", answer.status().as_u16());
        // One that is in trouble may know better in a moment.
        return if answer.status().is_server_error() { Err(Invalid::Introspection(cause)) } else { failed(cause) };
    }
    let media = answer.headers().get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    if media.to_ascii_lowercase().contains("jwt") {
        return failed("the endpoint answered with a JWT; let it answer with plain JSON".to_owned());
    }
    let mut claims = match json::object(answer.body()) {
        Ok(claims) => claims,
        Err(why) => return failed(format!("the answer {why}")),
    };
    json::whole_seconds(&mut claims);
    match claims.remove("active") {
        Some(Value::Bool(true)) => {}
        Some(Value::Bool(false)) => return Err(Invalid::NotActive("the issuer says that the token is not active".to_owned())),
        _ => return failed("the answer has no active that is true or false".to_owned()),
    }
    for name in ["token_type", "token_use", "typ"] {
        let kind = claims.get(name).and_then(Value::as_str).unwrap_or_default().to_ascii_lowercase();
        if OTHER_KINDS.contains(&kind.as_str()) {
            return Err(Invalid::NotActive(format!("the issuer says by {name} that the token is no access token")));
        }
    }
    // The endpoint speaks for its issuer; only another one may not stand there.
    if let Issuer::OneOf(names) = &demand.rules.issuer
        && let [issuer] = names.as_slice()
        && claims.get("iss").is_none_or(Value::is_null)
    {
        claims.insert("iss".to_owned(), json!(issuer));
    }
    Ok(claims)
}

mod rest;

#[cfg(test)]
mod tests;
