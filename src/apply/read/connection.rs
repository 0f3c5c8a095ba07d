//! `connections:`: the settings as the operator wrote them. The preset's habits are added only to judge them, so that
//! what is stored stays what was said. A draft (`enabled: false`, said) may leave out what is due when it is enabled.

use super::{lacking, provider, spot, tenant::valid_name};
use crate::{
    apply::{
        desired::{ClientFile, ConnectionFile},
        reader::{Context, Fields},
        yaml::{At, Kind, Node},
    },
    connector::presets,
    policy::{
        connection::{ConnectionSettings, OidcSettings, Protocol, TokenAuth},
        identity::EmailTrust,
        saml::{self, Binding, SamlSettings},
    },
    suggest,
};

pub fn read(context: &Context<'_>, node: &Node) -> Option<ConnectionFile> {
    let mut f = Fields::of(context, node, "a connection")?;
    let name = f.required_text("name");
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let name = name.filter(|n| valid_name(context, n, is_name, "letters, digits and hyphens"));
    let protocol = f.choice("protocol", &[Protocol::Oidc, Protocol::Saml].map(|p| (p.as_str(), p)));
    let (enabled, login_enabled) = (f.bool("enabled"), f.bool("login_enabled"));
    let draft = enabled == Some(false);
    let trusts = [EmailTrust::Verified, EmailTrust::Domain, EmailTrust::Never];
    let preset = f.text("preset");
    let mut settings = ConnectionSettings {
        preset: preset.as_ref().map(|p| p.value.clone()),
        button_text: f.name("button_text"),
        button_image_url: f.value("button_image_url"),
        email_claims: f.one_or_more("email_claim"),
        unique_id_claims: f.one_or_more("unique_id_claim"),
        name_claims: f.one_or_more("name_claim"),
        given_name_claims: f.one_or_more("given_name_claim"),
        family_name_claims: f.one_or_more("family_name_claim"),
        groups_claims: f.one_or_more("groups_claim"),
        groups_delimiter: f.value("groups_delimiter"),
        groups_strip_slash: f.bool("groups_strip_slash").unwrap_or_default(),
        email_trust: f.choice("email_trust", &trusts.map(|t| (t.as_str(), t))),
        allowed_domains: f.one_or_more("allowed_domains"),
        allow_subdomains: f.bool("allow_subdomains").unwrap_or_default(),
        own_callback: f.bool("own_callback").unwrap_or_default(),
        oidc: None,
        saml: None,
    };
    let (oidc_node, saml_node) = (f.take("oidc"), f.take("saml"));
    f.finish();
    let mut secret = None;
    if let Some(oidc) = oidc_node {
        let (oidc, found) = read_oidc(context, oidc, draft)?;
        (settings.oidc, secret) = (Some(oidc), found);
    }
    settings.saml = saml_node.and_then(|n| read_saml(context, n));
    if let (Some(node), Some(saml)) = (saml_node, &settings.saml) {
        provider::judge(context, node, saml);
    }
    match protocol.filter(|_| draft && oidc_node.is_none() && saml_node.is_none()) {
        Some(Protocol::Oidc) => settings.oidc = Some(OidcSettings::default()),
        Some(Protocol::Saml) => settings.saml = Some(SamlSettings::default()),
        None => {}
    }
    let spoken = if settings.saml.is_some() && settings.oidc.is_none() { Protocol::Saml } else { Protocol::Oidc };
    let protocol = protocol.unwrap_or(spoken);
    if protocol != spoken {
        context.problem(node.at, format!("the connection's protocol is {0}, but it has no {0} part", protocol.as_str()));
    }
    match &preset {
        Some(text) if presets::preset(&text.value).is_none() => {
            let known = presets::PRESETS.map(|p| p.name);
            let hint = suggest::hint(&text.raw, known);
            context.problem(text.at, format!("preset {:?} is unknown{hint}; known are {}", text.raw, known.join(", ")));
        }
        _ => judge(context, node, preset.map(|p| p.at), (&settings, protocol), draft),
    }
    let name = name?;
    let landing = ["idp_initiated_client", "idp_initiated_url"].map(|field| place(node, field).unwrap_or(node.at)).into();
    Some(ConnectionFile { at: name.at, name: name.value, protocol, enabled, login_enabled, settings, secret, landing })
}

/// Notes what is wrong with the settings as a sign-in would see them, at the key that each problem begins with.
fn judge(
    context: &Context<'_>,
    node: &Node,
    preset: Option<At>,
    (settings, protocol): (&ConnectionSettings, Protocol),
    draft: bool,
) {
    let mut filled = settings.clone();
    if let Err(why) = presets::apply(&mut filled, protocol) {
        context.problem(preset.unwrap_or(node.at), why);
        return;
    }
    let part = part(node).unwrap_or(node);
    let due_later = if draft { filled.lacking() } else { Vec::new() };
    for text in filled.problems().into_iter().filter(|text| !due_later.contains(text)) {
        let found = spot(node, &text).or_else(|| spot(part, &text));
        match found.unwrap_or_else(|| (part.at, lacking(&text))) {
            (at, Some(key)) => context.missing(at, &key, text),
            (at, None) => context.problem(at, text),
        }
    }
}

