//! What a proxy asks: whose request, to where. The dialects differ only in where they say it; each is one file that fills
//! an [`Asked`]. What is missing, there twice or unreadable is refused: a guess here would be a decision about another
//! request than the one that goes on.

use std::net::{IpAddr, SocketAddr};

use axum::{
    extract::ConnectInfo,
    http::{HeaderMap, Method, Uri, header, request::Parts},
};
use ipnet::IpNet;

use crate::policy::place;

/// A question that is not answered; the text is for the log and names what is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadQuestion {
    /// The peer is no proxy that we believe.
    #[error("{0} is none of GATEHOUSE_TRUSTED_PROXIES, and only those may say what a request was; add the proxy's address there")]
    Stranger(String),
    /// A header is not there.
    #[error("the header {0} is missing; the proxy must set it")]
    Missing(&'static str),
    /// A header is there twice.
    #[error("the header {0} is there more than once; the proxy must replace what the client sent")]
    Doubled(&'static str),
    /// A header, or what is asked in its place, cannot be read.
    #[error("{0} is not {1}")]
    Malformed(&'static str, &'static str),
}

/// What a dialect has read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The request's method.
    pub method: Method,
    /// `http` or `https`.
    pub scheme: &'static str,
    /// As the request named it.
    pub host: String,
    /// Path and query, as they stood.
    pub target: String,
}

/// A request that a proxy asks about.
#[derive(Clone, Debug)]
pub struct Question {
    /// The request's method.
    pub method: Method,
    /// `http` or `https`.
    pub scheme: &'static str,
    /// As sites are looked up by.
    pub host: String,
    /// Path and query, as they stood.
    pub target: String,
    /// The request's headers, with those that the proxy has added.
    pub headers: HeaderMap,
}

impl Question {
    /// Puts together what a dialect has read of a trusted peer's question.
    ///
    /// # Errors
    /// When the host is none.
    pub fn new(asked: Asked, headers: HeaderMap, named_by: &'static str) -> Result<Self, BadQuestion> {
        let Asked { method, scheme, host, target } = asked;
        let host = place::host(scheme, &host).ok_or(BadQuestion::Malformed(named_by, "a host"))?;
        Ok(Self { method, scheme, host, target, headers })
    }

    /// The address of `path` on the same host.
    #[must_use]
    pub fn beside(&self, path: &str) -> String {
        format!("{}://{}{path}", self.scheme, self.host)
    }

    /// The path without the query.
    #[must_use]
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// The query, empty when there is none.
    #[must_use]
    pub fn query(&self) -> &str {
        self.target.split_once('?').map_or("", |(_, query)| query)
    }

    /// A header's text, if it is there and readable.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// Who asks: the address at the other end of the connection.
#[must_use]
pub fn peer(parts: &Parts) -> Option<IpAddr> {
    parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip().to_canonical())
}

/// Only proxies may say what a request was: anybody else would be asking about a request of their own making.
///
/// # Errors
/// When the peer is no trusted proxy.
pub fn trusted(parts: &Parts, proxies: &[IpNet]) -> Result<(), BadQuestion> {
    let peer = peer(parts);
    let believed = peer.is_some_and(|ip: IpAddr| proxies.iter().any(|net| net.contains(&ip)));
    if believed { Ok(()) } else { Err(BadQuestion::Stranger(peer.map_or_else(|| "the peer".to_owned(), |ip| ip.to_string()))) }
}

/// A header that must be there once.
///
/// # Errors
/// When it is not.
pub fn once<'a>(headers: &'a HeaderMap, name: &'static str) -> Result<&'a str, BadQuestion> {
    let mut values = headers.get_all(name).iter();
    let value = values.next().ok_or(BadQuestion::Missing(name))?;
    if values.next().is_some() {
        return Err(BadQuestion::Doubled(name));
    }
    let text = value.to_str().ok().filter(|text| !text.is_empty());
    text.ok_or(BadQuestion::Malformed(name, "printable text"))
}

/// A method's name.
///
/// # Errors
/// When it is none.
pub fn method(name: &'static str, text: &str) -> Result<Method, BadQuestion> {
    Method::from_bytes(text.as_bytes()).map_err(|_| BadQuestion::Malformed(name, "a method"))
}

/// A scheme's name; that of a WebSocket is the one it began with.
///
/// # Errors
/// When it is none.
pub fn scheme(name: &'static str, text: &str) -> Result<&'static str, BadQuestion> {
    match text {
        "https" | "wss" => Ok("https"),
        "http" | "ws" => Ok("http"),
        _ => Err(BadQuestion::Malformed(name, "http or https")),
    }
}

/// A path with its query, as a request line has it.
///
/// # Errors
/// When it is none: it does not begin with a slash, or holds what no request line may.
pub fn target(name: &'static str, text: &str) -> Result<String, BadQuestion> {
    let sound = text.starts_with('/') && text.len() <= 16_384 && text.bytes().all(|b| (0x21..0x7f).contains(&b) && b != b'#');
    if sound { Ok(text.to_owned()) } else { Err(BadQuestion::Malformed(name, "a path and query")) }
}

/// The host that the request itself names, by its one `Host` header or, in HTTP/2, its target.
///
/// # Errors
/// When it names none, or two.
pub fn own_host(headers: &HeaderMap, uri: &Uri) -> Result<String, BadQuestion> {
    match (headers.contains_key(header::HOST), uri.authority()) {
        (false, Some(authority)) => Ok(authority.as_str().to_owned()),
        _ => once(headers, "host").map(str::to_owned),
    }
}
