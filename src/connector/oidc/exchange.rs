//! The code exchange: who we say we are to the token endpoint, and what it answers. The request is oauth2's; the answer
//! is put in order before oauth2 reads it, because real providers bend it.

use std::sync::atomic::{AtomicU8, Ordering};

use http::{HeaderValue, Request, Response, StatusCode, header};
use oauth2::{
    AuthType, AuthorizationCode, Client, ClientId, ClientSecret, ExtraTokenFields, PkceCodeVerifier, RedirectUrl,
    RequestTokenError, StandardRevocableToken, StandardTokenResponse, TokenResponse as _, TokenUrl,
    basic::{BasicErrorResponse, BasicRevocationErrorResponse, BasicTokenIntrospectionResponse, BasicTokenType},
};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use url::Url;

use super::{metadata::Provider, response::refusal, signed::client_assertion};
use crate::{
    connector::Error,
    outbound::{Outbound, OutboundError},
    policy::{
        cause::{Cause, Fault, Saying},
        connection::{OidcSettings, TokenAuth},
    },
    token::ring::KeyRing,
};

/// RFC 7523 §2.2.
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// How one request authenticates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Method {
    Basic = 1,
    Post = 2,
    Assertion = 3,
    Public = 4,
}

impl Method {
    fn as_str(self) -> &'static str {
        match self {
            Self::Basic => "client_secret_basic",
            Self::Post => "client_secret_post",
            Self::Assertion => "private_key_jwt",
            Self::Public => "none",
        }
    }
}

/// What the token endpoint gave.
pub(crate) struct Tokens {
    pub id_token: String,
    pub access_token: Option<SecretString>,
}

/// The same, where no ID token need be among it.
pub struct Received {
    /// OpenID Connect.
    pub id_token: Option<String>,
    /// RFC 6749 §5.1.
    pub access_token: Option<SecretString>,
}

/// A code to redeem at an issuer of which only the token endpoint is known.
pub struct CodeExchange<'a> {
    /// Where.
    pub token_endpoint: &'a str,
    /// Our id there.
    pub client_id: &'a str,
    /// What proves it.
    pub secret: Option<&'a SecretString>,
    /// The code.
    pub code: &'a str,
    /// PKCE.
    pub verifier: &'a str,
    /// As in the authorization request.
    pub redirect_uri: &'a str,
}

/// Redeems a code at an issuer whose browsers we sign in without a connection of ours; `now` is unix seconds.
///
/// # Errors
/// When it refuses, cannot be reached, or answers nothing usable.
pub async fn exchange_code(
    outbound: &Outbound,
    ring: &KeyRing,
    exchange: &CodeExchange<'_>,
    now: i64,
) -> Result<Received, Error> {
    let endpoint = Url::parse(exchange.token_endpoint);
    let endpoint =
        endpoint.map_err(|e| Error::Misconfigured(Cause::Endpoint.with(format!("the token endpoint is no URL: {e}"))))?;
    let provider = Provider {
        issuer: String::new(),
        authorization_endpoint: endpoint.clone(),
        userinfo_endpoint: None,
        jwks_uri: endpoint.clone(),
        token_endpoint: endpoint,
        auth_methods: None,
        promises_iss: false,
        takes_requests: None,
    };
    let oidc = OidcSettings { client_id: exchange.client_id.to_owned(), ..OidcSettings::default() };
    let CodeExchange { secret, code, verifier, redirect_uri, .. } = *exchange;
    let redemption = Redemption { oidc: &oidc, secret, provider: &provider, ring, outbound, code, verifier, redirect_uri, now };
    Exchange::default().receive(&redemption).await
}

/// Redeems codes at one provider, and remembers how it wants to be spoken to.
#[derive(Default)]
pub(crate) struct Exchange {
    /// The method that last worked, 0 for none yet: trying may burn a code, so it is done once and not at each sign-in.
    worked: AtomicU8,
}

/// One code to redeem.
pub(crate) struct Redemption<'a> {
    pub oidc: &'a OidcSettings,
    pub secret: Option<&'a SecretString>,
    pub provider: &'a Provider,
    pub ring: &'a KeyRing,
    pub outbound: &'a Outbound,
    pub code: &'a str,
    pub verifier: &'a str,
    pub redirect_uri: &'a str,
    /// Unix seconds.
    pub now: i64,
}

