//! The browser: its session (who is signed in) and its binding (which pending logins are its own).
//!
//! Two kinds of cookie, both `__Host-`, Secure, HttpOnly and SameSite=Lax. `__Host-gatehouse` names the session; its id
//! changes at every sign-in (fixation), and the server alone knows how long it lives. `__Host-gatehouse-browser-…` is a
//! random value made at the first authorization request; pending logins and departures store its hash, so that nobody
//! can finish a sign-in that another browser began. Tabs that ask for the first time together get one each, under names
//! of their own, so that no tab's binding overwrites another's.

use std::borrow::Cow;

use axum::{
    extract::FromRequestParts,
    http::{
        HeaderMap, HeaderValue, Method, StatusCode,
        header::{self, SET_COOKIE},
        request::Parts,
    },
    response::Response,
};
use axum_extra::extract::cookie::{Cookie, CookieJar, SameSite};
use serde::{Deserialize, Serialize};
use tower_sessions::{
    Expiry, Session, SessionManagerLayer, SessionStore,
    session::{Id, Record},
    session_store,
};

use crate::{
    app::App,
    clock::Clock,
    error::PageError,
    secret,
    store::{
        self, Db, StoreError, departures::Departure, logins::Login, provider_sessions::Row as ProviderSession, standing::Parties,
    },
    trace::Trace,
};

const SESSION_COOKIE: &str = "__Host-gatehouse";
const BROWSER_COOKIE: &str = "__Host-gatehouse-browser-";
/// Most binding cookies that are looked at: no honest browser opens more tabs at once for the first time.
const BROWSERS: usize = 16;
const KEY: &str = "signed_in";
/// How an administrator came who followed a link made for when nothing else works; not a method of RFC 8176, so no token says
/// it.
pub const BY_LINK: &str = "link";
const GONE: &str = "__Host-gatehouse=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Lax";

/// Who is signed in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedIn {
    /// Names this sign-in in tokens (`sid`); not a credential.
    pub sid: String,
    /// The user.
    pub user_id: String,
    /// Their tenant.
    pub tenant_id: String,
    /// The connection they came over; `None` for a password.
    pub connection_id: Option<String>,
    /// When they proved who they are (unix seconds).
    pub auth_time: i64,
    /// How (RFC 8176): `pwd`, or empty when only the provider knows.
    pub amr: String,
    /// When the session must end at the latest (unix seconds).
    pub until: i64,
    /// When the session was last written (unix seconds).
    pub seen_at: i64,
}

/// The session layer for the human routes.
#[must_use]
pub fn layer(app: &App) -> SessionManagerLayer<Sessions> {
    let store = Sessions { db: app.db.clone(), clock: app.clock.clone(), idle: app.settings.session_idle };
    SessionManagerLayer::new(store)
        .with_name(SESSION_COOKIE)
        .with_secure(true)
        .with_http_only(true)
        .with_same_site(tower_sessions::cookie::SameSite::Lax)
        .with_path("/")
        .with_expiry(Expiry::OnSessionEnd)
}

/// Lets the session cookie really go. tower-sessions takes it back without `Secure`, and browsers ignore whatever is set
/// under a `__Host-` name without it.
pub async fn take_cookie_back(mut response: Response) -> Response {
    let removal = format!("{SESSION_COOKIE}=;");
    if let header::Entry::Occupied(mut lines) = response.headers_mut().entry(SET_COOKIE) {
        for line in lines.iter_mut().filter(|line| line.as_bytes().starts_with(removal.as_bytes())) {
            *line = HeaderValue::from_static(GONE);
        }
    }
    response
}

/// One request of a browser.
#[derive(Clone, Debug)]
pub struct Visit {
    /// Its session, read when asked.
    pub session: Session,
    /// The values of its binding cookies: none at first, one as a rule.
    pub browsers: Vec<String>,
    /// A redirect in answer to GET is 302, to anything else 303 (RFC 9700 §4.12: never 307).
    pub method: Method,
    /// The address it came from, after trusted proxies.
    pub address: String,
    /// What it does, for whoever asks later why it failed.
    pub trace: Trace,
}

