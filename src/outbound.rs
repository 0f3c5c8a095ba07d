//! The one HTTP client for calls that gatehouse makes: discovery, keys, token and userinfo requests to identity
//! providers. Their addresses are typed in by tenants' administrators, so each call is treated as one that an attacker
//! may aim (SSRF): https only, no private address at connect time, no redirect to another origin, bounded time and size.
//!
//! `allow` is the operator's list of exceptions, `address` knows the private ranges, `probe` tells those who typed an address
//! what came of calling it, and `witness` tells a sign-in's trace of the calls that were made for it.

mod address;
mod allow;
mod probe;
#[cfg(test)]
mod tests;
mod witness;

use std::{
    net::IpAddr,
    sync::{Arc, OnceLock},
    time::Duration,
};

use http::{HeaderMap, HeaderValue, Method, Request, Response, header};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use serde::de::DeserializeOwned;
use tokio::time::Instant;
use url::{Host, Url};

use crate::limit::turns;

pub use address::is_public;
pub use allow::{Allow, AllowError};
pub use probe::Probe;
pub use witness::{Call, Witness, along, witnessed};

/// Largest body that is read, in bytes.
pub const BODY_LIMIT: usize = 1024 * 1024;
/// How often a GET may be redirected within its origin.
const REDIRECT_LIMIT: usize = 3;

/// Why a call was not made or gave nothing usable. The texts hold no byte of an answer's body.
#[derive(Clone, Debug, thiserror::Error)]
pub enum OutboundError {
    /// Neither https nor http, or no host.
    #[error("{0} is not an https URL with a host")]
    Unusable(String),
    /// User name or password within the URL.
    #[error("the URL of {0} holds a user name or password; remove them")]
    UserInfo(String),
    /// Plain http to a host that is not allowed by itself.
    #[error("{0} is to be called over plain http; use https, or name the host in GATEHOUSE_OUTBOUND_ALLOW")]
    Plain(String),
    /// The host is, or has among its addresses, one that is not public.
    #[error("{host} resolves to a private address ({ip}); allow it with GATEHOUSE_OUTBOUND_ALLOW")]
    Private {
        /// The host called.
        host: String,
        /// The first such address.
        ip: IpAddr,
    },
    /// The answer is a redirect that is not followed.
    #[error("{host} redirects to {to}; only redirects of a GET within the same scheme, host and port are followed")]
    Redirect {
        /// The host called.
        host: String,
        /// The origin redirected to.
        to: String,
    },
    /// One redirect too many.
    #[error("{0} redirects more than {REDIRECT_LIMIT} times")]
    RedirectLoop(String),
    /// The answer is larger than [`BODY_LIMIT`].
    #[error("{0} answered with more than {BODY_LIMIT} bytes")]
    TooLarge(String),
    /// No whole answer in time.
    #[error("{host} did not answer within {seconds} s")]
    TimedOut {
        /// The host called.
        host: String,
        /// The limit, in seconds.
        seconds: u64,
    },
    /// The resolver knows no address of the name.
    #[error("{host} cannot be resolved: {cause}")]
    Unresolved {
        /// The host called.
        host: String,
        /// What the resolver said.
        cause: String,
    },
    /// No encrypted connection: the certificate, or that there is no TLS.
    #[error("{host} cannot be reached by TLS: {cause}")]
    Tls {
        /// The host called.
        host: String,
        /// What TLS said.
        cause: String,
        /// Whether it is only that the certificate has ended.
        expired: bool,
    },
    /// Connection or HTTP failed.
    #[error("{host} cannot be reached: {cause}")]
    Failed {
        /// The host called.
        host: String,
        /// What the layers below said.
        cause: String,
    },
    /// The body is not the JSON that was expected.
    #[error("{host} answered with a body that is not the expected JSON (line {line}, column {column})")]
    NotJson {
        /// The host called.
        host: String,
        /// Where reading stopped.
        line: usize,
        /// Where reading stopped.
        column: usize,
    },
    /// The client cannot be built.
    #[error("the HTTP client cannot be built: {0}")]
    Build(String),
}

impl OutboundError {
    /// Whether the other side was not there, so that trying again later may help.
    #[must_use]
    pub fn is_away(&self) -> bool {
        matches!(self, Self::TimedOut { .. } | Self::Unresolved { .. } | Self::Tls { .. } | Self::Failed { .. })
    }

