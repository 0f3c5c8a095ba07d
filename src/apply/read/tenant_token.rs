//! `service_tokens:`, the programs at the admin API.

use super::{directory::is_token, issuer::valid_name};
use crate::{
    apply::{
        desired::{Secret, ServiceTokenFile, TenantFile},
        reader::{Context, Fields, Text},
        yaml::Node,
    },
    moment::day_or_time,
    policy::api_scope::{self, ApiScopes},
    store::personal_tokens,
    suggest,
};

pub fn read(context: &Context<'_>, node: &Node) -> Option<ServiceTokenFile> {
    let mut f = Fields::of(context, node, "a service token")?;
    let name = f.required_text("name").filter(|name| valid_name(context, name));
    let token = f.lasting_secret("token").filter(|token| sound(context, token)).map(|(text, token)| (text.at, token));
    let enabled = f.bool("enabled");
    let words = f.texts("scopes");
    let expires_at = f.text("expires_at").and_then(|text| {
        let at = day_or_time(&text.value);
        if at.is_none() {
            context.problem(text.at, "expires_at must be a day or a time, like 2027-01-31 or 2027-01-31T12:00:00Z");
        }
        at
    });
    f.finish();
    if words.is_empty() {
        let text = format!("a service token needs scopes: what it may, of {}", api_scope::words().join(", "));
        context.problem(node.at, text);
    }
    let scopes = scopes(context, &words);
    let name = name?;
    Some(ServiceTokenFile { at: name.at, name: name.value, token, enabled, scopes, expires_at })
}

fn scopes(context: &Context<'_>, words: &[Text]) -> ApiScopes {
    let known = api_scope::words();
    for word in words.iter().filter(|word| !known.contains(&word.value)) {
        let hint = suggest::hint(&word.raw, known.iter().map(String::as_str));
        context.problem(word.at, format!("{:?} is no scope{hint}; there are {}", word.raw, known.join(", ")));
    }
    ApiScopes::parse(words.iter().map(|word| word.value.as_str())).unwrap_or_default()
}

fn sound(context: &Context<'_>, (text, token): &(Text, Secret)) -> bool {
    if *token == Secret::Kept {
        return true;
    }
    // By this beginning a personal token is looked for, and this one would never be found.
    if text.value.starts_with(personal_tokens::PREFIX) {
        context.problem(
            text.at,
            format!("token must not begin with {}: that is how personal tokens begin", personal_tokens::PREFIX),
        );
        return false;
    }
    is_token(context, text, "gatehouse tokens renew")
}

/// A token names one service.
pub fn judge(context: &Context<'_>, tenants: &[TenantFile]) {
    let mut seen: Vec<(&Secret, String)> = Vec::new();
    for (tenant, file) in tenants.iter().flat_map(|t| t.service_tokens.iter().map(move |s| (t, s))) {
        let Some((at, token)) = &file.token else { continue };
        match seen.iter().find(|(known, _)| *known == token) {
            Some((_, owner)) => context.problem(*at, format!("token is that of service token {owner} too; give each its own")),
            None => seen.push((token, format!("{}/{}", tenant.name, file.name))),
        }
    }
}