impl FromRequestParts<App> for Visit {
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, PageError> {
        let session = Session::from_request_parts(parts, app).await;
        let session = session.map_err(|(_, cause)| PageError::internal(format!("session: {cause}")))?;
        let jar = CookieJar::from_headers(&parts.headers);
        let browsers = jar.iter().filter(|c| c.name().starts_with(BROWSER_COOKIE) && c.value().len() == 43);
        let browsers = browsers.take(BROWSERS).map(|c| c.value().to_owned()).collect();
        let address = crate::router::client_address(parts, &app.settings.trusted_proxies);
        let trace = parts.extensions.get::<Trace>().cloned().unwrap_or_default();
        trace.from(&address);
        Ok(Self { session, browsers, method: parts.method.clone(), address, trace })
    }
}

impl Visit {
    /// The status of a redirect in answer to this request.
    #[must_use]
    pub fn redirect_status(&self) -> StatusCode {
        if self.method == Method::GET || self.method == Method::HEAD { StatusCode::FOUND } else { StatusCode::SEE_OTHER }
    }

    /// The hash that this browser's new logins and departures carry; empty, and so nobody's, without the cookie.
    #[must_use]
    pub fn browser_hash(&self) -> String {
        self.browsers.first().map(|b| secret::digest(b)).unwrap_or_default()
    }

    /// The pending login `id`, if this browser began it.
    ///
    /// # Errors
    /// A page that says to start again.
    pub async fn login(&self, app: &App, id: &str) -> Result<Login, PageError> {
        for browser in &self.browsers {
            if let Some(login) = store::logins::find(&app.db, id, &secret::digest(browser), app.clock.now()).await? {
                return Ok(login);
            }
        }
        Err(PageError::no_login())
    }