    /// The same for whoever may not learn of private networks, as administrators of tenants: a name that leads to a private
    /// address and one that leads nowhere read alike, else names could be tried out.
    #[must_use]
    pub fn discreet(&self) -> String {
        let nowhere = |host: &str| format!("{host} cannot be called from here: its name leads to no public address");
        match self {
            Self::Private { host, .. } => nowhere(host),
            Self::Plain(host) => format!("{host} is to be called over plain http; use https"),
            Self::Unresolved { host, .. } => nowhere(host),
            Self::Tls { host, cause, expired: true } => match cause.strip_prefix("its certificate ") {
                Some(how) => format!("{host} shows a certificate that {how}"),
                None => format!("{host} shows a certificate that has expired"),
            },
            Self::Tls { host, cause, .. } => match cause.split_once("certificate") {
                Some((_, why)) => format!("{host} shows a certificate that is not accepted{why}"),
                None => format!("{host} does not speak TLS as it must"),
            },
            Self::Failed { host, .. } => format!("{host} cannot be reached"),
            e => e.to_string(),
        }
    }

    /// What happened, in a word.
    fn word(&self) -> &'static str {
        match self {
            Self::Unusable(_) | Self::UserInfo(_) | Self::Plain(_) => "refused",
            // What is private and what is unknown read alike: else whoever fills in a connection could try names out.
            Self::Private { .. } | Self::Unresolved { .. } => "no_address",
            Self::Redirect { .. } | Self::RedirectLoop(_) => "redirect",
            Self::TooLarge(_) | Self::NotJson { .. } => "unusable",
            Self::TimedOut { .. } => "timeout",
            Self::Tls { .. } => "tls",
            Self::Failed { .. } | Self::Build(_) => "unreachable",
        }
    }

    /// The outcome as a metric label.
    fn label(&self) -> &'static str {
        match self {
            Self::TimedOut { .. } => "timeout",
            Self::Unresolved { .. } | Self::Tls { .. } | Self::Failed { .. } | Self::Build(_) => "unreachable",
            Self::TooLarge(_) | Self::NotJson { .. } => "unusable",
            _ => "refused",
        }
    }
}

/// How long a call may take.
#[derive(Clone, Copy, Debug)]
struct Limits {
    connect: Duration,
    total: Duration,
}

/// An answer, read whole.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// Who answered.
    pub host: String,
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, at most [`BODY_LIMIT`] bytes.
    pub body: Vec<u8>,
}

impl Fetched {
    /// Whether the status is 2xx.
    #[must_use]
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The body as JSON, whatever its media type says.
    ///
    /// # Errors
    /// [`OutboundError::NotJson`], which says where but not what.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, OutboundError> {
        serde_json::from_slice(&self.body).map_err(|e| OutboundError::NotJson {
            host: self.host.clone(),
            line: e.line(),
            column: e.column(),
        })
    }
}

/// The client. Clones share connections.
#[derive(Clone, Debug)]
pub struct Outbound {
    allow: Arc<Allow>,
    limits: Limits,
    guarded: reqwest::Client,
    /// For hosts that the operator has named, which may resolve to any address. Made at first use: a client costs a
    /// reading of the system's root certificates.
    named: Arc<OnceLock<reqwest::Client>>,
}

