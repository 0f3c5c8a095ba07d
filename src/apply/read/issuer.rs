//! `trusted_issuers:`, written out or in the reference shape `jwt_validation`.

use super::{claims, note, place, tenant};
use crate::{
    apply::{
        desired::IssuerFile,
        reader::{Context, Fields, Text},
        yaml::{At, Node},
    },
    policy::{
        identity::EmailTrust,
        jwt_validation,
        site::OURSELVES,
        trusted_issuer::{
            Introspection, IntrospectionAuth, IntrospectionContent, IssuerSecrets, IssuerSettings, Matching, OauthClient,
        },
    },
    token::jwks,
};

/// The word that leaves issuer or audience open on purpose.
const ANY: &str = "any";
/// What `jwt_validation` says in its own words.
const SAID_THERE: [&str; 12] = [
    "jwks_uri",
    "jwks",
    "introspection_endpoint",
    "introspection_cache_max_age",
    "introspection_content_type",
    "algorithms",
    "required_claims",
    "claim_values",
    "header_key",
    "clock_tolerance",
    "cache_max_age",
    "max_token_age",
];
const AUTH: [(&str, IntrospectionAuth); 4] = [
    ("client_secret_basic", IntrospectionAuth::ClientSecretBasic),
    ("client_secret_post", IntrospectionAuth::ClientSecretPost),
    ("bearer", IntrospectionAuth::Bearer),
    ("none", IntrospectionAuth::None),
];

pub fn read(context: &Context<'_>, node: &Node) -> Option<IssuerFile> {
    let mut f = Fields::of(context, node, "a trusted issuer")?;
    let name = f.required_text("name").filter(|name| valid_name(context, name) && !is_ours(context, name));
    let enabled = f.bool("enabled");
    let mut secrets = IssuerSecrets::default();
    let reference = f.take("jwt_validation");
    let settings = match reference {
        Some(reference) => {
            for key in SAID_THERE {
                if f.take(key).is_some() {
                    context.problem(place(node, key), format!("{key} is for jwt_validation to say; keep one of the two"));
                }
            }
            converted(context, reference)
        }
        None => Some(written(&mut f)),
    };
    let whole = settings.is_some();
    let mut settings = settings.unwrap_or_default();
    if whole {
        pins(&mut f, place(node, "issuer"), &mut settings);
    } else {
        // What jwt_validation names could not be read, so nothing is missing.
        let _ = (f.take("issuer"), f.take("audience"));
    }
    introspection(&mut f, node, &mut settings, &mut secrets);
    settings.unique_id_claim = f.value("unique_id_claim").unwrap_or_else(|| "sub".to_owned());
    settings.email_claim = f.value("email_claim").unwrap_or_else(|| "email".to_owned());
    let trusts = [EmailTrust::Verified, EmailTrust::Domain, EmailTrust::Never];
    settings.email_trust = f.choice("email_trust", &trusts.map(|t| (t.as_str(), t)));
    settings.matching = f.choice("match", &[("best", Matching::Best), ("all", Matching::All)]).unwrap_or_default();
    settings.oauth_client = f.take("oauth_client").and_then(|n| oauth_client(context, n, &mut secrets));
    f.finish();
    if whole {
        let mut problems = settings.problems(&secrets);
        problems.extend(settings.jwks.as_ref().and_then(unusable));
        match reference {
            None => note(context, node, problems),
            Some(reference) => problems.into_iter().for_each(|text| context.problem(reference.at, text)),
        }
    }
    let name = name?;
    Some(IssuerFile { at: name.at, name: name.value, enabled, settings, secrets })
}

/// Issuers, external identities and virtual accounts are called by letters, digits and hyphens.
pub fn valid_name(context: &Context<'_>, name: &Text) -> bool {
    tenant::valid_name(context, name, |c| c.is_ascii_alphanumeric() || c == '-', "letters, digits and hyphens")
}

fn is_ours(context: &Context<'_>, name: &Text) -> bool {
    let ours = name.value == OURSELVES;
    if ours {
        context.problem(name.at, format!("{OURSELVES} stands for our own tokens; choose another name"));
    }
    ours
}

fn converted(context: &Context<'_>, node: &Node) -> Option<IssuerSettings> {
    let shape = context.json(node)?;
    jwt_validation::convert(&shape)
        .map_err(|why| {
            let key = why.split([' ', ':']).next().unwrap_or_default();
            context.problem(place(node, key), format!("jwt_validation: {why}"));
        })
        .ok()
}

fn written(f: &mut Fields<'_, '_>) -> IssuerSettings {
    let context = f.context;
    let defaults = IssuerSettings::default();
    IssuerSettings {
        jwks_uri: f.value("jwks_uri"),
        jwks: f.take("jwks").and_then(|node| context.json(node)),
        algorithms: f.one_or_more("algorithms"),
        required_claims: f.one_or_more("required_claims"),
        claim_values: f.take("claim_values").map(|n| claims::read(context, n, "claim_values")).unwrap_or_default(),
        clock_tolerance: tenant::span(f, "clock_tolerance", 0).unwrap_or(defaults.clock_tolerance),
        cache_max_age: tenant::span(f, "cache_max_age", 1).unwrap_or(defaults.cache_max_age),
        max_token_age: tenant::span(f, "max_token_age", 1),
        header_key: f.value("header_key").filter(|name| !name.eq_ignore_ascii_case("authorization")),
        introspection: f.value("introspection_endpoint").map(|endpoint| Introspection {
            endpoint,
            auth: IntrospectionAuth::None,
            content: f
                .choice(
                    "introspection_content_type",
                    &[
                        ("application/x-www-form-urlencoded", IntrospectionContent::Form),
                        ("application/json", IntrospectionContent::Json),
                    ],
                )
                .unwrap_or_default(),
            cache_max_age: tenant::span(f, "introspection_cache_max_age", 0).unwrap_or_default(),
            ..Introspection::default()
        }),
        ..defaults
    }
}