/// Sign-ins that begin at the provider land on an origin of the client that they are for.
pub fn judge_landing(context: &Context<'_>, connection: &ConnectionFile, client: &ClientFile) {
    let saml = connection.settings.saml.as_ref().filter(|s| s.idp_initiated_client.as_deref() == Some(client.id.as_str()));
    if let Some(url) = saml.and_then(|s| s.idp_initiated_url.as_deref())
        && !SamlSettings::may_land(url, &client.settings.redirect_uris)
    {
        let at = connection.landing.1;
        context.problem(at, format!("idp_initiated_url is on no origin of the redirect_uris of client {}", client.id));
    }
}

/// Where `field` stands in the connection or one level below it; for one that is missing, the part that needs it.
fn place(node: &Node, field: &str) -> Option<At> {
    let Kind::Map(entries) = &node.kind else { return None };
    if let Some((_, value)) = entries.iter().find(|(k, _)| k.name == field) {
        return Some(value.at);
    }
    let part = part(node)?;
    let Kind::Map(inner) = &part.kind else { return None };
    inner.iter().find(|(k, _)| k.name == field).map(|(_, v)| v.at).or(Some(part.at))
}

/// What it says of its protocol.
fn part(node: &Node) -> Option<&Node> {
    let Kind::Map(entries) = &node.kind else { return None };
    entries.iter().find(|(k, _)| k.name == "oidc" || k.name == "saml").map(|(_, v)| v)
}

fn read_oidc(context: &Context<'_>, node: &Node, draft: bool) -> Option<(OidcSettings, Option<String>)> {
    const METHODS: [(&str, TokenAuth); 5] = [
        ("auto", TokenAuth::Auto),
        ("client_secret_basic", TokenAuth::ClientSecretBasic),
        ("client_secret_post", TokenAuth::ClientSecretPost),
        ("private_key_jwt", TokenAuth::PrivateKeyJwt),
        ("none", TokenAuth::None),
    ];
    let mut f = Fields::of(context, node, "oidc")?;
    let has_secret = f.has("client_secret");
    let secret = f.secret("client_secret");
    let oidc = OidcSettings {
        issuer: f.value("issuer").unwrap_or_default(),
        client_id: f.value("client_id").unwrap_or_default(),
        discover: f.bool("discover").unwrap_or(true),
        scopes: f.one_or_more("scopes").join(" "),
        authorization_endpoint: f.value("authorization_endpoint"),
        token_endpoint: f.value("token_endpoint"),
        userinfo_endpoint: f.value("userinfo_endpoint"),
        jwks_uri: f.value("jwks_uri"),
        token_endpoint_auth_method: f.choice("token_endpoint_auth_method", &METHODS).unwrap_or_default(),
        sign_requests: f.bool("sign_requests").unwrap_or_default(),
        allowed_algs: f.one_or_more("allowed_algs"),
        skew: f.int("skew", 0..=crate::policy::connection::MAX_SKEW),
        allowed_tenants: f.one_or_more("allowed_tenants"),
        client_secret_expires_on: f.value("client_secret_expires_on"),
        hosted_domains: f.one_or_more("hosted_domains"),
    };
    f.finish();
    let unused = matches!(oidc.token_endpoint_auth_method, TokenAuth::PrivateKeyJwt | TokenAuth::None);
    match &secret {
        None if oidc.needs_secret() && !has_secret && !draft => {
            context.missing(node.at, "client_secret", "client_secret is missing: token_endpoint_auth_method asks for one");
        }
        Some(secret) if unused => {
            context.problem(secret.at, "client_secret is of no use with this token_endpoint_auth_method; remove one of them");
        }
        _ => {}
    }
    Some((oidc, secret.map(|s| s.value)))
}

fn read_saml(context: &Context<'_>, node: &Node) -> Option<SamlSettings> {
    let mut f = Fields::of(context, node, "saml")?;
    let defaults = SamlSettings::default();
    let saml = SamlSettings {
        metadata_url: f.value("metadata_url"),
        metadata_xml: f.value("metadata_xml"),
        metadata_certificates: f.one_or_more("metadata_certificates"),
        idp_entity_id: f.value("idp_entity_id"),
        sso_url: f.value("sso_url"),
        slo_url: f.value("slo_url"),
        certificates: f.one_or_more("certificates"),
        sign_requests: f.bool("sign_requests").unwrap_or(defaults.sign_requests),
        request_binding: f.choice("request_binding", &[Binding::Redirect, Binding::Post].map(|b| (b.as_str(), b))),
        name_id_format: f.value("name_id_format"),
        authn_context: f.one_or_more("authn_context"),
        want_encrypted: f.bool("want_encrypted").unwrap_or_default(),
        offer_encryption: f.bool("offer_encryption").unwrap_or(defaults.offer_encryption),
        idp_initiated: f.bool("idp_initiated").unwrap_or_default(),
        idp_initiated_client: f.value("idp_initiated_client"),
        idp_initiated_url: f.value("idp_initiated_url"),
        allow_sha1: f.bool("allow_sha1").unwrap_or_default(),
        single_logout: f.bool("single_logout").unwrap_or(defaults.single_logout),
        skew: f.int("skew", 0..=saml::MAX_SKEW),
    };
    f.finish();
    Some(saml)
}
