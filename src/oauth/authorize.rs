//! The authorization request (RFC 6749 §4.1.1, OpenID Connect Core §3.1.2.1), read in two steps: who asks and where the
//! answer goes, then what is asked.

use serde::{Deserialize, Serialize};

use super::{
    client::{Client, GrantType},
    error::{Code, OAuthError, error},
    params::Params,
    pkce,
    protected_resource::admin_api,
    redirect_uri::RedirectUri,
    scope::Scopes,
};

/// How the answer travels to the redirect URI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResponseMode {
    /// In the query of a redirect.
    Query,
    /// In a form that the browser posts (OAuth 2.0 Form Post Response Mode).
    FormPost,
}

/// Where an answer, good or bad, may be sent.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Target {
    /// The client's own address.
    pub redirect_uri: RedirectUri,
    /// The client's `state`, returned as it came.
    pub state: Option<String>,
    /// How.
    pub response_mode: ResponseMode,
}

impl Target {
    /// The redirect URI of the request, which must be the client's. `redirect_uri` may be left out only when exactly
    /// one is registered (RFC 6749 §3.1.2.3).
    ///
    /// # Errors
    /// `invalid_request`, to be shown to the person and never sent anywhere (RFC 6749 §4.1.2.1).
    pub fn find(client: &Client, params: &Params) -> Result<Self, OAuthError> {
        let registered = &client.settings.redirect_uris;
        let redirect_uri = match (params.one("redirect_uri")?, registered.as_slice()) {
            (Some(named), _) => RedirectUri::choose(registered, named),
            (None, [only]) => Some(only.clone()),
            (None, _) => return Err(error(Code::InvalidRequest, "redirect_uri is missing")),
        };
        let redirect_uri = redirect_uri.ok_or(error(Code::InvalidRequest, "redirect_uri is not registered for this client"))?;
        let response_mode = match params.one("response_mode") {
            Ok(Some("form_post")) => ResponseMode::FormPost,
            _ => ResponseMode::Query,
        };
        Ok(Self { redirect_uri, state: params.one("state").ok().flatten().map(str::to_owned), response_mode })
    }
}

/// `prompt` (OpenID Connect Core §3.1.2.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[expect(clippy::struct_excessive_bools, reason = "four independent words of the protocol")]
pub struct Prompt {
    /// No page may be shown.
    pub none: bool,
    /// The person must sign in again.
    pub login: bool,
    /// The person must consent again.
    pub consent: bool,
    /// The person chooses an account: the provider is asked to, and an existing session is not used silently.
    pub select_account: bool,
}

/// A checked authorization request, as the pending login stores it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AuthorizeRequest {
    /// Who asks.
    pub client_id: String,
    /// Where the answer goes.
    pub target: Target,
    /// Whether `redirect_uri` stood in the request: then the code's redemption must repeat it (RFC 6749 §4.1.3).
    pub redirect_uri_named: bool,
    /// Granted scopes: asked for and allowed to this client.
    pub scope: Scopes,
    /// Echoed in the ID token.
    pub nonce: Option<String>,
    /// What the person must do.
    pub prompt: Prompt,
    /// Seconds since the last sign-in after which the person must sign in again.
    pub max_age: Option<i64>,
    /// Whom the client expects; prefills the form and goes upstream.
    pub login_hint: Option<String>,
    /// An ID token of ours whose subject must be the one who signs in.
    pub id_token_hint: Option<String>,
    /// Requested audiences (RFC 8707).
    pub resource: Vec<String>,
    /// The connection to use, by name.
    pub idp_hint: Option<String>,
    /// S256 challenge.
    pub code_challenge: Option<String>,
    /// Begun by the control plane in direct mode: the tokens land in cookies at the end, without a code.
    #[serde(default)]
    pub direct: bool,
    /// Begun at a SAML provider: the browser lands there at the end, without a code.
    #[serde(default)]
    pub landing: Option<String>,
}

/// The longest value of a single parameter; a row keeps them all.
const MAX_VALUE: usize = 2_048;

impl AuthorizeRequest {
    /// A request that no client sent: a sign-in that begins here or at a provider, for `client`.
    #[must_use]
    pub fn unasked(client: &Client, redirect_uri: RedirectUri, scope: Scopes) -> Self {
        Self {
            client_id: client.id.clone(),
            target: Target { redirect_uri, state: None, response_mode: ResponseMode::Query },
            redirect_uri_named: true,
            scope,
            nonce: None,
            prompt: Prompt::default(),
            max_age: None,
            login_hint: None,
            id_token_hint: None,
            resource: Vec::new(),
            idp_hint: None,
            code_challenge: None,
            direct: false,
            landing: None,
        }
    }

