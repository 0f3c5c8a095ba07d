//! The ID token: judged by `token::verify` like every other JWT, and then by what only a relying party knows (nonce,
//! at_hash, directory, how long ago the person proved who they are).

use aws_lc_rs::digest;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;

use super::{claims::Kind, metadata, request::Memo};
use crate::{
    connector::{Error, clean::clean},
    policy::{
        cause::{Cause, Fault},
        connection::{OidcSettings, is_guid},
    },
    secret,
    token::{self, Alg, Claims, Invalid, KeySource, Rules, rules::Issuer, unverified::HARD_LIMIT},
};

/// The issuers whose tokens count over one connection.
#[derive(Clone, Debug)]
pub(crate) struct Issuers {
    names: Vec<String>,
    /// Google's older tokens name it without a scheme.
    legacy: Option<&'static str>,
}

impl Issuers {
    /// The configured issuer; for Entra's shared endpoints one for each allowed directory, so that no template is ever
    /// compared with what a token says.
    pub(crate) fn of(oidc: &OidcSettings, kind: Kind) -> Self {
        let expected = metadata::expected_issuer(oidc, kind);
        let names = if expected == oidc.issuer {
            vec![expected]
        } else {
            let tenants = oidc.allowed_tenants.iter().map(|t| t.to_ascii_lowercase());
            tenants.map(|tenant| expected.replacen("{tenantid}", &tenant, 1)).collect()
        };
        let legacy = (oidc.issuer == "https://accounts.google.com").then_some("accounts.google.com");
        Self { names, legacy }
    }

    /// Whether there is none: a shared endpoint without allowed directories.
    pub(crate) fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Every spelling that a token may have.
    pub(crate) fn all(&self) -> Vec<String> {
        self.names.iter().cloned().chain(self.legacy.map(str::to_owned)).collect()
    }

    /// The spellings under which identities are kept.
    pub(crate) fn kept(&self) -> &[String] {
        &self.names
    }

    /// The one spelling under which an issuer's identities are kept.
    fn canonical(&self, iss: &str) -> String {
        if self.legacy == Some(iss) { self.names.concat() } else { iss.to_owned() }
    }
}

/// Whether the `iss` of an authorization response is this connection's provider, byte for byte.
pub(crate) fn is_ours(iss: &str, issuers: &Issuers) -> bool {
    issuers.names.iter().any(|name| name == iss)
}

/// What an ID token is judged by.
pub(crate) struct Expected<'a> {
    pub oidc: &'a OidcSettings,
    pub kind: Kind,
    pub issuers: &'a Issuers,
    pub memo: &'a Memo,
    pub access_token: Option<&'a str>,
}

/// A verified ID token and the one spelling of its issuer.
#[derive(Debug)]
pub(crate) struct Verified {
    pub claims: Claims,
    pub issuer: String,
    /// Unix seconds.
    pub auth_time: Option<i64>,
}

/// Judges an ID token. Its signature is checked although it came over TLS from the token endpoint.
///
/// # Errors
/// The first thing that is wrong, with the fix.
pub(crate) async fn judge(token: &str, keys: &dyn KeySource, expected: &Expected<'_>, now: i64) -> Result<Verified, Error> {
    let Expected { oidc, kind, issuers, memo, .. } = *expected;
    let rules = Rules {
        // Groups make tokens long.
        limit: HARD_LIMIT,
        key_issuer: kind == Kind::Entra,
        ..Rules::id_token(Issuer::OneOf(issuers.all()), &oidc.client_id, algs(oidc), oidc.skew())
    };
    let claims = token::verify(token, keys, &rules, now).await.map_err(|invalid| explain("the ID token", &invalid))?;
    judge_nonce(&claims, &memo.nonce).map_err(Error::Untrusted)?;
    if let Some(access_token) = expected.access_token {
        judge_at_hash(&claims, access_token).map_err(Error::Untrusted)?;
    }
    let iss = claims.text("iss").unwrap_or_default();
    if kind == Kind::Entra {
        judge_directory(&claims, iss, oidc).map_err(Error::Untrusted)?;
    }
    judge_hosted_domain(&claims, oidc).map_err(Error::Untrusted)?;
    let auth_time = judge_freshness(&claims, memo, oidc.skew(), now).map_err(Error::Untrusted)?;
    Ok(Verified { issuer: issuers.canonical(iss), auth_time, claims })
}

