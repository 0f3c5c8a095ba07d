//! `clients:`: OAuth clients of ours.

use serde_json::Value;

use super::{place, tenant::lifetime};
use crate::{
    apply::{
        desired::ClientFile,
        reader::{Context, Fields, Text, choose},
        yaml::{At, Kind, Node},
    },
    oauth::{
        client::{ClientAuth, ClientSettings, GrantType, SigningAlg},
        redirect_uri::RedirectUri,
        scope::Scopes,
    },
    policy::connection::url_problem,
};

/// Most redirect URIs of a kind: in longer lists nobody sees the one that does not belong there, and the audit log cuts them.
const MOST_URIS: usize = 50;
const GRANTS: [(&str, GrantType); 7] = [
    ("authorization_code", GrantType::AuthorizationCode),
    ("refresh_token", GrantType::RefreshToken),
    ("client_credentials", GrantType::ClientCredentials),
    ("token_exchange", GrantType::TokenExchange),
    ("jwt_bearer", GrantType::JwtBearer),
    ("urn:ietf:params:oauth:grant-type:token-exchange", GrantType::TokenExchange),
    ("urn:ietf:params:oauth:grant-type:jwt-bearer", GrantType::JwtBearer),
];
const METHODS: [(&str, ClientAuth); 4] = [
    ("client_secret_basic", ClientAuth::ClientSecretBasic),
    ("client_secret_post", ClientAuth::ClientSecretPost),
    ("private_key_jwt", ClientAuth::PrivateKeyJwt),
    ("none", ClientAuth::None),
];

pub fn read(context: &Context<'_>, node: &Node) -> Option<ClientFile> {
    let mut f = Fields::of(context, node, "a client")?;
    let id = f.required_text("client_id").filter(|id| valid_id(context, id));
    let name = f.name("name");
    let (trusted, enabled) = (f.bool("trusted").unwrap_or_default(), f.bool("enabled"));
    let (has_secret, has_keys) = (f.has("secret"), f.has("jwks") || f.has("jwks_uri"));
    let secret = f.lasting_secret("secret").map(|(_, secret)| secret);
    let default = ClientSettings::default();
    let (uris_at, leaving_at) = (place(node, "redirect_uris"), place(node, "post_logout_redirect_uris"));
    let wanted = f.list("redirect_uris");
    let redirect_uris = uris(context, uris_at, &wanted, "redirect_uris");
    let grant_types = grants(&mut f).unwrap_or_else(|| default.grant_types.clone());
    let jwks = f.take("jwks").and_then(|n| read_jwks(context, n));
    let jwks_uri = f.text("jwks_uri").filter(|t| url(context, "jwks_uri", t));
    let backchannel = f.text("backchannel_logout_uri").filter(|t| url(context, "backchannel_logout_uri", t));
    let method = f.choice("token_endpoint_auth_method", &METHODS);
    let algs = SigningAlg::ALL.map(|a| (a.as_str(), a));
    let settings = ClientSettings {
        post_logout_redirect_uris: uris(context, leaving_at, &f.list("post_logout_redirect_uris"), "post_logout_redirect_uris"),
        scopes: scopes(&mut f).unwrap_or(default.scopes),
        resources: f.texts("resources").into_iter().filter(|t| resource(context, t)).map(|t| t.value).collect(),
        access_token_alg: f.choice("access_token_alg", &algs),
        id_token_alg: f.choice("id_token_alg", &algs),
        access_token_lifetime: lifetime(&mut f, "access_token_lifetime"),
        refresh_token_lifetime: lifetime(&mut f, "refresh_token_lifetime"),
        virtual_account: f.value("virtual_account"),
        directory: f.value("directory"),
        admin_api: f.bool("admin_api").unwrap_or_default(),
        auth: authentication(context, node.at, method, has_secret, has_keys),
        jwks,
        jwks_uri: jwks_uri.map(|t| t.value),
        backchannel_logout_uri: backchannel.map(|t| t.value),
        backchannel_logout_session_required: f.bool("backchannel_logout_session_required").unwrap_or_default(),
        redirect_uris,
        grant_types,
    };
    f.finish();
    if wanted.is_empty() && settings.grant_types.contains(&GrantType::AuthorizationCode) {
        context.problem(node.at, "a client with the grant authorization_code needs redirect_uris");
    }
    client_credentials(context, node.at, &settings);
    let id = id?;
    let name = name.unwrap_or_else(|| id.value.clone());
    Some(ClientFile { at: id.at, id: id.value, name, secret, trusted, enabled, settings, uris_at })
}

