//! Who is the client? One method per request (RFC 6749 §2.3): secret in the header or the form, a signed assertion
//! (RFC 7523), or nothing for a public client. Failures are counted per client and address, so that guessing ends in
//! 429 and a client's own traffic from elsewhere does not suffer; clients that there are not count as one.

use axum::http::{HeaderMap, header};
use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::{
    app::App,
    error::ApiError,
    oauth::{
        client::{Client, ClientAuth},
        error::{Code, OAuthError, error},
        params::Params,
    },
    secret,
    store::{self, standing::Parties},
    token::{Alg, KeySource, Rules, jwks::Inline, unverified::Unverified, verify},
};

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// Longest life of a client assertion, in seconds: its id is remembered that long.
const ASSERTION_LIFE: i64 = 3_600;
/// Most characters of what the log says of a client that there need not be.
const LONGEST: usize = 200;
const WINDOW: i64 = 300;
const FAILURES: i64 = 30;

/// What a request presents.
enum Proof<'a> {
    Basic { id: String, secret: String },
    Post { id: &'a str, secret: &'a str },
    Assertion { id: String, jwt: &'a str },
    None { id: &'a str },
}

impl Proof<'_> {
    fn client_id(&self) -> &str {
        match self {
            Self::Basic { id, .. } | Self::Assertion { id, .. } => id,
            Self::Post { id, .. } | Self::None { id } => id,
        }
    }
}

/// Authenticates the client of a form request.
///
/// # Errors
/// `invalid_request` for several methods at once, `invalid_client` for a wrong proof or a client that is switched off,
/// `slow_down` (429) after too many failures, `temporarily_unavailable` (503) where the client's keys cannot be had.
pub async fn authenticate(app: &App, headers: &HeaderMap, params: &Params, address: &str) -> Result<Client, ApiError> {
    params.once_each()?;
    let proof = read(headers, params)?;
    let id = proof.client_id();
    let now = app.clock.now();
    let client = store::clients::find(&app.db, id).await?;
    // Whoever makes up a new one each time has no more tries than whoever does not, and writes no row for each.
    let whom = client.as_ref().map_or_else(|| format!("/{address}"), |client| format!("{}/{address}", client.id));
    let key = app.sealer.fingerprint("throttle/client", &whom);
    if let Some(until) = store::throttles::closed_until(&app.db, &key, FAILURES, now).await? {
        let known = client.map(|client| format!("client {:?}", client.id));
        let whose = format!("{} at {address}", known.unwrap_or_else(|| "no client".to_owned()));
        let (retry_after, muted) = (Some((until - now).max(1)), !app.limits.floods.is_first("client authentications", &whose));
        let e = ApiError::new(error(Code::SlowDown, "too many failed client authentications"), whose);
        return Err(ApiError { retry_after, muted, ..e });
    }
    let outcome = match &client {
        Some(client) => prove(app, client, &proof).await?,
        None => Err("unknown client".to_owned()),
    };
    let Some(client) = client.filter(|_| outcome.is_ok()) else {
        store::throttles::count(&app.db, &key, WINDOW, now).await?;
        let named: String = id.chars().take(LONGEST).collect();
        return Err(ApiError::new(invalid_client(), format!("client {named:?}: {}", outcome.err().unwrap_or_default())));
    };
    let parties = Parties::of_client(&client.tenant_id, &client.id);
    let standing = store::standing::require(&app.db, parties, now).await?;
    standing.map_err(|refusal| ApiError::new(invalid_client(), format!("client {:?}: {refusal}", client.id)))?;
    Ok(client)
}

fn invalid_client() -> OAuthError {
    error(Code::InvalidClient, "client authentication failed")
}

fn read<'a>(headers: &HeaderMap, params: &'a Params) -> Result<Proof<'a>, ApiError> {
    let id = params.one("client_id")?;
    let secret = params.one("client_secret")?;
    let assertion = params.one("client_assertion")?;
    let several = || error(Code::InvalidRequest, "use one client authentication method per request");
    if let Some(value) = headers.get(header::AUTHORIZATION) {
        if secret.is_some() || assertion.is_some() {
            return Err(several().into());
        }
        let (basic_id, basic_secret) = value
            .to_str()
            .ok()
            .and_then(basic)
            .ok_or_else(|| ApiError::new(invalid_client(), "the Authorization header is not readable Basic"))?;
        if id.is_some_and(|id| id != basic_id) {
            return Err(error(Code::InvalidRequest, "client_id is not the one of the Authorization header").into());
        }
        return Ok(Proof::Basic { id: basic_id, secret: basic_secret });
    }
    match (id, secret, assertion) {
        (_, Some(_), Some(_)) => Err(several().into()),
        (_, None, Some(jwt)) => {
            if params.one("client_assertion_type")? != Some(ASSERTION_TYPE) {
                return Err(error(Code::InvalidRequest, "client_assertion_type is not jwt-bearer").into());
            }
            // Read before it is verified, only to find whose keys to verify it with.
            let named = Unverified::read(jwt, 16 * 1024).ok().and_then(|t| t.issuer().map(str::to_owned));
            let named = named.ok_or(error(Code::InvalidClient, "the client assertion is malformed"))?;
            if id.is_some_and(|id| id != named) {
                return Err(error(Code::InvalidRequest, "client_id is not the issuer of the client assertion").into());
            }
            Ok(Proof::Assertion { id: named, jwt })
        }
        (Some(id), Some(secret), None) => Ok(Proof::Post { id, secret }),
        (Some(id), None, None) => Ok(Proof::None { id }),
        (None, _, None) => Err(ApiError::new(error(Code::InvalidClient, "client authentication is missing"), "no client_id")),
    }
}