/// Issuer and audience: both must be named, or left open in so many words.
fn pins(f: &mut Fields<'_, '_>, issuer_at: At, settings: &mut IssuerSettings) {
    let context = f.context;
    let issuers = f.one_or_more("issuer");
    match issuers.as_slice() {
        [any] if any == ANY => {
            if settings.issuer.is_some() {
                context.problem(issuer_at, "issuer: any contradicts jwt_validation, which names one");
            }
        }
        [] if settings.pins_issuer() => {}
        [] => context.missing(
            f.at,
            "issuer",
            "issuer is missing: give the value of iss, byte for byte, or `any` to accept any issuer",
        ),
        names if names.iter().any(|name| name == ANY) => context.problem(issuer_at, "issuer: any stands alone, or not at all"),
        names => {
            if settings.issuer.is_some() && !settings.issuers().eq(names) {
                context.problem(issuer_at, "issuer is another one than jwt_validation names; keep one of the two");
            }
            settings.name_issuers(names.to_vec());
        }
    }
    let audience_at = f.place("audience");
    let audience = f.one_or_more("audience");
    match audience.as_slice() {
        [any] if any == ANY => {
            if !settings.audience.is_empty() {
                context.problem(audience_at, "audience: any contradicts jwt_validation, which names one");
            }
        }
        [] if settings.pins_audience() => {}
        [] => context.missing(
            f.at,
            "audience",
            "audience is missing: give the values of aud that are meant for you, or `any` to accept tokens for other services",
        ),
        names if names.iter().any(|name| name == ANY) => {
            context.problem(audience_at, "audience: any stands alone, or not at all");
        }
        names => {
            if !settings.audience.is_empty() && settings.audience != names {
                context.problem(f.at, "audience is another one than jwt_validation names; keep one of the two");
            }
            settings.audience = names.to_vec();
        }
    }
}

/// What we prove ourselves with; the reference shape has no words for that.
fn introspection(f: &mut Fields<'_, '_>, node: &Node, settings: &mut IssuerSettings, secrets: &mut IssuerSecrets) {
    const ITS: [&str; 6] = [
        "introspection_client_id",
        "introspection_client_secret",
        "introspection_client_secret_expires_on",
        "introspection_auth",
        "introspection_cache_max_age",
        "introspection_content_type",
    ];
    let context = f.context;
    let shared = f.bool("introspection_shared").unwrap_or_default();
    let Some(introspection) = &mut settings.introspection else {
        if shared {
            context.problem(place(node, "introspection_shared"), "introspection_shared needs introspection_endpoint");
        }
        for key in ITS {
            if f.take(key).is_some() {
                context.problem(place(node, key), format!("{key} needs introspection_endpoint"));
            }
        }
        return;
    };
    let id = f.value("introspection_client_id");
    introspection.client_secret_expires_on = f.value("introspection_client_secret_expires_on");
    let has_secret = f.has("introspection_client_secret");
    secrets.introspection = f.secret("introspection_client_secret").map(|s| s.value);
    let auth = f.choice("introspection_auth", &AUTH);
    introspection.auth = match auth {
        Some(auth) => auth,
        None if id.is_some() || has_secret => IntrospectionAuth::ClientSecretBasic,
        None => IntrospectionAuth::None,
    };
    introspection.client_id = id;
    introspection.shared = shared;
    // One that could not be read has its own problem.
    if has_secret && secrets.introspection.is_none() {
        introspection.auth = IntrospectionAuth::None;
    }
}

fn oauth_client(context: &Context<'_>, node: &Node, secrets: &mut IssuerSecrets) -> Option<OauthClient> {
    let mut f = Fields::of(context, node, "oauth_client")?;
    let client = OauthClient {
        client_id: f.value("client_id").unwrap_or_default(),
        authorization_endpoint: f.value("authorization_endpoint").unwrap_or_default(),
        token_endpoint: f.value("token_endpoint").unwrap_or_default(),
        scopes: f.one_or_more("scopes").iter().flat_map(|s| s.split_ascii_whitespace()).map(str::to_owned).collect(),
        client_secret_expires_on: f.value("client_secret_expires_on"),
    };
    secrets.oauth_client = f.secret("client_secret").map(|s| s.value);
    f.finish();
    Some(client)
}

/// Public keys only: a private one in our hands is a leak that we name.
fn unusable(set: &serde_json::Value) -> Option<String> {
    let keys = set.get("keys").and_then(serde_json::Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if keys.iter().any(|key| key.get("d").is_some() || key.get("k").is_some()) {
        return Some("jwks must hold public keys only; remove the private parts (d, p, q, … and symmetric k)".to_owned());
    }
    jwks::read_keys(set.to_string().as_bytes()).err().map(|why| format!("jwks: {why}"))
}