/// What the client must show, from what it has; contradictions are noted.
fn authentication(context: &Context<'_>, at: At, method: Option<ClientAuth>, secret: bool, keys: bool) -> ClientAuth {
    let wrong = match (method, secret, keys) {
        (None, true, true) => "the client has a secret and keys; say which counts with token_endpoint_auth_method",
        (Some(ClientAuth::None), true, _) => "token_endpoint_auth_method none means a public client; remove its secret",
        (Some(ClientAuth::None), _, true) => "token_endpoint_auth_method none means a public client; remove its keys",
        (Some(ClientAuth::PrivateKeyJwt), true, _) => "private_key_jwt uses no secret; remove it",
        (Some(ClientAuth::PrivateKeyJwt), _, false) => "private_key_jwt needs jwks or jwks_uri",
        (Some(ClientAuth::ClientSecretBasic | ClientAuth::ClientSecretPost), false, _) => {
            "this token_endpoint_auth_method needs a secret"
        }
        _ => "",
    };
    if !wrong.is_empty() {
        context.problem(at, wrong);
    }
    method.unwrap_or(match (secret, keys) {
        (true, _) => ClientAuth::Secret,
        (false, true) => ClientAuth::PrivateKeyJwt,
        (false, false) => ClientAuth::None,
    })
}

/// Who has only to name itself would act as the account, or push for the directory (RFC 6749 §4.4: confidential clients only).
fn client_credentials(context: &Context<'_>, at: At, settings: &ClientSettings) {
    let granted = settings.grant_types.contains(&GrantType::ClientCredentials);
    let wrong = match (granted, &settings.virtual_account, &settings.directory) {
        (_, Some(_), Some(_)) => "a client has a virtual_account or a directory; make another one for the other",
        (true, None, None) => {
            "the grant client_credentials needs virtual_account, the name of the one that the client acts as, or directory"
        }
        (false, Some(_), None) => "virtual_account needs client_credentials in grant_types",
        (false, None, Some(_)) => "directory needs client_credentials in grant_types",
        (true, ..) if settings.auth == ClientAuth::None => "the grant client_credentials needs a secret, jwks or jwks_uri",
        _ => return,
    };
    context.problem(at, wrong);
}

fn valid_id(context: &Context<'_>, id: &Text) -> bool {
    let valid = (1..=255).contains(&id.value.len()) && id.value.bytes().all(|b| (0x21..0x7f).contains(&b));
    if !valid {
        context.problem(id.at, "client_id must be 1 to 255 printable ASCII characters without spaces");
    }
    valid
}

fn uris(context: &Context<'_>, at: At, items: &[&Node], name: &str) -> Vec<RedirectUri> {
    if items.len() > MOST_URIS {
        context.problem(at, format!("{name} must be at most {MOST_URIS}, not {}; make another client for the rest", items.len()));
    }
    let register = |t: Text| match RedirectUri::register(&t.value) {
        Ok(uri) => Some(uri),
        Err(why) => {
            context.problem(t.at, format!("redirect URI {:?} {why}", t.raw));
            None
        }
    };
    items.iter().filter_map(|n| context.text(n, name)).filter_map(register).collect()
}

fn grants(f: &mut Fields<'_, '_>) -> Option<Vec<GrantType>> {
    let node = f.take("grant_types")?;
    let Kind::List(items) = &node.kind else {
        f.context.problem(node.at, format!("grant_types must be a list, not {}", node.what()));
        return None;
    };
    let read = |n: &Node| choose(f.context, &f.context.text(n, "grant_types")?, "grant_types", &GRANTS);
    Some(items.iter().filter_map(read).collect())
}

fn scopes(f: &mut Fields<'_, '_>) -> Option<Scopes> {
    let node = f.take("scopes")?;
    let words: Vec<String> = match &node.kind {
        Kind::List(items) => items.iter().filter_map(|n| f.context.text(n, "scopes")).map(|t| t.value).collect(),
        _ => vec![f.context.text(node, "scopes")?.value],
    };
    let scopes = Scopes::parse(&words.join(" "));
    if scopes.is_none() {
        f.context.problem(node.at, "scopes must be at most 50 words of ASCII without quotes and backslashes");
    }
    scopes
}

/// Public keys only: a private one in our hands is a leak that we name.
fn read_jwks(context: &Context<'_>, node: &Node) -> Option<Value> {
    let value = node.to_json();
    let keys = value.get("keys").and_then(Value::as_array);
    let why = match keys {
        None => Some("jwks must be a JWK set: {keys: [...]}"),
        Some(keys) if keys.is_empty() => Some("jwks holds no key"),
        Some(keys) if keys.iter().any(|k| k.get("kty").and_then(Value::as_str).is_none()) => {
            Some("each key of jwks must be a mapping with kty")
        }
        Some(keys) if keys.iter().any(|k| k.get("d").is_some() || k.get("k").is_some()) => {
            Some("jwks must hold public keys only; remove the private parts (d, p, q, … and symmetric k)")
        }
        Some(_) => None,
    };
    if let Some(why) = why {
        context.problem(node.at, why);
        return None;
    }
    Some(value)
}

fn url(context: &Context<'_>, name: &str, text: &Text) -> bool {
    let problem = url_problem(name, &text.value);
    let good = problem.is_none();
    problem.into_iter().for_each(|p| context.problem(text.at, p));
    good
}

/// RFC 8707 §2: an absolute URI without fragment.
fn resource(context: &Context<'_>, text: &Text) -> bool {
    let good = url::Url::parse(&text.value).is_ok_and(|u| u.fragment().is_none());
    if !good {
        context.problem(text.at, format!("resource {:?} must be an absolute URI without fragment", text.raw));
    }
    good
}