    /// Takes the departure of this `state` (its hash), if this browser made it; another browser's attempt changes nothing.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn departure(&self, app: &App, state_hash: &str) -> Result<Option<Departure>, PageError> {
        for browser in &self.browsers {
            let hash = secret::digest(browser);
            if let Some(departure) = store::departures::take(&app.db, state_hash, &hash, app.clock.now()).await? {
                return Ok(Some(departure));
            }
        }
        Ok(None)
    }

    /// Takes the test sign-in of this `state` (its hash) that this browser has left for, as [`Self::departure`].
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn trial(&self, app: &App, state_hash: &str) -> Result<Option<store::trials::Departure>, PageError> {
        for browser in &self.browsers {
            let hash = secret::digest(browser);
            if let Some(departure) = store::trials::take(&app.db, state_hash, &hash, app.clock.now()).await? {
                return Ok(Some(departure));
            }
        }
        Ok(None)
    }

    /// A token for the forms of one pending login in this browser.
    #[must_use]
    pub fn form_token(&self, app: &App, purpose: &str) -> String {
        app.sealer.fingerprint(&format!("form/{purpose}"), self.browsers.first().map_or("", String::as_str))
    }

    /// Checks a form's token.
    ///
    /// # Errors
    /// A page that says to start again.
    pub fn check_form(&self, app: &App, purpose: &str, token: &str) -> Result<(), PageError> {
        let context = format!("form/{purpose}");
        let own = self.browsers.iter().any(|browser| app.sealer.recognises(&context, browser, token));
        if own { Ok(()) } else { Err(PageError::forged_form()) }
    }

    /// The sign-in of this browser in `tenant_id` (any tenant when `None`), if everything it stands on is still
    /// switched on. A session that has lost its ground is ended.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn signed_in(&self, app: &App, tenant_id: Option<&str>) -> Result<Option<SignedIn>, PageError> {
        let found: Option<SignedIn> = self.session.get(KEY).await.map_err(session_error)?;
        let Some(mut found) = found else { return Ok(None) };
        if tenant_id.is_some_and(|t| t != found.tenant_id) {
            return Ok(None);
        }
        let now = app.clock.now();
        // Whoever came by a link of the deployment's operator has shown neither a password nor a provider, of which one may be
        // what does not work; whether they still are who the link was for is asked all the same.
        let by_link = found.amr == BY_LINK;
        if by_link && !store::users::find(&app.db, &found.user_id).await?.is_some_and(|u| u.active && (u.admin || u.platform)) {
            self.session.flush().await.map_err(session_error)?;
            return Ok(None);
        }
        let parties = Parties {
            tenant_id: &found.tenant_id,
            client_id: None,
            user_id: (!by_link).then_some(found.user_id.as_str()),
            connection_id: found.connection_id.as_deref(),
            family_id: None,
        };
        if let Err(refusal) = store::standing::require(&app.db, parties, now).await? {
            tracing::info!(user = found.user_id, %refusal, "session ended");
            self.session.flush().await.map_err(session_error)?;
            return Ok(None);
        }
        if now - found.seen_at >= 60 {
            found.seen_at = now;
            self.session.insert(KEY, &found).await.map_err(session_error)?;
        }
        Ok(Some(found))
    }

    /// The same for whatever leads to a client: a session that began with a link is for the admin pages alone, and what it gave
    /// out would outlast its hour.
    ///
    /// # Errors
    /// As [`Self::signed_in`].
    pub async fn signed_in_for_clients(&self, app: &App, tenant_id: &str) -> Result<Option<SignedIn>, PageError> {
        Ok(self.signed_in(app, Some(tenant_id)).await?.filter(|who| who.amr != BY_LINK))
    }

    /// Signs a person in: the session gets a new id and forgets what it knew.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn sign_in(&self, signed_in: &SignedIn) -> Result<(), PageError> {
        self.forget().await?;
        self.session.cycle_id().await.map_err(session_error)?;
        self.session.insert(KEY, signed_in).await.map_err(session_error)
    }

    /// Ends the session on the server, as [`end_sign_in`] does, whose answer it gives.
    ///
    /// # Errors
    /// When the database does not answer: then nothing may claim that the person is signed out.
    pub async fn sign_out(&self, app: &App) -> Result<Option<ProviderSession>, PageError> {
        let found: Option<SignedIn> = self.session.get(KEY).await.map_err(session_error)?;
        let rested_on = match found {
            Some(found) => end_sign_in(app, &found.sid).await?,
            None => None,
        };
        self.forget().await?;
        Ok(rested_on)
    }

    /// Ends the sign-in named `sid`, whether its session's cookie came with this request or is another host's.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn end(&self, app: &App, sid: &str) -> Result<(), PageError> {
        let found: Option<SignedIn> = self.session.get(KEY).await.map_err(session_error)?;
        end_sign_in(app, sid).await?;
        if found.is_some_and(|s| s.sid == sid) { self.forget().await } else { Ok(()) }
    }

    /// Deletes the session, if there is one.
    async fn forget(&self) -> Result<(), PageError> {
        match self.session.id() {
            Some(_) => self.session.flush().await.map_err(session_error),
            None => {
                self.session.clear().await;
                Ok(())
            }
        }
    }
}

/// Ends everything that one sign-in gave, whoever asks for it: the person, a control plane, or the identity provider.
/// Gives the session at a provider that the sign-in rested on: to one caller only, who may end that one too.
///
/// # Errors
/// When the database does not answer: then nothing may claim that the sign-in has ended.
pub async fn end_sign_in(app: &App, sid: &str) -> Result<Option<ProviderSession>, PageError> {
    let mut tx = app.db.begin().await?;
    let rested_on = store::sign_ins::end(&mut tx, &app.sealer, sid, app.clock.now()).await?;
    tx.commit().await?;
    app.deliveries.nudge();
    Ok(rested_on)
}

/// The binding cookie of a browser that had none: its value and the header that sets it.
#[must_use]
pub fn bind_browser() -> (String, Cookie<'static>) {
    let value = secret::random();
    (value.clone(), host_cookie(format!("{BROWSER_COOKIE}{}", secret::reference()), value))
}