#[derive(Debug, Default, Deserialize, Serialize)]
struct Extra {
    id_token: Option<String>,
}

impl ExtraTokenFields for Extra {}

type Answer = StandardTokenResponse<Extra, BasicTokenType>;
type TokenClient =
    Client<BasicErrorResponse, Answer, BasicTokenIntrospectionResponse, StandardRevocableToken, BasicRevocationErrorResponse>;

/// What became of one request.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Outbound(#[from] OutboundError),
    #[error("status {status}, error {error:?}")]
    Answered { status: u16, error: String, description: String },
    #[error("{0}")]
    Unreadable(&'static str),
    #[error(transparent)]
    Unsigned(Error),
}

impl Failure {
    fn is(&self, code: &str) -> bool {
        matches!(self, Self::Answered { error, .. } if error == code)
    }
}

impl Exchange {
    /// Redeems a code. With `auto`, a second method is tried once when the first is answered with `invalid_client`.
    ///
    /// # Errors
    /// When the provider refuses, cannot be reached, or answers nothing usable.
    pub(crate) async fn redeem(&self, redemption: &Redemption<'_>) -> Result<Tokens, Error> {
        let Received { id_token, access_token } = self.receive(redemption).await?;
        let missing = "the token endpoint sent no id_token; do the connection's scopes hold openid?";
        Ok(Tokens { id_token: id_token.ok_or_else(|| Error::Unreachable(Cause::NoIdToken.with(missing)))?, access_token })
    }

    async fn receive(&self, redemption: &Redemption<'_>) -> Result<Received, Error> {
        let worked = self.worked.load(Ordering::Relaxed);
        let oidc = redemption.oidc;
        let advertised = redemption.provider.auth_methods.as_deref();
        let mut methods = order(oidc.token_endpoint_auth_method, advertised, redemption.secret.is_some());
        methods.sort_by_key(|m| *m as u8 != worked);
        let mut tried: Option<Method> = None;
        for (at, &method) in methods.iter().enumerate() {
            match ask(redemption, method).await {
                Ok(tokens) => {
                    self.worked.store(method as u8, Ordering::Relaxed);
                    return Ok(tokens);
                }
                Err(failure) if failure.is("invalid_client") && at + 1 < methods.len() => tried = Some(method),
                Err(failure) => {
                    let burnt = tried.filter(|_| failure.is("invalid_grant"));
                    if burnt.is_some() {
                        // It got as far as the code, so this is how to authenticate.
                        self.worked.store(method as u8, Ordering::Relaxed);
                    }
                    return Err(explain(failure, method, tried, burnt, redemption));
                }
            }
        }
        let nothing = "the provider offers no way to authenticate that the connection can use";
        Err(Error::Misconfigured(Cause::Settings.with(nothing)))
    }
}

/// The methods to try, in order.
fn order(setting: TokenAuth, advertised: Option<&[String]>, has_secret: bool) -> Vec<Method> {
    let offers = |method: Method| advertised.is_none_or(|list| list.iter().any(|m| m == method.as_str()));
    match setting {
        TokenAuth::ClientSecretBasic => vec![Method::Basic],
        TokenAuth::ClientSecretPost => vec![Method::Post],
        TokenAuth::PrivateKeyJwt => vec![Method::Assertion],
        TokenAuth::None => vec![Method::Public],
        TokenAuth::Auto if !has_secret => vec![Method::Public],
        TokenAuth::Auto if offers(Method::Basic) => vec![Method::Basic, Method::Post],
        TokenAuth::Auto if offers(Method::Post) => vec![Method::Post],
        TokenAuth::Auto if offers(Method::Assertion) => vec![Method::Assertion],
        TokenAuth::Auto => vec![Method::Basic, Method::Post],
    }
}