/// The algorithms of the settings; those that are not known have been refused before.
pub(crate) fn algs(oidc: &OidcSettings) -> Vec<Alg> {
    oidc.allowed_algs().into_iter().filter_map(Alg::from_name).collect()
}

/// What to do about a token that is too old or too new.
const CLOCKS: &str = "one of the two clocks is wrong: synchronise it (NTP), or raise the connection's skew";

/// What went wrong with a token of the provider's, and what to do about it.
pub(crate) fn explain(what: &str, invalid: &Invalid) -> Error {
    let (cause, fix) = match invalid {
        Invalid::Keys(..) => {
            let cause = format!("{what} cannot be verified: {}", invalid.detail());
            return Error::Unreachable(Cause::ProviderKeys.with(cause));
        }
        Invalid::Issuer { found, expected } => (
            Cause::of_issuers(expected, found),
            "set the connection's issuer to exactly what the provider's discovery document says",
        ),
        Invalid::Audience { .. } | Invalid::Party { .. } => {
            (Cause::Audience, "is the connection's client_id that of this application?")
        }
        Invalid::Expired { .. } | Invalid::TooOld { .. } => (Cause::Expired, CLOCKS),
        Invalid::NotYet { .. } => (Cause::ClockAhead, CLOCKS),
        Invalid::Algorithm { .. } => (Cause::Algorithm, "change the algorithm at the provider or the connection's allowed_algs"),
        Invalid::UnknownKey(_) => {
            (Cause::UnknownKey, "if the provider has just changed its keys, try again in a minute; else check its jwks_uri")
        }
        Invalid::Signature => (Cause::Signature, "it was altered, or signed with another provider's key; check the jwks_uri"),
        // The last four are said of bearer tokens only.
        Invalid::Missing(_)
        | Invalid::Claim { .. }
        | Invalid::Malformed(_)
        | Invalid::Type { .. }
        | Invalid::Value { .. }
        | Invalid::NotActive(_)
        | Invalid::Introspection(_)
        | Invalid::Unusable(..)
        | Invalid::Ambiguous
        | Invalid::Unnamed => {
            (Cause::TokenMalformed, "the provider breaks OpenID Connect Core §2; its configuration must change")
        }
    };
    Error::Untrusted(cause.with(format!("{what}: {}; {fix}", invalid.detail())))
}

fn judge_nonce(claims: &Claims, nonce: &str) -> Result<(), Fault> {
    match claims.text("nonce") {
        Some(found) if secret::same(found, nonce) => Ok(()),
        Some(_) => Err(Cause::Nonce.with("the ID token's nonce is another: it belongs to a different sign-in (replay)")),
        None => Err(Cause::Nonce.with("the ID token has no nonce although one was sent; it may belong to a different sign-in")),
    }
}

/// Binds the access token to the ID token when the provider sends `at_hash` (OpenID Connect Core §3.1.3.8).
fn judge_at_hash(claims: &Claims, access_token: &str) -> Result<(), Fault> {
    let Some(found) = claims.get("at_hash").filter(|v| !v.is_null()) else { return Ok(()) };
    let algorithm = match claims.alg() {
        Some(Alg::RS256 | Alg::PS256 | Alg::ES256) => &digest::SHA256,
        Some(Alg::RS384 | Alg::PS384 | Alg::ES384) => &digest::SHA384,
        Some(Alg::RS512 | Alg::PS512 | Alg::ES512 | Alg::EdDSA) => &digest::SHA512,
        None => {
            return Err(Cause::AccessTokenHash.with("the ID token has no signature that at_hash could be computed with"));
        }
    };
    let whole = digest::digest(algorithm, access_token.as_bytes());
    let half = &whole.as_ref()[..whole.as_ref().len() / 2];
    if found.as_str() == Some(URL_SAFE_NO_PAD.encode(half).as_str()) {
        return Ok(());
    }
    let unlike = "the ID token's at_hash does not fit the access token: the two do not belong together";
    Err(Cause::AccessTokenHash.with(unlike))
}