    /// Reads and checks what is asked of us, the `issuer`, once the target is known.
    ///
    /// # Errors
    /// The error to send to the target.
    pub fn parse(client: &Client, target: Target, params: &Params, issuer: &str) -> Result<Self, OAuthError> {
        params.once_each()?;
        let text = |name: &str| -> Result<Option<String>, OAuthError> {
            match params.one(name)? {
                Some(value) if value.len() > MAX_VALUE => Err(error(Code::InvalidRequest, "a parameter is too long")),
                value => Ok(value.map(str::to_owned)),
            }
        };
        match params.one("response_type")? {
            Some("code") => {}
            Some(_) => return Err(error(Code::UnsupportedResponseType, "only response_type=code is supported")),
            None => return Err(error(Code::InvalidRequest, "response_type is missing")),
        }
        match params.one("response_mode")? {
            None | Some("query" | "form_post") => {}
            Some(_) => return Err(error(Code::InvalidRequest, "response_mode must be query or form_post")),
        }
        if params.one("request")?.is_some() {
            return Err(error(Code::RequestNotSupported, "request objects are not supported"));
        }
        if params.one("request_uri")?.is_some() {
            return Err(error(Code::RequestUriNotSupported, "request_uri is not supported"));
        }
        if params.one("registration")?.is_some() {
            return Err(error(Code::RegistrationNotSupported, "registration is not supported"));
        }
        if !client.may(GrantType::AuthorizationCode) {
            return Err(error(Code::UnauthorizedClient, "this client may not use authorization codes"));
        }
        let _state_length = text("state")?;
        Ok(Self {
            client_id: client.id.clone(),
            redirect_uri_named: params.one("redirect_uri")?.is_some(),
            scope: parse_scope(client, params)?,
            nonce: text("nonce")?,
            prompt: parse_prompt(params)?,
            max_age: parse_max_age(params)?,
            login_hint: text("login_hint")?,
            id_token_hint: params.one("id_token_hint")?.filter(|t| t.len() <= 8_192).map(str::to_owned),
            resource: parse_resource(client, params, issuer)?,
            idp_hint: text("idp_hint")?,
            code_challenge: parse_challenge(client, params)?,
            direct: false,
            landing: None,
            target,
        })
    }
}

fn parse_scope(client: &Client, params: &Params) -> Result<Scopes, OAuthError> {
    let asked = Scopes::parse(params.one("scope")?.unwrap_or_default()).ok_or(error(Code::InvalidScope, "scope is malformed"))?;
    let granted = asked.limited_to(&client.settings.scopes);
    if granted.is_empty() && !asked.is_empty() {
        return Err(error(Code::InvalidScope, "none of the requested scopes is allowed to this client"));
    }
    Ok(granted)
}

fn parse_prompt(params: &Params) -> Result<Prompt, OAuthError> {
    let mut prompt = Prompt::default();
    let words: Vec<&str> = params.one("prompt")?.unwrap_or_default().split(' ').filter(|w| !w.is_empty()).collect();
    for word in &words {
        match *word {
            "none" => prompt.none = true,
            "login" => prompt.login = true,
            "consent" => prompt.consent = true,
            "select_account" => prompt.select_account = true,
            _ => return Err(error(Code::InvalidRequest, "prompt has an unknown word")),
        }
    }
    if prompt.none && words.len() > 1 {
        return Err(error(Code::InvalidRequest, "prompt=none stands alone"));
    }
    Ok(prompt)
}

fn parse_max_age(params: &Params) -> Result<Option<i64>, OAuthError> {
    let Some(text) = params.one("max_age")? else { return Ok(None) };
    match text.parse::<i64>() {
        Ok(seconds) if (0..=i64::from(u32::MAX)).contains(&seconds) => Ok(Some(seconds)),
        _ => Err(error(Code::InvalidRequest, "max_age must be a number of seconds")),
    }
}

/// Audiences asked for; each must be one that the client may ask for (RFC 8707 §2: absolute, without fragment). The admin API
/// stands alone: whoever else took such a token could administer with it.
///
/// # Errors
/// `invalid_target` for any other.
pub fn parse_resource(client: &Client, params: &Params, issuer: &str) -> Result<Vec<String>, OAuthError> {
    let asked = params.all("resource");
    if asked.iter().any(|resource| !client.may_ask_for(resource, issuer)) {
        return Err(error(Code::InvalidTarget, "the resource is not known for this client"));
    }
    let administers = admin_api(issuer);
    if asked.iter().any(|resource| *resource == administers) && asked.iter().any(|resource| *resource != administers) {
        return Err(error(Code::InvalidTarget, "a token for the admin API is for nothing else: ask for that resource alone"));
    }
    Ok(asked.into_iter().map(str::to_owned).collect())
}

fn parse_challenge(client: &Client, params: &Params) -> Result<Option<String>, OAuthError> {
    let challenge = params.one("code_challenge")?;
    match (challenge, params.one("code_challenge_method")?) {
        (Some(challenge), Some("S256")) if pkce::is_challenge(challenge) => Ok(Some(challenge.to_owned())),
        (Some(_), Some("S256")) => Err(error(Code::InvalidRequest, "code_challenge is malformed")),
        (Some(_), _) => Err(error(Code::InvalidRequest, "code_challenge_method must be S256")),
        (None, Some(_)) => Err(error(Code::InvalidRequest, "code_challenge is missing")),
        (None, None) if client.is_public() => Err(error(Code::InvalidRequest, "public clients must use PKCE with S256")),
        (None, None) => Ok(None),
    }
}