async fn ask(redemption: &Redemption<'_>, method: Method) -> Result<Received, Failure> {
    let Redemption { oidc, provider, outbound, .. } = *redemption;
    let token_url = TokenUrl::new(provider.token_endpoint.to_string());
    let redirect = RedirectUrl::new(redemption.redirect_uri.to_owned());
    let (Ok(token_url), Ok(redirect)) = (token_url, redirect) else {
        return Err(Failure::Unreadable("the token endpoint or the callback is no URL"));
    };
    let auth = if method == Method::Basic { AuthType::BasicAuth } else { AuthType::RequestBody };
    let mut client = TokenClient::new(ClientId::new(oidc.client_id.clone()))
        .set_token_uri(token_url)
        .set_redirect_uri(redirect)
        .set_auth_type(auth);
    if let (Method::Basic | Method::Post, Some(secret)) = (method, redemption.secret) {
        client = client.set_client_secret(ClientSecret::new(secret.expose_secret().to_owned()));
    }
    let mut request = client
        .exchange_code(AuthorizationCode::new(redemption.code.to_owned()))
        .set_pkce_verifier(PkceCodeVerifier::new(redemption.verifier.to_owned()));
    if method == Method::Assertion {
        let assertion = client_assertion(redemption.ring, &oidc.client_id, provider.token_endpoint.as_str(), redemption.now);
        let assertion = assertion.map_err(Failure::Unsigned)?;
        request = request.add_extra_param("client_assertion_type", ASSERTION_TYPE).add_extra_param("client_assertion", assertion);
    }
    let http = |request: Request<Vec<u8>>| {
        let outbound = outbound.clone();
        async move { in_order(outbound.send("token", request).await?) }
    };
    let answer = request.request_async(&http).await.map_err(|error| match error {
        RequestTokenError::Request(failure) => failure,
        _ => Failure::Unreadable("the token endpoint's answer is not a token response (RFC 6749 §5.1)"),
    })?;
    let access_token = Some(answer.access_token().secret()).filter(|t| !t.is_empty());
    let id_token = answer.extra_fields().id_token.clone().filter(|t| !t.is_empty());
    Ok(Received { id_token, access_token: access_token.map(|t| SecretString::from(t.clone())) })
}

/// Puts an answer into the form that oauth2 reads: numbers that came as text, lists, members that are null, media types.
fn in_order(response: Response<Vec<u8>>) -> Result<Response<Vec<u8>>, Failure> {
    let status = response.status();
    let body: Option<Map<String, Value>> = serde_json::from_slice(response.body()).ok();
    if !status.is_success() || body.as_ref().is_some_and(|b| b.contains_key("error") && !b.contains_key("id_token")) {
        let text = |name: &str| body.as_ref().and_then(|b| b.get(name)).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (mut error, description) = (text("error"), text("error_description"));
        if error.is_empty() && status == StatusCode::UNAUTHORIZED {
            error = "invalid_client".to_owned();
        }
        return Err(Failure::Answered { status: status.as_u16(), error, description });
    }
    let Some(mut body) = body else { return Err(Failure::Unreadable("the token endpoint's answer is not a JSON object")) };
    body.retain(|_, value| !value.is_null());
    let seconds = match body.remove("expires_in") {
        Some(Value::String(text)) => text.trim().parse::<u64>().ok(),
        Some(Value::Number(number)) => number.as_u64(),
        _ => None,
    };
    body.extend(seconds.map(|s| ("expires_in".to_owned(), s.into())));
    // Neither is used, so neither may stand in the way.
    body.remove("scope");
    body.remove("refresh_token");
    body.insert("token_type".to_owned(), "Bearer".into());
    match body.entry("access_token").or_insert_with(|| "".into()) {
        // Such a token would panic where it becomes a header.
        Value::String(token) if token.bytes().all(|b| (0x20..0x7f).contains(&b)) => {}
        _ => return Err(Failure::Unreadable("the access token is not printable ASCII (RFC 6749 appendix A.12)")),
    }
    let whole = serde_json::to_vec(&body).map_err(|_| Failure::Unreadable("the token endpoint's answer is not JSON"))?;
    let mut ordered = Response::new(whole);
    ordered.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(ordered)
}

