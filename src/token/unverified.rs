//! A token taken apart, before anything about it is believed.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value};

use super::{invalid::Invalid, json};

/// Largest token that any rule may accept, in bytes.
pub const HARD_LIMIT: usize = 64 * 1024;
const KID_LIMIT: usize = 256;
/// The members of a header that are looked at. Keys that the header offers (`jwk`, `jku`, `x5c`, `x5u`) are not.
const LOOKED_AT: [&str; 7] = ["alg", "kid", "typ", "crit", "zip", "enc", "b64"];

/// The segments of a token, decoded.
#[derive(Debug)]
pub struct Unverified<'a> {
    header: [Option<Value>; LOOKED_AT.len()],
    pub(super) claims: Map<String, Value>,
    pub(super) signed: &'a [u8],
    pub(super) signature: &'a str,
    size: usize,
}

impl<'a> Unverified<'a> {
    /// Takes `token` apart if it is at most `limit` bytes. Nothing is decoded before its size and the number of its
    /// segments are known (golang-jwt CVE-2025-30204).
    ///
    /// # Errors
    /// [`Invalid::Malformed`].
    pub fn read(token: &'a str, limit: usize) -> Result<Self, Invalid> {
        let malformed = |cause: String| Invalid::Malformed(cause);
        fits(token.len(), limit.min(HARD_LIMIT))?;
        let mut segments = token.splitn(4, '.');
        let (Some(header), Some(claims), Some(signature), None) =
            (segments.next(), segments.next(), segments.next(), segments.next())
        else {
            return Err(malformed("the token does not have three segments".to_owned()));
        };
        if header.is_empty() || claims.is_empty() || signature.is_empty() {
            return Err(malformed("a segment of the token is empty".to_owned()));
        }
        let decode = |what: &str, segment: &str| {
            URL_SAFE_NO_PAD.decode(segment).map_err(|_| malformed(format!("the {what} is not base64url")))
        };
        let (head, body) = (decode("header", header)?, decode("claim set", claims)?);
        let head = json::members(&head, LOOKED_AT).map_err(|why| malformed(format!("the header {why}")))?;
        let mut body = json::object(&body).map_err(|why| malformed(format!("the claim set {why}")))?;
        json::whole_seconds(&mut body);
        Ok(Self {
            header: head,
            claims: body,
            signed: &token.as_bytes()[..header.len() + 1 + claims.len()],
            signature,
            size: token.len(),
        })
    }

    /// The issuer the token claims: good only for choosing whose rules and keys to judge it by.
    #[must_use]
    pub fn issuer(&self) -> Option<&str> {
        self.claims.get("iss").and_then(Value::as_str)
    }

    /// What it claims.
    #[must_use]
    pub fn into_claims(self) -> Map<String, Value> {
        self.claims
    }

    /// Refuses a token of more than `limit` bytes, where it was read before the limit was known.
    pub(super) fn refuse_larger(&self, limit: usize) -> Result<(), Invalid> {
        fits(self.size, limit)
    }

    /// A member of the header, one of [`LOOKED_AT`].
    fn member(&self, name: &str) -> Option<&Value> {
        self.header.iter().zip(LOOKED_AT).find(|(_, known)| *known == name)?.0.as_ref()
    }

    /// A header member that must be a string if it is there.
    pub(super) fn header_text(&self, name: &str) -> Result<Option<&str>, Invalid> {
        match self.member(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(Invalid::Malformed(format!("the header's {name} is not a string"))),
        }
    }

    /// The key's id.
    pub(super) fn kid(&self) -> Result<Option<&str>, Invalid> {
        match self.header_text("kid")? {
            Some(kid) if kid.len() > KID_LIMIT => {
                Err(Invalid::Malformed(format!("the header's kid has {} bytes; at most {KID_LIMIT} are read", kid.len())))
            }
            kid => Ok(kid),
        }
    }

    /// Refuses extensions that change what was signed or how it is read (RFC 7515 §4.1.11, RFC 7797, RFC 7516 §4.1.3).
    pub(super) fn refuse_extensions(&self) -> Result<(), Invalid> {
        for name in ["crit", "zip", "enc"] {
            if self.member(name).is_some() {
                return Err(Invalid::Malformed(format!("the header's {name} is not supported")));
            }
        }
        match self.member("b64") {
            None | Some(Value::Bool(true)) => Ok(()),
            Some(_) => Err(Invalid::Malformed("the header's b64 is not supported".to_owned())),
        }
    }
}

fn fits(size: usize, limit: usize) -> Result<(), Invalid> {
    if size <= limit { Ok(()) } else { Err(Invalid::Malformed(format!("the token has {size} bytes; at most {limit} are read"))) }
}