impl Outbound {
    /// A client that reaches the public internet and what `allow` adds to it.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(allow: Allow) -> Result<Self, OutboundError> {
        Self::with_limits(allow, Limits { connect: Duration::from_secs(5), total: Duration::from_secs(10) })
    }

    fn with_limits(allow: Allow, limits: Limits) -> Result<Self, OutboundError> {
        let allow = Arc::new(allow);
        let guarded = client(limits, Guard(Some(Arc::clone(&allow))))?;
        Ok(Self { allow, limits, guarded, named: Arc::default() })
    }

    /// Whether `url` may be called, as far as that can be said without resolving its name.
    ///
    /// # Errors
    /// When it is not https (or http to an allowed host), holds user info, or names a private address.
    pub fn check(&self, url: &Url) -> Result<(), OutboundError> {
        self.judge(url).map(|_| ())
    }

    /// Whether `url` is that of a host which the operator has named.
    fn judge(&self, url: &Url) -> Result<bool, OutboundError> {
        let (Some(host), Some(port)) = (url.host(), url.port_or_known_default()) else {
            return Err(OutboundError::Unusable(format!("a URL of scheme {}", url.scheme())));
        };
        let name = host.to_string();
        if !matches!(url.scheme(), "https" | "http") {
            return Err(OutboundError::Unusable(format!("{}://{name}", url.scheme())));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(OutboundError::UserInfo(name));
        }
        let named = self.allow.names(&host, port);
        // The resolver is never asked about address literals.
        let literal = match host {
            Host::Ipv4(ip) => Some(IpAddr::V4(ip)),
            Host::Ipv6(ip) => Some(IpAddr::V6(ip)),
            Host::Domain(_) => None,
        };
        if !named {
            if let Some(ip) = literal.filter(|ip| !is_public(*ip) && !self.allow.holds(*ip)) {
                return Err(OutboundError::Private { host: name, ip });
            }
            if url.scheme() == "http" && !literal.is_some_and(|ip| self.allow.holds(ip)) {
                return Err(OutboundError::Plain(name));
            }
        }
        Ok(named)
    }

    /// The client to call `url` with.
    fn choose(&self, url: &Url) -> Result<reqwest::Client, OutboundError> {
        if !self.judge(url)? {
            return Ok(self.guarded.clone());
        }
        if let Some(client) = self.named.get() {
            return Ok(client.clone());
        }
        let made = client(self.limits, Guard(None))?;
        Ok(self.named.get_or_init(|| made).clone())
    }

    /// Gets `url`. `purpose` is the metric's label (`discovery`, `jwks`, `userinfo`, …), `accept` the media type. Answers
    /// of any status are returned.
    ///
    /// # Errors
    /// When the call is refused, fails, takes too long or brings too much.
    pub async fn get(&self, purpose: &'static str, url: &Url, accept: &'static str) -> Result<Fetched, OutboundError> {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
        self.counted(purpose, Method::GET, url.clone(), headers, Vec::new()).await
    }

    /// Sends a request whose URI is absolute. Answers of any status are returned; only a GET is redirected.
    ///
    /// # Errors
    /// As [`Outbound::get`].
    pub async fn send(&self, purpose: &'static str, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, OutboundError> {
        let (parts, body) = request.into_parts();
        let url = Url::parse(&parts.uri.to_string()).map_err(|_| OutboundError::Unusable("the request's target".to_owned()))?;
        let fetched = self.counted(purpose, parts.method, url, parts.headers, body).await?;
        let mut response = Response::new(fetched.body);
        *response.status_mut() = http::StatusCode::from_u16(fetched.status).unwrap_or(http::StatusCode::BAD_GATEWAY);
        *response.headers_mut() = fetched.headers;
        Ok(response)
    }

    async fn counted(
        &self,
        purpose: &'static str,
        method: Method,
        url: Url,
        headers: HeaderMap,
        body: Vec<u8>,
    ) -> Result<Fetched, OutboundError> {
        let host = url.host_str().unwrap_or_default().to_owned();
        // Whoever waits for the turn would wait for that server. Tests go by here on every route that asks one.
        debug_assert!(!turns::is_held(), "{purpose}: {host} is asked within a turn");
        let began = Instant::now();
        // The client's own limit starts anew with each redirect.
        let result = match tokio::time::timeout(self.limits.total, self.follow(method, url, headers, body)).await {
            Ok(result) => result,
            Err(_) => Err(OutboundError::TimedOut { host: host.clone(), seconds: self.limits.total.as_secs() }),
        };
        witness::tell(purpose, &host, &result, began.elapsed());
        let outcome = match &result {
            Ok(fetched) if fetched.is_success() => "ok",
            Ok(_) => "status",
            Err(error) => error.label(),
        };
        metrics::counter!("gatehouse_outbound_requests_total", "purpose" => purpose, "outcome" => outcome).increment(1);
        result
    }

    async fn follow(&self, method: Method, mut url: Url, headers: HeaderMap, body: Vec<u8>) -> Result<Fetched, OutboundError> {
        let host = url.host_str().unwrap_or_default().to_owned();
        let client = self.choose(&url)?;
        for _ in 0..=REDIRECT_LIMIT {
            let request = client.request(method.clone(), url.clone()).headers(headers.clone()).body(body.clone());
            let mut response = request.send().await.map_err(|e| self.explain(&host, e))?;
            let status = response.status();
            if matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308) {
                let target = response.headers().get(header::LOCATION).and_then(|v| v.to_str().ok());
                let target = target.and_then(|to| url.join(to).ok());
                let same = |to: &Url| to.origin() == url.origin() && to.username().is_empty() && to.password().is_none();
                match target {
                    Some(to) if method == Method::GET && same(&to) => {
                        url = to;
                        continue;
                    }
                    Some(to) => return Err(OutboundError::Redirect { host, to: to.origin().ascii_serialization() }),
                    None => return Err(OutboundError::Redirect { host, to: "nowhere".to_owned() }),
                }
            }
            if response.content_length().is_some_and(|length| length > BODY_LIMIT as u64) {
                return Err(OutboundError::TooLarge(host));
            }
            let mut whole = Vec::new();
            while let Some(chunk) = response.chunk().await.map_err(|e| self.explain(&host, e))? {
                if whole.len() + chunk.len() > BODY_LIMIT {
                    return Err(OutboundError::TooLarge(host));
                }
                whole.extend_from_slice(&chunk);
            }
            let headers = std::mem::take(response.headers_mut());
            return Ok(Fetched { host, status: status.as_u16(), headers, body: whole });
        }
        Err(OutboundError::RedirectLoop(host))
    }

    /// Finds our own refusal among the layers of a client error, or tells their texts.
    fn explain(&self, host: &str, error: reqwest::Error) -> OutboundError {
        if error.is_timeout() {
            return OutboundError::TimedOut { host: host.to_owned(), seconds: self.limits.total.as_secs() };
        }
        let error = error.without_url();
        let mut texts: Vec<String> = Vec::new();
        let mut layer: Option<&(dyn std::error::Error + 'static)> = Some(&error);
        while let Some(e) = layer {
            if let Some(refused) = e.downcast_ref::<OutboundError>() {
                return refused.clone();
            }
            if let Some(tls) = of_tls(e) {
                return untrusted_by_tls(host, tls);
            }
            let text = e.to_string();
            if texts.last().is_none_or(|last| !last.contains(&text)) {
                texts.push(text);
            }
            layer = e.source();
        }
        OutboundError::Failed { host: host.to_owned(), cause: texts.join(": ") }
    }
}