fn explain(failure: Failure, method: Method, tried: Option<Method>, burnt: Option<Method>, redemption: &Redemption<'_>) -> Error {
    let (status, error, description) = match failure {
        Failure::Outbound(e) => return Error::unreachable("token endpoint", &e),
        Failure::Unreadable(what) => return Error::Unreachable(Cause::ProviderAnswer.with(what)),
        Failure::Unsigned(error) => return error,
        Failure::Answered { status, error, description } => (status, error, description),
    };
    let with_secret = redemption.secret.is_some();
    let Fault { cause, detail: said } = refusal(&Saying { error: &error, description: &description, with_secret });
    let method = method.as_str();
    if let Some(first) = burnt {
        return Error::Refused(Cause::AuthMethod.with(format!(
            "token endpoint: {said}: the try with {} used the code up before {method} was accepted; the next sign-in will work, \
             and setting token_endpoint_auth_method to {method} makes it certain",
            first.as_str()
        )));
    }
    match error.as_str() {
        "invalid_client" => {
            let ways = tried.map_or_else(|| method.to_owned(), |first| format!("{} and {method}", first.as_str()));
            let fix = match redemption.secret {
                Some(_) => {
                    "the client secret is wrong or has expired, or the client_id is unknown; make a new secret at the provider"
                }
                None => "the provider wants the client to authenticate; set a client secret, or register gatehouse's keys there",
            };
            Error::Misconfigured(cause.with(format!("token endpoint ({ways}): {said}: {fix}")))
        }
        "invalid_grant" => Error::Refused(cause.with(format!(
            "token endpoint: {said}: the code was used before or has expired, or the redirect URI registered at the provider is not {}",
            redemption.redirect_uri
        ))),
        "" => {
            let status = format!("the token endpoint answered with status {status} and no OAuth error");
            Error::Unreachable(Cause::ProviderStatus.with(status))
        }
        _ => Error::Refused(cause.with(format!("token endpoint: {said} (status {status})"))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn auto_prefers_basic_and_falls_back_to_post() {
        let list = |names: &[&str]| names.iter().map(|&n| n.to_owned()).collect::<Vec<_>>();
        let auto = |advertised: Option<Vec<String>>| order(TokenAuth::Auto, advertised.as_deref(), true);
        assert_eq!(auto(None), [Method::Basic, Method::Post]);
        assert_eq!(auto(Some(list(&["client_secret_post", "client_secret_basic"]))), [Method::Basic, Method::Post]);
        assert_eq!(auto(Some(list(&["client_secret_post", "private_key_jwt"]))), [Method::Post]);
        assert_eq!(auto(Some(list(&["private_key_jwt"]))), [Method::Assertion]);
        assert_eq!(auto(Some(list(&["tls_client_auth"]))), [Method::Basic, Method::Post]);
        assert_eq!(order(TokenAuth::Auto, None, false), [Method::Public]);
        assert_eq!(order(TokenAuth::PrivateKeyJwt, None, true), [Method::Assertion]);
    }

    fn ordered(status: u16, body: &Value) -> Result<Value, Failure> {
        let mut response = Response::new(body.to_string().into_bytes());
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        in_order(response).map(|r| serde_json::from_slice(r.body()).unwrap())
    }

    #[test]
    fn bent_answers_are_read_and_harmful_ones_are_not() {
        for (sent, expires) in
            [(json!("300"), json!(300)), (json!(300.5), Value::Null), (json!(null), Value::Null), (json!([]), Value::Null)]
        {
            let read = ordered(
                201,
                &json!({"access_token": "a", "token_type": "weird", "expires_in": sent, "scope": ["a"], "id_token": "x"}),
            );
            let read = read.unwrap();
            assert_eq!(read.get("expires_in").cloned().unwrap_or_default(), expires);
            assert_eq!(read["token_type"], "Bearer");
        }
        assert_eq!(ordered(200, &json!({"id_token": "x"})).unwrap()["access_token"], "");
        for token in [json!("a\nb"), json!("a\u{0}"), json!("ä"), json!(7)] {
            assert!(ordered(200, &json!({"access_token": token, "id_token": "x"})).is_err());
        }
        assert!(ordered(200, &json!(["x"])).is_err());
        assert!(ordered(200, &json!({"error": "invalid_grant"})).unwrap_err().is("invalid_grant"));
        assert!(ordered(401, &json!("gone")).unwrap_err().is("invalid_client"));
    }
}