/// RFC 6749 §2.3.1: id and secret are form-encoded before they are joined and base64-encoded.
fn basic(header: &str) -> Option<(String, String)> {
    let (scheme, encoded) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (id, secret) = text.split_once(':')?;
    let decode = |part: &str| {
        url::form_urlencoded::parse(format!("v={}", part.replace('&', "%26")).as_bytes()).next().map(|(_, v)| v.into_owned())
    };
    Some((decode(id)?, decode(secret)?))
}

/// The outer error is ours (database), or of those who have the client's keys; the inner one says why the proof is not good.
async fn prove(app: &App, client: &Client, proof: &Proof<'_>) -> Result<Result<(), String>, ApiError> {
    use ClientAuth::{ClientSecretBasic, ClientSecretPost, None as Public, PrivateKeyJwt, Secret};
    let recognises = |presented: &str| {
        let context = store::clients::secret_context(&client.id);
        client.secret_fingerprint.as_deref().is_some_and(|stored| app.sealer.recognises(&context, presented, stored))
    };
    let good = match (client.settings.auth, proof) {
        (Secret | ClientSecretBasic, Proof::Basic { secret, .. }) => recognises(secret),
        (Secret | ClientSecretPost, Proof::Post { secret, .. }) => recognises(secret),
        (Public, Proof::None { .. }) => true,
        // Some clients send an empty secret in a header although they have none.
        (Public, Proof::Basic { secret, .. }) => secret.is_empty(),
        (PrivateKeyJwt, Proof::Assertion { jwt, .. }) => return verify_assertion(app, client, jwt).await,
        (method, _) => return Ok(Err(format!("this client authenticates with {method:?}"))),
    };
    Ok(if good { Ok(()) } else { Err("wrong secret".to_owned()) })
}

async fn verify_assertion(app: &App, client: &Client, jwt: &str) -> Result<Result<(), String>, ApiError> {
    let now = app.clock.now();
    let audiences = vec![app.issuer().to_owned(), format!("{}/oauth2/token", app.issuer())];
    let algorithms = vec![Alg::RS256, Alg::PS256, Alg::ES256, Alg::EdDSA];
    let rules = Rules::client_assertion(&client.id, audiences, algorithms, app.settings.clock_skew);
    let keys: Box<dyn KeySource> = match (&client.settings.jwks, &client.settings.jwks_uri) {
        (Some(jwks), _) => match Inline::new(jwks.to_string().as_bytes()) {
            Ok(keys) => Box::new(keys),
            Err(e) => return Ok(Err(format!("the client's jwks is unusable: {e}"))),
        },
        (None, Some(uri)) => match url::Url::parse(uri) {
            Ok(uri) => Box::new(app.key_sets.keys(&uri)),
            Err(e) => return Ok(Err(format!("the client's jwks_uri is unusable: {e}"))),
        },
        (None, None) => return Ok(Err("the client has neither jwks nor jwks_uri".to_owned())),
    };
    let claims = match verify(jwt, keys.as_ref(), &rules, now).await {
        Ok(claims) => claims,
        // That says nothing of the client, and is none of its failures.
        Err(e) if e.is_unasked() => {
            return Err(ApiError::of_others(e.to_string(), format!("client {:?}: {}", client.id, e.detail()), e.retry_after()));
        }
        Err(e) => return Ok(Err(e.detail())),
    };
    if claims.text("sub") != Some(client.id.as_str()) {
        return Ok(Err("sub is not the client".to_owned()));
    }
    let (Some(jti), Some(exp)) = (claims.text("jti"), claims.number("exp")) else {
        return Ok(Err("jti or exp is missing".to_owned()));
    };
    if exp > now + ASSERTION_LIFE {
        return Ok(Err(format!("exp is more than {ASSERTION_LIFE} seconds ahead")));
    }
    // Once, on any node and after any restart (fosite CVE-2020-15222).
    let id = secret::digest(&format!("assertion/{}/{jti}", client.id));
    let first = store::replays::take(&app.db, &id, exp + app.settings.clock_skew, now).await?;
    Ok(if first { Ok(()) } else { Err("the assertion was used before".to_owned()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn basic_credentials_are_form_decoded() {
        let header = |text: &str| format!("Basic {}", STANDARD.encode(text));
        assert_eq!(basic(&header("a%3Ab:c%26d+e")), Some(("a:b".into(), "c&d e".into())));
        assert_eq!(basic(&header("a:b&c")), Some(("a".into(), "b&c".into())));
        assert_eq!(basic(&header("a:")), None.or(Some(("a".into(), String::new()))));
        for bad in ["Bearer abc", "Basic", "Basic !", &header("nocolon")] {
            assert_eq!(basic(bad), None, "{bad}");
        }
    }
}