/// The error of TLS in a layer: I/O errors hold it inside, one within the other, where no layer shows it.
fn of_tls<'a>(mut e: &'a (dyn std::error::Error + 'static)) -> Option<&'a rustls::Error> {
    while let Some(inside) = e.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
        e = inside;
    }
    e.downcast_ref::<rustls::Error>()
}

fn untrusted_by_tls(host: &str, e: &rustls::Error) -> OutboundError {
    use rustls::{CertificateError, Error::InvalidCertificate};
    let (cause, expired) = match e {
        InvalidCertificate(CertificateError::ExpiredContext { time, not_after }) => {
            let days = time.as_secs().saturating_sub(not_after.as_secs()) / 86_400;
            (format!("its certificate expired {days} days ago"), true)
        }
        InvalidCertificate(CertificateError::Expired) => ("its certificate has expired".to_owned(), true),
        other => (other.to_string(), false),
    };
    OutboundError::Tls { host: host.to_owned(), cause, expired }
}

#[expect(clippy::disallowed_methods, reason = "the one place that builds an HTTP client")]
fn client(limits: Limits, guard: Guard) -> Result<reqwest::Client, OutboundError> {
    reqwest::Client::builder()
        .user_agent(concat!("gatehouse/", env!("CARGO_PKG_VERSION")))
        .tls_version_min(reqwest::tls::Version::TLS_1_2)
        .connect_timeout(limits.connect)
        .timeout(limits.total)
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .no_proxy()
        .pool_max_idle_per_host(4)
        .dns_resolver(guard)
        .build()
        .map_err(|e| OutboundError::Build(e.to_string()))
}

/// Resolves names by the system, and refuses those with a private address among theirs: the connection is made to an
/// address that was judged, so a name cannot change its mind in between (DNS rebinding).
#[derive(Clone, Debug)]
struct Guard(Option<Arc<Allow>>);

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.clone();
        Box::pin(async move {
            let host = name.as_str().to_owned();
            let found = tokio::net::lookup_host((host.as_str(), 0)).await;
            let found = found.map_err(|e| OutboundError::Unresolved { host: host.clone(), cause: e.to_string() })?;
            let found: Vec<_> = found.collect();
            guard.judge(&host, found.iter().map(|a| a.ip()))?;
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

impl Guard {
    /// One forbidden answer condemns the name, whichever the connection would have taken.
    fn judge(&self, host: &str, answers: impl IntoIterator<Item = IpAddr>) -> Result<(), OutboundError> {
        let Some(allow) = &self.0 else { return Ok(()) };
        let forbidden = answers.into_iter().find(|ip| !is_public(*ip) && !allow.holds(*ip));
        forbidden.map_or(Ok(()), |ip| Err(OutboundError::Private { host: host.to_owned(), ip }))
    }
}