/// A session cookie under the `__Host-` rules.
#[must_use]
pub fn host_cookie(name: impl Into<Cow<'static, str>>, value: String) -> Cookie<'static> {
    Cookie::build((name.into(), value)).path("/").secure(true).http_only(true).same_site(SameSite::Lax).build()
}

/// The value of a cookie that stands exactly once: a second one with the name (cookie tossing) makes both useless.
#[must_use]
pub fn only_cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|v| v.to_str().ok());
    let mut values = all.flat_map(Cookie::split_parse).flatten().filter(|c| c.name() == name);
    let first = values.next()?;
    values.next().is_none().then(|| first.value().to_owned())
}

fn session_error(e: tower_sessions::session::Error) -> PageError {
    PageError::unavailable(format!("session store: {e}"))
}

/// tower-sessions' store over ours. Lifetimes are counted by our clock: idle from the last use, absolute from sign-in.
#[derive(Clone, Debug)]
pub struct Sessions {
    db: Db,
    clock: Clock,
    idle: i64,
}

impl Sessions {
    fn parts(&self, record: &Record) -> session_store::Result<(Option<SignedIn>, String, i64)> {
        let signed_in: Option<SignedIn> = record.data.get(KEY).and_then(|v| serde_json::from_value(v.clone()).ok());
        let idle_end = self.clock.now() + self.idle;
        let until = signed_in.as_ref().map_or(idle_end, |s| s.until.min(idle_end));
        let data = serde_json::to_string(&record.data).map_err(|e| session_store::Error::Encode(e.to_string()))?;
        Ok((signed_in, data, until))
    }
}

fn owner(signed_in: Option<&SignedIn>) -> store::sessions::Owner<'_> {
    let user_id = signed_in.map(|s| s.user_id.as_str());
    store::sessions::Owner { user_id, sid: signed_in.map(|s| s.sid.as_str()) }
}

fn id_hash(id: Id) -> String {
    secret::digest(&id.0.to_string())
}

fn backend(e: StoreError) -> session_store::Error {
    session_store::Error::Backend(e.to_string())
}

#[async_trait::async_trait]
impl SessionStore for Sessions {
    async fn create(&self, record: &mut Record) -> session_store::Result<()> {
        let (signed_in, data, expires_at) = self.parts(record)?;
        let row = store::sessions::Row { data, created_at: self.clock.now(), expires_at };
        loop {
            if store::sessions::insert(&self.db, &id_hash(record.id), owner(signed_in.as_ref()), &row).await.map_err(backend)? {
                break;
            }
            record.id = Id::default();
        }
        match signed_in {
            Some(who) => store::users::note_sign_in(&self.db, &who.user_id, self.clock.now()).await.map_err(backend),
            None => Ok(()),
        }
    }

    async fn save(&self, record: &Record) -> session_store::Result<()> {
        let (signed_in, data, expires_at) = self.parts(record)?;
        let id = id_hash(record.id);
        store::sessions::update(&self.db, &id, owner(signed_in.as_ref()), &data, expires_at).await.map(|_| ()).map_err(backend)
    }

    async fn load(&self, id: &Id) -> session_store::Result<Option<Record>> {
        let row = store::sessions::find(&self.db, &id_hash(*id), self.clock.now()).await.map_err(backend)?;
        let Some(row) = row else { return Ok(None) };
        let data = serde_json::from_str(&row.data).map_err(|e| session_store::Error::Decode(e.to_string()))?;
        let expiry_date = time::OffsetDateTime::from_unix_timestamp(row.expires_at);
        let expiry_date = expiry_date.map_err(|e| session_store::Error::Decode(e.to_string()))?;
        Ok(Some(Record { id: *id, data, expiry_date }))
    }

    async fn delete(&self, id: &Id) -> session_store::Result<()> {
        store::sessions::delete(&self.db, &id_hash(*id)).await.map_err(backend)
    }
}