/// Entra: `tid` must be the directory that `iss` names, and an allowed one.
fn judge_directory(claims: &Claims, iss: &str, oidc: &OidcSettings) -> Result<(), Fault> {
    let tid = match claims.get("tid") {
        None | Some(Value::Null) if oidc.allowed_tenants.is_empty() => return Ok(()),
        None | Some(Value::Null) => {
            return Err(Cause::Directory.with("the ID token has no tid; the profile scope brings it"));
        }
        Some(tid) => tid.as_str().unwrap_or_default(),
    };
    let allowed = oidc.allowed_tenants.is_empty() || oidc.allowed_tenants.iter().any(|t| t.eq_ignore_ascii_case(tid));
    if is_guid(tid) && allowed && iss.split('/').any(|part| part == tid) {
        return Ok(());
    }
    let other = format!("the ID token is of directory (tid) {}, which is not the one this connection is for", clean(tid));
    Err(Cause::Directory.with(other))
}

/// Google: the `hd` request parameter is only a hint, so the claim is what counts.
fn judge_hosted_domain(claims: &Claims, oidc: &OidcSettings) -> Result<(), Fault> {
    let hd = claims.text("hd");
    if oidc.hosted_domains.is_empty() || oidc.hosted_domains.iter().any(|d| hd.is_some_and(|hd| hd.eq_ignore_ascii_case(d))) {
        return Ok(());
    }
    let whose = hd.map_or_else(|| "no Workspace domain (hd)".to_owned(), |hd| format!("the Workspace domain {}", clean(hd)));
    let allowed = oidc.hosted_domains.join(", ");
    Err(Cause::HostedDomain.with(format!("the account is of {whose}, and the connection lets in only {allowed}")))
}

/// When proof of a certain age was asked for, the provider's word must say that it was given. `auth_time` is mandatory
/// after `max_age` (OpenID Connect Core §2); after `prompt=login` alone a provider may leave it out.
fn judge_freshness(claims: &Claims, memo: &Memo, skew: i64, now: i64) -> Result<Option<i64>, Fault> {
    let auth_time = claims.number("auth_time");
    let Some(at) = auth_time else {
        return match memo.max_age {
            Some(_) => Err(Cause::NotFresh.with(
                "the ID token has no auth_time although max_age was sent (OpenID Connect Core §2); \
                 it cannot be told whether the person proved again who they are",
            )),
            None => Ok(None),
        };
    };
    if at < 0 {
        return Err(Cause::TokenMalformed.with("auth_time lies before 1970"));
    }
    if at > now.saturating_add(skew) {
        let ahead = format!("auth_time is {} s ahead of this clock; clock skew allowance is {skew} s; {CLOCKS}", at - now);
        return Err(Cause::ClockAhead.with(ahead));
    }
    if let Some(max_age) = memo.max_age.filter(|max_age| now.saturating_sub(at) > max_age.saturating_add(skew)) {
        return Err(Cause::NotFresh.with(format!(
            "the person proved who they are {} s ago, but at most {max_age} s were asked for; the provider ignores max_age",
            now - at
        )));
    }
    if memo.force && at < memo.departed.saturating_sub(skew) {
        return Err(Cause::NotFresh.with(format!(
            "the person did not prove again who they are: auth_time is {} s before the sign-in began; the provider ignores prompt=login",
            memo.departed - at
        )));
    }
    Ok(auth_time)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn issuers(issuer: &str, kind: Kind, allowed: &[&str]) -> Issuers {
        let allowed_tenants = allowed.iter().map(|&t| t.to_owned()).collect();
        Issuers::of(&OidcSettings { issuer: issuer.into(), allowed_tenants, ..OidcSettings::default() }, kind)
    }

    #[test]
    fn google_has_two_spellings_in_tokens_and_one_everywhere_else() {
        let google = issuers("https://accounts.google.com", Kind::Google, &[]);
        assert_eq!(google.all(), ["https://accounts.google.com", "accounts.google.com"]);
        assert_eq!(google.canonical("accounts.google.com"), "https://accounts.google.com");
        assert!(is_ours("https://accounts.google.com", &google) && !is_ours("accounts.google.com", &google));
        assert_eq!(issuers("https://idp.example", Kind::Google, &[]).all(), ["https://idp.example"]);
    }

    #[test]
    fn a_shared_endpoint_stands_for_the_allowed_directories_only() {
        let tid = "8A7C0F66-1C2D-4E5F-8A9B-0C1D2E3F4A5B";
        let common = "https://login.example/common/v2.0";
        let expected = format!("https://login.example/{}/v2.0", tid.to_lowercase());
        assert_eq!(issuers(common, Kind::Entra, &[tid]).all(), [expected]);
        assert!(issuers(common, Kind::Entra, &[]).is_empty());
        assert_eq!(issuers(common, Kind::Other, &[tid]).all(), [common]);
    }
}
